"""What the audit package of a book costs, compared with PostgreSQL's own COPY of its two tables; what memory it takes;
and how long it takes to verify."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

import psutil  # type: ignore[import-untyped] # it ships no types
import psycopg
from psycopg import sql
from sqlalchemy import make_url

from api import packages, sealing
from api.bench.ground import Ground
from api.bench.measure import surroundings
from api.settings import Settings
from ledger.auditing.formats import derived
from ledger.auditing.package import DETAILS, LOG, PARTS, Costs
from ledger.auditing.verifier.package import verify
from ledger.books.directory import Book

EXPORT, LINES, DETAILED, MEMORY, VERIFY = "export", "export-log", "export-gl", "export-memory", "verify"
FORMATS: Final = {f"export-{part}": part for part in derived.PARTS}
NAMES: Final = (EXPORT, LINES, DETAILED, *FORMATS, MEMORY, VERIFY)
_WHOLE: Final[dict[str, frozenset[str]]] = {
    LINES: frozenset((LOG,)),
    DETAILED: frozenset((LOG, DETAILS)),
    EXPORT: PARTS,
}
TITLES: Final = {
    LINES: "log lines and openings",
    DETAILED: "log lines, openings and GL_Details",
    EXPORT: "the whole package",
    "export-tables": "    of it: the other tables, on one core",
    "export-journal": "    of it: the journal format",
    "export-hledger": "    of it: hledger",
    "export-beancount": "    of it: beancount",
}
ORIGIN: Final = "package.bench"
MOST: Final = {DETAILED: 10.0}
"""The most that it may take, in times of the COPY."""

MOST_MEMORY: Final = 300
"""MB, of the export and of the process that derives beside it, together."""
MOST_SECONDS: Final = 20.0
"""Of verifying a million transactions."""


@dataclass(slots=True)
class Taken:
    """Seconds, of each time, by name."""

    copy: list[float] = field(default_factory=list)
    named: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """The most memory that `meide export` of so many transactions held, with the process beside it."""

    transactions: int
    megabytes: float


@dataclass(frozen=True, slots=True)
class Verified:
    """How long the verifier took for a package of so many transactions."""

    transactions: int
    seconds: float

    @property
    def per_million(self) -> float:
        """Seconds for a million transactions, at this pace."""
        return self.seconds / self.transactions * 1_000_000


def settings(ground: Ground) -> Settings:
    """Settings with a key for the logs, under an origin of its own: the services of this run sign with other keys."""
    return Settings(
        *(ground.folder, None, None, (), None, ""),
        log_keys=(base64.b64encode(bytes(range(32))).decode(),),
        log_origin=ORIGIN,
        log_state=ground.folder / "log-state",
    )


async def measured(ground: Ground, book: Book, rounds: int, wanted: Sequence[str]) -> Taken:
    """How long the COPY and the parts of a package took, in rounds back to back; the first is the warm-up."""
    given = settings(ground)
    ground.progress("Sealing", 0, 1)
    await sealing.now(ground.database, given, book.book_id)
    taken = Taken()
    whole = [name for name in _WHOLE if name in wanted or (name == EXPORT and not FORMATS.keys().isdisjoint(wanted))]
    for number in range(rounds + 1):
        ground.progress("Exporting", number, rounds + 1)
        copied = await asyncio.to_thread(_copy, ground, book)
        times: dict[str, float] = {}
        for name in whole:
            costs = Costs()
            times[name] = await _export(ground, given, book, _WHOLE[name], costs)
            if name == EXPORT:
                # Who reads the lines reads them for the three.
                share = costs.seconds["reading"] / 3
                for of_format, part in FORMATS.items():
                    times[of_format] = costs.seconds[part] + (0 if part == derived.TABLES else share)
        if number:
            taken.copy.append(copied)
            for name, seconds in times.items():
                taken.named.setdefault(name, []).append(seconds)
    return taken


def _copy(ground: Ground, book: Book) -> float:
    """PostgreSQL writes the two tables as CSV, into nothing."""
    url = make_url(ground.server.admin_url).set(
        drivername="postgresql", database=make_url(ground.server.service_url).database
    )
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        begun = perf_counter()
        for table in ("transactions", "entries"):
            connection.execute(
                sql.SQL("COPY (SELECT * FROM {} WHERE book_id = {}) TO '/dev/null' (FORMAT csv)").format(
                    sql.Identifier(table), book.book_id
                )
            )
        return perf_counter() - begun


async def _export(ground: Ground, given: Settings, book: Book, parts: frozenset[str], costs: Costs) -> float:
    folder = ground.folder / "package"
    begun = perf_counter()
    written = packages.write(ground.database, given, book, folder, actor="room:bench", parts=parts, costs=costs)
    async with aclosing(written):
        async for _ in written:
            pass
    took = perf_counter() - begun
    await asyncio.to_thread(shutil.rmtree, folder)
    return took


async def memory_and_verifying(ground: Ground, book: Book, transactions: int) -> tuple[Exported, Verified]:
    """What `meide export` of a book holds as a process of its own, and how long what it wrote takes to verify."""
    folder = ground.folder / "to-verify"
    given = settings(ground)
    peak = await _peak_of(
        ground,
        *(sys.executable, "-m", "api.cli", "export", "--book", book.code, "--out", folder),
        MEIDE_LOG_KEYS=given.log_keys[0],
        MEIDE_LOG_ORIGIN=ORIGIN,
        MEIDE_LOG_STATE=str(given.log_state),
    )
    begun = perf_counter()
    report = await asyncio.to_thread(verify, str(folder))
    took = perf_counter() - begun
    if not report.is_well:
        raise RuntimeError(f"the package does not verify: {report.findings.told[:3]}")
    await asyncio.to_thread(shutil.rmtree, folder)
    return Exported(transactions, peak / 1e6), Verified(transactions, took)


async def _peak_of(ground: Ground, *command: str | Path, **environment: str) -> int:
    """Runs a command to its end; answers the most bytes that it and its children were seen to hold together."""
    printed = ground.folder / "export.log"
    with printed.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=out,
            stderr=out,
            env=surroundings(MEIDE_DATABASE_URL=ground.server.service_url, **environment),
        )
    peak = 0
    try:
        while process.returncode is None:
            with contextlib.suppress(psutil.Error):
                own = psutil.Process(process.pid)
                peak = max(peak, sum(_held(each) for each in (own, *own.children(recursive=True))))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.05)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the export ended with {process.returncode}: {printed.read_text('utf-8')[-1000:]}")
    return peak


def _held(process: psutil.Process) -> int:
    try:
        held: int = process.memory_info().rss
    except psutil.Error:  # it has ended meanwhile
        return 0
    return held
