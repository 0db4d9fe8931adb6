"""Graph -> Drawing: what becomes a box, what flows between boxes, and what is told apart no further.

An nn.Identity is no box, and neither is another name for a value: what flows passes by. A group or a block that holds
nothing but one box is drawn as that. Equal repetitions are one box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from archspec import dimensions
from archspec.dimensions import Size, Unknown
from archspec.expressions import Items, Name, Node
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Item, Loop, Step, names_in
from archspec.layers import Layer
from archspec.problems import Span
from archspec.views.diagram import operations
from archspec.views.diagram.facts import Formulas, arguments, family_of, operation_family, settings, type_text
from archspec.views.diagram.folding import RepeatedBoxes, runs
from archspec.views.diagram.model import Box, Drawing, DrawnStep, Edge, Family, Kind, Scene
from archspec.views.diagram.stacks import labelled, stacked
from archspec.views.summary import summarize


@dataclass(frozen=True, slots=True)
class _Value:
    """What flows: the box that it comes from, its type, and which output of that box it is; None for all at once."""

    box: str
    flow: Flow | None
    outlet: int | None = 0


_Given: TypeAlias = Mapping[int, _Value]
"""What flows into a module, by the number of the input."""


def draw(graph: Graph, formulas: Formulas) -> Drawing:
    """The drawing of a network whose parameters are bound (`lower` without `symbolic`)."""
    counts = {row.path: row.parameters for row in summarize(graph).rows if not row.is_group}
    scene = _SceneReader(formulas, counts).of_class(graph.main, "")
    return Drawing(graph.main.name, graph.main.doc, _parameters(scene), scene)


def _parameters(scene: Scene) -> Size:
    return sum((row.parameters for box in scene.boxes for row in box.rows), start=0)


class _Level:
    """One scene in the making."""

    def __init__(self, owner: str, prefix: str, ports: str | None = None) -> None:
        self.owner = owner
        self.prefix = prefix
        self.ports = prefix if ports is None else ports
        """What stands before the paths of its inputs and outputs, where steps around it have the same prefix."""
        self.boxes: dict[str, Box] = {}
        self.edges: list[Edge] = []

    def path(self, name: str) -> str:
        """The path of a box of that name; no other has it."""
        return self.free(f"{self.prefix}{name}")

    def free(self, path: str) -> str:
        """The path, or one like it that no box has."""
        candidate, number = path, 2
        while candidate in self.boxes:
            candidate, number = f"{path}:{number}", number + 1
        return candidate

    def add(self, box: Box, given: _Given) -> None:
        """A box, and the edges that lead to it."""
        self.boxes[box.path] = box
        for inlet, value in given.items():
            inside = self.boxes[value.box].inside
            every = range(len(inside.outputs())) if inside is not None else range(1)
            for outlet in every if value.outlet is None else (value.outlet,):
                self.edges.append(Edge(value.box, box.path, type_text(value.flow), "", outlet, inlet))

    def port(self, name: str, kind: Kind, flow: Flow | None, span: Span) -> _Value:
        """A box that stands for what flows in or out."""
        path = self.free(f"{self.ports}{'in' if kind == 'input' else 'out'}:{name}")
        row = DrawnStep(path, name, kind, "terminal", name, "", (), type_text(flow), 0, (), span, self.owner, name, "")
        self.boxes[path] = Box((row,))
        return _Value(path, flow)

    def leave(self, name: str, value: _Value, span: Span) -> None:
        """What flows out."""
        port = self.port(name, "output", value.flow, span)
        self.add(self.boxes[port.box], {0: value})

    def scene(self) -> Scene:
        within = bool(self.ports)
        return _without_frame(stacked(Scene(tuple(self.boxes.values()), tuple(self.edges)), within=within), within)


class _SceneReader:
    def __init__(self, formulas: Formulas, counts: Mapping[str, Size]) -> None:
        self.formulas = formulas
        self.counts = counts
        """Learnable numbers by path, those that are another's left out."""

    def of_class(self, cls: Class, prefix: str) -> Scene:
        """The drawing of a class."""
        level = _Level(cls.name, prefix)
        values = {value.name: level.port(value.name, "input", value.type, value.span) for value in cls.inputs}
        if cls.outputs is None:
            (first, *_) = cls.inputs
            level.leave("output", self.chain(level, cls.items, {0: values[first.name]}, ""), first.span)
            return level.scene()
        for step in cls.written():
            if cls.runs(step):
                self.step(level, step, values)
            elif step.item is not None:
                self.module(level, step.item, step.name, {}, step.name, 1, step.span)
        texts = [node.text for node in cls.outputs.values]
        names = cls.outputs.names or (["output"] if cls.outputs.single else texts)
        for name, node in zip(names, cls.outputs.values, strict=True):
            value = self.value(level, cls.steps[-1], node, f"{name}:value", values, cls.output)
            if value is not None:
                level.leave(name, value, cls.steps[-1].span)
        return level.scene()

    def of_items(self, level: _Level, items: Sequence[Item], flows: Sequence[Flow | None], step: str) -> Scene:
        """The drawing of a group. The first input flows through it, the others go to each item."""
        names = ["x", *(f"input {number}" for number in range(2, len(flows) + 1))]
        span = items[0].span
        ports = {at: level.port(names[at], "input", flow, span) for at, flow in enumerate(flows)}
        level.leave("output", self.chain(level, items, ports, step), span)
        return level.scene()

    def side_by_side(self, level: _Level, group: Group, step: str) -> Scene:
        """The drawing of rounds that stand side by side: all take what flows in, and one list takes what they give."""
        names = ["x", *(f"input {number}" for number in range(2, len(group.inputs) + 1))]
        ports = {at: level.port(names[at], "input", flow, group.span) for at, flow in enumerate(group.inputs)}
        gathered, number = [], 0
        for run in runs(group.items):
            gathered.append(self.run(level, run, number, ports, step))
            number += len(run.items) * run.times
        output = level.port("output", "output", group.output, group.span)
        for value in gathered:
            level.add(level.boxes[output.box], {0: value})
        return level.scene()

    def chain(self, level: _Level, items: Sequence[Item], given: _Given, step: str) -> _Value:
        """One item after the other; what the last one gives."""
        flowing, number = given[0], 0
        for run in runs(items):
            flowing = self.run(level, run, number, {**given, 0: flowing}, step)
            number += len(run.items) * run.times
        return flowing

    def run(self, level: _Level, run: RepeatedBoxes, number: int, given: _Given, step: str) -> _Value:
        """Equal repetitions, which begin with the item of that number."""
        first, last = run.items[0], run.items[-1]
        name = _name(first, number)
        if len(run.items) == 1:
            return self.module(level, first, name, given, step or name, run.times)
        name = f"{name}-{_name(last, number + len(run.items) - 1)}"
        step = step or name
        below = _Level(level.owner, level.prefix, f"{level.path(name)}.")
        inside = self.of_items(below, run.items, first.inputs, step)
        row = self.row(level, name, "block", "block", "repeated", first, step)
        row = replace(row, gives=type_text(last.output), parameters=_parameters(inside) * run.times, type_name="")
        level.add(Box((row,), run.times, inside), given)
        return _Value(row.path, last.output)

    # Steps.

    def step(self, level: _Level, step: Step, values: dict[str, _Value]) -> None:
        """What a step adds to the drawing, and to the values that later ones may read."""
        if step.kind in ("parameter", "buffer", "weight"):
            row = self.operation(level, step, step.name, step.kind.capitalize(), "tensor", "tensor", ())
            level.add(Box((replace(row, parameters=self.counts.get(row.path, 0)),)), {})
            values[step.name] = _Value(row.path, step.output)
        elif step.kind == "compute":
            ((_, node),) = step.arguments
            value = self.value(level, step, node, step.target.text, values, step.output)
            if value is not None:
                _bind(step.target, replace(value, flow=step.output), values)
        else:
            item = step.item or step.again
            assert item is not None, "a call has a module"
            given = {}
            for at, (keyword, node) in enumerate(step.arguments):
                flow = step.inputs[at] if at < len(step.inputs) else None
                value = _of_rounds(item, node, values)
                if value is None and (isinstance(node, Name) or operations.makes_tensor(node, values)):
                    value = self.value(level, step, node, f"{step.name}:{at + 1}", values, flow)
                if value is not None:
                    given[_inlet(item, at, keyword)] = value
            values[step.name] = self.call(level, step, item, given)

    def call(self, level: _Level, step: Step, item: Item, given: _Given) -> _Value:
        """The module of a step; or, once more, one that was there before."""
        if step.again is None:
            named = step.module is not None and isinstance(step.target, Name)
            name = str(step.module) if named else step.name  # as the state_dict has it
            return self.module(level, item, name, given, step.name, 1, step.span)
        family = family_of(item.layer) if isinstance(item, Call) and isinstance(item.layer, Layer) else "block"
        row = self.row(level, step.name, "layer", family, _type_name(item), item, step.name)
        shared = ("weights", f"those of {step.module}")
        row = replace(row, parameters=0, facts=(*row.facts, shared), span=step.span, detail=f"{step.module} again")
        level.add(Box((row,)), given)
        return _Value(row.path, step.output)

    def value(
        self, level: _Level, step: Step, node: Node, name: str, values: Mapping[str, _Value], flow: Flow | None
    ) -> _Value | None:
        """What an expression gives: a value that there is, or that of an operation; None for what does not flow."""
        if isinstance(node, Name):
            return values.get(node.name)
        reads = operations.read(node, values)
        sign = operations.sign(node, values)
        kind: Kind = "symbol" if sign else "operation"
        takes = tuple(type_text(values[one].flow) for one in reads)
        row = self.operation(level, step, name, sign or operations.title(node), kind, operation_family(node), takes)
        row = replace(row, gives=type_text(flow), facts=(("computes", node.text), *row.facts))
        level.add(Box((row,)), {at: values[one] for at, one in enumerate(reads)})
        return _Value(row.path, flow)

    def operation(
        self, level: _Level, step: Step, name: str, title: str, kind: Kind, family: Family, takes: tuple[str, ...]
    ) -> DrawnStep:
        path, gives = level.path(name), type_text(step.output)
        facts = self.formulas.facts(step.span, path, gives)
        called = _called(step)
        return DrawnStep(
            path, name, kind, family, title, "", takes, gives, 0, facts, step.span, level.owner, called, ""
        )

    # Modules.

    def module(
        self, level: _Level, item: Item, name: str, given: _Given, step: str, times: int, span: Span | None = None
    ) -> _Value:
        """The box of a module, and within it those of the modules that it holds."""
        if isinstance(item, Group) and item.module is not None and item.items:
            return self.shared(level, item, name, given, step, span)
        if isinstance(item, Call) and isinstance(item.layer, Layer):
            if item.type_name == "Identity" and 0 in given:
                return replace(given[0], flow=item.output)
            row = self.row(level, name, "layer", family_of(item.layer), item.type_name, item, step)
            count = self.counts.get(row.path)
            count = item.layer.parameter_count() if count is None else count  # within a loop that stands as it is
            row = replace(row, detail=settings(item), parameters=count * times)
            level.add(Box((_repeated(row, times),), times), given)
            return _Value(row.path, item.output)
        if isinstance(item, Call):
            assert isinstance(item.layer, Class), "a module is a layer or a block"
            inside = self.of_class(item.layer, f"{level.path(name)}.")
            row = replace(self.row(level, name, "block", "block", item.type_name, item, step), detail=settings(item))
        else:
            if not item.items and 0 in given:
                return given[0]
            below = _Level(level.owner, f"{level.path(name)}.")
            if isinstance(item, Group) and item.rounds is not None and item.rounds.each:
                inside = self.side_by_side(below, item, step)
            else:
                inside = self.of_items(below, item.items, item.inputs, step)
            only = _only(inside) if isinstance(item, Group) else None
            if 0 in given and all(box.kind in ("input", "output") for box in inside.boxes):
                return given[0]  # nothing but identities
            if only is not None and len(only.rows) == 1 and 1 in (times, only.times):
                return _in_place(level, replace(only, times=only.times * times), inside, name, given, item.output)
            row = self.row(level, name, "block", "block", _type_name(item), item, step)
            if isinstance(item, Group) and row.name:
                row = replace(row, title=row.name, name="")
        known = not isinstance(item, Loop | Branch)
        count = _parameters(inside) * times if known else dimensions.of(Unknown("a parameter has no value"))
        row = replace(_repeated(row, times), parameters=count, span=span or row.span)
        level.add(Box((row,), times, inside), given)
        return _Value(row.path, item.output, None if _several(item) else 0)

    def shared(self, level: _Level, group: Group, name: str, given: _Given, step: str, span: Span | None) -> _Value:
        """The box of the one module that runs in every round of a loop."""
        value = self.module(level, group.items[0], name, given, step, 1, span)
        box = level.boxes[value.box]
        if value in given.values():
            return value  # nothing but identities
        first, *others = box.rows
        runs = f"runs {len(group.items)} times"
        facts = (("shared", f"one module, which {runs}"), *first.facts)
        if box.inside is not None:  # which has no room for details once it is open
            first = replace(first, title=f"{first.title} ({runs})", facts=facts)
        else:
            first = replace(first, detail=", ".join(filter(None, (first.detail, runs))), facts=facts)
        level.boxes[value.box] = replace(box, rows=(first, *others))
        return replace(value, flow=group.output)

    def row(self, level: _Level, name: str, kind: Kind, family: Family, title: str, item: Item, step: str) -> DrawnStep:
        gives = type_text(item.output)
        path = level.path(name)
        facts = (*arguments(item, self.formulas), *self.formulas.facts(item.span, path, gives))
        shown = "" if name.isdigit() else name
        takes = tuple(map(type_text, item.inputs))
        own = item.type_name if isinstance(item, Call) else ""
        return DrawnStep(
            path, shown, kind, family, title, "", takes, gives, 0, facts, item.span, level.owner, step, own
        )


def _called(step: Step) -> str:
    """What a step is called in its class."""
    return step.name or step.target.text


def _name(item: Item, number: int) -> str:
    """What an item of a list is called in paths."""
    return getattr(item, "name", None) or str(number)


def _type_name(item: Item) -> str:
    match item:
        case Call():
            return item.type_name
        case Group():
            return "ModuleList" if item.listed else "Sequential"
        case Loop():
            return f"for {item.target.text} in {item.iterable.text}"
        case Branch():
            return f"if {item.condition.text}"


def _several(item: Item) -> bool:
    """Whether a block gives several values."""
    return isinstance(item, Call) and isinstance(item.layer, Class) and not getattr(item.layer.outputs, "single", True)


def _repeated(row: DrawnStep, times: int) -> DrawnStep:
    fact = ("repeated", f"{times} times, each with weights of its own")
    return replace(row, facts=(fact, *row.facts)) if times > 1 else row


def _of_rounds(item: Item, node: Node, values: Mapping[str, _Value]) -> _Value | None:
    """The value of which each round of a loop takes a part, where an argument reads what the loop binds."""
    rounds = item.rounds if isinstance(item, Group) else None
    if rounds is None or not rounds.stands_anew(node):
        return None
    read = names_in(node) | names_in(rounds.over)
    return next((replace(values[name], flow=None) for name in sorted(read) if name in values), None)


def _inlet(item: Item, position: int, keyword: str | None) -> int:
    """The number of the input that an argument is passed to."""
    if isinstance(item, Call) and isinstance(item.layer, Class) and keyword is not None:
        return [value.name for value in item.layer.inputs].index(keyword)
    return position


def _bind(target: Node, value: _Value, values: dict[str, _Value], *, outermost: bool = True) -> None:
    """Gives a value its name, or each of its parts theirs."""
    if isinstance(target, Name):
        values[target.name] = value
    elif isinstance(target, Items):
        flows = value.flow if isinstance(value.flow, tuple) else ()
        for number, part in enumerate(target.items):
            flow = flows[number] if number < len(flows) else None
            outlet = number if outermost and value.outlet is None else value.outlet
            _bind(part, replace(value, flow=flow, outlet=outlet), values, outermost=False)


# Frames that say nothing.


def _only(scene: Scene) -> Box | None:
    """The only box of a scene, beside its inputs and outputs."""
    found = [box for box in scene.boxes if box.kind not in ("input", "output")]
    return found[0] if len(found) == 1 else None


def _without_frame(scene: Scene, within: bool) -> Scene:
    """What is within a scene's only block, if all that flows into the one flows into the other."""
    only = _only(scene)
    if only is None or only.inside is None or only.times > 1:
        return scene
    entering = {(edge.source, edge.inlet) for edge in scene.edges if edge.target == only.path}
    straight = {(port.path, number) for number, port in enumerate(scene.inputs())}
    inner, outer = ((*one.inputs(), *one.outputs()) for one in (only.inside, scene))
    if entering != straight or len(inner) != len(outer) or len(scene.outputs()) != 1:
        return scene
    ports = {one.path: other for one, other in zip(inner, outer, strict=True)}
    boxes = tuple(ports.get(box.path, box) for box in only.inside.boxes)
    paths = {path: port.path for path, port in ports.items()}
    edges = tuple(
        replace(edge, source=paths.get(edge.source, edge.source), target=paths.get(edge.target, edge.target))
        for edge in only.inside.edges
    )
    return Scene(boxes, edges) if within else labelled(Scene(boxes, edges))


def _in_place(level: _Level, box: Box, inside: Scene, name: str, given: _Given, flow: Flow | None) -> _Value:
    """The only box of a group, in the place of the group."""
    (row,) = box.rows
    both = name if not row.name or row.name == name else f"{name}.{row.name}"
    box = replace(box, rows=(replace(row, name="" if both.isdigit() else both),))
    ports = {port.path: number for number, port in enumerate(inside.inputs())}
    entering = [edge for edge in inside.edges if edge.target == box.path and edge.source in ports]
    level.add(box, {edge.inlet: given[ports[edge.source]] for edge in entering if ports[edge.source] in given})
    return _Value(box.path, flow)
