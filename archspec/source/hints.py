"""What a person did where a YAML parser met what it calls a problem, and what to write instead."""

from __future__ import annotations

import re

from archspec.problems import Advice, echo
from archspec.source.tree import Place

GLUED = re.compile(r"(\w+):(?=[^\s:/,\]}])([^\s,\]}]+)")
WHOLE = "a value that begins with a quote or a bracket also ends with it: quote all of it"
NO_CHARACTER = "an escape that stands for no character"
OWN = "quote the value, if the {} belongs to it"
_CAUSES = (  # what libyaml or PyYAML says; is its place shown, or the one where the thing began?; the cause; the hint
    ("cannot start any token|node content", True, "{} cannot begin a value", OWN),
    (
        "end of stream|document (indicator|separator)",
        False,
        "a quote that is not closed",
        "close it, or leave out both",
    ),
    ("entries are not allowed", True, "a list cannot begin here", "write each item on a line of its own below the key"),
    ("escape|hexdecimal", True, "an escape that YAML does not know", "within '…' a backslash is only a backslash"),
    ("alphabetic|tag|URI|line break|indicator", False, "{} has a meaning of its own in YAML", OWN),
)


def cause(text: str, problem: str, at: int, begun: int, last: Place, after: str) -> tuple[str, Place, str]:
    """What a person did where the parser met `problem`: the message, its place, and what to write instead."""
    line = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    rest = text[at : at + 1]
    lines_on = not rest or re.search(r"[\r\n]", text[last[0] : at + 1]) is not None
    indent = len(text[line:at]) - len(text[line:at].lstrip())
    if rest == "\t" or "\t" in text[line : line + indent]:
        return "a tab where YAML wants spaces", (at, at + 1), "indent with spaces"
    nested = "values are not allowed" in problem
    if ((nested and lines_on) or "expected ':'" in problem) and (match := GLUED.match(text, begun)):
        return glued(match)
    if nested:
        if not lines_on:
            return "a second `: ` on one line", (at, at + 1), "quote the value, if the colon belongs to it"
        hint = "indent it like the key above, or end the line above with `:`"
        return "a key within a value that began above", (line + indent, at), hint
    if "expected ':'" in problem:
        return "a line without a key", (begun, begun + 1), "write `key: value`"
    if "',' or" in problem:
        if lines_on and text[begun : begun + 1] in ("[", "{"):
            return "a bracket that is not closed", (begun, begun + 1), "close it, or use block style"
        return "neither a comma nor the closing bracket", (at, at + 1), WHOLE
    if re.search(r"expected key|'-' indicator|<block end>", problem):
        if after == "closed" and not re.search(r"[\r\n]", text[last[1] : at]):
            return "text after the end of the value", (at, at + 1), WHOLE
        return "the indentation fits no line above", (at, at + 1), "align it with the keys or items that it belongs to"
    for sign, here, message, hint in _CAUSES:
        if re.search(sign, problem):
            start = at if here else begun
            char = echo(text[start : start + 1])
            return message.format(char), (start, start + 1), hint.format(char)
    return problem[:1].lower() + problem[1:], (at, at), ""


def glued(match: re.Match[str]) -> tuple[str, Place, str]:
    """A key and its value without a space between them."""
    advice = Advice(f"write `{match[1][:40]}: {match[2][:40]}`", f"{match[1]}: {match[2]}")
    return "no space after the colon", match.span(), advice


def meant(text: str, start: int) -> str:
    """The expression that begins at `start`, as its own brackets delimit it; empty where they do not close soon."""
    depth = 0
    for at, char in enumerate(text[start : start + 70], start):
        if char in "([{":
            depth += 1
        elif depth and char in ")]}":
            depth -= 1
        elif char in "\r\n" or (depth == 0 and char in ",]}"):
            return "" if depth else text[start:at].rstrip()
    return ""
