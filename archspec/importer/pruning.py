"""What a run computed and nobody read: left out, as a spec has no values that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from archspec.importer.grouping import reads_of, references, renumbered
from archspec.importer.nodes import ArgumentGroup, ModuleBody, Operation, Ref

Way = tuple[int | str, ...]
"""The way to a tensor in a result of several."""


def pruned(body: ModuleBody) -> ModuleBody:
    """The body, and those below it, without functions, and inputs and results of modules, that nobody reads.

    A module's call stays, as its weights do. An input also stays where no other input of the module has its sizes. Of
    a class that returns several results, the uses return the same: those that any of them is asked for, as a tuple.
    """
    asked: dict[type, set[Way]] = {}
    _note(body, asked)
    return _pruned(body, asked)


def _note(body: ModuleBody, asked: dict[type, set[Way]]) -> None:
    """Notes which results of each class are read."""
    read = [ref for node in (*body.operations, body.output) for ref in references(node)]
    for index, one in enumerate(body.operations):
        if one.body is not None:
            ways = asked.setdefault(one.body.kind, set())
            ways.update(ref.path for ref in read if ref.operation == index)
            _note(one.body, asked)


def _pruned(body: ModuleBody, asked: Mapping[type, set[Way]]) -> ModuleBody:
    operations = list(body.operations)
    renamed: dict[Ref, Ref] = {}
    for index, one in enumerate(operations):
        if one.body is not None:
            inner, ways = _fewer_results(_pruned(one.body, asked), asked[one.body.kind])
            operations[index] = _fewer_inputs(_returning(one, ways), inner)
            renamed |= {Ref(index, old): Ref(index, new) for old, new in ways.items()}
    live = _live(operations, body.output)
    moved = {-1: -1, **{old: new for new, old in enumerate(live)}}
    renamed = {old: Ref(moved[new.operation], new.path) for old, new in renamed.items() if new.operation in moved}
    kept = [_renumbered(operations[index], moved, renamed) for index in live]
    return replace(body, operations=kept, output=renumbered(body.output, moved, renamed))


def _renumbered(one: Operation, moved: Mapping[int, int], renamed: Mapping[Ref, Ref]) -> Operation:
    keywords = {key: renumbered(arg, moved, renamed) for key, arg in one.keywords.items()}
    return replace(one, args=tuple(renumbered(arg, moved, renamed) for arg in one.args), keywords=keywords)


def _live(operations: list[Operation], output: Any) -> list[int]:
    """The operations that are modules, or that something reads."""
    read = set(reads_of(output))
    for index in reversed(range(len(operations))):
        if operations[index].module is not None or index in read:
            read |= {index, *reads_of(operations[index])}
    return [index for index in range(len(operations)) if index in read]


# results


def _fewer_results(body: ModuleBody, asked: set[Way]) -> tuple[ModuleBody, dict[Way, Way]]:
    """A body that returns only what is asked for; and the way to each result, before and now."""
    leaves = dict(_leaves(body.output))
    if body.kind is nn.Sequential or () in leaves or not leaves:
        return body, {}
    kept = [way for way in leaves if way in asked] or [next(iter(leaves))]
    if len(kept) == 1:
        return replace(body, output=leaves[kept[0]]), {kept[0]: ()}
    output = ArgumentGroup("list", tuple(leaves[way] for way in kept))
    return replace(body, output=output), {way: (number,) for number, way in enumerate(kept)}


def _leaves(node: Any, way: Way = ()) -> Iterator[tuple[Way, Any]]:
    """The tensors of an output, each with the way to it."""
    match node:
        case ArgumentGroup("mapping", items):
            for item in items:
                yield from _leaves(item.items[1], (*way, item.items[0]))
        case ArgumentGroup(_, items):
            for number, one in enumerate(items):
                yield from _leaves(one, (*way, number))
        case _ if any(True for _ in references(node)):
            yield way, node


def _returning(call: Operation, ways: Mapping[Way, Way]) -> Operation:
    if not ways:
        return call
    results = {new: call.results[old] for old, new in ways.items()}
    return replace(call, results=results, single=() in results)


# inputs


def _fewer_inputs(call: Operation, body: ModuleBody) -> Operation:
    """The call of a module without the inputs that its body does not read."""
    nodes = (*body.operations, body.output)
    read = {ref.path[0] for node in nodes for ref in references(node) if ref.operation == -1}
    sizes = {1} | {size for number, one in enumerate(body.inputs) if number in read for size in one.shape}
    kept = [number for number, one in enumerate(body.inputs) if number in read or not sizes.issuperset(one.shape)]
    if len(kept) == len(body.inputs):
        return replace(call, body=body)
    moved = {index: index for index in range(-1, len(body.operations))}
    renamed = {Ref(-1, (old,)): Ref(-1, (new,)) for new, old in enumerate(kept)}
    fewer = replace(
        body,
        names=[body.names[number] for number in kept],
        inputs=[body.inputs[number] for number in kept],
        operations=[_renumbered(one, moved, renamed) for one in body.operations],
        output=renumbered(body.output, moved, renamed),
    )
    return replace(call, args=tuple(call.args[number] for number in kept), body=fewer)
