"""Generated code reads as people write it: what is called within what, what is asserted, and which words come along."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import torch
from torch import nn

import archspec


def generate(text: str) -> str:
    return archspec.generate(archspec.parse(textwrap.dedent(text), name="net.yaml"))


def lines(source: str, method: str, cls: str = "Net") -> list[str]:
    """The body of a method, without its indentation."""
    body = source.partition(f"class {cls}(")[2].partition("\nclass ")[0].partition(f"    def {method}(")[2]
    body = body.partition(":\n")[2].partition("\n    def ")[0]
    return textwrap.dedent(body).strip().split("\n")


def made(source: str, **params: Any) -> nn.Module:
    """The network that a source defines."""
    names: dict[str, Any] = {"__name__": "net"}
    exec(compile(source, "net.py", "exec"), names)
    module = names["Net"](**params)
    assert isinstance(module, nn.Module)
    return module


def forward(layers: str, inputs: str = "{x: [N, 8, H, W]}") -> list[str]:
    return lines(
        generate(f"name: Net\ninputs: {inputs}\nlayers:\n{textwrap.indent(textwrap.dedent(layers), '  ')}"), "forward"
    )


def test_a_chain_begins_with_what_multiplies_where_the_flow_does() -> None:
    assert forward("""
        conv1: {Conv2d: {out_channels: 8, kernel_size: 3}}
        bn1: BatchNorm2d
        relu1: ReLU
        conv2: {Conv2d: {out_channels: 8, kernel_size: 3}}
        bn2: BatchNorm2d
    """) == [
        "x = self.relu1(self.bn1(self.conv1(x)))  # (N, 8, H - 2, W - 2)",
        "return self.bn2(self.conv2(x))",
    ]


def test_a_chain_ends_with_what_multiplies_where_the_flow_begins_with_a_normalization() -> None:
    assert forward("""
        bn1: BatchNorm2d
        relu1: ReLU
        conv1: {Conv2d: {out_channels: 8, kernel_size: 1}}
        bn2: BatchNorm2d
        relu2: ReLU
        conv2: {Conv2d: {out_channels: 8, kernel_size: 1}}
    """) == [
        "x = self.conv1(self.relu1(self.bn1(x)))",
        "return self.conv2(self.relu2(self.bn2(x)))",
    ]


def test_the_input_stays_where_it_is_read_later() -> None:
    assert forward("""
        conv: {Conv2d: {out_channels: 8, kernel_size: 1}}
        bn: BatchNorm2d
        sum: bn + x
        relu: ReLU
    """) == ["out = self.bn(self.conv(x))", "return self.relu(out + x)"]


def test_what_runs_first_stays_first() -> None:
    """A module is not called within an expression that computes, or draws numbers, before it."""
    assert forward("""
        drop: {Dropout: 0.5}
        noisy: rand_like(x) + drop
    """) == ["out = self.drop(x)", "return torch.rand_like(x) + out"]


def test_one_line_reads_a_size_where_strides_divide() -> None:
    found = forward("""
        stem: {Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}}
        pool: {MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}}
        fc: {Conv2d: {out_channels: 4, kernel_size: 1}}
    """)
    assert "x = self.pool(self.stem(x))  # (N, 8, H/4, W/4)" in found


SECTIONS = """
name: Net
inputs: {x: [N, 8]}
layers:
  # from here
  first: {Linear: 8}
  second: {Linear: 8}
  third: {Linear: 8}

  # to there
  fourth: {Linear: 8}   # the last but two
  fifth: {Linear: 8}
  sixth: {Linear: 8}
"""


def test_comments_and_blank_lines_of_a_spec_come_along() -> None:
    source = generate(SECTIONS)
    assert lines(source, "__init__") == [
        "super().__init__()",
        "# from here",
        "self.first = nn.Linear(8, 8)",
        "self.second = nn.Linear(8, 8)",
        "self.third = nn.Linear(8, 8)",
        "",
        "# to there",
        "# the last but two",
        "self.fourth = nn.Linear(8, 8)",
        "self.fifth = nn.Linear(8, 8)",
        "self.sixth = nn.Linear(8, 8)",
    ]
    assert "" in lines(source, "forward")


INSTRUCTIONS = ["noqa", "type: ignore", "fmt: off", "ruff: noqa", "pyright: basic", "mypy: ignore-errors"]
INSTRUCTIONS += ["pylint: disable=all", "coding: utf-7", "yaml-language-server: x", "spec sha256:0123456789abcdef"]


@pytest.mark.parametrize("words", INSTRUCTIONS)
def test_a_comment_that_a_tool_would_obey_stays_behind(words: str) -> None:
    source = generate(SECTIONS.replace("from here", words).replace("to there", f"and {words}"))
    assert source.count(words) == 0


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\u202e", "\ufeff", "\u200b"])
def test_a_comment_stays_one_line(mark: str) -> None:
    """Nothing in a comment ends it, or reorders what a reader sees."""
    try:
        source = generate(SECTIONS.replace("from here", f"a{mark}import os"))
    except archspec.SpecError:
        return  # YAML has no such character
    assert mark not in source
    assert not any(line.strip() == "import os" for line in source.splitlines())


HEADS = """
name: Net
params: {width: 8, heads: 2}
let: {size: width // heads}
inputs: {x: [N, T, width]}
layers:
  q: {Linear: width}
  split: transpose(reshape(q, [N, T, heads, size]), 1, 2)
"""


def test_a_constructor_asserts_what_its_shapes_need() -> None:
    source = generate(HEADS)
    assert "assert width % heads == 0" in lines(source, "__init__")
    assert made(source, width=6, heads=3)(torch.zeros(1, 2, 6)).shape == (1, 3, 2, 2)
    with pytest.raises(AssertionError):
        made(source, width=7, heads=2)
    with pytest.raises(archspec.SpecError):
        archspec.build(archspec.parse(HEADS), width=7, heads=2)


def test_what_only_a_condition_needs_is_not_asserted() -> None:
    source = generate(HEADS.replace("split: ", 'split: "q[:, None] if heads > 2 else ').replace("1, 2)\n", '1, 2)"\n'))
    assert "assert" not in source
    assert made(source, width=7, heads=3)(torch.zeros(1, 2, 7)).shape == (1, 1, 2, 7)


def test_a_size_that_rounds_hand_on_is_written_once() -> None:
    source = generate("""
        name: Net
        params: {widths: [4, 8], scale: 1.5}
        inputs: {x: [N, 3]}
        layers:
          - for: width in widths
            layers: [{Linear: "make_divisible(width * scale, 8)"}, ReLU]
    """)
    assert source.count("make_divisible(width * scale, 8)") == 1
    assert [layer.out_features for layer in made(source) if isinstance(layer, nn.Linear)] == [8, 16]


def test_many_arguments_go_by_name() -> None:
    source = generate("""
        name: Net
        params: {a: 1, b: 2, c: 3, d: 4, e: 5}
        inputs: {x: [N, 8]}
        layers:
          block: {Block: {a, b, c, d, e}}
        blocks:
          Block:
            params: {a: int, b: int, c: int, d: int, e: int}
            inputs: {x: [N, width]}
            layers:
              fc: {Linear: a + b + c + d + e}
    """)
    assert "self.block = Block(8, a=a, b=b, c=c, d=d, e=e)" in source
