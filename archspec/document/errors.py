"""Pydantic's errors as problems of a spec, each at its place in the text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic_core import ErrorDetails

from archspec.document.checks import EXAMPLES, TYPES
from archspec.document.model import Block, Budget, Document, InputEntry, Model, ParameterEntry
from archspec.document.spelling import in_place, run_together
from archspec.problems import Advice, Problem, did_you_mean, echo, nearest, rewording
from archspec.source import Path, Source

_TYPES_ELSEWHERE = {"integer": "int", "boolean": "bool", "string": "str", "double": "float", "number": "float"} | {
    "array": "list",
    "tuple": "list",
}
_TYPES_ARE = f"the types are {', '.join(TYPES)}"


def problems_of(
    source: Source, errors: list[ErrorDetails], root: type[Model] = Document
) -> dict[tuple[int | str, ...], Problem]:
    """Pydantic's errors as ours: one for each place, whatever forms a value may have there. `root` is the whole's."""
    misfits: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    found: dict[tuple[int | str, ...], Problem] = {}
    meant = _meant_keys(source, errors, root)
    replaced = _replaced(meant)
    for error in errors:
        path = _place(source.data, error["loc"])
        if error["type"] == "missing" and (*path, error["loc"][-1]) in replaced:
            continue  # it is there, under another name
        if error["type"] in ("archspec", "extra_forbidden", "missing"):
            key = (*path, error["loc"][-1]) if error["type"] == "missing" else path
            found[key] = _problem(source, error, root, meant.get(path))
        else:
            misfits.setdefault(path, []).append(error)
    for path, several in misfits.items():
        inside = (other for other in (*found, *misfits) if other != path or other in found)
        if not any(other[: len(path)] == path for other in inside):  # of one form, a part alone may be wrong
            found[path] = _misfit(source, path, several)
    return found


def _meant_keys(source: Source, errors: list[ErrorDetails], root: type[Model]) -> dict[Path, str]:
    """By the place of an unknown key: the key that it stands for, by its spelling, or as the one that is missing."""
    meant: dict[Path, str] = {}
    strange: dict[Path, list[Path]] = {}
    missing: dict[Path, list[str]] = {}
    for error in errors:
        if error["type"] == "missing":
            missing.setdefault(_place(source.data, error["loc"]), []).append(str(error["loc"][-1]))
    for error in errors:
        if error["type"] == "extra_forbidden":
            path = _place(source.data, error["loc"])
            hint = did_you_mean(str(path[-1]), _known_keys(error["loc"][:-1], root))
            near = nearest(str(path[-1]), _known_keys(error["loc"][:-1], root))
            if near is not None and (isinstance(hint, Advice) or near in missing.get(path[:-1], ())):
                meant[path] = near
            else:
                strange.setdefault(path[:-1], []).append(path)
    for around, names in missing.items():
        for name in names:
            fitting = [path for path in strange.get(around, ()) if path not in meant]
            fitting = [path for path in fitting if _may_be(name, source.value(path))]
            if len(fitting) == 1 and (*around, name) not in _replaced(meant):
                meant[fitting[0]] = name
    return meant


def _replaced(meant: dict[Path, str]) -> set[Path]:
    """The places of the keys that unknown keys stand for."""
    return {(*path[:-1], name) for path, name in meant.items()}


def _may_be(name: str, value: Any) -> bool:
    """Whether a value has the form of what stands at a key that is required."""
    if name == "inputs":
        entries = value.values() if isinstance(value, dict) else [None]
        return all(isinstance(one, list) or (isinstance(one, dict) and "shape" in one) for one in entries)
    return isinstance(value, list) or (name == "layers" and isinstance(value, dict))


def _misfit(source: Source, path: tuple[int | str, ...], errors: list[ErrorDetails]) -> Problem:
    """A value of none of the forms that may stand at its place."""
    expected = list(dict.fromkeys(_FORMS.get(error["type"], _cause(error)) for error in errors))
    value = errors[0]["input"]
    if isinstance(value, str) and (slip := run_together(value)):
        return in_place(source, path, slip)
    given = (
        echo(value)
        if isinstance(value, str | int | float) and not isinstance(value, bool)
        else (
            "null"
            if value is None
            else str(value).lower()
            if isinstance(value, bool)
            else "a list"
            if isinstance(value, list)
            else "a mapping"
        )
    )
    words = " or ".join(filter(None, (", ".join(expected[:-1]), expected[-1])))
    if path[-1:] == ("archspec",):
        return Problem("AS202", f"unknown version {given} of the language", source.span(path), EXAMPLES["archspec"])
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    advice = EXAMPLES.get(name) or "write " + words
    if name == "type" and isinstance(value, str) and value in _TYPES_ELSEWHERE:
        advice = Advice(f"write `type: {_TYPES_ELSEWHERE[value]}`; {_TYPES_ARE}", _TYPES_ELSEWHERE[value], value)
    is_key = errors[0]["loc"][-1:] == ("[key]",)
    span = source.span(path, key=is_key)
    return _with_edits(Problem("AS202", f"{given} where {words} is expected", span, advice))


def _cause(error: ErrorDetails) -> str:
    """What one form expects, in words."""
    expected = error.get("ctx", {}).get("expected")
    return str(expected).replace("'", "`") if expected else error["msg"].removeprefix("Input should be ")


_FORMS = {
    "archspec_layers": "a list of steps, or a mapping of names to steps,",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "an integer",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "a string",
}


def _problem(source: Source, error: ErrorDetails, root: type[Model], meant: str | None) -> Problem:
    """One of Pydantic's errors as one of ours; an unknown key may be `meant` for another one."""
    context = error.get("ctx", {})
    # Pydantic names the branch of a union within the place; keys of ours are never so called at these positions.
    path = _place(source.data, error["loc"])
    is_key = error["loc"][-1:] == ("[key]",)
    if error["type"] == "archspec":
        span = source.span((*path, *context.get("at", ())), key=context.get("key", is_key))
        advice = context["help"]
        if context["code"] == "AS101" and isinstance(path[-1], str):  # a step below its name stands in braces
            context = {**context, "help": Advice(f"write `{{{advice.new}}}`", f"{{{advice.new}}}", advice.old)}
        return _with_edits(Problem(context["code"], context["text"], span, context["help"]))
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        known = _known_keys(error["loc"][:-1], root)
        hint = did_you_mean(key, known, "keys")
        if meant not in (None, nearest(key, known)):
            hint = Advice(f"did you mean `{meant}`? keys: {', '.join(known)}", str(meant), key)
        return _with_edits(Problem("AS201", f"unknown key {echo(key)}", source.span(path, key=True), hint))
    if error["type"] == "missing":
        name = error["loc"][-1]
        below = source.value(path)
        first = (*path, next(iter(below))) if isinstance(below, dict) and below and not path else path
        return Problem("AS203", f"`{name}` is missing", source.span(first, key=True), _MISSING.get(str(name), ""))
    return _misfit(source, path, [error])


def _with_edits(problem: Problem) -> Problem:
    """The problem with the one change that its help means, if it means one."""
    advice = problem.help
    if not isinstance(advice, Advice) or advice.old is None:
        return problem
    return replace(problem, help=str(advice), edits=rewording(problem.span, advice.old, advice.new))


_MISSING = {
    "inputs": "declare the inputs: `inputs: {x: [N, 3, 224, 224]}`",
    "layers": "declare the layers: `layers: [Flatten, Linear: 10]`",
    "shape": "give the input a shape: `{shape: [N, T], dtype: int64}`",
}


def _place(data: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Pydantic's location without what is not in the tree: names of union branches, `[key]`."""
    path: list[int | str] = []
    for part in location:
        if isinstance(data, dict):
            inside = part in data
        else:
            inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside:
            path.append(part)
            data = data[part]
    return tuple(path)


def _known_keys(location: tuple[int | str, ...], root: type[Model]) -> list[str]:
    """The keys that may stand at a place."""
    where = [part for part in location if part not in ("list", "mapping")]
    if not where:
        form = root
    elif where == ["budget"]:
        form = Budget
    elif len(where) >= 2 and where[-2] in ("params", "inputs"):
        form = ParameterEntry if where[-2] == "params" else InputEntry
    else:
        form = Block
    return list(form.model_fields)
