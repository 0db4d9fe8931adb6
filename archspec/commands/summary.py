"""`archspec summary`: the table of a spec's steps."""

from __future__ import annotations

import argparse
import sys

import archspec
from archspec.arguments import ALLOW, FORMAT, INPUT, PARAM, SPEC, Argument, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.console import report
from archspec.project import UsageError


@command(
    SPEC,
    PARAM,
    INPUT,
    ALLOW,
    Argument("--verify", action="store_true", help="also build the module, run it under torchinfo, and compare"),
    FORMAT,
    examples="""\
  archspec summary specs/tinyvgg.yaml
  archspec summary specs/vgg.yaml --param depth=16 --input x=1,3,224,224
  archspec summary specs/vgg.yaml --format json > vgg.json
  archspec summary specs/tinyvgg.yaml --verify""",
)
def summary(options: argparse.Namespace) -> int:
    """Show the table of a spec's steps: output shape, parameters, MACs, memory.

    Everything is worked out from the spec, without PyTorch. With --format json the table is JSON, too.
    --verify needs PyTorch and torchinfo.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "summary"), params, inputs, options.allow)
    if report(problems, options.format) or spec is None:
        return FOUND
    table = archspec.summary(spec, params=params, inputs=inputs)
    machine = options.format == "json"
    if machine:
        import json  # here: for people it is a table

        print(json.dumps(table.as_dict(), indent=2))
    else:
        print(table)
    if options.verify:
        try:
            verdict = archspec.verify(spec, params=params, inputs=inputs)
            print(verdict if machine else f"\n{verdict}", file=sys.stderr if machine else sys.stdout)
        except ImportError as error:
            raise UsageError(str(error)) from None
    return CLEAN
