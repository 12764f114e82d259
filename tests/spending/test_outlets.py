"""Outlets: adding, changing, closing, listing them, and which are near."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import chart
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import organisations
from ledger.errors import (
    AccountExists,
    InvalidField,
    OutletClosed,
    OutletExists,
    Refusal,
    UnknownOrganisation,
    UnknownOutlet,
)
from ledger.spending import outlets
from ledger.spending.outlets import Details, Good, Outlet
from ledger.spending.tables import items, offers, prices, stock_moves
from tests.conftest import new_book

DAY = date(2026, 3, 10)
SHOP = Details("一社区美德超市", "virtue_supermarket", "street", "湖边路 1 号", "0531-1", "9:00–17:00")
LAKE = (36.675, 117.0)


@pytest.fixture(autouse=True)
async def tree(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "district", "区")
        for code, above in (("street", "district"), ("community", "street"), ("lane", "district")):
            await organisations.add(tx, book.book_id, code, code, above)


async def add(database: AsyncEngine, book: Book, code: str, details: Details = SHOP, **changed: Any) -> Outlet:
    async with database.begin() as tx:
        return await outlets.add(tx, book.book_id, code, replace(details, **changed))


async def listed(database: AsyncEngine, book: Book, **by: Any) -> list[str]:
    async with database.connect() as tx:
        return [each.code for each in await outlets.outlets_of(tx, book.book_id, **by)]


async def near(database: AsyncEngine, book: Book, **by: Any) -> list[tuple[str, int | None]]:
    async with database.connect() as tx:
        return [(each.outlet.code, each.metres) for each in await outlets.near(tx, book.book_id, DAY, **by)]


async def test_a_new_outlet_is_open_and_has_its_accounts(database: AsyncEngine, book: Book) -> None:
    made = await add(database, book, "X0001")
    assert made == Outlet("X0001", SHOP, "open", ("street", "district"))
    async with database.connect() as tx:
        assert await outlets.find(tx, book.book_id, "X0001") == made
        found = await chart.find_accounts(tx, book.book_id, ["1200.X0001", "2300.X0001", "2310.X0001"])
    assert {(each.kind, each.holder) for each in found.values()} == {
        ("goods_stock", "X0001"),
        ("merchant_payable", "X0001"),
        ("merchant_disputed", "X0001"),
    }


async def test_a_code_is_one_outlets_in_its_book(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "X0001")
    with pytest.raises(OutletExists) as caught:
        await add(database, book, "X0001")
    assert caught.value.outlet == "X0001"
    other = await new_book(database)
    async with database.begin() as tx:
        await organisations.add(tx, other.book_id, "street", "街道")
    await add(database, other, "X0001")
    with pytest.raises(UnknownOutlet):
        async with database.connect() as tx:
            await outlets.find(tx, (await new_book(database)).book_id, "X0001")


@pytest.mark.parametrize(
    ("changed", "field", "problem"),
    [
        ({"code": "X.1"}, "code", "not_an_outlet_code"),
        ({"code": "X" * 33}, "code", "not_an_outlet_code"),
        ({"code": "超市"}, "code", "not_an_outlet_code"),
        ({"name": ""}, "name", "not_a_name"),
        ({"name": "a\x00b"}, "name", "not_a_name"),
        ({"kind": "bank"}, "kind", "not_a_kind"),
        ({"address": "a\nb"}, "address", "not_one_line"),
        ({"phone": "1" * 41}, "phone", "not_one_line"),
        ({"hours": "a" * 201}, "hours", "not_one_line"),
        ({"latitude": 1}, "longitude", "missing"),
        ({"longitude": 1}, "latitude", "missing"),
        ({"latitude": 90_000_001, "longitude": 0}, "latitude", "out_of_range"),
        ({"latitude": 0, "longitude": -180_000_001}, "longitude", "out_of_range"),
        ({"day_limit": 0}, "day_limit", "out_of_range"),
        ({"day_limit": 2**63}, "day_limit", "out_of_range"),
    ],
)
async def test_what_an_outlet_cannot_be_is_said_by_field(
    database: AsyncEngine, book: Book, changed: dict[str, Any], field: str, problem: str
) -> None:
    code = changed.pop("code", "X0001")
    with pytest.raises(InvalidField) as caught:
        await add(database, book, code, **changed)
    assert (caught.value.field, caught.value.problem) == (field, problem)
    assert await listed(database, book) == []


async def test_an_organisation_looks_after_every_outlet(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnknownOrganisation):
        await add(database, book, "X0001", organisation="nowhere")


async def test_accounts_of_its_name_that_are_something_else_keep_an_outlet_from_opening(
    database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        await chart.open_accounts(tx, book.book_id, [chart.NewAccount("1200.X0001", "?", "liability", "PT")])
    with pytest.raises(AccountExists):
        await add(database, book, "X0001")
    assert await listed(database, book) == []


async def test_an_outlet_changes_and_closes_and_opens_again(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "X0001")
    moved = replace(SHOP, name="新店", organisation="lane", latitude=1, longitude=-2, day_limit=500)
    async with database.begin() as tx:
        assert await outlets.change(tx, book.book_id, "X0001", moved) == Outlet(
            "X0001", moved, "open", ("lane", "district")
        )
        assert not (await outlets.set_status(tx, book.book_id, "X0001", "closed")).is_open
        with pytest.raises(OutletClosed):
            await outlets.find_open(tx, book.book_id, "X0001")
        assert (await outlets.set_status(tx, book.book_id, "X0001", "open")).details == moved
        for wrong, refusal in (
            (outlets.change(tx, book.book_id, "X0009", SHOP), UnknownOutlet),
            (outlets.change(tx, book.book_id, "X0001", replace(SHOP, organisation="nowhere")), UnknownOrganisation),
            (outlets.change(tx, book.book_id, "X0001", replace(SHOP, name="")), InvalidField),
            (outlets.set_status(tx, book.book_id, "X0009", "open"), UnknownOutlet),
            (outlets.set_status(tx, book.book_id, "X0001", "sold"), InvalidField),
        ):
            with pytest.raises(refusal):
                await wrong
        assert (await outlets.find(tx, book.book_id, "X0001")).details == moved


async def test_a_list_of_outlets_changes_nothing_the_second_time_and_says_what_it_does_not_take(
    database: AsyncEngine, book: Book
) -> None:
    rows = [
        ("X0001", Details("一", "virtue_supermarket", "street")),
        ("X0002", Details("二", "care_station", "nowhere")),
        ("X0003", Details("三", "bank", "street")),
        ("X0004", Details("四", "transport", "lane")),
        ("X0001", Details("一", "virtue_supermarket", "street")),
        ("X0004", Details("五", "transport", "lane")),
    ]

    async def add_many() -> list[tuple[str, bool] | type[Refusal]]:
        async with database.begin() as tx:
            done = await outlets.add_many(tx, book.book_id, rows)
        return [type(each) if isinstance(each, Refusal) else (each[0].code, each[1]) for each in done]

    refused = [UnknownOrganisation, InvalidField]
    assert await add_many() == [("X0001", True), *refused, ("X0004", True), ("X0001", False), OutletExists]
    async with database.begin() as tx:  # what lists do not say stays as somebody has written it
        there = await outlets.find(tx, book.book_id, "X0001")
        await outlets.change(tx, book.book_id, "X0001", replace(there.details, address="湖边路 1 号"))
    assert await add_many() == [("X0001", False), *refused, ("X0004", False), ("X0001", False), OutletExists]
    async with database.connect() as tx:
        assert (await outlets.find(tx, book.book_id, "X0001")).details.address == "湖边路 1 号"


async def test_of_two_who_add_the_same_list_at_once_each_outlet_is_added_by_one(
    database: AsyncEngine, book: Book
) -> None:
    rows = [(f"X{number:04}", replace(SHOP, name=f"店 {number}")) for number in range(30)]

    async def add_many(rows: list[tuple[str, Details]]) -> set[str]:
        async with database.begin() as tx:
            done = await outlets.add_many(tx, book.book_id, rows)
        assert not any(isinstance(each, Refusal) for each in done)
        return {each[0].code for each in done if not isinstance(each, Refusal) and each[1]}

    one, other = await asyncio.gather(add_many(rows), add_many(rows[::-1]))
    assert not one & other
    assert sorted(one | other) == [code for code, _ in rows] == await listed(database, book)


async def test_outlets_are_listed_by_organisation_name_kind_and_page(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "X0001", organisation="community", name="100% Café")
    await add(database, book, "X0002", kind="care_station", address="Lake Road 1")
    await add(database, book, "X0003", organisation="lane")
    async with database.begin() as tx:
        await outlets.set_status(tx, book.book_id, "X0003", "closed")
    assert await listed(database, book) == ["X0001", "X0002", "X0003"]
    assert await listed(database, book, under={"street"}) == ["X0001", "X0002"]
    assert await listed(database, book, under={"community", "lane"}) == ["X0001", "X0003"]
    assert await listed(database, book, under=set()) == []
    assert await listed(database, book, search="lake ROAD") == ["X0002"]
    assert await listed(database, book, search="0% c") == ["X0001"]
    assert await listed(database, book, search="%_") == []
    assert await listed(database, book, kind="care_station") == ["X0002"]
    assert await listed(database, book, status="closed") == ["X0003"]
    assert await listed(database, book, after="X0001", limit=1) == ["X0002"]


async def test_the_nearest_outlets_come_first_and_those_of_unknown_place_last(
    database: AsyncEngine, book: Book
) -> None:
    for code, north in (("X0001", 0.1), ("X0002", 0.0), ("X0003", -0.01)):
        await add(database, book, code, latitude=round((LAKE[0] + north) * 1e6), longitude=117_000_000)
    await add(database, book, "X0004")
    await add(database, book, "X0005", latitude=36_675_000, longitude=117_000_000)
    async with database.begin() as tx:
        await outlets.set_status(tx, book.book_id, "X0005", "closed")
    found = await near(database, book, latitude=LAKE[0], longitude=LAKE[1])
    assert [code for code, _ in found] == ["X0002", "X0003", "X0001", "X0004"]
    assert [away for _, away in found] == [0, 1112, 11_120, None]  # a degree of a meridian: 111,195 m
    assert [code for code, _ in await near(database, book, latitude=LAKE[0], longitude=LAKE[1], limit=1)] == ["X0002"]


async def test_without_a_place_her_own_organisations_outlets_come_first(database: AsyncEngine, book: Book) -> None:
    for code, organisation in (("A", "lane"), ("B", "district"), ("C", "street"), ("D", "community"), ("E", "street")):
        await add(database, book, code, organisation=organisation)
    line = ("community", "street", "district")
    assert await near(database, book, line=line) == [(code, None) for code in ("D", "C", "E", "A", "B")]
    assert await near(database, book) == [(code, None) for code in "ABCDE"]


async def test_a_quarter_of_the_equator_is_as_long_as_a_quarter_of_a_meridian_and_half_is_the_furthest() -> None:
    quarter = round(outlets.EARTH * 3.141592653589793 / 2)
    assert outlets.metres((0, 0), (0, 90)) == outlets.metres((0, 0), (90, 0)) == quarter
    assert outlets.metres((10, 20), (-10, -160)) == round(outlets.EARTH * 3.141592653589793)
    assert outlets.metres((0, 179.9999), (0, -179.9999)) == 22
    assert outlets.metres((36.5, 117), (36.5, 117)) == 0


async def test_an_outlet_near_shows_what_it_has_that_day_at_the_price_of_that_day(
    database: AsyncEngine, book: Book
) -> None:
    for code in ("X0001", "X0002"):
        await add(database, book, code)
    async with database.begin() as tx:
        now = await connect.now(tx)
        for item, on_from, on_until in (
            ("soap", date(2026, 1, 1), None),
            ("rice", DAY, DAY),
            ("oil", date(2026, 3, 11), None),
            ("tea", date(2026, 1, 1), date(2026, 3, 9)),
            ("salt", date(2026, 1, 1), None),
            ("gift", date(2026, 1, 1), None),
        ):
            of = {"book_id": book.book_id, "item": item}
            more = {"name": item.title(), "kind": "goods", "quotas": [], "eligible": {}}
            await tx.execute(insert(items).values(**of, **more, on_from=on_from, on_until=on_until))
            for first, points in ((date(2026, 1, 1), 5), (date(2026, 3, 1), 6), (date(2026, 3, 11), 7)):
                if item != "salt":
                    values = {"effective_from": first, "points": points, "set_by": "user:1", "set_at": now}
                    await tx.execute(insert(prices).values(**of, **values))
            for outlet, pieces, offered in (("X0001", 3, item != "gift"), ("X0002", 0, True)):
                stock = {"outlet": outlet, "supply": "stock", "pieces": pieces, "offered": offered}
                await tx.execute(insert(offers).values(**of, **stock))
                if pieces:
                    move = {"move_id": uuid4(), "outlet": outlet, "kind": "donated", "pieces": pieces, "value": 0}
                    by = {"note": "", "moved_by": "user:1", "moved_at": now}
                    await tx.execute(insert(stock_moves).values(**of, **move, **by))
    async with database.connect() as tx:
        found = await outlets.near(tx, book.book_id, DAY)
    assert {each.outlet.code: each.goods for each in found} == {
        "X0001": (Good("rice", "Rice", 6), Good("soap", "Soap", 6)),
        "X0002": (),
    }
