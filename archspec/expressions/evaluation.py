"""What an expression comes to over numbers, lists and dimensions: the value of each construct, in Python's order.

Nothing of the text ever runs. What a condition that is not known leaves open, both ways of it are followed.
"""

from __future__ import annotations

from typing import Any

from archspec.expressions.arithmetic import binary, bounded, compare, index, truth, unary
from archspec.expressions.errors import ExpressionError
from archspec.expressions.functions import call
from archspec.expressions.nodes import (
    CONSTANTS,
    Binary,
    Compare,
    Conditional,
    Embedded,
    FunctionCall,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Starred,
    Unary,
)
from archspec.expressions.values import (
    Integer,
    Scope,
    Symbolic,
    choose,
    join,
    lift,
    literal_text,
    substitute,
    type_of,
    typed,
    unknown,
)
from archspec.problems import Advice, did_you_mean, echo


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of a construct, given what names stand for; ExpressionError, at the innermost one, if it has none."""
    try:
        return _value(node, scope)
    except ExpressionError as error:
        if error.offset is None and node.place is not None:
            error.offset, error.length = node.place[0], node.place[1] - node.place[0]
        raise


def _value(node: Node, scope: Scope) -> Any:
    match node:
        case Name():
            return _name(node, scope)
        case Literal():
            return node.value
        case Embedded():
            return substitute(node.value, scope)
        case Unary():
            return unary(node.operator, evaluate(node.operand, scope))
        case Binary():
            return binary(node.operator, evaluate(node.left, scope), evaluate(node.right, scope))
        case Compare():
            return _compare(node, scope)
        case Logic():
            return _logic(node, scope)
        case Conditional():
            return _conditional(node, scope)
        case Index():
            return index(evaluate(node.value, scope), evaluate(node.index, scope))
        case Slice():
            return _slice(node, scope)
        case Items():
            return _items(node, scope)
        case FunctionCall():
            return call(node, [one for argument in node.arguments for one in _values(argument, scope)])
    raise TypeError(type(node))


def _items(node: Items, scope: Scope) -> Any:
    """The items of a list; of one that holds the items of a list that is not known, what joins the two."""
    known: Any = ()
    for item in node.items:
        spread = evaluate(item.value, scope) if isinstance(item, Starred) else (evaluate(item, scope),)
        known = known + spread if isinstance(known, tuple) and isinstance(spread, tuple) else binary("+", known, spread)
    return bounded(known, "the list") if isinstance(known, tuple) else known


def _values(argument: Node, scope: Scope) -> tuple[Any, ...]:
    """The values that an argument of a call stands for."""
    if not isinstance(argument, Starred):
        return (evaluate(argument, scope),)
    value = evaluate(argument.value, scope)
    if not isinstance(value, tuple):
        advice = "write the list itself" if unknown(value) else "`*` must be followed by a list"
        raise ExpressionError("AS304", f"`{argument.text}`: the number of values is not known", advice)
    return value


Integer.reading = staticmethod(evaluate)


_FLAGS = {  # what other languages, and other versions of YAML, write for a value that Python has a word for
    **dict.fromkeys(("yes", "on", "true"), Advice("write `true`", "true")),
    **dict.fromkeys(("no", "off", "false"), Advice("write `false`", "false")),
    **dict.fromkeys(("null", "nil"), Advice("write `null`", "null")),
}


def _name(node: Name, scope: Scope) -> Any:
    try:
        return scope[node.name]
    except KeyError:
        if node.type:
            return Symbolic(node, node.type)
        if node.name in CONSTANTS:
            return CONSTANTS[node.name]
    hint = _FLAGS.get(node.name.lower()) or did_you_mean(node.name, sorted(scope), "names that are defined here")
    message = f"{echo(node.name)} is not defined here"
    raise ExpressionError("AS303", message, hint, node.offset, len(node.name))


def _compare(node: Compare, scope: Scope) -> Any:
    values = [evaluate(node.operands[0], scope)]
    answers = []
    for op, operand in zip(node.operators, node.operands[1:], strict=True):
        values.append(evaluate(operand, scope))
        answers.append(compare(op, *values[-2:]))
        if answers[-1] is False:
            return False
    return typed(Compare(node.operators, tuple(map(lift, values))), "bool") if None in answers else True


def _logic(node: Logic, scope: Scope) -> Any:
    ends = node.operator == "or"  # the truth that decides the whole
    left: list[Any] = []  # what may be the value of the whole
    for position, operand in enumerate(node.operands, 1):
        value = evaluate(operand, scope)
        answer = truth(value)
        if answer is None or answer is ends or position == len(node.operands):
            left.append(value)
        if answer is ends:
            break
    if len(left) == 1:
        return left[0]
    return typed(Logic(node.operator, tuple(map(lift, left))), join(map(type_of, left)))


def _conditional(node: Conditional, scope: Scope) -> Any:
    condition = evaluate(node.condition, scope)
    answer = truth(condition)
    if answer is None:
        return choose(condition, evaluate(node.then, scope), evaluate(node.otherwise, scope))
    return evaluate(node.then if answer else node.otherwise, scope)


def _slice(node: Slice, scope: Scope) -> slice:
    parts = [None if part is None else evaluate(part, scope) for part in (node.start, node.stop, node.step)]
    for part in parts:
        if part is not None and type_of(part) not in ("int", "any"):
            raise ExpressionError("AS304", f"the bounds of a slice must be integers, not {literal_text(part)}")
    if parts[2] == 0:
        raise ExpressionError("AS304", "the step of a slice must not be 0")
    return slice(*parts)
