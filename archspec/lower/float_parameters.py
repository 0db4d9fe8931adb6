"""Which parameters of type float decide a dtype: a caller may pass an integer for one, and means a float."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspec import dimensions
from archspec.expressions import ExpressionError, Name, Node, UndecidedError, lift, substitute, unknown
from archspec.graph import names_in
from archspec.lower.frames import Frame, Otherwise, UnknownTypeError
from archspec.lower.tensors import holds_tensor, tensor_value
from archspec.refusals import RefusalError
from archspec.tensors import TensorType


def note_floats(frame: Frame, node: Node, names: Mapping[str, Any]) -> None:
    """Notes which of them decide the dtype of an expression, or of a part of it, in the class that declares them."""
    *_, declaring = frame.around()
    for name in sorted(_floats_read(node, frame.scope) - declaring.floats):
        if any(_differs(part, names, _AsInteger(names, name)) for part in node.walk() if part.children):
            declaring.floats.add(name)


def _floats_read(node: Node, scope: Mapping[str, Any]) -> set[str]:
    """The names of type float that an expression reads, by those of `let` too."""
    values = [lift(value) for name in names_in(node) if unknown(value := scope.get(name))]
    return {part.name for one in values for part in one.walk() if isinstance(part, Name) and part.type == "float"}


def _differs(part: Node, names: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether tensors have other dtypes with other names, or cannot be had."""
    if not holds_tensor(part, names):
        return False
    try:
        before = list(_dtypes(tensor_value(part, names)))
    except (ExpressionError, RefusalError, UndecidedError, UnknownTypeError):
        return False
    try:
        return before != list(_dtypes(tensor_value(part, others)))
    except (ExpressionError, RefusalError, UndecidedError):
        return True


def _dtypes(value: Any) -> Iterator[str]:
    if isinstance(value, TensorType):
        yield value.dtype
    elif isinstance(value, tuple):
        for part in value:
            yield from _dtypes(part)


class _AsInteger(Otherwise):
    """What names stand for where one of type float stands for an integer."""

    def __init__(self, names: Mapping[str, Any], name: str) -> None:
        super().__init__(names)
        self.integer = {name: dimensions.symbol(name, minimum=None)}

    def __getitem__(self, name: str) -> Any:
        value = self.names[name]
        return substitute(value, self.integer) if unknown(value) else value
