"""What there is to say of a place: the shapes that a step gives and how they came about, a layer, a name, a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from archspec.analysis import Analysis, Name, Step
from archspec.editor.names import named
from archspec.editor.places import Lines
from archspec.editor.shapes import flow_text, outermost
from archspec.problems import Span
from archspec.views import catalogue
from archspec.views.explain import explain

_WORD = re.compile(r"[A-Za-z_][\w.]*")
_MOST = 4
"""So many uses of one line are told."""
_LONGEST = 6_000
"""So many characters are shown at most."""


def hover(analysis: Analysis, lines: Lines, line: int, column: int) -> str:
    """Markdown for a place, counted from 0 in characters; empty where there is nothing to say."""
    parts = [*_names(analysis, lines, line, column), *_steps(analysis, line + 1), *_entry(lines[line], column)]
    text = "\n\n---\n\n".join(filter(None, parts))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _names(analysis: Analysis, lines: Lines, line: int, column: int) -> Iterator[str]:
    for one in named(analysis, line, column):
        if one.kind in ("step", "block", "import") and one.definition.line == line + 1:
            continue  # its own line tells
        yield f"{what(one)}\n\n```yaml\n{lines[one.definition.line - 1].strip()}\n```"


def what(name: Name) -> str:
    """What a name is, in words."""
    of = f" of `{name.scope}`" if name.scope else ""
    words = {"computed": "computed by `let`", "size": "a size of an input", "loop": "bound by a loop"}
    kind = words.get(name.kind) or f"{'an' if name.kind[0] in 'aeiou' else 'a'} {name.kind}"
    return f"`{name.name}`: {kind}{of}"


def _steps(analysis: Analysis, line: int) -> Iterator[str]:
    """The steps that begin on a line: how their sizes came about where the spec is right, else their shapes."""
    steps = outermost(list(analysis.at(line)))
    if len(steps) == 1 and analysis.sound and analysis.graph is not None and not steps[0].stale:
        yield explained(analysis, steps[0])
        return
    for step in steps[:_MOST]:
        told = " (of the text as it was before)" if step.stale else ""
        yield f"`{step.path}` gives `{flow_text(step.shape, step.dtype)}`{told}"
    if len(steps) > _MOST:
        yield f"and {len(steps) - _MOST} more uses"


def explained(analysis: Analysis, step: Step) -> str:
    """How the sizes of a step came about, without what is in it."""
    assert analysis.graph is not None
    found = explain(analysis.graph, step.path, lambda cls, name: _let(analysis, cls, name))
    return replace(found, steps=found.steps[:1]).markdown()


def _let(analysis: Analysis, cls: str, name: str) -> Span | None:
    """Where a class computes a name by `let`."""
    for one in analysis.names:
        if one.kind == "computed" and one.name == name and one.scope in ("", cls):
            return one.definition
    return None


def _entry(line: str, column: int) -> Iterator[str]:
    """What the catalogue says of the layer or function that is named at a place."""
    for match in _WORD.finditer(line):
        if match.start() <= column <= match.end():
            called = line[match.end() :].lstrip().startswith("(")
            if (match[0][:1].isupper() or called or "." in match[0]) and (entry := catalogue.entry(match[0])):
                yield catalogue.markdown(entry)
