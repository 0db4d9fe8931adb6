"""Loops whose rounds the forward method writes out: side by side, collected, over values that flow, of one module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec import dimensions
from archspec.document import StepEntry
from archspec.expressions import (
    ExpressionError,
    FunctionCall,
    Name,
    Node,
    lift,
)
from archspec.graph import Branch, Call, Flow, Group, Item, Loop, Rounds, names_in, size_names
from archspec.lower.arguments import constructor_text, difference
from archspec.lower.binding import destructure, in_round, split
from archspec.lower.carried import Round, carry
from archspec.lower.conditions import reads_round
from archspec.lower.frames import Frame, UnknownTypeError
from archspec.lower.given import Given, values_of
from archspec.lower.iterations import Iteration, bounded_iteration
from archspec.lower.lists import each_part
from archspec.lower.loops import (
    captured,
    check_axes_kept,
    check_decided,
    fits_next_round,
    handing_on,
    returned,
    sound_rounds,
)
from archspec.lower.reading import sizes_read
from archspec.lower.repetition import count_handed_on, one_round
from archspec.lower.sites import Container, Site
from archspec.lower.symbolic_loops import SymbolicLoop
from archspec.tensors import ListType, TensorType

if TYPE_CHECKING:
    from archspec.lower.modules import ModuleReader


def is_written(frame: Frame, step: StepEntry, given: Given) -> bool:
    """Whether the rounds of a loop do more than hand values on, so that the forward method has a line for each."""
    if step.each is not None or step.collect or step.shared or given.by_round:
        return True
    over = re.findall(r"[A-Za-z]\w*", (step.over or "").partition(" in ")[2])
    return any(name not in frame.scope and frame.value(name) is not None for name in over)


class RoundsReader:
    """Reads one such loop."""

    def __init__(self, modules: ModuleReader, step: StepEntry, site: Site, given: Given) -> None:
        self.modules = modules
        self.frame = modules.frame
        self.report = modules.report
        self.step = step
        self.site = site
        self.at = site.at(str(step.loop))
        self.container = Container(f"{site.container.dotted(site.name)}.", of_rounds=True)
        self.span = self.frame.span(site.path, key=True)
        self.each = step.each is not None
        room = next((place for place in range(len(given.types)) if place in given.by_round), len(given.types))
        self.room = 0 if self.each else room
        limited = self.each or step.collect or given.by_round
        self.given = replace(given, first_name=None, most_handed_on=self.room if limited else None)
        self.once = step if step.shared else one_round(step)

    def read(self) -> Group:
        """The group of the rounds, with what comes out of it."""
        iteration = bounded_iteration(self.frame, self.step, self.site)
        if iteration is None or not self.is_sound(iteration.target):
            return self.group((), None)
        items = iteration.items
        written = Rounds(iteration.target, iteration.iterable, self.each, bool(self.step.collect))
        try:
            if isinstance(items, tuple) and (self.frame.lowering.unroll or self.differs(iteration.target, items)):
                return self.unrolled(written, iteration.target, items)
            return self.symbolic(written, iteration)
        except (ExpressionError, UnknownTypeError):
            return self.group((), None)

    def group(self, items: tuple[Item, ...], output: Flow | None, written: Rounds | None = None) -> Group:
        """The loop's group; without `written`, in place of one that cannot be read."""
        types = self.given.types
        if written is None:
            return Group(self.site.name, items, types, output, self.span, listed=True)
        if items:
            check_decided(self.frame, items[-1], self.site.path)
        count = returned(items[-1]) if items else self.without_rounds()
        handed = min(count, self.room) if not self.each else 0
        if not items and count > self.room and not self.each and not self.step.collect:
            message = f"a round returns {count} values and hands on {handed}: without rounds there are no others"
            advice = "let the loop have at least one round, or let a round return what it hands on"
            self.report.add("AS206", message, self.at, advice, key=True)
        rounds = replace(written, returned=count)
        return Group(self.site.name, items, types, output, self.span, True, handed, rounds=rounds)

    # What is refused.

    def is_sound(self, target: Node) -> bool:
        """Whether the loop says what its rounds take and give; reported if not."""
        named = f"`{self.step.loop}:`"
        for name in sorted(names_in(target)):
            if self.frame.value(name) is not None:
                at = self.at
                self.report.add("AS205", f"`{name}` is already declared", at, "choose another name for the loop")
                return False
        if self.step.when is not None and reads_round(self.step):
            message = f"a condition on single rounds is not possible where {self.what()}"
            at, advice = self.site.at("when"), "loop over a list of the intended items"
            self.report.add("AS206", message, at, advice)
            return False
        if not self.each and 0 in self.given.by_round:
            message = "the first input is computed again in each round, so the output of a round is lost"
            over = self.step.over or ""
            advice = f"write `each: {over}` to run the rounds side by side, or put the value that is passed on first"
            self.report.add("AS206", message, self.at, advice, key=True)
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
            message = f"`{read[0]}` changes from round to round, but `shared: true` uses one module for all rounds"
            advice = f"remove `shared`, or use a value that does not depend on {named}"
            self.report.add("AS206", message, self.site.at("shared"), advice, key=True)
        return not read

    # Round by round.

    def unrolled(self, written: Rounds, target: Node, items: tuple[Any, ...]) -> Group:
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
            given = given.after(result.output, f"`{self.site.container.dotted(self.site.name)}`", result.span, result)
        self.given = first
        group = self.finished(written, tuple(results), self.value(given, outputs))
        return group if self.frame.lowering.unroll or self.step.shared else self.as_loop(group)

    def as_loop(self, group: Group) -> Group:
        """Rounds that were read one by one as a loop, where a constructor makes the same module for each."""
        made = [constructor_text(item) for item in group.items]
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
            self.report.expression(error, self.at, self.step.over)
            raise

    def repeatable(self, results: list[Item], given: Given, own: Mapping[str, Any]) -> Item | None:
        """The round before, where this one is the same: nothing is bound, and the same flows in."""
        last = results[-1] if results else None
        if last is None or own or given.types != last.inputs or isinstance(last, Loop | Branch):
            return None
        if self.step.shared:
            return last
        self.frame.lowering.add_layers(self.count, self.site.path)
        return replace(last, name=self.container.number())

    count = 0
    """The layers of the last round."""
    left: tuple[Item, ...] = ()
    """What is left of a round that is wrong."""

    def round(self, given: Given, own: Mapping[str, Any], number: int, total: int) -> Item | None:
        """The module of one round; None where it is wrong."""
        lowering, problems = self.frame.lowering, len(self.report.problems)
        before, bound = lowering.count, self.frame.bound
        numbers, flows = split(own)
        with self.frame.binding(numbers, flows, self.span), in_round(self.frame, own, number, total, self.at):
            if not self.frame.lowering.unroll:
                self.frame.bound = bound | numbers.keys()  # a constructor has no such names
            inside = self.of_round(given)
            made = self.modules_of_round(inside, numbers)
        self.frame.bound = bound
        self.count = lowering.count - before
        if self.step.shared and number:
            lowering.count = before
        if len(self.report.problems) > problems or len(made) != 1 or lowering.count > lowering.most_layers:
            self.left = made if lowering.partial else ()
            return None
        return made[0]

    def of_round(self, given: Given) -> Given:
        """What a round takes, while the names of the loop are bound."""
        types = list(given.types)
        for place, flow in given.by_round.items():
            types[place] = flow()
        return given.with_types(tuple(types))

    def goes_on(self, given: Given, result: Item, number: int, total: int) -> bool:
        """Whether the next round can take what this one returns; reported if not."""
        output = result.output
        if self.step.collect and isinstance(output, tuple) and not isinstance(output, ListType) and len(output) == 1:
            return fits_next_round(self.frame, given, result, self.at)  # the value itself is handed on
        if number == total - 1 or self.each:
            return True
        if self.step.collect or given.by_round:
            parts = values_of(result.output)[: self.room]
            if len(parts) < 2 or None not in parts:
                return True
        return fits_next_round(self.frame, given, result, self.at)

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
        return count_handed_on(self.modules, self.once, self.site, alone(self.given))

    def collected(self, output: Flow | None) -> Flow | None:
        """What is collected of what one round returns."""
        parts = values_of(output)
        rest = parts[self.room :]
        return output if not rest else rest[0] if len(rest) == 1 else rest

    def finished(self, written: Rounds, items: tuple[Item, ...], output: Flow | None) -> Group:
        """The group of these rounds, whose groups all take what they read from around them."""
        inputs = captured(items)
        items = handing_on(items, inputs) if inputs else items
        group = self.group(items, output, written)
        if not self.step.shared:
            return group
        for number, item in enumerate(items[1:], 2):
            differs = difference(items[0], item) if item is not items[0] else None
            if differs is not None:
                message = f"`shared: true` uses one module in every round, but in round {number} {differs}"
                advice = "only layers of the same size can share weights"
                self.report.add("AS406", message, self.site.at("shared"), advice, key=True)
                break
        return replace(group, module=items[0] if items else self.idle())

    def idle(self) -> Item | None:
        """The one module of a loop without rounds: it is made, though nothing runs it."""
        if None in self.given.types:
            return None
        problems = len(self.report.problems)
        made = self.modules_of_round(self.given, {})
        del self.report.problems[problems:]
        return made[0] if len(made) == 1 else None

    # In symbols.

    def differs(self, target: Node, items: tuple[Any, ...]) -> bool:
        """Whether rounds of a known number are read one by one in symbols, too: what they take is not the same."""
        found = []
        for item in items:
            numbers, flows = split(self.destructured(target, item))
            with self.frame.binding(numbers, flows, self.span):
                found.append([flow() for flow in self.given.by_round.values()])
        return any(one != found[0] for one in found)

    def symbolic(self, written: Rounds, iteration: Iteration) -> Group:
        """The loop as a loop: one round stands for all of them."""
        symbols = SymbolicLoop(self.frame, iteration)
        with self.frame.binding(symbols.numbers, symbols.flows, self.span):
            types = self.of_round(self.given).types
        types = tuple(each_part(flow, symbols.by_bound_names) for flow in types)
        loop = symbols.loop(types)
        types = tuple(each_part(flow, symbols.by_bound_names) for flow in types)
        self.container.next = None
        self.frame.locals.loop_names |= names_in(loop[0])
        self.given = self.given.with_types(types)
        if self.step.shared:
            return self.shared(written, symbols)
        if self.each:
            with self.frame.binding(symbols.numbers, symbols.flows, self.span):
                body = self.modules_of_round(self.given, symbols.numbers)
            item = body[-1].output if body else None
            loop = symbols.needed(body, ())
            return self.finished(written, (Loop(*loop, body, (), types, item, self.span),), symbols.listed(item))
        return self.handing(written, loop, symbols)

    def modules_of_round(self, given: Given, numbers: Mapping[str, Any]) -> tuple[Item, ...]:
        """The modules of one round, in which those numbers are bound; with `shared`, the one module of all rounds."""
        site = self.site.reading(numbers)
        shared = site.within(Container(site.container.prefix), site.name)
        return tuple(
            self.modules.make(self.once, shared if self.step.shared else site.within(self.container), alone(given))
        )

    def handing(self, written: Rounds, loop: tuple[Node, Node], symbols: SymbolicLoop) -> Group:
        """A loop that hands values on, of which a round may change the sizes."""

        def read_round(types: tuple[Flow | None, ...], this: Round) -> tuple[tuple[Item, ...], tuple[Flow | None, ...]]:
            inside = self.given.with_types(types)
            with self.frame.binding(symbols.numbers, symbols.flows, self.span):
                body = self.modules_of_round(inside, symbols.numbers)
            for place, item in enumerate(body):
                after = inside.after(item.output, inside.label, inside.span)
                inside = inside.with_types(this.after(place, item, inside.types, after.types))
            this.end(len(body) - 1, inside.types)
            return body, inside.types

        given = self.given.types
        body, carried, updates, types = carry(
            self.frame.locals, given, read_round, loop, self.at, sound_rounds(self.frame)
        )
        last = body[-1].output if body else None
        check_axes_kept(self.frame, self.given, body, self.at)
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
                fits_next_round(self.frame, self.given, body[-1], self.at)
        sizes = (size for one in carried for size in (one.initial, one.update))
        loop = symbols.needed(body, (*sizes, *(one.value for one in updates)))
        group = self.finished(written, (Loop(*loop, body, carried, given, last, self.span, updates),), output)
        assert group.rounds is not None
        rounds = replace(group.rounds, returned=returned(body[-1]) if body else 1)
        return replace(group, handed=count, rounds=rounds)

    def shared(self, written: Rounds, symbols: SymbolicLoop) -> Group:
        """One module, as it is in every round."""
        with self.frame.binding(symbols.numbers, symbols.flows, self.span):
            made = self.modules_of_round(self.given, symbols.numbers)
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


def alone(given: Given) -> Given:
    """What one round is called with: for what is in it, nothing of the loop is left."""
    return replace(given, by_round={}, most_handed_on=None)


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
