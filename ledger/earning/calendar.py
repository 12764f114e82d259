"""Working days in China: the State Council's holidays, and the weekends that are worked off for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning.tables import working_days

AHEAD: Final = timedelta(days=200)
"""How far a calendar looks: no deadline of a rule set is further away."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked. A day that is not in it counts Monday to Friday."""

    days: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Whether people work on that day."""
        return self.days.get(day, day.weekday() < 5)

    def known(self, day: date) -> bool:
        """Whether the calendar of that day's year is known."""
        return day in self.days

    def after(self, day: date, working: int) -> date:
        """The n-th working day after `day`; `day` itself for none."""
        while working > 0:
            day += timedelta(days=1)
            working -= self.is_working(day)
        return day


async def read(tx: AsyncConnection, day: date) -> Calendar:
    """The calendar from `day` on."""
    rows = await tx.execute(
        select(working_days.c.day, working_days.c.working).where(working_days.c.day.between(day, day + AHEAD))
    )
    return Calendar({row.day: row.working for row in rows})
