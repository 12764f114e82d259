"""What a line of text may hold."""

import re
from typing import Final

_NOT_IN_A_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str, *, least: int, most: int) -> bool:
    """Whether `text` is one line of `least` to `most` characters: no control characters, breaks or half characters."""
    return least <= len(text) <= most and _NOT_IN_A_LINE.search(text) is None
