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
    """Posts the proposals, each for itself, and answers when they are safe on disk, in their order.

    Refusals are outcomes. Raises what the database raises; then the caller cannot know what was stored, and sends the
    same again: what was, is answered from its keys.
    """
    if len(proposals) > 1:
        try:
            return await _commit(database, book, proposals)
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError:
            pass  # it was rolled back whole; alone, none of them suffers from another's fault
    return [await _alone(database, book, proposal) for proposal in proposals]


async def _alone(database: AsyncEngine, book: int, proposal: Proposal) -> Outcome:
    try:
        return (await _commit(database, book, [proposal]))[0]
    except psycopg.errors.UniqueViolation as error:
        if connect.violation(error)[1] != "keys_pkey":
            raise
    # Somebody else used the key between our reading and our writing. He has committed, since our insert waited for him:
    # so this time it is answered from what he has stored.
    return (await _commit(database, book, [proposal]))[0]


async def _commit(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    async with database.begin() as tx:
        return await journal.post(tx, book, proposals)
