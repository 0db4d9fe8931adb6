"""The values of a forward method: what each name stands for at each step, and which steps read each value.

A name may stand for one value and later for another, as where a group reads a name from around it before a step of its
own has that name. So names are resolved here, once, and everything after this looks at values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.emit.text import member
from archspec.expressions import Conditional, Index, Items, Literal, Name, Node, Unary
from archspec.graph import Branch, Call, Class, Flow, Group, Input, Item, Step
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.lower.headers import header_of, rounds_of
from archspec.lower.names import condition_of


class ForwardValue:
    """One value. `step` is what makes it: -1 for an input. `readers` are (step, argument), once for each read.

    What is returned counts as read by a step behind the last one. A loop that hands on several values has one `part`
    for each, unless a condition decides whether it runs; `is_read_whole` says whether anything takes them together.
    """

    __slots__ = ("flow", "is_read_whole", "name", "parts", "readers", "step", "variable")

    def __init__(self, name: str, flow: Flow | None, step: int, variable: str = "") -> None:
        self.name = name
        self.flow = flow
        self.step = step
        self.parts: tuple[ForwardValue, ...] = ()
        self.is_read_whole = False
        self.readers: list[tuple[int, int]] = []
        self.variable = variable

    def expression(self) -> Node:
        """How it is read."""
        if self.parts and not self.variable:
            return Items(tuple(part.expression() for part in self.parts))
        return Name(self.variable)

    def leaves(self) -> tuple[ForwardValue, ...]:
        """The values that have variables: itself, or its parts."""
        return tuple(leaf for part in self.parts for leaf in part.leaves()) if self.parts else (self,)


class Values:
    """What flows through a class, step by step."""

    def __init__(self, cls: Class) -> None:
        self.cls = cls
        self.inputs = [ForwardValue(one.name, one.type, -1) for one in cls.inputs]
        self.read: list[dict[str, ForwardValue]] = []
        """What the names that each step reads stand for; those of what is returned come last."""
        self.named: list[dict[str, ForwardValue]] = []
        """What the names of each step's target stand for behind it."""
        self.made: list[ForwardValue | None] = []
        """The value that each step makes; None where it unpacks one, or gives another name to one that there is."""
        self.taken_apart: dict[int, ForwardValue] = {}
        """The loop's value that a step unpacks, where it does."""
        self._now = {value.name: value for value in self.inputs}
        for index, step in enumerate(cls.steps):
            self._follow(index, step)
        results = cls.outputs.values if cls.outputs is not None else ()
        self.read.append(self._reads(results, len(cls.steps)))

    def _follow(self, index: int, step: Step) -> None:
        header = header_of(step)
        nodes = (*(node for _, node in step.arguments), *(header.lists if header is not None else ()))
        if step.kind in ("parameter", "buffer"):
            self.read.append({})
            self._bind(step, ForwardValue(step.name, step.output, index, f"self.{step.name}"))
            return
        if step.kind == "weight":
            self.read.append({})
            self._bind(step, ForwardValue(step.name, step.output, index, weight_text(self.cls, step.name)))
            return
        other = self._now.get(nodes[0].name) if step.kind == "compute" and isinstance(nodes[0], Name) else None
        if other is not None and isinstance(step.target, Name):
            self.read.append({})
            self.made.append(None)
            self._name(step.target.name, other)
        elif other is not None and isinstance(step.target, Items) and other.parts:
            self.read.append({})
            self.made.append(None)
            self._take_apart(index, step.target, other)
        else:
            self.read.append(self._reads(nodes, index))
            self._bind(step, _result(index, step))

    def _bind(self, step: Step, value: ForwardValue) -> None:
        """Gives a step's value its name, or each part of it a new value."""
        if isinstance(step.target, Name):
            self.made.append(value)
            self._name(step.target.name, value)
            return
        self.made.append(None)
        self.named.append({})
        self._unpack(step.target, value.flow, value.step)

    def _name(self, name: str, value: ForwardValue) -> None:
        self.named.append({name: value})
        self._now[name] = value

    def _unpack(self, target: Node, flow: Flow | None, step: int) -> None:
        for part, inner in zip(target.children, parts_of(flow, len(target.children)), strict=True):
            if isinstance(part, Name):
                self._now[part.name] = self.named[-1][part.name] = ForwardValue(part.name, inner, step)
            else:
                self._unpack(part, inner, step)

    def _take_apart(self, index: int, target: Items, value: ForwardValue) -> None:
        """The parts of a loop's value under the names that a step unpacks them into."""
        self.named.append({})
        self.taken_apart[index] = value
        for item, part in taken_apart(target, value):
            if isinstance(item, Name):
                self._now[item.name] = self.named[-1][item.name] = part
                part.name = part.name or ("" if item.name == "_" else item.name)
            else:
                for leaf in part.leaves():
                    leaf.readers.append((index, 0))
                self._unpack(item, part.flow, index)

    def _reads(self, nodes: tuple[Node, ...], index: int) -> dict[str, ForwardValue]:
        found: dict[str, ForwardValue] = {}
        for place, node in enumerate(nodes):
            for name, values in occurrences(node, self._now):
                found[name] = self._now[name]
                found[name].is_read_whole |= values == found[name].leaves() and bool(found[name].parts)
                for value in values:
                    value.readers.append((index, place))
        return found


def taken_apart(target: Node, value: ForwardValue) -> Iterator[tuple[Node, ForwardValue]]:
    """The parts of a loop's value with what a step calls them, or unpacks them into."""
    for item, part in zip(target.children, value.parts, strict=True):
        if isinstance(item, Items) and part.parts:
            yield from taken_apart(item, part)
        else:
            yield item, part


def occurrences(node: Node, values: Mapping[str, ForwardValue]) -> Iterator[tuple[str, tuple[ForwardValue, ...]]]:
    """The values that an expression reads, in the order of evaluation, each with the name by which it does."""
    if isinstance(node, Name):
        value = values.get(node.name)
        if value is not None:
            yield node.name, value.leaves()
        return
    part = indexed(node, values)
    if part is not None and isinstance(node, Index):
        yield node.value.text, part.leaves()
        return
    for child in in_order(node):
        yield from occurrences(child, values)


def in_order(node: Node) -> tuple[Node, ...]:
    """What an expression is made of, in the order in which Python evaluates it."""
    if isinstance(node, Conditional):
        return node.condition, node.then, node.otherwise
    return node.children


def indexed(node: Node, values: Mapping[str, ForwardValue]) -> ForwardValue | None:
    """The part of a loop's value that `s[0]` is, if the expression is one."""
    if not isinstance(node, Index) or not isinstance(node.value, Name) or node.value.name not in values:
        return None
    parts = values[node.value.name].parts
    index, sign = node.index, 1
    if isinstance(index, Unary) and index.operator == "-":
        index, sign = index.operand, -1
    at = sign * index.value if isinstance(index, Literal) and isinstance(index.value, int) else None
    return parts[at] if at is not None and -len(parts) <= at < len(parts) else None


def loop_of(step: Step) -> Group | None:
    """The loop that a step is, if its rounds are written in the forward method one after the other."""
    item = _kept(step)
    return item if isinstance(item, Group) and item.listed and not is_each(step) else None


def is_each(step: Step) -> bool:
    """Whether a step is the list of what rounds side by side return."""
    rounds = rounds_of(step)
    return rounds is not None and rounds.each


def _kept(step: Step) -> Item | None:
    """A step's module, with its condition left out."""
    item = step.item if step.item is not None else step.again
    return item.items[0] if isinstance(item, Branch) and item.items else item


def _result(index: int, step: Step) -> ForwardValue:
    """The value that a step makes, with its parts if it is a loop that hands on several."""
    name = step.target.name if isinstance(step.target, Name) else ""
    value = ForwardValue(name, step.output, index)
    loop = loop_of(step)
    if loop is not None and loop.rounds is not None and loop.rounds.collect:
        flows = parts_of(loop.output, 2)
        handed, collected = ForwardValue("", flows[0], index), ForwardValue("", flows[1], index)
        if loop.handed > 1:
            handed.parts = tuple(ForwardValue("", flow, index) for flow in parts_of(flows[0], loop.handed))
        value.parts = (handed, collected)
    elif loop is not None and condition_of(step) is None and (count := given_back(loop)) > 1:
        value.parts = tuple(ForwardValue("", flow, index) for flow in parts_of(loop.output, count))
    return value


def given_back(loop: Group) -> int:
    """How many values a loop comes to: all that its last round returns, those that are not handed on included."""
    rest = loop.rounds.returned if loop.rounds is not None and loop.handed else 0
    return max(loop.handed, rest)


def weight_text(cls: Class, name: str) -> str:
    """A weight of a layer of the class, as its forward method reads it and a type checker knows it."""
    key, _, weight = name.partition(".")
    step = next(step for step in cls.written() if step.name == key and step.item is not None)
    layer = step.item.layer if isinstance(step.item, Call) else None
    known = isinstance(layer, Layer) and "." not in f"{step.module}{weight}" and weight not in type(layer).nullable
    module = member(str(step.module))
    return f"{module}.{weight}" if known else f'{module}.get_parameter("{weight}")'


def parts_of(flow: Flow | None, count: int) -> tuple[Flow | None, ...]:
    """The types of what a value is unpacked into."""
    known = isinstance(flow, tuple) and len(flow) == count
    return flow if known and isinstance(flow, tuple) else (None,) * count


def returns_names(item: Item) -> bool:
    """Whether the last round of a loop returns a NamedTuple."""
    while not isinstance(item, Call) and item.items:
        item = item.items[-1]
    outputs = item.layer.outputs if isinstance(item, Call) and isinstance(item.layer, Class) else None
    return outputs is not None and bool(outputs.names)


def input_names(item: Item | None) -> tuple[str, ...]:
    """What a module calls its inputs; of a loop, what its rounds do."""
    while item is not None and not hasattr(item, "layer"):
        item = item.items[0] if item.items else None
    layer = getattr(item, "layer", None)
    inputs: tuple[Input | str, ...] = layer.inputs if layer is not None else ()
    return tuple(one if isinstance(one, str) else one.name for one in inputs)


def named_from(step: Step) -> int:
    """The first argument of a call that goes by name: those before it are the module's first inputs, in their order."""
    item = _kept(step)
    known = isinstance(item, Call) and item.held is None and not isinstance(item.layer, OwnLayer)
    inputs = input_names(item) if known else ()
    names = [name for name, _ in step.arguments]
    first = next((place for place, name in enumerate(names) if name not in (None, *inputs[place : place + 1])), None)
    return len(names) if first is None else first
