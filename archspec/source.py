"""YAML text -> a plain tree and the place of every key and value in it, within the language's limits.

YAML 1.2's core schema over PyYAML's event stream. Events are composed and resolved here and read one by one, because
libyaml's own composer overruns the stack on deep nesting, and PyYAML's resolver knows YAML 1.1 only. This is the only
module that imports yaml. Knows nothing of specs, keys, layers or expressions: any YAML document is as good as another.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, NoReturn

import yaml

from archspec.problems import Problem, Related, Span, SpecError, echo

__all__ = ["LIMITS", "Limits", "Path", "Source", "parse", "read", "read_stream"]

Path = tuple[str | int, ...]
"""A place in the plain tree: keys of mappings and indices of lists."""

_Place = tuple[int, int]  # offsets into the text, the second exclusive
_Refusal = tuple[str, str, str]  # code, message, help; no plain value is a tuple

_EVENTS: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # only its events are used; the second without libyaml
_MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Limits:
    """The language's limits; raised only by the caller, never by a spec. `nodes` counts values, aliases expanded."""

    bytes: int = 2**20
    depth: int = 64
    nodes: int = 100_000
    layers: int = 10_000
    expression: int = 200


LIMITS = Limits()


class _Node:
    """Where a value stands. `children` mirrors the value; `keys` is the place of each key of a mapping."""

    __slots__ = ("children", "end", "keys", "start")

    def __init__(self, start: int, end: int, children: Any = None, keys: dict[str, _Place] | None = None) -> None:
        self.start, self.end, self.children, self.keys = start, end, children, keys


class Source:
    """A document that has been read: its text, its plain tree, and where everything stands.

    `data` is made of dict, list, str, int, float, bool and None. What an alias stands for is the anchor's own object.
    """

    __slots__ = ("_lines", "_root", "_starts", "data", "limits", "path", "text")

    def __init__(self, path: str, text: str, limits: Limits = LIMITS) -> None:
        self.path, self.text, self.limits = path, text, limits
        self.data: Any = None
        self._root = _Node(0, 0)
        self._lines: list[str] = []
        self._starts: list[int] = []

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
        node, place = self._root, None
        for step in path:
            if isinstance(node.children, dict) and step in node.children and node.keys:
                place, node = node.keys[str(step)], node.children[step]
            elif isinstance(node.children, list) and isinstance(step, int) and 0 <= step < len(node.children):
                place, node = None, node.children[step]
            else:
                return self.place(node.start, node.end)
        return self.place(*place) if key and place else self.place(node.start, node.end)

    def place(self, start: int, end: int) -> Span:
        """The span of `text[start:end]`."""
        if not self._lines:
            # Lines end as YAML and editors agree: \n, \r\n or \r. str.splitlines would know seven breaks more.
            self._lines = list(io.StringIO(self.text, newline=""))
            if not self._lines or self._lines[-1][-1] in "\r\n":
                self._lines.append("")
            self._starts = list(accumulate(map(len, self._lines[:-1]), initial=0))
        line = bisect_right(self._starts, start)
        last = bisect_right(self._starts, max(start, end - 1))  # an end after a line break is still on that line
        first = self._lines[line - 1]
        text = first.rstrip("\r\n") if first[-1:] in ("\r", "\n") else first
        columns = start - self._starts[line - 1] + 1, max(start, end) - self._starts[last - 1] + 1
        return Span(self.path, line, columns[0], last, columns[1], text)


def read(path: str | os.PathLike[str], limits: Limits = LIMITS) -> str:
    """The text of a regular file. Nothing else is read: a FIFO would block, and /dev/zero would never end."""
    shown = os.fsdecode(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _unreadable("AS107", "not a regular file", shown, "name a file, or pipe it in and name `-`")
            with open(descriptor, "rb", closefd=False) as stream:
                return read_stream(stream, limits, shown)
        finally:
            os.close(descriptor)
    except SpecError:
        raise
    except OSError as error:
        raise _unreadable("AS107", (error.strerror or str(error)).lower(), shown) from None
    except ValueError:  # a NUL or a lone surrogate
        raise _unreadable("AS107", "no path can have this name", shown) from None


def read_stream(stream: BinaryIO, limits: Limits = LIMITS, path: str = "<stdin>") -> str:
    """The text of an open binary stream, which is read no further than one byte beyond the limit."""
    data = b""
    while len(data) <= limits.bytes and (piece := stream.read(limits.bytes + 1 - len(data))):
        data += piece
    if len(data) > limits.bytes:
        raise _unreadable("AS102", f"larger than {limits.bytes} bytes, the limit of the language", path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at, source = len(data[: error.start].decode()), Source(path, data.decode(errors="replace"), limits)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise SpecError([Problem("AS107", message, source.place(at, at + 1), "save the file as UTF-8")]) from None


def _unreadable(code: str, reason: str, path: str, hint: str = "") -> SpecError:
    return SpecError([Problem(code, f"cannot read {echo(path)}: {reason}", Span(path, 1, 1, 1, 1), hint)])


# What no line of a spec may hold: what YAML leaves out, and the characters that are a line break for libyaml (YAML 1.1)
# but not for YAML 1.2 nor for an editor: a comment would end there, and what follows would be read.
_REFUSED = r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_REFUSED_ASCII = r"[^\t\n\r\x20-\x7e]"  # the same for most texts: the other costs 4 ms to compile
# A directive other than `%YAML 1.2` before the document; libyaml takes seconds over thousands of %TAG.
_DIRECTIVE = re.compile(r"(?:(?:%YAML[ \t]+1\.2(?=\s))?[ \t]*(?:#[^\r\n]*)?[\r\n])*+%[^\r\n]*")
_BLANK = re.compile(r"(?:\s|#[^\r\n]*)*+")
_ANCHOR = re.compile(r"&\S+(?:\s+(?:#[^\r\n]*)?)*+")
_GLUED = re.compile(r"(\w+):(?=[^\s:/,\]}])([^\s,\]}]+)")


def parse(text: str, path: str = "<text>", limits: Limits = LIMITS) -> Source:
    """The document of a text, or a SpecError with all its problems; an empty document is None."""
    source = Source(path, text.removeprefix("\ufeff"), limits)
    if len(text) > limits.bytes or len(text.encode(errors="surrogatepass")) > limits.bytes:
        raise _unreadable("AS102", f"larger than {limits.bytes} bytes, the limit of the language", path)
    composer = _Composer(source)
    if found := re.search(_REFUSED_ASCII if source.text.isascii() else _REFUSED, source.text):
        message = f"the character U+{ord(found[0]):04X} may not stand in the text"
        composer.stop("AS101", message, found.span(), "remove it; within double quotes write it as an escape")
    if found := _DIRECTIVE.match(source.text):
        start = max(found[0].rfind("\n"), found[0].rfind("\r")) + 1
        composer.stop("AS104", "a YAML directive", (start, found.end()), "remove this line")
    composer.compose()
    return source


_PLAIN = re.compile(
    r"""(?P<null>~|null|Null|NULL)
    |(?P<bool>true|True|TRUE|false|False|FALSE)
    |(?P<int>[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)
    |(?P<zero>[-+]?0[0-9]+)
    |(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)
    |(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))
    |(?P<sixty>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)
    |(?P<radix>[-+]?0b[01][01_]*|[-+]0o?[0-7_]+|[-+]0x[0-9a-fA-F_]+)
    |(?P<under>0x[0-9a-fA-F_]+|[-+]?(?=[0-9_.]*_)[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)
    """,
    re.VERBOSE,
)
_ODD = {
    "zero": "a leading zero makes it octal or not, by the version of YAML: write it without the zero, or as 0o…",
    "sixty": "YAML 1.1 reads it as a number to the base 60: quote it, or write the number",
    "radix": "YAML 1.1 reads it as a number, YAML 1.2 as text: write the decimal number, or quote it",
    "under": "YAML 1.1 reads it as a number, YAML 1.2 as text: write it without underscores, or quote it",
}


def _resolve(text: str) -> str | int | float | bool | _Refusal | None:
    """What a plain scalar stands for in YAML 1.2's core schema; int() and float() see only what is short."""
    if not text:
        return None
    if text[0] not in "+-.0123456789~nNtTfF" or not (match := _PLAIN.fullmatch(text)):
        return text
    kind = match.lastgroup or ""
    if kind == "null":
        return None
    if kind == "bool":
        return text[0] in "tT"
    if kind == "int":
        value = int(text, 0) if len(text) <= 24 else 2**63
        return value if -(2**63) <= value < 2**63 else ("AS106", f"{echo(text, 40)} does not fit in 64 bits", "")
    if kind == "float":
        number = float(text) if len(text) <= 100 else math.inf
        # A number that overflows, or that becomes 0 though it is none, would be changed silently.
        if math.isinf(number) or (not number and re.match(r"[^eE]*[1-9]", text)):
            return "AS106", f"{echo(text, 40)} is beyond the range of a float", ""
        return number
    if kind == "special":
        return "AS106", f"{echo(text)} is no number of the language", "write a finite number, or quote the text"
    return "AS105", f"{echo(text, 40)} can be read in two ways", _ODD[kind]


class _Frame:
    """A collection that is still open: its value, its node, and the key whose value comes next."""

    __slots__ = ("anchor", "awaits_key", "before", "data", "flow", "height", "key", "node", "parens")

    def __init__(self, data: Any, node: _Node, flow: bool, anchor: str | None, before: int) -> None:
        self.data, self.node, self.flow, self.anchor, self.before = data, node, flow, anchor, before
        self.key: str | None = None  # None where the key was refused: the value is read and dropped
        self.awaits_key = node.keys is not None
        self.height = 1
        self.parens = 0  # parentheses that plain scalars of this flow collection have left open


class _Composer:
    """Builds the tree of one source from events, with a stack of its own: nothing here recurses."""

    def __init__(self, source: Source) -> None:
        self.source, self.text, self.limits = source, source.text, source.limits
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, _Node, int, int] | None] = {}  # value, node, size, height; None while open
        self.count = 0
        self.last: _Place = (0, 0)  # of the last event, and what it was: "plain", "closed" (by quote or bracket) or ""
        self.after = ""
        self.broken = False  # whether the last scalar is a piece of an expression that YAML has split
        self.stack = [_Frame([], _Node(0, 0, []), False, None, 0)]  # the document is the one item of a list

    def report(self, code: str, message: str, place: _Place, hint: str = "", related: tuple[Related, ...] = ()) -> None:
        self.problems.append(Problem(code, message, self.source.place(*place), hint, related=related))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise SpecError(self.problems)

    def stop(self, code: str, message: str, place: _Place, hint: str = "") -> NoReturn:
        self.report(code, message, place, hint)
        raise SpecError(self.problems)

    def compose(self) -> None:
        parser = _EVENTS(self.text)
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
        if self.problems:
            raise SpecError(self.problems)
        if root := self.stack[0].data:
            self.source.data, self.source._root = root[0], self.stack[0].node.children[0]

    def next(self, parser: Any) -> Any:
        try:
            return parser.get_event()
        except yaml.MarkedYAMLError as error:
            opened, mark = error.context_mark, error.problem_mark
            self.syntax(error.problem or "", mark.index if mark else self.last[1], opened.index if opened else None)
        except (yaml.YAMLError, ValueError, OverflowError):  # without libyaml, "\UFFFFFFFF" is chr()'s ValueError
            self.stop("AS101", _NO_CHARACTER, (self.last[1], self.last[1]))

    def finish(self, event: Any) -> None:
        """The end of the document. The parser is asked no more: it would first read the next one's directives."""
        blank = _BLANK.match(self.text, event.end_mark.index)
        rest = blank.end() if blank else 0
        if rest < len(self.text):
            if event.explicit or self.text.startswith(("---", "%"), rest):
                self.stop("AS104", "a second document", (rest, rest + 1), "a spec is one document: remove the rest")
            self.stop("AS101", "text after the end of the value", (rest, rest + 1), _WHOLE)

    def begin(self, event: Any) -> int:
        start: int = event.start_mark.index
        behind = _ANCHOR.match(self.text, start) if event.anchor else None
        return min(behind.end(), event.end_mark.index) if behind else start

    def place(self, event: Any) -> _Place:
        """Where a scalar stands, without its anchor and without white space; an empty one ends what is before it."""
        start, end, text = self.begin(event), event.end_mark.index, self.text
        empty = start == end
        while end and (empty or end > start) and text[end - 1] in " \t\r\n":
            end -= 1
        return (end if empty else start), end

    def admit(self, place: _Place, nodes: int = 1, levels: int = 0) -> None:
        """Counts a value against the limits; what an alias stands for counts each time, in number and in depth."""
        self.count += nodes
        if self.count > self.limits.nodes:
            self.stop("AS102", f"more than {self.limits.nodes} values, with those that aliases stand for", place)
        if len(self.stack) - 1 + levels > self.limits.depth:
            self.stop("AS102", f"nested more than {self.limits.depth} levels deep", place)

    def tag(self, event: Any, place: _Place) -> None:
        self.report("AS104", f"the tag {echo(event.tag)}", place, "remove it: types follow from the text")

    def scalar(self, event: Any) -> None:
        frame, value = self.stack[-1], event.value
        self.last = place = self.place(event)
        plain = not event.style
        self.after = "plain" if plain and value else "closed" if event.style in ("'", '"') else ""
        self.broken = frame.flow and plain and self.split(frame, value, place)
        result = _resolve(value) if plain and not self.broken else value
        if event.tag is not None:
            self.tag(event, place)
        if not value.isascii() and value.encode(errors="ignore").decode() != value:
            self.report("AS101", _NO_CHARACTER, place)  # a lone surrogate, which libyaml refuses itself
        if not frame.awaits_key:
            self.admit(place)
            if isinstance(result, tuple):
                code, message, hint = result
                self.report(code, message, place, hint)
        node = _Node(*place)
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
        node = _Node(start, start + 1, {} if mapping else [], {} if mapping else None)
        self.stack.append(_Frame({} if mapping else [], node, bool(event.flow_style), event.anchor, self.count - 1))

    def close(self, event: Any) -> None:
        frame, start, end = self.stack.pop(), event.start_mark.index, event.end_mark.index
        self.after, self.broken = "", False
        if end > start:  # a bracket; what has none ends with its last item
            self.last, self.after, frame.node.end = (start, end), "closed", end
        if frame.anchor:
            self.anchors[frame.anchor] = frame.data, frame.node, self.count - frame.before, frame.height
        self.add(frame.data, frame.node, height=frame.height)

    def alias(self, event: Any) -> None:
        self.last = place = event.start_mark.index, event.end_mark.index
        self.after, self.broken = "", False
        if event.anchor not in self.anchors:
            self.report("AS101", f"no anchor {echo('&' + event.anchor)} above this alias", place, _OWN.format("`*`"))
        elif self.anchors[event.anchor] is None:
            self.report("AS104", "an alias within its own anchor: a value without end", place)
        value, node, size, height = self.anchors.get(event.anchor) or (None, _Node(*place), 1, 0)
        self.admit(place, size, height)
        self.add(value, _Node(*place, node.children, node.keys), height=height)

    def add(self, value: Any, node: _Node, plain: bool = False, height: int = 0) -> None:
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
            frame.awaits_key = True

    def key(self, frame: _Frame, value: Any, node: _Node, plain: bool) -> str | None:
        """The key, or None where it is refused: its value is then read for its own problems, and dropped."""
        place, keys = (node.start, node.end), frame.node.keys
        assert keys is not None
        if self.broken or frame.parens:
            return None  # a piece of what `split` has reported
        if node.children is not None:
            self.report("AS104", "a collection as a key", place, "quote it, if the bracket belongs to a name")
        elif not isinstance(value, str):
            text = self.text[slice(*place)][:40]
            self.report("AS104", f"keys are strings, {echo(text)} is none", place, f'quote it: "{text}"')
        elif plain and value == "<<":
            self.report("AS104", "a merge key", place, "write the keys out")
        elif value in keys:
            related = Related("it stands here first", self.source.place(*keys[value]))
            self.report("AS103", f"the key {echo(value)} stands twice in this mapping", place, related=(related,))
        elif plain and frame.flow and (match := _GLUED.match(self.text, *place)):
            self.report("AS101", *_glued(match))
        else:
            keys[value] = place
            return value
        return None

    def split(self, frame: _Frame, value: str, place: _Place) -> bool:
        """Whether a plain scalar of a flow collection is a piece of an expression that its commas have split."""
        before = frame.parens
        frame.parens = max(0, before + value.count("(") - value.count(")"))
        if frame.parens and not before:
            self.pieces(place)
        return before > 0 or frame.parens > 0

    def pieces(self, place: _Place) -> None:
        piece, meant = echo(self.text[slice(*place)], 40), _meant(self.text, place[0])
        quote = "'" if '"' in meant else '"'
        message = f"within {{}} and [] YAML splits at commas and brackets: it reads {piece} as the whole value"
        hint = f"quote it: {quote}{meant}{quote}" if meant else "quote the whole value"
        self.report("AS101", message, place, f"{hint}, or use block style")

    def syntax(self, problem: str, at: int, opened: int | None) -> NoReturn:
        """Stops at what the parser calls `problem`, in the words of what a person did."""
        frame = self.stack[-1]
        if not frame.parens:
            if not (frame.flow and self.after == "plain" and self.text[at : at + 1] in ("[", "{")):
                begun = self.last[0] if opened is None else opened
                self.stop("AS101", *_cause(self.text, problem, at, begun, self.last, self.after))
            self.pieces(self.last)
        raise SpecError(self.problems)


_WHOLE = "a value that begins with a quote or a bracket also ends with it: quote all of it"
_NO_CHARACTER = "an escape that stands for no character"
_OWN = "quote the value, if the {} belongs to it"
_CAUSES = (  # what libyaml or PyYAML says; is its place shown, or the one where the thing began?; the cause; the hint
    ("cannot start any token|node content", True, "{} cannot begin a value", _OWN),
    (
        "end of stream|document (indicator|separator)",
        False,
        "a quote that is not closed",
        "close it, or leave out both",
    ),
    ("entries are not allowed", True, "a list cannot begin here", "write each item on a line of its own below the key"),
    ("escape|hexdecimal", True, "an escape that YAML does not know", "within '…' a backslash is only a backslash"),
    ("alphabetic|tag|URI|line break|indicator", False, "{} has a meaning of its own in YAML", _OWN),
)


def _cause(text: str, problem: str, at: int, begun: int, last: _Place, after: str) -> tuple[str, _Place, str]:
    """What a person did where the parser met `problem`: the message, its place, and what to write instead."""
    line = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    rest = text[at : at + 1]
    lines_on = not rest or re.search(r"[\r\n]", text[last[0] : at + 1]) is not None
    indent = len(text[line:at]) - len(text[line:at].lstrip())
    if rest == "\t" or "\t" in text[line : line + indent]:
        return "a tab where YAML wants spaces", (at, at + 1), "indent with spaces"
    nested = "values are not allowed" in problem
    if ((nested and lines_on) or "expected ':'" in problem) and (match := _GLUED.match(text, begun)):
        return _glued(match)
    if nested:
        if not lines_on:
            return "a second `: ` on one line", (at, at + 1), "quote the value, if the colon belongs to it"
        hint = "indent it like the key above, or end the line above with `:`"
        return "a key within a value that began above", (line + indent, at), hint
    if "expected ':'" in problem:
        return "a line without a key", (begun, begun + 1), "write `key: value`"
    if "',' or" in problem:
        if lines_on and text[begun : begun + 1] in ("[", "{"):
            return "a bracket that is not closed", (begun, begun + 1), "close it, or use block style"
        return "neither a comma nor the closing bracket", (at, at + 1), _WHOLE
    if re.search(r"expected key|'-' indicator|<block end>", problem):
        if after == "closed" and not re.search(r"[\r\n]", text[last[1] : at]):
            return "text after the end of the value", (at, at + 1), _WHOLE
        return "the indentation fits no line above", (at, at + 1), "align it with the keys or items that it belongs to"
    for sign, here, message, hint in _CAUSES:
        if re.search(sign, problem):
            start = at if here else begun
            char = echo(text[start : start + 1])
            return message.format(char), (start, start + 1), hint.format(char)
    return problem[:1].lower() + problem[1:], (at, at), ""


def _glued(match: re.Match[str]) -> tuple[str, _Place, str]:
    return "no space after the colon", match.span(), f"write `{match[1][:40]}: {match[2][:40]}`"


def _meant(text: str, start: int) -> str:
    """The expression that begins at `start`, as its own brackets delimit it; empty where they do not close soon."""
    depth = 0
    for at, char in enumerate(text[start : start + 70], start):
        if char in "([{":
            depth += 1
        elif depth and char in ")]}":
            depth -= 1
        elif char in "\r\n" or (depth == 0 and char in ",]}"):
            return "" if depth else text[start:at].rstrip()
    return ""
