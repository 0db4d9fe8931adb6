"""What may be written at a place: layers, blocks, arguments, values, keys, names that are in scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from archspec.analysis import Analysis, Name
from archspec.document import Block, Budget, Document, InputEntry, ParameterEntry
from archspec.document.checks import TYPES
from archspec.document.names import MODIFIERS, SPECIAL
from archspec.editor.context import CursorContext, context_at, layer_around
from archspec.editor.places import Lines
from archspec.functions import FUNCTIONS
from archspec.initializers import INITIALIZERS
from archspec.layers import LAYERS
from archspec.tensors import DTYPES

ItemKind = Literal["class", "function", "field", "variable", "value", "keyword", "module"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that may be written."""

    label: str
    kind: ItemKind
    detail: str = ""
    text: str = ""
    """What is inserted, where that is not the label."""


def completions(analysis: Analysis, lines: Lines, line: int, column: int) -> list[Item]:
    """What may be written at a place, counted from 0 in characters; the likeliest first."""
    if _in_comment(lines[line][:column]):
        return []
    context = context_at(lines, line, column)
    found = {item.label: item for item in reversed(list(_items(analysis, context, line)))}
    return list(reversed(found.values()))


def _in_comment(before: str) -> bool:
    return before.lstrip().startswith("#") or " #" in before


def _items(analysis: Analysis, context: CursorContext, line: int) -> Iterator[Item]:
    inside = context.inside
    if not inside and (context.at_key or not context.keys):
        model = Block if context.block is not None else Document
        yield from _keys((_alias(model, name) for name in model.model_fields), context)
        return
    section = inside[0] if inside else "blocks"
    if section == "params":
        yield from _parameter(context)
    elif section == "inputs":
        yield from _input(analysis, context)
    elif section == "variants":
        yield from _of_kind(analysis, context, line, ("parameter",))
    elif section == "budget":
        yield from _keys(Budget.model_fields, context)
    elif section == "outputs":
        yield from _of_kind(analysis, context, line, ("step", "input"))
    elif section == "let":
        yield from _numbers(analysis, context, line)
    elif section == "init":
        yield from (Item(name, "class") for name in LAYERS) if len(inside) == 1 else _initial()
    elif section == "layers":
        yield from _step(analysis, context, line)


def _alias(model: type[Any], name: str) -> str:
    return model.model_fields[name].alias or name


def _keys(names: Iterable[str], context: CursorContext) -> Iterator[Item]:
    yield from (Item(name, "keyword", text=f"{name}: ") for name in names if name not in context.given)


def _parameter(context: CursorContext) -> Iterator[Item]:
    if len(context.inside) == 2 and not context.at_key:
        yield from (Item(name, "value", "a required parameter") for name in TYPES)
        yield from (Item(name, "class", "a parameter that holds a layer") for name in LAYERS)
    elif context.inside[-1] == "type":
        yield from (Item(name, "value") for name in TYPES)
    elif len(context.inside) >= 2:
        yield from _keys(ParameterEntry.model_fields, context)


def _input(analysis: Analysis, context: CursorContext) -> Iterator[Item]:
    if context.inside[-1] == "dtype":
        yield from (Item(name, "value") for name in DTYPES)
    elif context.at_key and len(context.inside) == 2:
        yield from _keys((_alias(InputEntry, name) for name in InputEntry.model_fields), context)
    elif len(context.inside) > 1:
        yield from _of_kind(analysis, context, 0, ("size", "parameter", "computed"))


# Steps.


def _step(analysis: Analysis, context: CursorContext, line: int) -> Iterator[Item]:
    layer, last = layer_around(context), context.inside[-1]
    if layer is not None:
        yield from _arguments(analysis, context, line, layer)
    elif last == "layers" and context.at_key:
        return  # the name of a step, which is new
    elif last in ("from", "shape") or "from" in context.inside[-2:]:
        yield from _of_kind(analysis, context, line, ("step", "input"))
        yield from _numbers(analysis, context, line)
    elif last == "again":
        yield from _of_kind(analysis, context, line, ("step",))
    elif last == "layer":
        yield from _of_kind(analysis, context, line, ("parameter",))
    elif last in ("for", "each", "when", "repeat"):
        yield from _numbers(analysis, context, line)
    elif last in ("collect", "shared", "trainable", "persistent"):
        yield from (Item(word, "value") for word in ("true", "false"))
    elif last == "init":
        yield from _initial()
    elif last not in MODIFIERS:
        yield from _of_step(analysis, context, line)


def _of_step(analysis: Analysis, context: CursorContext, line: int) -> Iterator[Item]:
    """What stands for a step: a layer, a block, or in a mapping an expression."""
    named = context.inside[-1] != "-"
    beside = context.at_key and context.given
    if beside:
        yield from _keys((*MODIFIERS, *SPECIAL), context)
    if not beside or all(key in MODIFIERS for key in context.given):
        blocks = [one.name for one in analysis.names if one.kind in ("block", "import")]
        yield from (Item(name, "class", "a block of this spec") for name in blocks)
        yield from (Item(name, "class", _title(layer.__doc__)) for name, layer in LAYERS.items())
        yield from _keys(("layers",) if not named else SPECIAL, context) if not beside else ()
    if named and not context.at_key:
        yield from _of_kind(analysis, context, line, ("step", "input"))
        yield from (Item(name, "function", _title(one.doc), f"{name}(") for name, one in FUNCTIONS.items())


def _arguments(analysis: Analysis, context: CursorContext, line: int, layer: str) -> Iterator[Item]:
    """The arguments of a layer or block, or the values that one takes."""
    last = context.inside[-1]
    block = analysis.document.blocks.get(layer) if analysis.document is not None else None
    declared = LAYERS[layer].arguments if layer in LAYERS else {}
    names = list(declared) or list(block.params if block is not None else ())
    if not names:
        names = [one.name for one in analysis.names if one.kind == "parameter" and one.scope == layer]
    if context.at_key and last == layer:
        for name in names:
            one = declared.get(name)
            detail = f"{one.expects(LAYERS[layer])}{', inferred' if one.inferred else ''}" if one is not None else ""
            if name not in context.given:
                yield Item(name, "field", detail, f"{name}: ")
        return
    argument = declared.get(last) or (declared.get(LAYERS[layer].single() or "") if layer in LAYERS else None)
    if argument is not None:
        yield from (Item(word, "value") for word in argument.choices or ())
        kinds = {"flag": ("true", "false"), "dtype": DTYPES}
        yield from (Item(word, "value") for word in kinds.get(argument.kind, ()))
    yield from _numbers(analysis, context, line)


def _initial() -> Iterator[Item]:
    yield from (Item(name, "function", "torch.nn.init", name) for name in INITIALIZERS)


# Names.


def _numbers(analysis: Analysis, context: CursorContext, line: int) -> Iterator[Item]:
    """The names that may stand where a number is computed."""
    yield from _of_kind(analysis, context, line, ("parameter", "computed", "size", "loop"))


def _of_kind(analysis: Analysis, context: CursorContext, line: int, kinds: tuple[str, ...]) -> Iterator[Item]:
    """The names of some kinds that are known at a place; of steps those above it, the nearest first."""
    scope = context.block or ""
    known = [one for one in analysis.names if one.kind in kinds and _is_in(one, scope)]
    steps = [one for one in known if one.kind == "step" and one.definition.line <= line]
    for one in (*reversed(steps), *(one for one in known if one.kind != "step")):
        yield Item(one.name, "variable", one.kind)


def _is_in(name: Name, scope: str) -> bool:
    """Whether a name is of a block, or of a group or loop within it."""
    outer = name.scope.partition(".")[0]
    return name.scope == scope or (outer == scope if scope else name.kind == "loop")


def _title(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
