"""`meide organisation`: organisations one by one; lists of them come with `meide hours import --organisations`."""

from __future__ import annotations

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api.command import as_json, of_book, print_json, with_database
from ledger.books import directory
from ledger.earning import organisations
from ledger.earning.organisations import STATUSES, Organisation


@click.group()
def organisation() -> None:
    """Organisations: a tree of any depth, with a status each."""


@organisation.command("add")
@click.argument("code")
@click.argument("name")
@of_book
@click.option("--parent", metavar="CODE", help="The organisation above it.  [default: none]")
@click.option("--level", default="team", show_default=True, help="district, subdistrict, community, team, department …")
@as_json
def add(code: str, name: str, book: str, parent: str | None, level: str, as_json: bool) -> None:
    """Add an organisation."""

    async def work(database: AsyncEngine) -> Organisation:
        async with database.begin() as tx:
            of = await directory.find_book(tx, book)
            return await organisations.add(tx, of.book_id, code, name, parent, level)

    _say(with_database(work), as_json)


@organisation.command("status")
@click.argument("code")
@click.argument("status", type=click.Choice(STATUSES))
@of_book
@as_json
def set_status(code: str, status: str, book: str, as_json: bool) -> None:
    """Suspend an organisation, let it go or in again; those below it follow it."""

    async def work(database: AsyncEngine) -> Organisation:
        async with database.begin() as tx:
            of = await directory.find_book(tx, book)
            return await organisations.set_status(tx, of.book_id, code, status)

    _say(with_database(work), as_json)


def _say(each: Organisation, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "code": each.code,
                "name": each.name,
                "parent": each.parent,
                "line": list(each.line),
                "level": each.level,
                "status": each.status,
            }
        )
    else:
        click.echo(f"{each.code} ({each.name}), {each.level}, is {each.status}.")
