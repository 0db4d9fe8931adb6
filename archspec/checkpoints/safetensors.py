"""The safetensors format: a header of JSON that says where each tensor's bytes are. Reads no more than that.

A file begins with the header's length, eight bytes, little-endian. Nothing in a header is believed before it was
checked: offsets, shapes and dtypes have to agree, and the tensors have to fill the file without a gap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

from archspec.checkpoints.storage import BITS, Archive, Stored, refuse
from archspec.problems import did_you_mean, echo

LONGEST_HEADER = 100_000_000
"""In bytes; the format allows no more."""
_LARGEST = 2**63 - 1
_MOST_AXES = 64


def read(path: str, stream: BinaryIO, size: int) -> Archive:
    """The tensors of an open file of that many bytes. SpecError where the file is not what the format says."""
    header, start = _header(path, stream, size)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        refuse(path, "`__metadata__` of the header is not a mapping of strings")
    places = {key: _place(path, key, entry, size - start) for key, entry in header.items()}
    _require_no_gaps(path, places, size - start)
    tensors = {
        key: Stored(shape, dtype, partial(_bytes, path, start + begin, end - begin))
        for key, (shape, dtype, begin, end) in places.items()
    }
    return Archive(path, tensors, metadata)


def _header(path: str, stream: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header, and where the bytes of tensors begin."""
    first = stream.read(8)
    length = int.from_bytes(first, "little")
    if len(first) < 8 or length < 2:
        refuse(path, "the file is too short for a safetensors header")
    if length > LONGEST_HEADER:
        refuse(path, f"the header is {length:,} bytes long; at most {LONGEST_HEADER:,} are allowed", _NO_SAFETENSORS)
    if 8 + length > size:
        refuse(path, f"the header is {length:,} bytes long, and the file ends before", "the file is truncated")
    try:
        header = json.loads(stream.read(length).decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0] if isinstance(error, ValueError) else "nested too deeply"
        refuse(path, f"the header is not valid JSON: {reason}", _NO_SAFETENSORS)
    if not isinstance(header, dict):
        refuse(path, "the header is not a mapping", _NO_SAFETENSORS)
    return header, 8 + length


_NO_SAFETENSORS = "is this a safetensors file?"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _place(path: str, key: str, entry: object, space: int) -> tuple[tuple[int, ...], str, int, int]:
    """A tensor's shape, dtype, and where its bytes begin and end."""
    name = echo(key)
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        refuse(path, f"the header's entry of {name} must have exactly `dtype`, `shape` and `data_offsets`")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        advice = did_you_mean(dtype, list(BITS)) if isinstance(dtype, str) else ""
        refuse(path, f"{name} has an unknown dtype, {echo(dtype)}", advice)
    if not _are_sizes(shape) or len(shape) > _MOST_AXES or math.prod(shape) > _LARGEST:
        refuse(path, f"{name} has the shape {echo(shape)}, which is not a valid shape")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        refuse(path, f"{name} has the offsets {echo(offsets)}, which are not valid offsets")
    begin, end = offsets
    if end > space:
        refuse(path, f"{name} ends {end - space:,} bytes after the end of the file", "the file is truncated")
    if math.prod(shape) * BITS[dtype] != 8 * (end - begin):
        refuse(path, f"{name} has {end - begin:,} bytes, which is not the size of {dtype} {echo(shape)}")
    return tuple(shape), dtype, begin, end


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size <= _LARGEST for size in value)


def _require_no_gaps(path: str, places: Mapping[str, tuple[object, object, int, int]], space: int) -> None:
    at, before = 0, ""
    for key, (_, _, begin, end) in sorted(places.items(), key=lambda item: item[1][2:]):
        if begin < at:
            refuse(path, f"the bytes of {echo(key)} overlap those of {echo(before)}")
        if begin > at:
            refuse(path, f"{begin - at:,} bytes before {echo(key)} belong to no tensor")
        at, before = end, key
    if at < space:
        refuse(path, f"{space - at:,} bytes at the end belong to no tensor")


def _bytes(path: str, begin: int, count: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            stream.seek(begin)
            data = stream.read(count)
    except OSError as error:
        refuse(path, f"the file cannot be read: {(error.strerror or str(error)).lower()}")
    if len(data) < count:
        refuse(path, "the file became shorter while it was read")
    return data


def pieces(tensors: Mapping[str, Stored], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """A safetensors file, piece by piece; one tensor at a time is in memory.

    Tensors with larger elements come first, as the format wants them aligned, and equal ones in the order of their
    names: equal tensors give equal bytes.
    """
    order = sorted(tensors.items(), key=lambda item: (-BITS[item[1].dtype], item[1].dtype, item[0]))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    at = 0
    for key, stored in order:
        header[key] = {"dtype": stored.dtype, "shape": stored.shape, "data_offsets": (at, at + stored.size)}
        at += stored.size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for key, stored in order:
        data = stored.read()
        if len(data) != stored.size:
            raise ValueError(f"{key} has {len(data)} bytes, not {stored.size}")
        yield data
