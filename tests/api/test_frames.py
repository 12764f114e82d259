"""Pictures of codes: what is read in them, what is not, and what a picture may not be."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib

import psutil
import pytest
import zxingcpp
from PIL import Image

from api import qr
from api.frames import FRAME, PHOTO, Reader, digits_in
from ledger import eighteen
from ledger.eighteen import PAPER, PAY_CODE, VOUCHER, new_number
from ledger.errors import InvalidField, TooManyFrames
from tests.pictures import coded, painted, taken


def square(digits: str, width: int = 300) -> Image.Image:
    return painted(qr.of_digits(digits, ""), width)


def line(digits: str, width: int = 450) -> Image.Image:
    return painted(qr.bars(digits, ""), width)


def foreign(text: str, kind: zxingcpp.BarcodeFormat) -> Image.Image:
    """A code that somebody else has drawn."""
    made = zxingcpp.create_barcode(text, kind).to_image(scale=4)
    return Image.frombytes("L", (made.shape[1], made.shape[0]), bytes(memoryview(made).cast("B")))


# --- what is read -----------------------------------------------------------------------------------------------------


def test_two_hundred_codes_are_read_as_cameras_see_them() -> None:
    chance = random.Random(20261122)
    unread = []
    for number in range(200):
        digits = new_number(chance.choice((PAY_CODE, PAPER, VOUCHER)))
        code = square(digits, chance.randrange(150, 330)) if number % 4 else line(digits)
        turned = chance.uniform(-180, 180) if number % 4 else chance.uniform(-8, 8)
        frame = taken(
            code,
            turned=turned,
            blur=chance.uniform(0, 1.4),
            noise=chance.randrange(0, 13),
            seed=number,
            size=(480, 480),
        )
        read = digits_in(coded(frame))
        assert read in (digits, None), "never other digits than those that are there"
        unread += [number] if read is None else []
    assert len(unread) <= 4, unread


def test_a_photo_of_twelve_megapixels_is_read_in_each_kind_of_file() -> None:
    digits = new_number(PAY_CODE)
    whole = taken(square(digits, 1000), size=(4000, 3000), turned=23, blur=2)
    coloured = whole.convert("RGB")
    for photo in (coded(whole), coded(coloured), coded(coloured, progressive=True), coded(coloured, "MPO")):
        assert len(photo) <= PHOTO.size
        assert digits_in(photo, photo=True) == digits
    smaller = whole.resize((2000, 1500))
    for kind in ("PNG", "WEBP"):
        assert digits_in(coded(smaller, kind), photo=True) == digits


def test_both_codes_of_one_number_are_one() -> None:
    digits = new_number(PAY_CODE)
    both = Image.new("L", (480, 480), 255)
    both.paste(square(digits, 260), (100, 0))
    both.paste(line(digits, 460), (5, 320))
    assert digits_in(coded(both)) == digits


def test_of_two_different_codes_none_is_chosen() -> None:
    one, other = (square(new_number(PAPER), 260) for _ in range(2))
    assert digits_in(coded(taken(one, other))) is None


# --- what is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (480, 480), 190),
        taken(noise=100),
        Image.new("RGB", (1, 1)),
        *(
            taken(foreign(text, kind))
            for text, kind in (
                ("https://example.org/?77", zxingcpp.BarcodeFormat.QRCode),
                ("130012345678901234", zxingcpp.BarcodeFormat.QRCode),  # a wallet's
                ("6901234567892", zxingcpp.BarcodeFormat.EAN13),
                ("6901234567892", zxingcpp.BarcodeFormat.Code128),
                (eighteen.with_check("77" + "1" * 15), zxingcpp.BarcodeFormat.DataMatrix),
                (" " + eighteen.with_check("77" + "1" * 15), zxingcpp.BarcodeFormat.QRCode),
                (eighteen.with_check("77" + "1" * 15) + "\n", zxingcpp.BarcodeFormat.QRCode),
                ("７７" + "1" * 16, zxingcpp.BarcodeFormat.QRCode),
            )
        ),
    ],
)
def test_what_shows_no_code_of_ours_has_no_digits(picture: Image.Image) -> None:
    assert digits_in(coded(picture.convert("L"), quality=30)) is None


def test_a_code_with_a_wrong_digit_is_none() -> None:
    digits = new_number(PAY_CODE)
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    assert digits_in(coded(taken(foreign(wrong, zxingcpp.BarcodeFormat.QRCode)))) is None


# --- what a picture may not be ----------------------------------------------------------------------------------------


def problem_of(image: bytes, *, photo: bool = False) -> str:
    with pytest.raises(InvalidField) as refused:
        digits_in(image, photo=photo)
    assert refused.value.field == ("photo" if photo else "frame")
    return refused.value.problem


def png(width: int, height: int) -> bytes:
    """A PNG of this size in very few bytes."""
    packer = zlib.compressobj(9)
    rows = packer.compress(bytes(min(((width + 7) // 8 + 1) * height, 10**8))) + packer.flush()

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


def webp(width: int, height: int) -> bytes:
    """The head of a WebP of this size, with nothing behind it."""
    small = coded(Image.new("L", (16, 16)), "WEBP", lossless=True)
    start = small.index(b"VP8L") + 9
    return small[:start] + struct.pack("<I", (width - 1) | (height - 1) << 14) + small[start + 4 :]


def tall(image: bytes, width: int, height: int) -> bytes:
    """A JPEG that says it is this large."""
    at = next(at for at in (image.find(b"\xff\xc0"), image.find(b"\xff\xc2")) if at > 0)
    return image[: at + 5] + struct.pack(">HH", height, width) + image[at + 9 :]


SMALL = coded(Image.new("L", (32, 32)))


@pytest.mark.parametrize("photo", [False, True])
@pytest.mark.parametrize(
    "bomb",
    [
        png(30_000, 30_000),
        png(2**31 - 1, 2**31 - 1),
        png(5_500, 5_000),
        webp(16_383, 16_383),
        tall(SMALL, 65_500, 65_500),
        tall(coded(Image.new("L", (32, 32)), progressive=True), 65_500, 65_500),
    ],
    ids=["png", "endless png", "large png", "webp", "jpeg", "progressive jpeg"],
)
def test_a_picture_that_grows_when_it_is_opened_stays_closed(bomb: bytes, photo: bool) -> None:
    before = psutil.Process().memory_info().rss
    assert problem_of(bomb, photo=photo) == "picture_too_large"
    assert psutil.Process().memory_info().rss - before < 30 * 2**20


def test_a_jpeg_of_a_thousand_passes_is_not_begun() -> None:
    image = coded(Image.new("L", (64, 64)), progressive=True)
    scan = image[image.rindex(b"\xff\xda") : -2]
    assert problem_of(image[:-2] + scan * 1000 + image[-2:], photo=True) == "not_a_picture"


def test_what_is_too_large_to_send_is_not_looked_at() -> None:
    assert problem_of(b"\xff\xd8" + bytes(FRAME.size)) == "picture_too_large"
    assert problem_of(b"\xff\xd8" + bytes(PHOTO.size), photo=True) == "picture_too_large"
    assert problem_of(b"") == "missing"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "PDF"])
def test_other_kinds_of_pictures_are_not_taken(kind: str) -> None:
    assert problem_of(coded(taken(square(new_number(PAY_CODE), 150), size=(200, 200)), kind)) == "not_a_picture"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_half_a_file_and_a_broken_one_are_refused_and_nothing_else_happens(kind: str) -> None:
    whole = coded(taken(square(new_number(PAY_CODE), 200), size=(320, 240)), kind)
    for part in range(0, len(whole) * 9 // 10, max(1, len(whole) // 40)):
        assert problem_of(whole[:part]) in ("missing", "not_a_picture")
    chance = random.Random(7)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            broken[chance.randrange(min(len(broken), chance.choice((64, 512, 10**6))))] = chance.randrange(256)
        with contextlib.suppress(InvalidField):
            digits_in(bytes(broken))


# --- how often --------------------------------------------------------------------------------------------------------

BLANK = coded(Image.new("L", (32, 32), 255))


class Clock:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def sent(reader: Reader, clock: Clock, seconds: float, till: int = 1) -> int:
    """How many frames are read of a till that sends eight a second for so long."""
    read = 0
    for _ in range(round(seconds * 8)):
        with contextlib.suppress(TooManyFrames):
            await reader.read(till, BLANK)
            read += 1
        clock.now += 0.125
    return read


async def test_a_till_sends_three_a_second_for_twenty_seconds_and_then_rests() -> None:
    clock = Clock()
    reader = Reader(clock)
    assert await sent(reader, clock, 1) == 3
    assert await sent(reader, clock, 19) == 57
    assert await sent(reader, clock, 1) == 0
    with pytest.raises(TooManyFrames) as refused:
        await reader.read(1, BLANK)
    clock.now += refused.value.seconds
    assert await sent(reader, clock, 20) == 60


async def test_tills_do_not_stand_in_each_others_way_nor_photos_in_that_of_frames() -> None:
    clock = Clock()
    reader = Reader(clock)
    assert await sent(reader, clock, 0.5, till=1) == 3
    assert await sent(reader, clock, 0.5, till=2) == 3
    clock.now -= 0.5
    assert await reader.read(2, BLANK, photo=True) is None


async def test_a_code_that_is_found_ends_the_look() -> None:
    clock = Clock()
    reader = Reader(clock)
    code = coded(taken(square(new_number(PAY_CODE), 200), size=(240, 240)))
    for _ in range(2):
        assert await sent(reader, clock, 15) > 40
        clock.now += 1
        assert await reader.read(1, code) is not None
