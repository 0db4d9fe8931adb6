"""The contract of the layers of several inputs, against PyTorch itself: as test_layers.py has it for all others.

A recipe says how a layer's inputs go with its arguments and with each other, over sizes that may be numbers or symbols;
in one of three draws an argument is wrong, or one of the inputs is no longer what the recipe made of it. What PyTorch
refuses in training or in evaluation, archspec has to refuse, and nothing else but what stands in `STRICTER`.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from against_pytorch import (
    DRAWN_ANEW,
    LayerAnswer,
    ask_layer,
    examine,
    is_empty,
    require_open,
    same_counts,
    same_flow,
    with_parameters,
)
from hypothesis import strategies as st
from test_layers import EXAMPLES, LEAST_ACCEPTED, MANY_EXAMPLES, TAKES_ONE, is_no_documented_type, settings_of

from archspec import dimensions
from archspec.dimensions import Size
from archspec.expressions import UndecidedError
from archspec.layers import LAYERS, Layer
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

TAKES_SEVERAL = [name for name in LAYERS if name not in TAKES_ONE]

Sizes = dict[str, Size]
Inputs = dict[str, Any]
Recipe = Callable[[dict[str, Any], Sizes, "Choices"], Inputs]


class Choices(NamedTuple):
    """What a recipe may decide, drawn beforehand so that it decides the same when its sizes are symbols."""

    batched: bool
    given: tuple[bool, ...]
    """Whether each of the optional inputs is there."""
    masks: tuple[bool, ...]
    flags: tuple[bool, ...]
    which: int


def known(arguments: dict[str, Any], name: str, default: int) -> int:
    """An argument's value, if it is any good."""
    value = arguments.get(name)
    return value if type(value) is int and value > 0 else default


def numbers(arguments: dict[str, Any]) -> str:
    """The dtype of the layer's weights."""
    return arguments.get("dtype") if arguments.get("dtype") in ("float16", "float64") else "float32"


def sequence(arguments: dict[str, Any], choices: Choices, length: Size, batch: Size, width: Size) -> TensorType:
    first = (batch, length) if arguments.get("batch_first") is True else (length, batch)
    return TensorType((*(first if choices.batched else (length,)), width), numbers(arguments))


def stack(states: int) -> Recipe:
    def recipe(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
        x = sequence(arguments, choices, n["T"], n["N"], n["C"])
        if not choices.given[0]:
            return {"input": x}
        layers = known(arguments, "num_layers", 1) * (2 if arguments.get("bidirectional") is True else 1)
        hidden = known(arguments, "hidden_size", 1)
        axes = (layers, *((n["N"],) if choices.batched else ()))
        state = x.reshaped(*axes, known(arguments, "proj_size", hidden))
        return {"input": x, "hx": (state, x.reshaped(*axes, hidden)) if states == 2 else state}

    return recipe


def cell(states: int) -> Recipe:
    def recipe(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
        axes = (n["N"],) if choices.batched else ()
        x = TensorType((*axes, n["C"]), numbers(arguments))
        state = x.reshaped(*axes, known(arguments, "hidden_size", 1))
        return {"input": x} | ({"hx": (state, state) if states == 2 else state} if choices.given[0] else {})

    return recipe


def hidden(arguments: dict[str, Any], n: Sizes, choices: Choices, names: str, axes: str, place: int) -> Inputs:
    """A mask over pairs, one over keys, and whether the first is causal: `names` with a prefix in place of the star."""
    heads = known(arguments, "num_heads", known(arguments, "nhead", 8 if "memory_mask" in names else 1))
    dtypes = ["bool" if mask else numbers(arguments) for mask in choices.masks[place : place + 2]]
    length, source = (n[axis] for axis in axes)
    each = (heads * (n["N"] if choices.batched else 1),) if choices.which % 2 else ()
    pairs, keys, causal = names.split()
    found: Inputs = {}
    if choices.given[place]:
        found[pairs] = TensorType((*each, length, source), dtypes[0])
    if choices.given[place + 1]:
        found[keys] = TensorType((*((n["N"],) if choices.batched else ()), source), dtypes[1])
    if choices.flags[place] and (choices.given[place] or choices.which == 0):
        found[causal] = choices.flags[place + 1]
    return found


def attention(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
    width = known(arguments, "num_heads", 1) * n["C"]
    query = sequence(arguments, choices, n["T"], n["N"], width)
    key = value = query
    if choices.which:
        widths = (known(arguments, "kdim", 0) or width, known(arguments, "vdim", 0) or width)
        widths = (n["K"], n["V"]) if choices.which == 3 else widths
        key, value = (sequence(arguments, choices, n["S"], n["N"], width) for width in widths)
    names = "attn_mask key_padding_mask is_causal"
    found = {"query": query, "key": key, "value": value}
    found |= hidden(arguments, n, choices, names, "TS" if choices.which else "TT", 0)
    found |= {"need_weights": choices.flags[2]} if choices.given[2] else {}
    return found | ({"average_attn_weights": choices.flags[3]} if choices.given[3] else {})


def encoder(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
    x = sequence(arguments, choices, n["T"], n["N"], known(arguments, "nhead", 1) * n["C"])
    return {"src": x} | hidden(arguments, n, choices, "src_mask src_key_padding_mask is_causal", "TT", 0)


def both(first: str, second: str, heads: int) -> Recipe:
    def recipe(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
        width = known(arguments, "nhead", heads) * n["C"]
        source, target = (sequence(arguments, choices, n[length], n["N"], width) for length in "ST")
        found = {first: source, second: target} if first == "src" else {first: target, second: source}
        for prefix, axes, place in (("tgt", "TT", 0), ("memory", "TS", 2), ("src", "SS", 4)):
            names = f"{prefix}_mask {prefix}_key_padding_mask {prefix}_is_causal"
            masks = hidden({"nhead": heads} | arguments, n, choices, names, axes, place)
            found |= masks if prefix != "src" or first == "src" else {}
        return found

    return recipe


def bilinear(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
    axes = [(), (n["N"],), (n["N"],), (n["N"], n["T"])][choices.which]
    first, second = (
        known(arguments, name, 0) or n[size] for name, size in (("in1_features", "C"), ("in2_features", "S"))
    )
    return {f"input{i}": TensorType((*axes, size), numbers(arguments)) for i, size in ((1, first), (2, second))}


def bag(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
    x = TensorType((n["N"], n["T"]) if choices.batched else (n["T"],), "int64" if choices.flags[0] else "int32")
    found: Inputs = {"input": x}
    if not choices.batched:
        last = 1 if arguments.get("include_last_offset") else 0  # where no bag is left, PyTorch corrupts its memory
        found["offsets"] = TensorType((n["N"] + last,), "int64" if choices.flags[1] else "int32")
    if choices.given[0] and (arguments.get("mode") == "sum" or choices.which == 0):
        found["per_sample_weights"] = TensorType(x.shape, numbers(arguments))
    return found


def pair(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
    shape = (n["N"], n["C"], n["T"])[: choices.which]
    others = tuple(1 if one else size for one, size in zip(choices.masks, shape, strict=False))
    shapes = [shape, others[1:] if choices.given[0] and choices.which > 1 else others]
    return dict(zip(("x1", "x2"), map(TensorType, shapes[:: 1 if choices.given[1] else -1]), strict=True))


def pooled(spatial: int) -> Recipe:
    def each(arguments: dict[str, Any], name: str, default: Any) -> tuple[int, ...]:
        value = arguments.get(name)
        value = default if value is None else value
        entries = tuple(value) if isinstance(value, list | tuple) else (value,) * spatial
        right = len(entries) == spatial and all(type(entry) is int for entry in entries)
        return entries if right else (1,) * spatial

    def recipe(arguments: dict[str, Any], n: Sizes, choices: Choices) -> Inputs:
        sizes = [n[name] for name in "TSV"[:spatial]]
        x = TensorType((*((n["N"],) if choices.batched else ()), n["C"], *sizes))
        found: Inputs = {"input": x, "indices": TensorType(x.shape, "int64")}
        if choices.given[0]:
            kernel = each(arguments, "kernel_size", 1)
            by_axis = (kernel, each(arguments, "stride", kernel), each(arguments, "padding", 0))
            wanted = [
                (size - 1) * s + k - 2 * p + (choices.which - 1) * flag
                for size, k, s, p, flag in zip(sizes, *by_axis, choices.flags, strict=False)
            ]
            found["output_size"] = (*((1, 1) if choices.given[1] else ()), *wanted)
        return found

    return recipe


RECIPES: dict[str, Recipe] = {
    **dict.fromkeys(("RNN", "GRU"), stack(1)),
    **dict.fromkeys(("RNNCell", "GRUCell"), cell(1)),
    "LSTM": stack(2),
    "LSTMCell": cell(2),
    "MultiheadAttention": attention,
    "TransformerEncoderLayer": encoder,
    "TransformerDecoderLayer": both("tgt", "memory", 1),
    "Transformer": both("src", "tgt", 8),
    "Bilinear": bilinear,
    "EmbeddingBag": bag,
    **dict.fromkeys(("CosineSimilarity", "PairwiseDistance"), pair),
    **{f"MaxUnpool{spatial}d": pooled(spatial) for spatial in (1, 2, 3)},
}
"""How each layer's inputs are made. A layer of several inputs without an entry fails every test here."""


class Slip(NamedTuple):
    """What is wrong with one input: its `dtype`, a `size`, an `axis` too many or one `fewer`; or it is a `tuple`."""

    input: int
    kind: str
    axis: int
    dtype: str

    def of(self, inputs: Inputs) -> Inputs:
        tensors = [
            name for name, one in inputs.items() if isinstance(one, TensorType | tuple) and name != "output_size"
        ]
        name = tensors[self.input % len(tensors)]
        return inputs | {name: self.on(inputs[name])}

    def on(self, value: Any) -> Any:
        if not isinstance(value, TensorType):
            return (self.on(value[0]), value[1])
        axis = self.axis % max(value.rank, 1)
        match self.kind:
            case "dtype":
                return TensorType(value.shape, self.dtype)
            case "axis":
                return value.reshaped(*value.shape[:axis], 1, *value.shape[axis:])
            case "fewer":
                return value.reshaped(*value.shape[1:])
            case "size" if value.rank:
                return value.resized(axis, value.shape[axis] + 1)
        return (value, value)


class Draw(NamedTuple):
    """One use of a layer. `free` tells which sizes are to be symbols when it is repeated with symbols."""

    name: str
    arguments: dict[str, Any]
    sizes: dict[str, int]
    choices: Choices
    slip: Slip | None
    free: tuple[bool, ...]

    def inputs(self, sizes: Sizes) -> Inputs:
        made = RECIPES[self.name](self.arguments, sizes, self.choices)
        return made if self.slip is None else self.slip.of(made)

    def __repr__(self) -> str:
        inputs = {key: str(value) for key, value in self.inputs(dict(self.sizes)).items()}
        return f"{self.arguments} on {inputs}"


class Stricter(NamedTuple):
    """PyTorch accepts, archspec does not, and that is meant."""

    layers: str
    argument: str
    wrong: Callable[[Draw, Inputs], bool]
    reason: str


def unread_mask(draw: Draw, inputs: Inputs) -> bool:
    """Whether PyTorch, told that a mask is causal, does not look at it."""
    prefixes = [name.removesuffix("is_causal") for name, value in inputs.items() if "causal" in name and value is True]
    alone = any(not any(name.endswith(f"{prefix}key_padding_mask") for name in inputs) for prefix in prefixes)
    return alone and not inputs.get("need_weights", draw.name == "MultiheadAttention")


def mixed(draw: Draw, inputs: Inputs) -> bool:
    tensors = [x for value in inputs.values() for x in (value if type(value) is tuple else (value,))]
    return len({x.dtype for x in tensors if isinstance(x, TensorType)}) > 1


def outside(name: str, least: float, most: float = math.inf) -> Callable[[Draw, Inputs], bool]:
    def wrong(draw: Draw, inputs: Inputs) -> bool:
        value = draw.arguments[name]
        return any(not least <= entry <= most for entry in (value if isinstance(value, list) else [value]))

    return wrong


def of_unlike_ranks(draw: Draw, inputs: Inputs) -> bool:
    states = inputs["hx"] if type(inputs["hx"]) is tuple else (inputs["hx"],)
    return any(state.rank != inputs["input"].rank for state in states)


STRICTER: list[Stricter] = [
    Stricter("*", "dropout", outside("dropout", 0, 1), "it is a probability"),
    Stricter("Transformer*", "dim_feedforward", outside("dim_feedforward", 1), "a network of no width"),
    Stricter("Transformer*", "layer_norm_eps", outside("layer_norm_eps", 0), "it is added to a variance"),
    Stricter("EmbeddingBag", "max_norm", outside("max_norm", 0), "a norm is not negative"),
    Stricter("MaxUnpool?d", "stride", outside("stride", 1), "windows that never move on"),
    Stricter("*Cell", "hx", of_unlike_ranks, "PyTorch adds an axis to the states of a batch for one input"),
    Stricter("LSTMCell", "", mixed, "PyTorch mixes the dtypes of the two states, on the CPU"),
    Stricter("*Distance", "", mixed, "of two dtypes one is more often a slip than meant"),
    Stricter("CosineSimilarity", "", mixed, "of two dtypes one is more often a slip than meant"),
    Stricter("MultiheadAttention", "", unread_mask, "where weights are wanted, it would look"),
    Stricter("Transformer*", "", unread_mask, "with a mask of keys, it would look"),
]


@st.composite
def draws(draw: st.DrawFn, layer: type[Layer]) -> Draw:
    wrong = draw(st.sampled_from((*[""] * 4, "argument", "input")))
    sizes = {name: draw(st.sampled_from((1, 2, 3, 4))) for name in "NTSCKV"}
    culprit = draw(st.sampled_from(list(layer.arguments))) if wrong == "argument" else ""
    arguments = draw(settings_of(layer, list(sizes.values()), culprit))
    three, six = (st.tuples(*[st.booleans()] * count) for count in (3, 6))
    choices = Choices(draw(st.booleans()), draw(six), draw(six), draw(six), draw(st.integers(0, 3)))
    slip = None
    if wrong == "input":
        kind = draw(st.sampled_from(("dtype", "size", "size", "axis", "fewer", "tuple")))
        dtype = draw(st.sampled_from(("float32", "float64", "int64", "int32", "bool", "complex64")))
        slip = Slip(draw(st.integers(0, 5)), kind, draw(st.integers(0, 2)), dtype)
    return Draw(layer.__name__, arguments, sizes, choices, slip, (*draw(three), *draw(three)))


def ask_pytorch(draw: Draw, arguments: dict[str, Any], device: str, training: bool = False) -> LayerAnswer:
    """Builds the layer and runs it; equal tensors among query, key and value are the same one."""
    tensors: dict[TensorType, Any] = {}

    def made(value: Any, shared: bool) -> Any:
        if not isinstance(value, TensorType):
            return tuple(made(item, False) for item in value) if isinstance(value, tuple) else value
        tensor = torch.zeros(value.shape, dtype=getattr(torch, value.dtype))
        return tensors.setdefault(value, tensor) if shared else tensor

    def inputs() -> tuple[tuple[()], Inputs]:
        drawn = draw.inputs(dict(draw.sizes))
        return (), {key: made(value, key in ("query", "key", "value")) for key, value in drawn.items()}

    return ask_layer(draw.name, arguments, inputs, device, training=training, costs=True)


def run(layer: type[Layer], arguments: dict[str, Any], inputs: Inputs) -> tuple[Layer, Any]:
    """The layer and what flows out of it; the first two inputs are given by position."""
    made = layer(arguments)
    values = list(inputs.values())[:2] if list(inputs)[:2] == list(layer.inputs[:2]) else []
    return made, made.forward(
        *values, **{key: value for key, value in inputs.items() if key not in layer.inputs[: len(values)]}
    )


def operations(layer: Layer, inputs: Inputs, output: Any) -> Size:
    """As a graph's calls count them, whose inputs may be named in any order."""
    positional, named = layer.bind(reversed(inputs), reversed(inputs.values()))
    return layer.macs(output, *positional, **named)


def agree(layer: type[Layer], draw: Draw, tally: Counter[str]) -> None:
    """archspec and PyTorch say the same of one draw."""
    inputs, made, output, refusal = draw.inputs(dict(draw.sizes)), None, None, None
    try:
        made, output = run(layer, draw.arguments, inputs)
    except RefusalError as error:
        refusal = error
    inferred = {name for name, argument in layer.arguments.items() if argument.inferred} - draw.arguments.keys()
    widths = {name: vars(made)[name] for name in inferred if made is not None and name in vars(made)}
    if refusal is not None:
        widths = inferred_by_hand(draw, inferred)
    if refusal is not None and is_stricter(layer, refusal, draw, inputs):
        tally["refused"] += 1  # PyTorch is not asked: it may read beyond the states of two dtypes, and end
        return
    arguments = draw.arguments | widths
    answer, trained = (ask_pytorch(draw, arguments, "cpu", training) for training in (False, True))
    meta = ask_pytorch(draw, arguments, "meta")
    if refusal is not None:
        excused = answer.refusal or trained.refusal or is_empty(answer.output)
        assert excused, f"PyTorch accepts, archspec does not: {refusal}"
        tally["refused"] += 1
        return
    assert made is not None
    assert not answer.refusal, f"archspec accepts, PyTorch does not: {answer.refusal}"
    assert not trained.refusal, f"archspec accepts, PyTorch does not in training: {trained.refusal}"
    assert output == answer.output == trained.output
    assert made.parameter_count() == answer.parameters
    assert made.weights() == answer.state
    if not meta.refusal:
        assert output == meta.output
        assert 2 * operations(made, inputs, output) == meta.flops
    repeat_with_free_sizes(layer, draw, made, output)
    repeat_with_parameters(layer, draw, made, output)
    tally["accepted"] += 1


def inferred_by_hand(draw: Draw, names: set[str]) -> dict[str, Any]:
    """What an inferred argument would be: for PyTorch's word on what archspec refuses."""
    source = {"kdim": "key", "vdim": "value", "in2_features": "input2"}
    inputs = draw.inputs(dict(draw.sizes))
    found = {}
    for name in names:
        x = inputs.get(source.get(name, ""), next(iter(inputs.values())))
        x = x[0] if type(x) is tuple else x
        found[name] = x.shape[-1] if isinstance(x, TensorType) and x.rank else 1
    return found


def is_stricter(layer: type[Layer], refusal: RefusalError, draw: Draw, inputs: Inputs) -> bool:
    """Whether archspec refuses what PyTorch accepts for a reason."""
    return is_no_documented_type(layer, refusal.argument, draw) or any(
        fnmatch(layer.__name__, entry.layers)
        and fnmatch(refusal.argument or "", entry.argument)
        and entry.wrong(draw, inputs)
        for entry in STRICTER
    )


def repeat_with_free_sizes(layer: type[Layer], draw: Draw, known: Layer, output: Any) -> None:
    """With symbols for some sizes it comes to the same, once their values are put in."""
    sizes = {
        name: dimensions.symbol(name, free=True) if free else size
        for (name, size), free in zip(draw.sizes.items(), draw.free, strict=True)
    }
    inputs = draw.inputs(sizes)
    try:
        made, symbolic = run(layer, draw.arguments, inputs)
    except RefusalError as error:
        require_open(error, {"require_equal", "require_divides"})
        return
    same_flow(symbolic, output, draw.sizes)
    macs = operations(made, inputs, symbolic), operations(known, draw.inputs(dict(draw.sizes)), output)
    same_counts(made, known, macs, draw.sizes)


def repeat_with_parameters(layer: type[Layer], draw: Draw, known: Layer, output: Any) -> None:
    """With parameters of a spec in place of values, as generated code has them, nothing is refused any more."""
    inputs = draw.inputs(dict(draw.sizes))
    for arguments, names in with_parameters(layer, draw.arguments):
        try:
            made, symbolic = run(layer, arguments, inputs)
            same_flow(symbolic, output, names)
            same_counts(made, known, (operations(made, inputs, symbolic), operations(known, inputs, output)), names)
        except UndecidedError:
            pass


def examined(name: str, examples: int, *, derandomize: bool) -> Counter[str]:
    """How many draws of a layer were accepted and how many refused, by both alike."""
    return examine(name, draws(LAYERS[name]), partial(agree, LAYERS[name]), examples, derandomize=derandomize)


@pytest.mark.parametrize("name", TAKES_SEVERAL)
def test_accepts_what_pytorch_accepts_and_says_the_same_of_it(name: str) -> None:
    counts = (EXAMPLES, 5 * EXAMPLES)  # more, where PyTorch accepts none of the first ones
    assert any(examined(name, count, derandomize=True)["accepted"] for count in counts)


@pytest.mark.slow
@pytest.mark.parametrize("name", TAKES_SEVERAL)
def test_accepts_what_pytorch_accepts_at_length(name: str) -> None:
    tally = examined(name, MANY_EXAMPLES, derandomize=not DRAWN_ANEW)
    assert tally["accepted"] >= LEAST_ACCEPTED * tally.total(), tally
    assert tally["refused"]


@pytest.mark.parametrize("name", TAKES_SEVERAL)
def test_has_the_inputs_of_pytorch(name: str) -> None:
    theirs = list(inspect.signature(getattr(torch.nn, name).forward).parameters.values())[1:]
    ours = list(inspect.signature(LAYERS[name].forward).parameters.values())[1:]
    assert [(x.name, x.default) for x in ours] == [(x.name, x.default) for x in theirs]
    assert list(LAYERS[name].inputs) == [x.name for x in theirs]
