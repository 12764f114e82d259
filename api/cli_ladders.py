"""`meide ladder`: what stars ask for, from a file or an example; drafted by one person, approved by another."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import ladders as words
from api import versioned
from api.cli_rules import by_whom, of_version, somebody
from api.command import A_DAY, A_FILE, as_json, language, of_book, print_json, with_database
from ledger.access.rights import Right
from ledger.books import directory
from ledger.books.versions import Version
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField
from ledger.recognition import ladder_body, ladders
from ledger.recognition.ladder import Ladder

an_example = click.option(
    "--example", type=click.Choice(list(words.EXAMPLES)), help="One that comes with the service, instead of a file."
)


@click.group()
def ladder() -> None:
    """What stars ask for: hours, points, time since registration, in versions."""


@ladder.command("list")
@click.option("--book", metavar="CODE", help="The versions of this book.  [default: the examples]")
@as_json
def list_ladders(book: str | None, as_json: bool) -> None:
    """List the versions of a book, or the examples that come with the service."""
    if book is None:
        if as_json:
            print_json([_example(name) for name in words.EXAMPLES])
        for name, about in words.EXAMPLES.items():
            if not as_json:
                click.echo(f"{name:<12}{about[language() == 'en']}")
        return

    async def work(database: AsyncEngine) -> list[Version[Ladder]]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            return list(await ladders.versions_of(tx, of.book_id))

    found = with_database(work)
    if as_json:
        print_json([versioned.line(each) for each in found])
        return
    for each in found:
        click.echo(versioned.told(each))
    if not found:
        click.echo(f"{book} has no ladder of its own: the national one holds.")


@ladder.command("show")
@click.option("--book", metavar="CODE", help="The book.")
@click.option("--version", type=click.IntRange(0, 2**31 - 1), metavar="N", help="[default: the one in force today]")
@an_example
@as_json
def show_ladder(book: str | None, version: int | None, example: str | None, as_json: bool) -> None:
    """Print a ladder in words; with --json as data, whose `ladder` is what a file says."""
    if (book is None) == (example is None) or (version is not None and example is not None):
        raise click.UsageError("Say a book (and perhaps a version), or an example.")

    async def work(database: AsyncEngine) -> tuple[Ladder, Version[Ladder] | None]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book or "")
            if version:
                found = await ladders.find(tx, of.book_id, version)
                return found.content, found
            if version == 0:
                return await ladders.version(tx, of.book_id, 0), None
            the = await ladders.in_force(tx, of.book_id, day_of(await connect.now(tx)))
            return the, await ladders.find(tx, of.book_id, the.version) if the.version else None

    the, found = (words.example(example), None) if example is not None else with_database(work)
    if as_json:
        print_json(
            (versioned.line(found) if found is not None else {"version": 0}) | {"ladder": ladder_body.stored(the)}
        )
        return
    click.echo(the.name if found is None else f"{versioned.told(found)} {the.name}".rstrip())
    for sentence in words.words(language(), the):
        click.echo(f"  {sentence}")


@ladder.command("draft")
@click.argument("file", required=False, type=A_FILE)
@an_example
@of_book
@by_whom
@click.option("--effective-from", required=True, type=A_DAY, help="The first day whose stars it says.")
@click.option("--note", default="", help="A line about this version.")
@as_json
def draft_ladder(
    file: Path | None,
    example: str | None,
    book: str,
    by: str,
    effective_from: datetime.datetime,
    note: str,
    as_json: bool,
) -> None:
    """Draft the next version from a JSON file (`meide ladder show --json` prints one) or from an example."""
    if file is not None and example is None:
        the = ladder_body.read(content(file))
    elif file is None and example is not None:
        the = words.example(example)
    else:
        raise click.UsageError("Say a file, or an example.")

    async def work(database: AsyncEngine) -> Version[Ladder]:
        async with database.begin() as tx:
            me, now = await somebody(tx, book, by, Right.DRAFT_RULES), await connect.now(tx)
            return await ladders.draft(
                tx, me.book_id, the, effective_from=effective_from.date(), note=note, by=me.name, now=now
            )

    made = with_database(work)
    if as_json:
        print_json(_shown(made))
    else:
        click.echo(
            f"Version {made.version} with {len(the.levels)} stars waits for its approval by a second person:"
            f" meide ladder approve --book {book} --version {made.version} --by LOGIN"
        )


@ladder.command("approve")
@of_book
@by_whom
@of_version
@as_json
def approve_ladder(book: str, by: str, version: int, as_json: bool) -> None:
    """Approve a version that somebody else drafted. After the book's first, they begin tomorrow at the earliest."""

    async def work(database: AsyncEngine) -> Version[Ladder]:
        async with database.begin() as tx:
            me, now = await somebody(tx, book, by, Right.APPROVE_RULES), await connect.now(tx)
            return await ladders.approve(tx, me.book_id, version, by=me.name, now=now)

    done = with_database(work)
    if as_json:
        print_json(_shown(done))
    else:
        click.echo(f"Version {version} is approved, for the stars of {done.effective_from} and later.")


def content(file: Path) -> Any:
    """What a file says; of one that `show --json` printed, its ladder. InvalidField."""
    try:
        body = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidField(file.name, "not_json") from None
    return body["ladder"] if isinstance(body, dict) and "ladder" in body else body


def _example(name: str) -> dict[str, object]:
    return {"example": name, "ladder": ladder_body.stored(words.example(name))}


def _shown(each: Version[Ladder]) -> dict[str, object]:
    return versioned.line(each) | {"ladder": ladder_body.stored(each.content)}
