"""What auditors see over HTTP; and that each look is noted, by which they can be audited themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.auditing import looks
from ledger.books.directory import Book
from ledger.earning.record import Record
from tests.api.conftest import Caller, a_user
from tests.auditing.sealing import sealed
from tests.spending.shops import Shop, opened_shop


@dataclass
class Office:
    """A programme with an hour that was credited and a redemption, an auditor and an owner."""

    shop: Shop
    record: Record
    redeemed: UUID
    auditor: Caller
    owner: Caller


@pytest.fixture
async def office(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Office:
    shop = await opened_shop(database, book)
    [record] = await shop.programme.credited(shop.programme.service("2026-03-05", "09:00", "11:30"))
    made = await shop.redeem(await shop.code(), {"G01": 2})
    redeemed = (await shop.find(made.redemption_id)).transaction_id
    assert redeemed is not None
    auditor = await a_user(http, database, book, Grant("auditor", until=auth.today()))
    return Office(shop, record, redeemed, auditor, await a_user(http, database, book, Grant("owner")))


async def found(caller: Caller, path: str) -> Any:
    answer = await caller.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_trial_balance_is_zero_in_every_unit_and_adds_up(office: Office) -> None:
    whole = await found(office.auditor, "/audit/trial-balance")
    assert [(each["unit"], each["difference"]) for each in whole["units"]] == [("HR", 0), ("PT", 0)]
    for each in whole["units"]:
        for side in ("debits", "credits", "accounts"):
            groups = sum(item[side] for item in whole["items"] if item["unit"] == each["unit"])
            assert each[side] == groups == sum(of[side] for of in each["classes"])
    [wallet] = [item for item in whole["items"] if item["code"] == "2100"]
    assert (wallet["class"], wallet["kind"], wallet["balance"]) == ("liability", "wallet", 115)
    [account] = (await found(office.auditor, "/audit/trial-balance?group=2100"))["items"]
    assert (account["code"], account["balance"]) == (f"2100.{office.shop.holder}", 115)
    first = await found(office.auditor, "/audit/trial-balance?limit=3")
    rest = await found(office.auditor, f"/audit/trial-balance?after={first['next']}")
    assert first["items"] + rest["items"] == whole["items"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/audit/trial-balance?at=never", 400, "invalid_request"),
        ("/audit/trial-balance?known_at=2999-01-01", 400, "invalid_request"),
        ("/audit/trial-balance?group=21.00", 400, "invalid_request"),
        ("/audit/trial-balance?after=x", 400, "invalid_request"),
        ("/audit/trial-balance?limit=201", 400, "invalid_request"),
        ("/audit/search?text=x", 400, "invalid_request"),
        ("/audit/search?from=2026-03-09&to=2026-03-08", 400, "invalid_request"),
        ("/audit/search?amount=0", 400, "invalid_request"),
        ("/audit/search?volunteer=nobody", 404, "unknown_volunteer"),
        ("/audit/search?after=x", 400, "invalid_request"),
        ("/audit/looks?actor=x", 400, "invalid_request"),
        (f"/audit/transactions/{UUID(int=7)}", 404, "unknown_transaction"),
    ],
)
async def test_what_cannot_be_is_refused_and_was_not_looked_at(
    office: Office, database: AsyncEngine, path: str, status: int, code: str
) -> None:
    answer = await office.auditor.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    async with database.connect() as tx:
        assert await looks.of_book(tx, office.shop.book.book_id) == []


async def test_an_entry_is_found_and_leads_to_its_evidence(office: Office, database: AsyncEngine) -> None:
    await sealed(database, office.shop.book)
    page = await found(office.auditor, "/audit/search?volunteer=V-0000&kind=earn.release")
    [release] = page["items"]
    assert page["next"] is None
    assert release["id"] == str(office.record.release_transaction)
    assert release["amounts"] == [{"unit": "PT", "amount": 25}]
    again = await found(office.auditor, f"/audit/search?voucher={release['voucher']}")
    assert again["items"] == [release]
    evidence = await found(office.auditor, f"/audit/transactions/{release['id']}")
    assert evidence["leaf"]["voucher"] == release["voucher"]
    service = evidence["service"]
    assert (service["record"], service["volunteer"], service["agrees"]) == (office.record.record, "V-0000", True)
    assert (service["rule"]["drafted_by"], service["rule"]["decided_by"]) == ("user:operator", "user:owner")
    assert service["transactions"]["points"] == evidence["lots"][0]["origin"]
    assert (evidence["actor"], evidence["approver"]) == ("user:leader", "user:reviewer")
    bought = (await found(office.auditor, f"/audit/transactions/{office.redeemed}"))["redemption"]
    assert (bought["outlet"], bought["till_name"], bought["volunteer"]) == ("X0001", "收银一", "V-0000")
    assert [(line["item"], line["quantity"]) for line in bought["lines"]] == [("G01", 2)]


async def test_pages_of_a_search_follow_each_other(office: Office) -> None:
    whole = (await found(office.auditor, "/audit/search?limit=200"))["items"]
    pages, after = [], ""
    while True:
        page = await found(office.auditor, f"/audit/search?limit=2{after}")
        pages += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert pages == whole
    assert len(whole) > 4


async def test_every_look_is_noted_with_its_terms_for_owners_and_auditors(office: Office) -> None:
    since = auth.now() - timedelta(days=1)
    for path in (
        f"/audit/trial-balance?at=2026-03-09&known_at={since:%Y-%m-%dT%H:%M:%SZ}",
        "/audit/search?volunteer=V-0000&amount=25",
        f"/audit/transactions/{office.redeemed}",
        "/log/status",
    ):
        await found(office.auditor, path)
    noted = (await found(office.owner, "/audit/looks"))["items"]
    told = {each["what"]: each["facts"] for each in noted}
    assert told == {
        "trial_balance": {"at": "2026-03-09", "known_at": f"{since:%Y-%m-%dT%H:%M:%S}+00:00"},
        "search": {"holder": office.shop.holder, "amount": "25"},
        "evidence": {"transaction": str(office.redeemed)},
        "log_status": {},
    }
    [actor] = {each["actor"] for each in noted}
    hers = await found(office.auditor, f"/audit/looks?actor={actor}&limit=2")
    assert len(hers["items"]) == 2
    rest = await found(office.auditor, f"/audit/looks?actor={actor}&after={hers['next']}")
    assert "trial_balance" in {each["what"] for each in hers["items"] + rest["items"]}


async def test_what_somebody_searched_of_a_volunteer_stands_in_her_access_log(office: Office) -> None:
    await found(office.auditor, "/audit/search?volunteer=V-0000")
    [line, *_] = (await found(office.auditor, "/access-log?volunteer=V-0000"))["items"]
    assert (line["action"], line["fields"]) == ("masked", ["entries"])


async def test_the_state_of_the_log_has_its_size_and_key(office: Office, database: AsyncEngine) -> None:
    size = await sealed(database, office.shop.book)
    status = await found(office.auditor, "/log/status")
    assert (status["size"], status["unsealed"], status["since"]) == (size, 0, None)
    assert status["unpublished"] == size - (status["newest"]["size"] if status["newest"] else 0)
    assert status["vkey"].startswith(f"{status['origin']}+")
    assert status["origin"].endswith(f"/{office.shop.book.code}")


async def test_after_her_last_day_an_auditor_sees_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = auth.today() + timedelta(days=1)
    monkeypatch.setattr(auth, "today", lambda: tomorrow)
    for path in (
        *("/audit/trial-balance", "/audit/search", "/audit/looks", "/log/status"),
        f"/audit/transactions/{uuid4()}",
    ):
        answer = await office.auditor.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), path


async def test_an_auditor_of_an_organisation_does_not_audit_the_book(
    http: httpx.AsyncClient, database: AsyncEngine, office: Office
) -> None:
    of_team = await a_user(http, database, office.shop.book, Grant("auditor", "D1", until=auth.today()))
    assert (await of_team.get("/audit/trial-balance")).status_code == 403


@pytest.mark.parametrize("days", [366, 367])
async def test_nobody_is_let_in_to_audit_for_more_than_a_year(office: Office, days: int) -> None:
    until = auth.today() + timedelta(days=days)
    answer = await office.owner.post("/users", {"login": f"a{uuid4()}", "role": "auditor", "until": until.isoformat()})
    if days > 366:
        assert (answer.status_code, answer.json()["field"], answer.json()["problem"]) == (400, "until", "too_far_ahead")
        assert "366" in answer.json()["detail"]
    else:
        assert answer.status_code == 201
