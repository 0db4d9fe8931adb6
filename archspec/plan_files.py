"""A plan's file, read for a spec: what it says is checked, and put together with what a caller says.

A file settles as much of a plan as its writer wants; the rest is derived. Where both say something, the caller's word
counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from archspec import document, source
from archspec.document import PlanFile
from archspec.document.checks import EXAMPLES
from archspec.document.plan import SETTINGS
from archspec.planning import Request, read_setting
from archspec.problems import Problem, Related, SpecError
from archspec.source import Source
from archspec.spec import Spec
from archspec.values import as_document, as_text
from archspec.views.plan.asked import Wishes

File: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a plan's file, or what it holds."""


def with_file(spec: Spec, file: File, request: Request) -> Request:
    """The request with what a file adds to it; SpecError with everything that is wrong in the file."""
    tree = _read(file)
    said = document.read_plan(tree)
    if problems := [*_settings(tree, said), *_of_spec(spec, tree, said)]:
        raise SpecError(problems)
    setting = {name: getattr(said, name) for name in SETTINGS}
    setting |= {"pp": len(said.stages)} if said.stages else {}
    setting |= {name: value for name, value in request.setting.items() if value is not None}
    stages = [(name, tree.span(("stages", place))) for place, name in enumerate(said.stages)]
    cuts = {pattern: (role, tree.span(("cuts", pattern), key=True)) for pattern, role in said.cuts.items()}
    return Request(
        request.mesh or said.mesh or None,
        request.variant or said.variant,
        {**said.params, **request.params},
        {**said.inputs, **request.inputs},
        {name: value for name, value in setting.items() if value is not None},
        Wishes(cuts, stages if setting["pp"] == len(stages) else ()),
    )


def _read(file: File) -> Source:
    if isinstance(file, Mapping):
        return source.parse(as_text(as_document(file)), "<plan>")
    return source.parse(source.read(file), os.fspath(file))


def _settings(tree: Source, said: PlanFile) -> Iterator[Problem]:
    """Values that are no settings of a plan."""
    for name in ("mesh", *SETTINGS):
        if name in said.model_fields_set:
            value = getattr(said, name)
            try:
                read_setting(*((value, {}) if name == "mesh" else (None, {name: value})))
            except ValueError as error:
                message, _, advice = str(error).partition("; ")
                yield Problem("AS202", message, tree.span((name,)), advice or EXAMPLES[name])
    if said.stages and said.pp not in (None, len(said.stages)):
        message = f"`pp` is {said.pp}, but `stages` names {len(said.stages)}"
        yield Problem("AS202", message, tree.span(("pp",)), "leave `pp` out: `stages` says how many there are")


def _of_spec(spec: Spec, tree: Source, said: PlanFile) -> Iterator[Problem]:
    """Parameters and sizes that the spec does not take."""
    params: Mapping[str, Any] = {}
    try:
        params = spec.settings(said.variant, {})
    except SpecError as error:
        yield from _placed(error, tree, ("variant",), ())
        return
    if said.params:
        params = {**params, **said.params}
        try:
            spec.graph(params)
        except SpecError as error:
            yield from _placed(error, tree, ("params",), said.params)
            return
    if said.inputs:
        try:
            spec.graph(params, said.inputs)
        except SpecError as error:
            yield from _placed(error, tree, ("inputs",), said.inputs)


def _placed(error: SpecError, tree: Source, key: tuple[str, ...], names: Iterable[str]) -> Iterator[Problem]:
    """A spec's problems at the entry of the file that they come of."""
    for problem in error.problems:
        name = next((name for name in names if f"`{name}`" in problem.message), None)
        span = tree.span(key if name is None else (*key, name))
        related = (Related("in the spec", problem.span), *problem.related)
        yield replace(problem, span=span, related=related, edits=())
