"""What says how weights begin, and fits none."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.lints._base import Finding, Subject, lint


@lint("AS718")
def idle_rule(subject: Subject) -> Iterator[Finding]:
    """The weights begin as PyTorch has it, and not as the spec says: a name was misspelt, or its layer is gone.

    A weight that a layer may lack, as its bias, is passed over; and a name, where steps are kept on a condition.
    """
    for what, hint, span in subject.beyond.idle:
        yield Finding(
            f"{what} matches no weight", span, hint or "name a layer, or a weight of the state_dict", beside=False
        )
