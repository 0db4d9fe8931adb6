"""Which networks may mix dtypes where they are not of float32: quickly, and yes where that is unsure."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.expressions import Binary, Compare, ExpressionError, FunctionCall, Literal, Name, Node, UndecidedError
from archspec.graph import Call, Class, Flow, Graph, Group, Item, names_in
from archspec.layers import Layer
from archspec.refusals import RefusalError
from archspec.tensors import FLOATS, TensorType

_CASTS = frozenset((*FLOATS, "float", "double", "half"))


def may_mix(graph: Graph) -> bool:
    """Whether an unrolled graph hands on floating-point numbers whose dtype is not that of its inputs and weights."""
    return any(_Fixed(cls).hands_on() for cls in _classes(graph.main, set()))


def _classes(cls: Class, seen: set[int]) -> Iterator[Class]:
    """A class and those within it, each once."""
    if id(cls) in seen:
        return
    seen.add(id(cls))
    yield cls
    for item in _items(cls.children()):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            yield from _classes(item.layer, seen)


def _items(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, Group):
            yield from _items(item.items)


class _Fixed:
    """The values of one class that are of float32 whatever the network's dtype is."""

    def __init__(self, cls: Class) -> None:
        self.cls = cls
        self.types: dict[str, Flow | None] = {one.name: one.type for one in cls.inputs}
        self.found: set[str] = set()
        self.meets = False  # whether one of them meets another tensor in an expression

    def hands_on(self) -> bool:
        """Whether one of them leaves the class, flows into a module, or meets another tensor in an expression."""
        if any(map(_makes_floats, _items(self.cls.children()))):
            return True
        for step in self.cls.steps:
            fixed = [self.fixed(node) for _, node in step.arguments] if step.kind in ("call", "compute") else []
            if self.meets or (step.kind == "call" and any(fixed)):
                return True
            names = names_in(step.target)
            self.found |= names if any(fixed) else set()
            self.types |= dict.fromkeys(names, step.output if isinstance(step.target, Name) else None)
        returned = self.cls.outputs.values if self.cls.outputs is not None else ()
        return any(map(self.fixed, returned)) or self.meets

    def fixed(self, node: Node) -> bool:
        """Whether an expression, or a part of one, is one of them."""
        if isinstance(node, Name):
            return node.name in self.found
        parts = [self.fixed(part) for part in node.children]
        if isinstance(node, Compare):
            return False
        if isinstance(node, FunctionCall):
            return self.of_call(node, parts)
        if not any(parts):
            return isinstance(node, Binary) and node.operator == "/" and self.is_float(node)
        self.meet(node.children, parts)
        return True

    def of_call(self, node: FunctionCall, parts: list[bool]) -> bool:
        """Whether a function makes one, or makes another of it."""
        if node.function == "type_as":  # reads no number of its last argument
            return parts[-1]
        if any(parts):
            self.meet(node.children, parts)
            return True
        words = {str(one.value) if isinstance(one, Literal) else one.text for one in node.children}
        return node.function in _CASTS or bool(words & _CASTS) or self.is_float(node)

    def meet(self, nodes: tuple[Node, ...], fixed: list[bool]) -> None:
        """Notes that other tensors of floating-point numbers stand beside one of them."""
        self.meets |= any(not one and self.is_tensor(node) for node, one in zip(nodes, fixed, strict=True))

    def is_tensor(self, node: Node) -> bool:
        """Whether what is none of them is a tensor of floating-point numbers, as far as that is known."""
        if isinstance(node, Name):
            return node.name in self.types and self.is_floating(self.types[node.name])
        return not isinstance(node, Compare) and any(map(self.is_tensor, node.children))

    def is_floating(self, flow: Flow | None) -> bool:
        if isinstance(flow, tuple):
            return any(map(self.is_floating, flow))
        return not isinstance(flow, TensorType) or flow.dtype in FLOATS

    def is_float(self, node: Node) -> bool:
        """Whether an expression reads no tensor of floating-point numbers, and makes one."""
        if any(self.is_floating(self.types[name]) for name in names_in(node) if name in self.types):
            return False
        from archspec.lower.tensors import holds_tensor, tensor_value  # here: many specs compute nothing

        names = {**self.cls.values, **self.types}
        try:
            return holds_tensor(node, names) and self.is_floating(tensor_value(node, names))
        except (ExpressionError, RefusalError, UndecidedError):
            return True


def _makes_floats(item: Item) -> bool:
    """Whether a layer without weights makes floating-point numbers of integers."""
    if not isinstance(item, Call) or not isinstance(item.layer, Layer) or "dtype" in item.layer.arguments:
        return False
    whole = all(isinstance(flow, TensorType) and flow.dtype not in FLOATS for flow in item.inputs)
    return whole and isinstance(item.output, TensorType) and item.output.dtype in FLOATS
