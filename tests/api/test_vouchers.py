"""Vouchers over HTTP: bought once under a key, shown to a till, given away as digits that can be shown again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, housekeeping, vouchers
from api.app import create_app
from ledger import eighteen, identifiers
from ledger.access import tokens
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import volunteers
from ledger.spending import catalogue, tills
from ledger.spending import vouchers as spending_vouchers
from ledger.spending.catalogue import Eligible, Item
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.earning.programmes import since_tuesday
from tests.spending.shops import Shop, opened_shop

FOOT_BATH = Item("S02", "足浴一次", "service", 20, date(1990, 1, 1), voucher_days=10, giftable=True)


@dataclass
class Me(Caller):
    """A caller whose paths are her own, or a till's."""

    def _url(self, path: str) -> str:
        return f"/api/v1{path}"


@dataclass
class World:
    """She has a hundred points; the shop cuts hair for 30 and baths feet for 20, of which vouchers can be given."""

    shop: Shop
    her: Me
    till: Me

    async def bought(self, item: str = "S01", key: str = "k1") -> dict[str, Any]:
        answer = await self.her.post("/me/vouchers", {"item": item}, key)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def code(self, voucher: dict[str, Any]) -> dict[str, Any]:
        answer = await self.her.post(f"/me/vouchers/{voucher['id']}/code", {})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def used(self, digits: str, item: str = "S01", key: str = "r1") -> httpx.Response:
        body = {"code": digits, "lines": [{"item": item, "quantity": 1}]}
        return await self.till.post("/redemptions", body, key)

    async def mine(self) -> dict[str, Any]:
        return dict((await self.her.get("/me/vouchers")).json())


@pytest.fixture
async def world(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> World:
    shop = await opened_shop(database, book)
    async with shop.database.begin() as tx:
        await catalogue.add(tx, book.book_id, FOOT_BATH, by="user:1", now=await connect.now(tx))
        await catalogue.offer(tx, book.book_id, shop.OUTLET, "S02", "merchant")
    shop.database = database  # from here on by the real clock
    async with database.begin() as tx:
        made, secret = await tokens.make(
            tx, book.book_id, "收银", outlet=shop.OUTLET, by="user:1", now=auth.now(), lifetime=timedelta(days=1)
        )
        await tills.bound(tx, book.book_id, made.token_id, shop.OUTLET, "收银")
    her = await a_user(http, database, book, Grant("volunteer", volunteer_no=shop.volunteer.volunteer_no))
    return World(shop, Me(http, book.code, her.token), Me(http, book.code, secret))


async def test_she_buys_a_voucher_and_uses_it_by_her_pay_code(world: World) -> None:
    bought = await world.bought()
    assert bought == (await world.mine())["items"][0]
    assert (bought["name"], bought["points"], bought["giftable"], bought["state"]) == ("理发一次", 30, False, "live")
    assert date.fromisoformat(bought["expires_on"]) == auth.today() + timedelta(days=90)
    assert await world.shop.wallet() == 70
    code = await world.code(bought)
    assert eighteen.is_number(eighteen.PAY_CODE, code["code"])
    assert code["expires_at"] is not None
    assert code["qr_svg"].startswith("<svg")
    used = await world.used(code["code"])
    assert (used.status_code, used.json()["status"], used.json()["points"]) == (201, "done", 30)
    [now] = (await world.mine())["items"]
    assert (now["state"], now["ended_at"] is not None) == ("used", True)
    assert await world.shop.wallet() == 70
    refused = await world.her.post(f"/me/vouchers/{bought['id']}/code", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "voucher_not_valid")


async def test_one_that_may_be_given_away_has_digits_that_are_the_same_each_time(world: World) -> None:
    bought = await world.bought("S02")
    first, second = await world.code(bought), await world.code(bought)
    assert first == second
    assert eighteen.is_number(eighteen.VOUCHER, first["code"])
    assert (first["expires_at"], first["expires_on"]) == (None, bought["expires_on"])
    other = await world.bought("S02", "k2")
    assert (await world.code(other))["code"] != first["code"]
    assert (await world.used(first["code"], "S02")).json()["status"] == "done"
    again = await world.used(first["code"], "S02", "r2")
    assert (again.status_code, again.json()["code"]) == (409, "voucher_not_valid")


async def test_its_digits_stand_in_no_answer_but_the_one_that_shows_them(world: World, database: AsyncEngine) -> None:
    bought = await world.bought("S02")
    digits = (await world.code(bought))["code"]
    assert digits not in str(await world.mine())
    await world.used(digits, "S02")
    async with database.connect() as tx:
        for table in ("vouchers", "claims", "quotes", "redemptions", "shoppers"):
            rows = await tx.exec_driver_sql(f"SELECT t::text FROM {table} t")
            assert not any(digits in row for (row,) in rows), table


async def test_its_digits_are_shown_also_after_the_key_of_print_was_changed(
    world: World, database: AsyncEngine
) -> None:
    bought = await world.bought("S02")
    digits = (await world.code(bought))["code"]
    newer = replace(SETTINGS, print_keys=("another key of print, of more than 32 characters", *SETTINGS.print_keys))
    transport = httpx.ASGITransport(create_app(newer, database), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        her = replace(world.her, http=client)
        assert (await her.post(f"/me/vouchers/{bought['id']}/code", {})).json()["code"] == digits
    gone = replace(newer, print_keys=newer.print_keys[:1])
    transport = httpx.ASGITransport(create_app(gone, database), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        her = replace(world.her, http=client)
        assert (await her.post(f"/me/vouchers/{bought['id']}/code", {})).status_code == 500


async def test_the_same_key_buys_once_and_gets_the_first_answer(world: World) -> None:
    answers = await asyncio.gather(*(world.her.post("/me/vouchers", {"item": "S01"}, "k1") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False] + [True] * 9
    assert await world.shop.wallet() == 70
    other = await world.her.post("/me/vouchers", {"item": "S02"}, "k1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_a_refusal_stays_under_its_key_and_buys_nothing(world: World) -> None:
    for number in range(3):
        await world.bought(key=f"k{number}")
    for _ in range(2):
        refused = await world.her.post("/me/vouchers", {"item": "S01"}, "k9")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_enough_points")
    assert refused.headers["Idempotency-Replayed"] == "true"
    await world.shop.give(100)
    assert (await world.her.post("/me/vouchers", {"item": "S01"}, "k9")).status_code == 409
    assert (await world.her.post("/me/vouchers", {"item": "S01"}, "k10")).status_code == 201


async def test_what_can_be_bought_is_listed_with_where_it_is_used(world: World) -> None:
    assert (await world.mine())["for_sale"] == [
        {
            "item": "S01",
            "name": "理发一次",
            "points": 30,
            "days": 90,
            "giftable": False,
            "places": [{"outlet": "X0001", "name": "一社区美德超市", "address": ""}],
        },
        {
            "item": "S02",
            "name": "足浴一次",
            "points": 20,
            "days": 10,
            "giftable": True,
            "places": [{"outlet": "X0001", "name": "一社区美德超市", "address": ""}],
        },
    ]


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        ("G01", 409, "not_offered"),
        ("S99", 404, "unknown_goods"),
        ("S 1", 404, "unknown_goods"),
        ("", 400, "invalid_request"),
        ("x" * 65, 400, "invalid_request"),
        (7, 400, "invalid_request"),
    ],
)
async def test_what_is_no_voucher_cannot_be_bought(world: World, item: Any, status: int, code: str) -> None:
    answer = await world.her.post("/me/vouchers", {"item": item}, "k1")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await world.her.post("/me/vouchers", {"item": "S01"})).status_code == 400
    assert await world.shop.wallet() == 100


async def test_an_age_that_nobody_knows_is_not_the_one_that_is_asked_for(world: World, database: AsyncEngine) -> None:
    item = Item("S04", "体检", "service", 5, date(1990, 1, 1), voucher_days=9, eligible=Eligible(least_age=60))
    async with database.begin() as tx:
        await catalogue.add(tx, world.shop.book.book_id, item, by="user:1", now=await connect.now(tx))
        await catalogue.offer(tx, world.shop.book.book_id, world.shop.OUTLET, "S04", "merchant")
    refused = await world.her.post("/me/vouchers", {"item": "S04"}, "k1")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_eligible")


async def test_somebody_elses_voucher_is_unknown(http: httpx.AsyncClient, database: AsyncEngine, world: World) -> None:
    bought = await world.bought("S02")
    book = world.shop.book
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-other", "D1T")
    caller = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-other"))
    other = Me(http, book.code, caller.token)
    for answer in (
        await other.get(f"/me/vouchers/{bought['id']}"),
        await other.post(f"/me/vouchers/{bought['id']}/code", {}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_voucher")
    assert (await other.get("/me/vouchers")).json()["items"] == []
    staff = await a_user(http, database, book, Grant("owner"))
    assert (await Me(http, book.code, staff.token).get("/me/vouchers")).status_code == 403


async def test_hers_are_read_page_by_page(world: World) -> None:
    ids = [(await world.bought(key=f"k{number}"))["id"] for number in range(3)]
    first = (await world.her.get("/me/vouchers?limit=2")).json()
    rest = (await world.her.get(f"/me/vouchers?limit=2&after={first['next']}")).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == ids[::-1]
    assert rest["next"] is None
    assert (await world.her.get(f"/me/vouchers/{ids[0]}")).json() == rest["items"][0]
    assert (await world.her.get("/me/vouchers?after=x")).status_code == 400


async def test_it_stands_in_her_passbook_by_what_it_is_for(world: World) -> None:
    await world.bought()
    passbook = (await world.her.get("/me/passbook")).json()
    assert passbook["items"][0]["kind"] == "spend.voucher"
    assert passbook["items"][0]["amount"] == 30


async def test_housekeeping_expires_what_nobody_used(world: World, database: AsyncEngine) -> None:
    async with since_tuesday(database).begin() as tx:
        now = await connect.now(tx)
        bought = await spending_vouchers.buy(
            tx,
            world.shop.book.book_id,
            world.shop.holder,
            "S02",
            voucher_id=next(identifiers.rising(now)),
            digest=b"d" * 32,
            by="user:1",
            age=None,
            now=now,
        )
    [before] = (await world.mine())["items"]
    assert (before["id"], before["state"], before["ended_at"]) == (str(bought.voucher_id), "expired", None)
    await housekeeping.bring_on(database)
    [after] = (await world.mine())["items"]
    assert (after["state"], after["ended_at"] is not None) == ("expired", True)
    assert (await world.shop.balance("4100"), await world.shop.balance("2500")) == (20, 0)


def test_digits_of_vouchers_are_spread_and_follow_from_the_key() -> None:
    made = {vouchers.number_of("a key", UUID(int=number)) for number in range(1000)}
    assert len(made) == 1000
    assert all(eighteen.is_number(eighteen.VOUCHER, digits) for digits in made)
    assert len({digits[2:5] for digits in made}) > 500
    assert vouchers.number_of("a key", UUID(int=1)) == vouchers.number_of("a key", UUID(int=1))
    assert vouchers.number_of("another", UUID(int=1)) not in made
