"""The operations of a graph, joined across the borders of groups and blocks.

What is used several times in one way (a block, the rounds of a `repeat`) stands here once, and what comes into it is
a join of all that flows in: so the work grows with what is written, not with how often it runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec import expressions
from archspec.expressions import ExpressionError, Name, Node, Symbolic
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Item, Loop, Rounds, Step, modules
from archspec.layers import LAYERS
from archspec.layers.own import OwnLayer
from archspec.lints.ops import INPUT, JOIN, OUTPUT, PART, TENSOR, Given, Op, Value
from archspec.problems import Span

_SPELLED = {name.lower(): name for name in LAYERS}


class Wiring:
    """Every operation of a network, once for each place of the text and each way in which its block is used."""

    def __init__(self, graph: Graph) -> None:
        self._found: defaultdict[str, list[Op]] = defaultdict(list)
        self._layers: dict[int, Op] = {}
        self._runs: dict[int, list[int]] = {}  # of a layer that `again` runs: itself and its other runs
        self._groups: dict[int, tuple[list[Op], Value]] = {}
        self._classes: dict[int, tuple[dict[str, Op], Value]] = {}
        main = graph.main
        given: Given = [(None, self.op(INPUT, one.span, one.type)) for one in main.inputs]
        self.outputs = [self.op(OUTPUT, op.span, op.output, [op]) for op in _flat(self._class(main, given))]

    def of(self, *types: str) -> Iterator[Op]:
        """All operations of those types."""
        for name in types:
            yield from self._found.get(name, ())

    def release(self) -> None:
        """Takes it apart: in circles, it would keep the whole graph in memory until these are looked for."""
        for ops in self._found.values():
            for op in ops:
                op.inputs.clear()
                op.readers.clear()

    def runs(self, op: Op) -> list[Op]:
        """The operation, and the others of the same weights."""
        runs = self._runs.get(id(op.layer), ())
        return [self._layers[one] for one in runs if one in self._layers] or [op]

    def again(self, first: Item, again: Item) -> None:
        """Says that two modules are one that runs twice."""
        for (_, one), (_, other) in zip(modules((first,)), modules((again,)), strict=False):
            if isinstance(one, Call) and isinstance(other, Call):
                runs = self._runs.setdefault(id(one.layer), [id(one.layer)])
                runs.append(id(other.layer))

    def op(self, type: str, span: Span, flow: Flow | None = None, inputs: Iterable[Op] = ()) -> Op:
        """One more operation."""
        op = Op(type, span, flow)
        self._found[type].append(op)
        for value in inputs:
            op.feed(value)
        return op

    # Modules.

    def item(self, item: Item, given: Given) -> Value:
        """What a module gives."""
        if isinstance(item, Call):
            return self._class(item.layer, given) if isinstance(item.layer, Class) else self._layer(item, given)
        if not item.items:
            return given[0][1]
        if isinstance(item, Group):
            return self._group(item, [value for _, value in given])
        return self._open(item, given[0][1])

    def _layer(self, call: Call, given: Given) -> Op:
        flows = [value for _, value in given if isinstance(value, Op)]
        if len(flows) < len(given):
            flows = [op for _, value in given for op in _flat(value)]
        op = self._layers.get(id(call.layer))
        if op is None:
            name = call.layer.target if isinstance(call.layer, OwnLayer) else call.type_name
            op = self._layers[id(call.layer)] = self.op(name, call.span, call.output, flows)
            op.call = call
            return op
        for place, flow in enumerate(flows[: len(op.inputs)]):
            self._also(op, place, flow)
        return op

    def _also(self, op: Op, place: int, flow: Op) -> None:
        """One more way to come to an input of a layer that is used again."""
        there = op.inputs[place]
        if there is flow:
            return
        if there.type != JOIN or there.readers != [op]:
            op.inputs[place] = self.op(JOIN, op.span, inputs=[there])
            op.inputs[place].readers.append(op)
        op.inputs[place].feed(flow)

    def _group(self, group: Group, given: list[Value]) -> Value:
        known = self._groups.get(id(group.items))
        if known is None:
            joins = [self.op(JOIN, group.span) for value in given for _ in _flat(value)]
            known = joins, self._chained(group, joins)
            self._groups[id(group.items)] = known
        for join, op in zip(known[0], (op for value in given for op in _flat(value)), strict=False):
            join.feed(op)
        return known[1]

    def _chained(self, group: Group, joins: list[Op]) -> Value:
        """One item after the other; what a round does not return, the next one takes as it was."""
        flows: list[Value] = list(joins)
        for item in group.items:
            value = self.item(item, [(None, flow) for flow in (flows if group.listed else flows[:1])])
            parts = list(value) if isinstance(value, tuple) else [value]
            flows[: len(parts)] = parts
            last = tuple(parts) if isinstance(value, tuple) else value
        return last

    def _open(self, item: Loop | Branch, value: Value) -> Op:
        """What depends on a parameter without a value: it may be passed by, or come round again."""
        join = self.op(JOIN, item.span, item.output, _flat(value))
        for part in item.items:
            value = self.item(part, [(None, join if part is item.items[0] else value)])
        for op in _flat(value):
            join.feed(op)
        return join

    def _class(self, cls: Class, given: Given) -> Value:
        known = self._classes.get(id(cls))
        if known is None:
            joins = {one.name: self.op(JOIN, one.span, one.type) for one in cls.inputs}
            known = self._classes[id(cls)] = joins, self._body(cls, joins)
        by_place = iter(known[0])
        for name, value in given:
            join = known[0].get(name if name is not None else next(by_place, ""))
            if join is not None:
                for op in _flat(value):
                    join.feed(op)
        return known[1]

    def _body(self, cls: Class, joins: Mapping[str, Op]) -> Value:
        if cls.outputs is None:
            value: Value = next(iter(joins.values()))
            for item in cls.items:
                value = self.item(item, [(None, value)])
            return value
        body = _Body(self, cls, joins)
        for step in cls.steps:
            body.step(step)
        spans = cls.outputs.spans or (cls.inputs[0].span,) * len(cls.outputs.values)
        values = tuple(map(body.value, cls.outputs.values, spans))
        return values[0] if cls.outputs.single and values else values  # none, where it depends what they are


class _Body:
    """The steps of one class: what each name stands for, as an operation and as a type."""

    def __init__(self, wiring: Wiring, cls: Class, joins: Mapping[str, Op]) -> None:
        self.wiring = wiring
        self.values: dict[str, Value] = dict(joins)
        self.scope = {**cls.values, "training": Symbolic(Name("training"), "bool")}
        self.scope |= {one.name: one.type for one in cls.inputs}
        self.modules: dict[str | None, Item] = {}

    def step(self, step: Step) -> None:
        value: Value
        if step.kind in ("parameter", "buffer", "weight"):
            value = self.wiring.op(TENSOR, step.span, step.output)
        elif step.kind == "compute":
            value = self.value(step.arguments[0][1], step.span)
            if isinstance(value, Op) and value.syntax is not None:
                value.settle(step.output)
        else:
            value = self.called(step)
        self.bind(step.target, value, step.output, step.span)

    def called(self, step: Step) -> Value:
        """A module, or the same once more: then it stands where that is said."""
        item = step.item or step.again
        if item is None:
            return None
        if isinstance(item, Group) and item.rounds is not None:
            value = self.rounds(step, item, item.rounds)
        else:
            value = self.wiring.item(item, [(name, self.value(node, step.span)) for name, node in step.arguments])
        if step.item is not None:
            self.modules[step.module] = item
        else:
            self.wiring.again(self.modules[step.module], item)
            if isinstance(item, Call) and isinstance(value, Op) and value.call is item:
                value.span = step.span
        return value

    def rounds(self, step: Step, group: Group, rounds: Rounds) -> Value:
        """A loop whose rounds the forward method writes out."""
        values, scope = self.values, self.scope
        given = [None if rounds.stands_anew(node) else self.value(node, step.span) for _, node in step.arguments]
        results: list[Value] = []
        for child, (bound, flow) in zip(group.items, self.bound(rounds, step.span), strict=False):
            self.values, self.scope = dict(values), dict(scope)
            self.bind(rounds.target, bound, flow, step.span)
            taken = [
                self.value(node, step.span) if rounds.stands_anew(node) else one
                for one, (_, node) in zip(given, step.arguments, strict=True)
            ]
            names = [name for name, _ in step.arguments]
            results.append(self.wiring.item(child, list(zip(names, taken, strict=True))))
            if not rounds.each:
                several = results[-1]
                parts = several if rounds.returned > 1 and isinstance(several, tuple) else (several,)
                given[: min(len(parts), group.handed)] = parts[: group.handed]
        self.values, self.scope = values, scope
        if rounds.each:
            return tuple(results)
        if not rounds.collect:
            return results[-1] if results else given[0]
        handed = given[: max(1, group.handed)]
        rest = [one[group.handed :] if rounds.returned > 1 and isinstance(one, tuple) else () for one in results]
        collected = (
            one if not more else more[0] if len(more) == 1 else more for one, more in zip(results, rest, strict=True)
        )
        return handed[0] if len(handed) == 1 else tuple(handed), tuple(collected)

    def bound(self, rounds: Rounds, span: Span) -> Iterator[tuple[Value, Any]]:
        """What a loop binds in each round, as a value and as a type."""
        from archspec.lower.tensors import rounds_of  # here: many specs compute nothing

        flows = rounds_of(rounds.over, self.scope, rounds.over.text)
        values = self.listed(rounds.over, span)
        for place, flow in enumerate(flows):
            yield values[place] if isinstance(values, tuple) and place < len(values) else values, flow

    def listed(self, node: Node, span: Span) -> Value:
        """The value of a list, where Python's functions of lists make it."""
        if not isinstance(node, expressions.FunctionCall) or node.function not in ("enumerate", "reversed", "zip"):
            return self.value(node, span)
        values = [self.listed(argument, span) for argument in node.arguments]
        if node.function == "reversed":
            return values[0][::-1] if isinstance(values[0], tuple) else values[0]
        if node.function == "enumerate":
            return tuple((None, one) for one in values[0]) if isinstance(values[0], tuple) else None
        lengths = [len(value) for value in values if isinstance(value, tuple)]
        columns = (value if isinstance(value, tuple) else (value,) * min(lengths) for value in values)
        return tuple(zip(*columns, strict=False)) if lengths else None

    def bind(self, target: Node, value: Value, flow: Flow | None, span: Span) -> None:
        if isinstance(target, Name):
            self.values[target.name], self.scope[target.name] = value, flow
            return
        for place, part in enumerate(target.children):
            inner = flow[place] if isinstance(flow, tuple) else None
            if isinstance(value, tuple):
                self.bind(part, value[place], inner, span)
            else:
                self.bind(part, self.wiring.op(PART, span, inner, _flat(value)), inner, span)

    def either(self, span: Span, *values: Value) -> Op:
        """One of several values, as a condition decides that is not known."""
        flows = [op for value in values for op in _flat(value)]
        return self.wiring.op(JOIN, span, None, flows)

    def value(self, node: Node, span: Span) -> Value:
        """What an expression comes to."""
        if isinstance(node, Name):
            return self.values.get(node.name)
        if isinstance(node, expressions.Conditional):
            return self.chosen(node, span)
        if isinstance(node, expressions.Starred):
            return self.value(node.value, span)
        parts = [self.value(child, span) for child in node.children]
        if isinstance(node, expressions.Items):
            several: list[Value] = []
            for one, child in zip(parts, node.children, strict=True):
                if not isinstance(child, expressions.Starred):
                    several.append(one)
                elif isinstance(one, tuple):
                    several += one
                else:  # of how many values, is not known
                    return self.either(span, *parts)
            return tuple(several) if any(parts) else None
        if isinstance(node, expressions.FunctionCall) and node.function in ("enumerate", "reversed", "zip"):
            return self.listed(node, span)
        if isinstance(node, expressions.Index) and isinstance(parts[0], tuple):
            if isinstance(node.index, expressions.Slice):
                return self.sliced(parts[0], node.index, span)
            place, items = self.known(node.index), parts[0]
            known = isinstance(place, int) and -len(items) <= place < len(items)
            return items[place] if known else self.either(span, *items)
        flows = [op for value in parts for op in _flat(value)]
        function = node.function if isinstance(node, expressions.FunctionCall) else ""
        if not flows and (not function or function in expressions.FUNCTIONS):
            return None
        operator = getattr(node, "operator", type(node).__name__)
        op = self.wiring.op(_SPELLED.get(function.replace("_", ""), function) or operator, span, None, flows)
        op.syntax, op.parts, op.scope = node, parts, self.scope
        return op

    def sliced(self, values: tuple[Value, ...], index: expressions.Slice, span: Span) -> Value:
        """A part of several values."""
        bounds = {one: self.known(one) for one in index.children}
        if not all(isinstance(bound, int) for bound in bounds.values()):
            return self.either(span, *values)
        start, stop, step = (None if one is None else bounds[one] for one in (index.start, index.stop, index.step))
        return values[start:stop:step]

    def chosen(self, node: expressions.Conditional, span: Span) -> Value:
        condition = self.known(node.condition)
        if isinstance(condition, bool):
            return self.value(node.then if condition else node.otherwise, span)
        return self.either(span, self.value(node.then, span), self.value(node.otherwise, span))

    def known(self, node: Node) -> Any:
        """A number, or a truth, if it is known."""
        try:
            return expressions.evaluate(node, self.scope)
        except ExpressionError:
            return None


def _flat(value: Value) -> list[Op]:
    if isinstance(value, tuple):
        return [op for part in value for op in _flat(part)]
    return [value] if value is not None else []
