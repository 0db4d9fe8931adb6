"""Which lines of the spec, and of the source that is generated from it, each step of a drawing stands on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from archspec.emit.code import forward_of, generate
from archspec.graph import Class, Graph
from archspec.problems import Span
from archspec.views.diagram.model import Row

Lines = frozenset[int]


class SpecLines:
    """The extent of each step in the files of a spec: its own line, and those below that are indented further."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {path: text.split("\n") for path, text in files.items()}

    def of(self, span: Span) -> range:
        """The lines of a step, numbered from 1."""
        lines = self._files.get(span.path, [])
        end, indent = span.line, span.column - 1
        listed = "- " not in lines[end - 1][:indent] if end <= len(lines) else False
        for number in range(span.line + 1, len(lines) + 1):
            text = lines[number - 1].lstrip()
            depth = len(lines[number - 1]) - len(text)
            if text and depth <= indent and not (listed and depth == indent and text.startswith("- ")):
                break
            end = number if text and not text.startswith("#") else end
        return range(span.line, end + 1)


class SourceLines:
    """The source of a graph with symbols, and where in it the steps of a scene are made and run."""

    def __init__(self, graph: Graph, spec_text: str, rows: Iterable[Row]) -> None:
        self.text = generate(graph, spec_text)
        tree = ast.parse(self.text)
        found = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._classes = {cls.name: _ClassLines(cls, found[cls.name]) for cls in (*graph.blocks, graph.main)}
        for row in rows:
            if row.owner in self._classes:
                self._classes[row.owner].learn(row)

    def of(self, row: Row) -> Lines:
        """The lines of a step; none where its class is not in the source."""
        cls = self._classes.get(row.owner)
        return cls.of(row) if cls is not None else frozenset()


class _ClassLines:
    """The lines of one class."""

    def __init__(self, cls: Class, node: ast.ClassDef) -> None:
        methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
        self.head = frozenset({node.lineno})
        self.constructor = methods.get("__init__")
        self.forward = methods.get("forward")
        self.runs: dict[str, Lines] = {}
        self.places: dict[tuple[str, str], set[Span]] = {}  # of the steps of one type, within one module
        self.made = _assignments(self.constructor)
        first = self.forward.body[0].lineno if self.forward is not None else 0
        for step, place in zip(cls.steps, forward_of(cls).steps, strict=False):
            lines = frozenset(first + line for line in place)
            self.runs[step.name or step.target.text] = lines or _naming(self.forward, step.module)

    def learn(self, row: Row) -> None:
        """Where the spec has a step: the first of a type is the first in the source, too."""
        self.places.setdefault(self.key(row), set()).add(row.span)

    def key(self, row: Row) -> tuple[str, str]:
        return (row.step if row.step in self.made else "", row.type_name)

    def of(self, row: Row) -> Lines:
        if row.kind in ("input", "output"):
            return self.head
        made = self.made.get(row.step, [])
        everything = [self.constructor] if self.constructor is not None else []
        calls = _calls(made, row.type_name) or _calls(everything, row.type_name) if row.type_name else []
        places = sorted(self.places[self.key(row)], key=lambda span: (span.path, span.line, span.column))
        if len(calls) == len(places):
            calls = [calls[places.index(row.span)]]
        return self.runs.get(row.step, frozenset()) | _lines(calls or made)


def _assignments(constructor: ast.FunctionDef | None) -> dict[str, list[ast.stmt]]:
    """The statements that make each module, by its name: `self.name = …`."""
    found: dict[str, list[ast.stmt]] = {}
    for one in ast.walk(constructor) if constructor is not None else ():
        if isinstance(one, ast.Assign | ast.AnnAssign):
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Attribute) and _is_own(part, part.attr):
                        found.setdefault(part.attr, []).append(one)
    return found


def _is_own(node: ast.AST, name: str | None) -> bool:
    """Whether a node is `self.name`."""
    return isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.value, ast.Name)


def _calls(scope: Iterable[ast.AST], type_name: str) -> list[ast.Call]:
    """The constructor calls of a class, in order: `nn.Conv2d(…)`."""
    found = [node for one in scope for node in ast.walk(one) if isinstance(node, ast.Call)]
    return sorted((node for node in found if _constructs(node, type_name)), key=lambda n: (n.lineno, n.col_offset))


def _constructs(node: ast.Call, type_name: str) -> bool:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == type_name


def _naming(forward: ast.FunctionDef | None, module: str | None) -> Lines:
    """The lines of a forward method that run a module."""
    nodes = ast.walk(forward) if forward is not None and module is not None else ()
    return _lines(node for node in nodes if _is_own(node, module))


def _lines(nodes: Iterable[ast.AST]) -> Lines:
    return frozenset(_numbers(nodes))


def _numbers(nodes: Iterable[ast.AST]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, ast.expr | ast.stmt):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
