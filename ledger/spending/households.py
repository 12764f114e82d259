"""Households: people who share the quotas of a household. The staff say who belongs together."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE
from ledger.errors import InvalidField
from ledger.spending.tables import shoppers


async def join(tx: AsyncConnection, book: int, holder: str, household: str) -> None:
    """From now on she belongs to this household, and to no other. InvalidField."""
    if not CODE.fullmatch(household):
        raise InvalidField("household", "not_a_code")
    new = insert(shoppers).values(book_id=book, holder=holder, household=household)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[shoppers.c.book_id, shoppers.c.holder], set_={"household": new.excluded.household}
        )
    )


async def leave(tx: AsyncConnection, book: int, holder: str) -> None:
    """From now on she is a household alone."""
    await tx.execute(
        update(shoppers).where(shoppers.c.book_id == book, shoppers.c.holder == holder).values(household=None)
    )


async def household_of(tx: AsyncConnection, book: int, holder: str) -> str | None:
    """Which household she belongs to; None: she is one alone."""
    found: str | None = await tx.scalar(
        select(shoppers.c.household).where(shoppers.c.book_id == book, shoppers.c.holder == holder)
    )
    return found


async def members(tx: AsyncConnection, book: int, household: str) -> list[str]:
    """The holders of those who belong to a household."""
    found = await tx.execute(
        select(shoppers.c.holder)
        .where(shoppers.c.book_id == book, shoppers.c.household == household)
        .order_by(shoppers.c.holder)
    )
    return list(found.scalars())
