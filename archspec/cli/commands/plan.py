"""`archspec plan`: a sharded training step, per rank."""

from __future__ import annotations

import argparse
from typing import Any

import archspec
from archspec.cli.arguments import (
    ALLOW,
    INPUT,
    PARAM,
    PLAN,
    SPEC,
    VARIANT,
    CliArgument,
    command,
    read_inputs,
    read_params,
)
from archspec.cli.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.cli.console import report
from archspec.cli.project import UsageError
from archspec.problems import SpecError, echo


@command(
    SPEC,
    CliArgument(
        "--mesh",
        metavar="NAME=RANKS,…",
        default="",
        help="ranks along dp, over which FSDP2 shards every parameter, and tp, over which layers are cut: dp=16,tp=8",
    ),
    PLAN,
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    CliArgument(
        "--devices", metavar="N", help="without --mesh: compare all meshes of N devices, by the bytes sent per step"
    ),
    CliArgument("--pp", metavar="N", help="pipeline stages, cut between repeated blocks; default: one"),
    CliArgument("--batch", metavar="N", help="samples per data-parallel rank and step; default: one"),
    CliArgument(
        "--dtype", metavar="DTYPE", help="dtype of the parameters: float32 (the default), bfloat16, float16, float64"
    ),
    CliArgument(
        "--optimizer",
        metavar="NAME",
        help="optimizer whose states are counted: adamw (the default), adam, sgd, momentum, …",
    ),
    CliArgument("--checkpoint", metavar="blocks", help="recompute each repeated block in the backward pass"),
    CliArgument(
        "--sequence-parallel",
        action="store_true",
        default=None,
        help="between the layers that tp cuts, each rank holds a block of the sequence",
    ),
    CliArgument(
        "--device-memory",
        metavar="SIZE",
        help="memory of one device, such as 80GB: check whether the most loaded rank fits",
    ),
    CliArgument(
        "--format",
        choices=("text", "json", "markdown"),
        default="text",
        help="text for people (the default), json for programs, markdown for pages",
    ),
    examples="""\
  archspec plan specs/text/llama.yaml --mesh dp=8,tp=8 --input input_ids=1,4096
  archspec plan specs/text/llama.yaml --variant llama3_405b --mesh dp=128,tp=8 --dtype bfloat16
  archspec plan specs/text/llama.yaml --mesh tp=8 --sequence-parallel
  archspec plan specs/text/llama.yaml --mesh dp=2,tp=4 --pp 4
  archspec plan specs/text/llama.yaml --devices 64 --device-memory 80GB --input input_ids=1,4096
  archspec plan specs/text/gpt2.yaml --mesh tp=4 --format json
  archspec plan specs/text/gpt2.yaml --plan cluster.yaml
  archspec plan specs/text/llama.yaml --mesh dp=16 --checkpoint blocks --device-memory 80GB""",
)
def plan(options: argparse.Namespace) -> int:
    """Plan a sharded training step: what each rank holds and sends, what is cut, what stays whole, and why.

    Everything is worked out from the spec, without PyTorch. Which weights can be cut follows from the rules of the
    layers and functions that their values flow through. The loss and its collectives are not counted. A file that
    --plan names says any of this, and how layers are cut; what the command line says counts more.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "plan"), params, inputs, options.allow, options.variant)
    machine = options.format == "json"
    if report(problems, "json" if machine else "text") or spec is None:
        return FOUND
    setting: dict[str, Any] = {name: getattr(options, name) for name in _TEXTS}
    for name in ("pp", "batch"):
        if (text := getattr(options, name)) is not None:
            setting[name] = _number(text)
    try:
        if options.devices is not None:
            return _list_meshes(options, spec, setting)
        found = archspec.plan(
            spec,
            options.mesh or None,
            plan=options.plan,
            variant=options.variant,
            params=params,
            inputs=inputs,
            **setting,
        )
    except SpecError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from None
    if machine:
        from archspec.problems.formats import json_text  # here: for people it is text

        print(json_text(found.as_dict()))
    else:
        print(found.markdown() if options.format == "markdown" else found.text())
    return FOUND if any(problem.severity == "error" for problem in found.problems) else CLEAN


_TEXTS = ("dtype", "optimizer", "checkpoint", "device_memory", "sequence_parallel")


def _number(text: str) -> int | str:
    """A whole number; any other text stays one, for the plan to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text


def _list_meshes(options: argparse.Namespace, spec: archspec.Spec, setting: dict[str, Any]) -> int:
    """Print a line for each mesh of so many devices."""
    from archspec.planning import alternatives  # here: archspec.plan imports it when it is called
    from archspec.views.plan.text import meshes  # here: likewise

    if options.mesh or options.plan or options.format == "markdown":
        raise UsageError("--devices lists meshes, as text or json: leave out --mesh, --plan and --format markdown")
    devices = _number(options.devices)
    if isinstance(devices, str):
        raise UsageError(f"--devices: {echo(devices)} is no number")
    params = spec.settings(options.variant, read_params(options.param))
    plans = alternatives(spec, devices, params, read_inputs(options.input), setting)
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is text

        print(json_text([plan.as_dict() for plan in plans]))
    else:
        print("\n".join(meshes(plans)))
    return CLEAN
