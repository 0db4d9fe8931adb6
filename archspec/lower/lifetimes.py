"""How long a constructor's names hold their values: which variables may share a name, and what is read too early."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from archspec.graph import Call, Class, Item, Loop, Step, names_in, size_names, walk
from archspec.lower.carried import Locals, Origin
from archspec.lower.names import constructor_reads, item_reads


class Event(NamedTuple):
    """A constructor reads a name, or gives it a value; a loop `begins` its variables with one."""

    kind: Literal["reads", "sets", "begins"]
    name: str
    by: Item | Step


def succeeding(cls: Class, variables: Locals) -> Iterator[Origin]:
    """The variables whose predecessor nothing reads once they have begun with its value.

    `cls` has been read with variables of its own for each loop; its output is in terms of them.
    """
    events = list(_events(cls))
    last_read = {event.name: place for place, event in enumerate(events) if event.kind == "reads"}
    begun = {event.name: place for place, event in enumerate(events) if event.kind == "begins"}
    returned = size_names(cls.output)
    for name, (origin, before) in variables.begins.items():
        if name in begun and before not in returned and last_read[before] < begun[name]:
            yield origin


def read_too_early(cls: Class) -> Iterator[Event]:
    """What reads a name that has no value where it stands in the constructor."""
    known = {parameter.name for parameter in cls.parameters} | {name for name, _ in cls.let}
    dead = {c.name for item in walk(cls.children()) if isinstance(item, Loop) for c in item.carried}
    dead -= constructor_reads(cls)
    for event in _events(cls, dead):
        if event.kind != "reads":
            known.add(event.name)
        elif event.name not in known:
            yield event


def _events(cls: Class, dead: Collection[str] = ()) -> Iterator[Event]:
    """What a class's constructor reads and sets, in its order; nothing of variables that are `dead`."""
    for item in cls.items:
        yield from _item_events(item, dead)
    for step in cls.registered():
        if step.kind in ("parameter", "buffer"):
            yield from (Event("reads", name, step) for name in sorted(names_in(step.arguments[0][1])))
            yield Event("sets", step.name, step)
        elif step.item is not None:
            yield from _item_events(step.item, dead)
            if isinstance(step.item, Call) and isinstance(step.item.layer, Class):
                exports = step.item.layer.exports
                yield from (Event("sets", attribute_of(step.attribute, export.name), step) for export in exports)

    for export in cls.exports:
        if export.used:
            yield from (
                Event("reads", name, cls.steps[-1] if cls.steps else cls.items[-1]) for name in size_names(export.size)
            )


def attribute_of(step: str, export: str) -> str:
    """How a constructor reads a size that one of its modules holds."""
    return f"self.{step}.{export}"


def exports_read(cls: Class) -> set[tuple[str, str]]:
    """The attributes of blocks that the constructor reads: each a block's name and an attribute of it."""
    read = {event.name for event in _events(cls) if event.kind == "reads"}
    found = set()
    for step in cls.written():
        if isinstance(step.item, Call) and isinstance(step.item.layer, Class):
            block = step.item.layer
            found |= {(block.name, one.name) for one in block.exports if attribute_of(step.attribute, one.name) in read}
    return found


def _item_events(item: Item, dead: Collection[str]) -> Iterator[Event]:
    yield from (Event("reads", name, item) for name in sorted(item_reads(item)))
    if isinstance(item, Call):
        return
    live = [one for one in item.carried if one.name not in dead] if isinstance(item, Loop) else []
    if isinstance(item, Loop):
        yield from (Event("sets", name, item) for name in sorted(names_in(item.target)))
    for carried in live:
        if carried.initial is not None:
            yield from (Event("reads", name, item) for name in sorted(size_names(carried.initial)))
            yield Event("begins", carried.name, item)
    for inner in item.items:
        yield from _item_events(inner, dead)
    for carried in live:
        yield from (Event("reads", name, item) for name in sorted(size_names(carried.update)))
