"""What a drawing tells of one step: its family, its settings in short, and how its sizes follow from the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archspec.dimensions import show
from archspec.expressions import FunctionCall, Node, literal_text
from archspec.functions import FUNCTIONS
from archspec.graph import Argument, Call, Class, Flow, Graph, Item, argument_text, modules
from archspec.layers import Layer
from archspec.problems import Span
from archspec.tensors import TensorType, flow_text
from archspec.views.diagram.model import Family
from archspec.views.diagram.text import clip
from archspec.views.explain import Explanation
from archspec.views.explain.facts import Explained

_LONGEST = 36

_FAMILIES: dict[str, Family] = {
    "convolution": "convolution",
    "linear": "linear",
    "normalization": "normalization",
    "activation": "activation",
    "pooling": "pooling",
    "transformer": "attention",
    "recurrent": "recurrent",
    "sparse": "embedding",
    "dropout": "dropout",
    "utilities": "reshaping",
    "vision": "reshaping",
    "shuffle": "reshaping",
    "padding": "reshaping",
}
"""By the section of torch.nn's documentation that a layer stands in."""

_OPERATIONS: dict[str, Family] = {
    "activation": "activation",
    "attention": "attention",
    "convolution": "convolution",
    "normalization": "normalization",
    "pooling": "pooling",
}


def type_text(flow: Flow | None) -> str:
    """A type, its known sizes as plain numbers: 490, and not the `10 * 7 * 7` that it came from."""
    if isinstance(flow, TensorType):
        return str(flow.reshaped(*(int(size) if isinstance(size, int) else size for size in flow.shape)))
    return f"({', '.join(map(type_text, flow))})" if isinstance(flow, tuple) else flow_text(flow)


_BARE = ("convolution", "linear", "embedding")
"""Families whose first settings everybody knows without a name."""


def family_of(layer: Layer) -> Family:
    """What a layer is for."""
    return _FAMILIES.get(layer.family, "other")


def operation_family(node: Node) -> Family:
    """What an expression is for: what the function is for that gives its value."""
    function = FUNCTIONS.get(node.function) if isinstance(node, FunctionCall) else None
    return _OPERATIONS.get(function.family, "operation") if function is not None else "operation"


def settings(call: Call) -> str:
    """The arguments that the spec gives, without the switches: `64, 7×7, stride 2, padding 3`."""
    texts = [_setting(call, argument) for argument in call.arguments if _tells(call, argument)]
    while len(", ".join(texts)) > _LONGEST and len(texts) > 1:
        texts[-2:] = ["…"]
    return clip(", ".join(texts), _LONGEST)


def _tells(call: Call, argument: Argument) -> bool:
    """Whether an argument is worth a word: no switch, no default, and nothing that is passed on under its own name."""
    if argument.node is None or isinstance(argument.value, bool | None):
        return False
    if isinstance(call.layer, Class):
        defaults = {parameter.name: parameter.default for parameter in call.layer.parameters}
        default = defaults.get(argument.name)
        return argument.node.text != argument.name and (default is None or default.text != _shown(argument.value))
    declared = call.layer.arguments.get(argument.name)
    return declared is None or declared.required or declared.default != argument.value


def _setting(call: Call, argument: Argument) -> str:
    value, name = argument.value, argument.name
    if not isinstance(call.layer, Layer):
        return f"{name} {_text(value)}"
    axes = call.layer.spatial
    if name == "kernel_size" and axes:
        return "×".join(map(_text, value if isinstance(value, tuple) else (value,) * axes))
    declared = call.layer.arguments.get(name)
    if name == "out_features" and call.layer.family == "linear":
        features = [_text(one.value) for one in call.arguments if one.name in ("in_features", name)]
        return " → ".join(features)
    bare = family_of(call.layer) in _BARE and declared is not None and declared.required
    text = "×".join(map(_text, value)) if isinstance(value, tuple) and axes else _text(value)
    return text if bare else f"{name} {text}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"({', '.join(map(_text, value))})" if isinstance(value, tuple) else _shown(value)


def _shown(value: Any) -> str:
    try:
        return literal_text(int(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    except (TypeError, ValueError):
        return show(value)


class Formulas:
    """How sizes follow from parameters, by a step's place in the spec; and from what flows in, by its path.

    Reads a graph with symbols, and what `explain` says of the network, where there is such.
    """

    def __init__(self, graph: Graph | None, explanation: Explanation | None = None) -> None:
        steps = explanation.steps if explanation is not None else ()
        self._sizes = {step.path: tuple(_sizes(step)) for step in steps}
        self._gives: dict[Span, str] = {}
        self._arguments: dict[tuple[Span, str], str] = {}
        for cls in (*graph.blocks, graph.main) if graph is not None else ():
            for step in cls.written():
                self._gives[step.span] = flow_text(step.output)
            self._add(item for _, item in modules(cls.children(), opened=False))

    def _add(self, items: Iterable[Item]) -> None:
        for item in items:
            self._gives[item.span] = flow_text(item.output)
            if isinstance(item, Call):
                for argument in item.arguments:
                    self._arguments[item.span, argument.name] = argument_text(argument)

    def facts(self, span: Span, path: str, gives: str) -> tuple[tuple[str, str], ...]:
        """What a step gives as a formula of the parameters, if that is another text; and how each size came about."""
        text = self._gives.get(span, "?")
        formula = () if "?" in text or text == gives else (("formula", text),)
        return (*formula, *self._sizes.get(path, ()))

    def argument(self, span: Span, name: str) -> str:
        """An argument as a formula; empty where there is none."""
        return self._arguments.get((span, name), "")


def _sizes(step: Explained) -> Iterator[tuple[str, str]]:
    """The sizes that are worked out: as PyTorch's formula, with numbers put in, and what comes out."""
    for fact in step.facts:
        if fact.formula and not fact.formula.isidentifier():
            parts = dict.fromkeys((fact.formula, fact.numbers, _shown(fact.value)))
            yield fact.name, " = ".join(parts)


def arguments(item: Item, formulas: Formulas) -> Iterator[tuple[str, str]]:
    """The arguments of a module, each with its value and how that follows from the parameters."""
    if not isinstance(item, Call):
        return
    given = {argument.name: argument for argument in item.arguments}
    for name, argument in given.items():
        value, formula = _text(argument.value), formulas.argument(item.span, name)
        yield name, value if formula in ("", name, value, repr(argument.value)) else f"{value} = {formula}"
    if isinstance(item.layer, Class) and item.layer.doc.strip():
        yield "about", " ".join(item.layer.doc.split())
    for tie in item.ties:
        yield tie.weight, f"shared with {tie.other}"
