"""Names of variables of a constructor."""

from __future__ import annotations

from collections.abc import Iterator


class FreeNames:
    """Names of variables that nothing else has."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def free(self, stem: str) -> Iterator[str]:
        """Names of variables that none of the spec's names has: the stem, then with a number."""
        names = (f"{stem}_{n}" if n > 1 else stem for n in range(1, 10_000))
        return (name for name in names if name not in self.taken)

    def fresh(self, stem: str) -> str:
        """A variable that nothing else has, and that nothing else gets from here on."""
        name = next(self.free(stem))
        self.taken.add(name)
        return name
