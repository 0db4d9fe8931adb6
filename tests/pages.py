"""Pages whose blocks of code are real: what they show is what the tool says now."""

from __future__ import annotations

import code
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import archspec
import archspec.cli.commands  # declares them
from archspec.cli import main
from archspec.cli.arguments import parser

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
    prompt = code.InteractiveConsole()  # one for all blocks, as a reader has it

    def renewed(match: re.Match[str]) -> str:
        text = present(match["kind"], match["file"], match["text"], prompt)
        file = match["file"]
        is_spec = file is not None and file.endswith(".yaml") and re.search("^inputs:", text, re.MULTILINE)
        problems = archspec.check(file) if is_spec else []
        blocks.append(Block(match["kind"], file, match["note"] or "", [str(problem) for problem in problems]))
        start, end = match.start("text") - match.start(), match.end("text") - match.start()
        return match[0][:start] + text + match[0][end:]

    before = set(sys.modules)
    text = BLOCK.sub(renewed, page)
    own = {block.file.partition("/")[0].removesuffix(".py") for block in blocks if block.file}
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in own:
            del sys.modules[name]  # the next page may have another module of this name
    return text, blocks


def present(kind: str, file: str | None, text: str, prompt: code.InteractiveConsole | None = None) -> str:
    """A block as it should be; files that it names are laid out for the blocks below it."""
    for shipped in SHIPPED.findall(text):
        if (ROOT / shipped).exists() and not Path(shipped).exists():
            lay_out(shipped, (ROOT / shipped).read_text("utf-8"))
    if kind == "console":
        return shell(text.partition("\n")[0].removeprefix("$ "))
    if kind == "pycon":
        return session(
            re.findall(r"^>>> .*\n(?:\.\.\. ?.*\n)*", text, re.MULTILINE), prompt or code.InteractiveConsole()
        )
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
    """What a command prints: archspec on both streams, a script on standard output."""
    words = shlex.split(command)
    if words[0] == "python":
        return f"$ {command}\n{script(words[1:])}"
    assert words[0] == "archspec"
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
        main(words[1:])
    assert "internal error" not in shown.getvalue(), "no page shows that"
    return f"$ {command}\n{shown.getvalue()}"


def script(arguments: list[str]) -> str:
    """What a Python script prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def session(statements: list[str], prompt: code.InteractiveConsole) -> str:
    """What Python's prompt shows for these statements, each with the lines that continue it."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for statement in statements:
            print(statement, end="")
            *_, unfinished = [prompt.push(line[4:]) for line in statement.splitlines()]
            assert not unfinished, "a block of statements ends with an empty line: `...`"
    assert "Traceback" not in shown.getvalue(), shown.getvalue()
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
