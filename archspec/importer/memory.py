"""Where a run leaves what a spec says: it changes the memory of a weight, or makes sizes out of numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from archspec.importer.operations import UnsayableError

_INDEXED = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default)
_MASKS = (torch.bool, torch.uint8)


class FixedSizes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not annotate it
    """Refuses operations of which the numbers in their arguments say the size of the result, or its value in Python."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        varies = torch.Tag.dynamic_output_shape in func.tags
        if func in _INDEXED:
            varies = any(one is not None and one.dtype in _MASKS for one in args[1])
        if varies or torch.Tag.data_dependent_output in func.tags:
            raise UnsayableError("makes a tensor whose size depends on the values of another one")
        return func(*args, **(kwargs or {}))


class HeldMemory:
    """The memory of a model's parameters and buffers."""

    def __init__(self, model: nn.Module) -> None:
        held = [*model.named_parameters(), *model.named_buffers()]
        self.names = {_storage(one): name for name, one in held if one.layout == torch.strided}

    def name_of(self, tensor: Any) -> str | None:
        """The parameter or buffer in whose memory a tensor lies."""
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            return None
        return self.names.get(_storage(tensor))


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
