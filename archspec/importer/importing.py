"""A model as a spec, from the first run to the last comparison."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from archspec.importer.blocks import Blocks
from archspec.importer.exploring import Exploration, Run, Way, all_shaped
from archspec.importer.gaps import Gap, GapError, Imported
from archspec.importer.grouping import signature
from archspec.importer.inputs import Tensors, resized, tensors_of
from archspec.importer.naming import UnwritableError
from archspec.importer.own import first_named, package_of
from archspec.importer.remarks import first_paragraph
from archspec.importer.rendering import render
from archspec.importer.templates import UnsolvedError
from archspec.importer.verifying import (
    begins_otherwise,
    differences,
    differences_on_meta,
    unlike_dtypes,
    without_gradients,
)
from archspec.problems import SpecError
from archspec.spec import Spec, parse
from archspec.tensors import TensorType

_EITHER = (False, True)
_BATCHES = (1, 11)
"""Sizes of a batch at which models are known to take another path: no mean over one row, no group in a small one."""
_ON_META = (
    "the model has no numbers, as it is on the meta device: which operations run on which weights was compared, "
    "and not what they give"
)


@dataclass(slots=True)
class _Import:
    """One import: what was found out, the specs that say so, and their comparison with the model."""

    found: Exploration

    def texts(self) -> Iterator[tuple[str, list[str]] | str]:
        """Specs, the most general first; or why one could not be written."""
        groups = self.found.groups
        everything = frozenset(range(len(groups)))
        batch = frozenset(one for one in everything if any(axis == 0 for _, axis in groups[one]))
        some = [everything - {one} for one in everything]
        choices = [one for one in dict.fromkeys([everything, *some, batch]) if one >= batch]  # a free batch stays free
        ways = [Way(*one) for one in itertools.product(_EITHER[::-1], _EITHER[::-1], _EITHER[::-1])]
        for free, literal, way in itertools.product(choices, _EITHER, ways):
            runs = [one for one in self.found.runs if one.groups <= free]
            try:
                yield self._text(runs, literal, way)
            except (UnsolvedError, UnwritableError, KeyError, ValueError) as error:
                yield f"{type(error).__name__}: {error}"

    def _text(self, runs: list[Run], literal: bool, way: Way) -> tuple[str, list[str]] | str:
        """A spec of some runs; arguments that nobody asked for are left out where no expression says what they do."""
        known, asked = self.found.parameters, self.found.asked
        while True:
            roots = all_shaped([one.body for one in runs], way)
            if len({repr(signature(one)) for one in roots}) > 1:
                return "the runs have no loops in common"
            settings = [_tuples({**known, **one.settings}) for one in runs]
            try:
                blocks = Blocks(roots, settings, literal)
            except UnsolvedError as error:
                unsaid = self._unsaid(error, runs)
                if not unsaid:
                    raise
                runs = [one for one in runs if not unsaid & one.settings.keys()]
                continue
            used = {name.partition("[")[0] for name in blocks.root.parameters}
            parameters = {name: one for name, one in known.items() if name in used or name in asked}
            return render(blocks, parameters, first_paragraph(vars(self.found.factory).get("__doc__"))), list(
                parameters
            )

    def _unsaid(self, error: UnsolvedError, runs: list[Run]) -> set[str]:
        """Arguments that were tried unasked, and that change a value in a way that no expression says."""
        values: dict[int, set[Any]] = {}
        for point, value in zip(error.hole.points, error.hole.values, strict=True):
            values.setdefault(error.roots[point.sample] if error.roots else point.sample, set()).add(repr(value))
        base = values.get(0, set())
        changed = [runs[index].settings for index, found in values.items() if found != base]
        return {name for settings in changed for name in settings} - self.found.asked

    # comparison

    def compare(self, spec: Spec, parameters: list[str]) -> list[str]:
        """What differs between the model and a spec, with the settings seen and with others, or was not compared."""
        this = self.found
        sizes = [{}, *({axis: this.size(axis) + step for axis in group} for step in (2, 5) for group in this.groups)]
        inputs = [resized(this.tensors, one) for one in sizes]
        free = _accepted(spec, inputs)
        batches = [dict.fromkeys(group, size) for size in _BATCHES for group in this.groups if group[0][1] == 0]
        edges = _accepted(spec, [resized(this.tensors, one) for one in batches])
        found = [*self._frozen(spec), *self._unlike(spec, {}, free, edges)]
        found += [f"`{name}` takes too few values to tell what depends on it" for name in this.unsettled]
        for settings in self._settings(parameters):
            if found:
                break
            named = ", ".join(f"{name}={value!r}" for name, value in settings.items())
            given = free[: 1 + (len(settings) > 1)]
            found += [f"with {named}: {one}" for one in self._unlike(spec, settings, given)]
        return found

    def notes(self, spec: Spec) -> tuple[str, ...]:
        """What was not asked to be equal, and is not."""
        if self.found.on_meta:
            return (_ON_META,)
        make = partial(self.found.factory, **self.found.args)
        dtypes = unlike_dtypes(spec, make, self.found.tensors)
        refusal = without_gradients(make, self.found.tensors)
        more = (f"the model's own backward pass fails, so gradients were not compared: {refusal[:120]}",)
        return (*_notes(begins_otherwise(spec, make)), *_of_dtypes(dtypes), *(more if refusal else ()))

    def _unlike(
        self, spec: Spec, settings: dict[str, Any], inputs: list[Tensors], edges: list[Tensors] | None = None
    ) -> Iterator[str]:
        make = partial(self.found.factory, **{**self.found.args, **settings})
        if self.found.on_meta:
            return differences_on_meta(spec, make, settings, inputs)
        return differences(spec, make, settings, inputs, edges)

    def _frozen(self, spec: Spec) -> Iterator[str]:
        """Axes of a batch that the model takes in any size, and the spec in one."""
        known = {axis for group in self.found.groups for axis in group} | self.found.unfollowed
        for one in spec.graph().main.inputs:
            if not isinstance(one.type, TensorType) or one.name not in self.found.tensors:
                continue
            leading = 2 if len(one.type.shape) < 4 else 1  # of images and volumes, the second axis is no batch
            for axis, size in enumerate(one.type.shape[:leading]):
                taken = (one.name, axis) in known and (axis == 0 or (one.name, axis) not in self.found.unfollowed)
                if taken and isinstance(size, int):
                    yield f"the model takes other sizes than {size} at axis {axis} of `{one.name}`, the spec does not"

    def _settings(self, parameters: list[str]) -> list[dict[str, Any]]:
        """Settings to compare, of the spec's parameters alone: those seen, others, and several at once."""
        kept: dict[str, dict[str, Any]] = {}
        for settings in [*(one.settings for one in self.found.runs), *self.found.unseen]:
            part = {name: value for name, value in settings.items() if name in parameters}
            if part and (part == settings or self.found.attempt(part) is not None):
                kept[repr(sorted(part.items()))] = part
        return list(kept.values())


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(one) if isinstance(one, list) else one for name, one in settings.items()}


def _accepted(spec: Spec, inputs: list[Tensors]) -> list[Tensors]:
    """Those of some inputs that have the sizes that a spec asks for."""
    given = {one.name: one for one in spec.graph().main.inputs}
    kept = []
    for tensors in inputs:
        types = [(given[name].type, tensor.shape) for name, tensor in tensors.items() if name in given]
        pairs = [
            pair
            for type_, shape in types
            if isinstance(type_, TensorType)
            for pair in zip(type_.shape, shape, strict=True)
        ]
        if all(size == actual for size, actual in pairs if isinstance(size, int)):
            kept.append(tensors)
    return kept


def import_module(
    factory: Callable[..., nn.Module] | nn.Module,
    inputs: Mapping[str, Any],
    *,
    args: Mapping[str, Any] | None = None,
    vary: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> Imported:
    """The spec of a PyTorch model, compared with it."""
    made = _factory(factory)
    this = _Import(Exploration(made, tensors_of(inputs), dict(args or {}), frozenset(vary or {})))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # equal sums in equal order
    try:
        return _imported(this, vary or {}, partial)
    finally:
        torch.set_num_threads(threads)


def _imported(this: _Import, vary: Mapping[str, Any], gaps_allowed: bool) -> Imported:
    """The spec; where gaps are allowed, classes that hold one are named as they are."""
    gaps: list[Gap] = []
    while True:
        try:
            found = _explored(this, vary)
        except GapError as error:
            if not gaps_allowed:
                raise error.as_error() from None
            kind = first_named(error.kinds, this.found.opaque)
            gaps.append(error.gap)
            if kind is None:
                return Imported("", tuple(gaps))
            this = _Import(this.found.anew(kind))
            continue
        if not gaps_allowed and not found.text:
            raise SpecError([one.problem() for one in found.gaps[:5]])
        if not gaps or not found.text:
            return replace(found, gaps=(*gaps, *found.gaps))
        return replace(found, gaps=tuple(gaps), allow=tuple(dict.fromkeys(map(package_of, this.found.opaque))))


def _explored(this: _Import, vary: Mapping[str, Any]) -> Imported:
    reasons: list[str] = []
    known: set[str] = set()
    best: Imported | None = None
    this.found.start()
    this.found.free_sizes()
    this.found.vary(vary)
    for one in this.texts():
        if isinstance(one, str):
            reasons.append(one)
            continue
        text, parameters = one
        if text in known:
            continue
        known.add(text)
        try:
            spec = parse(text, "<imported>", allow=[*map(package_of, this.found.opaque)])
            spec.graph()
            spec.generate()
        except SpecError as error:
            reasons.append(f"{error}\n{text}")
            continue
        found = this.compare(spec, parameters)
        if not found:
            return Imported(text, (), True, notes=this.notes(spec))
        best = best or Imported(text, (), False, tuple(found))
        reasons += found
    return best or Imported("", tuple(Gap(one, "", 0) for one in dict.fromkeys(reasons)))


def _notes(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    listed = ", ".join(f"`{one}`" for one in names[:3])
    return (f"initial values differ from the model's: {listed}{more}; load the model's weights, or use `init:`",)


def _of_dtypes(names: list[str]) -> tuple[str, ...]:
    told = f"in {', '.join(names)} it computes something else: it was verified only in the given dtypes"
    return (told,) if names else ()


def _factory(factory: Callable[..., nn.Module] | nn.Module) -> Callable[..., nn.Module]:
    if not isinstance(factory, nn.Module):
        return factory
    model = factory
    return lambda: copy.deepcopy(model)
