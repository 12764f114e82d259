"""Service records over HTTP: handed in by hand, reviewed, objected to, corrected, and in public notice."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from ledger.access import ciphers, consents, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import crediting
from tests.api.conftest import SETTINGS, Caller, a_machine, a_user
from tests.api.people import code_of
from tests.earning.programmes import Programme, later, opened, since_tuesday

DAY = "2026-03-05"
KEYS = ciphers.Keys.of(SETTINGS.identity_keys, SETTINGS.index_keys)


@dataclass
class Desk:
    """A programme on its Tuesday, and people who work in it."""

    programme: Programme
    http: httpx.AsyncClient
    recorder: Caller
    reviewer: Caller
    above: Caller
    """A reviewer of the district."""
    volunteer: Caller

    async def caller(self, *grants: Grant) -> Caller:
        return await a_user(self.http, self.programme.database, self.programme.book, *grants)

    async def handed_in(self, **other: Any) -> str:
        """The number of a record of three hours that were entered afterwards."""
        answer = await self.recorder.post("/records", backfill(**other))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["record"])

    async def signed_in(self, **other: Any) -> str:
        """The number of a record of two and a half hours that were signed in and out."""
        [taken] = await self.programme.taken(self.programme.service(DAY, "09:00", "11:30", **other))
        return taken.record

    async def in_notice(self) -> str:
        number = await self.signed_in()
        answer = await self.reviewer.post("/records/review", {"records": [number], "accept": True})
        assert answer.json()["outcomes"][0]["state"] == "in_notice", answer.text
        return number

    async def credited(self) -> str:
        number = await self.in_notice()
        await crediting.release(later(self.programme.database, days=30), self.programme.book.book_id)
        return number


def backfill(**other: Any) -> dict[str, Any]:
    return {
        "record": f"B{secrets.token_hex(4)}",
        "volunteer": "V-0000",
        "organisation": "D1T",
        "class": "honour",
        "check_in": "2026-03-04T09:00:00+08:00",
        "check_out": "2026-03-04T12:00:00+08:00",
        "evidence": "签到表照片 12 号",
    } | other


def act(**other: Any) -> dict[str, Any]:
    return {
        "record": f"A{secrets.token_hex(4)}",
        "volunteer": "V-0000",
        "organisation": "D1T",
        "class": "act",
        "item": "P12",
        "served_on": DAY,
        "evidence": "社区证明",
    } | other


@pytest.fixture(scope="module")
async def there(database: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """The service on that Tuesday."""
    transport = httpx.ASGITransport(create_app(SETTINGS, since_tuesday(database)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as http:
        yield http


@pytest.fixture
async def desk(database: AsyncEngine, there: httpx.AsyncClient, book: Book) -> Desk:
    programme = await opened(database, book)

    async def somebody(*grants: Grant) -> Caller:
        return await a_user(there, programme.database, book, *grants)

    return Desk(
        programme,
        there,
        await somebody(Grant("recorder", "D1T")),
        await somebody(Grant("reviewer", "D1T")),
        await somebody(Grant("reviewer", "D")),
        await somebody(Grant("volunteer", volunteer_no="V-0000")),
    )


# --- handing in -------------------------------------------------------------------------------------------------------


async def test_hours_entered_afterwards_wait_for_a_second_person_and_earn_nothing(desk: Desk) -> None:
    body = backfill()
    answer = await desk.recorder.post("/records", body)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["state"], told["class"], told["minutes"]) == ("submitted", "honour", 180)
    assert told["turn"] == {"who": "reviewer", "organisation": "D1T", "until": "2026-03-17"}
    again = await desk.recorder.post("/records", body)
    assert (again.status_code, again.json()) == (200, told)
    both = await desk.caller(Grant("recorder", "D1T"), Grant("reviewer", "D1T"))
    mine = backfill(check_in="2026-03-03T09:00:00+08:00", check_out="2026-03-03T10:00:00+08:00")
    assert (await both.post("/records", mine)).status_code == 201
    own = await both.post("/records/review", {"records": [mine["record"]], "accept": True})
    assert own.json()["outcomes"][0]["problem"]["code"] == "second_person_needed"
    done = await desk.reviewer.post("/records/review", {"records": [body["record"]], "accept": True})
    assert done.json() == {"outcomes": [{"record": body["record"], "status": "reviewed", "state": "in_notice"}]}
    assert await desk.programme.balances("9210", "9200", "2110") == {"9210": 180, "9200": 0, "2110": 0}


async def test_an_act_earns_its_item(desk: Desk) -> None:
    body = act()
    assert (await desk.recorder.post("/records", body)).status_code == 201
    await desk.reviewer.post("/records/review", {"records": [body["record"]], "accept": True})
    told = (await desk.volunteer.get(f"/records/{body['record']}")).json()
    assert (told["state"], told["points"], told["item"]) == ("in_notice", 10, "P12")
    assert await desk.programme.balances("5120", "2110") == {"5120": 10, "2110": 10}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (backfill(organisation="D1"), "403 not_allowed"),
        (backfill(organisation="nowhere"), "404 unknown_organisation"),
        (backfill(volunteer="V-9999"), "404 unknown_volunteer"),
        (backfill(check_out="2026-03-04T09:00:00+08:00"), "422 end_not_after_start"),
        (backfill(check_out="2026-03-06T09:00:00+08:00"), "422 longer_than_a_day"),
        (backfill(check_in="2026-03-04"), "201"),
        (backfill(check_in=None), "400 invalid_request"),
        (backfill(check_in="soon"), "400 invalid_request"),
        (backfill(item="P12"), "400 invalid_request"),
        (backfill(record="-"), "400 invalid_request"),
        (backfill(evidence="a\nb"), "400 invalid_request"),
        (act(item="P99"), "404 unknown_item"),
        (act(item=None), "400 invalid_request"),
        (act(served_on="2026-02-30"), "400 invalid_request"),
        (act(check_in="2026-03-04"), "400 invalid_request"),
        (act(minutes=-1), "400 invalid_request"),
        (act() | {"class": "credit"}, "400 invalid_request"),
    ],
)
async def test_what_is_handed_in_is_looked_at(desk: Desk, body: dict[str, Any], code: str) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    assert code_of(await desk.recorder.post("/records", given | {"record": given["record"]})) == code


async def test_nobody_enters_by_hand_what_would_count_as_signed_in(desk: Desk) -> None:
    answer = await desk.recorder.post("/records", backfill() | {"class": "credit"})
    assert code_of(answer) == "400 invalid_request"


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_a_volunteer_reads_her_own_records_and_hears_nothing_of_others(desk: Desk) -> None:
    number = await desk.handed_in()
    told = (await desk.volunteer.get(f"/records/{number}")).json()
    assert (told["volunteer"], told["state"]) == ("V-0000", "submitted")
    assert [told[name] for name in ("recorder", "submitted_by", "evidence", "reviewed_by")] == [None] * 4
    staff = (await desk.reviewer.get(f"/records/{number}")).json()
    assert staff["evidence"] == "签到表照片 12 号"
    assert staff["recorder"] == staff["submitted_by"] != told["recorder"]
    assert (await desk.reviewer.get(f"/records/{told['id']}")).json() == staff
    stranger = await desk.caller(Grant("volunteer", volunteer_no="V-other"))
    beside = await desk.caller(Grant("reviewer", "D2"))
    for caller in (stranger, beside):
        assert code_of(await caller.get(f"/records/{number}")) == "403 not_allowed"
    assert code_of(await stranger.get("/records/never")) == "403 not_allowed"
    assert code_of(await desk.reviewer.get("/records/never")) == "404 unknown_record"


async def test_records_are_listed_page_by_page_for_who_is_in_reach(desk: Desk) -> None:
    numbers = [
        await desk.signed_in(
            check_in=None, check_out=None, record_class="act", item="P12", served_on=date(2026, 3, 1 + n)
        )
        for n in range(3)
    ]
    first = (await desk.reviewer.get("/records?limit=2")).json()
    rest = (await desk.reviewer.get(f"/records?limit=2&after={first['next']}")).json()
    assert [each["record"] for each in (*first["items"], *rest["items"])] == numbers[::-1]
    assert rest["next"] is None
    assert (await desk.above.get("/records?organisation=D1&state=submitted")).json()["items"] != []
    assert (await desk.above.get("/records?state=credited")).json()["items"] == []
    assert code_of(await desk.reviewer.get("/records?organisation=D1")) == "403 not_allowed"
    assert code_of(await desk.reviewer.get("/records?state=lost")) == "400 invalid_request"
    assert code_of(await desk.volunteer.get("/records")) == "403 not_allowed"


# --- reviewing --------------------------------------------------------------------------------------------------------


async def test_several_records_are_reviewed_at_once_each_with_its_outcome(desk: Desk) -> None:
    first, second = await desk.signed_in(), await desk.handed_in()
    queue = (await desk.reviewer.get("/reviews")).json()
    assert {each["record"] for each in queue["items"]} == {first, second}
    wanted = [first, "never", second, first]
    told = (await desk.reviewer.post("/records/review", {"records": wanted, "accept": True})).json()["outcomes"]
    assert [each["record"] for each in told] == wanted
    assert [each.get("state") or each["problem"]["code"] for each in told] == [
        *("in_notice", "unknown_record", "in_notice", "in_notice")
    ]
    again = (await desk.above.post("/records/review", {"records": [first], "accept": True})).json()["outcomes"]
    assert again[0]["problem"]["code"] == "not_their_turn"
    assert (await desk.reviewer.get("/reviews")).json()["items"] == []


async def test_nothing_happens_if_one_record_is_not_hers_to_review(desk: Desk) -> None:
    mine = await desk.signed_in()
    [theirs] = await desk.programme.taken(desk.programme.service(DAY, "12:00", "20:00"))
    assert theirs.review_by == "D1"
    answer = await desk.reviewer.post("/records/review", {"records": [mine, theirs.record], "accept": True})
    assert code_of(answer) == "403 not_allowed"
    assert (await desk.reviewer.get(f"/records/{mine}")).json()["state"] == "submitted"
    answer = await desk.above.post("/records/review", {"records": [mine, theirs.record], "accept": True})
    assert [each["state"] for each in answer.json()["outcomes"]] == ["in_notice"] * 2


async def test_refusing_takes_a_reason_which_the_volunteer_reads(desk: Desk) -> None:
    number = await desk.signed_in()
    without = await desk.reviewer.post("/records/review", {"records": [number], "accept": False})
    assert code_of(without) == "400 invalid_request"
    body = {"records": [number], "accept": False, "reason": "  没有这次活动 "}
    assert (await desk.reviewer.post("/records/review", body)).json()["outcomes"][0]["state"] == "refused"
    told = (await desk.volunteer.get(f"/records/{number}")).json()
    assert (told["state"], told["reason"], told["turn"]["who"]) == ("refused", "没有这次活动", "nobody")


async def test_whom_a_leader_signed_in_is_asked_about_before_the_review(desk: Desk) -> None:
    number = ""
    while not number:  # one in ten is drawn
        [taken] = await desk.programme.taken(desk.programme.act(DAY, "P12", by_leader=True))
        number = taken.record if taken.call_back == "due" else ""
    told = await desk.above.post("/records/review", {"records": [number], "accept": True})
    assert told.json()["outcomes"][0]["problem"]["code"] == "call_back_due"
    due = (await desk.above.get("/reviews?call_backs=true")).json()["items"]
    assert [(each["record"], each["turn"]["who"]) for each in due] == [(number, "call_back")]
    assert code_of(await desk.reviewer.post(f"/records/{number}/call-back", {"confirmed": True})) == "403 not_allowed"
    noted = await desk.above.post(f"/records/{number}/call-back", {"confirmed": True})
    assert (noted.json()["call_back"], noted.json()["turn"]["who"]) == ("confirmed", "reviewer")
    again = await desk.above.post(f"/records/{number}/call-back", {"confirmed": False})
    assert code_of(again) == "409 already_decided"


async def test_what_waits_too_long_is_told_to_those_above(desk: Desk) -> None:
    await desk.signed_in()
    assert (await desk.above.get("/overdue")).json() == {"items": [], "next": None}
    late = later(desk.programme.database, days=9)
    transport = httpx.ASGITransport(create_app(SETTINGS, late), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as http:
        answer = await Caller(http, desk.above.book, desk.above.token).get("/overdue")
    assert answer.json()["items"] == [
        {"organisation": "D1T", "name": "护河队", "reviews": 1, "objections": 0, "oldest": "2026-03-17"}
    ]


# --- objections and corrections ---------------------------------------------------------------------------------------


async def test_anybody_signed_in_objects_and_somebody_not_involved_decides(desk: Desk) -> None:
    number = await desk.in_notice()
    neighbour = await desk.caller(Grant("merchant", outlet="shop"))
    raised = await neighbour.post(f"/records/{number}/objections", {"reason": "当天没有活动"})
    assert raised.status_code == 201
    assert raised.json()["due_on"] == "2026-03-24"
    told = (await desk.volunteer.get(f"/records/{number}")).json()
    assert (told["state"], told["turn"]["who"]) == ("objected", "decider")
    assert [(each["reason"], each["raised_by"]) for each in told["objections"]] == [("当天没有活动", None)]
    second = await desk.volunteer.post(f"/records/{number}/objections", {"reason": "我也不同意"})
    assert code_of(second) == "409 objection_open"
    [waiting] = (await desk.above.get("/objections")).json()["items"]
    assert (waiting["objection"]["id"], waiting["record"]["record"]) == (raised.json()["id"], number)
    decision = {"upheld": False, "reason": "签到照片齐全"}
    path = f"/objections/{raised.json()['id']}/decision"
    assert code_of(await neighbour.post(path, decision)) == "403 not_allowed"
    assert code_of(await desk.reviewer.post(path, decision)) == "403 second_person_needed"
    decided = await desk.above.post(path, decision)
    assert (decided.status_code, decided.json()["state"]) == (200, "in_notice")
    assert code_of(await desk.above.post(path, decision)) == "409 already_decided"
    assert (await desk.above.get("/objections")).json() == {"items": [], "next": None}


async def test_what_has_been_credited_is_corrected_by_two_reviewers(desk: Desk) -> None:
    number = await desk.credited()
    for caller in (desk.volunteer, desk.recorder):
        proposal = await caller.post(f"/records/{number}/correction", {"reason": "时间有误"})
        assert code_of(proposal) == "403 not_allowed"
    late = await desk.volunteer.post(f"/records/{number}/objections", {"reason": "时间有误"})
    assert code_of(late) == "409 not_their_turn"
    proposed = await desk.above.post(f"/records/{number}/correction", {"reason": "时间有误"})
    assert proposed.json()["kind"] == "correction"
    path = f"/objections/{proposed.json()['id']}/decision"
    decision = {"upheld": True, "reason": "监控核实"}
    assert code_of(await desk.above.post(path, decision)) == "403 second_person_needed"
    other = await desk.caller(Grant("reviewer"))
    assert (await other.post(path, decision)).json()["state"] == "corrected"
    assert await desk.programme.balances("9200", "2100", "2110") == {"9200": 0, "2100": 0, "2110": 0}
    told = (await desk.volunteer.get(f"/records/{number}")).json()
    assert (told["state"], told["reason"]) == ("corrected", "时间有误")


async def test_what_a_record_posted_is_not_reversed_by_itself(desk: Desk) -> None:
    number = await desk.credited()
    told = (await desk.above.get(f"/records/{number}")).json()
    machine = await a_machine(desk.http, desk.programme.database, desk.programme.book)
    clerk = await desk.caller(Grant("operator"))
    for name in ("hours_transaction", "points_transaction", "release_transaction"):
        answer = await machine.post(f"/transactions/{told[name]}/reversal", {}, secrets.token_hex(8))
        assert code_of(answer) == "409 reserved_kind"
        answer = await clerk.post("/proposals", {"reverses": told[name]}, secrets.token_hex(8))
        assert code_of(answer) == "409 reserved_kind"
    assert await desk.programme.balances("9200", "2100") == {"9200": 150, "2100": 25}


# --- public notice ----------------------------------------------------------------------------------------------------


async def who_is(desk: Desk, name: str, born: str) -> None:
    her = desk.programme.volunteers[0]
    book = desk.programme.book.book_id
    async with desk.programme.database.begin() as tx:
        identity = Identity(name, None, None, date.fromisoformat(born))
        await persons.record(tx, KEYS, book, her.volunteer_no, her.holder, identity, "room:test", auth.now())


async def test_the_notice_list_shows_of_names_what_their_owners_agreed_to_and_of_minors_nothing(desk: Desk) -> None:
    number = await desk.in_notice()
    path = "/notices?organisation=D"

    async def line() -> dict[str, Any]:
        answer = await desk.volunteer.get(path)
        assert answer.status_code == 200, answer.text
        [only] = answer.json()["items"]
        found: dict[str, Any] = only
        return found

    unknown = await line()
    assert (unknown["record"], unknown["name"], unknown["number"]) == (number, None, "000")
    assert (unknown["points"], unknown["minutes"], unknown["notice_until"]) == (25, 150, "2026-03-13")
    await who_is(desk, "王小明", "1960-01-02")
    assert (await line())["name"] == "王**"
    her = desk.programme.volunteers[0]
    async with desk.programme.database.begin() as tx:
        version = consents.OFFERED["public_name"]
        book = desk.programme.book.book_id
        await consents.give(tx, book, her.holder, "public_name", version, "self", auth.now())
    assert (await line())["name"] == "王小明"
    await who_is(desk, "王小明", "2016-01-02")
    assert (await line())["name"] is None
    assert code_of(await desk.volunteer.get("/notices?organisation=never")) == "404 unknown_organisation"
    assert code_of(await desk.volunteer.get(f"{path}&after=x")) == "400 invalid_request"
    assert code_of(await desk.volunteer.get("/notices")) == "400 invalid_request"
