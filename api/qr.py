"""QR codes and barcodes, drawn on the server as SVG: no script, no image file, sharp on any screen.

Those that hold much are bitmaps, a dot a module: as SVG one of them would weigh as much as all else of its page.
"""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Final

import zxingcpp
from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped] # it brings no types
from qrcode.main import QRCode  # type: ignore[import-untyped] # it brings no types

QUIET: Final = 4
"""Modules of white around it (ISO/IEC 18004, 6.3.8)."""
QUIET_BARS: Final = 10
"""Modules of white beside bars (ISO/IEC 15417, 4.3.2)."""
BARS_HIGH: Final = 44
"""Modules: the bars of eighteen digits are a third as high as they are long, which a gun held askew still crosses."""


def svg(text: str) -> str:
    """The QR code of a text. It is said to be an image, and what it is for is told by the page around it."""
    drawn = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    drawn.add_data(text)
    drawn.make(fit=True)
    rows: list[list[bool]] = drawn.get_matrix()
    return _svg(len(rows), len(rows), "".join(_runs(y, row) for y, row in enumerate(rows)), _HIDDEN)


def bitmap(text: str) -> str:
    """The QR code of a long text, as the address of a picture (PNG) that a page holds itself. Level L, the least dense:
    it is read from clean paper or a screen, and a reader that has misread it finds that its signature is wrong.
    """
    modules, size = _modules(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="L"))
    side = size + 2 * QUIET
    white = "1" * QUIET
    rows = ["1" * side] * QUIET
    rows += [
        white + "".join("0" if dark else "1" for dark in modules[y * size : (y + 1) * size]) + white
        for y in range(size)
    ]
    rows += ["1" * side] * QUIET
    # PNG, 1 bit a dot: each row begins with its filter (none) and ends with a whole byte.
    lines = b"".join(
        b"\0" + int(row.ljust((side + 7) // 8 * 8, "0"), 2).to_bytes((side + 7) // 8, "big") for row in rows
    )
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    )
    file = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def of_digits(digits: str, label: str) -> str:
    """Eighteen digits as the smallest QR code there is (version 1, level Q: a quarter of it may be unreadable)."""
    modules, size = _modules(zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.QRCode, ec_level="Q"))
    rows = (modules[y * size : (y + 1) * size] for y in range(size))
    drawn = "".join(_runs(y, row, QUIET) for y, row in enumerate(rows, start=QUIET))
    side = size + 2 * QUIET
    return _svg(side, side, drawn, _image(label))


def bars(digits: str, label: str) -> str:
    """The same digits as a barcode (Code 128, two digits a character), for guns that read nothing else."""
    modules, width = _modules(zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.Code128))
    row = modules[:width]  # all its rows are equal
    return _svg(width + 2 * QUIET_BARS, BARS_HIGH, _runs(0, row, QUIET_BARS, BARS_HIGH), _image(label))


_HIDDEN: Final = 'aria-hidden="true"'


def _image(label: str) -> str:
    return f'role="img" aria-label="{escape(label)}"'


def _modules(made: zxingcpp.Barcode) -> tuple[list[bool], int]:
    """Which modules are dark, row after row without the white around them, and how many a row has."""
    image = made.to_image(add_quiet_zones=False)
    light = memoryview(image).cast("B")  # type: ignore[arg-type] # it is a buffer, which its types leave out
    return [not module for module in light], image.shape[1]


def _svg(width: int, height: int, runs: str, what: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" shape-rendering="crispEdges"'
        f' {what} focusable="false"><path fill="#fff" d="M0 0h{width}v{height}H0z"/><path d="{runs}"/></svg>'
    )


def _runs(y: int, row: list[bool], left: int = 0, high: int = 1) -> str:
    """The dark stretches of a row, which begins at `left` and is `high`, as parts of a path."""
    parts, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            parts.append(f"M{left + start} {y}h{x - start}v{high}h-{x - start}z")
            start = None
    return "".join(parts)
