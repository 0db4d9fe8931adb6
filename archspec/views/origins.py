"""Where everything in an unrolled network comes from: what each step takes from which, and what each name stands for.

A graph says what flows, not from where. Here its forward methods are followed once, without running anything, so that
every value knows what made it. Knows nothing of formulas, or of how any of it is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from archspec.expressions import Items, Name, Node, Symbolic
from archspec.graph import Argument, Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, Step
from archspec.layers import Layer
from archspec.lower.tensors import tensor_value
from archspec.problems import Span
from archspec.records import Record
from archspec.tensors import TensorType


class Made:
    """Whatever made a value: an input, a layer, an expression, a tensor of the module; or a group of steps."""

    __slots__ = ("inputs", "item", "kind", "node", "output", "path", "scope", "span")

    def __init__(
        self,
        path: str,
        kind: Literal["input", "layer", "expression", "tensor", "group"],
        output: Flow | None,
        span: Span,
        scope: Scope,
        inputs: tuple[tuple[str | None, Value], ...] = (),
        item: Item | Input | None = None,
        node: Node | None = None,
    ) -> None:
        self.path = path
        """Dotted, as in `archspec.shapes`; empty for an expression that stands where a value is taken."""
        self.kind = kind
        self.output = output
        self.span = span
        self.scope = scope
        self.inputs = inputs
        """What it takes, each with the name of the argument, if it is passed by name."""
        self.item = item
        self.node = node
        """The expression."""

    @property
    def label(self) -> str:
        """What it is, in a word: the layer's name, or the expression."""
        if isinstance(self.item, Call):
            return self.item.type_name
        if isinstance(self.item, Group):
            return "ModuleList" if self.item.listed else "Sequential"
        if isinstance(self.item, Loop):
            return f"for {self.item.target.text} in {self.item.iterable.text}"
        if isinstance(self.item, Branch):
            return f"if {self.item.condition.text}"
        return self.node.text if self.node is not None else self.kind

    @property
    def layer(self) -> Layer | None:
        """The layer of the catalogue, if it is one."""
        return self.item.layer if isinstance(self.item, Call) and isinstance(self.item.layer, Layer) else None


class Ref(Record):
    """A value: what made it, and which of its outputs."""

    made: Made
    at: tuple[int, ...] = ()

    @property
    def type(self) -> Any:
        """What flows."""
        flow: Any = self.made.output
        for place in self.at:
            flow = flow[place] if isinstance(flow, tuple) else None
        return flow


Value: TypeAlias = "Ref | tuple[Value, ...]"


def type_of(value: Value) -> Any:
    """What flows, of a value or of several."""
    return value.type if isinstance(value, Ref) else tuple(map(type_of, value))


class Meaning(Record):
    """What a name of a number stands for: an expression in a scope, or the size of an axis."""

    kind: Literal["parameter", "passed", "let", "size", "given"]
    value: Any
    span: Span | None = None
    node: Node | None = None
    """What it is computed from, in the scope `scope`."""
    scope: Scope | None = None
    ref: Ref | None = None
    axis: int = 0


class Scope:
    """What the names in one class stand for."""

    def __init__(
        self,
        cls: Class,
        arguments: tuple[Argument, ...] = (),
        outer: Scope | None = None,
        given: Collection[str] = (),
    ) -> None:
        self.cls = cls
        self.values: dict[str, Any] = {"training": Symbolic(Name("training"), "bool"), **cls.values}
        self.outer = outer
        self.arguments = {argument.name: argument for argument in arguments}
        self.given = given
        self.sizes: dict[str, tuple[Ref, int]] = {}
        self.flows: dict[str, Value] = {}
        """The values that flow, by name."""

    def bind(self, axes: tuple[Node, ...], value: Value) -> None:
        """Takes note of the sizes that the axes of a value name."""
        if isinstance(value, Ref):
            for axis, node in enumerate(axes):
                if isinstance(node, Name):
                    self.sizes.setdefault(node.name, (value, axis))

    def meaning(self, name: str) -> Meaning | None:
        """What a name stands for; None where the spec counts it, as a loop does."""
        argument, value = self.arguments.get(name), self.values.get(name)
        if argument is not None and argument.node is not None and self.outer is not None:
            if isinstance(argument.node, Name) and argument.node.name == name and not self.declares(name):
                return self.outer.meaning(name)  # a group that reads the names around it
            return Meaning("passed", argument.value, argument.span, argument.node, self.outer)
        for parameter in self.cls.parameters:
            if parameter.name == name and not parameter.inferred:
                kind: Any = "given" if name in self.given else "parameter"
                node = parameter.default if parameter.computed and kind == "parameter" else None
                return Meaning(kind, parameter.value, parameter.span, node, self)
        for one, node in self.cls.let:
            if one == name:
                return Meaning("let", value, None, node, self)
        if name in self.sizes:
            ref, axis = self.sizes[name]
            return Meaning("size", value, ref.made.span, ref=ref, axis=axis)
        return self.outer.meaning(name) if self.outer is not None and not self.declares(name) else None

    def declares(self, name: str) -> bool:
        """Whether it is one of the class's own parameters."""
        return any(parameter.name == name and not parameter.inferred for parameter in self.cls.parameters)


def origins(graph: Graph, given: Collection[str] = ()) -> dict[str, Made]:
    """What made each value of an unrolled network, by the step's path. The inputs come first, by their names.

    `given` are the parameters whose values the caller says.
    """
    walk = _Walk()
    scope = Scope(graph.main, given=given)
    inputs = tuple(Made(one.name, "input", one.type, one.span, scope, item=one) for one in graph.main.inputs)
    walk.follow(scope, "", tuple(map(Ref, inputs)), {})
    return {made.path: made for made in inputs} | walk.found


class _Walk:
    """Follows forward methods."""

    def __init__(self) -> None:
        self.found: dict[str, Made] = {}

    def follow(self, scope: Scope, prefix: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value | None:
        """The value that a class returns for those inputs."""
        cls = scope.cls
        free = iter(one.name for one in cls.inputs if one.name not in named)
        scope.flows = {**dict(zip(free, values, strict=False)), **named}
        for one in cls.inputs:
            if one.name not in scope.flows:  # an optional one that nothing flows into
                scope.flows[one.name] = Ref(Made(f"{prefix}{one.name}", "input", one.type, one.span, scope, item=one))
            scope.bind(one.axes, scope.flows[one.name])
        if cls.outputs is None:
            return self.chain(cls.items, prefix, values[:1], scope)
        for step in cls.steps:
            self.step(step, prefix, scope)
        returned = [self.value(node, scope, cls.steps[-1].span) for node in cls.outputs.values]
        if any(value is None for value in returned):
            return None
        known = tuple(value for value in returned if value is not None)
        return known[0] if cls.outputs.single else known

    def chain(self, items: tuple[Item, ...], prefix: str, values: tuple[Value, ...], scope: Scope) -> Value | None:
        """One module after the other: what one gives takes the place of the first inputs of the next."""
        for item in items:
            result = self.item(item, f"{prefix}{getattr(item, 'name', None) or '*'}", values, {}, scope)
            if result is None:
                return None
            several = parts(result) if len(values) > 1 else None
            values = (*(several or (result,)), *values[len(several or (result,)) :])
        return values[0] if len(values) == 1 or not items else result

    def step(self, step: Step, prefix: str, scope: Scope) -> None:
        path = f"{prefix}{step.key}"
        result: Value | None
        if step.kind == "call":
            arguments = [(name, self.value(node, scope, step.span)) for name, node in step.arguments]
            values = tuple(value for name, value in arguments if name is None and value is not None)
            named = {name: value for name, value in arguments if name is not None and value is not None}
            item = step.item if step.item is not None else step.again
            result = self.item(item, path, values, named, scope, step.span) if item is not None else None
        else:
            ((_, node),) = step.arguments
            kind: Any = "expression" if step.kind == "compute" else "tensor"
            made = Made(path, kind, step.output, step.span, scope, self.read(node, scope), node=node)
            self.found[path] = made
            result = Ref(made)
        if result is not None:
            scope.flows |= dict(destructure(step.target, result))
            scope.bind(step.axes, result)

    def item(
        self,
        item: Item,
        path: str,
        values: tuple[Value, ...],
        named: Mapping[str, Value],
        scope: Scope,
        span: Span | None = None,
    ) -> Value | None:
        """What a module returns."""
        inputs = (*((None, value) for value in values), *named.items())
        layer = item.layer if isinstance(item, Call) else None
        kind: Any = "layer" if isinstance(layer, Layer) else "group"
        made = Made(path, kind, item.output, item.span if span is None else span, scope, inputs, item)
        self.found[path] = made
        if isinstance(item, Call) and isinstance(item.layer, Class):
            inner = Scope(item.layer, item.arguments, scope)
            return self.follow(inner, f"{path}.", values, named)
        if isinstance(item, Loop | Branch):  # how often, or whether, depends on a parameter that has no value
            flows = item.items[0].inputs if item.items else ()
            rounds = tuple(Ref(Made(path, "group", flow, item.span, scope, item=item)) for flow in flows)
            self.chain(item.items, f"{path}.", rounds, scope)
            return Ref(made)
        if isinstance(item, Group):
            result = self.chain(item.items, f"{path}.", tuple(value for _, value in inputs), scope)
            return result if item.items else values[0]
        return Ref(made)

    def read(self, node: Node, scope: Scope) -> tuple[tuple[str | None, Value], ...]:
        """The values that an expression reads, by their names."""
        names = dict.fromkeys(part.name for part in node.walk() if isinstance(part, Name))
        return tuple((name, scope.flows[name]) for name in names if name in scope.flows)

    def value(self, node: Node, scope: Scope, span: Span) -> Value | None:
        """What an argument of a call, or an output, is: a value of the flow, or an expression in place."""
        if isinstance(node, Name) and node.name in scope.flows:
            return scope.flows[node.name]
        if isinstance(node, Items):
            several = [self.value(item, scope, span) for item in node.items]
            return None if None in several else tuple(value for value in several if value is not None)

        names = {**scope.values, **{name: type_of(value) for name, value in scope.flows.items()}}
        output = tensor_value(node, names)
        return Ref(Made("", "expression", output, span, scope, self.read(node, scope), node=node))


def parts(value: Value) -> tuple[Value, ...] | None:
    """The values that one of several is made of; None for one tensor."""
    if isinstance(value, tuple):
        return value
    flow = value.type
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return tuple(Ref(value.made, (*value.at, place)) for place in range(len(flow)))
    return None


def destructure(target: Node, value: Value) -> Iterator[tuple[str, Value]]:
    """The names of a target with their values."""
    if isinstance(target, Name):
        return iter([(target.name, value)])
    assert isinstance(target, Items)
    pairs = zip(target.items, parts(value) or (), strict=False)
    return (found for item, one in pairs for found in destructure(item, one))
