"""How a drawing names an expression: one sign where that says it all, else the functions that it calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from archspec.expressions import Binary, FunctionCall, Name, Node
from archspec.functions import FUNCTIONS
from archspec.views.diagram.text import clip

SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷", "@": "@"}
"""The operators that have a sign of their own in drawings."""

_LONGEST = 34


def sign(node: Node, flowing: Collection[str]) -> str:
    """The sign of an operation on two values that flow; empty for everything else."""
    if isinstance(node, Binary) and node.operator in SIGNS:
        left, right = node.left, node.right
        if all(isinstance(side, Name) and side.name in flowing for side in (left, right)):
            return SIGNS[node.operator]
    return ""


def title(node: Node) -> str:
    """The functions that an expression calls, in the order in which they run; or its text, cut to fit a box."""
    if isinstance(node, FunctionCall):
        return clip(" · ".join(_called(node)) or node.text, _LONGEST)
    return clip(node.text, _LONGEST)


def _called(node: Node) -> Iterator[str]:
    for child in node.children:
        yield from _called(child)
    if isinstance(node, FunctionCall) and node.function in FUNCTIONS:
        yield node.function


def read(node: Node, flowing: Collection[str]) -> list[str]:
    """The values that an expression reads, each once, in the order in which it names them."""
    return list(dict.fromkeys(part.name for part in node.walk() if isinstance(part, Name) and part.name in flowing))


def makes_tensor(node: Node, flowing: Collection[str]) -> bool:
    """Whether an argument is a tensor, and no number."""
    return bool(read(node, flowing)) or any(True for _ in _called(node))
