"""Objections to service records, and corrections: one person raises them, another one who was not involved decides.

What is in public notice anybody may object to, the volunteer too: of a minus item that is her appeal. What has been
credited is corrected in the same way, by two members of the staff. One is open for a record at a time. All verbs look
at the record under its lock, so an objection, a decision and the end of notice at once have one outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from sqlalchemy import Select, Uuid, any_, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.earning import calendar, corrections, record, rule_sets, rules, volunteers
from ledger.earning.record import Record
from ledger.earning.tables import objections, organisations
from ledger.earning.tables import records as rows
from ledger.errors import (
    AlreadyDecided,
    InvalidField,
    NoticeOver,
    NotTheirTurn,
    ObjectionOpen,
    SecondPersonNeeded,
    UnknownObjection,
    UnknownRecord,
)
from ledger.text import one_line

REASON_LENGTHS: Final = (4, 200)

Kind = Literal["objection", "correction"]


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection to what is in notice, or a correction of what has been credited. `upheld` None: it is open.

    `holder`: the objector's own, if she is a volunteer. `due_on`: until when it shall be decided.
    """

    objection_id: UUID
    record_id: UUID
    kind: Kind
    raised_by: str
    holder: str | None
    raised_at: datetime
    reason: str
    due_on: date
    decided_by: str | None
    decided_at: datetime | None
    upheld: bool | None
    decision: str | None


@dataclass(frozen=True, slots=True)
class Disputed:
    """An open objection with the record that it is about."""

    objection: Objection
    record: Record


_COLUMNS: Final = [objections.c[name] for name in Objection.__dataclass_fields__]


async def raise_(
    tx: AsyncConnection,
    book: int,
    record_id: UUID,
    *,
    by: str,
    holder: str | None,
    reason: str,
    now: datetime,
    staff: bool = False,
) -> Objection:
    """Objects to a record, so that it is not credited before somebody has decided.

    Anybody may while it is in notice, each person once; `staff` also while it waits for the budget, and of what has
    been credited they propose a correction, which leaves it as it is until a second one agrees.
    InvalidField, UnknownRecord, NotTheirTurn, NoticeOver, ObjectionOpen, AlreadyDecided (the same person's was).
    """
    reason = _checked(reason)
    found = (await record.locked(tx, book, [record_id])).get(record_id)
    if found is None:
        raise UnknownRecord(str(record_id))
    earlier = await of_record(tx, book, record_id)
    if any(each.upheld is None for each in earlier):
        raise ObjectionOpen(found.record)
    if found.state not in ("in_notice", *(("reviewed", "credited") if staff else ())):
        raise NotTheirTurn(found.record, found.state)
    today = day_of(now)
    if found.state == "in_notice":
        if found.notice_until is not None and found.notice_until < today:
            raise NoticeOver(found.record, found.notice_until)
        if any(each.raised_by == by or (holder is not None and each.holder == holder) for each in earlier):
            raise AlreadyDecided
    rule_set = (await rule_sets.in_force(tx, book)).on(today) or rules.DEFAULT
    raised = Objection(
        objection_id=uuid4(),
        record_id=record_id,
        kind="correction" if found.state == "credited" else "objection",
        raised_by=by,
        holder=holder,
        raised_at=now,
        reason=reason,
        due_on=(await calendar.read(tx, today)).after(today, rule_set.decide_days),
        decided_by=None,
        decided_at=None,
        upheld=None,
        decision=None,
    )
    await tx.execute(insert(objections).values(book_id=book, **{c.name: getattr(raised, c.name) for c in _COLUMNS}))
    if raised.kind == "objection":
        await record.change(tx, book, [replace(found, state="objected", due_on=raised.due_on)])
    return raised


async def decide(
    tx: AsyncConnection,
    book: int,
    objection_id: UUID,
    *,
    by: str,
    holder: str | None,
    upheld: bool,
    reason: str,
    now: datetime,
) -> tuple[Objection, Record]:
    """Decides an objection, by somebody who was not involved; the decision, and the record as it is then.

    Upheld, the record is corrected: hours and points are taken back. Rejected, it goes on where it was; its notice
    ends on the day on which it would have ended. Who objected, recorded, reviewed or served does not decide:
    SecondPersonNeeded. InvalidField, UnknownObjection, AlreadyDecided, and what the books refuse.
    """
    reason = _checked(reason)
    asked = await read(tx, book, objection_id)
    await volunteers.locked(tx, book, [(await record.get(tx, book, asked.record_id)).holder])
    disputed = (await record.locked(tx, book, [asked.record_id]))[asked.record_id]
    asked = await read(tx, book, objection_id)
    if asked.upheld is not None:
        raise AlreadyDecided
    if involved(disputed, asked, by, holder):
        raise SecondPersonNeeded
    await tx.execute(
        update(objections)
        .where(objections.c.book_id == book, objections.c.objection_id == objection_id)
        .values(decided_by=by, decided_at=now, upheld=upheld, decision=reason)
    )
    decided = replace(asked, decided_by=by, decided_at=now, upheld=upheld, decision=reason)
    if upheld and disputed.state != "corrected":
        # A correction is the proposer's work, which a second person approved; an objection the decider's.
        actor, approver = (asked.raised_by, by) if asked.kind == "correction" else (by, None)
        return decided, await corrections.correct(
            tx, book, asked.record_id, by=actor, approver=approver, reason=asked.reason, now=now
        )
    if disputed.state == "objected":
        before: record.State = "reviewed" if disputed.notice_until is None else "in_notice"
        disputed = replace(disputed, state=before, due_on=disputed.notice_until)
        await record.change(tx, book, [disputed])
    return decided, disputed


def involved(of: Record, raised: Objection | None, by: str, holder: str | None) -> bool:
    """Whether somebody (`holder`: her own, if she is a volunteer) had a hand in a record or in an objection to it."""
    hands = {of.recorder, of.submitted_by, of.reviewed_by}
    holders = {of.holder}
    if raised is not None:
        hands.add(raised.raised_by)
        holders.add(raised.holder or "")
    return by in hands or holder in holders


# --- reading ----------------------------------------------------------------------------------------------------------


async def read(tx: AsyncConnection, book: int, objection_id: UUID) -> Objection:
    """One objection; UnknownObjection."""
    found = await _read(tx, _of_book(book).where(objections.c.objection_id == objection_id))
    if not found:
        raise UnknownObjection(objection_id)
    return found[0]


async def of_record(tx: AsyncConnection, book: int, record_id: UUID) -> list[Objection]:
    """All objections to a record, the oldest first."""
    found = _of_book(book).where(objections.c.record_id == record_id)
    return await _read(tx, found.order_by(objections.c.raised_at, objections.c.objection_id))


async def open_ones(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Disputed]:
    """The objections that wait for a decision, the one that is due first at the head, after another one.

    `within`: only to records that these organisations, or those below them, review; None: all of the book.
    """
    found = (
        _of_book(book)
        .join(rows, (rows.c.book_id == book) & (rows.c.record_id == objections.c.record_id))
        .where(objections.c.decided_at.is_(None))
        .order_by(objections.c.due_on, objections.c.objection_id)
        .limit(limit)
    )
    if within is not None:
        reviewing = (organisations.c.book_id == book) & (organisations.c.code == rows.c.review_by)
        found = found.join(organisations, reviewing).where(
            organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT)))
        )
    if after is not None:
        last = await read(tx, book, after)
        found = found.where(
            or_(
                objections.c.due_on > last.due_on,
                (objections.c.due_on == last.due_on) & (objections.c.objection_id > after),
            )
        )
    return await _with_records(tx, book, await _read(tx, found))


async def _with_records(tx: AsyncConnection, book: int, found: Sequence[Objection]) -> list[Disputed]:
    named = rows.c.record_id == any_(literal([each.record_id for each in found], ARRAY(Uuid)))
    hers = {each.record_id: each for each in await record.read(tx, record.of_book(book).where(named))}
    return [Disputed(each, hers[each.record_id]) for each in found]


def _of_book(book: int) -> Select[Any]:
    return select(*_COLUMNS).where(objections.c.book_id == book)


async def _read(tx: AsyncConnection, found: Select[Any]) -> list[Objection]:
    return [Objection(*row) for row in await tx.execute(found)]


def _checked(reason: str) -> str:
    plain = reason.strip()
    if not one_line(plain, least=REASON_LENGTHS[0], most=REASON_LENGTHS[1]):
        raise InvalidField("reason", "not_a_reason")
    return plain
