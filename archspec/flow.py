"""A network followed in the order in which PyTorch runs it: how values are bound, handed on and returned.

What a layer or an expression makes of a value is what each follower says for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from archspec import expressions
from archspec.expressions import (
    Binary,
    Compare,
    Conditional,
    Index,
    Items,
    Name,
    Node,
    Remembering,
    Slice,
    Starred,
    Unary,
    evaluate,
)
from archspec.expressions import unknown as unsettled
from archspec.graph import Branch, Call, Class, Flow, Group, Item, Loop, Rounds, Step
from archspec.layers import Layer
from archspec.problems import Span
from archspec.storage import CASTING, DROPPING, DROPPING_BY_DEFAULT
from archspec.tensors import Maybe, TensorType

Value: TypeAlias = Any
"""What flows: whatever a follower makes of a tensor, tuples of them, None in the place of a number."""

Mark: TypeAlias = tuple[int, ...]
"""How much had run when something began."""

LISTS = ("enumerate", "reversed", "sum", "zip")
"""Python's functions of lists, which may hold values."""

Scope: TypeAlias = Remembering
"""What the names of a class stand for: types of what flows, and numbers."""


T = TypeVar("T")


def leaves(value: Value, kind: type[T]) -> Iterator[T]:
    """Each tensor of what flows, as a follower has it, those in tuples and lists too."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part, kind)


class Applied:
    """A function, operator or index over what flows, where it stands in an expression."""

    __slots__ = ("name", "node", "output", "path", "scope")

    def __init__(self, name: str, node: Node, output: Any, path: str, scope: Scope) -> None:
        self.name = name
        self.node = node
        self.output = output
        self.path = path
        self.scope = scope


class Here(NamedTuple):
    """Where a line of a forward method stands: what names mean there, and the path of the module."""

    scope: Scope
    values: Mapping[str, Value]
    path: str


Arguments: TypeAlias = list[tuple[str | None, Value]]
"""The values that a module is called with, by name or by position."""


class Follower:
    """Follows a network whose parameters are bound, in training or in evaluation."""

    def __init__(self, *, training: bool) -> None:
        self.training = training
        self.span: Span | None = None
        """The step that runs."""
        self._types: dict[tuple[int, int], Any] = {}

    # What each follower says for itself.

    def tensor(self, step: Step) -> Value:
        """The value of a Parameter or Buffer."""
        raise AssertionError(step)

    def layer(self, call: Call, layer: Layer, inputs: list[Value], path: str) -> Value:
        """What a layer of the catalogue, or a class of the user's, makes of its inputs."""
        raise AssertionError(call)

    def function(self, applied: Applied, operands: list[Value]) -> Value:
        """What a function or operator makes of its operands."""
        raise AssertionError(applied)

    def undecided(self, item: Loop | Branch, inputs: list[Value], path: str) -> Value:
        """What comes out of steps that a parameter without a value repeats, or keeps."""
        raise AssertionError(item)

    def either(self, then: Value, otherwise: Value) -> Value:
        """One of two values, as a condition decides that is not known."""
        return then

    def part(self, value: Value, place: int, count: int) -> Value:
        """One of the parts of a tensor along its first axis."""
        return None

    def ran(self, inputs: list[Value], value: Value, start: Mark) -> Value:
        """What a block or group returns, which its caller holds the inputs of meanwhile; it began at `mark()`."""
        return value

    def ran_again(self, start: Mark, module: str, step: str) -> None:
        """A step has run the module of another one; it began at `mark()`."""

    def mark(self) -> Mark:
        """How much has run."""
        return ()

    def returned(self, values: list[Value]) -> None:
        """A class returns those values."""

    # Modules.

    def module_class(self, cls: Class, inputs: list[Value], named: Mapping[str, Value], path: str) -> Value:
        """Runs a class; what it returns."""
        if cls.sequential:
            value: Value = inputs[0] if inputs else next(iter(named.values()), None)
            for item in cls.items:
                value = self.item(item, [value], {}, path)
            self.returned([value])
            return value
        values: dict[str, Value] = {value.name: None for value in cls.inputs}
        values |= {**dict(zip(values, inputs, strict=False)), **named}
        types = {value.name: _there(value.type, values[value.name], value.optional) for value in cls.inputs}
        scope = Remembering(types, {"training": self.training}, cast("dict[str, Any]", cls.values))
        for step in cls.steps:
            scope.forget()
            self.span = step.span
            if step.kind in ("parameter", "buffer", "weight"):
                values[step.name], types[step.name] = self.tensor(step), step.output
                continue
            value = self.step(step, scope, values, path)
            self.bind(step.target, value, values)
            _bind_types(step.target, _there(step.output, value), types)
        assert cls.outputs is not None
        scope.forget()
        results = [self.expression(node, scope, values, f"{path}outputs") for node in cls.outputs.values]
        self.returned(results)
        return results[0] if cls.outputs.single and len(results) == 1 else tuple(results)

    def step(self, step: Step, scope: Scope, values: Mapping[str, Value], path: str) -> Value:
        """Runs one line of a forward method."""
        where = f"{path}{step.target.text}"
        anew = anew_places(step)
        arguments = [
            (key, None if place in anew else self.expression(node, scope, values, where))
            for place, (key, node) in enumerate(step.arguments)
        ]
        module = step.item or step.again
        if step.kind != "call" or module is None:
            return arguments[0][1]
        if isinstance(module, Group) and module.rounds is not None:
            return self.rounds(step, module, arguments, Here(scope, values, path))
        by_name = {key: one for key, one in arguments if key is not None}
        start = self.mark()
        value = self.item(module, [one for key, one in arguments if key is None], by_name, path)
        if step.again is not None:
            self.ran_again(start, f"{path}{step.module}", where)
        return value

    def rounds(self, step: Step, group: Group, arguments: Arguments, here: Here) -> Value:
        """Runs a loop whose rounds a forward method writes out."""
        rounds = group.rounds
        assert rounds is not None
        anew, returned = anew_places(step), list[Value]()
        prefix = here.path if group.module is not None else f"{here.path}{group.name}."
        for child, (types, bound) in zip(group.items, self.bound(rounds, here), strict=False):
            scope = Remembering(dict(types), *here.scope.maps)
            inside: Mapping[str, Value] = {**here.values, **bound}
            for place in sorted(anew):
                key, node = step.arguments[place]
                value = self.expression(node, scope, inside, f"{here.path}{step.target.text}")
                arguments = [*arguments[:place], (key, value), *arguments[place + 1 :]]
            by_name = {key: one for key, one in arguments if key is not None}
            value = self.item(child, [one for key, one in arguments if key is None], by_name, prefix)
            returned.append(value)
            if not rounds.each:
                parts = list(value) if rounds.returned > 1 and isinstance(value, tuple) else [value]
                handed = zip(arguments, parts[: group.handed], strict=False)
                arguments = [*((key, part) for (key, _), part in handed), *arguments[group.handed :]]
        return _of_rounds(group, rounds, [one for _, one in arguments], returned)

    def bound(self, rounds: Rounds, here: Here) -> Iterator[tuple[dict[str, Any], dict[str, Value]]]:
        """What the names of a loop stand for in each round: types and numbers, and values."""
        from archspec.lower.tensors import rounds_of  # here: many specs compute nothing

        items = rounds_of(rounds.over, here.scope, rounds.over.text)
        values = self.expression(rounds.over, here.scope, here.values, here.path)
        if not isinstance(values, tuple):  # a tensor, or numbers
            whole, count = values, len(items)
            values = tuple(self.part(whole, place, count) if whole is not None else None for place in range(count))
        for item, value in zip(items, values, strict=False):
            types: dict[str, Any] = {}
            names: dict[str, Value] = {}
            _bind_types(rounds.target, item, types)
            self.bind(rounds.target, value if value is not None else _nothing(item), names)
            yield types, names

    def item(self, item: Item, inputs: list[Value], named: dict[str, Value], prefix: str) -> Value:
        """Runs one module."""
        if isinstance(item, Loop | Branch):
            return self.undecided(item, [*inputs, *named.values()], prefix)
        path = f"{prefix}{item.name or '*'}"
        before, start = self.span, self.mark()
        if isinstance(item, Call) and isinstance(item.layer, Layer):
            return self.layer(item, item.layer, [*inputs, *named.values()], path)
        if isinstance(item, Call):
            assert isinstance(item.layer, Class)
            value = self.module_class(item.layer, inputs, named, f"{path}.")
        else:
            value = self.group(item, [*inputs, *named.values()], f"{path}.")
        self.span = before
        return self.ran([*inputs, *named.values()], value, start)

    def group(self, group: Group, inputs: list[Value], prefix: str) -> Value:
        """Runs modules one after another, each on what the one before returned."""
        value = tuple(inputs[: group.handed]) if group.handed > 1 else inputs[0]
        for child in group.items:
            value = self.item(child, inputs if group.listed else [value], {}, prefix)
            parts = list(value) if isinstance(value, tuple) else [value]
            inputs = [*parts, *inputs[len(parts) :]]
        return value

    # Expressions.

    def expression(self, node: Node, scope: Scope, values: Mapping[str, Value], path: str) -> Value:
        """What an expression makes, part by part."""
        from archspec.lower.tensors import holds_tensor  # here: as many specs compute nothing

        if not holds_tensor(node, scope):
            return None
        if isinstance(node, Name):
            return values.get(node.name)

        def within(part: Node) -> Value:
            return self.expression(part, scope, values, path)

        if isinstance(node, Items):
            return tuple(self.several(node.items, scope, within))
        if isinstance(node, Conditional):
            return self.conditional(node, scope, within)
        if isinstance(node, Index):
            value = within(node.value)
            if isinstance(value, tuple):
                place: Any = _place(node.index, scope)
                part: Value = value[place]
                return part
            items = node.index.items if isinstance(node.index, Items) else (node.index,)
            return self.apply("index", node, [value, *map(within, items)], scope, path)
        if isinstance(node, expressions.FunctionCall) and node.function in LISTS:
            whole = self.listed(node, scope, within)
            if whole is not None:
                return whole
        if isinstance(node, expressions.FunctionCall):
            parts = self.several(node.arguments, scope, within)
            operands = [*parts, *(within(part) for _, part in node.keywords)]
            return self.apply(node.function, node, operands, scope, path)
        if isinstance(node, Unary | Binary):
            return self.apply(node.operator, node, [within(part) for part in node.children], scope, path)
        assert isinstance(node, Compare)
        return self.apply("<", node, [within(part) for part in node.operands], scope, path)

    def several(self, nodes: tuple[Node, ...], scope: Scope, within: Callable[[Node], Value]) -> Iterator[Value]:
        """The values of some expressions, of which `*values` stands for each of a list's."""
        from archspec.lower.tensors import present  # here: as above

        for node in nodes:
            if not isinstance(node, Starred):
                yield within(node)
                continue
            value = within(node.value)
            yield from value if isinstance(value, tuple) else (None,) * len(present(node.value, scope))

    def listed(self, node: expressions.FunctionCall, scope: Scope, within: Callable[[Node], Value]) -> Value:
        """The value of one of Python's functions of lists; None where it is called with tensors."""
        from archspec.lower.tensors import tensor_value  # here: as above

        types = [tensor_value(part, scope) for part in node.arguments]
        if not isinstance(types[0], tuple) or isinstance(types[0], TensorType):
            return None
        values = [within(part) for part in node.arguments]
        lists = [
            value if isinstance(value, tuple) else (None,) * (len(flow) if isinstance(flow, tuple) else 0)
            for value, flow in zip(values, types, strict=True)
        ]
        match node.function:
            case "reversed":
                return tuple(reversed(lists[0]))
            case "enumerate":
                return tuple((None, value) for value in lists[0])
            case "zip":
                return tuple(zip(*lists, strict=False))
            case "sum":
                return self.apply("sum", node, list(lists[0]), scope, "")
        return None

    def conditional(self, node: Conditional, scope: Scope, within: Callable[[Node], Value]) -> Value:
        """One side of a condition, or either of them."""
        condition = evaluate(node.condition, scope)
        if unsettled(condition):
            return self.either(within(node.then), within(node.otherwise))
        return within(node.then if condition else node.otherwise)

    def apply(self, name: str, node: Node, operands: list[Value], scope: Scope, path: str) -> Value:
        """A function, with the type of what comes out."""
        from archspec.lower.tensors import tensor_value  # here: as above

        key = id(scope.maps[-1]), id(node)  # what parameters and sizes are says what everything else is
        if len(scope.maps) > 3:  # and what a loop binds is another value in each round
            return self.function(_without_effect(Applied(name, node, tensor_value(node, scope), path, scope)), operands)
        if key not in self._types:
            self._types[key] = tensor_value(node, scope)
        applied = Applied(name, node, self._types[key], path, scope)
        return self.function(_without_effect(applied), operands)

    def bind(self, target: Node, value: Value, names: dict[str, Value]) -> None:
        """Names a value, or its parts."""
        if isinstance(target, Name):
            names[target.name] = value
            return
        assert isinstance(target, Items)
        count = len(target.items)
        parts = value if isinstance(value, tuple) else tuple(self.part(value, n, count) for n in range(count))
        for one, part in zip_longest(target.items, parts[:count]):
            self.bind(one, part, names)


def _place(node: Node, scope: Scope) -> Any:
    """Which item of a list is meant, or which of them."""
    from archspec.lower.tensors import present  # here: many specs compute nothing

    return evaluate(node, scope) if isinstance(node, Slice) else present(node, scope)


def anew_places(step: Step) -> frozenset[int]:
    """The places of the arguments that are evaluated anew in each round of a loop."""
    item = step.item or step.again
    item = item.items[0] if isinstance(item, Branch) and item.items else item
    rounds = item.rounds if isinstance(item, Group) else None
    if rounds is None:
        return frozenset()
    return frozenset(place for place, (_, node) in enumerate(step.arguments) if rounds.stands_anew(node))


def _nothing(item: Any) -> Value:
    """None for each number that a loop binds in one round."""
    inside = isinstance(item, tuple)
    return tuple(map(_nothing, item)) if inside else None


def _of_rounds(group: Group, rounds: Rounds, arguments: list[Value], returned: list[Value]) -> Value:
    """What the rounds of a loop come to."""
    if rounds.each:
        return tuple(returned)
    if not rounds.collect:
        return returned[-1] if returned else arguments[0]
    collected = []
    for value in returned:
        parts = value[group.handed :] if rounds.returned > 1 and isinstance(value, tuple) else ()
        collected.append(value if not parts else parts[0] if len(parts) == 1 else parts)
    handed = arguments[: max(1, group.handed)]
    return handed[0] if len(handed) == 1 else tuple(handed), tuple(collected)


def _without_effect(applied: Applied) -> Applied:
    """The same, by the name `Identity` where it returns its input itself."""
    idle = (applied.name in DROPPING and not _drops(applied)) or (applied.name in CASTING and not _casts(applied))
    return Applied("Identity", applied.node, applied.output, applied.path, applied.scope) if idle else applied


def _casts(applied: Applied) -> bool:
    """Whether a cast makes a new tensor: of another dtype than it takes."""
    from archspec.lower.tensors import tensor_value  # here: as many specs compute nothing

    assert isinstance(applied.node, expressions.FunctionCall)
    first = applied.node.arguments[0] if applied.node.arguments else applied.node.keywords[0][1]
    given = tensor_value(first, applied.scope)
    return not (
        isinstance(given, TensorType) and isinstance(applied.output, TensorType) and given.dtype == applied.output.dtype
    )


def _drops(applied: Applied) -> bool:
    """Whether a dropout function makes a new tensor: it drops something, and does so now."""
    assert isinstance(applied.node, expressions.FunctionCall)
    given = dict(zip(("input", "p", "training"), applied.node.arguments, strict=False)) | dict(applied.node.keywords)
    training = (
        evaluate(given["training"], applied.scope) if "training" in given else applied.name in DROPPING_BY_DEFAULT
    )
    return training is not False and ("p" not in given or evaluate(given["p"], applied.scope) != 0)


def arguments(applied: Applied) -> dict[str, Any]:
    """The arguments of a call by name: types of tensors, and values of all else."""
    from archspec.functions import FUNCTIONS  # here: as many specs compute nothing
    from archspec.lower.tensors import spread, tensor_value  # here: likewise

    assert isinstance(applied.node, expressions.FunctionCall)
    node, scope = spread(applied.node, applied.scope), applied.scope

    def value(part: Node) -> Any:
        word = isinstance(part, Name) and part.name not in scope  # such as a dtype
        return part.text if word else tensor_value(part, scope)

    keywords = {name: value(part) for name, part in node.keywords}
    return dict(FUNCTIONS[applied.name].bind(*map(value, node.arguments), **keywords).arguments)


def picks(node: Index, scope: Scope) -> bool:
    """Whether an index takes numbers by their places, so that PyTorch returns a view: no tensor stands in it."""
    from archspec.lower.tensors import holds_tensor  # here: as above

    items = node.index.items if isinstance(node.index, Items) else (node.index,)
    return not any(holds_tensor(item, scope) for item in items if not isinstance(item, Slice))


def _there(flow: Any, value: Value, optional: bool = False) -> Any:
    """The type of a value that may be left out, in this run: None where it is."""
    if isinstance(flow, Maybe) or optional:
        return None if value is None else flow.given if isinstance(flow, Maybe) else flow
    return flow


def _bind_types(target: Node, flow: Flow | None, names: dict[str, Any]) -> None:
    if isinstance(target, Name):
        names[target.name] = flow
    elif isinstance(target, Items):
        parts = flow if isinstance(flow, tuple) else ()
        for one, part in zip_longest(target.items, parts[: len(target.items)]):
            _bind_types(one, part, names)
