"""A network run over storages in place of numbers: which memory each operation takes, reads and keeps.

Follows the graph in the order in which PyTorch would run it, and takes each value for freed after its last use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from archspec.dimensions import Size
from archspec.expressions import Index
from archspec.flow import Applied, Follower, Mark, arguments, leaves, picks
from archspec.graph import Branch, Call, Class, Flow, Loop, Step
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.storage import DROPPING, FROM_RESULT, MERGING, NEVER_IN_PLACE, PASSING, SWAPPING, UNREAD, VIEWS
from archspec.tensors import COMPLEX, FLOATS, TensorType
from archspec.views.summary.field import Field, seen_by, together
from archspec.views.summary.figures import at, bytes_each, tensors, unknown
from archspec.views.summary.kept import ATTENTION, STATISTICS, TensorMemory, extra_of, inside, is_one, kept


@dataclass(frozen=True, slots=True)
class View:
    """A tensor: some storage, and whether its axes have been swapped, so that merging two copies it."""

    storage: TensorMemory
    swapped: bool = False
    axes: int = 0
    field: Field | None = None
    """What of the input it sees, along each axis of an image."""


Value: TypeAlias = "View | tuple[Any, ...] | None"
"""What flows: tensors, tuples of them, None in the place of a number."""


@dataclass(frozen=True, slots=True)
class TracedOperation:
    """One operation: what it reads, what it makes, and what the backward pass will read of it."""

    name: str
    path: str
    reads: tuple[TensorMemory, ...]
    makes: tuple[TensorMemory, ...]
    keeps: tuple[TensorMemory, ...]
    extra: Size
    """Bytes that it keeps besides, such as the places of maxima."""
    weights: Size
    """Bytes of its parameters."""
    owner: str
    """The module that made them: another one's, where they are tied or run again."""

    @property
    def passes(self) -> bool:
        """Whether the gradient of what it reads is that of what it makes."""
        return self.name in PASSING


@dataclass(frozen=True, slots=True)
class Execution:
    """What is known of an operation before its inputs are: its name and path, and what it costs besides what flows."""

    name: str
    path: str
    extra: Size
    """Bytes that it keeps besides, such as the places of maxima."""
    weights: Size = 0
    """Bytes of its parameters."""
    owner: str = ""
    """The module that made them: another one's, where they are tied or run again."""
    inplace: bool = False


class Trace(Follower):
    """What running a network comes to, in training or for inference. `whole` is whether all of it could be followed."""

    def __init__(self, sizes: Mapping[str, int], *, training: bool) -> None:
        super().__init__(training=training)
        self.sizes = sizes
        self.operations: list[TracedOperation] = []
        self.held: list[tuple[TensorMemory, int, int]] = []  # by a caller: from one operation to another
        self.inputs: tuple[TensorMemory, ...] = ()
        self.outputs: tuple[TensorMemory, ...] = ()
        self.buffers: Size = 0
        self.whole = True
        self.seen: list[tuple[str, Field]] = []  # receptive fields by path
        self.owners: dict[str, str] = {}  # by the path of a module, that of the one whose weight it shares
        self._bytes: dict[int, tuple[TensorType, Size]] = {}  # the types too: as long as one lives, so does its number

    def run(self, main: Class) -> None:
        """Follows the network, from its inputs to its outputs."""
        inputs = [_image(self.new(value.type, learns=False), value.tensor) for value in main.inputs]
        self.inputs = tuple(storages(inputs))
        self.outputs = tuple(storages(self.module_class(main, inputs, {}, "")))

    def new(self, flow: Flow | None, *, learns: bool, bytes_of: Size | None = None) -> Value:
        """Memory for what flows."""
        if isinstance(flow, TensorType):
            size = self.bytes_of(flow) if bytes_of is None else bytes_of
            return View(TensorMemory(size, learns and flow.dtype in (*FLOATS, *COMPLEX)), axes=flow.rank)
        return tuple(self.new(part, learns=learns) for part in flow) if isinstance(flow, tuple) else None

    def bytes_of(self, x: TensorType) -> Size:
        """The memory of one tensor."""
        if id(x) not in self._bytes:
            self._bytes[id(x)] = x, at(x.numel * bytes_each(x.dtype), self.sizes)
        return self._bytes[id(x)][1]

    # What following asks for.

    def module_class(self, cls: Class, inputs: list[Value], named: Mapping[str, Value], path: str) -> Value:
        for one in cls.shared:
            if one.weight != "bias":  # the larger part of a module's parameters says where its gradient is summed
                self.owners.setdefault(f"{path}{one.module}", f"{path}{one.other.rpartition('.')[0]}")
        value: Value = super().module_class(cls, inputs, named, path)
        return value

    def tensor(self, step: Step) -> Value:
        learns = step.kind != "buffer"
        if not learns:
            self.buffers = self.buffers + sum(t.numel * bytes_each(t.dtype) for t in tensors(step.output))
        return self.new(step.output, learns=learns, bytes_of=0)

    def undecided(self, item: Loop | Branch, inputs: list[Value], path: str) -> Value:
        self.whole = False
        return self.new(item.output, learns=True, bytes_of=unknown("a parameter has no value"))

    def either(self, then: Value, otherwise: Value) -> Value:
        self.whole = False
        return then

    def mark(self) -> Mark:
        return len(self.operations), len(self.seen)

    def ran(self, inputs: list[Value], value: Value, start: Mark) -> Value:
        self.held += ((one, start[0], len(self.operations)) for one in storages(inputs))
        return value

    def ran_again(self, start: Mark, module: str, step: str) -> None:
        operations, seen = start
        self.operations[operations:] = [
            replace(one, path=f"{step}{one.path.removeprefix(module)}") for one in self.operations[operations:]
        ]
        self.seen[seen:] = [(f"{step}{path.removeprefix(module)}", field) for path, field in self.seen[seen:]]

    def layer(self, call: Call, layer: Layer, inputs: list[Value], path: str) -> Value:
        """Runs a layer of the catalogue."""
        if isinstance(layer, OwnLayer):
            self.whole = False
        name = type(layer).__name__
        if name in ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d") and is_one(layer):
            name = "mean"
        count = call.parameter_count()
        weights = count * bytes_each(str(vars(layer).get("dtype") or "float32"))
        extra = at(inside(layer, call, training=self.training), self.sizes)
        inplace = getattr(layer, "inplace", False) is True and name not in NEVER_IN_PLACE
        owner = self.owners.get(path, path)
        value = self.operation(Execution(name, path, extra, weights, owner, inplace), inputs, call.output)
        return self.seeing(path, value, seen_by(layer, [view.field for view in leaves(inputs, View)]))

    def function(self, applied: Applied, operands: list[Value]) -> Value:
        name, path = applied.name, applied.path
        if name == "index" and isinstance(applied.node, Index) and picks(applied.node, applied.scope):
            return operands[0]
        given = arguments(applied) if name in STATISTICS else {}
        extra = at(extra_of(name, applied.output, given), self.sizes)
        value = self.operation(Execution(name, path, extra), operands, applied.output)
        return self.seeing(path, value, together(name, [view.field for view in leaves(operands, View)]))

    # Either.

    def seeing(self, path: str, value: Value, field: Field | None) -> Value:
        """The value with its receptive field."""
        if field is not None:
            self.seen.append((path, field))
        return _seeing(value, field)

    def operation(self, execution: Execution, inputs: list[Value], output: Flow | None) -> Value:
        """One operation on the tape, unless what it returns is a view."""
        name = execution.name
        first = next(iter(leaves(inputs, View)), None)
        read = tuple(storages(inputs))
        if first is not None and execution.inplace and (self.training or name not in DROPPING):
            learns = first.storage.learns
            keeps = read if learns and name in FROM_RESULT else ()
            copied = (
                first.storage.bytes if learns and name not in FROM_RESULT and name not in DROPPING else execution.extra
            )
            self.operations.append(TracedOperation(name, execution.path, read, (), keeps, copied, 0, ""))
            return first
        if first is not None and (name in VIEWS or (name in DROPPING and execution.extra == 0)):
            axes = output.rank if isinstance(output, TensorType) else 0
            merges = name in MERGING and axes < first.axes and first.swapped
            if not merges:
                swapped = first.swapped != (name in SWAPPING)
                return _like(output, View(first.storage, swapped, axes))
        learns = name not in UNREAD and (any(one.learns for one in read) or execution.weights != 0)
        value = self.new(output, learns=learns)
        if name == ATTENTION and isinstance(value, View):
            value = replace(value, swapped=True)  # its kernels write the heads of one position side by side
        made = tuple(storages(value))
        places = [one for value in inputs for one in (storages(value) if value is not None else (None,))]
        keeps = kept(name, places, made) if learns else ()
        self.operations.append(
            TracedOperation(
                name, execution.path, read, made, keeps, execution.extra, execution.weights, execution.owner
            )
        )
        return value


def storages(value: Any) -> Iterator[TensorMemory]:
    """The storages of what flows."""
    for view in leaves(value, View):
        yield view.storage


def _like(flow: Flow | None, view: View) -> Value:
    """That view for every tensor of what flows."""
    if isinstance(flow, tuple):
        return tuple(_like(part, view) for part in flow)
    return view


def _image(value: Value, type: TensorType) -> Value:
    """A value of the input sees itself."""
    return _seeing(value, ((1, 1),) * (type.rank - 2) if type.rank > 2 and type.dtype in FLOATS else None)


def _seeing(value: Value, field: Field | None) -> Value:
    if isinstance(value, View):
        return replace(value, field=field)
    return tuple(_seeing(part, field) for part in value) if isinstance(value, tuple) else None
