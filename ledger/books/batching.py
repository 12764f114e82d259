"""The way into the journal for every verb that changes only the books: it owns the transaction.

Today a call's proposals are one batch; gathering concurrent calls into shared batches changes only the inside of
`submit`.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import journal
from ledger.books.evaluate import Outcome, Proposal
from ledger.database import connect


async def submit(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    """Posts the proposals, each for itself, and commits; answers when they are safe on disk, in their order.

    Refusals are outcomes. Raises what the database raises; then nothing was stored.
    """
    try:
        return await _commit(database, book, proposals)
    except psycopg.errors.UniqueViolation as error:
        # Somebody else used one of the keys between our reading and our writing. He has committed (the insert waited
        # for him), so each proposal alone now finds what is stored: his outcome, or nothing of its own in the way.
        if connect.violation(error)[1] != "keys_pkey":
            raise
    return [(await _commit(database, book, [proposal]))[0] for proposal in proposals]


async def _commit(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    async with database.begin() as tx:
        try:
            return await journal.post(tx, book, proposals)
        except psycopg.OperationalError:
            if (await connect.driver(tx)).closed:  # the pool must not hand it out again
                await tx.invalidate()
            raise
