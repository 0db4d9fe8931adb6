"""The reference of the catalogue: complete, and each example runs in PyTorch and gives what archspec says."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import archspec
from archspec import dimensions
from archspec.cli import main
from archspec.functions import FUNCTIONS
from archspec.functions.absent import ABSENT as NO_FUNCTIONS
from archspec.functions.absent import reason as absent
from archspec.layers import ABSENT
from archspec.tensors import TensorType
from archspec.views import catalogue

FAMILIES = [(kind, family) for kind, names in catalogue.families().items() for family in names]
SIZES = {"N": 2, "T": 5}


def size(axis: Any) -> int:
    return int(eval(str(axis), {"__builtins__": {"max": max, "min": min}}, SIZES))


def known(shape: Any, told: Any) -> Any:
    """A shape without the sizes that depend on the numbers, for which None is told."""
    if isinstance(shape, tuple) and isinstance(told, tuple) and len(shape) == len(told):
        return tuple(map(known, shape, told))
    return None if told is None else shape


def sizes(flow: Any) -> Any:
    """A shape in numbers, None where it depends on the numbers; of several tensors a tuple of them."""
    if isinstance(flow, TensorType):
        unknown = [any(isinstance(atom, dimensions.Unknown) for atom in dimensions.atoms(axis)) for axis in flow.shape]
        return tuple(None if open_ else size(axis) for axis, open_ in zip(flow.shape, unknown, strict=True))
    return None if flow is None else tuple(map(sizes, flow))


def shape_of(output: Any) -> Any:
    return (
        tuple(map(shape_of, output))
        if isinstance(output, tuple | list)
        else None
        if output is None
        else tuple(output.shape)
    )


def tensor(declared: Any) -> torch.Tensor:
    shape, dtype = [size(axis) for axis in declared.type.shape], getattr(torch, declared.type.dtype)
    ones = torch.ones(shape, dtype=dtype)
    square = dtype.is_floating_point and len(shape) == 2 and shape[0] == shape[1]
    return ones.tril().triu() if square else ones  # a matrix that has an inverse


@pytest.mark.parametrize(("kind", "family"), FAMILIES)
def test_every_example_runs_and_gives_the_shape_that_is_told(kind: str, family: str) -> None:
    for name in catalogue.families()[kind][family]:
        entry = catalogue.entry(name)
        assert entry is not None
        spec = archspec.parse(entry.example, name=name)
        inputs = [tensor(declared) for declared in spec.graph().main.inputs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own, of layers that it would like to be used otherwise
            output = archspec.build(spec).eval()(*inputs)
        told = sizes(spec.graph().main.output)
        assert known(shape_of(output), told) == told, name


@pytest.mark.parametrize(("kind", "family"), FAMILIES)
def test_every_entry_says_what_there_is_to_know(kind: str, family: str) -> None:
    for name in catalogue.families()[kind][family]:
        entry = catalogue.entry(name)
        assert entry is not None
        found: Any = torch
        for part in entry.python.split(".")[1:]:
            found = getattr(found, part)
        assert callable(found)
        assert entry.doc
        assert "Shape:" not in entry.doc
        assert entry.shape, name
        assert entry.link in catalogue.text(entry)
        assert entry.example.splitlines()[-1] in catalogue.markdown(entry)
        assert json.loads(json.dumps(entry.as_dict()))["name"] == name
    assert catalogue.page(kind, family).count("\n### ") == len(catalogue.families()[kind][family])


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "nn.Conv2d"]) == 0
    text = capsys.readouterr().out
    assert "  inferred   in_channels\n" in text
    assert "    kernel_size   required " in text
    assert max(map(len, text.splitlines())) <= 110
    assert main(["layers", "torch.nn.functional.relu", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["python"] == "torch.nn.functional.relu"
    assert main(["layers"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*catalogue.families()["layer"]["pooling"], *ABSENT))
    for name, said in (
        ("Conv2D", "did you mean `Conv2d`"),
        ("MSELoss", "not to the architecture"),
        ("Sequential", "use a list"),
    ):
        assert main(["layers", name]) == 2
        assert said in capsys.readouterr().err


PLACES = {
    "": (torch, torch.nn.functional, torch.Tensor),
    "fft.": (torch.fft,),
    "linalg.": (torch.linalg,),
    "special.": (torch.special,),
}
"""Where PyTorch has functions and methods, by what stands before their names."""


def public() -> Iterator[str]:
    """The names of all functions of torch and its namespaces, and of all methods of tensors."""
    for prefix, places in PLACES.items():
        for place in places:
            for name, one in inspect.getmembers(place, callable):
                if name[0].islower() and not inspect.ismodule(one) and is_of_torch(place, one):
                    yield f"{prefix}{name}"


def is_of_torch(place: Any, one: Any) -> bool:
    """Whether it is made there: modules import what helps them, too."""
    made = str(getattr(one, "__module__", None))
    written = ("None", "torch", "torch.functional", "torch._C", "torch._C._VariableFunctions")
    return place is not torch or made in written


def test_every_function_of_torch_is_in_the_catalogue_or_absent_with_a_reason() -> None:
    names = set(public())
    assert len(names) > 1000, "PyTorch's own lists"
    assert {"relu", "masked_fill", "fft.rfft", "linalg.inv", "special.i0"} <= names
    assert sorted(name for name in names - FUNCTIONS.keys() if absent(name) is None) == []


def test_a_function_that_is_absent_has_a_reason() -> None:
    assert not FUNCTIONS.keys() & NO_FUNCTIONS.keys()
    for name in ("cross_entropy", "add_", "item", "Tensor.size", "torch.nonzero"):
        assert "not in the catalogue" in catalogue.absent(name)
