"""Which of two sets of keys are the same weights where no names agree: by shape, place, meaning, order.

Only weights of equal shape and role are compared. Where blocks repeat, the numbers in keys say in which repetition a
weight is. Within one, the meaning of the names decides, and the order where names say nothing. What stays undecided
stays unmatched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archspec.dimensions import Size
from archspec.views.fitting.trees import Shapes
from archspec.views.fitting.words import likeness, meaning, role

_MOST = 250_000
"""Pairs of keys to consider among those of one shape; beyond, they are left alone."""

_MOST_LOOPS = 8
_NUMBERED_LAYER = re.compile(r"(?:conv|bn|ln|norm|fc|linear|lin|dense|w|act|relu|proj)_?[0-9]+", re.IGNORECASE)
"""A layer that holds another one, as `conv1.norm`: its number is part of its name, and counts no repetition."""


class Guess(NamedTuple):
    """Two keys that are probably the same weight."""

    old: str
    new: str
    by_order: bool
    """Whether nothing but their order says so."""


class _KeyParts(NamedTuple):
    """A key, taken apart."""

    key: str
    base: str
    """The path of its layer, and what the last part says besides the role: equal for the weight and its bias."""
    role: str
    shape: tuple[Size, ...]
    loops: tuple[int, ...]
    """The numbers of the repetitions around it."""
    words: frozenset[str]


def guesses(old: Shapes, new: Shapes) -> list[Guess]:
    """Pairs among keys that are matched in no other way. Each key is in one pair at most."""
    sides = _places(old), _places(new)
    layers = tuple({(place.base, place.role): place for place in side} for side in sides)
    left: list[dict[str, _KeyParts]] = [{place.key: place for place in side} for side in sides]
    found: list[Guess] = []
    for wanted in (_is_matrix, _is_weight, lambda _: True):
        for olds, news in _classes(*(filter(wanted, side.values()) for side in left)):
            for guess in _pairs(olds, news):
                for one in (guess, *_siblings(guess, left, layers)):
                    if one.old in left[0] and one.new in left[1]:
                        found.append(one)
                        del left[0][one.old], left[1][one.new]
    return found


def _is_matrix(place: _KeyParts) -> bool:
    return place.role != "bias" and len(place.shape) > 1


def _is_weight(place: _KeyParts) -> bool:
    return place.role == "weight"


def _siblings(
    guess: Guess, left: Sequence[Mapping[str, _KeyParts]], layers: Sequence[Mapping[tuple[str, str], _KeyParts]]
) -> Iterator[Guess]:
    """The other weights of the same two layers."""
    one, other = left[0].get(guess.old), left[1].get(guess.new)
    if one is None or other is None:
        return
    for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        a, b = layers[0].get((one.base, kind)), layers[1].get((other.base, kind))
        if a is not None and b is not None and a.shape == b.shape and kind != one.role:
            yield Guess(a.key, b.key, guess.by_order)


def resized(old: Shapes, new: Shapes) -> list[tuple[str, str]]:
    """Pairs of keys that mean the same and differ in shape, where no other key means it. Numbers do not count."""
    sides: list[dict[object, list[_KeyParts]]] = [{}, {}]
    for side, places in zip(sides, (_places(old), _places(new)), strict=True):
        for place in places:
            words = frozenset(word for word in place.words if not word.isdecimal())
            if words:
                side.setdefault((place.role, len(place.shape), words, place.loops), []).append(place)
    both = (key for key in sides[0] if key in sides[1] and len(sides[0][key]) == len(sides[1][key]) == 1)
    return [(sides[0][key][0].key, sides[1][key][0].key) for key in both]


# Keys taken apart.


def _places(shapes: Shapes) -> list[_KeyParts]:
    inner = {path for key in shapes for path in _above(key.rpartition(".")[0])}
    return [_place(key, shape, inner) for key, shape in shapes.items()]


def _above(path: str) -> Iterator[str]:
    """The paths of the modules around a module."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _place(key: str, shape: tuple[Size, ...], inner: set[str]) -> _KeyParts:
    path, _, name = key.rpartition(".")
    kind, more = role(name)
    loops: list[int] = []
    said: list[str] = []
    above = ""
    for step in path.split(".") if path else ():
        above = f"{above}.{step}" if above else step
        if above in inner and not _NUMBERED_LAYER.fullmatch(step):
            loops += [int(number[:18]) for number in re.findall(r"[0-9]+", step)]
            step = re.sub(r"[0-9]+", " ", step)
        said.append(step)
    words = meaning(".".join((*said, more)))
    return _KeyParts(key, f"{path}.{more}", kind, shape, tuple(loops[:_MOST_LOOPS]), words)


# Weights of one shape.


def _classes(olds: Iterable[_KeyParts], news: Iterable[_KeyParts]) -> Iterator[tuple[list[_KeyParts], list[_KeyParts]]]:
    """Keys of equal shape and role on both sides."""
    found: dict[object, tuple[list[_KeyParts], list[_KeyParts]]] = {}
    for side, places in enumerate((olds, news)):
        for place in places:
            found.setdefault((place.role, place.shape), ([], []))[side].append(place)
    yield from (sides for sides in list(found.values()) if all(sides) and len(sides[0]) * len(sides[1]) <= _MOST)


def _pairs(olds: list[_KeyParts], news: list[_KeyParts]) -> Iterator[Guess]:
    """Pairs among keys of one shape, repetition by repetition."""
    cells: dict[object, tuple[list[_KeyParts], list[_KeyParts]]] = {}
    for side, numbered in enumerate(_numbered(olds, news)):
        for place, number in numbered:
            cells.setdefault(number, ([], []))[side].append(place)
    for cell in cells.values():
        yield from _within(*cell)


def _numbered(olds: list[_KeyParts], news: list[_KeyParts]) -> Iterator[list[tuple[_KeyParts, tuple[int, ...]]]]:
    """Each key with the numbers of its repetition, which are equal for equal repetitions of both sides."""
    loops = [_varying([place.loops for place in side]) for side in (olds, news)]
    if all(any(side) for side in loops):
        depth = min(len(numbers) for side in loops for numbers in side if numbers)
        loops = [[numbers[:depth] for numbers in side] for side in loops]
    else:
        loops = [[() for _ in side] for side in loops]
    columns = [
        [sorted({numbers[at] for numbers in side if len(numbers) > at}) for at in range(_MOST_LOOPS)] for side in loops
    ]
    for places, side, own, other in zip((olds, news), loops, columns, columns[::-1], strict=True):
        ranked = [tuple(_rank(number, own[at], other[at]) for at, number in enumerate(numbers)) for numbers in side]
        yield list(zip(places, ranked, strict=True))


def _rank(number: int, own: list[int], other: list[int]) -> int:
    """A repetition's number where both sides count alike, else its rank: one of them counts from 1."""
    if set(own) <= set(other) or set(other) <= set(own):
        return number
    return own.index(number)


def _varying(loops: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The same without the numbers that are always the same."""
    seen = [{numbers[at] for numbers in loops if len(numbers) > at} for at in range(max(map(len, loops)))]
    return [tuple(number for at, number in enumerate(numbers) if len(seen[at]) > 1) for numbers in loops]


def _within(olds: list[_KeyParts], news: list[_KeyParts]) -> Iterator[Guess]:
    """Pairs within one repetition, those first whose names say most."""
    olds, news = (sorted(side, key=_natural) for side in (olds, news))
    if len(olds) * len(news) > _MOST:
        return
    scores = [[round(likeness(a.words, b.words), 6) for b in news] for a in olds]
    best = sorted((-score, abs(i - j), i, j) for i, row in enumerate(scores) for j, score in enumerate(row))
    left = set(range(len(olds))), set(range(len(news)))
    for negative, _, i, j in best:
        if i not in left[0] or j not in left[1]:
            continue
        rivals = [at for at in left[1] if scores[i][at] == -negative] + [
            at for at in left[0] if scores[at][j] == -negative
        ]
        by_order = len(rivals) > 2  # itself twice
        if len(olds) != len(news) and (by_order or not negative):
            continue
        left[0].remove(i)
        left[1].remove(j)
        yield Guess(olds[i].key, news[j].key, by_order)


def _natural(place: _KeyParts) -> list[tuple[int, str]]:
    """Texts in the order of the alphabet, numbers in that of their values."""
    return [
        (int(part[:18]), "") if part.isdecimal() and part.isascii() else (-1, part)
        for part in re.split(r"([0-9]+)", place.key)
    ]
