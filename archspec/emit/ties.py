"""The statements of a constructor by which modules share parameters: `self.head.weight = self.embed.weight`.

Each stands as early as it can: once both modules are made. A module that stands at no certain place, as conditions and
loops make it, is told to share where it is made, or collected in a list until the other one is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.emit.names import FreeNames
from archspec.emit.statement import relative
from archspec.emit.text import INDENT, Expression, is_attribute, member
from archspec.graph import Branch, Call, Class, Group, Item, Sharing, module_of, walk

_TENSORS = {f"{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3)}
_TENSORS |= {"Bilinear", "Embedding", "EmbeddingBag", "Linear"}
"""The layers whose `weight` PyTorch declares as a Tensor: to a type checker, that of one may be that of another."""

_Lists = dict[tuple[str, str, bool], str]
"""By a parameter, the one to take its place, and whether that is frozen: the variable that collects the modules."""


class Ties:
    """What a constructor has still to share, while its statements are written."""

    def __init__(self, cls: Class, names: FreeNames) -> None:
        self.cls = cls
        self.made: set[str] = set()  # the attributes that exist
        self.making = ""  # the one that is being made
        self.pending: dict[str, set[str]] = {}  # by the variable of a list: the attributes that its modules are in
        self.waiting: dict[str, list[Sharing]] = {}  # by the attribute that has the module
        self.awaited: dict[str, set[str]] = {}  # by an attribute, those that take a parameter of it
        for one in cls.shared:
            self.waiting.setdefault(_first(one.module), []).append(one)
            self.awaited.setdefault(_first(one.other), set()).add(_first(one.module))
        self.groups: list[_Lists] = [{}]  # of the class, then of each group that is being made
        self.names = names
        self.layers: list[str] = []  # variables of loops within one another

    def layer(self, depth: int = 0) -> str:
        """The variable of a loop over modules, at that depth of such loops."""
        while len(self.layers) <= depth:
            self.layers.append(self.names.fresh("layer"))
        return self.layers[depth]

    # The class.

    def declared(self) -> list[str]:
        """The lists that the constructor begins with."""
        return [f"{name}: list[nn.Module] = []" for name in self.groups[0].values()]

    def attributes(self) -> list[str]:
        """The lists that a class around this one reads."""
        shared = (one for item in walk(self.cls.children()) for one in _shared(item) if not one.group)
        names = dict.fromkeys(one.collected for one in shared if one.collected)
        return [f"self.{name}: list[nn.Module] = []" for name in names]

    def step(self, name: str) -> list[str]:
        """What can be shared now that this attribute exists."""
        self.made.add(name)
        lines = []
        for first in sorted({name} | self.awaited.get(name, set())):
            waiting = self.waiting.pop(first, [])
            ready = [one for one in waiting if first in self.made and self.is_there(one, first)]
            if len(ready) < len(waiting):
                self.waiting[first] = [one for one in waiting if one not in ready]
            lines += [line for one in ready for line in self.static(one)]
        return lines

    def is_there(self, one: Sharing, first: str) -> bool:
        """Whether the other parameter is there, and is its module's own by now; `first` holds the module."""
        other = _first(one.other)
        later = other != first and other in self.waiting
        later = later or any(other in names for names in self.pending.values())
        return other in self.made and (not later or bool(one.owner))

    def rest(self) -> list[str]:
        """What is shared once everything is made, parameters that others take first."""
        lines: list[str] = []
        waiting = [(first, one) for first, several in self.waiting.items() for one in several]
        entries = [({first}, _first(one.other), self.static(one)) for first, one in waiting]
        for (weight, other, frozen), name in self.groups[0].items():
            statements = _tied(f"{self.layer()}.{weight}", self.parameter(other), INDENT, frozen)
            entries.append((self.pending[name], _first(other), [f"for {self.layer()} in {name}:", *statements]))
        while entries:
            free = (e for e in entries if all(e is two or e[1] not in two[0] for two in entries))
            entry = next(free, entries[0])
            entries.remove(entry)
            lines += entry[2]
        return lines

    def static(self, one: Sharing) -> list[str]:
        """The statement for modules at a certain place."""
        if one.group:
            return self.in_groups("self", one, self.parameter(one.other), "")
        lines, indent, ref = [], "", "self"
        cls: Class | None = self.cls
        *around, last = one.module.split("*")
        for depth, part in enumerate(around):
            ref, kind = self.module(ref, part.strip("."), cls)
            lines.append(f"{indent}for {self.layer(depth)} in {ref if kind == 'sequential' else f'{ref}.children()'}:")
            indent, ref, cls = indent + INDENT, self.layer(depth), None
        ref, kind = self.module(ref, last.strip("."), cls)
        value = self.parameter(one.other, one, typed=kind == "layer")
        return [*lines, *_tied(f"{ref}.{one.weight}", value, indent, one.frozen)]

    def in_groups(self, ref: str, one: Sharing, value: str, indent: str) -> list[str]:
        """The statements for modules that groups of a class have collected."""
        outer, inner = self.layer(), self.layer(1)
        return [
            f"{indent}for {outer} in {ref}.modules():",
            f"{indent}{INDENT}if isinstance({outer}, {one.group}):",
            f"{indent}{INDENT * 2}for {inner} in {outer}.{one.collected}:",
            *_tied(f"{inner}.{one.weight}", value, f"{indent}{INDENT * 3}", one.frozen),
        ]

    def module(self, ref: str, path: str, cls: Class | None) -> tuple[str, str]:
        """A module by its path, as a type checker knows its parts; and whether it is a `layer` or `sequential`."""
        if cls is None:  # a variable
            return _below(ref, path, ""), ""
        ref, rest, kind, _ = self.typed(ref, path, cls)
        return _below(ref, rest, kind), kind if not rest else ""

    def typed(self, ref: str, path: str, within: Class) -> tuple[str, str, str, Item | None]:
        """The attributes that lead towards a module, the rest of the path, and what the last attribute is."""
        parts = path.split(".") if path else []
        cls: Class | None = within
        kind = "sequential" if within.sequential else "class"
        item: Item | None = None
        while parts and cls is not None and not cls.sequential:
            item = next((module_of(s.item) for s in cls.written() if s.module == parts[0] and s.item is not None), None)
            if item is None or not is_attribute(parts[0], ref):
                break
            ref, parts = member(parts[0], ref), parts[1:]
            cls = item.layer if isinstance(item, Call) and isinstance(item.layer, Class) else None
            kind = "layer" if isinstance(item, Call) else "module" if isinstance(item, Branch) else "sequential"
            if cls is not None:
                kind = "sequential" if cls.sequential else "class"
        return ref, ".".join(parts), kind, item

    def parameter(self, path: str, one: Sharing | None = None, *, typed: bool = False) -> str:
        """A parameter by its path from `self`."""
        ref, rest, kind, item = self.typed("self", path, self.cls)
        if item is None and rest == path and any(s.name == path and s.kind == "parameter" for s in self.cls.steps):
            return f"self.{path}"
        plain = kind == "layer" and one is not None and "." not in rest and _same_type(one, rest, typed)
        return f"{ref}.{rest}" if plain else f'{ref}.get_parameter("{rest}")'

    # What loops and conditions make.

    def begin(self) -> None:
        """A group is being made."""
        self.groups.append({})

    def end(self, ref: str, indent: str) -> tuple[list[str], list[str]]:
        """What stands before the statements that make a group, and after them."""
        lists = self.groups.pop()
        before = [f"{indent}{name}: list[nn.Module] = []" for name in lists.values()]
        after: list[str] = []
        for (weight, other, frozen), name in lists.items():
            value = f'{ref}.get_parameter("{other}")'
            after.append(f"{indent}for {self.layer()} in {name}:")
            after += _tied(f"{self.layer()}.{weight}", value, f"{indent}{INDENT}", frozen)
        return before, after

    def of(self, item: Item, ref: str, indent: str) -> Iterator[str]:
        """What a module shares that has just been made, and that `ref` is."""
        for one in _shared(item):
            target = _below(ref, one.module, "")
            below = f'{ref}.get_parameter("{one.other}")'
            if one.group:
                yield from self.in_groups(ref, one, below, indent)
            elif one.collected:
                yield f"{indent}self.{one.collected}.append({target})"
            elif one.within == 0:
                yield from _tied(f"{target}.{one.weight}", below, indent, one.frozen)
            elif one.within is None and self.is_there(one, self.making):
                yield from _tied(f"{target}.{one.weight}", self.parameter(one.other, one), indent, one.frozen)
            else:
                yield f"{indent}{self.variable(one)}.append({target})"

    def variable(self, one: Sharing) -> str:
        """The variable that collects the modules of a tie until the other one is there."""
        lists = self.groups[0 if one.within is None else -one.within]
        key = one.weight, one.other, one.frozen
        if key not in lists:
            lists[key] = self.names.fresh("tied")
        if one.within is None:
            self.pending.setdefault(lists[key], set()).add(self.making)
        return lists[key]


def _tied(parameter: str, other: str, indent: str, frozen: bool) -> list[str]:
    """The statements by which one parameter is the other one from then on, which is frozen where the first one is."""
    head, found, path = f"{parameter} = {other}".partition(".get_parameter(")
    tied = Expression(f"{head}.get_parameter", [Expression(path.removesuffix(")"))]) if found else Expression(head)
    return [*relative(tied, indent), *([f"{indent}{other}.requires_grad_(False)"] if frozen else [])]


def _shared(item: Item) -> tuple[Sharing, ...]:
    return item.shared if isinstance(item, Call | Group) else ()


def _first(path: str) -> str:
    return path.partition(".")[0]


def _below(ref: str, path: str, kind: str) -> str:
    """A module below another one, of which a type checker knows no parts."""
    if not path:
        return ref
    return f"{ref}[{path}]" if kind == "sequential" and path.isdigit() else f'{ref}.get_submodule("{path}")'


def _same_type(one: Sharing, name: str, typed: bool) -> bool:
    """Whether a type checker takes the one attribute for the other."""
    if name == one.weight == "weight" and one.owner in _TENSORS:
        return not typed or one.layer in _TENSORS
    return typed and one.owner == one.layer and name == one.weight
