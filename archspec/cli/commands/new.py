"""`archspec new`: a first spec to start from."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import archspec
from archspec import files
from archspec.characters import printable
from archspec.cli import project
from archspec.cli.arguments import CliArgument, command
from archspec.cli.commands._shared import CLEAN, shell_line
from archspec.cli.project import UsageError
from archspec.problems import echo
from archspec.starter import TEMPLATES


@command(
    CliArgument("name", metavar="NAME", help="the name of the spec, and of its file, module and class"),
    CliArgument(
        "--template",
        choices=TEMPLATES,
        default="cnn",
        help="the kind of network: a perceptron, a convolutional network (the default), a residual network, a "
        "decoder-only transformer, a U-Net",
    ),
    examples="""\
  archspec new my_net                             write my_net.yaml
  archspec new my_gpt --template gpt""",
)
def new(options: argparse.Namespace) -> int:
    """Write a first spec to start from, explained line by line.

    It goes to the first of the project's `specs` folders, or else to the current folder. The schema by which editors
    complete and check specs goes beside pyproject.toml, if it is not there; the spec's first line names it.
    """
    from archspec.views.schema import text  # here: it reads every declaration

    name = options.name.removesuffix(".yaml")
    if Path(name).name != name:
        raise UsageError(f"{echo(options.name)} is a path; give a name")
    files.module_name(f"{name}.yaml")
    folders = [folder for folder in project.settings(Path.cwd()).specs if folder.suffix not in project.SUFFIXES]
    path = Path(project.shown((folders or [Path.cwd()])[0] / f"{name}.yaml"))
    if os.path.lexists(path):
        files.refuse(path, "the file exists and is not overwritten", "choose another name")
    schema = project.root(Path.cwd()) / project.SCHEMA_FILE
    if not os.path.lexists(schema) and files.write(schema, text("7")):
        print(f"wrote {printable(project.shown(schema))}, for editors")
    relative = os.path.relpath(schema, path.parent).replace(os.sep, "/")
    files.write(path, archspec.new(name, template=options.template, schema=relative))
    print(f"wrote {printable(str(path))}; now try")
    for step in ("check", "summary", "generate"):
        print(f"  {shell_line('archspec', step, str(path))}")
    return CLEAN
