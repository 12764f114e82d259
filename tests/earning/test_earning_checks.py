"""`meide check` of earning: a damaged record, rule set or posting is named with its place, and nothing else is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.integrity import MOST_FINDINGS
from ledger.earning import budgets as budgets_verbs
from ledger.earning import checks
from ledger.earning.record import Record
from ledger.earning.rules import Cap, Coefficient, Item, RuleSet
from ledger.earning.tables import budgets, records, rule_sets
from tests.conftest import new_book
from tests.earning.programmes import Programme, opened

RULES = RuleSet(
    items=(
        Item("P01", "社区服务", "service", "per_hour", 10, (Cap(80, "day"),)),
        Item("M01", "无故缺席", "deduction", "fixed", -5),
    ),
    default_item="P01",
    coefficients=(Coefficient("专业", 3, 2),),
)
DAY = "2026-03-05"


async def programme(database: AsyncEngine, book: Book) -> tuple[Programme, list[Record]]:
    """Three hours and a minus item, credited one after the other."""
    made = await opened(database, book, rules=RULES)
    return made, [
        *(await made.credited(made.service(DAY, "08:00", "12:00"))),
        *(await made.credited(made.service(DAY, "13:00", "15:30"))),
        *(await made.credited(made.act(DAY, "M01"))),
    ]


async def change(made: Programme, record: Record, **values: Any) -> None:
    async with made.database.begin() as tx:
        of = (records.c.book_id == made.book.book_id, records.c.record_id == record.record_id)
        await tx.execute(update(records).where(*of).values(**values))


async def change_rules(made: Programme, **values: Any) -> None:
    async with made.database.begin() as tx:
        await tx.execute(update(rule_sets).where(rule_sets.c.book_id == made.book.book_id).values(**values))


async def test_a_cap_holds_for_what_is_credited_at_different_times(database: AsyncEngine, book: Book) -> None:
    _, credited = await programme(database, book)
    assert [(each.item, each.points, each.bonus) for each in credited] == [
        ("P01", 60, 20),
        ("P01", 20, 0),
        ("M01", -5, 0),
    ]


async def test_an_activitys_cap_holds_beyond_new_year(database: AsyncEngine, book: Book) -> None:
    item = Item("P01", "社区服务", "service", "per_hour", 10, (Cap(30, "activity"),))
    made = await opened(database, book, rules=RuleSet(items=(item,), default_item="P01"))
    points = []
    for day, activity in (("2025-12-30", "A1"), ("2026-01-02", "A1"), ("2026-01-03", "A2")):
        [credited] = await made.credited(made.service(day, "08:00", "10:00", activity=activity))
        points.append(credited.points)
    assert points == [20, 10, 20]


Damage = Callable[[Programme, list[Record]], Awaitable[None]]


async def more_points(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[0], points=61)


async def another_bonus(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[0], bonus=19)


async def other_minutes(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[0], minutes=241)


async def other_inputs(made: Programme, credited: list[Record]) -> None:
    inputs = credited[1].inputs or {}
    await change(made, credited[1], inputs=inputs | {"used": {"P01/day": 79}})


async def no_inputs(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[2], inputs={})


async def another_version(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[2], rule_set=7)


async def other_rules(made: Programme, credited: list[Record]) -> None:
    body = {"items": [{"code": "P01", "name": "x", "category": "service", "how": "per_hour", "points": 1}]}
    await change_rules(made, body=body)


async def rules_of_later(made: Programme, credited: list[Record]) -> None:
    await change_rules(made, effective_from=date.fromisoformat(DAY) + timedelta(days=1))


async def hours_of_nobody(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[0], hours_transaction=None)


async def points_never_posted(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[0], points_transaction=None)


async def credited_without_release(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[2], release_transaction=None)


async def corrected_in_name_only(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[1], state="corrected")


async def refused_and_yet_posted(made: Programme, credited: list[Record]) -> None:
    await change(made, credited[1], state="refused")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (more_points, [("award_differs", 0), ("record_differs_from_its_points", 0)]),
        (another_bonus, [("award_differs", 0), ("record_differs_from_its_points", 0)]),
        (other_minutes, [("inputs_differ_from_record", 0), ("record_differs_from_its_hours", 0)]),
        (other_inputs, [("award_differs", 1)]),
        (no_inputs, [("award_cannot_be_computed", 2), ("inputs_differ_from_record", 2)]),
        (another_version, [("award_cannot_be_computed", 2), ("rules_not_in_force", 2)]),
        (other_rules, [("award_cannot_be_computed", each) for each in range(3)]),
        (rules_of_later, [("rules_not_in_force", each) for each in range(3)]),
        (hours_of_nobody, [("record_not_as_its_state", 0)]),
        (points_never_posted, [("record_not_as_its_state", 0)]),
        (credited_without_release, [("record_not_as_its_state", 2)]),
        (corrected_in_name_only, [("record_not_as_its_state", 1)]),
        (refused_and_yet_posted, [("record_not_as_its_state", 1)]),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_damage_is_named_with_its_record_and_nothing_else_is(
    database: AsyncEngine, damage: Damage, found: list[tuple[str, int]]
) -> None:
    book = await new_book(database)
    made, credited = await programme(database, book)
    assert await checks.check(database, book.book_id) == []
    await damage(made, credited)
    findings = await checks.check(database, book.book_id)
    assert sorted((each.check, each.facts["record"]) for each in findings) == sorted(
        (check, credited[number].record_id) for check, number in found
    )


async def test_rules_that_were_approved_too_late_are_named(database: AsyncEngine) -> None:
    book = await new_book(database)
    made, _ = await programme(database, book)
    async with made.database.begin() as tx:
        rows = await tx.execute(rule_sets.select().where(rule_sets.c.book_id == book.book_id))
        first = rows.mappings().one()
        later = {"version": 2, "decided_at": first["decided_at"] + timedelta(days=1)}
        await tx.execute(rule_sets.insert().values({**first, **later, "effective_from": date(2026, 3, 6)}))
    [finding] = await checks.check(database, book.book_id)
    assert (finding.check, finding.facts["version"]) == ("rules_begin_before_their_approval", 2)


async def test_a_check_reports_no_more_than_it_must(database: AsyncEngine) -> None:
    book = await new_book(database)
    made = await opened(database, book, rules=RULES)
    acts = [made.act(DAY, "M01") for _ in range(MOST_FINDINGS + 5)]
    await made.review(*await made.taken(*acts))
    async with database.begin() as tx:
        await tx.execute(update(records).where(records.c.book_id == book.book_id).values(points=-6))
    findings = await checks.check(database, book.book_id)
    assert [each.check for each in findings] == ["award_differs"] * MOST_FINDINGS


async def test_a_budget_that_says_other_than_the_books_is_named(database: AsyncEngine) -> None:
    book = await new_book(database)
    made, _ = await programme(database, book)
    async with made.database.begin() as tx:
        await budgets_verbs.share(tx, book.book_id, 2026, "D1", 500)
    assert await checks.check(database, book.book_id) == []
    async with made.database.begin() as tx:
        of = (budgets.c.book_id == book.book_id, budgets.c.organisation == "D1")
        await tx.execute(update(budgets).where(*of).values(issued=budgets.c.issued + 1))
    [finding] = await checks.check(database, book.book_id)
    assert (finding.check, dict(finding.facts)) == (
        "budget_differs",
        {"year": 2026, "organisation": "D1", "issued": 81, "issued_by_the_books": 80},
    )
