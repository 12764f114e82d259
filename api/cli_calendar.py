"""`meide calendar`: working days in China. Where the holidays of a year are not known, Monday to Friday count."""

from __future__ import annotations

import datetime

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api.command import A_DAY, as_json, print_json, with_database
from ledger.earning import working_days


@click.group()
def calendar() -> None:
    """Working days: by them the days of review, notice and objection are counted."""


@calendar.command("set")
@click.argument("day", type=A_DAY, metavar="DATE")
@click.argument("kind", type=click.Choice(["working", "holiday"]))
@click.option("--name", default="", help="Of the holiday, or for which one the day is worked off.")
@as_json
def set_day(day: datetime.datetime, kind: str, name: str, as_json: bool) -> None:
    """Say of a day whether it is worked. Deadlines that have been told to people stay as they are."""

    async def work(database: AsyncEngine) -> None:
        async with database.begin() as tx:
            await working_days.set_day(tx, day.date(), kind == "working", name)

    with_database(work)
    if as_json:
        print_json({"day": day.date(), "working": kind == "working", "name": name})
    else:
        click.echo(f"{day:%Y-%m-%d} is a {kind} day." if kind == "working" else f"{day:%Y-%m-%d} is a holiday.")


@calendar.command("load")
@as_json
def load(as_json: bool) -> None:
    """Add the days of the years that this version's package chinesecalendar knows; days that are there stay."""

    async def work(database: AsyncEngine) -> dict[int, int]:
        async with database.begin() as tx:
            return await working_days.load(tx)

    added = with_database(work)
    if as_json:
        print_json({"added": added})
    else:
        years = ", ".join(f"{year} ({days} days)" for year, days in added.items())
        click.echo(f"Added: {years}" if added else "Nothing new: all years of the package are there.")


@calendar.command("show")
@click.argument("year", type=click.IntRange(1, 9999))
@as_json
def show(year: int, as_json: bool) -> None:
    """Print the days of a year that are not as their weekday says."""

    async def work(database: AsyncEngine) -> list[working_days.Day]:
        async with database.connect() as tx:
            return await working_days.of_year(tx, year)

    days = with_database(work)
    shown = [each for each in days if each.working != (each.day.weekday() < 5)]
    if as_json:
        print_json(
            {
                "year": year,
                "days_known": len(days),
                "exceptions": [{"day": each.day, "working": each.working, "name": each.name} for each in shown],
            }
        )
        return
    if not days:
        click.echo(f"The holidays of {year} are not known: Monday to Friday count. Try: meide calendar load")
    for each in shown:
        click.echo(f"{each.day:%Y-%m-%d %a}  {'working' if each.working else 'holiday'}  {each.name}".rstrip())
