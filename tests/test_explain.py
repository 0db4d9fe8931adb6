"""What `explain` tells: the same numbers as `shapes`, formulas that come to them, and texts that teach.

The texts are golden files; review them as a learner would.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shipped

import archspec
from archspec.cli import main
from archspec.dimensions import equal
from archspec.graph import Call, Class
from archspec.views.explain.facts import Explained
from archspec.views.explain.histories import History
from archspec.views.explain.origins import origins, type_of

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))

CASES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "the_490_of_tinyvgg": ("tinyvgg.yaml", "classifier.1", {}),
    "all_of_tinyvgg": ("tinyvgg.yaml", None, {}),
    "tinyvgg_of_more_units": ("tinyvgg.yaml", "classifier.1", {"params": {"hidden_units": 32}}),
    "dilated_and_strided": ("conv2d_dilated.yaml", "0", {}),
    "downsample_of_resnet": ("vision/resnet.yaml", "layer2.0.downsample.0", {}),
    "sum_of_resnet": ("vision/resnet.yaml", "layer2.0.sum", {"inputs": {"x": (1, 3, 224, 224)}}),
    "attention_of_gpt2": ("text/gpt2.yaml", "transformer.h.3.attn", {}),
    "broadcast_of_positions": ("text/gpt2.yaml", "transformer.drop", {}),
    "multihead_attention": ("vision/clip.yaml", "visual.transformer.0.attn", {}),
    "concat_of_densenet": ("vision/densenet.yaml", "features.denseblock1.denselayer3.out", {}),
    "lstm": ("text/lstm_classifier.yaml", "lstm", {}),
    "embedding": ("text/gpt2.yaml", "transformer.wpe", {}),
}
"""Golden texts: spec, step, and how it is explained."""


@pytest.mark.parametrize("name", CASES)
def test_explains_so_that_one_learns(name: str, golden: Callable[[str, str], None]) -> None:
    spec, step, how = CASES[name]
    text = archspec.explain(ROOT / "specs" / spec, step, **how).text()
    golden(f"explain/{name}.txt", text.replace(f"{ROOT}/", "") + "\n")


def test_is_a_document_and_data_as_well(golden: Callable[[str, str], None]) -> None:
    explanation = archspec.explain(ROOT / "specs" / "tinyvgg.yaml", "classifier.1")
    golden("explain/the_490_of_tinyvgg.md", explanation.markdown())
    text = json.dumps(explanation.as_dict(), indent=2).replace(f"{ROOT}/", "")
    golden("explain/the_490_of_tinyvgg.json", text + "\n")
    assert str(explanation) == explanation.text()
    colored = explanation.text(color=True)
    assert re.sub(r"\x1b\[\d*m", "", colored) == explanation.text() != colored


@pytest.mark.parametrize("name", shipped.each())
def test_explains_every_step_by_numbers_that_are_true(name: str) -> None:
    spec = archspec.load(shipped.SPECS / f"{name}.yaml")
    shapes, explanation = archspec.shapes(spec), archspec.explain(spec)
    told = {step.path: step for step in explanation.steps}
    for path, shape in shapes.items():
        step = told[_first_alike(path, told)]
        if step.kind != "group" and not step.same:
            assert _facts(step) == dict(_sizes(shape)), path
            _check_formulas(step)
    assert explanation.markdown()
    assert json.dumps(explanation.as_dict())


def _first_alike(name: str, told: dict[str, Explained]) -> str:
    """The step that tells of it: itself, or an equal one within a repetition before."""
    while name not in told:
        path = next(path for path, step in told.items() if step.same and name.startswith(f"{path}."))
        name = name.replace(path, told[path].same, 1)
    return name


def _sizes(shape: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if shape is None:
        return
    if any(isinstance(size, tuple) or size is None for size in shape):
        for place, one in enumerate(shape):
            yield from _sizes(one, (*at, place))
        return
    for axis, size in enumerate(shape):
        yield (at, axis), size


def _facts(step: Explained) -> dict[tuple[Any, ...], Any]:
    return {(fact.output, fact.axis): fact.value for fact in step.facts if not fact.inferred}


def _check_formulas(step: Explained) -> None:
    """A formula with its numbers comes to the size; a history goes from where it began to where it ends."""
    for fact in step.facts:
        assert _worth(fact.numbers) in (None, fact.value), fact
        _check_history(fact.history)


def _check_history(history: History) -> None:
    size = history.start
    for change in history.changes:
        assert equal(change.before, size) is True
        assert change.after != change.before
        assert _worth(change.numbers) in (None, change.after), change
        size = change.after
    assert equal(size, history.value) is True
    if history.kind != "input":
        assert _worth(history.numbers) in (None, history.start), history
    for _, one in history.before:
        _check_history(one)


def _worth(numbers: str) -> int | None:
    """What Python makes of a formula in numbers; None where it depends on a free dimension."""
    if not numbers:
        return None
    names = {node.id for node in ast.walk(ast.parse(numbers, mode="eval")) if isinstance(node, ast.Name)}
    known = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}
    return int(eval(numbers, {}, known)) if names <= known.keys() else None


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_what_a_step_takes_is_what_the_graph_says_that_it_takes(path: Path) -> None:
    for made in origins(archspec.load(path).graph()).values():
        if isinstance(made.item, Call):
            taken = tuple(type_of(value) for _, value in made.inputs)  # its origins are too long for a message
            layer = made.item.layer
            captured = [one.type for one in layer.inputs if one.captured] if isinstance(layer, Class) else []
            assert taken == (*made.item.inputs, *captured), made.path


NAMES = """
params: {width: 8, factor: 2}
let: {wide: width * factor}
inputs: {x: [N, 3, 16, 16]}
layers:
  stem: {Conv2d: {out_channels: wide, kernel_size: 3, padding: 1, stride: factor}}
  body:
    for: i in range(2)
    layers: [{Conv2d: {out_channels: wide * (i + 1), kernel_size: 3, padding: 1}}]
  out: {Double: {}}
blocks:
  Double:
    inputs: {x: [N, channels, H, W]}
    layers:
      conv: {Conv2d: {out_channels: 2 * channels, kernel_size: 1}}
      sum: conv[:, 0] + mean(x, 1)
"""


def test_says_where_a_name_has_its_value() -> None:
    spec = archspec.parse(NAMES)
    stem = archspec.explain(spec, "stem", params={"factor": 4}).text()
    assert "out_channels = 32, an argument: wide = width * factor = 32 (line 3); width = 8 (line 2); " in stem
    assert "factor = 4, given by the caller" in stem
    assert "it began as" not in stem
    assert "i = " not in archspec.explain(spec, "body.1.0").text()  # it is told what the loop's item comes to
    double = archspec.explain(spec, "out.conv").text()
    assert "out_channels = 64, an argument: 2 * channels = 64; channels = 32, axis 1 of body.1.0" in double


def test_a_step_that_there_is_not_is_wrong_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NAMES)
    with pytest.raises(ValueError, match=r"did you mean `stem`\? Steps: x, stem, body, out"):
        archspec.explain(spec, "stemm")
    assert main(["explain", str(spec), "out.convv"]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "did you mean `out.conv`? Steps in `out`: out.conv, out.sum" in said.err
    spec.write_text(NAMES.replace("Conv2d", "Conv2D"))
    assert main(["explain", str(spec), "stem", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().err)[0]["code"] == "AS401"


def test_tells_what_is_symbolic_in_symbols() -> None:
    text = archspec.explain(ROOT / "specs" / "vision" / "resnet.yaml", "conv1").text()
    assert "H_out = (H + 1) // 2: floor((H_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)" in text


def test_output_of_a_command_is_what_the_api_gives(capsys: pytest.CaptureFixture[str]) -> None:
    spec = str(ROOT / "specs" / "tinyvgg.yaml")
    expected = archspec.explain(spec, "classifier.0", params={"hidden_units": 12})
    for form, text in (("text", f"{expected}\n"), ("markdown", expected.markdown())):
        assert main(["explain", spec, "classifier.0", "--param", "hidden_units=12", "--format", form]) == 0
        assert capsys.readouterr().out == text
    assert main(["explain", spec, "classifier.0", "--param", "hidden_units=12", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.as_dict()


UNKNOWN = """
params: {depth: int}
inputs: {x: [N, 16]}
layers:
  deep:
    - Linear: 8
      repeat: depth
  mine: {ours.Layer: {k: 3}, shape: [N, 4]}
  out: {Linear: 2 * depth}
"""


def test_says_what_cannot_be_known() -> None:
    text = archspec.explain(archspec.parse(UNKNOWN, allow=["ours"])).text()
    assert "deep.*: for _ in range(depth)" in text
    assert "in_features = 4, inferred: made by Layer mine (line 8)" in text
    assert "out_features = 2 * depth, an argument: 2 * depth; depth = depth, a parameter without a value" in text
