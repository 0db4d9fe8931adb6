"""The names that a block computes by `let:` and has as sizes of its inputs: what flows in says no such name."""

from __future__ import annotations

from archspec.document import Block, Document, InputEntry
from archspec.expressions import ExpressionError, Node, compile_value, replaced
from archspec.lower.inputs import size_names
from archspec.lower.leading import compile_size


def spelled_out(document: Document) -> Document:
    """The document with what such names are computed from in their place: `[N, dim // 2]` for `[N, half]`."""
    blocks = {name: _spelled_out(block) for name, block in document.blocks.items()}
    changed = any(blocks[name] is not block for name, block in document.blocks.items())
    return document.model_copy(update={"blocks": blocks}) if changed else document


def _spelled_out(block: Block) -> Block:
    read = {name for one in block.inputs.values() for name in size_names(one.axes)}
    if not read & block.let.keys():
        return block
    computed: dict[str, Node] = {}
    for name, value in block.let.items():
        try:
            computed[name] = replaced(compile_value(value), computed)
        except ExpressionError:
            continue  # it is reported where it is computed
    inputs = {name: _with_sizes(one, computed) for name, one in block.inputs.items()}
    return block.model_copy(update={"inputs": inputs})


def _with_sizes(declared: InputEntry, computed: dict[str, Node]) -> InputEntry:
    axes = [
        replaced(compile_size(size), computed).text if size_names([size]) & computed.keys() else size
        for size in declared.axes
    ]
    return declared.model_copy(update={"shape" if declared.list_ is None else "list_": axes})
