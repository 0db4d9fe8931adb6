"""What a generated constructor cannot say: sizes that have no expression, and names that mean two things in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archspec.dimensions import is_unknown
from archspec.graph import Call, Class, Loop, Step, argument_text, names_in, size_names, walk
from archspec.lower.leading import is_name
from archspec.lower.names import constructor_reads
from archspec.problems import Problem, Related, Span
from archspec.tensors import flow_text

_MOST_SHOWN = 4
"""So many places stand beside a problem."""


class _Found:
    """The problems of a class: one for each cause, whatever it makes unknown."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.by_cause: dict[Span | str, int] = {}

    def add(self, problem: Problem, name: str = "", cause: Span | str | None = None) -> None:
        """Adds a problem; where its cause has one already, `name` is a size that is missing there, too."""
        if cause not in self.by_cause:
            if cause is not None:
                self.by_cause[cause] = len(self.problems)
            self.problems.append(problem)
            return
        place = self.by_cause[cause]
        first = self.problems[place]
        if problem.span != first.span and len(first.related) < _MOST_SHOWN:
            another = Related(f"`{name}` here, too", problem.span)
            self.problems[place] = replace(first, related=(*first.related, another))


def of_unnamed_axes(cls: Class) -> Iterator[Problem]:
    """What is wrong with a class whose constructor would take the size of an axis that `...` stands for."""
    if any(is_name(parameter.name) for parameter in cls.parameters):
        message = f"the constructor of `{cls.name}` depends on an axis that `...` stands for"
        yield Problem("AS508", message, cls.inputs[0].span, "name the axis in the inputs: `x: [..., T, C]`")


def unsayable(cls: Class) -> list[Problem]:
    """What is wrong with a class whose constructor needs a size that is known for values of the parameters alone.

    Or whose constructor would call a number, as one of its variables has the name of a block that it makes.
    """
    used = constructor_reads(cls)
    variables = used | {parameter.name for parameter in cls.parameters}
    origins, found = _origins(cls), _Found()
    for item in walk(cls.children()):
        if isinstance(item, Call):
            if isinstance(item.layer, Class) and item.layer.name in variables:
                name = item.layer.name
                message = f"`{name}` is the name of a block and of a number in {cls.name}"
                found.add(Problem("AS205", message, item.span, f"rename one of them: call the block `{name}Block`"))
            for name in _leading(item):
                found.add(_of_leading_axes(name, item.span), name, "...")
            for name in _arguments(item):
                origin = origins.get(item.span)
                cause = origin.span if origin is not None else "items" if cls.sequential else None
                found.add(_unsaid(name, item, origin), name, cause)
        elif isinstance(item, Loop):
            for carried in item.carried:
                sizes = (carried.initial, carried.update) if carried.name in used else ()
                for name in (name for size in sizes for name in size_names(size) if is_name(name)):
                    found.add(_of_leading_axes(name, item.span), name, "...")
                if any(size is not None and is_unknown(size) for size in sizes):
                    message = f"`{carried.name}` changes in each round in a way that no expression describes"
                    advice = "write the size in the layer of the loop that needs it"
                    found.add(Problem("AS508", message, item.span, advice))
    return found.problems


def _origins(cls: Class) -> dict[Span, Step]:
    """By the place of a module: the step that leaves open the shape of what flows into it."""
    opened: dict[str, Step] = {}  # by a value
    found: dict[Span, Step] = {}
    for step in cls.written():
        read = {name for _, node in step.arguments for name in names_in(node)}
        origin = next((opened[name] for name in sorted(read) if name in opened), step)
        found.update((item.span, origin) for item in (walk((step.item,)) if step.item is not None else ()))
        if step.output is None or "?" in flow_text(step.output):
            opened.update(dict.fromkeys(names_in(step.target), origin))
    return found


def _unsaid(name: str, item: Call, origin: Step | None) -> Problem:
    message = f"`{name}` depends on the parameters in a way that no expression describes"
    advice = f"write it: `{name}: …`, an expression of the parameters"
    if isinstance(item.layer, Class):  # a block's caller does not write the sizes of its inputs
        advice = f"make `{name}` a parameter of {item.layer.name}, and write it: `{item.layer.name}: {{{name}: …}}`"
    related = (Related(f"the shape of `{origin.key}` depends on them", origin.span),) if origin is not None else ()
    inside = origin is not None and origin.item is not None and item.span in {one.span for one in walk((origin.item,))}
    return Problem("AS508", message, item.span, advice, related=() if inside else related)


def _of_leading_axes(name: str, span: Span) -> Problem:
    message = f"`{name}` depends on the axes of `...`"
    return Problem("AS508", message, span, "name this axis: `x: [..., T, C]`")


def _leading(item: Call) -> Iterator[str]:
    """The inferred arguments that are made of leading axes, which a shape does not name."""
    for one in item.arguments:
        if one.node is None and any(map(is_name, size_names(one.value))):
            yield one.name


def ranks_apart(one: Class, other: Class) -> Iterator[Problem]:
    """Where the readings of a block at two ranks make different modules."""
    pairs = zip(walk(one.children()), walk(other.children()), strict=False)
    calls = ((a, b) for a, b in pairs if isinstance(a, Call) and isinstance(b, Call))
    for first, second in calls:
        given = {argument.name: argument_text(argument) for argument in second.arguments}
        for argument in first.arguments:
            text, than = argument_text(argument), given.get(argument.name, "")
            if text != than and first.type_name == second.type_name:
                ranks = " and ".join(str(len(cls.inputs[0].axes)) for cls in (one, other))
                message = f"`{argument.name}` is {text} or {than}: `{one.name}` takes tensors of {ranks} axes"
                yield Problem("AS508", message, first.span, f"write it: `{argument.name}: …`, or use two blocks")
                return


def _arguments(item: Call) -> Iterator[str]:
    """The inferred arguments of a module that have no text."""
    given = {argument.name: argument for argument in item.arguments}
    declared = item.layer.parameters if isinstance(item.layer, Class) else item.layer.arguments.values()
    for one in declared:
        optional = not isinstance(item.layer, Class) and one.default is None
        text = argument_text(given[one.name]) if one.name in given else "" if optional else "?"
        if one.inferred and "?" in text:
            yield one.name
