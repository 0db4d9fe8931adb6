"""How the sizes of a value come of the sizes that flow in: by a layer's formula, or by what an expression does to them.

An expression's formula is found, not written down: the rules of its functions are asked once more with a symbol in
place of every size, so that what comes out is the formula. Knows nothing of how it is told.
"""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Extremum, Size, Symbol
from archspec.expressions import Embedded, ExpressionError, Index, Name, Node, UndecidedError
from archspec.expressions import Literal as Constant
from archspec.formulas import AppliedRule, Axis, ShapeRule
from archspec.layers.own import OwnLayer
from archspec.lower.tensors import tensor_value
from archspec.refusals import RefusalError
from archspec.tensors import TensorType
from archspec.views.explain.origins import Producer, Value, ValueRef, parts, type_of

Place = tuple[ValueRef, int]
"""An axis of a value."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where the size of one axis comes from."""

    name: str
    """Of the axis, in the rule: `H_out`."""
    formula: Node | None
    """What it is; None where it is the axis of a value that flows in."""
    kept: Place | None = None
    """That axis."""
    axes: Mapping[str, Place] = field(default_factory=dict)
    """What names in the formula are: axes of what flows in."""
    use: AppliedRule | None = None
    """What other names in it are: a layer's rule, put to use."""


class Links:
    """Finds them, once for each step."""

    def __init__(self) -> None:
        self._found: dict[tuple[Producer, tuple[int, ...], int], Link | None] = {}
        self._uses: dict[Producer, AppliedRule | None] = {}
        self._derived: dict[Producer, tuple[Any, Mapping[str, Place]] | None] = {}

    def of(self, ref: ValueRef, axis: int) -> Link | None:
        """Where an axis comes from; None where that cannot be said."""
        key = ref.made, ref.at, axis
        if key not in self._found:
            self._found[key] = self._find(ref, axis)
        return self._found[key]

    def _find(self, ref: ValueRef, axis: int) -> Link | None:
        made = ref.made
        if made.kind == "layer":
            use = self.use(made)
            outputs = use.outputs if use is not None else ()
            found = _pick(outputs, ref.at if not isinstance(made.output, TensorType) else (0,))
            if use is None or not isinstance(found, tuple) or axis >= len(found):
                return None
            return self._by_rule(made, use, found[axis])
        if made.kind in ("expression", "tensor") and made.node is not None:  # a weight of a layer has its sizes
            derived = self.derived(made)
            flow = _pick(derived[0], ref.at) if derived is not None else None
            if derived is None or not isinstance(flow, TensorType) or axis >= flow.rank:
                return None
            return _by_symbols(flow.shape[axis], derived[1], ref.type.shape[axis])
        return None

    def use(self, made: Producer) -> AppliedRule | None:
        """A layer's rule, put to use for what flows in."""
        if made not in self._uses:
            self._uses[made] = _use(made)
        return self._uses[made]

    def _by_rule(self, made: Producer, use: AppliedRule, axis: Axis) -> Link:
        named = inputs_of(made)
        assert made.layer is not None
        values = [named.get(name) for name in made.layer.inputs]
        if axis.origin is not None:
            return Link(axis.name, None, _place(values, axis.origin), use=use)
        assert axis.formula is not None
        read = dict.fromkeys(_axes_read(axis.formula, use))
        axes = {name: place for name in read if (place := _place(values, use.origins[name])) is not None}
        return Link(axis.name, axis.formula, axes=axes, use=use)

    def derived(self, made: Producer) -> tuple[Any, Mapping[str, Place]] | None:
        """What an expression gives, in symbols, and which axis each symbol is."""
        if made not in self._derived:
            self._derived[made] = _derive(made)
        return self._derived[made]


def inputs_of(made: Producer) -> dict[str, Value]:
    """What flows into a layer, by the names of the forward method's arguments."""
    layer = made.layer
    assert layer is not None
    free = [name for name in layer.inputs if name not in dict(made.inputs)]
    free += [f"input {place}" for place in range(len(free), len(made.inputs))]  # a class of the user's takes any number
    names = iter(free)
    return {name if name is not None else next(names): value for name, value in made.inputs}


def _use(made: Producer) -> AppliedRule | None:
    layer = made.layer
    assert layer is not None
    if isinstance(layer, OwnLayer):  # what it does to shapes, nobody knows
        return None
    inputs = inputs_of(made)
    flows = {name: type_of(value) for name, value in inputs.items()}
    shapes = [flow.shape if isinstance(flow := flows.get(name), TensorType) else None for name in layer.inputs]
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(layer.forward).parameters.items()
        if parameter.default is not parameter.empty
    }
    settings = {name: value for name, value in vars(layer).items() if name in layer.arguments}
    others = {name: flow for name, flow in flows.items() if not isinstance(flow, TensorType)}
    return _rule(layer.shape).use(shapes, {**defaults, **settings, **others}, layer.spatial)


_rule = cache(ShapeRule)


def _axes_read(formula: Node, use: AppliedRule) -> Iterator[str]:
    """The names of axes that flow in which a formula reads, also by way of other formulas."""
    for part in operands(formula):
        text = part.text
        if text in use.origins:
            yield text
        elif text in use.formulas:
            yield from _axes_read(use.formulas[text], use)


def _place(values: list[Value | None], origin: tuple[int, int]) -> Place | None:
    number, axis = origin
    value = values[number]
    return (value, axis) if isinstance(value, ValueRef) else None


def _pick(flow: Any, at: tuple[int, ...]) -> Any:
    for place in at:
        flow = flow[place] if isinstance(flow, tuple) and place < len(flow) else None
    return flow


# Expressions.


def _derive(made: Producer) -> tuple[Any, Mapping[str, Place]] | None:
    """SymbolicLoop for all sizes where that is possible; else for all but those of 1, or for those of tensors alone."""
    assert made.node is not None
    values, read = made.scope.values, (part.name for part in made.node.walk() if isinstance(part, Name))
    numbers = {
        name: values[name]
        for name in read
        if isinstance(values.get(name), int | Dimension) and not isinstance(values[name], bool)
    }
    for names, ones in ((numbers, True), (numbers, False), ({}, False)):
        symbols: dict[str, Size] = {}
        places: dict[str, Place] = {}
        known: ChainMap[str, Any] = ChainMap({}, values)
        for name, value in names.items():
            if value != 1:
                known[name] = dimensions.symbol(name)
                symbols[name] = value
                meaning = made.scope.meaning(name)
                if meaning is not None and meaning.ref is not None and meaning.ref.type.shape[meaning.axis] == value:
                    places[name] = meaning.ref, meaning.axis
        for text, flowing in made.inputs:
            assert text is not None
            known[text] = _symbolic(text, flowing, symbols, places, ones)
        try:
            found = tensor_value(made.node, known)
        except (RefusalError, UndecidedError, ExpressionError, TypeError, ValueError, ArithmeticError):
            continue
        if _same(found, made.output, symbols):
            return found, places
    return None


def _symbolic(text: str, value: Value, symbols: dict[str, Size], places: dict[str, Place], ones: bool) -> Any:
    """A type with a symbol for every size; for those of 1 only if `ones`, as what is 1 may stretch or be left out."""
    several = parts(value)
    if several is not None:
        return tuple(_symbolic(f"{text}[{i}]", part, symbols, places, ones) for i, part in enumerate(several))
    flow = type_of(value)
    if not isinstance(flow, TensorType) or not isinstance(value, ValueRef):
        return flow
    shape: list[Size] = []
    for axis, size in enumerate(flow.shape):
        name = f"{text}.shape[{axis}]"
        if size == 1 and not ones:
            shape.append(1)
            continue
        symbols[name], places[name] = size, (value, axis)
        shape.append(dimensions.symbol(name))
    return flow.reshaped(*shape)


def _same(found: Any, output: Any, symbols: Mapping[str, Size]) -> bool:
    """Whether a type is another one, once its symbols are numbers."""
    if isinstance(found, TensorType) and isinstance(output, TensorType):
        if found.rank != output.rank:
            return False
        pairs = zip(found.shape, output.shape, strict=True)
        return all(dimensions.equal(dimensions.substitute(a, symbols), b) is True for a, b in pairs)
    if isinstance(found, tuple) and isinstance(output, tuple):
        return len(found) == len(output) and all(map(_same, found, output, [symbols] * len(found)))
    return bool(found == output)


def _by_symbols(size: Size, places: Mapping[str, Place], actual: Size) -> Link:
    candidates = _candidates(size)  # the first that the expression reads
    kept = next((name for name, place in places.items() if name in candidates and _size(place) == actual), None)
    if kept is not None:
        return Link("", None, places[kept])
    formula = Embedded(_in_order(size, list(places)))
    names = [part.text for part in operands(formula)]
    return Link("", formula, axes={name: places[name] for name in names if name in places})


def _in_order(size: Size, names: list[str]) -> Size:
    """A sum of axes that names them in the order in which they are read: for `cat([x, new], 1)` that of x first."""
    terms = {atom.text for atom in dimensions.atoms(size)}
    if isinstance(size, int) or len(terms) < 2 or size != sum(map(dimensions.symbol, terms), start=0):
        return size
    in_order = [name for name in names if name in terms]
    return dimensions.written(size, " + ".join(in_order), dimensions.SUM) if len(in_order) == len(terms) else size


def _candidates(size: Size) -> list[str]:
    """The symbols of which it is one: itself, or any that others stretch to, as broadcasting makes it."""
    if isinstance(size, int) or len(found := dimensions.atoms(size)) != 1 or size != dimensions.of(found[0]):
        return []
    (atom,) = found
    if isinstance(atom, Extremum) and atom.function == "max":
        return [name for one in atom.sizes for name in _candidates(one)]
    return [atom.text] if isinstance(atom, Symbol) else []


def _size(place: Place) -> Size:
    ref, axis = place
    size: Size = ref.type.shape[axis]
    return size


def operands(node: Node) -> Iterator[Node]:
    """The names in a formula, each once: with the entry, where it is one of a list's."""
    found: dict[str, Node] = {}

    def visit(part: Node) -> None:
        if isinstance(part, Index) and isinstance(part.value, Name) and isinstance(part.index, Constant):
            found.setdefault(part.text, part)
        elif isinstance(part, Name):
            found.setdefault(part.name, part)
        elif isinstance(part, Embedded) and isinstance(part.value, Dimension):
            text = str(part.value)
            for symbol in sorted(dimensions.symbols(part.value), key=lambda one: text.find(one.text)):
                found.setdefault(symbol.text, Name(symbol.text))
        else:
            for child in part.children:
                visit(child)

    visit(node)
    return iter(found.values())
