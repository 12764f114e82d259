"""The catalogue and the stock of outlets, whichever door somebody comes by: how far rights reach, then the verbs.

The catalogue is the book's: it is changed by who manages shops in all of it. What an outlet has is changed by who
manages that outlet.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, calls, claimed, outlets, volunteers
from api.bodies import Body
from api.calls import Code
from api.claimed import Outcome
from ledger.access.rights import Principal, Right
from ledger.books.proposals import MOST
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import UnknownGoods
from ledger.spending import catalogue, households, stock
from ledger.spending.catalogue import Item, Offered, Price, Supply
from ledger.spending.stock import MOST_ITEMS, MOST_PIECES, Counted, Move, Origin, Shelf

LAST_MOVES = 20
"""So many receipts and counts are shown beside what is there."""


# --- the catalogue ----------------------------------------------------------------------------------------------------


async def items(
    tx: AsyncConnection, me: Principal, *, after: str = "", limit: int = 200, on: bool = False
) -> list[Item]:
    """The catalogue by code, with today's prices; `on`: what is there today only. InvalidField."""
    return await catalogue.items_of(tx, me.book_id, await today(tx), after=after, limit=limit, on=on)


async def item(tx: AsyncConnection, me: Principal, code: str) -> Item:
    """One item with today's price; UnknownGoods."""
    return await catalogue.find(tx, me.book_id, code, await today(tx))


async def add(tx: AsyncConnection, me: Principal, new: Item) -> Item:
    """A new item. NotAllowed, InvalidField, GoodsExist."""
    auth.within(me, Right.MANAGE_SHOPS, ())
    return await catalogue.add(tx, me.book_id, new, by=me.name, now=await connect.now(tx))


async def change(tx: AsyncConnection, me: Principal, changed: Item) -> Item:
    """All of an item but its code, kind and price. NotAllowed, InvalidField, UnknownGoods."""
    auth.within(me, Right.MANAGE_SHOPS, ())
    return await catalogue.change(tx, me.book_id, changed, now=await connect.now(tx))


async def set_price(tx: AsyncConnection, me: Principal, code: str, since: datetime.date | None, points: int) -> Price:
    """What a piece costs from a day on, or from today. NotAllowed, InvalidField, UnknownGoods."""
    auth.within(me, Right.MANAGE_SHOPS, ())
    now = await connect.now(tx)
    return await catalogue.set_price(tx, me.book_id, code, since or day_of(now), points, by=me.name, now=now)


async def prices(tx: AsyncConnection, me: Principal, code: str) -> list[Price]:
    """All prices of an item, the newest first; UnknownGoods."""
    return await catalogue.prices_of(tx, me.book_id, code)


async def today(tx: AsyncConnection) -> datetime.date:
    """The day by the database's clock."""
    return day_of(await connect.now(tx))


# --- what an outlet has -----------------------------------------------------------------------------------------------


class NewReceipt(Body, frozen=True):
    """Pieces of an item that have come: donated, bought for the programme (for `fen`), or the merchant's own.

    `note`: from whom.
    """

    item: Code
    pieces: Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES)]
    origin: Origin
    fen: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0
    note: str = ""


class Found(Body, frozen=True):
    """So many pieces were found. `expected`: what should have been there when the count began, if she was told."""

    item: Code
    found: Annotated[int, msgspec.Meta(ge=0, le=MOST_PIECES)]
    expected: Annotated[int, msgspec.Meta(ge=0)] | None = None


class NewCount(Body, frozen=True):
    """盘点: what was found. A difference needs a reason of 4 to 200 characters."""

    items: Annotated[list[Found], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]
    reason: str = ""


class MoveView(msgspec.Struct, frozen=True):
    """A receipt (`donated`, `bought`, `merchant`) or a `count`. What was missing is below zero; `value` in points."""

    id: UUID
    item: str
    kind: str
    pieces: int
    value: int
    note: str
    transaction: UUID | None
    moved_by: str
    moved_at: datetime.datetime


class Moves(msgspec.Struct, frozen=True):
    """Receipts and counts, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[MoveView]
    next: UUID | None


@dataclass(frozen=True, slots=True)
class Stock:
    """What an outlet has, and the last receipts and counts."""

    shelves: list[Shelf]
    moves: list[Move]


def move_view(each: Move) -> MoveView:
    """A move as answers show it."""
    return MoveView(
        *(each.move_id, each.item, each.kind, each.pieces, each.value, each.note),
        *(each.transaction_id, each.moved_by, each.moved_at),
    )


async def offers(tx: AsyncConnection, me: Principal, outlet: str) -> list[Offered]:
    """What an outlet offers today. UnknownOutlet, NotAllowed."""
    await outlets.within(tx, me, Right.READ_SHOPS, outlet)
    return await catalogue.offered(tx, me.book_id, outlet, await today(tx))


async def offer(tx: AsyncConnection, me: Principal, outlet: str, code: str, supply: Supply) -> Shelf:
    """The outlet has the item from now on. NotAllowed, UnknownOutlet, UnknownGoods, InvalidField, OfferExists."""
    await outlets.managed(tx, me, outlet)
    await catalogue.offer(tx, me.book_id, outlet, code, supply)
    return await _shelf(tx, me, outlet, code)


async def switch(tx: AsyncConnection, me: Principal, outlet: str, code: str, on: bool) -> Shelf:
    """Takes an item off an outlet's list or puts it back. NotAllowed, UnknownOutlet, NotOffered."""
    await outlets.managed(tx, me, outlet)
    await catalogue.switch(tx, me.book_id, outlet, code, on)
    return await _shelf(tx, me, outlet, code)


async def in_stock(tx: AsyncConnection, me: Principal, outlet: str) -> Stock:
    """What an outlet has or had, and the last receipts and counts. UnknownOutlet, NotAllowed."""
    await outlets.within(tx, me, Right.READ_SHOPS, outlet)
    return Stock(
        await stock.shelves(tx, me.book_id, outlet), await stock.moves_of(tx, me.book_id, outlet, limit=LAST_MOVES)
    )


async def moves(
    tx: AsyncConnection, me: Principal, outlet: str, item: str | None, after: UUID | None, limit: int
) -> list[Move]:
    """Receipts and counts of an outlet, the newest first. UnknownOutlet, NotAllowed."""
    await outlets.within(tx, me, Right.READ_SHOPS, outlet)
    return await stock.moves_of(tx, me.book_id, outlet, item=item, after=after, limit=limit)


async def receive(database: AsyncEngine, me: Principal, outlet: str, new: NewReceipt, key: str) -> Outcome:
    """Goods have come, once under the caller's key. NotAllowed, and what `stock.receive` refuses."""
    call = calls.identity("POST", f"/outlets/{outlet}/receipts", new)

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[MoveView, None]:
        await outlets.managed(tx, me, outlet)
        made = await stock.receive(
            *(tx, me.book_id, outlet, new.item, new.pieces, new.origin),
            fen=new.fen,
            note=new.note,
            call=call,
            by=me.name,
            now=now,
        )
        return move_view(made), None

    return await claimed.once(database, me, key, call, work)


async def count(database: AsyncEngine, me: Principal, outlet: str, new: NewCount, key: str) -> Outcome:
    """Goods have been counted, once under the caller's key. NotAllowed, and what `stock.count` refuses."""
    call = calls.identity("POST", f"/outlets/{outlet}/counts", new)

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[Moves, None]:
        await outlets.managed(tx, me, outlet)
        counted: Sequence[Counted] = [Counted(each.item, each.found, each.expected) for each in new.items]
        made = await stock.count(*(tx, me.book_id, outlet, counted, new.reason), call=call, by=me.name, now=now)
        return Moves([move_view(each) for each in made], None), None

    return await claimed.once(database, me, key, call, work)


async def _shelf(tx: AsyncConnection, me: Principal, outlet: str, code: str) -> Shelf:
    for each in await stock.shelves(tx, me.book_id, outlet):
        if each.item == code:
            return each
    raise UnknownGoods(code)


# --- households -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Household:
    """Who shares the quotas of a household with a volunteer; None: she is one alone. `members`: volunteer numbers."""

    household: str | None
    members: list[str]


async def household(tx: AsyncConnection, me: Principal, volunteer_no: str) -> Household:
    """The household of a volunteer, and who else belongs to it. UnknownVolunteer, NotAllowed."""
    her = await volunteers.within(tx, me, Right.READ_SHOPS, volunteer_no)
    return await _household(tx, me, her.holder)


async def join(tx: AsyncConnection, me: Principal, volunteer_no: str, code: str) -> Household:
    """She belongs to this household from now on. UnknownVolunteer, NotAllowed, InvalidField."""
    her = await volunteers.within(tx, me, Right.MANAGE_SHOPS, volunteer_no)
    await households.join(tx, me.book_id, her.holder, code)
    return await _household(tx, me, her.holder)


async def leave(tx: AsyncConnection, me: Principal, volunteer_no: str) -> None:
    """She is a household alone from now on. UnknownVolunteer, NotAllowed."""
    her = await volunteers.within(tx, me, Right.MANAGE_SHOPS, volunteer_no)
    await households.leave(tx, me.book_id, her.holder)


async def _household(tx: AsyncConnection, me: Principal, holder: str) -> Household:
    code = await households.household_of(tx, me.book_id, holder)
    if code is None:
        return Household(None, [])
    numbers = await volunteers.numbers_of(tx, me, await households.members(tx, me.book_id, code))
    return Household(code, sorted(numbers.values()))
