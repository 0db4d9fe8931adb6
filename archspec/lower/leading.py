"""Shapes that begin with `...`: their leading axes written out, for the rank at which they are used.

A leading axis has a name that no spec can write, so that it is one more free size to whoever reads the shape. The
names say how many there are: `…`, or `…1of2` and `…2of2`. Those of a block's input have its name in front, unless an
input above it has the same leading axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from archspec.dimensions import LEADING
from archspec.document import Block, InputEntry
from archspec.expressions import ExpressionError, Name, Node, compile_value
from archspec.graph import Flow
from archspec.lower.lists import any_item
from archspec.tensors import Chain, Series, TensorType

DOTS = "..."

UNNAMED = Name(f"_{LEADING}")
"""A leading axis of a step's output, in the shape that the step says."""

CHECKED = (1, 2, 3)
"""How many leading axes a document is checked with."""

_Block = TypeVar("_Block", bound=Block)


def is_open(declared: InputEntry) -> bool:
    """Whether the shape of an input begins with `...`."""
    return declared.axes[:1] == [DOTS]


def is_name(text: object) -> bool:
    """Whether a size of a shape is a leading axis."""
    return isinstance(text, str) and LEADING in text


def is_leading(node: Node) -> bool:
    """Whether that is a leading axis, as a construct."""
    return isinstance(node, Name) and is_name(node.name)


def compile_size(text: int | str) -> Node:
    """A size of a shape as a construct."""
    if text == DOTS:
        raise ExpressionError("AS302", "`...` is not the first size", "it comes first: `[..., C]`")
    return Name(text) if isinstance(text, str) and LEADING in text else compile_value(text)


def names(count: int, prefix: str = "") -> tuple[str, ...]:
    """The names of so many leading axes."""
    if count == 1:
        return (f"{prefix}{LEADING}",)
    return tuple(f"{prefix}{LEADING}{number}of{count}" for number in range(1, count + 1))


def count_in(axes: Sequence[int | str]) -> int:
    """How many axes of a shape are leading ones."""
    return sum(map(is_name, axes))


def written(axes: Sequence[int | str]) -> str:
    """A shape as the spec writes it."""
    kept = [DOTS if is_name(size) else str(size) for size in axes]
    return f"[{', '.join(kept[:1] + [b for a, b in pairwise(kept) if b != DOTS or a != DOTS])}]"


def place_of(axes: Sequence[int | str], axis: int) -> int:
    """Where the spec writes an axis of a shape."""
    count = count_in(axes)
    return max(0, axis - count + 1) if count else axis


def at_rank(document: _Block, count: int) -> _Block:
    """A document with so many leading axes, the same for all its inputs."""
    return _with(document, dict.fromkeys(_open(document), names(count)))


def count_given(document: Block, sizes: Mapping[str, Sequence[int]]) -> int | None:
    """How many leading axes the sizes that a caller gives have; None where they give none."""
    given = (len(sizes[name]) - len(one.axes) + 1 for name, one in _open(document).items() if name in sizes)
    return max(0, max(given)) if any(name in sizes for name in _open(document)) else None


def has_any_rank(document: Block) -> bool:
    """Whether an input of a document or block takes any rank."""
    return bool(_open(document))


def for_types(block: _Block, types: Mapping[str, Flow]) -> _Block:
    """A block for what flows into it; one leading axis where nothing does. What has too few axes stays as it is."""
    found: dict[str, tuple[str, ...]] = {}
    leads: dict[str, tuple[object, ...]] = {}
    for name, declared in _open(block).items():
        flow = _tensor(types.get(name))
        count = 1 if flow is None else flow.rank - len(declared.axes) + 1
        if count < 0:
            continue
        lead = flow.shape[:count] if flow is not None else (name,)
        same = next((one for one, other in leads.items() if other == lead), None)
        leads[name] = lead
        found[name] = found[same] if same is not None else names(count, name)
    return _with(block, found)


def key_of(block: Block) -> tuple[tuple[str, ...], ...]:
    """What tells the readings of one block at several ranks apart."""
    found = (tuple(str(size) for size in one.axes if is_name(size)) for one in block.inputs.values())
    return tuple(found) if any(map(count_in, (one.axes for one in block.inputs.values()))) else ()


def _open(block: Block) -> dict[str, InputEntry]:
    return {name: declared for name, declared in block.inputs.items() if is_open(declared)}


def _tensor(flow: Flow | None) -> TensorType | None:
    """A tensor that says how many axes an input has: of a list its first one."""
    if isinstance(flow, Series):
        return _tensor(any_item(flow, "it is that of one item of a list"))
    if isinstance(flow, Chain):
        return next((tensor for part in flow.parts if (tensor := _tensor(part)) is not None), None)
    if isinstance(flow, tuple):
        return next((item for item in flow if isinstance(item, TensorType)), None)
    return flow


def _with(block: _Block, found: Mapping[str, tuple[str, ...]]) -> _Block:
    if not found:
        return block
    inputs = {name: _at(one, found[name]) if name in found else one for name, one in block.inputs.items()}
    return block.model_copy(update={"inputs": inputs})


def _at(declared: InputEntry, leading: tuple[str, ...]) -> InputEntry:
    key = "shape" if declared.list_ is None else "list_"
    return declared.model_copy(update={key: [*leading, *declared.axes[1:]]})
