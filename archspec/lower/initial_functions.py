"""Functions that fill or parametrize a weight, as the spec calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archspec.expressions import (
    ExpressionError,
    FunctionCall,
    Literal,
    Name,
    Node,
    Scope,
    compile_value,
    evaluate,
    unknown,
)
from archspec.graph import (
    Argument,
    Fill,
    Parametrization,
    free_symbols,
)
from archspec.initializers import INITIALIZERS, PARAMETRIZATIONS, Initializer
from archspec.layers import Weight
from archspec.lower._problems import Report
from archspec.problems import did_you_mean, echo
from archspec.refusals import RefusalError
from archspec.source import Path

if TYPE_CHECKING:
    pass


class Namespace(NamedTuple):
    """Functions of weights that PyTorch has in one module."""

    module: str
    functions: dict[str, Initializer]


INIT = Namespace("torch.nn.init", INITIALIZERS)
PARAMETRIZING = Namespace("torch.nn.utils.parametrizations", PARAMETRIZATIONS)


def read_fill(report: Report, weight: str, text: str, path: Path, scope: Scope) -> Fill | None:
    """A weight's function with its arguments; None, and reported, where it is none."""
    found = read_function(report, text, path, scope, INIT)
    if found is None:
        return None
    function, arguments = found
    return Fill(weight, function.name, arguments, report.source.span(path), pattern="*" in weight)


def read_function(
    report: Report, text: str, path: Path, scope: Scope, namespace: Namespace
) -> tuple[Initializer, tuple[Argument, ...]] | None:
    """A function of a namespace as the spec calls it; None, and reported, where it calls none so."""
    module, catalogue = namespace
    try:
        node = compile_value(text)
        name, positional, keywords = _called(node)
        function = catalogue.get(name)
        if function is None:
            near = f"{name}_" if f"{name}_" in catalogue else ""
            hint = did_you_mean(near or name, list(catalogue), f"`{module}` has")
            report.add("AS401", f"`{module}` has no function {echo(name)}", path, hint)
            return None
        given = [(option.name, value) for option, value in zip(function.options, positional, strict=False)]
        if len(positional) > len(given):
            message = f"`{name}` takes {len(function.options)} arguments, not {len(positional)}"
            names = ", ".join(option.name for option in function.options)
            report.add("AS402", message, path, f"`{name}` takes: {names}" if names else "write it without arguments")
            return None
        given += keywords
        arguments = []
        for key, value in given:
            word = function.option(key).kind == "word" and isinstance(value, Name) and value.name not in scope
            node = Literal(value.name) if word and isinstance(value, Name) else value
            arguments.append(Argument(key, evaluate(node, scope), node, report.source.span(path)))
        if len({one.name for one in arguments}) < len(arguments):
            report.add("AS402", f"`{name}` is given an argument twice", path, "keep one of them")
            return None
        if free := {symbol.shown for one in arguments for symbol in free_symbols(one.value)}:
            message = f"`{name}` depends on the free dimension `{min(free)}`"
            report.add("AS506", message, path, "make it a parameter or a number")
            return None
        known = {one.name: one.value for one in arguments if not unknown(one.value)}
        function.check(known, [one.name for one in arguments])
    except ExpressionError as error:
        report.expression(error, path, text, scope)
        return None
    except RefusalError as error:
        report.add(error.code, error.message, path, error.help)
        return None
    return function, tuple(arguments)


def _called(node: Node) -> tuple[str, tuple[Node, ...], list[tuple[str, Node]]]:
    if isinstance(node, Name):
        return node.name, (), []
    if isinstance(node, FunctionCall):
        return node.function, node.arguments, list(node.keywords)
    message = "this is not a function of torch.nn.init"
    raise ExpressionError("AS301", message, "write `zeros_`, or `normal_(std=0.02)`")


def is_for(report: Report, name: str, weight: Weight, fill: Fill | Parametrization) -> bool:
    """Whether a function takes a weight of that shape; reported where it does not."""
    catalogue = INITIALIZERS if isinstance(fill, Fill) else PARAMETRIZATIONS
    try:
        catalogue[fill.function].check_shape(name, weight.shape)
    except RefusalError as error:
        report.add_at(error.code, error.message, fill.span, error.help)
        return False
    return True
