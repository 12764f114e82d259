"""The import of a journal: how fast it is, and how much memory it takes."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import psutil  # type: ignore[import-untyped] # it ships no types

from api import journal_files
from api import memory as process_memory
from api.bench.ground import UNIT, Ground
from api.bench.measure import Measured, Run, account_code, new_key, surroundings, two_of
from ledger.books import directory
from ledger.days import day_of


async def imports(ground: Ground) -> Run:
    """Imports a file of new transactions that takes about as long as the baseline ran; two lines are a transaction."""
    accounts, journal = ground.folder / "accounts.csv", ground.folder / "journal.csv"
    _write(accounts, journal_files.ACCOUNT_COLUMNS, ())
    rate = 1000.0

    async def run(seconds: int) -> Measured:
        nonlocal rate
        transactions = max(10, int(rate * seconds))
        _write(journal, journal_files.JOURNAL_COLUMNS, _lines(transactions, ground.accounts))
        process_memory.settle()  # as the command does
        begun = perf_counter()
        report = await journal_files.import_journal(ground.database, ground.book.book_id, accounts, journal)
        rate = transactions / (perf_counter() - begun)
        if report.posted != transactions:
            raise RuntimeError(f"{report.posted} of {transactions} transactions were imported: {report.refused[:3]}")
        return Measured(rate)

    return run


@dataclass(frozen=True, slots=True)
class Memory:
    """The most memory that an import of so many lines held, and how fast it was from the start of its process."""

    lines: int
    megabytes: float
    per_second: float


async def memory(ground: Ground, lines: int) -> Memory:
    """What `meide journal import` of so many lines takes, as a process of its own.

    It goes into a book of its own, whose accounts come from the files too: one for a hundred lines.
    """
    async with ground.database.begin() as tx:
        book = await directory.create_book(tx, f"{ground.book.code}-import", "import")
    count = max(2, lines // 100)
    accounts, journal = ground.folder / "many-accounts.csv", ground.folder / "many-lines.csv"
    opened = ((account_code(number), "plain", "asset", UNIT, "") for number in range(count))
    _write(accounts, journal_files.ACCOUNT_COLUMNS, opened)
    _write(journal, journal_files.JOURNAL_COLUMNS, _lines(lines // 2, count))
    command = ("journal", "import", "--book", book.code, "--accounts", accounts, "--journal", journal, "--strict")
    begun = perf_counter()
    peak = await _peak_of(ground, sys.executable, "-m", "api.cli", *command)
    return Memory(lines, peak / 1e6, lines // 2 / (perf_counter() - begun))


async def _peak_of(ground: Ground, *command: str | Path) -> int:
    """Runs a command to its end; answers the most bytes that it was seen to hold, looked at every 50 ms.

    (What the kernel reports after the end of a process begins with the size of the one that started it.)
    """
    printed = ground.folder / "import.log"
    with printed.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=out, stderr=out, env=surroundings(MEIDE_DATABASE_URL=ground.server.service_url)
        )
    peak = 0
    try:
        while process.returncode is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.05)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the import ended with {process.returncode}: {printed.read_text('utf-8')[-1000:]}")
    return peak


def _lines(transactions: int, accounts: int) -> Iterator[Sequence[object]]:
    today = day_of(datetime.now(UTC)).isoformat()
    for _ in range(transactions):
        key = new_key()
        one, other = two_of(accounts)
        yield key, today, "bench", "", account_code(one), UNIT, 7, 0
        yield key, today, "bench", "", account_code(other), UNIT, 0, 7


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
