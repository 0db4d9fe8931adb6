"""The JSON Schema of a plan's file, for editors."""

from __future__ import annotations

from typing import Any

from archspec.document import PlanFile
from archspec.document.plan import ROLES
from archspec.tensors import FLOATS
from archspec.views.plan.mesh import DIMENSIONS, LARGEST
from archspec.views.plan.sharding import OPTIMIZERS
from archspec.views.schema import DRAFTS, Draft

_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_VALUE: dict[str, Any] = {"type": ["number", "string", "boolean", "array"]}

KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    "archspec": ("The language's version; there is one, 1.", {"enum": [1]}),
    "doc": ("Words for people.", {"type": "string"}),
    "variant": ("The variant of the spec that the plan is for.", {"type": "string"}),
    "params": (
        "Parameters of the spec that are not at their defaults.",
        {"type": "object", "additionalProperties": _VALUE},
    ),
    "mesh": (
        "Ranks along each dimension: `{dp: 8, tp: 4}`.",
        {
            "type": ["object", "string"],
            "minProperties": 1,
            "properties": {
                name: {"description": text, **_COUNT, "maximum": LARGEST} for name, text in DIMENSIONS.items()
            },
            "additionalProperties": False,
        },
    ),
    "pp": ("How many pipeline stages there are.", _COUNT),
    "stages": (
        "The block with which each pipeline stage begins.",
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
    ),
    "cuts": (
        "How layers are cut, by names of modules or patterns with `*`; what is left out is derived.",
        {"type": "object", "minProperties": 1, "additionalProperties": {"enum": list(ROLES)}},
    ),
    "checkpoint": ("What is recomputed in the backward pass.", {"enum": ["blocks"]}),
    "inputs": (
        "The sizes of inputs that one data-parallel rank is given: `x: [8, 3, 224, 224]`.",
        {"type": "object", "additionalProperties": {"type": "array", "items": _COUNT}},
    ),
    "batch": ("Samples that one data-parallel rank is given in a step.", _COUNT),
    "dtype": ("Of the parameters.", {"enum": list(FLOATS)}),
    "optimizer": ("Whose states are counted.", {"enum": list(OPTIMIZERS)}),
    "device_memory": ("Of one device, as `80GB` or in bytes.", {"type": ["string", "integer"], "minimum": 1}),
    "sequence_parallel": (
        "Whether ranks of `tp` hold blocks of the sequence between the layers that are cut.",
        {"type": "boolean"},
    ),
}
"""What each key means, and which values it takes."""


def schema(draft: Draft = "2020-12") -> dict[str, Any]:
    """The schema of a plan's file."""
    address, _ = DRAFTS[draft]
    properties = {name: {"description": KEYS[name][0], **KEYS[name][1]} for name in PlanFile.model_fields}
    return {
        "$schema": address,
        "title": "archspec plan",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def text(draft: Draft = "2020-12") -> str:
    """The schema as a file holds it."""
    import json  # here: programs take the schema as it is

    return json.dumps(schema(draft), indent=1, ensure_ascii=False) + "\n"
