"""What depends on a step: who reads its value, and everything that would change with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec.characters import printable
from archspec.graph import Graph
from archspec.problems import echo
from archspec.tensors import flow_text
from archspec.views.explain.origins import Producer, Value, ValueRef, origins


@dataclass(frozen=True, slots=True)
class Dependent:
    """A step that depends on another one."""

    path: str
    what: str
    """The layer, or the expression."""
    output: str
    """What it gives, as people read it."""
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Uses:
    """What depends on a step of a network. `str()` is a text for people."""

    name: str
    """Of the network."""
    step: str
    readers: tuple[Dependent, ...]
    """Those that take its value themselves."""
    dependents: tuple[str, ...]
    """The paths of all that would change with it, in the order of flow; steps within one that changes as a whole are
    left out."""
    count: int
    """How many steps those are, the inner ones included."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        readers = [
            {name: getattr(one, name) for name in ("path", "what", "output", "file", "line")} for one in self.readers
        ]
        return {
            "name": self.name,
            "step": self.step,
            "readers": readers,
            "dependents": list(self.dependents),
            "count": self.count,
        }

    def markdown(self) -> str:
        """For a document."""
        lines = [f"## What depends on `{self.step}` of {self.name}", ""]
        lines += [f"- `{one.path}`: {_code(one.what)} gives `{one.output}` (line {one.line})" for one in self.readers]
        lines += ["", f"{self._total()} {', '.join(f'`{path}`' for path in self.dependents)}".rstrip(), ""]
        return "\n".join(lines)

    def text(self) -> str:
        """For a terminal."""
        width = max((len(one.path) for one in self.readers), default=0)
        lines = [f"{self.step} is read by" if self.readers else f"nothing reads {self.step}; the network may return it"]
        lines += [
            f"  {one.path:{width}}  {printable(one.what)} -> {one.output}  (line {one.line})" for one in self.readers
        ]
        lines += [f"{self._total()} {', '.join(self.dependents)}"] if self.dependents else []
        return "\n".join(lines)

    def _total(self) -> str:
        if not self.count:
            return "No step changes with it."
        return f"{self.count} step{'s change' if self.count > 1 else ' changes'} with it:"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Uses({self.name}, {self.step}: {len(self.readers)} readers, {self.count} steps)"

    def _repr_markdown_(self) -> str:
        return self.markdown()


def uses(graph: Graph, step: str) -> Uses:
    """What depends on the step with that dotted path, or on the input of that name; ValueError where there is none."""
    found = origins(graph)
    if step not in found:
        from archspec.views.explain import no_such  # here: the rooms would import one another

        raise ValueError(no_such(step, found))
    inside = {path for path in found if _is_within(path, step)}
    above = {path for path in found if step.startswith(f"{path}.")}  # they change in this step alone
    holding = {head for path in found for head in _heads(path)}
    changed, readers = set(inside), []
    order = [made for made in found.values() if made.path not in inside | above]
    for made in order:
        read = set(_read(made))
        if read & inside and made.path not in holding:
            readers.append(_use(made))
        if read & changed:
            changed |= {made.path, *_heads(made.path)} - above
    dependents = [made.path for made in order if made.path in changed]
    beside = dict.fromkeys(_beside(path, step) for path in dependents)
    return Uses(graph.main.name, step, tuple(readers), tuple(beside), len(dependents))


def _heads(path: str) -> Iterator[str]:
    """The paths of what a step is in."""
    while path := path.rpartition(".")[0]:
        yield path


def _is_within(path: str, step: str) -> bool:
    return path == step or path.startswith(f"{step}.")


def _read(made: Producer) -> Iterator[str]:
    """The paths of what a step takes; what an expression in its place takes, the step takes."""
    for _, value in made.inputs:
        yield from _paths(value)


def _paths(value: Value) -> Iterator[str]:
    if not isinstance(value, ValueRef):
        for part in value:
            yield from _paths(part)
    elif value.made.path:
        yield value.made.path
    else:
        yield from _read(value.made)


def _use(made: Producer) -> Dependent:
    return Dependent(made.path, made.label, flow_text(made.output), made.span.path, made.span.line)


def _beside(path: str, step: str) -> str:
    """The outermost part of a path that the step itself is not in."""
    parts, own = path.split("."), step.split(".")
    shared = next((at for at, (one, other) in enumerate(zip(parts, own, strict=False)) if one != other), len(own))
    return ".".join(parts[: shared + 1])


def _code(text: str) -> str:
    return echo(text.replace("`", "'"))
