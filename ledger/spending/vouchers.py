"""Vouchers 免单券: a service paid for with points now and had later, at any outlet that offers it.

A voucher is good for one piece of its item, whatever the price has become, and the merchant gets what was paid for it.
It is bound to who bought it, who shows it by her pay code; or, where the item says so, free to give: then it has
eighteen digits of its own, and whoever shows them has the service. What nobody used by its last day goes to breakage.

Account 2500 holds what all live vouchers are worth: bought, 2100.v → 2500 (T14); used, 2500 → 2300.x (T15); expired,
2500 → 4100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, any_, bindparam, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import NotEligible, NotOffered, UnknownVoucher, VoucherNotValid
from ledger.spending import catalogue, eligibility, pay_codes, policies, postings, quotas
from ledger.spending.catalogue import EVERYBODY, Item, Offered
from ledger.spending.policy import Policy
from ledger.spending.tables import items, offers, outlets, vouchers

KIND: Final = "spend.voucher"
"""Of T14, which stands in her passbook."""
OUTSTANDING: Final = "2500"
BREAKAGE: Final = "4100"
_OUTSTANDING: Final = NewAccount(OUTSTANDING, "免单券", "liability", "PT")
_BREAKAGE: Final = NewAccount(BREAKAGE, "过期积分", "income", "PT")
_TOGETHER: Final = 200
"""Vouchers that expire in one transaction."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher as it stands. `state`: `live`, `used` or `expired`; a live one may be past its last day."""

    voucher_id: UUID
    holder: str
    """Who bought it."""
    item: str
    points: int
    """What was paid, and what the merchant gets."""
    digest: bytes | None
    """Of the digits of one that may be given away; None: bound."""
    bought_at: datetime
    expires_on: date
    """The last day on which it can be used, but for the policy's grace."""
    state: str
    transaction_id: UUID
    ended_at: datetime | None = None
    end_transaction: UUID | None = None

    @property
    def giftable(self) -> bool:
        """Whoever shows its digits can use it."""
        return self.digest is not None

    def fault(self, day: date, policy: Policy) -> VoucherNotValid | None:
        """Why it cannot be used on this day; None: it can."""
        if self.state != "live":
            return VoucherNotValid(self.state)
        if day > self.expires_on + timedelta(days=policy.voucher_grace_days):
            return VoucherNotValid("expired")
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """An outlet where a voucher can be used."""

    outlet: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class ForSale:
    """An item that can be bought as a voucher today, with its price, and the outlets that offer it."""

    item: Item
    places: tuple[Place, ...]


async def for_sale(tx: AsyncConnection, book: int, day: date) -> list[ForSale]:
    """What can be bought as a voucher on that day, by code: what is on, has a price, and is offered somewhere."""
    places = await places_of(tx, book)
    found = await catalogue.find_many(tx, book, places, day)
    return [ForSale(each, places[code]) for code, each in sorted(found.items()) if _can_be_bought(each, day)]


async def places_of(tx: AsyncConnection, book: int, item: str | None = None) -> dict[str, tuple[Place, ...]]:
    """The items of which there are vouchers, or one of them → the open outlets that offer them, merchants all."""
    asked = (
        select(items.c.item, outlets.c.outlet, outlets.c.name, outlets.c.address)
        .join(offers, (offers.c.book_id == book) & (offers.c.item == items.c.item))
        .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == offers.c.outlet))
        .where(
            items.c.book_id == book,
            items.c.voucher_days.is_not(None),
            offers.c.offered,
            offers.c.supply == "merchant",
            outlets.c.status == "open",
        )
        .order_by(items.c.item, outlets.c.name, outlets.c.outlet)
    )
    if item is not None:
        asked = asked.where(items.c.item == item)
    places: dict[str, list[Place]] = {}
    for code, *place in await tx.execute(asked):
        places.setdefault(code, []).append(Place(*place))
    return {code: tuple(found) for code, found in places.items()}


def _can_be_bought(item: Item, day: date) -> bool:
    is_on = item.on_from <= day and (item.on_until is None or day <= item.on_until)
    return is_on and item.voucher_days is not None and bool(item.points)


async def buy(
    tx: AsyncConnection,
    book: int,
    holder: str,
    item: str,
    *,
    voucher_id: UUID,
    digest: bytes,
    by: str,
    age: int | None,
    now: datetime,
) -> Voucher:
    """Buys a voucher at the price of today (T14). `digest`: of the digits that it gets if it may be given away.

    UnknownGoods, NotOffered, NotEligible, OverQuota, NotEnoughPoints: the caller undoes its transaction.
    """
    day = day_of(now)
    shopper = await pay_codes.lock(tx, book, holder)
    found = await catalogue.find(tx, book, item, day)
    if not _can_be_bought(found, day) or not await places_of(tx, book, item):
        raise NotOffered(item)
    assert found.points is not None, "what can be bought has a price"
    assert found.voucher_days is not None, "what can be bought as a voucher lasts so long"
    asked = found.eligible
    if asked != EVERYBODY and not await eligibility.eligible(tx, book, holder, asked, age=age, day=day):
        raise NotEligible(item)
    await quotas.use(tx, book, day, holder, shopper.household, [(_offered(found), 1)])
    bought = Voucher(
        voucher_id,
        holder,
        item,
        found.points,
        digest if found.giftable else None,
        now,
        day + timedelta(days=found.voucher_days),
        "live",
        await _pay(tx, book, voucher_id, holder, found.points, by),
    )
    await tx.execute(
        insert(vouchers).values(
            book_id=book,
            voucher_id=bought.voucher_id,
            holder=bought.holder,
            item=bought.item,
            points=bought.points,
            digest=bought.digest,
            bought_at=bought.bought_at,
            expires_on=bought.expires_on,
            state=bought.state,
            transaction_id=bought.transaction_id,
        )
    )
    return bought


def _offered(item: Item) -> Offered:
    """An item as if an outlet had it: a voucher is of no outlet, and its quotas count all the same."""
    assert item.points is not None, "what can be bought has a price"
    return Offered(
        item.item,
        item.name,
        item.kind,
        item.points,
        "merchant",
        None,
        item.quotas,
        item.eligible,
        item.voucher_days,
        item.giftable,
    )


async def _pay(tx: AsyncConnection, book: int, voucher_id: UUID, holder: str, points: int, by: str) -> UUID:
    """T14. NotEnoughPoints."""
    await chart.open_missing(tx, book, [_OUTSTANDING])
    bought = Proposal(
        client=postings.CLIENT,
        key=f"voucher:{voucher_id}",
        call="voucher",
        kind=KIND,
        effective_at=None,
        lines=(Line(f"2100.{holder}", "debit", points), Line(OUTSTANDING, "credit", points)),
        actor=by,
        keep_refusal=False,
    )
    return await postings.post(tx, book, bought)


# --- used and given back ---------------------------------------------------------------------------------------------


async def lock(tx: AsyncConnection, book: int, voucher_id: UUID) -> Voucher:
    """The voucher as it is now that it is locked; UnknownVoucher."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id)
    row = (await tx.execute(found.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise UnknownVoucher(voucher_id)
    return Voucher(*row)


async def by_digest(tx: AsyncConnection, book: int, digests: Sequence[bytes]) -> Voucher | None:
    """The voucher whose digits have one of these digests; not locked: whose it is, and no more."""
    shown = vouchers.c.digest == any_(literal(list(digests), ARRAY(BYTEA)))
    row = (await tx.execute(_VOUCHERS.where(vouchers.c.book_id == book, shown))).one_or_none()
    return None if row is None else Voucher(*row)


async def use(tx: AsyncConnection, book: int, voucher_id: UUID, end_transaction: UUID, at: datetime) -> None:
    """A live voucher, locked before, has been used: T15 is posted. VoucherNotValid."""
    await _end(tx, book, voucher_id, "used", end_transaction, at)


async def back(tx: AsyncConnection, book: int, voucher_id: UUID, *, now: datetime, policy: Policy) -> Voucher:
    """What was had for a used voucher, locked before, was given back and 2500 credited again: it is live again.

    One that would be over by now, or almost, can be used for the policy's days. VoucherNotValid.
    """
    least = day_of(now) + timedelta(days=policy.voucher_back_days)
    row = (
        await tx.execute(
            update(vouchers)
            .where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id, vouchers.c.state == "used")
            .values(
                state="live",
                ended_at=None,
                end_transaction=None,
                expires_on=func.greatest(vouchers.c.expires_on, least),
            )
            .returning(*_COLUMNS)
        )
    ).one_or_none()
    if row is None:
        raise VoucherNotValid((await find(tx, book, voucher_id)).state)
    return Voucher(*row)


# --- expired ---------------------------------------------------------------------------------------------------------


async def expire(database: AsyncEngine, book: int) -> int:
    """Posts to breakage what was not used by its last day and the policy's grace; answers how many vouchers.

    It can be interrupted and run again, also beside itself: some at a time, each of them once. One that a till has in
    its hands right now is left for the next time.
    """
    expired = 0
    while True:
        async with database.begin() as tx:
            some = await _expire_some(tx, book)
        expired += some
        if some < _TOGETHER:
            return expired


async def _expire_some(tx: AsyncConnection, book: int) -> int:
    now = await connect.now(tx)
    grace = timedelta(days=(await policies.in_force(tx, book, day_of(now))).voucher_grace_days)
    rows = (
        await tx.execute(
            select(vouchers.c.voucher_id, vouchers.c.points)
            .where(vouchers.c.book_id == book, vouchers.c.state == "live", vouchers.c.expires_on < day_of(now) - grace)
            .order_by(vouchers.c.expires_on, vouchers.c.voucher_id)
            .limit(_TOGETHER)
            .with_for_update(key_share=True, skip_locked=True)
        )
    ).all()
    if not rows:
        return 0
    await chart.open_missing(tx, book, [_OUTSTANDING, _BREAKAGE])
    over = [
        Proposal(
            client=postings.CLIENT,
            key=f"expired:{row.voucher_id}",
            call="expired",
            kind="spend.voucher_expired",
            effective_at=None,
            lines=(Line(OUTSTANDING, "debit", row.points), Line(BREAKAGE, "credit", row.points)),
            actor=postings.CLIENT,
            keep_refusal=False,
        )
        for row in rows
    ]
    posted = await postings.post_all(tx, book, over)
    ended = [{"of_voucher": row.voucher_id, "ended_by": ended_by} for row, ended_by in zip(rows, posted, strict=True)]
    await tx.execute(
        update(vouchers)
        .where(vouchers.c.book_id == book, vouchers.c.voucher_id == bindparam("of_voucher"))
        .values(state="expired", ended_at=now, end_transaction=bindparam("ended_by")),
        ended,
    )
    return len(ended)


# --- reading ---------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, voucher_id: UUID) -> Voucher:
    """One voucher; UnknownVoucher."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id)
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        raise UnknownVoucher(voucher_id)
    return Voucher(*row)


async def of_holder(
    tx: AsyncConnection, book: int, holder: str, *, after: UUID | None = None, limit: int = 50
) -> list[Voucher]:
    """The vouchers that somebody bought, the newest first, after one of them."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.holder == holder)
    if after is not None:
        found = found.where(vouchers.c.voucher_id < after)  # they rise with time
    return [Voucher(*row) for row in await tx.execute(found.order_by(vouchers.c.voucher_id.desc()).limit(limit))]


async def bought_by(tx: AsyncConnection, book: int, ids: Iterable[UUID]) -> dict[UUID, str]:
    """What the item is called of the voucher that each of these transactions paid for; others are left out."""
    rows = await tx.execute(
        select(vouchers.c.transaction_id, items.c.name)
        .join(items, (items.c.book_id == book) & (items.c.item == vouchers.c.item))
        .where(vouchers.c.book_id == book, vouchers.c.transaction_id == any_(literal(list(ids), ARRAY(Uuid))))
    )
    return {row.transaction_id: row.name for row in rows}


async def outstanding(tx: AsyncConnection, book: int) -> int:
    """What all live vouchers are worth: the balance of 2500."""
    worth = func.coalesce(func.sum(vouchers.c.points), 0).cast(BigInteger)
    live = select(worth).where(vouchers.c.book_id == book, vouchers.c.state == "live")
    return (await tx.execute(live)).scalar_one()


async def _end(tx: AsyncConnection, book: int, voucher_id: UUID, state: str, transaction: UUID, at: datetime) -> None:
    ended = await tx.execute(
        update(vouchers)
        .where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id, vouchers.c.state == "live")
        .values(state=state, ended_at=at, end_transaction=transaction)
        .returning(vouchers.c.voucher_id)
    )
    if ended.first() is None:
        raise VoucherNotValid((await find(tx, book, voucher_id)).state)


_COLUMNS: Final = (
    vouchers.c.voucher_id,
    vouchers.c.holder,
    vouchers.c.item,
    vouchers.c.points,
    vouchers.c.digest,
    vouchers.c.bought_at,
    vouchers.c.expires_on,
    vouchers.c.state,
    vouchers.c.transaction_id,
    vouchers.c.ended_at,
    vouchers.c.end_transaction,
)

_VOUCHERS: Final = select(*_COLUMNS)
