"""`meide targets`: who reached the targets of a year, and how far everybody is."""

from __future__ import annotations

import csv
import sys
from typing import Any

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api.command import as_json, of_book, print_json, with_database
from ledger.books import directory
from ledger.database import connect
from ledger.days import day_of
from ledger.recognition import targets as domain

COLUMNS = ("year", "target", "volunteer", "organisation", "amount", "needed", "reached")


@click.command("targets")
@of_book
@click.option("--year", type=click.IntRange(*domain.YEARS), help="[default: this year]")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@as_json
def print_targets(book: str, year: int | None, form: str, as_json: bool) -> None:
    """Print how far people and groups are with each target of a year: minutes, weeks or days.

    Who has not served for a target is not listed.
    """

    async def work(database: AsyncEngine) -> list[dict[str, Any]]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            asked = day_of(await connect.now(tx)).year if year is None else year
            await connect.no_timeout(tx)
            return [
                {
                    "year": asked,
                    "target": target.target,
                    "volunteer": each.volunteer_no,
                    "organisation": each.organisation,
                    "amount": each.amount,
                    "needed": each.needed,
                    "reached": each.reached,
                }
                for target in await domain.targets_of(tx, of.book_id, year=asked, limit=10_000)
                for each in (await domain.progress(tx, of.book_id, target, asked)).items
            ]

    rows = with_database(work)
    if as_json or form == "json":
        print_json(rows)
        return
    out = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
