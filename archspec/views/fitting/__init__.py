"""Which weights of a checkpoint a network can take, and what the others are called in it.

Keys are matched as the steps of two specs are (`changes.matching`): by name, in lists by order. Those that are left
over are guessed by shape, by place in repeated blocks, by the meaning of their names, and by their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.checkpoints import NAMES, Archive
from archspec.dimensions import Size
from archspec.graph import Graph
from archspec.layers import Weight
from archspec.problems import Problem, Span, SpecError, did_you_mean, echo
from archspec.views.changes import Checkpoint, own_modules, weights_that_fit
from archspec.views.fitting.aligning import beside, moved, plain, renamed
from archspec.views.fitting.guessing import guesses, resized
from archspec.views.fitting.regrouping import regrouped
from archspec.views.fitting.trees import Shapes, pairs
from archspec.views.weights import state, ties


@dataclass(frozen=True, slots=True)
class Match(Checkpoint):
    """What becomes of the weights of a checkpoint in a network; `str()` says it to people.

    `gone` are those that the network has no place for, `new` those that the checkpoint lacks.
    """

    archive: Archive = field(repr=False, compare=False)
    """The checkpoint, its weights split and joined as the caller says."""
    spec: str
    stored: Mapping[str, tuple[tuple[int, ...], str]]
    """Shape and dtype of what the checkpoint holds, by its keys."""
    wanted: Mapping[str, Weight]
    """What the network holds, by its keys."""
    guessed: frozenset[str]
    """Keys of the network that no name decides: found by shape, place and meaning."""
    by_order: frozenset[str]
    """Those of them of which only the order says which is which."""
    transposed: Mapping[str, str]
    """Matrices whose axes are in the other order, as `Conv1D` of Hugging Face's GPT-2 stores them, and square ones
    beside them, of which their shape cannot say it: the new key by the old one. They are no part of the other
    fields."""
    tied: Mapping[str, str]
    """Keys that the checkpoint lacks and the network does not need, as the parameter is that of another key."""
    beside: Mapping[str, tuple[str, ...]]
    """What the checkpoint holds besides weights, by its kind: keys of LoRA, states of an optimizer."""

    @property
    def path(self) -> str:
        """The path of the checkpoint."""
        return self.archive.path

    @property
    def sources(self) -> dict[str, str]:
        """Where each weight of the network comes from: the checkpoint's key by the network's."""
        found = {**{key: key for key in self.kept}, **{new: old for old, new in self.renamed.items()}}
        return {**found, **{key: found[other] for key, other in self.tied.items() if other in found}}

    @property
    def fits(self) -> bool:
        """Whether every weight of the network is there, under its key and with its shape."""
        return not (self.renamed or self.reshaped or self.new or self.transposed or self.mistaken or self.unknown)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        from archspec.views.fitting.text import data  # here: only what is shown needs it

        return data(self)

    def markdown(self) -> str:
        """For a pull request or an issue."""
        from archspec.views.fitting.text import markdown  # here: only what is shown needs it

        return markdown(self)

    def __str__(self) -> str:
        from archspec.views.fitting.text import text  # here: only what is shown needs it

        return text(self)


def match(graph: Graph, archive: Archive, rename: Mapping[str, str] | None = None) -> Match:
    """Which weights of a checkpoint fit a network whose parameters have values.

    `rename` maps keys of the checkpoint, or paths before them, to names in the network. `*` stands for any text,
    `a: b,c` splits a weight, and `a,b: c` joins two. Raises SpecError (AS611) if the checkpoint has no such key, and
    (AS610) if a weight cannot be split or joined like that.
    """
    wanted, tied = state(graph), ties(graph)
    shapes = {key: weight.shape for key, weight in wanted.items()}
    archive, rename = regrouped(archive, rename or {}, shapes)
    extra = {key: kind for key in archive.tensors if (kind := beside(key))}
    stored = {key: one.shape for key, one in archive.tensors.items() if key not in extra}
    names, unused = renamed(plain(stored, shapes), rename)
    if unused:
        raise SpecError([_no_such_key(archive, unused[0], stored)])
    found = _Partners(stored, shapes, moved(names, stored, shapes), _fixed(names, shapes, rename))
    report = weights_that_fit(stored, shapes, found.partners, own_modules(graph))
    lacking = {key: tied[key] for key in report.new if key in tied and tied[key] not in report.new}
    kinds = {kind: tuple(key for key, one in extra.items() if one == kind) for kind in dict.fromkeys(extra.values())}
    return Match(
        kept=report.kept,
        renamed=report.renamed,
        reshaped=report.reshaped,
        gone=tuple(key for key in report.gone if key not in found.transposed),
        new=tuple(key for key in report.new if key not in lacking and key not in found.transposed.values()),
        mistaken=tuple(key for key in report.mistaken if key not in found.transposed),
        unknown=report.unknown,
        archive=archive,
        spec=graph.path,
        stored={key: (shape, NAMES.get(dtype := archive.tensors[key].dtype, dtype)) for key, shape in stored.items()},
        wanted=wanted,
        guessed=frozenset(found.guessed),
        by_order=frozenset(found.by_order),
        transposed=found.transposed,
        tied=lacking,
        beside={**kinds, **({"beside the weights": archive.beside} if archive.beside else {})},
    )


def _no_such_key(archive: Archive, name: str, known: Collection[str]) -> Problem:
    advice = did_you_mean(name, sorted({part for key in known for part in (key, key.rpartition(".")[0]) if part}))
    return Problem("AS611", f"the checkpoint has no key {echo(name)}", Span(archive.path, 1, 1, 1, 1), advice)


def _fixed(names: Mapping[str, str], shapes: Shapes, rename: Mapping[str, str]) -> dict[str, str]:
    """What a caller has decided: the network's key by the checkpoint's."""
    if not rename:
        return {}
    return {
        key: name for name, key in names.items() if name in shapes and name != key and _is_renamed(key, name, rename)
    }


def _is_renamed(key: str, name: str, rename: Mapping[str, str]) -> bool:
    return any(name == new or name.startswith(f"{new}.") or not new for new in rename.values())


class _Partners:
    """Which key of a checkpoint is which of a network's."""

    def __init__(self, stored: Shapes, wanted: Shapes, names: Mapping[str, str], fixed: Mapping[str, str]) -> None:
        self.stored, self.wanted = stored, wanted
        self.transposed = {key: new for key, new in fixed.items() if _is_turned(stored[key], wanted[new])}
        self.partners = {key: new for key, new in fixed.items() if key not in self.transposed}
        self.guessed: set[str] = set()
        self.by_order: set[str] = set()
        by_name = self._by_name(names)
        for name, key in names.items():
            new = by_name.get(key)
            if new is None:
                continue
            if stored[key] == wanted[new]:
                self.partners[key] = new
            elif _is_turned(stored[key], wanted[new]):
                self.transposed[key] = new
            elif name == new:  # what is called the same is the same, in another size
                self.partners[key] = new
        self._guess(names)
        self._turn(names)
        self.partners |= {names[old]: new for old, new in resized(*self._left(names))}

    def _by_name(self, names: Mapping[str, str]) -> dict[str, str]:
        """What names and lists say: the network's key by the checkpoint's."""
        return {names[old]: new for old, new in pairs(*self._left(names))}

    def _left(self, names: Mapping[str, str]) -> tuple[dict[str, tuple[Size, ...]], dict[str, tuple[Size, ...]]]:
        """What is in no pair yet; of the checkpoint, under the keys that are moved to the network's paths."""
        taken = set(self.partners.values()) | set(self.transposed.values())
        olds = {n: self.stored[k] for n, k in names.items() if k not in self.partners and k not in self.transposed}
        return olds, {key: shape for key, shape in self.wanted.items() if key not in taken}

    def _guess(self, names: Mapping[str, str]) -> None:
        for guess in guesses(*self._left(names)):
            self.partners[names[guess.old]] = guess.new
            self.guessed.add(guess.new)
            self.by_order |= {guess.new} if guess.by_order else set()

    def _turn(self, names: Mapping[str, str]) -> None:
        """Finds more matrices that are stored the other way round."""
        olds, news = self._left(names)
        turned = {name: shape[::-1] for name, shape in olds.items() if len(shape) == 2}
        for guess in guesses(turned, {key: shape for key, shape in news.items() if len(shape) == 2}):
            self.transposed[names[guess.old]] = guess.new
            self.guessed.add(guess.new)
        self._turn_squares()

    def _turn_squares(self) -> None:
        """Square matrices in blocks all of whose other matrices are turned are turned as well."""
        turned = {_block(new) for new in self.transposed.values()}
        straight = {
            _block(new)
            for old, new in self.partners.items()
            if len(shape := self.stored[old]) == 2 and shape[0] != shape[1] and shape == self.wanted[new]
        }
        for old, new in list(self.partners.items()):
            shape = self.stored[old]
            if len(shape) == 2 and shape[0] == shape[1] and _block(new) in turned - straight:
                self.transposed[old] = self.partners.pop(old)


def _is_turned(stored: Sequence[Size], wanted: Sequence[Size]) -> bool:
    """Whether a matrix is stored with its axes in the other order, as its shape says."""
    return len(stored) == 2 and stored != wanted and stored[::-1] == wanted


def _block(key: str) -> str:
    """The repetition that a weight is in: its key as far as the first number."""
    parts = key.split(".")
    at = next((place for place, part in enumerate(parts[:-2]) if part[-1:].isdecimal()), 0)
    return ".".join(parts[: at + 1]) if at else ""
