"""Periods over HTTP: a month is closed when it is over, and opened again from the last."""

from __future__ import annotations

import datetime
from typing import Literal

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, views
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.books import periods

KEEP = {"right": Right.KEEP_PERIODS}


class ClosedView(msgspec.Struct, frozen=True):
    """The last day that is closed; null while none is. Up to it nothing but hours can be dated."""

    closed_through: datetime.date | None


class PeriodView(msgspec.Struct, frozen=True):
    """A month (YYYY-MM, Asia/Shanghai) after it was closed or opened again, and the last day that is closed now."""

    period: str
    status: Literal["open", "closed"]
    closed_through: datetime.date | None


@get(
    "/periods",
    opt={"right": Right.READ_BOOKS, "scoped": True},
    operation_id="readClosed",
    summary="What is closed",
    responses=views.refusals(),
)
async def read_closed(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> ClosedView:
    """Through which day the book is closed. Months close in order, so that one day says it all."""
    async with database.connect() as tx:
        return ClosedView(await periods.closed_through(tx, me.book_id))


@post(
    "/periods/{period:str}/close",
    status_code=200,
    opt=KEEP,
    operation_id="closePeriod",
    summary="Close a month",
    responses=views.refusals(400, 409, 413, 415),
)
async def close_period(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    period: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> PeriodView:
    """Closes the month that comes next; the first may be any that is over, and closes all before it. No body needed."""
    async with database.begin() as tx:
        return PeriodView(period, "closed", await periods.close(tx, me.book_id, period, actor=me.name))


@post(
    "/periods/{period:str}/reopen",
    status_code=200,
    opt=KEEP,
    operation_id="reopenPeriod",
    summary="Open a month again",
    responses=views.refusals(400, 409, 413, 415),
)
async def reopen_period(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    period: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> PeriodView:
    """Opens the month that was closed last. No body needed."""
    async with database.begin() as tx:
        return PeriodView(period, "open", await periods.reopen(tx, me.book_id, period, actor=me.name))


router = Router(
    path="/books/{book:str}",
    route_handlers=[read_closed, close_period, reopen_period],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["periods"],
)
