"""The Python API: what a spec may be, what a parameter's value may be, and keywords that mean two things."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn

import archspec

TEXT = "params: {width: 3, act: ReLU, sizes: [2], rate: 0.5}\ninputs: {x: [N, 4]}\nlayers:\n  - Linear: width\n"
TEXT += "  - layer: act\n  - Dropout: rate\n  - {Linear: size, for: size in sizes}\n"
MAPPING = {
    "params": {"width": 3, "act": "ReLU", "sizes": [2], "rate": 0.5},
    "inputs": {"x": ["N", 4]},
    "layers": [{"Linear": "width"}, {"layer": "act"}, {"Dropout": "rate"}, {"Linear": "size", "for": "size in sizes"}],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(TEXT)
    return tmp_path / "net.yaml"


def test_a_mapping_may_hold_infinity() -> None:
    layers = {"y": "clamp(x, low, 2)"}
    spec = {"params": {"low": -math.inf}, "inputs": {"x": ["N", 4]}, "layers": layers}
    assert "low: float = -math.inf" in archspec.generate(spec)
    assert archspec.build(spec, low=math.inf)(torch.zeros(1, 4)).tolist() == [[2.0] * 4]
    (problem,) = archspec.check({**spec, "params": {"low": math.nan}})
    assert problem.code == "AS106"


def test_a_spec_is_a_path_a_mapping_or_a_spec(path: Path) -> None:
    for spec in (path, str(path), archspec.load(path), MAPPING, OrderedDict(MAPPING)):
        assert archspec.check(spec) == []
        assert archspec.build(spec=spec)[0].out_features == 3
        assert list(archspec.shapes(spec=spec)) == list(archspec.dtypes(spec=spec)) == ["0", "1", "2", "3"]
        assert archspec.generate(spec=spec).startswith('"""')
    problem = archspec.check({**MAPPING, "layers": ["Linaer"]})[0]
    assert (problem.code, problem.path) == ("AS401", "<mapping>")


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("width", numpy.int64(5), 5),
        ("width", torch.tensor(5), 5),
        ("width", numpy.uint8(5), 5),
        ("rate", numpy.float32(0.25), 0.25),
        ("rate", numpy.float64(0.25), 0.25),
        ("rate", numpy.array(0.25), 0.25),
        ("sizes", (5, 6), [5, 6]),
        ("sizes", range(5, 7), [5, 6]),
        ("sizes", deque([5, 6]), [5, 6]),
        ("sizes", numpy.array([5, 6]), [5, 6]),
        ("act", nn.GELU, "GELU"),
        ("act", numpy.str_("GELU"), "GELU"),
    ],
)
def test_values_of_other_libraries(path: Path, name: str, value: Any, plain: Any) -> None:
    expected = repr(archspec.build(path, params={name: plain}))
    assert repr(archspec.build(path, params={name: value})) == expected
    assert repr(archspec.build(path, **{name: value})) == expected
    assert archspec.check(path, params={name: value}) == []


@pytest.mark.parametrize("value", [{1, 2}, object(), nn.GELU(), numpy.array([{}]), b"5"])
def test_values_that_the_language_cannot_hold(path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="a parameter is a number"):
        archspec.build(path, params={"width": value})


@pytest.mark.parametrize("name", ["limit", "device", "dtype", "allow"])
def test_a_keyword_that_means_two_things_is_refused(name: str) -> None:
    spec = archspec.parse(f"params: {{{name}: 3}}\ninputs: {{x: [N, 4]}}\nlayers: [Linear: {name}]")
    options: dict[str, Any] = {name: 5}
    with pytest.raises(TypeError, match=rf"`{name}` is an option .* params=\{{'{name}'"):
        archspec.build(spec, **options)
    assert archspec.build(spec, params={name: 5})[0].out_features == 5
    assert archspec.build(spec)[0].out_features == 3


def test_a_parameter_is_given_once(path: Path) -> None:
    with pytest.raises(TypeError, match="`width` is given twice"):
        archspec.build(path, params={"width": 3}, width=4)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "net.yaml").write_text(TEXT)
    for text, words in ((TEXT, "archspec.parse(text)"), ("net", "did you mean `specs/net.yaml`?"), ("other", "")):
        (problem,) = archspec.check(text)
        assert problem.code == "AS107"
        assert words in problem.help
