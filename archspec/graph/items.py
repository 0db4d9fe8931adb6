"""The modules of a class: layers and blocks in their places, groups of them, loops and branches."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from archspec import dimensions
from archspec.dimensions import Size
from archspec.expressions import Node, UndecidedError
from archspec.graph.names import Flow, names_in
from archspec.graph.weights import Argument, Fill, Parametrization, Sharing, Tie
from archspec.initializers import parametrized
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.problems import Span

if TYPE_CHECKING:
    from archspec.graph.classes import Class


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
        if isinstance(self.layer, OwnLayer):
            return self.layer.name
        return type(self.layer).__name__ if isinstance(self.layer, Layer) else self.layer.name


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
    """Whether its rounds take the items of those lists in turn."""
    between: tuple[tuple[str, int, int], ...] = ()
    """Of those lists: which hold single modules besides, how many of them before its own, and how many behind."""
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
