"""The upkeep of the calendar: which days are worked in China, as far as that is known. It is the same in every book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from chinese_calendar import constants, is_workday  # type: ignore[import-untyped] # it has no types
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning.tables import working_days
from ledger.errors import InvalidField
from ledger.text import one_line

NAME_LENGTH: Final = 64
FIRST_YEAR: Final = 2020
"""No deadline lies in years before it."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar. `name`: of the holiday, or of the one that it is worked off for."""

    day: date
    working: bool
    name: str


async def set_day(tx: AsyncConnection, day: date, working: bool, name: str = "") -> None:
    """Says of a day whether it is worked; what is counted from now on goes by it. InvalidField."""
    if not one_line(name, least=0, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    added = insert(working_days).values(day=day, working=working, name=name)
    await tx.execute(
        added.on_conflict_do_update(
            index_elements=[working_days.c.day],
            set_={"working": added.excluded.working, "name": added.excluded.name},
        )
    )


async def load(tx: AsyncConnection) -> dict[int, int]:
    """Adds the days of all years that the package knows; how many of each year were new.

    The State Council announces a year's holidays in the autumn before; a new version of the package brings them. Days
    that are there stay as they are: somebody may have corrected them.
    """
    known = [{"day": each.day, "working": each.working, "name": each.name} for each in _known()]
    new = insert(working_days).on_conflict_do_nothing(index_elements=[working_days.c.day]).returning(working_days.c.day)
    added: dict[int, int] = {}
    for day in (await tx.execute(new, known)).scalars():
        added[day.year] = added.get(day.year, 0) + 1
    return added


async def of_year(tx: AsyncConnection, year: int) -> list[Day]:
    """What is known of a year, day by day; empty where Monday to Friday count."""
    found = (
        select(working_days.c.day, working_days.c.working, working_days.c.name)
        .where(working_days.c.day.between(date(year, 1, 1), date(year, 12, 31)))
        .order_by(working_days.c.day)
    )
    return [Day(*row) for row in await tx.execute(found)]


def _known() -> Iterator[Day]:
    """Every day of the years that the package knows whole."""
    last = max(constants.holidays)
    day, last = date(FIRST_YEAR, 1, 1), date(last.year, 12, 31)
    while day <= last:
        named = constants.holidays.get(day) or constants.workdays.get(day) or ""
        yield Day(day, is_workday(day), str(named))
        day += timedelta(days=1)
