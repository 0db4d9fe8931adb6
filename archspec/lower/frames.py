"""One class that is being read, and what its names stand for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size
from archspec.expressions import Name, Node, lift, replaced
from archspec.graph import Call, Flow, Group, names_in
from archspec.lower.carried import Locals
from archspec.lower.given import Given
from archspec.lower.history import HistoryStep
from archspec.lower.lowering import Lowering
from archspec.lower.sites import Container
from archspec.problems import Span
from archspec.source import Path


class UnknownTypeError(Exception):
    """A value whose type is not known, after an error that was reported where it happened."""


@dataclass(slots=True, eq=False)
class Value:
    """What flows at a point."""

    type: Flow | None
    """None after an error."""
    label: str
    """What messages call it."""
    span: Span
    node: Node
    """The expression that reads it."""
    made: HistoryStep | None = None
    """The steps that led to it."""
    optional: bool = False
    """Whether it is an input that may be left out: `type` is what it is where it is given."""
    read: bool = False
    """Whether anything reads it."""
    held: bool = False
    """Whether the module holds it: a parameter or buffer, or what a module of its own returns."""


class Counting(Mapping[str, Any]):
    """What names stand for, and the multiply-accumulates of the expressions that were read with them."""

    macs: Size = 0

    def rows(self, node: Node, text: str) -> Any:
        """The items of a list that is looped over; of a tensor, its rows."""
        raise AssertionError(text)


class Otherwise(Counting):
    """The same names, which stand for something else where something else holds."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class OuterValue:
    """What flows into a group without a name that its steps could read: how messages call it, and the group's place."""

    label: str
    span: Span


class Frame:
    """One class that is being read: what its names stand for."""

    def __init__(self, lowering: Lowering, scope: dict[str, Any], prefix: str = "", outer: Frame | None = None) -> None:
        self.lowering = lowering
        self.report = lowering.report
        self.scope = scope
        self.values: dict[str, Value] = {}
        self.locals = Locals(scope, lowering.hints.succeeding)
        self.names: Counting | None = None  # what its expressions over values may read; None in a list
        self.container: Container | None = None  # the class's own module, whose attributes are its steps
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
        self.learned: set[str] = set()  # the values that are made of those and of other weights, and of no input
        self.own_steps: set[str] = set()  # the names of its steps so far
        self.rerunnable: set[str] = set()  # those that may run once more
        self.tied: set[str] = set()  # those that a layer takes as one of its own
        self.floats: set[str] = set()  # names of type float, an integer in place of which would change a dtype
        self.problems = len(lowering.report.problems)  # before it is read
        self.made: dict[str, tuple[Node, Flow]] = {}  # what a constructor computes of numbers, and groups may read
        self.wrong_groups: list[Call] = []  # groups with mistakes, whose ties may still name what stands here

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

    def for_constructor(self, node: Node, scope: Mapping[str, Any]) -> Node:
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

    def unreadable(self, path: Path, given: Given) -> Group:
        """In place of a step that cannot be read: what flows on is unknown."""
        return Group(None, (), given.types, None, self.span(path))
