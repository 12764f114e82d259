"""Star ladders over HTTP: versions, drafted by one and approved by another, the one in force, the examples, and what a
version would change."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, ladders, versioned, views
from api.bodies import After, Body, Limit, Number
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.recognition import ladder_body
from ledger.recognition import ladders as versions_of_ladders
from ledger.recognition.ladder import Ladder

READ = {"right": Right.READ_RECORDS, "scoped": True}


class NewLadder(Body, frozen=True):
    """A ladder and the first day whose stars it says. `ladder`: what it leaves out, except `levels`, is as usual."""

    effective_from: str
    ladder: dict[str, Any]
    note: str = ""


class LadderDecision(Body, frozen=True):
    """Whether it comes into force."""

    approve: bool


class LadderLine(versioned.Line, frozen=True):
    """A version of the ladder, without what it says."""


class Ladders(msgspec.Struct, frozen=True):
    """The newest first; `next` is the `after` of the next page, null at the end."""

    items: list[LadderLine]
    next: int | None


class LadderView(LadderLine, frozen=True, kw_only=True):
    """A version of the ladder: as data, and in words for people."""

    ladder: dict[str, Any]
    words: dict[str, list[str]]


class LadderInForce(msgspec.Struct, frozen=True):
    """The ladder of a day: as data, and in words for people. Version 0: the national one."""

    day: datetime.date
    version: int
    ladder: dict[str, Any]
    words: dict[str, list[str]]


class LadderExample(msgspec.Struct, frozen=True):
    """A ladder to begin from: `ladder` can be drafted as it is."""

    example: str
    about: dict[str, str]
    ladder: dict[str, Any]
    words: dict[str, list[str]]


class LadderExamples(msgspec.Struct, frozen=True):
    """The examples that come with the service; `next` is always null."""

    items: list[LadderExample]
    next: str | None


class StarCount(msgspec.Struct, frozen=True):
    """How many volunteers have that many stars by the ladder in force, and how many would have."""

    star: int
    before: int
    after: int


class LadderEffect(msgspec.Struct, frozen=True):
    """What a version would change on `day`, beside the one `in_force`: people by star, and how many go up or down."""

    day: datetime.date
    in_force: int
    version: int
    stars: list[StarCount]
    up: int
    down: int
    same: int


@post(
    "/ladders",
    opt={"right": Right.DRAFT_RULES},
    operation_id="draftLadder",
    summary="Draft a version of the star ladder",
    responses=views.refusals(400, 409, 413, 415),
)
async def draft_ladder(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewLadder]
) -> LadderView:
    """Keeps a ladder as the next version. A second person has to approve it, and its first day has to come."""
    the, effective_from = ladders.of_body(data.ladder), bodies.day(data.effective_from, "effective_from")
    async with database.begin() as tx:
        return _view(await ladders.draft(tx, me, the, effective_from, data.note))


@get(
    "/ladders",
    opt=READ,
    operation_id="listLadders",
    summary="The versions of the star ladder",
    responses=views.refusals(400),
)
async def list_ladders(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[After] = 0,
) -> Ladders:
    """The versions, the newest first: drafts, approved and declined ones."""
    async with database.connect() as tx:
        found = await versions_of_ladders.versions_of(tx, me.book_id, before=after or None, limit=limit)
    return Ladders(
        [LadderLine(*versioned.facts(each)) for each in found], found[-1].version if len(found) == limit else None
    )


@get(
    "/ladders/in-force",
    opt={"right": Right.OWN},
    operation_id="readLadderInForce",
    summary="The star ladder in force",
    responses=views.refusals(400),
)
async def read_ladder_in_force(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    day: FromQuery[str | None] = None,
) -> LadderInForce:
    """What stars ask for today or on another day: for everybody who takes part."""
    async with database.connect() as tx:
        asked, found = await ladders.in_force(tx, me, None if day is None else bodies.day(day, "day"))
    return LadderInForce(asked, found.version, ladder_body.stored(found), _words(found))


@get(
    "/ladders/examples",
    opt=READ,
    operation_id="listLadderExamples",
    summary="Star ladders to begin from",
    responses=views.refusals(400),
)
async def list_ladder_examples() -> LadderExamples:
    """The national ladder and those of some places, as they come with the service."""
    return LadderExamples(
        [
            LadderExample(name, {"zh": about[0], "en": about[1]}, ladder_body.stored(the), _words(the))
            for name, about in ladders.EXAMPLES.items()
            for the in [ladders.example(name)]
        ],
        None,
    )


@get(
    "/ladders/{version:int}",
    opt=READ,
    operation_id="readLadder",
    summary="One version of the star ladder",
    responses=views.refusals(400, 404),
)
async def read_ladder(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], version: FromPath[Number]
) -> LadderView:
    """A version in full, whatever became of it."""
    async with database.connect() as tx:
        return _view(await versions_of_ladders.find(tx, me.book_id, version))


@post(
    "/ladders/{version:int}/decision",
    status_code=200,
    opt={"right": Right.APPROVE_RULES},
    operation_id="decideLadder",
    summary="Approve or decline a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decide_ladder(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[LadderDecision],
) -> LadderView:
    """Approves or declines what another person drafted. An approved version begins tomorrow at the earliest."""
    async with database.begin() as tx:
        return _view(await versioned.decide(tx, me, versions_of_ladders.LADDERS, version, approve=data.approve))


@post(
    "/ladders/{version:int}/withdraw",
    status_code=200,
    opt={"right": Right.DRAFT_RULES},
    operation_id="withdrawLadder",
    summary="Withdraw a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def withdraw_ladder(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[Nothing | None] = None,
) -> LadderView:
    """Ends a draft of one's own. No body needed."""
    async with database.begin() as tx:
        return _view(await versioned.withdraw(tx, me, versions_of_ladders.LADDERS, version))


@get(
    "/ladders/{version:int}/effect",
    opt={"right": Right.READ_RECORDS},
    operation_id="readLadderEffect",
    summary="What a version would change",
    responses=views.refusals(400, 404),
)
async def read_ladder_effect(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], version: FromPath[Number]
) -> LadderEffect:
    """How many volunteers would have which star today by a version, also a draft, beside the ladder in force."""
    async with database.begin() as tx:
        the = (await versions_of_ladders.find(tx, me.book_id, version)).content
        found = await ladders.effect(tx, me, the)
    return LadderEffect(
        found.day,
        found.before.version,
        version,
        [StarCount(star, was, will) for star, (was, will) in enumerate(found.counts)],
        found.up,
        found.down,
        found.same,
    )


def _view(each: Version[Ladder]) -> LadderView:
    return LadderView(*versioned.facts(each), ladder=ladder_body.stored(each.content), words=_words(each.content))


def _words(the: Ladder) -> dict[str, list[str]]:
    """Everything that it says in sentences, in both languages."""
    return {"zh": ladders.words("zh", the), "en": ladders.words("en", the)}


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        draft_ladder,
        list_ladders,
        read_ladder_in_force,
        list_ladder_examples,
        read_ladder,
        decide_ladder,
        withdraw_ladder,
        read_ladder_effect,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["recognition"],
)
