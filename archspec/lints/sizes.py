"""Lints about sizes that fit, but hardly as they were meant to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size
from archspec.lints._base import Finding, Subject, argument_span, lint, several
from archspec.lints.ops import INPUT, JOIN, TENSOR, Op
from archspec.problems import Related
from archspec.tensors import TensorType

_POOLS = several("MaxPool", "AvgPool", "LPPool")
_NOUNS = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}
_FAR = 64
"""How many operations a shortcut goes around, at most, and how many keep a size on the way to a sum."""

_WORTH_TELLING = 0.01
"""The share of an axis below which nobody would pad a layer for what it leaves out."""


@dataclass(frozen=True, slots=True)
class _Sweep:
    """How the windows of a layer go over one axis."""

    size: int
    windows: int
    kernel: int
    """What a window spans, dilation included."""
    stride: int
    padding: int

    @property
    def read(self) -> int:
        """How many positions lie before the end of the last window."""
        return (self.windows - 1) * self.stride + self.kernel - self.padding

    @property
    def left_out(self) -> int:
        """How many of the last positions are in no window.

        A stride beyond the kernel leaves positions out everywhere: that is how a projection of 1x1 is meant.
        """
        return max(0, self.size - self.read) if self.stride <= self.kernel else 0


def _sweeps(op: Op) -> list[_Sweep]:
    """How a layer's windows go over each of its axes; nothing where a size is not known."""
    layer, taken, output = op.layer, op.taken, op.output
    if layer is None or taken is None or output is None:
        return []
    spatial = int(op.type[-2])

    def by_axis(name: str, default: Size) -> tuple[Any, ...]:
        value = getattr(layer, name) if name in layer.arguments else default
        value = 0 if value == "valid" else value
        return value if isinstance(value, tuple) else (value,) * spatial

    kernel = by_axis("kernel_size", 1)
    stride = kernel if getattr(layer, "stride", None) is None else by_axis("stride", 1)
    given = (kernel, stride, by_axis("padding", 0), by_axis("dilation", 1))
    axes = list(zip(taken.shape[-spatial:], output.shape[-spatial:], *given, strict=True))
    if not all(isinstance(one, int) for axis in axes for one in axis):
        return []
    return [_Sweep(size, windows, d * (k - 1) + 1, s, p) for size, windows, k, s, p, d in axes]


@lint("AS706")
def unread_positions(subject: Subject) -> Iterator[Finding]:
    """Where a stride does not divide, the last rows and columns are in no window: what they show is not seen.

    Rows that lie in the padding are no loss, nor is less than a hundredth of an axis. Sizes that are not known, as
    the free ones of most inputs, are left alone; so are layers whose stride is beyond their kernel.
    """
    for op in subject.wiring.of(*several("Conv"), *_POOLS):
        sweeps = _sweeps(op)
        if not any(sweep.left_out > _WORTH_TELLING * sweep.size for sweep in sweeps):
            continue
        nouns = _NOUNS[len(sweeps)]
        told = [f"{s.read} of {s.size} {noun}" for s, noun in zip(sweeps, nouns, strict=True) if s.left_out]
        yield Finding(
            f"{op.type} reads {' and '.join(told)} of {op.taken}: no window covers the last ones",
            argument_span(op, "stride", "kernel_size"),
            _advice(op, sweeps),
            tuple(Related(f"{op.taken} comes from {one.type}", one.span) for one in op.origins()[:1] if one.call),
        )


def _advice(op: Op, sweeps: list[_Sweep]) -> str:
    """What would read them all."""
    fitting = [sweep.size - sweep.left_out for sweep in sweeps]
    sizes = f"give it {'x'.join(map(str, fitting))}"
    if op.type in _POOLS:
        return f"use `ceil_mode: true` for one more window, or {sizes}"
    paddings = [_padding(sweep) for sweep in sweeps]
    text = str(paddings[0]) if len(set(paddings)) == 1 else str(paddings)
    return f"write `padding: {text}`, or {sizes}"


def _padding(sweep: _Sweep) -> int:
    """The least padding with which windows read the whole axis."""
    if not sweep.left_out:
        return sweep.padding
    # Each further row of padding adds two to the remainder, until it is 0 or 1 again, which the padding covers.
    remainder = (sweep.size + 2 * sweep.padding - sweep.kernel) % sweep.stride
    padding = sweep.padding + (sweep.stride - remainder + 1) // 2
    return padding if padding < sweep.kernel else sweep.padding


@lint("AS707")
def repeated_term(subject: Subject) -> Iterator[Finding]:
    """PyTorch adds [N, 64, 1, 1] to [N, 64, 8, 8] by repeating it 64 times, which a residual never means.

    Found where a stride or a pooling has made the size 1, and where the repeated term is what the other one was
    computed from: a shortcut without its projection. Products are left alone, as they weigh channels so, and sizes
    of 1 that the spec writes: by `unsqueeze`, `[:, :, None]`, `reshape`, a mean that keeps its axis, a Linear of one.
    """
    for op in subject.wiring.of("+", "add"):
        terms = [one for one in op.inputs if one.output is not None]
        if len(terms) != 2:
            continue
        narrow, wide = sorted(terms, key=lambda one: _ones(one.output))[::-1]
        taken, other = narrow.output, wide.output
        if taken is None or other is None or taken.rank != other.rank:
            continue
        axes = [axis for axis in range(-taken.rank, 0) if taken.shape[axis] == 1 != other.shape[axis]]
        back = [axis for axis in range(-taken.rank, 0) if other.shape[axis] == 1 != taken.shape[axis]]
        if axes and not back and any(_unmeant(narrow, axis, wide) for axis in axes):
            made = [one for term in (narrow, wide) for one in _made_by(term)]
            yield Finding(
                f"the sum repeats {taken} to {other}",
                op.span,
                "give both terms the same shape, by a projection or another stride; to scale channels, use `*`",
                tuple(Related(f"{one.output} {_by(one)}", one.span) for one in made),
                beside=False,
                explicit="`broadcast_to`, or ",
            )


def _by(op: Op) -> str:
    return "flows in" if op.type == INPUT else f"comes from {op.type}"


def _ones(flow: TensorType | None) -> int:
    return sum(size == 1 for size in flow.shape) if flow is not None else 0


def _made_by(term: Op) -> list[Op]:
    """What made it, where that is one layer or input."""
    origins = term.origins() if term.type == JOIN else [term]
    return origins if len(origins) == 1 and (origins[0].call is not None or origins[0].type == INPUT) else []


def _unmeant(narrow: Op, axis: int, wide: Op) -> bool:
    """Whether nothing says that the size 1 of an axis, counted from the end, is there to be repeated."""
    op = narrow
    for _ in range(_FAR):
        taken = op.taken
        if op.type == INPUT:
            return wide.depends_on(narrow, _FAR)
        if op.type == TENSOR or taken is None or taken.rank < -axis or not op.inputs:
            return False
        if op.output is not None and taken.rank != op.output.rank:
            return False
        if taken.shape[axis] != 1:
            if op.call is None:
                return False
            by_window = "Conv" in op.type or "Pool" in op.type
            return (by_window and axis >= 2 - taken.rank) or wide.depends_on(narrow, _FAR)
        op = op.inputs[0]
    return False
