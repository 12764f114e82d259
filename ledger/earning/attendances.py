"""Signing in and out on the spot, and what becomes of it when the leader closes the activity.

The leader's screen shows a code that changes every half minute; who has it in her hand within a minute is there. Whole
seconds are kept; a record has whole minutes. Rules as the provincial platforms have them (i志愿): some pairs of sign-in
and sign-out per person, activity and day, and a head count that equals the sign-ins.

Locks: first the people, then the activity, then its sign-ins. Signing in and out share the activity, signing in at the
moment of storing only, unless places are counted; closing, changing and cancelling have it alone.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    distinct,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.earning import activities, record, records, rule_sets, rules, volunteers
from ledger.earning.activities import Activity
from ledger.earning.record import Record
from ledger.earning.records import NewRecord, Taken
from ledger.earning.rules import RuleSet
from ledger.earning.tables import activities as activities_table
from ledger.earning.tables import attendances, qualifications
from ledger.earning.tables import records as records_table
from ledger.earning.tables import volunteers as volunteers_table
from ledger.errors import (
    ActivityClosed,
    ActivityFull,
    ActivityNotUnderWay,
    AlreadySignedIn,
    CodeStale,
    HeadCountDiffers,
    NoInsurance,
    NotSignedIn,
    OrganisationInactive,
    Refusal,
    StruckOut,
    TooManyByLeader,
    TooManyPairs,
    TrainingNeeded,
    UnknownVolunteer,
    VolunteerLeft,
)

STEP: Final = timedelta(seconds=30)
"""How long a code is on the screen. It is accepted for one step more."""

CODE_LENGTH: Final = 12
"""Base 32: 60 bits."""

SERVICE: Final = "room:earning"
"""Who ends what somebody forgot, and withdraws the sign-in of who leaves before the beginning."""

LEAST: Final = timedelta(minutes=1)
"""A shorter stay becomes no record."""

AT_A_TIME: Final = 500
"""Records that are handed in together."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """A sign-in of one person, perhaps with its sign-out. `check_in` is never before the activity's beginning.

    `by_leader`: the leader signed her in. `forgotten`: it ended with the activity. Struck out, it counts for nothing.
    `record_id`: the service record that it became.
    """

    activity: str
    holder: str
    pair: int
    check_in: datetime
    in_by: str
    by_leader: bool
    check_out: datetime | None
    out_by: str | None
    forgotten: bool
    struck_at: datetime | None
    struck_by: str | None
    record_id: UUID | None

    @property
    def stands(self) -> bool:
        """Whether it counts: nobody has struck it out."""
        return self.struck_at is None

    @property
    def open(self) -> bool:
        """Whether she is there now."""
        return self.check_out is None and self.stands

    @property
    def minutes(self) -> int:
        """What counts of it, once she has signed out: whole minutes."""
        return (self.check_out - self.check_in) // LEAST if self.check_out is not None and self.stands else 0


_NAMES: Final = [each.name for each in fields(Attendance)]
_COLUMNS: Final = [attendances.c[name] for name in _NAMES]


# --- the code on the screen ------------------------------------------------------------------------------------------


def code_at(book: int, activity: Activity, now: datetime) -> str:
    """What the leader's screen shows at this time: letters and digits only, since it stands in an address."""
    return _code(book, activity, _step(now))


def code_ends(now: datetime) -> datetime:
    """When the screen shows the next one."""
    return datetime.fromtimestamp((_step(now) + 1) * STEP.total_seconds(), UTC)


def check_code(book: int, activity: Activity, code: str, now: datetime) -> None:
    """CodeStale unless the screen shows this code now, or showed it the step before."""
    step = _step(now)
    given = code.encode("utf-8", "replace")
    shown = [hmac.compare_digest(_code(book, activity, each).encode(), given) for each in (step, step - 1)]
    if not any(shown):
        raise CodeStale


def _step(now: datetime) -> int:
    return int(now.timestamp() // STEP.total_seconds())


def _code(book: int, activity: Activity, step: int) -> str:
    message = f"{book}/{activity.activity}/{step}".encode()
    return base64.b32encode(hmac.digest(activity.secret, message, "sha256")).decode().lower()[:CODE_LENGTH]


# --- signing in ------------------------------------------------------------------------------------------------------


async def sign_in(
    tx: AsyncConnection,
    book: int,
    activity: Activity,
    holder: str,
    *,
    code: str | None,
    by: str,
    now: datetime,
    age_problem: Refusal | None = None,
) -> Attendance:
    """Signs a volunteer in who is there; whoever is signed in already gets the same answer.

    `activity`: as it was read in this transaction. `code`: from the leader's screen; None where the caller has seen it
    before. `age_problem`: why she may not come for her age, which personal data tell. CodeStale, ActivityCancelled,
    ActivityClosed, OrganisationInactive, ActivityNotUnderWay, NoInsurance, UnknownVolunteer, VolunteerLeft,
    AlreadySignedIn, StruckOut, `age_problem`, TrainingNeeded, TooManyPairs, ActivityFull.
    """
    if code is not None:
        check_code(book, activity, code, now)
    return await _sign_in(tx, book, activity, holder, by=by, by_leader=False, now=now, age_problem=age_problem)


async def sign_in_by_leader(
    tx: AsyncConnection,
    book: int,
    activity: Activity,
    holder: str,
    *,
    by: str,
    now: datetime,
    age_problem: Refusal | None = None,
) -> Attendance:
    """Signs in somebody who has no phone; another unit reviews her record. As `sign_in`; TooManyByLeader.

    Of the people who are or were there, this one included, the rules' share may be signed in so, and one person always.
    """
    return await _sign_in(tx, book, activity, holder, by=by, by_leader=True, now=now, age_problem=age_problem)


async def _sign_in(
    tx: AsyncConnection,
    book: int,
    activity: Activity,
    holder: str,
    *,
    by: str,
    by_leader: bool,
    now: datetime,
    age_problem: Refusal | None,
) -> Attendance:
    counted = by_leader or activity.capacity is not None
    if counted:
        activity = await activities.locked(tx, book, activity.activity)
    await _takes_place(tx, book, activity, now)
    while True:
        her = await _read(tx, book, activity, holder)
        if her.left_on is not None and her.left_on <= day_of(now):
            raise VolunteerLeft(her.left_on)
        there = await _still_there(tx, book, activity, her, now)
        if there is not None:
            return there
        here = [each for each in her.here if day_of(each.check_in) == day_of(max(now, activity.starts_at))]
        if not by_leader and any(each.struck_by not in (None, SERVICE) for each in here):
            raise StruckOut(activity.activity)
        if age_problem is not None:
            raise age_problem
        if activity.training is not None and not her.trained:
            raise TrainingNeeded(activity.activity, activity.training)
        standing = sum(each.stands for each in here)
        if standing:
            most = (await _rules(tx, book, day_of(now))).pairs
            if standing >= most:
                raise TooManyPairs(activity.activity, most)
        if activity.capacity is not None and her.others >= activity.capacity:
            raise ActivityFull(activity.activity, activity.capacity)
        if by_leader:
            await _within_share(tx, book, activity, holder, now)
        new = {
            "book_id": book,
            "activity": activity.activity,
            "holder": holder,
            "pair": max((each.pair for each in her.here), default=0) + 1,
            "check_in": max(now, activity.starts_at),
            "in_by": by,
            "by_leader": by_leader,
        }
        if (made := await _add(tx, activity, new, locked=counted)) is not None:
            return made
        # From another phone she has signed in at the same time, here or elsewhere; or the activity has just changed.
        if not counted:
            activity = await activities.locked(tx, book, activity.activity, shared=True)
            if activity.capacity is not None:
                # Several share the activity, and none of them can have it alone: they go one after the other.
                key = func.hashtextextended(f"places/{book}/{activity.activity}", 0)
                await tx.execute(select(func.pg_advisory_xact_lock(key)))
            await _takes_place(tx, book, activity, now)
            counted = True


async def _add(tx: AsyncConnection, activity: Activity, new: dict[str, Any], *, locked: bool) -> Attendance | None:
    """Stores a sign-in, unless she has one that is open. Where the activity is not locked, this shares it, and nothing
    is stored if it is not any more as it was read."""
    if locked:
        adding = insert(attendances).values(**new)
    else:
        as_read = (
            select(*(literal(value, attendances.c[name].type) for name, value in new.items()))
            .where(
                activities_table.c.book_id == new["book_id"],
                activities_table.c.activity == activity.activity,
                activities_table.c.starts_at == activity.starts_at,
                activities_table.c.ends_at == activity.ends_at,
                activities_table.c.capacity.is_(None),
                activities_table.c.ended_at.is_(None),
                activities_table.c.cancelled.is_(False),
            )
            .with_for_update(read=True)
        )
        adding = insert(attendances).from_select(list(new), as_read)
    row = (await tx.execute(adding.on_conflict_do_nothing().returning(*_COLUMNS))).one_or_none()
    return None if row is None else Attendance(*row)


async def _takes_place(tx: AsyncConnection, book: int, activity: Activity, now: datetime) -> None:
    """Whether people can sign in now."""
    activity.stands()
    if activity.inactive is not None:
        raise OrganisationInactive(activity.organisation, activity.inactive)
    if not activity.starts_at <= now < activity.ends_at:
        early = timedelta(minutes=(await _rules(tx, book, day_of(activity.starts_at))).sign_in_minutes)
        if not activity.starts_at - early <= now < activity.ends_at:
            raise ActivityNotUnderWay(activity.activity, activity.starts_at - early, activity.ends_at)
    if activity.risky and activity.policy_no is None:
        raise NoInsurance(activity.activity)


async def _rules(tx: AsyncConnection, book: int, day: date) -> RuleSet:
    """The numbers of the programme. They are read where they decide, which spares most sign-ins a round trip."""
    return (await rule_sets.in_force(tx, book)).on(day) or rules.DEFAULT


@dataclass(frozen=True, slots=True)
class _Her:
    """What a sign-in depends on. `others`: how many other people take places, where they are counted."""

    left_on: date | None
    trained: bool
    others: int
    here: list[Attendance]
    elsewhere: list[tuple[Attendance, datetime, datetime]]
    """Where she has not signed out, with the activity's beginning and end."""


async def _read(tx: AsyncConnection, book: int, activity: Activity, holder: str) -> _Her:
    trained: ColumnElement[bool] = true()
    if activity.training is not None:
        trained = (
            select(qualifications.c.holder)
            .where(
                qualifications.c.book_id == book,
                qualifications.c.holder == holder,
                qualifications.c.name == activity.training,
                qualifications.c.passed_on <= day_of(activity.starts_at),
                or_(qualifications.c.valid_until.is_(None), qualifications.c.valid_until >= day_of(activity.starts_at)),
            )
            .exists()
        )
    others: ColumnElement[Any] = null()
    if activity.capacity is not None:
        inner = attendances.alias("others")
        others = (
            select(func.count(distinct(inner.c.holder)))
            .where(
                inner.c.book_id == book,
                inner.c.activity == activity.activity,
                inner.c.struck_at.is_(None),
                inner.c.holder != holder,
            )
            .scalar_subquery()
        )
    hers = and_(
        attendances.c.book_id == book,
        attendances.c.holder == holder,
        or_(
            attendances.c.activity == activity.activity,
            and_(attendances.c.check_out.is_(None), attendances.c.struck_at.is_(None)),
        ),
    )
    rows = (
        await tx.execute(
            select(
                volunteers_table.c.left_on,
                trained,
                others,
                activities_table.c.starts_at,
                activities_table.c.ends_at,
                *_COLUMNS,
            )
            .select_from(volunteers_table)
            .outerjoin(attendances, hers)
            .outerjoin(
                activities_table,
                and_(activities_table.c.book_id == book, activities_table.c.activity == attendances.c.activity),
            )
            .where(volunteers_table.c.book_id == book, volunteers_table.c.holder == holder)
        )
    ).all()
    if not rows:
        raise UnknownVolunteer("")
    found = [(Attendance(*row[5:]), row[3], row[4]) for row in rows if row[3] is not None]
    return _Her(
        rows[0][0],
        rows[0][1],
        rows[0][2] or 0,
        [each for each, _, _ in found if each.activity == activity.activity],
        [each for each in found if each[0].activity != activity.activity],
    )


async def _still_there(
    tx: AsyncConnection, book: int, activity: Activity, her: _Her, now: datetime
) -> Attendance | None:
    """Her sign-in here that goes on. What she forgot to end, here on an earlier day or elsewhere, is ended."""
    for each in her.here:
        if each.open:
            if now < activity.end_for(each.check_in):
                return each
            await _forgotten(tx, book, each, activity.end_for(each.check_in))
    for each, starts_at, ends_at in her.elsewhere:
        end = activities.end_for(starts_at, ends_at, each.check_in)
        if now < end:
            raise AlreadySignedIn(each.activity, each.check_in)
        await _forgotten(tx, book, each, end)
    return None


async def _forgotten(tx: AsyncConnection, book: int, each: Attendance, end: datetime) -> None:
    """Ends a sign-in with its activity, unless somebody has just ended it otherwise."""
    await tx.execute(
        update(attendances)
        .where(_is(book, each), attendances.c.check_out.is_(None), attendances.c.struck_at.is_(None))
        .values(check_out=end, out_by=SERVICE, forgotten=True)
    )


async def _within_share(tx: AsyncConnection, book: int, activity: Activity, holder: str, now: datetime) -> None:
    """TooManyByLeader; the activity is locked."""
    rows = await tx.execute(
        select(attendances.c.holder, func.bool_or(attendances.c.by_leader))
        .where(
            attendances.c.book_id == book,
            attendances.c.activity == activity.activity,
            attendances.c.struck_at.is_(None),
        )
        .group_by(attendances.c.holder)
    )
    people: dict[str, bool] = {row[0]: row[1] for row in rows}
    people[holder] = True
    share = (await _rules(tx, book, day_of(now))).leader_share
    led = sum(people.values())
    if led > max(1, len(people) * share // 100):
        raise TooManyByLeader(activity.activity, len(people), led, share)


# --- signing out, striking out ---------------------------------------------------------------------------------------


async def sign_out(
    tx: AsyncConnection, book: int, activity: Activity, holder: str, *, code: str | None, by: str, now: datetime
) -> Attendance:
    """Signs her out; who has signed out already gets the same answer. After the activity's end, its end counts.

    Who leaves before the beginning has not been there: the sign-in is withdrawn. CodeStale, ActivityCancelled,
    ActivityClosed, NotSignedIn.
    """
    if code is not None:
        check_code(book, activity, code, now)
    activity = await activities.locked(tx, book, activity.activity, shared=True)
    activity.stands()
    hers = await _attendances(tx, book, activity.activity, holder)
    last = next((each for each in reversed(hers) if each.stands or each.struck_by == SERVICE), None)
    if last is None:
        raise NotSignedIn(activity.activity)
    if not last.open:
        return last
    end = min(now, activity.end_for(last.check_in))
    if end <= last.check_in:
        values: dict[str, Any] = {"struck_at": now, "struck_by": SERVICE}
    else:
        values = {"check_out": end, "out_by": by}
    done = await tx.execute(
        update(attendances)
        .where(_is(book, last), attendances.c.check_out.is_(None), attendances.c.struck_at.is_(None))
        .values(**values)
        .returning(*_COLUMNS)
    )
    row = done.one_or_none()
    if row is not None:
        return Attendance(*row)
    # From another phone, or by the leader, it has been ended at the same time.
    return next(each for each in await _attendances(tx, book, activity.activity, holder) if each.pair == last.pair)


async def sign_out_by_leader(
    tx: AsyncConnection, book: int, activity: Activity, holder: str, *, by: str, now: datetime
) -> Attendance:
    """Signs out somebody who cannot do it herself. As `sign_out`."""
    return await sign_out(tx, book, activity, holder, code=None, by=by, now=now)


async def strike(
    tx: AsyncConnection, book: int, activity: str, holder: str, pair: int, *, by: str, now: datetime
) -> Attendance:
    """Strikes out a sign-in of somebody who is not there; struck out already, it stays as it is.

    UnknownActivity, ActivityCancelled, ActivityClosed, NotSignedIn.
    """
    (await activities.locked(tx, book, activity, shared=True)).stands()
    await tx.execute(
        update(attendances)
        .where(
            attendances.c.book_id == book,
            attendances.c.activity == activity,
            attendances.c.holder == holder,
            attendances.c.pair == pair,
            attendances.c.struck_at.is_(None),
        )
        .values(struck_at=now, struck_by=by)
    )
    for each in await _attendances(tx, book, activity, holder):
        if each.pair == pair:
            return each
    raise NotSignedIn(activity)


# --- closing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Closing:
    """A closed activity: all its sign-ins, the service records that they became, and which did not and why."""

    activity: Activity
    attendances: list[Attendance]
    taken: list[Record]
    refused: list[tuple[Attendance, Refusal]]


async def close(tx: AsyncConnection, book: int, activity: str, head_count: int, *, by: str, now: datetime) -> Closing:
    """Ends an activity whose leader has counted as many people as are signed in, and hands in its service records.

    Who forgot to sign out leaves with the activity. A pair that is refused there stays to be seen; closing again with
    the same count hands it in again, and answers the same otherwise. UnknownActivity, ActivityCancelled,
    ActivityNotUnderWay (not begun), HeadCountDiffers, ActivityClosed (with another count).
    """
    found, there = await _with_its_people(tx, book, activity)
    if found.ended_at is not None:
        if found.head_count != head_count:
            raise ActivityClosed(activity)
    else:
        found.stands()
        if now < found.starts_at:
            raise ActivityNotUnderWay(activity, found.starts_at, found.ends_at)
        signed_in = len(people_of(there))
        if head_count != signed_in:
            raise HeadCountDiffers(activity, head_count, signed_in)
        await _end(tx, book, found, there, head_count, by, now)
        found, there = await activities.find(tx, book, activity), await of_activity(tx, book, activity)
    refused = await _hand_in(tx, book, found, there, now)
    there = await of_activity(tx, book, activity)
    return Closing(found, there, await _records(tx, book, there), refused)


def people_of(there: Collection[Attendance]) -> set[str]:
    """The people who are or were there, by holder: whom a head count counts."""
    return {each.holder for each in there if each.stands}


async def _with_its_people(tx: AsyncConnection, book: int, activity: str) -> tuple[Activity, list[Attendance]]:
    """The activity and its sign-ins, locked after the people whom they are of."""
    while True:
        until_here = await tx.begin_nested()
        holders = people_of(await of_activity(tx, book, activity))
        await volunteers.locked(tx, book, holders)
        found = await activities.locked(tx, book, activity)
        there = await of_activity(tx, book, activity, locked=True)
        if people_of(there) <= holders:
            await until_here.commit()
            return found, there
        await until_here.rollback()  # somebody has come meanwhile, and people are locked first


async def _end(
    tx: AsyncConnection,
    book: int,
    activity: Activity,
    there: Sequence[Attendance],
    head_count: int,
    by: str,
    now: datetime,
) -> None:
    for each in there:
        if each.open:
            await _forgotten(tx, book, each, max(min(now, activity.end_for(each.check_in)), each.check_in + MOMENT))
    await tx.execute(
        update(activities_table)
        .where(activities_table.c.book_id == book, activities_table.c.activity == activity.activity)
        .values(head_count=head_count, ended_at=now, ended_by=by)
    )


MOMENT: Final = timedelta(microseconds=1)


async def _hand_in(
    tx: AsyncConnection, book: int, activity: Activity, there: Sequence[Attendance], now: datetime
) -> list[tuple[Attendance, Refusal]]:
    """Hands in what is long enough and no record yet; what was refused, and why."""
    assert activity.ended_by is not None, "closed"
    waiting = [
        # The number counts all sign-ins in their order, which stands when an activity is closed. It is nobody's number.
        (each, _new_record(activity, f"{activity.activity}-{number}", each))
        for number, each in enumerate(there, start=1)
        if each.minutes and each.record_id is None
    ]
    refused: list[tuple[Attendance, Refusal]] = []
    became: list[dict[str, Any]] = []
    for start in range(0, len(waiting), AT_A_TIME):
        some = waiting[start : start + AT_A_TIME]
        outcomes = await records.submit(tx, book, [new for _, new in some], by=activity.ended_by, now=now)
        for (each, _), outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, Taken):
                became.append(
                    {
                        "of_book": book,
                        "of_activity": each.activity,
                        "of_holder": each.holder,
                        "of_pair": each.pair,
                        "became": outcome.record.record_id,
                    }
                )
            else:
                refused.append((each, outcome))
    if became:
        await tx.execute(_BECAME, became)
    return refused


def _new_record(activity: Activity, number: str, each: Attendance) -> NewRecord:
    assert activity.ended_by is not None, "closed"
    return NewRecord(
        record=number,
        holder=each.holder,
        organisation=activity.organisation,
        record_class="credit",
        recorder=activity.ended_by,
        category=activity.category,
        activity=activity.activity,
        activity_name=activity.name,
        check_in=each.check_in,
        check_out=each.check_out,
        by_leader=each.by_leader,
        forgotten=each.forgotten,
    )


_BECAME: Final = (
    update(attendances)
    .where(
        attendances.c.book_id == bindparam("of_book"),
        attendances.c.activity == bindparam("of_activity"),
        attendances.c.holder == bindparam("of_holder"),
        attendances.c.pair == bindparam("of_pair"),
    )
    .values(record_id=bindparam("became"))
)


async def _records(tx: AsyncConnection, book: int, there: Sequence[Attendance]) -> list[Record]:
    ids = [each.record_id for each in there if each.record_id is not None]
    named = records_table.c.record_id == any_(literal(ids, ARRAY(Uuid)))
    found = {each.record_id: each for each in await record.read(tx, record.of_book(book).where(named))}
    return [found[record_id] for record_id in ids]


# --- reading ---------------------------------------------------------------------------------------------------------


async def of_activity(tx: AsyncConnection, book: int, activity: str, *, locked: bool = False) -> list[Attendance]:
    """All sign-ins of an activity in their order, also what was struck out."""
    wanted = (
        select(*_COLUMNS)
        .where(attendances.c.book_id == book, attendances.c.activity == activity)
        .order_by(attendances.c.check_in, attendances.c.holder, attendances.c.pair)
    )
    rows = await tx.execute(wanted.with_for_update(key_share=True) if locked else wanted)
    return [Attendance(*row) for row in rows]


async def of_record(tx: AsyncConnection, book: int, of: Record) -> list[Attendance]:
    """The sign-ins of the person of a record to its activity in their order, also what was struck out."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(attendances.c.book_id == book, attendances.c.activity == of.activity, attendances.c.holder == of.holder)
        .order_by(attendances.c.pair)
    )
    return [Attendance(*row) for row in rows]


async def open_of(tx: AsyncConnection, book: int, holder: str) -> Attendance | None:
    """Where she is signed in now, or forgot to sign out."""
    row = (
        await tx.execute(
            select(*_COLUMNS).where(
                attendances.c.book_id == book,
                attendances.c.holder == holder,
                attendances.c.check_out.is_(None),
                attendances.c.struck_at.is_(None),
            )
        )
    ).one_or_none()
    return None if row is None else Attendance(*row)


async def _attendances(tx: AsyncConnection, book: int, activity: str, holder: str) -> list[Attendance]:
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(attendances.c.book_id == book, attendances.c.activity == activity, attendances.c.holder == holder)
        .order_by(attendances.c.pair)
    )
    return [Attendance(*row) for row in rows]


def _is(book: int, each: Attendance) -> ColumnElement[bool]:
    return and_(
        attendances.c.book_id == book,
        attendances.c.activity == each.activity,
        attendances.c.holder == each.holder,
        attendances.c.pair == each.pair,
    )
