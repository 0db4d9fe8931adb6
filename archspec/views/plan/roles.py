"""Which weights are cut along which axis, once nothing forbids it any more, and why the others stay whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from archspec.dimensions import divides
from archspec.graph import Graph
from archspec.layers import Layer, Weight
from archspec.problems import Span
from archspec.views.plan.asked import Asked
from archspec.views.plan.cutting import Cutting, LayerRun
from archspec.views.plan.opening import Opening
from archspec.views.plan.tokens import Reason, Token

MOST_ROUNDS = 64
"""Each round leaves at least one layer whole for good; networks come to rest after a few."""

FEWEST_ENTRIES = 64
"""An Embedding with fewer entries for a rank stays whole: adding up what ranks look up costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Role:
    """How a layer's weights are cut: `column`, along what they make, or `row`, along what they sum up or look up."""

    name: str
    axes: Mapping[str, int]
    """By the name of the weight, its axis; weights that are not named stay whole."""
    gathered: bool = False
    """Whether its output is put together behind it."""
    entries: bool = False
    """Whether its entries are cut, of which an index says one."""


@dataclass(slots=True)
class Roles:
    """What becomes of each layer's weights, by the layer's path."""

    cut: dict[str, Role] = field(default_factory=dict)
    whole: dict[str, Reason] = field(default_factory=dict)
    runs: list[LayerRun] = field(default_factory=list)
    ties: dict[str, str] = field(default_factory=dict)
    openings: set[Opening] = field(default_factory=set)
    operations: list[tuple[bool, ...]] = field(default_factory=list)
    """For each layer and function that ran, in order: whether each tensor that it made is cut."""


def roles(
    graph: Graph,
    degree: int,
    asked: Mapping[str, Asked] | None = None,
    allowed: Collection[Opening] | None = None,
) -> Roles:
    """The roles for so many ranks; `asked` are those that a plan's file says, which stand where nothing forbids them.

    `allowed` are the sizes in expressions that the network has `-1` for; None: any that cuts ask for.
    """
    asked = asked or {}
    apart = {path: one.reason(path) for path, one in asked.items() if one.role != "row"}
    whole = {path: Reason("the plan says so", one.span) for path, one in asked.items() if one.makes_no_cut}
    gathered = frozenset(path for path, one in asked.items() if one.role == "gathered")
    for _ in range(MOST_ROUNDS):
        cutting = Cutting(whole, gathered, apart, allowed)
        cutting.follow(graph.main)
        more, put_together = _settled(cutting, degree, asked)
        more = {path: reason for path, reason in more.items() if path not in whole}
        if not more and put_together <= gathered:
            return _result(cutting, degree, asked)
        whole |= more
        gathered = (gathered | put_together) - whole.keys()
    text = "the cuts of this network do not come to rest"
    everything = {run.path: Reason(text, run.call.span) for run in cutting.runs}
    cutting = Cutting({**everything, **whole}, frozenset(), apart, allowed)
    cutting.follow(graph.main)
    return _result(cutting, degree, asked)


def roles_of_model(graph: Graph, degree: int, asked: Mapping[str, Asked]) -> Roles:
    """The roles for what is built and generated: it has `-1` for the sizes that `openings` says, and no others."""
    found = roles(graph, degree, asked)
    allowed = openings(graph) if found.openings and (degree > 1 or asked) else found.openings
    return found if found.openings <= allowed else roles(graph, degree, asked, allowed)


def openings(graph: Graph) -> frozenset[Opening]:
    """Sizes in a network's expressions that differ on a rank, however many there are."""
    if any(parameter.value is None for parameter in graph.main.parameters):
        return frozenset()  # how its steps are repeated is not known
    return frozenset(roles(graph, 1).openings)


def _settled(cutting: Cutting, degree: int, asked: Mapping[str, Asked]) -> tuple[dict[str, Reason], frozenset[str]]:
    """Layers that can make no cut after all, and those whose output has to be put together."""
    whole: dict[str, Reason] = {}
    gathered: set[str] = set()
    for run in cutting.runs:
        token = run.token
        if token is None or run.path in whole or run.path in gathered:
            continue
        reason = token.forbidden or _indivisible(token, degree)
        if run.call.parametrized and not run.sums:
            whole[run.path] = Reason("it is parametrized: its weight is computed from others", run.call.span)
        elif reason is not None:
            whole |= dict.fromkeys(token.sources, reason)
        elif token.returned:
            gathered |= set(token.sources)
    whole |= _not_gathered(cutting, degree)
    if not whole:
        whole = _untied(cutting, degree, asked)
    return whole, frozenset(gathered - whole.keys())


def _not_gathered(cutting: Cutting, degree: int) -> dict[str, Reason]:
    """Of the layers whose output is put together, those that cannot be cut."""
    found: dict[str, Reason] = {}
    runs = {run.path: run for run in cutting.runs if run.path in cutting.gathered}
    for path, run in runs.items():
        size, span = run.output.shape[-1], run.call.span
        if run.call.parametrized:
            found[path] = Reason("it is parametrized: its weight is computed from others", span)
        elif path in cutting.read_from:
            found[path] = Reason(f"an expression reads a weight of `{path}`, all of it", span)
        elif divides(degree, size) is not True:
            found[path] = _of_size(size, degree, cutting.spans[path])
    return found


def _indivisible(token: Token, degree: int) -> Reason | None:
    wrong = [(size, span) for size, span in token.demands.items() if size % degree]
    if not wrong:
        return None
    size, span = min(wrong, key=lambda one: one[0])
    return _of_size(size, degree, span)


def _of_size(size: object, degree: int, span: Span) -> Reason:
    return Reason(f"{size} is not divisible by {degree} ranks", span, size=size if isinstance(size, int) else 0)


def _untied(cutting: Cutting, degree: int, asked: Mapping[str, Asked]) -> dict[str, Reason]:
    """Layers that share a weight and would cut it along different axes."""
    if not cutting.ties:
        return {}
    made = _made(cutting, degree, asked)
    found: dict[str, Reason] = {}
    for key, other in cutting.ties.items():
        (path, _, name), (owner, _, place) = key.rpartition("."), other.rpartition(".")
        one, two = made.get(path), made.get(owner)
        if _axis(one, name) == _axis(two, place):
            continue
        for layer, role in ((path, one), (owner, two)):
            if role is not None and not role.entries:
                reason = f"it shares a weight with `{owner if layer == path else path}`, which cannot be cut alike"
                found[layer] = Reason(reason, cutting.spans[layer])
    return found


def _axis(role: Role | None, name: str) -> int | None:
    return None if role is None else role.axes.get(name)


def _made(cutting: Cutting, degree: int, asked: Mapping[str, Asked]) -> dict[str, Role]:
    """The roles as they are now."""
    found: dict[str, Role] = {}
    layers = {run.path: run for run in cutting.runs}
    for path, run in layers.items():
        layer = run.call.layer
        assert isinstance(layer, Layer)
        if run.sums:
            found[path] = Role("row", layer.rows)
        elif run.token is not None:
            found[path] = Role("column", layer.columns)
        elif path in cutting.gathered:
            found[path] = Role("column", layer.columns, gathered=True)
        elif _looks_up(run, layer, degree, asked.get(path)):
            found[path] = Role("row", layer.entries, entries=True)
    _tied_entries(cutting, found)
    names = {path: {weight.name for weight in run.call.weights()} for path, run in layers.items()}
    return {path: _named(role, names[path]) for path, role in found.items()}


def _named(role: Role, names: set[str]) -> Role:
    axes = {name: axis for name, axis in role.axes.items() if name in names}
    return Role(role.name, axes, role.gathered, role.entries)


def _looks_up(run: LayerRun, layer: Layer, degree: int, asked: Asked | None) -> bool:
    """Whether the entries of a table can be cut, and are worth it, unless a plan's file says so."""
    is_asked = asked is not None and asked.role == "row"
    if not layer.entries or run.call.parametrized or (asked is not None and not is_asked):
        return False
    if run.constant and not is_asked:
        return False
    settings = vars(layer)
    if settings.get("max_norm") is not None or settings.get("sparse") or settings.get("scale_grad_by_freq"):
        return False
    count = entries(run.call.weights(), layer)
    return isinstance(count, int) and count % degree == 0 and (is_asked or count // degree >= FEWEST_ENTRIES)


def entries(weights: tuple[Weight, ...], layer: Layer) -> object:
    """How many entries a table has."""
    ((name, axis),) = layer.entries.items()
    return next(weight.shape[axis] for weight in weights if weight.name == name)


def _tied_entries(cutting: Cutting, found: dict[str, Role]) -> None:
    """A table whose weight another layer has too is cut as that one's is, or stays whole."""
    for key, other in cutting.ties.items():
        (path, _, name), (owner, _, place) = key.rpartition("."), other.rpartition(".")
        one, two = found.get(path), found.get(owner)
        if _axis(one, name) != _axis(two, place):
            for layer, role in ((path, one), (owner, two)):
                if role is not None and role.entries:
                    del found[layer]


def _result(cutting: Cutting, degree: int, asked: Mapping[str, Asked]) -> Roles:
    made = _made(cutting, degree, asked)
    openings = {one for one, tokens in cutting.openings.items() if any(not token.root().forbidden for token in tokens)}
    whole = dict(cutting.whole)
    for run in cutting.runs:
        if run.path not in made:
            whole[run.path] = _why(run, whole.get(run.path), degree, asked.get(run.path))
    result = Roles(made, {path: why for path, why in whole.items() if path not in made}, cutting.runs, cutting.ties)
    result.openings = openings
    result.operations = [tuple(token is not None for token in tokens) for tokens in cutting.operations]
    return result


def _why(run: LayerRun, reason: Reason | None, degree: int, asked: Asked | None) -> Reason:
    """Why a layer stays whole; of a table, what forbids to cut its entries says more than what reads its vectors."""
    layer = run.call.layer
    assert isinstance(layer, Layer)
    if layer.entries and not run.call.parametrized and (asked is None or asked.role == "row"):
        count, span = entries(run.call.weights(), layer), run.call.span
        if run.constant:
            return Reason("its indices are the same in every step: every rank reads the same vectors", span)
        if isinstance(count, int) and count % degree:
            return _of_size(count, degree, span)
        if isinstance(count, int) and count // degree < FEWEST_ENTRIES:
            return Reason(f"it has only {count} entries", span)
    return reason or Reason("a weight that it shares cannot be cut alike", run.call.span)
