"""How many learnable numbers of a network do not learn, because a step says `trainable: false`."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.dimensions import Size
from archspec.expressions import UndecidedError
from archspec.graph import Branch, Call, Class, Graph, Item, Loop, frozen_paths, module_of
from archspec.layers import Layer
from archspec.tensors import TensorType
from archspec.views.summary.figures import above, unknown

_UNKNOWN = "a parameter has no value"


def frozen(graph: Graph) -> Size:
    """Numbers of parameters that need no gradient; a parameter that others share counts once.

    Unknown where that depends on a parameter that has no value.
    """
    taken = set(_taken(graph.main, "", held=False))
    taken |= {f"{module}." for key in taken for module in above(key)}  # a key with a dot behind it is a whole layer
    return sum((size for key, size, held in _sizes(graph.main, "", held=False) if held or key in taken), start=0)


def _sizes(cls: Class, prefix: str, *, held: bool) -> Iterator[tuple[str, Size, bool]]:
    """Each parameter of a class that is its own: its key, how many numbers it holds, and whether these are frozen."""
    for step in cls.steps:
        if step.kind == "parameter" and isinstance(step.output, TensorType):
            yield f"{prefix}{step.name}", step.output.numel, held or not step.trainable
    for item in cls.children():
        yield from _of(item, prefix, held=held)


def _of(item: Item, prefix: str, *, held: bool) -> Iterator[tuple[str, Size, bool]]:
    item = module_of(item)
    if isinstance(item, Loop | Branch):  # how often it runs, or whether, a parameter without a value says
        if held or any(frozen_paths((item,), "")):
            yield prefix, unknown(_UNKNOWN), True
        return
    path, held = f"{prefix}{item.name}.", held or not item.trainable
    if isinstance(item, Call) and isinstance(item.layer, Layer):
        yield from _of_layer(item, path, held=held)
    elif isinstance(item, Call):
        assert isinstance(item.layer, Class)
        yield from _sizes(item.layer, path, held=held)
    else:
        for child in item.items:
            yield from _of(child, path, held=held)


def _of_layer(call: Call, path: str, *, held: bool) -> Iterator[tuple[str, Size, bool]]:
    tied = {tie.weight for tie in call.ties}
    try:
        own = [weight for weight in call.weights() if weight.learnable and weight.name not in tied]
    except UndecidedError:  # which weights it has is not known; how many numbers they hold may be
        yield path, call.parameter_count() if held and not tied else unknown(_UNKNOWN), held
        return
    yield from ((f"{path}{weight.name}", weight.numel, held) for weight in own)


def _taken(cls: Class, prefix: str, *, held: bool) -> Iterator[str]:
    """The keys of parameters that a frozen module takes of another one."""
    paths = set(frozen_paths(cls.children(), ""))
    for one in cls.shared:
        if held or one.module in paths or not paths.isdisjoint(above(one.module)):
            yield f"{prefix}{one.other}"
    for item in map(module_of, cls.children()):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            yield from _taken(item.layer, f"{prefix}{item.name}.", held=held or not item.trainable)
