"""Uses of a class that differ in steps which some of them leave out: one form for all, with steps that may be absent.

What reads the value of an absent step reads what would have gone into it. That is what `when:` means in the language,
and of an expression `a if c else b`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from archspec.importer.grouping import ModuleLoop, is_sequential, renumbered, signature, with_loops_of
from archspec.importer.nodes import Apply, ArgumentGroup, Mode, ModuleBody, Operation, Ref, Scalar, StateTensor
from archspec.importer.templates import bodies, height
from archspec.importer.turns import with_turns

_CHOICES = 16
"""How many ways are tried in which expressions may be absent."""


def joined(roots: Sequence[ModuleBody], loops: bool) -> list[ModuleBody]:
    """The bodies of some runs with their loops, the uses of each class in one form as far as they have one."""
    found = [_copied(one) for one in roots]
    below = sorted((one for root in found for one in bodies(root)), key=height)
    kinds = sorted({one.kind for one in below}, key=lambda kind: max(height(one) for one in below if one.kind is kind))
    settled: set[int] = set()
    for kind in kinds:
        uses = [one for one in below if one.kind is kind]
        for one in uses:
            _loop(one, loops, settled)
        if not any(one is root for one in uses for root in found):
            _join(uses)
    return found


def _copied(body: ModuleBody) -> ModuleBody:
    operations = [replace(one, body=one.body and _copied(one.body)) for one in body.operations]
    return replace(body, operations=operations)


def _loop(body: ModuleBody, loops: bool, settled: set[int]) -> None:
    """Finds the loops of a body, those of plain Sequentials within it first."""
    if id(body) in settled:
        return
    settled.add(id(body))
    for one in body.operations:
        if isinstance(one, Operation) and is_sequential(one.body) and one.body is not None:
            _loop(one.body, loops, settled)
    if loops:
        made = with_loops_of(with_turns(body))
        body.operations, body.output = made.operations, made.output


def _join(uses: Sequence[ModuleBody]) -> None:
    """Gives the uses of a class one form, or a few."""
    forms: dict[Any, list[ModuleBody]] = {}
    for one in uses:
        forms.setdefault(repr(signature(one)), []).append(one)
    left = sorted(forms.values(), key=lambda form: -len(form[0].operations))
    if len(left) == 1:
        return
    number = 0
    while left:
        whole, *others = left
        union, group, left = whole[0], [whole], []
        for form in others:
            larger = _union(union, form[0])
            if larger is None or _fitted(larger, form[0]) is None:
                left.append(form)
            else:
                union, group = larger, [*group, form]
        if len(group) > 1 and _replace(union, [one for form in group for one in form]):
            for one in itertools.chain(*group):
                one.family = f"{one.kind.__qualname__} {number}"
            number += 1


def _replace(union: ModuleBody, uses: Sequence[ModuleBody]) -> bool:
    """Gives some uses the form of a union, if all of them fit."""
    fitted = [_fitted(union, one) for one in uses]
    if None in fitted:
        return False
    for one, other in zip(uses, fitted, strict=True):
        assert other is not None
        one.operations, one.output, one.state = other.operations, other.output, other.state
        one.order = union.order
    return True


# which operations of two bodies are the same


def _same(body: ModuleBody) -> Callable[[Any, Any], bool]:
    """Whether two operations are one step: by their modules' names, in a Sequential by what they are."""
    plain = is_sequential(body)

    def same(one: Any, other: Any) -> bool:
        if type(one) is not type(other):
            return False
        if isinstance(one, ModuleLoop):
            return bool(signature(one) == signature(other))
        if not plain and one.module != other.module:
            return False
        if one.module is None:
            return one.function == other.function and len(one.args) == len(other.args)
        if one.called != other.called:
            return False
        if not plain and "Identity" in (one.function, other.function):
            return True
        nested = is_sequential(one.body) and is_sequential(other.body)
        return bool(signature(one, False) == signature(other, False)) or (nested and not plain)

    return same


def _aligned(left: ModuleBody, right: ModuleBody) -> list[tuple[int | None, int | None]]:
    """The operations of both in one order: the longest common sequence, as late as it can be."""
    same = _same(left)
    a, b = left.operations, right.operations
    equal = [[same(one, other) for other in b] for one in a]
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, j in itertools.product(range(len(a)), range(len(b))):
        longest[i + 1][j + 1] = longest[i][j] + 1 if equal[i][j] else max(longest[i][j + 1], longest[i + 1][j])
    pairs: list[tuple[int | None, int | None]] = []
    i, j = len(a), len(b)
    while i or j:
        if i and j and equal[i - 1][j - 1] and longest[i][j] == longest[i - 1][j - 1] + 1:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif j and (not i or longest[i][j - 1] >= longest[i - 1][j]):
            j -= 1
            pairs.append((None, j))
        else:
            i -= 1
            pairs.append((i, None))
    return pairs[::-1]


# the form of both


def _union(left: ModuleBody, right: ModuleBody) -> ModuleBody | None:
    """A body with the operations of both; None where there is none, or little in common."""
    if len(left.inputs) != len(right.inputs):
        return None
    pairs = _aligned(left, right)
    common = sum(None not in pair for pair in pairs)
    if 2 * common < len(pairs) and common + 1 < len(pairs):
        return None
    places: list[dict[int, int]] = [{-1: -1}, {-1: -1}]
    for position, pair in enumerate(pairs):
        for moves, index in zip(places, pair, strict=True):
            if index is not None:
                moves[index] = position
    sides = left, right
    made: list[Any] = []
    for pair in pairs:
        chosen = [_moved(sides[k].operations[index], places[k]) for k in (0, 1) if (index := pair[k]) is not None]
        one = _merged(chosen)
        if one is None:
            return None
        made.append(one)
    if is_sequential(left) and all(isinstance(one, Operation) for one in made):
        made = [replace(one, module=str(number)) for number, one in enumerate(made)]
    absent = [{position for position, pair in enumerate(pairs) if _is_absent(sides[k], pair[k])} for k in (0, 1)]
    for passed in _passing(made, absent[0] | absent[1]):
        body = _reconciled(left, right, pairs, places, made, absent, passed)
        if body is not None:
            return body
    return None


def _merged(chosen: list[Any]) -> Any:
    """One operation for two that are the same step; None where their Sequentials have no form in common."""
    one, other = chosen[0], chosen[-1]
    if one is other or isinstance(one, ModuleLoop):
        return one
    if one.function == "Identity":
        return other
    if is_sequential(one.body) and is_sequential(other.body) and signature(one, False) != signature(other, False):
        union = _union(one.body, other.body)
        return None if union is None else replace(one, body=union)
    return one


def _is_absent(body: ModuleBody, index: int | None) -> bool:
    if index is None:
        return True
    one = body.operations[index]
    return isinstance(one, Operation) and one.function == "Identity" and one.module is not None


def _passing(made: list[Any], absent: set[int]) -> Iterator[dict[int, Ref]]:
    """What stands for each absent value: the first argument of a module; of an expression, each that is a value."""
    choices = []
    for position in sorted(absent):
        one = made[position]
        if not isinstance(one, Operation) or not one.single:
            return
        refs = [arg for arg in one.args if isinstance(arg, Ref)]
        if not refs:
            return
        choices.append([(position, ref) for ref in (refs[:1] if one.module is not None else refs)])
    for chosen in itertools.islice(itertools.product(*choices), _CHOICES):
        yield dict(chosen)


def _reconciled(
    left: ModuleBody, right: ModuleBody, pairs: Any, places: Any, made: list[Any], absent: Any, passed: dict[int, Ref]
) -> ModuleBody | None:
    """The body of both, in which each argument is what both of them read."""
    operations: list[Any] = []
    for (i, j), one in zip(pairs, made, strict=True):
        if i is None or j is None or isinstance(one, ModuleLoop):
            operations.append(replace(one, passed=passed.get(len(operations))) if isinstance(one, Operation) else one)
            if isinstance(one, ModuleLoop) and None in (i, j):
                return None
            continue
        a, b = _moved(left.operations[i], places[0]), _moved(right.operations[j], places[1])
        args = _common(ArgumentGroup("", tuple(a.args)), ArgumentGroup("", tuple(b.args)), absent, passed)
        if args is None or a.keywords.keys() != b.keywords.keys():
            return None
        operations.append(replace(one, args=args.items, passed=passed.get(len(operations))))
    output = _common(renumbered(left.output, places[0]), renumbered(right.output, places[1]), absent, passed)
    if output is None:
        return None
    names = {one.name for one in left.state}
    state = [*left.state, *(one for one in right.state if one.name not in names)]
    order = max(left.order, right.order, key=len)
    return replace(left, operations=operations, output=output, state=state, order=order)


def _common(one: Any, other: Any, absent: Any, passed: dict[int, Ref]) -> Any:
    """What both nodes read: the same, or a value that is absent in one, which reads what stands for it."""
    if isinstance(one, Ref) and isinstance(other, Ref):
        wanted = _resolved(one, absent[0], passed), _resolved(other, absent[1], passed)
        for ref in (one, other):
            if (_resolved(ref, absent[0], passed), _resolved(ref, absent[1], passed)) == wanted:
                return ref
        return None
    if isinstance(one, ArgumentGroup) and isinstance(other, ArgumentGroup):
        if one.kind != other.kind or len(one.items) != len(other.items):
            return None
        items = tuple(_common(a, b, absent, passed) for a, b in zip(one.items, other.items, strict=True))
        return None if None in items else replace(one, items=items)
    return one if signature(one) == signature(other) else None


def _resolved(ref: Ref, absent: set[int], passed: dict[int, Ref]) -> Ref:
    while ref.operation in absent and not ref.path and ref.operation in passed:
        ref = passed[ref.operation]
    return ref


def _moved(one: Any, places: dict[int, int]) -> Any:
    made = replace(one) if isinstance(one, Operation) else replace(one, rounds=[replace(k) for k in one.rounds])
    for call in made.rounds if isinstance(made, ModuleLoop) else (made,):
        call.args = tuple(renumbered(arg, places) for arg in call.args)
        call.keywords = {key: renumbered(arg, places) for key, arg in call.keywords.items()}
    return made


# a body in the form of a union


def _fitted(union: ModuleBody, body: ModuleBody) -> ModuleBody | None:
    """A body in a larger form, with the operations that it lacks as absent ones; None where it does not fit."""
    pairs = _aligned(union, body)
    if any(i is None for i, _ in pairs) or len(union.inputs) != len(body.inputs):
        return None
    places: dict[int, int] = {-1: -1, **{j: i for i, j in pairs if i is not None and j is not None}}
    passed = {k: ref for k, one in enumerate(union.operations) if (ref := getattr(one, "passed", None)) is not None}
    absent = {i for i, j in pairs if i is not None and _is_absent(body, j) and not _is_absent(union, i)}
    if not absent <= passed.keys():
        return None
    operations: list[Any] = []
    for i, j in pairs:
        whole: Any = union.operations[i] if i is not None else None
        if i in absent:
            operations.append(replace(whole, kept=False, body=None))
            continue
        assert j is not None
        one = _moved(body.operations[j], places)
        if isinstance(one, Operation) and isinstance(whole, Operation):
            args = _adopted(ArgumentGroup("", tuple(one.args)), ArgumentGroup("", tuple(whole.args)), absent, passed)
            if args is None:
                return None
            one = replace(one, args=args.items, passed=whole.passed, module=whole.module)
            if is_sequential(one.body) and signature(one.body) != signature(whole.body):
                inner = _fitted(whole.body, one.body) if whole.body is not None and one.body is not None else None
                if inner is None:
                    return None
                one.body = inner
        operations.append(one)
    output = _adopted(renumbered(body.output, places), union.output, absent, passed)
    state = _states(union, body)
    return None if output is None else replace(body, operations=operations, output=output, state=state)


def _states(union: ModuleBody, body: ModuleBody) -> list[StateTensor]:
    held = {one.name: one for one in body.state}
    return [held.get(one.name) or replace(one, kept=False) for one in union.state]


def _adopted(own: Any, whole: Any, absent: set[int], passed: dict[int, Ref]) -> Any:
    """A node of one's own with the values that the union reads, where these are the same; else None."""
    match own, whole:
        case Ref(), Ref():
            return whole if _resolved(whole, absent, passed) == _resolved(own, absent, passed) else None
        case (ArgumentGroup(kind, mine), ArgumentGroup(other, theirs)) if kind == other and len(mine) == len(theirs):
            items = tuple(_adopted(a, b, absent, passed) for a, b in zip(mine, theirs, strict=True))
            return None if None in items else ArgumentGroup(kind, items)
        case (Scalar(), Scalar()) | (Apply(), Apply()) | (Mode(), Mode()):
            return own if signature(own) == signature(whole) else None
    return own if own == whole else None
