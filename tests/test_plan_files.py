"""A plan's file: what it says stands where the inference finds nothing against it, and the rest is derived."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import archspec
from archspec.cli import main
from archspec.problems import CODES, Problem

NET = """
name: Net
params: {width: 16, classes: 8}
inputs:
  ids: {shape: [N, T], dtype: int64}
variants:
  wide: {width: 32}
layers:
  table: {Embedding: {num_embeddings: 256, embedding_dim: width}}
  blocks: {Block: {}, repeat: 4}
  norm: LayerNorm
  head: {Linear: classes}
blocks:
  Block:
    inputs: {x: [N, T, C]}
    layers:
      norm: LayerNorm
      up: {Linear: 4 * C}
      act: GELU
      down: {Linear: C}
      out: x + down
"""
SIZES = {"ids": [2, 6]}
BLOCK = "blocks.*."


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return str(path)


def roles(plan: Any) -> dict[str, str]:
    """The role of each weight that is cut, without the numbers of repetitions but the first."""
    names = {one.weight: "gathered" if one.gathered else one.role for one in plan.cuts}
    return {name: role for name, role in names.items() if not any(f".{n}." in name for n in (1, 2, 3))}


def planned(net: str, **said: Any) -> Any:
    return archspec.plan(net, plan={"mesh": {"tp": 2}, "inputs": SIZES, **said})


BY_ITSELF = {
    "table.weight": "row",
    "blocks.0.up.weight": "column",
    "blocks.0.up.bias": "column",
    "blocks.0.down.weight": "row",
    "head.weight": "gathered",
    "head.bias": "gathered",
}


def test_what_a_file_leaves_out_is_derived(net: str) -> None:
    assert roles(planned(net)) == BY_ITSELF
    assert roles(planned(net, cuts={"*.up": "column", "*.down": "row", "head": "column"})) == BY_ITSELF


@pytest.mark.parametrize(
    ("cuts", "changed"),
    [
        ({"head": "whole"}, {"head.weight": None, "head.bias": None}),
        ({"table": "whole"}, {"table.weight": None}),
        (
            {"*.down": "whole"},
            dict.fromkeys(("blocks.0.up.weight", "blocks.0.up.bias", "blocks.0.down.weight")),
        ),
        (
            {"*.up": "whole", "blocks.1.up": "column"},
            dict.fromkeys(("blocks.0.up.weight", "blocks.0.up.bias", "blocks.0.down.weight")),
        ),
        (
            {"*.up": "gathered"},
            {"blocks.0.up.weight": "gathered", "blocks.0.up.bias": "gathered", "blocks.0.down.weight": None},
        ),
        (
            {"*.down": "gathered"},
            {"blocks.0.up.weight": None, "blocks.0.up.bias": None}
            | {"blocks.0.down.weight": "gathered", "blocks.0.down.bias": "gathered"},
        ),
        ({"table": "gathered"}, {"table.weight": "gathered"}),
    ],
)
def test_what_a_file_says_stands_and_the_rest_follows(net: str, cuts: dict[str, str], changed: dict[str, Any]) -> None:
    plan = planned(net, cuts=cuts)
    assert [one for one in plan.problems if one.severity == "error"] == []
    expected = {name: role for name, role in {**BY_ITSELF, **changed}.items() if role is not None}
    assert roles(plan) == expected
    if "blocks.1.up" in cuts:
        assert "blocks.1.down.weight" in {one.weight for one in plan.cuts}, (
            "the exact name counts more than the pattern"
        )


@pytest.mark.parametrize(
    ("cuts", "code", "message"),
    [
        ({"*.up": "row"}, "AS807", "`blocks.0.up` and 3 more cannot be row: its input is not sharded"),
        ({"*.down": "column"}, "AS807", "`blocks.0.down` and 3 more cannot be column: `LayerNorm` reads whole rows"),
        ({"*.up": "column", "*.down": "whole"}, "AS807", "`blocks.0.up` and 3 more cannot be column: `blocks.0.down`"),
        ({"*.up": "whole", "*.down": "row"}, "AS807", "`blocks.0.down` and 3 more cannot be row"),
        ({"head": "row"}, "AS807", "`head` cannot be row"),
        ({"table": "column"}, "AS807", "`table` cannot be column: `LayerNorm` reads whole rows of it"),
        ({"norm": "column"}, "AS807", "`norm` cannot be column: `LayerNorm` has no rule that cuts its weights"),
        ({"hed": "whole"}, "AS808", "`hed` matches no layer of the network"),
        ({"blocks.0": "whole"}, "AS808", "`blocks.0` matches no layer of the network"),
        ({"head.weight": "column"}, "AS808", "`head.weight` matches no layer of the network"),
    ],
)
def test_what_would_compute_something_else_is_refused_in_its_place(
    net: str, cuts: dict[str, str], code: str, message: str
) -> None:
    plan = planned(net, cuts=cuts)
    (problem,) = (one for one in plan.problems if one.severity == "error")
    assert (problem.code, problem.message[: len(message)]) == (code, message)
    assert problem.path == "<plan>"
    assert any(f'"{pattern}"' in problem.span.text for pattern in cuts)
    with pytest.raises(archspec.SpecError, match=code):
        archspec.generate(net, plan=plan)


def test_sizes_that_do_not_divide_are_refused_where_the_file_asks_for_them(net: str) -> None:
    plan = archspec.plan(net, "tp=3", plan={"cuts": {"table": "row"}})
    (problem,) = (one for one in plan.problems if one.severity == "error")
    assert problem.message == "`table` cannot be row: 256 is not divisible by 3 ranks"
    assert {one.span.path for one in problem.related} == {net}


def test_a_table_of_few_entries_is_cut_where_the_file_says_so(net: str) -> None:
    small = Path(net).read_text().replace("256", "100")
    Path(net).write_text(small)
    assert "table.weight" not in roles(planned(net))
    assert roles(planned(net, cuts={"table": "row"}))["table.weight"] == "row"


def test_the_caller_counts_more_than_the_file(net: str) -> None:
    said = {
        "mesh": {"tp": 2},
        "inputs": SIZES,
        "variant": "wide",
        "optimizer": "sgd",
        "stages": ["blocks.0", "blocks.3"],
    }
    plan = archspec.plan(net, plan=said)
    assert (plan.pp, plan.optimizer, [one.first for one in plan.stages]) == (2, "sgd", ["blocks.0", "blocks.3"])
    assert plan.stages[0].macs > 2 * plan.stages[1].macs
    other = archspec.plan(net, {"dp": 3}, plan=said, pp=4, optimizer="adam", params={"width": 8})
    assert (other.mesh, other.pp, other.optimizer) == ({"dp": 3}, 4, "adam")
    wide, narrow = (max(one.parameters for one in found.ranks) for found in (plan, other))
    assert wide > 3 * narrow


@pytest.mark.parametrize(
    ("text", "code", "line", "message"),
    [
        ("mesh: {tp: 2}\ncut: {}", "AS201", 2, "unknown key `cut`"),
        ("mesh: {tp: 2}\ncuts: {head: colum}", "AS202", 2, "`colum` is not a way to shard a layer"),
        ("mesh: {tp: 2}\ncuts: [head]", "AS202", 2, "`cuts` must map layers"),
        ("mesh: {tp: two}", "AS202", 1, "`two` is not a number of ranks"),
        ("mesh: {pp: 2}", "AS202", 1, "a mesh has no dimension `pp`"),
        ("mesh: {tp: 0}", "AS202", 1, "the mesh has `0` ranks along `tp`"),
        ("mesh: tp", "AS202", 1, "`tp` is not a mesh"),
        ("mesh: {tp: 2}\ndtype: int8", "AS202", 2, "`dtype` is `int8`"),
        ("mesh: {tp: 2}\nbatch: [2]", "AS202", 2, "a list where an integer is expected"),
        ("mesh: {tp: 2}\ncheckpoint: layers", "AS202", 2, "`checkpoint` is `layers`"),
        ("mesh: {tp: 2}\ndevice_memory: much", "AS202", 2, "`much` is not a memory size"),
        ("mesh: {tp: 2}\npp: 3\nstages: [blocks.0, blocks.2]", "AS202", 2, "`pp` is 3, but `stages` names 2"),
        ("mesh: {tp: 2}\nstages: blocks.0", "AS202", 2, "`stages` must be a list of blocks"),
        ("mesh: {tp: 2}\nstages:\n- blocks.0\n- blocks.9", "AS809", 4, "`blocks.9` is not a repeated block"),
        ("mesh: {tp: 2}\nstages:\n- blocks.1\n- blocks.2", "AS809", 3, "the first stage begins at `blocks.1`"),
        ("mesh: {tp: 2}\nstages:\n- blocks.0\n- blocks.2\n- blocks.1", "AS809", 5, "`blocks.1` does not run after"),
        ("mesh: {tp: 2}\nvariant: large", "AS208", 2, "the spec has no variant `large`"),
        ("mesh: {tp: 2}\nparams:\n  width: 8\n  depth: 2", "AS208", 4, "the spec has no parameter `depth`"),
        ("mesh: {tp: 2}\nparams: {width: wide}", "AS208", 2, '`"wide"` is not a valid value for the parameter `width`'),
        ("mesh: {tp: 2}\ninputs: {x: [1]}", "AS208", 2, "the spec has no input `x`"),
        ("mesh: {tp: 2}\ninputs: {ids: [1]}", "AS501", 2, "the input `ids` has 2 axes; 1 sizes are given"),
        ("mesh: {tp: 2}\ninputs: {ids: 1}", "AS202", 2, "the sizes of the input `ids` are a list of numbers"),
        ("inputs: {x: [N, 3]}\nlayers: [Linear: 3]", "AS202", 2, "this file is a spec, not a plan"),
        ("", "AS202", 1, "the document is empty"),
        ("mesh: {tp: 2", "AS101", 1, ""),
    ],
)
def test_a_mistake_in_a_file_has_its_place(
    net: str, tmp_path: Path, text: str, code: str, line: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(archspec.SpecError) as found:
        archspec.plan(net, plan=path, inputs=None if "inputs" in text else SIZES)
    (problem,) = found.value.problems
    assert isinstance(problem, Problem)
    assert (problem.code, problem.path, problem.line) == (code, str(path), line)
    assert problem.message.startswith(message)
    assert problem.help
    assert problem.help != problem.message
    assert problem.code in CODES
    assert main(["plan", net, "--plan", str(path), "--input", "ids=2,6"][: 4 if "inputs" in text else 6]) == 1
    assert f"error[{code}]" in capsys.readouterr().err


def test_every_mistake_is_told_at_once(net: str) -> None:
    with pytest.raises(archspec.SpecError) as found:
        archspec.plan(net, plan={"mesh": {"tp": 2}, "dtype": "int8", "optimizer": "adamm", "params": {"depth": 1}})
    assert [one.code for one in found.value.problems] == ["AS202", "AS202", "AS208"]


def test_the_commands_take_a_file(net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("mesh: {dp: 2, tp: 2}\ncheckpoint: blocks\ninputs: {ids: [2, 6]}\ncuts:\n  head: whole\n")
    assert main(["plan", net, "--plan", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["mesh"], found["checkpoint"]) == ({"dp": 2, "tp": 2}, "blocks")
    assert {one["why"] for one in found["whole"] if one["weight"] == "head.weight"} == {"the plan says so"}
    assert main(["plan", net, "--plan", str(path), "--mesh", "tp=4", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["mesh"] == {"tp": 4}
    assert main(["generate", net, "--parallel", "--plan", str(path), "-o", "-"]) == 0
    source = capsys.readouterr().out
    assert source == archspec.generate(net, plan=str(path))
    assert '"blocks.*.up": ColwiseParallel(),' in source
    assert '"head"' not in source
    assert main(["generate", net, "--plan", str(path), "-o", "-"]) == 2
    path.write_text("mesh: {tp: 2}\nstages: [blocks.0, blocks.2]\ninputs: {ids: [2, 6]}\n")
    assert main(["generate", net, "--parallel", "--plan", str(path), "-o", "-"]) == 2
    assert "pipeline stages are not handed over" in capsys.readouterr().err
    path.write_text("mesh: {tp: 2}\ncuts: {head: row}\n")
    assert main(["generate", net, "--parallel", "--plan", str(path), "-o", "-"]) == 1
    assert "cluster.yaml:2:8: error[AS807]" in capsys.readouterr().err


def test_a_plan_beside_its_spec_is_no_spec(net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.plan.yaml"
    path.write_text("mesh: {tp: 2}\n")
    assert archspec.check(path) == []
    assert main(["check", str(tmp_path)]) == 0
    assert main(["generate", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["net.py"]
    capsys.readouterr()
    assert main(["summary", str(path)]) == 1
    assert "this file is a plan, not a network" in capsys.readouterr().err
    path.write_text("mesh: {tp: 2}\ncut: {}\n")
    assert [one.code for one in archspec.check(path)] == ["AS201"]
    assert [one.code for one in archspec.analyse(path.read_text(), str(path)).problems] == ["AS201"]


def test_a_size_that_the_model_writes_out_forbids_a_cut_that_needs_it_open() -> None:
    text = """
inputs: {x: [N, 8]}
layers:
  a: {Linear: 12}
  act: ReLU
  b: {Linear: 16}
  parts: "reshape(b, [N, 4, 4])"
  c: {Linear: 4, from: "flatten(softmax(parts, -1), 1)"}
"""
    spec = archspec.parse(text)
    assert roles(archspec.plan(spec, {"tp": 2}))["b.weight"] == "row"
    plan = archspec.plan(spec, plan={"mesh": {"tp": 2}, "cuts": {"b": "column"}})
    (problem,) = (one for one in plan.problems if one.severity == "error")
    assert "`reshape` says how large that axis is" in problem.message
    derived = archspec.plan(archspec.parse(text.replace("12", "9")), {"tp": 2})
    assert "b.weight" not in roles(derived), "a is whole, and reshape would need the whole of what b makes"


def test_running_statistics_in_checkpointed_blocks_are_told_once() -> None:
    text = """
inputs: {x: [N, 3, 8, 8]}
layers: [Block, Block, Block, BatchNorm2d]
blocks:
  Block:
    inputs: {x: [N, C, H, W]}
    layers:
      conv: {Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}}
      norm: BatchNorm2d
"""
    spec = archspec.parse(text)
    problems = archspec.plan(spec, {"dp": 2}, checkpoint="blocks").problems
    assert [(one.code, one.line) for one in problems] == [("AS810", 9)]
    assert archspec.plan(spec, {"dp": 2}).problems == ()
    plain = archspec.parse(text.replace("norm: BatchNorm2d", "norm: {BatchNorm2d: {track_running_stats: false}}"))
    assert archspec.plan(plain, {"dp": 2}, checkpoint="blocks").problems == ()


def test_the_statistics_of_a_checkpointed_block_move_as_the_advice_says() -> None:
    import torch
    from torch.utils.checkpoint import checkpoint

    momentum, x = 0.1, torch.randn(4, 3, 5, requires_grad=True)
    once = torch.nn.BatchNorm1d(3, momentum=momentum)
    twice = torch.nn.BatchNorm1d(3, momentum=1 - (1 - momentum) ** 0.5)
    once(x).sum().backward()
    checkpoint(twice, x, use_reentrant=False).sum().backward()
    torch.testing.assert_close(twice.running_mean, once.running_mean)
    torch.testing.assert_close(twice.running_var, once.running_var)
    assert int(twice.num_batches_tracked) == 2


@pytest.mark.parametrize("draft", ["7", "2020-12"])
def test_the_schema_and_the_model_agree(draft: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--plan", "--draft", draft]) == 0
    schema = json.loads(capsys.readouterr().out)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    judge = validator(schema)
    whole: dict[str, Any] = {
        "archspec": 1,
        "doc": "Two machines.",
        "variant": "wide",
        "params": {"classes": 16},
        "mesh": {"dp": 2, "tp": 2},
        "pp": 2,
        "stages": ["blocks.0", "blocks.2"],
        "cuts": {"head": "whole"},
        "checkpoint": "blocks",
        "inputs": SIZES,
        "batch": 2,
        "dtype": "bfloat16",
        "optimizer": "sgd",
        "device_memory": "80GB",
        "sequence_parallel": True,
    }
    assert set(whole) == set(schema["properties"])
    assert list(judge.iter_errors(whole)) == []
    spec = archspec.parse(NET)
    assert archspec.plan(spec, plan=whole).pp == 2
    wrong: dict[str, Any] = {
        "archspec": 2,
        "variant": 1,
        "params": [],
        "mesh": {"pp": 2},
        "pp": 0,
        "stages": [],
        "cuts": {"head": "col"},
        "checkpoint": "layers",
        "inputs": {"ids": 2},
        "batch": "two",
        "dtype": "int8",
        "optimizer": "adamm",
        "device_memory": [80],
        "sequence_parallel": "yes",
    }
    for name, value in wrong.items():
        assert list(judge.iter_errors({name: value})), name
        with pytest.raises(archspec.SpecError):
            archspec.plan(spec, plan={name: value})
