"""A block that repeats with the same inputs is followed once: what its first run came to is copied for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archspec.views.plan.opening import Opening
from archspec.views.plan.tokens import Piece, Token

if TYPE_CHECKING:
    from archspec.problems import Span
    from archspec.views.plan.cutting import Cutting, LayerRun


class Mark:
    """How much had been followed when a block began."""

    def __init__(self, cutting: Cutting) -> None:
        self.runs = len(cutting.runs)
        self.operations = len(cutting.operations)
        self.ties = len(cutting.ties)
        self.spans = len(cutting.spans)
        self.openings = {opening: len(tokens) for opening, tokens in cutting.openings.items()}


@dataclass(frozen=True, slots=True)
class Recording:
    """What following a block came to, with cuts of its own that nothing outside changes any more."""

    path: str
    runs: tuple[LayerRun, ...]
    operations: tuple[tuple[Token | None, ...], ...]
    openings: Mapping[Opening, tuple[Token, ...]]
    ties: Mapping[str, str]
    spans: Mapping[str, Span]
    value: Any
    start: int

    def placed(self, path: str, start: int) -> Recording:
        """The same for another block of its kind, with cuts of its own."""
        copies, later = _Copies(self.path, path), start - self.start
        return Recording(
            path,
            tuple(
                replace(run, path=copies.path(run.path), token=copies.token(run.token), line=run.line + later)
                for run in self.runs
            ),
            tuple(tuple(map(copies.token, tokens)) for tokens in self.operations),
            {one: tuple(copies.known(token) for token in tokens) for one, tokens in self.openings.items()},
            {copies.path(key): copies.path(other) for key, other in self.ties.items()},
            {copies.path(one): span for one, span in self.spans.items()},
            copies.value(self.value),
            start,
        )


class _Copies:
    """Copies of cuts for a block at another path: those that were one are one again."""

    def __init__(self, old: str, new: str) -> None:
        self.old = old
        self.new = new
        self.made: dict[Token, Token] = {}

    def path(self, path: str) -> str:
        return f"{self.new}{path[len(self.old) :]}" if path.startswith(self.old) else path

    def known(self, token: Token) -> Token:
        root = token.root()
        if root not in self.made:
            sources = list(map(self.path, root.sources))
            self.made[root] = Token(sources, dict(root.demands), root.forbidden, root.returned)
        return self.made[root]

    def token(self, token: Token | None) -> Token | None:
        return None if token is None else self.known(token)

    def value(self, value: Any) -> Any:
        if isinstance(value, Piece):
            return replace(value, cuts=tuple(map(self.token, value.cuts))) if any(value.cuts) else value
        return tuple(map(self.value, value)) if isinstance(value, tuple) else value


def recorded(cutting: Cutting, path: str, mark: Mark, value: Any) -> Recording:
    """What has been followed since, and what it came to."""
    ties = dict(list(cutting.ties.items())[mark.ties :])
    spans = dict(list(cutting.spans.items())[mark.spans :])
    openings = {
        one: tuple(tokens[mark.openings.get(one, 0) :])
        for one, tokens in cutting.openings.items()
        if len(tokens) > mark.openings.get(one, 0)
    }
    own = tuple(cutting.runs[mark.runs :])
    found = Recording(
        path, own, tuple(cutting.operations[mark.operations :]), openings, ties, spans, value, mark.operations
    )
    return found.placed(path, mark.operations)
