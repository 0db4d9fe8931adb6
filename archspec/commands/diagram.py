"""`archspec diagram`: the architecture drawn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import archspec
from archspec import files
from archspec.arguments import ALLOW, INPUT, PARAM, SPEC, Argument, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, examine, one_spec
from archspec.console import is_terminal, report
from archspec.problems import echo, printable
from archspec.project import STDIN, UsageError

_SUFFIXES = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".html": "html",
    ".htm": "html",
}


@command(
    SPEC,
    Argument(
        "step",
        nargs="?",
        metavar="STEP",
        help="the dotted path of a block to draw alone, as in layer1.0; default: the whole network",
    ),
    Argument(
        "-o",
        "--output",
        is_path=True,
        metavar="FILE|-",
        help="the file to write; what it ends in says the format. Default: standard output",
    ),
    Argument(
        "--format",
        choices=("svg", "mermaid", "dot", "html"),
        help="svg, a picture (the default); mermaid, text that GitHub draws; dot, for Graphviz; html, a page in which "
        "blocks open and close, linked with the spec and the generated source",
    ),
    Argument(
        "--depth",
        metavar="N",
        help="how many levels of blocks are open, 0 for none; default: as many as can be read at a glance",
    ),
    Argument(
        "--theme",
        choices=("light", "dark", "auto"),
        default="auto",
        help="the colours; auto (the default) follows the reader's system, where the format can",
    ),
    PARAM,
    INPUT,
    ALLOW,
    examples="""\
  archspec diagram specs/tinyvgg.yaml -o tinyvgg.svg
  archspec diagram specs/text/gpt2.yaml -o gpt2.html          a page to look around in
  archspec diagram specs/tinyvgg.yaml --format mermaid         to paste into a README
  archspec diagram specs/vision/resnet.yaml --input x=1,3,224,224 -o resnet.svg
  archspec diagram specs/vision/resnet.yaml layer1.0 -o bottleneck.svg
  archspec diagram specs/tinyvgg.yaml --format dot | dot -Tpdf > tinyvgg.pdf""",
)
def diagram(options: argparse.Namespace) -> int:
    """Draw a spec's architecture: as SVG, as an HTML page, or as text for Mermaid and Graphviz.

    Repetitions are one box, blocks are frames around what is within them, and a line says its shape where
    that changes. SVG and HTML need the layout engine graphlay: pip install 'archspec-nn[diagram]'.
    """
    output = options.output or STDIN
    settings: dict[str, Any] = {"format": _format(options, output), "theme": options.theme, "depth": _depth(options)}
    params, inputs = read_params(options.param), read_inputs(options.input)
    spec, problems = examine(one_spec(options.spec, "diagram"), params, inputs, options.allow)
    if report(problems, "text") or spec is None:
        return FOUND
    try:
        text = archspec.diagram(spec, options.step, params=params, inputs=inputs, **settings)
    except ValueError as error:
        raise UsageError(str(error)) from None
    except ImportError as error:
        raise UsageError(f"{error}; --format mermaid and dot do without") from None
    if output == STDIN:
        print(text, end="")
    else:
        print("wrote" if files.write(Path(output), text) else "unchanged", printable(output))
    return CLEAN


def _format(options: argparse.Namespace, output: str) -> str:
    """What --format says, else what the file's name says."""
    if options.format is not None:
        form: str = options.format
    elif output != STDIN:
        suffix = Path(output).suffix.lower()
        if suffix not in _SUFFIXES:
            raise UsageError(f"{echo(output)} ends in none of {', '.join(_SUFFIXES)}; say --format")
        form = _SUFFIXES[suffix]
    else:
        form = "svg"
    if options.output is None and form in ("svg", "html") and is_terminal(sys.stdout):
        raise UsageError(f"{form} is not for a terminal: write it with -o FILE, or choose --format mermaid")
    return form


def _depth(options: argparse.Namespace) -> int | None:
    text = options.depth
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise UsageError(f"--depth {echo(text)}: a number of levels, 0 or more")
    return int(text)
