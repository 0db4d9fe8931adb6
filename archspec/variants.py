"""What is wrong with a spec's variants: each is judged as the defaults are, and what the defaults have is told once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from archspec.problems import Problem, Related, SpecError
from archspec.spec import Spec

_MOST_NAMES = 3


def require_variants(spec: Spec) -> None:
    """SpecError with the errors that the spec has with the settings of its variants, and not with its defaults."""

    def errors(params: dict[str, object]) -> list[Problem]:
        spec.graph(params)
        return []

    if found := _judged(spec, errors, ()):
        raise SpecError(found)


def warnings_of_variants(spec: Spec, told: Collection[Problem], ignore: Collection[str]) -> list[Problem]:
    """The warnings of the variants that are not `told` of the defaults; SpecError with errors, if there are any."""
    found = _judged(spec, lambda params: spec.warnings(params, ignore=ignore), told)
    if errors := [problem for problem in found if problem.severity == "error"]:
        raise SpecError(errors)
    return found


def _judged(spec: Spec, judge: Callable[[dict[str, object]], list[Problem]], told: Iterable[Problem]) -> list[Problem]:
    """What `judge` finds with each variant's settings, with the names of the variants that have it."""
    known = {_key(problem) for problem in told}
    defaults = {name: repr(getattr(one, "default", one)) for name, one in spec.document.params.items()}
    found: dict[tuple[object, ...], tuple[Problem, list[str]]] = {}
    for name, settings in spec.variants.items():
        if all(repr(value) == defaults.get(key) for key, value in settings.items()):
            continue  # the defaults, which have been judged
        try:
            problems = judge(settings)
        except SpecError as error:
            problems = list(error.problems)
        place = spec.source.span(("variants", name), key=True)
        for problem in problems:
            if _key(problem) not in known:
                one = replace(problem, related=(*problem.related, Related(f"the variant `{name}`", place)))
                found.setdefault(_key(problem), (one, []))[1].append(name)
    return [replace(one, message=f"{one.message} ({_of(names)})") for one, names in found.values()]


def _key(problem: Problem) -> tuple[object, ...]:
    return problem.code, problem.span, problem.message


def _of(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
    return f"in the variant{'s' * (len(names) > 1)} {shown}"
