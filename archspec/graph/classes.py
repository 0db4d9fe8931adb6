"""One nn.Module class: its parameters, its inputs, the lines of its forward method, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archspec.dimensions import Size
from archspec.expressions import Items, Node
from archspec.graph.items import Item, module_of
from archspec.graph.names import Flow
from archspec.graph.places import in_lists, is_spread, standing
from archspec.graph.weights import Fill, Rule, Sharing
from archspec.problems import Span
from archspec.tensors import TensorType


@dataclass(frozen=True, slots=True)
class TensorLine:
    """One line by which a constructor computes a tensor: the expression of a step, which reads those of lines above."""

    target: Node
    node: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a forward method, and the module that it needs.

    `kind` says what the line does: `call` passes `arguments` to the module `module`; `compute` evaluates the one
    argument; `parameter` and `buffer` are no line, but a tensor of the module that later lines read, and `weight` is
    one of a layer in it: `qkv.weight`.
    """

    name: str
    kind: Literal["call", "compute", "parameter", "buffer", "weight"]
    target: Node
    arguments: tuple[tuple[str | None, Node], ...]
    item: Item | None
    module: str | None
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    axes: tuple[Node, ...] = ()
    """The sizes of its value, where the spec writes them: later lines may read their names."""
    macs: Size = 0
    """Multiply-accumulates of its expressions."""
    assumed: tuple[Size, ...] = ()
    """Of an expression: sizes over parameters that are 0 for the values that it takes."""
    again: Item | None = None
    """The module that it runs once more, with the types of this run."""
    copied: bool = False
    """Of a parameter or buffer: whether its expression may share memory, so that it is a copy of what that makes."""
    saved: bool = True
    """Of a buffer: whether it is part of the state_dict."""
    lines: tuple[TensorLine, ...] = ()
    """Of a parameter or buffer that is made of other steps: how it is computed from them. Its argument says all of it
    in one expression."""
    initial: tuple[Fill, ...] = ()
    trainable: bool = True

    @property
    def attribute(self) -> str:
        """What the class calls its module: the step's own name, unless `name:` says another."""
        return self.module or self.name

    @property
    def key(self) -> str:
        """Its key in the spec: `h`, or `q, k, v`."""
        text = self.target.text
        return text[1:-1].removesuffix(",") if isinstance(self.target, Items) else text


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the constructor. `default` is None where it is required; `value` is what it is bound to here.

    `inferred` ones are the sizes of a block's inputs, which its caller passes. One of type float `decides` a dtype
    where an integer in its place would make other tensors.
    """

    name: str
    type: str
    default: Node | None
    doc: str
    value: Any
    span: Span
    computed: bool = False
    inferred: bool = False
    decides: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that flows in, or a `listed` number of them. `axes` are its sizes as the spec writes them.

    A `captured` one is a value that a group reads from around it. Into a group several values may flow as one, and its
    type may depend on parameters (None).
    """

    name: str
    type: Flow | None
    span: Span
    axes: tuple[Node, ...] = ()
    optional: bool = False
    captured: bool = False
    listed: bool = False

    @property
    def tensor(self) -> TensorType:
        """Its type as that of a tensor, which an input of a document has."""
        assert isinstance(self.type, TensorType)
        return self.type


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a class returns: one value, a tuple, or (with `names`) a NamedTuple."""

    values: tuple[Node, ...]
    names: tuple[str, ...] = ()
    single: bool = True
    macs: Size = 0
    """Multiply-accumulates of its expressions."""
    spans: tuple[Span, ...] = ()
    """Where each value is written; empty where the spec names none, and the last value is returned."""


@dataclass(frozen=True, slots=True)
class Export:
    """A size of a class's output that no formula gives: its callers read it as an attribute, if any is `used`."""

    name: str
    size: Size
    used: bool


@dataclass(frozen=True, slots=True)
class Class:
    """One nn.Module class. One whose steps are a list is an nn.Sequential, with `items`; else it has `steps`."""

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    let: tuple[tuple[str, Node], ...]
    inputs: tuple[Input, ...]
    output: Flow | None
    items: tuple[Item, ...] = ()
    steps: tuple[Step, ...] = ()
    outputs: Outputs | None = None
    count: int = 0
    """How many layers it holds, repetitions counted."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the names that it may read stand for, beside what flows."""
    exports: tuple[Export, ...] = ()
    order: tuple[str, ...] = ()
    """Steps whose modules are made first, in this order; the others follow in the order of flow."""
    idle: tuple[tuple[int, Step], ...] = ()
    """Steps whose modules are made and never run, each with the number of `steps` that stand above it."""
    shared: tuple[Sharing, ...] = ()
    """The parameters that its modules share, at places that are certain."""
    lent: tuple[Sharing, ...] = ()
    """Of a group: those that modules within it share with modules around it, by the paths that the spec writes."""

    grouped: bool = False
    """Whether it is a group of named steps, which reads the names around it."""
    rules: tuple[Rule, ...] = ()
    """Of the network: how weights begin once all modules are made, by classes, then by names, the most exact first."""

    @property
    def sequential(self) -> bool:
        """Whether it is an nn.Sequential."""
        return self.outputs is None

    def children(self) -> tuple[Item, ...]:
        """Its own modules, in the order in which they are made."""
        if self.items:
            return self.items
        steps = tuple(step for step in self.registered() if step.item is not None)
        if not any("." in step.attribute or is_spread(step.item) for step in steps):
            return tuple(module_of(step.item) for step in steps if step.item is not None)
        return tuple(in_lists(tuple(standing(steps))))

    def written(self) -> tuple[Step, ...]:
        """Its steps as the spec has them, those too that nothing runs."""
        found = list(self.steps)
        for place, step in reversed(self.idle):
            found.insert(place, step)
        return tuple(found)

    def runs(self, step: Step) -> bool:
        """Whether the forward method runs a step."""
        return all(step is not one for _, one in self.idle)

    def registered(self) -> tuple[Step, ...]:
        """Its steps in the order in which their modules are made, which is that of the `state_dict`'s keys."""
        if not self.order:
            return self.written()
        places = {name: place for place, name in enumerate(self.order)}
        return tuple(sorted(self.written(), key=lambda step: places.get(step.name, len(places))))
