"""A spec that uses a layer or a function, found by trying settings and inputs until its rule accepts them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Any

from archspec import dimensions
from archspec.expressions import ExpressionError, UndecidedError
from archspec.functions import Function
from archspec.layers import Layer
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

_MOST = 50_000
"""How many uses are tried."""

_N = dimensions.symbol("N", free=True)
_T = dimensions.symbol("T", free=True)
_TENSORS = (
    TensorType((_N, 16)),
    TensorType((_N, 16, 32, 32)),
    TensorType((_N, 16, 32)),
    TensorType((_N, 16, 8, 8, 8)),
    TensorType((_T, _N, 64)),
    TensorType((_N, _T), "int64"),
    TensorType((_N, 16), "bool"),
    TensorType((_N, 16), "int64"),
    TensorType((16,)),
    TensorType((16, 16)),
    TensorType((16, 32)),
    TensorType((_N, 16, 16)),
    TensorType((32, 16, 3)),
    TensorType((32, 16, 3, 3)),
    TensorType((32, 16, 3, 3, 3)),
    TensorType((16, 32, 3)),
    TensorType((16, 32, 3, 3)),
    TensorType((16, 32, 3, 3, 3)),
    TensorType((10, 16, 16)),
    TensorType((100, 16)),
    TensorType((_N, 16, 8), "int64"),
    TensorType((_N, 16, 8, 8), "int64"),
    TensorType((_N, 16, 4, 4, 4), "int64"),
    TensorType((_N, 16, 8)),
    TensorType((_N, 16, 8, 8)),
    TensorType((_N, 16, 4, 4, 4)),
    TensorType((_N, 36, 900)),
    TensorType((4,), "int64"),
    TensorType((16,), "int64"),
    TensorType((16, 3)),
    TensorType((_N, 8, 8, 2)),
    TensorType((4, 2, 3)),
    TensorType((_N, 16), "complex64"),
)
"""What may flow in, what people use most first."""


class _Name(str):
    """A word that stands without quotes: a dtype, or an input's name in place of its type."""


class _Several(tuple[Any, ...]):
    """Values that a call lists one by one."""


_VALUES: dict[str, tuple[Any, ...]] = {
    "fill_value": (0.5,),
    "axis0": (0,),
    "maxnorm": (1.0,),
    "mean": (0.0,),
    "num_samples": (2,),
    "n_fft": (16,),
    "p": (2.0,),
    "q": (0.5,),
    "reduce": ("sum",),
    "std": (1.0,),
    "upper": (False,),
    "window_length": (16,),
    "axis1": (1,),
    "bounds": (8, _Several((8, (4, 16)))),
    "chunks": (2,),
    "col": (8,),
    "data": ((1.0, 2.0),),
    "destination": (1,),
    "dim": (1, 0),
    "dim0": (0,),
    "dim1": (1,),
    "dims": ((1, 0), (1, 1)),
    "downscale_factor": (2,),
    "dtype": (_Name("float64"),),
    "embedding_dim": (64,),
    "end": (1.0,),
    "equation": ("nc,cd->nd",),
    "groups": (4,),
    "hidden_size": (128,),
    "index": (0,),
    "indices_or_sections": (2,),
    "k": (3,),
    "kernel_size": (3, 2),
    "length": (8,),
    "n": (8,),
    "nhead": (4,),
    "norm_type": (2,),
    "normalized_shape": ((16,),),
    "num_embeddings": (1000,),
    "num_groups": (4,),
    "num_heads": (4,),
    "out_channels": (32,),
    "out_features": (10,),
    "output_size": (7, (32, 32)),
    "pad": ((1, 1),),
    "padding": (1,),
    "repeats": (2,),
    "row": (8,),
    "shape": ((-1, 4, 4),),
    "shifts": (1,),
    "size": (8, (4, 16), (2, 16, 16), (4, 2, 8, 8)),
    "sizes": ((4, 4),),
    "source": (0,),
    "split_size_or_sections": (8,),
    "start": (0, 0.0),
    "steps": (8,),
    "threshold": (0.1,),
    "unflattened_size": ((4, 4),),
    "upscale_factor": (2, 4),
    "value": (0.0,),
}
"""What to put for an argument that is required, by its name."""

_NEEDED: tuple[dict[str, Any], ...] = (
    {"batch_first": True},
    {"num_classes": 10},
    {},
    {"dim": 1},
    {"scale_factor": 2},
    {"output_size": 7},
    {"min": 0.0},
    {"value": 0.0},
)
"""What to give besides, where there is such an argument: for use as people know it, or because a rule wants it."""


def layer_example(layer: type[Layer]) -> str:
    """A spec of a layer."""
    parameters = list(inspect.signature(layer.forward).parameters.values())[1:]
    plain = [one for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    required = [name for name, argument in layer.arguments.items() if argument.required]

    def use(settings: dict[str, Any], tensors: Sequence[TensorType]) -> None:
        layer(settings).forward(*tensors)

    rank = 3 if "batch_first" in layer.arguments else layer.spatial + 2
    settings, tensors = _tried(required, list(layer.arguments), [one.name for one in plain], use, rank)
    name = layer.__name__
    if settings.keys() == {layer.single()}:
        text = f"{{{name}: {_yaml(next(iter(settings.values())))}}}"
    else:
        inside = ", ".join(f"{key}: {_yaml(value)}" for key, value in settings.items())
        text = f"{{{name}: {{{inside}}}}}" if settings else name
    if len(tensors) > 1:
        inputs = ", ".join(f"{argument}: {x}" for argument, x in zip(layer.inputs, "xyz"[: len(tensors)], strict=False))
        rest = text[1:-1] if settings else f"{name}: {{}}"
        text = f"{{from: {{{inputs}}}, {rest}}}"
    return _spec(tensors, [f"out: {text}"])


def function_example(function: Function) -> str:
    """A spec of a function."""
    required = [one for one in function.parameters.values() if one.default is one.empty]
    kinds = {one.name: function.takes[one.name].kinds for one in required}
    holds = {name: "tensor" in some and not (name in _VALUES and "number" in some) for name, some in kinds.items()}
    listed = {one.name for one in required if (items := function.takes[one.name].items) and "tensor" in items.kinds}
    several = listed | {one.name for one in required if one.kind is one.VAR_POSITIONAL and holds[one.name]}
    places = [name for name in holds if holds[name] or name in several for _ in range(1 + (name in several))]
    values = [one.name for one in required if not holds[one.name] and one.name not in listed]
    order = [one.name for one in required if one.kind is not one.KEYWORD_ONLY]

    def arguments(settings: dict[str, Any], tensors: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        flowing = iter(tensors)
        for name in order:
            if name in several:
                both = (next(flowing), next(flowing))
                found += [both] if name in listed else both
            else:
                value = next(flowing) if holds[name] else settings[name]
                found += value if isinstance(value, _Several) else (value,)
        return found

    def use(settings: dict[str, Any], tensors: Sequence[TensorType]) -> None:
        named = {name: value for name, value in settings.items() if name not in order}
        function(*arguments(settings, tensors), **named)

    optional = [one.name for one in function.parameters.values() if one not in required]
    settings, tensors = _tried(values, [*values, *optional], places, use)
    words = [*map(_python, arguments(settings, [_Name(x) for x, _ in zip("xyz", tensors, strict=False)]))]
    words += [f"{name}={_python(value)}" for name, value in settings.items() if name not in order]
    call = f"{function.name}({', '.join(words)})"
    if tensors:
        return _spec(tensors, [f'out: "{call}"'])
    return _spec(_TENSORS[:1], [f'made: "{call}"']) + "outputs: [x, made]\n"


def _tried(
    required: Sequence[str],
    known: Sequence[str],
    flowing: Sequence[str],
    use: Callable[[dict[str, Any], Sequence[TensorType]], None],
    rank: int = 2,
) -> tuple[dict[str, Any], tuple[TensorType, ...]]:
    """The first settings and inputs with which a use is accepted; inputs of so many axes come first."""
    for settings, tensors in islice(_uses(required, known, flowing, rank), _MOST):
        try:
            use(settings, tensors)
        except (RefusalError, UndecidedError, ExpressionError):
            continue
        return settings, tensors
    raise LookupError(f"no example of {', '.join((*flowing, *required))}")


def _uses(
    required: Sequence[str], known: Sequence[str], flowing: Sequence[str], rank: int
) -> Iterator[tuple[dict[str, Any], tuple[TensorType, ...]]]:
    by_rank = sorted(_TENSORS, key=lambda tensor: tensor.rank != rank)
    weights = sorted(_TENSORS, key=lambda tensor: _N in tensor.shape)
    for tensors in product(*(weights if name == "weight" else by_rank for name in flowing)):
        for values in product(*(_VALUES[name] for name in required)):
            for more in _NEEDED:
                if more.keys() <= set(known):
                    yield {**dict(zip(required, values, strict=True)), **more}, tensors


def _spec(tensors: Sequence[TensorType], steps: Sequence[str]) -> str:
    inputs = ", ".join(f"{name}: {_input(tensor)}" for name, tensor in zip("xyz", tensors, strict=False))
    return "\n".join((f"inputs: {{{inputs}}}", "layers:", *(f"  {step}" for step in steps), ""))


def _input(tensor: TensorType) -> str:
    shape = f"[{', '.join(map(str, tensor.shape))}]"
    return shape if tensor.dtype == "float32" else f"{{shape: {shape}, dtype: {tensor.dtype}}}"


def _yaml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _python(value: object) -> str:
    if isinstance(value, _Name):
        return str(value)
    return f"[{', '.join(map(_python, value))}]" if isinstance(value, tuple) else repr(value)
