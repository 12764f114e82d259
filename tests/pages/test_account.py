"""Her account: who she is, a new password or PIN, where she is signed in."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages.doors import COOKIE
from ledger.access import users
from ledger.access.rights import Grant
from ledger.access.tables import users as table
from ledger.books.directory import Book
from tests.conftest import new_book
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import PASSWORD, Person, send, sign_in, words_of

CHANGE = "/account/password"
NEW = "four green frogs"


async def change(
    client: httpx.AsyncClient, new: str, again: str | None = None, current: str = PASSWORD
) -> httpx.Response:
    return await send(client, CHANGE, CHANGE, current=current, new=new, again=new if again is None else again)


async def test_she_sees_who_she_is_and_where_she_is_signed_in(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    await people.a_session(database, her, "Safari, iPhone")
    client = await enters(her)
    assert 'href="/account"' in (await client.get("/")).text
    words = words_of((await client.get("/account")).text)
    assert f"登录名 {her.login} 志愿者编号 V20260012 账本 试验区时间银行 身份 志愿者" in words
    assert "Chrome, Linux 就是这一台" in words
    assert "Safari, iPhone 登录" in words


async def test_she_changes_her_password_and_every_other_device_is_signed_out(
    enters: Enters, her: Person, site: httpx.AsyncClient
) -> None:
    client, other = await enters(her), await enters(her)
    answer = await change(client, NEW)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=password_changed")
    assert "密码换好了" in (await client.get(answer.headers["location"])).text
    assert (await other.get("/account")).status_code == 303
    assert (await sign_in(site, her)).status_code == 401
    assert (await sign_in(site, her, password=NEW)).status_code == 303


async def test_six_digits_become_her_pin(enters: Enters, her: Person, site: httpx.AsyncClient) -> None:
    assert (await change(await enters(her), "274951")).status_code == 303
    assert (await sign_in(site, her, password="274951")).status_code == 303


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        ("123456", None, "新密码太容易被猜到"),
        ("111111", None, "新密码太容易被猜到"),
        ("12345678", None, "新密码太容易被猜到"),
        ("PassWord", None, "新密码太容易被猜到"),
        ("aabbaabb", None, "新密码太容易被猜到"),
        ("1234567", None, "新密码太短"),
        ("", None, "新密码太短"),
        ("x1y2z3" * 40, None, "新密码太长"),
        (NEW, "four green frog", "两次写的新密码不一样"),
        (PASSWORD, None, "新密码和现在的一样"),
    ],
)
async def test_what_is_no_good_as_a_password_is_refused_in_words(
    enters: Enters, her: Person, new: str, again: str | None, said: str
) -> None:
    client = await enters(her)
    answer = await change(client, new, again)
    assert answer.status_code == 400
    assert f'role="alert" id="wrong">{said}' in answer.text
    assert "too_" not in answer.text
    assert f'"{new}"' not in answer.text or not new


async def test_the_wrong_password_of_now_changes_nothing_and_guessing_makes_her_wait(
    enters: Enters, her: Person
) -> None:
    client = await enters(her)
    for _ in range(5):
        answer = await change(client, NEW, current="not hers")
        assert answer.status_code == 401
        assert "现在的密码不对，没有换" in answer.text
    await change(client, NEW, current="not hers")
    answer = await change(client, NEW)
    assert answer.status_code == 429
    assert "秒再试" in answer.text


async def test_who_got_her_password_from_somebody_must_choose_her_own_first(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    new = await people.somebody(database, book, Grant("operator"), password=PASSWORD, must_change=True)
    answer = await sign_in(site, new)
    assert answer.headers["location"] == CHANGE
    for path in ("/", "/account", "/staff", "/staff/propose"):
        assert (await site.get(path)).headers["location"] == CHANGE, path
    assert (await site.get("/sign-in")).headers["location"] == CHANGE
    page = (await site.get(CHANGE)).text
    assert "别人给的，别人看见过" in page
    assert 'href="/account"' not in page
    assert 'action="/sign-out"' in page
    answer = await change(site, NEW)
    assert answer.headers["location"] == "/account?done=password_changed"
    assert (await site.get("/staff")).status_code == 200


async def test_a_pin_that_somebody_has_seen_opens_nothing_once_she_has_a_password(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await people.a_volunteer(database, book)
    async with database.begin() as tx:
        user = await users.with_login(tx, her.login)
        assert user is not None
        await users.change_secret(tx, user.user_id, "274951", seen=True)
    await sign_in(site, her, password="274951")
    assert (await change(site, NEW, current="274951")).status_code == 303
    async with database.connect() as tx:
        row = (await tx.execute(select(table).where(table.c.user_id == user.user_id))).one()
    assert row.pin_hash is None
    assert not row.must_change


def forms_of(page: str) -> list[str]:
    return re.findall(r'action="(/account/devices/[0-9a-f-]{36}/end)"', page)


async def test_she_signs_one_device_out_and_pressing_twice_does_no_harm(enters: Enters, her: Person) -> None:
    lost, client = await enters(her), await enters(her)
    [_this, other] = forms_of((await client.get("/account")).text)
    for _ in range(2):
        token = people.token_of((await client.get("/account")).text)
        answer = await client.post(other, data={"_csrf_token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=device_ended")
    assert (await lost.get("/")).status_code == 303
    assert "那台已经退出" in (await client.get("/account?done=device_ended")).text


async def test_she_signs_this_device_out_and_all_of_them(enters: Enters, her: Person) -> None:
    first, second, third = [await enters(her) for _ in range(3)]
    [this, *_others] = forms_of((await first.get("/account")).text)
    answer = await send(first, "/account", this)
    assert answer.headers["location"] == "/sign-in?left=1"
    assert COOKIE not in first.cookies
    answer = await send(second, "/account", "/account/devices/end")
    assert answer.headers["location"] == "/sign-in?left=1"
    assert (await third.get("/")).status_code == 303


async def test_nobody_signs_out_the_devices_of_others(enters: Enters, database: AsyncEngine, her: Person) -> None:
    stranger = await enters(await people.a_volunteer(database, her.book, "V2"))
    client = await enters(her)
    [hers] = forms_of((await client.get("/account")).text)
    token = people.token_of((await stranger.get("/account")).text)
    await stranger.post(hers, data={"_csrf_token": token})
    assert (await client.get("/")).status_code == 200


async def test_who_has_roles_in_two_books_goes_from_one_to_the_other(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    second = await new_book(database)
    third = await new_book(database)
    async with database.begin() as tx:
        user = await users.with_login(tx, her.login)
        assert user is not None
        await users.give(tx, user.user_id, second.book_id, Grant("operator"), "room:test")
    client = await enters(her)
    answer = await send(client, "/account", "/account/book", book=second.code)
    assert answer.headers["location"] == "/account?done=book_changed"
    assert "身份 经办员" in words_of((await client.get("/account")).text)
    token = people.token_of((await client.get("/account")).text)
    for other in (third.code, "nowhere", ""):
        answer = await client.post("/account/book", data={"book": other, "_csrf_token": token})
        assert answer.status_code == 403, other
