"""Assessments and awards of stars over HTTP and on the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import users
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import corrections
from ledger.recognition.ladder import Ladder, Level
from tests.api.conftest import Caller, a_user
from tests.api.counters import told
from tests.api.processes import meide
from tests.recognition.careers import Career, awarded, career

DAY = "2026-03-10"


@pytest.fixture
async def reviewer(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("reviewer"))


async def somebody(made: Career, http: httpx.AsyncClient, database: AsyncEngine, *grants: Grant) -> Caller:
    return await a_user(http, database, made.programme.book, *grants)


async def items(caller: Caller, path: str) -> list[dict[str, Any]]:
    answer = await caller.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_book_is_assessed_and_its_candidates_come_into_notice_once(
    operator: Caller, reviewer: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100, 99, 650)
    answer = await operator.post("/assessments", {"as_of": DAY})
    assert answer.status_code == 201, answer.text
    of = answer.json()
    assert (of["as_of"], of["ladder"], of["people"], len(of["digest"])) == (DAY, 0, 3, 64)
    assert of["stars"] == [{"star": star, "people": 1, "rises": int(star > 0), "falls": 0} for star in (0, 1, 3)]
    path = f"/assessments/{of['id']}"
    assert (await reviewer.get(path)).json() == of
    assert [each["id"] for each in await items(reviewer, "/assessments")] == [of["id"]]
    everybody = await items(operator, f"{path}/rows")
    assert {each["volunteer"]: (each["star"], each["minutes"]) for each in everybody} == {
        "V-0000": (1, 6_000),
        "V-0001": (0, 5_940),
        "V-0002": (3, 39_000),
    }
    first = (await operator.get(f"{path}/rows?limit=2")).json()
    rest = (await operator.get(f"{path}/rows?limit=2&after={first['next']}")).json()
    assert (first["items"] + rest["items"], rest["next"]) == (everybody, None)
    assert {each["volunteer"] for each in await items(operator, f"{path}/rows?which=rises")} == {"V-0000", "V-0002"}
    beside = await somebody(made, http, database, Grant("recorder", "D1T"))
    assert len(await items(beside, f"{path}/rows")) == 3
    for many in (2, 0):
        answer = await operator.post(f"{path}/candidates", {})
        assert (answer.status_code, answer.json()["candidates"]) == (201, many), answer.text
    waiting = await items(beside, "/awards?state=in_notice")
    assert sorted((each["volunteer"], each["star"]) for each in waiting) == [("V-0000", 1), ("V-0002", 3)]
    page = (await operator.get("/awards?limit=1")).json()
    second = (await operator.get(f"/awards?limit=1&after={page['next']}")).json()
    assert page["items"] + second["items"] == waiting
    for each in waiting:
        assert told(await reviewer.post(f"/awards/{each['id']}/award", {})) == (409, "still_in_notice")
        assert told(await operator.post(f"/awards/{each['id']}/award", {})) == (403, "not_allowed")


async def test_who_objects_is_heard_before_the_star_is_awarded(
    reviewer: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    await made.proposed(await made.assessed())
    [award] = await items(reviewer, "/awards")
    path = f"/awards/{award['id']}"
    neighbour = await somebody(made, http, database, Grant("volunteer", volunteer_no="V-0000"))
    raised = await neighbour.post(f"{path}/objections", {"reason": "那天她不在场"})
    assert (raised.status_code, raised.json()["upheld"]) == (201, None), raised.text
    assert told(await reviewer.post(f"{path}/objections", {"reason": "我也不同意"})) == (409, "award_objected")
    assert told(await reviewer.post(f"{path}/award", {})) == (409, "award_objected")
    decision = f"/award-objections/{raised.json()['id']}/decision"
    body = {"upheld": False, "decision": "查过签到表"}
    assert told(await neighbour.post(decision, body)) == (403, "not_allowed")
    decided = (await reviewer.post(decision, body)).json()
    assert (decided["state"], [each["decision"] for each in decided["objections"]]) == ("in_notice", ["查过签到表"])
    assert told(await reviewer.post(decision, body)) == (409, "already_decided")
    assert told(await neighbour.post(f"{path}/objections", {"reason": "那天她不在场"})) == (409, "already_decided")
    refused = (await reviewer.post(f"{path}/refuse", {"reason": "材料不齐"})).json()
    assert (refused["state"], refused["reason"]) == ("refused", "材料不齐")


async def test_a_star_is_awarded_once_shown_beside_today_and_ended(
    reviewer: Caller, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100, 300, 600)
    await made.proposed(await made.assessed())
    first, *others = await items(reviewer, "/awards")
    path = f"/awards/{first['id']}"
    answers = await asyncio.gather(*(reviewer.post(f"{path}/award", {}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    async with database.connect() as tx:
        year = day_of(await connect.now(tx)).year
    story = (await reviewer.get(path)).json()
    assert (story["serial"], story["today"]["supported"], story["today"]["corrected"]) == (f"S{year}-000001", True, [])
    done = await reviewer.post("/awards/award-all", {"assessment": first["assessment"]})
    assert (done.status_code, done.json()["refused"], done.json()["more"]) == (200, {}, False), done.text
    assert {each["id"] for each in done.json()["items"]} == {each["id"] for each in others}
    assert (await reviewer.post("/awards/award-all", {})).json()["items"] == []
    ended = (await reviewer.post(f"{path}/end", {"reason": "时长不实"})).json()
    assert (ended["state"], ended["end_reason"], ended["serial"]) == ("ended", "时长不实", f"S{year}-000001")
    assert told(await reviewer.post(f"{path}/end", {"reason": "时长不实"})) == (409, "already_decided")
    assert (await reviewer.get(path)).json()["today"] is None


async def test_the_ladder_says_which_organisations_award(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    await made.ladder(Ladder((Level(6_000, certifier="district"),)), date(2026, 1, 1))
    await made.proposed(await made.assessed())
    of_the_team, of_the_district = [
        await somebody(made, http, database, Grant("reviewer", code)) for code in ("D1T", "D")
    ]
    [award] = await items(of_the_team, "/awards")
    path = f"/awards/{award['id']}"
    answer = await of_the_team.post(f"{path}/award", {})
    assert (told(answer), answer.json()["level"]) == ((403, "not_the_certifier"), "district")
    assert told(await of_the_team.post(f"{path}/refuse", {"reason": "材料不齐"})) == (403, "not_the_certifier")
    all_of_them = (await of_the_team.post("/awards/award-all", {})).json()
    assert (all_of_them["items"], all_of_them["refused"]) == ([], {"not_the_certifier": 1})
    assert (await of_the_district.post(f"{path}/award", {})).json()["state"] == "awarded"


async def test_nobody_awards_what_she_proposed_or_her_own(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    both = await somebody(made, http, database, Grant("operator"), Grant("reviewer"))
    me = (await both.post("/assessments", {"as_of": "2026-03-09"})).json()["made_by"]
    await made.proposed(await made.assessed(), by=me)
    [award] = await items(both, "/awards")
    for verb, body in (("award", {}), ("refuse", {"reason": "材料不齐"})):
        assert told(await both.post(f"/awards/{award['id']}/{verb}", body)) == (403, "second_person_needed")
    own = await somebody(made, http, database, Grant("reviewer"), Grant("volunteer", volunteer_no="V-0000"))
    assert told(await own.post(f"/awards/{award['id']}/award", {})) == (403, "second_person_needed")
    assert (await own.post("/awards/award-all", {})).json()["refused"] == {"second_person_needed": 1}


async def test_what_was_corrected_since_explains_a_fall(operator: Caller, database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 99)
    programme = made.programme
    [false] = await programme.credited(programme.service("2026-03-05", "09:00", "10:00"))
    star = await awarded(made)
    async with made.later(days=40).database.begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            *(tx, made.book, false.record_id), by="user:1", approver="user:2", reason="当天没有看见她", now=now
        )
    of = (await operator.post("/assessments", {"as_of": "2026-05-01"})).json()
    [told_of] = await items(operator, f"/assessments/{of['id']}/falls")
    assert (told_of["award"]["id"], told_of["star"], told_of["supported"]) == (str(star.award_id), 0, False)
    assert (told_of["minutes_then"], told_of["minutes_again"], told_of["later_minutes"]) == (6_000, 5_940, 0)
    assert [(each["record"], each["minutes"], each["reason"]) for each in told_of["corrected"]] == [
        (false.record, 60, "当天没有看见她")
    ]
    assert told_of["missing"] == [{"need": "minutes", "amount": 60, "since": None}]
    assert (await operator.get(f"/awards/{star.award_id}")).json()["today"]["minutes_again"] == 5_940


async def test_what_cannot_be_assessed_or_is_not_there_is_refused(
    operator: Caller, reviewer: Caller, database: AsyncEngine
) -> None:
    async with database.connect() as tx:
        tomorrow = day_of(await connect.now(tx)) + timedelta(days=1)
    wrong: tuple[Any, ...] = (
        {"as_of": str(tomorrow)},
        {"as_of": "2026-02-30"},
        {"as_of": "1989-01-01"},
        {"as_of": 5},
        {},
        {"as_of": DAY, "ladder": -1},
        {"as_of": DAY, "ladder": "x"},
    )
    for body in wrong:
        assert told(await operator.post("/assessments", body)) == (400, "invalid_request"), body
    assert told(await operator.post("/assessments", {"as_of": DAY, "ladder": 7})) == (404, "unknown_ladder")
    nobody = uuid4()
    for path in (f"/assessments/{nobody}", f"/assessments/{nobody}/rows", f"/assessments/{nobody}/falls"):
        assert told(await operator.get(path)) == (404, "unknown_assessment")
    assert told(await operator.post(f"/assessments/{nobody}/candidates", {})) == (404, "unknown_assessment")
    assert told(await reviewer.post("/awards/award-all", {"assessment": str(nobody)})) == (404, "unknown_assessment")
    assert told(await operator.get(f"/awards/{nobody}")) == (404, "unknown_award")
    assert told(await reviewer.post(f"/awards/{nobody}/award", {})) == (404, "unknown_award")
    decision = {"upheld": True, "decision": "查过签到表"}
    answer = await reviewer.post(f"/award-objections/{nobody}/decision", decision)
    assert told(answer) == (404, "unknown_objection")
    assert (await operator.get("/awards?state=lost")).status_code == 400
    for reason in ("短", "x" * 201, "两\n行的理由", 5):
        answer = await reviewer.post(f"/awards/{nobody}/refuse", {"reason": reason})
        assert answer.status_code in (400, 404), reason


async def test_the_command_line_assesses_proposes_and_proves_it_again(
    database: AsyncEngine, book: Book, service_url: str
) -> None:
    made = await career(database, book, 100, 300)
    login = f"op-{book.code}".lower()
    async with database.begin() as tx:
        operator = await users.create(tx, login)
        await users.give(tx, operator.user_id, book.book_id, Grant("operator"), "room:test")
    named = ("assess", "--book", book.code, "--by", login)

    async def run(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(meide, *named, *arguments, MEIDE_DATABASE_URL=service_url)
        return done.returncode, done.stdout

    code, printed = await run("--as-of", DAY, "--propose", "--json")
    of = json.loads(printed)
    assert (code, of["people"], of["candidates"]["candidates"]) == (0, 2, 2)
    assert of["made_by"] == f"user:{operator.user_id}"
    code, printed = await run("--as-of", DAY, "--propose")
    assert (code, "0 candidates came into notice." in printed, "by the national ladder: 2 people" in printed) == (
        0,
        True,
        True,
    )
    assert of["digest"] in printed
    code, printed = await run("--again", of["id"], "--json")
    assert (code, json.loads(printed)["same"]) == (0, True)
    assert (await run("--again", str(uuid4())))[0] == 1
    assert (await run())[0] == 2
    assert len(await made.awards_of(0)) == 1
