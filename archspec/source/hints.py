"""What a person did where a YAML parser met what it calls a problem, and what to write instead."""

from __future__ import annotations

import itertools
import re

from archspec.characters.lookalikes import disguised, one, told
from archspec.problems import Advice, echo
from archspec.source.tree import GLUED, Place

Told = tuple[str, Place, str]
"""A message, its place, and what to write instead."""

DASHED = re.compile(r"-(?=[A-Za-z{\[])\S+")
"""A dash and its item without a space between them."""

_DASH = re.compile(r" *(?:- +)*(?=-\S)")
_BARE = re.compile(r" *((?:- +)*)([A-Za-z][\w.]*) *$")
_RESUMED = re.compile(r"- |[\w.]+:(?=\s|$)")
_NEXT = re.compile(r"[^\r\n]*[\r\n]+(?:[ \t]*(?:#[^\r\n]*)?[\r\n]+)*+( *)(?=\S)")
_AGAIN = re.compile(r" *(?:- )*(\w+): +([A-Z]\w*: [^\s{}\"'#]{1,40})(?=\s|$)")
_END = re.compile(r"[\r\n]")
_QUOTED = re.compile(r"'[^'\r\n]*'|\"[^\"\r\n]*\"|(?:(?<=\s)|^)#[^\r\n]*", re.MULTILINE)
WHOLE = "a value that begins with a quote or a bracket also ends with it: quote all of it"
NO_DASH = "no space after the dash"
NO_CHARACTER = "an invalid escape in a string"
ESCAPES = "write the character itself, or `\\uXXXX` with the four hexadecimal digits of one"
SHORTER = "write what repeats as a block or with `repeat:`, or raise the limit when you call archspec"
FLATTER = "move the inner steps into blocks, or raise the limit when you call archspec"
OWN = "quote the value, if the {} belongs to it"
_CAUSES = (  # what libyaml or PyYAML says; is its place shown, or the one where the thing began?; the cause; the hint
    ("cannot start any token|node content", True, "{} cannot begin a value", OWN),
    (
        "end of stream|document (indicator|separator)",
        False,
        "a quote that is not closed",
        "close it, or remove both",
    ),
    ("entries are not allowed", True, "a list cannot begin here", "write each item on a line of its own below the key"),
    ("escape|hexdecimal", True, "an escape that YAML does not know", "within '…' a backslash is an ordinary character"),
    ("alphabetic|tag|URI|line break|indicator", False, "{} has a meaning of its own in YAML", OWN),
)


def slip(text: str, first: int, at: int, opened: list[int]) -> Told | None:
    """What a person left out, or took for another character, between two places, if that is seen.

    A parser reads on for some lines before it stops. `opened` is where the brackets begin that are not closed.
    """
    start = _line(text, first)
    ended = _END.search(text, at)
    blanked = _QUOTED.sub(lambda match: " " * len(match[0]), text[start : ended.start() if ended else len(text)])
    if found := disguised(blanked):
        return disguise(text, start + found[0])
    for bracket in opened:
        if (unclosed := _left_open(text, bracket, at)) is not None:
            return unclosed
    if opened:
        other = {"[": "}", "{": "]"}[text[opened[-1]]]
        return _not_closed(text, opened[-1]) if text[at : at + 1] in ("", other) else None
    lines = [(start + match.start(), match[0]) for match in re.finditer(r"[^\r\n]*\S[^\r\n]*", blanked)]
    for (offset, line), (_, following) in itertools.zip_longest(lines, lines[1:], fillvalue=(0, "")):
        content = offset + len(line) - len(line.lstrip(" -"))
        if (match := _DASH.match(line)) and (dash := DASHED.match(text, offset + match.end())):
            message, place, advice = undashed(dash)
            return message, place, advice if _aligned(text, offset, line) else str(advice)
        if glue := GLUED.match(text, content):
            return glued(glue)
        if (word := _BARE.match(line)) and following and (lacking := _lacking(word, offset, following)):
            return lacking
    return None


def _line(text: str, at: int) -> int:
    """Where the line of a place begins."""
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _aligned(text: str, start: int, line: str) -> bool:
    """Whether a line begins in the column in which the line above does."""
    above = re.search(r"(?:^|[\r\n])( *)\S[^\r\n]*\s*$", text[max(0, start - 1000) : start])
    return above is not None and len(above[1]) == len(line) - len(line.lstrip())


def _lacking(match: re.Match[str], offset: int, following: str) -> Told | None:
    """A word alone on its line, where the next line belongs below it, or is an item or a key beside it."""
    word, place = match[2], (offset + match.start(2), offset + match.end(2))
    indent, below = match.start(1), len(following) - len(following.lstrip())
    if below > indent:
        return f"no colon after {echo(word)}", place, Advice(f"write `{word}:`", f"{word}:")
    if match[1] or below < indent:
        return None
    if following.lstrip().startswith("-"):
        return f"no dash before {echo(word)}", place, Advice(f"write `- {word}`", f"- {word}")
    return f"no colon after {echo(word)}", place, f"each line here is a key with its value: write `{word}: …`"


def _left_open(text: str, bracket: int, at: int) -> Told | None:
    """A bracket behind whose line the text goes on as if it were closed."""
    following = _NEXT.match(text, bracket)
    if following is None or following.end() > at:
        return None
    line = text[_line(text, bracket) : bracket]
    if len(following[1]) > len(line) - len(line.lstrip()) or not _RESUMED.match(text, following.end()):
        return None
    return _not_closed(text, bracket)


def _not_closed(text: str, bracket: int) -> Told:
    advice = f"write the `{'}' if text[bracket] == '{' else ']'}` that belongs to it"
    return f"the bracket `{text[bracket]}` is not closed", (bracket, bracket + 1), advice


def disguise(text: str, at: int) -> Told:
    """A character that is taken for another one."""
    message, advice = told(text[at])
    word = one(text[at])
    if word == ":" and not text[at + 1 : at + 2].isspace():
        word = ": "
    return message, (at, at + 1), Advice(advice, word)


def cause(text: str, problem: str, at: int, begun: int, last: Place, after: str) -> Told:
    """What a person did where the parser met `problem`: the message, its place, and what to write instead."""
    line = _line(text, at)
    rest = text[at : at + 1]
    lines_on = not rest or re.search(r"[\r\n]", text[last[0] : at + 1]) is not None
    indent = len(text[line:at]) - len(text[line:at].lstrip())
    if rest == "\t" or "\t" in text[line : line + indent]:
        return "a tab where YAML requires spaces", (at, at + 1), "indent with spaces"
    nested = "values are not allowed" in problem
    if ((nested and lines_on) or "expected ':'" in problem) and (match := GLUED.match(text, begun)):
        return glued(match)
    if after == "closed" and text[last[0]] in "'\"" and re.search(r"[\r\n]", text[slice(*last)]):
        return "a quote that is not closed on its line", (last[0], last[0] + 1), "close it, or remove both"
    if nested:
        if not lines_on:
            advice = "quote the value, if the colon belongs to it"
            if again := _AGAIN.match(text, line):
                advice = f"in braces it is a separate mapping: `{again[1]}: {{{again[2]}}}`; {advice}"
            return "a second `: ` on one line", (at, at + 1), advice
        hint = "indent it like the key above, or end the line above with `:`"
        return "a key within the value that began above", (line + indent, at), hint
    if "expected ':'" in problem:
        return "a line without a key", (begun, begun + 1), "write `key: value`"
    if "',' or" in problem:
        if lines_on and text[begun : begun + 1] in ("[", "{"):
            return _not_closed(text, begun)
        return "neither a comma nor the closing bracket", (at, at + 1), WHOLE
    if re.search(r"expected key|'-' indicator|<block end>", problem):
        if after == "closed" and not re.search(r"[\r\n]", text[last[1] : at]):
            return "text after the end of the value", (at, at + 1), WHOLE
        return "the indentation matches no line above", (at, at + 1), "align it with the other keys or items"
    for sign, here, message, hint in _CAUSES:
        if re.search(sign, problem):
            start = at if here else begun
            char = echo(text[start : start + 1])
            return message.format(char), (start, start + 1), hint.format(char)
    return problem[:1].lower() + problem[1:], (at, at), ""


def glued(match: re.Match[str]) -> Told:
    """A key and its value without a space between them."""
    advice = Advice(f"write `{match[1][:40]}: {match[2][:40]}`", f"{match[1]}: {match[2]}")
    return "no space after the colon", match.span(), advice


def undashed(match: re.Match[str]) -> Told:
    """An item of a list without a space behind its dash."""
    advice = Advice(f"write `- {match[0][1:41]}`", f"- {match[0][1:]}")
    return NO_DASH, match.span(), advice


def more_dashes(text: str, at: int) -> list[int]:
    """Where the items that follow the one at `at` stand whose dash has no space behind it either."""
    indent = at - _line(text, at)
    found = []
    for line in re.finditer(r"(?<=[\r\n])( *)(?:(-)(?=[A-Za-z{\[]))?(?=[^\s#])", text[at:]):
        if len(line[1]) < indent or (len(line[1]) == indent and not line[2]):
            break
        if len(line[1]) == indent:
            found.append(at + line.start(2))
    return found


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


def tuple_of(text: str) -> bool:
    """Whether a text is several values in parentheses, as Python writes a tuple."""
    if not text.startswith("(") or not text.endswith(")") or "," not in text:
        return False
    depth = list(itertools.accumulate((char in "([{") - (char in ")]}") for char in text))
    return min(depth[:-1]) > 0
