"""Budgets: a network's parameters and multiply-accumulates, compared with its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.dimensions import Size
from archspec.problems import Problem, Span
from archspec.views.summary import Summary
from archspec.views.summary.figures import human
from archspec.views.summary.folding import Line, lines

_WORDS = {"parameters": "parameters", "macs": "multiply-accumulates"}
_NAMED = 3


def exceeded(summary: Summary, limits: Mapping[str, int], places: Mapping[str, Span]) -> Iterator[Problem]:
    """What goes beyond its limit, or cannot be told; each at its place. `limits` are by `parameters` and `macs`."""
    for name, limit in limits.items():
        figure: Size = getattr(summary, name)
        if not isinstance(figure, int):
            yield Problem("AS608", _unknown(summary, name), places[name], _advice(summary))
        elif figure > limit:
            per = " and ".join(f"{key} = {size}" for key, size in summary.sizes.items() if name == "macs")
            message = f"{figure:,} {_WORDS[name]}{per and f' for {per}'} are more than the budget of {_short(limit)}"
            most = ", ".join(f"`{_label(line)}` {part:,}" for part, line in _most(summary, name))
            yield Problem("AS607", message, places[name], f"most are in {most}: make it smaller, or raise the budget")


def _unknown(summary: Summary, name: str) -> str:
    depends = f"of {', '.join(summary.own)}, which only PyTorch knows" if summary.own else "of sizes that have no value"
    return f"whether the {_WORDS[name]} are within the budget is a matter {depends}"


def _advice(summary: Summary) -> str:
    if summary.hint:
        return summary.hint
    return "leave the budget out, or write the steps here in place of a class of your own"


def _most(summary: Summary, name: str) -> list[tuple[int, Line]]:
    """The steps that cost most, equal repetitions together."""
    shown = [line for line in lines(summary.rows) if not line.is_open]
    parts = [(line.times * figure, line) for line in shown if isinstance(figure := getattr(line, name), int)]
    ranked = sorted(parts, key=lambda part: -part[0])
    return [part for part in ranked[:_NAMED] if part[0]]


def _label(line: Line) -> str:
    """Where it stands, and how many there are of it."""
    return line.row.path if line.times == 1 else f"{line.row.path} ×{line.times}"


def _short(limit: int) -> str:
    return f"{limit:,} ({human(limit)})" if limit >= 10_000 else f"{limit:,}"
