"""What flows between steps: a tensor's shape and dtype, never its numbers."""

from __future__ import annotations

from typing import NamedTuple

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


class TensorType(NamedTuple):
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

    def resized(self, axis: int, size: Size) -> TensorType:
        """The same with another size at one axis."""
        axis %= self.rank
        return TensorType((*self.shape[:axis], size, *self.shape[axis + 1 :]), self.dtype)

    def __str__(self) -> str:
        text = f"[{', '.join(show(size) for size in self.shape)}]"
        return text if self.dtype == "float32" else f"{text} {self.dtype}"
