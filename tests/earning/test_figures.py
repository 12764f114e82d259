"""The public figures: what is outstanding, what stands behind it, and averages that say what they were divided by."""

from __future__ import annotations

import datetime
from uuid import uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import batching, chart
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import figures, organisations, tables, volunteers
from ledger.earning.figures import Programme
from ledger.earning.tables import budgets
from ledger.errors import Refusal, UnknownBook
from tests.earning.rows import a_record

OPENED = (
    NewAccount("1100", "兑付准备", "asset", "PT"),
    NewAccount("1110", "资金", "asset", "CNY"),
    NewAccount("3100", "额度", "equity", "PT"),
    NewAccount("3110", "本金", "equity", "CNY"),
    NewAccount("3200", "捐赠", "equity", "PT"),
    NewAccount("1200.x", "库存", "asset", "PT"),
    NewAccount("2300.x", "应付", "liability", "PT"),
    NewAccount("2200", "公益池", "liability", "PT"),
    NewAccount("2500", "免单券", "liability", "PT"),
    NewAccount("4100", "过期", "income", "PT"),
    NewAccount("5100.t", "奖励", "expense", "PT"),
    NewAccount("9110.t", "服务", "memo_debit", "HR"),
    NewAccount("9110.old", "老账", "liability", "PT"),
)


async def posts(database: AsyncEngine, book: Book, *pairs: tuple[str, str, int]) -> None:
    proposals = [
        Proposal("token:test", key := f"{debit}/{credit}/{amount}", key, "test", None, lines, "user:1")
        for debit, credit, amount in pairs
        for lines in ((Line(debit, "debit", amount), Line(credit, "credit", amount)),)
    ]
    for outcome in await batching.submit(database, book.book_id, proposals):
        assert isinstance(outcome, Posted), outcome


async def of(database: AsyncEngine, book: Book) -> Programme:
    async with database.connect() as tx:
        return await figures.programme(tx, book.code)


@pytest.fixture
async def holders(database: AsyncEngine, book: Book) -> tuple[str, str]:
    """A team and two volunteers."""
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "t", "Team")
        for opened in await chart.open_accounts(tx, book.book_id, OPENED):
            assert not isinstance(opened, Refusal), opened
        return (
            (await volunteers.register(tx, book.book_id, "V-1", "t")).holder,
            (await volunteers.register(tx, book.book_id, "V-2", "t")).holder,
        )


async def test_an_empty_book_owes_nothing_and_divides_by_nobody(database: AsyncEngine, book: Book) -> None:
    found = await of(database, book)
    assert (found.code, found.name) == (book.code, book.name)
    assert (found.outstanding, found.fund_points, found.fund_fen, found.issued, found.granted) == (0, 0, 0, 0, None)
    assert (found.backing_percent, found.points_per_100_hours, found.fen_per_hour) == (None, None, None)
    assert (found.minutes_per_registered, found.minutes_per_active) == (None, None)


async def test_a_book_that_is_not_there_has_no_figures(database: AsyncEngine) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnknownBook):
            await figures.programme(tx, "no-such-book")


async def test_outstanding_is_what_can_still_be_spent_wherever_it_lies(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    first, second = holders
    await posts(
        database,
        book,
        ("1100", "3100", 1000),
        ("1110", "3110", 100_000),
        ("1200.x", "3200", 60),
        ("5100.t", f"2110.{first}", 100),
        (f"2110.{first}", f"2100.{first}", 70),
        ("5100.t", f"2100.{second}", 50),
        (f"2100.{second}", "2200", 8),
        (f"2100.{second}", "2500", 30),
        (f"2100.{first}", "2300.x", 20),
        (f"2100.{first}", "4100", 3),
        ("9110.t", f"9200.{first}", 600),
        ("9110.t", f"9210.{second}", 45),
    )
    found = await of(database, book)
    assert (found.outstanding, found.in_notice) == (100 + 50 - 20 - 3, 30)
    assert (found.fund_points, found.fund_fen, found.stock_points, found.owed_to_shops) == (1000, 100_000, 60, 20)
    assert found.backing_percent == (1000 + 60 - 20) * 100 // 127
    assert (found.issued, found.granted, found.expired) == (150, None, 3)
    assert (found.credit_minutes, found.honour_minutes) == (600, 45)
    assert (found.registered, found.served) == (2, 1)


async def test_accounts_that_only_look_like_the_charts_do_not_count(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    async with database.begin() as tx:
        await chart.open_accounts(tx, book.book_id, [NewAccount("2100.plain", "税", "asset", "PT")])
    await posts(database, book, ("2100.plain", "9110.old", 500))
    assert (await of(database, book)).outstanding == 0


async def test_issued_stands_against_this_years_budget_of_the_whole_book(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    async with database.begin() as tx:
        year = day_of(await connect.now(tx)).year
        for of_year, organisation, granted, issued in (
            *((year, "", 500, 120), (year, "t", 300, 120)),
            (year - 1, "", 900, 900),
        ):
            await tx.execute(
                insert(budgets).values(
                    book_id=book.book_id, year=of_year, organisation=organisation, granted=granted, issued=issued
                )
            )
    found = await of(database, book)
    assert (found.year, found.granted, found.issued) == (year, 500, 120)


async def test_an_average_names_who_it_was_divided_by(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    """Seed S3 printed 6.82 hours a head, of 235,000 registered: it had divided by the few who had hours."""
    first, _second = holders
    await posts(database, book, ("1100", "3100", 1000), ("1110", "3110", 100_000))
    done = {"hours_transaction": uuid4(), "rule_set": 1, "bonus": 0}
    async with database.begin() as tx:
        today = day_of(await connect.now(tx))
        this_year = datetime.date(today.year, 1, 1)
        for minutes, other in (
            (90, {"state": "credited", "points": 15, "served_on": this_year, **done}),
            # Above the day's cap it earned nothing: the hour counts, and makes the average smaller.
            (30, {"state": "in_notice", "points": 0, "served_on": today, **done}),
            (60, {"state": "credited", "points": 0, "record_class": "honour", "served_on": this_year, **done}),
            (240, {"state": "corrected", "points": 40, "served_on": this_year, **done}),
            (120, {"state": "submitted", "served_on": this_year}),
            (180, {"state": "credited", "points": 30, "served_on": this_year - datetime.timedelta(days=1), **done}),
        ):
            # Each on a morning of its own.
            await a_record(
                tx,
                book.book_id,
                first,
                "t",
                minutes,
                check_in=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=minutes),
                check_out=datetime.datetime(2020, 1, 1, 4, tzinfo=datetime.UTC) + datetime.timedelta(days=minutes),
                **other,
            )
    found = await of(database, book)
    assert (found.registered, found.active, found.year_minutes) == (2, 1, 180)
    assert (found.minutes_per_registered, found.minutes_per_active) == (90, 180)
    assert (found.rated_minutes, found.rated_points) == (120, 15)
    assert found.points_per_100_hours == 750
    assert found.fen_per_hour == 750, "7.5 points at one yuan each"


async def test_who_has_left_is_no_longer_registered(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    async with database.begin() as tx:
        table = tables.volunteers
        today = day_of(await connect.now(tx))
        await tx.execute(
            update(table).where(table.c.book_id == book.book_id, table.c.volunteer_no == "V-2").values(left_on=today)
        )
    assert (await of(database, book)).registered == 1
