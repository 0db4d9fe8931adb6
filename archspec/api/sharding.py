"""A training step on many ranks: what each holds and sends, and the model cut so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archspec.api.given import AnySpec, Params, PlanFile, Sizes, spec_of

if TYPE_CHECKING:
    from torch import nn
    from torch.distributed.device_mesh import DeviceMesh

    from archspec.views.plan import Plan


def plan(
    spec: AnySpec,
    mesh: Mapping[str, int] | str | None = None,
    *,
    plan: PlanFile | None = None,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
    **setting: Any,
) -> Plan:
    """What each rank of a sharded training step holds and sends, without PyTorch; `str()` of it is a report.

    `mesh` says how many ranks there are along `dp`, over which FSDP2 shards every parameter, and `tp`, over which
    layers are cut: `{"dp": 16, "tp": 8}` or `"dp=16,tp=8"`. `setting` may hold `batch`, the samples that one
    data-parallel rank is given in a step (1); `pp`, pipeline stages (1); `dtype` of the parameters ("float32");
    `optimizer` ("adamw"); `checkpoint="blocks"`, to recompute each block in the backward pass;
    `sequence_parallel=True`, for blocks of the sequence between the layers that are cut; `device_memory`, as "80GB" or
    in bytes. `plan` is the path of a file that says any of this, and also how layers are cut and where stages begin; a
    mapping stands for what it holds. What the caller says counts more than what the file says.
    Figures are bytes of one rank. Raises SpecError for a bad spec, ValueError for a setting that is none.

        >>> found = archspec.plan("specs/text/llama.yaml", {"dp": 8, "tp": 4})
        >>> found.ranks[0].parameters, found.share_cut
        (1003962368, 0.9999668507880589)
    """
    from archspec.planning import Request, planned  # here: most programs never ask for it

    loaded, request = spec_of(spec, allow), Request(mesh, variant, params or {}, inputs or {}, setting)
    if plan is not None:
        from archspec.plan_files import with_file  # here: likewise

        request = with_file(loaded, plan, request)
    return planned(loaded, request)


def parallelize(model: nn.Module, plan: Plan, mesh: DeviceMesh) -> nn.Module:
    """Shards a built or generated model over a mesh by a plan, in place; the model.

    `mesh` has just the dimensions that the plan names. Layers are cut over `tp` by `parallelize_module`, every
    parameter is sharded over `dp` by FSDP2, ties are made again, blocks are checkpointed if the plan says so. Every
    rank starts from the same weights. Raises ValueError where the mesh is not the plan's, ImportError without PyTorch.
    """
    from archspec.emit.handing import hand_over  # here: it imports torch
    from archspec.views.plan.handing import sharding  # here: likewise

    names = mesh.mesh_dim_names or ()
    found = sharding(plan)
    given = dict(zip(names, mesh.shape, strict=False))
    if given != plan.mesh:
        raise ValueError(f"the mesh is {given}, the plan's {plan.mesh}: make it with init_device_mesh")
    return hand_over(model, found, mesh)
