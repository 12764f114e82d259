"""Which service record a line of a volunteer's passbook comes from."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.statements import StatementLine
from ledger.earning import record
from ledger.earning.record import Record
from ledger.earning.tables import records

_STEPS = ("hours_transaction", "points_transaction", "release_transaction", "correction_transaction")


async def origins(tx: AsyncConnection, book: int, holder: str, lines: Iterable[StatementLine]) -> dict[UUID, Record]:
    """The record that each transaction of these lines of one holder's comes from; others are left out.

    What undoes a posting comes from the record of what it undoes.
    """
    named = {line.transaction_id: line.corrects or line.transaction_id for line in lines}
    if not named:
        return {}
    ids = literal(sorted({*named, *named.values()}), ARRAY(Uuid))
    found = await record.read(
        tx,
        record.of_book(book).where(records.c.holder == holder, or_(*(records.c[step] == any_(ids) for step in _STEPS))),
    )
    of = {getattr(each, step): each for each in found for step in _STEPS}
    return {
        transaction: of.get(transaction) or of[corrects]
        for transaction, corrects in named.items()
        if transaction in of or corrects in of
    }
