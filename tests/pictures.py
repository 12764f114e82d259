"""Pictures as cameras take them of what the service draws: codes on paper and screens, crooked, blurred, in noise."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter

SIZE: Final = (640, 480)
"""What the fake camera of Chromium gives."""
TABLE: Final = 190
"""The grey on which a code lies."""

_RUN: Final = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z")


def painted(svg: str, width: int = 300) -> Image.Image:
    """An SVG of ours as a browser shows it, about as wide: white, and on it the dark stretches."""
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert found
    scale = max(1, width // int(found[1]))
    picture = Image.new("L", (int(found[1]) * scale, int(found[2]) * scale), 255)
    drawing = ImageDraw.Draw(picture)
    for x, y, wide, high in (map(int, run) for run in _RUN.findall(svg)):
        drawing.rectangle((x * scale, y * scale, (x + wide) * scale - 1, (y + high) * scale - 1), fill=0)
    return picture


def taken(
    *codes: Image.Image,
    size: tuple[int, int] = SIZE,
    turned: float = 0,
    blur: float = 0.6,
    noise: int = 0,
    seed: int = 0,
) -> Image.Image:
    """A picture with these codes, side by side in its middle."""
    picture = Image.new("L", size, TABLE)
    place = (size[0] - sum(code.width for code in codes)) // 2
    for code in codes:
        lying = code.rotate(turned, expand=True, fillcolor=TABLE, resample=Image.Resampling.BICUBIC)
        picture.paste(lying, (place - (lying.width - code.width) // 2, (size[1] - lying.height) // 2))
        place += code.width
    if noise:
        grains = random.Random(seed)  # the same picture in every run
        dust = Image.frombytes("L", size, grains.randbytes(size[0] * size[1]))
        picture = Image.blend(picture, dust, noise / 100)
    return picture.filter(ImageFilter.GaussianBlur(blur))


def coded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """As a file."""
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 65} if kind == "JPEG" else {}) | options)
    return file.getvalue()


def film(file: Path, frames: Sequence[Image.Image], repeated: int = 1) -> None:
    """Grey frames as a clip for the fake camera: ten a second, again and again."""
    chroma = bytes([128]) * (SIZE[0] * SIZE[1] // 2)
    with file.open("wb") as out:
        out.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F10:1 Ip A1:1 C420jpeg\n".encode())
        for frame in _again(frames, repeated):
            assert frame.size == SIZE
            out.write(b"FRAME\n" + frame.tobytes() + chroma)


def _again(frames: Sequence[Image.Image], times: int) -> Iterable[Image.Image]:
    return (frame for frame in frames for _ in range(times))
