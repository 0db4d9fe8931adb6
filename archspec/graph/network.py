"""A whole network: its class, and the blocks that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.graph.classes import Class
from archspec.graph.items import Call, Item
from archspec.graph.lint import lint
from archspec.graph.printing import lines_of
from archspec.graph.walks import modules
from archspec.layers import Layer
from archspec.problems import Problem, Span, SpecError


@dataclass(frozen=True, slots=True)
class Variant:
    """A named setting: values of some of the network's parameters, by their names."""

    name: str
    doc: str
    settings: Mapping[str, Any]
    span: Span


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole network: its class, and the blocks that it uses, each before its users."""

    path: str
    main: Class
    blocks: tuple[Class, ...] = ()
    own: tuple[str, ...] = ()
    """Dotted names of the classes of the user's that it uses."""
    variants: tuple[Variant, ...] = ()
    idle: tuple[tuple[str, str, Span], ...] = ()
    """What says how weights begin and fits none: what it is, what to write instead, and where it stands."""

    doubts: tuple[Problem, ...] = ()
    """What was found when it was read, and is a warning."""
    files: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The texts that it was read from, by their paths: the places of its parts lead into them."""

    def modules(self) -> Iterator[tuple[str, Item]]:
        """Every module of an unrolled network with its dotted path, outer ones first."""
        return modules(self.main.children())

    def layers(self) -> Iterator[tuple[str, Call, Layer]]:
        """Every layer of the catalogue in an unrolled network, with its dotted path."""
        for path, item in self.modules():
            if isinstance(item, Call) and isinstance(item.layer, Layer):
                yield path, item, item.layer

    def require_values(self) -> None:
        """SpecError where a parameter of the network has no value: how its loops run is not known then."""
        for parameter in self.main.parameters:
            if parameter.value is None:
                raise SpecError([Problem("AS203", f"the parameter `{parameter.name}` has no value", parameter.span)])

    def __str__(self) -> str:
        return "\n".join(line for cls in (*self.blocks, self.main) for line in lines_of(cls))

    def lint(self) -> None:
        """Raises AssertionError where the graph is not what every reader of it relies on."""
        for cls in (*self.blocks, self.main):
            lint(cls)
