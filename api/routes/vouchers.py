"""Vouchers over HTTP: hers, what can be bought as one, and what a till scans."""

from __future__ import annotations

import datetime
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, auth, claimed, qr, requests, views, vouchers
from api.bodies import Limit
from api.calls import Nothing
from api.requests import StrictRequest
from api.settings import Settings
from api.vouchers import NewVoucher, VoucherView
from ledger.access.rights import Principal, Right
from ledger.spending.vouchers import ForSale

OWN = {"right": Right.OWN}

LABELS = {
    "zh": ("免单券的码，给店员扫", "同一个码的条形码"),
    "en": ("Code of the voucher, to be scanned", "The same code as a barcode"),
}


class PlaceView(msgspec.Struct, frozen=True):
    """An outlet where it can be used."""

    outlet: str
    name: str
    address: str


class ForSaleView(msgspec.Struct, frozen=True):
    """A service that can be bought as a voucher: for so many points, good for so many days after today."""

    item: str
    name: str
    points: int
    days: int
    giftable: bool
    places: list[PlaceView]


class Vouchers(msgspec.Struct, frozen=True):
    """Her vouchers, the newest first, and what can be bought; `next` is the `after` of the next page, or null."""

    items: list[VoucherView]
    for_sale: list[ForSaleView]
    next: UUID | None


class VoucherCode(msgspec.Struct, frozen=True):
    """Eighteen digits, drawn as a QR code and as a barcode (SVG).

    Of a voucher that may be given away its own, which last as long as it does (`expires_at` null); else a pay code that
    pays with the voucher, until `expires_at`.
    """

    code: str
    qr_svg: str
    barcode_svg: str
    expires_at: datetime.datetime | None
    expires_on: datetime.date


@get(
    "/me/vouchers",
    opt=OWN,
    operation_id="listMyVouchers",
    summary="My vouchers",
    responses=views.refusals(400),
)
async def list_vouchers(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[UUID | None] = None,
) -> Vouchers:
    """Her vouchers, also used and expired ones; and what can be bought as a voucher today, and where it is used."""
    async with database.connect() as tx:
        found = await vouchers.mine(tx, me, after=after, limit=limit)
        offered = await vouchers.for_sale(tx, me)
    further = found[-1].voucher.voucher_id if len(found) == limit else None
    return Vouchers([vouchers.view(each) for each in found], [_for_sale(each) for each in offered], further)


@post(
    "/me/vouchers",
    opt=OWN,
    operation_id="buyVoucher",
    operation_class=requests.Keyed,
    summary="Buy a voucher",
    responses=views.refusals(400, 404, 409, 413, 415) | views.shown(201, VoucherView, "Bought"),
)
async def buy_voucher(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    data: JSONBody[NewVoucher],
) -> ASGIResponse:
    """Pays for a service now, to have it later: at the price of today, at any outlet that offers it."""
    return claimed.answered(request, await vouchers.buy(database, settings, me, data, requests.key_of(request)))


@get(
    "/me/vouchers/{voucher_id:uuid}",
    opt=OWN,
    operation_id="readMyVoucher",
    summary="One of my vouchers",
    responses=views.refusals(404),
)
async def read_voucher(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], voucher_id: FromPath[UUID]
) -> VoucherView:
    """One of her vouchers as it stands."""
    async with database.connect() as tx:
        return vouchers.view(await vouchers.find(tx, me, voucher_id))


@post(
    "/me/vouchers/{voucher_id:uuid}/code",
    opt=OWN,
    operation_id="showVoucher",
    summary="Show a voucher",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def show_voucher(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    voucher_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> VoucherCode:
    """What a till scans. For one that is bound that is a new pay code, and the one before ends. No body needed."""
    async with database.begin() as tx:
        told, shown = await vouchers.show(tx, settings, me, voucher_id)
    square, bars = LABELS[answers.language_of(request)]
    return VoucherCode(
        shown.digits,
        qr.of_digits(shown.digits, square),
        qr.bars(shown.digits, bars),
        shown.expires_at,
        told.voucher.expires_on,
    )


def _for_sale(each: ForSale) -> ForSaleView:
    item = each.item
    assert item.points is not None, "what can be bought has a price"
    assert item.voucher_days is not None, "what can be bought as a voucher lasts so long"
    places = [PlaceView(place.outlet, place.name, place.address) for place in each.places]
    return ForSaleView(item.item, item.name, item.points, item.voucher_days, item.giftable, places)


router = Router(
    path="/",
    route_handlers=[list_vouchers, buy_voucher, read_voucher, show_voucher],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["paying"],
)
