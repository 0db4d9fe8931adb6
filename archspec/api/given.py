"""What callers give: a spec in one of its forms, values of parameters, sizes of inputs, limits of a budget."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from archspec.document import Budget, limit
from archspec.graph import Graph
from archspec.problems import echo
from archspec.spec import Spec, from_mapping, load

AnySpec: TypeAlias = Spec | str | os.PathLike[str] | Mapping[str, Any]
Params: TypeAlias = Mapping[str, Any] | None
Sizes: TypeAlias = Mapping[str, Sequence[int]] | None
PlanFile: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]


def spec_of(spec: AnySpec, allow: Iterable[str] = ()) -> Spec:
    """The spec that a path, a mapping or a Spec stands for; SpecError where it cannot be read."""
    if isinstance(spec, Spec):
        return spec
    return from_mapping(spec, allow=allow) if isinstance(spec, Mapping) else load(spec, allow=allow)


def graph_of(spec: AnySpec, allow: Iterable[str], variant: str | None, params: Params, inputs: Sizes) -> Graph:
    """The graph of a spec with those settings."""
    loaded = spec_of(spec, allow)
    return loaded.graph(loaded.settings(variant, params), inputs)


def limits_of(budget: Mapping[str, int | str]) -> dict[str, int]:
    """A budget that a caller gives, as numbers."""
    for name in budget:
        if name not in Budget.model_fields:
            figures = ", ".join(f"`{field}`" for field in Budget.model_fields)
            raise ValueError(f"a budget has no entry {echo(name)}; it may limit {figures}")
    return {name: limit(value) for name, value in budget.items()}
