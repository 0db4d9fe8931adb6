"""How every benchmark here measures: in turns, in one process, told as ratios.

A machine's speed changes while it measures. So the subjects take turns, each round gives ratios of times that were
taken side by side, and the median over the rounds is what counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"

Subject = Callable[[], object]


def compare(subjects: Mapping[str, Subject], goals: Mapping[str, float], *, rounds: int = 30, calls: int = 1) -> None:
    """Time the subjects, and print each one's time and its ratio to the first, with the goal where there is one."""
    times = in_turns(subjects, rounds=rounds, calls=calls)
    baseline, *others = subjects
    width = max(map(len, subjects))
    print(f"{baseline:{width}}  {shown(median(times[baseline]))}")
    for name in others:
        ratio = ratio_of(times[name], times[baseline])
        goal = f"  goal {goals[name]:.2f}  {'met' if ratio <= goals[name] else 'MISSED'}" if name in goals else ""
        print(f"{name:{width}}  {shown(median(times[name]))}  ratio {ratio:.3f}{goal}")


def in_turns(subjects: Mapping[str, Subject], *, rounds: int, calls: int = 1) -> dict[str, list[float]]:
    """Seconds for one call of each subject, once a round; every other round goes through them backwards."""
    names = list(subjects)
    for name in names:
        subjects[name]()  # what is done once, caches and bytecode, is not measured
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            subject = subjects[name]
            start = time.perf_counter()
            for _ in range(calls):
                subject()
            times[name].append((time.perf_counter() - start) / calls)
    return times


def ratio_of(times: Sequence[float], baseline: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return median(one / other for one, other in zip(times, baseline, strict=True))


def python(*arguments: str) -> Subject:
    """A subject that is a fresh Python with these arguments, archspec importable; raises where it fails.

    It may keep compiled bytecode, as installed packages have it.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]

    def run() -> None:
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)

    return run


def shown(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:7.2f} s "
    return f"{seconds * 1e3:7.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:7.2f} µs"
