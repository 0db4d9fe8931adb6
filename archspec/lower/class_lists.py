"""Lists of a class, `name: downs.{i}`: steps of groups and loops become steps of the class itself.

A class in which a module stands within a group, but by its name in a list of the class, is opened: the steps of the
group, or of each round of the loop, stand in place of it, under names of their own. Where a loop stays one, for source,
it is left as a loop whose rounds the forward method writes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from archspec.document import is_dotted
from archspec.expressions import FunctionCall, Index, Items, Literal, Name, Node, evaluate, lift, replaced
from archspec.graph import (
    Branch,
    Call,
    Class,
    Group,
    Input,
    Item,
    Loop,
    Outputs,
    Rounds,
    Step,
    argument_text,
    body_of,
    called,
    is_number,
    is_spread,
    names_in,
    place_of,
    walk,
)
from archspec.lower.class_lists_counts import check_counts, counts_up
from archspec.lower.class_lists_renaming import Renaming
from archspec.lower.class_lists_rules import check_lists
from archspec.lower.frames import Frame
from archspec.lower.headers import zipped
from archspec.lower.initial import frozen
from archspec.lower.names import item_reads
from archspec.problems import Span

Nodes = Mapping[str, Node]


def in_lists(frame: Frame, cls: Class) -> Class:
    """The class with those modules in its lists that their names put there."""
    if frame.report.problems or not any(_stands_elsewhere(step) for step in cls.written()):
        return cls
    opened = Opener(frame, cls).open(cls)
    if frame.lowering.unroll and not frame.report.problems:
        check_lists(frame, opened)
    return opened


def holds_dotted(cls: Class) -> bool:
    """Whether a module of a group stands in a list of the class around it."""
    return any(map(_stands_elsewhere, cls.written()))


def _stands_elsewhere(step: Step) -> bool:
    item = step.item if step.item is not None else step.again
    return item is not None and (is_dotted(step.attribute) or _holds(item))


def _holds(item: Item) -> bool:
    """Whether a module within this one stands in a list of the class."""
    if isinstance(item, Call):
        return isinstance(item.layer, Class) and item.layer.grouped and holds_dotted(item.layer)
    if isinstance(item, Group) and item.module is not None:
        return _holds(item.module)
    if isinstance(item, Branch):
        return any(map(_holds, item.items))
    return any(map(_is_placed, item.items))


def _is_placed(item: Item) -> bool:
    """Whether a round of a loop, or a module within it, stands in a list of the class."""
    if isinstance(item, Loop | Branch):
        return any(map(_is_placed, item.items))
    return is_dotted(item.name) or _holds(item)


@dataclass
class _Opened:
    """The steps in place of one: what they come to, and how many of them stand for a round."""

    steps: list[Step]
    values: tuple[Node, ...]
    single: bool

    def parts(self, count: int) -> tuple[Node, ...]:
        """What is returned, as so many values."""
        if not self.single or count == 1:
            return self.values
        (whole,) = self.values
        if isinstance(whole, Items) and len(whole.items) == count:
            return whole.items
        return tuple(Index(whole, Literal(place)) for place in range(count))

    def whole(self) -> Node:
        """What is returned, as one value."""
        return self.values[0] if self.single else Items(self.values)


class Opener:
    """Opens the groups of one class."""

    def __init__(self, frame: Frame, cls: Class) -> None:
        self.frame = frame
        self.taken = {*frame.values, *frame.scope, *frame.sizes, *(one.name for one in cls.parameters)}
        self.taken |= {name for step in cls.written() for name in names_in(step.target)}
        self.filling: defaultdict[str, set[Span]] = defaultdict(set)
        """Which steps of the spec put modules into each list."""
        self.repeated = False
        """Whether what is opened is the round of a loop, so that its lists get items from other rounds, too."""
        self.alone = [step for step in cls.steps if isinstance(step.item, Call | Group) and is_dotted(step.attribute)]
        """The steps of which each puts one module into a list, whatever the parameters."""
        self.collect(cls)

    def collect(self, cls: Class) -> None:
        for step in cls.written():
            if step.item is not None:
                self.note(step.attribute, step.span)
                self.collect_below(step.item, step.span)

    def collect_below(self, item: Item, span: Span) -> None:
        if isinstance(item, Call):
            if isinstance(item.layer, Class) and item.layer.grouped:
                self.collect(item.layer)
            return
        for child in item.items:
            if isinstance(child, Call | Group):
                self.note(child.name, span)
            self.collect_below(child, span)

    @contextmanager
    def in_round(self) -> Iterator[None]:
        around, self.repeated = self.repeated, True
        yield
        self.repeated = around

    def note(self, name: str | None, span: Span) -> None:
        if name is not None and is_dotted(name):
            self.filling[_list_of(name)].add(span)

    def others(self, loop: Group, span: Span) -> dict[str, list[str] | None]:
        """The keys of the single modules that stand in lists beside those of a loop; None where more than such do."""
        own = {span, *(step.span for step in body_of(loop).written())}
        found: dict[str, list[str] | None] = {}
        for name, spans in self.filling.items():
            single = {one.span: place_of(one.attribute)[-1] for one in self.alone if _list_of(one.attribute) == name}
            keys = [single.get(one) for one in spans - own]
            found[name] = None if None in keys else [key for key in keys if key is not None]
        return found

    def fresh(self, name: str) -> str:
        """A name that nothing else has."""
        candidates = chain((name,), (f"{name}_{number}" for number in range(2, 10_000)))
        found = next(one for one in candidates if one not in self.taken)
        self.taken.add(found)
        return found

    def open(self, cls: Class) -> Class:
        """The class with its groups opened, as far as their modules stand in its lists."""
        steps: list[Step] = []
        idle: list[tuple[int, Step]] = []
        named: dict[str, tuple[str, ...]] = {}
        for step in cls.written():
            opened = list(self.step(step))
            named[step.name] = tuple(one.name for one in opened if one.name)
            runs = cls.runs(step)
            for one in opened:
                if runs:
                    steps.append(one)
                elif one.item is not None:
                    idle.append((len(steps), one))
        order = tuple(name for one in cls.order for name in named.get(one, (one,)))
        loops = not self.frame.lowering.unroll or any(_stays(step.item) for step in steps)
        if loops and not self.repeated and not self.frame.report.problems:
            check_counts(self.frame, steps)
        return replace(cls, steps=tuple(self.counted_from_the_end(steps)), idle=tuple(idle), order=order)

    def counted_from_the_end(self, steps: list[Step]) -> Iterator[Step]:
        """The steps, where those behind a loop in one list go by their places from its end."""
        groups = [step.item for step in steps if isinstance(step.item, Group) and step.item.zipped]
        left = {name: (before, behind) for group in groups for name, before, behind in group.between}
        for step in steps:
            name, key = _list_of(step.attribute), place_of(step.attribute)[-1]
            before, behind = left.get(name, (0, 0))
            if step.item is None or not behind or (key.isdecimal() and int(key) < before):
                yield step
                continue
            left[name] = before, behind - 1
            place = f"{name}.{{{-behind}}}"
            yield replace(step, module=place, item=called(step.item, place))

    def step(self, step: Step) -> Iterator[Step]:
        if step.again is not None and _holds(step.again):
            message = f"`{step.name}` reuses a group whose modules are in lists of the class"
            advice = "make its steps a block, which contains its modules"
            self.frame.report.add_at("AS206", message, step.span, advice)
            return
        item = step.item
        if isinstance(item, Branch) and is_dotted(step.attribute) and any(_ties(one) for one in item.items):
            message = f"`{step.attribute}` is conditional, and ties a weight"
            self.frame.report.add_at("AS508", message, step.span, "use a name without a dot")
        if item is None or not _holds(item):
            yield step
            return
        if self.refuses(step, item):
            return
        if isinstance(item, Group) and not self.repeated and (renamed := self.renamed(step, item)) is not None:
            yield renamed
        elif isinstance(item, Group) and any(isinstance(child, Loop) for child in item.items):
            yield self.loop_that_stays(step, item)
        elif isinstance(item, Group):
            yield from self.finished(step, self.rounds(step, item))
        elif isinstance(item, Call):
            arguments = tuple(node for _, node in step.arguments)
            yield from self.finished(step, self.group(item, arguments, step.attribute, ""))

    def refuses(self, step: Step, item: Item) -> bool:
        """Whether a group cannot be opened; reported."""
        report = self.frame.report
        if isinstance(item, Branch):
            message = f"`{step.name}` is conditional, and its modules are in lists of the class"
            report.add_at("AS508", message, step.span, "put the condition on the modules inside")
        elif isinstance(item, Group) and item.module is not None:
            message = f"`{step.name}` uses one module in every round, so its modules cannot be in a list of the class"
            report.add_at("AS206", message, step.span, "remove `shared`, or the names with a dot")
        else:
            return False
        return True

    # A list of its own.

    def renamed(self, step: Step, group: Group) -> Step | None:
        """A loop of single modules that alone fill a list, which is the loop's own module then; else None."""
        loops = [item for item in group.items if isinstance(item, Loop)]
        children = loops[0].items if loops else group.items
        modules = [child for child in children if isinstance(child, Call | Group) and not _holds(child) and child.name]
        if len(modules) < len(children):
            return None
        if len(loops) not in (0, len(group.items)) or len(loops) > 1 or (loops and len(children) != 1):
            return None
        places = [place_of(str(child.name)) for child in modules]
        lists = {place[:-1] for place in places}
        name = ".".join(next(iter(lists))) if len(lists) == 1 else "{"
        if loops:
            counted = is_number(places[0][-1]) and counts_up(self.frame, group, places[0][-1])
        else:
            counted = all(place[-1] == str(n) for n, place in enumerate(places))
        if "{" in name or not counted or self.filling[name] != {step.span}:
            return None
        plain = tuple(called(child, None if loops else place[-1]) for child, place in zip(modules, places, strict=True))
        items: tuple[Item, ...] = (replace(loops[0], items=plain),) if loops else plain
        return replace(step, item=replace(group, name=name, items=items, listed=True), module=name)

    # Groups.

    def finished(self, step: Step, opened: _Opened) -> Iterator[Step]:
        """The steps of a group, and the name that its value has."""
        yield from opened.steps
        value = ((None, opened.whole()),)
        yield Step("", "compute", step.target, value, None, None, (step.output,), step.output, step.span, step.axes)

    def group(self, call: Call, arguments: tuple[Node, ...], own: str, prefix: str) -> _Opened:
        """The steps of a group; modules that say no list stand in `own`."""
        assert isinstance(call.layer, Class)
        self.frame.lowering.symbolic_classes.pop(call.layer.name, None)
        for fill in call.initial[:1]:
            message = "`init:` beside a group that is not a module"
            self.frame.report.add_at("AS206", message, fill.span, "write it beside the layer")
        cls = self.open(call.layer)
        nodes = dict(zip((one.name for one in cls.inputs), arguments, strict=False))
        nodes |= {
            one.name: one.node if one.node is not None and not self.frame.lowering.unroll else lift(one.value)
            for one in call.arguments
            if argument_text(one) != one.name or one.name not in self.frame.scope
        }
        renamed = Renaming(self, call, nodes, own, prefix)
        steps = [renamed.step(step) for step in cls.written() if step.kind not in ("parameter", "buffer")]
        for step in cls.written():
            if step.kind in ("parameter", "buffer"):
                message = f"`{step.name}` would be part of the group's module, but this group is not a module"
                advice = "its modules are in lists of the class: write the tensor above the group"
                self.frame.report.add_at("AS206", message, step.span, advice)
        assert cls.outputs is not None
        values = tuple(replaced(node, renamed.nodes) for node in cls.outputs.values)
        return _Opened(steps, values, cls.outputs.single)

    def rounds(self, step: Step, group: Group) -> _Opened:
        """The steps of all rounds of a loop."""
        rounds = group.rounds if group.rounds is not None else Rounds(Name("_"), Items(()), returned=group.handed)
        keys = [key for key, _ in step.arguments]
        taken = [node for _, node in step.arguments]
        steps: list[Step] = []
        returned: list[_Opened] = []
        for number, child in enumerate(group.items):
            assert isinstance(child, Call | Group)
            bound = self.bound(rounds.target, rounds.over, number) if group.rounds is not None else {}
            arguments = tuple(replaced(node, bound) for node in taken)
            own = str(child.name) if is_dotted(child.name) else f"{step.attribute}.{child.name}"
            prefix = f"{step.name}_{number}"
            if isinstance(child, Call) and _holds(child):
                child = replace(child, trainable=child.trainable and group.trainable)
                with self.in_round():
                    made = self.group(child, arguments, own, f"{prefix}_")
            else:
                made = self.module(step, child, (prefix, own), tuple(zip(keys, arguments, strict=True)))
            steps += made.steps
            returned.append(made)
            if not rounds.each:
                parts = made.parts(rounds.returned)
                taken = [*parts[: group.handed], *taken[group.handed :]]
        return _Opened(steps, (_of_rounds(group, rounds, taken, returned),), True)

    def module(self, step: Step, item: Call | Group, names: tuple[str, str], arguments: Any) -> _Opened:
        """A round that is one module."""
        name, place = self.fresh(names[0]), names[1]
        made = Step(
            name, "call", Name(name), arguments, called(item, place), place, item.inputs, item.output, step.span
        )
        return _Opened([made], (made.target,), True)

    def bound(self, target: Node, over: Node, number: int) -> dict[str, Node]:
        """What the names of a loop stand for in a round."""
        if isinstance(over, FunctionCall) and isinstance(target, Items):
            if over.function == "zip":
                pairs = zip(target.items, over.arguments, strict=False)
                return {k: v for part, one in pairs for k, v in self.bound(part, one, number).items()}
            if over.function == "enumerate" and len(target.items) == 2:
                start = evaluate(over.arguments[1], self.frame.scope) if len(over.arguments) > 1 else 0
                count = {target.items[0].text: lift(start + number)}
                return count | self.bound(target.items[1], over.arguments[0], number)
        flows = any(self.frame.value(name) is not None for name in names_in(over))
        item: Node = Index(over, Literal(number))
        if not flows:
            item = lift(evaluate(over, self.frame.scope)[number])
        return dict(_parts(target, item))

    # Loops that stay.

    def loop_that_stays(self, step: Step, group: Group) -> Step:
        """A loop whose rounds the forward method writes out."""
        (loop,) = group.items
        assert isinstance(loop, Loop)
        child = loop.items[0]
        if len(loop.items) != 1 or not isinstance(child, Call | Group):
            message = f"a round of `{step.name}` is conditional, and its modules are in lists of the class"
            self.frame.report.add_at("AS508", message, step.span, "loop over a list of the intended items")
            return step
        rounds = group.rounds or Rounds(loop.target, loop.iterable, returned=group.handed)
        body = self.body(step, child, group.trainable)
        items = (replace(loop, items=(body,)),)
        spread = replace(group, items=items, listed=True, rounds=rounds, spread=True)
        return replace(step, item=zipped(spread, step.attribute, self.others(spread, step.span)))

    def body(self, step: Step, child: Call | Group, trainable: bool) -> Call:
        """What each round runs, as a class whose modules stand elsewhere."""
        report = self.frame.report
        if isinstance(child, Call) and _holds(child):
            assert isinstance(child.layer, Class)
            self.frame.lowering.symbolic_classes.pop(child.layer.name, None)
            with self.in_round():
                cls = self.open(child.layer)
            if not (trainable and child.trainable):
                cls = replace(cls, steps=tuple(map(_frozen, cls.steps)))
            for one in cls.written():
                if one.item is not None and _ties(one.item):
                    message = f"the loop of `{step.name}` fills lists of the class, and ties a weight in each round"
                    report.add_at("AS508", message, one.span, "write the rounds as blocks that hold their modules")
                if isinstance(one.item, Group) and one.item.spread and _has_own(body_of(one.item)):
                    message = f"`{one.name}` is a nested loop, and some of its modules are in no list of the class"
                    report.add_at("AS508", message, one.span, "name all of them with a dot, or make them a block")
            cls = replace(cls, steps=tuple(map(_unnamed, cls.steps)))
            items = [item for step in cls.steps if step.item is not None for item in walk((step.item,))]
            read = set[str]().union(*map(item_reads, items))
            passed = tuple(one for one in child.arguments if one.name in read or argument_text(one) != one.name)
            return replace(child, layer=cls, arguments=passed)
        names = [self.fresh(f"x_{number}" if number else "x") for number in range(len(step.arguments))]
        inputs = tuple(Input(name, None, step.span, captured=n > 0) for n, name in enumerate(names))
        arguments = tuple((key, Name(name)) for (key, _), name in zip(step.arguments, names, strict=True))
        made = Step(
            "y", "call", Name("y"), arguments, called(child, None), child.name, child.inputs, child.output, step.span
        )
        outputs = Outputs((made.target,))
        cls = Class("", "", (), (), inputs, child.output, steps=(made,), outputs=outputs, grouped=True)
        return Call(None, cls, (), child.inputs, child.output, child.span)


def _stays(item: Item | None) -> bool:
    """Whether an item is a loop that stays one: what it fills is a list, or it puts modules into some."""
    return isinstance(item, Group) and any(isinstance(child, Loop) for child in item.items)


def _of_rounds(group: Group, rounds: Rounds, taken: list[Node], returned: list[_Opened]) -> Node:
    """What the rounds of a loop come to."""
    if rounds.each:
        return Items(tuple(one.whole() for one in returned), listed=True)
    handed = taken[: max(1, group.handed)]
    value = handed[0] if len(handed) == 1 else Items(tuple(handed))
    if not rounds.collect:
        return returned[-1].whole() if returned and rounds.returned > group.handed else value
    collected = []
    for one in returned:
        rest = one.parts(rounds.returned)[group.handed :]
        collected.append(one.whole() if not rest else rest[0] if len(rest) == 1 else Items(rest))
    return Items((value, Items(tuple(collected), listed=True)))


def _parts(target: Node, item: Node) -> Iterator[tuple[str, Node]]:
    """The names of a target, each with its part of an item."""
    if isinstance(target, Items):
        for place, part in enumerate(target.items):
            inside = item.items[place] if isinstance(item, Items) else Index(item, Literal(place))
            yield from _parts(part, inside)
    elif isinstance(target, Name) and target.name != "_":
        yield target.name, item


def _frozen(step: Step) -> Step:
    return replace(step, item=frozen(step.item)) if step.item is not None else step


def _unnamed(step: Step) -> Step:
    """A step whose module the constructor calls by its place alone."""
    return replace(step, item=called(step.item, None)) if step.item is not None and is_dotted(step.attribute) else step


def _has_own(cls: Class) -> bool:
    """Whether a module of a loop's rounds says no list of the class."""
    return any(
        step.item is not None and not is_spread(step.item) and not is_dotted(step.attribute) for step in cls.written()
    )


def _ties(item: Item) -> bool:
    """Whether a module, or one within it, takes a weight of another one."""
    lent = isinstance(item, Call) and isinstance(item.layer, Class) and bool(item.layer.lent)
    inside = item.items if not isinstance(item, Call) else ()
    return lent or (isinstance(item, Call) and bool(item.ties)) or any(map(_ties, inside))


def _list_of(name: str) -> str:
    return ".".join(place_of(name)[:-1])
