"""The catalogue: what can be redeemed, on which days, for how many points, by whom and how often, and who has it.

Prices are versions with a first day. What has been redeemed was redeemed at the price of its day: only today's and
later ones can be set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal, cast, get_args

from psycopg.types.numeric import Int4
from sqlalchemy import Select, any_, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE
from ledger.books.proposals import MOST
from ledger.database import connect, pipeline
from ledger.database.arrays import Texts
from ledger.database.pipeline import Statement
from ledger.days import day_of
from ledger.errors import GoodsExist, InvalidField, NotOffered, OfferExists, UnknownGoods
from ledger.spending import outlets
from ledger.spending.tables import items, offers, prices
from ledger.text import one_line

Kind = Literal["goods", "service", "perk"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Supply = Literal["stock", "merchant"]
SUPPLIES: Final[tuple[Supply, ...]] = get_args(Supply)
By = Literal["person", "household"]
BY: Final[tuple[By, ...]] = get_args(By)
Per = Literal["day", "week", "month", "quarter", "year"]
PER: Final[tuple[Per, ...]] = get_args(Per)

NAME_LENGTH: Final = 100
MOST_STARS: Final = 10
OLDEST: Final = 150
LONGEST_VOUCHER: Final = 3_660
"""Days."""


@dataclass(frozen=True, slots=True)
class Quota:
    """So many pieces per day, week, month, quarter or year, by one person or all of a household together."""

    by: By
    times: int
    per: Per


@dataclass(frozen=True, slots=True)
class Eligible:
    """Whose an item is: all of what is named must hold; nothing named: everybody's.

    `star`, `most_star`: at least and at most so many, so that both together are a band (two stars get what is better
    than what one star gets, not both); `tag`: a qualification of that name; the ages in full years, both included.
    """

    star: int | None = None
    tag: str | None = None
    least_age: int | None = None
    most_age: int | None = None
    most_star: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self != EVERYBODY


EVERYBODY: Final = Eligible()


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the catalogue. `points`: what a piece costs on the day that was asked about; None: no price yet."""

    item: str
    name: str
    kind: Kind
    points: int | None
    on_from: date
    on_until: date | None = None
    quotas: tuple[Quota, ...] = ()
    eligible: Eligible = EVERYBODY
    voucher_days: int | None = None
    giftable: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What a piece costs from a day on, until the next one begins."""

    effective_from: date
    points: int
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """An item as an outlet has it on a day, at the price of that day. `pieces` None: they are not counted."""

    item: str
    name: str
    kind: Kind
    points: int
    supply: Supply
    pieces: int | None
    quotas: tuple[Quota, ...]
    eligible: Eligible
    voucher_days: int | None
    giftable: bool


# --- what an outlet has ----------------------------------------------------------------------------------------------


async def offered(tx: AsyncConnection, book: int, outlet: str, day: date) -> list[Offered]:
    """What the outlet has on that day, by code: what is on, offered there and has a price; also what is sold out."""
    return await _offers(tx, book, outlet, None, day)


async def priced(tx: AsyncConnection, book: int, outlet: str, wanted: Collection[str], day: date) -> dict[str, Offered]:
    """Those of the wanted items that the outlet has on that day; the others are left out."""
    possible = Texts([item for item in wanted if CODE.fullmatch(item)])
    return {each.item: each for each in await _offers(tx, book, outlet, possible, day)}


# Prepared: every redemption asks for it.
_OFFERED: Final = Statement(
    b"meide_offered",
    b"""SELECT i.item, i.name, i.kind,
               (SELECT p.points FROM prices p WHERE p.book_id = $1 AND p.item = i.item AND p.effective_from <= $4
                ORDER BY p.effective_from DESC LIMIT 1) AS points,
               o.supply, o.pieces, i.quotas, i.eligible, i.voucher_days, i.giftable
        FROM offers o JOIN items i ON i.book_id = $1 AND i.item = o.item
        WHERE o.book_id = $1 AND o.outlet = $2 AND ($3::text[] IS NULL OR o.item = ANY ($3)) AND o.offered
          AND i.on_from <= $4 AND (i.on_until IS NULL OR i.on_until >= $4)
        ORDER BY i.item""",
)


async def _offers(tx: AsyncConnection, book: int, outlet: str, wanted: Texts | None, day: date) -> list[Offered]:
    """What the outlet has on that day of what is wanted; None: of everything."""
    rows = await pipeline.run(await connect.driver(tx), (_OFFERED, (Int4(book), outlet, wanted, day)))
    return [
        Offered(
            item, name, kind, points, supply, pieces, quotas_of(quotas), Eligible(**eligible), voucher_days, giftable
        )
        for item, name, kind, points, supply, pieces, quotas, eligible, voucher_days, giftable in map(dict.values, rows)
        if points is not None
    ]


async def offer(tx: AsyncConnection, book: int, outlet: str, item: str, supply: str, *, switch_on: bool = True) -> None:
    """From now on the outlet has the item: from stock, of which it has none yet, or the merchant's own, uncounted.

    What was switched off is switched on again, or left as it is. InvalidField, UnknownOutlet, UnknownGoods, OfferExists
    (from elsewhere: what is sold must come back to where it came from, so an offer keeps its supply).
    """
    if supply not in SUPPLIES:
        raise InvalidField("supply", "not_a_supply")
    await outlets.find(tx, book, outlet)
    kind = await kind_of(tx, book, item)
    if kind == "service" and supply == "stock":
        raise InvalidField("supply", "no_stock_of_services")
    new = insert(offers).values(
        book_id=book, outlet=outlet, item=item, supply=supply, pieces=0 if supply == "stock" else None
    )
    done = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[offers.c.book_id, offers.c.outlet, offers.c.item],
            set_={"offered": True if switch_on else offers.c.offered},
            where=offers.c.supply == supply,
        ).returning(offers.c.item)
    )
    if done.one_or_none() is None:
        raise OfferExists(outlet, item)


async def switch(tx: AsyncConnection, book: int, outlet: str, item: str, on: bool) -> None:
    """Takes an item off an outlet's list, or puts it back; what is in stock stays there. UnknownOutlet, NotOffered."""
    await outlets.find(tx, book, outlet)
    done = await tx.execute(
        update(offers)
        .where(offers.c.book_id == book, offers.c.outlet == outlet, offers.c.item == item)
        .values(offered=on)
    )
    if not done.rowcount:
        raise NotOffered(item)


# --- the catalogue itself --------------------------------------------------------------------------------------------


async def add(tx: AsyncConnection, book: int, new: Item, *, by: str, now: datetime) -> Item:
    """A new item, at `new.points` from today on. InvalidField, GoodsExist."""
    _check(new)
    if new.points is None:
        raise InvalidField("points", "missing")
    _check_points(new.kind, new.points)
    added = await tx.execute(
        insert(items)
        .values(book_id=book, item=new.item, kind=new.kind, **_stored(new))
        .on_conflict_do_nothing(index_elements=[items.c.book_id, items.c.item])
        .returning(items.c.item)
    )
    if added.one_or_none() is None:
        raise GoodsExist(new.item)
    await tx.execute(
        insert(prices).values(
            book_id=book, item=new.item, effective_from=day_of(now), points=new.points, set_by=by, set_at=now
        )
    )
    return new


async def change(tx: AsyncConnection, book: int, changed: Item, *, now: datetime) -> Item:
    """Changes all of an item but its code, its kind and its price, which has versions (`set_price`).

    Vouchers that have been bought stay as they were bought. InvalidField, UnknownGoods.
    """
    changed = replace(changed, kind=await kind_of(tx, book, changed.item))
    _check(changed)
    await tx.execute(
        update(items).where(items.c.book_id == book, items.c.item == changed.item).values(**_stored(changed))
    )
    return await find(tx, book, changed.item, day_of(now))


async def set_price(
    tx: AsyncConnection, book: int, item: str, effective_from: date, points: int, *, by: str, now: datetime
) -> Price:
    """What a piece costs from a day on, today at the earliest; another price from that very day is replaced.

    InvalidField, UnknownGoods.
    """
    _check_points(await kind_of(tx, book, item), points)
    if effective_from < day_of(now):
        raise InvalidField("effective_from", "in_the_past")
    new = insert(prices).values(
        book_id=book, item=item, effective_from=effective_from, points=points, set_by=by, set_at=now
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[prices.c.book_id, prices.c.item, prices.c.effective_from],
            set_={
                "points": new.excluded.points,
                "set_by": new.excluded.set_by,
                "set_at": new.excluded.set_at,
            },
        )
    )
    return Price(effective_from, points, by, now)


async def find(tx: AsyncConnection, book: int, item: str, day: date) -> Item:
    """The item with this code, with its price of that day; UnknownGoods."""
    found = await find_many(tx, book, [item], day)
    if not found:
        raise UnknownGoods(item)
    return found[item]


async def find_many(tx: AsyncConnection, book: int, asked: Iterable[str], day: date) -> dict[str, Item]:
    """The items with these codes; those that are not there are left out."""
    possible = literal([item for item in asked if CODE.fullmatch(item)], ARRAY(TEXT))
    rows = await tx.execute(_items(book, day).where(items.c.item == any_(possible)))
    return {row.item: _item(row) for row in rows}


async def items_of(
    tx: AsyncConnection, book: int, day: date, *, after: str = "", limit: int = 200, on: bool = False
) -> list[Item]:
    """The catalogue by code, after a code (or none), with the prices of that day; `on`: what is there that day only.

    InvalidField.
    """
    if after and not CODE.fullmatch(after):
        raise InvalidField("after", "not_a_code")
    asked = _items(book, day).where(items.c.item > after)
    if on:
        asked = asked.where(*_is_on(day))
    rows = await tx.execute(asked.order_by(items.c.item).limit(limit))
    return [_item(row) for row in rows]


async def prices_of(tx: AsyncConnection, book: int, item: str) -> list[Price]:
    """All prices of an item, the newest first; UnknownGoods."""
    await kind_of(tx, book, item)
    rows = await tx.execute(
        select(prices.c.effective_from, prices.c.points, prices.c.set_by, prices.c.set_at)
        .where(prices.c.book_id == book, prices.c.item == item)
        .order_by(prices.c.effective_from.desc())
    )
    return [Price(*row) for row in rows]


def period_of(per: str, day: date) -> str:
    """The period that a day belongs to, as quotas are counted by: `2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4`."""
    if per == "day":
        return day.isoformat()
    if per == "week":
        year, week, _ = day.isocalendar()  # the days around New Year belong to the week's year
        return f"{year:04d}-W{week:02d}"
    if per == "month":
        return f"{day:%Y-%m}"
    if per == "quarter":
        return f"{day.year:04d}-Q{(day.month + 2) // 3}"
    return f"{day.year:04d}"


# --- stored and read -------------------------------------------------------------------------------------------------


def _price(book: int, day: date) -> Any:
    return (
        select(prices.c.points)
        .where(prices.c.book_id == book, prices.c.item == items.c.item, prices.c.effective_from <= day)
        .order_by(prices.c.effective_from.desc())
        .limit(1)
        .scalar_subquery()
        .label("points")
    )


def _is_on(day: date) -> tuple[Any, Any]:
    return items.c.on_from <= day, or_(items.c.on_until.is_(None), items.c.on_until >= day)


def _items(book: int, day: date) -> Select[Any]:
    return select(
        items.c.item,
        items.c.name,
        items.c.kind,
        _price(book, day),
        items.c.on_from,
        items.c.on_until,
        items.c.quotas,
        items.c.eligible,
        items.c.voucher_days,
        items.c.giftable,
    ).where(items.c.book_id == book)


def _item(row: Any) -> Item:
    item, name, kind, points, on_from, on_until, quotas, eligible, voucher_days, giftable = row
    return Item(
        item, name, kind, points, on_from, on_until, quotas_of(quotas), Eligible(**eligible), voucher_days, giftable
    )


def quotas_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Quota, ...]:
    """Quotas as they are stored."""
    return tuple(Quota(each["by"], each["times"], each["per"]) for each in stored)


def _stored(new: Item) -> dict[str, Any]:
    eligible = {name: getattr(new.eligible, name) for name in Eligible.__slots__}
    return {
        "name": new.name,
        "on_from": new.on_from,
        "on_until": new.on_until,
        "quotas": [{"by": each.by, "times": each.times, "per": each.per} for each in new.quotas],
        "eligible": {name: value for name, value in eligible.items() if value is not None},
        "voucher_days": new.voucher_days,
        "giftable": new.giftable,
    }


async def kind_of(tx: AsyncConnection, book: int, item: str) -> Kind:
    """What kind an item is; UnknownGoods."""
    if not CODE.fullmatch(item):
        raise UnknownGoods(item)
    kind = await tx.scalar(select(items.c.kind).where(items.c.book_id == book, items.c.item == item))
    if kind is None:
        raise UnknownGoods(item)
    return cast(Kind, kind)


def _check(new: Item) -> None:
    """What cannot be stored, whatever is there."""
    if not CODE.fullmatch(new.item):
        raise InvalidField("item", "not_a_code")
    if not one_line(new.name, least=1, most=NAME_LENGTH) or new.name != new.name.strip():
        raise InvalidField("name", "not_a_name")
    if new.kind not in KINDS:
        raise InvalidField("kind", "not_a_kind")
    if new.on_until is not None and new.on_until < new.on_from:
        raise InvalidField("on_until", "before_it_began")
    for index, quota in enumerate(new.quotas):
        if quota.by not in BY:
            raise InvalidField(f"quotas[{index}].by", "not_person_or_household")
        if quota.per not in PER:
            raise InvalidField(f"quotas[{index}].per", "not_a_period")
        if not 1 <= quota.times <= MOST:
            raise InvalidField(f"quotas[{index}].times", "out_of_range")
    if len({(each.by, each.per) for each in new.quotas}) < len(new.quotas):
        raise InvalidField("quotas", "given_twice")
    _check_eligible(new.eligible)
    if new.voucher_days is not None and new.kind != "service":
        raise InvalidField("voucher_days", "only_of_services")
    if new.voucher_days is not None and not 1 <= new.voucher_days <= LONGEST_VOUCHER:
        raise InvalidField("voucher_days", "out_of_range")
    if new.giftable and new.voucher_days is None:
        raise InvalidField("giftable", "only_of_vouchers")


def _check_eligible(wanted: Eligible) -> None:
    if wanted.star is not None and not 1 <= wanted.star <= MOST_STARS:
        raise InvalidField("eligible.star", "out_of_range")
    if wanted.most_star is not None and not (wanted.star or 0) <= wanted.most_star <= MOST_STARS:
        raise InvalidField("eligible.most_star", "out_of_range")
    if wanted.tag is not None and (not one_line(wanted.tag, least=1, most=NAME_LENGTH) or wanted.tag.strip() == ""):
        raise InvalidField("eligible.tag", "not_a_qualification")
    for name, age in (("least_age", wanted.least_age), ("most_age", wanted.most_age)):
        if age is not None and not 0 <= age <= OLDEST:
            raise InvalidField(f"eligible.{name}", "out_of_range")
    if wanted.least_age is not None and wanted.most_age is not None and wanted.most_age < wanted.least_age:
        raise InvalidField("eligible.most_age", "out_of_range")


def _check_points(kind: Kind, points: int) -> None:
    """A perk costs nothing, everything else something."""
    if kind == "perk" and points != 0:
        raise InvalidField("points", "perks_cost_nothing")
    if kind != "perk" and not 1 <= points <= MOST:
        raise InvalidField("points", "out_of_range")
