"""Which lines of the spec, and of the source that is generated from it, each step of a drawing stands on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

from archspec.emit.code import forward_of, generate
from archspec.emit.remarks import Remarks
from archspec.graph import Class, Graph
from archspec.problems import Span
from archspec.views.diagram.model import DrawnStep

Lines = frozenset[int]
_Key = tuple[str, str]


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

    def __init__(self, graph: Graph, spec_text: str, rows: Iterable[DrawnStep]) -> None:
        self.text = generate(graph, spec_text)
        tree = ast.parse(self.text)
        found = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        remarks = Remarks(graph.files)
        self._classes = {cls.name: _ClassLines(cls, remarks, found[cls.name]) for cls in (*graph.blocks, graph.main)}
        for row in rows:
            if row.owner in self._classes:
                self._classes[row.owner].learn(row)

    def of(self, row: DrawnStep) -> Lines:
        """The lines of a step; none where its class is not in the source."""
        cls = self._classes.get(row.owner)
        return cls.of(row) if cls is not None else frozenset()


_MOST_CALLS = 16
"""Of how many calls a step is told all, where it is not known which one of them makes it."""


class _ClassLines:
    """The lines of one class."""

    def __init__(self, cls: Class, remarks: Remarks, node: ast.ClassDef) -> None:
        methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
        self.head = frozenset({node.lineno})
        constructor, forward = methods.get("__init__"), methods.get("forward")
        self.runs: dict[str, Lines] = {}
        self._steps: list[tuple[Span, Lines]] = []
        self.places: dict[_Key, set[Span]] = {}  # of the steps of one type, within one module
        self.made = _assignments(constructor)
        self._statements: dict[str, Sequence[ast.AST]] = {"": [constructor] if constructor is not None else []}
        self._statements |= self.made
        self._calls: dict[str, dict[str, list[ast.Call]]] = {}
        self._order: dict[_Key, dict[Span, int]] = {}
        written, naming = forward_of(cls, remarks), _naming(forward)
        first = forward.body[0].lineno - written.first if forward is not None else 0
        for step, place in zip(cls.steps, written.steps, strict=False):
            lines = frozenset(first + line for line in place)
            lines = lines or _lines(naming.get(step.attribute.partition(".")[0], ()))
            self.runs[step.name or step.target.text] = lines
            self._steps.append((step.span, lines))

    def learn(self, row: DrawnStep) -> None:
        """Where the spec has a step: the first of a type is the first in the source, too."""
        self.places.setdefault(self.key(row), set()).add(row.span)

    def key(self, row: DrawnStep) -> _Key:
        return (row.step if row.step in self.made else "", row.type_name)

    def of(self, row: DrawnStep) -> Lines:
        if row.kind in ("input", "output"):
            return self.head
        key, made = self.key(row), self.made.get(row.step, [])
        calls = self.calls(key[0], row.type_name) or self.calls("", row.type_name)
        if key not in self._order:
            places = sorted(self.places[key], key=lambda span: (span.path, span.line, span.column))
            self._order[key] = {span: number for number, span in enumerate(places)}
        if len(calls) == len(self._order[key]):
            calls = [calls[self._order[key][row.span]]]
        elif len(calls) > _MOST_CALLS:
            calls = []
        return self.runs.get(row.step, frozenset()) | _lines(calls or made) or self._around(row.span)

    def _around(self, span: Span) -> Lines:
        """The lines of the loop that a step of one of its rounds stands in; those of the class where it is a list."""
        above = [(one.line, lines) for one, lines in self._steps if one.path == span.path and one.line <= span.line]
        return max(above, key=lambda one: one[0])[1] if above else self.head

    def calls(self, module: str, type_name: str) -> list[ast.Call]:
        """Where a module's statements, or the whole constructor, make a class, in order: `nn.Conv2d(…)`."""
        if module not in self._calls:
            self._calls[module] = _calls(self._statements[module])
        return self._calls[module].get(type_name, []) if type_name else []


def _assignments(constructor: ast.FunctionDef | None) -> dict[str, list[ast.stmt]]:
    """The statements that make each module or buffer, by its name: `self.fc = …`, `self.register_buffer("mask", …)`."""
    found: dict[str, list[ast.stmt]] = {}
    for one in ast.walk(constructor) if constructor is not None else ():
        match one:
            case ast.Expr(ast.Call(ast.Attribute(attr="register_buffer"), [ast.Constant(str(name)), *_])):
                found.setdefault(name, []).append(one)
        if isinstance(one, ast.Assign | ast.AnnAssign):
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Attribute) and _is_own(part, part.attr):
                        found.setdefault(part.attr, []).append(one)
    return found


def _is_own(node: ast.AST, name: str | None) -> bool:
    """Whether a node is `self.name`."""
    return isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.value, ast.Name)


def _calls(scope: Iterable[ast.AST]) -> dict[str, list[ast.Call]]:
    """The calls in some statements, in order, by the name of what is called."""
    found: dict[str, list[ast.Call]] = {}
    for node in (node for one in scope for node in ast.walk(one)):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            found.setdefault(name, []).append(node)
    return {name: sorted(calls, key=lambda call: (call.lineno, call.col_offset)) for name, calls in found.items()}


def _naming(forward: ast.FunctionDef | None) -> dict[str, list[ast.AST]]:
    """Where a forward method names each module."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(forward) if forward is not None else ():
        if isinstance(node, ast.Attribute) and _is_own(node, node.attr):
            found.setdefault(node.attr, []).append(node)
    return found


def _lines(nodes: Iterable[ast.AST]) -> Lines:
    return frozenset(_numbers(nodes))


def _numbers(nodes: Iterable[ast.AST]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, ast.expr | ast.stmt):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
