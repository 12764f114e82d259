"""Her phone over HTTP: the code, what has become of it, her redemptions, and her word under a key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen
from ledger.access import ciphers
from ledger.access.rights import Grant
from ledger.books import integrity
from ledger.books.directory import Book
from ledger.errors import CodeNotValid
from ledger.spending.redemption import Made
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.api.test_qr import read
from tests.earning.programmes import later
from tests.spending.shops import Shop, opened_shop

KEYS = ciphers.Keys.of(SETTINGS.identity_keys, SETTINGS.index_keys, SETTINGS.print_keys)
REPLAYED = "idempotency-replayed"


@dataclass
class Her:
    """A volunteer with a hundred points before a village shop, by the real clock."""

    caller: Caller
    shop: Shop

    async def get(self, path: str) -> Any:
        answer = await self.caller.http.get(f"/api/v1/me{path}", headers=self.caller._headers(None))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, key: str | None = None, body: Any = None) -> httpx.Response:
        return await self.caller.http.post(f"/api/v1/me{path}", json=body, headers=self.caller._headers(key))

    async def code(self) -> str:
        answer = await self.post("/pay-codes")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    async def redeem(self, code: str, **wanted: int) -> Made:
        return await self.shop.redeem(ciphers.digest(KEYS, "spending", code), wanted)

    async def waits(self) -> str:
        """A haircut that waits for her; its address."""
        made = await self.redeem(await self.code(), S01=1)
        assert made.status == "waiting"
        return f"/redemptions/{made.redemption_id}"


@pytest.fixture
async def her(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Her:
    shop = await opened_shop(database, book)
    shop.database = database
    grant = Grant("volunteer", volunteer_no=shop.volunteer.volunteer_no)
    return Her(await a_user(http, database, book, grant), shop)


async def test_a_code_comes_drawn_and_lives_a_minute(her: Her) -> None:
    answer = await her.post("/pay-codes")
    assert answer.status_code == 201
    made = answer.json()
    assert made.keys() == {"code", "qr_svg", "barcode_svg", "expires_at"}
    assert eighteen.is_number(eighteen.PAY_CODE, made["code"])
    assert {read(made[drawn]).text for drawn in ("qr_svg", "barcode_svg")} == {made["code"]}
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now().astimezone()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


async def test_what_became_of_a_code_is_told_step_by_step(her: Her) -> None:
    assert (await her.get("/pay-codes/current"))["state"] == "none"
    code = await her.code()
    assert (await her.get("/pay-codes/current"))["state"] == "live"
    made = await her.redeem(code, G01=2)
    now = await her.get("/pay-codes/current")
    assert (now["state"], now["quote"]) == ("used", None)
    assert now["redemption"]["id"] == str(made.redemption_id)
    assert now["redemption"] == await her.get(f"/redemptions/{made.redemption_id}")
    assert now["redemption"]["status"] == "done"
    assert now["redemption"]["word"] == made.word
    assert now["redemption"]["outlet_name"] == "一社区美德超市"
    assert now["redemption"]["lines"] == [{"item": "G01", "name": "香皂", "quantity": 2, "points": 10, "returned": 0}]


async def test_only_the_newest_of_many_codes_buys_anything(her: Her) -> None:
    codes = await asyncio.gather(*(her.code() for _ in range(8)))
    newest = await her.code()
    for code in codes:
        with pytest.raises(CodeNotValid):
            await her.redeem(code, G01=1)
    assert (await her.redeem(newest, G01=1)).status == "done"
    assert await her.shop.wallet() == 95


async def test_her_word_counts_once_however_often_it_is_sent(her: Her, database: AsyncEngine) -> None:
    waiting = await her.waits()
    answers = await asyncio.gather(*(her.post(f"{waiting}/confirm", "k1") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json() for answer in answers] == [answers[0].json()] * 6
    assert sum(REPLAYED in answer.headers for answer in answers) == 5
    assert answers[0].json()["status"] == "done"
    assert await her.shop.wallet() == 70
    late = await her.post(f"{waiting}/decline", "k2")
    assert (late.status_code, late.json()["code"]) == (409, "not_waiting")
    again = await her.post(f"{waiting}/decline", "k2")
    assert (again.status_code, again.headers[REPLAYED]) == (409, "true")
    other = await her.post(f"{waiting}/confirm", "k2")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert await integrity.check(database, her.shop.book.book_id) == []


async def test_yes_and_no_at_once_are_one_of_them(her: Her, database: AsyncEngine) -> None:
    waiting = await her.waits()
    yes, no = await asyncio.gather(her.post(f"{waiting}/confirm", "yes"), her.post(f"{waiting}/decline", "no"))
    assert sorted((yes.status_code, no.status_code)) == [200, 409]
    assert await her.shop.wallet() == (70 if yes.status_code == 200 else 100)
    assert await integrity.check(database, her.shop.book.book_id) == []


async def test_a_word_that_comes_too_late_is_kept_as_such(her: Her) -> None:
    past = later(her.shop.database, seconds=-91)
    made = await her.shop.redeem(await her.shop.code(database=past), {"S01": 1}, database=past)
    waiting = f"/redemptions/{made.redemption_id}"
    assert (await her.get(waiting))["status"] == "lapsed"
    for verb in ("confirm", "decline"):
        answer = await her.post(f"{waiting}/{verb}", verb)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")
    assert await her.shop.balance("2300.X0001") == 0


async def test_a_word_needs_a_key(her: Her) -> None:
    waiting = await her.waits()
    for verb in ("confirm", "decline"):
        assert (await her.post(f"{waiting}/{verb}")).status_code == 400
    assert (await her.get(waiting))["status"] == "waiting"


async def test_redemptions_come_page_by_page(her: Her) -> None:
    made = [str((await her.redeem(await her.code(), G01=1)).redemption_id) for _ in range(3)]
    first = await her.get("/redemptions?limit=2")
    assert [each["id"] for each in first["items"]] == made[:0:-1]
    rest = await her.get(f"/redemptions?limit=2&after={first['next']}")
    assert ([each["id"] for each in rest["items"]], rest["next"]) == (made[:1], None)
    lines = (await her.get("/passbook"))["items"]
    assert [line["redemption"] for line in lines] == [*made[::-1], None]


async def test_a_redemption_of_somebody_else_is_not_there(
    her: Her, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    waiting = await her.waits()
    operator = Her(await a_user(http, database, book, Grant("operator")), her.shop)
    assert (await operator.post("/pay-codes")).status_code == 403
    for address in (waiting, f"/redemptions/{uuid4()}"):
        answer = await operator.post(f"{address}/confirm", "k")
        assert answer.status_code in (403, 404)
    assert (await her.get(waiting))["status"] == "waiting"
