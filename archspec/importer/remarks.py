"""What the source says about a model for people: docstrings and comments."""

from __future__ import annotations

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from archspec.characters import printable
from archspec.emit.remarks import instructs_a_tool
from archspec.importer.nodes import SourceLine
from archspec.importer.yaml_text import Commented

_NOTE = re.compile(r"(cspell|todo|fixme|xxx|hack|!)", re.I)
"""How notes begin that authors write for themselves."""
_SECTION = re.compile(r"(args?|arguments|parameters|params|returns?|inputs?|outputs?|examples?|shape)\s*:?\s*$", re.I)
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class StatementComments:
    """Comments on one statement: the lines above it, and the one beside it."""

    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(slots=True)
class SourceComments:
    """The docstring of a class, and the comments in its methods."""

    doc: str | None = None
    by_attribute: dict[str, StatementComments] = field(default_factory=dict)
    """Comments on what the constructor assigns, by the attribute's name."""
    by_place: dict[SourceLine, StatementComments] = field(default_factory=dict)
    """Comments on all other statements, by the lines that these take."""


@lru_cache(maxsize=4096)
def remarks_of(kind: type) -> SourceComments:
    """What the source of a class says; nothing where it has none."""
    found = SourceComments(first_paragraph(vars(kind).get("__doc__")))
    try:
        lines, start = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind) or ""
        text = textwrap.dedent("".join(lines))
        comments = dict(_comments(text))
        body = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndentationError, tokenize.TokenError, IndexError):
        return found
    taken: set[int] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            _collect(found, node, comments, taken, (path, start))
    return found


def _collect(
    found: SourceComments,
    node: ast.stmt,
    comments: dict[int, tuple[str, bool]],
    taken: set[int],
    where: tuple[str, int],
) -> None:
    """Adds the comments of one statement; each comment belongs to the first statement that it stands at."""
    last = node.lineno if hasattr(node, "body") else node.end_lineno or node.lineno
    remark = _remark(node.lineno, last, comments, taken)
    if remark is None:
        return
    attribute = _attribute(node)
    if attribute is not None:
        found.by_attribute.setdefault(attribute, remark)
    for line in range(node.lineno, last + 1):
        found.by_place.setdefault(SourceLine(where[0], where[1] + line - 1), remark)


def _remark(first: int, last: int, comments: dict[int, tuple[str, bool]], taken: set[int]) -> StatementComments | None:
    above: list[int] = []
    line = first - 1
    while line in comments and comments[line][1] and line not in taken:
        above.insert(0, line)
        line -= 1
    beside = [one for one in {first, last} if one in comments and not comments[one][1] and one not in taken]
    taken.update(above, beside)
    said = [text for text in (_said(comments[one][0]) for one in above) if text]
    trailing = next((text for text in (_said(comments[one][0]) for one in sorted(beside)) if text), "")
    return StatementComments(tuple(said), trailing) if said or trailing else None


def _comments(text: str) -> Iterator[tuple[int, tuple[str, bool]]]:
    """The comments of a text by their lines, and whether each stands alone."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], (token.string, not token.line[: token.start[1]].strip())


def _attribute(node: ast.stmt) -> str | None:
    """The attribute of `self` that a statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    match targets:
        case [ast.Attribute(ast.Name("self"), name)]:
            return name
    return None


def _said(comment: str) -> str:
    """A comment's text; empty where it is for a tool, or code."""
    text = printable(" ".join(comment.lstrip("#").split()))
    for_people = re.search(r"[^\W\d_]", text) and not _NOTE.match(text) and not instructs_a_tool(text)
    return text if for_people and len(text) <= _LONGEST and not _is_code(text) else ""


def _is_code(text: str) -> bool:
    try:
        statements = ast.parse(text.rstrip(":")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(re.match(r"(if|for|while|with|return|self\.)\b.*[:()=]", text))
    return not all(isinstance(one, ast.Expr) and not isinstance(one.value, ast.Call) for one in statements)


def first_paragraph(docstring: object) -> str | None:
    """The first paragraph of a docstring on one line; None where there is none."""
    if not isinstance(docstring, str):
        return None
    paragraph: list[str] = []
    for line in inspect.cleandoc(docstring).splitlines():
        if not line.strip() or _SECTION.fullmatch(line.strip()):
            break
        paragraph.append(line.strip())
    text = printable(" ".join(" ".join(paragraph).split()))
    return text if text and len(text) <= 4 * _LONGEST else None


class StepComments:
    """The comments of a class, each handed to the first step that it belongs to."""

    def __init__(self, kind: type) -> None:
        self.remarks = remarks_of(kind)
        self.used: set[StatementComments] = set()
        self.waiting: list[StatementComments] = []
        """Comments on statements that became no step: what stands above them stands above the next one."""
        self.known = 0
        self.by_step: dict[str, StatementComments] = {}

    def add(self, steps: Mapping[str, Any], module: str | None, place: SourceLine | None) -> None:
        """Gives the step that was written last the comments of its module, else of its line."""
        remark = self._of(module, place)
        if len(steps) == self.known:
            self.waiting.append(remark)
            return
        name = list(steps)[self.known]
        self.known = len(steps)
        self.used.add(remark)
        above = [text for one in self.waiting if one not in self.used for text in one.above]
        self.by_step[name] = StatementComments((*dict.fromkeys(above), *remark.above), remark.beside)
        self.used.update(self.waiting)
        self.waiting.clear()

    def _of(self, module: str | None, place: SourceLine | None) -> StatementComments:
        found = self.remarks.by_attribute.get((module or "").split(".")[0])
        if found is None or found in self.used:
            found = None if place is None else self.remarks.by_place.get(place)
        return StatementComments() if found is None or found in self.used else found

    def beside(self, steps: Mapping[str, Any]) -> dict[str, Any]:
        """The steps, those with a comment along with it."""
        found = {}
        for name, step in steps.items():
            remark = self.by_step.get(name, StatementComments())
            said = remark.above or remark.beside
            found[name] = Commented(step, remark.above, remark.beside) if said else step
        return found
