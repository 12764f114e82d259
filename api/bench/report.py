"""The result of a benchmark: tables in Markdown for people, JSON for machines."""

from __future__ import annotations

import dataclasses
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # it ships no types
from rich import box
from rich.console import Console
from rich.table import Table

from api import VERSION
from api.bench import auditing, scanning, sealing, spending
from api.bench.reads import SMALLER
from api.bench.rounds import MOST_MEMORY, Result, Row


def as_json(result: Result) -> dict[str, Any]:
    """Everything, times in seconds; after findings nothing but these."""
    head = {"version": VERSION, "plan": dataclasses.asdict(result.plan), "machine": machine(result)}
    if result.findings:
        found = [
            {"book": book, "check": f.check, **{k: str(v) for k, v in f.facts.items()}} for book, f in result.findings
        ]
        return head | {"findings": found}
    return head | {
        "findings": [],
        "baseline": {"clients": result.clients, "per_second": result.baseline and dataclasses.asdict(result.baseline)},
        "postings": [dataclasses.asdict(row) for row in result.postings],
        "reads": [dataclasses.asdict(row) for row in result.reads],
        "stars": [dataclasses.asdict(row) for row in result.stars],
        "packages": [dataclasses.asdict(row) for row in result.packages],
        "exported": result.exported and dataclasses.asdict(result.exported),
        "verified": result.verified and dataclasses.asdict(result.verified),
        "memory": result.memory and dataclasses.asdict(result.memory),
        "frames": result.frames and dataclasses.asdict(result.frames),
        "tills": result.tills and dataclasses.asdict(result.tills),
        "sealing": result.sealing and dataclasses.asdict(result.sealing),
    }


def machine(result: Result) -> dict[str, Any]:
    """What it was measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": round(result.load, 1),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "file_system": _file_system(Path(tempfile.gettempdir())),
        "system": f"{platform.system()} {platform.release()}",
        "postgresql": result.version,
        "python": platform.python_version(),
    }


def show(result: Result, console: Console) -> None:
    """Prints the tables, or else what was found."""
    if result.findings:
        for book, finding in result.findings:
            console.print(f"{book or 'the database'}: {finding}", markup=False, highlight=False)
        console.print(f"{len(result.findings)} findings in the books that were measured: so there are no figures")
        return
    on = machine(result)
    console.print(
        f"{on['processor']}, {on['cores']} cores (load before the run {on['load_before']}), {on['memory_gb']} GB,"
        f" {on['file_system']}, {on['system']}; PostgreSQL {on['postgresql']}, fsync on; Python {on['python']};"
        f" Meide {VERSION}",
        highlight=False,
    )
    if result.baseline is not None:
        base = result.baseline
        console.print(
            f"Baseline: {base.median:,.0f} transactions a second ({base.least:,.0f}–{base.most:,.0f}),"
            f" {result.clients} clients; median of {result.plan.rounds} rounds of {result.plan.seconds} s\n",
            highlight=False,
        )
    if result.postings:
        columns = ("× baseline", "floor", "goal", "transactions/s", "p50 ms", "p99 ms")
        table = _table("two-entry transactions", *columns)
        for row in result.postings:
            figures = (_number(row.per_second, ",.0f"), _number(row.p50, ".1f", 1e3), _number(row.p99, ".1f", 1e3))
            table.add_row(_title(row), *_ratio(row), _number(row.goal, ".1f"), *figures)
        console.print(table, "")
    if result.reads:
        large = result.plan.preload
        table = _table(f"reading, {large:,} entries", f"× time at {large // SMALLER:,}", "at most", "p50 µs", "p99 µs")
        for row in result.reads:
            table.add_row(_title(row), *_ratio(row), _number(row.p50, ",.0f", 1e6), _number(row.p99, ",.0f", 1e6))
        console.print(table, "")
    if result.stars:
        table = _table("stars", "× plain sums of all day totals", "at most", "p50 ms")
        for row in result.stars:
            table.add_row(_title(row), *_ratio(row), _number(row.p50, ",.1f", 1e3))
        console.print(table, "")
    if result.packages:
        title = f"audit package, {result.plan.preload // 2:,} transactions"
        table = _table(title, "× COPY as CSV of transactions and entries", "at most", "p50 s")
        for row in result.packages:
            table.add_row(_title(row), *_ratio(row), _number(row.p50, ",.2f"))
        console.print(table, "")
    if result.exported is not None:
        held = f"{result.exported.megabytes:,.0f} MB"
        console.print(
            f"Most memory of an export of {result.exported.transactions:,} transactions, with the process beside it:"
            f" {held if result.exported.megabytes <= auditing.MOST_MEMORY else f'[red]{held}[/]'}"
            f" (at most {auditing.MOST_MEMORY} MB)",
            highlight=False,
        )
    if result.verified is not None:
        pace = f"{result.verified.per_million:.1f}"
        console.print(
            f"Verifying the package of {result.verified.transactions:,} transactions: {result.verified.seconds:.1f} s,"
            f" {pace if result.verified.per_million <= auditing.MOST_SECONDS else f'[red]{pace}[/]'} s a million"
            f" (at most {auditing.MOST_SECONDS:.0f} s)",
            highlight=False,
        )
    if result.memory is not None:
        console.print(
            f"Most memory of an import of {result.memory.lines:,} lines: {result.memory.megabytes:,.0f} MB"
            f" (at most {MOST_MEMORY} MB for a million), {result.memory.per_second:,.0f} transactions a second",
            highlight=False,
        )
    if result.sealing is not None:
        log = result.sealing
        rate = f"{log.per_second:,.0f}"
        console.print(
            f"{log.leaves:,} leaves sealed: {rate if log.per_second >= sealing.LEAST else f'[red]{rate}[/]'} a second"
            f" (at least {sealing.LEAST:,} of a million), {log.bytes_each:,.0f} bytes each on disk",
            highlight=False,
        )
    if result.tills is not None:
        loop = result.tills
        times = f"{loop.p99 / loop.p50:.1f}"
        console.print(
            f"{loop.redemptions:,} redemptions at {spending.RATE} a second over {spending.OUTLETS} tills:"
            f" p50 {loop.p50 * 1e3:.1f} ms, p99 {loop.p99 * 1e3:.1f} ms,"
            f" {times if loop.p99 <= spending.MOST_SPREAD * loop.p50 else f'[red]{times}[/]'} times that"
            f" (at most {spending.MOST_SPREAD:.0f})",
            highlight=False,
        )
    if result.frames is not None:
        found = result.frames
        p95 = f"{found.p95 * 1e3:.1f} ms"
        console.print(
            f"A code looked for in a frame of {scanning.SIDE} pixels: p50 {found.p50 * 1e3:.1f} ms,"
            f" p95 {p95 if found.p95 <= scanning.MOST else f'[red]{p95}[/]'} (at most {scanning.MOST * 1e3:.0f} ms),"
            f" {found.read} of {found.shown} codes read",
            highlight=False,
        )


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=box.MARKDOWN)
    for column in others:
        table.add_column(column, justify="right")
    return table


def _title(row: Row) -> str:
    return row.title + (f" ({row.skipped})" if row.skipped else "")


def _ratio(row: Row) -> Sequence[str]:
    """The ratio, red where it is on the wrong side of its limit, and the limit."""
    if row.ratio is None:
        return ("skipped", "")
    text = f"{row.ratio.median:.2f} ({row.ratio.least:.2f}–{row.ratio.most:.2f})"
    if row.limit is not None and (row.ratio.median > row.limit if row.at_most else row.ratio.median < row.limit):
        text = f"[red]{text}[/]"
    return (text, _number(row.limit, "g"))


def _number(value: float | None, form: str, times: float = 1) -> str:
    return "" if value is None else format(value * times, form)


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _file_system(folder: Path) -> str:
    """The kind of file system that the server's files lie on."""
    mounts = [mount for mount in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else "unknown"
