"""Layers that change a shape and no number."""

from __future__ import annotations

from typing import Any

from archspec.cuts import Passing, regrouped
from archspec.dimensions import Size, plain, product, quotient, show
from archspec.expressions import Symbolic, UndecidedError
from archspec.layers._base import Layer, integer, integers
from archspec.refusals import counted, require, require_at_least, require_divides, require_equal
from archspec.tensors import TensorType


class Flatten(Layer):
    """Joins the axes from start_dim to end_dim into one."""

    shape = "[*, *S, *] -> [*, prod(S), *] at start_dim to end_dim"
    positional = 0
    start_dim: int = integer(1, minimum=None)
    end_dim: int = integer(-1, minimum=None)

    def forward(self, x: TensorType) -> TensorType:
        start, end = self.axis(x, "start_dim"), self.axis(x, "end_dim")
        message = f"Flatten joins the axes from {start} to {end}, but the first comes after the last"
        require(start <= end, "AS406", message, argument="start_dim")
        joined = x.shape[start : end + 1]
        return x.reshaped(*x.shape[:start], product(joined), *x.shape[end + 1 :])

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (regrouped(inputs[0].shape, output.shape),)


class Unflatten(Layer):
    """Splits one axis into several."""

    shape = """
        [*, L, *] -> [*, *sizes, *] at dim
        sizes = L / -prod(unflattened_size) if unflattened_size == -1 else unflattened_size
    """
    dim: int = integer(minimum=None)
    unflattened_size: tuple[Size, ...] = integers(minimum=-1)

    def forward(self, x: TensorType) -> TensorType:
        sizes = self.unflattened_size
        if isinstance(sizes, Symbolic):
            raise UndecidedError("`unflattened_size`, a number of axes")
        require(
            isinstance(sizes, tuple) and len(sizes) > 0 and sizes.count(-1) <= 1,
            "AS404",
            "`unflattened_size` takes a list of sizes, at most one of them -1",
            argument="unflattened_size",
        )
        require(x.rank >= 1, "AS501", f"Unflatten takes at least one axis, but {x} flows in")
        axis = self.axis(x, "dim")
        return x.reshaped(*x.shape[:axis], *self._split(x.shape[axis], axis), *x.shape[axis + 1 :])

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (regrouped(inputs[0].shape, output.shape),)

    def _split(self, whole: Size, axis: int) -> list[Size]:
        """The sizes that the axis is split into."""
        sizes = list(self.unflattened_size)
        known = product(size for size in sizes if size != -1)
        if -1 in sizes:
            message = f"axis {axis} of {counted(whole)} does not split into parts of {show(known)}"
            require_at_least(known, 1, code="AS404", message=message, argument="unflattened_size")
            require_divides(known, whole, message=message, argument="unflattened_size")
            return [quotient(whole, known) if size == -1 else size for size in sizes]
        message = f"the product of the sizes is {show(plain(known))}, but axis {axis} is {counted(whole)}"
        hint = "write -1 for one of them: it is computed"
        require_equal(known, whole, message=message, help=hint, argument="unflattened_size")
        return sizes
