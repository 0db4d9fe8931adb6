"""`archspec generate`: specs as standalone PyTorch modules."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import archspec
from archspec import files, project
from archspec.arguments import ALLOW, FORMAT, SPECS, Argument, command
from archspec.commands._shared import CLEAN, FOUND, examine, shell_line
from archspec.console import report, with_progress
from archspec.problems import Problem, SpecError, printable
from archspec.project import STDIN, Source, UsageError


@command(
    SPECS,
    Argument(
        "-o",
        "--output",
        is_path=True,
        metavar="FILE|DIR|-",
        help="where to write: a file that ends in .py, a folder, or - for standard output; "
        "default: the folder `generated` of [tool.archspec], or generated/",
    ),
    ALLOW,
    Argument("--check", action="store_true", help="write nothing; exit 1 if a file is missing or out of date"),
    Argument("--diff", action="store_true", help="write nothing; show what would change; exit 1 if anything would"),
    Argument("--force", action="store_true", help="also overwrite files that were edited by hand"),
    FORMAT,
    examples="""\
  archspec generate specs/tinyvgg.yaml            write generated/tinyvgg.py
  archspec generate                               every spec of the project
  archspec generate --check                       in CI: are the generated files up to date?
  archspec generate net.yaml -o models/net.py
  archspec generate net.yaml -o - | less""",
)
def generate(options: argparse.Namespace) -> int:
    """Write each spec as a standalone PyTorch module.

    specs/tinyvgg.yaml becomes generated/tinyvgg.py; folders below a folder of specs are mirrored. The
    module imports torch alone. Specs with problems are reported and do not hold up the others. A file
    that somebody edited by hand is left alone unless --force is given.
    """
    if options.force and (options.check or options.diff):
        raise UsageError("--force has no meaning with --check or --diff, which write nothing")
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    output = options.output or (STDIN if any(source.name == STDIN for source in sources) else str(config.generated))
    if output == STDIN:
        return _generate_to_stdout(sources, options)
    targets, problems = project.targets(sources, Path(output))
    rendered: dict[Source, str] = {}
    for source in with_progress({source.name: source for source in sources}):
        text, found = _render(source, options.allow)
        problems += found
        if text is not None and source in targets:
            rendered[source] = text
    changed = False
    for source, text in rendered.items():  # only now: nothing is written before everything is known
        differs, found = _deliver(targets[source], text, source, options)
        changed |= differs
        problems += found
    failed = report(problems, options.format)
    return FOUND if failed or (options.diff and changed) else CLEAN


def _generate_to_stdout(sources: Sequence[Source], options: argparse.Namespace) -> int:
    if len(sources) > 1:
        raise UsageError("standard output takes the module of one spec only; name a folder with -o")
    if options.check or options.diff:
        raise UsageError("--check and --diff compare with a file; name it with -o FILE")
    text, problems = _render(sources[0], options.allow)
    failed = report(problems, options.format)
    if text is not None:
        print(text, end="")
    return FOUND if failed else CLEAN


def _render(source: Source, allow: Sequence[str]) -> tuple[str | None, list[Problem]]:
    """The module of a spec, None where the spec is not good enough, and everything found in it."""
    spec, problems = examine(source.name, {}, {}, allow)
    if spec is None or any(problem.severity == "error" for problem in problems):
        return None, problems
    try:
        return archspec.generate(spec), problems
    except SpecError as error:
        return None, [*problems, *error.problems]


def _deliver(path: Path, text: str, source: Source, options: argparse.Namespace) -> tuple[bool, list[Problem]]:
    """Write, compare or show one module; whether its file was not current, and what stands in the way."""
    try:
        state = files.state(path, text)
        stale = state != "current"
        if options.diff and stale:
            print(files.diff(path, text))
        writes = not (options.check or options.diff)
        if (options.check and stale) or (writes and files.is_protected(state) and not options.force):
            output = ["-o", options.output] if options.output else []
            return stale, [files.not_current(path, state, shell_line("archspec", "generate", source.name, *output))]
        if writes:
            print("wrote" if stale and files.write(path, text) else "unchanged", printable(str(path)))
    except SpecError as error:
        return True, list(error.problems)
    return stale, []
