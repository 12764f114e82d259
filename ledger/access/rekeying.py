"""Changing the keys of personal data while the service runs.

1. Put the new key behind the old one in the setting and start every process of the service anew: it is recognised.
2. Put it in front and start them anew: it writes.
3. `meide rekey`: what the old key wrote is written anew.
4. When that has changed nothing more, take the old key out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import cards, persons
from ledger.access.ciphers import Keys
from ledger.access.tables import book_numbers
from ledger.access.tables import cards as cards_table
from ledger.access.tables import persons as persons_table

BATCH: Final = 500

Progress = Callable[[int, int], None]
"""Hears how many rows are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """How many there were, and how many were not yet under the first keys.

    `taken`: (book, volunteer number) of those who cannot be, since another volunteer of the book has the same identity
    number. One of the two has to be corrected; then `rekey` again.
    """

    persons: int = 0
    persons_changed: int = 0
    cards: int = 0
    cards_changed: int = 0
    taken: tuple[tuple[int, str], ...] = ()


async def rekey(
    database: AsyncEngine, keys: Keys, progress: Progress = lambda done, total: None, *, most: int = BATCH
) -> Rekeyed:
    """Puts all personal data under the first identity key and the first index key. CannotDecrypt.

    Each `most` rows are a transaction, so others wait a moment at most; what is done stays done when it is interrupted,
    and it can be called again at any time.
    """
    async with database.connect() as tx:
        books = (await tx.execute(select(book_numbers.c.book_id).order_by(book_numbers.c.book_id))).scalars().all()
        total = 0
        for table in (persons_table, cards_table):
            total += (await tx.execute(select(func.count()).select_from(table))).scalar_one()
    done = Rekeyed()
    for book in books:
        last = ""
        while True:
            async with database.begin() as tx:
                batch = await persons.rekey(tx, keys, book, last, most)
            if batch is None:
                break
            last = batch.last
            done = Rekeyed(
                done.persons + batch.seen,
                done.persons_changed + batch.changed,
                done.cards,
                done.cards_changed,
                (*done.taken, *((book, volunteer_no) for volunteer_no in batch.taken)),
            )
            progress(done.persons + done.cards, total)
        last_card = ("", UUID(int=0))
        while True:
            async with database.begin() as tx:
                some = await cards.rekey(tx, keys, book, last_card, most)
            if some is None:
                break
            last_card = some.last
            done = Rekeyed(
                done.persons,
                done.persons_changed,
                done.cards + some.seen,
                done.cards_changed + some.changed,
                done.taken,
            )
            progress(done.persons + done.cards, total)
    return done
