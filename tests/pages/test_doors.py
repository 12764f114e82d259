"""Coming in and going out: the session in the cookie, forms, and where they lead."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import date, timedelta
from http.cookies import SimpleCookie

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from api.pages import frame
from api.pages.doors import COOKIE
from ledger.access import sessions, users
from ledger.access.tables import devices
from ledger.books.directory import Book
from ledger.database import connect
from tests.pages import people
from tests.pages.conftest import SETTINGS
from tests.pages.people import PASSWORD, Person, sign_in, token_of


def cookies_of(answer: httpx.Response) -> SimpleCookie:
    jar = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return jar


async def carry(
    site: httpx.AsyncClient, database: AsyncEngine, person: Person, signed_in: timedelta, seen: timedelta
) -> uuid.UUID:
    """Puts a session into the browser that began some time ago and was last seen some time ago; answers its device."""
    now = auth.now()
    async with database.begin() as tx:
        user = await users.with_login(tx, person.login)
        assert user is not None
        grants = await users.grants_of(tx, user.user_id, auth.today())
        me = sessions.principal(user, grants, person.book.book_id, person.book.code)
        me, secret = await sessions.begin(tx, me, "a browser", now - signed_in, browser=True)
        assert me.device is not None
        await tx.execute(update(devices).where(devices.c.device_id == me.device).values(seen_at=now - seen))
    site.cookies.set(COOKIE, secret, "books.test")
    return me.device


async def test_who_is_not_signed_in_is_led_to_the_form_and_back_to_where_she_wanted(
    site: httpx.AsyncClient, her: Person
) -> None:
    refused = await site.get("/passbook?account=hours&year=2026")
    assert refused.status_code == 303
    assert refused.headers["location"] == "/sign-in?next=%2Fpassbook%3Faccount%3Dhours%26year%3D2026"
    form = await site.get(refused.headers["location"])
    assert form.status_code == 200
    assert "您已自动退出" not in form.text
    assert 'name="next" value="/passbook?account=hours&amp;year=2026"' in form.text
    answer = await sign_in(site, her, next="/passbook?account=hours&year=2026", _csrf_token=token_of(form.text))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/passbook?account=hours&year=2026"
    assert (await site.get(answer.headers["location"])).status_code == 200


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    site: httpx.AsyncClient, her: Person
) -> None:
    cookie = cookies_of(await sign_in(site, her))[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"
    assert cookie["path"] == "/"
    assert not cookie["secure"]
    assert not cookie["max-age"]
    assert her.login not in cookie.value


async def test_behind_https_every_cookie_is_secure(database: AsyncEngine, her: Person) -> None:
    settings = dataclasses.replace(SETTINGS, public_url="https://books.test")
    app = create_app(settings, connect.to(people.url_of(database)))
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="https://books.test") as site:
        form = await site.get("/sign-in?lang=en&size=elder")
        jar = cookies_of(form)
        jar.update(cookies_of(await sign_in(site, her)))
    assert jar.keys() == {f"__Host-{COOKIE}", f"__Host-{frame.CSRF_COOKIE}", frame.LANGUAGE_COOKIE, frame.SIZE_COOKIE}
    assert all(cookie["secure"] and cookie["httponly"] for cookie in jar.values())


async def test_a_wrong_password_shows_the_form_again_with_the_login(site: httpx.AsyncClient, her: Person) -> None:
    answer = await sign_in(site, her, password="not hers", next="/passbook")
    assert answer.status_code == 401
    assert "登录名或密码不对" in answer.text
    assert f'value="{her.login}"' in answer.text
    assert 'value="/passbook"' in answer.text
    assert "not hers" not in answer.text
    assert COOKIE not in cookies_of(answer)
    again = await sign_in(site, her, _csrf_token=token_of(answer.text))
    assert again.status_code == 303


async def test_odd_logins_are_wrong_like_any_other(site: httpx.AsyncClient) -> None:
    nobody = Person(Book(0, "", "", date.min), "", None)
    for login in ("", "\0", "a\0b", "nobody", "x" * 65, "<script>alert(1)</script>", "\u2028"):
        answer = await sign_in(site, nobody, login=login)
        assert answer.status_code == 401, login
        assert "登录名或密码不对" in answer.text
        assert "<script>alert" not in answer.text


async def test_odd_passwords_are_wrong_like_any_other(site: httpx.AsyncClient, her: Person) -> None:
    for password in ("", "\0", "x" * 201, "x" * 60_000):
        assert (await sign_in(site, her, password=password)).status_code == 401


async def test_fields_that_are_missing_or_sent_twice_are_wrong_logins(site: httpx.AsyncClient) -> None:
    token = token_of((await site.get("/sign-in")).text)
    for body in (
        f"_csrf_token={token}",
        f"_csrf_token={token}&login=a&login=b&password=x",
        f"_csrf_token={token}&%FF=%FF",
    ):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await site.post("/sign-in", content=body, headers=headers)).status_code == 401


async def test_spaces_around_the_login_do_no_harm(site: httpx.AsyncClient, her: Person) -> None:
    assert (await sign_in(site, her, login=f" {her.login} ")).status_code == 303


async def test_a_page_view_renews_the_session_of_the_same_sign_in(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    for path in ("/", "/passbook", "/passbook?year=never"):
        device = await carry(site, database, her, timedelta(hours=3), timedelta(minutes=14))
        assert (await site.get(path)).status_code in (200, 404)
        async with database.connect() as tx:
            seen = (await tx.execute(select(devices.c.seen_at).where(devices.c.device_id == device))).scalar_one()
        assert auth.now() - seen < timedelta(minutes=1)


async def test_an_ended_session_says_so_and_leads_back(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await carry(site, database, her, timedelta(minutes=16), timedelta(minutes=16))
    refused = await site.get("/passbook?year=2026")
    assert refused.status_code == 303
    form = await site.get(refused.headers["location"])
    assert "已自动退出" in form.text
    answer = await sign_in(site, her, next="/passbook?year=2026", _csrf_token=token_of(form.text))
    assert answer.headers["location"] == "/passbook?year=2026"


async def test_after_twelve_hours_the_password_is_asked_again(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await carry(site, database, her, sessions.LONGEST, timedelta(0))
    assert (await site.get("/")).headers["location"] == "/sign-in?next=%2F"


async def test_a_forged_session_is_no_session(site: httpx.AsyncClient) -> None:
    for token in ("", "x", "a.b.c", "%00", "%E4%BD%A0", "eyJhbGciOiJub25lIn0.e30."):
        answer = await site.get("/", headers={"cookie": f"{COOKIE}={token}"})
        assert answer.status_code == 303, token


async def test_a_new_session_key_signs_nobody_out_and_spoils_no_open_page(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    settings = dataclasses.replace(
        SETTINGS, session_keys=("a newer key, also of more than 32 characters", *SETTINGS.session_keys)
    )
    app = create_app(settings, connect.to(people.url_of(database)))
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://books.test") as newer:
        await sign_in(site, her)
        for name in (COOKIE, frame.CSRF_COOKIE):
            newer.cookies.set(name, site.cookies[name], "books.test")
        opened_before = token_of((await site.get("/")).text)
        assert (await newer.get("/")).status_code == 200
        assert (await newer.post("/sign-out", data={"_csrf_token": opened_before})).status_code == 303
        assert (await newer.get("/")).status_code == 303


ELSEWHERE = (
    *("https://evil.test/", "//evil.test/", "/\\evil.test", "/\t/evil.test", "javascript:alert(1)"),
    *(
        "/passbook/../../evil",
        "/passbook?account=points#x",
        "/passbook?next=//evil.test",
        "/passbook\n",
        "/passbook?a=\0",
    ),
    *("passbook", "/sign-out", "/api/v1/me"),
    *("/in/../a/b", "/in//evil.test/a", "/in/b/a", "/in/b/a/c/d", "/in/b/a/c?next=//evil.test", "/in/b/a/c#x"),
)


async def test_a_sign_in_leads_nowhere_but_to_our_own_pages(site: httpx.AsyncClient, her: Person) -> None:
    for elsewhere in ELSEWHERE:
        form = await site.get("/sign-in", params={"next": elsewhere})
        assert 'name="next" value="/"' in form.text, elsewhere
    answer = await sign_in(site, her, next=ELSEWHERE[0])
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    for elsewhere in ELSEWHERE:  # signed in: led on without a form
        again = await site.get("/sign-in", params={"next": elsewhere})
        assert (again.status_code, again.headers["location"]) == (303, "/"), elsewhere


async def test_signing_out_forgets_the_session(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    page = await site.get("/")
    answer = await site.post("/sign-out", data={"_csrf_token": token_of(page.text)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?left=1")
    assert COOKIE not in site.cookies
    assert "您已安全退出" in (await site.get("/sign-in?left=1")).text
    assert (await site.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_a_form_without_its_token_does_nothing_and_says_so(
    site: httpx.AsyncClient, her: Person, path: str
) -> None:
    await sign_in(site, her)
    fields = {"login": her.login, "password": PASSWORD}
    for token in ({}, *({"_csrf_token": wrong} for wrong in ("", "x", "ü" * 200, "0" * 128))):
        await site.get("/")
        refused_with_a_page(await site.post(path, data={**fields, **token}))
        assert COOKIE in site.cookies
    assert (await site.get("/")).status_code == 200


def refused_with_a_page(answer: httpx.Response) -> None:
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "请再试一次" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_token_sent_twice_or_as_a_file_or_in_a_broken_body_is_refused(site: httpx.AsyncClient) -> None:
    url_encoded = "application/x-www-form-urlencoded"
    for content, content_type in (
        (b"_csrf_token=x&_csrf_token=y", url_encoded),
        (b"\xff\xfe%zz", url_encoded),
        (b"no parts", "multipart/form-data"),
        (b"no parts", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="_csrf_token"; filename="f"\r\n\r\nabc\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b'{"_csrf_token": "x"}', "application/json"),
    ):
        await site.get("/sign-in")
        refused_with_a_page(await site.post("/sign-out", content=content, headers={"content-type": content_type}))


async def test_the_api_needs_no_form_token(site: httpx.AsyncClient, her: Person) -> None:
    answer = await site.post("/api/v1/sessions", json={"login": her.login, "password": PASSWORD})
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    me = await site.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})
    assert me.json()["volunteer"] == "V20260012"
    assert "set-cookie" not in me.headers


async def test_the_cookie_opens_pages_and_not_the_api(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    assert (await site.get("/api/v1/me")).status_code == 401
