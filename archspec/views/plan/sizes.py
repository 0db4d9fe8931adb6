"""Sizes of the inputs: what the caller says, the batch, and examples for the free sizes that are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec import dimensions
from archspec.graph import Class
from archspec.tensors import INTEGERS
from archspec.views.summary.rows import batch as batch_names

TEXT, IMAGE, SOUND = 1024, 224, 16384
"""Examples of a free size, if none is said: places of a text, of an image's side, of a sound."""


def candidates(
    main: Class, given: Mapping[str, Sequence[int]], batch: int
) -> Iterator[tuple[dict[str, tuple[int, ...]], dict[str, int]]]:
    """Sizes for all inputs that are not given, best first, and the free sizes in them that are examples."""
    words = any(value.tensor.dtype in INTEGERS for value in main.inputs)
    for example in (TEXT, IMAGE, SOUND) if words else (IMAGE, TEXT, SOUND):
        sizes = dict.fromkeys(batch_names(main.inputs), batch)
        assumed: dict[str, int] = {}
        for value in main.inputs:
            if value.name not in given:
                _assume(value.tensor.shape, example, sizes, assumed)
        known = sizes | assumed
        found = {
            value.name: tuple(dimensions.substitute(size, known) for size in value.tensor.shape)
            for value in main.inputs
            if value.name not in given and not value.optional
        }
        whole = {name: numbers for name, shape in found.items() if (numbers := _whole(shape))}
        yield {**whole, **{name: tuple(shape) for name, shape in given.items()}}, assumed


def _assume(shape: Sequence[dimensions.Size], example: int, sizes: Mapping[str, int], assumed: dict[str, int]) -> None:
    """An example for each free name such that its axis is about that long."""
    for axis in shape:
        names = {symbol.text for symbol in dimensions.symbols(axis)} - sizes.keys()
        for name in sorted(names):
            factor = dimensions.evaluate(axis, {**sizes, **assumed, name: 1}) if len(names) == 1 else 1
            assumed.setdefault(name, max(1, example // max(1, factor)))


def _whole(shape: Sequence[dimensions.Size]) -> tuple[int, ...]:
    """The sizes as numbers; none where one of them is not known."""
    known = tuple(int(size) for size in shape if isinstance(size, int) and size > 0)
    return known if len(known) == len(shape) else ()
