"""What a plan's file says of layers: which layers its patterns mean, and which of them cannot be cut as it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from archspec.graph import Graph
from archspec.problems import Problem, Related, Span, did_you_mean, echo
from archspec.views.plan.tokens import Reason

if TYPE_CHECKING:
    from archspec.views.plan.roles import Roles


@dataclass(frozen=True, slots=True)
class Asked:
    """How a layer is to be cut, by which pattern, and where the file says so."""

    role: str
    pattern: str
    span: Span
    type_name: str
    entries: bool
    """Whether the layer looks up entries: a `row` cut is of these."""

    @property
    def makes_no_cut(self) -> bool:
        """Whether the layer makes no cut of the value that it returns."""
        return self.role == "whole" or (self.role == "row" and self.entries)

    def reason(self, path: str) -> Reason:
        """Why what flows into the layer has to be whole."""
        return Reason(f"`{path}`, which the plan makes {self.role}, reads whole rows of it", self.span)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a file says, before it is compared with a network: each part with its place."""

    cuts: Mapping[str, tuple[str, Span]]
    """The role of each pattern."""
    stages: Sequence[tuple[str, Span]] = ()
    """The blocks with which stages begin."""


NOTHING = Wishes({})
"""Everything is derived."""


def asked_of(graph: Graph, wishes: Wishes) -> tuple[dict[str, Asked], list[Problem]]:
    """What is asked of each layer, by its path, and the patterns that mean none."""
    if not wishes.cuts:
        return {}, []
    layers = {path: (call.type_name, bool(layer.entries)) for path, call, layer in graph.layers()}
    found: dict[str, Asked] = {}
    problems: list[Problem] = []
    for pattern in sorted(wishes.cuts, key=_exactness):
        role, span = wishes.cuts[pattern]
        paths = [path for path in layers if fits(pattern, path)]
        if not paths:
            problems.append(_fits_nothing(pattern, span, list(layers)))
        for path in paths:
            found.setdefault(path, Asked(role, pattern, span, *layers[path]))
    return found, problems


def fits(pattern: str, name: str) -> bool:
    """Whether a name, or a pattern of names in which `*` also stands for dots, means a layer."""
    return fnmatchcase(name, pattern) if "*" in pattern else name == pattern


def _exactness(pattern: str) -> tuple[bool, int]:
    """The order in which patterns are looked at: names first, then those that say most."""
    return "*" in pattern, -len(pattern.replace("*", ""))


def _fits_nothing(pattern: str, span: Span, layers: Sequence[str]) -> Problem:
    message = f"{echo(pattern)} matches no layer of the network"
    owner, _, name = pattern.rpartition(".")
    if any(path.startswith(f"{pattern}.") for path in layers):
        advice = f"write `{pattern}.*` for the layers below it"
    elif owner and any(fits(owner, path) for path in layers):
        advice = f"write `{owner}`: a layer is cut with all its weights, and `{name}` is one of these"
    else:
        advice = did_you_mean(pattern, layers[:200]) or f"layers have names like `{layers[-1]}`"
    return Problem("AS808", message, span, advice)


def refused(found: Roles, asked: Mapping[str, Asked]) -> Iterator[Problem]:
    """What is not cut as the file says, since it would compute something else; a pattern is told once."""
    wrong: dict[Span, list[str]] = {}
    for path, one in asked.items():
        role = found.cut.get(path)
        right = one.role == "whole" if role is None else one.role in (role.name, "gathered" if role.gathered else "")
        if not right:
            wrong.setdefault(one.span, []).append(path)
    for span, paths in wrong.items():
        path, one = paths[0], asked[paths[0]]
        reason = _why_not(path, one, found)
        number = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        related = (Related("this is why", reason.span),) if reason.span != span else ()
        message = f"`{path}`{number} cannot be {one.role}: {reason.text}"
        yield Problem("AS807", message, span, _ADVICE[one.role], related=related)


_DERIVED = "remove the line: the plan derives it"
_ADVICE = {
    "column": f"{_DERIVED}; `gathered` cuts the layer, too, and puts its output together",
    "row": _DERIVED,
    "gathered": _DERIVED,
    "whole": _DERIVED,
}


def _why_not(path: str, one: Asked, found: Roles) -> Reason:
    if not any(run.path == path for run in found.runs):
        return Reason(f"`{one.type_name}` has no rule that cuts its weights", one.span)
    if one.role == "row" and not one.entries:
        return Reason("its input is not sharded, but a row-wise layer needs a sharded input", one.span)
    return found.whole.get(path) or Reason("it reads a sharded value", one.span)
