"""`meide stars`: the star of every volunteer as of a day, computed from the books."""

from __future__ import annotations

import csv
import datetime
import json
import sys
from collections.abc import Callable
from typing import Any

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import bodies, stars
from api.command import A_DAY, as_json, of_book, with_database
from ledger.books import directory
from ledger.recognition import stars as of_history

COLUMNS = ("as_of", "volunteer", "credit_minutes", "star")


@click.command("stars")
@of_book
@click.option("--as-of", required=True, type=A_DAY, help="The day: what was served until its end counts.")
@click.option("--rules-on", type=A_DAY, help="By the ladder in force on this day.  [default: on the day itself]")
@click.option("--ladder", type=click.IntRange(0), metavar="N", help="By this version of the ladder; 0: the national.")
@click.option("--known-at", metavar="INSTANT", help="As the books knew it then (RFC 3339).  [default: as known now]")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@as_json
def print_stars(
    book: str,
    as_of: datetime.datetime,
    rules_on: datetime.datetime | None,
    ladder: int | None,
    known_at: str | None,
    form: str,
    as_json: bool,
) -> None:
    """Print the star of every volunteer on a day, also of a day long past, by number.

    By the ladder of that day or of another one; as known now, or as the books knew it at an instant, which never
    changes.
    """
    if rules_on is not None and ladder is not None:
        raise click.UsageError("Name --rules-on or --ladder, not both.")
    row, end = _as_json() if as_json or form == "json" else _as_csv()

    async def work(database: AsyncEngine) -> None:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            what = await stars.asked(
                *(tx, of.book_id),
                as_of=as_of.date(),
                rules_on=None if rules_on is None else rules_on.date(),
                known_at=None if known_at is None else bodies.moment(known_at, "known_at"),
                version=ladder,
            )
            found = of_history.of_book(tx, of.book_id, ladder=what.ladder, day=what.day, known_at=what.known_at)
            async for each in found:
                row((what.day, each.volunteer_no, each.credit_minutes, each.star))

    with_database(work)
    end()


Row = Callable[[tuple[Any, ...]], object]


def _as_csv() -> tuple[Row, Callable[[], object]]:
    out = csv.writer(sys.stdout, lineterminator="\n")
    begun = False

    def row(values: tuple[Any, ...]) -> None:
        # The header comes with the first line, so that a command that fails prints nothing.
        nonlocal begun
        if not begun:
            out.writerow(COLUMNS)
            begun = True
        out.writerow(values)

    return row, lambda: None if begun else out.writerow(COLUMNS)


def _as_json() -> tuple[Row, Callable[[], object]]:
    begun = False

    def row(values: tuple[Any, ...]) -> None:
        nonlocal begun
        sys.stdout.write(", " if begun else "[")
        sys.stdout.write(json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False, default=str))
        begun = True

    return row, lambda: sys.stdout.write("]\n" if begun else "[]\n")
