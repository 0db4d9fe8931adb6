"""`archspec check`: what is wrong with specs."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import archspec
from archspec import files, source
from archspec.characters import printable
from archspec.cli import project
from archspec.cli.arguments import (
    ALLOW,
    BUDGET,
    FORMAT,
    INPUT,
    PARAM,
    SPECS,
    VARIANT,
    CliArgument,
    command,
    read_budget,
    read_inputs,
    read_params,
)
from archspec.cli.commands._shared import CLEAN, FOUND, read, standard_input
from archspec.cli.console import report, with_progress
from archspec.cli.project import STDIN
from archspec.document import NoNetworkError
from archspec.problems import Problem, SpecError


@command(
    SPECS,
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    CliArgument("--strict", action="store_true", help="exit 1 for warnings, too; default: `strict` of [tool.archspec]"),
    BUDGET,
    CliArgument(
        "--fix",
        action="store_true",
        help="apply corrections that are unambiguous, and report the rest; a spec from standard input is written to "
        "standard output",
    ),
    FORMAT,
    CliArgument(
        "--output-file",
        is_path=True,
        metavar="FILE",
        help="write the problems to a file; default: standard output",
    ),
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --fix
  archspec check specs --strict --format github
  archspec check specs/vision/resnet.yaml --budget parameters=30M --budget macs=5G --input x=1,3,224,224
  archspec check specs --format sarif --output-file archspec.sarif
  archspec check specs/vgg.yaml --param batch_norm=true --input x=1,3,224,224
  cat net.yaml | archspec check -""",
)
def check(options: argparse.Namespace) -> int:
    """Say what is wrong with specs, and where.

    Reads each spec, works out every shape, and prints each problem with its file, line and column.
    The defaults are checked, and each of a spec's variants; with --variant, --param or --input that setting alone.
    Runs nothing that a spec could choose and needs no PyTorch. What is allowed but probably not intended is a
    warning, which leaves the exit status at 0 unless --strict is given. `ignore` in a spec or in
    [tool.archspec] of pyproject.toml silences warnings by their codes; `budget` there is for specs without one.
    With --fix a file is written whole or not at all, and only with changes that leave fewer problems.
    """
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    how = _How(
        options.variant,
        read_params(options.param),
        read_inputs(options.input),
        options.allow,
        config.ignore,
        config.budget,
        read_budget(options.budget),
    )
    piped = any(one.name == STDIN for one in sources) and options.fix
    problems: list[Problem] = []
    done: list[str] = []
    for one in with_progress({one.name: one for one in sources}):
        if options.fix:
            left, lines = _mend(one.name, how)
            problems += left
            done += lines
        else:
            problems += _problems(one.name, how)
    if options.format == "text" and done:
        print("\n".join(done), file=sys.stderr if piped else sys.stdout)
    failed = _write(problems, options, sys.stderr if piped else sys.stdout)
    if options.format == "text" and not problems and not piped:
        print(f"{len(sources)} {'spec' if len(sources) == 1 else 'specs'} checked, nothing wrong")
    return FOUND if failed or (problems and (options.strict or config.strict)) else CLEAN


def _write(problems: Sequence[Problem], options: argparse.Namespace, stream: TextIO) -> bool:
    """Writes the problems to `--output-file`, else to a stream; whether any of them is an error."""
    if options.output_file is None:
        return report(problems, options.format, stream=stream, always=True)
    text = io.StringIO()
    failed = report(problems, options.format, stream=text, always=True)
    files.write(Path(options.output_file), text.getvalue())
    return failed


@dataclass(frozen=True, slots=True)
class _How:
    """How specs are checked."""

    variant: str | None
    params: Mapping[str, object]
    inputs: Mapping[str, Sequence[int]]
    allow: Sequence[str]
    ignore: Sequence[str]
    project_budget: Mapping[str, int]
    budget: Mapping[str, int]


def _problems(name: str, how: _How) -> list[Problem]:
    """Everything found in one spec, warnings too."""
    try:
        spec = read(name, how.allow)
        limits = {**how.project_budget, **spec.budget, **how.budget}
        settings: dict[str, Any] = {"variant": how.variant, "params": how.params, "inputs": how.inputs}
        return archspec.check(spec, **settings, ignore=how.ignore, budget=limits)
    except NoNetworkError:
        return []
    except SpecError as error:
        return list(error.problems)


def _mend(name: str, how: _How) -> tuple[list[Problem], list[str]]:
    """Mends one spec; what is still wrong with it, and a line for each problem that is not any more."""
    shown = "<stdin>" if name == STDIN else name
    try:
        text = standard_input() if name == STDIN else source.read(name)
        settings: dict[str, Any] = {"variant": how.variant, "params": how.params, "inputs": how.inputs}
        mended = archspec.fix(text, shown, **settings, allow=how.allow, ignore=how.ignore)
        if name == STDIN:
            if sys.stdout is not None:  # bytes: neither line ends nor letters become others on their way
                sys.stdout.buffer.write(mended.text.encode())
        elif mended.text != text:
            mark = "\ufeff" if Path(name).read_bytes().startswith(b"\xef\xbb\xbf") else ""
            if source.read(name) != text:
                files.refuse(name, "the file was changed meanwhile, and was not overwritten", "run the command again")
            files.write(Path(name), mark + mended.text)
    except SpecError as error:
        return list(error.problems), []
    lines = [f"{_line(one)}: fixed {one.code}: {one.message}" for one in mended.fixed]
    more = "this would not reduce the number of problems"
    lines += [f"{_line(one)}: not fixed {one.code}: {more}: {one.message}" for one in mended.refused]
    left = [replace(one, edits=()) if one in mended.refused else one for one in mended.problems]
    return left, list(map(printable, lines))


def _line(problem: Problem) -> str:
    return f"{problem.path}:{problem.line}:{problem.column}"
