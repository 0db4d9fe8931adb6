"""Two runs of one call, one in training and one in evaluation, as one body."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from archspec.importer.gaps import Gap, GapError
from archspec.importer.nodes import Apply, ArgumentGroup, Mode, ModuleBody, Operation, Ref, Scalar
from archspec.importer.operations import default_of

_BOTH_WAYS = "Return the same type in both modes, or import each mode separately."


def merged(evaluation: ModuleBody, training: ModuleBody) -> ModuleBody:
    """The body that does what `evaluation` does, and in training what `training` does. GapError where none can."""
    evaluation, training = _without_idle(evaluation, training), _without_idle(training, evaluation)
    mine, theirs = (list(map(_key, body.operations)) for body in (evaluation, training))
    blocks = SequenceMatcher(None, mine, theirs, False).get_matching_blocks()
    matched = [(block.a + k, block.b + k) for block in blocks for k in range(block.size)]
    places: tuple[dict[int, int], dict[int, int]] = ({-1: -1}, {-1: -1})
    order: list[tuple[int | None, int | None]] = []
    first = second = 0
    for a, b in [*matched, (len(mine), len(theirs))]:
        order += [(k, None) for k in range(first, a)] + [(None, k) for k in range(second, b)]
        if a < len(mine) or b < len(theirs):
            order.append((a, b))
        first, second = a + 1, b + 1
    for index, (one, other) in enumerate(order):
        if one is not None:
            places[0][one] = index
        if other is not None:
            places[1][other] = index
    operations = [_operation(evaluation, training, one, other, places) for one, other in order]
    place = next((one.place for one in reversed(training.operations)), training.place)
    output = _merge(_moved(evaluation.output, places[0]), _moved(training.output, places[1]))
    if output is None:
        gap = Gap(
            "returns another type in training than in evaluation",
            place.path if place else "",
            place.line if place else 0,
            _BOTH_WAYS,
        )
        raise GapError(gap)
    return ModuleBody(
        evaluation.kind,
        evaluation.arguments,
        evaluation.names,
        evaluation.inputs,
        operations,
        output,
        evaluation.state,
        evaluation.order,
        evaluation.place,
    )


def _without_idle(body: ModuleBody, other: ModuleBody) -> ModuleBody:
    """A body without the modules that it keeps and the other one runs; they stand at its end."""
    called = {one.module for one in other.operations if one.called}
    return replace(body, operations=[one for one in body.operations if one.called or one.module not in called])


def _key(operation: Operation) -> tuple[Any, ...]:
    return operation.function, operation.module, len(operation.args), tuple(operation.results)


def _operation(
    evaluation: ModuleBody, training: ModuleBody, one: int | None, other: int | None, places: Any
) -> Operation:
    if one is None or other is None:
        body, index, moves = (training, other, places[1]) if one is None else (evaluation, one, places[0])
        made = body.operations[index if index is not None else 0]
        return _with(
            made,
            tuple(_moved(arg, moves) for arg in made.args),
            {key: _moved(arg, moves) for key, arg in made.keywords.items()},
            made.body,
        )
    left, right = evaluation.operations[one], training.operations[other]
    args = tuple(
        _required(_moved(a, places[0]), _moved(b, places[1])) for a, b in zip(left.args, right.args, strict=True)
    )
    keywords = {}
    for key in [*left.keywords, *(key for key in right.keywords if key not in left.keywords)]:
        absent = default_of(left.function, key)
        a, b = (
            _moved(call.keywords.get(key, absent), moves) for call, moves in ((left, places[0]), (right, places[1]))
        )
        keywords[key] = _required(a, b)
    joined = left.body
    if left.body is not None and right.body is not None:
        try:
            joined = merged(left.body, right.body)
        except GapError as error:
            error.kinds.append(left.body.kind)
            raise
    return _with(left, args, keywords, joined)


def _with(made: Operation, args: tuple[Any, ...], keywords: dict[str, Any], body: ModuleBody | None) -> Operation:
    return replace(made, args=args, keywords=keywords, body=body)


def _moved(node: Any, moves: dict[int, int]) -> Any:
    match node:
        case Ref(operation, path):
            return Ref(moves[operation], path)
        case ArgumentGroup(kind, items):
            return ArgumentGroup(kind, tuple(_moved(one, moves) for one in items))
        case Apply(function, args, keywords):
            return Apply(
                function,
                tuple(_moved(one, moves) for one in args),
                tuple((key, _moved(one, moves)) for key, one in keywords),
            )
        case Mode(training, evaluation):
            return Mode(_moved(training, moves), _moved(evaluation, moves))
    return node


def _required(left: Any, right: Any) -> Any:
    found = _merge(left, right)
    return Mode(right, left) if found is None else found


def _merge(left: Any, right: Any) -> Any:
    """What both are; None where one is a tensor and the other is none, or they are lists of other lengths."""
    alike = not isinstance(left, Scalar) or not isinstance(right, Scalar) or type(left.value) is type(right.value)
    if left == right and type(left) is type(right) and alike:
        return left
    if isinstance(left, ArgumentGroup) and isinstance(right, ArgumentGroup):
        if left.kind != right.kind or len(left.items) != len(right.items):
            return None
        items = tuple(
            _merge(a, b) if not isinstance(a, str) else a for a, b in zip(left.items, right.items, strict=True)
        )
        return None if None in items else ArgumentGroup(left.kind, items)
    if isinstance(left, ArgumentGroup) or isinstance(right, ArgumentGroup):
        return None
    if left == Scalar(None) or right == Scalar(None):
        return None
    return Mode(right, left)
