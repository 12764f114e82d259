"""Activities: what may be planned, changed, cancelled, and how they are found."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import activities, organisations
from ledger.earning.activities import Activity
from ledger.errors import (
    ActivityBegun,
    ActivityCancelled,
    ActivityClosed,
    ActivityExists,
    InvalidField,
    OrganisationInactive,
    UnknownActivity,
    UnknownOrganisation,
)
from tests.conftest import new_book
from tests.earning.crowds import DAY, HOUR, LEADER, MINUTE, NINE, PLAN, Crowd, a_crowd


@pytest.fixture
async def crowd(database: AsyncEngine, book: Book) -> Crowd:
    return await a_crowd(database, book)


async def add(crowd: Crowd, code: str | None, **other: Any) -> Activity:
    async with crowd.database.begin() as tx:
        return await activities.add(
            tx, crowd.book.book_id, other.pop("organisation", "lane"), PLAN, code=code, by=LEADER, now=NINE - DAY
        )


async def codes(crowd: Crowd, **asked: Any) -> list[str]:
    async with crowd.database.connect() as tx:
        return [each.activity for each in await activities.activities_of(tx, crowd.book.book_id, **asked)]


async def test_an_activity_is_found_as_it_was_planned(crowd: Crowd) -> None:
    made = await crowd.plan(capacity=20, least_age=16, risky=True, policy_no="PICC-1", training="急救培训")
    assert await crowd.find(made.activity) == made
    assert (made.name, made.organisation, made.organisation_name) == ("河边清洁", "lane", "里弄志愿服务队")
    assert made.line == ("lane", "street")
    assert made.activity.startswith("261120-")
    assert (made.capacity, made.least_age, made.policy_no, made.training) == (20, 16, "PICC-1", "急救培训")
    assert (made.opened_by, made.cancelled, made.ended_at, made.inactive) == (LEADER, False, None, None)


async def test_what_the_codes_are_derived_from_is_not_told_and_is_each_activitys_own(crowd: Crowd) -> None:
    one, other = await crowd.plan(), await crowd.plan()
    assert one.secret != other.secret
    assert len(one.secret) == 32
    assert "secret" not in repr(one)


async def test_a_code_is_one_activitys(crowd: Crowd) -> None:
    assert (await add(crowd, "Clean-1")).activity == "Clean-1"
    with pytest.raises(ActivityExists):
        await add(crowd, "Clean-1")
    for wrong in ("", "a b", "-a", "a.b", "a/b", "清洁", "a" * 33, "a\x00"):
        with pytest.raises(InvalidField):
            await add(crowd, wrong)
        with pytest.raises(UnknownActivity):
            await crowd.find(wrong)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"name": "补录上周的活动"}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"category": ""}, "category"),
        ({"place": "\x00"}, "place"),
        ({"policy_no": ""}, "policy_no"),
        ({"training": "\ud800"}, "training"),
        ({"ends_at": NINE}, "ends_at"),
        ({"ends_at": NINE - HOUR}, "ends_at"),
        ({"starts_at": NINE - 3 * DAY, "ends_at": NINE - 2 * DAY}, "ends_at"),
        ({"ends_at": NINE + timedelta(days=367)}, "ends_at"),
        ({"starts_at": NINE + timedelta(days=9999), "ends_at": NINE + timedelta(days=9999, hours=1)}, "starts_at"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 2**31}, "capacity"),
        ({"least_age": 0}, "least_age"),
        ({"least_age": 121}, "least_age"),
    ],
)
async def test_what_cannot_be_an_activity_is_neither_planned_nor_becomes_one(
    crowd: Crowd, other: dict[str, Any], field: str
) -> None:
    made = await crowd.plan()
    with pytest.raises(InvalidField) as caught:
        await crowd.change(made.activity, **other)
    assert caught.value.field == field
    assert await crowd.find(made.activity) == made


async def test_a_year_is_not_too_long_and_what_has_begun_may_be_published(crowd: Crowd) -> None:
    await crowd.plan(ends_at=NINE + timedelta(days=366))
    async with crowd.database.begin() as tx:
        await activities.add(tx, crowd.book.book_id, "lane", PLAN, by=LEADER, now=NINE + HOUR)
    with pytest.raises(InvalidField) as caught:
        async with crowd.database.begin() as tx:
            await activities.add(tx, crowd.book.book_id, "lane", PLAN, by=LEADER, now=PLAN.ends_at)
    assert caught.value.problem == "over_already"


async def test_only_active_organisations_publish(crowd: Crowd) -> None:
    with pytest.raises(UnknownOrganisation):
        await crowd.plan(organisation="nowhere")
    await crowd.suspend("street")
    with pytest.raises(OrganisationInactive):
        await crowd.plan()


async def test_before_it_begins_it_is_planned_anew(crowd: Crowd) -> None:
    made = await crowd.plan()
    changed = await crowd.change(made.activity, name="湖边清洁", capacity=3, policy_no="P-2")
    assert (changed.name, changed.capacity, changed.policy_no) == ("湖边清洁", 3, "P-2")
    assert changed.secret == made.secret
    with pytest.raises(UnknownActivity):
        await crowd.change("nothing")


async def test_nothing_changes_once_it_has_begun_or_somebody_has_come(crowd: Crowd) -> None:
    begun, early = await crowd.plan(), await crowd.plan()
    with pytest.raises(ActivityBegun):
        await crowd.change(begun.activity, now=NINE)
    [her] = await crowd.people(1)
    await crowd.sign_in(early, her, NINE - 5 * MINUTE)
    with pytest.raises(ActivityBegun):
        await crowd.change(early.activity, now=NINE - 4 * MINUTE)
    await crowd.strike(early, her, NINE - 4 * MINUTE)
    await crowd.change(early.activity, now=NINE - 3 * MINUTE)


async def test_a_cancelled_activity_lets_everybody_go(crowd: Crowd) -> None:
    rained_off, other = await crowd.plan(), await crowd.plan()
    [her] = await crowd.people(1)
    await crowd.sign_in(rained_off, her, NINE - 5 * MINUTE)
    cancelled = await crowd.cancel(rained_off.activity, NINE - 4 * MINUTE)
    assert cancelled.cancelled
    assert await crowd.cancel(rained_off.activity) == cancelled
    await crowd.sign_in(other, her, NINE - 3 * MINUTE)
    for verb in (crowd.change(rained_off.activity), crowd.close(rained_off, 0, NINE + HOUR)):
        with pytest.raises(ActivityCancelled):
            await verb
    with pytest.raises(ActivityCancelled):
        await crowd.sign_in(rained_off, her, NINE)


async def test_what_has_begun_is_cancelled_only_where_nobody_came(crowd: Crowd) -> None:
    visited, deserted, closed = [await crowd.plan() for _ in range(3)]
    [her] = await crowd.people(1)
    await crowd.sign_in(visited, her, NINE)
    with pytest.raises(ActivityBegun):
        await crowd.cancel(visited.activity, NINE + MINUTE)
    assert (await crowd.cancel(deserted.activity, NINE + MINUTE)).cancelled
    await crowd.close(closed, 0, NINE + HOUR)
    with pytest.raises(ActivityClosed):
        await crowd.cancel(closed.activity, NINE + HOUR)


async def test_activities_are_listed_by_organisation_and_day_in_their_order(crowd: Crowd) -> None:
    late = (await crowd.plan(starts_at=NINE + 2 * HOUR)).activity
    early = (await crowd.plan()).activity
    night = (await crowd.plan(starts_at=NINE + 13 * HOUR, ends_at=NINE + 17 * HOUR)).activity
    shore = (await crowd.plan(organisation="shore", starts_at=NINE + DAY, ends_at=NINE + DAY + HOUR)).activity
    async with crowd.database.begin() as tx:
        other = await new_book(crowd.database)
        await organisations.add(tx, other.book_id, "lane", "elsewhere")
        await activities.add(tx, other.book_id, "lane", PLAN, by=LEADER, now=NINE - DAY)
    assert await codes(crowd) == [early, late, night, shore]
    assert await codes(crowd, organisation="lane") == [early, late, night]
    assert await codes(crowd, day=date(2026, 11, 20)) == [early, late, night]
    assert await codes(crowd, day=date(2026, 11, 21)) == [night, shore]
    assert await codes(crowd, within=["street"]) == [early, late, night, shore]
    assert await codes(crowd, within=["shore", "nowhere"]) == [shore]
    assert await codes(crowd, within=[]) == []
    assert await codes(crowd, since=NINE + 4 * HOUR) == [night, shore]
    assert await codes(crowd, limit=2) == [early, late]
    assert await codes(crowd, after=late, limit=1) == [night]
    with pytest.raises(UnknownActivity):
        await codes(crowd, after="nothing")
