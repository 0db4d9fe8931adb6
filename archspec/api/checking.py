"""What is wrong with a spec: checked, corrected, and analysed while it is typed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from archspec.api.given import AnySpec, Params, Sizes, limits_of, spec_of
from archspec.document import NoNetworkError
from archspec.problems import Problem, SpecError
from archspec.problems.fixing import Fixed
from archspec.problems.fixing import fix as fixed
from archspec.spec import parse, without_collection

if TYPE_CHECKING:
    from archspec.analysis import Analysis


def check(
    spec: AnySpec,
    *,
    variant: str | None = None,
    params: Params = None,
    inputs: Sizes = None,
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
    given = None if budget is None else limits_of(budget)
    try:
        with without_collection():
            loaded = spec_of(spec, allow)
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
    except NoNetworkError:
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
    params: Params = None,
    inputs: Sizes = None,
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
        except NoNetworkError:
            return []
        except SpecError as error:
            return list(error.problems)
        return check(spec, variant=variant, params=params, inputs=inputs, ignore=ignore)

    return fixed(text, name, found)
