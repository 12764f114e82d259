"""Targets and honours over HTTP: set within reach, reached, proposed by one and given by another; and one's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, honours, keys
from ledger.access import consents, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.earning.volunteers import Volunteer
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.earning import served

KEYS = keys.personal(SETTINGS)


def year() -> int:
    """Of what `served` hands in."""
    return (auth.today() - timedelta(days=2)).year


def hours() -> dict[str, Any]:
    """A target of two hours in that year."""
    wanted = {"target": "H2", "name": "全年两小时", "kind": "year_hours", "amount": 120, "organisation": "street"}
    return wanted | {"first_year": year()}


class Station:
    """A street with volunteers, who sets targets and proposes, and who gives."""

    def __init__(self, http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
        self.http, self.database, self.book = http, database, book

    async def staff(self, *grants: Grant) -> Caller:
        return await a_user(self.http, self.database, self.book, *grants)

    async def volunteer(self, number: str, minutes: int = 0, organisation: str = "street") -> Volunteer:
        async with self.database.begin() as tx:
            her = await volunteers.register(tx, self.book.book_id, number, organisation)
        if minutes:
            hours = await served.hands_in(self.database, self.book, her.holder, organisation, minutes)
            await served.reviewed(self.database, self.book, hours)
        return her

    async def named(self, her: Volunteer, name: str, age: int, *, agrees: bool = False) -> None:
        born = auth.today() - timedelta(days=366 * age)
        async with self.database.begin() as tx:
            book = self.book.book_id
            identity = Identity(name, born=born)
            await persons.record(tx, KEYS, book, her.volunteer_no, her.holder, identity, "user:1", auth.now())
            if agrees:
                version = consents.OFFERED["public_name"]
                await consents.give(tx, book, her.holder, "public_name", version, "self", auth.now())

    async def public(self) -> dict[str, list[tuple[str | None, str]]]:
        async with self.database.connect() as tx:
            page = await honours.page(tx, KEYS, self.book.code, year())
        return {each.name: [(one.name, one.tail) for one in each.people] for each in page.honours}


@pytest.fixture
async def station(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Station:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "湖滨街道")
        await organisations.add(tx, book.book_id, "lane", "后街")
    return Station(http, database, book)


@pytest.fixture
async def clerk(station: Station) -> Caller:
    return await station.staff(Grant("operator"))


@pytest.fixture
async def giver(station: Station) -> Caller:
    return await station.staff(Grant("reviewer"))


async def own(her: Caller, what: str) -> Any:
    answer = await her.http.get(f"/api/v1/me/{what}", headers={"Authorization": f"Bearer {her.token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


async def test_a_target_is_set_once_and_how_far_everybody_is_is_read(station: Station, clerk: Caller) -> None:
    await station.volunteer("V-1", 120)
    await station.volunteer("V-2", 119)
    await station.volunteer("V-3", 500, "lane")
    made = await clerk.post("/targets", hours())
    assert (made.status_code, made.json()["first_year"], made.json()["last_year"]) == (201, year(), None)
    assert made.json()["words"]["zh"] == "每人全年服务满 2 小时。"
    assert (await clerk.post("/targets", hours())).json() == made.json()
    assert told(await clerk.post("/targets", hours() | {"amount": 60})) == (409, "target_exists")
    assert [each["target"] for each in (await clerk.get(f"/targets?year={year()}")).json()["items"]] == ["H2"]
    assert (await clerk.get(f"/targets?year={year() - 1}")).json()["items"] == []
    far = (await clerk.get(f"/targets/H2/progress?year={year()}")).json()
    assert {name: far[name] for name in ("year", "needed", "served", "reached")} == {
        "year": year(),
        "needed": 120,
        "served": 2,
        "reached": 1,
    }
    assert [(each["volunteer"], each["amount"], each["reached"]) for each in far["items"]] == [
        ("V-1", 120, True),
        ("V-2", 119, False),
    ]
    first = (await clerk.get(f"/targets/H2/progress?year={year()}&limit=1")).json()
    rest = (await clerk.get(f"/targets/H2/progress?year={year()}&limit=1&after={first['next']}")).json()
    assert first["items"] + rest["items"] == far["items"]
    assert (await clerk.get(f"/targets/H2/progress?year={year()}&reached=true")).json()["items"] == far["items"][:1]
    assert told(await clerk.post("/targets/H2/end", {"last_year": year() - 1})) == (400, "invalid_request")
    this_year = auth.today().year
    assert (await clerk.post("/targets/H2/end", {"last_year": this_year})).json()["last_year"] == this_year


async def test_who_is_of_one_street_sets_its_targets_and_no_other(station: Station) -> None:
    ours = await station.staff(Grant("operator", "street"))
    theirs = await station.staff(Grant("operator", "lane"))
    to_come = hours() | {"first_year": auth.today().year + 1}
    assert (await ours.post("/targets", to_come)).status_code == 201
    assert told(await ours.post("/targets", hours() | {"target": "X", "organisation": None})) == (403, "not_allowed")
    # Nor does she replace that of another street by one of her own.
    assert told(await theirs.post("/targets", to_come | {"organisation": "lane"})) == (403, "not_allowed")
    assert (await ours.post("/targets", to_come | {"amount": 60})).json()["amount"] == 60


async def test_one_proposes_all_who_reached_it_and_another_gives(
    station: Station, clerk: Caller, giver: Caller
) -> None:
    await station.volunteer("V-1", 120)
    await station.volunteer("V-2", 119)
    await clerk.post("/targets", hours())
    body = {"target": "H2", "year": year()}
    done = await asyncio.gather(*(clerk.post("/honours/reached", body) for _ in range(3)))
    assert sorted(answer.json()["proposed"] for answer in done) == [0, 0, 1]
    named = await clerk.post("/honours", {"year": year(), "name": "年度志愿者", "volunteer": "V-2"})
    assert (named.status_code, named.json()["state"]) == (201, "proposed")
    assert told(await clerk.post("/honours", {"year": year(), "name": "年度志愿者", "volunteer": "V-2"})) == (
        409,
        "honour_exists",
    )
    waiting = (await giver.get(f"/honours?year={year()}&state=proposed")).json()["items"]
    assert [(each["name"], each["volunteer"], each["amount"]) for each in waiting] == [
        ("全年两小时", "V-1", 120),
        ("年度志愿者", "V-2", None),
    ]
    ids = [each["id"] for each in waiting]
    assert (await clerk.post("/honours/decisions", {"honours": ids, "give": True})).status_code == 403
    unknown = str(uuid4())
    answers = await asyncio.gather(
        *(giver.post("/honours/decisions", {"honours": [*ids, unknown], "give": True}) for _ in range(2))
    )
    outcomes = [[each.get("state") or each["problem"]["code"] for each in a.json()["outcomes"]] for a in answers]
    assert sorted(outcomes) == [
        ["already_decided", "already_decided", "unknown_honour"],
        ["given", "given", "unknown_honour"],
    ]
    assert (await giver.post(f"/honours/{ids[0]}/end", None)).json()["state"] == "ended"
    assert told(await giver.post(f"/honours/{ids[0]}/end", None)) == (409, "already_decided")
    assert [each["id"] for each in (await clerk.get(f"/honours?year={year()}&state=given")).json()["items"]] == ids[1:]


async def test_who_is_of_one_street_sees_and_gives_what_is_its_own(
    station: Station, clerk: Caller, giver: Caller
) -> None:
    await station.volunteer("V-1")
    await station.volunteer("V-9", organisation="lane")
    made = {}
    for body in ({"volunteer": "V-1"}, {"volunteer": "V-9"}, {"organisation": "lane"}):
        answer = await clerk.post("/honours", {"year": year(), "name": "好样的"} | body)
        made[next(iter(body.values()))] = answer.json()["id"]
    ours = await station.staff(Grant("reviewer", "street"))
    assert [each["id"] for each in (await ours.get(f"/honours?year={year()}")).json()["items"]] == [made["V-1"]]
    both = {"honours": [made["V-1"], made["V-9"]], "give": True}
    assert told(await ours.post("/honours/decisions", both)) == (403, "not_allowed")
    assert [each["state"] for each in (await giver.get(f"/honours?year={year()}")).json()["items"]] == ["proposed"] * 3
    done = await ours.post("/honours/decisions", {"honours": [made["V-1"]], "give": True})
    assert done.json()["outcomes"] == [{"honour": made["V-1"], "status": "decided", "state": "given"}]
    for body in ({}, {"volunteer": "V-1", "organisation": "lane"}):
        assert told(await clerk.post("/honours", {"year": year(), "name": "x"} | body)) == (400, "invalid_request")


async def test_her_own_targets_and_honours_are_hers_alone(station: Station, clerk: Caller, giver: Caller) -> None:
    await station.volunteer("V-1", 90)
    await station.volunteer("V-9", 500, "lane")
    await clerk.post("/targets", hours())
    await clerk.post("/targets", hours() | {"target": "G", "whom": "group"})
    given = await clerk.post("/honours", {"year": year(), "name": "好样的", "volunteer": "V-1"})
    her = await station.staff(Grant("volunteer", volunteer_no="V-1"))
    other = await station.staff(Grant("volunteer", volunteer_no="V-9"))
    [mine] = (await own(her, f"targets?year={year()}"))["items"]
    assert (mine["target"], mine["amount"], mine["needed"], mine["reached"]) == ("H2", 90, 120, False)
    assert await own(other, f"targets?year={year()}") == {"year": year(), "items": [], "next": None}
    assert (await own(her, "honours"))["items"] == []
    await giver.post("/honours/decisions", {"honours": [given.json()["id"]], "give": True})
    [honour] = (await own(her, "honours"))["items"]
    assert (honour["name"], honour["year"], honour["given_on"]) == ("好样的", year(), auth.today().isoformat())
    assert (await own(other, "honours"))["items"] == []


async def test_the_public_list_names_by_consent_and_no_minor(station: Station, clerk: Caller, giver: Caller) -> None:
    grown, agrees, child, nobody = [await station.volunteer(f"V2026000{number}") for number in range(4)]
    await station.named(grown, "王秀英", 60)
    await station.named(agrees, "李四", 30, agrees=True)
    await station.named(child, "张小明", 12, agrees=True)
    ids = []
    for her in (grown, agrees, child, nobody):
        made = await clerk.post("/honours", {"year": year(), "name": "好样的", "volunteer": her.volunteer_no})
        ids.append(made.json()["id"])
    assert await station.public() == {}
    await giver.post("/honours/decisions", {"honours": ids, "give": True})
    assert await station.public() == {"好样的": [("王**", "0000"), ("李四", "0001"), (None, "0003")]}
    async with station.database.begin() as tx:
        await consents.withdraw(tx, station.book.book_id, agrees.holder, "public_name", "self", auth.now())
    assert (await station.public())["好样的"][1] == ("李**", "0001")
    await giver.post(f"/honours/{ids[0]}/end", None)
    assert [tail for _, tail in (await station.public())["好样的"]] == ["0001", "0003"]
