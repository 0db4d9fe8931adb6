"""Mappings and lists as YAML that a person would write: short things on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_OPERATOR = r" (?:[-+*/%]{1,2}|[=!<>]=|[<>]|and|or) "
_PLAIN = re.compile(rf"[A-Za-z_][\w.]*(?:{_OPERATOR}[\w.]+)*|\d+ \* [\w. *]+(?: [=!<>]= [\w.]+)?")
_BLOCK = re.compile(r"[A-Za-z_(\d][^#:{}\[\]\"'`]*(?:\[[^#:{}\"'`]*\][^#:{}\"'`]*)*")
_WORDS = frozenset("null true false yes no on off ~ Null True False NULL TRUE FALSE".split())
_NUMBER = re.compile(r"[-+.]?\d[\d_.eE+-]*|[-+]?\.(?:inf|nan)")
_WIDTH = 100
_COMMENTED_WIDTH = 120


class VerbatimText(str):
    """A string of YAML that is written as it stands."""


@dataclass(frozen=True, slots=True)
class Commented:
    """A value with comments: the lines above its key, and the one beside it."""

    value: Any
    above: tuple[str, ...] = ()
    beside: str = ""


def document(entries: Mapping[str, Any]) -> str:
    """A document: a blank line before each section that takes several lines."""
    parts: list[list[str]] = []
    for key, value in entries.items():
        lines = _entry(key, value, 0)
        if parts and (len(lines) > 1 or (parts[-1][-1:] != lines[:1] and len(parts[-1]) > 1)):
            parts.append([""])
        parts.append(lines)
    return "\n".join(line for part in parts for line in part) + "\n"


def _entry(key: str, value: Any, indent: int) -> list[str]:
    space = " " * indent
    if isinstance(value, Commented):
        return _commented(_entry(key, value.value, indent), value, space)
    name = _scalar(key, True)
    short = flow(value)
    nested = isinstance(value, Mapping) and any(isinstance(one, Mapping | list) for one in value.values())
    stays = key == "layers" or (indent == 0 and (nested or key == "blocks"))
    if short is not None and len(space) + len(name) + 2 + len(short) <= _WIDTH and not (stays and _is_tall(value)):
        return [f"{space}{name}: {short}"]
    return [f"{space}{name}:", *_block(value, indent + 2)]


def _commented(lines: list[str], value: Commented, space: str) -> list[str]:
    first, above = lines[0], list(value.above)
    if value.beside and len(first) + len(value.beside) + 4 <= _COMMENTED_WIDTH:
        first = f"{first}  # {value.beside}"
    elif value.beside:
        above.append(value.beside)
    return [*(f"{space}# {one}" for one in above), first, *lines[1:]]


def _is_tall(value: Any) -> bool:
    return bool(value) and (
        isinstance(value, Mapping) or (isinstance(value, list) and isinstance(value[0], Mapping | str))
    )


def _block(value: Any, indent: int) -> list[str]:
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, one in value.items():
            lines += _entry(key, one, indent)
        return lines
    if isinstance(value, list):
        lines = []
        for one in value:
            inner = flow(one, False)
            if inner is not None and len(inner) + indent + 2 <= _WIDTH and not _nests(one):
                lines.append(f"{' ' * indent}- {inner}")
            else:
                first, *rest = _block(one, indent + 2)
                lines += [f"{' ' * indent}- {first.lstrip()}", *rest]
        return lines
    return [f"{' ' * indent}{_scalar(value, False)}"]


def _nests(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Mapping) and ("layers" in value or len(value) > 1))


def flow(value: Any, braces: bool = True) -> str | None:
    """A value on one line; None where that is no way to write it."""
    if isinstance(value, Mapping):
        if any(isinstance(one, Commented) for one in value.values()):
            return None
        if any(isinstance(one, list) and any(isinstance(two, Mapping) for two in one) for one in value.values()):
            return None
        items = []
        for key, one in value.items():
            if isinstance(one, Mapping) and _deep(one) > 2:
                return None
            inner = flow(one) if isinstance(one, Mapping | list) else _scalar(one, braces or len(value) > 1)
            if inner is None:
                return None
            items.append(f"{_scalar(key, True)}: {inner}")
        if not braces and len(items) == 1:
            return items[0]
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list):
        inner_items = [flow(one) if isinstance(one, Mapping | list) else _scalar(one, True) for one in value]
        return None if None in inner_items else "[" + ", ".join(map(str, inner_items)) + "]"
    return _scalar(value, False)


def _deep(value: Any) -> int:
    return 1 + max(map(_deep, value.values()), default=0) if isinstance(value, Mapping) else 0


def _scalar(value: Any, within: bool) -> str:
    if isinstance(value, VerbatimText):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
    if isinstance(value, int):
        return str(value)
    text = str(value)
    pattern = _PLAIN if within else _BLOCK
    plain = pattern.fullmatch(text) and text not in _WORDS and not _NUMBER.fullmatch(text) and not text.endswith(" ")
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
