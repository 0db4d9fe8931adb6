"""Runs of a module for a comparison: outputs, buffers, gradients, and what the module changes besides."""

from __future__ import annotations

import copy
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch
from torch import nn

from archspec.importer.inputs import Tensors
from archspec.importer.state import LENGTH, plain_state

_SEED = 20
_CLOSE = {torch.float16: 2e-2, torch.bfloat16: 6e-2}
"""How much two results of a short dtype may differ, as a share; 1e-4 in any other."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to run a module: with its own weights or with others, on some inputs, in a mode and a dtype."""

    inputs: Tensors
    training: bool
    own_weights: bool = False
    dtype: torch.dtype | None = None
    repeats: int = 1
    """How often the module is called, one call after the other."""
    alternates: bool = False
    """Whether each further call is in the other mode."""
    learns: bool = True
    """Whether gradients are computed."""
    is_edge: bool = False
    """Whether the model may refuse the inputs."""

    def modes(self) -> list[bool]:
        """Of each call, whether it is in training."""
        return [self.training != (self.alternates and number % 2 == 1) for number in range(self.repeats)]

    def __str__(self) -> str:
        mode = "training" if self.training else "evaluation"
        mode += " and the other mode in turn" if self.alternates else "" if self.learns else " without gradients"
        sizes = ", ".join(f"{name} {list(one.shape)}" for name, one in self.inputs.items())
        return f"in {mode} on {sizes}" + ("" if self.dtype is None else f" in {str(self.dtype).partition('.')[2]}")


@dataclass(slots=True)
class CallResult:
    """What one call of a module gave."""

    value: Any
    buffers: Tensors
    overwritten: Tensors
    """The inputs that have other numbers afterwards."""
    gradients: Tensors
    learning: list[bool]
    """Whether each output has a gradient."""
    refusal: str
    """Why the backward pass fails; empty where it does not."""
    drawn: torch.Tensor | None
    """The state of torch's random numbers afterwards; None where none were drawn."""
    before: dict[str, Any]
    """As `state`, before the call."""
    state: dict[str, Any]
    """What the modules keep afterwards besides parameters and buffers."""
    is_random_elsewhere: bool
    """Whether it drew numbers by Python's or NumPy's generators."""


Functions = Mapping[CodeType, Mapping[str, Any]]
"""The code of functions, and their global variables."""


def calls(module: nn.Module, trial: Trial, functions: Functions | None = None) -> list[CallResult] | Exception:
    """What a copy of a module, which runs those functions, gives; the exception that ended it."""
    module = copy.deepcopy(module).train(trial.training)
    inputs = trial.inputs
    if trial.dtype is not None:
        inputs = {name: one.to(trial.dtype) if one.is_floating_point() else one for name, one in inputs.items()}
    with warnings.catch_warnings(), _python_random_kept():
        warnings.simplefilter("ignore")
        try:
            module = module if trial.dtype is None else module.to(trial.dtype)
            with torch.set_grad_enabled(trial.learns):
                return [
                    _call(module.train(training), inputs, _SEED + number, functions or {})
                    for number, training in enumerate(trial.modes())
                ]
        except Exception as error:
            return error


@contextmanager
def _python_random_kept() -> Iterator[None]:
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


def _call(module: nn.Module, inputs: Tensors, seed: int, functions: Functions) -> CallResult:
    learns = torch.is_grad_enabled()
    leaves = {name: one.clone().requires_grad_(learns and one.is_floating_point()) for name, one in inputs.items()}
    module.zero_grad(set_to_none=True)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every kind of device, at a cost
    seeded, elsewhere, before = torch.get_rng_state(), _elsewhere(), plain_state(module, functions)
    given = {name: one.clone() for name, one in leaves.items()}
    value = module(**given)
    drawn = None if torch.equal(torch.get_rng_state(), seeded) else torch.get_rng_state()
    is_random_elsewhere = elsewhere != _elsewhere()
    outputs = tensors_in(value)
    learning = [one.requires_grad for one in outputs]
    refusal = _backward(outputs)
    held = {**dict(module.named_parameters()), **{f"input {name}": one for name, one in leaves.items()}}
    gradients = {key: one.grad for key, one in held.items() if one.grad is not None}
    buffers = {key: one.detach().clone() for key, one in module.named_buffers()}
    overwritten = {name: one.detach() for name, one in given.items() if not near(one, leaves[name])}
    state = plain_state(module, functions)
    return CallResult(
        value, buffers, overwritten, gradients, learning, refusal, drawn, before, state, is_random_elsewhere
    )


def _backward(outputs: list[torch.Tensor]) -> str:
    """Gradients of a random combination of all numbers of the outputs; or why there are none."""
    generator = torch.Generator().manual_seed(_SEED + 1)
    real = [torch.view_as_real(one) if one.is_complex() else one for one in outputs if one.requires_grad]
    total = sum((one * torch.randn(one.shape, generator=generator).type_as(one)).sum() for one in real)
    try:
        if isinstance(total, torch.Tensor):
            torch.autograd.backward(total)
    except RuntimeError as error:  # what a forward pass overwrites, its backward pass may need
        return str(error)
    return ""


def _elsewhere() -> Any:
    """The states of the generators that a seed of torch does not set."""
    numpy = sys.modules.get("numpy")
    state = None if numpy is None else numpy.random.get_state()
    return random.getstate(), None if state is None else (state[0], state[1].tobytes(), *state[2:])


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [found for one in items for found in tensors_in(one)]


def stirred(model: nn.Module) -> nn.Module:
    """A copy whose weights are moved a little: zeros and ones no longer hide what is multiplied by them."""
    made = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for one in made.parameters():
            if one.is_floating_point() or one.is_complex():
                fan_in = one[0].numel() if one.dim() > 1 else 12
                noise = torch.randn(one.shape, generator=generator, dtype=one.dtype)
                one.add_(noise * 0.35 / max(fan_in, 1) ** 0.5)
    return made


def unsteady(model_calls: list[CallResult]) -> Iterator[str]:
    """What of the model's runs no comparison can rely on: state outside its buffers, random numbers, no numbers."""
    first, last = model_calls[0], model_calls[-1]
    if first.is_random_elsewhere:
        yield "the model draws random numbers outside of torch"
    pairs = [(one.before, one.state) for one in model_calls] + [(first.state, last.state)]
    changed = [key for old, new in pairs for key in _changed(old, new) if not key.endswith(LENGTH)]
    if len(model_calls) > 1:  # a first call may fill a cache
        changed += [key.removesuffix(f".{LENGTH}") for key in _changed(last.before, last.state)]
    if changed:
        yield f"`{changed[0]}` of the model changes from call to call"
    outputs = [one for one in tensors_in(first.value) if one.is_floating_point() or one.is_complex()]
    if not tensors_in(first.value):
        yield "the model returns no tensor"
    elif outputs and not any(bool(torch.isfinite(one).any()) for one in outputs):
        yield "the model's outputs hold no finite number, so nothing is compared"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The names of what is another value than before; what is new has no value to compare."""
    for key, value in new.items():
        if key in old and value != old[key] and repr(value) != repr(old[key]):  # NaN equals nothing
            yield key


def _draws_alike(mine: torch.Tensor | None, theirs: torch.Tensor | None, training: bool) -> bool:
    """Whether equal random numbers are drawn; in evaluation, a spec draws what training needs as well."""
    if mine is None:
        return theirs is None or not training
    return theirs is not None and torch.equal(mine, theirs)


def unlike(mine: list[CallResult], theirs: list[CallResult], modes: list[bool]) -> Iterator[str]:
    """What differs between the calls of the model and those of a network, each in training or not."""
    for number, (one, other, training) in enumerate(zip(mine, theirs, modes, strict=True)):
        again = " in the second call" if number else ""
        if not _alike(one.value, other.value):
            yield f"the outputs differ{again}"
        if not _same(one.buffers, other.buffers):
            yield f"the buffers differ afterwards{again}"
        if not _same(one.overwritten, other.overwritten):
            names = ", ".join(f"`{name}`" for name in {**one.overwritten, **other.overwritten})
            yield f"{names} is changed in place, in one of the two{again}"
        if other.refusal and not one.refusal:
            yield f"the backward pass fails{again}: {other.refusal}"
        elif one.learning != other.learning or not (one.refusal or _same(one.gradients, other.gradients, summed=True)):
            yield f"the gradients differ{again}"
        if not _draws_alike(one.drawn, other.drawn, training):
            yield f"other random numbers are drawn{again}"


def _same(mine: Tensors, theirs: Tensors, summed: bool = False) -> bool:
    return set(mine) == set(theirs) and all(near(one, theirs[key], summed) for key, one in mine.items())


def _alike(mine: Any, theirs: Any) -> bool:
    """Whether two results have the same form, names and numbers; a dictionary may have become a NamedTuple."""
    if isinstance(mine, torch.Tensor):
        return isinstance(theirs, torch.Tensor) and near(mine, theirs)
    if isinstance(mine, Mapping):
        names = list(theirs) if isinstance(theirs, Mapping) else list(getattr(theirs, "_fields", ()))
        held = list(theirs.values()) if isinstance(theirs, Mapping) else theirs
        return names == [str(one) for one in mine] and all(map(_alike, mine.values(), held))
    if isinstance(mine, tuple | list):
        if getattr(mine, "_fields", None) != getattr(theirs, "_fields", None):
            return False
        return isinstance(theirs, tuple | list) and len(mine) == len(theirs) and all(map(_alike, mine, theirs))
    return mine is None and theirs is None


def near(left: torch.Tensor, right: torch.Tensor, summed: bool = False) -> bool:
    """Whether two tensors are equal in shape and dtype, and nearly in their numbers; whole numbers entirely.

    `summed` numbers are sums of others as large as the largest of them, and no more exact than these.
    """
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if left.is_complex():
        return near(torch.view_as_real(left.resolve_conj()), torch.view_as_real(right.resolve_conj()), summed)
    if not left.is_floating_point():
        return torch.equal(left, right)
    share = _CLOSE.get(left.dtype, 1e-4)
    scale = max(1.0, _largest(left)) if summed else 1.0
    nearest = 1e-6 * scale if share == 1e-4 else share
    return torch.allclose(left.detach().double(), right.detach().double(), share, nearest, True)


def _largest(tensor: torch.Tensor) -> float:
    """The largest finite number of a tensor, without its sign."""
    finite = tensor.detach()[torch.isfinite(tensor)].abs()
    return float(finite.max()) if finite.numel() else 0.0


Make = Callable[[], nn.Module]
