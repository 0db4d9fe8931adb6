"""What `diff` says of two architectures, held against PyTorch: which weights fit, and what a checkpoint becomes."""

from __future__ import annotations

import json
import linecache
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shipped
import torch
from shipped import NAMES
from test_models import OTHER_PARAMETERS, load

import archspec
from archspec.cli import main
from archspec.views.changes import Changes

ROOT = Path(__file__).parent.parent

CHAIN = """
inputs: {x: [N, 8]}
layers:
  one: {Linear: 16}
  act: ReLU
  two: {Linear: 16}
  skip: one + two
  head: {Linear: 4}
"""
STEM = """
inputs: {x: [N, 8]}
layers:
  stem:
    layers:
      one: {Linear: 16}
  act: ReLU
  two: {Linear: 16}
  skip: stem + two
  head: {Linear: 4}
"""
LIST = """
inputs: {x: [N, 3, 8, 8]}
layers:
  features:
    - Conv2d: {out_channels: 4, kernel_size: 3}
    - ReLU
    - Conv2d: {out_channels: 4, kernel_size: 3}
    - ReLU
    - Conv2d: {out_channels: 4, kernel_size: 3}
  flatten: Flatten
"""


def diff(old: str, new: str, **more: Any) -> Changes:
    return archspec.diff(archspec.parse(old, name="old.yaml"), archspec.parse(new, name="new.yaml"), **more)


def told(changes: Changes) -> list[tuple[str, Any]]:
    """Each change but for those of sizes alone: what kind, and where."""
    return [(change.kind, path) for change in changes.steps if change.kind != "resized" for path in change.paths]


# What is said.


def test_resnet_and_resnext_in_a_screenful(golden: Callable[[str, str], None]) -> None:
    settings = {"groups": 32, "width_per_group": 4}
    path = "specs/vision/resnet.yaml"
    labels = path, f"{path} (groups=32, width_per_group=4)"
    inputs = {"x": (1, 3, 224, 224)}
    text = str(
        archspec.diff(load("vision/resnet"), load("vision/resnet"), new_params=settings, inputs=inputs, labels=labels)
    )
    assert text.count("\n") < 40
    golden("diff_resnext.txt", f"{text}\n")


def test_small_and_medium_gpt2_in_a_screenful(golden: Callable[[str, str], None]) -> None:
    settings = {"n_layer": 24, "n_head": 16, "n_embd": 1024}
    path = "specs/text/gpt2.yaml"
    labels = path, f"{path} (n_layer=24, n_head=16, n_embd=1024)"
    inputs = {"idx": (1, 1024)}
    changes = archspec.diff(load("text/gpt2"), load("text/gpt2"), new_params=settings, inputs=inputs, labels=labels)
    assert str(changes).count("\n") < 40
    golden("diff_gpt2.txt", f"{changes}\n")
    golden("diff_gpt2.md", changes.markdown())


@pytest.mark.parametrize("name", shipped.each())
def test_an_architecture_equals_itself_and_differs_with_other_parameters(name: str) -> None:
    settings = OTHER_PARAMETERS.get(name) or [{}]
    same = archspec.diff(load(name), load(name), params=settings[0])
    assert same.equal
    assert same.checkpoint is not None
    assert same.checkpoint.fits
    assert str(same).endswith("\nthe architectures are equal")
    for other in settings[1:2]:
        changes = archspec.diff(load(name), load(name), old_params=settings[0], new_params=other)
        assert changes.steps
        assert set(changes.parameters) <= {*settings[0], *other}


@pytest.mark.parametrize(
    "other",
    [
        "doc: Words.\n# a comment\n" + CHAIN,
        CHAIN.replace("{Linear: 16}", "{Linear: {out_features: 16, bias: true}}"),
        CHAIN.replace("layers:", "let: {width: 4 * 4}\nlayers:").replace("Linear: 16", "Linear: width"),
        CHAIN.replace("act: ReLU", "act: {from: one, ReLU: {}}"),
        CHAIN.replace("one + two", "(one + two)"),
    ],
    ids=["words", "defaults", "let", "from", "parentheses"],
)
def test_other_words_for_the_same_make_no_difference(other: str) -> None:
    other = f"name: Old\n{other}"
    assert diff(CHAIN, other).equal


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (CHAIN.replace("Linear: 4", "Linear: 5"), [("changed", ("head", "head"))]),
        (CHAIN.replace("act: ReLU", "act: GELU"), [("changed", ("act", "act"))]),
        (CHAIN.replace("one + two", "one * two"), [("changed", ("skip", "skip"))]),
        (CHAIN.replace("one + two", "act + two"), [("changed", ("skip", "skip"))]),
        (CHAIN.replace("head: {", "head: {from: skip * 2, "), [("changed", ("head", "head"))]),
        (
            CHAIN.replace("  skip: one + two\n  head: {", "  head: {from: two, "),
            [("removed", ("skip", None)), ("changed", ("head", "head"))],
        ),
        (CHAIN.replace("  two:", "  drop: Dropout\n  two:"), [("added", (None, "drop"))]),
        (CHAIN.replace("  act: ReLU\n", ""), [("removed", ("act", None))]),
        (CHAIN.replace("one", "first"), [("renamed", ("one", "first"))]),
        (CHAIN.replace("head", "classes").replace("Linear: 4", "Linear: 5"), [("renamed", ("head", "classes"))]),
        (STEM, [("renamed", ("one", "stem.one")), ("added", (None, "stem"))]),
    ],
    ids="setting layer expression wire from wire_and_step put_in taken_out name name_and_setting moved_inside".split(),
)
def test_a_change_is_told_where_it_was_made_and_nowhere_else(new: str, expected: Any) -> None:
    assert sorted(told(diff(CHAIN, new)), key=str) == sorted(expected, key=str)


def test_steps_of_a_list_are_matched_in_order_whatever_their_numbers() -> None:
    new = LIST.replace("    - ReLU\n", "    - BatchNorm2d\n    - ReLU\n", 1)
    changes = diff(LIST, new)
    moved = [(f"features.{n}", f"features.{n + 1}") for n in range(1, 5)]
    assert told(changes) == [*(("renamed", pair) for pair in moved), ("added", (None, "features.1"))]
    assert "features.{1…4} -> features.{2…5} (4×)" in str(changes)


def test_repetitions_are_told_once_and_the_longer_list_grows_at_its_end() -> None:
    block = (
        "inputs: {x: [N, 8]}\nparams: {n: 3, p: 0.5}\nlayers:\n  h: {layers: [{Linear: 8}, {Dropout: p}], repeat: n}\n"
    )
    spec = archspec.parse(block)
    changes = archspec.diff(spec, spec, new_params={"n": 5, "p": 0.1})
    assert [(change.kind, len(change.paths)) for change in changes.steps] == [("changed", 3), ("added", 2)]
    assert "h.{0…2}.1 (3×)" in str(changes)
    assert "h.{3…4} (2×)" in str(changes)


def test_a_value_that_only_expressions_read_is_seen() -> None:
    steps = "{a: {from: x * s, Linear: 8}, b: a * s, c: {from: b - s, again: a}}"
    spec = archspec.parse(f"params: {{s: 0.5}}\ninputs: {{x: [N, 8]}}\nlayers: {steps}\n")
    changes = archspec.diff(spec, spec, new_params={"s": 0.25})
    assert told(changes) == [("changed", (step, step)) for step in "abc"]


def test_what_flows_in_and_out_and_the_signature_are_part_of_it() -> None:
    wide = re.sub(r"Linear: (\d+)", r"Linear: {out_features: \1, dtype: float64}", CHAIN)
    changes = diff(CHAIN, wide.replace("x: [N, 8]", "y: {shape: [N, 9], dtype: float64}"))
    assert dict(changes.interface) == {
        "input x": ("[N, 8]", None),
        "input y": (None, "[N, 9] float64"),
        "output": ("[N, 4]", "[N, 4] float64"),
    }
    assert dict(diff(CHAIN, f"params: {{n: 3}}\n{CHAIN}").parameters) == {"n": (None, "3")}


def test_names_are_followed_wherever_they_are_read() -> None:
    text = """
inputs: {x: [N, 8]}
order: [two]
layers:
  one: {Linear: 8}
  two: {Linear: 8}
  three: {from: one + two + x, again: one}
  four: {from: {src: three}, TransformerEncoderLayer: 2}
  h, c: chunk(four, 2, 1)
outputs: {first: h, second: c}
"""
    new = re.sub(r"\b(x|one|two|three|four|h|c)\b", r"\1_", text)
    changes = diff(text, new)
    assert dict(changes.interface) == {"input x": ("[N, 8]", None), "input x_": (None, "[N, 8]")}
    paths = ["one", "two", "three", "four", "h, c"]
    assert told(changes) == [("renamed", (path, path.replace(",", "_,") + "_")) for path in paths]
    assert all(not change.details for change in changes.steps)
    assert told(diff(text, text.replace("again: one", "again: two"))) == [("changed", ("three", "three"))]
    assert told(diff(text, text.replace("order: [two]\n", ""))) == [("changed", ("", ""))]


def module(spec: archspec.Spec) -> Any:
    """All that PyTorch knows of a built network but its numbers, with the source of each forward method."""
    built = archspec.build(spec, device="meta")
    forwards = {name: type(one).forward.__code__ for name, one in built.named_modules()}
    source = {name: linecache.getlines(code.co_filename) for name, code in forwards.items() if "<" in code.co_filename}
    saved = {
        name: [str(v) for v in vars(built.get_submodule(name)).values() if not callable(v)][-3:] for name in source
    }
    return str(built), source, saved, [(key, value.shape) for key, value in built.state_dict().items()]


@pytest.mark.parametrize("name", ["tinyvgg", "lenet5", "conv2d_grouped", "generative/vae"])
def test_no_number_changes_unseen(name: str) -> None:
    spec = load(name)
    start = spec.text.index("\nlayers:")
    seen = 0
    for number in re.finditer(r"(?<![\w.])\d+(?![\w.])", spec.text):
        if number.start() > start and "#" not in spec.text[: number.start()].rpartition("\n")[2]:
            text = f"{spec.text[: number.start()]}{int(number[0]) + 1}{spec.text[number.end() :]}"
            try:
                other = archspec.parse(text)
            except archspec.SpecError:
                continue
            seen += 1
            assert archspec.diff(spec, other).equal == (module(spec) == module(other)), number
    assert seen > 0


def test_a_parameter_without_a_value_leaves_weights_open() -> None:
    text = "params: {n: int}\ninputs: {x: [N, 8]}\nlayers: [{Linear: 8, repeat: n}]\n"
    changes = diff(text, text.replace("{Linear: 8", "{Linear: {out_features: 8, bias: false}"))
    assert changes.checkpoint is None
    lstm = "params: {n: int}\ninputs: {x: [T, N, 8]}\nlayers: {lstm: {LSTM: {hidden_size: 8, num_layers: n}}}\n"
    assert told(diff(lstm, lstm.replace("size: 8", "size: 9"))) == [("changed", ("lstm", "lstm"))]
    assert told(changes) == [("changed", ("*.*", "*.*"))]


# Weights.


@pytest.mark.parametrize("name", [name for name in NAMES if name in OTHER_PARAMETERS])
def test_every_weight_is_accounted_for_once(name: str) -> None:
    first, second = OTHER_PARAMETERS[name][:2]
    found = archspec.diff(load(name), load(name), old_params=first, new_params=second).checkpoint
    assert found is not None
    old, new = (archspec.weights(load(name), params=params) for params in (first, second))
    reshaped = [(one, other) for one, other, _, _ in found.reshaped]
    assert sorted([*found.kept, *found.renamed, *(one for one, _ in reshaped), *found.gone]) == sorted(old)
    assert sorted([*found.kept, *found.renamed.values(), *(b for _, b in reshaped), *found.new]) == sorted(new)
    pairs = {**dict.fromkeys(found.kept), **found.renamed}
    assert all(old[one] == new[other or one] for one, other in pairs.items())
    assert all((old[a], new[b]) == (one, other) and one != other for a, b, one, other in found.reshaped)
    by_key = {key for key in old if new.get(key) == old[key]}
    assert by_key - set(found.kept) == set(found.mistaken)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CHAIN, CHAIN.replace("one", "first").replace("head", "classes")),
        (LIST, LIST.replace("    - ReLU\n", "    - Dropout\n    - ReLU\n", 1)),
        (LIST, LIST.replace("features:", "trunk:")),
        (CHAIN, STEM.replace("one: {", "inner: {")),
        (STEM, CHAIN),
    ],
    ids=["names", "put_in", "group", "moved_inside", "moved_out"],
)
def test_a_migrated_checkpoint_computes_what_it_did(old: str, new: str) -> None:
    before, after = (archspec.parse(text) for text in (old, new))
    found = archspec.diff(before, after).checkpoint
    assert found is not None
    one, other = archspec.build(before).eval(), archspec.build(after).eval()
    other.load_state_dict(found.migrate(one.state_dict()))
    x = torch.rand([2, 3, 8, 8] if old is LIST else [3, 8])
    assert torch.equal(one(x), other(x))


def test_keys_that_fit_by_accident_are_told() -> None:
    """A convolution put in front takes the place, the number and the shape of the next one."""
    put_in = "    - ReLU\n    - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}\n    - ReLU\n"
    changes = diff(LIST, LIST.replace("    - ReLU\n", put_in, 1))
    assert changes.checkpoint is not None
    keys = ("features.2.weight", "features.2.bias", "features.4.weight", "features.4.bias")
    assert changes.checkpoint.mistaken == keys
    assert changes.checkpoint.renamed["features.2.weight"] == "features.4.weight"
    assert "fit by key and shape, but belong to another step" in str(changes)


# The command.


def run(*arguments: str) -> int:
    try:
        return main(["diff", *arguments])
    except SystemExit as exited:
        return int(exited.code or 0)


def test_exit_statuses_and_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.yaml").write_text(CHAIN)
    Path("new|`.yaml").write_text(CHAIN.replace("Linear: 4", "Linear: 5"))
    Path("bad.yaml").write_text(CHAIN.replace("ReLU", "RELU"))
    assert run("old.yaml", "old.yaml") == 0
    assert run("old.yaml", "new|`.yaml", "--format", "json") == 1
    out = capsys.readouterr().out
    found = json.loads(out[out.index("{") :])
    assert not found["equal"]
    assert found["weights"]["reshaped"] == [
        {"old": f"head.{name}", "new": f"head.{name}", "old_shape": [4, *more], "new_shape": [5, *more]}
        for name, more in (("weight", [16]), ("bias", []))
    ]
    assert run("old.yaml", "new|`.yaml", "--format", "markdown") == 1
    assert "`` new\\|`.yaml ``" in capsys.readouterr().out
    assert run("old.yaml", "bad.yaml") == 2
    assert "AS401" in capsys.readouterr().err
    for usage in (["old.yaml"], ["a", "b", "c", "d"], ["old.yaml", "."]):
        assert run(*usage) == 2
    assert run("old.yaml", "--new-param", "n=1") == 2  # it has no such parameter


# Revisions.

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
MAIN = "imports: {Block: ./lib/blocks.yaml}\ninputs: {x: [N, 8]}\nlayers:\n  a: Block\n  b: {Linear: 3}\n"
BLOCKS = "blocks:\n  Block:\n    inputs: {x: [N, C]}\n    layers:\n      fc: {Linear: C}\n      act: ReLU\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs git in a fresh repository, where a spec and the blocks that it imports were committed."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def git(*arguments: str) -> str:
        done = subprocess.run([*GIT, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "specs" / "lib").mkdir(parents=True)
    (tmp_path / "specs" / "net.yaml").write_text(MAIN)
    (tmp_path / "specs" / "lib" / "blocks.yaml").write_text(BLOCKS)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    return git


def test_a_revision_is_read_with_its_imports(
    repository: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net, blocks = tmp_path / "specs" / "net.yaml", tmp_path / "specs" / "lib" / "blocks.yaml"
    assert run("HEAD", "specs/net.yaml") == 0
    blocks.write_text(BLOCKS.replace("ReLU", "GELU"))
    assert run("HEAD", "specs/net.yaml") == 1
    assert "ReLU -> GELU" in capsys.readouterr().out
    repository("commit", "-qam", "two")
    assert run("HEAD", "specs/net.yaml") == 0
    assert run("HEAD~1", "HEAD", "specs/net.yaml") == 1
    monkeypatch.chdir(tmp_path / "specs" / "lib")
    assert run("HEAD~1", "../net.yaml") == 1
    was = archspec.load(net, revision="HEAD~1")
    blocks.unlink()
    net.unlink()
    assert run("HEAD~1", "HEAD", "../net.yaml") == 1  # both are in git still
    assert archspec.load(net, revision="HEAD~1").text == was.text
    capsys.readouterr()
    refused = {"HEAD~9": "no such revision"} | dict.fromkeys(
        ("--output=hit", "HEAD:specs", "a\nb"), "is not a revision"
    )
    for revision, said in refused.items():
        assert run("--", revision, "../net.yaml") == 2
        assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("hit*"))
    with pytest.raises(archspec.SpecError, match="there is no file"):
        archspec.load(tmp_path / "other.yaml", revision="HEAD")


@pytest.mark.parametrize("way", ["external", "driver"])
def test_git_diff_shows_architectures(repository: Callable[..., str], tmp_path: Path, way: str) -> None:
    command = f"{sys.executable} -m archspec diff" + (" --git-driver" if way == "driver" else "")
    key = "diff.external" if way == "external" else "diff.archspec.command"
    (tmp_path / ".gitattributes").write_text("*.yaml diff=archspec\n*.txt diff=archspec\n")
    net = tmp_path / "specs" / "net.yaml"
    net.write_text(MAIN.replace("Linear: 3", "Linear: 4") + "# a comment\n")
    (tmp_path / "notes.txt").write_text("one\n")
    (tmp_path / "new.yaml").write_text(CHAIN)
    repository("add", ".")

    def shown(*arguments: str) -> str:
        return repository("-c", f"{key}={command}", "diff", "--ext-diff", *arguments)

    text = shown("--cached")
    assert "--- a/specs/net.yaml\n+++ b/specs/net.yaml\n" in text
    assert "out_features 3 -> 4" in text
    assert "+one" in text
    assert "+  one: {Linear: 16}" in text  # a new file has no old architecture
    if way == "external":
        return  # the rest is the same
    repository("commit", "-qm", "two")
    net.write_text("layers: [")
    assert "# not compared as architectures" in shown()
    assert "+layers: [" in shown()
    repository("checkout", "-q", "specs/net.yaml")
    repository("mv", "specs/net.yaml", "specs/other.yaml")
    (tmp_path / "specs" / "other.yaml").write_text(MAIN.replace("Linear: 3", "Linear: 5") + "# a comment\n")
    assert "+++ b/specs/other.yaml" in shown("HEAD", "-M20%")


GUARDED = """
import sys
started = []

def audit(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        started.append(arguments[0])

sys.addaudithook(audit)
from archspec.cli import main
main(["diff", "old.yaml", "new.yaml"])
assert started == [], started
main(["diff", "HEAD", "specs/net.yaml"])
assert set(started) == {"git"}, started
"""


def test_git_runs_only_where_a_revision_is_named(repository: Callable[..., str], tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.yaml").write_text(CHAIN)
    done = subprocess.run([sys.executable, "-c", GUARDED], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
