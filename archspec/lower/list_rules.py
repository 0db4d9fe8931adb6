"""What may stand in a list of steps, which is exactly an nn.Sequential: layers, and nothing with inputs of its own."""

from __future__ import annotations

import re

from archspec.document import StepEntry
from archspec.expressions import Scope
from archspec.layers import LAYERS
from archspec.lower.frames import Frame
from archspec.lower.sites import Site
from archspec.lower.vocabulary import beginning, holds_layer
from archspec.problems import Advice, Edit, echo
from archspec.source import Path

_PYTHON = re.compile(r"self\.|(?:\w+\.)*[A-Z]\w*\(|(?:torch\.)?nn\.[A-Z]\w*$")
"""What may be a layer as Python writes it."""
_SECOND_DASH = re.compile(r"-\s*([A-Z][\w.]*)")


def fits_list(frame: Frame, step: StepEntry, site: Site) -> bool:
    """Whether a step may stand in a list; reported if not."""
    if step.call is False:
        message = "a list is an nn.Sequential, which runs each of its modules"
        frame.report.add("AS206", message, site.at("call"), "name the steps in a mapping", key=True)
        return False
    for key in ("from", "again", "each", "collect", "shared"):
        if getattr(step, "from_" if key == "from" else key) not in (None, False):
            message = f"`{key}:` is not allowed in a list: each step takes the output of the step above"
            frame.report.add("AS206", message, site.at(key), "name the steps in a mapping", key=True)
            return False
    if step.type in ("Parameter", "Buffer"):
        message = f"a `{step.type}` is not allowed in a list: it is not part of the flow"
        frame.report.add("AS206", message, site.path, "name the steps in a mapping")
        return False
    if step.expression is not None:
        _refuse_expression(frame, step.expression, site)
    return step.expression is None


def _refuse_expression(frame: Frame, text: str, site: Site) -> None:
    """Reports an expression in a list, in the words of what it was to be."""
    if refuse_python(frame, text, site.path, site.scope, listed=True):
        return
    if match := _SECOND_DASH.fullmatch(text):
        one_dash = Advice(f"write `- {match[1]}`", match[1], text)
        frame.report.add("AS206", "a second dash before a layer", site.path, one_dash)
        return
    if text in frame.lowering.document.blocks:
        message = f"`{text}` alone is a value: a block of such a name goes by a key"
        by_key = Advice(f"write `{text}: {{}}`", f"{{{text}: {{}}}}", text)
        frame.report.add("AS206", message, site.path, by_key)
        return
    if re.fullmatch(r"\w+", text):
        known = [*LAYERS, *frame.lowering.document.blocks]
        advice = beginning(text, known) or "layers have PyTorch's names: `ReLU`, `Conv2d`, `Linear`"
        frame.report.add("AS401", f"unknown layer {echo(text)}", site.path, advice)
        return
    message = f"{echo(text)} is not a layer, and expressions are not allowed in a list"
    frame.report.add("AS206", message, site.path, "a list is an nn.Sequential: name the steps in a mapping")


def refuse_python(frame: Frame, text: str, path: Path, scope: Scope, *, listed: bool) -> bool:
    """Whether the expression of a step is a layer as Python writes it; reported, with how it is written here."""
    if not holds_layer(scope.get(text.partition("(")[0])) and not _PYTHON.match(text) and not (listed and "(" in text):
        return False
    from archspec.lower.spellings import spelled  # here: only a mistake needs it

    found = spelled(frame, text, scope, listed=listed)
    if found is None:
        return False
    span = frame.span(path)
    edits = (Edit(span, found.text),) if found.text and span.line == span.end_line else ()
    frame.report.add_at(found.code, found.message, span, found.help, edits=edits)
    return True
