"""How every shipped spec is planned for tensor parallelism: the share that is cut, the time, and what stays whole.

    python benchmarks/plans.py [RANKS] [SPEC …]

Runs no PyTorch. The seconds are those of the processor. The share is that of the parameters; of what stays whole, the
reasons are those of most parameters.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import archspec
from archspec.views.plan.parameters import parameters

ROOT = Path(__file__).parent.parent
SHOWN = 2
"""Reasons that a row has."""

LEAST = 0.005
"""The share of the parameters that a reason is told for."""


def row(path: Path, ranks: int) -> str:
    """A spec's row of the table."""
    spec = archspec.load(path)
    start = time.process_time()
    plan = archspec.plan(spec, {"tp": ranks})
    seconds = time.process_time() - start
    sizes = {one.key: one.numel for one in parameters(spec.graph(), {}, plan.ties, 1)}
    total = max(1, sum(sizes.values()))
    reasons = Counter[str]()
    for one in plan.whole:
        reasons[one.why] += sizes[one.weight]
    shown = [(count / total, why) for why, count in reasons.most_common(SHOWN)]
    told = "; ".join(f"{share:.0%} {why}" for share, why in shown if share >= LEAST) or "-"
    return f"| {path.relative_to(ROOT / 'specs').with_suffix('')} | {plan.share_cut:.1%} | {seconds:.2f} | {told} |"


def main() -> None:
    ranks, *names = sys.argv[1:] or ["2"]
    paths = [ROOT / "specs" / f"{name}.yaml" for name in names] or sorted((ROOT / "specs").rglob("*.yaml"))
    print(f"| spec | cut over {ranks} ranks | seconds | what stays whole, and why |\n| --- | --- | --- | --- |")
    for path in paths:
        print(row(path, int(ranks)), flush=True)
    assert "torch" not in sys.modules


if __name__ == "__main__":
    main()
