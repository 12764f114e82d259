"""Numbers without gaps of what is filed: proofs of service by organisation and year, certificates by year."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.recognition.tables import serials


async def next_number(tx: AsyncConnection, book: int, series: str) -> int:
    """The next number of a series, from 1; whoever asks after it waits, so that what is rolled back leaves no gap."""
    taken = await tx.execute(
        insert(serials)
        .values(book_id=book, series=series, last=1)
        .on_conflict_do_update(index_elements=[serials.c.book_id, serials.c.series], set_={"last": serials.c.last + 1})
        .returning(serials.c.last)
    )
    return int(taken.scalar_one())
