"""What the commands that take files share: a bar, and refused lines, listed or told at the end."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from api import memory
from api.command import with_database
from api.hours_files import REFUSED, Refused, Report
from ledger.books import directory

strict = click.option("--strict", is_flag=True, help="Exit 1 if anything was refused.")
refused_into = click.option(
    "--refused", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="List refused lines here, as CSV."
)

Work = Callable[[AsyncEngine, int, Callable[[int], None]], Awaitable[Any]]


def run(file: Path | None, book: str, as_json: bool, work: Work) -> Any:
    """Runs something long, with a bar on a terminal. How far a CSV file is read is told in its lines."""
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    bar.disable = as_json or not sys.stderr.isatty()
    task = bar.add_task(file.name if file else "records", total=_lines_of(file) if file and not bar.disable else None)

    async def in_book(database: AsyncEngine) -> Any:
        memory.settle()
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        return await work(database, of.book_id, lambda line: bar.update(task, completed=line))

    with bar:
        return with_database(in_book)


def _lines_of(file: Path) -> int | None:
    with file.open("rb") as raw:
        return None if raw.read(2) == b"PK" else sum(1 for _ in raw) + 1


# --- what they say ----------------------------------------------------------------------------------------------------


class Refusals:
    """Refused lines as they come: a list in a file, however many they are."""

    def __init__(self, into: TextIO) -> None:
        self._into = into
        self._writer = csv.writer(into, lineterminator="\n")
        self._writer.writerow(REFUSED)

    def add(self, refused: Refused) -> None:
        self._writer.writerow(refused.row())

    def __iter__(self) -> Iterator[dict[str, str]]:
        self._into.seek(0)
        return iter(csv.DictReader(self._into))


@contextmanager
def told_refusals(file: Path | None, as_json: bool) -> Iterator[Refusals]:
    """Refusals into the file that was named; else kept aside, to be told at the end."""
    if file is not None:
        with file.open("w+", encoding="utf-8", newline="") as into:
            yield Refusals(into)
    else:
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as into:
            told = Refusals(into)
            yield told
            if not as_json:
                for each in told:
                    click.echo(f"line {each['line']}, {each['record']}: {each['reason']}: {each['message']}", err=True)


def report_on(done: dict[str, Report], told: Refusals, book: str, as_json: bool) -> None:
    if as_json:
        counts = {
            what.replace(" ", "_"): {"accepted": of.accepted, "already_there": of.there, "refused": of.refused}
            for what, of in done.items()
        }
        import_id = next((of.import_id for of in done.values() if of.import_id), None)
        # One by one: there may be half a million of them.
        start = json.dumps({**counts, "import_id": import_id}, ensure_ascii=False, default=str).removesuffix("}")
        click.echo(f'{start}, "refused": [', nl=False)
        for place, each in enumerate(told):
            row = {**each, "line": int(each["line"])}
            click.echo((", " if place else "") + json.dumps(row, ensure_ascii=False), nl=False)
        click.echo("]}")
        return
    for what, of in done.items():
        click.echo(f"Done: {of.accepted} {what} accepted, {of.there} already there, {of.refused} refused")
        if of.import_id:
            click.echo(f"Import {of.import_id}; to undo it: meide import undo {of.import_id} --book {book}")
