"""A spec that has been read: the one object that every command starts from."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from archspec import document, overwriting, source
from archspec.document import Document
from archspec.document.imports import Files, Texts, gather
from archspec.files import is_package
from archspec.graph import Graph
from archspec.lower import Settings, check_library, lower, mixed_dtypes
from archspec.problems import WARNINGS, Problem, Span, SpecError, did_you_mean, echo
from archspec.source import LIMITS, Limits
from archspec.values import as_document, as_text
from archspec.views.plan.opening import Opening, opened
from archspec.views.plan.roles import openings

if TYPE_CHECKING:
    from torch import nn

    from archspec.dimensions import Size
    from archspec.emit.module import Builder
    from archspec.emit.parallel import Sharding


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
        self.allow = packages(allow)
        with without_collection():
            main = source.parse(text, path, limits)
            if document.is_library(main):
                check_library(*gather(main, blocks_alone(main), files or Files()), allow=self.allow)
                raise document.only_blocks(main)
            if document.is_plan(main):
                document.read_plan(main)
                raise document.only_plan(main)
            try:
                self.source, self.document = gather(main, document.read(main), files or Files())
            except document.FormError as error:
                from archspec.document.salvage import besides  # here: a document of good form never needs it

                more = besides(main, error, files or Files(), partial(lower, settings=Settings(allow=self.allow)))
                raise SpecError([*error.problems, *more]) from None
        self._graphs: dict[str, Graph] = {}
        self._in_place: dict[str, tuple[Problem, ...]] = {}  # of each graph, what its layers in place overwrite
        self._builders: dict[str, tuple[Size, Builder]] = {}  # each with how many parameters it would make
        self.graph()

    def __repr__(self) -> str:
        return f"Spec({self.path!r})"

    def _repr_markdown_(self) -> str:
        from archspec.views.summary import summarize  # here: only notebooks show a spec as a table

        return summarize(self.graph()).markdown()

    def _repr_svg_(self) -> str | None:
        """The picture; none where its layout engine is not installed."""
        from archspec.views.diagram import diagram  # here: only notebooks show a spec as a picture
        from archspec.views.diagram.style import Look  # here: likewise

        try:
            return diagram(self.graph(), self.symbolic(), self.source.files, None, "svg", None, Look())
        except ImportError:
            return None

    def _repr_html_(self) -> str:
        from archspec.views.markdown import as_html  # here: only notebooks show HTML

        return f"{self._repr_svg_() or ''}{as_html(self._repr_markdown_())}"

    def __reduce__(self) -> tuple[Any, ...]:
        texts = Texts({os.path.realpath(self.path): self.text, **self.source.texts})
        return type(self), (self.text, self.path, self.source.limits, self.allow, texts)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.graph().main.name

    @property
    def variants(self) -> dict[str, dict[str, Any]]:
        """The named settings: of each variant the values that it gives to parameters."""
        return {variant.name: dict(variant.settings) for variant in self.graph().variants}

    def settings(self, variant: str | None, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """The values of parameters: those of a variant, and `params` on top. SpecError where there is no such one."""
        if variant is None:
            return dict(params or {})
        found = self.variants
        if variant not in found:
            hint = did_you_mean(variant, list(found), "variants") or "this spec has no variants"
            place = self.source.span(("variants",) if found else ("layers",), key=True)
            raise SpecError([Problem("AS208", f"the spec has no variant {echo(variant)}", place, hint)])
        return {**found[variant], **(params or {})}

    def set_by(self, variant: str | None, params: Mapping[str, Any] | None) -> dict[str, Span | None]:
        """The parameters that are not at their defaults: where the variant sets each, None where the caller does."""
        places: dict[str, Span | None] = {}
        for name in self.variants[variant] if variant is not None else ():
            base = ("variants", str(variant))
            apart = self.source.value((*base, "params"))
            within = isinstance(apart, dict) and name in apart
            places[name] = self.source.span((*base, "params", name) if within else (*base, name))
        return places | dict.fromkeys(params or ())

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
        key = _key(params, inputs, symbolic)
        if key not in self._graphs:
            with without_collection():
                settings = Settings(params or {}, inputs or {}, self.allow)
                graph = lower(self.source, self.document, settings, symbolic=symbolic)
                found = () if symbolic else overwriting.problems(graph)
                if any(problem.severity == "error" for problem in found):
                    raise SpecError([problem for problem in found if problem.severity == "error"])
                self._graphs[key], self._in_place[key] = graph, tuple(found)
            _keep_the_latest(self._graphs)
            _keep_the_latest(self._in_place)
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
                raise ValueError(f"{echo(code)} is not the code of a warning; {did_you_mean(code, WARNINGS)}")
        with without_collection():
            graph, by_default = self.graph(params, inputs), not params and not inputs
            in_place = self._in_place[_key(params, inputs, False)]
            settings = Settings(params or {}, inputs or {}, self.allow)
            mixed = mixed_dtypes(self.source, self.document, graph, settings)
            found = lints.Beyond(in_place, mixed, graph.doubts, graph.idle)
            return lints.warnings(graph, self.document, self.source, found, ignore=ignore, by_default=by_default)

    def symbolic(self) -> Graph | None:
        """The graph with parameters as symbols; None where the spec holds for the values that it has alone."""
        try:
            return self.graph(symbolic=True)
        except SpecError:
            return None

    def generate(self, sharding: Sharding | None = None, more: frozenset[Opening] = frozenset()) -> str:
        """The source of the spec's class; with a sharding, `parallelize(model, mesh)` stands behind it.

        `more` are sizes in expressions that differ on its ranks, beside those of the parameters' defaults.
        """
        from archspec.emit.code import generate  # here: jinja2 is slow to import, and only this needs it

        try:
            graph = self.graph(symbolic=True)
        except SpecError as error:
            raise SpecError([_of_other_parameters(problem) for problem in error.problems]) from None
        return generate(opened(graph, self.openings() | more), self.source.text, sharding)

    def openings(self, params: Mapping[str, Any] | None = None) -> frozenset[Opening]:
        """Sizes that expressions write out and that differ where heads are spread over ranks: `-1` stands for them.

        What is built and generated has `-1` there always, so that it runs on a rank's own tensors.
        """
        return openings(self.graph(params))

    def require_sizes(self) -> None:
        """SpecError where a generated constructor would need a size that no expression of the parameters says."""
        try:
            self.graph(symbolic=True)
        except SpecError as error:
            if unsayable := [problem for problem in error.problems if problem.code in _OF_ANY_PARAMETERS]:
                raise SpecError(unsayable) from None

    def build(
        self,
        params: Mapping[str, Any],
        inputs: Mapping[str, Sequence[int]] | None = None,
        *,
        device: Any = None,
        dtype: Any = None,
        limit: int | None,
    ) -> nn.Module:
        """The spec's module with those parameters; `inputs` are sizes of inputs that it is checked with."""
        try:
            from archspec.emit import module  # here: it imports torch
        except ImportError as error:
            if error.name is None or error.name.partition(".")[0] != "torch":
                raise
            raise ImportError("building needs PyTorch: pip install 'archspec-nn[torch]'", name="torch") from None
        key = repr((sorted(params.items()), sorted((inputs or {}).items()), limit))
        if key not in self._builders:
            graph = self.graph(params, inputs)
            graph.require_values()
            count = sum(call.parameter_count() for _, call, _ in graph.layers())
            graph = opened(graph, openings(graph))
            self._builders[key] = count, module.Builder(graph, Rebuild(self, limit), self.allow)
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


_OF_ANY_PARAMETERS = ("AS204", "AS205", "AS508")
"""Codes of what is wrong with generated code whatever the parameters are: names, and sizes that nothing says."""


def _of_other_parameters(problem: Problem) -> Problem:
    """A problem of generated code, which is right for all parameters; one that the defaults have was found before."""
    if problem.code in _OF_ANY_PARAMETERS:
        return problem
    return replace(problem, message=f"{problem.message} (with parameters other than the defaults)")


def blocks_alone(main: source.Source) -> Document:
    """The blocks of a file that holds nothing else, as a document without steps."""
    library = document.read_library(main)
    return Document(inputs={}, layers=[], blocks=library.blocks, imports=library.imports)


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


def _key(params: Mapping[str, Any] | None, inputs: Mapping[str, Sequence[int]] | None, symbolic: bool) -> str:
    """What a graph is of."""
    return repr((sorted((params or {}).items()), sorted((inputs or {}).items()), symbolic))


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


def packages(allow: Iterable[str]) -> tuple[str, ...]:
    """The packages that a caller allows, in order. ValueError for what is no list of packages' names."""
    if isinstance(allow, str):
        raise ValueError(f"`allow` is a list of packages' names: write allow=[{allow!r}]")
    names = list(allow)
    for name in names:
        if not is_package(name):
            raise ValueError(f"{echo(name)} in `allow` is not the name of a package, such as `my_package.layers`")
    return tuple(sorted(names))


def load(path: str | os.PathLike[str], *, allow: Iterable[str] = (), revision: str | None = None) -> Spec:
    """The spec in a file; SpecError with every problem found.

    `allow` names packages whose classes the spec may use: they are imported when it is built, never before.
    `revision` names a revision of the file's git repository, from which the spec and its imports are read then.
    """
    if revision is not None:
        from archspec.revisions import Revision  # here: it runs git, which nothing else does

        files = Revision(revision, os.path.dirname(os.path.realpath(path)))
        return Spec(files.read(os.path.realpath(path), LIMITS), os.fspath(path), allow=allow, files=files)
    try:
        return Spec(source.read(path), os.fspath(path), allow=allow)
    except SpecError as error:
        raise _with_advice(error, os.fspath(path)) from None


def _with_advice(error: SpecError, path: str) -> SpecError:
    """The same, and what a caller meant who names no file."""
    first = error.problems[0]
    if first.code != "AS107" or os.path.lexists(path):
        return error
    if "\n" in path:
        return SpecError([replace(first, help="for the text of a spec use `archspec.parse(text)`")])
    near = (f"{path}.yaml", f"specs/{path}", f"specs/{path}.yaml")
    found = next((one for one in near if os.path.isfile(one)), None)
    return SpecError([replace(first, help=f"did you mean {echo(found)}?")]) if found else error


def from_mapping(data: Mapping[str, Any], name: str = "<mapping>", *, allow: Iterable[str] = ()) -> Spec:
    """The spec that a mapping holds, such as a dict or a DictConfig of OmegaConf; places are those of it as JSON."""
    return Spec(as_text(as_document(data)), name, allow=allow)


def parse(text: str, name: str = "<text>", *, allow: Iterable[str] = ()) -> Spec:
    """The spec that a text holds; `name` is how problems call it."""
    return Spec(text, name, allow=allow)
