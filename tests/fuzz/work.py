"""How much work something is: the functions that are called meanwhile, which every machine counts alike."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import archspec
from archspec.problems import render_text

A_SECOND = 3_000_000
"""About how many functions a machine calls in a second."""


class TooMuchError(AssertionError):
    """Something is more work than it may be."""


def calls(run: Callable[[], Any], most: float = float("inf")) -> int:
    """How many functions a run calls, those in C included; TooMuchError as soon as they are more than `most`."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")
        if count > most:
            sys.setprofile(None)
            raise TooMuchError(f"more than {most:,.0f} calls")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def _summary(spec: archspec.Spec) -> object:
    summary = archspec.summary(spec)
    return summary.text(), summary.text(1), summary.markdown(), summary.csv(), json.dumps(summary.as_dict())


def _explain(spec: archspec.Spec) -> object:
    explanation = archspec.explain(spec)
    return explanation.text(), explanation.markdown(), json.dumps(explanation.as_dict())


def _diff(spec: archspec.Spec) -> object:
    """Against the same with some layers changed and renamed, or against another one where that is no spec."""
    text = spec.text.replace("Linear: 3", "Linear: 5", 2).replace("  a", "  b", 2)
    try:
        changes = archspec.diff(spec, archspec.parse(text))
    except archspec.SpecError:
        changes = archspec.diff(spec, archspec.parse("inputs: {x: [N, 3]}\nlayers: [ReLU, Tanh]\n"))
    return str(changes), changes.markdown(), json.dumps(changes.as_dict())


def _generate(spec: archspec.Spec) -> object:
    """The source, or why there is none."""
    try:
        return spec.generate()
    except archspec.SpecError as error:
        return render_text(error.problems)


COMMANDS: dict[str, Callable[[archspec.Spec], object]] = {
    "check": lambda spec: render_text(archspec.check(archspec.parse(spec.text))),
    "generate": _generate,
    "shapes": lambda spec: (str(archspec.shapes(spec)), archspec.dtypes(spec)),
    "weights": lambda spec: archspec.weights(spec),
    "summary": _summary,
    "explain": _explain,
    "svg": lambda spec: archspec.diagram(spec),
    "html": lambda spec: archspec.diagram(spec, format="html"),
    "mermaid": lambda spec: archspec.diagram(spec, format="mermaid"),
    "dot": lambda spec: archspec.diagram(spec, format="dot"),
    "diff": _diff,
    "fix": lambda spec: archspec.fix(spec.text),
}
"""Every static command over one spec, in all of its formats."""


def peak(run: Callable[[], Any]) -> int:
    """The most memory that a run holds at once, in bytes, as far as Python allocates it."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
