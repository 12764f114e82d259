"""Activities over HTTP: a leader plans and runs one, volunteers sign in with the code on the screen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import ciphers, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import activities, organisations, volunteers
from ledger.earning.activities import Plan
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.api.people import code_of
from tests.conftest import new_book

HOUR = timedelta(hours=1)


@dataclass
class Scene:
    """A leader, volunteers who are signed in to the service, and an activity that began an hour ago."""

    leader: Caller
    hers: list[Caller]
    code: str

    async def now(self) -> str:
        """The code on the screen."""
        answer = await self.leader.get(f"/activities/{self.code}/code")
        assert answer.status_code == 200, answer.text
        shown: str = answer.json()["code"]
        return shown

    async def sign(self, her: Caller, way: str = "", **other: str) -> httpx.Response:
        """Signs in, or (`/sign-out`) out."""
        body = {"activity": self.code, "code": await self.now()} | other
        headers = {"Authorization": f"Bearer {her.token}"}
        return await her.http.post(f"/api/v1/me/attendances{way}", json=body, headers=headers)

    async def run(self, path: str, body: Any = None) -> httpx.Response:
        return await self.leader.post(f"/activities/{self.code}{path}", body)


@pytest.fixture
async def scene(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Scene:
    now = auth.now()
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "lane", "里弄")
        plan = Plan("清洁", "环保", "湖边", now - HOUR, now + HOUR)
        made = await activities.add(tx, book.book_id, "lane", plan, by="user:0", now=now - 2 * HOUR)
        for number in ("V-0", "V-1", "V-2"):
            await volunteers.register(tx, book.book_id, number, "lane")
    leader = await a_user(http, database, book, Grant("recorder", "lane"))
    hers = [await a_user(http, database, book, Grant("volunteer", volunteer_no=f"V-{each}")) for each in range(2)]
    return Scene(leader, hers, made.activity)


async def test_an_activity_is_published_read_changed_listed_and_cancelled(scene: Scene) -> None:
    starts = auth.now() + 24 * HOUR
    body = {
        "organisation": "lane",
        "activity": "Tea-1",
        "name": "茶话会",
        "category": "助老",
        "place": "服务站",
        "starts_at": starts.isoformat(),
        "ends_at": (starts + HOUR).isoformat(),
        "capacity": 9,
    }
    answer = await scene.leader.post("/activities", body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["activity"], made["capacity"], made["risky"], made["closed_at"]) == ("Tea-1", 9, False, None)
    assert (await scene.leader.get("/activities/Tea-1")).json() == made
    assert code_of(await scene.leader.post("/activities", body)) == "409 activity_exists"
    listed = (await scene.leader.get("/activities?limit=1")).json()
    assert [each["activity"] for each in listed["items"]] == [scene.code]
    rest = (await scene.leader.get(f"/activities?after={listed['next']}&organisation=lane")).json()
    assert [each["activity"] for each in rest["items"]] == ["Tea-1"]
    assert (await scene.leader.get("/activities?on=1999-01-01")).json()["items"] == []
    assert code_of(await scene.leader.get("/activities?on=never")) == "400 invalid_request"
    plan = {name: value for name, value in body.items() if name not in ("organisation", "activity")}
    changed = await scene.leader.http.put(
        f"/api/v1/books/{scene.leader.book}/activities/Tea-1",
        json=plan | {"name": "茶话会、下棋"},
        headers={"Authorization": f"Bearer {scene.leader.token}"},
    )
    assert changed.json()["name"] == "茶话会、下棋"
    assert (await scene.leader.post("/activities/Tea-1/cancel", None)).json()["cancelled"] is True
    assert code_of(await scene.leader.get("/activities/Tea-1/code")) == "409 activity_cancelled"
    assert code_of(await scene.leader.post("/activities", body | {"name": "补录", "activity": "x"})) == (
        "400 invalid_request"
    )


async def test_the_screen_shows_a_code_an_address_and_a_drawing(scene: Scene) -> None:
    shown = (await scene.leader.get(f"/activities/{scene.code}/code")).json()
    assert shown["url"] == f"http://meide.test/in/{scene.leader.book}/{scene.code}/{shown['code']}"
    assert shown["qr_svg"].startswith("<svg")
    assert "script" not in shown["qr_svg"]
    assert (await scene.leader.get(f"/activities/{scene.code}")).json().keys().isdisjoint({"secret", "code"})


async def test_she_signs_in_and_out_the_leader_counts_and_records_are_made(scene: Scene) -> None:
    [her, other] = scene.hers
    there = await scene.sign(her)
    assert there.status_code == 200, there.text
    assert (await scene.sign(her, book=her.book)).json() == there.json()
    assert (there.json()["check_out"], there.json()["withdrawn"]) == (None, False)
    assert (await scene.sign(her, "/sign-out")).json()["check_out"] is not None
    assert code_of(await scene.sign(other, "/sign-out")) == "409 not_signed_in"
    assert (await scene.sign(other)).status_code == 200
    seen = (await scene.leader.get(f"/activities/{scene.code}/attendances")).json()
    assert {each["volunteer"] for each in seen["items"]} == {"V-0", "V-1"}
    assert seen["signed_in"] == 2
    struck = await scene.run("/attendances/V-1/1/strike")
    assert struck.json()["struck_out"] is True
    assert code_of(await scene.sign(other)) == "409 struck_out"
    differs = await scene.run("/close", {"head_count": 2})
    assert (code_of(differs), differs.json()["signed_in"]) == ("409 head_count_differs", 1)
    closed = await scene.run("/close", {"head_count": 1})
    assert closed.status_code == 200, closed.text
    assert closed.json()["activity"]["head_count"] == 1
    assert (await scene.run("/close", {"head_count": 1})).json() == closed.json()
    assert code_of(await scene.run("/attendances", {"volunteer": "V-2"})) == "409 activity_closed"


async def test_the_leader_signs_in_who_has_no_phone(scene: Scene) -> None:
    made = await scene.run("/attendances", {"volunteer": "V-2"})
    assert (made.json()["volunteer"], made.json()["by_leader"]) == ("V-2", True)
    too_many = await scene.run("/attendances", {"volunteer": "V-1"})
    assert (code_of(too_many), too_many.json()["share"]) == ("409 too_many_by_leader", 20)
    assert (await scene.run("/attendances/V-2/sign-out")).json()["check_out"] is not None
    assert code_of(await scene.run("/attendances", {"volunteer": "V-9"})) == "404 unknown_volunteer"
    assert code_of(await scene.run("/attendances/V-0/1/strike")) == "409 not_signed_in"


async def test_a_code_that_is_not_on_the_screen_opens_nothing(scene: Scene) -> None:
    for wrong in ("", "aaaaaaaaaaaa", "é", "x" * 5000):
        assert code_of(await scene.sign(scene.hers[0], code=wrong)) == "409 code_stale"
    assert code_of(await scene.sign(scene.hers[0], activity="nothing")) == "404 unknown_activity"


async def test_in_another_book_she_signs_in_nowhere(
    scene: Scene, http: httpx.AsyncClient, database: AsyncEngine
) -> None:
    other = await new_book(database)
    assert code_of(await scene.sign(scene.hers[0], book=other.code)) == "403 not_allowed"
    async with database.begin() as tx:
        await volunteers.register(tx, other.book_id, "V-0")
    stranger = await a_user(http, database, other, Grant("volunteer", volunteer_no="V-0"))
    assert code_of(await scene.sign(stranger)) == "404 unknown_activity"


async def test_children_come_with_consent_and_company(
    scene: Scene, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    keys = ciphers.Keys.of(SETTINGS.identity_keys, SETTINGS.index_keys)
    for number, age in (("V-0", 5), ("V-1", 8), ("V-2", 30)):
        async with database.begin() as tx:
            her = await volunteers.find(tx, book.book_id, number)
            identity = Identity("某人", born=auth.today() - timedelta(days=age * 365 + 100))
            await persons.record(tx, keys, book.book_id, number, her.holder, identity, "room:test", auth.now())
    assert code_of(await scene.sign(scene.hers[0])) == "409 too_young"
    assert code_of(await scene.sign(scene.hers[1])) == "409 guardian_consent_needed"
    assert (await scene.run("/attendances", {"volunteer": "V-2"})).status_code == 200


async def test_two_phones_of_hers_at_once_are_one_sign_in(scene: Scene) -> None:
    code = await scene.now()
    answers = await asyncio.gather(*(scene.sign(scene.hers[0], code=code) for _ in range(8)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert (await scene.leader.get(f"/activities/{scene.code}/attendances")).json()["signed_in"] == 1
