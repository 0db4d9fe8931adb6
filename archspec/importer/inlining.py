"""Which values of a body may stand in the expression that reads them."""

from __future__ import annotations

from archspec.importer.grouping import Region, reads_of
from archspec.importer.nodes import ModuleBody, Operation
from archspec.importer.templates import LoopTemplate
from archspec.storage import RANDOM


def is_next(body: ModuleBody, index: int) -> bool:
    """Whether nothing between a function and what reads it keeps the two from being one expression."""
    following = body.operations[index + 1 :]
    reader = next((k for k, call in enumerate(following) if index in set(reads_of(call))), None)
    if reader is None:
        return False
    between, reading = following[:reader], following[reader]
    if body.operations[index].function in RANDOM and between:
        return False
    if any(not isinstance(call, Operation) or call.module is not None for call in between):
        return False
    return not isinstance(reading, LoopTemplate) and (reading.body is None or reading.body.kind is not Region)


def again(body: ModuleBody, name: str) -> bool:
    """Whether a variable of that name holds several values, one after the other."""
    results = [one.results for one in body.operations if isinstance(one, Operation)]
    return sum(() in one and one[()].name == name for one in results) > 1
