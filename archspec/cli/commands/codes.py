"""`archspec codes`: what each code means."""

from __future__ import annotations

import argparse

from archspec.cli.arguments import CliArgument, command
from archspec.cli.commands._shared import CLEAN, explain_code
from archspec.cli.project import UsageError
from archspec.problems import CODES


@command(
    CliArgument("code", nargs="?", metavar="CODE", help="the code to explain; without one all are listed"),
    CliArgument("--schema", action="store_true", help="print the JSON Schema of what --format json writes"),
    examples="""\
  archspec codes                                  every code, a line each
  archspec codes AS502
  archspec codes --schema > problems.schema.json""",
)
def codes(options: argparse.Namespace) -> int:
    """Explain the codes of problems: what each means, why it is a mistake, and how to write it right."""
    if options.schema and options.code:
        raise UsageError("--schema covers all codes; leave the code out")
    if options.schema:
        from archspec.problems.formats import JSON_SCHEMA, json_text  # here: only the schema needs them

        print(json_text(JSON_SCHEMA))
    elif options.code:
        explain_code(options.code)
    else:
        print("\n".join(f"{code}  {title}" for code, title in CODES.items()))
    return CLEAN
