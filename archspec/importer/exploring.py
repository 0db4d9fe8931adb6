"""Runs of a model with other sizes and arguments: which of them are free, and what changes with them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from archspec.importer.boundaries import Comparing, Comparisons, boundaries, compared, comparisons
from archspec.importer.containers import with_containers
from archspec.importer.gaps import Gap, GapError
from archspec.importer.grouping import signature
from archspec.importer.growing import grown
from archspec.importer.inputs import Axis, Tensors, defaults_of, others, resized
from archspec.importer.making import make
from archspec.importer.merging import merged
from archspec.importer.nodes import ModuleBody
from archspec.importer.optional import joined
from archspec.importer.pruning import pruned
from archspec.importer.recording import Recorder
from archspec.importer.tracing import on_meta
from archspec.importer.turns import with_loops

_LARGEST_INPUT = 2**18
"""How many numbers the inputs may have at a larger size."""
_SETTLING = 2
"""With how many other values a model runs before a number becomes an expression of an argument."""


@dataclass(slots=True)
class Run:
    """The model's body with some settings and sizes."""

    body: ModuleBody
    settings: dict[str, Any]
    groups: frozenset[int] = frozenset()
    """The groups of axes that had another size."""


@dataclass(slots=True)
class Exploration:
    """What is found out about one model by running it."""

    factory: Callable[..., nn.Module]
    tensors: Tensors
    args: dict[str, Any]
    asked: frozenset[str] = frozenset()
    runs: list[Run] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    groups: list[tuple[Axis, ...]] = field(default_factory=list)
    """Axes whose sizes are free, those together that have to be equal."""
    unfollowed: set[Axis] = field(default_factory=set)
    """Axes of which the model takes other sizes, and does something else then."""
    unseen: list[dict[str, Any]] = field(default_factory=list)
    """Settings that the model takes, and that no expression is made of."""
    unsettled: list[str] = field(default_factory=list)
    """Arguments that were asked for, and that take too few values for an expression."""
    on_meta: bool = False
    """Whether the model's weights have no numbers."""
    opaque: frozenset[type] = frozenset()
    """Classes that the spec names as they are."""
    looped: Any = None

    def anew(self, kind: type) -> Exploration:
        """The same model, not run yet, with one more class that the spec names as it is."""
        return Exploration(self.factory, self.tensors, self.args, self.asked, opaque=self.opaque | {kind})

    def start(self) -> None:
        """The first run. GapError where the model itself fails."""
        body = self._needed({}, "the model fails on the given inputs")
        self.looped = signature(shaped(body, True, True))
        self.runs.append(Run(body, {}))

    def record(self, args: Mapping[str, Any], tensors: Tensors) -> ModuleBody:
        """The body of the model with those arguments, in both modes."""
        bodies = []
        place: Any = nullcontext()
        model, origins = make(self.factory, {**self.args, **args})
        self.on_meta = on_meta(model)
        if self.on_meta:
            tensors, place = {name: one.to("meta") for name, one in tensors.items()}, torch.device("meta")
        for training in (False, True):
            torch.default_generator.manual_seed(0)
            model.train(training)
            with place:
                bodies.append(
                    Recorder(model, origins, self.opaque).run({name: one.clone() for name, one in tensors.items()})
                )
        return grown(pruned(merged(*bodies)))

    def _needed(self, args: Mapping[str, Any], otherwise: str) -> ModuleBody:
        try:
            return self.record(args, self.tensors)
        except GapError:
            raise
        except Exception as error:
            raise GapError(_failure(otherwise, error)) from error

    def fits(self, body: ModuleBody) -> bool:
        """Whether a run did what the first one did, numbers and rounds of loops apart."""
        return bool(signature(shaped(body, True, True)) == self.looped)

    def attempt(self, args: Mapping[str, Any], tensors: Tensors | None = None) -> ModuleBody | None:
        """A run with other settings or sizes, if the model takes them and does the same."""
        found = self._tried(args, self.tensors if tensors is None else tensors)
        return found if isinstance(found, ModuleBody) else None

    def _tried(self, args: Mapping[str, Any], tensors: Tensors) -> ModuleBody | bool:
        """A run; True where the model does something else, False where it fails."""
        try:
            body = self.record(args, tensors)
        except GapError:
            return True
        except Exception:
            return False
        return body if self.fits(body) else True

    # sizes

    def free_sizes(self) -> None:
        """Finds the axes whose sizes are free: alone, or together with others of the same size."""
        axes = [(name, axis) for name, tensor in self.tensors.items() for axis in range(tensor.dim())]
        for one in axes:
            if not any(one in group for group in self.groups):
                self._free(one, axes)
        if len(self.groups) > 1:
            for step in (2, 5):
                sizes = {
                    axis: self.size(axis) + step + 2 * number
                    for number, group in enumerate(self.groups)
                    for axis in group
                }
                body = self.attempt({}, resized(self.tensors, sizes))
                if body is not None:
                    self.runs.append(Run(body, {}, frozenset(range(len(self.groups)))))

    def _free(self, one: Axis, axes: list[Axis]) -> None:
        """Finds the group of an axis, if there is one."""
        size = self.size(one)
        known = {axis for group in self.groups for axis in group}
        alike = tuple(other for other in axes if self.size(other) == size and other not in known)
        across = tuple({name: (name, axis) for name, axis in reversed(alike) if axis == one[1]}.values())
        for group in dict.fromkeys(((one,), tuple(sorted(across)), alike)):
            if one in group and self._is_free(group, size, one):
                self.groups.append(group)
                self.unfollowed.difference_update(group)
                return

    def size(self, axis: Axis) -> int:
        """The size of an axis as it was given."""
        return self.tensors[axis[0]].shape[axis[1]]

    def _is_free(self, group: tuple[Axis, ...], size: int, one: Axis) -> bool:
        found = []
        for other in (size + 1, size + 3):
            body = self._tried({}, resized(self.tensors, dict.fromkeys(group, other)))
            if not isinstance(body, ModuleBody):
                if body:
                    self.unfollowed.add(one)
                return False
            found.append(Run(body, {}, frozenset({len(self.groups)})))
        for other in self._size_boundaries(group, size):
            met = self._tried({}, resized(self.tensors, dict.fromkeys(group, other)))
            if met is True:
                self.unfollowed.add(one)
                return False
            if isinstance(met, ModuleBody):
                found.append(Run(met, {}, frozenset({len(self.groups)})))
        self.runs += found
        return True

    def _size_boundaries(self, group: tuple[Axis, ...], size: int) -> list[int]:
        """Other sizes of some axes at which a comparison in the model turns out otherwise."""
        if self.on_meta:
            return []
        model = self.factory(**self.args).eval()

        def compared_at(value: int) -> Comparisons:
            tensors = resized(self.tensors, dict.fromkeys(group, value))
            return comparisons(lambda _: model(**{name: one.clone() for name, one in tensors.items()}))

        with torch.no_grad():
            found = boundaries({value: compared_at(value) for value in (size, size + 1, size + 3)})
        numbers = sum(one.numel() for one in self.tensors.values())
        return [one for one in found if numbers * (one / size) ** len(group) <= _LARGEST_INPUT]

    # arguments

    def vary(self, asked: Mapping[str, Any]) -> None:
        """Runs the model with other arguments: those asked for, and those that might be parameters as well."""
        known = {**defaults_of(self.factory), **self.args}
        for name, value in asked.items():
            self._ask(name, value, known.get(name))
        values: dict[str, list[Any]] = {}
        for name, value in known.items():
            found = self._other_values(name, value, asked.get(name))
            if found and not self._keeps_its_form(name, value, found) and name not in asked:
                continue
            missing = _SETTLING - (name in asked) - len(found)
            if missing > 0:
                if name in asked and isinstance(value, int | float | tuple | list) and not isinstance(value, bool):
                    self.unsettled.append(name)
                continue
            if name not in asked:
                self.parameters[name] = value
            seen = _SETTLING - (name in asked)
            self.runs += [Run(body, {name: other}) for other, body in found[:seen]]
            self.unseen += [{name: other} for other, _ in found[seen:]]
            values[name] = [other for other, _ in found]
        if len(asked) > 1 and (body := self.attempt(asked)) is not None:
            self.runs.append(Run(body, dict(asked)))
        self._jointly(values)

    def _keeps_its_form(self, name: str, value: Any, found: list[tuple[Any, ModuleBody]]) -> bool:
        """Whether a model does the same where comparisons with an argument turn out otherwise; the runs say how."""
        if self.on_meta or not all(type(one) is int for one in (value, found[0][0])):
            return True
        values = [value, *(one for one, _ in found)]
        for other in boundaries({one: self._compared_with(name, one) for one in values}):
            met = self._tried({name: other}, self.tensors)
            if met is True:
                self.unseen.append({name: other})
                return False
            if isinstance(met, ModuleBody):
                self.runs.append(Run(met, {name: other}))
        return True

    def _compared_with(self, name: str, value: int) -> Comparisons:
        def run(comparing: Comparing) -> None:
            model = self.factory(**{**self.args, name: compared(value, comparing)}).eval()
            with torch.no_grad():
                model(**{key: one.clone() for key, one in self.tensors.items()})

        return comparisons(run)

    def _ask(self, name: str, value: Any, usual: Any) -> None:
        self.parameters[name] = usual
        body = self._needed({name: value}, f"the model fails with `{name}={value!r}`")
        if not self.fits(body):
            message = f"`{name}={value!r}` has another structure than `{name}={usual!r}`"
            raise GapError(Gap(message, "", 0, f"Import without `{name}`, or use another value."))
        self.runs.append(Run(body, {name: value}))

    def _other_values(self, name: str, value: Any, asked: Any) -> list[tuple[Any, ModuleBody]]:
        """Up to three more values of an argument with which the model does the same, and what it does."""
        found: list[tuple[Any, ModuleBody]] = []
        for other in others(value):
            if len(found) <= _SETTLING and other != asked and (body := self.attempt({name: other})) is not None:
                found.append((other, body))
        return found

    def _jointly(self, values: Mapping[str, list[Any]]) -> None:
        """Finds settings that change all arguments at once, as far as the model takes that."""
        joint = {name: found[-1] for name, found in values.items() if found}
        if len(joint) > 1 and self.attempt(joint) is None:
            joint = {}
            for name, found in values.items():
                for other in reversed(found):
                    if self.attempt({**joint, name: other}) is not None:
                        joint[name] = other
                        break
        if len(joint) > 1:
            self.unseen.append(joint)


class Way(NamedTuple):
    """How bodies are put into the form of specs: with loops, with containers as groups, with optional steps."""

    loops: bool
    contained: bool
    optional: bool


def all_shaped(found: Sequence[ModuleBody], way: Way) -> list[ModuleBody]:
    """The bodies of some runs in the form of specs."""
    if not way.optional:
        return [shaped(one, way.loops, way.contained) for one in found]
    return joined([with_containers(one, way.contained) for one in found], way.loops)


def shaped(body: ModuleBody, loops: bool, contained: bool) -> ModuleBody:
    """A body with its containers and loops as steps."""
    return with_loops(with_containers(body, contained), loops)


_OURS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


def _failure(what: str, error: Exception) -> Gap:
    """An exception of the model, at the last line of the user's own code."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(_OURS)]
    said = " ".join(str(error).split())[:200]
    path, line = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
    return Gap(f"{what}: {type(error).__name__}: {said}", path, line, "Give inputs and arguments with which it runs.")
