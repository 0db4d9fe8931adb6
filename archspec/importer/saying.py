"""Expressions of the language, printed from what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from archspec.importer.nodes import Apply, ArgumentGroup, Mode, ModuleTensor, Ref, Scalar
from archspec.importer.operations import OPERATORS
from archspec.importer.templates import Hole

_BINARY = frozenset((*OPERATORS.values(), "%"))
_RANKS = {
    "if": 0,
    "|": 4,
    "^": 5,
    "&": 6,
    "+": 8,
    "-": 8,
    "*": 9,
    "/": 9,
    "//": 9,
    "%": 9,
    "@": 9,
    "neg": 10,
    "~": 10,
    "**": 11,
}
_COMPARISON, _ATOM = 3, 20

Reference = Callable[[Ref], tuple[str, int]]
"""The text of a value, and how tightly it binds."""


class Printer:
    """Prints nodes, given how values and the module's own tensors are called."""

    def __init__(self, value: Reference, held: Callable[[str], str]) -> None:
        self.value = value
        self.held = held

    def text(self, node: Any, least: int = 0) -> str:
        """A node as text, in parentheses where it binds less tightly than that."""
        text, rank = self.ranked(node)
        return f"({text})" if rank < least else text

    def ranked(self, node: Any) -> tuple[str, int]:
        match node:
            case Ref():
                return self.value(node)
            case ModuleTensor(name):
                return self.held(name), _ATOM
            case Scalar(value):
                return literal(value)
            case Hole():
                return node.text, rank_of(node.text)
            case Mode(training, evaluation):
                return self._mode(training, evaluation)
            case ArgumentGroup(kind, items):
                return self._group(kind, items)
            case Apply(function, args, keywords):
                return self.applied(function, args, dict(keywords))
        raise TypeError(type(node).__name__)

    def _mode(self, training: Any, evaluation: Any) -> tuple[str, int]:
        if (training, evaluation) == (Scalar(True), Scalar(False)):
            return "training", _ATOM
        return f"{self.text(training, 1)} if training else {self.text(evaluation, 0)}", 0

    def _group(self, kind: str, items: tuple[Any, ...]) -> tuple[str, int]:
        if kind == "slice":
            start, stop, step = ("" if one == Scalar(None) else self.text(one) for one in items)
            return f"{start}:{stop}{f':{step}' if step else ''}", _ATOM
        inner = ", ".join(map(self.text, items))
        return (inner, _ATOM) if kind == "index" else (f"[{inner}]", _ATOM)

    def applied(self, function: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, int]:
        """A function or an operator of arguments."""
        if function == "[]":
            return f"{self.text(args[0], _ATOM)}[{self.text(args[1])}]", _ATOM
        if function in ("neg", "~"):
            return f"{'-' if function == 'neg' else '~'}{self.text(args[0], 10)}", 10
        if function in _BINARY:
            rank = _RANKS.get(function, _COMPARISON)
            left, right = rank + (function == "**"), rank + (function != "**")
            if rank == _COMPARISON:
                left = right = 4
            return f"{self.text(args[0], left)} {function} {self.text(args[1], right)}", rank
        said = [*map(self.text, args), *(f"{key}={self.text(one)}" for key, one in keywords.items())]
        return f"{function}({', '.join(said)})", _ATOM


def literal(value: Any) -> tuple[str, int]:
    """A number or a word, as an expression has it."""
    if value is Ellipsis:
        return "...", _ATOM
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch."), _ATOM
    if isinstance(value, float):
        text = repr(value)
        return (text, 10 if text.startswith("-") else _ATOM)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), 10 if value < 0 else _ATOM
    if isinstance(value, tuple):
        return f"[{', '.join(literal(one)[0] for one in value)}]", _ATOM
    return repr(value), _ATOM


def rank_of(text: str) -> int:
    """How tightly a text of the solver binds."""
    depth = 0
    rank = _ATOM
    words = text.split(" ")
    if len(words) == 1:
        return 10 if text.startswith("-") else _ATOM
    for word in words:
        if depth == 0 and word in _RANKS:
            rank = min(rank, _RANKS[word])
        elif depth == 0 and word in ("==", "!=", ">", "<"):
            rank = min(rank, _COMPARISON)
        elif depth == 0 and word == "not":
            rank = min(rank, 2)
        depth += word.count("(") - word.count(")")
    return rank
