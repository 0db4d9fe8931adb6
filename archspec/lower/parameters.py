"""Parameters and computed names of a document or block: what is declared before its steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archspec import dimensions, document, graph
from archspec.dimensions import LARGEST, Dimension
from archspec.document import Document
from archspec.expressions import (
    ExpressionError,
    Literal,
    Name,
    Node,
    Symbolic,
    compile_value,
    evaluate,
    literal_text,
    type_of,
    unknown,
)
from archspec.layers import LAYERS
from archspec.lower._problems import Report
from archspec.problems import Edit, did_you_mean, echo
from archspec.source import Path
from archspec.values import as_value


def bind(
    report: Report, spec: Document, given: Mapping[str, Any], symbolic: bool
) -> tuple[tuple[graph.Parameter, ...], dict[str, Any]]:
    """The parameters, and a scope in which each stands for its value or, with `symbolic`, for a symbol."""
    for name in given:
        if name not in spec.params:
            hint = did_you_mean(name, list(spec.params), "parameters") or "this spec has no parameters"
            report.add("AS208", f"the spec has no parameter {echo(name)}", ("params",), hint, key=True)
    plain = {name: _frozen(as_value(value)) for name, value in given.items()}
    positive = {size for value in spec.inputs.values() for size in value.axes if isinstance(size, str)}
    return declare(report, spec.params, (), plain, symbolic=symbolic, positive=positive)


def declare(
    report: Report,
    params: Mapping[str, document.ParameterEntry],
    base: Path,
    given: Mapping[str, Any],
    *,
    symbolic: bool = False,
    positive: Collection[str] = (),
) -> tuple[tuple[graph.Parameter, ...], dict[str, Any]]:
    """The parameters of a document or block, and a scope in which each stands for its value or a symbol.

    `positive` ones are a dimension of an input. Those without a default come first, as Python wants them.
    """
    bound = []
    values: dict[str, Any] = {}
    scope: dict[str, Any] = {}
    for name, parameter in params.items():
        one = _declare_one(report, parameter, (*base, "params", name), given, values)
        scope[name] = symbol_of(one, name in positive, parameter) if symbolic or one.value is None else one.value
        values[name] = one.value if one.value is not None else scope[name]
        bound.append(one)
    return tuple(sorted(bound, key=lambda one: one.default is not None)), scope


def _declare_one(
    report: Report, parameter: document.ParameterEntry, path: Path, given: Mapping[str, Any], above: Mapping[str, Any]
) -> graph.Parameter:
    """One parameter, with what the caller has given or its default, which reads the parameters above it."""
    name = str(path[-1])
    # Only where the type is written may a default be an expression: elsewhere a string is a string.
    computed = isinstance(parameter.default, str) and parameter.type not in (None, "str")
    default_path = (*path, "default") if isinstance(report.source.value(path), dict) else path
    node = None
    value = None
    if not parameter.required:
        try:
            words = None if computed else frozenset[str]()
            node, value = report.evaluate(parameter.default, default_path, above, words=words)
        except ExpressionError:
            pass
    if refuse_text_of_expression(report, name, parameter, default_path, above):
        value = None
    kind = kind_of(parameter, value)
    value = given.get(name, value)
    if value is not None and not unknown(value):
        why = misfit(value, parameter, kind)
        if why:
            place = path if name in given else default_path
            message = f"{echo(literal_text(value))} is not a valid value for the parameter `{name}`: {why}"
            report.add("AS208", message, place, "change the value, or the limits of the parameter")
            value = None  # one mistake, not one more wherever it is read
        elif kind == "float":
            value, node = float(value), as_float(node)
    choices = None if parameter.choices is None else tuple(map(_frozen, parameter.choices))
    for index, choice in enumerate(choices or ()):
        if not (choice in LAYERS if kind == "layer" and isinstance(choice, str) else _fits(choice, kind)):
            message = f"the parameter `{name}` cannot be {_shown(choice)}: its type is {_type_words(kind)}"
            report.add("AS208", message, (*path, "choices", index), "write values of the parameter's type")
    return graph.Parameter(
        name,
        kind,
        node,
        parameter.doc,
        value,
        report.source.span(path, key=True),
        computed,
        minimum=parameter.min,
        maximum=parameter.max,
        choices=choices,
    )


def as_float(node: Node | None) -> Node | None:
    """What the spec writes for a value of type float: an integer with a point."""
    if isinstance(node, Literal) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return Literal(float(node.value))
    return node


def refuse_text_of_expression(
    report: Report, name: str, parameter: document.ParameterEntry, path: Path, above: Mapping[str, Any]
) -> bool:
    """Whether a default is a text that reads as an expression of the parameters above it; reported.

    Without a type it would be a word; what it comes to says which type is meant.
    """
    text = parameter.default
    if not isinstance(text, str) or parameter.type is not None or parameter.choices is not None:
        return False
    try:
        node = compile_value(text)
        names = {part.name for part in node.walk() if isinstance(part, Name)}
        if not names or isinstance(node, Name) or not names <= above.keys():
            return False
        kind = type_of(evaluate(node, above))
    except ExpressionError:
        return False
    if kind not in ("int", "float", "bool"):
        return False
    message = f"the default of `{name}` is the string {echo(text)}: it is evaluated only if the parameter has a type"
    quoted = f'"{text}"' if any(mark in text for mark in "[]{},:#") else text
    new = f"{{type: {kind}, default: {quoted}}}"
    span = report.source.span(path)
    edits = (Edit(span, new),) if path[-1] == name and span.line == span.end_line else ()
    advice = f"write `{name}: {new}`; or use `let`"
    report.add_at("AS202", message, span, advice, edits=edits)
    return True


def _frozen(value: Any) -> Any:
    """A value of a spec as the language has it: lists are tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    """A value in a message: a literal, unless there is a mapping in it, which has none."""
    return echo(value) if _has_mapping(value) else literal_text(_frozen(value))


def _has_mapping(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list | tuple) and any(map(_has_mapping, value)))


def kind_of(parameter: document.ParameterEntry, value: Any) -> str:
    """The parameter's type, with the type of a list's entries where the default tells it."""
    if parameter.type == "list" or (parameter.type is None and isinstance(value, tuple)):
        return type_of(value) if isinstance(value, tuple) and value else "list[any]"
    if parameter.type in (None, "str") and isinstance(value, str) and value in LAYERS:
        return "layer"
    return parameter.type or type_of(value)


_MOST_SHOWN = 20


def misfit(value: Any, parameter: document.ParameterEntry, kind: str | None = None) -> str | None:
    """Why a value is none of the parameter's, if so."""
    if kind is None:
        default = parameter.default
        kind = kind_of(parameter, _frozen(default))
    if kind == "layer":
        return None if value in LAYERS else "it holds a layer of torch.nn"
    if not _fits(value, kind):
        return f"its type is {_type_words(kind)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int) and abs(value) > LARGEST:
            return "it exceeds 64 bits"
        if parameter.min is not None and value < parameter.min:
            return f"it must be at least {parameter.min}"
        if parameter.max is not None and value > parameter.max:
            return f"it must be at most {parameter.max}"
    if parameter.choices is not None and value not in [_frozen(choice) for choice in parameter.choices]:
        shown = [_shown(choice) for choice in parameter.choices[:_MOST_SHOWN]]
        return f"it must be one of {', '.join(shown)}{', …' * (len(parameter.choices) > _MOST_SHOWN)}"
    return None


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type. An empty list is of every list's."""
    if isinstance(value, dict):
        return False
    if kind.startswith("list["):
        return isinstance(value, tuple) and all(_fits(item, kind[5:-1]) for item in value)
    own = type_of(value)
    if kind == "integers":
        return own in ("int", "list[int]")
    return own == kind or kind == "any" or (kind == "float" and own == "int")


def _type_words(kind: str) -> str:
    return {"list[any]": "list", "integers": "int, or a list of them"}.get(kind, kind)


def symbol_of(parameter: graph.Parameter, positive: bool, declared: document.ParameterEntry) -> Any:
    """What stands for a parameter whose value is not known."""
    if parameter.type == "int":
        least = declared.min if isinstance(declared.min, int) else 1 if positive else None
        return dimensions.symbol(parameter.name, minimum=least)
    kind = f"layer:{parameter.value}" if parameter.type == "layer" else parameter.type
    return Symbolic(Name(parameter.name), kind)


def compute_let(
    report: Report, let: Mapping[str, Any], scope: dict[str, Any], base: Path = ("let",), *, symbolic: bool
) -> tuple[tuple[str, Node], ...]:
    """The computed names, in order; each is added to the scope. In symbols, sizes go by these names from there on."""
    computed = []
    for name, value in let.items():
        if name in scope:
            at = (*base, name)
            other = report.declared(at, name)
            message = f"`{name}` is already a parameter"
            report.add("AS205", message, at, "choose another name", key=True, related=other)
            continue
        try:
            node, size = report.evaluate(value, (*base, name), scope)
            named = symbolic and isinstance(size, Dimension)
            scope[name] = dimensions.written(size, name, dimensions.PRIMARY) if named else size
        except ExpressionError:
            scope[name] = Symbolic(Name(name), "any")  # declared, if not known: no problem of those who read it
            continue
        computed.append((name, node))
    return tuple(computed)
