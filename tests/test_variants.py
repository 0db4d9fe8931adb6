"""Variants: judged, built, generated as functions, and summarised side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import judge
import pytest
import torch
from naive import Network
from torch import nn

import archspec
from archspec.cli import main

ROOT = Path(__file__).parent.parent
RULE = ROOT / "tests" / "language" / "variants.yaml"
SHIPPED = sorted(path for path in (ROOT / "specs").rglob("*.yaml") if "\nvariants:" in path.read_text("utf-8"))
QUICK = ("convnext", "llama", "mnasnet", "vgg")
"""Of these, the variants are built in the usual run, too."""


def functions(path: Path) -> dict[str, Any]:
    """What a generated file defines."""
    names: dict[str, Any] = {}
    exec(compile(archspec.generate(path), path.stem, "exec"), names)
    return names


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and v.shape == w.shape and (v.is_meta or torch.equal(v, w)) for (a, v), (b, w) in pairs)


@pytest.mark.parametrize("variant", ["small", "large", "base"])
def test_built_equals_generated_equals_the_judge(variant: str) -> None:
    made = functions(RULE)
    for params in ({}, {"width": 5}):
        torch.manual_seed(0)
        built = archspec.build(RULE, variant=variant, **params)
        torch.manual_seed(0)
        assert same(built, made[variant](**params))
    text = RULE.read_text("utf-8")
    settings = Network(text, "cpu").variant(variant)
    assert archspec.load(RULE).settings(variant, {}) == {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    judge.judge(text, settings, {}, "variants.yaml")


def test_parameters_come_on_top() -> None:
    made = functions(RULE)
    assert made["large"].__doc__.startswith("The one of the paper")
    assert made["large"](width=3, depth=1).hidden[0].out_features == 3
    assert archspec.build(RULE, variant="large", depth=1).hidden[0].out_features == 16
    assert made["base"].__annotations__["return"] in ("Net", made["Net"])
    for wrong in ({"widht": 3}, {"p": 2}):
        with pytest.raises((TypeError, ValueError)):
            made["small"](**wrong)
        with pytest.raises(archspec.SpecError):
            archspec.build(RULE, variant="small", params=wrong)


def test_every_function_that_reads_a_spec_takes_one() -> None:
    params = {"depth": 1, "sizes": []}
    for read in (archspec.shapes, archspec.dtypes, archspec.weights):
        assert read(RULE, variant="small") == read(RULE, params=params)
    for read in (archspec.summary, archspec.diagram, archspec.diff):
        more = [RULE] if read is archspec.diff else []
        options = {"format": "mermaid"} if read is archspec.diagram else {}
        assert str(read(RULE, *more, variant="small", **options)) == str(read(RULE, *more, params=params, **options))
    assert archspec.verify(RULE, variant="small", inputs={"x": (1, 8)})
    assert archspec.check(RULE, variant="base") == []
    assert not archspec.diff(RULE, RULE, old_variant="small", new_variant="base").equal


def test_a_number_of_a_variant_is_explained_by_its_line() -> None:
    text = str(archspec.explain(RULE, "hidden.0", variant="large"))
    line = RULE.read_text("utf-8").split("\n").index("    width: 4 * 4") + 1
    assert f"width = 16, set by the variant (line {line})" in text
    text = str(archspec.explain(RULE, "hidden.0", variant="large", params={"width": 3}))
    assert "width = 3, given by the caller" in text


def test_an_unknown_variant_is_a_problem_with_the_nearest_one() -> None:
    (problem,) = archspec.check(RULE, variant="larg")
    assert (problem.code, "did you mean `large`?" in problem.help) == ("AS208", True)
    with pytest.raises(archspec.SpecError, match="no variant `larg`"):
        archspec.build(RULE, variant="larg", depth=1)
    (problem,) = archspec.check({"inputs": {"x": ["N", 8]}, "layers": ["ReLU"]}, variant="a")
    assert problem.help == "this spec has no variants"


def test_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    spec = archspec.load(RULE)
    with pytest.raises(archspec.SpecError):
        archspec.build(spec)  # its defaults lack a depth
    found = archspec.summaries(spec, inputs={"x": (2, 4)}, params={"width": 4})
    assert list(found) == ["", "small", "large", "base"]
    for name in ("small", "large", "base"):
        alone = archspec.summary(spec, variant=name, inputs={"x": (2, 4)}, params={"width": 4})
        assert (found[name].parameters, found[name].macs) == (alone.parameters, alone.macs)
    assert main(["summary", str(RULE), "--variants", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["variants"]["small"]["totals"]["parameters"] == 8 * 8 + 8
    for form in ("text", "csv", "markdown"):
        assert main(["summary", str(RULE), "--variants", "--format", form]) == 0
        out = capsys.readouterr().out
        assert sum("small" in row for row in out.split("\n")) == 1
    assert main(["summary", str(RULE), "--variants", "--variant", "small"]) == 2


def test_the_command_line_takes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(RULE), "--variant", "small"]) == 0
    assert main(["check", str(RULE), "--variant", "smal"]) == 1
    assert "did you mean `small`?" in capsys.readouterr().out
    assert main(["summary", str(RULE), "--variant", "small", "--param", "width=4"]) == 0
    assert "[N, 4]" in capsys.readouterr().out
    assert main(["diff", str(RULE), "--old-variant", "small", "--new-variant", "base"]) == 1
    assert "(base)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem not in QUICK)) for path in SHIPPED],
)
def test_variants_of_shipped_specs(path: Path) -> None:
    made = functions(path)
    spec = archspec.load(path)
    for name, settings in spec.variants.items():
        with torch.device("meta"):
            written = made[name]()
        assert same(archspec.build(spec, variant=name, device="meta"), written)
        assert settings or name, name
