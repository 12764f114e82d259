"""The commands `meide hours` and `meide import`."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import hours_files, memory, problems
from api.cli_files import Refusals, Work, refused_into, report_on, run, strict, told_refusals
from api.command import A_DAY, A_FILE, as_json, language, of_book, print_json, with_database
from api.hours_files import Report, Undoing
from ledger.books import directory, holds
from ledger.earning import crediting, expiry, sheets
from ledger.earning import hours as earned
from ledger.earning.hours import Hours
from ledger.earning.sheets import Import

ACTOR = "room:cli"


@click.group()
def hours() -> None:
    """Service hours: sheets in, totals out."""


@hours.command("import")
@of_book
@click.option("--organisations", type=A_FILE, help="The sheet of organisations (CSV or XLSX).")
@click.option("--sheet", type=A_FILE, help="The sheet of service hours (CSV or XLSX).")
@click.option("--as-of", type=A_DAY, help="The day of which the sheet is: nothing later is taken.  [default: today]")
@click.option("--reviewed", is_flag=True, help="Its lines count as reviewed and enter public notice at once.")
@refused_into
@strict
@as_json
def import_hours(
    book: str,
    organisations: Path | None,
    sheet: Path | None,
    as_of: datetime.datetime | None,
    reviewed: bool,
    refused: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Take organisations and service records from sheets; unknown volunteers are registered.

    A faulty line is refused, with its reason, and costs nothing but itself. Importing the same sheet again changes
    nothing. `meide import undo` undoes what one import brought.
    """
    if organisations is None and sheet is None:
        raise click.UsageError("Name --organisations, or --sheet, or both.")
    with told_refusals(refused, as_json) as told:
        done: dict[str, Report] = {}
        if organisations is not None:
            done["organisations"] = run(organisations, book, as_json, _organisations(organisations, told))
        if sheet is not None:
            day = as_of.date() if as_of else None
            done["records"] = run(sheet, book, as_json, _sheet(sheet, day, reviewed, told))
        report_on(done, told, book, as_json)
    if strict and any(report.refused for report in done.values()):
        sys.exit(1)


@hours.command("opening")
@of_book
@click.option("--organisation", required=True, metavar="CODE", help="Whose hours they are: usually the district.")
@click.option("--file", required=True, type=A_FILE, help="volunteer,credit_minutes (CSV or XLSX).")
@click.option("--date", "day", required=True, type=A_DAY, help="The day on which they count.")
@refused_into
@strict
@as_json
def import_opening(
    book: str,
    organisation: str,
    file: Path,
    day: datetime.datetime,
    refused: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Carry over the hours that volunteers have from an earlier platform, once for each of them."""
    with told_refusals(refused, as_json) as told:

        async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> Report:
            with file.open("rb") as raw:
                return await hours_files.import_opening(
                    *(database, book, raw, file.name),
                    organisation=organisation,
                    day=day.date(),
                    by=ACTOR,
                    told=told.add,
                    progress=progress,
                )

        report = run(file, book, as_json, work)
        report_on({"carried over": report}, told, book, as_json)
    if strict and report.refused:
        sys.exit(1)


@hours.command("totals")
@of_book
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@as_json
def print_totals(book: str, form: str, as_json: bool) -> None:
    """Print the hours of every volunteer, in minutes."""

    async def work(database: AsyncEngine, book: int) -> list[Hours]:
        async with database.connect() as tx:
            return await earned.totals(tx, book)

    rows = [
        {
            "volunteer": each.volunteer_no,
            "credit_minutes": each.credit_minutes,
            "honour_minutes": each.honour_minutes,
        }
        for each in _in_book(book, work)
    ]
    _table(rows, ("volunteer", "credit_minutes", "honour_minutes"), as_json or form == "json")


# --- notice: ends by itself every hour while the service runs, and here when somebody says so -------------------------


@hours.command("release")
@of_book
@as_json
def release(book: str, as_json: bool) -> None:
    """Credit what was in public notice until yesterday, and what waited for the budget as far as that goes.

    It can be interrupted and run again at any time, also while the service runs.
    """

    async def work(database: AsyncEngine) -> tuple[int, int]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        return await crediting.release(database, of.book_id), await crediting.resume(database, of.book_id)

    released, resumed = with_database(work)
    if as_json:
        print_json({"released": released, "resumed": resumed})
    else:
        click.echo(f"Credited after their notice: {released}. Entered notice since there is budget: {resumed}.")


# --- the end of points: by itself every hour too ----------------------------------------------------------------------


@hours.command("expire")
@of_book
@as_json
def expire(book: str, as_json: bool) -> None:
    """Give back what was held by holds that ran out, and post to breakage what has lapsed. A service does so itself.

    It can be interrupted and run again at any time.
    """

    async def work(database: AsyncEngine) -> tuple[int, int]:
        memory.settle()
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        return await holds.sweep(database, of.book_id), await expiry.expire(database, of.book_id)

    given_back, expired = with_database(work)
    if as_json:
        print_json({"book": book, "holds_given_back": given_back, "points_expired": expired})
    else:
        click.echo(f"{given_back} holds had run out and were given back; {expired} points have expired.")


@click.group("import")
def imports() -> None:
    """Imports of sheets: what there was, and undoing one."""


@imports.command("list")
@of_book
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@as_json
def list_imports(book: str, form: str, as_json: bool) -> None:
    """Print the imports that brought records, the newest first."""

    async def work(database: AsyncEngine, book: int) -> list[Import]:
        async with database.connect() as tx:
            return await sheets.imports_of(tx, book)

    columns = [field.name for field in dataclasses.fields(Import)]
    rows = [{name: getattr(each, name) for name in columns} for each in _in_book(book, work)]
    _table(rows, columns, as_json or form == "json")


@imports.command("undo")
@click.argument("import_id", metavar="ID", type=click.UUID)
@of_book
@as_json
def undo_import(import_id: UUID, book: str, as_json: bool) -> None:
    """Reverse everything that an import posted. The volunteers stay registered.

    It can be interrupted and run again. Exit 1 if the books did not let something be undone.
    """

    async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> Undoing:
        return await hours_files.undo_import(database, book, import_id, by=ACTOR, progress=progress)

    done = run(None, book, as_json, work)
    left = [
        {"record": record, "reason": problems.code(refusal), "message": problems.sentence(refusal, language())}
        for record, refusal in done.left
    ]
    if as_json:
        print_json({"import_id": import_id, "undone": done.undone, "left": left})
    else:
        for each in left:
            click.echo(f"{each['record']}: {each['reason']}: {each['message']}", err=True)
        click.echo(f"Done: {done.undone} records undone, {len(left)} left")
    if left:
        sys.exit(1)


# --- how they run -----------------------------------------------------------------------------------------------------


def _organisations(file: Path, told: Refusals) -> Work:
    async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> Report:
        with file.open("rb") as raw:
            return await hours_files.import_organisations(database, book, raw, file.name, told=told.add)

    return work


def _sheet(file: Path, as_of: datetime.date | None, reviewed: bool, told: Refusals) -> Work:
    async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> Report:
        with file.open("rb") as raw:
            return await hours_files.import_sheet(
                *(database, book, raw, file.name),
                by=ACTOR,
                as_of=as_of,
                reviewed=reviewed,
                told=told.add,
                progress=progress,
            )

    return work


def _in_book(book: str, work: Callable[[AsyncEngine, int], Awaitable[Any]]) -> Any:
    async def run(database: AsyncEngine) -> Any:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        return await work(database, of.book_id)

    return with_database(run)


# --- what they say ----------------------------------------------------------------------------------------------------


def _table(rows: list[dict[str, Any]], columns: Any, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        out = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
