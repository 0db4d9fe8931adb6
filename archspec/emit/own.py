"""Classes of the user's packages: imported where the caller allows it, and called only where they are modules.

The one place that imports what a spec names. Every failure is a Problem at the step: an import that does not succeed,
a name that the module lacks, an object that is not an nn.Module class of an allowed package, arguments that the class
does not take, a constructor that raises.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from torch import nn

from archspec.layers.own import OwnLayer
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo


def own_module(layer: OwnLayer, arguments: Mapping[str, Any], allow: Collection[str], span: Span) -> nn.Module:
    """A module of the user's class. SpecError where there is no such class, or it cannot be made so."""
    cls = own_class(layer, allow, span)
    _require_arguments(cls, arguments, span)
    what = f"the constructor of {echo(cls.__name__)}"
    made: nn.Module = _run(what, "AS404", span, lambda: cls(**arguments))
    return made


def own_class(layer: OwnLayer, allow: Collection[str], span: Span) -> type[nn.Module]:
    """The class that a step names: a subclass of nn.Module that an allowed package defines."""
    module = _run(f"importing {echo(layer.module)}", "AS401", span, lambda: importlib.import_module(layer.module))
    if not hasattr(module, layer.name):
        classes = [name for name, value in vars(module).items() if _is_module_class(value)]
        advice = did_you_mean(layer.name, classes, "its modules")
        _refuse("AS401", f"{echo(layer.module)} has no {echo(layer.name)}", span, advice)
    found = getattr(module, layer.name)
    if not _is_module_class(found):
        advice = "a step names a class of modules: only these are ever called"
        _refuse("AS401", f"{echo(layer.target)} is not a subclass of `nn.Module`", span, advice)
    if not is_within(found.__module__, allow):
        package = found.__module__.partition(".")[0]
        message = f"{echo(layer.target)} is defined in {echo(found.__module__)}, which is not allowed"
        _refuse("AS408", message, span, f"only the caller can allow it: `--allow {package}`")
    cls: type[nn.Module] = found
    return cls


def is_within(module: str, allow: Collection[str]) -> bool:
    """Whether a module is one of the allowed packages, or below one."""
    return any(module == package or module.startswith(f"{package}.") for package in allow)


def _is_module_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _require_arguments(cls: type[nn.Module], arguments: Mapping[str, Any], span: Span) -> None:
    """Refuses arguments that do not fit the constructor's signature, where it has one."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "no arguments"
        _refuse("AS402", f"{echo(cls.__name__)} cannot be made so: {error}", span, f"it takes: {takes}")


def _run(what: str, code: str, span: Span, call: Callable[[], Any]) -> Any:
    """What a call of the user's code returns; SpecError for whatever it raises."""
    try:
        return call()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        problem = Problem(code, f"{what} raises {echo(reason, 200)}", span, "the code is your package's own")
        raise SpecError([problem]) from error


def _refuse(code: str, message: str, span: Span, advice: str) -> NoReturn:
    raise SpecError([Problem(code, message, span, advice)])
