"""A volunteer's hours over HTTP: where each of them is, and the lines of her passbook with the sentence why."""

from __future__ import annotations

import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, hours, views
from api.bodies import Limit
from api.hours import HourView, WhyView
from ledger.access.rights import Principal, Right
from ledger.books.proposals import Side
from ledger.earning import volunteers
from ledger.earning.notices import Place

OWN = {"right": Right.OWN}

Account = Literal["points", "notice", "hours", "honour"]
ACCOUNTS: Final[dict[Account, str]] = {
    "points": volunteers.WALLET,
    "notice": volunteers.IN_NOTICE,
    "hours": volunteers.CREDIT_HOURS,
    "honour": volunteers.HONOUR_HOURS,
}


class HoursPage(msgspec.Struct, frozen=True):
    """Her records, the newest service day first; `next` is the `after` of the next page, null at the end.

    `credit_minutes`, `honour_minutes`: what stands in the books.
    """

    items: list[HourView]
    next: str | None
    credit_minutes: int
    honour_minutes: int


class LineView(msgspec.Struct, frozen=True):
    """A line of a passbook. `record`: the service record that it comes from, and `why` it is so much.

    `redemption`: the one that it belongs to.
    """

    number: int
    transaction: UUID
    kind: str
    description: str
    effective_on: datetime.date
    recorded_at: datetime.datetime
    side: Side
    amount: int
    balance_after: int
    record: UUID | None
    why: WhyView | None
    redemption: UUID | None


class PassbookPage(msgspec.Struct, frozen=True):
    """Lines, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[LineView]
    next: int | None


@get("/me/hours", opt=OWN, operation_id="listMyHours", summary="Where are my hours", responses=views.refusals(400))
async def list_hours(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[str | None, Parameter(max_length=64)]] = None,
) -> HoursPage:
    """Her service records: state, whose turn it is and until when, points, and in one sentence why."""
    async with database.connect() as tx:
        found = await hours.hours(tx, me, after=_place(after), limit=limit)
    return HoursPage(
        [hours.view(each) for each in found.items],
        None if found.next is None else str(found.next),
        found.credit_minutes,
        found.honour_minutes,
    )


@get(
    "/me/hours/{record_id:uuid}",
    opt=OWN,
    operation_id="readMyHour",
    summary="Where is my hour",
    responses=views.refusals(404),
)
async def read_hour(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], record_id: FromPath[UUID]
) -> HourView:
    """One of her service records."""
    async with database.connect() as tx:
        return hours.view(await hours.hour(tx, me, record_id))


@get("/me/passbook", opt=OWN, operation_id="readMyPassbook", summary="My passbook", responses=views.refusals(400))
async def read_passbook(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    account: FromQuery[Annotated[Account, Parameter(description="Which of her passbooks.")]] = "points",
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[int | None, Parameter(ge=1, le=2**63 - 1)]] = None,
) -> PassbookPage:
    """The lines of one of her passbooks; what comes from a service record says why it is so much."""
    async with database.connect() as tx:
        found = await hours.lines(tx, me, ACCOUNTS[account], after=after, limit=limit)
    items = [
        LineView(
            line.number,
            line.transaction_id,
            line.kind,
            line.description,
            line.effective_on,
            line.recorded_at,
            line.side,
            line.amount,
            line.balance_after,
            None if each.record is None else each.record.record_id,
            hours.why_view(each.why),
            None if each.redemption is None else each.redemption.redemption_id,
        )
        for each in found
        for line in (each.line,)
    ]
    return PassbookPage(items, items[-1].number if items and items[-1].number > 1 else None)


def _place(text: str | None) -> Place | None:
    return None if text is None else Place.read(text)


router = Router(
    path="/",
    route_handlers=[list_hours, read_hour, read_passbook],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["sessions"],
)
