"""What of a plan is handed over to torch.distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec.emit.parallel import COLUMN, ENTRIES, GATHERED, ROW, Sharding
from archspec.problems import SpecError
from archspec.views.plan.roles import Role

if TYPE_CHECKING:
    from archspec.views.plan import Plan


def sharding(plan: Plan) -> Sharding:
    """How each layer is cut, which weights are tied again, and which blocks are sharded one by one.

    SpecError for a plan that would compute something else, ValueError for one with pipeline stages.
    """
    if plan.pp > 1:
        raise ValueError("pipeline stages are not handed over: split the model with torch.distributed.pipelining")
    if wrong := [one for one in plan.problems if one.severity == "error" and one.code != "AS805"]:
        raise SpecError(wrong)
    styles = {path: _style(role) for path, role in plan.roles.items()}
    ties = {key: other for key, other in plan.ties.items() if key.rpartition(".")[0] in styles}
    dimensions = [name for name in ("dp", "tp") if name in plan.mesh]
    return Sharding(dimensions, styles, plan.modules, ties, plan.blocks, plan.checkpoint is not None)


def _style(role: Role) -> str:
    if role.name == "column":
        return GATHERED if role.gathered else COLUMN
    return ENTRIES if role.entries else ROW
