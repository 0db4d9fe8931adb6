"""What is wrong with a layer that works in place, as problems: one for each such layer, the worst that it does."""

from __future__ import annotations

from archspec.graph import Call
from archspec.overwriting.fresh import negative_slope
from archspec.overwriting.memory import Saved, Tensor, Write
from archspec.problems import Problem, Related, Span, in_file_order

_LEAVE_OUT = "remove `inplace: true`"
_HELD, _READ, _NEEDED, _CALLERS = range(4)
"""What weighs most is told, for a place that several things are wrong with."""


class Findings:
    """Problems by the place of the layer that works in place."""

    def __init__(self) -> None:
        self._found: dict[Span, tuple[int, Problem]] = {}

    def problems(self) -> list[Problem]:
        """All of them, in file order."""
        return in_file_order(problem for _, problem in self._found.values())

    def read(self, write: Write, tensor: Tensor, reader: Span | None) -> None:
        """A tensor is read, or returned, after it has been overwritten."""
        what, base = _name(tensor), _name(write.tensor)
        verb = "returned" if reader is None else "read"
        if tensor.label and write.tensor.label and tensor.label != write.tensor.label:
            message = f"{write.label} works in place and overwrites {base}, which shares its memory with {what}"
            message += f", and {what} is {verb} afterwards"
        else:
            message = f"{write.label} works in place and overwrites {base if write.tensor.label else what}"
            message += f", which is {verb} afterwards"
        related = (Related("read here", reader),) if reader is not None and reader != write.span else ()
        self._add(_READ, write, message, f"{_LEAVE_OUT}, or use the output of {write.label}", related)

    def needed(self, write: Write, saved: Saved) -> None:
        """The backward pass of an operation reads what is overwritten."""
        by = saved.label if saved.label[:1].isalpha() else f"`{saved.label}`"
        what = f"what the backward pass of {by} needs"
        message = f"{write.label} works in place and overwrites {what}, which PyTorch does not allow"
        related = (Related(f"{by} is here", saved.span),) if saved.span is not None else ()
        self._add(_NEEDED, write, message, _LEAVE_OUT, related)

    def refused(self, write: Write, call: Call, overlapping: bool) -> None:
        """What is wrong with overwriting a tensor, even if nothing reads it afterwards."""
        tensor, layer = write.tensor, write.label
        owner, what = "" if tensor.storage.writes else tensor.storage.owner, _name(tensor)  # the first says it
        if owner == "parameter" and tensor.learns:
            message = f"{layer} works in place and would overwrite a parameter, {what}, which PyTorch does not allow"
            self._add(_HELD, write, message, _LEAVE_OUT)
        elif owner in ("parameter", "buffer"):
            message = f"{layer} works in place and overwrites a {owner}, {what}, in each forward pass"
            self._add(_HELD, write, message, _LEAVE_OUT)
        elif overlapping:
            message = f"{layer} works in place, but elements of {what} share memory, which PyTorch does not allow"
            self._add(_HELD, write, message, _LEAVE_OUT)
        elif tensor.splitting and tensor.learns:
            message = f"{layer} works in place, but {what} is one of several views that {tensor.splitting} returns"
            self._add(_HELD, write, f"{message}: PyTorch cannot overwrite it", _LEAVE_OUT)
        elif tensor.learns and (slope := negative_slope(call)):
            message = f"`{slope}` is negative: PyTorch has no backward pass for {layer} in place"
            self._add(_HELD, write, message, _LEAVE_OUT)
        elif owner == "input":
            message = f"{layer} works in place and overwrites {what}, which is the caller's tensor"
            self._add(_CALLERS, write, message, _LEAVE_OUT)

    def _add(self, weight: int, write: Write, message: str, help: str, related: tuple[Related, ...] = ()) -> None:
        there = self._found.get(write.span)
        if there is not None and there[0] <= weight:
            return
        if weight == _CALLERS:
            problem = Problem("AS711", message, write.span, help, "warning", related)
        else:
            problem = Problem("AS510", message, write.span, help, related=related)
        self._found[write.span] = weight, problem


def _name(tensor: Tensor) -> str:
    """A tensor, for a message: by its name, by that of what it is a view of, or by what it is."""
    if tensor.label:
        return f"`{tensor.label}`"
    base = next((source.label for source, _ in reversed(tensor.path) if source.label), "")
    return f"a view of `{base}`" if base else "what flows in"
