"""Where staff decide what volunteers say was not redeemed by them, and look at alarms and signals."""

from __future__ import annotations

import datetime
import secrets
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, cases, problems, requests, staff, watch
from api.cases import CaseView, NewAnswer, NewDecision, NewProposal
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownAlarm, UnknownCase
from ledger.spending.cases import State

CASES: Final = "/staff/cases"
ALARMS: Final = "/staff/alarms"

A_PAGE: Final = 20
STATES: Final[tuple[State, ...]] = ("open", "decided")


def state_of(case: CaseView) -> str:
    """What is to be done about it, or was done."""
    if case.upheld is not None:
        return "case_upheld" if case.upheld else "case_rejected"
    return "case_open" if case.proposed is None else "case_proposed"


@get(CASES)
async def list_cases(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What volunteers say was not redeemed by them, the newest first."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    asked = request.query_params
    state = next((each for each in STATES if each == asked.get("state")), None)
    async with database.connect() as tx:
        try:
            found = await cases.listed(
                tx, me, state=state, after=texts.identifier(asked.get("after", "")), limit=A_PAGE
            )
        except UnknownCase:
            found = await cases.listed(tx, me, state=state, limit=A_PAGE)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "cases.html",
        path=CASES,
        query={} if state is None else {"state": state},
        lines=[
            (each, texts.day(language, each.day), texts.points(language, each.points), state_of(each)) for each in found
        ],
        state=state,
        next=found[-1].id if len(found) == A_PAGE else None,
    )


@get(f"{CASES}/{{case_id:uuid}}")
async def one_case(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    case_id: FromPath[UUID],
) -> Template:
    """One case: shop, goods, what both sides say, and what the reader may do."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _case(request, database, keys, me, case_id)


@post(f"{CASES}/{{case_id:uuid}}/answer", status_code=200)
async def answer(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    case_id: FromPath[UUID],
) -> Template | Redirect:
    """Notes what the shop says."""
    me = await doors.colleague(request, database, settings, Right.DECIDE_CASES)
    [said] = await frame.fields(request, "answer")
    try:
        async with database.begin() as tx:
            await cases.answer(tx, me, case_id, NewAnswer(said))
    except (NotAllowed, SessionEnded, UnknownCase):
        raise
    except Refusal as refusal:
        return await _case(request, database, keys, me, case_id, refusal=refusal, answer=said)
    return _back(case_id, "case_answered")


@post(f"{CASES}/{{case_id:uuid}}/proposal", status_code=200)
async def propose(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    case_id: FromPath[UUID],
) -> Template | Redirect:
    """The first person says how to decide, and why."""
    me = await doors.colleague(request, database, settings, Right.DECIDE_CASES)
    decision, reason = await frame.fields(request, "decision", "reason")
    try:
        if decision not in ("uphold", "reject"):
            raise InvalidField("decision", "missing")
        async with database.begin() as tx:
            await cases.propose(tx, me, case_id, NewProposal(decision == "uphold", reason))
    except (NotAllowed, SessionEnded, UnknownCase):
        raise
    except Refusal as refusal:
        return await _case(request, database, keys, me, case_id, refusal=refusal, reason=reason)
    return _back(case_id, "case_proposed_done")


@post(f"{CASES}/{{case_id:uuid}}/decision", status_code=200)
async def decide(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    case_id: FromPath[UUID],
) -> Template | Redirect:
    """The second person agrees or does not, once, however often the button is pressed."""
    me = await doors.colleague(request, database, settings, Right.DECIDE_CASES)
    decision, key = await frame.fields(request, "decision", "key")
    try:
        if decision not in ("agree", "disagree"):
            raise InvalidField("decision", "missing")
        if not requests.is_key(key):
            raise InvalidField("key", "page_too_old")
        outcome = await cases.decide(database, me, case_id, NewDecision(decision == "agree"), f"page:{key}")
        if outcome.refusal is not None:
            raise outcome.refusal
    except (NotAllowed, SessionEnded, UnknownCase):
        raise
    except Refusal as refusal:
        return await _case(request, database, keys, me, case_id, refusal=refusal)
    return _back(case_id, "case_decided_done" if decision == "agree" else "case_disagreed_done")


def _back(case_id: UUID, done: str) -> Redirect:
    return Redirect(f"{CASES}/{case_id}", status_code=303, query_params={"done": done})


async def _case(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    case_id: UUID,
    *,
    refusal: Refusal | None = None,
    answer: str = "",
    reason: str = "",
) -> Template:
    async with database.begin() as tx:
        story = await cases.story(tx, me, case_id)
        numbers = [] if story.volunteer is None else [story.volunteer]
        people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
        hands = {story.case.proposed_by, story.case.decided_by, story.redemption.clerk} - {None}
        names = await staff.names(tx, {each for each in hands if each is not None})
    language = frame.view_of(request).language
    case, of = story.case, story.redemption
    view = cases.view(case, story.volunteer)
    acts = story.decides and not story.involved and case.upheld is None
    return frame.page(
        request,
        "case.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{CASES}/{case_id}",
        notice=frame.notice(request, "case_answered", "case_proposed_done", "case_decided_done", "case_disagreed_done"),
        wrong=None if refusal is None else frame.told(request, refusal),
        case=case,
        state=state_of(view),
        day=texts.day(language, case.day),
        number=story.volunteer,
        who=_who(language, story.volunteer, people[story.volunteer].name if story.volunteer in people else ""),
        clerk=None if of.clerk is None else names.get(of.clerk, of.clerk),
        till=of.till,
        means=of.means,
        made_at=texts.moment(language, of.made_at),
        points=texts.points(language, case.points),
        goods=[(line.name, line.quantity, texts.points(language, line.points)) for line in of.lines],
        opened_at=texts.moment(language, case.opened_at),
        story=_story(language, story, names),
        may={
            name
            for name, holds in {
                "answer": acts,
                "propose": acts and case.proposed_by in (None, me.name),
                "decide": acts and case.proposed_by not in (None, me.name),
            }.items()
            if holds
        },
        mine=case.proposed_by == me.name and case.upheld is None,
        not_hers=story.decides and story.involved and case.upheld is None,
        answer=answer,
        reason=reason,
        key=secrets.token_urlsafe(16),
    )


def _who(language: Language, number: str | None, name: str) -> str:
    return texts.t(language, "record_erased") if number is None else f"{number} {name}".strip()


def _story(language: Language, story: cases.Story, names: dict[str, str]) -> list[str]:
    case, said = story.case, []
    if case.proposed_at is not None and case.proposed_by is not None:
        key = "case_line_proposed_true" if case.proposed else "case_line_proposed_false"
        who, moment = names.get(case.proposed_by, case.proposed_by), texts.moment(language, case.proposed_at)
        said.append(texts.t(language, key, who=who, reason=case.reason, moment=moment))
    if case.decided_at is not None and case.decided_by is not None:
        who, moment = names.get(case.decided_by, case.decided_by), texts.moment(language, case.decided_at)
        said.append(texts.t(language, "case_line_decided", who=who, moment=moment))
    return said


# --- alarms and signals -----------------------------------------------------------------------------------------------


@get(ALARMS)
async def list_alarms(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What the rules noticed by themselves and nobody has looked at, and what looks odd in a month."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _alarms(request, database, me)


@post(f"{ALARMS}/{{alarm_id:uuid}}/seen", status_code=200)
async def see_alarm(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    alarm_id: FromPath[UUID],
) -> Redirect:
    """Somebody has looked at it."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    async with database.begin() as tx:
        await watch.see(tx, me, alarm_id)
    return Redirect(ALARMS, status_code=303, query_params={"done": "alarm_seen"})


async def _alarms(request: StrictRequest, database: AsyncEngine, me: Principal) -> Template:
    asked = request.query_params
    everything = "seen" in asked
    month, wrong = _month(asked.get("month", ""))
    language = frame.view_of(request).language
    after = texts.identifier(asked.get("after", ""))
    async with database.connect() as tx:
        try:
            found = await watch.listed(tx, me, unseen=not everything, after=after, limit=A_PAGE)
        except UnknownAlarm:
            found = await watch.listed(tx, me, unseen=not everything, limit=A_PAGE)
        signals = await watch.of_month(tx, me, month)
        names = await staff.names(tx, {each.seen_by for each in found if each.seen_by is not None})
    today = auth.today()
    sees = any(rights.reach(me, right, today) for right in (Right.DECIDE_CASES, Right.MANAGE_SHOPS))
    query = {name: asked[name] for name in ("seen", "month", "after") if name in asked}
    return frame.page(
        request,
        "alarms.html",
        status=200 if wrong is None else 400,
        path=ALARMS,
        query=query,
        notice=frame.notice(request, "alarm_seen"),
        wrong=None if wrong is None else frame.told(request, wrong),
        alarms=[
            (
                each,
                each.en if language == "en" else each.zh,
                texts.moment(language, each.raised_at),
                None
                if each.seen_at is None
                else (names.get(each.seen_by or "", ""), texts.moment(language, each.seen_at)),
            )
            for each in found
        ],
        next=found[-1].id if len(found) == A_PAGE else None,
        everything=everything,
        sees=sees,
        signals=[
            (each, each.en if language == "en" else each.zh, texts.moment(language, each.last_at)) for each in signals
        ],
        month=f"{month or today:%Y-%m}",
    )


def _month(text: str) -> tuple[datetime.date | None, InvalidField | None]:
    typed = texts.typed(text)
    if not typed:
        return None, None
    try:
        return watch.month(typed), None
    except InvalidField as refusal:
        return None, refusal


HANDLERS = [list_cases, one_case, answer, propose, decide, list_alarms, see_alarm]
