"""Lints about the axis of the batch: one that is missing, or that is read as the steps of a sequence."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.dimensions import Dimension, symbols
from archspec.lints._base import Finding, Subject, argument_span, lint
from archspec.lints.ops import INPUT, Op
from archspec.problems import Related
from archspec.tensors import TensorType

_KEEPING = ("ReLU", "GELU", "SiLU", "Dropout", "Sigmoid", "Tanh", "LeakyReLU", "Hardswish", "ELU", "Dropout2d")
_BATCH = ("N", "B", "BS", "batch", "batch_size", "batchsize", "bs", "b", "n")
_TRANSFORMERS = ("Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer")
_SEQUENCES = ("LSTM", "GRU", "RNN", "MultiheadAttention", *_TRANSFORMERS)


@lint("AS713")
def no_batch(subject: Subject) -> Iterator[Finding]:
    """Convolutions take a single image, [C, H, W], as well as a batch of them. Flatten does not: it keeps an axis.

    What follows then reads each channel as a sample. An image that is flattened itself, [1, 28, 28], has no axis that
    could be the batch's either. An input whose first axis is a free size is never meant.
    """
    for op in subject.wiring.of("Flatten", "flatten"):
        x = op.taken
        if not isinstance(x, TensorType) or x.rank < 2 or not _keeps_first(op) or not isinstance(x.shape[0], int):
            continue
        single = _single(op)
        if single is None:
            continue
        shape = single.output if single.type == INPUT else single.taken
        assert shape is not None
        batched = ", ".join(("N", *map(str, shape.shape)))
        yield Finding(
            f"Flatten keeps the first axis of {x} as the batch, but it is the channel axis",
            op.span,
            f"add a batch axis to the input: `[{batched}]`",
            (Related(f"{shape} has none", single.span),),
            op.call is not None,
        )


def _keeps_first(flatten: Op) -> bool:
    """Whether it leaves the first axis alone, and joins the others."""
    if flatten.layer is not None:
        return vars(flatten.layer).get("start_dim") == 1
    before, after = flatten.taken, flatten.output
    return before is not None and after is not None and after.rank > 1 and after.shape[0] == before.shape[0]


def _single(op: Op) -> Op | None:
    """The layer above that takes a single image, or the input that is one."""
    for _ in range(1000):
        above = op.origin()
        if above is None:
            return None
        if above.type == INPUT:
            shape = above.output.shape if above.output is not None else ()
            square = len(shape) == 3 and shape[0] in (1, 3) and shape[1] == shape[2] and isinstance(shape[1], int)
            return above if square else None
        layer, x = above.layer, above.taken
        if layer is not None and layer.spatial and x is not None:
            return above if x.rank == layer.spatial + 1 and _returns_axes(above) else None
        if above.type not in _KEEPING:
            return None
        op = above
    return None


def _returns_axes(op: Op) -> bool:
    """Whether what comes out has the axes of what goes in."""
    return op.taken is not None and op.output is not None and op.taken.rank == op.output.rank


@lint("AS714")
def batch_as_sequence(subject: Subject) -> Iterator[Finding]:
    """By default PyTorch's recurrent layers and its attention take sequences as [T, N, C], with the batch second.

    Where the first axis is called as a batch is (N, B, batch), each sample is read as a step of one sequence: nothing
    fails, and the samples of a batch mix. What is transposed before it has the batch second, and is left alone.
    """
    for op in subject.wiring.of(*_SEQUENCES):
        x = op.taken
        if op.layer is None or x is None or x.rank != 3 or vars(op.layer).get("batch_first") is not False:
            continue
        first = x.shape[0]
        names = {symbol.text for symbol in symbols(first)} if isinstance(first, Dimension) else set()
        if names and names <= set(_BATCH):
            yield Finding(
                f"{op.type} reads the first axis of {x} as the sequence, but `{min(names)}` is the batch",
                argument_span(op, "batch_first"),
                "write `batch_first: true`",
            )
