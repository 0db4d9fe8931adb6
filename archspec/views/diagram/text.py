"""Text in drawings: how wide it is, how it is shortened, and how it is written into XML."""

from __future__ import annotations

import unicodedata

from archspec.characters import printable

_WIDTHS = {
    222: "ijl",
    278: " !,./:;I[\\]ft",
    333: "()-`r{}",
    389: "*",
    500: "Jckssvxyz",
    556: "#$0123456789?L_abdeghnopqu",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
}
"""Thousandths of the font's size, for Helvetica and all fonts of its metrics."""

_EACH = {character: width for width, characters in _WIDTHS.items() for character in characters}
_BOLD = 1.07


def width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in the unit of the font's size."""
    thousandths = sum(_EACH.get(c) or (1000 if unicodedata.east_asian_width(c) in "WF" else 600) for c in text)
    return thousandths * size / 1000 * (_BOLD if bold else 1)


def clip(text: str, longest: int) -> str:
    """The text on one line, printable, with at most so many characters."""
    line = printable(" ".join(text[: longest * 8].split()))
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;"}


def escape(text: str) -> str:
    """The text for XML and HTML, between tags or as an attribute's value; what no reader would see is spelled out."""
    return visible(text).translate(_ENTITIES)


def visible(text: str) -> str:
    """The text with everything spelled out that no reader would see, but for the ends of lines."""
    return "\n".join(map(printable, text.split("\n")))
