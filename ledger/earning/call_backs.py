"""Call-backs: of those whom a leader signed in, some are drawn, and the people served are asked before the review."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import objections, record
from ledger.earning.record import Record
from ledger.errors import AlreadyDecided, NotTheirTurn, SecondPersonNeeded, UnknownRecord

Answer = Literal["confirmed", "denied"]


async def note(
    tx: AsyncConnection, book: int, record_id: UUID, *, by: str, holder: str | None, confirmed: bool
) -> Record:
    """Notes what the person served said; the record then waits for its review as before.

    Nobody asks about her own record: SecondPersonNeeded. UnknownRecord, NotTheirTurn, AlreadyDecided (another answer
    stands there; the same one again changes nothing).
    """
    found = (await record.locked(tx, book, [record_id])).get(record_id)
    if found is None:
        raise UnknownRecord(str(record_id))
    answer: Answer = "confirmed" if confirmed else "denied"
    if found.call_back == answer:
        return found
    if found.state != "submitted" or found.call_back is None:
        raise NotTheirTurn(found.record, found.state)
    if found.call_back != "due":
        raise AlreadyDecided
    if objections.involved(found, None, by, holder):
        raise SecondPersonNeeded
    noted = replace(found, call_back=answer)
    await record.change(tx, book, [noted])
    return noted
