"""What a rank's own tensors take while it trains: the network's trace with the sizes that the rank has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from archspec.dimensions import Size
from archspec.flow import Applied
from archspec.graph import Call, Class, Flow
from archspec.layers import Layer
from archspec.tensors import BYTES, TensorType
from archspec.views.plan.parameters import ShardedParameter
from archspec.views.plan.roles import Roles
from archspec.views.plan.sequence import NOWHERE, Sequenced
from archspec.views.summary.kept import TensorMemory
from archspec.views.summary.memory import known, saved_bytes, training_peak
from archspec.views.summary.trace import Execution, Trace, TracedOperation, Value, View


class RankTrace(Trace):
    """The trace of a rank: tensors that are cut, and the weights that make them, are that much smaller."""

    def __init__(self, roles: Roles, degree: int, dtype: str, blocks: Sequenced = NOWHERE) -> None:
        super().__init__({}, training=True)
        self.cut = roles.cut
        self.degree = degree
        self.dtype = dtype
        self.blocks = blocks
        self._order = (
            any(one) or any(two) for one, two in zip_longest(roles.operations, blocks.operations, fillvalue=())
        )
        self._is_cut = False

    def bytes_of(self, x: TensorType) -> Size:
        size = super().bytes_of(x)
        return size * BYTES[self.dtype] // BYTES["float32"] if x.dtype == "float32" else size

    def layer(self, call: Call, layer: Layer, inputs: list[Value], path: str) -> Value:
        self._is_cut = next(self._order, False)
        if path in self.blocks.read:
            inputs = [self._gathered(inputs[0], call.inputs[0], path)]
        value = super().layer(call, layer, inputs, path)
        return self._gathered(value, call.output, path) if path in self.blocks.gathered else value

    def module_class(self, cls: Class, inputs: list[Value], named: Mapping[str, Value], path: str) -> Value:
        given = list(inputs)
        for one in self.blocks.entered.get(path.removesuffix("."), ()):
            given[one.place] = self._gathered(given[one.place], one.type, path.removesuffix("."))
        return super().module_class(cls, given, named, path)

    def _gathered(self, value: Value, kind: Flow | None, path: str) -> Value:
        """The whole of a tensor that is cut along the sequence."""
        assert isinstance(value, View)
        whole = super().new(kind, learns=value.storage.learns)
        assert isinstance(whole, View)
        self.operations.append(TracedOperation("all_gather", path, (value.storage,), (whole.storage,), (), 0, 0, ""))
        return whole

    def function(self, applied: Applied, operands: list[Value]) -> Value:
        self._is_cut = next(self._order, False)
        return super().function(applied, operands)

    def new(self, flow: Flow | None, *, learns: bool, bytes_of: Size | None = None) -> Value:
        if isinstance(flow, TensorType) and bytes_of is None and self._is_cut:
            return super().new(flow, learns=learns, bytes_of=self.bytes_of(flow) // self.degree)
        return super().new(flow, learns=learns, bytes_of=bytes_of)

    def operation(self, execution: Execution, inputs: list[Value], output: Flow | None) -> Value:
        share = self.degree if self._is_cut else 1
        role = self.cut.get(execution.path)
        held = self.degree if role is not None and not role.entries else 1  # a table's gradient is made whole
        scale = BYTES[self.dtype]
        extra, weights = execution.extra * scale // 4 // share, execution.weights * scale // 4 // held
        value = super().operation(replace(execution, extra=extra, weights=weights), inputs, output)
        self._is_cut = False
        return value


def traced(main: Class, roles: Roles, degree: int, dtype: str, blocks: Sequenced = NOWHERE) -> RankTrace | None:
    """The trace of a rank; None where a size is not known."""
    trace = RankTrace(roles, degree, dtype, blocks)
    trace.run(main)
    return trace if known(trace) else None


def part_of(trace: RankTrace, operations: Sequence[TracedOperation]) -> RankTrace:
    """The trace of some of its operations, which take what others make, and hand on what others read."""
    part = RankTrace(Roles(), trace.degree, trace.dtype)
    part.operations = list(operations)
    made = {one for operation in operations for one in operation.makes}
    part.inputs = tuple({one: None for operation in operations for one in operation.reads if one not in made})
    own = set(map(id, operations))
    read = {one for operation in trace.operations if id(operation) not in own for one in operation.reads}
    part.outputs = tuple(one for one in dict.fromkeys(made) if one in read or one in trace.outputs)
    part.buffers = trace.buffers
    return part


def activations(trace: RankTrace, blocks: Sequence[str], checkpoint: bool) -> tuple[int, int]:
    """Bytes that are kept for backward, and the most that is in use beside what the optimizer keeps."""
    if not checkpoint or not blocks:
        return saved_bytes(trace), training_peak(trace)
    outside, inside = _by_block(trace.operations, blocks)
    kept = {one for operation in outside for one in operation.keeps}
    kept |= {one for operations in inside for one in _entering(operations)}
    total = sum(_number(one.bytes) for one in kept) + sum(_number(operation.extra) for operation in outside)
    largest = max((_alone(trace, operations) for operations in inside), default=0)
    return total, max(total + largest, training_peak(_closed(trace, blocks)))


@dataclass(frozen=True, slots=True)
class Again:
    """What runs once more in backward: a checkpoint stops where nothing behind in its block is kept."""

    whole: frozenset[str] = frozenset()
    """The paths of layers that run to their end."""
    last: frozenset[str] = frozenset()
    """Those that stop once they have what they keep."""
    blocks: frozenset[str] = frozenset()

    def begins(self, path: str) -> bool:
        """Whether a layer takes its input once more."""
        return path in self.whole or path in self.last


def recomputed(trace: RankTrace, blocks: Sequence[str]) -> Again:
    """What runs again where each of the blocks is a checkpoint."""
    whole: set[str] = set()
    stopped: set[str] = set()
    for operations in _by_block(trace.operations, blocks)[1]:
        last = max((place for place, one in enumerate(operations) if one.keeps or one.extra != 0), default=0)
        whole |= {one.path for one in operations[:last] if one.owner}
        stopped |= {one.path for one in operations[last : last + 1] if one.owner}
    return Again(frozenset(whole), frozenset(stopped), frozenset(blocks))


def _by_block(
    operations: Iterable[TracedOperation], blocks: Sequence[str]
) -> tuple[list[TracedOperation], list[list[TracedOperation]]]:
    """The operations outside of all blocks, and those of each."""
    outside: list[TracedOperation] = []
    inside: dict[str, list[TracedOperation]] = {}
    names = set(blocks)
    for operation in operations:
        parts = operation.path.split(".")
        block = next((path for end in range(1, len(parts) + 1) if (path := ".".join(parts[:end])) in names), None)
        if block is None:
            outside.append(operation)
        else:
            inside.setdefault(block, []).append(operation)
    return outside, list(inside.values())


def _closed(trace: RankTrace, blocks: Sequence[str]) -> RankTrace:
    """The trace with one operation for each block, which keeps what it takes: what else runs beside it has its peak."""
    closed = part_of(trace, trace.operations)
    closed.outputs, closed.operations = trace.outputs, []
    inside = {id(one): operations for operations in _by_block(trace.operations, blocks)[1] for one in operations}
    readers: dict[TensorMemory, set[int]] = {one: {0} for one in trace.outputs}
    for operation in trace.operations:
        for one in operation.reads:
            readers.setdefault(one, set()).add(id(inside.get(id(operation))))
    for operation in trace.operations:
        block = inside.get(id(operation))
        if block is None:
            closed.operations.append(operation)
        elif operation is block[-1]:
            made = tuple(one for part in block for one in part.makes if readers.get(one, set()) - {id(block)})
            taken = tuple(_entering(block))
            closed.operations.append(
                replace(
                    operation, name="checkpoint", reads=taken, makes=made, keeps=taken, extra=0, weights=0, owner=""
                )
            )
    return closed


def _entering(operations: list[TracedOperation]) -> set[TensorMemory]:
    """What a block takes from outside, which a checkpoint keeps."""
    made = {one for operation in operations for one in operation.makes}
    return {one for operation in operations for one in operation.reads if one not in made}


def _alone(trace: RankTrace, operations: list[TracedOperation]) -> int:
    """The most that is in use while one block runs again, and then backward."""
    part = RankTrace(Roles(), trace.degree, trace.dtype)
    part.operations = [replace(operation) for operation in operations]
    part.outputs = operations[-1].makes
    return training_peak(part)


def _number(size: Size) -> int:
    assert isinstance(size, int)
    return size


def gathered(parameters: Iterable[ShardedParameter], ranks: int) -> int:
    """Bytes of whole parameters that FSDP has at once: the root's, and twice those of the largest block."""
    if ranks == 1:
        return 0
    units: dict[str, int] = {}
    for one in parameters:
        units[one.unit] = units.get(one.unit, 0) + one.padded(ranks)
    root = units.pop("", 0)
    return root + 2 * max(units.values(), default=0)
