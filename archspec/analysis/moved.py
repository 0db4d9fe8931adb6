"""Where the lines of a text are in a later one: what stands above, below and between changes has moved as a whole."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST = 2_000
"""So many changed lines are compared one by one; of more, none is found again."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The changes between two texts: so many lines above and below all of them are the same."""

    above: int
    below: int
    old: int
    """How many lines the earlier text has."""
    new: int
    between: Mapping[int, int] = field(default_factory=dict)
    """Of the lines between the changes, where each is now."""

    @property
    def changed(self) -> range:
        """The lines of the later text from the first change to the last one, counted from 1."""
        return range(self.above + 1, self.new - self.below + 1)

    def line(self, line: int) -> int | None:
        """Where a line of the earlier text is now; None where it was taken out."""
        if line <= self.above:
            return line
        if line > self.old - self.below:
            return line + self.new - self.old
        if self.between:
            return self.between.get(line)
        return line if line in self.changed else None


def lines_of(text: str) -> list[str]:
    """The lines of a text without their ends, as YAML and editors count them."""
    return [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]


def moved(old: str, new: str) -> Moved:
    """The changes that lead from one text to another."""
    before, after = lines_of(old), lines_of(new)
    most = min(len(before), len(after))
    above = next((at for at in range(most) if before[at] != after[at]), most)
    most -= above
    below = next((at for at in range(most) if before[-1 - at] != after[-1 - at]), most)
    inside = before[above : len(before) - below], after[above : len(after) - below]
    between = _between(*inside, above) if min(map(len, inside)) > 1 else {}
    return Moved(above, below, len(before), len(after), between)


def _between(old: list[str], new: list[str], above: int) -> dict[int, int]:
    """Where the lines between changes are now, counted from 1."""
    import difflib  # here: it is slow to import, and most changes are of one line

    if len(old) + len(new) > _MOST:
        return {}
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return {above + a + at + 1: above + b + at + 1 for a, b, size in blocks for at in range(size)}
