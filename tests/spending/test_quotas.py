"""Quotas: so many pieces and no more, however many ask at once, alone or as a household."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.errors import InvalidField, OverQuota
from ledger.spending import households, quotas
from ledger.spending.catalogue import EVERYBODY, Offered, Quota
from tests.spending.goods import Shelves, stocked

DAY = date(2026, 3, 10)


def limited(*limits: Quota, item: str = "G1") -> Offered:
    return Offered(item, "香皂", "goods", 12, "stock", 100, limits, EVERYBODY, None, False)


@pytest.fixture
async def shelves(database: AsyncEngine, book: Book) -> Shelves:
    shelves = await stocked(database, book)
    for code in ("G1", "G2"):
        await shelves.item(code)
    return shelves


async def use(
    shelves: Shelves,
    *wanted: tuple[Offered, int],
    holder: str = "h1",
    household: str | None = None,
    day: date = DAY,
) -> None:
    async with shelves.database.begin() as tx:
        await quotas.use(tx, shelves.id, day, holder, household, wanted)


async def give_back(shelves: Shelves, *returned: tuple[str, int], day: date = DAY, **of: str) -> None:
    async with shelves.database.begin() as tx:
        await quotas.give_back(tx, shelves.id, day, of.get("holder", "h1"), of.get("household"), returned)


async def test_two_a_month_are_two_and_next_month_two_again(shelves: Shelves) -> None:
    soap = limited(Quota("person", 2, "month"))
    await use(shelves, (soap, 1))
    await use(shelves, (soap, 1))

    with pytest.raises(OverQuota) as caught:
        await use(shelves, (soap, 1))

    assert (caught.value.item, caught.value.by, caught.value.times, caught.value.per) == ("G1", "person", 2, "month")
    await use(shelves, (soap, 2), holder="h2")
    await use(shelves, (soap, 2), day=date(2026, 4, 1))


async def test_more_than_a_quota_at_once_is_over_it(shelves: Shelves) -> None:
    with pytest.raises(OverQuota):
        await use(shelves, (limited(Quota("person", 2, "month")), 3))


async def test_all_quotas_of_an_item_hold(shelves: Shelves) -> None:
    soap = limited(Quota("person", 1, "day"), Quota("person", 2, "week"))
    await use(shelves, (soap, 1))
    with pytest.raises(OverQuota) as caught:
        await use(shelves, (soap, 1))
    assert caught.value.per == "day"

    await use(shelves, (soap, 1), day=date(2026, 3, 11))
    with pytest.raises(OverQuota) as caught:
        await use(shelves, (soap, 1), day=date(2026, 3, 12))
    assert caught.value.per == "week"


async def test_what_is_refused_counts_nowhere(shelves: Shelves) -> None:
    soap, towel = limited(Quota("person", 2, "day")), limited(Quota("person", 1, "day"), item="G2")
    await use(shelves, (towel, 1))
    with pytest.raises(OverQuota):
        await use(shelves, (soap, 1), (towel, 1))
    await use(shelves, (soap, 2))


async def test_what_comes_back_can_be_had_again_and_never_more(shelves: Shelves) -> None:
    soap = limited(Quota("person", 2, "month"), Quota("household", 3, "year"))
    await use(shelves, (soap, 2), household="F1")
    await give_back(shelves, ("G1", 1), household="F1")
    await use(shelves, (soap, 1), household="F1")
    await give_back(shelves, ("G1", 7), household="F1")  # more than were counted
    await use(shelves, (soap, 2), household="F1")
    with pytest.raises(OverQuota):
        await use(shelves, (soap, 1), household="F1")


async def test_what_comes_back_next_month_counts_for_the_month_in_which_it_was_redeemed(shelves: Shelves) -> None:
    soap = limited(Quota("person", 1, "month"))
    await use(shelves, (soap, 1))
    await use(shelves, (soap, 1), day=date(2026, 4, 1))
    await give_back(shelves, ("G1", 1))  # of March
    with pytest.raises(OverQuota):
        await use(shelves, (soap, 1), day=date(2026, 4, 2))


async def test_a_household_shares_its_quota_and_somebody_alone_is_one(shelves: Shelves) -> None:
    soap = limited(Quota("household", 2, "month"), Quota("person", 5, "month"))
    await use(shelves, (soap, 1), holder="h1", household="F1")
    await use(shelves, (soap, 1), holder="h2", household="F1")
    with pytest.raises(OverQuota) as caught:
        await use(shelves, (soap, 1), holder="h3", household="F1")
    assert caught.value.by == "household"

    await use(shelves, (soap, 2), holder="h4")
    with pytest.raises(OverQuota):
        await use(shelves, (soap, 1), holder="h4")
    await use(shelves, (soap, 2), holder="h5")


async def test_of_fifty_at_once_as_many_get_it_as_the_quota_says(shelves: Shelves) -> None:
    soap = limited(Quota("person", 7, "month"))
    outcomes = await asyncio.gather(*(use(shelves, (soap, 1)) for _ in range(50)), return_exceptions=True)
    assert sum(each is None for each in outcomes) == 7
    assert all(isinstance(each, OverQuota) for each in outcomes if each is not None)


async def test_of_two_of_a_household_at_once_one_gets_the_last(shelves: Shelves) -> None:
    both = [limited(Quota("household", 1, "month"), item=code) for code in ("G1", "G2")]
    for month in range(1, 11):
        outcomes = await asyncio.gather(
            use(shelves, (both[0], 1), (both[1], 1), household="F1", holder="h1", day=date(2027, month, 1)),
            use(shelves, (both[1], 1), (both[0], 1), household="F1", holder="h2", day=date(2027, month, 1)),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "OverQuota"]


async def test_giving_back_and_using_at_once_lose_nothing(shelves: Shelves) -> None:
    both = [limited(Quota("person", 100, "month"), Quota("household", 100, "year"), item=c) for c in ("G1", "G2")]
    await use(shelves, (both[0], 50), (both[1], 50))
    outcomes = await asyncio.gather(
        *(use(shelves, (both[1], 1), (both[0], 1)) for _ in range(20)),
        *(give_back(shelves, ("G2", 1), ("G1", 1)) for _ in range(20)),
        return_exceptions=True,
    )
    assert outcomes == [None] * 40
    await use(shelves, (both[0], 50), (both[1], 50))
    with pytest.raises(OverQuota):
        await use(shelves, (both[0], 1))


async def test_staff_say_who_belongs_to_a_household(shelves: Shelves) -> None:
    async with shelves.database.begin() as tx:
        for holder in ("h1", "h2"):
            await households.join(tx, shelves.id, holder, "F1")
        await households.join(tx, shelves.id, "h2", "F2")
        await households.join(tx, shelves.id, "h3", "F1")
        assert await households.members(tx, shelves.id, "F1") == ["h1", "h3"]
        assert await households.household_of(tx, shelves.id, "h2") == "F2"
        await households.leave(tx, shelves.id, "h2")
        await households.leave(tx, shelves.id, "h9")
        assert await households.household_of(tx, shelves.id, "h2") is None
        assert await households.household_of(tx, shelves.id, "h9") is None
        with pytest.raises(InvalidField):
            await households.join(tx, shelves.id, "h1", "一家人")
