"""Weights of a checkpoint split and joined, and keys renamed by patterns, as a caller says.

`attn.qkv=attn.q,attn.k,attn.v` splits a weight, `attn.q,attn.k,attn.v=attn.qkv` joins three. A part is called
`attn.qkv.weight[0:48]` from then on (`[:, 0:48]` along axis 1), joined weights `attn.q.weight + attn.k.weight`; these
names can be written in place of a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, NoReturn

from archspec.checkpoints import BITS, Archive, Stored
from archspec.checkpoints.parts import joined, part
from archspec.dimensions import Size
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo
from archspec.views.fitting.aligning import plain
from archspec.views.fitting.trees import Shapes

_PART = re.compile(r"(?P<key>.+)\[(?P<second>:, )?(?P<begin>\d{1,12}):(?P<end>\d{1,12})\]")
_AND = " + "
_AXES = ((0, 0), (1, 1), (1, 0), (0, 1))
"""Along which axis a matrix may be split, and which axis of the network's it is: the last two are transposed."""


class _Hit(NamedTuple):
    """Keys to which a pattern applies."""

    keys: tuple[str, ...]
    """As the checkpoint has them: one for each pattern of the old side."""
    stars: tuple[str, ...]
    """What each `*` stands for."""
    tail: str
    """What follows behind the path that the pattern names: `.weight`."""


def regrouped(archive: Archive, rename: Mapping[str, str], wanted: Shapes) -> tuple[Archive, dict[str, str]]:
    """A checkpoint with weights split and joined, and what is left to rename: keys, and paths before keys.

    `wanted` are the network's keys and shapes. SpecError (AS611) for keys that the checkpoint does not have, (AS610)
    for weights that cannot be split or joined so.
    """
    if not any(_is_more(old, new, archive) for old, new in rename.items()):
        return archive, dict(rename)
    groups = _Groups(archive, wanted)
    for old, new in rename.items():
        if _is_more(old, new, archive):
            groups.add(old, new)
        else:
            groups.rename[old] = new
    tensors = {key: one for key, one in archive.tensors.items() if key not in groups.used}
    return Archive(archive.path, tensors | groups.made, archive.metadata, archive.beside), groups.rename


def _is_more(old: str, new: str, archive: Archive) -> bool:
    """Whether a rename is more than that of a key or path."""
    return "," in new or (old not in archive.tensors and any(sign in old for sign in ",*[+"))


class _Groups:
    def __init__(self, archive: Archive, wanted: Shapes) -> None:
        self.archive, self.wanted = archive, wanted
        self.names = plain(archive.tensors, wanted)
        self.names |= {key: key for key in archive.tensors}
        self.made: dict[str, Stored] = {}
        self.used: set[str] = set()
        self.rename: dict[str, str] = {}

    def add(self, old: str, new: str) -> None:
        """Does what one rename says."""
        olds, news = ([one.strip() for one in side.split(",")] for side in (old.replace("[:, ", "[:; "), new))
        olds = [one.replace("[:; ", "[:, ") for one in olds]
        if len(olds) > 1 and len(news) > 1:
            self._refuse("AS611", f"{echo(old)} and {echo(new)} are both several keys", "split and join in two steps")
        if _AND in old:
            self._join(old.split(_AND), new)
        elif cut := _PART.fullmatch(old):
            self._take(self._key(cut["key"]), int(bool(cut["second"])), int(cut["begin"]), int(cut["end"]), new)
        else:
            self._add_patterns(olds, news)

    def _add_patterns(self, olds: Sequence[str], news: Sequence[str]) -> None:
        for hit in self._hits(olds):
            targets = [_filled(one, hit.stars) + hit.tail for one in news]
            if len(olds) > 1:
                self._join(hit.keys, targets[0])
            elif len(targets) > 1:
                self._split(hit.keys[0], targets)
            else:
                self.rename[hit.keys[0]] = targets[0]

    def _hits(self, olds: Sequence[str]) -> Iterator[_Hit]:
        """Every key that the first pattern names, with those that the others name beside it."""
        pattern = re.compile("(.+)".join(map(re.escape, olds[0].split("*"))))
        seen: set[str] = set()
        for name, key in self.names.items():
            parts = name.split(".")
            found = (pattern.fullmatch(".".join(parts[:end])) for end in range(1, len(parts) + 1))
            match = next((one for one in found if one), None)
            if match is None or key in seen:
                continue
            seen.add(key)
            tail = name[match.end() :]
            others = [self._key(_filled(one, match.groups()) + tail) for one in olds[1:]]
            yield _Hit((key, *others), match.groups(), tail)
        if not seen:
            self._key(olds[0])

    def _key(self, name: str) -> str:
        """A key as the checkpoint has it."""
        if name in self.names:
            return self.names[name]
        known = sorted({part for key in self.names for part in (key, key.rpartition(".")[0]) if part})
        return self._refuse("AS611", f"the checkpoint has no key {echo(name)}", did_you_mean(name, known))

    def _split(self, key: str, targets: Sequence[str]) -> None:
        shape = self.archive.tensors[key].shape
        axis, sizes = self._sizes(key, shape, targets)
        for (begin, end), target in zip(pairwise((0, *accumulate(sizes))), targets, strict=True):
            self._take(key, axis, begin, end, target)

    def _sizes(self, key: str, shape: tuple[int, ...], targets: Sequence[str]) -> tuple[int, list[int]]:
        """The axis along which to split, and the sizes of the parts: the network's, else equal ones."""
        wanted = [self.wanted.get(target, ()) for target in targets]
        for axis, theirs in _AXES:
            if axis < len(shape) > theirs and {_without(one, theirs) for one in wanted} == {_without(shape, axis)}:
                sizes = [int(str(one[theirs])) for one in wanted]
                if sum(sizes) == shape[axis]:
                    return axis, sizes
        if not shape or shape[0] % len(targets):
            message = f"{echo(key)} has the shape {list(shape)}, which cannot be split into {len(targets)} equal parts"
            self._refuse("AS610", message, "KEY[BEGIN:END]=NEW takes one part")
        return 0, [shape[0] // len(targets)] * len(targets)

    def _take(self, key: str, axis: int, begin: int, end: int, target: str) -> None:
        stored = self._movable(key)
        if axis >= len(stored.shape) or not begin < end <= stored.shape[axis]:
            self._refuse("AS611", f"{echo(key)} has the shape {list(stored.shape)}, and no part {begin}:{end}", "")
        name = f"{key}[{':, ' * axis}{begin}:{end}]"
        self._make(name, part(stored, axis, begin, end), (key,), target)

    def _join(self, names: Sequence[str], target: str) -> None:
        keys = tuple(self._key(name.strip()) for name in names)
        several = [self._movable(key) for key in keys]
        axes = [axis for axis in range(len(several[0].shape)) if len({_across(one, axis) for one in several}) == 1]
        if not axes:
            shapes = ", ".join(str(list(one.shape)) for one in several)
            self._refuse("AS610", f"{echo(_AND.join(keys), 120)} cannot be joined: their shapes are {shapes}", "")
        made = [joined(several, axis) for axis in axes]
        wanted = self.wanted.get(target, ())
        fitting = [one for one in made if one.shape in (wanted, wanted[::-1])]
        self._make(_AND.join(keys), (fitting or made)[0], keys, target)

    def _make(self, name: str, stored: Stored, keys: Sequence[str], target: str) -> None:
        self.made[name] = stored
        self.used.update(keys)
        self.rename[name] = target

    def _movable(self, key: str) -> Stored:
        stored = self.archive.tensors[key]
        if BITS[stored.dtype] % 8:
            self._refuse("AS610", f"{echo(key)} is of {stored.dtype}, whose elements are not whole bytes", "")
        return stored

    def _refuse(self, code: str, message: str, advice: str) -> NoReturn:
        raise SpecError([Problem(code, message, Span(self.archive.path, 1, 1, 1, 1), advice)])


def _filled(pattern: str, stars: Sequence[str]) -> str:
    """A pattern with what its stars stand for, one after the other."""
    first, *others = pattern.split("*")
    return first + "".join(f"{star}{text}" for star, text in zip((*stars, *["*"] * len(others)), others, strict=False))


def _without(shape: Sequence[Size], axis: int) -> tuple[Size, ...]:
    """A shape without one of its axes; that of a scalar fits nothing."""
    return (*shape[:axis], *shape[axis + 1 :]) if shape else (-1,)


def _across(stored: Stored, axis: int) -> tuple[object, ...]:
    """What tensors have in common that can be joined along an axis."""
    return stored.dtype, stored.shape[:axis], stored.shape[axis + 1 :]
