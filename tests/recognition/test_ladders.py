"""Star ladders: what a body may say, and their versions, drafted by one person and approved by another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.days import day_of
from ledger.errors import AlreadyDecided, BeginsTooEarly, InvalidField, SecondPersonNeeded, UnknownLadder
from ledger.recognition import ladder_body, ladders
from ledger.recognition.ladder import NATIONAL, Ladder, Level
from tests.conftest import new_book

NOW: Final = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY: Final = day_of(NOW)
TOMORROW: Final = TODAY + timedelta(days=1)

LOCAL: Final = Ladder(
    name="本地星级",
    levels=(
        Level(3_000, points=500, certifier="district"),
        Level(6_000, points=1_000, months=6, in_order=True, certifier="city", title="金星"),
    ),
    classes=("credit", "honour"),
    year_minutes=600,
    standing_months=36,
    may_fall=False,
    publicity_days=7,
    objection_days=15,
)


def body(**more: Any) -> dict[str, Any]:
    return ladder_body.stored(LOCAL) | more


def level(number: int, **more: Any) -> dict[str, Any]:
    """The body with one of its levels changed."""
    levels = ladder_body.stored(LOCAL)["levels"]
    return body(levels=[each | more if at == number else each for at, each in enumerate(levels)])


@pytest.mark.parametrize("ladder", [NATIONAL, LOCAL], ids=["national", "local"])
def test_what_is_stored_of_a_ladder_is_read_as_that_ladder(ladder: Ladder) -> None:
    assert ladder_body.read(ladder_body.stored(replace(ladder, version=3))) == ladder


def test_what_a_body_leaves_out_is_as_in_a_plain_ladder() -> None:
    assert ladder_body.read({"levels": [{"minutes": 60}, {"minutes": 120}]}) == Ladder((Level(60), Level(120)))


def test_classes_are_read_in_their_own_order() -> None:
    assert ladder_body.read(body(classes=["honour", "credit"])).classes == ("credit", "honour")


@pytest.mark.parametrize(
    ("given", "field", "problem"),
    [
        ([], "ladder", "not_an_object"),
        ({}, "levels", "missing"),
        (body(version=1), "version", "unknown"),
        (body(**{"a\nb": 1}), "?", "unknown"),
        (body(levels={}), "levels", "not_a_list"),
        (body(levels=[]), "levels", "not_1_to_10"),
        (body(levels=[{"minutes": each} for each in range(1, 12)]), "levels", "not_1_to_10"),
        (body(levels=[5]), "levels[0]", "not_an_object"),
        (body(levels=[{"points": 1}]), "levels[0].minutes", "missing"),
        (level(1, hours=5), "levels[1].hours", "unknown"),
        (level(0, minutes=0), "levels[0].minutes", "not_1_to_6000000"),
        (level(0, minutes=6_000_001), "levels[0].minutes", "not_1_to_6000000"),
        (level(0, minutes="60"), "levels[0].minutes", "not_a_whole_number"),
        (level(0, minutes=True), "levels[0].minutes", "not_a_whole_number"),
        (level(1, minutes=3_000), "levels[1].minutes", "not_rising"),
        (level(1, points=499), "levels[1].points", "falling"),
        (level(0, points=-1), "levels[0].points", "not_0_to_1000000000"),
        (level(0, months=7), "levels[1].months", "falling"),
        (level(0, months=1201), "levels[0].months", "not_0_to_1200"),
        (level(0, in_order=True), "levels[0].in_order", "nothing_below"),
        (level(1, in_order=1), "levels[1].in_order", "not_true_or_false"),
        (level(1, certifier="City"), "levels[1].certifier", "not_a_level"),
        (level(1, certifier=3), "levels[1].certifier", "not_a_level"),
        (level(1, title="星" * 21), "levels[1].title", "not_a_short_text"),
        (level(1, title="金\n星"), "levels[1].title", "not_a_short_text"),
        (body(name=5), "name", "not_a_short_text"),
        (body(name="星" * 101), "name", "not_a_short_text"),
        (body(classes="credit"), "classes", "not_a_list"),
        (body(classes=[]), "classes", "empty"),
        (body(classes=["act"]), "classes[0]", "not_one_of_the_words"),
        (body(classes=[["credit"]]), "classes[0]", "not_one_of_the_words"),
        (body(classes=["credit", "credit"]), "classes[1]", "twice"),
        (body(year_minutes=527_041), "year_minutes", "not_0_to_527040"),
        (body(standing_months=-1), "standing_months", "not_0_to_1200"),
        (body(may_fall=None), "may_fall", "not_true_or_false"),
        (body(publicity_days=367), "publicity_days", "not_0_to_366"),
        (body(objection_days=0), "objection_days", "not_1_to_366"),
    ],
)
def test_what_no_ladder_can_say_is_refused_by_its_path(given: object, field: str, problem: str) -> None:
    with pytest.raises(InvalidField) as refused:
        ladder_body.read(given)
    assert (refused.value.field, refused.value.problem) == (field, problem)


async def draft(database: AsyncEngine, book: Book, effective_from: date = TODAY, ladder: Ladder = LOCAL) -> int:
    async with database.begin() as tx:
        made = await ladders.draft(tx, book.book_id, ladder, effective_from=effective_from, by="user:1", now=NOW)
    return made.version


async def approve(database: AsyncEngine, book: Book, version: int, by: str = "user:2") -> None:
    async with database.begin() as tx:
        await ladders.approve(tx, book.book_id, version, by=by, now=NOW)


async def in_force(database: AsyncEngine, book: Book, day: date = TODAY) -> Ladder:
    async with database.connect() as tx:
        return await ladders.in_force(tx, book.book_id, day)


async def test_a_book_that_has_approved_no_ladder_has_the_national_one(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    assert await in_force(database, book) == NATIONAL


async def test_a_ladder_is_in_force_once_a_second_person_approved_it(database: AsyncEngine, book: Book) -> None:
    version = await draft(database, book)
    with pytest.raises(SecondPersonNeeded):
        await approve(database, book, version, by="user:1")
    await approve(database, book, version)
    assert await in_force(database, book) == replace(LOCAL, version=1)
    assert await in_force(database, book, TODAY - timedelta(days=1)) == NATIONAL
    assert await in_force(database, await new_book(database)) == NATIONAL
    with pytest.raises(AlreadyDecided):
        await approve(database, book, version, by="user:3")


async def test_stars_of_past_days_keep_the_ladder_of_their_day(database: AsyncEngine, book: Book) -> None:
    await approve(database, book, await draft(database, book))
    with pytest.raises(BeginsTooEarly):
        await draft(database, book, TODAY, NATIONAL)
    await approve(database, book, await draft(database, book, TOMORROW, NATIONAL))
    assert await in_force(database, book) == replace(LOCAL, version=1)
    assert await in_force(database, book, TOMORROW) == replace(NATIONAL, version=2)


async def test_a_ladder_is_found_by_its_number_once_it_is_approved(database: AsyncEngine, book: Book) -> None:
    version = await draft(database, book)
    other = await draft(database, book, ladder=NATIONAL)
    async with database.begin() as tx:
        await ladders.decline(tx, book.book_id, other, by="user:1", now=NOW)
    async with database.connect() as tx:
        assert await ladders.version(tx, book.book_id, 0) == NATIONAL
        for number in (version, other, 3):
            with pytest.raises(UnknownLadder):
                await ladders.version(tx, book.book_id, number)
        assert (await ladders.find(tx, book.book_id, version)).content == replace(LOCAL, version=1)
        assert [each.version for each in await ladders.versions_of(tx, book.book_id)] == [2, 1]
        assert [each.version for each in await ladders.versions_of(tx, book.book_id, before=2)] == [1]
    await approve(database, book, version)
    async with database.connect() as tx:
        assert await ladders.version(tx, book.book_id, version) == replace(LOCAL, version=1)


async def test_what_cannot_be_read_is_not_stored(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(InvalidField):
        await draft(database, book, ladder=replace(LOCAL, levels=()))
    async with database.connect() as tx:
        assert not await ladders.versions_of(tx, book.book_id)
