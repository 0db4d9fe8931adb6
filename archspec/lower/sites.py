"""Where a step stands: the module that holds what it makes, and the names that it may read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from archspec.source import Path


class Container:
    """The module that holds what steps make: which names are taken, and how far the numbers of a list have run."""

    __slots__ = ("around", "next", "of_rounds", "patterns", "prefix", "taken")

    def __init__(self, prefix: str, *, of_rounds: bool = False) -> None:
        self.prefix = prefix
        self.next: int | None = 0
        """The number of the next module of a list; None once a loop has made it depend on parameters."""
        self.taken: set[str] = set()
        self.patterns: dict[str, list[Any]] = {}
        """Names that it has whatever the parameters are, each with its parts in symbols."""
        self.around: list[set[str] | None] = []
        """The loops and conditions around the step of a list that is being read in symbols: what each loop binds."""
        self.of_rounds = of_rounds
        """Whether it holds the rounds of a named step, each of which may stand in a list of the class instead."""

    @contextmanager
    def within(self, bound: set[str] | None) -> Iterator[None]:
        """While the steps of a loop that binds these names, or of a condition, are read."""
        self.around.append(bound)
        yield
        self.around.pop()

    def number(self) -> str | None:
        """The name of the next module of a list; None where it depends on parameters."""
        number = self.next
        self.pass_number()
        return None if number is None else str(number)

    def pass_number(self) -> None:
        """Leaves out the number of a module that has a name in its place."""
        if self.next is not None:
            self.next += 1

    def dotted(self, name: str | None) -> str:
        """The path of one of its modules from the network's own."""
        return f"{self.prefix}{name if name is not None else '*'}"


@dataclass(frozen=True, slots=True)
class Site:
    """One step in its place."""

    path: Path
    """Its text in the document."""
    container: Container
    """The module that holds what it makes."""
    scope: Mapping[str, Any]
    """The parameters and sizes that its arguments may read, with their values."""
    name: str | None = None
    """What its module is called; None in a list, which numbers its modules."""

    def at(self, *keys: str | int) -> Path:
        """The place of a key within its text."""
        return (*self.path, *keys)

    def below(self, *keys: str | int) -> Site:
        """The same, for a text within its own."""
        return replace(self, path=(*self.path, *keys))

    def named(self, name: str | None) -> Site:
        """The same, for a module of that name."""
        return replace(self, name=name)

    def within(self, container: Container, name: str | None = None) -> Site:
        """The same text, for a module that stands in another one."""
        return replace(self, container=container, name=name)

    def reading(self, names: Mapping[str, Any]) -> Site:
        """The same with more names that its arguments may read."""
        return replace(self, scope={**self.scope, **names})
