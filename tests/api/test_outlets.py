"""Outlets and tills over HTTP: codes that bind one device, tills that end at once, clerks, and what is near."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import bindings, tokens, users
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.spending import tills
from tests.api.conftest import PASSWORD, Caller, a_user
from tests.api.people import at
from tests.conftest import new_book

STATION = {"name": "爱心驿站", "kind": "care_station", "organisation": "street"}


@pytest.fixture
async def clerk(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    """An operator of a book with an outlet."""
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "district", "区")
        for code in ("street", "lane"):
            await organisations.add(tx, book.book_id, code, code, "district")
    caller = await a_user(http, database, book, Grant("operator"))
    assert (await caller.post("/outlets", STATION | {"code": "X0001"})).status_code == 201
    return caller


@pytest.fixture
async def shop(application: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A device in a shop, at an address of its own."""
    async with at(
        application, f"10.{secrets.randbelow(250)}.{secrets.randbelow(250)}.{secrets.randbelow(250)}"
    ) as client:
        yield client


@dataclass
class Device:
    """A till as a program sees it."""

    client: httpx.AsyncClient
    number: int
    token: str

    async def call(self, method: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.client.request(method, "/api/v1/tills/clerk", json=body, headers=headers)


async def invited(clerk: Caller, name: str = "柜台", outlet: str = "X0001") -> str:
    answer = await clerk.post(f"/outlets/{outlet}/tills", {"name": name})
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


async def bind(client: httpx.AsyncClient, code: str) -> httpx.Response:
    return await client.post("/api/v1/tills", json={"code": code})


async def bound(clerk: Caller, client: httpx.AsyncClient, **invitation: str) -> Device:
    answer = await bind(client, await invited(clerk, **invitation))
    assert answer.status_code == 201, answer.text
    return Device(client, answer.json()["till"], answer.json()["token"])


# --- outlets ----------------------------------------------------------------------------------------------------------


async def test_an_outlet_is_added_read_changed_and_listed(clerk: Caller) -> None:
    body = STATION | {"address": "湖边路 1 号", "latitude": 36.6512, "longitude": 117, "day_limit": 500}
    made = await clerk.post("/outlets", body | {"code": "X0002"})
    whole = {"code": "X0002", "phone": "", "hours": "", "status": "open"} | body
    assert (made.status_code, made.json()) == (201, whole)
    assert (await clerk.get("/outlets/X0002")).json() == whole
    changed = await clerk.post("/outlets/X0002", STATION | {"name": "新驿站", "phone": "0531 1"})
    assert changed.json() == whole | {
        "name": "新驿站",
        "phone": "0531 1",
        "address": "",
        "latitude": None,
        "longitude": None,
        "day_limit": None,
    }
    assert [each["code"] for each in (await clerk.get("/outlets?search=新")).json()["items"]] == ["X0002"]
    page = (await clerk.get("/outlets?limit=1&kind=care_station&organisation=district")).json()
    assert ([each["code"] for each in page["items"]], page["next"]) == (["X0001"], "X0001")
    assert (await clerk.get("/outlets?organisation=lane")).json() == {"items": [], "next": None}
    assert (await clerk.get("/outlets?organisation=none")).json()["code"] == "unknown_organisation"
    assert (await clerk.get("/outlets?kind=bank")).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": -180.1},
        {"latitude": 36.5},
        {"day_limit": 0},
        {"day_limit": 2**63},
        {"day_limit": 1.5},
        {"kind": "bank"},
        {"code": "X.1"},
        {"code": "../X"},
        {"name": "a\u0000b"},
        {"status": "closed"},
    ],
)
async def test_what_an_outlet_cannot_be_is_refused(clerk: Caller, wrong: dict[str, Any]) -> None:
    answer = await clerk.post("/outlets", STATION | {"code": "X0009"} | wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (await clerk.get("/outlets/X0009")).status_code == 404


async def test_an_operator_of_one_street_does_not_give_its_outlet_to_another_or_take_one(
    clerk: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    hers = await a_user(http, database, book, Grant("operator", "street"))
    theirs = await a_user(http, database, book, Grant("operator", "lane"))
    for caller, body in ((hers, STATION | {"organisation": "lane"}), (theirs, STATION | {"organisation": "lane"})):
        assert (await caller.post("/outlets/X0001", body)).status_code == 403
    assert (await theirs.get("/outlets")).json()["items"] == []
    assert (await theirs.get("/outlets?organisation=street")).status_code == 403
    assert [each["code"] for each in (await hers.get("/outlets")).json()["items"]] == ["X0001"]
    assert (await hers.post("/outlets", STATION | {"code": "X0002", "organisation": "district"})).status_code == 403


async def test_a_merchant_sees_her_own_outlet_and_no_other(
    clerk: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book, shop: httpx.AsyncClient
) -> None:
    assert (await clerk.post("/outlets", STATION | {"code": "X0002"})).status_code == 201
    till = await bound(clerk, shop, outlet="X0002")
    merchant = await a_user(http, database, book, Grant("merchant", outlet="X0001"))
    assert (await merchant.get("/outlets/X0001")).status_code == 200
    for path in ("/outlets/X0002", "/outlets/X0002/tills", "/outlets/none", "/outlets"):
        assert (await merchant.get(path)).status_code == 403, path
    assert (await merchant.post(f"/tills/{till.number}/revoke", {})).status_code == 403
    assert (await till.call("GET")).status_code == 200


# --- a device becomes a till ------------------------------------------------------------------------------------------


async def test_a_code_makes_a_device_a_till_of_that_outlet(clerk: Caller, shop: httpx.AsyncClient) -> None:
    code = await invited(clerk, "前门")
    assert len(code) == 9
    assert code[4] == " "
    answer = await bind(shop, code)
    told = answer.json()
    assert answer.status_code == 201
    assert (told["outlet"], told["outlet_name"], told["name"]) == ("X0001", "爱心驿站", "前门")
    assert told["token"].startswith("tt_")
    [listed] = (await clerk.get("/outlets/X0001/tills")).json()["items"]
    assert (listed["till"], listed["name"], listed["revoked_at"]) == (told["till"], "前门", None)
    assert told["token"] not in str(listed)


async def test_of_two_devices_with_one_code_at_once_one_becomes_a_till(
    application: Litestar, clerk: Caller, database: AsyncEngine, book: Book
) -> None:
    code = await invited(clerk)
    async with at(application, "10.77.0.1") as one, at(application, "10.77.0.2") as other:
        answers = await asyncio.gather(*(bind(client, code) for client in (one, other, one, other)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    async with database.connect() as tx:
        assert len(await tills.of_outlet(tx, book.book_id, "X0001")) == 1
        assert len(await tokens.of_outlet(tx, book.book_id, "X0001")) == 1


async def test_unknown_used_old_and_withdrawn_codes_are_answered_alike(
    clerk: Caller, shop: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, old, withdrawn = [await invited(clerk) for _ in range(3)]
    assert (await bind(shop, used)).status_code == 201
    answers = [await bind(shop, used)]
    unknown = next(f"{number:08}" for number in range(3) if f"{number:08}" not in (used, old, withdrawn))
    answers.append(await bind(shop, unknown))
    now = auth.now()
    with monkeypatch.context() as later:
        later.setattr(auth, "now", lambda: now + bindings.LIFETIME)
        answers.append(await bind(shop, old))
    for status in ("closed", "open"):
        assert (await clerk.post("/outlets/X0001/status", {"status": status})).status_code == 200
    answers.append(await bind(shop, withdrawn))
    told = {(each.status_code, str({k: v for k, v in each.json().items() if k != "request_id"})) for each in answers}
    assert len(told) == 1
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "till_code_not_valid")


async def test_guessing_codes_is_slow_and_knocks_at_no_other_shops_door(
    clerk: Caller, shop: httpx.AsyncClient, application: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = auth.now()
    monkeypatch.setattr(auth, "now", lambda: now)
    code = await invited(clerk)
    guesses = [await bind(shop, f"{number:08}") for number in range(8) if f"{number:08}" != code]
    assert {each.status_code for each in guesses[:5]} == {409}
    assert guesses[-1].status_code == 429
    assert guesses[-1].headers["retry-after"]
    assert (await bind(shop, code)).status_code == 429, "not even with the right one"
    async with at(application, "10.78.0.1") as elsewhere:
        assert (await bind(elsewhere, code)).status_code == 201


@pytest.mark.parametrize("typed", ["", "1234567", "123456789", "1234 567a", "一二三四五六七八", "\ud83d"])
async def test_what_is_no_code_is_said_and_not_counted(shop: httpx.AsyncClient, typed: str) -> None:
    for _ in range(8):
        answer = await shop.post(
            "/api/v1/tills", content=b'{"code": %s}' % ascii_json(typed), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def ascii_json(text: str) -> bytes:
    return ('"' + "".join(f"\\u{ord(each):04x}" for each in text) + '"').encode()


async def test_a_code_typed_full_width_or_in_groups_is_the_same(clerk: Caller, shop: httpx.AsyncClient) -> None:
    code = (await invited(clerk)).replace(" ", "")
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert (await bind(shop, f" {full_width[:4]}-{full_width[4:]} ")).status_code == 201


# --- a till ends ------------------------------------------------------------------------------------------------------


async def test_a_revoked_till_and_every_copy_of_its_token_is_refused_at_once(
    clerk: Caller, shop: httpx.AsyncClient, application: Litestar
) -> None:
    till = await bound(clerk, shop)
    other = await bound(clerk, shop)
    async with at(application, "10.79.0.1") as thief:
        copy = Device(thief, till.number, till.token)
        assert [(await each.call("GET")).status_code for each in (till, copy, other)] == [200, 200, 200]
        ended = await clerk.post(f"/tills/{till.number}/revoke", {})
        assert ended.status_code == 200
        assert ended.json()["revoked_at"]
        assert [(await each.call("GET")).status_code for each in (till, copy, other)] == [401, 401, 200]
    again = await clerk.post(f"/tills/{till.number}/revoke", {})
    assert again.json()["revoked_at"] == ended.json()["revoked_at"]


async def test_a_shop_ends_its_own_lost_till(
    clerk: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book, shop: httpx.AsyncClient
) -> None:
    till = await bound(clerk, shop)
    merchant = await a_user(http, database, book, Grant("merchant", outlet="X0001"))
    assert (await merchant.post(f"/tills/{till.number}/revoke", {})).status_code == 200
    assert (await till.call("GET")).status_code == 401


async def test_another_books_till_is_nobodys_to_end(
    clerk: Caller, http: httpx.AsyncClient, database: AsyncEngine, shop: httpx.AsyncClient
) -> None:
    till = await bound(clerk, shop)
    stranger = await a_user(http, database, await new_book(database), Grant("operator"))
    assert (await stranger.post(f"/tills/{till.number}/revoke", {})).json()["code"] == "unknown_till"
    assert (await till.call("GET")).status_code == 200


async def test_a_closed_outlet_has_no_tills_and_gets_none(clerk: Caller, shop: httpx.AsyncClient) -> None:
    till = await bound(clerk, shop)
    assert (await clerk.post("/outlets/X0001/status", {"status": "closed"})).json()["status"] == "closed"
    assert (await till.call("GET")).status_code == 401
    answer = await clerk.post("/outlets/X0001/tills", {"name": "柜台"})
    assert (answer.status_code, answer.json()["code"]) == (409, "outlet_closed")
    assert (await clerk.post("/outlets/X0001/status", {"status": "open"})).json()["status"] == "open"
    assert (await till.call("GET")).status_code == 401
    assert (await (await bound(clerk, shop)).call("GET")).status_code == 200


async def test_an_outlet_that_closes_while_a_device_is_bound_has_no_living_till(
    clerk: Caller, shop: httpx.AsyncClient
) -> None:
    for _ in range(4):
        code = await invited(clerk)
        answer, _closed = await asyncio.gather(
            bind(shop, code), clerk.post("/outlets/X0001/status", {"status": "closed"})
        )
        if answer.status_code == 201:
            device = Device(shop, answer.json()["till"], answer.json()["token"])
            assert (await device.call("GET")).status_code == 401
        else:
            assert answer.json()["code"] in ("till_code_not_valid", "outlet_closed")
        await clerk.post("/outlets/X0001/status", {"status": "open"})
    assert all(each["revoked_at"] for each in (await clerk.get("/outlets/X0001/tills")).json()["items"])


# --- clerks -----------------------------------------------------------------------------------------------------------


async def a_login(database: AsyncEngine, book: Book, *grants: Grant, seen: bool = False) -> str:
    login = f"c{secrets.token_hex(5)}"
    async with database.begin() as tx:
        made = await users.create(tx, login, password=PASSWORD, seen=seen)
        for grant in grants:
            await users.give(tx, made.user_id, book.book_id, grant, "room:test")
    return login


async def test_a_clerk_takes_her_place_and_leaves_it(
    clerk: Caller, database: AsyncEngine, book: Book, shop: httpx.AsyncClient
) -> None:
    till = await bound(clerk, shop)
    login = await a_login(database, book, Grant("merchant", outlet="X0001"))
    empty = {"till": till.number, "name": "柜台", "outlet": "X0001", "outlet_name": "爱心驿站", "clerk": None}
    assert (await till.call("GET")).json() == empty
    answer = await till.call("POST", {"login": login, "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (200, empty | {"clerk": login})
    assert (await till.call("GET")).json()["clerk"] == login
    [listed] = (await clerk.get("/outlets/X0001/tills")).json()["items"]
    assert listed["clerk"] == login
    assert (await till.call("DELETE")).status_code == 204
    assert (await till.call("GET")).json() == empty


@pytest.mark.parametrize(
    ("grant", "seen", "status", "code"),
    [
        (Grant("merchant", outlet="X0002"), False, 403, "not_allowed"),
        (Grant("operator"), False, 403, "not_allowed"),
        (Grant("merchant", outlet="X0001"), True, 403, "change_needed"),
    ],
)
async def test_nobody_else_stands_at_a_till(
    clerk: Caller,
    database: AsyncEngine,
    book: Book,
    shop: httpx.AsyncClient,
    grant: Grant,
    seen: bool,
    status: int,
    code: str,
) -> None:
    till = await bound(clerk, shop)
    login = await a_login(database, book, grant, seen=seen)
    answer = await till.call("POST", {"login": login, "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await till.call("GET")).json()["clerk"] is None


async def test_a_merchant_of_the_same_code_in_another_book_is_no_clerk(
    clerk: Caller, database: AsyncEngine, shop: httpx.AsyncClient
) -> None:
    till = await bound(clerk, shop)
    login = await a_login(database, await new_book(database), Grant("merchant", outlet="X0001"))
    assert (await till.call("POST", {"login": login, "password": PASSWORD})).status_code == 403


async def test_passwords_are_not_guessed_at_a_till(
    clerk: Caller, database: AsyncEngine, book: Book, shop: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = await bound(clerk, shop)
    login = await a_login(database, book, Grant("merchant", outlet="X0001"))
    now = auth.now()
    monkeypatch.setattr(auth, "now", lambda: now)
    answers = [await till.call("POST", {"login": login, "password": "wrong one"}) for _ in range(7)]
    assert [each.status_code for each in answers] == [401] * 6 + [429]
    assert (await till.call("POST", {"login": login, "password": PASSWORD})).status_code == 429


# --- near her ---------------------------------------------------------------------------------------------------------


async def test_a_volunteer_sees_what_is_near_her_or_near_her_community(
    clerk: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    for code, organisation, north in (("X0002", "lane", 36.0), ("X0003", "lane", 37.0), ("X0004", "street", None)):
        place = {} if north is None else {"latitude": north, "longitude": 117}
        body = STATION | {"code": code, "organisation": organisation} | place
        assert (await clerk.post("/outlets", body)).status_code == 201
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-1", "lane")
    her = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1"))

    async def near(query: str = "") -> Any:
        headers = {"Authorization": f"Bearer {her.token}"}
        return (await http.get(f"/api/v1/me/outlets{query}", headers=headers)).json()

    assert [each["code"] for each in (await near())["items"]] == ["X0002", "X0003", "X0001", "X0004"]
    by_place = (await near("?latitude=36.999&longitude=117"))["items"]
    assert [(each["code"], each["metres"]) for each in by_place] == [
        ("X0003", 111),
        ("X0002", 111_084),
        ("X0001", None),
        ("X0004", None),
    ]
    assert len((await near("?limit=1"))["items"]) == 1
    for wrong in ("latitude=36", "latitude=nan&longitude=117", "latitude=91&longitude=0", "latitude=x&longitude=1"):
        assert (await near(f"?{wrong}"))["code"] == "invalid_request", wrong
