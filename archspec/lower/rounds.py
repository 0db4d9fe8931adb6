"""Loops whose rounds the forward method writes out: side by side, collected, over values that flow, of one module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec import dimensions
from archspec.document import Step
from archspec.expressions import Call as FunctionCall
from archspec.expressions import (
    ExpressionError,
    Name,
    Node,
    lift,
)
from archspec.graph import Branch, Call, Flow, Group, Item, Loop, argument_text, names_in, size_names
from archspec.graph import Rounds as Written
from archspec.lower.calls import unlike
from archspec.lower.carried import Round, carry
from archspec.lower.context import Frame, Given, LostError, Place, Scope, values_of
from archspec.lower.lists import (
    each_part,
)
from archspec.lower.loops import captured, check_decided, destructure, handing_on, in_round, returned
from archspec.lower.reading import sizes_read
from archspec.lower.symbolic_loops import SymbolicLoop, split
from archspec.source import Path
from archspec.tensors import ListType, TensorType

if TYPE_CHECKING:
    from archspec.lower.modules import Modules


def is_written(frame: Frame, step: Step, given: Given) -> bool:
    """Whether the rounds of a loop do more than hand values on, so that the forward method has a line for each."""
    if step.each is not None or step.collect or step.shared or given.anew:
        return True
    over = re.findall(r"[A-Za-z]\w*", (step.over or "").partition(" in ")[2])
    return any(name not in frame.scope and frame.value(name) is not None for name in over)


class Rounds:
    """Reads one such loop."""

    def __init__(
        self, modules: Modules, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str
    ) -> None:
        self.modules = modules
        self.frame = modules.frame
        self.report = modules.report
        self.step = step
        self.path = path
        self.key = str(step.loop)
        self.place = place
        self.scope = scope
        self.name = name
        self.inner = Place(f"{place.dotted(name)}.", rounds=True)
        self.span = self.frame.span(path, key=True)
        self.each = step.each is not None
        room = next((place for place in range(len(given.types)) if place in given.anew), len(given.types))
        self.room = 0 if self.each else room
        limited = self.each or step.collect or given.anew
        self.given = replace(given, first_name=None, handing=self.room if limited else None)
        # Each round of a group is a module of its own.
        nested = step.layers is not None and not step.shared
        self.once = step.model_copy(update={"layers": None, "nested": step.layers}) if nested else step

    def read(self) -> Group:
        """The group of the rounds, with what comes out of it."""
        loop = self.modules.bounded_loop(self.step, (*self.path, self.key), self.scope)
        if loop is None or not self.is_sound(loop[0]):
            return self.group((), None)
        target, iterable, items = loop
        written = Written(target, iterable, self.each, bool(self.step.collect))
        try:
            if self.modules.unroll or (isinstance(items, tuple) and self.differs(target, items)):
                return self.unrolled(written, target, items)
            return self.kept(written, target, iterable, items)
        except (ExpressionError, LostError):
            return self.group((), None)

    def group(self, items: tuple[Item, ...], output: Flow | None, written: Written | None = None) -> Group:
        """The loop's group; without `written`, in place of one that cannot be read."""
        types = self.given.types
        if written is None:
            return Group(self.name, items, types, output, self.span, listed=True)
        if items:
            check_decided(self.frame, items[-1], self.path)
        count = returned(items[-1]) if items else self.without_rounds()
        handed = min(count, self.room) if not self.each else 0
        rounds = replace(written, returned=count)
        return Group(self.name, items, types, output, self.span, True, handed, rounds=rounds)

    # What is refused.

    def is_sound(self, target: Node) -> bool:
        """Whether the loop says what its rounds take and give; reported if not."""
        named = f"`{self.key}:`"
        for name in sorted(names_in(target)):
            if self.frame.value(name) is not None:
                at = (*self.path, self.key)
                self.report.add("AS205", f"`{name}` is declared already", at, "choose another name for the loop")
                return False
        if self.step.when is not None and self.modules.mentions_target(self.step):
            message = f"a condition on single rounds has no place where {self.what()}"
            at, advice = (*self.path, "when"), "let the loop run over a list of those that are meant"
            self.report.add("AS206", message, at, advice)
            return False
        if not self.each and 0 in self.given.anew:
            message = "the first input is computed anew in each round, so what a round returns is lost"
            over = self.step.over or ""
            advice = f"write `each: {over}` for rounds side by side, or give what is handed on first"
            self.report.add("AS206", message, (*self.path, self.key), advice, key=True)
            return False
        return not self.step.shared or self.is_shared(named)

    def what(self) -> str:
        """What is particular about the loop, for a message."""
        if self.each:
            return "rounds stand side by side"
        return "rounds are collected" if self.step.collect else "one module runs in every round"

    def is_shared(self, named: str) -> bool:
        """Whether nothing of the one module depends on the round; reported if something does."""
        alone = self.step.model_copy(update={"for_": None, "each": None, "repeat": None, "from_": None})
        read = sorted(sizes_read(alone) & self.step.bound)
        if read:
            message = f"`{read[0]}` changes from round to round, but `shared: true` makes one module for all rounds"
            advice = f"leave `shared` out, or write what does not depend on {named}"
            self.report.add("AS206", message, (*self.path, "shared"), advice, key=True)
        return not read

    # Round by round.

    def unrolled(self, written: Written, target: Node, items: tuple[Any, ...]) -> Group:
        """Every round for itself, with what it takes and gives."""
        given, results = self.given, list[Item]()
        first, outputs = given, list[Flow | None]()
        for number, item in enumerate(items):
            own = self.destructured(target, item)
            again = self.repeatable(results, given, own)
            result = again if again is not None else self.round(given, own, number, len(items))
            if result is None:
                return self.group(self.left, None)
            results.append(result)
            outputs.append(result.output)
            first = first if number else replace(given, types=result.inputs)
            if not self.goes_on(given, result, number, len(items)):
                return self.group((), None)
            given = given.after(result.output, f"`{self.place.dotted(self.name)}`", result.span, result)
        self.given = first
        group = self.finished(written, tuple(results), self.value(given, outputs))
        return group if self.modules.unroll or self.step.shared else self.as_loop(group)

    def as_loop(self, group: Group) -> Group:
        """Rounds that were read one by one as a loop, where a constructor makes the same module for each."""
        made = [signature(item) for item in group.items]
        if len(made) < 2 or None in made or any(one != made[0] for one in made):
            return group
        first, count = group.items[0], FunctionCall("range", (lift(len(made)),))
        assert isinstance(first, Call | Group)
        body = (replace(first, name=None),)
        return replace(group, items=(Loop(Name("_"), count, body, (), first.inputs, first.output, self.span),))

    def destructured(self, target: Node, item: Any) -> dict[str, Any]:
        """What the loop binds in a round."""
        try:
            return destructure(target, item)
        except ExpressionError as error:
            self.report.expression(error, (*self.path, self.key), self.step.over)
            raise

    def repeatable(self, results: list[Item], given: Given, own: Mapping[str, Any]) -> Item | None:
        """The round before, where this one is the same: nothing is bound, and the same flows in."""
        last = results[-1] if results else None
        if last is None or own or given.types != last.inputs or isinstance(last, Loop | Branch):
            return None
        if self.step.shared:
            return last
        self.frame.context.add_layers(self.count, self.path)
        return replace(last, name=self.modules.number(self.inner))

    count = 0
    """The layers of the last round."""
    left: tuple[Item, ...] = ()
    """What is left of a round that is wrong."""

    def round(self, given: Given, own: Mapping[str, Any], number: int, total: int) -> Item | None:
        """The module of one round; None where it is wrong."""
        context, problems = self.frame.context, len(self.report.problems)
        before, bound = context.count, self.frame.bound
        numbers, flows = split(own)
        scope = {**self.scope, **numbers}
        with (
            self.frame.binding(numbers, flows, self.span),
            in_round(self.frame, own, number, total, (*self.path, self.key)),
        ):
            if not self.modules.unroll:
                self.frame.bound = bound | numbers.keys()  # a constructor has no such names
            inside = self.anew(given)
            place, name = (Place(self.place.prefix), self.name) if self.step.shared else (self.inner, None)
            made = list(self.modules.kept(self.once, self.path, alone(inside), place, scope, name))
        self.frame.bound = bound
        self.count = context.count - before
        if self.step.shared and number:
            context.count = before
        if len(self.report.problems) > problems or len(made) != 1 or context.count > context.most_layers:
            self.left = tuple(made) if context.partial else ()
            return None
        return made[0]

    def anew(self, given: Given) -> Given:
        """What a round takes, while the names of the loop are bound."""
        types = list(given.types)
        for place, flow in given.anew.items():
            types[place] = flow()
        return given.with_types(tuple(types))

    def goes_on(self, given: Given, result: Item, number: int, total: int) -> bool:
        """Whether the next round can take what this one returns; reported if not."""
        output = result.output
        if self.step.collect and isinstance(output, tuple) and not isinstance(output, ListType) and len(output) == 1:
            return self.modules.fits_next(given, result, (*self.path, self.key))  # the value itself is handed on
        if number == total - 1 or self.each:
            return True
        if self.step.collect or given.anew:
            parts = values_of(result.output)[: self.room]
            if len(parts) < 2 or None not in parts:
                return True
        return self.modules.fits_next(given, result, (*self.path, self.key))

    def value(self, given: Given, outputs: list[Flow | None]) -> Flow | None:
        """What the rounds come to, of what the last one hands on, and of what each returns."""
        if self.each:
            return ListType(outputs)
        if outputs and not self.step.collect:
            return outputs[-1]
        count = min(len(values_of(outputs[-1])) if outputs else self.without_rounds(), self.room)
        handed = given.types[0] if count == 1 else given.types[:count]
        return (handed, ListType(self.collected(output) for output in outputs)) if self.step.collect else handed

    def without_rounds(self) -> int:
        """How many values a round would hand on, where none is there."""
        block = self.frame.context.document.blocks.get(str(self.step.type))
        outputs = block.outputs if block is not None else None
        if isinstance(outputs, list | dict):
            return len(outputs)
        if None in self.given.types:
            return 1
        return self.modules.handed_on(self.once, self.path, alone(self.given), self.scope)

    def collected(self, output: Flow | None) -> Flow | None:
        """What is collected of what one round returns."""
        parts = values_of(output)
        rest = parts[self.room :]
        return output if not rest else rest[0] if len(rest) == 1 else rest

    def finished(self, written: Written, items: tuple[Item, ...], output: Flow | None) -> Group:
        """The group of these rounds, whose groups all take what they read from around them."""
        inputs = captured(items)
        items = handing_on(items, inputs) if inputs else items
        group = self.group(items, output, written)
        if not self.step.shared:
            return group
        for number, item in enumerate(items[1:], 2):
            differs = unlike(items[0], item) if item is not items[0] else None
            if differs is not None:
                message = f"`shared: true` runs one module in every round, but in round {number} its {differs}"
                advice = "only what is of the same size can share weights"
                self.report.add("AS406", message, (*self.path, "shared"), advice, key=True)
                break
        return replace(group, module=items[0] if items else self.idle())

    def idle(self) -> Item | None:
        """The one module of a loop without rounds: it is made, though nothing runs it."""
        if None in self.given.types:
            return None
        problems = len(self.report.problems)
        made = self.one(self.given, self.scope)
        del self.report.problems[problems:]
        return made[0] if len(made) == 1 else None

    # In symbols.

    def differs(self, target: Node, items: tuple[Any, ...]) -> bool:
        """Whether rounds of a known number are read one by one in symbols, too: what they take is not the same."""
        found = []
        for item in items:
            numbers, flows = split(self.destructured(target, item))
            with self.frame.binding(numbers, flows, self.span):
                found.append([flow() for flow in self.given.anew.values()])
        return any(one != found[0] for one in found)

    def kept(self, written: Written, target: Node, iterable: Node, items: Any) -> Group:
        """The loop as a loop: one round stands for all of them."""
        symbols = SymbolicLoop(self.frame, target, iterable, items, self.name)
        with self.frame.binding(symbols.numbers, symbols.flows, self.span):
            types = self.anew(self.given).types
        types = tuple(each_part(flow, symbols.named) for flow in types)
        loop = symbols.loop(types)
        types = tuple(each_part(flow, symbols.named) for flow in types)
        self.inner.next = None
        self.frame.locals.loop_names |= names_in(loop[0])
        scope = {**self.scope, **symbols.numbers}
        self.given = self.given.with_types(types)
        if self.step.shared:
            return self.shared(written, scope, symbols)
        if self.each:
            with self.frame.binding(symbols.numbers, symbols.flows, self.span):
                body = self.body(self.given, scope)
            item = body[-1].output if body else None
            loop = symbols.needed(body, ())
            return self.finished(written, (Loop(*loop, body, (), types, item, self.span),), symbols.listed(item))
        return self.handing(written, loop, scope, symbols)

    def one(self, given: Given, scope: Scope) -> tuple[Item, ...]:
        """The one module of all rounds."""
        place = Place(self.place.prefix)
        return tuple(self.modules.kept(self.once, self.path, alone(given), place, scope, self.name))

    def body(self, given: Given, scope: Scope) -> tuple[Item, ...]:
        return tuple(self.modules.kept(self.once, self.path, alone(given), self.inner, scope, None))

    def handing(self, written: Written, loop: tuple[Node, Node], scope: Scope, symbols: SymbolicLoop) -> Group:
        """A loop that hands values on, of which a round may change the sizes."""

        def once(types: tuple[Flow | None, ...], this: Round) -> tuple[tuple[Item, ...], tuple[Flow | None, ...]]:
            inside = self.given.with_types(types)
            with self.frame.binding(symbols.numbers, symbols.flows, self.span):
                body = self.body(inside, scope)
            for place, item in enumerate(body):
                after = inside.after(item.output, inside.label, inside.span)
                inside = inside.with_types(this.after(place, item, inside.types, after.types))
            this.end(len(body) - 1, inside.types)
            return body, inside.types

        given, at = self.given.types, (*self.path, self.key)
        body, carried, updates, types = carry(self.frame.locals, given, once, *loop, at)
        last = body[-1].output if body else None
        self.modules.keeps_axes(self.given, body, at)
        count = min(returned(body[-1]) if body else 1, self.room)
        changing = {one.name for one in carried}
        handed = types[0] if count == 1 else types[:count]
        output: Flow | None = None if last is None else handed
        if self.step.collect:
            why = "a loop changes it from round to round"
            unsaid = dimensions.of(dimensions.Unknown(why))
            item = each_part(self.collected(last), lambda size: unsaid if size_names(size) & changing else size)
            output = (handed, symbols.listed(item)) if last is not None else None
        elif last is not None and len(values_of(last)) > 1:
            output = (*types[:count], *values_of(last)[count:])
            if len(values_of(last)) > len(given):
                self.modules.fits_next(self.given, body[-1], at)
        sizes = (size for one in carried for size in (one.initial, one.update))
        loop = symbols.needed(body, (*sizes, *(one.value for one in updates)))
        group = self.finished(written, (Loop(*loop, body, carried, given, last, self.span, updates),), output)
        assert group.rounds is not None
        rounds = replace(group.rounds, returned=returned(body[-1]) if body else 1)
        return replace(group, handed=count, rounds=rounds)

    def shared(self, written: Written, scope: Scope, symbols: SymbolicLoop) -> Group:
        """One module, as it is in every round."""
        with self.frame.binding(symbols.numbers, symbols.flows, self.span):
            made = self.one(self.given, scope)
        if len(made) != 1:
            return self.group((), None)
        last, types = made[0].output, self.given.types
        if self.each:
            return self.finished(written, made, symbols.listed(last))
        parts = values_of(last)
        count = min(len(parts), self.room)
        why = "each round of a loop changes it"
        handed = tuple(map(partial_type(why), types[:count], parts[:count]))
        output: Flow | None = handed[0] if count == 1 else handed
        if self.step.collect:
            return self.finished(written, made, (output, symbols.listed(self.alike(last, handed, why))))
        if len(parts) > count:
            output = (*handed, *parts[count:])
        return self.finished(written, made, output)

    def alike(self, last: Flow | None, handed: tuple[Flow | None, ...], why: str) -> Flow | None:
        """What is collected of each round of one module: sizes that another round would change are not said."""
        item = self.collected(last)
        if handed == values_of(last)[: len(handed)]:
            return item
        if item is last and len(handed) == 1:
            return handed[0]
        unsaid: Flow | None = each_part(item, lambda size: dimensions.of(dimensions.Unknown(why)))
        return unsaid


def signature(item: Item) -> Any:
    """What a constructor writes for a module; None where that depends."""
    if isinstance(item, Call):
        arguments = tuple((one.name, argument_text(one)) for one in item.arguments)
        return (item.type_name, item.held, arguments) if not item.ties else None
    if isinstance(item, Loop | Branch):
        return None
    inside = tuple(map(signature, item.items))
    return (item.listed, *inside) if None not in inside else None


def alone(given: Given) -> Given:
    """What one round is called with: for what is in it, nothing of the loop is left."""
    return replace(given, anew={}, handing=None)


def partial_type(why: str) -> Any:
    """What of a type holds after any number of rounds: sizes that a round changes are unknown."""

    def same(before: Flow | None, after: Flow | None) -> Flow | None:
        if before == after or not isinstance(before, TensorType) or not isinstance(after, TensorType):
            return after
        if before.rank != after.rank:
            return None
        unsaid, pairs = dimensions.of(dimensions.Unknown(why)), zip(before.shape, after.shape, strict=True)
        return TensorType(tuple(a if a == b else unsaid for a, b in pairs), after.dtype)

    return same
