"""Which calls of modules are written where their values are read: `x + self.attn(self.ln_1(x))`.

What runs must not change, nor the order: such a call is read once, whatever happens, and no operation comes between
the place where the spec has it and the place where it is written. So random numbers are drawn, and gradients are added
up, in the order of the steps.
"""

from __future__ import annotations

from collections.abc import Collection

from archspec.emit.text import member
from archspec.emit.values import ForwardValue, Values, in_order, is_each, loop_of
from archspec.expressions import Binary, Compare, Conditional, FunctionCall, Index, Items, Logic, Name, Node, Unary
from archspec.graph import Call, Step, names_in
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.lower.headers import rounds_of
from archspec.lower.names import condition_of
from archspec.tensors import Chain, Series

METHODS = frozenset(
    ("chunk", "clone", "detach", "masked_fill", "mean", "permute", "reshape", "split", "squeeze", "sum")
)
METHODS |= {"expand", "transpose", "unbind", "unsqueeze"}
"""The functions that people call as methods of a tensor."""

_WIDEST = 64
"""A line that would be wider is taken apart."""

_DEEPEST = 3
"""How many modules a chain has, at most, beside one that multiplies and ends it."""

_SOMETHING = -2
"""In place of a step: an operation of the expression itself."""


class Inlining:
    """For each step, the step in whose line it is written: its own, unless it is written within another's."""

    def __init__(self, values: Values, parted: Collection[int] = ()) -> None:
        self.values = values
        self.parted = parted
        self.steps = values.cls.steps
        self.chains = self._chains()
        self.root = list(range(len(self.steps)))
        for last in reversed(self.root.copy()):
            place = last - 1
            while self.root[last] == last and place >= 0 and place + 1 not in parted and self._joins(place, last):
                self.root[place] = last
                place -= 1

    def _joins(self, place: int, last: int) -> bool:
        """Whether a step, the last one above those that are written within another one, is written there, too."""
        value = self.values.made[place]
        if value is None or len(value.readers) != 1 or not self._stands_alone(place):
            return False
        reader, at = value.readers[0]
        if reader >= len(self.steps) or self.root[reader] != last or not self._stands_alone(reader, sized=True):
            return False
        if not self._reads_well(place, reader, at, last) or self._is_summed(value, reader, at):
            return False
        self.root[place] = last
        first = self._first_of(last, last)
        self.root[place] = place
        return first == place

    def _is_summed(self, value: ForwardValue, reader: int, at: int) -> bool:
        """Whether a value is a list that `sum` adds up, which writes it twice."""
        node = self.steps[reader].arguments[at][1]
        sums = (part for part in node.walk() if isinstance(part, FunctionCall) and part.function == "sum")
        return isinstance(value.flow, tuple | Series | Chain) and any(value.name in names_in(part) for part in sums)

    def _stands_alone(self, index: int, *, sized: bool = False) -> bool:
        """Whether a step is one call or one expression; `sized` allows names for the sizes of its value."""
        step = self.steps[index]
        rounds = loop_of(step) is not None or is_each(step) or rounds_of(step) is not None
        plain = step.kind in ("call", "compute") and not rounds and condition_of(step) is None
        return plain and (sized or not step.axes)

    def _reads_well(self, place: int, reader: int, at: int, last: int) -> bool:
        """Whether a person would write it so."""
        step, user = self.steps[place], self.steps[reader]
        node = user.arguments[at][1]
        unpacked = isinstance(user.target, Items)
        if unpacked and isinstance(node, Name):
            return step.kind == "call" and reader - place == 1  # `out, state = self.lstm(x)`
        if user.kind == "call" and isinstance(node, Name) and step.kind == "call":
            return self.chains[place] == self.chains[reader]
        if step.kind == "compute" and not is_unnamed(step):
            return False
        if self._width(last, range(self.chains[place], place + 1)) > _WIDEST:
            return False
        if user.kind == "call" and isinstance(node, Name):
            return True
        if step.kind == "call" and reader != last and not multiplies(step):
            return False
        return isinstance(node, FunctionCall) or (isinstance(node, Binary | Unary) and not unpacked)

    # Chains.

    def _chains(self) -> list[int]:
        """For each step, the first one of its chain: of the calls that read well within one another.

        A chain has one module that multiplies. It begins with it where the flow does (a convolution, its normalization
        and activation), and else ends with it (a normalization, an activation and their convolution).
        """
        chains = list(range(len(self.steps)))
        begins = chains.copy()  # where the flow begins of which each step is a part
        for index in range(len(self.steps)):
            before = self._before(index)
            if before is None or index in self.parted:
                continue
            begins[index] = begins[before]
            opens = multiplies(self.steps[begins[index]])
            long = index - chains[before] >= _DEEPEST + (multiplies(self.steps[index]) and not opens)
            parted = multiplies(self.steps[index if opens else before])
            if not long and not parted and not (reshapes(self.steps[index]) and not is_layer(self.steps[before])):
                chains[index] = chains[before]
        return chains

    def _before(self, index: int) -> int | None:
        """The step just above whose module's value goes into a module, and nowhere else."""
        if not 0 < index < len(self.steps) or not self._is_call(index) or not self._is_call(index - 1):
            return None
        value = self.values.made[index - 1]
        alone = value is not None and value.readers == [(index, 0)] and not self.steps[index - 1].axes
        plain = all(isinstance(node, Name) for _, node in self.steps[index].arguments)
        return index - 1 if alone and plain else None

    def _is_call(self, index: int) -> bool:
        return self.steps[index].kind == "call" and self._stands_alone(index, sized=True)

    def _width(self, index: int, joined: range) -> int:
        """About how wide a step's line is with those that are written in it, and those that are to be joined."""
        step = self.steps[index]
        found = len(f"{member(step.module)}()") if step.module is not None else 0
        for name, node in step.arguments:
            found += len(node.text) + (len(f"{name}=") if name else 0)
            called = (part.function for part in node.walk() if isinstance(part, FunctionCall))
            found += sum(0 if name in METHODS else 4 for name in called)  # `F.` or `torch.` stands before it
        for name, value in self.values.read[index].items():
            made = value.step if value.step >= 0 and self.values.made[value.step] is value else -1
            if made >= 0 and (made in joined or self.root[made] != made):
                found += self._width(made, joined) - len(name)
            elif made >= 0 and len(value.readers) == 1 and self.steps[made].kind == "call":
                found += 1 - len(name)  # it is passed on as `x`
        return found

    # What runs first.

    def _first_of(self, index: int, last: int) -> int | None:
        """The first step, of those that are written within the last one, that runs when a step's arguments are read."""
        for _, node in self.steps[index].arguments:
            found = self._first(node, index, last)
            if found is not None:
                return found
        return None

    def _first(self, node: Node, index: int, last: int) -> int | None:
        if isinstance(node, Name):
            value = self.values.read[index].get(node.name)
            return self._run(value, last) if value is not None else None
        parts = in_order(node)
        certain = 1 if isinstance(node, Conditional | Logic | Compare) else len(parts)
        certain += isinstance(node, Compare) and len(parts) > 1
        for place, part in enumerate(parts):
            found = self._first(part, index, last)
            if found is not None:
                return found if place < certain else _SOMETHING
        computes = not isinstance(node, Items) and any(isinstance(part, Name) for part in node.walk())
        return _SOMETHING if computes or isinstance(node, FunctionCall) else None

    def _run(self, value: ForwardValue, last: int) -> int | None:
        """The first step that runs where a value is read."""
        made = value.step
        if made < 0 or made == last or self.root[made] != last or self.values.made[made] is not value:
            return None
        inner = self._first_of(made, last)
        return inner if inner is not None and inner != _SOMETHING else made  # its own operations are a part of it


def layer_of(step: Step) -> Layer | None:
    """The layer of the catalogue that a step runs, if it runs one."""
    item = step.item if step.item is not None else step.again
    layer = item.layer if isinstance(item, Call) else None
    return layer if isinstance(layer, Layer) and not isinstance(layer, OwnLayer) else None


def is_layer(step: Step) -> bool:
    """Whether a step runs a single layer."""
    return layer_of(step) is not None


def multiplies(step: Step) -> bool:
    """Whether a module multiplies, as convolutions and whole blocks do: normalizations and others go with those."""
    layer = layer_of(step)
    return layer is None or type(layer).macs is not Layer.macs


def reshapes(step: Step) -> bool:
    """Whether a step's layer makes another shape of its input without multiplying, as pooling does."""
    return not multiplies(step) and bool(step.inputs) and step.inputs[0] != step.output


_UNTELLING = frozenset(("h", "out", "output", "result", "sum", "value", "y"))
"""Names that say no more than that there is a value."""


def is_unnamed(step: Step) -> bool:
    """Whether a step's name says nothing that its expression does not: `flatten: flatten(x, 1)`."""
    called = {part.function for _, node in step.arguments for part in node.walk() if isinstance(part, FunctionCall)}
    return isinstance(step.target, Name) and step.target.name in called | _UNTELLING


def updates(node: Node) -> Name | None:
    """The value that an expression adds others to, as in `x + attn - shift`: nothing but a sum of values."""
    if isinstance(node, Binary) and node.operator in ("+", "-") and isinstance(node.right, Name | Index):
        return node.left if isinstance(node.left, Name) else updates(node.left)
    return None
