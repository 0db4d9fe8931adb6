"""One class: its steps in the order of flow, each with the line of the forward method that it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from archspec import graph
from archspec.document import Block, Step, variable_problem
from archspec.expressions import (
    ExpressionError,
    Items,
    Literal,
    Name,
    Node,
    Symbolic,
    Undecided,
    as_size,
    compile_value,
    evaluate,
    parse,
)
from archspec.graph import Class, Flow, Input, Item, Outputs, flow_text, names_in
from archspec.lower.calls import came_from, unlike
from archspec.lower.computed import with_computed_names
from archspec.lower.context import Counting, Frame, Given, Place, Value
from archspec.lower.exports import closed, same_variables
from archspec.lower.history import Made, became, left_out
from archspec.lower.lifetimes import succeeding
from archspec.lower.modules import Modules, captured, destructure
from archspec.lower.names import constructor_reads, forward_reads
from archspec.lower.sizes import check_shape
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.records import replace
from archspec.refusals import Refusal
from archspec.source import Path
from archspec.tensors import TensorType


class Names(Counting):
    """What an expression over tensors may read: values of the flow, then parameters and sizes."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        value = self.frame.value(name)
        if value is not None:
            value.read = True
            if value.type is None:
                raise LostError(name)
            return value.type
        if name == "training":
            return Symbolic(Name("training"), "bool")
        return self.frame.scope[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            name in self.frame.scope or name == "training" or self.frame.value(name) is not None
        )

    def __iter__(self) -> Iterator[str]:
        return iter({**self.frame.scope, **self.frame.values})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class LostError(Exception):
    """A value whose type is not known, after an error that was reported where it happened."""


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
            made = Made(f"`{one.name}`", one.span, None, None)
        frame.values[one.name] = Value(one.type, f"`{one.name}`", one.span, Name(one.name), made=made)
    below = path if frame.outer is not None else (*path, "layers")
    if isinstance(block.layers, list):
        return _sequential(frame, name, block, below, parameters, let, inputs)
    body, started = Body(frame), len(frame.report.problems)
    body.ahead = {name.strip("() ") for key in block.layers for name in key.split(",")}
    body.current = next(iter(frame.values.values())) if len(inputs) == 1 else None
    steps = tuple(step for key, one in block.layers.items() for step in body.step(key, one, (*below, key)))
    if not block.layers:
        frame.report.add("AS203", "there are no steps", below, "add one: `fc: {Linear: 10}`")
        return None
    before = len(frame.report.problems)
    outputs, output = body.outputs(block, (*path, "outputs"), below)
    if len(frame.report.problems) == before:
        body.report_unread()
    if not steps:
        return None
    sound = len(frame.report.problems) == started
    order = _order(frame, block, steps, (*path, "order")) if sound else ()  # what cannot be read is no step
    cls = Class(name, block.doc, parameters, let, inputs, output, steps=steps, outputs=outputs, order=order)
    return _with_sizes(frame, cls)


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
    if frame.context.unroll:
        return replace(cls, values=dict(frame.scope))
    frame.context.succeeding |= set(succeeding(cls, frame.locals))
    cls = with_computed_names(closed(frame, cls), frame.scope)
    if not frame.context.open:
        return cls
    declared = {parameter.name for parameter in cls.parameters}
    axes = [one for value in cls.inputs for node in value.axes for one in sorted(names_in(node))]
    needed = constructor_reads(cls)
    sizes = tuple(
        graph.Parameter(one, "int", None, "", frame.scope[one], cls.inputs[0].span, inferred=True)
        for one in dict.fromkeys(axes)
        if one in needed and one not in declared
    )
    return replace(cls, parameters=(*sizes, *cls.parameters))


def _refuse_reserved(frame: Frame, cls: Class) -> None:
    """A size that generated code reads is a variable there; in a comment alone it may have any name."""
    sizes = {name for value in cls.inputs for node in value.axes for name in names_in(node)} | frame.bound
    if suspects := {name for name in sizes if variable_problem(name)}:
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
        self.modules = Modules(frame)
        self.place = frame.place = Place(frame.prefix)
        self.current: Value | None = None
        self.made: dict[str, tuple[Step, Path, Item | None]] = {}  # what `again` may run once more
        self.ahead: set[str] = set()  # the names of all steps
        self.tensors: dict[str, tuple[Path, Any]] = {}  # the expressions of parameters and buffers
        self.passed: dict[str, Related] = {}  # values that the step below leaves, for another one

    def step(self, key: str, step: Step, path: Path) -> Iterator[graph.Step]:
        """The graph's step for one of the spec's, if it can be read."""
        if step.type == "":
            self.report.passed_over = True
            span = self.frame.span(path, key=True)
            for name in re.findall(r"\w+", key):
                self.frame.values[name] = Value(None, f"`{name}`", span, Name(name))
            self.current = Value(None, f"`{key}`", span, Name(key))
            return
        try:
            target = parse(key)
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return
        if isinstance(target, Items) and step.expression is None:
            message = "only an expression's value is unpacked"
            self.report.add("AS206", message, path, "name the layer, and unpack it in the next step", key=True)
            self.bind(target, None, self.frame.span(path, key=True), path)
            return
        for name in sorted(names_in(target)):
            if name in self.frame.values:
                other = (Related("the other one", self.frame.values[name].span),)
                self.report.add("AS205", f"`{name}` names two values", path, "name one anew", key=True, related=other)
        if isinstance(target, Name) and not self.modules.take(target.name, path, self.place):
            self.bind(target, None, self.frame.span(path, key=True), path)
            return
        before = len(self.report.problems)
        self.names.macs = 0
        try:
            made = self.read(target, step, path)
        except ExpressionError:
            made = None  # reported where it was found
        except LostError as error:
            made = None
            if not self.report.problems:  # only symbols leave a size unknown where no problem is
                message = f"the shape of `{error}` depends on a parameter in a way that no expression says"
                self.report.add("AS508", message, path, "write its sizes by `shape:`, or the parameter as a number")
        span = self.frame.span(path, key=True)
        if made is None or len(self.report.problems) > before:
            self.bind(target, None, span, path)
            return
        if step.shape is not None:
            made = self.shaped(made, step.shape, (*path, "shape"), span)
            if made is None:
                self.bind(target, None, span, path)
                return
        made = replace(made, macs=self.names.macs)
        yield made
        if made.kind in ("parameter", "buffer"):
            self.frame.values[key] = Value(made.output, f"`{key}`", span, target)
            return
        self.bind(target, made.output, span, path, made)

    def shaped(self, made: graph.Step, shape: list[int | str], path: Path, span: Span) -> graph.Step | None:
        """The step with its output held against its `shape:`, whose new names later steps may read."""
        related = Related("made here", span)
        if not check_shape(self.frame, shape, path, made.output, self.frame.scope, related):
            return None
        axes = tuple(compile_value(size) for size in shape)
        output = made.output
        if not self.frame.context.unroll and isinstance(output, TensorType):  # the check has found that it is so
            output = TensorType(tuple(as_size(evaluate(axis, self.frame.scope)) for axis in axes), output.dtype)
        return replace(made, axes=axes, output=output)

    def bind(self, target: Node, output: Flow | None, span: Span, path: Path, step: graph.Step | None = None) -> None:
        """Names what a step gives; a single value is what the next step takes."""
        try:
            bound = destructure(target, output) if output is not None else dict.fromkeys(names_in(target))
        except ExpressionError as error:
            self.report.add(error.code, error.message, path, error.help, key=True)
            bound = dict.fromkeys(names_in(target))
        above = self.above(step) if step is not None else None
        for name, flow in bound.items():
            label = f"`{self.frame.prefix}{name}`"
            made = Made(label, span, step, above) if step is not None else None
            self.frame.values[name] = Value(flow, label, span, Name(name), made=made)
        self.current = self.frame.values[target.name] if isinstance(target, Name) else None

    def above(self, step: graph.Step) -> Made | None:
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
            return self.tensor(target, step, path)
        if step.again is not None:
            return self.again(target, step, path)
        return self.module(target, step, path)

    # Modules.

    def module(self, target: Name, step: Step, path: Path) -> graph.Step | None:
        arguments, given = self.given(step, path, target.name)
        self.made[target.name] = (step, path, None)
        items = list(self.modules.step(step, path, given, self.place, self.frame.scope, target.name))
        if len(items) != 1:
            return None
        (item,) = items
        self.made[target.name] = (step, path, item)
        arguments = (*arguments, *self.captured(item))
        span = self.frame.span(path, key=True)
        return graph.Step(target.name, "call", target, arguments, item, target.name, given.types, item.output, span)

    def captured(self, item: graph.Item) -> tuple[tuple[str | None, Node], ...]:
        """What a group reads of the values around it, beside its own input."""
        return tuple((None, Name(value.name)) for value in captured((item,)))

    def given(self, step: Step, path: Path, name: str) -> tuple[tuple[tuple[str | None, Node], ...], Given]:
        """What a module is called with: what its `from` says, or the value of the step above."""
        if step.from_ is None:
            if self.current is None:
                message = f"nothing is above `{name}` that it could take alone"
                value = next(iter(self.frame.values), "x")
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
        read = [(key, *self.expression(value, where)) for key, where, value in entries]
        for (_, where, _), (_, node, _) in zip(entries, read, strict=True):
            if isinstance(node, Literal) and node.value is None:
                self.report.add("AS206", f"None is no value that `{name}` could take", where, "leave it out")
                raise LostError(name)
        first = read[0][1]
        source = self.frame.value(first.name) if isinstance(first, Name) else None
        here = self.frame.span(entries[0][1])
        label, place = (source.label, source.span) if source is not None else (f"`{first.text}`", here)
        made = source.made if source is not None else None
        others = tuple(
            Related(f"{other.label} is {flow_text(flow)}", other.span)
            for _, node, flow in read[1:]
            if isinstance(node, Name) and (other := self.frame.value(node.name)) is not None and other is not source
        )
        flows, keys = tuple(flow for _, _, flow in read), tuple(key for key, _, _ in read)
        given = Given(flows, keys, label, place, made, tuple(dict.fromkeys(others)))
        return tuple((key, node) for key, node, _ in read), given

    def again(self, target: Name, step: Step, path: Path) -> graph.Step | None:
        """Runs an earlier step's module once more."""
        name = str(step.again)
        if name not in self.made:
            hint = did_you_mean(name, list(self.made), "modules above")
            if self.frame.value(name) is not None:
                hint = "only a module runs once more; an expression is written again"
            self.report.add("AS303", f"no module above is called {echo(name)}", (*path, "again"), hint)
            return None
        arguments, given = self.given(step, path, target.name)
        original, where, first = self.made[name]
        place = Place(self.frame.prefix)
        count, before = self.frame.context.count, len(self.report.problems)
        items = list(self.modules.step(original, where, given, place, self.frame.scope, name))
        self.frame.context.count = count
        here = self.frame.span((*path, "again"))
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
        arguments = (*arguments, *self.captured(items[0]))
        again = items[0]
        output = again.output if first is None else same_variables(first, again)
        return graph.Step(target.name, "call", target, arguments, None, name, given.types, output, span, again=again)

    # Expressions.

    def compute(self, target: Node, step: Step, path: Path) -> graph.Step | None:
        """A step that is an expression over values."""
        node, output = self.expression(step.expression, path)
        types = tuple(self.types_read(node))
        span = self.frame.span(path, key=True)
        return graph.Step("", "compute", target, ((None, node),), None, None, types, output, span)

    def types_read(self, node: Node) -> Iterator[Flow | None]:
        """The types of the values that an expression reads, in order."""
        for part in node.walk():
            value = self.frame.value(part.name) if isinstance(part, Name) else None
            if value is not None:
                yield value.type

    def expression(self, text: object, path: Path) -> tuple[Node, Any]:
        """An expression over values, and what it comes to."""
        node: Node = Literal(None)
        try:
            node = compile_value(text)
            self.refuse_ambiguous(node)
            return node, self.tensor_value(node, self.names)
        except ExpressionError as error:
            if error.code == "AS303" and (late := self.below(node, error)) is not None:
                where = "here" if late in path else "below"
                error.help = f"`{late}` is made {where}: a step reads what is above it"
            self.report.expression(error, path, text, self.frame.scope)
            raise
        except Refusal as error:
            self.report.refusal(error, path, text, tuple(self.origins(text, error.axes)))
            raise LostError(str(text)) from None
        except Undecided as undecided:
            self.refuse_undecided(node, undecided, text, path)
            return node, None

    def refuse_undecided(self, node: Node, undecided: Undecided, text: object, path: Path) -> None:
        """Refuses what has to be known when it is written, where it depends on a free dimension."""
        names = (self.frame.scope.get(part.name) for part in node.walk() if isinstance(part, Name))
        free = sorted(symbol.text for value in names for symbol in graph.free_symbols(value))
        if self.frame.context.unroll and free:
            message = f"a number that has to be known depends on the free dimension `{free[0]}`: {undecided}"
            self.report.add("AS506", message, path, "write a number, or an expression of parameters")
            raise LostError(str(text))

    def tensor_value(self, node: Node, names: Mapping[str, Any]) -> Any:
        from archspec.lower.tensors import tensor_value  # here: its catalogue is large, and many specs compute nothing

        return tensor_value(node, names)

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

    def tensor(self, target: Name, step: Step, path: Path) -> graph.Step | None:
        """A Parameter or Buffer: a tensor of the module, which does not enter the flow."""
        at = (*path, str(step.type))
        self.tensors[target.name] = (at, step.arguments)
        if not isinstance(step.arguments, str):
            self.report.add("AS403", f"a {step.type} is made by an expression", at, "write `randn(n, dim) * 0.02`")
            return None
        try:
            node = compile_value(step.arguments)
            output = self.tensor_value(node, self.frame.scope)
        except ExpressionError as error:
            if error.code == "AS303" and (flowing := self.names.keys() & names_in(compile_value(step.arguments))):
                error.help = f"`{min(flowing)}` flows, and a {step.type} is made before anything does"
            self.report.expression(error, at, step.arguments)
            return None
        except Refusal as error:
            self.report.refusal(error, at, step.arguments)
            return None
        except Undecided:
            output = None
        if output is not None and not isinstance(output, TensorType):
            message = f"a {step.type} is a tensor, but this is {flow_text(output)}"
            self.report.add("AS502", message, at, "write `zeros(n)`, `randn(n, dim) * 0.02`, or `full((1,), 0.5)`")
            return None
        free = graph.free_symbols(output)
        if free:
            message = f"`{target.name}` depends on the free dimension `{min(s.text for s in free)}`"
            self.report.add("AS506", message, at, "make it a parameter or a number")
            return None
        kind: Any = "parameter" if step.type == "Parameter" else "buffer"
        span = self.frame.span(path, key=True)
        return graph.Step(target.name, kind, target, ((None, node),), None, target.name, (), output, span)

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
        return Outputs(nodes, names, single, self.names.macs), types[0] if single else types

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
            if not any(value.read for value in values):
                names = " and ".join(f"`{value.node.text}`" for value in values)
                message = f"nobody reads {names}"
                if isinstance(values[0].type, TensorType):
                    message += f", which {'are' if len(values) > 1 else 'is'} {values[0].type}"
                advice = "a later step takes it by `from:`, or as a name in an expression; else take it out"
                passed = self.passed.get(values[0].node.text)
                related = (passed,) if passed is not None else ()
                self.report.add_at("AS509", message, span, advice, related=related)


def _of_tensors(flow: Flow | None) -> bool:
    """Whether a value is a tensor, or (nested) tuples of them; None is one whose type is not known."""
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return all(map(_of_tensors, flow))
    return flow is None or isinstance(flow, TensorType)
