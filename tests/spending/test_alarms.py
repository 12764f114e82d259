"""What the rules notice by themselves: distant shops, limits, and what looks odd in a shop's month."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import UnknownAlarm
from ledger.spending import alarms, catalogue, outlets, signals
from ledger.spending.alarms import Alarm
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.signals import Signal
from ledger.spending.tables import redemptions
from ledger.spending.tills import Till
from tests.conftest import new_book
from tests.earning.programmes import TUESDAY, later
from tests.spending.shops import Shop, opened_shop

JINAN = {"latitude": 36_651_000, "longitude": 117_120_000}
NEAR = {"latitude": 36_660_000, "longitude": 117_200_000}
"""Seven kilometres to the east."""
ZIBO = {"latitude": 36_813_000, "longitude": 118_055_000}
"""Eighty-five."""


async def another_shop(shop: Shop, code: str, place: dict[str, int]) -> Till:
    """A second outlet at a place, with haircuts; the first one stands in Jinan."""
    book = shop.book.book_id
    async with shop.database.begin() as tx:
        here = await outlets.find(tx, book, shop.OUTLET)
        await outlets.change(tx, book, shop.OUTLET, replace(here.details, **JINAN))
        await outlets.add(tx, book, code, Details("另一处", "care_station", "D1", **place))

        await catalogue.offer(tx, book, code, "G01", "merchant")
    return await shop.another_till(code)


async def all_alarms(shop: Shop, **asked: object) -> list[Alarm]:
    async with shop.database.connect() as tx:
        return await alarms.listed(tx, shop.book.book_id, **asked)  # type: ignore[arg-type] # as it is asked


# --- distant shops ----------------------------------------------------------------------------------------------------


async def test_two_distant_shops_within_minutes_wait_for_her_and_the_staff_hear_of_it(
    database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book)
    far = await another_shop(shop, "X0002", ZIBO)
    first = await shop.redeem(await shop.code(), {"G01": 1})
    second = await shop.redeem(await shop.code(), {"G01": 1}, till=far)
    assert (first.status, second.status) == ("done", "waiting")
    [alarm] = await all_alarms(shop)
    assert (alarm.rule, alarm.outlet, alarm.till, alarm.holder, alarm.redemption_id) == (
        "far_apart",
        "X0002",
        far.till,
        shop.holder,
        second.redemption_id,
    )


async def test_two_near_shops_and_a_long_way_in_enough_time_are_nothing(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    near, far = await another_shop(shop, "X0002", NEAR), await another_shop(shop, "X0003", ZIBO)
    await shop.redeem(await shop.code(), {"G01": 1})
    assert (await shop.redeem(await shop.code(), {"G01": 1}, till=near)).status == "done"
    soon = later(shop.database, minutes=11)
    code = await shop.code(database=soon)
    assert (await shop.redeem(code, {"G01": 1}, till=far, database=soon)).status == "done"
    assert await all_alarms(shop) == []


async def test_an_outlet_of_which_nobody_knows_the_place_is_far_from_nowhere(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    far = await another_shop(shop, "X0002", {})
    await shop.redeem(await shop.code(), {"G01": 1})
    assert (await shop.redeem(await shop.code(), {"G01": 1}, till=far)).status == "done"


@pytest.mark.parametrize(("kilometres", "outcome"), [(83, True), (84, True), (86, False)])
async def test_how_far_is_too_far_says_the_policy(
    database: AsyncEngine, book: Book, kilometres: int, outcome: bool
) -> None:
    shop = await opened_shop(database, book)
    await another_shop(shop, "X0002", ZIBO)
    await shop.redeem(await shop.code(), {"G01": 1})
    async with shop.database.connect() as tx:
        now = await connect.now(tx)
        policy = Policy(apart_km=kilometres)
        assert await alarms.far_apart(tx, book.book_id, shop.holder, "X0002", now, policy) is outcome
        assert not await alarms.far_apart(tx, book.book_id, shop.holder, shop.OUTLET, now, policy)
        assert not await alarms.far_apart(tx, book.book_id, "somebody", "X0002", now, policy)


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_who_comes_too_often_confirms_and_is_counted_in_one_alarm(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = [await shop.redeem(await shop.code(), {"G01": 1}) for _ in range(5)]
    assert [each.status for each in made] == ["done"] * 3 + ["waiting"] * 2
    [alarm] = await all_alarms(shop)
    assert (alarm.rule, alarm.holder, alarm.facts) == ("over_pair", shop.holder, {"times": 2})


# --- the list ---------------------------------------------------------------------------------------------------------


async def raised(shop: Shop, **about: object) -> None:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await alarms.raise_(tx, shop.book.book_id, "unknown_codes", shop.OUTLET, now=now, **about)  # type: ignore[arg-type]


async def seen(shop: Shop, alarm_id: UUID, by: str) -> Alarm:
    async with shop.database.begin() as tx:
        return await alarms.see(tx, shop.book.book_id, alarm_id, by=by, now=await connect.now(tx))


async def test_an_alarm_is_counted_until_somebody_has_seen_it_and_raised_anew_then(
    database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book)
    for _ in range(3):
        await raised(shop, till=1, facts={"codes": 5})
    await raised(shop, till=2, facts={"codes": 5})
    second, first = await all_alarms(shop, unseen=True)
    assert (first.facts, second.facts) == ({"codes": 5, "times": 3}, {"codes": 5})
    looked = await seen(shop, first.alarm_id, "user:1")
    assert (await seen(shop, first.alarm_id, "user:2")) == looked
    assert looked.seen_by == "user:1"
    await raised(shop, till=1)
    assert [each.till for each in await all_alarms(shop, unseen=True)] == [1, 2]
    assert len(await all_alarms(shop)) == 3
    with pytest.raises(UnknownAlarm):
        await seen(shop, uuid4(), "user:1")


async def test_staff_hear_of_the_outlets_of_their_organisations(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    for till in (1, 2, 3):
        await raised(shop, till=till)
    everything = await all_alarms(shop)
    assert [each.till for each in everything] == [3, 2, 1]
    assert await all_alarms(shop, within={"D"}) == await all_alarms(shop, within={"D1"}) == everything
    assert await all_alarms(shop, within={"D1T"}) == []
    assert await all_alarms(shop, after=everything[0].alarm_id, limit=1) == everything[1:2]
    assert await all_alarms(shop, within={"D1"}, unseen=True) == everything
    assert await all_alarms(shop, within={"D1T"}, unseen=True) == []


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(database: AsyncEngine) -> Shop:
    """In a book that is not looked through afterwards: rows are put there that no redemption made."""
    return await opened_shop(database, await new_book(database), points=0)


async def trade(shop: Shop, *times: tuple[int, str, int], till: int | None = None) -> None:
    """Redemptions that cost nothing in the books: minutes after Tuesday ten o'clock in Beijing, by whom, points."""
    async with shop.database.begin() as tx:
        for minutes, holder, points in times:
            made_at = TUESDAY + timedelta(minutes=minutes)
            await tx.execute(
                insert(redemptions).values(
                    book_id=shop.book.book_id,
                    redemption_id=uuid4(),
                    outlet=shop.OUTLET,
                    till=till or shop.till.till,
                    holder=holder,
                    means="code",
                    status="done",
                    points=points,
                    word="山水",
                    day=day_of(made_at),
                    made_at=made_at,
                )
            )


async def found(
    shop: Shop, policy: Policy | None = None, within: Collection[str] | None = None, month: date = date(2026, 3, 1)
) -> list[Signal]:
    async with shop.database.connect() as tx:
        return await signals.of_month(tx, shop.book.book_id, month, policy or Policy(), within)


async def test_an_ordinary_day_shows_nothing(shop: Shop) -> None:
    await trade(shop, *((10 * number, f"h{number}", 5) for number in range(12)))
    assert await found(shop) == []


async def test_one_after_another_at_a_till_is_a_burst(shop: Shop) -> None:
    other = await shop.another_till()
    await trade(shop, (0, "a", 5), (0, "b", 6), (0, "c", 7), (5, "d", 8))
    await trade(shop, (5, "e", 9), till=other.till)
    [burst] = await found(shop)
    assert (burst.rule, burst.till, burst.redemptions, burst.facts) == ("burst", shop.till.till, 2, {"seconds": 60})
    assert await found(shop, Policy(burst_seconds=0)) == []


async def test_one_person_with_a_fifth_of_a_shops_month_is_named(shop: Shop) -> None:
    await trade(shop, *((10 * number, f"h{number}", 10) for number in range(8)), (100, "her", 10), (110, "her", 11))
    [share] = await found(shop)
    assert (share.rule, share.holder, share.redemptions, share.points) == ("one_person", "her", 2, 21)
    assert share.facts == {"percent": 20, "share": 20}
    assert await found(shop, Policy(share_percent=21)) == []
    assert await found(shop, Policy(share_least=11)) == []
    assert await found(shop, month=date(2026, 4, 30)) == []
    assert await found(shop, within={"D1T"}) == []
    assert len(await found(shop, within={"D"})) == 1


async def test_nights_are_for_sleeping(shop: Shop) -> None:
    hours = {22: 0, 23: 1, 2: 1, 5: 1, 6: 0}
    await trade(shop, *(((hour - 10) % 24 * 60, f"h{hour}", 1) for hour in hours))
    [night] = await found(shop)
    assert (night.rule, night.redemptions) == ("night", sum(hours.values()))
    day = Policy(night_from=5, night_until=7)
    assert [each.redemptions for each in await found(shop, day)] == [2]


async def test_points_spent_as_soon_as_they_are_there_are_noticed(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book, points=0)
    [credited] = await shop.programme.credited(shop.programme.service("2026-03-05", "09:00", "11:30"))
    assert credited.state == "credited"
    month_later = later(shop.database, days=30)
    code = await shop.code(database=month_later)
    await shop.redeem(code, {"G01": 1}, database=month_later)
    [fresh] = await found(shop, month=date(2026, 4, 1))
    assert (fresh.rule, fresh.holder, fresh.points, fresh.facts) == ("fresh_points", shop.holder, 5, {"hours": 24})
    assert await found(shop, Policy(fresh_hours=0), month=date(2026, 4, 1)) == []
