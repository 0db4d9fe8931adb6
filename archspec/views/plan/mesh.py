"""Meshes of ranks: the dimensions that a plan knows, and the ranks that hold the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archspec.problems import did_you_mean, echo

DIMENSIONS = {"dp": "data parallel: FSDP shards every parameter over it", "tp": "tensor parallel: layers are cut"}
"""The dimensions of a mesh; pipeline stages are said apart."""

LARGEST = 1 << 20
"""Ranks of a mesh, all together."""

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def read_mesh(mesh: Mapping[str, int] | str | None) -> dict[str, int]:
    """A mesh, as a mapping or a text such as `dp=16,tp=8`; ValueError for what is none.

    >>> read_mesh("dp=16,tp=8")
    {'dp': 16, 'tp': 8}
    """
    pairs = _pairs(mesh) if isinstance(mesh, str) else list((mesh or {}).items())
    found: dict[str, int] = {}
    for name, size in pairs:
        if name not in DIMENSIONS:
            known = did_you_mean(str(name), list(DIMENSIONS), "dimensions of a mesh")
            extra = "; pipeline stages are said by `pp`" if name == "pp" else ""
            raise ValueError(f"a mesh has no dimension {echo(name)}; {known}{extra}")
        if name in found:
            raise ValueError(f"the dimension {echo(name)} of the mesh is given twice")
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
            raise ValueError(f"the mesh has {echo(size)} ranks along `{name}`; it takes a number from 1 to {LARGEST:,}")
        found[name] = size
    if ranks(found) > LARGEST:
        raise ValueError(f"the mesh has {ranks(found):,} ranks; at most {LARGEST:,} are planned")
    return found


def _pairs(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for part in text.split(","):
        name, equals, size = part.strip().partition("=")
        if not equals or not re.fullmatch(r"[0-9]{1,9}", size, re.ASCII):
            raise ValueError(f"{echo(text)} is not a mesh; write it like dp=16,tp=8")
        found.append((name, int(size)))
    return found


def ranks(mesh: Mapping[str, int]) -> int:
    """How many ranks a mesh has."""
    total = 1
    for size in mesh.values():
        total *= size
    return total


def read_bytes(text: int | str) -> int:
    """A size of memory in bytes, as `80GB`, `80GiB` or a number; ValueError for what is none.

    >>> read_bytes("80GB")
    80000000000
    """
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kMGT]i?|)B?", str(text), re.ASCII)
    if match is None or (size := int(float(match[1]) * _UNITS.get(match[2], 1024))) < 1:
        raise ValueError(f"{echo(text)} is not a memory size; write it like 80GB")
    return size


def blocks_of(numbers: Sequence[int]) -> str:
    """Numbers in order, as people write them: `0-126, 130`."""
    parts: list[str] = []
    start = previous = None
    for number in (*numbers, None):
        if previous is not None and number == previous + 1:
            previous = number
            continue
        if start is not None:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
        start = previous = number
    return ", ".join(parts[:4]) + (", …" if len(parts) > 4 else "")
