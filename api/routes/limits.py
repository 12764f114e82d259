"""The limits of spending over HTTP: versions, drafted by one and approved by another, and those in force."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, limits, versioned, views
from api.bodies import After, Body, Limit, Number
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.spending import policies
from ledger.spending.policy import Policy

READ = {"right": Right.READ_SHOPS, "scoped": True}


class NewPolicy(Body, frozen=True):
    """Limits and the first day that they are for. `policy`: what it leaves out is as in the defaults."""

    effective_from: str
    policy: dict[str, Any]
    note: str = ""


class PolicyDecision(Body, frozen=True):
    """Whether it comes into force."""

    approve: bool


class PolicyLine(versioned.Line, frozen=True):
    """A version of the limits, without what it says."""


class Policies(msgspec.Struct, frozen=True):
    """The newest first; `next` is the `after` of the next page, null at the end."""

    items: list[PolicyLine]
    next: int | None


class PolicyView(PolicyLine, frozen=True, kw_only=True):
    """A version of the limits: as data, and in words for people."""

    policy: dict[str, Any]
    words: dict[str, list[str]]


class LimitsInForce(msgspec.Struct, frozen=True):
    """The limits of a day: as data, and in words for people. Version 0: the defaults."""

    day: datetime.date
    version: int
    policy: dict[str, Any]
    words: dict[str, list[str]]


@post(
    "/policies",
    opt={"right": Right.DRAFT_RULES},
    operation_id="draftLimits",
    summary="Draft a version of the limits",
    responses=views.refusals(400, 409, 413, 415),
)
async def draft_limits(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewPolicy]
) -> PolicyView:
    """Keeps limits as the next version. A second person has to approve it, and its first day has to come."""
    policy, effective_from = limits.of_body(data.policy), bodies.day(data.effective_from, "effective_from")
    async with database.begin() as tx:
        return _view(await limits.draft(tx, me, policy, effective_from, data.note))


@get(
    "/policies",
    opt=READ,
    operation_id="listLimits",
    summary="The versions of the limits",
    responses=views.refusals(400),
)
async def list_limits(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[After] = 0,
) -> Policies:
    """The versions, the newest first: drafts, approved and declined ones."""
    async with database.connect() as tx:
        found = await policies.versions_of(tx, me.book_id, before=after or None, limit=limit)
    return Policies(
        [PolicyLine(*versioned.facts(each)) for each in found], found[-1].version if len(found) == limit else None
    )


@get(
    "/policies/in-force",
    opt={"right": Right.OWN},
    operation_id="readLimitsInForce",
    summary="The limits in force",
    responses=views.refusals(400),
)
async def read_limits_in_force(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    day: FromQuery[str | None] = None,
) -> LimitsInForce:
    """The limits of today or of another day: for everybody who takes part."""
    async with database.connect() as tx:
        asked, found = await limits.in_force(tx, me, None if day is None else bodies.day(day, "day"))
    return LimitsInForce(asked, found.version, policies.stored(found), _words(found))


@get(
    "/policies/{version:int}",
    opt=READ,
    operation_id="readLimits",
    summary="One version of the limits",
    responses=views.refusals(400, 404),
)
async def read_limits(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], version: FromPath[Number]
) -> PolicyView:
    """A version in full, whatever became of it."""
    async with database.connect() as tx:
        return _view(await policies.find(tx, me.book_id, version))


@post(
    "/policies/{version:int}/decision",
    status_code=200,
    opt={"right": Right.APPROVE_RULES},
    operation_id="decideLimits",
    summary="Approve or decline a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decide_limits(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[PolicyDecision],
) -> PolicyView:
    """Approves or declines what another person drafted. An approved version begins tomorrow at the earliest."""
    async with database.begin() as tx:
        return _view(await versioned.decide(tx, me, policies.LIMITS, version, approve=data.approve))


@post(
    "/policies/{version:int}/withdraw",
    status_code=200,
    opt={"right": Right.DRAFT_RULES},
    operation_id="withdrawLimits",
    summary="Withdraw a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def withdraw_limits(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[Nothing | None] = None,
) -> PolicyView:
    """Ends a draft of one's own. No body needed."""
    async with database.begin() as tx:
        return _view(await versioned.withdraw(tx, me, policies.LIMITS, version))


def _view(each: Version[Policy]) -> PolicyView:
    return PolicyView(*versioned.facts(each), policy=policies.stored(each.content), words=_words(each.content))


def _words(policy: Policy) -> dict[str, list[str]]:
    """Each limit in a sentence, in both languages."""
    return {"zh": limits.words("zh", policy), "en": limits.words("en", policy)}


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        draft_limits,
        list_limits,
        read_limits_in_force,
        read_limits,
        decide_limits,
        withdraw_limits,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["spending"],
)
