"""The JSON Schema, read by a real validator and by the language server that editors use.

It may not refuse any good spec. Of the bad ones it finds every mistake of form; what it cannot see stands in `BEYOND`.
"""

from __future__ import annotations

import json
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from language_server import Server

import archspec
from archspec import source
from archspec.cli import main
from archspec.layers import LAYERS
from archspec.starter import TEMPLATES
from archspec.views import schema
from archspec.views.catalogue import families

ROOT = Path(__file__).parent.parent
GOOD = [*sorted((ROOT / "specs").rglob("*.yaml")), *sorted((ROOT / "tests" / "language").glob("*.yaml"))]
FORM = {"AS201", "AS202", "AS203", "AS206", "AS401", "AS402", "AS403", "AS405"}
"""Codes of mistakes of form: keys, types, layers and their arguments."""

BEYOND = {
    "block_*": "which blocks a spec has, what they take, and whether they use themselves",
    "several_in_blocks_and_steps": "what blocks take",
    "expression_*": "what a string says",
    "param_default_*": "what a string says",
    "python_*": "what a string says",
    "step_unpacks_a_layer": "what a name binds",
    "init_form": "what a string says",
    "parametrize_form": "what a string says",
    "from_*": "what flows, and into what",
    "round_hands_nothing_on": "what flows, and into what",
    "shared_reads_the_round": "what a string says",
    "again_in_a_loop": "which keys of a loop exclude one another",
    "collect_beside_each": "which keys of a loop exclude one another",
    "list_of_the_class_*": "what a string says, and which modules stand in a list",
    "list_input_of_the_document": "inputs of documents and of blocks have one form",
    "input_several_*": "what flows, and into what",
    "group_of_several_inputs": "what flows, and into what",
    "tie_of_no_parameter": "which parameters a layer has, as its settings say",
    "init_of_a_block_*": "which weights the steps of a block have",
    "init_*_parametrized": "which weights are parametrized below",
    "optional_before_required": "what flows, and into what",
    "outputs_*": "what flows, and into what",
    "step_group_in_list_reads_around": "what flows, and into what",
    "name_of_a_groups_input": "what flows, and into what",
    "group_takes_*": "what flows, and into what",
    "rounds_that_are_none_*": "what flows, and into what",
    "group_takes_a_name": "what flows, and into what",
    "in_place_in_an_expression": "what flows, and into what",
}
"""Bad specs of tests/errors (patterns) whose mistake of form no schema can see, and what it is about."""


def data(path: Path) -> Any:
    return source.parse(path.read_text("utf-8"), str(path)).data


@pytest.fixture(scope="module", params=["7", "2020-12"])
def validator(request: pytest.FixtureRequest) -> Any:
    made = archspec.schema(request.param)
    kind = {"7": jsonschema.Draft7Validator, "2020-12": jsonschema.Draft202012Validator}[request.param]
    assert jsonschema.validators.validator_for(made) is kind
    kind.check_schema(made)
    return kind(made)


def test_no_good_spec_is_refused(validator: Any) -> None:
    texts = {str(path): data(path) for path in GOOD}
    texts |= {name: source.parse(archspec.new("a", template=name), name).data for name in TEMPLATES}
    refused = {name: [error.message for error in validator.iter_errors(read)] for name, read in texts.items()}
    assert {name: messages for name, messages in refused.items() if messages} == {}
    blocks = {"blocks": {"Block": {"inputs": {"x": ["N", "C"]}, "layers": ["ReLU"]}}}
    assert validator.is_valid(blocks), "a file of blocks, for imports"
    assert not validator.is_valid(blocks | {"params": {"n": 1}})
    own = {"inputs": {"x": ["N", 8]}, "layers": ["mypackage.layers.Mine", {"mypackage.Other": {"size": 3}}]}
    assert validator.is_valid(own)


def test_every_mistake_of_form_is_found(validator: Any) -> None:
    missed = {}
    for path in sorted((ROOT / "tests" / "errors").glob("*.yaml")):
        codes = set(re.findall(r"# E[+-]?\d*: (AS\d+)", path.read_text("utf-8")))
        try:
            read = data(path)
        except archspec.SpecError:
            continue  # it is no YAML of ours
        if codes & FORM and validator.is_valid(read):
            missed[path.stem] = next((reason for pattern, reason in BEYOND.items() if fnmatch(path.stem, pattern)), "")
    assert {name for name, reason in missed.items() if not reason} == set()
    assert {pattern for pattern in BEYOND if not any(fnmatch(name, pattern) for name in missed)} == set()


def test_every_key_and_every_argument_is_explained() -> None:
    def walk(part: Any) -> Any:
        for properties in [part.get("properties", {})] if isinstance(part, dict) else []:
            yield from properties.items()
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from walk(inner)

    made = archspec.schema()
    silent = {key for key, value in walk(made) if value and value.keys().isdisjoint(("description", "$ref", "const"))}
    assert silent == set()
    for name, layer in LAYERS.items():
        part = made["$defs"][name]
        assert part["description"]
        assert set(layer.arguments) <= set(part["properties"])
        assert part.get("required", []) == [one for one, argument in layer.arguments.items() if argument.required]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.archspec]\nspecs = 'specs'\n")
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["schema", "--draft", "2020-12"]) == 0
    assert json.loads(capsys.readouterr().out) == archspec.schema("2020-12")
    assert main(["new", "net"]) == 0
    first = (tmp_path / "specs" / "net.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../.archspec-schema.json"
    file = tmp_path / ".archspec-schema.json"
    assert json.loads(file.read_text()) == archspec.schema("7")
    assert main(["check", "specs/net.yaml"]) == 0
    file.write_text('{"title": "archspec", "old": 1}')
    assert main(["new", "other"]) == 0
    assert "old" in file.read_text()
    assert main(["schema", "-o", ".archspec-schema.json"]) == 0
    assert json.loads(file.read_text()) == archspec.schema("7")
    assert main(["schema", "-o", "specs/net.yaml"]) == 1
    assert "is not an archspec schema" in capsys.readouterr().err


SERVER = shutil.which("yaml-language-server")
LINE = "# yaml-language-server: $schema=schema.json\n"
STEPS = """inputs: {{x: [N, 3, 8, 8]}}
layers:
  conv:
    Conv2d:
      out_channels: 3
      padding_mode: {space}
      st
  more:
    Con
""".format(space="")


@pytest.mark.slow
@pytest.mark.skipif(SERVER is None, reason="yaml-language-server is not installed: npm install -g yaml-language-server")
@pytest.mark.parametrize("draft", ["7", "2020-12"])
def test_an_editor_completes_explains_and_checks(draft: Any, tmp_path: Path) -> None:
    assert SERVER is not None
    (tmp_path / "schema.json").write_text(schema.text(draft))
    with Server(SERVER, tmp_path) as server:

        def completed(line: int, character: int) -> dict[str, str]:
            """What is offered, by its label: what would be put in. The first line names the schema."""
            found = server.ask("textDocument/completion", **server.at("steps.yaml", line, character))
            items = found["items"] if isinstance(found, dict) else found
            return {item["label"]: item.get("insertText", "") for item in items}

        for path in (ROOT / "specs" / "vision" / "resnet.yaml", ROOT / "specs" / "text" / "gpt2.yaml"):
            assert server.open(path.name, LINE + path.read_text()) == []
        steps = ("Liner: 3", "Linear: {out_featurs: 3}", "Relu", "Dropout: {p: true}")
        wrong = "\n  - ".join(("inputs: {x: [N, 3]}\nlayers:", *steps))
        said = [
            (found["range"]["start"]["line"], found["message"]) for found in server.open("wrong.yaml", LINE + wrong)
        ]
        assert {3, 4, 5, 6} == {line for line, _ in said}
        assert (3, "Property Liner is not allowed.") in said
        assert (4, "Property out_featurs is not allowed.") in said
        server.open("steps.yaml", LINE + STEPS)
        assert set(families()["layer"]["convolution"]) <= set(layers := completed(9, 7))
        assert layers["Conv2d"].split() == ["Conv2d:", "out_channels:", "$1", "kernel_size:", "$2"]
        assert {"stride", "dilation", "bias"} <= set(completed(7, 8))
        assert set(completed(6, 20)) == {"zeros", "reflect", "replicate", "circular"}
        shown = server.ask("textDocument/hover", **server.at("steps.yaml", 4, 6))["contents"]["value"]
        assert "Convolution over the last two axes." in shown
        assert "torch.nn.Conv2d.html" in shown
        assert (
            "An integer, at least 1"
            in server.ask("textDocument/hover", **server.at("steps.yaml", 5, 8))["contents"]["value"]
        )
