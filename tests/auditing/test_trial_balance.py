"""The trial balance: of every day, as known at every instant, in groups and account by account."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import trial_balance
from ledger.auditing.trial_balance import Group, Sum, When
from ledger.books import balances
from ledger.books.directory import Book
from ledger.database import connect
from ledger.errors import InvalidField
from tests.books.ledgers import move, opened
from tests.conftest import Server

DAY = timedelta(days=1)


def noon(day: int) -> datetime:
    """Noon in Beijing on a day of March 2025."""
    return datetime(2025, 3, day, 4, tzinfo=UTC)


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Book:
    await opened(database, book, "5100.street", "2100.a", "2100.b", "2300.x", "9110.street", "9200.a", "cash asset CNY")
    await opened(database, book, "bank asset CNY", "4100")
    await move(database, book, "5100.street 60; 9110.street 150", "2100.a 60; 9200.a 150", effective_at=noon(3))
    await move(database, book, "2100.a 48", "2300.x 48", effective_at=noon(5))
    await move(database, book, "5100.street 7", "2100.b 7", effective_at=noon(5))
    await move(database, book, "cash 1000", "bank 1000", effective_at=noon(6))
    return book


async def test_the_debits_of_every_unit_equal_its_credits(database: AsyncEngine, programme: Book) -> None:
    async with database.connect() as tx:
        found = await trial_balance.units_of(tx, programme.book_id, When())
    assert [(each.unit, each.scale, each.sum, each.sum.difference) for each in found] == [
        ("CNY", 2, Sum(1000, 1000, 2), 0),
        ("HR", 0, Sum(150, 150, 2), 0),
        ("PT", 0, Sum(115, 115, 4), 0),
    ]
    points = found[2]
    assert [(of.account_class, of.sum, of.balance) for of in points.classes] == [
        ("liability", Sum(48, 115, 3), 67),
        ("expense", Sum(67, 0, 1), 67),
    ]


async def test_it_is_the_same_from_the_accounts_the_days_and_the_entries(
    database: AsyncEngine, programme: Book
) -> None:
    async with database.connect() as tx:
        now = await connect.now(tx)
        later = connect.to(database.url.render_as_string(hide_password=False), clock=lambda time: time + DAY)
    async with later.connect() as tx:  # what was recorded a moment ago has settled
        from_accounts = await trial_balance.groups(tx, programme.book_id, When())
        from_days = await trial_balance.groups(tx, programme.book_id, When(at=(now - DAY).date()))
        from_entries = await trial_balance.groups(tx, programme.book_id, When(known_at=now + DAY / 2))
        whole = {each.account: (each.debits, each.credits) for each in await balances.trial_balance(tx, 0)}
    await later.dispose()
    assert from_accounts == from_days == from_entries
    assert whole == {}
    assert [each.code for each in from_accounts.items] == ["2100", "2300", "5100", "9110", "9200", "bank", "cash"]


async def test_at_a_day_only_what_is_dated_until_then_counts(database: AsyncEngine, programme: Book) -> None:
    async with database.connect() as tx:
        third = await trial_balance.units_of(tx, programme.book_id, When(at=date(2025, 3, 3)))
        before = await trial_balance.units_of(tx, programme.book_id, When(at=date(2025, 3, 2)))
        fifth = await trial_balance.groups(tx, programme.book_id, When(at=date(2025, 3, 5)))
    assert [(each.unit, each.sum) for each in third] == [("HR", Sum(150, 150, 2)), ("PT", Sum(60, 60, 2))]
    assert before == []
    assert fifth.items[:2] == [
        Group("2100", "PT", "liability", "wallet", None, Sum(48, 67, 2)),
        Group("2300", "PT", "liability", "merchant_payable", "account 2300.x", Sum(0, 48, 1)),
    ]


async def test_as_known_at_an_instant_what_was_recorded_later_is_not_there(database: AsyncEngine, book: Book) -> None:
    url = database.url.render_as_string(hide_password=False)
    yesterday = connect.to(url, clock=lambda time: time - DAY)
    await opened(database, book, "5100", "2100.a")
    await move(yesterday, book, "5100 5", "2100.a 5")
    await yesterday.dispose()
    await move(database, book, "5100 7", "2100.a 7")  # dated in March 2025 like the first, and recorded now
    async with database.connect() as tx:
        known_at = await connect.now(tx) - DAY / 2
        for at in (None, date(2025, 3, 5)):
            [points] = await trial_balance.units_of(tx, book.book_id, When(at, known_at))
            assert points.sum == Sum(5, 5, 2)
        assert await trial_balance.units_of(tx, book.book_id, When(date(2025, 3, 4), known_at)) == []
        with pytest.raises(InvalidField) as caught:
            await trial_balance.units_of(tx, book.book_id, When(known_at=await connect.now(tx)))
        assert (caught.value.field, caught.value.problem) == ("known_at", "too_recent")


async def test_groups_and_their_accounts_come_page_by_page(database: AsyncEngine, programme: Book) -> None:
    async with database.connect() as tx:
        whole = await trial_balance.groups(tx, programme.book_id, When())
        found, after = [], None
        while True:
            page = await trial_balance.groups(tx, programme.book_id, When(), after=after, limit=2)
            found += page.items
            if (after := page.next) is None:
                break
        assert found == whole.items
        assert whole.next is None
        wallets = await trial_balance.accounts_of(tx, programme.book_id, "2100", When(), limit=1)
        assert wallets.items == [Group("2100.a", "PT", "liability", "wallet", "account 2100.a", Sum(48, 60, 1))]
        rest = await trial_balance.accounts_of(tx, programme.book_id, "2100", When(), after=wallets.next)
        assert [(each.code, each.balance) for each in rest.items] == [("2100.b", 7)]
        early = await trial_balance.accounts_of(tx, programme.book_id, "2100", When(at=date(2025, 3, 3)))
        assert [(each.code, each.balance) for each in early.items] == [("2100.a", 60)]


async def test_a_group_is_no_other_whose_code_begins_alike(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "21 asset PT", "21.a asset PT", "21-b asset PT", "210 asset PT", "21.a.b asset PT")
    for code in ("21", "21.a", "21-b", "21.a.b"):
        await move(database, book, f"{code} 1", "210 1")
    async with database.connect() as tx:
        found = await trial_balance.accounts_of(tx, book.book_id, "21", When())
        assert [each.code for each in found.items] == ["21", "21.a", "21.a.b"]
        groups = await trial_balance.groups(tx, book.book_id, When())
    assert [(each.code, each.sum.accounts) for each in groups.items] == [("21", 3), ("21-b", 1), ("210", 1)]


@pytest.mark.parametrize(
    ("group", "after", "field"), [("2100.a", None, "group"), ("", None, "group"), ("1", "é", "after")]
)
async def test_a_page_of_nothing_is_refused(
    database: AsyncEngine, book: Book, group: str, after: str | None, field: str
) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as caught:
            await trial_balance.accounts_of(tx, book.book_id, group, When(), after=after)
        assert caught.value.field == field
        with pytest.raises(InvalidField):
            await trial_balance.groups(tx, book.book_id, When(), after="2100:PT")


async def test_what_somebody_has_changed_in_the_database_is_seen_in_the_difference(
    server: Server, database: AsyncEngine, programme: Book
) -> None:
    """By a superuser who has switched the guards off; undone with the transaction."""
    admin = server.admin.set(database=database.url.database).render_as_string(hide_password=False)
    superuser = connect.to(admin, connections=1)
    async with superuser.connect() as tx:
        await tx.execute(text("ALTER TABLE accounts DISABLE TRIGGER ALL"))
        more = text("UPDATE accounts SET debits = debits + 3 WHERE book_id = :book AND code = 'cash'")
        await tx.execute(more, {"book": programme.book_id})
        differences = {
            each.unit: each.sum.difference for each in await trial_balance.units_of(tx, programme.book_id, When())
        }
    await superuser.dispose()
    assert differences == {"CNY": 3, "HR": 0, "PT": 0}
