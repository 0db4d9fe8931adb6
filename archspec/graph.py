"""What a document means: a frozen graph of steps with the types of everything that flows.

The one truth that every output reads. The same form holds a network with its parameters bound and its loops
unrolled, and one with its parameters as symbols and its loops as loops. Knows nothing of YAML, of PyTorch or of
how it is printed as source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Node, Symbolic, literal_text
from archspec.layers import Layer
from archspec.problems import Span
from archspec.tensors import TensorType

Flow: TypeAlias = TensorType | tuple[Any, ...]
"""A tensor, or (nested) tuples of them."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a layer. `node` is what the spec says; it is None where the value was inferred."""

    name: str
    value: Any
    node: Node | None
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A layer in its place. `name` is its key in the module around it, None where a loop counts it."""

    name: str | None
    path: str
    layer: Layer
    arguments: tuple[Argument, ...]
    input: Flow | None
    output: Flow | None
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """An nn.Sequential."""

    name: str | None
    path: str
    items: tuple[Item, ...]
    input: Flow | None
    output: Flow | None
    span: Span


@dataclass(frozen=True, slots=True)
class Carried:
    """A size that a loop changes: a local variable, its value before, and its value after each round.

    `initial` is None where the variable exists already.
    """

    name: str
    initial: Size | None
    update: Size


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps once per item of a list, kept as a loop. Splices into the list around it."""

    target: Node
    iterable: Node
    items: tuple[Item, ...]
    carried: tuple[Carried, ...]
    input: Flow | None
    output: Flow | None
    span: Span


@dataclass(frozen=True, slots=True)
class Branch:
    """Steps that are kept only on a condition over parameters; splices. A named one is else an nn.Identity."""

    name: str | None
    path: str
    condition: Node
    items: tuple[Item, ...]
    input: Flow | None
    output: Flow | None
    span: Span


Item: TypeAlias = Call | Group | Loop | Branch


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the constructor. `default` is None where it is required; `value` is what it is bound to here."""

    name: str
    type: str
    default: Node | None
    doc: str
    value: Any
    span: Span
    computed: bool = False
    """Whether the default is an expression of other parameters."""


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that flows in."""

    name: str
    type: TensorType
    span: Span


@dataclass(frozen=True, slots=True)
class Class:
    """One nn.Module class. A sequential one has its steps as its own numbered children."""

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    let: tuple[tuple[str, Node], ...]
    inputs: tuple[Input, ...]
    items: tuple[Item, ...]
    output: Flow | None
    sequential: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole network: its class."""

    path: str
    main: Class

    def calls(self) -> Iterator[Call]:
        """Every layer, in order."""
        return calls(self.main.items)

    def __str__(self) -> str:
        return "\n".join(_lines(self.main))

    def lint(self) -> None:
        """Raises AssertionError where the graph is not what every reader of it relies on."""
        for parameter in self.main.parameters:
            assert parameter.default is not None or not parameter.computed, parameter.name
        assert len({p.name for p in self.main.parameters}) == len(self.main.parameters)
        _lint(self.main.items, self.main.inputs[0].type if self.main.inputs else None)
        paths = [item.path for item in walk(self.main.items) if isinstance(item, Call | Group) and item.name]
        assert len(paths) == len(set(paths)), "two steps share a path"


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Every item, outer ones first."""
    for item in items:
        yield item
        if not isinstance(item, Call):
            yield from walk(item.items)


def calls(items: tuple[Item, ...]) -> Iterator[Call]:
    """Every layer below, in order."""
    return (item for item in walk(items) if isinstance(item, Call))


def free_symbols(flow: Flow | Size | Any) -> frozenset[dimensions.Symbol]:
    """The free dimensions that a type, a size or a list of them depends on."""
    if isinstance(flow, TensorType):
        flow = flow.shape
    if isinstance(flow, tuple):
        return frozenset().union(*map(free_symbols, flow))
    return frozenset(s for s in dimensions.symbols(flow) if s.free) if isinstance(flow, Dimension) else frozenset()


def _lint(items: tuple[Item, ...], flow: Flow | None) -> Flow | None:
    """Checks that each item takes what the one before it gives."""
    for item in items:
        assert item.input is None or flow is None or item.input == flow, f"{item} takes {item.input}, not {flow}"
        if isinstance(item, Call):
            names = [argument.name for argument in item.arguments]
            assert names == [name for name in item.layer.arguments if name in names], "arguments are out of order"
            for argument in item.arguments:
                assert argument.node is not None or not free_symbols(argument.value), argument.name
        elif isinstance(item, Group):
            assert _lint(item.items, item.input) == item.output or item.output is None
        else:
            _lint(item.items, None)
        flow = item.output
    return flow


def _lines(cls: Class) -> Iterator[str]:
    parameters = ", ".join(f"{p.name}: {p.type} = {literal_text(p.value)}" for p in cls.parameters)
    yield f"class {cls.name}({parameters})"
    for value in cls.inputs:
        yield f"  {value.name}: {value.type}"
    yield from _item_lines(cls.items, "  ")


def _item_lines(items: tuple[Item, ...], indent: str) -> Iterator[str]:
    for item in items:
        name = getattr(item, "name", None)
        head = f"{indent}{f'({name}) ' if name else ''}"
        if isinstance(item, Call):
            arguments = ", ".join(f"{a.name}={argument_text(a)}" for a in item.arguments)
            yield f"{head}{type(item.layer).__name__}({arguments}) -> {flow_text(item.output)}"
            continue
        if isinstance(item, Loop):
            carried = "".join(f"; {c.name} <- {dimensions.show(c.update)}" for c in item.carried)
            yield f"{head}for {item.target.text} in {item.iterable.text}{carried}"
        elif isinstance(item, Branch):
            yield f"{head}if {item.condition.text}"
        else:
            yield f"{head}Sequential -> {flow_text(item.output)}"
        yield from _item_lines(item.items, indent + "  ")


def argument_text(argument: Argument) -> str:
    """An argument as Python source: as the spec writes it, or as it was inferred."""
    if argument.node is not None:
        return argument.node.text
    value = argument.value
    if isinstance(value, tuple):
        inside = ", ".join(dimensions.show(size) for size in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value.node.text if isinstance(value, Symbolic) else dimensions.show(value)


def flow_text(flow: Flow | None) -> str:
    """A type as people read it."""
    if flow is None:
        return "?"
    if isinstance(flow, TensorType):
        return str(flow)
    return f"({', '.join(map(flow_text, flow))})"


def outputs(items: tuple[Item, ...], of: Callable[[TensorType], Any]) -> dict[str, Any]:
    """Something of every step's output, by the step's dotted path, for an unrolled graph."""

    def deep(flow: Flow | None) -> Any:
        if flow is None or isinstance(flow, TensorType):
            return None if flow is None else of(flow)
        return tuple(map(deep, flow))

    return {item.path: deep(item.output) for item in walk(items) if isinstance(item, Call | Group)}
