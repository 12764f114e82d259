"""`meide budget`: how many points a programme may issue in a year."""

from __future__ import annotations

import secrets

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import calls
from api.budgets import NewGrant
from api.command import as_json, of_book, print_json, with_database
from ledger.books import directory
from ledger.earning import budgets
from ledger.earning.budgets import FIRST_YEAR, LAST_YEAR, Budget

CLIENT = "room:cli"

of_year = click.option("--year", required=True, type=click.IntRange(FIRST_YEAR, LAST_YEAR))
so_many = click.option("--points", required=True, type=click.IntRange(min=1))


@click.group()
def budget() -> None:
    """Budgets: points are issued up to what was granted, and no further."""


@budget.command("grant")
@of_book
@of_year
@so_many
@click.option("--fen", default=0, type=click.IntRange(min=0), help="The money behind them, in fen.  [default: 0]")
@click.option("--key", help="The same grant again under its key changes nothing.  [default: a new one]")
@as_json
def grant(book: str, year: int, points: int, fen: int, key: str | None, as_json: bool) -> None:
    """Add points to a book's budget, with the money behind them."""

    async def work(database: AsyncEngine) -> Budget:
        async with database.begin() as tx:
            of = await directory.find_book(tx, book)
            return await budgets.grant(
                *(tx, of.book_id, year, points, fen),
                by=CLIENT,
                client=CLIENT,
                key=key or f"grant-{secrets.token_urlsafe(16)}",
                call=calls.identity("POST", "/budgets", NewGrant(year, points, fen)),
            )

    _say(with_database(work), as_json)


@budget.command("share")
@of_book
@of_year
@click.option("--organisation", required=True, metavar="CODE")
@so_many
@as_json
def share(book: str, year: int, organisation: str, points: int, as_json: bool) -> None:
    """Set how much of it an organisation and those below it may issue in all."""

    async def work(database: AsyncEngine) -> Budget:
        async with database.begin() as tx:
            of = await directory.find_book(tx, book)
            return await budgets.share(tx, of.book_id, year, organisation, points)

    _say(with_database(work), as_json)


@budget.command("list")
@of_book
@as_json
def list_all(book: str, as_json: bool) -> None:
    """What was granted, what of it has been issued, and what is left."""

    async def work(database: AsyncEngine) -> list[Budget]:
        async with database.connect() as tx:
            return await budgets.budgets_of(tx, (await directory.find_book(tx, book)).book_id)

    found = with_database(work)
    if as_json:
        print_json([_shown(each) for each in found])
    else:
        for each in found:
            click.echo(_sentence(each))


def _say(of: Budget, as_json: bool) -> None:
    if as_json:
        print_json(_shown(of))
    else:
        click.echo(_sentence(of))


def _shown(of: Budget) -> dict[str, object]:
    return {
        "year": of.year,
        "organisation": of.organisation,
        "granted": of.granted,
        "issued": of.issued,
        "left": of.left,
    }


def _sentence(of: Budget) -> str:
    whose = "the whole book" if of.organisation is None else of.organisation
    return f"{of.year}, {whose}: {of.granted:,} granted, {of.issued:,} issued, {of.left:,} left."
