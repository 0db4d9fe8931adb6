"""The functions of a generated file: each makes the network with the settings of one variant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.emit.text import INDENT, Code, Expression, code, docstring, literal, prose, wrap
from archspec.graph import Graph, Variant


class VariantFunction:
    """One function, as the template prints it."""

    def __init__(self, variant: Variant, cls: str, taken: Iterable[str]) -> None:
        given = next(name for name in ("overrides", "settings", "kwargs", "arguments") if name not in taken)
        values = next(name for name in ("settings", "values", "defaults", "chosen") if name not in (*taken, given))
        self.signature = code(
            Expression(f"def {variant.name}", [Expression(f"**{given}: Any")], tail=f" -> {cls}:").lines()
        )
        self.docstring = docstring(_doc(variant, cls), INDENT)
        self.body = code(_body(variant, cls, given, values))

    def lines(self) -> list[Code]:
        """Everything in it that may need an import."""
        return [*self.signature, *self.body]


def variant_functions(graph: Graph) -> list[VariantFunction]:
    """The functions of a graph's variants, in their order."""
    taken = {cls.name for cls in (*graph.blocks, graph.main)} | {variant.name for variant in graph.variants}
    return [VariantFunction(variant, graph.main.name, taken) for variant in graph.variants]


def _doc(variant: Variant, cls: str) -> Iterator[str]:
    """What the docstring says: the spec's words, or else which variant it is."""
    text = " ".join(variant.doc.split())
    yield from wrap(prose(text or f"Return {cls} with the settings of `{variant.name}`."), room=80)


def _body(variant: Variant, cls: str, given: str, values: str) -> Iterator[str]:
    if not variant.settings:
        yield f"{INDENT}return {cls}(**{given})"
        return
    entries = [literal(f'"{name}": ', value) for name, value in variant.settings.items()]
    yield from Expression(f"{values}: dict[str, Any] = ", entries, brackets="{}").lines(INDENT)
    yield f"{INDENT}return {cls}(**({values} | {given}))"
