"""The types of values as annotations: tensors, tuples and lists of them, and either where a condition decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.expressions import Conditional, Items, Name, Node, Starred
from archspec.graph import Branch, Call, Class, Flow, Item, Step, names_in
from archspec.tensors import Chain, ListType, Series

_Types = tuple[str, ...]
"""The types that a value may have, as parameters decide it."""


def flow_annotation(flow: Flow | None) -> str:
    """The type of a value: tensors, or tuples and lists of them."""
    if isinstance(flow, Series):
        return f"list[{flow_annotation(flow.item)}]"
    if isinstance(flow, Chain):
        flow = ListType(one for part in flow.parts for one in (part if isinstance(part, ListType) else (part.item,)))
    if isinstance(flow, ListType):
        return f"list[{' | '.join(dict.fromkeys(map(flow_annotation, flow))) or 'Tensor'}]"
    if isinstance(flow, tuple):
        return f"tuple[{', '.join(map(flow_annotation, flow))}]"
    return "Tensor"


class Returned:
    """The types of what the classes of a file return, each worked out once."""

    def __init__(self) -> None:
        self.known: dict[str, list[_Types]] = {}  # by a class

    def values(self, cls: Class) -> list[str]:
        """The type of each value that a class returns."""
        return [" | ".join(types) for types in self.types(cls)]

    def annotation(self, cls: Class) -> str:
        """The type of what a class returns."""
        return " | ".join(self.of_class(cls))

    def of_class(self, cls: Class) -> _Types:
        if cls.outputs is not None and cls.outputs.names:
            return (f"{cls.name}Output",)
        found = self.types(cls)
        return found[0] if cls.outputs is None or cls.outputs.single else (_sequence("tuple", found),)

    def types(self, cls: Class) -> list[_Types]:
        if cls.name not in self.known:
            self.known[cls.name] = list(self.read(cls))
        return self.known[cls.name]

    def read(self, cls: Class) -> Iterator[_Types]:
        if cls.outputs is None:
            yield (flow_annotation(cls.output),)
            return
        values = cls.outputs.values
        several = isinstance(cls.output, tuple) and not cls.outputs.single
        flows = cls.output if several and isinstance(cls.output, tuple) else (cls.output,) * len(values)
        known: dict[str, _Types] = {}
        for step in cls.steps if not all(map(_is_known, flows)) else ():
            if isinstance(step.target, Name):
                known[step.target.name] = self.of_step(step, known)
            else:
                known.update(dict.fromkeys(names_in(step.target), ("Tensor",)))
        for value, flow in zip(values, flows, strict=True):
            yield _of_value(value, flow, known)

    def of_step(self, step: Step, known: dict[str, _Types]) -> _Types:
        if step.kind == "compute":
            return _of_value(step.arguments[0][1], step.output, known)
        item = step.item if step.item is not None else step.again
        if item is None or _is_known(step.output):
            return (flow_annotation(step.output),)
        return self.of_item(item)

    def of_item(self, item: Item) -> _Types:
        if isinstance(item, Branch) and item.inputs:
            kept = self.of_item(item.items[-1]) if item.items else ()
            return _either([kept, (flow_annotation(item.inputs[0]),)])
        if isinstance(item, Call) and isinstance(item.layer, Class) and not _is_known(item.output):
            return self.of_class(item.layer)
        return (flow_annotation(item.output),)


def _of_value(value: Node, flow: Flow | None, known: dict[str, _Types]) -> _Types:
    """The type of an expression. Where its flow is not known, as the sides of a condition differ, they are asked."""
    if _is_known(flow):
        return (flow_annotation(flow),)
    match value:
        case Name() if value.name in known:
            return known[value.name]
        case Conditional():
            return _either(_of_value(side, None, known) for side in (value.then, value.otherwise))
        case Items():
            parts = [_of_value(part, None, known) for part in value.items]
            if value.listed:
                return (_sequence("list", [_either(parts)]),)
            spread = any(isinstance(part, Starred) for part in value.items)
            return (_sequence("tuple", [_either(parts), ("...",)] if spread else parts),)
    return (flow_annotation(flow),)


def _is_known(flow: Flow | None) -> bool:
    return all(map(_is_known, flow)) if isinstance(flow, tuple) else flow is not None


def _either(types: Iterable[_Types]) -> _Types:
    return tuple(dict.fromkeys(one for several in types for one in several))


def _sequence(kind: str, parts: Iterable[_Types]) -> str:
    return f"{kind}[{', '.join(map(' | '.join, parts))}]"
