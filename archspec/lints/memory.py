"""Lints about the memory of what flows."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.lints._base import Finding, Subject, lint


@lint("AS711")
def overwritten_input(subject: Subject) -> Iterator[Finding]:
    """The tensor belongs to the caller, who may read it once more: a second run on it would give other numbers.

    If the caller wants gradients of the input, PyTorch refuses. What a block takes is left alone: its caller is the
    network itself, and reading the value afterwards is an error there.
    """
    for problem in subject.beyond.in_place:
        if problem.code == "AS711":
            yield Finding(problem.message, problem.span, problem.help, problem.related)
