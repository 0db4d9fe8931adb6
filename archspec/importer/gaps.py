"""What comes of an import: the spec, what of the model no spec can say, and whether the two were compared. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from archspec.problems import Problem, Span, SpecError

CODE = "AS620"


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that a spec cannot say: what it is, where the model's source does it (from line 1), and a remedy."""

    message: str
    path: str
    line: int
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.path else ""
        return f"{place}{self.message}\n  help: {self.remedy}" if self.remedy else f"{place}{self.message}"

    def problem(self) -> Problem:
        """The gap as every other command reports what is wrong."""
        here = os.getcwd() + os.sep
        span = Span(self.path.removeprefix(here) or "<model>", max(self.line, 1), 1, max(self.line, 1), 1)
        return Problem(CODE, self.message, span, self.remedy)


@dataclass(frozen=True, slots=True)
class Imported:
    """A model as a spec.

    `text` is the spec as YAML, empty where none could be written; `gaps` are what it cannot say. `verified` is true
    where the spec's network, built and generated, was compared with the model under the model's weights and nothing
    differed: at least with the inputs given, in both modes, and with every setting that was varied. `differences` are
    what differed or could not be compared. `notes` tell what was not asked to be equal: other initial values, and other
    dtypes in which the two differ. `allow` are the packages of classes that the spec names as they are, one for each
    gap that lies within such a class.
    """

    text: str
    gaps: tuple[Gap, ...] = ()
    verified: bool = False
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class GapError(Exception):
    """Stops the recording of a model at a gap."""

    def __init__(self, gap: Gap, kinds: Iterable[type] = ()) -> None:
        super().__init__(str(gap))
        self.gap = gap
        self.kinds = [*kinds]
        """The classes below the model that hold the gap, from the inside out."""

    def as_error(self) -> SpecError:
        """The gap as an error for callers."""
        return SpecError([self.gap.problem()])
