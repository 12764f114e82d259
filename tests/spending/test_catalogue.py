"""The catalogue: what is there on a day, at which price, and what cannot be put into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.errors import GoodsExist, InvalidField, NotOffered, OfferExists, UnknownGoods, UnknownOutlet
from ledger.spending import catalogue
from ledger.spending.catalogue import Eligible, Item, Quota, period_of
from tests.earning.programmes import later
from tests.spending.goods import TODAY, Shelves, stocked

DAY = timedelta(days=1)


@pytest.fixture
async def shelves(database: AsyncEngine, book: Book) -> Shelves:
    return await stocked(database, book)


async def test_an_item_comes_back_as_it_was_put_in(shelves: Shelves) -> None:
    new = Item(
        "S01",
        "理发一次",
        "service",
        30,
        TODAY,
        TODAY + 30 * DAY,
        (Quota("person", 2, "month"), Quota("household", 5, "year")),
        Eligible(3, "骑手", 18, 60, 4),
        90,
        True,
    )
    await shelves.item("S01", **{name: getattr(new, name) for name in Item.__slots__ if name != "item"})

    async with shelves.database.connect() as tx:
        assert await catalogue.find(tx, shelves.id, "S01", TODAY) == new
        assert await catalogue.items_of(tx, shelves.id, TODAY) == [new]

    with pytest.raises(GoodsExist):
        await shelves.item("S01")


async def test_an_outlet_has_what_is_offered_there_and_on_that_day(shelves: Shelves) -> None:
    await shelves.item("G1")
    await shelves.item("G2", on_from=TODAY + DAY, on_until=TODAY + 2 * DAY)
    await shelves.item("G3")
    await shelves.offered("G1", "G2")

    days = [TODAY, TODAY + DAY, TODAY + 2 * DAY, TODAY + 3 * DAY]
    assert [list(await shelves.on(day)) for day in days] == [["G1"], ["G1", "G2"], ["G1", "G2"], ["G1"]]
    assert await shelves.on(outlet="X2") == {}
    assert await shelves.on(TODAY - DAY) == {}  # it had no price yet

    async with shelves.database.begin() as tx:
        await catalogue.switch(tx, shelves.id, "X1", "G1", False)
        assert await catalogue.priced(tx, shelves.id, "X1", ["G1", "G3", "none", "\x00"], TODAY) == {}
        await catalogue.offer(tx, shelves.id, "X1", "G1", "stock")
        found = await catalogue.priced(tx, shelves.id, "X1", ["G1"], TODAY)
        assert await catalogue.priced(tx, shelves.id, "X1", [], TODAY) == {}, "nothing is wanted, not everything"
    assert (found["G1"].points, found["G1"].supply, found["G1"].pieces) == (12, "stock", 0)


async def test_a_price_of_tomorrow_does_not_touch_today(shelves: Shelves) -> None:
    await shelves.item("G1")
    await shelves.offered("G1")
    await shelves.priced("G1", TODAY + DAY, 20)
    await shelves.priced("G1", TODAY + 3 * DAY, 25)

    assert [(await shelves.on(TODAY + n * DAY))["G1"].points for n in range(5)] == [12, 20, 20, 25, 25]

    await shelves.priced("G1", TODAY + DAY, 18)  # thought better of before it began
    assert (await shelves.on(TODAY + DAY))["G1"].points == 18
    async with shelves.database.connect() as tx:
        history = await catalogue.prices_of(tx, shelves.id, "G1")
    assert [(each.effective_from, each.points) for each in history] == [
        (TODAY + 3 * DAY, 25),
        (TODAY + DAY, 18),
        (TODAY, 12),
    ]


async def test_a_price_that_has_been_in_force_stays_what_it_was(shelves: Shelves) -> None:
    await shelves.item("G1")
    tomorrow = later(shelves.database, days=1)

    with pytest.raises(InvalidField) as caught:
        await shelves.priced("G1", TODAY, 1, database=tomorrow)

    assert (caught.value.field, caught.value.problem) == ("effective_from", "in_the_past")


@pytest.mark.parametrize(("kind", "points"), [("perk", 1), ("goods", 0), ("service", 0), ("goods", 10**15 + 1)])
async def test_only_a_perk_costs_nothing(shelves: Shelves, kind: Any, points: int) -> None:
    with pytest.raises(InvalidField) as caught:
        await shelves.item("I1", kind=kind, points=points)
    assert caught.value.field == "points"

    await shelves.item("I2", kind=kind, points=0 if kind == "perk" else 1)
    with pytest.raises(InvalidField):
        await shelves.priced("I2", TODAY, points)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"item": ""}, "item"),
        ({"item": "G/1"}, "item"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "长" * 101}, "name"),
        ({"kind": "gift"}, "kind"),
        ({"on_until": TODAY - DAY}, "on_until"),
        ({"quotas": (Quota("shop", 1, "day"),)}, "quotas[0].by"),  # type: ignore[arg-type]
        ({"quotas": (Quota("person", 1, "hour"),)}, "quotas[0].per"),  # type: ignore[arg-type]
        ({"quotas": (Quota("person", 0, "day"),)}, "quotas[0].times"),
        ({"quotas": (Quota("person", 2**63, "day"),)}, "quotas[0].times"),
        ({"quotas": (Quota("person", 1, "day"), Quota("person", 2, "day"))}, "quotas"),
        ({"eligible": Eligible(star=0)}, "eligible.star"),
        ({"eligible": Eligible(star=2, most_star=1)}, "eligible.most_star"),
        ({"eligible": Eligible(most_star=11)}, "eligible.most_star"),
        ({"eligible": Eligible(tag=" ")}, "eligible.tag"),
        ({"eligible": Eligible(least_age=-1)}, "eligible.least_age"),
        ({"eligible": Eligible(least_age=60, most_age=59)}, "eligible.most_age"),
        ({"voucher_days": 30}, "voucher_days"),  # only services
        ({"kind": "service", "voucher_days": 0}, "voucher_days"),
        ({"kind": "service", "giftable": True}, "giftable"),
    ],
)
async def test_what_is_no_item_is_not_put_in(shelves: Shelves, changes: dict[str, Any], field: str) -> None:
    code = changes.pop("item", "G1")
    with pytest.raises(InvalidField) as caught:
        await shelves.item(code, **changes)
    assert caught.value.field == field


async def test_all_of_an_item_changes_but_its_kind_and_its_price(shelves: Shelves) -> None:
    there = await shelves.item("G1")
    changed = replace(there, name="大香皂", kind="perk", points=99, on_until=TODAY, quotas=(Quota("person", 1, "day"),))

    assert await shelves.changed(changed) == replace(changed, kind="goods", points=12)
    with pytest.raises(UnknownGoods):
        await shelves.changed(replace(there, item="G2"))


async def test_an_offer_keeps_where_it_comes_from(shelves: Shelves) -> None:
    await shelves.item("G1")
    await shelves.item("S1", kind="service")
    await shelves.offered("G1")
    await shelves.offered("S1", supply="merchant")
    assert (await shelves.on())["S1"].pieces is None

    for code, supply, outlet, refusal in (
        ("G1", "merchant", "X1", OfferExists),
        ("S1", "stock", "X2", InvalidField),
        ("G1", "theft", "X2", InvalidField),
        ("G9", "stock", "X1", UnknownGoods),
        ("G1", "stock", "X9", UnknownOutlet),
    ):
        with pytest.raises(refusal):
            await shelves.offered(code, supply=supply, outlet=outlet)
    async with shelves.database.begin() as tx:
        with pytest.raises(NotOffered):
            await catalogue.switch(tx, shelves.id, "X2", "G1", False)


async def test_the_catalogue_is_read_in_pages(shelves: Shelves) -> None:
    for code in ("G1", "G2", "G3"):
        await shelves.item(code)
    await shelves.item("G4", on_from=TODAY + DAY)
    async with shelves.database.connect() as tx:
        page = await catalogue.items_of(tx, shelves.id, TODAY, limit=2)
        rest = await catalogue.items_of(tx, shelves.id, TODAY, after="G2")
        on = await catalogue.items_of(tx, shelves.id, TODAY, on=True)
    assert [[each.item for each in found] for found in (page, rest, on)] == [
        ["G1", "G2"],
        ["G3", "G4"],
        ["G1", "G2", "G3"],
    ]


@pytest.mark.parametrize(
    ("per", "day", "period"),
    [
        ("day", date(2026, 11, 22), "2026-11-22"),
        ("week", date(2026, 11, 22), "2026-W47"),  # a Sunday
        ("week", date(2026, 11, 23), "2026-W48"),
        ("week", date(2027, 1, 3), "2026-W53"),  # the week is last year's
        ("week", date(2024, 12, 30), "2025-W01"),
        ("month", date(2026, 1, 31), "2026-01"),
        ("quarter", date(2026, 3, 31), "2026-Q1"),
        ("quarter", date(2026, 4, 1), "2026-Q2"),
        ("quarter", date(2026, 12, 31), "2026-Q4"),
        ("year", date(2026, 12, 31), "2026"),
    ],
)
def test_a_day_belongs_to_a_period(per: str, day: date, period: str) -> None:
    assert period_of(per, day) == period
