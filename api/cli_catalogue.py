"""`meide catalogue`: what can be redeemed, out of a list."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import catalogue_files
from api.cli_files import refused_into, report_on, run, strict, told_refusals
from api.command import A_FILE, as_json, of_book
from api.hours_files import Report


@click.group()
def catalogue() -> None:
    """The catalogue: goods, services and perks, their prices, and which outlet has what."""


@catalogue.command("import")
@of_book
@click.option(
    "--file",
    required=True,
    type=A_FILE,
    help="code,name,kind,points,stock,quota_per_person[,star,most_star] (CSV or XLSX).",
)
@click.option("--outlet", "outlets", metavar="CODE", multiple=True, help="Only at this one.  [default: at all]")
@refused_into
@strict
@as_json
def import_catalogue(
    book: str, file: Path, outlets: tuple[str, ...], refused: Path | None, strict: bool, as_json: bool
) -> None:
    """Take items from a list: with their prices and quotas into the catalogue, and to the outlets of the book.

    Of goods with a number as stock so many donated pieces are received at each outlet, once; everything else is offered
    there as the merchant's own. `star` and `most_star` may be left out: who has so many stars at least, and at most. A
    faulty line is refused, with its reason, and costs nothing but itself. Importing the same list again changes
    nothing.
    """
    with told_refusals(refused, as_json) as told:

        async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> dict[str, Report]:
            with file.open("rb") as raw:
                return await catalogue_files.import_catalogue(database, book, raw, file.name, outlets, told=told.add)

        done = run(file, book, as_json, work)
        report_on(done, told, book, as_json)
    if strict and any(each.refused for each in done.values()):
        sys.exit(1)
