"""The last check of generated source: it is parsed again and walked against an allow-list.

Everything before it keeps a spec's text out of the code; this finds the day on which something did not. A module is
imports and classes, a class has a constructor and a forward method, and these assign, loop, raise and return. A name
is a variable of its function, or one of the few that generated code knows; what is called is a layer, a function of
the catalogues, a class of the file, or a module that `self` holds.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NoReturn

from archspec.expressions import FUNCTIONS
from archspec.layers import LAYERS
from archspec.tensors import DTYPES

_FROM = {"torch": {"Tensor", "nn"}, "collections": {"OrderedDict"}, "collections.abc": {"Callable", "Sequence"}}
_FROM |= {"typing": {"Any", "Literal", "NamedTuple"}}
_IMPORTS = {("math", None), ("torch", None), ("torch.nn.functional", "F")}
_MODULES = frozenset(("torch", "nn", "F", "math"))
_BASES = ("nn.Module", "nn.Sequential", "NamedTuple")
_CONTAINERS = {"Sequential", "ModuleList", "Parameter", "Identity"}
_TYPES = {"Any", "Callable", "Literal", "OrderedDict", "Sequence", "Tensor", "bool", "float", "int", "list", "str"}
_TYPES |= {"tuple"}
_BUILTINS = {"OrderedDict", "ValueError", "make_divisible", "str", "super", "tuple"}
_BUILTINS |= {function.python for function in FUNCTIONS.values()}
_PROTECTED = _MODULES | {name for names in _FROM.values() for name in names} | {"ValueError", "self", "super"}
_PLAIN: tuple[type[ast.AST], ...] = (ast.BinOp, ast.BoolOp, ast.Compare, ast.FormattedValue, ast.IfExp, ast.JoinedStr)
_PLAIN += (ast.List, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp)
_SYNTAX = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
_ENCODING = re.compile(r"^[^\n]*coding[:=]", re.MULTILINE)


class GateError(Exception):
    """Generated source holds what no template and no emitter writes: a bug of ours."""


def check(source: str, own: Collection[str] = ()) -> None:
    """Raises GateError unless the source is made only of what generated code is made of.

    `own` are dotted names of classes that the caller allows.
    """
    if not source.endswith("\n") or not all(line.isprintable() for line in source.split("\n")):
        raise GateError("a character that is not shown as it is")
    if _ENCODING.search("\n".join(source.split("\n", 2)[:2])):
        raise GateError("an encoding declaration")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise GateError(f"it does not parse: {error}") from None
    _Module(own).check(tree)


def _refuse(node: ast.AST, what: str) -> NoReturn:
    raise GateError(f"line {getattr(node, 'lineno', '?')}: {what}")


def _require(node: ast.AST, holds: object, what: str) -> None:
    if not holds:
        _refuse(node, what)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class _Module:
    """What one file may hold."""

    def __init__(self, own: Collection[str]) -> None:
        self.own = {tuple(name.rpartition(".")[::2]) for name in own}
        self.imported = {name for _, name in self.own}
        self.classes: set[str] = set()

    def check(self, tree: ast.Module) -> None:
        defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        self.classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} | self.imported
        if len({*defined, *self.imported}) < len(defined) + len(self.imported) or self.classes & _PROTECTED:
            raise GateError("two things of one name")
        for index, node in enumerate(tree.body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imports(node)
            elif isinstance(node, ast.ClassDef):
                self.defines(node)
            elif isinstance(node, ast.FunctionDef):
                _require(node, node.name == "make_divisible", "a function")
                _Function(self, node, set()).check()
            else:
                _require(node, index == 0 and _is_text(node), f"a {type(node).__name__}")

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            _require(node, all((a.name, a.asname) in _IMPORTS for a in node.names), "an import")
            return
        module = node.module or ""
        known = _FROM.get(module, set())
        sound = all(not a.asname and (a.name in known or (module, a.name) in self.own) for a in node.names)
        _require(node, sound and not node.level, "an import")

    def defines(self, node: ast.ClassDef) -> None:
        bases = [ast.unparse(base) for base in node.bases]
        _require(node, len(bases) == 1 and bases[0] in _BASES and not node.keywords, "a base class")
        _require(node, not node.decorator_list, "a decorator")
        attributes = set(_attributes(node))
        for index, part in enumerate(node.body):
            if isinstance(part, ast.AnnAssign):
                _require(part, part.value is None and part.simple, "a class attribute")
                _type(part.annotation, self.classes)
            elif isinstance(part, ast.FunctionDef):
                _require(part, part.name in ("__init__", "forward") and bases != ["NamedTuple"], "a method")
                _Function(self, part, attributes).check()
            else:
                _require(part, index == 0 and _is_text(part), f"a {type(part).__name__} in a class")


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """What a class assigns to `self`, which are the modules and values that it holds."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and _is_name(part.value, "self"):
            yield part.attr


def _is_name(node: ast.AST | None, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _is_of_self(node: ast.expr) -> bool:
    """Whether an attribute is one of `self`, or of what `self` holds: `self.wte.weight`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return _is_name(node, "self")


def _type(node: ast.expr | None, classes: Collection[str]) -> None:
    """An annotation: names of types, `|` and `[]`, and the words of a Literal, which alone are text."""
    match node:
        case None | ast.Constant(value=None) | ast.Constant(value=builtins.Ellipsis):
            pass
        case ast.Name():
            _require(node, node.id in _TYPES or node.id in classes, "an annotation")
        case ast.BinOp(op=ast.BitOr()):
            _type(node.left, classes)
            _type(node.right, classes)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=words):
            parts = words.elts if isinstance(words, ast.Tuple) else [words]
            sound = all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)
            _require(node, sound, "an annotation")
        case ast.Subscript(value=ast.Name() as name, slice=inside):
            for part in (name, *(inside.elts if isinstance(inside, ast.Tuple) else [inside])):
                _type(part, classes)
        case _:
            _require(node, ast.unparse(node) == "nn.Module", "an annotation")


class _Function:
    """A constructor, a forward method, or a function of the file."""

    def __init__(self, module: _Module, node: ast.FunctionDef, attributes: set[str]) -> None:
        self.module = module
        self.node = node
        self.attributes = attributes
        self.names: set[str] = set()  # its arguments and variables
        self.held: set[str] = {"layer"}  # those of them that hold a layer

    def check(self) -> None:
        node, given = self.node, self.node.args
        several = given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg
        _require(node, not several and not node.decorator_list, "a signature")
        for argument in given.args:
            _type(argument.annotation, self.module.classes)
            self.bind(argument, argument.arg, itself=argument is given.args[0] and node.name != "make_divisible")
            if argument.annotation is not None and ast.unparse(argument.annotation).startswith("Callable["):
                self.held.add(argument.arg)
        _type(node.returns, self.module.classes)
        for default in given.defaults:
            _require(default, not any(isinstance(part, ast.Call) for part in ast.walk(default)), "a default")
            self.expression(default)
        for part in _inside(node.body):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self.bind(part, part.id)
        self.statements(node.body)

    def bind(self, node: ast.AST, name: str, *, itself: bool = False) -> None:
        taken = _PROTECTED
        if self.node.name == "__init__":
            taken = taken - {"F"}  # no constructor calls a function of torch.nn.functional, and features are often F
        _require(node, name == "self" if itself else name not in taken, f"the name {name}")
        _require(node, not name.startswith("_") or name == "_", f"the name {name}")
        self.names.add(name)

    def statements(self, body: Iterable[ast.stmt]) -> None:
        for index, node in enumerate(body):
            self.statement(node, first=index == 0)

    def statement(self, node: ast.stmt, *, first: bool) -> None:
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self.target(target)
                if isinstance(node, ast.AnnAssign):
                    _type(node.annotation, self.module.classes)
                if node.value is not None:
                    self.expression(node.value)
            case ast.For():
                self.target(node.target)
                self.expression(node.iter)
                self.statements([*node.body, *node.orelse])
            case ast.If():
                self.expression(node.test)
                self.statements([*node.body, *node.orelse])
            case ast.Return(value=ast.expr() as value):
                self.expression(value)
            case ast.Raise(exc=ast.Call() as error, cause=None):
                _require(node, _is_name(error.func, "ValueError"), "an exception")
                self.expression(error)
            case ast.Expr(value=ast.Call() as call):
                self.expression(call)
            case _:
                _require(node, first and _is_text(node), f"a {type(node).__name__}")

    def target(self, node: ast.expr) -> None:
        """What is assigned to: a variable, several, an entry of one, what `self` holds, or a weight of that."""
        if isinstance(node, ast.Tuple):
            for part in node.elts:
                self.target(part)
        elif isinstance(node, ast.Attribute):
            _require(node, _is_of_self(node) and self.node.name == "__init__", "an assignment")
            self.attribute(node)
        elif isinstance(node, ast.Subscript):
            _require(node, isinstance(node.value, ast.Name), "an assignment")
            self.expression(node)
        else:
            _require(node, isinstance(node, ast.Name), "an assignment")

    def expression(self, node: ast.AST) -> None:
        match node:
            case ast.Call(func=ast.Name(id="OrderedDict"), args=[ast.Dict(keys=keys, values=values)], keywords=[]):
                _require(node, None not in keys, "an unpacked mapping")
                for entry in (*keys, *values):
                    if entry is not None:
                        self.expression(entry)
            case ast.Call():
                _require(node, self.callable(node.func), f"a call of {ast.unparse(node.func)}")
                for argument in node.args:
                    self.expression(argument)
                for keyword in node.keywords:
                    _require(keyword, keyword.arg, "unpacked arguments")
                    self.expression(keyword.value)
            case ast.Name():
                _require(node, node.id in self.names, f"the name {node.id}")
            case ast.Attribute():
                self.attribute(node)
            case ast.Constant():
                kinds = (str, bool, int, float, type(None), type(...))
                _require(node, isinstance(node.value, kinds), "a constant")
            case ast.GeneratorExp():
                self.generator(node)
            case _:
                _require(node, isinstance(node, _PLAIN + _SYNTAX), f"a {type(node).__name__}")
                for part in ast.iter_child_nodes(node):
                    self.expression(part)

    def generator(self, node: ast.GeneratorExp) -> None:
        """Its variables are those of nothing else."""
        before = set(self.names)
        for part in node.generators:
            _require(node, not part.is_async, "an asynchronous loop")
            self.expression(part.iter)
            for name in ast.walk(part.target):
                if isinstance(name, ast.Name):
                    self.bind(name, name.id)
                _require(node, isinstance(name, ast.Name | ast.Tuple | ast.expr_context), "an assignment")
            for condition in part.ifs:
                self.expression(condition)
        self.expression(node.elt)
        self.names = before

    def attribute(self, node: ast.Attribute) -> None:
        _require(node, not node.attr.startswith("_"), f"the name {node.attr}")
        owner = node.value
        if _is_name(owner, *_MODULES - self.names):
            named = ast.unparse(node)
            layers = _is_name(owner, "nn") and node.attr in LAYERS
            _require(node, layers or (_is_name(owner, "torch") and node.attr in DTYPES), f"the name {named}")
            return
        _require(node, _is_of_self(node) or node.attr in ("shape", "device"), f"the name {node.attr}")
        self.expression(owner)

    def callable(self, node: ast.expr) -> bool:
        """Whether generated code calls such a thing; what a method belongs to is looked at as well."""
        if isinstance(node, ast.Name):
            known = node.id in _BUILTINS or node.id in self.module.classes
            return node.id in self.held if node.id in self.names else known
        if not isinstance(node, ast.Attribute):
            return False
        owner, name = node.value, node.attr
        if _is_name(owner, *_MODULES - self.names):
            if _is_name(owner, "nn"):
                return name in LAYERS or name in _CONTAINERS
            return ast.unparse(node) in (_BUILTINS if _is_name(owner, "math") else _tensor_calls())
        if _is_name(owner, "self"):
            return name in self.attributes or (name == "register_buffer" and self.node.name == "__init__")
        if isinstance(owner, ast.Call) and _is_name(owner.func, "super"):
            return name == "__init__" and self.node.name == "__init__" and not owner.args
        self.expression(owner)
        return f"torch.{name}" in _tensor_calls() or (name == "append" and isinstance(owner, ast.Name))


def _inside(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Everything in these statements but what generators bind for themselves."""
    for node in body:
        yield node
        if not isinstance(node, ast.GeneratorExp):
            yield from _inside(ast.iter_child_nodes(node))


@cache
def _tensor_calls() -> frozenset[str]:
    """How Python calls the functions of the catalogue."""
    from archspec.functions import FUNCTIONS as TENSORS  # here: it is large, and many specs compute nothing

    return frozenset(function.python for function in TENSORS.values())
