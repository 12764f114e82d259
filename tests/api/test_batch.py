"""Many transactions in one call: each for itself or all together, under the keys that they would have alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.routes import postings
from ledger.books import batching
from ledger.books.directory import Book
from ledger.books.tables import keys, transactions
from tests.api.conftest import Caller, transfer
from tests.books.ledgers import until_blocked_by


def earn(key: str, amount: Any = 10, **more: Any) -> dict[str, Any]:
    return {"key": key} | transfer(amount, **more)


def spend(key: str, amount: Any = 10, **more: Any) -> dict[str, Any]:
    return {"key": key} | transfer(amount, debit="2100.a", credit="2300.x", **more)


def batch(*items: dict[str, Any], mode: str = "each") -> dict[str, Any]:
    return {"mode": mode, "transactions": list(items)}


def statuses(answer: dict[str, Any]) -> list[str]:
    """Of each outcome its status, or the code of its problem."""
    return [outcome["problem"]["code"] if "problem" in outcome else outcome["status"] for outcome in answer["outcomes"]]


async def posted(ledger: Caller, *items: dict[str, Any], mode: str = "each") -> list[str]:
    answer = await ledger.post("/transactions/batch", batch(*items, mode=mode))
    assert answer.status_code == 200, answer.text
    assert [outcome["key"] for outcome in answer.json()["outcomes"]] == [item["key"] for item in items]
    return statuses(answer.json())


async def stored(database: AsyncEngine, book: Book) -> tuple[int, int]:
    """How many transactions and keys the book holds."""
    async with database.connect() as tx:
        return (
            (await tx.execute(select(func.count()).where(transactions.c.book_id == book.book_id))).scalar_one(),
            (await tx.execute(select(func.count()).where(keys.c.book_id == book.book_id))).scalar_one(),
        )


# --- each for itself --------------------------------------------------------------------------------------------------


async def test_items_are_posted_in_their_order_and_each_sees_those_before(ledger: Caller) -> None:
    items = [spend("k1"), earn("k2"), spend("k3", 4), spend("k4", 7), spend("k5", 6)]
    assert await posted(ledger, *items) == [
        "insufficient_balance",
        "posted",
        "posted",
        "insufficient_balance",
        "posted",
    ]
    assert (await ledger.get("/accounts/2100.a/balance")).json()["balance"] == 0


async def test_an_outcome_holds_what_the_call_alone_would_have_been_answered(ledger: Caller) -> None:
    outcomes = (await ledger.post("/transactions/batch", batch(earn("k1"), spend("k2", 11)))).json()["outcomes"]
    assert [list(outcome) for outcome in outcomes] == [["key", "status", "transaction"], ["key", "status", "problem"]]
    transaction = outcomes[0]["transaction"]
    assert (await ledger.get(f"/transactions/{transaction['id']}")).json() == transaction
    assert (await ledger.post("/transactions", transfer(10), key="k1")).json() == transaction
    alone = await ledger.post("/transactions", transfer(11, debit="2100.a", credit="2300.x"), key="k2")
    assert alone.json() == outcomes[1]["problem"]


async def test_a_refusal_in_a_batch_leaves_its_key_free(ledger: Caller, database: AsyncEngine, book: Book) -> None:
    assert await posted(ledger, spend("k1")) == ["insufficient_balance"]
    assert await stored(database, book) == (0, 0)
    assert await posted(ledger, earn("k2"), spend("k1")) == ["posted", "posted"]


async def test_a_key_stands_for_the_same_alone_and_in_a_batch(ledger: Caller) -> None:
    alone = await ledger.post("/transactions", transfer(10), key="k1")
    outcomes = (await ledger.post("/transactions/batch", batch(earn("k1"), earn("k2")))).json()["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["replayed", "posted"]
    assert outcomes[0]["transaction"] == alone.json()
    again = await ledger.post("/transactions", transfer(10), key="k2")
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", outcomes[1]["transaction"])
    conflict = await ledger.post("/transactions/batch", batch(earn("k1", 11)))
    problem = conflict.json()["outcomes"][0]["problem"]
    assert (problem["code"], problem["field"], problem["status"]) == ("idempotency_conflict", "lines[0].amount", 409)


async def test_a_batch_sent_again_posts_nothing_and_answers_the_same(ledger: Caller) -> None:
    items = [earn("k1"), spend("k2", 3), spend("k3", 99)]
    first = (await ledger.post("/transactions/batch", batch(*items))).json()["outcomes"]
    again = (await ledger.post("/transactions/batch", batch(*items))).json()["outcomes"]
    assert [outcome["status"] for outcome in again] == ["replayed", "replayed", "refused"]
    assert [outcome.get("transaction") for outcome in again] == [outcome.get("transaction") for outcome in first]


async def test_a_key_twice_in_one_batch_is_answered_twice_or_a_conflict(ledger: Caller) -> None:
    answer = (await ledger.post("/transactions/batch", batch(earn("k1"), earn("k1"), earn("k1", 11)))).json()
    assert statuses(answer) == ["posted", "replayed", "idempotency_conflict"]
    assert answer["outcomes"][0]["transaction"] == answer["outcomes"][1]["transaction"]


async def test_a_refusal_that_was_kept_alone_stays_refused_in_a_batch(ledger: Caller) -> None:
    alone = await ledger.post("/transactions", transfer(10, debit="2100.a", credit="2300.x"), key="k1")
    assert alone.status_code == 409
    answer = (await ledger.post("/transactions/batch", batch(earn("k2"), spend("k1")))).json()
    assert statuses(answer) == ["posted", "insufficient_balance"]
    assert answer["outcomes"][1]["problem"] == alone.json()


MALFORMED = [
    (earn(""), "key"),
    (earn("a\nb"), "key"),
    (earn("ключ"), "key"),
    (earn("a" * 256), "key"),
    (earn("k", 0), "lines[0].amount"),
    (earn("k", -1), "lines[0].amount"),
    (earn("k", kind=""), "kind"),
    (earn("k", description="a\nb"), "description"),
    (earn("k", effective_at="2026-02-30"), "effective_at"),
    (earn("k", effective_at="2026-02-03T10:00:00" + "0" * 100), "effective_at"),
    (earn("k", credit="2100 a"), "lines[1].account"),
    (earn("k") | {"lines": []}, "lines"),
]


@pytest.mark.parametrize(("item", "field"), MALFORMED)
async def test_what_is_wrong_with_one_item_is_its_own_problem(
    ledger: Caller, database: AsyncEngine, book: Book, item: dict[str, Any], field: str
) -> None:
    answer = (await ledger.post("/transactions/batch", batch(earn("k1"), item, earn("k2")))).json()
    assert statuses(answer) == ["posted", "invalid_request", "posted"]
    problem = answer["outcomes"][1]["problem"]
    assert (problem["status"], problem["errors"][0]["field"]) == (400, field)
    assert await stored(database, book) == (2, 2)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (earn("k", effective_at="9999-01-01"), "effective_day_out_of_range"),
        (earn("k", credit="2100.nobody"), "unknown_account"),
        (earn("k", credit="9200.a"), "unbalanced"),
        (earn("k") | {"lines": (transfer(5)["lines"] * 201)[:401]}, "too_many_lines"),
    ],
)
async def test_every_refusal_of_a_posting_is_one_of_an_item(ledger: Caller, item: dict[str, Any], code: str) -> None:
    assert await posted(ledger, item, earn("k1")) == [code, "posted"]


async def test_a_batch_speaks_the_callers_language(ledger: Caller) -> None:
    for language, word in (("en", "holds"), ("zh", "余额")):
        answer = await ledger.post("/transactions/batch", batch(spend("k")), **{"Accept-Language": language})
        assert word in answer.json()["outcomes"][0]["problem"]["detail"]


# --- all or none ------------------------------------------------------------------------------------------------------


async def test_an_atomic_batch_is_posted_whole(ledger: Caller) -> None:
    assert await posted(ledger, earn("k1"), spend("k2"), mode="atomic") == ["posted", "posted"]
    assert await posted(ledger, earn("k1"), spend("k2"), earn("k3"), mode="atomic") == ["replayed"] * 2 + ["posted"]


async def test_the_first_refusal_of_an_atomic_batch_is_its_answer_and_nothing_is_stored(
    ledger: Caller, database: AsyncEngine, book: Book
) -> None:
    answer = await ledger.post("/transactions/batch", batch(earn("k1"), spend("k2", 11), spend("k3"), mode="atomic"))
    problem = answer.json()
    assert (answer.status_code, problem["status"], answer.headers["Content-Type"]) == (
        409,
        409,
        "application/problem+json",
    )
    assert (problem["code"], problem["index"], problem["account"], problem["balance"]) == (
        "insufficient_balance",
        1,
        "2100.a",
        10,
    )
    assert await stored(database, book) == (0, 0)
    assert await posted(ledger, earn("k1"), spend("k2", 10), mode="atomic") == ["posted", "posted"]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (earn("k", credit="2100.nobody"), "unknown_account"),
        (earn("k", credit="9200.a"), "unbalanced"),
        (earn("k", effective_at="1989-12-31"), "effective_day_out_of_range"),
        (earn("k1", 11), "idempotency_conflict"),
        *((item, "invalid_request") for item, _ in MALFORMED),
    ],
)
async def test_whatever_an_item_of_an_atomic_batch_is_refused_for_is_409_with_its_code(
    ledger: Caller, database: AsyncEngine, book: Book, item: dict[str, Any], code: str
) -> None:
    answer = await ledger.post("/transactions/batch", batch(earn("k1"), earn("k2"), item, earn("k3"), mode="atomic"))
    assert (answer.status_code, answer.json()["code"], answer.json()["index"]) == (409, code, 2)
    assert await stored(database, book) == (0, 0)


async def test_of_two_wrong_items_of_an_atomic_batch_the_first_is_told(ledger: Caller) -> None:
    malformed = earn("k", effective_at="tomorrow")
    for items, index in (([spend("k1"), malformed], 0), ([malformed, spend("k1")], 0), ([earn("k1"), malformed], 1)):
        answer = (await ledger.post("/transactions/batch", batch(*items, mode="atomic"))).json()
        assert (answer["index"], answer["code"]) == (
            index,
            "invalid_request" if items[index] is malformed else "insufficient_balance",
        )


async def test_an_empty_batch_has_no_outcomes(ledger: Caller) -> None:
    for mode in ("each", "atomic"):
        assert await posted(ledger, mode=mode) == []


# --- strictness and limits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "some", "transactions": []}, "mode"),
        ({"transactions": []}, ""),
        ({"mode": "each"}, ""),
        ({"mode": "each", "transactions": [], "surprise": 1}, ""),
        (batch(transfer(5)), "transactions[0]"),
        (batch(earn("k1"), earn("k", "5")), "transactions[1].lines[0].amount"),
        (batch(earn("k", 5.0)), "transactions[0].lines[0].amount"),
        (batch(earn("k", surprise=1)), "transactions[0]"),
        (batch(earn("k") | {"key": 5}), "transactions[0].key"),
        (batch(earn("k", effective_at=None)), "transactions[0].effective_at"),
        ([], ""),
    ],
)
async def test_a_batch_of_another_shape_is_refused_whole(
    ledger: Caller, database: AsyncEngine, book: Book, body: Any, field: str
) -> None:
    answer = await ledger.post("/transactions/batch", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field
    assert await stored(database, book) == (0, 0)


async def test_a_name_twice_anywhere_in_a_batch_is_refused(ledger: Caller) -> None:
    body = json.dumps(batch(*(earn(f"k{n}") for n in range(50)))).encode()
    twice = body.replace(b'"key": "k40"', b'"key": "k40", "key": "k40"')
    answer = await ledger.post_raw("/transactions/batch", twice)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "key")
    assert (await ledger.post_raw("/transactions/batch", body)).status_code == 200


async def test_a_batch_has_at_most_ten_thousand_items(ledger: Caller, database: AsyncEngine, book: Book) -> None:
    items = [earn(f"k{n}", 1, credit="2300.x") for n in range(10_000)]
    too_many = await ledger.post("/transactions/batch", batch(*items, earn("one more")))
    assert (too_many.status_code, too_many.json()["errors"][0]["field"]) == (400, "transactions")
    assert await stored(database, book) == (0, 0)
    assert set(await posted(ledger, *items)) == {"posted"}
    assert set(await posted(ledger, *items, mode="atomic")) == {"replayed"}
    assert (await ledger.get("/accounts/2300.x/balance")).json()["balance"] == 10_000


async def test_a_batch_has_at_most_forty_thousand_lines(ledger: Caller, database: AsyncEngine, book: Book) -> None:
    pair = transfer(1, credit="2300.x")["lines"]
    large = [earn(f"k{n}", 1) | {"lines": pair * 200} for n in range(100)]
    too_many = await ledger.post("/transactions/batch", batch(*large, earn("one more")))
    assert (too_many.status_code, too_many.json()["code"]) == (422, "too_many_lines")
    assert (too_many.json()["lines"], too_many.json()["most"]) == (40_002, 40_000)
    assert await stored(database, book) == (0, 0)
    assert set(await posted(ledger, *large, mode="atomic")) == {"posted"}


async def test_only_a_batch_may_be_large(ledger: Caller) -> None:
    item = json.dumps(earn("k1")).encode()
    for size, status in ((postings.MOST_BODY, 200), (postings.MOST_BODY + 1, 413)):
        body = b'{"mode": "each", "transactions": [' + item + b"]}"
        answer = await ledger.post_raw("/transactions/batch", body + b" " * (size - len(body)))
        assert answer.status_code == status
    assert answer.json()["code"] == "body_too_large"
    alone = json.dumps(transfer(10)).encode()
    assert (await ledger.post_raw("/transactions", alone + b" " * 65_536, key="k2")).status_code == 413


async def test_a_full_queue_answers_503_and_the_same_call_later_succeeds(
    ledger: Caller, database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING", 4)  # lines

    async def send(number: int) -> tuple[int, str | None, str]:
        answer = await ledger.post("/transactions", transfer(1), key=f"k{number}")
        code = "" if answer.status_code == 201 else answer.json()["code"]
        return answer.status_code, answer.headers.get("Retry-After"), code

    async with database.begin() as tx:
        # Nobody posts in this book while its gate is taken, as for the closing of a month.
        await tx.execute(text("SELECT pg_advisory_xact_lock(19781, :book)"), {"book": book.book_id})
        waiting = [asyncio.create_task(send(0))]
        await until_blocked_by(database, tx)
        waiting += [asyncio.create_task(send(number)) for number in range(1, 10)]
        turned_away: set[asyncio.Task[Any]] = set()
        while len(turned_away) < 7:
            turned_away, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result() for task in turned_away} == {(503, "2", "unavailable")}
        with capture_logs() as said:
            whole = await ledger.post("/transactions/batch", batch(earn("k"), earn("l")))
        assert (whole.status_code, whole.headers["Retry-After"]) == (503, "2")
        assert [line["event"] for line in said] == ["request"], "there may be thousands: one line each is enough"
    answers = await asyncio.gather(*waiting)
    assert sorted(status for status, _, _ in answers) == [201] * 3 + [503] * 7
    assert {await send(number) for number in range(10)} == {(201, None, "")}
    assert (await ledger.get("/accounts/2100.a/balance")).json()["balance"] == 10
