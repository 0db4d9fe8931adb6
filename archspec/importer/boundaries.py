"""At which sizes and arguments a model may take another path: the comparisons that it makes with them say so.

A model runs on numbers that note what they are compared with. How the two sides change from value to value tells where
they meet, so that the model can be tried on either side.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from archspec.importer.foreign import is_users

Place = tuple[str, int, int]
"""A file, a line, and how often it was reached before."""
Comparisons = dict[Place, tuple[float, int]]
"""By how much the left side of each comparison is the larger one, and the modulus where it is a remainder."""

_LARGEST = 1024
_MOST = 4
"""How many values are tried besides those that are tried anyway."""


class Comparing:
    """Notes comparisons."""

    def __init__(self) -> None:
        self.found: Comparisons = {}
        self.counts: Counter[tuple[str, int]] = Counter()

    def note(self, left: float, right: Any, modulus: int = 0) -> None:
        """Takes one comparison, as far as the user's own code makes it."""
        frame = sys._getframe(2)
        path, line = frame.f_code.co_filename, frame.f_lineno
        if is_users(path) and isinstance(right, int | float):
            number = self.counts[path, line]
            self.counts[path, line] += 1
            self.found[path, line, number] = float(left) - float(right), modulus


class ComparedInt(int):
    """A number that notes what it, and what is made of it, is compared with."""

    comparing: Comparing

    def __bool__(self) -> bool:
        self.comparing.note(int(self), 0)
        return int(self) != 0

    __hash__ = int.__hash__


def compared(value: int, comparing: Comparing) -> ComparedInt:
    """A number that notes its comparisons."""
    made = ComparedInt(value)
    made.comparing = comparing
    return made


def _arithmetic(name: str) -> Callable[[ComparedInt, Any], Any]:
    plain = getattr(int, name)

    def method(self: ComparedInt, other: Any) -> Any:
        result = plain(int(self), int(other) if isinstance(other, ComparedInt) else other)
        if name == "__mod__" and isinstance(other, int) and other > 0:
            self.comparing.note(int(self), 0, other)
        return compared(result, self.comparing) if type(result) is int else result

    return method


def _comparison(name: str) -> Callable[[ComparedInt, Any], Any]:
    plain = getattr(int, name)

    def method(self: ComparedInt, other: Any) -> Any:
        self.comparing.note(int(self), other)
        return plain(int(self), int(other) if isinstance(other, ComparedInt) else other)

    return method


for _name in "add radd sub rsub mul rmul floordiv rfloordiv mod".split():
    setattr(ComparedInt, f"__{_name}__", _arithmetic(f"__{_name}__"))
for _name in "lt le gt ge eq ne".split():
    setattr(ComparedInt, f"__{_name}__", _comparison(f"__{_name}__"))


class _Sizes(TorchFunctionMode):
    """Sizes of tensors as numbers that note what they are compared with."""

    def __init__(self, comparing: Comparing) -> None:
        super().__init__()
        self.comparing = comparing

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if type(result) is torch.Size:
            return torch.Size([compared(one, self.comparing) for one in result])
        if type(result) is int and getattr(func, "__name__", "") in ("size", "numel"):
            return compared(result, self.comparing)
        return result


def comparisons(run: Callable[[Comparing], Any]) -> Comparisons:
    """The comparisons of a run, which takes what its numbers tell them to."""
    comparing = Comparing()
    try:
        with _Sizes(comparing):
            run(comparing)
    except Exception:  # it does not take such numbers, or fails as it would without them
        return {}
    return comparing.found


def boundaries(runs: Mapping[int, Comparisons]) -> list[int]:
    """Values at which a comparison turns out otherwise than in the runs, which stand by their values; nearest first."""
    first = next(iter(runs))
    shared = set.intersection(*(set(one) for one in runs.values())) if runs else set()
    found = {one for place in shared for one in _crossings({value: run[place] for value, run in runs.items()})}
    near = sorted((one for one in found if 0 < one <= _LARGEST and one not in runs), key=lambda one: abs(one - first))
    return near[:_MOST]


def _crossings(seen: Mapping[int, tuple[float, int]]) -> Iterator[int]:
    """The values at which the two sides of one comparison are equal, and those behind."""
    (start, (difference, modulus)), *_, (other, (later, _)) = seen.items()
    slope = (later - difference) / (other - start)
    if not slope:
        return
    if modulus:
        missing = modulus - difference % modulus
        yield from (start + math.ceil(missing / slope), start + math.ceil((missing + 1) / slope))
        return
    root = start - difference / slope
    step = math.ceil(max(1.0, abs(1 / slope)))
    yield from (math.floor(root), math.ceil(root), math.ceil(root) + step, math.floor(root) - step)
