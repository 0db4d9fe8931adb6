"""The statements by which weights begin, are frozen, and are parametrized: those of a step, and those of a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from archspec.emit.statement import relative
from archspec.emit.text import INDENT, WIDTH, Expression, is_attribute, member, name_text
from archspec.expressions import Literal
from archspec.graph import Argument, Branch, Call, Class, Fill, Graph, Group, Item, Loop, Parametrization, Rule, walk
from archspec.initializers import INITIALIZERS
from archspec.layers import LAYERS, Layer
from archspec.lower.weights import overlap, weights_of_class, weights_of_layer

_TYPED = ("weight", "bias")
"""The parameters of layers that PyTorch declares by these names."""

Written = Callable[[Argument, str], Expression]
"""How a constructor writes an argument, given what stands before it."""


_FIXED = ("constant_", "dirac_", "eye_", "ones_", "zeros_")
"""The functions of torch.nn.init that draw no random numbers."""


def is_static(items: Iterable[Item]) -> bool:
    """Whether one expression makes these modules: the same ones whatever the parameters are, and all at once."""
    found = tuple(items)
    if any(isinstance(item, Loop | Branch) or item.shared for item in walk(found)):
        return False
    return not _drawn_in_turn(found)


def _drawn_in_turn(items: tuple[Item, ...]) -> bool:
    """Whether weights are drawn anew before another of these modules, which draws its own, is made."""
    drawn = any(_draws(one) for item in items[:-1] for one in walk((item,)))
    return drawn or any(_drawn_in_turn(item.items) for item in items if isinstance(item, Group))


def _draws(item: Item) -> bool:
    if not isinstance(item, Call | Group) or not item.initial:
        return False
    return any(fill.function not in _FIXED for fill in item.initial) or bool(
        isinstance(item, Call) and item.parametrized
    )


def says(item: Item) -> bool:
    """Whether something is left to be done with the weights of a module that one expression has made."""
    if isinstance(item, Call):
        return bool(item.initial)
    if not isinstance(item, Group):
        return False
    return bool(item.initial) or not item.trainable or (is_static(item.items) and any(map(says, item.items)))


def finished(item: Call, made: Expression, written: Written) -> Expression:
    """The expression of a module with what can be done to it at once: a parametrization, and freezing it."""
    if item.parametrized and item.initial:  # these follow one after the other
        return made
    for one in item.parametrized:
        comment, made.comment = made.comment, ""
        made = Expression(_name(one), [made, *_options(one, written)], comment=comment)
    if not item.trainable:
        made.tail += ".requires_grad_(False)"
    return made


def _name(one: Parametrization) -> str:
    return f"nn.utils.parametrizations.{one.function}"


def _options(one: Parametrization, written: Written) -> list[Expression]:
    found = [Expression(f'name="{one.weight}"')] if one.weight != "weight" else []
    return found + [written(argument, f"{argument.name}=") for argument in one.arguments]


class Words:
    """Writes what steps and rules say of weights. `variables` are names of the constructor that mean nothing else."""

    def __init__(self, written: Written, free_name: Callable[[str], str]) -> None:
        self.written = written
        self.free_name = free_name

    def lines(self, item: Item, ref: str, indent: str, *, typed: bool = False) -> list[str]:
        """What steps say of the weights of a module that has just been made and that `ref` is.

        `typed` says that a type checker knows which layer it is.
        """
        found = self._of(item, ref, "", typed)
        return [line for depth, one in found for line in relative(one, indent + INDENT * depth)]

    def _of(self, item: Item, ref: str, path: str, typed: bool) -> Iterator[tuple[int, Expression]]:
        if not isinstance(item, Call | Group):
            return
        if isinstance(item, Group) and is_static(item.items):
            for child in item.items:
                name = getattr(child, "name", None)
                yield from self._of(child, ref, f"{path}.{name}" if path else str(name), False)
        declared = type(item.layer) if isinstance(item, Call) and isinstance(item.layer, Layer) else None
        typed = typed and isinstance(item, Call) and item.held is None
        for fill in item.initial:
            yield from self.fill(fill, ref, path, declared if typed else None)
        module = f"{ref}.get_submodule({name_text(path)})" if path else ref
        if isinstance(item, Call) and item.parametrized and item.initial:
            for one in item.parametrized:
                yield 0, Expression(_name(one), [Expression(module), *_options(one, self.written)])
            if not item.trainable:
                yield 0, Expression(f"{module}.requires_grad_(False)")
        if isinstance(item, Group) and not item.trainable:
            yield 0, Expression(f"{module}.requires_grad_(False)")

    def fill(
        self, fill: Fill, ref: str, path: str = "", declared: type[Layer] | None = None
    ) -> Iterator[tuple[int, Expression]]:
        """The statements for one weight, or for those that a pattern means.

        `declared` is the class that a type checker takes `ref` for, where it knows it.
        """
        name = f"{path}.{fill.weight}" if path else fill.weight
        plain = declared is not None and not path and fill.weight in _TYPED
        if declared is not None and plain and (fill.uncertain or fill.weight in declared.nullable):
            yield 0, Expression(f"if {ref}.{name} is not None:")
            yield 1, self.call(fill, f"{ref}.{name}")
        elif fill.uncertain or fill.pattern:
            key, weight = self.free_name("name"), self.free_name("param")
            yield 0, Expression(f"for {key}, {weight} in {ref}.named_parameters():")
            yield 1, Expression(f"if {condition(name, key)}:")
            yield 2, self.call(fill, weight)
        else:
            yield 0, self.call(fill, f"{ref}.{name}" if plain else f"{ref}.get_parameter({name_text(name)})")

    def call(self, fill: Fill, weight: str) -> Expression:
        """`nn.init.normal_(self.fc.weight, std=0.02)`."""
        options = {option.name: option for option in INITIALIZERS[fill.function].options}
        arguments = [
            self.written(argument, "" if options[argument.name].required else f"{argument.name}=")
            for argument in fill.arguments
            if not _is_default(argument, options[argument.name].default)
        ]
        return Expression(f"nn.init.{fill.function}", [Expression(weight), *arguments])

    # The rules of a network.

    def rules(self, graph: Graph) -> Iterator[tuple[int, Expression]]:
        """The statements at the end of a network's constructor."""
        classes = (*graph.blocks, graph.main)
        blocks = {cls.name: cls for cls in classes}
        for kind in (False, True):
            branches = [
                (f"nn.{rule.cls}" if not kind else rule.cls, lines)
                for rule in graph.main.rules
                if rule.cls and (rule.cls in blocks) == kind
                if (lines := list(self.of_rule(rule, classes, blocks.get(rule.cls))))
            ]
            yield from self.by_class(branches)
        for rule in graph.main.rules:
            if not rule.cls:
                yield from self.by_name(rule, graph.main, _fills_shared(rule, graph.main, graph.blocks))

    def by_class(self, branches: list[tuple[str, list[tuple[int, Expression]]]]) -> Iterator[tuple[int, Expression]]:
        """`for module in self.modules():`, and what is done with each kind of them."""
        if not branches:
            return
        module = self.free_name("m")
        merged: dict[str, tuple[list[str], list[tuple[int, Expression]]]] = {}
        for kind, lines in branches:
            # What is asked of one class may be asked of another: the weights that may be missing include the others.
            texts = [line.flat() or "" for _, line in lines]
            key = "\n".join(text for text in texts if not text.startswith(f"if {module}."))
            kinds, longest = merged.get(key, ([], lines))
            merged[key] = ([*kinds, kind], max(longest, lines, key=len))
        yield 0, Expression(f"for {module} in self.modules():")
        for number, (kinds, lines) in enumerate(merged.values()):
            yield 1, Expression(f"{'elif' if number else 'if'} isinstance({module}, {' | '.join(kinds)}):")
            yield from ((depth + 2, line) for depth, line in lines)

    def of_rule(self, rule: Rule, classes: tuple[Class, ...], block: Class | None) -> Iterator[tuple[int, Expression]]:
        """What is done with a module of the class that a rule is for."""
        module = self.free_name("m")
        if block is not None:
            known = {name: certain for name, _, certain in weights_of_class(block)}
            for fill in rule.fills:
                yield from self.of_block(fill, block, known, module)
            return
        uses = [
            use for cls in classes for item in walk(cls.children()) if (use := _certain(item, rule.cls)) is not None
        ]
        for fill in rule.fills:
            if not any(overlap(fill.weight, name) for use in uses for name in use):
                continue
            certain = all(use.get(fill.weight, False) for use in uses)
            yield from self.fill(_as(fill, uncertain=fill.pattern or not certain), module, declared=LAYERS[rule.cls])

    def of_block(
        self, fill: Fill, block: Class, known: dict[str, bool], module: str
    ) -> Iterator[tuple[int, Expression]]:
        """What is done with a weight of a block."""
        if not any(overlap(fill.weight, name) for name in known):
            return
        first, _, weight = fill.weight.partition(".")
        item = next((step.item for step in block.written() if step.module == first), None)
        layer = item.layer if isinstance(item, Call) and is_attribute(first, module) else None
        if isinstance(layer, Layer) and known.get(fill.weight) and weight in _TYPED:
            inner = replace(fill, weight=weight, uncertain=False)
            yield from self.fill(inner, member(first, module), declared=type(layer))
        else:
            yield from self.fill(_as(fill, uncertain=not known.get(fill.weight, False)), module)

    def by_name(self, rule: Rule, main: Class, ties: bool) -> Iterator[tuple[int, Expression]]:
        """What is done with parameters by their names: one by one, or in a loop over all of them."""
        known = {name: certain for name, _, certain in weights_of_class(main)}
        if all(known.get(fill.weight) and fill.function for fill in rule.fills):
            order = list(known)
            for fill in sorted(rule.fills, key=lambda fill: order.index(fill.weight)):
                yield from self.of_main(fill, main)
            return
        key, weight = self.free_name("name"), self.free_name("param")
        every = "remove_duplicate=False" if ties else ""
        yield 0, Expression(f"for {key}, {weight} in self.named_parameters({every}):")
        kept = Expression("continue", comment="it begins as its step says")
        bodies = [(fill, self.call(fill, weight) if fill.function else kept) for fill in rule.fills]
        for number, (_, alike) in enumerate(groupby(bodies, lambda pair: pair[1].flat())):
            several = list(alike)
            yield 1, _asking("elif" if number else "if", [condition(fill.weight, key) for fill, _ in several])
            yield 2, several[0][1]

    def of_main(self, fill: Fill, main: Class) -> Iterator[tuple[int, Expression]]:
        first, _, weight = fill.weight.partition(".")
        step = next((one for one in main.written() if first in (one.module, one.name)), None)
        if step is not None and step.kind == "parameter":
            yield 0, self.call(fill, f"self.{first}")
        elif step is not None and isinstance(step.item, Call) and isinstance(step.item.layer, Layer):
            if weight in _TYPED and not step.item.parametrized:
                inner = replace(fill, weight=weight, uncertain=False)
                yield from self.fill(inner, member(first), declared=type(step.item.layer))
            else:
                yield 0, self.call(fill, f'self.get_parameter("{fill.weight}")')
        else:
            yield 0, self.call(fill, f'self.get_parameter("{fill.weight}")')


def _as(fill: Fill, *, uncertain: bool) -> Fill:
    return replace(fill, uncertain=uncertain)


def _certain(item: Item, kind: str) -> dict[str, bool] | None:
    """The weights of an item, if it is a layer of that class, and whether each is there in any case."""
    if not isinstance(item, Call) or not isinstance(item.layer, Layer) or item.type_name != kind:
        return None
    return {name: certain for name, _, certain in weights_of_layer(item.layer)}


def _fills_shared(rule: Rule, main: Class, blocks: Iterable[Class]) -> bool:
    """Whether a rule by name may be for one name of a parameter that has several: of which it has only the first."""
    if any(_has_ties(cls) for cls in blocks):
        return True
    if not _has_ties(main):
        return False
    pairs = [(f"{one.module}.{one.weight}".lstrip("."), one.other) for one in main.shared if one.within is None]
    known = bool(pairs) and len(pairs) == len(main.shared)
    return not known or any(overlap(fill.weight, name) for fill in rule.fills for pair in pairs for name in pair)


def _has_ties(cls: Class) -> bool:
    return any(isinstance(item, Call) and item.ties for item in walk(cls.children()))


def _is_default(argument: Argument, default: object) -> bool:
    written = isinstance(argument.node, Literal)
    return written and type(argument.value) is type(default) and argument.value == default


def _asking(word: str, asked: list[str]) -> Expression:
    """`if one or other:`, broken where a formatter breaks it: of two conditions, within the call that ends the line."""
    *before, last = sorted(asked, key=lambda text: text.endswith(")"))
    pieces = [*(f"{'or ' if place else ''}{one}" for place, one in enumerate(before)), f"or {last}" if before else last]
    text = " ".join(pieces)
    head, _, inside = text.removesuffix(")").rpartition("(")
    if len(asked) == 2 and text.endswith(")") and len(f"{word} {head}(") < WIDTH - 3 * len(INDENT):
        return Expression(f"{word} {head}", [Expression(one) for one in inside.split(", ")], tail=":")
    return Expression(f"{word} {text}", tail=":", pieces=pieces, label=f"{word} ")


def condition(pattern: str, name: str) -> str:
    """Whether a name is one, or fits a pattern, as Python asks for it."""
    parts = re.split(r"\*(?![^{}]*\})", pattern)  # in braces it is a product
    if len(parts) == 1:
        return f"{name} == {name_text(pattern)}"
    if len(parts) == 2 and not parts[0]:
        return f"{name}.endswith({name_text(parts[1])})"
    if len(parts) == 2 and not parts[1]:
        return f"{name}.startswith({name_text(parts[0])})"
    if len(parts) == 3 and not parts[0] and not parts[2]:
        return f"{name_text(parts[1])} in {name}"
    return f"fnmatchcase({name}, {name_text(pattern)})"
