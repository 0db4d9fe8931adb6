"""A rule put to use: one case of it, for tensors of known numbers of axes and arguments of known values.

Knows nothing of how rules are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size
from archspec.expressions import (
    Binary,
    Conditional,
    ExpressionError,
    FunctionCall,
    Index,
    Literal,
    Logic,
    Name,
    Node,
    evaluate,
    unknown,
)
from archspec.formulas.patterns import Case, Item, Star, letters

Shape = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of what flows out: its name, what it is by formula; or the axis of an input that it is unchanged."""

    name: str
    formula: Node | None
    origin: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """A rule put to use: for a number of axes, with the values of arguments."""

    text: str
    """`[N, in_channels, H_in, W_in] -> [N, out_channels, H_out, W_out]`."""
    outputs: tuple[Any, ...]
    """The axes of each output; outputs may be nested in tuples, and None where there is none."""
    origins: Mapping[str, tuple[int, int]]
    """Names of axes that flow in: the number of the input, and of its axis."""
    formulas: Mapping[str, Node]
    """Names that are neither arguments nor axes that flow in, with what they are."""
    chosen: Mapping[str, Node]
    """Of these, the ones that conditions over arguments chose: `2 if bidirectional else 1`, where the formula is 2."""
    values: Mapping[str, Any]
    """What names of arguments and of axes that flow in are worth."""

    def value(self, node: Node) -> Any:
        """What a formula comes to. ExpressionError where it has no value."""
        return evaluate(node, _Values(self.values, self.formulas))


class Application:
    """One case while it is being put to use."""

    def __init__(self, rules: Mapping[str, Node], case: Case, values: Mapping[str, Any], spatial: int) -> None:
        self.rules, self.case, self.spatial = rules, case, spatial
        self.values = dict(values)
        self.origins: dict[str, tuple[int, int]] = {}
        self.stars: dict[str, list[tuple[str, tuple[int, int]]]] = {}
        self.formulas: dict[str, Node] = {}
        self.chosen: dict[str, Node] = {}
        self.alone = False  # whether there is no batch

    def of(self, shapes: Sequence[Shape | None]) -> AppliedRule | None:
        patterns = self.case.inputs
        given = list(shapes[: len(patterns)])
        if len(given) < len(patterns) or any(shape is None for shape in given):
            return None
        known = [shape for shape in given if shape is not None]
        if self.case.broadcast:
            rank = max(map(len, known))
            named = [[item for item in pattern if not isinstance(item, Star)] for pattern in patterns]
            # Only the axes of stars are stretched; those with names are there.
            if any(len(items) == len(pattern) for items, pattern in zip(named, patterns, strict=True)):
                return None
            if any(len(shape) < len(items) for items, shape in zip(named, known, strict=True)):
                return None
            self.padding = [rank - len(shape) for shape in known]
            known = [(1,) * (rank - len(shape)) + shape for shape in known]
        for number, (pattern, shape) in enumerate(zip(patterns, known, strict=True)):
            if not self._match(number, pattern, shape):
                return None
        if self.case.condition is not None and not self._holds(self.case.condition):
            return None
        sides = [", ".join(self._pattern_text(pattern) for pattern in patterns)]
        outputs = tuple(self._output(output) for output in self.case.outputs)
        sides.append(", ".join(self._output_text(output) for output in self.case.outputs))
        return AppliedRule(" -> ".join(sides), outputs, self.origins, self.formulas, self.chosen, self.values)

    def _holds(self, condition: Node) -> bool:
        try:
            return bool(evaluate(self._expanded(condition, None, 0), _Values(self.values, {})))
        except (ExpressionError, TypeError):
            return False

    # What flows in.

    def _match(self, number: int, pattern: list[Item], shape: Shape) -> bool:
        items = list(pattern)
        lengths = self._lengths(items, shape)
        if lengths is None and not number and self._batch(items):
            self.alone = True
            items = self._without_batch(items)
            lengths = self._lengths(items, shape)
        elif self.alone:
            items = self._without_batch(items)
            lengths = self._lengths(items, shape)
        if lengths is None:
            return False
        axis = 0
        for item, length in zip(items, lengths, strict=True):
            for _ in range(length):
                self._bind(item, number, axis, axis - sum(lengths[: items.index(item)]), shape[axis])
                axis += 1
            if isinstance(item, Star) and item.key not in self.stars:
                self.stars[item.key] = []
        return True

    def _batch(self, items: list[Item]) -> bool:
        return any(isinstance(item, Name) and item.name == "N" for item in items)

    def _without_batch(self, items: list[Item]) -> list[Item]:
        return [item for item in items if not (isinstance(item, Name) and item.name == "N")]

    def _lengths(self, items: list[Item], shape: Shape) -> list[int] | None:
        """How many axes each item of a pattern is; None where they are not those of the shape."""
        stars = [item for item in items if isinstance(item, Star)]
        known: dict[str, int] = {}
        for star in stars:
            if star.key in self.stars and not self.case.broadcast:
                known[star.key] = len(self.stars[star.key])
            elif star.name.startswith("S_") and self.spatial:
                known[star.key] = self.spatial
        if self.case.start is not None and stars and "*0" not in known:
            start = self._axis(self.case.start, len(shape))
            if start is None:
                return None
            known[stars[0].key] = start
            if self.case.end is not None:
                end = self._axis(self.case.end, len(shape))
                if end is None:
                    return None
                known[stars[1].key] = end - start + 1
        rest = len(shape) - (len(items) - len(stars)) - sum(known.values())
        open_stars = [star for star in stars if star.key not in known]
        if rest < 0 or len(open_stars) > 1 or (rest > 0 and not open_stars):
            return None
        return [
            1 if not isinstance(item, Star) else known.get(item.key, rest if item in open_stars else 0)
            for item in items
        ]

    def _axis(self, argument: str, rank: int) -> int | None:
        axis = self.values.get(argument)
        return axis % max(rank, 1) if isinstance(axis, int) else None

    def _bind(self, item: Item, number: int, axis: int, place: int, size: Size) -> None:
        """Takes note of an axis that flows in. Of broadcast ones, that of the shape that is not 1 counts."""
        axis -= self.padding[number] if self.case.broadcast else 0
        if isinstance(item, Star):
            bound = self.stars.setdefault(item.key, [])
            key = f"{item.key}.{place}"
            if place == len(bound):
                bound.append(("", (number, axis)))
            elif axis < 0 or not self._stretches(key):
                return
            name = self._star_name(item, place, axis)
            bound[place] = (name, (number, axis))
            self.values[key] = size
        elif isinstance(item, Name):
            name = item.name
            if name in self.origins and not self._stretches(name):
                return
        else:
            return
        self.values[name] = size
        self.origins[name] = (number, axis)

    def _stretches(self, name: str) -> bool:
        """Whether a size stretches to that of the other shape."""
        return self.case.broadcast and bool(self.values[name] == 1)

    def _star_name(self, star: Star, place: int, axis: int) -> str:
        if star.name.startswith("S_"):
            names = letters(self.spatial)
            return f"{names[place]}{star.name[1:]}" if place < len(names) else f"{star.name}{place}"
        return f"{star.name}_{axis}" if star.name else f"{star.key}.{place}"

    # What flows out.

    def _output(self, output: Any) -> Any:
        if output is None:
            return None
        if isinstance(output, tuple):
            return tuple(map(self._output, output))
        axes: list[Axis] = []
        for item in self._without_batch(output) if self.alone else output:
            if not isinstance(item, Star):
                axes.append(self._sized(item))
            elif item.key in self.stars:
                axes.extend(self._kept(name, origin) for name, origin in self.stars[item.key])
            else:
                axes.extend(self._starred(item.name))
        return tuple(axes)

    def _kept(self, name: str, origin: tuple[int, int]) -> Axis:
        return Axis("" if name.startswith("*") else name, None, origin)

    def _sized(self, node: Node) -> Axis:
        if isinstance(node, Name) and node.name in self.origins:
            return self._kept(node.name, self.origins[node.name])
        if isinstance(node, Name) and node.name in self.rules:
            self._define(node.name, None, 0)
            return Axis(node.name, self.formulas[node.name])
        expanded = self._reduced(self._expanded(node, None, 0))
        return Axis(expanded.text if isinstance(expanded, Name | Index) else "", expanded)

    def _starred(self, name: str) -> Iterator[Axis]:
        """The axes of a list: an argument's entries, or a formula for each of the spatial axes."""
        if name not in self.rules:
            value = self.values.get(name)
            count = len(value) if isinstance(value, tuple) else self.spatial
            for i in range(count):
                node = self._expanded(Name(name), i, count)
                yield Axis(node.text, node)
            return
        count = self._count(self.rules[name])
        for i in range(count):
            node = self._reduced(self._expanded(self.rules[name], i, count))
            if name.startswith("S_"):
                names = letters(count)
                shown = f"{names[i]}{name[1:]}" if names else f"{name}{i}"
            else:
                shown = f"{name}[{i}]"
            kept = self.origins.get(node.name) if isinstance(node, Name) else None
            yield Axis(shown, None if kept else node, kept)

    def _count(self, node: Node) -> int:
        """How many axes a formula is for: as many as the named axes, or the entries of the list, in it."""
        names = [part.name for part in node.walk() if isinstance(part, Name)]
        stars = [len(self.stars[name]) for name in names if name in self.stars]
        lists = [len(value) for name in names if isinstance(value := self.values.get(name), tuple)]
        return (stars or lists or [self.spatial])[0]

    # Formulas.

    def _define(self, name: str, i: int | None, count: int) -> Node:
        """A further name for one of the axes, whose formula is taken note of; the argument, if it is just that."""
        written = self._expanded(self.rules[name], i, count, inside=name)
        node = self._reduced(written)
        if name in (node.text, node.value.text if isinstance(node, Index) else ""):
            return node
        several = any(isinstance(part, Index) for part in node.walk())
        shown = f"{name}[{i}]" if several and i is not None else name
        self.formulas[shown] = node
        if isinstance(node, Literal) and isinstance(written, Conditional):
            self.chosen[shown] = written
        return Name(shown)

    def _expanded(self, node: Node, i: int | None, count: int, inside: str = "") -> Node:
        """A formula with the names of one axis in place of those of all."""
        match node:
            case Name():
                return self._name(node.name, i, count, inside)
            case Index():
                assert isinstance(node.value, Name)
                value = self.values.get(node.value.name)
                place = evaluate(node.index, {"i": count - 1 - (i or 0)})
                return Index(node.value, Literal(place)) if isinstance(value, tuple) else node.value
            case FunctionCall() if node.function == "prod":
                return self._product(node.arguments[0])
        return node.map(lambda part: self._expanded(part, i, count, inside))

    def _name(self, name: str, i: int | None, count: int, inside: str) -> Node:
        if name in self.stars and i is not None:
            return Name(self.stars[name][i][0])
        if name in self.rules and name != inside and name not in self.origins:
            return self._define(name, i, count)
        value = self.values.get(name)
        if isinstance(value, tuple) and value and i is not None:
            place = 0 if len(value) == 1 else i + max(0, len(value) - count)
            return Index(Name(name), Literal(place))
        return Name(name)

    def _product(self, node: Node) -> Node:
        assert isinstance(node, Name)
        name = node.name
        factors: list[Node]
        if name in self.stars:
            factors = [Name(one) for one, _ in self.stars[name]]
        elif name in self.rules:
            factors = [axis.formula or Name(axis.name) for axis in self._starred(name)]
        else:
            value = self.values.get(name)
            several = isinstance(value, tuple)
            count = len(value) if isinstance(value, tuple) else self.spatial
            factors = [Index(node, Literal(i)) if several else node for i in range(count)]
        product = factors[0] if factors else Literal(1)
        for factor in factors[1:]:
            product = Binary("*", product, factor)
        return product

    def _reduced(self, node: Node) -> Node:
        """A formula without what arguments rule out: of `a if condition else b`, the one that it is."""
        match node:
            case Conditional():
                answer = self._known(node.condition)
                if answer is None:
                    return node
                return self._reduced(node.then if answer else node.otherwise)
            case Logic() if node.operator == "or":
                for operand in node.operands[:-1]:
                    answer = self._known(operand)
                    if answer is None:
                        return node
                    if answer:
                        return self._reduced(operand)
                return self._reduced(node.operands[-1])
            case Binary() | FunctionCall():
                return node.map(self._reduced)
        return node

    def _known(self, node: Node) -> bool | None:
        """Whether it is true; None where that is not known."""
        if isinstance(node, Name) and node.name not in self.values and node.name not in self.formulas:
            return False  # an input that is not given
        value = evaluate(node, _Values(self.values, self.formulas))
        return None if unknown(value) else bool(value)

    # In words.

    def _pattern_text(self, pattern: list[Item]) -> str:
        texts: list[str] = []
        for item in self._without_batch(pattern) if self.alone else pattern:
            if not isinstance(item, Star):
                texts.append(plain_text(item))
            elif not item.name:
                texts.extend(["*"] if self.stars.get(item.key) else [])
            elif item.key in self.stars:
                texts.extend(name for name, _ in self.stars[item.key])
            else:
                texts.extend(axis.name for axis in self._starred(item.name))
        return f"[{', '.join(texts)}]"

    def _output_text(self, output: Any) -> str:
        if output is None:
            return "null"
        if isinstance(output, tuple):
            return f"({', '.join(map(self._output_text, output))})"
        return self._pattern_text(
            [item if isinstance(item, Star | Name) else self._expanded(item, None, 0) for item in output]
        )


class _Values(Mapping[str, Any]):
    """What names in a formula are worth: a word that is none stands for itself."""

    def __init__(self, known: Mapping[str, Any], formulas: Mapping[str, Node]) -> None:
        self.known, self.formulas = known, formulas

    def __getitem__(self, name: str) -> Any:
        if name in self.formulas:
            return evaluate(self.formulas[name], self)
        return self.known.get(name, name)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.known, **self.formulas})

    def __len__(self) -> int:
        return len({**self.known, **self.formulas})


def plain_text(node: Node) -> str:
    """A formula as documentation writes it: `floor`, and not Python's `math.floor`."""
    return node.text.replace("math.", "")
