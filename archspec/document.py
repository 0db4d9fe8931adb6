"""The model of a document: which keys stand where, and what kind of value each takes.

It says what a document is made of, not what it means: no layer is looked up, no expression evaluated.
Pydantic's engine reads a document by the schema made from the classes here; its metaclass, which would make the same
schema, takes longer to import than everything else that a check needs. What it finds wrong leaves here as our own
problems, each at its place in the text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, SchemaValidator, ValidationError
from pydantic_core import core_schema as core

from archspec.problems import CODES, WARNINGS, Advice, Problem, SpecError, did_you_mean, echo, nearest, rewording
from archspec.records import Record, replace
from archspec.source import Source
from archspec.tensors import DTYPES, DTYPES_ELSEWHERE

MODULE_ATTRIBUTES = frozenset(
    (
        "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches"
        " eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu"
        " load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters"
        " register_backward_hook register_buffer register_forward_hook register_forward_pre_hook"
        " register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook"
        " register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook"
        " register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to"
        " to_empty train training type xpu zero_grad"
    ).split()
)
"""The public attributes of every nn.Module; a test holds it against PyTorch's own."""

SEQUENTIAL_ATTRIBUTES = frozenset(("append", "extend", "insert", "pop"))
"""What nn.Sequential has besides."""

# Names that the generated file needs for itself.
RESERVED = frozenset(
    "self super torch nn math F Any Callable Literal Sequence NamedTuple OrderedDict Tensor ValueError group"
    " make_divisible output int float bool str list len range enumerate zip min max sum round print tuple dict".split()
)

LIMIT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?([kMGT])?")
"""How a budget's limit is written as a text."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TARGET = re.compile(r"(?=.*,)[\w\s(),]{1,200}", re.ASCII | re.DOTALL)
_OWN = re.compile(r"(named_)?layers(_\d+)?")  # lists that generated constructors fill
# `layer_{i}`, which becomes an f-string: nothing in it may end one.
_PATTERN = re.compile(r"(?:\w|\{[ !#-&(-\[\]-z|~]*\}){1,64}", re.ASCII)
_PROMPT = re.compile(r"^\s*>>>", re.MULTILINE)
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_TYPES = ("int", "float", "bool", "str", "list")
_TYPES_ELSEWHERE = {"integer": "int", "boolean": "bool", "string": "str", "double": "float", "number": "float"} | {
    "array": "list",
    "tuple": "list",
}
_TYPES_ARE = f"the types are {', '.join(_TYPES)}"
_MODIFIERS = ("from", "when", "for", "repeat", "shape", "name", "ignore")
_SPECIAL = ("layers", "again", "layer")


class Aside(str):
    """In place of a step that cannot be read, and of its name: neither is looked at."""

    __slots__ = ()


class FormError(SpecError):
    """A document whose form is wrong: at which places of its tree."""

    places: tuple[tuple[int | str, ...], ...] = ()


def name_problem(name: str, *, reserved: frozenset[str] = frozenset()) -> str | None:
    """Why a name may not be used, if it may not."""
    if not _IDENTIFIER.fullmatch(name):
        return "is no name: ASCII letters, digits and `_`, beginning with a letter"
    if len(name) > 64:
        return "is longer than 64 characters"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    if name in reserved or (reserved and _OWN.fullmatch(name)):
        return "is a name that generated code needs for itself"
    return "is an attribute of every nn.Module, which it would hide" if name in MODULE_ATTRIBUTES else None


def variable_problem(name: str) -> str | None:
    """Why a name may not be a variable of generated code, if it may not: it needs some for itself."""
    return name_problem(name, reserved=RESERVED)


def _refuse(code: str, message: str, help: str = "", **more: object) -> PydanticCustomError:
    # Pydantic formats messages: braces that stand for themselves go through the context.
    return PydanticCustomError("archspec", "{text}", {"text": message, "code": code, "help": help, **more})


def _step_name(value: object) -> object:
    if isinstance(value, str) and (problem := name_problem(value)):
        raise _refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + _other(value))
    return value


def _target(value: object) -> object:
    """A step's name, or the names that its value is unpacked into: `out, (h, c)`."""
    if isinstance(value, Aside):
        return value
    if isinstance(value, str) and _TARGET.fullmatch(value):
        for name in re.findall(r"\w+", value):
            if name != "_":
                _step_name(name)
        return value
    return _step_name(value)


def _parameter_name(value: object) -> object:
    if isinstance(value, str) and (problem := name_problem(value, reserved=RESERVED)):
        raise _refuse("AS204", f"{echo(value)} {problem}", "choose another name, such as " + _other(value))
    return value


def _class_name(value: object) -> object:
    # Not in the way of a module's attributes, unlike the names within it: `Float` and `float` may both be classes.
    harmless = isinstance(value, str) and value in MODULE_ATTRIBUTES - RESERVED
    return value if harmless else _parameter_name(value)


def _pattern(value: object) -> object:
    """The name of a step in a list: what it comes to is checked later, but a loop without rounds never comes to it."""
    if isinstance(value, str) and not _PATTERN.fullmatch(value):
        raise _refuse("AS204", f"{echo(value)} is no name", "write it like `layer_{i}`")
    return value


def _for(value: object) -> object:
    """What a loop binds are variables of generated code."""
    if isinstance(value, str) and " in " in value:
        for name in re.findall(r"\w+", value.partition(" in ")[0])[:20]:
            if name in RESERVED or _OWN.fullmatch(name):
                _parameter_name(name)
    return value


def _doc(value: object) -> object:
    """Words for people, in a docstring: doctest would run a line that begins like a prompt."""
    if isinstance(value, str) and _PROMPT.search(value):
        raise _refuse("AS209", "a line begins with `>>>`: doctest would run it", "indent it, and leave `>>>` out")
    return value


def _ignore(value: object) -> object:
    """Codes of warnings, each with the reason where one is written."""
    if not isinstance(value, list | dict) or not all(isinstance(code, str) for code in value):
        raise _refuse("AS202", "`ignore` takes a list of codes, or a mapping of codes to reasons", _IGNORE)
    for place, code in enumerate(value):
        if code not in WARNINGS:
            why = "is the code of an error, which nothing silences" if code in CODES else "is the code of no warning"
            near = "" if code in CODES else did_you_mean(code, WARNINGS)
            known = isinstance(value, dict)
            advice = near or f"the codes of warnings: {', '.join(WARNINGS)}"
            raise _refuse("AS210", f"{echo(code)} {why}", advice, at=(code if known else place,), key=known)
        if isinstance(value, dict) and not (isinstance(value[code], str) and value[code].strip()):
            raise _refuse("AS202", f"the reason to ignore {code} is a text", _IGNORE, at=(code,))
    return value if isinstance(value, dict) else dict.fromkeys(value, "")


_IGNORE = "write `ignore: [AS703]`, or with the reason `ignore: {AS703: why}`"


def _other(name: str) -> str:
    import unicodedata  # here: only a name that is refused needs it

    plain = unicodedata.normalize("NFKD", name[:60].replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", plain)[:60].strip("_") or "x"
    return f"`{cleaned if cleaned[0].isalpha() and cleaned != name else 'my_' + cleaned}`"


# What a document is made of. Each field is a key; `_SCHEMAS` says what its type's name means.

StepName: TypeAlias = str
Target: TypeAlias = str
ParameterName: TypeAlias = str
ClassName: TypeAlias = str
Pattern: TypeAlias = str
Loop: TypeAlias = str
Doc: TypeAlias = str
Ignore: TypeAlias = Mapping[str, str]
Dimension: TypeAlias = int | str
Kind: TypeAlias = Literal["int", "float", "bool", "str", "list"]
Version: TypeAlias = Literal[1]
Limit: TypeAlias = int | None

_NONE: Mapping[str, Any] = MappingProxyType({})


class Parameter(Record):
    """An argument of the constructor."""

    type: Kind | None = None
    default: Any = None
    doc: Doc = ""
    min: int | float | None = None
    max: int | float | None = None
    choices: list[Any] | None = None

    @property
    def required(self) -> bool:
        return self.default is None


class Input(Record):
    """A tensor that the forward method takes."""

    shape: list[Dimension]
    dtype: str = "float32"
    optional: bool = False


class Step(Record):
    """One step: exactly one of `type`, `layers`, `expression`, `again` and `layer`, and what may stand beside it.

    A step that cannot be read has the type "", which no text gives.
    """

    type: str | None = None
    arguments: Any = None
    layers: Layers | None = None
    nested: list[Step] | None = None  # a list in place of a layer
    expression: str | None = None
    again: str | None = None
    layer: str | None = None
    from_: Any = None
    when: str | bool | None = None
    for_: Loop | None = None
    repeat: int | str | None = None
    shape: list[Dimension] | None = None
    name: Pattern | None = None
    ignore: Ignore = _NONE


Layers: TypeAlias = list[Step] | dict[Target, Step]
"""A list is an nn.Sequential; a mapping names its steps."""


class Block(Record):
    """A class of its own, used like a layer."""

    inputs: Mapping[ParameterName, Input]
    layers: Layers
    doc: Doc = ""
    params: Mapping[ParameterName, Parameter] = _NONE
    let: Mapping[ParameterName, Any] = _NONE
    outputs: str | list[str] | dict[StepName, str] | None = None
    order: list[StepName] | None = None
    ignore: Ignore = _NONE


class Budget(Record):
    """What the network may cost at most: numbers, or texts such as `5M`."""

    parameters: Limit = None
    macs: Limit = None


class Document(Block):
    """A whole spec."""

    archspec: Version = 1
    name: ClassName | None = None
    blocks: Mapping[StepName, Block] = _NONE
    imports: Mapping[StepName, str] = _NONE
    budget: Budget | None = None


class Library(Record):
    """A file of blocks, which specs import."""

    blocks: Mapping[StepName, Block]
    doc: Doc = ""
    archspec: Version = 1
    imports: Mapping[StepName, str] = _NONE


# What may be written shorter than by its keys.


def _parameter(data: object) -> object:
    if isinstance(data, Mapping):
        known = data.keys() <= set(Parameter._fields)  # else a key is unknown, which may be one of them misspelt
        if data.get("default") is None and data.get("type") is None and known:
            raise _refuse("AS203", "a parameter has a `type` or a `default`", "write `{type: int}` or a default")
        return data
    if data is None:
        raise _refuse("AS202", "null is no default", f"write a default, or a type: {', '.join(_TYPES)}")
    return {"type": data} if isinstance(data, str) and data in _TYPES else {"default": data}


def _budget(data: object) -> object:
    if not isinstance(data, Mapping) or not data:
        raise _refuse("AS202", "a budget is a mapping of limits", _EXAMPLES["budget"])
    return data


def limit(value: object) -> int:
    """The number of a limit: an integer, or a text with the suffix k, M, G or T. ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{echo(value)} is no limit")
    whole, part, power = match[1], match[2] or "", 3 * ("kMGT".index(match[3]) + 1 if match[3] else 0)
    number = int(f"{whole}{part}".ljust(len(whole) + power, "0")[: len(whole) + power])
    if len(part) > power or number == 0:
        raise ValueError(f"{echo(value)} is no limit")
    return number


def _limit(value: object) -> int:
    try:
        return limit(value)
    except ValueError as error:
        raise _refuse("AS202", str(error), _EXAMPLES["parameters"]) from None


def _dimension(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _refuse("AS202", f"{echo(value)} is no dimension", "a dimension is an integer, a name or an expression")
    return value


def _input(data: object) -> object:
    data = {"shape": data} if isinstance(data, list) else data
    if not isinstance(data, Mapping):
        raise _refuse("AS202", "an input is a list of its dimensions", "write `x: [N, 3, 224, 224]`")
    dtype = data.get("dtype", "float32")
    if dtype not in DTYPES:
        hint = did_you_mean(str(dtype), DTYPES, "dtypes")
        if isinstance(dtype, str) and dtype in DTYPES_ELSEWHERE:
            hint = Advice(f"did you mean `{DTYPES_ELSEWHERE[dtype]}`?", DTYPES_ELSEWHERE[dtype], dtype)
        raise _refuse("AS202", f"{echo(dtype)} is no dtype", hint, at=("dtype",))
    return data


def _step(data: object) -> object:
    if isinstance(data, Aside):
        return {"type": ""}
    if isinstance(data, str):
        return {"type": data} if data[:1].isupper() and _DOTTED.fullmatch(data) else {"expression": data}
    if isinstance(data, list):
        return {"nested": data}
    if not isinstance(data, Mapping):
        what = "nothing" if data is None else echo(data)
        raise _refuse("AS206", f"a step is a layer, a group or an expression, not {what}", "write a layer: `ReLU`")
    return _from_mapping(data)


def _from_mapping(data: Mapping[str, Any]) -> dict[str, Any]:
    """A step's mapping with its one type key found."""
    found = [key for key in data if key not in _MODIFIERS]
    unknown = [key for key in found if key not in _SPECIAL and not key[:1].isupper() and "." not in key]
    if len(found) > 1 or any(isinstance(did_you_mean(key, (*_MODIFIERS, *_SPECIAL)), Advice) for key in unknown):
        for key in unknown:
            raise _unknown_key(data, key)
    if not found:
        raise _refuse("AS206", "a step that is no layer: it has no type key", "add one, as in `Conv2d: {…}`")
    if len(found) > 1:
        first, second = found[:2]
        message = f"two layers in one step: {echo(first)} and {echo(second)}"
        raise _refuse("AS206", message, "each step of a list begins with its own `-`", at=(second,), key=True)
    (key,) = found
    if not key:  # what stands for a step that was set aside
        raise _refuse("AS206", "an empty text is no layer", "write a layer: `ReLU`", at=(key,), key=True)
    for modifier in _MODIFIERS:
        if modifier in data and data[modifier] is None:
            message = f"nothing stands below `{modifier}:`"
            raise _refuse("AS202", message, _EXAMPLES.get(modifier, "write `from: x`"), at=(modifier,), key=True)
    if "for" in data and "repeat" in data:
        raise _refuse("AS206", "`for` and `repeat` in one step", "keep one of them", at=("repeat",), key=True)
    rest = {name: value for name, value in data.items() if name != key}
    if key in _SPECIAL:
        return {**rest, key: data[key]}
    return {**rest, "type": key, "arguments": data[key]}


def _unknown_key(data: Mapping[str, Any], key: str) -> PydanticCustomError:
    hint = did_you_mean(key, (*_MODIFIERS, *_SPECIAL), "beside its layer a step has")
    others = [k for k in data if k not in _MODIFIERS and not isinstance(hint, Advice)]
    if len(others) == len(data) and all(isinstance(data[k], Mapping | list | str) for k in others) and len(data) > 1:
        message = f"{echo(key)} is no layer; below a step's name stands one layer, or `layers:`"
        return _refuse("AS206", message, "put the steps of a group below `layers:`", at=(key,), key=True)
    return _refuse("AS201", f"unknown key {echo(key)} in a step", hint, at=(key,), key=True)


# The schema by which Pydantic's engine reads a document.


def _schema(annotation: str) -> CoreSchema:
    """What an annotation of the classes above means."""
    *rest, last = annotation.split(" | ")
    if last == "None":
        return core.nullable_schema(_schema(" | ".join(rest)))
    if rest:
        return core.union_schema([_schema(part) for part in (*rest, last)])
    if annotation.startswith("list["):
        return core.list_schema(_schema(annotation[5:-1]))
    if annotation.startswith(("dict[", "Mapping[")):
        key, _, value = annotation.partition("[")[2][:-1].partition(", ")
        return core.dict_schema(_schema(key), _schema(value))
    return _SCHEMAS[annotation]


def _form(record: type[Record], short: Callable[[object], object] | None = None) -> CoreSchema:
    """The schema of a mapping whose keys are a record's fields; what is written `short` is first made one."""
    fields = {
        field: core.typed_dict_field(
            _schema(annotation), required=field not in record._defaults, validation_alias=field.rstrip("_")
        )
        for one in reversed(record.__mro__)
        for field, annotation in getattr(one, "__annotations__", {}).items()
        if field in record._fields
    }
    form = core.no_info_after_validator_function(
        lambda found: record(**found), core.typed_dict_schema(fields, extra_behavior="forbid")
    )
    return form if short is None else core.no_info_before_validator_function(short, form)


def _text(check: Callable[[object], object]) -> CoreSchema:
    return core.no_info_before_validator_function(check, core.str_schema())


_SCHEMAS: dict[str, CoreSchema] = {
    "Any": core.any_schema(),
    # Nothing converted: lax, a `repeat: true` would be 1, and a `when: 1` true.
    "str": core.str_schema(strict=True),
    "int": core.int_schema(strict=True),
    "float": core.float_schema(strict=True, allow_inf_nan=False),
    "bool": core.bool_schema(strict=True),
    "StepName": _text(_step_name),
    "Target": _text(_target),
    "ParameterName": _text(_parameter_name),
    "ClassName": _text(_class_name),
    "Pattern": _text(_pattern),
    "Loop": _text(_for),
    "Doc": _text(_doc),
    "Ignore": core.no_info_before_validator_function(
        _ignore, core.dict_schema(core.str_schema(strict=True), core.str_schema(strict=True))
    ),
    "Dimension": core.no_info_before_validator_function(_dimension, core.any_schema()),
    "Kind": core.literal_schema(list(_TYPES)),
    "Version": core.literal_schema([1]),
    "Limit": core.no_info_plain_validator_function(_limit),
    "Step": core.definition_reference_schema("Step"),
}
_SCHEMAS["Layers"] = core.tagged_union_schema(
    {"list": _schema("list[Step]"), "mapping": _schema("dict[Target, Step]")},
    discriminator=lambda value: "list" if isinstance(value, list) else "mapping" if isinstance(value, dict) else None,
    custom_error_type="archspec_layers",
    custom_error_message="layers are a list of steps, or a mapping of names to steps",
)
_SCHEMAS |= {"Parameter": _form(Parameter, _parameter), "Input": _form(Input, _input), "Budget": _form(Budget, _budget)}
_SCHEMAS["Block"] = _form(Block)

SCHEMA: CoreSchema = core.definitions_schema(_form(Document), [{**_form(Step, _step), "ref": "Step"}])
"""Which keys stand where, as data."""

_VALIDATOR = SchemaValidator(SCHEMA)


def class_name(path: str) -> str:
    """What the class of a document is called that says no name: as its file, in CamelCase."""
    stem = path.replace("\\", "/").rpartition("/")[2].split(".")[0]
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in stem).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)[:50]
    name = name if name[:1].isalpha() else f"Model{name}"
    return f"{name}Model" if name_problem(name, reserved=RESERVED) else name  # none.yaml, tensor.yaml


def read(source: Source, data: Any = None) -> Document:
    """The document that a text holds, with a name; FormError with every problem of its form.

    `data` stands for the text's tree, where parts of it are set aside.
    """
    document: Document = _validated(source, _VALIDATOR, data)
    return document if document.name else replace(document, name=class_name(source.path))


def read_library(source: Source) -> Document | Library:
    """What an imported file holds: a whole document, or blocks alone."""
    if isinstance(source.data, dict) and ("layers" in source.data or "inputs" in source.data):
        return read(source)
    schema = core.definitions_schema(_form(Library), [{**_form(Step, _step), "ref": "Step"}])
    library: Library = _validated(source, SchemaValidator(schema))
    return library


def _validated(source: Source, validator: SchemaValidator, data: Any = None) -> Any:
    data = source.data if data is None else data
    if not isinstance(data, dict):
        what = "empty" if data is None else "no mapping"
        advice = "a spec has at least `inputs:` and `layers:`; `archspec new NAME` writes one to start from"
        raise SpecError([Problem("AS202", f"the document is {what}", source.span(()), advice)])
    try:
        return validator.validate_python(data)
    except ValidationError as error:
        found = _problems(source, error.errors(include_url=False, include_input=True)[: source.limits.problems])
        refusal = FormError(found.values())
        refusal.places = tuple(found)
        raise refusal from None


def _problems(source: Source, errors: list[ErrorDetails]) -> dict[tuple[int | str, ...], Problem]:
    """Pydantic's errors as ours: one for each place, whatever forms a value may have there."""
    misfits: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    found: dict[tuple[int | str, ...], Problem] = {}
    unknown: dict[tuple[int | str, ...], set[str | None]] = {}  # what the unknown keys of a mapping stand for, perhaps
    for error in errors:
        path = _place(source.data, error["loc"])
        if error["type"] == "extra_forbidden":
            near = nearest(str(path[-1]), _known_keys(error["loc"][:-1]))
            unknown.setdefault(path[:-1], set()).add(near)
    for error in errors:
        path = _place(source.data, error["loc"])
        if error["type"] == "missing" and error["loc"][-1] in unknown.get(path, ()):
            continue  # it is there, misspelt
        if error["type"] in ("archspec", "extra_forbidden", "missing"):
            key = (*path, error["loc"][-1]) if error["type"] == "missing" else path
            found[key] = _problem(source, error)
        else:
            misfits.setdefault(path, []).append(error)
    for path, several in misfits.items():
        inside = (other for other in (*found, *misfits) if other != path or other in found)
        if not any(other[: len(path)] == path for other in inside):  # of one form, a part alone may be wrong
            found[path] = _misfit(source, path, several)
    return found


def _misfit(source: Source, path: tuple[int | str, ...], errors: list[ErrorDetails]) -> Problem:
    """A value of none of the forms that may stand at its place."""
    expected = list(dict.fromkeys(_FORMS.get(error["type"], _cause(error)) for error in errors))
    value = errors[0]["input"]
    given = (
        echo(value)
        if isinstance(value, str | int | float) and not isinstance(value, bool)
        else (
            "null"
            if value is None
            else str(value).lower()
            if isinstance(value, bool)
            else "a list"
            if isinstance(value, list)
            else "a mapping"
        )
    )
    words = " or ".join(filter(None, (", ".join(expected[:-1]), expected[-1])))
    if path[-1:] == ("archspec",):
        return Problem("AS202", f"version {given} of the language", source.span(path), _EXAMPLES["archspec"])
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    advice = _EXAMPLES.get(name) or "write " + words
    if name == "type" and value in _TYPES_ELSEWHERE:
        advice = Advice(f"write `type: {_TYPES_ELSEWHERE[value]}`; {_TYPES_ARE}", _TYPES_ELSEWHERE[value], value)
    is_key = errors[0]["loc"][-1:] == ("[key]",)
    span = source.span(path, key=is_key)
    return _with_edits(Problem("AS202", f"{given} stands where {words} is expected", span, advice))


def _cause(error: ErrorDetails) -> str:
    """What one form expects, in words."""
    expected = error.get("ctx", {}).get("expected")
    return str(expected).replace("'", "`") if expected else error["msg"].removeprefix("Input should be ")


_FORMS = {
    "archspec_layers": "a list of steps, or a mapping of names to steps,",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "an integer",
    "list_type": "a list",
    "string_type": "a text",
}

_EXAMPLES = {
    "archspec": "the language has one version, 1: leave the key out",
    "blocks": "write `blocks: {Name: {inputs: …, layers: …}}`",
    "budget": "write `budget: {parameters: 5M, macs: 300M}`",
    "choices": "write a list: `choices: [relu, gelu]`",
    "doc": "quote it",
    "for": "write `for: i in range(3)`; `repeat: 3` counts alone",
    "ignore": _IGNORE,
    "imports": "write `imports: {Name: ./file.yaml}`",
    "inputs": "write `inputs: {x: [N, 3, 224, 224]}`",
    "layers": "write `layers: [Flatten, Linear: 10]`, or `layers: {fc: {Linear: 10}}`",
    "let": "write `let: {head_dim: dim // heads}`",
    "max": "write a number",
    "min": "write a number",
    "name": "write a name, as text",
    "outputs": "write `outputs: a`, `outputs: [a, b]` or `outputs: {logits: a}`",
    "parameters": "write a number of 1 or more, such as 5M: the suffixes are k, M, G and T",
    "params": "write `params: {width: 64}`",
    "repeat": "write `repeat: 3`, or an expression of parameters",
    "shape": "write `shape: [N, 3, 224, 224]`",
    "type": "write `type: int`; the types are int, float, bool, str, list",
    "when": "write an expression that is true or false: `when: depth > 1`",
}
"""What may stand below a key."""


def _problem(source: Source, error: ErrorDetails) -> Problem:
    """One of Pydantic's errors as one of ours."""
    context = error.get("ctx", {})
    # Pydantic names the branch of a union within the place; keys of ours are never so called at these positions.
    path = _place(source.data, error["loc"])
    is_key = error["loc"][-1:] == ("[key]",)
    if error["type"] == "archspec":
        span = source.span((*path, *context.get("at", ())), key=context.get("key", is_key))
        return _with_edits(Problem(context["code"], context["text"], span, context["help"]))
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        hint = did_you_mean(key, _known_keys(error["loc"][:-1]), "keys")
        return _with_edits(Problem("AS201", f"unknown key {echo(key)}", source.span(path, key=True), hint))
    if error["type"] == "missing":
        name = error["loc"][-1]
        below = source.value(path)
        first = (*path, next(iter(below))) if isinstance(below, dict) and below and not path else path
        return Problem("AS203", f"`{name}` is missing", source.span(first, key=True), _MISSING.get(str(name), ""))
    return _misfit(source, path, [error])


def _with_edits(problem: Problem) -> Problem:
    """The problem with the one change that its help means, if it means one."""
    advice = problem.help
    if not isinstance(advice, Advice) or advice.old is None:
        return problem
    return replace(problem, help=str(advice), edits=rewording(problem.span, advice.old, advice.new))


_MISSING = {
    "inputs": "say what flows in: `inputs: {x: [N, 3, 224, 224]}`",
    "layers": "say what it flows through: `layers: [Flatten, Linear: 10]`",
    "shape": "an input has a shape: `{shape: [N, T], dtype: int64}`",
}


def _place(data: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Pydantic's location without what is not in the tree: names of union branches, `[key]`."""
    path: list[int | str] = []
    for part in location:
        if isinstance(data, dict):
            inside = part in data
        else:
            inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside:
            path.append(part)
            data = data[part]
    return tuple(path)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a place."""
    where = [part for part in location if part not in ("list", "mapping")]
    if not where:
        form: type[Record] = Document
    elif where == ["budget"]:
        form = Budget
    elif len(where) >= 2 and where[-2] in ("params", "inputs"):
        form = Parameter if where[-2] == "params" else Input
    else:
        form = Block
    return list(form._fields)
