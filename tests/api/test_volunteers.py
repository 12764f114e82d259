"""Volunteers as persons over HTTP: who sees what of whom, what is logged, and what an erasure leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from ledger.access.identities import check_digit
from ledger.access.rights import Grant
from ledger.books import integrity
from ledger.books.directory import Book
from ledger.database import connect
from ledger.database.metadata import metadata
from ledger.earning import organisations
from tests.api.conftest import SETTINGS, Caller, a_machine, a_user

NAME, PHONE = "欧阳示例", "13800138000"
GROWN, YOUNG = (number + check_digit(number) for number in ("37010119500615001", "37010120120615001"))
WHO = {"name": NAME, "phone": PHONE, "id_number": GROWN}


@dataclass
class Staff:
    """A book with two organisations, one below the other, and a third beside them; staff of each."""

    book: Book
    owner: Caller
    recorder: Caller
    below: Caller
    beside: Caller
    reviewer: Caller
    auditor: Caller


@pytest.fixture
async def staff(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Staff:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "town", "镇")
        await organisations.add(tx, book.book_id, "village", "村", "town")
        await organisations.add(tx, book.book_id, "other", "别处")
    return Staff(
        book,
        await a_user(http, database, book, Grant("owner")),
        await a_user(http, database, book, Grant("recorder", "town"), Grant("reviewer", "town")),
        await a_user(http, database, book, Grant("recorder", "village")),
        await a_user(http, database, book, Grant("recorder", "other"), Grant("reviewer", "other")),
        await a_user(http, database, book, Grant("reviewer")),
        await a_user(http, database, book, Grant("auditor", until=auth.today())),
    )


async def registered(staff: Staff, number: str = "370000000001", **more: Any) -> dict[str, Any]:
    body = {"volunteer": number, "organisation": "village", "identity": WHO, "sign_in": True} | more
    answer = await staff.recorder.post("/volunteers", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def log_of(staff: Staff, number: str) -> list[tuple[str, str, list[str], str | None]]:
    answer = await staff.auditor.get(f"/access-log?volunteer={number}")
    assert answer.status_code == 200, answer.text
    return [(line["action"], line["actor"], line["fields"], line["reason"]) for line in answer.json()["items"]]


async def test_a_volunteer_is_registered_masked_and_signs_in_with_her_number_and_pin(
    http: httpx.AsyncClient, staff: Staff
) -> None:
    made = await registered(staff)
    assert made["person"] == {
        "name": "欧**",
        "phone": "138****8000",
        "id_number": GROWN[:4] + "*" * 12 + GROWN[-2:],
        "minor": False,
    }
    assert NAME not in str(made)
    body = {"login": "370000000001", "password": made["pin"], "book": staff.book.code}
    refused = await http.post("/api/v1/sessions", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "change_needed")
    changed = await http.post("/api/v1/sessions", json=body | {"new_password": "271828"})
    assert changed.status_code == 200, changed.text
    again = await http.post("/api/v1/sessions", json=body | {"password": "271828"})
    assert again.status_code == 200
    me = await http.get("/api/v1/me", headers={"Authorization": f"Bearer {again.json()['access_token']}"})
    assert (me.json()["volunteer"], me.json()["must_change_password"]) == ("370000000001", False)


async def test_a_card_signs_in_until_it_is_ended(http: httpx.AsyncClient, staff: Staff) -> None:
    made = await registered(staff)
    number = "370000000001"
    lost = (await staff.recorder.post(f"/volunteers/{number}/card", {})).json()["digits"]
    card = (await staff.below.post(f"/volunteers/{number}/card", {})).json()["digits"]
    body = {"login": card, "password": made["pin"], "new_password": "271828"}
    assert (await http.post("/api/v1/sessions", json=body | {"login": lost})).json()["code"] == "wrong_password"
    assert (await http.post("/api/v1/sessions", json=body)).status_code == 200
    ended = await staff.recorder.delete(f"/volunteers/{number}/card")
    assert ended.status_code == 204
    assert (await http.post("/api/v1/sessions", json=body | {"password": "271828"})).json()["code"] == "wrong_password"


async def test_staff_reach_the_volunteers_of_their_organisation_and_those_below_it(staff: Staff) -> None:
    await registered(staff)
    number = "370000000001"
    for caller, status in (
        *((each, 200) for each in (staff.owner, staff.recorder, staff.below, staff.reviewer, staff.auditor)),
        (staff.beside, 403),
    ):
        assert (await caller.get(f"/volunteers/{number}")).status_code == status
        found = await caller.post("/volunteers/search", {"phone": "+86 138-0013-8000"})
        assert [each["volunteer"] for each in found.json()["items"]] == ([number] if status == 200 else [])
    assert (
        await staff.beside.post(f"/volunteers/{number}/reveal", {"fields": ["name"], "reason": "好奇看看"})
    ).status_code == 403
    assert (await staff.below.post("/volunteers", {"volunteer": "9", "organisation": "town"})).status_code == 403
    assert (await staff.below.post("/volunteers", {"volunteer": "9"})).status_code == 403
    assert (await staff.below.post("/volunteers", {"volunteer": "9", "organisation": "village"})).status_code == 201


async def test_what_is_revealed_needs_a_reason_and_is_told_to_auditors_and_to_herself(
    http: httpx.AsyncClient, database: AsyncEngine, staff: Staff
) -> None:
    await registered(staff, sign_in=False)
    path = "/volunteers/370000000001/reveal"
    for body, status in (
        ({"fields": ["phone"]}, 400),
        ({"fields": ["phone"], "reason": " x "}, 400),
        ({"fields": [], "reason": "核对领奖人"}, 400),
        ({"fields": ["password"], "reason": "核对领奖人"}, 400),
    ):
        assert (await staff.reviewer.post(path, body)).status_code == status
    shown = await staff.reviewer.post(path, {"fields": ["phone"], "reason": "核对领奖人"})
    assert shown.json() == {"name": None, "phone": PHONE, "id_number": None, "born": None}
    [revealed, recorded] = await log_of(staff, "370000000001")
    assert (revealed[0], revealed[2], revealed[3]) == ("reveal", ["phone"], "核对领奖人")
    assert recorded[0] == "record"
    her = await a_user(http, database, staff.book, Grant("volunteer", volunteer_no="370000000001"))
    export = (await http.get("/api/v1/me/export", headers={"Authorization": f"Bearer {her.token}"})).json()
    assert export["person"] == {"name": NAME, "phone": PHONE, "id_number": GROWN, "born": "1950-06-15"}
    assert [line["action"] for line in export["access"]] == ["reveal", "reveal", "record"]
    assert sorted(export["accounts"]) == sorted(
        (await staff.reviewer.get("/volunteers/370000000001")).json()["accounts"]
    )


async def test_every_look_at_a_minor_is_logged(staff: Staff) -> None:
    await registered(staff, identity=WHO | {"id_number": YOUNG})
    shown = await staff.below.get("/volunteers/370000000001")
    assert shown.json()["person"] == {"name": "欧**", "phone": None, "id_number": None, "minor": True}
    actions = [line[0] for line in await log_of(staff, "370000000001")]
    assert actions == ["masked", "masked", "record"]


async def test_a_forgotten_pin_is_renewed_by_two(http: httpx.AsyncClient, staff: Staff) -> None:
    made = await registered(staff)
    asked = (await staff.below.post("/volunteers/370000000001/pin-renewal", {})).json()
    assert asked["status"] == "waiting"
    assert (await staff.below.post("/volunteers/370000000001/pin-renewal", {})).json() == asked
    path = f"/pin-renewals/{asked['id']}"
    assert (await staff.below.post(f"{path}/confirm", {})).json()["code"] == "second_person_needed"
    assert (await staff.beside.post(f"{path}/confirm", {})).json()["code"] == "not_allowed"
    assert (await staff.beside.get("/pin-renewals")).json()["items"] == []
    assert (await staff.recorder.get("/pin-renewals")).json()["items"] == [asked]
    pin = (await staff.recorder.post(f"{path}/confirm", {})).json()["pin"]
    assert (await staff.recorder.post(f"{path}/confirm", {})).json()["code"] == "already_decided"
    body = {"login": "370000000001", "book": staff.book.code}
    for secret, code in ((made["pin"], "wrong_password"), (pin, "change_needed")):
        assert (await http.post("/api/v1/sessions", json=body | {"password": secret})).json()["code"] == code


async def everything(database: AsyncEngine) -> str:
    """All that stands in the database, as text."""
    found = []
    async with database.connect() as tx:
        for table in metadata.tables:
            found += (await tx.execute(text(f"SELECT t::text FROM {table} AS t"))).scalars()
    return "\n".join(found)


async def test_nothing_personal_stands_in_the_database_in_plain(database: AsyncEngine, staff: Staff) -> None:
    made = await registered(staff)
    card = (await staff.recorder.post("/volunteers/370000000001/card", {})).json()["digits"]
    await staff.reviewer.post("/volunteers/370000000001/reveal", {"fields": ["name"], "reason": "核对欧阳示例本人"})
    stored = await everything(database)
    assert "370000000001" in stored, "the look finds what is stored in plain"
    for secret in (NAME, PHONE, GROWN, card, "核对欧阳示例本人", made["pin"] + "|", staff.recorder.token):
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def test_an_erased_person_is_found_nowhere_and_the_books_are_whole(
    http: httpx.AsyncClient, database: AsyncEngine, staff: Staff
) -> None:
    made = await registered(staff, "371234567890")
    path = "/volunteers/371234567890"
    machine = await a_machine(http, database, staff.book)
    wallet = made["accounts"][0]
    await machine.post("/accounts", {"code": "5100", "name": "奖励", "class": "expense", "unit": "PT"})
    lines = [
        {"account": "5100", "side": "debit", "amount": 30},
        {"account": wallet, "side": "credit", "amount": 30},
    ]
    posting = {"kind": "item", "effective_at": "2026-01-02", "lines": lines}
    assert (await machine.post("/transactions", posting, key="k1")).status_code == 201
    await staff.recorder.post(f"{path}/card", {})
    await staff.recorder.post(f"{path}/pin-renewal", {})
    await staff.reviewer.post(f"{path}/reveal", {"fields": ["name"], "reason": "核对领奖人"})
    body = {"login": "371234567890", "password": made["pin"], "new_password": "271828"}
    session = (await http.post("/api/v1/sessions", json=body)).json()
    hers = {"Authorization": f"Bearer {session['access_token']}"}
    assert (await http.get("/api/v1/me", headers=hers)).status_code == 200

    assert (await staff.recorder.delete(path)).status_code == 403
    assert (await staff.owner.delete(path)).status_code == 204

    assert (await http.get("/api/v1/me", headers=hers)).status_code == 401
    refresh = {"refresh_token": session["refresh_token"]}
    assert (await http.post("/api/v1/sessions/refresh", json=refresh)).status_code == 401
    assert (await http.post("/api/v1/sessions", json=body | {"password": "271828"})).json()["code"] == "wrong_password"
    assert (await staff.owner.get(path)).status_code == 404
    stored = await everything(database)
    assert "371234567890" not in stored
    assert NAME not in stored
    assert (await machine.get(f"/accounts/{wallet}/balance")).json()["balance"] == 30
    assert await integrity.check(database, staff.book.book_id) == []
    [erased, revealed, *_] = (await staff.auditor.get("/access-log")).json()["items"]
    assert (erased["action"], revealed["action"], revealed["reason"], revealed["reason_lost"]) == (
        "erase", "reveal", None, True,
    )  # fmt: skip


async def test_data_that_no_key_opens_are_a_fault_that_names_no_one(
    database: AsyncEngine, service_url: str, staff: Staff
) -> None:
    await registered(staff)
    engine = connect.to(service_url, connections=2)
    stranger = replace(SETTINGS, identity_keys=("another identity key of more than 32 characters",))
    transport = httpx.ASGITransport(create_app(stranger, engine), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as http:
        answer = await replace(staff.recorder, http=http).get("/volunteers/370000000001")
    await engine.dispose()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "370000000001" not in answer.text


async def test_new_keys_turn_nobody_away_and_lose_nothing(
    application: Litestar, database: AsyncEngine, service_url: str, staff: Staff
) -> None:
    made = await registered(staff)
    newer = replace(
        SETTINGS,
        session_keys=("a newer session key of more than 32 characters", *SETTINGS.session_keys),
        identity_keys=("a newer identity key of more than 32 characters", *SETTINGS.identity_keys),
        index_keys=("a newer index key of more than 32 characters", *SETTINGS.index_keys),
    )
    engine = connect.to(service_url, connections=2)
    transport = httpx.ASGITransport(create_app(newer, engine), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as rotated:
        after = replace(staff.recorder, http=rotated)
        assert (await after.get("/volunteers/370000000001")).json()["person"] == made["person"]
        found = await after.post("/volunteers/search", {"id_number": GROWN.lower()})
        assert [each["volunteer"] for each in found.json()["items"]] == ["370000000001"]
        taken = await after.post("/volunteers", {"volunteer": "9", "organisation": "village", "identity": WHO})
        assert (taken.status_code, taken.json()["code"]) == (409, "identity_taken")
        body = {"login": "370000000001", "password": made["pin"], "new_password": "271828", "book": staff.book.code}
        session = (await rotated.post("/api/v1/sessions", json=body)).json()
        # A service that has not been told the new key yet cannot know its tokens; the one that has knows the old ones.
        mine = {"Authorization": f"Bearer {session['access_token']}"}
        assert (await rotated.get("/api/v1/me", headers=mine)).status_code == 200
        again = await rotated.post("/api/v1/sessions/refresh", json={"refresh_token": session["refresh_token"]})
        assert again.status_code == 200
    await engine.dispose()
