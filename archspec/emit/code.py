"""Graph -> Python source: one readable class that needs nothing but torch.

Reads a graph whose parameters are symbols and whose loops are loops. What the code says is decided in `lower`; here
it is only put into words.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.emit import gate
from archspec.emit.constructor import Constructor
from archspec.emit.forward import Forward, write_forward
from archspec.emit.text import INDENT, WIDTH, Code, Expression, code, docstring, literal, prose, wrap
from archspec.expressions import Literal, Name, evaluate, literal_text
from archspec.files import seal, seal_comment
from archspec.graph import (
    Branch,
    Call,
    Class,
    Flow,
    Graph,
    Loop,
    Parameter,
    argument_text,
    modules,
    names_in,
    size_names,
    walk,
)
from archspec.problems import Problem, SpecError
from archspec.records import replace
from archspec.tensors import TensorType


class InternalError(AssertionError):
    """Generated source failed its last check: a bug of ours, and nothing is written."""


def generate(graph: Graph, spec_text: str) -> str:
    """The source of a graph's classes, sealed. `spec_text` is what it was made from: its hash goes into the header."""
    classes = [_Class(cls, main=cls is graph.main) for cls in (*graph.blocks, graph.main)]
    text = "\n".join(line for cls in classes for line in cls.all_lines())
    source = _template("module.py.jinja").render(
        name=Code(graph.main.name),
        seal=Code(seal_comment(_origin(graph.path), spec_text)),
        imports=_imports(text, graph.own),
        make_divisible="make_divisible(" in text,
        classes=classes,
    )
    try:
        gate.check(source, graph.own)
    except gate.GateError as error:
        raise InternalError(f"the generated source was refused: {error}") from None
    return seal(source)


def _refuse_unsayable(cls: Class, constructor: Constructor) -> None:
    """SpecError where the constructor needs a size that is known for values of the parameters, but not as a formula."""
    problems = []
    for item in walk(cls.children()):
        if isinstance(item, Call):
            for name in _unsayable(item):
                message = f"`{name}` follows from the parameters, but no expression of them says how"
                advice = f"write it: `{name}: …`, an expression of the parameters"
                problems.append(Problem("AS508", message, item.span, advice))
        elif isinstance(item, Loop):
            for carried in constructor.live(item):
                if any(size is not None and "?" in show(size) for size in (carried.initial, carried.update)):
                    message = f"`{carried.name}` changes in each round, and no expression of the parameters says how"
                    advice = "write the size where a layer of the loop needs it"
                    problems.append(Problem("AS508", message, item.span, advice))
    if problems:
        raise SpecError(problems)


def _unsayable(item: Call) -> Iterator[str]:
    """The inferred arguments of a module that have no text."""
    given = {argument.name: argument for argument in item.arguments}
    declared = item.layer.parameters if isinstance(item.layer, Class) else item.layer.arguments.values()
    for one in declared:
        optional = not isinstance(item.layer, Class) and one.default is None
        text = argument_text(given[one.name]) if one.name in given else "" if optional else "?"
        if one.inferred and "?" in text:
            yield one.name


class _Class:
    """One class, as the template prints it."""

    def __init__(self, cls: Class, *, main: bool) -> None:
        forward = forward_of(cls)
        constructor = Constructor(cls, forward.saved)
        _refuse_unsayable(cls, constructor)
        body = constructor.lines()
        buffers = [f"    {step.name}: Tensor" for step in cls.steps if step.kind == "buffer"]
        needed = body != ["super().__init__()"] or bool(cls.parameters)
        self.name = Code(cls.name)
        self.base = Code("nn.Sequential" if cls.sequential else "nn.Module")
        self.output = code(_named_output(cls))
        self.docstring = docstring(_doc(cls, main), "    ")
        self.buffers = code(buffers)
        self.signature = code(_signature(cls.parameters) if needed else [])
        self.constructor = code(f"        {line}" if line else "" for line in body if needed)
        head = [] if cls.sequential else _forward_signature(cls)
        self.forward = code([*head, *(f"        {line}" for line in forward.lines)])

    def all_lines(self) -> list[Code]:
        """Everything in it that may need an import."""
        base = Code(f"nn.Module {self.base}")
        return [base, *self.output, *self.buffers, *self.signature, *self.constructor, *self.forward]


def forward_of(cls: Class) -> Forward:
    """The forward method of a class as the source has it; empty for an nn.Sequential, which inherits its own."""
    return Forward((), ()) if cls.sequential else write_forward(_commented(cls), comment=True)


def _commented(cls: Class) -> Class:
    """The class with the types that no comment can say left open."""
    hidden = local_names(cls)
    steps = tuple(
        replace(step, output=None)
        if isinstance(step.output, TensorType) and "?" in flow_text(step.output, hidden)
        else step
        for step in cls.steps
    )
    return replace(cls, steps=steps)


def _named_output(cls: Class) -> list[str]:
    """The NamedTuple that a class with named outputs returns."""
    if cls.outputs is None or not cls.outputs.names or not isinstance(cls.output, tuple):
        return []
    lines = [f"class {cls.name}Output(NamedTuple):", f'    """What {cls.name} returns."""', ""]
    return lines + [
        f"    {name}: {_flow_annotation(flow)}" for name, flow in zip(cls.outputs.names, cls.output, strict=True)
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
        raise InternalError(f"a template prints {type(value).__name__}, which is no code")
    return value


# What stands around the class.


def _imports(text: str, own: tuple[str, ...]) -> list[Code]:
    """The imports that the file needs, in isort's order."""
    words = _words(text)
    lines = ["import math"] if "math." in text else []
    lines += ["from collections import OrderedDict"] if "OrderedDict" in words else []
    abstract = [name for name in ("Callable", "Sequence") if f"{name}[" in text]
    lines += [f"from collections.abc import {', '.join(abstract)}"] if abstract else []
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
    return code([*lines, *sorted(others)])


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def _doc(cls: Class, main: bool) -> list[str]:
    """A class's docstring: what it is, its arguments (of a block those with a doc), the shapes that go in and out."""
    lines = _paragraphs(cls.doc) if cls.doc.strip() else [f"{cls.name}."]
    told = [parameter for parameter in cls.parameters if main or parameter.doc]
    lines += ["", "Args:"] if told else []
    for parameter in told:
        words = " ".join(prose(parameter.doc).split()) or prose(_what_for(parameter, cls))
        lines += wrap(f"{INDENT}{parameter.name}: {words}", INDENT * 2)
    lines += ["", "Shape:"]
    for value in cls.inputs:
        lines += wrap(f"{INDENT}{value.name}: {prose(str(value.type))}", INDENT * 2)
    hidden = local_names(cls) | {name for name in size_names(cls.output) if "." in name}
    return lines + wrap(f"{INDENT}returns: {prose(flow_text(cls.output, hidden))}", INDENT * 2)


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


def _what_for(parameter: Parameter, main: Class) -> str:
    """What a parameter without words of its own does: the arguments and inputs that read it."""
    uses: dict[str, dict[str, None]] = {}
    for value in main.inputs:
        for axis, node in enumerate(value.axes):
            if parameter.name in names_in(node):
                uses.setdefault(f"axis {axis}", {})[value.name] = None
    for path, item in modules(main.children(), opened=False):
        if isinstance(item, Call):
            for argument in item.arguments:
                if argument.node is not None and parameter.name in names_in(argument.node):
                    uses.setdefault(argument.name, {})[path.replace("*", "n")] = None
        elif isinstance(item, Loop | Branch):
            node = item.iterable if isinstance(item, Loop) else item.condition
            if parameter.name in names_in(node):
                uses["what steps repeat over" if isinstance(item, Loop) else "whether steps are there"] = {}
    found = [f"{use} of {_brief([*places], ', ')}" if places else use for use, places in uses.items()]
    text = _brief(found, "; ") or parameter.type
    return text if text.endswith("…") else f"{text}."


def _brief(words: list[str], joint: str) -> str:
    """The first three of them."""
    return joint.join([*words[:3], "…"] if len(words) > 3 else words)


def flow_text(flow: Flow | None, hidden: frozenset[str] = frozenset()) -> str:
    """A type in words; a size that no expression says, or one over `hidden` names, is `?`."""
    if isinstance(flow, TensorType):
        sizes = ["?" if _unknown(size, hidden) else show(size) for size in flow.shape]
        return f"[{', '.join(sizes)}]" + ("" if flow.dtype == "float32" else f" {flow.dtype}")
    return "?" if flow is None else f"({', '.join(flow_text(part, hidden) for part in flow)})"


_LONGEST_SIZE = 60
"""A size that takes more to write says nothing to a reader."""


def _unknown(size: Size, hidden: frozenset[str]) -> bool:
    text = show(size)
    names = {symbol.text for symbol in dimensions.symbols(size)}
    return "?" in text or len(text) > _LONGEST_SIZE or bool(names & hidden)


def local_names(main: Class) -> frozenset[str]:
    """What means nothing outside: sizes that loops change, what loops bind, attributes that nobody reads."""
    loops = [item for item in walk(main.children()) if isinstance(item, Loop)]
    bound = {part.name for loop in loops for part in loop.target.walk() if isinstance(part, Name)}
    bound |= {export.name for export in main.exports if not export.used}
    return frozenset(bound | {carried.name for loop in loops for carried in loop.carried})


_ANNOTATIONS = {"any": "Any", "list": "Sequence[Any]", "layer": "Callable[..., nn.Module]"}


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


def _forward_signature(cls: Class) -> list[str]:
    arguments = [Expression("self")]
    for value in cls.inputs:
        arguments.append(Expression(f"{value.name}: Tensor{' | None = None' if value.optional else ''}"))
    returns = f"{cls.name}Output" if cls.outputs is not None and cls.outputs.names else _flow_annotation(cls.output)
    return Expression("def forward", arguments, tail=f" -> {returns}:").lines("    ")


def _flow_annotation(flow: Flow | None) -> str:
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return f"tuple[{', '.join(map(_flow_annotation, flow))}]"
    return "Tensor"
