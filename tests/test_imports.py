"""What comes from elsewhere: blocks of other files, and classes of one's own packages."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import archspec

NET = """
name: Net
inputs: {x: [N, 8, H, W]}
layers:
  a: {Twice: 16}
  b: {Twice: 32}
imports: {Twice: ./parts/blocks.yaml}
"""
BLOCKS = """
doc: Blocks for several nets.
blocks:
  Twice:
    params: {width: int}
    inputs: {x: [N, C, H, W]}
    layers:
      - Once: width
      - Once: width
  Once:
    params: {width: int}
    inputs: {x: [N, C, H, W]}
    layers:
      - Conv2d: {out_channels: width, kernel_size: 3, padding: 1}
      - ReLU
  Unused:
    inputs: {x: [N, C]}
    layers: [Flatten]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of a spec and a file of blocks."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "specs" / "parts").mkdir(parents=True)
    (tmp_path / "specs" / "net.yaml").write_text(NET)
    (tmp_path / "specs" / "parts" / "blocks.yaml").write_text(BLOCKS)
    return tmp_path


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_imported_blocks_are_those_of_the_file(project: Path) -> None:
    spec = project / "specs" / "net.yaml"
    written_out = NET.replace("imports: {Twice: ./parts/blocks.yaml}", BLOCKS.split("  Unused:")[0].split("\n", 2)[2])
    source = archspec.generate(spec)
    assert source.split("\n", 4)[4] == archspec.generate(archspec.parse(written_out)).split("\n", 4)[4]
    (project / "net.py").write_text(source)
    built, generated = archspec.build(spec), load(project / "net.py").Net()
    generated.load_state_dict(built.state_dict())
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(built(x), generated(x))


def test_the_hash_of_a_generated_file_covers_what_is_imported(project: Path) -> None:
    spec, blocks = project / "specs" / "net.yaml", project / "specs" / "parts" / "blocks.yaml"
    before = archspec.generate(spec)
    blocks.write_text(BLOCKS + "# a word\n")
    assert archspec.generate(spec).splitlines()[3] != before.splitlines()[3]


def test_a_mistake_is_shown_in_the_file_that_holds_it(project: Path) -> None:
    blocks = project / "specs" / "parts" / "blocks.yaml"
    blocks.write_text(BLOCKS.replace("kernel_size", "kernel"))
    (problem,) = archspec.check(project / "specs" / "net.yaml")
    assert problem.code == "AS402"
    assert Path(problem.path).resolve() == blocks
    assert problem.line == 1 + blocks.read_text()[: blocks.read_text().index("kernel:")].count("\n")


def test_a_pickled_spec_needs_its_files_no_more(project: Path) -> None:
    pickled = pickle.dumps(archspec.load(project / "specs" / "net.yaml"))
    (project / "specs" / "parts" / "blocks.yaml").unlink()
    assert "Twice" in archspec.generate(pickle.loads(pickled))


def _cycle(project: Path) -> None:
    (project / "specs" / "parts" / "blocks.yaml").write_text(BLOCKS + "imports: {Net: ../net.yaml}\n")


def _outside(project: Path) -> None:
    (project / "specs" / "net.yaml").write_text(NET.replace("./parts/blocks.yaml", "../../blocks.yaml"))


def _link(project: Path) -> None:
    blocks = project / "specs" / "parts" / "blocks.yaml"
    outside = project.parent / f"{project.name}_blocks.yaml"
    blocks.rename(outside)
    blocks.symlink_to(outside)


def _absolute(project: Path) -> None:
    (project / "specs" / "net.yaml").write_text(NET.replace("./parts", str(project / "specs" / "parts")))


def _absent(project: Path) -> None:
    (project / "specs" / "parts" / "blocks.yaml").unlink()


def _no_such_block(project: Path) -> None:
    (project / "specs" / "net.yaml").write_text(NET.replace("imports: {Twice", "imports: {Thrice"))


def _two_of_one_name(project: Path) -> None:
    own = "blocks: {Once: {inputs: {x: [N, C, H, W]}, layers: [ReLU]}}\n"
    (project / "specs" / "net.yaml").write_text(NET.replace("a: {Twice: 16}", "a: Once") + own)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (_cycle, "AS206", "imports itself"),
        (_outside, "AS107", "outside of the project"),
        (_link, "AS107", "outside of the project"),
        (_absolute, "AS107", "not a file to import"),
        (_absent, "AS107", "no file"),
        (_no_such_block, "AS303", "has no block `Thrice`"),
        (_two_of_one_name, "AS205", "two blocks"),
    ],
)
def test_what_may_not_be_imported(project: Path, spoil: object, code: str, words: str) -> None:
    assert callable(spoil)
    spoil(project)
    (problem,) = archspec.check(project / "specs" / "net.yaml")
    assert problem.code == code
    assert words in problem.message


def test_a_text_imports_nothing() -> None:
    with pytest.raises(archspec.SpecError, match="no folder to import from"):
        archspec.parse(NET)


OWN = """
name: Own
params: {beta: 1.5}
inputs: {x: [N, 64]}
layers:
  - Linear: 32
  - own_package.layers.Swish: {beta: beta}
  - own_package.layers.Halve:
    shape: [N, 16]
  - Linear: 10
"""
PACKAGE = """
import torch
from torch import Tensor, nn


class Swish(nn.Module):
    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(float(beta)))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.beta * x)


class Halve(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, ::2]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A spec that uses a package beside it."""
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    (tmp_path / "own_package" / "layers.py").write_text(PACKAGE)
    (tmp_path / "own.yaml").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "own.yaml"
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_package"]:
        del sys.modules[name]


def test_a_class_of_ones_own_is_built_and_imported_by_name(own: Path) -> None:
    source = archspec.generate(own, allow=["own_package"])
    assert "from own_package.layers import Halve, Swish" in source
    assert "own_package" not in sys.modules, "nothing is imported before the network is built"
    built = archspec.build(own, allow=["own_package"], beta=2.0)
    (own.parent / "generated_own.py").write_text(source)
    generated = load(own.parent / "generated_own.py").Own(beta=2.0)
    generated.load_state_dict(built.state_dict())
    x = torch.randn(3, 64)
    assert torch.equal(built(x), generated(x))
    assert list(built.state_dict()) == list(generated.state_dict())


@pytest.mark.parametrize("allow", [[], ["own_packag"], ["own_package.layers.S"], ["other"]])
def test_nothing_else_is_allowed(own: Path, allow: list[str]) -> None:
    problems = archspec.check(own, allow=allow)
    assert [problem.code for problem in problems] == ["AS408", "AS408"]
    with pytest.raises(archspec.SpecError, match="AS408"):
        archspec.build(own, allow=allow)
    assert "own_package" not in sys.modules


def test_the_shape_that_a_step_says_is_taken_for_its_class(own: Path) -> None:
    own.write_text(OWN.replace("shape: [N, 16]", "shape: [N, 20]"))
    assert "nn.Linear(20, 10)" in archspec.generate(own, allow=["own_package"])


def test_the_command_line_allows_packages(own: Path) -> None:
    command = [sys.executable, "-m", "archspec", "check", str(own)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "--allow own_package" in refused.stdout
    assert subprocess.run([*command, "--allow", "own_package"], check=False, capture_output=True).returncode == 0


BROKEN = """
from os import mkdir
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList


class Fails(nn.Module):
    def __init__(self, size: int = 1) -> None:
        super().__init__()
        raise RuntimeError("out of luck")


class NoModule:
    pass


made = nn.ReLU()
"""


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("own_package.broken.mkdir: {path: made}", "AS401", "not a subclass of `nn.Module`"),
        ("own_package.broken.NoModule", "AS401", "not a subclass of `nn.Module`"),
        ("own_package.broken.made: {}", "AS401", "not a subclass of `nn.Module`"),
        ("own_package.broken.ParametrizationList: {modules: []}", "AS408", "torch.nn"),
        ("own_package.broken.Missing", "AS401", "has no `Missing`"),
        ("own_package.lost.Swish", "AS401", "ModuleNotFoundError"),
        ("own_package.broken.Fails", "AS404", "out of luck"),
        ("own_package.broken.Fails: {size: 1, width: 2}", "AS402", "width"),
    ],
)
def test_only_modules_of_an_allowed_package_are_called(own: Path, step: str, code: str, words: str) -> None:
    (own.parent / "own_package" / "broken.py").write_text(BROKEN)
    own.write_text(f"inputs: {{x: [N, 64]}}\nlayers:\n  - Linear: 32\n  - {step}\n")
    assert archspec.check(own, allow=["own_package"]) == []
    with pytest.raises(archspec.SpecError) as caught:
        archspec.build(own, allow=["own_package"])
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == (code, 4)
    assert words in problem.message
    assert not (own.parent / "made").exists()


@pytest.mark.parametrize("allow", ["own_package", [""], ["."], ["own-package"], ["own_package."], ["class"], [3]])
def test_a_caller_allows_packages_by_their_names(own: Path, allow: Any) -> None:
    with pytest.raises(ValueError, match="allow"):
        archspec.load(own, allow=allow)


def test_the_command_line_takes_names_of_packages_alone(own: Path) -> None:
    command = [sys.executable, "-m", "archspec", "check", str(own), "--allow", "own-package"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "`own-package` is not the name of a Python package" in refused.stderr
