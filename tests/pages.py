"""Pages whose blocks of code are real: what they show is what the tool says now."""

from __future__ import annotations

import code
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import archspec
from archspec.arguments import parser
from archspec.cli import main

ROOT = Path(__file__).parent.parent

BLOCK = re.compile(
    r"(?:^`(?P<file>[\w./-]+)`(?P<note>[^\n]*):\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
"""A block of code, with the file that the line above names."""

SHIPPED = re.compile(r"\bspecs/[\w/]+\.yaml")


class Block(NamedTuple):
    """One block as the page has it, and what the tool finds wrong with the spec that it shows."""

    kind: str
    file: str | None
    note: str
    problems: list[str]


def renew(page: str) -> tuple[str, list[Block]]:
    """The page as it should be, and its blocks. Works in the current folder, where it puts the files that are named."""
    blocks = []

    def renewed(match: re.Match[str]) -> str:
        text = present(match["kind"], match["file"], match["text"])
        file = match["file"]
        is_spec = file is not None and file.endswith(".yaml") and re.search("^inputs:", text, re.MULTILINE)
        problems = archspec.check(file) if is_spec else []
        blocks.append(Block(match["kind"], file, match["note"] or "", [str(problem) for problem in problems]))
        start, end = match.start("text") - match.start(), match.end("text") - match.start()
        return match[0][:start] + text + match[0][end:]

    return BLOCK.sub(renewed, page), blocks


def present(kind: str, file: str | None, text: str) -> str:
    """A block as it should be; files that it names are laid out for the blocks below it."""
    for shipped in SHIPPED.findall(text):
        if (ROOT / shipped).exists() and not Path(shipped).exists():
            lay_out(shipped, (ROOT / shipped).read_text("utf-8"))
    if kind == "console":
        return shell(text.partition("\n")[0].removeprefix("$ "))
    if kind == "pycon":
        return session(re.findall(r"^>>> (.*)$", text, re.MULTILINE))
    if kind == "bash":
        for line in commands(text):
            parser().parse_args(shlex.split(line, comments=True)[1:])
    if file is None:
        return text
    if file.startswith("generated/"):
        shell(f"archspec generate {source_of(file)}")
        return Path(file).read_text("utf-8")
    if file.startswith("specs/") and (ROOT / file).exists():
        text = (ROOT / file).read_text("utf-8")
    lay_out(file, text)
    return text


def shell(command: str) -> str:
    """What a command prints, on both streams."""
    words = shlex.split(command)
    assert words[0] == "archspec"
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
        main(words[1:])
    assert "internal error" not in shown.getvalue(), "no page shows that"
    return f"$ {command}\n{shown.getvalue()}"


def session(statements: list[str]) -> str:
    """What Python's prompt shows for these statements."""
    console = code.InteractiveConsole()
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for statement in statements:
            print(f">>> {statement}")
            assert not console.push(statement), "a statement is one line"
    return shown.getvalue()


def commands(text: str) -> Iterator[str]:
    """The lines of a script that call archspec."""
    return (line.strip() for line in text.splitlines() if line.strip().startswith("archspec "))


def source_of(module: str) -> Path:
    """The spec that a generated module is of."""
    name = f"{Path(module).stem}.yaml"
    return Path("specs", name) if Path("specs", name).exists() else Path(name)


def lay_out(file: str, text: str) -> None:
    """Write a file below the current folder."""
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text, "utf-8")
