"""Closing and reopening a month while it is posted to: what is in the month is in it before it closes, or never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import journal, periods
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome
from ledger.books.proposals import Proposal
from ledger.errors import PeriodClosed, PeriodOutOfOrder, SuspenseNotZero
from tests.books.ledgers import (
    NOON,
    balances_of,
    move,
    opened,
    proposal,
    reason,
    refusal_of,
    reverse,
    second_engine,
    submit,
    transaction_of,
    until_blocked_by,
    until_waiting,
    was_posted,
)

pytestmark = pytest.mark.books

MARCH, LAST_OF_MARCH = "2025-03", date(2025, 3, 31)
"""The month of `NOON`, when postings are dated unless another time is said."""


@pytest.fixture
async def other(database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Another process of the service."""
    async with second_engine(database) as engine:
        yield engine


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> Book:
    await opened(database, book, "5100", "2100.a", "9110", "9200.a", "1900.PT")
    return book


async def close(database: AsyncEngine, book: Book, period: str = MARCH) -> date:
    async with database.begin() as tx:
        return await periods.close(tx, book.book_id, period, actor="user:1")


async def one(database: AsyncEngine, book: Book, wanted: Proposal) -> Outcome:
    return (await submit(database, book, wanted))[0]


def credit(key: str) -> Proposal:
    return proposal(key, debit="5100 5", credit="2100.a 5")


CLOSED = reason(PeriodClosed(NOON.date(), LAST_OF_MARCH))


async def test_closing_waits_for_the_posting_under_way_and_later_ones_wait_for_the_closing(
    database: AsyncEngine, other: AsyncEngine, district: Book
) -> None:
    async with database.begin() as tx:
        [under_way] = await journal.post(tx, district.book_id, [credit("under way")])
        closing = asyncio.create_task(close(other, district))
        await until_blocked_by(database, tx)
        later = asyncio.create_task(one(database, district, credit("later")))
        await until_waiting(database, 2)
        assert not closing.done()
    assert was_posted(under_way)
    assert await closing == LAST_OF_MARCH
    assert reason(refusal_of(await later)) == CLOSED
    assert await balances_of(database, district, "2100.a") == {"2100.a": 5}


async def test_closing_sees_what_the_posting_under_way_leaves_in_suspense(
    database: AsyncEngine, other: AsyncEngine, district: Book
) -> None:
    async with database.begin() as tx:
        await journal.post(tx, district.book_id, [proposal("unclear", debit="1900.PT 5", credit="2100.a 5")])
        closing = asyncio.create_task(close(other, district))
        await until_blocked_by(database, tx)
    with pytest.raises(SuspenseNotZero) as refused:
        await closing
    assert reason(refused.value) == reason(SuspenseNotZero("1900.PT", 5))


@pytest.mark.parametrize("closed", [True, False], ids=["is closed", "is not closed after all"])
async def test_postings_that_begin_while_a_month_is_being_closed_see_whether_it(
    database: AsyncEngine, other: AsyncEngine, district: Book, closed: bool
) -> None:
    async with database.connect() as tx, tx.begin() as closing:
        await periods.close(tx, district.book_id, MARCH, actor="user:1")
        in_march = asyncio.create_task(one(database, district, credit("in March")))
        hours = asyncio.create_task(one(other, district, proposal("hours", debit="9110 60", credit="9200.a 60")))
        await until_waiting(database, 2)
        if not closed:
            await closing.rollback()
    assert was_posted(await hours)
    if closed:
        assert reason(refusal_of(await in_march)) == CLOSED
    else:
        assert was_posted(await in_march)
    in_april = proposal("in April", debit="5100 1", credit="2100.a 1", effective_at=NOON + timedelta(days=30))
    assert was_posted(await one(database, district, in_april))


async def test_a_reversal_that_begins_while_its_month_is_being_closed_is_dated_today(
    database: AsyncEngine, district: Book
) -> None:
    original = await move(database, district, "5100 5", "2100.a 5")
    back = await reverse(database, district, original)
    async with database.begin() as tx:
        await periods.close(tx, district.book_id, MARCH, actor="user:1")
        reversing = asyncio.create_task(one(database, district, back))
        await until_blocked_by(database, tx)
    reversed_ = transaction_of(await reversing)
    assert reversed_.effective_at == reversed_.recorded_at


@pytest.mark.parametrize("reopened", [True, False], ids=["is open again", "stays closed after all"])
async def test_a_posting_that_begins_while_a_month_is_being_reopened_sees_whether_it(
    database: AsyncEngine, district: Book, reopened: bool
) -> None:
    await close(database, district)
    async with database.connect() as tx, tx.begin() as reopening:
        await periods.reopen(tx, district.book_id, MARCH, actor="user:1")
        posting = asyncio.create_task(one(database, district, credit("in March")))
        await until_blocked_by(database, tx)
        if not reopened:
            await reopening.rollback()
    if reopened:
        assert was_posted(await posting)
    else:
        assert reason(refusal_of(await posting)) == CLOSED


async def test_reopening_waits_for_the_posting_under_way(
    database: AsyncEngine, other: AsyncEngine, district: Book
) -> None:
    await close(database, district)

    async def reopen() -> date | None:
        async with other.begin() as tx:
            return await periods.reopen(tx, district.book_id, MARCH, actor="user:1")

    async with database.begin() as tx:
        [under_way] = await journal.post(tx, district.book_id, [credit("under way")])
        reopening = asyncio.create_task(reopen())
        await until_blocked_by(database, tx)
    assert reason(refusal_of(under_way)) == CLOSED
    assert await reopening is None
    assert was_posted(await one(database, district, credit("later")))


async def test_a_month_that_is_closed_twice_at_once_is_closed_once(
    database: AsyncEngine, other: AsyncEngine, district: Book
) -> None:
    async with database.begin() as tx:
        await periods.close(tx, district.book_id, MARCH, actor="user:1")
        again = asyncio.create_task(close(other, district))
        await until_blocked_by(database, tx)
    with pytest.raises(PeriodOutOfOrder) as refused:
        await again
    assert reason(refused.value) == reason(PeriodOutOfOrder(MARCH, "2025-04"))
