"""The contract of the catalogue of layers, against PyTorch itself. A new layer is tested by existing.

Arguments are drawn from what each layer says of its own, mostly as they should be, at times one of them wrong.
archspec has to accept what PyTorch accepts and nothing else, and to say the same of what flows out. PyTorch is asked
twice, on the CPU and on the meta device. The CPU's answer counts; where the two differ, `META_DIFFERS` says so.
Where archspec refuses more than PyTorch does, that stands in `STRICTER`, with a reason.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache, partial
from typing import Any, NamedTuple, get_overloads

import pytest
import torch
from against_pytorch import (
    DRAWN_ANEW,
    LayerAnswer,
    ask_layer,
    examine,
    is_empty,
    many_examples,
    require_open,
    same_counts,
    same_flow,
    with_parameters,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archspec import dimensions
from archspec.expressions import UndecidedError
from archspec.layers import ABSENT, LAYERS, Layer
from archspec.layers._base import REQUIRED, LayerArgument
from archspec.refusals import RefusalError
from archspec.tensors import DTYPES, FLOATS, TensorType

EXAMPLES, MANY_EXAMPLES = 25, many_examples(50)
TAKES_ONE = [name for name, layer in LAYERS.items() if len(layer.inputs) == 1]
"""The layers that are drawn here: those of several inputs need values that go with each other."""

LEAST_ACCEPTED = 0.15  # of all draws; below, the hints are no good

LEFT_OUT = {
    "Hardtanh": ("min_value", "max_value"),  # deprecated: the catalogue has what they became
    "SyncBatchNorm": ("process_group",),  # an object that no spec can name
    "Transformer": ("custom_encoder", "custom_decoder"),  # modules that no spec can name
}
"""Arguments that the catalogue does not have, by layer."""

RANKS: dict[str, tuple[int, ...]] = {
    "Fold": (3,),
    **dict.fromkeys(("BatchNorm2d", "CrossMapLRN2d", "Dropout2d"), (4,)),
    "BatchNorm3d": (5,),
    "Upsample": (3, 4, 4, 4, 5),
    "UpsamplingNearest2d": (4,),
    "UpsamplingBilinear2d": (4,),
}
"""The numbers of axes to draw, where they are not those of a layer over its spatial axes."""

INPUT_DTYPES = {"Embedding": "int64", "EmbeddingBag": "int64"}

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "out_channels": st.sampled_from((1, 2, 4, 6, 12)),
    "groups": st.sampled_from((1, 1, 1, 2, 4)),
    "Fold.output_size": st.sampled_from((4, 5, [4, 6], [7, 5])),
    "FractionalMaxPool*.kernel_size": st.sampled_from((1, 1, 2)),
    "FractionalMaxPool2d.output_ratio": st.sampled_from((0.5, 0.7, [0.5, 0.3])),
    "FractionalMaxPool3d.output_ratio": st.sampled_from((0.5, 0.7, [0.9, 0.5, 0.75])),
    "*Soft*.dim": st.sampled_from((-1, 0, 1, -2)),
    "*Softm*.dim": st.sampled_from((-1, -1, 0, 1, -2)),
    "*flatten.*dim": st.sampled_from((-2, -1, 0, 1)),
    "unflattened_size": st.sampled_from(([2, 3], [-1, 2], [4], [1, -1, 3], [-1])),
    "scale_factor": st.sampled_from((2, 0.5, 1.5, 1.7, [2, 0.5], [1.25, 3, 0.75], [1.5], None)),
    "align_corners": st.sampled_from((None, None, True, False)),
    "recompute_scale_factor": st.sampled_from((None, None, True, False)),
    "Upsampl*.size": st.sampled_from((3, 5, [2, 5], [4], [1, 2, 3], None)),
}
"""What to draw for an argument, by `argument` or `Layer.argument` (patterns), where its bounds do not say enough."""

SHAPES: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[list[int]]]] = {
    "Fold": lambda arguments: st.integers(1, 3).map(lambda channels: columns(arguments, channels)),
    "Unflatten": lambda arguments: st.integers(1, 3).map(lambda n: unflattened(arguments, n)),
    "Upsample": lambda arguments: st.lists(st.sampled_from((1, 2, 4, 7)), min_size=(n := axes(arguments)), max_size=n),
}
"""How to draw a shape that goes with the arguments, where a shape drawn for itself hardly ever would."""

ALTERNATIVES = (("size", "scale_factor"), ("output_size", "output_ratio"))
"""Pairs of arguments of which a layer takes just one."""


META_DIFFERS: dict[str, str] = {
    "Conv*": "the CPU refuses 0 channels and strides of 0",
    "Upsampl*": "the CPU refuses sizes of 0",
    "*Norm*": "the CPU refuses a mixture of dtypes",
    "Linear": "the CPU refuses a mixture of dtypes",
    "*Soft*": "the CPU refuses an axis beyond the last one, on inputs of one number too",
    "CELU": "the CPU refuses alpha 0",
    "CrossMapLRN2d": "the CPU refuses integers to a power that makes fractions of them",
    "ConstantPad?d": "the CPU refuses numbers that the dtype does not hold",
    "ReLU*": "the CPU refuses truth values and complex numbers",
    "Tanhshrink": "the CPU refuses truth values",
    "Threshold": "the CPU refuses numbers that the dtype does not hold",
    "Hard*": "the CPU refuses numbers that the dtype does not hold",
    "Embedding": "the CPU refuses an empty table",
}
"""Layers (patterns) whose meta kernels do not refuse what the CPU's refuse, or the reverse, and how."""


class Stricter(NamedTuple):
    """PyTorch accepts, archspec does not, and that is meant."""

    layers: str
    argument: str
    wrong: Callable[[Any], bool]
    reason: str


def each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def columns(arguments: dict[str, Any], channels: int) -> list[int]:
    """The shape that unfolding an image of the output's size gives."""
    try:
        image = torch.zeros(1, channels, *torch.nn.modules.utils._pair(arguments["output_size"]))
        settings = {key: value for key, value in arguments.items() if key != "output_size"}
        return list(torch.nn.Unfold(**settings)(image).shape)
    except (IndexError, RuntimeError, TypeError, ValueError):
        return [1, 4, 4]


def unflattened(arguments: dict[str, Any], rest: int) -> list[int]:
    """A shape whose every axis splits into the parts."""
    parts = each(arguments.get("unflattened_size"))
    whole = math.prod(rest if part == -1 else part for part in parts) if all(type(part) is int for part in parts) else 1
    return [max(whole, 1)] * 2


def axes(arguments: dict[str, Any]) -> int:
    """How many axes an input has that goes with the mode and the lists."""
    lists = [len(arguments[name]) for name in ("size", "scale_factor") if isinstance(arguments.get(name), list)]
    modes = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
    return modes.get(str(arguments.get("mode")), lists[0] + 2 if lists else 4)


def below(least: float) -> Callable[[Any], bool]:
    return lambda value: any(v is not None and v < least for v in each(value))


STRICTER: list[Stricter] = [
    Stricter("*", "num_features", lambda _: True, "PyTorch only warns of a wrong one where it is not used"),
    Stricter("*", "num_channels", lambda _: True, "PyTorch does not look at a wrong one where it is not used"),
    Stricter("*Norm*", "eps", lambda value: value <= 0, "training divides by it"),
    Stricter("Softplus", "beta", lambda value: value == 0, "it is divided by"),
    Stricter("*", "dim", lambda value: value is None, "PyTorch guesses the axis, and warns"),
    Stricter(
        "Dropout?d", "", lambda _: True, "without channels there are none to drop: PyTorch warns, or says nothing"
    ),
    Stricter("*Dropout*", "", lambda x: x.dtype not in FLOATS, "training refuses it"),
    Stricter("Threshold", "threshold", below(0), "PyTorch makes 254 of a uint8 -2"),
    Stricter("Threshold", "value", below(0), "PyTorch makes 254 of a uint8 -2"),
    Stricter("LPPool?d", "norm_type", lambda value: not 0 <= value <= 127, "an integer dtype may hold no such number"),
    Stricter("Embedding", "max_norm", below(0), "a norm is not negative"),
    Stricter("CrossMapLRN2d", "size", below(1), "a number of channels is at least 1"),
    Stricter("FeatureAlphaDropout", "", lambda x: len(x.shape) < 2, "without channels there are none to drop"),
    Stricter("ConstantPad?d", "value", below(0), "uint8 holds no -2: PyTorch looks only where it does not crop"),
    Stricter("AvgPool?d", "divisor_override", below(0), "a mean is not divided by a negative number"),
    Stricter("FractionalMaxPool2d", "kernel_size", below(1), "a maximum of nothing"),
    Stricter("Upsampl*", "scale_factor", lambda value: value == 0, "PyTorch takes 0 for not given"),
    Stricter("*old", "padding", below(0), "it crops, undocumented"),
    Stricter("AdaptiveAvgPool?d", "", lambda _: True, "to one number a channel it takes a mean, of anything"),
    Stricter("*", "dilation", below(1), "with dilation 0 the kernel is one number read many times"),
    Stricter("UpsamplingNearest2d", "", lambda x: len(x.shape) in (3, 5), "2d: [C, H, W] would be read as [N, C, L]"),
]


class Draw(NamedTuple):
    """One use of a layer. `free` tells which axes are to be symbols when it is repeated with symbols."""

    arguments: dict[str, Any]
    input: TensorType
    free: tuple[bool, ...]

    def __repr__(self) -> str:
        return f"{self.arguments} on {self.input}"


WRONG = {
    "integer": st.sampled_from((0, -1, 5, 17, True, 2.0, "3", [2], [1, 1], None)),
    "integers": st.sampled_from(
        (0, -1, 5, 17, True, 2.0, "same", None, [], [2], [1, 0], [1, 2], [0, 1, 2], [1, 1, 1, 1], [1, True], [None, 1])
    ),
    "number": st.sampled_from((0, -1, 2, -0.5, 1.5, math.nan, math.inf, True, "0.5", [0.5], None)),
    "numbers": st.sampled_from((0, -1, 2, -0.5, math.nan, math.inf, True, "2", [0.5], [2, 1.5], [1, 2, 3], None)),
    "flag": st.sampled_from((0, 1, "yes", None)),
    "word": st.sampled_from(("nonsense", 1, None, True)),
    "dtype": st.sampled_from(("nonsense", "int64", "float16", "float64")),
    "device": st.just(None),
}


@cache
def right(layer: type[Layer], argument: LayerArgument) -> st.SearchStrategy[Any]:
    """Values that the argument should take."""
    for pattern, hint in VALUES.items():
        if fnmatch(f"{layer.__name__}.{argument.name}", f"{'' if '.' in pattern else '*.'}{pattern}"):
            return hint
    low = -2 if argument.minimum is None else argument.minimum
    high = math.inf if argument.maximum is None else argument.maximum
    if argument.kind in ("integer", "integers"):
        some: st.SearchStrategy[Any] = st.sampled_from([int(low) + i for i in (0, 0, 0, 1, 1, 2, 3) if low + i <= high])
    else:
        some = st.sampled_from([value for value in (low, low + 0.5, low + 1, low + 2) if value <= high])
    match argument.kind:
        case "integer" | "number":
            found = some
        case "integers" | "numbers":
            count = argument.entries(layer)
            entry = some | st.none() if argument.gaps else some
            least, most = (1, 3) if count is None else (count, count)
            found = some | st.lists(entry, min_size=least, max_size=most)
        case "flag":
            found = st.booleans()
        case "word":
            return st.sampled_from(argument.choices) | (st.none() if argument.optional else st.nothing())
        case "dtype":
            return st.sampled_from((None, "float32"))
        case _:
            return st.none()
    if argument.choices:
        found = found | st.sampled_from(argument.choices)
    return found | st.none() if argument.optional else found


@st.composite
def draws(draw: st.DrawFn, layer: type[Layer]) -> Draw:
    """Arguments and an input; in one of three draws something about them is wrong."""
    name = layer.__name__
    wrong = draw(st.sampled_from((*[""] * 4, "argument", "input")))
    ranks = RANKS.get(name) or ((layer.spatial + 2, layer.spatial + 1) if layer.spatial else (1, 2, 3, 4, 5))
    rank = draw(st.integers(0, 6) if wrong == "input" and draw(st.booleans()) else st.sampled_from(ranks))
    shape = [draw(st.sampled_from((1, 2, 3, 4, 6, 7, 9, 12))) for _ in range(rank)]
    if layer.spatial and rank > layer.spatial:
        shape[-1 - layer.spatial] = draw(st.sampled_from((1, 2, 4, 4, 6, 12)))
    culprit = draw(st.sampled_from(list(layer.arguments))) if wrong == "argument" and layer.arguments else ""
    arguments = draw(settings_of(layer, shape, culprit))
    if name in SHAPES and wrong != "input":
        shape = draw(SHAPES[name](arguments))
    dtype = arguments.get("dtype") or INPUT_DTYPES.get(name, "float32")
    if dtype not in DTYPES or (wrong == "input" and draw(st.booleans())):
        dtype = draw(st.sampled_from(("float32", "float64", "float16", "int64", "uint8", "bool", "complex64")))
    return Draw(arguments, TensorType(tuple(shape), dtype), tuple(draw(st.booleans()) for _ in shape))


@st.composite
def settings_of(draw: st.DrawFn, layer: type[Layer], shape: list[int], culprit: str) -> dict[str, Any]:
    """Some of the layer's arguments, the culprit's value being wrong; what is inferred is given at times."""
    drawn = {}
    for name, argument in layer.arguments.items():
        if name == culprit:
            drawn[name] = draw(WRONG[argument.kind])
        elif argument.inferred:
            if draw(st.integers(0, 9)) == 0:
                size = st.sampled_from(shape or [1]) | st.just(4)
                sizes = st.integers(1, 3).map(lambda count: shape[-count:])
                drawn[name] = draw(size | sizes if argument.kind == "integers" else size)
        elif argument.required or draw(st.booleans()):
            drawn[name] = draw(right(layer, argument))
    for one, other in ALTERNATIVES if not culprit else ():
        if other in layer.arguments and (drawn.get(one) is None) == (drawn.get(other) is None):
            drawn[one] = None
            drawn[other] = draw(right(layer, layer.arguments[other]).filter(lambda value: value is not None))
    return drawn


def ask_pytorch(
    name: str, arguments: dict[str, Any], x: TensorType, device: str, *, training: bool = False, costs: bool = False
) -> LayerAnswer:
    """Builds the layer and runs it."""
    return ask_layer(
        name,
        arguments,
        lambda: ((torch.zeros(x.shape, dtype=getattr(torch, x.dtype)),), {}),
        device,
        training=training,
        costs=costs,
    )


def possible(layer: type[Layer], made: Layer | None, draw: Draw) -> Iterator[dict[str, Any]]:
    """The arguments for PyTorch, with what archspec inferred; where it came to none, all that could be inferred."""
    missing = [key for key, argument in layer.arguments.items() if argument.inferred and key not in draw.arguments]
    known = {key: vars(made)[key] for key in missing if made is not None and key in vars(made)}
    guesses = [{}] if len(known) == len(missing) else [dict.fromkeys(missing, n) for n in {*draw.input.shape, 1}]
    for guess in guesses:
        yield {**draw.arguments, **guess, **known}


def agree(layer: type[Layer], draw: Draw, tally: Counter[str]) -> None:
    """archspec and PyTorch say the same of one draw."""
    name = layer.__name__
    made, output, refusal = None, None, None
    try:
        made = layer(draw.arguments)
        output = made.forward(draw.input)
    except RefusalError as error:
        refusal = error
    for arguments in possible(layer, made, draw) if refusal is None or not is_stricter(layer, refusal, draw) else ():
        answer = ask_both(name, arguments, draw.input)
        if refusal is not None:
            excused = answer.refusal or is_empty(answer.output)
            assert excused, f"PyTorch accepts, archspec does not: {refusal}"
            continue
        assert not answer.refusal, f"archspec accepts, PyTorch does not: {answer.refusal}"
        assert output == answer.output
        assert made is not None
        assert made.parameter_count() == answer.parameters
        assert made.weights() == answer.state
        trained = ask_pytorch(name, arguments, draw.input, "cpu", training=True)
        assert trained.refusal or trained == answer
        repeat_with_free_sizes(layer, draw, made, output)
        repeat_with_parameters(layer, draw, made, output)
    tally["refused" if refusal else "accepted"] += 1


def ask_both(name: str, arguments: dict[str, Any], x: TensorType) -> LayerAnswer:
    """The CPU's answer, from which the meta device's may not differ without a word about it."""
    answer, meta = (ask_pytorch(name, arguments, x, device) for device in ("cpu", "meta"))
    known = "not implemented for" in answer.refusal or any(fnmatch(name, pattern) for pattern in META_DIFFERS)
    assert known or answer._replace(refusal="") == meta._replace(refusal=""), f"cpu: {answer}, meta: {meta}"
    return answer


def is_stricter(layer: type[Layer], refusal: RefusalError, draw: Draw) -> bool:
    """Whether archspec refuses what PyTorch accepts for a reason."""
    value = draw.arguments.get(refusal.argument) if refusal.argument else draw.input
    return is_no_documented_type(layer, refusal.argument, draw) or any(
        fnmatch(layer.__name__, entry.layers) and fnmatch(refusal.argument or "", entry.argument) and entry.wrong(value)
        for entry in STRICTER
    )


def is_no_documented_type(layer: type[Layer], name: str | None, draw: Draw) -> bool:
    """PyTorch hardly ever looks at the types of what it is given. archspec does."""
    if name is None or name not in draw.arguments:
        return False
    argument, value = layer.arguments[name], draw.arguments[name]
    match argument.kind:
        case "flag":
            return not isinstance(value, bool)
        case "word" | "dtype" | "device":
            return not isinstance(value, str)
        case "integer" | "number" if isinstance(value, list):
            return True
        case "integers" | "numbers" if isinstance(value, list) and argument.entries(layer) is not None:
            if len(value) != argument.entries(layer):
                return True
    numbers = (int,) if argument.kind.startswith("integer") else (int, float)
    return any(isinstance(v, bool) or not isinstance(v, numbers) or not math.isfinite(v) for v in each(value))


def repeat_with_free_sizes(layer: type[Layer], draw: Draw, known: Layer, output: Any) -> None:
    """With symbols for some sizes it comes to the same, once their values are put in."""
    names = dict(zip("abcdef", draw.input.shape, strict=False))
    sizes = [
        dimensions.symbol(symbol, free=True) if free else size
        for (symbol, size), free in zip(names.items(), draw.free, strict=True)
    ]
    made, x = layer(draw.arguments), draw.input.reshaped(*sizes)
    try:
        symbolic = made.forward(x)
    except RefusalError as error:
        require_open(error, {"require_equal", "require_divides"})
        return
    same_flow(symbolic, output, names)
    same_counts(made, known, (made.macs(symbolic, x), known.macs(output, draw.input)), names)


def repeat_with_parameters(layer: type[Layer], draw: Draw, known: Layer, output: Any) -> None:
    """With parameters of a spec in place of values, as generated code has them, nothing is refused any more."""
    for arguments, names in with_parameters(layer, draw.arguments):
        made = layer(arguments)
        try:
            symbolic = made.forward(draw.input)
            same_flow(symbolic, output, names)
            same_counts(made, known, (made.macs(symbolic, draw.input), known.macs(output, draw.input)), names)
        except UndecidedError:
            pass


def examined(name: str, examples: int, *, derandomize: bool) -> Counter[str]:
    """How many draws of a layer were accepted and how many refused, by both alike."""
    return examine(name, draws(LAYERS[name]), partial(agree, LAYERS[name]), examples, derandomize=derandomize)


@pytest.mark.parametrize("name", TAKES_ONE)
def test_accepts_what_pytorch_accepts_and_says_the_same_of_it(name: str) -> None:
    counts = (EXAMPLES, 5 * EXAMPLES)  # more, where PyTorch accepts none of the first ones
    assert any(examined(name, count, derandomize=True)["accepted"] for count in counts)


@pytest.mark.slow
@pytest.mark.parametrize("name", TAKES_ONE)
def test_accepts_what_pytorch_accepts_at_length(name: str) -> None:
    tally = examined(name, MANY_EXAMPLES, derandomize=not DRAWN_ANEW)
    assert tally["accepted"] >= LEAST_ACCEPTED * tally.total(), tally
    assert tally["refused"] or not LAYERS[name].arguments


def test_every_module_of_pytorch_is_in_the_catalogue_or_absent_for_a_reason() -> None:
    modules = {name for name, value in vars(torch.nn).items() if isinstance(value, type) and name != "Parameter"}
    theirs = {name for name in modules if issubclass(getattr(torch.nn, name), torch.nn.Module)}
    assert not LAYERS.keys() & ABSENT.keys()
    assert theirs == {*LAYERS, *ABSENT}


@pytest.mark.parametrize("name", LAYERS)
def test_has_the_arguments_of_pytorch(name: str) -> None:
    init = getattr(torch.nn, name).__init__
    documented = next(iter(get_overloads(init)), init)  # RNN, LSTM and GRU take *args; an overload says what they are
    theirs = {
        parameter.name: parameter.default.__name__ if inspect.isfunction(parameter.default) else parameter.default
        for parameter in list(inspect.signature(documented).parameters.values())[1:]
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and not parameter.name.startswith("_")
        and parameter.name not in LEFT_OUT.get(name, ())
    }
    ours = {
        argument.name: inspect.Parameter.empty if argument.default is REQUIRED else argument.default
        for argument in LAYERS[name].arguments.values()
    }
    assert list(ours.items()) == list(theirs.items())


@pytest.mark.parametrize("name", TAKES_ONE)
def test_counts_the_operations_that_pytorch_counts(name: str) -> None:
    layer = LAYERS[name]

    @settings(max_examples=15, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(draws(layer))
    def run(draw: Draw) -> None:
        try:
            made = layer(draw.arguments)
            macs = made.macs(made.forward(draw.input), draw.input)
        except RefusalError:
            return
        answer = ask_pytorch(name, next(possible(layer, made, draw)), draw.input, "meta", costs=True)
        assert answer.refusal or 2 * macs == answer.flops

    run()
