"""Classes that no spec can say, as they are: a step names the class, and the caller allows its package."""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Iterable
from typing import Any

from torch import nn

from archspec.document import variable_problem
from archspec.importer.making import is_made_of_words, made_with
from archspec.layers import LAYERS

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def first_named(kinds: Iterable[type], known: Iterable[type]) -> type | None:
    """The first of some classes that a spec can name, besides those that it names already."""
    return next((one for one in kinds if one not in known and is_named(one)), None)


def is_named(kind: type) -> bool:
    """Whether a class can be imported by its name, and a spec may call it."""
    target, name = target_of(kind), kind.__name__
    if not issubclass(kind, nn.Module) or kind.__module__.partition(".")[0] in ("torch", "__main__"):
        return False
    if not _DOTTED.fullmatch(target) or any(map(keyword.iskeyword, target.split("."))):
        return False
    if kind.__qualname__ != name or name in LAYERS or variable_problem(name):
        return False
    return getattr(sys.modules.get(kind.__module__), name, None) is kind


def target_of(kind: type) -> str:
    """The dotted name of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def package_of(kind: type) -> str:
    """The package that a caller has to allow for a class."""
    return kind.__module__.partition(".")[0]


def settings_of(module: nn.Module) -> dict[str, Any] | None:
    """What the constructor of a module was called with; None where that is more than numbers and words."""
    return dict(made_with(module)) if is_made_of_words(module) else None


def defaults_of(kind: type) -> dict[str, Any]:
    """What the constructor of a class takes for arguments that it is not given."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
