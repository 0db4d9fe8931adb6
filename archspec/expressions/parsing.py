"""Text -> constructs: Python's own parser, and an allow-list of what it may find.

There is no attribute, no method, no lambda, no comprehension; a call is by bare name. Whether a function of that name
exists is the affair of whoever evaluates.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from functools import lru_cache
from itertools import pairwise

from archspec.dimensions import LARGEST
from archspec.expressions.errors import ExpressionError
from archspec.expressions.nodes import (
    DEEPEST,
    Binary,
    Compare,
    Conditional,
    FunctionCall,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Starred,
    Unary,
)

LONGEST_TEXT = 200

_UNARY: dict[type[ast.AST], str] = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not", ast.Invert: "~"}
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_COMPARE: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_WITH_NONE = {"==": "is", "!=": "is not"}
_INFINITY = re.compile(r"([-+]?)inf(?:inity)?")
NAMESPACES = ("fft", "linalg", "special")
"""What stands before the dot in the names of functions: `fft.rfft`."""
_METHODS = (
    "only weights of layers are attributes, as `fc.weight`: dimensions have names, and methods are functions, "
    "as `reshape(x, …)`"
)
_LOOPS = "write the list out, or make it a parameter"
_BEYOND: dict[type[ast.AST], tuple[str, str]] = {  # what people may try: how messages call it, and what to write
    ast.Attribute: ("an attribute", _METHODS),
    ast.Lambda: ("a lambda", "write the expression directly, or make it a block"),
    ast.ListComp: ("a comprehension", _LOOPS),
    ast.SetComp: ("a comprehension", _LOOPS),
    ast.DictComp: ("a comprehension", _LOOPS),
    ast.GeneratorExp: ("a comprehension", _LOOPS),
    ast.Dict: ("a dict", "write a list"),
    ast.Set: ("a set", "write a list"),
    ast.JoinedStr: ("an f-string", "values are inserted into text only in `name:`"),
    ast.NamedExpr: ("`:=`", "define the name in `let:`"),
    ast.Starred: ("`*` outside of a list or call", "use it in a list or call: `[x, *values]`"),
    ast.Is: ("`is` with a value other than None", "compare with `==`"),
    ast.IsNot: ("`is not` with a value other than None", "compare with `!=`"),
    ast.LShift: ("`<<`", "multiply by a power of 2"),
    ast.RShift: ("`>>`", "divide by a power of 2: `//`"),
}


WEIGHT = re.compile(r"[A-Za-z]\w*\.([a-z]\w*\.)*(\w+_)?(weight|bias)(_\w+)?", re.ASCII)
"""A weight of a step by what PyTorch calls it: `qkv.weight`, `attn.in_proj_weight`, `lstm.bias_hh_l0`."""


def compile_value(value: object, *, words: frozenset[str] | None = None) -> Node:
    """A value of a spec as a construct: a string is an expression, a list holds values, all else stands for itself.

    Where `words` is given, the place takes words: a string is an expression only if it is one over those
    declared names, and any other word stands for itself. Where they are none, every string does.
    """
    if isinstance(value, list | tuple):
        return Items(tuple(compile_value(item, words=words) for item in value))
    if isinstance(value, dict):
        advice = "write a number, a name, an expression or a list"
        raise ExpressionError("AS202", "a mapping where a value is expected", advice)
    if not isinstance(value, str):
        return Literal(value)
    if words is None:
        return parse(value)
    if value.isidentifier() or not words:
        return Name(value, 0) if value in words else Literal(value)
    try:
        node = parse(value)
    except ExpressionError:
        return Literal(value)
    names = {part.name for part in node.walk() if isinstance(part, Name)}
    return node if names <= words else Literal(value)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The expression that a text says; ExpressionError where it is none, or beyond the safe subset."""
    if len(text) > LONGEST_TEXT:
        message = f"an expression has at most {LONGEST_TEXT} characters; this has {len(text)}"
        raise ExpressionError("AS102", message, "compute a part of it in `let:`")
    if not text.isascii() or "\\" in text or not text.replace("\n", " ").isprintable():
        from archspec.expressions.mistakes import not_plain  # here: only a mistake needs it

        raise not_plain(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of `1if x` is its parser's affair
            tree = ast.parse(text.strip().replace("\n", " "), mode="eval")
        return _SyntaxReader(text).document(tree.body)
    except SyntaxError as error:
        lead = len(text) - len(text.lstrip())
        from archspec.expressions.mistakes import unreadable  # here: only a mistake needs it

        raise unreadable(text, min(max(0, error.offset - 1) + lead, len(text)) if error.offset else None) from None
    except (RecursionError, MemoryError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError("AS301", "the expression is nested too deeply") from None


class _SyntaxReader:
    """Python's syntax tree as constructs, by an allow-list."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lead = len(text) - len(text.lstrip())

    def document(self, tree: ast.expr) -> Node:
        node = self.read(tree)
        if node.depth > DEEPEST:
            raise ExpressionError("AS301", f"the expression is nested more than {DEEPEST} levels deep")
        if "#" in self.text:
            self.refuse_comment(tree)
        return node

    def refuse_comment(self, tree: ast.expr) -> None:
        """Refuses a `#` outside of strings: Python would drop it, with all that a person wrote behind it."""
        strings = [self.span(part) for part in ast.walk(tree) if isinstance(part, ast.Constant)]
        for offset, character in enumerate(self.text):
            if character == "#" and not any(start <= offset < end for start, end in strings):
                advice = "write it after the value, or on its own line"
                raise ExpressionError("AS302", "a comment in an expression", advice, offset)

    def span(self, tree: ast.AST) -> tuple[int, int]:
        start = getattr(tree, "col_offset", 0)
        return start + self.lead, max(start + 1, getattr(tree, "end_col_offset", 0)) + self.lead

    def refusal(self, tree: ast.AST, message: str, help: str = "", code: str = "AS302") -> ExpressionError:
        start, end = self.span(tree)
        return ExpressionError(code, message, help, start, end - start)

    def beyond(self, tree: ast.AST, construct: ast.AST) -> ExpressionError:
        """The refusal of something that Python has and the language has not."""
        what, instead = _BEYOND.get(type(construct), (f"`{type(construct).__name__.lower()}`", ""))
        error = self.refusal(tree, f"{what} is not part of the language", instead)
        from archspec.expressions.mistakes import beyond  # here: only a mistake needs it

        beyond(error, tree, self.lead)
        return error

    def read(self, tree: ast.expr) -> Node:
        node = self.construct(tree)
        node.place = self.span(tree)
        return node

    def construct(self, tree: ast.expr) -> Node:
        match tree:
            case ast.Constant():
                return self.constant(tree)
            case ast.Name():
                return Name(tree.id, self.span(tree)[0])
            case ast.Attribute(value=ast.Name() | ast.Attribute()) if WEIGHT.fullmatch(ast.unparse(tree)):
                return Name(ast.unparse(tree), self.span(tree)[0])  # of a step: `qkv.weight`
            case ast.UnaryOp() if type(tree.op) in _UNARY:
                return Unary(_UNARY[type(tree.op)], self.read(tree.operand))
            case ast.BinOp() if type(tree.op) in _BINARY:
                return Binary(_BINARY[type(tree.op)], self.read(tree.left), self.read(tree.right))
            case ast.Compare():
                return self.compare(tree)
            case ast.BoolOp():
                return Logic("and" if isinstance(tree.op, ast.And) else "or", self.all(tree.values))
            case ast.IfExp():
                return Conditional(self.read(tree.test), self.read(tree.body), self.read(tree.orelse))
            case ast.Subscript():
                return Index(self.read(tree.value), self.index(tree.slice))
            case ast.Slice():
                parts = (tree.lower, tree.upper, tree.step)
                return Slice(*(None if part is None else self.read(part) for part in parts))
            case ast.Tuple() | ast.List():
                return Items(self.several(tree.elts), listed=isinstance(tree, ast.List))
            case ast.Call():
                return self.call(tree)
            case ast.UnaryOp() | ast.BinOp():
                raise self.beyond(tree, tree.op)
        raise self.beyond(tree, tree)

    def index(self, tree: ast.expr) -> Node:
        """What stands between brackets, where `...` is one of the items."""
        if isinstance(tree, ast.Constant) and tree.value is ...:
            return Literal(...)
        return Items(tuple(map(self.index, tree.elts))) if isinstance(tree, ast.Tuple) else self.read(tree)

    def compare(self, tree: ast.Compare) -> Compare:
        """A chain of comparisons. `is` compares with None alone, and what is equal to None is None."""
        sides = [tree.left, *tree.comparators]
        operators = []
        for op, pair in zip(tree.ops, pairwise(sides), strict=True):
            with_none = any(isinstance(side, ast.Constant) and side.value is None for side in pair)
            if isinstance(op, ast.Is | ast.IsNot) and not with_none:
                raise self.beyond(tree, op)
            operator = _COMPARE[type(op)]
            operators.append(_WITH_NONE.get(operator, operator) if with_none else operator)
        return Compare(tuple(operators), self.all(sides))

    def all(self, trees: list[ast.expr]) -> tuple[Node, ...]:
        return tuple([self.read(tree) for tree in trees])

    def several(self, trees: list[ast.expr]) -> tuple[Node, ...]:
        """The items of a list, or the arguments of a call, where `*values` stands for each of them."""
        found = []
        for tree in trees:
            starred = isinstance(tree, ast.Starred)
            node = Starred(self.read(tree.value)) if isinstance(tree, ast.Starred) else self.read(tree)
            node.place = self.span(tree) if starred else node.place
            found.append(node)
        return tuple(found)

    def constant(self, tree: ast.Constant) -> Node:
        value = tree.value
        if isinstance(value, str):
            if "\n" in self.text[slice(*self.span(tree))]:
                raise self.refusal(tree, "a line break in a string", "write the string on one line")
            return Literal(value)
        if isinstance(value, bool) or value is None:
            return Literal(value)
        if isinstance(value, int | float):
            if value > LARGEST if isinstance(value, int) else math.isinf(value):
                limit = "64 bits" if isinstance(value, int) else "the range of a float: the largest number is `inf`"
                raise self.refusal(tree, f"the number exceeds {limit}", code="AS305")
            return Literal(value)
        if value is ...:
            raise self.refusal(tree, "`...` outside of an index", "it means the axes in between: `x[..., 0]`")
        raise self.refusal(tree, "bytes and complex numbers are not part of the language")

    def call(self, tree: ast.Call) -> Node:
        if not isinstance(tree.func, ast.Name) and not _in_namespace(tree.func):
            raise self.not_by_name(tree)
        match tree:
            case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]):
                return self.number(tree, text)
        keywords = []
        for keyword in tree.keywords:
            if keyword.arg is None:
                raise self.refusal(keyword, "`**` before an argument is not part of the language", "name each value")
            keywords.append((keyword.arg, self.read(keyword.value)))
        call = FunctionCall(ast.unparse(tree.func), self.several(tree.args), tuple(keywords), self.span(tree.func)[0])
        call.keyword_places = {str(keyword.arg): self.span(keyword)[0] for keyword in tree.keywords}
        return call

    def number(self, tree: ast.Call, text: str) -> Node:
        """Python's spelling of infinity: `float("-inf")`."""
        if not (match := _INFINITY.fullmatch(text.strip().lower())):
            raise self.refusal(tree, f"float({text!r})", "write the number itself; the constants are `inf` and `pi`")
        return Literal(-math.inf if match[1] == "-" else math.inf)

    def not_by_name(self, tree: ast.Call) -> ExpressionError:
        """The refusal of a method, or of a function with its module before it."""
        error = self.refusal(tree.func, "only functions can be called, by their plain names", _METHODS)
        made = tree.func.func if isinstance(tree.func, ast.Call) else tree.func
        name = made.attr if isinstance(made, ast.Attribute) else made.id if isinstance(made, ast.Name) else ""
        if name[:1].isupper():
            error.help = f"a layer must be a separate step; read it by its name: `fc: {{{name}: …}}`"
            return error
        from archspec.expressions.mistakes import called  # here: as above

        instead = called(tree, self.text.strip().replace("\n", " "))
        if instead is not None:
            error.rewrite, error.help = (*self.span(tree), instead[0]), instead[1]
        return error


def _in_namespace(tree: ast.expr) -> bool:
    """Whether what is called is a name in one of torch's own namespaces: `linalg.norm`."""
    return isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name) and tree.value.id in NAMESPACES
