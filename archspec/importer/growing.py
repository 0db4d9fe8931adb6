"""Modules that each take the results of all those before them, as in DenseNet: each hands on what it took, and its own.

`cat` is associative, so that what every module joins for itself is what the one before took, joined with its result.
Then all of them do the same, and become a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archspec.importer.grouping import references, renumbered
from archspec.importer.nodes import ArgumentGroup, ModuleBody, Operation, Ref, Result, Scalar


def grown(body: ModuleBody) -> ModuleBody:
    """The body, and those within, with one value that grows in the place of lists that do."""
    inner = [replace(one, body=one.body and grown(one.body)) for one in body.operations]
    body = replace(body, operations=inner)
    for chain in _chains(body.operations):
        axes = [_joined_first(body.operations[index]) for index in chain]
        last = _last(body, chain, axes[0])
        if last is not None and all(one == axes[0] for one in axes):
            return _handed_on(body, chain, last)
    return body


def _chains(operations: Sequence[Operation]) -> Iterator[list[int]]:
    """Calls of modules, each of which takes what the one before took, and its result."""
    by_inputs = {one.args: index for index, one in enumerate(operations) if one.body is not None and one.called}
    for index, one in enumerate(operations):
        chain, following = [index], by_inputs.get((*one.args, Ref(index)))
        while following is not None:
            chain.append(following)
            following = by_inputs.get((*operations[following].args, Ref(following)))
        if len(chain) > 1 and len(one.args) == 1 and by_inputs.get(one.args) == index:
            yield chain


def _joined_first(one: Operation) -> Scalar | None:
    """The axis along which a module joins all that it takes before it does anything else; None where it does not."""
    body = one.body
    assert body is not None
    taken = ArgumentGroup("list", tuple(Ref(-1, (number,)) for number in range(len(body.inputs))))
    axis = _axis(body.operations[0], taken) if body.operations and isinstance(body.output, Ref) else None
    reads = [ref for node in (*body.operations[1:], body.output) for ref in references(node)]
    return None if any(ref.operation == -1 for ref in reads) else axis


def _axis(one: Operation, joined: ArgumentGroup) -> Scalar | None:
    """The axis of a `cat` of those values."""
    if one.function != "cat" or not one.args or one.args[0] != joined:
        return None
    axis = one.args[1] if len(one.args) > 1 else one.keywords.get("dim", Scalar(0))
    return axis if isinstance(axis, Scalar) else None


def _last(body: ModuleBody, chain: list[int], axis: Scalar | None) -> int | None:
    """The operation that joins all, where nothing else reads what the modules of a chain make."""
    whole = ArgumentGroup("list", (*body.operations[chain[-1]].args, Ref(chain[-1])))
    found = [index for index, one in enumerate(body.operations) if axis is not None and _axis(one, whole) == axis]
    others = [one for index, one in enumerate(body.operations) if index not in (*chain, *found)]
    read = {ref.operation for node in (*others, body.output) for ref in references(node)}
    return found[0] if len(found) == 1 and not read & {*chain} else None


def _handed_on(body: ModuleBody, chain: list[int], last: int) -> ModuleBody:
    """The body with modules that hand on what they took, joined with what they make, and without the last join."""
    operations: list[Operation] = []
    moved = {-1: -1}
    for index, one in enumerate(body.operations):
        if index == last:
            moved[index] = moved[chain[-1]]
            continue
        args = one.args
        if index in chain:
            place = chain.index(index)
            following = body.operations[chain[place + 1]].body if index != chain[-1] else None
            results = body.operations[last].results if following is None else following.operations[0].results
            args = args if not place else (Ref(chain[place - 1]),)
            one = replace(one, body=_handing_on(one.body, results[()]), results={(): replace(results[()])})
        moved[index] = len(operations)
        operations.append(
            replace(
                one,
                args=tuple(renumbered(arg, moved) for arg in args),
                keywords={key: renumbered(arg, moved) for key, arg in one.keywords.items()},
            )
        )
    return replace(body, operations=operations, output=renumbered(body.output, moved))


def _handing_on(body: ModuleBody | None, result: Result) -> ModuleBody:
    """A body that takes what it joined, and joins its output to that."""
    assert body is not None
    join, *others = body.operations
    name = body.names[0].rpartition("_")[0] or body.names[0]
    moved = {index: index - 1 for index in range(-1, len(body.operations))} | {-1: -1}
    taken = Ref(-1, (0,))
    later = [
        replace(
            one,
            args=tuple(renumbered(arg, moved, {Ref(0): taken}) for arg in one.args),
            keywords={key: renumbered(arg, moved, {Ref(0): taken}) for key, arg in one.keywords.items()},
        )
        for one in others
    ]
    items = ArgumentGroup("list", (taken, renumbered(body.output, moved, {Ref(0): taken})))
    join = replace(join, args=(items, *join.args[1:]), results={(): replace(result, name=None)}, place=None)
    given = replace(body.operations[0].results[()], name=name)
    return replace(body, names=[name], inputs=[given], operations=[*later, join], output=Ref(len(later)))
