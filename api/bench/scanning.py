"""What it costs to look for a code in a frame of a till's camera: 480 pixels, crooked, blurred, in noise, or empty."""

from __future__ import annotations

import gc
import io
import random
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import zxingcpp
from PIL import Image, ImageFilter

from api import frames
from api.bench.measure import percentile
from ledger import eighteen

MOST: Final = 0.015
"""Seconds that 95 of 100 frames may take at most."""
COUNT: Final = 300
SIDE: Final = 480
TABLE: Final = 190
LEAST_READ: Final = 0.95
"""Of the codes shown: frames in which nothing can be seen would be quick."""


@dataclass(frozen=True, slots=True)
class Frames:
    """How many frames were looked at, how many codes of those shown were read, and the seconds that a frame took."""

    frames: int
    shown: int
    read: int
    p50: float
    p95: float


def look() -> Frames:
    """Looks for a code in frames of which every third shows none."""
    drawn = random.Random(480)  # noqa: S311 - the same frames in every run
    taken = [_frame(drawn, shows=bool(number % 3)) for number in range(COUNT)]
    frames.digits_in(taken[0][0])
    gc.collect()
    times, read = [], 0
    for frame, digits in taken:
        begun = perf_counter()
        found = frames.digits_in(frame)
        times.append(perf_counter() - begun)
        if found not in (None, digits):
            raise RuntimeError("a frame was read wrongly")
        read += found is not None
    shown = sum(digits is not None for _, digits in taken)
    if read < shown * LEAST_READ:
        raise RuntimeError(f"{read} of {shown} codes were read")
    p50, p95 = percentile(times, 50), percentile(times, 95)
    assert p50 is not None
    assert p95 is not None
    return Frames(COUNT, shown, read, p50, p95)


def _frame(drawn: random.Random, *, shows: bool) -> tuple[bytes, str | None]:
    """A frame as browsers send it, and the digits that it shows."""
    picture = Image.new("L", (SIDE, SIDE), TABLE)
    digits = eighteen.new_number(eighteen.PAY_CODE) if shows else None
    if digits is not None:
        made = zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
        image = made.to_image(scale=drawn.randrange(6, 10))
        light = bytes(memoryview(image))  # type: ignore[arg-type] # it is a buffer, which its types leave out
        code = Image.frombytes("L", (image.shape[1], image.shape[0]), light)
        code = code.rotate(drawn.uniform(-20, 20), Image.Resampling.BICUBIC, expand=True, fillcolor=TABLE)
        picture.paste(code, ((SIDE - code.width) // 2, (SIDE - code.height) // 2))
    dust = Image.frombytes("L", (SIDE, SIDE), drawn.randbytes(SIDE * SIDE))
    picture = Image.blend(picture, dust, 0.08).filter(ImageFilter.GaussianBlur(drawn.uniform(0.4, 1.2)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=65)
    return file.getvalue(), digits
