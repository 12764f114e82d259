"""Balances: now, on a day, of one account and of the whole book."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import balances, statements
from ledger.books.balances import Balance
from ledger.books.directory import Book
from ledger.errors import UnknownAccount
from tests.books.ledgers import NOON, balance_of, balances_of, move, opened, post, proposal, refused, reverse

pytestmark = pytest.mark.books


def noon(day: int) -> datetime:
    """Noon in Beijing on a day of March 2025."""
    return datetime(2025, 3, day, 4, tzinfo=UTC)


def march(day: int) -> date:
    return date(2025, 3, day)


@pytest.fixture
async def wallet(database: AsyncEngine, book: Book) -> Book:
    await opened(database, book, "5100", "2100.a", "2300.x", "9110", "9200.a")
    return book


async def test_a_balance_tells_the_totals_and_the_normal_side(database: AsyncEngine, wallet: Book) -> None:
    await move(database, wallet, "5100 60; 9110 150", "2100.a 60; 9200.a 150")
    await move(database, wallet, "2100.a 48", "2300.x 48")
    async with database.connect() as tx:
        assert await balances.balance(tx, wallet.book_id, "2100.a") == Balance(
            "2100.a", "account 2100.a", "liability", "PT", debits=48, credits=60, balance=12, available=12
        )
        assert await balances.balance(tx, wallet.book_id, "9110") == Balance(
            "9110", "account 9110", "memo_debit", "HR", debits=150, credits=0, balance=150, available=150
        )


async def test_an_account_without_entries_stands_at_zero(database: AsyncEngine, wallet: Book) -> None:
    assert await balance_of(database, wallet, "2100.a") == 0
    assert await balance_of(database, wallet, "2100.a", march(5)) == 0
    assert await balances_of(database, wallet) == {}


@pytest.mark.parametrize("day", [None, march(5)])
async def test_the_balance_of_an_account_that_is_not_there_is_unknown(
    database: AsyncEngine, wallet: Book, day: date | None
) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnknownAccount) as caught:
            await balances.balance(tx, wallet.book_id, "2100.nobody", day)
    assert caught.value.account == "2100.nobody"


async def test_the_balance_on_a_day_holds_what_is_dated_up_to_its_end(database: AsyncEngine, wallet: Book) -> None:
    for day, amount in ((10, 10), (12, 20), (14, 40)):
        await move(database, wallet, f"5100 {amount}", f"2100.a {amount}", effective_at=noon(day))
    on = {day: await balance_of(database, wallet, "2100.a", march(day)) for day in range(9, 16)}
    assert on == {9: 0, 10: 10, 11: 10, 12: 30, 13: 30, 14: 70, 15: 70}
    assert await balance_of(database, wallet, "2100.a") == 70
    assert await balance_of(database, wallet, "2100.a", date.min) == 0
    assert await balance_of(database, wallet, "2100.a", date.max) == 70


async def test_a_day_ends_at_midnight_in_beijing(database: AsyncEngine, wallet: Book) -> None:
    midnight = datetime(2025, 3, 10, 16, tzinfo=UTC)
    await move(database, wallet, "5100 1", "2100.a 1", effective_at=midnight - timedelta(microseconds=1))
    await move(database, wallet, "5100 2", "2100.a 2", effective_at=midnight)
    assert await balance_of(database, wallet, "2100.a", march(10)) == 1
    assert await balance_of(database, wallet, "2100.a", march(11)) == 3


async def test_a_backdated_entry_counts_from_its_day_and_changes_no_other_entry(
    database: AsyncEngine, wallet: Book
) -> None:
    for day, amount in ((10, 10), (20, 20)):
        await move(database, wallet, f"5100 {amount}", f"2100.a {amount}", effective_at=noon(day))
    async with database.connect() as tx:
        before = await statements.entries_of(tx, wallet.book_id, "2100.a", limit=10)

    await move(database, wallet, "5100 5", "2100.a 5", effective_at=noon(15))

    async with database.connect() as tx:
        after = await statements.entries_of(tx, wallet.book_id, "2100.a", limit=10)
    assert after[1:] == before
    assert (after[0].number, after[0].effective_on, after[0].balance_after) == (3, march(15), 35)
    on = {day: await balance_of(database, wallet, "2100.a", march(day)) for day in (9, 10, 14, 15, 19, 20)}
    assert on == {9: 0, 10: 10, 14: 10, 15: 15, 19: 15, 20: 35}


async def test_a_balance_of_a_past_day_may_lie_below_the_floor_that_holds_today(
    database: AsyncEngine, wallet: Book
) -> None:
    await move(database, wallet, "5100 10", "2100.a 10", effective_at=noon(20))
    await move(database, wallet, "2100.a 4", "2300.x 4", effective_at=noon(10))
    assert await balance_of(database, wallet, "2100.a", march(10)) == -4
    assert await balance_of(database, wallet, "2100.a") == 6


async def test_a_reversal_takes_its_original_out_of_the_original_day(database: AsyncEngine, wallet: Book) -> None:
    original = await move(database, wallet, "5100 10", "2100.a 10", effective_at=noon(10))
    await move(database, wallet, "5100 3", "2100.a 3", effective_at=noon(12))
    await post(database, wallet, await reverse(database, wallet, original))
    on = {day: await balance_of(database, wallet, "2100.a", march(day)) for day in (9, 10, 11, 12)}
    assert on == {9: 0, 10: 0, 11: 0, 12: 3}


async def test_a_refused_posting_changes_no_balance(database: AsyncEngine, wallet: Book) -> None:
    await move(database, wallet, "5100 10", "2100.a 10")
    await refused(database, wallet, proposal("k", debit="2100.a 11", credit="2300.x 11"))
    assert await balances_of(database, wallet, "2100.a", "2300.x") == {"2100.a": 10, "2300.x": 0}
    assert await balances_of(database, wallet, "2100.a", "2300.x", at=march(5)) == {"2100.a": 10, "2300.x": 0}


async def test_the_trial_balance_lists_every_account_with_entries_by_code(database: AsyncEngine, wallet: Book) -> None:
    await move(database, wallet, "5100 60", "2100.a 60")
    await move(database, wallet, "2100.a 60", "2300.x 60")
    async with database.connect() as tx:
        found = await balances.trial_balance(tx, wallet.book_id)
    assert [(one.account, one.debits, one.credits, one.balance) for one in found] == [
        ("2100.a", 60, 60, 0),
        ("2300.x", 0, 60, 60),
        ("5100", 60, 0, 60),
    ]


async def test_the_trial_balance_is_zero_in_every_unit_now_and_on_every_day(
    database: AsyncEngine, wallet: Book
) -> None:
    await opened(database, wallet, "1110", "3110")
    await move(database, wallet, "1110 500", "3110 500", effective_at=noon(2))
    await move(database, wallet, "9110 150; 5100 25", "9200.a 150; 2100.a 25", effective_at=noon(4))
    await move(database, wallet, "2100.a 7", "2300.x 7", effective_at=noon(6))
    await move(database, wallet, "9110 30", "9200.a 30", effective_at=noon(3))
    for day in (None, *(march(day) for day in range(1, 8))):
        async with database.connect() as tx:
            found = await balances.trial_balance(tx, wallet.book_id, day)
        for unit in ("PT", "HR", "CNY"):
            assert sum(one.debits - one.credits for one in found if one.unit == unit) == 0


async def test_the_trial_balance_of_a_day_knows_only_what_is_dated_up_to_it(
    database: AsyncEngine, wallet: Book
) -> None:
    await move(database, wallet, "5100 25", "2100.a 25", effective_at=noon(4))
    await move(database, wallet, "2100.a 7", "2300.x 7", effective_at=noon(6))
    assert await balances_of(database, wallet, at=march(3)) == {}
    assert await balances_of(database, wallet, at=march(5)) == {"2100.a": 25, "5100": 25}
    assert await balances_of(database, wallet, at=march(6)) == {"2100.a": 18, "2300.x": 7, "5100": 25}


async def test_balances_of_the_accounts_that_exist_are_answered_by_code(database: AsyncEngine, wallet: Book) -> None:
    await move(database, wallet, "5100 25", "2100.a 25", effective_at=NOON)
    assert list((await balances_of(database, wallet, "5100", "nobody", "2100.a")).items()) == [
        ("2100.a", 25),
        ("5100", 25),
    ]
