"""Files and streams -> text. Only regular files are read, and nothing beyond the limit of bytes."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from archspec.problems import Problem, Span, SpecError, echo
from archspec.source.hints import SHORTER
from archspec.source.tree import LIMITS, Limits, Source


def read(path: str | os.PathLike[str], limits: Limits = LIMITS) -> str:
    """The text of a regular file. Nothing else is read: a FIFO would block, and /dev/zero would never end."""
    shown = os.fsdecode(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise unreadable("AS107", "not a regular file", shown, "name a file, or pipe it in and name `-`")
            with open(descriptor, "rb", closefd=False) as stream:
                return read_stream(stream, limits, shown)
        finally:
            os.close(descriptor)
    except SpecError:
        raise
    except OSError as error:
        advice = "name a file that exists and can be read"
        raise unreadable("AS107", (error.strerror or str(error)).lower(), shown, advice) from None
    except ValueError:  # a NUL or a lone surrogate
        raise unreadable("AS107", "this is not a valid path", shown, "name a file") from None


def read_stream(stream: BinaryIO, limits: Limits = LIMITS, path: str = "<stdin>") -> str:
    """The text of an open binary stream, which is read no further than one byte beyond the limit."""
    data = b""
    while len(data) <= limits.bytes and (piece := stream.read(limits.bytes + 1 - len(data))):
        data += piece
    if len(data) > limits.bytes:
        raise too_large(limits, path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at, source = len(data[: error.start].decode()), Source(path, data.decode(errors="replace"), limits)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise SpecError([Problem("AS107", message, source.place(at, at + 1), "save the file as UTF-8")]) from None


def too_large(limits: Limits, path: str) -> SpecError:
    """That a document has more bytes than the language allows."""
    return unreadable("AS102", f"larger than {limits.bytes} bytes, the limit of the language", path, SHORTER)


def unreadable(code: str, reason: str, path: str, hint: str) -> SpecError:
    """Why a document cannot be read at all."""
    return SpecError([Problem(code, f"cannot read {echo(path)}: {reason}", Span(path, 1, 1, 1, 1), hint)])
