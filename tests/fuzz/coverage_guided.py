"""Coverage-guided fuzzing, for as long as one likes: inputs that reach new code are kept and changed further.

    python tests/fuzz/coverage_guided.py check                       until it is stopped, or finds something
    python tests/fuzz/coverage_guided.py generate -max_total_time=3600
    python tests/fuzz/coverage_guided.py check crash-3f2a...         one input again
    python tests/fuzz/coverage_guided.py check --seeds=90 -runs=400  a short run that begins with a few of the specs

The first argument is a target of targets.py; the rest goes to libFuzzer. A folder among them keeps what was found
worth keeping. Needs atheris: pip install "archspec-nn[fuzz]".
"""

from __future__ import annotations

import random
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

from changing import changed, seeds
from work import A_SECOND

NEVER = 2**31 - 1
"""Seconds after which libFuzzer gives an input up. It has no word for never: under Atheris, 0 is one second."""
SLOWED = 4.0
"""How much more instrumented code may call: what is found to be too much here is run again without, and judged then."""


def main() -> None:
    """Runs libFuzzer on the target that the command line names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in targets.TARGETS:
        sys.exit(__doc__)
    arguments = [one for one in sys.argv[2:] if not one.startswith("--seeds=")]
    few = [int(one.partition("=")[2]) for one in sys.argv[2:] if one not in arguments]
    pool = seeds(name)
    pool = pool[:: max(1, len(pool) // few[0])] if few else pool
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
        options = [sys.argv[0], f"-timeout={NEVER}", "-rss_limit_mb=2048", "-max_len=8192", *arguments]
        given = [option for option in options[1:] if not option.startswith("-")]
        corpus = [] if any(Path(one).is_file() for one in given) else [folder]
        held = partial(targets.hold, target, most=SLOWED * A_SECOND)
        atheris.Setup([*options, *corpus], held, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
