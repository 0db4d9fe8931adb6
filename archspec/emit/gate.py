"""The last check of generated source: it is parsed again and walked against an allow-list.

Everything before it keeps a spec's text out of the code; this finds the day on which something did not. A module is
imports and classes, a class has a constructor and a forward method, and these assign, loop, assert, raise and return.
A name is a variable of its function, or one of the few that generated code knows; what is called is a layer, a function
of the catalogues, a class of the file, or a module that `self` holds.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NoReturn

from archspec.characters import is_visible
from archspec.document import module_problem
from archspec.expressions import CONSTANTS, FUNCTIONS
from archspec.initializers import INITIALIZERS, PARAMETRIZATIONS
from archspec.layers import LAYERS
from archspec.tensors import DTYPES

_FROM = {"torch": {"Tensor", "nn"}, "collections": {"OrderedDict"}, "collections.abc": {"Callable", "Sequence"}}
_FROM |= {"fnmatch": {"fnmatchcase"}}
_FROM |= {"typing": {"Any", "Literal", "NamedTuple"}}
_IMPORTS = {("math", None), ("torch", None), ("torch.nn.functional", "F")}
_MODULES = frozenset(("torch", "nn", "F", "math"))
_BASES = ("nn.Module", "nn.Sequential", "NamedTuple")
_CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "Parameter", "Identity"}
_TYPES = {"Any", "Callable", "Literal", "OrderedDict", "Sequence", "Tensor", "bool", "float", "int", "list", "str"}
_TYPES |= {"tuple"}
_BUILTINS = {"OrderedDict", "ValueError", "float", "fnmatchcase", "list", "make_divisible", "str", "super", "tuple"}
_BUILTINS |= {function.python for function in FUNCTIONS.values()}
_FINDING = ("children", "get_parameter", "get_submodule", "modules", "named_parameters")
_CATALOGUES = {"nn.init": INITIALIZERS, "nn.utils.parametrizations": PARAMETRIZATIONS}
_PROTECTED = _MODULES | {name for names in _FROM.values() for name in names} | {"ValueError", "self", "super"}
_PLAIN: tuple[type[ast.AST], ...] = (ast.BinOp, ast.BoolOp, ast.Compare, ast.FormattedValue, ast.IfExp, ast.JoinedStr)
_PLAIN += (ast.List, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp)
_SYNTAX = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
_COLLECTED = re.compile(r"tied(_[0-9]+)?")  # lists of modules that share a parameter
_ENCODING = re.compile(r"^[^\n]*coding[:=]", re.MULTILINE)


class GateError(Exception):
    """Generated source holds what no template and no emitter writes: a bug of ours."""


def check(source: str, own: Collection[str] = ()) -> None:
    """Raises GateError unless the source is made only of what generated code is made of.

    `own` are dotted names of classes that the caller allows.
    """
    if not source.endswith("\n") or not all(map(is_visible, source.split("\n"))):
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


def require(node: ast.AST, holds: object, what: str) -> None:
    """Raises GateError, at the node's line, unless it holds."""
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
                if node.name == "make_divisible":
                    _Function(self, node, set()).check()
                else:
                    self.variant(node)
            else:
                require(node, index == 0 and _is_text(node), f"a {type(node).__name__}")

    def variant(self, node: ast.FunctionDef) -> None:
        """A function that makes the network: `settings: dict[str, Any] = {…}`, `return Net(**settings | overrides)`."""
        given = node.args.kwarg
        several = node.args.args or node.args.posonlyargs or node.args.kwonlyargs or node.args.vararg
        sound = given is not None and not several and not node.decorator_list
        require(node, sound and given is not None and _is_name(given.annotation, "Any"), "a signature")
        require(
            node, node.name not in _PROTECTED | _BUILTINS and not node.name.startswith("_"), "the name of a function"
        )
        require(node, _is_name(node.returns, *self.classes), "an annotation")
        first, *settings, last = node.body
        require(first, settings == [] or len(settings) == 1, "a statement")
        require(first, _is_text(first), "a function without a docstring")
        passed = f"**{given.arg}" if given is not None else ""
        for one in settings:
            match one:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(keys=keys, values=values)):
                    require(one, ast.unparse(one.annotation) == "dict[str, Any]", "an annotation")
                    require(one, name not in _PROTECTED, f"the name {name}")
                    require(one, all(isinstance(k, ast.Constant) and isinstance(k.value, str) for k in keys), "a key")
                    passed = f"**{name} | {passed[2:]}"
                    for value in values:
                        _Function(self, node, set()).expression(value)
                case _:
                    _refuse(one, "a statement")
        assert isinstance(node.returns, ast.Name)
        require(last, ast.unparse(last) == f"return {node.returns.id}({passed})", "a statement")

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            require(node, all((a.name, a.asname) in _IMPORTS for a in node.names), "an import")
            return
        module = node.module or ""
        known = _FROM.get(module, set())
        sound = all(not a.asname and (a.name in known or (module, a.name) in self.own) for a in node.names)
        require(node, sound and not node.level, "an import")

    def defines(self, node: ast.ClassDef) -> None:
        bases = [ast.unparse(base) for base in node.bases]
        require(node, len(bases) == 1 and bases[0] in _BASES and not node.keywords, "a base class")
        require(node, not node.decorator_list, "a decorator")
        added = set(_added(node))
        require(node, not any(map(str.isidentifier, added)), "a module that is added")
        _Members(added).visit(node)
        attributes = set(_attributes(node)) | added
        for index, part in enumerate(node.body):
            if isinstance(part, ast.AnnAssign):
                require(part, part.value is None and part.simple, "a class attribute")
                _type(part.annotation, self.classes)
            elif isinstance(part, ast.FunctionDef):
                require(part, part.name in ("__init__", "forward") and bases != ["NamedTuple"], "a method")
                _Function(self, part, attributes).check()
            else:
                require(part, index == 0 and _is_text(part), f"a {type(part).__name__} in a class")


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """What a class assigns to `self`, which are the modules and values that it holds."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and _is_name(part.value, "self"):
            yield part.attr


def _added(node: ast.ClassDef) -> Iterator[str]:
    """The names of the modules that a class adds to `self` because they are no identifiers."""
    for part in ast.walk(node):
        match part:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="self"), attr="add_module"), args=[name, _], keywords=[]
            ):
                require(part, isinstance(name, ast.Constant) and isinstance(name.value, str), "a module that is added")
                assert isinstance(name, ast.Constant)
                yield str(name.value)


class _Members(ast.NodeTransformer):
    """`getattr(self, "block1-0")`, where a module of that name is added, as the attribute that it is."""

    def __init__(self, added: Collection[str]) -> None:
        self.added = added

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id="self") as owner, ast.Constant(value=name)]):
                if isinstance(name, str) and name in self.added and not node.keywords:
                    return ast.copy_location(ast.Attribute(owner, name, ast.Load()), node)
        return self.generic_visit(node)


def _is_name(node: ast.AST | None, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _is_of_self(node: ast.expr) -> bool:
    """Whether an attribute is one of `self`, or of what `self` holds: `self.wte.weight`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return _is_name(node, "self")


def _is_attribute(node: ast.expr) -> bool:
    """Whether an expression is an attribute of `self`, as a list of layers is."""
    return isinstance(node, ast.Attribute) and _is_name(node.value, "self")


def _indexed(node: ast.expr) -> ast.expr:
    """What an index, or an index of one, is taken of."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _modules_of(target: ast.expr, iterable: ast.expr) -> Iterator[str]:
    """The variables of a loop that hold the layers of a list: `i, (layer, x) in enumerate(zip(self.layers, xs))`."""
    match iterable:
        case ast.Attribute() if isinstance(target, ast.Name) and _is_attribute(iterable):
            yield target.id
        case ast.Subscript(value=whole, slice=ast.Slice()) if isinstance(target, ast.Name) and _is_attribute(whole):
            yield target.id
        case ast.Call(func=ast.Name(id="zip"), args=lists) if isinstance(target, ast.Tuple):
            for one, over in zip(target.elts, lists, strict=False):
                yield from _modules_of(one, over)
        case ast.Call(func=ast.Name(id="enumerate"), args=[first, *_]) if isinstance(target, ast.Tuple):
            yield from _modules_of(target.elts[-1], first)


def _is_module(node: ast.expr, names: Collection[str]) -> bool:
    """Whether it is a module that a constructor has made: `self.head[1]`, `layers[-1].get_submodule("0.fc")`."""
    match node:
        case ast.Name():
            return node.id in names
        case ast.Subscript():
            return _is_name(node.value, *names) or _is_module(node.value, ("self",))
        case ast.Attribute():
            return _is_module(node.value, names)
        case ast.Call(func=ast.Attribute(attr="get_submodule" | "children") as method, keywords=[]):
            return _is_module(method.value, names)
    return False


def _is_parameter(node: ast.expr | None, names: Collection[str]) -> bool:
    """Whether it is a parameter of a module: `self.embed.weight`, `self.s.get_parameter("0.weight")`."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get_parameter") as method, args=[ast.Constant(value=str())]):
            return _is_module(method.value, names) and not node.keywords
        case ast.Attribute():
            return _is_of_self(node)
    return False


def _root(node: ast.expr) -> ast.expr:
    """What a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _is_kind(node: ast.expr, classes: Collection[str]) -> bool:
    """Whether it is a class of the file, a layer, or several of them: `nn.Conv2d | nn.Linear`."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_kind(left, classes) and _is_kind(right, classes)
        case ast.Attribute(value=ast.Name(id="nn"), attr=name):
            return name in LAYERS
        case ast.Name(id=name):
            return name in classes
    return False


def _type(node: ast.expr | None, classes: Collection[str]) -> None:
    """An annotation: names of types, `|` and `[]`, and the words of a Literal, which alone are text."""
    match node:
        case None | ast.Constant(value=None) | ast.Constant(value=builtins.Ellipsis):
            pass
        case ast.Name():
            require(node, node.id in _TYPES or node.id in classes, "an annotation")
        case ast.BinOp(op=ast.BitOr()):
            _type(node.left, classes)
            _type(node.right, classes)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=words):
            parts = words.elts if isinstance(words, ast.Tuple) else [words]
            sound = all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)
            require(node, sound, "an annotation")
        case ast.Subscript(value=ast.Name() as name, slice=inside):
            for part in (name, *(inside.elts if isinstance(inside, ast.Tuple) else [inside])):
                _type(part, classes)
        case _:
            require(node, ast.unparse(node) == "nn.Module", "an annotation")


class _Function:
    """A constructor, a forward method, or a function of the file."""

    def __init__(self, module: _Module, node: ast.FunctionDef, attributes: set[str]) -> None:
        self.module = module
        self.node = node
        self.attributes = attributes
        self.names: set[str] = set()  # its arguments and variables
        self.held: set[str] = set()  # those of them that hold a layer
        self.held_kinds: set[str] = set()  # those of them that are a module of a known class

    def check(self) -> None:
        node, given = self.node, self.node.args
        several = given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg
        require(node, not several and not node.decorator_list, "a signature")
        for argument in given.args:
            _type(argument.annotation, self.module.classes)
            self.bind(argument, argument.arg, itself=argument is given.args[0] and node.name != "make_divisible")
            if argument.annotation is not None and ast.unparse(argument.annotation).startswith("Callable["):
                self.held.add(argument.arg)
        _type(node.returns, self.module.classes)
        for default in given.defaults:
            require(default, not any(isinstance(part, ast.Call) for part in ast.walk(default)), "a default")
            self.expression(default)
        for part in _inside(node.body):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self.bind(part, part.id)
        self.statements(node.body)

    def bind(self, node: ast.AST, name: str, *, itself: bool = False) -> None:
        taken = _PROTECTED
        if self.node.name == "__init__":
            taken = taken - {"F"}  # no constructor calls a function of torch.nn.functional, and features are often F
        require(node, name == "self" if itself else name not in taken, f"the name {name}")
        require(node, not name.startswith("_") or name == "_", f"the name {name}")
        self.names.add(name)

    def statements(self, body: Iterable[ast.stmt]) -> None:
        for index, node in enumerate(body):
            self.statement(node, first=index == 0)

    def statement(self, node: ast.stmt, *, first: bool) -> None:
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self.target(target, node.value)
                if isinstance(node, ast.AnnAssign):
                    _type(node.annotation, self.module.classes)
                if node.value is not None:
                    self.expression(node.value)
            case ast.For():
                self.target(node.target)
                self.held |= set(_modules_of(node.target, node.iter))
                self.expression(node.iter)
                self.statements([*node.body, *node.orelse])
            case ast.If(test=ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name() as one, kind])):
                require(node, one.id in self.names and _is_kind(kind, self.module.classes), "a test of a type")
                self.held_kinds.add(one.id)
                self.statements([*node.body, *node.orelse])
            case ast.Continue():
                require(node, self.node.name == "__init__", "a continue")
            case ast.If():
                self.expression(node.test)
                self.statements([*node.body, *node.orelse])
            case ast.Return(value=ast.expr() as value):
                self.expression(value)
            case ast.Raise(exc=ast.Call() as error, cause=None):
                require(node, _is_name(error.func, "ValueError"), "an exception")
                self.expression(error)
            case ast.Assert(test=ast.Compare() as test, msg=None):
                self.expression(test)
            case ast.Expr(value=ast.Call() as call):
                self.expression(call)
            case _:
                require(node, first and _is_text(node), f"a {type(node).__name__}")

    def target(self, node: ast.expr, value: ast.expr | None = None) -> None:
        """What is assigned to: a variable, several, an entry of one, what `self` holds, or a weight of a module."""
        if isinstance(node, ast.Tuple):
            for part in node.elts:
                self.target(part)
        elif isinstance(node, ast.Attribute):
            require(node, self.node.name == "__init__", "an assignment")
            if not _is_of_self(node):
                sound = _is_module(node.value, self.names) and _is_parameter(value, self.names)
                require(node, sound, "an assignment")
            self.attribute(node)
        elif isinstance(node, ast.Subscript):
            listed = self.node.name == "__init__" and _is_attribute(_indexed(node))
            require(node, isinstance(node.value, ast.Name) or listed, "an assignment")
            self.expression(node)
        else:
            require(node, isinstance(node, ast.Name), "an assignment")

    def expression(self, node: ast.AST) -> None:
        match node:
            case ast.Call(func=ast.Name(id="OrderedDict"), args=[ast.Dict(keys=keys, values=values)], keywords=[]):
                require(node, None not in keys, "an unpacked mapping")
                for entry in (*keys, *values):
                    if entry is not None:
                        self.expression(entry)
            case ast.Call():
                require(node, self.callable(node.func), f"a call of {ast.unparse(node.func)}")
                for argument in node.args:
                    self.expression(argument)
                for keyword in node.keywords:
                    require(keyword, keyword.arg, "unpacked arguments")
                    self.expression(keyword.value)
            case ast.Name():
                require(node, node.id in self.names, f"the name {node.id}")
            case ast.Attribute():
                self.attribute(node)
            case ast.Constant():
                kinds = (str, bool, int, float, type(None), type(...))
                require(node, isinstance(node.value, kinds), "a constant")
            case ast.GeneratorExp() | ast.ListComp():
                self.generator(node)
            case _:
                require(node, isinstance(node, _PLAIN + _SYNTAX), f"a {type(node).__name__}")
                for part in ast.iter_child_nodes(node):
                    self.expression(part)

    def generator(self, node: ast.GeneratorExp | ast.ListComp) -> None:
        """Its variables are those of nothing else."""
        before, held = set(self.names), set(self.held)
        for part in node.generators:
            require(node, not part.is_async, "an asynchronous loop")
            self.expression(part.iter)
            for name in ast.walk(part.target):
                if isinstance(name, ast.Name):
                    self.bind(name, name.id)
                require(node, isinstance(name, ast.Name | ast.Tuple | ast.expr_context), "an assignment")
            self.held |= set(_modules_of(part.target, part.iter))
            for condition in part.ifs:
                self.expression(condition)
        self.expression(node.elt)
        self.names, self.held = before, held

    def attribute(self, node: ast.Attribute) -> None:
        owner = node.value
        own = _is_name(owner, "self") and node.attr in self.attributes and module_problem(node.attr) is None
        require(node, own or not node.attr.startswith("_"), f"the name {node.attr}")
        if _is_name(owner, *_MODULES - self.names):
            named = ast.unparse(node)
            layers = _is_name(owner, "nn") and node.attr in LAYERS
            constants = _is_name(owner, "math") and node.attr in CONSTANTS
            dtypes = _is_name(owner, "torch") and node.attr in DTYPES
            require(node, layers or constants or dtypes, f"the name {named}")
            return
        sound = _is_of_self(node) or isinstance(node.ctx, ast.Store) or node.attr in ("shape", "device")
        sound = sound or (self.node.name == "__init__" and _is_name(_root(node), *self.held_kinds))
        sound = sound or (self.node.name == "__init__" and _COLLECTED.fullmatch(node.attr) is not None)
        require(node, sound, f"the name {node.attr}")
        self.expression(owner)

    def callable(self, node: ast.expr) -> bool:
        """Whether generated code calls such a thing; what a method belongs to is looked at as well."""
        if isinstance(node, ast.Name):
            known = node.id in _BUILTINS or node.id in self.module.classes
            return node.id in self.held if node.id in self.names else known
        if isinstance(node, ast.Subscript):
            self.expression(node)  # an item of a list of modules
            return _is_attribute(_indexed(node)) or _is_name(_indexed(node), *self.held)
        match node:
            case ast.Call(func=ast.Attribute(attr="get_submodule") as found, args=[text], keywords=[]):
                require(node, isinstance(text, ast.Constant | ast.JoinedStr), "the name of a module")
                self.expression(text)
                base = _indexed(found.value)
                self.expression(found.value)
                return _is_attribute(base) or _is_name(base, *self.held)
        if not isinstance(node, ast.Attribute):
            return False
        owner, name = node.value, node.attr
        if _is_name(owner, *_MODULES - self.names):
            if _is_name(owner, "nn"):
                return name in LAYERS or name in _CONTAINERS
            return ast.unparse(node) in (_BUILTINS if _is_name(owner, "math") else _tensor_calls())
        if self.node.name == "__init__" and "nn" not in self.names and ast.unparse(owner) in _CATALOGUES:
            return name in _CATALOGUES[ast.unparse(owner)]
        if _is_name(owner, "Tensor") or (
            isinstance(owner, ast.Attribute) and _is_name(owner.value, *_MODULES - self.names)
        ):
            return ast.unparse(node) in _tensor_calls()
        constructs = self.node.name == "__init__"
        if constructs and name in ("startswith", "endswith") and isinstance(owner, ast.Name):
            return owner.id in self.names
        if constructs and name == "requires_grad_":
            self.expression(owner)
            return True
        if constructs and name in _FINDING and _is_module(owner, self.names):
            return True
        if _is_name(owner, "self"):
            return name in self.attributes or (constructs and name in ("add_module", "register_buffer"))
        if isinstance(owner, ast.Call) and _is_name(owner.func, "super"):
            return name == "__init__" and constructs and not owner.args
        if name == "get_parameter" and _is_attribute(_indexed(owner)):
            return True
        self.expression(owner)
        if constructs and name == "clone":
            return True
        functions = {f"torch.{name}", f"Tensor.{name}"} & _tensor_calls()
        return bool(functions) or (name == "append" and isinstance(_indexed(owner), ast.Name | ast.Attribute))


def _inside(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Everything in these statements but what generators bind for themselves."""
    for node in body:
        yield node
        if not isinstance(node, ast.GeneratorExp | ast.ListComp):
            yield from _inside(ast.iter_child_nodes(node))


@cache
def _tensor_calls() -> frozenset[str]:
    """How Python calls the functions of the catalogue."""
    from archspec.functions import FUNCTIONS as TENSORS  # here: it is large, and many specs compute nothing

    return frozenset(function.python for function in TENSORS.values())
