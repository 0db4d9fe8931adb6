"""A checkpoint loaded into a module. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from archspec.checkpoints import NAMES, Archive, Stored
from archspec.checkpoints.pickled import named, stored, tensor_of
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo
from archspec.views.fitting.aligning import beside, plain, renamed
from archspec.views.fitting.regrouping import regrouped

_MOST_NAMED = 5


def load(model: nn.Module, archive: Archive, rename: Mapping[str, str], *, strict: bool) -> tuple[list[str], list[str]]:
    """Loads what fits by key and shape; the keys that are missing, and those that nothing takes.

    Raises SpecError (AS610), with `strict`, where a weight of the module is missing or of another shape; nothing is
    loaded then.
    """
    state = dict(named(model.state_dict()))
    wanted = plain(state, {})
    archive, rename = regrouped(archive, rename, {name: tuple(state[key].shape) for name, key in wanted.items()})
    stored = [key for key in archive.tensors if not beside(key)]
    names, unused = renamed(plain(dict.fromkeys(stored), wanted), rename)
    if unused:
        message = f"the checkpoint has no key {echo(unused[0])}"
        raise SpecError([_problem(archive, "AS611", message, did_you_mean(unused[0], stored))])
    same = {key: names[name] for name, key in wanted.items() if name in names}
    fits = {key: old for key, old in same.items() if archive.tensors[old].shape == tuple(state[key].shape)}
    missing = _missing(model, [key for key in state if key not in fits], fits)
    if strict and missing:
        raise SpecError(_problems(archive, missing, same))
    on_meta = any(tensor.is_meta for tensor in state.values())
    tensors = {key: tensor_of(archive.tensors[old]) for key, old in fits.items()}
    if on_meta:  # there is nothing to copy to
        tensors = {key: value.to(state[key].dtype) for key, value in tensors.items()}
    model.load_state_dict(tensors, strict=False, assign=on_meta)
    taken = set(fits.values())
    return missing, [key for key in stored if key not in taken]


def _missing(model: nn.Module, lacking: Sequence[str], fits: Mapping[str, str]) -> list[str]:
    """The keys of those that are no other name of a parameter that is loaded."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    loaded = {id(parameters[key]) for key in fits if key in parameters}
    return [key for key in lacking if key not in parameters or id(parameters[key]) not in loaded]


def _problems(archive: Archive, missing: Sequence[str], same: Mapping[str, str]) -> list[Problem]:
    found = []
    advice = "archspec.match_weights says which keys they probably have; pass its `renamed` as `rename`"
    for keys, what, remedy in (
        ([key for key in missing if key not in same], "weights that are not in the checkpoint", advice),
        (
            [key for key in missing if key in same],
            "weights that have another shape",
            "`strict=False` leaves them as they are",
        ),
    ):
        if keys:
            named = ", ".join(map(echo, keys[:_MOST_NAMED])) + ", …" * (len(keys) > _MOST_NAMED)
            found.append(_problem(archive, "AS610", f"{what}, {len(keys):,} in all: {named}", remedy))
    return found


def _problem(archive: Archive, code: str, message: str, advice: str) -> Problem:
    return Problem(code, message, Span(archive.path, 1, 1, 1, 1), advice)


class InitialValues:
    """The weights of a network as it is initialised from a seed; it is built when the first one is asked for."""

    def __init__(self, build: Callable[[], nn.Module], seed: int) -> None:
        self.build, self.seed = build, seed
        self.state: dict[str, torch.Tensor] = {}

    def __call__(self, key: str, dtype: str) -> Stored:
        """One of them, in a dtype as safetensors calls it, or its own."""
        if not self.state:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                self.state = dict(named(self.build().state_dict()))
        tensor = self.state[key]
        return stored(tensor.to(getattr(torch, NAMES[dtype])) if dtype else tensor)
