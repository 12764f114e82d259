"""QR codes, drawn on the server as SVG: no script, no image file, sharp on any screen."""

from __future__ import annotations

from typing import Final

from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped] # it brings no types
from qrcode.main import QRCode  # type: ignore[import-untyped] # it brings no types

QUIET: Final = 4
"""Modules of white around it (ISO/IEC 18004, 6.3.8)."""


def svg(text: str) -> str:
    """The QR code of a text. It is said to be an image, and what it is for is told by the page around it."""
    drawn = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    drawn.add_data(text)
    drawn.make(fit=True)
    rows: list[list[bool]] = drawn.get_matrix()
    runs = "".join(_runs(y, row) for y, row in enumerate(rows))
    size = len(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"'
        f' aria-hidden="true" focusable="false"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{runs}"/></svg>'
    )


def _runs(y: int, row: list[bool]) -> str:
    """The dark stretches of a row as parts of a path."""
    parts, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            parts.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            start = None
    return "".join(parts)
