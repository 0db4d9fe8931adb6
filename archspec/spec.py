"""A spec that has been read: the one object that every command starts from."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archspec import document, source
from archspec.graph import Graph
from archspec.imports import Files, Texts, gather
from archspec.lower import lower
from archspec.problems import WARNINGS, Problem, Span, SpecError, did_you_mean, echo
from archspec.source import LIMITS, Limits

if TYPE_CHECKING:
    from torch import nn

    from archspec.dimensions import Size
    from archspec.emit.module import Builder


class Spec:
    """A valid spec. Holds its text and document; graphs are made when they are asked for."""

    def __init__(
        self,
        text: str,
        path: str,
        limits: Limits = LIMITS,
        allow: Iterable[str] = (),
        files: Files | None = None,
    ) -> None:
        self.path = path
        self.text = text
        self.allow = tuple(sorted(allow))
        with without_collection():
            main = source.parse(text, path, limits)
            try:
                self.source, self.document = gather(main, document.read(main), files or Files())
            except document.FormError as error:
                from archspec.salvage import besides  # here: a document of good form never needs it

                raise SpecError([*error.problems, *besides(main, error, self.allow)]) from None
        self._graphs: dict[str, Graph] = {}
        self._builders: dict[str, tuple[Size, Builder]] = {}  # each with how many parameters it would make
        self.graph()

    def __repr__(self) -> str:
        return f"Spec({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        texts = Texts({os.path.realpath(self.path): self.text, **self.source.texts})
        return type(self), (self.text, self.path, self.source.limits, self.allow, texts)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.graph().main.name

    @property
    def budget(self) -> dict[str, int]:
        """What the spec says the network may cost, by `parameters` and `macs`."""
        budget = self.document.budget
        limits = {name: getattr(budget, name) for name in ("parameters", "macs")} if budget is not None else {}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def budget_place(self, name: str) -> Span:
        """Where the spec says it, or where its steps begin if it does not."""
        path = ("budget", name) if name in self.budget else ("layers",)
        return self.source.span(path, key=True)

    def graph(
        self,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Sequence[int]] | None = None,
        *,
        symbolic: bool = False,
    ) -> Graph:
        """The graph with those parameters and sizes of inputs; SpecError with every problem."""
        key = repr((sorted((params or {}).items()), sorted((inputs or {}).items()), symbolic))
        if key not in self._graphs:
            with without_collection():
                self._graphs[key] = lower(
                    self.source, self.document, params=params, inputs=inputs, symbolic=symbolic, allow=self.allow
                )
            _keep_the_latest(self._graphs)
        return self._graphs[key]

    def place_of_let(self, cls: str, name: str) -> Span | None:
        """Where the document, or a block of it, computes a name by `let`."""
        for base in ((), ("blocks", cls)):
            if name in (self.source.value((*base, "let")) or ()):
                return self.source.span((*base, "let", name), key=True)
        return None

    def warnings(
        self,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Sequence[int]] | None = None,
        *,
        ignore: Collection[str] = (),
    ) -> list[Problem]:
        """What is hardly as it is meant, with those parameters and sizes; SpecError where something is wrong.

        `ignore` are codes that the caller does not want to hear of, beside those that the spec itself ignores;
        ValueError for one that is no warning's.
        """
        from archspec import lints  # here: only a check asks for them

        for code in ignore:
            if code not in WARNINGS:
                raise ValueError(f"{echo(code)} is the code of no warning; {did_you_mean(code, WARNINGS)}")
        with without_collection():
            graph, by_default = self.graph(params, inputs), not params and not inputs
            return lints.warnings(graph, self.document, self.source, ignore=ignore, by_default=by_default)

    def symbolic(self) -> Graph | None:
        """The graph with parameters as symbols; None where the spec holds for the values that it has alone."""
        try:
            return self.graph(symbolic=True)
        except SpecError:
            return None

    def generate(self) -> str:
        """The source of the spec's class."""
        from archspec.emit.code import generate  # here: jinja2 is slow to import, and only this needs it

        return generate(self.graph(symbolic=True), self.source.text)

    def build(
        self, params: Mapping[str, Any], *, device: Any = None, dtype: Any = None, limit: int | None
    ) -> nn.Module:
        """The spec's module with those parameters."""
        try:
            from archspec.emit import module  # here: it imports torch
        except ImportError as error:
            if error.name is None or error.name.partition(".")[0] != "torch":
                raise
            raise ImportError("building needs PyTorch: pip install 'archspec-nn[torch]'", name="torch") from None
        key = repr((sorted(params.items()), limit))
        if key not in self._builders:
            graph = self.graph(params)
            graph.require_values()
            count = sum(layer.parameter_count() for _, _, layer in graph.layers())
            self._builders[key] = count, module.Builder(graph, Rebuild(self, limit))
            _keep_the_latest(self._builders)
        count, builder = self._builders[key]
        self._refuse_to_build(count, device, limit)
        return builder.build(device=device, dtype=dtype)

    def _refuse_to_build(self, count: Size, device: Any, limit: int | None) -> None:
        """A network that is larger than the caller allows."""
        if limit is not None and str(device) != "meta" and isinstance(count, int) and count > limit:
            place = self.source.span(("layers",), key=True)
            advice = 'pass `limit=None`, or `device="meta"`, which allocates nothing'
            raise SpecError([Problem("AS604", f"{count:,} parameters; at most {limit:,} are built", place, advice)])


@contextmanager
def without_collection() -> Iterator[None]:
    """Nearly all that reading a spec makes is kept: to look for garbage meanwhile takes as long as reading itself."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _keep_the_latest(cache: dict[str, Any]) -> None:
    if len(cache) > 8:
        del cache[next(iter(cache))]


class Rebuild:
    """Builds a spec's module anew with other parameters. A class of its own, so that modules can be pickled."""

    def __init__(self, spec: Spec, limit: int | None) -> None:
        self.spec = spec
        self.limit = limit

    def __repr__(self) -> str:
        return f"Rebuild({self.spec.path!r}, {hash(self.spec.text)})"

    def __call__(self, *, device: Any = None, **params: Any) -> nn.Module:
        return self.spec.build(params, device=device, limit=self.limit)


def load(path: str | os.PathLike[str], *, allow: Iterable[str] = (), revision: str | None = None) -> Spec:
    """The spec in a file; SpecError with every problem found.

    `allow` names packages whose classes the spec may use: they are imported when it is built, never before.
    `revision` names a revision of the file's git repository, from which the spec and its imports are read then.
    """
    if revision is not None:
        from archspec.revisions import Revision  # here: it runs git, which nothing else does

        files = Revision(revision, os.path.dirname(os.path.realpath(path)))
        return Spec(files.read(os.path.realpath(path), LIMITS), os.fspath(path), allow=allow, files=files)
    return Spec(source.read(path), os.fspath(path), allow=allow)


def parse(text: str, name: str = "<text>", *, allow: Iterable[str] = ()) -> Spec:
    """The spec that a text holds; `name` is how problems call it."""
    return Spec(text, name, allow=allow)
