"""archspec: neural-network architectures written down as data.

A YAML spec describes a network; archspec checks it, infers every shape, builds the `nn.Module`, and generates
readable PyTorch source that no longer needs archspec. PyTorch is imported by `build` and `verify` alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from archspec import graph
from archspec.fixing import Fixed
from archspec.fixing import fix as _fix
from archspec.problems import Edit, Problem, Span, SpecError
from archspec.spec import Spec, load, parse
from archspec.spec import without_collection as _without_collection
from archspec.starter import new

if TYPE_CHECKING:
    from torch import nn

    from archspec.dimensions import Size
    from archspec.views.changes import Changes
    from archspec.views.explain import Explanation
    from archspec.views.summary import Summary

__all__ = [
    "Edit",
    "Fixed",
    "Problem",
    "Span",
    "Spec",
    "SpecError",
    "build",
    "check",
    "diagram",
    "diff",
    "dtypes",
    "explain",
    "fix",
    "generate",
    "load",
    "new",
    "parse",
    "schema",
    "shapes",
    "summary",
    "verify",
    "weights",
]
__version__ = "0.1.0"

_AnySpec = Spec | str | os.PathLike[str]


def check(
    spec: _AnySpec,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    allow: Iterable[str] = (),
    ignore: Collection[str] = (),
    budget: Mapping[str, int] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a spec, errors or else warnings, in file order; empty when all is well.

    Never raises for a bad spec. `params` checks it with parameters other than the defaults, `inputs` with the sizes of
    its inputs known; `allow` names packages whose classes it may use; `ignore` are codes of warnings to leave out,
    beside those that the spec's own `ignore` names. ValueError for a code that is no warning's. `budget` has limits by
    `parameters` and `macs`, in place of the spec's own.
    """
    try:
        with _without_collection():
            loaded = _spec(spec, allow)
            warnings = loaded.warnings(params, inputs, ignore=ignore)
            limits = loaded.budget if budget is None else budget
            if not limits:
                return warnings
            from archspec.views.budget import exceeded  # here: few specs have one
            from archspec.views.summary import summarize  # here: likewise

            places = {name: loaded.budget_place(name) for name in limits}
            return list(exceeded(summarize(loaded.graph(params, inputs)), limits, places)) or warnings
    except SpecError as error:
        return list(error.problems)


def fix(
    text: str,
    name: str = "<text>",
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    allow: Iterable[str] = (),
    ignore: Collection[str] = (),
) -> Fixed:
    """The spec of a text with every problem mended that has exactly one right change, and what is still wrong with it.

    `name` is how problems call the text; blocks are imported from beside a file of that name. Nothing is written, and
    nothing but the mended places differs. The result never has more errors than the text has.
    """

    def found(text: str) -> list[Problem]:
        try:
            spec = parse(text, name, allow=allow)
        except SpecError as error:
            return list(error.problems)
        return check(spec, params=params, inputs=inputs, ignore=ignore)

    return _fix(text, name, found)


def build(
    spec: _AnySpec,
    /,
    *,
    device: Any = None,
    dtype: Any = None,
    limit: int | None = 2 * 10**9,
    allow: Iterable[str] = (),
    **params: Any,
) -> nn.Module:
    """The spec's network as an nn.Module, initialised as PyTorch initialises its layers.

    `params` are the spec's own parameters. `device` and `dtype` go to every layer that takes them, as PyTorch's factory
    arguments; `device="meta"` allocates nothing. A network of more than `limit` parameters is refused elsewhere.
    `allow` names packages whose classes the spec may use: these are imported.
    Raises SpecError for a bad spec, ImportError where PyTorch is not installed.
    """
    return _spec(spec, allow).build(params, device=device, dtype=dtype, limit=limit)


def generate(spec: _AnySpec, *, allow: Iterable[str] = ()) -> str:
    """Standalone PyTorch source of the spec's network. Raises SpecError for a bad spec.

    `allow` names packages whose classes the spec may use; the source imports them by name.
    """
    return _spec(spec, allow).generate()


def shapes(
    spec: _AnySpec, *, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """The shape of every step's output by the step's dotted path: `{"block_1.0": ("N", 10, 28, 28), …}`.

    A known size is an int, any other an object whose `str()` is its expression; several outputs are a tuple of shapes.
    """
    return graph.outputs(_spec(spec).graph(params, inputs), lambda tensor: tuple(map(_plain, tensor.shape)))


def dtypes(spec: _AnySpec, *, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The dtype of every step's output, by the step's dotted path."""
    return graph.outputs(_spec(spec).graph(params, None), lambda tensor: tensor.dtype)


def weights(spec: _AnySpec, *, params: Mapping[str, Any] | None = None) -> dict[str, tuple[int, ...]]:
    """The keys of the module's `state_dict` with the shapes of their tensors, in PyTorch's order, without PyTorch.

    Raises SpecError where a parameter of the spec has no value.
    """
    from archspec.views.weights import state  # here: most programs never ask for it

    graph = _spec(spec).graph(params)
    graph.require_values()
    return {key: tuple(map(_plain, weight.shape)) for key, weight in state(graph).items()}


def summary(
    spec: _AnySpec,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    batch: int = 1,
) -> Summary:
    """What every step gives and costs, without running anything; `str()` of it is a table.

    Figures are those of `batch` samples, unless `inputs` says how many there are.
    """
    from archspec.views.summary import summarize  # here: most programs never ask for it

    return summarize(_spec(spec).graph(params, inputs), batch)


def explain(
    spec: _AnySpec,
    step: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> Explanation:
    """How each size came about: formula, numbers, and the lines that the numbers come from.

    Of the whole network, or at length of the step with that dotted path, as in `shapes`. `str()` of it is a text,
    `markdown()` and `as_dict()` are for documents and programs. Raises ValueError where there is no such step.
    """
    from archspec.views.explain import explain as explained  # here: most programs never ask for it

    loaded = _spec(spec)
    return explained(loaded.graph(params, inputs), step, loaded.place_of_let, tuple(params or ()))


def diagram(
    spec: _AnySpec,
    step: str | None = None,
    *,
    format: Literal["svg", "mermaid", "dot", "html"] = "svg",
    depth: int | None = None,
    theme: Literal["light", "dark", "auto"] = "auto",
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    allow: Iterable[str] = (),
) -> str:
    """The architecture drawn: an SVG, one self-contained HTML page, or text for Mermaid or Graphviz.

    Of the whole network, or of the block at the dotted path `step` alone. `depth` is how many levels of blocks are
    open, 0 for none; by default as many as make a picture that is read at a glance. `theme="auto"` follows the reader's
    system. Raises SpecError for a bad spec, ValueError where there is no such block, ImportError where svg and html
    lack their layout engine: pip install 'archspec-nn[diagram]'.
    """
    from archspec.views.diagram import diagram as draw  # here: most programs never ask for it

    loaded = _spec(spec, allow)
    return draw(loaded.graph(params, inputs), loaded.symbolic(), loaded.source.files, step, format, depth, theme)


def diff(
    old: _AnySpec,
    new: _AnySpec,
    *,
    params: Mapping[str, Any] | None = None,
    old_params: Mapping[str, Any] | None = None,
    new_params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    labels: tuple[str, str] | None = None,
    allow: Iterable[str] = (),
) -> Changes:
    """What changed from one architecture to another, or between two settings of one; `str()` of it says it.

    `params` are parameters of both, `old_params` and `new_params` of one of them; `inputs` are sizes of inputs, for
    costs in numbers. `labels` say what to call the two; `allow` names packages whose classes they may use.
    `load(path, revision="HEAD~1")` is a spec as it was.
    """
    from archspec.views.changes import compare  # here: most programs never ask for it

    settings = {**(params or {}), **(old_params or {})}, {**(params or {}), **(new_params or {})}
    specs = _spec(old, allow), _spec(new, allow)
    before, after = (spec.graph(one, inputs) for spec, one in zip(specs, settings, strict=True))
    return compare(before, after, labels or (specs[0].path, specs[1].path))


def schema(draft: Literal["7", "2020-12"] = "2020-12") -> dict[str, Any]:
    """The JSON Schema of the language, for editors, in that draft of JSON Schema."""
    from archspec.views.schema import schema as made  # here: it reads every declaration

    return made(draft)


def verify(
    spec: _AnySpec, *, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Sequence[int]] | None = None
) -> str:
    """Compares the static figures with what torchinfo measures on the built network; a text with the verdict.

    Raises SpecError where they differ, ImportError where PyTorch or torchinfo is not installed.
    """
    from archspec.views.verify import verify as compare  # here: it is for those who verify

    loaded = _spec(spec)
    return compare(loaded.build(params or {}, device="meta", limit=None), loaded.graph(params, inputs))


def _spec(spec: _AnySpec, allow: Iterable[str] = ()) -> Spec:
    return spec if isinstance(spec, Spec) else load(spec, allow=allow)


def _plain(size: Size) -> Any:
    return int(size) if isinstance(size, int) else size  # an int may remember its factors, which is ours alone
