"""What the sealed log costs: how fast a book is sealed, and what postings lose by it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from api import sealing
from api.bench import postings
from api.bench.ground import Ground
from api.bench.measure import Measured, Run
from ledger.auditing import log
from ledger.auditing.signer import Signer
from ledger.books import directory
from ledger.books.directory import Book

LEAST: Final = 20_000
"""Leaves that are sealed in a second, of a million."""
LOSS: Final = 0.95
"""What is posted while the log is sealed beside it, in times of what is posted without."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """The sealing of a book from nothing: leaves, and how many a second; bytes that the log takes, of each leaf."""

    leaves: int
    per_second: float
    bytes_each: float


async def sealed(ground: Ground, book: Book) -> Sealing:
    """Seals a book, piece by piece as the service does."""
    ground.progress(f"Sealing {book.name}", 0, 1)
    begun = perf_counter()
    leaves = await log.seal_all(ground.database, book.book_id)
    seconds = perf_counter() - begun
    async with ground.database.connect() as tx:
        held = await log.bytes_held(tx)
    return Sealing(leaves, leaves / seconds, held / max(1, leaves))


async def posting(ground: Ground) -> Run:
    """256 callers, while the log is sealed, signed and published beside them as in a service."""
    by = Signer("bench", (secrets.token_bytes(32),), ground.folder / "log-state")
    run = await postings.callers(postings.CALLERS, postings.between_two)(ground)

    async def beside(seconds: int) -> Measured:
        await _seal_all(ground.database)  # what was posted before is not for these seconds
        async with sealing.running(ground.database, by):
            return await run(seconds)

    return beside


async def _seal_all(database: AsyncEngine) -> None:
    async with database.connect() as tx:
        books = await directory.all_books(tx)
    for book in books:
        await log.seal_all(database, book.book_id)
