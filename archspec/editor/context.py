"""Where in a spec a cursor is, by the text before it alone: its line may not be one that can be read yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from archspec.document.names import MODIFIERS
from archspec.editor.places import Lines

_KEY = re.compile(
    r"""(?P<dashes>(?:-[ ]+)*)(?P<key>"[^"]*"|'[^']*'|[^\s:#'"{}\[\]-][^:#{}\[\]]*)?(?P<colon>:(?=\s|$))?"""
)
_WORD = re.compile(r"[\w.]*\Z")
SECTIONS = ("params", "let", "inputs", "layers", "outputs", "blocks", "variants", "imports", "init", "budget", "order")


@dataclass(frozen=True, slots=True)
class CursorContext:
    """What is around a cursor."""

    keys: tuple[str, ...]
    """The keys that lead there, the outermost first; `-` for an item of a list."""
    word: str
    """The part of a word before the cursor."""
    at_key: bool
    """Whether a key is expected: at the beginning of a line, or of an entry in braces."""
    given: tuple[str, ...] = ()
    """The keys that stand beside it already."""

    @property
    def block(self) -> str | None:
        """The block that it is in; None for the document."""
        return self.keys[1] if len(self.keys) > 1 and self.keys[0] == "blocks" else None

    @property
    def inside(self) -> tuple[str, ...]:
        """The keys below the document or block."""
        return self.keys[2:] if self.block is not None else self.keys


def context_at(lines: Lines, line: int, column: int) -> CursorContext:
    """What is around a place, counted from 0, in characters."""
    before = lines[line][:column]
    found = _WORD.search(before)
    word = found[0] if found is not None else ""
    indent, dashes, key, rest = _parts(before)
    above = _keys_above(lines, line, indent if dashes == 0 or before.strip() else len(before))
    keys = [*above, *("-" for _ in range(dashes))]
    if key is None:
        flow, at_key, given = _flow(rest)
        return CursorContext(
            (*keys, *flow), word, at_key if flow else True, given or _beside(lines, line, indent, dashes)
        )
    flow, at_key, given = _flow(rest)
    return CursorContext((*keys, key, *flow), word, at_key if flow or given else False, given)


def _parts(line: str) -> tuple[int, int, str | None, str]:
    """How far a line is indented, how many dashes it begins with, its key, and what stands behind that."""
    indent = len(line) - len(line.lstrip(" "))
    found = _KEY.match(line, indent)
    if found is None:
        return indent, 0, None, line[indent:]
    dashes = found["dashes"].count("-")
    if found["colon"] is None:
        return indent, dashes, None, line[indent + len(found["dashes"]) :]
    key = (found["key"] or "").strip().strip("'\"")
    return indent + len(found["dashes"]), dashes, key, line[found.end() :]


def _keys_above(lines: Lines, line: int, indent: int) -> list[str]:
    """The keys of the lines that a line with such an indent belongs to."""
    keys: list[str] = []
    for number in range(line - 1, -1, -1):
        text = lines[number]
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        own = len(text) - len(text.lstrip(" "))
        _, dashes, key, rest = _parts(text)
        if own + 2 * dashes < indent and key is not None and not rest.strip():
            keys += [key, *["-"] * dashes]
            indent = own
        elif own < indent and dashes:
            keys += ["-"] * dashes
            indent = own
        elif own == indent and key is not None and not dashes and _is_item(lines, line, own) and not rest.strip():
            keys.append(key)  # a list may stand below its key without an indent
        if indent == 0 and own == 0:
            break
    return keys[::-1]


def _is_item(lines: Lines, line: int, indent: int) -> bool:
    return lines[line].lstrip(" ").startswith("-") and len(lines[line]) - len(lines[line].lstrip(" ")) == indent


def _beside(lines: Lines, line: int, indent: int, dashes: int) -> tuple[str, ...]:
    """The other keys of the mapping that a line is an entry of."""
    found = []
    for numbers in (range(line - 1, -1, -1), range(line + 1, len(lines))) if not dashes else ():
        for number in numbers:
            text = lines[number]
            own = len(text) - len(text.lstrip(" "))
            if text.strip() and own < indent:
                break
            if own == indent and (key := _parts(text)[2]) is not None:
                found.append(key)
    return tuple(found)


def _flow(text: str) -> tuple[list[str], bool, tuple[str, ...]]:
    """The keys of the brackets that are open at the end of a text, whether a key is next, and what keys are there."""
    stack: list[tuple[str, list[str]]] = []
    pending, quote = "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{[":
            stack.append((char + pending.strip().removesuffix(":"), []))
            pending = ""
        elif char in "}]" and stack:
            stack.pop()
            pending = ""
        elif char == "," and stack:
            if pending.strip():
                stack[-1][1].append(pending.partition(":")[0].strip())
            pending = ""
        else:
            pending += char
    keys = [name[1:] or ("-" if name[0] == "[" else "") for name, _ in stack]
    keys = [key for key in keys if key]
    if not stack:
        return [], False, ()
    inside, name = stack[-1][0][0] == "{", pending.partition(":")
    if inside and name[1]:
        return [*keys, name[0].strip()], False, tuple(stack[-1][1])
    return keys, inside, tuple(stack[-1][1])


def layer_around(context: CursorContext) -> str | None:
    """The layer or block whose arguments are written at a place."""
    for key in reversed(context.inside):
        if key[:1].isupper() or ("." in key and key.rpartition(".")[2][:1].isupper()):
            return key
        if key in MODIFIERS or key in ("layers", *SECTIONS):
            return None
    return None
