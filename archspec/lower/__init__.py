"""Document -> Graph, or all its problems.

The same rules run in two ways: with the parameters bound to values and loops unrolled, which is the check; and with
parameters as symbols and loops kept as loops, which is what source is generated from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archspec.document import Document
from archspec.graph import Class, Graph
from archspec.lower._problems import Report
from archspec.lower.parameters import bind, compute_let, read_inputs
from archspec.lower.steps import Steps
from archspec.problems import SpecError
from archspec.source import Source

__all__ = ["lower"]


def lower(
    source: Source,
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    symbolic: bool = False,
) -> Graph:
    """The graph of a document; SpecError with every problem found.

    `params` gives parameters values other than their defaults, `inputs` gives inputs their sizes.
    With `symbolic` the parameters stay symbols and the loops loops.
    """
    report = Report(source)
    parameters, scope = bind(report, document, params or {}, symbolic)
    let = compute_let(report, document.let, scope)
    input_types = read_inputs(report, document, scope, inputs or {}, symbolic)
    steps = Steps(report, document, scope, unroll=not symbolic)
    items, output = steps.of_document(input_types)
    if report.problems:
        raise SpecError(report.problems)
    main = Class(
        name=class_name(source, document),
        doc=document.doc,
        parameters=parameters,
        let=let,
        inputs=input_types,
        items=items,
        output=output,
        sequential=isinstance(document.layers, list),
    )
    return Graph(source.path, main)


def class_name(source: Source, document: Document) -> str:
    """The name of the class: the document's, or the file's in CamelCase."""
    if document.name is not None:
        return document.name
    stem = source.path.replace("\\", "/").rpartition("/")[2].split(".")[0]
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in stem).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Model{name}"
