"""Graph -> the keys of the module's state_dict, each with its shape and dtype, in PyTorch's order. Runs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.graph import Branch, Call, Class, Graph, Item, Loop, Step, tied_names
from archspec.layers import Weight
from archspec.tensors import TensorType


def state(graph: Graph) -> dict[str, Weight]:
    """Every tensor of the state_dict by its key, for a graph whose parameters are all bound.

    What classes of the user's own hold is not known, and left out.
    """
    return {key: weight for path, weights in _class(graph.main, "") for key, weight in _keyed(path, weights)}


def ties(graph: Graph) -> dict[str, str]:
    """The keys whose parameters are those of other keys: the key that has the parameter, by the one that takes it."""
    found = dict(tied_names(graph.main))
    for key, other in found.items():
        seen = {key}
        while other in found and other not in seen:
            seen.add(other)
            other = found[other]
        found[key] = other
    return found


def _class_weights(cls: Class) -> tuple[Weight, ...]:
    """The tensors that a class of the spec holds itself: its parameters, then its buffers."""
    learnable = [_tensor(step) for step in cls.registered() if step.kind == "parameter"]
    return (*learnable, *(_tensor(step) for step in cls.registered() if step.kind == "buffer" and step.saved))


def _tensor(step: Step) -> Weight:
    assert isinstance(step.output, TensorType)
    return Weight(step.name, step.output.shape, step.output.dtype, step.kind == "parameter")


def _class(cls: Class, path: str) -> Iterator[tuple[str, tuple[Weight, ...]]]:
    yield path, _class_weights(cls)
    for item in cls.children():
        yield from _item(item, path)


def _item(item: Item, prefix: str) -> Iterator[tuple[str, tuple[Weight, ...]]]:
    assert not isinstance(item, Loop | Branch), "a graph whose parameters are bound is unrolled"
    path = f"{prefix}.{item.name}" if prefix else str(item.name)
    if isinstance(item, Call):
        if isinstance(item.layer, Class):
            yield from _class(item.layer, path)
        else:
            yield path, item.weights()
        return
    for child in item.items:
        yield from _item(child, path)


def _keyed(path: str, weights: tuple[Weight, ...]) -> Iterator[tuple[str, Weight]]:
    for weight in weights:
        yield f"{path}.{weight.name}" if path else weight.name, weight
