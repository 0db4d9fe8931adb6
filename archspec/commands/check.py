"""`archspec check`: what is wrong with specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import archspec
from archspec import files, project, source
from archspec.arguments import (
    ALLOW,
    FORMAT,
    INPUT,
    PARAM,
    SPECS,
    Argument,
    command,
    read_inputs,
    read_pairs,
    read_params,
)
from archspec.commands._shared import CLEAN, FOUND, read, standard_input
from archspec.console import report, with_progress
from archspec.document import Budget, limit
from archspec.problems import Problem, SpecError, echo, printable
from archspec.project import STDIN, UsageError
from archspec.records import Record


@command(
    SPECS,
    PARAM,
    INPUT,
    ALLOW,
    Argument("--strict", action="store_true", help="exit 1 for warnings, too; default: `strict` of [tool.archspec]"),
    Argument(
        "--budget",
        metavar="NAME=NUMBER",
        action="append",
        default=[],
        help="what a network may have at most: parameters=5M, macs=300M; in place of its spec's own; repeatable",
    ),
    Argument(
        "--fix",
        action="store_true",
        help="mend what has exactly one right change, and report the rest; a spec from standard input is written to "
        "standard output",
    ),
    FORMAT,
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --fix
  archspec check specs --strict --format github
  archspec check specs/vision/resnet.yaml --budget parameters=30M --budget macs=5G --input x=1,3,224,224
  archspec check specs --format sarif 2> archspec.sarif
  archspec check specs/vgg.yaml --param batch_norm=true --input x=1,3,224,224
  cat net.yaml | archspec check -""",
)
def check(options: argparse.Namespace) -> int:
    """Say what is wrong with specs, and where.

    Reads each spec, works out every shape, and prints each problem with its file, line and column.
    Runs nothing that a spec could choose and needs no PyTorch. What is allowed but hardly meant is a
    warning, which leaves the exit status at 0 unless --strict is given. `ignore` in a spec or in
    [tool.archspec] of pyproject.toml silences warnings by their codes.
    With --fix a file is written whole or not at all, and only if it has no more errors than before.
    """
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    how = _How(
        read_params(options.param), read_inputs(options.input), options.allow, config.ignore, _limits(options.budget)
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
    failed = report(problems, options.format, always=True)
    if options.format == "text" and not problems and not piped:
        print(f"{len(sources)} {'spec' if len(sources) == 1 else 'specs'} checked, nothing wrong")
    return FOUND if failed or (problems and (options.strict or config.strict)) else CLEAN


class _How(Record):
    """How specs are checked."""

    params: Mapping[str, object]
    inputs: Mapping[str, Sequence[int]]
    allow: Sequence[str]
    ignore: Sequence[str]
    budget: Mapping[str, int]


def _problems(name: str, how: _How) -> list[Problem]:
    """Everything found in one spec, warnings too."""
    try:
        spec = read(name, how.allow)
        limits = {**spec.budget, **how.budget}
        return archspec.check(spec, params=how.params, inputs=how.inputs, ignore=how.ignore, budget=limits)
    except SpecError as error:
        return list(error.problems)


def _limits(pairs: Sequence[str]) -> dict[str, int]:
    """The limits of `--budget`."""
    limits = {}
    for name, text in read_pairs(pairs, "--budget", "parameters=5M"):
        if name not in Budget._fields:
            raise UsageError(f"--budget: {echo(name)} has no limit; write one of {', '.join(Budget._fields)}")
        try:
            limits[name] = limit(text)
        except ValueError as error:
            raise UsageError(f"--budget {name}: {error}; write it like 5M: the suffixes are k, M, G and T") from None
    return limits


def _mend(name: str, how: _How) -> tuple[list[Problem], list[str]]:
    """Mends one spec; what is still wrong with it, and a line for each problem that is not any more."""
    shown = "<stdin>" if name == STDIN else name
    try:
        text = standard_input() if name == STDIN else source.read(name)
        mended = archspec.fix(text, shown, params=how.params, inputs=how.inputs, allow=how.allow, ignore=how.ignore)
        if name == STDIN:
            if sys.stdout is not None:  # bytes: neither line ends nor letters become others on their way
                sys.stdout.buffer.write(mended.text.encode())
        elif mended.text != text:
            mark = "\ufeff" if Path(name).read_bytes().startswith(b"\xef\xbb\xbf") else ""
            if source.read(name) != text:
                files.refuse(name, "the file was changed meanwhile, and is left as it is", "run the command again")
            files.write(Path(name), mark + mended.text)
    except SpecError as error:
        return list(error.problems), []
    lines = [f"{_line(one)}: fixed {one.code}: {one.message}" for one in mended.fixed]
    more = "more errors would come of it"
    lines += [f"{_line(one)}: not fixed {one.code}: {more}: {one.message}" for one in mended.refused]
    return mended.problems, list(map(printable, lines))


def _line(problem: Problem) -> str:
    return f"{problem.path}:{problem.line}:{problem.column}"
