"""The stars of a year of service hours: 400 volunteers, hours carried over and accepted records, on three days."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import hours_files
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.recognition import stars
from ledger.recognition.ladder import NATIONAL
from tests.books.ledgers import move, opened

DATA: Final = Path(__file__).parent.parent / "data" / "hours"
YEAR: Final = (DATA / "service-hours-2026.csv").read_bytes()
AS_OF: Final = date(2026, 11, 21)
EVENING: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def expected() -> dict[str, list[tuple[str, int, int]]]:
    """By day: number, minutes, star."""
    days: dict[str, list[tuple[str, int, int]]] = {}
    with (DATA / "expected-stars.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            told = (row["volunteer"], int(row["credit_minutes"]), int(row["star"]))
            days.setdefault(row["as_of"], []).append(told)
    return days


def accepted_in_another_order() -> bytes:
    """The sheet without the lines that are refused, shuffled: which line of two that overlap is refused is settled."""
    with (DATA / "expected-refused.csv").open(encoding="utf-8", newline="") as file:
        refused = {int(row["line"]) for row in csv.DictReader(file)}
    header, *lines = YEAR.splitlines(keepends=True)
    accepted = [line for number, line in enumerate(lines, start=2) if number not in refused]
    random.Random(7).shuffle(accepted)  # an order, no secret
    return b"".join([header, *accepted])


@pytest.fixture
def database(database: AsyncEngine) -> AsyncEngine:
    """The database on the evening of the day of which the sheet is; time goes on from there."""
    shift = EVENING - datetime.now(UTC)
    return database.execution_options(clock=lambda time: time + shift)


async def taken_over(database: AsyncEngine, book: Book, sheet: bytes) -> None:
    """Organisations, opening, sheet."""
    into = (database, book.book_id)
    for name in ("organisations", "opening-minutes-2025-12-31"):
        raw = io.BytesIO((DATA / f"{name}.csv").read_bytes())
        if name == "organisations":
            await hours_files.import_organisations(*into, raw, "organisations.csv")
        else:
            day = date(2025, 12, 31)
            await hours_files.import_opening(*into, raw, "opening.csv", organisation="370000", day=day, by="user:1")
    await hours_files.import_sheet(*into, io.BytesIO(sheet), "sheet.csv", by="user:1", as_of=AS_OF, reviewed=True)


async def stars_on(database: AsyncEngine, book: Book, day: str) -> list[tuple[str, int, int]]:
    async with database.connect() as tx:
        found = stars.of_book(tx, book.book_id, ladder=NATIONAL, day=date.fromisoformat(day))
        return [(each.volunteer_no, each.credit_minutes, each.star) async for each in found]


@pytest.mark.parametrize("sheet", [YEAR, accepted_in_another_order()], ids=["as exported", "in another order"])
async def test_the_stars_of_the_year_are_as_published_in_whatever_order_the_records_came(
    database: AsyncEngine, book: Book, sheet: bytes
) -> None:
    await taken_over(database, book, sheet)
    days = expected()
    assert list(days) == ["2025-12-31", "2026-06-30", "2026-11-21"]
    for day, told in days.items():
        assert await stars_on(database, book, day) == told

    # Who spends what she has keeps her star, and what others get does not lend her one.
    async with database.connect() as tx:
        holders = await volunteers.holders_of(tx, book.book_id, [told[0] for told in days["2026-11-21"]])
    wallets = [f"2100.{holder}" for holder in list(holders.values())[:40]]
    await opened(database, book, "5120.370000", "2300.X1")
    for wallet in wallets:
        await move(database, book, "5120.370000 100", f"{wallet} 100")
        await move(database, book, f"{wallet} 99", "2300.X1 99")
    assert await stars_on(database, book, "2026-11-21") == days["2026-11-21"]

    # One by one they are as in the book.
    async with database.connect() as tx:
        few = await stars.of_volunteers(tx, book.book_id, list(holders.values()), ladder=NATIONAL, day=AS_OF)
        whole = [each async for each in stars.of_book(tx, book.book_id, ladder=NATIONAL, day=AS_OF)]
    assert few == {each.holder: each for each in whole}
