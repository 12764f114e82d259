"""Closing months over HTTP: in order, once they are over, with nothing in suspense; and what that forbids."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import Caller, transfer


async def close(caller: Caller, period: str) -> httpx.Response:
    return await caller.post_raw(f"/periods/{period}/close", b"")


async def reopen(caller: Caller, period: str) -> httpx.Response:
    return await caller.post_raw(f"/periods/{period}/reopen", b"")


def dated(day: str, **more: Any) -> dict[str, Any]:
    return transfer(5, effective_at=day, **more)


async def test_a_month_is_closed_and_opened_again(ledger: Caller) -> None:
    assert (await ledger.get("/periods")).json() == {"closed_through": None}
    closed = await close(ledger, "2025-03")
    assert (closed.status_code, closed.json()) == (
        200,
        {"period": "2025-03", "status": "closed", "closed_through": "2025-03-31"},
    )
    assert (await close(ledger, "2025-04")).json()["closed_through"] == "2025-04-30"
    assert (await ledger.get("/periods")).json() == {"closed_through": "2025-04-30"}
    opened = await reopen(ledger, "2025-04")
    assert (opened.status_code, opened.json()) == (
        200,
        {"period": "2025-04", "status": "open", "closed_through": "2025-03-31"},
    )
    assert (await reopen(ledger, "2025-03")).json()["closed_through"] is None


async def test_nothing_but_hours_is_dated_in_a_closed_month(ledger: Caller) -> None:
    await ledger.post("/accounts", {"code": "9110", "name": "x", "class": "memo_debit", "unit": "HR"})
    await close(ledger, "2025-03")
    first = await ledger.post("/transactions", dated("2025-03-31"), key="k1")
    problem = first.json()
    assert (first.status_code, problem["code"], problem["day"], problem["closed_through"]) == (
        409,
        "period_closed",
        "2025-03-31",
        "2025-03-31",
    )
    assert (await ledger.post("/transactions", dated("2025-04-01"), key="k2")).status_code == 201
    hours = dated("2025-03-31", debit="9110", credit="9200.a")
    assert (await ledger.post("/transactions", hours, key="k3")).status_code == 201
    await reopen(ledger, "2025-03")
    again = await ledger.post("/transactions", dated("2025-03-31"), key="k1")
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (409, problem, "true")
    assert (await ledger.post("/transactions", dated("2025-03-31"), key="k4")).status_code == 201


async def test_months_close_in_order_and_open_from_the_last(ledger: Caller) -> None:
    for answer, expected in ((await reopen(ledger, "2025-03"), None),):
        assert (answer.status_code, answer.json()["code"], answer.json()["expected"]) == (
            409,
            "period_out_of_order",
            expected,
        )
        assert "None" not in answer.json()["detail"]
    await close(ledger, "2025-03")
    await close(ledger, "2025-04")
    for answer, expected in (
        (await close(ledger, "2025-04"), "2025-05"),
        (await close(ledger, "2025-06"), "2025-05"),
        (await close(ledger, "2025-02"), "2025-05"),
        (await reopen(ledger, "2025-03"), "2025-04"),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["expected"]) == (
            409,
            "period_out_of_order",
            expected,
        )


async def test_a_month_that_is_not_over_stays_open(ledger: Caller) -> None:
    answer = await close(ledger, "9998-12")
    assert (answer.status_code, answer.json()["code"], answer.json()["period"]) == (409, "period_not_over", "9998-12")


async def test_a_month_is_not_closed_while_something_is_in_suspense(ledger: Caller) -> None:
    await ledger.post("/accounts", {"code": "1900.PT", "name": "x", "class": "asset", "unit": "PT"})
    await ledger.post("/transactions", dated("2025-03-31", debit="1900.PT", credit="2300.x"), key="k1")
    answer = await close(ledger, "2025-03")
    assert (answer.status_code, answer.json()["code"]) == (409, "suspense_not_zero")
    assert (answer.json()["account"], answer.json()["balance"]) == ("1900.PT", 5)
    assert (await ledger.get("/periods")).json() == {"closed_through": None}
    await ledger.post("/transactions", dated("2025-03-31", debit="2300.x", credit="1900.PT"), key="k2")
    assert (await close(ledger, "2025-03")).status_code == 200


@pytest.mark.parametrize(
    "period", ["2025-13", "2025-00", "2025-3", "2025", "march", "2025-03-01", "２０２５-03", "0000-01"]
)
async def test_what_is_no_month_is_said_so(ledger: Caller, period: str) -> None:
    for answer in (await close(ledger, period), await reopen(ledger, period)):
        assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "period", "problem": "not_a_month"}])


async def test_a_body_that_says_something_is_not_passed_over(ledger: Caller) -> None:
    answer = await ledger.post("/periods/2025-03/close", {"through": "2025-06"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (await ledger.post("/periods/2025-03/close", {})).status_code == 200
