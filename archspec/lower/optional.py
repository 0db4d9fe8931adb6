"""Optional inputs: which inputs of a module may be left out, and what a class knows of those that are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archspec.document import InputEntry
from archspec.expressions import Name, Symbolic
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.problems import Related
from archspec.source import Path


def refuse_left_out(frame: Frame, name: str, inputs: Collection[str], given: Given, at: Path) -> bool:
    """Whether something that may be left out flows into an input of a module that is none of `inputs`; reported."""
    for place, (node, span) in given.optional.items():
        argument = given.names[place] or ""
        if argument in inputs:
            continue
        what = f"`{argument}` of {name}" if argument else name
        message = f"`{node.text}` is optional, but {what} needs a tensor"
        advice = f"declare `{node.text}` without `optional`, or use another tensor instead: `a if … is None else …`"
        here = span or frame.span(at, key=True)
        value = frame.value(node.name) if isinstance(node, Name) else None
        related = (Related(f"`{node.text}` is declared here", value.span),) if value is not None else ()
        frame.report.add_at("AS511", message, here, advice, related=related)
        return True
    return False


def by_name(given: Given, inputs: tuple[str, ...]) -> Given:
    """The same with a name for each value, as far as the inputs have them."""
    names = (name or place for name, place in zip(given.names, (*inputs, *(None,) * len(given.names)), strict=False))
    return given.with_names(tuple(names))


def presence_of(inputs: Mapping[str, InputEntry], given: Given) -> dict[str, Any]:
    """What stands for each optional input of a block where its outputs depend on whether it is given."""
    found: dict[str, Any] = {name: None for name, declared in inputs.items() if declared.optional}
    for place, name in enumerate(given.names):
        if name not in found:
            continue
        node, _ = given.optional.get(place, (None, None))
        found[name] = True if node is None else Symbolic(node, "optional")
    return found
