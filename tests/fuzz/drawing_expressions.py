"""Expressions to draw: a line for each kind of use of the functions of torch, by what they take."""

from __future__ import annotations

import re
from typing import Any

from drawing_scopes import Scope

# In each, {x}, {y}, {z} are tensors of numbers, {i} one of integers, {m} one of bools; a number after the letter is its
# rank; {c} is a size of the last axis of {x}, {d} of its second one, {s} a float parameter or number.
SAME = """
    {x} + {s}
    {x} * {s}
    -{x}
    {s} - {x}
    {x} / 2
    {x} ** 2
    {x} % 0.7
    relu({x})
    relu6({x})
    gelu({x})
    gelu({x}, approximate=tanh)
    silu({x})
    mish({x})
    elu({x}, alpha=0.5)
    celu({x})
    selu({x})
    softplus({x})
    softsign({x})
    leaky_relu({x}, 0.2)
    hardtanh({x}, -0.5, 0.5)
    hardswish({x})
    hardsigmoid({x})
    hardshrink({x})
    softshrink({x}, 0.1)
    tanhshrink({x})
    threshold({x}, 0.1, 0.0)
    logsigmoid({x})
    sigmoid({x})
    tanh({x})
    abs({x})
    exp(-abs({x}))
    expm1(tanh({x}))
    erf({x})
    erfc({x})
    sin({x})
    cos({x})
    atan({x})
    asinh({x})
    acos(0.9 * tanh({x}))
    log(1 + {x} * {x})
    log1p(abs({x}))
    log2(2 + abs({x}))
    sqrt(abs({x}) + 1)
    rsqrt(abs({x}) + 1)
    reciprocal(abs({x}) + 1)
    square({x})
    floor({x})
    ceil({x})
    round({x})
    trunc({x})
    frac({x})
    sign({x})
    neg({x})
    sinc({x})
    deg2rad({x})
    nan_to_num({x})
    logit(sigmoid({x}))
    clamp({x}, -1, 1)
    clamp({x}, min=0.0)
    clamp({x}, max={s})
    pow(abs({x}), 1.5)
    mul({x}, 2)
    add({x}, {x}, alpha=2)
    sub({x}, 1)
    div({x}, 3)
    softmax({x}, -1)
    log_softmax({x}, dim=-1)
    softmin({x}, -1)
    normalize({x}, dim=-1)
    cumsum({x}, -1)
    cumsum({x}, 1)
    cumprod(tanh({x}), -1)
    logcumsumexp({x}, 1)
    flip({x}, [-1])
    roll({x}, 1, -1)
    layer_norm({x}, [{c}])
    rms_norm({x}, [{c}])
    dropout({x}, 0.3, training)
    dropout({x}, p=0.3, training=training)
    alpha_dropout({x}, 0.2, training)
    {x} - mean({x}, -1, keepdim=True)
    {x} * rand_like({x})
    {x} + 0.1 * randn_like({x})
    {x} + zeros_like({x})
    {x} * ones_like({x})
    {x} + full_like({x}, {s})
    {x} * arange({c})
    {x} + linspace(0, 1, {c})
    {x} + arange({c}) * {s}
    {x} + ones({c})
    {x} + zeros(1, {c})
    {x} * full(({c},), {s})
    where({x} > 0, {x}, 0.1 * {x})
    where({x} < {s}, {x}, {s})
    masked_fill({x}, {x} > 1, 0.0)
    sort({x}, -1)[0]
    max({x}, -1, keepdim=True)[0] - {x}
    {x} + {x} @ eye({c})
    {x} - {x}[..., :1]
    {x} * {x}[:1]
    hypot({x}, {x})
    cummax({x}, -1)[0]
    cat([{x}, {x}], -1)[..., :{c}]
    diff(cat([{x}, {x}[..., :1]], -1))
    repeat_interleave({x}, 2, -1)[..., ::2]
    reshape({x}, shape_of_x)
    ({x} if training else 2 * {x})
    ({x} * 2 if {f} else {x})
    ({x} if {n} > 2 else tanh({x}))
    ({x} if {n} == 2 and not {f} else {x} + {n})
    {x} * {n} + min({n}, 3)
    {x} + (1 if {f} else {s})
    {x} * max({n}, 2) / {c}
    {x} / sqrt({c})
    prelu({x}, {p})
    {x} * {p}
    {x} + {p}
    {x} * (({x} > 0) & ({x} < 1))
    {x} * (({x} > 0) ^ ({x} > 1))
    where(~({x} > 0), {x}, {s})
    where(({x} > 1) | ({x} < 0), {x}, {s})
    {x} * ({n} & 3)
    {x} + ({n} | 1)
    {x} - ({n} ^ 2)
    ({x} if ({n} & 1) == 1 else 2 * {x})
    ({x} if {f} | ({n} > 1) else 2 * {x})
    {x} * ~{n}
    to({x} > 0, float32) * {x}
    type_as({x} > 0, {x}) + {x}
    float({x} > 0) - {x}
    view({x}, shape_of_x)
    contiguous({x}) + 1
    expand({x}, shape_of_x)
    clone({x}) * 2
    square({x})[:] + {x}
    fft.irfft(fft.rfft({x}, 4), {c})
    {x} / (1 + linalg.vector_norm({x}, dim=-1, keepdim=True))
    {x} if {n} == 1 or {f} else -{x}
    {x} * (1 if {n} < {c} < 9 else 2)
    {x} * len([{n}, {n}]) + sum([{n}, 1])
    {x} + max([{n}, {c}]) - min({n}, {c})
"""
CHANGED = """
    mean({x}, -1)
    mean({x}, 1)
    mean({x}, dim=1, keepdim=True)
    mean({x}, [-1, -2])
    sum({x}, -1)
    sum({x}, 1)
    amax({x}, -1)
    amin({x}, 1)
    prod(tanh({x}), -1)
    logsumexp({x}, -1)
    norm({x}, dim=-1)
    std({x}, -1)
    var({x}, -1, correction=0)
    median({x}, -1)[0]
    max({x}, 1)[0]
    min({x}, -1)[1]
    topk({x}, 2, -1)[0]
    topk({x}, 3, -1)
    max({x}, -1)
    var_mean({x}, -1)
    std_mean({x}, 1)
    argmax({x}, -1)
    argsort({x}, -1)
    count_nonzero({x} > 0, -1)
    flatten({x}, 1)
    flatten({x}, 1, 2)
    flatten({x}, -2)
    reshape({x}, [{N}, -1])
    reshape({x}, [{N}, -1, 2])
    unflatten({x}, -1, [2, -1])
    unflatten({x}, -1, (-1, 2))
    permute({x3}, [0, 2, 1])
    permute({x4}, [0, 2, 3, 1])
    transpose({x}, 1, 2)
    transpose({x}, -1, -2)
    swapaxes({x}, 1, -1)
    moveaxis({x}, 1, -1)
    movedim({x}, -1, 1)
    squeeze(unsqueeze({x}, 1), 1)
    unsqueeze({x}, 1)
    unsqueeze({x}, -1)
    {x}[:, None]
    {x}[..., None]
    {x}[:, 0]
    {x}[:, -1]
    {x}[:, :2]
    {x}[..., ::2]
    {x}[..., 1:]
    {x}[..., :-1]
    {x3}[:, :, 0]
    {x4}[:, :, 0, 1:]
    select({x}, 1, 0)
    narrow({x}, -1, 0, 2)
    tile({x}, [1, 2])
    repeat_interleave({x}, 2, 1)
    broadcast_to({x2}, [{N}, {c}])
    stack([{x}, {x}], 1)
    stack([{x}, 2 * {x}], -1)
    cat([{x}, {x}], 1)
    cat([{x}, {y}], -1)
    cat([{x}, {y}], 1)
    concat([{x}, {y}], dim=-1)
    hstack([{x}, {x}])
    {x2} @ transpose({y2}, 0, 1)
    {x3} @ transpose({y3}, 1, 2)
    matmul({x3}, transpose({x3}, -1, -2))
    bmm({x3}, permute({y3}, [0, 2, 1]))
    mm({x2}, t({x2}))
    outer({x2}[0], {x2}[0])
    einsum('nd,nd->n', {x2}, {x2})
    tensordot({x2}, t({x2}), 1)
    cdist({x}, {x})
    cosine_similarity({x}, {x}, dim=-1)
    pairwise_distance({x2}, {x2})
    tril({x} @ transpose({x}, -1, -2))
    triu({x3}, 1)
    diagonal({x3}, 0, 1, 2)
    diag_embed({x2})
    glu({x}, -1)
    chunk({x}, 2, -1)[0]
    chunk({x}, 2, 1)
    split({x}, 2, -1)[1]
    split({x}, [1, {c} - 1], -1)
    unbind({x}, -1)
    unbind({x}, 1)[0]
    tensor_split({x}, 2, -1)
    pad({x}, [1, 2])
    pad({x}, [-1, 1])
    pad({x3}, [1, 1], mode=reflect)
    pad({x4}, [0, 1, 1, 0], value={s})
    interpolate({x4}, scale_factor=2)
    interpolate({x4}, size=[4, 6], mode=bilinear)
    interpolate({x3}, scale_factor=2, mode=linear)
    max_pool1d({x3}, 2)
    avg_pool1d({x3}, 3, 1, 1)
    adaptive_avg_pool1d({x3}, 2)
    max_pool2d({x4}, 2)
    avg_pool2d({x4}, [2, 1])
    lp_pool2d({x4}, 2, 2)
    adaptive_avg_pool2d({x4}, 1)
    adaptive_max_pool2d({x4}, [2, 3])
    pixel_shuffle({x4}, 2)
    pixel_unshuffle({x4}, 2)
    channel_shuffle({x4}, 2)
    unfold({x4}, 2)
    group_norm({x}, 2)
    local_response_norm({x4}, 2)
    scaled_dot_product_attention({x3}, {y3}, {y3})
    scaled_dot_product_attention({x3}, {x3}, {x3}, is_causal=True)
    gather({x}, -1, argsort({x}, -1))
    take_along_dim({x}, argmax({x}, -1, keepdim=True), -1)
    index_select({x}, 1, arange(2))
    one_hot({i} % 3, 3) * 1.0
    {i} * 1.0
    {i} + 1
    {i} // 2
    {i} % 2 == 0
    {i} & 1
    {i} | 2
    {i} ^ 1
    ~{i}
    {m} & ({x} > 0)
    {m} | ~{m}
    ~({x} > 0)
    {x} > 0
    {x} <= {y}
    logical_not({x} > 0)
    logical_and({x} > 0, {x} < 1)
    isfinite({x})
    bitwise_and({i}, 1)
    {x} * {m}
    masked_fill({x}, {m}, 0.0)
    where({m}, {x}, {y})
    all({m}, -1)
    any({m}, -1)
    sum({m}, -1)
    zeros({N}, {c})
    rand({N}, {c})
    arange({c}) + zeros({N}, {c})
    cat([{x}, zeros({N}, {c})], -1)
    meshgrid(arange({c}), arange(2))
    ({x}, 2 * {x})
    [{x}, {y}]
    mean({x})
    abs({x} - {y})
    linear({x}, {w})
    atan2({x}, {y})
"""
BINARY = """
    {x} + {y}
    {x} - {y}
    {x} * {y}
    {x} / (1 + abs({y}))
    {x} + tanh({y}) * {s}
    maximum({x}, {y})
    minimum({x}, {y})
    fmax({x}, {y})
    lerp({x}, {y}, 0.3)
    logaddexp({x}, {y})
    where({x} > {y}, {x}, {y})
    atan2({x}, {y})
    hypot({x}, {y})
    addcmul({x}, {y}, {y}, value=0.5)
    ({x} if {f} else {y})
    ({x} if training else {y})
    ({y} if {n} > 1 else {x} * {n})
    sum([{x}, {y}])
    add({x}, {y}, alpha={s})
    {x} * sigmoid({y}) + {y}
"""
LINES = {
    "same": [line.strip() for line in SAME.strip().split("\n")],
    "changed": [line.strip() for line in CHANGED.strip().split("\n")],
    "binary": [line.strip() for line in BINARY.strip().split("\n")],
}
OF_KNOWN_SIZES = re.compile(r"(chunk|split|topk|narrow|tensor_split|unbind|glu|unflatten|select).*?, (-?1)")
"""Functions that want to know the size of an axis."""
FEATURES = (
    ("...", "ellipsis"),
    ("sum([", "list_functions"),
    ("dtype=", "typed"),
    ("~", "invert"),
    (" & ", "bitwise"),
    (" | ", "bitwise"),
    (" ^ ", "bitwise"),
    ("training", "conditional_on_training"),
    ("{f}", "conditional"),
    (" if ", "conditional"),
    ("[{x}, {y}]", "lists"),
    ("linspace(", "linspace"),
    ("floor(", "rounding"),
    ("ceil(", "rounding"),
    ("round(", "rounding"),
    ("rand", "random"),
)


def expression(scope: Scope, kind: str) -> str | None:
    """One line over the values of a scope, if there are those that it takes."""
    line = scope.random.choice(LINES[kind])
    return filled(scope, line) if allowed(scope, line) else None


def allowed(scope: Scope, line: str) -> bool:
    """Whether a line draws on no feature that is switched off."""
    off = [word for word, feature in FEATURES if feature not in scope.sketch.features]
    return not any(word in line if word != "[{x}, {y}]" else word == line for word in off)


def filled(scope: Scope, line: str) -> str | None:
    names: dict[str, Any] = {}
    for letter in ("x", "y"):
        for rank in (None, 2, 3, 4):
            key = f"{letter}{rank or ''}"
            if "{" + key + "}" in line:
                names[key] = other_than(scope, names, rank) if letter == "y" else scope.pick("float", rank)
    x = next((name for key, name in names.items() if key.startswith("x")), None) or scope.pick("any")
    if x is None or None in names.values():
        return None
    wanted = OF_KNOWN_SIZES.search(line)
    if wanted and not scope.known(x, int(wanted[2])):
        return None
    if line in LINES["binary"] and not scope.alike(*list(names.values())[:2]):
        return None
    line = line.replace("shape_of_x", listed(scope, x))
    values: dict[str, Any] = {
        "i": lambda: scope.pick("int"),
        "m": lambda: scope.pick("bool"),
        "c": lambda: scope.size(x, -1),
        "N": lambda: scope.size(x, 0),
        "s": lambda: number(scope),
        "f": lambda: scope.random.choice(scope.numbers(bool) or [None]),
        "n": lambda: scope.random.choice(scope.integers() or [None]),
        "p": lambda: scope.random.choice([*scope.frames[0].tensors] or [None]),
        "w": lambda: scope.random.choice([*scope.frames[0].tensors] or [None]),
    }
    for key, make in values.items():
        if "{" + key + "}" in line:
            names[key] = make()
            if names[key] is None or names[key] in scope.hidden:
                return None
    nested = dict(names)
    for key in names:
        if key[0] in "xy" and scope.random.random() < 0.15:
            inner = scope.random.choice(LINES["same"][:60])
            if allowed(scope, inner) and not any(word in inner.replace("{x}", "") for word in ("{", "training")):
                nested[key] = f"({inner.format(x=names[key])})"
    text = line.format(**nested)
    return text if len(text) < 160 else line.format(**names)


def other_than(scope: Scope, names: dict[str, Any], rank: int | None) -> str | None:
    """A second value: one of the same type, if there is one."""
    first = next(iter(names.values()), None)
    if first is None:
        return scope.pick("float", rank)
    alike = [one for one in scope.tensors("float", rank) if one != first and scope.alike(one, first)]
    if alike and scope.random.random() < 0.9:
        unread = [one for one in alike if one in scope.unread]
        return scope.random.choice(unread or alike)
    return scope.pick("float", rank)


def listed(scope: Scope, x: str) -> str:
    """A value's shape, written as a list."""
    return f"[{', '.join(str(scope.size(x, axis)) for axis in range(scope.value(x).dim()))}]"


def number(scope: Scope) -> str | float:
    floats = scope.numbers(float)
    if floats and scope.random.random() < 0.5:
        return scope.random.choice(floats)
    return scope.random.choice([0.5, 0.1, 2.0, 1, -0.3, 1e-3])
