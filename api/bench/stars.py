"""What the stars of a whole book cost, compared with adding up its day totals; and whether one person's page grows
with her history."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bench import ground as grounds
from api.bench import reads
from api.bench.ground import Ground, History
from ledger.books import directory
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.earning import volunteers
from ledger.earning.volunteers import CREDIT_HOURS
from ledger.recognition import assessments, stars
from ledger.recognition.ladder import NATIONAL

SHARE: Final = 10
"""Of the entries that are preloaded a tenth, by a tenth of so many people."""
PER_PERSON: Final = 5
"""Services of each: an entry of hers, and one of the organisation's."""
TRIES: Final = 3
MOST: Final = 2.0
"""The most that the stars may take, in times of the plain sums."""

SERVED: Final = "9110.O"
DAYS: Final[dict[str, int]] = {"stars-today": 0, "stars-spring": 180, "stars-first-day": 365}
"""Name → how many days ago the stars are asked for."""
STORED: Final = "stars-stored"
PAGE: Final = "star-page"
NAMES: Final = (*DAYS, STORED, PAGE)

# The baseline: every day total of the book, added up by account. It is not the service's: nothing else asks for it.
_PLAIN: Final = """SELECT t.account_id, sum(t.credits - t.debits) FROM day_totals t
    WHERE t.book_id = :book GROUP BY t.account_id"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A book of people with a year of hours; `busy`: the one of 1 % of its entries."""

    book: Book
    people: int
    entries: int
    busy: str
    first_day: date


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds, of each time."""

    plain: list[float]
    stars: dict[str, list[float]]
    stored: list[float]


async def crowd(ground: Ground, entries: int) -> Crowd:
    """A book with about so many entries of hours."""
    transactions = max(entries // 2, 100)
    first_day = day_of(datetime.now(UTC)) - timedelta(days=366)
    async with ground.database.begin() as tx:
        book = await directory.create_book(tx, f"{ground.book.code}-stars-{entries}", "stars", first_day)
    await grounds.opened(ground.database, book, [NewAccount(SERVED, "served", "memo_debit", "HR")])
    numbers = [f"V-{number:08d}" for number in range(max(2, transactions // PER_PERSON))]
    holders: list[str] = []
    for start in range(0, len(numbers), grounds.TOGETHER):
        ground.progress("Registering volunteers", start, len(numbers))
        async with ground.database.begin() as tx:
            added = await volunteers.register_many(tx, book.book_id, numbers[start : start + grounds.TOGETHER])
        holders += added.values()
    services = iter(range(transactions))
    while chunk := list(itertools.islice(services, grounds.TOGETHER)):
        ground.progress("Recording their hours", chunk[0], transactions)
        made = [_service(number, transactions, first_day, holders) for number in chunk]
        await grounds.posted(ground.database, book, made)
    return Crowd(book, len(holders), transactions * 2, holders[0], first_day)


def _service(number: int, of: int, first_day: date, holders: Sequence[str]) -> Proposal:
    day = first_day + timedelta(days=number * 365 // of)
    holder = holders[0 if number % 50 == 0 else random.randrange(len(holders))]  # noqa: S311 - a draw, no secret
    minutes = 60 + number % 2000
    return Proposal(
        client="room:bench",
        key=f"hours-{number}",
        call=f"hours {number}",
        kind="bench",
        effective_at=datetime.combine(day, time(10), BEIJING).astimezone(UTC),
        lines=(Line(SERVED, "debit", minutes), Line(f"{CREDIT_HOURS}.{holder}", "credit", minutes)),
        actor="room:bench",
    )


async def measured(ground: Ground, of: Crowd, times: int) -> Taken:
    """Reads the whole book in turn, plainly and by day, and stores an assessment each time."""
    taken = Taken([], {name: [] for name in DAYS}, [])
    today = day_of(datetime.now(UTC))
    # What was recorded just now is not settled yet: a minute later it is.
    later = ground.database.execution_options(clock=lambda now: now + timedelta(minutes=1))
    for number in range(times + 1):
        ground.progress("Stars of a whole book", number, times + 1)
        async with ground.database.connect() as tx:
            await stars.of_everybody(tx)
            plain = await _took(tx, _PLAIN, {"book": of.book.book_id})
            by_day = {}
            for name, ago in DAYS.items():
                asked = stars.parameters(of.book.book_id, NATIONAL, today - timedelta(days=ago), None)
                by_day[name] = await _took(tx, stars.statement(NATIONAL), asked)
        begun = perf_counter()
        await assessments.assess(later, of.book.book_id, today, by="room:bench")
        stored = perf_counter() - begun
        if number:  # the first was the warm-up
            taken.plain.append(plain)
            for name, seconds in by_day.items():
                taken.stars[name].append(seconds)
            taken.stored.append(stored)
    return taken


async def _took(tx: AsyncConnection, statement: str, asked: dict[str, Any]) -> float:
    """Seconds in the server, without what sending a million rows takes: the best of three."""
    found = []
    for _ in range(TRIES):
        told = await tx.execute(text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"), asked)
        [plan] = told.scalar_one()
        found.append(float(plan["Planning Time"] + plan["Execution Time"]) / 1000)
    return min(found)


async def page(tx: AsyncConnection, of: History) -> object:
    """The star of the person with the longest history."""
    today = day_of(await connect.now(tx))
    return await stars.of_volunteer(tx, of.book.book_id, of.busy, ladder=NATIONAL, day=today)


async def pages(ground: Ground, large: Crowd, small: Crowd, seconds: float) -> reads.Times:
    """Both books in turn."""
    histories = [History(each.book, each.busy, each.first_day) for each in (large, small)]
    return await reads.read(ground.database, histories[0], histories[1], page, seconds)


def titles(of: Crowd) -> dict[str, str]:
    """What each is."""
    book = f"{of.people:,} people, {of.entries:,} entries"
    said = {name: f"stars of {book}, as of {ago} days ago" for name, ago in DAYS.items()}
    return said | {STORED: f"assessment of {book}, stored with its digest", PAGE: "star page of the busiest person"}
