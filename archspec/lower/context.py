"""What one run over a document shares: the report, the limits, and the classes made so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.dimensions import Size
from archspec.document import Document
from archspec.expressions import Name, Node, lift, replaced
from archspec.graph import Call, Class, Flow, Group, Item, names_in
from archspec.lower._problems import Report
from archspec.lower.carried import Locals, Origin
from archspec.lower.history import HistoryStep
from archspec.lower.initial import Rules
from archspec.problems import Related, Span
from archspec.source import Path
from archspec.tensors import ListType


class LostError(Exception):
    """A value whose type is not known, after an error that was reported where it happened."""


class Value:
    """What flows at a point: its type (None after an error), what made it, and whether anything reads it."""

    __slots__ = ("held", "label", "made", "node", "optional", "read", "span", "type")

    def __init__(
        self,
        type: Flow | None,
        label: str,
        span: Span,
        node: Node,
        made: HistoryStep | None = None,
        *,
        optional: bool = False,
    ) -> None:
        self.type = type
        self.optional = optional  # an input that may be left out: `type` is what it is where it is given
        self.label = label
        self.span = span
        self.node = node
        self.made = made  # the steps that led to it
        self.read = False
        self.held = False  # whether the module holds it: a parameter or buffer, or what a module of its own returns


@dataclass(frozen=True, slots=True)
class Given:
    """What a module is called with: positional and named values with their types, and where the first comes from."""

    types: tuple[Flow | None, ...]
    names: tuple[str | None, ...]
    label: str
    span: Span
    made: HistoryStep | None = None
    others: tuple[Related, ...] = ()  # where the values after the first one come from
    optional: Mapping[int, tuple[Node, Span | None]] = field(default_factory=dict)
    """The places of values that may be left out; what each is, and where the spec writes it."""
    first_name: str | None = None
    """What the first value is called around here; None where it is made anew."""
    anew: Mapping[int, Callable[[], Flow | None]] = field(default_factory=dict)
    """The places of values that stand anew in each round of a loop; what each is, while the loop's names are bound."""
    handing: int | None = None
    """How many of the values a round replaces at most; None where it may replace all."""

    @staticmethod
    def one(value: Value) -> Given:
        optional = {0: (value.node, None)} if value.optional else {}
        name = value.node.name if isinstance(value.node, Name) else None
        return Given((value.type,), (None,), value.label, value.span, value.made, (), optional, name)

    def first(self) -> Flow | None:
        return self.types[0]

    def with_types(self, types: tuple[Flow | None, ...]) -> Given:
        return replace(self, types=types)

    def without_optional(self) -> tuple[tuple[str | None, ...], tuple[Flow | None, ...]]:
        """Names and types where all is left out that may be."""
        return self.names, tuple(None if place in self.optional else flow for place, flow in enumerate(self.types))

    def with_names(self, names: tuple[str | None, ...]) -> Given:
        return replace(self, names=names)

    def after(self, output: Flow | None, label: str, span: Span, item: Item | None = None) -> Given:
        """What the next repetition takes: the output in place of the first inputs, the others as they are."""
        parts = values_of(output)
        if self.handing is not None:
            parts = parts[: self.handing]
        elif len(parts) > len(self.types):  # more than a round takes: there is no next one
            parts = (output,)
        made = HistoryStep(label, span, item, self.made) if item is not None else self.made
        optional = {place: one for place, one in self.optional.items() if place >= len(parts)}
        types = (*parts, *self.types[len(parts) :])
        anew, handing = self.anew, self.handing
        return Given(types, self.names, label, span, made, optional=optional, anew=anew, handing=handing)


def values_of(output: Flow | None) -> tuple[Flow | None, ...]:
    """The values that a round returns: those of a tuple, or one, as a list is."""
    return output if isinstance(output, tuple) and not isinstance(output, ListType) else (output,)


class Place:
    """Where modules stand: how far the numbers of a list have run, and which names are taken."""

    __slots__ = ("names", "next", "prefix", "rounds")

    def __init__(self, prefix: str, next: int | None = 0, *, rounds: bool = False) -> None:
        self.prefix = prefix
        self.next = next  # None once a loop has made the count depend on parameters
        self.names: set[str] = set()
        self.rounds = rounds  # of a named step, each of which may stand in a list of the class instead

    def dotted(self, name: str | None) -> str:
        return f"{self.prefix}{name if name is not None else '*'}"


@dataclass(frozen=True, slots=True)
class Hints:
    """What one reading in symbols has shown to the next: what can be known only when all of it has been read."""

    succeeding: frozenset[Origin] = frozenset()
    """Variables that go on under the name of the one that they begin with."""
    exports: frozenset[tuple[str, str]] = frozenset()
    """Sizes that a caller reads from a block: the block's class, and the attribute."""


class Counting(Mapping[str, Any]):
    """What names stand for, and the multiply-accumulates of the expressions that were read with them."""

    macs: Size = 0

    def rows(self, node: Node, text: str) -> Any:
        """The items of a list that is looped over; of a tensor, its rows."""
        raise AssertionError(text)


NO_HINTS = Hints(frozenset(), frozenset())


class Context:
    """One run over a document."""

    def __init__(
        self,
        report: Report,
        document: Document,
        *,
        unroll: bool,
        allow: Collection[str] = (),
        hints: Hints = NO_HINTS,
        floating: str = "float32",
        partial: bool = False,
    ) -> None:
        self.report = report
        self.document = document
        self.unroll = unroll
        self.partial = partial  # whether what is wrong keeps the parts of it that are right, with what they give
        self.hints = hints
        self.floating = floating  # the dtype of the network's weights, and of inputs that say no other
        self.succeeding: set[Origin] = set()  # for the next reading
        self.allow = allow  # the packages whose classes may be imported: the caller's word, never the spec's
        self.own: dict[str, str] = {}  # classes of those packages that are used, by their last names
        self.count = 0
        self.rounds = 0  # loops of which a symbol counts the rounds
        self.blocks: dict[str, Class | None] = {}  # in symbols, by name; in the order of their definition
        self.ranks: dict[tuple[str, tuple[tuple[str, ...], ...]], Class | None] = {}
        """In symbols, by name and leading axes: a block that takes any rank is read for each one that it is used at."""
        self.instances: dict[Any, Class | None] = {}  # with values, by name, parameters and inputs
        self.open: list[str] = []  # blocks that are being read
        self.rules: Rules | None = None  # how weights begin, by the rules at the top
        self.idle: dict[tuple[str, str, Span], None] = {}  # what says how weights begin, and fits none
        self.groups: dict[Path, str] = {}  # the class of each group that is a graph, by its place
        self.named_at: dict[Span, Span] = {}  # where steps say the lists in which their modules stand
        self.taken_by_classes: set[str] = set()  # what no class of a group may be called
        # How a block, and a group that is a graph, are read. Both read classes in turn, so that the rooms would import
        # one another; `lower` puts the two in place.
        self.instance: Callable[..., Call | Group]
        self.inline: Callable[..., Call | Group]

    @property
    def most_layers(self) -> int:
        return self.report.source.limits.layers

    def add_layers(self, count: int, path: Path) -> None:
        """Counts layers; reports the limit once."""
        before, self.count = self.count, self.count + count
        if before <= self.most_layers < self.count:
            message = f"more than {self.most_layers} layers after repetition"
            at = next((at for at in _above(path) if self.report.source.value(at) is not None), path)
            self.report.add("AS102", message, at, "repeat less, or raise the limit where you call archspec")


def _above(path: Path) -> Iterator[Path]:
    """The places of `repeat` and `for` of the steps around a place, the innermost first."""
    for end in range(len(path), 0, -1):
        yield from ((*path[:end], key) for key in ("repeat", "for", "each"))


@dataclass(frozen=True, slots=True)
class OuterValue:
    """What flows into a group without a name that its steps could read: how messages call it, and the group's place."""

    label: str
    span: Span


class Frame:
    """One class that is being read: what its names stand for."""

    def __init__(self, context: Context, scope: dict[str, Any], prefix: str = "", outer: Frame | None = None) -> None:
        self.context = context
        self.report = context.report
        self.scope = scope
        self.values: dict[str, Value] = {}
        self.locals = Locals(scope, context.hints.succeeding)
        self.names: Counting | None = None  # what its expressions over values may read; None in a list
        self.place: Place | None = None  # where its steps are attributes of the module
        self.prefix = prefix
        self.sizes: dict[str, str] = {}  # which input says each size that has a name
        self.bound: set[str] = set()  # names of sizes that a `shape:` bound: constructors know them by formula only
        self.outer = outer  # what a group stands in, whose values it may read
        self.captured: dict[str, Value] = {}  # those that it reads
        self.above: HistoryStep | None = None  # the steps that led to its first input
        self.entry: OuterValue | None = None  # what flows into a group, where no name around it means that
        self.parameters: frozenset[str] = (
            outer.parameters if outer is not None else frozenset()
        )  # the steps of that kind
        self.own: set[str] = set()  # the names of its steps so far
        self.runnable: set[str] = set()  # those that may run once more
        self.tied: set[str] = set()  # those that a layer takes as one of its own
        self.problems = len(context.report.problems)  # before it is read
        self.lost_groups: list[Call] = []  # groups with mistakes, whose ties may still name what stands here

    def tie(self, path: str) -> None:
        """Notes that a tie reads what is called so, here or around here."""
        self.tied.add(path)
        if self.outer is not None:
            self.outer.tie(path)

    def value(self, name: str) -> Value | None:
        """The value of that name, here or around here."""
        found = self.values.get(name)
        if found is None and self.outer is not None:
            found = self.outer.value(name)
            if found is not None:
                self.captured[name] = found
        return found

    def around(self) -> Iterator[Frame]:
        """This frame, and those that it stands in."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer

    def count_as_read(self, names: Collection[str], *, sizes: bool = False) -> None:
        """Counts the values of those names as read, here or around here, and the inputs whose sizes they are.

        With `sizes` the names stand where no value of the flow may, but a size.
        """
        for name in names:
            value = self.values.get(name) if not sizes else None
            value = value or self.values.get(self.sizes.get(name, ""))
            if value is not None:
                value.read = True
        if self.outer is not None:
            around = [name for name in names if sizes or name not in self.values]
            self.outer.count_as_read(around, sizes=sizes)

    def constructed(self, node: Node, scope: Mapping[str, Any]) -> Node:
        """What a constructor reads, with the sizes that a `shape:` binds as what they are: it has no names for them."""
        bound = self.bound_around() & names_in(node)
        return replaced(node, {name: lift(scope[name]) for name in bound if name in scope}) if bound else node

    def bound_around(self) -> set[str]:
        """The names of sizes that a `shape:` has bound, here and around here."""
        return self.bound | (self.outer.bound_around() if self.outer is not None else set())

    @contextmanager
    def binding(self, numbers: Mapping[str, Any], flows: Mapping[str, Flow | None], span: Span) -> Iterator[None]:
        """What expressions over values may read while this lasts: the names that a loop binds, too."""
        scope, values = self.scope, self.values
        self.scope = {**scope, **numbers}
        self.values = {**values, **{name: Value(flow, f"`{name}`", span, Name(name)) for name, flow in flows.items()}}
        try:
            yield
        finally:
            self.scope, self.values = scope, values

    def span(self, path: Path, *, key: bool = False) -> Span:
        return self.report.source.span(path, key=key)


Scope = Mapping[str, Any]
