"""The lines of a forward method, printed from its plan.

Both back ends print the same lines: the builder compiles them, the generator writes them down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from archspec.document import MODULE_ATTRIBUTES
from archspec.emit.annotations import flow_annotation
from archspec.emit.nested import Within, loop_head, within_rounds
from archspec.emit.remarks import NOTHING, Remark
from archspec.emit.shapes import shape_comment, step_reshapes
from archspec.emit.statement import BASE, Comprehension, PythonCall, PythonList, Text, relative, statement
from archspec.emit.text import INDENT, WIDTH, Expression, member
from archspec.emit.translation import Sizes, Translation, naming, solving
from archspec.emit.values import parts_of
from archspec.emit.variables import Assignment, RoundsPlan, plan_forward
from archspec.expressions import FUNCTIONS as NUMBERS
from archspec.expressions import Conditional, FunctionCall, Items, Name, Node
from archspec.graph import Class, Flow, Group, Step, body_of, is_spread, names_in, standing
from archspec.lower.headers import header_of, rounds_of, runs_one
from archspec.lower.names import condition_of, constructor_reads, forward_reads


@dataclass(frozen=True, slots=True)
class Forward:
    """A forward method: its lines without indentation, and what it reads from `self`."""

    lines: tuple[str, ...]
    saved: tuple[tuple[str, str], ...]
    """The attributes that hold parameters, each with the parameter's name."""
    steps: tuple[range, ...] = ()
    """Which lines each step has; none where its module is called within another's line."""
    arguments: tuple[str, ...] = ()
    """What the method calls its inputs."""

    @property
    def first(self) -> int:
        """The first line that is a statement."""
        return next((place for place, line in enumerate(self.lines) if line and not line.startswith("#")), 0)


@dataclass(frozen=True, slots=True)
class Comments:
    """What comments are made of: the remarks of the steps, and the names that mean nothing in a shape."""

    remarks: tuple[Remark, ...]
    hidden: Collection[str]


def write_forward(cls: Class, comments: Comments | None = None) -> Forward:
    """The forward method of a class that is no nn.Sequential, perhaps with comments."""
    return _Writer(cls, comments).write()


def _part(before: int, behind: int) -> str:
    """The slice of a list without so many items at its ends."""
    return f"[{before or ''}:{-behind or ''}]" if before or behind else ""


_SAYING = (".reshape", ".view", ".expand", ".arange", ".zeros", ".ones", ".full", ".rand", ".randn", ".eye")
"""Functions whose arguments are the shape of what they return."""


def kept_parameters(cls: Class) -> set[str]:
    """The parameters that the constructor has no use for: the module keeps them, as all of them are arguments."""
    used, read = constructor_reads(cls), forward_reads(cls)
    for name, node in reversed(cls.let):
        used |= names_in(node) if name in used | read else set()
    return {parameter.name for parameter in cls.parameters if not parameter.inferred} - used


class _Writer:
    """Writes the lines of a plan."""

    def __init__(self, cls: Class, comments: Comments | None, within: Within | None = None, base: str = BASE) -> None:
        self.cls = cls
        self.within = within
        self.base = base
        """How deep the lines stand."""
        self.comments = comments
        self.remarks = comments.remarks if comments is not None else (NOTHING,) * len(cls.steps)
        self.lines: list[str] = []
        sizes = Sizes(cls)
        parted = {index for index, one in enumerate(self.remarks) if one.parted or self.said(index)}
        taken = _taken(cls, sizes) if within is None else _taken(cls, sizes) | within.taken
        self.plan = plan_forward(cls, taken, parted, within.arguments if within is not None else None)
        self.kept = kept_parameters(cls)
        self.attributes = _attributes(cls, sizes.declared)
        self.translation = Translation(sizes, self.plan, self.attributes, self.kept)
        if within is not None:
            self.translation.modules = within.modules
            self.translation.around = lambda name: within.name(name, self.cls, sizes)

    def write(self) -> Forward:
        read = forward_reads(self.cls)
        lines: dict[int, list[Assignment | RoundsPlan]] = {}
        for line in self.plan.lines:
            lines.setdefault(line.step, []).append(line)
        steps = []
        for index, step in enumerate(self.cls.steps):
            if index in lines:
                self.remark(index)
            before = len(self.lines)
            for line in lines.get(index, ()):
                self.line(line, step)
            self.bind_sizes(index, step, read)
            steps.append(range(before, len(self.lines)))
        for index, root in enumerate(self.plan.root):
            steps[index] = steps[root] if self.cls.steps[index].kind == "compute" else steps[index]
        result = self.result()
        sizes = self.sizes()
        moved = tuple(range(len(sizes) + place.start, len(sizes) + place.stop) for place in steps)
        names = sorted(self.translation.read_parameters | self.kept)
        saved = tuple((self.attributes.get(name, name), name) for name in names)
        return Forward((*sizes, *self.lines, *result), saved, moved, self.plan.arguments)

    # Comments.

    def said(self, index: int) -> tuple[str, ...]:
        """The comments of a step that stand in the forward method: those of a module stand where it is made."""
        step, remark = self.cls.steps[index], self.remarks[index]
        runs = step.kind == "compute" or (step.kind == "call" and step.item is None)
        return remark.lines if runs or remark.heads else ()

    def remark(self, index: int) -> None:
        """A blank line and comments above the line of a step, which may have others within it."""
        first = self.plan.root.index(index)
        self.lines += [""] if self.remarks[first].parted and self.lines else []
        self.lines += [f"# {line}" for line in self.said(first)]

    # Lines.

    def line(self, line: Assignment | RoundsPlan, step: Step) -> None:
        if isinstance(line, RoundsPlan):
            self.rounds(line, step)
            return
        if is_spread(step.item):
            self.side_by_side(line, step)
            return
        returns = line.step == self.plan.returned
        head = self.returning() if returns else f"{line.target} = "
        self.translation.room = WIDTH - len(f"{self.base}{head}")
        value = self.translation.step(line.step) if line.part is None else Name(line.part.variable)
        if step.kind == "call" and not any(one.readers for one in self.plan.values.named[line.step].values()):
            self.write_statement("" if isinstance(value, PythonCall) else "_ = ", value)  # it runs, and nobody reads it
            return
        self.write_statement(head, value, "" if returns else self.shape(line.step, value))

    def write_statement(self, head: str, value: Node, comment: str = "") -> None:
        indent = self.base[len(BASE) :]
        lines = statement(head, value, comment, lambda: self.plan.names.fresh("value"), indent)
        self.lines += [line[len(indent) :] for line in lines]

    def shape(self, index: int, value: Node) -> str:
        """The shape of a line's value as a comment, where the line changes it and does not say so itself."""
        says = isinstance(value, PythonCall) and value.head.endswith(_SAYING)
        if self.comments is None or says:
            return ""
        steps = self.cls.steps
        here = (one for place, one in enumerate(steps[: index + 1]) if self.plan.root[place] == index)
        return shape_comment(steps[index].output, self.comments.hidden) if any(map(step_reshapes, here)) else ""

    def rounds(self, line: RoundsPlan, step: Step) -> None:
        """Repetitions that take more than one input: each hands its output on, the other inputs stay."""
        values = self.plan.values.read[line.step]
        nodes = [self.translation.node(node, values) for _, node in step.arguments]
        kept = {place: variable for variable, place in line.kept}
        self.begin(line, nodes)
        for place, variable in kept.items():
            self.write_statement(f"{variable} = ", nodes[place])
        names = [name for name, _ in step.arguments]
        handed = line.packed or len(line.begin)
        arguments = self.handed(line, names[:handed])
        for place in range(handed, len(nodes)):
            node = Name(kept[place]) if place in kept else nodes[place]
            arguments.append(Expression(f"{names[place]}={node.within()}" if names[place] else node.within()))
        if line.collected:
            self.lines.append(f"{line.collected}: {flow_annotation(self.collected(step))} = []")
        condition = condition_of(step)
        guarded = condition is not None and runs_one(step)  # an nn.Identity takes no more than one value
        inside = INDENT * (1 + guarded)
        if is_spread(step.item):
            handed_on = [f"{line.begin[0]}[{place}]" for place in range(line.packed)] or line.begin
            given: list[Node] = [Text(text) for text in handed_on]
            given += [Name(kept[place]) if place in kept else nodes[place] for place in range(handed, len(nodes))]
            self.written(line.step, step, given, (*line.begin, *line.items))
        else:
            if guarded and condition is not None:
                self.lines.append(f"if {self.translation.node(condition, {}).text}:")
            self.lines.append(f"{inside[len(INDENT) :]}for {self.translation.header(line.step)}:")
            results = line.whole or ", ".join((*line.begin, *line.items))
            call = Expression(f"{results} = {self.translation.runs(step)}", arguments)
            self.lines += [one[len(self.base) :] for one in call.lines(self.base + inside)]
        if line.whole:
            self.lines += [f"{inside}{line.collected}.append({line.whole})"] if line.collected else []
            self.lines.append(f"{inside}{', '.join((*line.begin, *line.items))} = {line.whole}")
        elif line.collected:
            items = line.items or line.begin
            item = items[0] if len(items) == 1 else f"({', '.join(items)})"
            self.lines.append(f"{inside}{line.collected}.append({item})")
        if condition is not None and (not guarded or len(line.begin) > 1 or line.packed):
            value = Conditional(self.translation.node(condition, {}), Name(line.begin[0]), nodes[0])
            self.write_statement(f"{line.begin[0]} = ", value)

    def returning(self) -> str:
        """What stands before the value that the last line makes."""
        return "return " if self.within is None else f"{', '.join(self.within.targets)} = "

    def side_by_side(self, line: Assignment, step: Step) -> None:
        """Rounds side by side whose modules stand in lists of the class: a list of what each returns."""
        returns = line.step == self.plan.returned
        values = self.plan.values.read[line.step]
        item = self.plan.names.fresh("item")
        given = [self.translation.node(node, values) for _, node in step.arguments]
        header, lines = self.round(line.step, step, given, (item,))
        if len(lines) == 1 and lines[0].startswith(f"{item} = "):
            value = Comprehension(Text(lines[0].removeprefix(f"{item} = ")), f"for {header}")
            self.write_statement(self.returning() if returns else f"{line.target} = ", value)
            return
        target = self.plan.names.fresh("values") if returns else line.target
        self.lines.append(f"{target}: {flow_annotation(step.output)} = []")
        self.lines += loop_head(header)
        self.lines += [f"{INDENT}{one}" if one else "" for one in (*lines, f"{target}.append({item})")]
        self.lines += [f"{self.returning()}{target}"] if returns else []

    def written(self, index: int, step: Step, given: Sequence[Node], targets: tuple[str, ...]) -> None:
        """A loop with the lines of its rounds, whose modules stand in lists of the class."""
        header, lines = self.round(index, step, given, targets)
        self.lines += loop_head(header)
        self.lines += [f"{INDENT}{line}" if line else "" for line in lines]

    def round(
        self, index: int, step: Step, given: Sequence[Node], targets: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...]]:
        """What a loop runs over, and the lines of its rounds."""
        assert isinstance(step.item, Group)
        within, lists, before = within_rounds(step, given, targets, self.plan.names, self.translation)
        lines = _Writer(body_of(step.item), None, within, self.base + INDENT).write().lines
        between = {name: (before, behind) for name, before, behind in step.item.between}
        modules = [(name, f"{member(around)}{_part(*between.get(around, (0, 0)))}") for around, name in lists.items()]
        header = self.translation.header(index, modules)
        return header, (*before, *lines)

    def collected(self, step: Step) -> Flow | None:
        """The type of the list that a loop collects."""
        return parts_of(step.output, 2)[1]

    def handed(self, line: RoundsPlan, names: list[str | None]) -> list[Expression]:
        """What a round takes from the one before."""
        if line.packed and not any(names):
            return [Expression(f"*{line.begin[0]}")]
        texts = [f"{line.begin[0]}[{place}]" for place in range(line.packed)] if line.packed else line.begin
        return [Expression(f"{name}={text}" if name else text) for name, text in zip(names, texts, strict=True)]

    def begin(self, line: RoundsPlan, nodes: list[Node]) -> None:
        """The variables of a loop get their first values, unless they hold them already."""
        if line.packed:
            self.write_statement(f"{line.begin[0]} = ", Items(tuple(nodes[: line.packed])))
        elif line.together:
            texts = ", ".join(node.within() for node in nodes[: len(line.begin)])
            self.lines.append(f"{', '.join(line.begin)} = {texts}")
        else:
            for variable, node in zip(line.begin, nodes, strict=False):
                if node.text != variable:
                    self.write_statement(f"{variable} = ", node)

    # Sizes.

    def bind_sizes(self, index: int, step: Step, read: set[str]) -> None:
        """The names that a step's `shape:` binds and that later lines read."""
        new = self.translation.sizes.bind(step, read)
        if new and isinstance(step.target, Name):
            variable = self.plan.values.named[index][step.target.name].variable
            self.lines += naming(variable, new, len(step.axes), self.translation)
            solved = [name for name in self.translation.sizes.solved if name in new]
            self.lines += [solving(name, variable, new[name], self.translation) for name in solved]

    def sizes(self) -> list[str]:
        """Names of sizes, read from the inputs."""
        lines: list[str] = []
        sizes, variables = self.translation.sizes, self.plan.arguments
        read = [name for name in sizes.needed(self.translation.read_sizes) if name in sizes.axes]
        for place, (value, variable) in enumerate(zip(self.cls.inputs, variables, strict=True)):
            needed = {name: sizes.axes[name][1] for name in read if sizes.axes[name][0] == place}
            one = f"{variable}[0]" if value.listed else variable
            lines += naming(one, needed, len(value.axes), self.translation)
        for name in (name for name in sizes.solved if name in read):
            place, axis = sizes.axes[name]
            lines.append(solving(name, variables[place], axis, self.translation))
        return lines

    # What is returned.

    def result(self) -> list[str]:
        outputs = self.cls.outputs
        assert outputs is not None
        if self.plan.returned is not None:
            return []
        nodes = [self.translation.node(node, self.plan.values.read[-1]) for node in outputs.values]
        if self.within is not None:
            value = nodes[0] if outputs.single else Items(tuple(nodes))
            several = isinstance(value, Items) and not isinstance(value, PythonList) and len(self.within.targets) > 1
            text = value.text[1:-1] if several else value.text
            head = ", ".join(self.within.targets)
            if text != head:
                self.write_statement(f"{head} = ", Text(text))
            return []
        if outputs.names:
            pairs = zip(outputs.names, nodes, strict=True)
            values = [Expression(f"{name}={node.within()}") for name, node in pairs]
            return relative(Expression(f"return {self.cls.name}Output", values))
        if not outputs.single:
            texts = [node.within() for node in nodes]
            return [f"return {', '.join(texts)}" if len(texts) > 1 else f"return ({texts[0]},)"]
        if isinstance(nodes[0], Items) and len(nodes[0].items) > 1 and not isinstance(nodes[0], PythonList):
            return [f"return {nodes[0].text[1:-1]}"]
        return statement("return ", nodes[0], "", lambda: self.plan.names.fresh("value"))


def _taken(cls: Class, sizes: Sizes) -> set[str]:
    """Names that no variable of a forward method may have."""
    called = {part.function for node in _expressions(cls) for part in node.walk() if isinstance(part, FunctionCall)}
    axes = {name for step in cls.steps for node in step.axes for name in names_in(node)}
    bound = {name for step in cls.steps if (rounds := rounds_of(step)) is not None for name in names_in(rounds.target)}
    return {*sizes.axes, *sizes.declared, *axes, *bound, *(called & NUMBERS.keys()), f"{cls.name}Output"}


def _attributes(cls: Class, parameters: set[str]) -> dict[str, str]:
    """Other names for the parameters that the module cannot keep under their own: something else has them."""
    made = {place[0] for place, _ in standing(cls.written())} | {step.attribute for step in cls.written()}
    taken = MODULE_ATTRIBUTES | made | {export.name for export in cls.exports}
    found: dict[str, str] = {}
    for name in sorted(parameters & taken):
        candidates = (f"{name}_{number}" for number in range(2, 10_000))
        found[name] = next(one for one in candidates if one not in taken | parameters)
    return found


def _expressions(cls: Class) -> list[Node]:
    """What the forward method reads."""
    nodes = [node for step in cls.steps for _, node in step.arguments]
    nodes += [node for step in cls.steps if (header := header_of(step)) is not None for node in header.lists]
    return nodes + list(cls.outputs.values if cls.outputs is not None else ())
