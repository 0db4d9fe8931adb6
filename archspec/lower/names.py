"""Which names the constructor and the forward method of a class read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from archspec.expressions import FunctionCall, Node
from archspec.graph import (
    Branch,
    Call,
    Class,
    Fill,
    Group,
    Item,
    Loop,
    Parametrization,
    Step,
    names_in,
    pieces,
    size_names,
    walk,
)
from archspec.lower.headers import header_of, read_in_rounds, rounds_of
from archspec.storage import RANDOM


def item_reads(item: Item) -> set[str]:
    """The names that an item's own text reads, not those of the items in it."""
    if isinstance(item, Call):
        texts = (names_in(a.node) if a.node is not None else size_names(a.value) for a in item.arguments)
        return set(_pattern(item)).union({item.held} if item.held else (), *texts, names_in_fills(item))
    if isinstance(item, Branch):
        return names_in(item.condition)
    return names_in(item.iterable) if isinstance(item, Loop) else set(_pattern(item)) | names_in_fills(item)


def names_in_fills(item: Call | Group | Step) -> set[str]:
    """The names that what a step says of its weights reads."""
    functions: tuple[Fill | Parametrization, ...] = (
        *item.initial,
        *(item.parametrized if isinstance(item, Call) else ()),
    )
    return {name for one in functions for name in names_in_arguments(one)}


def names_in_arguments(one: Fill | Parametrization) -> set[str]:
    """The names that the arguments of a function read."""
    return {name for argument in one.arguments if argument.node is not None for name in names_in(argument.node)}


def _pattern(item: Call | Group) -> Iterator[str]:
    for part in pieces(item.name or ""):
        if isinstance(part, Node):
            yield from names_in(part)


def condition_of(step: Step) -> Node | None:
    """The condition that the forward method asks for: where it does not hold, a step of several inputs is the first."""
    item = step.item if step.item is not None else step.again
    plain = len(step.arguments) == 1 and step.arguments[0][0] is None and step.again is None  # else an nn.Identity
    if not isinstance(item, Branch) or plain:
        return None
    inner = item.items[0] if item.items else None
    listed = isinstance(inner, Group) and inner.listed and inner.handed == 1 and inner.module is None
    return None if listed else item.condition  # a list without rounds hands on the first, too


def constructor_reads(cls: Class) -> set[str]:
    """Every name that the constructor's modules read, with the variables that only feed others that are read."""
    items = list(walk(cls.children()))
    used: set[str] = set().union(*map(item_reads, items))
    for step in cls.steps:
        if step.kind in ("parameter", "buffer"):
            used |= names_in(step.arguments[0][1]) | names_in_fills(step)
    used |= {name for rule in cls.rules for fill in rule.fills for name in names_in_arguments(fill)}
    used |= {name for export in cls.exports if export.used for name in size_names(export.size)}
    used |= {n for p in cls.parameters if p.computed and p.default is not None for n in names_in(p.default)}
    feeds: defaultdict[str, set[str]] = defaultdict(set)
    for carried in (c for item in items if isinstance(item, Loop) for c in item.carried):
        feeds[carried.name] |= {n for size in (carried.initial, carried.update) for n in size_names(size)}
    for name, node in cls.let:
        feeds[name] |= names_in(node)
    waiting = list(used)
    while waiting:
        more = feeds.get(waiting.pop(), set()) - used
        used |= more
        waiting += more
    return used


def forward_reads(cls: Class) -> set[str]:
    """Every name that the forward method reads: values of the flow, and names that are none."""
    return _returned(cls).union(*map(_step_reads, cls.steps))


def without_unread(cls: Class) -> Class:
    """The class, of whose expressions those do not run that no line of the forward method reads.

    Some are there for the constructor, which makes parameters and buffers of them.
    """
    used, unread = _returned(cls), set[int]()
    held = {name for step in cls.steps for line in step.lines for name in names_in(line.target)}
    for step in reversed(cls.steps):
        named = names_in(step.target)
        plain = step.kind == "compute" and not step.axes and (not _draws(step) or named & held)
        if plain and not used & named:
            unread.add(id(step))
        else:
            used |= _step_reads(step)
    if not unread:
        return cls
    steps: list[Step] = []
    idle: list[tuple[int, Step]] = []
    for step in cls.written():
        if cls.runs(step) and id(step) not in unread:
            steps.append(step)
        else:
            idle.append((len(steps), step))
    return replace(cls, steps=tuple(steps), idle=tuple(idle))


def _step_reads(step: Step) -> set[str]:
    """The names that a line of the forward method reads."""
    used: set[str] = set()
    if step.kind in ("call", "compute"):
        read = {name for _, node in step.arguments for name in names_in(node)}
        header, rounds = header_of(step), rounds_of(step)
        if header is not None and rounds is not None:
            read -= names_in(rounds.target)
            read |= {name for node in header.lists for name in names_in(node)}
        used |= read | read_in_rounds(step)
    condition = condition_of(step)
    return used | names_in(condition) if condition is not None else used


def _returned(cls: Class) -> set[str]:
    """The names that what the forward method returns reads."""
    return {name for node in cls.outputs.values for name in names_in(node)} if cls.outputs is not None else set()


def _draws(step: Step) -> bool:
    """Whether an expression draws random numbers: then it runs, as those that come later depend on it."""
    parts = (part for _, node in step.arguments for part in node.walk())
    return any(isinstance(part, FunctionCall) and part.function in RANDOM for part in parts)


def reads(cls: Class) -> set[str]:
    """Every name that the class reads and that is no value of its own flow."""
    values = {value.name for value in cls.inputs}
    for step in cls.steps:
        values |= names_in(step.target)
    return constructor_reads(cls) | (forward_reads(cls) - values)
