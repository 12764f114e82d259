"""Where staff work on service records: the queue of reviews, one record's story, objections.

Who has a right to what is asked in `api.desk`; here it becomes pages. What was done is said on the page that follows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, get_args
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, desk, explain, problems, staff
from api.desk import Story
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import notices, objections, organisations, rule_sets
from ledger.earning.notices import Place, Turn
from ledger.earning.record import Record, State
from ledger.earning.rules import RuleSet
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownRecord

REVIEWS: Final = "/staff/reviews"
RECORDS: Final = "/staff/records"
OBJECTIONS: Final = "/staff/objections"

A_PAGE: Final = 20
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class Line:
    """A record in a list, in words. `mine`: the reader had a hand in it."""

    record: Record
    what: str
    who: str
    day: str
    worth: str
    flags: list[str]
    due: str | None
    mine: bool


# --- in words ---------------------------------------------------------------------------------------------------------


def what(language: Language, of: Record) -> str:
    """What was done: the activity, else its category, else what class of record it is."""
    return of.activity_name or of.category or texts.t(language, f"class_{of.record_class}")


def worth(language: Language, of: Record) -> str:
    """Its hours and its points, as far as there are any."""
    said = [texts.hours(language, of.minutes)] if of.minutes else []
    if of.points:
        said.append(texts.points(language, of.points))
    return ("，", ", ")[language == "en"].join(said)


def who(language: Language, number: str | None, person: Masked | None) -> str:
    """Her number, and her name as far as a page shows it."""
    if number is None:
        return texts.t(language, "record_erased")
    return number if person is None else f"{number} {person.name}"


def turn(language: Language, whose: Turn, names: dict[str, str]) -> str:
    """Whose turn it is, and until when."""
    until = None if whose.until is None else texts.day(language, whose.until)
    organisation = names.get(whose.organisation or "", whose.organisation or "")
    said = texts.t(language, f"turn_{whose.who}", organisation=organisation, day=until)
    return said if until is None or whose.who == "nobody" else texts.t(language, "turn_until", turn=said, day=until)


def flags(language: Language, of: Record, rules: RuleSet | None, minutes_that_day: int) -> list[str]:
    """What a reviewer should look at."""
    found = []
    if of.record_class == "honour":
        found.append("flag_honour")
    if of.by_leader:
        found.append("flag_leader")
    if of.forgotten:
        found.append("flag_forgotten")
    if of.call_back is not None:
        found.append({"due": "flag_call_back", "confirmed": "flag_confirmed", "denied": "flag_denied"}[of.call_back])
    said = [texts.t(language, each) for each in found]
    if rules is not None and of.check_in is not None:
        first, second = rules.tiers
        if minutes_that_day > second:
            said.append(texts.t(language, "flag_over_second", hours=texts.hours(language, second)))
        elif minutes_that_day > first:
            said.append(texts.t(language, "flag_over_first", hours=texts.hours(language, first)))
    if rules is not None and of.item is not None and any(i.code == of.item and i.points < 0 for i in rules.items):
        said.append(texts.t(language, "flag_minus"))
    return said


async def _lines(
    request: StrictRequest, tx: AsyncConnection, keys: Keys, me: Principal, found: list[Record]
) -> list[Line]:
    """Records as a list shows them. That minors were shown is logged, so the transaction is to be committed."""
    language = frame.view_of(request).language
    numbers = await desk.numbers_of(tx, me, found)
    people = await persons.masked(tx, keys, me.book_id, list(numbers.values()), me.name, auth.now())
    rulebook = await rule_sets.in_force(tx, me.book_id)
    that_day = await notices.minutes_of_days(tx, me.book_id, found)
    own = await desk.holder(tx, me)

    def line(of: Record) -> Line:
        number = numbers.get(of.holder)
        return Line(
            of,
            what(language, of),
            who(language, number, people.get(number or "")),
            texts.day(language, of.served_on),
            worth(language, of),
            flags(language, of, rulebook.on(of.served_on), that_day.get((of.holder, of.served_on), 0)),
            None if of.due_on is None else texts.day(language, of.due_on),
            objections.involved(of, None, me.name, own),
        )

    return [line(each) for each in found]


# --- the queue --------------------------------------------------------------------------------------------------------


@get(REVIEWS)
async def reviews(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """What waits for her review, what is due first at the head; several can be chosen at once."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    return await _reviews(request, database, keys, me)


@post(REVIEWS, status_code=200)
async def review(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Accepts or refuses those that were chosen, and says what became of each that could not be."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    decision, reason, back = await frame.fields(request, "decision", "reason", "back")
    chosen = [each for each in (await request.form()).getall("record", []) if isinstance(each, str)][: notices.MOST]
    accept = decision == "accept"
    try:
        if not chosen:
            raise InvalidField("records", "missing")
        if not accept and not reason:
            raise InvalidField("reason", "missing")
        async with database.begin() as tx:
            outcomes = await desk.review(tx, me, chosen, accept=accept, reason=reason)
    except InvalidField as refusal:
        if back and chosen:
            return await _record(request, database, keys, me, chosen[0], refusal=refusal)
        return await _reviews(request, database, keys, me, refusal=refusal, chosen=chosen, reason=reason)
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    if back and not refused:
        return Redirect(f"{RECORDS}/{chosen[0]}", status_code=303)
    if back:
        return await _record(request, database, keys, me, chosen[0], refusal=refused[0])
    return await _reviews(request, database, keys, me, done=len(outcomes) - len(refused), refused=refused)


async def _reviews(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    *,
    refusal: InvalidField | None = None,
    chosen: Iterable[str] = (),
    reason: str = "",
    done: int | None = None,
    refused: Iterable[Refusal] = (),
) -> Template:
    call_backs = "call_backs" in request.query_params
    async with database.begin() as tx:
        page = await desk.to_review(tx, me, call_backs=call_backs, after=_place(request), limit=A_PAGE)
        lines = await _lines(request, tx, keys, me, page.records)
    language = frame.view_of(request).language
    told = None
    if refusal is not None:
        nothing_chosen = refusal.field == "records"
        told = texts.t(language, "reviews_none_chosen") if nothing_chosen else frame.told(request, refusal)
    return frame.page(
        request,
        "reviews.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=REVIEWS,
        query={name: value for name, value in request.query_params.items() if name in ("after", "call_backs")},
        lines=lines,
        call_backs=call_backs,
        next=None if page.next is None else str(page.next),
        chosen=set(chosen),
        reason=reason,
        done=done,
        refused=list(dict.fromkeys(frame.told(request, each) for each in refused)),
        wrong=told,
    )


def _place(request: StrictRequest) -> Place | None:
    """Where the list goes on; from the beginning where the address says nothing that can be read."""
    try:
        return Place.read(request.query_params["after"])
    except (KeyError, InvalidField):
        return None


# --- records ----------------------------------------------------------------------------------------------------------


@get(RECORDS)
async def records(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """The newest records in reach, of a state or of all; a number leads to its record."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    asked = request.query_params
    number = texts.typed(asked.get("record", ""))
    state = next((each for each in STATES if each == asked.get("state")), None)
    missing = False
    after = texts.identifier(asked.get("after", ""))
    async with database.begin() as tx:
        if number:
            try:
                found = await desk.find(tx, me, number)
            except (UnknownRecord, NotAllowed):
                missing = True
            else:
                return Redirect(f"{RECORDS}/{found.record_id}", status_code=303)
        listed = await desk.listed(tx, me, None, state, after=after, limit=A_PAGE)
        lines = await _lines(request, tx, keys, me, listed)
    return frame.page(
        request,
        "records.html",
        status=404 if missing else 200,
        path=RECORDS,
        query={} if state is None else {"state": state},
        lines=lines,
        states=STATES,
        state=state,
        number=number,
        missing=missing,
        next=listed[-1].record_id if len(listed) == A_PAGE else None,
    )


@get(f"{RECORDS}/{{record_id:uuid}}")
async def record(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    record_id: FromPath[UUID],
) -> Template:
    """All that happened to a record, with times and people, and what the reader may do now."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _record(request, database, keys, me, str(record_id))


async def _record(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    named: str,
    *,
    refusal: Refusal | None = None,
) -> Template:
    async with database.begin() as tx:
        story = await desk.story(tx, me, named)
        if not story.staff:
            raise NotAllowed
        of = story.record
        numbers = [] if story.volunteer_no is None else [story.volunteer_no]
        people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
        known = await organisations.find_many(tx, me.book_id, {of.organisation, of.review_by})
        that_day = await notices.minutes_of_days(tx, me.book_id, [of])
        rules = (await rule_sets.in_force(tx, me.book_id)).on(of.served_on)
        hands = {of.recorder, of.submitted_by, of.reviewed_by, of.ended_by}
        hands |= {by for each in story.objections for by in (each.raised_by, each.decided_by)}
        names = await staff.names(tx, {each for each in hands if each is not None})
        today = day_of(await connect.now(tx))
    language = frame.view_of(request).language
    item = None if of.item is None or rules is None else next((i for i in rules.items if i.code == of.item), None)
    open_one = story.open_objection
    mine = {
        "review": story.reviews and of.state == "submitted",
        "call_back": story.reviews and of.state == "submitted" and of.call_back == "due",
        "correct": story.reviews and open_one is None and of.state in ("reviewed", "in_notice", "credited"),
        "decide": story.reviews and open_one is not None,
    }
    if of.state == "in_notice" and of.notice_until is not None and of.notice_until < today:
        mine["correct"] = False
    return frame.page(
        request,
        "record.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{RECORDS}/{of.record_id}",
        notice=frame.notice(request, "call_back_noted", "correction_proposed", "objection_decided", "record_handed_in"),
        wrong=None if refusal is None else frame.told(request, refusal),
        record=of,
        what=what(language, of),
        who=who(language, story.volunteer_no, people.get(story.volunteer_no or "")),
        number=story.volunteer_no,
        organisation=known[of.organisation].name,
        day=texts.day(language, of.served_on),
        times=_times(language, of),
        minutes=texts.hours(language, of.minutes) if of.minutes else None,
        points=texts.points(language, of.points) if of.points is not None else None,
        item=None if item is None else f"{item.code} {explain.item(language, item)}",
        why=None if story.why is None else story.why.of(language),
        flags=flags(language, of, rules, that_day.get((of.holder, of.served_on), 0)),
        turn=turn(language, story.turn, {code: each.name for code, each in known.items()}),
        story=_story(language, story, names),
        objection=open_one,
        may={name for name, holds in mine.items() if holds and not story.involved},
        not_hers=story.involved and any(mine.values()),
    )


def _times(language: Language, of: Record) -> str | None:
    if of.check_in is None or of.check_out is None:
        return None
    return f"{texts.moment(language, of.check_in)} – {texts.moment(language, of.check_out)}"


def _story(language: Language, story: Story, names: dict[str, str]) -> list[str]:
    """What happened, in order: what, who, when."""
    of = story.record
    events: list[tuple[datetime.datetime, str, str | None]] = [
        (of.submitted_at, texts.t(language, "story_submitted"), of.submitted_by)
    ]
    if of.reviewed_at is not None and of.state != "refused":
        events.append((of.reviewed_at, texts.t(language, "story_reviewed"), of.reviewed_by))
    for each in story.objections:
        events.append((each.raised_at, texts.t(language, f"story_{each.kind}", reason=each.reason), each.raised_by))
        if each.decided_at is not None:
            key = "story_upheld" if each.upheld else "story_rejected"
            events.append((each.decided_at, texts.t(language, key, reason=each.decision), each.decided_by))
    if of.ended_at is not None and of.state in ("credited", "refused", "corrected"):
        events.append((of.ended_at, texts.t(language, f"story_{of.state}", reason=of.reason or ""), of.ended_by))

    def name(by: str | None) -> str:
        if by is None or by.startswith("room:"):
            return texts.t(language, "story_by_itself")
        return names.get(by, by)

    return [
        texts.t(language, "story_line", what=what_, who=name(by), moment=texts.moment(language, at))
        for at, what_, by in sorted(events, key=lambda event: event[0])
    ]


@post(f"{RECORDS}/{{record_id:uuid}}/call-back", status_code=200)
async def call_back(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    record_id: FromPath[UUID],
) -> Template | Redirect:
    """Notes what the person served said."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    [answer] = await frame.fields(request, "answer")
    try:
        if answer not in ("confirmed", "denied"):
            raise InvalidField("answer", "missing")
        async with database.begin() as tx:
            await desk.call_back(tx, me, str(record_id), confirmed=answer == "confirmed")
    except (NotAllowed, SessionEnded, UnknownRecord):
        raise
    except Refusal as refusal:
        return await _record(request, database, keys, me, str(record_id), refusal=refusal)
    return Redirect(f"{RECORDS}/{record_id}", status_code=303, query_params={"done": "call_back_noted"})


@post(f"{RECORDS}/{{record_id:uuid}}/correction", status_code=200)
async def propose_correction(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    record_id: FromPath[UUID],
) -> Template | Redirect:
    """Proposes to undo the record; a colleague decides."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            await desk.propose_correction(tx, me, str(record_id), reason)
    except (NotAllowed, SessionEnded, UnknownRecord):
        raise
    except Refusal as refusal:
        return await _record(request, database, keys, me, str(record_id), refusal=refusal)
    return Redirect(f"{RECORDS}/{record_id}", status_code=303, query_params={"done": "correction_proposed"})


# --- objections -------------------------------------------------------------------------------------------------------


@get(OBJECTIONS)
async def list_objections(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """The objections and corrections that wait for a decision, what is due first at the head."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    async with database.begin() as tx:
        found = await desk.disputed(tx, me)
        lines = await _lines(request, tx, keys, me, [each.record for each in found])
    language = frame.view_of(request).language
    return frame.page(
        request,
        "objections.html",
        path=OBJECTIONS,
        waiting=[
            (each.objection, line, texts.day(language, each.objection.due_on))
            for each, line in zip(found, lines, strict=True)
        ],
    )


@post(f"{OBJECTIONS}/{{objection_id:uuid}}/decide", status_code=200)
async def decide(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    objection_id: FromPath[UUID],
) -> Template | Redirect:
    """Decides it; where that is refused the record's page says why."""
    me = await doors.colleague(request, database, settings, Right.REVIEW)
    decision, reason = await frame.fields(request, "decision", "reason")
    async with database.connect() as tx:
        of = (await objections.read(tx, me.book_id, objection_id)).record_id
    try:
        if decision not in ("uphold", "reject"):
            raise InvalidField("decision", "missing")
        async with database.begin() as tx:
            await desk.decide(tx, me, objection_id, upheld=decision == "uphold", reason=reason)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _record(request, database, keys, me, str(of), refusal=refusal)
    return Redirect(f"{RECORDS}/{of}", status_code=303, query_params={"done": "objection_decided"})


@get("/staff/overdue")
async def overdue(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What organisations have let wait for too long."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    async with database.connect() as tx:
        found = await desk.overdue(tx, me)
    language = frame.view_of(request).language
    return frame.page(request, "overdue.html", overdue=[(each, texts.day(language, each.oldest)) for each in found])


HANDLERS = [
    reviews,
    review,
    records,
    record,
    call_back,
    propose_correction,
    list_objections,
    decide,
    overdue,
]
