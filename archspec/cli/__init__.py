"""The command line: what runs a command, and every way in which that can end."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from archspec.characters import printable
from archspec.cli.arguments import Command, parser
from archspec.cli.console import Format, report
from archspec.cli.project import UsageError, settings
from archspec.problems import SpecError

FOUND, USAGE, INTERNAL, INTERRUPTED, PIPE_CLOSED = 1, 2, 101, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status. Wrong usage and --help exit by themselves."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character is no error
    try:
        from archspec.cli.commands import COMMANDS  # here, so that a bug in one is reported as any is

        status = _run(COMMANDS, parser().parse_args(arguments))
        print(end="", flush=True)
    except BrokenPipeError:  # the reader has seen enough: `| head`
        _drop_stdout()
        return PIPE_CLOSED
    except OSError as error:  # a full disk below stdout, a current folder that is gone: no error of ours
        _drop_stdout()
        print(f"archspec: {printable(error.strerror or str(error)).lower()}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _internal(error, "--debug" in (sys.argv if arguments is None else arguments))
    return status


def _drop_stdout() -> None:
    """Send what is left of the output nowhere; Python would complain when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(commands: Mapping[str, Command], options: argparse.Namespace) -> int:
    try:
        if "allow" in options:
            options.allow = [*settings(Path.cwd()).allow, *options.allow]
        return commands[options.command].run(options)
    except UsageError as error:
        print(f"archspec {options.command}: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except SpecError as error:
        report(error.problems, _form(options))
        return FOUND


def _form(options: argparse.Namespace) -> Format:
    """How problems are written: as `--format` says, where that is about problems, else for people."""
    form = getattr(options, "format", "text")
    return next((one for one in get_args(Format) if one == form), "text")


def _internal(error: Exception, debug: bool) -> int:
    import traceback  # here: only a bug of ours needs it

    if debug:
        traceback.print_exc()
    cause = traceback.format_exception_only(error)[-1].strip()  # also where the error cannot say what it is
    message = f"archspec: internal error: {printable(cause[:300])}"
    advice = "please report it, with the spec, to the project's issue tracker"
    print(f"{message}\n  {advice}" + ("" if debug else "; --debug shows the traceback"), file=sys.stderr)
    return INTERNAL
