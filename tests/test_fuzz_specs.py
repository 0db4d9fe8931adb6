"""Nearly valid specs: whatever is changed in one that ships, checking it is little work, and never with a traceback.

Edits of the tree of a shipped spec: keys dropped, renamed, doubled, added; values of another type, hostile texts, huge
numbers; steps swapped, or taken from elsewhere. What is accepted is generated, compiles, and can be drawn; what has no
formula is refused with AS508.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from work import A_SECOND, calls

import archspec
from archspec import source
from archspec.graph import Group
from archspec.problems import CODES, Problem, render_text
from archspec.problems.formats import render_github, render_json

SPECS = sorted((Path(__file__).parents[1] / "specs").rglob("*.yaml"))
MOST = 2 * A_SECOND
"""Calls that a check may take; as many again to generate from it."""

NAMES = st.sampled_from(
    "x y h N i T out fc relu conv1 layers inputs params let blocks outputs name doc archspec from when for repeat shape"
    " again layer type default min max choices dtype optional Conv2d Linear ReLU Flatten LSTM MultiheadAttention"
    " Softmax"
    " Parameter Buffer Sequential Conv2D in_features out_channels kernel_size stride padding groups bias weight forward"
    " train self torch class _ __class__ expression nested arguments a.b torch.nn.Linear os.system".split()
)
TEXTS = st.one_of(
    NAMES,
    st.sampled_from(
        (
            "x + y",
            "x[0]",
            "x[:, 0]",
            "x[..., None]",
            "a, b",
            "(a, b), c",
            "i in range(3)",
            "i in range(10 ** 9)",
            "a, b in [[1, 2]]",
            "x for x in y",
            "9 ** 9 ** 9",
            "2 ** 63",
            "1 // 0",
            "1 % 0",
            "0 * N",
            "N * N",
            "H // 2 - H // 2",
            "32 * h",
            "-h",
            "N - N",
            "[1, [2, [3]]]",
            "[]",
            "()",
            "'text'",
            "not x",
            "x if x else y",
            "x @ x",
            "chunk(x, 3)",
            "cat([x, x], 1)",
            "flatten(x)",
            "reshape(x, (-1,))",
            "reshape(x, (N, -1))",
            "softmax(x, -1)",
            "zeros(3, 4)",
            "len(x)",
            "min(1, 2)",
            "max([])",
            "sum(x)",
            "training",
            "f(x)",
            "x.shape",
            "x.T",
            "lambda: 0",
            "__import__('os').system('true')",
            "fc.weight",
            "layer_{i}",
            "{",
            "{i!r}",
            "",
            " ",
            "\n",
            "a\nb",
            "\x00",
            "\x1b[31m",
            "::error::",
            "\u202e",
            "ｎａｍｅ",
            "\ud800",
            "#",
            '"""',
            "'",
            "\\",
            "=" * 300,
            "(" * 150,
            "-" * 199 + "1",
            "x" * 70,
            "null",
            "true",
            "1e5",
            "nan",
            "inf",
        )
    ),
    st.text(max_size=8),
)
NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from((0, 1, -1, 2**31, 2**62, 2**63 - 1, -(2**63), 2**63, 10**30, 1_000_000)),
    st.sampled_from((0.0, -0.0, 0.5, 1.5, 2.0, -1.0, 1e-5, 1e30, 1e308, -1e-308)),
)
SCALARS = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none())
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.dictionaries(NAMES, SCALARS, max_size=3).map(lambda found: list(found.items())).map(lambda found: Pairs(found)),
)


class Pairs(list[tuple[str, Any]]):
    """A mapping as its pairs, so that a key may stand twice."""


def tree(value: Any, of_a_module: bool = False) -> Any:
    if isinstance(value, dict):
        # An argument with nothing behind it takes the value of its own name.
        bare = getattr(value, "bare", ()) if of_a_module else ()
        pairs = ((key, key if key in bare else item) for key, item in value.items())
        return Pairs((key, tree(item, str(key)[:1].isupper())) for key, item in pairs)
    return [tree(item) for item in value] if isinstance(value, list) else value


def written(value: Any) -> str:
    """A tree as YAML, in its flow style."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


@cache
def shipped() -> list[tuple[str, Any]]:
    return [(path.stem, source.parse(path.read_text(encoding="utf-8"), path.name).data) for path in SPECS]


def collections(value: Any) -> list[list[Any]]:
    """Every list and mapping of a tree that holds something."""
    if not isinstance(value, list):
        return []
    below = [item for _, item in value] if isinstance(value, Pairs) else value
    return ([value] if value else []) + [inner for item in below for inner in collections(item)]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The text of a shipped spec with one to three edits."""
    _, data = draw(st.sampled_from(shipped()))
    spec = tree(data)
    for _ in range(draw(st.integers(1, 3))):
        found = collections(spec)
        if not found:
            break
        place = found[draw(st.integers(0, len(found) - 1))]
        at = draw(st.integers(0, len(place) - 1))
        edit = draw(st.sampled_from(EDITS))
        edit(draw, spec, place, at)
    return written(spec)


def value_of(place: list[Any], at: int) -> Any:
    return place[at][1] if isinstance(place, Pairs) else place[at]


def put(place: list[Any], at: int, value: Any) -> None:
    place[at] = (place[at][0], value) if isinstance(place, Pairs) else value


def drop(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    del place[at]


def replace(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    put(place, at, draw(VALUES))


def retype(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    """The same value in another form."""
    value = value_of(place, at)
    forms: list[Callable[[Any], Any]] = [
        lambda one: [one],
        lambda one: Pairs([("x", one)]),
        lambda one: written(one)[:100],
        lambda one: Pairs([("layers", one)]),
        lambda one: Pairs([("layers", [one, one])]),
    ]
    put(place, at, draw(st.sampled_from(forms))(value))


def number(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    """Another number, where one stands."""
    numbers = [i for i in range(len(place)) if isinstance(value_of(place, i), int | float)]
    put(place, numbers[at % len(numbers)] if numbers else at, draw(NUMBERS))


def rename(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    if isinstance(place, Pairs):
        place[at] = (draw(TEXTS), place[at][1])
    else:
        place[at] = draw(TEXTS)


def double(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    place.insert(at, place[at])


def swap(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    other = draw(st.integers(0, len(place) - 1))
    place[at], place[other] = place[other], place[at]


def add(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    value = draw(VALUES)
    place.insert(at, (draw(NAMES), value) if isinstance(place, Pairs) else value)


def graft(draw: st.DrawFn, spec: Any, place: list[Any], at: int) -> None:
    """A part of a shipped spec in place of this one."""
    _, data = draw(st.sampled_from(shipped()))
    found = collections(tree(data))
    put(place, at, found[draw(st.integers(0, len(found) - 1))])


EDITS = (drop, replace, replace, retype, number, number, rename, rename, double, swap, add, add, graft)


def examine_problems(problems: tuple[Problem, ...]) -> None:
    assert problems
    for problem in problems:
        assert problem.code in CODES
        assert problem.message
        assert problem.span.line >= 1
    assert all(c.isprintable() or c == "\n" for c in render_text(problems))
    json.loads(render_json(problems))
    assert all(line.startswith("::") for line in render_github(problems).split("\n"))


def refused_by(run: Callable[[], Any]) -> tuple[Any, tuple[Problem, ...]]:
    """What a run returns, or the problems for which it is refused; it is too much where it calls too many functions."""
    found: list[Any] = []
    try:
        calls(lambda: found.append(run()), MOST)
    except archspec.SpecError as error:
        return None, error.problems
    return found[0], ()


def examine(text: str, *, build: bool = False) -> None:
    """Checks it, generates from it, and with `build` explains, draws and constructs it as well."""
    spec, problems = refused_by(lambda: archspec.parse(text))
    if problems:
        examine_problems(problems)
        return
    source, refused = refused_by(spec.generate)
    if refused:
        examine_problems(refused)
    else:
        compile(source, "<generated>", "exec")
    # What a condition leaves out, or a loop without a round, is not read by the check, and is written by generate.
    unread = '"when":' in text or any(isinstance(one, Group) and not one.items for _, one in spec.graph().modules())
    others = [problem for problem in refused if problem.code != "AS508"]
    assert unread or not others, f"accepted, and then: {render_text(others)}"
    if build and all(parameter.value is not None for parameter in spec.graph().main.parameters):
        archspec.build(spec, device="meta")
    if build:
        ElementTree.fromstring(archspec.diagram(spec))


SETTINGS = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], database=None
)


@settings(SETTINGS, max_examples=80, derandomize=True)
@given(edited())
def test_nearly_valid_specs(text: str) -> None:
    examine(text)


@pytest.mark.slow
@settings(SETTINGS, max_examples=500, derandomize=True)
@given(edited())
def test_many_nearly_valid_specs(text: str) -> None:
    examine(text, build=True)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_shipped_specs_stay_valid_as_flow_style(path: Path) -> None:
    """What the edits start from is sound, in the form in which they write it."""
    archspec.parse(written(tree(source.parse(path.read_text(encoding="utf-8")).data)))
