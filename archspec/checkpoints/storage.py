"""What a checkpoint holds: tensors by their keys, each with shape and dtype, and bytes that are read on demand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from archspec.problems import Problem, Span, SpecError

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""How many bits an element has, by the name that safetensors gives its dtype."""

NAMES: Mapping[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
"""PyTorch's names of these dtypes, of those that it has."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a checkpoint."""

    shape: tuple[int, ...]
    dtype: str
    """As safetensors calls it: a key of `BITS`."""
    read: Callable[[], bytes] = field(repr=False, compare=False)
    """Its elements, row by row, little-endian."""

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.shape) * BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Archive:
    """A checkpoint that has been opened: nothing of its tensors but shapes and dtypes is in memory yet."""

    path: str
    tensors: Mapping[str, Stored]
    """In the order of the file."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What a safetensors file says of itself."""
    beside: tuple[str, ...] = ()
    """What a file of PyTorch holds next to the weights, such as the states of an optimizer."""


def refuse(path: str, message: str, advice: str = "") -> NoReturn:
    """Raise the problem of a checkpoint that cannot be read."""
    raise SpecError([Problem("AS609", message, Span(path, 1, 1, 1, 1), advice)])
