"""The tools: each takes the text of a spec and returns a text. Pure: they read no file but archspec's own.

A text has no folder, so a spec that imports blocks from files is refused. Packages of the caller cannot be allowed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

import archspec
from archspec.assistant.bounds import LEAST, LIMIT, MOST, bounded
from archspec.document import NoNetworkError
from archspec.problems import CODES, Problem, SpecError, echo, explanations, render_text
from archspec.views import catalogue

NAME = "<text>"
"""What problems call the text of a spec."""

Text = Annotated[str, Field(description="the spec: a YAML document")]
Limit = Annotated[int, Field(ge=LEAST, le=MOST, description="the most bytes that the answer may have")]
Variant = Annotated[str | None, Field(description="use the settings that `variants` of the spec has by this name")]
Value = bool | int | float | str | None
Params = Annotated[
    dict[str, Value | list[Value]] | None, Field(description='values of parameters of the spec: {"depth": 12}')
]
Sizes = Annotated[dict[str, list[int]] | None, Field(description='sizes of inputs: {"x": [1, 3, 224, 224]}')]
Step = Annotated[str | None, Field(description="the dotted path of a step, such as layer1.0.conv2; or a code: AS502")]
Depth = Annotated[int | None, Field(ge=1, description="show so many levels of modules; default: all that fit")]
Part = Annotated[str | None, Field(description="a key or a definition: `inputs`, `Conv2d`, `block`; or `all`")]


class RefusedError(Exception):
    """Why there is no answer: problems of a spec, or an argument that names nothing."""


def check(
    text: Text, variant: Variant = None, params: Params = None, inputs: Sizes = None, limit: Limit = LIMIT
) -> str:
    """Check a spec: every error or else warning, with its place, cause and help. Run it after each change of a spec.

    Shapes are inferred without running anything. `fix` makes the corrections that are marked as the only right ones.
    """
    return _answer(limit, lambda: _told(_problems(text, variant, params, inputs)) or "nothing wrong\n")


def fix(text: Text, variant: Variant = None, params: Params = None, inputs: Sizes = None, limit: Limit = LIMIT) -> str:
    """Correct what has exactly one right correction, and say what is still wrong. Nothing else in the text changes.

    The answer has the new text, or the changed lines where the whole text does not fit into `limit`.
    """

    def made() -> str:
        done = archspec.fix(text, NAME, variant=variant, params=params, inputs=inputs)
        lines = [f"fixed {one.line}:{one.column} {one.code}: {one.message}" for one in done.fixed]
        more = "this would not reduce the number of problems"
        lines += [f"not fixed {one.line}:{one.column} {one.code}: {more}" for one in done.refused]
        left = _told([replace(one, edits=()) if one in done.refused else one for one in done.problems])
        head = "\n".join([*(lines or ["nothing to fix"]), "", left or "nothing is wrong any more\n"])
        whole = f"{head}\n```yaml\n{done.text}```\n"
        if done.text == text or len(whole.encode()) > limit:
            return "\n".join([head, *_changed(text, done.text)])
        return whole

    return _answer(limit, made)


def explain(
    text: Annotated[str, Field(description="the spec; may be empty where `step` is a code")],
    step: Step = None,
    uses: Annotated[bool, Field(description="the opposite: what depends on the step")] = False,
    variant: Variant = None,
    params: Params = None,
    inputs: Sizes = None,
    limit: Limit = LIMIT,
) -> str:
    """Explain how the sizes of a step came about, or what a code of a problem means.

    Gives the formula, the numbers and the lines that they come from; without a step for the whole network. With `uses`
    it lists what reads the step's value and what would change with it.
    """

    def made() -> str:
        if step is not None and re.fullmatch("(?i)AS[0-9]{3}", step):
            if step.upper() not in CODES:
                raise ValueError(explanations.unknown(step))
            return explanations.explanation(step.upper())
        spec = archspec.parse(text, NAME)
        if not uses:
            return str(archspec.explain(spec, step, variant=variant, params=params, inputs=inputs))
        if step is None:
            raise ValueError("`uses` is of one step: name it in `step`")
        return str(archspec.uses(spec, step, variant=variant, params=params, inputs=inputs))

    return _answer(limit, made)


def summary(
    text: Text,
    depth: Depth = None,
    variant: Variant = None,
    params: Params = None,
    inputs: Sizes = None,
    limit: Limit = LIMIT,
) -> str:
    """The table of a spec's steps: output shapes, parameters, multiply-accumulates, memory. Nothing is run."""

    def made() -> str:
        table = archspec.summary(archspec.parse(text, NAME), variant=variant, params=params, inputs=inputs)
        whole = table.text(depth)
        if depth is not None or len(whole.encode()) <= limit:
            return whole
        levels = range(max((row.path.count(".") for row in table.rows), default=0), 0, -1)
        remark = "levels are shown; `depth` or `limit` give more"
        shorter = (f"{table.text(level)}\n[{level} {remark}]" for level in levels)
        return next((one for one in shorter if len(one.encode()) <= limit), whole)

    return _answer(limit, made)


def diff(
    old: Annotated[str, Field(description="the spec before")],
    new: Annotated[str, Field(description="the spec after")],
    variant: Variant = None,
    params: Params = None,
    inputs: Sizes = None,
    limit: Limit = LIMIT,
) -> str:
    """What changed between two architectures: steps, shapes, costs, and which weights of the old one still fit."""

    def made() -> str:
        specs = archspec.parse(old, "<old>"), archspec.parse(new, "<new>")
        return str(archspec.diff(*specs, variant=variant, params=params, inputs=inputs))

    return _answer(limit, made)


def layers(
    name: Annotated[
        str | None, Field(description="a layer, a function or a family of them: Conv2d, flatten, pooling; default: all")
    ] = None,
    limit: Limit = LIMIT,
) -> str:
    """The catalogue of layers and functions that a spec may use; of one of them its arguments, shape rule, example."""

    def made() -> str:
        families = catalogue.families()
        if name is None:
            return _overview(families, limit)
        if any(name in by_name for by_name in families.values()):
            return "\n".join(f"{kind}s: {', '.join(found[name])}" for kind, found in families.items() if name in found)
        entry = catalogue.entry(name)
        if entry is None:
            raise ValueError(f"there is no layer or function {echo(name)}; {catalogue.absent(name)}")
        return catalogue.text(entry)

    return _answer(limit, made)


def schema(part: Part = None, limit: Limit = LIMIT) -> str:
    """The JSON Schema of the language: what each top-level key means, or one definition of the schema."""

    def made() -> str:
        whole = archspec.schema()
        if part is None:
            keys = "".join(f"{key}: {value['description']}\n" for key, value in whole["properties"].items())
            return f"{keys}\ndefinitions: {', '.join(whole['$defs'])}\n"
        parts = {**whole["$defs"], **whole["properties"], "all": whole}
        if part not in parts:
            raise ValueError(f"the schema has no part {echo(part)}; without `part` the answer lists them")
        return json.dumps(parts[part], ensure_ascii=False)

    return _answer(limit, made)


def generate(text: Text, limit: Limit = LIMIT) -> str:
    """Generate the spec's network as standalone PyTorch source, which does not depend on archspec. Nothing is run."""
    return _answer(limit, lambda: archspec.generate(archspec.parse(text, NAME)))


TOOLS: tuple[Callable[..., str], ...] = (check, fix, explain, summary, diff, layers, schema, generate)


def _answer(limit: int, made: Callable[[], str]) -> str:
    """A text of so many bytes at most; RefusedError, as short, where there is none."""
    try:
        return bounded(made(), limit)
    except SpecError as error:
        raise RefusedError(bounded(_told(error.problems), limit)) from None
    except ValueError as error:
        raise RefusedError(bounded(str(error), limit)) from None


def _problems(text: str, variant: str | None, params: Params, inputs: Sizes) -> Sequence[Problem]:
    try:
        return archspec.check(archspec.parse(text, NAME), variant=variant, params=params, inputs=inputs)
    except NoNetworkError:
        return []
    except SpecError as error:
        return error.problems


def _told(problems: Sequence[Problem]) -> str:
    """Problems with how many there are; empty where there are none."""
    if not problems:
        return ""
    errors = sum(one.severity == "error" for one in problems)
    tallies = ((errors, "error"), (len(problems) - errors, "warning"))
    counts = ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in tallies if count)
    fixable = sum(bool(one.edits) for one in problems)
    more = f"; `fix` corrects {fixable}" if fixable else ""
    return f"{counts}{more}\n\n{render_text(problems)}\n"


def _changed(old: str, new: str) -> list[str]:
    """The changed lines, with those around them."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), "old", "new", lineterm="", n=1))


def _overview(families: Mapping[str, Mapping[str, Sequence[str]]], limit: int) -> str:
    """All names of the catalogue by kind and family; of the functions, if they do not fit, the families alone."""
    lines = {
        kind: "\n".join([f"{kind}s", *(f"  {family}: {', '.join(names)}" for family, names in found.items())])
        for kind, found in families.items()
    }
    whole = "\n\n".join(lines.values())
    if len(whole.encode()) <= limit:
        return whole
    found = ", ".join(families["function"])
    return f"{lines['layer']}\n\nfamilies of functions, each of which `name` lists\n  {found}"
