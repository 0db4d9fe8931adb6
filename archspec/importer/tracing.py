"""A model and a network compared without numbers, on the meta device: what each computes, and out of which weights.

Each tensor gets a digest of the operation that made it and of what that took. Where the digests of all results are
equal, the same operations run on the same weights in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from archspec.importer.frames import tensors_by_path
from archspec.importer.inputs import Tensors
from archspec.importer.running import Make

_UNSAID = frozenset(("device", "layout", "pin_memory"))
_SMALL = 10_000
_UNKNOWN = "\0"
"""The digest of what nothing is known of; whatever is made of it is unknown as well."""


class DigestMode(TorchDispatchMode):
    """Notes how each tensor came about."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.digests: dict[int, str] = {}
        self.kept: list[torch.Tensor] = []
        self.by_storage: dict[int, set[int]] = {}
        self.stale: set[int] = set()
        """Tensors whose memory was changed through another one."""
        self.draws = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        said = f"{self._say(args)} {self._say({key: one for key, one in kwargs.items() if key not in _UNSAID})}"
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.draws += 1
            said += f" draw {self.draws}"
        name = func.overloadpacket.__name__
        if func._schema.is_mutable:
            self._changed(args[0] if args else None)
            name = name.removesuffix("_")
        result = func(*args, **kwargs)
        for path, tensor in tensors_by_path(result):
            self.name(tensor, f"{name} {said} {path}")
        return result

    def _changed(self, target: Any) -> None:
        """Of what shares its memory with a tensor that is changed in place, nothing is known from here on."""
        if isinstance(target, torch.Tensor):
            self.stale |= {id(target), *self.by_storage.get(_storage(target), ())}

    def name(self, tensor: torch.Tensor, text: str) -> None:
        """Notes how a tensor came about."""
        self.kept.append(tensor)
        self.stale.discard(id(tensor))
        self.digests[id(tensor)] = _UNKNOWN if _UNKNOWN in text else hashlib.sha256(text.encode()).hexdigest()
        self.by_storage.setdefault(_storage(tensor), set()).add(id(tensor))

    def begin(self, tensor: torch.Tensor, text: str) -> None:
        """Notes a weight: whatever was done to its memory before, it has a value of its own from here on."""
        self.by_storage.pop(_storage(tensor), None)
        self.name(tensor, text)

    def _say(self, value: Any) -> str:
        match value:
            case torch.Tensor():
                return self.of(value)
            case tuple() | list():
                return f"({', '.join(map(self._say, value))})"
            case dict():
                return f"({', '.join(f'{key}={self._say(one)}' for key, one in sorted(value.items()))})"
            case torch.device() | torch.layout():
                return ""
        return repr(value)

    def of(self, tensor: torch.Tensor) -> str:
        """The digest of a tensor; of one that nothing is known of, its numbers."""
        found = self.digests.get(id(tensor))
        if id(tensor) in self.stale:
            return _UNKNOWN
        if found is not None:
            return found
        if tensor.is_meta or tensor.numel() > _SMALL:
            return _UNKNOWN
        return f"{tensor.dtype} {tuple(tensor.shape)} {tensor.tolist()}"


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _results(make: Make, inputs: list[Tensors], trace: DigestMode) -> list[Any]:
    """The digests of what a module returns and of its buffers afterwards, in both modes, for each of some inputs."""
    found: list[Any] = []
    with torch.device("meta"), trace:
        module = make()
        held = [*module.named_parameters(), *((key, one) for key, one in module.named_buffers())]
        for key, tensor in held:
            is_buffer = not isinstance(tensor, nn.Parameter)
            made = trace.of(tensor) if is_buffer else ""
            trace.begin(tensor, f"{key} {made}")
        for given in inputs:
            for training in (False, True):
                module.train(training)
                trace.draws = 0
                tensors = {name: one.to("meta") for name, one in given.items()}
                for name, one in tensors.items():
                    trace.name(one, f"input {name}")
                value = module(**tensors)
                returned = [(str(path), trace.of(one), one.requires_grad) for path, one in tensors_by_path(value)]
                found.append((returned, [(key, trace.of(one)) for key, one in module.named_buffers()]))
    return found


def untraced(make: Make, networks: dict[str, Make], inputs: list[Tensors]) -> Iterator[str]:
    """What differs between a model and networks on the meta device, or cannot be compared there."""
    wanted = _results(make, inputs, DigestMode())
    if repr(_UNKNOWN) in repr(wanted):
        yield "on the meta device it cannot be told how a result or a buffer of the model comes about"
        return
    for name, network in networks.items():
        if _results(network, inputs, DigestMode()) != wanted:
            yield f"{name}: it computes something else on the meta device"


def on_meta(module: nn.Module) -> bool:
    """Whether a module has weights without numbers."""
    return any(one.is_meta for one in (*module.parameters(), *module.buffers()))
