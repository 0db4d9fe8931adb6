"""Text that readers see as it is, and that neither a terminal nor the log of a workflow acts upon."""

from __future__ import annotations

import re

# Python's `isprintable` leaves out controls, white space but for the space, and characters of formatting. These are
# letters and marks, hence printable, and shown as nothing: Unicode's Default_Ignorable_Code_Point, and the blank of
# Braille. Variation selectors 15 and 16 stay: they choose between the two forms of an emoji.
BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef"
"""Letters and marks that are shown as nothing, as the inside of a pattern's brackets."""

_UNSEEN = re.compile(f"[{BLANK}\u2800]")

# Runners of workflows read commands from what a step prints: `::error …` at the start of a line, `##[error]` and
# `##vso[…]` anywhere in it.
_COMMAND = re.compile(r"#(?=#(?:vso)?\[)|^\s*:(?=:\w)")


def is_visible(text: str) -> bool:
    """Whether a reader sees each character of the text, which then is one line."""
    return text.isprintable() and (text.isascii() or _UNSEEN.search(text) is None)


def printable(text: str) -> str:
    """The text on one line, with an escape for each character that a terminal or a workflow might act upon."""
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text
    return "".join(cells(text))


def cells(text: str) -> list[str]:
    """The same character by character, so that places in the text are kept."""
    found = [c if is_visible(c) else c.encode("unicode_escape").decode("ascii") for c in text]
    for command in _COMMAND.finditer(text):
        place = command.end() - 1
        found[place] = f"\\x{ord(text[place]):02x}"
    return found
