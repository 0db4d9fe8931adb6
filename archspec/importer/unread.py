"""What no step of a block reads once its sizes have expressions: values, and inputs that gave only a dtype."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archspec.importer.grouping import renumbered
from archspec.importer.nodes import ModuleBody, Ref
from archspec.importer.templates import BlockTemplate, holes, references_in

_NAME = re.compile(r"[A-Za-z_]\w*")


def without_unread_values(body: ModuleBody) -> ModuleBody:
    """A template without the functions whose results nobody reads."""
    read = {ref.operation for ref in references_in(body.output)}
    for index in reversed(range(len(body.operations))):
        one = body.operations[index]
        if getattr(one, "module", "loop") is not None or index in read:
            read |= {index, *(ref.operation for ref in references_in(one))}
    live = [index for index in range(len(body.operations)) if index in read]
    if len(live) == len(body.operations):
        return body
    moved = {-1: -1, **{old: new for new, old in enumerate(live)}}
    kept = replace(body, operations=[body.operations[index] for index in live])
    return _renumbered(kept, moved, {})


def drop_unread_inputs(variant: BlockTemplate) -> None:
    """Takes inputs from a block that it reads neither as values nor for their sizes."""
    body = variant.template
    assert body is not None
    nodes = (*body.operations, body.output)
    read = {ref.path[0] for node in nodes for ref in references_in(node) if ref.operation == -1}
    words = {word for hole, _ in holes(body) for word in _NAME.findall(hole.text)}
    unread: list[int] = []
    for number, axes in enumerate(variant.axes):
        others = [other for k, other in enumerate(variant.axes) if k != number and k not in unread]
        needed = {str(axis) for axis in axes} & words - {str(axis) for other in others for axis in other}
        if number not in read and not needed and others:
            unread.append(number)
    if not unread:
        return
    kept = [number for number in range(len(variant.axes)) if number not in unread]
    moved = {index: index for index in range(-1, len(body.operations))}
    renamed = {Ref(-1, (old,)): Ref(-1, (new,)) for new, old in enumerate(kept)}
    fewer = _renumbered(body, moved, renamed)
    variant.template = replace(fewer, names=[body.names[k] for k in kept], inputs=[body.inputs[k] for k in kept])
    variant.axes = [variant.axes[k] for k in kept]
    variant.unread = frozenset(unread)


def _renumbered(body: ModuleBody, moved: Mapping[int, int], renamed: Mapping[Ref, Ref]) -> ModuleBody:
    operations: list[Any] = [
        replace(
            one,
            args=tuple(renumbered(arg, moved, renamed) for arg in one.args),
            keywords={key: renumbered(arg, moved, renamed) for key, arg in one.keywords.items()},
        )
        for one in body.operations
    ]
    return replace(body, operations=operations, output=renumbered(body.output, moved, renamed))
