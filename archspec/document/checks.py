"""What a single value of a document may be: names, patterns, loops, dimensions, limits."""

from __future__ import annotations

import re

from pydantic_core import PydanticCustomError

from archspec.document.names import (
    DOT,
    KEYS,
    RESERVED,
    TENSORS,
    attribute_problem,
    name_problem,
    other_name,
    parameter_problem,
    variable_problem,
)
from archspec.problems import CODES, WARNINGS, did_you_mean, echo

TYPES = ("int", "float", "bool", "str", "list")

LIMIT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?([kMGT])?")
"""How a budget's limit is written as a text."""
_TARGET = re.compile(r"(?=.*,)[\w\s(),]{1,200}", re.ASCII | re.DOTALL)
# `layer_{i}`, which becomes an f-string: nothing in it may end one.
_PATTERN = re.compile(r"(?:[\w !#$%&()*+,/:;<=>?@^|~-]|\{[ !#-&(-\[\]-z|~]*\}){1,64}", re.ASCII)
_PROMPT = re.compile(r"^\s*>>>", re.MULTILINE)


IGNORE = "write `ignore: [AS703]`, or with the reason `ignore: {AS703: why}`"

EXAMPLES = {
    "archspec": "the language has one version, 1: remove the key",
    "batch": "write `batch: 8`, the samples per data-parallel rank and step",
    "blocks": "write `blocks: {Name: {inputs: …, layers: …}}`",
    "budget": "write `budget: {parameters: 5M, macs: 300M}`",
    "call": "write `call: false`, for a module that `forward` does not call",
    "checkpoint": "write `checkpoint: blocks`",
    "choices": "write a list: `choices: [relu, gelu]`",
    "device_memory": "write `device_memory: 80GB`",
    "doc": "quote it",
    "dtype": "write `dtype: bfloat16`",
    "for": "write `for: i in range(3)`; or `repeat: 3` if you need no counter",
    "ignore": IGNORE,
    "collect": "write `collect: true`, beside `for:` or `repeat:`",
    "each": "write `each: k in [1, 3, 5]`",
    "imports": "write `imports: {Name: ./file.yaml}`",
    "init": "write `init: {weight: zeros_}`, and at the top `init: {Linear: {weight: normal_(std=0.02)}}`",
    "inputs": "write `inputs: {x: [N, 3, 224, 224]}`",
    "layers": "write `layers: [Flatten, Linear: 10]`, or `layers: {fc: {Linear: 10}}`",
    "let": "write `let: {head_dim: dim // heads}`",
    "max": "write a number",
    "min": "write a number",
    "name": "write a name, as text",
    "optimizer": "write `optimizer: adamw`",
    "outputs": "write `outputs: a`, `outputs: [a, b]` or `outputs: {logits: a}`",
    "parameters": "write a number of 1 or more, such as 5M: the suffixes are k, M, G and T",
    "parametrize": "write `parametrize: {weight: spectral_norm}`",
    "params": "write `params: {width: 64}`",
    "persistent": "write `persistent: false`, for a Buffer that is not part of the state_dict",
    "pp": "write `pp: 4`, the number of pipeline stages",
    "repeat": "write `repeat: 3`, or an expression of parameters",
    "shared": "write `shared: true`, beside `for:`, `repeat:` or `each:`",
    "shape": "write `shape: [N, 3, 224, 224]`",
    "trainable": "write `trainable: false`",
    "type": "write `type: int`; the types are int, float, bool, str, list",
    "variant": "write the name of one of the spec's variants",
    "variants": "write `variants: {large: {depth: 24, width: 1024}}`; `{}` is the defaults",
    "when": "write an expression that is true or false: `when: depth > 1`",
}
"""What may stand below a key."""


class Aside(str):
    """In place of a step that cannot be read, and of its name: neither is looked at."""

    __slots__ = ()


def refuse(code: str, message: str, help: str = "", **more: object) -> PydanticCustomError:
    """The error of a value, as Pydantic takes it: our code, message and help, and `at` which part of the value."""
    # Pydantic formats messages: braces that stand for themselves go through the context.
    return PydanticCustomError("archspec", "{text}", {"text": message, "code": code, "help": help, **more})


def step_name(value: object) -> object:
    """A step's name."""
    if isinstance(value, str) and (problem := name_problem(value)):
        raise refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + other_name(value))
    return value


def block_name(value: object) -> object:
    """A block's name, by which steps use it: none that a step has another key by."""
    if isinstance(value, str) and value in KEYS:
        what = "a step that is a tensor" if value in TENSORS else "a key of steps"
        advice = f"choose another name, such as `My{value[:1].upper()}{value[1:]}`"
        raise refuse("AS204", f"`{value}` is {what}", advice)
    return step_name(value)


def target(value: object) -> object:
    """A step's name, or the names that its value is unpacked into: `out, (h, c)`."""
    if isinstance(value, Aside):
        return value
    if isinstance(value, str) and _TARGET.fullmatch(value):
        for name in re.findall(r"\w+", value):
            if name != "_":
                step_name(name)
        return value
    if isinstance(value, str) and not name_problem(value):
        return value
    if isinstance(value, str) and value[:1] == "_" and (problem := attribute_problem(value)):
        raise refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + other_name(value))
    if isinstance(value, str) and attribute_problem(value) is None:
        return value  # `_fc`, `0`: a module's name alone
    return step_name(value)


def parameter_name(value: object) -> object:
    """A parameter's name."""
    if isinstance(value, str) and (problem := parameter_problem(value)):
        raise refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + other_name(value))
    return value


def input_name(value: object) -> object:
    """The name of an input, which is a variable of generated code."""
    if isinstance(value, str) and (problem := variable_problem(value)):
        raise refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + other_name(value))
    return value


def own_class_name(value: object) -> object:
    """The name of a class of the spec, which is one of the file."""
    return input_name(value)


def name_pattern(value: object) -> object:
    """The name of a module: what it comes to is checked later, but a loop without rounds never comes to it."""
    if not isinstance(value, str) or all(map(_PATTERN.fullmatch, DOT.split(value))):
        return value
    raise refuse("AS204", f"{echo(value)} is not a name", "write it like `layer_{i}`, or `layers.{i}` for a list")


def loop(value: object) -> object:
    """What a loop binds are variables of generated code."""
    if isinstance(value, str) and " in " in value:
        for name in re.findall(r"\w+", value.partition(" in ")[0])[:20]:
            if name in RESERVED:
                parameter_name(name)
    return value


def doc(value: object) -> object:
    """Words for people, in a docstring: doctest would run a line that begins like a prompt."""
    if isinstance(value, str) and _PROMPT.search(value):
        raise refuse("AS209", "a line begins with `>>>`: doctest would run it", "remove `>>>`")
    return value


def ignore(value: object) -> object:
    """Codes of warnings, each with the reason where one is written."""
    if not isinstance(value, list | dict) or not all(isinstance(code, str) for code in value):
        raise refuse("AS202", "`ignore` takes a list of codes, or a mapping of codes to reasons", IGNORE)
    for place, code in enumerate(value):
        if code not in WARNINGS:
            why = "is the code of an error; ignore warnings only" if code in CODES else "is not the code of a warning"
            near = "" if code in CODES else did_you_mean(code, WARNINGS)
            known = isinstance(value, dict)
            advice = near or f"the codes of warnings: {', '.join(WARNINGS)}"
            raise refuse("AS210", f"{echo(code)} {why}", advice, at=(code if known else place,), key=known)
        if isinstance(value, dict) and not (isinstance(value[code], str) and value[code].strip()):
            raise refuse("AS202", f"the reason to ignore {code} must be a string", IGNORE, at=(code,))
    return value if isinstance(value, dict) else dict.fromkeys(value, "")


def beginnings(value: object) -> object:
    """How the weights of a step begin: a function for each of its weights, or the one of a Parameter."""
    if isinstance(value, str):
        return value
    return _functions(value, "init")


def parametrized(value: object) -> object:
    """Which weights of a layer are parametrized, and how."""
    return _functions(value, "parametrize")


def _functions(value: object, key: str) -> object:
    """A function, as text, for each of some weights."""
    if not isinstance(value, dict) or not value:
        raise refuse("AS202", f"`{key}` must be a mapping of weights to functions", EXAMPLES[key])
    for name, text in value.items():
        if not isinstance(text, str):
            raise refuse("AS202", f"{echo(name)} must be the name of a function", EXAMPLES[key], at=(name,))
    return value


def rules(value: object) -> object:
    """How weights begin, by classes, blocks, names and patterns of names."""
    if not isinstance(value, dict) or not value:
        raise refuse("AS202", "`init` must be a mapping of layers or names to functions", EXAMPLES["init"])
    for name, below in value.items():
        if isinstance(below, dict) and below and all(isinstance(text, str) for text in below.values()):
            continue
        if not isinstance(below, str):
            advice = "write `Linear: {weight: normal_(std=0.02), bias: zeros_}`, or `head.weight: zeros_`"
            raise refuse("AS202", f"{echo(name)} takes a function for each weight, or one function", advice, at=(name,))
    return value


def limit(value: object) -> int:
    """The number of a limit: an integer, or a text with the suffix k, M, G or T. ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{echo(value)} is not a valid limit")
    whole, part, power = match[1], match[2] or "", 3 * ("kMGT".index(match[3]) + 1 if match[3] else 0)
    number = int(f"{whole}{part}".ljust(len(whole) + power, "0")[: len(whole) + power])
    if len(part) > power or number == 0:
        raise ValueError(f"{echo(value)} is not a valid limit")
    return number


def budget_limit(value: object) -> int:
    """A limit of a budget."""
    try:
        return limit(value)
    except ValueError as error:
        raise refuse("AS202", str(error), EXAMPLES["parameters"]) from None


def dimension(value: object) -> object:
    """A dimension: an integer, or the text of an expression."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refuse("AS202", f"{echo(value)} is not a dimension", "a dimension is an integer, a name or an expression")
    return value
