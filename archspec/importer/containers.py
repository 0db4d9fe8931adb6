"""Modules of a ModuleList or ModuleDict, which a forward method runs one by one, as one step of a spec.

Modules that hand on one value each are a list, as those of a Sequential. Others become a group of named steps, which
holds what runs between them as well, as far as that has no weights of its own.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from archspec.importer.grouping import Region, reads_of, references, renumbered, run_of
from archspec.importer.nodes import ArgumentGroup, ModuleBody, Operation, Ref, Result
from archspec.importer.turns import turned


def with_containers(body: ModuleBody, grouped: bool) -> ModuleBody:
    """The body with its containers as single steps; where `grouped` is false, only those that are lists."""
    inner = [
        replace(one, body=with_containers(one.body, grouped)) if one.body is not None else one
        for one in body.operations
    ]
    body = replace(body, operations=inner)
    names = dict.fromkeys(_container(one) for one in body.operations)
    partly = {str(one.module).rpartition(".")[0] for one in body.operations if not one.called}
    turning = turned(body)
    for name in names:
        if name and name not in turning and name not in {one.module for one in body.operations} | partly:
            body = _joined(body, name, grouped)
    return body


def _container(operation: Operation) -> str:
    path, _, _ = ((operation.module or "") if operation.called else "").rpartition(".")
    return path if "." not in path else ""


def _joined(body: ModuleBody, name: str, grouped: bool) -> ModuleBody:
    """The body with all modules of one container as one step, where that can be."""
    places = [index for index, one in enumerate(body.operations) if _container(one) == name]
    start, stop = places[0], places[-1] + 1
    part = body.operations[start:stop]
    if _is_chain(body, name, part, start):
        return _replaced(body, start, stop, _list(name, part, start))
    reads = [index for node in (*body.operations, body.output) for index in reads_of(node)]
    if run_of(body.operations, start, reads) == len(part):
        return body  # a loop
    between = [one for one in part if _container(one) != name]
    if not grouped or any(one.holds or one.body is not None for one in between):
        return body
    return _replaced(body, start, stop, _group(body, name, start, stop))


def _is_chain(body: ModuleBody, name: str, part: list[Operation], start: int) -> bool:
    reads = [index for node in (*body.operations, body.output) for index in reads_of(node)]
    for number, one in enumerate(part):
        if one.module != f"{name}.{number}" or len(one.args) != 1 or one.keywords or not one.single:
            return False
        if number and (one.args[0] != Ref(start + number - 1) or reads.count(start + number - 1) != 1):
            return False
    return isinstance(part[0].args[0], Ref)


def _list(name: str, part: list[Operation], start: int) -> Operation:
    """Modules of a list, run one after the other, as a Sequential of that name."""
    first = part[0]
    inner = [
        replace(one, module=str(number), args=(Ref(number - 1) if number else Ref(-1, (0,)),))
        for number, one in enumerate(part)
    ]
    body = ModuleBody(nn.Sequential, {}, ["input"], [next(iter(first.results.values()))], inner, Ref(len(inner) - 1))
    body.order = [str(number) for number, one in enumerate(part) if one.holds]
    return Operation("Sequential", first.args, {}, first.place, name, body=body, results=part[-1].results, holds=True)


def _group(body: ModuleBody, name: str, start: int, stop: int) -> Operation:
    part = body.operations[start:stop]
    outside = [ref for one in part for ref in references(one) if not start <= ref.operation < stop]
    given = list(dict.fromkeys(outside))
    after = (*body.operations[stop:], body.output)
    needed = [ref for one in after for ref in references(one) if start <= ref.operation < stop]
    returned = list(dict.fromkeys(needed))
    moved = {start + k: k for k in range(len(part))}
    renamed = [
        replace(
            one,
            module=one.module.rpartition(".")[2] if one.module is not None and _container(one) == name else one.module,
            args=tuple(_inside(arg, given, moved) for arg in one.args),
            keywords={key: _inside(arg, given, moved) for key, arg in one.keywords.items()},
        )
        for one in part
    ]
    values = [Ref(moved[ref.operation], ref.path) for ref in returned]
    output = values[0] if len(values) == 1 else ArgumentGroup("list", tuple(values))
    results: dict[tuple[int | str, ...], Result] = {}
    for number, ref in enumerate(returned):
        path: tuple[int | str, ...] = () if len(returned) == 1 else (number,)
        results[path] = body.operations[ref.operation].results[ref.path]
    inner = ModuleBody(Region, {}, [], [], renamed, output)
    made = Operation("group", tuple(given), {}, part[0].place, name, body=inner, results=results, holds=True)
    made.single = len(returned) == 1
    made.settings = {}
    return made


def _inside(node: object, given: list[Ref], moved: dict[int, int]) -> object:
    """A node within a group: values from around it are its inputs."""
    shifted = {ref: Ref(-1, (number,)) for number, ref in enumerate(given)}
    return renumbered(node, moved, shifted)


def _replaced(body: ModuleBody, start: int, stop: int, made: Operation) -> ModuleBody:
    """The body with one operation in the place of some."""
    returned: dict[Ref, Ref] = {}
    if made.function == "group":
        after = (*body.operations[stop:], body.output)
        needed = [ref for one in after for ref in references(one) if start <= ref.operation < stop]
        for number, ref in enumerate(dict.fromkeys(needed)):
            returned[ref] = Ref(start, () if made.single else (number,))
    else:
        returned = {Ref(stop - 1): Ref(start)}
    moved = {-1: -1, **{k: k for k in range(start)}}
    moved |= {k: k - (stop - start) + 1 for k in range(stop, len(body.operations))}
    later = [
        replace(
            one,
            args=tuple(renumbered(arg, moved, returned) for arg in one.args),
            keywords={key: renumbered(arg, moved, returned) for key, arg in one.keywords.items()},
        )
        for one in body.operations[stop:]
    ]
    output = renumbered(body.output, moved, returned)
    return replace(body, operations=[*body.operations[:start], made, *later], output=output)
