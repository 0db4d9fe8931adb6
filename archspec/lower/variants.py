"""The variants of a document: named settings of its parameters, each value held against what the parameter may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from archspec import document, graph
from archspec.document import Document
from archspec.expressions import ExpressionError, literal_text
from archspec.lower._problems import Report
from archspec.lower.parameters import misfit
from archspec.problems import did_you_mean, echo
from archspec.source import Path

_NAME = re.compile(r"[A-Za-z_]\w*")


def read_variants(report: Report, spec: Document, parameters: Sequence[graph.Parameter]) -> tuple[graph.Variant, ...]:
    """The variants with their values. `parameters` are those of the document, whose types are known."""
    types = {parameter.name: parameter.type for parameter in parameters}
    found = []
    for name, variant in spec.variants.items():
        refuse_taken(report, spec, name)
        settings = dict(_settings(report, spec, types, name, variant))
        found.append(graph.Variant(name, variant.doc, settings, report.source.span(("variants", name), key=True)))
    return tuple(found)


def refuse_taken(report: Report, spec: Document, name: str) -> None:
    """A variant is a function of the generated file, beside its classes."""
    classes = (str(spec.name), *spec.blocks)
    returned = f"{name.removesuffix('Output')}" if name.endswith("Output") else None
    if name in classes or returned in classes:
        what = "the name of the network" if name == spec.name else "a block" if name in classes else ""
        what = what or f"what generated code calls the outputs of `{returned}`"
        advice = f"rename the variant, for example to `{name.lower() if name.lower() != name else name + '_1'}`"
        report.add("AS205", f"`{name}` is {what}", ("variants", name), advice, key=True)


def _settings(
    report: Report, spec: Document, types: dict[str, str], name: str, variant: document.VariantEntry
) -> Iterator[tuple[str, Any]]:
    """The values that a variant gives to parameters, by their names."""
    base: Path = ("variants", name)
    apart = report.source.value((*base, "params"))
    order = {key: place for place, key in enumerate(spec.params)}
    for key, written in sorted(variant.params.items(), key=lambda item: order.get(item[0], 0)):
        path = (*base, "params", key) if isinstance(apart, dict) and key in apart else (*base, key)
        if key not in spec.params:
            hint = did_you_mean(key, list(spec.params), "parameters") or "the spec has no parameters: declare it"
            report.add("AS208", f"the spec has no parameter {echo(key)}", path, hint, key=True)
            continue
        try:
            value = _value(report, spec, written, path, types[key])
        except ExpressionError:
            continue
        if why := "it is null" if value is None else misfit(value, spec.params[key], types[key]):
            shown = "null" if value is None else literal_text(value)
            message = f"{echo(shown)} is not a valid value for the parameter `{key}`: {why}"
            advice = "change the value, or the limits of the parameter"
            report.add("AS208", message, path, advice, related=report.declared(path, key))
            continue
        yield key, float(value) if types[key] == "float" else value


def _value(report: Report, spec: Document, written: Any, path: Path, kind: str) -> Any:
    """A value; where no text may stand, a text is an expression of numbers."""
    if isinstance(written, dict):
        message = "a mapping cannot be the value of a parameter"
        report.add("AS202", message, path, "use a single value or a list")
        raise ExpressionError("AS202", message)
    if not isinstance(written, str) or kind in ("str", "layer", "any"):
        return report.evaluate(written, path, {}, words=frozenset())[1]
    read = next((name for name in _NAME.findall(written) if name in spec.params), None)
    if read is not None:
        message = f"a variant sets values, but this one reads the parameter `{read}`"
        report.add("AS303", message, path, "write the value, or make the parameter's default an expression")
        raise ExpressionError("AS303", message)
    return report.evaluate(written, path, {})[1]
