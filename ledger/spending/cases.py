"""Cases: what a volunteer says was not redeemed by her (不是我兑换的), and how two people decide it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.spending.tables import cases


async def open_for(tx: AsyncConnection, book: int, redemption_id: UUID) -> bool:
    """Whether somebody disputes a redemption and nobody has decided: nothing of it is cancelled or refunded then.

    The caller holds the redemption's row, under which cases are opened and decided.
    """
    found = exists().where(cases.c.book_id == book, cases.c.redemption_id == redemption_id, cases.c.upheld.is_(None))
    return bool((await tx.execute(select(found))).scalar_one())
