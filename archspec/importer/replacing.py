"""Attributes of classes that are others for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def replaced(kind: type, name: str, value: object) -> Iterator[None]:
    """Within it, an attribute that the class itself defines has another value."""
    original = vars(kind)[name]
    setattr(kind, name, value)
    try:
        yield
    finally:
        setattr(kind, name, original)
