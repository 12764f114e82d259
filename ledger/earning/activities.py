"""Activities: planned and published by an organisation before they take place, run by its leader on the spot.

Rules as the provincial platforms have them (i志愿): only what is still to come is published, for a year at most, and no
activity is there to enter service afterwards (补录). With bodily risk insurance comes first (《志愿服务条例》 17).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, any_, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.days import BEIJING, day_of, midnight
from ledger.earning import organisations
from ledger.earning.tables import activities, attendances
from ledger.earning.tables import organisations as organisations_table
from ledger.errors import (
    ActivityBegun,
    ActivityCancelled,
    ActivityClosed,
    ActivityExists,
    InvalidField,
    UnknownActivity,
)
from ledger.text import one_line

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")
"""A short one, since it stands in the address that a QR code holds."""

LONGEST: Final = timedelta(days=366)
TEXT_LENGTH: Final = 200
MOST_PEOPLE: Final = 100_000
OLDEST: Final = 120
BACKFILL: Final = "补录"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an activity is to be. `capacity`: how many people (None: any number). `least_age`: in years (None: as the
    rules say). `risky`: with bodily risk; until `policy_no` names an insurance, nobody can sign in. `training`: the
    qualification that everybody must have."""

    name: str
    category: str
    place: str
    starts_at: datetime
    ends_at: datetime
    capacity: int | None = None
    least_age: int | None = None
    risky: bool = False
    policy_no: str | None = None
    training: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity. `line`: of its organisation. `inactive`: why that records nothing, its status or that of one above.

    `head_count`, `ended_at`, `ended_by`: when the leader has closed it.
    """

    activity: str
    organisation: str
    name: str
    category: str
    place: str
    starts_at: datetime
    ends_at: datetime
    capacity: int | None
    least_age: int | None
    risky: bool
    policy_no: str | None
    training: str | None
    secret: bytes = field(repr=False)
    opened_by: str
    opened_at: datetime
    head_count: int | None
    ended_at: datetime | None
    ended_by: str | None
    cancelled: bool
    organisation_name: str
    line: tuple[str, ...]
    inactive: str | None

    def stands(self) -> None:
        """ActivityCancelled, ActivityClosed."""
        if self.cancelled:
            raise ActivityCancelled(self.activity)
        if self.ended_at is not None:
            raise ActivityClosed(self.activity)

    def end_for(self, check_in: datetime) -> datetime:
        """When a sign-in ends that is not ended by anybody: with the activity; where that lasts for more than a day,
        with the day (Asia/Shanghai) of the sign-in."""
        return end_for(self.starts_at, self.ends_at, check_in)


def end_for(starts_at: datetime, ends_at: datetime, check_in: datetime) -> datetime:
    """As `Activity.end_for`."""
    if ends_at - starts_at <= timedelta(days=1):
        return ends_at
    return min(ends_at, midnight(day_of(check_in) + timedelta(days=1)))


_PLANNED: Final = [each.name for each in fields(Plan)]
_ALL: Final = [each.name for each in fields(Activity)]
_OWN: Final = _ALL[:-3]
_ABOVE: Final = organisations_table.alias("above")


def _of_book(book: int) -> Select[Any]:
    inactive = (
        select(func.min(_ABOVE.c.status))
        .where(
            _ABOVE.c.book_id == book,
            _ABOVE.c.code == any_(organisations_table.c.line),
            _ABOVE.c.status != "active",
        )
        .scalar_subquery()
    )
    return (
        select(*(activities.c[name] for name in _OWN), organisations_table.c.name, organisations_table.c.line, inactive)
        .join(
            organisations_table,
            (organisations_table.c.book_id == book) & (organisations_table.c.code == activities.c.organisation),
        )
        .where(activities.c.book_id == book)
    )


async def add(
    tx: AsyncConnection, book: int, organisation: str, plan: Plan, *, code: str | None = None, by: str, now: datetime
) -> Activity:
    """Publishes an activity, under this code or one that is made.

    InvalidField, UnknownOrganisation, OrganisationInactive, ActivityExists.
    """
    if code is not None and not CODE.fullmatch(code):
        raise InvalidField("activity", "not_an_activity_code")
    plan = _checked(plan, now)
    await organisations.active(tx, book, organisation)
    while True:
        made = code or f"{plan.starts_at.astimezone(BEIJING):%y%m%d}-{secrets.token_hex(3)}"
        added = await tx.execute(
            insert(activities)
            .values(
                book_id=book,
                activity=made,
                organisation=organisation,
                secret=secrets.token_bytes(32),
                opened_by=by,
                opened_at=now,
                **_values(plan),
            )
            .on_conflict_do_nothing(index_elements=[activities.c.book_id, activities.c.activity])
            .returning(activities.c.activity)
        )
        if added.first() is not None:
            break
        if code is not None:
            raise ActivityExists(code)
    return await find(tx, book, made)


async def change(tx: AsyncConnection, book: int, code: str, plan: Plan, *, now: datetime) -> Activity:
    """Plans an activity anew, all fields at once, before it begins and before anybody signs in.

    InvalidField, UnknownActivity, ActivityCancelled, ActivityClosed, ActivityBegun.
    """
    plan = _checked(plan, now)
    found = await locked(tx, book, code)
    found.stands()
    if found.starts_at <= now or await _anybody(tx, book, code):
        raise ActivityBegun(code)
    await tx.execute(update(activities).where(_is(book, code)).values(**_values(plan)))
    return await find(tx, book, code)


async def cancel(tx: AsyncConnection, book: int, code: str, *, by: str, now: datetime) -> Activity:
    """It does not take place. Who had signed in before its beginning is signed in no more.

    UnknownActivity, ActivityClosed; ActivityBegun: it has begun and somebody is there, so it is closed instead.
    """
    found = await locked(tx, book, code)
    if found.cancelled:
        return found
    found.stands()
    if found.starts_at <= now and await _anybody(tx, book, code):
        raise ActivityBegun(code)
    await tx.execute(
        update(attendances)
        .where(attendances.c.book_id == book, attendances.c.activity == code, attendances.c.struck_at.is_(None))
        .values(struck_at=now, struck_by=by)
    )
    await tx.execute(update(activities).where(_is(book, code)).values(cancelled=True))
    return await find(tx, book, code)


async def find(tx: AsyncConnection, book: int, code: str) -> Activity:
    """The activity with this code; UnknownActivity."""
    return await _one(tx, _of_book(book), code)


async def find_now(tx: AsyncConnection, book: int, code: str) -> tuple[Activity, datetime]:
    """The activity with this code, and what time it is: a sign-in has no round trip to lose. UnknownActivity."""
    if not CODE.fullmatch(code):
        raise UnknownActivity(code)
    wanted = _of_book(book).where(activities.c.activity == code).add_columns(func.clock_timestamp())
    row = (await tx.execute(wanted)).one_or_none()
    if row is None:
        raise UnknownActivity(code)
    return _activity(*row[:-1]), connect.in_force(tx, row[-1])


async def locked(tx: AsyncConnection, book: int, code: str, *, shared: bool = False) -> Activity:
    """The activity as it is and stays until the transaction ends. `shared`: others may have it so, too."""
    return await _one(tx, _of_book(book).with_for_update(read=shared, key_share=not shared, of=activities), code)


async def activities_of(
    tx: AsyncConnection,
    book: int,
    *,
    within: Collection[str] | None = None,
    organisation: str | None = None,
    day: date | None = None,
    since: datetime | None = None,
    after: str | None = None,
    limit: int = 200,
) -> list[Activity]:
    """Activities in the order of their beginning, after the one with the code `after`.

    `within`: of these organisations and those below them. `organisation`: of this one alone. `day`: that have a part of
    this day (Asia/Shanghai). `since`: that had not ended then. InvalidField, UnknownActivity (`after`).
    """
    wanted = _of_book(book).order_by(activities.c.starts_at, activities.c.activity).limit(limit)
    if within is not None:
        wanted = wanted.where(organisations_table.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))
    if organisation is not None:
        wanted = wanted.where(activities.c.organisation == organisation)
    if day is not None:
        if not date(1900, 1, 1) <= day <= date(9000, 1, 1):
            raise InvalidField("day", "out_of_range")
        wanted = wanted.where(
            activities.c.starts_at < midnight(day + timedelta(days=1)), activities.c.ends_at > midnight(day)
        )
    if since is not None:
        wanted = wanted.where(activities.c.ends_at > since)
    if after is not None:
        last = await find(tx, book, after)
        wanted = wanted.where(
            tuple_(activities.c.starts_at, activities.c.activity)
            > tuple_(literal(last.starts_at), literal(last.activity))
        )
    return [_activity(*row) for row in await tx.execute(wanted)]


async def _one(tx: AsyncConnection, wanted: Select[Any], code: str) -> Activity:
    if not CODE.fullmatch(code):
        raise UnknownActivity(code)
    row = (await tx.execute(wanted.where(activities.c.activity == code))).one_or_none()
    if row is None:
        raise UnknownActivity(code)
    return _activity(*row)


def _activity(*row: Any) -> Activity:
    known = dict(zip(_ALL, row, strict=True))
    return Activity(**known | {"line": tuple(known["line"])})


async def _anybody(tx: AsyncConnection, book: int, code: str) -> bool:
    """Whether somebody has signed in and not been struck out."""
    there = select(attendances.c.holder).where(
        attendances.c.book_id == book, attendances.c.activity == code, attendances.c.struck_at.is_(None)
    )
    return (await tx.execute(there.limit(1))).first() is not None


def _is(book: int, code: str) -> Any:
    return (activities.c.book_id == book) & (activities.c.activity == code)


def _values(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in _PLANNED}


def _checked(plan: Plan, now: datetime) -> Plan:
    """The plan as it is kept; InvalidField."""
    for name in ("name", "category", "place"):
        if not one_line(getattr(plan, name), least=1, most=TEXT_LENGTH) or not getattr(plan, name).strip():
            raise InvalidField(name, "not_a_line")
    for name in ("policy_no", "training"):
        given = getattr(plan, name)
        if given is not None and (not one_line(given, least=1, most=TEXT_LENGTH) or not given.strip()):
            raise InvalidField(name, "not_a_line")
    if BACKFILL in plan.name:
        raise InvalidField("name", "backfill")
    if not now - LONGEST <= plan.starts_at:
        raise InvalidField("starts_at", "out_of_range")
    if plan.starts_at >= plan.ends_at:
        raise InvalidField("ends_at", "not_after_start")
    if plan.ends_at <= now:
        raise InvalidField("ends_at", "over_already")
    if plan.ends_at - plan.starts_at > LONGEST:
        raise InvalidField("ends_at", "longer_than_a_year")
    if plan.starts_at - now > 10 * LONGEST:
        raise InvalidField("starts_at", "out_of_range")
    for name, most in (("capacity", MOST_PEOPLE), ("least_age", OLDEST)):
        given = getattr(plan, name)
        if given is not None and not 1 <= given <= most:
            raise InvalidField(name, "out_of_range")
    return plan
