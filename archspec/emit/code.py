"""Graph -> Python source: one readable class that needs nothing but torch.

Reads a graph whose parameters are symbols and whose loops are loops. What the code says is decided in `lower`; here
it is only put into words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from archspec.emit import gate, parallel
from archspec.emit.annotations import Returned, flow_annotation
from archspec.emit.constructor import Constructor
from archspec.emit.forward import Comments, Forward, write_forward
from archspec.emit.parallel import Sharding
from archspec.emit.remarks import Remarks
from archspec.emit.shapes import shape_text
from archspec.emit.text import INDENT, WIDTH, Code, Expression, code, docstring, literal, prose, wrap
from archspec.emit.translation import numbered
from archspec.emit.variants import variant_functions
from archspec.expressions import FunctionCall, Literal, Name, evaluate, literal_text
from archspec.files import seal, seal_comment
from archspec.graph import (
    Branch,
    Call,
    Class,
    Graph,
    Loop,
    Parameter,
    modules,
    names_in,
    size_names,
    walk,
)
from archspec.tensors import TensorType


class InternalError(AssertionError):
    """Generated source failed its last check: a bug of ours, and nothing is written."""


def generate(graph: Graph, spec_text: str, sharding: Sharding | None = None) -> str:
    """The source of a graph's classes, sealed. `spec_text` is what it was made from: its hash goes into the header.

    With a `sharding`, `parallelize(model, mesh)` stands behind them. ValueError where one of the names that this needs
    is a class's or a variant's.
    """
    words = _Words(Remarks(graph.files), Returned())
    classes = [_Class(cls, words, graph if cls is graph.main else None) for cls in (*graph.blocks, graph.main)]
    functions = variant_functions(graph)
    written = [line for cls in classes for line in cls.all_lines()]
    text = "\n".join([*written, *(line for function in functions for line in function.lines())])
    lines = parallel.function(sharding, graph.main.name) if sharding is not None else []

    def rendered(more: list[str]) -> str:
        text_of_module: str = _template("module.py.jinja").render(
            name=Code(graph.main.name),
            seal=Code(seal_comment(_origin(graph.path), spec_text)),
            imports=_imports(text, graph.own, more),
            make_divisible="make_divisible(" in text,
            classes=classes,
            functions=functions,
        )
        return text_of_module

    source = rendered([])
    try:
        gate.check(source, graph.own)
    except gate.GateError as error:
        raise InternalError(f"the generated source was refused: {error}") from None
    if not lines:
        return seal(source)
    if taken := {*parallel.IMPORTED, "parallelize"} & set(re.findall(r"^(?:class|def) (\w+)", source, re.MULTILINE)):
        raise ValueError(f"`{min(taken)}` is a name that `parallelize` needs: call the block or variant otherwise")
    return seal("\n".join([rendered(parallel.imports(lines)), "", *lines, ""]))


class _Words(NamedTuple):
    """What stands beside the code of all classes: the remarks of the spec, and the types of what they return."""

    remarks: Remarks
    returned: Returned


class _Class:
    """One class, as the template prints it."""

    def __init__(self, cls: Class, words: _Words, graph: Graph | None) -> None:
        main = graph is not None
        forward = forward_of(cls, words.remarks)
        constructor = Constructor(cls, forward.saved, words.remarks, graph)
        body = constructor.lines()
        buffers = [f"    {step.name}: Tensor" for step in cls.steps if step.kind == "buffer"]
        needed = body != ["super().__init__()"] or bool(cls.parameters)
        begin = [*_signature(cls.parameters), *(f"        {line}" if line else "" for line in body)]
        head = [] if cls.sequential else _forward_signature(cls, forward.arguments, words.returned)
        lines = _doc(cls, main, forward.arguments)
        self.name = Code(cls.name)
        self.base = Code("nn.Sequential" if cls.sequential else "nn.Module")
        self.output = code(_named_output(cls, words.returned))
        self.code = [
            code(buffers),
            code(begin if needed else []),
            code([*head, *(f"        {line}" if line else "" for line in forward.lines)]),
        ]
        self.parts = [part for part in (docstring(lines, "    ") if lines else [], *self.code) if part]

    def all_lines(self) -> list[Code]:
        """Everything in it that may need an import."""
        base = Code(f"nn.Module {self.base}")
        return [base, *self.output, *(line for part in self.code for line in part)]


def forward_of(cls: Class, remarks: Remarks) -> Forward:
    """The forward method of a class as the source has it; empty for an nn.Sequential, which inherits its own."""
    if cls.sequential:
        return Forward((), ())
    return write_forward(cls, Comments(tuple(remarks.of(step.span) for step in cls.steps), local_names(cls)))


def _named_output(cls: Class, returned: Returned) -> list[str]:
    """The NamedTuple that a class with named outputs returns."""
    if cls.outputs is None or not cls.outputs.names or not isinstance(cls.output, tuple):
        return []
    lines = [f"class {cls.name}Output(NamedTuple):", f'    """Outputs of {cls.name}."""', ""]
    return lines + [
        f"    {name}: {annotation}" for name, annotation in zip(cls.outputs.names, returned.values(cls), strict=True)
    ]


def _origin(path: str) -> str:
    """A spec's file name as a comment may hold it: without what some tool would take for an instruction."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isalnum() or c in " ._-<>" else "_" for c in name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("archspec.emit"),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # what is printed is Python; `_finalize` lets nothing else through
    )


def _template(name: str) -> Any:
    return _environment().get_template(name)


def _finalize(value: object) -> str:
    """Templates print pieces that were made to be code, never plain text."""
    if not isinstance(value, Code):
        raise InternalError(f"a template prints {type(value).__name__}, which is not code")
    return value


# What stands around the class.


def _imports(text: str, own: tuple[str, ...], more: list[str]) -> list[Code]:
    """The imports that the file needs, in isort's order; `more` are those of `parallelize`."""
    words = _words(text)
    lines = ["import math"] if "math." in text else []
    lines += ["from collections import OrderedDict"] if "OrderedDict" in words else []
    abstract = [name for name in ("Callable", "Sequence") if f"{name}[" in text]
    lines += [f"from collections.abc import {', '.join(abstract)}"] if abstract else []
    lines += ["from fnmatch import fnmatchcase"] if "fnmatchcase(" in text else []
    lines += [line for line in more if line.startswith("from functools")]
    typing = [name for name in ("Any", "Literal", "NamedTuple") if name in words]
    lines += [f"from typing import {', '.join(typing)}"] if typing else []
    lines += [""] if lines else []
    lines += ["import torch"] if "torch." in text else []
    if "F" in words and "F." in text:
        lines.append("import torch.nn.functional as F")
    others = ["from torch import Tensor, nn" if "Tensor" in words else "from torch import nn"]
    modules = sorted({name.rpartition(".")[0] for name in own})
    for module in modules:
        names = sorted(name.rpartition(".")[2] for name in own if name.rpartition(".")[0] == module)
        others.append(f"from {module} import {', '.join(names)}")
    others += [line for line in more if not line.startswith("from functools")]
    return code(line for one in [*lines, *sorted(others)] for line in one.split("\n"))


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def _doc(cls: Class, main: bool, inputs: tuple[str, ...]) -> list[str]:
    """A class's docstring: what it is, its arguments (of a block those with a doc), the shapes that go in and out."""
    told = [parameter for parameter in cls.parameters if main or parameter.doc]
    if not cls.doc.strip() and not told and not main:
        return []
    lines = _paragraphs(cls.doc) if cls.doc.strip() else [f"{cls.name}."]
    lines += ["", "Args:"] if told else []
    uses = _uses(cls) if told else {}
    for parameter in told:
        words = prose(" ".join(parameter.doc.split())) or prose(_what_for(parameter, uses))
        lines += wrap(f"{INDENT}{parameter.name}: {words}", INDENT * 2)
    return lines + _shapes(cls, main, inputs or tuple(one.name for one in cls.inputs))


def _shapes(cls: Class, main: bool, inputs: tuple[str, ...]) -> list[str]:
    """What goes in and out: of the network, and of a block that makes other axes of them."""
    hidden = local_names(cls) | {name for name in size_names(cls.output) if "." in name}
    taken = [shape_text(value.type, hidden) for value in cls.inputs]
    returned = shape_text(cls.output, hidden)
    if not returned or not all(taken) or not (main or _tells(cls)):
        return []
    names = ("Input",) if len(inputs) == 1 else inputs
    pairs = [*zip(names, taken, strict=True), ("Output", returned)]
    return ["", "Shape:", *(line for name, text in pairs for line in wrap(f"{INDENT}- {name}: {text}", INDENT * 2))]


def _tells(cls: Class) -> bool:
    """Whether the shapes of a block are worth a word: one tensor, whose axes others are made of."""
    before, after = cls.inputs[0].type, cls.output
    if len(cls.inputs) != 1 or not isinstance(before, TensorType) or not isinstance(after, TensorType):
        return False
    if "(N," in cls.doc:
        return False  # its docstring says so in words
    return before.rank != after.rank or sum(a != b for a, b in zip(before.shape, after.shape, strict=True)) > 1


def _paragraphs(text: str) -> list[str]:
    """Words of the spec as lines: as they stand there, but a paragraph that is too wide is filled anew."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        given = [prose(line) for line in paragraph.split("\n")]
        room = WIDTH - len(INDENT) - (0 if lines else 4)  # the first line stands behind the quotes
        lines += [""] if lines else []
        if all(len(line) <= room for line in given):
            lines += given
        else:
            lines += wrap(" ".join(line.strip() for line in given), room=room)
    return [lines[0].lstrip(), *lines[1:]]


Uses = dict[str, dict[str, dict[str, None]]]
"""What reads a name: of each use, the paths where that is."""


def _uses(main: Class) -> Uses:
    """The arguments, inputs and repetitions that read each name of a class."""
    uses: Uses = defaultdict(lambda: defaultdict(dict))
    for value in main.inputs:
        for axis, node in numbered(value.axes):
            for name in names_in(node):
                uses[name][f"size of axis {axis}"][value.name] = None
    for path, item in modules(main.children(), opened=False):
        if isinstance(item, Call):
            for argument in item.arguments:
                for name in names_in(argument.node) if argument.node is not None else ():
                    uses[name][f"`{argument.name}`"][path.replace("*", "n")] = None
        elif isinstance(item, Loop | Branch):
            node = item.iterable if isinstance(item, Loop) else item.condition
            counts = isinstance(node, FunctionCall) and node.function == "range"
            loop = "number of repeated modules" if counts else "one entry for each repeated module"
            for name in names_in(node):
                uses[name][loop if isinstance(item, Loop) else "whether the optional modules are created"] = {}
    return uses


def _what_for(parameter: Parameter, uses: Uses) -> str:
    """What a parameter without words of its own does: the arguments and inputs that read it."""
    told = uses.get(parameter.name, {})
    found = [
        f"{use} of {_brief([f'`{place}`' for place in places], ', ')}" if places else use
        for use, places in told.items()
    ]
    text = _brief(found, "; ") or parameter.type
    text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith("…") else f"{text}."


def _brief(words: list[str], joint: str) -> str:
    """The first three of them."""
    return joint.join([*words[:3], "…"] if len(words) > 3 else words)


def local_names(main: Class) -> frozenset[str]:
    """What means nothing outside: sizes that loops change, what loops bind, attributes that nobody reads."""
    loops = [item for item in walk(main.children()) if isinstance(item, Loop)]
    bound = {part.name for loop in loops for part in loop.target.walk() if isinstance(part, Name)}
    bound |= {export.name for export in main.exports if not export.used}
    return frozenset(bound | {carried.name for loop in loops for carried in loop.carried})


_ANNOTATIONS = {"any": "Any", "integers": "Any", "list": "Sequence[Any]", "layer": "Callable[..., nn.Module]"}


def _annotation(kind: str) -> str:
    if kind.startswith("list["):
        return f"Sequence[{_annotation(kind[5:-1])}]"
    return _ANNOTATIONS.get(kind, kind)


def _holds_layers(value: object) -> bool:
    """Whether a list names layers, among other things."""
    return isinstance(value, tuple) and any(_holds_layers(one) or one in Literal.layers for one in value)


def _parameter(parameter: Parameter) -> Expression:
    """A parameter of the constructor, with its type and default."""
    annotation = _annotation(parameter.type) if not _holds_layers(parameter.value) else "Sequence[Any]"
    if parameter.type == "str" and parameter.choices:
        choices = [Expression(literal_text(choice)) for choice in parameter.choices]
        default = "" if parameter.default is None else f" = {literal_text(evaluate(parameter.default, {}))}"
        default = " | None = None" if parameter.computed else default
        return Expression(f"{parameter.name}: Literal", choices, brackets="[]", tail=default)
    if parameter.default is None:
        return Expression(f"{parameter.name}: {annotation}")
    if parameter.computed:
        return Expression(f"{parameter.name}: {annotation} | None = None")
    return literal(f"{parameter.name}: {annotation} = ", evaluate(parameter.default, {}))


def _signature(parameters: tuple[Parameter, ...]) -> list[str]:
    arguments = [Expression("self"), *map(_parameter, parameters)]
    return Expression("def __init__", arguments, tail=" -> None:").lines("    ")


# The forward method.


def _forward_signature(cls: Class, names: tuple[str, ...], returned: Returned) -> list[str]:
    arguments = [Expression("self")]
    for name, value in zip(names, cls.inputs, strict=True):
        kind = flow_annotation(value.type)
        arguments.append(Expression(f"{name}: {kind}{' | None = None' if value.optional else ''}"))
    return Expression("def forward", arguments, tail=f" -> {returned.annotation(cls)}:").lines("    ")
