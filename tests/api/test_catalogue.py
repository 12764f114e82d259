"""Catalogue, stock and households over HTTP."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations, volunteers
from ledger.spending import outlets
from ledger.spending.outlets import Details
from tests.api.conftest import Caller, a_user
from tests.books.ledgers import balances_of

SOAP = {"item": "G01", "name": "香皂", "kind": "goods", "points": 12}


@pytest.fixture
async def today(database: AsyncEngine) -> date:
    async with database.connect() as tx:
        return day_of(await connect.now(tx))


@pytest.fixture
async def staff(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    """An operator of a book with the outlets X1 (of the street) and X2 (of the lane)."""
    async with database.begin() as tx:
        for code in ("street", "lane"):
            await organisations.add(tx, book.book_id, code, code)
        await outlets.add(tx, book.book_id, "X1", Details("一号超市", "virtue_supermarket", "street"))
        await outlets.add(tx, book.book_id, "X2", Details("二号超市", "virtue_supermarket", "lane"))
    return await a_user(http, database, book, Grant("operator"))


async def done(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(answer: httpx.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


async def test_an_item_is_added_read_changed_and_listed(staff: Caller, today: date) -> None:
    body = SOAP | {
        "on_until": (today + timedelta(days=30)).isoformat(),
        "quotas": [{"by": "person", "times": 2, "per": "month"}],
        "eligible": {"star": 2, "tag": "骑手", "most_star": 3},
    }
    added = await done(await staff.post("/items", body), 201)
    assert added == body | {
        "on_from": today.isoformat(),
        "eligible": {"star": 2, "tag": "骑手", "least_age": None, "most_age": None, "most_star": 3},
        "voucher_days": None,
        "giftable": False,
    }
    assert await done(await staff.get("/items/G01")) == added
    await refused(await staff.post("/items", SOAP), 409, "goods_exist")

    changed = await done(await staff.post("/items/G01", {"name": "大香皂"}))

    assert (changed["name"], changed["quotas"], changed["on_until"], changed["points"]) == ("大香皂", [], None, 12)
    assert changed["on_from"] == today.isoformat()
    await done(
        await staff.post("/items", SOAP | {"item": "G02", "on_from": (today + timedelta(days=1)).isoformat()}), 201
    )
    page = await done(await staff.get("/items?limit=1"))
    assert ([each["item"] for each in page["items"]], page["next"]) == (["G01"], "G01")
    assert [each["item"] for each in (await done(await staff.get("/items?after=G01")))["items"]] == ["G02"]
    assert [each["item"] for each in (await done(await staff.get("/items?on=true")))["items"]] == ["G01"]
    await refused(await staff.post("/items/G09", {"name": "x"}), 404, "unknown_goods")


async def test_prices_have_versions_and_the_past_stays(staff: Caller, today: date) -> None:
    await staff.post("/items", SOAP)
    tomorrow = (today + timedelta(days=1)).isoformat()
    await done(await staff.post("/items/G01/prices", {"points": 20, "effective_from": tomorrow}), 201)
    assert (await done(await staff.get("/items/G01")))["points"] == 12
    await done(await staff.post("/items/G01/prices", {"points": 13}), 201)
    assert (await done(await staff.get("/items/G01")))["points"] == 13
    history = (await done(await staff.get("/items/G01/prices")))["items"]
    assert [(each["effective_from"], each["points"]) for each in history] == [(tomorrow, 20), (today.isoformat(), 13)]

    yesterday = (today - timedelta(days=1)).isoformat()
    late = await refused(
        await staff.post("/items/G01/prices", {"points": 1, "effective_from": yesterday}), 400, "invalid_request"
    )
    assert late["errors"] == [{"field": "effective_from", "problem": "in_the_past"}]
    await refused(await staff.post("/items/G01/prices", {"points": 0}), 400, "invalid_request")
    await refused(await staff.post("/items", SOAP | {"item": "P1", "kind": "perk"}), 400, "invalid_request")


async def test_donated_goods_are_received_once_under_a_key(staff: Caller, database: AsyncEngine, book: Book) -> None:
    await staff.post("/items", SOAP)
    body = {"item": "G01", "pieces": 100, "origin": "donated", "note": "某公司"}
    await refused(await staff.post("/outlets/X1/receipts", body), 400, "invalid_request")

    answers = await asyncio.gather(*(staff.post("/outlets/X1/receipts", body, "k") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False] + [True] * 4
    assert (await balances_of(database, book, "1200.X1", "3200")) == {"1200.X1": 1_200, "3200": 1_200}
    stock = await done(await staff.get("/outlets/X1/stock"))
    assert stock["items"] == [
        {"item": "G01", "name": "香皂", "supply": "stock", "pieces": 100, "value": 1_200, "offered": True}
    ]
    assert [(each["kind"], each["pieces"], each["note"]) for each in stock["moves"]] == [("donated", 100, "某公司")]
    await refused(await staff.post("/outlets/X1/receipts", body | {"pieces": 99}, "k"), 409, "idempotency_conflict")


async def test_a_count_that_comes_too_late_is_refused_and_stays_refused(staff: Caller) -> None:
    await staff.post("/items", SOAP)
    await staff.post("/outlets/X1/receipts", {"item": "G01", "pieces": 10, "origin": "donated"}, "k1")
    body = {"items": [{"item": "G01", "found": 8, "expected": 9}], "reason": "受潮两条"}

    late = await refused(await staff.post("/outlets/X1/counts", body, "k2"), 409, "stock_changed")

    assert (late["item"], late["pieces"]) == ("G01", 10)
    again = await staff.post("/outlets/X1/counts", body, "k2")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (409, "true")
    body["items"][0]["expected"] = 10  # type: ignore[index] # of the dict above
    counted = await done(await staff.post("/outlets/X1/counts", body, "k3"), 201)
    assert [(each["pieces"], each["value"], each["note"]) for each in counted["items"]] == [(-2, -24, "受潮两条")]
    await refused(
        await staff.post("/outlets/X1/counts", {"items": [{"item": "G01", "found": 1}]}, "k4"), 400, "invalid_request"
    )
    page = await done(await staff.get("/outlets/X1/moves?limit=1"))
    assert ([each["kind"] for each in page["items"]], page["next"]) == (["count"], page["items"][0]["id"])
    rest = await done(await staff.get(f"/outlets/X1/moves?after={page['next']}&item=G01"))
    assert [each["kind"] for each in rest["items"]] == ["donated"]


@pytest.mark.parametrize("pieces", [0, -1, 2**63, 1.5, "1", True, None])
async def test_a_number_of_pieces_is_a_whole_number_of_some(staff: Caller, pieces: Any) -> None:
    await staff.post("/items", SOAP)
    body = {"item": "G01", "pieces": pieces, "origin": "donated"}
    await refused(await staff.post("/outlets/X1/receipts", body, "k"), 400, "invalid_request")


async def test_an_outlet_offers_what_it_is_told_to(staff: Caller) -> None:
    await staff.post("/items", SOAP)
    await staff.post("/items", {"item": "S01", "name": "理发一次", "kind": "service", "points": 30})
    await done(await staff.post("/outlets/X1/offers", {"item": "S01", "supply": "merchant"}), 201)
    await done(await staff.post("/outlets/X1/offers", {"item": "G01", "supply": "stock"}), 201)
    await refused(await staff.post("/outlets/X1/offers", {"item": "G01", "supply": "merchant"}), 409, "offer_exists")

    off = await done(await staff.post("/outlets/X1/offers/G01/status", {"offered": False}))

    assert off["offered"] is False
    offers = (await done(await staff.get("/outlets/X1/offers")))["items"]
    assert [(each["item"], each["points"], each["pieces"]) for each in offers] == [("S01", 30, None)]
    await refused(await staff.post("/outlets/X2/offers/G01/status", {"offered": False}), 409, "not_offered")
    await refused(await staff.get("/outlets/X9/offers"), 404, "unknown_outlet")


async def test_who_manages_one_street_manages_its_shops_and_not_the_catalogue(
    staff: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    await staff.post("/items", SOAP)
    hers = await a_user(http, database, book, Grant("operator", "street"))
    body = {"item": "G01", "pieces": 1, "origin": "donated"}
    await done(await hers.post("/outlets/X1/receipts", body, "k1"), 201)
    for answer in (
        await hers.post("/outlets/X2/receipts", body, "k2"),
        await hers.post("/outlets/X2/counts", {"items": [{"item": "G01", "found": 1}]}, "k3"),
        await hers.post("/outlets/X2/offers", {"item": "G01", "supply": "stock"}),
        await hers.get("/outlets/X2/stock"),
        await hers.post("/items", SOAP | {"item": "G02"}),
        await hers.post("/items/G01", {"name": "x"}),
        await hers.post("/items/G01/prices", {"points": 1}),
    ):
        await refused(answer, 403, "not_allowed")
    keeper = await a_user(http, database, book, Grant("merchant", outlet="X1"))
    assert len((await done(await keeper.get("/outlets/X1/stock")))["items"]) == 1
    await refused(await keeper.get("/outlets/X2/stock"), 403, "not_allowed")
    await refused(await keeper.post("/outlets/X1/receipts", body, "k4"), 403, "not_allowed")


async def test_staff_say_who_shares_a_household(staff: Caller, database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        for number in ("V-1", "V-2"):
            await volunteers.register(tx, book.book_id, number, "street")
    assert await done(await staff.get("/volunteers/V-1/household")) == {"household": None, "members": []}
    await staff.post("/volunteers/V-2/household", {"household": "F-7"})
    joined = await done(await staff.post("/volunteers/V-1/household", {"household": "F-7"}))
    assert joined == {"household": "F-7", "members": ["V-1", "V-2"]}
    assert (await staff.delete("/volunteers/V-2/household")).status_code == 204
    assert (await done(await staff.get("/volunteers/V-1/household")))["members"] == ["V-1"]
    await refused(await staff.post("/volunteers/V-1/household", {"household": "一家"}), 400, "invalid_request")
    await refused(await staff.get("/volunteers/V-9/household"), 404, "unknown_volunteer")
