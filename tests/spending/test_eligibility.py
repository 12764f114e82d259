"""Whose an item is: stars by credit hours, a qualification of that day, an age that is known."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import hours, qualifications
from ledger.spending.catalogue import EVERYBODY, Eligible
from ledger.spending.eligibility import eligible
from tests.earning.programmes import Programme, opened

TODAY = date(2026, 3, 10)


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Programme:
    return await opened(database, book)


async def is_hers(programme: Programme, asked: Eligible, *, age: int | None = None, day: date = TODAY) -> bool:
    async with programme.database.connect() as tx:
        return await eligible(tx, programme.book.book_id, programme.holder, asked, age=age, day=day)


async def test_what_asks_for_nothing_is_everybodys(programme: Programme) -> None:
    assert await is_hers(programme, EVERYBODY)
    assert not EVERYBODY
    assert Eligible(least_age=0)


async def test_an_age_nobody_knows_is_not_the_one(programme: Programme) -> None:
    between = Eligible(least_age=60, most_age=80)
    assert [await is_hers(programme, between, age=age) for age in (59, 60, 80, 81, None)] == [
        False,
        True,
        True,
        False,
        False,
    ]


async def test_a_tag_is_a_qualification_that_holds_that_day(programme: Programme) -> None:
    async with programme.database.begin() as tx:
        await qualifications.record(
            tx,
            programme.book.book_id,
            programme.holder,
            "骑手",
            date(2026, 3, 1),
            date(2026, 3, 31),
            by="user:leader",
            today=TODAY,
        )
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)]
    assert [await is_hers(programme, Eligible(tag="骑手"), day=day) for day in days] == [False, True, True, False]
    assert not await is_hers(programme, Eligible(tag="教师"))
    assert not await is_hers(programme, Eligible(tag="骑手", least_age=18), age=17)  # all of it


async def test_a_perk_of_three_stars_is_hers_from_600_hours_on(programme: Programme) -> None:
    """Hours of the books, as far as they were served by the day; what she has spent does not matter."""
    async with programme.database.begin() as tx:
        [new] = await hours.carry_over(
            *(tx, programme.book.book_id, programme.TEAM, date(2025, 12, 31)),
            [(programme.volunteers[0].volunteer_no, 599 * 60)],
            by="user:owner",
        )
    assert new is True
    assert not await is_hers(programme, Eligible(star=3))
    assert await is_hers(programme, Eligible(star=2))
    await programme.credited(programme.service("2026-03-05", "09:00", "10:00"))

    assert await is_hers(programme, Eligible(star=3))
    assert not await is_hers(programme, Eligible(star=3), day=date(2026, 3, 4))
    assert not await is_hers(programme, Eligible(star=4))


async def test_a_band_of_stars_is_of_those_in_it_alone(programme: Programme) -> None:
    bands = [
        Eligible(most_star=0),
        *(Eligible(star=number, most_star=number) for number in (1, 2, 3)),
        Eligible(star=1),
    ]

    async def hers() -> list[bool]:
        return [await is_hers(programme, each) for each in bands]

    assert await hers() == [True, False, False, False, False]
    async with programme.database.begin() as tx:
        await hours.carry_over(
            *(tx, programme.book.book_id, programme.TEAM, date(2025, 12, 31)),
            [(programme.volunteers[0].volunteer_no, 300 * 60)],
            by="user:owner",
        )
    assert await hers() == [False, False, True, False, True]
