"""How drawings look: measures in pixels, and the colours of each family, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archspec.views.diagram.model import Family

Theme = Literal["light", "dark", "auto"]
"""`auto` is light or dark as the reader's system is."""
Direction = Literal["down", "right"]
"""Where what flows goes to: from top to bottom, or from left to right."""

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
TITLE, DETAIL, LABEL = 13, 11, 10.5
"""Sizes of the fonts."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks, as far as a caller says it."""

    theme: Theme = "auto"
    title: bool = True
    """Whether the name and the number of parameters stand above."""
    legend: bool = True
    """Whether the colours are explained below."""
    direction: Direction = "down"
    wrap: bool = False
    """Whether a picture that is long is broken into columns, or rows, wherever few lines go on."""


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of one family."""

    fill: str
    stroke: str


@dataclass(frozen=True, slots=True)
class Palette:
    """All colours of one theme."""

    page: str
    text: str
    muted: str
    wire: str
    families: dict[Family, Paint]


LIGHT = Palette(
    page="#ffffff",
    text="#1f2328",
    muted="#59636e",
    wire="#818b98",
    families={
        "convolution": Paint("#dbeafe", "#3b82f6"),
        "linear": Paint("#d9f5e3", "#22a35a"),
        "normalization": Paint("#fef3c7", "#d19a1a"),
        "activation": Paint("#ffe4e6", "#e5536b"),
        "pooling": Paint("#ede9fe", "#8b5cf6"),
        "attention": Paint("#fce7f3", "#d6409f"),
        "recurrent": Paint("#ccfbf1", "#14a596"),
        "embedding": Paint("#daf3fc", "#0e93c9"),
        "dropout": Paint("#f1f5f9", "#94a3b8"),
        "reshaping": Paint("#ffedd5", "#ea8a2c"),
        "other": Paint("#f4f4f5", "#a1a1aa"),
        "block": Paint("#f6f8fa", "#8c959f"),
        "operation": Paint("#ffffff", "#8c959f"),
        "tensor": Paint("#fbf8cf", "#a8a029"),
        "terminal": Paint("#eaeef2", "#6e7781"),
    },
)
DARK = Palette(
    page="#0d1117",
    text="#e6edf3",
    muted="#9da7b3",
    wire="#768390",
    families={
        "convolution": Paint("#16305a", "#5b9cf8"),
        "linear": Paint("#123d26", "#4cc583"),
        "normalization": Paint("#43350b", "#e0b341"),
        "activation": Paint("#4b1b26", "#f27b8e"),
        "pooling": Paint("#2f2259", "#a78bfa"),
        "attention": Paint("#4a1739", "#ea6fbd"),
        "recurrent": Paint("#0c3f3a", "#3cc9ba"),
        "embedding": Paint("#0b3a50", "#45b4e4"),
        "dropout": Paint("#272e38", "#7d8896"),
        "reshaping": Paint("#4a2c0d", "#f0a04f"),
        "other": Paint("#2b2b30", "#8b8b93"),
        "block": Paint("#161b22", "#6e7681"),
        "operation": Paint("#0d1117", "#8b949e"),
        "tensor": Paint("#3a3808", "#c9bf45"),
        "terminal": Paint("#21262d", "#8b949e"),
    },
)


def css(theme: Theme) -> str:
    """The rules that colour a drawing. Without variables, which programs that convert SVG do not know."""
    if theme != "auto":
        return "\n".join([COMMON, *rules(LIGHT if theme == "light" else DARK)])
    dark = "\n".join(rules(DARK))
    return "\n".join([COMMON, *rules(LIGHT), f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}"])


COMMON = f"""\
text {{ font: {DETAIL}px {FONT}; text-anchor: middle; }}
.title {{ font-size: {TITLE}px; font-weight: bold; }}
.name {{ font-size: {TITLE}px; }}
.label text {{ font-size: {LABEL}px; }}
.head text {{ text-anchor: start; }}
.start {{ text-anchor: start; }}
.end {{ text-anchor: end; }}
.wire {{ fill: none; stroke-width: 1.4px; }}
.box rect, .box circle, .frame {{ stroke-width: 1.2px; }}"""


def rules(palette: Palette, scope: str = "") -> list[str]:
    """The rules of one theme, below a selector if one is given."""
    lines = [
        f".page, .back {{ fill: {palette.page}; }}",
        f".body .back {{ fill: {palette.families['block'].fill}; }}",
        f"text {{ fill: {palette.text}; }}",
        f".name, .detail, .label text {{ fill: {palette.muted}; }}",
        f".wire {{ stroke: {palette.wire}; }}",
        f".tip {{ fill: {palette.wire}; }}",
    ]
    for family, paint in palette.families.items():
        lines.append(f".f-{family} {{ fill: {paint.fill}; stroke: {paint.stroke}; }}")
    return [scope + line.replace(", .", f", {scope}.") for line in lines]
