"""`archspec check`: what is wrong with specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import archspec
from archspec import project
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
from archspec.commands._shared import CLEAN, FOUND, read
from archspec.console import report, with_progress
from archspec.document import Budget, limit
from archspec.problems import Problem, SpecError, echo
from archspec.project import UsageError


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
    FORMAT,
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --strict --format github
  archspec check specs/vision/resnet.yaml --budget parameters=30M --budget macs=5G --input x=1,3,224,224
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
    budget = _limits(options.budget)
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    problems: list[Problem] = []
    for source in with_progress({source.name: source for source in sources}):
        problems += _problems(source.name, params, inputs, options.allow, config.ignore, budget)
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
    budget: Mapping[str, int],
) -> list[Problem]:
    """Everything found in one spec, warnings too."""
    try:
        spec = read(name, allow)
        limits = {**spec.budget, **budget}
        return archspec.check(spec, params=params, inputs=inputs, ignore=ignore, budget=limits)
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
