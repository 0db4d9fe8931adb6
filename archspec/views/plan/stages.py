"""Pipeline stages: the network cut between repeated blocks, so that its slowest stage is as fast as can be.

What runs before the first block goes with it, and what runs after the last one likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec.dimensions import Size
from archspec.graph import Call, Class, Graph, Group, Input, Item, Loop, Step
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo
from archspec.views.plan.memory import RankTrace
from archspec.views.plan.parameters import ShardedParameter
from archspec.views.summary.kept import TensorMemory
from archspec.views.summary.trace import TracedOperation


@dataclass(frozen=True, slots=True)
class Part:
    """One stage: its first and last block, its multiply-accumulates, what it runs, and what it holds."""

    first: str
    last: str
    macs: int
    operations: tuple[TracedOperation, ...]
    parameters: tuple[ShardedParameter, ...]
    blocks: tuple[str, ...]


def stages(
    graph: Graph,
    trace: RankTrace,
    held: Sequence[ShardedParameter],
    blocks: Sequence[str],
    wanted: int | Sequence[tuple[str, Span]],
) -> list[Part]:
    """The stages: so many, or one from each of the blocks that are named.

    ValueError where there are fewer blocks, one behind the other; SpecError where a stage cannot begin as it is named.
    """
    order = _in_order(trace, blocks)
    count = wanted if isinstance(wanted, int) else len(wanted)
    if len(order) < count:
        raise ValueError(
            f"{count} pipeline stages need as many repeated blocks in a row; this network has {len(order)}"
        )
    macs = _macs(graph, order)
    if isinstance(wanted, int):
        groups = _balanced([macs.get(block, 0) for block in order], count, macs["before"], macs["behind"])
    else:
        groups = _named(order, wanted)
    starts = [order[place] for place, _ in groups]
    at = {block: place for place, (start, stop) in enumerate(groups) for block in order[start:stop]}
    operations: list[list[TracedOperation]] = [[] for _ in groups]
    places: dict[str, int] = {}
    current = 0
    for operation in trace.operations:
        block = _block_of(operation.path, at)
        current = at[block] if block is not None else current
        operations[current].append(operation)
        if operation.owner:
            places.setdefault(operation.path, current)
    own: list[list[ShardedParameter]] = [[] for _ in groups]
    for one in held:
        own[at[one.unit] if one.unit in at else places.get(one.path, 0)].append(one)
    totals = [sum(macs.get(block, 0) for block in order[start:stop]) for start, stop in groups]
    totals[0] += macs["before"]
    totals[-1] += macs["behind"]
    return [
        Part(
            starts[n],
            order[groups[n][1] - 1],
            totals[n],
            tuple(operations[n]),
            tuple(own[n]),
            tuple(order[slice(*groups[n])]),
        )
        for n in range(count)
    ]


def _named(order: Sequence[str], wanted: Sequence[tuple[str, Span]]) -> list[tuple[int, int]]:
    """Where each stage begins and ends, by the blocks with which they begin."""
    places: list[int] = []
    problems: list[Problem] = []
    for name, span in wanted:
        if name not in order:
            advice = did_you_mean(name, order[:200]) or f"blocks have names like `{order[0]}`"
            problems.append(Problem("AS809", f"{echo(name)} is not a repeated block", span, advice))
        elif not places and order.index(name):
            advice = f"write `{order[0]}` first: the steps before it belong to the first stage"
            problems.append(
                Problem("AS809", f"the first stage begins at `{name}`, not at the first block", span, advice)
            )
        elif places and order.index(name) <= places[-1]:
            message = f"`{name}` does not run after `{order[places[-1]]}`, where the previous stage begins"
            problems.append(Problem("AS809", message, span, "name the blocks in the order in which they run"))
        else:
            places.append(order.index(name))
    if problems:
        raise SpecError(problems[:1] if places == [] else problems)
    return list(zip(places, [*places[1:], len(order)], strict=True))


def _in_order(trace: RankTrace, blocks: Sequence[str]) -> list[str]:
    """The blocks that run one behind the other, once each, in that order."""
    known, found = set(blocks), list[str]()
    for operation in trace.operations:
        block = _block_of(operation.path, known)
        if block is not None and (not found or found[-1] != block):
            found.append(block)
    return found if len(set(found)) == len(found) else []


def _block_of(path: str, blocks: Mapping[str, int] | set[str]) -> str | None:
    parts = path.split(".")
    return next((one for end in range(1, len(parts) + 1) if (one := ".".join(parts[:end])) in blocks), None)


def _balanced(costs: Sequence[int], count: int, before: int, behind: int) -> list[tuple[int, int]]:
    """Where each stage begins and ends, so that the largest sum is as small as can be."""
    costs = [costs[0] + before, *costs[1:-1], costs[-1] + behind] if len(costs) > 1 else list(costs)
    low, high = max(costs), sum(costs)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(_filled(costs, middle, count)) <= count else (middle + 1, high)
    return _filled(costs, low, count)


def _filled(costs: Sequence[int], most: int, count: int) -> list[tuple[int, int]]:
    """Stages of at most so much each, filled one after the other; each leaves one block for every stage to come."""
    found: list[tuple[int, int]] = []
    start = total = 0
    for place, cost in enumerate(costs):
        full = place > start and (total + cost > most or len(costs) - place < count - len(found))
        if full:
            found.append((start, place))
            start, total = place, 0
        total += cost
    return [*found, (start, len(costs))]


def _macs(graph: Graph, blocks: Sequence[str]) -> dict[str, int]:
    """The multiply-accumulates of each block, and of what runs before the first and behind the last."""
    found: dict[str, int] = {"before": 0, "behind": 0}
    known, seen = set(blocks), _Costs()
    started = False
    for path, item in _outside(graph.main, "", known):
        if path in known:
            found[path], started = seen.of_item(item), True
        else:
            found["behind" if started else "before"] += seen.of_item(item)
    return found


def _outside(cls: Class, prefix: str, blocks: set[str]) -> Iterator[tuple[str, Item]]:
    """Blocks, and what is outside of them, in the order in which it runs."""
    for step in cls.steps:
        if step.item is not None:
            yield from _opened(step.item, prefix, blocks)
    for item in cls.items:
        yield from _opened(item, prefix, blocks)


def _opened(item: Item, prefix: str, blocks: set[str]) -> Iterator[tuple[str, Item]]:
    path = f"{prefix}{getattr(item, 'name', None) or '*'}"
    holds = any(block.startswith(f"{path}.") for block in blocks)
    if path in blocks or not holds:
        yield path, item
    elif isinstance(item, Call):
        assert isinstance(item.layer, Class)
        yield from _outside(item.layer, f"{path}.", blocks)
    else:
        for child in item.items:
            yield from _opened(child, f"{path}.", blocks)


class _Costs:
    """Multiply-accumulates; those of a class that several items share are added up once."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}

    def of_item(self, item: Item) -> int:
        if isinstance(item, Call) and isinstance(item.layer, Layer):
            return 0 if isinstance(item.layer, OwnLayer) else _number(item.macs())
        if isinstance(item, Call):
            assert isinstance(item.layer, Class)
            return self.of_class(item.layer)
        inside = item.items if isinstance(item, Group | Loop) else ()
        return sum(map(self.of_item, inside))

    def of_class(self, cls: Class) -> int:
        if id(cls) not in self.known:
            own = sum(map(self.of_step, cls.steps)) + sum(map(self.of_item, cls.items))
            self.known[id(cls)] = own + (_number(cls.outputs.macs) if cls.outputs is not None else 0)
        return self.known[id(cls)]

    def of_step(self, step: Step) -> int:
        item = step.item or step.again
        return _number(step.macs) + (self.of_item(item) if item is not None else 0)


def _number(size: Size) -> int:
    return int(size) if isinstance(size, int) else 0


def crossing(parts: Sequence[Part]) -> Iterator[tuple[int, bool]]:
    """The tensors that go from each stage to the next: their bytes, and whether a gradient comes back."""
    last: dict[TensorMemory, int] = {}
    made: dict[TensorMemory, int] = {}
    for place, part in enumerate(parts):
        for operation in part.operations:
            for one in operation.reads:
                last[one] = place
            for one in operation.makes:
                made.setdefault(one, place)
    for one, place in made.items():
        for _ in range(place, last.get(one, place)):
            yield _number(one.bytes), one.learns


def unfed(parts: Sequence[Part], inputs: Iterable[tuple[Input, TensorMemory]]) -> Iterator[Problem]:
    """Inputs of the network that a later stage reads; each told once."""
    for value, storage in inputs:
        readers = (place for place, part in enumerate(parts) if any(storage in one.reads for one in part.operations))
        place = next((place for place in readers if place > 0), None)
        if place is not None:
            message = f"stage {place} reads the input `{value.name}`, which the first stage alone is given"
            yield Problem("AS812", message, value.span, _FED, "warning")


_FED = "torch.distributed.pipelining does not run it: take fewer stages, or let the blocks hand the input on"


def torn(parts: Sequence[Part], ties: Mapping[str, str], spans: Mapping[str, Span]) -> Iterator[Problem]:
    """Weights that layers of two stages share: each stage would train its own."""
    if len(parts) < 2:
        return
    places = {operation.path: place for place, part in enumerate(parts) for operation in part.operations}
    for key, other in ties.items():
        one, two = key.rpartition(".")[0], other.rpartition(".")[0]
        if places.get(one, 0) != places.get(two, 0) and one in spans:
            message = f"`{key}` is `{other}`, which is in another pipeline stage: each stage would train its own copy"
            advice = "remove the tie, or use fewer stages: PyTorch's pipelines do not sum gradients across stages"
            yield Problem("AS804", message, spans[one], advice)
