"""What the text of a step reads, whether or not it is kept: what only a step that is left out reads is read, too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from functools import lru_cache

from archspec.document import Document, Layers, StepEntry
from archspec.expressions import ExpressionError, compile_value
from archspec.graph import names_in


def values_read(step: StepEntry) -> set[str]:
    """The names in what a step, and the steps in it, take."""
    return _names(step, _taken)


def sizes_read(step: StepEntry) -> set[str]:
    """The names in the arguments, conditions and loops of a step and of the steps in it, where only sizes may stand."""
    return _names(step, _computed)


def number_names(document: Document) -> frozenset[str]:
    """The names of numbers and sizes in a document and its blocks: generated constructors have variables for them."""
    found: set[str] = set()
    for block in (document, *document.blocks.values()):
        found |= {*block.params, *block.let}
        found |= {name for one in block.inputs.values() for size in one.axes for name in _names_in(size)}
        found |= {name for step in steps_of(block.layers) for name in _bound(step)}
    return frozenset(found)


def _bound(step: StepEntry) -> Iterator[str]:
    """The names of numbers that a step binds."""
    for size in step.shape or ():
        yield from _names_in(size)
    yield from re.findall(r"\w+", (step.for_ or "").partition(" in ")[0])


def steps_of(layers: Layers) -> Iterator[StepEntry]:
    """Every step, those in groups too."""
    for step in layers.values() if isinstance(layers, dict) else layers:
        yield step
        for inside in (step.layers, step.nested):
            yield from steps_of(inside) if inside is not None else ()


def keyed_steps(layers: Layers) -> Iterator[tuple[str | int, StepEntry]]:
    """Each step with its name, or its place in a list."""
    yield from layers.items() if isinstance(layers, dict) else enumerate(layers)


def _names(step: StepEntry, texts: Callable[[StepEntry], Iterator[object]]) -> set[str]:
    found = {name for text in texts(step) for name in _names_in(text)}
    for layers in (step.layers, step.nested):
        named = isinstance(layers, dict)
        inside = layers.values() if isinstance(layers, dict) else layers or ()
        made = {name for key in layers or () for name in re.findall(r"\w+", str(key))} if named else set[str]()
        found |= {name for one in inside for name in _names(one, texts)} - made
        found |= {name for text in _entries(step.outputs) for name in _names_in(text)} - made if named else set()
    return found


def _taken(step: StepEntry) -> Iterator[object]:
    if step.expression is not None:
        yield step.expression
    yield from _entries(step.from_)


def _computed(step: StepEntry) -> Iterator[object]:
    yield from (step.when, step.repeat, step.for_ and step.for_.partition(" in ")[2])
    yield from _entries(step.arguments)
    yield from _entries(step.init)
    yield from _entries(step.parametrize)


def _entries(value: object) -> Iterator[object]:
    yield from value.values() if isinstance(value, dict) else (value,)


def _names_in(value: object) -> Set[str]:
    if isinstance(value, str):
        return _names_of(value)
    if isinstance(value, list):
        return frozenset().union(*map(_names_in, value))
    return frozenset()


@lru_cache(maxsize=10_000)
def _names_of(text: str) -> frozenset[str]:
    """The names in an expression; a block is read once for each way in which it is used, its texts are the same."""
    try:
        return frozenset(names_in(compile_value(text)))
    except ExpressionError:
        return frozenset()
