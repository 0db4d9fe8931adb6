"""Tables of settings, and the largest value of a parameter that keeps a budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archspec
from archspec.cli import main

ROOT = Path(__file__).parents[1]
TINYVGG = ROOT / "specs" / "tinyvgg.yaml"
HEADS = """\
params: {dim: 48, heads: 4, depth: {type: int, default: 1, max: 3}}
inputs: {x: [N, 5, dim]}
layers:
  attn: {MultiheadAttention: {num_heads: heads}, from: [x, x, x]}
  y, w: attn
  out: {Linear: dim, from: y, repeat: depth}
outputs: [out, w]
"""


def test_a_sweep_has_what_each_setting_alone_comes_to() -> None:
    values = {"hidden_units": [8, 16], "output_shape": [2, 10]}
    table = archspec.sweep(TINYVGG, values, batch=4, budget={"parameters": "6k"})
    assert [dict(one.params) for one in table] == [
        {"hidden_units": width, "output_shape": classes} for width in (8, 16) for classes in (2, 10)
    ]
    for one in table:
        alone = archspec.summary(TINYVGG, params=dict(one.params), batch=4)
        assert one.summary is not None
        assert one.summary.as_dict() == alone.as_dict()
        assert one.within_budget == (alone.as_dict()["totals"]["parameters"] <= 6000)
    assert [one.within_budget for one in table] == [True, True, False, False]


def test_a_setting_that_is_wrong_is_part_of_the_table() -> None:
    table = archspec.sweep(archspec.parse(HEADS), {"heads": [4, 5, 6]})
    assert [one.summary is None for one in table] == [False, True, False]
    (problem,) = table.settings[1].problems
    assert problem.code == "AS503"
    assert f"heads=5: {problem.message}" in str(table)
    assert json.loads(json.dumps(table.as_dict()))["settings"][1]["problems"][0]["code"] == "AS503"
    assert len(table.csv().splitlines()) == len(table) + 1
    assert len(table.markdown().splitlines()) == len(table) + 2


@pytest.mark.parametrize("limit", ["2k", "50k", "1M", "5M"])
def test_the_largest_value_keeps_the_budget_and_the_next_does_not(limit: str) -> None:
    found = archspec.solve(TINYVGG, "hidden_units", budget={"parameters": limit})
    assert found is not None
    kept, beyond = archspec.sweep(TINYVGG, {"hidden_units": [found, found + 1]}, budget={"parameters": limit})
    assert (kept.within_budget, beyond.within_budget) == (True, False)


def test_values_that_are_refused_are_passed_over() -> None:
    spec = archspec.parse(HEADS)
    found = archspec.solve(spec, "dim", budget={"parameters": 100_000})
    right = [
        one.params["dim"]
        for one in archspec.sweep(spec, {"dim": list(range(1, 400))}, budget={"parameters": 100_000})
        if one.within_budget
    ]
    assert found == right[-1]
    assert found % 4 == 0
    assert archspec.solve(spec, "depth", budget={"parameters": 10**9}) == 3
    assert archspec.solve(spec, "dim", budget={"parameters": 10}) is None


def test_what_cannot_be_swept_is_refused_in_words() -> None:
    spec = archspec.parse(HEADS)
    for call, words in (
        (lambda: archspec.solve(spec, "width", budget={"parameters": 1}), "`width` is not a parameter"),
        (lambda: archspec.solve(spec, "dim", budget={"params": 1}), "`parameters`, `macs`"),
        (lambda: archspec.sweep(spec, {"dim": []}), "has no values"),
        (lambda: archspec.sweep(spec, {"dim": range(200), "heads": range(200)}), "40,000 settings"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_command_line_reads_several_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(TINYVGG), "--param", "hidden_units=8,16", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["settings"]
    assert [one["params"] for one in found] == [{"hidden_units": 8}, {"hidden_units": 16}]
    mlp = str(ROOT / "archspec" / "starter" / "mlp.yaml")
    assert main(["summary", mlp, "--param", "hidden_sizes=[8, 4],[16]", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["settings"]
    assert [one["params"] for one in found] == [{"hidden_sizes": [8, 4]}, {"hidden_sizes": [16]}]
    assert all(one["within_budget"] for one in found)
    assert main(["summary", str(TINYVGG), "--solve", "hidden_units", "--budget", "parameters=5M"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[-1] == "kept"
    for wrong in (["--solve", "hidden_units"], ["--solve", "nothing", "--budget", "macs=1"], ["--budget", "cost=1"]):
        assert main(["summary", str(TINYVGG), *wrong]) == 2
    assert main(["summary", str(TINYVGG), "--param", "hidden_units=8,16", "--depth", "1"]) == 2
