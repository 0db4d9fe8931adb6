"""What may be written shorter than by its keys: parameters, inputs and steps, each made a mapping of its keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from archspec.document.checks import EXAMPLES, TYPES, Aside, refuse
from archspec.document.names import KEYS, MODIFIERS, SPECIAL
from archspec.document.spelling import run_together, tuple_of
from archspec.problems import Advice, did_you_mean, echo
from archspec.source import Entries
from archspec.tensors import DTYPES, DTYPES_ELSEWHERE

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
LOOPS = ("for", "repeat", "each")


class OwnName(str):
    """The value of an argument with nothing after it: the name of the argument, which is read as an expression."""

    __slots__ = ()


def parameter(data: object, keys: Collection[str]) -> object:
    """A parameter's default or type alone. `keys` are those of a parameter."""
    if isinstance(data, Mapping):
        known = set(data) <= set(keys)  # else a key is unknown, which may be one of them misspelt
        if data.get("default") is None and data.get("type") is None and known:
            raise refuse("AS203", "a parameter has a `type` or a `default`", "write `{type: int}` or a default")
        return data
    if data is None:
        raise refuse("AS202", "null cannot be a default", f"write a default, or a type: {', '.join(TYPES)}")
    return {"type": data} if isinstance(data, str) and data in TYPES else {"default": data}


def budget(data: object) -> object:
    """A budget is not empty."""
    if not isinstance(data, Mapping) or not data:
        raise refuse("AS202", "a budget must be a mapping of limits", EXAMPLES["budget"])
    return data


def variant(data: object) -> object:
    """A variant's parameters stand beside its `doc`, or below `params`, where one may be called `doc` itself."""
    if not isinstance(data, Mapping):
        raise refuse("AS202", "a variant must be a mapping of parameters to values", EXAMPLES["variants"])
    apart = data.get("params")
    given = dict(apart) if isinstance(apart, Mapping) else {}
    beside = [name for name in data if name != "doc" and not (name == "params" and isinstance(apart, Mapping))]
    for name in beside:
        if name in given:
            message = f"{echo(name)} is set twice, here and in `params:`"
            raise refuse("AS205", message, "keep one of them", at=(name,), key=True)
        given[name] = data[name]
    return {"params": given} | ({"doc": data["doc"]} if "doc" in data else {})


def declared_input(data: object) -> object:
    """An input's dimensions alone."""
    data = {"shape": data} if isinstance(data, list) else data
    if not isinstance(data, Mapping):
        advice = "write `x: [N, 3, 224, 224]`"
        if isinstance(data, str) and tuple_of(data):
            advice = Advice(f"write it in brackets: `[{data[1:-1]}]`", f"[{data[1:-1]}]", data)
        raise refuse("AS202", "an input is a list of its dimensions", advice)
    if "list" in data and ("shape" in data or data.get("optional")):
        other = "shape" if "shape" in data else "optional"
        message = f"`{other}:` beside `list:`, which already gives the shape of each tensor of the list"
        raise refuse("AS206", message, "keep one of them", at=(other,), key=True)
    if "shape" not in data and "list" not in data and set(data) <= {"dtype", "optional"}:
        raise refuse("AS203", "`shape` is missing", "write `x: [N, 3, 224, 224]`")
    dtype = data.get("dtype", "float32")
    if dtype not in DTYPES:
        hint = did_you_mean(str(dtype), DTYPES, "dtypes")
        if isinstance(dtype, str) and dtype in DTYPES_ELSEWHERE:
            hint = Advice(f"did you mean `{DTYPES_ELSEWHERE[dtype]}`?", DTYPES_ELSEWHERE[dtype], dtype)
        raise refuse("AS202", f"{echo(dtype)} is not a dtype", hint, at=("dtype",))
    return data


def step(data: object, blocks: Collection[str]) -> object:
    """A step as its one type key says: a layer, one of the `blocks`, a group, an expression."""
    if isinstance(data, Aside):
        return {"type": ""}
    if isinstance(data, str):
        if ":" in data and not data.startswith("-") and (slip := run_together(data)):
            message, _, advice = slip
            raise refuse("AS101", message, Advice(advice, data.replace(":", ": ", 1), data))
        is_class = data.rpartition(".")[2][:1].isupper() and _DOTTED.fullmatch(data)
        return {"type": data} if is_class else {"expression": data}
    if isinstance(data, list):
        if len(data) in (3, 4) and isinstance(data[1], int) and isinstance(data[2], str):  # as ultralytics writes them
            example = f"`{data[2].rpartition('.')[2][:40]}: {{…}}`"
            message = "a step is a layer with named arguments, not [from, repeats, module, arguments]"
            raise refuse("AS206", message, f"write {example}, with `from:` and `repeat:` where they are needed")
        return {"nested": data}
    if not isinstance(data, Mapping):
        what = "nothing" if data is None else echo(data)
        raise refuse("AS206", f"a step is a layer, a group or an expression, not {what}", "write a layer: `ReLU`")
    if KEYS.intersection(data, blocks):
        return {"type": ""}  # whether the key is that of the step or the block, nobody can say: it is told at the block
    return _from_mapping(data, blocks)


def _from_mapping(data: Mapping[str, Any], blocks: Collection[str]) -> dict[str, Any]:
    """A step's mapping with its one type key found."""
    found = [key for key in data if key not in MODIFIERS]
    unknown = [key for key in found if key not in (*SPECIAL, *blocks) and not key[:1].isupper() and "." not in key]
    if len(found) > 1 or any(isinstance(did_you_mean(key, (*MODIFIERS, *SPECIAL)), Advice) for key in unknown):
        for key in unknown:
            raise _unknown_key(data, key)
    if not found:
        raise refuse("AS206", "this step has no layer", "add one, as in `Conv2d: {…}`")
    if len(found) > 1:
        first, second = found[:2]
        message = f"two layers in one step: {echo(first)} and {echo(second)}"
        raise refuse("AS206", message, "begin each step of a list with its own `-`", at=(second,), key=True)
    (key,) = found
    if not key:  # what stands for a step that was set aside
        raise refuse("AS206", "an empty string is not a layer", "write a layer: `ReLU`", at=(key,), key=True)
    for modifier in MODIFIERS:
        if modifier in data and data[modifier] is None:
            message = f"`{modifier}:` has no value"
            raise refuse("AS202", message, EXAMPLES.get(modifier, "write `from: x`"), at=(modifier,), key=True)
    _check_loop(data)
    if "persistent" in data and key != "Buffer":
        message = f"`persistent:` is only for a Buffer; this is {echo(key)}"
        raise refuse("AS206", message, "leave it out", at=("persistent",), key=True)
    for reading in (one for one in ("shape", "collect") if one in data and data.get("call") is False):
        message = f"`{reading}:` beside `call: false`: the step has no output"
        raise refuse("AS206", message, "remove one of them", at=(reading,), key=True)
    for modifier in ("init", "parametrize", "trainable", "call"):
        if modifier in data and (
            key in ("again", "Buffer") or (key == "Parameter" and modifier in ("parametrize", "call"))
        ):
            message = f"`{modifier}:` is not allowed beside {echo(key)}"
            what = {"call": "a layer, block or group", "parametrize": "a layer"}.get(
                modifier, "a layer, or a Parameter"
            )
            what = "the step that makes the module" if key == "again" and modifier != "call" else what
            raise refuse("AS206", message, f"it goes beside {what}", at=(modifier,), key=True)
    if key == "again" and (loop := next((name for name in LOOPS if name in data), None)) is not None:
        message = f"`{loop}:` is not allowed beside `again`"
        raise refuse("AS206", message, "repeat the module's own step, with `shared: true`", at=(loop,), key=True)
    if "outputs" in data and not (key == "layers" and isinstance(data[key], Mapping)):
        message, advice = "`outputs:` is only for a group of named steps", "name the steps: `layers: {a: …, b: …}`"
        raise refuse("AS206", message, advice if key == "layers" else "leave it out", at=("outputs",), key=True)
    rest = {name: value for name, value in data.items() if name != key}
    if key in SPECIAL:
        return {**rest, key: data[key]}
    return {**rest, "type": key, "arguments": _arguments(data[key])}


def _check_loop(data: Mapping[str, Any]) -> None:
    """One key says how often a step is repeated; `collect` and `shared` stand beside one."""
    first, *others = [key for key in data if key in LOOPS] or [""]
    for other in others:
        message = f"a step can have one loop, not both `{first}` and `{other}`"
        raise refuse("AS206", message, "keep one of them", at=(other,), key=True)
    if data.get("collect") and first == "each":
        message = "`collect:` has no effect beside `each:`: the value is already the list of the rounds' outputs"
        raise refuse("AS206", message, "leave it out", at=("collect",), key=True)
    for key in ("collect", "shared"):
        if key in data and not first:
            message = f"`{key}:` needs a step that is repeated"
            raise refuse("AS206", message, "add `for:` or `repeat:`, or remove it", at=(key,), key=True)


def _arguments(data: object) -> object:
    """A step's arguments, where each with nothing after it takes the value of its own name."""
    if not isinstance(data, Entries):
        return data
    return {name: OwnName(name) if name in data.bare else value for name, value in data.items()}


def _unknown_key(data: Mapping[str, Any], key: str) -> PydanticCustomError:
    hint = did_you_mean(key, (*MODIFIERS, *SPECIAL), "keys beside a layer")
    others = [k for k in data if k not in MODIFIERS and not isinstance(hint, Advice)]
    if len(others) == len(data) and all(isinstance(data[k], Mapping | list | str) for k in others) and len(data) > 1:
        message = f"{echo(key)} is not a layer; a step contains one layer, or `layers:`"
        return refuse("AS206", message, "put the steps of a group below `layers:`", at=(key,), key=True)
    return refuse("AS201", f"unknown key {echo(key)} in a step", hint, at=(key,), key=True)
