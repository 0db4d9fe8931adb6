"""What the rounds of a loop read, take and return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archspec.graph import Branch, Call, Class, Flow, Group, Input, Item, Loop, walk
from archspec.lower.axes import input_origins
from archspec.lower.frames import Frame
from archspec.lower.given import Given, values_of
from archspec.problems import Related, echo
from archspec.source import Path
from archspec.tensors import ListType, TensorType


def captured(items: tuple[Item, ...]) -> tuple[Input, ...]:
    """What the groups among these items read from around them, each value once."""
    found: dict[str, Input] = {}
    for item in walk(items):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            found |= {value.name: value for value in item.layer.inputs if value.captured and value.name not in found}
    return tuple(sorted(found.values(), key=lambda value: value.optional))  # as Python wants its arguments


def handing_on(items: tuple[Item, ...], values: tuple[Input, ...]) -> tuple[Item, ...]:
    """The items with groups that all take these values behind their own input."""
    result: list[Item] = []
    for item in items:
        if isinstance(item, Call) and isinstance(item.layer, Class):
            inputs = (*(value for value in item.layer.inputs if not value.captured), *values)
            same = inputs == item.layer.inputs
            result.append(item if same else replace(item, layer=replace(item.layer, inputs=inputs)))
        else:
            result.append(
                replace(item, items=handing_on(item.items, values)) if isinstance(item, Loop | Branch) else item
            )
    return tuple(result)


def returned(item: Item) -> int:
    """How many values an item returns."""
    if isinstance(item, Loop | Branch | Group) and item.items and item.output is None:
        return returned(item.items[-1])
    if isinstance(item, Call) and isinstance(item.layer, Class) and item.output is None:
        outputs = item.layer.outputs
        return len(outputs.values) if outputs is not None and not outputs.single else 1
    return len(values_of(item.output))


def check_decided(frame: Frame, item: Item, path: Path) -> None:
    """Refuses a round of which it depends on a condition whether it hands on one value or several."""
    while isinstance(item, Loop | Branch | Group) and item.items:
        item = item.items[-1]  # conditions on whole rounds are the loop's own matter
    branch = _undecided(item)
    if branch is not None:
        what = echo(branch.name) if branch.name is not None else "one of its steps"
        message = (
            f"a round of {echo(str(path[-1]))} returns several values only if {echo(branch.condition.text)} is true"
        )
        advice = f"put the condition on the layers inside {what}, or remove it"
        frame.report.add("AS508", message, path, advice, key=True, related=(Related("the condition", branch.span),))


def sound_rounds(frame: Frame) -> Callable[[tuple[Item, ...]], bool]:
    """A test whether all is right with the modules of a round, of which none has been read yet."""
    before = len(frame.report.problems)
    return lambda items: len(frame.report.problems) == before and (not items or _undecided(items[-1]) is None)


def _undecided(item: Item) -> Branch | None:
    """A condition on which it depends whether an item returns one value or several."""
    if item.output is not None:
        return None
    if isinstance(item, Branch):
        then = item.items[-1].output if item.items else None
        several = isinstance(then, tuple) and bool(item.inputs) and isinstance(item.inputs[0], TensorType)
        return item if several else _undecided(item.items[-1]) if item.items else None
    if isinstance(item, Loop | Group):
        return _undecided(item.items[-1]) if item.items else None
    if not isinstance(item.layer, Class):
        return None
    if item.layer.sequential:
        return _undecided(item.layer.items[-1]) if item.layer.items else None
    outputs = item.layer.outputs
    name = outputs.values[0] if outputs is not None and outputs.single and outputs.values else None
    made = (step.item for step in item.layer.steps if step.item is not None and name and step.target.text == name.text)
    return next((found for one in made if (found := _undecided(one)) is not None), None)


def first_input(item: Item) -> str | None:
    """What a module calls its first input."""
    if not isinstance(item, Call):
        return first_input(item.items[0]) if item.items and isinstance(item, Loop | Branch) else None
    inputs: tuple[Input | str, ...] = item.layer.inputs
    return next((one.name if isinstance(one, Input) else one for one in inputs), None)


def goes_by_name(given: Given, items: tuple[Item, ...]) -> bool:
    """Whether a name says which input of these modules is meant: not the first, which an nn.Sequential passes on."""
    name = given.names[0]
    if name is None:
        return False
    firsts = [first_input(item) for item in items]
    return any(first != name for first in firsts)


def fits_next_round(frame: Frame, given: Given, result: Item, path: Path) -> bool:
    """Whether the next round can take what one returns in place of its first inputs; reported if not."""
    parts, count = values_of(result.output), len(given.types)
    what = f"`{result.type_name}`" if isinstance(result, Call) else "a round"
    if len(parts) > count:
        takes = f"{count} inputs" if count > 1 else "one input"
        message = f"{what} returns {len(parts)} values, and the next round takes {takes}"
        advice = "a round passes its outputs to the next: use as many inputs as outputs"
    elif len(parts) > 1 and None in parts:
        place = parts.index(None) + 1
        message = f"{what} returns no value number {place}, which the next round would take"
        advice = "put it into a block that returns what the next round takes"
    elif is_tuple_of_one(result.output):
        message = f"{what} returns a tuple of one value, and the next round takes the value itself"
        advice = "write `outputs: y` in place of `outputs: [y]`"
    else:
        return True
    frame.report.add("AS502", message, path, advice, related=input_origins(given))
    return False


def is_tuple_of_one(output: Flow | None) -> bool:
    """Whether a module returns a tuple of a single value."""
    return isinstance(output, tuple) and not isinstance(output, ListType) and len(output) == 1


def check_axes_kept(frame: Frame, given: Given, body: tuple[Item, ...], at: Path) -> None:
    """Refuses a loop whose rounds return another number of axes, where its layers are made of sizes they infer."""
    before, after = given.first(), values_of(body[-1].output)[0] if body else None
    if not isinstance(before, TensorType) or not isinstance(after, TensorType) or before.rank == after.rank:
        return
    if _infers(body):
        message = f"a round takes {before.rank} axes and returns {after.rank}, so its layers infer other sizes"
        advice = "write the inferred arguments explicitly, or return as many axes as the input has"
        frame.report.add("AS508", f"{message} in the next round", at, advice)


def _infers(items: tuple[Item, ...]) -> bool:
    """Whether a module among these, or one inside, has an argument that was inferred."""
    calls = [item for item in walk(items) if isinstance(item, Call)]
    inside = (item.layer.children() for item in calls if isinstance(item.layer, Class))
    return any(one.node is None for item in calls for one in item.arguments) or any(map(_infers, inside))
