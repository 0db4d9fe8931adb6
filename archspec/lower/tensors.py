"""Expressions over tensors: the same constructs as over numbers, where names may stand for what flows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeGuard

from archspec import expressions
from archspec.dimensions import Size
from archspec.expressions import (
    CONSTANTS,
    Binary,
    Compare,
    Conditional,
    ExpressionError,
    FunctionCall,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Remembering,
    Slice,
    Starred,
    Symbolic,
    Unary,
    UndecidedError,
    arithmetic,
    as_size,
    assume,
    choose,
    evaluate,
    lift,
    of_the_call,
    typed,
    unknown,
)
from archspec.expressions.functions import call as call_numbers
from archspec.functions import FUNCTIONS, Function, Takes
from archspec.functions.absent import reason
from archspec.functions.operators import OPERATORS, UNARY_OPERATORS, index
from archspec.lower import lists
from archspec.lower.conditions import assume_flow, merge
from archspec.lower.frames import Counting, Otherwise
from archspec.lower.presence import Presence, compares_with_none, is_given, refused_optional
from archspec.lower.undecided import outcome
from archspec.problems import echo
from archspec.refusals import RefusalError, refuse, settled
from archspec.tensors import Chain, ListType, Maybe, Series, TensorType, chain, flow_text

_BITS = {"and": "(a) & (b)", "or": "(a) | (b)"}


def tensor_value(node: Node, names: Mapping[str, Any]) -> Any:
    """What an expression comes to: a TensorType, tuples of them, a Maybe of these, or a number.

    ExpressionError where it has no value, RefusalError where PyTorch would refuse, UndecidedError where it depends: the
    first two say which construct is to blame, the innermost one that is.
    """
    known = names.known if isinstance(names, Remembering) else {}
    if id(node) in known:
        return known[id(node)][1]
    try:
        value = _value(node, names)
    except (ExpressionError, RefusalError) as error:
        if error.offset is None and node.place is not None:
            error.offset, error.length = node.place[0], node.place[1] - node.place[0]
        raise
    known[id(node)] = node, value
    return value


def _value(node: Node, names: Mapping[str, Any]) -> Any:
    if not holds_tensor(node, names):
        return evaluate(node, Presence(names))
    match node:
        case Name():
            return evaluate(node, names)
        case Items():
            return _items(node, names)
        case Unary():
            return _operator(node.operator, (present(node.operand, names),), unary=True)
        case Binary():
            operands = (present(node.left, names), present(node.right, names))
            return _operator(node.operator, operands, names=names)
        case Compare():
            if len(node.operators) > 1:
                raise _instead("a chained comparison of tensors", "join them with `logical_and`", node, _chained(node))
            left, right = (present(operand, names) for operand in node.operands)
            return _operator(node.operators[0], (left, right))
        case Logic():
            function = f"logical_{node.operator}"
            instead = _joined(function, [operand.text for operand in node.operands])
            raise _instead(
                f"`{node.operator}` over tensors",
                f"write `{function}(a, b)`, or `{_BITS[node.operator]}` of masks",
                node,
                instead,
            )
        case Conditional():
            return _choice(node, names)
        case Index():
            return _indexed(node, names)
        case FunctionCall():
            return _called(node, names)
    raise ExpressionError("AS302", f"`{node.text}` is not part of the language")


def _items(node: Items, names: Mapping[str, Any]) -> Any:
    """A list written out, with the items of others where `*` stands before them."""
    parts: list[Any] = []
    for item in node.items:
        value = present(item.value if isinstance(item, Starred) else item, names)
        if not isinstance(item, Starred):
            parts.append((value,))
        elif isinstance(value, Series | Chain | tuple):
            parts.append(value)
        else:
            message = f"`{item.text}`: `*` must be followed by a list, and this is {flow_text(value)}"
            raise ExpressionError("AS304", message, "write the value itself")
    whole = chain(parts)
    return whole if node.listed or not isinstance(whole, tuple) else tuple(whole)


def rows_of(node: Node, names: Mapping[str, Any], text: str) -> Any:
    """The items of a list that is looped over; of a tensor, its rows."""
    return _rows(present(node, names), text)


def rounds_of(node: Node, names: Mapping[str, Any], text: str) -> tuple[Any, ...]:
    """What each round of a loop takes of its list; None once, for all rounds, where only parameters give the list."""
    items = rows_of(node, names, text)
    return items if isinstance(items, tuple) else (None,)


def _rows(value: Any, text: str) -> Any:
    """The rows of a tensor; what is none stays."""
    if not isinstance(value, TensorType):
        return value
    if not value.shape:
        raise ExpressionError("AS304", f"`{text}` is a number, which has no rows")
    size, *rest = value.shape
    if isinstance(size, int):
        return ListType((value.reshaped(*rest),) * size)
    if not settled(None, size):
        message = f"a loop over {flow_text(value)}, whose first axis is a free dimension"
        raise ExpressionError("AS506", message, "make this size a parameter or a number")
    return Series(value.reshaped(*rest), "_row", size)


def present(node: Node, names: Mapping[str, Any]) -> Any:
    """The value of a part that has to be there; RefusalError where it may be left out."""
    value = tensor_value(node, names)
    if isinstance(value, Maybe) or (value is None and not isinstance(node, Literal)):
        raise refused_optional(node, value)
    return value


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
    """Whether a tensor, or a function of tensors alone, occurs in an expression, but to be compared with None."""
    if isinstance(node, Name):
        return node.name in names and _is_flow(names[node.name])
    if isinstance(node, FunctionCall) and node.function not in expressions.FUNCTIONS:
        return True
    return not compares_with_none(node) and any(holds_tensor(part, names) for part in node.children)


def _is_flow(value: Any) -> bool:
    return isinstance(value, TensorType | Series | Chain | ListType | Maybe) or (
        isinstance(value, tuple) and any(map(_is_flow, value))
    )


def _operator(
    operator: str, operands: tuple[Any, ...], *, unary: bool = False, names: Mapping[str, Any] | None = None
) -> Any:
    if not any(map(_is_flow, operands)):
        return arithmetic.unary(operator, *operands) if unary else _of_numbers(operator, *operands)
    table = UNARY_OPERATORS if unary else OPERATORS
    if operator not in table:
        raise ExpressionError("AS302", f"`{operator}` is not an operator of tensors")
    output = table[operator](*operands)
    _add_cost(names, table[operator].macs(output, *operands))
    return output


def _of_numbers(operator: str, left: Any, right: Any) -> Any:
    """An operator of numbers that were read of values that flow, as their count was."""
    if operator in OPERATORS and operator in "== != < <= > >=":
        answer = arithmetic.compare(operator, left, right)
        return answer if answer is not None else typed(Compare((operator,), (lift(left), lift(right))), "bool")
    return arithmetic.binary(operator, left, right)


def _add_cost(names: Mapping[str, Any] | None, macs: Size) -> None:
    """Adds to what the expressions of a step cost, where someone counts it."""
    if isinstance(names, Counting):
        names.macs = names.macs + macs


def _choice(node: Conditional, names: Mapping[str, Any]) -> Any:
    counts = not holds_tensor(node.condition, names) or _counts_lists(node.condition, names)
    condition = _value(node.condition, names) if counts else None
    if not counts or _is_flow(condition):
        instead = f"where({', '.join(part.within() for part in (node.condition, node.then, node.otherwise))})"
        raise _instead("a tensor as a condition", "write `where(condition, a, b)`", node, instead)
    if not unknown(condition):
        return tensor_value(node.then if condition else node.otherwise, names)
    then, otherwise = _Assuming(names, condition, True), _Assuming(names, condition, False)
    output = _either(condition, tensor_value(node.then, then), tensor_value(node.otherwise, otherwise))
    _add_cost(names, as_size(choose(condition, then.macs, otherwise.macs)))
    return output


def _counts_lists(node: Node, names: Mapping[str, Any]) -> bool:
    """Whether an expression reads nothing but the lengths of lists, which are numbers, of what flows."""
    counted = [part.arguments[0] for part in node.walk() if isinstance(part, FunctionCall) and part.function == "len"]
    lists = {id(one) for one in counted if isinstance(names.get(one.text), tuple | Series | Chain)}
    flows = (part for part in node.walk() if isinstance(part, Name) and _is_flow(names.get(part.name)))
    return all(id(part) in lists for part in flows) and not isinstance(node, Logic)


def _either(condition: Any, then: Any, otherwise: Any) -> Any:
    """What flows on where a condition that is not known decides between two values, of which one may be None."""
    values = [value.given if isinstance(value, Maybe) else value for value in (then, otherwise)]
    there = [value for value in values if value is not None]
    if not there:
        return None
    output = merge(condition, *there) if len(there) == 2 else there[0]
    if output is None and _of_the_call(condition):
        message = f"`{condition}` chooses between {flow_text(there[0])} and {flow_text(there[1])}"
        refuse("AS502", message, "both sides must have the same number of axes and the same dtype")
    if output is None:
        raise UndecidedError(f"which of two types it is, by `{condition}`")
    optional = len(there) == 1 or any(isinstance(value, Maybe) for value in (then, otherwise))
    return Maybe(output) if optional else output


def _of_the_call(condition: Any) -> bool:
    """Whether a condition depends on more than parameters."""
    names = (part for part in lift(condition).walk() if isinstance(part, Name))
    return any(map(of_the_call, names))


class _Assuming(Otherwise):
    """What names stand for where a condition is known to hold, or not to."""

    def __init__(self, names: Mapping[str, Any], condition: Any, truth: bool) -> None:
        super().__init__(names)
        self.condition, self.truth = condition, truth

    def __getitem__(self, name: str) -> Any:
        value = self.names[name]
        if isinstance(value, Maybe):
            given = is_given(lift(self.condition), self.truth, name)
            if given is None:
                return value
            value = value.given if given else None
        return (assume_flow if _is_flow(value) else assume)(value, self.condition, self.truth)


def _indexed(node: Index, names: Mapping[str, Any]) -> Any:
    value = present(node.value, names)
    if not isinstance(value, TensorType):
        position = _bounds(node.index, names) if isinstance(node.index, Slice) else evaluate(node.index, names)
        if not lists.is_list(value):
            raise ExpressionError("AS304", f"`{node.text}`: only tensors and lists are indexed")
        found = lists.indexed(value, position, node.text)
        if found is None:
            raise UndecidedError(f"which item of a list it is, by `{node.index.text}`")
        return found
    several = isinstance(node.index, Items) and not node.index.listed
    items = node.index.children if several else (node.index,)
    return index(value, tuple(_index_item(item, names) for item in items))


def _index_item(item: Node, names: Mapping[str, Any]) -> Any:
    if isinstance(item, Slice):
        bounds = _bounds(item, names)
        return slice(*(None if one is None else as_size(one) for one in (bounds.start, bounds.stop, bounds.step)))
    return present(item, names)


def _bounds(node: Slice, names: Mapping[str, Any]) -> slice:
    """The bounds of a slice, which no tensor can be: how much it takes is known before the network runs."""
    for part in node.children:
        value = tensor_value(part, names) if holds_tensor(part, names) else None
        if _is_flow(value):
            message = f"the bounds of a slice must be integers, not {_said(value)}"
            advice = "write a number, a parameter or a size"
            start, end = part.place or (None, 1)
            raise ExpressionError("AS304", message, advice, start, end - (start or 0))
    found: slice = evaluate(node, names)
    return found


def _said(value: Any) -> str:
    return f"the {'tensor' if isinstance(value, TensorType) else 'list'} {flow_text(value)}"


def _flows(value: Any) -> bool:
    """Whether that is a tensor, or a list of them."""
    return isinstance(value, TensorType) or lists.is_list(value)


def _called(node: FunctionCall, names: Mapping[str, Any]) -> Any:
    if node.function in lists.FUNCTIONS and not node.keywords:
        values = [present(argument, names) for argument in node.arguments]
        if node.function in ("zip", "enumerate", "reversed") and any(map(_flows, values)):
            values = [_rows(value, one.text) for value, one in zip(values, node.arguments, strict=True)]
            return lists.call_with_lists(node.function, values, node.text)
        if node.function == "len" and isinstance(values[0], TensorType) and values[0].shape:
            return values[0].shape[0]
        if values and lists.is_list(values[0]):
            return lists.call_with_lists(node.function, values, node.text)
    if node.function in expressions.FUNCTIONS and not node.keywords:
        values = [present(argument, names) for argument in node.arguments]
        if not any(map(_is_flow, values)):
            return call_numbers(node, values)
    function = FUNCTIONS.get(node.function)
    if function is None and node.function in expressions.FUNCTIONS and node.arguments and not node.keywords:
        message = f"{node.function} takes {expressions.FUNCTIONS[node.function].takes}, not {_said(values[0])}"
        advice = "`arange` makes a tensor of numbers" if node.function == "range" else ""
        raise ExpressionError("AS304", message, advice, node.offset, len(node.function))
    if function is None:
        hint = reason(node.function) or expressions.unknown_function(
            node.function, [*FUNCTIONS, *expressions.FUNCTIONS]
        )
        message = f"there is no function {echo(node.function)}"
        raise ExpressionError("AS303", message, hint, node.offset, len(node.function))
    try:
        arguments, keywords = _arguments(node, function, names)
        if any(isinstance(one, Series | Chain) for one in (*arguments, *keywords.values())):
            return lists.of_series(function.name, arguments, keywords)
        optional = [one for one in (*arguments, *keywords.values()) if isinstance(one, Maybe)]
        if optional:  # with them and without
            for without in (True, False):
                known = _where(node, names, left_out=without)
                arguments, keywords = _arguments(node, function, known, left_out=without)
                output = outcome(function, arguments, keywords)
        else:
            output = outcome(function, arguments, keywords)
        _add_cost(names, function.macs(output, *arguments, **keywords))
        return lists.listed(output) if function.name in lists.GIVING else output
    except RefusalError as refusal:
        if refusal.offset is None:
            start, end = _blamed(node, function, refusal) or (node.offset, (node.offset or 0) + len(node.function))
            refusal.offset, refusal.length = start, end - (start or 0)
        raise


def _arguments(
    node: FunctionCall, function: Function, names: Mapping[str, Any], *, left_out: bool | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """The values of the arguments, by position and by name; `left_out` says what stands for those that may be."""
    written = spread(node, names)
    if written is not node:
        return _arguments(written, function, names, left_out=left_out)

    def value(argument: Node, takes: Takes | None) -> Any:
        if isinstance(argument, Name) and argument.name not in names and takes and argument.name in takes.choices:
            return argument.name  # a dtype, by position
        found = tensor_value(argument, names)
        if not isinstance(found, Maybe):
            return found
        if takes is None or not takes.kinds >= {"tensor", "null"}:
            raise refused_optional(argument, found)
        return found if left_out is None else None if left_out else found.given

    taken = [*function.takes.values(), *(None,) * len(node.arguments)]
    arguments = [value(argument, takes) for argument, takes in zip(node.arguments, taken, strict=False)]
    keywords = {
        name: argument.text if _is_word(function, name, argument, names) else value(argument, function.takes.get(name))
        for name, argument in node.keywords
    }
    return arguments, keywords


def spread(node: FunctionCall, names: Mapping[str, Any]) -> FunctionCall:
    """A call whose arguments are each written for itself, where `*` must be followed by a list of a known length."""
    if not any(isinstance(argument, Starred) for argument in node.arguments):
        return node
    found: list[Node] = []
    for argument in node.arguments:
        if not isinstance(argument, Starred):
            found.append(argument)
            continue
        value = present(argument.value, names)
        if isinstance(value, Series | Chain | Symbolic):
            raise UndecidedError(f"the number of values in `{argument.text}`")
        if not isinstance(value, tuple):
            message = f"`{argument.text}`: `*` must be followed by a list, and this is {flow_text(value)}"
            raise ExpressionError("AS304", message, "write the value itself")
        for place in range(len(value)):
            found.append(Index(argument.value, Literal(place)))
            found[-1].place = argument.place
    call = FunctionCall(node.function, tuple(found), node.keywords, node.offset)
    call.place, call.keyword_places = node.place, node.keyword_places
    return call


def _where(node: FunctionCall, names: Mapping[str, Any], *, left_out: bool) -> Mapping[str, Any]:
    """What names stand for where the optional inputs among the arguments of a call are left out, or given."""
    for argument in (*node.arguments, *(value for _, value in node.keywords)):
        if isinstance(argument, Name) and argument.name in names and isinstance(names[argument.name], Maybe):
            is_none = Compare(("is",), (Name(argument.name, type="optional"), Literal(None)))
            names = _Assuming(names, Symbolic(is_none, "bool"), left_out)
    return names


def _blamed(node: FunctionCall, function: Function, refusal: RefusalError) -> tuple[int, int] | None:
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
    undeclared = isinstance(value, Name) and value.name not in names and value.name not in CONSTANTS
    return undeclared and takes is not None and "word" in takes.kinds
