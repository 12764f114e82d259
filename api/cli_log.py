"""`meide log`: how the sealed log of a book stands, the key to publish, sealing at once."""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import problems, sealing, settings
from api.command import as_json, language, of_book, print_json, with_database
from ledger.auditing import log, signer
from ledger.auditing.log import Checkpoint, Standing
from ledger.books import directory
from ledger.errors import Fault


@click.group("log")
def sealed_log() -> None:
    """The sealed log: every entry a leaf, every checkpoint signed.

    The service seals and publishes every second by itself.
    """


@dataclass(frozen=True, slots=True)
class _Status:
    standing: Standing
    newest: Checkpoint | None
    fault: Fault | None


@sealed_log.command("status")
@of_book
@as_json
def status(book: str, as_json: bool) -> None:
    """Show what is sealed, published and waiting; exit 1 if the log would not be signed as it is."""
    given = settings.read(os.environ)
    by = sealing.signer_of(given)

    async def work(database: AsyncEngine) -> _Status:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            return _Status(
                await log.standing(tx, of.book_id),
                await log.newest(tx, of.book_id, signer.origin(by, of.code)),
                await sealing.obstacle(tx, by, of),
            )

    found = with_database(work)
    standing, newest = found.standing, found.newest
    if as_json:
        print_json(
            {
                "book": book,
                "origin": signer.origin(by, book),
                "vkey": signer.vkey(by, book),
                "size": standing.size,
                "era": standing.era,
                "unsealed": standing.unsealed,
                "unsealed_since": standing.since and standing.since.isoformat(),
                "checkpoint": newest
                and {
                    "number": newest.number,
                    "size": newest.size,
                    "root": base64.b64encode(newest.root).decode(),
                    "created_at": newest.created_at.isoformat(),
                    "note": newest.note,
                },
                "refused": found.fault
                and {"fault": type(found.fault).__name__, "message": problems.fault_sentence(found.fault, language())},
            }
        )
    else:
        click.echo(f"{signer.origin(by, book)}: {standing.size:,} leaves sealed, {standing.unsealed:,} not yet.")
        if standing.since is not None:
            click.echo(f"Waiting since {standing.since:%Y-%m-%d %H:%M:%S} UTC.")
        if newest is None:
            click.echo("No checkpoint has been published.")
        else:
            click.echo(
                f"Checkpoint {newest.number} of {newest.created_at:%Y-%m-%d %H:%M:%S} UTC:"
                f" {newest.size:,} leaves, root {base64.b64encode(newest.root).decode()}"
            )
        click.echo(f"Key: {signer.vkey(by, book)}")
        if found.fault is not None:
            click.echo(problems.fault_sentence(found.fault, language()), err=True)
    if found.fault is not None:
        sys.exit(1)


@sealed_log.command("key")
@of_book
@as_json
def show_key(book: str, as_json: bool) -> None:
    """Print the verification key of a book's log: publish it where we cannot change it.

    Older keys follow: checkpoints that they have signed stay valid.
    """
    by = sealing.signer_of(settings.read(os.environ))

    async def work(database: AsyncEngine) -> str:
        async with database.connect() as tx:
            return (await directory.find_book(tx, book)).code

    vkeys = signer.vkeys(by, with_database(work))
    if as_json:
        print_json({"book": book, "origin": signer.origin(by, book), "vkey": vkeys[0], "older": vkeys[1:]})
    else:
        for vkey in vkeys:
            click.echo(vkey)


@sealed_log.command("seal")
@of_book
@as_json
def seal(book: str, as_json: bool) -> None:
    """Seal and publish now, and print the signed checkpoint."""
    given = settings.read(os.environ)

    async def work(database: AsyncEngine) -> Checkpoint | None:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
        return await sealing.now(database, given, of.book_id)

    made = with_database(work)
    if as_json:
        print_json({"book": book, "size": made.size if made else 0, "note": made.note if made else None})
    elif made is None:
        click.echo("There is nothing to seal yet.")
    else:
        click.echo(made.note, nl=False)
