"""Templates as a spec: the document, and its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.importer.blocks import Blocks
from archspec.importer.naming import UnwritableError
from archspec.importer.nodes import LayerName
from archspec.importer.remarks import remarks_of
from archspec.importer.settings import layer_of
from archspec.importer.steps import Steps
from archspec.importer.yaml_text import document


def render(blocks: Blocks, parameters: Mapping[str, Any], doc: str | None = None) -> str:
    """The spec of a model as YAML."""
    used = {id(one): one for one in blocks.variants}
    root = blocks.root
    top = Steps(blocks, root, set(parameters)).entries()
    entries: dict[str, Any] = {"name": root.name}
    doc = remarks_of(root.kind).doc or doc
    if doc:
        entries["doc"] = doc
    if parameters:
        entries["params"] = {name: _said(value) for name, value in parameters.items()}
    entries.update(top)
    others = [one for one in used.values() if one is not root]
    written = {}
    for variant in reversed(others):
        entry: dict[str, Any] = {}
        doc = remarks_of(variant.kind).doc
        if doc:
            entry["doc"] = doc
        if variant.parameters:
            types = {name: _type(values) for name, values in variant.parameters.items()}
            entry["params"] = dict(sorted(types.items(), key=lambda pair: isinstance(pair[1], LayerName)))
        entry.update(Steps(blocks, variant, set(variant.parameters)).entries())
        written[variant.name] = entry
    if written:
        entries["blocks"] = written
    return document(entries)


def _said(value: Any) -> Any:
    """A default as YAML has it."""
    if isinstance(value, type):
        return layer_of(value) or value.__name__
    return list(value) if isinstance(value, tuple) else value


def _type(values: tuple[Any, ...]) -> str:
    """The type of a parameter; of one that holds a layer, a default."""
    kinds = {type(one) for one in values}
    if kinds == {LayerName}:
        return LayerName(values[0])
    if kinds == {int}:
        return "int"
    for kind in (bool, str):
        if kinds == {kind}:
            return kind.__name__
    if kinds <= {int, float}:
        return "float"
    if kinds == {tuple}:
        return "list"
    raise UnwritableError(f"a parameter is of several types: {', '.join(sorted(one.__name__ for one in kinds))}")
