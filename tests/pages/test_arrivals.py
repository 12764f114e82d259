"""What a volunteer's camera opens: the code, the way to the sign-in and back, and what is said where it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import activities as rooms
from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import activities, attendances, organisations
from ledger.earning.activities import Activity, Plan
from tests.conftest import new_book
from tests.pages import people
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import NORTH, Person, token_of

HOUR = timedelta(hours=1)


@dataclass
class Scene:
    book: Book
    activity: Activity
    her: Person

    def address(self, seconds_ago: int = 0) -> str:
        """What the QR code held then."""
        code = attendances.code_at(self.book.book_id, self.activity, auth.now() - timedelta(seconds=seconds_ago))
        return f"{self.form}/{code}"

    @property
    def form(self) -> str:
        return f"/in/{self.book.code}/{self.activity.activity}"


@pytest.fixture
async def scene(database: AsyncEngine, book: Book) -> Scene:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, NORTH, "北湖")
    her = await people.a_volunteer(database, book, "V20260012", NORTH)
    return Scene(book, await an_activity(database, book), her)


async def an_activity(database: AsyncEngine, book: Book, **other: Any) -> Activity:
    now = auth.now()
    plan = Plan("湖边清洁", "环保", "湖滨路 1 号", now - HOUR, now + HOUR, **other)
    async with database.begin() as tx:
        return await activities.add(tx, book.book_id, NORTH, plan, by="user:0", now=now - 2 * HOUR)


def ticket_of(page: str) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page)
    assert found, page
    return found[1]


async def press(client: httpx.AsyncClient, scene: Scene, ticket: str, **more: str) -> httpx.Response:
    token = token_of((await client.get("/account")).text)
    return await client.post(scene.form, data={"_csrf_token": token, "ticket": ticket, **more})


async def test_one_button_signs_in_and_the_next_time_out(enters: Enters, scene: Scene) -> None:
    client = await enters(scene.her)
    opened = await client.get(scene.address())
    assert "湖边清洁" in opened.text
    assert 'name="leaves"' not in opened.text
    done = await press(client, scene, ticket_of(opened.text))
    assert (done.status_code, "签到成功" in done.text) == (200, True)
    assert (await press(client, scene, ticket_of(opened.text))).text.count("签到成功") == done.text.count("签到成功")
    opened = await client.get(scene.address())
    assert 'name="leaves"' in opened.text
    gone = await press(client, scene, ticket_of(opened.text), leaves="yes")
    assert "不到一分钟" in gone.text


async def test_a_copied_address_is_refused_a_minute_later(enters: Enters, scene: Scene) -> None:
    client = await enters(scene.her)
    for address in (scene.address(61), scene.address(3600), f"{scene.form}/aaaaaaaaaaaa", f"{scene.form}/%00"):
        answer = await client.get(address)
        assert answer.status_code == 409, address
        assert "请再扫一次" in answer.text
        assert "ticket" not in answer.text


async def test_who_has_to_sign_in_first_loses_nothing(enters: Enters, scene: Scene, database: AsyncEngine) -> None:
    client = await enters(None)
    shown = scene.address()
    led = await client.get(shown)
    assert (led.status_code, urlsplit(led.headers["location"]).path) == (303, "/sign-in")
    assert parse_qs(urlsplit(led.headers["location"]).query)["next"] == [shown]
    assert 'name="next" value="' + shown in (await client.get(led.headers["location"])).text
    # She typed for so long that the code is another one by now; that this browser had shown it is kept.
    client.cookies.set("meide_session", await people.a_session(database, scene.her), "books.test")
    late = f"{scene.form}/aaaaaaaaaaaa"
    opened = await client.get(late)
    assert opened.status_code == 200
    assert "签到成功" in (await press(client, scene, ticket_of(opened.text))).text
    assert (await client.get(late)).status_code == 409, "once"


async def test_a_wrong_code_leaves_nothing_in_a_strangers_browser(
    enters: Enters, scene: Scene, database: AsyncEngine
) -> None:
    client = await enters(None)
    for address in (f"{scene.form}/aaaaaaaaaaaa", f"/in/nowhere/{scene.activity.activity}/a", "/in/%00/a/b"):
        led = await client.get(address)
        assert led.status_code == 303
        assert "meide_arrival" not in client.cookies
    another = await an_activity(database, scene.book)
    await client.get(scene.address())
    assert "meide_arrival" in client.cookies
    client.cookies.set("meide_session", await people.a_session(database, scene.her), "books.test")
    elsewhere = f"/in/{scene.book.code}/{another.activity}/aaaaaaaaaaaa"
    assert (await client.get(elsewhere)).status_code == 409


async def test_a_ticket_is_hers_for_this_activity_and_for_five_minutes(
    enters: Enters, scene: Scene, database: AsyncEngine
) -> None:
    client = await enters(scene.her)
    neighbour = await people.a_volunteer(database, scene.book, "V20260013", NORTH)
    assert scene.her.volunteer is not None
    assert neighbour.volunteer is not None
    of = (scene.book.code, scene.activity.activity)
    hers = rooms.ticket(SETTINGS, *of, scene.her.volunteer.holder)
    ends, _, seal = hers.partition("-")
    for wrong in (
        "",
        "x",
        "-",
        f"{int(ends) + 1}-{seal}",
        f"{ends}-é",
        f"²-{seal}",
        rooms.ticket(SETTINGS, *of),
        rooms.ticket(SETTINGS, *of, neighbour.volunteer.holder),
        rooms.ticket(SETTINGS, of[0], "other", scene.her.volunteer.holder),
    ):
        assert (await press(client, scene, wrong)).status_code == 409, wrong
    assert 290 < int(ends) - auth.now().timestamp() <= 300
    over = int(auth.now().timestamp()) - 1
    late = f"{over}-{rooms._seal(SETTINGS.session_keys[0], *of, scene.her.volunteer.holder, over)}"
    assert (await press(client, scene, late)).status_code == 409
    assert (await press(client, scene, hers)).status_code == 200


async def test_why_it_does_not_work_is_said_in_words(enters: Enters, scene: Scene, database: AsyncEngine) -> None:
    client = await enters(scene.her)
    trained = await an_activity(database, scene.book, training="急救培训")
    away = Scene(scene.book, trained, scene.her)
    opened = await client.get(away.address())
    answer = await press(client, away, ticket_of(opened.text))
    assert answer.status_code == 409
    assert "急救培训" in answer.text
    assert "找现场的领队" in answer.text


async def test_staff_and_members_of_another_time_bank_are_told_so(
    enters: Enters, scene: Scene, database: AsyncEngine
) -> None:
    clerk = await enters(await people.somebody(database, scene.book, Grant("operator")))
    answer = await clerk.get(scene.address())
    assert (answer.status_code, "志愿者编号" in answer.text) == (403, True)
    stranger = await enters(await people.a_volunteer(database, await new_book(database)))
    answer = await stranger.get(scene.address())
    assert (answer.status_code, "没有这个活动" in answer.text) == (404, True)


async def test_the_screen_shows_nothing_of_minors_and_logs_nothing(
    enters: Enters, scene: Scene, database: AsyncEngine
) -> None:
    await people.who_is(database, scene.book, "V20260012", people.Identity("欧阳小湖", None, people.YOUNG))
    leader = await enters(await people.somebody(database, scene.book, Grant("recorder", NORTH), Grant("owner")))
    assert scene.her.volunteer is not None
    async with database.begin() as tx:
        await attendances.sign_in(
            *(tx, scene.book.book_id, scene.activity, scene.her.volunteer.holder),
            code=None,
            by="user:0",
            now=auth.now(),
        )
    log = (await leader.get("/staff/access-log")).text
    screen = await leader.get(f"/staff/activities/{scene.activity.activity}/screen")
    assert "尾号 0012" in screen.text
    assert "欧" not in screen.text
    assert (await leader.get("/staff/access-log")).text == log
    page = await leader.get(f"/staff/activities/{scene.activity.activity}")
    assert "欧" in page.text
    assert (await leader.get("/staff/access-log")).text != log
