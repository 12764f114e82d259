"""Sealing for tests, on a server that others use too."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import log
from ledger.auditing.tables import log_leaves
from ledger.books.directory import Book
from ledger.books.tables import transactions


async def sealed(database: AsyncEngine, book: Book) -> int:
    """Seals until every transaction of the book is a leaf; answers the size.

    What was committed after the oldest transaction that is still under way, in whichever database of the server, waits
    for the end of that one.
    """
    leaf = exists().where(log_leaves.c.book_id == book.book_id, log_leaves.c.item == transactions.c.transaction_id)
    waiting = select(exists().where(transactions.c.book_id == book.book_id, ~leaf))
    while True:
        size = await log.seal_all(database, book.book_id)
        async with database.connect() as tx:
            if not (await tx.execute(waiting)).scalar_one():
                return size
