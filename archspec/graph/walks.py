"""Walks over the modules of a class or a network, each with its dotted path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from archspec.graph.classes import Class, Step
from archspec.graph.items import Branch, Call, Group, Item, Loop, module_of
from archspec.graph.names import Flow, pattern_of
from archspec.tensors import TensorType

if TYPE_CHECKING:
    from archspec.graph.network import Graph


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Every item of one class, outer ones first; what is inside a block belongs to the block's class."""
    for item in items:
        item = module_of(item)
        yield item
        if not isinstance(item, Call):
            yield from walk(item.items)


def modules(items: tuple[Item, ...], prefix: str = "", *, opened: bool = True) -> Iterator[tuple[str, Item]]:
    """Every module below with its dotted path, those inside of blocks too if they are `opened`.

    Loops and branches have no place in a path; what they repeat is `*`.
    """
    for item in map(module_of, items):
        if isinstance(item, Loop | Branch):
            yield prefix.removesuffix("."), item
            yield from modules(item.items, prefix, opened=opened)
            continue
        path = f"{prefix}{pattern_of(getattr(item, 'name', None))}"
        yield path, item
        inside = item.items if not isinstance(item, Call) else ()
        if opened and isinstance(item, Call) and isinstance(item.layer, Class):
            inside = item.layer.children()
        yield from modules(inside, f"{path}.", opened=opened)


def placed(items: Iterable[Item], head: str) -> Iterator[tuple[str, Call | Group]]:
    """The modules that items come to, each with its path; `*` stands for what parameters decide."""
    for item in map(module_of, items):
        if isinstance(item, Loop | Branch):
            yield from placed(item.items, head)
        else:
            yield f"{head}{pattern_of(item.name)}", item


def frozen_paths(items: Iterable[Item], head: str) -> Iterator[str]:
    """The paths of what is frozen in a class."""
    for path, item in placed(items, head):
        if not item.trainable:
            yield path
        elif isinstance(item, Group):
            yield from frozen_paths(item.items, f"{path}.")
        elif isinstance(item, Call) and isinstance(item.layer, Class):
            yield from frozen_paths(item.layer.children(), f"{path}.")


def outputs(graph: Graph, of: Callable[[TensorType], Any]) -> dict[str, Any]:
    """Something of every step's output, by the step's dotted path, for an unrolled graph.

    Where one module runs several times, its first run is told.
    """
    return {path: part(step.output, of) for path, step in ran(graph)}


def part(flow: Flow | None, of: Callable[[TensorType], Any]) -> Any:
    """Something of a tensor, or of each one of several values; None for what is none, and for what is not known."""
    if flow is None or isinstance(flow, TensorType):
        return None if flow is None else of(flow)
    return tuple(part(one, of) for one in flow) if isinstance(flow, tuple) else None  # a number has no shape


def ran(graph: Graph) -> Iterator[tuple[str, Step | Item]]:
    """Every step of an unrolled graph by its dotted path, and what is within it; a named one as its step."""

    def below(cls: Class, prefix: str) -> Iterator[tuple[str, Step | Item]]:
        for step in cls.written():
            if step.kind == "weight":
                continue
            if step.item is None:
                yield f"{prefix}{step.key}", step
            else:
                yield from inside(step.item, prefix, step)
        for item in cls.items:
            yield from inside(item, prefix)

    def inside(item: Item, prefix: str, step: Step | None = None) -> Iterator[tuple[str, Step | Item]]:
        path = f"{prefix}{pattern_of(getattr(item, 'name', None))}"
        if isinstance(item, Group) and item.module is not None:
            for run in item.items[:1]:
                yield from inside(run, prefix)
            yield path, step or item
            return
        yield path, step or item
        if isinstance(item, Call):
            if isinstance(item.layer, Class):
                yield from below(item.layer, f"{path}.")
        else:
            for child in item.items:
                yield from inside(child, f"{path}.")

    return below(graph.main, "")


def tied_names(cls: Class, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The names of tied weights of a class, each with the name of the weight that it takes."""
    for one in cls.shared:
        yield f"{prefix}{one.module}.{one.weight}".replace("..", ".").lstrip("."), f"{prefix}{one.other}"
    for path, item in modules(cls.children(), opened=False):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            yield from tied_names(item.layer, f"{prefix}{path}.")
