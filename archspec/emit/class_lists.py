"""The lists of a class in its constructor: where each begins, and with which step it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.emit.text import key_text, member
from archspec.graph import Class, Step, is_number, place_of, standing


class ClassLists:
    """The lists that have begun while a constructor is written."""

    def __init__(self, cls: Class) -> None:
        self.begun: dict[tuple[str, ...], str] = {}
        """How the constructor reads each: as an attribute, or a variable where it stands in another one."""
        self.last: dict[str, Step] = {}
        """By an attribute of the class: the step that makes it, or that adds to it last."""
        for step in cls.registered():
            for name in _attributes(step):
                self.last[name] = step

    def completed(self, step: Step) -> list[str]:
        """The attributes that are complete behind a step."""
        return [name for name in _attributes(step) if self.last[name] is step]

    def opened(self, name: str, fresh: Callable[[str], str]) -> Iterator[str]:
        """The statements that begin the lists in which a module of that place stands."""
        place = place_of(name)
        for end in range(1, len(place)):
            around = place[:end]
            if around in self.begun:
                continue
            empty = "nn.ModuleList()" if is_number(place[end]) else "nn.ModuleDict()"
            if end == 1:
                self.begun[around] = member(around[0])
                yield f"{member(around[0])} = {empty}"
                continue
            last = around[-1]
            owner = self.begun[around[:-1]]
            variable = self.begun[around] = fresh(last if last.isidentifier() else "modules")
            yield f"{variable} = {empty}"
            yield f"{owner}.append({variable})" if is_number(last) else f"{owner}[{key_text(last)}] = {variable}"

    def holder(self, name: str) -> str:
        """How the constructor reads the list that a module of that place stands in."""
        return self.begun[place_of(name)[:-1]]


def _attributes(step: Step) -> list[str]:
    if step.item is None:
        return [step.attribute]
    return list(dict.fromkeys(place[0] for place, _ in standing((step,))))
