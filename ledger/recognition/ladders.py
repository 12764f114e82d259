"""The star ladders of a book in versions (`versions` says how they come into force).

An approved one begins tomorrow at the earliest, so that the stars of the days until then keep the ladder of their day;
only a book's first may begin earlier, in whose place the national ladder stood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import versions
from ledger.books.versions import Kind, Version
from ledger.errors import UnknownLadder
from ledger.recognition import ladder_body
from ledger.recognition.ladder import NATIONAL, Ladder
from ledger.recognition.tables import ladders


@lru_cache(maxsize=64)
def _read(body: str, version: int) -> Ladder:
    """A stored body: the same for ever, and asked for wherever a star is shown."""
    return replace(ladder_body.read(json.loads(body)), version=version)


LADDERS: Final = Kind(ladders, "ladder", UnknownLadder, _read)


async def draft(
    tx: AsyncConnection, book: int, ladder: Ladder, *, effective_from: date, note: str = "", by: str, now: datetime
) -> Version[Ladder]:
    """Keeps a ladder as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    body = ladder_body.stored(ladder)
    ladder_body.read(body)  # what cannot be read is not stored
    return await versions.draft(tx, LADDERS, book, body, effective_from=effective_from, note=note, by=by, now=now)


async def approve(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[Ladder]:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    UnknownLadder, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    return await versions.approve(tx, LADDERS, book, version, by=by, now=now)


async def decline(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[Ladder]:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. UnknownLadder, AlreadyDecided."""
    return await versions.decline(tx, LADDERS, book, version, by=by, now=now)


async def in_force(tx: AsyncConnection, book: int, day: date, *, known_at: datetime | None = None) -> Ladder:
    """The ladder of a day: the newest approved version that has begun, or the national one.

    `known_at`: as it was known then, since a book's first ladder may begin before it is approved.
    """
    found = await versions.in_force(tx, LADDERS, book, day, known_at=known_at)
    return NATIONAL if found is None else found.content


async def version(tx: AsyncConnection, book: int, number: int) -> Ladder:
    """The ladder that an assessment or an award names: an approved version, or 0, the national one. UnknownLadder.

    A draft is none: nobody has a star by what nobody approved.
    """
    if number == NATIONAL.version:
        return NATIONAL
    found = await find(tx, book, number)
    if not found.approved:
        raise UnknownLadder(number)
    return found.content


async def find(tx: AsyncConnection, book: int, version: int) -> Version[Ladder]:
    """One version, also a draft; UnknownLadder."""
    return await versions.find(tx, LADDERS, book, version)


async def versions_of(
    tx: AsyncConnection, book: int, *, before: int | None = None, limit: int = 200
) -> Sequence[Version[Ladder]]:
    """The versions of a book, the newest first; before a version, or all."""
    return await versions.versions_of(tx, LADDERS, book, before=before, limit=limit)
