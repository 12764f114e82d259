"""Paying over HTTP: a volunteer's pay code, what has become of it, and her redemptions."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, auth, bodies, claimed, pay, qr, requests, views
from api.bodies import Limit
from api.calls import Nothing
from api.pay import Decision, RedeemedView
from api.requests import StrictRequest
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.spending.pay_codes import State

OWN = {"right": Right.OWN}

LABELS = {
    "zh": ("积分码，给店员扫", "同一个码的条形码"),
    "en": ("Pay code, to be scanned", "The same code as a barcode"),
}


class PayCodeView(msgspec.Struct, frozen=True):
    """Eighteen digits, drawn as a QR code and as a barcode (SVG). For one use, until `expires_at`."""

    code: str
    qr_svg: str
    barcode_svg: str
    expires_at: datetime.datetime


class WantedView(msgspec.Struct, frozen=True):
    """So many pieces of an item."""

    item: str
    name: str
    quantity: int


class QuotedView(msgspec.Struct, frozen=True):
    """What a till asks for, and the word that it shows too."""

    outlet: str
    outlet_name: str
    lines: list[WantedView]
    points: int
    word: str
    expires_at: datetime.datetime


class CurrentView(msgspec.Struct, frozen=True):
    """What has become of her newest code: `quoted` by a till, or `used` for a redemption."""

    state: State
    expires_at: datetime.datetime | None
    quote: QuotedView | None
    redemption: RedeemedView | None


class RedeemedPage(msgspec.Struct, frozen=True):
    """Her redemptions, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[RedeemedView]
    next: str | None


@post(
    "/me/pay-codes",
    opt=OWN,
    operation_id="makePayCode",
    summary="A new pay code",
    responses=views.refusals(),
)
async def make_code(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
) -> PayCodeView:
    """A code for a till to scan. The one before buys nothing any more. Its digits are shown this once."""
    async with database.begin() as tx:
        made = await pay.new_code(tx, keys, me)
    square, bars = LABELS[answers.language_of(request)]
    return PayCodeView(made.digits, qr.of_digits(made.digits, square), qr.bars(made.digits, bars), made.expires_at)


@get(
    "/me/pay-codes/current",
    opt=OWN,
    operation_id="readPayCode",
    summary="What became of my pay code",
    responses=views.refusals(),
)
async def read_code(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> CurrentView:
    """The state of her newest code, what a till asks for with it, or what was redeemed with it."""
    async with database.connect() as tx:
        shown = await pay.shown(tx, me)
        made = None if shown.redemption_id is None else await pay.redeemed(tx, me, shown.redemption_id)
        goods = [] if shown.quoted is None else await pay.goods(tx, me, shown.quoted)
    quote = None
    if shown.quoted is not None:
        quote = QuotedView(
            shown.quoted.outlet,
            shown.quoted.outlet_name,
            [WantedView(each.item, each.name, each.quantity) for each in goods],
            shown.quoted.points,
            shown.quoted.word,
            shown.quoted.expires_at,
        )
    return CurrentView(shown.state, shown.expires_at, quote, None if made is None else pay.view(made))


@get(
    "/me/redemptions",
    opt=OWN,
    operation_id="listMyRedemptions",
    summary="What I redeemed",
    responses=views.refusals(400),
)
async def list_redemptions(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[str | None, Parameter(max_length=64)]] = None,
) -> RedeemedPage:
    """Her redemptions, also those that came to nothing."""
    before = None if after is None else bodies.moment(after, "after")
    async with database.connect() as tx:
        found, further = await pay.all_redeemed(tx, me, before=before, limit=limit)
    return RedeemedPage([pay.view(each) for each in found], None if further is None else pay.place(further))


@get(
    "/me/redemptions/{redemption_id:uuid}",
    opt=OWN,
    operation_id="readMyRedemption",
    summary="One of my redemptions",
    responses=views.refusals(404),
)
async def read_redemption(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], redemption_id: FromPath[UUID]
) -> RedeemedView:
    """One of her redemptions: shop, goods, points, word, and whether it waits for her."""
    async with database.connect() as tx:
        return pay.view(await pay.redeemed(tx, me, redemption_id))


@post(
    "/me/redemptions/{redemption_id:uuid}/confirm",
    status_code=200,
    opt=OWN,
    operation_id="confirmMyRedemption",
    operation_class=requests.Keyed,
    summary="Confirm",
    responses=views.refusals(400, 404, 409, 413, 415) | views.shown(200, RedeemedView, "Confirmed"),
)
async def confirm(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ASGIResponse:
    """Confirms what waits for her: shop, goods and points are as she wants it. No body needed."""
    return await _decided(request, database, me, redemption_id, "confirm")


@post(
    "/me/redemptions/{redemption_id:uuid}/decline",
    status_code=200,
    opt=OWN,
    operation_id="declineMyRedemption",
    operation_class=requests.Keyed,
    summary="Decline",
    responses=views.refusals(400, 404, 409, 413, 415) | views.shown(200, RedeemedView, "Declined"),
)
async def decline(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ASGIResponse:
    """Says that what waits for her is not hers: nothing is redeemed. No body needed."""
    return await _decided(request, database, me, redemption_id, "decline")


async def _decided(
    request: StrictRequest, database: AsyncEngine, me: Principal, redemption_id: UUID, decision: Decision
) -> ASGIResponse:
    key = requests.key_of(request)
    return claimed.answered(request, await pay.decide(database, me, redemption_id, decision, key=key), status=200)


router = Router(
    path="/",
    route_handlers=[make_code, read_code, list_redemptions, read_redemption, confirm, decline],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["paying"],
)
