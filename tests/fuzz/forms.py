"""Specs that grow: for each way in which a spec can be long, its text with so many steps.

What costs more than the spec grows shows where one of them is ten times as long. Each is right, and none has a warning
that is not part of what it is for.
"""

from __future__ import annotations

from collections.abc import Callable

HEAD = "inputs: {x: [N, 3]}\nlayers:\n"
BLOCK = """blocks:
  B:
    params: {w: int}
    inputs: {x: [N, C]}
    layers: {up: {Linear: w}, down: {Linear: C}, y: x + down}
"""
INNER = 100
"""How many steps a part has where a spec is made of parts."""


def lines(pattern: str, count: int) -> str:
    """The pattern once for each number."""
    return "".join(pattern.format(i, i - 1, i + 1) for i in range(count))


def named(count: int) -> str:
    """Steps with names, each of other sizes."""
    return HEAD + lines("  a{0}: {{Linear: {2}}}\n", count)


def equal(count: int) -> str:
    """Equal layers in a list."""
    return "inputs: {x: [N, 8, H, W]}\nlayers:\n" + "  - Conv2d: {out_channels: 8, kernel_size: 3}\n  - ReLU\n" * (
        count // 2
    )


def residual(count: int) -> str:
    """Sums of what stands far apart."""
    return HEAD + lines("  a{0}: {{Linear: 3}}\n  s{0}: a{0} + x\n", count // 2)


def skips(count: int) -> str:
    """Values that wait for one reader at the end of a chain."""
    half = count // 2
    up = "".join(f"  u{i}: {'u' + str(i - 1) if i else 'a' + str(half - 1)} + a{half - 1 - i}\n" for i in range(half))
    return HEAD + lines("  a{0}: {{Linear: 3}}\n", half) + up


def windows(count: int) -> str:
    """Convolutions that take something off sizes that are free."""
    return "inputs: {x: [N, 8, H, W]}\nlayers:\n" + lines(
        "  a{0}: {{Conv2d: {{out_channels: 8, kernel_size: 3, stride: 1}}}}\n", count
    )


def loop(count: int) -> str:
    """Layers of different sizes in a loop."""
    return f"params: {{n: {count}}}\n{HEAD}  - {{for: i in range(n), Linear: i + 1}}\n"


def named_loop(count: int) -> str:
    """The same behind a name."""
    return f"params: {{n: {count}}}\n{HEAD}  body: {{for: i in range(n), Linear: i + 1}}\n"


def loops(count: int) -> str:
    """A loop in a loop."""
    inner = f"{{for: j in range({INNER}), Linear: i + j + 1}}"
    return f"params: {{n: {max(1, count // INNER)}}}\n{HEAD}  body: {{for: i in range(n), layers: [{inner}]}}\n"


def collected(count: int) -> str:
    """Parallel branches, made by `each`-like steps, that one expression reads."""
    third = count // 3
    return (
        HEAD
        + lines("  a{0}: {{Linear: 3, from: x}}\n  s{0}: {{ReLU: , from: 'a{0} + x'}}\n  t{0}: s{0} * a{0}\n", third)
        + f"outputs: [{', '.join(f't{i}' for i in range(third))}]\n"
    )


def used_blocks(count: int) -> str:
    """One block, each use a step of its own."""
    return HEAD + lines("  a{0}: {{B: 8}}\n", count) + BLOCK


def different_blocks(count: int) -> str:
    """One block, each use with other parameters."""
    return HEAD + lines("  a{0}: {{B: {2}}}\n", count) + BLOCK


def many_blocks(count: int) -> str:
    """Blocks, each used once."""
    return (
        HEAD
        + lines("  a{0}: B{0}\n", count)
        + "blocks:\n"
        + lines("  B{0}: {{inputs: {{x: [N, C]}}, layers: [{{Linear: C}}]}}\n", count)
    )


def nested_blocks(count: int) -> str:
    """Towers of blocks within blocks, 40 high."""
    high = 40
    wide = max(1, round(count / high))
    towers = "".join(
        f"  B{t}_{i}: {{inputs: {{x: [N, C]}}, layers: [Linear: C, B{t}_{i + 1}]}}\n".replace(
            "[Linear: C", "[{Linear: C}"
        )
        if i < high - 1
        else f"  B{t}_{i}: {{inputs: {{x: [N, C]}}, layers: [{{Linear: C}}]}}\n"
        for t in range(wide)
        for i in range(high)
    )
    return HEAD + lines("  a{0}: B{0}_0\n", wide) + "blocks:\n" + towers


def parameters(count: int) -> str:
    """Parameters, each of which a step reads."""
    return "params:\n" + lines("  p{0}: {2}\n", count) + HEAD + lines("  a{0}: {{Linear: p{0}}}\n", count)


def many_inputs(count: int) -> str:
    """Inputs, all of them added up."""
    return (
        "inputs:\n"
        + lines("  x{0}: [N, 3]\n", count)
        + "layers:\n  s0: relu(x0)\n"
        + "".join(f"  s{i}: s{i - 1} + x{i}\n" for i in range(1, count))
    )


def free_sizes(count: int) -> str:
    """Inputs of sizes of their own, joined in small groups."""
    return (
        "inputs:\n"
        + lines("  x{0}: [N, C{0}]\n", count)
        + "layers:\n  s0: mean(x0)\n"
        + "".join(f"  s{i}: s{i - 1} + mean(x{i})\n" for i in range(1, count))
    )


def joined(count: int) -> str:
    """An axis that grows by a size of its own in each step, and after sixteen of them begins anew."""
    steps = (
        f"  s{i}: cat([{f's{i - 1}' if i % 16 else f'mean(s{i - 1}, 1, True)'}, x{i}], 1)\n" for i in range(1, count)
    )
    return "inputs:\n" + lines("  x{0}: [N, C{0}]\n", count) + "layers:\n  s0: cat([x0, x0], 1)\n" + "".join(steps)


def growing(count: int) -> str:
    """An axis that grows by a known number in each step (a dense net)."""
    return "inputs: {x: [N, 3]}\nlayers:\n" + "".join(
        f"  a{i}: {{Linear: 4, from: {f's{i - 1}' if i else 'x'}}}\n"
        f"  s{i}: cat([{f's{i - 1}' if i else 'x'}, a{i}], 1)\n"
        for i in range(count // 2)
    )


def lets(count: int) -> str:
    """Names computed each from the one above."""
    return (
        "params: {p: 1}\nlet:\n  a0: p\n"
        + "".join(f"  a{i}: a{i - 1} + 1\n" for i in range(1, count))
        + HEAD
        + f"  - Linear: a{count - 1}\n"
    )


def read_lets(count: int) -> str:
    """Names computed from a parameter, each of which a step reads."""
    return (
        "params: {p: 1}\nlet:\n" + lines("  b{0}: p + {0}\n", count) + HEAD + lines("  a{0}: {{Linear: b{0}}}\n", count)
    )


def conditions(count: int) -> str:
    """Named steps that are kept only on a condition."""
    return "params: {p: true}\n" + HEAD + lines("  a{0}: {{Linear: 3, when: p}}\n", count)


def listed_conditions(count: int) -> str:
    """The same in a list, every other one not kept."""
    return "params: {q: 2}\n" + HEAD + lines("  - {{Linear: 3, when: q > {0} % 4}}\n", count)


def expressions(count: int) -> str:
    """Long expressions, of eleven functions each."""
    long = " + ".join(["relu(x * {0})"] * 11)
    names = [f"e{i}" for i in range(count // 5)]
    steps = "".join(f"  {name}: {long.format(i + 1)}\n" for i, name in enumerate(names))
    return f"{HEAD}  s: relu(x)\n{steps}outputs: [{', '.join(names)}, s]\n"


def long_lists(count: int) -> str:
    """A list of numbers that a loop reads, and a few layers."""
    numbers = ", ".join(str(i % 7 + 1) for i in range(count))
    return f"params: {{widths: [{numbers}]}}\n{HEAD}  - {{for: w in widths, Linear: w}}\n"


def groups(count: int) -> str:
    """Groups in groups, ten deep."""
    deep = 10
    wide = max(1, count // deep)
    one = "  g{0}: " + "{{layers: {{a: Tanh, b: " * deep + "ReLU" + "}}}}" * deep + "\n"
    return HEAD + lines(one, wide)


def listed_groups(count: int) -> str:
    """Sequences within sequences."""
    deep = 10
    one = "  - " + "[ReLU, Tanh, " * (deep // 2) + "ReLU" + "]" * (deep // 2) + "\n"
    return HEAD + one * max(1, count // deep)


def small_groups(count: int) -> str:
    """Named groups of two layers."""
    return HEAD + lines("  g{0}:\n    layers: {{fc: {{Linear: {2}}}, act: Tanh}}\n", count // 2)


def outputs(count: int) -> str:
    """Every step is returned."""
    names = ", ".join(f"a{i}" for i in range(count))
    return HEAD + lines("  a{0}: {{Linear: 3, from: x}}\n", count) + f"outputs: [{names}]\n"


def unpacked(count: int) -> str:
    """Values unpacked from a step of several."""
    return "inputs: {x: [N, 4]}\nlayers:\n" + "".join(
        f"  p{i}, q{i}: chunk({f's{i - 1}' if i else 'x'}, 2, 1)\n  s{i}: cat([q{i}, p{i}], 1)\n"
        for i in range(count // 2)
    )


def again(count: int) -> str:
    """One module that runs once more in each step."""
    return HEAD + "  a: {Linear: 3}\n" + lines("  b{0}: {{again: a}}\n", count)


def ties(count: int) -> str:
    """Weights that are tied in pairs."""
    return HEAD + lines(
        "  a{0}: {{Linear: 3}}\n  b{0}: {{Linear: {{out_features: 3, weight: a{0}.weight}}}}\n", count // 2
    )


def tensors(count: int) -> str:
    """Parameters and buffers."""
    return HEAD + "".join(
        f"  w{i}: {{Parameter: 'randn(3)'}}\n  s{i}: {f's{i - 1}' if i else 'x'} + w{i}\n" for i in range(count // 2)
    )


def variants(count: int) -> str:
    """Documents whose choices are long."""
    return (
        "params:\n  m:\n    default: c1\n    choices:\n"
        + lines("      - c{0}\n", count)
        + "  k: 3\n"
        + HEAD
        + "  - {Linear: k, when: m == 'c1'}\n  - Tanh\n"
    )


def comments(count: int) -> str:
    """Steps that are explained at length."""
    return HEAD + lines(
        "  # what the step {0} is for, which is\n  # said in two lines\n  a{0}: {{Linear: 3}}  # and here\n", count
    )


def warnings(count: int) -> str:
    """Steps of which lint warns."""
    return (
        "inputs: {x: [N, 3, 224, 224]}\nlayers:\n  stem: {Conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}\n"
        + "".join(
            f"  stage_{i}:\n    - Conv2d: {{out_channels: 64, kernel_size: 3, padding: 1}}\n"
            "    - BatchNorm2d\n    - ReLU\n"
            f"  skip_{i}: stage_{i} + {'stem' if i == 0 else f'skip_{i - 1}'}\n"
            for i in range(count // 3)
        )
    )


def shaped(count: int) -> str:
    """Steps that say their shape."""
    return HEAD + lines("  a{0}: {{Linear: 3, shape: [N, 3]}}\n", count)


FORMS: dict[str, Callable[[int], str]] = {
    form.__name__: form
    for form in (
        named, equal, residual, skips, windows, loop, named_loop, loops, collected, used_blocks, different_blocks,
        many_blocks, nested_blocks, parameters, many_inputs, free_sizes, joined, growing, lets, read_lets, conditions,
        listed_conditions, expressions, long_lists, groups, listed_groups, small_groups, outputs, unpacked, again, ties,
        tensors, variants, comments, warnings, shaped,
    )
}  # fmt: skip
