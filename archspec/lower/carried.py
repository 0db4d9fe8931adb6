"""Sizes that a loop changes, as the local variables that a person would write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size, Symbol
from archspec.graph import Carried, Flow, Item, calls
from archspec.tensors import TensorType

_AXES = {
    2: ("size", "in_features"),
    3: ("size", "in_channels", "length"),
    4: ("size", "in_channels", "height", "width"),
}


class Locals:
    """The local variables of a constructor."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)
        self.loop_names: set[str] = set()  # what loops bind, wherever they stand
        self.carried: set[str] = set()

    def fresh(self, name: str) -> str:
        """The name, or the name with a number where it is taken."""
        candidates = (name if n == 1 else f"{name}_{n}" for n in range(1, 10_000))
        chosen = next(candidate for candidate in candidates if candidate not in self.taken | self.loop_names)
        self.taken.add(chosen)
        self.carried.add(chosen)
        return chosen

    def holds(self, size: Size) -> str | None:
        """The variable whose value a size is, if it is one's."""
        if isinstance(size, Dimension):
            found = dimensions.atoms(size)
            if len(found) == 1 and size == dimensions.of(found[0]) and isinstance(found[0], Symbol):
                return found[0].text if found[0].text in self.carried else None
        return None


Body = Callable[[Flow | None], tuple[tuple[Item, ...], Flow | None]]


def carry(
    variables: Locals, flow: Flow | None, body: Body
) -> tuple[tuple[Item, ...], tuple[Carried, ...], Flow | None]:
    """The steps of a loop, the variables that it changes, and what flows out of it.

    `body` gives the steps of one round for what flows in. Every size is first taken to stay what it is; those that a
    round changes become symbols, until a round changes no other.
    """
    names: dict[int, str] = {}
    while True:
        taken, carried_names = set(variables.taken), set(variables.carried)
        chosen = _choose(variables, flow, names)
        entry = _with_symbols(flow, chosen)
        items, output = body(entry)
        if not isinstance(entry, TensorType) or not isinstance(output, TensorType) or entry.rank != output.rank:
            return items, (), output if output == entry else None
        changed = {axis for axis in range(entry.rank) if output.shape[axis] != entry.shape[axis]}
        wanted = {axis: _name(items, entry, axis, names.get(axis)) for axis in changed | set(names)}
        if wanted == names:
            break
        names = wanted
        variables.taken, variables.carried = taken, carried_names
    assert isinstance(flow, TensorType)
    carried = tuple(
        Carried(name, None if variables.holds(flow.shape[axis]) == name else flow.shape[axis], output.shape[axis])
        for axis, name in chosen.items()
    )
    return items, carried, entry


def _choose(variables: Locals, flow: Any, names: dict[int, str]) -> dict[int, str]:
    """A variable for each axis that changes: the one that holds the size already, else a new one."""
    chosen = {}
    for axis, name in sorted(names.items()):
        size = flow.shape[axis]
        held = variables.holds(size)
        others = [other for index, other in enumerate(flow.shape) if index != axis]
        if held is not None and not any(held in {s.text for s in dimensions.symbols(other)} for other in others):
            chosen[axis] = held
        else:
            chosen[axis] = variables.fresh(name)
    return chosen


def _with_symbols(flow: Flow | None, chosen: dict[int, str]) -> Flow | None:
    if not isinstance(flow, TensorType):
        return flow
    shape = [dimensions.symbol(chosen[axis]) if axis in chosen else size for axis, size in enumerate(flow.shape)]
    return TensorType(tuple(shape), flow.dtype)


def _name(items: tuple[Item, ...], entry: TensorType, axis: int, before: str | None) -> str:
    """What to call the size of an axis: as the first argument that takes it, else as what the axis is."""
    if before is not None:
        for call in calls(items):
            for argument in call.arguments:
                if argument.node is None and argument.value == entry.shape[axis]:
                    return argument.name
    usual = _AXES.get(entry.rank, ())
    return before or (usual[axis] if axis < len(usual) else "size")
