"""What makes the parameters and buffers of a class: expressions of a constructor, and the lines that they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.dimensions import PRIMARY
from archspec.emit.statement import Text
from archspec.emit.translation import Sizes, Translation
from archspec.emit.values import ForwardValue
from archspec.expressions import Node
from archspec.graph import Class, Outputs, Step, TensorLine, names_in
from archspec.lower.state import may_share

_NOTHING = Class("", "", (), (), (), None, outputs=Outputs(()))


def write_tensor(step: Step, cls: Class, variables: Mapping[str, str]) -> Node:
    """The expression of a parameter or buffer, as a constructor makes it, in Python.

    `variables` hold what the lines above it compute (`Step.lines`).
    """
    *above, last = step.lines or (TensorLine(step.target, step.arguments[0][1], step.span),)
    made = write_line(last, cls, variables)
    copied = step.copied or (may_share(last.node) and _is_read_again(above, cls))
    return Text(f"{made.within(PRIMARY)}.clone()") if copied else made


def write_line(line: TensorLine, cls: Class, variables: Mapping[str, str]) -> Node:
    """An expression over buffers, and over the variables of a constructor, in Python."""
    buffers = {one.name: f"self.{one.name}" for one in cls.steps if one.kind == "buffer"}
    above = {name: ForwardValue(name, None, -1, text) for name, text in {**buffers, **variables}.items()}
    return Translation(Sizes(_NOTHING), None, {}, set()).node(line.node, above)


def _is_read_again(lines: Iterable[TensorLine], cls: Class) -> bool:
    """Whether other tensors are made of these, too: none may be a view of what another one is."""
    every = {line for step in cls.steps for line in step.lines}
    return any(sum(bool(names_in(one.node) & names_in(line.target)) for one in every) > 1 for line in lines)
