"""The protocol of the benchmark: what is measured, in which order, and when figures may be shown.

Each round measures every subject right after the baseline and divides: it is the rounds' ratios that count, since a
machine's minutes differ and two measurements side by side differ less. The warm-up, in which the subjects run once, is
no round. At the end every figure in the books that were used is derived anew; if one is wrong, none is shown.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import make_url

from api.bench import auditing, baseline, imports, reads, scanning, sealing, spending, stars
from api.bench import ground as grounds
from api.bench.baseline import Baseline
from api.bench.ground import Ground, History
from api.bench.measure import Measured, Progress, Run, Skipped, Spread, percentile, spread
from api.bench.subjects import FRAME, MEMORY, SEALING, SUBJECTS, TILLS, Subject
from ledger.books import directory, guards, integrity
from ledger.books.integrity import Finding
from ledger.database import connect, embedded, schema
from ledger.database.embedded import Server

FULL: Final = 2_000_000
ACCOUNTS: Final = 100_000
MOST_MEMORY: Final = 300
"""MB, of an import of a million lines."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. `preload`: entries of the large book that is read from; `only`: names, none means all of them."""

    seconds: int = 5
    rounds: int = 5
    preload: int = FULL
    only: Sequence[str] = ()
    accounts: int = ACCOUNTS

    def takes(self, name: str) -> bool:
        """Whether this is to be measured."""
        return not self.only or name in self.only


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result. `ratio`: to the baseline, to the same without, of times; None where `skipped` says why.

    `limit` is the least that `ratio` must reach, with `at_most` the most that it may be. Latencies in seconds.
    """

    name: str
    title: str
    ratio: Spread | None = None
    limit: float | None = None
    goal: float | None = None
    at_most: bool = False
    per_second: float | None = None
    p50: float | None = None
    p99: float | None = None
    skipped: str | None = None


@dataclass(slots=True)
class Result:
    """What came out. With `findings` there are no figures."""

    plan: Plan
    version: str
    load: float
    """How many processes wanted to run on the machine in the minute before."""
    clients: int = 0
    baseline: Spread | None = None
    postings: list[Row] = field(default_factory=list)
    reads: list[Row] = field(default_factory=list)
    stars: list[Row] = field(default_factory=list)
    packages: list[Row] = field(default_factory=list)
    memory: imports.Memory | None = None
    exported: auditing.Exported | None = None
    verified: auditing.Verified | None = None
    frames: scanning.Frames | None = None
    tills: spending.OpenLoop | None = None
    sealing: sealing.Sealing | None = None
    findings: list[tuple[str, Finding]] = field(default_factory=list)


@dataclass(slots=True)
class _Running:
    """A subject that is ready, and what its rounds gave."""

    subject: Subject
    run: Run
    without: Run | None
    ratios: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)


def run(plan: Plan, progress: Progress, server: Server | None = None) -> Result:
    """Measures on an embedded server in a temporary folder that is gone afterwards, or on the one given."""
    with _told_to_stop(), tempfile.TemporaryDirectory(prefix="meide-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server may run as another user, who has to pass
        with ExitStack() as stack:
            if server is None:
                server = stack.enter_context(embedded.running(folder / "server"))
                schema.upgrade(server.owner_url, embedded.SERVICE)
            plain = stack.enter_context(baseline.standing(server, folder, plan.accounts))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_measured(plan, progress, server, folder, plain))


async def _measured(plan: Plan, progress: Progress, server: Server, folder: Path, plain: Baseline) -> Result:
    database = connect.to(server.service_url)
    load = os.getloadavg()[0]
    try:
        async with AsyncExitStack() as stack:
            ground = await grounds.made(server, database, folder, stack, progress, plan.accounts)
            books = await _history(plan, ground)
            running, skipped = await _prepared(plan, ground)
            progress("Settling", 0, 1)
            version = baseline.settle_server(server, make_url(server.service_url).database or "")
            result = Result(plan, version, load)
            if books and plan.takes(SEALING):
                result.sealing = await sealing.sealed(ground, books[0].book)
            if running:
                figures = await _rounds(plan, progress, plain, running)
                result.clients, result.baseline = plain.clients, spread(figures)
            result.postings = [row for each in running for row in _rows(each)] + skipped
            result.reads = await _reads(plan, ground, books)
            result.stars = await _stars(plan, ground)
            await _packages(plan, ground, books, result)
            if plan.takes(MEMORY) and plan.preload:
                progress("Importing, for its memory", 0, 1)
                result.memory = await imports.memory(ground, plan.preload // 2)
            if plan.takes(TILLS):
                progress("Redeeming at fifty tills", 0, 1)
                result.tills = await spending.open_loop(ground, plan.seconds * plan.rounds)
            if plan.takes(FRAME):
                progress("Looking for codes in frames", 0, 1)
                result.frames = scanning.look()
        progress("Deriving every figure anew", 0, 1)
        result.findings = await _findings(ground)
    finally:
        await database.dispose()
    if result.findings:
        return Result(plan, version, load, findings=result.findings)
    return result


async def _history(plan: Plan, ground: Ground) -> tuple[History, History] | None:
    """The large book and the small one."""
    if not plan.preload:
        return None
    return await grounds.history(ground, plan.preload), await grounds.history(ground, plan.preload // reads.SMALLER)


async def _prepared(plan: Plan, ground: Ground) -> tuple[list[_Running], list[Row]]:
    running, skipped = [], []
    for subject in SUBJECTS:
        if plan.takes(subject.name):
            try:
                without = await subject.without(ground) if subject.without else None
                running.append(_Running(subject, await subject.prepare(ground), without))
            except Skipped as reason:
                skipped.append(Row(subject.name, subject.title, skipped=str(reason)))
    return running, skipped


async def _rounds(plan: Plan, progress: Progress, plain: Baseline, running: list[_Running]) -> list[float]:
    """Warms up, then measures; answers the baseline's figures."""
    steps, done = (plan.rounds + 1) * len(running), 0
    progress("Warming up", done, steps)
    await plain.settle(min(plan.seconds, 3))
    figures = []
    for number in range(plan.rounds + 1):
        for each in running:
            progress(f"Round {number} of {plan.rounds}: {each.subject.title}" if number else "Warming up", done, steps)
            done += 1
            if number == 0:
                await each.run(1)
                continue
            before = await plain.run(plan.seconds)
            # Which of the two comes first changes, so that neither has the warmer caches each time.
            other = await each.without(plan.seconds) if each.without and number % 2 else None
            measured = await each.run(plan.seconds)
            other = await each.without(plan.seconds) if each.without and not number % 2 else other
            figures.append(before.per_second)
            each.measured.append(measured)
            each.ratios.append(measured.per_second / before.per_second)
            if other is not None:
                each.beside.append(_beside(each.subject, measured, other))
    return figures


def _beside(subject: Subject, measured: Measured, other: Measured) -> float:
    """The ratio to what is run beside it: of what is done in a second, or of the median latencies."""
    if subject.most is None:
        return measured.per_second / other.per_second
    return statistics.median(measured.latencies) / statistics.median(other.latencies)


def _rows(of: _Running) -> Iterator[Row]:
    latencies = [latency for measured in of.measured for latency in measured.latencies]
    per_second = spread([measured.per_second for measured in of.measured]).median
    subject = of.subject
    floor = subject.floor if of.without is None else None
    yield Row(
        subject.name,
        subject.title,
        spread(of.ratios),
        floor,
        subject.goal,
        per_second=per_second,
        p50=percentile(latencies, 50),
        p99=percentile(latencies, 99),
    )
    if of.without is not None:
        yield Row(
            f"{subject.name}-without",
            f"    {subject.beside}",
            spread(of.beside),
            subject.floor if subject.most is None else subject.most,
            at_most=subject.most is not None,
        )


async def _reads(plan: Plan, ground: Ground, books: tuple[History, History] | None) -> list[Row]:
    rows = []
    for name, (title, how) in reads.READS.items():
        if not plan.takes(name):
            continue
        if books is None:
            rows.append(Row(name, title, skipped="there is no history to read from (--preload 0)"))
            continue
        large, small = books
        ratios: list[float] = []
        latencies: list[float] = []
        for number in range(plan.rounds + 1):
            ground.progress(f"Reading: {title}", number, plan.rounds + 1)
            times = await reads.read(ground.database, large, small, how, plan.seconds / 2 if number else 0)
            if number:  # the first was the warm-up
                ratios.append(spread(times.large).median / spread(times.small).median)
                latencies += times.large
        p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
        rows.append(Row(name, title, spread(ratios), reads.MOST, at_most=True, p50=p50, p99=p99))
    return rows


async def _stars(plan: Plan, ground: Ground) -> list[Row]:
    wanted = [name for name in stars.NAMES if plan.takes(name)]
    if not wanted:
        return []
    if not plan.preload:
        return [Row(name, name, skipped="there are no people to assess (--preload 0)") for name in wanted]
    entries = plan.preload // stars.SHARE
    large, small = await stars.crowd(ground, entries), await stars.crowd(ground, entries // reads.SMALLER)
    baseline.settle_server(ground.server, make_url(ground.server.service_url).database or "")
    titles, rows = stars.titles(large), []
    taken = await stars.measured(ground, large, plan.rounds)
    for name, seconds in {**taken.stars, stars.STORED: taken.stored}.items():
        ratios = spread([one / plain for one, plain in zip(seconds, taken.plain, strict=True)])
        limit = None if name == stars.STORED else stars.MOST
        rows.append(Row(name, titles[name], ratios, limit, at_most=True, p50=statistics.median(seconds)))
    pages = [await stars.pages(ground, large, small, plan.seconds / 2) for _ in range(plan.rounds)]
    ratios = spread([spread(each.large).median / spread(each.small).median for each in pages])
    latencies = [latency for each in pages for latency in each.large]
    title = f"{titles[stars.PAGE]} (÷ in a book {reads.SMALLER} times smaller)"
    rows.append(Row(stars.PAGE, title, ratios, reads.MOST, at_most=True, p50=statistics.median(latencies)))
    return [row for row in rows if row.name in wanted]


async def _packages(plan: Plan, ground: Ground, books: tuple[History, History] | None, result: Result) -> None:
    """The audit package of the large book."""
    wanted = [name for name in auditing.NAMES if plan.takes(name)]
    if not wanted:
        return
    if books is None:
        result.packages = [Row(name, name, skipped="there is no history to export (--preload 0)") for name in wanted]
        return
    book = books[0].book
    if timed := [name for name in wanted if name in auditing.TITLES]:
        taken = await auditing.measured(ground, book, plan.rounds, timed)
        for name in timed:
            seconds = taken.named[name]
            ratios = spread([one / copied for one, copied in zip(seconds, taken.copy, strict=True)])
            limit, p50 = auditing.MOST.get(name), statistics.median(seconds)
            result.packages.append(Row(name, auditing.TITLES[name], ratios, limit, at_most=True, p50=p50))
    if plan.takes(auditing.MEMORY) or plan.takes(auditing.VERIFY):
        ground.progress("Exporting, for its memory, and verifying", 0, 1)
        exported, verified = await auditing.memory_and_verifying(ground, book, plan.preload // 2)
        result.exported = exported if plan.takes(auditing.MEMORY) else None
        result.verified = verified if plan.takes(auditing.VERIFY) else None


async def _findings(ground: Ground) -> list[tuple[str, Finding]]:
    """What `meide check` finds in the books of this run."""
    gc.collect()
    found = [("", finding) for finding in await guards.check_guards(ground.database)]
    async with ground.database.connect() as tx:
        books = [book for book in await directory.all_books(tx) if book.code.startswith(ground.book.code)]
    for book in books:
        ground.progress(f"Deriving every figure anew: {book.name}", 0, 1)
        found += [(book.code, finding) for finding in await integrity.check(ground.database, book.book_id)]
    return found


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does, with the server and the folder gone."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
