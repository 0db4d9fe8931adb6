"""The lines of a forward method: which variable each value is kept in, and how its expression reads.

Both back ends print the same lines: the builder compiles them, the generator writes them down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from archspec.dimensions import PRIMARY
from archspec.emit.assignment import BASE, PythonCall, Text, assignment
from archspec.emit.text import WIDTH, Expression
from archspec.expressions import FUNCTIONS as NUMBERS
from archspec.expressions import (
    Binary,
    Call,
    Compare,
    Conditional,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Unary,
)
from archspec.graph import Class, Flow, Group, Outputs, Step, flow_text, names_in
from archspec.lower.names import constructor_reads, forward_reads
from archspec.records import Record
from archspec.tensors import TensorType

METHODS = frozenset(("chunk", "masked_fill", "mean", "permute", "reshape", "split", "squeeze", "sum"))
METHODS |= {"transpose", "unflatten", "unsqueeze"}
"""The functions that people call as methods of a tensor."""

_UNPACKING = ("permute", "reshape")  # methods whose one list is given item by item

_TAKEN = frozenset(
    "super self torch nn F math layer Tensor Any Callable Literal NamedTuple OrderedDict Sequence ValueError".split()
)


class Forward(Record):
    """A forward method: its lines without indentation, and the names that it reads from `self`."""

    lines: tuple[str, ...]
    saved: tuple[str, ...]
    steps: tuple[range, ...] = ()
    """Which lines each step has; none where it is written within another's."""


def write_forward(cls: Class, comment: bool = False) -> Forward:
    """The forward method of a class that is no nn.Sequential."""
    writer = _Writer(cls, comment)
    for index, step in enumerate(cls.steps):
        before = len(writer.lines)
        writer.step(index, step)
        writer.bind_sizes(step)
        writer.places_of_steps.append(range(before, len(writer.lines)))
    result = writer.result()  # first, as it may say the type of a variable above
    sizes = writer.sizes()
    lines = [*sizes, *writer.lines, *result]
    steps = tuple(range(len(sizes) + place.start, len(sizes) + place.stop) for place in writer.places_of_steps)
    return Forward(tuple(lines), tuple(sorted(writer.saved)), steps)


def kept_parameters(cls: Class) -> set[str]:
    """The parameters that the constructor has no use for: the module keeps them, as all of them are arguments."""
    used, read = constructor_reads(cls), forward_reads(cls)
    for name, node in reversed(cls.let):
        used |= names_in(node) if name in used | read else set()
    return {parameter.name for parameter in cls.parameters if not parameter.inferred} - used


class _Writer:
    """Writes line after line, keeping track of what each variable holds."""

    def __init__(self, cls: Class, comment: bool) -> None:
        self.cls = cls
        self.comment = comment
        self.lines: list[str] = []
        self.places_of_steps: list[range] = []
        self.saved: set[str] = set()
        self.needed_sizes: dict[str, None] = {}
        self.inputs = [value.name for value in cls.inputs]
        self.types = {value.name: value.type for value in cls.inputs}
        self.pending: dict[str, Node] = {}  # calls that are written where their values are read
        self.first: dict[str, tuple[slice, Node, str]] = {}  # where each variable first stands, its value, its comment
        self.newest = dict(self.first)  # the same of the line on which each last got a value
        self.untyped: set[str] = set()  # variables that are unpacked: no line can say their type
        self.last = _last_reads(cls)
        self.variables = Variables(self.inputs, self.last)
        self.reads = _count_reads(cls)
        self.places = {_name_of(step): index for index, step in enumerate(cls.steps)}
        self.constructed = {parameter.name for parameter in cls.parameters} | {name for name, _ in cls.let}
        self.tensors = {step.name for step in cls.steps if step.kind in ("parameter", "buffer")}
        self.axes = {
            node.name: (value.name, axis)
            for value in reversed(cls.inputs)
            for axis, node in reversed(list(enumerate(value.axes)))
            if isinstance(node, Name)
        }

        self.factors: dict[str, Node] = {}  # what the axis of such a name is times the name
        for value in cls.inputs:
            for axis, node in enumerate(value.axes):
                for name in names_in(node) - self.axes.keys() - self.constructed:
                    self.axes[name] = value.name, axis
                    self.factors[name] = _cofactor(node, name)
        self.called = {part.function for node in _expressions(cls) for part in node.walk() if isinstance(part, Call)}
        self.called &= NUMBERS.keys()  # by their bare names: a variable of such a name would hide the function
        self.read = forward_reads(cls)
        self.kept = kept_parameters(cls)
        self.saved |= self.kept
        self.bound: set[str] = set()  # sizes that steps have named so far
        self.room = WIDTH  # what a line has for a value

    def bind_sizes(self, step: Step) -> None:
        """The names that a step's `shape:` binds and that later lines read."""
        new = self.new_sizes(step)
        if not new or not isinstance(step.target, Name):
            return
        self.lines += self.naming(self.text(step.target), new, len(step.axes))
        self.bound |= set(new)

    def new_sizes(self, step: Step) -> dict[str, int]:
        """The names that a step binds and that a later line reads, with their axes."""
        names: dict[str, int] = {}
        for axis, node in enumerate(step.axes):
            for name in names_in(node) - {*self.axes, *self.constructed, *self.bound, *names}:
                names[name] = axis
                if not isinstance(node, Name):
                    self.factors[name] = _cofactor(node, name)
        return {name: axis for name, axis in names.items() if name in self.read}

    def naming(self, variable: str, names: Mapping[str, int], rank: int) -> Iterator[str]:
        """Lines that give names to sizes: `N, T, _ = x.shape`, `h = x.shape[2] // 16`."""
        plain = {axis: name for name, axis in names.items() if name not in self.factors}
        if len(plain) == 1:
            ((axis, name),) = plain.items()
            yield f"{name} = {variable}.shape[{axis}]"
        elif plain:
            yield f"{', '.join(plain.get(axis, '_') for axis in range(rank))} = {variable}.shape"
        for name, axis in names.items():
            if name in self.factors:
                size = Text(f"{variable}.shape[{axis}]")
                yield f"{name} = {Binary('//', size, self.rebuild(self.factors[name])).text}"

    # Lines.

    def step(self, index: int, step: Step) -> None:
        returned = self.last.get(_name_of(step)) == len(self.cls.steps)
        self.room = WIDTH - len(f"{BASE}{step.target.text}{': Tensor' if returned else ''} = ")
        if step.kind in ("parameter", "buffer"):
            return
        if step.kind == "call":
            if self.writes_inline(index, step):
                self.pending[step.name] = self.call_node(step)
                return
            self.call(index, step)
            return
        ((_, node),) = step.arguments
        if isinstance(step.target, Items) and all(name in self.variables for name in names_in(step.target)):
            return  # a loop has unpacked it
        if isinstance(node, Name) and isinstance(step.target, Name):
            # Another name for a value: no line at all.
            self.variables[step.target.name] = self.variables.get(node.name, node.name)
            if node.name in self.pending:
                self.pending[step.target.name] = self.pending.pop(node.name)
            return
        self.assign(index, step, self.rebuild(node))

    def call(self, index: int, step: Step) -> None:
        item = step.item
        if isinstance(item, Group) and item.listed:
            self.loop(index, step)
        else:
            self.assign(index, step, self.call_node(step))

    def call_node(self, step: Step) -> PythonCall:
        arguments = tuple((name, self.rebuild(node)) for name, node in step.arguments)
        return PythonCall(f"self.{step.module}", arguments)

    def loop(self, index: int, step: Step) -> None:
        """Repetitions that take more than one input: each passes its output on, the other inputs stay."""
        texts = [self.text(node) for _, node in step.arguments]
        count = len(step.output) if isinstance(step.output, tuple) and not isinstance(step.output, TensorType) else 1
        parts = self.unpacked(index, step, count)
        targets = parts or [self.new_variable(index, step, position) for position in range(count)]
        for target, text in zip(targets, texts, strict=False):
            if target != text:
                place = slice(len(self.lines), len(self.lines) + 1)
                if target not in self.untyped:
                    self.first.setdefault(target, (place, Text(text), ""))
                self.lines.append(f"{target} = {text}")
        names = [name for name, _ in step.arguments]
        passed = [*targets, *texts[count:]]
        arguments = ", ".join(f"{n}={t}" if n else t for n, t in zip(names, passed, strict=True))
        self.lines.append(f"for layer in self.{step.module}:")
        self.lines.append(f"    {', '.join(targets)} = layer({arguments})")
        if not parts:
            self.variables[_name_of(step)] = targets[0]

    def unpacked(self, index: int, step: Step, count: int) -> list[str]:
        """The variables of what a loop returns, where the next step unpacks it: those of its inputs, or new ones."""
        user = self.cls.steps[index + 1] if index + 1 < len(self.cls.steps) else None
        if count < 2 or user is None or not isinstance(user.target, Items) or user.arguments[0][1].text != step.name:
            return []
        found: list[str] = []
        for (_, node), part in zip(step.arguments, user.target.items, strict=False):
            held = self.variables.get(node.text)
            free = held is not None and held not in self.inputs and held not in found and self.dead(held, index)
            found.append(held if free and held is not None else self.fresh(part.text))
            self.variables[part.text] = found[-1]
        return found

    def assign(self, index: int, step: Step, value: Node) -> None:
        """A line that keeps a value in a variable: a new one, or the one of an input that nothing reads any more."""
        target = self.target(index, step)
        before = len(self.lines)
        comment = ""
        says = step.kind == "compute" and ".reshape(" in value.text  # its own shape, that is
        if self.comment and not says and step.output not in step.inputs[:1] and isinstance(step.output, TensorType):
            comment = shape_comment(step.output)
        self.lines += assignment(target, value, comment, lambda: self.fresh("value"))
        if isinstance(step.target, Name) and target not in self.inputs:
            self.newest[target] = (slice(before, len(self.lines)), value, comment)
            if target not in self.untyped:
                self.first.setdefault(target, self.newest[target])

    def target(self, index: int, step: Step) -> str:
        if isinstance(step.target, Name):
            name = self.new_variable(index, step)
            self.variables[step.target.name] = name
            return name
        for name in sorted(names_in(step.target)):
            self.variables[name] = self.fresh(name) if name in self.last else "_"
            self.untyped.add(self.variables[name])
        return self.text(step.target).removeprefix("(").removesuffix(")")

    def new_variable(self, index: int, step: Step, position: int = 0) -> str:
        """The variable for a step's value: that of an input which nothing reads any more, else a new one.

        A computation takes over only what it adds to, as in `x = x + self.attn(x)`; else it has the name that the spec
        gives it.
        """
        if step.kind == "compute" and not _updates(step.arguments[0][1]):
            name = _name_of(step) or "out"
            held = name in self.variables.held and name not in self.inputs and self.dead(name, index)
            return name if held else self.fresh(name)
        read = [node.name for _, node in step.arguments for node in node.walk() if isinstance(node, Name)]
        for name in read[position:]:
            variable = self.variables.get(name)
            if variable is not None and self.may_hold(variable, index, step):
                return variable
        main = "out" if "x" in self.inputs else "x"
        if step.kind == "call" and self.dead(main, index) and self.is_main(index, step):
            return main if main in self.variables.held else self.fresh(main)
        return self.fresh(_name_of(step) or "out")

    def may_hold(self, variable: str, index: int, step: Step) -> bool:
        """Whether a step's value may take the place of another one, which nothing reads any more.

        Of the inputs only `x` is a name for anything, and never for both tokens and numbers. What a call is made of
        keeps its name, but for the value on the main way.
        """
        if not self.dead(variable, index) or variable in self.tensors:
            return False
        if variable in self.inputs and (
            variable != "x" or holds_numbers(self.types.get(variable)) != holds_numbers(step.output)
        ):
            return False
        if step.kind == "compute":
            return True
        first = step.arguments[0][1]
        # A name for what several steps take stays with it, and is none for what is returned.
        whole = isinstance(first, Name) and self.variables.get(first.name) == variable
        returned = self.last.get(_name_of(step), -1) == len(self.cls.steps)
        several = self.variables.held[variable] > 1
        whole = whole and self.reads[first.text] == 1 and (several or not returned)
        return (whole or variable in ("out", "x")) and self.goes_on(index, step, at_once=True)

    def is_main(self, index: int, step: Step) -> bool:
        """Whether a call's value is all that a next call takes, or what is returned: then it is on the main way."""
        reader = self.last.get(_name_of(step), -1)
        if reader == len(self.cls.steps):
            return index == reader - 1 and self.cls.outputs is not None and self.cls.outputs.single
        following = self.cls.steps[reader]
        first = following.arguments[0][1] if following.kind == "call" else None
        return isinstance(first, Name) and first.name == _name_of(step) and self.goes_on(index, step)

    def goes_on(self, index: int, step: Step, *, at_once: bool = False) -> bool:
        """Whether a value is read on the next line, or after computations without it, and then no more.

        What meets another value there that was made of the same one keeps its name.
        """
        reader = self.last.get(_name_of(step), -1)
        if reader >= len(self.cls.steps):
            return index == reader - 1
        between = range(index + 1, reader)
        for place in between:
            other = self.cls.steps[place]
            read = {one for _, node in other.arguments for one in names_in(node)}
            passes = not at_once and other.kind != "call" and _name_of(step) not in read
            if not passes and not (other.kind == "call" and self.writes_inline(place, other)):
                return False
        user = {one for _, node in self.cls.steps[reader].arguments for one in names_in(node)}
        sources = {one for _, node in step.arguments for one in names_in(node)}
        made = [self.cls.steps[place] for name in user if (place := self.places.get(name, index)) < index]
        beside = [other for other in made if other.kind == "call"]
        return not any(sources & names_in(node) for other in beside for _, node in other.arguments)

    def dead(self, variable: str, index: int) -> bool:
        """Whether nothing reads a variable after a step."""
        return self.variables.until.get(variable, -1) <= index

    def fresh(self, name: str) -> str:
        """A variable's name that is not in use."""
        taken = (self.variables.held, _TAKEN, self.axes, self.bound, self.constructed, self.called)
        candidate, number = name, 2
        while any(candidate in names for names in taken):
            candidate, number = f"{name}_{number}", number + 1
        return candidate

    def writes_inline(self, index: int, step: Step) -> bool:
        """Whether a module's call is written where its value is read: `x + self.attn(self.ln_1(x))`.

        It has to be read once, and nothing else may run in between.
        """
        if (isinstance(step.item, Group) and step.item.listed) or self.new_sizes(step):
            return False
        name = _name_of(step)
        reader = self.last.get(name, -1)
        if not index < reader < len(self.cls.steps) or self.reads[name] != 1:
            return False
        user, between = self.cls.steps[reader], range(index + 1, reader)
        if not between and isinstance(user.target, Items) and user.arguments[0][1].text == name:
            return True  # `out, state = self.lstm(x)`
        if _length(step) >= 48:
            return False
        if not all(self.cls.steps[i].kind == "call" and self.writes_inline(i, self.cls.steps[i]) for i in between):
            return False
        if user.kind == "call":
            plain = all(isinstance(node, Name) for _, node in user.arguments) and user.arguments[0][1].text == name
            end = self.last.get(_name_of(user), -1)  # which begins anew with what this call takes: x + f(g(x))
            again = end < len(self.cls.steps) and _read(step) & _read(self.cls.steps[end])
            short = _length(step) + _length(user) - len(name) < 64
            return plain and bool(again) and short and self.writes_inline(reader, user)
        ((_, node),) = user.arguments
        if isinstance(user.target, Items):
            return not between and isinstance(node, Call) and _length(step) + len(node.text) < 64
        sources = {one for _, argument in step.arguments for one in names_in(argument)}
        return isinstance(node, Binary) and (not between or bool(sources & names_in(node)))

    # What stands around the lines.

    def sizes(self) -> list[str]:
        """Names of sizes, read from the inputs."""
        lines: list[str] = []
        for value in self.cls.inputs:
            needed = {name: self.axes[name][1] for name in self.needed_sizes if self.axes[name][0] == value.name}
            lines += self.naming(value.name, needed, value.type.rank)
        return lines

    def result(self) -> list[str]:
        outputs = self.cls.outputs
        assert outputs is not None
        texts = [self.text(node) for node in outputs.values]
        if outputs.names:
            values = [Expression(f"{name}={text}") for name, text in zip(outputs.names, texts, strict=True)]
            lines = Expression(f"return {self.cls.name}Output", values).lines(BASE)
            return [line[len(BASE) :] for line in lines]
        if outputs.single and texts[0] not in self.inputs:
            return self.typed_result(texts[0], _annotation(self.cls.output))
        return [f"return {', '.join(texts)}"] if len(texts) > 1 or outputs.single else [f"return ({texts[0]},)"]

    def typed_result(self, text: str, kind: str) -> list[str]:
        """What a module returns has any type: the variable that is returned says its own."""
        if text not in self.first:
            name = self.fresh("output")
            lines, value, comment = self.newest.get(text, (slice(0, 0), Text(text), ""))
            if lines.stop != len(self.lines):
                return [f"{name}: {kind} = {text}", f"return {name}"]
            self.rewrite(lines, assignment(f"{name}: {kind}", value, comment, lambda: self.fresh("value")))
            return [f"return {name}"]
        lines, value, comment = self.first[text]
        self.rewrite(lines, assignment(f"{text}: {kind}", value, comment, lambda: self.fresh("value")))
        return [f"return {text}"]

    def rewrite(self, lines: slice, written: list[str]) -> None:
        """Puts other lines in the place of some, and moves the places of the steps below."""
        grown = len(written) - (lines.stop - lines.start)
        self.lines[lines] = written
        self.places_of_steps = [
            range(place.start + grown * (place.start >= lines.stop), place.stop + grown * (place.stop >= lines.stop))
            for place in self.places_of_steps
        ]

    # Expressions.

    def text(self, node: Node, outer: int = 0) -> str:
        """An expression as Python, with values as variables, parameters from `self`, functions by their full names."""
        return self.rebuild(node).within(outer)

    def rebuild(self, node: Node) -> Node:
        match node:
            case Name():
                return self.name(node)
            case Unary():
                return Unary(node.operator, self.rebuild(node.operand))
            case Binary():
                return Binary(node.operator, self.rebuild(node.left), self.rebuild(node.right))
            case Compare():
                return Compare(node.operators, tuple(map(self.rebuild, node.operands)))
            case Logic():
                return Logic(node.operator, tuple(map(self.rebuild, node.operands)))
            case Conditional():
                return Conditional(self.rebuild(node.condition), self.rebuild(node.then), self.rebuild(node.otherwise))
            case Index():
                return Index(self.rebuild(node.value), self.rebuild(node.index))
            case Slice():
                parts = (node.start, node.stop, node.step)
                return Slice(*(None if part is None else self.rebuild(part) for part in parts))
            case Items():
                return Items(tuple(map(self.rebuild, node.items)))
            case Call():
                return self.function(node)
        return node

    def name(self, node: Name) -> Node:
        name = node.name
        if name in self.pending:
            return self.pending.pop(name)
        if name in self.variables:
            return Name(self.variables[name])
        if name == "training":
            return Text("self.training")
        if name in self.tensors:
            return Text(f"self.{name}")
        if name in self.axes and name not in self.kept:
            self.needed_sizes[name] = None
            return Name(name)
        if name in self.constructed:
            self.saved.add(name)
            return Text(f"self.{name}")
        return node

    def is_word(self, node: Node) -> TypeGuard[Name]:
        """Whether a name is none that is declared, but a word that stands for itself."""
        if not isinstance(node, Name) or node.name == "training":
            return False
        declared = (self.pending, self.variables, self.tensors, self.axes, self.constructed, self.bound)
        return not any(node.name in names for names in declared)

    def function(self, node: Call) -> Node:
        arguments = tuple(map(self.rebuild, node.arguments))
        keywords = tuple(
            (name, _word(name, value.name) if self.is_word(value) else self.rebuild(value))
            for name, value in node.keywords
        )
        from archspec.functions import FUNCTIONS  # here: it is large, and many specs compute nothing

        function = FUNCTIONS.get(node.function)
        if function is None or not self.is_tensor(node):
            return Call(node.function, arguments, keywords)
        inside: list[tuple[str | None, Node]] = [(None, argument) for argument in arguments]
        inside += [
            (name, _word(name, value.value) if isinstance(value, Literal) else value) for name, value in keywords
        ]
        if function.family == "creation" and not function.name.endswith("_like") and self.inputs:
            inside.append(("device", Text(self.device())))
        return self.method(function.name, inside) or PythonCall(function.python, tuple(inside))

    def method(self, name: str, arguments: list[tuple[str | None, Node]]) -> PythonCall | None:
        """A function as people call it: `q.reshape(B, T, C).transpose(1, 2)`; None where it is no such function.

        How a formatter breaks a chain of methods depends on much; what does not fit on a line is no chain.
        """
        if name not in METHODS or not arguments or arguments[0][0] is not None:
            return None
        (_, tensor), *rest = arguments
        if name in _UNPACKING and len(rest) == 1 and rest[0][0] is None and isinstance(rest[0][1], Items):
            rest = [(None, item) for item in rest[0][1].items]
        call = PythonCall(f"{tensor.within(PRIMARY)}.{name}", tuple(rest))
        chained = isinstance(tensor, PythonCall) or len(call.head) > 40
        return None if chained and len(call.text) > self.room else call

    def is_tensor(self, node: Call) -> bool:
        if node.function not in NUMBERS:
            return True
        values = (self.variables, self.tensors, self.pending)
        return any(
            (isinstance(part, Name) and any(part.name in names for names in values))
            or (isinstance(part, Call) and part.function not in NUMBERS)
            for part in node.walk()
        )

    def device(self) -> str:
        """The device of the inputs."""
        return f"{self.variables[self.inputs[0]]}.device"


def write_tensor(node: Node) -> str:
    """The expression of a tensor that a constructor makes."""
    return _Writer(_NOTHING, False).text(node)


_NOTHING = Class("", "", (), (), (), None, outputs=Outputs(()))


def _annotation(flow: Flow | None) -> str:
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return f"tuple[{', '.join(map(_annotation, flow))}]"
    return "Tensor"


def _word(name: str, value: Any) -> Node:
    """A literal as an argument: a dtype goes by its name in torch."""
    return Text(f"torch.{value}") if name == "dtype" and isinstance(value, str) else Literal(value)


def _updates(node: Node) -> bool:
    """Whether an expression adds something to a value."""
    return isinstance(node, Binary) and node.operator in ("+", "-") and isinstance(node.left, Name)


def holds_numbers(flow: Flow | None) -> bool:
    """Whether a value is one of floating-point numbers, as far as is known."""
    return not isinstance(flow, TensorType) or flow.dtype.startswith(("float", "bfloat", "complex"))


def _length(step: Step) -> int:
    """About how long the call of a module is."""
    return len(f"self.{step.module}()") + sum(len(node.text) for _, node in step.arguments)


def _name_of(step: Step) -> str:
    return step.target.name if isinstance(step.target, Name) else ""


def _read(step: Step) -> set[str]:
    """The values that a step reads."""
    return {name for _, node in step.arguments for name in names_in(node)}


class Variables(dict[str, str]):
    """The variable of each value; how many values each variable `held`, and `until` which step they are read."""

    def __init__(self, inputs: Iterable[str], last: Mapping[str, int]) -> None:
        super().__init__()
        self.last = last
        self.held: Counter[str] = Counter()
        self.until: dict[str, int] = {}
        for name in inputs:
            self[name] = name

    def __setitem__(self, value: str, variable: str) -> None:
        if value in self:
            self.held -= Counter((self[value],))
        super().__setitem__(value, variable)
        self.held[variable] += 1
        self.until[variable] = max(self.until.get(variable, -1), self.last.get(value, -1))


def _cofactor(node: Node, name: str) -> Node:
    """What is multiplied with a name in a product."""
    assert isinstance(node, Binary), f"{node.text} is no multiple of {name}"
    inner, other = (node.left, node.right) if name in names_in(node.left) else (node.right, node.left)
    return other if isinstance(inner, Name) else Binary("*", _cofactor(inner, name), other)


def _expressions(cls: Class) -> list[Node]:
    """What the forward method reads."""
    nodes = [node for step in cls.steps for _, node in step.arguments]
    return nodes + list(cls.outputs.values if cls.outputs is not None else ())


def _count_reads(cls: Class) -> Counter[str]:
    """How often each value is read."""
    return Counter(part.name for node in _expressions(cls) for part in node.walk() if isinstance(part, Name))


def _last_reads(cls: Class) -> Mapping[str, int]:
    """The last step that reads each value; those that are returned are read at the end."""
    last: dict[str, int] = {}
    for index, step in enumerate(cls.steps):
        last |= {name: index for _, node in step.arguments for name in names_in(node)}
    for node in cls.outputs.values if cls.outputs is not None else ():
        last |= dict.fromkeys(names_in(node), len(cls.steps))
    return last


def shape_comment(flow: Flow | None) -> str:
    """A shape as a comment, where it is short enough to teach something."""
    text = flow_text(flow)
    return "" if "?" in text or len(text) > 48 else text
