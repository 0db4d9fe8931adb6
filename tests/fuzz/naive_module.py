"""The network that a naive reading of a spec gives, as an nn.Module: made from a seed, run on any tensors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from naive import Network
from torch import Tensor, nn


class NaiveModule(nn.Module):
    """Has its modules, parameters and buffers under the keys, and in the order, that the language promises."""

    def __init__(self, text: str | dict[str, Any], params: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Reads the spec for inputs of those sizes, and makes what was found, in order."""
        super().__init__()
        reading = Network(text, torch.get_default_device().type, params, embed_anything=False)
        with torch.random.fork_rng(devices=[]):
            reading.run(sizes, training=False)
        reading.modules = {}
        reading.around = {}
        for path, factory in reading.plan:
            made = factory()
            if made is not None:
                reading.modules[path] = made
        reading.tie()
        reading.trying = False
        for path, made in reading.modules.items():
            self.keep(path, made, saved=path not in reading.unsaved)
        self.reading = [reading]  # in a list: it is no module of this one

    def keep(self, path: str, made: nn.Module | Tensor, *, saved: bool) -> None:
        holder: nn.Module = self
        *outer, name = path.split(".")
        for part in outer:
            if part not in holder._modules:
                holder.add_module(part, nn.Module())
            holder = holder.get_submodule(part)
        if isinstance(made, nn.Module):
            holder.add_module(name, made)
        elif isinstance(made, nn.Parameter):
            holder.register_parameter(name, made)
        else:
            holder.register_buffer(name, made, persistent=saved)

    def forward(self, **inputs: Any) -> Any:
        (reading,) = self.reading
        inputs = {name: inputs.get(name) for name in reading.inputs()}
        names = reading.constants()
        known = set(names)
        reading.declared(reading.inputs(), inputs, names)
        sizes = {name: size for name, size in names.items() if name not in known}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reading.forward(inputs, sizes, self.training)

    @property
    def seen(self) -> dict[str, Any]:
        """What each step gave in the last run, by its dotted path."""
        return self.reading[0].seen
