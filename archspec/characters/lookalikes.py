"""Characters outside of ASCII that are taken for others, or that are not seen at all.

Text copied from web pages, slides and chats brings them along: spaces that do not break, dashes, curly quotes,
full-width punctuation. Knows nothing of what the text is.
"""

from __future__ import annotations

import re

from archspec.characters import BLANK

_ALIKE = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\u25cf\u30fc\ufe58\ufe63",
    "'": "\u2018\u2019\u201a\u201b\u2032\u00b4",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d",
    ":": "\u02d0\u2236\ua789\ufe30\ufe55\u205a",
    ",": "\u3001\ufe50\ufe51\u060c",
    ".": "\u3002\uff61\u2024",
    "...": "\u2026\u22ef",
    "*": "\u00d7\u2217\u22c5\u00b7\u2219",
    "/": "\u00f7\u2044\u2215",
    "<=": "\u2264",
    ">=": "\u2265",
    "!=": "\u2260",
    "**2": "\u00b2",
    "**3": "\u00b3",
    "(": "\ufe59",
    ")": "\ufe5a",
    "[": "\u3010\u3014\u27e6",
    "]": "\u3011\u3015\u27e7",
    "{": "\ufe5b",
    "}": "\ufe5c",
}
_LETTERS = dict(
    zip(
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445"
        "\u0456\u0458\u0455\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
        "ABEKMHOPCTYXaeopcyxijsABEZHIKMNOPTYXo",
        strict=True,
    )
)
_MEANT = {one: plain for plain, several in _ALIKE.items() for one in several}
_MEANT |= {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width forms
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_NOTHING = re.compile(rf"[{BLANK}\u180e\ufe0e\ufe0f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"\w+")


def meant(character: str) -> str | None:
    """The ASCII that a character is taken for: nothing, where it is not seen. None where it looks like itself."""
    if character in _MEANT:
        return _MEANT[character]
    if _SPACES.match(character):
        return " "
    return "" if _NOTHING.match(character) else None


def disguised(text: str) -> list[int]:
    """Where in a text characters stand that are taken for others. A foreign letter is one within a word of ASCII."""
    if text.isascii():
        return []
    found = [match.start() for match in _FOREIGN.finditer(text) if meant(match[0]) is not None]
    for word in _WORD.finditer(text):
        if not word[0].isascii() and any(c.isascii() for c in word[0]):
            found += [at for at in range(*word.span()) if text[at] in _LETTERS]
    return sorted(set(found))


def plain(text: str) -> str:
    """The text with ASCII in place of the characters that are taken for it."""
    letters = list(text)
    for at in disguised(text):
        letters[at] = one(text[at])
    return "".join(letters)


def named(character: str) -> str:
    """A character by its number and its name, as in `U+00A0 (no-break space)`."""
    import unicodedata  # here: only a message needs it

    name = unicodedata.name(character, "").lower()
    if name.startswith("fullwidth "):
        name = f"full-width {name.removeprefix('fullwidth ')}"
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def one(character: str) -> str:
    """The ASCII that a character is taken for: nothing where it is not seen."""
    known = meant(character)
    return known if known is not None else _LETTERS.get(character, "")


def told(character: str) -> tuple[str, str]:
    """What is wrong with a character that is taken for another one, and what to write instead."""
    word = one(character)
    if word == " ":
        return f"the character {named(character)} is not a plain space", "write a plain space"
    if word:
        return f"the character {named(character)} is not `{word}`", f"write `{word}`"
    return f"the character {named(character)} is invisible", "remove it"
