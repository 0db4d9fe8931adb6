"""The steps of a document, one after the other: layers looked up and checked, groups, conditions and loops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec import dimensions
from archspec.dimensions import LARGEST, Dimension
from archspec.document import SEQUENTIAL_ATTRIBUTES, Document, Step, name_problem
from archspec.expressions import Call as FunctionCall
from archspec.expressions import (
    ExpressionError,
    Items,
    Name,
    Node,
    Symbolic,
    Undecided,
    as_size,
    assume,
    choose,
    evaluate,
    item_type,
    literal_text,
    parse,
    type_of,
    typed,
    unknown,
)
from archspec.graph import Argument, Branch, Call, Flow, Group, Input, Item, Loop, free_symbols
from archspec.layers import ABSENT, LAYERS, Layer, LayerError
from archspec.lower._problems import Report
from archspec.lower.carried import Locals, carry
from archspec.problems import Related, Span, did_you_mean, echo, nearest
from archspec.source import Path
from archspec.tensors import TensorType

_FOR = re.compile(r"(.+?)\s+in\s+(.+)", re.DOTALL)
_NOT_YET = ("from_", "again", "layer", "shape")


@dataclass(frozen=True, slots=True)
class Value:
    """What flows at a point: its type (None after an error), and the step that made it."""

    type: Flow | None
    label: str
    span: Span


@dataclass(slots=True)
class Place:
    """Where a list or mapping of steps stands: in the tree, in the state_dict, and how far its numbers have run."""

    prefix: str
    next: int | None = 0  # None once a loop has made the count depend on parameters
    names: set[str] | None = None  # what is taken; None where names are keys of a mapping, hence unique

    def dotted(self, name: str | None) -> str:
        return f"{self.prefix}{name if name is not None else '*'}"


class Steps:
    """One walk over a document's steps."""

    def __init__(self, report: Report, document: Document, scope: dict[str, Any], *, unroll: bool) -> None:
        self.report = report
        self.document = document
        self.scope = scope
        self.unroll = unroll
        self.count = 0
        self.locals = Locals({*scope, *_loop_names(document.layers)})

    def of_document(self, inputs: tuple[Input, ...]) -> tuple[tuple[Item, ...], Flow | None]:
        """The document's own steps and what flows out."""
        for name in ("blocks", "outputs"):
            if getattr(self.document, name):
                self.not_yet(f"`{name}:`", (name,), key=True)
        if len(inputs) != 1:
            self.not_yet("more inputs than one" if inputs else "a document without inputs", ("inputs",), key=True)
            return (), None
        first = inputs[0]
        value = Value(first.type, first.name, first.span)
        items, last = self.sequence(self.document.layers, ("layers",), value, Place("", names=set()), self.scope)
        if not items and not self.report.problems:
            self.report.add("AS203", "there are no steps", ("layers",), "add one: `- Linear: 10`")
        return items, last.type

    def not_yet(self, what: str, path: Path, *, key: bool = False) -> None:
        advice = "this version reads layers in sequence: lists, groups, `when`, `for`, `repeat` and `name`"
        self.report.add("AS207", f"{what}: not read by this version", path, advice, key=key)

    # Sequences of steps.

    def sequence(
        self, layers: list[Step] | dict[str, Step] | None, path: Path, value: Value, place: Place, scope: dict[str, Any]
    ) -> tuple[tuple[Item, ...], Value]:
        """The steps of a list or mapping, in the order of flow."""
        items: list[Item] = []
        named = isinstance(layers, dict)
        for key, step in layers.items() if isinstance(layers, dict) else enumerate(layers or ()):
            here: Path = (*path, key)
            if named and not self.take(str(key), here, place):
                continue
            for item in self.step(step, here, value, place, scope, str(key) if named else None):
                items.append(item)
                value = Value(item.output, f"`{_label(item)}`", item.span)
        return tuple(items), value

    def take(self, name: str, path: Path, place: Place, *, key: bool = True) -> bool:
        """Whether a name is free in its place; reports it if not."""
        if name in SEQUENTIAL_ATTRIBUTES:
            self.report.add("AS204", f"`{name}` is a method of nn.Sequential, which it would hide", path, key=key)
            return False
        if place.names is not None:
            if name in place.names:
                self.report.add("AS205", f"`{name}` names two steps of one module", path, "name one anew", key=key)
                return False
            place.names.add(name)
        return True

    def step(
        self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any], name: str | None
    ) -> Iterator[Item]:
        """The items that one step comes to: none, one, or in a list several."""
        for field in _NOT_YET:
            if getattr(step, field) is not None:
                key = field.rstrip("_")
                self.not_yet(f"`{key}:`", (*path, key), key=True)
                yield self.lost(path)
                return
        if step.name is not None and name is not None:
            self.report.add("AS206", "`name:` is for a step of a list", (*path, "name"), "rename its key", key=True)
        repeats = step.for_ is not None or step.repeat is not None
        if repeats and name is not None:
            yield self.repeated_group(step, path, value, place, scope, name)
        elif repeats:
            yield from self.repeated(step, path, value, place, scope)
        else:
            yield from self.conditional(step, path, value, place, scope, name)

    def lost(self, path: Path) -> Item:
        """In place of a step that cannot be read: what flows on is unknown."""
        return Group(None, "", (), None, None, self.report.source.span(path))

    # Conditions.

    def conditional(
        self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any], name: str | None
    ) -> Iterator[Item]:
        if step.when is None:
            yield from self.kept(step, path, value, place, scope, name)
            return
        try:
            node, condition = self.report.evaluate(step.when, (*path, "when"), scope)
        except ExpressionError:
            yield self.lost(path)
            return
        if isinstance(condition, Symbolic | Dimension):
            if free_symbols(condition if isinstance(condition, Dimension) else 0):
                message = f"{echo(step.when)} depends on a free dimension"
                self.report.add("AS506", message, (*path, "when"), "a condition is over parameters")
            yield self.branch(step, path, value, place, scope, name, node, condition)
        elif condition:
            yield from self.kept(step, path, value, place, scope, name)
        elif name is not None:
            # What it is then is an Identity, whatever its arguments are.
            yield self.identity(name, path, value, place)

    def identity(self, name: str, path: Path, value: Value, place: Place) -> Call:
        span = self.report.source.span(path, key=True)
        return Call(name, place.dotted(name), LAYERS["Identity"]({}), (), value.type, value.type, span)

    def branch(
        self,
        step: Step,
        path: Path,
        value: Value,
        place: Place,
        scope: dict[str, Any],
        name: str | None,
        node: Node,
        condition: Any,
    ) -> Branch:
        """Steps whose condition is a symbol: both ways are followed, and what flows on is the choice between them."""
        inside = Value(assume_flow(value.type, condition, True), value.label, value.span)
        items = tuple(self.kept(step, path, inside, place, scope, name))
        if name is None:
            place.next = None
        after = items[-1].output if items else value.type
        output = merge(condition, after, value.type)
        span = self.report.source.span((*path, "when"))
        return Branch(name, place.dotted(name), node, items, value.type, output, span)

    # Loops.

    def repeated_group(
        self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any], name: str
    ) -> Item:
        """A named step with `for` or `repeat`: an nn.Sequential of its repetitions."""
        inner = Place(f"{place.dotted(name)}.", names=set())
        once = step.model_copy(update={"layers": None, "nested": step.layers}) if step.layers is not None else step
        items = tuple(self.repeated(once, path, value, inner, scope))
        output = items[-1].output if items else value.type
        return Group(name, place.dotted(name), items, value.type, output, self.report.source.span(path, key=True))

    def repeated(self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any]) -> Iterator[Item]:
        """A step once per item of its list; in the list around it they stand one after the other."""
        key = "for" if step.for_ is not None else "repeat"
        try:
            target, iterable, items = self.iterable(step, (*path, key), scope)
        except ExpressionError:
            yield self.lost(path)
            return
        if not self.unroll or unknown(items):
            yield self.loop(step, path, value, place, scope, target, iterable, items)
            return
        for item in items:
            try:
                bound = scope | destructure(target, item)
            except ExpressionError as error:
                self.report.expression(error, (*path, key), step.for_)
                yield self.lost(path)
                return
            for result in self.conditional(step, path, value, place, bound, None):
                yield result
                value = Value(result.output, f"`{_label(result)}`", result.span)
            if self.count > self.report.source.limits.layers:
                return

    def iterable(self, step: Step, path: Path, scope: dict[str, Any]) -> tuple[Node, Node, Any]:
        """What a loop binds, what it runs over, and the items of that (a tuple, or a Symbolic)."""
        if step.for_ is None:
            node, times = self.report.evaluate(step.repeat, path, scope)
            error = None
            if not unknown(times) and (isinstance(times, bool) or not isinstance(times, int) or times < 0):
                error = ExpressionError("AS304", f"`repeat` takes a number of times, not {literal_text(times)}")
            elif isinstance(times, int) and times > self.report.source.limits.layers:
                error = ExpressionError(
                    "AS102", f"{times} repetitions; at most {self.report.source.limits.layers} layers"
                )
            if error:
                self.report.expression(error, path, step.repeat)
                raise error
            counted = FunctionCall("range", (node,))
            return Name("_"), counted, evaluate(counted, scope)
        match = _FOR.fullmatch(step.for_.strip())
        try:
            if match is None:
                raise ExpressionError("AS301", "`for` reads `name in list`", "write `for: i in range(3)`")
            target, iterable = parse(match[1]), parse(match[2])
            self.check_target(target, scope)
            items = evaluate(iterable, scope)
            if not isinstance(items, tuple | Symbolic):
                raise ExpressionError("AS304", f"`for` runs over a list, not over {literal_text(items)}")
        except ExpressionError as error:
            if error.offset is not None and match is not None:
                error.offset += step.for_.find(match[2]) if error.code not in ("AS204", "AS205") else 0
            self.report.expression(error, path, step.for_)
            raise
        return target, iterable, items

    def check_target(self, target: Node, scope: dict[str, Any]) -> None:
        """A loop binds new names that may stand in generated code."""
        for part in target.walk():
            if not isinstance(part, Name | Items):
                raise ExpressionError("AS301", "`for` binds names", "write `for: i in range(3)`")
            if isinstance(part, Name):
                problem = name_problem(part.name)
                if problem:
                    raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
                if part.name in scope:
                    advice = "choose another name for the loop"
                    raise ExpressionError(
                        "AS205", f"`{part.name}` is declared already", advice, part.offset, len(part.name)
                    )

    def loop(
        self,
        step: Step,
        path: Path,
        value: Value,
        place: Place,
        scope: dict[str, Any],
        target: Node,
        iterable: Node,
        items: Any,
    ) -> Loop:
        """A loop that stays one. A size that a round changes becomes a variable; which ones do is found by trying."""
        place.next = None
        self.locals.loop_names |= {part.name for part in target.walk() if isinstance(part, Name)}
        entry = item_type(type_of(items))
        bound = scope | destructure(target, typed_item(target, entry))

        def once(flow: Flow | None) -> tuple[tuple[Item, ...], Flow | None]:
            body = tuple(self.conditional(step, path, Value(flow, value.label, value.span), place, bound, None))
            return body, body[-1].output if body else flow

        body, carried, output = carry(self.locals, value.type, once)
        span = self.report.source.span((*path, "for" if step.for_ is not None else "repeat"))
        return Loop(target, iterable, body, carried, value.type, output, span)

    # One step that is kept.

    def kept(
        self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any], name: str | None
    ) -> Iterator[Item]:
        if step.name is not None:
            name = self.pattern(step.name, (*path, "name"), place, scope)
        if step.nested is not None:
            yield self.group(step.nested, (*path, *_below(self.report, path)), value, place, scope, name)
        elif step.layers is not None:
            below = (*path, "layers")
            if name is not None:
                yield self.group(step.layers, below, value, place, scope, name)
            else:
                yield from self.sequence(step.layers, below, value, place, scope)[0]
        elif step.expression is not None:
            self.expression_step(step.expression, path, name)
            yield self.lost(path)
        else:
            yield self.call(step, path, value, place, scope, name)

    def expression_step(self, text: str, path: Path, name: str | None) -> None:
        near = nearest(text, LAYERS)
        if near is not None and re.fullmatch(r"\w+", text):
            self.report.add("AS401", f"unknown layer {echo(text)}", path, f"did you mean `{near}`?")
        elif name is None:
            message = f"{echo(text)} is no layer, and an expression has no place in a list"
            self.report.add("AS206", message, path, "a list is exactly an nn.Sequential: name the steps in a mapping")
        else:
            self.not_yet("an expression as a step", path)

    def group(
        self,
        layers: list[Step] | dict[str, Step],
        path: Path,
        value: Value,
        place: Place,
        scope: dict[str, Any],
        name: str | None,
    ) -> Group:
        """A module of its own: an nn.Sequential."""
        name = name if name is not None else self.number(place)
        inner = Place(f"{place.dotted(name)}.", names=set())
        items, last = self.sequence(layers, path, value, inner, scope)
        span = self.report.source.span(path[:-1] if path and path[-1] == "layers" else path)
        return Group(name, place.dotted(name), items, value.type, last.type, span)

    def number(self, place: Place) -> str | None:
        if place.next is None:
            return None
        place.next += 1
        return str(place.next - 1)

    def pattern(self, text: str, path: Path, place: Place, scope: dict[str, Any]) -> str | None:
        """The name that a pattern such as `layer{i}` gives here; the pattern itself where that depends."""
        try:
            name = "".join(piece if isinstance(piece, str) else str(evaluate(piece, scope)) for piece in pieces(text))
        except ExpressionError as error:
            self.report.expression(error, path, text)
            return None
        if any(unknown(evaluate(piece, scope)) for piece in pieces(text) if isinstance(piece, Node)):
            place.next = None
            return text
        problem = name_problem(name)
        if problem:
            self.report.add("AS204", f"{echo(name)} {problem}", path, "choose another name")
            return None
        if self.unroll and not self.take(name, path, place, key=False):
            return None
        if place.next is not None:
            place.next += 1
        return name

    def call(self, step: Step, path: Path, value: Value, place: Place, scope: dict[str, Any], name: str | None) -> Item:
        """A layer of the catalogue, its arguments evaluated and checked against what flows in."""
        self.count += 1
        if self.count == self.report.source.limits.layers + 1:
            limit = self.report.source.limits.layers
            self.report.add("AS102", f"more than {limit} layers after repetition", path, "repeat less")
        type_name = str(step.type)
        layer_type = LAYERS.get(type_name)
        if layer_type is None:
            self.unknown_layer(type_name, path)
            self.number(place)
            return self.lost(path)
        key = name if name is not None else self.number(place)
        span = self.report.source.span(_type_path(self.report, path, type_name), key=True)
        arguments = self.arguments(layer_type, step, path, scope)
        layer, output = None, None
        if arguments is not None:
            layer = self.checked(layer_type, {name: a.value for name, a in arguments.items()}, path, type_name)
        if layer is None or arguments is None:
            return Call(key, place.dotted(key), layer_type.unchecked(), (), value.type, None, span)
        output = self.flow(layer, arguments, value, path, type_name)
        given = self.in_order(layer, arguments, span)
        self.check_inferred(given, value, path, type_name)
        return Call(key, place.dotted(key), layer, given, value.type, output, span)

    def unknown_layer(self, name: str, path: Path) -> None:
        at = _type_path(self.report, path, name)
        if name in self.document.blocks:
            return  # reported once, where the blocks stand
        if name in ABSENT:
            self.report.add("AS401", f"`{name}` is not in the catalogue: {ABSENT[name]}", at, key=True)
            return
        if "." in name:
            self.not_yet("a class of your own", at, key=True)
            return
        hint = did_you_mean(name, list(LAYERS)) or "`torch.nn`'s layers go by PyTorch's names"
        self.report.add("AS401", f"unknown layer {echo(name)}", at, hint, key=True)

    def arguments(
        self, layer_type: type[Layer], step: Step, path: Path, scope: dict[str, Any]
    ) -> dict[str, Argument] | None:
        """The arguments that a step gives, by name; None if one of them is no argument or has no value."""
        if step.arguments is None:
            return {}
        base = (*path, str(step.type))
        if isinstance(step.arguments, dict):
            places = [(name, (*base, name), value) for name, value in step.arguments.items()]
        else:
            single = layer_type.single()
            if single is None:
                names = ", ".join(layer_type.arguments)
                message = f"{step.type} requires no argument that one value could stand for"
                self.report.add("AS405", message, base, f"name the argument: {names}" if names else "leave it out")
                return None
            places = [(single, base, step.arguments)]
        found: dict[str, Argument] = {}
        failed = False
        for name, at, value in places:
            argument = layer_type.arguments.get(name)
            if argument is None:
                hint = did_you_mean(name, list(layer_type.arguments), f"{step.type} takes")
                self.report.add("AS402", f"{step.type} has no argument {echo(name)}", at, hint, key=True)
                failed = True
                continue
            words = frozenset(scope) if argument.choices or argument.kind in ("word", "device", "dtype") else None
            try:
                node, result = self.report.evaluate(value, at, scope, words)
            except ExpressionError:
                failed = True
                continue
            found[name] = Argument(name, result, node, self.report.source.span(at))
        return None if failed else found

    def checked(self, layer_type: type[Layer], values: dict[str, Any], path: Path, type_name: str) -> Layer | None:
        """The layer with its arguments, if each of them is one."""
        try:
            return layer_type(values)
        except LayerError as error:
            self.layer_error(error, path, type_name, None)
            return None

    def flow(
        self, layer: Layer, arguments: dict[str, Argument], value: Value, path: Path, type_name: str
    ) -> Flow | None:
        """What flows out of a layer; None where that cannot be said."""
        if value.type is None:
            return None
        if not isinstance(value.type, TensorType):
            message = f"{type_name} takes one tensor, but {value.label} returns {len(value.type)}"
            self.report.add("AS502", message, _type_path(self.report, path, type_name), key=True)
            return None
        try:
            output: Flow = layer.forward(value.type)
        except LayerError as error:
            self.layer_error(error, path, type_name, value)
            return None
        except Undecided:
            return None
        if any(isinstance(size, int) and size > LARGEST for size in (*output[0], *_numel(output))):
            at = _type_path(self.report, path, type_name)
            self.report.add("AS507", f"{type_name} returns {output}, which is beyond 64 bits", at, key=True)
            return None
        return output

    def layer_error(self, error: LayerError, path: Path, type_name: str, value: Value | None) -> None:
        """A layer's refusal, at the argument to blame if the spec writes it."""
        at, key = _type_path(self.report, path, type_name), True
        below = self.report.source.value(at) if at != path else None
        if error.argument is not None and isinstance(below, dict) and error.argument in below:
            at, key = (*at, error.argument), False
        elif error.argument is not None and below is not None and not isinstance(below, dict):
            key = False
        related: tuple[Related, ...] = ()
        if value is not None and value.type is not None:
            related = (Related(f"{value.type} comes from {value.label}", value.span),)
        self.report.add(error.code, error.message, at, error.help, key=key, related=related)

    def in_order(self, layer: Layer, arguments: dict[str, Argument], span: Span) -> tuple[Argument, ...]:
        """Given and inferred arguments in PyTorch's order."""
        ordered = []
        for name, argument in layer.arguments.items():
            if name in arguments:
                ordered.append(arguments[name])
            elif argument.inferred and name in layer.__dict__:
                ordered.append(Argument(name, layer.__dict__[name], None, span))
        return tuple(ordered)

    def check_inferred(self, arguments: tuple[Argument, ...], value: Value, path: Path, type_name: str) -> None:
        """No argument of a constructor depends on a free dimension, or on what no expression says."""
        at = _type_path(self.report, path, type_name)
        for argument in arguments:
            free = free_symbols(argument.value)
            if free:
                names = ", ".join(sorted(f"`{symbol.text}`" for symbol in free))
                what = dimensions.show(argument.value) if isinstance(argument.value, Dimension) else "it"
                message = f"`{argument.name}` would be {what}, which depends on the free dimension {names}"
                advice = f"make {names} a parameter or a number, or pool it away before (AdaptiveAvgPool2d: 1)"
                related = (Related(f"{value.type} comes from {value.label}", value.span),)
                self.report.add("AS506", message, at, advice, key=True, related=related)


def _type_path(report: Report, path: Path, type_name: str) -> Path:
    """The place of a step's type: a key below it, or the step itself where it is a bare name."""
    step = report.source.value(path)
    return (*path, type_name) if isinstance(step, dict) else path


def _below(report: Report, path: Path) -> Path:
    return ("layers",) if isinstance(report.source.value(path), dict) else ()


def _loop_names(layers: list[Step] | dict[str, Step]) -> Iterator[str]:
    """The names that loops bind, anywhere below: a variable of the same name would be another thing."""
    for step in layers.values() if isinstance(layers, dict) else layers:
        if step.for_ is not None:
            yield from re.findall(r"\w+", step.for_.partition(" in ")[0])
        yield from _loop_names(step.layers or step.nested or [])


def _numel(flow: Flow) -> list[Any]:
    return [flow.numel] if isinstance(flow, TensorType) else []


def _label(item: Item) -> str:
    if isinstance(item, Call):
        return f"{item.path} ({type(item.layer).__name__})"
    return getattr(item, "path", "") or "the loop before"


def pieces(text: str) -> list[str | Node]:
    """A name's pattern taken apart: literal text, and the expressions in its braces."""
    parts = re.split(r"\{([^{}]*)\}", text)
    return [parse(part) if index % 2 else part for index, part in enumerate(parts)]


def destructure(target: Node, item: Any) -> dict[str, Any]:
    """The names of a loop's target with their values for one item."""
    if isinstance(target, Name):
        return {} if target.name == "_" else {target.name: item}
    assert isinstance(target, Items)
    if not isinstance(item, tuple) or len(item) != len(target.items):
        count = f"{len(item)} values" if isinstance(item, tuple) else literal_text(item)
        raise ExpressionError("AS304", f"`{target.text}` unpacks {len(target.items)} values, but an item is {count}")
    return {
        name: value for part, x in zip(target.items, item, strict=True) for name, value in destructure(part, x).items()
    }


def typed_item(target: Node, kind: str) -> Any:
    """A symbol for each name of a loop's target, typed as the entries of the list are."""
    if isinstance(target, Name):
        return typed(Name(target.name), kind)
    assert isinstance(target, Items)
    return tuple(typed_item(part, item_type(kind, index)) for index, part in enumerate(target.items))


def assume_flow(flow: Flow | None, condition: Any, truth: bool) -> Flow | None:
    """A type where a condition is known to hold."""
    if not isinstance(flow, TensorType):
        return flow
    return TensorType(tuple(assume(size, condition, truth) for size in flow.shape), flow.dtype)


def merge(condition: Any, then: Flow | None, otherwise: Flow | None) -> Flow | None:
    """What flows on where it depends on a condition which of two types it is; None where no type says it."""
    if not isinstance(then, TensorType) or not isinstance(otherwise, TensorType):
        return then if then == otherwise else None
    if then.rank != otherwise.rank or then.dtype != otherwise.dtype:
        return None
    return TensorType(
        tuple(as_size(choose(condition, a, b)) for a, b in zip(then.shape, otherwise.shape, strict=True)), then.dtype
    )
