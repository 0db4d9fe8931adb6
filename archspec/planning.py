"""A plan made of a spec: what is asked for, checked, and the sizes of the inputs that it is made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.document.plan import SETTINGS
from archspec.problems import SpecError, did_you_mean, echo
from archspec.refusals import RefusalError
from archspec.spec import Spec
from archspec.views.plan import DTYPES, Network, Plan, PlanSetting, make
from archspec.views.plan.asked import NOTHING, Wishes
from archspec.views.plan.mesh import LARGEST, read_bytes, read_mesh
from archspec.views.plan.sharding import OPTIMIZERS
from archspec.views.plan.sizes import candidates

CHECKPOINTS = ("blocks",)
"""What a plan may recompute in the backward pass."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is asked for."""

    mesh: Mapping[str, int] | str | None = None
    variant: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    setting: Mapping[str, Any] = field(default_factory=dict)
    wishes: Wishes = NOTHING


def planned(spec: Spec, request: Request) -> Plan:
    """The plan of a spec. SpecError for a bad spec, ValueError for a setting that is none."""
    asked, params = read_setting(request.mesh, request.setting), spec.settings(request.variant, request.params)
    try:
        return make(network(spec, params, request.inputs, asked.batch), asked, request.wishes)
    except RefusalError:  # a step that training refuses with so few samples: its figures stay unknown
        return make(_open(spec, params, request.inputs), asked, request.wishes)


def alternatives(
    spec: Spec, devices: int, params: Mapping[str, Any], inputs: Mapping[str, Sequence[int]], setting: Mapping[str, Any]
) -> list[Plan]:
    """A plan for each mesh of so many devices, those that fit first, and of these what sends least in a step first.

    ValueError for a setting that is none.
    """
    if not 1 <= devices <= LARGEST:
        raise ValueError(f"`devices` is {devices}; it takes a number from 1 to {LARGEST:,}")
    asked = read_setting(None, setting)
    if devices % asked.pp:
        raise ValueError(f"{devices} devices are not a multiple of {asked.pp} pipeline stages")
    ranks, made = devices // asked.pp, network(spec, params, inputs, asked.batch)
    degrees = [degree for degree in range(1, min(ranks, MOST_CUT) + 1) if ranks % degree == 0]
    meshes = [{"dp": ranks // degree, "tp": degree} for degree in degrees]
    plans = [make(made, replace(asked, mesh=mesh)) for mesh in meshes]
    return sorted((one for one in plans if _is_right(one)), key=lambda one: (one.fits is False, one.sent))


MOST_CUT = 64
"""Tensor parallelism over more ranks leaves the machine, or the rack, whose links it needs."""


def _is_right(plan: Plan) -> bool:
    """Whether nothing is wrong with it but that it needs more memory."""
    return all(one.severity == "warning" or one.code == "AS805" for one in plan.problems)


def read_setting(mesh: Mapping[str, int] | str | None, setting: Mapping[str, Any]) -> PlanSetting:
    """What a caller asks for; ValueError for what cannot be.

    >>> read_setting("tp=2", {"batch": 4}).batch
    4
    """
    for name in setting:
        if name not in SETTINGS:
            raise ValueError(f"a plan has no setting {echo(name)}; {did_you_mean(name, SETTINGS, 'settings')}")
    found = {name: value for name, value in setting.items() if value is not None}
    for name in ("pp", "batch"):
        value = found.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 20:
            raise ValueError(f"`{name}` is {echo(value)}; it takes a number of 1 or more")
    for name, known in (("dtype", DTYPES), ("optimizer", tuple(OPTIMIZERS)), ("checkpoint", CHECKPOINTS)):
        if name in found and found[name] not in known:
            raise ValueError(
                f"`{name}` is {echo(found[name])}; {did_you_mean(str(found[name]), known, 'it takes one of')}"
            )
    if not isinstance(found.get("sequence_parallel", False), bool):
        raise ValueError(f"`sequence_parallel` is {echo(found['sequence_parallel'])}; it takes true or false")
    if "device_memory" in found:
        found["device_memory"] = read_bytes(found["device_memory"])
    return PlanSetting(read_mesh(mesh), **found)


def network(spec: Spec, params: Mapping[str, Any], inputs: Mapping[str, Sequence[int]], batch: int) -> Network:
    """The network with a size for each input: the caller's, or else an example's that the spec accepts."""
    plain = spec.graph(params, inputs)
    place = spec.source.span(("layers",), key=True)
    for sizes, assumed in candidates(plain.main, inputs, batch):
        if sizes == inputs:
            break
        try:
            return Network(spec.graph(params, sizes), sizes, assumed, place)
        except SpecError:
            continue  # an image of another size than a step takes
    return _open(spec, params, inputs)


def _open(spec: Spec, params: Mapping[str, Any], inputs: Mapping[str, Sequence[int]]) -> Network:
    """The network with the sizes that the caller gives alone."""
    place = spec.source.span(("layers",), key=True)
    return Network(spec.graph(params, inputs), {name: tuple(shape) for name, shape in inputs.items()}, {}, place)
