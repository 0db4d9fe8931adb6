"""Optional inputs in expressions: compared with None, read where they are given, refused where they may be left out."""

from __future__ import annotations

from typing import Any

from archspec.expressions import (
    Compare,
    FunctionCall,
    Logic,
    Name,
    Node,
    Symbolic,
    Unary,
)
from archspec.functions import FUNCTIONS
from archspec.lower.frames import Otherwise
from archspec.refusals import RefusalError
from archspec.tensors import Maybe


def refused_optional(node: Node, value: Maybe | None = None) -> RefusalError:
    """The refusal of an optional input where a value is required; without `value`, of one that is left out."""
    if value is None:
        refusal = RefusalError("AS511", f"`{node.text}` is None here", "use another value, or remove it")
    else:
        advice = f"write `… if {node.text} is None else …` around the expression that needs it"
        if not isinstance(node, Name):
            advice = "compare each optional input with None around the expression that needs it"
        refusal = RefusalError("AS511", f"`{node.text}` is optional, so it may be None", advice)
    if node.place is not None:
        refusal.offset, refusal.length = node.place[0], node.place[1] - node.place[0]
    return refusal


def refuse_creation(node: Node, first: str) -> None:
    """Refuses to make a tensor where the first input, whose device it would be made on, may be left out."""
    for part in node.walk():
        function = FUNCTIONS.get(part.function) if isinstance(part, FunctionCall) else None
        if function is not None and function.makes:
            message = f"`{function.name}` makes a tensor on the device of {first}, which is optional"
            refusal = RefusalError("AS511", message, "declare a required input first, or make it a `Buffer`")
            if part.place is not None:
                refusal.offset, refusal.length = part.place[0], part.place[1] - part.place[0]
            raise refusal


class Presence(Otherwise):
    """What names stand for in a comparison with None."""

    def __getitem__(self, name: str) -> Any:
        value = self.names[name]
        return presence(name) if isinstance(value, Maybe) else value


def compares_with_none(node: Node) -> bool:
    """Whether a construct is a comparison with None, which is no operation of tensors."""
    return isinstance(node, Compare) and set(node.operators) <= {"is", "is not"}


def presence(name: str) -> Symbolic:
    """What stands for an optional input where it is compared with None."""
    return Symbolic(Name(name), "optional")


def is_given(condition: Node, truth: bool, name: str) -> bool | None:
    """Whether an optional input is given where a condition is known to hold, or not to; None where it does not say."""
    if isinstance(condition, Unary) and condition.operator == "not":
        return is_given(condition.operand, not truth, name)
    if isinstance(condition, Logic) and condition.operator == ("and" if truth else "or"):
        answers = (is_given(operand, truth, name) for operand in condition.operands)
        return next((answer for answer in answers if answer is not None), None)
    if not compares_with_none(condition) or not isinstance(condition, Compare) or len(condition.operators) != 1:
        return None
    compared = any(isinstance(side, Name) and side.name == name for side in condition.operands)
    return (condition.operators[0] == "is not") == truth if compared else None
