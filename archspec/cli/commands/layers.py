"""`archspec layers`: the catalogue of layers and functions."""

from __future__ import annotations

import argparse

from archspec.cli.arguments import CliArgument, command
from archspec.cli.commands._shared import CLEAN
from archspec.cli.project import UsageError
from archspec.problems import echo


@command(
    CliArgument("name", nargs="?", metavar="NAME", help="a layer or a function: Conv2d, scaled_dot_product_attention"),
    CliArgument(
        "--format",
        choices=("text", "json", "markdown"),
        default="text",
        help="text for people (the default), json for programs, markdown for documentation",
    ),
    examples="""\
  archspec layers                                 everything, by family
  archspec layers Conv2d
  archspec layers flatten --format markdown""",
)
def layers(options: argparse.Namespace) -> int:
    """Show the catalogue: of each layer and function its arguments, what is inferred, its shape rule, an example."""
    from archspec.views import catalogue  # here: it reads every declaration

    if options.name is None:
        if options.format == "json":
            _print_json(catalogue.families())
        elif options.format == "markdown":
            found = catalogue.families()
            print("\n".join(catalogue.page(kind, family) for kind in found for family in found[kind]), end="")
        else:
            print(catalogue.overview())
        return CLEAN
    entry = catalogue.entry(options.name)
    if entry is None:
        raise UsageError(f"there is no layer or function {echo(options.name)}; {catalogue.absent(options.name)}")
    if options.format == "json":
        _print_json(entry.as_dict())
    else:
        print(catalogue.text(entry) if options.format == "text" else catalogue.markdown(entry), end="\n")
    return CLEAN


def _print_json(data: object) -> None:
    from archspec.problems.formats import json_text  # here: for people it is a text

    print(json_text(data))
