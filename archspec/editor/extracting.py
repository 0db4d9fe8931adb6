"""Steps in a row as a block of their own; offered only where the network stays what it was, but for keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

import archspec
from archspec.analysis import Analysis, Name
from archspec.dimensions import show
from archspec.document.imports import Files
from archspec.editor.places import Lines
from archspec.graph import Call, Class, Graph
from archspec.layers import LAYERS, Layer
from archspec.problems import Edit, Span, SpecError
from archspec.problems.fixing import apply
from archspec.source import Source
from archspec.spec import Spec
from archspec.tensors import flow_text
from archspec.views.weights import state

_AXES = {1: ("N",), 2: ("N", "C"), 3: ("N", "T", "C"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
_Manner = Literal["axes", "sizes"]
_MANNERS: tuple[_Manner, ...] = ("axes", "sizes")
"""How the sizes of a block's inputs are named, the more general first: one name for equal sizes along one axis, or for
equal sizes wherever they are."""
_TYPES = ("int", "float", "bool", "str")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A block made of steps."""

    name: str
    edits: tuple[Edit, ...]


def extract(analysis: Analysis, lines: Lines, first: int, last: int, files: Files | None) -> Extracted | None:
    """The block that the steps on some lines, counted from 1, become; None where that would change the network."""
    if not analysis.sound or analysis.graph is None or analysis.sources is None:
        return None
    for base in _classes(analysis.sources.main):
        chosen = _Steps.at(analysis, analysis.sources.main, base, first, last)
        if chosen is None:
            continue
        for manner in _MANNERS:
            made = chosen.block(lines, manner)
            if made is not None and _keeps(analysis, chosen, made, files):
                return made
    return None


def _classes(source: Source) -> Iterator[tuple[str, ...]]:
    """The document and its blocks, whose steps have names and stand below one another."""
    blocks = source.value(("blocks",))
    for base in [(), *(("blocks", name) for name in (blocks if isinstance(blocks, dict) else ()))]:
        path = (*base, "layers", "")
        if isinstance(source.value(path[:-1]), dict) and not source.in_flow(path):
            yield base


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps in a row of one class."""

    analysis: Analysis
    source: Source
    base: tuple[str, ...]
    names: tuple[str, ...]
    before: str | None
    """What flows into the first of them, if it takes that."""

    @classmethod
    def at(cls, analysis: Analysis, source: Source, base: tuple[str, ...], first: int, last: int) -> _Steps | None:
        """The steps that stand on some lines, if they are two or more and nothing else is."""
        layers = source.value((*base, "layers"))
        spans = {name: source.entry((*base, "layers", name)) for name in layers}
        names = tuple(name for name, span in spans.items() if span.line <= last and span.end_line >= first)
        ordered = "init" in source.data or "order" in (source.value(base) if base else source.data)
        if len(names) < 2 or ordered:  # both name steps by their keys
            return None
        whole = spans[names[0]].line <= first and last <= spans[names[-1]].end_line
        if not whole or not all(name.isidentifier() and not _is_state(layers[name]) for name in names):
            return None
        order = list(layers)
        at = order.index(names[0])
        inputs = source.value((*base, "inputs"))
        before = order[at - 1] if at else next(iter(inputs), None)
        if at and _is_state(layers[order[at - 1]]):
            return None
        takes = _takes_the_flow(layers[names[0]], analysis)
        return cls(analysis, source, base, names, before if takes else None)

    @property
    def scope(self) -> str:
        return self.base[1] if self.base else ""

    def lines(self) -> tuple[int, int]:
        """The first and the last line."""
        spans = [self.source.entry((*self.base, "layers", name)) for name in self.names]
        return spans[0].line, max(span.end_line - (span.end_column == 1) for span in spans)

    def block(self, lines: Lines, manner: _Manner) -> Extracted | None:
        """The edits that make a block of them; whether they are right is for a check to say."""
        read = self._read(manner)
        if read is None:
            return None
        params, inputs = read
        first, last = self.lines()
        indent = len(lines[first - 1]) - len(lines[first - 1].lstrip(" "))
        name = self._free_name()
        own = [f"    params: {{{', '.join(f'{one}: {kind}' for one, kind in params.items())}}}"] if params else []
        shapes = ", ".join(f"{one}: {shape}" for one, shape in inputs.items())
        body = [f"      {lines[n][indent:]}" if lines[n].strip() else "" for n in range(first - 1, last)]
        block = [f"  {name}:", *own, f"    inputs: {{{shapes}}}", "    layers:", *body]
        explicit = [] if self.before is not None and len(inputs) == 1 else list(inputs)
        listed = explicit[0] if len(explicit) == 1 else f"[{', '.join(explicit)}]"
        origin = f", from: {listed}" if explicit else ""
        use = f"{{{name}: {{{', '.join(params)}}}{origin}}}" if params or origin else name
        span = Span(self.analysis.name, first, 1, last, len(lines[last - 1]) + 1, "")
        call = Edit(span, f"{' ' * indent}{self.names[-1]}: {use}")
        return Extracted(name, (call, self._insertion(lines, block)))

    def _read(self, manner: _Manner) -> tuple[dict[str, str], dict[str, str]] | None:
        """The parameters with their types and the values with their shapes that the steps read from around them."""
        inside = self.lines()
        parameters = {one.name: one.type for one in _parameters(self.analysis.graph, self.scope)}
        params: dict[str, str] = {}
        values = [self.before] if self.before is not None else []
        for one in self.analysis.names:
            if one.scope != self.scope or not any(_within(use, inside) for use in one.uses):
                continue
            if one.kind == "parameter" and parameters.get(one.name) in _TYPES:
                params[one.name] = parameters[one.name]
            elif one.kind in ("step", "input"):
                values += [] if _within(one.definition, inside) or one.name in values else [one.name]
            elif one.kind not in ("block", "import"):
                return None
            if self._is_read_outside(one, inside):
                return None
        sizes: dict[tuple[str, str], str] = {}
        shapes = {value: self._shape(value, sizes, manner) for value in values}
        known = {value: shape for value, shape in shapes.items() if shape is not None}
        return (params, known) if values and len(known) == len(values) else None

    def _is_read_outside(self, one: Name, inside: tuple[int, int]) -> bool:
        """Whether a value of one of the steps is read elsewhere, which only the last one's may be."""
        own = one.kind == "step" and _within(one.definition, inside) and one.name != self.names[-1]
        return own and not all(_within(use, inside) for use in one.uses)

    def _shape(self, value: str, sizes: dict[tuple[str, str], str], manner: _Manner) -> str | None:
        """The shape of a value as a block's input, with the names that sizes have so far."""
        found = _value(self.analysis.graph, self.scope, value)
        shape, dtype = getattr(found, "shape", None), getattr(found, "dtype", "float32")
        if shape is None or not 1 <= len(shape) <= 5:
            return None
        texts = [show(size) for size in shape]
        for size in filter(str.isidentifier, texts):
            sizes.setdefault(("", size), size)  # free ones keep their names
        axes = []
        for size, wish in zip(texts, _AXES[len(shape)], strict=True):
            free = (wish, *(f"{wish}{n}" for n in range(2, 99)))
            key = (wish if manner == "axes" and not size.isidentifier() else "", size)
            axes.append(sizes.setdefault(key, next(one for one in free if one not in sizes.values())))
        text = f"[{', '.join(axes)}]"
        return text if dtype == "float32" else f"{{shape: {text}, dtype: {dtype}}}"

    def _free_name(self) -> str:
        """A name for the block, after its last step."""
        wish = "".join(word[:1].upper() + word[1:] for word in self.names[-1].split("_")) or "Block"
        taken = {*LAYERS, *(one.name for one in self.analysis.names)}
        taken |= {self.analysis.graph.main.name} if self.analysis.graph is not None else set()
        return next(name for name in (wish, *(f"{wish}{n}" for n in range(2, 999))) if name not in taken)

    def _insertion(self, lines: Lines, block: list[str]) -> Edit:
        """The edit that adds the block behind the last one, or a section of blocks at the end."""
        blocks = self.source.value(("blocks",))
        if isinstance(blocks, dict) and blocks:
            line = self.source.entry(("blocks", list(blocks)[-1]))
            end = line.end_line - (line.end_column == 1)
            text = "\n" + "\n".join(block)
        else:
            end = max(n + 1 for n, one in enumerate(lines.lines) if one.strip())
            text = "\n" + "\n".join(["blocks:", *block])
        column = len(lines[end - 1]) + 1
        return Edit(Span(self.analysis.name, end, column, end, column, ""), text)


def _is_state(step: Any) -> bool:
    """Whether a step is a tensor that the class holds, which does not enter the flow."""
    return isinstance(step, dict) and not {"Parameter", "Buffer", "call"}.isdisjoint(step)


def _takes_the_flow(step: Any, analysis: Analysis) -> bool:
    """Whether a step takes the value of the step above it."""
    if isinstance(step, dict):
        return "from" not in step
    known = {*LAYERS, *(one.name for one in analysis.names if one.kind in ("block", "import"))}
    return not isinstance(step, str) or step in known


def _within(span: Span, lines: tuple[int, int]) -> bool:
    return lines[0] <= span.line <= lines[1]


def _class_of(graph: Graph | None, scope: str) -> Class | None:
    """The document's class, or a block as it is first used."""
    if graph is None or not scope:
        return graph.main if graph is not None else None
    used = (item.layer for _, item in graph.modules() if isinstance(item, Call) and item.type_name == scope)
    return next((layer for layer in used if isinstance(layer, Class)), None)


def _parameters(graph: Graph | None, scope: str) -> Iterator[Any]:
    cls = _class_of(graph, scope)
    return (one for one in (cls.parameters if cls is not None else ()) if not one.inferred)


def _value(graph: Graph | None, scope: str, name: str) -> Any:
    """The type of a value of a class."""
    cls = _class_of(graph, scope)
    if cls is None:
        return None
    inputs = {one.name: one.type for one in cls.inputs}
    return inputs.get(name) or next((step.output for step in cls.steps if name in (step.name, step.target.text)), None)


def _keeps(analysis: Analysis, steps: _Steps, made: Extracted, files: Files | None) -> bool:
    """Whether the text with the edits is the same network, with any parameters: equal modules, weights and problems."""
    texts = analysis.text, apply(analysis.text, made.edits)
    try:
        specs = [Spec(text, analysis.name, files=files) for text in texts]
        before, after = (spec.graph() for spec in specs)
        before.require_values()
    except SpecError:
        return False
    old, new = state(before), state(after)
    moved = len(old) == len(new) and all(map(_is_moved, old, new, repeat(steps)))
    shapes = [[weight.shape for weight in weights.values()] for weights in (old, new)]
    codes = [sorted(one.code for one in archspec.check(spec)) for spec in specs]
    general = [spec.symbolic() is not None for spec in specs]
    same = _modules(before, made.name) == _modules(after, made.name)
    return moved and same and shapes[0] == shapes[1] and codes[0] == codes[1] and general[0] == general[1]


def _is_moved(old: str, new: str, steps: _Steps) -> bool:
    """Whether a key is as it was, or has the block's step in front of one of the steps."""
    parts, last = old.split("."), steps.names[-1]
    moved = (".".join([*parts[:at], last, *parts[at:]]) for at, part in enumerate(parts) if part in steps.names)
    return new == old or new in moved


def _modules(graph: Graph, but: str) -> list[str]:
    """The modules of a network with their arguments and what they give, but for one block."""
    found = []
    for _, item in graph.modules():
        if isinstance(item, Call) and item.type_name != but:
            values = [f"{one.name}={one.value}" for one in item.arguments] if isinstance(item.layer, Layer) else []
            found.append(f"{item.type_name}({', '.join(values)}) -> {flow_text(item.output)}")
    return [*found, flow_text(graph.main.output)]
