"""`archspec weights`: which weights of a checkpoint fit."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import archspec
from archspec.characters import printable
from archspec.cli.arguments import ALLOW, INPUT, PARAM, VARIANT, CliArgument, command, read_inputs, read_params
from archspec.cli.commands._shared import CLEAN, FOUND, one_spec, read
from archspec.cli.project import UsageError
from archspec.problems import echo

if TYPE_CHECKING:
    from archspec.checkpoints import Stored
    from archspec.migration import Initial
    from archspec.views.fitting import Match


def _choice(flag: str, help: str) -> CliArgument:
    text = f"with --migrate: {help}; may contain *, repeatable"
    return CliArgument(flag, action="append", default=[], metavar="KEY", help=text)


@command(
    CliArgument("spec", is_path=True, metavar="SPEC", help="a spec, or - for standard input"),
    CliArgument(
        "checkpoint",
        is_path=True,
        metavar="CHECKPOINT",
        help="a safetensors file, a file of torch.save, the index of shards, or a folder with one of them",
    ),
    CliArgument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="what the network calls a key of the checkpoint, or the path before several keys; * stands for anything, "
        "a=b,c splits a weight, a,b=c joins two; repeatable",
    ),
    CliArgument("--migrate", action="store_true", help="write the weights under the network's keys, as safetensors"),
    CliArgument("-o", "--output", is_path=True, metavar="FILE", help="with --migrate: the file to write"),
    _choice("--slice", "copy the part that fits of a weight of another shape"),
    _choice("--transpose", "swap the axes of a matrix"),
    _choice("--initial", "keep the network's initial values of a weight; needs PyTorch"),
    CliArgument("--seed", type=int, default=0, metavar="N", help="the seed of initial values (default: 0)"),
    CliArgument("--force", action="store_true", help="with --migrate: replace a file that exists"),
    CliArgument("--all", action="store_true", help="list the weights that fit, too"),
    CliArgument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="text for people (the default), markdown for an issue, json for programs",
    ),
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    examples="""\
  archspec weights specs/vision/resnet.yaml resnet50.safetensors
  archspec weights specs/vision/resnet.yaml old.pt --rename classifier=fc
  archspec weights specs/vision/resnet.yaml old.pt --migrate -o new.safetensors
  archspec weights net.yaml old.pt --migrate -o new.safetensors --param num_classes=5 --initial 'fc.*'""",
)
def weights(options: argparse.Namespace) -> int:
    """Say which weights of a checkpoint fit a network, and what the others are called in it.

    Keys are matched by name, then by shape, place and the meaning of names. A file of torch.save is loaded by
    PyTorch with weights_only; all others are read without it. Exit status: 0 where every weight of the network
    fits under its key, or was migrated; 1 where not.
    """
    from archspec.checkpoints import open_archive  # here: other commands read no checkpoints
    from archspec.views.fitting import match  # here: likewise

    _require_migration(options)
    rename = dict(_renaming(pair) for pair in options.rename)
    spec = read(one_spec(options.spec, "weights"), options.allow)
    params = spec.settings(options.variant, read_params(options.param))
    graph = spec.graph(params, read_inputs(options.input))
    graph.require_values()
    try:
        found = match(graph, open_archive(options.checkpoint), rename)
        if options.migrate:
            _migrate(options, spec, params, found)
            return CLEAN
    except ImportError as error:
        raise UsageError(str(error)) from None
    _print(options, found)
    return CLEAN if found.fits else FOUND


def _require_migration(options: argparse.Namespace) -> None:
    if options.migrate and not options.output:
        raise UsageError("--migrate needs -o FILE, the file to write")
    if not options.migrate and (options.output or options.slice or options.transpose or options.initial):
        raise UsageError("-o, --slice, --transpose and --initial go with --migrate")
    if options.migrate and os.path.lexists(options.output) and not options.force:
        raise UsageError(f"{echo(options.output)} exists; --force replaces it")


def _renaming(pair: str) -> tuple[str, str]:
    old, equals, new = pair.partition("=")
    if not equals or not old:
        raise UsageError(f"--rename: {echo(pair)} is not OLD=NEW; write it like --rename classifier=fc")
    return old, new


def _print(options: argparse.Namespace, found: Match) -> None:
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is a text

        print(json_text(found.as_dict()))
    elif options.format == "markdown":
        print(found.markdown(), end="")
    else:
        from archspec.views.fitting.text import text  # here: likewise

        print(text(found, every=options.all))


def _migrate(options: argparse.Namespace, spec: archspec.Spec, params: dict[str, object], found: Match) -> None:
    from archspec.checkpoints.safetensors import pieces  # here: only this writes one
    from archspec.files import write_pieces  # here: likewise
    from archspec.migration import Choices, migrated  # here: likewise

    choices = Choices(tuple(options.slice), tuple(options.transpose), tuple(options.initial))
    tensors = migrated(found, choices, _initial(spec, params, options))
    write_pieces(Path(options.output), pieces(tensors, found.archive.metadata or {"format": "pt"}))
    print(f"wrote {printable(options.output)}: {len(tensors):,} weights", file=sys.stderr)
    if found.by_order:
        several = f"{len(found.by_order):,} of them were matched by their order alone"
        print(f"{several}; `archspec weights` without --migrate lists them", file=sys.stderr)


def _initial(spec: archspec.Spec, params: dict[str, object], options: argparse.Namespace) -> Initial:
    """What gives the initial values of a weight; PyTorch is imported for the first one."""
    inputs = read_inputs(options.input)
    made: list[Initial] = []

    def values(key: str, dtype: str) -> Stored:
        if not made:
            try:
                from archspec.loading import InitialValues  # here: it imports torch
            except ImportError:
                raise UsageError("initial values need PyTorch: pip install 'archspec-nn[torch]'") from None
            made.append(InitialValues(lambda: spec.build(params, inputs, limit=None), options.seed))
        return made[0](key, dtype)

    return values
