"""Loops whose rounds hand values on: unrolled, or one round in symbols that stands for all of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec.document import StepEntry
from archspec.expressions import ExpressionError, unknown
from archspec.graph import Call, Flow, Group, Item, Loop, names_in
from archspec.lower.binding import destructure, in_round
from archspec.lower.carried import Round, carry
from archspec.lower.conditions import conditional
from archspec.lower.given import Given, values_of
from archspec.lower.initial import frozen
from archspec.lower.iterations import Iteration, bounded_iteration, read_iteration
from archspec.lower.loops import (
    captured,
    check_axes_kept,
    check_decided,
    fits_next_round,
    goes_by_name,
    handing_on,
    is_tuple_of_one,
    returned,
    sound_rounds,
)
from archspec.lower.sites import Container, Site
from archspec.problems import SpecError

if TYPE_CHECKING:
    from archspec.lower.modules import ModuleReader


def one_round(step: StepEntry) -> StepEntry:
    """What a loop repeats, as a step: a group is a module of its own in each round."""
    return step.model_copy(update={"layers": None, "nested": step.layers}) if step.layers is not None else step


def repeated_group(modules: ModuleReader, step: StepEntry, site: Site, given: Given) -> Group:
    """A named step that is repeated: an nn.Sequential, or an nn.ModuleList, of its rounds."""
    once, frame = one_round(step), modules.frame
    inside = site.within(Container(f"{site.container.dotted(site.name)}.", of_rounds=True))
    items = tuple(Repetition(modules, once, inside).read(replace(given, first_name=None)))
    if items:
        check_decided(frame, items[-1], site.path)
    handed = returned(items[-1]) if items else count_handed_on(modules, once, site, given)
    handed = handed if handed <= len(given.types) else 1  # a single round may return more than it takes
    first = given.types[:handed] if handed > 1 else given.first()
    output = items[-1].output if items else first
    inputs = captured(items)
    if inputs:
        items = handing_on(items, inputs)
    listed = len(given.types) > 1 or bool(inputs) or goes_by_name(given, items)
    return Group(site.name, items, given.types, output, frame.span(site.path, key=True), listed, handed)


def count_handed_on(modules: ModuleReader, step: StepEntry, site: Site, given: Given) -> int:
    """How many values a round of a loop without rounds would hand on: what flows on are that many of its inputs."""
    frame, count = modules.frame, modules.frame.lowering.count
    block = frame.lowering.document.blocks.get(str(step.type))
    if block is not None and isinstance(block.outputs, list | dict):
        return len(block.outputs)
    if len(given.types) == 1 or None in given.types:
        return 1
    try:
        with frame.report.trial():
            inside = site.within(Container(frame.prefix)).reading(read_iteration(frame, step, site).symbols())
            results = tuple(conditional(frame, step, inside, given, modules.make))
    except (ExpressionError, SpecError):
        return 1
    finally:
        frame.lowering.count = count
    return returned(results[-1]) if results else 1


class Repetition:
    """Reads a step once per item of its list; its modules stand one after the other in the list at its site."""

    def __init__(self, modules: ModuleReader, step: StepEntry, site: Site) -> None:
        self.modules = modules
        self.frame = modules.frame
        self.report = modules.frame.report
        self.step = step
        self.site = site
        self.at = site.at(str(step.loop))

    def read(self, given: Given) -> Iterator[Item]:
        iteration = bounded_iteration(self.frame, self.step, self.site)
        if iteration is None:
            yield self.frame.unreadable(self.site.path, given)
        elif not self.frame.lowering.unroll or unknown(iteration.items):
            yield self.loop(iteration, given)
        else:
            yield from self.unrolled(iteration, given)

    # Round by round.

    def unrolled(self, iteration: Iteration, given: Given) -> Iterator[Item]:
        lowering, total = self.frame.lowering, len(iteration.items)
        results: list[Item] = []
        count = 0
        reads_round = _mentions(self.report.source.value(self.site.path), self.step.bound)
        repeatable: tuple[Flow | None, ...] | None = None  # what came in, if equal input gives an equal round
        for number, item in enumerate(iteration.items):
            try:
                bound = destructure(iteration.target, item)
            except ExpressionError as error:
                self.report.expression(error, self.at, self.step.for_)
                yield self.frame.unreadable(self.site.path, given)
                return
            if given.types == repeatable:
                again = (result for result in results if isinstance(result, Call | Group))
                results = [replace(result, name=self.site.container.number()) for result in again]
                lowering.add_layers(count, self.site.path)
            else:
                before, problems, types = lowering.count, len(self.report.problems), given.types
                with in_round(self.frame, bound, number, total, self.at):
                    results = list(self.round(bound, given))
                count = lowering.count - before
                wrong = len(self.report.problems) > problems
                if wrong and lowering.partial:
                    yield from results[:-1]
                    wrong = not results or results[-1].output is None
                    results = results[-1:]
                if wrong:  # the other rounds would find the same, at the same cost
                    yield from results if lowering.partial else ()
                    yield self.frame.unreadable(self.site.path, given)
                    return
                alike = not reads_round and all(map(_is_numbered, results))
                repeatable = types if alike else None
            for result in results:
                yield result
                label = f"`{self.site.container.dotted(getattr(result, 'name', None))}`"
                last = result is results[-1] and number < total - 1
                if last and not fits_next_round(self.frame, given, result, self.at):
                    yield self.frame.unreadable(self.site.path, given)
                    return
                given = given.after(result.output, label, result.span, result)
            if lowering.count > lowering.most_layers:
                return

    def round(self, bound: dict[str, Any], given: Given) -> Iterator[Item]:
        """The modules of one round, in which those names are bound."""
        return conditional(self.frame, self.step, self.site.reading(bound), given, self.modules.make)

    # In symbols.

    def loop(self, iteration: Iteration, given: Given) -> Loop:
        """A loop that stays one. A size that a round changes becomes a variable; which ones do is found by trying."""
        self.site.container.next = None
        self.frame.locals.loop_names |= names_in(iteration.target)
        symbols = iteration.symbols()
        several = not isinstance(iteration.items, tuple) or len(iteration.items) > 1

        def read_round(types: tuple[Flow | None, ...], this: Round) -> tuple[tuple[Item, ...], tuple[Flow | None, ...]]:
            inside = given.with_types(types)
            body: list[Item] = []
            with self.site.container.within(names_in(iteration.target) if several else None):
                for step, site in self.parts():
                    for made in self.part(step, site.reading(symbols), inside):
                        item = frozen(made) if self.step.trainable is False else made  # its list's steps stand there
                        after = inside.after(item.output, inside.label, inside.span)
                        inside = inside.with_types(this.after(len(body), item, inside.types, after.types))
                        body.append(item)
            this.end(len(body) - 1, inside.types)
            return tuple(body), inside.types

        header = iteration.target, iteration.iterable
        body, carried, updates, types = carry(
            self.frame.locals, given.types, read_round, header, self.site.path, sound_rounds(self.frame)
        )
        last = body[-1].output if body else None
        output = types[0] if last is not None or not body else None
        if last is not None and len(values_of(last)) > 1:
            output = types[: len(values_of(last))]
        # What nothing could hand on is there once: there is no next round.
        only = last is not None and (len(values_of(last)) > len(given.types) or is_tuple_of_one(last))
        output = last if only else output
        if several:
            if only:
                fits_next_round(self.frame, given, body[-1], self.at)
            check_axes_kept(self.frame, given, body, self.at)
        return Loop(*header, body, carried, given.types, output, self.frame.span(self.at), updates)

    def parts(self) -> list[tuple[StepEntry, Site]]:
        """What the loop repeats: the step itself, or those of its list, one by one."""
        step = self.step
        if not isinstance(step.layers, list) or step.when is not None or step.name is not None:
            return [(step, self.site)]
        return [(one, self.site.below("layers", index)) for index, one in enumerate(step.layers)]

    def part(self, step: StepEntry, site: Site, given: Given) -> Iterator[Item]:
        """The modules of one of them."""
        if step is self.step:
            return conditional(self.frame, step, site, given, self.modules.make)
        return self.modules.step(step, site, given)


def _mentions(value: object, names: Collection[str]) -> bool:
    """Whether a step as it is written has one of those names, beside where its loop binds them."""
    if not names or isinstance(value, str):
        return bool(names) and any(word in names for word in re.findall(r"\w+", str(value)))
    if isinstance(value, dict):
        inside = (part.partition(" in ")[2] if key in ("for", "each") else part for key, part in value.items())
        return any(_mentions(part, names) for part in (*value, *inside))
    return isinstance(value, list) and any(_mentions(part, names) for part in value)


def _is_numbered(item: Item) -> bool:
    """Whether a module is called by its place in a list."""
    return isinstance(item, Call | Group) and item.name is not None and item.name.isdecimal()
