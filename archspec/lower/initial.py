"""How the weights of a step begin: what the step says, and the rules for its layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from archspec import graph
from archspec.document import StepEntry
from archspec.expressions import Scope
from archspec.graph import (
    Argument,
    Branch,
    Call,
    Class,
    Fill,
    Group,
    Item,
    Loop,
    Parametrization,
    placed,
)
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.problems import did_you_mean, echo
from archspec.source import Path

if TYPE_CHECKING:
    from archspec.lower.frames import Frame
    from archspec.lower.sites import Site


from archspec.lower.initial_functions import PARAMETRIZING, is_for, read_fill, read_function
from archspec.lower.weights import fits, known_weights, overlap, parametrized, weights_below


def with_weights(frame: Frame, item: Item, step: StepEntry, site: Site, *, spliced: bool) -> Item:
    """An item with what its step says of its weights; a `spliced` one is of a group that is no module itself."""
    rules = frame.lowering.rules
    if spliced:
        for key in ("init", "parametrize"):
            if getattr(step, key) is not None:
                message = f"`{key}:` is beside a group that is not a module"
                frame.report.add("AS206", message, site.at(key), "write it beside the layer", key=True)
        return frozen(item) if step.trainable is False else item
    if rules is None:
        return item
    if step.init is None and step.parametrize is None and step.trainable is None and not rules.pushed:
        return item
    if not isinstance(item, Call | Group):
        return item
    is_layer = isinstance(item, Call) and isinstance(item.layer, Layer)
    initial = tuple(_beside(frame, step, site, item))
    if is_layer and isinstance(item, Call):
        covered = {fill.weight for fill in initial}
        of_class = [fill for fill in rules.of_layer(item.type_name) if fill.weight not in covered]
        initial = (*(fill for one in of_class for fill in _resolved(frame, item, one, None)), *initial)
    item = replace(item, initial=initial, trainable=step.trainable is not False)
    if step.parametrize is None:
        return item
    if not is_layer or not isinstance(item, Call):
        message, at = "`parametrize:` must be beside a layer", site.at("parametrize")
        frame.report.add("AS206", message, at, "write it beside the layer with the weight", key=True)
        return item
    return replace(item, parametrized=tuple(_parametrized(frame, step, site, item)))


def _beside(frame: Frame, step: StepEntry, site: Site, item: Call | Group) -> Iterator[Fill]:
    """What a step says by `init:`."""
    if step.init is None:
        return
    if isinstance(step.init, str):
        advice = f"write `init: {{weight: {step.init}}}`"
        frame.report.add("AS202", "`init` takes a function for each weight", site.at("init"), advice)
        return
    for weight, text in step.init.items():
        at = site.at("init", weight)
        fill = read_fill(frame.report, weight, text, at, site.scope)
        if fill is not None:
            fill = replace(fill, arguments=_for_constructor(frame, fill.arguments, site.scope))
            found = list(_resolved(frame, item, fill, at))
            yield from found
            if not found:
                frame.lowering.idle_rules[f"`{weight}`", known_weights(item), fill.span] = None


def _for_constructor(frame: Frame, arguments: tuple[Argument, ...], scope: Scope) -> tuple[Argument, ...]:
    """What a constructor passes to a function, which has no names for the sizes that a `shape:` binds."""
    nodes = (one.node if one.node is None else frame.for_constructor(one.node, scope) for one in arguments)
    return tuple(replace(one, node=node) for one, node in zip(arguments, nodes, strict=True))


def _resolved(frame: Frame, item: Call | Group, fill: Fill, at: Path | None) -> Iterator[Fill]:
    """A fill for each weight of an item that it is for; a problem where the function is not for such a weight."""
    if at is not None and (late := _parametrized_below(item, fill)) is not None:
        message = f"`{late}` is parametrized before the `init` beside {echo(str(at[-3]))} runs"
        frame.report.add("AS206", message, at, "say how it begins by `init:` beside the layer that is parametrized")
    weights = list(weights_below(item))
    if (isinstance(item, Call) and isinstance(item.layer, OwnLayer)) or any("*" in name for name, _, _ in weights):
        yield replace(fill, uncertain=True)  # which weights there are, only the module knows
        return
    tied = set(_tied(item))  # each is another weight, which begins as that one does
    meant = [one for one in weights if fits(fill.weight, one[0]) and one[0] not in tied]
    if fill.pattern and not tied and any(not certain and name not in ("weight", "bias") for name, _, certain in meant):
        if all(weight is None or is_for(frame.report, name, weight, fill) for name, weight, _ in meant):
            yield replace(fill, uncertain=True)  # one loop over those that the module has
        return
    for name, weight, certain in meant:
        if weight is not None and not is_for(frame.report, name, weight, fill):
            return
        yield replace(fill, weight=name, pattern=False, uncertain=not certain)


def _tied(item: Call | Group) -> Iterator[str]:
    """The weights of an item and of the modules within it that are tied to others."""
    if isinstance(item, Call):
        yield from (tie.weight for tie in item.ties)
    for path, inner in placed(_within(item), ""):
        yield from (f"{path}.{name}" for name in _tied(inner))


def _within(item: Call | Group) -> tuple[Item, ...]:
    if isinstance(item, Group):
        return item.items
    return item.layer.children() if isinstance(item.layer, Class) else ()


def _parametrized_below(item: Call | Group, fill: Fill) -> str | None:
    """A parametrized weight of a layer within an item that a fill beside that item means."""
    return next(
        (name for path, weight in parametrized(_within(item)) if overlap(fill.weight, name := f"{path}.{weight}")), None
    )


def _parametrized(frame: Frame, step: StepEntry, site: Site, item: Call) -> Iterator[Parametrization]:
    """What a step says by `parametrize:`."""
    weights = {name: weight for name, weight, _ in weights_below(item)}
    for name, text in (step.parametrize or {}).items():
        at = site.at("parametrize", name)
        found = read_function(frame.report, text, at, site.scope, PARAMETRIZING)
        if found is None:
            continue
        function, arguments = found
        arguments = _for_constructor(frame, arguments, site.scope)
        one = Parametrization(name, function.name, arguments, frame.report.source.span(at))
        weight = weights.get(name)
        if name not in weights:
            hint = did_you_mean(name, list(weights), f"{item.type_name} has")
            frame.report.add("AS402", f"this {item.type_name} has no weight {echo(name)}", at, hint, key=True)
        elif "." in name:
            frame.report.add("AS402", f"{echo(name)} is a weight of a layer inside {item.type_name}", at, key=True)
        elif weight is None or is_for(frame.report, name, weight, one):
            yield one


def of_tensor(frame: Frame, made: graph.Step, step: StepEntry, path: Path) -> graph.Step:
    """A Parameter with what its step says of it."""
    rules = frame.lowering.rules
    if rules is None or (step.init is None and step.trainable is None):
        return made
    if step.init is not None and not isinstance(step.init, str):
        advice = "write `init: normal_(std=0.02)`: the step is the weight"
        frame.report.add("AS202", "`init` beside a Parameter takes one function", (*path, "init"), advice)
        return made
    fill = (
        read_fill(frame.report, made.name, step.init, (*path, "init"), frame.scope) if step.init is not None else None
    )
    if fill is not None:
        fill = replace(fill, arguments=_for_constructor(frame, fill.arguments, frame.scope))
    shape = getattr(made.output, "shape", None)
    if fill is not None and shape is not None and not is_for(frame.report, made.name, Weight(made.name, shape), fill):
        return made
    return replace(made, initial=(fill,) if fill is not None else (), trainable=step.trainable is not False)


def frozen(item: Item) -> Item:
    """An item that does not learn, or the items that splice in its place."""
    if isinstance(item, Loop | Branch):
        return replace(item, items=tuple(map(frozen, item.items)))
    return replace(item, trainable=False)
