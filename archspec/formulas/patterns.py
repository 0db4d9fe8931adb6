"""One line with an arrow, read: which axes flow in, which flow out, and when that holds.

Knows nothing of shapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from archspec.expressions import ExpressionError, Node, parse
from archspec.windows import AXES

_CASE = re.compile(
    r"(?P<inputs>.*?)(?P<broadcast> that broadcast)? -> (?P<outputs>.*?)"
    r"(?: at (?P<start>\w+)(?: to (?P<end>\w+))?)?(?: if (?P<condition>.+))?"
)


class Case:
    """One line with an arrow."""

    def __init__(self, line: str) -> None:
        found = _CASE.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"no case: {line}")
        self.inputs = [_pattern(part) for part in _split(found["inputs"])]
        self.outputs = tuple(_output(part) for part in _split(found["outputs"]))
        self.broadcast = found["broadcast"] is not None
        self.start, self.end = found["start"], found["end"]
        self.condition = read(found["condition"]) if found["condition"] else None


@dataclass(frozen=True, slots=True)
class Star:
    """Any number of axes; without a name, by its place among the nameless ones of the pattern."""

    name: str
    place: int

    @property
    def key(self) -> str:
        return self.name or f"*{self.place}"


Item = Node | Star


def letters(count: int) -> list[str]:
    """How PyTorch's documentation names so many spatial axes."""
    return AXES[count].split(", ") if count in AXES else []


def read(text: str) -> Node:
    """A formula that has been read; ValueError where it is none."""
    try:
        return parse(text)
    except ExpressionError as error:
        raise ValueError(f"{text}: {error}") from None


def _split(text: str) -> list[str]:
    """The parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _pattern(text: str) -> list[Item]:
    text = text.removesuffix(" int64").removesuffix(" bool")
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError(f"no pattern: {text}")
    items: list[Item] = []
    stars = 0
    for part in _split(text[1:-1]) if text != "[]" else []:
        if part.startswith("*"):
            items.append(Star(part[1:], stars))
            stars += part == "*"
        else:
            items.append(read(part))
    return items


def _output(text: str) -> Any:
    if text == "null":
        return None
    if text.startswith("("):
        return tuple(map(_output, _split(text[1:-1])))
    return _pattern(text)
