"""Classes of packages that the caller allows: what may be imported, and what a step says of it."""

from __future__ import annotations

import keyword
import re

from archspec.document import StepEntry, variable_problem
from archspec.expressions import ExpressionError, as_size, compile_value, evaluate
from archspec.graph import Call, Flow, Group
from archspec.layers import LAYERS
from archspec.layers.own import OwnLayer
from archspec.lower._problems import type_path
from archspec.lower.arguments import evaluate_argument, written_arguments
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.leading import DOTS
from archspec.lower.sites import Site
from archspec.problems import Advice, echo
from archspec.source import Path
from archspec.tensors import TensorType

_ARGUMENT = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def own_call(frame: Frame, step: StepEntry, target: str, site: Site, given: Given) -> Call | Group:
    """A class of the user's in its place, with its arguments."""
    frame.lowering.add_layers(1, site.path)
    if step.arguments is not None and not isinstance(step.arguments, dict) and target.startswith(("nn.", "torch.nn.")):
        step = step.model_copy(update={"arguments": None})  # one value, as for PyTorch's own, which is named below
    written = written_arguments(frame, step, site.path, None, [])
    arguments = {}
    for one in written or ():
        argument = evaluate_argument(frame, one, site.scope, takes_words=True)
        if argument is not None:
            arguments[one.name] = argument
    if written is None or len(arguments) < len(written):
        return frame.unreadable(site.path, given)
    at = type_path(frame.report, site.path, target)
    if refuse_target(frame, target, list(arguments), at):
        return frame.unreadable(site.path, given)
    output = None
    if step.shape is not None:
        output = _written_output(frame, step.shape, site, given)
        if output is None:
            return frame.unreadable(site.path, given)
    layer = OwnLayer(target, {name: argument.value for name, argument in arguments.items()}, output)
    flow: Flow | None = output if output is not None else given.first()
    span = frame.span(at, key=True)
    return Call(site.name, layer, tuple(arguments.values()), given.types, flow, span, keys=given.names)


def refuse_target(frame: Frame, target: str, arguments: list[str], at: Path) -> bool:
    """Whether a class may not be imported, or not be called with those arguments; reported."""
    allowed = frame.lowering.allow
    package = target.partition(".")[0]
    package_of, _, name = target.rpartition(".")
    if not _DOTTED.fullmatch(target) or any(map(keyword.iskeyword, target.split("."))):
        frame.report.add_to_type("AS204", f"{echo(target)} is not a dotted name", at, "write `my_package.layers.Swish`")
        return True
    if problem := variable_problem(name):
        frame.report.add("AS204", f"{echo(name)} {problem}", at, "use another name for the class", key=True)
        return True
    for one in arguments:  # written as they are in generated code, with no class at hand that could say what it takes
        if not _ARGUMENT.fullmatch(one) or keyword.iskeyword(one):
            advice = "argument names consist of ASCII letters, digits and `_`"
            frame.report.add("AS402", f"{echo(one)} is not a valid argument name", at, advice, key=True)
            return True
    theirs = package_of in ("nn", "torch.nn") and name in LAYERS
    if theirs and not any(package == one.partition(".")[0] for one in allowed):
        message = f"unknown layer {echo(target)}"
        hint = f"did you mean `{name}`? write PyTorch's layers without `{package_of}.`"
        frame.report.add_to_type("AS401", message, at, Advice(hint, name, target))
        return True
    if not any(target.startswith(f"{one}.") for one in allowed):
        message = f"{echo(target)} is a class of the package {echo(package)}, which is not allowed"
        advice = f"only the caller can allow it: `--allow {package}`, or `build(…, allow=[{package!r}])`"
        frame.report.add_to_type("AS408", message, at, advice)
        return True
    taken = {*LAYERS, *frame.lowering.document.blocks, str(frame.lowering.document.name), "Tensor"}
    other = frame.lowering.own_classes.setdefault(name, target)
    if name in taken or other != target:
        frame.report.add_to_type("AS205", f"`{name}` is the name of two classes", at, "use another name for the class")
        return True
    return False


def _written_output(frame: Frame, shape: list[int | str], site: Site, given: Given) -> TensorType | None:
    """The type that a step's `shape:` says; None, and reported, where a size has no value."""
    try:
        sizes = tuple(as_size(evaluate(compile_value(size), site.scope)) for size in shape if size != DOTS)
    except ExpressionError as error:
        frame.report.expression(error, site.at("shape"), None)
        return None
    first = given.first()
    if len(sizes) < len(shape) and isinstance(first, TensorType):
        sizes = (*first.shape[: -len(sizes)], *sizes)
    return TensorType(sizes, first.dtype if isinstance(first, TensorType) else "float32")
