"""What flows between steps: a tensor's shape and dtype, never its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size, product, show

FLOATS = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTEGERS, "bool", *COMPLEX)
"""The dtypes a spec may name, by PyTorch's names."""

DTYPES_ELSEWHERE = {"float": "float32", "double": "float64", "half": "float16", "int": "int64", "long": "int64"}
"""What other libraries, and PyTorch's own short forms, call some of them."""

BYTES = {"float64": 8, "int64": 8, "complex64": 8, "complex128": 16, "float32": 4, "int32": 4} | dict.fromkeys(
    ("float16", "bfloat16", "int16"), 2
)
"""Bytes per element; one where it is not listed."""

_SINGLE = 3.4028234663852886e38
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": _SINGLE, "complex64": _SINGLE}


def limits(dtype: str) -> tuple[float, float]:
    """The least and greatest finite number that a dtype holds."""
    if dtype in INTEGERS:
        bits = 8 * BYTES.get(dtype, 1)
        return (0, 255) if dtype == "uint8" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    largest = _LARGEST.get(dtype, math.inf)
    return -largest, largest


def holds(dtype: str, number: float) -> bool:
    """Whether a dtype holds a number, if perhaps rounded. Truth values are made of any number."""
    low, high = limits(dtype)
    return dtype == "bool" or low <= number <= high or (dtype not in INTEGERS and not math.isfinite(number))


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor's shape and dtype. Axes are numbered as PyTorch numbers them, negative ones from the end."""

    shape: tuple[Size, ...]
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> Size:
        """The number of elements; remembers its factors for display."""
        return product(self.shape)

    def reshaped(self, *shape: Size) -> TensorType:
        """The same dtype with another shape."""
        return TensorType(shape, self.dtype)

    def to(self, dtype: str) -> TensorType:
        """The same shape with another dtype."""
        return TensorType(self.shape, dtype)

    def resized(self, axis: int, size: Size) -> TensorType:
        """The same with another size at one axis."""
        axis %= self.rank
        return TensorType((*self.shape[:axis], size, *self.shape[axis + 1 :]), self.dtype)

    def __str__(self) -> str:
        text = f"[{', '.join(show(size) for size in self.shape)}]"
        return text if self.dtype == "float32" else f"{text} {self.dtype}"


class ListType(tuple[Any, ...]):
    """The types of a list's values.

    What reads a list treats it as any other several values; it is one value where values are handed on, and is
    returned as a list.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return flow_text(self)


def flow_text(flow: object) -> str:
    """A type as people read it."""
    if flow is None:
        return "?"
    if isinstance(flow, ListType):
        return f"[{', '.join(map(flow_text, flow))}]"
    if isinstance(flow, tuple):
        return f"({', '.join(map(flow_text, flow))})"
    return str(flow).lower() if isinstance(flow, bool) else str(flow)  # numbers flow as well: `need_weights: false`


def with_parts(flow: tuple[Any, ...], parts: Iterable[Any]) -> tuple[Any, ...]:
    """Several values of other types, as a list where they were one."""
    return ListType(parts) if isinstance(flow, ListType) else tuple(parts)


@dataclass(frozen=True, slots=True)
class Series:
    """A list whose length depends on parameters: `item` is the type of item number `index`, a name in its sizes."""

    item: TensorType | tuple[Any, ...] | Series | Chain | None
    index: str
    length: Size

    def __str__(self) -> str:
        return f"{show(self.length)} x {flow_text(self.item)}"


@dataclass(frozen=True, slots=True)
class Chain:
    """Lists one after the other as one, the length of at least one of which depends on parameters."""

    parts: tuple[Series | ListType, ...]

    def __str__(self) -> str:
        parts = (map(flow_text, part) if isinstance(part, ListType) else (str(part),) for part in self.parts)
        return f"[{', '.join(text for part in parts for text in part)}]"


def chain(lists: Iterable[Any]) -> Any:
    """Lists one after the other as one list: a Chain, where it depends on parameters how long it is."""
    found: list[Any] = []
    for part in (part for one in lists for part in (one.parts if isinstance(one, Chain) else (one,))):
        if not isinstance(part, tuple):
            found.append(part)
        elif found and isinstance(found[-1], tuple):
            found[-1] = ListType((*found[-1], *part))
        elif part:
            found.append(ListType(part))
    if len(found) > 1:
        return Chain(tuple(found))
    return found[0] if found else ListType()


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value that may be left out and is None then: an optional input. `given` is what it is where it is given.

    `given` is None for a value that is known to be left out.
    """

    given: TensorType | tuple[Any, ...] | Series | Chain | None

    def __str__(self) -> str:
        return "None" if self.given is None else f"{self.given} or None"


LEFT_OUT = Maybe(None)
