"""Weights of a checkpoint as a network has them: copied, and sliced, transposed or left at their initial values only
where the caller says so.

Elements are moved as bytes, which takes no PyTorch; initial values take it, as a network is built for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import product
from typing import Literal

from archspec.checkpoints import BITS, Archive, Stored
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo
from archspec.views.fitting import Match

_CODES: Mapping[int, Literal["B", "H", "I", "Q"]] = {8: "B", 16: "H", 32: "I", 64: "Q"}
"""How `memoryview` calls an element of so many bits."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller decides: keys of the network, in which `*` stands for anything."""

    slice: tuple[str, ...] = ()
    """Of which the part is copied that fits; what is larger in the network keeps its initial values there."""
    transpose: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    """Which keep the network's initial values."""


Initial = Callable[[str, str], Stored]
"""Gives the initial values of one of the network's keys, in a dtype as safetensors calls it; in its own for ``""``."""


def migrated(match: Match, choices: Choices, initial: Initial) -> dict[str, Stored]:
    """Every weight of the network, in its order.

    Raises SpecError (AS610) for weights that do not fit and of which nothing is said, (AS611) for a choice of a key
    that the network does not have.
    """
    _require_keys(match, choices)
    archive = match.archive
    sources, turned = match.sources, {new: old for old, new in match.transposed.items()}
    reshaped = {new: old for old, new, _, _ in match.reshaped}
    found: dict[str, Stored] = {}
    for key, weight in match.wanted.items():
        shape = tuple(size if isinstance(size, int) else int(str(size)) for size in weight.shape)
        if _chosen(key, choices.initial):
            found[key] = initial(key, "")
        elif key in turned and _chosen(key, choices.transpose):
            found[key] = _transposed(_movable(match, turned[key], archive))
        elif key in reshaped and _chosen(key, choices.slice):
            stored = _movable(match, reshaped[key], archive)
            if len(stored.shape) != len(shape):
                message = f"{echo(key)} has {len(shape)} axes, and {len(stored.shape)} in the checkpoint"
                raise SpecError([_problem(match, "AS610", message, "it cannot be sliced; keep its --initial values")])
            found[key] = _sliced(stored, shape, partial(initial, key, stored.dtype))
        elif key in sources:
            found[key] = archive.tensors[sources[key]]
    _require_all(match, found)
    return found


def _chosen(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _require_keys(match: Match, choices: Choices) -> None:
    for name in ("slice", "transpose", "initial"):
        for pattern in getattr(choices, name):
            if not any(fnmatchcase(key, pattern) for key in match.wanted):
                advice = did_you_mean(pattern, list(match.wanted))
                raise SpecError([_problem(match, "AS611", f"the network has no weight {echo(pattern)}", advice)])


def _require_all(match: Match, found: Mapping[str, Stored]) -> None:
    """SpecError with one problem for each reason why weights are left."""
    problems = []
    turned, reshaped = set(match.transposed.values()), {new for _, new, _, _ in match.reshaped}
    lost = [key for key in match.wanted if key not in found]
    for what, keys, advice in (
        (
            "weights that may be stored with their axes swapped",
            [k for k in lost if k in turned],
            "--transpose KEY swaps them",
        ),
        (
            "weights that have another shape in the checkpoint",
            [k for k in lost if k in reshaped],
            "--slice KEY copies the part that fits, --initial KEY keeps the initial values",
        ),
        (
            "weights that are not in the checkpoint",
            [k for k in lost if k not in turned and k not in reshaped],
            "--rename OLD=NEW if they are there under another key, --initial KEY to keep the initial values",
        ),
    ):
        if keys:
            named = ", ".join(echo(key) for key in keys[:_MOST_NAMED]) + ", …" * (len(keys) > _MOST_NAMED)
            problems.append(_problem(match, "AS610", f"{what}, {len(keys):,} in all: {named}", advice))
    if match.unknown:
        named = ", ".join(map(echo, match.unknown[:_MOST_NAMED]))
        message = f"the weights of your own classes are not known, so the file would not be complete: {named}"
        problems.append(_problem(match, "AS610", message, "build the network, and use archspec.load_weights"))
    if problems:
        raise SpecError(problems)


def _problem(match: Match, code: str, message: str, advice: str) -> Problem:
    return Problem(code, message, Span(match.path, 1, 1, 1, 1), advice)


def _movable(match: Match, key: str, archive: Archive) -> Stored:
    """A tensor whose elements are whole bytes."""
    stored = archive.tensors[key]
    if BITS[stored.dtype] not in _CODES:
        message = f"{echo(key)} is of {stored.dtype}, whose elements are not whole bytes"
        raise SpecError([_problem(match, "AS610", message, "it can only be copied as it is")])
    return stored


# Elements as bytes.


def _transposed(stored: Stored) -> Stored:
    return replace(stored, shape=stored.shape[::-1], read=partial(_turn, stored))


def _turn(stored: Stored) -> bytes:
    rows, columns = stored.shape
    elements = memoryview(stored.read()).cast(_CODES[BITS[stored.dtype]])
    return b"".join(elements[column::columns].tobytes() for column in range(columns)) if rows else b""


def _sliced(stored: Stored, shape: tuple[int, ...], initial: Callable[[], Stored]) -> Stored:
    """The part of a tensor that fits into a shape of as many axes, put to the beginning of each axis."""
    return Stored(shape, stored.dtype, partial(_cut, stored, shape, initial))


def _cut(stored: Stored, shape: tuple[int, ...], initial: Callable[[], Stored]) -> bytes:
    common = tuple(map(min, stored.shape, shape))
    code = _CODES[BITS[stored.dtype]]
    source = memoryview(stored.read()).cast(code)
    if common == shape:
        result = memoryview(bytearray(math.prod(shape) * source.itemsize)).cast(code)
    else:
        result = memoryview(bytearray(initial().read())).cast(code)
    run = common[-1] if common else 1
    for place in product(*map(range, common[:-1])):
        begin, at = _offset(place, stored.shape), _offset(place, shape)
        result[at : at + run] = source[begin : begin + run]
    return result.tobytes()


def _offset(place: Sequence[int], shape: Sequence[int]) -> int:
    """Where the row at a place begins."""
    at = 0
    for index, size in zip(place, shape, strict=False):
        at = at * size + index
    return at * (shape[-1] if shape else 1)
