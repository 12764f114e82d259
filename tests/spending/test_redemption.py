"""Points become goods: what a redemption posts, once, and how it is undone."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import (
    CodeNotValid,
    CodeUsed,
    NotCancellable,
    NotEnoughPoints,
    NotRefundable,
    NotWaiting,
    Refusal,
    SoldOut,
)
from ledger.spending import catalogue, pay_codes, presented, quotes, redemption, refunds
from ledger.spending.baskets import Wanted
from ledger.spending.refunds import Returned
from tests.earning.programmes import later
from tests.spending.shops import Shop, no_age, opened_shop, policy_of


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    return await opened_shop(database, book)


async def confirm(shop: Shop, made: redemption.Made, **later_by: float) -> None:
    async with later(shop.database, **later_by).begin() as tx:
        now = await connect.now(tx)
        await redemption.confirm(tx, shop.book.book_id, shop.holder, made.redemption_id, by="user:1", now=now)


async def cancel(shop: Shop, made: redemption.Made, **later_by: float) -> None:
    policy = await policy_of(shop)
    async with later(shop.database, **later_by).begin() as tx:
        now = await connect.now(tx)
        await refunds.cancel(
            tx, shop.book.book_id, made.redemption_id, outlet=shop.OUTLET, by="till:1", now=now, policy=policy
        )


async def refund(shop: Shop, made: redemption.Made, line: int, quantity: int, **later_by: float) -> refunds.Refund:
    policy = await policy_of(shop)
    async with later(shop.database, **later_by).begin() as tx:
        now = await connect.now(tx)
        return await refunds.refund(
            tx,
            shop.book.book_id,
            made.redemption_id,
            [Returned(line, quantity)],
            outlet=shop.OUTLET,
            by="till:1",
            now=now,
            policy=policy,
        )


async def test_goods_of_the_stock_leave_it_and_a_merchants_are_owed_to_him(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"G01": 2, "S07": 1})
    assert (made.status, made.points) == ("done", 10)
    assert await shop.wallet() == 90
    assert await shop.balance("1200.X0001") == 200 * 5 + 40 * 150 - 10
    assert await shop.pieces("G01") == 198
    found = await shop.find(made.redemption_id)
    assert [(line.name, line.quantity, line.points) for line in found.lines] == [("香皂", 2, 10), ("轮渡优惠票", 1, 0)]


async def test_what_costs_nothing_posts_nothing(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"S07": 1})
    assert (made.status, made.points) == ("done", 0)
    assert (await shop.find(made.redemption_id)).transaction_id is None


async def test_above_the_limit_it_is_held_until_she_confirms(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"S01": 1})
    assert made.status == "waiting"
    assert (await shop.wallet(), await shop.balance(f"2120.{shop.holder}")) == (70, 30)
    await confirm(shop, made)
    assert (await shop.find(made.redemption_id)).status == "done"
    assert await shop.balance("2300.X0001") == 30
    assert (await shop.wallet(), await shop.balance(f"2120.{shop.holder}")) == (70, 0)
    with pytest.raises(NotWaiting):
        await confirm(shop, made)


async def test_a_mixed_basket_is_captured_to_stock_and_merchant(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"S01": 1, "G01": 4})
    await confirm(shop, made)
    assert await shop.balance("2300.X0001") == 30
    assert await shop.balance("1200.X0001") == 200 * 5 + 40 * 150 - 20
    assert await shop.wallet() == 50


async def test_what_nobody_confirms_in_time_goes_back(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"S01": 1, "G01": 4})
    with pytest.raises(NotWaiting):
        await confirm(shop, made, seconds=91)
    assert await redemption.lapse(later(shop.database, seconds=91), shop.book.book_id) == 1
    assert (await shop.find(made.redemption_id)).status == "lapsed"
    assert await shop.pieces("G01") == 200


async def test_a_code_is_spent_once_however_many_tills_scan_it(shop: Shop) -> None:
    tills = [await shop.another_till() for _ in range(50)]
    code = await shop.code()

    async def scan(number: int) -> object:
        try:
            return await shop.redeem(code, {"G01": 1}, till=tills[number])
        except Refusal as refusal:
            return type(refusal)

    outcomes = await asyncio.gather(*(scan(number) for number in range(50)))
    assert outcomes.count(CodeUsed) == 49
    assert (await shop.wallet(), await shop.pieces("G01")) == (95, 199)


async def test_an_old_code_and_one_that_was_never_there_are_the_same(shop: Shop) -> None:
    first = await shop.code()
    await shop.code()
    for code in (first, b"x" * 32):
        with pytest.raises(CodeNotValid):
            await shop.redeem(code, {"G01": 1})
    code = await shop.code()
    with pytest.raises(CodeNotValid):
        await shop.redeem(code, {"G01": 1}, database=later(shop.database, seconds=61))


async def test_without_points_nothing_is_taken_and_the_code_stays_good(shop: Shop) -> None:
    code = await shop.code()
    with pytest.raises(NotEnoughPoints):
        await shop.redeem(code, {"G06": 1})
    with pytest.raises(SoldOut):
        await shop.redeem(code, {"G01": 201})
    await shop.redeem(code, {"G01": 1})


async def test_the_same_day_it_can_be_cancelled_and_a_quarter_past_midnight(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"G01": 2})
    await cancel(shop, made, hours=14, minutes=10)
    assert (await shop.wallet(), await shop.pieces("G01")) == (100, 200)
    assert (await shop.find(made.redemption_id)).status == "cancelled"
    with pytest.raises(NotCancellable):
        await cancel(shop, made)
    late = await shop.redeem(await shop.code(), {"G01": 2})
    with pytest.raises(NotCancellable):
        await cancel(shop, late, hours=14, minutes=16)


async def test_what_was_confirmed_is_cancelled_as_well(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"S01": 1, "G01": 1})
    await confirm(shop, made)
    await cancel(shop, made)
    assert (await shop.wallet(), await shop.pieces("G01"), await shop.balance("2300.X0001")) == (100, 200, 0)


async def test_pieces_come_back_one_by_one_and_never_more_than_there_were(shop: Shop) -> None:
    made = await shop.redeem(await shop.code(), {"G01": 3})
    assert (await refund(shop, made, 0, 1, days=2)).points == 5
    assert (await refund(shop, made, 0, 2, days=3)).points == 10
    with pytest.raises(NotRefundable):
        await refund(shop, made, 0, 1, days=3)
    assert (await shop.wallet(), await shop.pieces("G01")) == (100, 200)
    with pytest.raises(NotCancellable):
        await cancel(shop, made)


async def test_after_a_new_price_goods_leave_at_what_they_were_received_at(shop: Shop) -> None:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await catalogue.set_price(tx, shop.book.book_id, "G01", day_of(now), 7, by="user:1", now=now)
    made = await shop.redeem(await shop.code(), {"G01": 2})
    assert (made.points, await shop.wallet()) == (14, 86)
    assert await shop.balance("1200.X0001") == 200 * 5 + 40 * 150 - 10
    assert await shop.balance("5300") == -4
    await cancel(shop, made)
    assert (await shop.wallet(), await shop.balance("5300")) == (100, 0)


async def test_who_is_erased_has_no_code_and_no_quotes_any_more(shop: Shop) -> None:
    code = await shop.code()
    async with shop.database.begin() as tx:
        await pay_codes.forget(tx, shop.book.book_id, shop.holder)
    with pytest.raises(CodeNotValid):
        await shop.redeem(code, {"G01": 1})


async def by_card(shop: Shop, quote_id: UUID | None = None) -> UUID:
    """The till quotes soap to somebody whose PIN was right, and answers the quote; or redeems that quote."""
    policy, book = await policy_of(shop), shop.book.book_id
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        asked: dict[str, Any] = {"age": no_age, "now": now, "policy": policy}
        if quote_id is None:
            shown = await presented.by_card(tx, book, shop.till, shop.holder, now=now)
            return (await quotes.quote(tx, book, shop.till, shown, [Wanted("G01", 1)], **asked)).quote_id
        shown, wanted, word = await quotes.take_up(tx, book, shop.till, quote_id, now=now)
        return (await redemption.redeem(tx, book, shop.till, shown, wanted, word=word, **asked)).redemption_id


async def test_the_pin_of_a_card_is_good_for_one_redemption_however_often_the_till_redeems_its_quote(
    shop: Shop,
) -> None:
    quoted = await by_card(shop)

    async def redeemed() -> object:
        try:
            return await by_card(shop, quoted)
        except Refusal as refusal:
            return type(refusal)

    outcomes = await asyncio.gather(*(redeemed() for _ in range(5)))
    assert outcomes.count(CodeUsed) == 4
    assert (await shop.wallet(), await shop.pieces("G01")) == (95, 199)
    await by_card(shop, await by_card(shop))
    assert await shop.wallet() == 90
