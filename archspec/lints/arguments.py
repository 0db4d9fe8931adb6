"""Lints about arguments that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.lints._base import Finding, Subject, argument_span, lint
from archspec.storage import NEVER_IN_PLACE


@lint("AS712")
def argument_without_effect(subject: Subject) -> Iterator[Finding]:
    """The layer would do the same without it, so that what was meant by it does not happen.

    The dropout of a recurrent layer stands between its layers: with one of them there is none, and PyTorch warns.
    AlphaDropout and FeatureAlphaDropout take `inplace`, and PyTorch ignores it.
    """
    for op in subject.wiring.of("RNN", "LSTM", "GRU"):
        values: dict[str, Any] = vars(op.layer) if op.layer is not None else {}
        chance, count = values.get("dropout"), values.get("num_layers")
        if isinstance(chance, int | float) and chance > 0 and count == 1:
            yield Finding(
                f"`dropout` has no effect: it is applied between the layers of {op.type}, but there is only one layer",
                argument_span(op, "dropout"),
                f"remove it, use at least `num_layers: 2`, or put a `Dropout` after {op.type}",
            )
    for op in subject.wiring.of(*sorted(NEVER_IN_PLACE)):
        if op.layer is not None and vars(op.layer).get("inplace") is True:
            yield Finding(
                f"`inplace` has no effect: PyTorch's {op.type} always makes a new tensor",
                argument_span(op, "inplace"),
                "leave it out",
            )
