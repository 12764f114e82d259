"""Which redemption a line of a volunteer's passbook belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.statements import StatementLine
from ledger.books.tables import holds
from ledger.spending import redemption
from ledger.spending.redemption import Redemption
from ledger.spending.tables import redemptions


async def origins(
    tx: AsyncConnection, book: int, holder: str, lines: Iterable[StatementLine]
) -> dict[UUID, Redemption]:
    """The redemption that each transaction of these lines of one holder's belongs to; others are left out.

    Posted, held, given back from a hold, or correcting one of those.
    """
    named = {
        line.transaction_id: line.corrects or line.transaction_id
        for line in lines
        if line.kind.partition(".")[0] in ("spend", "hold")
    }
    if not named:
        return {}
    ids = any_(literal(sorted({*named, *named.values()}), ARRAY(Uuid)))
    steps = (redemptions.c.transaction_id, redemptions.c.hold_id, holds.c.ended_by)
    rows = await tx.execute(
        select(redemptions.c.redemption_id, *steps)
        .outerjoin(holds, (holds.c.book_id == book) & (holds.c.hold_id == redemptions.c.hold_id))
        .where(redemptions.c.book_id == book, redemptions.c.holder == holder, or_(*(step == ids for step in steps)))
    )
    of = {step: redemption_id for redemption_id, *ids in rows for step in ids if step is not None}
    found = await redemption.find_many(tx, book, of.values())
    return {
        transaction: found[of.get(transaction) or of[corrects]]
        for transaction, corrects in named.items()
        if transaction in of or corrects in of
    }
