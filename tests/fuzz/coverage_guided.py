"""Coverage-guided fuzzing, for as long as one likes: inputs that reach new code are kept and changed further.

    python tests/fuzz/coverage_guided.py check                       until it is stopped, or finds something
    python tests/fuzz/coverage_guided.py generate -max_total_time=3600
    python tests/fuzz/coverage_guided.py check crash-3f2a...         one input again

The first argument is a target of targets.py; the rest goes to libFuzzer. A folder among them keeps what was found
worth keeping. Needs atheris: pip install "archspec-nn[fuzz]".
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from functools import partial
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit('atheris is missing: pip install "archspec-nn[fuzz]" (there are wheels for Linux on x86-64 only)')

with atheris.instrument_imports(include=["archspec"]):
    import targets

TESTS = Path(__file__).parents[1]
SLOWED = 4.0
"""How much longer instrumented code may take: what is found slow here is run again without, and judged then."""

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
    """The text after an edit of a line or a token, which byte by byte would hardly ever come about."""
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


def main() -> None:
    """Runs libFuzzer on the target that the command line names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in targets.TARGETS:
        sys.exit(__doc__)
    pool = seeds(name)
    target = targets.TARGETS[name]

    def mutate(data: bytes, size: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.2:
            return bytes(atheris.Mutate(data, len(data)))
        text = data.decode(errors="replace")
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            text = changed(text, pool, draw)
        return text.encode(errors="replace")[:size]

    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(pool):
            Path(folder, f"{number}").write_text(text, "utf-8")
        options = [sys.argv[0], "-timeout=10", "-rss_limit_mb=2048", "-max_len=8192", *sys.argv[2:]]
        given = [option for option in options[1:] if not option.startswith("-")]
        corpus = [] if any(Path(one).is_file() for one in given) else [folder]
        held = partial(targets.hold, target, seconds=SLOWED)
        atheris.Setup([*options, *corpus], held, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
