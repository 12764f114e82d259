"""Holds over HTTP: points are set aside, captured in whole or part, given back, or free again when time is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.tables import keys
from tests.api.conftest import Caller, transfer

NOBODY = "01890000-0000-7000-8000-000000000000"


def a_hold(amount: Any = 48, **other: Any) -> dict[str, Any]:
    return {"account": "2100.a", "amount": amount, "expires_in": 600} | other


@pytest.fixture
async def wallet(ledger: Caller) -> Caller:
    """The ledger with a hundred points in the wallet 2100.a."""
    assert (await ledger.post("/transactions", transfer(100), key="funds")).status_code == 201
    return ledger


async def held(caller: Caller, key: str = "h1", **other: Any) -> str:
    """Places a hold; its id."""
    answer = await caller.post("/holds", a_hold(**other), key=key)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def balances(caller: Caller, *codes: str) -> list[tuple[int, int]]:
    """Of each account its balance and what is available."""
    found = [(await caller.get(f"/accounts/{code}/balance")).json() for code in codes]
    return [(balance["balance"], balance["available"]) for balance in found]


async def kept_keys(database: AsyncEngine, book: Book) -> int:
    async with database.connect() as tx:
        return (await tx.execute(select(func.count()).where(keys.c.book_id == book.book_id))).scalar_one()


async def test_what_is_held_is_set_aside_and_the_hold_is_read_again_the_same(wallet: Caller) -> None:
    answer = await wallet.post("/holds", a_hold(48), key="h1")
    hold = answer.json()
    assert (answer.status_code, hold["account"], hold["amount"], hold["status"]) == (201, "2100.a", 48, "open")
    assert (await wallet.get(f"/holds/{hold['id']}")).json() == hold
    transaction = (await wallet.get(f"/transactions/{hold['id']}")).json()
    assert [(entry["account"], entry["side"], entry["amount"]) for entry in transaction["entries"]] == [
        ("2100.a", "debit", 48),
        ("2120.a", "credit", 48),
    ]
    recorded_at, expires_at = (
        datetime.fromisoformat(time) for time in (transaction["recorded_at"], hold["expires_at"])
    )
    assert expires_at - recorded_at == timedelta(seconds=600)
    assert await balances(wallet, "2100.a", "2120.a") == [(52, 52), (48, 48)]


async def test_a_hold_is_captured_whole_or_in_part_and_the_rest_goes_back(wallet: Caller) -> None:
    whole, part = await held(wallet, "h1", amount=20), await held(wallet, "h2", amount=30)
    captured = await wallet.post(f"/holds/{whole}/capture", {"to": "2300.x"}, key="c1")
    assert (captured.status_code, captured.json()["kind"]) == (201, "hold.capture")
    captured = await wallet.post(f"/holds/{part}/capture", {"to": "2300.x", "amount": 12}, key="c2")
    assert [(entry["account"], entry["side"], entry["amount"]) for entry in captured.json()["entries"]] == [
        ("2120.a", "debit", 30),
        ("2300.x", "credit", 12),
        ("2100.a", "credit", 18),
    ]
    assert await balances(wallet, "2100.a", "2120.a", "2300.x") == [(68, 68), (0, 0), (32, 32)]
    for hold in (whole, part):
        assert (await wallet.get(f"/holds/{hold}")).json()["status"] == "captured"


@pytest.mark.parametrize("content", [b"", b"{}", b"null"])
async def test_a_hold_is_voided_with_or_without_a_body(wallet: Caller, content: bytes) -> None:
    hold = await held(wallet)
    voided = await wallet.post_raw(f"/holds/{hold}/void", content, key="v1")
    assert (voided.status_code, voided.json()["kind"]) == (201, "hold.void")
    again = await wallet.post(f"/holds/{hold}/void", {}, key="v1")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (voided.json(), "true")
    assert await balances(wallet, "2100.a", "2120.a") == [(100, 100), (0, 0)]
    assert (await wallet.get(f"/holds/{hold}")).json()["status"] == "voided"


async def test_the_same_call_again_gets_the_first_answer_and_moves_nothing(wallet: Caller) -> None:
    first = await wallet.post("/holds", a_hold(), key="h1")
    capture = f"/holds/{first.json()['id']}/capture"
    captured = await wallet.post(capture, {"to": "2300.x", "amount": 40}, key="c1")
    for path, body, key, answer in (
        ("/holds", a_hold(), "h1", first),
        (capture, {"to": "2300.x", "amount": 40}, "c1", captured),
    ):
        again = await wallet.post(path, body, key=key)
        assert (again.status_code, again.json()) == (201, answer.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in answer.headers
    assert await balances(wallet, "2100.a", "2120.a", "2300.x") == [(60, 60), (0, 0), (40, 40)]


async def test_another_call_under_the_key_is_a_conflict(wallet: Caller) -> None:
    hold = await held(wallet, "h1")
    await wallet.post(f"/holds/{hold}/capture", {"to": "2300.x", "amount": 1}, key="c1")
    for path, body, key, field in (
        ("/holds", a_hold(47), "h1", "amount"),
        ("/holds", a_hold(expires_in=601), "h1", "expires_in"),
        (f"/holds/{hold}/capture", {"to": "2300.x", "amount": 2}, "c1", "amount"),
        (f"/holds/{hold}/capture", {"to": "2300.x"}, "c1", "amount"),
        (f"/holds/{hold}/void", {}, "c1", "path"),
        (f"/holds/{NOBODY}/void", {}, "h1", "path"),
    ):
        answer = await wallet.post(path, body, key=key)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            409,
            "idempotency_conflict",
            field,
        )


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (a_hold(0), 400, "invalid_request", "amount"),
        (a_hold(-1), 400, "invalid_request", "amount"),
        (a_hold(10**15 + 1), 400, "invalid_request", "amount"),
        (a_hold(10**30), 400, "invalid_request", "amount"),
        (a_hold("5"), 400, "invalid_request", "amount"),
        (a_hold(5.0), 400, "invalid_request", "amount"),
        (a_hold(True), 400, "invalid_request", "amount"),
        (a_hold(expires_in=29), 400, "invalid_request", "expires_in"),
        (a_hold(expires_in=7 * 24 * 3600 + 1), 400, "invalid_request", "expires_in"),
        (a_hold(expires_in=60.0), 400, "invalid_request", "expires_in"),
        (a_hold(account="2100 a"), 400, "invalid_request", "account"),
        (a_hold(account=None), 400, "invalid_request", "account"),
        (a_hold(surprise=1), 400, "invalid_request", ""),
        ({"account": "2100.a", "amount": 5}, 400, "invalid_request", ""),
        (a_hold(account="2100.nobody"), 404, "unknown_account", None),
        (a_hold(account="nobody"), 404, "unknown_account", None),
        (a_hold(account="2300.x"), 422, "cannot_hold", None),
        (a_hold(account="9200.a"), 422, "cannot_hold", None),
    ],
)
async def test_what_cannot_be_held_is_refused_by_code_and_leaves_the_key_free(
    wallet: Caller, database: AsyncEngine, book: Book, body: Any, status: int, code: str, field: str | None
) -> None:
    answer = await wallet.post("/holds", body, key="h1")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field
    assert await kept_keys(database, book) == 1  # of the funds
    await held(wallet, "h1")


@pytest.mark.parametrize("seconds", [30, 7 * 24 * 3600])
async def test_the_shortest_and_the_longest_hold(wallet: Caller, seconds: int) -> None:
    await held(wallet, expires_in=seconds)


async def test_no_more_can_be_held_than_is_there_and_that_stays_refused(wallet: Caller) -> None:
    first = await wallet.post("/holds", a_hold(101), key="h1")
    problem = first.json()
    assert (first.status_code, problem["code"], problem["balance"], problem["floor"]) == (
        409,
        "insufficient_balance",
        100,
        0,
    )
    await wallet.post("/transactions", transfer(1), key="one more")
    again = await wallet.post("/holds", a_hold(101), key="h1")
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (409, problem, "true")
    await held(wallet, "h2", amount=101)


async def test_a_hold_ends_once(wallet: Caller) -> None:
    hold = await held(wallet, amount=10)
    await wallet.post(f"/holds/{hold}/capture", {"to": "2300.x", "amount": 4}, key="c1")
    for path, body, key in (("capture", {"to": "2300.x"}, "c2"), ("void", {}, "v2")):
        refused = await wallet.post(f"/holds/{hold}/{path}", body, key=key)
        assert (refused.status_code, refused.json()["code"], refused.json()["status"]) == (409, "hold_ended", 409)
        assert refused.json()["hold"] == hold
        again = await wallet.post(f"/holds/{hold}/{path}", body, key=key)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (refused.json(), "true")


async def test_after_its_time_a_hold_is_the_wallets_again_and_can_be_neither_captured_nor_voided(
    ledger: Caller, an_hour_ago: Caller
) -> None:
    await an_hour_ago.post("/transactions", transfer(100, credit="2100.b"), key="earlier")
    hold = await held(an_hour_ago, "h1", account="2100.b")
    assert await balances(an_hour_ago, "2100.b", "2120.b") == [(52, 52), (48, 48)]
    assert await balances(ledger, "2100.b", "2120.b") == [(52, 100), (48, 0)]
    assert (await ledger.get(f"/holds/{hold}")).json()["status"] == "lapsed"
    for path, body, key in (("capture", {"to": "2300.x"}, "c1"), ("void", {}, "v1")):
        refused = await ledger.post(f"/holds/{hold}/{path}", body, key=key)
        assert (refused.status_code, refused.json()["code"]) == (409, "hold_expired")
        again = await ledger.post(f"/holds/{hold}/{path}", body, key=key)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (refused.json(), "true")
    assert await balances(ledger, "2100.b", "2120.b") == [(100, 100), (0, 0)]
    entries = (await ledger.get("/accounts/2100.b/entries")).json()["items"]
    assert [(entry["kind"], entry["amount"]) for entry in entries] == [("hold.lapse", 48), ("hold", 48), ("test", 100)]


async def test_what_is_wrong_with_a_capture_is_said_and_leaves_the_key_free(wallet: Caller) -> None:
    hold = await held(wallet)
    path = f"/holds/{hold}/capture"
    for body, status, code in (
        ({"to": "2300.x", "amount": 0}, 400, "invalid_request"),
        ({"to": "2300.x", "amount": "5"}, 400, "invalid_request"),
        ({"to": "2300.x", "surprise": 5}, 400, "invalid_request"),
        ({"to": "2300 x"}, 400, "invalid_request"),
        ({"amount": 5}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        ({"to": "2300.nobody"}, 404, "unknown_account"),
        ({"to": "9200.a"}, 422, "unbalanced"),
        ({"to": "2300.x", "amount": 49}, 422, "above_hold"),
    ):
        answer = await wallet.post(path, body, key="c1")
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert (answer.json()["amount"], answer.json()["held"]) == (49, 48)
    assert (await wallet.post(f"/holds/{hold}/void", {"surprise": 1}, key="c1")).json()["code"] == "invalid_request"
    assert (await wallet.post(path, {"to": "2300.x"}, key="c1")).status_code == 201


async def test_a_hold_that_is_not_there_is_404(wallet: Caller) -> None:
    funds = (await wallet.post("/transactions", transfer(1), key="t")).json()["id"]
    for hold in (NOBODY, funds):
        for answer in (
            await wallet.get(f"/holds/{hold}"),
            await wallet.post(f"/holds/{hold}/capture", {"to": "2300.x"}, key="k"),
            await wallet.post(f"/holds/{hold}/void", {}, key="k"),
        ):
            assert (answer.status_code, answer.json()["code"], answer.json()["hold"]) == (404, "unknown_hold", hold)
    assert (await wallet.get("/holds/h1")).status_code == 404


async def test_every_write_of_a_hold_needs_a_key(wallet: Caller) -> None:
    hold = await held(wallet)
    for path, body in (
        ("/holds", a_hold()),
        (f"/holds/{hold}/capture", {"to": "2300.x"}),
        (f"/holds/{hold}/void", {}),
    ):
        answer = await wallet.post(path, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


async def test_a_hold_is_not_reversed_but_voided(wallet: Caller) -> None:
    hold = await held(wallet)
    answer = await wallet.post(f"/transactions/{hold}/reversal", {}, key="r1")
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_reverse")
