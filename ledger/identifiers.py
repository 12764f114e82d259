"""Identifiers that rise with time."""

import os
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID


def rising(time: datetime) -> Iterator[UUID]:
    """UUIDs of version 7 (RFC 9562), each above the one before: the milliseconds of `time`, then 74 bits that begin
    anywhere and go on in steps that nobody can foresee (its section 6.2, method 2).

    So the transactions of a batch stand in the sealed log as they were posted.
    """
    prefix = int(time.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
    bits = int.from_bytes(os.urandom(10), "big") >> 7  # in the lower half, with room for 2^25 steps
    while True:
        drawn = b""
        for start in range(0, 6 * 64, 6):
            yield UUID(int=prefix | bits >> 62 << 64 | bits & (1 << 62) - 1)
            drawn = drawn or os.urandom(6 * 64)  # one call of the system for many
            bits += 1 + int.from_bytes(drawn[start : start + 6], "big")
