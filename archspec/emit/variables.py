"""The plan of a forward method: which variable each value is in, decided before a line is written.

Every value has one variable for as long as anything reads it, rounds of loops included, and two values share a variable
only where the last read of one is not after the first write of the other. What a loop's rounds replace has variables
of its own; what stays is never among them.

A moment is 2 * i for what step i reads before it writes, 2 * i + 1 for what it reads after that: the inputs of a loop
that stay are read in every round.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from archspec.emit.inlining import Inlining, is_unnamed, updates
from archspec.emit.values import ForwardValue, Values, input_names, loop_of, occurrences, returns_names, taken_apart
from archspec.expressions import Items, Literal, Name, Node
from archspec.graph import Class, Flow, Step, names_in
from archspec.lower.names import condition_of
from archspec.lower.symbolic_loops import singular
from archspec.tensors import Chain, Series, TensorType

_OWN = "self torch nn F math Tensor Any Callable Literal NamedTuple OrderedDict Sequence make_divisible"
_BUILTINS = frozenset(dir(builtins))
TAKEN = _BUILTINS | set(_OWN.split())
"""What these names mean to whoever reads generated code."""

_MAIN = ("x", "out")
"""The variables for what is only passed on."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A step's expression, or that of a part of a loop's value, in a variable, or unpacked into several."""

    step: int
    target: str
    part: ForwardValue | None = None


@dataclass(frozen=True, slots=True)
class RoundsPlan:
    """A loop over modules. `begin` are the variables that its rounds replace, `kept` is computed once behind them."""

    step: int
    kept: tuple[tuple[str, int], ...]
    """Variables for arguments that are more than a name, with the arguments' places."""
    begin: tuple[str, ...]
    together: bool
    """Whether they begin at once, as one of them begins with the value that another had."""
    packed: int = 0
    """How many values the one variable holds, where it holds several."""
    collected: str = ""
    """The variable of the list of what the rounds return, where there is one."""
    items: tuple[str, ...] = ()
    """Variables for what a round returns and does not hand on."""
    whole: str = ""
    """The variable for all that a round returns, where its parts have names that the list is to keep."""


@dataclass(frozen=True, slots=True)
class MethodPlan:
    """Lines, and how names are read in each step (`values`); which steps are written in another step's line.

    `returned` is the step whose line returns its value, where the last one does.
    """

    values: Values
    root: tuple[int, ...]
    lines: tuple[Assignment | RoundsPlan, ...]
    arguments: tuple[str, ...]
    """The forward method's own names for its inputs."""
    names: VariableNames
    layer: str
    """The variable of a loop over modules."""
    returned: int | None = None


class VariableNames:
    """The variables of a method: which are taken, and until when each is read."""

    def __init__(self, taken: Iterable[str], said: Iterable[str] = ()) -> None:
        self.taken = {*TAKEN, *taken}
        self.said = frozenset(said)  # what the spec calls its values: helpers have other names
        self.until: dict[str, int] = {}

    def fresh(self, name: str, said: Container[str] = ()) -> str:
        """The name, or the name with a number where it is in use, or `said`."""
        candidate, number = f"{name}_" if name in _BUILTINS else name, 2
        while candidate in self.taken or candidate in self.until or candidate in said:
            candidate, number = f"{name}_{number}", number + 1
        self.until[candidate] = -1
        return candidate

    def helper(self, name: str) -> str:
        """A name like this for what the spec gives none."""
        return self.fresh(name, self.said)

    def free(self, variable: str, moment: int) -> bool:
        """Whether nothing reads a variable after a moment."""
        return variable not in self.taken and self.until.get(variable, -1) <= moment

    def hold(self, variable: str, until: int) -> None:
        """Notes until when a variable is read."""
        self.until[variable] = max(self.until.get(variable, -1), until)


def plan_forward(
    cls: Class, taken: Collection[str], parted: Collection[int] = (), arguments: Sequence[str] | None = None
) -> MethodPlan:
    """The plan of the forward method of a class that is no nn.Sequential.

    `taken` are names that no variable has, `parted` are steps with which a new line begins. In a round of a loop its
    inputs are in the variables `arguments`, of which all but the first keep their values.
    """
    return _Planner(cls, taken, parted, arguments).plan()


class _Planner:
    """Gives variables to values, in the order in which they are made."""

    def __init__(
        self, cls: Class, taken: Collection[str], parted: Collection[int], arguments: Sequence[str] | None
    ) -> None:
        self.cls = cls
        self.given = arguments
        self.values = Values(cls)
        self.root = Inlining(self.values, parted).root
        self.names = VariableNames(taken, (name for step in cls.steps for name in names_in(step.target)))
        self.lines: list[Assignment | RoundsPlan] = []
        self.input_types: dict[str, Flow | None] = {}

    def plan(self) -> MethodPlan:
        called = {one.name for one in self.cls.inputs if not one.captured}
        taken = called | self.names.taken | self.names.said
        candidates = ("layer", *(f"layer_{number}" for number in range(2, len(taken) + 3)))
        layer = next(name for name in candidates if name not in taken)
        self.names.taken.add(layer)
        arguments = tuple(map(self.argument, range(len(self.cls.inputs))))
        for index, step in enumerate(self.cls.steps):
            if step.kind in ("call", "compute") and self.root[index] == index:
                self.step(index, step)
        return MethodPlan(
            self.values, tuple(self.root), tuple(self.lines), arguments, self.names, layer, self.returned()
        )

    def returned(self) -> int | None:
        """The step that the last line is for, if its value is what the method returns, and nothing else reads it."""
        last, outputs = self.lines[-1] if self.lines else None, self.cls.outputs
        if not isinstance(last, Assignment) or last.part is not None or outputs is None:
            return None
        if not outputs.single or outputs.names or not isinstance(outputs.values[0], Name):
            return None
        value = self.values.read[-1].get(outputs.values[0].name)
        made = value is not None and value is self.values.made[last.step] and len(value.readers) == 1
        return last.step if made else None

    def argument(self, place: int) -> str:
        """The name of an input: its own, but of a group's, which nobody calls by name, one that is free."""
        one, value = self.cls.inputs[place], self.values.inputs[place]
        if self.given is not None:
            value.variable = self.given[place]
            self.names.hold(value.variable, self.end(value) if place == 0 else 2 * len(self.cls.steps) + 1)
            self.input_types[value.variable] = one.type
            return value.variable
        inner = one.captured and (one.name in self.names.taken or one.name in self.names.until)
        value.variable = self.names.fresh(one.name) if inner else one.name
        self.names.hold(value.variable, self.end(value))
        if not one.optional:
            self.input_types[value.variable] = one.type
        else:
            self.names.hold(value.variable, 2 * len(self.cls.steps) + 1)  # it may be None: no variable for others
        return value.variable

    # When values are read.

    def end(self, value: ForwardValue) -> int:
        """The last moment at which a value is read, or -1."""
        return max((self.moment(*reader) for reader in value.readers), default=-1)

    def moment(self, index: int, place: int) -> int:
        """When a step reads one of its arguments."""
        if index >= len(self.cls.steps):
            return 2 * index
        step = self.cls.steps[index]
        loop = loop_of(step)
        if loop is None:
            return 2 * self.root[index]
        if loop.rounds is not None and place >= len(step.arguments):
            return 2 * index + 1  # a list that it runs over
        first = place == 0 and loop.handed > 1 and condition_of(step) is not None  # the value where it does not hold
        return 2 * index + (first or place >= loop.handed)

    def is_simple(self, node: Node) -> bool:
        """Whether an argument is written in each round, as it is a name or a number."""
        return isinstance(node, Name | Literal)

    # Lines.

    def step(self, index: int, step: Step) -> None:
        value = self.values.made[index]
        if value is None:
            self.unpack(index, step)
        elif loop_of(step) is not None:
            self.loop(index, step, value)
        else:
            self.hold(value, self.variable(index, step, value), index)
            self.lines.append(Assignment(index, value.variable))

    def hold(self, value: ForwardValue, variable: str, index: int) -> None:
        """Puts a value into a variable."""
        value.variable = variable
        measured = 2 * index + bool(self.cls.steps[index].axes)  # its sizes are read on the next line
        self.names.hold(variable, max(self.end(value), measured))

    def unpack(self, index: int, step: Step) -> None:
        """A line that unpacks a value; no line where it is a loop's, but for parts that are unpacked themselves."""
        if isinstance(step.target, Name):
            return  # another name for a value that there is
        whole = self.values.taken_apart.get(index)
        if whole is None:
            self.lines.append(Assignment(index, self.targets(index, step.target)))
            return
        for item, part in taken_apart(step.target, whole):
            if isinstance(item, Items):
                self.lines.append(Assignment(index, self.targets(index, item), part))

    def targets(self, index: int, target: Node) -> str:
        """The variables that a value is unpacked into; `_` for what nothing reads."""
        texts = []
        for part in target.children:
            if not isinstance(part, Name):
                texts.append(f"({self.targets(index, part)})")
                continue
            value = self.values.named[index][part.name]
            if value.readers:
                self.hold(value, self.names.fresh(part.name), index)
            texts.append(value.variable or "_")
        return f"{', '.join(texts)}{',' if len(texts) == 1 else ''}"

    def loop(self, index: int, step: Step, value: ForwardValue) -> None:
        """Rounds that take more than one input."""
        loop = loop_of(step)
        assert loop is not None
        calls = input_names(loop)
        kept = []
        anew = loop.rounds.stands_anew if loop.rounds is not None else None
        for place in range(loop.handed, len(step.arguments)):
            node = step.arguments[place][1]
            if not self.is_simple(node) and not (anew is not None and anew(node)):
                variable = self.names.helper(calls[place] if place < len(calls) else "value")
                self.names.hold(variable, 2 * index + 1)
                kept.append((variable, place))
        collects = loop.rounds is not None and loop.rounds.collect
        packed = loop.handed > 1 and not collects and (not value.parts or (value.is_read_whole and returns_names(loop)))
        if loop.rounds is not None and not packed:
            self.rounds(index, step, value, tuple(kept))
            return
        begin = self.pack(index, value) if packed else self.carry(index, step, value, calls)
        meeting = not packed and self.meet(index, step, begin)
        self.lines.append(RoundsPlan(index, tuple(kept), begin, meeting, loop.handed if packed else 0))

    def rounds(self, index: int, step: Step, value: ForwardValue, kept: tuple[tuple[str, int], ...]) -> None:
        """Rounds that do more than hand values on."""
        loop = loop_of(step)
        assert loop is not None
        assert loop.rounds is not None
        calls = input_names(loop)
        handed, collected = value.parts if loop.rounds.collect else (value, None)
        begin = self.carry(index, step, handed, calls)
        meeting = self.meet(index, step, begin)
        rest = loop.rounds.returned - loop.handed
        if collected is None:
            whole = self.own(value.name or "output", index) if value.is_read_whole and returns_names(loop) else ""
            items = tuple("_" if whole else self.left(index, step, part) for part in value.parts[loop.handed :])
            self.lines.append(RoundsPlan(index, kept, begin, meeting, items=items or ("_",) * rest, whole=whole))
            if whole:
                self.as_one(index, value, whole)
            return
        name = collected.name or "collected"
        self.hold(collected, self.names.fresh(name), index)
        self.names.hold(collected.variable, 2 * index + 1)
        stem = singular(collected.name) if collected.name else "item"
        items = tuple(self.temporary(stem) for _ in range(rest))
        whole = self.temporary(stem) if loop.handed > 1 and not rest and returns_names(loop) else ""
        self.lines.append(RoundsPlan(index, kept, begin, meeting, 0, collected.variable, items, whole))

    def temporary(self, name: str) -> str:
        """A variable that lives for one round."""
        return name if name == "_" else self.names.fresh(name)

    def left(self, index: int, step: Step, part: ForwardValue) -> str:
        """The variable for a value that the last round returns and does not hand on."""
        if not part.readers:
            return "_"
        self.hold(part, self.names.fresh(part.name or f"{step.name}_left"), index)
        self.names.hold(part.variable, 2 * index + 1)
        return part.variable

    def pack(self, index: int, value: ForwardValue) -> tuple[str, ...]:
        """One variable for all that a loop hands on: as one value it is what the last round returns."""
        variable = self.own(value.name, index)
        self.as_one(index, value, variable)
        return (variable,)

    def as_one(self, index: int, value: ForwardValue, variable: str) -> None:
        """Puts all that a loop comes to into one variable."""
        for part in (value, *value.parts):
            self.hold(part, variable, index)
        self.names.hold(variable, 2 * index + 1)
        for place, part in enumerate(value.parts):
            part.variable = f"{variable}[{place}]"

    def carry(self, index: int, step: Step, value: ForwardValue, calls: tuple[str, ...]) -> tuple[str, ...]:
        """A variable for each value that a loop hands on."""
        loop = loop_of(step)
        assert loop is not None
        handed = value.parts[: loop.handed] or (value,)
        for place, part in enumerate(handed):
            whole = part is value
            variable = self.variable(index, step, part) if whole else self.part(index, place, part, calls)
            self.begin_as(index, place, variable)
            self.hold(part, variable, index)
            self.names.hold(variable, 2 * index + 1)
        return tuple(part.variable for part in handed)

    def begin_as(self, index: int, place: int, variable: str) -> None:
        """The value that a loop begins with is in the loop's variable from the start, where nothing else is meanwhile.

        So no line says `x = tokens`: what makes the tokens puts them into `x`.
        """
        step, values = self.cls.steps[index], self.values.read[index]
        node = step.arguments[place][1]
        source = values.get(node.name) if isinstance(node, Name) else None
        if source is None or source.variable == variable or source.parts or condition_of(step) is not None:
            return
        once = [reader for reader in source.readers if reader[0] == index] == [(index, place)]
        if not once or self.end(source) > 2 * index:
            return
        writers = [at for at, line in enumerate(self.lines) if source.variable in targets_of(line)]
        at = writers[-1] if writers else len(self.lines)
        made = self.lines[at] if writers else None
        if not isinstance(made, Assignment):
            return
        free = self.names.until.get(variable, -1) <= 2 * made.step
        if free and not any(variable in targets_of(line) for line in self.lines[at:]):
            target = re.sub(rf"\b{source.variable}\b", variable, made.target)
            self.lines[at] = replace(made, target=target)
            source.variable = variable

    def meet(self, index: int, step: Step, begin: tuple[str, ...]) -> bool:
        """Whether a variable that a loop replaces begins with what another one of them holds before."""
        for place, (_, node) in enumerate(step.arguments[: len(begin)]):
            for _, values in occurrences(node, self.values.read[index]):
                if any(value.variable in begin[:place] for value in values):
                    return True
        return False

    # Which variable.

    def variable(self, index: int, step: Step, value: ForwardValue) -> str:
        """The variable for a step's value: the step's own, but for what is only passed on."""
        if step.kind == "compute":
            added = updates(step.arguments[0][1])
            source = self.values.read[index].get(added.name) if added is not None else None
            if source is not None and self.is_main(source.variable, value, 2 * index):
                return source.variable
        if (step.kind == "call" or is_unnamed(step)) and self.is_passed_on(index, value):
            main = self.main(index, value)
            if main is not None:
                return main
        return self.own(value.name.lstrip("_") or "output", index)

    def part(self, index: int, place: int, part: ForwardValue, calls: tuple[str, ...]) -> str:
        """The variable for one of the values that a loop hands on: as it is called behind it, or in its rounds."""
        step = self.cls.steps[index]
        name = part.name or (calls[place] if place < len(calls) else f"{step.name}_{place}")
        node = step.arguments[place][1]
        source = self.values.read[index].get(node.name) if isinstance(node, Name) else None
        same = source is not None and source.variable == name and isinstance(part.flow, TensorType)
        if same and self.names.free(name, 2 * index):
            return name
        return self.own(name, index) if part.name or name not in self.names.said else self.names.helper(name)

    def own(self, name: str, index: int) -> str:
        """A variable of that name."""
        passing = name in _MAIN and name in self.names.until and name not in self.input_types
        if passing and self.names.free(name, 2 * index):
            return name
        return self.names.fresh(name)

    def main(self, index: int, value: ForwardValue) -> str | None:
        """The variable for a value that is only passed on: that of what it is made of, else one that is free."""
        sources = [source.variable for source in self.values.read[index].values()]
        candidates = (*sources[:1], *(_MAIN if self.is_alone(value) else ()))
        return next((one for one in candidates if self.is_main(one, value, 2 * index)), None)

    def is_alone(self, value: ForwardValue) -> bool:
        """Whether its reader reads no other value from a variable, but inputs: among others a value keeps its name."""
        reader, _ = value.readers[0]
        others = [other.step for other in self.values.read[reader].values() if other is not value]
        return not self.is_part(value) or all(step < 0 or self.root[step] != step for step in others)

    def is_main(self, variable: str, value: ForwardValue, moment: int) -> bool:
        """Whether a value may be in a variable for what is passed on: never tokens and numbers in one."""
        if variable not in _MAIN or not self.names.free(variable, moment):
            return False
        if isinstance(value.flow, tuple | Series | Chain):
            return False
        given = self.input_types.get(variable)
        if variable not in self.input_types:
            return True
        return isinstance(given, TensorType) and holds_numbers(given) == holds_numbers(value.flow)

    def is_passed_on(self, index: int, value: ForwardValue) -> bool:
        """Whether a value goes into the next line alone: into a module, an expression, or out."""
        if len({reader for reader, _ in value.readers}) != 1:
            return False
        reader, place = value.readers[0]
        is_part = self.is_part(value)
        if reader < len(self.cls.steps) and place >= len(self.cls.steps[reader].arguments):
            return False  # a list that a loop runs over
        if not all(self.passes(between, is_part) for between in range(index + 1, reader)):
            return False
        if reader == len(self.cls.steps):
            outputs = self.cls.outputs
            return outputs is not None and outputs.single and isinstance(outputs.values[0], Name)
        if self.meets_its_like(index, reader):
            return False
        return place == 0

    def is_part(self, value: ForwardValue) -> bool:
        """Whether the one reader of a value reads it within an expression."""
        reader, place = value.readers[0]
        if reader == len(self.cls.steps):
            return False
        step = self.cls.steps[reader]
        if place >= len(step.arguments):
            return True
        return step.kind == "compute" or not isinstance(step.arguments[place][1], Name)

    def passes(self, index: int, at_once: bool) -> bool:
        """Whether a step between a value and its reader does not part them."""
        step = self.cls.steps[index]
        line = step.kind in ("call", "compute") and self.root[index] == index
        return not line or (step.kind == "compute" and not at_once)

    def meets_its_like(self, index: int, reader: int) -> bool:
        """Whether a step also takes another module's value that is made of the same: then both keep their names."""
        sources = set(map(id, self.values.read[index].values()))
        makers = {value.step for value in self.values.read[reader].values() if 0 <= value.step < index}
        calls = [maker for maker in makers if self.cls.steps[maker].kind == "call"]
        return any(sources & set(map(id, self.values.read[maker].values())) for maker in calls)


def targets_of(line: Assignment | RoundsPlan) -> set[str]:
    """The variables that a line writes."""
    if isinstance(line, Assignment):
        return set(re.findall(r"\w+", line.target))
    kept = (variable for variable, _ in line.kept)
    return {*kept, *line.begin, *line.items, line.collected, line.whole} - {""}


def holds_numbers(flow: Flow | None) -> bool:
    """Whether a value is one of floating-point numbers, as far as is known."""
    return not isinstance(flow, TensorType) or flow.dtype.startswith(("float", "bfloat", "complex"))
