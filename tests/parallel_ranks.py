"""What one of several processes does for `test_parallel`: a model trained on its mesh, compared with one that is whole.

Run as `python parallel_ranks.py CASES FOLDER RANK WORLD`; it writes what differs as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

import archspec

SEQUENCE = 6


def whole(x: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor that may be spread over ranks."""
    return x.full_tensor() if isinstance(x, DTensor) else x


def tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor of what a model returns."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [x for part in value for x in tensors(part)]


def batch(spec: archspec.Spec, params: dict[str, Any], samples: int) -> list[torch.Tensor]:
    """Drawn inputs: small numbers where indices are wanted."""
    made = []
    for value in spec.graph(params).main.inputs:
        shape = [
            size if isinstance(size, int) else (samples, SEQUENCE)[place > 0]
            for place, size in enumerate(value.tensor.shape)
        ]
        drawn = (
            torch.randint(0, 16, shape) if value.tensor.dtype == "int64" else torch.randn(shape, dtype=torch.float64)
        )
        made.append(drawn)
    return made


def train(model: nn.Module, inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Outputs of the first step and its gradients, and the parameters after two steps of AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, eps=1e-6, foreach=False)
    found: dict[str, torch.Tensor] = {}
    outputs: list[torch.Tensor] = []
    for step in range(2):
        optimizer.zero_grad()
        results = tensors(model(*inputs))
        sum(x.square().mean() for x in results).backward()
        if step == 0:
            outputs = [x.detach().clone() for x in results]
            found |= {f"{name}.grad": whole(p.grad).detach().clone() for name, p in model.named_parameters()}
        optimizer.step()
    found |= {name: whole(p).detach().clone() for name, p in model.named_parameters()}
    return outputs, found


def differs(case: dict[str, Any], mesh: DeviceMesh) -> float:
    """The largest difference between the model on the mesh and the whole one, relative to the largest number."""
    spec = archspec.load(case["spec"])
    plan = archspec.plan(spec, case["mesh"], params=case["params"], checkpoint=case.get("checkpoint"))
    torch.manual_seed(0)
    reference = archspec.build(spec, params=case["params"], dtype=torch.float64)
    torch.manual_seed(0)
    if case.get("generated"):
        namespace: dict[str, Any] = {"__name__": "generated"}
        exec(archspec.generate(spec, plan=plan), namespace)
        model = namespace[spec.name](**case["params"]).double()
        model.load_state_dict(reference.state_dict())
        model = namespace["parallelize"](model, mesh)
    else:
        model = archspec.parallelize(archspec.build(spec, params=case["params"], dtype=torch.float64), plan, mesh)
    shards = mesh["dp"].size() if "dp" in plan.mesh else 1
    own = mesh["dp"].get_local_rank() if shards > 1 else 0
    inputs = batch(spec, case["params"], 2 * shards)
    expected, after = train(reference, inputs)
    outputs, found = train(model, [x.chunk(shards)[own] for x in inputs])
    assert found.keys() == after.keys(), "the names of the parameters"
    pairs = [(found[name], after[name]) for name in after]
    pairs += [(x, y.chunk(shards)[own]) for x, y in zip(outputs, expected, strict=True)]
    return max(float((x - y).abs().max() / y.abs().max().clamp(min=1e-3)) for x, y in pairs)


def main() -> None:
    cases, folder, rank, world = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo"}
    store = dist.FileStore(str(folder / "store"), world)
    dist.init_process_group("gloo", rank=rank, world_size=world, store=store)
    found = []
    for case in cases:
        mesh = init_device_mesh("cpu", tuple(case["mesh"].values()), mesh_dim_names=tuple(case["mesh"]))
        found.append(differs(case, mesh))
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
