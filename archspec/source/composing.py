"""Text -> a plain tree with places, within the language's limits, or all that is wrong with it.

YAML 1.2's core schema over PyYAML's event stream. Events are composed and resolved here and read one by one, because
libyaml's own composer overruns the stack on deep nesting, and PyYAML's resolver knows YAML 1.1 only. This is the only
module that imports yaml.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

from archspec.problems import Advice, Edit, Problem, Related, SpecError, echo
from archspec.source.hints import (
    DASHED,
    ESCAPES,
    FLATTER,
    NO_CHARACTER,
    NO_DASH,
    OWN,
    SHORTER,
    WHOLE,
    Told,
    cause,
    glued,
    meant,
    more_dashes,
    slip,
    tuple_of,
    undashed,
)
from archspec.source.reading import too_large
from archspec.source.scalars import resolve
from archspec.source.tree import GLUED, LIMITS, Entries, Extent, Limits, Place, Source

_PYTHON_EVENTS: Any = yaml.BaseLoader
_EVENTS: Any = getattr(yaml, "CBaseLoader", _PYTHON_EVENTS)  # only its events are used; the second without libyaml

# What no line of a spec may hold: what YAML leaves out, and the characters that are a line break for libyaml (YAML 1.1)
# but not for YAML 1.2 nor for an editor: a comment would end there, and what follows would be read.
_REFUSED = r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_REFUSED_ASCII = r"[^\t\n\r\x20-\x7e]"  # the same for most texts: the other costs 4 ms to compile
# A directive other than `%YAML 1.2` before the document; libyaml takes seconds over thousands of %TAG.
_DIRECTIVE = re.compile(r"(?:(?:%YAML[ \t]+1\.2(?=\s))?[ \t]*(?:#[^\r\n]*)?[\r\n])*+%[^\r\n]*")
_BLANK = re.compile(r"(?:\s|#[^\r\n]*)*+")
_ANCHOR = re.compile(r"&\S+(?:\s+(?:#[^\r\n]*)?)*+")


def parse(text: str, path: str = "<text>", limits: Limits = LIMITS) -> Source:
    """The document of a text, or a SpecError with all its problems; an empty document is None."""
    source, problems = parse_beside(text, path, limits)
    if problems:
        raise SpecError(problems)
    return source


def parse_beside(text: str, path: str, limits: Limits = LIMITS) -> tuple[Source, list[Problem]]:
    """The document of a text without the entries that are wrong, and its problems; SpecError where there is no tree."""
    source = Source(path, text.removeprefix("\ufeff"), limits)
    if len(text) > limits.bytes or len(text.encode(errors="surrogatepass")) > limits.bytes:
        raise too_large(limits, path)
    composer = _Composer(source)
    if found := re.search(_REFUSED_ASCII if source.text.isascii() else _REFUSED, source.text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in the text"
        composer.stop("AS101", message, found.span(), "remove it; within double quotes write it as an escape")
    if found := _DIRECTIVE.match(source.text):
        start = max(found[0].rfind("\n"), found[0].rfind("\r")) + 1
        composer.stop("AS104", "a YAML directive", (start, found.end()), "remove this line")
    try:
        composer.compose(_EVENTS(source.text))
    except _LibraryLimitError:
        composer = _Composer(source)
        composer.compose(_PYTHON_EVENTS(source.text))
    return source, composer.problems


class _LibraryLimitError(Exception):
    """libyaml from 0.2.6 on stops at 1,000 levels, and may look ahead to them before it gives the event of level 65."""


class _OpenCollection:
    """A collection that is still open: its value, its node, and the key whose value comes next."""

    __slots__ = ("anchor", "awaits_key", "bare", "before", "data", "flow", "height", "key", "node", "parens")

    def __init__(self, data: Any, node: Extent, flow: bool, anchor: str | None, before: int) -> None:
        self.data, self.node, self.flow, self.anchor, self.before = data, node, flow, anchor, before
        self.key: str | None = None  # None where the key was refused: the value is read and dropped
        self.awaits_key = node.keys is not None
        self.bare: set[str] = set()  # keys with nothing after them
        self.height = 1
        self.parens = 0  # parentheses that plain scalars of this flow collection have left open


class _Composer:
    """Builds the tree of one source from events, with a stack of its own: nothing here recurses."""

    def __init__(self, source: Source) -> None:
        self.source, self.text, self.limits = source, source.text, source.limits
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, Extent, int, int] | None] = {}  # value, node, size, height; None while open
        self.count = 0
        self.last: Place = (0, 0)  # of the last event, and what it was: "plain", "closed" (by quote or bracket) or ""
        self.after = ""
        self.dashes: set[int] = set()  # where items without a space behind their dashes have been told
        self.broken = False  # whether the last scalar is a piece of an expression that YAML has split
        self.stack = [_OpenCollection([], Extent(0, 0, []), False, None, 0)]  # the document is the one item of a list

    def report(
        self,
        code: str,
        message: str,
        place: Place,
        hint: str = "",
        related: tuple[Related, ...] = (),
        edits: tuple[Edit, ...] = (),
    ) -> None:
        span = self.source.place(*place)
        if isinstance(hint, Advice):
            edits = (Edit(span, hint.new),)
        self.problems.append(Problem(code, message, span, str(hint), related=related, edits=edits))
        if len(self.problems) >= self.limits.problems:
            raise SpecError(self.problems)

    def stop(self, code: str, message: str, place: Place, hint: str) -> NoReturn:
        self.report(code, message, place, hint)
        raise SpecError(self.problems)

    def compose(self, parser: Any) -> None:
        while (kind := (event := self.next(parser)).__class__) is not yaml.StreamEndEvent:
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self.open(event, kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.close(event)
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentEndEvent:
                self.finish(event)
                break
        if root := self.stack[0].data:
            self.source.data, self.source.root = root[0], self.stack[0].node.children[0]

    def next(self, parser: Any) -> Any:
        try:
            return parser.get_event()
        except yaml.MarkedYAMLError as error:
            if "nesting depth" in (error.problem or ""):
                raise _LibraryLimitError from None
            opened, mark = error.context_mark, error.problem_mark
            self.syntax(error.problem or "", mark.index if mark else self.last[1], opened.index if opened else None)
        except (yaml.YAMLError, ValueError, OverflowError):  # without libyaml, "\UFFFFFFFF" is chr()'s ValueError
            self.stop("AS101", NO_CHARACTER, (self.last[1], self.last[1]), ESCAPES)

    def finish(self, event: Any) -> None:
        """The end of the document. The parser is asked no more: it would first read the next one's directives."""
        blank = _BLANK.match(self.text, event.end_mark.index)
        rest = blank.end() if blank else 0
        if rest < len(self.text):
            if event.explicit or self.text.startswith(("---", "%"), rest):
                self.stop("AS104", "a second document", (rest, rest + 1), "a spec is one document: remove the rest")
            self.stop("AS101", "text after the end of the value", (rest, rest + 1), WHOLE)

    def begin(self, event: Any) -> int:
        start: int = event.start_mark.index
        behind = _ANCHOR.match(self.text, start) if event.anchor else None
        return min(behind.end(), event.end_mark.index) if behind else start

    def place(self, event: Any) -> Place:
        """Where a scalar stands, without its anchor and without white space; an empty one ends what is before it."""
        start, end, text = self.begin(event), event.end_mark.index, self.text
        empty = start == end
        while end and (empty or end > start) and text[end - 1] in " \t\r\n":
            end -= 1
        return (end if empty else start), end

    def admit(self, place: Place, nodes: int = 1, levels: int = 0) -> None:
        """Counts a value against the limits; what an alias stands for counts each time, in number and in depth."""
        self.count += nodes
        if self.count > self.limits.nodes:
            self.stop("AS102", f"more than {self.limits.nodes} values, including those of aliases", place, SHORTER)
        if len(self.stack) - 1 + levels > self.limits.depth:
            self.stop("AS102", f"nested more than {self.limits.depth} levels deep", place, FLATTER)

    def tag(self, event: Any, place: Place) -> None:
        self.report("AS104", f"the tag {echo(event.tag)}", place, "remove it: types follow from the text")

    def scalar(self, event: Any) -> None:
        frame, value = self.stack[-1], event.value
        self.last = place = self.place(event)
        plain = not event.style
        self.after = "plain" if plain and value else "closed" if event.style in ("'", '"') else ""
        self.broken = frame.flow and plain and self.split(frame, value, place)
        result = resolve(value) if plain and not self.broken else value
        if event.tag is not None:
            self.tag(event, place)
        if not value.isascii() and value.encode(errors="ignore").decode() != value:
            self.report("AS101", NO_CHARACTER, place, ESCAPES)  # a lone surrogate, which libyaml refuses itself
        if not frame.awaits_key:
            self.admit(place)
            if isinstance(result, tuple):
                code, message, hint = result
                self.report(code, message, place, hint)
        if plain and frame.node.keys is None and not frame.flow and event.end_mark.line > event.start_mark.line:
            self.run_on(frame, place)
        node = Extent(*place)
        if event.anchor:
            self.anchors[event.anchor] = result, node, 1, 0
        self.add(result, node, plain)

    def open(self, event: Any, mapping: bool) -> None:
        self.last = place = event.start_mark.index, event.end_mark.index
        self.after, self.broken = "", False
        if event.tag is not None:
            self.tag(event, place)
        self.admit(place, levels=1)
        if event.anchor:
            self.anchors[event.anchor] = None
        start = self.begin(event)
        node = Extent(start, start + 1, {} if mapping else [], {} if mapping else None)
        self.stack.append(
            _OpenCollection({} if mapping else [], node, bool(event.flow_style), event.anchor, self.count - 1)
        )

    def close(self, event: Any) -> None:
        frame, start, end = self.stack.pop(), event.start_mark.index, event.end_mark.index
        self.after, self.broken = "", False
        if end > start:  # a bracket; what has none ends with its last item
            self.last, self.after, frame.node.end = (start, end), "closed", end
        if frame.bare:
            frame.data = Entries(frame.data, frozenset(frame.bare))
        if frame.anchor:
            self.anchors[frame.anchor] = frame.data, frame.node, self.count - frame.before, frame.height
        self.add(frame.data, frame.node, height=frame.height)

    def alias(self, event: Any) -> None:
        self.last = place = event.start_mark.index, event.end_mark.index
        self.after, self.broken = "", False
        if event.anchor not in self.anchors:
            message = f"there is no anchor {echo('&' + event.anchor)} above this alias"
            self.report("AS101", message, place, OWN.format("`*`"))
        elif self.anchors[event.anchor] is None:
            self.report("AS104", "an alias within its own anchor: the value would never end", place)
        value, node, size, height = self.anchors.get(event.anchor) or (None, Extent(*place), 1, 0)
        self.admit(place, size, height)
        self.add(value, Extent(*place, node.children, node.keys), height=height)

    def add(self, value: Any, node: Extent, plain: bool = False, height: int = 0) -> None:
        frame = self.stack[-1]
        frame.node.end = node.end
        if height >= frame.height:
            frame.height = height + 1
        if frame.node.keys is None:
            frame.data.append(value)
            frame.node.children.append(node)
        elif frame.awaits_key:
            frame.key, frame.awaits_key = self.key(frame, value, node, plain), False
        else:
            if frame.key is not None:
                frame.data[frame.key], frame.node.children[frame.key] = value, node
                if value is None and node.start == node.end:
                    frame.bare.add(frame.key)
            frame.awaits_key = True

    def key(self, frame: _OpenCollection, value: Any, node: Extent, plain: bool) -> str | None:
        """The key, or None where it is refused: its value is then read for its own problems, and dropped."""
        place, keys = (node.start, node.end), frame.node.keys
        assert keys is not None
        if self.broken or frame.parens:
            return None  # a piece of what `split` has reported
        if node.children is not None:
            self.report("AS104", "a list or mapping as a key", place, "quote it, if the bracket belongs to a name")
        elif not isinstance(value, str):
            text = self.text[slice(*place)][:40]
            message, hint = f"keys are strings, {echo(text)} is none", f'quote it: "{text}"'
            if isinstance(value, int):
                hint = "write a name; or a list, which counts by itself: `- …`"
            elif not text:
                message, hint = "a key without a name", "write `key: value`"
            self.report("AS104", message, place, hint)
        elif plain and value == "<<":
            self.report("AS104", "a merge key", place, "write the keys out")
        elif value in keys:
            related = Related("first used here", self.source.place(*keys[value]))
            message = f"the key {echo(value)} occurs twice in this mapping"
            self.report("AS103", message, place, "keep one of them, or rename one", (related,))
        elif plain and (match := GLUED.match(self.text, *place)):
            self.report("AS101", *glued(match))
        elif plain and (match := DASHED.match(self.text, *place)):
            self.undashed(undashed(match))
        else:
            keys[value] = place
            return value
        return None

    def split(self, frame: _OpenCollection, value: str, place: Place) -> bool:
        """Whether a plain scalar of a flow collection is a piece of an expression that its commas have split."""
        before = frame.parens
        frame.parens = max(0, before + value.count("(") - value.count(")"))
        if frame.parens and not before:
            self.pieces(place)
        return before > 0 or frame.parens > 0

    def undashed(self, told: Told) -> None:
        """Items without a space behind their dashes: one slip, as often as it is made in one list."""
        message, place, advice = told
        if place[0] in self.dashes:
            return
        others = more_dashes(self.text, place[0])
        self.dashes |= {place[0], *others}
        edits = tuple(Edit(self.source.place(at, at + 1), "- ") for at in (place[0], *others))
        self.report("AS101", message, place, str(advice), edits=edits if isinstance(advice, Advice) else ())

    def run_on(self, frame: _OpenCollection, place: Place) -> None:
        """An item of a list that goes on with a line that was to be an item of its own."""
        column = self.source.place(frame.node.start, frame.node.start).column
        for line in re.finditer(r"[\r\n]([ \t]*)(?=-)", self.text[slice(*place)]):
            if match := DASHED.match(self.text, place[0] + line.end()):
                message, at, advice = undashed(match)
                whole = self.source.place(place[0] + line.start(1), match.end())
                edit = Edit(whole, " " * (column - 1) + f"- {match[0][1:]}")
                self.report("AS101", message, at, str(advice), edits=(edit,))

    def pieces(self, place: Place) -> None:
        piece, whole = echo(self.text[slice(*place)], 40), meant(self.text, place[0])
        if tuple_of(whole):
            span = self.source.place(place[0], place[0] + len(whole))
            listed = f"[{whole[1:-1]}]"
            edit = Edit(span, listed)
            self.report("AS101", "a list in parentheses", place, f"write it in brackets: `{listed}`", edits=(edit,))
            return
        quote = "'" if '"' in whole else '"'
        message = f"within {{}} and [] YAML splits at commas and brackets: it reads {piece} as the whole value"
        hint = f"quote it: {quote}{whole}{quote}" if whole else "quote the whole value"
        edits: tuple[Edit, ...] = ()
        if whole and quote not in whole and "\\" not in whole:
            edits = (Edit(self.source.place(place[0], place[0] + len(whole)), f"{quote}{whole}{quote}"),)
        self.report("AS101", message, place, f"{hint}, or use block style", edits=edits)

    def syntax(self, problem: str, at: int, opened: int | None) -> NoReturn:
        """Stops at what the parser calls `problem`, in the words of what a person did."""
        frame = self.stack[-1]
        if not frame.parens:
            if not (frame.flow and self.after == "plain" and self.text[at : at + 1] in ("[", "{")):
                begun = self.last[0] if opened is None else opened
                if any(one.code == "AS101" for one in self.problems):
                    raise SpecError(self.problems)  # it follows from that
                brackets = [
                    one.node.start for one in self.stack if self.text[one.node.start : one.node.start + 1] in ("[", "{")
                ]
                found = slip(self.text, (*brackets, self.last[0])[0], at, brackets)
                if found and found[0] == NO_DASH:
                    self.undashed(found)
                    raise SpecError(self.problems)
                self.stop("AS101", *(found or cause(self.text, problem, at, begun, self.last, self.after)))
            self.pieces(self.last)
        raise SpecError(self.problems)
