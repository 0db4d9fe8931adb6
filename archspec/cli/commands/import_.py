"""`archspec import`: an existing model becomes a spec."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import archspec
from archspec import files, source
from archspec.characters import printable
from archspec.cli.arguments import CliArgument, command, read_inputs, read_pairs, read_params
from archspec.cli.commands._shared import CLEAN, FOUND
from archspec.cli.console import report
from archspec.cli.project import UsageError
from archspec.importer import tables
from archspec.problems import SpecError, echo

_DTYPES = ("float32", "float64", "int64", "int32", "bool")


@command(
    CliArgument(
        "target",
        metavar="TARGET",
        help="the class or function that makes the model, package.module:Name or folder/file.py:Name; "
        "with --format, a file",
    ),
    CliArgument(
        "--format",
        choices=("python", "ultralytics", "transformers"),
        default="python",
        help="what TARGET is: code, a model table of ultralytics, or a config.json of transformers; default: python",
    ),
    CliArgument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the class or function; repeatable",
    ),
    CliArgument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=SIZES",
        help="an argument of the model's forward method: x=2,3,224,224, or with a dtype ids=2,16:int64; repeatable",
    ),
    CliArgument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value of an argument, so that it becomes a parameter of the spec; repeatable",
    ),
    CliArgument(
        "-o", "--output", is_path=True, metavar="FILE", help="where to write the spec; default: standard output"
    ),
    CliArgument("--weights", is_path=True, metavar="FILE", help="write the model's weights: *.pt, or *.safetensors"),
    CliArgument("--partial", action="store_true", help="write what can be imported, and list what cannot"),
    examples="""\
  archspec import torchvision.models:resnet50 --input x=2,3,224,224 -o resnet50.yaml
  archspec import models.py:Net --arg hidden=10 --input x=2,1,28,28 --vary hidden=12
  archspec import models:Tagger --input ids=2,16:int64 --weights tagger.pt -o tagger.yaml
  archspec import yolov8.yaml --format ultralytics -o yolov8-spec.yaml
  archspec import config.json --format transformers --input input_ids=2,16:int64""",
)
def import_(options: argparse.Namespace) -> int:
    """Write a PyTorch model as a spec, and compare the two.

    Imports the module that is named, makes the model and runs it: use it on code that you trust. The spec is compared
    with the model, built and generated, in both modes; one that differs is not written without --partial, which also
    names a class of yours as it is where no spec can say what it does. Exit status: 0 where the spec is the same
    network, 1 where it is not, or needs a class of yours.

    A table of ultralytics is read and not run: neither ultralytics nor PyTorch has to be installed. A config.json is
    made into a model by transformers, and imported as any other.
    """
    if options.format == "ultralytics":
        return _table(options)
    if options.format == "python" and ":" not in options.target:
        raise UsageError(f"{echo(options.target)} does not name a class or function; write it like package.module:Name")
    if not options.input:
        raise UsageError("give the inputs of the model, as in --input x=2,3,224,224")
    args, vary = read_params(options.arg), read_params(options.vary)
    from archspec.importer import targets  # here: it imports torch

    try:
        factory = _factory(options, {**args, **vary})
        inputs = {name: targets.example(sizes, dtype) for name, (sizes, dtype) in _inputs(options.input).items()}
        imported = archspec.import_module(factory, inputs, args=args, vary=vary, partial=options.partial)
        if imported.verified and options.weights:
            targets.save(factory, args, Path(options.weights))
    except SpecError as error:
        report(error.problems, "text")
        return FOUND
    report([gap.problem() for gap in imported.gaps], "text")
    for one in imported.differences:
        print(f"differs: {printable(one)}", file=sys.stderr)
    if imported.verified or options.partial:
        _write(imported.text, options.output)
    if imported.verified:
        print("verified: the spec and the model are the same network", file=sys.stderr)
    if imported.allow:
        allowed = " ".join(f"--allow {one}" for one in imported.allow)
        print(f"note: the spec names classes of yours as they are; read it with `{allowed}`", file=sys.stderr)
    for one in imported.notes:
        print(f"note: {printable(one)}", file=sys.stderr)
    return CLEAN if imported.verified and not imported.gaps else FOUND


def _factory(options: argparse.Namespace, args: dict[str, Any]) -> Any:
    if options.format == "python":
        from archspec.importer import targets  # here: it imports torch

        return targets.factory_of(options.target)
    from archspec.importer import configurations  # here: it imports transformers

    return configurations.factory_of(options.target, args)


def _table(options: argparse.Namespace) -> int:
    """Writes a model table of ultralytics as a spec."""
    given = [name for name in ("arg", "input", "vary", "weights", "partial") if getattr(options, name)]
    if given:
        raise UsageError(f"--{given[0]} is for models that are run; a table of ultralytics is only read")
    path = Path(options.target)
    try:
        text = tables.spec_of(source.read(path), options.target, path.stem)
        archspec.parse(text, options.output or f"<{path.stem}>")
    except SpecError as error:
        report(error.problems, "text")
        return FOUND
    _write(text, options.output)
    return CLEAN


def _inputs(pairs: list[str]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Sizes and dtypes by name."""
    found: dict[str, Any] = {}
    for name, text in read_pairs(pairs, "--input", "x=2,3,224,224"):
        sizes, _, dtype = text.partition(":")
        if dtype and dtype not in _DTYPES:
            raise UsageError(f"--input {name}: {echo(dtype)} is not one of {', '.join(_DTYPES)}")
        found[name] = read_inputs([f"{name}={sizes}"])[name], dtype or "float32"
    return found


def _write(text: str, output: str | None) -> None:
    if output is None or output == "-":
        print(text, end="")
        return
    files.write(Path(output), text)
    print(f"wrote {printable(output)}", file=sys.stderr)
