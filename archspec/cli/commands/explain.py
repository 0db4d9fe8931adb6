"""`archspec explain`: how each size of a network came about."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

import archspec
from archspec.cli.arguments import (
    ALLOW,
    INPUT,
    PARAM,
    SPEC,
    VARIANT,
    CliArgument,
    command,
    read_inputs,
    read_params,
)
from archspec.cli.commands._shared import CLEAN, FOUND, examine, explain_code, one_spec
from archspec.cli.console import report, wants_color
from archspec.cli.project import UsageError


@command(
    SPEC,
    CliArgument(
        "step",
        nargs="?",
        metavar="STEP",
        help="the dotted path of a step, as in block_1.0, with its number where it is repeated; default: all steps",
    ),
    CliArgument("--uses", action="store_true", help="the opposite: list what depends on STEP and would change with it"),
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    CliArgument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="text for people (the default), markdown for documents, json for programs; problems are JSON then, too",
    ),
    examples="""\
  archspec explain specs/tinyvgg.yaml
  archspec explain specs/tinyvgg.yaml classifier.1
  archspec explain specs/vision/resnet.yaml layer2.0.downsample.0 --input x=1,3,224,224
  archspec explain specs/tinyvgg.yaml classifier.1 --format markdown
  archspec explain specs/vision/resnet.yaml layer1 --uses""",
)
def explain(options: argparse.Namespace) -> int:
    """Show how each size came about: formula, numbers, and the lines that the numbers come from.

    Sizes are followed back through the network: to its input, to the argument of a layer, to a parameter and
    its line. Of one step everything is told, of a whole spec each step in brief. Needs no PyTorch. A code in place
    of the spec, as in `archspec explain AS502`, is explained as `archspec codes` does.
    """
    if re.fullmatch("(?i)AS[0-9]{3}", options.spec):
        explain_code(options.spec)
        return CLEAN
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "explain"), params, inputs, options.allow, options.variant)
    machine = options.format == "json"
    if report(problems, "json" if machine else "text") or spec is None:
        return FOUND
    if options.uses and options.step is None:
        raise UsageError("--uses needs a step, as in `archspec explain net.yaml fc --uses`")
    told = archspec.uses if options.uses else archspec.explain
    try:
        explanation: Any = told(spec, options.step, variant=options.variant, params=params, inputs=inputs)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if machine:
        from archspec.problems.formats import json_text  # here: for people it is text

        print(json_text(explanation.as_dict()))
    elif options.format == "markdown":
        print(explanation.markdown(), end="")
    else:
        print(explanation.text() if options.uses else explanation.text(color=wants_color(sys.stdout)))
    return CLEAN
