"""Checkpoints: files of weights, read without PyTorch where their format allows that, and written as safetensors.

Nothing in a file is believed, and nothing in it is run. Knows nothing of specs, graphs or layers.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any, BinaryIO

from archspec.checkpoints import safetensors
from archspec.checkpoints.storage import BITS, NAMES, Archive, Stored, refuse
from archspec.problems import echo

__all__ = ["BITS", "NAMES", "Archive", "Stored", "open_archive", "refuse"]

_IN_FOLDERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
)
"""What a folder that Hugging Face's libraries saved holds."""
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_FOREIGN = {b"GGUF": "GGUF", b"\x89HDF": "HDF5"}
_LONGEST_KEY, _MOST_LEVELS = 1000, 64


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """The checkpoint at a path: a safetensors file, one of `torch.save`, the index of shards, or a folder with one.

    Raises SpecError (AS609) where it cannot be read, ImportError where it takes PyTorch and that is not installed.
    """
    name = _in_folder(os.fspath(path))
    archive = _read(name, sharded=True)
    for key in archive.tensors:
        if not key or len(key) > _LONGEST_KEY or key.count(".") > _MOST_LEVELS:
            refuse(name, f"{echo(key)} is not a valid key: it is empty, too long or nested too deeply")
    return archive


def _in_folder(path: str) -> str:
    if not os.path.isdir(path):
        return path
    found = next((name for name in _IN_FOLDERS if os.path.isfile(os.path.join(path, name))), None)
    if found is None:
        refuse(path, "the folder contains no checkpoint", f"expected one of {', '.join(_IN_FOLDERS)}")
    return os.path.join(path, found)


def _read(path: str, *, sharded: bool) -> Archive:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "this is not a valid path"
        refuse(path, f"the file cannot be read: {reason.lower()}")
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            refuse(path, "this is not a regular file")
        first = stream.read(9)
        stream.seek(0)
        for magic, name in _FOREIGN.items():
            if first.startswith(magic):
                refuse(path, f"this is a {name} file", "convert it to safetensors first")
        is_pickled = first.startswith((_ZIP, _PICKLE)) and first[8:9] != b"{"
        is_short = int.from_bytes(first[:8], "little") <= safetensors.LONGEST_HEADER  # as no text begins
        if sharded and first[:1] == b"{" and not is_short:
            return _read_shards(path, stream, status.st_size)
        if not is_pickled:
            return safetensors.read(path, stream, status.st_size)
    return _read_pickled(path, mapped=first.startswith(_ZIP))


def _read_pickled(path: str, *, mapped: bool) -> Archive:
    try:
        from archspec.checkpoints import pickled  # here: it imports torch
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "torch":
            raise
        message = "a checkpoint that torch.save wrote needs PyTorch: pip install 'archspec-nn[torch]'"
        raise ImportError(message, name="torch") from None
    return pickled.read(path, mapped=mapped)


def _read_shards(path: str, stream: BinaryIO, size: int) -> Archive:
    """The tensors of all the files that an index names, which stand beside it."""
    index = _index(path, stream, size)
    shards: dict[str, Archive] = {}
    for name in dict.fromkeys(index.values()):
        if not name or name in (".", "..") or set(name) & set("/\\:\0"):
            refuse(path, f"the index names {echo(name)}, which is not a file beside it")
        shards[name] = _read(os.path.join(os.path.dirname(path), name), sharded=False)
    tensors = {}
    for key, name in index.items():
        if key not in shards[name].tensors:
            refuse(path, f"the index says that {echo(key)} is in {echo(name)}, which does not have it")
        tensors[key] = shards[name].tensors[key]
    metadata = {name: value for one in shards.values() for name, value in one.metadata.items()}
    beside = tuple(dict.fromkeys(name for one in shards.values() for name in one.beside))
    return Archive(path, tensors, metadata, beside)


def _index(path: str, stream: BinaryIO, size: int) -> dict[str, str]:
    if size > safetensors.LONGEST_HEADER:
        refuse(path, f"the index is {size:,} bytes long; at most {safetensors.LONGEST_HEADER:,} are read")
    try:
        data: Any = json.loads(stream.read(size).decode())
    except (ValueError, RecursionError):
        refuse(path, "the file is not valid JSON")
    found = data.get("weight_map") if isinstance(data, dict) else None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        refuse(path, "the file is JSON without a `weight_map` from keys to files", "name the checkpoint or its index")
    return found
