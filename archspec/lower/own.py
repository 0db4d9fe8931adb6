"""Modules of one's own: what may be imported, and what a step says of it."""

from __future__ import annotations

import keyword
import re

from archspec.document import Step, variable_problem
from archspec.expressions import ExpressionError, as_size, compile_value, evaluate
from archspec.graph import Argument, Call, Group
from archspec.layers import LAYERS
from archspec.layers.own import OwnLayer
from archspec.lower.context import Frame, Given, Scope
from archspec.lower.leading import DOTS
from archspec.problems import Advice, echo
from archspec.source import Path
from archspec.tensors import TensorType

_ARGUMENT = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def own_layer(
    frame: Frame,
    step: Step,
    target: str,
    arguments: dict[str, Argument],
    given: Given,
    scope: Scope,
    key: str | None,
    path: Path,
    at: Path,
) -> Call | Group | None:
    """A class of the user's in its place; None (and reported) where it may not be imported."""
    allowed = frame.context.allow
    package = target.partition(".")[0]
    package_of, _, last = target.rpartition(".")
    if not _DOTTED.fullmatch(target) or any(map(keyword.iskeyword, target.split("."))):
        frame.report.add_to_type("AS204", f"{echo(target)} is no dotted name", at, "write `my_package.layers.Swish`")
        return None
    if problem := variable_problem(last):
        frame.report.add("AS204", f"{echo(last)} {problem}", at, "give the class another name", key=True)
        return None
    for name in arguments:  # written as they are in generated code, with no class at hand that could say what it takes
        if not _ARGUMENT.fullmatch(name) or keyword.iskeyword(name):
            advice = "an argument is a name: ASCII letters, digits and `_`"
            frame.report.add("AS402", f"{echo(name)} is no name of an argument", at, advice, key=True)
            return None
    theirs = package_of in ("nn", "torch.nn") and last in LAYERS
    if theirs and not any(package == one.partition(".")[0] for one in allowed):
        message = f"unknown layer {echo(target)}"
        hint = f"did you mean `{last}`? PyTorch's layers stand here without `{package_of}.`"
        frame.report.add_to_type("AS401", message, at, Advice(hint, last, target))
        return None
    if not any(target.startswith(f"{one}.") for one in allowed):
        message = f"{echo(target)} is a class of the package {echo(package)}, which is not allowed"
        advice = f"only the caller can allow it: `--allow {package}`, or `build(…, allow=[{package!r}])`"
        frame.report.add_to_type("AS408", message, at, advice)
        return None
    name = target.rpartition(".")[2]
    taken = {*LAYERS, *frame.context.document.blocks, str(frame.context.document.name), "Tensor"}
    other = frame.context.own.setdefault(name, target)
    if name in taken or other != target:
        frame.report.add_to_type("AS205", f"`{name}` names two classes", at, "give the class another name")
        return None
    output = None
    if step.shape is not None:
        try:
            written = [size for size in step.shape if size != DOTS]
            sizes = tuple(as_size(evaluate(compile_value(size), scope)) for size in written)
        except ExpressionError as error:
            frame.report.expression(error, (*path, "shape"), None)
            return None
        first = given.first()
        if len(sizes) < len(step.shape) and isinstance(first, TensorType):
            sizes = (*first.shape[: -len(sizes)], *sizes)
        output = TensorType(sizes, first.dtype if isinstance(first, TensorType) else "float32")
    layer = OwnLayer(target, {name: argument.value for name, argument in arguments.items()}, output)
    flow = output if output is not None else given.first()
    return Call(key, layer, tuple(arguments.values()), given.types, flow, frame.span(at, key=True), keys=given.names)
