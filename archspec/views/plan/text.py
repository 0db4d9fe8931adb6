"""A plan for people: as text for a terminal, as Markdown for a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from archspec.characters import printable
from archspec.problems import render_text
from archspec.views.summary.figures import aligned, human

if TYPE_CHECKING:
    from archspec.views.plan import Plan

_HEAD = ("ranks", "count", "parameters", "gradients", "optimizer", "activations", "peak")
_FEWEST = 8
"""Classes of ranks that are shown; the others are summed up in a line."""


def text(plan: Plan) -> Iterator[str]:
    """The lines of a plan."""
    yield from _title(plan)
    yield ""
    yield from aligned([_HEAD, *_rows(plan)], "  ", 1)
    if len(plan.ranks) > _FEWEST:
        yield f"… and {len(plan.ranks) - _FEWEST} classes of ranks that hold less"
    if plan.communication:
        yield ""
        yield from aligned([("collectives of a step", "over", "count", "bytes"), *_collectives(plan)], "  ", 2)
    if plan.stages:
        yield ""
        stages = [(one.first, one.last, human(one.macs)) for one in plan.stages]
        yield from aligned([("stages: first step", "last step", "MACs"), *stages], "  ", 2)
    for title, rows in (_cut_rows(plan), _whole_rows(plan)):
        if len(rows) > 1:
            yield ""
            yield title
            yield from (line.rstrip() for line in aligned(rows, "  ", 4))
    if plan.problems:
        yield ""
        yield render_text(plan.problems)


def meshes(plans: Sequence[Plan]) -> Iterator[str]:
    """A line for each of several plans."""
    rows: list[Sequence[str]] = [("mesh", "fits", "peak", "sent in a step", "cut over tp")]
    for plan in plans:
        mesh = ",".join(f"{name}={size}" for name, size in plan.mesh.items())
        peak = max((one.peak for one in plan.ranks if one.peak is not None), default=None)
        fits = {None: "?", True: "yes", False: "no"}[plan.fits]
        share = f"{plan.share_cut:.0%}" if plan.mesh.get("tp", 1) > 1 else "-"
        rows.append((mesh, fits, "?" if peak is None else human(peak, "B"), human(plan.sent, "B"), share))
    yield from aligned(rows, "  ", 2)


def markdown(plan: Plan) -> Iterator[str]:
    """The lines of a plan as Markdown."""
    yield from _title(plan)
    tables = [("Ranks", [_HEAD, *_rows(plan)])]
    if plan.communication:
        tables.append(("Collectives of a step", [("kind", "over", "count", "bytes"), *_collectives(plan)]))
    if plan.stages:
        stages = [(one.first, one.last, human(one.macs)) for one in plan.stages]
        tables.append(("Stages", [("first step", "last step", "MACs"), *stages]))
    for title, table in (*tables, _cut_rows(plan), _whole_rows(plan)):
        if len(table) > 1:
            yield from ("", f"**{title}**", "")
            yield from _table(table)
    for problem in plan.problems:
        yield f"\n- line {problem.line}: {_cell(problem.message)} ({problem.code})"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(rows[0])} |"
    yield f"|{' --- |' * len(rows[0])}"
    for row in rows[1:]:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(value: str) -> str:
    return printable(value).replace("|", "\\|")


def _title(plan: Plan) -> Iterator[str]:
    mesh = " × ".join(f"{name} {size}" for name, size in plan.mesh.items()) or "one rank"
    stages = f", {plan.pp} pipeline stages" if plan.pp > 1 else ""
    checkpoint = f", {plan.checkpoint} checkpointed" if plan.checkpoint else ""
    checkpoint += ", sequence parallel" if plan.sequence_parallel else ""
    yield printable(f"{plan.spec}: {mesh}{stages}, {plan.dtype}, {plan.optimizer}{checkpoint}")
    inputs = ", ".join(f"{name} {list(shape)}" for name, shape in plan.sizes.items())
    assumed = ", ".join(f"{name} = {size}" for name, size in plan.assumed.items())
    told = f"; {assumed} {'is' if len(plan.assumed) == 1 else 'are'} an example: --input says the size"
    yield printable(f"a rank is given {inputs}{told if assumed else ''}")
    if plan.mesh.get("tp", 1) > 1:
        yield f"tensor parallelism cuts {plan.share_cut:.1%} of the parameters"
    if plan.fits is not None:
        yield "it fits, with a fifth of the memory left free" if plan.fits else "it does not fit"


def _rows(plan: Plan) -> Iterator[Sequence[str]]:
    for one in plan.ranks[:_FEWEST]:
        figures = (one.parameters, one.gradients, one.optimizer, one.activations, one.peak)
        yield (one.name, f"{one.count:,}", *("?" if size is None else human(size, "B") for size in figures))


def _collectives(plan: Plan) -> Iterator[Sequence[str]]:
    for one in plan.communication:
        size = human(one.bytes, "B") if isinstance(one.bytes, int) else "?"
        yield one.kind, one.over, f"{one.count:,}", size


def _cut_rows(plan: Plan) -> tuple[str, list[Sequence[str]]]:
    some = [(one.weight, (one.role, f"axis {one.axis}", f"line {one.line}")) for one in plan.cuts]
    return "cut", [("weights", "role", "axis", "place"), *_folded(some)]


def _whole_rows(plan: Plan) -> tuple[str, list[Sequence[str]]]:
    some = [(one.weight, (f"line {one.line}", one.why)) for one in plan.whole]
    return "whole", [("weights", "place", "why"), *_folded(some)]


def _folded(some: Iterable[tuple[str, tuple[str, ...]]]) -> list[Sequence[str]]:
    """A row for each kind of weight, with `*` for the numbers in which repetitions differ."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for key, facts in some:
        found.setdefault((re.sub(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)", "*", key), facts), []).append(key)
    return [
        (f"{pattern} (×{len(keys)})" if len(keys) > 1 else keys[0], *facts) for (pattern, facts), keys in found.items()
    ]
