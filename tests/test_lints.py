"""What lints say, held against PyTorch: where one says that something has no effect, it has none.

That each lint finds what it should, and leaves its neighbours alone, is written in tests/errors (`lint_*.yaml`).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import shipped
import test_models
import torch
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import archspec
from archspec import Problem, source
from archspec.graph import Class, Graph, Group, Item, modules
from archspec.layers import LAYERS, Layer
from archspec.lints import LINTS
from archspec.lints.places import blocks, lies_in, reach, steps
from archspec.lints.wiring import Wiring
from archspec.problems import WARNINGS
from archspec.starter import TEMPLATES
from archspec.tensors import TensorType

ROOT = Path(__file__).parent.parent
FOUND = sorted((ROOT / "tests" / "errors").glob("lint_*.yaml"))


yaml.SafeDumper.add_representer(source.Entries, yaml.SafeDumper.represent_dict)


def parse(*layers: str, inputs: str = "x: [N, 8]", more: str = "") -> archspec.Spec:
    listed = "".join(f"  - {layer}\n" for layer in layers)
    return archspec.parse(f"inputs: {{{inputs}}}\n{more}layers:\n{listed}")


def codes(spec: archspec.Spec, **more: Any) -> list[str]:
    return [problem.code for problem in archspec.check(spec, **more)]


def test_every_code_of_a_warning_is_a_lint_with_its_reason() -> None:
    assert {*LINTS, "AS700"} == set(WARNINGS)  # AS700 is about `ignore`
    for lint in LINTS.values():
        first, _, rest = lint.reason.partition("\n")
        assert len(first) > 40, lint
        assert rest, lint
        assert lint.title


# What ships.

SHOWN = {
    "mlp": {"AS701"},  # as an example of what a warning looks like
    "mlp_configurable": {"AS709"},  # of the settings, one has `dropout: 1`
}
"""The specs that show a warning with some of their settings, and why."""


@pytest.mark.parametrize("name", shipped.each())
def test_what_ships_is_silent_or_gives_the_reason(name: str) -> None:
    spec = test_models.load(name)
    found: set[str] = set()
    for params in ({}, *test_models.OTHER_PARAMETERS.get(name, [])):
        found.update(codes(spec, params=params))
    sizes = {"H": 224, "W": 224, "h": 7, "w": 7, "N": 2}  # so that strides are held against them
    shapes = {one.name: [sizes.get(str(size), size) for size in one.type.shape] for one in spec.graph().main.inputs}
    if all(isinstance(size, int) for shape in shapes.values() for size in shape):
        found.update(codes(spec, inputs=shapes))
    assert found == SHOWN.get(name, set())
    places = (*blocks(spec.document), *steps(spec.document))
    assert all(reason for _, one in places for reason in one.ignore.values()), "write why"


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "language").glob("*.yaml")), ids=lambda path: path.stem)
def test_all_that_the_language_has_can_be_looked_at(path: Path) -> None:
    assert {problem.severity for problem in archspec.check(path)} <= {"warning"}


def test_what_depends_on_parameters_without_a_value_can_be_looked_at() -> None:
    text = """\
params: {width: int, deep: bool, widths: list, times: int}
inputs: {x: [N, width]}
layers:
  first: {Linear: width}
  norm: {BatchNorm1d: , when: deep}
  act: ReLU
  body:
    for: size in widths
    layers:
      - Linear: size
      - ReLU
  again: {repeat: times, LayerNorm: }
  chosen: again if deep else body
  fc: {Linear: 4}
  out: ReLU
"""
    assert codes(archspec.parse(text)) == ["AS701"]
    text = """\
params: {same: str, chance: float, axis: int, size: int}
inputs: {x: [N, 8, 9, 9]}
layers:
  conv: {Conv2d: {out_channels: 8, kernel_size: 3, padding: same}}
  norm: {BatchNorm2d: {momentum: chance}}
  pool: {MaxPool2d: {kernel_size: size, stride: size}}
  drop: {Dropout: chance}
  soft: {Softmax: {dim: axis}}
  out: softmax(soft, axis) + drop
"""
    assert codes(archspec.parse(text)) == ["AS703"]


def test_a_class_of_ones_own_may_do_anything() -> None:
    text = "inputs: {x: [N, 8]}\nlayers:\n  - ReLU\n  - my.join:\n  - ReLU\n  - my.relu:\n  - Tanh\n"
    assert codes(archspec.parse(text, allow=["my"])) == []


def types(flow: Any) -> list[TensorType]:
    """The tensors in (nested) tuples of them."""
    if isinstance(flow, TensorType):
        return [flow]
    return [one for part in flow for one in types(part)] if isinstance(flow, tuple) else []


@pytest.mark.parametrize("name", [name for name in test_models.NAMES if name not in test_models.HUGE])
def test_what_reads_what(name: str) -> None:
    """Each layer is there, and what is said to flow into it is what it takes."""
    graph = test_models.load(name).graph()
    ops = list(Wiring(graph).of(*LAYERS))
    layers, again = {id(op.layer) for op in ops if op.layer is not None}, _run_again(graph)
    assert layers == {id(layer) for _, _, layer in graph.layers()} - _not_run(graph) | again
    for op in ops:
        if op.call is not None:
            taken = [one for flow in op.call.inputs for one in types(flow)]
            made = [{origin.output for origin in op.origins(place)} for place in range(len(op.inputs))]
            assert len(made) == len(taken)
            assert all(one in origins or not origins for one, origins in zip(taken, made, strict=True))
            assert id(op.layer) in again or all(len(origins) <= 1 for origins in made)
            assert op.readings()


def test_what_a_list_spreads_flows_in() -> None:
    text = (
        'inputs: {x: [N, 8]}\nlayers:\n  a: {each: "k in [1, 2, 3]", from: x, Linear: k}\n  b: {from: x, Linear: 4}\n'
    )
    graph = archspec.parse(text + '  c: {from: "cat([b, *a], 1)", ReLU: }\n').graph()
    (relu,) = Wiring(graph).of("ReLU")
    assert [str(origin.output) for origin in relu.origins(0)] == ["[N, 10]"]


def _not_run(graph: Graph) -> set[int]:
    """The layers that are made and not called."""
    return _layers_of([step.item for cls in _classes(graph) for _, step in cls.idle if step.item is not None])


def _run_again(graph: Graph) -> set[int]:
    """The layers of what `again` runs, and of the rounds that share one module."""
    steps = [step for cls in _classes(graph) for step in cls.steps]
    rounds = [step.item.items for step in steps if isinstance(step.item, Group) and step.item.module is not None]
    return _layers_of(
        [*(step.again for step in steps if step.again is not None), *(one for run in rounds for one in run)]
    )


def _classes(graph: Graph) -> list[Class]:
    calls = [call.layer for _, call in graph.modules() if isinstance(getattr(call, "layer", 0), Class)]
    return [graph.main, *calls]


def _layers_of(items: Sequence[Item]) -> set[int]:
    return {id(call.layer) for _, call in modules(tuple(items)) if isinstance(getattr(call, "layer", 0), Layer)}


# Silence.


def silenced(path: Path) -> list[tuple[Problem, dict[str, Any], list[Problem]]]:
    """For each warning beside a layer: the spec with an `ignore` there, and all that it covers."""
    spec = archspec.load(path)
    problems = archspec.check(spec)
    found = []
    for problem in problems:
        around = [(at, step) for at, step in steps(spec.document) if lies_in(problem.span, reach(at, spec.source))]
        at, step = around[-1] if around else ((), None)
        if step is None or step.expression is not None:
            continue
        tree = source.parse(spec.text, str(path)).data  # a fresh one
        *above, last = at
        place = tree
        for key in above:
            place = place[key]
        written = place[last] if isinstance(place[last], dict) else {place[last]: None}
        place[last] = {**written, "ignore": {problem.code: "as a test"}}
        text = reach(at, spec.source)
        found.append((problem, tree, [one for one in problems if one.code == problem.code and lies_in(one.span, text)]))
    return found


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_its_code_silences_it_and_nothing_else(path: Path) -> None:
    before = Counter(codes(archspec.load(path)))
    for problem, tree, covered in silenced(path):
        after = Counter(codes(archspec.parse(yaml.safe_dump(tree, sort_keys=False, default_flow_style=None))))
        assert before - after == Counter({problem.code: len(covered)}), problem
        assert not after - before, "an `ignore` that silences something is no warning"
    for code in before:
        without = before - Counter({code: before[code]})
        text = path.read_text("utf-8")
        assert Counter(codes(archspec.parse(f"ignore: [{code}]\n{text}"))) == without
        assert Counter(codes(archspec.parse(text), ignore=[code])) == without
        data = yaml.safe_load(text)
        owners = [name for name, block in data.get("blocks", {}).items() if _is_within(archspec.load(path), name, code)]
        for name in owners:
            data["blocks"][name]["ignore"] = {code: "as a test"}
            assert codes(archspec.parse(yaml.safe_dump(data, sort_keys=False))).count(code) < before[code]


def _is_within(spec: archspec.Spec, block: str, code: str) -> bool:
    text = reach(("blocks", block), spec.source)
    return any(problem.code == code and lies_in(problem.span, text) for problem in archspec.check(spec))


def test_an_ignore_may_be_for_what_only_shows_otherwise() -> None:
    """Beside a condition, or with parameters other than the defaults, one that silences nothing is no mistake."""
    ignored = "Conv1d: {out_channels: 2, kernel_size: 1, bias: wide}\n    ignore: [AS703]"
    more = "params: {wide: false}\n"
    kept = "BatchNorm1d:\n    when: wide"
    spec = parse(ignored, kept, inputs="x: [N, 8, L]", more=more)
    assert codes(spec) == []
    assert codes(spec, params={"wide": True}) == []
    spec = parse(ignored, "BatchNorm1d", inputs="x: [N, 8, L]", more=more)
    assert codes(spec) == ["AS700"]
    assert codes(spec, params={"wide": True}) == []
    assert codes(parse("Linear: 2\n    ignore: [AS701]"), inputs={"x": [2, 8]}) == []
    assert codes(parse("Linear: 2\n    ignore: [AS701, AS700]")) == []


def test_a_code_that_is_no_warnings_is_refused() -> None:
    for code in ("AS401", "AS730", ""):
        with pytest.raises(ValueError, match="not the code of a warning"):
            archspec.check(parse("Linear: 2"), ignore=[code])


# What lints claim, and PyTorch does.

SLIDING = ("Conv1d", "MaxPool1d", "AvgPool1d", "LPPool1d")


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, dict[str, Any], int]:
    """A layer of windows over one axis, its arguments, and the axis's size."""
    name = draw(st.sampled_from(SLIDING))
    kernel, stride = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    arguments: dict[str, Any] = {"kernel_size": kernel, "stride": stride}
    if name == "Conv1d":
        arguments |= {"out_channels": 1, "padding": draw(st.integers(0, 4)), "dilation": draw(st.integers(1, 3))}
    else:
        arguments["ceil_mode"] = draw(st.booleans())
        if name != "LPPool1d":
            arguments["padding"] = draw(st.integers(0, kernel // 2))
    if name == "LPPool1d":
        arguments["norm_type"] = 1
    return name, arguments, draw(st.integers(1, 130))


def positions_read(layer: nn.Module, size: int) -> list[bool]:
    """Whether each position of the input has an effect on what a layer returns."""
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    base: Tensor = layer(torch.zeros(size, 1, size))
    changed: Tensor = layer(torch.diag(torch.full((size,), 100.0)).unsqueeze(1))
    return [bool(flag) for flag in (base != changed).flatten(1).any(1)]


def windowed(name: str, arguments: dict[str, Any], size: int) -> archspec.Spec:
    text = ", ".join(f"{key}: {str(value).lower()}" for key, value in arguments.items())
    try:
        return parse(f"{name}: {{{text}}}", inputs=f"x: [N, 1, {size}]")
    except archspec.SpecError:
        assume(False)
        raise


@settings(max_examples=60, deadline=None)
@given(windows())
def test_unread_positions_are_those_that_have_no_effect(drawn: tuple[str, dict[str, Any], int]) -> None:
    name, arguments, size = drawn
    spec = windowed(name, arguments, size)
    read = positions_read(spec.build({}, limit=None)[0], size)
    unread = len(list(itertools.takewhile(lambda flag: not flag, reversed(read))))
    reach = (arguments["kernel_size"] - 1) * arguments.get("dilation", 1) + 1
    problems = archspec.check(spec)
    if not problems:
        assert unread <= size / 100 or arguments["stride"] > reach or arguments.get("dilation", 1) > 1
        return
    (problem,) = problems
    assert problem.code == "AS706"
    assert f"reads {size - unread} of {size} positions" in problem.message
    advice = re.match(r"(?:write|use) `(padding|ceil_mode): (\w+)`.*?, or give it (\d+)", problem.help)
    assert advice
    fitting = windowed(name, arguments, int(advice[3]))
    assert archspec.check(fitting) == []
    arguments[advice[1]] = True if advice[2] == "true" else int(advice[2])
    whole = windowed(name, arguments, size)
    assert archspec.check(whole) == []
    assert positions_read(whole.build({}, limit=None)[0], size)[-1] or arguments.get("dilation", 1) > 1


BIASED = [
    (("Linear: 6", "BatchNorm1d"), "x: [N, 5]"),
    (("Linear: 6", "LayerNorm"), "x: [N, 5]"),
    (("Linear: 3", "BatchNorm1d"), "x: [N, 3, 5]"),
    (("Conv1d: {out_channels: 4, kernel_size: 3}", "BatchNorm1d: {affine: false}"), "x: [N, 3, 9]"),
    (("Conv1d: {out_channels: 4, kernel_size: 3}", "Identity", "InstanceNorm1d"), "x: [N, 3, 9]"),
    (("Conv2d: {out_channels: 4, kernel_size: 3}", "GroupNorm: 4"), "x: [N, 3, 9, 9]"),
    (("Conv2d: {out_channels: 4, kernel_size: 3}", "GroupNorm: 2"), "x: [N, 3, 9, 9]"),
    (("Conv2d: {out_channels: 4, kernel_size: 3}", "ReLU", "BatchNorm2d"), "x: [N, 3, 9, 9]"),
    (("Conv2d: {out_channels: 4, kernel_size: 3}", "MaxPool2d: 2", "BatchNorm2d"), "x: [N, 3, 9, 9]"),
    (("ConvTranspose3d: {out_channels: 4, kernel_size: 2}", "BatchNorm3d"), "x: [N, 3, 3, 3, 3]"),
    (("Conv2d: {out_channels: 4, kernel_size: 3}", "LocalResponseNorm: 2"), "x: [N, 3, 9, 9]"),
]
"""A layer with a bias and what follows it; in one of them a pooling hides that the bias has no effect."""


@pytest.mark.parametrize(("layers", "inputs"), BIASED, ids=str)
def test_a_bias_without_effect_has_no_gradient(layers: tuple[str, ...], inputs: str) -> None:
    spec = parse(*layers, inputs=inputs)
    found = [problem for problem in archspec.check(spec) if problem.code == "AS703"]
    model = spec.build({}, limit=None, dtype=torch.float64)
    shape = [size if isinstance(size, int) else 4 for size in spec.graph().main.inputs[0].type.shape]
    torch.manual_seed(0)
    output = model(torch.randn(shape, dtype=torch.float64))
    (output * torch.randn_like(output)).sum().backward()
    without_effect = model[0].bias.grad.abs().max() < 1e-9
    assert without_effect == (bool(found) or "MaxPool2d: 2" in layers)


CONSTANT = [
    (("Linear: 1", "Softmax: {dim: 1}"), True),
    (("Linear: 1", "Softmin: {dim: -1}"), True),
    (("Linear: 1", "LogSoftmax: {dim: 1}"), True),
    (("Linear: 2", "LogSoftmax: {dim: 1}"), False),
    (("Unflatten: {dim: 1, unflattened_size: [1, 2, 4]}", "Softmax2d"), True),
    (("Unflatten: {dim: 1, unflattened_size: [2, 2, 2]}", "Softmax2d"), False),
    (("Linear: 1", "LayerNorm"), True),
    (("Linear: 2", "LayerNorm"), False),
    (("GroupNorm: 8",), True),
    (("GroupNorm: 4",), False),
    (("Dropout: 1.0",), True),
    (("AlphaDropout: 1.0",), True),
    (("Dropout: 0.5",), False),
    (("LogSigmoid", "ReLU"), True),
    (("LogSoftmax: {dim: 1}", "ReLU6"), True),
    (("LogSigmoid", "LeakyReLU"), False),
]
"""Layers that follow one another, and whether anything comes through them."""


@pytest.mark.parametrize(("layers", "constant"), CONSTANT, ids=str)
def test_what_is_constant_gives_the_same_for_all(layers: tuple[str, ...], constant: bool) -> None:
    spec = parse(*layers)
    assert ("AS709" in codes(spec)) == constant
    model = spec.build({}, limit=None)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        x = torch.randn(4, 8)
        torch.manual_seed(0)  # what is dropped is the same
        found.append(model(x))
    assert torch.allclose(found[0], found[1], atol=1e-4) == constant


NORMALIZED = [
    ("BatchNorm1d", [1, 8]),
    ("BatchNorm1d", [1, 8, 2]),
    ("BatchNorm1d", [1, 8, 1]),
    ("BatchNorm1d", ["N", 8, 1]),
    ("BatchNorm2d", [1, 8, 1, 1]),
    ("InstanceNorm2d: {track_running_stats: true}", [2, 8, 1, 1]),
    ("InstanceNorm2d: {track_running_stats: true}", ["N", 8, 1, 1]),
    ("InstanceNorm2d: {track_running_stats: true}", [1, 8, 1, 2]),
]


@pytest.mark.parametrize(("layer", "shape"), NORMALIZED, ids=str)
def test_what_training_refuses_it_does_refuse(layer: str, shape: list[Any]) -> None:
    spec = parse(layer, inputs=f"x: {shape}".replace("'", ""))
    x = torch.randn([3 if size == "N" else size for size in shape])
    model = spec.build({}, limit=None)
    if "AS710" in codes(spec):
        with pytest.raises(ValueError, match="Expected more than 1"):
            model(x)
        model.eval()
    assert model(x).shape == x.shape


def test_a_sum_that_repeats_does_so() -> None:
    path = ROOT / "tests" / "errors" / "lint_repeated_shortcut.yaml"
    spec = archspec.load(path)
    values: dict[str, Tensor] = {}
    model = spec.build({}, limit=None)
    model.conv.register_forward_hook(lambda module, given, output: values.update(x=given[0], conv=output))
    model.same.register_forward_hook(lambda module, given, output: values.update(sum=given[0]))
    model(torch.randn(2, 1, 28, 28))
    assert torch.equal(values["sum"], values["x"].expand(-1, 16, -1, -1) + values["conv"])


def test_a_parameter_that_nothing_reads_changes_nothing() -> None:
    path = ROOT / "tests" / "errors" / "lint_unread_parameter.yaml"
    spec = archspec.load(path)
    unread = {
        name for problem in archspec.check(spec) for name in re.findall(r"the parameter `(\w+)`", problem.message)
    }
    for name in ("depth", "scale"):
        same = archspec.shapes(spec) == archspec.shapes(spec, params={name: 9})
        assert same == (name in unread)


# Files.


def test_an_imported_block_is_warned_of_in_its_own_file_and_ignored_there(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "inputs: {x: [N, 8]}\nimports: {Twice: ./blocks.yaml}\nlayers: [Twice, Linear: 2]\n"
    )
    block = "blocks:\n  Twice:\n    inputs: {x: [N, d]}\n    layers: [ReLU, ReLU]\n"
    (tmp_path / "blocks.yaml").write_text(block)
    (problem,) = archspec.check(tmp_path / "net.yaml")
    assert (problem.code, Path(problem.path).name, problem.line) == ("AS704", "blocks.yaml", 4)
    (tmp_path / "blocks.yaml").write_text(f"{block}    ignore: [AS704, AS701]\n")
    (problem,) = archspec.check(tmp_path / "net.yaml")
    assert (problem.code, Path(problem.path).name, problem.line) == ("AS700", "blocks.yaml", 5)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_first_spec_is_without_warnings_and_can_be_generated(template: str) -> None:
    spec = archspec.parse(archspec.new("net", template=template))
    assert codes(spec) == []
    assert "class Net(" in spec.generate()
