"""What a module is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from archspec.expressions import Name, Node
from archspec.graph import Flow, Item
from archspec.lower.history import HistoryStep
from archspec.problems import Related, Span
from archspec.tensors import ListType

if TYPE_CHECKING:
    from archspec.lower.frames import Value


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
    by_round: Mapping[int, Callable[[], Flow | None]] = field(default_factory=dict)
    """The places of values that stand anew in each round of a loop; what each is, while the loop's names are bound."""
    most_handed_on: int | None = None
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
        if self.most_handed_on is not None:
            parts = parts[: self.most_handed_on]
        elif len(parts) > len(self.types):  # more than a round takes: there is no next one
            parts = (output,)
        made = HistoryStep(label, span, item, self.made) if item is not None else self.made
        optional = {place: one for place, one in self.optional.items() if place >= len(parts)}
        types = (*parts, *self.types[len(parts) :])
        rounds = self.by_round, self.most_handed_on
        return Given(types, self.names, label, span, made, (), optional, None, *rounds)


def values_of(output: Flow | None) -> tuple[Flow | None, ...]:
    """The values that a round returns: those of a tuple, or one, as a list is."""
    return output if isinstance(output, tuple) and not isinstance(output, ListType) else (output,)
