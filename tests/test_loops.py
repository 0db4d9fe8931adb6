"""Loops, blocks and groups in one another: the generated constructor makes what is built, whatever the parameters.

Networks are drawn whose sizes change from round to round, inside of blocks and out of them, and are read again later:
by the next loop, beside a skip, by a caller. Both modules are made without memory, and their weights compared.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archspec

CHANNELS = ("4", "n", "2 * n", '"widths[0]"')
IN_LOOP = ("4", "w", "2 * w", "n + w")
BY_COUNT = ("4", "8 * 2 ** i", "n * (i + 1)", "6 + i")
DOWN = (
    "blocks:",
    "  Down:",
    "    inputs: {x: [N, C, H, W]}",
    "    layers:",
    "      - Conv2d: {out_channels: C + 1, kernel_size: 2, stride: 2, padding: 1}",
)
OUTER = (
    "  Outer:",
    "    params: {n: int, widths: list, table: list, deep: bool}",
    "    inputs: {x: [N, C, H, W]}",
    "    layers:",
    "      a: {Trunk: {n: n, widths: widths, table: table, deep: deep}}",
    "      b: {Conv2d: {out_channels: n, kernel_size: 1}}",
    "      c: adaptive_avg_pool2d(b, 8)",
    "      d: adaptive_avg_pool2d(a, 8)",
    "      e: cat([c, d], 1)",
)
SETTINGS = (
    {},
    {"n": 1, "widths": [5]},
    {"n": 3, "widths": [2, 9, 4], "table": [[3, 2], [7, 1], [6, 3]], "deep": True},
)


@st.composite
def bodies(draw: st.DrawFn, channels: tuple[str, ...] = CHANNELS, depth: int = 2) -> list[str]:
    """The steps of a list, each on a line; deeper lines belong to the step above."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("conv", "conv", "relu", "widths", "count", "table", "repeat", "when", "down")))
        conv = f"Conv2d: {{out_channels: {draw(st.sampled_from(channels))}, kernel_size: 1}}"
        if depth == 0 or kind == "conv":
            lines.append(f"- {conv}")
        elif kind == "relu":
            lines.append("- ReLU")
        elif kind == "down":
            lines.append("- Down")
        elif kind == "when":
            lines += [f"- {conv}", "  when: deep"]
        else:
            heads = {
                "widths": ("for: w in widths", IN_LOOP),
                "count": ("for: i in range(n)", BY_COUNT),
                "table": ("for: w, times in table", IN_LOOP),
                "repeat": ("repeat: n", channels),
            }
            head, inside = heads[kind]
            if any(word in channels[1] for word in ("w", "i")) and kind != "repeat":
                head, inside = "repeat: n", channels  # a loop binds new names
            inner = draw(bodies(inside, depth - 1))
            lines += [f"- {head}", "  layers:", *(f"    {line}" for line in inner)]
    return lines


@st.composite
def networks(draw: st.DrawFn) -> str:
    lines = [
        "name: Net",
        "params: {n: 2, widths: [3, 5], table: [[4, 1], [6, 2]], deep: false}",
        "inputs: {x: [N, 3, 16, 16]}",
        "layers:",
    ]
    above = ["x"]
    for number in range(draw(st.integers(2, 4))):
        name, source = f"s{number}", draw(st.sampled_from(above))
        kind = draw(st.sampled_from(("trunk", "outer", "list", "group", "loop", "down")))
        if kind == "trunk":
            lines.append(f"  {name}: {{from: {source}, Trunk: {{n: n, widths: widths, table: table, deep: deep}}}}")
        elif kind == "outer":
            lines.append(f"  {name}: {{from: {source}, Outer: {{n: n, widths: widths, table: table, deep: deep}}}}")
        elif kind == "down":
            lines.append(f"  {name}: {{from: {source}, Down: {{}}}}")
        elif kind == "loop":
            conv = draw(st.sampled_from(IN_LOOP))
            loop = f"Conv2d: {{out_channels: {conv}, kernel_size: 1}}, for: w in widths"
            lines.append(f"  {name}: {{from: {source}, {loop}}}")
        elif kind == "group":
            lines += [f"  {name}:", f"    from: {source}", "    layers:"]
            lines.append(f"      a: {{Conv2d: {{out_channels: {draw(st.sampled_from(CHANNELS))}, kernel_size: 1}}}}")
            out = draw(st.sampled_from(IN_LOOP))
            lines.append(f"      b: {{Conv2d: {{out_channels: {out}, kernel_size: 1}}, for: w in widths}}")
            lines.append(f"      c: {draw(st.sampled_from(('cat([a, b], 1)', 'relu(a) + 0 * sum(b)')))}")
            lines.append("      d: {Conv2d: {out_channels: 4, kernel_size: 1}}")
        else:
            lines += [f"  {name}:", f"    from: {source}", "    layers:"]
            lines += [f"      {line}" for line in draw(bodies())]
        lines.append(f"  p{number}: adaptive_avg_pool2d({name}, 4)")
        above.append(name)
    pooled = ", ".join(name.replace("s", "p") for name in above[1:])
    lines += [f"  all: cat([{pooled}], 1)", "  last: {Conv2d: {out_channels: 2, kernel_size: 1}}"]
    lines += ["  flat: flatten(last, 1)", "  fc: {Linear: n}"]
    trunk = draw(bodies())
    with_outer = any("Outer:" in line for line in lines)
    with_trunk = with_outer or any("Trunk:" in line for line in lines)
    uses = "\n".join([*lines, *(trunk if with_trunk else ())])
    if not with_trunk:
        return "\n".join([*lines, *(DOWN if "Down" in uses else ())]) + "\n"
    lines += ["blocks:", "  Trunk:"]
    lines += ["    params: {n: int, widths: list, table: list, deep: bool}", "    inputs: {x: [N, C, H, W]}"]
    lines += ["    layers:", *(f"      {line}" for line in trunk)]
    lines += DOWN[1:] if "Down" in uses else ()
    lines += OUTER if with_outer else ()
    return "\n".join(lines) + "\n"


def weights(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def compare(text: str) -> None:
    spec = archspec.parse(text)
    source = spec.generate()
    scope: dict[str, Any] = {}
    exec(compile(source, "<generated>", "exec"), scope)
    for params in SETTINGS:
        built = weights(archspec.build(spec, device="meta", **params))
        with torch.device("meta"):
            made = weights(scope["Net"](**params))
        unlike = [(key, made.get(key), shape) for key, shape in built.items() if made.get(key) != shape]
        assert not unlike, f"{unlike[:3]}\n{params}\n{text}\n{source}"
        assert list(made) == list(built)


@settings(deadline=None, database=None, max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_loops(text: str) -> None:
    compare(text)


@pytest.mark.slow
@settings(
    deadline=None, database=None, max_examples=400, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(networks())
def test_many_loops(text: str) -> None:
    compare(text)


def test_rounds_of_which_nothing_is_known_are_refused_where_sizes_are_needed() -> None:
    """With `flag`, `h` is several values: what a round returns then, nobody knows, so later rounds have no sizes."""
    text = """
params: {width: 4, flag: false}
inputs: {x: [T, 2 * width]}
layers:
  v:
    layers:
      r: {MaxPool1d: 2}
      l: {LayerNorm: {}}
      h: {from: {query: x, key: r, value: r}, MultiheadAttention: {num_heads: 2}, when: flag}
      body: r + mean(h) + mean(x[0])
    for: i in range(2)
"""
    spec = archspec.parse(text)
    assert list(weights(archspec.build(spec, device="meta")).values()) == [(4,), (4,), (2,), (2,)]
    with pytest.raises(archspec.SpecError, match="AS508"):
        spec.generate()
