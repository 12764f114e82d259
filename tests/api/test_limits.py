"""The limits of spending over HTTP: drafted by one, approved by another, read by everybody, each in a sentence."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, limits
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.spending import policies
from ledger.spending.policy import Policy
from tests.api.conftest import Caller, a_user


def tomorrow() -> str:
    return (auth.today() + timedelta(days=1)).isoformat()


@pytest.fixture
async def clerk(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("operator"))


@pytest.fixture
async def chief(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("owner"))


async def drafted(caller: Caller, effective_from: str = "2026-01-01", **policy: Any) -> dict[str, Any]:
    answer = await caller.post("/policies", {"effective_from": effective_from, "policy": policy})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def decided(caller: Caller, version: int, approve: bool = True) -> httpx.Response:
    return await caller.post(f"/policies/{version}/decision", {"approve": approve})


async def test_one_drafts_another_approves_and_everybody_reads(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller, chief: Caller
) -> None:
    reader = await a_user(http, database, book, Grant("merchant", outlet="shop"))
    before = (await reader.get("/policies/in-force")).json()
    assert (before["day"], before["version"]) == (auth.today().isoformat(), 0)
    assert before["policy"] == policies.stored(Policy())
    made = await drafted(clerk, free_points=7)
    assert (made["version"], made["status"], made["policy"]["free_points"]) == (1, "draft", 7)
    assert made["policy"] == policies.stored(Policy(free_points=7))
    assert (await decided(chief, 1)).json()["status"] == "approved"
    found = (await reader.get("/policies/in-force?day=2026-03-05")).json()
    assert (found["version"], found["policy"]["free_points"]) == (1, 7)
    assert "用积分码一次换 7 分以内，不用本人在手机上确认。" in found["words"]["zh"]
    assert "Up to 7 points, a redemption by pay code needs no confirmation on the phone." in found["words"]["en"]
    assert (await reader.get("/policies/in-force?day=2025-12-31")).json()["version"] == 0
    assert (await reader.get("/policies/1")).status_code == 403


async def test_nobody_approves_a_draft_of_her_own(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
    both = await a_user(http, database, book, Grant("operator"), Grant("owner"))
    await drafted(both)
    refused = await decided(both, 1)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert (await both.post("/policies/1/withdraw", None)).json()["status"] == "declined"
    assert (await decided(both, 1)).json()["code"] == "already_decided"


async def test_only_who_drafted_withdraws_and_only_a_second_person_declines(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller, chief: Caller
) -> None:
    colleague = await a_user(http, database, book, Grant("operator"))
    await drafted(clerk)
    await drafted(clerk)
    assert (await colleague.post("/policies/1/withdraw", {})).status_code == 403
    assert (await decided(clerk, 1, approve=False)).status_code == 403
    assert (await clerk.post("/policies/1/withdraw", {})).json()["status"] == "declined"
    assert (await decided(chief, 2, approve=False)).json()["status"] == "declined"


async def test_versions_are_listed_from_the_newest(clerk: Caller) -> None:
    for _ in range(3):
        await drafted(clerk)
    first = (await clerk.get("/policies?limit=2")).json()
    rest = (await clerk.get(f"/policies?limit=2&after={first['next']}")).json()
    assert [each["version"] for each in (*first["items"], *rest["items"])] == [3, 2, 1]
    assert rest["next"] is None
    assert (await clerk.get("/policies/4")).json()["code"] == "unknown_policy"


async def test_limits_begin_tomorrow_at_the_earliest(clerk: Caller, chief: Caller) -> None:
    await drafted(clerk)
    await decided(chief, 1)
    refused = await clerk.post("/policies", {"effective_from": auth.today().isoformat(), "policy": {}})
    assert (refused.status_code, refused.json()["code"]) == (409, "begins_too_early")
    assert refused.json()["earliest"] == tomorrow()
    await drafted(clerk, tomorrow(), free_points=1)
    assert (await decided(chief, 2)).status_code == 200
    assert (await chief.get("/policies/in-force")).json()["version"] == 1
    assert (await chief.get(f"/policies/in-force?day={tomorrow()}")).json()["version"] == 2


@pytest.mark.parametrize(
    ("policy", "field", "problem"),
    [
        ({"colour": 1}, "policy.colour", "unknown"),
        ({"free_points": 3.0}, "policy.free_points", "not_a_whole_number"),
        ({"confirm_seconds": 29}, "policy.confirm_seconds", "not_30_to_600"),
        ({"star_minutes": [60]}, "policy.star_minutes", "unknown"),
    ],
)
async def test_a_fault_is_named_by_its_path(clerk: Caller, policy: dict[str, Any], field: str, problem: str) -> None:
    answer = await clerk.post("/policies", {"effective_from": tomorrow(), "policy": policy})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (answer.json()["field"], answer.json()["problem"]) == (field, problem)
    assert (await clerk.get("/policies")).json()["items"] == []


def test_each_limit_is_told_in_a_sentence_of_its_own_with_its_number() -> None:
    told = [name for names in limits.GROUPS.values() for name in names]
    assert sorted(told) == sorted(each.name for each in fields(Policy) if each.name != "version")
    for number, name in enumerate(sorted(policies.BOUNDS), start=1001):
        changed = Policy(**{name: number})
        for language, other in (("zh", "en"), ("en", "zh")):
            said = limits.sentence(language, changed, name)  # type: ignore[arg-type]
            assert str(number) in said
            assert said != limits.sentence(other, changed, name)  # type: ignore[arg-type]
            assert limits.differences(language, Policy(), changed) == [  # type: ignore[arg-type]
                f"{limits.sentence(language, Policy(), name)} → {said}"  # type: ignore[arg-type]
            ]
    assert limits.differences("zh", Policy(), Policy()) == []
