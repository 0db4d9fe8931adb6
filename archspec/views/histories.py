"""Where a number comes from: through the layers that changed it, back to the input, an argument, or a line of the spec.

Knows nothing of how it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from archspec.dimensions import POWER, Dimension, Size, plain, show
from archspec.expressions import Binary, Call, Embedded, Index, Items, Name, Node, Unary, literal_text
from archspec.expressions import Literal as Constant
from archspec.formulas import Use, plain_text
from archspec.graph import Call as Module
from archspec.graph import Input
from archspec.problems import Span
from archspec.records import Record, replace
from archspec.views.links import Link, Links, Place, operands
from archspec.views.origins import Made, Ref, Scope

DEEPEST = 4
"""How many sums and products within one another a history follows; what lies before that, its own step explains."""


class Source(Record):
    """What a name in a formula is, and which line says so."""

    name: str
    value: Any
    says: str
    """What is written: `4 * planes`, empty for a plain value; or in words what it is."""
    span: Span | None = None
    sources: tuple[Source, ...] = ()
    """What the names in what is written are."""
    kind: Literal["written", "axis", "default", "given", "loop"] = "written"


class Change(Record):
    """A step that changed a size."""

    made: Made
    axis: int
    before: Size
    after: Size
    formula: str
    numbers: str
    """The formula with numbers in place of names."""


class History(Record):
    """A size, and how it came about.

    `kind` says what it began as: the size of an input's axis, an argument of a step's layer, what a step made of
    several sizes (`before`), a number that an expression holds; `earlier` where the history of `step` says more.
    """

    kind: Literal["input", "argument", "several", "written", "earlier"]
    value: Size
    """At the end."""
    start: Size
    """At the beginning."""
    made: Made
    axis: int
    formula: str = ""
    """What the first step makes it of."""
    numbers: str = ""
    sources: tuple[Source, ...] = ()
    before: tuple[tuple[str, History], ...] = ()
    """The sizes that the formula names."""
    changes: tuple[Change, ...] = ()

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
        self._told: dict[int, tuple[Link, tuple[Source, ...], str, str]] = {}

    def of(self, place: Place, depth: int = 0) -> History:
        """The history of one axis of a value."""
        ref, axis = place
        end: Size = ref.type.shape[axis]
        changes: list[Change] = []
        while True:
            made = ref.made
            size: Size = ref.type.shape[axis]
            link = self.links.of(ref, axis) if made.kind != "input" else None
            if link is not None and link.kept is not None:
                ref, axis = link.kept
                continue
            sources, formula, numbers = self.told(made, link) if link is not None else ((), "", "")
            places = list(dict.fromkeys(link.axes.values())) if link is not None else []
            if len(places) == 1:
                before: Size = places[0][0].type.shape[places[0][1]]
                if before != size:
                    changes.append(Change(made, axis, before, size, formula, numbers))
                ref, axis = places[0]
                continue
            found = History("earlier", end, size, made, axis, formula, numbers, changes=tuple(reversed(changes)))
            if made.kind == "input":
                return replace(found, kind="input", sources=self._input_sources(made, axis))
            if link is None or (places and depth >= DEEPEST):
                return found
            if not places:
                return replace(found, kind="argument" if made.kind == "layer" else "written", sources=sources)
            several = tuple((name, self.of(one, depth + 1)) for name, one in link.axes.items())
            return replace(found, kind="several", before=several, sources=sources)

    def told(self, made: Made, link: Link) -> tuple[tuple[Source, ...], str, str]:
        """What the names in an axis's formula are, the formula, and the formula in numbers; worked out once."""
        if id(link) not in self._told:
            sources = tuple(self.sources(made, link))
            self._told[id(link)] = (link, sources, *formula_of(link, sources))
        return self._told[id(link)][1:]

    # What names are.

    def sources(self, made: Made, link: Link) -> Iterator[Source]:
        """What the names in an axis's formula are."""
        if link.formula is None:
            return
        for part in operands(link.formula):
            text = plain_text(part)
            if text in link.axes:
                ref, axis = link.axes[text]
                yield Source(text, ref.type.shape[axis], f"axis {axis} of {what(ref)}", ref.made.span, kind="axis")
            elif link.use is not None:
                yield from self._of_rule(made, part, link.use)
            else:
                yield from self._of_name(text, made.scope)

    def _of_rule(self, made: Made, part: Node, use: Use) -> Iterator[Source]:
        """What a name in a layer's rule is: an argument, or what another formula says."""
        text = plain_text(part)
        value = use.value(part)
        if text in use.formulas:
            formula = use.chosen.get(text, use.formulas[text])
            inner = tuple(one for other in operands(formula) for one in self._of_rule(made, other, use))
            yield Source(text, value, plain_text(formula), sources=inner)
            return
        name = text.partition("[")[0]
        module = made.item
        assert isinstance(module, Module)
        argument = next((argument for argument in module.arguments if argument.name == name), None)
        if argument is not None and argument.node is not None:
            inner = tuple(one for other in operands(argument.node) for one in self._of_name(other.text, made.scope))
            says = "" if isinstance(argument.node, Constant | Items) and not inner else argument.node.text
            yield Source(text, value, says, argument.span, inner)
        elif argument is not None:
            yield Source(text, value, "inferred from what flows in", kind="axis")
        elif made.layer is not None and name in made.layer.arguments:
            yield Source(text, value, "PyTorch's default", kind="default")

    def _of_name(self, text: str, scope: Scope, depth: int = 0) -> Iterator[Source]:
        """What a name in an expression of the spec is."""
        name = text.partition("[")[0]
        meaning = scope.meaning(name) if depth < DEEPEST else None
        if meaning is None:
            if name in scope.values and name != "training":
                yield Source(text, scope.values[name], "counted by the loop around it", kind="loop")
            return
        value, span = meaning.value, meaning.span
        if meaning.kind == "parameter" and value is None:
            yield Source(text, scope.values.get(name), "a parameter without a value", span, kind="given")
            return
        if meaning.kind == "size" and meaning.ref is not None:
            yield Source(text, value, f"axis {meaning.axis} of {what(meaning.ref)}", span, kind="axis")
            return
        if meaning.kind == "given":
            yield Source(text, value, "given by the caller", kind="given")
            return
        if meaning.kind == "let":
            span = self.lets(scope.cls.name, name)
        inner: tuple[Source, ...] = ()
        if meaning.node is not None and meaning.scope is not None:
            inner = tuple(
                one
                for other in operands(meaning.node)
                if meaning.scope is not scope or other.text != text
                for one in self._of_name(other.text, meaning.scope, depth + 1)
            )
        says = meaning.node.text if meaning.node is not None and not isinstance(meaning.node, Constant) else ""
        yield Source(text, value, says, span, inner)

    def _input_sources(self, made: Made, axis: int) -> tuple[Source, ...]:
        """What the spec writes as the size of an input's axis."""
        declared = made.item
        assert isinstance(declared, Input)
        if axis >= len(declared.axes):
            return ()
        node = declared.axes[axis]
        found = [one for part in operands(node) for one in self._of_name(part.text, made.scope)]
        return tuple(one for one in found if one.kind != "axis")


def formula_of(link: Link, sources: tuple[Source, ...]) -> tuple[str, str]:
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
        case Binary():
            return Binary(node.operator, _with_numbers(node.left, values), _with_numbers(node.right, values))
        case Unary():
            return Unary(node.operator, _with_numbers(node.operand, values))
        case Call():
            return Call(node.function, tuple(_with_numbers(part, values) for part in node.arguments))
        case Embedded():
            return Name(_written(str(node.value), values))
    return node


def _written(text: str, values: Mapping[str, Any]) -> str:
    """A text with numbers in place of names: longer names first, each as a whole."""
    if not values:
        return text
    names = sorted(values, key=len, reverse=True)
    pattern = "|".join(rf"(?<![\w.]){re.escape(name)}(?![\w\[])" for name in names)

    def number(found: re.Match[str]) -> str:
        value = values[found[0]]
        return show(value, POWER) if isinstance(value, int | Dimension) else str(value)

    return re.sub(pattern, number, text)


def what(ref: Ref) -> str:
    """A value, as people call it: the step that made it, and which of its outputs."""
    if ref.made.kind == "input":
        return f"the input `{ref.made.path.rpartition('.')[2]}`"
    which = "".join(f"[{place}]" for place in ref.at)
    return f"`{ref.made.path or ref.made.label}`{which}"
