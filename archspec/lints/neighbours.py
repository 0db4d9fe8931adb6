"""Lints about two layers that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.dimensions import show
from archspec.layers.normalization import GroupNorm
from archspec.lints._base import Finding, Subject, argument_span, lint, several
from archspec.lints.ops import Op
from archspec.problems import Related

_CONVOLUTIONS = several("Conv", "ConvTranspose")
_OF_CHANNELS = ("SyncBatchNorm", *several("BatchNorm", "InstanceNorm"))
_BENDING = tuple(
    "ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Hardswish Sigmoid Hardsigmoid Tanh Hardtanh".split()
)
_COMPARING = ("Softmax", "Softmin", "Softmax2d")


@lint("AS703")
def bias_before_norm(subject: Subject) -> Iterator[Finding]:
    """A normalization subtracts the mean of each channel, and with it whatever a bias has added to the channel.

    So the bias is memory and work for nothing; its gradient is 0. Of a LayerNorm this is not so, as it subtracts
    one mean of all channels; of a GroupNorm only where each channel is a group of its own.
    """
    norms = subject.wiring.of("GroupNorm", *_OF_CHANNELS)
    biased = {id(op): op for norm in norms for op in norm.origins() if op.type in ("Linear", *_CONVOLUTIONS)}
    for op in biased.values():
        runs = subject.wiring.runs(op)
        if op.layer is None or vars(op.layer)["bias"] is not True or _tied(op):
            continue
        readings = [norm for run in runs for norm in run.readings()]
        if op is runs[0] and all(_takes_away(norm, op) for norm in readings):
            norm, count = readings[0], vars(op.layer)["out_features" if op.type == "Linear" else "out_channels"]
            yield Finding(
                f"the {show(count)} biases of {op.type} have no effect: {norm.type} subtracts each channel's mean",
                argument_span(op, "bias"),
                _without_bias(subject, op, norm),
                (Related(f"{norm.type} is here", norm.span),),
            )


def _tied(op: Op) -> bool:
    """Whether the bias is another layer's, too."""
    return op.call is not None and any(tie.weight == "bias" for tie in op.call.ties)


def _without_bias(subject: Subject, op: Op, norm: Op) -> str:
    """What to write: where only the normalization is kept on a condition, the bias is for when it is not."""
    shared = set(map(id, subject.conditions.around(op.span)))
    alone = [str(step.when) for step in subject.conditions.around(norm.span) if id(step) not in shared]
    if not alone:
        return "write `bias: false`"
    return f"write `bias: {_negated(alone[-1])}`"


def _negated(condition: str) -> str:
    """A condition that holds where another does not: `gn` for `not gn`."""
    inner = condition.strip().removeprefix("not ").strip()
    if inner != condition.strip() and (inner.isidentifier() or (inner[0] == "(" and inner.find(")") == len(inner) - 1)):
        return inner.strip("()")
    return f"not {condition}" if condition.isidentifier() else f"not ({condition})"


def _takes_away(norm: Op, op: Op) -> bool:
    """Whether it subtracts the mean of what the bias of `op` is added to."""
    if op.type == "Linear" and (op.output is None or op.output.rank != 2):
        return False  # the features are the last axis, the channels the second
    if norm.type == "GroupNorm":
        return isinstance(norm.layer, GroupNorm) and norm.layer.num_groups == norm.layer.num_channels
    return norm.type in _OF_CHANNELS and norm.layer is not None


@lint("AS704")
def two_activations(subject: Subject) -> Iterator[Finding]:
    """The second activation sees only what the first has left, as numbers above 0 behind a ReLU.

    Mostly one was forgotten when the other was put in its place, or a layer between them is missing. A softmax
    behind an activation is left alone, as it compares what others have weighed; Softplus as well, of which
    activations are built.
    """
    bent: dict[int, list[Op]] = {}  # what flows in, by what: of one value much may be computed
    for op in subject.wiring.of(*_BENDING):
        flow = id(op.inputs[0]) if op.inputs else 0
        if flow not in bent:
            origins = op.origins()
            bent[flow] = origins if all(one.type in _BENDING + _COMPARING for one in origins) else []
        first = next((one for one in bent[flow] if one is not op), None)
        if first is not None:
            yield Finding(
                f"{op.type} directly follows {first.type}",
                op.span,
                "keep one of them, or add the missing layer between them",
                (Related(f"{first.type} is here", first.span),),
                op.call is not None,
            )
