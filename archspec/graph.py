"""What a document means: a frozen graph of classes, their steps, and the types of everything that flows.

The one truth that every output reads. The same form holds a network with its parameters bound and its loops
unrolled, and one with its parameters as symbols and its loops as loops. Knows nothing of YAML, of PyTorch or of
how it is printed as source.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Embedded, Items, Name, Node, Symbolic, UndecidedError, Word, literal_text, parse
from archspec.initializers import parametrized
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.problems import Problem, Span, SpecError
from archspec.tensors import Series, TensorType, flow_text

Flow: TypeAlias = TensorType | tuple[Any, ...] | Series
"""A tensor, or (nested) tuples and lists of them."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a constructor. `node` is what the spec says; it is None where the value was inferred."""

    name: str
    value: Any
    node: Node | None
    span: Span


@dataclass(frozen=True, slots=True)
class Tie:
    """What a layer's argument says: its own parameter `weight` is the one at the dotted path `other`."""

    weight: str
    other: str
    span: Span


@dataclass(frozen=True, slots=True)
class Sharing:
    """A tie resolved: the parameter `weight` of the module at `module` is replaced by the one at `other`.

    Both paths lead from the class, group or module that has it; `module` is empty for the latter itself. A `*` in
    `module` stands for every module that a loop makes.
    """

    module: str
    weight: str
    other: str
    span: Span
    layer: str = ""
    """The name of the class whose parameter is replaced; empty where that depends on a parameter of the network."""
    owner: str = ""
    """The name of the class that has the other parameter; empty likewise, and for a Parameter of the spec."""
    within: int | None = None
    """For a module that stands at no certain place: how many groups `other` is to be looked up outwards, 0 being the
    module itself. None is the class."""
    group: str = ""
    """The class of a group of named steps whose modules are meant: those in its list `collected`."""
    collected: str = ""
    """The list to which a module of such a group, which stands at no certain place, is added for a class around it."""


@dataclass(frozen=True, slots=True)
class Fill:
    """How a weight begins: the function of torch.nn.init that fills `weight`, a name below the module that says so.

    `pattern` says that the name may hold `*`, and that any weight below is meant that fits. A weight that is there on
    some condition alone is `uncertain`.
    """

    weight: str
    function: str
    arguments: tuple[Argument, ...]
    span: Span
    pattern: bool = False
    uncertain: bool = False
    general: bool = False
    """Whether a rule for the layer's class says it, so that rules by name are more exact."""


@dataclass(frozen=True, slots=True)
class Parametrization:
    """A function of torch.nn.utils.parametrizations that is put on a weight of a layer once it has its values."""

    weight: str
    function: str
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """How weights begin that no step says it of: those of all layers of a class, or those of a pattern of names.

    `cls` is the class of the layer or block; it is empty where the fills' names are those of the whole network.
    """

    cls: str
    fills: tuple[Fill, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A module in its place: a layer of the catalogue, or a block. `name` is its key, None where a loop counts it.

    `held` is the parameter that holds the layer, where one does. `ties` are the weights that it shares, as the spec
    says it; `shared` is what its constructor does about them, where a loop or condition makes it. `keys` are the names
    by which its inputs go, None for those that go by position; only a layer of the catalogue has them.
    """

    name: str | None
    layer: Layer | Class
    arguments: tuple[Argument, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    held: str | None = None
    ties: tuple[Tie, ...] = ()
    keys: tuple[str | None, ...] = ()
    shared: tuple[Sharing, ...] = ()
    initial: tuple[Fill, ...] = ()
    parametrized: tuple[Parametrization, ...] = ()
    trainable: bool = True

    def macs(self) -> Size:
        """Multiply-accumulates of the layer, run once."""
        assert isinstance(self.layer, Layer)
        positional, named = self.layer.bind(self.keys, self.inputs)
        return self.layer.macs(self.output, *positional, **named)

    def weights(self) -> tuple[Weight, ...]:
        """The tensors of a layer's state_dict, in PyTorch's order, with what its parametrizations make of them."""
        assert isinstance(self.layer, Layer)
        found = {weight.name: weight for weight in self.layer.weights()}
        made = []
        for one in self.parametrized:
            weight = found.pop(one.weight, None)
            values = {argument.name: argument.value for argument in one.arguments}
            transposed = type(self.layer).__name__.startswith("ConvTranspose")
            parts = parametrized(one.function, one.weight, weight.shape, values, transposed) if weight else ()
            made += [Weight(name, shape, weight.dtype, learns) for name, shape, learns in parts if weight is not None]
        return (*found.values(), *made)

    def parameter_count(self) -> Size:
        """How many learnable numbers a layer holds; unknown where that depends on a parameter that has no value."""
        assert isinstance(self.layer, Layer)
        if not self.parametrized:
            return self.layer.parameter_count()
        try:
            return sum((weight.numel for weight in self.weights() if weight.learnable), start=0)
        except UndecidedError:
            return dimensions.of(dimensions.Unknown("a parameter has no value"))

    @property
    def type_name(self) -> str:
        """The name of its class."""
        return self.layer.name if isinstance(self.layer, Class | OwnLayer) else type(self.layer).__name__


@dataclass(frozen=True, slots=True)
class Rounds:
    """How the forward method runs the rounds of a loop, where that is more than handing values on.

    `target` is what the loop binds, `over` what it runs over: the arguments of the step that read a name of the target
    stand anew in each round. With `each` the rounds stand side by side, and the value is the list of what they return;
    with `collect` the value is what is handed on, and the list of the rest. `returned` is how many values a round
    returns.
    """

    target: Node
    over: Node
    each: bool = False
    collect: bool = False
    returned: int = 1

    def stands_anew(self, node: Node) -> bool:
        """Whether an argument is another one in each round."""
        return bool(names_in(node) & names_in(self.target))


@dataclass(frozen=True, slots=True)
class Group:
    """An nn.Sequential; or an nn.ModuleList, where its rounds are written in the forward method.

    Of the latter, `handed` says how many values a round hands on to the next, and `rounds` what else they do.
    """

    name: str | None
    items: tuple[Item, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    listed: bool = False
    handed: int = 1
    shared: tuple[Sharing, ...] = ()
    rounds: Rounds | None = None
    module: Item | None = None
    """The one module that runs in every round, where one does: the items are its runs then, each with its types."""
    spread: bool = False
    """Whether the modules of its rounds stand in lists of the class, so that there is no module of the group itself."""
    zipped: bool = False
    """Whether its rounds take the items of those lists in turn, and nothing else adds to them."""
    initial: tuple[Fill, ...] = ()
    trainable: bool = True


@dataclass(frozen=True, slots=True)
class Carried:
    """A size that a loop changes: a local variable, its value before, and its value after each round.

    `initial` is None where the variable exists already.
    """

    name: str
    initial: Size | None
    update: Size


@dataclass(frozen=True, slots=True)
class Update:
    """A variable's next value: behind the item of a loop's body counted so, or `inside` it, if it is a branch."""

    name: str
    value: Size
    after: int
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps once per item of a list, kept as a loop. Splices into the list around it."""

    target: Node
    iterable: Node
    items: tuple[Item, ...]
    carried: tuple[Carried, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span
    updates: tuple[Update, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """Modules that are kept only on a condition over parameters; splices. A named one is else an nn.Identity."""

    name: str | None
    condition: Node
    items: tuple[Item, ...]
    inputs: tuple[Flow | None, ...]
    output: Flow | None
    span: Span


Item: TypeAlias = Call | Group | Loop | Branch


def module_of(item: Item) -> Item:
    """What a constructor makes for an item: of a loop that runs one module, that module."""
    if isinstance(item, Group) and item.module is not None:
        return item.module
    if not isinstance(item, Branch):
        return item
    items = tuple(map(module_of, item.items))
    return item if all(map(operator.is_, items, item.items)) else replace(item, items=items)


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
        return tuple(_in_lists(tuple(standing(steps))))

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


def is_spread(item: Item | None) -> bool:
    """Whether the modules of a loop's rounds stand in lists of the class, and the loop stays one."""
    return isinstance(item, Group) and item.spread


def place_of(text: str) -> tuple[str, ...]:
    """The parts of a module's place in lists of the class: `downs` and `{i}` of `downs.{i}`."""
    return tuple(re.split(r"\.(?![^{}]*\})", text))


def is_number(part: str) -> bool:
    """Whether a part of a place is the number of an item in an nn.ModuleList: else it is a key of an nn.ModuleDict."""
    return part.isdecimal() or re.fullmatch(r"\{[^{}]*\}", part) is not None


_Standing: TypeAlias = tuple[tuple[str, ...], Item]


def standing(steps: Iterable[Step]) -> Iterator[_Standing]:
    """Where the modules of steps stand in their class: each with the parts of its place."""
    for step in steps:
        item = module_of(step.item) if step.item is not None else None
        if isinstance(item, Group) and item.spread:
            yield from _spread(item, step.attribute)
        elif item is not None:
            yield place_of(step.attribute), item


def _spread(group: Group, own: str) -> Iterator[_Standing]:
    """The modules of a loop's rounds, each within the loop; `own` is the list of those that have no other one."""
    for loop in group.items:
        assert isinstance(loop, Loop)
        for place, item in standing(body_of(group).registered()):
            alone = len(place) == 1
            inside = Group(None, (item,), (), None, group.span, listed=True) if alone else called(item, None)
            yield (own, "{_}") if alone else place, replace(loop, items=(inside,))


def body_of(group: Group) -> Class:
    """The steps of each round of a loop whose modules stand in lists of the class."""
    (loop,) = group.items
    assert isinstance(loop, Loop)
    (call,) = loop.items
    assert isinstance(call, Call)
    assert isinstance(call.layer, Class)
    return call.layer


def _in_lists(entries: tuple[_Standing, ...]) -> Iterator[Item]:
    """Modules by their places: a list for all that stand in it, where the first of them stands."""
    inside: dict[str, list[_Standing]] = {}
    for (first, *rest), item in entries:
        inside.setdefault(first, []).append((tuple(rest), item))
    for name, below in inside.items():
        place, item = below[0]
        if not place:
            yield called(item, name)
            continue
        loops = tuple(one for rest, one in below if isinstance(one, Loop) and len(rest) == 1)
        others = tuple((rest, one) for rest, one in below if rest and (not isinstance(one, Loop) or rest[1:]))
        yield Group(name, (*loops, *_in_lists(others)), (), None, item.span, listed=True)


def called(item: Item, name: str | None) -> Item:
    """A module under another name; the same one where it has that name."""
    if isinstance(item, Loop) or item.name == name:
        return item
    if isinstance(item, Branch):
        return replace(item, name=name, items=tuple(called(one, name) for one in item.items))
    if isinstance(item, Group) and item.module is not None:
        runs = tuple(called(one, name) for one in item.items)
        return replace(item, name=name, items=runs, module=called(item.module, name))
    return replace(item, name=name)


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
        return "\n".join(line for cls in (*self.blocks, self.main) for line in _lines(cls))

    def lint(self) -> None:
        """Raises AssertionError where the graph is not what every reader of it relies on."""
        for cls in (*self.blocks, self.main):
            _lint(cls)


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Every item of one class, outer ones first; what is inside a block belongs to the block's class."""
    for item in items:
        item = module_of(item)
        yield item
        if not isinstance(item, Call):
            yield from walk(item.items)


def modules(items: tuple[Item, ...], prefix: str = "", *, opened: bool = True) -> Iterator[tuple[str, Item]]:
    """Every module below with its dotted path, those inside of blocks too if they are `opened`.

    Loops and branches have no place in a path; what they repeat is `*`.
    """
    for item in map(module_of, items):
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


def placed(items: Iterable[Item], head: str) -> Iterator[tuple[str, Call | Group]]:
    """The modules that items come to, each with its path; `*` stands for a number that parameters decide."""
    for item in map(module_of, items):
        if isinstance(item, Loop | Branch):
            yield from placed(item.items, head)
        else:
            yield f"{head}{item.name or '*'}", item


def frozen_paths(items: Iterable[Item], head: str) -> Iterator[str]:
    """The paths of what is frozen in a class."""
    for path, item in placed(items, head):
        if not item.trainable:
            yield path
        elif isinstance(item, Group):
            yield from frozen_paths(item.items, f"{path}.")
        elif isinstance(item, Call) and isinstance(item.layer, Class):
            yield from frozen_paths(item.layer.children(), f"{path}.")


def free_symbols(flow: Flow | Size | Any) -> frozenset[dimensions.Symbol]:
    """The free dimensions that a type, a size, a value or a list of them depends on."""
    if isinstance(flow, Symbolic):
        parts = (part.value for part in flow.node.walk() if isinstance(part, Embedded))
        return frozenset().union(*map(free_symbols, parts))
    if isinstance(flow, Series):
        return free_symbols((flow.item, flow.length))
    if isinstance(flow, TensorType):
        flow = flow.shape
    if isinstance(flow, tuple):
        return frozenset().union(*map(free_symbols, flow))
    return frozenset(s for s in dimensions.symbols(flow) if s.free) if isinstance(flow, Dimension) else frozenset()


def names_in(node: Node) -> set[str]:
    """The names that an expression reads."""
    found = {part.name for part in node.walk() if isinstance(part, Name) and not isinstance(part, Word)}
    return found.union(*(size_names(part.value) for part in node.walk() if isinstance(part, Embedded)))


def size_names(value: object) -> set[str]:
    """The names of the symbols in a size, or in a list of them."""
    if isinstance(value, Series):
        return size_names((value.item, value.length)) - {value.index}
    if isinstance(value, TensorType):
        return size_names(value.shape)
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
    """Something of every step's output, by the step's dotted path, for an unrolled graph.

    Where one module runs several times, its first run is told.
    """
    return {path: part(step.output, of) for path, step in ran(graph)}


def part(flow: Flow | None, of: Callable[[TensorType], Any]) -> Any:
    """Something of a tensor, or of each one of several values; None for what is none, and for what is not known."""
    if flow is None or isinstance(flow, TensorType):
        return None if flow is None else of(flow)
    return tuple(part(one, of) for one in flow) if isinstance(flow, tuple) else None  # a number has no shape


def ran(graph: Graph) -> Iterator[tuple[str, Step | Item]]:
    """Every step of an unrolled graph by its dotted path, and what is within it; a named one as its step."""

    def below(cls: Class, prefix: str) -> Iterator[tuple[str, Step | Item]]:
        for step in cls.written():
            if step.kind == "weight":
                continue
            if step.item is None:
                yield f"{prefix}{step.key}", step
            else:
                yield from inside(step.item, prefix, step)
        for item in cls.items:
            yield from inside(item, prefix)

    def inside(item: Item, prefix: str, step: Step | None = None) -> Iterator[tuple[str, Step | Item]]:
        path = f"{prefix}{getattr(item, 'name', None) or '*'}"
        if isinstance(item, Group) and item.module is not None:
            for run in item.items[:1]:
                yield from inside(run, prefix)
            yield path, step or item
            return
        yield path, step or item
        if isinstance(item, Call):
            if isinstance(item.layer, Class):
                yield from below(item.layer, f"{path}.")
        else:
            for child in item.items:
                yield from inside(child, f"{path}.")

    return below(graph.main, "")


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
    for step in cls.written():
        texts = ", ".join(f"{name + '=' if name else ''}{node.text}" for name, node in step.arguments)
        what = f"self.{step.module}({texts})" if step.kind == "call" else texts
        what = what if cls.runs(step) else f"{what}, not called"
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
        elif isinstance(item, Group) and item.rounds is not None:
            yield f"{head}{_rounds_text(item.rounds)} -> {flow_text(item.output)}"
        else:
            yield f"{head}Sequential -> {flow_text(item.output)}"
        yield from _item_lines(item.items, indent + "  ")


def _rounds_text(rounds: Rounds) -> str:
    text = f"{'each' if rounds.each else 'for'} {rounds.target.text} in {rounds.over.text}"
    return f"{text}, collected" if rounds.collect else text


def argument_text(argument: Argument) -> str:
    """An argument as Python source: as the spec writes it, or as it was inferred."""
    if argument.node is not None:
        return argument.node.within()
    value = argument.value
    if isinstance(value, tuple):
        inside = ", ".join(dimensions.show(size) for size in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value.node.within() if isinstance(value, Symbolic) else dimensions.show(value)
