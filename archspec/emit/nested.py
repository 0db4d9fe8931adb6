"""Rounds of a loop whose lines stand in a forward method, as their modules stand in lists of the class."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from archspec.emit.statement import relative
from archspec.emit.text import Expression
from archspec.emit.translation import Sizes, Translation
from archspec.emit.variables import VariableNames
from archspec.expressions import Name, Node, lift
from archspec.graph import Call, Class, Group, Loop, Step, body_of, is_spread, names_in, place_of
from archspec.lower.symbolic_loops import singular


@dataclass(frozen=True, slots=True)
class Within:
    """A loop of a forward method in which the lines of a class stand, one of whose rounds it is."""

    arguments: tuple[str, ...]
    """The variables of what flows in."""
    targets: tuple[str, ...]
    """The variables of what it returns."""
    taken: frozenset[str]
    """The variables of the method around it, which stay as they are."""
    modules: Mapping[str, str]
    """How its modules are read, which the loop binds."""
    bound: Mapping[str, Node]
    """The names that the loop binds, with their variables."""
    held: Mapping[str, Node]
    """What its parameters are."""
    translation: Translation
    """That of the method around it."""

    def name(self, name: str, cls: Class, sizes: Sizes) -> Node | None:
        """What a name means that is none of the round's own."""
        if name in self.bound:
            return self.bound[name]
        if name in self.held:
            return self.translation.node(self.held[name], {})
        return None if name in sizes.axes or name in sizes.bound else self.translation.name(Name(name), {})


def within_rounds(
    step: Step, given: Sequence[Node], targets: tuple[str, ...], names: VariableNames, translation: Translation
) -> tuple[Within, Mapping[str, str], list[str]]:
    """The rounds of a step's loop, the variables of the lists that it runs over, and the lines that begin each round.

    `given` is what flows in, `targets` are the variables of what a round returns.
    """
    group = step.item
    assert isinstance(group, Group)
    assert group.rounds is not None
    bound = {name: translation.variable(name) for name in sorted(names_in(group.rounds.target))}
    names.taken |= bound.keys()
    lists, modules = _lists(step, group, names)
    arguments, before = _arguments(group, given, {one.text for one in bound.values()}, names)
    taken = frozenset((*names.taken, *names.until)) - set(arguments)
    loop = group.items[0]
    assert isinstance(loop, Loop), "the modules of a loop that stays one"
    call = loop.items[0]
    assert isinstance(call, Call), "the one module of a round"
    held = {one.name: one.node if one.node is not None else lift(one.value) for one in call.arguments}
    return Within(tuple(arguments), targets, taken, modules, bound, held, translation), lists, before


def _lists(step: Step, group: Group, names: VariableNames) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of the lists that a loop runs over, and how each module of a round is read."""
    lists: dict[str, str] = {}
    modules: dict[str, str] = {}
    for inner in body_of(group).registered():
        place = place_of(inner.attribute)
        if inner.item is None or (len(place) > 1 and not group.zipped) or is_spread(inner.item):
            continue
        own = len(place) == 1
        around = step.attribute if own else ".".join(place[:-1])
        if around not in lists:
            lists[around] = names.fresh("modules" if own else singular(place[-2]))
        modules[inner.attribute] = f'{lists[around]}.get_submodule("{place[0]}")' if own else lists[around]
    return lists, modules


def _arguments(
    group: Group, given: Sequence[Node], bound: Collection[str], names: VariableNames
) -> tuple[list[str], list[str]]:
    """The variables of what flows into a round, and the lines that give those their values that stand anew in each."""
    each = group.rounds is not None and group.rounds.each and len(body_of(group).steps) > 1
    before, arguments = [], []
    for place, node in enumerate(given):
        text = node.text
        anew = each and place == 0 and text not in bound  # the lines of a round may replace the first value
        if anew or not text.isidentifier():
            variable = names.fresh(body_of(group).inputs[place].name)
            before.append(f"{variable} = {text}")
            text = variable
        arguments.append(text)
    return arguments, before


def loop_head(header: str) -> list[str]:
    """The line that opens a loop, broken at its lists where it is long."""
    target, _, over = header.partition(" in ")
    names = re.fullmatch(r"(enumerate\()?zip\(([^()]*)\)(, [^()]*)?(\))?", over)
    if names is None:
        return [f"for {header}:"]
    lists = [Expression(one) for one in names[2].split(", ")]
    one = Expression(f"for {target} in zip", lists, tail=":")
    if names[1]:
        start = [Expression(names[3].removeprefix(", "))] if names[3] else []
        one = Expression(f"for {target} in enumerate", [Expression("zip", lists), *start], tail=":")
    return relative(one)
