"""Steps as modules: layers, groups and loops, in a list one after the other or behind a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archspec.document import Block, Layers, Outputs, StepEntry, is_dotted
from archspec.graph import Call, Group, Item
from archspec.lower.calls import call
from archspec.lower.conditions import conditional, reads_round
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.initial import with_weights
from archspec.lower.list_rules import fits_list
from archspec.lower.loops import captured
from archspec.lower.module_names import name_in_list, named_module, take_name
from archspec.lower.optional import refuse_left_out
from archspec.lower.repetition import Repetition, repeated_group
from archspec.lower.rounds import RoundsReader, is_written
from archspec.lower.sites import Container, Site
from archspec.lower.sizes import check_shape
from archspec.problems import Span, echo


class ModuleReader:
    """Reads the steps of one class as modules."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.report = frame.report

    def sequence(
        self, layers: list[StepEntry] | dict[str, StepEntry], site: Site, given: Given
    ) -> tuple[tuple[Item, ...], Given]:
        """The steps of an nn.Sequential, in the order of flow."""
        items: list[Item] = []
        pairs: Any = layers.items() if isinstance(layers, dict) else enumerate(layers)
        for key, step in pairs:
            here = site.below(key).named(key if isinstance(layers, dict) else None)
            if here.name is not None and step.type == "":  # set aside: what is wrong with its name is told already
                items.append(self.frame.unreadable(here.path, given))
                given = given.after(None, f"`{here.name}`", items[-1].span)
                continue
            if here.name is not None:
                named = self.claim_name(step, here)
                if named is None:
                    continue
                step, here = named
                site.container.pass_number()
            for item in self.step(step, here, given):
                items.append(item)
                label = f"`{site.container.dotted(getattr(item, 'name', None))}`"
                if isinstance(item.output, tuple):
                    given = Given((item.output,), (None,), label, item.span)  # several values flow on as one
                else:
                    given = given.after(item.output, label, item.span, item)
            if step.shape is not None and items and isinstance(site.scope, dict):
                check_shape(self.frame, step.shape, here.below("shape"), given.first(), items[-1].span)
        return tuple(items), given

    def claim_name(self, step: StepEntry, site: Site) -> tuple[StepEntry, Site] | None:
        """A step without its `name:`, and its place by what its module is called; None, and reported, if wrong."""
        named = named_module(self.frame, step, site)
        if named is None:
            return None
        name, rest = named
        at = site.at("name") if name != site.name else site.path
        taken = take_name(self.frame, name, at, site.container, key=at == site.path)
        return (rest, site.named(name)) if taken else None

    def step(self, step: StepEntry, site: Site, given: Given) -> Iterator[Item]:
        """The modules that one step comes to: one, or in a list none or several."""
        if (site.name is None and not fits_list(self.frame, step, site)) or self.hands_on_optional(step, site, given):
            yield self.frame.unreadable(site.path, given)
        elif step.loop is None:
            yield from conditional(self.frame, step, site, given, self.make)
        elif site.name is None:
            yield from Repetition(self, step, site).read(given)
        elif step.when is None or reads_round(step):
            yield self.repeated(step, site, given)
        else:
            yield from conditional(self.frame, step, site, given, self.unconditional)

    def hands_on_optional(self, step: StepEntry, site: Site, given: Given) -> bool:
        """Whether a step would hand on an input that may be left out, as one that is not kept does; reported."""
        if 0 not in given.optional or (step.when is None and step.loop is None):
            return False
        what = f"`{site.name}`" if site.name is not None else "this step"
        first = replace(given, optional={0: given.optional[0]})
        return refuse_left_out(self.frame, what, (), first, site.path)

    def unconditional(self, step: StepEntry, site: Site, given: Given) -> Iterator[Item]:
        """A named loop whose condition is about all of its rounds."""
        yield self.repeated(step.model_copy(update={"when": None}), site, given)

    def repeated(self, step: StepEntry, site: Site, given: Given) -> Group:
        """A named step that is repeated."""
        if is_written(self.frame, step, given):
            return RoundsReader(self, step, site, given).read()
        return repeated_group(self, step, site, given)

    def make(self, step: StepEntry, site: Site, given: Given) -> Iterator[Item]:
        """The modules of a step that is kept, with what the step says of their weights."""
        if step.name is not None:
            site = site.named(name_in_list(self.frame, step.name, site))
        spliced = step.layers is not None and site.name is None
        for item in self.make_bare(step, site, given):
            yield with_weights(self.frame, item, step, site, spliced=spliced)

    def make_bare(self, step: StepEntry, site: Site, given: Given) -> Iterator[Item]:
        """The modules of a step, as PyTorch makes them."""
        if step.nested is not None:
            raw = isinstance(self.report.source.value(site.path), list)
            yield self.group(step.nested, site if raw else site.below("layers"), given, step.outputs)
        elif step.layers is not None and (site.name is not None or step.outputs is not None):
            yield self.group(step.layers, site.below("layers"), given, step.outputs)
        elif step.layers is not None:
            if not step.layers:
                self.report.add("AS203", "there are no steps", site.at("layers"), "add one: `- ReLU`")
            yield from self.sequence(step.layers, site.below("layers"), given)[0]
        else:
            yield call(self.frame, step, self.numbered(site), given)

    def numbered(self, site: Site) -> Site:
        """A place with a name: the number in its list, where it has none."""
        return site if site.name is not None else site.named(site.container.number())

    def group(self, layers: Layers, site: Site, given: Given, outputs: Outputs | None = None) -> Group | Call:
        """A module of its own: an nn.Sequential, or a class where its steps, which stand at `site`, are a graph."""
        site = self.numbered(site)
        path, span = site.path, group_span(self.frame, site)
        if not layers:
            self.report.add("AS203", "there are no steps", path, "add one: `- ReLU`")
        if given.names[0] not in (None, "input"):
            message = f"a group takes one value, without a name, not {echo(given.names[0])}"
            at = (*path[:-1], "from", str(given.names[0]))
            self.report.add("AS402", message, at, "write `from: …`, the value", key=True)
            return Group(site.name, (), given.types, None, span)
        given = given.with_names((None, *given.names[1:]))
        block = Block.model_construct(inputs={}, layers=layers, outputs=outputs)  # its steps have been validated
        if isinstance(layers, dict) and (is_graph(layers) or outputs is not None):
            return self.frame.lowering.call_group(self.frame, block, site, given)
        if len(given.types) > 1:
            message = f"a list takes one input, but gets {len(given.types)}"
            self.report.add("AS206", message, path, "name the steps in a mapping, and use `from:`")
            return Group(site.name, (), given.types, None, span)
        before, count = len(self.report.problems), self.frame.lowering.count
        inside = site.within(Container(f"{site.container.dotted(site.name)}."))
        items, last = self.sequence(layers, inside, given)
        if captured(items) and isinstance(layers, dict) and len(self.report.problems) == before:
            self.frame.lowering.count = count
            return self.frame.lowering.call_group(self.frame, block, site, given)
        refuse_captured(self.frame, items, site)
        return Group(site.name, items, given.types, last.first(), span)


def group_span(frame: Frame, site: Site) -> Span:
    """The text of a group whose steps stand there."""
    return frame.span(site.path[:-1] if site.path and site.path[-1] == "layers" else site.path)


def refuse_captured(frame: Frame, items: tuple[Item, ...], site: Site) -> None:
    """Reports a group in a list that reads a name from around it: an nn.Sequential hands on one value alone."""
    for value in captured(items)[:1]:
        message = f"a group of this list reads `{value.name}` from around it, but a list passes on only one value"
        frame.report.add("AS206", message, site.path, "name the steps of the list in a mapping")


def is_graph(layers: dict[str, StepEntry]) -> bool:
    """Whether named steps are more than a chain of modules, so that they need a forward method of their own."""
    return any(
        step.expression is not None
        or step.from_ is not None
        or step.again is not None
        or step.call is False
        or step.each is not None
        or step.collect
        or step.shared
        or step.shape is not None
        or step.type in ("Parameter", "Buffer")
        or "," in name
        or is_placed_in_list(step)
        for name, step in layers.items()
    )


def is_placed_in_list(step: StepEntry) -> bool:
    """Whether a module of a step stands in a list of the class."""
    if is_dotted(step.name):
        return True
    inside = (step.layers, step.nested)
    return any(
        is_placed_in_list(one)
        for layers in inside
        if layers
        for one in (layers.values() if isinstance(layers, dict) else layers)
    )
