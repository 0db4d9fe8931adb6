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
from archspec.importer.gaps import CODE, Gap, GapError
from archspec.problems import Problem, Span, SpecError, echo

_LIMIT = 2**30
"""Up to how many parameters a model is made with its weights."""
_FORM = "a configuration is a JSON object with `model_type`, as `save_pretrained` of transformers writes it"
_SMALLER = (
    "Import a smaller one: `--arg num_hidden_layers=2 --vary num_hidden_layers=3` makes the number of layers a "
    "parameter of the spec."
)


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
    parameters = [inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=fields[one]) for one in asked]
    vars(make)["__signature__"] = inspect.Signature(parameters)  # which `inspect.signature` returns
    _measure(make, path)
    return make


def _read(path: str) -> dict[str, Any]:
    """The fields of a configuration."""
    text = source.read(path)
    try:
        fields = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise _refusal(path, f"this is no JSON: {error}", _FORM, line) from error
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str):
        raise _refusal(path, "no `model_type`: this is no configuration of transformers", _FORM)
    return fields


def _class(transformers: Any, config: Any, name: str) -> Any:
    """The class of an architecture: of the package, or of the module of its configuration."""
    found = getattr(transformers, name, None)
    if found is None:
        module = importlib.import_module(type(config).__module__.replace(".configuration_", ".modeling_"))
        found = getattr(module, name, None)
    return found


def _measure(make: Callable[..., nn.Module], path: str) -> None:
    """Refuses a configuration without a model, or with one that is too large to run; nothing is allocated."""
    try:
        with torch.device("meta"):
            model = make()
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise _refusal(path, f"transformers makes no model of it: {type(error).__name__}: {said}", _FORM) from error
    count = sum(one.numel() for one in model.parameters())
    if count > _LIMIT:
        message = f"the model has {count:,} parameters, and up to {_LIMIT:,} are made to compare a spec with"
        raise GapError(Gap(message, path, 1, _SMALLER)).as_error()


def _refusal(path: str, message: str, hint: str, line: int = 1) -> SpecError:
    return SpecError([Problem(CODE, message, Span(path, line, 1, line, 1), hint)])
