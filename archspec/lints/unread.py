"""Lints about what is declared and of no use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from archspec.document import Block
from archspec.lints._base import Finding, Subject, lint
from archspec.lints.places import blocks
from archspec.source import Entries, Path


@lint("AS509")
def unread_state(subject: Subject) -> Iterator[Finding]:
    """A parameter, buffer or module that nobody reads is part of the `state_dict`, as checkpoints may want it.

    Or a `from:` was forgotten. A value that nobody reads, and that holds nothing, is an error.
    """
    for problem in subject.beyond.unread:
        yield Finding(problem.message, problem.span, problem.help, problem.related)


_READING = ("let", "inputs", "layers", "outputs", "init")


@lint("AS708")
def unread_name(subject: Subject) -> Iterator[Finding]:
    """Whoever builds the network may set it, and nothing changes: a name was misspelt, or a number stayed written out.

    A word that stands in any expression counts as read, whether or not the step is kept.
    """
    for path, block in blocks(subject.document):
        if not block.params and not block.let:
            continue
        read = set(_words(block, subject, path))
        for key, noun in (("params", "parameter"), ("let", "computed name")):
            for name in getattr(block, key):
                if name not in read:
                    yield Finding(
                        f"the {noun} `{name}` is never used",
                        subject.sources.span((*path, key, name), key=True),
                        "use it, or remove it",
                        beside=False,
                    )


def _words(block: Block, subject: Subject, path: Path) -> Iterator[str]:
    """Every word in the expressions of a block."""
    for parameter in block.params.values():
        yield from _in(parameter.default)
    for key in _READING:
        yield from _in(subject.sources.value((*path, key)))


def _in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.findall(r"\w+", value)
    elif isinstance(value, dict | list):
        yield from value.bare if isinstance(value, Entries) else ()  # an argument that takes the value of its own name
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _in(inner)
