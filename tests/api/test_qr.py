"""What is drawn is what a till reads."""

from __future__ import annotations

import base64
import io
import re

import zxingcpp
from PIL import Image, ImageDraw

from api import qr
from ledger.eighteen import PAY_CODE, is_number, new_number

RUN = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z")


def painted(svg: str, scale: int = 3) -> Image.Image:
    """An SVG of ours as a picture: white, and on it the dark stretches."""
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert found
    picture = Image.new("L", (int(found[1]) * scale, int(found[2]) * scale), 255)
    drawing = ImageDraw.Draw(picture)
    runs = RUN.findall(svg)
    assert runs
    for x, y, width, height in (map(int, run) for run in runs):
        drawing.rectangle((x * scale, y * scale, (x + width) * scale - 1, (y + height) * scale - 1), fill=0)
    return picture


def read(svg: str) -> zxingcpp.Barcode:
    found = zxingcpp.read_barcodes(painted(svg))
    assert len(found) == 1
    return found[0]


def test_two_hundred_codes_are_read_as_they_were_made() -> None:
    for _ in range(200):
        digits = new_number(PAY_CODE)
        square, line = read(qr.of_digits(digits, "积分码")), read(qr.bars(digits, "条码"))
        assert (square.text, line.text) == (digits, digits)
        assert is_number(PAY_CODE, square.text)
        assert (square.format, square.ec_level) == (zxingcpp.BarcodeFormat.QRCode, "Q")
        assert line.format == zxingcpp.BarcodeFormat.Code128


def test_a_code_is_the_smallest_there_is_with_white_all_around() -> None:
    for svg, size, quiet in (
        (qr.of_digits(new_number(PAY_CODE), ""), (21 + 8, 21 + 8), 4),
        (qr.bars(new_number(PAY_CODE), ""), (134 + 20, 44), 10),
    ):
        runs = [tuple(map(int, run)) for run in RUN.findall(svg)]
        assert f'viewBox="0 0 {size[0]} {size[1]}"' in svg
        assert min(x for x, _, _, _ in runs) == quiet
        assert max(x + width for x, _, width, _ in runs) == size[0] - quiet


def test_a_code_says_what_it_is_and_not_its_digits() -> None:
    digits = new_number(PAY_CODE)
    for svg in (qr.of_digits(digits, '给"店员"看<b>'), qr.bars(digits, '给"店员"看<b>')):
        assert 'role="img" aria-label="给&quot;店员&quot;看&lt;b&gt;"' in svg
        assert digits not in svg
        assert len(svg) < 4_000


def test_a_text_is_read_too() -> None:
    assert read(qr.svg("https://books.test/in/lake/under-way/0a1b2c3d")).text.endswith("/0a1b2c3d")


def test_a_long_text_is_a_bitmap_of_a_dot_a_module_and_weighs_little() -> None:
    text = "https://books.test/R/" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 38
    drawn = qr.bitmap(text)
    assert drawn.startswith("data:image/png;base64,")
    assert len(drawn) < 3_000
    picture = Image.open(io.BytesIO(base64.b64decode(drawn.partition(",")[2])))
    assert picture.size[0] == picture.size[1] <= 113
    larger = picture.convert("L").resize((picture.size[0] * 3, picture.size[1] * 3), Image.Resampling.NEAREST)
    [found] = zxingcpp.read_barcodes(larger)
    assert (found.text, found.ec_level) == (text, "L")
