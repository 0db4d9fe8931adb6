"""The modules of ultralytics' tables as blocks: the names of their arguments, and the text of the blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from archspec import source


class Module(NamedTuple):
    """A module of a table: its block, and what the arguments of a row are called, in their order."""

    block: str
    arguments: tuple[str, ...] = ()
    first: str | None = "out_channels"
    """The first argument, which is no option."""
    scaled: bool = True
    """Whether the first argument is a number of channels, which the width multiplies."""
    repeated: bool = False
    """Whether the block itself repeats what it holds."""


_CSP = ("shortcut", "groups", "expansion")
MODULES: dict[str, Module] = {
    "Conv": Module("Conv", ("kernel_size", "stride", "padding", "groups")),
    "Bottleneck": Module("BottleneckTo", ("shortcut", "groups")),
    "C2": Module("C2", _CSP, repeated=True),
    "C2f": Module("C2f", _CSP, repeated=True),
    "C3": Module("C3", _CSP, repeated=True),
    "C3k2": Module("C3k2", ("c3k", "expansion"), repeated=True),
    "C2PSA": Module("C2PSA", ("expansion",), repeated=True),
    "SPP": Module("SPP", ("kernel_sizes",)),
    "SPPF": Module("SPPF", ("kernel_size", "n", "shortcut")),
    "Concat": Module("", (), None),
    "Classify": Module("Classify", (), "num_classes", scaled=False),
    "Detect": Module("Detect", (), "num_classes", scaled=False),
}
"""The modules that a table may name, besides those of torch.nn."""

_DETECT = """\
  Detect:
    doc: |
      Boxes and classes of objects.

      `boxes` are the distributions of the boxes' sides and `scores` the logits of the classes, which losses take;
      `detections` are the boxes in pixels (centre, width, height), and the probabilities of the classes.
    params: {num_classes: int, reg_max: 16}
    inputs:
INPUTS
    layers:
      maps: "[NAMES]"
      cv2: {each: p in maps, from: p, BoxHead: {width: "max(16, channels // 4, 4 * reg_max)", reg_max}}
      cv3: {each: p in maps, from: p, HEAD: {width: "max(channels, min(num_classes, 100))", num_classes}}
      box_rows: {each: m in cv2, from: m, Rows: {}}
      score_rows: {each: m in cv3, from: m, Rows: {}}
      boxes: cat(box_rows, 2)
      scores: cat(score_rows, 2)
      dfl: {from: boxes, DFL: {reg_max}}
      near, far: chunk(dfl, 2, 1)
      rows_of_cells: {each: "p, stride in zip(maps, [STRIDES])", from: p, Cells: {stride}}
      cells: cat(rows_of_cells, 1)
      centre: cells[0:2] + (far - near) / 2
      box: cat([centre, near + far], 1) * cells[2:3]
    outputs: {detections: "cat([box, sigmoid(scores)], 1)", boxes: boxes, scores: scores}
"""
_NAME = re.compile(r"^  (\w+):$", re.MULTILINE)


@cache
def _texts() -> dict[str, str]:
    """The text of each block."""
    from importlib import resources  # here: slow to import

    text = resources.files("archspec").joinpath("importer", "ultralytics.yaml").read_text("utf-8")
    starts = [(match[1], match.start()) for match in _NAME.finditer(text)]
    ends = [start for _, start in starts[1:]] + [len(text)]
    return {name: text[start:end].rstrip() + "\n" for (name, start), end in zip(starts, ends, strict=True)}


class BlockLibrary:
    """The blocks that a spec uses."""

    def __init__(self) -> None:
        self.used: dict[str, str] = {}

    def use(self, name: str) -> None:
        """Takes a block, and those that it is made of."""
        self._take(name, _texts()[name])

    def _take(self, name: str, text: str) -> None:
        self.used[name] = text
        for other in _texts():
            if other not in self.used and re.search(rf"\b{other}\b(?=[:,\]])", text):
                self.use(other)

    def detect(self, strides: Sequence[int], plain: bool) -> None:
        """Takes a head for maps of those strides."""
        names = [f"p{number}" for number in range(1, len(strides) + 1)]
        sizes = [f"[N, channels{'' if one == 'p1' else one[1:]}, H{one[1:]}, W{one[1:]}]" for one in names]
        inputs = "\n".join(f"      {name}: {size}" for name, size in zip(names, sizes, strict=True))
        text = _DETECT.replace("INPUTS", inputs).replace("NAMES", ", ".join(names))
        text = text.replace("HEAD", "PlainClassHead" if plain else "DepthwiseClassHead")
        self._take("Detect", text.replace("STRIDES", ", ".join(map(str, strides))))

    def defaults(self, name: str) -> dict[str, Any]:
        """The parameters of a block that have a default."""
        if name not in _texts():
            return {}
        params = source.parse(_texts()[name]).data[name].get("params", {})
        return {key: value for key, value in params.items() if value not in ("int", "bool", "list")}

    def text(self, activation: str | None) -> str:
        """The blocks, those that others are made of behind them."""
        said = "\n".join(self.used.values())
        if "Classify" in self.used:  # ultralytics sets them in detectors alone
            said = said.replace("{BatchNorm2d: {eps: 0.001, momentum: 0.03}}", "BatchNorm2d")
        return said if activation is None else re.sub(r"\bSiLU\b(?!`)", activation, said)
