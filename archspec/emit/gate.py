"""The last check of generated source: it is parsed again and walked against an allow-list.

Everything before it keeps a spec's text out of the code; this finds the day on which something did not.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache

from archspec.expressions import FUNCTIONS
from archspec.layers import LAYERS

_MODULES = {"torch": ("Tensor", "nn"), "collections": ("OrderedDict",)}
_MODULES |= {"collections.abc": ("Callable", "Sequence"), "typing": ("Any", "Literal", "NamedTuple")}
_STATEMENTS = (
    ast.Module,
    ast.Import,
    ast.ImportFrom,
    ast.alias,
    ast.ClassDef,
    ast.FunctionDef,
    ast.arguments,
    ast.arg,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Return,
    ast.For,
    ast.If,
    ast.Raise,
    ast.Expr,
)
_EXPRESSIONS = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.keyword,
    ast.Starred,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Subscript,
    ast.Slice,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.GeneratorExp,
    ast.comprehension,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
)
_CALLS = {"super", "str", "tuple", "OrderedDict", "ValueError", "make_divisible"} | {
    f.python for f in FUNCTIONS.values()
}
_METHODS = {"append", "__init__"}
_IMPORTS = {("math", None), ("torch", None), ("torch.nn.functional", "F")}
_CONTAINERS = {"Sequential", "ModuleList", "Parameter"}


class GateError(Exception):
    """Generated source holds what no template and no emitter writes: a bug of ours."""


def check(source: str, own: Collection[str] = ()) -> None:
    """Raises GateError unless the source is made only of what generated code is made of.

    `own` are dotted names of classes that the caller allows.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise GateError(f"it does not parse: {error}") from None
    imported = {(name.rpartition(".")[0], name.rpartition(".")[2]) for name in own}
    classes = {name for _, name in imported} | {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    held = {arg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for arg in _holding(node)}
    for node in ast.walk(tree):
        if not isinstance(node, _STATEMENTS + _EXPRESSIONS):
            raise GateError(f"line {getattr(node, 'lineno', '?')}: a {type(node).__name__}")
        if isinstance(node, ast.Import) and any((a.name, a.asname) not in _IMPORTS for a in node.names):
            raise GateError(f"line {node.lineno}: an import")
        if isinstance(node, ast.ImportFrom):
            allowed = _MODULES.get(node.module or "", ())
            names = {(node.module or "", a.name) for a in node.names if a.name not in allowed}
            if node.level or names - imported or any(a.asname for a in node.names):
                raise GateError(f"line {node.lineno}: an import")
        if isinstance(node, ast.Call) and not _callable(node.func, classes | held):
            raise GateError(f"line {node.lineno}: a call of {ast.unparse(node.func)}")
        if isinstance(node, ast.FunctionDef) and node.name not in ("__init__", "forward", "make_divisible"):
            raise GateError(f"line {node.lineno}: a function")
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name.startswith("_") and name not in ("_", "__init__"):
            raise GateError(f"line {getattr(node, 'lineno', '?')}: the name {name}")
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
            raise GateError(f"line {node.lineno}: a decorator")


def _holding(arguments: ast.arguments) -> list[ast.arg]:
    """The parameters that hold a layer."""
    return [arg for arg in arguments.args if arg.annotation and ast.unparse(arg.annotation).startswith("Callable[")]


def _callable(function: ast.expr, own: set[str]) -> bool:
    """Whether generated code calls such a thing."""
    if isinstance(function, ast.Name):
        return function.id in _CALLS | own or function.id == "layer"
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    if isinstance(owner, ast.Name):
        if owner.id == "nn":
            return function.attr in LAYERS or function.attr in _CONTAINERS
        if owner.id in ("torch", "F"):
            return f"{owner.id}.{function.attr}" in _tensor_calls()
        if owner.id == "math":
            return f"math.{function.attr}" in _CALLS
        return owner.id == "self" or function.attr in _METHODS or _is_tensor_method(function.attr)
    if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super":
        return True
    return _is_tensor_method(function.attr)


def _is_tensor_method(name: str) -> bool:
    """Whether a name is that of a catalogue's function which tensors have as a method."""
    return f"torch.{name}" in _tensor_calls()


@cache
def _tensor_calls() -> frozenset[str]:
    """How Python calls the functions of the catalogue."""
    from archspec.functions import FUNCTIONS as TENSORS  # here: it is large, and many specs compute nothing

    return frozenset(function.python for function in TENSORS.values())
