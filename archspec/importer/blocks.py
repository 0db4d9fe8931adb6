"""What the uses of a class have in common: one template for all of them, and parameters for what differs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from archspec.importer.axes import name_axes
from archspec.importer.gaps import Gap, GapError
from archspec.importer.grouping import ModuleLoop, is_sequential, signature
from archspec.importer.naming import word_of
from archspec.importer.nodes import (
    Apply,
    ArgumentGroup,
    LayerName,
    Mode,
    ModuleBody,
    Operation,
    Scalar,
    SourceLine,
    StateTensor,
)
from archspec.importer.settings import is_inferred, layer_of
from archspec.importer.solving import solve
from archspec.importer.templates import (
    BlockTemplate,
    ClassUse,
    Hole,
    LoopTemplate,
    UnsolvedError,
    bodies,
    height,
    holes,
)
from archspec.importer.unread import drop_unread_inputs, without_unread_values

_NAME = re.compile(r"[A-Za-z_]\w*")
_WIDTHS = frozenset(("out_channels", "out_features", "hidden_size", "embedding_dim", "groups"))
_LARGE = 64
"""Up to how many numbers a buffer is written out."""
_COMPUTED = "Compute it with functions of torch in the constructor, without Python's loops over its numbers."


class Blocks:
    """Every class of some runs of one model, from the inside out."""

    def __init__(self, roots: Sequence[ModuleBody], settings: Sequence[dict[str, Any]], literal: bool) -> None:
        self.literal = literal
        self.settings = settings
        self.by_body: dict[int, tuple[BlockTemplate, int]] = {}
        self.variants: list[BlockTemplate] = []
        buckets: dict[Any, BlockTemplate] = {}
        runs: dict[int, int] = {}
        for number, root in enumerate(roots):
            for body in bodies(root):
                runs[id(body)] = number
                form = body.kind, body.family or signature(body)
                variant = buckets.setdefault(form, BlockTemplate(body.kind, []))
                self.by_body[id(body)] = variant, len(variant.samples)
                variant.samples.append(body)
        self.variants = sorted(buckets.values(), key=lambda one: max(map(height, one.samples)))
        self.runs = runs
        self.root = self.by_body[id(roots[0])][0]
        self._name()
        for variant in self.variants:
            self._settle(variant)

    def _name(self) -> None:
        calls = (one for variant in self.variants for body in variant.samples for one in body.operations)
        named = (call for one in calls for call in (one.rounds if isinstance(one, ModuleLoop) else (one,)))
        taken = {one.function.rpartition(".")[2] for one in named if one.defaults is not None}
        for variant in [self.root, *(one for one in self.variants if one is not self.root)]:
            base = re.sub(r"\W", "", variant.kind.__name__).lstrip("_") or "Block"
            base = f"{base}Block" if hasattr(torch.nn, base) else base
            name, number = base, 2
            while name in taken:
                name, number = f"{base}{number}", number + 1
            taken.add(name)
            variant.name = name

    def _settle(self, variant: BlockTemplate) -> None:
        points = [ClassUse(index) for index in range(len(variant.samples))]
        variant.template = without_unread_values(self._unify(variant.samples, points, ""))
        name_axes(variant, self.literal, variant is self.root)
        names = self._names(variant)
        found = sorted(holes(variant.template), key=lambda pair: -len({one.sample for one in pair[0].points}))
        solved: list[Hole] = []
        for hole, loops in found:  # what all uses have comes first: it says how to read what few have
            if not loops and (text := _known_text(hole, solved)) is not None:
                hole.text = text
                continue
            if len(set(hole.values)) == 1:
                hole.text = str(hole.values[0])
                continue
            self._solve(variant, hole, names, loops)
            solved += [hole] if not loops else []
        for loop in {id(loops[-1]): loops[-1] for _, loops in found if loops}.values():
            _over_a_list(loop, [hole for hole, loops in found if any(one is loop for one in loops)], names)
        given = [*variant.samples[0].arguments]
        rank = {name: given.index(name) if name in given else len(given) for name in variant.parameters}
        variant.parameters = dict(sorted(variant.parameters.items(), key=lambda pair: rank[pair[0]]))
        if variant is not self.root:
            drop_unread_inputs(variant)

    def _names(self, variant: BlockTemplate) -> dict[str, tuple[Any, ...]]:
        """What may stand in expressions, by its values over the samples."""
        samples = range(len(variant.samples))
        known: dict[str, tuple[Any, ...]] = {}
        if variant is self.root:
            for name in self.settings[0]:
                values = tuple(_plain(one.get(name)) for one in self.settings)
                if any(one != values[0] for one in values):  # what never varied settles nothing
                    known.update(_entries(name, values))
        for number, axes in enumerate(variant.axes):
            for axis, size in enumerate(axes):
                if isinstance(size, str) and size not in known:
                    known[size] = tuple(variant.samples[k].inputs[number].shape[axis] for k in samples)
        if variant is not self.root:
            modules = {one.name for one in variant.samples[0].state}
            modules |= {str(getattr(one, "module", "")) for one in variant.samples[0].operations}
            for name in variant.samples[0].arguments:
                values = tuple(_plain(one.arguments.get(name)) for one in variant.samples)
                if name not in known and all(isinstance(one, int | float | str | bool | tuple) for one in values):
                    known.update(_entries(f"n_{name}" if name in modules else name, values))
        return {name: values for name, values in known.items() if not name.startswith("_")}

    def _solve(
        self, variant: BlockTemplate, hole: Hole, names: dict[str, tuple[Any, ...]], loops: list[LoopTemplate]
    ) -> None:
        at = {name: tuple(values[point.sample] for point in hole.points) for name, values in names.items()}
        text = solve(hole.values, at)
        if text is None and loops and (variant is self.root or not _by_sample(hole)):
            at.update(_items_of(names, hole, loops[-1].start))
            at["i"] = tuple(point.rounds[-1] + loops[-1].start for point in hole.points)
            text = solve(hole.values, at)
            if text is not None:
                loops[-1].counted = True
            elif self._listed(hole, loops[-1]):
                return
        if text is None:
            if variant is self.root or not _by_sample(hole):
                raise UnsolvedError(hole, [self.runs[id(one)] for one in variant.samples])
            text = self._new(variant, hole, names)
        hole.text = text
        for name in dict.fromkeys(_NAME.findall(text)):
            if name in names and not any(name in axes for axes in variant.axes):
                variant.parameters[name] = names[name]

    def _listed(self, hole: Hole, loop: LoopTemplate) -> bool:
        """Tells the rounds of a loop their values one by one, where every use has the same list."""
        lists: dict[tuple[int, tuple[int, ...]], list[Any]] = {}
        for point, value in zip(hole.points, hole.values, strict=True):
            lists.setdefault((point.sample, point.rounds[:-1]), []).append(value)
        distinct = {tuple(one) for one in lists.values()}
        if len(distinct) != 1 or loop.counted:
            return False
        values = distinct.pop()
        for name, known in loop.items:
            if known == values:
                hole.text = name
                return True
        name = hole.hint if hole.hint not in dict(loop.items) else f"{hole.hint}{len(loop.items)}"
        loop.items.append((name, values))
        hole.text = name
        return True

    def _new(self, variant: BlockTemplate, hole: Hole, names: dict[str, tuple[Any, ...]]) -> str:
        values: list[Any] = [None] * len(variant.samples)
        for point, value in zip(hole.points, hole.values, strict=True):
            values[point.sample] = value
        base = hole.hint if hole.hint.isidentifier() else "value"
        name, number = base, 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names[name] = tuple(values)
        return name

    # what nodes have in common

    def _unify(self, nodes: Sequence[Any], points: Sequence[ClassUse], hint: str) -> Any:
        first = nodes[0]
        match first:
            case Scalar():
                values = tuple(_plain(one.value) for one in nodes)
                if all(type(one) is type(values[0]) and one == values[0] for one in values):
                    return Scalar(values[0])
                return Hole(tuple(points), values, hint)
            case ArgumentGroup(kind):
                columns = zip(*(one.items for one in nodes), strict=True)
                return ArgumentGroup(kind, tuple(self._unify(column, points, hint) for column in columns))
            case Apply(function):
                columns = zip(*(one.args for one in nodes), strict=True)
                named = zip(*(one.keywords for one in nodes), strict=True)
                return Apply(
                    function,
                    tuple(self._unify(column, points, function) for column in columns),
                    tuple(
                        (pairs[0][0], self._unify([one for _, one in pairs], points, pairs[0][0])) for pairs in named
                    ),
                )
            case Mode():
                return Mode(
                    self._unify([one.training for one in nodes], points, hint),
                    self._unify([one.evaluation for one in nodes], points, hint),
                )
            case Operation():
                return self._operation(nodes, points)
            case ModuleLoop():
                return self._loop(nodes, points)
            case ModuleBody():
                return self._body(nodes, points)
        return first

    def _body(self, nodes: Sequence[ModuleBody], points: Sequence[ClassUse]) -> ModuleBody:
        first = nodes[0]
        columns = zip(*(one.operations for one in nodes), strict=True)
        operations = [self._unify(column, points, "") for column in columns]
        try:
            state = [self._state(one, points, first.place) for one in zip(*(body.state for body in nodes), strict=True)]
        except GapError as error:
            error.kinds += [] if first.kind is self.root.kind else [first.kind]
            raise
        output = self._unify([one.output for one in nodes], points, "")
        return replace(first, operations=operations, state=state, output=output)

    def _state(self, nodes: Sequence[StateTensor], points: Sequence[ClassUse], place: SourceLine | None) -> StateTensor:
        kept = self._unify([Scalar(one.kept) for one in nodes], points, f"with_{nodes[0].name}")
        there = [(one, point) for one, point in zip(nodes, points, strict=True) if one.kept]
        made = [_made(one, place) for one, _ in there]
        first = there[0][0]
        return replace(first, made=self._unify(made, [point for _, point in there], first.name), kept=kept)

    def _operation(self, nodes: Sequence[Operation], points: Sequence[ClassUse]) -> Operation:
        kept = self._unify([Scalar(one.kept) for one in nodes], points, f"with_{_word(nodes[0])}")
        there = [(one, point) for one, point in zip(nodes, points, strict=True) if one.kept]
        some = len(there) < len(nodes)
        nodes, points = [one for one, _ in there], [point for _, point in there]
        first = replace(nodes[0], kept=kept)
        args = tuple(
            self._unify(column, points, first.function) for column in zip(*(one.args for one in nodes), strict=True)
        )
        keywords = {key: self._unify([one.keywords[key] for one in nodes], points, key) for key in first.keywords}
        if first.body is None and len({one.function for one in nodes}) > 1:
            layers = tuple(LayerName(one.function) for one in nodes)
            return replace(first, function=Hole(tuple(points), layers, str(first.slot)), args=args, settings={})
        if first.body is None:
            settings = {
                key: self._unify([Scalar(one.settings[key]) for one in nodes], points, key)
                for key in first.settings
                if first.defaults is not None or not is_inferred(first.function, key)
            }
            for key in _WIDTHS & settings.keys() if some else ():  # few uses: a number may be a name by chance
                settings[key] = Hole(tuple(points), tuple(one.settings[key] for one in nodes), key)
            shape = first.shape and self._unify([one.shape for one in nodes], points, "size")
            return replace(first, args=args, keywords=keywords, settings=settings, shape=shape)
        if is_sequential(first.body):
            body = self._unify([one.body for one in nodes], points, "")
            return replace(first, args=args, keywords=keywords, body=body)
        variant = self.by_body[id(first.body)][0]
        settings = {}
        for name, values in variant.parameters.items():
            given = [Scalar(values[self.by_body[id(one.body)][1]]) for one in nodes]
            settings[name] = self._unify(given, points, name)
        args = tuple(arg for number, arg in enumerate(args) if number not in variant.unread)
        return replace(first, args=args, keywords=keywords, settings=settings)

    def _loop(self, nodes: Sequence[ModuleLoop], points: Sequence[ClassUse]) -> LoopTemplate:
        inner = [one for node in nodes for one in node.rounds]
        where = [
            ClassUse(point.sample, (*point.rounds, k))
            for node, point in zip(nodes, points, strict=True)
            for k in range(len(node.rounds))
        ]
        first = nodes[0]
        outside = self._operation([one.rounds[0] for one in nodes], points)
        count = self._unify([Scalar(len(one.rounds)) for one in nodes], points, "n")
        blank = [replace(one, args=(), keywords={}) for one in inner]
        return LoopTemplate(
            first.container,
            first.start,
            count,
            self._operation(blank, where),
            outside.args,
            outside.keywords,
            first.results,
            first.single,
            counted=_stands_in_lists(first.rounds[0]),
        )


def _stands_in_lists(call: Operation) -> bool:
    """Whether modules of a round are called by its number."""
    return call.body is not None and any("{" in str(getattr(one, "module", "")) for one in call.body.operations)


def _known_text(hole: Hole, solved: Sequence[Hole]) -> str | None:
    """The expression of a value that more uses have, and that is the same in those of a hole."""
    for other in solved:
        known = dict(zip(other.points, other.values, strict=True))
        pairs = zip(hole.points, hole.values, strict=True)
        if len(known) > len(hole.points) and all(
            point in known and type(known[point]) is type(value) and known[point] == value for point, value in pairs
        ):
            return other.text
    return None


def _word(operation: Operation) -> str:
    return (operation.module or word_of(operation.function)).rpartition(".")[2]


def _by_sample(hole: Hole) -> bool:
    """Whether a value is the same in all rounds of one use."""
    found: dict[int, Any] = {}
    pairs = zip(hole.points, hole.values, strict=True)
    return all(repr(found.setdefault(point.sample, value)) == repr(value) for point, value in pairs)


def _entries(name: str, values: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """A name with its values; of lists, the entries that all of them have, and their lengths where these differ."""
    if not all(isinstance(one, tuple) for one in values):
        return {name: values}
    lengths = tuple(map(len, values))
    found = {name: values, **{f"{name}[{k}]": tuple(one[k] for one in values) for k in range(min(lengths))}}
    if len(set(lengths)) > 1:
        found[f"len({name})"] = lengths
        if min(lengths):
            found[f"{name}[-1]"] = tuple(one[-1] for one in values)
    return found


def _over_a_list(loop: LoopTemplate, told: Sequence[Hole], names: Collection[str]) -> None:
    """Tells the rounds of a loop the items of a list, where they read nothing else by their number."""
    length = re.fullmatch(r"len\((\w+)\)", loop.count.text) if isinstance(loop.count, Hole) else None
    counted = [hole for hole in told if re.search(r"\bi\b", hole.text)]
    if length is None or loop.start or loop.items or not counted:
        return
    item, name = f"{length[1]}[i]", length[1].removesuffix("s")
    if name == length[1] or name in names or any(hole.text != item for hole in counted):
        return
    for hole in counted:
        hole.text = name
    loop.over, loop.counted = (name, length[1]), False


def _items_of(names: Mapping[str, tuple[Any, ...]], hole: Hole, start: int) -> dict[str, tuple[Any, ...]]:
    """Of each list that is long enough, the item of a loop's round."""
    found = {}
    for name, values in names.items():
        pairs = [(values[point.sample], point.rounds[-1] + start) for point in hole.points]
        if all(isinstance(one, tuple) and k < len(one) for one, k in pairs):
            found[f"{name}[i]"] = tuple(one[k] for one, k in pairs)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, type) and (layer := layer_of(value)) is not None:
        return LayerName(layer)
    return tuple(value) if isinstance(value, list) else value


def _made(state: StateTensor, place: SourceLine | None) -> Any:
    """How a tensor is made: as its constructor made it, or out of its numbers, or at least in its shape."""
    made = state.made
    if not isinstance(made, torch.Tensor):
        return made
    sizes = ArgumentGroup("list", tuple(Scalar(one) for one in made.shape))
    dtype = () if made.dtype == torch.float32 else (("dtype", Scalar(made.dtype)),)
    if state.is_parameter:
        return Apply("randn" if made.dtype.is_floating_point else "zeros", (sizes,), dtype)
    if made.is_meta:
        message = f"the values of the buffer `{state.name}` are not known on the meta device"
        raise GapError(Gap(message, place.path if place else "", place.line if place else 0, _COMPUTED))
    if made.numel() > _LARGE and not bool((made == made.flatten()[0]).all()):
        message = f"the buffer `{state.name}` holds {made.numel():,} values that no expression of the language gives"
        raise GapError(Gap(message, place.path if place else "", place.line if place else 0, _COMPUTED))
    if made.numel() and bool((made == made.flatten()[0]).all()):
        number = made.flatten()[0].item()
        name = "zeros" if number == 0 else "ones" if number == 1 else None
        return Apply(name, (sizes,), dtype) if name else Apply("full", (sizes, Scalar(number)), dtype)
    return Apply("tensor", (_numbers(made.tolist()),), dtype)


def _numbers(value: Any) -> Any:
    return ArgumentGroup("list", tuple(map(_numbers, value))) if isinstance(value, list) else Scalar(value)
