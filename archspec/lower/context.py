"""What one run over a document shares: the report, the limits, and the classes made so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from archspec.dimensions import Size
from archspec.document import Document
from archspec.expressions import Node
from archspec.graph import Call, Class, Flow, Group, Item
from archspec.lower._problems import Report
from archspec.lower.carried import Locals, Origin
from archspec.lower.history import Made
from archspec.problems import Related, Span
from archspec.records import Record
from archspec.source import Path
from archspec.tensors import TensorType


class Value:
    """What flows at a point: its type (None after an error), what made it, and whether anything reads it."""

    __slots__ = ("label", "made", "node", "read", "span", "type")

    def __init__(self, type: Flow | None, label: str, span: Span, node: Node, made: Made | None = None) -> None:
        self.type = type
        self.label = label
        self.span = span
        self.node = node
        self.made = made  # the steps that led to it
        self.read = False


class Given(Record):
    """What a module is called with: positional and named values with their types, and where the first comes from."""

    types: tuple[Flow | None, ...]
    names: tuple[str | None, ...]
    label: str
    span: Span
    made: Made | None = None
    others: tuple[Related, ...] = ()  # where the values after the first one come from

    @staticmethod
    def one(value: Value) -> Given:
        return Given((value.type,), (None,), value.label, value.span, value.made)

    def first(self) -> Flow | None:
        return self.types[0]

    def with_types(self, types: tuple[Flow | None, ...]) -> Given:
        return Given(types, self.names, self.label, self.span, self.made, self.others)

    def after(self, output: Flow | None, label: str, span: Span, item: Item | None = None) -> Given:
        """What the next repetition takes: the output in place of the first inputs, the others as they are."""
        parts: tuple[Flow | None, ...] = (output,)  # a tensor, or a number where a step computes one
        if isinstance(output, tuple) and not isinstance(output, TensorType):
            parts = output
        made = Made(label, span, item, self.made) if item is not None else self.made
        return Given((*parts, *self.types[len(parts) :]), self.names, label, span, made)


class Place:
    """Where modules stand: how far the numbers of a list have run, and which names are taken."""

    __slots__ = ("names", "next", "prefix")

    def __init__(self, prefix: str, next: int | None = 0) -> None:
        self.prefix = prefix
        self.next = next  # None once a loop has made the count depend on parameters
        self.names: set[str] = set()

    def dotted(self, name: str | None) -> str:
        return f"{self.prefix}{name if name is not None else '*'}"


class Hints(Record):
    """What one reading in symbols has shown to the next: what can be known only when all of it has been read."""

    succeeding: frozenset[Origin] = frozenset()
    """Variables that go on under the name of the one that they begin with."""
    exports: frozenset[tuple[str, str]] = frozenset()
    """Sizes that a caller reads from a block: the block's class, and the attribute."""


class Counting(Mapping[str, Any]):
    """What names stand for, and the multiply-accumulates of the expressions that were read with them."""

    macs: Size = 0


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
    ) -> None:
        self.report = report
        self.document = document
        self.unroll = unroll
        self.hints = hints
        self.succeeding: set[Origin] = set()  # for the next reading
        self.allow = allow  # the packages whose classes may be imported: the caller's word, never the spec's
        self.own: dict[str, str] = {}  # classes of those packages that are used, by their last names
        self.count = 0
        self.blocks: dict[str, Class | None] = {}  # in symbols, by name; in the order of their definition
        self.instances: dict[Any, Class | None] = {}  # with values, by name, parameters and inputs
        self.open: list[str] = []  # blocks that are being read
        self.groups: dict[Path, str] = {}  # the class of each group that is a graph, by its place
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
        yield from ((*path[:end], key) for key in ("repeat", "for"))


class Frame:
    """One class that is being read: what its names stand for."""

    def __init__(self, context: Context, scope: dict[str, Any], prefix: str = "", outer: Frame | None = None) -> None:
        self.context = context
        self.report = context.report
        self.scope = scope
        self.values: dict[str, Value] = {}
        self.locals = Locals(scope, context.hints.succeeding)
        self.place: Place | None = None  # where its steps are attributes of the module
        self.prefix = prefix
        self.bound: set[str] = set()  # names of sizes that a `shape:` bound: constructors know them by formula only
        self.outer = outer  # what a group stands in, whose values it may read
        self.captured: dict[str, Value] = {}  # those that it reads
        self.above: Made | None = None  # the steps that led to its first input

    def value(self, name: str) -> Value | None:
        """The value of that name, here or around here."""
        found = self.values.get(name)
        if found is None and self.outer is not None:
            found = self.outer.value(name)
            if found is not None:
                self.captured[name] = found
        return found

    def span(self, path: Path, *, key: bool = False) -> Span:
        return self.report.source.span(path, key=key)


Scope = Mapping[str, Any]
