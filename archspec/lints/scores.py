"""Lints about the scores that a network returns, on which its loss is computed.

Scores are a value for each class of a sample: what a Linear gives for each row of a batch, or what goes through a
softmax at the end. Feature maps and the like are none: a network may well return features behind an activation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.lints._base import Finding, Subject, lint, several
from archspec.lints.ops import Op
from archspec.problems import Related

_SOFTMAX = ("Softmax", "Softmin", "Softmax2d")
_WEIGHTED = ("Linear", "Bilinear", *several("Conv", "ConvTranspose"))
_BENDING = tuple("ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Hardswish".split())
_DROPOUT = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", *several("Dropout"))
_SHAPING = tuple("Flatten Unflatten reshape squeeze unsqueeze permute transpose".split())


@dataclass(frozen=True, slots=True)
class _Scores:
    """One value that the network returns: the last operation on it, and the softmax behind that, if there is one."""

    last: Op
    softmax: Op | None
    rank: int

    @property
    def certain(self) -> bool:
        """Whether they are scores beyond doubt: one row for each sample, or numbers that a softmax compares."""
        return self.softmax is not None or self.rank <= 2


def _scores(subject: Subject) -> Iterator[_Scores]:
    for output in subject.wiring.outputs:
        op = _before(output)
        softmax = op if op is not None and op.type in (*_SOFTMAX, "LogSoftmax") else None
        op = _before(softmax) if softmax is not None else op
        if op is not None and output.output is not None:
            yield _Scores(op, softmax, output.output.rank)


def _before(op: Op) -> Op | None:
    """What an operation takes, before it was reshaped; None where anything else reads it too."""
    origin = op.origin()
    while origin is not None and origin.type in _SHAPING and origin.is_read_once():
        origin = origin.origin()
    return origin if origin is not None and origin.is_read_once() else None


def _made_by_weights(op: Op, scores: _Scores) -> Op | None:
    """The layer whose output it takes, where that computes the scores."""
    origin = _before(op)
    kinds = _WEIGHTED if scores.softmax is not None else ("Linear", "Bilinear")
    return origin if origin is not None and origin.type in kinds else None


@lint("AS701")
def activation_on_scores(subject: Subject) -> Iterator[Finding]:
    """A loss such as CrossEntropyLoss takes scores of any sign.

    A ReLU makes all that are below 0 equal, and where it does so no gradient comes through. Activations that give
    a range, such as Sigmoid or Tanh, are left alone: a network may return numbers of that range.
    """
    for scores in _scores(subject):
        made_by = _made_by_weights(scores.last, scores)
        if scores.last.type in _BENDING and scores.certain and made_by is not None:
            name = scores.last.type
            does = "the scores are never negative" if name in ("ReLU", "ReLU6") else "it changes negative scores"
            yield Finding(
                f"{name} is applied to the output of the network, {scores.last.output}: {does}",
                scores.last.span,
                "remove it: losses take scores of any sign",
                (Related(f"{made_by.type} computes them", made_by.span),),
                scores.last.call is not None,
            )


@lint("AS702")
def softmax_on_scores(subject: Subject) -> Iterator[Finding]:
    """CrossEntropyLoss is a softmax and a logarithm already: on probabilities it trains slowly, and without a word.

    No loss of PyTorch takes a softmax's probabilities. LogSoftmax is what NLLLoss takes, and Sigmoid what BCELoss
    takes; both are left alone.
    """
    for scores in _scores(subject):
        softmax, made_by = scores.softmax, scores.last
        if softmax is None or softmax.type not in _SOFTMAX:
            continue
        while made_by.type in _BENDING + _DROPOUT and (before := _before(made_by)) is not None:
            made_by = before
        if made_by.type in _WEIGHTED:
            yield Finding(
                f"{softmax.type} turns the scores into probabilities, but CrossEntropyLoss applies softmax itself",
                softmax.span,
                "return the scores, and apply softmax where you need probabilities; for NLLLoss use `LogSoftmax`",
                (Related(f"{made_by.type} computes the scores, {made_by.output}", made_by.span),),
                softmax.call is not None,
            )


@lint("AS705")
def dropout_of_scores(subject: Subject) -> Iterator[Finding]:
    """While training, scores are set to 0 at random, and the loss is of classes that the network did not choose.

    Dropout belongs before the last layer. One whose chance is 0 is left alone.
    """
    for scores in _scores(subject):
        made_by = _made_by_weights(scores.last, scores)
        if scores.last.type not in _DROPOUT or not scores.certain or made_by is None:
            continue
        chance = getattr(scores.last.layer, "p", None)
        if chance != 0:
            share = f" {chance:.0%} of" if isinstance(chance, int | float) else ""
            yield Finding(
                f"{scores.last.type} sets{share} the scores that the network returns to 0 at random",
                scores.last.span,
                f"put it before the {made_by.type} that computes them, or remove it",
                (Related(f"{made_by.type} computes them", made_by.span),),
                scores.last.call is not None,
            )
