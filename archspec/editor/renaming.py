"""Another name for what a place names, at its definition and at all uses; only where nothing else changes by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from archspec.analysis import Analysis, Name, analyse
from archspec.document.imports import Files
from archspec.editor.names import named
from archspec.graph import Call, Graph
from archspec.layers import Layer
from archspec.problems import Edit, Span, echo
from archspec.problems.fixing import apply
from archspec.source import Entries, Source
from archspec.source.tree import Extent
from archspec.tensors import flow_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class RenamingError(Exception):
    """Why something cannot be renamed."""


def renamed_at(analysis: Analysis, line: int, column: int) -> tuple[Name, Span]:
    """What would be renamed at a place, counted from 0 in characters; RefusedError where nothing could be."""
    found = [one for one in named(analysis, line, column) if one.kind not in ("import", "variant")]
    if not found:
        raise RenamingError("there is no name of this spec here")
    if not analysis.sound or analysis.graph is None:
        raise RenamingError("fix the errors of the spec first: the meaning of a name may not be known")
    # `Block: {width}` names what is here, and the block's parameter: who renames here means the former.
    name = max(found, key=lambda one: (one.kind != "parameter" or not _is_elsewhere(one, found), len(one.scope)))
    spans = (name.definition, *name.uses)
    here = next(span for span in spans if span.line == line + 1 and span.column <= column + 1 <= span.end_column)
    return name, here


def _is_elsewhere(name: Name, others: list[Name]) -> bool:
    return any(other is not name and other.scope != name.scope for other in others) and bool(name.scope)


def rename(analysis: Analysis, line: int, column: int, new: str, files: Files) -> list[Edit]:
    """The edits that rename what is at a place; RefusedError where more than names would change."""
    name, _ = renamed_at(analysis, line, column)
    if not _NAME.fullmatch(new):
        raise RenamingError(
            f"{echo(new)} is not a valid name: use ASCII letters, digits and `_`, beginning with a letter"
        )
    edits = list(_edits(analysis, name, new))
    text = apply(analysis.text, edits)
    after = analyse(text, analysis.name, files=files)
    if not after.sound or after.graph is None:
        wrong = next((one.message for one in after.problems if one.severity == "error"), "it cannot be read")
        raise RenamingError(f"with {echo(new)} the spec would have an error: {wrong}")
    assert analysis.graph is not None
    if _wiring(analysis, name.name, new) != _wiring(after, name.name, new) or _modules(
        analysis.graph, name.name, new
    ) != _modules(after.graph, name.name, new):
        raise RenamingError(f"{echo(new)} would change more than a name: it is taken, or its type depends on it")
    return edits


def _edits(analysis: Analysis, name: Name, new: str) -> Iterator[Edit]:
    """A change at each place; an argument with nothing after it keeps its own name or its value."""
    assert analysis.sources is not None
    bare = dict(bare_keys(analysis.sources.main))
    for span in (name.definition, *name.uses):
        if span not in bare:
            yield Edit(span, new)
            continue
        layer, whole = bare[span]
        is_argument = name.kind == "parameter" and name.scope == layer
        yield Edit(whole, f"{new}: {name.name}" if is_argument else f"{name.name}: {new}")


def bare_keys(source: Source) -> Iterator[tuple[Span, tuple[str, Span]]]:
    """The keys with nothing after them: where each is, the key above, and the place with its colon, if it has one."""

    def visit(data: Any, node: Extent, above: str) -> Iterator[tuple[Span, tuple[str, Span]]]:
        if isinstance(data, dict) and node.keys is not None:
            for key, value in data.items():
                if isinstance(data, Entries) and key in data.bare:
                    start, end = node.keys[key]
                    colon = end + 1 if source.text[end : end + 1] == ":" else end
                    yield source.place(start, end), (above, source.place(start, colon))
                elif key in node.children:
                    yield from visit(value, node.children[key], key)
        elif isinstance(data, list) and isinstance(node.children, list):
            for value, child in zip(data, node.children, strict=False):
                yield from visit(value, child, above)

    return visit(source.data, source.root, "")


def _wiring(analysis: Analysis, old: str, new: str) -> list[tuple[str, str, list[int]]]:
    """What each name is and on which lines it is read, where the old name and the new one are one."""

    def one(name: str) -> str:
        return ".".join(new if part == old else part for part in name.split("."))

    found = ((one(n.scope), one(n.name), [n.definition.line, *(use.line for use in n.uses)]) for n in analysis.names)
    return sorted(found)


def _modules(graph: Graph, old: str, new: str) -> list[str]:
    """The modules of a network and what each gives, where the old name and the new one are one."""

    def told() -> Iterator[str]:
        for _, item in graph.modules():
            values = ""
            if isinstance(item, Call) and isinstance(item.layer, Layer):
                values = ", ".join(f"{one.name}={one.value}" for one in item.arguments)
            kind = item.type_name if isinstance(item, Call) else type(item).__name__
            yield f"{kind}({values}) -> {flow_text(item.output)}"

    word = re.compile(rf"\b{re.escape(old)}\b")
    return [word.sub(new, line) for line in told()]
