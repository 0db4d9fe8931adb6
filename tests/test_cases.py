"""Small specs with what is right about them, in their first comments: `tests/cases/*/*.yaml`.

`# expect:` says what holds, ` | ` between two means that either will do; `given {…}` at its end is the setting that it
is about. `# params: {…}` is a further setting for which everything holds, `# sizes: {…}` are free sizes to try.
`ARCHSPEC_CASES` names another folder of cases.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import judge as judges
import pytest
import torch
import yaml
from torch.nn import functional
from work import A_SECOND, calls

import archspec

CASES = Path(os.environ.get("ARCHSPEC_CASES", Path(__file__).parent / "cases"))
PATHS = sorted(CASES.rglob("*.yaml"))


class UnmetError(AssertionError):
    """An expectation does not hold."""


class Case:
    """One file, and what its expectations may use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        head = [line[2:] for line in self.text.split("\n") if line.startswith("# ")]
        self.expectations = [line.removeprefix("expect:").strip() for line in head if line.startswith("expect:")]
        self.settings = [yaml.safe_load(line[7:]) for line in head if line.startswith("params:")]
        self.sizes = [yaml.safe_load(line[6:]) for line in head if line.startswith("sizes:")] or [{}]

    def holds(self, expectation: str) -> None:
        text, _, given = expectation.partition(" given ")
        params = [yaml.safe_load(given)] if given else [{}, *self.settings]
        failures = []
        for one in text.split(" | "):
            try:
                for setting in params:
                    self.one(one.strip(), setting)
                return
            except AssertionError as failure:
                failures.append(f"{one}: {failure}")
        raise UnmetError("\n".join(failures))

    def one(self, expectation: str, params: dict[str, Any]) -> None:
        kind, _, rest = expectation.partition(" ")
        if kind in ("error", "warning", "problem"):
            self.problem(kind, rest, params)
        elif expectation in ("silent", "no error"):
            found = [p for p in self.problems(params) if expectation == "silent" or p.severity == "error"]
            need(not found, "\n".join(map(str, found)))
        elif kind == "source":
            source = archspec.generate(self.path)
            for word, what in re.findall(r'(contains|lacks) "(.*?)"', rest):
                need((what in source) == (word == "contains"), f"{word} {what}:\n{source}")
        elif kind == "quick":
            calls(lambda: archspec.check(self.path), float(rest) * A_SECOND)
        elif kind == "true":
            need(eval(rest, self.names()), rest)
        else:
            self.network(kind, rest, params)

    def problems(self, params: dict[str, Any]) -> list[archspec.Problem]:
        return archspec.check(self.path, params=params)

    def problem(self, kind: str, rest: str, params: dict[str, Any]) -> None:
        lines = re.search(r"line ([\d,-]+)", rest)
        words = re.search(r'word "(.*?)"', rest)
        lacks = re.search(r'lacks "(.*?)"', rest)
        problems = self.problems(params)
        shown = "\n".join(map(str, problems)) or "no problem"
        severities = ("error", "warning") if kind == "problem" else (kind,)
        at = numbers(lines[1]) if lines else None
        found = [p for p in problems if p.severity in severities and (at is None or p.line in at)]
        text = [f"{p.message} {p.help}" for p in found]
        if words:
            text = [one for one in text if any(word.lower() in one.lower() for word in words[1].split("|"))]
        if lacks:
            text = [one for one in text if lacks[1] not in one]
        need(bool(text), shown)
        errors = [p for p in problems if p.severity == "error"]
        need("only" not in rest.split('"')[-1].split() or len(errors) == 1, shown)

    def network(self, kind: str, rest: str, params: dict[str, Any]) -> None:
        text = self.text
        if params and any(p.severity == "error" for p in self.problems({})):
            text, params = with_defaults(text, params), {}
        errors = [p for p in self.problems(params) if p.severity == "error"] if text == self.text else []
        need(not errors, "\n".join(map(str, errors)))
        for sizes in self.sizes:
            if kind == "equal":
                judges.judge(text, params, sizes, self.path.name)
                continue
            built, inputs = judges.agree(text, params, sizes, self.path.name)
            if kind == "keys":
                keys = list(built.state_dict())
                need(keys == ([] if rest == "-" else rest.split()), str(keys))
            elif kind == "computes":
                built.eval()
                names = {"torch": torch, "F": functional, "w": built.state_dict().__getitem__, **inputs}
                need(
                    torch.allclose(judges.called(built, inputs), eval(rest, names), atol=1e-5, equal_nan=True),
                    "other values",
                )
            else:
                need(kind == "builds", f"unknown expectation {kind}")

    def names(self) -> dict[str, Any]:
        """What `true` may use."""
        given: dict[str, Any] = {"archspec": archspec, "torch": torch, "F": functional, "re": re, "Path": Path}
        own: tuple[Callable[..., Any], ...] = (cli, code, growth, caught, kept, saved_bytes)
        given |= {function.__name__: function for function in own}
        return given | {"path": self.path, "text": self.text, "lines": lambda: [str(p) for p in self.problems({})]}


def with_defaults(text: str, params: dict[str, Any]) -> str:
    """The spec with other defaults, where it is wrong with its own."""
    tree = yaml.safe_load(text)
    tree["params"] |= params
    return str(yaml.safe_dump(tree, sort_keys=False))


def need(holds: bool, why: str) -> None:
    if not holds:
        raise UnmetError(why)


def numbers(text: str) -> set[int]:
    """`4,6` or `4-6` as numbers."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def cli(*arguments: object, cwd: Path | None = None) -> Any:
    """The command line, as a program."""
    root = str(Path(archspec.__file__).parents[1])
    command = [sys.executable, "-m", "archspec", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def code(text: str, *arguments: str, files: dict[str, str] | None = None, name: str = "spec.yaml") -> Any:
    """The command line on a text in a new folder; `left` is what stands there afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        for one, content in {name: text, **(files or {})}.items():
            (Path(folder) / one).write_text(content, encoding="utf-8")
        result = cli(*(name if one == "FILE" else one for one in arguments), cwd=Path(folder))
        left = sorted(one.name for one in Path(folder).iterdir())
        return SimpleNamespace(stdout=result.stdout, stderr=result.stderr, returncode=result.returncode, left=left)


def growth(text: Callable[[int], str], small: int, large: int, call: Callable[[str], Any] | None = None) -> float:
    """How many times as much work the large spec takes."""
    run = call or (lambda path: archspec.check(path))
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        for number in (2, small, large):  # the first for what is imported once
            path = Path(folder) / f"spec_{number}.yaml"
            path.write_text(text(number), encoding="utf-8")
            counts.append(calls(partial(run, str(path))))
    return counts[2] / counts[1]


def caught(run: Callable[[], Any]) -> object:
    """What a call raises, or what it returns."""
    try:
        return run()
    except Exception as error:
        return error


def kept(text: str) -> list[str]:
    """The keys of a network."""
    return list(archspec.build(archspec.parse(text)).state_dict())


def saved_bytes(module: torch.nn.Module, *inputs: torch.Tensor) -> int:
    """The bytes that autograd keeps for backward, parameters left out."""
    storages: dict[int, int] = {}
    own = {one.untyped_storage().data_ptr() for one in (*module.parameters(), *module.buffers())}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = module(*inputs)
    del outputs
    return sum(storages.values())


def case(path: Path) -> Any:
    """A case as a parameter: what runs PyTorch in other processes, or has a long spec, is slow."""
    name = path.relative_to(CASES).with_suffix("").as_posix()
    return pytest.param(path, id=name, marks=[pytest.mark.slow] * name.startswith(("speed/", "numbers/verify_")))


@pytest.mark.parametrize("path", list(map(case, PATHS)))
def test_case(path: Path) -> None:
    read = Case(path)
    assert read.expectations
    for expectation in read.expectations:
        read.holds(expectation)
