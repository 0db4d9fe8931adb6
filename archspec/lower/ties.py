"""Ties: which parameter takes the place of which other, decided once for the builder and the generator.

`self.head.weight = self.embed.weight` holds once both modules are made. A tie to a parameter that is tied itself is
one to the parameter that all of them share, so that the order of these statements hardly matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from archspec import dimensions
from archspec.dimensions import Size
from archspec.graph import Call, Class, Group, Item, Sharing, walk
from archspec.lower.frames import Frame
from archspec.lower.tie_targets import (
    FoundWeight,
    MissingModuleError,
    ModuleNames,
    RefusedTieError,
    Spot,
    Way,
    find_weight,
    held_tensor,
    shape_text,
    spots,
)
from archspec.problems import Related, Span, did_you_mean, echo


class Enclosure(NamedTuple):
    """A class or group, whose modules a tie within it may name."""

    way: Way
    items: tuple[Item, ...]


class _Position(NamedTuple):
    """Where a module stands: the enclosures around it, outer ones first, and the way to it."""

    enclosures: tuple[Enclosure, ...]
    way: Way


class _Request(NamedTuple):
    """A tie as a module of the class says it, or (by `module` or `group`) one within a group that is a class."""

    weight: str
    other: str
    span: Span
    layer: str
    module: str = ""
    group: str = ""
    collected: str = ""
    frozen: bool = False


class _Target(NamedTuple):
    """What a tie names: a path from one of the enclosures; from none, in a group that reads the names around it.

    `found` is None where a loop, a condition or a mistake leaves open what stands there.
    """

    enclosure: Enclosure | None
    path: str
    found: FoundWeight | None = None


def with_ties(frame: Frame, cls: Class) -> Class:
    """The class with its ties resolved; reports those that cannot be.

    A named step with a mistake is no part of the class. So ties between the others are judged whatever else is wrong,
    and a tie to a step with a mistake is passed over.
    """
    made = (*walk(cls.children()), *frame.wrong_groups)
    if not any(isinstance(item, Call) and (item.ties or _lent(item)) for item in made):
        return cls
    return _Resolver(frame, cls).result()


def _lent(item: Call) -> tuple[Sharing, ...]:
    return item.layer.lent if isinstance(item.layer, Class) else ()


def _requests(item: Call) -> Iterator[_Request]:
    layer = "" if item.held is not None else item.type_name
    for tie in item.ties:
        yield _Request(tie.weight, tie.other, tie.span, layer)
    for one in _lent(item):
        yield _Request(one.weight, one.other, one.span, one.layer, one.module, one.group, one.collected, one.frozen)


# Ways through a class.


def _positions(items: tuple[Item, ...], enclosures: tuple[Enclosure, ...], way: Way) -> Iterator[_Position]:
    for spot in spots(items):
        here = (*way, spot)
        yield _Position(enclosures, here)
        if isinstance(spot.item, Group):
            yield from _positions(spot.item.items, (*enclosures, Enclosure(here, spot.item.items)), here)


def _key(way: Way) -> tuple[int, ...]:
    return tuple(id(spot.item) for spot in way)


class _Resolver:
    """Resolves the ties of one class."""

    def __init__(self, frame: Frame, cls: Class) -> None:
        self.frame = frame
        self.cls = cls
        self.is_group = frame.outer is not None
        self.sound = len(frame.report.problems) == frame.problems and not frame.report.passed_over
        self.complete = self.sound or not (cls.items or frame.report.passed_over)
        """Whether its modules are all there is: of a list with a mistake, names may be missing."""
        self.children = cls.children()  # once: modules are told apart by what they are
        self.positions = list(_positions(self.children, (Enclosure((), self.children),), ()))
        self.names: dict[int, ModuleNames] = {}  # by the number of the tuple of modules
        self.roots: dict[tuple[tuple[int, ...], str, str], _Target] = {}  # of parameters, where a chain of ties ends
        self.circles: set[tuple[tuple[int, ...], str, str]] = set()  # parameters that end in themselves
        self.by_way = {_key(position.way): position for position in self.positions}
        self.shared: list[Sharing] = []
        self.lent: list[Sharing] = []
        self.inside: dict[int, list[Sharing]] = {}  # by the number of the item that a loop or condition makes
        self.lists: dict[tuple[str, str, bool], str] = {}
        """The attributes by which a class around this one reaches modules."""

    def result(self) -> Class:
        top = (Enclosure((), self.children),)
        wrong = (_Position(top, (Spot(str(one.name), one, True),)) for one in self.frame.wrong_groups)
        for position in (*self.positions, *wrong):
            item = position.way[-1].item
            for request in _requests(item) if isinstance(item, Call) else ():
                try:
                    self.resolve(position, request)
                except RefusedTieError as error:
                    self.frame.report.add_at(error.code, error.message, request.span, error.help, related=error.related)
        cls = self.cls
        if self.inside:
            steps = (s if s.item is None else replace(s, item=self.rebuilt((s.item,))[0]) for s in cls.steps)
            idle = ((n, replace(s, item=self.rebuilt((s.item,))[0])) for n, s in cls.idle if s.item is not None)
            cls = replace(cls, items=self.rebuilt(cls.items), steps=tuple(steps), idle=tuple(idle))
        return replace(cls, shared=tuple(self.shared), lent=tuple(self.lent))

    def rebuilt(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """The items, each with what is shared once it is made."""
        found: list[Item] = []
        for item in items:
            made = item if isinstance(item, Call) else replace(item, items=self.rebuilt(item.items))
            if isinstance(made, Group) and made.module is not None:
                made = replace(made, module=self.rebuilt((made.module,))[0])
            more = tuple(self.inside.get(id(item), ()))
            found.append(replace(made, shared=more) if more and isinstance(made, Call | Group) else made)
        return tuple(found)

    def find(self, items: tuple[Item, ...], name: str) -> Spot | bool:
        """The module of that name in a class or group."""
        if id(items) not in self.names:
            self.names[id(items)] = ModuleNames(items)
        return self.names[id(items)].find(name)

    # One tie.

    def resolve(self, position: _Position, request: _Request) -> None:
        first = self.target(position, request.other)
        if self.frame.lowering.unroll and first.found is not None:  # the check with values has compared the others
            self.compare(position, request, first.found)
        self.add(position, request, self.root(position, request, first))

    def target(self, position: _Position, other: str) -> _Target:
        """What a tie at that place names: of the enclosures around it, the innermost that has the name comes first."""
        for enclosure in reversed(position.enclosures):
            path = other if enclosure.way else self.by_module(other)  # the class's own steps stand in the outermost
            name, *rest = path.split(".")
            spot = self.find(enclosure.items, name)
            if isinstance(spot, Spot):
                try:
                    return _Target(enclosure, path, find_weight(spot, rest, path))
                except MissingModuleError:
                    if self.complete:
                        raise
                    return _Target(enclosure, path)
            if spot:
                return _Target(enclosure, path)
        other = self.by_module(other)
        name, *rest = other.split(".")
        if (tensor := held_tensor(self.cls, name, rest, other)) is not None:
            return _Target(position.enclosures[0], other, tensor)
        own = self.frame.values.get(name) if all(name != one.name for one in self.cls.inputs) else None
        if self.is_group and own is None:
            return _Target(None, other)
        if not self.complete or (not self.sound and own is not None and own.type is None):
            return _Target(position.enclosures[0], other)  # a step with a mistake
        raise self.unknown(name, other)

    def by_module(self, other: str) -> str:
        """A path that begins with a step's key, by the name of the step's module."""
        name, dot, rest = other.partition(".")
        called = next((step.module for step in self.cls.written() if step.name == name and step.item is not None), None)
        return f"{called}{dot}{rest}" if called is not None else other

    def unknown(self, name: str, other: str) -> RefusedTieError:
        """The refusal of a path whose first name is no module."""
        value = self.frame.value(name)
        if value is not None:
            message = f"`{name}` is a value, not a module: it has no parameters"
            return RefusedTieError("AS303", message, "name the layer that is created first, or a `Parameter`")
        known = [spot.name for spot in spots(self.children) if spot.name != "*"]
        advice = did_you_mean(name, known, "modules") if known else ""
        return RefusedTieError("AS303", f"{echo(other)}: there is no module {echo(name)}", advice)

    def compare(self, position: _Position, request: _Request, other: FoundWeight) -> None:
        """Refuses parameters of different shapes or dtypes."""
        path = f"{request.module}.{request.weight}" if request.module else request.weight
        try:
            own = find_weight(position.way[-1], path.split("."), path)
        except MissingModuleError:  # of a group within a group, both with mistakes
            return
        if own is None:
            return
        name = ".".join((*(spot.name for spot in position.way), path))
        related = (Related(f"`{request.other}` is {shape_text(other.weight)}", other.span),)
        if not _alike(own.weight.shape, other.weight.shape):
            message = f"`{name}` is {shape_text(own.weight)}, but `{request.other}` is {shape_text(other.weight)}"
            raise RefusedTieError("AS502", message, "only parameters of the same shape can be shared", related)
        if own.weight.dtype != other.weight.dtype:
            message = f"`{name}` is {own.weight.dtype}, but `{request.other}` is {other.weight.dtype}"
            raise RefusedTieError("AS505", message, "give both layers the same `dtype`", related)

    def root(self, position: _Position, request: _Request, target: _Target) -> _Target:
        """The parameter that a chain of ties ends at."""
        seen = {(_key(position.way), request.module, request.weight): None}
        while target.enclosure is not None and target.found is not None and target.found.way:
            found = target.found
            key = _key((*target.enclosure.way, *found.way)), ".".join(found.module), found.weight.name
            if key in self.circles:
                break  # told of one of its ties
            if key in seen:
                self.circles |= seen.keys()
                message = f"`{request.weight}` is tied to itself, through `{request.other}`"
                raise RefusedTieError("AS304", message, "one of the layers must have its own weight")
            if key in self.roots:
                target = self.roots[key]
                break
            seen[key] = None
            holder = self.by_way[key[0]]
            item = holder.way[-1].item
            wishes = _requests(item) if isinstance(item, Call) else ()
            following = next((one.other for one in wishes if (one.module, one.weight) == key[1:]), None)
            if following is None:
                break
            try:
                target = self.target(holder, following)
            except RefusedTieError:
                break  # told of that tie
        self.roots |= dict.fromkeys(seen, target)
        return target

    # Where it is done.

    def add(self, position: _Position, request: _Request, target: _Target) -> None:
        """Notes a tie with the innermost class or group that has both modules."""
        way = target.enclosure.way if target.enclosure is not None else ()
        ways = [one.way for one in position.enclosures]
        around = [n for n, one in enumerate(ways) if _key(one) == _key(way[: len(one)])]
        number = next((n for n in reversed(around) if n and not ways[n][-1].literal), 0)
        enclosure = position.enclosures[number]
        inside = position.way[len(enclosure.way) :] if not request.group else ()
        other = ".".join((*(spot.name for spot in way[len(enclosure.way) :]), target.path))
        owner = target.found.owner if target.found is not None else ""
        last = next((n for n in reversed(range(len(inside))) if not inside[n].certain), None)
        below = [spot.name for spot in (inside if last is None else inside[last + 1 :])]
        module = ".".join((*below, *filter(None, [request.module])))
        frozen = request.frozen or not all(spot.item.trainable for spot in position.way)
        known = Sharing(
            module,
            request.weight,
            other,
            request.span,
            request.layer,
            owner,
            group=request.group,
            collected=request.collected,
            frozen=frozen,
        )
        if last is not None:
            depth = len(enclosure.way)
            groups = sum(depth <= len(one) <= depth + last for one in ways[number:])
            known = replace(known, within=groups if number else None)
            self.loose(inside[last].item, known, outside=target.enclosure is None)
        elif target.enclosure is None:
            self.lent.append(known)
        elif number:
            self.inside.setdefault(id(enclosure.way[-1].item), []).append(replace(known, within=0))
        else:
            self.shared.append(known)

    def loose(self, item: Call | Group, sharing: Sharing, *, outside: bool) -> None:
        """Notes a tie with a module that stands at no certain place: it holds once that module is made."""
        if outside:
            key = sharing.weight, sharing.other, sharing.frozen
            if key not in self.lists:
                self.lists[key] = self.list_name()
                self.lent.append(replace(sharing, module="", group=self.cls.name, collected=self.lists[key]))
            sharing = replace(sharing, collected=self.lists[key])
        self.inside.setdefault(id(item), []).append(sharing)

    def list_name(self) -> str:
        """A name for a list of modules."""
        taken = {*self.frame.scope, *self.frame.values, *self.lists.values()}
        return next(name for n in range(1, 10_000) if (name := f"tied_{n}" if n > 1 else "tied") not in taken)


def _alike(one: tuple[Size, ...], other: tuple[Size, ...]) -> bool:
    """Whether two shapes may be one."""
    if len(one) != len(other):
        return False
    return all(dimensions.equal(a, b) is not False for a, b in zip(one, other, strict=True))
