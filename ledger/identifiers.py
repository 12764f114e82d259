"""Identifiers that rise with time."""

import os
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID


def rising(time: datetime) -> Iterator[UUID]:
    """UUIDs of version 7 (RFC 9562): the milliseconds of `time`, then 74 random bits."""
    prefix = int(time.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
    while True:
        drawn = os.urandom(10 * 64)  # one call of the system for many
        for start in range(0, len(drawn), 10):
            bits = int.from_bytes(drawn[start : start + 10], "big")
            yield UUID(int=prefix | bits & ~(0xF << 76) & ~(0x3 << 62))
