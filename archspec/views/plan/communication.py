"""The collectives of one training step, forward and backward: how many of each kind, and how many bytes.

The bytes of a collective are those of the whole tensor that a rank sums, gathers or scatters: of an all-gather what
comes out, of a reduce-scatter what goes in. The loss is not counted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from archspec.dimensions import Size
from archspec.tensors import BYTES, TensorType
from archspec.views.plan.memory import Again
from archspec.views.plan.parameters import ShardedParameter
from archspec.views.plan.roles import Roles
from archspec.views.plan.sequence import Sequenced
from archspec.views.summary.figures import at


@dataclass(frozen=True, slots=True)
class Collective:
    """All collectives of one kind over one dimension of the mesh."""

    kind: str
    over: str
    count: int
    bytes: Size
    """A Dimension where the size of an input is not known."""


class Counter:
    """Adds up collectives by their kind and what they go over."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], tuple[int, Size]] = {}

    def add(self, kind: str, over: str, size: Size, count: int = 1) -> None:
        """Some collectives of one size each."""
        before, total = self.found.get((kind, over), (0, 0))
        self.found[kind, over] = before + count, total + count * size

    def collectives(self) -> list[Collective]:
        """All of them, by kind."""
        return [Collective(*key, count, size) for key, (count, size) in sorted(self.found.items())]


def tensor_parallel(roles: Roles, blocks: Sequenced, again: Again, counter: Counter, size_of: SizeOf) -> None:
    """What the layers that are cut send each other; what runs `again` in backward sends once more."""
    for run in roles.runs:
        role = roles.cut.get(run.path)
        if role is None:
            continue
        runs = 1 + (run.path in again.whole)
        if run.path in blocks.sums:
            counter.add("reduce_scatter", "tp", size_of(run.output), runs)
            counter.add("all_gather", "tp", size_of(run.output))
        elif role.name == "row":
            counter.add("all_reduce", "tp", size_of(run.output), runs)
        elif run.learns and run.path not in blocks.read and run.path not in blocks.shared:
            counter.add("all_reduce", "tp", size_of(run.input))
        if role.gathered:
            counter.add("all_gather", "tp", size_of(run.output), runs)


def sequence_parallel(roles: Roles, blocks: Sequenced, again: Again, counter: Counter, size_of: SizeOf) -> None:
    """What is gathered of the sequence, and what flows back of it."""
    for run in roles.runs:
        if run.path in blocks.read:
            counter.add("all_gather", "tp", size_of(run.input), 1 + again.begins(run.path))
            if blocks.read[run.path][1] and run.learns:
                counter.add("reduce_scatter", "tp", size_of(run.input))
    for path, some in blocks.entered.items():
        for one in some:
            runs = 1 + (path not in again.blocks and any(again.begins(reader) for reader in one.readers))
            counter.add("all_gather", "tp", size_of(one.type), runs)
            if one.together and one.learns:
                counter.add("reduce_scatter", "tp", size_of(one.type))
    for path, kind in blocks.gathered.items():
        counter.add("all_gather", "tp", size_of(kind), 1 + (path in again.whole))
    for scattered in (*blocks.scattered.values(), *(one.value for one in blocks.begun.values())):
        if scattered.learns:
            counter.add("all_gather", "tp", size_of(scattered.type))


def norms(parameters: Collection[ShardedParameter], blocks: Sequenced, counter: Counter) -> None:
    """The gradients of weights of which each rank sees a block of the sequence: summed up."""
    for one in parameters:
        if one.path in blocks.norms and one.trainable:
            counter.add("all_reduce", "tp", one.numel * BYTES.get(one.dtype, 1))


class SizeOf:
    """The bytes of a tensor, of the dtype that the network computes in."""

    def __init__(self, sizes: dict[str, int], dtype: str) -> None:
        self.sizes = sizes
        self.dtype = dtype

    def __call__(self, x: TensorType) -> Size:
        return at(x.numel * BYTES.get(self.dtype if x.dtype == "float32" else x.dtype, 1), self.sizes)


def fully_sharded(parameters: list[ShardedParameter], ranks: int, counter: Counter) -> None:
    """What FSDP gathers before a block runs, forward and backward, and how it scatters the gradients."""
    units: dict[str, list[ShardedParameter]] = {}
    for one in parameters:
        units.setdefault(one.unit, []).append(one)
    for unit, some in units.items():
        whole = sum(one.padded(ranks) for one in some)
        counter.add("all_gather", "dp", whole, 2 if unit else 1)  # the root is not freed after forward
        if gradients := sum(one.padded(ranks) for one in some if one.trainable):
            counter.add("reduce_scatter", "dp", gradients)
