"""The parameters of a network: each once, with its place in the spec, and the block that gathers and frees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from archspec.graph import Branch, Call, Class, Graph, Item, Loop, module_of
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.problems import Span
from archspec.tensors import BYTES, TensorType
from archspec.views.plan.roles import Role


@dataclass(frozen=True, slots=True)
class ShardedParameter:
    """A parameter: its key in the `state_dict`, its shape, and how it is cut."""

    key: str
    path: str
    """Of the module that holds it."""
    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    span: Span
    layer: str
    """The name of its layer's class; `Parameter` for one that the spec makes."""
    unit: str = ""
    """The path of the repeated block that it is in; empty outside of all."""
    axis: int | None = None
    """Along which ranks hold blocks of it."""
    degree: int = 1
    looked_up: bool = False
    """Whether ranks hold entries of it, and nothing but indices reads it: its gradient is made whole."""

    @property
    def numel(self) -> int:
        """How many numbers it holds, on all ranks together."""
        return _product(self.shape)

    @property
    def local(self) -> tuple[int, ...]:
        """Its shape on a rank, before FSDP shards it."""
        if self.axis is None:
            return self.shape
        return tuple(size // self.degree if axis == self.axis else size for axis, size in enumerate(self.shape))

    @property
    def row(self) -> int:
        """The bytes of one entry along its first axis, on a rank."""
        return _product(self.local[1:]) * BYTES.get(self.dtype, 1)

    def rows(self, ranks: int, rank: int) -> int:
        """How many of its entries along the first axis one of the ranks holds that FSDP shards it over.

        As torch.chunk has it: blocks of one size, the last ones smaller or empty.
        """
        whole = self.local[0] if self.local else 1
        block = -(-whole // ranks)
        return max(0, min(block, whole - rank * block))

    def padded(self, ranks: int) -> int:
        """The bytes that FSDP gathers of it: as many rows for each of the ranks."""
        whole = self.local[0] if self.local else 1
        return -(-whole // ranks) * ranks * self.row


def parameters(graph: Graph, cut: Mapping[str, Role], ties: Mapping[str, str], degree: int) -> list[ShardedParameter]:
    """Every parameter, in the order in which modules are made; one that several layers share stands once."""
    graph.require_values()
    found = list(_of_class(graph.main, "", True, ""))
    keys = {one.key for one in found}
    shared = {key for key, other in ties.items() if _owner(other, ties) in keys}
    placed = (one for one in found if one.key not in shared)
    tied = {*ties, *ties.values()}
    return [_cut(one, cut.get(one.path), degree, one.key in tied) for one in placed]


def _owner(key: str, ties: Mapping[str, str]) -> str:
    """The parameter that a shared one is."""
    seen = set[str]()
    while key in ties and key not in seen:
        seen.add(key)
        key = ties[key]
    return key


def _cut(one: ShardedParameter, role: Role | None, degree: int, tied: bool) -> ShardedParameter:
    axis = role.axes.get(one.name) if role is not None else None
    return (
        one
        if role is None or axis is None
        else replace(one, axis=axis, degree=degree, looked_up=role.entries and not tied)
    )


def _product(sizes: Iterable[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _of_class(cls: Class, path: str, trainable: bool, unit: str) -> Iterator[ShardedParameter]:
    for step in cls.registered():
        if step.kind == "parameter" and isinstance(step.output, TensorType):
            shape = tuple(size for size in step.output.shape if isinstance(size, int))
            learns, key = trainable and step.trainable, f"{path}{step.name}"
            yield ShardedParameter(
                key, path[:-1], step.name, shape, step.output.dtype, learns, step.span, "Parameter", unit
            )
    yield from _of_items(cls.children(), path, trainable, unit)


def _of_items(items: Iterable[Item], path: str, trainable: bool, unit: str) -> Iterator[ShardedParameter]:
    modules = [module_of(item) for item in items]
    assert not any(isinstance(item, Loop | Branch) for item in modules), "its parameters have values"
    blocks = Counter(item.type_name for item in modules if isinstance(item, Call) and isinstance(item.layer, Class))
    for item in modules:
        assert isinstance(item, Call) or not isinstance(item, Loop | Branch)
        inside, learns = f"{path}{item.name}", trainable and item.trainable
        if not isinstance(item, Call):
            yield from _of_items(item.items, f"{inside}.", learns, unit)
        elif isinstance(item.layer, Class):
            block = unit or (inside if blocks[item.type_name] > 1 else "")
            yield from _of_class(item.layer, f"{inside}.", learns, block)
        else:
            yield from _of_layer(item, inside, learns, unit)


def _of_layer(call: Call, path: str, trainable: bool, unit: str) -> Iterator[ShardedParameter]:
    assert isinstance(call.layer, Layer)
    for weight in () if isinstance(call.layer, OwnLayer) else call.weights():
        if weight.learnable:
            shape = tuple(size for size in weight.shape if isinstance(size, int))
            key, name = f"{path}.{weight.name}", call.type_name
            yield ShardedParameter(key, path, weight.name, shape, weight.dtype, trainable, call.span, name, unit)
