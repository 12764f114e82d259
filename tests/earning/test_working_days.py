"""The calendar's upkeep: days that are set, years that the package knows."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from ledger.earning import calendar, working_days
from ledger.errors import InvalidField
from tests.conftest import SERVICE, Server


async def set_day(database: AsyncEngine, day: date, working: bool, name: str = "") -> None:
    async with database.begin() as tx:
        await working_days.set_day(tx, day, working, name)


async def test_a_day_that_is_set_counts_from_then_on(database: AsyncEngine) -> None:
    friday, saturday, monday = date(2041, 3, 8), date(2041, 3, 9), date(2041, 3, 11)
    async with database.connect() as tx:
        before = await calendar.read(tx, friday)
    assert (before.after(friday, 1), before.known(monday)) == (monday, False)
    await set_day(database, saturday, True, "调休")
    await set_day(database, monday, True)
    await set_day(database, monday, False, "节日")
    async with database.connect() as tx:
        days = await calendar.read(tx, friday)
        assert await working_days.of_year(tx, 2041) == [
            working_days.Day(saturday, True, "调休"),
            working_days.Day(monday, False, "节日"),
        ]
    assert [days.after(friday, n) for n in (1, 2)] == [saturday, date(2041, 3, 12)]
    assert days.known(monday)


@pytest.mark.parametrize("name", ["a\nb", "\x00", "x" * 65])
async def test_a_holidays_name_is_a_line(database: AsyncEngine, name: str) -> None:
    with pytest.raises(InvalidField):
        await set_day(database, date(2042, 1, 1), False, name)


async def test_loading_adds_what_is_missing_and_leaves_what_somebody_has_set(server: Server, template: str) -> None:
    own = server.new_database(template)  # the calendar is every test's
    database = connect.to(server.url(SERVICE, own))
    spring = date(2026, 2, 17)
    async with database.begin() as tx:
        assert {each.day: each.working for each in await working_days.of_year(tx, 2026)}[spring] is False
        assert await working_days.load(tx) == {}
        await working_days.set_day(tx, spring, True, "测试")
    server.execute("DELETE FROM working_days WHERE day = '2026-02-18' OR day > '2026-12-29'", database=own)
    async with database.begin() as tx:
        assert (await working_days.load(tx))[2026] == 3
        there = {each.day: each for each in await working_days.of_year(tx, 2026)}
    assert len(there) == 365
    assert there[spring] == working_days.Day(spring, True, "测试")
    assert not there[date(2026, 2, 18)].working
    await database.dispose()
    server.drop_database(own)
