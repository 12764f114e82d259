"""The public figures: what is outstanding, what stands behind it, and averages that say what they were divided by."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import batching, chart
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.earning import budgets, corrections, figures, organisations, tables, volunteers
from ledger.earning.figures import Programme
from ledger.earning.rules import Cap
from ledger.errors import Refusal, UnknownBook
from tests.earning import served

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
    await posts(database, book, ("2500", f"2100.{second}", 30))  # there is no voucher for it


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
    await served.rules(database, book)
    await served.budget(database, book, 500)
    async with database.begin() as tx:
        now = await connect.now(tx)
        year = day_of(now).year
        await budgets.share(tx, book.book_id, year, "t", 300)
        last = {"by": "user:1", "client": "user:1", "key": "k", "call": "k"}
        await budgets.grant(tx, book.book_id, year - 1, 900, 0, **last)
    await served.serves(database, book, holders[0], "t", 150)
    found = await of(database, book)
    assert (found.year, found.granted, found.issued) == (year, 500, 25)


async def test_an_average_names_who_it_was_divided_by(
    database: AsyncEngine, book: Book, holders: tuple[str, str]
) -> None:
    """Seed S3 printed 6.82 hours a head, of 235,000 registered: it had divided by the few who had hours."""
    first, _second = holders
    await served.rules(database, book, caps=(Cap(15, "day"),))
    await served.budget(database, book, 1000, 100_000)
    async with database.connect() as tx:
        today = day_of(await connect.now(tx))
    new_year = datetime.date(today.year, 1, 1)
    a_day = datetime.timedelta(days=1)
    await served.serves(database, book, first, "t", 90, day=new_year)
    noon = datetime.datetime.combine(new_year, datetime.time(12), BEIJING)
    # Above the day's cap it earns nothing: the hour counts, and makes the average smaller.
    half_past = {"check_in": noon, "check_out": noon + datetime.timedelta(minutes=30)}
    await served.serves(database, book, first, "t", 30, day=new_year, **half_past)
    later = {"check_in": noon + a_day / 24, "check_out": noon + a_day / 12}
    await served.serves(database, book, first, "t", 60, day=new_year, record_class="honour", **later)
    at_six = {"check_in": noon + a_day / 4, "check_out": noon + a_day / 3}
    undone = await served.serves(database, book, first, "t", 120, day=new_year, **at_six)
    async with database.begin() as tx:
        now = await connect.now(tx)
        by = {"by": "user:1", "approver": "user:2", "reason": "entered twice"}
        await corrections.correct(tx, book.book_id, undone.record_id, now=now, **by)
    await served.hands_in(database, book, holders[1], "t", 120, day=new_year)
    await served.serves(database, book, first, "t", 180, day=new_year - a_day)
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
