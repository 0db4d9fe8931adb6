"""Many settings of a network's parameters side by side, and the largest value of a parameter that a budget allows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from archspec.problems import Problem, SpecError
from archspec.views.summary import Summary
from archspec.views.summary.figures import aligned
from archspec.views.summary.variants import FIGURES, figures

MOST_SETTINGS = 10_000
"""How many settings a sweep has at most."""

_NEAREST = 256
"""How many values are tried one by one where some are refused, as widths that the heads do not divide."""

_LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the parameters, and what the network comes to with it."""

    params: Mapping[str, object]
    summary: Summary | None
    """None where the network is wrong with these parameters."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it, or beyond its budget."""

    @property
    def within_budget(self) -> bool:
        """Whether the network is right and no limit is exceeded."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Sweep:
    """A table of settings, the last parameter varied first. `str()` is the table for a terminal."""

    settings: tuple[Setting, ...]
    limits: Mapping[str, int]

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: of each setting its parameters, the totals that are known, and its problems."""
        return {"budget": dict(self.limits), "settings": [_record(one) for one in self.settings]}

    def csv(self) -> str:
        """Comma-separated values, figures without units."""
        names = ("parameters", "macs", "activation_bytes", "inference_bytes", "training_bytes")
        lines = [",".join((*self._names(), *names, "within_budget"))]
        for one in self.settings:
            totals = {} if one.summary is None else one.summary.totals()
            cells = [*map(_cell, one.params.values()), *(str(totals.get(name, "")) for name in names)]
            lines.append(",".join((*cells, str(one.within_budget).lower())))
        return "\n".join(lines)

    def markdown(self) -> str:
        """For a page."""
        head, *rows = self._table()
        ruler = f"|{' --: |' * len(head)}"
        return "\n".join([f"| {' | '.join(head)} |", ruler, *(f"| {' | '.join(row)} |" for row in rows)])

    def text(self) -> str:
        """For a terminal: a line for each setting, and below it the first problem of each one that is wrong."""
        table = self._table()
        lines = [line.rstrip() for line in aligned(table, "  ", 0)]
        wrong = [f"{_named(one)}: {one.problems[0].message}" for one in self.settings if one.summary is None]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], *([""] if wrong else []), *wrong])

    def __str__(self) -> str:
        return self.text()

    def _table(self) -> list[tuple[str, ...]]:
        return [(*self._names(), *FIGURES, *(["Budget"] if self.limits else [])), *map(self._line, self.settings)]

    def _names(self) -> tuple[str, ...]:
        return tuple(self.settings[0].params) if self.settings else ()

    def _line(self, one: Setting) -> tuple[str, ...]:
        shown = ["-"] * len(FIGURES) if one.summary is None else figures(one.summary)
        verdict = ["kept" if one.within_budget else "-" if one.summary is None else "exceeded"] if self.limits else []
        return (*map(_cell, one.params.values()), *shown, *verdict)


Judge = Callable[[Mapping[str, object]], tuple[Summary, Sequence[Problem]]]
"""What the network comes to with some parameters, and what of it is beyond its budget; SpecError where it is wrong."""


def sweep(judge: Judge, values: Mapping[str, Sequence[object]], limits: Mapping[str, int]) -> Sweep:
    """Every combination of the values; ValueError for more than `MOST_SETTINGS` of them, or for none."""
    count = 1
    for name, some in values.items():
        if not some:
            raise ValueError(f"`{name}` has no values")
        count *= len(some)
    if count > MOST_SETTINGS:
        raise ValueError(f"{count:,} settings are too many; at most {MOST_SETTINGS:,} are worked out")
    return Sweep(
        tuple(_judged(judge, dict(zip(values, one, strict=True))) for one in product(*values.values())), limits
    )


def largest(judge: Judge, name: str, start: int) -> int | None:
    """The largest integer for a parameter with which the network is right and within its budget, if there is one.

    Costs are taken to grow with the parameter. Values that are refused, as widths that the heads do not divide, are
    passed over.
    """

    def best(value: int) -> tuple[int, bool] | None:
        """The largest value up to this one that is right, and whether it is within the budget."""
        for one in range(value, max(value - _NEAREST, 0), -1):
            setting = _judged(judge, {name: one})
            if setting.summary is not None:
                return one, setting.within_budget
        return None

    low, found, high = 0, None, max(start, 1)
    while high < _LARGEST and (right := best(high)) is not None and right[1]:
        low, found, high = high, right[0], 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        right = best(middle)
        if right is not None and right[1]:
            low, found = middle, right[0]
        else:
            high = middle
    return found


def _judged(judge: Judge, params: Mapping[str, object]) -> Setting:
    try:
        summary, beyond = judge(params)
    except SpecError as error:
        return Setting(params, None, error.problems)
    return Setting(params, summary, tuple(beyond))


def _record(one: Setting) -> dict[str, Any]:
    problems = [{"code": problem.code, "message": problem.message} for problem in one.problems]
    return {
        "params": dict(one.params),
        "totals": {} if one.summary is None else one.summary.totals(),
        "within_budget": one.within_budget,
        "problems": problems,
    }


def _named(one: Setting) -> str:
    return ", ".join(f"{name}={_cell(value)}" for name, value in one.params.items())


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f'"{text}"' if "," in text else text
