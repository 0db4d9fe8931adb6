"""The shapes of steps at the end of their lines: `[N, 64, 56, 56]`, of several `×4 [N, 64, 8, 8] … [N, 512, 1, 1]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from archspec.analysis import Analysis, Step
from archspec.dimensions import show

_MOST = 80
"""So many characters a label has at most."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What stands behind a line, counted from 1."""

    line: int
    label: str
    stale: bool
    """Whether it is what an earlier text said."""
    paths: tuple[str, ...]
    """The steps that it is of."""


def hints(analysis: Analysis, first: int, last: int) -> Iterator[Hint]:
    """The hints of some lines, counted from 1, the last one included."""
    by_line: dict[int, list[Step]] = {}
    for step in analysis.steps:
        if step.file == analysis.name and first <= step.line <= last and step.shape is not None:
            by_line.setdefault(step.line, []).append(step)
    for line, steps in sorted(by_line.items()):
        told = outermost(steps)
        label = label_of(told, _rounds(told[0], steps) if len(told) == 1 else [])
        yield Hint(line, label, told[0].stale, tuple(step.path for step in told))


def outermost(steps: list[Step]) -> list[Step]:
    """Those steps of a line that are within no other one of it."""
    paths = {step.path for step in steps}
    return [step for step in steps if not any(above in paths for above in _above(step.path))]


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition(".")[0]:
        yield path


def _rounds(step: Step, steps: list[Step]) -> list[Step]:
    """The repetitions of a step, where they stand on the same line."""
    return [
        one for one in steps if one.path.rpartition(".")[0] == step.path and one.path.rpartition(".")[2].isdecimal()
    ]


def label_of(told: list[Step], rounds: list[Step]) -> str:
    """What several uses of one line give, or one step with its rounds."""
    several = rounds if len(rounds) > 1 else told
    texts = [flow_text(step.shape, step.dtype) for step in several]
    label = texts[0] if len(set(texts)) == 1 else f"{texts[0]} … {texts[-1]}"
    if len(several) > 1:
        label = f"×{len(several)} {label}"
    label = label if len(label) <= _MOST else label[: _MOST - 1] + "…"
    return f"~ {label}" if told[0].stale else label


def flow_text(shape: Any, dtype: Any) -> str:
    """A shape as people read it, or several of them; float32 is not named."""
    if shape is None:
        return "?"
    if dtype is None or isinstance(dtype, str):
        text = f"[{', '.join(map(show, shape))}]"
        return text if dtype in (None, "float32") else f"{text} {dtype}"
    return f"({', '.join(flow_text(*pair) for pair in zip(shape, _each(dtype), strict=False))})"


def _each(dtypes: Any) -> Iterable[Any]:
    return dtypes if isinstance(dtypes, tuple) else (dtypes,)
