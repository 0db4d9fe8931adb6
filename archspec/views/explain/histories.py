"""Where a number comes from: through the layers that changed it, back to the input, an argument, or a line of the spec.

Knows nothing of how it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from archspec.dimensions import POWER, Dimension, Size, plain, show
from archspec.expressions import Binary, Embedded, FunctionCall, Index, Items, Name, Node, Unary, literal_text
from archspec.expressions import Literal as Constant
from archspec.formulas import AppliedRule, plain_text
from archspec.graph import Call, Input
from archspec.problems import Span
from archspec.views.explain.links import Link, Links, Place, operands
from archspec.views.explain.origins import Producer, Scope, ValueRef

DEEPEST = 4
"""How many sums and products within one another a history follows; what lies before that, its own step explains."""


BROADEST = 64
"""How many sums and products are followed side by side."""

LONGEST = 16
"""How many changes a history tells; the step before them has the earlier ones."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a name in a formula is, and which line says so."""

    name: str
    value: Any
    says: str
    """What is written: `4 * planes`, empty for a plain value; or in words what it is."""
    span: Span | None = None
    sources: tuple[Definition, ...] = ()
    """What the names in what is written are."""
    kind: Literal["written", "axis", "default", "given", "loop"] = "written"


@dataclass(frozen=True, slots=True)
class SizeChange:
    """A step that changed a size."""

    made: Producer
    axis: int
    before: Size
    after: Size
    formula: str
    numbers: str
    """The formula with numbers in place of names."""


@dataclass(frozen=True, slots=True)
class History:
    """A size, and how it came about.

    `kind` says what it began as: the size of an input's axis, an argument of a step's layer, what a step made of
    several sizes (`before`), a number that an expression holds; `earlier` where the history of `step` says more.
    """

    kind: Literal["input", "argument", "several", "written", "earlier"]
    value: Size
    """At the end."""
    start: Size
    """At the beginning."""
    made: Producer
    axis: int
    formula: str = ""
    """What the first step makes it of."""
    numbers: str = ""
    sources: tuple[Definition, ...] = ()
    before: tuple[tuple[str, History], ...] = ()
    """The sizes that the formula names."""
    changes: tuple[SizeChange, ...] = ()

    def alike(self, other: History) -> bool:
        """Whether it came about in the same way, along another axis."""
        mine, theirs = (
            [(c.made, c.before, c.after) for c in self.changes],
            [(c.made, c.before, c.after) for c in other.changes],
        )
        return (
            (self.kind, self.start, mine) == (other.kind, other.start, theirs)
            and self.made is other.made
            and self.kind == "input"
        )


class Histories:
    """Follows sizes back, within one network."""

    def __init__(self, lets: Any) -> None:
        self.links = Links()
        self.lets = lets
        """Where a class computes a name: its place, given the class's name and the name."""
        self._found: dict[tuple[Any, ...], History] = {}
        self._told: dict[int, tuple[Link, tuple[Definition, ...], str, str]] = {}

    def of(self, place: Place, depth: int = 0, breadth: int = 1) -> History:
        """The history of one axis of a value.

        `depth` is within how many others it is told, `breadth` how many are told beside it.
        """
        trail: list[tuple[tuple[Any, ...], Size, SizeChange | None]] = []
        while True:
            ref, axis = place
            key = ref.made, ref.at, axis, depth, breadth
            if key in self._found:
                found = self._found[key]
                break
            link = self.links.of(ref, axis) if ref.made.kind != "input" else None
            before = _one_before(link)
            if before is None:
                found = self._found[key] = self._begun(place, link, depth, breadth)
                break
            trail.append((key, _size(place), self._change(place, before, link)))
            place = before
        for key, size, change in reversed(trail):
            found = self._found[key] = _extended(found, size, change)
        return found

    def _change(self, place: Place, before: Place, link: Link | None) -> SizeChange | None:
        if link is None or link.kept is not None or _size(before) == _size(place):
            return None
        _, formula, numbers = self.told(place[0].made, link)
        return SizeChange(place[0].made, place[1], _size(before), _size(place), formula, numbers)

    def _begun(self, place: Place, link: Link | None, depth: int, breadth: int) -> History:
        """The history of an axis that does not come of one other."""
        (ref, axis), size = place, _size(place)
        made = ref.made
        sources, formula, numbers = self.told(made, link) if link is not None else ((), "", "")
        found = History("earlier", size, size, made, axis, formula, numbers)
        if made.kind == "input":
            return replace(found, kind="input", sources=self._input_sources(made, axis))
        if link is None or (link.axes and depth >= DEEPEST):
            return found
        if not link.axes:
            return replace(found, kind="argument" if made.kind == "layer" else "written", sources=sources)
        breadth *= len(link.axes)
        inner = depth + 1 if breadth <= BROADEST else DEEPEST
        several = tuple((name, self.of(one, inner, breadth)) for name, one in link.axes.items())
        return replace(found, kind="several", before=several, sources=sources)

    def told(self, made: Producer, link: Link) -> tuple[tuple[Definition, ...], str, str]:
        """What the names in an axis's formula are, the formula, and the formula in numbers; worked out once."""
        if id(link) not in self._told:
            sources = tuple(self.sources(made, link))
            self._told[id(link)] = (link, sources, *formula_of(link, sources))
        return self._told[id(link)][1:]

    # What names are.

    def sources(self, made: Producer, link: Link) -> Iterator[Definition]:
        """What the names in an axis's formula are."""
        if link.formula is None:
            return
        for part in operands(link.formula):
            text = plain_text(part)
            if text in link.axes:
                ref, axis = link.axes[text]
                yield Definition(text, ref.type.shape[axis], f"axis {axis} of {what(ref)}", ref.made.span, kind="axis")
            elif link.use is not None:
                yield from self._of_rule(made, part, link.use)
            else:
                yield from self._of_name(text, made.scope)

    def _of_rule(self, made: Producer, part: Node, use: AppliedRule) -> Iterator[Definition]:
        """What a name in a layer's rule is: an argument, or what another formula says."""
        text = plain_text(part)
        value = use.value(part)
        if text in use.formulas:
            formula = use.chosen.get(text, use.formulas[text])
            inner = tuple(one for other in operands(formula) for one in self._of_rule(made, other, use))
            yield Definition(text, value, plain_text(formula), sources=inner)
            return
        name = text.partition("[")[0]
        module = made.item
        assert isinstance(module, Call)
        argument = next((argument for argument in module.arguments if argument.name == name), None)
        if argument is not None and argument.node is not None:
            inner = tuple(one for other in operands(argument.node) for one in self._of_name(other.text, made.scope))
            says = "" if isinstance(argument.node, Constant | Items) and not inner else argument.node.text
            yield Definition(text, value, says, argument.span, inner)
        elif argument is not None:
            yield Definition(text, value, "inferred from what flows in", kind="axis")
        elif made.layer is not None and name in made.layer.arguments:
            yield Definition(text, value, "PyTorch's default", kind="default")

    def _of_name(self, text: str, scope: Scope, depth: int = 0) -> Iterator[Definition]:
        """What a name in an expression of the spec is."""
        name = text.partition("[")[0]
        meaning = scope.meaning(name) if depth < DEEPEST else None
        if meaning is None:
            if name in scope.values and name != "training":
                yield Definition(text, scope.values[name], "counted by the loop around it", kind="loop")
            return
        value, span = meaning.value, meaning.span
        if meaning.kind == "parameter" and value is None:
            yield Definition(text, scope.values.get(name), "a parameter without a value", span, kind="given")
            return
        if meaning.kind == "size" and meaning.ref is not None:
            yield Definition(text, value, f"axis {meaning.axis} of {what(meaning.ref)}", span, kind="axis")
            return
        if meaning.kind == "given":
            says = "given by the caller" if span is None else "set by the variant"
            yield Definition(text, value, says, span, kind="given")
            return
        if meaning.kind == "let":
            span = self.lets(scope.cls.name, name)
        inner: tuple[Definition, ...] = ()
        if meaning.node is not None and meaning.scope is not None:
            inner = tuple(
                one
                for other in operands(meaning.node)
                if meaning.scope is not scope or other.text != text
                for one in self._of_name(other.text, meaning.scope, depth + 1)
            )
        says = meaning.node.text if meaning.node is not None and not isinstance(meaning.node, Constant) else ""
        yield Definition(text, value, says, span, inner)

    def _input_sources(self, made: Producer, axis: int) -> tuple[Definition, ...]:
        """What the spec writes as the size of an input's axis."""
        declared = made.item
        assert isinstance(declared, Input)
        if axis >= len(declared.axes):
            return ()
        node = declared.axes[axis]
        found = [one for part in operands(node) for one in self._of_name(part.text, made.scope)]
        return tuple(one for one in found if one.kind != "axis")


def formula_of(link: Link, sources: tuple[Definition, ...]) -> tuple[str, str]:
    """The formula of an axis, in names and in numbers; empty where it is an axis that flows in."""
    if link.formula is None:
        return "", ""
    return plain_text(link.formula), in_numbers(link.formula, {source.name: source.value for source in sources})


def in_numbers(node: Node, values: Mapping[str, Any]) -> str:
    """A formula with numbers in place of its names, as documentation writes it."""
    return plain_text(_with_numbers(node, values))


def _with_numbers(node: Node, values: Mapping[str, Any]) -> Node:
    if plain_text(node) in values and isinstance(node, Name | Index):
        value = values[plain_text(node)]
        if isinstance(value, Dimension):
            return Embedded(plain(value))
        known = isinstance(value, int) and not isinstance(value, bool)
        return Constant(int(value)) if known else Name(literal_text(value))
    match node:
        case Binary() | Unary() | FunctionCall():
            return node.map(lambda part: _with_numbers(part, values))
        case Embedded():
            return Name(_written(str(node.value), values))
    return node


_NAMES = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+|\[-?\d+\])*")


def _written(text: str, values: Mapping[str, Any]) -> str:
    """A text with numbers in place of names, each as a whole: `x.shape[0]`."""

    def number(found: re.Match[str]) -> str:
        if found[0] not in values:
            return found[0]
        value = values[found[0]]
        return show(value, POWER) if isinstance(value, int | Dimension) else str(value)

    return _NAMES.sub(number, text)


def _size(place: Place) -> Size:
    size: Size = place[0].type.shape[place[1]]
    return size


def _one_before(link: Link | None) -> Place | None:
    """The one axis that an axis comes of, where it is one."""
    if link is None or link.kept is not None:
        return link.kept if link is not None else None
    places = dict.fromkeys(link.axes.values())
    return next(iter(places)) if len(places) == 1 else None


def _extended(history: History, size: Size, change: SizeChange | None) -> History:
    """A history with one more step, which may have changed the size; without the first of too many changes."""
    if change is None:
        return history if history.value is size else replace(history, value=size)
    if len(history.changes) < LONGEST:
        return replace(history, value=size, changes=(*history.changes, change))
    first, *later = history.changes
    found = History("earlier", size, first.after, first.made, first.axis, first.formula, first.numbers)
    return replace(found, changes=(*later, change))


def what(ref: ValueRef) -> str:
    """A value, as people call it: the step that made it, and which of its outputs."""
    if ref.made.kind == "input":
        return f"the input `{ref.made.path.rpartition('.')[2]}`"
    which = "".join(f"[{place}]" for place in ref.at)
    return f"`{ref.made.path or ref.made.label}`{which}"
