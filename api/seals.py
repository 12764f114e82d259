"""The image of a seal, drawn on the server as SVG: a red ring, a star, and the organisation's name along the ring.

It is printed as the form of a proof asks for it (民发〔2015〕149号). It is no electronic seal, and the paper says so:
anybody can draw a red ring, so what decides is the QR code beside it.
"""

from __future__ import annotations

import math
import unicodedata
from html import escape
from typing import Final

RED: Final = "#c8102e"
SIDE: Final = 200
_RADIUS: Final = 66
"""Of the line on which the name stands."""
_LONGEST: Final = math.radians(290) * _RADIUS
_LARGEST: Final = 25
_APART: Final = 1.25
"""From one character to the next, in sizes of a character."""


def svg(name: str, label: str) -> str:
    """The seal of an organisation of this name; `label` says what it is to who cannot see it."""
    size = min(_LARGEST, _LONGEST / (_APART * max(1.0, _width(name))))
    across, down = _RADIUS * math.sin(math.radians(145)), -_RADIUS * math.cos(math.radians(145))
    middle = SIDE / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(label)}"'
        f' focusable="false"><defs><path id="seal-line" fill="none" d="M{middle - across:.2f} {middle + down:.2f}'
        f'A{_RADIUS} {_RADIUS} 0 1 1 {middle + across:.2f} {middle + down:.2f}"/></defs>'
        f'<circle cx="{middle}" cy="{middle}" r="94" fill="none" stroke="{RED}" stroke-width="5"/>'
        f'<path fill="{RED}" d="{_star(middle, 27)}"/>'
        f'<text fill="{RED}" font-size="{size:.2f}" letter-spacing="{size * (_APART - 1):.2f}"'
        ' font-family="SimSun, Noto Serif CJK SC, serif" font-weight="bold" text-anchor="middle" aria-hidden="true">'
        f'<textPath href="#seal-line" startOffset="50%">{escape(name)}</textPath></text></svg>'
    )


def _width(name: str) -> float:
    """How long it is, in sizes of a character: Latin letters take half of one."""
    return sum(1.0 if unicodedata.east_asian_width(each) in "WF" else 0.55 for each in name)


def _star(middle: float, radius: float) -> str:
    """A star of five points as a path, the first of them at the top."""
    points = []
    for nth in range(10):
        far, turn = radius if nth % 2 == 0 else radius * 0.382, math.pi * nth / 5
        points.append(f"{middle + far * math.sin(turn):.2f} {middle - far * math.cos(turn):.2f}")
    return f"M{'L'.join(points)}z"
