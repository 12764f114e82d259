"""What anybody may know of a programme: figures without a name, and no sign-in."""

from __future__ import annotations

import datetime

import msgspec
from litestar import Response, Router, get
from litestar.params import FromPath

from api import programme, views
from api.requests import StrictRequest
from ledger.earning.figures import Programme

FRESH = f"public, max-age={programme.SECONDS}"


class Average(msgspec.Struct, frozen=True):
    """Minutes of service a head this year, rounded down, and by whom they were divided; null where there is nobody."""

    minutes: int | None
    people: int


class ProgrammeView(msgspec.Struct, frozen=True):
    """The figures of a programme: points, fen, minutes, people; `at` when they were computed, at most a minute ago.

    `points_outstanding`: what volunteers can still spend or will, `points_in_notice` among it. `backing_percent`: fund
    and stock, less what is owed to shops, in hundredths of that. `points_granted`: this year's budget, null where
    there is none. `points_per_100_hours`, `fen_per_hour`: what a credit hour of this year earned, and redeems for.
    """

    book: str
    name: str
    at: datetime.datetime
    year: int
    points_outstanding: int
    points_in_notice: int
    fund_points: int
    fund_fen: int
    stock_points: int
    owed_to_shops: int
    backing_percent: int | None
    points_granted: int | None
    points_issued: int
    points_expired: int
    credit_minutes: int
    honour_minutes: int
    minutes_this_year: int
    points_per_100_hours: int | None
    fen_per_hour: int | None
    registered: Average
    active: Average


@get(
    "/books/{book:str}/programme",
    operation_id="readProgramme",
    summary="Public figures of a programme",
    responses={status: spec for status, spec in views.refusals(404).items() if status in (404, 503)},
    tags=["programme"],
)
async def read_programme(request: StrictRequest, book: FromPath[str]) -> Response[ProgrammeView]:
    """Points outstanding, what stands behind them, issued against granted, hours, and what an hour is worth.

    Every average comes with its denominator: those who are registered, and those who served this year.
    """
    known: programme.Programmes = request.app.state.programmes
    return Response(_view(await known.of(book)), headers={"Cache-Control": FRESH})


def _view(found: Programme) -> ProgrammeView:
    return ProgrammeView(
        book=found.code,
        name=found.name,
        at=found.at,
        year=found.year,
        points_outstanding=found.outstanding,
        points_in_notice=found.in_notice,
        fund_points=found.fund_points,
        fund_fen=found.fund_fen,
        stock_points=found.stock_points,
        owed_to_shops=found.owed_to_shops,
        backing_percent=found.backing_percent,
        points_granted=found.granted,
        points_issued=found.issued,
        points_expired=found.expired,
        credit_minutes=found.credit_minutes,
        honour_minutes=found.honour_minutes,
        minutes_this_year=found.year_minutes,
        points_per_100_hours=found.points_per_100_hours,
        fen_per_hour=found.fen_per_hour,
        registered=Average(found.minutes_per_registered, found.registered),
        active=Average(found.minutes_per_active, found.active),
    )


router = Router(path="/", route_handlers=[read_programme])
