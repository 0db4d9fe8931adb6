"""Single-edit mutations of the shipped specs: does `archspec check` reject what PyTorch rejects, and nothing else?

    python tests/fuzz/mutations.py --count 5000 --seed 0 [--only vision/resnet] [--kind number] [--answers FILE]

What PyTorch makes of a mutant says the naive reading of `naive.py`, which shares nothing with archspec. The same seed
gives the same mutations. The table counts `rejected` and `accepted` by PyTorch; `missed`: rejected by PyTorch alone;
`elsewhere`: rejected by both, but no place that archspec names is where the edit is; `wrong`: rejected by archspec
alone; `own`: by a rule of the language that is no matter of PyTorch's; `form`: no spec of the language at all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import oracle
import torch
from edits import Mutation, base, mutations
from naive_values import FormError, NumbersError
from test_models import NAMES

import archspec
from archspec.problems import Problem

SECONDS = 600


class Verdict(NamedTuple):
    """What PyTorch and archspec say of one mutant."""

    mutation: Mutation
    pytorch: str | None  # why not, if it is rejected
    form: bool  # no spec of the language: PyTorch is not asked
    problems: tuple[Problem, ...]
    unjudged: str = ""

    @property
    def at_the_line(self) -> bool:
        """Whether a problem, or a place that it names, is where the edit is."""
        lines, names = self.mutation.lines(), self.mutation.words()
        for problem in self.problems:
            if {problem.line, *(related.span.line for related in problem.related)} & lines:
                return True
            said = " ".join((problem.message, problem.help, *(related.message for related in problem.related)))
            if self.mutation.kind == "layer" and re.search(rf"\b{self.mutation.edits[0].text}\b", said):
                return True
            if any(re.search(rf"[`.]{name}`", said) for name in names):
                return True
        return False


OWN_RULES: dict[str, str] = {
    "AS1": "the YAML of the language",
    "AS2": "the form of a spec and its names",
    "AS302": "the safe subset of expressions",
    "AS407": "accepted in silence by PyTorch, and without sense",
    "AS509": "a value that is never used",
    "AS510": "a value that is read after a layer has changed it in place",
}
"""By code (or its beginning): what the language refuses whatever PyTorch says."""


STRICTER: dict[str, str] = {
    r"AS(404|304|208) .*(this is (true|false)|no truth values|not (True|False)|`True`|`False`)": (
        "true and false are no numbers"
    ),
    r"AS404 .* takes an integer or a list of \d.*this is `\[.*\]`": (
        "a list has an entry for each axis; PyTorch stretches a list of one"
    ),
    r"AS404 .* takes an integer.*this is `-?\d+\.0`": (
        "a parameter's type is its default's: an integer that is given for a float is one"
    ),
    r"AS506 .*depends on the free dimension": "modules are made once, for all sizes",
    r"AS404 `(eps|beta|divisor_override|max_norm)` ": "without sense: STRICTER in the contract of the layers",
    r"AS501 Linear would read the last axis": "Linear on a feature map: hardly meant, unless `in_features` says so",
    r"AS404 .*takes true or false": "a flag is true or false; PyTorch takes any value for one",
}
"""By code and message: what is refused although PyTorch takes it, and why that is meant."""


def own_rule(problems: tuple[Problem, ...]) -> str | None:
    """The rule of the language by which a spec is refused, if it is by such a rule."""
    for problem in problems:
        for code, reason in OWN_RULES.items():
            if problem.code.startswith(code):
                return f"{code}: {reason}"
        for pattern, reason in STRICTER.items():
            if re.match(pattern, f"{problem.code} {problem.message}"):
                return reason
    return None


def verdict(mutation: Mutation, known: Known) -> Verdict:
    """Asks both."""
    text = mutation.mutant()
    problems: tuple[Problem, ...] = ()
    try:
        archspec.parse(text, f"{mutation.spec}.yaml")
    except archspec.SpecError as error:
        problems = error.problems
    answer = known.answer(text, oracle.judge, text)
    if answer == Answer() and problems and own_rule(problems) is None:
        answer = known.answer(f"witness {text}", oracle.witness, text, base(mutation.spec))
    return Verdict(mutation, *answer[:2], problems, answer.unjudged)


class Answer(NamedTuple):
    """What PyTorch says of a text."""

    refusal: str | None = None
    form: bool = False
    unjudged: str = ""


class Known:
    """PyTorch's answers, kept in a file if one is given: asking archspec alone is quick."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {}
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            key, *answer = json.loads(line)
            self.answers[key] = Answer(*answer)

    def has(self, text: str) -> bool:
        return _key(text) in self.answers

    def answer(self, key: str, ask: Callable[..., str | None], *args: str) -> Answer:
        key = _key(key)
        if key not in self.answers:
            self.answers[key] = ask_pytorch(ask, *args)
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps([key, *self.answers[key]]) + "\n")
        return self.answers[key]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def ask_pytorch(ask: Callable[..., str | None], *args: str) -> Answer:
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    try:
        return Answer(ask(*args))
    except FormError:
        return Answer(form=True)
    except NumbersError:
        return Answer(unjudged="numbers")
    except (_LateError, MemoryError, RecursionError) as error:
        return Answer(unjudged=type(error).__name__)
    except Exception as error:  # before anything runs
        return Answer(f"{type(error).__name__}: {error}"[:500])
    finally:
        signal.alarm(0)


class _LateError(Exception):
    pass


def _late(*_: object) -> None:
    raise _LateError


def chosen(count: int, seed: int, specs: tuple[str, ...], kind: str = "") -> Iterator[Mutation]:
    """As many mutations of some specs, drawn evenly from kinds, and then from specs."""
    draw = random.Random(seed)
    by_kind: dict[str, dict[str, list[Mutation]]] = {}
    for name in specs:
        for one in mutations(name):
            if kind in one.kind:
                by_kind.setdefault(one.kind, {}).setdefault(name, []).append(one)
    for of_kind in by_kind.values():
        for found in of_kind.values():
            draw.shuffle(found)
    for _ in range(count):
        if not by_kind:
            return
        kind = draw.choice(sorted(by_kind))
        name = draw.choice(sorted(by_kind[kind]))
        yield by_kind[kind][name].pop()
        if not by_kind[kind][name]:
            del by_kind[kind][name]
        if not by_kind[kind]:
            del by_kind[kind]


class Figures:
    """The table: what was tried, and every disagreement."""

    def __init__(self) -> None:
        self.rows: dict[str, Counter[str]] = {}
        self.exceptions: list[tuple[str, Verdict]] = []
        self.own: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        row = self.rows.setdefault(verdict.mutation.kind, Counter())
        row["tried"] += 1
        refused = bool(verdict.problems)
        if verdict.unjudged:
            row["unjudged"] += 1
        elif verdict.form:
            row["form"] += 1
            if not refused:
                self.note(row, "form accepted", verdict)
        elif verdict.pytorch is not None:
            row["rejected"] += 1
            if not refused:
                self.note(row, "missed", verdict)
            elif not verdict.at_the_line:
                self.note(row, "elsewhere", verdict)
        elif refused and (rule := own_rule(verdict.problems)):
            row["own"] += 1
            self.own[rule] += 1
        else:
            row["accepted"] += 1
            if refused:
                self.note(row, "wrong", verdict)

    def note(self, row: Counter[str], what: str, verdict: Verdict) -> None:
        row[what] += 1
        self.exceptions.append((what, verdict))

    def total(self) -> Counter[str]:
        return sum(self.rows.values(), Counter())

    def table(self) -> str:
        heads = (
            "tried",
            "rejected",
            "missed",
            "elsewhere",
            "accepted",
            "wrong",
            "own",
            "form",
            "form accepted",
            "unjudged",
        )
        rows = [*sorted(self.rows.items()), ("all", self.total())]
        lines = [f"{'':24}" + "".join(f"{head:>14}" for head in heads)]
        lines += [f"{name:24}" + "".join(f"{row[head]:>14}" for head in heads) for name, row in rows]
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="specs whose name holds this")
    parser.add_argument("--kind", default="", help="kinds of mutations whose name holds this")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th mutation, from the K-th on")
    parser.add_argument("--answers", type=Path, help="a file that keeps what PyTorch said")
    parser.add_argument("--known", action="store_true", help="leave out what that file does not hold")
    options = parser.parse_args()
    known = Known(options.answers)
    torch.set_num_threads(1)
    figures = Figures()
    which, parts = map(int, options.part.split("/"))
    specs = tuple(name for name in NAMES if options.only in name)
    for number, one in enumerate(chosen(options.count, options.seed, specs, options.kind)):
        if number % parts != which:
            continue
        before = len(figures.exceptions)
        if options.known and not known.has(one.mutant()):
            continue
        figures.add(found := verdict(one, known))
        if number % 100 == which:
            print(f"# {number}", flush=True)
        if len(figures.exceptions) > before:
            print(f"{figures.exceptions[-1][0]}: {one}", flush=True)
            print(f"    PyTorch: {(found.pytorch or 'accepts')[:300]}".replace("\n", " "))
            for problem in found.problems[:2]:
                related = " ".join(f"{r.span.line}: {r.message};" for r in problem.related)
                print(f"    archspec: {problem.line}: {problem.code} {problem.message} | {problem.help} | {related}")
    print(figures.table())
    for rule, count in figures.own.items():
        print(f"{count:6} refused by a rule of the language alone: {rule}")


if __name__ == "__main__":
    main()
