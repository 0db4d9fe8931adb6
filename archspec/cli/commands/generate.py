"""`archspec generate`: specs as standalone PyTorch modules."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import archspec
from archspec import files
from archspec.characters import printable
from archspec.cli import project
from archspec.cli.arguments import ALLOW, FORMAT, PLAN, SPECS, CliArgument, command
from archspec.cli.commands._shared import CLEAN, FOUND, read, shell_line
from archspec.cli.console import report, with_progress
from archspec.cli.project import STDIN, SpecSource, UsageError
from archspec.document import NoNetworkError
from archspec.problems import Problem, SpecError


@command(
    SPECS,
    CliArgument(
        "-o",
        "--output",
        is_path=True,
        metavar="FILE|DIR|-",
        help="where to write: a file that ends in .py, a folder, or - for standard output; "
        "default: the folder `generated` of [tool.archspec], or generated/",
    ),
    ALLOW,
    CliArgument("--check", action="store_true", help="write nothing; exit 1 if a file is missing or out of date"),
    CliArgument("--diff", action="store_true", help="write nothing; show what would change; exit 1 if anything would"),
    CliArgument("--force", action="store_true", help="also overwrite files that were edited by hand"),
    CliArgument(
        "--parallel",
        action="store_true",
        help="also write `parallelize(model, mesh)`; needs --mesh or --plan",
    ),
    CliArgument("--mesh", metavar="NAME=RANKS,…", help="the mesh that --parallel is for: dp=16,tp=8"),
    PLAN,
    CliArgument("--checkpoint", metavar="blocks", help="with --parallel: recompute each repeated block in backward"),
    CliArgument(
        "--sequence-parallel",
        action="store_true",
        default=None,
        help="with --parallel: between the layers that tp cuts, each rank holds a block of the sequence",
    ),
    FORMAT,
    examples="""\
  archspec generate specs/tinyvgg.yaml            write generated/tinyvgg.py
  archspec generate                               every spec of the project
  archspec generate --check                       in CI: are the generated files up to date?
  archspec generate net.yaml -o models/net.py
  archspec generate net.yaml --parallel --mesh dp=8,tp=4 -o models/net.py
  archspec generate net.yaml --parallel --plan cluster.yaml -o models/net.py
  archspec generate net.yaml -o - | less""",
)
def generate(options: argparse.Namespace) -> int:
    """Write each spec as a standalone PyTorch module.

    specs/tinyvgg.yaml becomes generated/tinyvgg.py; folders below a folder of specs are mirrored. The
    module imports torch alone. Specs with problems are reported and do not hold up the others. A file
    that somebody edited by hand is left alone unless --force is given.
    """
    if options.force and (options.check or options.diff):
        raise UsageError("--force has no effect with --check or --diff, which write nothing")
    _check_parallel(options)
    config = project.settings(Path.cwd())
    sources = project.find(options.specs, config.specs)
    output = options.output or (STDIN if any(source.name == STDIN for source in sources) else str(config.generated))
    if output == STDIN or _is_stream(output):
        return _generate_to_stream(sources, options, output)
    targets, problems = project.targets(sources, Path(output))
    rendered: dict[SpecSource, str] = {}
    for source in with_progress({source.name: source for source in sources}):
        text, found = _render(source, options, is_named=source.name in options.specs)
        if text is None and not found:  # no network: where its module would go does not matter
            problems = [problem for problem in problems if problem.path != source.name]
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


def _check_parallel(options: argparse.Namespace) -> None:
    """UsageError where --parallel lacks its mesh, or something that goes with it stands alone."""
    if options.parallel != (options.mesh is not None or options.plan is not None):
        raise UsageError("--parallel needs --mesh or --plan: --parallel --mesh dp=8,tp=4")
    for name in ("checkpoint", "sequence_parallel"):
        if getattr(options, name) and not options.parallel:
            raise UsageError(f"--{name.replace('_', '-')} needs --parallel")


def _is_stream(path: str) -> bool:
    """Whether a path is of a device or a pipe, such as /dev/null and /dev/stdout, which nothing replaces."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or os.path.abspath(path) in _STANDARD


_STANDARD = ("/dev/stdout", "/dev/stderr")


def _generate_to_stream(sources: Sequence[SpecSource], options: argparse.Namespace, output: str) -> int:
    """Write one module to standard output, a device or a pipe."""
    if len(sources) > 1:
        raise UsageError("standard output takes the module of only one spec; name a folder with -o")
    if options.check or options.diff:
        raise UsageError("--check and --diff compare with a file; name it with -o FILE")
    text, problems = _render(sources[0], options)
    failed = report(problems, options.format)
    if text is not None and output == STDIN:
        print(text, end="")
    elif text is not None:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(text)
    return FOUND if failed else CLEAN


def _render(
    source: SpecSource, options: argparse.Namespace, *, is_named: bool = True
) -> tuple[str | None, list[Problem]]:
    """The module of a spec, None where the spec is not good enough, and everything found in it.

    A file of blocks has no module, which is told only of one that was named itself.
    """
    try:
        spec = read(source.name, options.allow)
        return _generated(spec, options), []
    except NoNetworkError as error:
        return None, list(error.problems) if is_named else []
    except SpecError as error:
        return None, list(error.problems)


def _generated(spec: archspec.Spec, options: argparse.Namespace) -> str:
    """The module of a spec, with `parallelize` where that is asked for."""
    if not options.parallel:
        return archspec.generate(spec)
    try:
        setting = {"checkpoint": options.checkpoint, "sequence_parallel": options.sequence_parallel}
        plan = archspec.plan(spec, options.mesh, plan=options.plan, **setting)
        return archspec.generate(spec, plan=plan)
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise UsageError(str(error)) from None


def _deliver(path: Path, text: str, source: SpecSource, options: argparse.Namespace) -> tuple[bool, list[Problem]]:
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
