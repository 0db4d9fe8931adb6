"""Each rule of the language in a spec of a few lines: it is checked, built and generated, and both are one network.

A file in tests/language is tested by existing: its first line says the rule. A line `# with: {…}` is one more setting
of its parameters.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

import archspec
from archspec.graph import Input
from archspec.layers import LAYERS

ROOT = Path(__file__).parent.parent
LANGUAGE = ROOT / "tests" / "language"
RULES = sorted(path.stem for path in LANGUAGE.glob("*.yaml"))

FREE = {"N": 3, "M": 2, "T": 5, "S": 4, "C": 6, "L": 8, "H": 11, "W": 12, "h": 3, "w": 2}
"""A size for each free dimension."""


@functools.cache
def source(rule: str) -> str:
    """What is generated of a file."""
    return archspec.generate(LANGUAGE / f"{rule}.yaml")


def settings(rule: str) -> list[dict[str, Any]]:
    """The defaults, where there are any for all parameters, and each other setting of a file."""
    text = (LANGUAGE / f"{rule}.yaml").read_text("utf-8")
    others = [yaml.safe_load(line) for line in re.findall(r"^# with: (.*)$", text, re.MULTILINE)]
    return others if rule in ("params", "variants") else [{}, *others]


LEADING = ((), (3,), (2, 3), (2, 1, 3))
"""Sizes for the axes that `...` stands for."""


def example(declared: Input, leading: tuple[int, ...] = ()) -> Tensor:
    """A tensor for an input."""
    known = [size for size in map(str, declared.tensor.shape) if size != "..."]
    shape = [int(eval(size, {"__builtins__": {}}, FREE)) for size in known]
    shape = [*(leading if len(known) < declared.tensor.rank else ()), *shape]
    source = torch.Generator().manual_seed(0)
    if declared.tensor.dtype == "float32":
        return torch.randn(shape, generator=source)
    return torch.randint(2, shape, generator=source).to(getattr(torch, declared.tensor.dtype))


def generated_class(path: Path, rule: str, name: str) -> type[nn.Module]:
    path.write_text(source(rule), "utf-8")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found: type[nn.Module] = getattr(module, name)
    return found


def in_python(value: Any) -> Any:
    """Parameters as Python code passes them: a layer is its class."""
    if isinstance(value, dict):
        return {name: in_python(one) for name, one in value.items()}
    if isinstance(value, list):
        return [in_python(one) for one in value]
    return getattr(nn, value) if isinstance(value, str) and value in LAYERS else value


def choices(declared: Sequence[Input], leading: tuple[int, ...]) -> list[list[Tensor]]:
    """The required inputs, and all of them where some are optional."""
    required = [example(value, leading) for value in declared if not value.optional]
    every = [example(value, leading) for value in declared]
    return [required, every] if len(every) > len(required) else [every]


def flat(value: Any) -> list[Tensor]:
    """The tensors in what a module returns."""
    return [value] if isinstance(value, Tensor) else [tensor for part in value for tensor in flat(part)]


@pytest.mark.parametrize("rule", RULES)
def test_built_equals_generated(rule: str, tmp_path: Path) -> None:
    spec = LANGUAGE / f"{rule}.yaml"
    for params in settings(rule):
        graph = archspec.load(spec).graph(params)
        torch.manual_seed(0)
        built = archspec.build(spec, **params)
        torch.manual_seed(0)
        written = generated_class(tmp_path / f"{rule}.py", rule, graph.main.name)(**in_python(params))
        assert list(built.state_dict()) == list(written.state_dict())
        for key, value in built.state_dict().items():
            assert torch.equal(value, written.state_dict()[key]), key
        assert [type(m).__name__ for m in built.modules()] == [type(m).__name__ for m in written.modules()]
        open_ = any("..." in map(str, value.tensor.shape) for value in graph.main.inputs)
        for inputs in (one for leading in (LEADING if open_ else ((),)) for one in choices(graph.main.inputs, leading)):
            for training in (False, True):
                answers = []
                for module in (built, written):
                    torch.manual_seed(1)
                    answers.append(module.train(training)(*inputs))
                assert type(answers[0]).__name__ == type(answers[1]).__name__
                for one, other in zip(*map(flat, answers), strict=True):
                    assert torch.equal(one, other)


@pytest.mark.parametrize(
    "command", ["ruff format --isolated --check", "ruff check --isolated", "mypy --strict --no-warn-return-any"]
)
def test_generated_files_are_clean(command: str, tmp_path: Path) -> None:
    for rule in RULES:
        (tmp_path / f"{rule}.py").write_text(source(rule), "utf-8")
    words = [sys.executable, "-m", *command.split()]
    if command.startswith("mypy"):
        words += ["--config-file=", f"--cache-dir={ROOT / '.mypy_cache'}"]
    run = subprocess.run([*words, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_file_says_its_rule() -> None:
    for rule in RULES:
        first = (LANGUAGE / f"{rule}.yaml").read_text("utf-8").partition("\n")[0]
        assert re.fullmatch(r"# .+\.", first), rule
