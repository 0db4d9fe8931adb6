"""`archspec watch`: a spec checked, generated and drawn at every save."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator

import archspec
from archspec.characters import printable
from archspec.cli.arguments import ALLOW, COMMANDS, SPEC, CliArgument, command, parser
from archspec.cli.commands._shared import CLEAN, one_spec, read
from archspec.cli.console import report
from archspec.cli.project import STDIN, UsageError
from archspec.document import NoNetworkError
from archspec.problems import Problem, SpecError

Saves = Callable[[Iterable[str]], Iterator[object]]
"""What yields once for each time that one of some files is saved."""


@command(
    SPEC,
    CliArgument(
        "--diagram", is_path=True, metavar="FILE", help="also draw the network to this file: net.svg, net.html, net.mmd"
    ),
    CliArgument("--no-generate", action="store_true", help="write no module: check, and draw if --diagram is given"),
    CliArgument("-o", "--output", is_path=True, metavar="FILE|DIR", help="where the module goes, as for `generate`"),
    ALLOW,
    examples="""\
  archspec watch net.yaml
  archspec watch net.yaml --diagram net.svg
  archspec watch net.yaml --no-generate""",
)
def watch(options: argparse.Namespace) -> int:
    """Check a spec at every save, and write its module and its picture where it has no errors.

    The files that it imports blocks from are watched, too. What is wrong is printed as `check` prints it; the files
    stay as they are meanwhile. Ends with Ctrl-C. Needs watchfiles: pip install 'archspec-nn[watch]'.
    """
    if one_spec(options.spec, "watch") == STDIN:
        raise UsageError("standard input cannot be watched: name a file")
    try:
        from watchfiles import watch as changes  # here: only this command needs it
    except ImportError:
        raise UsageError("watching needs watchfiles: pip install 'archspec-nn[watch]'") from None

    def saves(paths: Iterable[str]) -> Iterator[object]:
        """One of the files was saved; folders are watched, as editors replace files."""
        wanted = set(paths)
        folders = {os.path.dirname(path) for path in wanted}
        yield from changes(*folders, watch_filter=lambda _, path: os.path.realpath(path) in wanted, recursive=False)

    follow(options, saves)
    return CLEAN


def follow(options: argparse.Namespace, saves: Saves) -> None:
    """Does all that is to be done now, and once more at every save."""
    known = once(options)
    waiting = saves(known)
    while next(waiting, None) is not None:
        print()
        now = known | once(options)
        if now != known:  # it imports other files than before
            known, waiting = now, saves(now)


def once(options: argparse.Namespace) -> set[str]:
    """Checks, generates and draws; the files that all of that was read from, as absolute paths."""
    files, problems = {options.spec}, list[Problem]()
    try:
        spec = read(options.spec, options.allow)
        files |= spec.source.files.keys()
        problems = archspec.check(spec)
    except NoNetworkError:
        print(f"{printable(options.spec)}: no network, nothing wrong", flush=True)
        return {os.path.realpath(options.spec)}
    except SpecError as error:
        problems = list(error.problems)
        files |= {problem.path for problem in problems if os.path.isfile(problem.path)}
    if not report(problems, "text"):
        print(f"{printable(options.spec)}: {'nothing wrong' if not problems else 'no errors'}", flush=True)
        for words in _commands(options):
            chosen = parser().parse_args(words)
            try:
                COMMANDS[words[0]].run(chosen)
            except SpecError as error:
                report(error.problems, "text")
    return set(map(os.path.realpath, files))


def _commands(options: argparse.Namespace) -> Iterator[list[str]]:
    """The other commands to run, as one would type them."""
    allowed = [word for package in options.allow for word in ("--allow", package)]
    if not options.no_generate:
        output = ["-o", options.output] if options.output else []
        yield ["generate", options.spec, *output, *allowed]
    if options.diagram:
        yield ["diagram", options.spec, "-o", options.diagram, *allowed]
