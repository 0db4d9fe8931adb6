"""How each size of a network came about: formula, numbers, and the lines that the numbers come from.

Puts together what the other rooms find. Runs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from archspec import dimensions
from archspec.dimensions import Size
from archspec.expressions import (
    Binary,
    Compare,
    ExpressionError,
    FunctionCall,
    Index,
    Items,
    Node,
    Remembering,
    UndecidedError,
)
from archspec.formulas import ShapeRule
from archspec.functions import FUNCTIONS, OPERATORS, Function
from archspec.graph import Call, Class, Flow, Graph, Group
from archspec.lower.tensors import tensor_value
from archspec.problems import Span, echo, nearest
from archspec.refusals import RefusalError
from archspec.tensors import TensorType
from archspec.views.explain import telling
from archspec.views.explain.facts import Explained, Fact, Facts, Term
from archspec.views.explain.histories import Histories
from archspec.views.explain.links import inputs_of
from archspec.views.explain.origins import Producer, ValueRef, origins, parts, type_of

Lets = Callable[[str, str], Span | None]


class Explanation(Facts):
    """What there is to say of a network, or of one of its steps. `str()` is the text for people."""

    def __str__(self) -> str:
        return self.text()

    def text(self, *, color: bool = False) -> str:
        """For a terminal."""
        return telling.text(self, color=color)

    def markdown(self) -> str:
        """For a document."""
        return telling.markdown(self)

    def __repr__(self) -> str:
        return f"Explanation({self.name}{f', {self.step}' if self.step else ''}: {len(self.steps)} steps)"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        from archspec.views.markdown import as_html  # here: only notebooks show HTML

        return as_html(self.markdown())


def explain(graph: Graph, step: str | None, lets: Lets, given: Mapping[str, Span | None] | None = None) -> Explanation:
    """The explanation of an unrolled network, or of the step with that dotted path and of what is in it.

    `lets` says where a class (by its name) computes a name, `given` which parameters are not at their
    defaults: where a variant sets each, None where the caller does. ValueError where there is no such step.
    """
    found = origins(graph, given or {})
    if step is not None and step not in found:
        raise ValueError(no_such(step, found))
    histories = Histories(lets)
    paths = [path for path in found if step in (None, path) or path.startswith(f"{step}.")]
    steps: list[Explained] = []
    repeated: dict[str, str] = {}
    for path in paths:
        before = _equal_before(path, found) if path != step else None
        if before is not None:
            repeated[path] = repeated.get(before, before)
            steps.append(Explained(path, found[path], "", (), (), repeated[path]))
        elif repeated.keys().isdisjoint(_above(path)):
            steps.append(_explained(found[path], histories))
    return Explanation(graph.main.name, graph.path, step or "", tuple(steps))


def _above(path: str) -> Iterator[str]:
    """The paths of what a step is in."""
    while path := path.rpartition(".")[0]:
        yield path


def no_such(step: str, found: dict[str, Producer]) -> str:
    """What to ask for instead of a step that there is not: one of those beside it."""
    above = step.rpartition(".")[0]
    while above and above not in found:
        above = above.rpartition(".")[0]
    beside = [path for path in found if path.rpartition(".")[0] == above]
    near = nearest(step, found)
    hint = f"; did you mean `{near}`?" if near else "."
    return f"no step is called {echo(step)}{hint} Steps{f' in `{above}`' if above else ''}: {', '.join(beside)}"


def _equal_before(path: str, found: dict[str, Producer]) -> str | None:
    """The repetition before this one, if it is the same module for the same input."""
    head, _, number = path.rpartition(".")
    if not number.isdecimal() or number == "0":
        return None
    before = f"{head}.{int(number) - 1}" if head else str(int(number) - 1)
    one, other = found[path].item, found[before].item if before in found else None
    if isinstance(one, Call) and isinstance(other, Call):
        same = one.layer is other.layer or (not isinstance(one.layer, Class) and one.arguments == other.arguments)
        return before if same and (one.span, one.inputs) == (other.span, other.inputs) else None
    if isinstance(one, Group) and isinstance(other, Group):
        return before if one == replace(other, name=one.name) else None
    return None


def _explained(made: Producer, histories: Histories) -> Explained:
    use = histories.links.use(made) if made.kind == "layer" else None
    facts = (*_inferred(made, histories), *_sizes(ValueRef(made), histories)) if made.kind != "group" else ()
    inline = [value.made for _, value in made.inputs if isinstance(value, ValueRef) and not value.made.path]
    found = tuple(part for one in (*inline, made) if one.node is not None for part in _parts(one))
    return Explained(made.path, made, use.text if use is not None else "", facts, found)


def _inferred(made: Producer, histories: Histories) -> Iterator[Fact]:
    """The arguments of a layer that the input tells."""
    use = histories.links.use(made) if made.kind == "layer" else None
    if use is None or not isinstance(made.item, Call) or made.layer is None:
        return
    named = inputs_of(made)
    for argument in made.item.arguments:
        if argument.node is None and argument.name in use.origins:
            number, axis = use.origins[argument.name]
            value = named.get(made.layer.inputs[number])
            if isinstance(value, ValueRef):
                history = histories.of((value, axis))
                yield Fact(argument.name, True, (number,), axis, argument.value, "", "", (), history)


def _sizes(ref: ValueRef, histories: Histories) -> Iterator[Fact]:
    """The axes of all that flows out."""
    several = parts(ref)
    if several is not None:
        for one in several:
            if isinstance(one, ValueRef):
                yield from _sizes(one, histories)
        return
    flow = ref.type
    for axis, value in enumerate(flow.shape if isinstance(flow, TensorType) else ()):
        link = histories.links.of(ref, axis)
        sources, formula, numbers = histories.told(ref.made, link) if link is not None else ((), "", "")
        name = link.name if link is not None and link.name else f"axis {axis}"
        axes = link.axes.items() if link is not None else ()
        flowing = tuple((name, histories.of(place)) for name, place in axes)
        yield Fact(name, False, ref.at, axis, value, formula, numbers, sources, histories.of((ref, axis)), flowing)


# Expressions.


def _parts(made: Producer) -> Iterator[Term]:
    """The calls and operators of an expression that take tensors, the inner ones first."""
    names = Remembering({name: type_of(value) for name, value in made.inputs if name is not None}, made.scope.values)
    done: set[str] = set()

    def value(node: Node) -> Any:
        try:
            return tensor_value(node, names)
        except (RefusalError, UndecidedError, ExpressionError):
            return None

    def visit(node: Node) -> Iterator[Term]:
        if node.text in done:
            return
        done.add(node.text)
        for child in node.children:
            yield from visit(child)
        if not isinstance(node, Binary | Compare | FunctionCall | Index):
            return
        output = value(node)
        if not isinstance(output, TensorType | tuple):
            return
        children = node.children[:1] if isinstance(node, Index) else node.children
        listed = [one for child in children for one in (child.items if isinstance(child, Items) else (child,))]
        inputs = tuple((one.text, flow) for one in listed if isinstance(flow := value(one), TensorType))
        rule, pairwise = "", isinstance(node, Binary | Compare) and getattr(node, "operator", "") != "@"
        if isinstance(node, FunctionCall) and node.function in FUNCTIONS:
            rule = _cases(FUNCTIONS[node.function])
            pairwise = "that broadcast -> [*]" in rule
        elif isinstance(node, Binary) and not pairwise:
            rule = _cases(OPERATORS[node.operator])
        yield Term(node.text, inputs, output, rule, tuple(_stretched(inputs, output)) if pairwise else (), pairwise)

    if made.node is not None:
        yield from visit(made.node)


def _cases(function: Function) -> str:
    """Which axes a function takes and returns; how long they are, the formulas of the step say."""
    try:
        return "; ".join(line for line in ShapeRule(function.shape).lines(function.spatial) if "->" in line)
    except ValueError:  # it says so in words
        return function.shape


def _stretched(inputs: tuple[tuple[str, Flow], ...], output: Any) -> Iterator[tuple[int, str, Size]]:
    """The axes along which operands are stretched, counted from the last one."""
    if not isinstance(output, TensorType):
        return
    for axis in range(-1, -output.rank - 1, -1):
        for text, flow in inputs:
            if isinstance(flow, TensorType):
                size = flow.shape[axis] if flow.rank >= -axis else 1
                if size == 1 and dimensions.equal(output.shape[axis], 1) is not True:
                    yield axis, text, output.shape[axis]
