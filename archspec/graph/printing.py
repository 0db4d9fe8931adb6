"""A graph as text."""

from __future__ import annotations

from collections.abc import Iterator

from archspec import dimensions
from archspec.expressions import Symbolic, literal_text
from archspec.graph.classes import Class
from archspec.graph.items import Branch, Call, Group, Item, Loop, Rounds
from archspec.graph.weights import Argument
from archspec.tensors import flow_text


def lines_of(cls: Class) -> Iterator[str]:
    """A class as text, for people who look into a graph."""
    parameters = ", ".join(f"{p.name}: {p.type} = {literal_text(p.value)}" for p in cls.parameters)
    yield f"class {cls.name}({parameters})"
    for value in cls.inputs:
        yield f"  {value.name}: {value.type}"
    yield from _item_lines(cls.items, "  ")
    for step in cls.written():
        texts = ", ".join(f"{name + '=' if name else ''}{node.text}" for name, node in step.arguments)
        what = f"self.{step.module}({texts})" if step.kind == "call" else texts
        what = what if cls.runs(step) else f"{what}, not called"
        yield f"  {step.target.text} = {what} -> {flow_text(step.output)}"
        yield from _item_lines((step.item,) if step.item is not None else (), "    ")
    if cls.outputs is not None:
        yield f"  return {', '.join(node.text for node in cls.outputs.values)}"


def _item_lines(items: tuple[Item, ...], indent: str) -> Iterator[str]:
    for item in items:
        name = getattr(item, "name", None)
        head = f"{indent}{f'({name}) ' if name else ''}"
        if isinstance(item, Call):
            arguments = ", ".join(f"{a.name}={argument_text(a)}" for a in item.arguments)
            yield f"{head}{item.type_name}({arguments}) -> {flow_text(item.output)}"
            continue
        if isinstance(item, Loop):
            carried = "".join(f"; {c.name} <- {dimensions.show(c.update)}" for c in item.carried)
            yield f"{head}for {item.target.text} in {item.iterable.text}{carried}"
        elif isinstance(item, Branch):
            yield f"{head}if {item.condition.text}"
        elif isinstance(item, Group) and item.rounds is not None:
            yield f"{head}{_rounds_text(item.rounds)} -> {flow_text(item.output)}"
        else:
            yield f"{head}Sequential -> {flow_text(item.output)}"
        yield from _item_lines(item.items, indent + "  ")


def _rounds_text(rounds: Rounds) -> str:
    text = f"{'each' if rounds.each else 'for'} {rounds.target.text} in {rounds.over.text}"
    return f"{text}, collected" if rounds.collect else text


def argument_text(argument: Argument) -> str:
    """An argument as Python source: as the spec writes it, or as it was inferred."""
    if argument.node is not None:
        return argument.node.within()
    value = argument.value
    if isinstance(value, tuple):
        inside = ", ".join(dimensions.show(size) for size in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return value.node.within() if isinstance(value, Symbolic) else dimensions.show(value)
