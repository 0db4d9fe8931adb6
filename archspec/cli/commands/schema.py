"""`archspec schema`: the JSON Schema of the language."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec import files
from archspec.characters import printable
from archspec.cli.arguments import CliArgument, command
from archspec.cli.commands._shared import CLEAN
from archspec.cli.project import SCHEMA_FILE, STDIN


@command(
    CliArgument(
        "-o",
        "--output",
        is_path=True,
        default=STDIN,
        metavar="FILE|-",
        help="where to write: a file, or - for standard output (the default)",
    ),
    CliArgument(
        "--draft",
        choices=("7", "2020-12"),
        default="7",
        help="the draft of JSON Schema: 7, which every editor supports (the default), or 2020-12",
    ),
    CliArgument("--plan", action="store_true", help="write the schema of plan files instead"),
    examples=f"""\
  archspec schema -o {SCHEMA_FILE}
  archspec schema --plan -o .archspec-plan-schema.json
  # yaml-language-server: $schema={SCHEMA_FILE}      the first line of a spec beside that file""",
)
def schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema of the language: by it editors complete, explain and check specs.

    `archspec new` writes it to the project and names it in the new spec. Write it again after an update.
    """
    if options.plan:
        from archspec.views.plan.schema import text  # here: few write plans
    else:
        from archspec.views.schema import text  # here: it reads every declaration

    if options.output == STDIN:
        print(text(options.draft), end="")
        return CLEAN
    path = Path(options.output)
    old = files.read(path)
    if old is not None and '"title": "archspec' not in old:
        files.refuse(path, "the file is not an archspec schema", "write elsewhere")
    print("wrote" if files.write(path, text(options.draft)) else "unchanged", printable(str(path)))
    return CLEAN
