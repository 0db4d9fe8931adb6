"""What a network gives and costs, worked out from its spec alone: shapes, weights, MACs, memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archspec import graph
from archspec.api.given import AnySpec, Params, Sizes, graph_of, limits_of, spec_of
from archspec.dimensions import Size
from archspec.problems import Problem, echo
from archspec.spec import Spec

if TYPE_CHECKING:
    from archspec.views.fitting import Match
    from archspec.views.summary import Summary
    from archspec.views.summary.sweep import Judge, Sweep
    from archspec.views.summary.variants import Summaries


def shapes(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """The shape of every step's output by the step's dotted path: `{"block_1.0": ("N", 10, 28, 28), …}`.

    A known size is an int, any other an object whose `str()` is its expression; several outputs are a tuple of shapes.
    The steps within a module that runs several times, by `again` or `shared`, have the shapes of its first run.
    """
    made = graph_of(spec, allow, variant, params, inputs)
    return graph.outputs(made, lambda tensor: tuple(map(_plain, tensor.shape)))


def dtypes(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """The dtype of every step's output, by the step's dotted path."""
    return graph.outputs(graph_of(spec, allow, variant, params, inputs), lambda tensor: tensor.dtype)


def weights(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, tuple[int, ...]]:
    """The keys of the module's `state_dict` with the shapes of their tensors, in PyTorch's order, without PyTorch.

    Raises SpecError where a parameter of the spec has no value.
    """
    from archspec.views.weights import state  # here: most programs never ask for it

    made = graph_of(spec, allow, variant, params, inputs)
    made.require_values()
    return {key: tuple(map(_plain, weight.shape)) for key, weight in state(made).items()}


def match_weights(
    spec: AnySpec,
    path: str | os.PathLike[str],
    *,
    rename: Mapping[str, str] | None = None,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> Match:
    """Which weights of a checkpoint fit the spec's network, and what those are called in it that have other keys.

    `path` is a safetensors file, which takes no PyTorch, a file of `torch.save`, the index of shards, or a folder with
    one of them. `rename` are keys of the checkpoint, or paths before keys, with what the network calls them. `str()`
    of the result says it to people; `renamed` maps old keys to new ones. Raises SpecError for a bad spec, for a
    checkpoint that cannot be read (AS609), and for a `rename` of a key that it does not have (AS611).
    """
    from archspec.checkpoints import open_archive  # here: most programs never ask for it
    from archspec.views.fitting import match  # here: likewise

    made = graph_of(spec, allow, variant, params, inputs)
    made.require_values()
    return match(made, open_archive(path), rename)


def summary(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    batch: int = 1,
    allow: Iterable[str] = (),
) -> Summary:
    """What every step gives and costs, without running anything; `str()` of it is a table.

    Figures are those of `batch` samples, unless `inputs` says how many there are.
    """
    from archspec.views.summary import summarize  # here: most programs never ask for it

    return summarize(graph_of(spec, allow, variant, params, inputs), batch)


def summaries(
    spec: AnySpec, *, params: Params = None, inputs: Sizes = None, batch: int = 1, allow: Iterable[str] = ()
) -> Summaries:
    """What the defaults and each variant of a spec come to, side by side; `str()` of it is a table.

    `params` come on top of every variant. Raises SpecError where a variant is wrong.
    """
    from archspec.views.summary import summarize  # here: most programs never ask for it
    from archspec.views.summary.variants import Summaries  # here: likewise

    loaded = spec_of(spec, allow)
    settings = {"": {}, **loaded.variants}
    found = {name: loaded.graph({**own, **(params or {})}, inputs) for name, own in settings.items()}
    return Summaries({name: summarize(made, batch) for name, made in found.items()})


def sweep(
    spec: AnySpec,
    values: Mapping[str, Sequence[object]],
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    batch: int = 1,
    allow: Iterable[str] = (),
    budget: Mapping[str, int | str] | None = None,
) -> Sweep:
    """What a spec comes to with every combination of some values of its parameters; `str()` of it is a table.

    A setting with which the spec is wrong is part of the result, with its problems. `budget` has limits by
    `parameters` and `macs`, as numbers or texts such as `"5M"`, in place of the spec's own. Raises SpecError where the
    spec itself cannot be read, ValueError for a budget that is none and for more than 10,000 settings.

        >>> [one.summary.parameters for one in archspec.sweep("specs/tinyvgg.yaml", {"hidden_units": [8, 10]})]
        [5762, 7740]
    """
    from archspec.views.summary.sweep import sweep as swept  # here: most programs never ask for it

    loaded = spec_of(spec, allow)
    limits = loaded.budget if budget is None else limits_of(budget)
    return swept(_judge(loaded, limits, loaded.settings(variant, params), inputs, batch), values, limits)


def solve(
    spec: AnySpec,
    name: str,
    *,
    budget: Mapping[str, int | str],
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    batch: int = 1,
    allow: Iterable[str] = (),
) -> int | None:
    """The largest value of an integer parameter with which a spec is right and keeps a budget; None if there is none.

    Costs are taken to grow with the parameter. Raises SpecError where the spec cannot be read, ValueError for a budget
    that is none and for a parameter that is no integer.

        >>> archspec.solve("specs/tinyvgg.yaml", "hidden_units", budget={"parameters": "5M"})
        421
    """
    from archspec.views.summary.sweep import largest  # here: most programs never ask for it

    loaded = spec_of(spec, allow)
    settings = loaded.settings(variant, params)
    parameters = {one.name: one for one in loaded.graph(settings).main.parameters}
    if name not in parameters or parameters[name].type != "int":
        raise ValueError(f"{echo(name)} is not a parameter that holds an integer")
    start = parameters[name].value
    judge = _judge(loaded, limits_of(budget), settings, inputs, batch)
    return largest(judge, name, start if isinstance(start, int) else 1)


def _judge(loaded: Spec, limits: Mapping[str, int], settings: Mapping[str, object], inputs: Sizes, batch: int) -> Judge:
    """What a spec comes to with more parameters, and what of it is beyond its budget."""
    from archspec.views.summary import summarize  # here: most programs never ask for it
    from archspec.views.summary.budget import exceeded  # here: likewise

    places = {name: loaded.budget_place(name) for name in limits}

    def judge(more: Mapping[str, object]) -> tuple[Summary, list[Problem]]:
        found = summarize(loaded.graph({**settings, **more}, inputs), batch)
        return found, list(exceeded(found, limits, places))

    return judge


def verify(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> str:
    """Compares the static figures with what torchinfo measures on the built network; a text with the verdict.

    Raises SpecError where they differ, ImportError where PyTorch or torchinfo is not installed.
    """
    from archspec.views.summary.verify import verify as compare  # here: it is for those who verify

    loaded = spec_of(spec, allow)
    values = loaded.settings(variant, params)
    return compare(loaded.build(values, inputs, device="meta", limit=None), loaded.graph(values, inputs))


def _plain(size: Size) -> Any:
    return int(size) if isinstance(size, int) else size  # an int may remember its factors, which is ours alone
