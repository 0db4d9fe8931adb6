"""What a document means: a frozen graph of classes, their steps, and the types of everything that flows.

The one truth that every output reads. The same form holds a network with its parameters bound and its loops
unrolled, and one with its parameters as symbols and its loops as loops. Knows nothing of YAML, of PyTorch or of
how it is printed as source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Embedded, Items, Name, Node, Symbolic, literal_text, parse
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.problems import Problem, Span, SpecError
from archspec.records import Record
from archspec.tensors import TensorType

Flow: TypeAlias = TensorType | tuple[Any, ...]
"""A tensor, or (nested) tuples of them."""


class Argument(Record):
    """One argument of a constructor. `node` is what the spec says; it is None where the value was inferred."""

    name: str
    value: Any
    node: Node | None
    span: Span


class Call(Record):
    """A module in its place: a layer of the catalogue, or a block. `name` is its key, None where a loop counts it.

    `held` is the parameter that holds the layer, where one does. `ties` are weights that it shares: its own name for
    one, and the dotted path of the other. `keys` are the names by which its inputs go, None for those that go by
    position; only a layer of the catalogue has them.
    """

    name: str | None
    layer: Layer | Class
    arguments: tuple[Argument, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    held: str | None = None
    ties: tuple[tuple[str, str], ...] = ()
    keys: tuple[str | None, ...] = ()

    def macs(self) -> Size:
        """Multiply-accumulates of the layer, run once."""
        assert isinstance(self.layer, Layer)
        positional, named = self.layer.bind(self.keys, self.inputs)
        return self.layer.macs(self.output, *positional, **named)

    @property
    def type_name(self) -> str:
        """The name of its class."""
        return self.layer.name if isinstance(self.layer, Class | OwnLayer) else type(self.layer).__name__


class Group(Record):
    """An nn.Sequential; or an nn.ModuleList, where its repetitions take more than one input."""

    name: str | None
    items: tuple[Item, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    listed: bool = False


class Carried(Record):
    """A size that a loop changes: a local variable, its value before, and its value after each round.

    `initial` is None where the variable exists already.
    """

    name: str
    initial: Size | None
    update: Size


class Update(Record):
    """A variable's next value: behind the item of a loop's body counted so, or `inside` it, if it is a branch."""

    name: str
    value: Size
    after: int
    inside: bool = False


class Loop(Record):
    """Steps once per item of a list, kept as a loop. Splices into the list around it."""

    target: Node
    iterable: Node
    items: tuple[Item, ...]
    carried: tuple[Carried, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    updates: tuple[Update, ...] = ()


class Branch(Record):
    """Modules that are kept only on a condition over parameters; splices. A named one is else an nn.Identity."""

    name: str | None
    condition: Node
    items: tuple[Item, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span


Item: TypeAlias = Call | Group | Loop | Branch


class Step(Record):
    """One line of a forward method, and the module that it needs.

    `kind` says what the line does: `call` passes `arguments` to the module `module`; `compute` evaluates the one
    argument; `parameter` and `buffer` are no line, but a tensor of the module that later lines read.
    """

    name: str
    kind: Literal["call", "compute", "parameter", "buffer"]
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
    again: Item | None = None
    """The module that it runs once more, with the types of this run."""

    @property
    def key(self) -> str:
        """Its key in the spec: `h`, or `q, k, v`."""
        text = self.target.text
        return text[1:-1].removesuffix(",") if isinstance(self.target, Items) else text


class Parameter(Record):
    """An argument of the constructor. `default` is None where it is required; `value` is what it is bound to here.

    `inferred` ones are the sizes of a block's inputs, which its caller passes.
    """

    name: str
    type: str
    default: Node | None
    doc: str
    value: Any
    span: Span
    computed: bool = False
    inferred: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] | None = None


class Input(Record):
    """A tensor that flows in. `axes` are its sizes as the spec writes them.

    A `captured` one is a value that a group reads from around it.
    """

    name: str
    type: TensorType
    span: Span
    axes: tuple[Node, ...] = ()
    optional: bool = False
    captured: bool = False


class Outputs(Record):
    """What a class returns: one value, a tuple, or (with `names`) a NamedTuple."""

    values: tuple[Node, ...]
    names: tuple[str, ...] = ()
    single: bool = True
    macs: Size = 0
    """Multiply-accumulates of its expressions."""


class Export(Record):
    """A size of a class's output that no formula gives: its callers read it as an attribute, if any is `used`."""

    name: str
    size: Size
    used: bool


class Class(Record):
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
    values: Mapping[str, Any] = MappingProxyType({})
    """What the names that it may read stand for, beside what flows."""
    exports: tuple[Export, ...] = ()
    order: tuple[str, ...] = ()
    """Steps whose modules are made first, in this order; the others follow in the order of flow."""

    @property
    def sequential(self) -> bool:
        """Whether it is an nn.Sequential."""
        return self.outputs is None

    def children(self) -> tuple[Item, ...]:
        """Its own modules, in the order in which they are made."""
        return self.items or tuple(step.item for step in self.registered() if step.item is not None)

    def registered(self) -> tuple[Step, ...]:
        """Its steps in the order in which their modules are made, which is that of the `state_dict`'s keys."""
        if not self.order:
            return self.steps
        places = {name: place for place, name in enumerate(self.order)}
        return tuple(sorted(self.steps, key=lambda step: places.get(step.name, len(places))))


class Graph(Record):
    """A whole network: its class, and the blocks that it uses, each before its users."""

    path: str
    main: Class
    blocks: tuple[Class, ...] = ()
    own: tuple[str, ...] = ()
    """Dotted names of the classes of the user's that it uses."""

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
        return "\n".join(line for cls in (*self.blocks, self.main) for line in _lines(cls))

    def lint(self) -> None:
        """Raises AssertionError where the graph is not what every reader of it relies on."""
        for cls in (*self.blocks, self.main):
            _lint(cls)


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Every item of one class, outer ones first; what is inside a block belongs to the block's class."""
    for item in items:
        yield item
        if not isinstance(item, Call):
            yield from walk(item.items)


def modules(items: tuple[Item, ...], prefix: str = "", *, opened: bool = True) -> Iterator[tuple[str, Item]]:
    """Every module below with its dotted path, those inside of blocks too if they are `opened`.

    Loops and branches have no place in a path; what they repeat is `*`.
    """
    for item in items:
        if isinstance(item, Loop | Branch):
            yield prefix.removesuffix("."), item
            yield from modules(item.items, prefix, opened=opened)
            continue
        path = f"{prefix}{getattr(item, 'name', None) or '*'}"
        yield path, item
        inside = item.items if not isinstance(item, Call) else ()
        if opened and isinstance(item, Call) and isinstance(item.layer, Class):
            inside = item.layer.children()
        yield from modules(inside, f"{path}.", opened=opened)


def free_symbols(flow: Flow | Size | Any) -> frozenset[dimensions.Symbol]:
    """The free dimensions that a type, a size, a value or a list of them depends on."""
    if isinstance(flow, Symbolic):
        parts = (part.value for part in flow.node.walk() if isinstance(part, Embedded))
        return frozenset().union(*map(free_symbols, parts))
    if isinstance(flow, TensorType):
        flow = flow.shape
    if isinstance(flow, tuple):
        return frozenset().union(*map(free_symbols, flow))
    return frozenset(s for s in dimensions.symbols(flow) if s.free) if isinstance(flow, Dimension) else frozenset()


def names_in(node: Node) -> set[str]:
    """The names that an expression reads."""
    return {part.name for part in node.walk() if isinstance(part, Name)}


def size_names(value: object) -> set[str]:
    """The names of the symbols in a size, or in a list of them."""
    if isinstance(value, tuple):
        return set().union(*map(size_names, value))
    if isinstance(value, Symbolic):
        return names_in(value.node)
    return {symbol.text for symbol in dimensions.symbols(value)} if isinstance(value, Dimension) else set()


def pieces(text: str) -> list[str | Node]:
    """A name's pattern taken apart: literal text, and the expressions in its braces."""
    parts = re.split(r"\{([^{}]*)\}", text)
    return [parse(part) if index % 2 else part for index, part in enumerate(parts)]


def outputs(graph: Graph, of: Callable[[TensorType], Any]) -> dict[str, Any]:
    """Something of every step's output, by the step's dotted path, for an unrolled graph."""

    def deep(flow: Flow | None) -> Any:
        if flow is None or isinstance(flow, TensorType):
            return None if flow is None else of(flow)
        return tuple(map(deep, flow)) if isinstance(flow, tuple) else None  # a number has no shape

    def below(cls: Class, prefix: str) -> Iterator[tuple[str, Any]]:
        for step in cls.steps:
            if step.item is None:
                yield f"{prefix}{step.key}", deep(step.output)
            else:
                yield from inside(step.item, prefix)
        for item in cls.items:
            yield from inside(item, prefix)

    def inside(item: Item, prefix: str) -> Iterator[tuple[str, Any]]:
        path = f"{prefix}{getattr(item, 'name', None) or '*'}"
        yield path, deep(item.output)
        if isinstance(item, Call):
            if isinstance(item.layer, Class):
                yield from below(item.layer, f"{path}.")
        else:
            for child in item.items:
                yield from inside(child, f"{path}.")

    return dict(below(graph.main, ""))


def _lint(cls: Class) -> None:
    assert len({p.name for p in cls.parameters}) == len(cls.parameters), "two parameters of one name"
    names = [item.name for item in cls.children() if isinstance(item, Call | Group) and item.name is not None]
    assert len(names) == len(set(names)), "two modules share a name"
    for item in walk(cls.children()):
        if isinstance(item, Call) and isinstance(item.layer, Layer) and not isinstance(item.layer, OwnLayer):
            given = [argument.name for argument in item.arguments]
            assert given == [name for name in item.layer.arguments if name in given], "arguments are out of order"
    if cls.sequential:
        _lint_flow(cls.items, cls.inputs[0].type)


def _lint_flow(items: tuple[Item, ...], flow: Flow | None) -> None:
    """Checks that each item of an nn.Sequential takes what the one before it gives."""
    for item in items:
        first = item.inputs[0]
        assert first is None or flow is None or first == flow, f"{item} takes {first}, not {flow}"
        if isinstance(item, Group):
            _lint_flow(item.items, first)
        flow = item.output


def _lines(cls: Class) -> Iterator[str]:
    parameters = ", ".join(f"{p.name}: {p.type} = {literal_text(p.value)}" for p in cls.parameters)
    yield f"class {cls.name}({parameters})"
    for value in cls.inputs:
        yield f"  {value.name}: {value.type}"
    yield from _item_lines(cls.items, "  ")
    for step in cls.steps:
        texts = ", ".join(f"{name + '=' if name else ''}{node.text}" for name, node in step.arguments)
        what = f"self.{step.module}({texts})" if step.kind == "call" else texts
        yield f"  {step.target.text} = {what} -> {flow_text(step.output)}"
        yield from _item_lines((step.item,) if step.item is not None else (), "    ")
    if cls.outputs is not None:
        yield f"  return {', '.join(node.text for node in cls.outputs.values)}"


def _item_lines(items: tuple[Item, ...], indent: str) -> Iterator[str]:
    for item in items:
        name = getattr(item, "name", None)
        head = f"{indent}{f'({name}) ' if name else ''}"
        if isinstance(item, Call):
            arguments = ", ".join(f"{a.name}={argument_text(a)}" for a in item.arguments)
            yield f"{head}{item.type_name}({arguments}) -> {flow_text(item.output)}"
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
        return argument.node.within()
    value = argument.value
    if isinstance(value, tuple):
        inside = ", ".join(dimensions.show(size) for size in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value.node.within() if isinstance(value, Symbolic) else dimensions.show(value)


def flow_text(flow: Flow | None) -> str:
    """A type as people read it."""
    if flow is None:
        return "?"
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return f"({', '.join(map(flow_text, flow))})"
    return str(flow).lower() if isinstance(flow, bool) else str(flow)  # numbers flow as well: `need_weights: false`
