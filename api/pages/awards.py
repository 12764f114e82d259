"""Where staff award stars after the notice, refuse them, decide objections and end what should not have been."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from itertools import takewhile
from typing import Final, Literal, get_args
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, desk, problems, staff, star_words
from api import awards as deciding
from api.awards import NewAwardDecision
from api.pages import doors, frame, texts
from api.pages.assessments import why_fewer
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.errors import (
    AwardObjected,
    InvalidField,
    NotAllowed,
    NotTheCertifier,
    Refusal,
    SecondPersonNeeded,
    SessionEnded,
    StillInNotice,
    UnknownAward,
)
from ledger.recognition import awards, ladders, shortfalls
from ledger.recognition.awards import Award, Awarded, Objection, State

HERE: Final = "/staff/awards"

A_PAGE: Final = 50

Which = Literal["in_notice", "objected", "ready", "awarded"]
WHICH: Final[tuple[Which, ...]] = get_args(Which)
STATES: Final[dict[Which, State]] = {
    "in_notice": "in_notice",
    "objected": "objected",
    "ready": "in_notice",
    "awarded": "awarded",
}

WHY_NOT: Final[dict[type[Refusal], str]] = {
    AwardObjected: "award_why_objected",
    StillInNotice: "award_why_notice",
    SecondPersonNeeded: "award_why_colleague",
    NotTheCertifier: "award_why_certifier",
}

DONE: Final = tuple(f"award_done_{what}" for what in ("awarded", "refused", "ended", "upheld", "rejected"))


@get(HERE)
async def list_awards(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Who is in notice, who is objected to, who can be awarded, and who has been."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    asked = request.query_params.get("which", "")
    return await _list(request, database, keys, me, next((each for each in WHICH if each == asked), "in_notice"))


@post(HERE, status_code=200)
async def award_all(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Awards all whose notice is over, and says who was not, and why. Who presses twice awards nobody twice."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    async with database.begin() as tx:
        done = await awards.award_all(
            *(tx, me.book_id),
            by=me.name,
            holder=await desk.holder(tx, me),
            within=desk.reach(me, Right.CERTIFY),
            now=await connect.now(tx),
        )
    return await _list(request, database, keys, me, "ready", done)


@get(f"{HERE}/{{award_id:uuid}}")
async def one_award(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template:
    """One award: what it was decided on, what is objected, and what the reader may do."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _one(request, database, keys, me, award_id)


@post(f"{HERE}/{{award_id:uuid}}/award", status_code=200)
async def award(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template | Redirect:
    """Awards the star."""
    return await _decided(request, database, settings, keys, award_id, awards.award, "awarded")


@post(f"{HERE}/{{award_id:uuid}}/refuse", status_code=200)
async def refuse(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template | Redirect:
    """Refuses the star, and says why."""
    return await _decided(request, database, settings, keys, award_id, awards.refuse, "refused", "reason")


@post(f"{HERE}/{{award_id:uuid}}/end", status_code=200)
async def end(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template | Redirect:
    """Ends an award from today on, and says why."""
    return await _decided(request, database, settings, keys, award_id, awards.end, "ended", "reason")


async def _decided(
    request: StrictRequest,
    database: AsyncEngine,
    settings: Settings,
    keys: Keys,
    award_id: UUID,
    verb: Callable[..., Awaitable[Award]],
    done: str,
    *asked: str,
) -> Template | Redirect:
    """Decides on an award for what the fields say that are `asked` for; the page with the refusal, or `done`."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    words = await frame.fields(request, *asked)
    try:
        async with database.begin() as tx:
            await deciding.decide(tx, me, award_id, verb, *words)
    except (NotAllowed, SessionEnded, UnknownAward):
        raise
    except Refusal as refusal:
        return await _one(request, database, keys, me, award_id, refusal=refusal, reason="".join(words))
    return _back(award_id, done)


@post(f"{HERE}/{{award_id:uuid}}/objection", status_code=200)
async def decide_objection(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template | Redirect:
    """Decides the objection that the page showed: it is right, and the star is refused, or it is not."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    decision, words, objection = await frame.fields(request, "decision", "words", "objection")
    upheld = decision == "uphold"
    try:
        if decision not in ("uphold", "reject"):
            raise InvalidField("decision", "missing")
        async with database.begin() as tx:
            raised = await awards.objections_of(tx, me.book_id, award_id)
            asked = next((each for each in raised if f"{each.objection_id}" == objection), None)
            if asked is None:
                raise InvalidField("objection", "page_too_old")
            await deciding.decide_objection(tx, me, asked.objection_id, NewAwardDecision(upheld, words))
    except (NotAllowed, SessionEnded, UnknownAward):
        raise
    except Refusal as refusal:
        return await _one(request, database, keys, me, award_id, refusal=refusal, words=words)
    return _back(award_id, "upheld" if upheld else "rejected")


def _back(award_id: UUID, done: str) -> Redirect:
    return Redirect(f"{HERE}/{award_id}", status_code=303, query_params={"done": f"award_done_{done}"})


# --- what they show ---------------------------------------------------------------------------------------------------


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    which: Which,
    done: Awarded | None = None,
) -> Template:
    asked = request.query_params
    language = frame.view_of(request).language
    within = desk.reach(me, Right.READ_RECORDS)
    async with database.begin() as tx:
        found = await _page(tx, me, which, within, texts.identifier(asked.get("after", "")))
        today = day_of(await connect.now(tx))
        following = found[-1].award_id if len(found) == A_PAGE else None
        if which == "ready":  # whose notice ends first stands first
            ready = list(takewhile(lambda each: each.notice_until < today, found))
            following, found = (following, ready) if len(ready) == len(found) else (None, ready)
        people = await _people(tx, keys, me, found)
    return frame.page(
        request,
        "awards.html",
        path=HERE,
        query={"which": which},
        book=me.book,
        which=WHICH,
        chosen=which,
        lines=[(each, _title(language, each, people), _about(language, each, today)) for each in found],
        next=following,
        may_all=which == "ready" and bool(rights.reach(me, Right.CERTIFY, auth.today())),
        given=None if done is None else _given(language, done),
        refused=[] if done is None else _refused(language, done),
    )


async def _page(
    tx: AsyncConnection, me: Principal, which: Which, within: frozenset[str] | None, after: UUID | None
) -> list[Award]:
    """A page of a list; its beginning where what the address names is not there."""
    wanted = (tx, me.book_id, (STATES[which],), within)
    try:
        return await awards.of_state(*wanted, after=after, limit=A_PAGE)
    except UnknownAward:
        return await awards.of_state(*wanted, limit=A_PAGE)


def _given(language: Language, done: Awarded) -> str:
    if not done.awards:
        return texts.t(language, "award_all_none")
    said = texts.t(language, "award_all_done", count=len(done.awards))
    return f"{said} {texts.t(language, 'award_all_more')}" if done.more else said


def _refused(language: Language, done: Awarded) -> list[str]:
    return [
        texts.t(language, "award_all_why", count=count, why=texts.t(language, WHY_NOT.get(why, "award_why_other")))
        for why, count in done.refused.items()
    ]


async def _one(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    award_id: UUID,
    *,
    refusal: Refusal | None = None,
    reason: str = "",
    words: str = "",
) -> Template:
    async with database.begin() as tx:
        of = await awards.find(tx, me.book_id, award_id)
        auth.within(me, Right.READ_RECORDS, of.line)
        raised = await awards.objections_of(tx, me.book_id, award_id)
        people = await _people(tx, keys, me, [of])
        names = await staff.names(tx, {each for each in (of.proposed_by, of.decided_by, of.ended_by) if each})
        named = await organisations.find_many(tx, me.book_id, [of.organisation] if of.organisation else [])
        hers = await desk.holder(tx, me) == of.holder
        today = day_of(await connect.now(tx))
        since = await shortfalls.explain(tx, me.book_id, of) if of.state == "awarded" else None
        by_ladder = await ladders.version(tx, me.book_id, since.ladder) if since is not None else None
    language = frame.view_of(request).language
    open_one = next((each for each in raised if each.upheld is None), None)
    certifies = auth.is_within(me, Right.CERTIFY, of.line)
    live = of.state in ("in_notice", "objected")
    own = "award_hers" if hers else "award_not_yours" if live and me.name == of.proposed_by else None
    if open_one is not None and open_one.raised_by == me.name:
        own = own or "award_objected_yourself"
    acts = certifies and own is None
    return frame.page(
        request,
        "award.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{award_id}",
        notice=frame.notice(request, *DONE),
        wrong=None if refusal is None else frame.told(request, refusal),
        id=award_id,
        title=_title(language, of, people),
        state=of.state,
        facts=_facts(
            language,
            of,
            {code: each.name for code, each in named.items()},
            names,
        ),
        shortfall=None
        if since is None or by_ladder is None or since.supported
        else why_fewer(language, by_ladder, since),
        objections=[_said(language, each) for each in raised],
        objection="" if open_one is None else open_one.objection_id,
        may={
            name
            for name, holds in {
                "decide": acts and of.state == "objected",
                "refuse": acts and of.state == "in_notice",
                "award": acts and of.state == "in_notice" and today > of.notice_until,
                "end": acts and of.state == "awarded",
            }.items()
            if holds
        },
        not_hers=own if certifies and (live or of.state == "awarded") else None,
        waits=texts.t(language, "award_waits", day=texts.day(language, of.notice_until))
        if of.state == "in_notice" and today <= of.notice_until
        else None,
        reason=reason,
        words=words,
    )


def _facts(language: Language, of: Award, organisation: dict[str, str], names: dict[str, str]) -> list[tuple[str, str]]:
    def day(on: date) -> str:
        return texts.day(language, on)

    code = of.organisation
    told = [
        ("award_star", star_words.called(language, of.star, of.title)),
        ("award_organisation", "" if code is None else organisation.get(code, code)),
        ("award_as_of", day(of.as_of)),
        ("award_hours", texts.hours(language, of.minutes)),
        ("award_needed", texts.hours(language, of.needed)),
        ("award_certifier", "" if of.certifier is None else texts.t(language, f"level_{of.certifier}")),
        (
            "award_notice",
            texts.t(language, "award_notice_line", since=day(of.notice_from), until=day(of.notice_until)),
        ),
        ("award_proposed", names.get(of.proposed_by, of.proposed_by)),
    ]
    if of.decided_by is not None and of.decided_at is not None:
        who, moment = names.get(of.decided_by, of.decided_by), texts.moment(language, of.decided_at)
        told.append(("award_decided", texts.t(language, "award_decided_line", who=who, moment=moment)))
    told += [("award_reason", of.reason or ""), ("award_serial", of.serial or "")]
    if of.ended_on is not None:
        line = texts.t(language, "award_ended_line", day=day(of.ended_on), reason=of.end_reason)
        told.append(("award_ended", line))
    return [(name, value) for name, value in told if value]


def _said(language: Language, each: Objection) -> tuple[str, str]:
    """An objection, and the answer to it or until when there shall be one."""
    said = texts.t(language, "award_objection_line", reason=each.reason, moment=texts.moment(language, each.raised_at))
    if each.upheld is None:
        return said, texts.t(language, "award_due", day=texts.day(language, each.due_on))
    key = "award_objection_upheld" if each.upheld else "award_objection_rejected"
    return said, texts.t(language, key, words=each.decision)


async def _people(tx: AsyncConnection, keys: Keys, me: Principal, found: Sequence[Award]) -> dict[str, Masked]:
    numbers = [each.volunteer_no for each in found if each.volunteer_no is not None]
    return await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())


def _title(language: Language, of: Award, people: dict[str, Masked]) -> str:
    number = of.volunteer_no
    if number is None:
        who = texts.t(language, "record_erased")
    else:
        who = f"{number} {people[number].name}" if number in people else number
    return texts.t(language, "award_of", who=who, star=star_words.called(language, of.star, of.title))


def _about(language: Language, of: Award, today: date) -> str:
    if of.state == "in_notice":
        if of.notice_until < today:
            return texts.t(language, "awards_ready")
        return texts.t(language, "award_until", day=texts.day(language, of.notice_until))
    return of.serial or texts.t(language, f"award_state_{of.state}")


HANDLERS = [list_awards, award_all, one_award, award, refuse, end, decide_objection]
