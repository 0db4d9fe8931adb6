"""Expressions over tensors: the same constructs as over numbers, where names may stand for what flows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from archspec import expressions
from archspec.dimensions import Size
from archspec.expressions import (
    Binary,
    Call,
    Compare,
    Conditional,
    ExpressionError,
    Index,
    Items,
    Logic,
    Name,
    Node,
    Slice,
    Unary,
    as_size,
    assume,
    choose,
    evaluate,
    unknown,
)
from archspec.functions import FUNCTIONS, Function
from archspec.functions.operators import OPERATORS, UNARY_OPERATORS, index
from archspec.lower.context import Counting
from archspec.lower.modules import assume_flow, merge
from archspec.problems import did_you_mean, echo
from archspec.refusals import Refusal
from archspec.tensors import TensorType


def tensor_value(node: Node, names: Mapping[str, Any]) -> Any:
    """What an expression comes to: a TensorType, tuples of them, or a number.

    ExpressionError where it has no value, Refusal where PyTorch would refuse, Undecided where it depends: the first two
    say which construct is to blame, the innermost one that is.
    """
    try:
        return _value(node, names)
    except (ExpressionError, Refusal) as error:
        if error.offset is None and node.place is not None:
            error.offset, error.length = node.place[0], node.place[1] - node.place[0]
        raise


def _value(node: Node, names: Mapping[str, Any]) -> Any:
    if not holds_tensor(node, names):
        return evaluate(node, names)
    match node:
        case Name():
            return evaluate(node, names)
        case Items():
            return tuple(tensor_value(item, names) for item in node.items)
        case Unary():
            return _operator(node.operator, (tensor_value(node.operand, names),), unary=True)
        case Binary():
            operands = (tensor_value(node.left, names), tensor_value(node.right, names))
            return _operator(node.operator, operands, names=names)
        case Compare():
            if len(node.operators) > 1:
                raise _instead(
                    "a chain of comparisons over tensors", "join them with `logical_and`", node, _chained(node)
                )
            left, right = (tensor_value(operand, names) for operand in node.operands)
            return _operator(node.operators[0], (left, right))
        case Logic():
            function = f"logical_{node.operator}"
            instead = _joined(function, [operand.text for operand in node.operands])
            raise _instead(f"`{node.operator}` over tensors", f"write `{function}(a, b)`", node, instead)
        case Conditional():
            return _choice(node, names)
        case Index():
            return _indexed(node, names)
        case Call():
            return _called(node, names)
    raise ExpressionError("AS302", f"`{node.text}` is beyond the language")


def _instead(message: str, help: str, node: Node, instead: str) -> ExpressionError:
    """The refusal of a construct that Python has for single values alone, and what does the same for each number."""
    error = ExpressionError("AS302", message, help)
    if node.place is not None:
        error.rewrite = (*node.place, instead)
    return error


def _chained(node: Compare) -> str:
    pairs = zip(node.operators, itertools.pairwise(node.operands), strict=True)
    return _joined("logical_and", [Compare((operator,), pair).text for operator, pair in pairs])


def _joined(function: str, texts: list[str]) -> str:
    """A function of two values over several: `f(f(a, b), c)`."""
    first, *rest = texts
    for text in rest:
        first = f"{function}({first}, {text})"
    return first


def holds_tensor(node: Node, names: Mapping[str, Any]) -> bool:
    """Whether a tensor, or a function that is only one of tensors, occurs in an expression."""
    for part in node.walk():
        if isinstance(part, Name) and part.name in names and _is_flow(names[part.name]):
            return True
        if isinstance(part, Call) and part.function not in expressions.FUNCTIONS:
            return True
    return False


def _is_flow(value: Any) -> bool:
    return isinstance(value, TensorType) or (isinstance(value, tuple) and any(map(_is_flow, value)))


def _operator(
    operator: str, operands: tuple[Any, ...], *, unary: bool = False, names: Mapping[str, Any] | None = None
) -> Any:
    table = UNARY_OPERATORS if unary else OPERATORS
    if operator not in table:
        raise ExpressionError("AS302", f"`{operator}` is no operator of tensors")
    output = table[operator](*operands)
    _add_cost(names, table[operator].macs(output, *operands))
    return output


def _add_cost(names: Mapping[str, Any] | None, macs: Size) -> None:
    """Adds to what the expressions of a step cost, where someone counts it."""
    if isinstance(names, Counting):
        names.macs = names.macs + macs


def _choice(node: Conditional, names: Mapping[str, Any]) -> Any:
    if holds_tensor(node.condition, names):
        instead = f"where({', '.join(part.within() for part in (node.condition, node.then, node.otherwise))})"
        raise _instead("a tensor as a condition", "write `where(condition, a, b)`", node, instead)
    condition = evaluate(node.condition, names)
    if unknown(condition):
        then, otherwise = _Assuming(names, condition, True), _Assuming(names, condition, False)
        output = merge(condition, tensor_value(node.then, then), tensor_value(node.otherwise, otherwise))
        _add_cost(names, as_size(choose(condition, then.macs, otherwise.macs)))
        return output
    return tensor_value(node.then if condition else node.otherwise, names)


class _Assuming(Counting):
    """What names stand for where a condition is known to hold, or not to."""

    def __init__(self, names: Mapping[str, Any], condition: Any, truth: bool) -> None:
        self.names, self.condition, self.truth = names, condition, truth

    def __getitem__(self, name: str) -> Any:
        value = self.names[name]
        return (assume_flow if _is_flow(value) else assume)(value, self.condition, self.truth)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _indexed(node: Index, names: Mapping[str, Any]) -> Any:
    value = tensor_value(node.value, names)
    if not isinstance(value, TensorType):
        position = evaluate(node.index, names)
        if not isinstance(value, tuple):
            raise ExpressionError("AS304", f"`{node.text}`: only tensors and lists are indexed")
        if not isinstance(position, int) or not -len(value) <= position < len(value):
            advice = f"the last one is `[{len(value) - 1}]`"
            raise ExpressionError("AS304", f"`{node.text}`: there are {len(value)} values, counted from 0", advice)
        return value[position]
    items = node.index.items if isinstance(node.index, Items) else (node.index,)
    return index(value, tuple(_index_item(item, names) for item in items))


def _index_item(item: Node, names: Mapping[str, Any]) -> Any:
    if isinstance(item, Slice):
        bounds = evaluate(item, names)
        return slice(*(None if one is None else as_size(one) for one in (bounds.start, bounds.stop, bounds.step)))
    return tensor_value(item, names)


def _called(node: Call, names: Mapping[str, Any]) -> Any:
    function = FUNCTIONS.get(node.function)
    if function is None:
        hint = did_you_mean(node.function, [*FUNCTIONS, *expressions.FUNCTIONS], "functions")
        message = f"there is no function {echo(node.function)}"
        raise ExpressionError("AS303", message, hint, node.offset, len(node.function))
    arguments = [tensor_value(argument, names) for argument in node.arguments]
    keywords = {
        name: value.text if _is_word(function, name, value, names) else tensor_value(value, names)
        for name, value in node.keywords
    }
    try:
        output = function(*arguments, **keywords)
        _add_cost(names, function.macs(output, *arguments, **keywords))
        return output
    except Refusal as refusal:
        if refusal.offset is None:
            start, end = _blamed(node, function, refusal) or (node.offset, (node.offset or 0) + len(node.function))
            refusal.offset, refusal.length = start, end - (start or 0)
        raise


def _blamed(node: Call, function: Function, refusal: Refusal) -> tuple[int, int] | None:
    """Where the argument that a function refuses stands; None where the call as a whole is to blame."""
    name = refusal.argument or ""
    by_place = dict(zip(function.parameters, node.arguments, strict=False))
    if name in node.keyword_places and name not in function.parameters:
        return node.keyword_places[name], node.keyword_places[name] + len(name)
    value = dict(node.keywords).get(name, by_place.get(name))
    return value.place if value is not None else None


def _is_word(function: Function, name: str, value: Node, names: Mapping[str, Any]) -> TypeGuard[Name]:
    """Whether an argument is a word that stands for itself, as in `ones(T, T, dtype=bool)`."""
    takes = function.takes.get(name)
    return isinstance(value, Name) and value.name not in names and takes is not None and "word" in takes.kinds
