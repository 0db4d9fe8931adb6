"""What a naive reading of specs needs of values: YAML as data, expressions by Python's `eval`, the forms of steps.

Shares nothing with archspec. It runs what a text says: it is for specs of our own and their mutations.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

CAMEL = re.compile(r"[A-Z]\w*")
MODIFIERS = ("from", "when", "for", "repeat", "shape", "name", "ignore")
WORDS = ("padding", "padding_mode", "mode", "approximate", "nonlinearity", "activation")
"""Arguments that take a word."""
TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str, "list": list}
TIE = re.compile(r"[A-Za-z]\w*(\.\w+)+")


class FormError(Exception):
    """Not a spec of the language, whatever PyTorch would make of it."""


class DeclarationError(Exception):
    """A shape, a dtype or a type is not what the spec declares."""


class NumbersError(Exception):
    """It depends on the numbers in a tensor, as when one is an index: no matter of shapes."""


class EmptyError(Exception):
    """A tensor without a number."""


class DependsError(Exception):
    """A module would differ between inputs of different sizes: PyTorch makes it once."""


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: PyYAML's own rules take `1e-5` for a text and `no` for false."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"null|~|", ["n", "~", ""]),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def load(text: str) -> Any:
    """The tree of a text."""
    return yaml.load(text, CoreLoader)


# Expressions.


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """MobileNet's rounding, as its paper's code has it."""
    low = divisor if min_value is None else min_value
    new = max(low, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * v else new


NUMBERS: dict[str, Any] = {
    "min": min,
    "max": max,
    "sum": sum,
    "len": len,
    "range": lambda *bounds: list(range(*bounds)),
    "enumerate": lambda items: list(enumerate(items)),
    "zip": lambda *lists: list(zip(*lists, strict=False)),
    "round": round,
    "int": int,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "log": math.log,
    "make_divisible": make_divisible,
}


def holds_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, list | tuple) and any(map(holds_tensor, value)))


def torch_function(name: str) -> Any:
    """The function of that name, over tensors; where both have it, functional wins. Numbers alone are Python's."""
    found = getattr(functional, name, None) or getattr(torch, name, None)
    numeric = NUMBERS.get(name)
    if not callable(found) and numeric is None:
        raise NameError(name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if numeric is not None and not holds_tensor(args):
            return numeric(*args, **kwargs)
        if isinstance(kwargs.get("dtype"), str):
            kwargs["dtype"] = getattr(torch, kwargs["dtype"])
        return found(*args, **kwargs)

    return call


class _Calls(ast.NodeTransformer):
    """A called name is a function, any other name a value: `filter` may be both."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.words: dict[str, str] = {}  # `dtype=bool`: a word that no name hides stands for itself

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name):
            raise FormError("a call of no name")
        self.called.add(node.func.id)
        node.func = ast.Name(f"_call_{node.func.id}", ast.Load())
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Name):
                self.words[keyword.value.id] = keyword.value.id
        node.args = [self.visit(one) for one in node.args]
        node.keywords = [self.visit(one) for one in node.keywords]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        raise FormError("an attribute")


@cache
def compiled(text: str) -> tuple[Any, set[str], dict[str, str]]:
    """An expression as code, the functions that it calls, and its words."""
    calls = _Calls()
    try:
        tree = ast.fix_missing_locations(calls.visit(ast.parse(text.strip(), mode="eval")))
        return compile(tree, "<spec>", "eval"), calls.called, calls.words
    except SyntaxError as error:
        raise FormError(text) from error


def compute(value: Any, names: Mapping[str, Any], *, tensors: bool = False) -> Any:
    """What a value of the spec comes to: a text is an expression, a list one of each entry."""
    if isinstance(value, list):
        return [compute(item, names, tensors=tensors) for item in value]
    if isinstance(value, dict):
        raise FormError("a mapping where a value is expected")
    if not isinstance(value, str):
        return value
    code, called, words = compiled(value)
    known = {f"_call_{name}": torch_function(name) if tensors else NUMBERS[name] for name in called}
    return eval(code, {"__builtins__": {}}, {**words, **names, **known})


@cache
def read_names(text: Any) -> list[str]:
    """The names that an expression reads as values."""
    if not isinstance(text, str):
        return []
    tree = ast.parse(text.strip(), mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]


# Steps.


def form(raw: Any) -> dict[str, Any]:
    """A step with its kind: `type` with `arguments`, `layers`, `expression`, `again` or `layer`."""
    if isinstance(raw, str):
        return {"type": raw, "arguments": None} if CAMEL.fullmatch(raw) else {"expression": raw}
    if isinstance(raw, list):
        return {"layers": raw}
    if not isinstance(raw, dict):
        raise FormError("no step")
    rest = [key for key in raw if key not in MODIFIERS]
    if len(rest) != 1:
        raise FormError(f"not one layer: {rest}")
    (key,) = rest
    step = {name: value for name, value in raw.items() if name in MODIFIERS}
    if key in ("layers", "again", "layer"):
        return {**step, key: raw[key]}
    if not CAMEL.fullmatch(key):
        raise FormError(f"unknown key {key}")
    return {**step, "type": key, "arguments": raw[key]}


def destructure(target: Any, value: Any) -> dict[str, Any]:
    """The names of `a, (b, c)` with their parts of a value."""
    if isinstance(target, str):
        return destructure(ast.parse(target.strip(), mode="eval").body, value)
    if isinstance(target, ast.Name):
        return {} if target.id == "_" else {target.id: value}
    if not isinstance(target, ast.Tuple) or not isinstance(value, list | tuple):
        raise FormError("only several values are unpacked")
    found: dict[str, Any] = {}
    for part, item in zip(target.elts, value, strict=True):
        found |= destructure(part, item)
    return found


@cache
def parameters_of(name: str) -> dict[str, inspect.Parameter]:
    """The arguments of a layer's constructor. Those of recurrent layers are named by their base alone."""
    cls = getattr(nn, name)
    recurrent = issubclass(cls, nn.RNNBase)
    found = inspect.signature(nn.RNNBase if recurrent else cls).parameters
    return {key: one for key, one in found.items() if one.kind in (1, 3) and not (recurrent and key == "mode")}


def inferred(name: str, settings: dict[str, Any], args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """The layer's arguments that a spec leaves out, from the tensors that arrive."""
    x = args[0] if args else next(iter(named.values()))
    spatial = int(name[-2]) if re.search(r"\dd$", name) else 0
    channels = -spatial - 1 if name.startswith(("Conv", "Instance")) else 1
    both = {**dict(zip(("query", "key", "value"), args, strict=False)), **named}
    found: dict[str, Any] = {}
    for argument in parameters_of(name):
        if argument in settings:
            continue
        if argument in ("in_channels", "num_features", "num_channels"):
            found[argument] = x.shape[channels]
        elif argument in ("in_features", "in1_features", "embed_dim", "d_model", "input_size"):
            found[argument] = x.shape[-1]
        elif argument == "in2_features":
            found[argument] = args[1].shape[-1]
        elif argument == "normalized_shape":
            found[argument] = (x.shape[-1],)
        elif argument in ("kdim", "vdim") and (wide := both.get("key" if argument == "kdim" else "value")) is not None:
            found[argument] = wide.shape[-1] if wide.shape[-1] != x.shape[-1] else None
    return found


NEVER_SINGLE = ("in_channels", "num_features", "in_features", "embed_dim", "d_model", "input_size", "normalized_shape")


def single(name: str) -> str:
    """Which argument one bare value stands for."""
    parameters = list(parameters_of(name).values())
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in NEVER_SINGLE:
            return parameter.name
    if any(p.default is p.empty for p in parameters) or not parameters or parameters[0].name in NEVER_SINGLE:
        raise FormError(f"{name} has no argument that one value could stand for")
    return parameters[0].name


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of a parameter's type. Python takes True for an integer; the language does not."""
    return isinstance(value, TYPES[kind]) and (type(value) is not bool or kind == "bool")


def some(value: Any) -> Any:
    """The value, if it holds numbers: PyTorch's empty tensors are a bound gone wrong."""
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, Tensor) and not item.numel():
            raise EmptyError(str(tuple(item.shape)))
        if isinstance(item, list | tuple):
            some(item)
    return value


def required_(declared: Any) -> bool:
    return (isinstance(declared, str) and declared in TYPES) or (
        isinstance(declared, dict) and declared.get("default") is None
    )


def frozen(value: Any) -> Any:
    return tuple(map(frozen, value)) if isinstance(value, list) else value
