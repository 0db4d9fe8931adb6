"""What the tests share that draw arguments for layers and functions, and compare archspec's answer with PyTorch's."""

from __future__ import annotations

import os
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from archspec import dimensions
from archspec.expressions import Name, Symbolic
from archspec.layers import Layer
from archspec.layers._base import LayerArgument, Weight
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

torch.set_num_threads(1)  # the tensors are tiny, and the tests run in parallel

DRAWN_ANEW = "ARCHSPEC_EXAMPLES" in os.environ  # a hunt for what is left; else every run is the same

CONSTANT = ("dim", "start_dim", "end_dim", "unflattened_size", "padding_idx")
"""Integers that are no sizes: a spec's parameters in their place leave the shape undecided."""

Drawn = TypeVar("Drawn")


def many_examples(usual: int) -> int:
    """How many examples a slow test draws."""
    return int(os.environ.get("ARCHSPEC_EXAMPLES", usual))


def examine(
    name: str,
    draws: st.SearchStrategy[Drawn],
    agree: Callable[[Drawn, Counter[str]], None],
    examples: int,
    *,
    derandomize: bool,
) -> Counter[str]:
    """How many draws were accepted and how many refused, by both alike."""
    tally: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=list(HealthCheck),
    )
    @given(draws)
    def run(draw: Drawn) -> None:
        agree(draw, tally)

    run()
    print(f"{name}: {tally.total()} draws, {tally['accepted']} accepted")
    return tally


class LayerAnswer(NamedTuple):
    """What PyTorch says: the types of what flows out, the counts of parameters and of operations, and the state.

    Or why it refuses the layer.
    """

    output: Any = None
    parameters: int = 0
    flops: int = 0
    state: tuple[Weight, ...] = ()
    refusal: str = ""


Inputs = Callable[[], tuple[Sequence[Any], Mapping[str, Any]]]
"""Makes the arguments of a forward method, on the device that is current: those by position, and those by name."""


def ask_layer(
    name: str, arguments: Mapping[str, Any], inputs: Inputs, device: str, *, training: bool = False, costs: bool = False
) -> LayerAnswer:
    """Builds a layer and runs it; its operations are counted where the `costs` are asked for."""
    try:
        with warnings.catch_warnings(), torch.device(device), torch.no_grad():
            warnings.simplefilter("ignore")
            kwargs = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
            if kwargs.get("dtype") is not None:
                kwargs["dtype"] = getattr(torch, kwargs["dtype"])
            module = getattr(torch.nn, name)(**kwargs).train(training)
            args, named = inputs()
            flops = 0
            if costs:
                with FlopCounterMode(display=False) as counter:
                    output = type_of(module(*args, **named))
                flops = counter.get_total_flops()
            else:
                output = type_of(module(*args, **named))
            parameters = sum(parameter.numel() for parameter in module.parameters())
            return LayerAnswer(output, parameters, flops, state_of(module))
    except Exception as error:
        return LayerAnswer(refusal=f"{type(error).__name__}: {error}")


def state_of(module: torch.nn.Module) -> tuple[Weight, ...]:
    """What its state_dict holds."""
    learnable = dict(module.named_parameters())
    types = ((name, type_of(tensor)) for name, tensor in module.state_dict().items())
    return tuple(Weight(name, of.shape, of.dtype, name in learnable) for name, of in types)


def type_of(output: Any) -> Any:
    """The types of what PyTorch returns: of a tensor, of several, None for None."""
    if isinstance(output, tuple | list):
        return tuple(map(type_of, output))
    if output is None:
        return None
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"no tensor: {output!r}")
    return TensorType(tuple(output.shape), str(output.dtype).removeprefix("torch."))


def is_empty(output: Any) -> bool:
    """A size is at least 1. PyTorch is content with 0, and nothing comes out."""
    if isinstance(output, TensorType):
        return 0 in output.shape
    return output is not None and any(map(is_empty, output))


def same_flow(ours: Any, theirs: Any, sizes: Mapping[str, int]) -> None:
    """What flows out is the same, once the sizes are put in for their symbols; a size that is unknown may be any."""
    if ours is None:
        assert theirs is None
        return
    if not isinstance(ours, TensorType):
        assert isinstance(theirs, tuple)
        for pair in zip(ours, theirs, strict=True):
            same_flow(*pair, sizes)
        return
    assert (ours.dtype, ours.rank) == (theirs.dtype, theirs.rank), f"{ours} for {theirs}"
    for size, value in zip(ours.shape, theirs.shape, strict=True):
        if not any(isinstance(atom, dimensions.Unknown) for atom in dimensions.atoms(size)):
            assert dimensions.substitute(size, sizes) == value, f"{ours} for {theirs}"


def questions(refusal: RefusalError) -> set[str]:
    """The functions that a refusal has come through: which question was asked."""
    return {frame.name for frame in traceback.extract_tb(refusal.__traceback__)}


def require_open(refusal: RefusalError, open_questions: set[str]) -> None:
    """What known sizes do not refuse is refused for free sizes only where such a question stays open."""
    if not questions(refusal) & open_questions:
        raise AssertionError(f"refused with free sizes alone: {refusal}") from refusal


def with_parameters(
    layer: type[Layer], arguments: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    """Arguments with parameters of a spec in place of values, as generated code has them, and what those stand for.

    First in place of the sizes, then in place of all settings that are no sizes.
    """
    names: dict[str, int] = {}

    def parameter(value: Any, argument: LayerArgument) -> Any:
        if isinstance(value, list):
            return [parameter(item, argument) for item in value]
        if type(value) is not int or argument.name in CONSTANT or not argument.kind.startswith("integer"):
            return value
        name = f"{argument.name}_{len(names)}"
        names[name] = value
        return dimensions.symbol(name, minimum=None if argument.minimum is None else int(argument.minimum))

    def setting(value: Any, argument: LayerArgument) -> Any:
        types = {"flag": "bool", "word": "str", "number": "float"}
        known = argument.kind not in types or value is None
        return value if known else Symbolic(Name(argument.name), types[argument.kind])

    for replaced in (parameter, setting):
        made = {name: replaced(value, layer.arguments[name]) for name, value in arguments.items()}
        yield made, names | {name: value for name, value in arguments.items() if type(value) is bool}


def same_counts(made: Layer, known: Layer, macs: tuple[Any, Any], sizes: Mapping[str, int]) -> None:
    """Two layers, the first with symbols, have as many parameters and `macs`, once the sizes are put in."""
    count = made.parameter_count()
    if "?" not in str(count):  # a flag that has no value decides how many there are
        assert dimensions.substitute(count, sizes) == known.parameter_count()
    assert dimensions.substitute(macs[0], sizes) == macs[1]
