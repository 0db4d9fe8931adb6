"""What `analyse` makes of every line of the shipped specs while it is typed, character by character.

Each line is taken out and typed anew, plainly and with closing brackets and quotes put in as editors do. Run
`python benchmarks/editing.py` from the project's root. Typing every line takes about an hour, and with `--every 7`,
which types each seventh line, some minutes. `--files` names specs.
Goals: no exception; in 95 % of the states the first error that is shown stands on the line that is typed; in 95 % of
the states 90 % of the other lines keep their shapes, fresh or stale. Times are those of the process, from key to
problems.
"""

from __future__ import annotations

import argparse
import statistics
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import archspec
from archspec.analysis import Analysis

CLOSING = {"{": "}", "[": "]", "(": ")", '"': '"', "'": "'"}


@dataclass
class Tally:
    """What came of the states of some specs."""

    states: int = 0
    exceptions: int = 0
    elsewhere: int = 0
    lost: int = 0
    times: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        share = 100 / max(1, self.states)
        slow = statistics.quantiles(self.times, n=20)[-1] if len(self.times) > 1 else 0.0
        return (
            f"{self.states:6} states, {self.exceptions} exceptions, first error on the line "
            f"{100 - share * self.elsewhere:5.1f} %, shapes kept {100 - share * self.lost:5.1f} %, "
            f"median {1e3 * statistics.median(self.times):.0f} ms, 95 % {1e3 * slow:.0f} ms, "
            f"worst {1e3 * max(self.times):.0f} ms"
        )


def typed(line: str, *, closing: bool) -> Iterator[str]:
    """The line as it grows, with what an editor puts behind the cursor."""
    for end in range(len(line) + 1):
        behind: list[str] = []
        for char in line[:end] if closing else "":
            if behind and char == behind[-1]:
                behind.pop()
            elif char in CLOSING:
                behind.append(CLOSING[char])
        yield line[:end] + "".join(reversed(behind))


def retype(path: Path, tally: Tally, *, closing: bool, every: int) -> None:
    """Types every line of a spec anew."""
    text = path.read_text("utf-8")
    whole = archspec.analyse(text, str(path))
    lines = text.split("\n")
    known = {step.line for step in whole.steps if step.shape is not None and step.file == str(path)}
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#") or number % every:
            continue
        before = whole
        for state in dict.fromkeys(typed(line, closing=closing)):
            new = "\n".join((*lines[:number], state, *lines[number + 1 :]))
            start = time.process_time()
            try:
                found = archspec.analyse(new, str(path), before)
            except Exception:
                tally.exceptions += 1
                tally.examples.append(f"{path}:{number + 1}: {state!r}\n{traceback.format_exc()}")
                continue
            tally.times.append(time.process_time() - start)
            before = found
            judge(found, known, number + 1, state, tally)


def judge(found: Analysis, known: set[int], line: int, state: str, tally: Tally) -> None:
    """Adds what was found in one state."""
    tally.states += 1
    errors = [one for one in found.while_typing(line) if one.severity == "error"]
    if errors and errors[0].line != line:
        tally.elsewhere += 1
        tally.examples.append(f"elsewhere, typing {line}: {state!r}: {errors[0].line}: {errors[0].message}")
    others = known - {line}
    kept = {step.line for step in found.steps if step.shape is not None} & others
    if len(kept) < 0.9 * len(others):
        tally.lost += 1
        tally.examples.append(f"lost, typing {line}: {state!r}: {len(kept)} of {len(others)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="type each so many-th line only")
    parser.add_argument("--examples", type=int, default=0, help="show so many states that miss a goal, of each spec")
    parser.add_argument("--files", nargs="*", type=Path, default=sorted(Path("specs").rglob("*.yaml")))
    options = parser.parse_args()
    whole = Tally()
    for path in options.files:
        tally = Tally()
        for closing in (False, True):
            retype(path, tally, closing=closing, every=options.every)
        print(f"{path!s:44} {tally}", flush=True)
        print(*tally.examples[: options.examples], sep="\n", end="\n" if tally.examples[: options.examples] else "")
        for one in ("states", "exceptions", "elsewhere", "lost"):
            setattr(whole, one, getattr(whole, one) + getattr(tally, one))
        whole.times += tally.times
    print(f"{'all':44} {whole}")


if __name__ == "__main__":
    main()
