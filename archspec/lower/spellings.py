"""Steps that are spelled as in Python, and how the same is written here: `nn.Linear(16, 10)` is `Linear: 10`.

Only a step that cannot be read as it stands comes here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archspec.document import OwnName
from archspec.expressions.mistakes import WrittenCall, python_call
from archspec.functions import FUNCTIONS
from archspec.layers import ABSENT, LAYERS, Layer
from archspec.lower._problems import type_path
from archspec.lower.frames import Frame
from archspec.lower.vocabulary import ELSEWHERE, RENAMED, beginning, elsewhere, holds_layer
from archspec.problems import Advice, Edit, did_you_mean, echo, rewording
from archspec.source import Path

_MODULES = ("", "nn", "torch.nn", "layers", "keras.layers", "tf.keras.layers", "tf.layers", "self.nn", "L")
_FUNCTIONS = ("", "F", "torch", "nn.functional", "torch.nn.functional", "functional")
_WORDS = {"True": "true", "False": "false", "None": "null"}
_PLAIN = re.compile(r"[\w.+\-*/ ]+", re.ASCII)
_TEXT = re.compile(r"'([A-Za-z_]\w*)'|\"([A-Za-z_]\w*)\"", re.ASCII)
_ASSIGNED = re.compile(r"(\w+) *= *(.+)", re.DOTALL)
_LIST = re.compile(r"[(\[]([^()\[\]{}]*)[)\]]")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a step is written here; `text` is what to write, empty where that is open."""

    message: str
    help: str
    text: str = ""
    code: str = "AS206"


def spelled(frame: Frame, text: str, scope: Mapping[str, Any], *, listed: bool) -> Spelling | None:
    """What the expression of a step means, if it is a layer as Python writes it; `listed`: it stands in a list."""
    if holds_layer(scope.get(text)):
        body = f"layer: {text}"
        return _written(f"`{text}` is a parameter that holds a layer", body, (), listed=listed)
    call = python_call(text)
    if call is None:
        return None
    if not call.owner and holds_layer(scope.get(call.name)):
        message = f"`{call.name}` is a parameter that holds a layer, not a function"
        return _written(message, f"layer: {call.name}", call.arguments, listed=listed)
    if call.owner == "self":
        return _of_self(call)
    if call.name[:1].isupper():
        return _layer(frame, call, listed=listed) if call.owner in _MODULES else None
    return _function(call) if listed and (call.owner in _FUNCTIONS or call.owner.isidentifier()) else None


def _layer(frame: Frame, call: WrittenCall, *, listed: bool) -> Spelling:
    """A class of torch.nn, of Keras or of the document, called as in Python."""
    blocks = frame.lowering.document.blocks
    name = known_layer(call.name, blocks)
    message = f"{echo(call.name)} is written as a Python call; a layer is a key with arguments"
    if name is None:
        hint = did_you_mean(call.name, [*LAYERS, *blocks]) or "layers have PyTorch's names: `Linear: 10`"
        if call.name in ABSENT:
            return Spelling(f"{echo(call.name)} is not a step: {ABSENT[call.name]}", "write the steps below a name")
        return Spelling(f"unknown layer {echo(call.name)}", hint, code="AS401")
    if name in blocks:
        params = list(blocks[name].params)
        return _written(
            message, _body(name, named_arguments(call, params), params[:1]), call.called_with, listed=listed
        )
    found = arguments_of_layer(LAYERS[name], call, native=name == call.name)
    single = LAYERS[name].single()
    told = _written(message, _body(name, found, [single] if single else []), call.called_with, listed=listed)
    left_out = [one for one in _named_by_place(LAYERS[name], call) if one not in (found or {})]
    if found is None or not left_out:
        return told
    return replace(told, help=f"{told.help}: {' and '.join(f'`{one}`' for one in left_out)} is inferred")


def _named_by_place(layer: type[Layer], call: WrittenCall) -> list[str]:
    """The inferred arguments that a call in PyTorch's order gives."""
    given = {*list(layer.arguments)[: len(call.arguments)], *(name for name, _ in call.keywords)}
    required = {name for name, one in layer.arguments.items() if one.without_default}
    return [name for name, one in layer.arguments.items() if one.inferred and name in given and given >= required]


def known_layer(name: str, blocks: Iterable[str]) -> str | None:
    """The layer or block that a class's name means: `Conv2D`, `Dense`."""
    if name in LAYERS or name in blocks:
        return name
    folded = {known.lower(): known for known in LAYERS}
    return RENAMED.get(name) or folded.get(name.lower())


def of_a_list(layer: type[Layer], items: list[Any]) -> str:
    """A list of a layer's arguments, with their names: `{out_channels: 10, kernel_size: 3}`; empty if it is none."""
    texts = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)
    found = arguments_of_layer(layer, WrittenCall("", layer.__name__, texts, ()), native=True)
    required = [name for name, one in layer.arguments.items() if one.required]
    if not found or not set(required) <= set(found) or any(isinstance(item, list | dict) for item in items):
        return ""
    return f"{{{', '.join(f'{name}: {value(text)}' for name, text in found.items())}}}"


def arguments_of_layer(layer: type[Layer], call: WrittenCall, *, native: bool) -> dict[str, str] | None:
    """The arguments of a call by their names, without those that are inferred; None where there are too many.

    Where PyTorch's required ones are all there, they stand in its order; else what is inferred was left out.
    """
    names = list(layer.arguments)
    required = [name for name, one in layer.arguments.items() if one.without_default]
    covered = {*names[: len(call.arguments)], *(name for name, _ in call.keywords)}
    if not native or not covered.issuperset(required):
        names = [name for name in names if not layer.arguments[name].inferred]
    found = named_arguments(call, names)
    if found is None:
        return None
    found = {name if name in layer.arguments else elsewhere(layer, name) or name: text for name, text in found.items()}
    return {name: text for name, text in found.items() if not getattr(layer.arguments.get(name), "inferred", False)}


def named_arguments(call: WrittenCall, names: list[str]) -> dict[str, str] | None:
    """The arguments of a call by those names; None where there are more of them than names."""
    if len(call.arguments) > len(names):
        return None
    return dict(zip(names, call.arguments, strict=False)) | dict(call.keywords)


def _body(name: str, arguments: dict[str, str] | None, single: list[str]) -> str:
    """A layer with its arguments, as a step of a list is written."""
    if arguments is None:
        return ""
    if not arguments:
        return name
    if list(arguments) == single:
        return f"{name}: {value(*arguments.values())}"
    return f"{name}: {{{', '.join(f'{one}: {value(text)}' for one, text in arguments.items())}}}"


def value(text: str) -> str:
    """A value of Python's as YAML writes it, quoted where it would be split."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if word := _TEXT.fullmatch(text):
        return word[1] or word[2]
    if (items := _LIST.fullmatch(text)) and items[1].strip():
        return f"[{', '.join(map(value, items[1].rstrip(', ').split(',')))}]"
    if _PLAIN.fullmatch(text):
        return text
    return f'"{text}"' if '"' not in text else f"'{text}'"


def _written(message: str, body: str, inputs: tuple[str, ...] | None, *, listed: bool) -> Spelling:
    """A step that is written `body`: in a list as it stands, below a name within braces."""
    if not body:
        return Spelling(message, "write each argument by its name, as in `Conv2d: {out_channels: 8, kernel_size: 3}`")
    text = body
    if not listed:
        taken = [f"from: {value(inputs[0])}"] if inputs and len(inputs) == 1 else []
        taken = [f"from: [{', '.join(map(value, inputs))}]"] if inputs and len(inputs) > 1 else taken
        text = f"{{{', '.join((*taken, body))}}}" if ":" in body or taken else body
    return Spelling(message, f"write `{text}`", text)


def _of_self(call: WrittenCall) -> Spelling:
    """A module of `self`, as a forward method calls it."""
    taken = f"from: {call.arguments[0]}, " if call.arguments else ""
    message = "there is no `self`: a module is called in the step that creates it"
    return Spelling(
        message, f"write the layer here: `{{{taken}Linear: 10}}`; `again: {call.name}` reuses the module of a step"
    )


def _function(call: WrittenCall) -> Spelling | None:
    """A function in a list, where a layer does the same."""
    folded = {known.lower(): known for known in LAYERS}
    name = folded.get(call.name.replace("_", ""))
    function = FUNCTIONS.get(call.name)
    method = call.owner not in _FUNCTIONS
    if name is None or (function is None and call.name not in ("flatten",)):
        return None
    parameters = [one for one in (function.parameters if function is not None else ()) if one != "input"]
    given = call.arguments if method else call.arguments[1:]
    found = named_arguments(WrittenCall("", name, given, call.keywords), parameters)
    message = f"{echo(call.name)} is a function, but a list consists of layers"
    known = LAYERS[name].arguments
    arguments = {one: text for one, text in (found or {}).items() if one not in ("training", "input")}
    if found is None or not arguments.keys() <= known.keys():
        return Spelling(message, f"write the layer: `{name}`")
    single = LAYERS[name].single()
    body = _body(name, arguments, [single] if single else [])
    return _written(message, body, (), listed=True)


_STATEMENT = re.compile(r"(for|if|elif|while|repeat|when)\b\s*(.*?)\s*:?$", re.DOTALL)
_JOINED = {"sum": " + ", "add": " + ", "plus": " + ", "mul": " * ", "multiply": " * ", "prod": " * "}


def statement(name: str) -> str:
    """How a statement of Python's that stands as a step is written here; empty where the key is none."""
    match = _STATEMENT.fullmatch(name)
    if match is None or not match[2]:
        return ""
    key = {"if": "when", "elif": "when", "while": "repeat"}.get(match[1], match[1])
    return f"write `{key}: {match[2]}` beside a layer, or beside `layers:` with the steps that it is about"


def expression_of(name: str, arguments: Any) -> str:
    """The expression that a key with its value means, where the key is no layer: `{sum: [a, b]}`; empty if none."""
    if isinstance(arguments, str):
        known = name in FUNCTIONS or name in _JOINED
        is_one = bool(re.search(r"[-+*/(]", arguments)) and not python_call(arguments + "\n:")
        if is_one or not known:
            return arguments if is_one else ""
        return f"{name}({arguments})"
    if not isinstance(arguments, list) or not all(isinstance(item, str | int | float) for item in arguments):
        return ""
    texts = list(map(str, arguments))
    if name in _JOINED:
        return _JOINED[name].join(texts)
    if name in ("cat", "concat", "concatenate", "stack"):
        return f"{'stack' if name == 'stack' else 'cat'}([{', '.join(texts)}], 1)"
    return f"{name}({', '.join(texts)})" if name in FUNCTIONS else ""


def unknown_layer(frame: Frame, name: str, path: Path) -> None:
    """Reports a type that is neither a layer nor a block."""
    at = type_path(frame.report, path, name)
    if name in ABSENT:
        advice = "remove it: the steps describe only the network, from its inputs to its outputs"
        plain = name.removeprefix("Lazy")
        if name.endswith(("List", "Dict", "Sequential")):
            advice = "write its steps as a list, or below names: `body: [Linear: 8, ReLU]`"
        elif plain in LAYERS:
            advice = Advice(f"write `{plain}`", plain, name)
        elif name.startswith("Transformer"):
            advice = f"write `layers: [{{{name}Layer: {{nhead: 8}}, repeat: 6}}]`"
        frame.report.add_to_type("AS401", f"`{name}` is not in the catalogue: {ABSENT[name]}", at, advice)
        return
    known = [*LAYERS, *frame.lowering.document.blocks]
    hint = ELSEWHERE.get(name) or beginning(name, known) or "layers have PyTorch's names: `ReLU`, `Conv2d`"
    if name in RENAMED:
        hint = Advice(f"did you mean `{RENAMED[name]}`?", RENAMED[name], name)
    if isinstance(hint, Advice) and hint.new in LAYERS:
        renamed(frame, name, hint, at)
    elif not misplaced(frame, name, path):
        frame.report.add_to_type("AS401", f"unknown layer {echo(name)}", at, hint)


def renamed(frame: Frame, name: str, hint: Advice, at: Path) -> None:
    """Reports a layer under another library's name; the edit gives its arguments their names here, too."""
    is_key = frame.report.source.value(at) is not None and at[-1] == name
    span = frame.span(at, key=is_key)
    edits = rewording(span, name, hint.new)
    written = frame.report.source.value(at)
    for argument in written if isinstance(written, dict) and edits else ():
        other = elsewhere(LAYERS[hint.new], argument)
        if argument not in LAYERS[hint.new].arguments and other is not None and other not in written:
            edits += rewording(frame.span((*at, argument), key=True), argument, other)
    frame.report.add_at("AS401", f"unknown layer {echo(name)}", span, str(hint), edits=edits)


def misplaced(frame: Frame, name: str, path: Path) -> bool:
    """Whether what stands as a step's layer is something else that is known: reported in its own words."""
    step = frame.report.source.value(path)
    arguments = step.get(name) if isinstance(step, dict) else None
    alone = isinstance(step, dict) and len(step) == 1
    span = frame.span(type_path(frame.report, path, name), key=True)
    if holds_layer(frame.scope.get(name)):
        whole = frame.span(path)
        flow = whole.text[whole.column - 1 : whole.column] == "{"
        new = f"{{layer: {name}}}" if flow else f"layer: {name}"
        edits = (Edit(whole, new),) if alone and not arguments and whole.line == whole.end_line else ()
        message = f"`{name}` is a parameter that holds a layer"
        frame.report.add_at("AS206", message, span, f"write `layer: {name}`", edits=edits)
    elif (call := python_call(name)) is not None and name.endswith(")") and call.name[:1].isupper():
        found = _layer(frame, call, listed=True)
        frame.report.add_at(found.code, found.message, span, found.help)
    elif advice := statement(name):
        frame.report.add_at(
            "AS206", f"{echo(name)} is not a layer: write a key for what is a statement in Python", span, advice
        )
    elif (text := expression_of(name, arguments)) and alone:
        target = path[-1] if isinstance(path[-1], str) and path[-2:-1] == ("layers",) else "y"
        message = f"{echo(name)} is not a layer: write an expression without a key"
        advice = f"the expression itself is the step: `{target}: {text}`"
        if target != path[-1]:
            advice += ", where the steps are named in a mapping"
        frame.report.add_at("AS206", message, span, advice)
    else:
        return False
    return True


def several(frame: Frame, name: str, items: list[Any], at: Path) -> None:
    """Reports a list of a layer's arguments where one value may stand, and says their names."""
    layer_type = LAYERS[name]
    required = [one for one, argument in layer_type.arguments.items() if argument.required] or [
        str(layer_type.single())
    ]
    named = of_a_list(layer_type, items)
    listed = ", ".join(f"{one}: …" for one in required or [str(layer_type.single())])
    message = f"a list is one value; {name} takes several arguments by name"
    edits = (Edit(frame.span(at), named),) if named else ()
    frame.report.add_at("AS404", message, frame.span(at), f"write `{name}: {named or f'{{{listed}}}'}`", edits=edits)


_IS_WEIGHT = re.compile(r"(?:[a-z0-9_]+_)?(?:weight|bias)(?:_[a-z0-9_]+)?")


def _untied(frame: Frame, name: str, written: str) -> str | Advice:
    """How a weight is tied, for a value that names no parameter."""
    if written in frame.rerunnable:
        return Advice(f"write `{written}.{name}` to share the parameter of that layer", f"{written}.{name}", written)
    if frame.value(written) is not None:
        return f"`{written}` is a value, not a parameter: only parameters of layers and a `Parameter` can be shared"
    return "a tie is the dotted path of a parameter, such as `embed.weight`; use `when:` for a condition"


def unknown_argument(frame: Frame, layer_type: type[Layer], name: str, written: object, at: Path) -> None:
    """Reports a key that is no argument of a layer, with the one that is meant."""
    kind, known = layer_type.__name__, list(layer_type.arguments)
    taken = f"{kind} takes"
    hint = did_you_mean(name, known, taken)
    span = frame.span(at, key=True)
    edits: tuple[Edit, ...] = ()
    assigned = _ASSIGNED.fullmatch(name)
    if (other := elsewhere(layer_type, name)) is not None:
        hint = Advice(f"did you mean `{other}`? {taken}: {', '.join(known)}", other, name)
    elif assigned and assigned[1] in known and isinstance(written, OwnName):
        new = f"{assigned[1]}: {value(assigned[2])}"
        hint, edits = f"separate key and value with a colon: write `{new}`", rewording(span, name, new)
    elif _IS_WEIGHT.fullmatch(name) and isinstance(written, str):
        message = f"`{name}` is a parameter of {kind}, and {echo(written)} is none that it could share"
        frame.report.add("AS402", message, at, _untied(frame, name, written))
        return
    elif name == "activation":
        hint = "an activation is a separate step after this one, such as `ReLU`"
    elif name in ("input_shape", "input_dim", "input_size", "batch_input_shape"):
        hint = Advice("remove it: it is inferred from the input", "")
    else:
        edits = frame.report.renaming(written, hint, at, frame.scope)
    if edits:
        frame.report.add_at("AS402", f"{kind} has no argument {echo(name)}", span, hint, edits=edits)
    else:
        frame.report.add("AS402", f"{kind} has no argument {echo(name)}", at, hint, key=True)
