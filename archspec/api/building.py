"""A spec as a module or as source, a module as a spec, and a checkpoint's weights in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archspec.api.given import AnySpec, Params, PlanFile, Sizes, spec_of
from archspec.importer.gaps import Imported
from archspec.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from archspec.views.plan import Plan

_LIMIT = 2 * 10**9


def build(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    device: Any = None,
    dtype: Any = None,
    limit: int | None = _LIMIT,
    allow: Iterable[str] = (),
    **settings: Any,
) -> nn.Module:
    """The spec's network as an nn.Module, initialised as PyTorch initialises its layers.

    `params` are values of the spec's own parameters; `settings` are the same, by keyword: `build(spec, hidden=32)`.
    `variant` names a setting of the spec, on top of which they come: `build(spec, variant="resnet101")`.
    `inputs` are sizes of the inputs. `device` and `dtype` go to every layer that takes them, as PyTorch's factory
    arguments; `device="meta"` allocates nothing. A network of more than `limit` parameters is refused elsewhere.
    `allow` names packages whose classes the spec may use: these are imported.

    Raises SpecError for a bad spec, ImportError where PyTorch is not installed, and TypeError for a keyword that is
    both an option of this function and a parameter of the spec, or that is in `params` as well.
    """
    loaded = spec_of(spec, allow)
    given = {
        "variant": variant,
        "device": device,
        "dtype": dtype,
        "limit": None if limit == _LIMIT else limit,
        "allow": allow or None,
    }
    options = {name for name, value in given.items() if value is not None}
    values = loaded.settings(variant, _settings(loaded, params or {}, settings, options))
    return loaded.build(values, inputs, device=device, dtype=dtype, limit=limit)


def _settings(spec: Spec, params: Mapping[str, Any], settings: Mapping[str, Any], options: set[str]) -> dict[str, Any]:
    """The parameters' values, from a mapping and from keywords."""
    for name in sorted(options & spec.document.params.keys() - params.keys()):
        message = f"`{name}` is an option of this function and a parameter of the spec"
        raise TypeError(f"{message}: write params={{{name!r}: …}} to set the parameter")
    if twice := sorted(params.keys() & settings.keys()):
        raise TypeError(f"the parameter `{twice[0]}` is given twice: in `params`, and as a keyword")
    return {**params, **settings}


def generate(spec: AnySpec, *, allow: Iterable[str] = (), plan: Plan | PlanFile | None = None) -> str:
    """Standalone PyTorch source of the spec's network, with a function for each of its variants.

    Raises SpecError for a bad spec. With a `plan`, made before or the path of a file, `parallelize(model, mesh)` stands
    behind the class: what `archspec.parallelize` does, as PyTorch's own calls. It is right for the plan's settings.
    `allow` names packages whose classes the spec may use; the source imports them by name.
    """
    loaded = spec_of(spec, allow)
    if loaded.variants:
        from archspec.variants import require_variants  # here: few specs have any

        require_variants(loaded)
    if plan is None:
        return loaded.generate()
    from archspec.planning import Request, planned  # here: few ask for it
    from archspec.views.plan import Plan as Made  # here: likewise
    from archspec.views.plan.handing import sharding  # here: likewise

    if not isinstance(plan, Made):
        from archspec.plan_files import with_file  # here: likewise

        plan = planned(loaded, with_file(loaded, plan, Request()))
    return loaded.generate(sharding(plan), plan.openings)


def import_module(
    factory: Callable[..., nn.Module] | nn.Module,
    inputs: Mapping[str, Any],
    *,
    args: Mapping[str, Any] | None = None,
    vary: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> Imported:
    """An existing PyTorch model as a spec, compared with the model. Makes and runs the model: its code is executed.

    `factory` is a class or function that makes the module out of `args`, or a module. `inputs` maps the names of
    forward's arguments to tensors, or to shapes of float32. `vary` maps arguments of the factory to other values: what
    changes with one becomes a parameter of the spec. Arguments that are numbers are tried without being named there.

    Raises SpecError where the model does what no spec can say; with `partial` the result has these as `gaps`. A result
    that is not `verified` names the `differences`. ImportError where PyTorch is not installed.

        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> imported = archspec.import_module(model, {"input": (3, 8)})
        >>> imported.verified
        True
        >>> print(imported.text)
        name: Sequential
        inputs:
          input: [N, 8]
        layers:
          - Linear: 4
          - ReLU
          - Linear: 2
        <BLANKLINE>
    """
    from archspec.importer.importing import import_module as imported  # here: it imports torch

    return imported(factory, inputs, args=args, vary=vary, partial=partial)


def load_weights(
    model: nn.Module, path: str | os.PathLike[str], *, rename: Mapping[str, str] | None = None, strict: bool = True
) -> tuple[list[str], list[str]]:
    """Loads a checkpoint into a module, built or generated; the keys that it lacks, and those that nothing takes.

    Weights are taken by their keys, without what DataParallel, `torch.compile`, FSDP and PEFT add to them, after
    `rename`: keys of the checkpoint, or paths before keys, with what the module calls them, such as
    `match_weights(spec, path).renamed`. Raises SpecError (AS610) where a weight of the module is missing or has another
    shape, in which case nothing is loaded; with `strict=False` these keep their values.
    """
    from archspec.checkpoints import open_archive  # here: most programs never ask for it
    from archspec.loading import load as loaded  # here: it imports torch

    return loaded(model, open_archive(path), rename or {}, strict=strict)
