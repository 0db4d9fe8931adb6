"""Single edits of the shipped specs: numbers, layers, names, operators, arguments, steps.

Specs are edited with small defaults (those of their tests), so that PyTorch can run them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from naive_values import CoreLoader
from test_models import OTHER_PARAMETERS, SPECS


class Edit(NamedTuple):
    """A piece of a text and what stands in its place."""

    start: int
    end: int
    text: str


class Mutation(NamedTuple):
    """One edit (two pieces, where steps are swapped) of a spec, and what it takes away by name."""

    spec: str
    kind: str
    edits: tuple[Edit, ...]
    names: tuple[str, ...] = ()
    """The steps that it takes out, doubles or swaps, or the one that it is within."""

    def __str__(self) -> str:
        text = base(self.spec)
        said = "; ".join(f"{text[e.start : e.end].strip()!r} -> {e.text.strip()!r}" for e in self.edits)
        return f"{self.spec}:{sorted(self.lines())[0]} {self.kind}: {said[:150]}"

    def mutant(self) -> str:
        text = base(self.spec)
        for edit in sorted(self.edits, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text

    def words(self) -> set[str]:
        """The names that the edit takes away, which a problem may be about wherever they are read."""
        text = base(self.spec)
        gone = [word for edit in self.edits for word in re.findall(r"[A-Za-z_]\w*", text[edit.start : edit.end])]
        return {*self.names, *gone} - {"x", "int", "float", "layers", "true", "false"}

    def lines(self) -> set[int]:
        """The lines of the mutant that the edit touches; of what is taken out, the lines around the gap."""
        text, found, shift = base(self.spec), set(), 0
        for edit in sorted(self.edits):
            start = text.count("\n", 0, edit.start) + 1 + shift
            added = edit.text.strip("\n").count("\n")
            found |= set(range(start, start + added + 1))
            shift += edit.text.count("\n") - text.count("\n", edit.start, edit.end)
            if not edit.text.strip():
                found.add(max(start - 1, 1))
        return found


class Node(NamedTuple):
    """A value of a spec's tree: its path and where it stands."""

    path: tuple[str | int, ...]
    start: int
    end: int
    text: str
    node: yaml.Node
    key: tuple[int, int] | None = None


_BASES: dict[str, str] = {}


def base(name: str) -> str:
    """The text of a shipped spec with small defaults."""
    if name not in _BASES:
        text = (SPECS / f"{name}.yaml").read_text(encoding="utf-8")
        small = (OTHER_PARAMETERS.get(name) or [{}])[0]
        edits = []
        for node in nodes(text):
            if node.path[:1] != ("params",) or len(node.path) < 2 or node.path[1] not in small:
                continue
            if node.path[2:] == ("default",) or (len(node.path) == 2 and isinstance(node.node, yaml.ScalarNode)):
                edits.append(Edit(node.start, node.end, written(small[node.path[1]])))
        for edit in sorted(edits, reverse=True):
            tail = text[edit.start : edit.end]
            text = text[: edit.start] + edit.text + tail[len(tail.rstrip()) :] + text[edit.end :]
        _BASES[name] = text
    return _BASES[name]


def written(value: Any) -> str:
    """A value as YAML's flow style has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def nodes(text: str) -> list[Node]:
    """Every value of a text, with its place."""
    found: list[Node] = []

    def visit(node: yaml.Node, path: tuple[str | int, ...], key: tuple[int, int] | None) -> None:
        start, end = node.start_mark.index, node.end_mark.index
        found.append(Node(path, start, end, text[start:end], node, key))
        if isinstance(node, yaml.MappingNode):
            for one, value in node.value:
                visit(value, (*path, one.value), (one.start_mark.index, one.end_mark.index))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, (*path, index), None)

    visit(yaml.compose(text, CoreLoader), (), None)
    return found


# What is changed, and into what.

SIBLINGS = (
    "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Linear",
    "BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d RMSNorm LocalResponseNorm",
    "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool2d",
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d Flatten",
    "ReLU ReLU6 GELU SiLU Tanh Sigmoid LeakyReLU Softmax LogSoftmax GLU PReLU ELU Softplus Hardtanh Identity",
    "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    "LSTM GRU RNN Linear MultiheadAttention",
    "TransformerEncoderLayer TransformerDecoderLayer MultiheadAttention",
    "Embedding EmbeddingBag Linear",
    "Flatten Unflatten Identity",
    "Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle",
)
FUNCTIONS = (
    "transpose permute flatten squeeze unsqueeze reshape unbind movedim",
    "cat stack hstack vstack concat",
    "chunk split unbind tensor_split",
    "sigmoid tanh exp relu softmax silu gelu abs log sqrt",
    "mean sum amax amin max std argmax var",
    "zeros ones randn rand arange eye zeros_like ones_like randn_like",
    "matmul bmm mul add outer",
    "scaled_dot_product_attention cat softmax",
    "triu tril",
    "normalize softmax layer_norm",
    "sin cos",
)
WORDS = {"same": "valid", "valid": "same", "reflect": "circular", "bilinear": "linear", "nearest": "bilinear"}
DTYPES = ("float32", "float64", "float16", "int64", "bool")
ADDED = {
    "Conv": ("stride: 2", "stride: 3", "groups: 2", "dilation: 2", "padding: 3", "padding: same", "bias: false",
             "in_channels: 5",
             "padding_mode: reflect", "kernel_size: 9"),
    "ConvTranspose": ("stride: 2", "output_padding: 1", "groups: 2", "padding: 2", "dilation: 2"),
    "MaxPool": ("stride: 3", "padding: 1", "padding: 2", "ceil_mode: true", "dilation: 2", "return_indices: true"),
    "AvgPool": ("stride: 3", "padding: 1", "padding: 2", "ceil_mode: true"),
    "Linear": ("bias: false", "in_features: 7", "dtype: float64"),
    "BatchNorm": ("num_features: 7", "affine: false", "momentum: 2.0", "eps: 0"),
    "LayerNorm": ("normalized_shape: 7", "elementwise_affine: false", "normalized_shape: [3, 3]"),
    "Flatten": ("start_dim: 0", "start_dim: 2", "end_dim: 1", "end_dim: -2", "start_dim: 9"),
    "Dropout": ("p: 2", "p: -0.1", "inplace: true"),
    "ReLU": ("inplace: true", "dim: 1"),
    "LSTM": ("proj_size: 2", "proj_size: 400", "batch_first: false", "num_layers: 0"),
    "GRU": ("proj_size: 2", "bidirectional: true", "batch_first: false"),
    "Embedding": ("padding_idx: 3", "padding_idx: 400000", "max_norm: 1.0"),
    "MultiheadAttention": ("kdim: 7", "add_bias_kv: true", "batch_first: false", "embed_dim: 7"),
    "AdaptiveAvgPool": ("output_size: [2, 3]", "output_size: 0"),
    "Upsample": ("mode: bicubic", "mode: linear", "size: 5"),
}  # fmt: skip
CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
OPERATOR = re.compile(r"(?<=[\w)\]] )(\+|-|\*|/|//|%|\*\*|@|==|!=|<|>|<=|>=|and|or)(?= [\w(\[-])")
NAME = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*(?![\w(]|\s*=[^=])")
CALLED = re.compile(r"[a-z_]\w*(?=\()")
OPERATORS = {
    "+": "- * @", "-": "+ *", "*": "+ @ / //", "/": "// * -", "//": "/ * %", "%": "// *", "**": "* +", "@": "* +",
    "==": "!= <", "!=": "== >", "<": ">= ==", ">": "<= ==", ">=": "<", "<=": ">", "and": "or", "or": "and",
}  # fmt: skip
KEYWORDS = {"if", "else", "and", "or", "not", "in", "for", "True", "False", "None", "training"}


def numbers(value: int) -> list[int]:
    """What may stand in place of an integer."""
    return list(dict.fromkeys(n for n in (value + 1, value - 1, 2 * value, 0, -1, 13, 7) if n != value))


def role(path: tuple[str | int, ...]) -> str:
    """What a value of a spec is."""
    inside = path[2:] if path[:1] == ("blocks",) else path
    if not inside:
        return ""
    if inside[0] in ("name", "doc", "archspec", "imports") or {"doc", "ignore"} & set(inside):
        return "words"
    if inside[0] == "params":
        return "default" if len(inside) >= 2 and inside[-1] not in ("type", "min", "max") else "declaration"
    if inside[0] in ("let", "outputs", "order", "inputs"):
        return str(inside[0])
    if inside[0] != "layers":
        return "words"
    last = next((part for part in reversed(inside) if isinstance(part, str)), "")
    if last in ("from", "when", "for", "repeat", "shape", "name", "again", "layer"):
        return last
    if "from" in inside:
        return "from"
    types = [part for part in inside[:-1] if isinstance(part, str) and CAMEL.fullmatch(part)]
    if types and inside[-1] not in types:
        return "argument"
    return "single" if isinstance(inside[-1], str) and CAMEL.fullmatch(inside[-1]) else "step"


def mutations(spec: str) -> list[Mutation]:
    """Every mutation of a spec."""
    text = base(spec)
    tree = nodes(text)
    found = dict.fromkeys([*_scalars(spec, tree), *_layers(spec, text, tree), *_steps(spec, text, tree)])
    named = [
        node for node in tree if len(node.path) > 1 and node.path[-2] == "layers" and isinstance(node.path[-1], str)
    ]
    return [one if one.names else one._replace(names=_step_around(named, one.edits[0].start)) for one in found]


def _step_around(steps: list[Node], place: int) -> tuple[str, ...]:
    """The name of the step that a place is within, if it has one."""
    around = [node for node in steps if node.start <= place < node.end]
    return tuple(re.findall(r"\w+", str(max(around, key=lambda node: node.start).path[-1]))) if around else ()


def _scalars(spec: str, tree: list[Node]) -> Iterator[Mutation]:
    """Numbers, names, operators, functions and types of single values."""
    for node in tree:
        what = role(node.path)
        if not isinstance(node.node, yaml.ScalarNode) or what in ("", "words") or node.node.style in ("|", ">"):
            continue
        tag = node.node.tag.rpartition(":")[2]
        quoted = node.text[:1] in "'\""

        def put(kind: str, new: str, start: int = node.start, end: int = node.end) -> Mutation:
            return Mutation(spec, kind, (Edit(start, end, new),))

        if tag == "int":
            for other in numbers(int(node.text)):
                yield put(f"number in {what}", str(other))
        if tag == "float":
            for new in ("0.0", "-0.5", "2", "1.5"):
                yield put(f"number in {what}", new)
        if tag == "bool":
            yield put("flag", "false" if node.text == "true" else "true")
        if what in ("argument", "default", "single", "repeat", "shape", "inputs") and node.path[-1] not in (
            "dtype",
            "type",
        ):
            for new in ("3.5", "[3, 3]", "[1]", "true", "nonsense", "null"):
                if new != node.text:
                    yield put(f"type of {what}", new)
        if node.path[-1] == "dtype":
            for new in DTYPES:
                yield put("dtype", new)
        if node.text in WORDS:
            yield put("word", WORDS[node.text])
        if tag != "str" or what in ("declaration", "name", "again", "layer") or CAMEL.fullmatch(node.text):
            continue
        inner = node.start + quoted
        content = node.text[quoted : len(node.text) - quoted]
        yield from _expression(spec, tree, node, what, inner, content)


def _expression(spec: str, tree: list[Node], node: Node, what: str, start: int, text: str) -> Iterator[Mutation]:
    def put(kind: str, match: re.Match[str], new: str) -> Mutation:
        return Mutation(spec, kind, (Edit(start + match.start(), start + match.end(), new),))

    for match in NUMBER.finditer(text):
        for other in numbers(int(match[0])):
            yield put(f"number in {'expression' if what == 'step' else what}", match, str(other))
    for match in OPERATOR.finditer(text):
        for new in OPERATORS[match[0]].split():
            yield put("operator", match, new)
    for match in CALLED.finditer(text):
        for family in FUNCTIONS:
            for new in family.split() if match[0] in family.split() else ():
                if new != match[0]:
                    yield put("function", match, new)
    others = sorted(_names(tree, node.path))
    for match in NAME.finditer(text):
        if match[0] in KEYWORDS or (what == "for" and match.start() < text.find(" in ")):
            continue
        for new in others:
            if new != match[0]:
                yield put("name in from" if what == "from" else f"name in {what}", match, new)


def _names(tree: list[Node], path: tuple[str | int, ...]) -> set[str]:
    """The names of the class that a place is in: its values, parameters and sizes."""
    of_block = path[:2] if path[:1] == ("blocks",) else ()
    found = set()
    for node in tree:
        if node.path[: len(of_block)] != of_block:
            continue
        inside = node.path[len(of_block) :]
        if len(inside) == 2 and inside[0] in ("params", "let", "inputs", "layers") and isinstance(inside[1], str):
            found |= set(re.findall(r"\w+", inside[1]))
        if inside[:1] == ("inputs",) and isinstance(node.node, yaml.ScalarNode) and "dtype" not in inside:
            found |= set(NAME.findall(node.text)) - KEYWORDS
    return found


def _layers(spec: str, text: str, tree: list[Node]) -> Iterator[Mutation]:
    """Layers in place of others, and their arguments: dropped, added, renamed. Conditions, inputs and outputs."""
    for node in tree:
        layer, where = "", (0, 0)
        last = node.path[-1] if node.path else ""
        if role(node.path) in ("step", "single", "argument") and isinstance(last, str) and CAMEL.fullmatch(last):
            layer, where = last, node.key or (0, 0)
        elif role(node.path) == "step" and isinstance(node.node, yaml.ScalarNode) and CAMEL.fullmatch(node.text):
            layer, where = node.text, (node.start, node.end)
        if layer:
            for family in SIBLINGS:
                for new in family.split() if layer in family.split() else ():
                    if new != layer:
                        yield Mutation(spec, "layer", (Edit(*where, new),))
            for prefix, added in ADDED.items():
                if re.fullmatch(rf"{prefix}(\dd)?", layer):
                    yield from _added(spec, node, where == node.key, layer, added)
        if role(node.path) == "argument" and node.key is not None:
            yield from (Mutation(spec, "drop argument", (cut,)) for cut in _entry(text, node))
        if last in ("when", "from", "shape", "repeat", "for", "dtype", "optional", "outputs") and node.key is not None:
            for cut in _entry(text, node):
                yield Mutation(spec, f"drop {last}", (cut,))
        if last == "when" and isinstance(node.node, yaml.ScalarNode):
            yield Mutation(spec, "condition", (Edit(node.start, node.end, f"not ({node.text})"),))
            yield Mutation(spec, "condition", (Edit(node.start, node.end, "false"),))
        if isinstance(node.node, yaml.SequenceNode) and role(node.path) in ("inputs", "shape", "default", "argument"):
            yield from _list(spec, text, node)
        if role(node.path) == "inputs" and last != "inputs" and node.path[-2] == "inputs" and node.text[:1] == "[":
            for dtype in DTYPES[1:]:
                edit = Edit(node.start, node.end, f"{{shape: {node.text}, dtype: {dtype}}}")
                yield Mutation(spec, "dtype", (edit,))


def _added(spec: str, node: Node, keyed: bool, layer: str, added: tuple[str, ...]) -> Iterator[Mutation]:
    """One more argument of a layer."""
    flow = isinstance(node.node, yaml.MappingNode) and node.text.startswith("{")
    given = [key.value for key, _ in node.node.value] if flow else []
    for argument in added:
        if flow and argument.partition(":")[0] not in given:
            comma = ", " if given else ""
            edit = Edit(node.start + 1, node.start + 1, f"{argument}{comma}")
            yield Mutation(spec, "add argument", (edit,))
        elif not keyed and node.text == layer:
            edit = Edit(node.start, node.end, f"{{{layer}: {{{argument}}}}}")
            yield Mutation(spec, "add argument", (edit,))


def _entry(text: str, node: Node) -> Iterator[Edit]:
    """An entry of a mapping, taken out, where it stands by itself in its line or between commas."""
    assert node.key is not None
    start, end = node.key[0], node.end
    before, after = text[:start].rstrip(" "), text[end:].lstrip(" ")
    if before[-1:] == "," and after[:1] in ",}":
        yield Edit(len(before) - 1, end, "")
    elif before[-1:] == "{" and after[:1] == ",":
        yield Edit(start, len(text) - len(after.removeprefix(",").lstrip(" ")), "")
    elif before[-1:] == "{" and after[:1] == "}":
        yield Edit(start, end, "")
    elif before[-1:] == "\n" and not text[start:end].endswith("\n"):
        close = text.find("\n", end)
        if text[end:close].strip()[:1] in ("", "#"):
            yield Edit(len(before), close + 1, "")


def _list(spec: str, text: str, node: Node) -> Iterator[Mutation]:
    """A list with one entry less, or one twice."""
    if not node.text.startswith("["):
        return
    items = [text[one.start_mark.index : one.end_mark.index] for one in node.node.value]
    for index in range(len(items)):
        shorter = ", ".join(items[:index] + items[index + 1 :])
        yield Mutation(spec, "entry of a list", (Edit(node.start, node.end, f"[{shorter}]"),))
        longer = ", ".join([*items[: index + 1], *items[index:]])
        yield Mutation(spec, "entry of a list", (Edit(node.start, node.end, f"[{longer}]"),))


def _steps(spec: str, text: str, tree: list[Node]) -> Iterator[Mutation]:
    """Steps taken out, doubled, and swapped with the next one."""
    for node in tree:
        if role((*node.path, "x")) != "step" or not isinstance(node.node, yaml.MappingNode | yaml.SequenceNode):
            continue
        if isinstance(node.node, yaml.MappingNode) and node.path[-1] != "layers":
            continue
        if node.text[:1] in "[{":
            continue
        pieces = list(_pieces(text, node))
        for place, (start, end, name) in enumerate(pieces):
            names = tuple(re.findall(r"\w+", name)) if name else ()
            if len(pieces) > 1:
                yield Mutation(spec, "delete step", (Edit(start, end, ""),), names)
            copy = text[start:end]
            if name and name.isidentifier():
                copy = copy.replace(name, f"{name}_too", 1)
            yield Mutation(spec, "double step", (Edit(end, end, copy),), names)
            if place + 1 < len(pieces):
                after, until, other = pieces[place + 1]
                swapped = (Edit(start, end, text[after:until]), Edit(after, until, text[start:end]))
                yield Mutation(spec, "swap steps", swapped, (*names, *re.findall(r"\w+", other)))


def _pieces(text: str, node: Node) -> Iterator[tuple[int, int, str]]:
    """The whole lines of each step of a block, and its name, if it has one."""
    starts = []
    for item in node.node.value:
        first, name = (item[0], item[0].value) if isinstance(item, tuple) else (item, "")
        starts.append((text.rfind("\n", 0, first.start_mark.index) + 1, name))
    last = node.node.value[-1]
    end = (last[1] if isinstance(last, tuple) else last).end_mark.index
    stop = len(text[:end].rstrip())
    stop = text.find("\n", stop) + 1 or len(text)
    bounds = [start for start, _ in starts[1:]] + [stop]
    for (start, name), until in zip(starts, bounds, strict=True):
        if start < until:
            yield start, until, name
