"""Operations of a network, and how they hang together: what flows into each, and what reads it.

Knows nothing of how a network is made of blocks and groups, nor of what is good or bad about it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from archspec import expressions
from archspec.expressions import ExpressionError, Name, Node, UndecidedError
from archspec.graph import Call, Flow
from archspec.layers import Layer
from archspec.problems import Span
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

JOIN, INPUT, OUTPUT, TENSOR, PART = "join", "input", "output", "tensor", "part"
"""The types of what is neither layer nor function: several flows in one, what flows into the network, what it returns,
a tensor of the network's own, and one of several values."""

_TRANSPARENT = (JOIN, "Identity")
_NONE: Mapping[str, Any] = MappingProxyType({})


class Op:
    """One operation. `type` is a layer's name, also for the function that does the same: `relu` is a ReLU.

    Other functions and operators go by their own names, classes of a user's by dotted ones: `cat`, `+`, `my.join`.
    """

    __slots__ = ("_flow", "_origins", "call", "inputs", "parts", "readers", "scope", "span", "syntax", "type")

    def __init__(self, type: str, span: Span, flow: Flow | None = None) -> None:
        self.type = type
        self.span = span
        self.call: Call | None = None
        self.inputs: list[Op] = []
        self.readers: list[Op] = []
        # Of a part of an expression: how it is written, what its own parts come to, and what its names stand for.
        self.syntax: Node | None = None
        self.parts: Sequence[Value] = ()
        self.scope: Mapping[str, Any] = _NONE
        self._flow = flow
        self._origins: list[Op] | None = None

    def __repr__(self) -> str:
        return f"{self.type}({', '.join(op.type for op in self.inputs)}) at line {self.span.line}"

    @property
    def layer(self) -> Layer | None:
        """The layer of the catalogue that it is."""
        layer = self.call.layer if self.call is not None else None
        return layer if isinstance(layer, Layer) else None

    @property
    def taken(self) -> TensorType | None:
        """The type of its first input."""
        if self.call is not None:
            first = self.call.inputs[0] if self.call.inputs else None
            return first if isinstance(first, TensorType) else None
        return self.inputs[0].output if self.inputs else None

    @property
    def flow(self) -> Flow | None:
        """The type of all that comes out; None where it is not known."""
        if self._flow is None and self.type == JOIN and self.inputs:
            return self.inputs[0].flow
        if self._flow is None and self.syntax is not None and self.parts:
            terms = [one.flow for one in self.inputs]
            alike = self.type in ("+", "-", "*") and len(terms) == 2 and terms[0] == terms[1]
            self._flow = terms[0] if alike else self._worked_out(self.syntax)
            self.parts = ()  # asked once
        return self._flow

    @property
    def output(self) -> TensorType | None:
        """The type of what comes out, of the first value if there are several; None where it is not known."""
        first = self.flow
        while isinstance(first, tuple) and first:
            first = first[0]
        return first if isinstance(first, TensorType) else None

    def _worked_out(self, syntax: Node) -> Flow | None:
        """The type of a part of an expression, which the graph does not keep: from those of its own parts."""
        from archspec.lower.tensors import tensor_value  # here: its catalogue is large, and few parts are asked for

        types: dict[str, Any] = {}

        def known(node: Node, value: Value) -> Node:
            if isinstance(node, expressions.Items) and isinstance(value, tuple):
                spread = any(isinstance(item, expressions.Starred) for item in node.items)
                return expressions.Items(tuple(map(named, value) if spread else map(known, node.items, value)))
            return node if isinstance(node, Name) or not isinstance(value, Op) else named(value)

        def named(value: Value) -> Node:
            if isinstance(value, tuple):
                return expressions.Items(tuple(map(named, value)))
            types[f"_{len(types)}"] = value.flow if value is not None else None
            return Name(f"_{len(types) - 1}")

        parts = iter(self.parts)
        node = syntax.map(lambda child: known(child, next(parts)))
        if None in types.values():
            return None
        try:
            flow: Flow | None = tensor_value(node, {**self.scope, **types})
        except (ExpressionError, RefusalError, UndecidedError):
            return None
        return flow

    def feed(self, value: Op) -> None:
        """A value flows into it. What comes again and again, as in a `repeat`, is written down once."""
        if self.type == JOIN and value in self.inputs[-2:]:
            return
        self.inputs.append(value)
        if value.readers[-1:] != [self]:
            value.readers.append(self)

    def settle(self, flow: Flow | None) -> None:
        """Says what comes out."""
        self._flow = flow

    def origins(self, place: int = 0) -> list[Op]:
        """What an input is made by, through joins and what passes on what it takes."""
        flow = self.inputs[place] if place < len(self.inputs) else None
        if flow is None or flow.type not in _TRANSPARENT:
            return [flow] if flow is not None else []
        if flow._origins is None:
            flow._origins = _through([flow], "inputs")
        return flow._origins

    def origin(self) -> Op | None:
        """What its first input is made by, where that is one operation."""
        found = self.origins()
        return found[0] if len(found) == 1 else None

    def readings(self) -> list[Op]:
        """What reads it, through joins and what passes on what it takes."""
        return _through(self.readers, "readers")

    def is_read_once(self) -> bool:
        """Whether a single operation reads it."""
        return len(_through(self.readers, "readers", most=2)) == 1

    def depends_on(self, other: Op, within: int) -> bool:
        """Whether the other one is among the nearest operations, so many, that its output depends on."""
        seen = {id(self)}
        waiting = deque(self.inputs)
        while waiting and len(seen) <= within:
            op = waiting.popleft()
            if op is other:
                return True
            if id(op) not in seen:
                seen.add(id(op))
                waiting += op.inputs
        return False


Value: TypeAlias = "Op | tuple[Any, ...] | None"
"""What an expression comes to: None where it is no tensor."""

Given: TypeAlias = list[tuple[str | None, Value]]
"""What a module is called with: by place, or by name."""


def _through(ops: Iterable[Op], way: str, most: int | None = None) -> list[Op]:
    """The nearest operations that do something, one way or the other; `most` of them are enough."""
    ops = list(ops)
    if len(ops) == 1 and ops[0].type not in _TRANSPARENT:
        return ops
    found: dict[int, Op] = {}
    seen: set[int] = set()
    waiting = ops
    while waiting:
        op = waiting.pop()
        if op.type not in _TRANSPARENT:
            found[id(op)] = op
            if len(found) == most:
                break
        elif id(op) not in seen:
            seen.add(id(op))
            waiting += getattr(op, way)
    return list(found.values())
