"""A network for people and editors: explained, drawn, compared with another; the language's schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from archspec.api.given import AnySpec, Params, Sizes, graph_of, spec_of

if TYPE_CHECKING:
    from archspec.views.changes import Changes
    from archspec.views.explain import Explanation
    from archspec.views.explain.uses import Uses


def explain(
    spec: AnySpec,
    step: str | None = None,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> Explanation:
    """How each size came about: formula, numbers, and the lines that the numbers come from.

    Of the whole network, or at length of the step with that dotted path, as in `shapes`. `str()` of it is a text,
    `markdown()` and `as_dict()` are for documents and programs. Raises ValueError where there is no such step.
    """
    from archspec.views.explain import explain as explained  # here: most programs never ask for it

    loaded = spec_of(spec, allow)
    values = loaded.settings(variant, params)
    return explained(loaded.graph(values, inputs), step, loaded.place_of_let, loaded.set_by(variant, params))


def uses(
    spec: AnySpec,
    step: str,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
    allow: Iterable[str] = (),
) -> Uses:
    """What depends on a step and would change with it: who reads its value, and all that follows.

    `step` is a dotted path, as in `shapes`, or the name of an input. `str()` of the result is a text, `markdown()` and
    `as_dict()` are for documents and programs. Raises ValueError where there is no such step.

        >>> [use.path for use in archspec.uses("specs/vision/resnet.yaml", "maxpool").readers]
        ['layer1.0.conv1', 'layer1.0.downsample.0']
    """
    from archspec.views.explain.uses import uses as found  # here: most programs never ask for it

    return found(graph_of(spec, allow, variant, params, inputs), step)


def diagram(
    spec: AnySpec,
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
    params: Params = None,
    inputs: Sizes = None,
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

    loaded = spec_of(spec, allow)
    made = loaded.graph(loaded.settings(variant, params), inputs)
    return draw(
        made, loaded.symbolic(), loaded.source.files, step, format, depth, Look(theme, title, legend, direction, wrap)
    )


def picture(
    spec: AnySpec,
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
    old: AnySpec,
    new: AnySpec,
    *,
    variant: str | None = None,
    old_variant: str | None = None,
    new_variant: str | None = None,
    params: Params = None,
    old_params: Params = None,
    new_params: Params = None,
    inputs: Sizes = None,
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
    specs = spec_of(old, allow), spec_of(new, allow)
    variants = old_variant or variant, new_variant or variant
    before, after = (
        spec.graph(spec.settings(name, one), inputs) for spec, name, one in zip(specs, variants, settings, strict=True)
    )
    return compare(before, after, labels or (specs[0].path, specs[1].path))


def schema(draft: Literal["7", "2020-12"] = "2020-12") -> dict[str, Any]:
    """The JSON Schema of the language, for editors, in that draft of JSON Schema."""
    from archspec.views.schema import schema as made  # here: it reads every declaration

    return made(draft)
