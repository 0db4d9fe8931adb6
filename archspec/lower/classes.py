"""One class: its steps in the order of flow, each with the line of the forward method that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from archspec import graph
from archspec.dimensions import show
from archspec.document import Block, Step, variable_problem
from archspec.expressions import (
    Call,
    Compare,
    Conditional,
    ExpressionError,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Symbolic,
    UndecidedError,
    as_size,
    compile_value,
    evaluate,
    parse,
    type_of,
)
from archspec.graph import Class, Flow, Input, Item, Outputs, names_in
from archspec.lower.axes import came_from
from archspec.lower.calls import unlike
from archspec.lower.class_lists import holds_dotted, in_lists
from archspec.lower.computed import with_computed_names
from archspec.lower.context import Counting, Frame, Given, LostError, Place, Value
from archspec.lower.exports import closed, same_variables
from archspec.lower.history import HistoryStep, became, left_out
from archspec.lower.leading import DOTS, UNNAMED, is_name
from archspec.lower.lifetimes import succeeding
from archspec.lower.loops import captured, destructure
from archspec.lower.modules import Modules
from archspec.lower.names import constructor_reads, forward_reads
from archspec.lower.reached import Reached
from archspec.lower.reading import sizes_read, values_read
from archspec.lower.sizes import check_shape
from archspec.lower.state import State
from archspec.lower.ties import with_ties
from archspec.problems import Problem, Related, Span, did_you_mean, echo
from archspec.refusals import RefusalError, assumptions, settled
from archspec.source import Path
from archspec.tensors import LEFT_OUT, Chain, Maybe, Series, TensorType, flow_text


def _is_unknown(flow: Any) -> bool:
    """Whether nothing is known of a value: neither what it is, nor what any of its parts is."""
    return flow is None or (isinstance(flow, tuple) and bool(flow) and all(map(_is_unknown, flow)))


class Names(Counting):
    """What an expression over tensors may read: values of the flow, then parameters and sizes."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        value = self.frame.value(name)
        if value is not None:
            value.read = True
            if _is_unknown(value.type):
                raise LostError(name)
            return Maybe(value.type) if value.optional else value.type
        if name == "training":
            return Symbolic(Name("training"), "bool")
        return self.frame.scope[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            name in self.frame.scope or name == "training" or self.frame.value(name) is not None
        )

    def rows(self, node: Node, text: str) -> Any:
        from archspec.lower import tensors  # here: many specs compute nothing

        return tensors.rows_of(node, self, text)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.frame.scope, **self.frame.values})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_class(
    frame: Frame,
    name: str,
    block: Block,
    path: Path,
    parameters: tuple[graph.Parameter, ...],
    let: tuple[tuple[str, Node], ...],
    inputs: tuple[Input, ...],
) -> Class | None:
    """The class that a document or block declares, for inputs of those types; None where its form is wrong."""
    for one in inputs:
        made = frame.above if one is inputs[0] else None
        if not path and frame.outer is None:
            made = HistoryStep(f"`{one.name}`", one.span, None, None)
        label, node = frame.entry.label if frame.entry is not None else f"`{one.name}`", Name(one.name)
        frame.values[one.name] = Value(one.type, label, one.span, node, made=made, optional=one.optional)
        declared = {parameter.name for parameter in parameters}
        sizes = {size for axis in one.axes for size in names_in(axis)} - declared if not one.optional else ()
        frame.sizes |= {size: one.name for size in sizes if size not in frame.sizes}
    for _, computed in let:
        frame.count_as_read(names_in(computed), sizes=True)
    below = path if frame.outer is not None else (*path, "layers")
    if isinstance(block.layers, list):
        return _sequential(frame, name, block, below, parameters, let, inputs)
    body, started = Body(frame), len(frame.report.problems)
    body.rerun = {one.again or one.expression for one in block.layers.values()}
    frame.parameters |= {key for key, one in block.layers.items() if one.type == "Parameter"}
    body.ahead |= {name.strip("() ") for key in block.layers for name in key.split(",")}
    body.current = next(iter(frame.values.values())) if len(inputs) == 1 else None
    steps: list[graph.Step] = []
    idle: list[tuple[int, graph.Step]] = []
    for key, read in block.layers.items():
        reading = body.idle if read.call is False else body.step
        for step in reading(key, read, (*below, key)):
            if step.kind == "call" and read.call is False:
                idle.append((len(steps), step))
            else:
                steps.append(step)
    if not block.layers:
        frame.report.add("AS203", "there are no steps", below, "add one: `fc: {Linear: 10}`")
        return None
    before = len(frame.report.problems)
    outputs, output = body.outputs(block, (*path, "outputs"), below)
    steps += body.reached.taken()
    if len(frame.report.problems) == before:
        body.report_unread()
    if not steps and not idle and not frame.lost_groups:
        return None
    sound = len(frame.report.problems) == started
    written = (*steps, *(step for _, step in idle))
    order = _order(frame, block, written, (*path, "order")) if sound else ()  # what cannot be read is no step
    cls = Class(name, block.doc, parameters, let, inputs, output, steps=tuple(steps), outputs=outputs, order=order)
    cls = replace(cls, idle=tuple(idle))
    return _with_sizes(frame, in_lists(frame, cls) if frame.outer is None else cls)


def _order(frame: Frame, block: Block, steps: tuple[graph.Step, ...], path: Path) -> tuple[str, ...]:
    """The order in which modules are made, where it is not that of the flow."""
    made = [step.name for step in steps if step.item is not None or step.kind in ("parameter", "buffer")]
    order = tuple(block.order or ())
    for place, name in enumerate(order):
        if name not in made:
            hint = did_you_mean(name, made, "modules")
            frame.report.add("AS303", f"no module of this class is called {echo(name)}", (*path, place), hint)
        elif name in order[:place]:
            frame.report.add("AS205", f"`{name}` stands twice in the order", (*path, place), "take one out")
    return order


def _sequential(
    frame: Frame,
    name: str,
    block: Block,
    below: Path,
    parameters: tuple[graph.Parameter, ...],
    let: tuple[tuple[str, Node], ...],
    inputs: tuple[Input, ...],
) -> Class | None:
    """A class whose steps are a list: an nn.Sequential."""
    if len(inputs) != 1:
        message = f"a list takes one input, and {len(inputs)} are declared"
        frame.report.add("AS206", message, below, "name the steps in a mapping, and say `from:`")
        return None
    if block.outputs is not None:
        at = (*below[:-1], "outputs")
        advice = "leave `outputs` out, or name the steps"
        frame.report.add("AS206", "a list returns its last value", at, advice, key=True)
    (value,) = frame.values.values()
    place = Place(frame.prefix)
    modules = Modules(frame)
    items, last = modules.sequence(block.layers, below, Given.one(value), place, frame.scope)
    modules.refuse_captured(items, below)
    if not block.layers:
        frame.report.add("AS203", "there are no steps", below, "add one: `- Linear: 10`")
        return None
    output = last.first() if len(last.types) == 1 else last.types
    return _with_sizes(frame, Class(name, block.doc, parameters, let, inputs, output, items=items))


def _with_sizes(frame: Frame, cls: Class) -> Class:
    """The class with those sizes of its inputs as parameters that its constructor reads (of a block in symbols)."""
    _refuse_reserved(frame, cls)
    if frame.outer is None or not holds_dotted(cls):
        cls = with_ties(frame, cls)  # else they are those of the class around it, whose lists hold the modules
    if frame.context.unroll:
        return replace(cls, values=dict(frame.scope))
    frame.context.succeeding |= set(succeeding(cls, frame.locals))
    cls = with_computed_names(closed(frame, cls), frame.scope)
    if not frame.context.open:
        return cls
    declared = {parameter.name for parameter in cls.parameters}
    axes = [one for value in cls.inputs for node in value.axes for one in sorted(names_in(node))]
    axes += [one for value in cls.inputs if value.listed for one in sorted(graph.size_names(value.type))]
    needed = constructor_reads(cls)
    kinds = {one: type_of(frame.scope[one]) for one in axes if one in needed}
    sizes = tuple(
        graph.Parameter(one, kinds[one], None, "", frame.scope[one], cls.inputs[0].span, inferred=True)
        for one in dict.fromkeys(axes)
        if one in needed and one not in declared
    )
    return replace(cls, parameters=(*sizes, *cls.parameters))


def _refuse_reserved(frame: Frame, cls: Class) -> None:
    """A size that generated code reads is a variable there; in a comment alone it may have any name."""
    sizes = {name for value in cls.inputs for node in value.axes for name in names_in(node)} | frame.bound
    sizes -= {parameter.name for parameter in cls.parameters if not parameter.inferred}  # `self` holds those
    if suspects := {name for name in sizes if variable_problem(name) and not is_name(name)}:
        read = forward_reads(cls) if frame.context.unroll else forward_reads(cls) | (constructor_reads(cls) - {"F"})
        for name in sorted(suspects & read):
            advice = "call this size by another name"
            frame.report.add_at("AS204", f"{echo(name)} {variable_problem(name)}", cls.inputs[0].span, advice)


class Body:
    """The named steps of one class."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.report = frame.report
        self.names = Names(frame)
        frame.names = self.names
        self.modules = Modules(frame)
        self.place = frame.place = Place(frame.prefix)
        self.current: Value | None = None
        self.made: dict[str, tuple[str, Step, Path, Item | None]] = {}  # what may run once more, by who runs it
        self.ahead: set[str] = set()  # the names of all steps
        self.state = State(frame)
        self.reached = Reached(frame, self.state, self.ahead)
        self.tensors: dict[str, tuple[Path, Any]] = {}  # the expressions of parameters and buffers
        self.unpacked: str | None = None  # the first of the values that the step above unpacks
        self.passed: dict[str, Related] = {}  # values that the step below leaves, for another one
        self.rerun: set[object] = set()  # the names of steps that run once more, among others
        self.uncalled: set[str] = set()  # steps whose modules are not run
        self.attributes: dict[str, str] = {}  # what the modules of steps are called

    def step(self, key: str, step: Step, path: Path) -> Iterator[graph.Step]:
        """The graph's step for one of the spec's, if it can be read."""
        if step.type == "":
            self.report.passed_over = True
            span = self.frame.span(path, key=True)
            for name in re.findall(r"\w+", key):
                self.frame.values[name] = Value(None, f"`{name}`", span, Name(name))
            self.current = Value(None, f"`{key}`", span, Name(key))
            return
        if key.isdecimal():
            message, advice = f"`{key}` is no name that other steps could read", "choose a name, or write a list"
            self.report.add("AS204", message, path, advice, key=True)
            self.bind(Name(key), None, self.frame.span(path, key=True), path)
            return
        try:
            target = parse(key)
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return
        if isinstance(target, Items) and step.type in self.frame.values and step.model_fields_set == {"type"}:
            step = Step.model_construct(expression=step.type)  # a step whose name looks like a layer's
        if isinstance(target, Items) and step.expression is None:
            message = "only an expression's value is unpacked"
            self.report.add("AS206", message, path, "name the layer, and unpack it in the next step", key=True)
            self.bind(target, None, self.frame.span(path, key=True), path)
            return
        for name in sorted(names_in(target)):
            if name in self.frame.values:
                other = (Related("the other one", self.frame.values[name].span),)
                self.report.add("AS205", f"`{name}` names two values", path, "name one anew", key=True, related=other)
        step = self.bare(target, step)
        kept = step.expression is None and step.again is None
        if isinstance(target, Name):
            named = self.modules.attribute(target.name, step, path, self.frame.scope)
            at = (*path, "name") if named is not None and named[0] != target.name else path
            if named is None or (kept and not self.modules.take(named[0], at, self.place, key=at == path)):
                self.bind(target, None, self.frame.span(path, key=True), path)
                return
            self.attributes[target.name], step = named
        before = len(self.report.problems)
        self.names.macs = 0
        if step.call is not False:
            self.frame.count_as_read(values_read(step))
        self.frame.count_as_read(sizes_read(step), sizes=True)
        try:
            made = self.read(target, step, path)
        except ExpressionError:
            made = None  # reported where it was found
        except LostError as error:
            made = None
            if not self.report.problems and not self.report.passed_over:  # only symbols leave a size unknown then
                message = f"the shape of `{error}` depends on a parameter in a way that no expression says"
                self.report.add("AS508", message, path, "write its sizes by `shape:`, or the parameter as a number")
        yield from self.reached.taken()
        span = self.frame.span(path, key=True)
        if made is None or (len(self.report.problems) > before and not self.frame.context.partial):
            self.bind(target, None, span, path)
            return
        if step.shape is not None:
            made = self.shaped(made, step.shape, (*path, "shape"), span)
            if made is None:
                self.bind(target, None, span, path)
                return
        made = replace(made, macs=self.names.macs)
        if made.item is not None:
            self.reached.holding[key] = made.item
        yield made
        self.state.note(made)
        if made.kind in ("parameter", "buffer"):
            self.frame.values[key] = Value(self.state.cast(made.output), f"`{key}`", span, target)
            self.frame.values[key].held = True
            return
        self.bind(target, made.output, span, path, made)

    def idle(self, key: str, step: Step, path: Path) -> Iterator[graph.Step]:
        """The graph's step for a module that is made and not run: sizes come as if it ran, and that reads nothing."""
        values = [value for frame in self.frame.around() for value in frame.values.values()]
        before = [value.read for value in values]
        above, unpacked, passed = self.current, self.unpacked, dict(self.passed)
        yield from self.step(key, step, path)
        for value, read in zip(values, before, strict=True):
            value.read = read
        self.current, self.unpacked, self.passed = above, unpacked, passed
        self.frame.values.pop(key, None)
        self.made.pop(key, None)
        self.frame.runnable.discard(key)
        self.uncalled.add(key)

    def bare(self, target: Node, step: Step) -> Step:
        """A step that is the bare name of a module above runs that once more; unpacked, the name is a value."""
        name = step.expression.strip() if isinstance(step.expression, str) else ""
        if name not in self.made or name in self.frame.scope or not isinstance(target, Name):
            return step
        if self.made[name][1].each is not None or self.made[name][1].collect:
            return step  # a list is read
        return step.model_copy(update={"expression": None, "again": name})

    def shaped(self, made: graph.Step, shape: list[int | str], path: Path, span: Span) -> graph.Step | None:
        """The step with its output compared with its `shape:`, whose new names later steps may read."""
        related = Related("made here", span)
        if not check_shape(self.frame, shape, path, made.output, self.frame.scope, related):
            return None
        output, axes = made.output, tuple(compile_value(size) for size in shape if size != DOTS)
        if not isinstance(output, TensorType):
            return replace(made, axes=axes)
        kept = output.shape[: output.rank - len(axes)]
        if not self.frame.context.unroll:  # the check has found that it is so
            sizes = tuple(as_size(evaluate(axis, self.frame.scope)) for axis in axes)
            output = TensorType((*kept, *sizes), output.dtype)
        return replace(made, axes=(*(UNNAMED for _ in kept), *axes), output=output)

    def bind(self, target: Node, output: Flow | None, span: Span, path: Path, step: graph.Step | None = None) -> None:
        """Names what a step gives; a single value is what the next step takes."""
        try:
            bound = destructure(target, output) if output is not None else dict.fromkeys(names_in(target))
        except ExpressionError as error:
            self.report.add(error.code, error.message, path, error.help, key=True)
            bound = dict.fromkeys(names_in(target))
        above = self.above(step) if step is not None else None
        self.frame.own.update(bound)
        for name, flow in bound.items():
            label = f"`{self.frame.prefix}{name}`"
            made = HistoryStep(label, span, step, above) if step is not None else None
            self.frame.values[name] = Value(flow, label, span, Name(name), made=made)
            self.frame.values[name].held = step is not None and step.item is not None
        self.current = self.frame.values[target.name] if isinstance(target, Name) else None
        self.unpacked = None if isinstance(target, Name) else next(iter(bound), None)

    def above(self, step: graph.Step) -> HistoryStep | None:
        """The steps that led to the first value that a step reads."""
        for part in step.arguments[0][1].walk() if step.arguments else ():
            value = self.frame.value(part.name) if isinstance(part, Name) else None
            if value is not None and isinstance(value.type, TensorType):
                return value.made
        return None

    def read(self, target: Node, step: Step, path: Path) -> graph.Step | None:
        if self.current is not None and (step.expression is not None or step.from_ is not None):
            taken = step.expression if step.expression is not None else step.from_
            what = f"`{target.text}`, the next step, takes {echo(taken)} instead"
            self.passed[self.current.node.text] = Related(what, self.frame.span(path, key=True))
        if step.expression is not None:
            return self.compute(target, step, path)
        if not isinstance(target, Name):
            return None
        if step.type in ("Parameter", "Buffer"):
            self.tensors[target.name] = ((*path, str(step.type)), step.arguments)
            return self.state.read(target, step, path)
        if step.again is not None:
            return self.again(target, step, path)
        return self.module(target, step, path)

    # Modules.

    def module(self, target: Name, step: Step, path: Path) -> graph.Step | None:
        arguments, given = self.given(step, path, target.name)
        if target.name in self.rerun:  # what flows into a group has another name then
            given = replace(given, first_name=None)
        self.made[target.name] = (target.name, step, path, None)
        self.frame.runnable.add(target.name)
        attribute = self.attributes[target.name]
        items = list(self.modules.step(step, path, given, self.place, self.frame.scope, attribute))
        if len(items) != 1:
            return None
        (item,) = items
        self.made[target.name] = (target.name, step, path, item)
        arguments = (*passed(arguments, item), *self.captured(item))
        span = self.frame.span(path, key=True)
        types = item.inputs if given.anew else given.types
        return graph.Step(target.name, "call", target, arguments, item, attribute, types, item.output, span)

    def captured(self, item: graph.Item) -> tuple[tuple[str | None, Node], ...]:
        """What a group reads of the values around it, beside its own input."""
        return tuple((None, Name(value.name)) for value in captured((item,)))

    def given(self, step: Step, path: Path, name: str) -> tuple[tuple[tuple[str | None, Node], ...], Given]:
        """What a module is called with: what its `from` says, or the value of the step above."""
        if step.from_ is None:
            if self.current is None:
                message = f"nothing is above `{name}` that it could take alone"
                value = self.unpacked or next(iter(self.frame.values), "x")
                self.report.add("AS203", message, path, f"say what it takes: `from: {value}`", key=True)
                raise LostError(name)
            self.current.read = True
            return ((None, self.current.node),), Given.one(self.current)
        at: Path = (*path, "from")
        entries: list[tuple[str | None, Path, Any]]
        if isinstance(step.from_, dict):
            entries = [(key, (*at, key), value) for key, value in step.from_.items()]
        elif isinstance(step.from_, list):
            entries = [(None, (*at, index), value) for index, value in enumerate(step.from_)]
        else:
            entries = [(None, at, step.from_)]
        if not entries:
            self.report.add("AS203", f"`from` names nothing that `{name}` could take", at, "write `from: x`")
            raise LostError(name)
        for _, where, value in entries:
            if isinstance(value, int) and not isinstance(value, bool) and not isinstance(step.from_, dict):
                message = f"`from: {value}` is no value of the flow: names, never indices"
                self.report.add("AS206", message, where, "give the step that is meant a name, and write that name")
                raise LostError(name)
        read = [
            (key, *(self.anew(value, where, step.bound) or self.expression(value, where, optional=True)))
            for key, where, value in entries
        ]
        for (key, where, _), (_, node, flow) in zip(entries, read, strict=True):
            nothing = isinstance(node, Literal) and node.value is None
            if nothing or (flow == LEFT_OUT and key is None):
                self.report.add("AS206", f"None is no value that `{name}` could take", where, "leave it out")
                raise LostError(name)
        arguments = tuple((key, node) for key, node, _ in read)
        read = [one for one in read if one[2] != LEFT_OUT] or read[:1]
        first = read[0][1]
        source = self.frame.value(first.name) if isinstance(first, Name) else None
        here = self.frame.span(entries[0][1])
        label, place = (source.label, source.span) if source is not None else (f"`{first.text}`", here)
        made = source.made if source is not None else None
        others = tuple(
            Related(f"{other.label} is {_told(flow)}", other.span)
            for _, node, flow in read[1:]
            if isinstance(node, Name)
            and not callable(flow)
            and (other := self.frame.value(node.name)) is not None
            and other is not source
        )
        flows = tuple(flow.given if isinstance(flow, Maybe) else flow for _, _, flow in read)
        spans = {key: self.frame.span(where) for key, where, _ in entries}
        places = [self.frame.span(where) for _, where, _ in entries]
        optional = {
            index: (node, spans[key] if key else places[index])
            for index, (key, node, flow) in enumerate(read)
            if isinstance(flow, Maybe)
        }
        anew = {index: flow for index, (_, _, flow) in enumerate(read) if callable(flow)}
        flows = tuple(None if callable(flow) else flow for flow in flows)
        keys = tuple(key for key, _, _ in read)
        around = first.name if source is not None and isinstance(first, Name) else None
        given = Given(flows, keys, label, place, made, tuple(dict.fromkeys(others)), optional, around, anew)
        return arguments, given

    def anew(self, text: object, path: Path, bound: frozenset[str]) -> tuple[Node, Callable[[], Flow | None]] | None:
        """An expression that reads what a loop binds, with what it comes to in a round; None where it is none."""
        try:
            node = compile_value(text)
        except ExpressionError:
            return None
        if not names_in(node) & bound:
            return None
        return node, lambda: self.expression(text, path)[1]

    def again(self, target: Name, step: Step, path: Path) -> graph.Step | None:
        """Runs an earlier step's module once more."""
        name = str(step.again)
        at = (*path, "again") if self.report.source.value((*path, "again")) is not None else path
        if name not in self.made:
            hint = did_you_mean(name, list(self.made), "modules above")
            if self.frame.value(name) is not None:
                hint = "only a module runs once more; an expression is written again"
            elif name in self.uncalled:
                hint = f"`{name}` says `call: false`: leave that out where the module runs"
            elif name in self.ahead:
                hint = f"`{name}` stands below: write its layer here, and `again: {target.text}` there"
            self.report.add("AS303", f"no module above is called {echo(name)}", at, hint)
            return None
        arguments, given = self.given(step, path, target.name)
        given = replace(given, first_name=None)
        name, original, where, first = self.made[name]
        self.made[target.name] = self.made[name]
        self.frame.runnable.add(target.name)
        place = Place(self.frame.prefix)
        count, before = self.frame.context.count, len(self.report.problems)
        attribute = self.attributes[name]
        classes = {one: cls for one, cls in self.frame.context.blocks.items() if cls is not None}
        items = list(self.modules.step(original, where, given, place, self.frame.scope, attribute))
        self.frame.context.blocks.update(classes)  # a group is made as it was read first
        self.frame.context.count = count
        here = self.frame.span(at)
        related = (Related(f"`{name}` is made here", self.frame.span(where, key=True)), *came_from(given))
        self.report.move(before, here, f"`{name}` is run once more", related)
        if len(items) != 1:
            return None
        if first is not None and (differs := unlike(first, items[0])) is not None:
            message = f"`{name}` is run once more, but its {differs}"
            advice = "only what is of the same size can share weights"
            self.report.add_at("AS406", message, here, advice, related=related)
            return None
        span = self.frame.span(path, key=True)
        again = items[0]
        arguments = (*passed(arguments, again), *self.captured(again))
        output = again.output if first is None else same_variables(first, again)
        return graph.Step(
            target.name, "call", target, arguments, None, attribute, given.types, output, span, again=again
        )

    # Expressions.

    def compute(self, target: Node, step: Step, path: Path) -> graph.Step | None:
        """A step that is an expression over values."""
        if self.modules.spelled(str(step.expression), path, self.frame.scope, listed=False):
            return None
        with assumptions() as assumed:
            node, output = self.expression(step.expression, path)
        if isinstance(node, Name) and isinstance(target, Name):
            self.refuse_around(node.name, path)
        if isinstance(target, Items) and isinstance(output, TensorType) and output.shape:
            node, output = self.rows(target, node, output, path)
        types = tuple(self.types_read(node))
        span = self.frame.span(path, key=True)
        certain = not any(isinstance(part, Conditional | Logic) for part in node.walk())
        needs = tuple(assumed) if certain else ()
        return graph.Step("", "compute", target, ((None, node),), None, None, types, output, span, assumed=needs)

    def refuse_around(self, name: str, path: Path) -> None:
        """A bare name runs a module once more, but not one that stands around the group."""
        frame = self.frame
        while name not in frame.own and frame.outer is not None:
            frame = frame.outer
        if frame is not self.frame and name in frame.runnable:
            message = f"the bare name of a step runs it once more, but `{name}` stands around this group"
            advice = f"read its value where it is needed, by `from: {name}` or in an expression"
            self.report.add("AS303", message, path, advice)
            raise LostError(name)

    def rows(self, target: Items, node: Node, tensor: TensorType, path: Path) -> tuple[Node, Flow]:
        """A tensor taken apart along its first axis, as Python unpacks it: what `unbind` gives."""
        size, *rest = tensor.shape
        count = len(target.items)
        free = not isinstance(size, int) and not settled(None, size)
        if size != count and (free or isinstance(size, int)):
            there = f"is {show(size)}, a free size" if free else f"has {show(size)}"
            message = f"`{target.text.strip('()')}` unpacks {count} values, but axis 0 of {tensor} {there}"
            advice = "`chunk`, `split` and `unbind` take another axis apart" if free else f"write {show(size)} names"
            self.report.add("AS304", message, path, advice, key=True)
            raise LostError(node.text)
        return Call("unbind", (node,)), (tensor.reshaped(*rest),) * count

    def types_read(self, node: Node) -> Iterator[Flow | None]:
        """The types of the values that an expression reads, in order."""
        for part in node.walk():
            value = self.frame.value(part.name) if isinstance(part, Name) else None
            if value is not None:
                yield value.type

    def expression(self, text: object, path: Path, *, optional: bool = False) -> tuple[Node, Any]:
        """An expression over values, and what it comes to: a Maybe only where it may be `optional`."""
        node: Node = Literal(None)
        try:
            node = self.reached.named(compile_value(text), path)
            self.refuse_ambiguous(node)
            self.read_names(node)
            return node, self.tensor_value(node, self.names, optional)
        except ExpressionError as error:
            if error.code == "AS303" and (late := self.below(node, error)) is not None:
                where = "here" if late in path else "below"
                error.help = f"`{late}` is made {where}: a step reads what is above it"
                if late in self.uncalled:
                    error.help = f"`{late}` says `call: false`, so it has no value: leave that out"
            self.report.expression(error, path, text, self.frame.scope)
            raise
        except RefusalError as error:
            self.report.refusal(error, path, text, tuple(self.origins(text, error.axes)))
            raise LostError(str(text)) from None
        except UndecidedError as undecided:
            self.refuse_undecided(node, undecided, text, path)
            return node, None
        except LostError:
            if self.frame.context.unroll or self.report.problems:
                raise
            return node, None  # of a value whose shape depends on a parameter: so does this one's

    def refuse_undecided(self, node: Node, undecided: UndecidedError, text: object, path: Path) -> None:
        """Refuses what has to be known when it is written, where it depends on a free dimension."""
        names = (self.frame.scope.get(part.name) for part in node.walk() if isinstance(part, Name))
        free = sorted(symbol.shown for value in names for symbol in graph.free_symbols(value))
        if not self.frame.context.unroll:
            return
        what = f"on the free dimension `{free[0]}`: {undecided}" if free else f"on the call: {undecided}"
        message, advice = f"what has to be known depends {what}", "write a number, or an expression of parameters"
        self.report.add("AS506", message, path, advice)
        raise LostError(str(text))

    def read_names(self, node: Node) -> None:
        """Counts what an expression reads as read: in both branches of a condition, whichever is taken here."""
        self.frame.count_as_read(names_in(node))
        for part in node.walk():
            if isinstance(part, Compare) and {"is", "is not"} & set(part.operators):
                self.refuse_never_none(part)

    def refuse_never_none(self, node: Compare) -> None:
        """Refuses to compare a value with None that is none in any call."""
        for side in node.operands:
            value = self.frame.value(side.name) if isinstance(side, Name) else None
            if value is not None and not value.optional and isinstance(side, Name):
                message, advice = f"`{side.name}` is never None", "only an input with `optional: true` is left out"
                raise ExpressionError("AS304", message, advice, side.offset, len(side.name))

    def tensor_value(self, node: Node, names: Mapping[str, Any], optional: bool = False) -> Any:
        from archspec.lower import tensors  # here: its catalogue is large, and many specs compute nothing

        first = next(iter(self.frame.values.values()), None)
        if first is not None and first.optional:
            tensors.refuse_creation(node, first.label)
        if not optional:
            return tensors.present(node, names)
        value = tensors.tensor_value(node, names)
        return LEFT_OUT if value is None else value

    def below(self, node: Node, error: ExpressionError) -> str | None:
        """The name that an expression reads too early, if that is what is wrong."""
        names = (part for part in node.walk() if isinstance(part, Name) and part.offset == error.offset)
        return next((part.name for part in names if part.name in self.ahead), None)

    def refuse_ambiguous(self, node: Node) -> None:
        for part in node.walk():
            if isinstance(part, Name) and part.name in self.frame.scope and self.frame.value(part.name) is not None:
                message = f"`{part.name}` is a step and a parameter"
                raise ExpressionError("AS205", message, "rename the step", part.offset, len(part.name))

    def origins(self, text: object, axes: tuple[int, ...]) -> Iterator[Related]:
        """Where the values of an expression come from, and the sizes of the axes that differ, for a message."""
        try:
            node = compile_value(text)
        except ExpressionError:
            return
        for name in sorted(names_in(node)):
            value = self.frame.value(name)
            if value is not None and value.type is not None:
                yield Related(f"{value.label} is {flow_text(value.type)}", value.span)
                yield from became(value.made, axes)
                if name in self.tensors and axes:
                    yield from self.report.declared(*self.tensors[name])
                if value.made is not None and (condition := left_out(value.made)) is not None:
                    yield condition

    # What flows out.

    def outputs(self, block: Block, path: Path, below: Path) -> tuple[Outputs, Flow | None]:
        """What the class returns: its last value, unless it says otherwise."""
        if block.outputs is None:
            if self.current is None:
                last = str(list(block.layers)[-1])
                advice = f"say what is returned: `outputs: [{last}]`, or one of them"
                at = (*below, last)
                self.report.add("AS203", "the last step leaves no single value to return", at, advice, key=True)
                return Outputs(()), None
            self.current.read = True
            if self.current.optional:
                advice = "return a value that is always there"
                message = f"`{self.current.node.text}` may be left out, and is None then"
                self.report.add("AS511", message, (*below, str(list(block.layers)[-1])), advice, key=True)
            self.require_tensor(self.current.type, f"`{self.current.node.text}`", (*below, str(list(block.layers)[-1])))
            return Outputs((self.current.node,)), self.current.type
        names: tuple[str, ...] = ()
        if isinstance(block.outputs, str):
            pairs = [(path, block.outputs)]
        elif isinstance(block.outputs, list):
            pairs = [((*path, index), text) for index, text in enumerate(block.outputs)]
        else:
            names = tuple(block.outputs)
            pairs = [((*path, key), text) for key, text in block.outputs.items()]
        self.names.macs = 0
        try:
            read = [self.expression(text, where) for where, text in pairs]
        except (ExpressionError, LostError):
            return Outputs(()), None
        single = isinstance(block.outputs, str)
        types = tuple(flow for _, flow in read)
        for (where, text), flow in zip(pairs, types, strict=True):
            self.require_tensor(flow, echo(text), where)
        nodes = tuple(node for node, _ in read)
        spans = tuple(self.report.source.span(where) for where, _ in pairs)
        return Outputs(nodes, names, single, self.names.macs, spans), types[0] if single else types

    def require_tensor(self, flow: Flow | None, label: str, path: Path) -> None:
        """What a class returns is a tensor, or tuples of them: a number is none."""
        if not _of_tensors(flow):
            message = f"{label} is returned, but it is {flow_text(flow)}, no tensor"
            self.report.add("AS502", message, path, "return a value that flows; a number is written where it is used")

    def report_unread(self) -> None:
        """A value that nobody reads is how a forgotten `from:` shows."""
        if any(value.type is None for value in self.frame.values.values()):
            return
        by_span: dict[Span, list[Value]] = {}
        for value in self.frame.values.values():
            by_span.setdefault(value.span, []).append(value)
        for span, values in by_span.items():
            if not any(value.read or value.node.text in self.frame.tied for value in values):
                if self.frame.entry is not None and values[0] is next(iter(self.frame.values.values())):
                    message = "no step of this group takes what flows into it"
                    advice = "a step without `from:` takes it; names mean the values around the group, in every round"
                    self.report.add_at("AS509", message, self.frame.entry.span, advice)
                    continue
                names = " and ".join(f"`{value.node.text}`" for value in values)
                message = f"nobody reads {names}"
                if isinstance(values[0].type, TensorType):
                    message += f", which {'are' if len(values) > 1 else 'is'} {values[0].type}"
                advice = "a later step takes it by `from:`, or as a name in an expression; else take it out"
                passed = self.passed.get(values[0].node.text)
                related = (passed,) if passed is not None else ()
                if values[0].held:
                    self.report.doubts.setdefault(span, Problem("AS509", message, span, advice, "warning", related))
                else:
                    self.report.add_at("AS509", message, span, advice, related=related)


def _told(flow: Any) -> str:
    """A type for a message, also of what may be left out."""
    return str(flow) if isinstance(flow, Maybe) else flow_text(flow)


def passed(arguments: tuple[tuple[str | None, Node], ...], item: graph.Item) -> tuple[tuple[str | None, Node], ...]:
    """Those arguments that a module takes: an nn.Identity in place of a step takes the first.

    An nn.Sequential has no name of the spec's for its input.
    """
    inner = item.items[0] if isinstance(item, graph.Branch) and item.items else item
    by_place = isinstance(inner, graph.Group) and not inner.listed
    if isinstance(inner, graph.Call):
        by_place = inner.keys == (None,)
        if isinstance(inner.layer, Class):
            by_place = inner.layer.sequential or not any(one.name == arguments[0][0] for one in inner.layer.inputs)
    kept = arguments[: len(item.inputs)]
    return tuple((None, node) for _, node in kept) if by_place else kept


def _of_tensors(flow: Flow | None) -> bool:
    """Whether a value is a tensor, or (nested) tuples of them; None is one whose type is not known."""
    if isinstance(flow, tuple):
        return all(map(_of_tensors, flow))
    if isinstance(flow, Series | Chain):
        return all(map(_of_tensors, (flow.item,) if isinstance(flow, Series) else flow.parts))
    return flow is None or isinstance(flow, TensorType)
