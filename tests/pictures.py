"""Pictures as cameras take them of what the service draws: codes on paper and screens, crooked, blurred, noisy."""

from __future__ import annotations

from typing import Final

from PIL import Image

from api import qr

GREY: Final = 200
"""Of the table on which a code lies."""


def code_of(text: str, pixel: int = 8) -> Image.Image:
    """The service's own QR code, as a browser shows its SVG."""
    return _drawn(qr.matrix(text), pixel)


def _drawn(rows: list[list[bool]], pixel: int) -> Image.Image:
    size = len(rows)
    small = Image.new("L", (size, size))
    small.putdata([0 if dark else 255 for row in rows for dark in row])
    return small.resize((size * pixel, size * pixel), Image.Resampling.NEAREST)
