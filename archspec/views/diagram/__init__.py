"""The architecture drawn: as SVG, as an HTML page, or as text for Mermaid and Graphviz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from archspec.graph import Graph
from archspec.problems import SpecError, did_you_mean, echo
from archspec.views.diagram.facts import Formulas
from archspec.views.diagram.following import Following
from archspec.views.diagram.model import Drawing, Scene, cut, suitable_depth, within
from archspec.views.diagram.scenes import draw
from archspec.views.diagram.stacks import labelled
from archspec.views.diagram.style import Look

if TYPE_CHECKING:
    from archspec.views.diagram.lines import SourceLines

Format = Literal["svg", "mermaid", "dot", "html"]

_MOST_BOXES = 40
"""How many boxes a drawing may have that nobody asked to be deeper."""


def diagram(
    graph: Graph,
    symbolic: Graph | None,
    files: Mapping[str, str],
    step: str | None,
    format: Format,
    depth: int | None,
    look: Look,
) -> str:
    """A network's drawing as text. `graph` has its parameters bound, `symbolic` as symbols; None where it has none.

    `files` are the texts of the spec by path, its own file first. `step` is the path of a block to draw alone. `depth`
    is how many levels are open; None: as many as make a picture that is read at a glance. ValueError where there is no
    such block, ImportError where the format needs the layout engine, and it is missing.
    """
    explanation = None
    if format in ("svg", "html"):
        from archspec.views.explain import explain  # here: text tells nothing where a pointer rests

        explanation = explain(graph, None, lambda cls, name: None)
    drawing = draw(graph, Formulas(symbolic, explanation))
    if step is not None:
        drawing = _alone(drawing, step)
    depth = suitable_depth(drawing.scene, _MOST_BOXES) if depth is None else depth
    if format == "html":
        from archspec.views.diagram.page import write_page  # here: each writer is for those who ask for it

        return write_page(drawing, depth, look.theme, files, _source(drawing, symbolic, files))
    drawing = replace(drawing, scene=cut(drawing.scene, depth))
    if format == "svg":
        from archspec.views.diagram.svg import write_svg  # here: each writer is for those who ask for it

        return write_svg(drawing, look)
    if format == "mermaid":
        from archspec.views.diagram.mermaid import write_mermaid  # here: each writer is for those who ask for it

        return write_mermaid(drawing, look)
    from archspec.views.diagram.dot import write_dot  # here: each writer is for those who ask for it

    return write_dot(drawing, look)


def following_page(graphs: tuple[Graph, Graph | None] | None, files: Mapping[str, str], following: Following) -> str:
    """The page of a spec that is being written. `files` are its texts by path; the one that is followed is one of them.

    `graphs` are the network with its parameters bound and as symbols, None where there has been none yet. ImportError
    where the layout engine is missing.
    """
    from archspec.views.diagram.page import write_page  # here: each writer is for those who ask for it
    from archspec.views.explain import explain  # here: likewise

    if graphs is None:
        return write_page(Drawing(next(iter(files)), "", 0, Scene((), ())), 0, "auto", files, None, following)
    graph, symbolic = graphs
    drawing = draw(graph, Formulas(symbolic, explain(graph, None, lambda cls, name: None)))
    depth = suitable_depth(drawing.scene, _MOST_BOXES)
    return write_page(drawing, depth, "auto", files, _source(drawing, symbolic, files), following)


def _alone(drawing: Drawing, step: str) -> Drawing:
    """One block's drawing."""
    found = within(drawing, step)
    if found is None:
        blocks = [box.path for _, box in drawing.scene.walk() if box.inside is not None]
        advice = did_you_mean(step, blocks, "blocks") or "there are no blocks"
        raise ValueError(f"no block is called {echo(step)}; {advice}")
    return replace(found, scene=labelled(found.scene))


def _source(drawing: Drawing, symbolic: Graph | None, files: Mapping[str, str]) -> SourceLines | None:
    """The source that is generated from the spec; None for a spec that none is generated from."""
    from archspec.views.diagram.lines import SourceLines  # here: jinja2 is slow to import, and pages alone need it

    if symbolic is None:
        return None
    rows = [row for _, box in drawing.scene.walk() for row in box.rows]
    try:
        return SourceLines(symbolic, "".join(files.values()), rows)
    except SpecError:
        return None
