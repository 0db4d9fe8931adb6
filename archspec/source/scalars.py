"""What a plain scalar stands for: YAML 1.2's core schema, without what YAML 1.1 reads differently."""

from __future__ import annotations

import math
import re

from archspec.problems import Advice, echo

RefusalError = tuple[str, str, str]
"""Code, message and help; no plain value is a tuple."""

_PLAIN = re.compile(
    r"""(?P<null>~|null|Null|NULL)
    |(?P<bool>true|True|TRUE|false|False|FALSE)
    |(?P<int>[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)
    |(?P<zero>[-+]?0[0-9]+)
    |(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)
    |(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))
    |(?P<sixty>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)
    |(?P<radix>[-+]?0b[01][01_]*|[-+]0o?[0-7_]+|[-+]0x[0-9a-fA-F_]+)
    |(?P<under>0x[0-9a-fA-F_]+|[-+]?(?=[0-9_.]*_)[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)
    """,
    re.VERBOSE,
)
_LARGE = "write a number that fits, or quote the text"
_ODD = {
    "zero": "a leading zero makes it octal or not, by the version of YAML: write it without the zero, or as 0o…",
    "sixty": "YAML 1.1 reads it as a base-60 number: quote it, or write the number",
    "radix": "YAML 1.1 reads it as a number, YAML 1.2 as text: write the decimal number, or quote it",
    "under": "YAML 1.1 reads it as a number, YAML 1.2 as text: write it without underscores, or quote it",
}


def resolve(text: str) -> str | int | float | bool | RefusalError | None:
    """What a plain scalar stands for in YAML 1.2's core schema; int() and float() see only what is short."""
    if not text:
        return None
    if text[0] not in "+-.0123456789~nNtTfF" or not (match := _PLAIN.fullmatch(text)):
        return text
    kind = match.lastgroup or ""
    if kind == "null":
        return None
    if kind == "bool":
        return text[0] in "tT"
    if kind == "int":
        value = int(text, 0) if len(text) <= 24 else 2**63
        return value if -(2**63) <= value < 2**63 else ("AS106", f"{echo(text, 40)} does not fit in 64 bits", _LARGE)
    if kind == "float":
        number = float(text) if len(text) <= 100 else math.inf
        # A number that overflows, or that becomes 0 though it is none, would be changed silently.
        if math.isinf(number) or (not number and re.match(r"[^eE]*[1-9]", text)):
            return "AS106", f"{echo(text, 40)} exceeds the range of a float", _LARGE
        return number
    if kind == "special":
        if text.lower().endswith("inf"):
            return -math.inf if text[0] == "-" else math.inf
        return "AS106", f"{echo(text)} is not a valid number", "write a number, or quote the text"
    return "AS105", f"{echo(text, 40)} is ambiguous", _plainly(text, kind)


def _plainly(text: str, kind: str) -> str:
    """What to write in place of an odd number: just the number, where there is no doubt which one."""
    plain = re.sub("^([-+]?)0+(?=.)", r"\1", text) if kind == "zero" else text.replace("_", "")
    sure = (kind == "zero" or (kind == "under" and "x" not in text)) and isinstance(resolve(plain), int | float)
    return Advice(_ODD[kind], plain) if sure else _ODD[kind]
