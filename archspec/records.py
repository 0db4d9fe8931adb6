"""Frozen classes of a few fields, declared as dataclasses are, that cost next to nothing to define.

For each class `@dataclass(frozen=True, slots=True)` writes six functions and compiles them; for some thirty classes
that took longer than the check of a small spec does, at every start. Here the classes share these functions.
Knows nothing of what the fields hold.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, dataclass_transform


class _Declared(type):
    """Makes a slot of each field that a class annotates; what is assigned to it there is its default."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Declared:
        own = tuple(field for field in body.get("__annotations__", ()) if not field.startswith("_"))
        defaults = {field: body.pop(field) for field in own if field in body}
        above = bases[0] if bases else None
        fields = (*getattr(above, "_fields", ()), *own)
        defaults = {**getattr(above, "_defaults", {}), **defaults}
        tail = tuple(defaults[field] for field in fields if field in defaults)
        shared = {"__slots__": own, "__match_args__": fields, "_fields": fields, "_defaults": defaults, "_tail": tail}
        return super().__new__(mcs, name, bases, body | shared)


@dataclass_transform(frozen_default=True)
class Record(metaclass=_Declared):
    """A value made of its fields: two of one class are equal where all their fields are. Defaults are shared."""

    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _tail: ClassVar[tuple[Any, ...]]
    """The defaults, in the order of the fields: those that have one are the last."""

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        missing = len(fields) - len(values)
        if not named and 0 < missing <= len(self._tail):
            values += self._tail[-missing:]
        given = zip(fields, values, strict=False)
        if named or len(values) != len(fields):
            found = {**self._defaults, **dict(given), **named}
            twice = named and not named.keys().isdisjoint(fields[: len(values)])
            if twice or len(found) != len(fields) or len(values) > len(fields):
                raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}")
            given = zip(found, found.values(), strict=False)
        for field, value in given:
            _set(self, field, value)

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, field) for field in self._fields])

    def _identity(self) -> tuple[Any, ...]:
        """What two equal ones have in common."""
        return self._values()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self._fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"`{field}` of {type(self).__name__} cannot be changed")

    def __delattr__(self, field: str) -> None:
        raise AttributeError(f"`{field}` of {type(self).__name__} cannot be changed")


_set = object.__setattr__
_R = TypeVar("_R", bound=Record)


def replace(record: _R, **changes: Any) -> _R:
    """The same with some of its fields changed."""
    return type(record)(**dict(zip(record._fields, record._values(), strict=True)) | changes)
