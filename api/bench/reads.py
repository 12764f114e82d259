"""What reading costs in a large book, compared with one twenty times smaller: the same verbs on the account that
holds 1 % of all entries, the two books asked in turn.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.bench.ground import History
from ledger.books import balances, statements
from ledger.days import BEIJING

SMALLER: Final = 20
"""How many times the large book is larger: 2,000,000 entries against 100,000."""
MOST: Final = 1.3
"""The most that a read may take in the large book, in times of what it takes in the small one."""
PAGE: Final = 20
"""Entries on a page: so that 20,000 entries, 1 % of two million, have a page 1,000."""

Read = Callable[[AsyncConnection, History], Awaitable[object]]


async def _now(tx: AsyncConnection, of: History) -> object:
    return await balances.balance(tx, of.book.book_id, of.busy)


async def _at_a_day(tx: AsyncConnection, of: History) -> object:
    return await balances.balance(tx, of.book.book_id, of.busy, at=_middle(of))


async def _known_at(tx: AsyncConnection, of: History) -> object:
    known_at = datetime.combine(_middle(of) + timedelta(days=30), time(), BEIJING)
    return await balances.balance(tx, of.book.book_id, of.busy, at=_middle(of), known_at=known_at)


async def _first_page(tx: AsyncConnection, of: History) -> object:
    return await statements.entries_of(tx, of.book.book_id, of.busy, limit=PAGE)


async def _last_page(tx: AsyncConnection, of: History) -> object:
    return await statements.entries_of(tx, of.book.book_id, of.busy, limit=PAGE, after=PAGE + 1)


READS: Final[dict[str, tuple[str, Read]]] = {
    "balance-now": ("balance now", _now),
    "balance-at": ("balance at a day", _at_a_day),
    "balance-known-at": ("balance at a day, as known 30 days later", _known_at),
    "statement-page-1": ("statement, page 1", _first_page),
    "statement-page-1000": ("statement, last page (1,000 of 20,000 entries)", _last_page),
}
"""Name → what it is, and how it is read."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that the calls took in the large and in the small book."""

    large: list[float]
    small: list[float]


async def read(database: AsyncEngine, large: History, small: History, how: Read, seconds: float) -> Times:
    """Reads from both books in turn, at least twenty times each."""
    gc.collect()
    times = Times([], [])
    end = perf_counter() + seconds
    while perf_counter() < end or len(times.large) < 20:
        for of, taken in ((small, times.small), (large, times.large)):
            begun = perf_counter()
            async with database.connect() as tx:
                await how(tx, of)
            taken.append(perf_counter() - begun)
    return times


def _middle(of: History) -> date:
    return of.first_day + timedelta(days=182)
