"""A document that has been read: its plain tree, and the place of every key and value in the text."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from archspec.problems import Span

GLUED = re.compile(r"(\w+):(?=[^\s:/,\]}])([^\s,\]}]+)")
"""A key and its value without a space between them."""
_REST = re.compile(r"[ \t]*[\r\n]")

Path = tuple[str | int, ...]
"""A place in the plain tree: keys of mappings and indices of lists."""

Place = tuple[int, int]
"""A piece of the text: offsets into it, the second exclusive."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The language's limits; raised only by the caller, never by a spec. `nodes` counts values, aliases expanded.

    `depth` is that of collections in one another, and of blocks that use blocks; after so many `problems` no more are
    looked for.
    """

    bytes: int = 2**20
    depth: int = 64
    nodes: int = 100_000
    layers: int = 10_000
    axes: int = 64
    problems: int = 100


LIMITS = Limits()


class Extent:
    """Where a value stands. `children` mirrors the value; `keys` is the place of each key of a mapping."""

    __slots__ = ("children", "end", "keys", "start")

    def __init__(self, start: int, end: int, children: Any = None, keys: dict[str, Place] | None = None) -> None:
        self.start, self.end, self.children, self.keys = start, end, children, keys


class Entries(dict[str, Any]):
    """A mapping in which nothing stands after some keys: their values are None, as those of a written `null` are."""

    __slots__ = ("bare",)

    def __init__(self, entries: dict[str, Any], bare: frozenset[str]) -> None:
        super().__init__(entries)
        self.bare = bare


class Source:
    """A document that has been read: its text, its plain tree, and where everything stands.

    `data` is made of dict, list, str, int, float, bool and None. What an alias stands for is the anchor's own object.
    """

    __slots__ = ("_lines", "_shown", "_starts", "data", "limits", "path", "root", "text")

    def __init__(self, path: str, text: str, limits: Limits = LIMITS) -> None:
        self.path, self.text, self.limits = path, text, limits
        self.data: Any = None
        self.root = Extent(0, 0)
        self._lines: list[str] = []
        self._starts: list[int] = []
        self._shown: dict[int, str] = {}  # lines without their ends

    def value(self, path: Path) -> Any:
        """The plain value at a place; None where there is none."""
        value: Any = self.data
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def span(self, path: Path, *, key: bool = False) -> Span:
        """The place of the value at `path`, or of the key that leads there; else of the deepest value on the way.

        The place of an alias is the alias; what is below it stands where the anchor is.
        """
        node, place = self.root, None
        for step in path:
            if isinstance(node.children, dict) and step in node.children and node.keys:
                place, node = node.keys[str(step)], node.children[step]
            elif isinstance(node.children, list) and isinstance(step, int) and 0 <= step < len(node.children):
                place, node = None, node.children[step]
            else:
                return self.place(node.start, node.end)
        return self.place(*place) if key and place else self.place(node.start, node.end)

    def entry(self, path: Path) -> Span:
        """The place of an entry of a mapping: its key, and its value."""
        *_, node = self._above(path)
        keys, name = node.keys or {}, str(path[-1])
        return self.place(keys[name][0], node.children[name].end)

    def offset(self, span: Span) -> int:
        """Where in the text a span of it begins."""
        self.place(0, 0)  # knows where each line begins
        return self._starts[span.line - 1] + span.column - 1

    def in_flow(self, path: Path) -> bool:
        """Whether a value stands within `{}` or `[]`, where commas and brackets end what is not quoted."""
        return any(self.text[node.start : node.start + 1] in ("{", "[") for node in self._above(path))

    def _above(self, path: Path) -> Iterator[Extent]:
        """The collections that lead to a value, from the outermost on."""
        node = self.root
        for step in path:
            yield node
            below = node.children
            inside = step in below if isinstance(below, dict) else below and isinstance(step, int) and step < len(below)
            if not inside:
                return
            node = below[step]

    def without(self, path: Path) -> Span | None:
        """What to cut out so that the entry of a mapping is gone, and nothing else: no comment, no other entry."""
        *_, node = self._above(path)
        keys, name = node.keys or {}, path[-1]
        if name not in keys:
            return None
        names, (start, end) = list(keys), (keys[str(name)][0], node.children[name].end)
        at = names.index(str(name))
        if self.text[node.start] != "{":
            line = max(self.text.rfind("\n", 0, start), self.text.rfind("\r", 0, start)) + 1
            alone = len(names) > 1 and self.text[line:start].isspace() and _REST.match(self.text, end)
            span = self.place(line, end)
            return replace(span, end_line=span.end_line + 1, end_column=1) if alone else None
        if at + 1 < len(names):
            end = keys[names[at + 1]][0]
        elif at:
            start = node.children[names[at - 1]].end
        return None if "#" in self.text[start:end] else self.place(start, end)

    def place(self, start: int, end: int) -> Span:
        """The span of `text[start:end]`, as far as it lies in the text: what is missing at the end has no width."""
        start, end = min(start, len(self.text)), min(end, len(self.text))
        if not self._lines:
            # Lines end as YAML and editors agree: \n, \r\n or \r. str.splitlines would know seven breaks more.
            self._lines = list(io.StringIO(self.text, newline=""))
            if not self._lines or self._lines[-1][-1] in "\r\n":
                self._lines.append("")
            self._starts = list(accumulate(map(len, self._lines[:-1]), initial=0))
        line = bisect_right(self._starts, start)
        last = bisect_right(self._starts, max(start, end - 1))  # an end after a line break is still on that line
        if self._lines[line - 1][-1:] in ("\r", "\n"):
            shown = self._shown.get(line)
            if shown is None:  # once: a long line may hold thousands of places
                shown = self._shown[line] = self._lines[line - 1].rstrip("\r\n")
        else:
            shown = self._lines[line - 1]
        columns = start - self._starts[line - 1] + 1, max(start, end) - self._starts[last - 1] + 1
        return Span(self.path, line, columns[0], last, columns[1], shown)
