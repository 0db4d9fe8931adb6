"""The weights of a module by their names, and which of them a pattern means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from archspec.dimensions import is_unknown
from archspec.expressions import UndecidedError
from archspec.graph import Call, Class, Group, Item, module_of, modules, pattern_of, placed
from archspec.layers import Layer, Weight


def weights_below(item: Item) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights below an item, by their names there; whether each is there in any case.

    A weight of no known shape is None. Numbers that a loop counts are `*`, and so is what a name has in braces.
    """
    item = module_of(item)
    if isinstance(item, Call) and isinstance(item.layer, Class):
        yield from weights_of_class(item.layer)
    elif isinstance(item, Call):
        assert isinstance(item.layer, Layer)
        held = item.held is not None  # another layer may lack it
        yield from ((name, weight, certain and not held) for name, weight, certain in weights_of_layer(item.layer))
    else:
        for child in item.items:
            found = _below(child) if isinstance(child, Call | Group) else weights_below(child)
            yield from ((name, weight, isinstance(item, Group) and sure) for name, weight, sure in found)


def weights_of_class(cls: Class) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights of a class."""
    for step in cls.steps:
        if step.kind == "parameter":
            shape = getattr(step.output, "shape", None)
            yield step.name, Weight(step.name, shape) if shape is not None else None, True
    for child in map(module_of, cls.children()):
        yield from _below(child) if isinstance(child, Call | Group) else weights_below(child)


def _below(item: Call | Group) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights of a module, by their names in the one around it; none is certain at an unknown place."""
    name = pattern_of(item.name)
    yield from ((f"{name}.{one}", weight, sure and "*" not in name) for one, weight, sure in weights_below(item))


def weights_of_layer(layer: Layer) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights of a layer of the catalogue; those that it may have, where a setting is not known."""
    try:
        yield from ((weight.name, weight, True) for weight in layer.weights() if weight.learnable)
        return
    except UndecidedError:
        pass
    try:
        every = [one.weights() for one in layer.decided()]
    except UndecidedError:  # how many there are, only the module knows
        yield "*", None, False
        return
    order: list[str] = []
    for weights in every:  # in PyTorch's order, whichever of them there are
        place = 0
        for weight in weights:
            if weight.name not in order:
                order.insert(place, weight.name)
            place = order.index(weight.name) + 1
    for name in order:
        alike = [weight for weights in every for weight in weights if weight.name == name and weight.learnable]
        if not alike:
            continue
        known = all(one == alike[0] for one in alike) and not any(map(is_unknown, alike[0].shape))
        yield name, alike[0] if known else None, len(alike) == len(every)


def fits(pattern: str, name: str) -> bool:
    """Whether a name, or a pattern of names, means a weight."""
    return fnmatchcase(name, pattern) if "*" in pattern else name == pattern


def overlap(one: str, other: str) -> bool:
    """Whether some name fits both of two patterns, where each `*` is any text.

    Example:
        >>> overlap("*.weight", "b.*weight"), overlap("head.*", "b.*weight")
        (True, False)
    """
    reached = {0}  # the beginnings of `other` that fit what has been read of `one`
    for sign in (*one, ""):
        for start in sorted(reached):
            end = start
            while end < len(other) and (other[end] == "*" or sign == "*"):
                end += 1
                reached.add(end)
        if sign and sign != "*":
            reached = {
                at if other[at] == "*" else at + 1 for at in reached if at < len(other) and other[at] in ("*", sign)
            }
    return len(other) in reached


def weights_with_init(cls: Class) -> Iterator[str]:
    """The weights of a class of which a step has a word itself."""

    def inside(items: Iterable[Item], head: str) -> Iterator[str]:
        for path, item in placed(items, head):
            yield from (f"{path}.{fill.weight}" for fill in item.initial if not fill.general)
            if isinstance(item, Group):
                yield from inside(item.items, f"{path}.")
            elif isinstance(item.layer, Class):
                yield from (f"{path}.{name}" for name in weights_with_init(item.layer))

    yield from (step.name for step in cls.steps if step.initial)
    yield from inside(cls.children(), "")


def classes_below(items: tuple[Item, ...]) -> Iterator[Class]:
    """The blocks among modules, each once however often it is used."""
    found = {id(item.layer): item.layer for _, item in modules(items) if isinstance(item, Call)}
    yield from (one for one in found.values() if isinstance(one, Class))


def parametrized(items: Iterable[Item], head: str = "") -> Iterator[tuple[str, str]]:
    """The weights among modules that are parametrized: the path of the module, and the name there."""
    for path, item in placed(items, head):
        if isinstance(item, Group):
            yield from parametrized(item.items, f"{path}.")
        else:
            yield from ((path, one.weight) for one in item.parametrized)
            if isinstance(item.layer, Class):
                yield from parametrized(item.layer.children(), f"{path}.")


def known_weights(item: Call | Group) -> str:
    """The weights below an item, for a message."""
    names = [name for name, _, _ in weights_below(item)]
    return f"its weights: {', '.join(names[:8])}{', …' * (len(names) > 8)}" if names else "it has no weights"
