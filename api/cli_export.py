"""`meide export`: the audit package of a book, in a folder."""

from __future__ import annotations

import datetime
import os
import sys
from contextlib import aclosing
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from api import memory, packages, settings
from api.command import A_DAY, as_json, of_book, print_json, with_database
from ledger.auditing.package import File
from ledger.books import directory

ACTOR = "room:cli"
A_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("export")
@of_book
@click.option("--from", "from_", type=A_DAY, metavar="DATE", help="Tables and journals begin with this day.")
@click.option("--to", type=A_DAY, metavar="DATE", help="Tables and journals end with this day.")
@click.option("--out", required=True, type=A_FOLDER, metavar="DIR", help="The folder; empty, or not there yet.")
@as_json
def export(book: str, from_: datetime.datetime | None, to: datetime.datetime | None, out: Path, as_json: bool) -> None:
    """Write the audit package of a book into a folder: its sealed log, and tables and journals derived from it.

    The log is always whole, since nothing can be proved without all lines. Whoever gets the folder verifies it with
    `python3 verify .` in it, or with `meide verify`. A folder without manifest.json is no package.
    """
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    bar.disable = as_json or not sys.stderr.isatty()
    task = bar.add_task("sealing", total=None)
    given = settings.read(os.environ)

    def progress(done: int, of: int) -> None:
        bar.update(task, description="leaves", completed=done, total=of)

    async def work(database: AsyncEngine) -> list[File]:
        memory.settle()
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        written = packages.write(
            *(database, given, of, out),
            actor=ACTOR,
            from_=None if from_ is None else from_.date(),
            to=None if to is None else to.date(),
            progress=progress,
        )
        async with aclosing(written):
            return [file async for file in written]

    with bar:
        files = with_database(work)
    if as_json:
        print_json({"out": str(out), "files": len(files), "bytes": sum(file.bytes for file in files)})
    else:
        click.echo(f"{len(files)} files, {sum(file.bytes for file in files):,} bytes: {out}")
