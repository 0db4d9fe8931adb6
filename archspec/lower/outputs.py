"""What a class returns, and the values that nobody reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.expressions import ExpressionError
from archspec.graph import Flow, Outputs
from archspec.lower.frames import Frame, UnknownTypeError, Value
from archspec.lower.value_expressions import ExpressionReader
from archspec.problems import Problem, Related, Span, echo
from archspec.source import Path
from archspec.tensors import Chain, Series, TensorType, flow_text


def last_output(frame: Frame, last: Value | None, path: Path) -> tuple[Outputs, Flow | None]:
    """What a class without `outputs:` returns: the value of its last step, which stands at `path`."""
    if last is None:
        name = str(path[-1])
        advice = f"name what is returned: `outputs: [{name}]`, or one of them"
        frame.report.add("AS203", "the last step has no single value to return", path, advice, key=True)
        return Outputs(()), None
    last.read = True
    label = f"`{last.node.text}`"
    if last.optional:
        message, advice = f"{label} may be left out, and is None then", "return a value that is always available"
        frame.report.add("AS511", message, path, advice, key=True)
    require_tensor(frame, last.type, label, path)
    return Outputs((last.node,)), last.type


def read_outputs(expressions: ExpressionReader, written: Any, path: Path) -> tuple[Outputs, Flow | None]:
    """What `outputs:` says that a class returns."""
    names: tuple[str, ...] = ()
    if isinstance(written, str):
        pairs = [(path, written)]
    elif isinstance(written, list):
        pairs = [((*path, index), text) for index, text in enumerate(written)]
    else:
        names = tuple(written)
        pairs = [((*path, key), text) for key, text in written.items()]
    expressions.names.macs = 0
    try:
        read = [expressions.read(text, where) for where, text in pairs]
    except (ExpressionError, UnknownTypeError):
        return Outputs(()), None
    single = isinstance(written, str)
    types = tuple(flow for _, flow in read)
    for (where, text), flow in zip(pairs, types, strict=True):
        require_tensor(expressions.frame, flow, echo(text), where)
    nodes = tuple(node for node, _ in read)
    spans = tuple(expressions.frame.span(where) for where, _ in pairs)
    return Outputs(nodes, names, single, expressions.names.macs, spans), types[0] if single else types


def require_tensor(frame: Frame, flow: Flow | None, label: str, path: Path) -> None:
    """What a class returns is a tensor, or tuples of them: a number is none."""
    if not _of_tensors(flow):
        message = f"{label} is returned, but it is {flow_text(flow)}, no tensor"
        frame.report.add("AS502", message, path, "return a tensor; write numbers where they are used")


def report_unread(frame: Frame, passed_over: Mapping[str, Related]) -> None:
    """Reports values that nobody reads, which is how a forgotten `from:` shows.

    `passed_over` are the steps that leave the value above them, by its name.
    """
    if any(value.type is None for value in frame.values.values()):
        return
    by_span: dict[Span, list[Value]] = {}
    for value in frame.values.values():
        by_span.setdefault(value.span, []).append(value)
    for span, values in by_span.items():
        if not any(value.read or value.node.text in frame.tied for value in values):
            if frame.entry is not None and values[0] is next(iter(frame.values.values())):
                message = "no step of this group uses its input"
                advice = "a step without `from:` takes it; in every round, names mean the values around the group"
                frame.report.add_at("AS509", message, frame.entry.span, advice)
                continue
            names = " and ".join(f"`{value.node.text}`" for value in values)
            message = f"{names} {'are' if len(values) > 1 else 'is'} never used"
            if isinstance(values[0].type, TensorType):
                message += f"; {'they are' if len(values) > 1 else 'it is'} {values[0].type}"
            advice = "use it in a later step, with `from:` or in an expression; otherwise remove it"
            passed = passed_over.get(values[0].node.text)
            related = (passed,) if passed is not None else ()
            if values[0].held:
                frame.report.doubts.setdefault(span, Problem("AS509", message, span, advice, "warning", related))
            else:
                frame.report.add_at("AS509", message, span, advice, related=related)


def _of_tensors(flow: Flow | None) -> bool:
    """Whether a value is a tensor, or (nested) tuples of them; None is one whose type is not known."""
    if isinstance(flow, tuple):
        return all(map(_of_tensors, flow))
    if isinstance(flow, Series | Chain):
        return all(map(_of_tensors, (flow.item,) if isinstance(flow, Series) else flow.parts))
    return flow is None or isinstance(flow, TensorType)
