"""Serial numbers of what is issued on paper: 1, 2, 3 … in each series of a book, without gaps."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.recognition.tables import serials


async def next_number(tx: AsyncConnection, book: int, series: str) -> int:
    """The next number of this series (`certificate/2026`); whoever takes one there waits until this `tx` has ended."""
    return (await next_numbers(tx, book, series, 1))[0]


async def next_numbers(tx: AsyncConnection, book: int, series: str, how_many: int) -> range:
    """The next numbers of this series, at least one."""
    assert how_many > 0, "a series is begun by who takes a number of it"
    taken = insert(serials).values(book_id=book, series=series, last=how_many)
    last = (
        await tx.execute(
            taken.on_conflict_do_update(
                index_elements=[serials.c.book_id, serials.c.series],
                set_={"last": serials.c.last + taken.excluded.last},
            ).returning(serials.c.last)
        )
    ).scalar_one()
    return range(last - how_many + 1, last + 1)
