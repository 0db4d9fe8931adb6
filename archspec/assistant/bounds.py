"""Answers that fit into an assistant's context: cut at a line, with a remark that says how to get the rest."""

from __future__ import annotations

LIMIT = 4096
"""How many bytes an answer has at most, unless the caller asks for more."""
LEAST, MOST = 512, 1_000_000
"""What a caller may ask for."""


def bounded(text: str, limit: int = LIMIT) -> str:
    """The text, or as many of its lines as fit into so many bytes of UTF-8 together with the remark."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode()
    advice = f"`limit: {len(data)}` gives all of it" if len(data) <= MOST else f"`limit` is at most {MOST}"
    remark = f"\n[cut: the answer has {len(data)} bytes; {advice}]"
    kept = data[: limit - len(remark.encode())]
    line = kept.rfind(b"\n")
    kept = kept[:line] if line > 0 else kept
    return kept.decode("utf-8", "ignore") + remark
