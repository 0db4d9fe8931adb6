"""Lints about dtypes."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.lints._base import Finding, Subject, lint


@lint("AS717")
def works_in_float32_alone(subject: Subject) -> Iterator[Finding]:
    """A network's floating-point dtype is its caller's: most are trained in bfloat16.

    What is made out of numbers is of float32 whatever the network's dtype is. Arithmetic makes float32 of the two,
    which layers and products of matrices of the network's own dtype refuse.
    """
    for problem in subject.beyond.mixed:
        yield Finding(
            f"this works only in float32: in bfloat16, {problem.message}",
            problem.span,
            "convert the float32 tensor with `type_as(y, x)`, so that it follows the network's dtype",
            problem.related,
            beside=False,
        )
