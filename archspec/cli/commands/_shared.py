"""What commands share: the spec that a command line names, and what is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import archspec
from archspec.characters import printable
from archspec.cli.project import STDIN, UsageError
from archspec.problems import CODES, Problem, SpecError, echo
from archspec.source import read_stream

CLEAN, FOUND = 0, 1
"""The exit status of a command: nothing wrong; problems found, or files out of date."""


def examine(
    name: str,
    params: Mapping[str, object],
    inputs: Mapping[str, Sequence[int]],
    allow: Sequence[str],
    variant: str | None = None,
) -> tuple[archspec.Spec | None, list[Problem]]:
    """The spec, None where it cannot be used at all, and every error in it. Warnings are for `check` alone."""
    spec = None
    try:
        spec = read(name, allow)
        spec.graph(spec.settings(variant, params), inputs)
    except SpecError as error:
        return spec, list(error.problems)
    return spec, []


def read(name: str, allow: Sequence[str]) -> archspec.Spec:
    """The spec of that name; SpecError with what is wrong in it."""
    if name == STDIN:
        return archspec.parse(standard_input(), name="<stdin>", allow=allow)
    return archspec.load(name, allow=allow)


def one_spec(argument: str, command: str) -> str:
    """The argument of a command that takes a single spec: UsageError where it names a folder."""
    if os.path.isdir(argument):
        raise UsageError(f"{echo(argument)} is a folder; {command} takes one spec")
    return argument


def standard_input() -> str:
    """What is piped in, as text."""
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return read_stream(sys.stdin.buffer)


def explain_code(text: str) -> None:
    """Print the page of a problem's code; UsageError where it is none."""
    from archspec.problems import explanations as codes  # here: most commands explain none

    if text.upper() not in CODES:
        raise UsageError(codes.unknown(text))
    print(codes.explanation(text.upper()), end="")


def shell_line(*words: str) -> str:
    """A command line that can be pasted into a shell."""
    import shlex  # here: not every command shows a command line

    return printable(shlex.join(words))
