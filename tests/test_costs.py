"""What hostile specs cost: little time and little memory, however much they ask for."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import targets
from forms import FORMS
from hypothesis import given, settings
from hypothesis import strategies as st
from work import A_SECOND, COMMANDS, calls
from work_search import LONGEST, Population, cost, offspring

import archspec
from archspec.source import LIMITS

ROOT = Path(__file__).parents[1]
HEAD = "inputs: {x: [N, 3, 8, 8]}\nlayers:\n"


def lines(pattern: str, count: int = 2000) -> str:
    return "".join(pattern.format(i) for i in range(count))


EXPENSIVE = {
    "unknown keys": HEAD + "  - ReLU\n" + lines("unknwn_key{}: 1\n"),
    "unknown arguments": HEAD + "  - Conv2d: {" + lines("kernl_size{}: 1, ") + "}\n",
    "unknown layers": HEAD + lines("  - Conv2D{}\n"),
    "unknown names among many": HEAD + lines("  step_number_{0}: x + stp_number_{0}\n"),
    "unknown parameters among many": "params:\n"
    + lines("  parameter_{}: 1\n")
    + HEAD
    + lines("  - Linear: parametr_{}\n"),
    "unknown functions": HEAD + lines("  a{0}: softmx{0}(x)\n"),
    "unknown dtypes": "inputs:\n" + lines("  x{0}: {{shape: [N], dtype: flot{0}}}\n") + "layers: [ReLU]\n",
    "unknown sources": HEAD + lines("  a{0}: {{ReLU: , from: y{0}}}\n"),
    "names that may not be": HEAD + lines("  a-{}: ReLU\n"),
    "values that nobody reads": HEAD + lines("  a{}: relu(x)\n"),
    "mistakes in a loop in a loop": HEAD + "  - {repeat: 100, layers: [{Cnv: , repeat: 99}]}\n",
    "repetitions": HEAD + "  - {repeat: 1000000000, layers: [{ReLU: , repeat: 1000000000}]}\n",
    "blocks that double": "inputs: {x: [N, 3]}\nlayers: [B0]\nblocks:\n"
    + "".join(f"  B{i}: {{inputs: {{x: [N, C]}}, layers: [B{i + 1}, B{i + 1}]}}\n" for i in range(40))
    + "  B40: {inputs: {x: [N, C]}, layers: [ReLU]}\n",
    "blocks that use blocks": "inputs: {x: [N, 3]}\nlayers: [B0]\nblocks:\n"
    + "".join(f"  B{i}: {{inputs: {{x: [N, C]}}, layers: [B{i + 1}]}}\n" for i in range(2000))
    + "  B2000: {inputs: {x: [N, C]}, layers: [ReLU]}\n",
    "groups in groups": "inputs: {x: [N, 3]}\nlayers: " + "{a: {layers: " * 30 + "[ReLU]" + "}}" * 30 + "\n",
    "blocks of groups": "inputs: {x: [N, 3]}\nlayers: [B0]\nblocks:\n"
    + "".join(
        f"  B{i}: {{inputs: {{x: [N, C]}}, layers: {'{a: {layers: ' * 20}[B{i + 1}]{'}}' * 20}}}\n" for i in range(20)
    )
    + "  B20: {inputs: {x: [N, C]}, layers: [ReLU]}\n",
    "a long text": "doc: " + "word " * 150_000 + "\n" + HEAD + "  - ReLU\n",
    "a long word": "doc: " + "w" * 900_000 + "\n" + HEAD + "  - ReLU\n",
    "a long string": "params: {m: '" + "x'' " * 200_000 + "'}\n" + HEAD + "  - ReLU\n",
    "choices": "params:\n  m:\n    default: a\n    choices:\n" + lines("      - c{}\n", 30_000) + HEAD + "  - ReLU\n",
    "axes": "inputs: {x: [" + "N, " * 90_000 + "]}\nlayers: [ReLU]\n",
    "inputs": "inputs:\n" + lines("  x{}: [N]\n") + "layers: {a: x0 + x1}\n",
    "powers": "let:\n  a0: 2\n" + "".join(f"  a{i + 1}: a{i} ** a{i}\n" for i in range(50)) + HEAD + "  - ReLU\n",
    "lists of lists": "let:\n  a0: [1]\n" + "".join(f"  a{i + 1}: a{i} * 9\n" for i in range(50)) + HEAD + "  - ReLU\n",
    "sizes beyond 64 bits": "inputs: {x: [" + "9223372036854775807, " * 60 + "]}\nlayers: [Flatten]\n",
}


@pytest.mark.parametrize("kind", EXPENSIVE)
def test_nothing_takes_long_or_much(kind: str) -> None:
    data = EXPENSIVE[kind].encode()
    assert len(data) < LIMITS.bytes
    targets.hold(targets.generate, data, most=1.5 * A_SECOND)


# What is large and right costs what it is long.


@pytest.mark.parametrize("form", ["loop"])
def test_every_command_costs_what_some_specs_are_long(form: str) -> None:
    grows(form, 30)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "steps"), [(form, 60) for form in FORMS] + [("named", 200)])
def test_every_command_costs_what_a_spec_is_long(form: str, steps: int) -> None:
    grows(form, steps)


def grows(form: str, steps: int, commands: Mapping[str, Callable[[archspec.Spec], Any]] = COMMANDS) -> None:
    """Ten times the steps are at most twelve times the work, in every command."""
    specs = [archspec.parse(FORMS[form](count)) for count in (8, steps, 10 * steps)]
    ratios = {}
    for name, command in commands.items():
        _, small, large = (calls(partial(command, spec)) for spec in specs)  # the first for what is done once
        ratios[name] = round(large / small, 1)
    too_much = {name: ratio for name, ratio in ratios.items() if ratio > 12}
    assert not too_much


def test_a_short_search_finds_nothing_that_is_too_much() -> None:
    """A few steps of tests/fuzz/work_search.py, which anyone may run for hours."""
    population = Population(list(COMMANDS), random.Random(4))
    for _ in range(60):
        population.try_one()
    assert not population.found
    assert len({command for command, _ in population.kept}) > 3  # specs and others


def test_the_search_keeps_what_costs_more_and_notices_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "letters", lambda spec: [len(one) for one in spec.text * 20])
    monkeypatch.setitem(COMMANDS, "much", lambda spec: bytearray(300 * 10**6))
    monkeypatch.setitem(COMMANDS, "broken", lambda spec: 1 // 0)
    text = "inputs: {x: [N, 3]}\nlayers: [ReLU]\n"
    assert cost("letters", text + "# a longer one\n", memory=False).calls > cost("letters", text, memory=False).calls
    assert not cost("letters", text, memory=True).too_much
    assert cost("much", text, memory=True).too_much
    assert cost("broken", text, memory=False).too_much
    assert not cost("broken", "layers: 3", memory=False).sound


def test_the_search_draws_texts_that_are_specs() -> None:
    draw = random.Random(1)
    population = Population(["check"], draw)
    texts = [offspring(draw.choice(population.seeds), draw, population.seeds) for _ in range(100)]
    assert all(0 < len(text) <= LONGEST for text in texts)
    assert len(set(texts)) > 90
    assert sum(cost("check", text, memory=False).sound for text in texts) > 3


def test_growth_that_is_too_much_is_noticed() -> None:
    def pairs(spec: archspec.Spec) -> None:
        for one in spec.text.split("\n"):
            for other in spec.text.split("\n"):
                len(one + other)

    with pytest.raises(AssertionError, match="pairs"):
        grows("named", 30, {"pairs": pairs})


def test_an_endless_stream_is_read_as_far_as_the_limit() -> None:
    command = f"yes '# comment' | {sys.executable} -m archspec check -"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "error[AS102]" in done.stdout


@pytest.mark.parametrize("command", ["check", "generate", "summary"])
def test_no_command_waits_for_what_is_no_file(command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    for name in ("fifo.yaml", "/dev/zero", "/dev/tty"):
        done = subprocess.run(
            [sys.executable, "-m", "archspec", command, name],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert "error[AS107]" in (done.stdout if command == "check" else done.stderr)


# Any input whatever, with what fuzzing asks of it.

WORDS = (
    "inputs|layers|blocks|params|let|outputs|x|N|3|: |- |, |[|]|{|}|\n|\n  |\n    |ReLU|Linear|Conv2d|relu(x)",
    "for|when|i in range(3)|repeat|shape|from|name|doc|again|'|\"|#|*a|&a |!!str |<<|---|0x|1e9|.nan|%",
)
PIECES = st.sampled_from([*"|".join(WORDS).split("|"), *"\\\u2028\x1b\ufeff"])
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=60)).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@pytest.mark.parametrize("target", targets.TARGETS)
@given(st.one_of(TEXTS, st.binary(max_size=60)))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_comes(target: str, data: bytes) -> None:
    targets.hold(targets.TARGETS[target], data)


@pytest.mark.slow
@pytest.mark.parametrize("target", targets.TARGETS)
def test_what_coverage_leads_to(target: str, tmp_path: Path) -> None:
    """A short run of tests/fuzz/coverage_guided.py, the same each time; anyone may run it for hours."""
    pytest.importorskip("atheris")
    script = ROOT / "tests" / "fuzz" / "coverage_guided.py"
    command = [sys.executable, str(script), target, "--seeds=90", "-runs=400", "-seed=1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stderr.splitlines()[-1])


def test_the_checks_of_fuzzing_notice_what_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(10))
    taken: list[int] = []
    peak = targets.resource.getrusage  # what this process has used before may be more than what is tried here

    def grown(who: int) -> Any:
        return SimpleNamespace(ru_maxrss=peak(who).ru_maxrss + sum(taken))

    monkeypatch.setattr(targets.resource, "getrusage", grown)
    for target, words in (
        (lambda _: next(answers), "another answer"),
        (lambda _: [len("") for _ in range(1000)], "calls"),
        (lambda _: taken.append(600 * 2**20 // 1024), "MB"),
    ):
        with pytest.raises(AssertionError, match=words):
            targets.hold(target, b"", most=500 if words == "calls" else 100_000)
    span = archspec.Span("a", 1, 5, 1, 6)
    targets.assert_inside(span, "12345")
    with pytest.raises(AssertionError):
        targets.assert_inside(span, "123")
    with pytest.raises(AssertionError):
        targets.assert_inside(archspec.Span("a", 2, 1, 2, 1), io.StringIO("1").read())
