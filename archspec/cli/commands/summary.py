"""`archspec summary`: the table of a spec's steps."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import archspec
from archspec.cli.arguments import (
    ALLOW,
    BUDGET,
    INPUT,
    PARAM,
    SPEC,
    VARIANT,
    CliArgument,
    command,
    read_budget,
    read_inputs,
    read_values,
)
from archspec.cli.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.cli.console import columns, report
from archspec.cli.project import UsageError
from archspec.problems import SpecError, echo


@command(
    SPEC,
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    CliArgument("--batch", metavar="N", help="compute the compute the figures for N samples; default: one"),
    CliArgument("--depth", metavar="N", help="show N levels of modules, and sum up the levels below; default: all"),
    CliArgument("--variants", action="store_true", help="the defaults and every variant side by side, a line each"),
    CliArgument("--columns", metavar="N", help="the width of the table; default: that of the terminal, else 120"),
    CliArgument("--solve", metavar="NAME", help="find the largest value of this parameter within the budget"),
    BUDGET,
    CliArgument("--verify", action="store_true", help="also build the module, run it under torchinfo, and compare"),
    CliArgument(
        "--format",
        choices=("text", "json", "csv", "markdown", "github"),
        default="text",
        help="text for people (the default), json or csv for programs, markdown for pages; "
        "github writes problems as workflow annotations",
    ),
    examples="""\
  archspec summary specs/tinyvgg.yaml
  archspec summary specs/vgg.yaml --param depth=16 --input x=1,3,224,224
  archspec summary specs/vision/resnet.yaml --depth 2 --batch 32
  archspec summary specs/vision/resnet.yaml --variant resnet101
  archspec summary specs/vision/resnet.yaml --variants --input x=1,3,224,224
  archspec summary specs/tinyvgg.yaml --param hidden_units=8,16,32 --budget parameters=50k
  archspec summary specs/tinyvgg.yaml --solve hidden_units --budget parameters=5M
  archspec summary specs/vgg.yaml --format json > vgg.json
  archspec summary specs/tinyvgg.yaml --verify""",
)
def summary(options: argparse.Namespace) -> int:
    """Show the table of a spec's steps: shapes, parameters, MACs, memory.

    Everything is worked out from the spec, without PyTorch. Equal repetitions stand as one: ×12. Memory is what a
    step takes for its output; below the table are the peaks of inference and of training. --format csv and json have
    every step on its own. --verify needs PyTorch and torchinfo.
    """
    batch, depth = _count(options.batch, "--batch"), _count(options.depth, "--depth")
    values, inputs = read_values(options.param), read_inputs(options.input)
    params = {name: some[0] for name, some in values.items() if len(some) == 1}
    spec, problems = examine(one_spec(options.spec, "summary"), params, inputs, options.allow, options.variant)
    if report(problems, options.format if options.format in ("json", "github") else "text") or spec is None:
        return FOUND
    if options.solve or len(params) < len(values) or options.budget:
        more = {name: some for name, some in values.items() if len(some) > 1}
        return _sweep(options, spec, params, more, batch or 1)
    if options.variants:
        return _side_by_side(options, spec, params, inputs, batch)
    table = archspec.summary(spec, variant=options.variant, params=params, inputs=inputs, batch=batch or 1)
    if batch is not None and not table.sizes:
        raise UsageError("--batch: no input has a free first axis that it could set")
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is a table

        print(json_text(table.as_dict()))
    elif options.format == "csv":
        print(table.csv())
    else:
        from archspec.views.summary.table import WIDTH  # here: archspec.summary has imported it

        width = _count(options.columns, "--columns") or columns(sys.stdout, WIDTH)
        print(table.markdown(depth) if options.format == "markdown" else table.text(depth, width))
    if options.verify:
        people = options.format in ("text", "github")
        try:
            verdict = archspec.verify(spec, variant=options.variant, params=params, inputs=inputs)
            print(f"\n{verdict}" if people else verdict, file=sys.stdout if people else sys.stderr)
        except ImportError as error:
            raise UsageError(str(error)) from None
    return CLEAN


def _side_by_side(
    options: argparse.Namespace,
    spec: archspec.Spec,
    params: dict[str, object],
    inputs: dict[str, tuple[int, ...]],
    batch: int | None,
) -> int:
    """Print the defaults and every variant, a line each."""
    if options.variant is not None or options.verify or options.depth is not None:
        raise UsageError("not possible with --variants: remove --variant, --depth and --verify")
    try:
        table = archspec.summaries(spec, params=params, inputs=inputs, batch=batch or 1)
    except SpecError as error:
        report(error.problems, options.format if options.format in ("json", "github") else "text")
        return FOUND
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is a table

        print(json_text(table.as_dict()))
    else:
        print({"csv": table.csv, "markdown": table.markdown}.get(options.format, table.text)())
    return CLEAN


def _sweep(
    options: argparse.Namespace,
    spec: archspec.Spec,
    params: dict[str, object],
    values: dict[str, list[object]],
    batch: int,
) -> int:
    """Print a table of settings, or find the largest value of this parameter within the budget."""
    if options.variants or options.verify or options.depth is not None:
        raise UsageError("not possible with a table of settings: remove --variants, --depth and --verify")
    inputs, budget = read_inputs(options.input), read_budget(options.budget) or spec.budget
    settings: dict[str, Any] = {"variant": options.variant, "inputs": inputs, "batch": batch}
    try:
        if options.solve:
            if not budget or values:
                raise UsageError("--solve needs --budget parameters=5M, and one value for each other parameter")
            found = archspec.solve(spec, options.solve, params=params, budget=budget, **settings)
            if found is None:
                raise UsageError(f"--solve: no value of {echo(options.solve)} is within the budget")
            values = {options.solve: [found]}
        table = archspec.sweep(spec, values, params=params, budget=budget, **settings)
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise UsageError(str(error)) from None
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is a table

        print(json_text(table.as_dict()))
    else:
        print({"csv": table.csv, "markdown": table.markdown}.get(options.format, table.text)())
    return CLEAN


def _count(text: str | None, option: str) -> int | None:
    """The whole number that an option gives."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise UsageError(f"{option}: {echo(text)} is not an integer of at least 1")
    return int(text)
