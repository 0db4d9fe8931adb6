"""Sizes that leave a class: formulas of its parameters, or attributes that hold what its loops came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archspec import dimensions
from archspec.dimensions import Dimension, Size, Unknown, is_unknown
from archspec.expressions import Scope
from archspec.graph import Class, Export, Flow, Item, Loop, names_in, size_names, walk
from archspec.lower.frames import Frame
from archspec.lower.lifetimes import attribute_of
from archspec.lower.lists import each_part, substitute
from archspec.lower.sites import Site

_OUT = {"in_channels": "out_channels", "in_features": "out_features"}


def with_exports(frame: Frame, cls: Class) -> Class:
    """The class with its output in terms that its callers can read.

    A size that a loop changes is what it comes to, where a formula says it; else, in a block, an attribute, which the
    constructor sets if a caller reads it.
    """
    taken = frame.scope.keys() | frame.locals.taken
    bound = {name for item in walk(cls.children()) if isinstance(item, Loop) for name in names_in(item.target)}
    is_block = bool(frame.lowering.open_blocks) or frame.outer is not None
    exports: dict[str, Size] = {}

    def close(size: Size) -> Size:
        formula = frame.locals.without_variables(size)
        own = any("." in name for name in size_names(formula))  # an attribute of a module that it holds
        said = not own and not is_unknown(formula)
        if not is_block or said or is_unknown(size) or size_names(size) & bound:
            return formula
        known = next((name for name, export in exports.items() if export == size), None)
        if known is not None:
            return dimensions.symbol(known)
        held = (frame.locals.holds(size) or "size").rstrip("_0123456789")
        stem = _OUT.get(held, f"out_{held}")
        names = (stem if n == 1 else f"{stem}_{n}" for n in range(1, 10_000))
        name = next(one for one in names if one not in taken and one not in exports)
        exports[name] = size
        return dimensions.symbol(name)

    output = each_size(cls.output, close)
    used = frame.lowering.hints.exports
    return replace(
        cls, output=output, exports=tuple(Export(one, size, (cls.name, one) in used) for one, size in exports.items())
    )


def exported_sizes(frame: Frame, cls: Class, site: Site) -> Scope:
    """What the attributes of a block's output are to the constructor that makes the block."""
    name = site.name
    if site.container is frame.container and name is not None and name.isidentifier():
        return {export.name: dimensions.symbol(attribute_of(name, export.name)) for export in cls.exports}
    why = f"a loop in `{cls.name}` changes it, and only a step with a name can be asked for it"
    return {export.name: dimensions.of(Unknown(why)) for export in cls.exports}


def received_sizes(frame: Frame, flows: tuple[Flow | None, ...]) -> dict[str, str]:
    """Names for what a group takes from the modules around it: for each attribute that its input's sizes read, one."""
    attributes = sorted({name for flow in flows for name in size_names(flow) if "." in name})
    return {name: frame.locals.fresh(name.rpartition(".")[2]) for name in attributes}


def same_variables(first: Item, again: Item) -> Flow | None:
    """The output of a module that runs once more, in terms of the variables of its first reading.

    None where no constructor has a variable for a size: the rounds of a loop begin with another size than they did.
    """
    names: dict[str, Size] = {}
    unknown: set[str] = set()
    for one, other in zip(walk((first,)), walk((again,)), strict=False):
        if isinstance(one, Loop) and isinstance(other, Loop):
            for a, b in zip(one.carried, other.carried, strict=False):
                before = None if b.initial is None else substitute(b.initial, names)
                names[b.name] = dimensions.symbol(a.name)
                # Rounds that end with one size, or none of which runs, end alike wherever they begin.
                if before is None or a.initial is None or before == a.initial:
                    continue
                if before != names[b.name] or a.name in size_names(a.update):
                    unknown.add(b.name)
    if unknown & size_names(again.output):
        return None
    output: Flow | None = substitute(again.output, names)
    return output


def each_size(flow: Flow | None, change: Callable[[Size], Size]) -> Flow | None:
    """A type with each of its sizes changed."""
    found: Flow | None = each_part(flow, lambda size: change(size) if isinstance(size, Dimension) else size)
    return found
