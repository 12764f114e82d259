"""Service records: handed in, checked, reviewed. What they earn is `crediting`, how they are undone `corrections`.

A record goes from *submitted* by way of *reviewed* (it waits for the budget), *in notice* and perhaps *objected* to
*credited*; or it is *refused*, or later *corrected*. Who organises records, and who records certifies (MCA Order 67).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from psycopg import IntegrityError
from sqlalchemy import Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import connect
from ledger.database.rows import rows_within
from ledger.days import BEIJING, day_of
from ledger.earning import calendar, crediting, organisations, record, rule_sets, rules, volunteers
from ledger.earning.calendar import Calendar
from ledger.earning.organisations import Organisation
from ledger.earning.record import Record, RecordClass
from ledger.earning.rule_sets import Rulebook
from ledger.earning.tables import records
from ledger.errors import (
    CallBackDue,
    EndNotAfterStart,
    InTheFuture,
    InvalidField,
    LongerThanADay,
    NeedsSecondPerson,
    NotTheirTurn,
    OrganisationInactive,
    OverlapsAnotherRecord,
    RecordDiffers,
    Refusal,
    SecondPersonNeeded,
    UnknownItem,
    UnknownOrganisation,
    UnknownRecord,
    UnknownVolunteer,
    VolunteerLeft,
)
from ledger.text import one_line

NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,63}")
TEXT_LENGTH: Final = 200
EVIDENCE_LENGTH: Final = 500
LONGEST: Final = timedelta(days=1)

get = record.get
locked = record.locked


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What somebody did, as it is handed in.

    A service has sign-in and sign-out; its minutes are the whole ones between them, without travel. An act has the
    `item` of the rules, its day, and minutes where the item is per hour. `second_person`: who confirmed what was
    entered afterwards. `by_leader`: the leader signed her in. `replaces`: the record that it corrects.
    """

    record: str
    holder: str
    organisation: str
    record_class: RecordClass
    recorder: str
    category: str = ""
    activity: str | None = None
    activity_name: str = ""
    check_in: datetime | None = None
    check_out: datetime | None = None
    item: str | None = None
    served_on: date | None = None
    minutes: int = 0
    second_person: str | None = None
    evidence: str | None = None
    by_leader: bool = False
    forgotten: bool = False
    replaces: UUID | None = None

    @property
    def day(self) -> date:
        """The service day: of the sign-out in Asia/Shanghai, or of the act."""
        if self.check_out is not None:
            return day_of(self.check_out)
        assert self.served_on is not None, "an act has its day"
        return self.served_on


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that is stored. Not `new`: it was there already, with the same data."""

    record: Record
    new: bool


Span = tuple[datetime, datetime]
Outcome = Taken | Refusal


async def submit(
    tx: AsyncConnection,
    book: int,
    wanted: Sequence[NewRecord],
    *,
    by: str,
    now: datetime,
    as_of: date | None = None,
    import_id: UUID | None = None,
    reviewed_by: str | None = None,
) -> list[Outcome]:
    """Takes records, each for itself, in their order; at most a thousand or so at a time.

    They wait for a review; with `reviewed_by` they count as reviewed and enter notice at once. `as_of`: the day on
    which they were handed in, today if not said. Refusals, the first of these for each: InvalidField,
    UnknownOrganisation, EndNotAfterStart, LongerThanADay, InTheFuture, NeedsSecondPerson, RecordDiffers,
    OverlapsAnotherRecord, OrganisationInactive, UnknownVolunteer, VolunteerLeft, UnknownItem, and what the books
    refuse (EffectiveDayOutOfRange, AccountFrozen …).
    """
    desk = await _desk(tx, book, wanted, by, now, as_of or day_of(now), import_id, reviewed_by)
    outcomes: list[Outcome] = [desk.look_at(each) for each in wanted]
    new = [each.record for each in outcomes if isinstance(each, Taken) and each.new]
    try:
        async with tx.begin_nested():
            stored = await _store(tx, book, new, desk, now)
    except (crediting.NotPosted, IntegrityError):
        # One of them cannot be: each for itself, so that the others do not suffer.
        stored = {}
        for one in new:
            stored |= await _alone(tx, book, one, desk, now)
    return [stored[each.record.record_id] if isinstance(each, Taken) and each.new else each for each in outcomes]


async def review(
    tx: AsyncConnection,
    book: int,
    record_ids: Sequence[UUID],
    *,
    by: str,
    holder: str | None,
    accept: bool,
    reason: str = "",
    now: datetime,
) -> list[Record | Refusal]:
    """Accepts or refuses records that wait for it; an outcome for each, in their order.

    Accepted ones are credited with their hours and enter public notice with their points. `by`: the reviewer; `holder`:
    her own, if she is a volunteer. That she belongs to the organisation of `review_by` is the caller's to see.
    UnknownRecord, NotTheirTurn, SecondPersonNeeded (who recorded or served does not review), CallBackDue,
    InvalidField (refusing needs a reason), and what the books refuse.
    """
    if not one_line(reason, least=0 if accept else 1, most=EVIDENCE_LENGTH):
        raise InvalidField("reason", "not_a_reason")
    hers = {each.record_id: each.holder for each in await _found(tx, book, record_ids)}
    await volunteers.locked(tx, book, hers.values())
    now_are = await record.locked(tx, book, record_ids)
    outcomes: list[Record | Refusal] = []
    for record_id in dict.fromkeys(record_ids):
        asked = now_are.get(record_id)
        outcomes.append(UnknownRecord(str(record_id)) if asked is None else _may_review(asked, by, holder, accept))
    agreed = [replace(each, reviewed_by=by, reviewed_at=now) for each in outcomes if isinstance(each, Record)]
    done: dict[UUID, Record | Refusal] = {}
    if accept:
        rulebook = await rule_sets.in_force(tx, book)
        days = await calendar.read(tx, day_of(now))
        credited = await crediting.each_for_itself(
            tx, agreed, lambda some: crediting.credit(tx, book, some, rulebook, days, now)
        )
        done |= {each.record_id: outcome for each, outcome in zip(agreed, credited, strict=True)}
    else:
        done |= {
            each.record_id: replace(each, state="refused", reason=reason, due_on=None, ended_at=now, ended_by=by)
            for each in agreed
        }
    await record.change(tx, book, [each for each in done.values() if isinstance(each, Record)])
    by_id = dict(zip(dict.fromkeys(record_ids), outcomes, strict=True)) | done
    return [by_id[record_id] for record_id in record_ids]


async def find(tx: AsyncConnection, book: int, number: str) -> Record:
    """The newest record with this number; UnknownRecord."""
    if not NUMBER.fullmatch(number):
        raise UnknownRecord(number)
    found = await record.read(
        tx,
        record.of_book(book).where(records.c.record == number).order_by(records.c.record_id.desc()).limit(1),
    )
    if not found:
        raise UnknownRecord(number)
    return found[0]


# --- looking at what is handed in ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Desk:
    """All that deciding on new records needs, read under the volunteers' locks; and what has been taken so far."""

    rulebook: Rulebook
    calendar: Calendar
    organisations: Mapping[str, Organisation]
    inactive: Mapping[str, str]
    left: Mapping[str, date | None]
    there: dict[str, Record]
    spans: dict[str, list[Span]]
    by: str
    now: datetime
    as_of: date
    import_id: UUID | None
    reviewed_by: str | None
    ids: Iterator[UUID]
    deadlines: dict[int, date] = field(default_factory=dict)

    def look_at(self, new: NewRecord) -> Outcome:
        """The record to be stored, the one that is there already, or why it is not taken."""
        if (fault := _malformed(new)) is not None:
            return fault
        of = self.organisations.get(new.organisation)
        if of is None:
            return UnknownOrganisation(new.organisation)
        if (refusal := self._wrong_times(new)) is not None:
            return refusal
        if new.record_class == "honour" and self._lacks_second_person(new):
            return NeedsSecondPerson()
        if (there := self.there.get(new.record)) is not None:
            differs = _first_difference(there, new)
            return Taken(there, new=False) if differs is None else RecordDiffers(new.record, differs)
        if new.check_in is not None and new.check_out is not None:
            for since, until in self.spans.get(new.holder, ()):
                if since < new.check_out and new.check_in < until:
                    return OverlapsAnotherRecord()
        if new.organisation in self.inactive:
            return OrganisationInactive(new.organisation, self.inactive[new.organisation])
        if new.holder not in self.left:
            return UnknownVolunteer("")
        left_on = self.left[new.holder]
        if left_on is not None and new.day >= left_on:
            return VolunteerLeft(left_on)
        if new.record_class == "act" and not self._has_item(new):
            return UnknownItem(new.item or "")
        if new.check_in is not None and new.check_out is not None:
            self.spans.setdefault(new.holder, []).append((new.check_in, new.check_out))
        taken = self._record(new, of)
        self.there[new.record] = taken
        return Taken(taken, new=True)

    def _wrong_times(self, new: NewRecord) -> Refusal | None:
        if new.check_in is not None and new.check_out is not None:
            if new.check_out - new.check_in < timedelta(minutes=1):
                return EndNotAfterStart()
            if new.check_out - new.check_in > LONGEST:
                return LongerThanADay()
        return InTheFuture(self.as_of) if new.day > self.as_of else None

    def _lacks_second_person(self, new: NewRecord) -> bool:
        # Where it is handed in by hand, the reviewer is the second person.
        if new.second_person is None:
            return self.import_id is not None or self.reviewed_by is not None
        return new.second_person == new.recorder

    def _has_item(self, new: NewRecord) -> bool:
        in_force = self.rulebook.on(new.day)
        return in_force is not None and any(item.code == new.item for item in in_force.items)

    def _record(self, new: NewRecord, of: Organisation) -> Record:
        in_force = self.rulebook.on(new.day) or rules.DEFAULT
        # What a leader signed in is for another unit to review, a long day for the one above, a longer for the top.
        level = max(int(new.by_leader), self._tier(new, in_force.tiers))
        drawn = new.by_leader and self.reviewed_by is None and secrets.randbelow(100) < in_force.sample_share
        return Record(
            record_id=next(self.ids),
            record=new.record,
            holder=new.holder,
            organisation=new.organisation,
            activity=new.activity,
            activity_name=new.activity_name,
            category=new.category,
            record_class=new.record_class,
            item=new.item,
            check_in=new.check_in,
            check_out=new.check_out,
            served_on=new.day,
            minutes=_minutes(new),
            by_leader=new.by_leader,
            forgotten=new.forgotten,
            recorder=new.recorder,
            second_person=new.second_person,
            evidence=new.evidence,
            submitted_at=self.now,
            submitted_by=self.by,
            import_id=self.import_id,
            replaces=new.replaces,
            state="submitted",
            review_by=of.line[-1] if level >= TOP else of.line[min(level, len(of.line) - 1)],
            call_back="due" if drawn else None,
            due_on=self._due(in_force.review_days),
            reviewed_by=self.reviewed_by,
            reviewed_at=None if self.reviewed_by is None else self.now,
        )

    def _due(self, working: int) -> date:
        if working not in self.deadlines:
            self.deadlines[working] = self.calendar.after(day_of(self.now), working)
        return self.deadlines[working]

    def _tier(self, new: NewRecord, tiers: Sequence[int]) -> int:
        """How far above its organisation a record must be reviewed, for the length of the person's day.

        A service over midnight is split for this, not for the hours.
        """
        if new.check_in is None or new.check_out is None:
            return 0
        spans = self.spans[new.holder]
        if len(spans) == 1 and new.check_out - new.check_in <= timedelta(minutes=tiers[0]):
            return 0
        longest = max(
            sum(_minutes_on(day, since, until) for since, until in spans)
            for day in {day_of(new.check_in), day_of(new.check_out)}
        )
        above = sum(longest > tier for tier in tiers)
        return TOP if above > 1 else above


TOP: Final = 1_000
"""A level above every organisation's line."""


async def _desk(
    tx: AsyncConnection,
    book: int,
    wanted: Sequence[NewRecord],
    by: str,
    now: datetime,
    as_of: date,
    import_id: UUID | None,
    reviewed_by: str | None,
) -> _Desk:
    good = [new for new in wanted if _malformed(new) is None]
    left = await volunteers.locked(tx, book, (new.holder for new in good))
    numbers = literal([new.record for new in good], ARRAY(TEXT))
    there = await record.read(
        tx,
        record.of_book(book).where(records.c.record == any_(numbers), records.c.state.not_in(("refused", "corrected"))),
    )
    found = await organisations.find_many(tx, book, {new.organisation for new in good})
    return _Desk(
        rulebook=await rule_sets.in_force(tx, book),
        calendar=await calendar.read(tx, day_of(now)),
        organisations=found,
        inactive=await organisations.inactive(tx, book, found.values()),
        left=left,
        there={each.record: each for each in there},
        spans=await _spans(tx, book, good),
        by=by,
        now=now,
        as_of=as_of,
        import_id=import_id,
        reviewed_by=reviewed_by,
        ids=identifiers.rising(now),
    )


async def _spans(tx: AsyncConnection, book: int, wanted: Iterable[NewRecord]) -> dict[str, list[Span]]:
    """When each person served already, on the days of these records and those beside them."""
    asked = {
        (new.holder, day_of(new.check_in) + timedelta(days=ahead))
        for new in wanted
        if new.check_in is not None and new.check_out is not None
        for ahead in range(-1, (day_of(new.check_out) - day_of(new.check_in)).days + 2)
        if new.check_out - new.check_in <= LONGEST
    }
    spans: dict[str, list[Span]] = {}
    if asked:
        days = rows_within([records.c.holder, records.c.served_on], sorted(asked))
        rows = await tx.execute(
            select(records.c.holder, records.c.check_in, records.c.check_out)
            .join(days, (days.c.holder == records.c.holder) & (days.c.served_on == records.c.served_on))
            .where(
                records.c.book_id == book,
                records.c.check_in.is_not(None),
                records.c.state.not_in(("refused", "corrected")),
            )
        )
        for holder, since, until in rows:
            if since is not None and until is not None:
                spans.setdefault(holder, []).append((since, until))
    return spans


def _malformed(new: NewRecord) -> InvalidField | None:
    """What can be seen to be wrong from the record alone: its shape."""
    if not NUMBER.fullmatch(new.record):
        return InvalidField("record", "not_a_record_number")
    for name, value, least, most in (
        ("recorder", new.recorder, 1, TEXT_LENGTH),
        ("category", new.category, 0, TEXT_LENGTH),
        ("activity", new.activity or "", 0, TEXT_LENGTH),
        ("activity_name", new.activity_name, 0, TEXT_LENGTH),
        ("second_person", new.second_person or "", 0, TEXT_LENGTH),
        ("evidence", new.evidence or "", 0, EVIDENCE_LENGTH),
    ):
        if not one_line(value, least=least, most=most):
            return InvalidField(name, "not_one_line")
    if new.record_class == "act":
        if new.check_in is not None or new.check_out is not None:
            return InvalidField("check_in", "not_of_an_act")
        if new.served_on is None:
            return InvalidField("served_on", "missing")
        if not 0 <= new.minutes <= 24 * 60:
            return InvalidField("minutes", "out_of_range")
    elif new.check_in is None or new.check_out is None:
        return InvalidField("check_in", "missing")
    return None


_SAME: Final = (
    *("holder", "organisation", "activity", "activity_name", "category", "check_in", "check_out"),
    *("record_class", "recorder", "second_person"),
)
"""What a record that comes again must equal."""


def _first_difference(there: Record, new: NewRecord) -> str | None:
    if there.record_class == "act" and (there.item, there.served_on, there.minutes) != (
        new.item,
        new.served_on,
        new.minutes,
    ):
        return "item"
    return next((name for name in _SAME if getattr(there, name) != getattr(new, name)), None)


def _minutes(new: NewRecord) -> int:
    if new.check_in is None or new.check_out is None:
        return new.minutes
    return (new.check_out - new.check_in) // timedelta(minutes=1)


def _minutes_on(day: date, since: datetime, until: datetime) -> int:
    """How much of a service falls on a day in Asia/Shanghai."""
    begins = datetime.combine(day, time(), BEIJING)
    part = min(until, begins + timedelta(days=1)) - max(since, begins)
    return max(0, part // timedelta(minutes=1))


# --- storing ---------------------------------------------------------------------------------------------------------


async def _store(
    tx: AsyncConnection, book: int, new: Sequence[Record], desk: _Desk, now: datetime
) -> dict[UUID, Outcome]:
    if desk.reviewed_by is not None:
        new = await crediting.credit(tx, book, new, desk.rulebook, desk.calendar, now)
    await record.add(tx, book, new)
    return {each.record_id: Taken(each, new=True) for each in new}


async def _alone(tx: AsyncConnection, book: int, one: Record, desk: _Desk, now: datetime) -> dict[UUID, Outcome]:
    try:
        async with tx.begin_nested():
            return await _store(tx, book, [one], desk, now)
    except crediting.NotPosted as error:
        return {one.record_id: error.refusal}
    except IntegrityError as error:
        _, constraint = connect.violation(error)
        if constraint == "records_overlap":
            return {one.record_id: OverlapsAnotherRecord()}
        if constraint == "records_record_key":  # somebody else's, stored since we looked
            return {one.record_id: RecordDiffers(one.record, "holder")}
        raise


def _as_stored(was: Taken, stored: Mapping[UUID, Outcome]) -> Outcome:
    """What became of a record; one that came twice in a batch is answered as the first was."""
    outcome = stored.get(was.record.record_id, was)
    return replace(outcome, new=was.new) if isinstance(outcome, Taken) else outcome


def _may_review(asked: Record, by: str, holder: str | None, accept: bool) -> Record | Refusal:
    if asked.state != "submitted":
        return NotTheirTurn(asked.record, asked.state)
    if by in (asked.recorder, asked.submitted_by) or holder == asked.holder:
        return SecondPersonNeeded()
    if accept and asked.call_back == "due":
        return CallBackDue(asked.record)
    return asked


async def _found(tx: AsyncConnection, book: int, record_ids: Sequence[UUID]) -> list[Record]:
    named = records.c.record_id == any_(literal(list(record_ids), ARRAY(Uuid)))
    return await record.read(tx, record.of_book(book).where(named))
