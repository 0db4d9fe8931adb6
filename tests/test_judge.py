"""The judge sees what differs: specs of the language hold, and each kind of fault that is put in is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import drawing
import judge
import pytest
import torch
import yaml
from naive_module import NaiveModule
from torch import nn

import archspec

LANGUAGE = sorted((Path(__file__).parent / "language").glob("*.yaml"))
TEXT = """
inputs: {x: [N, 4]}
layers:
  a: {Linear: 4}
  norm: BatchNorm1d
  drop: {Dropout: 0.5}
  b: {Linear: 4}
  c: {Linear: 4}
  y: b + c
"""


def settings(text: str) -> list[dict[str, Any]]:
    """The parameters to try: the defaults, unless one is required, and others that a comment names."""
    found = [yaml.safe_load(line[8:]) for line in text.split("\n") if line.startswith("# with:")]
    required = [one for one in (yaml.safe_load(text).get("params") or {}).values() if one in ("int", "list", "str")]
    return found if required else [{}, *found[:1]]


@pytest.mark.parametrize("path", LANGUAGE, ids=[path.stem for path in LANGUAGE])
def test_the_language_is_read_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for params in settings(text):
        judge.judge(text, params, name=path.name)


JUDGED = sorted((Path(__file__).parent / "judged").glob("*.yaml"))
KINDS = sorted((Path(__file__).parent / "kinds").rglob("*.yaml"))
"""Specs by the kind of fault that they look for: variables, ties, optional inputs, work in place and others."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in JUDGED]
    + [pytest.param(path, id=f"{path.parent.name}/{path.stem}", marks=pytest.mark.slow) for path in KINDS],
)
def test_what_once_differed_is_read_alike(path: Path) -> None:
    """Specs in which readings differed, or that failed: drawn and minimised, or written. Some are rightly refused."""
    text = path.read_text(encoding="utf-8")
    expected = re.search("^# judged: (.*)", text, re.MULTILINE)
    found = drawing.judged(text, settings(text))
    assert found.kind == (expected[1] if expected else "equal"), found.why


def ties(module: nn.Module) -> None:
    module.get_submodule("c").weight = module.get_submodule("b").weight


def order(module: nn.Module) -> None:
    first = module._modules.pop("a")
    module.add_module("a", first)


def weights(module: nn.Module) -> None:
    with torch.no_grad():
        next(module.parameters()).add_(1)


def learns(module: nn.Module) -> None:
    next(module.parameters()).requires_grad_(False)


def changed(run: Callable[..., Any]) -> Callable[[nn.Module], None]:
    """A module whose forward method is another."""

    def change(module: nn.Module) -> None:
        before = module.forward
        module.forward = lambda x: run(module, before, x)  # type: ignore[method-assign]

    return change


def in_place(module: nn.Module, before: Callable[..., Any], x: torch.Tensor) -> Any:
    result = before(x)
    x.data.add_(1)
    return result


FAULTS: dict[str, tuple[Callable[[nn.Module], None], str]] = {
    "tie": (ties, "ties|weights"),
    "order": (order, "keys"),
    "weights": (weights, "weights"),
    "requires_grad": (learns, "requires_grad"),
    "output": (changed(lambda module, before, x: before(x) + 1), "output"),
    "training": (changed(lambda module, before, x: before(x) * (2 if module.training else 1)), "output"),
    "gradient": (changed(lambda module, before, x: before(x.detach())), "gradient"),
    "form": (changed(lambda module, before, x: (before(x),)), "form"),
    "failure": (changed(lambda module, before, x: before(x[:, :1])), "forward"),
    "input": (changed(in_place), "an input is changed"),
}


@pytest.mark.parametrize("both", [True, False], ids=["in both", "when built"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault: str, both: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in, kind = FAULTS[fault]
    build, generated = archspec.build, judge.generated_class

    def built(*args: Any, **kwargs: Any) -> nn.Module:
        module = build(*args, **kwargs)
        put_in(module)
        return module

    def written(spec: archspec.Spec) -> Any:
        cls = generated(spec)

        def make(**params: Any) -> nn.Module:
            module = cls(**params)
            put_in(module)
            return module

        return make

    judge.judge(TEXT)
    monkeypatch.setattr(archspec, "build", built)
    if both:
        monkeypatch.setattr(judge, "generated_class", written)
    with pytest.raises(judge.DisagreementError, match=kind):
        judge.judge(TEXT)


@pytest.mark.parametrize("what", ["shapes", "dtypes", "weights"])
def test_a_wrong_figure_is_seen(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = getattr(archspec, what)

    def wrong(*args: Any, **kwargs: Any) -> Any:
        found = told(*args, **kwargs)
        key = next(iter(found))
        return {**found, key: "int64" if what == "dtypes" else (9,)}

    monkeypatch.setattr(archspec, what, wrong)
    with pytest.raises(judge.DisagreementError, match=f"{what} told"):
        judge.judge(TEXT)


def test_optional_inputs_are_left_out() -> None:
    text = """
    inputs: {q: [N, T, 4], mask: {shape: [N, T], dtype: bool, optional: true}}
    layers:
      a: {from: {src: q, src_key_padding_mask: mask}, TransformerEncoderLayer: {nhead: 2, batch_first: true}}
    """
    spec = archspec.parse(text)
    inputs = judge.examples(spec, {}, {})
    assert [sorted(one) for one in judge.choices(judge.Network(text, "meta"), inputs)] == [["mask", "q"]] * 2
    judge.judge(text)


def test_modules_are_made_in_order() -> None:
    text = """
    order: [c, a]
    inputs: {x: [N, 4]}
    layers:
      a: {Linear: 4, repeat: 2}
      scale: {Parameter: ones(4)}
      b: [{Linear: 4, name: first}, {Linear: {out_features: 4, weight: a.1.weight}}]
      c: {layers: {fc: {Linear: 4}, y: fc * scale}}
    """
    module = NaiveModule(text, {}, {"N": 2})
    keys = "scale c.fc.weight c.fc.bias a.0.weight a.0.bias a.1.weight a.1.bias b.first.weight b.first.bias b.1.weight"
    assert list(module.state_dict()) == [*keys.split(), "b.1.bias"]
    assert judge.ties(module) == [["a.1.weight", "b.1.weight"]]
