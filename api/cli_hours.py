"""`meide hours`: service records on the command line."""

from __future__ import annotations

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import memory
from api.command import as_json, of_book, print_json, with_database
from ledger.books import directory, holds
from ledger.earning import crediting, expiry


@click.group()
def hours() -> None:
    """Hours: service records and what becomes of them."""


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
