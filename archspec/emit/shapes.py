"""Shapes as comments and docstrings have them: `(N, 64, H/4, W/4)`."""

from __future__ import annotations

import re
from collections.abc import Collection

from archspec import dimensions
from archspec.dimensions import PRODUCT, Dimension, Quotient, Size, show
from archspec.graph import Call, Flow, Item, Step, free_symbols, size_names
from archspec.layers import Layer
from archspec.tensors import ListType, Series, TensorType

_LONGEST = 48
"""A shape that takes more to write is no help."""


def shape_comment(flow: Flow | None, hidden: Collection[str] = ()) -> str:
    """The shape of a tensor, where it is short enough to teach something; `hidden` names mean nothing to a reader."""
    text = shape_text(flow, hidden) if isinstance(flow, TensorType) else ""
    return "" if len(text) > _LONGEST or re.search(r"\b(max|min)\(", text) else text  # nobody would write those


def shape_text(flow: Flow | None, hidden: Collection[str] = ()) -> str:
    """A type in words: a tensor's shape and, where it is none of float32, its dtype. Empty where a part has none."""
    if isinstance(flow, TensorType):
        sizes = _collapsed([size_text(size, hidden) for size in flow.shape])
        inside = f"{sizes[0]}," if len(sizes) == 1 else ", ".join(sizes)
        return "" if not all(sizes) else f"({inside})" + ("" if flow.dtype == "float32" else f" {flow.dtype}")
    if isinstance(flow, Series):
        item = shape_text(flow.item, {*hidden, flow.index})
        return f"list of {item}" if item else ""
    parts = [shape_text(part, hidden) for part in (flow if isinstance(flow, tuple) else ())]
    text = ", ".join(parts) if all(parts) else ""
    return f"[{text}]" if isinstance(flow, ListType) and text else text


def _collapsed(sizes: list[str]) -> list[str]:
    """The sizes with all axes that `...` stands for as that; without a text where only some of them are there.

    Any other size that is made of one has none either: at another rank it is another one.
    """
    first = re.fullmatch(r"(\w*)\.\.\.(?:1of(\d+))?", sizes[0]) if sizes else None
    if first is not None:
        prefix, count = first[1], int(first[2] or 1)
        numbers = [f"{number}of{count}" for number in range(1, count + 1)] if first[2] else [""]
        if sizes[:count] == [f"{prefix}...{number}" for number in numbers]:
            return ["...", *("" if "..." in size else size for size in sizes[count:])]
    return ["" if "..." in size else size for size in sizes]


def size_text(size: Size, hidden: Collection[str] = ()) -> str:
    """A size as people write it: `H/32` for what strides make of H. Empty where that takes arithmetic to read."""
    text = show(size)
    if isinstance(size, int) or "//" not in text:
        return "" if "?" in text or "self." in text or size_names(size) & set(hidden) else text
    short = text if text.count("//") == 1 and "+" not in text and "-" not in text else ""
    return _fraction(size) or ("" if size_names(size) & set(hidden) else short)


def _fraction(size: Dimension) -> str:
    """`H/32` for `(H + 31) // 32`: what a size is where nothing is left over."""
    quotients = [atom for atom in dimensions.atoms(size) if isinstance(atom, Quotient)]
    free = sorted(symbol.text for symbol in dimensions.symbols(size) if symbol.free)
    if len(quotients) != 1 or len(free) != 1:
        return ""
    name, divisor = free[0], quotients[0].denominator
    whole = dimensions.symbol(name, free=True)
    exact = dimensions.equal(dimensions.substitute(size, {name: whole * divisor}), whole)
    return f"{name}/{show(divisor, PRODUCT + 1)}" if exact else ""


def step_reshapes(step: Step) -> bool:
    """Whether a step gives its input another shape, be it of a module in more than the channels."""
    if step.kind == "compute":
        return bool(step.inputs) and step.inputs[0] != step.output
    item = step.item if step.item is not None else step.again
    return item is not None and item_reshapes(item)


def item_reshapes(item: Item) -> bool:
    """Whether more than the channels is changed by a module: how many axes there are, or one along which it slides."""
    before, after = item.inputs[0] if item.inputs else None, item.output
    if not isinstance(before, TensorType) or not isinstance(after, TensorType):
        return False
    if before.rank != after.rank:
        return True
    layer = item.layer if isinstance(item, Call) else None
    channels = before.rank - 1 - layer.spatial if isinstance(layer, Layer) else None
    pairs = [pair for axis, pair in enumerate(zip(before.shape, after.shape, strict=True)) if axis != channels]
    changed = [(a, b) for a, b in pairs if a != b]
    return len(changed) > (channels is None) or any(free_symbols(a) or free_symbols(b) for a, b in changed)
