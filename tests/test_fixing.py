"""The edits that problems carry mend them and nothing else, and what is mended is never worse than it was."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from archspec.cli import main
from archspec.problems import CODES, Edit, Problem, Span
from archspec.problems.fixing import apply, fix

ROOT = Path(__file__).parent.parent
BAD = sorted((ROOT / "tests" / "errors").glob("*.yaml"))
GOOD = sorted((ROOT / "specs").rglob("*.yaml"))


def read(path: Path) -> str:
    return path.read_bytes().decode()


def causes(problems: list[Problem]) -> Counter[tuple[str, str]]:
    return Counter((problem.code, problem.message) for problem in problems)


def errors(problems: list[Problem]) -> int:
    return sum(problem.severity == "error" for problem in problems)


def check(text: str, name: str) -> list[Problem]:
    try:
        archspec.parse(text, name)
    except archspec.SpecError as error:
        return list(error.problems)
    return []


def test_an_edit_mends_its_problem_and_makes_no_other() -> None:
    mended: Counter[str] = Counter()
    for path in BAD:
        text, before = read(path), archspec.check(str(path))
        for problem in before:
            if problem.edits:
                after = check(apply(text, problem.edits), str(path))
                left = causes(before) - causes([problem])
                assert causes(after) - left == Counter(), f"{problem}\n{list(map(str, after))}"
                assert causes([problem]) - left == causes([problem]) - causes(after), f"it is still there: {problem}"
                mended[problem.code] += 1
    assert {"AS101", "AS105", "AS201", "AS202", "AS301", "AS302", "AS303", "AS401", "AS402"} < mended.keys()
    assert {"AS404", "AS405", "AS406"} < mended.keys()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Linear: 010", "Linear: 10"),
        ("Linear: 1_0", "Linear: 10"),
        ("Linear: 1e1", "Linear: 10"),
        ("Linear: width / 2", "Linear: width // 2"),
        ("Linear: {out_features: width, bias: yes}", "Linear: {out_features: width, bias: true}"),
        ("Linear: {out_features: width, bias: 'off'}", "Linear: {out_features: width, bias: false}"),
        ("Linear: {out_features: max(1, width), bias: false}", 'Linear: {out_features: "max(1, width)", bias: false}'),
        ("Linear: {in_features: 9, out_features: 4}", "Linear: {out_features: 4}"),
        ("Linear: {out_features: 4, in_features: 9}", "Linear: {out_features: 4}"),
        ("Linear:\n          out_features: 4\n          in_features: 9\n", "Linear:\n          out_features: 4\n"),
        ("'Linaer': 4", "'Linear': 4"),
        ("Linear: {out_features: widht}", "Linear: {out_features: width}"),
        ("Linear: {out_features: 'cel(width / 3)'}", "Linear: {out_features: 'ceil(width / 3)'}"),
        ("Linear: 4\n      - LayerNorm: 4", "Linear: 4\n      - LayerNorm"),
    ],
)
def test_what_a_step_of_a_list_is_mended_to(wrong: str, right: str) -> None:
    spec = "params: {width: 16}\ninputs: {x: [N, 8]}  # kept\nlayers:\n  body:\n    layers:\n      - %s\n"
    found = archspec.fix(spec % wrong)
    assert (found.text, errors(found.problems)) == (spec % right, 0)


PYTHON = [
    ("nn.ReLU()", "ReLU"),
    ("torch.nn.ReLU()", "ReLU"),
    ("nn.ReLU", "ReLU"),
    ("Linear(10)", "Linear: 10"),
    ("nn.Linear(8, 10)", "Linear: 10"),
    ("nn.Linear(8, 10, bias=False)", "Linear: {out_features: 10, bias: false}"),
    ("nn.Linear(in_features=8, out_features=width)", "Linear: width"),
    ("Dense(10)", "Linear: 10"),
    ("layers.Dense(units=10)", "Linear: 10"),
    ("nn.LayerNorm(8)", "LayerNorm"),
    ("nn.Dropout(0.5)", "Dropout: 0.5"),
    ("nn.Softmax(dim=-1)", "Softmax: -1"),
    ("nn.Linear(8, max(width, 3))", 'Linear: "max(width, 3)"'),
    ("act", "layer: act"),
    ("act()", "layer: act"),
]
"""Layers as Python spells them, and as they are written here."""


@pytest.mark.parametrize(("wrong", "right"), PYTHON)
def test_what_a_layer_of_python_is_mended_to(wrong: str, right: str) -> None:
    head = "params: {width: 16, act: GELU}\ninputs: {x: [N, T, 8]}\nlayers:\n"
    last = "  last: {Linear: width}\n  act2: {layer: act}\n"
    braces = f"{{{right}}}" if ":" in right else right
    for before, written in ((f"  body:\n    - {wrong}\n", right), (f"  y: {wrong}\n", braces)):
        found = archspec.fix(head + before + last)
        assert (found.text, errors(found.problems)) == (head + before.replace(wrong, written) + last, 0)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("relu(x)", "ReLU"),
        ("F.relu(x)", "ReLU"),
        ("torch.tanh(x)", "Tanh"),
        ("F.softmax(x, dim=-1)", "Softmax: -1"),
        ("F.dropout(x, 0.5, training)", "Dropout: 0.5"),
        ("x.sigmoid()", "Sigmoid"),
        ("Conv1d: [4, 3]", "Conv1d: {out_channels: 4, kernel_size: 3}"),
        ("Conv1D: {filters: 4, kernel: 3, strides: 2}", "Conv1d: {out_channels: 4, kernel_size: 3, stride: 2}"),
        ("MaxPool1d: {size: 2}", "MaxPool1d: {kernel_size: 2}"),
        ("LSTM: {units: 3}", "LSTM: {hidden_size: 3}"),
        ("-ReLU", "ReLU"),
    ],
)
def test_what_a_step_in_another_library_s_words_is_mended_to(wrong: str, right: str) -> None:
    spec = "inputs: {x: [N, 8, 16]}\nlayers:\n  body:\n    layers:\n      - %s\n  out: body[0]\n"
    found = archspec.fix(spec % wrong)
    assert found.text == spec % right


@pytest.mark.parametrize(
    "step",
    [
        "conv: nn.Conv2d(3, 64, 3)",  # three axes flow in: the convolution written here is wrong as well
        "y: x if m != None else x",
        "y: {Dense: {units: 4, activation: relu}}",
        "y: foo(x)",
        "y: expand(x, [N, T, 8])",
    ],
)
def test_an_edit_that_leaves_as_many_problems_is_not_made(step: str) -> None:
    text = f"inputs: {{x: [N, T, 8], m: {{shape: [N, T, 8], optional: true}}}}\nlayers:\n  {step}\n"
    assert archspec.fix(text).text == text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("torch.relu(x)", "relu(x)"),
        ("F.relu(x) + torch.nn.functional.relu(x)", "relu(x) + relu(x)"),
        ("x.view(N, -1)", "reshape(x, [N, -1])"),
        ("x.view((N, -1))", "reshape(x, (N, -1))"),
        ("x.permute(0, 2, 1)", "permute(x, [0, 2, 1])"),
        ("x.mean(-1).relu()", "relu(mean(x, -1))"),
        ("softmax(x, axis=-1)", "softmax(x, dim=-1)"),
        ("x && x", "logical_and(x, x)"),
        ("0 < x < 1", "logical_and(0 < x, x < 1)"),
        ("x if x > 0 else -x", "where(x > 0, x, -x)"),
        ("reul(x)", "relu(x)"),
        ("x > 0 and x < 1", "logical_and(x > 0, x < 1)"),
        (
            "scaled_dot_product_attention(x, x, x, is_causal=true)",
            "scaled_dot_product_attention(x, x, x, is_causal=True)",
        ),
        ("sum(x, -1, keepdim=on)", "sum(x, -1, keepdim=True)"),
        ("self.x + x", "x + x"),
    ],
)
def test_what_an_expression_is_mended_to(wrong: str, right: str) -> None:
    for spec in ("inputs: {x: [N, T, 8]}\nlayers:\n  y: %s\n", "inputs: {x: [N, T, 8]}\nlayers: {y: '%s'}\n"):
        found = archspec.fix(spec % wrong)
        assert (found.text, errors(found.problems)) == (spec % right, 0)


def test_within_braces_an_edit_that_brings_a_comma_is_quoted() -> None:
    found = archspec.fix("inputs: {x: [N, T, 8]}\nlayers: {y: x.mean(1)}\n")
    assert found.text == 'inputs: {x: [N, T, 8]}\nlayers: {y: "mean(x, 1)"}\n'


def test_every_other_character_stays_as_it_is() -> None:
    for path in BAD[::3]:
        text = read(path).replace("\r\n", "\n")
        for end in ("\r\n", "\r"):
            if "\r" not in text and "\t" not in text:
                found = archspec.fix(text.replace("\n", end), str(path)).text
                assert found == archspec.fix(text, str(path)).text.replace("\n", end)


def misspelt(seed: int) -> Iterator[tuple[str, str]]:
    """A shipped spec, and the spec with some of its words misspelt by one letter."""
    draw = random.Random(seed)
    text = read(draw.choice(GOOD))
    blanked = re.sub("#.*", lambda comment: " " * len(comment[0]), text)
    words = list(re.finditer(r"[A-Za-z_]{4,}", blanked))
    for match in draw.sample(words, 3):
        at = draw.randrange(match.start(), match.end())
        edited = draw.choice(("", text[at] * 2, draw.choice("aeinrst")))
        yield text, text[:at] + edited + text[at + 1 :]


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 10))])
def test_mending_never_makes_it_worse_and_ends(seed: int) -> None:
    for _, wrong in misspelt(seed):
        before, found = check(wrong, "net.yaml"), archspec.fix(wrong, "net.yaml")
        unread = any(problem.code < "AS2" for problem in before)
        assert unread or errors(found.problems) <= errors(before)
        assert causes(check(found.text, "net.yaml")) == causes(
            [one for one in found.problems if one.severity == "error"]
        )
        assert archspec.fix(found.text, "net.yaml").text == found.text


def one(line: int, start: int, end: int, new: str) -> Problem:
    span = Span("a", line, start, line, end)
    return Problem(next(iter(CODES)), f"{line}:{start}", span, edits=(Edit(span, new),))


def test_edits_that_touch_wait_and_those_that_harm_are_left_out() -> None:
    def found(text: str) -> list[Problem]:
        problems = [one(1, at.start() + 1, at.end() + 1, "AB") for at in re.finditer("ab", text)]
        problems += [one(1, at.start() + 1, at.end() + 1, "??") for at in re.finditer("bc", text)]
        return problems + [one(2, 1, 1, "")] * text.count("?")

    assert fix("abc abc", "a", found).text == "ABc ABc"
    harmful = fix("bc", "a", found)
    assert (harmful.text, len(harmful.refused), harmful.fixed) == ("bc", 1, ())
    assert fix("abc", "another file", found).text == "abc"


def test_a_mistake_that_is_told_once_is_corrected_wherever_it_is() -> None:
    lines = "\n".join(["      - rellu(x)"] * 5)
    inputs = ", ".join(f"{name}: [N, 4]" for name in "abcde")
    block = f"blocks: {{Sum: {{inputs: {{{inputs}}}, layers: {{y: a + b + c + d + e}}}}}}\n"
    text = f"inputs: {{x: [N, 4]}}\nlayers:\n  y:\n    Sum: {{}}\n    from:\n{lines}\n{block}"
    found = archspec.fix(text)
    assert (found.text, found.problems) == (text.replace("rellu", "relu"), [])
    other = text.replace("rellu", "reluu", 1)  # the second one is another mistake
    assert archspec.fix(other).text == other


# The command.

WRONG = b"\xef\xbb\xbfinputs: {x: [N, 3, 8, 8]}\r\nlayers:\r\n  - Conv2D: {out_channels: 8, kernal_size: 3}  # mine\r\n"
RIGHT = WRONG.replace(b"Conv2D", b"Conv2d").replace(b"kernal", b"kernel")


def test_a_file_is_mended_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("net.yaml")
    path.write_bytes(WRONG)
    path.chmod(0o640)
    assert main(["check", "--fix", "net.yaml"]) == 0
    assert path.read_bytes() == RIGHT
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir() == ["net.yaml"]
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err) == ("net.yaml:3:5: fixed AS401: unknown layer `Conv2D`", "")
    assert out.splitlines()[-1] == "1 spec checked, nothing wrong"
    before = path.stat().st_mtime_ns
    assert main(["check", "--fix", "net.yaml"]) == 0
    assert path.stat().st_mtime_ns == before
    bad = WRONG.replace(b"kernal_size: 3", b"kernel_size: 9")  # the right name would bring another problem to light
    Path("bad.yaml").write_bytes(bad)
    assert main(["check", "--fix", "bad.yaml"]) == 1
    told = "".join(capsys.readouterr())
    assert "error[AS401]" in told
    assert "--fix` fixes" not in told
    assert Path("bad.yaml").read_bytes() == bad


def test_no_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_bytes(WRONG)
    Path("link.yaml").symlink_to("net.yaml")
    assert main(["check", "--fix", "link.yaml"]) == 1
    assert "error[AS602]" in capsys.readouterr().out
    assert Path("net.yaml").read_bytes() == WRONG


def test_what_is_piped_in_is_written_out_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes(WRONG.replace(b"mine", "größe".encode()))
    command = [sys.executable, "-m", "archspec", "check", "--fix", "-"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    with open(tmp_path / "net.yaml", "rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, env=environment, check=False)
    assert done.returncode == 0
    assert done.stdout == RIGHT.removeprefix(b"\xef\xbb\xbf").replace(b"mine", "größe".encode())
    assert b"<stdin>:3:5: fixed AS401" in done.stderr
