"""Layers that work in place: what they overwrite is read once more, held by others, or needed by the backward pass.

Follows a network over memory in place of numbers, in training and in evaluation, as PyTorch runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from archspec import layout
from archspec.expressions import Index
from archspec.flow import Applied, Follower, Value, leaves, picks
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Loop, Step, frozen_paths
from archspec.layers import Layer
from archspec.overwriting.findings import Findings
from archspec.overwriting.fresh import may_overwrite, works_in_place
from archspec.overwriting.memory import Flowing, GradientNode, Owner, Saved, Storage, Tensor, Write
from archspec.overwriting.views import along, parts, view
from archspec.problems import Problem
from archspec.storage import DROPPING, FROM_RESULT, SPLITTING, UNREAD, VIEWS, keeps
from archspec.tensors import COMPLEX, FLOATS, TensorType

MOST = 30_000
"""Operations that are followed in each mode: what a larger network does behind them is not looked at."""

_SHAPED = ("type_as", "expand_as", "view_as")
"""They ask their second input for no more than its type."""

_EACH = ("broadcast_tensors", "meshgrid")
"""They return a view of each of their inputs."""

_ROW_BY_ROW = frozenset("Linear LayerNorm linear layer_norm cat stack".split())
"""What they make lies row by row in memory, however their inputs do."""

_ONE_PLACE = tuple(f"{name}{axes}d" for name in ("AdaptiveAvgPool", "adaptive_avg_pool") for axes in (1, 2, 3))


def problems(graph: Graph) -> list[Problem]:
    """What is wrong with the layers that work in place; a warning for those that overwrite what the caller passes."""
    if not may_overwrite(graph):
        return []
    findings = Findings()
    optional = any(value.optional for value in graph.main.inputs)
    for training, given in product((True, False), (True, False) if optional else (True,)):
        Overwriting(findings, training=training).run(graph.main, given=given)
    return findings.problems()


class _EnoughError(Exception):
    """As much has been followed as is going to be."""


class Overwriting(Follower):
    """Follows which values share memory, and what writes into it."""

    def __init__(self, findings: Findings, *, training: bool) -> None:
        super().__init__(training=training)
        self.findings = findings
        self.count = 0
        self.conflicts: list[tuple[Saved, Write]] = []
        self.frozen: tuple[str, ...] = ()

    def run(self, main: Class, *, given: bool) -> None:
        """Follows the network, from its inputs to its outputs; the optional ones are `given`, or left out."""
        named = {value.name: self.held(value.type, "input", value.name) for value in main.inputs}
        named |= {value.name: None for value in main.inputs if value.optional and not given}
        self.frozen = tuple(frozen_paths(main.children(), ""))
        try:
            value = self.module_class(main, list(named.values()), {}, "")
        except _EnoughError:
            return
        reached = _reached(node for one in leaves(value, Flowing) for tensor in one.choices if (node := tensor.node))
        for saved, write in self.conflicts:
            if saved.node in reached:
                self.findings.needed(write, saved)

    # Values.

    def held(self, flow: Flow | None, owner: Owner, name: str) -> Value:
        """What flows in, or is held by the module."""
        if isinstance(flow, TensorType):
            tensor = Tensor(Storage(owner), flow.shape, name)
            tensor.learns = owner == "parameter" and _differentiable(flow)
            return Flowing(tensor)
        return tuple(self.held(part, owner, name) for part in flow) if isinstance(flow, tuple) else None

    def fresh(self, flow: Flow | None, node: GradientNode | None, strides: layout.Strides | bool) -> Value:
        """What an operation makes; `strides` are those of its output, where they are not as usual."""
        if isinstance(flow, TensorType):
            tensor = Tensor(Storage(), flow.shape, "")
            if not isinstance(strides, bool):
                tensor.strides = strides
            tensor.learns = node is not None and _differentiable(flow)
            tensor.node = node if tensor.learns else None
            return Flowing(tensor)
        return tuple(self.fresh(part, node, strides) for part in flow) if isinstance(flow, tuple) else None

    def bind(self, target: Any, value: Value, names: dict[str, Value]) -> None:
        if isinstance(value, Flowing) and hasattr(target, "name"):
            for tensor in value.choices:
                tensor.label = tensor.label or target.name
        super().bind(target, value, names)

    def read(self, value: Value) -> None:
        """The running step reads a value: it should not have been overwritten."""
        for one in leaves(value, Flowing):
            for tensor in one.choices:
                write = tensor.stale()
                if write is not None:
                    self.findings.read(write, tensor, self.span)
                    tensor.known = len(tensor.storage.writes)  # said once

    def is_frozen(self, path: str) -> bool:
        """Whether the weights of the module at a path do not learn."""
        return any(f"{path}.".startswith(f"{one}.") for one in self.frozen)

    # What following asks for.

    def tensor(self, step: Step) -> Value:
        value = self.held(step.output, "buffer" if step.kind == "buffer" else "parameter", step.name)
        for one in leaves(value, Flowing) if not step.trainable else ():
            for tensor in one.choices:
                tensor.learns = False
        return value

    def either(self, then: Value, otherwise: Value) -> Value:
        if isinstance(then, Flowing) and isinstance(otherwise, Flowing):
            return Flowing(*dict.fromkeys((*then.choices, *otherwise.choices)))
        if isinstance(then, tuple) and isinstance(otherwise, tuple) and len(then) == len(otherwise):
            return tuple(map(self.either, then, otherwise))
        return then if then is not None else otherwise

    def part(self, value: Value, place: int, count: int) -> Value:
        if not isinstance(value, Flowing):
            return None
        self.read(value)
        return Flowing(*(_split(along(tensor, place), "unpacking") for tensor in value.choices if tensor.shape))

    def group(self, group: Group, inputs: list[Value], prefix: str) -> Value:
        """Of equal rounds one after another, as many as it takes until what a round gets is what the last one made."""
        enough, kept = len(inputs) + 2, []
        for place, child in enumerate(group.items):
            before = group.items[max(0, place - enough) : place]
            layer = child.layer if isinstance(child, Call) else None
            if len(before) < enough or not all(isinstance(one, Call) and one.layer is layer for one in before):
                kept.append(child)
        return super().group(replace(group, items=tuple(kept)), inputs, prefix)

    def undecided(self, item: Loop | Branch, inputs: list[Value], path: str) -> Value:
        value = inputs[0]
        for _ in range(2 if isinstance(item, Loop) else 1):
            after = value
            for child in item.items:
                after = self.item(child, [after, *inputs[1:]] if child is item.items[0] else [after], {}, path)
            value = self.either(value, after)
        return value

    def returned(self, values: list[Value]) -> None:
        self.span = None
        self.read(values)

    def layer(self, call: Call, layer: Layer, inputs: list[Value], path: str) -> Value:
        self.span, name = call.span, type(layer).__name__
        idle = name in DROPPING and (not self.training or getattr(layer, "p", None) == 0)
        if works_in_place(call) and inputs and isinstance(inputs[0], Flowing):
            return inputs[0] if idle else self.overwrite(call, name, inputs[0])
        if idle:
            name = "Identity"
        learns = layer.parameter_count() != 0 and not self.is_frozen(path)
        if name in VIEWS and inputs and isinstance(inputs[0], Flowing):
            return self.view(name, inputs[0], call.output)
        return self.compute(call.type_name, inputs, call.output, learns=learns, kept=not _copies(layer))

    def function(self, applied: Applied, operands: list[Value]) -> Value:
        name, node = applied.name, applied.node
        if name in _EACH:
            return self.views(name, operands, applied.output)
        views = name in VIEWS or (name == "index" and isinstance(node, Index) and picks(node, applied.scope))
        if views and operands and isinstance(operands[0], Flowing):
            return self.view(name, operands[0], applied.output, applied)
        if name in UNREAD:
            return self.fresh(applied.output, None, True)
        return self.compute(name, operands[:1] if name in _SHAPED else operands, applied.output)

    # Operations.

    def compute(
        self, name: str, inputs: list[Value], output: Flow | None, *, learns: bool = False, kept: bool = True
    ) -> Value:
        """An operation that makes new tensors, and may keep some for its backward pass."""
        self.counted()
        self.read(inputs)
        places = [one for value in inputs for one in (leaves(value, Flowing) if value is not None else (None,))]
        gradients = [None if one is None else any(t.learns for t in one.choices) for one in places]
        node = None
        if learns or any(gradients):
            node = GradientNode(tuple(t.node for one in places if one is not None for t in one.choices if t.node))
        value = self.fresh(output, node, _strides(name, places, output))
        if node is None or not any(t.learns for one in leaves(value, Flowing) for t in one.choices):
            return value
        made = list(leaves(value, Flowing))
        sources, results = keeps(_spelled(name, output), gradients, len(made))
        for place in sources if kept else ():
            self.save(places[place], node, name)
        for place in results:
            self.save(made[place], node, name)
        return value

    def save(self, value: Flowing | None, node: GradientNode, name: str) -> None:
        """An operation keeps a tensor for its backward pass."""
        for tensor in value.choices if value is not None else ():
            tensor.storage.saved.append(Saved(node, name, self.span))

    def view(self, name: str, value: Flowing, output: Flow | None, applied: Applied | None = None) -> Value:
        """Another way to look at the same memory; a copy where there is none."""
        self.counted()
        if name == "Identity" or output is None:
            return value
        self.read(value)
        if isinstance(output, TensorType):
            seen = [view(name, tensor, output, applied) for tensor in value.choices]
            if None in seen:
                return self.compute("cat", [value], output)
            return Flowing(*filter(None, seen))
        assert applied is not None
        assert isinstance(output, tuple)
        types = [one for one in output if isinstance(one, TensorType)]
        each = [parts(name, tensor, types, applied) for tensor in value.choices]
        if name in SPLITTING:
            each = [[_split(tensor, name) for tensor in tensors] for tensors in each]
        return tuple(Flowing(*tensors) for tensors in zip(*each, strict=True))

    def views(self, name: str, operands: list[Value], output: Flow | None) -> Value:
        """A view of each of several tensors."""
        values = list(leaves(operands, Flowing))
        types = output if isinstance(output, tuple) else ()
        return tuple(self.view(name, value, one) for value, one in zip(values, types, strict=False))

    def overwrite(self, call: Call, name: str, value: Flowing) -> Value:
        """A layer writes into the memory of what it takes, and returns it."""
        self.counted()
        self.read(value)
        results = []
        for tensor in value.choices:
            write = Write(tensor, name, call.span)
            self.findings.refused(write, call, layout.overlaps(tensor.shape, tensor.strides))
            self.conflicts += ((saved, write) for saved in tensor.storage.saved)
            tensor.storage.writes.append(write)
            tensor.storage.saved.clear()
            after = tensor.overwritten("")
            if tensor.learns:
                after.node = GradientNode((tensor.node,) if tensor.node is not None else ())
                if name in FROM_RESULT:
                    tensor.storage.saved.append(Saved(after.node, name, call.span))
            results.append(after)
        return Flowing(*results)

    def counted(self) -> None:
        """One more operation, if there are not too many."""
        self.count += 1
        if self.count > MOST:
            raise _EnoughError


def _split(tensor: Tensor, name: str) -> Tensor:
    tensor.splitting = name
    return tensor


def _differentiable(flow: TensorType) -> bool:
    return flow.dtype in FLOATS or flow.dtype in COMPLEX


def _copies(layer: Layer) -> bool:
    """Whether a layer first puts the numbers of its input into another order, and keeps those."""
    values: Any = layer
    return getattr(values, "batch_first", False) is True and not getattr(values, "norm_first", False)


def _spelled(name: str, output: Flow | None) -> str:
    """The name that says what an operation keeps: a mean keeps nothing, attention in steps keeps no result."""
    if name == "scaled_dot_product_attention" and isinstance(output, TensorType) and output.rank != 4:
        return "matmul"
    if name in _ONE_PLACE and isinstance(output, TensorType):
        axes = output.shape[-int(name[-2]) :]
        return "mean" if all(size == 1 for size in axes) else name
    return name


def _strides(name: str, places: list[Flowing | None], output: Flow | None) -> layout.Strides | bool:
    """The strides of what an operation makes; True where its numbers lie row by row."""
    if name in _ROW_BY_ROW or not isinstance(output, TensorType):
        return True
    for one in places:
        for tensor in one.choices if one is not None else ():
            if not tensor.by_rows:
                alike = tensor.shape == output.shape and not any(cuts for _, cuts in tensor.path)
                return tensor.strides if alike and tensor.strides is not None and 0 not in tensor.strides else None
    return True


def _reached(nodes: Iterator[GradientNode]) -> set[GradientNode]:
    """The operations through which gradients flow back from some."""
    found: set[GradientNode] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.parents
    return found
