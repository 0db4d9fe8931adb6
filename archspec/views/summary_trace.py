"""A network run over storages in place of numbers: which memory each operation takes, reads and keeps.

Follows the graph in the order in which PyTorch would run it, and takes each value for freed after its last use.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, TypeAlias, cast

from archspec import expressions
from archspec.dimensions import Size
from archspec.expressions import (
    Binary,
    Compare,
    Conditional,
    Index,
    Items,
    Name,
    Node,
    Slice,
    Unary,
    evaluate,
)
from archspec.expressions import unknown as unsettled
from archspec.graph import Branch, Call, Class, Flow, Group, Item, Loop
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.records import Record, replace
from archspec.tensors import FLOATS, TensorType
from archspec.views.summary_field import Field, seen_by, together
from archspec.views.summary_figures import at, bytes_each, tensors, unknown
from archspec.views.summary_kept import (
    ATTENTION,
    MASKED,
    MERGING,
    PASSING,
    RESULT,
    SWAPPING,
    VIEWS,
    Storage,
    extra_of,
    inside,
    is_one,
    kept,
)


class View(Record):
    """A tensor: some storage, and whether its axes have been swapped, so that merging two copies it."""

    storage: Storage
    swapped: bool = False
    axes: int = 0
    field: Field | None = None
    """What of the input it sees, along each axis of an image."""


Value: TypeAlias = "View | tuple[Any, ...] | None"
"""What flows: tensors, tuples of them, None in the place of a number."""


class Operation(Record):
    """One operation: what it reads, what it makes, and what the backward pass will read of it."""

    name: str
    path: str
    reads: tuple[Storage, ...]
    makes: tuple[Storage, ...]
    keeps: tuple[Storage, ...]
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


class Trace:
    """What running a network comes to, in training or for inference. `whole` is whether all of it could be followed."""

    def __init__(self, sizes: Mapping[str, int], *, training: bool) -> None:
        self.sizes = sizes
        self.training = training
        self.operations: list[Operation] = []
        self.held: list[tuple[Storage, int, int]] = []  # by a caller: from one operation to another
        self.inputs: tuple[Storage, ...] = ()
        self.outputs: tuple[Storage, ...] = ()
        self.buffers: Size = 0
        self.whole = True
        self.seen: list[tuple[str, Field]] = []  # receptive fields by path
        self._types: dict[tuple[int, int], Any] = {}
        self._bytes: dict[int, tuple[TensorType, Size]] = {}  # the types too: as long as one lives, so does its number

    def run(self, main: Class) -> None:
        """Follows the network, from its inputs to its outputs."""
        inputs = [_image(self.new(value.type, learns=False), value.type) for value in main.inputs]
        self.inputs = tuple(storages(inputs))
        self.outputs = tuple(storages(self.module_class(main, inputs, {}, "")))

    def new(self, flow: Flow | None, *, learns: bool, bytes_of: Size | None = None) -> Value:
        """Memory for what flows."""
        if isinstance(flow, TensorType):
            size = self.bytes_of(flow) if bytes_of is None else bytes_of
            return View(Storage(size, learns and flow.dtype in FLOATS), axes=flow.rank)
        return tuple(self.new(part, learns=learns) for part in flow) if isinstance(flow, tuple) else None

    def bytes_of(self, x: TensorType) -> Size:
        """The memory of one tensor."""
        if id(x) not in self._bytes:
            self._bytes[id(x)] = x, at(x.numel * bytes_each(x.dtype), self.sizes)
        return self._bytes[id(x)][1]

    # Modules.

    def module_class(self, cls: Class, inputs: list[Value], named: Mapping[str, Value], path: str) -> Value:
        """Runs a class; what it returns."""
        if cls.sequential:
            value: Value = inputs[0] if inputs else next(iter(named.values()), None)
            for item in cls.items:
                value = self.item(item, [value], {}, path)
            return value
        types: dict[str, Any] = {value.name: value.type for value in cls.inputs}
        scope: ChainMap[str, Any] = ChainMap(types, {"training": self.training}, cast("dict[str, Any]", cls.values))
        values: dict[str, Value] = {value.name: None for value in cls.inputs}
        values |= {**dict(zip(values, inputs, strict=False)), **named}
        for step in cls.steps:
            if step.kind in ("parameter", "buffer"):
                learns = step.kind == "parameter"
                if not learns:
                    self.buffers = self.buffers + sum(t.numel * bytes_each(t.dtype) for t in tensors(step.output))
                values[step.name], types[step.name] = self.new(step.output, learns=learns, bytes_of=0), step.output
                continue
            where = f"{path}{step.target.text}"
            arguments = [(key, self.expression(node, scope, values, where)) for key, node in step.arguments]
            value = arguments[0][1]
            module = step.item or step.again
            if step.kind == "call" and module is not None:
                by_name = {key: one for key, one in arguments if key is not None}
                start = len(self.operations), len(self.seen)
                value = self.item(module, [one for key, one in arguments if key is None], by_name, path)
                if step.again is not None:
                    self.rename(*start, f"{path}{step.module}", where)
            _bind(step.target, value, values)
            _bind(step.target, step.output, types)
        assert cls.outputs is not None
        results = [self.expression(node, scope, values, f"{path}outputs") for node in cls.outputs.values]
        return results[0] if cls.outputs.single and len(results) == 1 else tuple(results)

    def item(self, item: Item, inputs: list[Value], named: dict[str, Value], prefix: str) -> Value:
        """Runs one module."""
        if isinstance(item, Loop | Branch):
            self.whole = False
            return self.new(item.output, learns=True, bytes_of=unknown("a parameter has no value"))
        path = f"{prefix}{item.name or '*'}"
        if isinstance(item, Call) and isinstance(item.layer, Layer):
            return self.layer(item, item.layer, [*inputs, *named.values()], path)
        start = len(self.operations)
        if isinstance(item, Call):
            assert isinstance(item.layer, Class)
            value = self.module_class(item.layer, inputs, named, f"{path}.")
        else:
            value = self.group(item, [*inputs, *named.values()], f"{path}.")
        self.held += ((one, start, len(self.operations)) for one in storages((*inputs, *named.values())))
        return value

    def rename(self, operations: int, seen: int, module: str, step: str) -> None:
        """Says of what came since then that it is another step that runs that module."""
        self.operations[operations:] = [
            replace(one, path=f"{step}{one.path.removeprefix(module)}") for one in self.operations[operations:]
        ]
        self.seen[seen:] = [(f"{step}{path.removeprefix(module)}", field) for path, field in self.seen[seen:]]

    def group(self, group: Group, inputs: list[Value], prefix: str) -> Value:
        """Runs modules one after another, each on what the one before returned."""
        value = inputs[0]
        for child in group.items:
            value = self.item(child, inputs if group.listed else [value], {}, prefix)
            parts = list(value) if isinstance(value, tuple) else [value]
            inputs = [*parts, *inputs[len(parts) :]]
        return value

    def layer(self, call: Call, layer: Layer, inputs: list[Value], path: str) -> Value:
        """Runs a layer of the catalogue."""
        if isinstance(layer, OwnLayer):
            self.whole = False
        name = type(layer).__name__
        if name in ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d") and is_one(layer):
            name = "mean"
        count = layer.parameter_count()
        weights = count * bytes_each(str(vars(layer).get("dtype") or "float32"))
        extra = at(inside(layer, call, training=self.training), self.sizes)
        inplace = getattr(layer, "inplace", False) is True
        owner = path if not call.ties else path[: path.rfind(".") + 1] + call.ties[0][1].rpartition(".")[0]
        value = self.operation(name, path, inputs, call.output, weights, extra, owner, inplace=inplace)
        return self.seeing(path, value, seen_by(layer, [view.field for view in _views(inputs)]))

    # Expressions.

    def expression(self, node: Node, scope: ChainMap[str, Any], values: Mapping[str, Value], path: str) -> Value:
        """What an expression makes, part by part."""
        from archspec.lower.tensors import holds_tensor, tensor_value  # here: as many specs compute nothing

        if not holds_tensor(node, scope):
            return None
        if isinstance(node, Name):
            return values.get(node.name)

        def within(part: Node) -> Value:
            return self.expression(part, scope, values, path)

        if isinstance(node, Items):
            return tuple(map(within, node.items))
        if isinstance(node, Conditional):
            condition = evaluate(node.condition, scope)
            self.whole = self.whole and not unsettled(condition)
            return within(node.then if condition is not False else node.otherwise)
        if isinstance(node, Index):
            value = within(node.value)
            if isinstance(value, tuple):
                place: Any = evaluate(node.index, scope)
                part: Value = value[place]
                return part
            items = node.index.items if isinstance(node.index, Items) else (node.index,)
            if not any(holds_tensor(item, scope) for item in items if not isinstance(item, Slice)):
                return value
            name, operands = "index", [value, *map(within, items)]
        elif isinstance(node, expressions.Call):
            name = node.function
            operands = [within(part) for part in (*node.arguments, *(part for _, part in node.keywords))]
        elif isinstance(node, Unary | Binary):
            name, operands = node.operator, [within(part) for part in node.children]
        else:
            assert isinstance(node, Compare)
            name, operands = "<", [within(part) for part in node.operands]
        key = id(scope.maps[-1]), id(node)  # what parameters and sizes are says what everything else is
        if key not in self._types:
            self._types[key] = tensor_value(node, scope)
        output = self._types[key]
        value = self.operation(name, path, operands, output, 0, at(extra_of(name, output), self.sizes))
        return self.seeing(path, value, together(name, [view.field for view in _views(operands)]))

    # Either.

    def seeing(self, path: str, value: Value, field: Field | None) -> Value:
        """The value with its receptive field."""
        if field is not None:
            self.seen.append((path, field))
        return _seeing(value, field)

    def operation(
        self,
        name: str,
        path: str,
        inputs: list[Value],
        output: Flow | None,
        weights: Size,
        extra: Size,
        owner: str = "",
        *,
        inplace: bool = False,
    ) -> Value:
        """One operation on the tape, unless what it returns is a view."""
        first = next(iter(_views(inputs)), None)
        read = tuple(storages(inputs))
        if first is not None and inplace and (self.training or name not in MASKED):
            learns = first.storage.learns
            keeps = read if learns and name in RESULT else ()
            copied = first.storage.bytes if learns and name not in RESULT and name not in MASKED else extra
            self.operations.append(Operation(name, path, read, (), keeps, copied, 0, ""))
            return first
        if first is not None and (name in VIEWS or (name in MASKED and (extra == 0 or not self.training))):
            axes = output.rank if isinstance(output, TensorType) else 0
            merges = name in MERGING and axes < first.axes and first.swapped
            if not merges:
                swapped = first.swapped != (name in SWAPPING)
                return _like(output, View(first.storage, swapped, axes))
        learns = any(one.learns for one in read) or weights != 0
        value = self.new(output, learns=learns)
        if name == ATTENTION and isinstance(value, View):
            value = replace(value, swapped=True)  # its kernels write the heads of one position side by side
        made = tuple(storages(value))
        keeps = kept(name, read, made) if learns else ()
        self.operations.append(Operation(name, path, read, made, keeps, extra, weights, owner))
        return value


def storages(value: Any) -> Iterator[Storage]:
    """The storages of what flows."""
    for view in _views(value):
        yield view.storage


def _views(value: Any) -> Iterator[View]:
    if isinstance(value, View):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _views(part)


def _like(flow: Flow | None, view: View) -> Value:
    """That view for every tensor of what flows."""
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return tuple(_like(part, view) for part in flow)
    return view


def _image(value: Value, type: TensorType) -> Value:
    """A value of the input sees itself."""
    return _seeing(value, ((1, 1),) * (type.rank - 2) if type.rank > 2 and type.dtype in FLOATS else None)


def _seeing(value: Value, field: Field | None) -> Value:
    if isinstance(value, View):
        return replace(value, field=field)
    return tuple(_seeing(part, field) for part in value) if isinstance(value, tuple) else None


def _bind(target: Node, value: Any, names: dict[str, Any]) -> None:
    if isinstance(target, Name):
        names[target.name] = value
    elif isinstance(target, Items):
        parts = value if isinstance(value, tuple) else ()
        for one, part in zip_longest(target.items, parts[: len(target.items)]):
            _bind(one, part, names)
