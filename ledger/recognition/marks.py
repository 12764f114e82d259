"""What is on record against somebody, for the ladders that ask for good standing.

Put by one who certifies stars, and lifted when it proves unfounded: then it is as if it had never been, except as known
before. Reasons are words of a list; in no text is anybody described.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books.versions import EARLIEST
from ledger.days import day_of
from ledger.errors import AlreadyDecided, InvalidField, UnknownMark
from ledger.recognition.tables import marks

Why = Literal["forged_record", "absence", "misconduct", "other"]
REASONS: Final[tuple[Why, ...]] = get_args(Why)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on record. `marked_on`: the day that it happened. `lifted_at` None: it stands."""

    mark_id: UUID
    holder: str
    marked_on: date
    why: Why
    marked_by: str
    marked_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None


async def put(
    tx: AsyncConnection, book: int, holder: str, marked_on: date, why: str, *, by: str, now: datetime
) -> Mark:
    """Puts something on record against somebody; what stands there already stays as it is. InvalidField."""
    if why not in REASONS:
        raise InvalidField("why", "not_one_of_the_words")
    if marked_on > day_of(now):
        raise InvalidField("marked_on", "in_the_future")
    if marked_on < EARLIEST:
        raise InvalidField("marked_on", "out_of_range")
    new = insert(marks).values(
        book_id=book,
        mark_id=next(identifiers.rising(now)),
        holder=holder,
        marked_on=marked_on,
        why=why,
        marked_by=by,
        marked_at=now,
    )
    once = new.on_conflict_do_nothing(
        index_elements=[marks.c.book_id, marks.c.holder, marks.c.marked_on, marks.c.why],
        index_where=text("lifted_at IS NULL"),
    )
    while True:
        await tx.execute(once)
        # Also what somebody else put there at the same time: that has been committed, and may be lifted again by now.
        for each in await of_holder(tx, book, holder):
            if (each.marked_on, each.why, each.lifted_at) == (marked_on, why, None):
                return each


async def lift(tx: AsyncConnection, book: int, mark_id: UUID, *, by: str, now: datetime) -> Mark:
    """Takes something off the record. UnknownMark, AlreadyDecided."""
    await tx.execute(
        select(marks.c.mark_id).where(marks.c.book_id == book, marks.c.mark_id == mark_id).with_for_update()
    )
    found = await find(tx, book, mark_id)  # as it is now that it is locked
    if found.lifted_at is not None:
        raise AlreadyDecided
    await tx.execute(
        update(marks).where(marks.c.book_id == book, marks.c.mark_id == mark_id).values(lifted_by=by, lifted_at=now)
    )
    return replace(found, lifted_by=by, lifted_at=now)


async def find(tx: AsyncConnection, book: int, mark_id: UUID) -> Mark:
    """One of them; UnknownMark."""
    row = (await tx.execute(_MARKS.where(marks.c.book_id == book, marks.c.mark_id == mark_id))).one_or_none()
    if row is None:
        raise UnknownMark(mark_id)
    return _mark(row)


async def of_holder(tx: AsyncConnection, book: int, holder: str) -> Sequence[Mark]:
    """All that is or was on record against somebody, the latest day first."""
    hers = _MARKS.where(marks.c.book_id == book, marks.c.holder == holder)
    rows = await tx.execute(hers.order_by(marks.c.marked_on.desc(), marks.c.mark_id.desc()))
    return [_mark(row) for row in rows]


_MARKS: Final = select(
    marks.c.mark_id,
    marks.c.holder,
    marks.c.marked_on,
    marks.c.why,
    marks.c.marked_by,
    marks.c.marked_at,
    marks.c.lifted_by,
    marks.c.lifted_at,
)


def _mark(row: Any) -> Mark:
    return Mark(*row)
