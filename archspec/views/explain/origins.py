"""Where everything in an unrolled network comes from: what each step takes from which, and what each name stands for.

A graph says what flows, not from where. Here its forward methods are followed once, without running anything, so that
every value knows what made it. Knows nothing of formulas, or of how any of it is told.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from archspec.expressions import Index, Items, Name, Node, Symbolic, lift, replaced
from archspec.expressions import Literal as Number
from archspec.graph import Argument, Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, Rounds, Step
from archspec.layers import Layer
from archspec.lower.lists import is_flow
from archspec.lower.tensors import rounds_of, tensor_value
from archspec.problems import Span
from archspec.tensors import TensorType


@dataclass(slots=True, eq=False)
class Producer:
    """Whatever made a value: an input, a layer, an expression, a tensor of the module; or a group of steps."""

    path: str
    """Dotted, as in `archspec.shapes`; empty for an expression that stands where a value is taken."""
    kind: Literal["input", "layer", "expression", "tensor", "group"]
    output: Flow | None
    span: Span
    scope: Scope
    inputs: tuple[tuple[str | None, Value], ...] = ()
    """What it takes, each with the name of the argument, if it is passed by name."""
    item: Item | Input | None = None
    node: Node | None = None
    """The expression."""
    called: bool = True
    """Whether the forward method runs it."""

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


@dataclass(frozen=True, slots=True)
class ValueRef:
    """A value: what made it, and which of its outputs."""

    made: Producer
    at: tuple[int, ...] = ()

    @property
    def type(self) -> Any:
        """What flows."""
        flow: Any = self.made.output
        for place in self.at:
            flow = flow[place] if isinstance(flow, tuple) else None
        return flow


Value: TypeAlias = "ValueRef | tuple[Value, ...]"


def type_of(value: Value) -> Any:
    """What flows, of a value or of several."""
    return value.type if isinstance(value, ValueRef) else tuple(map(type_of, value))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name of a number stands for: an expression in a scope, or the size of an axis."""

    kind: Literal["parameter", "passed", "let", "size", "given"]
    value: Any
    span: Span | None = None
    node: Node | None = None
    """What it is computed from, in the scope `scope`."""
    scope: Scope | None = None
    ref: ValueRef | None = None
    axis: int = 0


NOT_GIVEN: Mapping[str, Span | None] = {}


class Scope:
    """What the names in one class stand for."""

    def __init__(
        self,
        cls: Class,
        arguments: tuple[Argument, ...] = (),
        outer: Scope | None = None,
        given: Mapping[str, Span | None] = NOT_GIVEN,
    ) -> None:
        self.cls = cls
        self.values: dict[str, Any] = {"training": Symbolic(Name("training"), "bool"), **cls.values}
        self.parameters = {one.name: one for one in cls.parameters if not one.inferred}
        self.let = dict(cls.let)
        self.outer = outer
        self.arguments = {argument.name: argument for argument in arguments}
        self.given = given
        self.sizes: dict[str, tuple[ValueRef, int]] = {}
        self.flows: dict[str, Value] = {}
        """The values that flow, by name."""

    def bind(self, axes: tuple[Node, ...], value: Value) -> None:
        """Takes note of the sizes that the axes of a value name."""
        several = parts(value)
        if several is not None:  # of a list, each has the sizes that have a name
            value = several[0] if several else value
        if isinstance(value, ValueRef) and isinstance(value.type, TensorType):
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
        parameter = self.parameters.get(name)
        if parameter is not None:
            kind: Any = "given" if name in self.given else "parameter"
            node = parameter.default if parameter.computed and kind == "parameter" else None
            span = self.given[name] if kind == "given" else parameter.span
            return Meaning(kind, parameter.value, span, node, self)
        if name in self.let:
            return Meaning("let", value, None, self.let[name], self)
        if name in self.sizes:
            ref, axis = self.sizes[name]
            return Meaning("size", value, ref.made.span, ref=ref, axis=axis)
        return self.outer.meaning(name) if self.outer is not None and not self.declares(name) else None

    def declares(self, name: str) -> bool:
        """Whether it is one of the class's own parameters."""
        return name in self.parameters


def origins(graph: Graph, given: Mapping[str, Span | None] = NOT_GIVEN) -> dict[str, Producer]:
    """What made each value of an unrolled network, by the step's path. The inputs come first, by their names.

    `given` are the parameters that are not at their defaults: where a variant sets each, None where the caller does.
    """
    walk = _Walk()
    scope = Scope(graph.main, given=given)
    inputs = tuple(Producer(one.name, "input", one.type, one.span, scope, item=one) for one in graph.main.inputs)
    walk.follow(scope, "", tuple(map(ValueRef, inputs)), {})
    return {made.path: made for made in inputs} | walk.found


class _Walk:
    """Follows forward methods."""

    def __init__(self) -> None:
        self.found: dict[str, Producer] = {}

    def follow(self, scope: Scope, prefix: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value | None:
        """The value that a class returns for those inputs."""
        cls = scope.cls
        free = iter(one.name for one in cls.inputs if one.name not in named)
        scope.flows = {**dict(zip(free, values, strict=False)), **named}
        for one in cls.inputs:
            if one.name not in scope.flows:  # an optional one that nothing flows into
                scope.flows[one.name] = ValueRef(
                    Producer(f"{prefix}{one.name}", "input", one.type, one.span, scope, item=one)
                )
            scope.bind(one.axes, scope.flows[one.name])
        if cls.outputs is None:
            return self.chain(cls.items, prefix, values[:1], scope)
        for step in cls.written():
            self.step(step, prefix, scope)
            if not cls.runs(step):
                below = [path for path in self.found if f"{path}.".startswith(f"{prefix}{_key(step)}.")]
                for path in below:
                    self.found[path].called = False
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
        path = f"{prefix}{_key(step)}"
        result: Value | None
        if step.kind == "call":
            looping = loop_of(step)
            if looping is not None:
                result = self.rounds(step, looping, path, scope)
                self.give(step, result, scope)
                return
            arguments = [(name, self.value(node, scope, step.span)) for name, node in step.arguments]
            values = tuple(value for name, value in arguments if name is None and value is not None)
            named = {name: value for name, value in arguments if name is not None and value is not None}
            item = step.item if step.item is not None else step.again
            result = self.item(item, path, values, named, scope, step.span) if item is not None else None
        elif step.kind == "weight":
            made = Producer(path, "tensor", step.output, step.span, scope)
            self.found[path] = made
            result = ValueRef(made)
        else:
            ((_, node),) = step.arguments
            kind: Any = "expression" if step.kind == "compute" else "tensor"
            made = Producer(path, kind, step.output, step.span, scope, self.read(node, scope), node=node)
            self.found[path] = made
            result = ValueRef(made)
        self.give(step, result, scope)

    def give(self, step: Step, result: Value | None, scope: Scope) -> None:
        """Names what a step gives."""
        if result is not None:
            scope.flows |= dict(destructure(step.target, result))
            scope.bind(step.axes, result)

    def rounds(self, step: Step, group: Group, path: str, scope: Scope) -> Value | None:
        """What a loop gives whose rounds the forward method writes out."""
        rounds = group.rounds
        assert rounds is not None
        made = Producer(path, "group", group.output, step.span, scope, (), group)
        self.found[path] = made
        prefix = path if group.module is not None else f"{path}."
        arguments: list[tuple[str | None, Value | None]] = []
        results: list[Value | None] = []
        kept: dict[int, Value | None] = {}
        first: dict[str, Producer] = {}
        before = scope.flows
        for child, item in zip(group.items, self.bound(rounds, scope), strict=False):
            numbers = {name: lift(one) for name, one in item.items() if not isinstance(one, ValueRef | tuple)}
            scope.flows = {**before, **{name: one for name, one in item.items() if name not in numbers}}
            for place, (_, node) in enumerate(step.arguments):
                if place not in kept or rounds.stands_anew(node):
                    kept[place] = self.value(replaced(node, numbers), scope, step.span)
            arguments = [(name, kept[place]) for place, (name, _) in enumerate(step.arguments)]
            values = tuple(value for name, value in arguments if name is None and value is not None)
            named = {name: value for name, value in arguments if name is not None and value is not None}
            where = prefix if group.module is not None else f"{prefix}{getattr(child, 'name', None) or '*'}"
            result = self.item(child, where, values, named, scope)
            results.append(result)
            first = first or dict(self.found)
            if group.module is not None:  # it is explained by its first run, which `shapes` tells as well
                self.found |= first
            if result is None:
                break
            several = parts(result) if rounds.returned > 1 else None
            for place, part in enumerate((several or (result,))[: group.handed if not rounds.each else 0]):
                kept[place] = part
        scope.flows = before
        made.inputs = tuple((name, value) for name, value in arguments if value is not None)
        self.found[path] = made
        return None if None in results else self.gives(group, rounds, [one for one in results if one is not None], kept)

    def gives(
        self, group: Group, rounds: Rounds, results: list[Value], kept: Mapping[int, Value | None]
    ) -> Value | None:
        """The value of a loop, of what its rounds give."""
        if rounds.each:
            return tuple(results)
        if not rounds.collect:
            return results[-1] if results else kept.get(0)
        collected = []
        for result in results:
            rest = (parts(result) or ())[group.handed :] if rounds.returned > 1 else ()
            collected.append(result if not rest else rest[0] if len(rest) == 1 else rest)
        handed = tuple(value for place in range(max(1, group.handed)) if (value := kept.get(place)) is not None)
        return (handed[0] if len(handed) == 1 else handed, tuple(collected))

    def bound(self, rounds: Rounds, scope: Scope) -> Iterator[dict[str, Any]]:
        """What the names of a loop stand for in each round: values, and numbers as they are."""
        names = ChainMap({name: type_of(value) for name, value in scope.flows.items()}, scope.values)
        span, read = scope.cls.inputs[0].span, self.read(rounds.over, scope)
        for place, item in enumerate(rounds_of(rounds.over, names, rounds.over.text)):
            node = Index(rounds.over, Number(place))
            made = Producer("", "expression", item, span, scope, read, node=node)
            named = destructure(rounds.target, ValueRef(made))
            yield {name: value if is_flow(flow := type_of(value)) else flow for name, value in named}

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
        made = Producer(path, kind, item.output, item.span if span is None else span, scope, inputs, item)
        self.found[path] = made
        if isinstance(item, Call) and isinstance(item.layer, Class):
            inner = Scope(item.layer, item.arguments, scope)
            return self.follow(inner, f"{path}.", values, named)
        if isinstance(item, Loop | Branch):  # how often, or whether, depends on a parameter that has no value
            flows = item.items[0].inputs if item.items else ()
            rounds = tuple(ValueRef(Producer(path, "group", flow, item.span, scope, item=item)) for flow in flows)
            self.chain(item.items, f"{path}.", rounds, scope)
            return ValueRef(made)
        if isinstance(item, Group):
            result = self.chain(item.items, f"{path}.", tuple(value for _, value in inputs), scope)
            return result if item.items else values[0]
        return ValueRef(made)

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

        read = self.read(node, scope)
        names = ChainMap({str(name): type_of(value) for name, value in read}, scope.values)
        return ValueRef(Producer("", "expression", tensor_value(node, names), span, scope, read, node=node))


def loop_of(step: Step) -> Group | None:
    """The loop that a step is, if its rounds do more than hand values on."""
    item = step.item if step.item is not None else step.again
    return item if isinstance(item, Group) and item.rounds is not None else None


def parts(value: Value) -> tuple[Value, ...] | None:
    """The values that one of several is made of; None for one tensor."""
    if isinstance(value, tuple):
        return value
    flow = value.type
    if isinstance(flow, tuple):
        return tuple(ValueRef(value.made, (*value.at, place)) for place in range(len(flow)))
    return None


def destructure(target: Node, value: Value) -> Iterator[tuple[str, Value]]:
    """The names of a target with their values."""
    if isinstance(target, Name):
        return iter([(target.name, value)])
    assert isinstance(target, Items)
    pairs = zip(target.items, parts(value) or (), strict=False)
    return (found for item, one in pairs for found in destructure(item, one))


def _key(step: Step) -> str:
    """What stands for a step in paths: its module's name, as in the state_dict, or else its key in the spec."""
    named = step.item is not None and step.module is not None and isinstance(step.target, Name)
    return str(step.module) if named else step.key
