"""The books of a run: plain accounts, wallets, and years of history to read from."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from api import calls
from api.bench.measure import Progress, account_code, new_key, two_of
from api.calls import NewLine, NewTransaction
from ledger.books import batching, chart, directory
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal, Side
from ledger.database.embedded import Server
from ledger.days import BEIJING, day_of
from ledger.errors import Refusal

BOOK: Final = "bench"
UNIT: Final = "PT"
TOGETHER: Final = 1000
"""Transactions that are posted, and accounts that are opened, at once during set-up."""

LATE: Final = 0.05
"""The part of the postings that are dated before the day on which they are recorded …"""
LATEST: Final = 90
"""… by up to so many days."""

Leg = tuple[str, Side, int]


@dataclass
class Ground:
    """Where a run happens: a server, the migrated database on it, and the book that is posted to.

    `stack` holds what lives until the end of the run. `accounts`: how many plain accounts the book has.
    """

    server: Server
    database: AsyncEngine
    folder: Path
    stack: AsyncExitStack
    progress: Progress
    accounts: int
    book: Book
    wallets: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """A book with a year behind it. The account `busy` holds 1 % of its entries."""

    book: Book
    busy: str
    first_day: date


def proposal(
    key: str, effective_at: datetime, legs: Sequence[Leg], *, kind: str = "bench", lapses_on: date | None = None
) -> Proposal:
    """What the service makes of the same transaction when it comes over HTTP."""
    body = NewTransaction(kind, effective_at.isoformat(), [NewLine(*leg) for leg in legs])
    return Proposal(
        client="token:bench",
        key=key,
        call=calls.of_posting(body),
        kind=kind,
        effective_at=effective_at,
        lines=tuple(Line(*leg, lapses_on=lapses_on if leg[1] == "credit" else None) for leg in legs),
        actor="token:bench",
    )


async def posted(database: AsyncEngine, book: Book, proposals: Sequence[Proposal]) -> None:
    """Posts, and raises the first refusal: the benchmark proposes nothing that should be refused."""
    for outcome in await batching.submit(database, book.book_id, proposals):
        if not isinstance(outcome, Posted):
            raise outcome.refusal


async def opened(database: AsyncEngine, book: Book, wanted: Sequence[NewAccount]) -> None:
    """Opens accounts, some thousand at once."""
    for start in range(0, len(wanted), TOGETHER):
        async with database.begin() as tx:
            for outcome in await chart.open_accounts(tx, book.book_id, wanted[start : start + TOGETHER]):
                if isinstance(outcome, Refusal):
                    raise outcome


async def made(
    server: Server, database: AsyncEngine, folder: Path, stack: AsyncExitStack, progress: Progress, accounts: int
) -> Ground:
    """The ground with its book and its plain accounts."""
    async with database.begin() as tx:
        book = await directory.create_book(tx, f"{BOOK}-{uuid4().hex[:8]}", "benchmark")
    ground = Ground(server, database, folder, stack, progress, accounts, book)
    plain = [NewAccount(account_code(number), "plain", "asset", UNIT) for number in range(accounts)]
    for start in range(0, accounts, TOGETHER):
        progress("Opening accounts", start, accounts)
        await opened(database, book, plain[start : start + TOGETHER])
    return ground


async def wallets(ground: Ground, name: str, lapses: Sequence[int | None]) -> list[str]:
    """Wallets, a tenth as many as plain accounts, each with 10^9 points in lots that lapse in so many days."""
    if name in ground.wallets:
        return ground.wallets[name]
    codes = [f"2100.{name}{number:06d}" for number in range(max(2, ground.accounts // 10))]
    source = f"5100.{name}"
    await opened(ground.database, ground.book, [NewAccount(source, "reward", "expense", UNIT)])
    await opened(ground.database, ground.book, [NewAccount(code, "wallet", "liability", UNIT) for code in codes])
    now = datetime.now(UTC)
    amount = 10**9 // len(lapses)
    proposals = [
        proposal(
            new_key(),
            now,
            ((source, "debit", amount), (code, "credit", amount)),
            lapses_on=day_of(now) + timedelta(days=days) if days is not None else None,
        )
        for code in codes
        for days in lapses
    ]
    for start in range(0, len(proposals), TOGETHER):
        ground.progress("Filling wallets", start, len(proposals))
        await posted(ground.database, ground.book, proposals[start : start + TOGETHER])
    ground.wallets[name] = codes
    return codes


async def history(ground: Ground, entries: int) -> History:
    """A book with about so many entries, spread over a year of days and recorded on the evenings of these days.

    1 % of the entries are of one account; the others are spread over as many accounts as it has entries.
    """
    transactions, others = entries // 2, max(2, entries // 100)
    first_day = day_of(datetime.now(UTC)) - timedelta(days=366)
    async with ground.database.begin() as tx:
        book = await directory.create_book(
            tx, f"{ground.book.code}-{entries}", "history", first_day - timedelta(days=LATEST)
        )
    plain = [NewAccount(account_code(number), "plain", "asset", UNIT) for number in range(others)]
    await opened(ground.database, book, [NewAccount("busy", "busy", "asset", UNIT), *plain])

    evening = datetime.now(UTC)
    past = ground.database.execution_options(clock=lambda _: evening)
    for day, numbers in itertools.groupby(range(transactions), lambda number: number * 365 // transactions):
        on = first_day + timedelta(days=day)
        evening = datetime.combine(on, time(20), BEIJING).astimezone(UTC)
        ground.progress(f"Making a year of {entries:,} entries", day, 365)
        while chunk := list(itertools.islice(numbers, TOGETHER)):
            await posted(past, book, [_of_history(number, on, others) for number in chunk])
    return History(book, "busy", first_day)


def _of_history(number: int, day: date, others: int) -> Proposal:
    if random.random() < LATE:  # noqa: S311 - a draw, no secret
        day -= timedelta(days=random.randint(1, LATEST))  # noqa: S311
    one, other = two_of(others)
    legs: tuple[Leg, Leg] = (
        ("busy" if number % 50 == 0 else account_code(one), "debit", 1 + number % 100),
        (account_code(other), "credit", 1 + number % 100),
    )
    return proposal(f"history-{number}", datetime.combine(day, time(10), BEIJING).astimezone(UTC), legs)
