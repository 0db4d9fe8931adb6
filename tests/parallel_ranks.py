"""What one of several processes does for `test_parallel`: a model trained on its mesh, compared with one that is whole.

Run as `python parallel_ranks.py CASES FOLDER RANK WORLD`; it writes what differs as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.pipelining import ScheduleGPipe, SplitPoint, pipeline
from torch.distributed.tensor import DTensor

import archspec
from archspec.views.plan import Plan

SEQUENCE = 6
PARTS = 2
"""The samples of a step go through the stages of a pipeline in so many parts."""


def whole(x: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor that may be spread over ranks."""
    return x.full_tensor() if isinstance(x, DTensor) else x


def gathered(model: nn.Module) -> dict[str, torch.Tensor]:
    """The whole state of a model."""
    return {name: whole(x).detach().clone() for name, x in model.state_dict().items()}


def tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor of what a model returns."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [x for part in value for x in tensors(part)]


def batch(spec: archspec.Spec, case: dict[str, Any], samples: int) -> list[torch.Tensor]:
    """Drawn inputs: small numbers where indices are wanted."""
    made = []
    for value in spec.graph(case["params"]).main.inputs:
        shape = [
            size if isinstance(size, int) else (samples, case.get("size", SEQUENCE))[place > 0]
            for place, size in enumerate(value.tensor.shape)
        ]
        drawn = (
            torch.randint(0, 16, shape) if value.tensor.dtype == "int64" else torch.randn(shape, dtype=torch.float64)
        )
        made.append(drawn)
    return made


def adamw(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer; where a gradient is nearly zero, a step multiplies the error of rounding by lr / eps."""
    return torch.optim.AdamW(parameters, lr=1e-2, eps=1e-4, foreach=False)


def loss(results: list[torch.Tensor]) -> torch.Tensor:
    """A mean over the samples, of everything that a model returns."""
    return torch.stack([x.square().mean() for x in results]).sum()


def train(model: nn.Module, inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Outputs of the first step and its gradients, and the state after two steps of AdamW."""
    optimizer = adamw(model.parameters())
    found: dict[str, torch.Tensor] = {}
    outputs: list[torch.Tensor] = []
    for step in range(2):
        optimizer.zero_grad()
        results = tensors(model(*inputs))
        loss(results).backward()
        if step == 0:
            outputs = [x.detach().clone() for x in results]
            found |= {f"{name}.grad": whole(p.grad).detach().clone() for name, p in model.named_parameters()}
        optimizer.step()
    return outputs, found | gathered(model)


def forged(plan: Plan, case: dict[str, Any]) -> Plan:
    """The plan with other roles, or with something left out, where the case says so: what no check has seen."""
    roles = {path: replace(role, name=case.get("roles", {}).get(path, role.name)) for path, role in plan.roles.items()}
    for path in case.get("roles", {}):
        roles[path] = replace(roles[path], gathered=False, entries=False)
    sequence = replace(plan.sequence, **{case["forgotten"]: {}}) if "forgotten" in case else plan.sequence
    return replace(plan, roles=roles, ties={} if case.get("untied") else plan.ties, sequence=sequence)


def planned(spec: archspec.Spec, case: dict[str, Any], mesh: dict[str, int]) -> Plan:
    """The plan of a case for a mesh."""
    checkpoint = case.get("checkpoint")
    plan = archspec.plan(
        spec,
        mesh,
        plan=case.get("plan"),
        params=case["params"],
        checkpoint=checkpoint,
        sequence_parallel=case.get("sequence", False),
    )
    assert bool(plan.sequence.sums) == case.get("sequence", False), plan.sequence.whole
    assert all(one.severity == "warning" for one in plan.problems), plan.problems
    return forged(plan, case)


def on_mesh(spec: archspec.Spec, case: dict[str, Any], mesh: DeviceMesh, start: dict[str, torch.Tensor]) -> nn.Module:
    """The model on a mesh, from those weights."""
    plan = planned(spec, case, dict(zip(mesh.mesh_dim_names or (), mesh.shape, strict=True)))
    if not case.get("generated"):
        model = archspec.build(spec, params=case["params"], dtype=torch.float64)
        model.load_state_dict(start)
        return archspec.parallelize(model, plan, mesh)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(archspec.generate(spec, plan=plan), namespace)
    model = namespace[spec.name](**case["params"]).double()
    model.load_state_dict(start)
    made: nn.Module = namespace["parallelize"](model, mesh)
    return made


def begun(spec: archspec.Spec, case: dict[str, Any]) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """The whole model, and the state that it begins with."""
    torch.manual_seed(0)
    reference = archspec.build(spec, params=case["params"], dtype=torch.float64)
    with torch.no_grad():
        for parameter in reference.parameters():  # some begin at zero, and nothing would flow back through them
            parameter.add_(0.02 * torch.randn_like(parameter))
    return reference, {name: x.detach().clone() for name, x in reference.state_dict().items()}


def staged(case: dict[str, Any]) -> float:
    """The largest difference between pipeline stages, each on a rank, and the whole model; of what the rank holds."""
    spec = archspec.load(case["spec"])
    reference, start = begun(spec, case)
    inputs = batch(spec, case, 2 * PARTS)
    model = archspec.build(spec, params=case["params"], dtype=torch.float64)
    model.load_state_dict(start)
    plan = archspec.plan(spec, pp=dist.get_world_size(), params=case["params"])
    assert all(one.severity == "warning" for one in plan.problems), plan.problems
    split = dict.fromkeys(plan.split_points, SplitPoint.BEGINNING)
    stage = pipeline(model, tuple(x.chunk(PARTS)[0] for x in inputs), split_spec=split).build_stage(
        dist.get_rank(), torch.device("cpu")
    )
    schedule = ScheduleGPipe(stage, PARTS, loss_fn=lambda results, _: loss(tensors(results)))
    own = dict(stage.submod.named_parameters())
    optimizer = adamw(own.values())
    expected, after = train(reference, inputs)
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
    for step in range(2):
        optimizer.zero_grad()
        given = inputs if stage.is_first else []
        results = schedule.step(*given, target=torch.zeros(2 * PARTS)) if stage.is_last else schedule.step(*given)
        if step == 0:
            pairs += zip(tensors(results), expected, strict=True) if stage.is_last else ()
            pairs += [(p.grad, after[f"{name}.grad"]) for name, p in own.items() if p.grad is not None]
        optimizer.step()
    assert own, "every stage holds something"
    pairs += [(p.detach(), after[name]) for name, p in own.items()]
    return largest(pairs)


def largest(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """The largest difference, relative to the largest number of what is expected."""
    return max(float((x - y).abs().max() / y.abs().max().clamp(min=1e-3)) for x, y in pairs)


def differs(case: dict[str, Any], mesh: DeviceMesh, folder: Path) -> float:
    """The largest difference between the model on the mesh and the whole one, relative to the largest number."""
    spec = archspec.load(case["spec"])
    reference, start = begun(spec, case)
    model = on_mesh(spec, case, mesh, start)
    assert equal(gathered(model), start), "the state before training"
    shards = mesh["dp"].size() if "dp" in case["mesh"] and not case.get("same") else 1
    own = mesh["dp"].get_local_rank() if shards > 1 else 0
    inputs = batch(spec, case, case.get("samples", 2) * shards)
    expected, after = train(reference, inputs)
    outputs, found = train(model, [x.chunk(shards)[own] for x in inputs])
    assert found.keys() == after.keys(), "the names of the parameters"
    if "reload" in case:
        change_meshes(spec, case, model, folder)
    pairs = [(found[name], after[name]) for name in after]
    pairs += [(x, y.chunk(shards)[own]) for x, y in zip(outputs, expected, strict=True)]
    return largest(pairs)


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    """Whether two states are the same, bit by bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in two)


def change_meshes(spec: archspec.Spec, case: dict[str, Any], model: nn.Module, folder: Path) -> None:
    """Saves a checkpoint, loads it on another mesh, and leaves the whole state for a single process to compare."""
    state = gathered(model)
    place = folder / f"checkpoint of {Path(case['spec']).stem}"
    dcp.save(get_model_state_dict(model), checkpoint_id=place)
    torch.manual_seed(1)
    start = archspec.build(spec, params=case["params"], dtype=torch.float64).state_dict()
    other = on_mesh(spec, case, made_mesh(case["reload"]), start)
    loaded = get_model_state_dict(other)
    dcp.load(loaded, checkpoint_id=place)
    set_model_state_dict(other, loaded)
    assert equal(gathered(other), state), "the state from a checkpoint of another mesh"
    if dist.get_rank() == 0:
        torch.save(state, folder / f"state of {Path(case['spec']).stem}.pt")


def made_mesh(sizes: dict[str, int]) -> DeviceMesh:
    """A mesh of the processes that run."""
    return init_device_mesh("cpu", tuple(sizes.values()), mesh_dim_names=tuple(sizes))


def judged(case: dict[str, Any], folder: Path) -> float:
    """The difference; of a plan that nothing has checked, infinity where PyTorch refuses it."""
    if case.get("staged"):
        return staged(case)
    mesh = made_mesh(case["mesh"])
    if not {"roles", "untied", "forgotten"} & case.keys():
        return differs(case, mesh, folder)
    try:
        return differs(case, mesh, folder)
    except (AssertionError, RuntimeError, ValueError, IndexError, TypeError) as error:
        print(case.get("roles"), type(error).__name__, str(error)[:200], file=sys.stderr)
        return float("inf")


def main() -> None:
    cases, folder, rank, world = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    os.environ |= {"GLOO_SOCKET_IFNAME": "lo"}
    store = dist.FileStore(str(folder / "store"), world)
    dist.init_process_group("gloo", rank=rank, world_size=world, store=store)
    found = [judged(case, folder) for case in cases]
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()
    sys.stderr.flush()
    os._exit(0)  # gloo's threads sometimes abort a process that ends as usual, after all is done


if __name__ == "__main__":
    main()
