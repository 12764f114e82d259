"""Assessments: once begun they end in the same result, whoever runs them, however often they are interrupted."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import volunteers
from ledger.errors import InvalidField, UnknownAssessment, UnknownLadder
from ledger.recognition import assessments
from ledger.recognition.ladder import Ladder, Level
from ledger.recognition.tables import assessed
from ledger.recognition.tables import assessments as assessments_table
from tests.recognition.careers import DAY, Career, career


async def rows_of(made: Career, of: assessments.Assessment) -> int:
    async with made.database.connect() as tx:
        wanted = select(func.count()).where(
            assessed.c.book_id == made.book, assessed.c.assessment_id == of.assessment_id
        )
        return int((await tx.execute(wanted)).scalar_one())


async def test_who_runs_what_is_being_run_waits_and_hears_the_same(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100, 300)
    found = await asyncio.gather(*(made.assessed() for _ in range(3)))
    by_id = {each.assessment_id: each for each in found}
    assert all(each == by_id[each.assessment_id] and each.people == 2 for each in found)
    assert len({each.digest for each in found}) == 1
    begun = await assessments.begin(made.database, made.book, DAY, by="user:1")
    runs = await asyncio.gather(*(assessments.run(made.database, made.book, begun.assessment_id) for _ in range(3)))
    assert len(set(runs)) == 1
    assert await rows_of(made, begun) == 2


async def test_what_is_killed_in_between_leaves_nothing_and_goes_on_with_the_same(
    database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    begun = await assessments.begin(made.database, made.book, DAY, by="user:1")
    async with made.database.begin() as tx:
        # The run waits in the middle: its rows cannot refer to the row that this one has changed.
        await tx.execute(text("UPDATE assessments SET made_by = 'user:2' WHERE book_id = :book"), {"book": made.book})
        run = asyncio.create_task(assessments.run(made.database, made.book, begun.assessment_id))
        await asyncio.wait([run], timeout=0.2)
        assert not run.done()
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
    assert await rows_of(made, begun) == 0
    async with made.database.connect() as tx:
        assert (await assessments.find(tx, made.book, begun.assessment_id)).done_at is None
    later = made.later(days=1)
    await more_hours(made)
    done = await later.assessed()
    assert (done.assessment_id, done.known_at, done.people) == (begun.assessment_id, begun.known_at, 1)
    assert await later.stars(done) == {"V-0000": 1}
    assert (await later.assessed()).assessment_id != begun.assessment_id


async def more_hours(made: Career) -> None:
    """Two hundred and one hours in nine days, an hour later: she is asleep for the rest of each."""
    programme, soon = made.programme, made.later(hours=1).database
    days = [date(2026, 2, 1) + timedelta(days=number) for number in range(10)]
    taken = await programme.taken(*(programme.service(str(day), "00:30", "21:00") for day in days), database=soon)
    await programme.review(*taken, database=soon)


async def test_the_same_instant_gives_the_same_digest_whatever_came_in_since(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    first = await made.assessed()
    await more_hours(made)
    later = made.later(days=1)
    again = await later.assessed(known_at=first.known_at)
    assert again.assessment_id != first.assessment_id
    assert (again.digest, again.people) == (first.digest, first.people)
    now = await later.assessed()
    assert now.digest != first.digest
    assert (await later.stars(first), await later.stars(now)) == ({"V-0000": 1}, {"V-0000": 2})
    async with later.database.connect() as tx:
        assert await assessments.again(tx, made.book, first) == (1, first.digest)
        assert await assessments.again(tx, made.book, now) == (1, now.digest)
        ids = [each.assessment_id for each in (now, again, first)]
        assert [each.assessment_id for each in await assessments.of_book(tx, made.book)] == ids
        assert [each.assessment_id for each in await assessments.of_book(tx, made.book, after=ids[0])] == ids[1:]


async def test_who_has_nothing_is_not_in_it_and_who_rises_is_found(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 0, 99, 301, 1500)
    of = await made.assessed()
    async with made.database.connect() as tx:
        everybody = await assessments.rows(tx, made.book, of)
        assert [each.volunteer_no for each in sorted(everybody, key=lambda each: each.credit_minutes)] == [
            "V-0001",
            "V-0002",
            "V-0003",
        ]
        assert everybody == sorted(everybody, key=lambda each: each.holder)
        page = await assessments.rows(tx, made.book, of, limit=2)
        assert page + await assessments.rows(tx, made.book, of, after=page[-1].holder) == everybody
        rises = await assessments.rows(tx, made.book, of, which="rises")
        assert sorted(each.star for each in rises) == [2, 5]
        assert await assessments.rows(tx, made.book, of, which="falls") == []
        assert await assessments.rows(tx, made.book, of, ["D2"]) == []
        assert await assessments.rows(tx, made.book, of, ["D1"]) == everybody
        assert [
            (each.star, each.people, each.rises) for each in await assessments.tallies(tx, made.book, of.assessment_id)
        ] == [
            (0, 1, 0),
            (2, 1, 1),
            (5, 1, 1),
        ]


async def test_who_has_been_erased_stays_in_the_figures_and_in_no_list(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100, 100)
    of = await made.assessed()
    await made.proposed(of)
    [star] = await made.awards_of(0)
    async with made.database.begin() as tx:
        await volunteers.forget(tx, made.book, "V-0000", "user:1")
    assert await made.stars(of) == {"V-0001": 1}
    assert (await made.find(star)).volunteer_no is None
    async with made.database.connect() as tx:
        [row] = await assessments.rows(tx, made.book, of, holder=made.holder(0))
        assert (row.volunteer_no, row.star) == (None, 1)
        assert (await assessments.again(tx, made.book, of))[0] == 1  # nobody knows whose hours these are
    assert (await made.assessed()).people == 1
    assert [each.holder for each in (await made.later(days=10).award_all()).awards] == [made.holder(1)]


async def test_a_book_in_which_nothing_happened_has_an_empty_assessment(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 0)
    of = await made.assessed()
    assert (of.people, await rows_of(made, of)) == (0, 0)
    assert of.digest is not None


async def test_a_day_that_has_not_come_and_a_ladder_that_is_not_there_are_refused(
    database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    for day in (DAY + timedelta(days=1), date(1989, 12, 31)):
        with pytest.raises(InvalidField):
            await made.assessed(day)
    with pytest.raises(UnknownLadder):
        await made.assessed(version=7)
    async with made.database.connect() as tx:
        now = await connect.now(tx)
    with pytest.raises(InvalidField):
        await made.assessed(known_at=now)
    with pytest.raises(UnknownAssessment):
        await assessments.run(made.database, made.book, uuid4())
    async with made.database.connect() as tx:
        none = select(func.count()).where(assessments_table.c.book_id == made.book)
        assert (await tx.execute(none)).scalar_one() == 0
    assert (await made.assessed(version=0)).ladder == 0


async def test_the_rules_of_this_year_do_not_change_the_answer_for_the_last(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    last_year = await made.assessed(DAY)
    later = made.later(days=300)
    strict = Ladder((Level(60_000), Level(120_000)), name="新办法")
    assert await later.ladder(strict, date(2027, 1, 1)) == 1
    a_year_later = made.later(days=400)
    again = await a_year_later.assessed(DAY)
    assert (again.ladder, again.digest) == (last_year.ladder, last_year.digest)
    this_year = await a_year_later.assessed(date(2027, 3, 1))
    assert (this_year.ladder, await a_year_later.stars(this_year)) == (1, {"V-0000": 0})
    # Only who names the other rules hears by them.
    assert await a_year_later.stars(await a_year_later.assessed(DAY, version=1)) == {"V-0000": 0}
    assert await a_year_later.stars(again) == await a_year_later.stars(last_year) == {"V-0000": 1}
