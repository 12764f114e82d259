"""What is on record against somebody: put once, lifted once, and what it does to a star."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import hours, organisations, volunteers
from ledger.errors import AlreadyDecided, InvalidField, UnknownMark
from ledger.recognition import marks, stars
from ledger.recognition.ladder import NATIONAL, months_after
from ledger.recognition.marks import Mark
from tests.conftest import new_book

NOW: Final = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY: Final = day_of(NOW)


async def put(database: AsyncEngine, book: Book, holder: str, on: date = TODAY, why: str = "absence") -> Mark:
    async with database.begin() as tx:
        return await marks.put(tx, book.book_id, holder, on, why, by="user:1", now=NOW)


async def lift(database: AsyncEngine, book: Book, mark: Mark, by: str = "user:2") -> Mark:
    async with database.begin() as tx:
        return await marks.lift(tx, book.book_id, mark.mark_id, by=by, now=NOW)


async def test_what_is_put_on_record_stands_there_until_it_is_lifted(database: AsyncEngine, book: Book) -> None:
    first = await put(database, book, "h1", date(2025, 5, 1))
    second = await put(database, book, "h1", why="forged_record")
    await put(database, book, "h2")
    lifted = await lift(database, book, first)
    assert (lifted.lifted_by, lifted.lifted_at) == ("user:2", NOW)
    async with database.connect() as tx:
        assert await marks.of_holder(tx, book.book_id, "h1") == [second, lifted]
        assert await marks.of_holder(tx, (await new_book(database)).book_id, "h1") == []
    with pytest.raises(AlreadyDecided):
        await lift(database, book, first)
    again = await put(database, book, "h1", date(2025, 5, 1))
    assert again.mark_id != first.mark_id


async def test_who_presses_twice_puts_it_there_once(database: AsyncEngine, book: Book) -> None:
    found = await asyncio.gather(*(put(database, book, "h1") for _ in range(8)))
    assert len({each.mark_id for each in found}) == 1
    async with database.connect() as tx:
        assert await marks.of_holder(tx, book.book_id, "h1") == found[:1]


async def test_it_is_lifted_once_however_many_press(database: AsyncEngine, book: Book) -> None:
    mark = await put(database, book, "h1")
    lifting = [lift(database, book, mark, by=f"user:{number}") for number in range(8)]
    done = await asyncio.gather(*lifting, return_exceptions=True)
    assert sum(isinstance(each, Mark) for each in done) == 1
    assert sum(isinstance(each, AlreadyDecided) for each in done) == 7


@pytest.mark.parametrize(
    ("on", "why", "field"),
    [
        (TODAY, "lazy", "why"),
        (TODAY + timedelta(days=1), "absence", "marked_on"),
        (date(1989, 12, 31), "absence", "marked_on"),
    ],
)
async def test_what_cannot_be_on_record_is_refused(
    database: AsyncEngine, book: Book, on: date, why: str, field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        await put(database, book, "h1", on, why)
    assert refused.value.field == field
    with pytest.raises(UnknownMark):
        await lift(database, book, Mark(uuid4(), "h1", TODAY, "other", "user:1", NOW))


async def test_it_takes_the_star_for_as_long_as_the_ladder_says_and_lifting_it_gives_it_back(
    database: AsyncEngine, book: Book
) -> None:
    asks = replace(NATIONAL, standing_months=6)
    async with database.begin() as tx:
        now = await connect.now(tx)
        on = months_after(day_of(now), -12)
        await organisations.add(tx, book.book_id, "D1", "一区")
        await hours.carry_over(tx, book.book_id, "D1", on - timedelta(days=1), [("V1", 18_000)], by="user:1")
        holder = (await volunteers.holders_of(tx, book.book_id, ["V1"]))["V1"]
        before = on - timedelta(days=1)
        mark = await marks.put(tx, book.book_id, holder, on, "forged_record", by="user:1", now=now)
    good_again = months_after(on, 6)
    days = (before, on, good_again - timedelta(days=1), good_again)

    async def of_days(standing_months: int) -> list[int]:
        ladder = replace(asks, standing_months=standing_months)
        async with database.connect() as tx:
            return [await stars.star_of(tx, book.book_id, holder, ladder=ladder, day=day) for day in days]

    assert await of_days(6) == [2, 0, 0, 2]
    assert await of_days(0) == [2, 2, 2, 2]
    await lift(database, book, mark)
    assert await of_days(6) == [2, 2, 2, 2]
