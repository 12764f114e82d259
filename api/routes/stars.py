"""Stars over HTTP: her own, and for staff of whom they may see, as of any day."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, bodies, star_words, stars, views
from api.bodies import Limit
from api.hours import WhyView
from api.stars import Asked, Starred
from ledger.access.rights import Principal, Right
from ledger.recognition.awards import Award
from ledger.recognition.ladder import Missing, Need

OWN = {"right": Right.OWN}
READ = {"right": Right.READ_RECORDS, "scoped": True}

AsOf = Annotated[str | None, Parameter(description="The day, YYYY-MM-DD; today, where none is said.")]
RulesOn = Annotated[
    str | None, Parameter(description="By the ladder in force on this day instead of on the day itself.")
]
KnownAt = Annotated[
    str | None,
    Parameter(description="As the books knew it at this instant (RFC 3339), at least 30 s ago: that never changes."),
]


class MissingView(msgspec.Struct, frozen=True):
    """One thing that is not there yet: so many minutes or points, the star to be awarded first, or the day from which
    it will be there."""

    need: Need
    amount: int | None
    since: datetime.date | None
    words: WhyView


class NextView(msgspec.Struct, frozen=True):
    """The next star: minutes and points that it asks for, and what is missing to it, also in one sentence."""

    star: int
    title: WhyView
    minutes: int
    points: int
    missing: list[MissingView]
    words: WhyView


class AwardView(msgspec.Struct, frozen=True):
    """Where the award of a star stands. `awarded_on` and `serial`, of the certificate, are null before it is given."""

    star: int
    state: str
    as_of: datetime.date
    notice_until: datetime.date
    awarded_on: datetime.date | None
    ended_on: datetime.date | None
    serial: str | None


class StarView(msgspec.Struct, frozen=True):
    """Somebody's star on a day, by a version of the ladder (0: the national one), and in one sentence why.

    `minutes`: of the classes that count; `year_minutes` and `points` are null where the ladder does not ask for them.
    `held`: the highest star that was awarded by then and not ended. `next` is null where there is none above hers.
    `awards`: what became of hers, the newest first; null in lists.
    """

    as_of: datetime.date
    known_at: datetime.datetime | None
    ladder: int
    volunteer: str
    star: int
    title: WhyView
    credit_minutes: int
    honour_minutes: int
    minutes: int
    year_minutes: int | None
    points: int | None
    held: int
    why: WhyView
    next: NextView | None
    awards: list[AwardView] | None


class Stars(msgspec.Struct, frozen=True):
    """Stars by volunteer number; `next` is the `after` of the next page, null at the end."""

    items: list[StarView]
    next: str | None


@get("/me/stars", opt=OWN, operation_id="readMyStars", summary="My star", responses=views.refusals(400))
async def read_mine(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    as_of: FromQuery[AsOf] = None,
    rules_on: FromQuery[RulesOn] = None,
    known_at: FromQuery[KnownAt] = None,
) -> StarView:
    """Her star today or on any day, why, and what is missing to the next one."""
    async with database.connect() as tx:
        what = await _asked(tx, me, as_of, rules_on, known_at)
        found = await stars.of_mine(tx, me, what)
        return _view(found, await stars.awards_of(tx, me, found))


@get(
    "/books/{book:str}/stars",
    opt=READ,
    operation_id="listStars",
    summary="Stars of volunteers",
    responses=views.refusals(400),
)
async def list_stars(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    as_of: FromQuery[AsOf] = None,
    rules_on: FromQuery[RulesOn] = None,
    known_at: FromQuery[KnownAt] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[str | None, Parameter(description="The `next` of the page before.")]] = None,
) -> Stars:
    """The stars of the volunteers of the organisations that the caller may see, today or on any day."""
    async with database.connect() as tx:
        what = await _asked(tx, me, as_of, rules_on, known_at)
        found, following = await stars.within(tx, me, what, after=after, limit=limit)
    return Stars([_view(each) for each in found], following)


@get(
    "/books/{book:str}/volunteers/{volunteer:str}/stars",
    opt=READ,
    operation_id="readStars",
    summary="One volunteer's star",
    responses=views.refusals(400, 404),
)
async def read_one(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    as_of: FromQuery[AsOf] = None,
    rules_on: FromQuery[RulesOn] = None,
    known_at: FromQuery[KnownAt] = None,
) -> StarView:
    """A volunteer's star today or on any day, why, and what is missing to the next one."""
    async with database.connect() as tx:
        what = await _asked(tx, me, as_of, rules_on, known_at)
        found = await stars.of_one(tx, me, volunteer, what)
        return _view(found, await stars.awards_of(tx, me, found))


async def _asked(
    tx: AsyncConnection, me: Principal, as_of: str | None, rules_on: str | None, known_at: str | None
) -> Asked:
    return await stars.asked(
        tx,
        me.book_id,
        as_of=None if as_of is None else bodies.day(as_of, "as_of"),
        rules_on=None if rules_on is None else bodies.day(rules_on, "rules_on"),
        known_at=None if known_at is None else bodies.moment(known_at, "known_at"),
    )


def _view(of: Starred, awards: list[Award] | None = None) -> StarView:
    ladder, standing = of.asked.ladder, of.standing
    facts = standing.facts
    return StarView(
        as_of=of.asked.day,
        known_at=of.asked.known_at,
        ladder=ladder.version,
        volunteer=standing.volunteer_no,
        star=standing.star,
        title=_title(of, standing.star),
        credit_minutes=standing.credit_minutes,
        honour_minutes=standing.honour_minutes,
        minutes=facts.minutes,
        year_minutes=facts.year_minutes if ladder.year_minutes else None,
        points=facts.points if any(level.points for level in ladder.levels) else None,
        held=facts.held,
        why=WhyView(stars.why(of, "zh"), stars.why(of, "en")),
        next=_next(of),
        awards=None if awards is None else [_award(each) for each in awards],
    )


def _next(of: Starred) -> NextView | None:
    level = stars.next_level(of)
    if level is None or of.missing is None:
        return None
    number = of.standing.star + 1
    return NextView(
        number,
        _title(of, number),
        level.minutes,
        level.points,
        [_missing(of, each, number) for each in of.missing],
        WhyView(stars.to_next(of, "zh"), stars.to_next(of, "en")),
    )


def _missing(of: Starred, each: Missing, number: int) -> MissingView:
    ladder = of.asked.ladder
    words = WhyView(star_words.need("zh", ladder, each, number), star_words.need("en", ladder, each, number))
    return MissingView(each.need, each.amount or None, each.since, words)


def _title(of: Starred, number: int) -> WhyView:
    return WhyView(star_words.star("zh", of.asked.ladder, number), star_words.star("en", of.asked.ladder, number))


def _award(each: Award) -> AwardView:
    return AwardView(each.star, each.state, each.as_of, each.notice_until, each.awarded_on, each.ended_on, each.serial)


router = Router(
    path="/",
    route_handlers=[read_mine, list_stars, read_one],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["recognition"],
)
