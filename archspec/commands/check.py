"""`archspec check`: what is wrong with specs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec import project
from archspec.arguments import ALLOW, FORMAT, INPUT, PARAM, SPECS, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, examine
from archspec.console import report, with_progress
from archspec.problems import Problem


@command(
    SPECS,
    PARAM,
    INPUT,
    ALLOW,
    FORMAT,
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --format github
  archspec check specs/vgg.yaml --param batch_norm=true --input x=1,3,224,224
  cat net.yaml | archspec check -""",
)
def check(options: argparse.Namespace) -> int:
    """Say what is wrong with specs, and where.

    Reads each spec, works out every shape, and prints each problem with its file, line and column.
    Runs nothing that a spec could choose and needs no PyTorch. Warnings leave the exit status at 0.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    sources = project.find(options.specs, project.settings(Path.cwd()).specs)
    problems: list[Problem] = []
    for source in with_progress({source.name: source for source in sources}):
        problems += examine(source.name, params, inputs, options.allow)[1]
    failed = report(problems, options.format)
    if options.format == "json" and not problems:
        print("[]", file=sys.stderr)  # a program that reads the list must find one
    if options.format == "text" and not problems:
        print(f"{len(sources)} {'spec' if len(sources) == 1 else 'specs'} checked, nothing wrong")
    return FOUND if failed else CLEAN
