"""Expressions of the spec as Python: values as variables, parameters from `self`, functions by their full names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archspec.dimensions import PRIMARY, SUM, Dimension, is_unknown, show
from archspec.document import variable_problem
from archspec.emit.inlining import METHODS
from archspec.emit.statement import Comprehension, PythonCall, PythonList, Text
from archspec.emit.text import WIDTH, member
from archspec.emit.values import ForwardValue, indexed, is_each, loop_of, named_from
from archspec.emit.variables import TAKEN, MethodPlan
from archspec.expressions import (
    CONSTANTS,
    Binary,
    Conditional,
    Embedded,
    FunctionCall,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Slice,
    Starred,
    Unary,
    Word,
    replaced,
    with_constants,
)
from archspec.expressions import FUNCTIONS as NUMBERS
from archspec.graph import Class, Step, names_in
from archspec.lower.headers import header_of, rounds_of, runs_one
from archspec.lower.leading import compile_size, is_leading
from archspec.lower.lists import FUNCTIONS as LISTS
from archspec.lower.lists import GIVING
from archspec.lower.names import condition_of
from archspec.lower.sizes import isolated
from archspec.tensors import Chain, Series

if TYPE_CHECKING:
    from archspec.functions import Function

_AS_METHOD = {"broadcast_to": "expand"}
"""Functions whose method has another name."""

_UNPACKING = ("expand", "permute", "repeat", "reshape", "view")  # methods whose one list is given item by item


def numbered(axes: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    """The axes that a shape names, each with its number: from the end where any number of others may stand before."""
    named = [(axis, node) for axis, node in enumerate(axes) if not is_leading(node)]
    return ((axis - len(axes) if len(named) < len(axes) else axis, node) for axis, node in named)


class Sizes:
    """Names of sizes: from which axis of a value each is read."""

    def __init__(self, cls: Class) -> None:
        self.declared = {parameter.name for parameter in cls.parameters} | {name for name, _ in cls.let}
        self.axes = {
            node.name: (place, axis)
            for place, value in reversed(list(enumerate(cls.inputs)))
            for axis, node in reversed(list(numbered(value.axes)))
            if isinstance(node, Name) and not value.optional and not self.is_held(node.name)
        }
        """Which input, and which of its axes."""
        self.solved: dict[str, Node] = {}
        """The expressions of those axes that are no name alone, by the name that each says, in the order of need."""
        axes = [
            (place, axis, node)
            for place, value in enumerate(cls.inputs)
            for axis, node in numbered(value.axes if not value.optional else ())
        ]
        self.axes |= {
            name: (axes[at][0], axes[at][1])
            for name, at in self.solve([node for _, _, node in axes], {*self.axes, *self.declared}).items()
        }
        self.bound: set[str] = set()
        """Those that steps have named so far."""
        self.computed: dict[str, Node] = {}
        """The names of `let:` that only the forward method can compute, as they are made of sizes that it reads."""
        for name, node in cls.let:
            if names_in(node) & ({*self.axes, *self.computed} - {parameter.name for parameter in cls.parameters}):
                self.computed[name] = node

    def is_held(self, name: str) -> bool:
        """Whether a parameter is read from `self`, as no variable may be called so: `F`."""
        return name in self.declared and variable_problem(name) is not None

    def solve(self, axes: Sequence[Node], known: set[str]) -> dict[str, int]:
        """The names that axes say beside known ones, each with the place of its axis."""
        found: dict[str, int] = {}
        while True:
            before = len(found)
            for place, node in enumerate(axes):
                new = names_in(node) - known
                name = new.pop() if len(new) == 1 else None
                if name is not None and isolated(node, name, node) is not None:
                    known = {*known, name}
                    found[name] = place
                    self.solved[name] = node
            if len(found) == before:
                return found

    def needed(self, names: Iterable[str]) -> list[str]:
        """These names of sizes, and those that they are worked out from."""
        found = dict.fromkeys(names)
        for name in reversed(self.solved):
            if name in found:
                found |= dict.fromkeys(names_in(self.solved[name]) - {name})
        return list(found)

    def bind(self, step: Step, read: set[str]) -> dict[str, int]:
        """The names that a step binds and that a later line reads, with their axes."""
        known = {*self.axes, *self.declared, *self.bound}
        axes = list(numbered(step.axes))
        names = {node.name: axis for axis, node in reversed(axes) if isinstance(node, Name) and node.name not in known}
        found = self.solve([node for _, node in axes], {*known, *names})
        names |= {name: axes[place][0] for name, place in found.items()}
        new = {name: names[name] for name in self.needed(name for name in names if name in read) if name in names}
        self.bound.update(new)
        return new


class Translation:
    """Writes expressions, and notes what they read of `self` and of the sizes of the inputs."""

    def __init__(self, sizes: Sizes, plan: MethodPlan | None, attributes: Mapping[str, str], kept: set[str]) -> None:
        self.sizes = sizes
        self.plan = plan
        self.attributes = attributes
        self.kept = kept
        self.read_sizes: dict[str, None] = {}
        self.read_parameters: set[str] = set()
        steps = plan.values.cls.steps if plan is not None else ()
        rounds = filter(None, map(rounds_of, steps))
        self.loop_names = {name for one in rounds for name in names_in(one.target)}
        self.bound: Mapping[str, Node] = {}
        """The variables of what loops bind, where they are called otherwise: `F` is taken for the functions."""
        if plan is not None:
            self.bound = {name: Name(plan.names.fresh(name)) for name in sorted(self.loop_names & TAKEN)}
        self.room = WIDTH  # what a line has for a value
        self.modules: Mapping[str, str] = {}  # in a round of a loop: modules that are variables, or items of one
        self.around: Callable[[str], Node | None] = lambda name: None  # likewise: what names mean that are none of it

    def step(self, index: int) -> Node:
        """A step's expression, or the call of its module."""
        assert self.plan is not None
        step = self.plan.values.cls.steps[index]
        values = self.plan.values.read[index]
        if step.kind == "compute":
            return self.node(step.arguments[0][1], values)
        condition = condition_of(step)
        named = named_from(step)
        arguments = tuple(
            (name if place >= named else None, self.node(node, values))
            for place, (name, node) in enumerate(step.arguments)
        )
        call = PythonCall(self.runs(step), arguments)
        if is_each(step):
            return Comprehension(call, f"for {self.header(index)}")
        if condition is None:
            return call
        return Conditional(self.node(condition, {}), call, self.node(step.arguments[0][1], values))

    def runs(self, step: Step) -> str:
        """What a step calls: its module, or in a loop over modules the one of the round."""
        assert self.plan is not None
        loops = rounds_of(step) is not None or loop_of(step) is not None
        return self.plan.layer if loops and not runs_one(step) else self.module(step)

    def module(self, step: Step) -> str:
        """A step's module, as the forward method reads it."""
        name = str(step.module)
        if name in self.modules:
            return self.modules[name]
        return member(name, text=lambda number: self.node(number, {}).text)

    def header(self, index: int, modules: Sequence[tuple[str, str]] | None = None) -> str:
        """What a loop binds, and over what it runs: `layer, skip in zip(self.up, skips)`.

        `modules` are its lists of modules, each with its variable, where that is not the one of the step.
        """
        assert self.plan is not None
        step = self.plan.values.cls.steps[index]
        values = self.plan.values.read[index]
        header = header_of(step)
        if header is None:
            return f"{self.plan.layer} in {self.module(step)}"
        bound = [(replaced(target, self.bound), self.over(one, values)) for target, one in header.pairs]
        pairs = [(target.text.strip("()").removesuffix(","), over) for target, over in bound]
        nested = [isinstance(target, Items) for target, _ in header.pairs]
        lists = modules if modules is not None else () if runs_one(step) else ((self.plan.layer, self.module(step)),)
        pairs[:0], nested[:0] = lists, [False] * len(lists)
        count = self.variable(header.count).text if header.count is not None else "_"
        if header.over is not None and not pairs:
            over = self.over(header.over, values)
            counts = isinstance(header.over, FunctionCall) and header.over.function == "enumerate"
            return f"{count}, _ in {over}" if counts else f"{count} in {over}"
        target, over = pairs[0] if pairs else ("_", "")
        if len(pairs) > 1:
            target = ", ".join(f"({one})" if inside else one for (one, _), inside in zip(pairs, nested, strict=True))
            over = f"zip({', '.join(one for _, one in pairs)})"
        if header.count is None:
            return f"{target} in {over}"
        start = f", {self.node(header.start, values).within()}" if header.start is not None else ""
        inside = f"({target})" if len(pairs) > 1 or any(nested) else target
        return f"{count}, {inside} in enumerate({over}{start})"

    def variable(self, name: str) -> Node:
        """What a loop binds, as the method calls it."""
        return self.bound.get(name, Name(name))

    def over(self, node: Node, values: Mapping[str, ForwardValue]) -> str:
        """A list that a loop runs over: what need not be a list is none."""
        if isinstance(node, FunctionCall) and node.function == "reversed":
            return f"reversed({self.node(node.arguments[0], values).text})"
        return self.node(node, values).text

    def node(self, node: Node, values: Mapping[str, ForwardValue]) -> Node:
        """An expression, where names stand for these values."""
        part = indexed(node, values)
        if part is not None:
            return part.expression()
        match node:
            case Name():
                return self.name(node, values)
            case Embedded() if isinstance(node.value, Dimension) and not is_unknown(node.value):
                return self.node(compile_size(show(node.value)), values)
            case Binary() if _joins(node):
                return Items(tuple(self.entries(node, values)))
            case Index(value=FunctionCall(function="reversed") as backwards, index=Name()):
                place = Binary("-", Unary("-", Literal(1)), self.node(node.index, values))
                return Index(self.node(backwards.arguments[0], values), place)
            case Items():
                items = tuple(self.node(item, values) for item in node.items)
                return PythonList(items) if node.listed else Items(items)
            case FunctionCall():
                return self.function(node, values)
        return node.map(lambda part: self.node(part, values))

    def is_list(self, node: Node, values: Mapping[str, ForwardValue]) -> bool:
        """Whether an expression is a list of values, for all that its text and its values say."""
        match node:
            case Name():
                flow = values[node.name].flow if node.name in values else None
                return isinstance(flow, Series | Chain | tuple)
            case Items():
                return True
            case FunctionCall():
                given = bool(node.arguments) and self.is_list(node.arguments[0], values)
                return node.function in GIVING or (node.function in ("reversed", "enumerate", "zip") and given)
            case Index():
                return isinstance(node.index, Slice) and self.is_list(node.value, values)
        return False

    def of_list(self, node: FunctionCall, values: Mapping[str, ForwardValue]) -> Node | None:
        """One of Python's functions of lists; None where it is called with anything else."""
        name = node.function
        if name not in LISTS or node.keywords or not node.arguments or not self.is_list(node.arguments[0], values):
            return None
        arguments = tuple(self.node(argument, values) for argument in node.arguments)
        if name == "reversed":
            return Index(arguments[0], Slice(None, None, Unary("-", Literal(1))))
        if name != "sum":
            return FunctionCall(name, arguments)
        (items,) = arguments
        if isinstance(items, Items) and items.items and not any(isinstance(item, Starred) for item in items.items):
            whole, *others = items.items
            for other in others:
                whole = Binary("+", whole, other)
            return whole
        text = items.within(PRIMARY)
        if any(isinstance(part, PythonCall | FunctionCall) for part in items.walk()):
            return Text(f"sum({text})")  # what computes the list is written once, as it may draw numbers
        return Text(f"sum({text}[1:], {text}[0])")  # with a first one, as the sum of none would be a number

    def entries(self, node: Node, values: Mapping[str, ForwardValue]) -> Iterator[Node]:
        """The entries of a list within another one: all of a name's value, which may be a list or a tuple."""
        if isinstance(node, Items):
            yield from (self.node(item, values) for item in node.items)
        elif isinstance(node, Binary) and _joins(node):
            yield from (*self.entries(node.left, values), *self.entries(node.right, values))
        else:
            yield Text(f"*{self.node(node, values).within(SUM)}")

    def name(self, node: Name, values: Mapping[str, ForwardValue]) -> Node:
        name = node.name
        if name in values:
            return self.value(values[name])
        if name == "training":
            return Text("self.training")
        if (outer := self.around(name)) is not None:
            return outer
        if name in self.sizes.axes and name not in self.kept:
            self.read_sizes[name] = None
            return Name(name)
        if name in self.sizes.computed and name not in self.kept:
            return self.node(self.sizes.computed[name], values)
        if name in self.sizes.declared:
            self.read_parameters.add(name)
            return Text(f"self.{self.attributes.get(name, name)}")
        return self.bound[name] if name in self.bound else with_constants(node)

    def value(self, value: ForwardValue) -> Node:
        """A value as it is read: its variable, or the call that makes it."""
        plan = self.plan
        if plan is not None and value.step >= 0 and plan.root[value.step] != value.step:
            return self.step(value.step)
        return value.expression()

    def is_word(self, node: Node, values: Mapping[str, ForwardValue]) -> bool:
        """Whether a name is none that is declared, but a word that stands for itself."""
        if not isinstance(node, Name) or node.name == "training" or node.name in CONSTANTS:
            return False
        if self.plan is None:  # in a constructor every other name is a parameter, or computed from some
            return isinstance(node, Word)
        if node.name in self.loop_names:
            return False
        return not any(node.name in names for names in (values, self.sizes.axes, self.sizes.declared, self.sizes.bound))

    # Functions.

    def function(self, node: FunctionCall, values: Mapping[str, ForwardValue]) -> Node:
        if (listed := self.of_list(node, values)) is not None:
            return listed
        arguments = tuple(_as_tuple(self.node(argument, values)) for argument in node.arguments)
        keywords = tuple(
            (name, _word(name, value.text) if self.is_word(value, values) else _as_tuple(self.node(value, values)))
            for name, value in node.keywords
        )
        from archspec.functions import FUNCTIONS  # here: it is large, and many specs compute nothing

        function = FUNCTIONS.get(node.function)
        if function is None or not self.is_tensor(node, values):
            return FunctionCall(node.function, arguments, keywords)
        inside: list[tuple[str | None, Node]] = [
            (None, _word("dtype", node.arguments[place].text) if self.is_dtype(function, place, node, values) else one)
            for place, one in enumerate(arguments)
        ]
        inside += [
            (name, _word(name, value.value) if isinstance(value, Literal) else value) for name, value in keywords
        ]
        if function.makes and self.plan is not None:
            inside.append(("device", Text(self.device(self.plan))))
        return self.method(function, inside) or PythonCall(function.python, tuple(inside))

    def is_dtype(self, function: Function, place: int, node: FunctionCall, values: Mapping[str, ForwardValue]) -> bool:
        """Whether an argument by position is a dtype."""
        parameter = dict(enumerate(function.parameters.values())).get(place)
        takes = parameter is not None and parameter.name == "dtype" and parameter.kind is not parameter.KEYWORD_ONLY
        return takes and self.is_word(node.arguments[place], values)

    def method(self, function: Function, arguments: list[tuple[str | None, Node]]) -> PythonCall | None:
        """A function as people call it: `q.reshape(B, T, C).transpose(1, 2)`; None where it is no such function.

        How a formatter breaks a chain of methods depends on much; what does not fit on a line is no chain.
        """
        name = _AS_METHOD.get(function.name, function.name)
        known = name in METHODS or function.python.startswith("Tensor.")
        if not known or not arguments or arguments[0][0] is not None:
            return None
        (_, tensor), *rest = arguments
        if name in _UNPACKING and len(rest) == 1 and rest[0][0] is None and isinstance(rest[0][1], Items):
            rest = [(None, item) for item in rest[0][1].items] or rest  # `x.view(())` has no other form
        tensor = _flattened(tensor) if isinstance(tensor, PythonCall) else tensor
        call = PythonCall(f"{tensor.within(PRIMARY)}.{name}", tuple(rest))
        chained = isinstance(tensor, PythonCall) or len(call.head) > 40
        return None if chained and len(call.text) > self.room else call

    def is_tensor(self, node: FunctionCall, values: Mapping[str, ForwardValue]) -> bool:
        """Whether a function that numbers have, too, is that of tensors here."""
        if node.function not in NUMBERS:
            return True
        return any(
            part.name in values
            if isinstance(part, Name)
            else isinstance(part, FunctionCall) and part.function not in NUMBERS
            for part in node.walk()
        )

    def device(self, plan: MethodPlan) -> str:
        """The device of the inputs."""
        inputs = zip(plan.values.cls.inputs, plan.arguments, strict=True)
        variable, flow = next((name, one.type) for one, name in sorted(inputs, key=lambda pair: pair[0].optional))
        while isinstance(flow, tuple | Series):
            variable, flow = f"{variable}[0]", flow.item if isinstance(flow, Series) else flow[0]
        return f"{variable}.device"


def naming(variable: str, names: Mapping[str, int], rank: int, translation: Translation) -> Iterator[str]:
    """The line that gives names to the sizes that are axes: `N, T, _ = x.shape`."""
    plain = {axis: name for name, axis in names.items() if name not in translation.sizes.solved}
    if len(plain) == 1:
        ((axis, name),) = plain.items()
        yield f"{name} = {variable}.shape[{axis}]"
    elif plain and min(plain) < 0:
        yield f"{', '.join(plain.get(axis, '_') for axis in range(min(plain), 0))} = {variable}.shape[{min(plain)}:]"
    elif plain:
        yield f"{', '.join(plain.get(axis, '_') for axis in range(rank))} = {variable}.shape"


def solving(name: str, variable: str, axis: int, translation: Translation) -> str:
    """The line that works out a size: `h = x.shape[2] // 16`."""
    value = isolated(translation.sizes.solved[name], name, Text(f"{variable}.shape[{axis}]"))
    assert value is not None, "a size that no axis says"
    return f"{name} = {translation.node(value, {}).text}"


def _flattened(call: PythonCall) -> PythonCall:
    """`torch.flatten(x, 2)` as `x.flatten(2)`, as people write it where a method follows."""
    if call.head != "torch.flatten" or not call.arguments or call.arguments[0][0] is not None:
        return call
    (_, tensor), *rest = call.arguments
    return PythonCall(f"{tensor.within(PRIMARY)}.flatten", tuple(rest))


def _joins(node: Binary) -> bool:
    """Whether it joins lists, one of which is written out."""
    sides = (node.left, node.right)
    return node.operator == "+" and any(isinstance(s, Items) or (isinstance(s, Binary) and _joins(s)) for s in sides)


def _as_tuple(node: Node) -> Node:
    """An argument: a list that is written there, or in there, is written as a tuple."""
    if isinstance(node, Conditional):
        return Conditional(node.condition, _as_tuple(node.then), _as_tuple(node.otherwise))
    return Items(tuple(map(_as_tuple, node.items))) if isinstance(node, Items) else node


def _word(name: str, value: Any) -> Node:
    """A literal as an argument: a dtype goes by its name in torch."""
    return Text(f"torch.{value}") if name == "dtype" and isinstance(value, str) else Literal(value)
