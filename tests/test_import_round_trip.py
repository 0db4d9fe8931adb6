"""Specs that become classes and come back: what is imported from a generated class is the network that it was."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import test_models as models

import archspec
from archspec.importer.gaps import Imported

LONGEST = 1.5
"""How many times the lines of a spec the imported one may have."""

FAILING: dict[str, str] = {}
"""Specs that do not come back, each with its cause."""


def imported(name: str) -> Imported:
    """The spec of a generated class, made with the first of a spec's settings."""
    params = (models.OTHER_PARAMETERS.get(name) or [{}])[0]
    kind = models.generated_class(name)
    names = list(inspect.signature(kind.forward).parameters)[1:]
    inputs = dict(zip(names, models.examples(name, params), strict=False))
    return archspec.import_module(kind, inputs, args=params, partial=True)


def lines(text: str) -> int:
    return sum(bool(one.strip()) and not one.strip().startswith("#") for one in text.splitlines())


def sizes(spec: archspec.Spec, params: dict[str, object]) -> list[dict[str, int]]:
    """The sizes of the free dimensions of a spec's inputs that make those of `examples`, by their places."""
    return [
        {str(axis): models.size(axis) for axis in one.type.shape if not isinstance(axis, int)}
        for one in spec.graph(params).main.inputs
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_a_generated_class_comes_back_as_its_spec(name: str) -> None:
    params = (models.OTHER_PARAMETERS.get(name) or [{}])[0]
    found = imported(name)
    if name in FAILING:
        assert not found.verified
        pytest.xfail(FAILING[name])
    assert found.verified, [*map(str, found.gaps), *found.differences]
    assert lines(found.text) <= LONGEST * lines((models.SPECS / f"{name}.yaml").read_text("utf-8"))
    back = archspec.parse(found.text, "back.yaml")
    changes = archspec.diff(models.load(name), back, old_params=params)
    assert "all of them" in str(changes), changes  # every weight fits by key and shape
    old, new = (archspec.summary(one, params=given) for one, given in ((models.load(name), params), (back, {})))
    assert old.parameters == new.parameters


def test_every_failing_spec_exists() -> None:
    assert set(FAILING) <= set(models.NAMES)
    assert all(FAILING.values())
    assert Path(models.SPECS).is_dir()
