"""`archspec diff`: what changed between two architectures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import archspec
from archspec.arguments import ALLOW, INPUT, PARAM, Argument, command, read_inputs, read_params
from archspec.commands._shared import CLEAN, FOUND, one_spec, read
from archspec.console import report, wants_color
from archspec.problems import SpecError, echo, printable
from archspec.project import STDIN, SUFFIXES, UsageError
from archspec.records import Record
from archspec.source import read as read_text

TROUBLE = 2
"""The exit status where there is nothing to compare, as other diffs have it."""

_DRIVER = (7, 9)
"""How many arguments git passes to an external diff: path, file, hash and mode of both, and for a renamed file more."""
_NOTHING = "/dev/null"
_COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", ">": "\x1b[36m", "!": "\x1b[1;31m"}


class Side(Record):
    """One of the two to compare, and how it is called."""

    path: str
    revision: str | None
    settings: tuple[str, ...]
    """`name=value`, as written."""

    @property
    def label(self) -> str:
        name = "<stdin>" if self.path == STDIN else self.path
        name = name if self.revision is None else f"{self.revision}:{name}"
        return f"{name} ({', '.join(self.settings)})" if self.settings else name


@command(
    Argument(
        "sides",
        is_path=True,
        nargs="+",
        metavar="SPEC",
        help="the old spec and the new one, - for standard input; or a git revision and a spec, or two revisions and a "
        "spec; or one spec with --new-param",
    ),
    PARAM,
    Argument(
        "--old-param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as --param, for the old spec alone; repeatable",
    ),
    Argument(
        "--new-param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as --param, for the new spec alone; repeatable",
    ),
    INPUT,
    ALLOW,
    Argument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="text for people (the default), markdown for a pull request, json for programs",
    ),
    Argument(
        "--git-driver",
        action="store_true",
        help="take the arguments that git passes to an external diff, and exit 0; see below",
    ),
    examples="""\
  archspec diff old.yaml new.yaml
  archspec diff HEAD~1 specs/vision/resnet.yaml             what the last commit changed
  archspec diff main HEAD specs/vision/resnet.yaml --format markdown
  archspec diff specs/vision/resnet.yaml --new-param groups=32 --new-param width_per_group=4

in git diff:
  git -c diff.external='archspec diff' diff                 once
  git config diff.archspec.command 'archspec diff --git-driver'
  echo 'specs/**/*.yaml diff=archspec' >> .gitattributes    always, for specs
  Blocks that a spec imports are then those of the working tree. Files that are no valid specs are shown as text.""",
)
def diff(options: argparse.Namespace) -> int:
    """Say what changed between two architectures: steps, sizes, costs, and which weights still fit.

    Steps are matched by structure, not by line: comments, order of keys and ways to say the same make no
    difference. Exit status: 0 where the architectures are equal, 1 where they differ, 2 where one of them
    cannot be had.
    """
    if options.git_driver or len(options.sides) in _DRIVER:
        return _drive(options.sides)
    sides = _sides(options)
    settings = tuple(map(read_params, ([*options.param, *options.old_param], [*options.param, *options.new_param])))
    inputs = read_inputs(options.input)
    specs = []
    for side, params in zip(sides, settings, strict=True):
        try:
            spec = _load(side, options.allow)
            spec.graph(params, inputs)
        except SpecError as error:
            if options.format == "json":
                report(error.problems, "json")
            else:
                print(f"in {printable(side.label)}:", file=sys.stderr)
                report(error.problems, "text")
            return TROUBLE
        specs.append(spec)
    labels = sides[0].label, sides[1].label
    changes = archspec.diff(*specs, old_params=settings[0], new_params=settings[1], inputs=inputs, labels=labels)
    if options.format == "json":
        import json  # here: for people it is a text

        print(json.dumps(changes.as_dict(), indent=2))
    elif options.format == "markdown":
        print(changes.markdown(), end="")
    else:
        print(_colored(str(changes)) if wants_color(sys.stdout) else changes)
    return CLEAN if changes.equal else FOUND


def _sides(options: argparse.Namespace) -> tuple[Side, Side]:
    """What a command line compares."""
    *first, path = options.sides
    old_settings, new_settings = ((*options.param, *some) for some in (options.old_param, options.new_param))
    if len(first) > 2:
        raise UsageError(f"{len(first) + 1} arguments; give two specs, or a revision and a spec")
    if not first and not options.old_param and not options.new_param:
        raise UsageError("give a second spec, a revision before the spec, or --new-param")
    one_spec(path, "diff")
    if not first:
        return Side(path, None, old_settings), Side(path, None, new_settings)
    if len(first) == 2:
        return Side(path, first[0], old_settings), Side(path, first[1], new_settings)
    if first[0] == STDIN or os.path.lexists(first[0]) or first[0].endswith(SUFFIXES):
        return Side(one_spec(first[0], "diff"), None, old_settings), Side(path, None, new_settings)
    return Side(path, first[0], old_settings), Side(path, None, new_settings)


def _load(side: Side, allow: Sequence[str]) -> archspec.Spec:
    if side.revision is None:
        return read(side.path, allow)
    if side.path == STDIN:
        raise UsageError("standard input is of no revision; name a file")
    return archspec.load(side.path, allow=allow, revision=side.revision)


def _colored(text: str) -> str:
    colors = ((_COLORS.get(line.strip()[:1]), line) for line in text.split("\n"))
    return "\n".join(line if color is None else f"{color}{line}\x1b[0m" for color, line in colors)


# What git calls.


def _drive(arguments: Sequence[str]) -> int:
    """Shows one file that git found to differ. Any other status than 0 would stop git."""
    if len(arguments) not in _DRIVER:
        if len(arguments) > 1:
            raise UsageError(f"git passes {_DRIVER[0]} arguments or {_DRIVER[1]}, not {len(arguments)}")
        print(f"* unmerged {printable(arguments[0])}")
        return CLEAN
    path, old, _, _, new, _, _, *more = arguments
    labels = f"a/{path}", f"b/{more[0] if more else path}"
    texts = [_text(name) for name in (old, new)]
    reason = ""
    if path.endswith(SUFFIXES) and _NOTHING not in (old, new) and None not in texts:
        try:
            specs = [archspec.parse(text or "", name=path) for text in texts]
            changes = archspec.diff(*specs, labels=labels)
            print(_colored(str(changes)) if wants_color(sys.stdout) else changes)
            return CLEAN
        except SpecError as error:
            reason = f"not compared as architectures: {error.problems[0].message}"
    _show_text(labels, texts, reason)
    return CLEAN


def _text(path: str) -> str | None:
    """The text of a file; None where it has none."""
    if path == _NOTHING:
        return ""
    try:
        return read_text(path)
    except SpecError:
        return None


def _show_text(labels: tuple[str, str], texts: Sequence[str | None], reason: str) -> None:
    """The lines that differ, as git shows them by itself."""
    import difflib  # here: for files that are no specs

    if reason:
        print(f"# {printable(reason)}")
    if texts[0] is None or texts[1] is None:
        print(f"{echo(labels[0])} and {echo(labels[1])} differ, and are no texts to show")
        return
    old, new = (text.splitlines() for text in texts if text is not None)
    for line in difflib.unified_diff(old, new, *labels, lineterm=""):
        print(printable(line.replace("\t", "    ")))
