"""Several mistakes in one spec are all reported, none twice, and none because of another.

The bad specs of tests/errors that are no more than one input and some steps become groups of one spec, three drawn ones
at a time: it has the problems that each of them has alone, on the lines where they have moved to, and no others.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from test_errors import SPECS, expected

import archspec

_FORM = re.compile(
    r"(?:params: \{(?P<params>[^#\n]*)\}\n)?(?:let: \{(?P<let>[^#\n]*)\}\n)?"
    r"inputs: \{x: (?P<input>[^#\n]*)\}\n"
    r"(?:let: \{(?P<late>[^#\n]*)\}\n)?"
    r"layers:\n(?P<layers>(?: +[^\n]*\n)+)"
)
_LEFT_OUT = ("AS1", "AS508", "AS509", "AS7")
"""A text that cannot be read hides all else; what follows is told only where all else is well."""


class Piece(NamedTuple):
    """One bad spec: what it declares, and its steps."""

    name: str
    params: str
    let: str
    input: str
    layers: str

    def group(self, number: int) -> str:
        """Its steps as a group that reads an input of its own."""
        layers = re.sub(r"\bx\b", f"x{number}", self.layers)
        indented = "".join(f"    {line}\n" for line in layers.splitlines())
        return f"  g{number}:\n    from: x{number}\n    layers:\n{indented}"


def pieces() -> list[Piece]:
    """The bad specs that can be put together."""
    found = []
    for path in SPECS:
        text = path.read_bytes().decode()
        match = _FORM.fullmatch(text)
        if (
            match
            and path.stem != "name_of_step_is_input"
            and not path.stem.startswith("list_of_the_class")  # read where all is well
            and "..." not in match["input"]  # other ranks are tried only where all is well
            and "," not in re.sub(r"\[.*?\]|\{.*?\}", "", match["input"])  # one input alone: others clash by name
            and not any(one.code.startswith(_LEFT_OUT) for one in expected(text))
        ):
            let = match["let"] or match["late"] or ""
            found.append(Piece(path.stem, match["params"] or "", let, match["input"], match["layers"]))
    return found


PIECES = pieces()


def together(chosen: list[Piece]) -> str | None:
    """One spec of several; None where one declares a name that another has."""
    declared = [piece.params for piece in chosen if piece.params], [piece.let for piece in chosen if piece.let]
    names = re.findall(r"(?:^|[{,] *)(\w+):", ", ".join((*declared[0], *declared[1])))
    words = [set(re.findall(r"\w+", re.sub("#.*", "", piece.layers))) for piece in chosen]
    foreign = [set(names) - set(re.findall(r"\w+", piece.params + piece.let)) for piece in chosen]
    if len(names) != len(set(names)) or any(map(set.intersection, words, foreign)):
        return None
    declared_inputs = [f"x{number}: {piece.input}" for number, piece in enumerate(chosen)]
    inputs = ", ".join(sorted(declared_inputs, key=lambda one: "optional" in one))  # required ones stand first
    lines = [
        f"{key}: {{{', '.join(parts)}}}\n" for key, parts in zip(("params", "let"), declared, strict=True) if parts
    ]
    groups = "".join(piece.group(number) for number, piece in enumerate(chosen))
    outputs = ", ".join(f"g{number}" for number in range(len(chosen)))
    return f"{''.join(lines)}inputs: {{{inputs}}}\nlayers:\n{groups}outputs: [{outputs}]\n"


def test_most_bad_specs_can_be_put_together() -> None:
    assert len(PIECES) > 100


@pytest.mark.parametrize("seed", range(6))
def test_each_mistake_is_reported_as_if_it_stood_alone(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for _ in range(20):
        chosen = draw.sample(PIECES, 3)
        text = together(chosen)
        if text is not None:
            (tmp_path / "net.yaml").write_text(text)
            found = archspec.check(tmp_path / "net.yaml")
            wanted = sorted((one.line, one.code) for one in expected(text))
            names = [piece.name for piece in chosen]
            assert sorted((one.line, one.code) for one in found) == wanted, f"{names}\n{text}\n{list(map(str, found))}"
