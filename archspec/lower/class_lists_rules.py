"""What may stand in the lists of a class: items that run from 0 without gaps, each place once."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.document import listed_problem
from archspec.graph import Class, place_of
from archspec.lower.frames import Frame
from archspec.problems import Span

Parts = tuple[str, ...]


def check_lists(frame: Frame, cls: Class) -> None:
    """Reports what does not fit into the lists of an unrolled class: one problem for each list."""
    refused: set[Parts] = set()
    rules = _Lists(cls)
    for name, span in rules.names_again():
        message = f"`{name}` is the name of a step and of a list"
        at = frame.lowering.named_at.get(span, span)
        frame.report.add_at("AS205", message, at, "choose another name for the list")
    for place, span in rules.modules():
        found = rules.add(place)
        if found is None:
            continue
        holder, code, message, advice = found
        if holder not in refused:
            refused.add(holder)
            frame.report.add_at(code, message, frame.lowering.named_at.get(span, span), advice)


class _Lists:
    """The modules of a class by their places, as far as they have been added."""

    def __init__(self, cls: Class) -> None:
        self.cls = cls
        self.keys: dict[Parts, list[str]] = {}
        self.taken: set[Parts] = {
            (step.attribute,) for step in cls.written() if "." not in step.attribute and _held(step)
        }

    def names_again(self) -> Iterator[tuple[str, Span]]:
        """The lists that a loop fills alone and that have the name of a step."""
        held = [(step.attribute, step.span) for step in self.cls.written() if "." not in step.attribute and _held(step)]
        seen: dict[str, Span] = {}
        for name, span in held:
            if name in seen:
                yield name, seen[name]
            seen.setdefault(name, span)

    def modules(self) -> Iterator[tuple[Parts, Span]]:
        """The places in lists, in the order in which the modules are made."""
        for step in self.cls.registered():
            if step.item is not None and "." in step.attribute:
                yield place_of(step.attribute), step.span

    def add(self, place: Parts) -> tuple[Parts, str, str, str] | None:
        """Adds a module at a place; what is wrong with it, by the list that it would stand in."""
        name, holder = ".".join(place), place[:-1]
        if problem := listed_problem(name):
            return holder, "AS204", f"`{name}` {problem}", "choose another name"
        for end in range(1, len(place)):
            around = place[:end]
            if around in self.taken:
                message = f"`{'.'.join(around)}` is the name of a step and of a list, in `{name}`"
                return holder, "AS205", message, "choose another name for the list"
            keys = self.keys.setdefault(around, [])
            if place[end] in keys and end < len(place) - 1:
                continue
            if place[end] in keys:
                again = f"`{name}` is the name of two modules of the class"
                return holder, "AS205", again, "use the loop's variable in it, as in `downs.{i}`"
            if (wrong := _misfit(around, keys, place[end])) is not None:
                return holder, "AS206", *wrong
            keys.append(place[end])
        if place in self.keys:
            message = f"`{name}` is a list of the class, so it cannot be a module"
            return holder, "AS205", message, "choose another name"
        self.taken.add(place)
        return None


def _misfit(around: Parts, keys: list[str], key: str) -> tuple[str, str] | None:
    """Why a list or dict does not take a key next."""
    name = ".".join(around)
    if keys and keys[0].isdecimal() != key.isdecimal():
        number, word = (key, keys[0]) if key.isdecimal() else (keys[0], key)
        message = f"`{name}` holds item {number} and `{word}`: an nn.ModuleList has numbers, an nn.ModuleDict names"
        return message, "use two names, or only numbers"
    if not key.isdecimal() or int(key) == len(keys):
        return None
    message = f"`{name}` gets item {key} where item {len(keys)} comes next"
    return message, "number the items from 0 without gaps, in the order of the steps"


def _held(step: object) -> bool:
    return getattr(step, "item", None) is not None or getattr(step, "kind", "") in ("parameter", "buffer")
