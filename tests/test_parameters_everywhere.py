"""A parameter in the place of every integer of every layer and function: what check accepts, build and generate do.

In each example of the catalogue each integer in turn, the optional ones written out, is a parameter of the document,
then one of a block; a block and a layer that infers a size stand behind it. Either check says that a size cannot be
said (AS508), or the built and the generated module agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import judge
import pytest
import torch

import archspec
from archspec.functions import FUNCTIONS
from archspec.layers import LAYERS
from archspec.views.catalogue.examples import function_example, layer_example

_INTEGER = re.compile(r"(?<![\w.\"-])-?\d+(?![\w.])")


@pytest.fixture(autouse=True)
def filled_memory() -> Iterator[None]:
    """What `empty` and its like return is NaN, in place of whatever is found there."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(before)


def function_step(name: str) -> tuple[str, str]:
    """The inputs of a function's example, and its step with every optional integer written out."""
    lines = function_example(FUNCTIONS[name]).rstrip("\n").split("\n")
    step = lines[2].strip().replace("multinomial(x", "multinomial(sigmoid(x)")  # it takes probabilities
    more = [
        f", {one.name}={one.default}"
        for one in FUNCTIONS[name].parameters.values()
        if type(one.default) is int and f"{one.name}=" not in step and one.kind is not one.POSITIONAL_ONLY
    ]
    return lines[0], step.replace(')"', "".join(more) + ')"')


def layer_step(name: str) -> tuple[str, str]:
    """The inputs of a layer's example, and its step."""
    lines = layer_example(LAYERS[name]).rstrip("\n").split("\n")
    return lines[0], lines[2].strip()


def axes_behind(spec: archspec.Spec, key: str) -> str:
    """A name for each axis of a step's value, where a layer can stand behind it; else none."""
    shape, dtype = archspec.shapes(spec)[key], archspec.dtypes(spec)[key]
    usable = key == "out" and dtype == "float32" and shape and isinstance(shape[-1], int)
    return ", ".join("ABCDEFGH"[: len(shape)]) if usable else ""


def variants(inputs: str, step: str) -> Iterator[str]:
    """The specs of one example."""
    returned = "[x, made]" if step.startswith("made") else ""
    outputs = f"outputs: {returned}\n" if returned else ""
    try:
        spec = archspec.parse(f"{inputs}\nlayers:\n  {step}\n{outputs}")
    except archspec.SpecError:
        return  # an optional integer that does not go with this example
    axes = axes_behind(spec, step.partition(":")[0])
    given = ", ".join(name for name in re.findall(r"(\w+): [\[{]", inputs) if name in "xyz")
    for match in _INTEGER.finditer(step, step.index(":") + 1):
        one = f"{step[: match.start()]}p{step[match.end() :]}"
        yield f"params: {{p: {match[0]}}}\n{inputs}\nlayers:\n  {one}\n{outputs}"
        lines = [inputs, "layers:", f"  b: {{from: [{given}], B: {{p: {match[0]}}}}}"]
        lines += ["  act: Act", "  norm: LayerNorm"] if axes else []
        lines += ["blocks:", "  B:", "    params: {p: int}", f"    {inputs}", "    layers:", f"      {one}"]
        lines += [f"    outputs: {returned}"] if returned else []
        lines += [f"  Act: {{inputs: {{a: [{axes}]}}, layers: {{y: relu(a)}}}}"] if axes else []
        yield "\n".join((*lines, ""))


def hold_together(text: str) -> None:
    """Check, build and generate say the same of a spec that is right with a number in place of the parameter."""
    spec = archspec.parse(text)
    problems = [one for one in archspec.check(spec) if one.severity == "error"]
    if problems:
        assert {one.code for one in problems} == {"AS508"}, problems
        with pytest.raises(archspec.SpecError, match="AS508"):
            archspec.generate(spec)
    else:
        judge.agree(text)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_of_functions(name: str) -> None:
    for text in variants(*function_step(name)):
        hold_together(text)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_of_layers(name: str) -> None:
    for text in variants(*layer_step(name)):
        hold_together(text)
