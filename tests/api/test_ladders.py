"""Star ladders over HTTP: drafted by one, approved by another, read by everybody, and what one would change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, ladders
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import hours, organisations
from ledger.recognition import ladder_body
from ledger.recognition.ladder import NATIONAL
from tests.api.conftest import Caller, a_user

SMALL: Final = {"levels": [{"minutes": 600}, {"minutes": 1200}], "may_fall": False}


def tomorrow() -> str:
    return (auth.today() + timedelta(days=1)).isoformat()


@pytest.fixture
async def clerk(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("operator"))


@pytest.fixture
async def chief(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("owner"))


async def drafted(caller: Caller, effective_from: str = "2026-01-01", **ladder: Any) -> dict[str, Any]:
    answer = await caller.post("/ladders", {"effective_from": effective_from, "ladder": ladder or SMALL})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def decided(caller: Caller, version: int, approve: bool = True) -> httpx.Response:
    return await caller.post(f"/ladders/{version}/decision", {"approve": approve})


async def test_one_drafts_another_approves_and_everybody_reads(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller, chief: Caller
) -> None:
    reader = await a_user(http, database, book, Grant("merchant", outlet="shop"))
    before = (await reader.get("/ladders/in-force")).json()
    assert (before["day"], before["version"]) == (auth.today().isoformat(), 0)
    assert before["ladder"] == ladder_body.stored(NATIONAL)
    made = await drafted(clerk)
    assert (made["version"], made["status"]) == (1, "draft")
    assert made["ladder"] == ladder_body.stored(ladder_body.read(SMALL))
    assert (await decided(chief, 1)).json()["status"] == "approved"
    found = (await reader.get("/ladders/in-force?day=2026-03-05")).json()
    assert (found["version"], found["ladder"]) == (1, made["ladder"])
    assert "二星：服务满 20 小时。" in found["words"]["zh"]
    assert "2 stars: 20 h of service." in found["words"]["en"]
    assert (await reader.get("/ladders/in-force?day=2025-12-31")).json()["version"] == 0
    assert (await reader.get("/ladders/1")).status_code == 403


async def test_nobody_approves_a_draft_of_her_own_but_she_withdraws_it(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller
) -> None:
    both = await a_user(http, database, book, Grant("operator"), Grant("owner"))
    await drafted(both)
    refused = await decided(both, 1)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert (await clerk.post("/ladders/1/withdraw", {})).status_code == 403
    assert (await both.post("/ladders/1/withdraw", None)).json()["status"] == "declined"
    assert (await decided(both, 1)).json()["code"] == "already_decided"


async def test_versions_are_listed_from_the_newest_and_begin_tomorrow(clerk: Caller, chief: Caller) -> None:
    await drafted(clerk)
    await decided(chief, 1)
    refused = await clerk.post("/ladders", {"effective_from": auth.today().isoformat(), "ladder": SMALL})
    assert (refused.status_code, refused.json()["earliest"]) == (409, tomorrow())
    await drafted(clerk, tomorrow())
    assert (await decided(chief, 2, approve=False)).json()["status"] == "declined"
    first = (await clerk.get("/ladders?limit=1")).json()
    rest = (await clerk.get(f"/ladders?limit=2&after={first['next']}")).json()
    assert [each["version"] for each in (*first["items"], *rest["items"])] == [2, 1]
    assert rest["next"] is None
    assert (await clerk.get("/ladders/4")).json()["code"] == "unknown_ladder"


async def test_each_example_can_be_drafted_as_it_is(clerk: Caller) -> None:
    examples = (await clerk.get("/ladders/examples")).json()["items"]
    assert [each["example"] for each in examples] == list(ladders.EXAMPLES)
    for each in examples:
        made = await drafted(clerk, tomorrow(), **each["ladder"])
        assert (made["ladder"], made["words"]) == (each["ladder"], each["words"])


@pytest.mark.parametrize(
    ("ladder", "field", "problem"),
    [
        ({}, "ladder.levels", "missing"),
        ({"levels": [{"minutes": 9}, {"minutes": 8}]}, "ladder.levels[1].minutes", "not_rising"),
        ({"levels": [{"minutes": 9.0}]}, "ladder.levels[0].minutes", "not_a_whole_number"),
        (SMALL | {"colour": 1}, "ladder.colour", "unknown"),
    ],
)
async def test_a_fault_is_named_by_its_path(clerk: Caller, ladder: dict[str, Any], field: str, problem: str) -> None:
    answer = await clerk.post("/ladders", {"effective_from": tomorrow(), "ladder": ladder})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (answer.json()["field"], answer.json()["problem"]) == (field, problem)


async def test_before_it_is_approved_everybody_sees_how_many_would_have_which_star(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D1", "一区")
        served = {"A1": 599, "A2": 600, "A3": 1200, "A4": 6000, "A5": 90_000}
        await hours.carry_over(tx, book.book_id, "D1", auth.today(), list(served.items()), by="user:1")
    await drafted(clerk)
    found = (await clerk.get("/ladders/1/effect")).json()
    assert (found["day"], found["in_force"], found["version"]) == (auth.today().isoformat(), 0, 1)
    assert [(each["star"], each["before"], each["after"]) for each in found["stars"]] == [
        *((0, 3, 1), (1, 1, 1), (2, 0, 3)),
        *((3, 0, 0), (4, 0, 0), (5, 1, 0)),
    ]
    assert (found["up"], found["down"], found["same"]) == (3, 1, 1)
    local = await a_user(http, database, book, Grant("operator", "D1"))
    assert (await local.get("/ladders/1/effect")).status_code == 403
    assert (await clerk.get("/ladders/2/effect")).status_code == 404
