"""What a project says of itself: where its specs lie, where each generated module goes, what a check may pass over.

Reads `[tool.archspec]` of the nearest pyproject.toml, finds the specs that a command line
means, and pairs each with its output. Reads no spec and writes no file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from archspec import files
from archspec.document import Budget, limit
from archspec.problems import WARNINGS, Problem, SpecError, did_you_mean, echo
from archspec.source.reading import read

STDIN = "-"
SUFFIXES = (".yaml", ".yml")
_KEYS = ("specs", "generated", "allow", "budget", "ignore", "strict")


SCHEMA_FILE = ".archspec-schema.json"
"""What the JSON Schema of the language is called in a project."""


class UsageError(Exception):
    """A command line or a configuration that cannot be followed; exit status 2."""


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """The project's defaults, as paths."""

    specs: tuple[Path, ...]
    generated: Path
    ignore: tuple[str, ...] = ()
    """Codes of warnings that nobody wants to hear of."""
    strict: bool = False
    """Whether warnings make a check fail."""
    allow: tuple[str, ...] = ()
    """Packages whose classes specs may use."""
    budget: Mapping[str, int] = field(default_factory=dict)
    """What each network may have at most, where its spec does not say."""


@dataclass(frozen=True, slots=True)
class SpecSource:
    """One spec to work on, as the user would name it, and the folder that its output mirrors."""

    name: str
    root: Path


def root(start: Path) -> Path:
    """The nearest folder at or above one that has a pyproject.toml; the folder itself where there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / "pyproject.toml").is_file()), start)


def settings(start: Path) -> ProjectSettings:
    """The settings of the nearest pyproject.toml at or above a folder; the defaults where there is none."""
    path = root(start) / "pyproject.toml"
    return _read_settings(path) if path.is_file() else ProjectSettings((), start / "generated")


def _read_settings(path: Path) -> ProjectSettings:
    import tomllib  # here: most commands need no settings

    name = shown(path)
    try:
        table = tomllib.loads(read(name)).get("tool", {}).get("archspec", {})
    except SpecError as error:
        raise UsageError(error.problems[0].message) from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply") from None
    except (ValueError, AttributeError) as error:  # AttributeError: `tool` is no table
        raise UsageError(f"{name} cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{name}: tool.archspec must be a table")
    for key in table:
        if key not in _KEYS:
            raise UsageError(f"{name}: unknown key {echo(key)} in [tool.archspec]; {did_you_mean(key, _KEYS)}")
    _refuse_unknown_codes(table.get("ignore", []), name)
    if not isinstance(table.get("strict", False), bool):
        raise UsageError(f"{name}: `strict` in [tool.archspec] must be true or false")
    specs, generated = table.get("specs", []), table.get("generated", "generated")
    specs = [specs] if isinstance(specs, str) else specs
    if not isinstance(specs, list) or not all(isinstance(item, str) and item for item in specs):
        raise UsageError(f"{name}: `specs` in [tool.archspec] must be a path or a list of paths")
    if not isinstance(generated, str) or not generated:
        raise UsageError(f"{name}: `generated` in [tool.archspec] must be the path of a folder")
    folders = tuple(path.parent / item for item in specs)
    allow, budget = _packages(table.get("allow", []), name), _budget(table.get("budget", {}), name)
    ignore, strict = tuple(table.get("ignore", [])), table.get("strict", False)
    return ProjectSettings(folders, path.parent / generated, ignore, strict, allow, budget)


def _packages(found: object, name: str) -> tuple[str, ...]:
    packages = [found] if isinstance(found, str) else found
    if not isinstance(packages, list) or not all(isinstance(one, str) and files.is_package(one) for one in packages):
        raise UsageError(f"{name}: `allow` in [tool.archspec] must be a list of Python packages")
    return tuple(packages)


def _budget(found: object, name: str) -> dict[str, int]:
    figures = list(Budget.model_fields)
    if not isinstance(found, dict) or not found.keys() <= set(figures):
        raise UsageError(f"{name}: `budget` in [tool.archspec] must be a table of {' and '.join(figures)}")
    try:
        return {figure: limit(value) for figure, value in found.items()}
    except ValueError as error:
        raise UsageError(
            f"{name}: `budget` in [tool.archspec]: {error}; write a number, or a text such as 5M"
        ) from None


def _refuse_unknown_codes(codes: object, name: str) -> None:
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise UsageError(f"{name}: `ignore` in [tool.archspec] must be a list of codes of warnings")
    for code in codes:
        if code not in WARNINGS:
            hint = did_you_mean(code, WARNINGS, "codes")
            raise UsageError(
                f"{name}: {echo(code)} in `ignore` of [tool.archspec] is not the code of a warning; {hint}"
            )


def find(arguments: Sequence[str], configured: Sequence[Path]) -> list[SpecSource]:
    """The specs that a command line means, or without any the configured ones: each once, in order."""
    if not arguments and not configured:
        raise UsageError("name a SPEC, or set `specs` in [tool.archspec] of pyproject.toml")
    found: dict[str, SpecSource] = {}
    for argument in arguments or [shown(path) for path in configured]:
        for source in _sources(argument, configured):
            found.setdefault(os.path.realpath(source.name) if source.name != STDIN else STDIN, source)
    return list(found.values())


def _sources(argument: str, configured: Sequence[Path]) -> list[SpecSource]:
    if argument == STDIN:
        return [SpecSource(STDIN, Path())]
    if not os.path.isdir(argument):
        return [SpecSource(argument, _root(argument, configured, Path(argument).parent))]
    names = _walk(argument)
    if not names:
        raise UsageError(f"{echo(argument)} contains no .yaml or .yml file")
    return [SpecSource(name, _root(name, configured, Path(argument))) for name in names]


def _walk(folder: str) -> list[str]:
    """The spec files at any depth, in one order everywhere; hidden folders (.git, .venv) are left out."""
    names: list[Path] = []
    for place, folders, entries in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [Path(place, name) for name in entries if name.endswith(SUFFIXES) and not name.startswith(".")]
    return [str(name) for name in sorted(names, key=lambda name: name.parts)]


def _unreadable(error: OSError) -> NoReturn:
    # Without this os.walk leaves the folder out in silence, and its specs would count as checked.
    raise UsageError(f"{echo(error.filename)} cannot be read: {error.strerror}")


def _root(name: str, configured: Sequence[Path], otherwise: Path) -> Path:
    """The folder that a spec's output mirrors: the configured one it lies in, however it was named."""
    absolute = Path(os.path.abspath(name))
    for folder in configured:
        if absolute.is_relative_to(os.path.abspath(folder)) and folder.is_dir():
            return folder
    return otherwise


def targets(sources: Sequence[SpecSource], output: Path) -> tuple[dict[SpecSource, Path], list[Problem]]:
    """Where each spec's module goes, and the problems of those that can go nowhere.

    `output` is a file where it ends in .py, otherwise a folder. Raises where two specs would be
    written to one file: then nothing may be written at all.
    """
    if output.suffix == ".py" and not output.is_dir():
        if len(sources) > 1:
            raise UsageError(f"{echo(output)} takes the module of only one spec; name a folder with -o")
        files.module_name(output)
        return {sources[0]: output}, []
    found: dict[SpecSource, Path] = {}
    problems: list[Problem] = []
    for source in sources:
        try:
            found[source] = _target(source, output)
        except SpecError as error:
            problems += error.problems
    _refuse_collisions(found)
    return found, problems


def _refuse_collisions(found: dict[SpecSource, Path]) -> None:
    taken: dict[str, SpecSource] = {}
    problems = []
    for source, path in found.items():
        # Many file systems take names that differ in case alone for one.
        other = taken.setdefault(str(path).casefold(), source)
        if other is not source:
            message = f"{echo(other.name)} and this spec would both be written to {echo(path)}"
            problems.append(files.problem(source.name, "AS602", message, "rename one of them"))
    if problems:
        raise SpecError(problems)


def _target(source: SpecSource, folder: Path) -> Path:
    if source.name == STDIN:
        raise UsageError("standard input has no name to write a file under; use -o FILE")
    path = Path(os.path.abspath(source.name))
    below = [part.replace("-", "_") for part in path.relative_to(os.path.abspath(source.root)).parent.parts]
    for part in below:
        if not files.is_identifier(part):
            files.refuse(
                source.name, f"its folder {echo(part)} is not a module name that Python could import", "rename it"
            )
    return Path(shown(folder.joinpath(*below, files.module_name(path) + ".py")))


def shown(path: Path) -> str:
    """A path as a person would write it from here."""
    try:
        return os.path.relpath(path)
    except ValueError:  # Windows: on another drive
        return str(path)
