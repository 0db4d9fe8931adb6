"""`archspec summary`: the table of a spec's steps."""

from __future__ import annotations

import argparse
import sys

import archspec
from archspec.arguments import ALLOW, INPUT, PARAM, SPEC, Argument, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.console import report
from archspec.problems import echo
from archspec.project import UsageError


@command(
    SPEC,
    PARAM,
    INPUT,
    ALLOW,
    Argument("--batch", metavar="N", help="figures for N samples; default: one"),
    Argument("--depth", metavar="N", help="show N levels of modules, what is below them summed up; default: all"),
    Argument("--verify", action="store_true", help="also build the module, run it under torchinfo, and compare"),
    Argument(
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
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "summary"), params, inputs, options.allow)
    if report(problems, options.format if options.format in ("json", "github") else "text") or spec is None:
        return FOUND
    table = archspec.summary(spec, params=params, inputs=inputs, batch=batch or 1)
    if batch is not None and not table.sizes:
        raise UsageError("--batch: no input has a free first axis that it could set")
    if options.format == "json":
        import json  # here: for people it is a table

        print(json.dumps(table.as_dict(), indent=2))
    elif options.format == "csv":
        print(table.csv())
    else:
        print(table.markdown(depth) if options.format == "markdown" else table.text(depth))
    if options.verify:
        people = options.format in ("text", "github")
        try:
            verdict = archspec.verify(spec, params=params, inputs=inputs)
            print(f"\n{verdict}" if people else verdict, file=sys.stdout if people else sys.stderr)
        except ImportError as error:
            raise UsageError(str(error)) from None
    return CLEAN


def _count(text: str | None, option: str) -> int | None:
    """The whole number that an option gives."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise UsageError(f"{option}: {echo(text)} is no number of 1 or more")
    return int(text)
