"""What the uses of a class are unified to: templates with holes, loops, and the blocks they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.importer.grouping import ModuleLoop, is_sequential
from archspec.importer.nodes import Apply, ArgumentGroup, Mode, ModuleBody, Operation, Ref


@dataclass(frozen=True, slots=True)
class ClassUse:
    """One use of a class, and in which round of each loop within it."""

    sample: int
    rounds: tuple[int, ...] = ()


@dataclass(slots=True)
class Hole:
    """A value that differs from use to use; `text` is its expression, once there is one."""

    points: tuple[ClassUse, ...]
    values: tuple[Any, ...]
    hint: str
    text: str = ""


@dataclass(slots=True)
class LoopTemplate:
    """A loop: how many rounds, one round, and what it is given."""

    container: str
    start: int
    count: Any
    round: Operation
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    results: Any
    single: bool
    items: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """What the rounds are told one by one: names, and lists of values."""
    counted: bool = False
    """Whether a round reads its number."""
    over: tuple[str, str] | None = None
    """A name, and the list whose items the rounds are told under it."""


@dataclass(slots=True)
class BlockTemplate:
    """A block: the uses of one class that do the same, numbers apart."""

    kind: type
    samples: list[ModuleBody]
    name: str = ""
    template: ModuleBody | None = None
    parameters: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values by the samples."""
    axes: list[list[str | int]] = field(default_factory=list)
    """The sizes of the inputs: names or numbers."""
    unread: frozenset[int] = frozenset()
    """The inputs that the block does not take, as nothing reads them."""


class UnsolvedError(Exception):
    """A value of the whole model that no expression of its parameters gives."""

    def __init__(self, hole: Hole, roots: Sequence[int] = ()) -> None:
        super().__init__(f"`{hole.hint}` is {', '.join(map(str, dict.fromkeys(hole.values)))}")
        self.hole = hole
        self.roots = roots
        """Of each use that the hole counts, which run it is of."""


def holes(node: Any, loops: list[LoopTemplate] | None = None) -> Iterator[tuple[Hole, list[LoopTemplate]]]:
    """The holes of a template, each with the loops around it."""
    loops = loops or []
    match node:
        case Hole():
            yield node, loops
        case ArgumentGroup(_, items):
            for one in items:
                yield from holes(one, loops)
        case Apply(_, args, keywords):
            for one in (*args, *dict(keywords).values()):
                yield from holes(one, loops)
        case Mode(training, evaluation):
            yield from holes(training, loops)
            yield from holes(evaluation, loops)
        case Operation():
            inner = node.body.operations if is_sequential(node.body) and node.body is not None else ()
            for one in (
                node.function,
                node.kept,
                *node.args,
                *node.keywords.values(),
                *node.settings.values(),
                node.shape,
                *inner,
            ):
                yield from holes(one, loops)
        case LoopTemplate():
            for one in (node.count, *node.args, *node.keywords.values()):
                yield from holes(one, loops)
            yield from holes(node.round, [*loops, node])
        case ModuleBody():
            states = [one for state in node.state for one in (state.kept, state.made)]
            for one in (*states, *node.operations, node.output):
                yield from holes(one, loops)


def bodies(body: ModuleBody) -> Iterator[ModuleBody]:
    """The bodies below one, and itself, without those of Sequentials below it."""
    for inner in _below(body):
        yield from bodies(inner)
    yield body


def _below(body: ModuleBody) -> Iterator[ModuleBody]:
    for one in body.operations:
        for call in one.rounds if isinstance(one, ModuleLoop) else (one,):
            if call.body is not None:
                if is_sequential(call.body):
                    yield from _below(call.body)
                else:
                    yield call.body


def height(body: ModuleBody) -> int:
    """How many classes deep a body is."""
    return 1 + max(map(height, _below(body)), default=0)


def references_in(node: Any) -> list[Ref]:
    """Every value that a node of a template reads; of a loop, what it is given."""
    match node:
        case Ref():
            return [node]
        case ArgumentGroup(_, items):
            return [ref for one in items for ref in references_in(one)]
        case Apply(_, args, keywords):
            return [ref for one in (*args, *dict(keywords).values()) for ref in references_in(one)]
        case Mode(training, evaluation):
            return [*references_in(training), *references_in(evaluation)]
        case Operation() | LoopTemplate():
            return [ref for one in (*node.args, *node.keywords.values()) for ref in references_in(one)]
    return []
