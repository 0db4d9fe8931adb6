"""`archspec diff`: what changed between two architectures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import archspec
from archspec.characters import printable
from archspec.cli.arguments import ALLOW, INPUT, PARAM, VARIANT, CliArgument, command, read_inputs, read_params
from archspec.cli.commands._shared import CLEAN, FOUND, one_spec, read
from archspec.cli.console import report, wants_color
from archspec.cli.project import STDIN, SUFFIXES, UsageError
from archspec.problems import SpecError, echo
from archspec.source import read as read_text

TROUBLE = 2
"""The exit status where there is nothing to compare, as other diffs have it."""

_DRIVER = (7, 9)
"""How many arguments git passes to an external diff: path, file, hash and mode of both, and for a renamed file more."""
_NOTHING = "/dev/null"
_COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", ">": "\x1b[36m", "!": "\x1b[1;31m"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two to compare, and how it is called."""

    path: str
    revision: str | None
    settings: tuple[str, ...]
    """`name=value`, as written."""
    variant: str | None = None

    @property
    def label(self) -> str:
        name = "<stdin>" if self.path == STDIN else self.path
        name = name if self.revision is None else f"{self.revision}:{name}"
        settings = (*((self.variant,) if self.variant is not None else ()), *self.settings)
        return f"{name} ({', '.join(settings)})" if settings else name


@command(
    CliArgument(
        "sides",
        is_path=True,
        nargs="+",
        metavar="SPEC",
        help="the old spec and the new one, - for standard input; or a git revision and a spec, or two revisions and a "
        "spec; or one spec with --new-param or --new-variant",
    ),
    VARIANT,
    CliArgument("--old-variant", metavar="NAME", help="as --variant, for the old spec alone"),
    CliArgument("--new-variant", metavar="NAME", help="as --variant, for the new spec alone"),
    PARAM,
    CliArgument(
        "--old-param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as --param, for the old spec alone; repeatable",
    ),
    CliArgument(
        "--new-param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as --param, for the new spec alone; repeatable",
    ),
    INPUT,
    ALLOW,
    CliArgument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="text for people (the default), markdown for a pull request, json for programs",
    ),
    CliArgument(
        "--git-driver",
        action="store_true",
        help="take the arguments that git passes to an external diff, and exit 0; see below",
    ),
    examples="""\
  archspec diff old.yaml new.yaml
  archspec diff HEAD~1 specs/vision/resnet.yaml             what the last commit changed
  archspec diff main HEAD specs/vision/resnet.yaml --format markdown
  archspec diff specs/vision/resnet.yaml --new-param groups=32 --new-param width_per_group=4
  archspec diff specs/vision/resnet.yaml --new-variant resnet101

in git diff:
  git -c diff.external='archspec diff' diff                 once
  git config diff.archspec.command 'archspec diff --git-driver'
  echo 'specs/**/*.yaml diff=archspec' >> .gitattributes    always, for specs
  Blocks that a spec imports are then those of the working tree. Files that are not valid specs are shown as text.""",
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
            spec.graph(spec.settings(side.variant, params), inputs)
        except SpecError as error:
            if options.format == "json":
                report(error.problems, "json")
            else:
                print(f"in {printable(side.label)}:", file=sys.stderr)
                report(error.problems, "text")
            return TROUBLE
        specs.append(spec)
    labels = sides[0].label, sides[1].label
    old, new = (spec.settings(side.variant, one) for spec, side, one in zip(specs, sides, settings, strict=True))
    changes = archspec.diff(*specs, old_params=old, new_params=new, inputs=inputs, labels=labels)
    if options.format == "json":
        from archspec.problems.formats import json_text  # here: for people it is a text

        print(json_text(changes.as_dict()))
    elif options.format == "markdown":
        print(changes.markdown(), end="")
    else:
        print(_colored(str(changes)) if wants_color(sys.stdout) else changes)
    return CLEAN if changes.equal else FOUND


def _sides(options: argparse.Namespace) -> tuple[Side, Side]:
    """What a command line compares."""
    *first, path = options.sides
    old, new = _side_makers(options)
    if len(first) > 2:
        raise UsageError(f"{len(first) + 1} arguments; give two specs, or a revision and a spec")
    if not first and not any((options.old_param, options.new_param, options.old_variant, options.new_variant)):
        raise UsageError("give a second spec, a revision before the spec, --new-param or --new-variant")
    one_spec(path, "diff")
    if not first:
        return old(path, None), new(path, None)
    if len(first) == 2:
        return old(path, first[0]), new(path, first[1])
    if first[0] == STDIN or os.path.lexists(first[0]) or first[0].endswith(SUFFIXES):
        return old(one_spec(first[0], "diff"), None), new(path, None)
    return old(path, first[0]), new(path, None)


def _side_makers(options: argparse.Namespace) -> tuple[Callable[..., Side], Callable[..., Side]]:
    """What makes the old side and the new one, of a path and a revision."""
    settings = ((*options.param, *some) for some in (options.old_param, options.new_param))
    variants = options.old_variant or options.variant, options.new_variant or options.variant
    old, new = (partial(Side, settings=one, variant=name) for one, name in zip(settings, variants, strict=True))
    return old, new


def _load(side: Side, allow: Sequence[str]) -> archspec.Spec:
    if side.revision is None:
        return read(side.path, allow)
    if side.path == STDIN:
        raise UsageError("standard input has no revision; name a file")
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
        print(f"{echo(labels[0])} and {echo(labels[1])} differ, and are not text files")
        return
    old, new = (text.splitlines() for text in texts if text is not None)
    for line in difflib.unified_diff(old, new, *labels, lineterm=""):
        print(printable(line.replace("\t", "    ")))
