"""What a command line names: a factory in a module of the user's, and inputs by sizes and dtypes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from archspec.checkpoints.pickled import stored
from archspec.checkpoints.safetensors import pieces
from archspec.importer.gaps import Gap, GapError
from archspec.problems import SpecError, did_you_mean, echo


def factory_of(target: str) -> Callable[..., Any]:
    """What `package.module:Name` or `folder/file.py:Name` names. SpecError where there is none; runs the module."""
    module_name, _, name = target.partition(":")
    try:
        module = _module(module_name)
    except Exception as error:
        reason = echo(f"{type(error).__name__}: {error}", 200)
        missing = isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or "?")
        advice = "name a module that Python finds from this folder, or a file: `models.py:Net`" if missing else ""
        raise _refusal(f"importing {echo(module_name)} raises {reason}", advice) from error
    found = getattr(module, name, None)
    if found is None or not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise _refusal(f"{echo(module_name)} has no {echo(name)}", did_you_mean(name, names))
    factory: Callable[..., Any] = found
    return factory


def _module(name: str) -> Any:
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def _refusal(message: str, advice: str = "") -> SpecError:
    return GapError(Gap(message, "", 0, advice)).as_error()


def example(sizes: tuple[int, ...], dtype: str) -> torch.Tensor:
    """An input of those sizes: random numbers, of integers 0 and 1, which every table of embeddings holds."""
    generator = torch.Generator().manual_seed(0)
    kind = getattr(torch, dtype)
    if kind.is_floating_point:
        return torch.randn(sizes, generator=generator).to(kind)
    return torch.randint(0, 2, sizes, generator=generator).to(kind)


def save(factory: Callable[..., Any], args: Mapping[str, Any], path: Path) -> None:
    """Writes the weights of a model under their keys: safetensors, or by torch.save where the file is called *.pt."""
    torch.manual_seed(0)
    weights = {key: one.detach().clone() for key, one in factory(**args).state_dict().items()}
    if any(one.is_meta for one in weights.values()):
        raise _refusal("the model is on the meta device, so it has no weights to write", "Leave out `--weights`.")
    if path.suffix == ".safetensors":
        tensors = {key: stored(one) for key, one in weights.items()}
        path.write_bytes(b"".join(pieces(tensors, {"format": "pt"})))
    else:
        torch.save(weights, path)
