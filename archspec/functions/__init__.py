"""The catalogue of the functions of `torch` and `torch.nn.functional` that expressions may call over tensors."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from archspec.functions import (
    activation,
    aliases,
    attention,
    comparison,
    contraction,
    convolution,
    counting,
    creation,
    elementwise,
    fourier,
    indexing,
    joining,
    linear_algebra,
    matrix,
    normalization,
    pooling,
    random,
    reduction,
    sampling,
    shaping,
    special,
    splitting,
    statistics,
    viewing,
)
from archspec.functions._base import Flow, Function, Takes
from archspec.functions.operators import OPERATORS, UNARY_OPERATORS, index

_FAMILIES = (
    activation,
    aliases,
    attention,
    comparison,
    contraction,
    convolution,
    counting,
    creation,
    elementwise,
    fourier,
    indexing,
    joining,
    linear_algebra,
    matrix,
    normalization,
    pooling,
    random,
    reduction,
    sampling,
    shaping,
    special,
    splitting,
    statistics,
    viewing,
)


def _declared(family: ModuleType) -> Iterator[Function]:
    """The functions of a family: each by itself, or in a table."""
    for value in vars(family).values():
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, Function):
                yield one


FUNCTIONS: dict[str, Function] = {function.name: function for family in _FAMILIES for function in _declared(family)}
"""Every function by its bare name."""

__all__ = ["FUNCTIONS", "OPERATORS", "UNARY_OPERATORS", "Flow", "Function", "Takes", "index"]
