"""Where records stand: what waits for whom and until when, what is in public notice, what is overdue. Only reads.

Lists take `within`, the codes of organisations that count with all below them (None: all of the book), and go on
`after` a place that the list before ended with: keyset pages, so that a page costs the same wherever it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Select, case, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database.rows import rows_within
from ledger.earning import record
from ledger.earning.calendar import Calendar
from ledger.earning.objections import Objection
from ledger.earning.record import Record, State
from ledger.earning.tables import organisations, records
from ledger.errors import InvalidField

MOST: Final = 200


class Place(NamedTuple):
    """A place in a list: the day it is ordered by, and the record there."""

    day: date
    record_id: UUID

    def __str__(self) -> str:
        return f"{self.day.isoformat()}.{self.record_id}"

    @classmethod
    def read(cls, text: str) -> Place:
        """What `str` wrote; InvalidField."""
        day, _, record_id = text.partition(".")
        try:
            return cls(date.fromisoformat(day), UUID(record_id))
        except ValueError:
            raise InvalidField("after", "not_a_place") from None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a list, and where the next page begins (None: there is none)."""

    records: list[Record]
    next: Place | None


# --- whose turn it is -------------------------------------------------------------------------------------------------

Who = Literal["call_back", "reviewer", "budget", "notice", "decider", "nobody"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Who acts next on a record, and until when he shall.

    `call_back`: staff of `organisation` ask the person served; `reviewer`, `decider`: staff of `organisation` review,
    or decide an objection; `budget`: it waits for points to be granted; `notice`: until that day anybody may object,
    then it is credited by itself; `nobody`: it is at its end.
    """

    who: Who
    organisation: str | None = None
    until: date | None = None

    def overdue(self, today: date) -> bool:
        """Whether somebody should have acted by now."""
        return self.who in ("call_back", "reviewer", "decider") and self.until is not None and self.until < today


def whose_turn(of: Record, raised: Objection | None = None) -> Turn:
    """Who acts next on a record; `raised`: the objection to it that is open, if one is."""
    if raised is not None and raised.upheld is None:
        return Turn("decider", of.review_by, raised.due_on)
    match of.state:
        case "submitted":
            return Turn("call_back" if of.call_back == "due" else "reviewer", of.review_by, of.due_on)
        case "reviewed":
            return Turn("budget")
        case "in_notice":
            return Turn("notice", None, of.notice_until)
        case "objected":
            return Turn("decider", of.review_by, of.due_on)
        case _:
            return Turn("nobody")


# --- lists for staff --------------------------------------------------------------------------------------------------

_DUE: Final[ColumnElement[date]] = func.coalesce(records.c.due_on, records.c.served_on, type_=Date)
_LAST_DAY: Final[ColumnElement[date]] = func.coalesce(records.c.notice_until, records.c.served_on, type_=Date)


async def to_review(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    call_backs: bool = False,
    after: Place | None = None,
    limit: int = MOST,
) -> Page:
    """The records that wait for a review by these organisations, the one that is due first at the head.

    `call_backs`: only those of which the person served has to be asked first.
    """
    found = record.of_book(book).where(records.c.state == "submitted")
    if call_backs:
        found = found.where(records.c.call_back == "due")
    return await _page(tx, _within(found, book, records.c.review_by, within), _DUE, after, limit)


async def in_notice(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    after: Place | None = None,
    limit: int = MOST,
) -> Page:
    """The records of these organisations in public notice, the one whose notice ends first at the head.

    With those to which somebody has objected: that nothing has been decided about them is the public's to see, too.
    """
    found = record.of_book(book).where(
        records.c.state.in_(("in_notice", "objected")), records.c.notice_until.is_not(None)
    )
    return await _page(tx, _within(found, book, records.c.organisation, within), _LAST_DAY, after, limit)


def surely(days: Calendar, listed: Page) -> bool:
    """Whether the last days of a notice list are of years whose holidays are known; else Monday to Friday counted."""
    return all(each.notice_until is None or days.known(each.notice_until) for each in listed.records)


async def of_organisations(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    state: State | None = None,
    after: UUID | None = None,
    limit: int = MOST,
) -> list[Record]:
    """The records of these organisations, of one state or of all, the newest first."""
    found = _within(record.of_book(book), book, records.c.organisation, within)
    if state is not None:
        found = found.where(records.c.state == state)
    if after is not None:
        found = found.where(records.c.record_id < after)
    return await record.read(tx, found.order_by(records.c.record_id.desc()).limit(limit))


async def of_volunteer(
    tx: AsyncConnection, book: int, holder: str, *, after: Place | None = None, limit: int = MOST
) -> Page:
    """A volunteer's own records, by the day of service, the newest first."""
    found = record.of_book(book).where(records.c.holder == holder)
    place = tuple_(records.c.served_on, records.c.record_id)
    if after is not None:
        found = found.where(place < tuple_(literal(after.day), literal(after.record_id)))
    found = found.order_by(records.c.served_on.desc(), records.c.record_id.desc())
    listed = await record.read(tx, found.limit(limit + 1))
    last = listed[limit - 1] if len(listed) > limit else None
    return Page(listed[:limit], None if last is None else Place(last.served_on, last.record_id))


async def minutes_of_days(tx: AsyncConnection, book: int, found: Sequence[Record]) -> dict[tuple[str, date], int]:
    """How long those who served these served in all on each of these days (holder, service day)."""
    asked = sorted({(each.holder, each.served_on) for each in found if each.record_class != "act"})
    if not asked:
        return {}
    days = rows_within([records.c.holder, records.c.served_on], asked)
    rows = await tx.execute(
        select(records.c.holder, records.c.served_on, func.sum(records.c.minutes))
        .join(days, (days.c.holder == records.c.holder) & (days.c.served_on == records.c.served_on))
        .where(
            records.c.book_id == book,
            records.c.check_in.is_not(None),
            records.c.state.not_in(("refused", "corrected")),
        )
        .group_by(records.c.holder, records.c.served_on)
    )
    return {(holder, day): int(minutes) for holder, day, minutes in rows}


@dataclass(frozen=True, slots=True)
class Overdue:
    """What staff of an organisation have let wait for too long (Regulation on Volunteer Service 38).

    So many records to be reviewed and so many objections to be decided; `oldest`: since when the first was due.
    """

    organisation: str
    name: str
    reviews: int
    objections: int
    oldest: date


async def overdue(
    tx: AsyncConnection, book: int, within: Collection[str] | None = None, *, today: date
) -> list[Overdue]:
    """What is overdue, by the organisation whose turn it is, the oldest first."""
    reviews = func.count(case((records.c.state == "submitted", 1)))
    found = (
        select(records.c.review_by, organisations.c.name, reviews, func.count(), func.min(records.c.due_on))
        .join(organisations, (organisations.c.book_id == book) & (organisations.c.code == records.c.review_by))
        .where(
            records.c.book_id == book,
            records.c.state.in_(("submitted", "objected")),
            records.c.due_on < today,
        )
        .group_by(records.c.review_by, organisations.c.name)
        .order_by(func.min(records.c.due_on), records.c.review_by)
    )
    if within is not None:
        found = found.where(_any_of(within))
    rows = await tx.execute(found)
    return [
        Overdue(code, name, of_them, waiting - of_them, oldest)
        for code, name, of_them, waiting, oldest in rows
        if oldest is not None  # it never is: what has no such day is not overdue
    ]


def _within(
    found: Select[Any], book: int, organisation: ColumnElement[str], within: Collection[str] | None
) -> Select[Any]:
    if within is None:
        return found
    named = (organisations.c.book_id == book) & (organisations.c.code == organisation)
    return found.join(organisations, named).where(_any_of(within))


def _any_of(within: Collection[str]) -> ColumnElement[bool]:
    overlaps: ColumnElement[bool] = organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT)))
    return overlaps


async def _page(
    tx: AsyncConnection, found: Select[Any], day: ColumnElement[date], after: Place | None, limit: int
) -> Page:
    if after is not None:
        found = found.where(tuple_(day, records.c.record_id) > tuple_(literal(after.day), literal(after.record_id)))
    listed: Sequence[Record] = await record.read(tx, found.order_by(day, records.c.record_id).limit(limit + 1))
    if len(listed) <= limit:
        return Page(list(listed), None)
    last = listed[limit - 1]
    by = (last.due_on if day is _DUE else last.notice_until) or last.served_on
    return Page(list(listed[:limit]), Place(by, last.record_id))
