"""What every lint is: a rule that looks at a whole network and says which places of its text are hardly meant so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from archspec.document import Document, StepEntry
from archspec.document.imports import Sources
from archspec.lints.ops import Op
from archspec.lints.places import NestedTexts, reach, steps
from archspec.lints.wiring import Wiring
from archspec.problems import CODES, Problem, Related, Span


class Beyond(NamedTuple):
    """What others have found in a network, that is a warning."""

    in_place: Sequence[Problem] = ()
    """What layers that work in place overwrite."""
    mixed: Sequence[Problem] = ()
    """Where tensors of several dtypes meet, if the network is of bfloat16."""
    unread: Sequence[Problem] = ()
    """Parameters, buffers and modules that nobody reads."""
    idle: Sequence[tuple[str, str, Span]] = ()
    """What says how weights begin and fits none: what it is, what to write instead, and where it stands."""


class Subject:
    """What lints read: the operations of a network with its parameters bound, and the document that it is of."""

    def __init__(self, wiring: Wiring, document: Document, sources: Sources, beyond: Beyond) -> None:
        self.wiring = wiring
        self.document = document
        self.sources = sources
        self.beyond = beyond

    @cached_property
    def conditions(self) -> NestedTexts[StepEntry]:
        """The steps that are kept on a condition."""
        return NestedTexts(
            (reach(path, self.sources), step) for path, step in steps(self.document) if isinstance(step.when, str)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a lint points to: the cause in numbers, and what to write instead."""

    message: str
    span: Span
    help: str
    related: tuple[Related, ...] = ()
    beside: bool = True
    """Whether an `ignore` can stand beside it: not beside an expression, or a name."""
    explicit: str = ""
    """What else could say in the spec that it is meant."""


@dataclass(frozen=True, slots=True)
class Lint:
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
