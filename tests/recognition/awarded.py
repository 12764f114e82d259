"""Stars that have been awarded, as rows; the verbs that award them have tests of their own."""

from __future__ import annotations

import datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.days import day_of
from ledger.recognition import serials
from ledger.recognition.assessments import find, stored_digest
from ledger.recognition.tables import assessed, assessments, award_objections, awards


async def a_star(
    tx: AsyncConnection, book: int, holder: str, star: int, organisation: str | None = None, state: str = "awarded"
) -> UUID:
    """A star of hers, awarded today or in another state."""
    now = await connect.now(tx)
    today = day_of(now)
    assessment, award, minutes = uuid4(), uuid4(), star * 10_000
    await tx.execute(
        insert(assessments).values(
            book_id=book,
            assessment_id=assessment,
            as_of=today,
            known_at=now,
            ladder=0,
            made_by="user:1",
            made_at=now,
        )
    )
    await tx.execute(
        insert(assessed).values(
            book_id=book,
            assessment_id=assessment,
            holder=holder,
            credit_minutes=minutes,
            honour_minutes=0,
            year_minutes=0,
            points=0,
            registered_on=today,
            held=0,
            kept=0,
            star=star,
        )
    )
    people, digest = await stored_digest(tx, book, await find(tx, book, assessment))
    await tx.execute(
        update(assessments)
        .where(assessments.c.book_id == book, assessments.c.assessment_id == assessment)
        .values(done_at=now, people=people, digest=digest)
    )
    decided = state in ("awarded", "refused", "ended")
    serial = None
    if given := state in ("awarded", "ended"):
        number = await serials.next_number(tx, book, f"certificate/{today.year}")
        serial = f"S{today.year}-{number:06d}"
    await tx.execute(
        insert(awards).values(
            book_id=book,
            award_id=award,
            assessment_id=assessment,
            holder=holder,
            star=star,
            title="",
            as_of=today,
            minutes=minutes,
            needed=minutes,
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
            serial=serial,
        )
    )
    if state == "objected":
        await tx.execute(
            insert(award_objections).values(
                book_id=book,
                objection_id=uuid4(),
                award_id=award,
                raised_by="user:3",
                raised_at=now,
                reason="x",
                due_on=today,
            )
        )
    if state == "ended":
        ended = {"state": state, "ended_on": today, "ended_at": now, "ended_by": "user:2", "end_reason": "x"}
        await tx.execute(update(awards).where(awards.c.book_id == book, awards.c.award_id == award).values(ended))
    return award
