"""Values from a caller as the language has them: numbers, strings, lists and mappings of Python's own types."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any


def as_document(data: Any) -> Any:
    """A mapping as a document: any mapping is a dict, any sequence a list. TypeError for other values."""
    if isinstance(data, Mapping):
        return {key: as_document(item) for key, item in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | bytearray):
        return [as_document(item) for item in data]
    return as_value(data)


def as_text(data: Any, indent: str = "\n") -> str:
    """A document as JSON, but for the numbers that JSON lacks: those are YAML's."""
    inner = f"{indent}  "
    if isinstance(data, dict) and data:
        names = {key: key if isinstance(key, str) else json.dumps(key) for key in data}
        entries = (f"{inner}{json.dumps(names[key])}: {as_text(item, inner)}" for key, item in data.items())
        return f"{{{','.join(entries)}{indent}}}"
    if isinstance(data, list) and data:
        return f"[{','.join(f'{inner}{as_text(item, inner)}' for item in data)}{indent}]"
    if isinstance(data, float) and not math.isfinite(data):
        return ".nan" if math.isnan(data) else ".inf" if data > 0 else "-.inf"
    return json.dumps(data)


def as_value(value: Any) -> Any:
    """A parameter's value without types of other libraries; TypeError for what the language cannot hold.

    Scalars of NumPy and PyTorch become Python's numbers, any sequence or array a list, and a layer of `torch.nn` its
    name.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):  # also of a subclass, as NumPy's float64 is one
            return kind(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [as_value(item) for item in value]
    if isinstance(value, type) and value.__module__.startswith("torch.nn."):
        return value.__name__
    converted = getattr(value, "tolist", None)  # of scalars and arrays alike
    if callable(converted) and not isinstance(value, type):
        return as_value(converted())
    what = "set, which has no order" if isinstance(value, Set) else type(value).__name__
    raise TypeError(f"a parameter is a number, a string, a bool, a layer of torch.nn or a list of them, not a {what}")
