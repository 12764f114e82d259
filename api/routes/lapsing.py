"""What lapses soon, over HTTP."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, lapsing, views
from api.bodies import Limit
from ledger.access.rights import Principal, Right
from ledger.earning.expiry import Lapsing

OWN = {"right": Right.OWN}
READ = {"right": Right.READ_BOOKS, "scoped": True}


class OwnLapsing(msgspec.Struct, frozen=True):
    """So many points lapse on this day; the evening before they can still be spent."""

    lapses_on: datetime.date
    amount: int


class OwnPage(msgspec.Struct, frozen=True):
    """What lapses, the earliest first; `next` is always null."""

    items: list[OwnLapsing]
    next: str | None


class LapsingView(msgspec.Struct, frozen=True):
    """So many points of an account lapse on this day. `volunteer`: whose it is; null for other accounts."""

    account: str
    volunteer: str | None
    lapses_on: datetime.date
    amount: int


class Page(msgspec.Struct, frozen=True):
    """What lapses, by day and account; `next` is the `after` of the next page, null at the end."""

    items: list[LapsingView]
    next: str | None


@get("/me/lapsing", opt=OWN, operation_id="listMyLapsing", summary="What lapses soon", responses=views.refusals())
async def list_mine(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> OwnPage:
    """Points of hers that lapse within 30 days if she does not spend them, by day."""
    async with database.connect() as tx:
        found = await lapsing.of_mine(tx, me)
    return OwnPage([OwnLapsing(each.lapses_on, each.amount) for each in found], None)


@get(
    "/books/{book:str}/lapsing",
    opt=READ,
    operation_id="listLapsing",
    summary="What lapses soon",
    responses=views.refusals(400),
)
async def list_lapsing(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[str | None, Parameter(description="The `next` of the page before.")]] = None,
) -> Page:
    """Points that lapse within 30 days if nobody spends them; of the organisations that the caller may see."""
    async with database.connect() as tx:
        found, following = await lapsing.within(tx, me, after, limit)
    return Page([_view(each) for each in found], following)


def _view(each: Lapsing) -> LapsingView:
    return LapsingView(each.account, each.volunteer_no, each.lapses_on, each.amount)


router = Router(
    path="/",
    route_handlers=[list_mine, list_lapsing],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["books"],
)
