"""Stars from history: what the statement says, and what the rule says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import hours, organisations, volunteers
from ledger.recognition import ladder as rule
from ledger.recognition import stars
from ledger.recognition.ladder import NATIONAL, Ladder, Level

EVERYTHING: Final = Ladder(
    name="all that a ladder can ask for",
    classes=("credit", "honour"),
    levels=(
        Level(600),
        Level(1_200, points=0, months=6),
        Level(2_400, points=10, months=12, in_order=True, certifier="district", title="金星"),
    ),
    year_minutes=60,
    standing_months=12,
    may_fall=False,
)


@pytest.mark.parametrize("ladder", [NATIONAL, EVERYTHING], ids=["national", "everything"])
@pytest.mark.parametrize("known", [False, True])
async def test_the_statement_says_what_the_rule_says(
    database: AsyncEngine, book: Book, ladder: Ladder, known: bool
) -> None:
    day = date(2026, 3, 1)
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D1", "一区")
        rows = [(f"37000000000{number}", 700 * number) for number in range(1, 6)]
        await hours.carry_over(tx, book.book_id, "D1", date(2026, 1, 1), rows, by="user:1")
        holders = await volunteers.holders_of(tx, book.book_id, {number for number, _ in rows})
    async with database.connect() as tx:
        known_at = await connect.now(tx) - timedelta(seconds=30) if known else None
        found = [each async for each in stars.of_book(tx, book.book_id, ladder=ladder, day=day, known_at=known_at)]
        one = await stars.of_volunteer(
            tx, book.book_id, holders["370000000003"], ladder=ladder, day=day, known_at=known_at
        )
    assert [each.volunteer_no for each in found] == ([] if known else [number for number, _ in rows])
    assert one == (None if known else found[2])
    assert all(each.star == rule.star(ladder, each.facts, day) for each in found)
    assert known or found[2].credit_minutes == 2_100
