"""Ties: which parameter takes the place of which other, decided once for the builder and the generator.

`self.head.weight = self.embed.weight` holds once both modules are made. A tie to a parameter that is tied itself is
one to the parameter that all of them share, so that the order of these statements hardly matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.expressions import UndecidedError
from archspec.graph import Branch, Call, Class, Group, Item, Loop, Sharing, walk
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.lower.frames import Frame
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.tensors import TensorType


class _Spot(NamedTuple):
    """One module on the way from a class to another one.

    `certain` ones are always there, at one place; so are all modules (`*`) of a loop that alone fills a group.
    """

    name: str
    item: Call | Group
    certain: bool

    @property
    def literal(self) -> bool:
        return self.certain and self.name != "*"


_Way = tuple[_Spot, ...]


class _Room(NamedTuple):
    """A class or group, whose modules a tie within it may name."""

    way: _Way
    items: tuple[Item, ...]


class _Place(NamedTuple):
    """Where a module stands: the rooms around it, outer ones first, and the way to it."""

    rooms: tuple[_Room, ...]
    way: _Way


class _Wish(NamedTuple):
    """A tie as a module of the class says it, or (by `module` or `group`) one within a group that is a class."""

    weight: str
    other: str
    span: Span
    layer: str
    module: str = ""
    group: str = ""
    collected: str = ""


class _Found(NamedTuple):
    """A parameter below a module: the modules of this class on the way to it, and its module's path below the last."""

    way: _Way
    module: tuple[str, ...]
    weight: Weight
    owner: str
    span: Span


class _Target(NamedTuple):
    """What a tie names: a path from one of the rooms, or (None) from outside of a group that reads the names around it.

    `found` is None where a loop, a condition or a mistake leaves open what stands there.
    """

    room: _Room | None
    path: str
    found: _Found | None = None


class _RefusedError(Exception):
    """Why a tie cannot be."""

    def __init__(self, code: str, message: str, help: str = "", related: tuple[Related, ...] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.related = code, message, help, related


class _MissingError(_RefusedError):
    """A path leads to a module that is not there."""


def with_ties(frame: Frame, cls: Class) -> Class:
    """The class with its ties resolved; reports those that cannot be.

    A named step with a mistake is no part of the class. So ties between the others are judged whatever else is wrong,
    and a tie to a step with a mistake is passed over.
    """
    made = (*walk(cls.children()), *frame.lost_groups)
    if not any(isinstance(item, Call) and (item.ties or _lent(item)) for item in made):
        return cls
    return _Resolver(frame, cls).result()


def _lent(item: Call) -> tuple[Sharing, ...]:
    return item.layer.lent if isinstance(item.layer, Class) else ()


def _wishes(item: Call) -> Iterator[_Wish]:
    layer = "" if item.held is not None else item.type_name
    for tie in item.ties:
        yield _Wish(tie.weight, tie.other, tie.span, layer)
    for one in _lent(item):
        yield _Wish(one.weight, one.other, one.span, one.layer, one.module, one.group, one.collected)


# Ways through a class.


def _spots(items: tuple[Item, ...], certain: bool = True) -> Iterator[_Spot]:
    """The modules of a class or group, those of its loops and conditions too."""
    for item in items:
        if isinstance(item, Branch):
            yield from _spots(item.items, certain=False)
        elif isinstance(item, Loop):
            alone = certain and len(items) == 1 and len(item.items) == 1 and isinstance(item.items[0], Call | Group)
            yield from (_Spot("*", spot.item, alone) for spot in _spots(item.items, certain=False))
        else:
            known = item.name is not None and "{" not in item.name
            yield _Spot(str(item.name) if known else "*", item, certain and known)


def _places(items: tuple[Item, ...], rooms: tuple[_Room, ...], way: _Way) -> Iterator[_Place]:
    for spot in _spots(items):
        here = (*way, spot)
        yield _Place(rooms, here)
        if isinstance(spot.item, Group):
            yield from _places(spot.item.items, (*rooms, _Room(here, spot.item.items)), here)


class _Names:
    """The modules of a class or group by their names, as far as these are known."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.spots: dict[str, _Spot] = {}
        self.patterns: list[str] = []
        self.counted = False  # whether there are modules whose number depends on parameters
        for spot in _spots(items):
            own = spot.item.name
            if own is None or (own.isdigit() and not spot.literal):
                self.counted = True
            elif "{" in own:
                self.patterns.append(r"\w+".join(map(re.escape, re.split(r"\{[^{}]*\}", own))))
            else:
                self.spots.setdefault(own, spot)

    def find(self, name: str) -> _Spot | bool:
        """The module of that name; False if there is none, True if that depends on parameters."""
        if name in self.spots:
            return self.spots[name]
        return self.counted if name.isdigit() else any(re.fullmatch(one, name) for one in self.patterns)


def _key(way: _Way) -> tuple[int, ...]:
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
        self.places = list(_places(self.children, (_Room((), self.children),), ()))
        self.names: dict[int, _Names] = {}  # by the number of the tuple of modules
        self.roots: dict[tuple[tuple[int, ...], str, str], _Target] = {}  # of parameters, where a chain of ties ends
        self.by_way = {_key(place.way): place for place in self.places}
        self.shared: list[Sharing] = []
        self.lent: list[Sharing] = []
        self.inside: dict[int, list[Sharing]] = {}  # by the number of the item that a loop or condition makes
        self.lists: dict[tuple[str, str], str] = {}  # the attributes by which a class around this one reaches modules

    def result(self) -> Class:
        top = (_Room((), self.children),)
        lost = (_Place(top, (_Spot(str(one.name), one, True),)) for one in self.frame.lost_groups)
        for place in (*self.places, *lost):
            item = place.way[-1].item
            for wish in _wishes(item) if isinstance(item, Call) else ():
                try:
                    self.resolve(place, wish)
                except _RefusedError as error:
                    self.frame.report.add_at(error.code, error.message, wish.span, error.help, related=error.related)
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

    def find(self, items: tuple[Item, ...], name: str) -> _Spot | bool:
        """The module of that name in a class or group."""
        if id(items) not in self.names:
            self.names[id(items)] = _Names(items)
        return self.names[id(items)].find(name)

    # One tie.

    def resolve(self, place: _Place, wish: _Wish) -> None:
        first = self.target(place, wish.other)
        if self.frame.lowering.unroll and first.found is not None:  # the check with values has compared the others
            self.compare(place, wish, first.found)
        self.add(place, wish, self.root(place, wish, first))

    def target(self, place: _Place, other: str) -> _Target:
        """What a tie at that place names: of the rooms around it, the innermost that has the name comes first."""
        for room in reversed(place.rooms):
            path = other if room.way else self.by_module(other)  # the steps of the class stand in the outermost room
            name, *rest = path.split(".")
            spot = self.find(room.items, name)
            if isinstance(spot, _Spot):
                try:
                    return _Target(room, path, _reach(spot, rest, path))
                except _MissingError:
                    if self.complete:
                        raise
                    return _Target(room, path)
            if spot:
                return _Target(room, path)
        other = self.by_module(other)
        name, *rest = other.split(".")
        if (tensor := _tensor(self.cls, name, rest, other)) is not None:
            return _Target(place.rooms[0], other, tensor)
        own = self.frame.values.get(name) if all(name != one.name for one in self.cls.inputs) else None
        if self.is_group and own is None:
            return _Target(None, other)
        if not self.complete or (not self.sound and own is not None and own.type is None):
            return _Target(place.rooms[0], other)  # a step with a mistake
        raise self.unknown(name, other)

    def by_module(self, other: str) -> str:
        """A path that begins with a step's key, by the name of the step's module."""
        name, dot, rest = other.partition(".")
        called = next((step.module for step in self.cls.written() if step.name == name and step.item is not None), None)
        return f"{called}{dot}{rest}" if called is not None else other

    def unknown(self, name: str, other: str) -> _RefusedError:
        """The refusal of a path whose first name is no module."""
        value = self.frame.value(name)
        if value is not None:
            message = f"`{name}` is a value, and no module: it has no parameters"
            return _RefusedError("AS303", message, "name the layer that is made first, or a `Parameter`")
        known = [spot.name for spot in _spots(self.children) if spot.name != "*"]
        advice = did_you_mean(name, known, "modules") if known else ""
        return _RefusedError("AS303", f"{echo(other)}: no module here is called {echo(name)}", advice)

    def compare(self, place: _Place, wish: _Wish, other: _Found) -> None:
        """Refuses parameters of unlike shapes or dtypes."""
        path = f"{wish.module}.{wish.weight}" if wish.module else wish.weight
        try:
            own = _reach(place.way[-1], path.split("."), path)
        except _MissingError:  # of a group within a group, both with mistakes
            return
        if own is None:
            return
        name = ".".join((*(spot.name for spot in place.way), path))
        related = (Related(f"`{wish.other}` is {_shape(other.weight)}", other.span),)
        if not _alike(own.weight.shape, other.weight.shape):
            message = f"`{name}` is {_shape(own.weight)}, but `{wish.other}` is {_shape(other.weight)}"
            raise _RefusedError("AS502", message, "only parameters of one shape can be shared", related)
        if own.weight.dtype != other.weight.dtype:
            message = f"`{name}` is {own.weight.dtype}, but `{wish.other}` is {other.weight.dtype}"
            raise _RefusedError("AS505", message, "give both layers one `dtype`", related)

    def root(self, place: _Place, wish: _Wish, target: _Target) -> _Target:
        """The parameter that a chain of ties ends at."""
        seen = {(_key(place.way), wish.module, wish.weight): None}
        while target.room is not None and target.found is not None and target.found.way:
            found = target.found
            key = _key((*target.room.way, *found.way)), ".".join(found.module), found.weight.name
            if key in seen:
                message = f"`{wish.weight}` is tied to itself, by way of `{wish.other}`"
                raise _RefusedError("AS304", message, "one of the layers has to have a weight of its own")
            if key in self.roots:
                target = self.roots[key]
                break
            seen[key] = None
            holder = self.by_way[key[0]]
            item = holder.way[-1].item
            wishes = _wishes(item) if isinstance(item, Call) else ()
            following = next((one.other for one in wishes if (one.module, one.weight) == key[1:]), None)
            if following is None:
                break
            try:
                target = self.target(holder, following)
            except _RefusedError:
                break  # told of that tie
        self.roots |= dict.fromkeys(seen, target)
        return target

    # Where it is done.

    def add(self, place: _Place, wish: _Wish, target: _Target) -> None:
        """Notes a tie with the innermost class or group that has both modules."""
        way = target.room.way if target.room is not None else ()
        around = [n for n, room in enumerate(place.rooms) if _key(room.way) == _key(way[: len(room.way)])]
        number = next((n for n in reversed(around) if n and not place.rooms[n].way[-1].literal), 0)
        room = place.rooms[number]
        spots = place.way[len(room.way) :] if not wish.group else ()
        other = ".".join((*(spot.name for spot in way[len(room.way) :]), target.path))
        owner = target.found.owner if target.found is not None else ""
        last = next((n for n in reversed(range(len(spots))) if not spots[n].certain), None)
        below = [spot.name for spot in (spots if last is None else spots[last + 1 :])]
        module = ".".join((*below, *filter(None, [wish.module])))
        known = Sharing(module, wish.weight, other, wish.span, wish.layer, owner, None, wish.group, wish.collected)
        if last is not None:
            groups = sum(len(room.way) <= len(one.way) <= len(room.way) + last for one in place.rooms[number:])
            known = replace(known, within=groups if number else None)
            self.loose(spots[last].item, known, outside=target.room is None)
        elif target.room is None:
            self.lent.append(known)
        elif number:
            self.inside.setdefault(id(room.way[-1].item), []).append(replace(known, within=0))
        else:
            self.shared.append(known)

    def loose(self, item: Call | Group, sharing: Sharing, *, outside: bool) -> None:
        """Notes a tie with a module that stands at no certain place: it holds once that module is made."""
        if outside:
            key = sharing.weight, sharing.other
            if key not in self.lists:
                self.lists[key] = self.list_name()
                self.lent.append(replace(sharing, module="", group=self.cls.name, collected=self.lists[key]))
            sharing = replace(sharing, collected=self.lists[key])
        self.inside.setdefault(id(item), []).append(sharing)

    def list_name(self) -> str:
        """A name for a list of modules."""
        taken = {*self.frame.scope, *self.frame.values, *self.lists.values()}
        return next(name for n in range(1, 10_000) if (name := f"tied_{n}" if n > 1 else "tied") not in taken)


def _reach(spot: _Spot, parts: list[str], path: str) -> _Found | None:
    """The parameter at a path below a module; None where that depends on parameters of the network."""
    item = spot.item
    if isinstance(item, Call) and isinstance(item.layer, Layer):
        return _parameter(spot, item, item.layer, parts, path)
    if not parts:
        raise _RefusedError("AS303", f"`{path}` is a module, and no parameter", _instead(spot, path))
    inside = item.items if isinstance(item, Group) else ()
    if isinstance(item, Call) and isinstance(item.layer, Class):
        inside = item.layer.children()
        if (found := _tensor(item.layer, parts[0], parts[1:], path)) is not None:
            return found._replace(way=(spot,))
    following = _Names(inside).find(parts[0])
    if following is False:
        above = path.split(".")[: -len(parts)]
        kind = item.type_name if isinstance(item, Call) else "Sequential"
        message = f"`{'.'.join(above)}` is a {kind}, which has no `{parts[0]}`"
        raise _MissingError("AS303", message, _instead(spot, ".".join(above)))
    if following is True:
        return None
    assert isinstance(following, _Spot)
    found = _reach(following, parts[1:], path)
    if found is None:
        return None
    if isinstance(item, Group):
        return found._replace(way=(spot, *found.way))
    return found._replace(way=(spot,), module=(*(one.name for one in found.way), *found.module))


def _parameter(spot: _Spot, item: Call, layer: Layer, parts: list[str], path: str) -> _Found | None:
    """The parameter of a layer."""
    above = ".".join(path.split(".")[: -len(parts)] if parts else [path])
    if isinstance(layer, OwnLayer):
        message = f"what parameters `{above}` has is known to PyTorch alone: it is a class of your own"
        raise _RefusedError("AS303", message, "tie the layers of PyTorch's own")
    if any(one.weight == ".".join(parts) for one in item.parametrized):
        message = f"`{path}` is parametrized: PyTorch computes it anew each time, and nothing can share it"
        raise _RefusedError("AS303", message, "leave out `parametrize:`, or the tie")
    try:
        weights = layer.weights()
    except UndecidedError:
        return None
    for weight in weights:
        if weight.name == ".".join(parts) and weight.learnable:
            return _Found((spot,), (), weight, item.type_name if item.held is None else "", item.span)
    kind = item.type_name
    if kind == "Identity":
        message = f"`{above}` is an nn.Identity here, which has no parameters"
        advice = "a step that `when` leaves out has none: tie to it under the same condition"
        raise _RefusedError("AS303", message, advice, (Related(f"`{above}` is made here", item.span),))
    known = [weight.name for weight in weights if weight.learnable]
    message = f"`{above}` is a {kind}, which has no parameter {echo('.'.join(parts))}"
    advice = did_you_mean(".".join(parts), known, "its parameters") if known else "it has none at all"
    if any(weight.name == ".".join(parts) for weight in weights):
        message, advice = f"`{path}` is a buffer of {kind}, and no parameter", "only parameters are shared"
    raise _RefusedError("AS303", message, advice, (Related(f"`{above}` is made here", item.span),))


def _tensor(cls: Class, name: str, rest: list[str], path: str) -> _Found | None:
    """The `Parameter` of a class that has that name."""
    step = next((one for one in cls.steps if one.name == name and one.kind in ("parameter", "buffer")), None)
    if step is None:
        return None
    if step.kind == "buffer" or rest:
        message = f"`{name}` is a Buffer, and no parameter" if not rest else f"`{name}` is a tensor, and no module"
        raise _RefusedError("AS303", message, f"tie to a Parameter: `{path.removesuffix('.' + '.'.join(rest))}`")
    if not isinstance(step.output, TensorType):
        return None
    return _Found((), (), Weight(name, step.output.shape, step.output.dtype), "", step.span)


def _instead(spot: _Spot, path: str) -> str:
    """What to write in place of the path of a module that is no layer."""
    inside = spot.item.items if isinstance(spot.item, Group) else ()
    if isinstance(spot.item, Call):
        inside = spot.item.layer.children() if isinstance(spot.item.layer, Class) else ()
    known = [one for one in _spots(inside) if one.literal]
    shown = [f"`{path}.{one.name}`" for one in known[:3]]
    if not shown:
        return "name a parameter of a layer: `wte.weight`"
    return f"in it are {', '.join(shown)}{', …' if len(known) > 3 else ''}"


def _alike(one: tuple[Size, ...], other: tuple[Size, ...]) -> bool:
    """Whether two shapes may be one."""
    if len(one) != len(other):
        return False
    return all(dimensions.equal(a, b) is not False for a, b in zip(one, other, strict=True))


def _shape(weight: Weight) -> str:
    return f"[{', '.join(map(show, weight.shape))}]"
