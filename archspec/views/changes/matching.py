"""Which part of one tree is which of another: by name, and where names changed by how parts are made.

Steps that people named keep their names; steps of a list, whose names are numbers, are matched in order, as lines
of text are. What is left over is the same under another name only where nothing else could be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archspec.views.changes.tree import ModuleTree, renamed

_MOST = 250_000
"""Pairs of parts to consider in one list; beyond, only what is equal at both ends is matched."""


class Matching:
    """Pairs of parts, outer ones first, and what is in one tree alone: the outermost parts of that."""

    def __init__(self, old: ModuleTree, new: ModuleTree) -> None:
        self.prints: dict[int, int] = {}
        """Equal for parts that are made alike, whatever they and what they read are called; by their `id`."""
        known: dict[object, int] = {}
        for root in (old, new):
            self._print(root, known)
        self.pairs: list[tuple[ModuleTree, ModuleTree]] = []
        self.removed: list[ModuleTree] = []
        self.added: list[ModuleTree] = []
        self._match(old, new)
        self._match_moved()
        self.partners: dict[int, ModuleTree] = {}
        """The other of each pair, by the `id` of the one."""
        for one, other in self.pairs:
            self.partners[id(one)], self.partners[id(other)] = other, one

    def size(self, part: ModuleTree) -> Any:
        """How many numbers are learnt in a part that is in one tree alone, without what moved to or from there."""
        inside = (self.size(child) for child in part.children if id(child) not in self.partners)
        return part.own_size + sum(inside, start=0)

    def _print(self, part: ModuleTree, known: dict[object, int]) -> int:
        inner = tuple(self._print(child, known) for child in part.children)
        formula = renamed(part.formula, lambda _: "_")
        key = part.kind, "" if inner else part.label, tuple(part.settings.items()), formula, inner
        self.prints[id(part)] = known.setdefault(key, len(known))
        return self.prints[id(part)]

    def _match(self, old: ModuleTree, new: ModuleTree) -> None:
        self.pairs.append((old, new))
        found = {id(one): other for one, other in _children(old.children, new.children, self.prints)}
        taken = {id(other) for other in found.values()}
        self.removed += [part for part in old.children if id(part) not in found]
        self.added += [part for part in new.children if id(part) not in taken]
        for part in old.children:
            if id(part) in found:
                self._match(part, found[id(part)])

    def _match_moved(self) -> None:
        """Pairs what was removed in one place and added in another, if it holds weights and there is one alike."""
        olds = [part for root in self.removed for part in root.walk()]
        news = [part for root in self.added for part in root.walk()]
        prints = self.prints
        counts = [Counter(prints[id(part)] for part in parts) for parts in (olds, news)]
        alone = {key for key, count in counts[0].items() if count == counts[1][key] == 1}
        unique = {prints[id(part)]: part for part in news if prints[id(part)] in alone}
        inside: set[int] = set()  # of what moved as a whole
        moved: set[int] = set()
        for part in olds:
            other = unique.get(prints[id(part)])
            if id(part) not in inside and other is not None and _holds_weights(part):
                moved |= {id(part), id(other)}
                inside |= {id(inner) for inner in part.walk()}
                self._match(part, other)
        self.removed = [part for part in self.removed if id(part) not in moved]
        self.added = [part for part in self.added if id(part) not in moved]


def _holds_weights(part: ModuleTree) -> bool:
    return any(inner.weights for inner in part.walk())


def _children(
    olds: Sequence[ModuleTree], news: Sequence[ModuleTree], prints: Mapping[int, int]
) -> Iterator[tuple[ModuleTree, ModuleTree]]:
    """The pairs among the parts of two parts."""
    named = {part.name: part for part in news if not part.name.isdigit()}
    found = {id(part): named[part.name] for part in olds if part.name in named and part.kind == named[part.name].kind}
    yield from ((part, found[id(part)]) for part in olds if id(part) in found)
    taken = {id(other) for other in found.values()}
    gaps: dict[int, tuple[list[ModuleTree], list[ModuleTree]]] = {}
    for side, parts in enumerate((olds, news)):
        before = 0  # the part of the new tree that the gap lies behind
        for part in parts:
            if id(part) in (taken if side else found):
                before = id(part) if side else id(found[id(part)])
            else:
                gaps.setdefault(before, ([], []))[side].append(part)
    for left, right in gaps.values():
        yield from _in_order(left, right, [lambda part: prints[id(part)], _likeness])


def _likeness(part: ModuleTree) -> object:
    """Equal for parts that may be the same with other settings: modules of one class."""
    return part.label if part.kind == "module" else id(part)


def _in_order(
    olds: Sequence[ModuleTree], news: Sequence[ModuleTree], keys: Sequence[Callable[[ModuleTree], object]]
) -> Iterator[tuple[ModuleTree, ModuleTree]]:
    """Pairs of equal keys, in the order of both; then, between them, by the next key."""
    if not olds or not news:
        return
    if not keys:
        if len(olds) == len(news):  # one was put in the place of the other, unless somebody named it anew
            yield from ((a, b) for a, b in zip(olds, news, strict=True) if a.name.isdigit() and b.name.isdigit())
        return
    first, *rest = keys
    for a, b, equal in _aligned([first(part) for part in olds], [first(part) for part in news]):
        if equal:
            yield from zip(olds[a], news[b], strict=True)
        else:
            yield from _in_order(olds[a], news[b], rest)


def _aligned(one: list[Any], other: list[Any]) -> Iterator[tuple[slice, slice, bool]]:
    """The stretches in which two lists are equal, and those in which they are not."""
    import difflib  # here: it is slow to import

    start, most = 0, min(len(one), len(other))
    while start < most and one[start] == other[start]:
        start += 1
    end = 0
    while end < most - start and one[-1 - end] == other[-1 - end]:
        end += 1
    yield slice(0, start), slice(0, start), True
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if len(left) * len(right) > _MOST:
        yield slice(start, start + len(left)), slice(start, start + len(right)), False
    else:
        matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            yield slice(start + a, start + b), slice(start + c, start + d), tag == "equal"
    yield slice(len(one) - end, len(one)), slice(len(other) - end, len(other)), True
