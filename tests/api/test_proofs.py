"""Proofs of service over HTTP: asked for, issued by who organised, and looked up by whoever has the paper."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, check_codes, keys, volunteers
from ledger.access import log, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant, Principal
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import corrections, organisations, records
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.api.counters import told
from tests.earning.programmes import Programme, opened

ISSUER = {"person_in_charge": "王主任", "handler": "李干事", "contact": "0531-1234567", "remarks": "仅用于入学"}
GROWN = Identity("欧阳示例", "13800138000", None, date(1950, 6, 15))


@dataclass
class Office:
    """A team with a volunteer who has served, herself and a recorder of the team signed in."""

    http: httpx.AsyncClient
    application: Litestar
    database: AsyncEngine
    programme: Programme
    her: Caller
    recorder: Caller

    @property
    def book(self) -> Book:
        return self.programme.book

    async def mine(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.her.token}"}
        return await self.http.request(method, f"/api/v1/me/proofs{path}", json=body, headers=headers)

    async def asked(self, **days: str) -> str:
        answer = await self.mine("POST", "", {"organisation": "D1T"} | days)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    async def issued(self) -> dict[str, Any]:
        answer = await self.recorder.post(f"/proofs/{await self.asked()}/issue", ISSUER)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def looked_up(self, token: str) -> httpx.Response:
        """By somebody from an address of his own."""
        async with self.elsewhere() as client:
            return await client.get(f"/api/v1/proofs/{token}")

    @contextlib.asynccontextmanager
    async def elsewhere(self) -> AsyncIterator[httpx.AsyncClient]:
        address = ".".join(str(secrets.randbelow(250)) for _ in range(4))
        transport = httpx.ASGITransport(self.application, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
            yield client

    async def colleague(self, *grants: Grant) -> Caller:
        return await a_user(self.http, self.database, self.book, *grants)


@pytest.fixture
async def office(http: httpx.AsyncClient, application: Litestar, database: AsyncEngine, book: Book) -> Office:
    programme = await opened(database, book, people=2)
    await programme.credited(
        programme.service("2026-03-05", "09:00", "10:30"), programme.service("2026-03-07", "09:00", "11:00")
    )
    her = programme.volunteers[0]
    async with database.begin() as tx:
        await persons.record(
            *(tx, keys.personal(SETTINGS), book.book_id, her.volunteer_no, her.holder, GROWN, "room:test", auth.now())
        )
    herself = await a_user(http, database, book, Grant("volunteer", volunteer_no=her.volunteer_no))
    recorder = await a_user(http, database, book, Grant("recorder", "D1T"))
    return Office(http, application, database, programme, herself, recorder)


def token_of(proof: dict[str, Any]) -> str:
    token: str = proof["page"].rpartition("/proof/")[2]
    return token


async def test_she_asks_the_organisation_issues_and_anybody_with_the_paper_sees_what_it_says(office: Office) -> None:
    organisers = (await office.mine("GET", "/organisers")).json()
    assert [(each["organisation"], each["credit_minutes"]) for each in organisers["items"]] == [("D1T", 210)]
    asked = await office.asked()
    assert (await office.mine("POST", "", {"organisation": "D1T", "to_day": "2026-03-06"})).json()["id"] == asked
    waits = (await office.recorder.get("/proofs")).json()
    assert [(each["id"], each["state"], each["volunteer"]) for each in waits["items"]] == [
        (asked, "requested", "V-0000")
    ]
    preview = (await office.recorder.get(f"/proofs/{asked}")).json()
    assert [each["minutes"] for each in preview["services"]] == [90, 120]
    assert (preview["issuer"], preview["page"]) == (None, None)
    issued = (await office.recorder.post(f"/proofs/{asked}/issue", ISSUER)).json()
    assert (issued["state"], issued["credit_minutes"]) == ("issued", 210)
    assert issued["issuer"] == {"name": "护河队", **ISSUER}
    hers = (await office.mine("GET", f"/{asked}")).json()
    assert hers == issued
    seen = (await office.looked_up(token_of(hers))).json()
    assert (seen["name"], seen["number"], seen["organisation"]) == ("欧**", "0000", "护河队")
    assert (seen["serial"], seen["credit_minutes"], seen["honour_minutes"]) == (issued["serial"], 210, 0)
    assert seen["services"][0] == {
        "day": "2026-03-05",
        "activity": "护河",
        "category": "生态环保",
        "class": "credit",
        "minutes": 90,
    }
    assert (seen["revoked_on"], seen["corrected"]) == (None, False)
    assert "欧阳示例" not in str(seen)
    assert office.programme.holder not in str(seen) + str(hers)
    export = (
        await office.http.get("/api/v1/me/export", headers={"Authorization": f"Bearer {office.her.token}"})
    ).json()
    assert [each["serial"] for each in export["proofs"]] == [issued["serial"]]


async def test_every_changed_character_of_the_address_leads_nowhere(office: Office) -> None:
    token = token_of(await office.issued())
    assert len(token) == 48
    assert (await office.looked_up(token)).status_code == 200
    answers = set()
    for place in range(len(token)):
        other = secrets.choice(check_codes.ALPHABET.replace(token[place], ""))
        for changed in (other, token[place].lower() if token[place].isalpha() else other):
            wrong = token[:place] + changed + token[place + 1 :]
            answer = await office.looked_up(wrong)
            answers.add((told(answer), answer.text.replace(wrong, "")))
    for wrong in (token[:-1], token + "A", "none", "9" * 48, "Z" * 48, token[:-1] + "0", token[16:] + token[:16]):
        answer = await office.looked_up(wrong)
        answers.add((told(answer), answer.text.replace(wrong, "")))
    assert {each[0] for each in answers} == {(404, "unknown_proof")}


async def test_who_is_wrong_too_often_waits_and_who_is_right_is_not_counted(office: Office) -> None:
    token = token_of(await office.issued())
    async with office.elsewhere() as client:
        for _ in range(10):
            assert (await client.get(f"/api/v1/proofs/{token}")).status_code == 200
        for _ in range(6):
            assert told(await client.get("/api/v1/proofs/none")) == (404, "unknown_proof")
        assert (await client.get("/api/v1/proofs/none")).status_code == 429
        assert (await client.get(f"/api/v1/proofs/{token}")).status_code == 429
    assert (await office.looked_up(token)).status_code == 200, "nobody else waits"


async def test_another_organisation_issues_nothing_and_the_one_above_may(office: Office) -> None:
    asked = await office.asked()
    async with office.database.begin() as tx:
        await organisations.add(tx, office.book.book_id, "D2", "二社区", "D")
    elsewhere = await office.colleague(Grant("recorder", "D2"), Grant("reviewer", "D2"))
    assert (await elsewhere.get(f"/proofs/{asked}")).status_code == 403
    for verb, body in (
        ("issue", ISSUER),
        ("refusal", {"reason": "请先核对"}),
        ("revocation", {"reason": "印错了姓名"}),
    ):
        assert (await elsewhere.post(f"/proofs/{asked}/{verb}", body)).status_code == 403
    assert (await elsewhere.get("/proofs")).json()["items"] == []
    assert told(await office.mine("POST", "", {"organisation": "D2"})) == (409, "not_the_organiser")
    above = await office.colleague(Grant("reviewer", "D1"))
    assert (await above.post(f"/proofs/{asked}/issue", ISSUER)).json()["serial"].startswith("D1T-")


async def test_nobody_issues_her_own(office: Office) -> None:
    programme = office.programme
    own = programme.service("2026-03-05", "09:00", "10:30", holder=programme.volunteers[1].holder)
    await programme.credited(own)
    herself = await office.colleague(Grant("recorder", "D1T"), Grant("volunteer", volunteer_no="V-0001"))
    asked = (await herself.post("/proofs", {"volunteer": "V-0001", "organisation": "D1T"})).json()["id"]
    assert told(await herself.post(f"/proofs/{asked}/issue", ISSUER)) == (403, "second_person_needed")
    refusal = await herself.post(f"/proofs/{asked}/refusal", {"reason": "请先核对"})
    assert told(refusal) == (403, "second_person_needed")
    assert (await office.recorder.post(f"/proofs/{asked}/issue", ISSUER)).json()["volunteer"] == "V-0001"


async def test_two_who_press_at_once_issue_it_once(office: Office) -> None:
    asked = await office.asked()
    answers = await asyncio.gather(*(office.recorder.post(f"/proofs/{asked}/issue", ISSUER) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert {each.json().get("code") for each in answers} == {None, "already_decided"}


async def test_somebody_at_the_counter_is_asked_for(office: Office) -> None:
    body = {"volunteer": "V-0000", "organisation": "D1T", "from_day": "2026-03-06", "to_day": "2026-03-31"}
    near = await office.colleague(Grant("operator", "D1"))
    for caller in (office.recorder, near):
        answer = await caller.post("/proofs", body)
        assert (answer.status_code, answer.json()["from_day"]) == (201, "2026-03-06")
    assert len((await office.mine("GET", "")).json()["items"]) == 1
    assert told(await office.recorder.post("/proofs", body | {"volunteer": "V-9"})) == (404, "unknown_volunteer")
    assert told(await office.recorder.post("/proofs", body | {"organisation": "D9"})) == (404, "unknown_organisation")
    wrong: tuple[tuple[str, Any], ...] = (("from_day", "never"), ("to_day", "2126-01-01"), ("from_day", "2026-04-01"))
    for field, day in wrong:
        answer = await office.recorder.post("/proofs", body | {field: day})
        assert (told(answer), answer.json()["errors"][0]["field"]) == ((400, "invalid_request"), field)
    nothing = body | {"from_day": "2026-01-01", "to_day": "2026-01-31", "organisation": "D1T"}
    await office.mine("POST", f"/{(await office.mine('GET', '')).json()['items'][0]['id']}/withdraw")
    assert told(await office.recorder.post("/proofs", nothing)) == (409, "nothing_to_prove")


async def test_a_revoked_one_says_so_to_everybody(office: Office) -> None:
    issued = await office.issued()
    assert told(await office.recorder.post(f"/proofs/{issued['id']}/revocation", {"reason": ""}))[0] == 400
    done = (await office.recorder.post(f"/proofs/{issued['id']}/revocation", {"reason": "印错了姓名"})).json()
    assert (done["state"], done["page"], done["revoked_why"]) == ("revoked", issued["page"], "印错了姓名")
    seen = (await office.looked_up(token_of(issued))).json()
    assert seen["revoked_on"] == auth.today().isoformat()
    assert "印错了姓名" not in str(seen), "why, she and the organisation know"
    revoked = (await office.recorder.get("/proofs?state=revoked")).json()["items"]
    assert [each["id"] for each in revoked] == [issued["id"]]


async def test_what_was_corrected_since_is_listed_and_said(office: Office) -> None:
    issued = await office.issued()
    assert (await office.recorder.get("/proofs?state=corrected")).json()["items"] == []
    record = issued["services"][0]["record"]
    async with office.database.begin() as tx:
        await corrections.correct(
            *(tx, office.book.book_id, (await records.get(tx, office.book.book_id, record)).record_id),
            by="user:a",
            approver="user:b",
            reason="不属实",
            now=await connect.now(tx),
        )
    [listed] = (await office.recorder.get("/proofs?state=corrected")).json()["items"]
    assert (listed["id"], listed["corrected"]) == (issued["id"], True)
    seen = (await office.looked_up(token_of(issued))).json()
    assert (seen["corrected"], seen["credit_minutes"], len(seen["services"])) == (True, 210, 2)


async def test_after_an_erasure_it_names_nobody_and_still_stands(office: Office) -> None:
    issued, waits = await office.issued(), await office.asked()
    owner = Principal("user", 1, office.book.code, office.book.book_id, grants=(Grant("owner"),))
    async with office.database.begin() as tx:
        await volunteers.erase(tx, owner, "V-0000")
    seen = (await office.looked_up(token_of(issued))).json()
    assert (seen["name"], seen["number"], seen["credit_minutes"]) == (None, None, 210)
    assert (await office.recorder.get(f"/proofs/{issued['id']}")).json()["volunteer"] is None
    assert (await office.recorder.get(f"/proofs/{waits}")).json()["state"] == "withdrawn"


async def test_of_a_minor_no_name_is_on_the_public_page(office: Office) -> None:
    issued, her = await office.issued(), office.programme.volunteers[0]
    child = Identity("小示例", None, None, date(auth.today().year - 10, 1, 2))
    async with office.database.begin() as tx:
        await persons.record(
            *(tx, keys.personal(SETTINGS), office.book.book_id, her.volunteer_no, her.holder, child),
            *("room:test", auth.now()),
        )
        before = len(await log.read_log(tx, keys.personal(SETTINGS), office.book.book_id, her.holder, 99))
    seen = (await office.looked_up(token_of(issued))).json()
    assert (seen["name"], seen["number"]) == (None, "0000")
    async with office.database.connect() as tx:
        assert len(await log.read_log(tx, keys.personal(SETTINGS), office.book.book_id, her.holder, 99)) == before


async def test_what_is_overdue_stands_by_its_organisation(office: Office) -> None:
    await office.asked()
    [waits] = (await office.recorder.get("/proofs/waiting")).json()["items"]
    assert (waits["organisation"], waits["name"], waits["waiting"], waits["overdue"]) == ("D1T", "护河队", 1, 0)
