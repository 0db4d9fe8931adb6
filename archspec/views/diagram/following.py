"""What a page shows besides its drawing where it follows a file: problems, shapes beside the text, the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archspec.problems import Problem
from archspec.views.diagram.text import escape


@dataclass(frozen=True, slots=True)
class Following:
    """What is known of a file now."""

    version: str
    """Changes with the file: a page with another version is out of date."""
    problems: tuple[Problem, ...] = ()
    shapes: Mapping[int, str] = field(default_factory=dict)
    """By line of the file, counted from 1: what its steps return."""
    table: str = ""
    """The summary, as HTML."""
    stale: bool = False
    """Whether the drawing is of an earlier text, as this one has errors."""

    @property
    def note(self) -> str:
        """What to say of the picture, as HTML; empty where there is nothing to say."""
        return '<p id="note">The text has errors. The picture shows it as it was before.</p>' if self.stale else ""

    def marks(self, path: str) -> dict[int, str]:
        """The lines of a file that have problems: `error` or `warning`."""
        found: dict[int, str] = {}
        for one in self.problems:
            if one.path == path and found.get(one.line) != "error":
                found[one.line] = one.severity
        return found

    def panel(self, starts: Mapping[str, int]) -> str:
        """The problems as a section of the page. `starts` says for each file where its lines begin in the pane."""
        items = "".join(self._items(starts))
        count = len(self.problems)
        title = f"{count} problem{'s' * (count != 1)}" if count else "Nothing wrong"
        return f'<section id="problems" aria-label="Problems"><h2 role="status">{title}</h2><ul>{items}</ul></section>'

    def _items(self, starts: Mapping[str, int]) -> Iterator[str]:
        for one in self.problems:
            place = f' data-place="{starts[one.path] + one.line}" tabindex="0"' if one.path in starts else ""
            advice = f"<br>help: {escape(one.help)}" if one.help else ""
            where = f"{one.line}:{one.column}"
            yield f'<li class="{one.severity}"{place}>{where} {one.code} {escape(one.message)}{advice}</li>'
