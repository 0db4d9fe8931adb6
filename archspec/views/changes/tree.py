"""Graph -> a tree of parts to compare with another's: each step with what it says and what follows from that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from archspec.expressions import Name, UndecidedError
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, Parameter, Step, names_in
from archspec.layers import Layer, Weight
from archspec.problems import Span
from archspec.tensors import ListType, TensorType

_WORDS = re.compile(r"'(?:[^'\\]|\\.)*'|\b[A-Za-z_]\w*\b(?!\s*\(|\s*=[^=])")
"""The names that an expression reads, and its quoted words, which are none: what is called or is an argument's name
is not read."""


_NOTHING: Mapping[str, str] = MappingProxyType({})
Values = tuple[tuple[str, str], ...]
"""Expressions, each under a name, which may be empty."""


@dataclass(frozen=True, slots=True)
class ModuleTree:
    """One step, or one module of a list. Everything that is said of it is text, as people read it."""

    kind: Literal["module", "expression", "tensor"]
    label: str
    """The name of its class."""
    span: Span
    output: str
    name: str = ""
    """Within its parent; what it binds, for an expression."""
    path: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the spec decides, defaults filled in."""
    inferred: Mapping[str, str] = field(default_factory=dict)
    """What follows from what flows in."""
    formula: str = ""
    """The expression that it evaluates, or the module that it runs once more."""
    reads: Values = ()
    """What goes into it, each value with the argument's name; empty where the step above says it."""
    takes: tuple[str, ...] = ()
    """The names of what flows into a class."""
    gives: Values = ()
    """What a class returns, each value with its name."""
    order: Values = ()
    """The steps of a class that are made first, if that is said."""
    weights: tuple[Weight, ...] = ()
    """Its own, none of its children's."""
    tied: frozenset[str] = frozenset()
    """Which of them are another layer's."""
    children: tuple[ModuleTree, ...] = ()

    @property
    def own_size(self) -> Any:
        """How many numbers it learns itself."""
        return sum((w.numel for w in self.weights if w.learnable and w.name not in self.tied), start=0)

    def walk(self) -> Iterator[ModuleTree]:
        """It and every part in it, outer ones first."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree(graph: Graph) -> ModuleTree:
    """The whole network, as one part."""
    main = graph.main
    return ModuleTree("module", main.name, Span(graph.path, 1, 1, 1, 1), flow_text(main.output), **_inside(main, ""))


def _inside(cls: Class, prefix: str) -> dict[str, Any]:
    """What only a part of a class has: its steps, in the order of flow, and what flows in and out of them."""
    if cls.sequential:
        return {"children": tuple(_module(item, prefix) for item in cls.items)}
    sizes = {name for value in cls.inputs for axis in value.axes for name in names_in(axis)}
    sizes -= {parameter.name for parameter in cls.parameters}
    return {
        "children": tuple(_step(step, cls, sizes, prefix) for step in cls.written() if step.kind != "weight"),
        "takes": tuple(value.name for value in cls.inputs),
        "gives": _gives(cls),
        "order": tuple(("", name) for name in cls.order),
    }


def _step(step: Step, cls: Class, sizes: Set[str], prefix: str) -> ModuleTree:
    """One step of a graph; `sizes` are the names of those of what flows in."""
    reads = tuple((name or "", node.text) for name, node in step.arguments)
    values = _values(step, cls, sizes)
    if step.item is not None and not cls.runs(step):
        return _module(step.item, prefix, (), {"call": "false"})
    if step.item is not None:
        return _module(step.item, prefix, reads, {f"from {key}": value for key, value in values.items()})
    name = step.name if step.kind in ("parameter", "buffer") else step.target.text
    name = name[1:-1] if name.startswith("(") else name  # several names, as the spec writes them
    output = flow_text(step.output)
    place: dict[str, Any] = {"name": name, "path": f"{prefix}{name}"}
    if step.kind == "call":
        place |= {"formula": str(step.module), "reads": reads}
        return ModuleTree("expression", "again", step.span, output, **place, settings=values)
    formula = step.arguments[0][1].text
    if step.kind == "compute":
        return ModuleTree("expression", "expression", step.span, output, **place, settings=values, formula=formula)
    assert isinstance(step.output, TensorType)
    held = Weight("", step.output.shape, step.output.dtype, step.kind == "parameter")
    settings = {"value": formula, **values}
    return ModuleTree("tensor", step.kind.capitalize(), step.span, output, **place, settings=settings, weights=(held,))


def _module(item: Item, prefix: str, reads: Values = (), values: Mapping[str, str] = _NOTHING) -> ModuleTree:
    """One module, with all that is in it; `values` are what the expressions that it reads depend on besides."""
    if isinstance(item, Group) and item.module is not None:
        item = replace(item.module, output=item.output)
    name = getattr(item, "name", None) or "*"
    path = f"{prefix}{name}"
    output = flow_text(item.output)
    known: dict[str, Any] = {"name": name, "path": path, "reads": reads}
    if not isinstance(item, Call):
        children = tuple(_module(child, f"{path}.") for child in item.items)
        return ModuleTree("module", _group_label(item), item.span, output, **known, children=children, settings=values)
    more: dict[str, Any]
    if isinstance(item.layer, Class):
        settings = {p.name: parameter_text(p) for p in item.layer.parameters if not p.inferred}
        more = _inside(item.layer, f"{path}.")
    else:
        settings = {argument.name: value_text(argument.value) for argument in item.arguments}
        settings, more = _defaults(item.layer) | settings, {"weights": _weights(item.layer)}
    inferred = {key: settings.pop(key) for key in _inferred(item) if key in settings}
    tied = {tie.weight: tie.other for tie in item.ties}
    more |= {"settings": {**settings, **tied, **values}, "inferred": inferred, "tied": frozenset(tied)}
    return ModuleTree("module", item.type_name, item.span, output, **known, **more)


def _weights(layer: Layer) -> tuple[Weight, ...]:
    try:
        return layer.weights()
    except UndecidedError:  # how many layers are in it, a parameter without a value says
        return ()


def _inferred(call: Call) -> list[str]:
    if not isinstance(call.layer, Layer):
        return []
    return [name for name, argument in call.layer.arguments.items() if argument.inferred]


def _defaults(layer: Layer) -> dict[str, str]:
    """Every argument's value where the spec gives none: PyTorch's defaults, and what was inferred."""
    return {name: value_text(vars(layer)[name]) for name in layer.arguments if name in vars(layer)}


def _values(step: Step, cls: Class, sizes: Set[str]) -> dict[str, str]:
    """The values of the names that an expression reads, but for tensors and the sizes of what flows in."""
    nodes = (part for _, node in step.arguments for part in node.walk())
    read = dict.fromkeys(part.name for part in nodes if isinstance(part, Name))
    return {name: value_text(cls.values[name]) for name in read if name in cls.values and name not in sizes}


def _gives(cls: Class) -> Values:
    if cls.outputs is None:
        return ()
    names = cls.outputs.names or ("",) * len(cls.outputs.values)
    return tuple((name, node.text) for name, node in zip(names, cls.outputs.values, strict=True))


def _group_label(item: Group | Loop | Branch) -> str:
    if isinstance(item, Loop):
        return f"for {item.target.text} in {item.iterable.text}"
    if isinstance(item, Branch):
        return f"if {item.condition.text}"
    return "ModuleList" if item.listed else "Sequential"


def renamed(text: str, name: Any) -> str:
    """An expression with other names for the values that it reads."""
    return _WORDS.sub(lambda word: word[0] if word[0].startswith("'") else name(word[0]), text)


def names_bound(part: ModuleTree) -> list[str]:
    """The names under which later steps read a part."""
    return re.findall(r"\w+", part.name)


def value_text(value: object) -> str:
    """A setting as people read it: lists as lists, sizes without what they were multiplied from."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return value if isinstance(value, str) else str(value)


def flow_text(flow: Flow | None) -> str:
    """A type as people read it."""
    if isinstance(flow, TensorType):
        text = shape_text(flow.shape)
        return text if flow.dtype == "float32" else f"{text} {flow.dtype}"
    if isinstance(flow, ListType):
        return f"[{', '.join(map(flow_text, flow))}]"
    return f"({', '.join(map(flow_text, flow))})" if isinstance(flow, tuple) else "?" if flow is None else str(flow)


def shape_text(shape: tuple[Any, ...]) -> str:
    """A shape as people read it."""
    return value_text(tuple(shape))


def parameter_text(parameter: Parameter) -> str:
    """A parameter's value, or its type where it has none."""
    return parameter.type if parameter.value is None else value_text(parameter.value)


def input_text(value: Input) -> str:
    """What an input takes."""
    return flow_text(value.type) + (", optional" if value.optional else "")
