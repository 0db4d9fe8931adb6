"""Sizes that a loop changes, as the local variables that a person would write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from itertools import chain
from typing import Any, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size, Symbol
from archspec.expressions import Compare, FunctionCall, Literal, Name, Node, Symbolic, as_size, choose, lift, typed
from archspec.graph import Branch, Call, Carried, Flow, Item, Loop, Update, names_in, size_names, walk
from archspec.source import Path
from archspec.tensors import TensorType

_USUAL = {
    2: ("size", "in_features"),
    3: ("size", "in_channels", "length"),
    4: ("size", "in_channels", "height", "width"),
}


Flows: TypeAlias = tuple[Flow | None, ...]
Axis: TypeAlias = tuple[int, int]
"""One size of what flows around a loop: which value, and which of its axes."""
Origin: TypeAlias = tuple[Path, Axis]
"""What a variable is for: the place of its loop in the spec, and the size that it holds."""


class Locals:
    """The local variables of a constructor.

    Each loop has variables of its own, so that a size read later is the one that was meant. Those in `succeeding` may
    go on under the name of the variable that they begin with: nothing reads that one any more.
    """

    def __init__(self, taken: Iterable[str], succeeding: frozenset[Origin] = frozenset()) -> None:
        self.taken = set(taken)
        self.succeeding = succeeding
        self.loop_names: set[str] = set()  # what loops bind, wherever they stand
        self.open: list[str] = []  # the variables of the loops that are being read
        self.carried: set[str] = set()
        self.finals: dict[str, Size] = {}  # what each variable comes to after its loop, without the variable
        self.begins: dict[str, tuple[Origin, str]] = {}  # variables that begin with the value of another one
        self.guarded: dict[str, Size] = {}  # those that only a condition makes, with what stands for them without it

    def state(self) -> tuple[Any, ...]:
        """What `restore` goes back to."""
        return set(self.taken), set(self.carried), dict(self.finals), dict(self.begins), dict(self.guarded)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Forgets the variables since then."""
        self.taken, self.carried, self.finals, self.begins, self.guarded = map(copy, state)

    def guard(self, items: tuple[Item, ...], condition: Any) -> None:
        """Notes the variables of steps that are there on a condition: without it, nothing gives them a value."""
        for item in walk(items):
            for one in item.carried if isinstance(item, Loop) else ():
                if one.initial is not None:
                    value = self.guarded.get(one.name, dimensions.symbol(one.name))
                    self.guarded[one.name] = as_size(choose(condition, value, one.initial))

    def value(self, name: str) -> Size:
        """A variable where it may have no value: by what stands for it then."""
        return self.guarded.get(name, dimensions.symbol(name))

    def without_variables(self, size: Size, keep: str = "") -> Size:
        """A size with every variable but `keep` replaced by what it comes to."""
        known = {name: self.finals[name] for name in size_names(size) if name in self.finals and name != keep}
        return dimensions.substitute(size, known) if known else size

    def fresh(self, name: str) -> str:
        """The name; where it is taken, as that of a block's input, without `in_`, else with a number."""
        candidates = chain((name, name.removeprefix("in_")), (f"{name}_{n}" for n in range(2, 10_000)))
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


RoundReader: TypeAlias = Callable[[Flows, "Round"], tuple[tuple[Item, ...], Flows]]
"""Reads one round for what flows into it: its modules, and what flows out of it."""


class Round:
    """What one round assigns to the variables of its loop, in the order of its items."""

    def __init__(self, names: dict[Axis, str], read: set[Axis]) -> None:
        self.names = names
        self.read = read  # the axes whose variables some module of the round takes
        self.totals: dict[str, Size] = {name: dimensions.symbol(name) for name in names.values()}
        self.updates: list[Update] = []

    def after(self, index: int, item: Item, before: Flows, now: Flows) -> Flows:
        """What flows on behind an item. A size that grows out of its variable is assigned before the next module."""
        changed = self.changed(now)
        inside = self.within(item, before, changed)
        grown = any(axis in self.read and self.names[axis] in size_names(_size(now, axis)) for axis in changed)
        return self.assign(index, now, changed, inside) if inside or grown else now

    def end(self, index: int, now: Flows) -> None:
        """Assigns what the round has changed and not assigned yet."""
        self.assign(index, now, self.changed(now), {})

    def changed(self, now: Flows) -> list[Axis]:
        """The axes whose size is not what its variable holds."""
        return [axis for axis, name in self.names.items() if axis in _axes(now) and not _is(name, _size(now, axis))]

    def within(self, item: Item, before: Flows, changed: list[Axis]) -> dict[Axis, Size]:
        """The sizes at the end of a branch, where nothing else changes any."""
        if not isinstance(item, Branch) or not item.items or not self.read & set(changed):
            return {}
        output = (item.items[-1].output,)
        if not all(axis in _axes(output) and _is(self.names[axis], _size(before, axis)) for axis in changed):
            return {}
        return {axis: _size(output, axis) for axis in changed}

    def assign(self, index: int, now: Flows, changed: list[Axis], inside: dict[Axis, Size]) -> Flows:
        """Notes the assignments behind an item; what flows on has the variables as its sizes."""
        values = {self.names[axis]: _size(now, axis) for axis in changed}
        self.totals |= {name: dimensions.substitute(value, self.totals) for name, value in values.items()}
        for axis in changed:
            name = self.names[axis]
            self.updates.append(Update(name, inside.get(axis, values[name]), index, bool(inside)))
        return _with_symbols(now, {axis: self.names[axis] for axis in changed})


def carry(
    variables: Locals,
    flows: Flows,
    read_round: RoundReader,
    header: tuple[Node, Node],
    path: Path,
    is_sound: Callable[[tuple[Item, ...]], bool],
) -> tuple[tuple[Item, ...], tuple[Carried, ...], tuple[Update, ...], Flows]:
    """The steps of a loop, the variables that it changes, how each step changes them, and what flows out of it.

    `header` is what the loop binds, and over what it runs; `path` is where it stands. Every size is first taken to stay
    what it is; those that a round changes become symbols, until a round changes no other. `is_sound` says of a round
    whether all is right with it.
    """

    def go_round(entry: Flows, this: Round) -> tuple[tuple[Item, ...], Flows]:
        variables.open += this.names.values()
        result = read_round(entry, this)
        del variables.open[len(variables.open) - len(this.names) :]
        return result

    names: dict[Axis, str] = {}
    read: set[Axis] = set()
    while True:
        saved = variables.state()
        chosen = _choose(variables, flows, names, path)
        entry = _with_symbols(flows, chosen)
        this = Round(chosen, read)
        items, outputs = go_round(entry, this)
        if not _alike(entry, outputs):
            if None in outputs and outputs != entry and is_sound(items):  # of what later rounds take, nothing is known
                variables.restore(saved)
                entry = tuple(
                    _of_unknown_sizes(now) if after is None else now for now, after in zip(entry, outputs, strict=True)
                )
                items, outputs = go_round(entry, Round({}, set()))
            return items, (), (), outputs if outputs == entry else (None,) * len(entry)
        sizes = {axis: _size(outputs, axis) for axis in _axes(entry)}
        sizes |= {axis: this.totals[name] for axis, name in chosen.items()}
        changed = {axis for axis, size in sizes.items() if size != _size(entry, axis)}
        wanted = {axis: _name(items, entry, axis, names.get(axis)) for axis in changed | set(names)}
        reads = _read(items, chosen) if len(items) > 1 else set()
        if wanted == names and reads == read:
            break
        names, read = wanted, reads
        variables.restore(saved)
    # What a loop in this one changes as well: no sum of what the rounds of this one add.
    shared = {one.name for item in walk(items) if isinstance(item, Loop) for one in item.carried}
    alone = {axis for axis in _read(items, chosen) if chosen[axis] not in shared}
    grown = _linear(flows, chosen, sizes, header, alone)
    if grown:
        variables.restore(saved)
        chosen = _choose(variables, flows, {axis: name for axis, name in names.items() if axis not in grown}, path)
        entry = _with_sizes(_with_symbols(flows, chosen), {axis: now for axis, (now, _) in grown.items()})
        this = Round(chosen, read)
        items, _ = go_round(entry, this)
        entry = _with_sizes(entry, {axis: after for axis, (_, after) in grown.items()})
    carried = []
    for axis, name in chosen.items():
        before = _size(flows, axis)
        initial = None if variables.holds(before) == name else before
        carried.append(Carried(name, initial, sizes[axis]))
        if name in shared:
            variables.finals[name] = _unsaid(name)
            continue
        changing = names_in(header[0]) | variables.carried - {name}
        update = variables.without_variables(sizes[axis], keep=name)
        variables.finals[name] = _closed_form(variables.without_variables(before), update, name, changing, header[1])
    return items, tuple(carried), tuple(this.updates), entry


def _linear(
    flows: Flows, chosen: dict[Axis, str], sizes: dict[Axis, Size], header: tuple[Node, Node], read: set[Axis]
) -> dict[Axis, tuple[Size, Size]]:
    """Sizes that grow by the same in each round of a count: what they are in round `i`, and after the last one."""
    target, iterable = header
    rounds = len_of(iterable)
    counts = isinstance(iterable, FunctionCall) and iterable.function == "range" and len(iterable.arguments) == 1
    if not counts or rounds is None or not isinstance(target, Name) or target.name == "_":
        return {}
    steps = {axis: sizes[axis] - dimensions.symbol(name) for axis, name in chosen.items()}
    changing = {*chosen.values(), target.name}
    if any(axis in read and size_names(step) & changing for axis, step in steps.items()):
        return {}
    i = dimensions.symbol(target.name, minimum=None)
    first = {axis: _size(flows, axis) for axis in read}
    return {axis: (first[axis] + i * steps[axis], first[axis] + rounds * steps[axis]) for axis in read}


def _read(items: tuple[Item, ...], chosen: dict[Axis, str]) -> set[Axis]:
    """The axes whose variables a module takes."""
    found: set[str] = set()
    for item in walk(items):
        for argument in item.arguments if isinstance(item, Call) else ():
            found |= size_names(argument.value) if argument.node is None else set()
    return {axis for axis, name in chosen.items() if name in found}


def _is(name: str, size: Size) -> bool:
    """Whether a size is what a variable holds."""
    return size == dimensions.symbol(name)


def _closed_form(initial: Size, update: Size, name: str, changing: set[str], iterable: Node) -> Size:
    """What a variable comes to after a loop, where a formula says it: one without what else is `changing`."""
    rounds = len_of(iterable)
    step = update - dimensions.symbol(name)
    if rounds is not None and not size_names(step) & {name, *changing}:
        return initial + rounds * step
    if rounds is not None and not size_names(update) & {name, *changing}:
        # The same in every round: what it is after the first one.
        return as_size(choose(positive(rounds), update, initial)) if isinstance(rounds, Dimension) else update
    return _unsaid(name)


def _unsaid(name: str) -> Size:
    return dimensions.of(dimensions.Unknown(f"a loop changes `{name}`"))


def len_of(iterable: Node) -> Size | None:
    """How many rounds a loop makes."""
    if isinstance(iterable, FunctionCall) and iterable.function == "range" and len(iterable.arguments) == 1:
        count = iterable.arguments[0]
    elif isinstance(iterable, FunctionCall) and iterable.function == "enumerate":
        count = FunctionCall("len", iterable.arguments[:1])
    elif isinstance(iterable, FunctionCall):
        return None
    else:
        count = FunctionCall("len", (iterable,))
    if isinstance(count, Literal) and isinstance(count.value, int):
        return count.value
    if isinstance(count, Name):
        return dimensions.symbol(count.name, minimum=None)
    size: Size = typed(count, "int")
    return size


def positive(rounds: Size) -> Symbolic:
    """Whether a loop makes a round at all."""
    return Symbolic(Compare((">",), (lift(rounds), Literal(0))), "bool")


def _axes(flows: Flows) -> list[Axis]:
    return [(i, axis) for i, flow in enumerate(flows) if isinstance(flow, TensorType) for axis in range(flow.rank)]


def _size(flows: Flows, axis: Axis) -> Size:
    flow = flows[axis[0]]
    assert isinstance(flow, TensorType)
    return flow.shape[axis[1]]


def _alike(before: Flows, after: Flows) -> bool:
    """Whether a round gives as many values as it takes, each with as many axes."""
    if len(before) != len(after):
        return False
    for a, b in zip(before, after, strict=True):
        if isinstance(a, TensorType) and isinstance(b, TensorType):
            if a.rank != b.rank or a.dtype != b.dtype:
                return False
        elif a != b:
            return False
    return any(isinstance(flow, TensorType) for flow in before)


def _of_unknown_sizes(flow: Flow | None) -> Flow | None:
    """A type of whose sizes nothing is known."""
    size = dimensions.of(dimensions.Unknown("each round of a loop may change it"))
    return TensorType((size,) * flow.rank, flow.dtype) if isinstance(flow, TensorType) else None


def _choose(variables: Locals, flows: Flows, names: dict[Axis, str], path: Path) -> dict[Axis, str]:
    """A variable for each axis that changes: that of the loop around, or a new one."""
    chosen = {}
    for axis, name in sorted(names.items()):
        held = variables.holds(_size(flows, axis))
        others = [other for other in _axes(flows) if other != axis]
        alone = held is not None and not any(held in size_names(_size(flows, other)) for other in others)
        if held is not None and alone and (held in variables.open or (path, axis) in variables.succeeding):
            chosen[axis] = held
            continue
        chosen[axis] = variables.fresh(name)
        if held is not None and alone:
            variables.begins[chosen[axis]] = (path, axis), held
    return chosen


def _with_symbols(flows: Flows, chosen: dict[Axis, str]) -> Flows:
    return _with_sizes(flows, {axis: dimensions.symbol(name) for axis, name in chosen.items()})


def _with_sizes(flows: Flows, sizes: dict[Axis, Size]) -> Flows:
    changed = list(flows)
    for (index, axis), size in sizes.items():
        flow = changed[index]
        assert isinstance(flow, TensorType)
        changed[index] = flow.resized(axis, size)
    return tuple(changed)


def _name(items: tuple[Item, ...], entry: Flows, axis: Axis, before: str | None) -> str:
    """What to call the size of an axis: as the first argument that takes it, else as what the axis is."""
    if before is not None:
        for item in walk(items):
            for argument in item.arguments if isinstance(item, Call) else ():
                if argument.node is None and argument.value == _size(entry, axis):
                    return argument.name
    flow = entry[axis[0]]
    usual = _USUAL.get(flow.rank, ()) if isinstance(flow, TensorType) else ()
    return before or (usual[axis[1]] if axis[1] < len(usual) else "size")
