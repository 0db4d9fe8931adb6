"""Layers of several inputs: what each of them may be, and how sequences lie in a batch."""

from __future__ import annotations

from typing import Any

from archspec.dimensions import Size, equal, show
from archspec.expressions import Symbolic, choose
from archspec.layers._base import Layer
from archspec.refusals import refuse, require_equal
from archspec.tensors import TensorType


class SeveralInputs(Layer):
    """A layer whose forward method takes more than one argument. Optional ones may be None."""

    def require_tensors(self, **inputs: object) -> None:
        """Each of the inputs is one tensor."""
        for name, value in inputs.items():
            if not isinstance(value, TensorType):
                refuse("AS502", f"`{name}` of {type(self).__name__} takes one tensor, but {_text(value)} flows in")

    def require_flags(self, **inputs: object) -> None:
        """Each of the inputs is true or false."""
        for name, value in inputs.items():
            if not isinstance(value, bool | Symbolic):
                refuse("AS502", f"`{name}` of {type(self).__name__} takes true or false, not {_text(value)}")

    def require_shape(self, name: str, x: TensorType, *shapes: tuple[Size, ...], help: str = "") -> None:
        """An input is of one of these shapes, which differ in their number of axes."""
        wanted = " or ".join(str(TensorType(shape)) for shape in shapes)
        message = f"`{name}` of {type(self).__name__} takes {wanted}, but {x} flows in"
        shape = next((shape for shape in shapes if len(shape) == x.rank), None)
        if shape is None:
            refuse("AS501", message)
            return
        for size, needed in zip(x.shape, shape, strict=True):
            require_equal(size, needed, message=message, help=help)


class Sequences(SeveralInputs):
    """A layer over sequences, in a batch or alone: [T, N, C] (with `batch_first` [N, T, C]) or [T, C]."""

    batch_first: bool

    def require_sequence(self, name: str, x: TensorType) -> None:
        """The input is a sequence or a batch of them."""
        layout = "[N, T, C] or [T, C]" if self.batch_first is True else "[T, N, C] or [T, C]"
        self.require_tensors(**{name: x})
        self.require_rank(x, 2, 3, layout=layout)

    def split(self, x: TensorType) -> tuple[Size, tuple[Size, ...]]:
        """The length of the sequences, and the axis of their batch, if there is one."""
        if x.rank == 2:
            return x.shape[0], ()
        first, second = x.shape[:2]
        return either(self.batch_first, second, first), (either(self.batch_first, first, second),)

    def swapped_split(self, x: TensorType) -> tuple[Size, tuple[Size, ...]]:
        """The same two where `batch_first` says the opposite."""
        length, batch = self.split(x)
        return (batch[0], (length,)) if batch else (length, ())

    def swap_hint(self, x: object, shape: tuple[Size, ...]) -> str:
        """What to write where a tensor has the shape that it would have with batch and sequence swapped."""
        if not isinstance(x, TensorType) or not isinstance(self.batch_first, bool) or x.rank != len(shape):
            return ""
        if not all(equal(size, other) for size, other in zip(x.shape, shape, strict=True)):
            return ""
        if self.batch_first:
            return "its batch axis is the second: remove `batch_first`"
        return "its batch axis is the first: write `batch_first: true`"


def either(condition: bool | Symbolic, then: Size, otherwise: Size) -> Size:
    """One of two sizes, by a flag that may be a parameter."""
    if isinstance(condition, Symbolic):
        size: Size = choose(condition, then, otherwise)
        return size
    return then if condition else otherwise


def _text(value: Any) -> str:
    if isinstance(value, TensorType):
        return str(value)
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else show(value) if isinstance(value, int) else str(value)
