"""Steps as modules: conditions, loops, groups and layers, in a list one after the other or behind a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from archspec.document import SEQUENTIAL_ATTRIBUTES, Step, name_problem
from archspec.expressions import Call as FunctionCall
from archspec.expressions import (
    ExpressionError,
    Items,
    Name,
    Node,
    Symbolic,
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
from archspec.graph import Branch, Call, Class, Flow, Group, Input, Item, Loop, free_symbols, pieces, walk
from archspec.layers import LAYERS
from archspec.lower.calls import call
from archspec.lower.carried import Round, carry
from archspec.lower.context import Frame, Given, Place, Scope
from archspec.lower.sizes import check_shape
from archspec.problems import Related, did_you_mean, echo
from archspec.records import replace
from archspec.source import Path
from archspec.tensors import TensorType

_FOR = re.compile(r"(.+?)\s+in\s+(.+)", re.DOTALL)
_NO_IN = re.compile(r"\w+(?:\s*,\s*\w+)*(?=\s+[a-z_]+\()", re.ASCII)


class Modules:
    """Reads the steps of one class as modules."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.report = frame.report
        self.unroll = frame.context.unroll

    def sequence(
        self, layers: list[Step] | dict[str, Step], path: Path, given: Given, place: Place, scope: Scope
    ) -> tuple[tuple[Item, ...], Given]:
        """The steps of an nn.Sequential, in the order of flow."""
        items: list[Item] = []
        pairs: Any = layers.items() if isinstance(layers, dict) else enumerate(layers)
        for key, step in pairs:
            here: Path = (*path, key)
            name = key if isinstance(layers, dict) else None
            if name is not None and not self.take(name, here, place):
                continue
            for item in self.step(step, here, given, place, scope, name):
                items.append(item)
                label = f"`{place.dotted(getattr(item, 'name', None))}`"
                if isinstance(item.output, tuple) and not isinstance(item.output, TensorType):
                    given = Given((item.output,), (None,), label, item.span)  # several values flow on as one
                else:
                    given = given.after(item.output, label, item.span, item)
            if step.shape is not None and items and isinstance(scope, dict):
                related = Related("made here", items[-1].span)
                check_shape(self.frame, step.shape, (*here, "shape"), given.first(), scope, related)
        return tuple(items), given

    def take(self, name: str, path: Path, place: Place, *, key: bool = True) -> bool:
        """Whether a name is free in its place; reports it if not."""
        if name in SEQUENTIAL_ATTRIBUTES:
            message = f"`{name}` is a method of nn.Sequential, which it would hide"
            self.report.add("AS204", message, path, f"choose another name, such as `my_{name}`", key=key)
            return False
        if name in place.names:
            advice = "put what the loop binds into it, as in `fc_{i}`" if self.report.rounds else "name one anew"
            self.report.add("AS205", f"`{name}` names two steps of one module", path, advice, key=key)
            return False
        place.names.add(name)
        return True

    def step(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Iterator[Item]:
        """The modules that one step comes to: one, or in a list none or several."""
        if name is None and not self.fits_a_list(step, path):
            yield self.lost(path, given)
            return
        if step.name is not None and name is not None:
            self.report.add("AS206", "`name:` is for a step of a list", (*path, "name"), "rename its key", key=True)
        repeats = step.for_ is not None or step.repeat is not None
        if repeats and name is not None:
            outside = step.when is not None and not self.mentions_target(step)
            if outside:
                inner = replace(step, when=None)
                yield from self.conditional(inner, path, given, place, scope, name, step.when, self.repeated_group)
            else:
                yield self.repeated_group(step, path, given, place, scope, name)
        elif repeats:
            yield from self.repeated(step, path, given, place, scope)
        else:
            yield from self.conditional(step, path, given, place, scope, name, step.when, self.kept)

    def fits_a_list(self, step: Step, path: Path) -> bool:
        """A list is exactly an nn.Sequential: nothing in it has inputs of its own."""
        for key in ("from_", "again"):
            if getattr(step, key) is not None:
                message = f"`{key.rstrip('_')}:` has no place in a list: each step takes what the one above gives"
                self.report.add("AS206", message, (*path, key.rstrip("_")), "name the steps in a mapping", key=True)
                return False
        if step.type in ("Parameter", "Buffer"):
            message = f"a `{step.type}` has no place in a list: it does not enter the flow"
            self.report.add("AS206", message, path, "name the steps in a mapping")
            return False
        if step.expression is None:
            return True
        near = did_you_mean(step.expression, [*LAYERS, *self.frame.context.document.blocks])
        if near and re.fullmatch(r"\w+", step.expression):
            self.report.add("AS401", f"unknown layer {echo(step.expression)}", path, near)
        elif re.fullmatch(r"\w+", step.expression):
            advice = "layers go by PyTorch's names: `ReLU`, `Conv2d`, `Linear`"
            self.report.add("AS401", f"unknown layer {echo(step.expression)}", path, advice)
        else:
            message = f"{echo(step.expression)} is no layer, and an expression has no place in a list"
            self.report.add("AS206", message, path, "a list is exactly an nn.Sequential: name the steps in a mapping")
        return False

    def lost(self, path: Path, given: Given) -> Item:
        """In place of a step that cannot be read: what flows on is unknown."""
        return Group(None, (), given.types, None, self.frame.span(path))

    def mentions_target(self, step: Step) -> bool:
        """Whether a step's condition reads what its loop binds."""
        if step.for_ is None or not isinstance(step.when, str):
            return False
        bound = set(re.findall(r"\w+", step.for_.partition(" in ")[0]))
        return bool(bound & set(re.findall(r"\w+", step.when)))

    # Conditions.

    def conditional(
        self,
        step: Step,
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
        when: str | bool | None,
        then: Any,
    ) -> Iterator[Item]:
        if when is None:
            yield from _many(then(step, path, given, place, scope, name))
            return
        condition = self.condition(when, path, scope)
        if condition is None:
            yield self.lost(path, given)
        elif unknown(condition[1]):
            yield self.branch(step, path, given, place, scope, name, condition, then)
        elif condition[1]:
            yield from _many(then(step, path, given, place, scope, name))
        elif name is not None:
            yield self.identity(name, path, given)

    def condition(self, when: str | bool, path: Path, scope: Scope) -> tuple[Node, Any] | None:
        """A condition and its truth, as far as it is known; None if it has none."""
        try:
            node, condition = self.report.evaluate(when, (*path, "when"), scope)
        except ExpressionError:
            return None
        if self.depends_on_free(node, condition, when, (*path, "when"), "a condition is over parameters", scope):
            return None
        if type_of(condition) not in ("bool", "any"):
            message = f"{echo(when)} is {_shown(condition)}: a condition is true or false"
            self.report.add("AS304", message, (*path, "when"), "compare it: `when: depth > 0`")
            return None
        return node, condition

    def depends_on_free(self, node: Node, value: Any, text: object, path: Path, advice: str, scope: Scope) -> bool:
        """Whether which steps there are depends on a size that only the forward method knows; reported."""
        free = _free_names(node, scope) if unknown(value) else ()
        if free:
            self.report.add("AS506", f"{echo(text)} depends on the free dimension `{min(free)}`", path, advice)
        return bool(free)

    def identity(self, name: str, path: Path, given: Given) -> Call:
        """In place of a step that is not kept."""
        layer = LAYERS["Identity"]({})
        span = self.frame.span((*path, "when"))
        return Call(name, layer, (), given.types[:1], given.first(), span, keys=(None,))

    def branch(
        self,
        step: Step,
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
        condition: tuple[Node, Any],
        then: Any,
    ) -> Branch:
        """Steps whose condition is a symbol: both ways are followed, and what flows on is the choice between them."""
        node, truth = condition
        inside = given.with_types(tuple(assume_flow(flow, truth, True) for flow in given.types))
        if name is not None:
            place = Place(place.prefix)  # it is an attribute on that condition only
        items = tuple(_many(then(step, path, inside, place, scope, name)))
        if name is None:
            place.next = None
        after = items[-1].output if items else given.first()
        output = merge(truth, after, given.first())
        return Branch(name, node, items, given.types, output, self.frame.span((*path, "when")))

    # Loops.

    def repeated_group(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Group:
        """A named step with `for` or `repeat`: an nn.Sequential (or nn.ModuleList) of its repetitions."""
        inner = Place(f"{place.dotted(name)}.")
        # Each repetition of a group is a module of its own.
        once = replace(step, layers=None, nested=step.layers) if step.layers is not None else step
        items = tuple(self.repeated(once, path, given, inner, scope))
        output = items[-1].output if items else given.first()
        inputs = captured(items)
        if inputs:
            items = handing_on(items, inputs)
        listed = len(given.types) > 1 or bool(inputs)
        return Group(name, items, given.types, output, self.frame.span(path, key=True), listed)

    def repeated(self, step: Step, path: Path, given: Given, place: Place, scope: Scope) -> Iterator[Item]:
        """A step once per item of its list; in the list around it they stand one after the other."""
        key = "for" if step.for_ is not None else "repeat"
        try:
            target, iterable, items = self.iterable(step, (*path, key), scope)
        except ExpressionError:
            yield self.lost(path, given)
            return
        text = step.for_ if step.for_ is not None else step.repeat
        advice = "modules are made once: repeat them by a parameter"
        if self.depends_on_free(iterable, items, text, (*path, key), advice, scope):
            yield self.lost(path, given)
            return
        if not self.unroll or unknown(items):
            yield self.loop(step, path, given, place, scope, target, iterable, items)
            return
        context = self.frame.context
        results: list[Item] = []
        count = 0
        repeatable: tuple[Flow | None, ...] | None = None  # what came in, if equal input gives an equal round
        for number, item in enumerate(items):
            try:
                own = destructure(target, item)
                bound = {**scope, **own}
            except ExpressionError as error:
                self.report.expression(error, (*path, key), step.for_)
                yield self.lost(path, given)
                return
            if given.types == repeatable:
                results = [replace(result, name=self.number(place)) for result in results]
                context.add_layers(count, path)
            else:
                before, problems, types = context.count, len(self.report.problems), given.types
                around = self.report.rounds
                if number:
                    values = [f"`{one}` is {literal_text(value)}" for one, value in own.items() if one != "_"]
                    where = f", where {' and '.join(values)}" if values else ""
                    what = f"in round {number + 1} of {len(items)}{where}"
                    self.report.rounds = (*around, Related(what, self.frame.span((*path, key), key=True)))
                results = list(self.conditional(step, path, given, place, bound, None, step.when, self.kept))
                self.report.rounds = around
                count = context.count - before
                if len(self.report.problems) > problems:  # the other rounds would find the same, at the same cost
                    yield self.lost(path, given)
                    return
                alike = step.for_ is None and all(map(_numbered, results))
                repeatable = types if alike else None
            for result in results:
                yield result
                label = f"`{place.dotted(getattr(result, 'name', None))}`"
                given = given.after(result.output, label, result.span, result)
            if context.count > context.most_layers:
                return

    def iterable(self, step: Step, path: Path, scope: Scope) -> tuple[Node, Node, Any]:
        """What a loop binds, what it runs over, and the items of that (a tuple, or a Symbolic)."""
        if step.for_ is None:
            node = self.times(step, path, scope)
            counted = FunctionCall("range", (node,))
            return Name("_"), counted, evaluate(counted, scope)
        match = _FOR.fullmatch(step.for_.strip())
        shift = 0
        try:
            if match is None:
                error = ExpressionError("AS301", "`for` reads `name in list`", "write `for: i in range(3)`")
                if missing := _NO_IN.match(step.for_):
                    error.rewrite = (missing.end(), missing.end(), " in")
                raise error
            target = parse(match[1])
            self.check_target(target, scope)
            shift = match.start(2)
            iterable = parse(match[2])
            items = evaluate(iterable, scope)
            if not isinstance(items, tuple | Symbolic):
                advice = f"write `range({match[2].strip()})`" if isinstance(items, int) else ""
                error = ExpressionError("AS304", f"`for` runs over a list, not over {literal_text(items)}", advice)
                error.offset, error.length = 0, len(match[2])
                if isinstance(items, int):
                    error.rewrite = (*match.span(2), f"range({match[2]})")
                raise error
        except ExpressionError as error:
            if error.offset is not None:
                error.offset += shift
            self.report.expression(error, path, step.for_, scope)
            raise
        return target, iterable, items

    def times(self, step: Step, path: Path, scope: Scope) -> Node:
        """How often `repeat` says."""
        node, times = self.report.evaluate(step.repeat, path, scope)
        most = self.frame.context.most_layers
        error = None
        if not unknown(times) and (isinstance(times, bool) or not isinstance(times, int) or times < 0):
            advice = "write how often, as an integer: `repeat: 3`"
            error = ExpressionError("AS304", f"`repeat` takes a number of times, not {literal_text(times)}", advice)
        elif isinstance(times, int) and times > most:
            advice = "repeat less, or raise the limit where you call archspec"
            error = ExpressionError("AS102", f"{times} repetitions; at most {most} layers are allowed", advice)
        if error:
            self.report.expression(error, path, step.repeat, scope)
            raise error
        return node

    def check_target(self, target: Node, scope: Scope) -> None:
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
        given: Given,
        place: Place,
        scope: Scope,
        target: Node,
        iterable: Node,
        items: Any,
    ) -> Loop:
        """A loop that stays one. A size that a round changes becomes a variable; which ones do is found by trying."""
        place.next = None
        self.frame.locals.loop_names |= {part.name for part in target.walk() if isinstance(part, Name)}
        bound = {**scope, **destructure(target, typed_item(target, item_type(type_of(items))))}

        def once(types: tuple[Flow | None, ...], this: Round) -> tuple[tuple[Item, ...], tuple[Flow | None, ...]]:
            inside = given.with_types(types)
            body: list[Item] = []
            for part in self.parts(step, path, place, bound):
                for item in part(inside):
                    after = inside.after(item.output, inside.label, inside.span)
                    inside = inside.with_types(this.after(len(body), item, inside.types, after.types))
                    body.append(item)
            this.end(len(body) - 1, inside.types)
            return tuple(body), inside.types

        body, carried, updates, types = carry(self.frame.locals, given.types, once, target, iterable, path)
        span = self.frame.span((*path, "for" if step.for_ is not None else "repeat"))
        output = body[-1].output if body and body[-1].output is None else types[0]
        many = body and isinstance(body[-1].output, tuple) and not isinstance(body[-1].output, TensorType)
        if many:
            output = types[: len(body[-1].output)]  # type: ignore[arg-type] # a tuple, as just seen
        return Loop(target, iterable, body, carried, given.types, output, span, updates)

    def parts(self, step: Step, path: Path, place: Place, scope: Scope) -> list[Callable[[Given], Iterator[Item]]]:
        """What a loop repeats: the step itself, or those of its list, one by one."""
        if not isinstance(step.layers, list) or step.when is not None or step.name is not None:
            return [lambda given: self.conditional(step, path, given, place, scope, None, step.when, self.kept)]
        parts = enumerate(step.layers)
        return [partial(self.part, one, (*path, "layers", index), place, scope) for index, one in parts]

    def part(self, step: Step, path: Path, place: Place, scope: Scope, given: Given) -> Iterator[Item]:
        """One step of a loop's list."""
        return self.step(step, path, given, place, scope, None)

    # One step that is kept.

    def kept(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Iterator[Item]:
        if step.name is not None:
            name = self.pattern(step.name, (*path, "name"), place, scope)
        if step.nested is not None:
            raw = isinstance(self.report.source.value(path), list)
            yield self.group(step.nested, path if raw else (*path, "layers"), given, place, scope, name)
        elif step.layers is not None:
            if name is not None:
                yield self.group(step.layers, (*path, "layers"), given, place, scope, name)
            else:
                if not step.layers:
                    self.report.add("AS203", "there are no steps", (*path, "layers"), "add one: `- ReLU`")
                yield from self.sequence(step.layers, (*path, "layers"), given, place, scope)[0]
        else:
            key = name if name is not None else self.number(place)
            yield call(self.frame, step, path, given, place, scope, key)

    def group(
        self,
        layers: list[Step] | dict[str, Step],
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
    ) -> Group | Call:
        """A module of its own: an nn.Sequential, or a class where its steps are a graph."""
        name = name if name is not None else self.number(place)
        span = self.frame.span(path[:-1] if path and path[-1] == "layers" else path)
        if not layers:
            self.report.add("AS203", "there are no steps", path, "add one: `- ReLU`")
        if isinstance(layers, dict) and is_graph(layers):
            return self.frame.context.inline(self.frame, layers, path, given, place, scope, name, span)
        if len(given.types) > 1:
            message = f"a list takes one input; {len(given.types)} flow in"
            self.report.add("AS206", message, path, "name the steps in a mapping, and say `from:`")
            return Group(name, (), given.types, None, span)
        inner = Place(f"{place.dotted(name)}.")
        before, count = len(self.report.problems), self.frame.context.count
        items, last = self.sequence(layers, path, given, inner, scope)
        if captured(items) and isinstance(layers, dict) and len(self.report.problems) == before:
            self.frame.context.count = count
            return self.frame.context.inline(self.frame, layers, path, given, place, scope, name, span)
        self.refuse_captured(items, path)
        return Group(name, items, given.types, last.first(), span)

    def refuse_captured(self, items: tuple[Item, ...], path: Path) -> None:
        """Reports a group in a list that reads a name from around it: an nn.Sequential hands on one value alone."""
        for value in captured(items)[:1]:
            message = f"a group of this list reads `{value.name}` from around it, but a list hands on one value alone"
            self.report.add("AS206", message, path, "name the steps of the list in a mapping")

    def number(self, place: Place) -> str | None:
        if place.next is None:
            return None
        place.next += 1
        return str(place.next - 1)

    def pattern(self, text: str, path: Path, place: Place, scope: Scope) -> str | None:
        """The name that a pattern such as `layer{i}` gives here; the pattern itself where that depends."""
        try:
            values = [part if isinstance(part, str) else evaluate(part, scope) for part in pieces(text)]
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return None
        if any(map(unknown, values)):
            place.next = None
            return text
        name = "".join(map(str, values))
        problem = name_problem(name)
        if problem:
            self.report.add("AS204", f"{echo(name)} {problem}", path, "choose another name")
            return None
        if self.unroll and not self.take(name, path, place, key=False):
            return None
        if place.next is not None:
            place.next += 1
        return name


def captured(items: tuple[Item, ...]) -> tuple[Input, ...]:
    """What the groups among these items read from around them, each value once."""
    found: dict[str, Input] = {}
    for item in walk(items):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            found |= {value.name: value for value in item.layer.inputs if value.captured and value.name not in found}
    return tuple(found.values())


def handing_on(items: tuple[Item, ...], values: tuple[Input, ...]) -> tuple[Item, ...]:
    """The items with groups that all take these values behind their own input."""
    result: list[Item] = []
    for item in items:
        if isinstance(item, Call) and isinstance(item.layer, Class):
            inputs = (*(value for value in item.layer.inputs if not value.captured), *values)
            same = inputs == item.layer.inputs
            result.append(item if same else replace(item, layer=replace(item.layer, inputs=inputs)))
        else:
            result.append(
                replace(item, items=handing_on(item.items, values)) if isinstance(item, Loop | Branch) else item
            )
    return tuple(result)


def is_graph(layers: dict[str, Step]) -> bool:
    """Whether named steps are more than a chain of modules, so that they need a forward method of their own."""
    return any(
        step.expression is not None
        or step.from_ is not None
        or step.again is not None
        or step.shape is not None
        or step.type in ("Parameter", "Buffer")
        or "," in name
        for name, step in layers.items()
    )


def destructure(target: Node, item: Any) -> dict[str, Any]:
    """The names of a target with their values for one item."""
    if isinstance(target, Name):
        return {} if target.name == "_" else {target.name: item}
    assert isinstance(target, Items)
    if not isinstance(item, tuple) or isinstance(item, TensorType) or len(item) != len(target.items):
        several = isinstance(item, tuple) and not isinstance(item, TensorType)
        count = f"there are {len(item)}" if several else f"this is one: {item}"
        advice = f"write {len(item)} names" if several else "`chunk`, `split` and `unbind` give several values"
        names = target.text.strip("()")
        raise ExpressionError("AS304", f"`{names}` unpacks {len(target.items)} values, but {count}", advice)
    bound: dict[str, Any] = {}
    for part, value in zip(target.items, item, strict=True):
        bound |= destructure(part, value)
    return bound


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


def _numbered(item: Item) -> bool:
    """Whether a module is called by its place in a list."""
    return isinstance(item, Call | Group) and item.name is not None and item.name.isdecimal()


def _many(result: Item | Iterator[Item]) -> Iterator[Item]:
    if isinstance(result, Call | Group | Loop | Branch):
        yield result
    else:
        yield from result


def _shown(value: Any) -> str:
    """A value for a message: one that is not known by its expression."""
    return str(value) if unknown(value) else literal_text(value)


def _free_names(node: Node, scope: Scope) -> set[str]:
    found = {part.name for part in node.walk() if isinstance(part, Name)}
    return {symbol.text for name in found for symbol in free_symbols(scope.get(name))}
