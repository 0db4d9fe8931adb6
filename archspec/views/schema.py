"""The JSON Schema of the language, for editors: made from the classes of `document` and from the catalogue.

It is as precise as a schema without the document's own names can be. What a string says is not looked into: it may be
an expression. Where a spec declares or imports blocks, any name in CamelCase may be one; else a layer that the
catalogue lacks is a mistake. Values are told apart by their type alone, without alternatives, so that an editor knows
what to complete and where a mistake is. Drafts 7 and 2020-12 read what is used here alike.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, Literal

from archspec import document
from archspec.document.model import Model
from archspec.layers import ABSENT, LAYERS, Layer
from archspec.problems import WARNINGS
from archspec.tensors import COMPLEX, DTYPES, FLOATS
from archspec.views import catalogue
from archspec.views.catalogue import CatalogueEntry

Draft = Literal["7", "2020-12"]
DRAFTS: dict[str, tuple[str, str]] = {
    "7": ("http://json-schema.org/draft-07/schema#", "definitions"),
    "2020-12": ("https://json-schema.org/draft/2020-12/schema", "$defs"),
}
"""The address of each draft, and the key below which it keeps parts."""

Schema = dict[str, Any]

DOCS: dict[str, str] = {
    "archspec": "The language's version; there is one, 1.",
    "name": "The name of the generated class. Default: from the file's name.",
    "doc": "The docstring of the generated class.",
    "params": "The constructor's arguments: `name: default`, `name: int` (required), or a mapping of details.",
    "let": "Names computed from parameters: `head_dim: dim // n_heads`.",
    "inputs": "The inputs: `x: [N, 3, H, W]`. A dimension is a number, an expression of parameters, or a free name. "
    "`...` comes first: it stands for any leading axes.",
    "layers": "The layers: a list is an nn.Sequential, a mapping names its steps.",
    "outputs": "What is returned: a value, a list of values, or a mapping that names them. Default: the last value.",
    "order": "Steps whose modules are created first, if the order differs from the data flow.",
    "variants": "Named settings of the parameters: `resnet101: {depths: [3, 4, 23, 3]}`.",
    "blocks": "Classes of the spec's own, used like layers.",
    "imports": "Blocks from other files: `Bottleneck: ./resnet_blocks.yaml`.",
    "type": "The parameter's type; without a `default` it is required.",
    "default": "The default value. It may be an expression of the parameters above it.",
    "min": "The smallest value that the constructor accepts.",
    "max": "The largest value that the constructor accepts.",
    "choices": "The values that the constructor accepts.",
    "shape": "The sizes, one for each axis. On a step: checked, and new names are bound.",
    "list": "Of a block's input that is a list of tensors: the sizes of each; `_` may differ from one to the next.",
    "dtype": "Of the tensor. Default: float32.",
    "optional": "Whether the caller may leave it out.",
    "from": "The input, if it is not the output of the step above: an expression, a list of them, or a mapping.",
    "when": "A condition on parameters; if it is false, the step is left out.",
    "for": "Repeats the step for each item, each time with its own weights: `i in range(n)`.",
    "repeat": "Repeats the step this many times, each time with its own weights.",
    "each": "Runs the step for each item on the same input; the value is the list of outputs. `k in [1, 3, 5]`.",
    "collect": "Whether to also return the list of the outputs of all rounds.",
    "shared": "Whether all rounds use the same module.",
    "budget": "Limits on the cost of the network; `archspec check` fails above them.",
    "parameters": "The maximum number of parameters: a number, or a text such as `5M`.",
    "macs": "The maximum number of multiply-accumulates of a forward pass: a number, or a text such as `300M`.",
    "init": "How weights are initialized, by torch.nn.init: `{weight: zeros_}`; at the top by class, name or pattern.",
    "parametrize": "How weights are parametrized (torch.nn.utils.parametrizations): `{weight: spectral_norm}`.",
    "trainable": "Whether the weights are trained. Default: true.",
    "persistent": "Whether a Buffer is part of the `state_dict`. Default: true.",
    "call": "Whether `forward` calls the module. Default: true. The module is created in any case.",
    "ignore": "Warnings to silence: `[AS703]`, or with a reason `{AS703: why}`.",
    "again": "Reuses the module of an earlier step, with shared weights.",
    "layer": "A parameter that holds a layer: `params: {activation: ReLU}`.",
    "Parameter": "A learnable tensor: `randn(n, dim) * 0.02`.",
    "Buffer": "A tensor of the module's state that is not trained.",
}
"""What each key means, but for those of the catalogue."""

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_CAMEL = r"[A-Z][A-Za-z0-9_]*"
_OWN = r"(?!nn\.|torch\.nn\.)[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)+"
_TIE = r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_WEIGHT = r"(?:[a-z0-9_]+\.)*(?:[a-z0-9_]+_)?(?:weight|bias)(?:_[a-z0-9_]+)?"
"""What PyTorch calls the parameters of its layers: `weight`, `in_proj_weight`, `bias_hh_l0`, `out_proj.weight`."""
_LOOPS = ("for", "repeat", "each")
_MODIFIERS: tuple[str, ...] = ("from", "when", *_LOOPS, "collect", "shared", "shape", "name", "persistent", "ignore")
_MODIFIERS += ("init", "parametrize", "trainable", "call", "outputs")
_TENSORS = ("Parameter", "Buffer")
_OF_TENSORS: tuple[Schema, ...] = (
    {
        "if": {"type": "object", "anyOf": [{"required": [name]} for name in _TENSORS]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in ("from", "when", *_LOOPS, "collect", "shared")]}},
    },
    {"if": {"type": "object", "required": ["persistent"]}, "then": {"required": ["Buffer"]}},
    {
        "if": {"type": "object", "anyOf": [{"required": ["again"]}, {"required": ["Buffer"]}]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in ("init", "parametrize", "trainable")]}},
    },
    {
        "if": {"type": "object", "anyOf": [{"required": [key]} for key in ("call", "name")]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in ("again", *_TENSORS)]}},
    },
    {
        "if": {"type": "object", "required": ["call"], "properties": {"call": {"const": False}}},
        "then": {"not": {"anyOf": [{"required": [key]} for key in ("shape", "collect")]}},
    },
)
"""What may stand beside a Parameter or Buffer, and beside nothing else."""
_OUTPUTS = "str | list[str] | dict[StepName, str]"
"""What the alias stands for: annotations are read as they are written."""
_OF_NAMED_STEPS: Schema = {
    "if": {"type": "object", "required": ["outputs"]},
    "then": {"required": ["layers"], "properties": {"layers": {"description": "Named steps.", "type": "object"}}},
}
_REPEATED: Schema = {"anyOf": [{"required": [key]} for key in _LOOPS]}
_LONELY = "Not a layer that needs no arguments. `archspec layers` lists them all."
_EXPRESSION: Schema = {"type": "string", "minLength": 1, "maxLength": 200}


def schema(draft: Draft = "2020-12") -> Schema:
    """The schema of a spec, and of a file of blocks."""
    address, below = DRAFTS[draft]
    made = _Maker(f"#/{below}/")
    root = made.root()
    return {"$schema": address, "title": "archspec", **root, below: dict(sorted(made.parts.items()))}


def text(draft: Draft = "2020-12") -> str:
    """The schema as a file holds it."""
    import json  # here: programs take the schema as it is

    return json.dumps(schema(draft), indent=1, ensure_ascii=False) + "\n"


class _Maker:
    """Makes the schema's parts; `closed` ones are for specs whose every layer is of the catalogue."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.parts: dict[str, Schema] = {}
        self.entries = {name: entry for name in LAYERS if (entry := catalogue.entry(name)) is not None}
        for name, entry in self.entries.items():
            self.parts[name] = _layer(LAYERS[name], entry)
        bare = [name for name in LAYERS if not any(one.required for one in LAYERS[name].arguments.values())]
        self.bare = bare
        for kind in ("closed", "open"):
            for place in ("named", "listed"):
                self.parts[f"{kind}_{place}_step"] = self.step(kind, place)
            self.parts[f"{kind}_layers"] = self.layers(kind)
        self.parts["parameter"] = {
            **self.form(document.ParameterEntry, "open"),
            "type": ["object", "number", "boolean", "string", "array"],
            "if": {"type": "object"},
            "then": {"anyOf": [{"required": ["type"]}, {"required": ["default"]}]},
        }
        given = self.form(document.InputEntry, "open")
        given["properties"]["dtype"] = {**given["properties"]["dtype"], "enum": list(DTYPES)}
        self.parts["input"] = {
            **given,
            "type": ["object", "array"],
            "items": _dimension(),
            "if": {"type": "object"},
            "then": {"anyOf": [{"required": ["shape"]}, {"required": ["list"]}]},
        }
        self.parts["block"] = self.form(document.Block, "open")
        value = {"type": ["number", "string", "boolean", "array"]}
        self.parts["variant"] = {
            "type": "object",
            "properties": {"doc": {"description": DOCS["doc"], "type": "string"}, "params": {}},
            "additionalProperties": value,
        }
        self.parts["budget"] = {**self.form(document.Budget, "open"), "minProperties": 1}

    def ref(self, part: str) -> Schema:
        """A reference to a part."""
        return {"$ref": f"{self.base}{part}"}

    def root(self) -> Schema:
        """A whole file: a spec, or blocks alone."""
        closed, opened = (self.form(document.Document, kind) for kind in ("closed", "open"))
        required = closed.pop("required")
        closed["properties"]["layers"], layers = {"description": DOCS["layers"]}, closed["properties"]["layers"]
        has = [{"required": [key]} for key in ("blocks", "imports")]
        library = self.form(document.Library, "open")
        others = set(opened["properties"]) - set(library["properties"])
        return {
            **closed,
            "if": {"required": ["blocks"], "not": {"anyOf": [{"required": [key]} for key in required]}},
            "then": {"properties": dict.fromkeys(sorted(others), False)},
            "else": {"required": required},
            "allOf": [
                {
                    "if": {"anyOf": has},
                    "then": {"properties": {"layers": opened["properties"]["layers"]}},
                    "else": {"properties": {"layers": layers}},
                }
            ],
        }

    def form(self, model: type[Model], kind: str, keys: Iterable[str] = ()) -> Schema:
        """A mapping whose keys are a model's fields, or some of them."""
        properties, required = {}, []
        absent = " | None" if model is document.StepEntry else ""  # in a step a key with nothing below it is a mistake
        annotations = {
            name: text for one in model.__mro__ for name, text in vars(one).get("__annotations__", {}).items()
        }
        for name, field in model.model_fields.items():
            key = field.alias or name
            if not keys or key in keys:
                properties[key] = {
                    "description": DOCS[key],
                    **self.of(annotations[name].removesuffix(absent), kind),
                }
                required += [key] if field.is_required() else []
        return _object(properties, required)

    def of(self, annotation: str, kind: str) -> Schema:
        """What an annotation of the classes of `document` means."""
        parts = annotation.replace("Outputs", _OUTPUTS).split(" | ")
        if annotation == "Budget | None":
            return {"allOf": [self.ref("budget")]}
        if len(parts) > 1:
            return _union(self.of(part, kind) for part in parts)
        if annotation.startswith("list["):
            return {"type": "array", "items": self.of(annotation[5:-1], kind)}
        if annotation.startswith(("dict[", "Mapping[")):
            key, _, value = annotation.partition("[")[2][:-1].partition(", ")
            inside = self.of(value, kind) or {"type": ["number", "string", "boolean", "array"]}  # a value of `let`
            found = {"type": "object", "propertyNames": _names(key), "additionalProperties": inside}
            return {**found, "minProperties": 1} if value == "InputEntry" else found
        references = {
            "ParameterEntry": "parameter",
            "InputEntry": "input",
            "Block": "block",
            "VariantEntry": "variant",
            "Layers": f"{kind}_layers",
        }
        if annotation in references:
            return {"allOf": [self.ref(references[annotation])]}
        return _SCALARS[annotation] if annotation in _SCALARS else _names(annotation)

    def layers(self, kind: str) -> Schema:
        """A list of steps, or a mapping that names them."""
        return {
            "type": ["array", "object"],
            "minItems": 1,
            "items": self.ref(f"{kind}_listed_step"),
            "minProperties": 1,
            "propertyNames": _names("Target"),
            # What is unpacked may be a step whose name looks like a layer's.
            "patternProperties": {f"^{_SEVERAL}$": {"anyOf": [self.ref(f"{kind}_named_step"), _NAMED_LIKE_A_LAYER]}},
            "additionalProperties": self.ref(f"{kind}_named_step"),
        }

    def step(self, kind: str, place: str) -> Schema:
        """One step, in a list or under a name."""
        elsewhere = {"from", "again", "persistent", "each", "collect", "shared", "call"} if place == "listed" else set()
        keys = {"layers", "again", "layer", *_MODIFIERS} - elsewhere
        properties = self.form(document.StepEntry, kind, keys)["properties"]
        properties |= {name: self.ref(name) for name in self.entries}
        if place == "named":
            properties |= {name: {"description": DOCS[name], **_EXPRESSION} for name in _TENSORS}
            properties["name"] = {**properties["name"], "pattern": r"^[^{}]*$|^[^{}.]+\..+$"}
        else:
            properties["name"] = {**properties["name"], "pattern": r"^([^{}.]|\{[^{}]*\})*$"}
        blocks = f"^(?!(?:{'|'.join((*ABSENT, *_TENSORS))})$){_CAMEL}$"
        modifiers = [key for key in _MODIFIERS if key in properties]
        return {
            "type": ["string", "array", "object"],
            "pattern": self.words(kind, place),
            "patternErrorMessage": _LONELY,  # not JSON Schema's, but what editors show then
            "examples": self.bare,
            "items": self.ref(f"{kind}_listed_step"),
            **_object(properties, [], typed=False),
            "patternProperties": {f"^{_OWN}$": {}, **({blocks: {}} if kind == "open" else {})},
            "allOf": [
                {"not": {"type": "object", "propertyNames": {"enum": modifiers}}},
                *({"not": {"type": "object", "required": list(two)}} for two in combinations(_LOOPS, 2)),
                *({"if": {"type": "object", "required": [key]}, "then": _REPEATED} for key in ("collect", "shared")),
                _OF_NAMED_STEPS,
                *(_OF_TENSORS if place == "named" else ()),
                {
                    "if": {"type": "object", "not": {"anyOf": [{"required": [key]} for key in modifiers]}},
                    "then": {"maxProperties": 1},
                },
            ],
        }

    def words(self, kind: str, place: str) -> str:
        """A step that is one word: a layer that needs no argument, or (under a name) an expression."""
        refused = [*ABSENT, *(name for name in LAYERS if name not in self.bare), *_TENSORS]
        layer = f"(?:{'|'.join(self.bare)})" if kind == "closed" else f"(?!(?:{'|'.join(refused)})$){_CAMEL}"
        expression = "|^(?![A-Z][A-Za-z0-9_.]*$)" if place == "named" else ""
        return f"^(?:{layer}|{_OWN})${expression}"


def _object(properties: Mapping[str, Schema], required: list[str], *, typed: bool = True) -> Schema:
    found: Schema = {"type": "object"} if typed else {}
    found |= {"properties": dict(properties), "additionalProperties": False}
    return {**found, "required": required} if required else found


def _union(schemas: Iterable[Schema]) -> Schema:
    """Values of several types: each keyword is about one of them."""
    found: Schema = {"type": []}
    for one in schemas:
        if not one:
            return {}
        types = one.get("type", "string")
        types = types if isinstance(types, list) else [types]
        found["type"] = list(dict.fromkeys((*found["type"], *types)))
        found |= {key: value for key, value in one.items() if key != "type"}
    return found


_SEVERAL = "[A-Za-z0-9_(), ]*,[A-Za-z0-9_(), ]*"
_NAMED_LIKE_A_LAYER: Schema = {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$"}


def _names(kind: str) -> Schema:
    """The names that may stand somewhere."""
    refused = set(keyword.kwlist)
    match kind:
        case "Target":
            module = "_[A-Za-z0-9][A-Za-z0-9_]*|[0-9]+"
            return {"pattern": f"^({_NAME}|{module}|{_SEVERAL})$", "not": {"enum": sorted(refused)}}
        case "Pattern":
            return {"type": "string", "minLength": 1}
        case "Loop":
            return {"type": "string", "pattern": " in "}
        case "Doc":
            return {"type": "string"}
        case "ClassName" | "VariantName" | "InputName":
            refused |= document.RESERVED
        case "ParameterName":
            refused |= document.RESERVED - {"F"} | {document.MODE}
    return {"type": "string", "pattern": f"^{_NAME}$", "not": {"enum": sorted(refused)}}


def _dimension() -> Schema:
    return {"type": ["integer", "string"], "minimum": 1}


_SCALARS: dict[str, Schema] = {
    "Any": {},
    "Limit": {"type": ["integer", "string"], "minimum": 1, "pattern": r"^\d+(\.\d+)?[kMGT]?$"},
    "None": {"type": "null"},
    "Ignore": {
        "type": ["array", "object"],
        "items": {"type": "string", "enum": list(WARNINGS)},
        "propertyNames": {"enum": list(WARNINGS)},
        "additionalProperties": {"type": "string"},
    },
    "Beginnings": {"type": ["object", "string"], "minProperties": 1, "additionalProperties": {"type": "string"}},
    "Parametrized": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
    "Rules": {
        "type": "object",
        "additionalProperties": {
            "type": ["object", "string"],
            "minProperties": 1,
            "additionalProperties": {"type": "string"},
        },
    },
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "Dimension": _dimension(),
    "Kind": {"type": "string", "enum": ["int", "float", "bool", "str", "list"]},
    "Version": {"const": 1},
}


def _layer(layer: type[Layer], entry: CatalogueEntry) -> Schema:
    """What may stand behind a layer's name: its arguments by name, or one value, or nothing."""
    said = {argument.name: argument for argument in entry.arguments}
    properties = {name: _argument(layer, name, said[name]) for name in layer.arguments}
    tied: Schema = {}
    if layer.weights is not Layer.weights:
        tie = {"type": "string", "pattern": f"^{_TIE}$"}
        for name in ("weight", "bias"):
            properties.setdefault(name, {**tie, "description": f"The {name} of another layer, shared."})
        own = {**tie, "description": "A parameter of another layer, shared."}
        tied = {"patternProperties": {f"^(?!(?:{'|'.join(properties)})$){_WEIGHT}$": own}}
    required = [name for name, argument in layer.arguments.items() if argument.required]
    described = {"description": entry.doc, "markdownDescription": _markdown(entry)}
    found = {**described, **_object(properties, required), **tied}
    if not required:
        found = _union((found, {"type": "null"}))
    if entry.single is None:
        return found
    single = {key: value for key, value in properties[entry.single].items() if key != "description"}
    return _union((found, single))


def _markdown(entry: CatalogueEntry) -> str:
    """What editors show of a layer."""
    return "\n\n".join((entry.doc, f"```text\n{entry.shape}\n```", f"[PyTorch's page]({entry.link})"))


def _argument(layer: type[Layer], name: str, said: catalogue.ArgumentEntry) -> Schema:
    """What an argument takes. A string may be an expression, or a name for any value."""
    argument = layer.arguments[name]
    types = {"integer": ["integer"], "integers": ["integer", "array"], "number": ["number"]}
    types |= {"numbers": ["number", "array"], "flag": ["boolean"]}
    found: Schema = {"type": [*types.get(argument.kind, []), "string", "null"]}
    limits = {"minimum": argument.minimum, "maximum": argument.maximum}
    found |= {key: value for key, value in limits.items() if value is not None}
    if "array" in found["type"]:
        each = {key: value for key, value in found.items() if key != "type"}
        kinds = [types[argument.kind][0], "string", *(["null"] if argument.gaps else [])]
        count = argument.entries(layer)
        entries: Schema = {"items": {"type": kinds, **each}}
        entries |= {} if count is None else {"minItems": count, "maxItems": count}
        found["allOf"] = [entries]  # apart, so that editors put one number there, and no list
    words = (*FLOATS, *COMPLEX) if argument.kind == "dtype" else argument.choices
    if words:
        found["examples"] = list(words)
    elif isinstance(argument.default, int | float):
        found["examples"] = [argument.default]  # a `default` would be put in with the layer
    if said.inferred:
        need = "Inferred from the input: leave it out."
    else:
        need = "Required." if said.default is None else f"Default: {said.default}."
    found["description"] = f"{said.takes[:1].upper()}{said.takes[1:]}. {need}"
    return found
