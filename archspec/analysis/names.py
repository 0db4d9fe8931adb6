"""The names of a text: where each is defined and where it is read, by scope.

Works on the tree alone, so that a spec with mistakes has its names, too. A document and each of its blocks is a scope,
a group of named steps is one within, and so is a step that is repeated, for what its loop binds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from archspec.analysis.records import Kind, Name
from archspec.document.names import MODIFIERS
from archspec.problems import Span
from archspec.source import Entries, Source
from archspec.source.tree import Extent

_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*(?!\w*\s*\()(?!\w*\s*=(?!=))")
_BOUND = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_BRACES = re.compile(r"\{([^{}]*)\}")
_NUMBERS: tuple[Kind, ...] = ("parameter", "computed", "size", "loop")
_VALUES: tuple[Kind, ...] = ("step", "input")
_CLASSES: tuple[Kind, ...] = ("block", "import")


class _Scope:
    """Names that are known together."""

    def __init__(self, path: str, outer: _Scope | None = None) -> None:
        self.path, self.outer = path, outer
        self.own: dict[tuple[Kind, str], tuple[Span, dict[Span, None]]] = {}

    def define(self, kind: Kind, name: str, span: Span) -> None:
        if name != "_":
            self.own.setdefault((kind, name), (span, {}))

    def find(self, name: str, kinds: Iterable[Kind]) -> dict[Span, None] | None:
        """The uses of a name, of the first kind of which there is one, from the inside out."""
        scope: _Scope | None = self
        while scope is not None:
            for kind in kinds:
                if (kind, name) in scope.own:
                    return scope.own[kind, name][1]
            scope = scope.outer
        return None


def names_of(source: Source | None) -> tuple[Name, ...]:
    """Every name that a text defines, in the order of their definitions; none where there is no tree."""
    if source is None or not isinstance(source.data, dict):
        return ()
    return tuple(sorted(_NameReader(source).read(), key=lambda one: (one.definition.line, one.definition.column)))


class _NameReader:
    """Reads the names of one tree: what is defined first, then what is read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scopes: list[_Scope] = []
        self.document = self.scope("")
        self.blocks: dict[str, _Scope] = {}
        self.later: list[tuple[_Scope, str, Span, tuple[Kind, ...]]] = []  # what is read, once all is defined

    def read(self) -> Iterator[Name]:
        data, root = self.source.data, self.source.root
        for key, _, _, span in self.entries(*_below(data, root, "imports")):
            self.document.define("import", key, span)
        for key, _, _, span in self.entries(*_below(data, root, "variants")):
            self.document.define("variant", key, span)
        blocks = list(self.entries(*_below(data, root, "blocks")))
        for key, _, _, span in blocks:
            self.document.define("block", key, span)
            self.blocks[key] = self.scope(key)
        self.of_class(self.document, data, root)
        for key, value, node, _ in blocks:
            if isinstance(value, dict):
                self.of_class(self.blocks[key], value, node)
        for _, value, node, _ in self.entries(*_below(data, root, "variants")):
            inside = _below(value, node, "params") if isinstance(value, dict) and "params" in value else (value, node)
            for key, setting, at, span in self.entries(*inside):
                self.use(self.document, key, span, ("parameter",))
                self.scalars(self.document, setting, at, _CLASSES)
        for scope, name, span, kinds in self.later:
            uses = scope.find(name, kinds)
            if uses is None:  # a block is known everywhere
                uses = self.document.find(name, _CLASSES)
            if uses is not None:
                uses[span] = None
        for scope in self.scopes:
            for (kind, name), (span, uses) in scope.own.items():
                yield Name(name, kind, scope.path, span, tuple(one for one in uses if one != span))

    def scope(self, path: str, outer: _Scope | None = None) -> _Scope:
        made = _Scope(path, outer)
        self.scopes.append(made)
        return made

    def entries(self, data: Any, node: Extent | None) -> Iterator[tuple[str, Any, Extent, Span]]:
        """The entries of a mapping, with the place of each key."""
        if isinstance(data, dict) and node is not None and node.keys is not None:
            for key, value in data.items():
                if key in node.keys:
                    yield key, value, node.children[key], self.source.place(*node.keys[key])

    def use(self, scope: _Scope, name: str, span: Span, kinds: tuple[Kind, ...]) -> None:
        self.later.append((scope, name, span, kinds))

    # Classes.

    def of_class(self, scope: _Scope, data: Any, node: Extent) -> None:
        """A document or a block."""
        for key, value, at, span in self.entries(*_below(data, node, "params")):
            scope.define("parameter", key, span)
            default = _below(value, at, "default") if isinstance(value, dict) else (value, at)
            self.scalars(scope, *default, _NUMBERS)
        for key, value, at, span in self.entries(*_below(data, node, "let")):
            scope.define("computed", key, span)
            self.scalars(scope, value, at, _NUMBERS)
        for key, value, at, span in self.entries(*_below(data, node, "inputs")):
            scope.define("input", key, span)
            for shape in ("shape", "list"):
                self.sizes(scope, *(_below(value, at, shape) if isinstance(value, dict) else (value, at)))
        self.layers(scope, *_below(data, node, "layers"))
        self.scalars(scope, *_below(data, node, "outputs"), (*_VALUES, *_NUMBERS))
        self.scalars(scope, *_below(data, node, "order"), ("step",))
        for key, value, at, span in self.entries(*_below(data, node, "init")):
            self.use(scope, key, span, _CLASSES)
            self.scalars(scope, value, at, _NUMBERS)

    def sizes(self, scope: _Scope, data: Any, node: Extent | None) -> None:
        """A shape: it reads the names that are there, and the others are sizes from here on."""
        for name, span in self.words(data, node):
            if scope.find(name, _NUMBERS) is None:
                scope.define("size", name, span)
            self.use(scope, name, span, _NUMBERS)

    # Steps.

    def layers(self, scope: _Scope, data: Any, node: Extent | None) -> None:
        """A list of steps, or a mapping of names to steps."""
        for key, value, at, span in self.entries(data, node):
            for match in _BOUND.finditer(span.text[span.column - 1 : span.end_column - 1]):
                if match[0] in key:
                    place = self.at(span, *match.span())
                    scope.define("step", match[0], place)
            self.step(scope, key, value, at)
        if isinstance(data, list) and node is not None and isinstance(node.children, list):
            for number, (value, at) in enumerate(zip(data, node.children, strict=False)):
                self.step(scope, str(number), value, at)

    def at(self, span: Span, start: int, end: int) -> Span:
        """A piece of a span that is on one line."""
        column = span.column
        return Span(span.path, span.line, column + start, span.line, column + end, span.text)

    def step(self, scope: _Scope, name: str, data: Any, node: Extent) -> None:
        if isinstance(data, str):
            self.expression(scope, data, node)
        elif isinstance(data, list):
            self.layers(scope, data, node)
        if not isinstance(data, dict):
            return
        around, below = scope, f"{scope.path}.{name}".removeprefix(".")
        for key in ("for", "each"):
            if isinstance(data.get(key), str):
                scope = self.loop(around, data[key], _below(data, node, key)[1], below)
        for key, value, at, span in self.entries(data, node):
            if key == "layers":
                inside = self.scope(below, scope) if isinstance(value, dict) else scope
                self.layers(inside, value, at)
            elif key in MODIFIERS:
                self.modifier(scope, key, value, at, data)
            elif key in ("again", "layer"):
                self.scalars(scope, value, at, ("step",) if key == "again" else ("parameter",))
            else:
                self.use(scope, key, span, _CLASSES)
                self.arguments(scope, key, value, at)

    def loop(self, around: _Scope, text: str, node: Extent | None, below: str) -> _Scope:
        """What a loop binds, in a scope of its own; what it runs over is read around it."""
        scope = self.scope(below, around)
        words = self.words(text, node)
        limit = len(_BOUND.findall(text.partition(" in ")[0]))
        for number, (name, span) in enumerate(one for one in words if one[0] != "in"):
            if number < limit:
                scope.define("loop", name, span)
            else:
                self.use(around, name, span, (*_NUMBERS, *_VALUES))
        return scope

    def modifier(self, scope: _Scope, key: str, value: Any, node: Extent, data: Any) -> None:
        """What stands beside a layer."""
        if key == "from":
            block = next((self.blocks[one] for one in data if one in self.blocks), None)
            for name, _, _, span in self.entries(value, node) if block is not None else ():
                self.use(block or scope, name, span, ("input",))
            self.scalars(scope, value, node, (*_VALUES, *_NUMBERS))
        elif key == "shape":
            self.sizes(scope, value, node)
        elif key in ("when", "repeat", "init", "parametrize"):
            self.scalars(scope, value, node, _NUMBERS)
        elif key == "name" and isinstance(value, str):
            raw = self.source.text[node.start : node.end]
            for match in _BRACES.finditer(raw):
                for word in _WORD.finditer(match[1]):
                    start = node.start + match.start(1) + word.start()
                    self.use(scope, word[0], self.source.place(start, start + len(word[0])), _NUMBERS)

    def expression(self, scope: _Scope, text: str, node: Extent) -> None:
        """A step that is one text: a layer, a block or an expression."""
        kinds = _CLASSES if text[:1].isupper() and text.isidentifier() else (*_VALUES, *_NUMBERS)
        self.scalars(scope, text, node, kinds)

    def arguments(self, scope: _Scope, layer: str, data: Any, node: Extent) -> None:
        """What a layer or block is given: the parameters of a block are named here."""
        tensor = layer in ("Parameter", "Buffer")
        kinds = (*_VALUES, *_NUMBERS) if tensor else (*_NUMBERS, "step")
        if not isinstance(data, dict):
            self.scalars(scope, data, node, kinds)
            return
        for key, value, at, span in self.entries(data, node):
            if layer in self.blocks:
                self.use(self.blocks[layer], key, span, ("parameter",))
            if isinstance(data, Entries) and key in data.bare:
                self.use(scope, key, span, kinds)
            else:
                self.scalars(scope, value, at, kinds)

    # Texts.

    def scalars(self, scope: _Scope, data: Any, node: Extent | None, kinds: tuple[Kind, ...]) -> None:
        """The names that texts read, those in lists and mappings included."""
        for name, span in self.words(data, node):
            self.use(scope, name, span, kinds)

    def words(self, data: Any, node: Extent | None) -> Iterator[tuple[str, Span]]:
        """The names in texts, each with its place; those of functions that are called are left out."""
        if node is None:
            return
        if isinstance(data, str):
            raw = self.source.text[node.start : node.end]
            quote = raw[:1] if raw[:1] in ("'", '"') else ""
            inner = raw[1:-1] if quote else raw
            blanked = _QUOTED.sub(lambda match: " " * len(match[0]), inner)
            for match in _WORD.finditer(blanked):
                start = node.start + len(quote) + match.start()
                yield match[0], self.source.place(start, start + len(match[0]))
        elif isinstance(data, dict | list) and node.children is not None:
            pairs: Any = data.items() if isinstance(data, dict) else enumerate(data)
            for key, value in pairs:
                inside = key in node.children if isinstance(data, dict) else key < len(node.children)
                yield from self.words(value, node.children[key]) if inside else ()


def _below(data: Any, node: Extent | None, key: str) -> tuple[Any, Extent | None]:
    """The value of a key and where it stands; None and None where there is none."""
    if node is None or not isinstance(data, dict) or not isinstance(node.children, dict) or key not in node.children:
        return None, None
    return data.get(key), node.children[key]
