"""A model on a mesh computes what it does on one process: outputs, gradients, and two steps of an optimizer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from pages import BLOCK

import archspec

ROOT = Path(__file__).parent.parent
SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "vocab_size": 256,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "text/llama": {**SMALL, "num_key_value_heads": 2},
    "text/gpt2": {"n_layer": 2, "n_embd": 32, "n_head": 4, "vocab_size": 256, "block_size": 16},
    "text/bert": {
        **SMALL,
        "max_position_embeddings": 16,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "recommendation/dlrm": {"table_sizes": [256, 192, 64], "embedding_dim": 8, "bottom": [16, 8], "top": [16, 8]},
    "vision/perceiver": {
        "num_latents": 4,
        "latent_dim": 16,
        "depth": 2,
        "self_layers": 1,
        "latent_heads": 4,
        "num_classes": 6,
    },
    "mlp": {"image_size": 4},
    "vision/vit": {
        "image_size": 8,
        "patch_size": 4,
        "num_layers": 2,
        "num_heads": 4,
        "hidden_dim": 16,
        "mlp_dim": 32,
        "num_classes": 8,
    },
    "vision/resnet": {"depths": [1, 1, 1, 1], "width_per_group": 4, "num_classes": 6},
    "vision/unet": {"width": 4},
}
NORMALIZED = ("vision/resnet", "vision/unet")
"""Networks that normalize over the batch: every rank takes the same one. Nothing of them is cut."""
CUT = [name for name in SETTINGS if name not in NORMALIZED]


def case(name: str, mesh: dict[str, int], params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A model, its mesh, and how it is made."""
    settings = {**SETTINGS[name], **(params or {})}
    same = {"same": True, "size": 32, "samples": 3} if name in NORMALIZED else {}
    return {"spec": str(ROOT / "specs" / f"{name}.yaml"), "params": settings, "mesh": mesh, **same, **more}


FOUR_HEADS = {"text/llama": {"num_key_value_heads": 4}}
STAGED = ("text/llama", "text/bert")
"""Networks that torch.distributed.pipelining runs: later stages read no inputs, and hand on contiguous tensors."""
RELOADED = ("text/llama", "text/gpt2", "recommendation/dlrm")
TWO = [
    *(case(name, {"tp": 2}) for name in CUT),
    *(case(name, {"tp": 2}, checkpoint="blocks", generated=True) for name in ("text/llama", "text/gpt2", "vision/vit")),
    *(case(name, {"dp": 2}) for name in NORMALIZED),
    case("text/gpt2", {"dp": 2}, checkpoint="blocks"),
    case("text/gpt2", {"tp": 2}, plan={"cuts": {"*.c_attn": "gathered", "*.c_fc": "whole"}}),
    case("text/llama", {"tp": 2}, plan={"cuts": {"*.down_proj": "gathered", "lm_head": "whole"}}),
    case("text/bert", {"tp": 2}, plan={"cuts": {"*embeddings": "row", "pooler.*": "whole"}}),
    *(case(name, {"tp": 2}, sequence=True) for name in ("text/llama", "text/gpt2", "text/bert")),
    case("text/llama", {"tp": 2}, sequence=True, checkpoint="blocks", generated=True),
    *(case(name, {}, staged=True) for name in STAGED),
]
FOUR = [
    *(case(name, {"tp": 4}, FOUR_HEADS.get(name)) for name in CUT),
    *(case(name, {"dp": 2, "tp": 2}, reload={"tp": 4}) for name in RELOADED),
    *(case(name, {"dp": 2, "tp": 2}) for name in CUT if name not in RELOADED),
    *(case(name, {"dp": 2, "tp": 2}, checkpoint="blocks", generated=True) for name in ("text/llama", "text/gpt2")),
    *(case(name, {"dp": 2, "tp": 2}, sequence=True) for name in ("text/llama", "text/gpt2")),
    case("text/bert", {"dp": 2, "tp": 2}, sequence=True, checkpoint="blocks"),
    case("text/llama", {"tp": 4}, FOUR_HEADS["text/llama"], sequence=True, size=8),
]


def run_ranks(cases: list[dict[str, Any]], world: int, folder: Path) -> list[float]:
    """The largest difference of each case, on whichever rank."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    script = str(Path(__file__).parent / "parallel_ranks.py")
    commands = [
        [sys.executable, script, json.dumps(cases), str(folder), str(rank), str(world)] for rank in range(world)
    ]
    told = [folder / f"{rank}.stderr" for rank in range(world)]  # files: a rank that waits to write holds the others up
    running = []
    for one, path in zip(commands, told, strict=True):
        with path.open("w") as stream:
            running.append(subprocess.Popen(one, env=environment, stderr=stream))
    codes = [one.wait() for one in running]
    assert not any(codes), "\n".join(path.read_text()[-4000:] for path in told)
    found = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]
    return [max(values) for values in zip(*found, strict=True)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")  # a single process loads a checkpoint
@pytest.mark.parametrize(("world", "cases"), [(2, TWO), (4, FOUR)])
def test_ranks_compute_what_one_process_does(world: int, cases: list[dict[str, Any]], tmp_path: Path) -> None:
    found = run_ranks(cases, world, tmp_path)
    wrong = [(one, value) for one, value in zip(cases, found, strict=True) if not value < 1e-12]
    assert wrong == []
    for one in cases:
        if "reload" in one:
            name = Path(one["spec"]).stem
            model = archspec.build(one["spec"], params=one["params"], dtype=torch.float64)
            state = model.state_dict()
            dcp.load(state, checkpoint_id=tmp_path / f"checkpoint of {name}", no_dist=True)
            expected = torch.load(tmp_path / f"state of {name}.pt")
            assert state.keys() == expected.keys()
            assert all(torch.equal(state[key], expected[key]) for key in expected), name


PAGE = (ROOT / "docs/cookbook/distributed.md").read_text("utf-8")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}


def page_commands(folder: Path) -> list[list[str]]:
    """The commands of the page that run on this machine, as arguments of Python; its files are written to a folder."""
    for block in BLOCK.finditer(PAGE):
        if block["file"]:
            (folder / block["file"]).write_text(block["text"], "utf-8")
    lines = [line for block in BLOCK.finditer(PAGE) if block["kind"] == "bash" for line in block["text"].splitlines()]
    programs = {
        "torchrun": ["-m", "torch.distributed.run", "--standalone"],
        "archspec": ["-m", "archspec"],
        "python": [],
    }
    return [[*programs[words[0]], *words[1:]] for line in lines if (words := line.split()) and "--nnodes" not in words]


def run_command(words: list[str], folder: Path) -> str:
    """What a command prints."""
    for _ in range(3):  # gloo's threads sometimes abort a process while it ends, after all is done
        done = subprocess.run([sys.executable, *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
        if not done.returncode or "without an active exception" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_commands_of_the_page_run_on_two_processes(tmp_path: Path) -> None:
    commands = [words for words in page_commands(tmp_path) if {"train.py", "stages.py"} & set(words)]
    assert [words[-1] for words in commands] == ["tp=2", "dp=2", "stages.py"]
    first, second, stages, whole = (run_command(words, tmp_path) for words in [*commands, ["evaluate.py"]])
    assert float(second.split()[-1]) < float(first.split()[-1]), "the second run goes on from the checkpoint"
    assert stages.startswith("loss ")
    assert whole == "(2, 16, 1000)\n"


@pytest.mark.slow
def test_a_checkpoint_of_hugging_face_starts_on_two_processes(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    (tmp_path / "llama.yaml").write_text((ROOT / "specs/text/llama.yaml").read_text("utf-8"), "utf-8")
    commands = page_commands(tmp_path)
    start = commands.index(["hugging_face.py"])
    assert commands[-1][-1] == "start.py"
    for words in commands[start:]:
        run_command(words, tmp_path)
    reference = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "hugging_face")
    with torch.no_grad():
        torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), reference(torch.arange(16)[None]).logits)


# Plans that are wrong.


OTHER = {"column": "row", "row": "column"}
"""For each role the one that cuts the other axis."""


def wrong_roles(name: str) -> list[dict[str, str]]:
    """For each layer of the first block, and outside of all blocks, that it alone is cut along the other axis."""
    plan = archspec.plan(ROOT / f"specs/{name}.yaml", "tp=2", params=SETTINGS[name])
    paths = [path for path in plan.roles if not re.search(r"\.[1-9]\d*\.", path)]
    return [{path: OTHER[plan.roles[path].name]} for path in paths]


@pytest.mark.parametrize("name", CUT)
def test_every_wrong_role_is_refused(name: str) -> None:
    spec = archspec.load(ROOT / f"specs/{name}.yaml")
    derived = archspec.plan(spec, "tp=2", params=SETTINGS[name])
    right = {path: "gathered" if role.gathered else role.name for path, role in derived.roles.items()}
    wrong = wrong_roles(name)
    assert wrong
    for roles in wrong:
        plan = archspec.plan(spec, "tp=2", params=SETTINGS[name], plan={"cuts": {**right, **roles}})
        assert "AS807" in {one.code for one in plan.problems if one.severity == "error"}, roles
    assert [one for one in derived.problems if one.severity == "error"] == []


@pytest.mark.slow
def test_wrong_plans_that_nothing_refuses_compute_something_else(tmp_path: Path) -> None:
    names = ("text/llama", "text/gpt2", "recommendation/dlrm", "mlp")
    cases = [case(name, {"tp": 2}, roles=roles) for name in names for roles in wrong_roles(name)]
    cases.append(case("text/gpt2", {"tp": 2}, untied=True))
    parts = ("sums", "norms", "read", "entered")
    cases += [case("text/llama", {"tp": 2}, sequence=True, forgotten=part) for part in parts]
    cases += [case("text/bert", {"tp": 2}, sequence=True, forgotten=part) for part in ("gathered", "scattered")]
    found = run_ranks(cases, 2, tmp_path)
    passed = [
        (one["spec"], one.get("roles"), one.get("forgotten"))
        for one, value in zip(cases, found, strict=True)
        if not value > 1e-6
    ]
    assert passed == []


def test_the_function_is_written_as_by_hand(tmp_path: Path) -> None:
    plan = archspec.plan(ROOT / "specs/text/gpt2.yaml", "dp=2,tp=2", params={"vocab_size": 50304}, checkpoint="blocks")
    source = archspec.generate(ROOT / "specs/text/gpt2.yaml", plan=plan)
    text = source[source.index("def parallelize") :]
    assert (
        text.split('"""')[2]
        == """
    parallelize_module(
        model,
        mesh["tp"],
        {
            "transformer.wte": RowwiseParallel(input_layouts=Replicate()),
            "transformer.h.*.mlp.c_fc": ColwiseParallel(),
            "transformer.h.*.mlp.c_proj": RowwiseParallel(),
            "lm_head": ColwiseParallel(output_layouts=Replicate()),
        },
    )
    model.lm_head.weight = model.get_parameter("transformer.wte.weight")  # tied again
    for block in model.transformer.h.children():
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        fully_shard(block, mesh=mesh["dp"])
    fully_shard(model, mesh=mesh["dp"])
    return model
"""
    )
    (tmp_path / "net.py").write_text(source)
    for check in (["check", "--select", "E,F,I,W"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *check, "--isolated", "net.py"], cwd=tmp_path, check=True)


def test_a_name_that_parallelize_needs_is_refused() -> None:
    blocks = "blocks: {Replicate: {inputs: {x: [N, C]}, layers: [ReLU]}}"
    spec = archspec.parse(f"inputs: {{x: [N, 8]}}\nlayers: [Replicate, Linear: 8]\n{blocks}")
    with pytest.raises(ValueError, match="`Replicate` is a name that `parallelize` needs"):
        archspec.generate(spec, plan=archspec.plan(spec, {"tp": 2}))
