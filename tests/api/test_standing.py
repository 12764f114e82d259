"""Organisations and their members, and what a volunteer is to the programme, over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import ages, auth, keys
from ledger.access.identities import check_digit
from ledger.access.rights import Grant, Principal
from ledger.access.tables import persons
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.errors import CompanyNeeded, GuardianConsentNeeded, TooYoung
from tests.api.conftest import SETTINGS, Caller, a_user

WORDS = "minor_guardian"


def id_number(born: date, order: int = 1) -> str:
    digits = f"370101{born:%Y%m%d}{order:03d}"
    return digits + check_digit(digits)


def years_ago(years: int) -> date:
    today = auth.today()
    return date(today.year - years, 1, 1) if (today.month, today.day) > (1, 1) else date(today.year - years - 1, 12, 31)


@dataclass
class Staff:
    """A district with two communities; staff of the whole book, of one community, and of the district."""

    book: Book
    chief: Caller
    village: Caller
    hamlet: Caller
    county: Caller


@pytest.fixture
async def staff(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Staff:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "county", "区", None, "district")
        for code in ("village", "hamlet"):
            await organisations.add(tx, book.book_id, code, code, "county", "community")
    both = ("owner", "recorder", "reviewer")
    return Staff(
        book,
        await a_user(http, database, book, *(Grant(role) for role in both)),  # type: ignore[arg-type]
        await a_user(http, database, book, *(Grant(role, "village") for role in both)),  # type: ignore[arg-type]
        await a_user(http, database, book, *(Grant(role, "hamlet") for role in both)),  # type: ignore[arg-type]
        await a_user(http, database, book, *(Grant(role, "county") for role in both)),  # type: ignore[arg-type]
    )


async def put(caller: Caller, path: str, body: Any) -> httpx.Response:
    url = f"/api/v1/books/{caller.book}{path}"
    return await caller.http.put(url, json=body, headers={"Authorization": f"Bearer {caller.token}"})


async def registered(staff: Staff, number: str = "V-1", organisation: str = "village", **identity: str) -> None:
    body: dict[str, Any] = {"volunteer": number, "organisation": organisation}
    if identity:
        body["identity"] = {"name": "欧阳示例"} | identity
    answer = await staff.chief.post("/volunteers", body)
    assert answer.status_code == 201, answer.text


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- organisations ----------------------------------------------------------------------------------------------------


async def test_an_organisation_is_read_with_its_level_its_line_and_its_status(staff: Staff) -> None:
    made = await staff.village.post("/organisations", {"code": "team", "name": "送餐队", "parent": "village"})
    assert made.status_code == 201
    assert made.json() == {
        "code": "team", "name": "送餐队", "parent": "village", "line": ["team", "village", "county"],
        "level": "team", "status": "active",
    }  # fmt: skip
    assert (await staff.hamlet.get("/organisations/team")).json() == made.json()
    assert (await staff.hamlet.get("/organisations/county")).json()["level"] == "district"
    assert code_of(await staff.hamlet.get("/organisations/nowhere")) == (404, "unknown_organisation")


async def test_the_one_above_suspends_and_what_is_suspended_takes_nobody(staff: Staff) -> None:
    for nobody in (staff.village, staff.hamlet):
        assert (await nobody.post("/organisations/village/status", {"status": "suspended"})).status_code == 403
    assert (await staff.county.post("/organisations/county/status", {"status": "exited"})).status_code == 403
    done = await staff.county.post("/organisations/village/status", {"status": "suspended"})
    assert (done.status_code, done.json()["status"]) == (200, "suspended")
    for path, body in (
        ("/volunteers", {"volunteer": "V-9", "organisation": "village"}),
        ("/organisations", {"code": "team", "name": "队", "parent": "village"}),
    ):
        answer = await staff.village.post(path, body)
        assert code_of(answer) == (409, "organisation_inactive")
        assert answer.json()["organisation"] == "village"
    assert (await staff.village.get("/organisations")).status_code == 200, "it may read"
    await staff.county.post("/organisations/village/status", {"status": "active"})
    await registered(staff, "V-9")


async def test_members_are_listed_masked_where_they_are_the_callers_to_see(staff: Staff) -> None:
    await registered(staff, "V-1", "village", phone="13800138000")
    await registered(staff, "H-1", "hamlet", phone="13800138001")
    joined = await staff.village.post("/organisations/village/members", {"volunteer": "V-1", "role": "leader"})
    assert joined.status_code == 201
    assert joined.json() == {
        "volunteer": "V-1", "organisation": "village", "role": "leader",
        "joined_on": auth.today().isoformat(), "left_on": None,
    }  # fmt: skip
    assert (await staff.village.post("/organisations/village/members", {"volunteer": "H-1"})).status_code == 201
    listed = (await staff.village.get("/organisations/village/members")).json()
    assert [(each["volunteer"], each["role"], each["name"]) for each in listed["items"]] == [
        ("H-1", "member", None),
        ("V-1", "leader", "欧**"),
    ]
    first = (await staff.county.get("/organisations/village/members?limit=1")).json()
    assert ([each["name"] for each in first["items"]], first["next"]) == (["欧**"], "H-1")
    rest = (await staff.county.get("/organisations/village/members?limit=1&after=H-1")).json()
    assert [each["volunteer"] for each in rest["items"]] == ["V-1"]
    assert (await staff.hamlet.get("/organisations/village/members")).status_code == 403


async def test_a_members_role_changes_and_ends(staff: Staff) -> None:
    await registered(staff)
    path = "/organisations/village/members"
    assert code_of(await put(staff.village, f"{path}/V-1", {"role": "leader"})) == (404, "unknown_member")
    await staff.village.post(path, {"volunteer": "V-1"})
    assert code_of(await staff.village.post(path, {"volunteer": "V-1"})) == (409, "already_member")
    assert (await put(staff.village, f"{path}/V-1", {"role": "deputy"})).json()["role"] == "deputy"
    assert (await put(staff.village, f"{path}/V-1", {"role": "boss"})).status_code == 400
    assert (await staff.hamlet.delete(f"{path}/V-1")).status_code == 403
    assert (await staff.village.delete(f"{path}/V-1")).status_code == 204
    assert code_of(await staff.village.delete(f"{path}/V-1")) == (404, "unknown_member")
    assert (await staff.village.get(path)).json()["items"] == []


# --- moving and leaving -----------------------------------------------------------------------------------------------


async def test_she_moves_between_organisations_of_one_who_registers_for_both(staff: Staff) -> None:
    await registered(staff)
    assert (await staff.village.post("/volunteers/V-1/move", {"organisation": "hamlet"})).status_code == 403
    assert (await staff.hamlet.post("/volunteers/V-1/move", {"organisation": "hamlet"})).status_code == 403
    assert (await staff.county.post("/volunteers/V-1/move", {"organisation": None})).status_code == 403
    moved = await staff.county.post("/volunteers/V-1/move", {"organisation": "hamlet"})
    assert moved.json() == {"volunteer": "V-1", "organisation": "hamlet", "left_on": None}
    assert (await staff.village.get("/volunteers/V-1")).status_code == 403
    assert (await staff.hamlet.get("/volunteers/V-1")).json()["organisation"] == "hamlet"


async def test_she_leaves_and_comes_back(staff: Staff) -> None:
    await registered(staff)
    await staff.village.post("/organisations/village/members", {"volunteer": "V-1"})
    today = auth.today()
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert code_of(await staff.village.post("/volunteers/V-1/leave", {"day": tomorrow})) == (400, "invalid_request")
    left = await staff.village.post("/volunteers/V-1/leave", {})
    assert left.json() == {"volunteer": "V-1", "organisation": "village", "left_on": today.isoformat()}
    assert (await staff.village.get("/volunteers/V-1")).json()["left_on"] == today.isoformat()
    assert (await staff.village.get("/organisations/village/members")).json()["items"] == []
    gone = await staff.county.post("/volunteers/V-1/move", {"organisation": "hamlet"})
    assert code_of(gone) == (409, "volunteer_left")
    back = await staff.village.post("/volunteers/V-1/return", {"organisation": "village"})
    assert back.json() == {"volunteer": "V-1", "organisation": "village", "left_on": None}


# --- many at a time ---------------------------------------------------------------------------------------------------


def row(number: str, organisation: str | None = "village", **identity: str) -> dict[str, Any]:
    made: dict[str, Any] = {"volunteer": number, "organisation": organisation}
    return made | ({"identity": {"name": "欧阳示例"} | identity} if identity else {})


async def batch(caller: Caller, *rows: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    answer = await caller.post("/volunteers/batch", {"volunteers": list(rows)})
    assert answer.status_code == 200, answer.text
    return [
        (each["volunteer"], each["status"], each["problem"]["code"] if "problem" in each else None)
        for each in answer.json()["outcomes"]
    ]


async def test_a_list_registers_each_for_itself_and_again_without_harm(staff: Staff) -> None:
    await registered(staff, "V-0", phone="13800138000", id_number=id_number(date(1950, 6, 15), 9))
    await staff.chief.post("/organisations/hamlet/status", {"status": "suspended"})
    rows = [
        row("V-0", "hamlet"),
        row("V-1"),
        row("V-2", id_number=id_number(date(1950, 6, 15))),
        row("V-3", id_number=id_number(date(1950, 6, 15))),
        row("V-4", id_number=id_number(date(1950, 6, 15), 9)),
        row("V-5", phone="12"),
        row("V-6", born="yesterday"),
        row("V-7", born=years_ago(3).isoformat()),
        row("V 8"),
        row("V-9", "hamlet"),
        row("V-10", "nowhere"),
        row("V-11", None),
        row("V-1"),
        row("V-12", born=years_ago(12).isoformat()),
    ]
    expected = [
        ("V-0", "refused", "organisation_inactive"),
        ("V-1", "registered", None),
        ("V-2", "registered", None),
        ("V-3", "refused", "identity_taken"),
        ("V-4", "refused", "identity_taken"),
        ("V-5", "refused", "invalid_request"),
        ("V-6", "refused", "invalid_request"),
        ("V-7", "refused", "too_young"),
        ("V 8", "refused", "invalid_request"),
        ("V-9", "refused", "organisation_inactive"),
        ("V-10", "refused", "unknown_organisation"),
        ("V-11", "registered", None),
        ("V-1", "there", None),
        ("V-12", "registered", None),
    ]
    assert await batch(staff.chief, *rows) == expected
    again = [(number, "there" if status == "registered" else status, code) for number, status, code in expected]
    assert await batch(staff.chief, *rows) == again
    shown = (await staff.chief.get("/volunteers/V-2")).json()
    assert (shown["organisation"], shown["person"]["name"]) == ("village", "欧**")
    assert (await staff.chief.get("/volunteers/V-12")).json()["person"]["minor"] is True
    assert (await staff.chief.get("/volunteers/V-7")).status_code == 404
    found = await staff.chief.post("/volunteers/search", {"id_number": id_number(date(1950, 6, 15))})
    assert [each["volunteer"] for each in found.json()["items"]] == ["V-2"]
    assert await batch(staff.chief) == []


async def test_nobody_is_registered_where_one_row_is_not_the_callers(staff: Staff) -> None:
    for other in ("hamlet", None):
        answer = await staff.village.post("/volunteers/batch", {"volunteers": [row("V-1"), row("V-2", other)]})
        assert code_of(answer) == (403, "not_allowed")
    assert (await staff.chief.get("/volunteers/V-1")).status_code == 404


async def test_a_thousand_are_registered_in_one_call_and_no_more(staff: Staff, database: AsyncEngine) -> None:
    days = [date(1950, 1, 1) + timedelta(days=n) for n in range(1000)]
    rows = [row(f"T-{n}", phone=f"138{n:08d}", id_number=id_number(born)) for n, born in enumerate(days)]
    outcomes = await batch(staff.village, *rows)
    assert {status for _, status, _ in outcomes} == {"registered"}
    async with database.connect() as tx:
        held = (await tx.execute(select(persons.c.volunteer_no).where(persons.c.book_id == staff.book.book_id))).all()
    assert len(held) == 1000
    answer = await staff.village.post("/volunteers/batch", {"volunteers": [*rows, row("T-1000")]})
    assert code_of(answer) == (400, "invalid_request")


async def test_the_same_list_from_two_sides_at_once_registers_each_of_them_once(staff: Staff) -> None:
    rows = [row(f"T-{n}") for n in range(50)]
    first, second = await asyncio.gather(batch(staff.village, *rows), batch(staff.county, *rows[::-1]))
    assert {status for _, status, _ in first + second} <= {"registered", "there"}
    assert {number for number, _, _ in await batch(staff.chief, *rows)} == {f"T-{n}" for n in range(50)}


# --- guardians and ages -----------------------------------------------------------------------------------------------


@pytest.fixture
def me(staff: Staff) -> Principal:
    return Principal("user", 1, staff.book.code, staff.book.book_id)


async def test_a_guardian_is_recorded_shown_masked_and_seen_in_full_for_a_reason(staff: Staff) -> None:
    await registered(staff, born=years_ago(12).isoformat())
    path = "/volunteers/V-1/guardian"
    assert code_of(await staff.village.get(path)) == (404, "unknown_guardian")
    body = {"name": "王秀英", "phone": "138-1234-5678", "relation": "parent", "text_version": "2026-11"}
    assert (await put(staff.hamlet, path, body)).status_code == 403
    made = await put(staff.village, path, body)
    assert made.status_code == 200
    shown = made.json()
    assert (shown["name"], shown["phone"], shown["relation"], shown["text_version"]) == (
        "王**", "138****5678", "parent", "2026-11",
    )  # fmt: skip
    assert shown["consented_at"] is not None
    whole = await staff.village.post(f"{path}/reveal", {"reason": "活动取消，通知家长"})
    assert whole.json() == {"name": "王秀英", "phone": "13812345678", "relation": "parent"}
    log = (await staff.chief.get("/access-log?volunteer=V-1")).json()["items"]
    assert ("reveal", ["guardian"], "活动取消，通知家长") in [
        (each["action"], each["fields"], each["reason"]) for each in log
    ]
    assert (await staff.village.delete(path)).status_code == 204
    assert code_of(await staff.village.delete(path)) == (404, "unknown_guardian")
    assert code_of(await staff.village.post(f"{path}/reveal", {"reason": "通知家长"})) == (404, "unknown_guardian")


async def test_a_guardian_needs_a_minor_who_is_recorded(staff: Staff) -> None:
    await registered(staff)
    body = {"name": "王秀英", "relation": "parent"}
    assert code_of(await put(staff.village, "/volunteers/V-1/guardian", body)) == (404, "unknown_person")
    assert (await put(staff.village, "/volunteers/V-1/guardian", body | {"relation": "aunt"})).status_code == 400


async def test_a_minor_serves_when_old_enough_with_a_guardians_consent_and_in_company(
    database: AsyncEngine, staff: Staff, me: Principal
) -> None:
    await registered(staff, "V-9", born=years_ago(9).isoformat())
    await registered(staff, "V-80", born=years_ago(80).isoformat())
    await registered(staff, "V-0")

    async def asked(number: str, **how: Any) -> type | None:
        async with database.connect() as tx:
            her = await volunteers.find(tx, staff.book.book_id, number)
            refusal = await ages.hindrance(tx, keys.personal(SETTINGS), me, her, auth.today(), **how)
        return None if refusal is None else type(refusal)

    assert await asked("V-9", accompanied=True) is GuardianConsentNeeded
    body = {"name": "王秀英", "relation": "parent", "text_version": "2026-11"}
    assert (await put(staff.village, "/volunteers/V-9/guardian", body)).status_code == 200
    assert await asked("V-9") is CompanyNeeded
    assert await asked("V-9", accompanied=True) is None
    assert await asked("V-9", accompanied=True, least_age=18) is TooYoung
    await staff.village.delete("/volunteers/V-9/guardian")
    assert await asked("V-9", accompanied=True) is GuardianConsentNeeded
    for grown in ("V-80", "V-0"):
        assert await asked(grown, least_age=18) is None


async def test_who_is_below_the_least_age_of_all_is_not_registered(staff: Staff) -> None:
    body = {
        "volunteer": "V-1",
        "organisation": "village",
        "identity": {"name": "小明", "born": years_ago(4).isoformat()},
    }
    assert code_of(await staff.village.post("/volunteers", body)) == (409, "too_young")
    assert (await staff.village.get("/volunteers/V-1")).status_code == 404
    await registered(staff)
    answer = await put(staff.village, "/volunteers/V-1/identity", body["identity"])
    assert code_of(answer) == (409, "too_young")


async def test_her_guardian_stands_in_what_she_takes_with_her(
    http: httpx.AsyncClient, database: AsyncEngine, staff: Staff
) -> None:
    await registered(staff, born=years_ago(12).isoformat())
    body = {"name": "王秀英", "phone": "13812345678", "relation": "parent"}
    await put(staff.village, "/volunteers/V-1/guardian", body)
    await staff.village.post("/organisations/village/members", {"volunteer": "V-1", "role": "liaison"})
    await staff.village.post("/volunteers/V-1/qualifications", {"name": "急救培训", "passed_on": "2026-01-02"})
    her = await a_user(http, database, staff.book, Grant("volunteer", volunteer_no="V-1"))
    export = (await http.get("/api/v1/me/export", headers={"Authorization": f"Bearer {her.token}"})).json()
    assert export["guardian"] == body
    assert [(each["organisation"], each["role"]) for each in export["memberships"]] == [("village", "liaison")]
    assert [(each["name"], each["passed_on"]) for each in export["qualifications"]] == [("急救培训", "2026-01-02")]


# --- qualifications ---------------------------------------------------------------------------------------------------


async def test_qualifications_are_recorded_listed_and_taken_back(staff: Staff) -> None:
    await registered(staff)
    path = "/volunteers/V-1/qualifications"
    made = await staff.village.post(path, {"name": "急救培训", "passed_on": "2026-01-02", "valid_until": "2028-01-01"})
    assert made.status_code == 201
    [only] = made.json()["items"]
    assert (only["name"], only["passed_on"], only["valid_until"]) == ("急救培训", "2026-01-02", "2028-01-01")
    assert (await staff.county.get(path)).json() == made.json()
    assert (await staff.hamlet.get(path)).status_code == 403
    ended = {"name": "急救培训", "passed_on": "2026-01-02", "last_day": "2026-02-01"}
    assert (await staff.village.post(f"{path}/end", ended)).json()["items"][0]["valid_until"] == "2026-02-01"
    unknown = await staff.village.post(f"{path}/end", ended | {"name": "医师"})
    assert code_of(unknown) == (404, "unknown_qualification")
    for wrong in ({"passed_on": "2999-01-01"}, {"passed_on": "soon"}, {"name": ""}, {"valid_until": "2025-01-01"}):
        body = {"name": "急救培训", "passed_on": "2026-01-02"} | wrong
        assert (await staff.village.post(path, body)).status_code == 400, wrong
