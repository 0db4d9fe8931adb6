"""An SVG as PNG or PDF, by CairoSVG, which is an extra. It is told to load nothing that the SVG names."""

from __future__ import annotations

import re
from typing import Literal

_MOST_PIXELS = 100_000_000
_SIZE = re.compile(r'<svg [^>]*? width="([\d.]+)" height="([\d.]+)"')


def convert(svg: str, form: Literal["png", "pdf"], scale: float) -> bytes:
    """The picture as the bytes of a file; `scale` is how many pixels of a PNG one of the SVG becomes.

    Raises ValueError for a scale that is none and for a PNG of more than 100,000,000 pixels, ImportError where CairoSVG
    or the library cairo is missing.
    """
    found = _SIZE.search(svg)
    assert found is not None, "an SVG of ours says its size"
    if not 0 < scale <= 100:
        raise ValueError(f"a scale of {scale:g}; it is a number above 0, up to 100")
    pixels = float(found[1]) * float(found[2]) * scale**2
    if form == "png" and pixels > _MOST_PIXELS:
        raise ValueError(
            f"a PNG of {pixels:,.0f} pixels; at most {_MOST_PIXELS:,} are drawn: lower the scale, or choose pdf"
        )
    try:
        import cairosvg  # here: an extra, which only these formats need
    except (ImportError, OSError):  # OSError: cairocffi finds no cairo
        message = f"{form} needs CairoSVG and cairo: pip install 'archspec-nn[pictures]'"
        raise ImportError(message, name="cairosvg") from None
    data: bytes
    if form == "pdf":
        data = cairosvg.svg2pdf(bytestring=svg.encode())
    else:
        data = cairosvg.svg2png(bytestring=svg.encode(), scale=scale)
    return data
