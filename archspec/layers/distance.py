"""Distance functions."""

from __future__ import annotations

from archspec.dimensions import Size, show
from archspec.layers._base import flag, integer, number
from archspec.layers._inputs import SeveralInputs
from archspec.refusals import require_equal
from archspec.tensors import FLOATS, TensorType

_REAL = {dtype: dtype for dtype in FLOATS} | {"complex128": "float64"}
"""The dtype of a norm; float32 where it is not listed."""


class _Distance(SeveralInputs):
    inputs = ("x1", "x2")

    def stretched(self, x1: TensorType, x2: TensorType, *kinds: str) -> TensorType:
        """The type that both inputs stretch to, an axis of 1 as far as need be."""
        self.require_tensors(x1=x1, x2=x2)
        self.require_kind(x1, *kinds)
        self.require_dtype(x2, x1.dtype)
        sizes: list[Size] = []
        for place in range(-max(x1.rank, x2.rank), 0):
            a, b = (x.shape[place] if x.rank >= -place else 1 for x in (x1, x2))
            if a != 1 and b != 1:
                message = f"axis {place} of {x1} and {x2} is {show(a)} and {show(b)}"
                require_equal(a, b, message=message, help="they are equal, or one of them is 1")
            sizes.append(b if a == 1 else a)
        return x1.reshaped(*sizes)


class CosineSimilarity(_Distance):
    """The cosine of the angle between the vectors that lie along one axis."""

    shape = """
        [*, L, *], [*, L, *] that broadcast -> [*, *] at dim
        [], [] -> []
    """
    dim: int = integer(1, minimum=None)
    eps: float = number(1e-8, minimum=0)

    def forward(self, x1: TensorType, x2: TensorType) -> TensorType:
        both = self.stretched(x1, x2, "floating-point")
        axis = self.axis(both, "dim")
        return both.reshaped(*both.shape[:axis], *both.shape[axis + 1 :])


class PairwiseDistance(_Distance):
    """The p-norm of the difference of the vectors along the last axis."""

    shape = """
        [*, L], [*, L] that broadcast -> [*, 1] if keepdim
        [*, L], [*, L] that broadcast -> [*]
        [], [] -> []
    """
    p: float = number(2.0)
    eps: float = number(1e-6)
    keepdim: bool = flag(False)

    def forward(self, x1: TensorType, x2: TensorType) -> TensorType:
        both = self.stretched(x1, x2, "floating-point", "integer", "complex")
        kept = (1,) if self.keepdim and both.rank > 0 else ()
        return TensorType((*both.shape[:-1], *kept), _REAL.get(both.dtype, "float32"))
