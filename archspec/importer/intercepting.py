"""Calls of modules while a model runs: they go to the recorder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from archspec.importer.replacing import replaced
from archspec.importer.settings import layer_of

if TYPE_CHECKING:
    from archspec.importer.recording import Recorder


@contextmanager
def calls_to(recorder: Recorder) -> Iterator[None]:
    """Every call of a module goes to the recorder."""
    original = nn.Module.__call__

    def called(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return recorder.call(original, self, args, kwargs)

    with replaced(nn.Module, "__call__", called):
        yield


@contextmanager
def layers_to(recorder: Recorder) -> Iterator[None]:
    """`super().forward(x)` of a class that extends a layer is a call of the layer."""
    kinds = {
        base
        for module in recorder.model.modules()
        if layer_of(type(module)) is None
        for kind in type(module).__mro__
        if layer_of(kind) is not None
        for base in kind.__mro__
        if "forward" in vars(base) and base is not nn.Module and base.__module__.startswith("torch.nn.")
    }

    def wrapped(original: Any) -> Any:
        def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if recorder.paused or not recorder.inlined or recorder.inlined[-1] is not self:
                return original(self, *args, **kwargs)
            return recorder.call_layer(original, self, args, kwargs)

        return forward

    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(replaced(kind, "forward", wrapped(vars(kind)["forward"])))
        yield
