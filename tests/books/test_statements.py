"""Statements: the entries of an account page by page, and a passbook by years of booking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import statements
from ledger.books.directory import Book
from ledger.books.statements import StatementLine
from ledger.errors import UnknownAccount
from tests.books.ledgers import NOON, at, move, opened, post, reverse

pytestmark = pytest.mark.books


@pytest.fixture
async def wallet(database: AsyncEngine, book: Book) -> Book:
    await opened(database, book, "5100", "2100.a", "2100.b")
    return book


async def page(database: AsyncEngine, book: Book, limit: int, after: int | None = None) -> list[StatementLine]:
    async with database.connect() as tx:
        return await statements.entries_of(tx, book.book_id, "2100.a", limit=limit, after=after)


async def passbook(database: AsyncEngine, book: Book, year: int) -> list[StatementLine]:
    async with database.connect() as tx:
        return await statements.passbook(tx, book.book_id, "2100.a", year)


async def years(database: AsyncEngine, book: Book) -> list[int]:
    async with database.connect() as tx:
        return await statements.passbook_years(tx, book.book_id, "2100.a")


async def test_a_line_tells_the_entry_and_its_transaction(database: AsyncEngine, wallet: Book) -> None:
    earned = await move(database, wallet, "5100 25", "2100.a 25", kind="reward", description="社区清洁")
    undone = await post(database, wallet, await reverse(database, wallet, earned, reason="误录"))
    newest, oldest = await page(database, wallet, 10)
    assert oldest == StatementLine(
        number=1,
        transaction_id=earned.transaction_id,
        kind="reward",
        description="社区清洁",
        effective_on=date(2025, 3, 5),
        recorded_at=earned.recorded_at,
        side="credit",
        amount=25,
        balance_after=25,
        correction=None,
        corrects=None,
    )
    assert newest == StatementLine(
        number=2,
        transaction_id=undone.transaction_id,
        kind="reversal",
        description="误录",
        effective_on=date(2025, 3, 5),
        recorded_at=undone.recorded_at,
        side="debit",
        amount=25,
        balance_after=0,
        correction="reversal",
        corrects=earned.transaction_id,
    )


async def test_pages_run_from_the_newest_to_the_first_without_overlap_or_gap(
    database: AsyncEngine, wallet: Book
) -> None:
    for amount in range(1, 12):
        await move(database, wallet, f"5100 {amount}", f"2100.a {amount}")
    numbers: list[int] = []
    after = None
    for _ in range(3):
        lines = await page(database, wallet, 4, after)
        numbers += [line.number for line in lines]
        after = lines[-1].number
    assert await page(database, wallet, 4, after) == []
    assert numbers == list(range(11, 0, -1))


async def test_entries_that_arrive_while_somebody_reads_do_not_shift_his_pages(
    database: AsyncEngine, wallet: Book
) -> None:
    for _ in range(6):
        await move(database, wallet, "5100 1", "2100.a 1")
    numbers: list[int] = []
    after = None
    for _ in range(3):
        lines = await page(database, wallet, 2, after)
        numbers += [line.number for line in lines]
        after = lines[-1].number
        await move(database, wallet, "5100 1", "2100.a 1", effective_at=NOON - timedelta(days=len(numbers)))
    assert numbers == [6, 5, 4, 3, 2, 1]
    assert [line.number for line in await page(database, wallet, 3)] == [9, 8, 7]


async def test_an_account_on_several_lines_of_a_transaction_has_several_entries(
    database: AsyncEngine, wallet: Book
) -> None:
    posted = await move(database, wallet, "5100 25", "2100.a 20; 2100.a 5")
    lines = await page(database, wallet, 10)
    assert [(line.number, line.amount, line.balance_after) for line in lines] == [(2, 5, 25), (1, 20, 20)]
    assert {line.transaction_id for line in lines} == {posted.transaction_id}


async def test_a_statement_shows_nothing_of_other_accounts_and_books(database: AsyncEngine, wallet: Book) -> None:
    await move(database, wallet, "5100 1", "2100.b 1")
    assert await page(database, wallet, 10) == []


async def test_the_statement_of_an_account_that_is_not_there_is_unknown(database: AsyncEngine, wallet: Book) -> None:
    async with database.connect() as tx:
        for read in (
            statements.entries_of(tx, wallet.book_id, "2100.nobody", limit=1),
            statements.passbook(tx, wallet.book_id, "2100.nobody", 2025),
            statements.passbook_years(tx, wallet.book_id, "2100.nobody"),
        ):
            with pytest.raises(UnknownAccount):
                await read


async def test_a_passbook_goes_by_the_year_of_booking_in_booking_order(database: AsyncEngine, wallet: Book) -> None:
    # The last instant of 2023 in Beijing, the first of 2024, and a day in 2026.
    new_year = datetime(2023, 12, 31, 16, tzinfo=UTC)
    booked = [
        (new_year - timedelta(microseconds=1), 1, date(2023, 12, 31)),
        (new_year, 2, date(2023, 11, 30)),
        (new_year + timedelta(days=200), 3, date(2024, 5, 1)),
        (new_year + timedelta(days=201), 4, date(2022, 5, 1)),
        (datetime(2026, 1, 5, tzinfo=UTC), 5, date(2025, 12, 30)),
    ]
    for moment, amount, day in booked:
        effective_at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        await move(at(database, moment), wallet, f"5100 {amount}", f"2100.a {amount}", effective_at=effective_at)

    assert await years(database, wallet) == [2026, 2025, 2024, 2023]
    amounts = {year: [line.amount for line in await passbook(database, wallet, year)] for year in range(2022, 2028)}
    assert amounts == {2022: [], 2023: [1], 2024: [2, 3, 4], 2025: [], 2026: [5], 2027: []}
    lines = await passbook(database, wallet, 2024)
    assert [line.number for line in lines] == [2, 3, 4]
    assert [line.balance_after for line in lines] == [3, 6, 10]
    assert [line.effective_on for line in lines] == [date(2023, 11, 30), date(2024, 5, 1), date(2022, 5, 1)]


async def test_an_empty_passbook_has_no_years(database: AsyncEngine, wallet: Book) -> None:
    assert await years(database, wallet) == []
    assert await passbook(database, wallet, 2025) == []


@pytest.mark.parametrize("year", [1, 1900, 9998, 9999])
async def test_a_year_in_which_nothing_can_have_been_booked_is_empty(
    database: AsyncEngine, wallet: Book, year: int
) -> None:
    await move(database, wallet, "5100 1", "2100.a 1")
    assert await passbook(database, wallet, year) == []
