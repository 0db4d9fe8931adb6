"""Where specs are drawn: the steps of a class or group so far, run as they are drawn.

Each step is tried by the naive reading before it is kept, under several settings of the parameters and sizes at once.
So what is drawn is nearly always a network that PyTorch runs, and the shapes of all values are known on the way.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import torch
from naive import Frame, Network
from naive_values import read_names
from torch import Tensor

STEP_NAMES = (
    "h y z fc act norm mix gate out a b c p q r s t u v w body head stem proj skip attn feat left right".split()
)


class Sketch:
    """A spec that is being drawn, and its readings under several settings."""

    def __init__(self, random: Random, features: frozenset[str]) -> None:
        self.random = random
        self.features = features
        self.spec: dict[str, Any] = {"params": {}, "let": {}, "inputs": {}, "layers": {}, "blocks": {}}
        self.settings: list[dict[str, Any]] = []
        self.optional: list[str] = []
        """The inputs that may be left out."""
        self.readings: list[Network] = []

    def may(self, feature: str, chance: float = 1.0) -> bool:
        return feature in self.features and self.random.random() < chance

    @contextmanager
    def draft(self) -> Iterator[None]:
        """What is made within is forgotten afterwards."""
        before = [(dict(one.kept), dict(one.modules), list(one.plan), dict(one.ties)) for one in self.readings]
        try:
            yield
        finally:
            for one, (kept, modules, plan, ties) in zip(self.readings, before, strict=True):
                one.kept, one.modules, one.plan, one.ties = dict(kept), dict(modules), list(plan), dict(ties)
                one.open = []


class Scope:
    """The named steps of a class or group so far."""

    def __init__(
        self, sketch: Sketch, networks: list[Network], frames: list[Frame], current: str | None, depth: int
    ) -> None:
        self.sketch = sketch
        self.random = sketch.random
        self.networks = networks
        self.frames = frames
        self.steps: dict[str, Any] = {}
        self.current = current
        self.flowing = [frame.values[current] if current else None for frame in frames]
        self.depth = depth
        self.unread: list[str] = []
        self.outer_read: set[str] = set()
        self.own = set(frames[0].values)
        self.hidden: set[str] = set()
        self.must_flow = False
        self.around: set[str] = set()
        """What a group takes, as it is called around it."""
        self.dead: set[str] = set()
        """Values that a step in place has overwritten."""

    def copy(self) -> Scope:
        """One to try things in."""
        other = Scope(self.sketch, self.networks, self.frames, self.current, self.depth)
        other.flowing, other.own, other.hidden = self.flowing, set(self.own), set(self.hidden)
        return other

    # What there is.

    def names(self) -> list[str]:
        """The values that may be read."""
        return [name for name in self.frames[0].values if name not in self.hidden | self.dead]

    def value(self, name: str) -> Any:
        return self.frames[0].values[name]

    def tensors(self, kind: str = "float", rank: int | None = None) -> list[str]:
        """The values that are tensors of a kind of numbers, and of a rank."""
        found = []
        for name in self.names():
            value = self.value(name)
            if isinstance(value, Tensor) and of_kind(value, kind) and rank in (None, value.dim()):
                found.append(name)
        return found

    def several(self) -> list[str]:
        """The values that are several."""
        return [name for name in self.names() if isinstance(self.value(name), tuple | list)]

    def alike(self, one: str, other: str) -> bool:
        """Whether two tensors have one shape and dtype under every setting."""
        pairs = [(frame.values[one], frame.values[other]) for frame in self.frames]
        return all(same_type(a, b) for a, b in pairs)

    def pick(self, kind: str = "float", rank: int | None = None) -> str | None:
        """A value to read: sooner one that nobody has read, and sooner a late one."""
        found = self.tensors(kind, rank)
        if not found:
            return None
        unread = [name for name in found if name in self.unread]
        if unread and self.random.random() < 0.6:
            return self.random.choice(unread)
        late = found[-4:]
        return self.random.choice(late if self.random.random() < 0.7 else found)

    def numbers(self, kind: type) -> list[str]:
        """The names of numbers, or lists, of a type."""
        names = self.frames[0].names
        return [
            name
            for name, value in names.items()
            if type(value) is kind and name not in self.frames[0].values and name not in self.hidden
        ]

    def fixed(self, name: str) -> bool:
        """Whether a number does not depend on the sizes of the inputs, so that modules may be made of it."""
        first, second = self.frames[0].names, self.frames[1].names
        return bool(first.get(name) == second.get(name))

    def known(self, name: str, axis: int) -> bool:
        """Whether a size of a value does not depend on the sizes of the inputs."""
        if self.value(name).dim() < (axis + 1 if axis >= 0 else -axis):
            return False
        first, second = (frame.values[name].shape[axis] for frame in self.frames[:2])
        return bool(first == second)

    def integers(self) -> list[str]:
        return [name for name in self.numbers(int) if self.fixed(name)]

    def size(self, name: str, axis: int) -> str | int | None:
        """How a size of a value may be written: by a name, or as a number."""
        if self.value(name).dim() < (axis + 1 if axis >= 0 else -axis):
            return None
        sizes = [frame.values[name].shape[axis] for frame in self.frames]
        named = [
            one
            for one in self.numbers(int)
            if all(frame.names.get(one) == size for frame, size in zip(self.frames, sizes, strict=True))
        ]
        if named and self.random.random() < 0.8:
            return self.random.choice(named)
        return sizes[0] if len(set(sizes)) == 1 else (named[0] if named else None)

    def fresh(self, pool: list[str] | None = None) -> str:
        """A name for a step that is not taken in this class; it may be one from around it that nobody here reads."""
        taken = set(self.steps) | self.own | self.outer_read | self.hidden | set(self.frames[0].names)
        taken |= {name for key in self.steps for name in read_names(key)}
        if "step_called_x" not in self.sketch.features:
            taken |= {"x", *self.around}
        if "named_like_a_size" not in self.sketch.features:
            taken |= {name.lower() for name in self.frames[0].names if len(name) == 1}
        free = [name for name in pool or STEP_NAMES if name not in taken]
        outer = [name for name in self.frames[0].values if name not in taken]
        if outer and self.random.random() < 0.3:
            return self.random.choice(outer)
        if free:
            return self.random.choice(free)
        return next(f"{name}{n}" for n in range(2, 99) for name in STEP_NAMES[:1] if f"{name}{n}" not in taken)

    # What is added.

    def attempt(self, key: str, raw: Any) -> bool:
        """Adds a step, if it runs under every setting."""
        sketch = self.sketch
        if set(read_names(key)) & reads_of(raw):
            return False
        kept: list[tuple[Frame, Any]] = []
        before = [(dict(one.kept), dict(one.modules), list(one.plan), dict(one.ties)) for one in sketch.readings]
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                for network, frame, flowing in zip(self.networks, self.frames, self.flowing, strict=True):
                    trial = copied(frame)
                    network.seen = {}
                    current = network.graph({key: copy.deepcopy(raw)}, trial, flowing)
                    small(list(trial.values.values()))
                    list(network.tied())
                    kept.append((trial, current))
                if not alike_in_kind(kept):
                    raise TypeError("another rank under another setting")
        except Exception:
            for one, (decided, modules, plan, ties) in zip(sketch.readings, before, strict=True):
                one.kept, one.modules, one.plan, one.ties, one.open = decided, modules, plan, ties, []
            return False
        self.frames = [frame for frame, _ in kept]
        self.keep(key, raw, [current for _, current in kept])
        return True

    def keep(self, key: str, raw: Any, flowing: list[Any]) -> None:
        self.note_reads(key, raw)
        self.steps[key] = raw
        names = [name for name in read_names(key) if name != "_"]
        self.own |= set(names)
        tensor = isinstance(raw, dict) and ("Parameter" in raw or "Buffer" in raw)
        if tensor:
            self.unread.append(key)
            return
        if isinstance(raw, dict) and raw.get("call") is False:
            return
        self.current = key if key.isidentifier() else None
        self.flowing = flowing
        self.unread += [names[0] if len(names) == 1 else name for name in names]
        self.must_flow = False

    def note_reads(self, key: str, raw: Any) -> None:
        if isinstance(raw, dict) and ("Parameter" in raw or "Buffer" in raw):
            return
        read = {name for name in reads_of(raw) if name in self.frames[0].values}
        expression = isinstance(raw, str) and not raw[:1].isupper()
        if key.isidentifier() and runs_again(raw, self.steps):
            read, expression = set(), False
        if isinstance(raw, dict) and raw.get("call") is False:
            return
        if not expression and not (isinstance(raw, dict) and "from" in raw) and self.current:
            read.add(self.current)
        self.read(read)

    def read(self, names: set[str]) -> None:
        self.unread = [name for name in self.unread if name not in names]
        self.outer_read |= names - self.own

    def inner(self, frames: list[Frame], current: str | None, flowing: list[Any]) -> Scope:
        """The steps of a group within this one; they read what is around."""
        inside = Scope(self.sketch, self.networks, frames, None, self.depth + 1)
        inside.current, inside.flowing, inside.own = current, flowing, set()
        inside.hidden = set(self.hidden)
        inside.dead = set(self.dead)
        if "group_reads_several" not in self.sketch.features:
            inside.hidden |= set(self.several())
        return inside


def entries(source: Any) -> list[Any]:
    if isinstance(source, dict):
        return list(source.values())
    return list(source) if isinstance(source, list) else [source]


def runs_again(raw: Any, steps: dict[str, Any]) -> bool:
    """Whether a step is the bare name of one with a module, which runs once more on the value above."""
    step = steps.get(raw) if isinstance(raw, str) else None
    if isinstance(step, dict):
        return "Parameter" not in step and "Buffer" not in step
    return isinstance(step, list) or (isinstance(step, str) and (step[:1].isupper() or runs_again(step, steps)))


def reads_of(raw: Any) -> set[str]:
    """The names that a step reads as values."""
    if isinstance(raw, str):
        return set(read_names(raw)) if not raw[:1].isupper() else set()
    if not isinstance(raw, dict):
        return set()
    source = [*entries(raw.get("from", [])), *over(raw)]
    return {name for text in source if isinstance(text, str) for name in read_names(text)} | reads_within(raw)


def over(raw: dict[str, Any]) -> list[str]:
    """What a loop runs over, which may flow."""
    return [str(raw[key]).partition(" in ")[2] for key in ("for", "each") if key in raw]


def reads_within(raw: Any) -> set[str]:
    """The names that the steps of a group read, whichever they are."""
    found: set[str] = set()
    layers = raw.get("layers") if isinstance(raw, dict) else None
    if isinstance(layers, dict):
        for step in layers.values():
            if isinstance(step, str):
                found |= set(read_names(step))
            elif isinstance(step, dict):
                for text in entries(step.get("from", [])):
                    found |= set(read_names(text)) if isinstance(text, str) else set()
                found |= reads_within(step)
        own = {name for key in layers for name in read_names(key)}
        # A name may be read from around before the group has its own.
        found -= own
    return found


def copied(frame: Frame) -> Frame:
    return Frame(
        frame.prefix,
        dict(frame.names),
        dict(frame.values),
        frame.outer,
        dict(frame.steps),
        dict(frame.idle),
        dict(frame.tensors),
    )


def of_kind(value: Tensor, kind: str) -> bool:
    if kind == "any":
        return True
    if kind == "float":
        return value.dtype == torch.float32
    if kind == "bool":
        return value.dtype == torch.bool
    return value.dtype == torch.int64


def same_type(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(same_type, one, other))
    return False


def small(values: list[Any]) -> None:
    """Refuses what is no tensor, and tensors that cost too much to run."""
    for value in values:
        if isinstance(value, Tensor):
            if value.numel() > 40_000:
                raise MemoryError
        elif isinstance(value, tuple | list):
            small(list(value))
        else:
            raise TypeError("no tensor")


def alike_in_kind(kept: list[tuple[Frame, Any]]) -> bool:
    """Whether all values have one rank and dtype whatever the setting: no type of the language is otherwise."""

    def kind(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.dim(), value.dtype
        if isinstance(value, list):  # of any length
            return [kind(one) for one in value[:1]]
        return tuple(map(kind, value)) if isinstance(value, tuple) else type(value)

    def one(first: Any, second: Any) -> bool:
        if isinstance(first, list) and isinstance(second, list):
            return not first or not second or one(first[0], second[0])
        if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
            return all(map(one, first, second))
        return bool(first == second)

    kinds = [{name: kind(value) for name, value in frame.values.items()} for frame, _ in kept]
    return all(
        found.keys() == kinds[0].keys() and all(one(kinds[0][name], found[name]) for name in found) for found in kinds
    )
