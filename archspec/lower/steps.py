"""The named steps of one class in the order of flow, each with its line of the forward method."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archspec import graph
from archspec.dimensions import show
from archspec.document import Block, StepEntry
from archspec.expressions import (
    Conditional,
    ExpressionError,
    FunctionCall,
    Items,
    Logic,
    Name,
    Node,
    as_size,
    compile_value,
    evaluate,
    parse,
    unknown,
)
from archspec.graph import Flow, Item, Outputs, names_in
from archspec.lower.arguments import difference
from archspec.lower.axes import input_origins
from archspec.lower.binding import destructure
from archspec.lower.conditions import merge, read_condition
from archspec.lower.exports import same_variables
from archspec.lower.frames import Frame, UnknownTypeError, Value
from archspec.lower.from_key import Arguments, arguments_taken, captured_arguments, read_from
from archspec.lower.given import Given
from archspec.lower.history import HistoryStep
from archspec.lower.leading import DOTS, UNNAMED
from archspec.lower.list_rules import refuse_python
from archspec.lower.module_names import named_module, take_name
from archspec.lower.modules import ModuleReader
from archspec.lower.outputs import last_output, read_outputs, report_unread
from archspec.lower.reading import sizes_read, values_read
from archspec.lower.sites import Container, Site
from archspec.lower.sizes import TOLD, check_shape, leave_open
from archspec.lower.state import State
from archspec.lower.value_expressions import ExpressionReader
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.refusals import assumptions, settled
from archspec.source import Path
from archspec.tensors import TensorType


@dataclass(frozen=True, slots=True)
class MadeModule:
    """A module that may run once more."""

    name: str
    """The step that makes it."""
    step: StepEntry
    path: Path
    item: Item | None


class StepReader:
    """Reads the named steps of one class."""

    def __init__(self, frame: Frame, steps: dict[str, StepEntry]) -> None:
        self.frame = frame
        self.report = frame.report
        self.modules = ModuleReader(frame)
        self.container = frame.container = Container(frame.prefix)
        self.state = State(frame)
        ahead = {name.strip("() ") for key in steps for name in key.split(",")}
        self.expressions = ExpressionReader(frame, self.state, ahead)
        frame.names = self.names = self.expressions.names
        self.reached = self.expressions.reached
        self.rerun = {one.again or one.expression for one in steps.values()}
        """The names of steps that run once more, among others."""
        self.current: Value | None = None
        """What a step without `from:` takes."""
        self.unpacked: str | None = None
        """The first of the values that the step above unpacks."""
        self.passed_over: dict[str, Related] = {}
        """The values that the step below does not take, with that step."""
        self.made: dict[str, MadeModule] = {}
        """What may run once more, by the name of whoever runs it."""
        self.attributes: dict[str, str] = {}
        """What the modules of steps are called."""

    def step(self, key: str, step: StepEntry, path: Path) -> Iterator[graph.Step]:
        """The graph's step for one of the spec's, if it can be read."""
        if step.type == "":
            self.set_aside(key, path)
            return
        target = self.target(key, path)
        if target is None:
            return
        if isinstance(target, Items) and step.type in self.frame.values and step.model_fields_set == {"type"}:
            step = StepEntry.model_construct(expression=step.type)  # a step whose name looks like a layer's
        span = self.frame.span(path, key=True)
        prepared = self.prepared(target, step, path)
        if prepared is None:
            self.bind(target, None, span, path)
            return
        step, before = prepared, len(self.report.problems)
        self.names.macs = 0
        if step.call is not False:
            self.frame.count_as_read(values_read(step))
        self.frame.count_as_read(sizes_read(step), sizes=True)
        made = self.made_step(target, step, path)
        yield from self.reached.new_steps()
        if made is None or (len(self.report.problems) > before and not self.frame.lowering.partial):
            leave_open(step.shape or [], self.frame.scope, TOLD)
            self.bind(target, None, span, path)
            return
        if step.shape is not None:
            made = self.shaped(made, step.shape, (*path, "shape"), span)
            if made is None:
                leave_open(step.shape, self.frame.scope, TOLD)
                self.bind(target, None, span, path)
                return
        made = replace(made, macs=self.names.macs)
        if made.item is not None:
            self.reached.holding[key] = made.item
        yield made
        self.state.note(made)
        if made.kind in ("parameter", "buffer"):
            self.frame.values[key] = Value(self.state.cast(made.output), f"`{key}`", span, target, held=True)
            return
        self.bind(target, made.output, span, path, made)

    def set_aside(self, key: str, path: Path) -> None:
        """In place of a step of a wrong form, which is reported: nothing is known of its values."""
        self.report.passed_over = True
        span = self.frame.span(path, key=True)
        for name in re.findall(r"\w+", key):
            self.frame.values[name] = Value(None, f"`{name}`", span, Name(name))
        self.current = Value(None, f"`{key}`", span, Name(key))

    def target(self, key: str, path: Path) -> Node | None:
        """What a step's key names; None, and reported, where it names nothing."""
        if key.isdecimal():
            message, advice = f"`{key}` is not a name that other steps could read", "choose a name, or write a list"
            self.report.add("AS204", message, path, advice, key=True)
            self.bind(Name(key), None, self.frame.span(path, key=True), path)
            return None
        try:
            return parse(key)
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return None

    def prepared(self, target: Node, step: StepEntry, path: Path) -> StepEntry | None:
        """The step without its `name:`, whose names are taken then; None, and reported, where one is wrong."""
        if isinstance(target, Items) and step.expression is None:
            message = "only an expression can be unpacked"
            self.report.add("AS206", message, path, "name the layer, and unpack its value in the next step", key=True)
            return None
        for name in sorted(names_in(target)):
            if name in self.frame.values:
                other = (Related("the other one", self.frame.values[name].span),)
                self.report.add(
                    "AS205", f"`{name}` is the name of two values", path, "rename one of them", key=True, related=other
                )
        step = self.bare(target, step)
        if not isinstance(target, Name):
            return step
        named = named_module(self.frame, step, self.site(path).named(target.name))
        if named is None:
            return None
        name, rest = named
        at = (*path, "name") if name != target.name else path
        is_module = step.expression is None and step.again is None
        if is_module and not take_name(self.frame, name, at, self.container, key=at == path):
            return None
        self.attributes[target.name] = name
        return rest

    def site(self, path: Path) -> Site:
        """A step's place."""
        return Site(path, self.container, self.frame.scope)

    def made_step(self, target: Node, step: StepEntry, path: Path) -> graph.Step | None:
        """The graph's step, without its `shape:`; None, and reported, where it cannot be read."""
        before = len(self.report.problems)
        try:
            return self.read(target, step, path)
        except ExpressionError as error:
            if len(self.report.problems) == before and not self.report.passed_over:
                self.report.expression(error, path, None)  # others are reported where they are found
            return None
        except UnknownTypeError as error:
            if not self.report.problems and not self.report.passed_over:  # only symbols leave a size unknown then
                message = f"the shape of `{error}` depends on a parameter in a way that no expression describes"
                self.report.add(
                    "AS508", message, path, "give its sizes with `shape:`, or write the parameter as a number"
                )
            return None

    def idle(self, key: str, step: StepEntry, path: Path) -> Iterator[graph.Step]:
        """The graph's step for a module that is made and not run: sizes come as if it ran, and that reads nothing."""
        values = [value for frame in self.frame.around() for value in frame.values.values()]
        before = [value.read for value in values]
        above, unpacked, passed_over = self.current, self.unpacked, dict(self.passed_over)
        yield from self.step(key, step, path)
        for value, read in zip(values, before, strict=True):
            value.read = read
        self.current, self.unpacked, self.passed_over = above, unpacked, passed_over
        self.frame.values.pop(key, None)
        self.made.pop(key, None)
        self.frame.rerunnable.discard(key)
        self.expressions.uncalled.add(key)

    def bare(self, target: Node, step: StepEntry) -> StepEntry:
        """A step that is the bare name of a module above runs that once more; unpacked, the name is a value."""
        name = step.expression.strip() if isinstance(step.expression, str) else ""
        if name not in self.made or name in self.frame.scope or not isinstance(target, Name):
            return step
        if self.made[name].step.each is not None or self.made[name].step.collect:
            return step  # a list is read
        return step.model_copy(update={"expression": None, "again": name})

    def shaped(self, made: graph.Step, shape: list[int | str], path: Path, span: Span) -> graph.Step | None:
        """The step with its output compared with its `shape:`, whose new names later steps may read."""
        if not check_shape(self.frame, shape, self.site(path), made.output, span):
            return None
        output, axes = made.output, tuple(compile_value(size) for size in shape if size != DOTS)
        if not isinstance(output, TensorType):
            return replace(made, axes=axes)
        kept = output.shape[: output.rank - len(axes)]
        if not self.frame.lowering.unroll:  # the check has found that it is so
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
        self.frame.own_steps.update(bound)
        for name, flow in bound.items():
            label = f"`{self.frame.prefix}{name}`"
            made = HistoryStep(label, span, step, above) if step is not None else None
            held = step is not None and step.item is not None
            self.frame.values[name] = Value(flow, label, span, Name(name), made, held=held)
        self.current = self.frame.values[target.name] if isinstance(target, Name) else None
        self.unpacked = None if isinstance(target, Name) else next(iter(bound), None)

    def above(self, step: graph.Step) -> HistoryStep | None:
        """The steps that led to the first value that a step reads."""
        for part in step.arguments[0][1].walk() if step.arguments else ():
            value = self.frame.value(part.name) if isinstance(part, Name) else None
            if value is not None and isinstance(value.type, TensorType):
                return value.made
        return None

    def read(self, target: Node, step: StepEntry, path: Path) -> graph.Step | None:
        """The graph's step for an expression, a tensor that the class holds, or a module."""
        if self.current is not None and (step.expression is not None or step.from_ is not None):
            taken = step.expression if step.expression is not None else step.from_
            what = f"`{target.text}`, the next step, takes {echo(taken)} instead"
            self.passed_over[self.current.node.text] = Related(what, self.frame.span(path, key=True))
        if step.expression is not None:
            return self.compute(target, step, path)
        if not isinstance(target, Name):
            return None
        if step.type in ("Parameter", "Buffer"):
            self.expressions.tensors[target.name] = ((*path, str(step.type)), step.arguments)
            return self.state.read(target, step, path)
        if step.again is not None:
            return self.again(target, step, path)
        return self.module(target, step, path)

    # Modules.

    def module(self, target: Name, step: StepEntry, path: Path) -> graph.Step | None:
        """A step whose module runs here first."""
        arguments, given = self.called_with(step, path, target.name)
        if target.name in self.rerun:  # what flows into a group has another name then
            given = replace(given, first_name=None)
        self.made[target.name] = MadeModule(target.name, step, path, None)
        self.frame.rerunnable.add(target.name)
        attribute = self.attributes[target.name]
        items = list(self.modules.step(step, self.site(path).named(attribute), given))
        if len(items) != 1:
            return None
        (item,) = items
        self.made[target.name] = MadeModule(target.name, step, path, item)
        arguments = (*arguments_taken(arguments, item), *captured_arguments(item))
        span = self.frame.span(path, key=True)
        types = item.inputs if given.by_round else given.types
        return graph.Step(target.name, "call", target, arguments, item, attribute, types, item.output, span)

    def called_with(self, step: StepEntry, path: Path, name: str) -> tuple[Arguments, Given]:
        """What a module is called with: what its `from` says, or the value of the step above."""
        if step.from_ is not None:
            return read_from(self.expressions, step, path, name)
        if self.current is None:
            message = f"there is no single value above `{name}` that it could take"
            value = self.unpacked or next(iter(self.frame.values), "x")
            self.report.add("AS203", message, path, f"name its input: `from: {value}`", key=True)
            raise UnknownTypeError(name)
        self.current.read = True
        return ((None, self.current.node),), Given.one(self.current)

    def hands_on_one(self, first: MadeModule, given: Given) -> bool:
        """Whether one value flows into a loop of several that its condition leaves out, or may."""
        item = first.item.items[-1] if isinstance(first.item, graph.Branch) and first.item.items else first.item
        if first.step.when is None or len(given.types) != 1 or not isinstance(item, graph.Group) or not item.listed:
            return False
        return not item.items or len(item.inputs) > 1

    def again(self, target: Name, step: StepEntry, path: Path) -> graph.Step | None:
        """Runs an earlier step's module once more."""
        name = str(step.again)
        at = (*path, "again") if self.report.source.value((*path, "again")) is not None else path
        if name not in self.made:
            if (value := self.frame.value(name)) is not None and value.type is None:
                raise UnknownTypeError(name)  # its module is not there because of a mistake above
            self.refuse_again(name, target.text, at)
            return None
        arguments, given = self.called_with(step, path, target.name)
        given = replace(given, first_name=None)
        first = self.made[target.name] = self.made[name]
        self.frame.rerunnable.add(target.name)
        lowering, before = self.frame.lowering, len(self.report.problems)
        attribute, count = self.attributes[first.name], lowering.count
        classes = {one: cls for one, cls in lowering.symbolic_classes.items() if cls is not None}
        site = Site(first.path, Container(self.frame.prefix), self.frame.scope, attribute)
        items = list(self.modules.step(first.step, site, given))
        lowering.symbolic_classes.update(classes)  # a group is made as it was read first
        lowering.count = count
        here = self.frame.span(at)
        related = (
            Related(f"`{first.name}` is defined here", self.frame.span(first.path, key=True)),
            *input_origins(given),
        )
        self.report.move(before, here, f"`{first.name}` is reused here", related)
        if len(items) != 1:
            return None
        if first.item is not None and (differs := difference(first.item, items[0])) is not None:
            message = f"`{first.name}` is reused here, but {differs}"
            advice = "only layers of the same size can share weights"
            self.report.add_at("AS406", message, here, advice, related=related)
            return None
        span = self.frame.span(path, key=True)
        again = items[0] if first.item is None else _run_as(first.item, items[0])
        if self.hands_on_one(first, given):
            if lowering.unroll:  # it is not kept, so its name means what it would take
                return graph.Step(
                    target.name, "compute", target, arguments[:1], None, None, given.types, given.first(), span
                )
            message = f"`{first.name}` takes several values where it is kept, and one where it is not"
            self.report.add_at("AS508", message, here, "put the condition on the layers inside it", related=related)
            return None
        arguments = (*arguments_taken(arguments, again), *captured_arguments(again))
        output = again.output if first.item is None else same_variables(first.item, again)
        if step.when is not None:
            condition = read_condition(
                self.frame, step.when, Site(path, Container(self.frame.prefix), self.frame.scope)
            )
            if condition is None:
                return None
            node, truth = condition
            if not unknown(truth) and not truth:  # its name means what it would take
                taken = arguments[:1]
                flow = given.first()
                return graph.Step(target.name, "compute", target, taken, None, None, given.types[:1], flow, span)
            if unknown(truth):
                output = merge(truth, output, given.first())
                again = graph.Branch(attribute, node, (again,), given.types, output, span)
        return graph.Step(
            target.name, "call", target, arguments, None, attribute, given.types, output, span, again=again
        )

    def refuse_again(self, name: str, here: str, at: Path) -> None:
        """Reports that nothing above runs once more under that name, in the step called `here`."""
        hint = did_you_mean(name, list(self.made), "modules above")
        if self.frame.value(name) is not None:
            hint = "only modules can be reused; repeat the expression"
        elif name in self.expressions.uncalled:
            hint = f"`{name}` has `call: false`: remove it if the module is called"
        elif name in self.expressions.ahead:
            hint = f"`{name}` is defined below: write its layer here, and `again: {here}` there"
        self.report.add("AS303", f"there is no module {echo(name)} above", at, hint)

    # Expressions.

    def compute(self, target: Node, step: StepEntry, path: Path) -> graph.Step | None:
        """A step that is an expression over values."""
        if refuse_python(self.frame, str(step.expression), path, self.frame.scope, listed=False):
            return None
        with assumptions() as assumed:
            node, output = self.expressions.read(step.expression, path)
        if isinstance(node, Name) and isinstance(target, Name):
            self.refuse_around(node.name, path)
        if isinstance(target, Items) and isinstance(output, TensorType) and output.shape:
            node, output = self.rows(target, node, output, path)
        types = tuple(self.expressions.types_read(node))
        span = self.frame.span(path, key=True)
        certain = not any(isinstance(part, Conditional | Logic) for part in node.walk())
        needs = tuple(assumed) if certain else ()
        return graph.Step("", "compute", target, ((None, node),), None, None, types, output, span, assumed=needs)

    def refuse_around(self, name: str, path: Path) -> None:
        """A bare name runs a module once more, but not one that stands around the group."""
        frame = self.frame
        while name not in frame.own_steps and frame.outer is not None:
            frame = frame.outer
        if frame is not self.frame and name in frame.rerunnable:
            message = f"the plain name of a step reuses its module, but `{name}` is outside of this group"
            advice = f"read its value with `from: {name}` or in an expression"
            self.report.add("AS303", message, path, advice)
            raise UnknownTypeError(name)

    def rows(self, target: Items, node: Node, tensor: TensorType, path: Path) -> tuple[Node, Flow]:
        """A tensor taken apart along its first axis, as Python unpacks it: what `unbind` gives."""
        size, *rest = tensor.shape
        count = len(target.items)
        free = not isinstance(size, int) and not settled(None, size)
        if size != count and (free or isinstance(size, int)):
            there = f"is {show(size)}, a free size" if free else f"has {show(size)}"
            message = f"`{target.text.strip('()')}` unpacks {count} values, but axis 0 of {tensor} {there}"
            advice = "`chunk`, `split` and `unbind` split another axis" if free else f"write {show(size)} names"
            self.report.add("AS304", message, path, advice, key=True)
            raise UnknownTypeError(node.text)
        return FunctionCall("unbind", (node,)), (tensor.reshaped(*rest),) * count

    # What flows out.

    def outputs(self, block: Block, path: Path, below: Path) -> tuple[Outputs, Flow | None]:
        """What the class returns: its last value, unless it says otherwise."""
        if block.outputs is not None:
            return read_outputs(self.expressions, block.outputs, path)
        return last_output(self.frame, self.current, (*below, str(list(block.layers)[-1])))

    def report_unread(self) -> None:
        """Reports values that nobody reads."""
        report_unread(self.frame, self.passed_over)


def _run_as(first: Item, again: Item) -> Item:
    """A later run of a module: the rounds of an nn.ModuleList are written out, though one value alone flows in here."""
    if isinstance(first, graph.Branch) and isinstance(again, graph.Branch):
        pairs = zip(first.items, again.items, strict=False)
        return replace(again, items=tuple(_run_as(one, other) for one, other in pairs))
    if isinstance(first, graph.Group) and isinstance(again, graph.Group) and first.listed:
        return replace(again, listed=True)
    return again
