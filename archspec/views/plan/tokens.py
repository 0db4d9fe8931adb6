"""What a weight's cut becomes as it flows on: which weights it binds together, what has to divide, what forbids it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from archspec.problems import Span


class Reason(NamedTuple):
    """Why a weight is not cut, and where that stands."""

    text: str
    span: Span
    packed: bool = False
    """Whether several values lie in one axis behind each other, as in a layer for query, key and value."""
    size: int = 0
    """The size that does not divide, where that is why."""


@dataclass(slots=True, eq=False)
class Token:
    """A cut of a value: all ranks hold blocks of one axis. Those that meet are one, and are made or left together."""

    sources: list[str] = field(default_factory=list)
    """The paths of the layers that make it."""
    demands: dict[int, Span] = field(default_factory=dict)
    """Sizes that have to divide, each with the step that says so first."""
    forbidden: Reason | None = None
    returned: bool = False
    """Whether the network returns it."""
    other: Token | None = None

    def root(self) -> Token:
        """The one that it has become by meeting others."""
        here = self
        while here.other is not None:
            here = here.other
        return here

    def forbid(self, reason: Reason) -> None:
        """The cut cannot be made; the first reason is kept."""
        root = self.root()
        root.forbidden = root.forbidden or reason

    def demand(self, size: int, span: Span) -> None:
        """The size has to divide."""
        self.root().demands.setdefault(size, span)

    def reach_output(self) -> None:
        """The network returns it."""
        self.root().returned = True

    def meet(self, token: Token) -> None:
        """The two are one from here on."""
        one, two = self.root(), token.root()
        if one is two:
            return
        one.sources += two.sources
        one.demands = {**two.demands, **one.demands}
        one.forbidden = one.forbidden or two.forbidden
        one.returned = one.returned or two.returned
        two.other = one


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor that flows: the cut of each of its axes."""

    cuts: tuple[Token | None, ...] = ()
    learns: bool = False
    """Whether a gradient flows back through it."""
    constant: bool = False
    """Whether it is the same in every step."""

    @property
    def tokens(self) -> list[Token]:
        """The cuts that it has."""
        return [token.root() for token in self.cuts if token is not None]
