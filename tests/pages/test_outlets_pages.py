"""Outlets, the devices of shops and their clerks as pages; what is near a volunteer."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, till_session
from api.app import create_app
from api.pages import outlets as pages
from api.pages.doors import COOKIE
from ledger.access import tokens
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.spending import outlets
from ledger.spending.outlets import Details
from tests.pages import people, tills
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import NORTH, PASSWORD, SOUTH, District, Person, send, token_of, words_of

HERE, BIND, CLERK, NEAR = "/staff/outlets", "/till/bind", "/till/clerk", "/shops"
ODD = "<script>alert(1)</script>"
FORM = {"name": "湖边驿站", "kind": "care_station", "organisation": NORTH}


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    return await people.a_district(database, book)


@pytest.fixture
async def operator(enters: Enters, database: AsyncEngine, district: District) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, district.book, Grant("operator", NORTH)))


@pytest.fixture
async def shop(database: AsyncEngine, district: District) -> tills.Shop:
    return await tills.a_shop(database, district.book, organisation=NORTH)


async def at_the_till(enters: Enters, shop: tills.Shop) -> httpx.AsyncClient:
    device = await enters(None)
    device.cookies.set(till_session.COOKIE, shop.secret, "books.test")
    return device


async def digits(operator: httpx.AsyncClient, outlet: str = "X0001", name: str = "柜台手机") -> str:
    answer = await send(operator, f"{HERE}/{outlet}", f"{HERE}/{outlet}/tills", name=name)
    assert answer.status_code == 200, answer.text
    [code] = re.findall(r'class="secret">(\d{4} \d{4})<', answer.text)
    return str(code)


# --- staff ------------------------------------------------------------------------------------------------------------


async def test_an_outlet_is_added_found_changed_closed_and_opened_again(
    operator: httpx.AsyncClient, district: District
) -> None:
    form = FORM | {"code": "Ｘ０００７", "latitude": "３６.6758", "longitude": "117", "day_limit": "1,500"}
    added = await send(operator, HERE, HERE, **form)
    assert (added.status_code, added.headers["location"]) == (303, f"{HERE}/X0007?done=outlet_added")
    page = await operator.get(added.headers["location"])
    assert "已新增" in page.text
    assert "1,500 分" in words_of(page.text)
    assert [f'value="{each}"' in page.text for each in ("36.6758", "117", "1500")] == [True] * 3
    again = await send(operator, HERE, HERE, **form | {"name": ODD})
    assert (again.status_code, "已经有了" in again.text, ODD in again.text) == (409, True, False)
    for query, there in (("q=湖边", True), ("q=none", False), ("kind=transport", False), (f"under={NORTH}", True)):
        assert ("湖边驿站" in (await operator.get(f"{HERE}?{query}")).text) == there, query
    assert (await operator.get(f"{HERE}?under=nowhere")).status_code == 404
    changed = await send(operator, f"{HERE}/X0007", f"{HERE}/X0007", **FORM | {"name": "新驿站", "hours": "9:00"})
    assert changed.headers["location"].endswith("outlet_changed")
    assert "新驿站" in (await operator.get(f"{HERE}/X0007")).text
    for status, said in (("closed", "收银设备都停用了"), ("open", "已重新开放")):
        answer = await send(operator, f"{HERE}/X0007", f"{HERE}/X0007/status", status=status)
        assert said in (await operator.get(answer.headers["location"])).text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"code": "X.1"}, "“编号”只能用字母、数字和 _ -"),
        ({"kind": ""}, "请选择“类别”"),
        ({"name": ""}, "“名称”请写 1 到 64 个字"),
        ({"latitude": "36°40′", "longitude": "117"}, "“纬度”请写成 36.6512 这样的数"),
        ({"latitude": "36.5"}, "请填写“经度”"),
        ({"latitude": "91", "longitude": "0"}, "“纬度”太小或者太大"),
        ({"day_limit": "many"}, "“一天最多兑换多少分”请写整数"),
        ({"day_limit": "0"}, "“一天最多兑换多少分”太小或者太大"),
    ],
)
async def test_what_was_typed_wrongly_is_said_and_stays_in_the_form(
    operator: httpx.AsyncClient, typed: dict[str, str], said: str
) -> None:
    answer = await send(operator, HERE, HERE, **{"code": "X0007", "address": "湖边路 1 号"} | FORM | typed)
    assert answer.status_code == 400
    assert said in answer.text
    assert 'value="湖边路 1 号"' in answer.text


async def test_staff_see_and_change_the_outlets_of_their_organisations_only(
    enters: Enters, database: AsyncEngine, district: District, shop: tills.Shop
) -> None:
    south = await enters(await people.somebody(database, district.book, Grant("operator", SOUTH)))
    reader = await enters(await people.somebody(database, district.book, Grant("recorder", NORTH)))
    assert tills.NAME not in (await south.get(HERE)).text
    assert (await south.get(f"{HERE}/X0001")).status_code == 403
    assert (await south.get(f"{HERE}?under={NORTH}")).status_code == 403
    page = (await reader.get(f"{HERE}/X0001")).text
    assert "Till at the door" in page
    assert f'action="{HERE}' not in page
    token = token_of((await south.get("/account")).text)
    for path, fields in (("", FORM), ("/status", {"status": "closed"}), ("/tills", {"name": "x"})):
        answer = await south.post(f"{HERE}/X0001{path}", data=fields | {"_csrf_token": token})
        assert answer.status_code == 403, path
    answer = await south.post(f"{HERE}/X0001/tills/{shop.till}/revoke", data={"_csrf_token": token})
    assert answer.status_code == 403


# --- a shop's device --------------------------------------------------------------------------------------------------


async def test_a_device_becomes_a_till_by_eight_digits_and_no_other_does(
    enters: Enters, operator: httpx.AsyncClient, shop: tills.Shop
) -> None:
    code = await digits(operator)
    device, other = await enters(None), await enters(None)
    answer = await send(device, BIND, BIND, code=code)
    assert answer.headers["location"] == f"{BIND}?done=bind_done"
    cookie = SimpleCookie(answer.headers["set-cookie"])[till_session.COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    page = (await device.get(answer.headers["location"])).text
    assert f"这台设备是 {tills.NAME} 的收银设备“柜台手机”" in page
    used = await send(other, BIND, BIND, code=code)
    assert (used.status_code, "这组数字不能用了" in used.text) == (409, True)
    assert till_session.COOKIE not in other.cookies
    wrong = await send(other, BIND, BIND, code="1234")
    assert (wrong.status_code, "请输入 8 个数字" in wrong.text) == (400, True)
    listed = words_of((await operator.get(f"{HERE}/X0001")).text)
    assert "柜台手机" in listed
    assert code not in listed


async def test_a_user_who_is_signed_in_on_a_till_stays_who_she_is(
    enters: Enters, operator: httpx.AsyncClient, shop: tills.Shop, her: Person
) -> None:
    device = await enters(her)
    await send(device, BIND, BIND, code=await digits(operator))
    assert {COOKIE, till_session.COOKIE} <= set(device.cookies)
    assert (await device.get("/passbook")).status_code == 200
    stranger = await enters(None)
    stranger.cookies.set(COOKIE, device.cookies[till_session.COOKIE], "books.test")
    assert (await stranger.get("/passbook")).status_code == 303, "a till is no user"
    stranger.cookies.set(till_session.COOKIE, device.cookies[COOKIE], "books.test")
    assert (await stranger.get(CLERK)).headers["location"] == BIND, "a user is no till"


async def test_behind_https_the_cookie_of_a_till_is_of_this_host_only(
    database: AsyncEngine, operator: httpx.AsyncClient, shop: tills.Shop
) -> None:
    code = await digits(operator)
    app = create_app(
        dataclasses.replace(SETTINGS, public_url="https://books.test"), connect.to(people.url_of(database))
    )
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="https://books.test") as device:
        answer = await send(device, BIND, BIND, code=code)
        cookie = SimpleCookie(answer.headers["set-cookie"])[f"__Host-{till_session.COOKIE}"]
        assert cookie["secure"]
        assert tills.NAME in (await device.get(CLERK)).text


async def test_a_till_that_staff_end_is_none_at_once(
    enters: Enters, operator: httpx.AsyncClient, shop: tills.Shop
) -> None:
    device = await at_the_till(enters, shop)
    assert tills.NAME in (await device.get(CLERK)).text
    answer = await send(operator, f"{HERE}/X0001", f"{HERE}/X0001/tills/{shop.till}/revoke")
    assert "马上停用了" in (await operator.get(answer.headers["location"])).text
    for path in (CLERK, f"{CLERK}?lang=en"):
        assert (await device.get(path)).headers["location"] == BIND
    page = (await device.get(BIND)).text
    assert tills.NAME not in page
    token = token_of(page)
    for path in (CLERK, f"{CLERK}/end"):
        answer = await device.post(path, data={"_csrf_token": token, "login": "x", "password": "y"})
        assert answer.headers["location"] == BIND


async def test_a_shop_gives_its_device_up_and_every_copy_of_its_token_ends(
    enters: Enters, database: AsyncEngine, shop: tills.Shop
) -> None:
    device, copy = await at_the_till(enters, shop), await at_the_till(enters, shop)
    answer = await send(device, BIND, f"{BIND}/end")
    assert till_session.COOKIE not in device.cookies
    assert "不再收银" in (await device.get(answer.headers["location"])).text
    assert (await copy.get(CLERK)).headers["location"] == BIND
    async with database.connect() as tx:
        assert (await tokens.read(tx, shop.book.book_id, shop.till)).revoked_at is not None


async def test_a_clerk_signs_on_and_off_and_nobody_else_does(
    enters: Enters, database: AsyncEngine, shop: tills.Shop
) -> None:
    device = await at_the_till(enters, shop)
    clerk = await people.somebody(database, shop.book, Grant("merchant", outlet="X0001"), password=PASSWORD)
    other = await people.somebody(database, shop.book, Grant("merchant", outlet="X0002"), password=PASSWORD)
    refused = await send(device, CLERK, CLERK, login=other.login, password=PASSWORD)
    assert (refused.status_code, "您不是这家店的店员" in refused.text) == (403, True)
    wrong = await send(device, CLERK, CLERK, login=clerk.login, password="wrong one")
    assert (wrong.status_code, "登录名或密码不对" in wrong.text) == (401, True)
    assert "wrong one" not in wrong.text
    assert f'value="{clerk.login}"' in wrong.text
    answer = await send(device, CLERK, CLERK, login=clerk.login, password=PASSWORD)
    page = (await device.get(answer.headers["location"])).text
    assert f"现在的店员：{clerk.login}" in page
    assert COOKIE not in device.cookies, "the till acts, she has no session there"
    left = await send(device, CLERK, f"{CLERK}/end")
    assert "已经离岗" in (await device.get(left.headers["location"])).text


async def test_old_digits_are_good_for_nothing(
    enters: Enters, database: AsyncEngine, operator: httpx.AsyncClient, shop: tills.Shop
) -> None:
    code = await digits(operator)
    async with database.begin() as tx:
        earlier = auth.now() - timedelta(minutes=1)
        await tx.execute(
            text("UPDATE bindings SET expires_at = :at WHERE book_id = :book"),
            {"at": earlier, "book": shop.book.book_id},
        )
    answer = await send(await enters(None), BIND, BIND, code=code)
    assert (answer.status_code, "这组数字不能用了" in answer.text) == (409, True)


# --- near her ---------------------------------------------------------------------------------------------------------


async def station(database: AsyncEngine, book: Book, code: str, north: int, name: str = "Station") -> None:
    async with database.begin() as tx:
        of = Details(name, "care_station", SOUTH, ODD, "0531 1", latitude=north, longitude=117_000_000)
        await outlets.add(tx, book.book_id, code, of)


async def test_without_a_place_her_communitys_shops_come_first(
    enters: Enters, database: AsyncEngine, district: District, shop: tills.Shop
) -> None:
    await station(database, district.book, "A", 36_000_000)
    page = await (await enters(district.northern)).get(NEAR)
    said = words_of(page.text)
    assert said.index(tills.NAME) < said.index("Station")
    assert "Soap 5 分" in said
    assert "米" not in said.partition(tills.NAME)[2]
    assert ODD not in page.text
    assert "geolocation=(self)" in page.headers["permissions-policy"]
    assert "geolocation=()" in (await (await enters(district.northern)).get("/")).headers["permissions-policy"]


async def test_with_a_place_the_nearest_come_first_and_how_far_they_are(
    enters: Enters, database: AsyncEngine, district: District, shop: tills.Shop
) -> None:
    for code, north, name in (("A", 36_000_000, "Near"), ("B", 36_003_000, "Nearer"), ("C", 36_050_000, "Far")):
        await station(database, district.book, code, north, name)
    client = await enters(district.northern)
    said = words_of((await client.get(f"{NEAR}?latitude=36.003&longitude=117.000")).text)
    found = [said.index(each) for each in ("不到 100 米", "Near ", "约 350 米", "Far", "约 5.2 公里", tills.NAME)]
    assert found == sorted(found)
    for wrong in ("latitude=x&longitude=1", "latitude=36", "latitude=91&longitude=0", "latitude=1e3&longitude=0"):
        answer = await client.get(f"{NEAR}?{wrong}")
        assert answer.status_code == 400, wrong
        assert tills.NAME in answer.text, "the list is there all the same"


@pytest.mark.parametrize(
    ("metres", "chinese", "english"),
    [
        (0, "不到 100 米", "less than 100 metres away"),
        (100, "约 100 米", "about 100 metres away"),
        (349, "约 350 米", "about 350 metres away"),
        (974, "约 950 米", "about 950 metres away"),
        (975, "约 1.0 公里", "about 1.0 km away"),
        (1_249, "约 1.2 公里", "about 1.2 km away"),
        (9_949, "约 9.9 公里", "about 9.9 km away"),
        (12_400, "约 12 公里", "about 12 km away"),
    ],
)
def test_distances_in_words(metres: int, chinese: str, english: str) -> None:
    assert pages._away("zh", metres) == chinese
    assert pages._away("en", metres) == english


async def test_her_browser_says_where_she_is_to_a_hundred_metres_and_only_when_she_asks(
    browser: Browser, database: AsyncEngine, address: str, district: District, shop: tills.Shop
) -> None:
    await station(database, district.book, "A", 36_123_400)
    secret = await people.a_session(database, district.northern)
    for permissions, sent in ((["geolocation"], True), ([], False)):
        place = {"latitude": 36.1234567, "longitude": 117.0001234}
        context = await browser.new_context(
            base_url=address, geolocation=place, permissions=permissions, viewport={"width": 360, "height": 740}
        )  # type: ignore[arg-type] # a place is a dictionary
        await context.add_cookies([{"name": COOKIE, "value": secret, "url": address}])
        page = await context.new_page()
        await page.goto(NEAR)
        await expect(page.locator("h2").first).to_have_text(tills.NAME)
        await page.get_by_role("button", name="按我现在的位置排").click()
        if sent:
            await page.wait_for_url(f"**{NEAR}?latitude=36.123&longitude=117.000")
            await expect(page.locator("h2").first).to_have_text("Station")
            await expect(page.get_by_text("不到 100 米")).to_be_visible()
        else:
            await expect(page.get_by_text("没有得到您的位置")).to_be_visible()
            assert page.url.endswith(NEAR)
        await context.close()
