"""The name at a place; where it is defined and read, in a block of another file, too."""

from __future__ import annotations

from archspec.analysis import Analysis, Name
from archspec.editor.places import holds
from archspec.problems import Span


def named(analysis: Analysis, line: int, column: int) -> list[Name]:
    """The names that a place, counted from 0 in characters, is of. An argument such as `{width}` is of two."""
    return [one for one in analysis.names if any(holds(span, line, column) for span in (one.definition, *one.uses))]


def definitions(analysis: Analysis, line: int, column: int) -> list[Span]:
    """Where the names at a place are defined: of an imported block in its own file."""
    found = []
    for one in named(analysis, line, column):
        imported = imported_block(analysis, one.name) if one.kind == "import" else None
        found.append(imported if imported is not None else one.definition)
    return found


def imported_block(analysis: Analysis, name: str) -> Span | None:
    """Where an imported block is defined."""
    if analysis.sources is None or analysis.document is None or name not in analysis.document.blocks:
        return None
    span = analysis.sources.span(("blocks", name), key=True)
    return span if span.path != analysis.name else None


def references(analysis: Analysis, line: int, column: int) -> list[Span]:
    """Where the names at a place are defined and read."""
    return [span for one in named(analysis, line, column) for span in (one.definition, *one.uses)]


def uses_of_block(importer: Analysis, path: str, name: str) -> list[Span]:
    """Where a document reads a block of another file, which it imports."""
    block = imported_block(importer, name)
    if block is None or block.path != path:
        return []
    found = (one for one in importer.names if one.kind == "import" and one.name == name)
    return [span for one in found for span in (one.definition, *one.uses)]
