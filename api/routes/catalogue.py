"""The catalogue over HTTP: items with their prices, what outlets have of them, receipts, counts, and households."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, catalogue, claimed, requests, views
from api.bodies import Body, Limit, day
from api.calls import Code
from api.catalogue import Household, Moves, MoveView, NewCount, NewReceipt
from api.requests import StrictRequest
from ledger.access.rights import Principal, Right
from ledger.books.proposals import MOST
from ledger.spending.catalogue import By, Eligible, Item, Kind, Offered, Per, Price, Quota, Supply
from ledger.spending.stock import Shelf

READ = {"right": Right.READ_SHOPS, "scoped": True}
READ_OWN = READ | {"also": Right.KEEP_SHOP}
MANAGE = {"right": Right.MANAGE_SHOPS, "scoped": True}
MANAGE_ALL = {"right": Right.MANAGE_SHOPS}

MOST_QUOTAS = 10

Points = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


class QuotaBody(Body, frozen=True):
    """So many pieces per day, week (Monday to Sunday), month, quarter or year, of a person or a household together."""

    by: By
    times: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    per: Per


class EligibleBody(Body, frozen=True):
    """Whose it is: all of what is named must hold. `tag`: a qualification that holds that day; ages in full years.

    `star` and `most_star`: at least and at most so many stars, as they are reckoned on the day of the redemption.
    """

    star: int | None = None
    tag: str | None = None
    least_age: int | None = None
    most_age: int | None = None
    most_star: int | None = None


class ItemBody(Body, frozen=True):
    """What an item is, all of it but code, kind and price.

    `on_from` (YYYY-MM-DD; today, where it is left out) and `on_until` are the first and the last day on which it is
    there. `voucher_days`: a service that can be bought as a voucher, which is good for so many days. `giftable`: that
    voucher may be given away.
    """

    name: str
    on_from: str | None = None
    on_until: str | None = None
    quotas: Annotated[tuple[QuotaBody, ...], msgspec.Meta(max_length=MOST_QUOTAS)] = ()
    eligible: EligibleBody | None = None
    voucher_days: int | None = None
    giftable: bool = False

    def described(self, code: str, kind: Kind, points: int | None, on_from: datetime.date) -> Item:
        """The same as the domain has it; `on_from` where the body says nothing. InvalidField."""
        asked = self.eligible or EligibleBody()
        return Item(
            code,
            self.name,
            kind,
            points,
            on_from if self.on_from is None else day(self.on_from, "on_from"),
            None if self.on_until is None else day(self.on_until, "on_until"),
            tuple(Quota(each.by, each.times, each.per) for each in self.quotas),
            Eligible(asked.star, asked.tag, asked.least_age, asked.most_age, asked.most_star),
            self.voucher_days,
            self.giftable,
        )


class NewItem(ItemBody, frozen=True, kw_only=True):
    """A new item, at `points` a piece from today on; a perk costs 0, everything else 1 or more."""

    item: Code
    kind: Kind
    points: Points


class NewPrice(Body, frozen=True):
    """What a piece costs from a day on (YYYY-MM-DD): today, where none is said, or later."""

    points: Points
    effective_from: str | None = None


class NewOffer(Body, frozen=True):
    """An item that the outlet has from now on: from `stock`, or the `merchant`'s own."""

    item: Code
    supply: Supply


class OfferStatus(Body, frozen=True):
    """Whether it is on the outlet's list."""

    offered: bool


class NewMember(Body, frozen=True):
    """The code of a household: letters, digits and . _ -"""

    household: str


class QuotaView(msgspec.Struct, frozen=True):
    """So many pieces per period."""

    by: By
    times: int
    per: Per


class EligibleView(msgspec.Struct, frozen=True):
    """Whose it is; null: that does not matter."""

    star: int | None
    tag: str | None
    least_age: int | None
    most_age: int | None
    most_star: int | None


class ItemView(msgspec.Struct, frozen=True):
    """An item. `points`: what a piece costs today; null: it has no price yet."""

    item: str
    name: str
    kind: Kind
    points: int | None
    on_from: datetime.date
    on_until: datetime.date | None
    quotas: list[QuotaView]
    eligible: EligibleView
    voucher_days: int | None
    giftable: bool


class Items(msgspec.Struct, frozen=True):
    """Items by code; `next` is the `after` of the next page, null at the end."""

    items: list[ItemView]
    next: str | None


class PriceView(msgspec.Struct, frozen=True):
    """What a piece costs from a day on, until the next price begins."""

    effective_from: datetime.date
    points: int
    set_by: str
    set_at: datetime.datetime


class Prices(msgspec.Struct, frozen=True):
    """All prices of an item, the newest first; `next` is always null."""

    items: list[PriceView]
    next: str | None


class OfferView(msgspec.Struct, frozen=True):
    """What an outlet has today, and for how many points. `pieces` null: they are not counted."""

    item: str
    name: str
    kind: Kind
    points: int
    supply: Supply
    pieces: int | None
    quotas: list[QuotaView]
    eligible: EligibleView


class Offers(msgspec.Struct, frozen=True):
    """What an outlet has today, by code; `next` is always null."""

    items: list[OfferView]
    next: str | None


class ShelfView(msgspec.Struct, frozen=True):
    """An item at an outlet. `pieces` null: not counted. `value`: at what they stand in the books, in points."""

    item: str
    name: str
    supply: Supply
    pieces: int | None
    value: int
    offered: bool


class StockView(msgspec.Struct, frozen=True):
    """All that an outlet has or had, by code, and its last receipts and counts; `next` is always null."""

    items: list[ShelfView]
    moves: list[MoveView]
    next: str | None


class HouseholdView(msgspec.Struct, frozen=True):
    """Who shares quotas with her. `household` null: nobody. `members`: volunteer numbers, hers too."""

    household: str | None
    members: list[str]


# --- the catalogue ----------------------------------------------------------------------------------------------------


@get("/items", opt=READ_OWN, operation_id="listItems", summary="The catalogue", responses=views.refusals(400))
async def list_items(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    on: FromQuery[bool] = False,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Items:
    """The items of the catalogue; `on`: of those that are there today."""
    async with database.connect() as tx:
        page = await catalogue.items(tx, me, after=after, limit=limit, on=on)
    return Items([_item(each) for each in page], page[-1].item if len(page) == limit else None)


@post(
    "/items",
    opt=MANAGE_ALL,
    operation_id="addItem",
    summary="Add an item",
    responses=views.refusals(400, 409, 413, 415),
)
async def add_item(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewItem]
) -> ItemView:
    """Adds an item to the catalogue. It is had where outlets offer it."""
    async with database.begin() as tx:
        new = data.described(data.item, data.kind, data.points, await catalogue.today(tx))
        return _item(await catalogue.add(tx, me, new))


@get("/items/{item:str}", opt=READ_OWN, operation_id="readItem", summary="One item", responses=views.refusals(404))
async def read_item(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], item: FromPath[str]
) -> ItemView:
    """An item with today's price."""
    async with database.connect() as tx:
        return _item(await catalogue.item(tx, me, item))


@post(
    "/items/{item:str}",
    status_code=200,
    opt=MANAGE_ALL,
    operation_id="changeItem",
    summary="Change an item",
    responses=views.refusals(400, 404, 413, 415),
)
async def change_item(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    item: FromPath[str],
    data: JSONBody[ItemBody],
) -> ItemView:
    """Says what an item is from now on: what is left out holds no longer. `on_from` stays where it is left out."""
    async with database.begin() as tx:
        there = await catalogue.item(tx, me, item)
        return _item(await catalogue.change(tx, me, data.described(item, there.kind, there.points, there.on_from)))


@get(
    "/items/{item:str}/prices",
    opt=READ_OWN,
    operation_id="listPrices",
    summary="The prices of an item",
    responses=views.refusals(404),
)
async def list_prices(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], item: FromPath[str]
) -> Prices:
    """What a piece cost, costs and will cost."""
    async with database.connect() as tx:
        return Prices([_price(each) for each in await catalogue.prices(tx, me, item)], None)


@post(
    "/items/{item:str}/prices",
    opt=MANAGE_ALL,
    operation_id="setPrice",
    summary="Set a price",
    responses=views.refusals(400, 404, 413, 415),
)
async def set_price(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    item: FromPath[str],
    data: JSONBody[NewPrice],
) -> PriceView:
    """Sets what a piece costs from a day on. Past prices never change."""
    since = None if data.effective_from is None else day(data.effective_from, "effective_from")
    async with database.begin() as tx:
        return _price(await catalogue.set_price(tx, me, item, since, data.points))


# --- what an outlet has -----------------------------------------------------------------------------------------------


@get(
    "/outlets/{outlet:str}/offers",
    opt=READ_OWN,
    operation_id="listOffers",
    summary="What an outlet has",
    responses=views.refusals(404),
)
async def list_offers(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], outlet: FromPath[str]
) -> Offers:
    """What an outlet has today, also what has run out."""
    async with database.connect() as tx:
        return Offers([_offer(each) for each in await catalogue.offers(tx, me, outlet)], None)


@post(
    "/outlets/{outlet:str}/offers",
    opt=MANAGE,
    operation_id="offerItem",
    summary="Offer an item",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def offer_item(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[NewOffer],
) -> ShelfView:
    """The outlet has an item from now on; where it comes from does not change any more."""
    async with database.begin() as tx:
        return _shelf(await catalogue.offer(tx, me, outlet, data.item, data.supply))


@post(
    "/outlets/{outlet:str}/offers/{item:str}/status",
    status_code=200,
    opt=MANAGE,
    operation_id="switchOffer",
    summary="Switch an offer",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def switch_offer(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    item: FromPath[str],
    data: JSONBody[OfferStatus],
) -> ShelfView:
    """Takes an item off an outlet's list, or puts it back; what is in stock stays there."""
    async with database.begin() as tx:
        return _shelf(await catalogue.switch(tx, me, outlet, item, data.offered))


@get(
    "/outlets/{outlet:str}/stock",
    opt=READ_OWN,
    operation_id="readStock",
    summary="The stock of an outlet",
    responses=views.refusals(404),
)
async def read_stock(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], outlet: FromPath[str]
) -> StockView:
    """What is there, what it stands at, and the last receipts and counts."""
    async with database.connect() as tx:
        found = await catalogue.in_stock(tx, me, outlet)
    moves = [catalogue.move_view(each) for each in found.moves]
    return StockView([_shelf(each) for each in found.shelves], moves, None)


@get(
    "/outlets/{outlet:str}/moves",
    opt=READ_OWN,
    operation_id="listMoves",
    summary="Receipts and counts",
    responses=views.refusals(400, 404),
)
async def list_moves(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    item: FromQuery[str | None] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[UUID | None] = None,
) -> Moves:
    """Receipts and counts of an outlet, of one item or of all, the newest first."""
    async with database.connect() as tx:
        page = await catalogue.moves(tx, me, outlet, item, after, limit)
    last = page[-1].move_id if len(page) == limit else None
    return Moves([catalogue.move_view(each) for each in page], last)


@post(
    "/outlets/{outlet:str}/receipts",
    opt=MANAGE,
    operation_id="receiveGoods",
    operation_class=requests.Keyed,
    summary="Goods have come",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, MoveView, "Received"),
)
async def receive_goods(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[NewReceipt],
) -> ASGIResponse:
    """Pieces have come: donated (T12), bought with the programme's money, or the merchant's own.

    Donated and bought ones stand in the books at today's price. What the outlet did not have yet it offers from now on.
    """
    outcome = await catalogue.receive(database, me, outlet, data, requests.key_of(request))
    return claimed.answered(request, outcome)


@post(
    "/outlets/{outlet:str}/counts",
    opt=MANAGE,
    operation_id="countGoods",
    operation_class=requests.Keyed,
    summary="Goods were counted",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, Moves, "Counted"),
)
async def count_goods(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[NewCount],
) -> ASGIResponse:
    """盘点: what was found of each item. Differences go to 5300 at what the pieces stand at; all of it, or nothing."""
    outcome = await catalogue.count(database, me, outlet, data, requests.key_of(request))
    return claimed.answered(request, outcome)


# --- households -------------------------------------------------------------------------------------------------------


@get(
    "/volunteers/{volunteer:str}/household",
    opt=READ,
    operation_id="readHousehold",
    summary="Her household",
    responses=views.refusals(404),
)
async def read_household(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> HouseholdView:
    """The household whose quotas she shares, and who belongs to it."""
    async with database.connect() as tx:
        return _household(await catalogue.household(tx, me, volunteer))


@post(
    "/volunteers/{volunteer:str}/household",
    status_code=200,
    opt=MANAGE,
    operation_id="joinHousehold",
    summary="She belongs to a household",
    responses=views.refusals(400, 404, 413, 415),
)
async def join_household(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[NewMember],
) -> HouseholdView:
    """She belongs to this household from now on, and to no other; a new code makes a new one."""
    async with database.begin() as tx:
        return _household(await catalogue.join(tx, me, volunteer, data.household))


@delete(
    "/volunteers/{volunteer:str}/household",
    opt=MANAGE,
    operation_id="leaveHousehold",
    summary="She leaves her household",
    responses=views.refusals(404),
)
async def leave_household(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> None:
    """She is a household alone from now on."""
    async with database.begin() as tx:
        await catalogue.leave(tx, me, volunteer)


def _quotas(quotas: tuple[Quota, ...]) -> list[QuotaView]:
    return [QuotaView(each.by, each.times, each.per) for each in quotas]


def _eligible(of: Eligible) -> EligibleView:
    return EligibleView(of.star, of.tag, of.least_age, of.most_age, of.most_star)


def _item(each: Item) -> ItemView:
    return ItemView(
        *(each.item, each.name, each.kind, each.points, each.on_from, each.on_until),
        *(_quotas(each.quotas), _eligible(each.eligible), each.voucher_days, each.giftable),
    )


def _price(each: Price) -> PriceView:
    return PriceView(each.effective_from, each.points, each.set_by, each.set_at)


def _offer(each: Offered) -> OfferView:
    return OfferView(
        *(each.item, each.name, each.kind, each.points, each.supply, each.pieces),
        *(_quotas(each.quotas), _eligible(each.eligible)),
    )


def _shelf(each: Shelf) -> ShelfView:
    return ShelfView(each.item, each.name, each.supply, each.pieces, each.value, each.offered)


def _household(of: Household) -> HouseholdView:
    return HouseholdView(of.household, of.members)


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        list_items,
        add_item,
        read_item,
        change_item,
        list_prices,
        set_price,
        list_offers,
        offer_item,
        switch_offer,
        read_stock,
        list_moves,
        receive_goods,
        count_goods,
        read_household,
        join_household,
        leave_household,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["shops"],
)
