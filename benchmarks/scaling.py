"""How the cost of each static command grows with a spec: from 1,000 to 10,000 steps, in five structures.

Run `python benchmarks/scaling.py`; it takes about ten minutes. Goal: ten times the steps cost at most 12 times as much,
in every command and structure. Times are those of the processor, so that a machine may do other things meanwhile.

    python benchmarks/scaling.py --structure blocks --command diff --rounds 5
    python benchmarks/scaling.py --calls --steps 100

`--calls` counts the functions that are called, which every machine counts alike; `README.md` beside this has figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from measure import Subject, ratio_of, shown

import archspec
from archspec.problems import render_text
from archspec.source import Limits

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))

from work import calls

GOAL = 12.0
LIMITS = Limits(layers=10**6, nodes=10**7, bytes=10**9)
"""A caller's, as 10,000 steps are more than the language's limits allow."""
HEAD = "inputs: {x: [N, 3]}\nlayers:\n"
IMAGE = "inputs: {x: [N, 3, H, W]}\nlayers:\n"
BLOCK = (
    "blocks:\n  B: {params: {w: int}, inputs: {x: [N, C]}, layers: {up: {Linear: w}, down: {Linear: C}, y: x + down}}\n"
)


def listed(steps: int) -> str:
    """Steps of a list."""
    return IMAGE + "  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n  - ReLU\n" * (steps // 2)


def repeated(steps: int) -> str:
    """Two steps in a loop."""
    layers = "[{Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}, ReLU]"
    return f"{IMAGE}  - {{repeat: {steps // 2}, layers: {layers}}}\n"


def named(steps: int) -> str:
    """Steps with names, each of other sizes."""
    return HEAD + "".join(f"  a{i}: {{Linear: {i + 1}}}\n" for i in range(steps))


def loop(steps: int) -> str:
    """Different layers in a loop."""
    return f"params: {{n: {steps}}}\n{HEAD}  body: {{for: i in range(n), Linear: i + 1}}\n"


def blocks(steps: int) -> str:
    """One block, each use a step of its own."""
    return HEAD + "".join(f"  a{i}: {{B: 8}}\n" for i in range(steps)) + BLOCK


STRUCTURES = {form.__name__: form for form in (listed, repeated, named, loop, blocks)}


def read(text: str) -> archspec.Spec:
    """A spec, whatever its length."""
    return archspec.Spec(text, "net.yaml", limits=LIMITS)


def check(text: str) -> str:
    """As `archspec check`."""
    return render_text(read(text).warnings())


def generate(text: str) -> str:
    """As `archspec generate`."""
    return read(text).generate()


def summary(text: str) -> str:
    """As `archspec summary`, as text and for programs."""
    found = archspec.summary(read(text))
    return f"{found}{json.dumps(found.as_dict())}"


def explain(text: str) -> str:
    """As `archspec explain`, as text and for programs."""
    found = archspec.explain(read(text))
    return f"{found}{json.dumps(found.as_dict())}"


def diagram(text: str) -> str:
    """As `archspec diagram`."""
    return archspec.diagram(read(text))


def diff(text: str) -> str:
    """As `archspec diff`, with a spec some layers of which are others."""
    other = text.replace("Linear: 3", "Linear: 5", 2).replace("ReLU", "Tanh", 2).replace("i + 1", "i + 2")
    return str(archspec.diff(read(text), read(other.replace("{B: 8}", "{B: 9}", 2))))


COMMANDS: dict[str, Callable[[str], str]] = {
    command.__name__: command for command in (check, generate, summary, explain, diagram, diff)
}


def seconds(run: Subject) -> float:
    """How long the processor takes over it."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Measure what the command line names, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structure", action="append", choices=STRUCTURES)
    parser.add_argument("--command", action="append", choices=COMMANDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--steps", type=int, default=1_000, help="of the smaller spec; the larger has ten times as many"
    )
    parser.add_argument("--calls", action="store_true", help="count calls, in place of seconds")
    options = parser.parse_args()
    cost, told = (calls, "{:,}".format) if options.calls else (seconds, shown)
    sizes = options.steps, 10 * options.steps
    print(f"{'structure':10} {'command':10} {sizes[0]:11,} {sizes[1]:11,}  ratio")
    for structure in options.structure or STRUCTURES:
        texts = [STRUCTURES[structure](steps) for steps in sizes]
        for name in options.command or COMMANDS:
            command = COMMANDS[name]
            command(STRUCTURES[structure](10))  # imports
            rounds = [[cost(partial(command, text)) for text in texts] for _ in range(options.rounds)]
            small, large = zip(*rounds, strict=True)
            ratio = ratio_of(large, small)
            verdict = "" if ratio <= GOAL else "  MISSED"
            row = f"{structure:10} {name:10} {told(median(small)):>11} {told(median(large)):>11} {ratio:6.1f}"
            print(row + verdict, flush=True)


if __name__ == "__main__":
    main()
