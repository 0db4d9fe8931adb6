"""What a person did where Python's parser finds no expression, or one beyond the language; and what to write instead.

Python's own words for it change from version to version, and tell of Python, not of specs.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from archspec.characters.lookalikes import disguised, named, plain, told
from archspec.expressions.errors import ExpressionError

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'[^'\n]*'|"[^"\n]*")|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)
    |(?P<operator>\*\*|//|==|!=|<=|>=|<<|>>|&&|\|\||->|:=|\S))""",
    re.VERBOSE,
)
_WORDS = {"&&": "and", "||": "or", "!": "not"}
_OPENING, _CLOSING = "([{", ")]}"
_INFIX = frozenset(
    (
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "@",
        "&",
        "|",
        "^",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "and",
        "or",
        "in",
        "not",
    )
)
_EXAMPLE = "write it as in Python: `2 * width`, `width if deep else 8`, `depths[0]`"

# Methods of tensors that are functions of the same name here, or of the name that stands behind them.
METHODS = {"view": "reshape", "size": ""} | {
    name: name
    for name in "abs add argmax chunk clamp cos cumsum div exp flatten log matmul max mean min mul permute pow relu"
    " reshape roll sigmoid sin softmax split sqrt squeeze std sub sum tanh transpose unbind unflatten unsqueeze"
    " var".split()
}
_TAKES_LIST = ("reshape", "permute", "roll")  # what the method takes one by one: `x.permute(0, 2, 1)`
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_LIBRARIES = ("torch", "F", "nn", "functional", "math")


_ODD = re.compile(r"[^\n\x20-\x5b\x5d-\x7e]")


def not_plain(text: str) -> ExpressionError:
    """The refusal of a text that holds something else than plain ASCII, at the first such character."""
    found = disguised(text)
    at = found[0] if found else next(match.start() for match in _ODD.finditer(text))
    message, advice = told(text[at]) if found else (f"an expression cannot contain {named(text[at])}", "remove it")
    if text[at] == "\t":
        message, advice = "a tab in an expression", "write a space"
    elif not found and text[at].isalpha():
        message = f"names consist of ASCII letters, digits and `_`; {named(text[at])} is not allowed"
        advice = "rename it"
    error = ExpressionError("AS302", message, advice, at)
    instead = plain(text).replace("\t", " ")
    if instead.isascii() and instead.isprintable() and "\\" not in instead:
        error.rewrite = (0, len(text), instead)
    return error


class _Token:
    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, match: re.Match[str]) -> None:
        self.kind = match.lastgroup or ""
        self.start, self.end = match.span(self.kind)
        self.text = match[self.kind]

    @property
    def ends_a_value(self) -> bool:
        return self.text in _CLOSING or (self.kind != "operator" and not self.is_word)

    @property
    def begins_a_value(self) -> bool:
        return self.text in ("(", "[") or (self.kind != "operator" and not self.is_word)

    @property
    def is_word(self) -> bool:
        return keyword.iskeyword(self.text) and self.text not in ("True", "False", "None")


def unreadable(text: str, at: int | None) -> ExpressionError:
    """Why a text that Python's parser refuses (at `at`, if it says where) is no expression."""
    tokens = [_Token(match) for match in _TOKEN.finditer(text)]
    for find in (_replaced, _brackets, _assigned, _broken_off, _conditional, _side_by_side, _word):
        for message, token, advice, rewrite in find(tokens):
            error = ExpressionError("AS301", message, advice, token.start, token.end - token.start)
            error.rewrite = rewrite
            return error
    return ExpressionError("AS301", "this is not a valid expression", _EXAMPLE, at)


Found = Iterator[tuple[str, _Token, str, tuple[int, int, str] | None]]


def _replaced(tokens: list[_Token]) -> Found:
    """Operators that other languages have."""
    for token in tokens:
        if token.text in _WORDS:
            word = _WORDS[token.text]
            new = f"{word} " if word == "not" else word
            yield f"`{token.text}` is not an operator", token, f"write `{word}`", (token.start, token.end, new)
        if token.text == "?":
            yield "`?` is not an operator", token, "write `a if condition else b`", None


def _brackets(tokens: list[_Token]) -> Found:
    """Brackets that do not go together."""
    opened: list[_Token] = []
    for token in tokens:
        if token.text in _OPENING:
            opened.append(token)
        elif token.text in _CLOSING:
            before = opened.pop().text if opened else " "
            if _OPENING.find(before) != _CLOSING.index(token.text):
                yield f"`{token.text}` closes nothing", token, "remove it, or add the opening bracket", None
    if opened:
        missing = _CLOSING[_OPENING.index(opened[-1].text)]
        yield f"`{opened[-1].text}` is not closed", opened[-1], f"add the matching `{missing}`", None


def _assigned(tokens: list[_Token]) -> Found:
    """A single `=`: within the brackets of a call it names an argument."""
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "=" and not depth:
            rewrite = (token.start, token.end, "==")
            yield "`=` is assignment, which expressions do not have", token, "write `==` to compare", rewrite


def _broken_off(tokens: list[_Token]) -> Found:
    """An operator without a value on one of its sides."""
    for before, token, following in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.text not in _INFIX:
            continue
        out = f"or remove `{token.text}`"
        if following is None or following.text in (*_CLOSING, ","):
            yield f"there is nothing after `{token.text}`", token, f"write a value after it, {out}", None
        takes_one = token.text in ("+", "-", "~", "not") or (before is not None and before.text == "not")
        if not takes_one and (before is None or before.text in (*_OPENING, ",", *_INFIX)):
            yield f"there is nothing before `{token.text}`", token, f"write a value before it, {out}", None


def _conditional(tokens: list[_Token]) -> Found:
    """`if` without `else`, or the other way round."""
    words = [token for token in tokens if token.text in ("if", "else")]
    count = sum(1 if token.text == "if" else -1 for token in words)
    if count > 0:
        token = next(token for token in words if token.text == "if")
        yield "`if` without `else`", token, "write both values: `a if condition else b`", None
    if count < 0:
        token = next(token for token in words if token.text == "else")
        yield "`else` without `if`", token, "write the condition as well: `a if condition else b`", None
    if tokens and tokens[0].text == "if":
        yield "the condition comes first", tokens[0], "write it between the values: `a if condition else b`", None


def _side_by_side(tokens: list[_Token]) -> Found:
    """Two values and no operator between them: `2 width`, `a b`."""
    for first, second in itertools.pairwise(tokens):
        call = second.text in ("(", "[") and first.kind == "name"
        if first.ends_a_value and second.begins_a_value and not call:
            message = f"`{first.text}` and `{second.text}` have no operator between them"
            yield message, second, f"add an operator, such as `{first.text} * {second.text}`", None


def _word(tokens: list[_Token]) -> Found:
    """A word of Python's own where a name is meant."""
    for token in tokens:
        if token.is_word and token.text not in (*_INFIX, "if", "else", "lambda", "for", "is"):
            yield f"`{token.text}` is a Python keyword", token, "choose another name", None


def called(tree: ast.Call, text: str) -> tuple[str, str] | None:
    """A call that is not by bare name as it is written here: what to write, and in words; None where that is open.

    `torch.relu(x)` is `relu(x)`, `x.flatten(1)` is `flatten(x, 1)`; `text` is the expression from its first column.
    """
    function = tree.func
    if not isinstance(function, ast.Attribute) or any(isinstance(one, ast.Starred) for one in tree.args):
        return None
    inside = [ast.get_source_segment(text, one) or "" for one in tree.args]
    inside += [f"{one.arg}={ast.get_source_segment(text, one.value)}" for one in tree.keywords if one.arg]
    owner = ast.get_source_segment(text, function.value) or ""
    if owner.split(".")[0] in _LIBRARIES:
        space = [part for part in owner.split(".") if part not in _LIBRARIES]
        bare = ".".join((*space, function.attr))
        return f"{bare}({', '.join(inside)})", f"call functions by their plain names: `{bare}(…)`"
    name = METHODS.get(function.attr)
    if not name:
        return None
    if (
        name in _TAKES_LIST
        and not tree.keywords
        and not (len(tree.args) == 1 and isinstance(tree.args[0], ast.List | ast.Tuple))
    ):
        inside = [f"[{', '.join(inside)}]"]
    owner = f"({owner})" if isinstance(function.value, ast.Tuple) else owner
    return (
        f"{name}({', '.join((owner, *inside))})",
        f"a method is a function here: `{name}({owner if owner.isidentifier() else 'x'}, …)`",
    )


def beyond(error: ExpressionError, tree: ast.AST, lead: int) -> None:
    """Adds to the refusal of a construct how the same is written here, where that is one thing."""
    place = (getattr(tree, "col_offset", 0) + lead, getattr(tree, "end_col_offset", 0) + lead)
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        if tree.value.id == "self":
            error.help = f"there is no `self`: use the plain name, `{tree.attr}`"
            error.rewrite = (*place, tree.attr)
        elif tree.attr in ("inf", "pi"):
            error.help = f"write constants by their plain names: `{tree.attr}`"
            error.rewrite = (*place, tree.attr)


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as Python writes it: `nn.Linear(10, bias=False)`, or `nn.ReLU()(x)` with what is then called with it."""

    owner: str
    """What stands before the last dot: `nn`."""
    name: str
    arguments: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...]
    called_with: tuple[str, ...] | None = None


def python_call(text: str) -> WrittenCall | None:
    """The call that a text is as a whole; a dotted name of a class alone is one without arguments."""
    text = text.strip().replace("\n", " ")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    made: tuple[str, ...] | None = None
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Call):
        made, tree = tuple(ast.get_source_segment(text, one) or "" for one in tree.args), tree.func
    function = tree.func if isinstance(tree, ast.Call) else tree
    dotted = ast.get_source_segment(text, function) or ""
    if not _DOTTED.fullmatch(dotted):
        return None
    owner, _, name = dotted.rpartition(".")
    if not isinstance(tree, ast.Call):
        return WrittenCall(owner, name, (), ()) if owner else None
    if any(isinstance(one, ast.Starred) for one in tree.args) or any(one.arg is None for one in tree.keywords):
        return None
    keywords = tuple((str(one.arg), ast.get_source_segment(text, one.value) or "") for one in tree.keywords)
    return WrittenCall(owner, name, tuple(ast.get_source_segment(text, one) or "" for one in tree.args), keywords, made)
