"""`archspec diagram`: the architecture drawn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import archspec
from archspec import files
from archspec.characters import printable
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
from archspec.cli.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.cli.console import is_terminal, report
from archspec.cli.project import STDIN, UsageError
from archspec.problems import echo

_SUFFIXES = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".html": "html",
    ".htm": "html",
    ".png": "png",
    ".pdf": "pdf",
}


@command(
    SPEC,
    CliArgument(
        "step",
        nargs="?",
        metavar="STEP",
        help="the dotted path of a block, such as layer1.0: draw only this block; default: the whole network",
    ),
    CliArgument(
        "-o",
        "--output",
        is_path=True,
        metavar="FILE|-",
        help="the file to write; its suffix sets the format. Default: standard output",
    ),
    CliArgument(
        "--format",
        choices=("svg", "png", "pdf", "mermaid", "dot", "html"),
        help="svg, a picture (the default), and the same as png or pdf; mermaid, text that GitHub draws; dot, for "
        "Graphviz; html, a page in which blocks open and close, linked with the spec and the generated source",
    ),
    CliArgument(
        "--depth",
        metavar="N",
        help="number of levels of blocks to open, 0 for none; default: chosen by the size of the picture",
    ),
    CliArgument(
        "--theme",
        choices=("light", "dark", "auto"),
        default="auto",
        help="the colours; auto (the default) follows the reader's system, where the format can",
    ),
    CliArgument(
        "--direction",
        choices=("down", "right"),
        default="down",
        help="from top to bottom (the default), or from left to right; not for html",
    ),
    CliArgument("--wrap", action="store_true", help="break a long picture into columns; for svg, png and pdf"),
    CliArgument("--no-title", action="store_true", help="leave out the title"),
    CliArgument("--no-legend", action="store_true", help="leave out the legend"),
    CliArgument(
        "--scale", type=float, default=2.0, metavar="X", help="pixels of a png for each of the svg (default: 2)"
    ),
    VARIANT,
    PARAM,
    INPUT,
    ALLOW,
    examples="""\
  archspec diagram specs/tinyvgg.yaml -o tinyvgg.svg
  archspec diagram specs/text/gpt2.yaml -o gpt2.html          a page to look around in
  archspec diagram specs/tinyvgg.yaml --format mermaid         to paste into a README
  archspec diagram specs/vision/resnet.yaml --input x=1,3,224,224 -o resnet.svg
  archspec diagram specs/vision/resnet.yaml layer1.0 -o bottleneck.svg
  archspec diagram specs/tinyvgg.yaml -o tinyvgg.pdf --no-title --no-legend       for a paper
  archspec diagram specs/tinyvgg.yaml --format dot | dot -Tpdf > tinyvgg.pdf""",
)
def diagram(options: argparse.Namespace) -> int:
    """Draw a spec's architecture: as SVG, PNG, PDF, as an HTML page, or as text for Mermaid and Graphviz.

    Repetitions are one box, blocks are frames around what is within them, and a line says its shape where
    that changes. SVG and HTML need the layout engine graphlay, pip install 'archspec-nn[diagram]'; PNG and PDF also
    CairoSVG, pip install 'archspec-nn[pictures]'.
    """
    output = options.output or STDIN
    form = _format(options, output)
    settings: dict[str, Any] = {"theme": options.theme, "depth": _depth(options)}
    settings |= {"title": not options.no_title, "legend": not options.no_legend}
    settings |= {"direction": options.direction, "wrap": options.wrap}
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "diagram"), params, inputs, options.allow, options.variant)
    if report(problems, "text") or spec is None:
        return FOUND
    settings |= {"variant": options.variant, "params": params, "inputs": inputs}
    try:
        if form in ("png", "pdf"):
            settings |= {"format": form, "scale": options.scale}
            data = archspec.picture(spec, options.step, **settings)
        else:
            settings |= {"format": form}
            data = archspec.diagram(spec, options.step, **settings).encode("utf-8")
    except ValueError as error:
        raise UsageError(str(error)) from None
    except ImportError as error:
        raise UsageError(f"{error}; --format mermaid and dot do without") from None
    if output == STDIN:
        _print(form, data)
    else:
        print("wrote" if files.write_bytes(Path(output), data) else "unchanged", printable(output))
    return CLEAN


def _print(form: str, data: bytes) -> None:
    if form in ("png", "pdf"):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    else:
        print(data.decode("utf-8"), end="")


def _format(options: argparse.Namespace, output: str) -> str:
    """What --format says, else what the file's name says."""
    if options.format is not None:
        form: str = options.format
    elif output != STDIN:
        suffix = Path(output).suffix.lower()
        if suffix not in _SUFFIXES:
            raise UsageError(f"{echo(output)} has none of the suffixes {', '.join(_SUFFIXES)}; use --format")
        form = _SUFFIXES[suffix]
    else:
        form = "svg"
    if options.output is None and form in ("svg", "png", "pdf", "html") and is_terminal(sys.stdout):
        raise UsageError(f"{form} cannot be printed to a terminal: write it with -o FILE, or choose --format mermaid")
    return form


def _depth(options: argparse.Namespace) -> int | None:
    text = options.depth
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise UsageError(f"--depth {echo(text)}: a number of levels, 0 or more")
    return int(text)
