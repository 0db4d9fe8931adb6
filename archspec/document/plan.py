"""A plan's file: the mesh, how layers are cut, where stages begin, and what else a plan is made for.

It says as much of that as its writer wants to settle; what it leaves out is derived from the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, PlainValidator

from archspec.document.checks import refuse
from archspec.document.model import Doc, Model, Version
from archspec.problems import did_you_mean, echo

ROLES = ("column", "row", "gathered", "whole")
"""How a layer may be cut: along what it makes, along what it sums up or looks up, along what it makes but with the
whole output on every rank, or not at all."""

_CUTS = "write `cuts: {layers.*.up: column, layers.*.down: row}`"
_MESH = "write `mesh: {dp: 8, tp: 4}`"
_STAGES = "write the block with which each stage begins: `stages: [layers.0, layers.8]`"


def _mesh(value: object) -> object:
    """The number of ranks along each dimension, or a text that says so."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not value:
        raise refuse("AS202", "`mesh` must be a mapping of dimensions to numbers of ranks", _MESH)
    for name, size in value.items():
        if isinstance(size, bool) or not isinstance(size, int):
            raise refuse("AS202", f"{echo(size)} is not a number of ranks", _MESH, at=(name,))
    return value


def _cuts(value: object) -> object:
    """A role for each name or pattern of names of layers."""
    if not isinstance(value, dict) or not value:
        raise refuse("AS202", "`cuts` must map layers to the way in which each is sharded", _CUTS)
    for pattern, role in value.items():
        if role not in ROLES:
            hint = did_you_mean(str(role), ROLES, "a layer can be")
            raise refuse("AS202", f"{echo(role)} is not a way to shard a layer", hint, at=(pattern,))
    return value


def _stages(value: object) -> object:
    """The blocks with which the stages begin."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise refuse("AS202", "`stages` must be a list of blocks", _STAGES)
    return value


def _inputs(value: object) -> object:
    """The sizes of inputs."""
    advice = "write `inputs: {x: [8, 3, 224, 224]}`"
    if not isinstance(value, dict):
        raise refuse("AS202", "`inputs` must be a mapping of inputs to their sizes", advice)
    for name, sizes in value.items():
        numbers = isinstance(sizes, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in sizes)
        if not numbers:
            raise refuse("AS202", f"the sizes of the input {echo(name)} are a list of numbers", advice, at=(name,))
    return value


Mesh: TypeAlias = Annotated[Mapping[str, int] | str, PlainValidator(_mesh)]
Cuts: TypeAlias = Annotated[Mapping[str, str], PlainValidator(_cuts)]
Stages: TypeAlias = Annotated[list[str], PlainValidator(_stages)]
Sizes: TypeAlias = Annotated[Mapping[str, list[int]], PlainValidator(_inputs)]


class PlanFile(Model):
    """A whole plan's file."""

    archspec: Version = 1
    doc: Doc = ""
    variant: str | None = None
    params: dict[str, Any] = Field(default={})
    mesh: Mesh = Field(default={})
    pp: int | None = None
    stages: Stages = Field(default=[])
    cuts: Cuts = Field(default={})
    checkpoint: str | None = None
    inputs: Sizes = Field(default={})
    batch: int | None = None
    dtype: str | None = None
    optimizer: str | None = None
    device_memory: int | str | None = None
    sequence_parallel: bool | None = None


SETTINGS = ("pp", "batch", "dtype", "optimizer", "checkpoint", "device_memory", "sequence_parallel")
"""Its keys that are settings of a plan by the same names."""
