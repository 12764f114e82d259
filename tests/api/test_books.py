"""The books over HTTP: what each call answers, and what each wrong one is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from ledger.access import sessions, users
from ledger.access.rights import Grant, Right
from ledger.books.directory import Book
from ledger.books.tables import keys, transactions
from ledger.database import connect
from ledger.earning import volunteers
from tests.api.conftest import PASSWORD, SETTINGS, Caller, a_user, signed_in, transfer


async def stored(database: AsyncEngine, book: Book) -> tuple[int, int]:
    """How many transactions and keys the book holds."""
    async with database.connect() as tx:
        return (
            (await tx.execute(select(func.count()).where(transactions.c.book_id == book.book_id))).scalar_one(),
            (await tx.execute(select(func.count()).where(keys.c.book_id == book.book_id))).scalar_one(),
        )


async def test_a_posting_is_answered_with_its_entries_and_read_again_the_same(ledger: Caller) -> None:
    answer = await ledger.post("/transactions", transfer(25, description="扫雪"), key="k1")
    assert answer.status_code == 201
    body = answer.json()
    assert body["entries"] == [
        {"account": "5100", "unit": "PT", "side": "debit", "amount": 25, "number": 1, "balance_after": 25},
        {"account": "2100.a", "unit": "PT", "side": "credit", "amount": 25, "number": 1, "balance_after": 25},
    ]
    assert body["effective_on"] == "2026-01-02"
    assert (await ledger.get(f"/transactions/{body['id']}")).json() == body


async def test_the_same_call_again_gets_the_first_answer(ledger: Caller) -> None:
    first = await ledger.post("/transactions", transfer(25), key="k1")
    again = await ledger.post("/transactions", transfer(25), key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (transfer(26), "lines[0].amount"),
        (transfer(25, kind="other"), "kind"),
        (transfer(25, description="x"), "description"),
        (transfer(25, credit="2100.b"), "lines[1].account"),
        (transfer(25, effective_at="2026-01-03"), "effective_at"),
    ],
)
async def test_another_call_under_the_key_names_the_first_field_that_differs(
    ledger: Caller, changed: dict[str, Any], field: str
) -> None:
    await ledger.post("/transactions", transfer(25), key="k1")
    answer = await ledger.post("/transactions", changed, key="k1")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "idempotency_conflict", field)


async def test_white_space_and_the_order_of_fields_are_not_another_call(ledger: Caller) -> None:
    body = transfer(25)
    first = await ledger.post("/transactions", body, key="k1")
    shuffled = json.dumps(dict(reversed(body.items())), indent=3).encode()
    again = await ledger.post_raw("/transactions", shuffled, key="k1")
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_refusal_on_state_is_kept_and_a_new_key_tries_anew(ledger: Caller) -> None:
    spend = transfer(10, debit="2100.a", credit="2300.x")
    first = await ledger.post("/transactions", spend, key="spend")
    assert first.status_code == 409
    problem = first.json()
    assert (problem["code"], problem["account"], problem["balance"], problem["floor"]) == (
        "insufficient_balance",
        "2100.a",
        0,
        0,
    )
    await ledger.post("/transactions", transfer(10), key="earn")
    again = await ledger.post("/transactions", spend, key="spend")
    assert (again.status_code, again.json()) == (409, problem)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await ledger.post("/transactions", spend, key="spend-2")).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (transfer(0), 400, "invalid_request"),
        (transfer(-5), 400, "invalid_request"),
        (transfer(10**15 + 1), 400, "invalid_request"),
        (transfer(10**30), 400, "invalid_request"),
        (transfer("5"), 400, "invalid_request"),
        (transfer(5.0), 400, "invalid_request"),
        (transfer(True), 400, "invalid_request"),
        (transfer(None), 400, "invalid_request"),
        (transfer(5, surprise=1), 400, "invalid_request"),
        (transfer(5, kind=""), 400, "invalid_request"),
        (transfer(5, description="a\x00b"), 400, "invalid_request"),
        (transfer(5, description="a\nb"), 400, "invalid_request"),
        (transfer(5, effective_at="0000-01-01"), 400, "invalid_request"),
        (transfer(5, effective_at="2026-02-30"), 400, "invalid_request"),
        (transfer(5, effective_at="20260102"), 400, "invalid_request"),
        (transfer(5, effective_at="2026-01-02T10:00:00"), 400, "invalid_request"),
        (transfer(5, effective_at="0001-01-01T00:00:00+14:00"), 400, "invalid_request"),
        (transfer(5, effective_at="9999-12-31T23:59:59-12:00"), 400, "invalid_request"),
        (transfer(5, effective_at="9999-12-31"), 400, "invalid_request"),
        (transfer(5, effective_at="9999-01-01"), 422, "effective_day_out_of_range"),
        (transfer(5, effective_at="1989-12-31"), 422, "effective_day_out_of_range"),
        (transfer(5, credit="2100.nobody"), 404, "unknown_account"),
        (transfer(5, credit="2100 a"), 400, "invalid_request"),
        (transfer(5) | {"lines": transfer(5)["lines"][:1]}, 400, "invalid_request"),
        (transfer(5) | {"lines": []}, 400, "invalid_request"),
        (transfer(5) | {"lines": (transfer(5)["lines"] * 201)[:401]}, 422, "too_many_lines"),
        (transfer(5, credit="9200.a"), 422, "unbalanced"),
        (transfer(5) | {"lines": [transfer(5)["lines"][0]] * 2}, 422, "unbalanced"),
        ([], 400, "invalid_request"),
    ],
)
async def test_a_wrong_transaction_is_refused_by_code_and_leaves_the_key_free(
    ledger: Caller, database: AsyncEngine, book: Book, body: Any, status: int, code: str
) -> None:
    answer = await ledger.post("/transactions", body, key="k1")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await stored(database, book) == (0, 0)
    assert (await ledger.post("/transactions", transfer(25), key="k1")).status_code == 201


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (json.dumps(transfer(5, description="x")).encode().replace(b'"x"', b'"\xff"'), {}, 400, "invalid_request"),
        (json.dumps(transfer(5, description="x")).encode().replace(b'"x"', b'"\\ud800"'), {}, 400, "invalid_request"),
        (b"{", {}, 400, "invalid_request"),
        (b"", {}, 400, "invalid_request"),
        (b"null", {}, 400, "invalid_request"),
        (json.dumps(transfer(5)).encode(), {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (json.dumps(transfer(5)).encode(), {"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
        (b" " * 70_000, {}, 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_json_of_ours_is_refused(
    ledger: Caller, content: bytes, headers: dict[str, str], status: int, code: str | None
) -> None:
    answer = await ledger.post_raw("/transactions", content, key="k1", **headers)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["code"] == code


async def test_a_fault_of_a_field_says_which_field(ledger: Caller) -> None:
    answer = await ledger.post("/transactions", transfer("5"), key="k1")
    assert [fault["field"] for fault in answer.json()["errors"]] == ["lines[0].amount"]


@pytest.mark.parametrize("key", [None, "", " ", "a" * 256, "ключ".encode().decode("latin-1")])
async def test_a_posting_needs_a_key_that_can_be_one(ledger: Caller, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key.encode("latin-1")}
    answer = await ledger.http.post(
        f"/api/v1/books/{ledger.book}/transactions",
        json=transfer(5),
        headers={"Authorization": f"Bearer {ledger.token}", **headers},  # type: ignore[dict-item] # raw bytes on purpose
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


async def test_fifty_equal_calls_at_once_are_one_transaction_and_fifty_equal_answers(
    ledger: Caller, database: AsyncEngine, book: Book
) -> None:
    answers = await asyncio.gather(*(ledger.post("/transactions", transfer(7), key="once") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert await stored(database, book) == (1, 1)


async def test_a_reversal_mirrors_once_and_is_not_reversed(ledger: Caller) -> None:
    original = (await ledger.post("/transactions", transfer(25), key="k1")).json()
    path = f"/transactions/{original['id']}/reversal"
    reversal = await ledger.post(path, {"reason": "登记错误"}, key="r1")
    assert reversal.status_code == 201
    assert (reversal.json()["correction"], reversal.json()["corrects"]) == ("reversal", original["id"])
    assert (await ledger.post(path, {"reason": "登记错误"}, key="r1")).json() == reversal.json()
    assert (await ledger.post(path, {}, key="r2")).json()["code"] == "already_reversed"
    again = await ledger.post(f"/transactions/{reversal.json()['id']}/reversal", {}, key="r3")
    assert (again.status_code, again.json()["code"]) == (422, "cannot_reverse")
    missing = await ledger.post("/transactions/01890000-0000-7000-8000-000000000000/reversal", {}, key="r4")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_transaction")


async def test_accounts_open_once_and_say_what_differs(operator: Caller) -> None:
    body = {"code": "2100.a", "name": "王", "class": "liability", "unit": "PT"}
    made = await operator.post("/accounts", body)
    assert (made.status_code, made.json()["kind"], made.json()["floor"]) == (201, "wallet", 0)
    assert (await operator.post("/accounts", body)).status_code == 200
    assert (await operator.get("/accounts/2100.a")).json() == made.json()
    renamed = await operator.post("/accounts", body | {"name": "李"})
    assert (renamed.status_code, renamed.json()["code"], renamed.json()["field"]) == (409, "account_exists", "name")
    for change, code in (
        ({"code": "2100.c", "floor": -5}, "not_the_chart"),
        ({"code": "x", "unit": "SEX"}, "unknown_unit"),
        ({"code": "x", "class": "money"}, "invalid_request"),
        ({"code": ".x"}, "invalid_request"),
        ({"code": "x" * 65}, "invalid_request"),
        ({"code": "x", "name": ""}, "invalid_request"),
    ):
        assert (await operator.post("/accounts", body | change)).json()["code"] == code


async def test_what_an_account_cannot_give_is_taken_from_another(ledger: Caller) -> None:
    assert (await ledger.post("/accounts", {"code": "1300.a", "name": "x", "class": "asset", "unit": "PT"})).is_success
    await ledger.post("/transactions", transfer(10), key="k1")
    body = transfer(25, debit="2100.a", credit="5100")
    body["lines"][0]["overflow"] = "1300.a"
    answer = await ledger.post("/transactions", body, key="k2")
    assert [(entry["account"], entry["side"], entry["amount"]) for entry in answer.json()["entries"]] == [
        ("2100.a", "debit", 10),
        ("1300.a", "debit", 15),
        ("5100", "credit", 25),
    ]
    assert (await ledger.post("/transactions", body, key="k2")).json() == answer.json()


async def test_an_overflow_is_part_of_the_call_and_none_is_the_same_as_null(ledger: Caller) -> None:
    body = transfer(10)
    first = await ledger.post("/transactions", body, key="k1")
    body["lines"][0]["overflow"] = None
    assert (await ledger.post("/transactions", body, key="k1")).json() == first.json()
    body["lines"][0]["overflow"] = "2300.x"
    answer = await ledger.post("/transactions", body, key="k1")
    assert (answer.json()["code"], answer.json()["field"]) == ("idempotency_conflict", "lines[0].overflow")


@pytest.mark.parametrize(
    ("overflow", "status", "code"),
    [
        ("2300 x", 400, "invalid_request"),
        (5, 400, "invalid_request"),
        ("nobody", 404, "unknown_account"),
        ("9200.a", 422, "unit_mismatch"),
    ],
)
async def test_a_wrong_overflow_is_refused_by_code(ledger: Caller, overflow: Any, status: int, code: str) -> None:
    body = transfer(10)
    body["lines"][0]["overflow"] = overflow
    answer = await ledger.post("/transactions", body, key="k1")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_account_is_frozen_opened_and_closed(ledger: Caller) -> None:
    async def becomes(status: str, code: str = "2100.a") -> httpx.Response:
        return await ledger.post(f"/accounts/{code}/status", {"status": status})

    frozen = await becomes("frozen")
    assert (frozen.status_code, frozen.json()["code"], frozen.json()["status"]) == (200, "2100.a", "frozen")
    refused = await ledger.post("/transactions", transfer(5), key="k1")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_frozen")
    assert (await becomes("open")).json()["status"] == "open"
    assert (await ledger.post("/transactions", transfer(5), key="k2")).status_code == 201
    full = await becomes("closed")
    assert (full.status_code, full.json()["code"], full.json()["balance"]) == (409, "account_not_empty", 5)
    assert (await becomes("closed", "2100.b")).json()["status"] == "closed"
    refused = await ledger.post("/transactions", transfer(5, credit="2100.b"), key="k3")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_closed")
    assert (await becomes("open", "nobody")).json()["code"] == "unknown_account"
    assert (await becomes("lost")).json()["errors"][0]["field"] == "status"
    assert (await ledger.post("/accounts/2100.a/status", {})).json()["code"] == "invalid_request"


async def test_the_books_are_read_as_they_were_known_at_an_instant(ledger: Caller, an_hour_ago: Caller) -> None:
    await an_hour_ago.post("/transactions", transfer(10, effective_at="2026-03-01"), key="k1")
    told = (await an_hour_ago.post("/transactions", transfer(4, effective_at="2026-02-01"), key="k2")).json()
    then = told["recorded_at"]
    await ledger.post("/transactions", transfer(1, effective_at="2026-02-01"), key="k3")
    for query, balance, entries in (
        ("", 15, 3),
        (f"?known_at={then}", 14, 2),
        ("?at=2026-02-28", 5, 2),
        (f"?at=2026-02-28&known_at={then}", 4, 1),
        ("?known_at=2026-01-01", 0, 0),
    ):
        found = (await ledger.get(f"/accounts/2100.a/balance{query}")).json()
        assert (found["balance"], found["available"]) == (balance, None if query else 15), query
        assert (found["debits"], found["credits"]) == ((None, None) if "known" in query else (0, balance))
        page = (await ledger.get(f"/accounts/2100.a/entries{query}")).json()
        assert len(page["items"]) == entries
    found = (await ledger.get(f"/accounts/2100.a/balance?at=2026-02-28&known_at={then}")).json()
    assert (found["at"], found["known_at"]) == ("2026-02-28", then)


async def test_what_is_asked_as_known_is_an_instant_at_least_thirty_seconds_ago(ledger: Caller) -> None:
    posted = (await ledger.post("/transactions", transfer(10), key="k1")).json()
    for known_at, problem in (
        (posted["recorded_at"], "too_recent"),
        ("2999-01-01T00:00:00Z", "too_recent"),
        ("2026-01-01T00:00:00", "not_a_time"),
        ("yesterday", "not_a_time"),
    ):
        for path in ("/accounts/2100.a/balance", "/accounts/2100.a/entries"):
            answer = await ledger.get(f"{path}?known_at={known_at}")
            assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "known_at", "problem": problem}])
    assert (await ledger.get("/accounts/nobody/balance?known_at=2026-01-01")).json()["code"] == "unknown_account"
    assert (await ledger.get("/accounts/2100.a/entries?at=2026-2-1")).json()["code"] == "invalid_request"


async def test_balance_now_and_on_a_day(ledger: Caller) -> None:
    await ledger.post("/transactions", transfer(25, effective_at="2026-03-01"), key="k1")
    await ledger.post("/transactions", transfer(4, effective_at="2026-02-01T23:59:59+08:00"), key="k2")
    for at, expected in (("", 29), ("?at=2026-01-31", 0), ("?at=2026-02-01", 4), ("?at=2026-03-01", 29)):
        answer = await ledger.get(f"/accounts/2100.a/balance{at}")
        assert (answer.status_code, answer.json()["balance"]) == (200, expected)
    assert (await ledger.get("/accounts/2100.a/balance?at=2026-2-1")).status_code == 400
    assert (await ledger.get("/accounts/nobody/balance")).json()["code"] == "unknown_account"
    assert (await ledger.get("/accounts/a%00b/balance")).json()["code"] == "unknown_account"


async def test_a_statement_is_read_page_by_page_newest_first(ledger: Caller) -> None:
    for number in range(1, 8):
        await ledger.post("/transactions", transfer(number), key=f"k{number}")
    seen, path = [], "/accounts/2100.a/entries?limit=3"
    while True:
        page = (await ledger.get(path)).json()
        seen += [item["amount"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"/accounts/2100.a/entries?limit=3&after={page['next']}"
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    for wrong in ("limit=0", "limit=201", "limit=x", "after=x", "after=0", f"after={2**63}"):
        assert (await ledger.get(f"/accounts/2100.a/entries?{wrong}")).json()["code"] == "invalid_request"


async def test_a_stranger_learns_nothing_from_the_books(
    ledger: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "370000000001")
    volunteer = await a_user(http, database, book, Grant("volunteer", volunteer_no="370000000001"))
    for caller, status, code in (
        (volunteer, 403, "not_allowed"),
        (Caller(http, "another-book", ledger.token), 403, "not_allowed"),
        (Caller(http, book.code, "forged"), 401, "session_ended"),
    ):
        for answer in (
            await caller.post("/transactions", transfer(1), key="k"),
            await caller.post("/accounts", {}),
            await caller.get("/accounts/2100.a"),
            await caller.get("/accounts/2100.a/balance"),
            await caller.get("/accounts/2100.a/entries"),
            await caller.post("/accounts/2100.a/status", {"status": "frozen"}),
            await caller.post("/transactions/batch", {"mode": "each", "transactions": []}),
            await caller.post("/holds", {}, key="k"),
            await caller.get("/holds/01890000-0000-7000-8000-000000000000"),
            await caller.get("/periods"),
            await caller.post("/periods/2025-03/close", {}),
            await caller.post("/periods/2025-03/reopen", {}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    books = await http.get("/api/v1/books", headers={"Authorization": f"Bearer {ledger.token}"})
    assert books.json() == {"items": [{"code": book.code, "name": book.name, "first_day": "1990-01-01"}], "next": None}


async def test_a_session_that_was_good_a_moment_ago_still_ends(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await operator.get("/periods")).status_code == 200
    ends = auth.now() + sessions.LIFETIME
    monkeypatch.setattr(auth, "now", lambda: ends)
    answer = await operator.get("/periods")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


PUBLIC = {
    *("signIn", "refreshSession", "readProgramme", "bindTill", "checkPassbookLine", "checkReceipt"),
    *("listBoards", "readBoard", "checkProof"),
    *("readCheckpoint", "readLogKey", "readTile", "readTileByPrefix", "proveInclusion", "proveConsistency"),
}
"""Calls that anybody may make."""


def test_every_other_call_says_what_right_it_takes_and_is_guarded(application: Litestar) -> None:
    calls = [
        handler
        for route in application.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/")
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"}
    ]
    assert len(calls) > 30
    for handler in calls:
        if handler.operation_id not in PUBLIC:
            assert handler.resolve_before_request() is auth.admitted, handler.operation_id
            assert isinstance(handler.opt["right"], Right), handler.operation_id


async def test_a_key_is_looked_at_before_what_the_reversal_names(ledger: Caller) -> None:
    posted = (await ledger.post("/transactions", transfer(25), key="used")).json()
    missing = "/transactions/01890000-0000-7000-8000-000000000000/reversal"
    assert (await ledger.post(missing, {"reason": "a\nb"}, key="used")).json()["errors"][0]["field"] == "reason"
    assert (await ledger.post(missing, {}, key="used")).json()["code"] == "idempotency_conflict"
    reversal = await ledger.post(f"/transactions/{posted['id']}/reversal", {}, key="undo")
    again = await ledger.post(f"/transactions/{reversal.json()['id']}/reversal", {}, key="undo")
    assert (again.json()["code"], again.json()["field"]) == ("idempotency_conflict", "path")
    assert (await ledger.post("/transactions", transfer(25), key="undo")).json()["field"] == "path"


async def test_what_readers_could_take_in_two_ways_is_refused(ledger: Caller) -> None:
    body = json.dumps(transfer(5)).replace('"amount": 5', '"amount": 1, "amount": 5').encode()
    twice = await ledger.post_raw("/transactions", body, key="k1")
    assert (twice.status_code, twice.json()["errors"][0]) == (
        400,
        {"field": "amount", "problem": "the field is there twice"},
    )
    two_keys = await ledger.http.post(
        f"/api/v1/books/{ledger.book}/transactions",
        json=transfer(5),
        headers=[("Authorization", f"Bearer {ledger.token}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    )
    assert (two_keys.status_code, two_keys.json()["errors"][0]["problem"]) == (400, "given_twice")


@pytest.mark.parametrize(
    "description", ["", "a", "\\", '"', '\\"', '\\\\"', '","amount":1,"', "\u0022\u0022", "扫雪", "\\u0022", "/", "𠮷"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
async def test_a_name_twice_is_found_whatever_stands_in_the_strings(
    ledger: Caller, description: str, ascii_only: bool
) -> None:
    body = json.dumps(transfer(5, description=description), ensure_ascii=ascii_only)
    twice = body.replace('"kind":', '"kind": "x", "kind":').encode()
    answer = await ledger.post_raw("/transactions", twice, key="k1")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "kind")
    posted = await ledger.post_raw("/transactions", body.encode(), key="k1")
    assert (posted.status_code, posted.json()["description"]) == (201, description)


async def test_the_service_is_not_ready_without_its_database() -> None:
    nowhere = connect.to("postgresql://meide@/nowhere?host=/nowhere/at/all")
    transport = httpx.ASGITransport(create_app(SETTINGS, nowhere), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert (await client.get("/healthz")).status_code == 200


async def test_sign_in_tells_nobody_which_of_the_two_was_wrong(
    database: AsyncEngine, http: httpx.AsyncClient, book: Book
) -> None:
    async with database.begin() as tx:
        made = await users.create(tx, f"op-{book.code}", password=PASSWORD)
        await users.give(tx, made.user_id, book.book_id, Grant("operator"), "room:test")
    operator = await signed_in(http, book, f"op-{book.code}")
    for login, password in ((f"op-{book.code}", "wrong"), (f"nobody-{book.code}", PASSWORD), ("a\x00b", PASSWORD)):
        answer = await http.post("/api/v1/sessions", json={"login": login, "password": password})
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_password")
        assert login not in answer.text
    me = await http.get("/api/v1/me", headers={"Authorization": f"Bearer {operator.token}"})
    assert me.json() == {
        "login": f"op-{book.code}".lower(),
        "book": book.code,
        "roles": [{"role": "operator", "organisation": None, "outlet": None, "until": None}],
        "volunteer": None,
        "must_change_password": False,
    }


async def test_what_the_framework_refuses_is_a_problem_document_too(http: httpx.AsyncClient) -> None:
    for answer, status, code in (
        (await http.get("/nowhere"), 404, "not_found"),
        (await http.delete("/healthz"), 405, "method_not_allowed"),
        (await http.get("/api/v1/me"), 401, "session_ended"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-Id"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_problems_speak_the_callers_language_and_every_answer_has_its_headers(http: httpx.AsyncClient) -> None:
    chinese = await http.get("/api/v1/me")
    english = await http.get("/api/v1/me", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert "请重新登录" in chinese.json()["detail"]
    assert "sign in again" in english.json()["detail"]
    for answer in (chinese, english):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert len(answer.headers["X-Request-Id"]) == 32


async def test_the_service_is_healthy_ready_and_described(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ready"}
    schema = (await http.get("/schema/openapi.json")).json()
    posting = schema["paths"]["/api/v1/books/{book}/transactions"]["post"]
    assert {"201", "400", "401", "403", "404", "409", "422"} <= set(posting["responses"])
    assert "application/problem+json" in posting["responses"]["409"]["content"]
    assert posting["requestBody"]["content"]["application/json"]["schema"]


async def test_the_description_says_what_each_call_of_the_books_takes_and_answers(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/schema/openapi.json")).json()
    views = schema["components"]["schemas"]
    calls = {
        (path.removeprefix("/api/v1"), method): call
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
        if "/books" in path
    }
    # What stores nothing, answers what became of each, or with what is there already.
    each = ("/trial", "/records/review", "/records/batch", "/boards", "/boards/preview")
    each += ("/volunteers/{volunteer}/marks", "/targets/{target}/end", "/honours/reached", "/honours/decisions")
    for (path, method), call in calls.items():
        assert call["summary"], path
        assert call["description"], path
        made = [answer for status, answer in call["responses"].items() if status in ("200", "201")]
        assert made or (method == "delete" and "204" in call["responses"]), path
        for answer in made:
            [(kind, content)] = answer["content"].items()
            if kind == "application/json":
                assert content["schema"]["$ref"].rpartition("/")[2] in views, path
            else:  # notes, hashes, a ZIP
                assert content["schema"] == {"type": "string"}, path
        expected = {"503"} if call["operationId"] in PUBLIC else {"401", "403", "503"}
        assert expected <= set(call["responses"]), path
        if method == "post":
            assert {"400", "413", "415"} <= set(call["responses"]), path
            assert "409" in call["responses"] or call["tags"] in (["people"], ["shops"]) or path.endswith(each), path
    keyed = {path for (path, _), call in calls.items() if any(p["in"] == "header" for p in call.get("parameters", ()))}
    assert keyed == {
        "/books/{book}/transactions",
        "/books/{book}/transactions/{transaction_id}/reversal",
        "/books/{book}/budgets",
        "/books/{book}/proposals",
        "/books/{book}/holds",
        "/books/{book}/holds/{hold_id}/capture",
        "/books/{book}/holds/{hold_id}/void",
        "/books/{book}/outlets/{outlet}/receipts",
        "/books/{book}/outlets/{outlet}/counts",
        "/books/{book}/cases/{case_id}/decision",
    }
    batch = next(view for name, view in views.items() if name.endswith("Batch"))
    assert batch["properties"]["transactions"]["maxItems"] == 10_000
    assert batch["properties"]["mode"]["enum"] == ["each", "atomic"]
