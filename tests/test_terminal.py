"""What a spec and its file are called never reaches a terminal or a workflow's log raw, whichever command shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_architecture import EXAMPLES
from test_generated_text import PAYLOADS, yaml

from archspec.cli import main

TEXTS = [text for text in PAYLOADS.values() if not text.isprintable()]
TEXTS += ["::error::a", "\n::error::a", "\x1b]0;a\x07", "%0A::error::", "\r::error::", " ::error::a", "##[error]a"]
TEXTS += ["a ##vso[task.setvariable]b", "\u115f", "a\u1160", "\u3164::error::", "\uffa0", "\u2800", "\U000e0100"]
NAMES = [f"{text}.yaml" for text in TEXTS if not {"/", "\0", "\ud800"} & set(text)]

INVISIBLE = set("\u034f\u115f\u1160\u17b4\u180b\u2800\u3164\ufe00\uffa0\U000e0100")

SPECS = {
    "doc": lambda text: {"doc": text, "inputs": {"x": ["N", 3]}, "layers": {"y": "relu(x)"}},
    "string": lambda text: {"params": {"p": text}, "inputs": {"x": ["N", 3]}, "layers": {"y": "relu(x)"}},
    "key": lambda text: {text: 1, "inputs": {"x": ["N", 3]}, "layers": {"y": "relu(x)"}},
    "layer": lambda text: {"inputs": {"x": ["N", 3]}, "layers": [{text: {}}, {"ReLU": {text: text}}]},
    "expression": lambda text: {"inputs": {"x": ["N", text]}, "layers": {"y": text, "z": f"relu({text})"}},
    "name": lambda text: {"name": text, "inputs": {text: ["N", 3]}, "layers": {text: "ReLU"}, "outputs": {text: text}},
    "loop": lambda text: {
        "inputs": {"x": ["N", 3]},
        "layers": [{"for": f"i in ['{text}']", "name": text, "ReLU": None}],
    },
    "import": lambda text: {"imports": {text: text}, "inputs": {"x": ["N", 3]}, "layers": [text]},
}


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    """What each command writes of a spec: nothing that a terminal or a workflow would act upon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def show(name: str, text: str) -> None:
        Path(name).write_text(text, "utf-8")
        for examples in EXAMPLES.values():
            for example in examples:
                if "{spec}" not in example:
                    continue
                words = [word.replace("{spec}", os.path.join(".", name)) for word in example.split()]
                # `diff` says by 2 that there is nothing to compare.
                assert main(words) in ((0, 1, 2) if words[0] == "diff" else (0, 1)), words
                for stream in capfd.readouterr():
                    for line in stream.split("\n"):
                        assert line.isprintable(), (words, line)
                        assert not INVISIBLE.intersection(line), (words, line)
                        command = line.lstrip().startswith("::") or "##[" in line or "##vso[" in line
                        assert not command or line.startswith(("::error file=", "::warning file=")), line
        Path(name).unlink()

    return show


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_files(name: str, shown: object) -> None:
    assert callable(shown)
    shown(name, "inputs: {x: [N, 3]}\nlayers: [ReLU]\n")


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=[pytest.mark.slow] * (place != "name")) for place in SPECS]
)
def test_text_in_specs(place: str, shown: object) -> None:
    assert callable(shown)
    for text in TEXTS:
        shown("net.yaml", yaml(SPECS[place](text)))
