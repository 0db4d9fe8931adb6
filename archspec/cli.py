"""The command line: arguments, printing and exit statuses, and nothing else.

Each command is one function, declared with its arguments and examples. Results go to stdout,
problems and progress to stderr. What only one command needs is imported by that command:
the time to start is part of every editor's and every hook's day.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import archspec
from archspec import files, project
from archspec.arguments import (
    ALLOW,
    COMMANDS,
    FORMAT,
    INPUT,
    PARAM,
    SPEC,
    SPECS,
    Argument,
    command,
    parser,
    read_inputs,
    read_params,
)
from archspec.console import report, with_progress
from archspec.problems import Problem, SpecError, echo, printable
from archspec.project import STDIN, Source, UsageError
from archspec.source import read_stream

CLEAN, FOUND, USAGE, INTERNAL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 101, 130, 141


@command(
    SPECS,
    PARAM,
    INPUT,
    ALLOW,
    FORMAT,
    examples="""\
  archspec check specs/tinyvgg.yaml
  archspec check specs --format github
  archspec check specs/vgg.yaml --param batch_norm=true --input x=1,3,224,224
  cat net.yaml | archspec check -""",
)
def check(options: argparse.Namespace) -> int:
    """Say what is wrong with specs, and where.

    Reads each spec, works out every shape, and prints each problem with its file, line and column.
    Runs nothing that a spec could choose and needs no PyTorch. Warnings leave the exit status at 0.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    sources = project.find(options.specs, project.settings(Path.cwd()).specs)
    problems: list[Problem] = []
    for source in with_progress({source.name: source for source in sources}):
        problems += _examine(source.name, params, inputs, options.allow)[1]
    failed = report(problems, options.format)
    if options.format == "json" and not problems:
        print("[]", file=sys.stderr)  # a program that reads the list must find one
    if options.format == "text" and not problems:
        print(f"{len(sources)} {'spec' if len(sources) == 1 else 'specs'} checked, nothing wrong")
    return FOUND if failed else CLEAN


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
    spec, problems = _examine(source.name, {}, {}, allow)
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
            return stale, [files.not_current(path, state, _shell("archspec", "generate", source.name, *output))]
        if writes:
            print("wrote" if stale and files.write(path, text) else "unchanged", printable(str(path)))
    except SpecError as error:
        return True, list(error.problems)
    return stale, []


@command(
    SPEC,
    PARAM,
    INPUT,
    ALLOW,
    Argument("--verify", action="store_true", help="also build the module, run it under torchinfo, and compare"),
    FORMAT,
    examples="""\
  archspec summary specs/tinyvgg.yaml
  archspec summary specs/vgg.yaml --param depth=16 --input x=1,3,224,224
  archspec summary specs/vgg.yaml --format json > vgg.json
  archspec summary specs/tinyvgg.yaml --verify""",
)
def summary(options: argparse.Namespace) -> int:
    """Show the table of a spec's steps: output shape, parameters, MACs, memory.

    Everything is worked out from the spec, without PyTorch. With --format json the table is JSON, too.
    --verify needs PyTorch and torchinfo.
    """
    params, inputs = read_params(options.param), read_inputs(options.input)
    if os.path.isdir(options.spec):
        raise UsageError(f"{echo(options.spec)} is a folder; summary takes one spec")
    spec, problems = _examine(options.spec, params, inputs, options.allow)
    if report(problems, options.format) or spec is None:
        return FOUND
    table = archspec.summary(spec, params=params, inputs=inputs)
    machine = options.format == "json"
    if machine:
        import json  # here: for people it is a table

        print(json.dumps(table.as_dict(), indent=2))
    else:
        print(table)
    if options.verify:
        try:
            verdict = archspec.verify(spec, params=params, inputs=inputs)
            print(verdict if machine else f"\n{verdict}", file=sys.stderr if machine else sys.stdout)
        except ImportError as error:
            raise UsageError(str(error)) from None
    return CLEAN


@command(
    Argument("name", metavar="NAME", help="the spec's name, which its file, module and class are named after"),
    examples="""\
  archspec new my_net                             write my_net.yaml""",
)
def new(options: argparse.Namespace) -> int:
    """Write a first spec to start from: a small convolutional network, explained line by line.

    It goes to the first of the project's `specs` folders, or else to the current folder.
    """
    name = options.name.removesuffix(".yaml")
    if Path(name).name != name:
        raise UsageError(f"{echo(options.name)} is a path; give a name")
    files.module_name(f"{name}.yaml")
    folders = [folder for folder in project.settings(Path.cwd()).specs if folder.suffix not in project.SUFFIXES]
    path = Path(project.shown((folders or [Path.cwd()])[0] / f"{name}.yaml"))
    if os.path.lexists(path):
        files.refuse(path, "the file exists and is not overwritten", "choose another name")
    files.write(path, archspec.new(name))
    print(f"wrote {printable(str(path))}; now try")
    for step in ("check", "summary", "generate"):
        print(f"  {_shell('archspec', step, str(path))}")
    return CLEAN


@command(
    Argument("shell", choices=("bash", "zsh", "fish"), help="the shell to complete for"),
    examples="""\
  archspec completion bash > ~/.local/share/bash-completion/completions/archspec
  archspec completion zsh > ~/.zfunc/_archspec    (a folder on your $fpath)
  archspec completion fish > ~/.config/fish/completions/archspec.fish""",
)
def completion(options: argparse.Namespace) -> int:
    """Print a script that teaches a shell to complete archspec's commands and options."""
    import shtab  # here: no other command needs it

    if options.shell not in shtab.SUPPORTED_SHELLS:
        raise UsageError(f"the installed shtab knows no {options.shell}; pip install --upgrade shtab")
    print(shtab.complete(parser(complete_paths=shtab.FILE), options.shell))
    return CLEAN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status. Wrong usage and --help exit by themselves."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character is no error
    options = parser().parse_args(arguments)
    try:
        status = _run(options)
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
        return _internal(error, options.debug)
    return status


def _drop_stdout() -> None:
    """Send what is left of the output nowhere; Python would complain when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(options: argparse.Namespace) -> int:
    try:
        return COMMANDS[options.command].run(options)
    except UsageError as error:
        print(f"archspec {options.command}: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except SpecError as error:
        report(error.problems, getattr(options, "format", "text"))
        return FOUND


def _internal(error: Exception, debug: bool) -> int:
    if debug:
        import traceback  # here: only a bug of ours needs it

        traceback.print_exc()
    message = f"archspec: internal error: {printable(f'{type(error).__name__}: {error}'[:300])}"
    advice = "please report it, with the spec, to the project's issue tracker"
    print(f"{message}\n  {advice}" + ("" if debug else "; --debug shows the traceback"), file=sys.stderr)
    return INTERNAL


def _examine(
    name: str, params: Mapping[str, object], inputs: Mapping[str, Sequence[int]], allow: Sequence[str]
) -> tuple[archspec.Spec | None, list[Problem]]:
    """The spec, None where it cannot be used at all, and everything found in it."""
    try:
        if name == STDIN:
            spec = archspec.parse(_stdin(), name="<stdin>", allow=allow)
        else:
            spec = archspec.load(name, allow=allow)
    except SpecError as error:
        return None, list(error.problems)
    return spec, archspec.check(spec, params=params, inputs=inputs)


def _stdin() -> str:
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return read_stream(sys.stdin.buffer)


def _shell(*words: str) -> str:
    """A command line that can be pasted into a shell."""
    import shlex  # here: not every command shows a command line

    return printable(shlex.join(words))
