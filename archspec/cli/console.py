"""How the command line writes to a terminal, a pipe or a log: colour, problems, progress.

Progress goes to stderr. Problems do, too, except where they are a command's result. Knows what a problem is, and
nothing of specs or commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TextIO, TypeVar

from archspec.characters import printable
from archspec.problems import Problem, in_file_order, render_text

T = TypeVar("T")
Format = Literal["text", "json", "github", "sarif"]


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody watches the stream; Python has None for a stream that the shell closed."""
    return stream is not None and stream.isatty()


def wants_color(stream: TextIO | None) -> bool:
    """Whether to colour what goes to the stream: NO_COLOR wins over FORCE_COLOR, a dumb terminal is plain."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def report(problems: Sequence[Problem], form: Format, *, stream: TextIO | None = None, always: bool = False) -> bool:
    """Write problems to a stream, by default stderr; whether any of them is an error.

    Without problems nothing is written; with `always`, a program that reads what it can parse still finds it.
    """
    stream = stream if stream is not None else sys.stderr
    found = in_file_order(problems)
    errors = sum(problem.severity == "error" for problem in found)
    if form != "text" and (found or always):
        from archspec.problems import formats  # here: people read text

        render = {"json": formats.render_json, "github": formats.render_github, "sarif": formats.render_sarif}
        print(render[form](found), end="\n" if found or form != "github" else "", file=stream)
    elif found:
        color = wants_color(stream)
        print("\n\n".join(render_text([problem], color) for problem in found), file=stream)
        fixable = sum(bool(problem.edits) for problem in found)
        more = f"; `archspec check --fix` fixes {fixable}" if fixable else ""
        print(f"\n{_tally(errors, len(found) - errors)}{more}", file=stream)
    return errors > 0


def _tally(errors: int, warnings: int) -> str:
    counts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts if count)


def with_progress(items: Mapping[str, T]) -> Iterator[T]:
    """Each item in turn, with one rewritten line that shows its name where somebody watches."""
    shown = len(items) > 1 and is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    try:
        for number, (name, item) in enumerate(items.items(), 1):
            if shown:
                line = f"[{number}/{len(items)}] {printable(name)}"
                # Cut to the width: a line that wraps is not erased as a whole.
                sys.stderr.write(f"\r\x1b[2K{line[: columns(sys.stderr, 80) - 1]}")
                sys.stderr.flush()
            yield item
    finally:
        if shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def columns(stream: TextIO | None, default: int) -> int:
    """The width of the terminal behind a stream, or COLUMNS in place of it; `default` where there is no terminal."""
    if stream is None or not is_terminal(stream):
        return default
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and 0 < len(given) < 6 and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or default
    except OSError:
        return default
