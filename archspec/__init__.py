"""archspec: neural-network architectures written down as data.

A YAML spec describes a network; archspec checks it, infers every shape, builds the `nn.Module`, and generates
readable PyTorch source that no longer needs archspec. PyTorch is imported by `build` and `verify` alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from archspec import graph
from archspec.document import Budget as _Budget
from archspec.document import NoNetworkError as _NoNetworkError
from archspec.document import limit as _limit
from archspec.importer.gaps import Gap, Imported
from archspec.problems import Edit, Problem, Span, SpecError
from archspec.problems import echo as _echo
from archspec.problems.fixing import Fixed
from archspec.problems.fixing import fix as _fix
from archspec.spec import Spec, load, parse
from archspec.spec import from_mapping as _from_mapping
from archspec.spec import without_collection as _without_collection
from archspec.starter import new

if TYPE_CHECKING:
    from torch import nn
    from torch.distributed.device_mesh import DeviceMesh

    from archspec.analysis import Analysis
    from archspec.dimensions import Size
    from archspec.views.changes import Changes
    from archspec.views.explain import Explanation
    from archspec.views.explain.uses import Uses
    from archspec.views.fitting import Match
    from archspec.views.plan import Plan
    from archspec.views.summary import Summary
    from archspec.views.summary.sweep import Judge, Sweep
    from archspec.views.summary.variants import Summaries

__all__ = [
    "Edit",
    "Fixed",
    "Gap",
    "Imported",
    "Problem",
    "Span",
    "Spec",
    "SpecError",
    "analyse",
    "build",
    "check",
    "diagram",
    "diff",
    "dtypes",
    "explain",
    "fix",
    "generate",
    "import_module",
    "load",
    "load_weights",
    "match_weights",
    "new",
    "parallelize",
    "parse",
    "picture",
    "plan",
    "schema",
    "shapes",
    "solve",
    "summaries",
    "summary",
    "sweep",
    "uses",
    "verify",
    "weights",
]
__version__ = "0.1.0"

_AnySpec = Spec | str | os.PathLike[str] | Mapping[str, Any]
_PlanFile = str | os.PathLike[str] | Mapping[str, Any]
_Params = Mapping[str, Any] | None
_Sizes = Mapping[str, Sequence[int]] | None
_LIMIT = 2 * 10**9


def check(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
    ignore: Collection[str] = (),
    budget: Mapping[str, int | str] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a spec, errors or else warnings, in file order; empty when all is well.

    Never raises for a bad spec. The defaults are checked, and each of the spec's variants. `variant` checks that one
    alone, `params` checks the spec with parameters other than the defaults, `inputs` with the sizes of its inputs
    known; `allow` names packages whose classes it may use; `ignore` are codes of warnings to leave out,
    beside those that the spec's own `ignore` names. ValueError for a code that is no warning's. `budget` has limits by
    `parameters` and `macs`, in place of the spec's own.
    """
    given = None if budget is None else _limits(budget)
    try:
        with _without_collection():
            loaded = _spec(spec, allow)
            values = loaded.settings(variant, params)
            warnings = loaded.warnings(values, inputs, ignore=ignore)
            if loaded.variants and variant is None and not params and not inputs:
                from archspec.problems import in_file_order  # here: few specs have any
                from archspec.variants import warnings_of_variants  # here: likewise

                warnings = in_file_order([*warnings, *warnings_of_variants(loaded, warnings, ignore)])
            loaded.require_sizes()
            limits = loaded.budget if given is None else given
            if not limits:
                return warnings
            from archspec.views.summary import summarize  # here: likewise
            from archspec.views.summary.budget import exceeded  # here: few specs have one

            places = {name: loaded.budget_place(name) for name in limits}
            return list(exceeded(summarize(loaded.graph(values, inputs)), limits, places)) or warnings
    except _NoNetworkError:
        return []
    except SpecError as error:
        return list(error.problems)


def analyse(
    text: str,
    name: str = "<text>",
    previous: Analysis | None = None,
    *,
    allow: Iterable[str] = (),
) -> Analysis:
    """What an editor has to know of a text: its problems, the shape of every step, what each name stands for.

    The text may be half written: an open bracket, a missing colon or an unknown layer spoils its own step alone.
    `previous` is the analysis of the text before the last change: it says what the text cannot say now. Such steps are
    `stale`, and have moved with their lines. `name` is how problems call the text; blocks are imported from beside a
    file of that name. `allow` names packages whose classes the spec may use. The defaults are analysed; variants,
    budgets and sizes that no expression says are for `check`. Never raises for a text, whatever it is; ValueError for
    an `allow` that is none.

        >>> analysis = archspec.analyse(open("specs/tinyvgg.yaml").read(), "tinyvgg.yaml")
        >>> [(step.path, step.line, step.shape) for step in analysis.steps][-1]
        ('classifier.1', 27, (N, 10))
        >>> half = archspec.analyse(analysis.text.replace("MaxPool2d: 2", "MaxPool2d: {ker"), "tinyvgg.yaml", analysis)
        >>> [(step.shape, step.stale) for step in half.steps if step.path == "block_1.4"]
        [((N, 10, 14, 14), True)]
    """
    from archspec.analysis import analyse as analysed  # here: most programs never ask for it

    return analysed(text, name, previous, allow=allow)


def fix(
    text: str,
    name: str = "<text>",
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
    ignore: Collection[str] = (),
) -> Fixed:
    """Applies every change of a text that is the only right one; the new text, and what is still wrong with it.

    `name` is how problems call the text; blocks are imported from beside a file of that name. Nothing is written, and
    nothing else in the text changes. Each change leaves fewer problems than there were.
    """

    def found(text: str) -> list[Problem]:
        try:
            spec = parse(text, name, allow=allow)
        except _NoNetworkError:
            return []
        except SpecError as error:
            return list(error.problems)
        return check(spec, variant=variant, params=params, inputs=inputs, ignore=ignore)

    return _fix(text, name, found)


def build(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
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
    loaded = _spec(spec, allow)
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


def generate(spec: _AnySpec, *, allow: Iterable[str] = (), plan: Plan | _PlanFile | None = None) -> str:
    """Standalone PyTorch source of the spec's network, with a function for each of its variants.

    Raises SpecError for a bad spec. With a `plan`, made before or the path of a file, `parallelize(model, mesh)` stands
    behind the class: what `archspec.parallelize` does, as PyTorch's own calls. It is right for the plan's settings.
    `allow` names packages whose classes the spec may use; the source imports them by name.
    """
    loaded = _spec(spec, allow)
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


def shapes(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """The shape of every step's output by the step's dotted path: `{"block_1.0": ("N", 10, 28, 28), …}`.

    A known size is an int, any other an object whose `str()` is its expression; several outputs are a tuple of shapes.
    The steps within a module that runs several times, by `again` or `shared`, have the shapes of its first run.
    """
    made = _graph(spec, allow, variant, params, inputs)
    return graph.outputs(made, lambda tensor: tuple(map(_plain, tensor.shape)))


def dtypes(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """The dtype of every step's output, by the step's dotted path."""
    return graph.outputs(_graph(spec, allow, variant, params, inputs), lambda tensor: tensor.dtype)


def weights(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> dict[str, tuple[int, ...]]:
    """The keys of the module's `state_dict` with the shapes of their tensors, in PyTorch's order, without PyTorch.

    Raises SpecError where a parameter of the spec has no value.
    """
    from archspec.views.weights import state  # here: most programs never ask for it

    made = _graph(spec, allow, variant, params, inputs)
    made.require_values()
    return {key: tuple(map(_plain, weight.shape)) for key, weight in state(made).items()}


def match_weights(
    spec: _AnySpec,
    path: str | os.PathLike[str],
    *,
    rename: Mapping[str, str] | None = None,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
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

    made = _graph(spec, allow, variant, params, inputs)
    made.require_values()
    return match(made, open_archive(path), rename)


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


def summary(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    batch: int = 1,
    allow: Iterable[str] = (),
) -> Summary:
    """What every step gives and costs, without running anything; `str()` of it is a table.

    Figures are those of `batch` samples, unless `inputs` says how many there are.
    """
    from archspec.views.summary import summarize  # here: most programs never ask for it

    return summarize(_graph(spec, allow, variant, params, inputs), batch)


def plan(
    spec: _AnySpec,
    mesh: Mapping[str, int] | str | None = None,
    *,
    plan: _PlanFile | None = None,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
    **setting: Any,
) -> Plan:
    """What each rank of a sharded training step holds and sends, without PyTorch; `str()` of it is a report.

    `mesh` says how many ranks there are along `dp`, over which FSDP2 shards every parameter, and `tp`, over which
    layers are cut: `{"dp": 16, "tp": 8}` or `"dp=16,tp=8"`. `setting` may hold `batch`, the samples that one
    data-parallel rank is given in a step (1); `pp`, pipeline stages (1); `dtype` of the parameters ("float32");
    `optimizer` ("adamw"); `checkpoint="blocks"`, to recompute each block in the backward pass; `device_memory`, as
    "80GB" or in bytes. `plan` is the path of a file that says any of this, and also how layers are cut and where stages
    begin; a mapping stands for what it holds. What the caller says counts more than what the file says.
    Figures are bytes of one rank. Raises SpecError for a bad spec, ValueError for a setting that is none.

        >>> found = archspec.plan("specs/text/llama.yaml", {"dp": 8, "tp": 4})
        >>> found.ranks[0].parameters, found.share_cut
        (1003962368, 0.9999668507880589)
    """
    from archspec.planning import Request, planned  # here: most programs never ask for it

    loaded, request = _spec(spec, allow), Request(mesh, variant, params or {}, inputs or {}, setting)
    if plan is not None:
        from archspec.plan_files import with_file  # here: likewise

        request = with_file(loaded, plan, request)
    return planned(loaded, request)


def parallelize(model: nn.Module, plan: Plan, mesh: DeviceMesh) -> nn.Module:
    """Shards a built or generated model over a mesh by a plan, in place; the model.

    `mesh` has just the dimensions that the plan names. Layers are cut over `tp` by `parallelize_module`, every
    parameter is sharded over `dp` by FSDP2, ties are made again, blocks are checkpointed if the plan says so. Every
    rank starts from the same weights. Raises ValueError where the mesh is not the plan's, ImportError without PyTorch.
    """
    from archspec.emit.handing import hand_over  # here: it imports torch
    from archspec.views.plan.handing import sharding  # here: likewise

    names = mesh.mesh_dim_names or ()
    found = sharding(plan)
    given = dict(zip(names, mesh.shape, strict=False))
    if given != plan.mesh:
        raise ValueError(f"the mesh is {given}, the plan's {plan.mesh}: make it with init_device_mesh")
    return hand_over(model, found, mesh)


def summaries(
    spec: _AnySpec, *, params: _Params = None, inputs: _Sizes = None, batch: int = 1, allow: Iterable[str] = ()
) -> Summaries:
    """What the defaults and each variant of a spec come to, side by side; `str()` of it is a table.

    `params` come on top of every variant. Raises SpecError where a variant is wrong.
    """
    from archspec.views.summary import summarize  # here: most programs never ask for it
    from archspec.views.summary.variants import Summaries  # here: likewise

    loaded = _spec(spec, allow)
    settings = {"": {}, **loaded.variants}
    found = {name: loaded.graph({**own, **(params or {})}, inputs) for name, own in settings.items()}
    return Summaries({name: summarize(made, batch) for name, made in found.items()})


def sweep(
    spec: _AnySpec,
    values: Mapping[str, Sequence[object]],
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
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

    loaded = _spec(spec, allow)
    limits = loaded.budget if budget is None else _limits(budget)
    return swept(_judge(loaded, limits, loaded.settings(variant, params), inputs, batch), values, limits)


def solve(
    spec: _AnySpec,
    name: str,
    *,
    budget: Mapping[str, int | str],
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
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

    loaded = _spec(spec, allow)
    settings = loaded.settings(variant, params)
    parameters = {one.name: one for one in loaded.graph(settings).main.parameters}
    if name not in parameters or parameters[name].type != "int":
        raise ValueError(f"{_echo(name)} is no parameter that holds an integer")
    start = parameters[name].value
    judge = _judge(loaded, _limits(budget), settings, inputs, batch)
    return largest(judge, name, start if isinstance(start, int) else 1)


def _limits(budget: Mapping[str, int | str]) -> dict[str, int]:
    """A budget that a caller gives, as numbers."""
    for name in budget:
        if name not in _Budget.model_fields:
            figures = ", ".join(f"`{field}`" for field in _Budget.model_fields)
            raise ValueError(f"a budget has no figure {_echo(name)}; it may limit {figures}")
    return {name: _limit(value) for name, value in budget.items()}


def _judge(
    loaded: Spec, limits: Mapping[str, int], settings: Mapping[str, object], inputs: _Sizes, batch: int
) -> Judge:
    """What a spec comes to with more parameters, and what of it is beyond its budget."""
    from archspec.views.summary import summarize  # here: most programs never ask for it
    from archspec.views.summary.budget import exceeded  # here: likewise

    places = {name: loaded.budget_place(name) for name in limits}

    def judge(more: Mapping[str, object]) -> tuple[Summary, list[Problem]]:
        found = summarize(loaded.graph({**settings, **more}, inputs), batch)
        return found, list(exceeded(found, limits, places))

    return judge


def explain(
    spec: _AnySpec,
    step: str | None = None,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> Explanation:
    """How each size came about: formula, numbers, and the lines that the numbers come from.

    Of the whole network, or at length of the step with that dotted path, as in `shapes`. `str()` of it is a text,
    `markdown()` and `as_dict()` are for documents and programs. Raises ValueError where there is no such step.
    """
    from archspec.views.explain import explain as explained  # here: most programs never ask for it

    loaded = _spec(spec, allow)
    values = loaded.settings(variant, params)
    return explained(loaded.graph(values, inputs), step, loaded.place_of_let, loaded.set_by(variant, params))


def uses(
    spec: _AnySpec,
    step: str,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> Uses:
    """What depends on a step and would change with it: who reads its value, and all that follows.

    `step` is a dotted path, as in `shapes`, or the name of an input. `str()` of the result is a text, `markdown()` and
    `as_dict()` are for documents and programs. Raises ValueError where there is no such step.

        >>> [use.path for use in archspec.uses("specs/vision/resnet.yaml", "maxpool").readers]
        ['layer1.0.conv1', 'layer1.0.downsample.0']
    """
    from archspec.views.explain.uses import uses as found  # here: most programs never ask for it

    return found(_graph(spec, allow, variant, params, inputs), step)


def diagram(
    spec: _AnySpec,
    step: str | None = None,
    *,
    format: Literal["svg", "mermaid", "dot", "html"] = "svg",
    depth: int | None = None,
    theme: Literal["light", "dark", "auto"] = "auto",
    title: bool = True,
    legend: bool = True,
    direction: Literal["down", "right"] = "down",
    wrap: bool = False,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> str:
    """The architecture drawn: an SVG, one self-contained HTML page, or text for Mermaid or Graphviz.

    Of the whole network, or of the block at the dotted path `step` alone. `depth` is how many levels of blocks are
    open, 0 for none; by default as many as make a picture that is read at a glance. `theme="auto"` follows the reader's
    system. `title` and `legend` stand above and below an SVG. `direction="right"` draws from left to right; `wrap`
    breaks a long SVG into columns.

    Raises SpecError for a bad spec, ValueError where there is no such block, ImportError where svg and html lack their
    layout engine: pip install 'archspec-nn[diagram]'.
    """
    from archspec.views.diagram import diagram as draw  # here: most programs never ask for it
    from archspec.views.diagram.style import Look  # here: likewise

    loaded = _spec(spec, allow)
    made = loaded.graph(loaded.settings(variant, params), inputs)
    return draw(
        made, loaded.symbolic(), loaded.source.files, step, format, depth, Look(theme, title, legend, direction, wrap)
    )


def picture(
    spec: _AnySpec,
    step: str | None = None,
    *,
    format: Literal["png", "pdf"] = "png",
    scale: float = 2.0,
    **options: Any,
) -> bytes:
    """The architecture drawn, as the bytes of a PNG or a PDF; `options` are those of `diagram`.

    `scale` is how many pixels of a PNG one of the SVG becomes. Raises what `diagram` raises, ValueError for a PNG of
    more than 100,000,000 pixels, and ImportError where CairoSVG is missing: pip install 'archspec-nn[pictures]'.
    """
    from archspec.views.diagram.pictures import convert  # here: most programs never ask for it

    themed = {"theme": "light", **options} if options.get("theme") != "auto" else {**options, "theme": "light"}
    return convert(diagram(spec, step, **themed), format, scale)


def diff(
    old: _AnySpec,
    new: _AnySpec,
    *,
    variant: str | None = None,
    old_variant: str | None = None,
    new_variant: str | None = None,
    params: _Params = None,
    old_params: _Params = None,
    new_params: _Params = None,
    inputs: _Sizes = None,
    labels: tuple[str, str] | None = None,
    allow: Iterable[str] = (),
) -> Changes:
    """What changed from one architecture to another, or between two settings of one; `str()` of it says it.

    `params` are parameters of both, `old_params` and `new_params` of one of them, and so are the variants; `inputs`
    are sizes of inputs, for
    costs in numbers. `labels` say what to call the two; `allow` names packages whose classes they may use.
    `load(path, revision="HEAD~1")` is a spec as it was.
    """
    from archspec.views.changes import compare  # here: most programs never ask for it

    settings = {**(params or {}), **(old_params or {})}, {**(params or {}), **(new_params or {})}
    specs = _spec(old, allow), _spec(new, allow)
    variants = old_variant or variant, new_variant or variant
    before, after = (
        spec.graph(spec.settings(name, one), inputs) for spec, name, one in zip(specs, variants, settings, strict=True)
    )
    return compare(before, after, labels or (specs[0].path, specs[1].path))


def schema(draft: Literal["7", "2020-12"] = "2020-12") -> dict[str, Any]:
    """The JSON Schema of the language, for editors, in that draft of JSON Schema."""
    from archspec.views.schema import schema as made  # here: it reads every declaration

    return made(draft)


def verify(
    spec: _AnySpec,
    *,
    variant: str | None = None,
    params: _Params = None,
    inputs: _Sizes = None,
    allow: Iterable[str] = (),
) -> str:
    """Compares the static figures with what torchinfo measures on the built network; a text with the verdict.

    Raises SpecError where they differ, ImportError where PyTorch or torchinfo is not installed.
    """
    from archspec.views.summary.verify import verify as compare  # here: it is for those who verify

    loaded = _spec(spec, allow)
    values = loaded.settings(variant, params)
    return compare(loaded.build(values, inputs, device="meta", limit=None), loaded.graph(values, inputs))


def _spec(spec: _AnySpec, allow: Iterable[str] = ()) -> Spec:
    if isinstance(spec, Spec):
        return spec
    return _from_mapping(spec, allow=allow) if isinstance(spec, Mapping) else load(spec, allow=allow)


def _graph(spec: _AnySpec, allow: Iterable[str], variant: str | None, params: _Params, inputs: _Sizes) -> graph.Graph:
    """The graph of a spec with those settings."""
    loaded = _spec(spec, allow)
    return loaded.graph(loaded.settings(variant, params), inputs)


def _plain(size: Size) -> Any:
    return int(size) if isinstance(size, int) else size  # an int may remember its factors, which is ours alone
