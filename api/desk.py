"""Service records for those who work on them, whichever door they come by: how far the right reaches, then the verbs.

Who records does so for her organisation and those below it; who reviews, corrects and decides belongs to the
organisation that the record's review is up to, or to one above it. A volunteer sees her own, and objects like anybody.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, hours
from api.hours import Why
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import calendar, call_backs, notices, objections, organisations, records, rule_sets, volunteers
from ledger.earning.notices import Overdue, Page, Place, Turn
from ledger.earning.objections import Disputed, Objection
from ledger.earning.record import Record, State
from ledger.earning.records import NewRecord, Taken
from ledger.earning.rules import RuleSet
from ledger.errors import NotAllowed, Refusal, UnknownRecord

TAIL = 4
"""Of a volunteer number, what public lists show."""


# --- who ------------------------------------------------------------------------------------------------------------


async def holder(tx: AsyncConnection, me: Principal) -> str | None:
    """Under which number the books know the caller herself, if she is a volunteer."""
    if me.volunteer_no is None:
        return None
    return (await volunteers.holders_of(tx, me.book_id, [me.volunteer_no])).get(me.volunteer_no)


def reach(me: Principal, right: Right) -> frozenset[str] | None:
    """The organisations for which the caller has this right, with all below them; None: the whole book. NotAllowed."""
    held = rights.reach(me, right, auth.today())
    if not held:
        raise NotAllowed
    return None if held.book else held.organisations


async def numbers_of(tx: AsyncConnection, me: Principal, found: Iterable[Record]) -> dict[str, str]:
    """Volunteer numbers by holder; who has been erased is not in it."""
    return await volunteers.numbers_of(tx, me.book_id, {each.holder for each in found})


async def _within(tx: AsyncConnection, me: Principal, right: Right, organisation: str) -> None:
    auth.within(me, right, await auth.line_of(tx, me, organisation))


# --- one record -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    """A record, the objections to it, whose turn it is, and whether the reader is of the staff that sees all of it."""

    record: Record
    objections: list[Objection]
    turn: Turn
    volunteer_no: str | None
    why: Why | None
    staff: bool
    reviews: bool
    """The reader may review it, decide about it, correct it, as far as its state lets her."""
    involved: bool
    """The reader had a hand in it herself."""

    @property
    def open_objection(self) -> Objection | None:
        """The one that waits for a decision."""
        return next((each for each in self.objections if each.upheld is None), None)


async def find(tx: AsyncConnection, me: Principal, named: str) -> Record:
    """The newest record of this number, or the one with this id, if the caller may see it. UnknownRecord, NotAllowed.

    Who is no staff learns of no record but her own, not even that there is one.
    """
    held = rights.reach(me, Right.READ_RECORDS, auth.today())
    try:
        found = await _named(tx, me, named)
    except UnknownRecord:
        if held:
            raise
        raise NotAllowed from None
    own = await holder(tx, me)
    if own != found.holder and not held.includes(await auth.line_of(tx, me, found.organisation)):
        raise NotAllowed
    return found


async def _named(tx: AsyncConnection, me: Principal, named: str) -> Record:
    try:
        return await records.find(tx, me.book_id, named)
    except UnknownRecord:
        try:
            record_id = UUID(named)
        except ValueError:
            raise UnknownRecord(named) from None
        return await records.get(tx, me.book_id, record_id)


async def story(tx: AsyncConnection, me: Principal, named: str) -> Story:
    """All that there is to be told of a record. UnknownRecord, NotAllowed."""
    found = await find(tx, me, named)
    raised = await objections.of_record(tx, me.book_id, found.record_id)
    today = auth.today()
    own = await holder(tx, me)
    open_one = next((each for each in raised if each.upheld is None), None)
    return Story(
        found,
        raised,
        notices.whose_turn(found, open_one),
        (await numbers_of(tx, me, [found])).get(found.holder),
        hours.why(found, await rule_sets.in_force(tx, me.book_id)),
        staff=rights.reach(me, Right.READ_RECORDS, today).includes(await auth.line_of(tx, me, found.organisation)),
        reviews=rights.reach(me, Right.REVIEW, today).includes(await auth.line_of(tx, me, found.review_by)),
        involved=objections.involved(found, open_one, me.name, own),
    )


# --- handing in -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backfill:
    """Hours that were not signed in and out on the spot; whoever reviews them is the second person."""

    record: str
    volunteer: str
    organisation: str
    check_in: datetime.datetime
    check_out: datetime.datetime
    evidence: str
    category: str = ""
    activity_name: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What earns or costs points by an item of the rules, without hours, or with those of a training."""

    record: str
    volunteer: str
    organisation: str
    item: str
    served_on: datetime.date
    evidence: str
    minutes: int = 0
    activity_name: str = ""


async def hand_in(tx: AsyncConnection, me: Principal, wanted: Backfill | Act) -> Taken:
    """Hands in a record, which then waits for its review; the same one again changes nothing.

    NotAllowed, UnknownOrganisation, UnknownVolunteer, and what `records.submit` refuses.
    """
    await _within(tx, me, Right.RECORD, wanted.organisation)
    her = await volunteers.find(tx, me.book_id, wanted.volunteer)
    if isinstance(wanted, Backfill):
        new = NewRecord(
            record=wanted.record,
            holder=her.holder,
            organisation=wanted.organisation,
            record_class="honour",
            recorder=me.name,
            category=wanted.category,
            activity_name=wanted.activity_name,
            check_in=wanted.check_in,
            check_out=wanted.check_out,
            evidence=wanted.evidence,
        )
    else:
        new = NewRecord(
            record=wanted.record,
            holder=her.holder,
            organisation=wanted.organisation,
            record_class="act",
            recorder=me.name,
            item=wanted.item,
            served_on=wanted.served_on,
            minutes=wanted.minutes,
            activity_name=wanted.activity_name,
            evidence=wanted.evidence,
        )
    [outcome] = await records.submit(tx, me.book_id, [new], by=me.name, now=await connect.now(tx))
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def rules_today(tx: AsyncConnection, me: Principal) -> RuleSet | None:
    """The rule set in force today; None: there is none yet."""
    return (await rule_sets.in_force(tx, me.book_id)).on(day_of(await connect.now(tx)))


# --- reviewing ------------------------------------------------------------------------------------------------------


async def review(
    tx: AsyncConnection, me: Principal, named: Sequence[str], *, accept: bool, reason: str
) -> list[Record | Refusal]:
    """Accepts or refuses records that wait for it; an outcome for each, in their order.

    If one of them is not the caller's to review, nothing happens: NotAllowed.
    """
    found: dict[str, Record | Refusal] = {}
    for each in named:
        try:
            found[each] = await _named(tx, me, each)
        except UnknownRecord as refusal:
            found[each] = refusal
    for code in {each.review_by for each in found.values() if isinstance(each, Record)}:
        await _within(tx, me, Right.REVIEW, code)
    ids = [each.record_id for each in found.values() if isinstance(each, Record)]
    outcomes = await records.review(
        *(tx, me.book_id, ids),
        by=me.name,
        holder=await holder(tx, me),
        accept=accept,
        reason=reason.strip(),
        now=await connect.now(tx),
    )
    decided = dict(zip(ids, outcomes, strict=True))
    return [decided[each.record_id] if isinstance(each, Record) else each for each in (found[name] for name in named)]


async def call_back(tx: AsyncConnection, me: Principal, named: str, *, confirmed: bool) -> Record:
    """Notes what the person served said. NotAllowed, and what `call_backs.note` refuses."""
    found = await _named(tx, me, named)
    await _within(tx, me, Right.REVIEW, found.review_by)
    own = await holder(tx, me)
    return await call_backs.note(tx, me.book_id, found.record_id, by=me.name, holder=own, confirmed=confirmed)


# --- objections and corrections -------------------------------------------------------------------------------------


async def object_to(tx: AsyncConnection, me: Principal, named: str, reason: str) -> Objection:
    """Objects to a record in public notice: anybody who has signed in. What `objections.raise_` refuses."""
    return await _raise(tx, me, await _named(tx, me, named), reason, staff=False)


async def propose_correction(tx: AsyncConnection, me: Principal, named: str, reason: str) -> Objection:
    """Proposes to undo a record that has been reviewed; a second reviewer decides. NotAllowed, and as `object_to`."""
    found = await _named(tx, me, named)
    await _within(tx, me, Right.REVIEW, found.review_by)
    return await _raise(tx, me, found, reason, staff=True)


async def _raise(tx: AsyncConnection, me: Principal, found: Record, reason: str, *, staff: bool) -> Objection:
    return await objections.raise_(
        *(tx, me.book_id, found.record_id),
        by=me.name,
        holder=await holder(tx, me),
        reason=reason,
        now=await connect.now(tx),
        staff=staff,
    )


async def decide(
    tx: AsyncConnection, me: Principal, objection_id: UUID, *, upheld: bool, reason: str
) -> tuple[Objection, Record]:
    """Decides an objection or a correction. NotAllowed, and what `objections.decide` refuses."""
    raised = await objections.read(tx, me.book_id, objection_id)
    of = await records.get(tx, me.book_id, raised.record_id)
    await _within(tx, me, Right.REVIEW, of.review_by)
    return await objections.decide(
        *(tx, me.book_id, objection_id),
        by=me.name,
        holder=await holder(tx, me),
        upheld=upheld,
        reason=reason,
        now=await connect.now(tx),
    )


async def disputed(
    tx: AsyncConnection, me: Principal, *, after: UUID | None = None, limit: int = notices.MOST
) -> list[Disputed]:
    """The objections that wait for a decision by the caller's organisations, the one that is due first at the head."""
    return await objections.open_ones(tx, me.book_id, reach(me, Right.REVIEW), after=after, limit=limit)


# --- lists ----------------------------------------------------------------------------------------------------------


async def to_review(
    tx: AsyncConnection, me: Principal, *, call_backs: bool = False, after: Place | None = None, limit: int
) -> Page:
    """What waits for a review by the caller's organisations, the one that is due first at the head."""
    within = reach(me, Right.REVIEW)
    return await notices.to_review(tx, me.book_id, within, call_backs=call_backs, after=after, limit=limit)


async def listed(
    tx: AsyncConnection,
    me: Principal,
    organisation: str | None,
    state: State | None,
    *,
    after: UUID | None = None,
    limit: int,
) -> list[Record]:
    """The records of an organisation and those below it, or of all in reach, the newest first. NotAllowed."""
    within: Collection[str] | None = reach(me, Right.READ_RECORDS)
    if organisation is not None:
        await _within(tx, me, Right.READ_RECORDS, organisation)
        within = [organisation]
    return await notices.of_organisations(tx, me.book_id, within, state=state, after=after, limit=limit)


async def overdue(tx: AsyncConnection, me: Principal) -> list[Overdue]:
    """What organisations in the caller's reach have let wait for too long."""
    within = reach(me, Right.READ_RECORDS)
    return await notices.overdue(tx, me.book_id, within, today=day_of(await connect.now(tx)))


# --- public notice --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of a public notice list. `name` None: a minor's, or of nobody known; `tail`: what ends her number."""

    record: Record
    name: str | None
    tail: str


@dataclass(frozen=True, slots=True)
class Board:
    """The notice list of an organisation with those below it.

    `surely`: the holidays of the years in which these notices end are known; otherwise Monday to Friday were counted.
    """

    organisation: str
    lines: list[Notice]
    surely: bool
    next: Place | None


async def board(
    tx: AsyncConnection, keys: Keys, book: int, organisation: str, *, after: Place | None = None, limit: int
) -> Board:
    """What anybody may read: names as their owners agreed to, nobody's number in full. UnknownOrganisation."""
    of = await organisations.find(tx, book, organisation)
    page = await notices.in_notice(tx, book, [of.code], after=after, limit=limit)
    numbers = await volunteers.numbers_of(tx, book, {each.holder for each in page.records})
    now = await connect.now(tx)
    names = await persons.on_boards(tx, keys, book, list(numbers.values()), now)
    days = await calendar.read(tx, day_of(now))
    return Board(
        of.name,
        [
            Notice(each, names.get(numbers.get(each.holder, "")), tail(numbers.get(each.holder, "")))
            for each in page.records
        ],
        notices.surely(days, page),
        page.next,
    )


def tail(number: str) -> str:
    """The last characters of a number; of a short one, half of it."""
    return number[-min(TAIL, max(1, len(number) // 2)) :] if number else ""
