"""Holds over HTTP: points of a wallet set aside, captured in part or whole, or given back."""

from __future__ import annotations

import datetime
from typing import TypedDict
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, calls, requests, views
from api.bodies import Body
from api.calls import NewCapture, NewHold, Nothing
from api.requests import StrictRequest
from api.views import TransactionView
from ledger.access.rights import Principal, Right
from ledger.books import holds
from ledger.books.evaluate import Refused
from ledger.books.holds import Status
from ledger.errors import UnknownHold

POST = {"right": Right.POST, "scoped": True}


class HoldView(msgspec.Struct, frozen=True):
    """Points of the wallet `account` that are set aside. The transaction that did it has the same `id`."""

    id: UUID
    account: str
    amount: int
    expires_at: datetime.datetime
    status: Status


@post(
    "/holds",
    opt=POST,
    operation_id="placeHold",
    operation_class=requests.Keyed,
    summary="Hold points of a wallet",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, HoldView, "Held"),
)
async def place_hold(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[NewHold],
) -> ASGIResponse:
    """Sets points of a wallet (2100.x) aside in its companion (2120.x) until they are captured or voided.

    When the time is over they are the wallet's again. The same call again gets the first answer: how the hold stands
    by then, its own address tells.
    """
    length = datetime.timedelta(seconds=data.expires_in)
    await auth.may_post(database, me, [data.account])
    outcome = await holds.place(
        database,
        me.book_id,
        account=data.account,
        amount=data.amount,
        expires_in=length,
        **_called(request, me, "/holds", data),
    )
    if isinstance(outcome, Refused):
        return views.refused(request, outcome)
    recorded_at = views.posted(outcome).recorded_at
    view = HoldView(outcome.transaction_id, data.account, data.amount, recorded_at + length, "open")
    return views.created(view, replayed=outcome.replayed)


@get(
    "/holds/{hold_id:uuid}",
    opt={"right": Right.READ_BOOKS, "scoped": True},
    operation_id="readHold",
    summary="One hold",
    responses=views.refusals(404),
)
async def read_hold(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], hold_id: FromPath[UUID]
) -> HoldView:
    """A hold as it stands: `open`, `captured`, `voided`, or `lapsed` when nobody ended it in time."""
    async with database.connect() as tx:
        hold = await holds.read(tx, me.book_id, hold_id)
        await auth.within_accounts(tx, me, Right.READ_BOOKS, [hold.account])
    return HoldView(hold.hold_id, hold.account, hold.amount, hold.expires_at, hold.status)


@post(
    "/holds/{hold_id:uuid}/capture",
    opt=POST,
    operation_id="captureHold",
    operation_class=requests.Keyed,
    summary="Take what is held",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, TransactionView, "Captured"),
)
async def capture_hold(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    hold_id: FromPath[UUID],
    data: JSONBody[NewCapture],
) -> ASGIResponse:
    """Credits an account with what is held, or with part of it: then the rest goes back to the wallet. Once."""
    called = _called(request, me, f"/holds/{hold_id}/capture", data)
    await auth.may_post(database, me, [*await _wallet(database, me, hold_id), data.to])
    return views.answer(
        request, await holds.capture(database, me.book_id, hold_id, to=data.to, amount=data.amount, **called)
    )


@post(
    "/holds/{hold_id:uuid}/void",
    opt=POST,
    operation_id="voidHold",
    operation_class=requests.Keyed,
    summary="Give back what is held",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, TransactionView, "Voided"),
)
async def void_hold(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    hold_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ASGIResponse:
    """Gives the wallet back what is held, which one person may do alone. No body needed."""
    called = _called(request, me, f"/holds/{hold_id}/void", data or Nothing())
    wallet = await _wallet(database, me, hold_id)
    if me.kind == "user":
        async with database.connect() as tx:
            await auth.within_accounts(tx, me, Right.POST, wallet)
    else:
        await auth.may_post(database, me, wallet)
    return views.answer(request, await holds.void(database, me.book_id, hold_id, **called))


async def _wallet(database: AsyncEngine, me: Principal, hold_id: UUID) -> list[str]:
    """The wallet of a hold; of one that is not there none: the call's key is looked at before that is said."""
    async with database.connect() as tx:
        try:
            return [(await holds.read(tx, me.book_id, hold_id)).account]
        except UnknownHold:
            return []


class _Called(TypedDict):
    """Who calls, under which key, and the call's identity."""

    client: str
    key: str
    call: str
    actor: str
    request_id: str


def _called(request: StrictRequest, me: Principal, path: str, body: Body) -> _Called:
    return {
        "client": me.name,
        "key": requests.key_of(request),
        "call": calls.identity("POST", path, body),
        "actor": me.name,
        "request_id": request.scope["state"]["request_id"],
    }


router = Router(
    path="/books/{book:str}",
    route_handlers=[place_hold, read_hold, capture_hold, void_hold],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["holds"],
)
