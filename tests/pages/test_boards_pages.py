"""Public boards as pages: names as their owners agree to at each look, minors never, and staff who publish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api import volunteers as staff_of_volunteers
from ledger.access.identities import Identity
from ledger.access.rights import Grant, Principal
from ledger.books.directory import Book
from ledger.earning import organisations
from ledger.earning.volunteers import Volunteer
from tests.earning import served
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, Person, send, words_of
from tests.recognition.awarded import a_star

STAFF, NEW, MINE = "/staff/boards", "/staff/boards/new", "/account/boards"


@dataclass
class Wall:
    """A volunteer with four stars, her browser, staff, and somebody who only passes by."""

    database: AsyncEngine
    book: Book
    her: Person
    hers: httpx.AsyncClient
    staff: httpx.AsyncClient
    anybody: httpx.AsyncClient

    async def publish(self, kind: str = "stars", **more: str) -> str:
        """The address of a new board."""
        answer = await send(self.staff, f"{NEW}?{query(kind, **more)}", STAFF, **form(kind, **more))
        assert (answer.status_code, answer.headers["location"]) == (303, f"{STAFF}?done=board_published")
        page = (await self.anybody.get(f"/boards/{self.book.code}")).text
        return f"/boards/{self.book.code}/" + page.split(f'href="/boards/{self.book.code}/', 1)[1].split('"')[0]

    async def seen(self, address: str) -> str:
        """What anybody reads there."""
        answer = await self.anybody.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["cache-control"] == "no-store"
        return re.sub("(名次|星级|服务时长) (?=[0-9])", "", words_of(answer.text))

    async def star(self, person: Person, star: int = 3) -> Volunteer:
        assert person.volunteer is not None
        async with self.database.begin() as tx:
            await a_star(tx, self.book.book_id, person.volunteer.holder, star)
        return person.volunteer


def form(kind: str = "stars", **more: str) -> dict[str, str]:
    today = auth.today().isoformat()
    given = {"kind": kind, "from_day": "2026-01-01", "to_day": today, "least_star": "3"}
    return given | {"organisation": "", "category": ""} | more


def query(kind: str = "stars", **more: str) -> str:
    return str(httpx.QueryParams(form(kind, **more)))


@pytest.fixture
async def wall(enters: Enters, database: AsyncEngine, book: Book) -> Wall:
    her = await people.a_volunteer(database, book)
    await people.who_is(database, book, "V20260012", Identity("王秀英", None, people.GROWN))
    operator = await people.somebody(database, book, Grant("operator"))
    wall = Wall(database, book, her, await enters(her), await enters(operator), await enters(None))
    await wall.star(her, 4)
    return wall


async def test_she_decides_herself_how_the_board_shows_her(wall: Wall) -> None:
    address = await wall.publish()
    assert "1 王** 0012 4 0 小时" in await wall.seen(address)
    mine = words_of((await wall.hers.get(MINE)).text)
    assert "公示榜单上，您现在写成： 王** 0012" in mine
    assert "您在这些榜上 3 星以上志愿者榜" in mine
    agreed = await send(wall.hers, MINE, MINE, text_version="2026-11")
    assert agreed.headers["location"] == f"{MINE}?done=consent_given"
    assert "您现在写成： 王秀英 0012" in words_of((await wall.hers.get(MINE)).text)
    assert "1 王秀英 0012 4 0 小时" in await wall.seen(address)
    assert "王秀英" in await wall.seen(f"/boards/{wall.book.code}"), "the newest board stands in the list of boards"
    await send(wall.hers, MINE, f"{MINE}/withdraw")
    assert "1 王** 0012 4 0 小时" in await wall.seen(address)
    assert "王秀英" not in await wall.seen(f"/boards/{wall.book.code}")


async def test_where_she_agrees_and_where_her_stars_are_leads_to_how_her_name_is_shown(wall: Wall) -> None:
    assert "您现在写成： 王** 0012" in words_of((await wall.hers.get("/me/stars")).text)
    for path in ("/account/consents", "/account", "/me/stars", await wall.publish()):
        assert f'href="{MINE}"' in (await wall.hers.get(path)).text, path
    led = await wall.anybody.get(MINE)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=%2Faccount%2Fboards")


async def test_a_minor_is_told_that_no_board_shows_her_and_none_does(enters: Enters, wall: Wall) -> None:
    child = await people.a_volunteer(wall.database, wall.book, "V20260777")
    await wall.star(child, 5)
    await people.who_is(wall.database, wall.book, "V20260777", Identity("李小明", None, people.YOUNG))
    preview = words_of((await wall.staff.get(f"{NEW}?{query()}")).text)
    assert "上榜 1 人" in preview
    address = await wall.publish()
    browser = await enters(child)
    await send(browser, "/account/consents", "/account/consents", purpose="public_name", text_version="2026-11")
    for said in (preview, await wall.seen(address), await wall.seen(f"/boards/{wall.book.code}")):
        assert "0777" not in said
        assert "李" not in said
    mine = words_of((await browser.get(MINE)).text)
    assert "公示榜单上不写您" in mine
    assert "您在这些榜上" not in mine


async def test_who_becomes_known_as_a_minor_is_off_the_page_at_the_next_look(wall: Wall) -> None:
    child = await people.a_volunteer(wall.database, wall.book, "V20260777")
    await wall.star(child, 5)
    address = await wall.publish()
    assert "1 志愿者 0777 5" in await wall.seen(address)
    await people.who_is(wall.database, wall.book, "V20260777", Identity("李小明", None, people.YOUNG))
    seen = await wall.seen(address)
    assert "0777" not in seen
    assert "1 王** 0012 4" in seen


async def test_who_is_erased_is_off_the_page_at_once(wall: Wall) -> None:
    address = await wall.publish()
    owner = Principal("user", 1, wall.book.code, wall.book.book_id, grants=(Grant("owner"),))
    async with wall.database.begin() as tx:
        await staff_of_volunteers.erase(tx, owner, "V20260012")
    seen = await wall.seen(address)
    assert "0012" not in seen
    assert "榜上还没有人。" in seen


async def test_who_is_not_known_as_a_grown_up_hears_why_her_name_is_not_written_in_full(
    enters: Enters, wall: Wall
) -> None:
    other = await people.a_volunteer(wall.database, wall.book, "V20260013")
    browser = await enters(other)
    await send(browser, MINE, MINE, text_version="2026-11")
    mine = words_of((await browser.get(MINE)).text)
    assert "您现在写成： 志愿者 0013" in mine
    assert "系统里没有您的姓名或者出生日期" in mine


async def test_averages_say_on_the_page_by_whom_they_are_divided(wall: Wall) -> None:
    seen = await wall.seen(await wall.publish("averages"))
    assert "登记人数 按登记人数平均 参加人数 按参加人数平均" in seen
    assert "合计 整个项目" in seen
    assert "参加人数不到 5 人的组织，不公布时长" in seen
    assert "登记人数 1 人 按登记人数平均 人数太少，不公布" in seen
    assert "参加人数 人数太少，不公布 按参加人数平均 人数太少，不公布" in seen


async def test_averages_of_five_are_told_on_the_page(wall: Wall) -> None:
    async with wall.database.begin() as tx:
        await organisations.add(tx, wall.book.book_id, NORTH, "北湖街道")
    assert wall.her.volunteer is not None
    holders = [wall.her.volunteer.holder]
    for number in range(4):
        person = await people.a_volunteer(wall.database, wall.book, f"V2026002{number}")
        assert person.volunteer is not None
        holders.append(person.volunteer.holder)
    for holder in holders:
        given = await served.hands_in(wall.database, wall.book, holder, NORTH, 90)
        await served.reviewed(wall.database, wall.book, given)
    seen = await wall.seen(await wall.publish("averages"))
    assert "登记人数 5 人 按登记人数平均 1 小时 30 分 参加人数 5 人 按参加人数平均 1 小时 30 分" in seen


async def test_fifty_stand_on_a_page(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.boards.PAGE", 1)
    monkeypatch.setattr("api.boards.page.__kwdefaults__", {"after": 0, "limit": 1})
    await wall.star(await people.a_volunteer(wall.database, wall.book, "V20260013"))
    address = await wall.publish()
    assert "0013" not in await wall.seen(address)
    assert f'href="{address}?after=1"' in (await wall.anybody.get(address)).text
    assert "2 志愿者 0013 3" in await wall.seen(f"{address}?after=1")
    assert "榜上还没有人。" in await wall.seen(f"{address}?after=99999999999")
    assert "1 王**" in await wall.seen(f"{address}?after=x")


async def test_a_board_is_published_once_and_withdrawn_once(wall: Wall) -> None:
    address = await wall.publish()
    again = await send(wall.staff, f"{NEW}?{query()}", STAFF, **form())
    assert again.headers["location"] == f"{STAFF}?done=board_there"
    withdraw = f"{STAFF}/{address.rpartition('/')[2]}/withdraw"
    first = await send(wall.staff, STAFF, withdraw)
    assert first.headers["location"] == f"{STAFF}?done=board_withdrawn"
    second = await again_pressed(wall, withdraw)
    assert second.status_code == 409
    assert "这件事已经办过" in words_of(second.text)
    gone = await wall.anybody.get(address)
    assert gone.status_code == 404
    assert "这份榜单撤下了" in words_of(gone.text)
    assert "现在没有公示的榜单。" in await wall.seen(f"/boards/{wall.book.code}")


async def again_pressed(wall: Wall, address: str) -> httpx.Response:
    """The same button once more, on a page that was open before."""
    page = (await wall.staff.get(f"{NEW}?{query()}")).text
    return await wall.staff.post(address, data={"_csrf_token": people.token_of(page)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "points"}, "请选择一种榜。"),
        ({"from_day": "昨天"}, "“从哪天起”请写成 2027-12-31 这样。"),
        ({"to_day": (auth.today() + timedelta(days=2)).isoformat()}, "“到哪天为止”不能晚于今天。"),
        ({"to_day": "2025-12-31"}, "“到哪天为止”不能早于开始那天。"),
        ({"least_star": "0"}, "“几星以上”太小或者太大。"),
        ({"least_star": "三"}, "“几星以上”请写整数"),
        ({"category": "长" * 101}, "“哪类服务”请写一行，不超过 100 个字。"),
        ({"organisation": "nowhere"}, "nowhere"),
    ],
)
async def test_what_cannot_be_published_is_said_beside_what_was_typed(
    wall: Wall, change: dict[str, Any], said: str
) -> None:
    looked = await wall.staff.get(f"{NEW}?{query(**({'kind': 'stars'} | change))}")
    sent = await send(wall.staff, f"{NEW}?{query()}", STAFF, **(form() | change))
    for answer in (looked, sent):
        assert answer.status_code in (400, 404), answer.status_code
        assert said in words_of(answer.text)
        assert 'id="least_star"' in answer.text


async def test_staff_of_one_organisation_publish_for_it_alone(enters: Enters, wall: Wall) -> None:
    district = await people.a_district(wall.database, wall.book)
    assert district
    clerk = await enters(await people.somebody(wall.database, wall.book, Grant("operator", NORTH)))
    page = (await clerk.get(NEW)).text
    assert "整个项目" not in page
    assert NORTH in page
    own = await send(clerk, f"{NEW}?{query(organisation=NORTH)}", STAFF, **form(organisation=NORTH))
    assert own.headers["location"] == f"{STAFF}?done=board_published"
    refused = await send(clerk, f"{NEW}?{query(organisation=NORTH)}", STAFF, **form())
    assert refused.status_code == 403
    address = await wall.publish()
    listed = (await clerk.get(STAFF)).text
    assert listed.count("/withdraw") == 1, "of the whole programme is not hers to withdraw"
    token = people.token_of(listed)
    theirs = await clerk.post(f"{STAFF}/{address.rpartition('/')[2]}/withdraw", data={"_csrf_token": token})
    assert theirs.status_code == 403
