"""What a naive reading of specs needs of values: YAML as data, expressions by Python's `eval`, the forms of steps.

Shares nothing with archspec. It runs what a text says: it is for specs of our own and their mutations.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from keyword import iskeyword
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

CAMEL = re.compile(r"[A-Z]\w*")
MODIFIERS: tuple[str, ...] = (
    "outputs",
    "from",
    "when",
    "for",
    "repeat",
    "each",
    "collect",
    "shared",
    "shape",
    "name",
    "persistent",
    "ignore",
    "init",
    "parametrize",
    "trainable",
    "call",
)
LOOPS = ("for", "repeat", "each")
WORDS = ("padding", "padding_mode", "mode", "approximate", "nonlinearity", "activation")
"""Arguments that take a word."""
TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str, "list": list}
TIE = re.compile(r"[A-Za-z]\w*(\.\w+)+")


class FormError(Exception):
    """Not a spec of the language, whatever PyTorch would make of it."""


class DeclarationError(Exception):
    """A shape, a dtype or a type is not what the spec declares."""


class NumbersError(Exception):
    """It depends on the values of a tensor, as when one is an index: no matter of shapes."""


class EmptyError(Exception):
    """A tensor without a number."""


class DependsError(Exception):
    """A module would differ between inputs of different sizes: PyTorch makes it once."""


class CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # its base depends on libyaml
    """YAML 1.2's core schema: PyYAML's own rules take `1e-5` for a text and `no` for false."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)", "-+.0123456789"),
    ("null", r"null|~|", ["n", "~", ""]),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first))
CoreLoader.add_constructor(
    "tag:yaml.org,2002:float",
    lambda loader, node: float(loader.construct_scalar(node).lower().replace(".i", "i")),
)
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


class Nothing:
    """What stands after a key with nothing after it. A written `null` is None."""


NOTHING = Nothing()


def _null(loader: Any, node: Any) -> Any:
    return None if node.value else NOTHING


CoreLoader.add_constructor("tag:yaml.org,2002:null", _null)


def load(text: str) -> Any:
    """The tree of a text."""
    return settled(yaml.load(text, CoreLoader))


def settled(value: Any, above: str = "") -> Any:
    """The tree where an argument with nothing after it is the value of its own name, and what else is empty is None."""
    if isinstance(value, dict):
        own = isinstance(above, str) and CAMEL.fullmatch(above)
        return {key: (key if own else None) if one is NOTHING else settled(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [settled(one) for one in value]
    return None if value is NOTHING else value


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
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "zip": lambda *lists: list(zip(*lists, strict=False)),
    "round": round,
    "int": int,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "log": math.log,
    "make_divisible": make_divisible,
    "reversed": lambda items: list(reversed(items)),
}
OF_LISTS = ("sum", "min", "max", "len", "enumerate", "zip", "reversed")
"""Functions that are Python's where their first argument is a list, of tensors too."""
CONSTANTS = {"inf": math.inf, "pi": math.pi}
DTYPES = {
    name: getattr(torch, name)
    for name in ("float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128".split())
}


def holds_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, list | tuple) and any(map(holds_tensor, value)))


def flows(value: Any) -> bool:
    """Whether a value is a tensor, or (nested) tuples and lists of them; a list may be empty."""
    if isinstance(value, list | tuple):
        return (bool(value) or isinstance(value, list)) and all(map(flows, value))
    return isinstance(value, Tensor)


def torch_function(name: str) -> Any:
    """The function of that name, over tensors; where both have it, functional wins. Numbers alone are Python's."""
    found: Any = functional if hasattr(functional, name) else torch
    for part in name.split("."):
        found = getattr(found, part, None)
    found = found if callable(found) else getattr(Tensor, name, None)  # `torch.float` is a dtype
    numeric = NUMBERS.get(name)
    if not callable(found) and numeric is None:
        raise NameError(name)

    def call(*args: Any, **kwargs: Any) -> Any:
        listed = name in OF_LISTS and bool(args) and isinstance(args[0], list | tuple)
        if numeric is not None and (listed or found is None or not holds_tensor(args)):
            return numeric(*args, **kwargs)
        if isinstance(kwargs.get("dtype"), str):  # quoted, as in `dtype='bool'`
            kwargs["dtype"] = getattr(torch, kwargs["dtype"])
        if name == "normal" and not holds_tensor((*args, *kwargs.values())):  # `with torch.device` passes it over
            kwargs["device"] = torch.get_default_device()
        return found(*args, **kwargs)

    return call


def dotted(node: ast.expr) -> str:
    """A function's name, which may hold dots: `fft.rfft`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    raise FormError("a call of no name")


class _Calls(ast.NodeTransformer):
    """A called name is a function, any other name a value: `filter` may be both."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.read: set[str] = set()
        self.weights: set[str] = set()  # of steps: `qkv.weight`
        self.words: dict[str, Any] = {}  # `mode=bilinear`: a word that no name hides stands for itself

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = dotted(node.func)
        self.called.add(name)
        node.func = ast.Name(f"_call_{name.replace('.', '_')}", ast.Load())
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Name):
                self.words[keyword.value.id] = keyword.value.id
        node.args = [self.visit(one) for one in node.args]
        node.keywords = [self.visit(one) for one in node.keywords]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self.read.add(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        text = dotted(node)
        if not re.search(r"(^|[._])(weight|bias)(_\w+)?$", text.partition(".")[2]):
            raise FormError("an attribute")
        self.weights.add(text)
        return ast.Name(f"_weight_{text.replace('.', '_dot_')}", ast.Load())


@cache
def compiled(text: str) -> tuple[Any, set[str], dict[str, Any], set[str]]:
    """An expression as code, the functions that it calls, its words, and the weights of steps that it reads."""
    calls = _Calls()
    try:
        tree = ast.fix_missing_locations(calls.visit(ast.parse(text.strip(), mode="eval")))
        words = calls.words | {name: DTYPES[name] for name in calls.read & DTYPES.keys()}
        return compile(tree, "<spec>", "eval"), calls.called, words, calls.weights
    except SyntaxError as error:
        raise FormError(text) from error


def compute(
    value: Any, names: Mapping[str, Any], *, tensors: bool = False, weight: Callable[[str], Any] | None = None
) -> Any:
    """What a value of the spec comes to: a text is an expression, a list one of each entry.

    `weight` finds the weights of steps, where an expression may read them.
    """
    if isinstance(value, list):
        return [compute(item, names, tensors=tensors, weight=weight) for item in value]
    if isinstance(value, dict):
        raise FormError("a mapping where a value is expected")
    if not isinstance(value, str):
        return value
    code, called, words, weights = compiled(value)
    if weights and weight is None:
        raise FormError("a weight where none flows")
    read = {f"_weight_{one.replace('.', '_dot_')}": weight(one) for one in weights} if weight is not None else {}
    known = {f"_call_{name.replace('.', '_')}": torch_function(name) if tensors else NUMBERS[name] for name in called}
    python = {"__builtins__": {"__import__": __import__}}  # PyTorch imports parts of its own when they are needed
    return eval(code, python, {**CONSTANTS, **words, **names, **known, **read})


def argument(value: Any, names: Mapping[str, Any], *, takes_words: bool) -> Any:
    """An argument's value; a word that nothing is called stands for itself, where the argument takes words."""
    is_word = isinstance(value, str) and value.isidentifier() and not iskeyword(value) and value not in names
    return value if takes_words and is_word else compute(value, names)


@cache
def read_names(text: Any) -> list[str]:
    """The names that an expression reads as values."""
    if not isinstance(text, str) or not text.strip():
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
        return {"layers": raw, "nested": True}
    if not isinstance(raw, dict):
        raise FormError("no step")
    rest = [key for key in raw if key not in MODIFIERS]
    if len(rest) != 1:
        raise FormError(f"not one layer: {rest}")
    (key,) = rest
    step = {name: value for name, value in raw.items() if name in MODIFIERS}
    if key in ("layers", "again", "layer"):
        return {**step, key: raw[key]}
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


NEVER_SINGLE = (
    *("in_channels", "num_features", "in_features", "in1_features", "in2_features"),
    *("embed_dim", "d_model", "input_size", "normalized_shape"),
)


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


def solved(text: str, name: str, size: int, names: Mapping[str, Any]) -> int:
    """The one name that is not known, from the size that an expression has: it is a factor or a summand."""
    at = [compute(text, {**names, name: value}) for value in (1, 2, 3)]
    factor = at[1] - at[0]
    if any(type(one) is not int for one in at) or at[2] - at[1] != factor or not factor:
        raise FormError(f"{text} is not solved for {name}")
    found, rest = divmod(size - (at[0] - factor), factor)
    if rest or found < 1:
        raise DeclarationError(f"{size} is not {text}")
    return found
