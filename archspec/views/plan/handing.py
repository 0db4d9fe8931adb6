"""What of a plan is handed over to torch.distributed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archspec.emit.parallel import Sharding, Style
from archspec.problems import SpecError
from archspec.views.plan.roles import Role
from archspec.views.plan.sequence import Sequenced

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
    styles, behind = _styles(plan)
    ties = {key: other for key, other in plan.ties.items() if key.rpartition(".")[0] in plan.roles}
    dimensions = [name for name in ("dp", "tp") if name in plan.mesh]
    summed = bool(plan.sequence.norms) and "dp" not in plan.mesh
    checkpoint = plan.checkpoint is not None
    return Sharding(dimensions, styles, plan.modules, ties, plan.blocks, checkpoint, behind, summed)


def _styles(plan: Plan) -> tuple[dict[str, Style], dict[str, Style]]:
    """The style of each module, and a second one of what is done to its output besides."""
    sequence = plan.sequence
    styles = {path: _style(path, role, sequence) for path, role in plan.roles.items()}
    styles |= {path: _normed(axis) for path, axis in sequence.norms.items()}
    styles |= {path: _taken((_shard(axis),), local=True) for path, (axis, cut) in sequence.read.items() if not cut}
    for path, some in sequence.entered.items():
        axes = {one.place: one.axis for one in some}
        layouts = tuple(_shard(axes[place]) if place in axes else None for place in range(some[0].places))
        styles[path] = _taken(layouts, local=not all(one.together for one in some))
    for path, begun in sequence.begun.items():
        layouts = tuple(REPLICATE if place == begun.place else None for place in range(begun.places))
        styles[path] = _taken(layouts, _shard(begun.value.axis), local=True)
    handed = {path: _handed(_shard(sequence.norms[path]), REPLICATE) for path in sequence.gathered}
    handed |= {path: _handed(REPLICATE, _shard(one.axis)) for path, one in sequence.scattered.items()}
    behind = {path: style for path, style in handed.items() if path in styles}
    styles |= {path: style for path, style in handed.items() if path not in styles}
    if sequence.sums:
        order = {path: place for place, path in enumerate(plan.modules)}
        styles = dict(sorted(styles.items(), key=lambda one: order[one[0]]))
    return styles, behind


REPLICATE = "Replicate()"


def _shard(axis: int) -> str:
    return f"Shard({axis})"


def _style(path: str, role: Role, sequence: Sequenced) -> Style:
    """How a layer is cut, and along which axes of the sequence it reads or sums up."""
    arguments: dict[str, str] = {}
    if role.entries:
        arguments["input_layouts"] = REPLICATE
    if path in sequence.read:
        arguments["input_layouts"] = _shard(sequence.read[path][0])
    if path in sequence.sums:
        arguments["output_layouts"] = _shard(sequence.sums[path])
    elif role.gathered:
        arguments["output_layouts"] = REPLICATE
    return _called("ColwiseParallel" if role.name == "column" else "RowwiseParallel", arguments)


def _normed(axis: int) -> Style:
    dim = {} if axis == 1 else {"sequence_dim": str(axis)}
    return _called("SequenceParallel", {**dim, "use_local_output": "True"})


def _taken(layouts: tuple[str | None, ...], after: str = REPLICATE, *, local: bool) -> Style:
    """What a module takes is gathered: as a DTensor where cut layers alone read it, whose gradients are summed once."""
    wanted = tuple(layout and after for layout in layouts)
    arguments = {"input_layouts": _layouts(layouts), "desired_input_layouts": _layouts(wanted)}
    return _called("PrepareModuleInput", arguments | ({"use_local_output": "True"} if local else {}))


def _layouts(layouts: tuple[str | None, ...]) -> str | tuple[str, ...]:
    texts = tuple(map(str, layouts))
    return texts[0] if len(texts) == 1 else texts


def _handed(before: str, after: str) -> Style:
    return _called("PrepareModuleOutput", {"output_layouts": before, "desired_output_layouts": after})


def _called(name: str, arguments: Mapping[str, str | tuple[str, ...]]) -> Style:
    return Style(name, tuple(arguments.items()))
