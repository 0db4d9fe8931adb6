"""A text's tree as a document, or every problem of its form."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from archspec.document.errors import problems_of
from archspec.document.model import Document, Library, Model
from archspec.document.names import class_name
from archspec.document.plan import PlanFile
from archspec.document.spelling import refuse_disguised
from archspec.problems import Problem, SpecError
from archspec.source import Source


class NoNetworkError(SpecError):
    """A file of blocks for other specs to import, or a plan, and nothing wrong with it: but no network."""


class FormError(SpecError):
    """A document whose form is wrong: at which places of its tree."""

    places: tuple[tuple[int | str, ...], ...] = ()


def read(source: Source, data: Any = None) -> Document:
    """The document that a text holds, with a name; FormError with every problem of its form.

    `data` stands for the text's tree, where parts of it are set aside.
    """
    document = _validated(source, Document, data)
    return document if document.name else document.model_copy(update={"name": class_name(source.path)})


def is_library(source: Source) -> bool:
    """Whether a file holds blocks alone, for other specs to import."""
    data = source.data
    return isinstance(data, dict) and "blocks" in data and data.keys() <= set(Library.model_fields)


def only_blocks(source: Source) -> NoNetworkError:
    """Why a file of blocks is no network."""
    message = "this file contains only blocks, and no network: `inputs` and `layers` are missing"
    advice = "check a spec that imports it: `imports: {Name: ./file.yaml}`"
    return NoNetworkError([Problem("AS203", message, source.span(("blocks",), key=True), advice)])


def read_library(source: Source) -> Document | Library:
    """What an imported file holds: a whole document, or blocks alone."""
    if isinstance(source.data, dict) and ("layers" in source.data or "inputs" in source.data):
        return read(source)
    return _validated(source, Library)


def is_plan(source: Source) -> bool:
    """Whether a file is a plan for a spec, to be passed as `--plan`."""
    data = source.data
    return isinstance(data, dict) and not {"layers", "blocks"} & data.keys() and bool({"mesh", "cuts"} & data.keys())


def only_plan(source: Source) -> NoNetworkError:
    """Why a plan is no network."""
    message = "this file is a plan, not a network: `inputs` and `layers` are missing"
    advice = "pass it with a spec: `archspec plan SPEC --plan FILE`"
    return NoNetworkError([Problem("AS203", message, source.span((next(iter(source.data)),), key=True), advice)])


def read_plan(source: Source) -> PlanFile:
    """What a plan's file says; FormError with every problem of its form."""
    if isinstance(source.data, dict) and "layers" in source.data:
        message, advice = "this file is a spec, not a plan", "name a plan file, with `mesh: {dp: 8, tp: 4}`"
        raise SpecError([Problem("AS202", message, source.span(("layers",), key=True), advice)])
    return _validated(source, PlanFile)


_M = TypeVar("_M", bound=Model)


def _validated(source: Source, model: type[_M], data: Any = None) -> _M:
    data = source.data if data is None else data
    if not isinstance(data, dict):
        what = "empty" if data is None else "no mapping"
        advice = _LEAST.get(model, _A_SPEC)
        raise SpecError([Problem("AS202", f"the document is {what}", source.span(()), advice)])
    if not source.text.isascii():
        refuse_disguised(source)
    try:
        return model.model_validate(data, context=_blocks(data))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=True)[: source.limits.problems]
        found = problems_of(source, errors, model)
        refusal = FormError(found.values())
        refusal.places = tuple(found)
        raise refusal from None


def _blocks(data: dict[str, Any]) -> frozenset[str]:
    """The names of the blocks that a document declares or imports."""
    declared = [data.get(key) for key in ("blocks", "imports")]
    return frozenset(name for one in declared if isinstance(one, dict) for name in one)


_A_SPEC = "a spec needs at least `inputs:` and `layers:`; `archspec new NAME` writes one to start from"
_LEAST: dict[type[Model], str] = {PlanFile: "a plan needs at least a mesh: `mesh: {dp: 8, tp: 4}`"}
"""What the text of a kind of file begins with, where it is not that of a spec."""
