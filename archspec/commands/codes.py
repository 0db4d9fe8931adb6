"""`archspec codes`: what each code means."""

from __future__ import annotations

import argparse

from archspec.arguments import Argument, command
from archspec.commands._shared import CLEAN, explain_code
from archspec.problems import CODES
from archspec.project import UsageError


@command(
    Argument("code", nargs="?", metavar="CODE", help="the code to explain; without one all are listed"),
    Argument("--schema", action="store_true", help="print the JSON Schema of what --format json writes"),
    examples="""\
  archspec codes                                  every code, a line each
  archspec codes AS502
  archspec codes --schema > problems.schema.json""",
)
def codes(options: argparse.Namespace) -> int:
    """Explain the codes of problems: what each means, why it is a mistake, and how to write it right."""
    if options.schema and options.code:
        raise UsageError("--schema is of all codes; leave the code out")
    if options.schema:
        import json  # here: only the schema needs it

        from archspec.formats import JSON_SCHEMA  # here: as above

        print(json.dumps(JSON_SCHEMA, indent=2))
    elif options.code:
        explain_code(options.code)
    else:
        print("\n".join(f"{code}  {title}" for code, title in CODES.items()))
    return CLEAN
