"""Frames and photos: the code in a picture that a till's camera has taken, read on the server.

A browser that cannot read codes itself sends small pictures until one of them shows a code of ours. Nothing of a
picture is kept or written down.
"""

from __future__ import annotations

import asyncio
import io
import math
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import zxingcpp
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from zxingcpp import BarcodeFormat, BarcodeFormats, TextMode

from ledger import eighteen
from ledger.errors import InvalidField, TooManyFrames

MEDIA_TYPE: Final = "image/jpeg"
"""Of frames. A photo may be a PNG or a WebP too."""

PER_SECOND: Final = 3
LOOKING: Final = 20.0
REST: Final = 2.0
"""Seconds: so long a till may look for a code, and so long it rests before it looks again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may be: bytes, and pixels of a JPEG and of the other formats, which are always read whole."""

    size: int
    jpeg: int
    other: int


FRAME: Final = Limits(64 * 1024, 2_500_000, 2_500_000)
PHOTO: Final = Limits(8 * 1024 * 1024, 50_000_000, 10_000_000)
"""As phones take them: without JavaScript nobody makes them smaller."""
MOST_SCANS: Final = 32
"""Passes over one JPEG, each of which costs a look at all of it: encoders make about ten."""
LONG_SIDE: Final = 1600
"""Pixels that are left of a larger picture. A code that fills a tenth of it is still read."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_CODES: Final = BarcodeFormats((BarcodeFormat.QRCode, BarcodeFormat.Code128))
_PREFIXES: Final = (eighteen.PAY_CODE, eighteen.PAPER, eighteen.VOUCHER)
_START_OF_SCAN: Final = b"\xff\xda"

# Named, since for a reader that is not loaded the library would load all that it has.
_READERS: Final = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)

# A picture says how large it is before it is read. What is larger than this the library itself refuses.
Image.MAX_IMAGE_PIXELS = PHOTO.jpeg
warnings.simplefilter("error", Image.DecompressionBombWarning)


def digits_in(image: bytes, *, photo: bool = False) -> str | None:
    """The eighteen digits of ours that a picture shows, as QR code or Code 128; None if none, or different ones.

    InvalidField where it is no picture that can be read. `photo`: as a phone takes it, larger and made smaller first.
    """
    grey = _grey(image, *(("photo", PHOTO) if photo else ("frame", FRAME)))
    found = zxingcpp.read_barcodes(grey, formats=_CODES, text_mode=TextMode.Plain)
    ours = {digits for digits in (each.text for each in found) if is_ours(digits)}
    # On a sheet of tickets there are ten: which of them is meant, nobody can see.
    return ours.pop() if len(ours) == 1 else None


def is_ours(digits: str) -> bool:
    """Whether it can be a pay code, something on paper, or a voucher."""
    return any(eighteen.is_number(prefix, digits) for prefix in _PREFIXES)


def _grey(image: bytes, name: str, limits: Limits) -> Image.Image:
    """The picture without its colours, not larger than a code needs it."""
    if not image:
        raise InvalidField(name, "missing")
    if len(image) > limits.size:
        raise InvalidField(name, "picture_too_large")
    if image.count(_START_OF_SCAN) > MOST_SCANS:
        raise InvalidField(name, "not_a_picture")
    try:
        with Image.open(io.BytesIO(image), formats=_FORMATS) as picture:
            width, height = picture.size
            # An MPO is a JPEG with another one behind it, as some phones take them.
            if width * height > (limits.jpeg if picture.format in ("JPEG", "MPO") else limits.other):
                raise Image.DecompressionBombError
            smaller = min(1.0, LONG_SIDE / max(width, height))
            wanted = (math.ceil(width * smaller), math.ceil(height * smaller))
            picture.draft("L", wanted)  # of a JPEG: brightness alone, and of a large one every second pixel, or fourth
            grey = picture.convert("L")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidField(name, "picture_too_large") from None
    except Exception:
        # Over broken files the library stumbles in many ways: OSError, SyntaxError, ValueError, struct.error …
        raise InvalidField(name, "not_a_picture") from None
    grey.thumbnail(wanted, Image.Resampling.BILINEAR)
    return grey


# --- the tills that send them -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Look:
    """A till that looks for a code: since when, and when it sent the last pictures."""

    since: float
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=PER_SECOND))

    def wait(self, now: float) -> float:
        """How many seconds before it may send another one."""
        if now - self.since >= LOOKING:
            return self.sent[-1] + REST - now
        return self.sent[0] + 1 - now if len(self.sent) == PER_SECOND else 0


class Reader:
    """Reads what tills send, beside the event loop: of each at most three pictures a second, for twenty seconds.

    It counts in the memory of this process: with several workers a till may send to each of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks: dict[tuple[int, bool], _Look] = {}
        self._one_photo = asyncio.Semaphore(1)  # a photo takes a tenth of a second, and memory

    async def read(self, till: int, image: bytes, *, photo: bool = False) -> str | None:
        """As `digits_in`; TooManyFrames. A code that is found ends the till's look."""
        self._admit(till, photo)
        if photo:
            async with self._one_photo:
                digits = await asyncio.to_thread(digits_in, image, photo=True)
        else:
            digits = await asyncio.to_thread(digits_in, image)
        if digits is not None:
            self._looks.pop((till, photo), None)
        return digits

    def _admit(self, till: int, photo: bool) -> None:
        now = self._clock()
        look = self._looks.get((till, photo))
        # Who has sent nothing for so long begins anew.
        if look is None or now - look.sent[-1] >= REST:
            look = self._looks[till, photo] = _Look(now)
        elif (wait := look.wait(now)) > 0:
            raise TooManyFrames(math.ceil(wait))
        look.sent.append(now)
