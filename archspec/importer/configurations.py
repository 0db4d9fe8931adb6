"""A config.json of transformers as a factory of its model."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from archspec import source
from archspec.importer.gaps import CODE
from archspec.problems import Problem, Span, SpecError, echo

_LIMIT = 2**30
"""Up to how many parameters a model is made with its weights; a larger one is made on the meta device."""
_FORM = "a configuration is a JSON object with `model_type`, as `save_pretrained` of transformers writes it"


def factory_of(path: str, asked: Iterable[str]) -> Callable[..., nn.Module]:
    """What makes the model of a configuration; its arguments are those fields of it that are asked for.

    The model is that of `architectures`, else what AutoModel makes of it, without a cache of keys and values. SpecError
    where there is no such model.
    """
    fields = _read(path)
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise _refusal(path, f"transformers cannot be imported: {error}", "install `transformers`") from error

    def make(**changed: Any) -> nn.Module:
        values = {**fields, "use_cache": False, **changed}
        config = transformers.AutoConfig.for_model(**values)
        name = next(iter(fields.get("architectures") or ()), None)
        kind = None if name is None else _class(transformers, config, name)
        made: nn.Module = transformers.AutoModel.from_config(config) if kind is None else kind(config)
        return made

    unknown = [name for name in asked if name not in fields]
    if unknown:
        raise _refusal(path, f"the configuration has no {echo(unknown[0])}", f"it has {', '.join(fields)}")
    factory = make if _measured(make, path) <= _LIMIT else _on_meta(make)
    parameters = [inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=fields[one]) for one in asked]
    vars(factory)["__signature__"] = inspect.Signature(parameters)  # which `inspect.signature` returns
    return factory


def _on_meta(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The same without weights in memory."""

    def make_on_meta(**changed: Any) -> nn.Module:
        with torch.device("meta"):
            return make(**changed)

    return make_on_meta


def _read(path: str) -> dict[str, Any]:
    """The fields of a configuration."""
    text = source.read(path)
    try:
        fields = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise _refusal(path, f"this is not valid JSON: {error}", _FORM, line) from error
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str):
        raise _refusal(path, "there is no `model_type`: this is not a configuration of transformers", _FORM)
    return fields


def _class(transformers: Any, config: Any, name: str) -> Any:
    """The class of an architecture: of the package, or of the module of its configuration."""
    found = getattr(transformers, name, None)
    if found is None:
        module = importlib.import_module(type(config).__module__.replace(".configuration_", ".modeling_"))
        found = getattr(module, name, None)
    return found


def _measured(make: Callable[..., nn.Module], path: str) -> int:
    """How many parameters a model has; SpecError where there is none. Nothing is allocated."""
    try:
        with torch.device("meta"):
            model = make()
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise _refusal(path, f"transformers makes no model of it: {type(error).__name__}: {said}", _FORM) from error
    return sum(one.numel() for one in model.parameters())


def _refusal(path: str, message: str, hint: str, line: int = 1) -> SpecError:
    return SpecError([Problem(CODE, message, Span(path, line, 1, line, 1), hint)])
