"""Stars that have been awarded, as rows; the verbs that award them have tests of their own."""

from __future__ import annotations

import datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.days import day_of
from ledger.recognition.tables import assessments, awards


async def a_star(
    tx: AsyncConnection, book: int, holder: str, star: int, organisation: str | None = None, state: str = "awarded"
) -> UUID:
    """A star of hers, awarded today or in another state."""
    now = await connect.now(tx)
    today = day_of(now)
    assessment, award = uuid4(), uuid4()
    await tx.execute(
        insert(assessments).values(
            book_id=book,
            assessment_id=assessment,
            as_of=today,
            known_at=now,
            ladder=0,
            made_by="user:1",
            made_at=now,
            done_at=now,
            people=1,
            digest=bytes(32),
        )
    )
    decided = state in ("awarded", "refused", "ended")
    given = state in ("awarded", "ended")
    await tx.execute(
        insert(awards).values(
            book_id=book,
            award_id=award,
            assessment_id=assessment,
            holder=holder,
            star=star,
            title="",
            as_of=today,
            minutes=star * 10_000,
            needed=star * 10_000,
            honour=False,
            organisation=organisation,
            state="awarded" if state == "ended" else state,
            proposed_by="user:1",
            proposed_at=now,
            notice_from=today - datetime.timedelta(days=10),
            notice_until=today - datetime.timedelta(days=3),
            decided_by="user:2" if decided else None,
            decided_at=now if decided else None,
            awarded_on=today if given else None,
            serial=award.hex if given else None,
        )
    )
    if state == "ended":
        ended = {"state": state, "ended_on": today, "ended_at": now, "ended_by": "user:2", "end_reason": "x"}
        await tx.execute(update(awards).where(awards.c.book_id == book, awards.c.award_id == award).values(ended))
    return award
