"""The limits of spending: drafted by one, approved by another, in force from their first day on, and within bounds."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.versions import Version
from ledger.days import day_of
from ledger.errors import AlreadyDecided, BeginsTooEarly, InvalidField, SecondPersonNeeded, UnknownPolicy
from ledger.spending import policies
from ledger.spending.policies import BOUNDS
from ledger.spending.policy import Policy
from tests.conftest import new_book

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY = day_of(NOW)
TOMORROW = TODAY + timedelta(days=1)
STRICT = Policy(free_points=5, free_times=1)


async def draft(
    database: AsyncEngine, book: Book, effective_from: date = TODAY, policy: Policy = STRICT, **more: Any
) -> Version[Policy]:
    async with database.begin() as tx:
        given = {"by": "user:1", "now": NOW} | more
        return await policies.draft(tx, book.book_id, policy, effective_from=effective_from, **given)


async def approve(
    database: AsyncEngine, book: Book, version: int, by: str = "user:2", now: datetime = NOW
) -> Version[Policy]:
    async with database.begin() as tx:
        return await policies.approve(tx, book.book_id, version, by=by, now=now)


async def decline(database: AsyncEngine, book: Book, version: int, by: str = "user:2") -> Version[Policy]:
    async with database.begin() as tx:
        return await policies.decline(tx, book.book_id, version, by=by, now=NOW)


async def in_force(database: AsyncEngine, book: Book, day: date = TODAY) -> Policy:
    async with database.connect() as tx:
        return await policies.in_force(tx, book.book_id, day)


async def test_a_book_that_has_approved_no_limits_has_the_defaults(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    assert await in_force(database, book) == Policy()


async def test_a_draft_is_the_next_version_and_says_what_was_drafted(database: AsyncEngine, book: Book) -> None:
    first = await draft(database, book, note="第一版")
    second = await draft(database, book, policy=Policy())
    assert (first.version, second.version) == (1, 2)
    async with database.connect() as tx:
        assert await policies.find(tx, book.book_id, 1) == first
        assert await policies.versions_of(tx, book.book_id) == [second, first]
        assert await policies.versions_of(tx, book.book_id, before=2) == [first]
        assert await policies.versions_of(tx, book.book_id, limit=1) == [second]
    assert (first.note, first.drafted_by, first.approved) == ("第一版", "user:1", None)
    assert first.content == replace(STRICT, version=1)
    assert (await draft(database, await new_book(database))).version == 1


async def test_limits_are_in_force_once_a_second_person_approved_them(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    with pytest.raises(SecondPersonNeeded):
        await approve(database, book, 1, by="user:1")
    assert await in_force(database, book) == Policy()
    approved = await approve(database, book, 1)
    assert (approved.approved, approved.decided_by, approved.decided_at) == (True, "user:2", NOW)
    assert await in_force(database, book) == replace(STRICT, version=1)
    assert await in_force(database, book, TODAY - timedelta(days=1)) == Policy()
    assert await in_force(database, await new_book(database)) == Policy()


async def test_what_was_declined_or_withdrawn_never_comes_into_force(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    await draft(database, book)
    assert (await decline(database, book, 1)).approved is False
    assert (await decline(database, book, 2, by="user:1")).decided_by == "user:1"
    for version in (1, 2):
        with pytest.raises(AlreadyDecided):
            await approve(database, book, version)
    assert await in_force(database, book) == Policy()


async def test_what_is_approved_stays_approved(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    await approve(database, book, 1)
    with pytest.raises(AlreadyDecided):
        await decline(database, book, 1, by="user:1")
    with pytest.raises(AlreadyDecided):
        await approve(database, book, 1, by="user:3")


@pytest.mark.parametrize("verb", [approve, decline])
async def test_a_version_that_is_not_there_is_not_decided(database: AsyncEngine, book: Book, verb: Any) -> None:
    await draft(database, await new_book(database))
    with pytest.raises(UnknownPolicy):
        await verb(database, book, 1)
    async with database.connect() as tx:
        with pytest.raises(UnknownPolicy):
            await policies.find(tx, book.book_id, 1)


async def test_yesterday_and_today_keep_their_limits(database: AsyncEngine, book: Book) -> None:
    await draft(database, book, date(2026, 1, 1))
    await approve(database, book, 1)
    for day in (date(2026, 2, 1), TODAY - timedelta(days=1), TODAY):
        with pytest.raises(BeginsTooEarly) as caught:
            await draft(database, book, day, Policy())
        assert (caught.value.effective_from, caught.value.earliest) == (day, TOMORROW)
    await draft(database, book, TOMORROW, Policy(free_points=99))
    await approve(database, book, 2)
    assert (await in_force(database, book)).version == 1
    assert await in_force(database, book, TOMORROW) == Policy(version=2, free_points=99)


async def test_a_draft_that_was_approved_too_late_does_not_reach_back(database: AsyncEngine, book: Book) -> None:
    await draft(database, book, date(2026, 1, 1))
    await approve(database, book, 1)
    await draft(database, book, TOMORROW, Policy(free_points=99))
    with pytest.raises(BeginsTooEarly):
        await approve(database, book, 2, now=NOW + timedelta(days=1))
    assert (await in_force(database, book, TOMORROW)).version == 1


async def test_of_two_drafts_that_would_both_be_the_first_one_alone_reaches_back(
    database: AsyncEngine, book: Book
) -> None:
    await draft(database, book, date(2026, 1, 1))
    await draft(database, book, date(2026, 2, 1))
    outcomes = await asyncio.gather(*(approve(database, book, each) for each in (1, 2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["BeginsTooEarly", "Version"]


async def test_of_several_for_one_day_the_highest_is_in_force(database: AsyncEngine, book: Book) -> None:
    for points in (1, 2, 3):
        await draft(database, book, TOMORROW, Policy(free_points=points))
    for version in (3, 1, 2):
        await approve(database, book, version)
    assert (await in_force(database, book, TOMORROW)).free_points == 3


async def test_two_who_draft_at_once_get_two_versions(database: AsyncEngine, book: Book) -> None:
    found = await asyncio.gather(*(draft(database, book, by=f"user:{each}") for each in range(4)))
    assert sorted(each.version for each in found) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", [*BOUNDS])
async def test_every_limit_is_kept_and_reads_back(database: AsyncEngine, book: Book, name: str) -> None:
    for edge in BOUNDS[name]:
        made = await draft(database, book, policy=replace(Policy(), **{name: edge}))
        assert getattr(made.content, name) == edge
        await approve(database, book, made.version)
        assert await in_force(database, book) == replace(Policy(), version=made.version, **{name: edge})
        book = await new_book(database)


def test_nothing_of_a_policy_is_left_out() -> None:
    assert set(policies.stored(Policy())) == {each.name for each in fields(Policy)} - {"version"}
    assert policies.read({}) == Policy()
    assert policies.read(policies.stored(STRICT)) == STRICT


@pytest.mark.parametrize("name", [*BOUNDS])
@pytest.mark.parametrize("beyond", [-1, 1])
async def test_a_limit_out_of_bounds_is_named(database: AsyncEngine, book: Book, name: str, beyond: int) -> None:
    least, most = BOUNDS[name]
    wrong = least - 1 if beyond < 0 else most + 1
    with pytest.raises(InvalidField) as caught:
        policies.read({name: wrong})
    assert (caught.value.field, caught.value.problem) == (name, f"not_{least}_to_{most}")
    with pytest.raises(InvalidField):
        await draft(database, book, policy=replace(Policy(), **{name: wrong}))


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ([], "policy", "not_an_object"),
        ({"version": 7}, "version", "unknown"),
        ({"free_pionts": 7}, "free_pionts", "unknown"),
        ({"a\nb": 7}, "?", "unknown"),
        ({"free_points": "20"}, "free_points", "not_a_whole_number"),
        ({"free_points": 20.0}, "free_points", "not_a_whole_number"),
        ({"free_points": True}, "free_points", "not_a_whole_number"),
        ({"free_points": None}, "free_points", "not_a_whole_number"),
        ({"free_points": 2**63}, "free_points", "not_0_to_1000000000"),
    ],
)
def test_what_is_no_policy_is_named_by_its_path(body: Any, field: str, problem: str) -> None:
    with pytest.raises(InvalidField) as caught:
        policies.read(body)
    assert (caught.value.field, caught.value.problem) == (field, problem)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"note": "a\nb"}, "note"),
        ({"note": "长" * 501}, "note"),
        ({"effective_from": date(1989, 12, 31)}, "effective_from"),
        ({"effective_from": date(9999, 12, 31)}, "effective_from"),
    ],
)
async def test_a_draft_with_an_impossible_note_or_day_is_refused(
    database: AsyncEngine, book: Book, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await draft(database, book, **more)
    assert caught.value.field == field
