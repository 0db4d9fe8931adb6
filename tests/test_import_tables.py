"""Model tables of ultralytics become specs, or a word on the row that does not."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec.cli import main
from archspec.importer.library import MODULES
from archspec.importer.tables import spec_of

TABLE = """\
# a small detector
nc: 4 # classes
scales:
  n: [0.33, 0.25, 1024]
  m: [0.67, 0.75, 768]
backbone:
  - [-1, 1, Conv, [64, 3, 2]] # 0
  - [-1, 3, C2f, [64, True]]
  - [-1, 1, Conv, [1024, 3, 2]]
  - [-1, 1, SPPF, [1024, 5]] # 3
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 1], 1, Concat, [1]]
  - [-1, 3, C2f, [64]] # 6
  - [[6, 3], 1, Detect, [nc]]
"""
BEGINNING = """\
name: YOLOtiny
doc: A model table of ultralytics as a spec.
params: {num_classes: 4, depth: 0.33, width: 0.25, max_channels: 1024}

variants:
  yolotinyn: {depth: 0.33, width: 0.25, max_channels: 1024}
  yolotinym: {depth: 0.67, width: 0.75, max_channels: 768}

let:
  c64: 8 * ceil(min(64, max_channels) * width / 8)
  c1024: 8 * ceil(min(1024, max_channels) * width / 8)
  n3: max(round(3 * depth), 1)

inputs:
  image: [N, 3, 4 * h, 4 * w]

layers:
  model:
    layers:
      conv0: {Conv: {out_channels: c64, kernel_size: 3, stride: 2}, name: "0"}
      c2f1: {C2f: {out_channels: c64, n: n3, shortcut: true}, name: "1"}
      conv2: {Conv: {out_channels: c1024, kernel_size: 3, stride: 2}, name: "2"}
      sppf3: {SPPF: {out_channels: c1024}, name: "3"}
      upsample4: {Upsample: {scale_factor: 2}, name: "4"}
      concat5: cat([upsample4, c2f1], 1)
      c2f6: {C2f: {out_channels: c64, n: n3}, name: "6"}
      detect7: {from: [c2f6, sppf3], Detect: {num_classes: num_classes}, name: "7"}

blocks:
"""
MODERN = (
    TABLE.replace("3, C2f, [64, True]", "2, C3k2, [64, False, 0.25]")
    .replace("5]] # 3", "5, 2, True]]")
    .replace("3, C2f, [64]]", "2, C3, [64]]")
)


def test_a_table_becomes_steps_with_names() -> None:
    text = spec_of(TABLE, "yolotiny.yaml", "yolotiny")
    assert text.startswith(BEGINNING)
    assert archspec.check(archspec.parse(text)) == []


@pytest.mark.parametrize("table", [TABLE, MODERN])
def test_the_network_has_the_keys_of_ultralytics(table: str) -> None:
    spec = archspec.parse(spec_of(table, "yolotiny.yaml", "yolotiny"))
    model = archspec.build(spec, variant="yolotinym")
    keys = {key.split(".")[1] for key in model.state_dict()}
    assert keys == {"0", "1", "2", "3", "6", "7"}
    assert {"model.7.cv2.1.2.weight", "model.7.dfl.conv.weight", "model.1.m.0.cv1.bn.num_batches_tracked"} <= {
        *model.state_dict()
    }
    found = model.eval()(torch.zeros(1, 3, 32, 64))
    cells = 16 * 32 + 8 * 16
    assert [tuple(one.shape) for one in found] == [(1, 8, cells), (1, 64, cells), (1, 4, cells)]


def test_the_scale_decides_what_c3k2_is_made_of() -> None:
    text = spec_of(MODERN, "yolotiny.yaml", "yolotiny")
    assert "yolotinyn: {depth: 0.33, width: 0.25, max_channels: 1024, c3k: false}" in text
    assert "yolotinym: {depth: 0.67, width: 0.75, max_channels: 768, c3k: true}" in text


def test_multiples_without_scales_are_parameters() -> None:
    table = TABLE.replace("scales:\n  n: [0.33, 0.25, 1024]\n  m: [0.67, 0.75, 768]", "width_multiple: 0.5")
    text = spec_of(table, "t.yaml", "t")
    assert "params: {num_classes: 4, width: 0.5}" in text
    assert 'c64: "8 * ceil(64 * width / 8)"' in text
    assert "n: 3" in text
    assert archspec.check(archspec.parse(text)) == []


def test_another_activation_stands_in_every_block() -> None:
    text = spec_of(f"activation: nn.ReLU()\n{TABLE}", "t.yaml", "t")
    assert "activation: ReLU" in text
    assert "activation: SiLU\n" not in text
    assert archspec.check(archspec.parse(text)) == []


def test_every_module_stands_in_a_network_that_checks() -> None:
    rows = [f"  - [-1, 2, {name}, [64]]" for name in MODULES if name not in ("Concat", "Detect", "Classify")]
    table = "\n".join(
        ["backbone:", *rows, "head:", "  - [-1, 1, nn.Conv2d, [64, 8, 1]]", "  - [-1, 1, Classify, [10]]"]
    )
    assert archspec.check(archspec.parse(spec_of(table, "t.yaml", "t"))) == []


def changed(old: str, new: str) -> str:
    assert TABLE.count(old) == 1
    return TABLE.replace(old, new)


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("name: Net\ninputs: {x: [N, 4]}\n", 1, "no list of rows below `backbone`: this is not a model table"),
        ("- 1\n", 1, "no list of rows below `backbone`"),
        ("backbone: []\nhead: 3\n", 2, "no list of rows below `head`"),
        (changed("- [-1, 3, C2f, [64]] # 6", "- [-1, 3, C2f]"), 14, "this is not a row of a model table"),
        (changed("1, Conv, [1024, 3, 2]", "0, Conv, [1024, 3, 2]"), 9, "this is not a row of a model table"),
        (changed("SPPF", "SPPELAN"), 10, "unknown module 'SPPELAN'"),
        (changed("nn.Upsample", "nn.Upsampel"), 12, "unknown module 'nn.Upsampel'"),
        (changed("[-1, 1], 1, Concat", "[-1, 9], 1, Concat"), 13, "'9' is not a row above this one"),
        (changed("nc: 4", "end2end: true\nnc: 4"), 2, "the key 'end2end' of a model table"),
        (changed("[1024, 5]", "[1024, 5, 3, True, 1]"), 10, "`SPPF` has 1 arguments too many"),
        (changed("[64, True]", "[sixty, True]"), 8, "'sixty' is not a number of channels"),
        (changed("[64, True]", "[]"), 8, "`C2f` without `out_channels`"),
        (changed("  m: [0.67, 0.75, 768]", "  m: [0.67, 0.75]"), 5, "the scale 'm' is not three numbers"),
        (changed("nc: 4", "activation: eval()\nnc: 4"), 2, "'eval()' is not a layer without arguments"),
        (changed("Concat, [1]", "Concat, [2]"), 13, "Concat joins other axes than the channels"),
    ],
)
def test_what_is_no_table_is_told_at_its_line(table: str, line: int, message: str) -> None:
    with pytest.raises(archspec.SpecError) as raised:
        spec_of(table, "t.yaml", "t")
    (problem, *more) = raised.value.problems
    assert not more
    assert (problem.code, problem.span.line) == ("AS620", line)
    assert problem.message.replace("`", "'").startswith(message.replace("`", "'"))
    assert problem.help


def test_the_command_writes_a_table_as_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "yolotiny.yaml").write_text(TABLE, "utf-8")
    target = str(tmp_path / "yolotiny.yaml")
    assert main(["import", target, "--format", "ultralytics", "-o", str(tmp_path / "spec.yaml")]) == 0
    assert (tmp_path / "spec.yaml").read_text("utf-8").startswith(BEGINNING)
    assert main(["import", target, "--format", "ultralytics", "--vary", "a=1"]) == 2
    (tmp_path / "no.yaml").write_text("a: 1\n", "utf-8")
    assert main(["import", str(tmp_path / "no.yaml"), "--format", "ultralytics"]) == 1
    assert "no.yaml:1:1: error[AS620]: no list of rows below `backbone`" in capsys.readouterr().err


# Against the package itself.


def filled(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Weights with which no layer is idle."""
    generator = torch.Generator().manual_seed(1)
    for key, value in model.state_dict().items():
        if not value.is_floating_point() or ".dfl." in key:
            yield key, value
        elif value.dim() > 1:
            yield key, torch.randn(value.shape, generator=generator) / value[0].numel() ** 0.5
        else:
            yield key, torch.rand(value.shape, generator=generator) * 0.5 + 0.75


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="ultralytics is not installed")
@pytest.mark.parametrize(
    ("file", "scale"), [("v8/yolov8", "n"), ("11/yolo11", "n"), ("11/yolo11", "m"), ("v5/yolov5", "s")]
)
def test_outputs_are_those_of_ultralytics(file: str, scale: str) -> None:
    import ultralytics
    from ultralytics.nn.tasks import DetectionModel

    path = Path(ultralytics.__file__).parent / "cfg" / "models" / f"{file}.yaml"
    spec = archspec.parse(spec_of(path.read_text("utf-8"), path.name, path.stem))
    configuration: dict[str, Any] = {**read_by_ultralytics(path), "scale": scale}
    model, network = DetectionModel(configuration, verbose=False), archspec.build(spec, variant=f"{path.stem}{scale}")
    weights = dict(filled(model))
    assert list(network.state_dict()) == list(weights)
    model.load_state_dict(weights)
    network.load_state_dict(weights)
    x = torch.rand(2, 3, 64, 96)
    for training in (False, True):
        with torch.no_grad():
            theirs, ours = model.train(training)(x), network.train(training)(x)
        raw = theirs if training else theirs[1]
        wanted = {"boxes": raw["boxes"], "scores": raw["scores"], **({} if training else {"detections": theirs[0]})}
        for name, tensor in wanted.items():
            torch.testing.assert_close(getattr(ours, name), tensor, rtol=1e-4, atol=1e-4 * float(tensor.std()))


def read_by_ultralytics(path: Path) -> dict[str, Any]:
    """A table as ultralytics itself reads it."""
    from ultralytics.nn.tasks import yaml_model_load

    read: dict[str, Any] = yaml_model_load(str(path))
    return read
