"""Lints: what a spec may say, and hardly means. Each has a code, a reason, and a way to be silenced.

A lint reads the graph with its parameters bound, and the document. It is one function; `LINTS` has them all.
Knows nothing of YAML, of projects or of the command line.
"""

from __future__ import annotations

from collections.abc import Collection

from archspec.document import Document
from archspec.document.imports import Sources
from archspec.graph import Graph
from archspec.lints import (
    arguments,
    axes,
    constants,
    dtypes,
    initial,
    memory,
    modes,
    neighbours,
    precedence,
    scores,
    sizes,
    unread,
)
from archspec.lints._base import Beyond, Finding, Lint, Subject
from archspec.lints.places import steps
from archspec.lints.silence import Silence, loud, silences
from archspec.lints.wiring import Wiring
from archspec.problems import Problem, Span, in_file_order

__all__ = ["LINTS", "Beyond", "Lint", "warnings"]

NOTHING_BEYOND = Beyond()

LINTS: dict[str, Lint] = {
    lint.code: lint
    for family in (
        *(scores, neighbours, sizes, unread, constants, memory, arguments, modes, axes, precedence, dtypes),
        initial,
    )
    for lint in vars(family).values()
    if isinstance(lint, Lint)
}
"""Every lint by its code."""


def warnings(
    graph: Graph,
    document: Document,
    sources: Sources,
    beyond: Beyond = NOTHING_BEYOND,
    *,
    ignore: Collection[str] = (),
    by_default: bool = True,
) -> list[Problem]:
    """What hardly is as it is meant, in a network without errors and with loops unrolled; each place once.

    `beyond` is what others have found in it.
    `ignore` are codes that the caller does not want to hear of. `by_default` says that the parameters have the values
    that the spec gives them. With others, or where steps are kept on a condition, an `ignore` may be for what only
    shows otherwise.
    """
    subject = Subject(Wiring(graph), document, sources, beyond)
    found: dict[tuple[str, Span], Problem] = {}  # a block used in several ways is told of once
    for code, lint in LINTS.items():
        for finding in lint.find(subject):
            found.setdefault((code, finding.span), _problem(code, finding))
    subject.wiring.release()
    written = silences(document, sources)
    heard, idle = loud(found.values(), written)
    if idle and by_default and all(step.when is None for _, step in steps(document)):
        heard += loud(map(_silences_nothing, idle), [one for one in written if one.code == "AS700"])[0]
    return in_file_order(problem for problem in heard if problem.code not in ignore)


def _problem(code: str, finding: Finding) -> Problem:
    place = "beside it" if finding.beside else "at the top of the spec or block"
    advice = f"{finding.help}; if this is intended, write {finding.explicit}`ignore: {{{code}: why}}` {place}"
    return Problem(code, finding.message, finding.span, advice, "warning", finding.related)


def _silences_nothing(idle: Silence) -> Problem:
    return Problem("AS700", f"{idle.code} is ignored, but does not occur here", idle.span, "remove it", "warning")
