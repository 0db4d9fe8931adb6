"""Code that runs besides PyTorch's own: within a layer, where nothing is recorded, and within a whole model."""

from __future__ import annotations

import gc
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep
_TORCH = str(Path(torch.__file__).parent) + os.sep
_OURS = str(Path(__file__).parent) + os.sep
_CLOCK = frozenset(("time", "datetime"))
_CLOCKS = frozenset("time time_ns monotonic monotonic_ns perf_counter perf_counter_ns now today utcnow".split())


@cache
def is_users(path: str) -> bool:
    """Whether a file is neither PyTorch's, nor Python's, nor the importer's."""
    standard = path.startswith(_STANDARD) and f"{os.sep}site-packages{os.sep}" not in path
    return not standard and not path.startswith((_TORCH, _OURS, "<"))


@cache
def _is_torchs(path: str) -> bool:
    return path.startswith((_TORCH, _OURS))


class Execution:
    """What ran: functions of the user's, and what they asked of the world outside."""

    def __init__(self) -> None:
        self.functions: dict[CodeType, dict[str, Any]] = {}
        """The code of each function, and its global variables."""
        self.asked: list[str] = []

    def note(self, frame: FrameType, event: str, called: Any) -> None:
        """Takes an event as `sys.setprofile` tells it."""
        path = frame.f_code.co_filename
        if event == "call" and is_users(path):
            self.functions.setdefault(frame.f_code, frame.f_globals)
        elif event == "c_call" and not _is_torchs(path):
            name = getattr(called, "__name__", "")
            owner = getattr(called, "__module__", None) or getattr(getattr(called, "__self__", None), "__module__", "")
            if name == "urandom":
                self.asked.append("draws random numbers outside of torch")
            elif owner in _CLOCK and name in _CLOCKS and is_users(path):
                self.asked.append(f"reads the clock (`{name}`)")
            elif owner in ("_io", "io") and name == "open" and is_users(path):
                self.asked.append("reads a file")


@contextmanager
def executed(found: Execution) -> Iterator[None]:
    """Notes what runs within the context.

    Garbage is not collected meanwhile: what other packages run then, and what they ask, is none of the model's doing.
    """
    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(found.note)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()


def run_alone(call: Callable[[], Any]) -> tuple[Any, CodeType | None]:
    """The result of a call, and the first function of the user's that ran within."""
    found = Execution()
    with executed(found):
        result = call()
    return result, next(iter(found.functions), None)
