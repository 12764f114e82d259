"""Versions of the rules: drafted by one, approved by another, in force from their first day on."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.versions import Version
from ledger.days import day_of
from ledger.earning import rule_sets
from ledger.earning.rule_sets import Rulebook
from ledger.earning.rules import Cap, Item, RuleSet
from ledger.errors import AlreadyDecided, BeginsTooEarly, InvalidField, SecondPersonNeeded, UnknownRuleSet
from tests.conftest import new_book
from tests.earning.rulebook import WEIHAI, rule_set

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY = day_of(NOW)
TOMORROW = TODAY + timedelta(days=1)


async def draft(database: AsyncEngine, book: Book, effective_from: date = TODAY, **more: Any) -> Version[RuleSet]:
    async with database.begin() as tx:
        rules = more.pop("rules", rule_set())
        given = {"by": "user:1", "now": NOW} | more
        return await rule_sets.draft(tx, book.book_id, rules, effective_from=effective_from, **given)


async def approve(
    database: AsyncEngine, book: Book, version: int, by: str = "user:2", now: datetime = NOW
) -> Version[RuleSet]:
    async with database.begin() as tx:
        return await rule_sets.approve(tx, book.book_id, version, by=by, now=now)


async def decline(database: AsyncEngine, book: Book, version: int, by: str = "user:2") -> Version[RuleSet]:
    async with database.begin() as tx:
        return await rule_sets.decline(tx, book.book_id, version, by=by, now=NOW)


async def in_force(database: AsyncEngine, book: Book) -> Rulebook:
    async with database.connect() as tx:
        return await rule_sets.in_force(tx, book.book_id)


async def test_a_draft_is_the_next_version_and_says_what_was_drafted(database: AsyncEngine, book: Book) -> None:
    first = await draft(database, book, note="第一版")
    second = await draft(database, book, rules=RuleSet(ladder=WEIHAI))
    assert (first.version, second.version) == (1, 2)
    async with database.connect() as tx:
        assert await rule_sets.find(tx, book.book_id, 1) == first
        assert await rule_sets.versions_of(tx, book.book_id) == [second, first]
        assert await rule_sets.versions_of(tx, book.book_id, before=2) == [first]
        assert await rule_sets.versions_of(tx, book.book_id, limit=1) == [second]
    assert (first.note, first.drafted_by, first.approved, first.content.items) == (
        "第一版",
        "user:1",
        None,
        rule_set().items,
    )
    assert (await draft(database, await new_book(database))).version == 1


async def test_a_draft_is_not_in_force_before_a_second_person_approves_it(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    assert (await in_force(database, book)).on(TODAY) is None
    with pytest.raises(SecondPersonNeeded):
        await approve(database, book, 1, by="user:1")
    assert (await in_force(database, book)).versions == ()
    approved = await approve(database, book, 1)
    assert (approved.approved, approved.decided_by, approved.decided_at) == (True, "user:2", NOW)
    rules = (await in_force(database, book)).on(TODAY)
    assert rules is not None
    assert (rules.version, rules.items) == (1, rule_set().items)


async def test_what_was_declined_or_withdrawn_never_comes_into_force(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    await draft(database, book)
    assert (await decline(database, book, 1)).approved is False
    assert (await decline(database, book, 2, by="user:1")).decided_by == "user:1"
    for version in (1, 2):
        with pytest.raises(AlreadyDecided):
            await approve(database, book, version)
    assert (await in_force(database, book)).versions == ()


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
    with pytest.raises(UnknownRuleSet):
        await verb(database, book, 1)
    async with database.connect() as tx:
        with pytest.raises(UnknownRuleSet):
            await rule_sets.find(tx, book.book_id, 1)
    with pytest.raises(UnknownRuleSet):
        (await in_force(database, book)).version(1)


async def test_a_rule_change_tomorrow_leaves_yesterday_and_today_alone(database: AsyncEngine, book: Book) -> None:
    await draft(database, book, date(2026, 1, 1))
    await approve(database, book, 1)
    for day in (date(2026, 2, 1), TODAY - timedelta(days=1), TODAY):
        with pytest.raises(BeginsTooEarly) as caught:
            await draft(database, book, day, rules=RuleSet())
        assert (caught.value.effective_from, caught.value.earliest) == (day, TOMORROW)
    await draft(database, book, TOMORROW, rules=RuleSet(notice_days=9))
    before = await in_force(database, book)
    await approve(database, book, 2)
    after = await in_force(database, book)
    for day in (date(2026, 1, 1), TODAY - timedelta(days=1), TODAY):
        assert after.on(day) == before.on(day) == after.version(1)
    changed = after.on(TOMORROW)
    assert changed is not None
    assert (changed.version, changed.notice_days) == (2, 9)
    assert after.on(date(2025, 12, 31)) is None


async def test_what_waited_too_long_for_its_approval_is_drafted_anew(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    await approve(database, book, 1)
    await draft(database, book, TOMORROW)
    for late in (timedelta(hours=12, minutes=1), timedelta(days=30)):
        with pytest.raises(BeginsTooEarly):
            await approve(database, book, 2, now=NOW + late)  # it is tomorrow already, in Beijing
    await approve(database, book, 2, now=NOW + timedelta(hours=11, minutes=59))


async def test_of_two_versions_for_one_day_the_higher_is_in_force(database: AsyncEngine, book: Book) -> None:
    for day in (TODAY, TOMORROW, TOMORROW, TOMORROW + timedelta(days=1)):
        await draft(database, book, day)
    for version in (1, 3, 2, 4):
        await approve(database, book, version)
    found = await in_force(database, book)
    versions = [rules and rules.version for rules in map(found.on, [TODAY, TOMORROW, TOMORROW + timedelta(days=1)])]
    assert versions == [1, 3, 4]


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1989, 12, 31), date(9999, 12, 31)])
async def test_rules_begin_on_days_that_reckoning_can_go_on_from(database: AsyncEngine, book: Book, day: date) -> None:
    with pytest.raises(InvalidField) as caught:
        await draft(database, book, day)
    assert caught.value.field == "effective_from"


@pytest.mark.parametrize("note", ["a\nb", "\x00", "长" * 501, "\ud800"])
async def test_a_note_is_one_line(database: AsyncEngine, book: Book, note: str) -> None:
    with pytest.raises(InvalidField):
        await draft(database, book, note=note)


async def test_many_who_draft_at_once_get_a_number_each(database: AsyncEngine, book: Book) -> None:
    made = await asyncio.gather(*(draft(database, book, note=str(each)) for each in range(8)))
    assert sorted(each.version for each in made) == list(range(1, 9))
    async with database.connect() as tx:
        stored = {each.version: each.note for each in await rule_sets.versions_of(tx, book.book_id)}
    assert stored == {each.version: each.note for each in made}


async def test_of_many_who_decide_at_once_one_does(database: AsyncEngine, book: Book) -> None:
    await draft(database, book)
    decisions = [approve(database, book, 1, by=f"user:{each}") for each in range(2, 5)]
    decisions += [decline(database, book, 1, by=f"user:{each}") for each in range(1, 4)]
    outcomes = await asyncio.gather(*decisions, return_exceptions=True)
    done = [each for each in outcomes if isinstance(each, Version)]
    assert len(done) == 1
    assert sum(isinstance(each, AlreadyDecided) for each in outcomes) == 5
    async with database.connect() as tx:
        assert await rule_sets.find(tx, book.book_id, 1) == done[0]


async def test_only_one_version_is_the_first_and_may_begin_in_the_past(database: AsyncEngine, book: Book) -> None:
    for each in range(4):
        await draft(database, book, date(2025, 1, 1 + each))
    outcomes = await asyncio.gather(*(approve(database, book, each) for each in range(1, 5)), return_exceptions=True)
    assert sum(isinstance(each, Version) for each in outcomes) == 1
    assert sum(isinstance(each, BeginsTooEarly) for each in outcomes) == 3
    assert len((await in_force(database, book)).versions) == 1


def _capped(*periods: Any, **more: Any) -> Rulebook:
    item = Item("P01", "助老", "service", "per_hour", 10, tuple(Cap(9, period) for period in periods))
    return Rulebook((Version(1, date(2026, 1, 1), RuleSet(items=(item,), **more), "", "user:1", NOW),))


@pytest.mark.parametrize(
    ("rulebook", "since"),
    [
        (_capped(), "2026-03-05"),
        (_capped("day"), "2026-03-05"),
        (_capped("day", "month"), "2026-03-01"),
        (_capped("month", "year"), "2026-01-01"),
        (_capped("activity"), "2025-03-04"),
        (_capped(rounding="month"), "2026-03-01"),
        (_capped(rounding="day"), "2026-03-05"),
        (_capped(ladder=WEIHAI), "2026-01-01"),
        (_capped(caps=(Cap(1, "year"),)), "2026-01-01"),
        (Rulebook(()), "2026-03-05"),
    ],
)
def test_a_tally_begins_where_the_rules_begin_to_look(rulebook: Rulebook, since: str) -> None:
    assert rulebook.since(date(2026, 3, 5)) == date.fromisoformat(since)
