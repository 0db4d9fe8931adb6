"""A model on a mesh computes what it does on one process: outputs, gradients, and two steps of an optimizer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
}


def case(name: str, mesh: dict[str, int], **more: Any) -> dict[str, Any]:
    """A model, its mesh, and how it is made."""
    return {"spec": str(ROOT / "specs" / f"{name}.yaml"), "params": SETTINGS[name], "mesh": mesh, **more}


TWO = [
    *(case(name, {"tp": 2}) for name in SETTINGS if name != "text/llama"),
    case("text/llama", {"tp": 2}, checkpoint="blocks", generated=True),
    case("text/gpt2", {"dp": 2}, checkpoint="blocks"),
]
FOUR = [
    case("text/llama", {"dp": 2, "tp": 2}),
    case("text/gpt2", {"dp": 2, "tp": 2}, checkpoint="blocks", generated=True),
]


def run_ranks(cases: list[dict[str, Any]], world: int, folder: Path) -> list[float]:
    """The largest difference of each case, on whichever rank."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    script = str(Path(__file__).parent / "parallel_ranks.py")
    commands = [
        [sys.executable, script, json.dumps(cases), str(folder), str(rank), str(world)] for rank in range(world)
    ]
    running = [subprocess.Popen(one, env=environment, stderr=subprocess.PIPE, text=True) for one in commands]
    for one in running:
        _, errors = one.communicate()
        assert one.returncode == 0, errors
    found = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]
    return [max(values) for values in zip(*found, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(("world", "cases"), [(2, TWO), (4, FOUR)])
def test_ranks_compute_what_one_process_does(world: int, cases: list[dict[str, Any]], tmp_path: Path) -> None:
    found = run_ranks(cases, world, tmp_path)
    told = {f"{Path(one['spec']).stem} {one['mesh']}": value for one, value in zip(cases, found, strict=True)}
    assert max(found) < 1e-12, told


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
