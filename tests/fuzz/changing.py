"""Texts to begin fuzzing with, and edits of their lines and tokens.

Byte by byte such edits would hardly ever come about.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+|[ ]+|\S|\s")
_HOSTILE = (
    *"[]{}'\"\\#0\n\x1b\x85\u2028\u202e\ufeff",
    *"&a|*a|!!int |<<: |---\n|1_0|010|1e999|9**9|2**63|-1|[]|null|true|range(9)|//|  ".split("|"),
    *"from: |when: |for: i in range(3)\n|repeat: 3\n|shape: [N]\n|layers: |name: |again: ".split("|"),
)


def seeds(target: str) -> list[str]:
    """What to start from: everything that a spec in this repository says; of expressions, its scalars."""
    folders = (TESTS.parent / "specs", TESTS / "language", TESTS / "errors")
    texts = [path.read_text("utf-8") for folder in folders for path in sorted(folder.rglob("*.yaml"))]
    if target != "expression":
        return texts
    return sorted({piece for text in texts for piece in re.findall(r'[:"] ([^:"\n]*[(*/+\[-][^:"\n]*)', text)})


def changed(text: str, pool: list[str], draw: random.Random) -> str:
    """The text after an edit of a line or a token; `pool` are texts to take pieces from."""
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    other = draw.choice(pool).split("\n")
    kind = draw.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, draw.choice(lines))
    elif kind == 2:
        start = draw.randrange(len(other))
        lines[at:at] = other[start : start + draw.randint(1, 6)]
    elif kind == 3:
        start = draw.randrange(len(other))
        lines[at] = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + other[start].lstrip()
    else:
        tokens = _TOKEN.findall(lines[at]) or [""]
        where = draw.randrange(len(tokens))
        theirs = _TOKEN.findall(draw.choice(other))
        new = draw.choice(theirs) if theirs and kind == 4 else draw.choice(_HOSTILE)
        tokens[where : where + draw.randint(0, 1)] = [new]
        lines[at] = "".join(tokens)
    return "\n".join(lines)
