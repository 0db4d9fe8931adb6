"""The rules at the top of a document by which weights begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from archspec.document import Block, Document
from archspec.expressions import Scope
from archspec.graph import Call, Class, Fill, Rule, modules, tied_names
from archspec.layers import LAYERS
from archspec.lower._problems import Report
from archspec.lower.initial_functions import is_for, read_fill
from archspec.lower.initial_ties import classes_tied, less_exact, tied_below
from archspec.lower.reading import keyed_steps, steps_of
from archspec.lower.weights import (
    classes_below,
    fits,
    known_weights,
    overlap,
    parametrized,
    weights_below,
    weights_of_class,
    weights_with_init,
)
from archspec.problems import Span, did_you_mean, echo
from archspec.source import Path

HOLDING: tuple[str, ...] = ("MultiheadAttention", "Transformer", "TransformerDecoder", "TransformerDecoderLayer")
HOLDING += ("TransformerEncoder", "TransformerEncoderLayer")
"""Layers of PyTorch's that hold others, which go by their names alone."""
_HELD = ("Linear", "LayerNorm", "MultiheadAttention", "Dropout", "ReLU")


class Rules:
    """The rules at the top of a document."""

    def __init__(self, report: Report, document: Document, scope: Scope) -> None:
        self.report = report
        self.document = document
        self.layers: dict[str, tuple[Fill, ...]] = {}
        self.blocks: dict[str, tuple[Fill, ...]] = {}
        self.named: list[Fill] = []
        self.pushed = classes_filled_when_made(document) if document.init else frozenset[str]()
        for key, below in document.init.items():
            self.read(str(key), below, ("init", key), scope)

    def read(self, key: str, below: Any, path: Path, scope: Scope) -> None:
        """One rule, for a class, a block, a name or a pattern."""
        entries = below.items() if isinstance(below, dict) else [("", below)]
        fills = []
        for weight, text in entries:
            at = (*path, weight) if isinstance(below, dict) else path
            name = weight if key in LAYERS or key in self.document.blocks else f"{key}.{weight}" if weight else key
            fill = read_fill(self.report, name, text, at, scope)
            fills += [fill] if fill is not None else []
        if key in LAYERS or key in self.document.blocks:
            if not isinstance(below, dict):
                advice = f"write `{key}: {{weight: {below}}}`"
                self.report.add("AS202", f"{echo(key)} needs a function for each of its weights", path, advice)
                return
            (self.layers if key in LAYERS else self.blocks)[key] = tuple(fills)
        else:
            self.named += fills

    def of_layer(self, layer: str) -> tuple[Fill, ...]:
        """The fills that a layer of that class has where it is made."""
        found = self.layers.get(layer, ()) if layer in self.pushed else ()
        return tuple(replace(fill, general=True) for fill in found)

    def last(self, main: Class) -> tuple[Rule, ...]:
        """The rules that run once all modules are made."""
        classes = [(cls, fills) for cls, fills in self.layers.items() if cls not in self.pushed]
        for block, fills in self.blocks.items():
            own = {*weights_of_steps_with_init(self.document, block), *tied_below(self.document.blocks[block])}
            classes.append((block, tuple(fill for fill in fills if fill.weight not in own)))
        found = [Rule(cls, fills, fills[0].span) for cls, fills in classes if fills]
        if not self.named:
            return tuple(found)
        exact = sorted(self.named, key=lambda fill: (fill.pattern, -len(fill.weight.replace("*", ""))))
        said = (
            *weights_with_init(main),
            *(f"{path}.parametrizations.{weight}.*" for path, weight in parametrized(main.children())),
        )
        said = (*said, *less_exact(tied_names(main), said, [one.weight for one in exact]))
        kept = [name for name in dict.fromkeys(said) if any(overlap(one.weight, name) for one in exact)]
        left = [replace(exact[0], weight=name, function="", arguments=(), pattern="*" in name) for name in kept]
        return (*found, Rule("", (*left, *exact), exact[0].span))

    def judge(self, main: Class) -> Iterator[tuple[str, str, Span]]:
        """Checks what each rule fills in an unrolled network; those that fit nothing."""
        self.refuse_parametrized(main)
        self.refuse_overwritten(main)
        whole = list(weights_of_class(main))
        conditional = any(step.when is not None for block in self.all_blocks() for step in steps_of(block.layers))
        for fill in self.named:
            found = [weight for name, weight, _ in whole if fits(fill.weight, name) and weight is not None]
            all(is_for(self.report, weight.name, weight, fill) for weight in found)
            if not found and not (conditional and self.may_reach(fill.weight)):
                hint = did_you_mean(fill.weight, [name for name, _, _ in whole][:200])
                yield f"`{fill.weight}`", hint, fill.span
        types = {str(step.type) for block in self.all_blocks() for step in steps_of(block.layers)}
        for cls, fills in (*self.layers.items(), *self.blocks.items()):
            calls = [item for _, item in modules(main.children()) if isinstance(item, Call) and item.type_name == cls]
            for fill in fills:
                weights = {
                    name: weight for item in calls for name, weight, _ in weights_below(item) if fits(fill.weight, name)
                }
                all(is_for(self.report, name, weight, fill) for name, weight in weights.items() if weight is not None)
                if not weights and (calls or cls not in types) and fill.weight not in ("weight", "bias") * bool(calls):
                    what = f"`{fill.weight}` of `{cls}`" if calls else f"`{cls}`"
                    yield what, known_weights(calls[0]) if calls else "no step is of that class", fill.span

    def may_reach(self, pattern: str) -> bool:
        """Whether such a name may be there with other steps kept: its first part is a module of the network."""
        layers, first = self.document.layers, pattern.partition(".")[0]
        if "*" in first or not isinstance(layers, dict):
            return True
        return first in layers or any((step.name or "").partition(".")[0] == first for step in steps_of(layers))

    def refuse_parametrized(self, main: Class) -> None:
        """Rules by name and of blocks run once modules are made: too late for a weight that is parametrized by then."""
        for fill, name in _too_late(main, self.named):
            message = f"{echo(fill.weight)} means `{name}`, which is parametrized before rules by name are applied"
            advice = "use `init:` beside its step, or a rule for the class of its layer"
            self.report.add_at("AS206", message, fill.span, advice)
        for block in classes_below(main.children()) if self.blocks else ():
            for fill, name in _too_late(block, self.blocks.get(block.name, ())):
                message = f"`{name}` of `{block.name}` is parametrized before rules for blocks are applied"
                self.report.add_at("AS206", message, fill.span, "use `init:` beside its step")

    def refuse_overwritten(self, main: Class) -> None:
        """Rules of blocks run once modules are made: too late for weights of which a step around a block says more."""
        said = list(weights_with_init(main)) if self.blocks else []
        for path, item in modules(main.children()) if said else ():
            if not isinstance(item, Call) or item.type_name not in self.blocks:
                continue
            own = weights_of_steps_with_init(self.document, item.type_name)
            for fill in self.blocks[item.type_name]:
                step = next((one for one in said if overlap(one, f"{path}.{fill.weight}")), None)
                if step is None or fill.weight in own:
                    continue
                what = f"the rule for `{item.type_name}` runs after the `init:` of a step"
                advice = f"write `init:` beside the step of `{item.type_name}` that has this weight"
                self.report.add_at("AS206", f"{what}, which says how `{step}` begins", fill.span, advice)
                return

    def all_blocks(self) -> tuple[Block, ...]:
        return (self.document, *self.document.blocks.values())


def classes_filled_when_made(document: Document) -> frozenset[str]:
    """The classes of layers whose rules run as each of them is made.

    A rule that runs once all are made would fill a tied weight by the name that is tied to another one.
    """
    found = set(classes_tied(document))
    for block in (document, *document.blocks.values()):
        for step in steps_of(block.layers):
            if step.init is not None or step.parametrize is not None:
                if step.type not in LAYERS and step.type != "Parameter":
                    return frozenset(LAYERS)
                found.add(str(step.type))
            if step.type in HOLDING:
                found |= set(_HELD)
    return frozenset(found)


def weights_of_steps_with_init(document: Document, block: str) -> set[str]:
    """The weights of a block's steps of which the steps have a word themselves."""
    pairs = keyed_steps(document.blocks[block].layers)
    return {f"{key}.{weight}" for key, step in pairs if isinstance(step.init, dict) for weight in step.init}


def _too_late(cls: Class, fills: Sequence[Fill]) -> Iterator[tuple[Fill, str]]:
    """The parametrized weights of a class that one of its rules means, and no step fills; each with that rule."""
    said = set(weights_with_init(cls)) if fills else ()
    for name in dict.fromkeys(f"{path}.{weight}" for path, weight in parametrized(cls.children())) if fills else ():
        fill = next((one for one in fills if overlap(one.weight, name)), None)
        if fill is not None and name not in said:
            yield fill, name
