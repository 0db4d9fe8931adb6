"""Rounds of several steps: a forward method that loops over modules, and does more in each round than run one of them.

The modules of a round stand in lists of the class, `layers.{i}`. What one round hands to the next is one value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from archspec.importer.grouping import ModuleLoop, Region, references, renumbered, signature, with_loops_of
from archspec.importer.nodes import ModuleBody, Operation, Ref

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


class Turns(NamedTuple):
    """Rounds of `length` operations each, from `start` on; the one at `carried` in a round makes what is handed on."""

    start: int
    length: int
    rounds: int
    carried: int

    @property
    def stop(self) -> int:
        """The operation behind the last round."""
        return self.start + self.length * self.rounds


def with_loops(body: ModuleBody, loops: bool) -> ModuleBody:
    """The body with its loops, those of Sequentials within it as well; without where `loops` is false."""
    inner = [replace(one, body=one.body and with_loops(one.body, loops)) for one in body.operations]
    body = replace(body, operations=inner)
    return with_loops_of(with_turns(body)) if loops else body


def turned(body: ModuleBody) -> set[str]:
    """The containers whose modules take turns with other steps."""
    found = find_turns(body)
    if found is None:
        return set()
    return {str(one.module).partition(".")[0] for one in body.operations[found.start : found.stop] if one.module}


def with_turns(body: ModuleBody) -> ModuleBody:
    """The body with its rounds of several steps as loops."""
    if body.kind is Region:
        return body
    while (found := find_turns(body)) is not None:
        body = _looped(body, found)
    return body


def find_turns(body: ModuleBody) -> Turns | None:
    """The first rounds of several steps."""
    places = {one.module: k for k, one in enumerate(body.operations) if isinstance(one, Operation) and one.module}
    for first, length in _periods(places):
        for start in range(first, max(first - length, -1), -1):
            count = 2
            best = None
            while start + length * count <= len(body.operations):
                made = _fitting(body, start, length, count)
                if made is None:
                    break
                best, count = made, count + 1
            if best is not None and _is_closed(body, best):
                return best
    return None


def _periods(places: dict[str, int]) -> Iterator[tuple[int, int]]:
    """Where a module numbered 0 runs, and how many operations later the one with the next number does."""
    for path, place in places.items():
        for match in _NUMBER.finditer(path):
            following = places.get(f"{path[: match.start()]}1{path[match.end() :]}", -1)
            if match[0] == "0" and following - place > 1:
                yield place, following - place


def _fitting(body: ModuleBody, start: int, length: int, count: int) -> Turns | None:
    """Rounds that do the same on what the round before hands on; None where they do not."""
    if any(not isinstance(one, Operation) or not one.called for one in body.operations[start : start + length * count]):
        return None
    handed = {
        ref.operation - start
        for one in body.operations[start + length : start + 2 * length]
        for ref in references(one)
        if start <= ref.operation < start + length
    }
    if len(handed) != 1:
        return None
    found = Turns(start, length, count, handed.pop())
    rounds = _rounds(body, found)
    if rounds is None or len({repr(signature(one, False)) for one in rounds}) > 1:
        return None
    return found


def _is_closed(body: ModuleBody, turns: Turns) -> bool:
    """Whether nothing behind the rounds reads more of them than what the last one hands on."""
    last = Ref(turns.stop - turns.length + turns.carried)
    after = (*body.operations[turns.stop :], body.output)
    read = [ref for node in after for ref in references(node) if ref.operation >= turns.start]
    return all(ref == last for ref in read if ref.operation < turns.stop)


def _rounds(body: ModuleBody, turns: Turns) -> list[Operation] | None:
    """Each round as a group of steps, which takes what is handed on and values from before the rounds."""
    paths = [_path(body, turns, offset) for offset in range(turns.length)]
    if any(one is False for one in paths):
        return None
    prefix = _prefix(paths)
    if prefix is None:
        return None
    paths = [one and one.removeprefix(prefix) for one in paths]
    rounds = []
    for number in range(turns.rounds):
        begin = turns.start + number * turns.length
        part = body.operations[begin : begin + turns.length]
        before = Ref(begin - turns.length + turns.carried) if number else None
        outside = dict.fromkeys(ref for one in part for ref in references(one) if not begin <= ref.operation)
        if number == 0:
            before = _first(body, turns)
        if before is None or any(turns.start <= ref.operation != before.operation for ref in outside):
            return None
        given = [before, *(ref for ref in outside if ref != before)]
        rounds.append(replace(_group(part, begin, given, paths, turns.carried), module=_item(part)))
    return rounds


def _prefix(paths: Sequence[str | None]) -> str | None:
    """What begins the names of modules in lists within a list, `layers.{i}.`; None where a loop has no word for it."""
    numbered = [one for one in paths if one is not None and "{" in one]
    if not any("}." in one for one in numbered):
        return ""
    found = {one.partition("}.")[0] for one in numbered}
    start = found.pop()
    whole = not found and start.count(".") == 1 and start.endswith(".{i") and all("}." in one for one in numbered)
    return f"{start}}}." if whole and len({*numbered}) == len(numbered) else None


def _item(part: Sequence[Any]) -> str:
    """What one round is called."""
    path = next(str(one.module) for one in part if one.module and _NUMBER.search(one.module))
    return path.partition(".")[0].removesuffix("s")


def _first(body: ModuleBody, turns: Turns) -> Ref | None:
    """What the first round takes where the second one takes what was handed on."""
    second = turns.start + turns.length
    found = set()
    for one, other in zip(
        body.operations[turns.start : second], body.operations[second : second + turns.length], strict=True
    ):
        mine, theirs = list(references(one)), list(references(other))
        if len(mine) != len(theirs):
            return None
        found |= {a for a, b in zip(mine, theirs, strict=True) if b == Ref(turns.start + turns.carried)}
    return found.pop() if len(found) == 1 else None


def _path(body: ModuleBody, turns: Turns, offset: int) -> Any:
    """The module of one step in all rounds, with its number as an expression of `i`; False where there is none."""
    ran = [body.operations[turns.start + k * turns.length + offset] for k in range(turns.rounds)]
    paths = [one.module for one in ran]
    if len(set(paths)) == 1:
        return paths[0] if paths[0] is None or not ran[0].holds else False
    if None in paths:
        return False
    parts = [str(one).split(".") for one in paths]
    if len({len(one) for one in parts}) > 1:
        return False
    varied = [k for k in range(len(parts[0])) if len({one[k] for one in parts}) > 1]
    numbers = [one[varied[0]] for one in parts]
    if len(varied) > 1 or not all(map(str.isdigit, numbers)):
        return False
    base, step = int(numbers[0]), int(numbers[1]) - int(numbers[0])
    if step < 1 or [int(one) for one in numbers] != [base + step * k for k in range(turns.rounds)]:
        return False
    text = f"{'i' if step == 1 else f'{step} * i'}{f' + {base}' if base else ''}"
    return ".".join([*parts[0][: varied[0]], f"{{{text}}}", *parts[0][varied[0] + 1 :]])


def _group(part: Sequence[Any], begin: int, given: list[Ref], paths: Sequence[Any], carried: int) -> Operation:
    inputs = {ref: Ref(-1, (number,)) for number, ref in enumerate(given)}
    reads = [ref for one in part for ref in references(one) if ref == given[0]]
    flows = part[0].module is not None and part[0].args == (given[0],) and not part[0].keywords and len(reads) == 1
    shift = 0 if flows else 1
    if not flows:
        inputs[given[0]] = Ref(0)
    moved = {begin + k: k + shift for k in range(len(part))}
    steps = [
        replace(
            one,
            module=path,
            args=tuple(renumbered(arg, moved, inputs) for arg in one.args),
            keywords={key: renumbered(arg, moved, inputs) for key, arg in one.keywords.items()},
        )
        for one, path in zip(part, paths, strict=True)
    ]
    result = part[carried].results[()]
    if not flows:  # a group has no name for what flows into it
        steps.insert(0, Operation("Identity", (Ref(-1, (0,)),), {}, part[0].place, "skip", results={(): result}))
    inner = ModuleBody(Region, {}, [], [], steps, Ref(carried + shift))
    holds = any(one.holds for one in part)
    return Operation("group", tuple(given), {}, part[0].place, body=inner, results={(): result}, holds=holds)


def _looped(body: ModuleBody, turns: Turns) -> ModuleBody:
    """The body with the rounds as one loop."""
    rounds = _rounds(body, turns)
    assert rounds is not None
    rounds = [replace(one, args=rounds[0].args) for one in rounds]
    paths = [one.module for one in body.operations[turns.start : turns.stop] if one.module and one.holds]
    in_lists = any("{" in str(one.module) for one in rounds[0].body.operations) if rounds[0].body else False
    name = f"each_{rounds[0].module}" if in_lists else str(paths[0]).partition(".")[0]
    loop = ModuleLoop(name, 0, rounds, rounds[-1].results)
    moved = {-1: -1, **{k: k for k in range(turns.start)}}
    moved |= dict.fromkeys(range(turns.start, turns.stop), turns.start)
    moved |= {k: k - turns.stop + turns.start + 1 for k in range(turns.stop, len(body.operations))}
    later: list[Any] = []
    for one in body.operations[turns.stop :]:
        for call in one.rounds if isinstance(one, ModuleLoop) else (one,):
            call.args = tuple(renumbered(arg, moved) for arg in call.args)
            call.keywords = {key: renumbered(arg, moved) for key, arg in call.keywords.items()}
        later.append(one)
    operations: list[Any] = [*body.operations[: turns.start], loop, *later]
    return replace(body, operations=operations, output=renumbered(body.output, moved))
