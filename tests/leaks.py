"""What may stand in no log: tokens of every kind, phones, identity numbers, the names and passwords of the tests."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from api.demo import FAMILY_NAMES, GIVEN_NAMES

_LINE: Final = re.compile(r"\[(?:debug|info|warning|error|critical)\s*\]|\"event\":")
"""A line of a log, as people or as programs read it."""

_NAMES: Final = [family + given for family, given in itertools.product(FAMILY_NAMES, GIVEN_NAMES)]
_SECRET: Final = re.compile(
    "|".join(
        (
            r"\b(?:mt|tt|mr)_[A-Za-z0-9_-]{43}",
            r"\beyJ[A-Za-z0-9_-]{10,}\.",
            r"(?<![0-9a-fA-F.])1[3-9]\d{9}(?![0-9a-fA-F])",
            r"(?<![0-9a-fA-F.])[1-9]\d{5}(?:19|20)\d{9}[0-9X](?![0-9a-fA-F])",
            r"\$argon2id\$",
            "correct horse",
            "open, sesame",
            "欧阳示例",
            *map(re.escape, _NAMES),
        )
    )
)


def in_log(text: str) -> Iterator[str]:
    """The lines of a log among `text` that tell what they must not."""
    for line in text.splitlines():
        if _LINE.search(line) and _SECRET.search(line):
            yield line
