"""Sequence parallelism: between the layers that are cut, ranks hold blocks of the sequence in place of whole values.

What a row layer sums up is scattered along its second last axis, and gathered where something reads all of it. Norms
between the two run on each rank's own block. The network is followed again with this cut alone, until nothing reads a
block that needs the whole: each time a place is found where it is gathered, or a layer that sums up whole after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from archspec.cuts import Passing
from archspec.expressions import Name
from archspec.flow import Applied, leaves
from archspec.graph import Call, Class
from archspec.layers import Layer
from archspec.storage import DROPPING
from archspec.tensors import TensorType
from archspec.views.plan.cutting import Cutting
from archspec.views.plan.roles import MOST_ROUNDS, Roles
from archspec.views.plan.tokens import Piece, Reason, Token

Entry: TypeAlias = tuple[str, int]
"""An input of a block, by the block's path and the input's place."""

FEWEST_AXES = 3
"""A value of fewer axes has no sequence: [N, T, C]."""

SHARED = 2
"""So many cut layers that read one input of a block have it gathered once, where the block begins."""


@dataclass(frozen=True, slots=True)
class Entered:
    """An input of a block that is gathered where the block begins; `shape` is that of the whole value."""

    places: int
    """How many inputs the block is called with."""
    place: int
    axis: int
    type: TensorType
    learns: bool
    readers: tuple[str, ...]
    """The layers that read it."""
    together: bool
    """Whether cut layers alone read it, so that what flows back to it is summed up once."""


@dataclass(frozen=True, slots=True)
class Scattered:
    """A whole value of which each rank keeps its block, behind the layer that made it."""

    axis: int
    type: TensorType
    learns: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """An input of a block that is whole, and of which each rank keeps its block there."""

    places: int
    """How many inputs the block is called with."""
    place: int
    value: Scattered


@dataclass(frozen=True, slots=True)
class Sequenced:
    """Where a network is cut along the sequence, by the paths of layers and blocks."""

    sums: Mapping[str, int] = field(default_factory=dict)
    """Row layers whose sums are scattered, each along an axis."""
    norms: Mapping[str, int] = field(default_factory=dict)
    """Layers that run on a block of the sequence, and have weights or draw numbers."""
    read: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    """Layers that gather what they read: the axis, and whether they are cut layers."""
    entered: Mapping[str, tuple[Entered, ...]] = field(default_factory=dict)
    """Blocks that gather what they read."""
    gathered: Mapping[str, TensorType] = field(default_factory=dict)
    """Norms whose output is gathered behind them."""
    scattered: Mapping[str, Scattered] = field(default_factory=dict)
    """Layers behind which each rank keeps its block."""
    begun: Mapping[str, Begun] = field(default_factory=dict)
    """Blocks that take whole values, of which each rank keeps its block."""
    whole: Mapping[str, Reason] = field(default_factory=dict)
    """Row layers that sum up whole, and why."""
    operations: Sequence[tuple[bool, ...]] = ()
    """For each layer and function that ran, in order: whether each tensor that it made is cut along the sequence."""

    @property
    def shared(self) -> frozenset[str]:
        """Cut layers that read what a block has gathered for all of them."""
        return frozenset(path for some in self.entered.values() for one in some if one.together for path in one.readers)


@dataclass(frozen=True, slots=True)
class _Part(Piece):
    """A tensor that flows, with where it comes from: the layer that made it, the input of a block that it is."""

    maker: str = ""
    entry: Entry | None = None
    """The innermost block's input that it is, where it is cut."""
    origin: Entry | None = None
    """The same of a value that is whole."""


@dataclass(slots=True)
class _Decisions:
    """What has been found so far; each round adds to it."""

    whole: dict[str, Reason] = field(default_factory=dict)
    gathered: set[str] = field(default_factory=set)
    entered: set[Entry] = field(default_factory=set)
    scattered: dict[str, int] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)
    """Layers whose output is not scattered, as nothing came of it."""


def sequenced(main: Class, roles: Roles, degree: int) -> Sequenced:
    """Where the network is cut along the sequence, for so many ranks."""
    decided = _Decisions()
    for _ in range(MOST_ROUNDS):
        found = _Sequencing(roles, decided)
        found.follow(main)
        found.settle(degree)
        if not found.changed:
            return found.result()
    return NOWHERE


class _Sequencing(Cutting):
    """Follows a network once, with the cuts along the sequence that are decided."""

    def __init__(self, roles: Roles, decided: _Decisions) -> None:
        super().__init__({}, frozenset(), {}, frozenset())
        self.roles = roles.cut
        self.tied = {key.rpartition(".")[0] for pair in roles.ties.items() for key in pair}
        """Layers that share a weight, which would be two weights once one of them is a DTensor."""
        self.decided = decided
        self.changed = False
        self.sums: dict[str, tuple[int, Token]] = {}
        self.norms: dict[str, tuple[int, Token]] = {}
        self.read: dict[str, tuple[int, Token]] = {}
        self.together: dict[str, TensorType] = {}
        self.scattered: dict[str, tuple[Scattered, Token]] = {}
        self.begun: dict[Entry, tuple[Begun, Token]] = {}
        self.entries: dict[Entry, tuple[int, int, Piece, TensorType, Token]] = {}
        self.readers: dict[Entry, list[str]] = {}
        """What reads an input of a block; empty for what is no layer that is cut."""
        self.tokens: list[Token] = []
        self.states: dict[str, set[bool]] = {}
        """Whether a layer or block was given a value that is cut, in each of its runs."""

    # What is decided.

    def settle(self, degree: int) -> None:
        """Decides what follows from the whole run: sizes that do not divide, blocks that gather once for several."""
        for token in {one.root() for one in self.tokens}:
            wrong = [(size, span) for size, span in token.demands.items() if size % degree]
            if token.forbidden is None and wrong:
                size, span = wrong[0]
                token.forbid(Reason(f"{size} is not divisible by {degree} ranks", span, size=size))
            if token.forbidden is not None:
                self._leave(token, token.forbidden)
            elif not any(source in self.sums for source in token.sources):
                self._leave(token, Reason("nothing is summed up there", self.here))
        for path, states in self.states.items():
            if len(states) > 1:
                reason = Reason(f"`{path}` runs on a whole value, too", self.spans.get(path, self.here))
                for token in (pair[1] for name, pair in (*self.read.items(), *self.norms.items()) if name == path):
                    self._leave(token.root(), reason)
                entered = [one[-1] for (block, _), one in self.entries.items() if block == path]
                begun = [one[-1] for (block, _), one in self.begun.items() if block == path]
                for token in (*entered, *begun):
                    self._leave(token.root(), reason)
        if not self.changed:
            self._gather_once()
        if not self.changed:
            self._leave_useless()

    def _gather_once(self) -> None:
        """What several cut layers of a block read is gathered once, where the block begins."""
        for entry, paths in self.readers.items():
            if entry not in self.decided.entered and len(paths) >= SHARED and all(paths):
                self.decided.entered.add(entry)
                self.changed = True

    def _leave_useless(self) -> None:
        """A sum that is scattered only to be gathered again, before a cut layer reads it, stays whole."""
        used = {token.root() for path, (_, token) in self.read.items() if self._makes_columns(path)}
        used |= {token.root() for entry, (*_, token) in self.entries.items() if any(self.readers.get(entry, ()))}
        for token in {one.root() for one in self.tokens} - used:
            self._leave(
                token, Reason("no layer that is cut reads blocks of it", self.spans.get(token.sources[0], self.here))
            )

    def _leave(self, token: Token, reason: Reason) -> None:
        """The cut is not made: what made it sums up whole."""
        for source in token.sources:
            if source in self.decided.scattered:
                del self.decided.scattered[source]
                self.decided.never.add(source)
                self.changed = True
            elif source not in self.decided.never and source not in self.decided.whole:
                self.decided.whole[source] = reason
                self.changed = True

    def _needs_whole(self, piece: Piece, text: str) -> None:
        """Something reads all of the sequence: it is gathered on the way there, or not cut."""
        for token in piece.tokens:
            maker = piece.maker if isinstance(piece, _Part) else ""
            entry = piece.entry if isinstance(piece, _Part) else None
            if entry is not None:  # a second time in one round, where it has just been decided
                self.decided.entered.add(entry)
            elif maker in self.norms:
                self.decided.gathered.add(maker)
            elif maker in self.sums:
                self.decided.whole.setdefault(maker, Reason(text, self.here))
            else:
                token.forbid(Reason(text, self.here))
                continue
            self.changed = True

    def result(self) -> Sequenced:
        """What is cut along the sequence."""
        entered: dict[str, tuple[Entered, ...]] = {}
        for (path, place), (places, axis, piece, kind, _) in self.entries.items():
            readers = self.readers.get((path, place), [])
            one = Entered(places, place, axis, kind, piece.learns, tuple(filter(None, readers)), all(readers))
            entered[path] = (*entered.get(path, ()), one)
        cut = {path: axis for path, (axis, _) in self.sums.items()}
        return Sequenced(
            cut,
            {path: axis for path, (axis, _) in self.norms.items()},
            {
                path: (axis, self.roles[path].name == "column" if path in self.roles else False)
                for path, (axis, _) in self.read.items()
            },
            entered,
            self.together,
            {path: one for path, (one, _) in self.scattered.items()},
            {path: one for (path, _), (one, _) in self.begun.items()},
            self.decided.whole,
            [tuple(token is not None for token in tokens) for tokens in self.operations],
        )

    # What following asks for.

    def follow(self, main: Class) -> None:
        inputs = [self.fresh(value.type, learns=False, constant=False) for value in main.inputs]
        for piece in leaves(self.module_class(main, inputs, {}, ""), Piece):
            self._needs_whole(piece, "the network returns it")

    def module_class(self, cls: Class, inputs: list[Any], named: Mapping[str, Any], path: str) -> Any:
        for value in named.values():
            for piece in leaves(value, Piece):
                self._needs_whole(piece, "a block takes it by name")
        given = [
            self._entering(cls, place, value, path.removesuffix("."), len(inputs)) for place, value in enumerate(inputs)
        ]
        return self._of_class(cls, given, named, path)

    def _entering(self, cls: Class, place: int, value: Any, path: str, places: int) -> Any:
        """An input of a block, gathered where that is decided."""
        if not isinstance(value, Piece):
            for piece in leaves(value, Piece):
                self._needs_whole(piece, "a block takes it in a list")
            return value
        entry = path, place
        if entry in self.decided.entered or _source(entry) in self.decided.scattered:
            self.states.setdefault(path, set()).add(bool(value.tokens))
        if not value.tokens:
            return self._beginning(cls, entry, value, places)
        axis = next(axis for axis, token in enumerate(value.cuts) if token is not None)
        if entry in self.decided.entered:
            kind = cls.inputs[place].tensor
            self.entries[entry] = places, axis, value, kind, value.tokens[0]
            self._reads(value, "")
            return _Part((None,) * len(value.cuts), value.learns, value.constant, entry=entry)
        inside = _Part(value.cuts, value.learns, value.constant, getattr(value, "maker", ""), entry)
        if _reads_size(cls, place, axis):
            self._needs_whole(inside, "a block asks how long it is")
        self._reads(value, "")
        return inside

    def _beginning(self, cls: Class, entry: Entry, value: Piece, places: int) -> Piece:
        """A whole value that a block takes, of which each rank keeps its block where that is decided."""
        axis = self.decided.scattered.get(_source(entry))
        inside = _Part(value.cuts, value.learns, value.constant, getattr(value, "maker", ""), origin=entry)
        if axis is None:
            return inside
        _, place = entry
        kind = cls.inputs[place].tensor
        token = self._token(_source(entry), kind.shape[axis])
        if _reads_size(cls, place, axis):
            token.forbid(Reason("a block asks how long it is", self.here))
        self.begun[entry] = Begun(places, place, Scattered(axis, kind, value.learns)), token
        cuts = tuple(token if at == axis else None for at in range(kind.rank))
        return replace(inside, cuts=cuts, maker="", origin=None)

    def returned(self, values: list[Any]) -> None:
        for piece in leaves(values, Piece):
            self._reads(piece, "")

    def _reads(self, piece: Piece, path: str) -> None:
        """A cut layer, or else something without a name, reads an input of a block."""
        if isinstance(piece, _Part) and piece.entry is not None:
            paths = self.readers.setdefault(piece.entry, [])
            if path not in paths:
                paths.append(path)

    def forbid(self, some: Any, text: str, packed: bool = False) -> None:
        for piece in some:
            self._needs_whole(piece, text)

    def _layer(self, call: Call, layer: Layer, inputs: list[Any], path: str) -> Any:
        given = list(leaves(inputs, Piece))
        weighted = bool(layer.columns) and isinstance(call.output, TensorType) and len(given) == 1
        for piece in given:
            self._reads(piece, path if weighted and self._makes_columns(path) else "")
        if weighted:
            return self._marked(path, call, self._weighted(call, layer, given[0], path))
        kinds = [flow for flow in call.inputs if isinstance(flow, TensorType)]
        free = not call.parametrized and path not in self.tied and path not in self.read_from
        passing = layer.sequenced(kinds[0]) if free and len(kinds) == len(given) == 1 else None
        if passing is None or not isinstance(call.output, TensorType):
            return self._marked(path, call, super()._layer(call, layer, inputs, path))
        cuts = self.passed(call.type_name, [(given[0], kinds[0], passing)], call.output)
        self.states.setdefault(path, set()).add(any(cuts))
        learns = given[0].learns or any(weight.learnable for weight in call.weights())
        for axis, token in enumerate(cuts):
            if token is not None:
                self.norms[path] = axis, token
                if path in self.decided.gathered:
                    self.together[path] = call.output
                    cuts = (None,) * len(cuts)
        return self._marked(path, call, Piece(cuts, learns, given[0].constant))

    def _makes_columns(self, path: str) -> bool:
        return path in self.roles and self.roles[path].name == "column"

    def _weighted(self, call: Call, layer: Layer, x: Piece, path: str) -> Piece:
        """A layer that is cut over the ranks, or whole: it gathers what it reads, and may scatter what it sums up."""
        assert isinstance(call.output, TensorType)
        axes = [axis for axis, token in enumerate(x.cuts) if token is not None]
        self.states.setdefault(path, set()).add(bool(axes))
        role = self.roles.get(path)
        if axes and role is not None and role.name == "row":
            self._needs_whole(x, f"`{path}` sums up a value that is cut along another axis")
        elif axes:
            token = x.cuts[axes[0]]
            assert token is not None
            self.read[path] = axes[0], token
        output, axis = call.output, call.output.rank - 2
        whole = Piece((None,) * output.rank, True, False)
        if role is None or role.name != "row" or output.rank < FEWEST_AXES or path in self.decided.whole:
            return whole
        token = self._token(path, output.shape[axis])
        self.sums[path] = axis, token
        return replace(whole, cuts=tuple(token if place == axis else None for place in range(output.rank)))

    def _token(self, path: str, size: Any) -> Token:
        token = Token([path])
        self.tokens.append(token)
        if isinstance(size, int):
            token.demand(size, self.here)
        return token

    def _marked(self, path: str, call: Call, value: Any) -> Any:
        """What a layer made, with its name, and scattered where that is decided."""
        if not isinstance(value, Piece) or not isinstance(call.output, TensorType):
            return value
        cuts, axis = value.cuts, self.decided.scattered.get(path)
        if axis is not None and not value.tokens:
            token = self._token(path, call.output.shape[axis])
            self.scattered[path] = Scattered(axis, call.output, value.learns), token
            cuts = tuple(token if place == axis else None for place in range(len(cuts)))
        return _Part(cuts, value.learns, value.constant, path)

    def function(self, applied: Applied, operands: list[Any]) -> Any:
        for piece in leaves(operands, Piece):
            self._reads(piece, "")
        if applied.name in DROPPING:
            self.forbid(leaves(operands, Piece), f"`{applied.name}` would draw the same numbers for each block")
        return super().function(applied, operands)

    def read_whole(self, name: str, piece: Piece, token: Token) -> None:
        self._needs_whole(piece, f"`{name}` reads all of it")

    def passed(
        self, name: str, given: Sequence[tuple[Piece, TensorType, Passing]], output: TensorType
    ) -> tuple[Token | None, ...]:
        cuts = self.met(name, given, output.rank)
        found = [place for place, token in enumerate(cuts) if token is not None]
        if not found:
            return tuple(cuts)
        for piece, _, passing in given:
            if piece.tokens:
                continue
            along = next((axis for axis, place in passing.items() if place == found[0]), None)
            if (along is not None or piece.learns) and not self._scatters(piece, along):
                why = "a value that every rank holds whole" if along is not None else "a learnable value"
                for other, *_ in given:
                    self._needs_whole(other, f"`{name}` joins it with {why}")
        for place in found[1:]:
            self._needs_whole(replace(given[0][0], cuts=(cuts[place],)), f"`{name}` makes a value cut along two axes")
            cuts[place] = None
        size, token = output.shape[found[0]], cuts[found[0]]
        assert token is not None
        if isinstance(size, int):
            token.demand(size, self.here)
        return tuple(cuts)

    def _scatters(self, piece: Piece, axis: int | None) -> bool:
        """Whether the layer that made a whole value can keep its rank's block of it alone."""
        if axis is None or not isinstance(piece, _Part):
            return False
        begins = piece.origin is not None and not any(block == piece.origin[0] for block, _ in self.decided.entered)
        for source in (piece.maker, _source(piece.origin) if piece.origin is not None and begins else ""):
            if source and source not in self.decided.never and source not in self.decided.whole:
                self.decided.scattered[source] = axis
                self.changed = True
                return True
        return False


def _source(entry: Entry) -> str:
    """What stands for an input of a block among the paths of what makes cuts."""
    return f"{entry[0]}@{entry[1]}"


def _reads_size(cls: Class, place: int, axis: int) -> bool:
    """Whether a block asks for the size of an axis of one of its inputs, by its name."""
    axes = cls.inputs[place].axes
    if len(axes) <= axis:
        return bool(axes)  # `...` stands for some
    names = {node.name for node in axes[axis].walk() if isinstance(node, Name)}
    return bool(names & set(_names(cls)))


def _names(cls: Class) -> Iterator[str]:
    """The names that the steps of a block read."""
    for step in cls.written():
        nodes = [node for _, node in step.arguments]
        nodes += list(step.axes)
        for node in nodes:
            yield from (part.name for part in node.walk() if isinstance(part, Name))
    for node in cls.outputs.values if cls.outputs is not None else ():
        yield from (part.name for part in node.walk() if isinstance(part, Name))


NOWHERE = Sequenced()
"""Nothing is cut along the sequence."""
