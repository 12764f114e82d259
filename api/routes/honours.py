"""Targets and honours of a year over HTTP: set, reached, proposed, given; and a volunteer's own."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import answers, auth, honours, problems, targets, views
from api.bodies import Body, Limit
from api.calls import Nothing
from api.honours import HonourDecision, NewHonour, ReachedBody
from api.requests import StrictRequest
from api.targets import NewTarget, Year
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import Refusal
from ledger.recognition import targets as domain
from ledger.recognition.honours import Honour, State
from ledger.recognition.targets import YEARS, Kind, Progress, Target, Whom

OWN = {"right": Right.OWN}
READ = {"right": Right.READ_RECORDS, "scoped": True}
ASSESS = {"right": Right.ASSESS, "scoped": True}
CERTIFY = {"right": Right.CERTIFY, "scoped": True}

OfYear = FromQuery[
    Annotated[int | None, Parameter(ge=YEARS[0], le=YEARS[1], description="`2026`; left out: this year.")]
]
AfterCode = FromQuery[Annotated[str, Parameter(max_length=64, description="The `next` of the page before.")]]
AfterHonour = FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]]
Which = FromQuery[Annotated[State | None, QueryParameter(name="state")]]


class LastYear(Body, frozen=True):
    """The last year in which it holds: this one or a later one."""

    last_year: Year


class TargetView(msgspec.Struct, frozen=True):
    """A target. `amount`: minutes, weeks or days; `words` says it in both languages."""

    target: str
    name: str
    kind: Kind
    whom: Whom
    amount: int
    organisation: str | None
    category: str | None
    theme_days: list[str]
    first_year: int
    last_year: int | None
    set_by: str
    set_at: datetime.datetime
    words: dict[str, str]


class Targets(msgspec.Struct, frozen=True):
    """Targets by code; `next` is the `after` of the next page, null at the end."""

    items: list[TargetView]
    next: str | None


class ProgressView(msgspec.Struct, frozen=True):
    """How far a person (`volunteer`) or a group (`organisation`, `name`) is: minutes, weeks or days."""

    volunteer: str | None
    organisation: str | None
    name: str | None
    amount: int
    reached: bool


class ProgressPage(msgspec.Struct, frozen=True):
    """Who served for a target in a year, first who did most; who has not served is not in it.

    `needed`: minutes, weeks or days; `served` and `reached`: of how many people or groups how many reached it. `next`
    is the `after` of the next page, null at the end.
    """

    year: int
    needed: int
    served: int
    reached: int
    items: list[ProgressView]
    next: str | None


class MyTarget(msgspec.Struct, frozen=True):
    """A target of yours, and how far you are: minutes, weeks or days."""

    target: str
    name: str
    kind: Kind
    amount: int
    needed: int
    reached: bool
    words: dict[str, str]


class MyTargets(msgspec.Struct, frozen=True):
    """Your targets of a year; `next` is always null."""

    year: int
    items: list[MyTarget]
    next: str | None


class HonourView(msgspec.Struct, frozen=True):
    """An honour of a person (`volunteer`; null where she has been erased) or of an `organisation`.

    `target`, `amount`: which was reached, and how many minutes, weeks or days it was.
    """

    id: UUID
    year: int
    name: str
    volunteer: str | None
    organisation: str | None
    target: str | None
    amount: int | None
    state: State
    proposed_by: str
    proposed_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None
    ended_by: str | None
    ended_at: datetime.datetime | None


class Honours(msgspec.Struct, frozen=True):
    """The honours of a year by name, people first; `next` is the `after` of the next page, null at the end."""

    year: int
    items: list[HonourView]
    next: UUID | None


class ProposedView(msgspec.Struct, frozen=True):
    """How many were proposed that had not been before."""

    proposed: int


class DecidedView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one: its state, or why nothing was decided."""

    honour: UUID
    status: Literal["decided", "refused"]
    state: State | None = None
    problem: dict[str, object] | None = None


class DecidedHonours(msgspec.Struct, frozen=True):
    """The outcomes, in the order of the call."""

    outcomes: list[DecidedView]


class MyHonour(msgspec.Struct, frozen=True):
    """An honour of yours."""

    id: UUID
    year: int
    name: str
    target: str | None
    amount: int | None
    given_on: datetime.date | None


class MyHonours(msgspec.Struct, frozen=True):
    """Your honours, the newest year first; `next` is always null."""

    items: list[MyHonour]
    next: UUID | None


# --- targets ---------------------------------------------------------------------------------------------------------


@post(
    "/books/{book:str}/targets",
    opt=ASSESS,
    operation_id="setTarget",
    summary="Set a target",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def set_target(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewTarget]
) -> TargetView:
    """Sets a target: hours a year, service in so many weeks, on so many theme days. The same again changes nothing.

    One whose first year has not come yet is replaced; one that has begun is ended, and another one set.
    """
    async with database.begin() as tx:
        made, _ = await targets.set_(tx, me, data)
    return _target(made)


@get(
    "/books/{book:str}/targets",
    opt=READ,
    operation_id="listTargets",
    summary="The targets",
    responses=views.refusals(400),
)
async def list_targets(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    year: FromQuery[
        Annotated[int | None, Parameter(ge=YEARS[0], le=YEARS[1], description="`2026`; left out: all.")]
    ] = None,
    limit: FromQuery[Limit] = 50,
    after: AfterCode = "",
) -> Targets:
    """The targets of the book, of one year or all: they say nothing of anybody."""
    async with database.connect() as tx:
        found = await domain.targets_of(tx, me.book_id, year=year, after=after, limit=limit)
    return Targets([_target(each) for each in found], found[-1].target if len(found) == limit else None)


@post(
    "/books/{book:str}/targets/{target:str}/end",
    status_code=200,
    opt=ASSESS,
    operation_id="endTarget",
    summary="Let a target end",
    responses=views.refusals(400, 404, 413, 415),
)
async def end_target(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    target: FromPath[str],
    data: JSONBody[LastYear],
) -> TargetView:
    """Says in which year it holds for the last time: this one or a later one. What was reached stays."""
    async with database.begin() as tx:
        return _target(await targets.end(tx, me, target, data.last_year))


@get(
    "/books/{book:str}/targets/{target:str}/progress",
    opt=READ,
    operation_id="readTargetProgress",
    summary="How far people or groups are",
    responses=views.refusals(400, 404),
)
async def read_progress(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    target: FromPath[str],
    year: OfYear = None,
    reached: FromQuery[bool] = False,
    limit: FromQuery[Limit] = 50,
    after: AfterCode = "",
) -> ProgressPage:
    """Who served for a target in a year, or only who `reached` it, computed from what stands in the books now."""
    async with database.begin() as tx:
        told = await targets.progress(tx, me, target, year, reached=reached, after=after or None, limit=limit)
    items = told.report.items
    last = items[-1] if len(items) == limit else None
    return ProgressPage(
        told.year,
        told.needed,
        told.report.served,
        told.report.reached,
        [_progress(each) for each in items],
        None if last is None else last.volunteer_no or last.organisation,
    )


@get("/me/targets", opt=OWN, operation_id="listMyTargets", summary="My targets", responses=views.refusals(400))
async def my_targets(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], year: OfYear = None
) -> MyTargets:
    """The targets that are hers in a year, and how far she is."""
    async with database.connect() as tx:
        asked, found = await targets.mine(tx, me, year)
    return MyTargets(
        asked,
        [
            MyTarget(
                each.target.target,
                each.target.wanted.name,
                each.target.wanted.kind,
                each.amount,
                each.needed,
                each.reached,
                _words(each.target),
            )
            for each in found
        ],
        None,
    )


# --- honours ---------------------------------------------------------------------------------------------------------


@post(
    "/books/{book:str}/honours/reached",
    status_code=200,
    opt=ASSESS,
    operation_id="proposeReached",
    summary="Propose all who reached a target",
    responses=views.refusals(400, 404, 413, 415),
)
async def propose_reached(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[ReachedBody]
) -> ProposedView:
    """Proposes everybody, or every group, that reached a target in a year. Again, it adds only who is new."""
    async with database.begin() as tx:
        return ProposedView(await honours.propose_reached(tx, me, data))


@post(
    "/books/{book:str}/honours",
    opt=ASSESS,
    operation_id="proposeHonour",
    summary="Propose one by name",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def propose_honour(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewHonour]
) -> HonourView:
    """Proposes one volunteer or one organisation for an honour of a year. A second person gives it."""
    async with database.begin() as tx:
        return _honour(await honours.propose(tx, me, data))


@get(
    "/books/{book:str}/honours",
    opt=READ,
    operation_id="listHonours",
    summary="The honours of a year",
    responses=views.refusals(400, 404),
)
async def list_honours(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    year: OfYear = None,
    which: Which = None,
    limit: FromQuery[Limit] = 50,
    after: AfterHonour = None,
) -> Honours:
    """What was proposed, given, declined or ended, of the people and groups within reach."""
    async with database.connect() as tx:
        asked = await _year(tx, year)
        found = await honours.listed(tx, me, asked, state=which, after=after, limit=limit)
    return Honours(asked, [_honour(each) for each in found], found[-1].honour_id if len(found) == limit else None)


@post(
    "/books/{book:str}/honours/decisions",
    status_code=200,
    opt=CERTIFY,
    operation_id="decideHonours",
    summary="Give honours, or decline them",
    responses=views.refusals(400, 413, 415),
)
async def decide_honours(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[HonourDecision],
) -> DecidedHonours:
    """Gives what another person proposed, or declines it. Each has its outcome.

    What was for a target is given only while that is still reached. If one of them is not the caller's to decide,
    nothing happens.
    """
    async with database.begin() as tx:
        outcomes = await honours.decide(tx, me, data.honours, give=data.give)
    return DecidedHonours([_decided(request, *each) for each in zip(data.honours, outcomes, strict=True)])


@post(
    "/books/{book:str}/honours/{honour_id:uuid}/end",
    status_code=200,
    opt=CERTIFY,
    operation_id="endHonour",
    summary="End an honour",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def end_honour(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    honour_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> HonourView:
    """Takes an honour that was given off the lists. No body needed."""
    async with database.begin() as tx:
        return _honour(await honours.end(tx, me, honour_id))


@get("/me/honours", opt=OWN, operation_id="listMyHonours", summary="My honours", responses=views.refusals())
async def my_honours(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> MyHonours:
    """The honours that she has, the newest year first."""
    async with database.connect() as tx:
        found = await honours.mine(tx, me)
    return MyHonours(
        [
            MyHonour(
                each.honour_id,
                each.year,
                each.name,
                each.target,
                each.amount,
                None if each.decided_at is None else day_of(each.decided_at),
            )
            for each in found
        ],
        None,
    )


async def _year(tx: AsyncConnection, year: int | None) -> int:
    return day_of(await connect.now(tx)).year if year is None else year


# --- views -----------------------------------------------------------------------------------------------------------


def _words(target: Target) -> dict[str, str]:
    return {"zh": targets.sentence("zh", target.wanted), "en": targets.sentence("en", target.wanted)}


def _target(each: Target) -> TargetView:
    wanted = each.wanted
    return TargetView(
        wanted.target,
        wanted.name,
        wanted.kind,
        wanted.whom,
        wanted.amount,
        wanted.organisation,
        wanted.category,
        list(wanted.theme_days),
        wanted.first_year,
        wanted.last_year,
        each.set_by,
        each.set_at,
        _words(each),
    )


def _progress(each: Progress) -> ProgressView:
    return ProgressView(each.volunteer_no, each.organisation, each.name, each.amount, each.reached)


def _honour(each: Honour) -> HonourView:
    return HonourView(
        each.honour_id,
        each.year,
        each.name,
        each.volunteer_no,
        each.organisation,
        each.target,
        each.amount,
        each.state,
        each.proposed_by,
        each.proposed_at,
        each.decided_by,
        each.decided_at,
        each.ended_by,
        each.ended_at,
    )


def _decided(request: StrictRequest, honour_id: UUID, outcome: Honour | Refusal) -> DecidedView:
    if isinstance(outcome, Honour):
        return DecidedView(honour_id, "decided", state=outcome.state)
    return DecidedView(honour_id, "refused", problem=problems.document(outcome, answers.language_of(request)))


router = Router(
    path="/",
    route_handlers=[
        set_target,
        list_targets,
        end_target,
        read_progress,
        my_targets,
        propose_reached,
        propose_honour,
        list_honours,
        decide_honours,
        end_honour,
        my_honours,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["honours"],
)
