"""`archspec check`: what is wrong with specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import archspec
from archspec import project
from archspec.arguments import ALLOW, FORMAT, INPUT, PARAM, SPECS, Argument, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, read
from archspec.console import report, with_progress
from archspec.problems import Problem, SpecError


@command(
    SPECS,
    PARAM,
    INPUT,
    ALLOW,
    Argument("--strict", action="store_true", help="exit 1 for warnings, too; default: `strict` of [tool.archspec]"),
    FORMAT,
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --strict --format github
  archspec check specs/vgg.yaml --param batch_norm=true --input x=1,3,224,224
  cat net.yaml | archspec check -""",
)
def check(options: argparse.Namespace) -> int:
    """Say what is wrong with specs, and where.

    Reads each spec, works out every shape, and prints each problem with its file, line and column.
    Runs nothing that a spec could choose and needs no PyTorch. What is allowed but hardly meant is a
    warning, which leaves the exit status at 0 unless --strict is given. `ignore` in a spec or in
    [tool.archspec] of pyproject.toml silences warnings by their codes.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    problems: list[Problem] = []
    for source in with_progress({source.name: source for source in sources}):
        problems += _problems(source.name, params, inputs, options.allow, config.ignore)
    failed = report(problems, options.format)
    if options.format == "json" and not problems:
        print("[]", file=sys.stderr)  # a program that reads the list must find one
    if options.format == "text" and not problems:
        print(f"{len(sources)} {'spec' if len(sources) == 1 else 'specs'} checked, nothing wrong")
    return FOUND if failed or (problems and (options.strict or config.strict)) else CLEAN


def _problems(
    name: str,
    params: Mapping[str, object],
    inputs: Mapping[str, Sequence[int]],
    allow: Sequence[str],
    ignore: Sequence[str],
) -> list[Problem]:
    """Everything found in one spec, warnings too."""
    try:
        return archspec.check(read(name, allow), params=params, inputs=inputs, ignore=ignore)
    except SpecError as error:
        return list(error.problems)
