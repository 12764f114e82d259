"""Expiry: what has lapsed goes to breakage once, whoever sweeps and however often; and what will lapse soon is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import chart, holds, journal, statements
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from ledger.books.proposals import Line
from ledger.days import day_of
from ledger.earning import expiry, organisations, volunteers
from ledger.earning.expiry import Lapsing
from ledger.earning.volunteers import Volunteer
from ledger.errors import AccountExists, AccountFrozen
from tests.books.ledgers import (
    CLIENT,
    NOON,
    at,
    balance_of,
    balances_of,
    in_turn,
    move,
    new_account,
    opened,
    post,
    proposal,
    refused,
    reverse,
    second_engine,
    until_blocked_by,
)

DAY = timedelta(days=1)
TODAY = day_of(NOON)


@pytest.fixture
async def other(database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Another process of the service."""
    async with second_engine(database) as engine:
        yield engine


@pytest.fixture
async def books(database: AsyncEngine, book: Book) -> Book:
    """A book with an account from which points come and one where they go."""
    await opened(database, book, "5100", "2300.x")
    return book


async def credited(database: AsyncEngine, book: Book, account: str, *lots: tuple[int, date | None]) -> Transaction:
    """Credits an account, opened at first use, with lots of so many points that lapse on a day."""
    with contextlib.suppress(AccountExists):  # a volunteer's, under another name
        await opened(database, book, account)
    points = sum(amount for amount, _ in lots)
    key = f"{account} {lots}"
    wanted = proposal(key, debit=f"5100 {points}", credit="")
    lines = [Line(account, "credit", amount, lapses_on=day) for amount, day in lots]
    return await post(at(database, NOON - DAY), book, wanted._replace(lines=(*wanted.lines, *lines), effective_at=None))


async def expire(database: AsyncEngine, book: Book, days: int = 0) -> int:
    return await expiry.expire(at(database, NOON + days * DAY), book.book_id)


async def kinds_of(database: AsyncEngine, book: Book, code: str) -> list[tuple[str, str, int]]:
    """The entries of an account, the oldest first."""
    async with database.connect() as tx:
        lines = await statements.entries_of(tx, book.book_id, code, limit=200)
    return [(line.kind, line.side, line.amount) for line in reversed(lines)]


# --- what expires ----------------------------------------------------------------------------------------------------


async def test_what_has_lapsed_goes_to_breakage_and_the_rest_stays(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY), (5, TODAY - DAY), (20, TODAY + DAY), (40, None))
    assert await expire(database, books) == 12
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 60, "4100": 12}
    assert (await kinds_of(database, books, "2100.a"))[-1:] == [("earn.expiry", "debit", 12)]
    assert await expire(database, books, days=1) == 20
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 40, "4100": 32}


async def test_a_lot_expires_on_its_day_and_not_on_the_evening_before(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY))
    midnight = NOON - timedelta(hours=12)
    assert await expiry.expire(at(database, midnight - timedelta(microseconds=1)), books.book_id) == 0
    assert await expiry.expire(at(database, midnight), books.book_id) == 7


async def test_where_nothing_has_lapsed_nothing_is_done(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY + DAY), (8, None))
    assert await expire(database, books) == 0
    async with database.connect() as tx:
        assert await chart.find_accounts(tx, books.book_id, ["4100"]) == {}


async def test_wallets_of_every_kind_expire_and_what_is_in_notice_does_not(database: AsyncEngine, books: Book) -> None:
    lapsing = ("2100.a", "2160.b", "2130.h", "2140.o", "2200")
    for place, account in enumerate((*lapsing, "2110.a")):
        await credited(database, books, account, (1 << place, TODAY))
    assert await expire(database, books) == 31
    assert await balances_of(database, books, *lapsing, "2110.a") == {**dict.fromkeys(lapsing, 0), "2110.a": 32}


async def test_what_is_held_expires_when_its_hold_has_run_out_and_its_grace_too(
    database: AsyncEngine, books: Book
) -> None:
    await credited(database, books, "2100.a", (30, TODAY))
    placed = await holds.place(
        at(database, NOON - DAY),
        books.book_id,
        account="2100.a",
        amount=20,
        expires_in=2 * DAY,
        client=CLIENT,
        key="hold",
        call="hold",
        actor="user:1",
    )
    assert not hasattr(placed, "refusal")
    assert await expire(database, books) == 10
    assert await balances_of(database, books, "2100.a", "2120.a") == {"2100.a": 0, "2120.a": 20}
    assert await holds.sweep(at(database, NOON + DAY), books.book_id) == 1
    # What lapsed while it was held can be spent for the days of grace.
    assert await expire(database, books, days=30) == 0
    assert await expire(database, books, days=31) == 20
    assert await balances_of(database, books, "2100.a", "2120.a") == {"2100.a": 0, "2120.a": 0}


async def test_nobody_else_takes_what_has_lapsed_before_it_expires(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY), (5, None))
    await refused(at(database, NOON), books, proposal("spend", debit="2100.a 6", credit="2300.x 6"))
    await move(at(database, NOON), books, "2100.a 5", "2300.x 5")
    assert await expire(database, books) == 7


async def test_an_expiry_that_was_undone_expires_again_after_the_days_of_grace(
    database: AsyncEngine, books: Book
) -> None:
    await credited(database, books, "2100.a", (7, TODAY))
    assert await expire(database, books) == 7
    async with database.connect() as tx:
        [line] = await statements.entries_of(tx, books.book_id, "2100.a", limit=1)
        expired = await journal.read(tx, books.book_id, line.transaction_id)
    await post(at(database, NOON), books, await reverse(at(database, NOON), books, expired))
    assert [await expire(database, books, days) for days in (0, 29, 30, 31)] == [0, 0, 7, 0]


async def test_what_is_given_back_and_lapses_on_the_same_day_expires_on_that_day_too(
    database: AsyncEngine, books: Book
) -> None:
    await credited(database, books, "2100.a", (7, TODAY))
    spent = await post(
        at(database, NOON - DAY),
        books,
        proposal("spend", debit="2100.a 4", credit="2300.x 4")._replace(effective_at=None),
    )
    assert await expire(database, books) == 3
    back = await reverse(at(database, NOON), books, spent)
    await post(at(database, NOON), books, back._replace(grace_days=0))
    assert await expire(database, books) == 4
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 0, "4100": 7}


# --- accounts in another state ---------------------------------------------------------------------------------------


async def test_what_is_frozen_expires_when_it_is_open_again(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY))
    await credited(database, books, "2100.b", (8, TODAY))
    async with database.begin() as tx:
        await chart.set_status(tx, books.book_id, "2100.a", "frozen")
    assert await expire(database, books) == 8
    async with database.begin() as tx:
        await chart.set_status(tx, books.book_id, "2100.a", "open")
    assert await expire(database, books) == 7


async def test_where_breakage_is_frozen_that_is_said_and_nothing_is_lost(database: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY))
    await opened(database, books, "4100")
    async with database.begin() as tx:
        await chart.set_status(tx, books.book_id, "4100", "frozen")
    with pytest.raises(AccountFrozen):
        await expire(database, books)
    async with database.begin() as tx:
        await chart.set_status(tx, books.book_id, "4100", "open")
    assert await expire(database, books) == 7


@pytest.mark.usefixtures("swedish")
async def test_an_account_that_only_has_the_code_of_breakage_is_not_taken_for_it(
    database: AsyncEngine, books: Book
) -> None:
    await opened(database, books, "4100 income SEK")
    await credited(database, books, "2100.a", (7, TODAY))
    with pytest.raises(AccountExists):
        await expire(database, books)


# --- races and restarts ----------------------------------------------------------------------------------------------


async def test_two_who_expire_at_once_post_once(database: AsyncEngine, other: AsyncEngine, books: Book) -> None:
    await credited(database, books, "2100.a", (7, TODAY), (5, None))
    posted = await in_turn(database, books, "2100.a", expire(database, books), expire(other, books))
    assert sorted(posted) == [0, 7]
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 5, "4100": 7}


async def test_one_who_expires_yesterday_and_one_who_does_today_take_each_lot_once(
    database: AsyncEngine, other: AsyncEngine, books: Book
) -> None:
    """Around midnight two look at the same account and see different lots of it as lapsed."""
    await credited(database, books, "2100.a", (7, TODAY), (5, TODAY + DAY), (20, None))
    posted = await in_turn(database, books, "2100.a", expire(database, books), expire(other, books, days=1))
    assert sum(posted) + await expire(database, books, days=1) == 12
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 20, "4100": 12}


async def test_what_was_taken_back_in_between_does_not_expire_too(
    database: AsyncEngine, other: AsyncEngine, books: Book
) -> None:
    """A reversal takes its own points although they have lapsed; the expiry that waits behind it finds them gone."""
    earned = await credited(database, books, "2100.a", (7, TODAY))
    back = await reverse(database, books, earned)
    _, expired = await in_turn(database, books, "2100.a", post(at(database, NOON), books, back), expire(other, books))
    assert expired == 0
    assert await balances_of(database, books, "2100.a", "4100") == {"2100.a": 0, "4100": 0}


async def test_an_expiry_that_is_interrupted_goes_on_where_it_was(database: AsyncEngine, books: Book) -> None:
    """More accounts than one batch has; the last of them is locked by somebody else when it is told to stop."""
    codes = [f"2100.{number:04}" for number in range(1, 1202)]
    async with database.begin() as tx:
        await chart.open_accounts(tx, books.book_id, [new_account(code) for code in codes])
    for start in range(0, len(codes), 300):
        some = codes[start : start + 300]
        wanted = proposal(f"{start}", debit=f"5100 {2 * len(some)}", credit="")
        lines = [Line(code, "credit", 2, lapses_on=TODAY) for code in some]
        await post(database, books, wanted._replace(lines=(*wanted.lines, *lines)))
    async with database.begin() as holder:
        await chart.set_status(holder, books.book_id, codes[-1], "open")
        expiring = asyncio.create_task(expire(database, books))
        await until_blocked_by(database, holder)
        expiring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await expiring
    before = await balance_of(database, books, "4100")
    assert before >= 1000
    assert await expire(database, books) <= 2 * len(codes) - before
    assert await balance_of(database, books, "4100") == 2 * len(codes)
    assert set((await balances_of(database, books, *codes)).values()) == {0}


# --- what lapses soon ------------------------------------------------------------------------------------------------


async def registered(database: AsyncEngine, book: Book, number: str, organisation: str | None = None) -> Volunteer:
    async with database.begin() as tx:
        return await volunteers.register(tx, book.book_id, number, organisation)


async def lapsing_of(database: AsyncEngine, book: Book, her: Volunteer) -> list[tuple[date, int]]:
    async with at(database, NOON).connect() as tx:
        return [(each.lapses_on, each.amount) for each in await expiry.lapsing_of(tx, book.book_id, her.holder)]


async def test_a_volunteer_is_told_what_lapses_within_thirty_days_by_day(database: AsyncEngine, books: Book) -> None:
    her, another = await registered(database, books, "V-1"), await registered(database, books, "V-2")
    days = [TODAY + n * DAY for n in (30, 1, 31, 1, 0)]
    await credited(database, books, her.account("2100"), *[(1 << place, day) for place, day in enumerate(days)])
    await credited(database, books, her.account("2100"), (500, None))
    await credited(database, books, another.account("2100"), (700, TODAY + DAY))
    assert await lapsing_of(database, books, her) == [(TODAY + DAY, 10), (TODAY + 30 * DAY, 1)]


async def test_what_she_has_spent_no_longer_lapses(database: AsyncEngine, books: Book) -> None:
    her = await registered(database, books, "V-1")
    wallet = her.account("2100")
    await credited(database, books, wallet, (10, TODAY + DAY), (20, TODAY + 2 * DAY))
    await move(at(database, NOON), books, f"{wallet} 15", "2300.x 15")
    assert await lapsing_of(database, books, her) == [(TODAY + 2 * DAY, 15)]


async def test_the_list_is_by_day_and_account_and_goes_on_where_a_page_ended(
    database: AsyncEngine, books: Book
) -> None:
    her = await registered(database, books, "V-1")
    wallet = her.account("2100")
    await credited(database, books, "2130.h", (1, TODAY + 3 * DAY), (2, TODAY + DAY))
    await credited(database, books, wallet, (4, TODAY + DAY), (8, TODAY + 31 * DAY))
    await credited(database, books, "2200", (16, TODAY + DAY))
    await credited(database, books, "2120.b", (32, TODAY + DAY))
    everything = sorted(
        [
            Lapsing("2130.h", None, TODAY + DAY, 2),
            Lapsing(wallet, "V-1", TODAY + DAY, 4),
            Lapsing("2200", None, TODAY + DAY, 16),
            Lapsing("2130.h", None, TODAY + 3 * DAY, 1),
        ],
        key=lambda each: (each.lapses_on, each.account),
    )
    async with at(database, NOON).connect() as tx:
        assert await expiry.lapsing(tx, books.book_id) == everything
        paged: list[Lapsing] = []
        while page := await expiry.lapsing(
            tx, books.book_id, limit=2, after=(paged[-1].lapses_on, paged[-1].account) if paged else None
        ):
            assert len(page) <= 2
            paged += page
        assert paged == everything
        assert [each.amount for each in await expiry.lapsing(tx, books.book_id, 2)] == [
            each.amount for each in everything[:3]
        ]


async def test_an_organisation_sees_what_lapses_of_its_own_and_of_those_below_it(
    database: AsyncEngine, books: Book
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, books.book_id, "district", "区")
        await organisations.add(tx, books.book_id, "lane", "里弄", "district")
        await organisations.add(tx, books.book_id, "other", "别处")
    hers = [await registered(database, books, f"V-{of}", of) for of in ("district", "lane", "other")]
    for place, her in enumerate([*hers, await registered(database, books, "V-none")]):
        await credited(database, books, her.account("2100"), (1 << place, TODAY + DAY))
    await credited(database, books, "2140.lane", (16, TODAY + DAY))
    await credited(database, books, "2200", (32, TODAY + DAY))
    async with at(database, NOON).connect() as tx:

        async def seen(*of: str) -> int:
            return sum(each.amount for each in await expiry.lapsing(tx, books.book_id, of=of))

        assert await seen("district") == 1 + 2 + 16
        assert await seen("lane") == 2 + 16
        assert await seen("other") == 4
        assert await seen("lane", "other") == 2 + 16 + 4
        assert await seen() == 0
        assert sum(each.amount for each in await expiry.lapsing(tx, books.book_id)) == 63


async def test_who_was_forgotten_is_in_the_list_without_her_number(database: AsyncEngine, books: Book) -> None:
    her = await registered(database, books, "V-1")
    await credited(database, books, her.account("2100"), (4, TODAY + DAY))
    async with database.begin() as tx:
        await volunteers.forget(tx, books.book_id, "V-1", "user:1")
    async with at(database, NOON).connect() as tx:
        assert await expiry.lapsing(tx, books.book_id) == [Lapsing(her.account("2100"), None, TODAY + DAY, 4)]
