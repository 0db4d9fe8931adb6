"""Blocks from other files: `imports: {Bottleneck: ./resnet_blocks.yaml}`, below the project's root, without cycles.

Gives one document that holds every block it uses, and the place of each in its own file. Reads files, and only those
that a spec names by a relative path below the root; knows nothing of what a block means.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any, NoReturn

from archspec import source
from archspec.characters import is_visible
from archspec.document.model import Block, Document, Library, StepEntry
from archspec.document.reading import read_library
from archspec.problems import Problem, Related, Span, SpecError, did_you_mean, echo
from archspec.source import Entries, Limits, Path, Source

_MOST_FILES = 64
_ROOT_MARKS = ("pyproject.toml", ".git")


class Files:
    """Where a spec and the files that it imports come from: the disk. Paths are absolute."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(path)

    def read(self, path: str, limits: Limits) -> str:
        """Its text; SpecError where it has none."""
        return source.read(path, limits)


class Texts(Files):
    """Files whose texts are known."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def exists(self, path: str) -> bool:
        return path in self.texts or super().exists(path)

    def read(self, path: str, limits: Limits) -> str:
        return self.texts[path] if path in self.texts else super().read(path, limits)


class Sources:
    """The texts of a spec: its own, and those of the files that its blocks come from. Stands in for one Source."""

    def __init__(self, main: Source) -> None:
        self.main = main
        self.path = main.path
        self.limits = main.limits
        self.texts: dict[str, str] = {}
        self._blocks: dict[str, tuple[Source, Path]] = {}
        self._spans: dict[tuple[Path, bool], Span] = {}  # steps of a loop or block are asked for again and again

    @property
    def text(self) -> str:
        """Everything that the spec was read from."""
        return "".join(self.files.values())

    @property
    def files(self) -> dict[str, str]:
        """Each text by its path, the spec's own first."""
        return {self.main.path: self.main.text, **{path: self.texts[path] for path in sorted(self.texts)}}

    def place(self, name: str, origin: Source, below: Path) -> None:
        """Says where a block stands."""
        self._blocks[name] = origin, below
        self._spans.clear()

    def span(self, path: Path, *, key: bool = False) -> Span:
        """The span of a place, in the file that it is of."""
        known = self._spans.get((path, key))
        if known is None:
            origin, inside = self._find(path)
            known = self._spans[path, key] = origin.span(inside, key=key or _is_own_name(origin, inside))
        return known

    def value(self, path: Path) -> Any:
        """The plain value at a place."""
        origin, inside = self._find(path)
        return origin.value(inside)

    def in_flow(self, path: Path) -> bool:
        """Whether a value stands within `{}` or `[]`."""
        origin, inside = self._find(path)
        return origin.in_flow(inside)

    def entry(self, path: Path) -> Span:
        """The place of an entry of a mapping: its key, and its value."""
        origin, inside = self._find(path)
        return origin.entry(inside)

    def without(self, path: Path) -> Span | None:
        """What to cut out so that the entry of a mapping is gone."""
        origin, inside = self._find(path)
        return origin.without(inside)

    def _find(self, path: Path) -> tuple[Source, Path]:
        if len(path) >= 2 and path[0] == "blocks" and path[1] in self._blocks:
            origin, below = self._blocks[str(path[1])]
            return origin, (*below, *path[2:])
        return self.main, path


def _is_own_name(origin: Source, path: Path) -> bool:
    """Whether a value is an argument with nothing after it, whose place is its key."""
    if len(path) < 3 or path[-3] == "blocks":
        return False
    above, name = path[-2:]
    is_type = isinstance(above, str) and (above[:1].isupper() or "." in above)
    around = origin.value(path[:-1]) if is_type else None
    return isinstance(around, Entries) and name in around.bare


def gather(main: Source, spec: Document, files: Files) -> tuple[Sources, Document]:
    """The document with the blocks that it imports, and where everything stands; SpecError for what cannot be had."""
    sources = Sources(main)
    if not spec.imports:
        return sources, spec
    reader = _ImportReader(sources, files, _root(main, files))
    blocks = dict(spec.blocks)
    reader.add(main, spec, blocks, (os.path.realpath(main.path),))
    return sources, spec.model_copy(update={"blocks": blocks})


def _root(main: Source, files: Files) -> File:
    """The folder that imports stay below: the nearest one above the spec that holds a project, else the spec's own."""
    if main.path.startswith("<") or not files.exists(os.path.realpath(main.path)):
        at = main.span(("imports",), key=True)
        raise SpecError(
            [Problem("AS107", "a spec that is read from text has no folder to import from", at, "read it from a file")]
        )
    folder = File(os.path.realpath(main.path)).parent
    marked = (one for one in (folder, *folder.parents) if any((one / mark).exists() for mark in _ROOT_MARKS))
    return next(marked, folder)


class _ImportReader:
    """Reads files for one spec."""

    def __init__(self, sources: Sources, files: Files, root: File) -> None:
        self.sources = sources
        self.files = files
        self.root = root
        self.read: dict[str, tuple[Source, Document | Library]] = {}

    def add(self, origin: Source, spec: Document | Library, blocks: dict[str, Block], chain: tuple[str, ...]) -> None:
        """Adds the blocks that a file imports, with those that they use in turn."""
        for name, path in spec.imports.items():
            at = origin.span(("imports", name))
            file = self.resolve(path, origin, at)
            if file in chain:
                message = f"{echo(path)} imports itself, directly or through other files"
                self.refuse(at, "AS206", message, "imports must not form a cycle")
            found, library = self.library(file, path, origin.limits, at)
            below: Path = ("blocks", name)
            block = library.blocks.get(name)
            if block is None and isinstance(library, Document) and library.name == name:
                block, below = library, ()
            if block is None:
                hint = did_you_mean(name, list(library.blocks), "its blocks")
                self.refuse(at, "AS303", f"{echo(path)} has no block {echo(name)}", hint)
            self.insert(name, block, found, below, blocks, at)
            self.with_its_own(block, found, library, blocks, at)
            self.add(found, library, blocks, (*chain, file))

    def with_its_own(
        self, block: Block, origin: Source, library: Document | Library, blocks: dict[str, Block], at: Span
    ) -> None:
        """Adds the blocks of its own file that a block uses."""
        for name in used_types(block):
            other = library.blocks.get(name)
            if other is not None and blocks.get(name) is not other:
                self.insert(name, other, origin, ("blocks", name), blocks, at)
                self.with_its_own(other, origin, library, blocks, at)

    def insert(self, name: str, block: Block, origin: Source, below: Path, blocks: dict[str, Block], at: Span) -> None:
        if name in blocks and blocks[name] is not block:
            related = (Related("the other one", self.sources.span(("blocks", name), key=True)),)
            advice = "rename one of them: a name must mean one block"
            raise SpecError([Problem("AS205", f"{echo(name)} is the name of two blocks", at, advice, related=related)])
        blocks[name] = block
        self.sources.place(name, origin, below)

    def library(self, file: str, shown: str, limits: Limits, at: Span) -> tuple[Source, Document | Library]:
        """The file, read once."""
        if file not in self.read:
            if len(self.read) >= _MOST_FILES:
                self.refuse(at, "AS102", f"more than {_MOST_FILES} files are imported", "put blocks together")
            name = os.path.relpath(file)
            found = source.parse(self.files.read(file, limits), name, limits)
            self.sources.texts[file] = found.text
            self.read[file] = found, read_library(found)
        return self.read[file]

    def resolve(self, path: str, origin: Source, at: Span) -> str:
        """The file that an import names: relative to the importing one, and below the root, links followed."""
        if os.path.isabs(path) or not path.endswith((".yaml", ".yml")) or not is_visible(path):
            self.refuse(at, "AS107", f"{echo(path)} is not a file to import", "write it like `./resnet_blocks.yaml`")
        file = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(origin.path)), path))
        if not File(file).is_relative_to(self.root):
            advice = "imports must lie below the project's root, the folder of its pyproject.toml"
            self.refuse(at, "AS107", f"{echo(path)} is outside of the project", advice)
        if not self.files.exists(file):
            self.refuse(at, "AS107", f"there is no file {echo(path)}", "paths are relative to the importing file")
        return file

    def refuse(self, at: Span, code: str, message: str, help: str) -> NoReturn:
        raise SpecError([Problem(code, message, at, help)])


def used_types(block: Block) -> Iterator[str]:
    """The types of all steps in a block."""
    steps = block.layers.values() if isinstance(block.layers, dict) else block.layers
    for step in steps:
        yield from _types(step)


def _types(step: StepEntry) -> Iterator[str]:
    if step.type is not None:
        yield step.type
    for below in (step.layers, step.nested):
        for inner in (below.values() if isinstance(below, dict) else below) or ():
            yield from _types(inner)
