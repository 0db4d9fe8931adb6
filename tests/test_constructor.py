"""The constructor of a generated class: what it refuses, what it computes, and what its docstring says of it."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import torch
from torch import nn

import archspec

LIMITED = """
name: Limited
params:
  depth: {type: int, default: 2, min: 1, max: 5}
  width: {default: 8, max: 64}
  rate: {type: float, default: 0.5, min: 0.0}
  mode: {default: zeros, choices: [zeros, reflect, circular]}
  groups: {default: 1, choices: [1, 2, 4]}
  sizes: {default: [4, 8], choices: [[4, 8], [8, 4]]}
  hidden: {type: int, default: width // 2, min: 2}
inputs: {x: [N, 4, 8, 8]}
layers:
  first: {Conv2d: {out_channels: width, kernel_size: 3, padding: 1, padding_mode: mode, groups: groups}}
  body: {Conv2d: {out_channels: "sizes[0]", kernel_size: 1}, repeat: depth}
  flatten: Flatten
  last: {Linear: hidden}
  drop: {Dropout: rate, when: rate < 1}
"""


def classes(spec: archspec.Spec) -> dict[str, Any]:
    """The classes of a generated module, by name."""
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(archspec.generate(spec), "<generated>", "exec"), namespace)
    return namespace


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("depth", 0, "depth is 0, not in 1..5"),
        ("depth", 6, "depth is 6, not in 1..5"),
        ("width", 65, "width is 65, not at most 64"),
        ("rate", -0.5, "rate is -0.5, not at least 0.0"),
        ("mode", "mirror", "mode is 'mirror', which is not one of its choices"),
        ("groups", 3, "groups is 3, not one of 1, 2, 4"),
        ("sizes", (4, 4), "sizes is (4, 4), which is not one of its choices"),
        ("hidden", 1, "hidden is 1, not at least 2"),
    ],
)
def test_refuses_what_the_spec_does_not_allow(name: str, value: object, why: str) -> None:
    spec = archspec.parse(LIMITED)
    with pytest.raises(archspec.SpecError, match="is not a valid value for the parameter"):
        archspec.build(spec, **{name: value})
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        classes(spec)["Limited"](**{name: value})


@pytest.mark.parametrize("params", [{}, {"depth": 5, "width": 64}, {"groups": 4, "mode": "circular", "sizes": (8, 4)}])
def test_takes_what_the_spec_allows(params: dict[str, Any]) -> None:
    spec = archspec.parse(LIMITED)
    built, generated = archspec.build(spec, **params), classes(spec)["Limited"](**params)
    assert [(k, v.shape) for k, v in built.state_dict().items()] == [
        (k, v.shape) for k, v in generated.state_dict().items()
    ]


@pytest.mark.parametrize("mode", ["same", "valid"])
def test_a_parameter_may_say_which_padding(mode: str) -> None:
    spec = archspec.parse("""
name: Padded
params: {mode: {default: same, choices: [same, valid]}}
inputs: {x: [N, 3, 8, 8]}
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: mode}
  - Flatten
  - Linear: 2
""")
    built, generated = archspec.build(spec, mode=mode), classes(spec)["Padded"](mode=mode)
    assert isinstance(built, nn.Sequential)
    assert isinstance(generated, nn.Sequential)
    generated.load_state_dict(built.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(built(x), generated(x))


def test_a_range_is_a_tuple_where_it_is_a_value() -> None:
    source = archspec.generate(
        archspec.parse("""
params: {n: 3, widths: {type: list, default: "range(4, 4 + n)"}}
let: {steps: range(n)}
inputs: {x: [N, 3]}
layers: {body: {layers: [{Linear: "w + steps[0]"}], for: w in widths}}
""")
    )
    assert "widths = tuple(range(4, n + 4))" in source or "widths = tuple(range(4, 4 + n))" in source
    assert "steps = tuple(range(n))" in source
    assert "for w in widths" in source


def test_a_docstring_says_what_parameters_without_words_are_for_in_lines_that_fit() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    source = archspec.generate(
        archspec.parse(f"""
name: Documented
doc: {words}
params: {{width: 8, told: {{default: 3, doc: {words}}}}}
inputs: {{x: [N, width]}}
layers:
  - repeat: told
    layers: [{{Linear: width}}]
  - Linear: width
  - Linear: 2 * width
  - Linear: {{out_features: width, in_features: 2 * width}}
""")
    )
    (cls,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    doc = ast.get_docstring(cls, clean=False)
    assert doc is not None
    assert max(map(len, source.split("\n"))) <= 88
    assert doc.split()[:60] == words.split()
    told = doc.partition("told: ")[2].split("\n")
    assert " ".join(" ".join(told).split()).startswith(words)
    assert told[1].startswith(" " * 12 + "word")
    (line,) = (line for line in doc.split("\n") if line.strip().startswith("width:"))
    assert line.strip().startswith("width: Size of axis 1 of `x`; `out_features` of `n`; `in_features` of `n`.")


@pytest.mark.parametrize("depths", [(1, 2), (0, 2), (0, 0)])
def test_how_often_a_loop_runs_may_be_an_entry_of_a_list(depths: tuple[int, ...]) -> None:
    spec = archspec.parse("""
name: Widened
params: {depths: [1, 2]}
inputs: {x: [N, 4]}
layers:
  first: {Widen: {width: 8}, repeat: "depths[0]"}
  second: {Widen: {width: 16}, for: "i in range(depths[1])"}
  last: {Linear: 3}
blocks:
  Widen:
    params: {width: int}
    inputs: {x: [N, dim]}
    layers:
      linear: {Linear: width}
      relu: ReLU
""")
    built, generated = archspec.build(spec, depths=depths), classes(spec)["Widened"](depths=depths)
    generated.load_state_dict(built.state_dict())
    x = torch.randn(2, 4)
    assert torch.equal(built(x), generated(x))


def test_what_a_flag_decides_is_annotated_as_either() -> None:
    text = """
    params: {flag: true}
    inputs: {x: [N, 4]}
    layers:
      pair: {Pair: {flag}}
      lstm: {Recurrent: {flag}, from: x}
      listed: "[x, *[x]] if flag else x"
    outputs: {pair: pair, lstm: lstm, either: "pair if flag else (x, listed)"}
    blocks:
      Pair:
        params: {flag: bool}
        inputs: {x: [N, C]}
        layers: {y: x + 1, z: "(x, y) if flag else y", same: z}
      Recurrent: {params: {flag: bool}, inputs: {x: [N, C]}, layers: {fc: {Linear: C}, y: {LSTM: 4, when: flag}}}
    """
    source = archspec.generate(archspec.parse(text))
    found = re.findall(r"(?:-> |^    \w+: )(.*Tensor.*?):?$", source, re.MULTILINE)
    recurrent = "tuple[Tensor, tuple[Tensor, Tensor]] | Tensor"
    either = "tuple[Tensor, Tensor] | Tensor | tuple[Tensor, list[Tensor] | Tensor]"
    assert found == ["tuple[Tensor, Tensor] | Tensor", recurrent, "tuple[Tensor, Tensor] | Tensor", recurrent, either]


def test_a_parameter_is_no_word_in_the_expression_of_a_tensor() -> None:
    text = "name: Net\nparams: {least: 0.2}\ninputs: {x: [N, 4]}\nlayers:\n"
    spec = archspec.parse(text + '  scale: {Buffer: "clamp(zeros(4), min=least)"}\n  out: x * scale\n')
    made = classes(spec)["Net"](least=0.5)
    assert torch.equal(made.scale, torch.full((4,), 0.5))
    assert torch.equal(archspec.build(spec, least=0.5).scale, made.scale)


def test_what_tensors_are_made_of_is_computed_once() -> None:
    spec = archspec.parse(
        """
name: Gate
params: {width: 4}
inputs: {x: [N, width]}
layers:
  dt: rand(width) + 0.1
  low, high: split(arange(2 * width), width)
  bias: {Parameter: dt + log(-expm1(-dt))}
  drawn: {Buffer: dt}
  first: {Buffer: low}
  second: {Buffer: low + high}
  out: x + softplus(bias)
"""
    )
    made = []
    for factory in (lambda: archspec.build(spec), classes(spec)["Gate"]):
        torch.manual_seed(0)
        made.append(factory())
        before = torch.get_rng_state()
        made[-1](torch.ones(1, 4))
        assert torch.equal(torch.get_rng_state(), before), "the forward method draws nothing"
    built, generated = made
    for (name, one), (key, other) in zip(built.state_dict().items(), generated.state_dict().items(), strict=True):
        assert name == key
        assert torch.equal(one, other)
    torch.testing.assert_close(nn.functional.softplus(built.bias), built.drawn)
    assert len({tensor.data_ptr() for tensor in generated.state_dict().values()}) == 4
    assert archspec.generate(spec).count("torch.rand(") == 1
