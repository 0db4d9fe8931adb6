"""The peak of memory, for inference and for training, from the trace of a network's operations.

Inference: the parameters, and the most that is in use at any operation: what it reads and makes, what later operations
will read, and what callers still hold. Training: parameters and their gradients, and the most that is in use while the
network runs forward, where everything stays that the backward pass will read, and then backward, where gradients of
what flowed take its place. The states of an optimizer come on top, and so do the loss and what a kernel needs for a
moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from archspec.dimensions import Size
from archspec.views.summary.kept import TensorMemory
from archspec.views.summary.trace import Trace


@dataclass(frozen=True, slots=True)
class Memory:
    """Peaks in bytes. `training` is without the states of an optimizer; `saved` is what the backward pass reads."""

    inference: Size
    training: Size
    saved: Size


def known(trace: Trace) -> bool:
    """Whether all of a network was traced, and every size is a number."""
    sizes = [one.bytes for one in (*trace.inputs, *trace.outputs)]
    sizes += [one.bytes for operation in trace.operations for one in (*operation.reads, *operation.makes)]
    sizes += [size for operation in trace.operations for size in (operation.extra, operation.weights)]
    return trace.whole and all(isinstance(size, int) for size in (*sizes, trace.buffers))


def peaks(training: Trace, inference: Trace, parameters: int) -> Memory:
    """The peaks of a network that was traced in both ways, every size known; `parameters` are their bytes."""
    fixed = parameters + _number(training.buffers)
    saved = saved_bytes(training)
    at_once, _ = _forward(inference, _last_reads(inference), keep=False)
    return Memory(fixed + at_once, fixed + parameters + training_peak(training), saved)


def _bytes(storage: TensorMemory) -> int:
    return _number(storage.bytes)


def _number(size: Size) -> int:
    assert isinstance(size, int)
    return size


def _last_reads(trace: Trace) -> dict[TensorMemory, int]:
    """The last operation at which each storage is in use."""
    last: dict[TensorMemory, int] = dict.fromkeys((*trace.inputs, *trace.outputs), len(trace.operations))
    for place, operation in enumerate(trace.operations):
        for one in (*operation.reads, *operation.makes):
            last[one] = max(last.get(one, 0), place)
    for one, _, end in trace.held:
        last[one] = max(last.get(one, 0), end - 1)
    return last


def _forward(trace: Trace, last: dict[TensorMemory, int], *, keep: bool) -> tuple[int, int]:
    """The most in use while the network runs, and what is in use after it."""
    ending: dict[int, list[TensorMemory]] = {}
    for one, place in last.items():
        ending.setdefault(place, []).append(one)
    live = sum(map(_bytes, trace.inputs))
    peak = live
    for place, operation in enumerate(trace.operations):
        live += sum(map(_bytes, operation.makes))
        inside = _number(operation.extra)
        peak = max(peak, live + inside)
        live += inside if keep else 0
        live -= sum(map(_bytes, ending.get(place, ())))
    return peak, live


def saved_bytes(trace: Trace) -> int:
    """What the backward pass reads, of a training run whose sizes are all known."""
    kept = sum(map(_bytes, {one for operation in trace.operations for one in operation.keeps}))
    return kept + sum(_number(operation.extra) for operation in trace.operations)


def training_peak(trace: Trace) -> int:
    """The most that is in use beside parameters, their gradients and buffers, of a run whose sizes are all known."""
    end = len(trace.operations)
    last = _last_reads(trace)
    kept: dict[TensorMemory, int] = {}
    for operation in trace.operations:
        for one in operation.keeps:
            kept[one] = kept.get(one, 0) + 1
            last[one] = end
    peak, live = _forward(trace, last, keep=True)
    whole = {*trace.inputs, *trace.outputs}
    gradients = {one: _Gradient(_bytes(one)) for one in trace.outputs if one.learns}
    live += sum(one.bytes for one in gradients.values())
    peak = max(peak, live)
    runs: dict[str, int] = {}
    for operation in trace.operations:
        runs[operation.owner] = runs.get(operation.owner, 0) + 1
    waiting: dict[str, int] = {}  # gradients of parameters that have more to come
    for operation in reversed(trace.operations):
        coming = [gradients.pop(one) for one in dict.fromkeys(operation.makes) if one in gradients]
        moment = weights = _number(operation.weights)  # a parameter's gradient is computed, then added to its sum
        if operation.owner in waiting:
            moment += weights
        runs[operation.owner] -= 1
        for one in dict.fromkeys(operation.reads) if coming else ():
            if not one.learns:
                continue
            if one in gradients:
                moment += _bytes(one)
            elif operation.passes and _bytes(one) == coming[0].bytes:
                gradients[one] = coming[0].shared()
            else:
                gradients[one] = _Gradient(_bytes(one))
                live += _bytes(one)
        peak = max(peak, live + moment)
        live -= sum(one.freed() for one in coming) + _number(operation.extra)
        if runs[operation.owner] == 0:
            live -= waiting.pop(operation.owner, 0)
        elif weights and operation.owner not in waiting:
            waiting[operation.owner] = weights
            live += weights
        for one in operation.keeps:
            kept[one] -= 1
            if kept[one] == 0 and one not in whole:
                live -= _bytes(one)
    return peak


class _Gradient:
    """Memory of the gradient of one or several values."""

    __slots__ = ("bytes", "users")

    def __init__(self, size: int) -> None:
        self.bytes = size
        self.users = 1

    def shared(self) -> _Gradient:
        """The same for one value more."""
        self.users += 1
        return self

    def freed(self) -> int:
        """The bytes that are free once a value no longer needs it."""
        self.users -= 1
        return self.bytes if self.users == 0 else 0
