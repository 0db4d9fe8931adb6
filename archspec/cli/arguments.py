"""How commands are declared, and how their arguments are read.

A command is a function under `@command(...)`, which names its arguments and its examples; the
docstring is its help. Reads no file and runs no command.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from archspec import source
from archspec.cli.project import UsageError
from archspec.document import Budget, limit
from archspec.files import is_identifier, is_package
from archspec.problems import SpecError, did_you_mean, echo, nearest

_EPILOG = """\
exit status:
  0 nothing wrong   1 problems found, or files out of date   2 wrong usage   101 an error of archspec's own

Results go to stdout, messages to stderr; the problems that `check` finds are its result. NO_COLOR and
FORCE_COLOR are respected. Defaults come from the nearest pyproject.toml: `specs` and `generated` in
[tool.archspec] set the folders of specs and of generated modules.
`archspec COMMAND --help` explains a command."""


class CliArgument:
    """One argument of a command, as argparse takes it."""

    def __init__(self, *flags: str, is_path: bool = False, **settings: Any) -> None:
        self.flags, self.is_path, self.settings = flags, is_path, settings


@dataclass(frozen=True, slots=True)
class Command:
    """What a command runs, takes, and shows as examples."""

    run: Callable[[argparse.Namespace], int]
    arguments: tuple[CliArgument, ...]
    examples: str


COMMANDS: dict[str, Command] = {}


def command(*arguments: CliArgument, examples: str) -> Callable[[Callable[[argparse.Namespace], int]], Any]:
    """Declare a function as the command of its name; its docstring is the help."""

    def declare(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
        name = run.__name__.removesuffix("_")  # which stands behind a keyword of Python
        COMMANDS[name] = Command(run, arguments, examples)
        return run

    return declare


SPECS = CliArgument(
    "specs",
    is_path=True,
    nargs="*",
    metavar="SPEC",
    help="a spec, a folder of specs (*.yaml and *.yml at any depth), or - for standard input; "
    "default: `specs` of [tool.archspec] in pyproject.toml",
)
SPEC = CliArgument("spec", is_path=True, metavar="SPEC", help="a spec, or - for standard input")
PARAM = CliArgument(
    "--param",
    action="append",
    default=[],
    metavar="NAME=VALUE",
    help="set a parameter of the spec, the value as YAML writes it: hidden=128, lr=1e-3, 'sizes=[64, 32]'; repeatable",
)

VARIANT = CliArgument(
    "--variant",
    metavar="NAME",
    help="use the settings of this name in the spec's `variants`; --param overrides them",
)


BUDGET = CliArgument(
    "--budget",
    metavar="NAME=NUMBER",
    action="append",
    default=[],
    help="limits of the network: parameters=5M, macs=300M; they replace the spec's own; repeatable",
)


def _package(name: str) -> str:
    if not is_package(name):
        raise argparse.ArgumentTypeError(f"{echo(name)} is not the name of a Python package, such as my_package.layers")
    return name


ALLOW = CliArgument(
    "--allow",
    type=_package,
    metavar="PACKAGE",
    action="append",
    default=[],
    help="let specs use classes of this Python package, besides those in `allow` of [tool.archspec]; repeatable. "
    "Nothing in a spec can allow one",
)
"""The packages whose classes specs may use."""

PLAN = CliArgument(
    "--plan",
    is_path=True,
    metavar="FILE",
    help="a plan file: the mesh, how layers are sharded, where stages begin, and all other settings",
)
INPUT = CliArgument(
    "--input",
    action="append",
    default=[],
    metavar="NAME=DIMS",
    help="set the size of an input, and so its free dimensions: x=1,3,224,224; repeatable",
)
FORMAT = CliArgument(
    "--format",
    choices=("text", "json", "github", "sarif"),
    default="text",
    help="format of the problems: text for people (the default), json for programs, github for workflow annotations, "
    "sarif for code scanning",
)


def parser(complete_paths: Any = None) -> argparse.ArgumentParser:
    """The whole command line. `complete_paths` is what shtab wants to see on arguments that name files."""
    shared: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    description = "Neural-network architectures as YAML: checked shapes, runnable modules, readable PyTorch source."
    parser = _Parser("archspec", description=description, epilog=_EPILOG, **shared)
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    debug = "show the traceback of an internal error"
    parser.add_argument("--debug", action="store_true", help=debug)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name, declared in COMMANDS.items():
        text = declared.run.__doc__ or ""  # python -OO leaves none
        title = text.split("\n")[0].rstrip(".")
        body = "\n".join(line.strip() for line in text.split("\n"))
        epilog = f"examples:\n{declared.examples}"
        sub = commands.add_parser(name, help=title[:1].lower() + title[1:], description=body, epilog=epilog, **shared)
        for argument in declared.arguments:
            action = sub.add_argument(*argument.flags, **argument.settings)
            if complete_paths and argument.is_path:
                vars(action)["complete"] = complete_paths  # an attribute that shtab adds to argparse's actions
        # No default of its own: it would undo a --debug that stands before the command.
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=debug)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that names the nearest command, option or choice where it refuses one."""

    def error(self, message: str) -> NoReturn:
        if found := _INVALID.match(message):
            known = re.findall(r"'([^']+)'", found["known"])
            if found["argument"] == "COMMAND":
                message = f"there is no command {echo(found['given'])}"
            message = f"{message.partition(' (choose from')[0]}; {did_you_mean(found['given'], known)}"
        elif found := _UNRECOGNIZED.match(message):
            known = sorted({flag for one in COMMANDS.values() for argument in one.arguments for flag in argument.flags})
            near = nearest(found["given"].partition("=")[0], known)
            message = f"{message}; did you mean {near}?" if near else message
        super().error(message)


_INVALID = re.compile(r"argument (?P<argument>\S+): invalid choice: '?(?P<given>.*?)'? \(choose from (?P<known>.*)\)")
_UNRECOGNIZED = re.compile(r"unrecognized arguments: (?P<given>--\S+)")


class _Version(argparse.Action):
    """`--version`, which asks the package's metadata only when it is used: that takes 25 ms."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version  # here: slow, and asked for rarely

        try:
            print(f"archspec {version('archspec-nn')}")
        except PackageNotFoundError:
            print("archspec, not installed")
        parser.exit()


def read_params(pairs: Iterable[str]) -> dict[str, object]:
    """The values of `--param`, read as a spec's own values are."""
    return {name: _value(name, text) for name, text in read_pairs(pairs, "--param", "hidden=128")}


def read_values(pairs: Iterable[str]) -> dict[str, list[object]]:
    """The same, where a parameter may have several values, with commas between them: `hidden=64,128`."""
    texts = dict(read_pairs(pairs, "--param", "hidden=64,128"))
    return {name: [_value(name, one) for one in _BETWEEN_COMMAS.findall(text)] for name, text in texts.items()}


_BETWEEN_COMMAS = re.compile(r"""(?:\[[^\]]*\]|"[^"]*"|'[^']*'|[^,])+""")
"""Lists and quoted texts stay whole; those within one another do not matter, as `--param` takes no list of lists."""


def _value(name: str, text: str) -> object:
    try:
        value = source.parse(text, f"--param {name}").data
    except SpecError as error:
        raise UsageError(f"--param {name}: {error.problems[0].message}") from None
    if isinstance(value, dict):
        raise UsageError(f"--param {name}: {echo(text)} is a mapping; a parameter is a single value or a list")
    return value


def read_budget(pairs: Iterable[str]) -> dict[str, int]:
    """The limits of `--budget`."""
    limits = {}
    for name, text in read_pairs(pairs, "--budget", "parameters=5M"):
        if name not in Budget.model_fields:
            raise UsageError(f"--budget: {echo(name)} has no limit; use one of {', '.join(Budget.model_fields)}")
        try:
            limits[name] = limit(text)
        except ValueError as error:
            raise UsageError(f"--budget {name}: {error}; write it like 5M: the suffixes are k, M, G and T") from None
    return limits


def read_inputs(pairs: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The sizes of `--input`."""
    inputs = {}
    for name, text in read_pairs(pairs, "--input", "x=1,3,224,224"):
        sizes = [size.strip() for size in text.split(",")]
        if not all(size.isascii() and size.isdigit() and len(size) < 20 for size in sizes):
            raise UsageError(f"--input {name}: {echo(text)} is not a list of sizes; write it like x=1,3,224,224")
        inputs[name] = tuple(int(size) for size in sizes)
    return inputs


def read_pairs(pairs: Iterable[str], option: str, example: str) -> Iterator[tuple[str, str]]:
    """The names and texts of an option that is given once for each name."""
    seen = set()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not is_identifier(name):
            raise UsageError(f"{option}: {echo(pair)} is not name=value; write it like {example}")
        if name in seen:
            raise UsageError(f"{option}: {echo(name)} is given twice")
        seen.add(name)
        yield name, text
