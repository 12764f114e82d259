"""Disputed redemptions, alarms and signals over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, QueryParameter
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, cases, claimed, requests, views, watch
from api.bodies import Limit
from api.calls import Nothing
from api.cases import CaseStory, CaseView, DisputeView, NewAnswer, NewDecision, NewDispute, NewProposal
from api.requests import StrictRequest
from api.watch import AlarmView, SignalView
from ledger.access.rights import Principal, Right

OWN = {"right": Right.OWN}
READ = {"right": Right.READ_SHOPS, "scoped": True}
DECIDE = {"right": Right.DECIDE_CASES, "scoped": True}
SEE = {"right": Right.DECIDE_CASES, "scoped": True, "also": Right.MANAGE_SHOPS}

Which = FromQuery[Annotated[Literal["open", "decided"] | None, QueryParameter(name="state")]]
After = FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]]


class CasePage(msgspec.Struct, frozen=True):
    """Cases, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[CaseView]
    next: UUID | None


class AlarmPage(msgspec.Struct, frozen=True):
    """Alarms, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[AlarmView]
    next: UUID | None


class SignalPage(msgspec.Struct, frozen=True):
    """What the rules find in a month, by outlet; `next` is always null."""

    items: list[SignalView]
    next: str | None


@post(
    "/me/redemptions/{redemption_id:uuid}/dispute",
    opt=OWN,
    operation_id="disputeRedemption",
    operation_class=requests.Keyed,
    summary="Not redeemed by me",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, DisputeView, "Opened"),
)
async def dispute(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[NewDispute],
) -> ASGIResponse:
    """Says that she has not redeemed this: its points are kept from the shop until two people have decided."""
    key = requests.key_of(request)
    return claimed.answered(request, await cases.dispute(database, me, redemption_id, data, key))


@get(
    "/books/{book:str}/cases",
    opt=READ,
    operation_id="listCases",
    summary="Disputed redemptions",
    responses=views.refusals(400, 404),
)
async def list_cases(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    which: Which = None,
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> CasePage:
    """What volunteers say was not redeemed by them, at the outlets of the organisations within reach."""
    async with database.connect() as tx:
        found = await cases.listed(tx, me, state=which, after=after, limit=limit)
    return CasePage(found, found[-1].id if len(found) == limit else None)


@get(
    "/books/{book:str}/cases/{case_id:uuid}",
    opt=READ,
    operation_id="getCase",
    summary="A disputed redemption",
    responses=views.refusals(404),
)
async def get_case(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], case_id: FromPath[UUID]
) -> CaseStory:
    """One case with its redemption: shop, goods, what both sides say, and how far the decision is."""
    async with database.connect() as tx:
        return cases.story_view(await cases.story(tx, me, case_id))


@post(
    "/books/{book:str}/cases/{case_id:uuid}/answer",
    status_code=200,
    opt=DECIDE,
    operation_id="answerCase",
    summary="What the shop says",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def answer_case(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    case_id: FromPath[UUID],
    data: JSONBody[NewAnswer],
) -> CaseStory:
    """Notes what the shop says about it; a later answer replaces it."""
    async with database.begin() as tx:
        await cases.answer(tx, me, case_id, data)
        return await _told(tx, me, case_id)


@post(
    "/books/{book:str}/cases/{case_id:uuid}/proposal",
    status_code=200,
    opt=DECIDE,
    operation_id="proposeDecision",
    summary="Propose a decision",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def propose_decision(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    case_id: FromPath[UUID],
    data: JSONBody[NewProposal],
) -> CaseStory:
    """The first of two people says how to decide it, and why. Nobody decides her own, or her own shop's."""
    async with database.begin() as tx:
        await cases.propose(tx, me, case_id, data)
        return await _told(tx, me, case_id)


@post(
    "/books/{book:str}/cases/{case_id:uuid}/decision",
    status_code=200,
    opt=DECIDE,
    operation_id="decideCase",
    operation_class=requests.Keyed,
    summary="Agree to the decision, or not",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(200, CaseView, "Decided, or proposed no more"),
)
async def decide_case(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    case_id: FromPath[UUID],
    data: JSONBody[NewDecision],
) -> ASGIResponse:
    """The second person agrees, and her points or the shop's are posted; or disagrees, and the proposal is gone."""
    key = requests.key_of(request)
    return claimed.answered(request, await cases.decide(database, me, case_id, data, key), 200)


@get(
    "/books/{book:str}/alarms",
    opt=READ,
    operation_id="listAlarms",
    summary="Alarms",
    responses=views.refusals(400, 404),
)
async def list_alarms(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    unseen: FromQuery[bool] = False,
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> AlarmPage:
    """What the rules of spending noticed by themselves, at the outlets of the organisations within reach."""
    async with database.connect() as tx:
        found = await watch.listed(tx, me, unseen=unseen, after=after, limit=limit)
    return AlarmPage(found, found[-1].id if len(found) == limit else None)


@post(
    "/books/{book:str}/alarms/{alarm_id:uuid}/seen",
    status_code=200,
    opt=SEE,
    operation_id="seeAlarm",
    summary="Mark an alarm as seen",
    responses=views.refusals(400, 404, 413, 415),
)
async def see_alarm(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    alarm_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> AlarmView:
    """Somebody has looked at it; who did first stays. No body needed."""
    async with database.begin() as tx:
        return await watch.see(tx, me, alarm_id)


@get(
    "/books/{book:str}/signals",
    opt=READ,
    operation_id="listSignals",
    summary="Signals",
    responses=views.refusals(400),
)
async def list_signals(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    month: FromQuery[Annotated[str | None, Parameter(description="`2026-11`; left out: this month.")]] = None,
) -> SignalPage:
    """What in a shop's month looks odd, by rules that say what they go by. They are no proof of anything."""
    asked = None if month is None else watch.month(month)
    async with database.connect() as tx:
        return SignalPage(await watch.of_month(tx, me, asked), None)


async def _told(tx: AsyncConnection, me: Principal, case_id: UUID) -> CaseStory:
    return cases.story_view(await cases.story(tx, me, case_id))


router = Router(
    path="/",
    route_handlers=[
        dispute,
        list_cases,
        get_case,
        answer_case,
        propose_decision,
        decide_case,
        list_alarms,
        see_alarm,
        list_signals,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["shops"],
)
