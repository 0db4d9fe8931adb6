"""What each code means: a page for a code, and all of them together.

The pages are Markdown, in `explanations/`, a file for each hundred codes: a heading, what the mistake is and why it is
one, a spec that has it, and the spec put right. They are read when they are asked for.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from archspec.problems.codes import CODES
from archspec.problems.problem import did_you_mean

_PAGES = Path(__file__).parent
_SECTION = re.compile(r"^## (?P<code>AS\d{3})\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

HUNDREDS = {
    "1": "Reading",
    "2": "The form of a spec",
    "3": "Expressions",
    "4": "Layers and their arguments",
    "5": "Shapes and the flow",
    "6": "Files and building",
    "7": "Lints",
    "8": "Plans",
}
"""What the codes of each hundred are about."""


def explanation(code: str) -> str:
    """The page of a code, as Markdown below its title; KeyError for what is no code."""
    title = f"# {code}: {CODES[code]}"
    text = _pages().get(code, "")
    return f"{title}\n\n{text}" if text else f"{title}\n"


def examples(code: str) -> list[str]:
    """The specs on a code's page: first the one that has the mistake, last the one put right."""
    return _BLOCK.findall(_pages().get(code, ""))


def unknown(code: str) -> str:
    """Why a text is no code, and which one was meant."""
    advice = did_you_mean(code, list(CODES)) or "`archspec codes` lists them"
    return f"there is no code `{code}`; {advice}"


def handbook() -> str:
    """All pages as one Markdown document."""
    lines = ["# Codes", "", "Every problem that archspec reports has a code, which never changes its meaning.", ""]
    lines += ["`archspec codes CODE` prints one of these pages. This one is generated from them.", ""]
    lines += [f"- [{code}](#{code.lower()}): {title}" for code, title in CODES.items()]
    for number, title in HUNDREDS.items():
        codes = [code for code in CODES if code[2] == number]
        lines += ["", f"## {title}"] if codes else []
        for code in codes:
            lines += [
                "",
                f"### {code}",
                "",
                f"*{CODES[code][:1].upper()}{CODES[code][1:]}.*",
                "",
                _pages().get(code, "").strip(),
            ]
    return "\n".join(lines) + "\n"


@cache
def _pages() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(_PAGES.glob("*.md")):
        for match in _SECTION.finditer(path.read_text("utf-8")):
            found[match["code"]] = match["text"].strip() + "\n"
    return found
