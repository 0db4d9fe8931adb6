"""Lints about layers that nothing comes through."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.dimensions import Size, product
from archspec.expressions import ExpressionError, FunctionCall, evaluate
from archspec.layers.normalization import GroupNorm, LayerNorm
from archspec.lints._base import Finding, Subject, argument_span, lint, several
from archspec.lints.ops import Op
from archspec.problems import Related

_SOFTMAX = ("Softmax", "Softmin", "LogSoftmax")
_NEVER_POSITIVE = ("LogSoftmax", "LogSigmoid")
_DROPOUT = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", *several("Dropout"))


@lint("AS709")
def constant(subject: Subject) -> Iterator[Finding]:
    """Whatever flows in, the same flows out: nothing before such a layer can be trained.

    A softmax over one number is 1. One number minus its own mean is 0. A dropout of everything leaves nothing, while
    training. And above 0 there is nothing behind a logarithm of probabilities.
    """
    for op in subject.wiring.of(*_SOFTMAX, "Softmax2d"):
        axis = _compared(op)
        if axis is not None:
            value = 0 if op.type == "LogSoftmax" else 1
            yield Finding(
                f"{op.type} runs over axis {axis} of {op.taken}, which has size 1: its output is always {value}",
                argument_span(op, "dim"),
                "set `dim` to the intended axis; for a single score, use Sigmoid",
                beside=op.call is not None,
            )
    for op in subject.wiring.of("LayerNorm", "GroupNorm"):
        if _normalized(op) == 1:
            yield Finding(
                f"{op.type} subtracts from each element of {op.taken} its own mean: its output is always its bias",
                argument_span(op, "normalized_shape", "num_groups"),
                "normalize over more than one number" + (": use fewer groups" if op.type == "GroupNorm" else ""),
            )
    for op in subject.wiring.of(*_DROPOUT):
        if op.layer is not None and vars(op.layer).get("p") == 1:
            yield Finding(
                f"{op.type} with probability 1 sets everything to 0 in training",
                argument_span(op, "p"),
                "use a probability below 1",
            )
    for op in subject.wiring.of("ReLU", "ReLU6"):
        origin = op.origin()
        if origin is not None and origin.type in _NEVER_POSITIVE:
            yield Finding(
                f"{op.type} always returns 0: the output of {origin.type} is never positive",
                op.span,
                "leave it out",
                (Related(f"{origin.type} is here", origin.span),),
                op.call is not None,
            )


def _compared(op: Op) -> int | None:
    """The axis along which a softmax compares a single number; None where there are more, or it is not known."""
    x = op.taken
    if op.type == "Softmax2d":
        dim: object = -3
    else:
        dim = vars(op.layer)["dim"] if op.layer is not None else _second_argument(op, "dim")
    if x is None or not isinstance(dim, int) or not -x.rank <= dim < x.rank or x.shape[dim] != 1:
        return None
    return dim % x.rank


def _second_argument(op: Op, name: str) -> object:
    """The second argument of a function, which may go by its name."""
    if not isinstance(op.syntax, FunctionCall):
        return None
    node = dict(op.syntax.keywords).get(name) or next(iter(op.syntax.arguments[1:]), None)
    try:
        return evaluate(node, op.scope) if node is not None else None
    except ExpressionError:
        return None


def _normalized(op: Op) -> Size | None:
    """How many numbers share a mean."""
    layer, x = op.layer, op.taken
    if isinstance(layer, LayerNorm):
        return product(layer.normalized)
    if isinstance(layer, GroupNorm) and x is not None:
        return product((x.shape[1] // layer.num_groups, *x.shape[2:]))
    return None


@lint("AS710")
def refused_in_training(subject: Subject) -> Iterator[Finding]:
    """Of a single value there is no variance: PyTorch raises an error at the first batch of the training.

    A BatchNorm has one value for each channel where the batch is declared as 1 and there are no positions, an
    InstanceNorm where there is one position.
    """
    for op in subject.wiring.of("SyncBatchNorm", *several("BatchNorm", "InstanceNorm")):
        x = op.taken
        if x is None or op.layer is None:
            continue
        by_example = op.type.startswith("InstanceNorm")
        sizes = x.shape[-int(op.type[-2]) :] if by_example else (x.shape[0], *x.shape[2:])
        if product(sizes) == 1:
            yield Finding(
                f"{op.type} normalizes each channel of {x} over a single value, which fails in training",
                op.span,
                "normalize before the positions are pooled" if by_example else "use a free batch size: `N`",
            )
