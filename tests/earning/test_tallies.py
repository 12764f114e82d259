"""What stands already of a person: the tally that is read from the records is the one that was kept while crediting."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import organisations, tallies
from ledger.earning.rules import EVERYTHING, RuleSet, Tally, Work, award, periods_of
from ledger.earning.tables import records
from tests.conftest import new_book
from tests.earning.rulebook import MARCH_5, WEIHAI, act, rule_set, service

SINCE = date(2026, 1, 1)


async def stored(
    database: AsyncEngine, book: Book, rules: RuleSet, works: Iterable[Work], holder: str = "1", **changed: Any
) -> tuple[Tally, list[UUID]]:
    """Records of these works with what they earn, one after the other; the tally that was kept, and their ids."""
    tally, ids = Tally(), []
    async with database.begin() as tx:
        for number, work in enumerate(works):
            given = award(rules, work, tally)
            tally.add(work, given)
            ids.append(uuid4())
            begins = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
            timed = work.record_class != "act"
            await tx.execute(
                insert(records).values(
                    {
                        "book_id": book.book_id,
                        "record_id": ids[-1],
                        "record": str(ids[-1]),
                        "holder": holder,
                        "organisation": "street",
                        "activity": work.activity,
                        "activity_name": "",
                        "category": work.category,
                        "record_class": work.record_class,
                        "item": given.item,
                        "check_in": begins if timed else None,
                        "check_out": begins + timedelta(hours=1) if timed else None,
                        "served_on": work.day,
                        "minutes": work.minutes,
                        "by_leader": False,
                        "forgotten": False,
                        "recorder": "记录人",
                        "submitted_at": begins,
                        "submitted_by": "user:1",
                        "state": "credited",
                        "review_by": "street",
                        "points": given.points,
                        "bonus": given.bonus,
                        "inputs": given.inputs,
                    }
                    | changed
                )
            )
    return tally, ids


async def street(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")


async def read(database: AsyncEngine, book: Book, *holders: str, since: date = SINCE) -> dict[str, Tally]:
    async with database.connect() as tx:
        return await tallies.of(tx, book.book_id, holders, since)


def figures(tally: Tally, works: Iterable[Work]) -> list[Any]:
    """Everything that a tally says about the periods of these works."""
    items = ["P01", "P07", "P12", "P16", "M01", EVERYTHING]
    return [
        (tally.points(item, period), tally.parts(item, period), tally.minutes(work.day.year))
        for work in works
        for period in periods_of(work.day, work.activity)
        for item in items
    ]


WORKS = [
    service(95, activity="a"),
    service(45, activity="a"),
    service(50, MARCH_5 + timedelta(days=1), category="理论宣讲"),
    service(180, record_class="honour"),
    act("P12"),
    act("P12", date(2026, 4, 1)),
    act("P16", minutes=120),
    act("M01"),
    service(61, date(2026, 12, 31), activity="b"),
]


async def test_a_tally_read_from_the_records_is_the_one_kept_while_crediting(database: AsyncEngine) -> None:
    for rules in (rule_set(), rule_set(rounding="month"), rule_set(ladder=WEIHAI), rule_set(rounding="day")):
        book = await new_book(database)
        await street(database, book)
        kept, _ = await stored(database, book, rules, WORKS)
        found = await read(database, book, "1", "2")
        assert figures(found["1"], WORKS) == figures(kept, WORKS)
        assert figures(found["2"], WORKS) == figures(Tally(), WORKS)


async def test_what_was_refused_or_corrected_is_not_in_it(database: AsyncEngine) -> None:
    book = await new_book(database)
    await street(database, book)
    _, ids = await stored(database, book, rule_set(ladder=WEIHAI), [service(600), service(60)])
    async with database.begin() as tx:
        await tx.execute(
            update(records)
            .where(records.c.book_id == book.book_id, records.c.record_id == ids[0])
            .values(state="corrected")
        )
    found = (await read(database, book, "1"))["1"]
    assert (found.minutes(2026), found.points(EVERYTHING, "2026")) == (60, 1)


async def test_what_the_rules_have_not_decided_is_not_in_it(database: AsyncEngine) -> None:
    book = await new_book(database)
    await street(database, book)
    undecided = {"state": "submitted", "points": None, "bonus": None, "inputs": None}
    await stored(database, book, rule_set(), [service(600)], **undecided)
    assert (await read(database, book, "1"))["1"].minutes(2026) == 0


async def test_it_begins_on_its_day_and_is_one_persons_in_one_book(database: AsyncEngine) -> None:
    book, other = await new_book(database), await new_book(database)
    for each in (book, other):
        await street(database, each)
    await stored(database, book, rule_set(), [service(60), service(60, MARCH_5 - timedelta(days=1))])
    await stored(database, book, rule_set(), [service(120)], holder="2")
    await stored(database, other, rule_set(), [service(240)])
    found = await read(database, book, "1", "2", since=MARCH_5)
    assert [found[holder].points(EVERYTHING, "2026") for holder in ("1", "2")] == [10, 20]
    assert await read(database, book) == {}
