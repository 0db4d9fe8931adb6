"""Lints about training and evaluation: what does not follow the module's mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.expressions import ExpressionError, FunctionCall, Literal, Name, Node, evaluate
from archspec.functions import FUNCTIONS
from archspec.lints._base import Finding, Subject, lint
from archspec.lints.ops import Op

_DROPPING = ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
_TYPES = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", *_DROPPING)


@lint("AS715")
def dropout_in_every_mode(subject: Subject) -> Iterator[Finding]:
    """A function knows nothing of the module's mode: `dropout(x, 0.5)` drops in evaluation, too.

    Its `training` is true by default; that of `alpha_dropout` is false, and nothing is ever dropped. `training` as a
    name is the module's mode. The `dropout_p` of attention is left out in evaluation by `0.1 if training else 0.0`.
    What writes `training=True` means it.
    """
    for op in subject.wiring.of(*_TYPES):
        if isinstance(op.syntax, FunctionCall) and op.syntax.function in FUNCTIONS:
            yield from _of_dropout(op, op.syntax)
    for op in subject.wiring.of("scaled_dot_product_attention"):
        if isinstance(op.syntax, FunctionCall):
            yield from _of_attention(op, op.syntax)


def _of_dropout(op: Op, call: FunctionCall) -> Iterator[Finding]:
    parameters = FUNCTIONS[call.function].parameters
    given = dict(zip(parameters, call.arguments, strict=False)) | dict(call.keywords)
    if "training" in given or "training" not in parameters:
        return
    always = parameters["training"].default is True
    if always and _is_zero(op, given.get("p")):
        return
    shown = ", ".join([*(one.text for one in call.arguments), *(f"{n}={one.text}" for n, one in call.keywords)])
    place = "training" if len(call.arguments) == 2 and not call.keywords else "training=training"
    message = f"`{call.function}` drops in evaluation, too" if always else f"`{call.function}` never drops anything"
    yield Finding(
        f"{message}: its `training` is {str(always).lower()} by default",
        op.span,
        f"write `{call.function}({shown}, {place})`",
        beside=False,
        explicit=f"`training={always}`, or " if always else "",
    )


def _of_attention(op: Op, call: FunctionCall) -> Iterator[Finding]:
    parameters = list(FUNCTIONS[call.function].parameters)
    given = dict(zip(parameters, call.arguments, strict=False)) | dict(call.keywords)
    rate = given.get("dropout_p")
    if (
        rate is None
        or _is_zero(op, rate)
        or any(isinstance(one, Name) and one.name == "training" for one in rate.walk())
    ):
        return
    yield Finding(
        f"`{call.function}` drops in evaluation, too: `dropout_p` does not depend on `training`",
        op.span,
        f"write `dropout_p={rate.within()} if training else 0.0`",
        beside=False,
    )


def _is_zero(op: Op, rate: Node | None) -> bool:
    """Whether a rate is known to be 0."""
    if rate is None:
        return False
    value: Any = rate.value if isinstance(rate, Literal) else None
    if value is None:
        try:
            value = evaluate(rate, op.scope)
        except ExpressionError:
            return False
    return isinstance(value, int | float) and value == 0
