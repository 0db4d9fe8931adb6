"""What the spec says beside its steps: the comments and blank lines above each, for the source that is generated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from archspec.characters import printable
from archspec.emit.text import WIDTH, wrap
from archspec.problems import Span

_ROOM = WIDTH - 10  # a comment stands in a method, behind `# `
_HEADING = 50
_INSTRUCTION = re.compile(
    r"noqa|nosec|coding[:=]|sha256|type:|"
    r"(fmt|ruff|mypy|pyright|pylint|isort|flake8|yapf|black|pragma|pytype|pyre|archspec|yaml\S*|prettier\S*)\b\s*:?",
)
_TRAILING = re.compile(r"""(?:[^"'#]|"[^"]*"|'[^']*'|(?<=\S)#)*(?<=\s)#(.*)""")


@dataclass(frozen=True, slots=True)
class Remark:
    """The comments that belong to a step, as lines of prose, and whether a blank line parts it from the one above."""

    lines: tuple[str, ...] = ()
    parted: bool = False

    @property
    def heads(self) -> bool:
        """Whether it is the heading of a section: one short line behind a blank one."""
        return self.parted and len(self.lines) == 1 and len(self.lines[0]) <= _HEADING


NOTHING = Remark()


class Remarks:
    """The remarks of a spec's steps, found in the texts of its files."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {path: re.split("\r\n|\r|\n", text) for path, text in files.items()}

    def of(self, span: Span) -> Remark:
        """The remark of the step whose key or type is at a place."""
        lines = self._files.get(span.path, [])
        if not 0 < span.line <= len(lines):
            return NOTHING
        found: list[str] = []
        at = span.line - 2
        while at >= 0 and lines[at].lstrip().startswith("#"):
            found.insert(0, lines[at].lstrip().lstrip("#"))
            at -= 1
        behind = _TRAILING.fullmatch(lines[span.line - 1])
        return Remark(_prose([*found, behind[1] if behind else ""]), at >= 0 and not lines[at].strip())


def instructs_a_tool(comment: str) -> bool:
    """Whether some tool would take a comment for an instruction."""
    return _INSTRUCTION.search(comment) is not None


def _prose(texts: list[str]) -> tuple[str, ...]:
    """Comments as lines of a Python comment: none that a tool would obey."""
    said = [printable(text.strip()) for text in texts]
    said = [text for text in said if text and not instructs_a_tool(text)]
    return tuple(line for text in said for line in wrap(text, room=_ROOM))
