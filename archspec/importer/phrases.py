"""Parts of a step: its layer with arguments, its loop, its `from`, and the order of a block's steps."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from archspec.importer.grouping import Region
from archspec.importer.naming import BlockNames, UnwritableError, clean
from archspec.importer.nodes import Apply, ArgumentGroup, ModuleBody, Operation, Ref, Scalar
from archspec.importer.saying import Printer, literal
from archspec.importer.settings import is_left_out
from archspec.importer.templates import Hole, LoopTemplate, references_in
from archspec.layers import LAYERS

LONGEST = 190
"""How long an expression may be: the language allows 200 characters."""


def mapping_of(step: Any) -> dict[str, Any]:
    """A step as a mapping, to which keys can be added."""
    return dict(step) if isinstance(step, dict) else {str(step): {}}


def is_list(step: Any) -> bool:
    """Whether a step is a list of steps."""
    return isinstance(step, dict) and isinstance(step.get("layers"), list)


def joined_conditions(items: list[Any]) -> list[Any]:
    """The steps of a list, neighbours on one condition as a group."""
    found: list[Any] = []
    for condition, several in itertools.groupby(items, lambda one: one.get("when") if isinstance(one, dict) else None):
        steps = list(several)
        if condition is None or len(steps) == 1:
            found += steps
            continue
        plain = [{key: value for key, value in one.items() if key != "when"} for one in steps]
        shortest = [next(iter(one)) if list(one.values()) == [{}] else one for one in plain]
        inner = [one["layers"][0] if is_list(one) and len(one) == 1 else one for one in shortest]
        found.append({"when": condition, "layers": inner})
    return found


def shares_container(body: ModuleBody, loop: LoopTemplate) -> bool:
    """Whether other steps of a body stand in the container of a loop."""
    prefix = f"{loop.container}."
    for one in body.operations:
        if isinstance(one, LoopTemplate):
            if one is not loop and one.container == loop.container:
                return True
        elif one.module is not None and one.module.startswith(prefix):
            return True
    return False


def expression_of(node: Any, name: str, printer: Printer, names: BlockNames, steps: dict[str, Any]) -> str:
    """An expression; where it is too long for one, its parts become steps of their own."""
    text = printer.text(node)
    while len(text) > LONGEST and isinstance(node, Apply):
        parts = [(len(printer.text(one)), k) for k, one in enumerate(node.args) if isinstance(one, Apply)]
        if not parts:
            raise UnwritableError(f"`{name}` is created by an expression that is too long")
        _, longest = max(parts)
        step = names.free(f"{clean(name)}_{node.args[longest].function.rpartition('.')[2]}")
        steps[step] = expression_of(node.args[longest], name, printer, names, steps)
        args = (*node.args[:longest], Hole((), (), "", step), *node.args[longest + 1 :])
        node = Apply(node.function, args, node.keywords)
        text = printer.text(node)
    if len(text) > LONGEST:
        raise UnwritableError(f"`{name}` is created by an expression of {len(text)} characters")
    return text


def header(printer: Printer, one: LoopTemplate, named: bool = False) -> dict[str, Any]:
    """The key of a loop: `repeat` or `for`."""
    count = printer.text(one.count)
    if one.over is not None:
        name, values = one.over
        return {"for": f"i, {name} in enumerate({values})" if named else f"{name} in {values}"}
    if one.items:
        names = ", ".join(name for name, _ in one.items)
        rows = [list(row) for row in zip(*(values for _, values in one.items), strict=True)]
        texts = [literal(row[0] if len(row) == 1 else tuple(row))[0] for row in rows]
        listed = f"[{', '.join(texts)}]"
        if named:
            start = f", {one.start}" if one.start else ""
            target = f"({names})" if len(one.items) > 1 else names
            return {"for": f"i, {target} in enumerate({listed}{start})"}
        return {"for": f"{names} in {listed}"}
    if named or one.counted:
        stop = count if not one.start else _sum(printer, one)
        start = f"{one.start}, " if one.start else ""
        return {"for": f"i in range({start}{stop})"}
    return {"repeat": one.count.value if isinstance(one.count, Scalar) else count}


def _sum(printer: Printer, one: LoopTemplate) -> str:
    if isinstance(one.count, Scalar):
        return str(one.count.value + one.start)
    text = printer.text(one.count)
    match = re.fullmatch(rf"(.*) - {one.start}", text)
    return match[1] if match else f"{text} + {one.start}"


def layer_step(printer: Printer, one: Operation) -> Any:
    """A layer with the arguments that are neither inferred nor defaults."""
    if one.defaults is not None:
        return _own_step(printer, one, one.defaults)
    if isinstance(one.function, Hole):
        return {"layer": one.function.text}
    given = {}
    for name, value in one.settings.items():
        if not is_left_out(one.function, name, value.value if isinstance(value, Scalar) else value):
            given[name] = value_of(printer, value)
    given.update({name: printer.held(other) for name, other in one.ties.items()})
    single = LAYERS[one.function].single()
    if not given:
        return one.function
    if single is not None and list(given) == [single]:
        return {one.function: given[single]}
    return {one.function: given}


def _own_step(printer: Printer, one: Operation, defaults: Mapping[str, Any]) -> Any:
    """A class of the user's with the arguments that are no defaults."""
    kept = {key: value for key, value in one.settings.items() if key not in defaults or not _same(value, defaults[key])}
    given = {key: value_of(printer, value) for key, value in kept.items()}
    return {one.function: given} if given else one.function


def value_of(printer: Printer, node: Any) -> Any:
    """An argument as YAML has it: a number, a list, or the text of an expression."""
    if isinstance(node, Scalar):
        if isinstance(node.value, tuple):
            return list(node.value)
        return node.value
    text = printer.text(node)
    return int(text) if text.isdigit() else text


def source_of(printer: Printer, one: Any, last: Any) -> Any:
    """What `from` says; None where the value of the step above flows in."""
    if isinstance(one, Operation) and one.body is not None and one.body.kind is Region:
        first = next(iter(one.body.operations[0].args), None)
        given = one.args[int(first.path[0])] if isinstance(first, Ref) and first.operation == -1 else None
        return None if given is None or given == last else printer.text(given)
    args, keywords = list(one.args), dict(one.keywords)
    call = one.round if isinstance(one, LoopTemplate) else one
    if call.body is not None and call.body.kind is Region:
        args = args[:1]  # the others are read by their names
    if call.body is None and call.defaults is None and not isinstance(call.function, Hole):
        args, keywords = _plain_arguments(call.function, args, keywords)
    if keywords:
        names = _forward_names(call.function)
        said = {name: _argument(printer, value) for name, value in zip(names, args, strict=False)}
        return {**said, **{key: _argument(printer, value) for key, value in keywords.items()}}
    if len(args) == 1 and args[0] == last:
        return None
    if len(args) == 1 and isinstance(args[0], ArgumentGroup):
        raise UnwritableError("a module that takes a list of tensors")
    said_list = [_argument(printer, value) for value in args]
    return said_list[0] if len(said_list) == 1 else said_list


def _argument(printer: Printer, node: Any) -> Any:
    if isinstance(node, Scalar):
        return node.value
    return printer.text(node)


def _forward_names(layer: str) -> list[str]:
    return list(LAYERS[layer].inputs) if layer in LAYERS else []


def _plain_arguments(layer: str, args: list[Any], keywords: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a layer's forward method without those that are its defaults."""
    parameters = list(inspect.signature(getattr(nn, layer).forward).parameters.values())[1:]
    names = [one.name for one in parameters]
    bound = {**dict(zip(names, args, strict=False)), **keywords}
    kept = {}
    for one in parameters:
        if one.name not in bound:
            continue
        value = bound[one.name]
        if isinstance(value, Scalar) and one.default is not inspect.Parameter.empty and value.value == one.default:
            continue
        kept[one.name] = value
    if list(kept) == names[: len(kept)] and all(not isinstance(value, Scalar) for value in kept.values()):
        return list(kept.values()), {}
    return [], kept


def _same(value: Any, default: Any) -> bool:
    return isinstance(value, Scalar) and type(value.value) is type(default) and bool(value.value == default)


def in_order(body: ModuleBody) -> list[tuple[int, Any]]:
    """The operations with their numbers; modules that are only kept come first, as far as they take no results."""
    kept: list[tuple[int, Any]] = []
    others: list[tuple[int, Any]] = []
    for index, one in enumerate(body.operations):
        idle = isinstance(one, Operation) and not one.called
        alone = idle and all(ref.operation == -1 for ref in references_in(one))
        (kept if alone else others).append((index, one))
    return [*kept, *others]


def order_of(steps: Mapping[str, Any], body: ModuleBody) -> list[str] | None:
    """The steps in the order in which their modules were made, where that is not the order of flow."""
    wanted = list(dict.fromkeys(name.split(".")[0] for name in body.order))
    made, called = [], {}
    for name, step in steps.items():
        path = str(step.get("name", name)) if isinstance(step, dict) else name
        if isinstance(step, dict) and ("again" in step or "Parameter" in step or "Buffer" in step):
            continue
        made.append(path.split(".")[0])
        called[made[-1]] = name if "." not in path else made[-1]
    flowing = list(dict.fromkeys(one for one in made if one in wanted))
    if flowing == wanted or [one for one in wanted if one in flowing] == flowing:
        return None
    return [called[one] for one in wanted if one in flowing]
