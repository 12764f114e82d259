"""The ladders that come with the service: SQL and Python say the same, on a book with all that they ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Final
from uuid import uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import ladders
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import hours, organisations, volunteers
from ledger.earning.tables import volunteers as volunteers_table
from ledger.recognition import ladder as rule
from ledger.recognition import marks, stars
from ledger.recognition.ladder import Ladder
from ledger.recognition.tables import assessments
from ledger.recognition.tables import awards as awards_table
from tests.conftest import new_book
from tests.earning.rows import a_record

DAY: Final = date(2026, 3, 1)
SERVED: Final = (0, 49, 50, 100, 299, 300, 600, 1000, 1500, 2000)
EARNED: Final = (0, 500, 21_000)
SINCE: Final = (DAY - timedelta(days=100), date(2025, 9, 1), date(2024, 3, 1))
HELD: Final = (0, 1, 4)


async def a_crowd(database: AsyncEngine, book: Book) -> dict[str, str]:
    """Holders by number: of every count of hours one with each points, registration and award."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        await organisations.add(tx, book.book_id, "D1", "一区")
        people = {f"N{number:04d}": facts for number, facts in enumerate(product(SERVED, EARNED, SINCE, HELD))}
        rows = [(number, 60 * served) for number, (served, *_) in people.items() if served]
        await hours.carry_over(tx, book.book_id, "D1", date(2026, 1, 1), rows, by="user:1")
        await volunteers.register_many(tx, book.book_id, [n for n, (served, *_) in people.items() if not served], "D1")
        holders = await volunteers.holders_of(tx, book.book_id, set(people))
        assessment = await _an_assessment(tx, book, now)
        for number, (_, earned, since, held) in people.items():
            holder = holders[number]
            await tx.execute(
                update(volunteers_table)
                .where(volunteers_table.c.book_id == book.book_id, volunteers_table.c.holder == holder)
                .values(registered_at=datetime(since.year, since.month, since.day, tzinfo=UTC))
            )
            if earned:
                await _earned(tx, book, holder, earned, now)
            for star in range(1, held + 1):
                await _awarded(tx, book, assessment, holder, star, now)
            if int(number[1:]) % 7 == 0:
                await marks.put(tx, book.book_id, holder, date(2025, 12, 1), "absence", by="user:1", now=now)
    return holders


async def _an_assessment(tx: AsyncConnection, book: Book, now: datetime) -> object:
    values = {"assessment_id": uuid4(), "as_of": DAY, "known_at": now, "ladder": 0, "made_by": "user:1", "made_at": now}
    await tx.execute(insert(assessments).values(book_id=book.book_id, **values))
    return values["assessment_id"]


async def _earned(tx: AsyncConnection, book: Book, holder: str, points: int, now: datetime) -> None:
    reviewed = {"reviewed_by": "user:2", "reviewed_at": now, "due_on": None}
    earned = {"rule_set": 1, "points": points, "bonus": 0, "notice_from": DAY, "notice_until": DAY}
    ended = {"ended_at": now, "ended_by": "room:earning", "state": "credited"}
    await a_record(tx, book.book_id, holder, "D1", served_on=date(2026, 2, 1), **reviewed, **earned, **ended)


async def _awarded(tx: AsyncConnection, book: Book, assessment: object, holder: str, star: int, now: datetime) -> None:
    await tx.execute(
        insert(awards_table).values(
            book_id=book.book_id,
            award_id=uuid4(),
            assessment_id=assessment,
            holder=holder,
            star=star,
            title="",
            as_of=DAY,
            minutes=3_000 * star,
            needed=3_000 * star,
            honour=False,
            organisation="D1",
            state="awarded",
            proposed_by="user:1",
            proposed_at=now,
            notice_from=DAY,
            notice_until=DAY,
            decided_by="user:2",
            decided_at=now,
            awarded_on=DAY,
            serial=str(uuid4()),
        )
    )


async def test_what_the_statement_says_of_an_example_is_what_the_rule_says(database: AsyncEngine) -> None:
    book = await new_book(database)  # records and awards are rows without postings: no check of books is for it
    crowd = await a_crowd(database, book)
    examples = {name: ladders.example(name) for name in ladders.EXAMPLES}
    strict = {name: replace(each, standing_months=6, may_fall=False) for name, each in examples.items()}
    async with database.connect() as tx:
        for name, each in [*examples.items(), *strict.items()]:
            found = [it async for it in stars.of_book(tx, book.book_id, ladder=each, day=DAY)]
            assert len(found) == len(crowd), name
            assert all(it.star == rule.star(each, it.facts, DAY) for it in found), name
            assert len({it.star for it in found}) > 3, name
        fujian, national = await _counts(tx, book, examples["fujian"]), await _counts(tx, book, examples["national"])
        assert fujian == national  # who certifies is asked at the award
        for name in ("shenzhen", "sichuan"):
            assert sum((await _counts(tx, book, examples[name])).elements()) < sum(national.elements()), name
        before = replace(examples["national"], year_minutes=1)
        after = strict["longquanyi"]
        was = {it.holder: it.star async for it in stars.of_book(tx, book.book_id, ladder=before, day=DAY)}
        will = {it.holder: it.star async for it in stars.of_book(tx, book.book_id, ladder=after, day=DAY)}
        pairs = await stars.compared(tx, book.book_id, before, after, day=DAY)
        assert pairs == Counter((was[holder], will[holder]) for holder in crowd.values())
        assert len(pairs) > 10


async def _counts(tx: AsyncConnection, book: Book, ladder: Ladder) -> Counter[int]:
    return Counter([each.star async for each in stars.of_book(tx, book.book_id, ladder=ladder, day=DAY)])
