"""`meide outlet`: where points become goods."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import outlet_files
from api.cli_files import refused_into, report_on, run, strict, told_refusals
from api.command import A_FILE, as_json, of_book
from api.hours_files import Report


@click.group()
def outlet() -> None:
    """Outlets: shops, stations and others where points become goods and services."""


@outlet.command("import")
@of_book
@click.option("--outlets", required=True, type=A_FILE, help="code,name,kind,organisation (CSV or XLSX).")
@refused_into
@strict
@as_json
def import_outlets(book: str, outlets: Path, refused: Path | None, strict: bool, as_json: bool) -> None:
    """Take outlets from a list; their organisations are there already.

    A faulty line is refused, with its reason, and costs nothing but itself. Importing the same list again changes
    nothing.
    """
    with told_refusals(refused, as_json) as told:

        async def work(database: AsyncEngine, book: int, progress: Callable[[int], None]) -> Report:
            with outlets.open("rb") as raw:
                return await outlet_files.import_outlets(database, book, raw, outlets.name, told=told.add)

        report = run(outlets, book, as_json, work)
        report_on({"outlets": report}, told, book, as_json)
    if strict and report.refused:
        sys.exit(1)
