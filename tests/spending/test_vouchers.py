"""Vouchers: bought for points, used once at any outlet that offers the service, given back, and expired by rule."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen, identifiers
from ledger.books import chart
from ledger.books.directory import Book
from ledger.books.tables import accounts, lots
from ledger.database import connect
from ledger.days import day_of, midnight
from ledger.errors import (
    AccountFrozen,
    CodeNotValid,
    NotEligible,
    NotEnoughPoints,
    NotOffered,
    OverQuota,
    Refusal,
    UnknownGoods,
    UnknownVoucher,
    VoucherNotValid,
)
from ledger.spending import (
    catalogue,
    outlets,
    pay_codes,
    policies,
    presented,
    quotes,
    redemption,
    refunds,
    tills,
    vouchers,
)
from ledger.spending.baskets import Wanted
from ledger.spending.catalogue import Eligible, Item
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.redemption import Made
from ledger.spending.tables import items
from ledger.spending.tills import Till
from ledger.spending.vouchers import Voucher
from tests.conftest import new_book
from tests.earning.programmes import TUESDAY, later
from tests.spending.shops import Shop, no_age, opened_shop

FOOT_BATH = Item("S02", "足浴一次", "service", 20, date(1990, 1, 1), voucher_days=10, giftable=True)
TODAY = day_of(TUESDAY)


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> AsyncIterator[Shop]:
    """A shop that also offers foot baths, of which vouchers can be given away.

    After each test the books hold for all live vouchers just what they are worth.
    """
    shop = await opened_shop(database, book)
    await offer(shop, FOOT_BATH)
    yield shop
    async with database.connect() as tx:
        worth = await vouchers.outstanding(tx, book.book_id)
    assert await shop.balance("2500") == worth


async def offer(shop: Shop, item: Item, outlet: str = Shop.OUTLET) -> None:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await catalogue.add(tx, shop.book.book_id, item, by="user:1", now=now)
        await catalogue.offer(tx, shop.book.book_id, outlet, item.item, "merchant")


async def buy(
    shop: Shop,
    item: str = "S01",
    *,
    holder: str | None = None,
    digest: bytes | None = None,
    age: int | None = None,
    database: AsyncEngine | None = None,
) -> Voucher:
    async with (database or shop.database).begin() as tx:
        now = await connect.now(tx)
        return await vouchers.buy(
            tx,
            shop.book.book_id,
            holder or shop.holder,
            item,
            voucher_id=next(identifiers.rising(now)),
            digest=digest or secrets.token_bytes(32),
            by="user:1",
            age=age,
            now=now,
        )


async def code_for(shop: Shop, voucher: Voucher, *, database: AsyncEngine | None = None) -> bytes:
    """A pay code that pays with a voucher; its digest."""
    digest = secrets.token_bytes(32)
    async with (database or shop.database).begin() as tx:
        now = await connect.now(tx)
        book = shop.book.book_id
        policy = await policies.in_force(tx, book, day_of(now))
        await pay_codes.issue(tx, book, voucher.holder, digest, now=now, policy=policy, voucher_id=voucher.voucher_id)
    return digest


async def use(
    shop: Shop,
    digest: bytes,
    item: str = "S01",
    *,
    prefix: str = eighteen.PAY_CODE,
    pieces: int = 1,
    till: Till | None = None,
    database: AsyncEngine | None = None,
    **more: int,
) -> Made:
    """Shows a code or the digits of a voucher at a till, and wants an item."""
    async with (database or shop.database).begin() as tx:
        now = await connect.now(tx)
        book = shop.book.book_id
        policy = await policies.in_force(tx, book, day_of(now))
        at = await tills.find(tx, book, (till or shop.till).till)
        shown = await presented.by_number(tx, book, at, prefix, [digest], now=now)
        wanted = [Wanted(code, quantity) for code, quantity in ({item: pieces} | more).items()]
        return await redemption.redeem(tx, book, at, shown, wanted, age=no_age, now=now, policy=policy)


async def cancel(shop: Shop, made: Made, database: AsyncEngine | None = None, policy: Policy | None = None) -> None:
    async with (database or shop.database).begin() as tx:
        now = await connect.now(tx)
        await refunds.cancel(
            tx,
            shop.book.book_id,
            made.redemption_id,
            outlet=shop.OUTLET,
            by="till:1",
            now=now,
            policy=policy or Policy(),
        )


async def now_is(shop: Shop, voucher: Voucher) -> Voucher:
    async with shop.database.connect() as tx:
        return await vouchers.find(tx, shop.book.book_id, voucher.voucher_id)


async def expire(shop: Shop, **by: float) -> int:
    return await vouchers.expire(later(shop.database, **by), shop.book.book_id)


async def set_policy(shop: Shop, policy: Policy) -> None:
    """The first limits of a book may hold from today on."""
    async with shop.database.begin() as tx:
        now, book = await connect.now(tx), shop.book.book_id
        made = await policies.draft(tx, book, policy, effective_from=day_of(now), by="user:1", now=now)
        await policies.approve(tx, book, made.version, by="user:2", now=now)


def at_clock(shop: Shop, moment: datetime) -> AsyncEngine:
    """The same database at about this moment."""
    return later(shop.database, seconds=(moment - TUESDAY).total_seconds())


async def balances(shop: Shop) -> dict[str, int]:
    return {code: await shop.balance(code) for code in (f"2100.{shop.holder}", "2500", "2300.X0001", "4100")}


def sums(wallet: int, outstanding: int, payable: int, breakage: int, shop: Shop) -> dict[str, int]:
    return {f"2100.{shop.holder}": wallet, "2500": outstanding, "2300.X0001": payable, "4100": breakage}


# --- bought ----------------------------------------------------------------------------------------------------------


async def test_a_voucher_is_paid_for_now_and_the_merchant_is_owed_when_it_is_used(shop: Shop) -> None:
    bought = await buy(shop)
    assert (bought.state, bought.points, bought.giftable) == ("live", 30, False)
    assert bought.expires_on == TODAY + timedelta(days=90)
    assert await now_is(shop, bought) == bought
    assert await balances(shop) == sums(70, 30, 0, 0, shop)
    made = await use(shop, await code_for(shop, bought))
    assert (made.status, made.points) == ("done", 30)
    assert await balances(shop) == sums(70, 0, 30, 0, shop)
    found = await shop.find(made.redemption_id)
    assert (found.voucher_id, found.holder, found.means) == (bought.voucher_id, shop.holder, "code")
    used = await now_is(shop, bought)
    assert (used.state, used.end_transaction) == ("used", found.transaction_id)


async def test_only_one_that_may_be_given_away_keeps_the_digest_of_its_digits(shop: Shop) -> None:
    assert (await buy(shop, digest=b"0" * 32)).digest is None
    given = await buy(shop, "S02", digest=b"1" * 32)
    assert (given.digest, given.giftable) == (b"1" * 32, True)
    with pytest.raises(CodeNotValid):
        await use(shop, b"0" * 32, prefix=eighteen.VOUCHER)


async def test_the_oldest_points_are_spent_first(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        book = shop.book.book_id
        wallet = select(accounts.c.account_id).where(
            accounts.c.book_id == book, accounts.c.code == f"2100.{shop.holder}"
        )
        before = (await tx.execute(wallet)).scalar_one()
    await shop.give(25)
    await buy(shop)
    async with shop.database.connect() as tx:
        left = await tx.execute(
            select(lots.c.remaining).where(lots.c.book_id == book, lots.c.account_id == before).order_by(lots.c.number)
        )
        assert list(left.scalars()) == [70, 25]


async def test_what_she_has_not_got_buys_no_voucher(shop: Shop) -> None:
    await buy(shop)
    await buy(shop)
    await buy(shop)
    with pytest.raises(NotEnoughPoints):
        await buy(shop)
    with pytest.raises(NotEnoughPoints):
        await buy(shop, holder="nobody")
    assert await balances(shop) == sums(10, 90, 0, 0, shop)


@pytest.mark.parametrize("item", ["G01", "S07"])
async def test_goods_and_perks_are_no_vouchers(shop: Shop, item: str) -> None:
    with pytest.raises(NotOffered):
        await buy(shop, item)


async def test_what_is_not_in_the_catalogue_is_unknown(shop: Shop) -> None:
    for code in ("S99", "no code"):
        with pytest.raises(UnknownGoods):
            await buy(shop, code)


@pytest.mark.parametrize(
    "item",
    [
        Item("S03", "理疗", "service", 20, TODAY + timedelta(days=1), voucher_days=10),
        Item("S03", "理疗", "service", 20, date(1990, 1, 1), TODAY - timedelta(days=1), voucher_days=10),
    ],
)
async def test_what_is_not_on_today_is_not_for_sale(shop: Shop, item: Item) -> None:
    await offer(shop, item)
    async with shop.database.connect() as tx:
        assert "S03" not in [each.item.item for each in await vouchers.for_sale(tx, shop.book.book_id, TODAY)]
    with pytest.raises(NotOffered):
        await buy(shop, "S03")


async def test_what_no_open_outlet_offers_is_not_for_sale(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        book = shop.book.book_id
        assert [each.item.item for each in await vouchers.for_sale(tx, book, TODAY)] == ["S01", "S02"]
        await catalogue.switch(tx, book, shop.OUTLET, "S01", on=False)
    with pytest.raises(NotOffered):
        await buy(shop)
    async with shop.database.begin() as tx:
        assert [each.item.item for each in await vouchers.for_sale(tx, book, TODAY)] == ["S02"]
        await outlets.set_status(tx, book, shop.OUTLET, "closed")
        assert await vouchers.for_sale(tx, book, TODAY) == []
    with pytest.raises(NotOffered):
        await buy(shop, "S02")


async def test_it_is_told_where_a_voucher_can_be_used(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        book = shop.book.book_id
        await outlets.add(tx, book, "X0002", Details("二社区理发店", "caring_merchant", "D1", address="湖滨路 1 号"))
        await catalogue.offer(tx, book, "X0002", "S01", "merchant")
        haircut, foot_bath = await vouchers.for_sale(tx, book, TODAY)
    assert [(each.outlet, each.address) for each in haircut.places] == [("X0001", ""), ("X0002", "湖滨路 1 号")]
    assert [each.outlet for each in foot_bath.places] == ["X0001"]
    assert (foot_bath.item.points, foot_bath.item.giftable) == (20, True)


async def test_a_quota_counts_vouchers_when_they_are_bought_and_not_again(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        await tx.execute(
            update(items)
            .where(items.c.book_id == shop.book.book_id, items.c.item == "S02")
            .values(quotas=[{"by": "person", "times": 2, "per": "month"}])
        )
    first = await buy(shop, "S02", digest=b"1" * 32)
    await buy(shop, "S02")
    with pytest.raises(OverQuota):
        await buy(shop, "S02")
    made = await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER)
    await cancel(shop, made)
    with pytest.raises(OverQuota):
        await buy(shop, "S02")
    assert (await now_is(shop, first)).state == "live"
    await buy(shop, "S02", database=later(shop.database, days=30))


async def test_an_item_for_some_is_sold_to_them_alone(shop: Shop) -> None:
    await offer(shop, Item("S04", "体检", "service", 5, TODAY, voucher_days=9, eligible=Eligible(least_age=60)))
    await offer(shop, Item("S05", "洗头", "service", 5, TODAY, voucher_days=9, eligible=Eligible(star=1)))
    for age in (None, 59):
        with pytest.raises(NotEligible):
            await buy(shop, "S04", age=age)
    assert (await buy(shop, "S04", age=60)).points == 5
    with pytest.raises(NotEligible):
        await buy(shop, "S05", age=60)


async def test_two_who_spend_her_last_points_at_once_buy_one_voucher(shop: Shop) -> None:
    await buy(shop)
    await buy(shop)

    async def attempt() -> str:
        try:
            return (await buy(shop)).state
        except Refusal as refusal:
            return type(refusal).__name__

    outcomes = await asyncio.gather(*(attempt() for _ in range(8)))
    assert sorted(outcomes) == ["NotEnoughPoints"] * 7 + ["live"]
    assert await balances(shop) == sums(10, 90, 0, 0, shop)


# --- used ------------------------------------------------------------------------------------------------------------


async def test_whoever_has_the_digits_uses_a_voucher_that_was_given_away_and_once(shop: Shop) -> None:
    given = await buy(shop, "S02", digest=b"1" * 32)
    made = await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER)
    assert (made.status, made.points) == ("done", 20)
    assert (await shop.find(made.redemption_id)).means == "voucher"
    with pytest.raises(VoucherNotValid) as caught:
        await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER)
    assert caught.value.state == "used"
    assert (await now_is(shop, given)).state == "used"
    assert await balances(shop) == sums(80, 0, 20, 0, shop)


async def test_the_price_may_rise_and_the_voucher_is_still_good(shop: Shop) -> None:
    bought = await buy(shop)
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await catalogue.set_price(tx, shop.book.book_id, "S01", TODAY + timedelta(days=1), 55, by="user:1", now=now)
    tomorrow = later(shop.database, days=1)
    made = await use(shop, await code_for(shop, bought, database=tomorrow), database=tomorrow)
    assert made.points == 30
    assert await balances(shop) == sums(70, 0, 30, 0, shop)
    assert (await buy(shop, database=tomorrow)).points == 55


async def test_it_is_good_at_any_outlet_that_offers_the_service_and_at_no_other(shop: Shop) -> None:
    bought = await buy(shop)
    async with shop.database.begin() as tx:
        for code in ("X0002", "X0003"):
            await outlets.add(tx, shop.book.book_id, code, Details(code, "caring_merchant", "D1"))
        await catalogue.offer(tx, shop.book.book_id, "X0002", "S01", "merchant")
    there, nowhere = await shop.another_till("X0002"), await shop.another_till("X0003")
    code = await code_for(shop, bought)
    with pytest.raises(NotOffered):
        await use(shop, code, till=nowhere)
    await use(shop, code, till=there)
    assert (await shop.balance("2300.X0002"), await shop.balance("2300.X0001")) == (30, 0)


@pytest.mark.parametrize(("item", "pieces", "more"), [("S02", 1, {}), ("S01", 2, {}), ("S01", 1, {"G01": 1})])
async def test_a_voucher_is_good_for_one_piece_of_its_item_and_nothing_else(
    shop: Shop, item: str, pieces: int, more: dict[str, int]
) -> None:
    bought = await buy(shop)
    code = await code_for(shop, bought)
    with pytest.raises(NotOffered):
        await use(shop, code, item, pieces=pieces, **more)
    assert (await now_is(shop, bought)).state == "live"
    assert await balances(shop) == sums(70, 30, 0, 0, shop)


async def test_a_quote_by_voucher_is_always_enough(shop: Shop) -> None:
    voucher = await buy(shop, "S02", digest=b"1" * 32)
    await buy(shop)
    await buy(shop)
    async with shop.database.begin() as tx:
        now, book = await connect.now(tx), shop.book.book_id
        shown = await presented.by_number(tx, book, shop.till, eighteen.VOUCHER, [b"1" * 32], now=now)
        wanted = [Wanted("S02", 1)]
        quoted = await quotes.quote(
            tx, book, shop.till, shown, wanted, age=no_age, now=now, policy=Policy(quotes_a_code=1)
        )
        assert (quoted.enough, quoted.points, shown.holder) == (True, 20, voucher.holder)


async def test_one_voucher_at_twenty_tills_at_once_is_used_once(shop: Shop) -> None:
    given = await buy(shop, "S02", digest=b"1" * 32)
    there = [await shop.another_till() for _ in range(20)]

    async def scan(till: Till) -> str:
        try:
            return (await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER, till=till)).status
        except Refusal as refusal:
            return type(refusal).__name__

    outcomes = await asyncio.gather(*(scan(till) for till in there))
    assert sorted(outcomes) == ["VoucherNotValid"] * 19 + ["done"]
    assert (await now_is(shop, given)).state == "used"
    assert await balances(shop) == sums(80, 0, 20, 0, shop)


async def test_a_code_of_hers_and_another_for_the_same_voucher_do_not_use_it_twice(shop: Shop) -> None:
    bought = await buy(shop)
    await use(shop, await code_for(shop, bought))
    with pytest.raises(VoucherNotValid):
        await use(shop, await code_for(shop, bought))
    assert await shop.balance("2300.X0001") == 30


# --- given back ------------------------------------------------------------------------------------------------------


async def test_a_cancelled_use_makes_it_live_again_and_it_can_be_used_once_more(shop: Shop) -> None:
    bought = await buy(shop)
    made = await use(shop, await code_for(shop, bought))
    await cancel(shop, made)
    assert await now_is(shop, bought) == bought
    assert await balances(shop) == sums(70, 30, 0, 0, shop)
    again = await use(shop, await code_for(shop, bought))
    assert again.status == "done"
    assert await balances(shop) == sums(70, 0, 30, 0, shop)


async def test_one_that_comes_back_after_its_last_day_can_be_used_for_a_while(shop: Shop) -> None:
    bought = await buy(shop, "S02", digest=b"1" * 32)
    last_minutes = at_clock(shop, midnight(bought.expires_on + timedelta(days=1)) - timedelta(minutes=5))
    made = await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER, database=last_minutes)
    assert await expire(shop, days=11) == 0
    after_midnight = later(last_minutes, minutes=10)
    await cancel(shop, made, after_midnight)
    back = await now_is(shop, bought)
    assert (back.state, back.expires_on) == ("live", bought.expires_on + timedelta(days=1 + 7))
    assert await vouchers.expire(after_midnight, shop.book.book_id) == 0
    await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER, database=later(after_midnight, days=6))
    assert await balances(shop) == sums(80, 0, 20, 0, shop)


async def test_only_what_was_used_comes_back(shop: Shop) -> None:
    bought = await buy(shop)
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        with pytest.raises(VoucherNotValid):
            await vouchers.back(tx, shop.book.book_id, bought.voucher_id, now=now, policy=Policy())
        with pytest.raises(UnknownVoucher):
            await vouchers.back(tx, shop.book.book_id, UUID(int=1), now=now, policy=Policy())


async def test_what_is_not_there_is_unknown(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        for verb in (vouchers.find, vouchers.lock):
            with pytest.raises(UnknownVoucher):
                await verb(tx, shop.book.book_id, UUID(int=1))
        assert await vouchers.by_digest(tx, shop.book.book_id, [b"x"]) is None


# --- expired ---------------------------------------------------------------------------------------------------------


async def test_what_nobody_used_by_its_last_day_goes_to_breakage(shop: Shop) -> None:
    haircut, foot_bath = await buy(shop), await buy(shop, "S02")
    assert await expire(shop, days=10) == 0
    assert await expire(shop, days=11) == 1
    assert await expire(shop, days=11) == 0
    gone = await now_is(shop, foot_bath)
    assert (gone.state, gone.ended_at is not None, gone.end_transaction is not None) == ("expired", True, True)
    assert (await now_is(shop, haircut)).state == "live"
    assert await balances(shop) == sums(50, 30, 0, 20, shop)


async def test_it_is_good_on_its_last_day_and_not_after_it_whoever_expired_it_or_nobody(shop: Shop) -> None:
    await buy(shop, "S02", digest=b"1" * 32)
    await buy(shop, "S02", digest=b"2" * 32)
    for digest in (b"1" * 32, b"2" * 32):
        with pytest.raises(VoucherNotValid) as caught:
            await use(shop, digest, "S02", prefix=eighteen.VOUCHER, database=later(shop.database, days=11))
        assert caught.value.state == "expired"
    last = await use(shop, b"2" * 32, "S02", prefix=eighteen.VOUCHER, database=later(shop.database, days=10))
    assert last.status == "done"
    assert await expire(shop, days=11) == 1


async def test_the_grace_of_the_policy_holds_at_the_till_and_for_expiry(shop: Shop) -> None:
    await set_policy(shop, Policy(voucher_grace_days=3))
    await buy(shop, "S02", digest=b"1" * 32)
    bought = await buy(shop, "S02", digest=b"2" * 32)
    assert await expire(shop, days=13) == 0
    await use(shop, b"1" * 32, "S02", prefix=eighteen.VOUCHER, database=later(shop.database, days=13))
    with pytest.raises(VoucherNotValid):
        await use(shop, b"2" * 32, "S02", prefix=eighteen.VOUCHER, database=later(shop.database, days=14))
    assert await expire(shop, days=14) == 1
    assert (await now_is(shop, bought)).state == "expired"


async def test_more_than_one_transaction_takes_expire_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vouchers, "_TOGETHER", 2)
    await shop.give(1000)
    bought = [await buy(shop, "S02") for _ in range(5)]
    both = await asyncio.gather(expire(shop, days=11), expire(shop, days=11))
    assert sum(both) + await expire(shop, days=11) == 5
    assert {(await now_is(shop, each)).state for each in bought} == {"expired"}
    assert await shop.balance("4100") == 100


async def test_expired_and_used_at_once_it_is_one_of_both(shop: Shop) -> None:
    """The till began before midnight, the expiry after it."""
    bought = [await buy(shop, "S02", digest=bytes([number]) * 32) for number in range(5)]
    last = later(shop.database, days=10)

    async def scan(number: int) -> str:
        try:
            return (await use(shop, bytes([number]) * 32, "S02", prefix=eighteen.VOUCHER, database=last)).status
        except Refusal as refusal:
            return type(refusal).__name__

    outcomes = await asyncio.gather(*(scan(number) for number in range(5)), expire(shop, days=11))
    states = [(await now_is(shop, each)).state for each in bought]
    assert [outcome == "done" for outcome in outcomes[:5]] == [state == "used" for state in states]
    await expire(shop, days=11)
    used = states.count("used")
    assert await balances(shop) == sums(0, 0, 20 * used, 20 * (5 - used), shop)


async def test_what_a_till_has_in_its_hands_is_left_for_the_next_time(shop: Shop) -> None:
    bought = await buy(shop, "S02")
    async with shop.database.begin() as tx:
        await vouchers.lock(tx, shop.book.book_id, bought.voucher_id)
        assert await expire(shop, days=11) == 0
    assert await expire(shop, days=11) == 1


async def test_while_breakage_is_frozen_nothing_expires(shop: Shop) -> None:
    bought = await buy(shop, "S02")
    await buy(shop, "S02")
    await expire(shop, days=11)
    again = await buy(shop, "S02")
    async with shop.database.begin() as tx:
        await chart.set_status(tx, shop.book.book_id, "4100", "frozen")
    with pytest.raises(AccountFrozen):
        await expire(shop, days=11)
    assert [(await now_is(shop, each)).state for each in (bought, again)] == ["expired", "live"]


async def test_vouchers_of_another_book_are_left_alone(shop: Shop, database: AsyncEngine) -> None:
    other = await opened_shop(database, await new_book(database))
    bought = await buy(other)
    assert await vouchers.expire(later(shop.database, days=91), shop.book.book_id) == 0
    assert (await now_is(other, bought)).state == "live"
    async with shop.database.connect() as tx:
        with pytest.raises(UnknownVoucher):
            await vouchers.find(tx, shop.book.book_id, bought.voucher_id)


# --- whose -----------------------------------------------------------------------------------------------------------


async def test_hers_are_listed_from_the_newest(shop: Shop) -> None:
    bought = [await buy(shop, item) for item in ("S01", "S02", "S02")]
    async with shop.database.connect() as tx:
        book = shop.book.book_id
        found = await vouchers.of_holder(tx, book, shop.holder, limit=2)
        assert found == [bought[2], bought[1]]
        assert await vouchers.of_holder(tx, book, shop.holder, after=found[-1].voucher_id) == [bought[0]]
        assert await vouchers.of_holder(tx, book, "somebody") == []
        paid = [each.transaction_id for each in bought]
        named = await vouchers.bought_by(tx, book, [*paid[:2], UUID(int=1)])
        assert named == {paid[0]: "理发一次", paid[1]: "足浴一次"}
