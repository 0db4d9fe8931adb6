"""Tensors as memory: which of them share it, what has written into it, and what the backward pass will read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from archspec import dimensions
from archspec.dimensions import Size
from archspec.layout import Strides, contiguous
from archspec.problems import Span

Owner: TypeAlias = Literal["", "input", "parameter", "buffer"]
"""What holds a storage beyond one run of the network, if anything does: the caller, or the module."""


class AxisRange(NamedTuple):
    """A stretch of one axis: from one place up to another, which is None for the end."""

    axis: int
    start: Size
    stop: Size | None


class GradientNode:
    """An operation through which gradients flow back; `parents` are those that made what it takes."""

    __slots__ = ("parents",)

    def __init__(self, parents: tuple[GradientNode, ...] = ()) -> None:
        self.parents = parents


@dataclass(frozen=True, slots=True)
class Saved:
    """What an operation keeps of a storage for its backward pass."""

    node: GradientNode
    label: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Write:
    """A layer has written into a tensor's memory."""

    tensor: Tensor
    label: str
    span: Span


class Storage:
    """The memory of a tensor and of all its views."""

    __slots__ = ("owner", "saved", "writes")

    def __init__(self, owner: Owner = "") -> None:
        self.owner = owner
        self.writes: list[Write] = []
        self.saved: list[Saved] = []


class Tensor:
    """Some memory, looked at in one way; what it holds is known up to some of the writes into it.

    `path` leads from the first tensor of the storage to this one: through which tensors, and which part of each.
    """

    __slots__ = ("_strides", "known", "label", "learns", "node", "path", "shape", "splitting", "storage")

    def __init__(self, storage: Storage, shape: tuple[Size, ...], label: str) -> None:
        self.storage = storage
        self.shape = shape
        self.label = label
        """What it is called in messages, if it is called anything."""
        self._strides: Strides | Literal["by rows"] = "by rows"  # worked out only where it is asked for
        self.known = 0
        self.path: tuple[tuple[Tensor, tuple[AxisRange, ...]], ...] = ()
        self.splitting = ""
        """The function that returned it as one of several views."""
        self.learns = False
        self.node: GradientNode | None = None

    @property
    def strides(self) -> Strides:
        """How far apart its numbers lie along each axis."""
        if self._strides == "by rows":
            self._strides = contiguous(self.shape)
        return self._strides

    @strides.setter
    def strides(self, strides: Strides) -> None:
        self._strides = strides

    @property
    def by_rows(self) -> bool:
        """Whether its numbers lie row by row."""
        return self._strides == "by rows" or self._strides == contiguous(self.shape)

    def seen(self, shape: tuple[Size, ...], strides: Strides, cuts: tuple[AxisRange, ...] = ()) -> Tensor:
        """A view of it."""
        view = Tensor(self.storage, shape, "")
        view.strides = strides
        view.known = len(self.storage.writes)
        view.path = (*self.path, (self, cuts))
        view.splitting, view.learns, view.node = self.splitting, self.learns, self.node
        return view

    def overwritten(self, label: str) -> Tensor:
        """It once more, after the last write."""
        after = Tensor(self.storage, self.shape, label)
        after._strides, after.path = self._strides, self.path
        after.known = len(self.storage.writes)
        after.splitting, after.learns, after.node = self.splitting, self.learns, self.node
        return after

    def stale(self) -> Write | None:
        """The first write that has changed what it held, or after which PyTorch refuses to read it."""
        later = self.storage.writes[self.known :]
        if self.splitting and self.learns:  # of several views at once none may be written around
            return next(iter(later), None)
        return next((write for write in later if not _apart(self, write.tensor)), None)


class Flowing:
    """What flows where a tensor does: one of several tensors, where a condition is not known."""

    __slots__ = ("choices",)

    def __init__(self, *choices: Tensor) -> None:
        self.choices = choices


def _apart(one: Tensor, other: Tensor) -> bool:
    """Whether two views of a storage have no number in common."""
    for (source, cuts), (also, others) in zip(one.path, other.path, strict=False):
        if source is not also:
            return False
        if any(_before(a, b) or _before(b, a) for a in cuts for b in others if a.axis == b.axis):
            return True
    return False


def _before(one: AxisRange, other: AxisRange) -> bool:
    return one.stop is not None and dimensions.at_least(other.start, one.stop) is True
