"""What every lint is: a rule that looks at a whole network and says which places of its text are hardly meant so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.document import Document
from archspec.imports import Sources
from archspec.lints.ops import Op
from archspec.lints.wiring import Wiring
from archspec.problems import CODES, Related, Span
from archspec.records import Record


class Subject(Record):
    """What lints read: the operations of a network with its parameters bound, and the document that it is of."""

    wiring: Wiring
    document: Document
    sources: Sources


class Finding(Record):
    """One place that a lint points to: the cause in numbers, and what to write instead."""

    message: str
    span: Span
    help: str
    related: tuple[Related, ...] = ()
    beside: bool = True
    """Whether an `ignore` can stand beside it: not beside an expression, or a name."""
    explicit: str = ""
    """What else could say in the spec that it is meant."""


class Lint(Record):
    """A rule with its code. `reason` says why what it finds is hardly meant so, and what it leaves alone."""

    code: str
    reason: str
    find: Callable[[Subject], Iterator[Finding]]

    @property
    def title(self) -> str:
        """What it finds, in a few words."""
        return CODES[self.code]


def lint(code: str) -> Callable[[Callable[[Subject], Iterator[Finding]]], Lint]:
    """Makes a Lint of a function; its docstring is the reason."""
    return lambda find: Lint(code, find.__doc__ or "", find)


def argument_span(op: Op, *names: str) -> Span:
    """Where the first of those arguments stands that the spec writes, else where the layer does."""
    written = {a.name: a.span for a in op.call.arguments if a.node is not None} if op.call is not None else {}
    return next((written[name] for name in names if name in written), op.span)


def several(*classes: str, axes: str = "123") -> tuple[str, ...]:
    """The layers of those names, one for each number of axes: `Conv` is Conv1d, Conv2d and Conv3d."""
    return tuple(f"{name}{n}d" for name in classes for n in axes)
