"""What `analyse` knows of a text: all that a check knows of a whole one, and as much as can be known of a half one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archspec
from archspec.analysis import Analysis
from archspec.analysis.names import names_of
from archspec.analysis.records import Name
from archspec.source import parse

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
QUICK = [
    path for path in SPECS if path.stem in ("tinyvgg", "siamese", "unet", "gpt2", "resnet_basic", "lstm_classifier")
]
ERRORS = sorted((ROOT / "tests" / "errors").rglob("*.yaml"))
BEYOND = ("AS607", "AS608", "AS508")  # budgets, and sizes of generated code: for `check`

NET = """\
name: Net
params: {width: 8, classes: 10}
inputs:
  x: [N, 3, 32, 32]
layers:
  stem:
    - Conv2d: {out_channels: width, kernel_size: 3, padding: 1}
    - ReLU
  body: {Block: {width}, repeat: 2}
  pooled: mean(body, [2, 3])
  head: {Linear: classes}
blocks:
  Block:
    params: {width: int}
    inputs: {x: [N, C, H, W]}
    layers:
      conv: {Conv2d: {out_channels: width, kernel_size: 3, padding: 1}}
      act: ReLU
      out: x + act
"""


def shapes(analysis: Analysis) -> dict[str, str]:
    return {step.path: str(step.shape) + " stale" * step.stale for step in analysis.steps}


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_a_whole_text_has_the_shapes_of_the_network_and_the_problems_of_a_check(path: Path) -> None:
    text = path.read_text("utf-8")
    found = archspec.analyse(text, str(path))
    assert {step.path: step.shape for step in found.steps} == archspec.shapes(path)
    assert {step.path: step.dtype for step in found.steps} == archspec.dtypes(path)
    assert not found.problems
    lines = text.splitlines()
    for step in found.steps:
        written = "\n".join(lines[step.line - 1 : step.end_line])
        last = step.path.rpartition(".")[2]
        assert last.isdecimal() or "for" in written or last in written, step


def test_mistakes_are_those_of_a_check() -> None:
    """Of every example of a mistake: nothing that a check tells is missed, and hardly anything is told besides."""
    more = []
    for path in ERRORS[::4]:
        with path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        told = {(one.code, one.line, one.column) for one in archspec.check(path) if one.severity == "error"}
        found = {(one.code, one.line, one.column) for one in archspec.analyse(text, str(path)).problems}
        missed = {one for one in told - found if one[0] not in BEYOND}
        assert not missed or "variants" in text, path
        more += [path.name] if found - told and told else []
    assert len(more) < len(ERRORS) / 100, more


AFTER_STEM = "stem stem.0 stem.1 body body.0 body.1 pooled head".split()
AFTER_BODY = "body body.0 body.1 pooled head".split()


@pytest.mark.parametrize(
    ("old", "new", "line", "unknown"),
    [
        ("out_channels: width, kernel_size: 3, padding: 1}\n    - ReLU", "o\n    - ReLU", 7, AFTER_STEM),
        ("  head: {Linear: classes}", "  head: {Line", 11, ["head"]),
        ("  head: {Linear: classes}", "  head", 11, ["head"]),
        ("  pooled: mean(body, [2, 3])", "  pooled: mean(bo", 10, ["pooled", "head"]),
        ("      act: ReLU", "      act: ReL", 18, [*AFTER_BODY, "body.0.act", "body.0.out"]),
        ("      out: x + act", "      out: x + 'ac", 19, [*AFTER_BODY, "body.0.out"]),
        ("    - ReLU", "    -ReLU", 8, ["stem.1"]),
        ("  stem:", "  stem", 6, []),
    ],
)
def test_what_is_half_written_spoils_what_depends_on_it(old: str, new: str, line: int, unknown: list[str]) -> None:
    """Rounds behind a wrong one are not read: they are known from before alone."""
    whole = archspec.analyse(NET, "net.yaml")
    text = NET.replace(old, new, 1)
    alone, after = archspec.analyse(text, "net.yaml"), archspec.analyse(text, "net.yaml", whole)
    for found in (alone, after):
        assert [one.line for one in found.problems] == [line]
    before = {step.path: step for step in whole.steps}
    fresh = {step.path for step in alone.steps if step.shape is not None}
    not_read = {path for path in before if path.partition(".")[0] in unknown and path.count(".") > 1} - fresh
    assert before.keys() - fresh - not_read == set(unknown) - not_read
    assert set(unknown).isdisjoint(fresh)
    for step in after.steps:
        assert (step.shape, step.stale) == (before[step.path].shape, step.path not in fresh)
    assert {step.path for step in after.steps} == before.keys()


def test_stale_steps_move_with_their_lines() -> None:
    whole = archspec.analyse(NET, "net.yaml")
    pushed = archspec.analyse(f"\n\n{NET}# {'too long ' * 2**17}", "net.yaml", whole)
    assert all(step.stale for step in pushed.steps)
    assert [step.line for step in pushed.steps] == [step.line + 2 for step in whole.steps]
    assert [step.shape for step in pushed.steps] == [step.shape for step in whole.steps]
    mended = archspec.analyse("\n\n" + NET, "net.yaml", pushed)
    assert not any(step.stale for step in mended.steps)
    assert archspec.analyse(NET.partition("layers")[0], "net.yaml", whole).steps == ()


def test_what_may_wait_is_not_shown_while_a_line_is_typed() -> None:
    before = archspec.analyse(NET, "net.yaml")
    after = archspec.analyse(NET.replace("width: 8, ", "", 1), "net.yaml", before)
    assert {one.line for one in after.problems} == {7, 9}
    assert after.while_typing(2) == []
    later = archspec.analyse(after.text + "# \n", "net.yaml", after)
    assert later.problems == after.problems
    unread = archspec.analyse(NET.replace("out: x + act", "out: x + x", 1), "net.yaml", before)
    assert [one.code for one in unread.problems] == ["AS509"]
    assert unread.while_typing(19) == []


def test_names_have_their_definition_and_their_uses_by_scope() -> None:
    told = archspec.analyse(NET, "net.yaml").names
    names: dict[tuple[str, ...], Name] = {(one.kind, one.scope, one.name): one for one in told}

    def lines(*key: str) -> list[int]:
        found = names[key]
        return [found.definition.line, *sorted(use.line for use in found.uses)]

    assert lines("parameter", "", "width") == [2, 7, 9]
    assert lines("parameter", "Block", "width") == [14, 9, 17]
    assert lines("block", "", "Block") == [13, 9]
    assert lines("step", "", "body") == [9, 10]
    assert lines("step", "Block", "act") == [18, 19]
    assert lines("input", "Block", "x") == [15, 19]
    assert ("size", "", "N") in names


def test_every_place_of_a_name_is_that_name() -> None:
    for path in SPECS:
        text = path.read_text("utf-8")
        lines = text.splitlines()
        for name in names_of(parse(text, str(path))):
            for place in (name.definition, *name.uses):
                assert lines[place.line - 1][place.column - 1 : place.end_column - 1] == name.name


def test_a_line_that_is_typed_anew_keeps_the_others() -> None:
    """The measurement of `benchmarks/editing.py` on one spec, at some of its lines."""
    path = ROOT / "specs/lenet5.yaml"
    whole = archspec.analyse(path.read_text("utf-8"), str(path))
    lines = whole.text.split("\n")
    known = {step.line for step in whole.steps}
    elsewhere = lost = states = 0
    for number in range(2, len(lines), 5):
        before = whole
        for end in range(0, len(lines[number]) + 1, 2):
            text = "\n".join((*lines[:number], lines[number][:end], *lines[number + 1 :]))
            before = archspec.analyse(text, str(path), before)
            errors = [one.line for one in before.while_typing(number + 1) if one.severity == "error"]
            elsewhere += errors[:1] not in ([], [number + 1])
            others = known - {number + 1}
            lost += len({step.line for step in before.steps if step.shape is not None} & others) < 0.9 * len(others)
            states += 1
    assert states > 50
    assert elsewhere <= 0.05 * states
    assert lost <= 0.05 * states


PIECES = st.sampled_from(
    "layers:~  - ~x: ~{~}~[~]~\"~'~\n~  ~Conv2d~: ~,~&a ~*a~\r\n~\x85~inputs: {x: [N, 3]}~blocks:~\t~- - -~?~!t~%~🙂"
    "~\u2028~|~\x00~99999999999999999999".split("~")
)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(PIECES, max_size=25), st.integers(0, len(NET)), st.integers(0, 40))
def test_no_text_makes_it_raise(pieces: list[str], at: int, out: int) -> None:
    whole = archspec.analyse(NET, "net.yaml")
    for text in ("".join(pieces), NET[:at] + "".join(pieces[:3]) + NET[at + out :]):
        found = archspec.analyse(text, "net.yaml", whole)
        assert found.problems or found.steps
        assert all(0 < step.line <= step.end_line for step in found.steps)
