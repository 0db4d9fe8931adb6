"""Modules of one's own: not in the catalogue, but where the caller allows their package, in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec import dimensions
from archspec.dimensions import Size
from archspec.layers._base import Layer
from archspec.tensors import TensorType


class OwnLayer(Layer):
    """A class of the user's, by its dotted name. What it gives is what the spec says, or what it takes.

    Shape: keeps the shape, unless the step says `shape:`
    """

    def __init__(self, target: str, given: Mapping[str, object], output: TensorType | None) -> None:
        self.target = target
        self.given = given
        self.output = output

    @property
    def module(self) -> str:
        """The module that it is imported from."""
        return self.target.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.target.rpartition(".")[2]

    def forward(self, x: TensorType, *others: Any, **named: Any) -> TensorType:
        return x if self.output is None else self.output

    def _parameter_count(self) -> Size:
        return dimensions.of(dimensions.Unknown(f"{self.target} is not known before it is built"))

    def macs(self, output: Any, /, *args: Any, **kwargs: Any) -> Size:
        return self.parameter_count()
