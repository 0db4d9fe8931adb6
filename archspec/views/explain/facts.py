"""What there is to tell of a network's sizes: step by step, as records, and as data for programs.

Knows nothing of how it was found out, or of how people read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.graph import Flow
from archspec.problems import Span
from archspec.tensors import TensorType
from archspec.views.explain.histories import Definition, History
from archspec.views.explain.links import inputs_of
from archspec.views.explain.origins import Producer, Value, ValueRef, type_of


@dataclass(frozen=True, slots=True)
class Fact:
    """One size: of an axis that flows out, or an argument that was inferred."""

    name: str
    """`in_features`, `H_out`, or `axis 1`."""
    inferred: bool
    output: tuple[int, ...]
    """Of several outputs, which one."""
    axis: int
    """Of the output; of the input, for an argument that was inferred."""
    value: Size
    formula: str
    """Empty where the axis is one that flows in."""
    numbers: str
    """The formula with numbers in place of names."""
    sources: tuple[Definition, ...]
    history: History
    flowing: tuple[tuple[str, History], ...] = ()
    """The axes that flow in which the formula names, with their own histories."""


@dataclass(frozen=True, slots=True)
class Term:
    """One call or operator of an expression."""

    text: str
    inputs: tuple[tuple[str, Flow], ...]
    output: Flow
    rule: str
    """The shape rule of a function, as its documentation has it."""
    stretched: tuple[tuple[int, str, Size], ...]
    """Broadcast axes, from the last one: the axis, the operand that is 1 there or has it not, what it becomes."""
    broadcasts: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One step."""

    path: str
    made: Producer
    rule: str
    """Of the layer, in PyTorch's symbols."""
    facts: tuple[Fact, ...]
    parts: tuple[Term, ...]
    same: str = ""
    """The path of an equal repetition before it, which tells the rest."""

    @property
    def kind(self) -> str:
        """`layer`, `expression`, `group`, `input`, or a `tensor` of the module."""
        return self.made.kind

    @property
    def inputs(self) -> Iterator[tuple[str | None, Value]]:
        """What it takes: by name, where it has several inputs."""
        if self.made.layer is not None and len(self.made.layer.inputs) > 1:
            return iter(inputs_of(self.made).items())
        return iter(self.made.inputs)


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to say of a network, or of one of its steps."""

    name: str
    path: str
    step: str
    """The step that was asked for; empty: the whole network."""
    steps: tuple[Explained, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what is known is an integer, any other size a string."""
        return {"name": self.name, "path": self.path, "steps": list(map(_step_data, self.steps))}


# For programs.


def _step_data(step: Explained) -> dict[str, Any]:
    made = step.made
    data: dict[str, Any] = {"path": step.path, "kind": step.kind, "what": made.label, "place": place_data(made.span)}
    data["inputs"] = [
        {
            "name": name,
            "from": value.made.path or value.made.label if isinstance(value, ValueRef) else None,
            "output": list(value.at) if isinstance(value, ValueRef) else [],
            "type": _flow_data(type_of(value)),
        }
        for name, value in step.inputs
    ]
    data["output"] = _flow_data(made.output)
    if not made.called:
        data["called"] = False
    if step.same:
        return data | {"same_as": step.same}
    data |= {"rule": step.rule or None, "sizes": [_fact_data(fact) for fact in step.facts]}
    if step.parts:
        data["parts"] = [
            {
                "text": part.text,
                "inputs": [{"text": text, "type": _flow_data(flow)} for text, flow in part.inputs],
                "output": _flow_data(part.output),
                "rule": part.rule or None,
                "stretched": [{"axis": axis, "of": of, "to": _data(size)} for axis, of, size in part.stretched],
            }
            for part in step.parts
        ]
    return data


def _fact_data(fact: Fact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "inferred": fact.inferred,
        "output": list(fact.output),
        "axis": fact.axis,
        "value": _data(fact.value),
        "formula": fact.formula or None,
        "numbers": fact.numbers or None,
        "sources": list(map(_source_data, fact.sources)),
        "history": _history_data(fact.history),
    }


def _source_data(source: Definition) -> dict[str, Any]:
    return {
        "name": source.name,
        "value": _data(source.value),
        "kind": source.kind,
        "says": source.says or None,
        "place": place_data(source.span),
        "sources": list(map(_source_data, source.sources)),
    }


def _history_data(history: History) -> dict[str, Any]:
    changes = []
    for change in history.changes:
        changes.append(
            {
                "step": change.made.path,
                "what": change.made.label,
                "place": place_data(change.made.span),
                "before": _data(change.before),
                "after": _data(change.after),
                "formula": change.formula,
                "numbers": change.numbers,
            }
        )
    return {
        "kind": history.kind,
        "start": _data(history.start),
        "step": history.made.path,
        "what": history.made.label,
        "axis": history.axis,
        "formula": history.formula or None,
        "numbers": history.numbers or None,
        "place": place_data(history.made.span),
        "sources": list(map(_source_data, history.sources)),
        "of": [{"name": name, "history": _history_data(one)} for name, one in history.before],
        "changes": changes,
    }


def _flow_data(flow: Flow | None) -> Any:
    if isinstance(flow, TensorType):
        return {"shape": list(map(_data, flow.shape)), "dtype": flow.dtype}
    return list(map(_flow_data, flow)) if isinstance(flow, tuple) else _data(flow)


def place_data(span: Span | None) -> dict[str, Any] | None:
    """A place for programs."""
    return None if span is None else {"path": span.path, "line": span.line, "column": span.column}


def _data(value: Any) -> Any:
    if isinstance(value, bool | float | str) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, tuple):
        return list(map(_data, value))
    return show(value) if isinstance(value, dimensions.Dimension) else str(value)
