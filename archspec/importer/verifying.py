"""An imported spec held against its model: whatever differs, or could not be compared, is told."""

from __future__ import annotations

import copy
import itertools
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from archspec.importer.foreign import Execution, executed
from archspec.importer.inputs import Tensors
from archspec.importer.running import CallResult, Make, Trial, calls, near, stirred, unlike, unsteady
from archspec.importer.tracing import untraced
from archspec.problems import SpecError
from archspec.spec import Spec

_SEED = 20
_DTYPES = (torch.float64, torch.bfloat16, torch.float16)


def differences(
    spec: Spec, make: Make, settings: Mapping[str, Any], inputs: list[Tensors], edges: list[Tensors] | None = None
) -> Iterator[str]:
    """What differs between the model and the spec's network, built and generated, at each of some inputs.

    A run that the model itself refuses counts as a difference: nothing was compared then. Where `edges` are given, the
    two are compared thoroughly: with the model's own weights, too, and on those inputs, as far as the model takes them.
    """
    torch.manual_seed(_SEED)
    try:
        model = make()
    except Exception as error:
        yield f"the model cannot be made, so nothing was compared: {error}"
        return
    yield from (f"`{name}` of the model has a hook on its gradient" for name in _hooked(model))
    try:
        other = stirred(model)
    except Exception as error:
        yield f"the model cannot be copied, so nothing was compared: {' '.join(str(error).split())[:120]}"
        return
    execution = _execution(model, inputs[0]) if edges is not None and inputs else Execution()
    yield from (f"the model {one}" for one in dict.fromkeys(execution.asked))
    networks = {}
    for how in (_built, _generated):
        name = how.__name__.lstrip("_")
        try:
            network = how(spec, settings)
        except (SpecError, TypeError, ValueError, RuntimeError, AssertionError) as error:
            yield f"{name}: it cannot be made: {error}"
            continue
        unlike_form = [*_form(model, network)]
        yield from (f"{name}: {one}" for one in unlike_form)
        if not unlike_form:
            networks[name] = network
    for trial in _trials(inputs, edges):  # one after the other: the gradients of all are many times the weights
        weights = model if trial.own_weights else other
        found = calls(weights, trial, execution.functions)
        if isinstance(found, Exception):
            yield from () if trial.is_edge else (f"{trial}, the model fails, so nothing was compared: {found}",)
            continue
        yield from (f"{trial}, {one}" for one in unsteady(found))
        for name, network in networks.items():
            network.load_state_dict(weights.state_dict())
            yield from (f"{name}: {trial}, {one}" for one in _unlike_calls(found, calls(network, trial), trial))


def _unlike_calls(mine: list[CallResult], theirs: list[CallResult] | Exception, trial: Trial) -> Iterator[str]:
    if isinstance(theirs, Exception):
        yield f"it fails: {theirs}"
    else:
        yield from unlike(mine, theirs, trial.modes())


def _execution(model: nn.Module, given: Tensors) -> Execution:
    """What the model runs in both modes."""
    found = Execution()
    for training in (False, True):
        module = copy.deepcopy(model).train(training)
        inputs = {name: one.clone() for name, one in given.items()}
        with executed(found), suppress(Exception):  # the trials tell why it fails
            module(**inputs)
    return found


def _hooked(model: nn.Module) -> list[str]:
    """Parameters and modules whose gradients something else changes; a copy of a parameter no longer has that."""
    names = ("_backward_hooks", "_backward_pre_hooks", "_post_accumulate_grad_hooks")
    held = (*model.named_parameters(), *model.named_modules())
    return [key or "the model" for key, one in held if any(getattr(one, name, None) for name in names)]


def _trials(inputs: list[Tensors], edges: list[Tensors] | None) -> Iterator[Trial]:
    thorough = edges is not None
    for given in edges or ():
        yield Trial(given, False, learns=False, is_edge=True)
    for training in (False, True):
        if thorough:
            yield Trial(inputs[0], training, own_weights=True, repeats=2)
            yield Trial(inputs[0], training, **({"repeats": 3, "alternates": True} if training else {"learns": False}))
        for number, given in enumerate(inputs):
            yield Trial(given, training, repeats=2 if thorough and not number else 1)


def without_gradients(make: Make, given: Tensors) -> str:
    """Why the model has no gradients to compare; empty where it has."""
    torch.manual_seed(_SEED)
    found = calls(make(), Trial(given, True, own_weights=True))
    return "" if isinstance(found, Exception) else found[0].refusal


def unlike_dtypes(spec: Spec, make: Make, given: Tensors) -> list[str]:
    """The dtypes besides the model's own in which the model runs, and the spec's network computes something else."""
    torch.manual_seed(_SEED)
    model, network = make(), _built(spec, {})
    network.load_state_dict(model.state_dict())
    found = []
    for dtype in _DTYPES:
        trial = Trial(given, False, own_weights=True, dtype=dtype)
        mine, theirs = calls(model, trial), calls(network, trial)
        if not isinstance(mine, Exception) and (isinstance(theirs, Exception) or any(unlike(mine, theirs, [False]))):
            found.append(str(dtype).partition(".")[2])
    return found


def differences_on_meta(spec: Spec, make: Make, settings: Mapping[str, Any], inputs: list[Tensors]) -> Iterator[str]:
    """As `differences`, of a model without numbers: its form, and which operations run on which weights."""
    networks: dict[str, Make] = {
        "built": lambda: _built(spec, settings),
        "generated": lambda: _generated(spec, settings),
    }
    place: Any = torch.device("meta")  # torch does not annotate it as a context
    try:
        with place:
            model, made = make(), {name: one() for name, one in networks.items()}
        unlike_form = [f"{name}: {one}" for name, network in made.items() for one in _form(model, network)]
        yield from unlike_form or [*untraced(make, networks, inputs)]
    except Exception as error:
        yield f"on the meta device nothing is compared: {type(error).__name__}: {error}"


def _built(spec: Spec, settings: Mapping[str, Any]) -> nn.Module:
    return spec.build(dict(settings), limit=None)


def _generated(spec: Spec, settings: Mapping[str, Any]) -> nn.Module:
    module = types.ModuleType("archspec_imported")
    sys.modules[module.__name__] = module
    try:
        exec(compile(spec.generate(), module.__name__, "exec"), module.__dict__)
        kind = getattr(module, spec.graph().main.name)
        made = kind(**{name: list(one) if isinstance(one, tuple) else one for name, one in settings.items()})
    finally:
        del sys.modules[module.__name__]
    assert isinstance(made, nn.Module)
    return made


def _form(model: nn.Module, network: nn.Module) -> Iterator[str]:
    """Keys, shapes, dtypes, what learns, what is shared, and the buffers."""
    mine, theirs = model.state_dict(), network.state_dict()
    if list(mine) != list(theirs):
        yield from (
            f"`{a}` and `{b}` are one module of the model; a spec has one name for it" for a, b in _aliases(model)
        )
        yield f"the keys are {_first(list(mine), list(theirs))}"
        return
    for key, tensor in mine.items():
        if tensor.shape != theirs[key].shape or tensor.dtype != theirs[key].dtype:
            yield f"`{key}` is {tuple(theirs[key].shape)} {theirs[key].dtype}, not {tuple(tensor.shape)} {tensor.dtype}"
    if _ties(model) != _ties(network):
        yield "the parameters are shared otherwise"
    yield from (f"`{a}` and `{b}` of the model share memory, and are two tensors" for a, b in _overlaps(model))
    wanted = {key: one.requires_grad for key, one in model.named_parameters(remove_duplicate=False)}
    if wanted != {key: one.requires_grad for key, one in network.named_parameters(remove_duplicate=False)}:
        yield "other parameters learn"
    buffers, made = dict(model.named_buffers()), dict(network.named_buffers())
    if list(buffers) != list(made):
        yield f"the buffers are {_first(list(buffers), list(made))}"
        return
    for key, tensor in buffers.items():
        if tensor.shape != made[key].shape or tensor.dtype != made[key].dtype:
            yield f"the buffer `{key}` is {tuple(made[key].shape)} {made[key].dtype}"
        elif not tensor.is_meta and not near(tensor, made[key]):
            yield f"the buffer `{key}` begins with other numbers"


def _aliases(module: nn.Module) -> Iterator[tuple[str, str]]:
    """The pairs of names that one module with weights has."""
    first: dict[int, str] = {}
    for name, one in module.named_modules(remove_duplicate=False):
        known = first.setdefault(id(one), name)
        if known != name and any(True for _ in one.parameters(recurse=False)):
            yield known, name


def _overlaps(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Parameters that lie in the memory of other parameters or of buffers: one changes as the other learns."""
    spans = []
    for key, one in (*module.named_parameters(), *module.named_buffers()):
        if one.layout == torch.strided and not one.is_meta and one.numel():
            reach = sum((size - 1) * step for size, step in zip(one.shape, one.stride(), strict=True)) + 1
            spans.append((one.data_ptr(), one.data_ptr() + reach * one.element_size(), key, one))
    spans.sort(key=lambda span: span[:2])
    for (_, stop, key, one), (start, _, other, two) in itertools.pairwise(spans):
        if start < stop and (isinstance(one, nn.Parameter) or isinstance(two, nn.Parameter)):
            yield key, other


def _ties(module: nn.Module) -> set[tuple[str, ...]]:
    groups: dict[int, list[str]] = {}
    for key, one in module.named_parameters(remove_duplicate=False):
        groups.setdefault(id(one), []).append(key)
    return {tuple(names) for names in groups.values()}


def _first(mine: list[str], theirs: list[str]) -> str:
    for a, b in zip(mine, theirs, strict=False):
        if a != b:
            return f"otherwise from `{b}` on, which is `{a}` in the model"
    return f"{len(theirs)}, not {len(mine)}: {sorted(set(mine) ^ set(theirs))[:4]}"


def begins_otherwise(spec: Spec, make: Make) -> list[str]:
    """The parameters that begin with other numbers than in the model: others, or of another spread."""
    models, networks = (
        [dict(one.named_parameters()) for one in _seeded(how)] for how in (make, lambda: spec.build({}, limit=None))
    )
    found = []
    for key, tensor in models[0].items():
        constant = bool((tensor == models[1][key]).all())
        begun = [one[key].detach() for one in networks]
        if near(tensor, begun[0]):
            continue
        if constant or bool((begun[0] == begun[1]).all()) or _spread_differs(tensor.detach(), begun[0]):
            found.append(key)
    return found


def _seeded(make: Make) -> Iterator[nn.Module]:
    for seed in (_SEED, _SEED + 1):
        torch.manual_seed(seed)
        yield make()


def _spread_differs(mine: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether two draws are of other distributions, as far as their number shows."""
    left, right = mine.abs().double().flatten(), theirs.abs().double().flatten()
    if left.numel() < 2:
        return False
    slack = 1 + 6 / left.numel() ** 0.5
    ratio = float(left.mean() / right.mean().clamp_min(1e-12))
    return not 1 / slack < ratio < slack
