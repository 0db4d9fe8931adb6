"""What changed between two architectures: their parameters, steps and sizes, what they cost, which weights still fit.

Steps are matched by structure (`changes_matching`), not by lines of text: two specs that differ in comments, in the
order of keys or in how they say the same make no difference at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from archspec.dimensions import Size
from archspec.graph import Graph
from archspec.layers import Weight
from archspec.layers.own import OwnLayer
from archspec.views.changes.matching import Matching
from archspec.views.changes.tree import (
    ModuleTree,
    Values,
    flow_text,
    input_text,
    names_bound,
    parameter_text,
    renamed,
    tree,
)
from archspec.views.summary import Summary, summarize
from archspec.views.weights import state

T = TypeVar("T")
Pair = tuple[str | None, str | None]
"""What was and what is; None where there is nothing."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing about a step that changed, with its values wherever the step occurs, each pair once."""

    name: str
    values: tuple[Pair, ...]
    follows: bool = False
    """Whether nothing says it, and it follows from what flows in."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a step, or of all occurrences of one: a step of a loop or a block is one step.

    A `resized` one says what it said; only what follows from its inputs is other.
    """

    kind: Literal["added", "removed", "renamed", "changed", "resized"]
    layer: Pair
    """The names of its class; `several` where steps of a list moved together."""
    paths: tuple[Pair, ...]
    """Where it is, in the old and in the new architecture."""
    details: tuple[Detail, ...]
    parameters: Size
    """How many more numbers are learnt there, all occurrences together."""
    lines: tuple[tuple[int | None, int | None], ...]
    """Where it stands in the specs, before and after."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What becomes of the weights of the old architecture, as a `state_dict` holds them."""

    kept: tuple[str, ...]
    """Of equal key and shape."""
    renamed: Mapping[str, str]
    """The same weights under another key: the new one by the old one."""
    reshaped: tuple[tuple[str, str, tuple[Size, ...], tuple[Size, ...]], ...]
    """Of another shape: the keys and the shapes, each before and after."""
    gone: tuple[str, ...]
    new: tuple[str, ...]
    mistaken: tuple[str, ...]
    """Keys that fit in both, but name weights of different steps: loading them by key mixes them up."""
    unknown: tuple[str, ...]
    """Modules of the user's own classes, whose weights nobody can know."""

    @property
    def fits(self) -> bool:
        """Whether an old checkpoint loads as it is, and completely."""
        return not (self.renamed or self.reshaped or self.gone or self.new or self.mistaken or self.unknown)

    def migrate(self, state_dict: Mapping[str, T]) -> dict[str, T]:
        """What the new architecture can take of an old `state_dict`, under the new keys."""
        keys = {**{key: key for key in self.kept}, **self.renamed}
        return {new: state_dict[old] for old, new in keys.items() if old in state_dict}


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference of two architectures; `str()` says it to people."""

    labels: tuple[str, str]
    names: tuple[str, str]
    """Of the classes."""
    parameters: Mapping[str, Pair]
    """Parameters of the specs that are other, by name."""
    interface: Mapping[str, Pair]
    """What flows in and out that is other, by name."""
    steps: tuple[Change, ...]
    checkpoint: Checkpoint | None
    """None where a parameter has no value."""
    summaries: tuple[Summary, Summary]

    @property
    def equal(self) -> bool:
        """Whether the architectures are equal: the same steps of the same names, settings and sizes."""
        return self.names[0] == self.names[1] and not (self.parameters or self.interface or self.steps)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        from archspec.views.changes.text import data  # here: only what is shown needs it

        return data(self)

    def markdown(self) -> str:
        """For a pull request's comment."""
        from archspec.views.changes.text import markdown  # here: only what is shown needs it

        return markdown(self)

    def __str__(self) -> str:
        from archspec.views.changes.text import text  # here: only what is shown needs it

        return text(self)

    def __repr__(self) -> str:
        told = "equal" if self.equal else f"{len(self.steps)} steps"
        return f"Changes({self.labels[0]} -> {self.labels[1]}: {told})"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        from archspec.views.markdown import as_html  # here: only notebooks show HTML

        return as_html(self.markdown())


def compare(old: Graph, new: Graph, labels: tuple[str, str]) -> Changes:
    """What changed from one network to another; `labels` say where each is from."""
    matching = Matching(tree(old), tree(new))
    names = old.main.name, new.main.name
    return Changes(
        labels=labels,
        names=names,
        parameters=_other(*({p.name: parameter_text(p) for p in graph.main.parameters} for graph in (old, new))),
        interface=_other(*(_interface(graph) for graph in (old, new))),
        steps=tuple(_steps(matching)),
        checkpoint=_checkpoint(old, new, matching) if _bound(old) and _bound(new) else None,
        summaries=(summarize(old), summarize(new)),
    )


def _bound(graph: Graph) -> bool:
    return all(parameter.value is not None for parameter in graph.main.parameters)


def _other(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, Pair]:
    """What differs between two mappings, in the order of the old one, what is new behind that."""
    return {key: (old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)}


def _interface(graph: Graph) -> dict[str, str]:
    inputs = {f"input {value.name}": input_text(value) for value in graph.main.inputs}
    outputs = graph.main.outputs
    names = f"{', '.join(outputs.names)}: " if outputs is not None and outputs.names else ""
    return {**inputs, "output": names + flow_text(graph.main.output)}


# Steps.


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """One occurrence of a change."""

    kind: Literal["added", "removed", "renamed", "changed", "resized"]
    parts: tuple[ModuleTree | None, ModuleTree | None]
    details: Mapping[str, Pair]
    said: frozenset[str]
    """Which of the details the spec says."""
    parameters: Size
    """How many more numbers are learnt."""

    @property
    def place(self) -> object:
        """Equal for occurrences that are one to a reader: of one step in the spec, or of steps that moved together."""
        old, new = self.parts
        if self.kind == "renamed" and not self.details and old is not None and new is not None:
            folders = (part.path.rpartition(".")[0] for part in (old, new))
            if old.name.isdigit() and new.name.isdigit():
                return self.kind, *folders
        spans = tuple(part and (part.span, part.label) for part in self.parts)
        return self.kind, spans, tuple(self.details)


def _steps(matching: Matching) -> Iterator[Change]:
    """Every change of a step; one that occurs several times, or several that are alike side by side, once."""
    folded: dict[object, list[_Occurrence]] = {}
    for found in _found(matching):
        folded.setdefault(found.place, []).append(found)
    alike: dict[object, list[Change]] = {}
    for change in map(_change, folded.values()):
        folders = (re.sub(r"\d+", "", (path or "").rpartition(".")[0]) for path in change.paths[0])
        alike.setdefault((change.kind, change.layer, change.details, *folders), []).append(change)
    for several in alike.values():
        yield replace(
            several[0],
            paths=tuple(path for change in several for path in change.paths),
            parameters=sum((change.parameters for change in several), start=0),
            lines=tuple(line for change in several for line in change.lines),
        )


def _change(several: list[_Occurrence]) -> Change:
    first = several[0]
    old, new = first.parts
    details = {name: tuple(dict.fromkeys(one.details[name] for one in several)) for name in first.details}
    return Change(
        kind=first.kind,
        layer=(_label([one.parts[0] for one in several]), _label([one.parts[1] for one in several])),
        paths=tuple((_path(one.parts[0]), _path(one.parts[1])) for one in several),
        details=tuple(Detail(name, values, name not in first.said) for name, values in details.items()),
        parameters=sum((one.parameters for one in several), start=0),
        lines=((_line(old), _line(new)),),
    )


def _label(parts: list[ModuleTree | None]) -> str | None:
    """The name of their class; of steps of a list that moved together there may be several."""
    labels = {part.label for part in parts if part is not None}
    return None if not labels else labels.pop() if len(labels) == 1 else "several"


def _path(part: ModuleTree | None) -> str | None:
    return None if part is None else part.path


def _line(part: ModuleTree | None) -> int | None:
    return None if part is None else part.span.line


def _found(matching: Matching) -> Iterator[_Occurrence]:
    wires = _Wires(matching)
    for number, (old, new) in enumerate(matching.pairs):
        together = wires.same_parent(old, new)
        said, follows = _details(old, new, wires, together)
        details, grown = said | follows, new.own_size - old.own_size
        if number > 0 and (old.name != new.name or not together):
            yield _Occurrence("renamed", (old, new), details if said else {}, frozenset(said), grown)
        elif said:
            yield _Occurrence("changed", (old, new), details, frozenset(said), grown)
        elif follows and number > 0:
            yield _Occurrence("resized", (old, new), details, frozenset(), grown)
    for part in matching.removed:
        yield _Occurrence("removed", (part, None), {}, frozenset(), -matching.size(part))
    for part in matching.added:
        yield _Occurrence("added", (None, part), {}, frozenset(), matching.size(part))


def _details(
    old: ModuleTree, new: ModuleTree, wires: _Wires, together: bool
) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """What a step says that is other, and what only follows from its inputs.

    What it reads is compared where both stand `together` with the same steps.
    """
    said: dict[str, Pair] = {}
    if old.label != new.label and old.path:  # the name of the network is told elsewhere
        said["class"] = old.label, new.label
    if old.label == new.label or old.children or new.children:
        said |= _other(old.settings, new.settings)
    if wires.formula(old, old=True) != wires.formula(new, old=False):
        said["expression"] = old.formula, new.formula
    if together and wires.reads(old, old=True) != wires.reads(new, old=False):
        said["reads"] = _joined(old.reads, "the step above"), _joined(new.reads, "the step above")
    if wires.gives(old, old=True) != wires.gives(new, old=False):
        said["returns"] = _joined(old.gives, "the last step"), _joined(new.gives, "the last step")
    if wires.order(old, old=True) != wires.order(new, old=False):
        said["order"] = _joined(old.order, "that of the flow"), _joined(new.order, "that of the flow")
    follows = _other(old.inferred, new.inferred)
    if old.output != new.output:
        follows["output"] = old.output, new.output
    return said, follows


def _joined(values: Values, otherwise: str) -> str:
    return ", ".join(f"{name}: {text}" if name else text for name, text in values) or otherwise


class _Wires:
    """What steps read, said in the names of the new architecture.

    Steps that were put into a line or taken out of it are followed back to what they read themselves: a step behind
    them reads what it read before.
    """

    def __init__(self, matching: Matching) -> None:
        self.matching = matching
        self.parents = {id(child): part for pair in matching.pairs for part in pair for child in part.children}
        self.known: dict[tuple[int, bool], dict[str, str]] = {}

    def same_parent(self, old: ModuleTree, new: ModuleTree) -> bool:
        """Whether a pair stands in a pair, or at the top."""
        one, other = self.parents.get(id(old)), self.parents.get(id(new))
        return one is other or (one is not None and self.matching.partners.get(id(one)) is other)

    def formula(self, part: ModuleTree, *, old: bool) -> str:
        """What a part computes."""
        return self._followed((("", part.formula),), self.parents.get(id(part), part), old=old)[0][1]

    def reads(self, part: ModuleTree, *, old: bool) -> Values:
        """What a step reads."""
        return self._followed(part.reads, self.parents.get(id(part), part), old=old)

    def gives(self, part: ModuleTree, *, old: bool) -> Values:
        """What a class returns."""
        return self._followed(part.gives, part, old=old)

    def order(self, part: ModuleTree, *, old: bool) -> Values:
        """Which steps of a class are made first."""
        return self._followed(part.order, part, old=old)

    def _followed(self, values: Values, within: ModuleTree, *, old: bool) -> Values:
        names = self._names(within, old=old)
        return tuple((name, renamed(text, lambda word: names.get(word, word))) for name, text in values)

    def _giver(self, part: ModuleTree) -> ModuleTree | None:
        """The step that moved into, or out of, a group whose value it gives."""
        last = part.gives[0][1] if len(part.gives) == 1 else part.children[-1].name if part.children else ""
        moved = (child for child in part.children if id(child) in self.matching.partners)
        return next((child for child in moved if child.name == last), None)

    def _names(self, parent: ModuleTree, *, old: bool) -> dict[str, str]:
        """What the names of a class's values stand for."""
        key = id(parent), old
        if key not in self.known:
            new = self.matching.partners.get(id(parent), parent) if old else parent
            found = dict(zip(parent.takes, new.takes, strict=False))
            for part in parent.children:
                partner = self.matching.partners.get(id(part))
                bound = names_bound(part)
                if partner is not None:
                    found |= dict(zip(bound, names_bound(partner) if old else bound, strict=False))
                elif (giver := self._giver(part)) is not None:
                    found[part.name] = names_bound(self.matching.partners[id(giver)] if old else giver)[0]
                elif len(part.reads) == 1 and len(bound) == 1 and re.fullmatch(r"\w+", part.reads[0][1]):
                    found[part.name] = found.get(part.reads[0][1], part.reads[0][1])
            self.known[key] = found
        return self.known[key]


# Weights.


def _checkpoint(old: Graph, new: Graph, matching: Matching) -> Checkpoint:
    before, after = ({key: weight.shape for key, weight in state(graph).items()} for graph in (old, new))
    partners: dict[str, str] = {}
    for one, other in matching.pairs:
        theirs = {weight.name: _key(other, weight) for weight in other.weights}
        partners |= {_key(one, weight): theirs[weight.name] for weight in one.weights if weight.name in theirs}
    return weights_that_fit(before, after, partners, [path for graph in (old, new) for path in own_modules(graph)])


def weights_that_fit(
    before: Mapping[str, tuple[Size, ...]],
    after: Mapping[str, tuple[Size, ...]],
    partners: Mapping[str, str],
    unknown: Iterable[str],
) -> Checkpoint:
    """What becomes of weights, by their keys and shapes, where it is known which is which: the new key by the old."""
    pairs = [(key, partners[key]) for key in before if key in partners and partners[key] in after]
    same = [(a, b) for a, b in pairs if before[a] == after[b]]
    targets = {b for _, b in pairs}
    return Checkpoint(
        kept=tuple(a for a, b in same if a == b),
        renamed={a: b for a, b in same if a != b},
        reshaped=tuple((a, b, before[a], after[b]) for a, b in pairs if before[a] != after[b]),
        gone=tuple(key for key in before if key not in partners),
        new=tuple(key for key in after if key not in targets),
        mistaken=tuple(
            key for key, shape in before.items() if key in after and after[key] == shape and partners.get(key) != key
        ),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def own_modules(graph: Graph) -> list[str]:
    """The paths of modules of the user's own classes, whose weights nobody can know."""
    return [path for path, _, layer in graph.layers() if isinstance(layer, OwnLayer)]


def _key(part: ModuleTree, weight: Weight) -> str:
    return f"{part.path}.{weight.name}" if weight.name else part.path
