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
from archspec.emit.constructor import Constructor, names_in
from archspec.emit.text import WIDTH, Code, Expression, code, docstring, literal, prose
from archspec.expressions import Name, evaluate
from archspec.files import seal, seal_comment
from archspec.graph import Branch, Call, Class, Flow, Graph, Item, Loop, Parameter, argument_text, walk
from archspec.problems import Problem, SpecError
from archspec.tensors import TensorType


class InternalError(AssertionError):
    """Generated source failed its last check: a bug of ours, and nothing is written."""


def generate(graph: Graph, spec_text: str) -> str:
    """The source of a graph's class, sealed. `spec_text` is what it was made from: its hash goes into the header."""
    main = graph.main
    constructor = Constructor(main)
    _refuse_unsayable(constructor)
    body = constructor.lines()
    signature = _signature(main.parameters)
    text = "\n".join((*body, *signature))
    source = _template("module.py.jinja").render(
        name=Code(main.name),
        base=Code("nn.Sequential" if main.sequential else "nn.Module"),
        seal=Code(seal_comment(_origin(graph.path), spec_text)),
        imports=_imports(main, text),
        docstring=docstring(_doc(main), "    "),
        signature=code(signature),
        constructor=code(f"        {line}" if line else "" for line in body),
        forward=code(_forward(main)),
        make_divisible="make_divisible(" in text,
    )
    try:
        gate.check(source)
    except gate.GateError as error:
        raise InternalError(f"the generated source was refused: {error}") from None
    return seal(source)


def _origin(path: str) -> str:
    """A spec's file name as a comment may hold it: without what some tool would take for an instruction."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isalnum() or c in " ._-<>" else "_" for c in name)


def _refuse_unsayable(constructor: Constructor) -> None:
    """SpecError where the constructor needs a size that is known for values of the parameters, but not as a formula."""
    problems = []
    for item in walk(constructor.main.items):
        if isinstance(item, Call):
            for name in _unsayable(item):
                message = f"`{name}` follows from the parameters, but no expression of them says how"
                advice = f"write it: `{name}: …`, an expression of the parameters"
                problems.append(Problem("AS508", message, item.span, advice))
        elif isinstance(item, Loop):
            for carried in constructor.live(item):
                if any(size is not None and "?" in show(size) for size in (carried.initial, carried.update)):
                    message = (
                        f"`{carried.name}` changes from round to round, and no expression of the parameters says how"
                    )
                    problems.append(
                        Problem("AS508", message, item.span, "write the size where a layer of the loop needs it")
                    )
    if problems:
        raise SpecError(problems)


def _unsayable(item: Call) -> Iterator[str]:
    """The inferred arguments of a layer that have no text."""
    given = {argument.name: argument for argument in item.arguments}
    for name, declared in item.layer.arguments.items():
        if declared.inferred and (name not in given or "?" in argument_text(given[name])):
            yield name


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


def _imports(main: Class, text: str) -> list[Code]:
    """The imports that the file needs, in isort's order."""
    lines = ["import math"] if "math." in text else []
    lines += ["from collections import OrderedDict"] if "OrderedDict" in text else []
    lines += ["from collections.abc import Sequence"] if "Sequence[" in text else []
    lines += ["from typing import Any"] if "Any" in _words(text) else []
    lines += [""] if lines else []
    lines += ["import torch"] if "torch." in text else []
    return code([*lines, "from torch import nn" if main.sequential else "from torch import Tensor, nn"])


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def _doc(main: Class) -> list[str]:
    """The class's docstring: what it is, its arguments, and the shapes that go in and out."""
    lines = [prose(line) for line in main.doc.strip().split("\n")] if main.doc.strip() else [f"{main.name}."]
    lines[0] = lines[0].lstrip()
    if main.parameters:
        lines += ["", "Args:"]
        for parameter in main.parameters:
            words = " ".join(prose(parameter.doc).split()) or prose(_what_for(parameter, main))
            lines.append(f"    {parameter.name}: {words}")
    lines += ["", "Shape:"]
    lines += [f"    {value.name}: {prose(str(value.type))}" for value in main.inputs]
    lines.append(f"    returns: {prose(flow_text(main.output, local_names(main)))}")
    return lines


def _what_for(parameter: Parameter, main: Class) -> str:
    """What a parameter without words of its own does: the arguments and inputs that read it."""
    uses: dict[str, None] = {}
    for value in main.inputs:
        for axis, size in enumerate(value.type.shape):
            if parameter.name in {symbol.text for symbol in dimensions.symbols(size)}:
                uses[f"axis {axis} of {value.name}"] = None
    for item in walk(main.items):
        if isinstance(item, Call):
            for argument in item.arguments:
                if argument.node is not None and parameter.name in names_in(argument.node):
                    uses[f"{argument.name} of {item.path.replace('*', 'n')}"] = None
        elif isinstance(item, Loop | Branch):
            node = item.iterable if isinstance(item, Loop) else item.condition
            if parameter.name in names_in(node):
                uses["what steps repeat over" if isinstance(item, Loop) else "whether steps are there"] = None
    found = list(uses)
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "") + "." if found else f"{parameter.type}."


def flow_text(flow: Flow | None, hidden: frozenset[str] = frozenset()) -> str:
    """A type in words; a size that no expression says, or one over `hidden` names, is `?`."""
    if isinstance(flow, TensorType):
        sizes = ["?" if _unknown(size, hidden) else show(size) for size in flow.shape]
        return f"[{', '.join(sizes)}]" + ("" if flow.dtype == "float32" else f" {flow.dtype}")
    return "?" if flow is None else f"({', '.join(flow_text(part, hidden) for part in flow)})"


def _unknown(size: Size, hidden: frozenset[str]) -> bool:
    return "?" in show(size) or any(symbol.text in hidden for symbol in dimensions.symbols(size))


def local_names(main: Class) -> frozenset[str]:
    """What means something inside the constructor only: sizes that loops change, and what loops bind."""
    loops = [item for item in walk(main.items) if isinstance(item, Loop)]
    bound = {part.name for loop in loops for part in loop.target.walk() if isinstance(part, Name)}
    return frozenset(bound | {carried.name for loop in loops for carried in loop.carried})


_ANNOTATIONS = {"any": "Any", "list": "Sequence[Any]"}


def _annotation(kind: str) -> str:
    if kind.startswith("list["):
        return f"Sequence[{_annotation(kind[5:-1])}]"
    return _ANNOTATIONS.get(kind, kind)


def _parameter(parameter: Parameter) -> Expression:
    """A parameter of the constructor, with its type and default."""
    annotation = _annotation(parameter.type)
    if parameter.default is None:
        return Expression(f"{parameter.name}: {annotation}")
    if parameter.computed:
        return Expression(f"{parameter.name}: {annotation} | None = None")
    return literal(f"{parameter.name}: {annotation} = ", evaluate(parameter.default, {}))


def _signature(parameters: tuple[Parameter, ...]) -> list[str]:
    arguments = [Expression("self"), *map(_parameter, parameters)]
    return Expression("def __init__", arguments, tail=" -> None:").lines("    ")


# The forward method.


def _forward(main: Class) -> list[str]:
    """The forward method of a class whose steps follow one another; nn.Sequential brings its own."""
    if main.sequential:
        return []
    name = main.inputs[0].name
    returns = _flow_annotation(main.output)
    hidden = local_names(main)
    lines = [f"    def forward(self, {name}: Tensor) -> {returns}:"]
    for item in main.items:
        if returns != "Tensor" and item is main.items[-1]:
            lines.append(f"        output: {returns} = self.{_key(item)}({name})")
            return ["", *lines, "        return output"]
        line = f"        {name} = self.{_key(item)}({name})"
        comment = shape_comment(item.output, hidden) if item.output != item.input else ""
        whole = f"{line}  # {comment}"
        lines.append(whole if comment and len(whole) <= WIDTH else line)
    return ["", *lines, f"        return {name}"]


def _key(item: Item) -> str:
    name = getattr(item, "name", None)
    assert name is not None, "a step of a mapping has a name"
    return str(name)


def _flow_annotation(flow: Flow | None) -> str:
    if isinstance(flow, tuple) and not isinstance(flow, TensorType):
        return f"tuple[{', '.join(map(_flow_annotation, flow))}]"
    return "Tensor"


def shape_comment(flow: Flow | None, hidden: frozenset[str]) -> str:
    """A shape as a comment, where it is short enough to teach something."""
    text = flow_text(flow, hidden)
    return "" if "?" in text or len(text) > 48 else text
