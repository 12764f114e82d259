"""The rules over HTTP: drafted by one, approved by another, read by everybody, tried out, and explained."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import rule_body
from tests.api.conftest import Caller, a_user
from tests.earning.rulebook import WEIHAI, rule_set

RULES = rule_body.stored(rule_set())


def tomorrow() -> str:
    return (auth.today() + timedelta(days=1)).isoformat()


@pytest.fixture
async def clerk(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("operator"))


@pytest.fixture
async def chief(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("owner"))


async def drafted(caller: Caller, effective_from: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    answer = await caller.post("/rule-sets", {"effective_from": effective_from, "rules": RULES} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def decided(caller: Caller, version: int, approve: bool = True) -> httpx.Response:
    return await caller.post(f"/rule-sets/{version}/decision", {"approve": approve})


async def test_one_drafts_another_approves_and_everybody_reads(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller, chief: Caller
) -> None:
    reader = await a_user(http, database, book, Grant("merchant", outlet="shop"))
    none = (await reader.get("/rule-sets/in-force")).json()
    assert none == {"day": auth.today().isoformat(), "rule_set": None}
    made = await drafted(clerk, note="第一版")
    assert (made["version"], made["status"], made["note"], made["rules"]) == (1, "draft", "第一版", RULES)
    assert (await decided(chief, 1)).json()["status"] == "approved"
    found = (await reader.get("/rule-sets/in-force?day=2026-03-05")).json()
    assert found["rule_set"]["version"] == 1
    assert "P01 社区常规志愿服务，每小时 10 分，每天最多 80 分" in found["rule_set"]["words"]["zh"]
    assert (await reader.get("/rule-sets/in-force?day=2025-12-31")).json()["rule_set"] is None
    assert (await reader.get("/rule-sets/1")).status_code == 403


async def test_nobody_approves_a_draft_of_her_own(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
    both = await a_user(http, database, book, Grant("operator"), Grant("owner"))
    await drafted(both)
    refused = await decided(both, 1)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert (await both.post("/rule-sets/1/withdraw", None)).json()["status"] == "declined"
    assert (await decided(both, 1)).json()["code"] == "already_decided"


async def test_only_who_drafted_withdraws_and_only_a_second_person_declines(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, clerk: Caller, chief: Caller
) -> None:
    colleague = await a_user(http, database, book, Grant("operator"))
    await drafted(clerk)
    await drafted(clerk)
    assert (await colleague.post("/rule-sets/1/withdraw", {})).status_code == 403
    assert (await decided(clerk, 1, approve=False)).status_code == 403
    assert (await clerk.post("/rule-sets/1/withdraw", {})).json()["status"] == "declined"
    assert (await decided(chief, 2, approve=False)).json()["status"] == "declined"


async def test_versions_are_listed_from_the_newest(clerk: Caller) -> None:
    for _ in range(3):
        await drafted(clerk)
    first = (await clerk.get("/rule-sets?limit=2")).json()
    rest = (await clerk.get(f"/rule-sets?limit=2&after={first['next']}")).json()
    assert [each["version"] for each in (*first["items"], *rest["items"])] == [3, 2, 1]
    assert rest["next"] is None
    assert (await clerk.get("/rule-sets/4")).json()["code"] == "unknown_rule_set"


async def test_rules_begin_tomorrow_at_the_earliest(clerk: Caller, chief: Caller) -> None:
    await drafted(clerk)
    await decided(chief, 1)
    today = auth.today().isoformat()
    refused = await clerk.post("/rule-sets", {"effective_from": today, "rules": RULES})
    assert (refused.status_code, refused.json()["code"]) == (409, "begins_too_early")
    assert refused.json()["earliest"] == tomorrow()
    await drafted(clerk, tomorrow())
    assert (await decided(chief, 2)).status_code == 200
    assert (await chief.get("/rule-sets/in-force")).json()["rule_set"]["version"] == 1
    assert (await chief.get(f"/rule-sets/in-force?day={tomorrow()}")).json()["rule_set"]["version"] == 2


@pytest.mark.parametrize(
    ("rules", "field", "problem"),
    [
        ({"items": [{"code": "P01"}]}, "rules.items[0].category", "missing"),
        ({"colour": 1}, "rules.colour", "unknown"),
        ({"notice_days": 3.0}, "rules.notice_days", "not_a_whole_number"),
        ({"default_item": "P01"}, "rules.default_item", "not_an_item"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused_by_its_path(
    clerk: Caller, rules: Any, field: str, problem: str
) -> None:
    refused = await clerk.post("/rule-sets", {"effective_from": tomorrow(), "rules": rules})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert refused.json()["errors"] == [{"field": field, "problem": problem}]


async def test_a_version_can_be_tried_out_before_it_is_approved(clerk: Caller) -> None:
    await drafted(clerk)
    works = [
        {"day": "2026-03-05", "minutes": 150},
        {"day": "2026-03-05", "minutes": 360},
        {"day": "2026-03-05", "minutes": 180, "class": "honour"},
        {"day": "2026-03-05", "class": "act", "item": "M01"},
    ]
    answer = await clerk.post("/rule-sets/1/trial", {"works": works})
    outcomes = answer.json()["outcomes"]
    assert [(each["item"], each["points"], each["bonus"]) for each in outcomes] == [
        ("P01", 25, 0),
        ("P01", 55, 0),
        ("P01", 0, 0),
        ("M01", -5, 0),
    ]
    assert outcomes[0]["why"] == {
        "zh": "服务 2 小时 30 分钟，每小时 10 分，得 25 分（规则第 1 版 P01）。",
        "en": "2 h 30 min of service, 10 points an hour, 25 points earned (rules version 1, P01).",
    }


@pytest.mark.parametrize(
    ("work", "field"),
    [
        ({"day": "2026-02-30"}, "works[0].day"),
        ({"day": "0001-01-01"}, "works[0].day"),
        ({"day": "2026-03-05", "item": "P01"}, "works[0].item"),
        ({"day": "2026-03-05", "class": "act"}, "works[0].item"),
        ({"day": "2026-03-05", "category": "a\nb"}, "works[0].category"),
        ({"day": "2026-03-05", "minutes": 1441}, "works[0].minutes"),
    ],
)
async def test_what_nobody_can_do_is_not_tried(clerk: Caller, work: Any, field: str) -> None:
    await drafted(clerk)
    refused = await clerk.post("/rule-sets/1/trial", {"works": [work]})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field


async def test_an_act_of_no_item_is_not_tried(clerk: Caller) -> None:
    await drafted(clerk)
    work = {"day": "2026-03-05", "class": "act", "item": "P99"}
    assert (await clerk.post("/rule-sets/1/trial", {"works": [work]})).json()["code"] == "unknown_item"


async def test_the_ladder_is_tried_hour_by_hour(clerk: Caller) -> None:
    body = rule_body.stored(rule_set(ladder=WEIHAI))
    await clerk.post("/rule-sets", {"effective_from": tomorrow(), "rules": body})
    days = [date(2026, 1, 1) + timedelta(days=each) for each in range(24)]
    works = [{"day": day.isoformat(), "minutes": 60} for day in days]
    outcomes = (await clerk.post("/rule-sets/1/trial", {"works": works})).json()["outcomes"]
    assert [each["points"] for each in outcomes] == [1] * 20 + [0, 1, 0, 1]
