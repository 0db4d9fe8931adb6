"""One run over a document: its report, its limits, and the classes made so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archspec.document import Block, Document, StepEntry
from archspec.graph import Call, Class, Group
from archspec.lower._problems import Report
from archspec.lower.carried import Origin
from archspec.lower.initial_rules import Rules
from archspec.problems import Span
from archspec.source import Path

if TYPE_CHECKING:
    from archspec.lower.frames import Frame
    from archspec.lower.given import Given
    from archspec.lower.sites import Site


@dataclass(frozen=True, slots=True)
class Hints:
    """What one reading in symbols has shown to the next: what can be known only when all of it has been read."""

    succeeding: frozenset[Origin] = frozenset()
    """Variables that go on under the name of the one that they begin with."""
    exports: frozenset[tuple[str, str]] = frozenset()
    """Sizes that a caller reads from a block: the block's class, and the attribute."""
    received: frozenset[tuple[Path, str]] = frozenset()
    """Sizes around a group that not each of its runs has an axis of, so that its constructor takes them: its place,
    and the name."""
    entries: frozenset[tuple[str, str, str]] = frozenset()
    """The types of lists that steps give to blocks which do not say of what they are: the block, its parameter, and the
    type."""

    def type_of_list(self, block: str, parameter: str) -> str | None:
        """The one type of what all steps give for a list of anything; None where they differ, or none is known."""
        found = {kind for name, one, kind in self.entries if (name, one) == (block, parameter)}
        return found.pop() if len(found) == 1 else None


NO_HINTS = Hints()


@dataclass(eq=False, kw_only=True)
class Lowering(ABC):
    """One run over a document."""

    report: Report
    document: Document
    unroll: bool
    """Whether parameters have their values and loops are unrolled; else parameters are symbols, and loops stay."""
    allow: Collection[str] = ()
    """The packages whose classes may be imported: the caller says so, never the spec."""
    hints: Hints = NO_HINTS
    """What the reading before this one has shown."""
    held: Mapping[Span, set[str]] = field(default_factory=dict)
    """In symbols, the layers that the spec gives to parameters that hold one, by the places of the steps."""
    floating: str = "float32"
    """The dtype of the network's weights, and of inputs that say no other."""
    partial: bool = False
    """Whether what is wrong keeps the parts of it that are right, with what they give."""

    succeeding: set[Origin] = field(default_factory=set)
    """Variables that may go on under another one's name in the next reading."""
    needed: dict[Path, set[tuple[str, tuple[int, int] | None]]] = field(default_factory=dict)
    """In symbols, the sizes around the group at each place that it needs in the first of its readings: those that its
    constructor takes, and those of an input's axis, by the input and the axis."""
    received: set[tuple[Path, str]] = field(default_factory=set)
    """Sizes that a group's constructor has to take in the next reading, as a later run of it needs them."""
    entries: set[tuple[str, str, str]] = field(default_factory=set)
    """The types of lists that steps give to blocks, for the next reading."""
    own_classes: dict[str, str] = field(default_factory=dict)
    """The classes of the allowed packages that are used, by their last names."""
    count: int = 0
    """The layers so far."""
    rounds: int = 0
    """The loops so far of which a symbol counts the rounds."""
    symbolic_classes: dict[str, Class | None] = field(default_factory=dict)
    """In symbols, by name, in the order of their definition."""
    symbolic_by_rank: dict[tuple[str, tuple[tuple[str, ...], ...]], Class | None] = field(default_factory=dict)
    """In symbols, by name and leading axes: a block that takes any rank is read for each one that it is used at."""
    bound_classes: dict[Any, Class | None] = field(default_factory=dict)
    """With values, by name, parameters and inputs."""
    open_blocks: list[str] = field(default_factory=list)
    """The blocks that are being read."""
    rules: Rules | None = None
    """How weights begin, by the rules at the top."""
    idle_rules: dict[tuple[str, str, Span], None] = field(default_factory=dict)
    """What says how weights begin, and fits none."""
    group_classes: dict[Path, str] = field(default_factory=dict)
    """The class of each group that is a graph, by its place."""
    named_at: dict[Span, Span] = field(default_factory=dict)
    """Where steps say the lists in which their modules stand."""
    taken_by_classes: set[str] = field(default_factory=set)
    """What no class of a group may be called."""

    # A block and a group that is a graph are classes, so reading one reads steps, which may hold blocks and groups.
    # The rooms that read steps ask for them here; the room that imports both sides implements the two.

    @abstractmethod
    def call_block(self, frame: Frame, step: StepEntry, name: str, site: Site, given: Given) -> Call | Group:
        """The block of that name in its place."""

    @abstractmethod
    def call_group(self, frame: Frame, block: Block, site: Site, given: Given) -> Call | Group:
        """A group of named steps that are a graph, in its place; `site` is that of its steps."""

    @property
    def most_layers(self) -> int:
        return self.report.source.limits.layers

    def add_layers(self, count: int, path: Path) -> None:
        """Counts layers; reports the limit once."""
        before, self.count = self.count, self.count + count
        if before <= self.most_layers < self.count:
            message = f"more than {self.most_layers} layers after repetition"
            at = next((at for at in _above(path) if self.report.source.value(at) is not None), path)
            self.report.add("AS102", message, at, "use fewer repetitions, or raise the limit when you call archspec")


def _above(path: Path) -> Iterator[Path]:
    """The places of `repeat` and `for` of the steps around a place, the innermost first."""
    for end in range(len(path), 0, -1):
        yield from ((*path[:end], key) for key in ("repeat", "for", "each"))
