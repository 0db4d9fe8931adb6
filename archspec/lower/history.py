"""Where a value comes from: the chain of steps that made it, for messages that say how a size became what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.expressions import Name, Node
from archspec.graph import Branch, Call, Class, Flow, Group, Item, Loop, Step
from archspec.layers import Layer
from archspec.problems import Related, Span
from archspec.tensors import TensorType

_MOST = 6  # falls that one message tells

# Layers after which the last axes are sizes of an image, and the second one counts its channels.
_CHANNELS_FIRST = ("Conv2d", "Conv3d", "ConvTranspose2d", "ConvTranspose3d", "BatchNorm2d", "BatchNorm3d", "GroupNorm")
_POOLING = ("MaxPool", "AvgPool", "LPPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "Upsample", "Upsampling")


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step that led to a value, and the steps above it; the first one is an input of the document."""

    label: str
    span: Span
    item: Item | Step | None
    above: HistoryStep | None


@dataclass(frozen=True, slots=True)
class _Change:
    """What one layer made of what it was given."""

    label: str
    span: Span
    before: Flow | None
    after: Flow | None
    layer: str


def size_drop(made: HistoryStep | None, axes: int) -> Related | None:
    """How one of the last `axes` axes of a value became small: `the size fell at: stem 224→112, pool 112→56`."""
    changes = list(_changes(made))
    best: list[tuple[_Change, Size, Size]] = []
    for axis in range(-axes, 0):
        falls = list(_falls(changes, axis))
        if falls and (not best or _smaller(falls[0][2], best[0][2])):
            best = falls
    if not best:
        return None
    told = [f"{change.label} {show(before)}→{show(after)}" for change, before, after in reversed(best)]
    if len(told) > _MOST:
        told = [*told[:2], "…", *told[3 - _MOST :]]
    return Related(f"the size fell at: {', '.join(told)}", best[0][0].span)


def size_origins(made: HistoryStep | None, axes: tuple[int, ...]) -> tuple[Related, ...]:
    """Which steps above the last one some axes, counted from the end, have their sizes from."""
    told: dict[tuple[str, Span], list[str]] = {}
    for axis in axes:
        change = _sized(made, axis)
        if change is not None and isinstance(change.after, TensorType):
            words = f"axis {axis % change.after.rank} became {show(change.after.shape[axis])}"
            told.setdefault((change.label, change.span), []).append(words)
    return tuple(Related(f"{', '.join(words)} in {label}", span) for (label, span), words in told.items())


def _sized(made: HistoryStep | None, axis: int) -> _Change | None:
    """The change that gave an axis its size; None if it is the last step, or an input."""
    for place, change in enumerate(_changes(made, inside=True)):
        before, after = change.before, change.after
        if not isinstance(before, TensorType) or not isinstance(after, TensorType) or after.rank < -axis:
            return None
        if before.rank != after.rank or before.shape[axis] != after.shape[axis]:
            return change if place else None
    return None


def origin_of(made: HistoryStep | None, what: Callable[[TensorType], object]) -> tuple[Related, ...]:
    """Which step above the last one, or which input, a value has its rank or dtype from."""
    for place, change in enumerate(_changes(made, inside=True)):
        if not isinstance(change.before, TensorType) or not isinstance(change.after, TensorType):
            return ()
        if place and what(change.before) != what(change.after):
            return (Related(f"{change.before} became {change.after} in {change.label}", change.span),)
    while made is not None and made.above is not None:
        made = made.above
    if made is None or made.item is not None:
        return ()
    return (Related(f"{made.label} is declared here", made.span),)


def left_out(made: HistoryStep) -> Related | None:
    """The condition by which the step that made a value is not kept."""
    item = made.item.item if isinstance(made.item, Step) else made.item
    if not isinstance(item, Call) or type(item.layer).__name__ != "Identity" or item.span == made.span:
        return None
    return Related(f"{made.label} is left out: the condition is false", item.span)


def channels_first(made: HistoryStep | None, x: TensorType) -> bool:
    """Whether a value of four axes or more is an image whose channels come first: a feature map, not yet flattened."""
    for change in _changes(made):
        if change.layer in _CHANNELS_FIRST or change.layer.startswith(_POOLING):
            return True
        if not change.layer or change.before != change.after:
            return False
    size = x.shape[-1]
    return isinstance(size, int) and size > 1 and size == x.shape[-2]  # flows in as it is: a square image


def unchanged(made: HistoryStep | None) -> bool:
    """Whether a value is an input of the document, or has its shape still."""
    if made is None or any(change.before != change.after for change in _changes(made)):
        return False
    while made.above is not None:
        made = made.above
    return made.item is None


def _falls(changes: list[_Change], axis: int) -> Iterator[tuple[_Change, Size, Size]]:
    """Where the size of an axis fell, the last time first; as far back as the number of axes is the same."""
    for change in changes:
        if not isinstance(change.before, TensorType) or not isinstance(change.after, TensorType):
            return
        if change.before.rank != change.after.rank or -axis > change.after.rank:
            return
        before, after = change.before.shape[axis], change.after.shape[axis]
        if before != after and dimensions.at_least(after, before) is not True:
            yield change, before, after


def _smaller(a: Size, b: Size) -> bool:
    return dimensions.at_least(a, b) is False


def _changes(made: HistoryStep | None, *, inside: bool = False) -> Iterator[_Change]:
    """Each layer on the way to a value, the last one first. A group is its layers; a block is one step, or `inside`."""
    while made is not None:
        item = made.item
        if item is None:
            return
        if isinstance(item, Step):
            yield from _of_step(made.label, made.span, item, inside)
            above = made.above.item if made.above is not None else None
            if item.item is not None and above is not None and above.output != item.inputs[0]:
                yield _Change(made.label, made.span, above.output, item.inputs[0], "")  # by an expression in `from`
        else:
            yield from _of(made.label, made.span, item, inside)
        made = made.above


def _of_step(label: str, span: Span, step: Step, inside: bool) -> Iterator[_Change]:
    if step.item is not None:
        yield from _of(label, span, step.item, inside)
    elif step.inputs:
        yield _Change(label, span, step.inputs[0], step.output, "")


def _of_class(label: str, cls: Class) -> Iterator[_Change]:
    """The steps of a block that lead to its output, the last one first, by the first value that each reads."""
    if cls.sequential:
        for child in reversed(cls.items):
            yield from _of(f"{label[:-1]}.{getattr(child, 'name', None)}`", child.span, child, True)
        return
    named = {step.target.name: step for step in cls.steps if isinstance(step.target, Name)}
    step = _read_first(cls.outputs.values[0], named) if cls.outputs is not None and cls.outputs.values else None
    while step is not None:
        name = step.target.text
        yield from _of_step(f"{label[:-1]}.{name}`", step.span, step, True)
        named.pop(name, None)
        above = _read_first(step.arguments[0][1], named) if step.arguments else None
        if step.item is not None and above is not None and above.output != step.inputs[0]:
            yield _Change(f"{label[:-1]}.{name}`", step.span, above.output, step.inputs[0], "")
        step = above


def _read_first(node: Node, named: dict[str, Step]) -> Step | None:
    names = (part.name for part in node.walk() if isinstance(part, Name))
    return next((named[name] for name in names if name in named), None)


def _of(label: str, span: Span, item: Item, inside: bool) -> Iterator[_Change]:
    if isinstance(item, Call) and isinstance(item.layer, Class) and inside:
        yield from _of_class(label, item.layer)
    elif isinstance(item, Call):
        layer = type(item.layer).__name__ if isinstance(item.layer, Layer) else ""
        yield _Change(label, span, item.inputs[0], item.output, layer)
    elif isinstance(item, Group) and item.items:
        for child in reversed(item.items):
            name = getattr(child, "name", None) if item.module is None else None
            yield from _of(f"{label[:-1]}.{name}`" if name is not None else label, child.span, child, inside)
    elif isinstance(item, Loop | Branch | Group):
        yield _Change(label, span, item.inputs[0], item.output, "")
