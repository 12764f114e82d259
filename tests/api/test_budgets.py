"""Budgets over HTTP: granted once under a key, shared, read, and what waits for more."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books import balances
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import crediting, organisations, volunteers
from tests.api.conftest import Caller, a_user
from tests.earning import served

REPLAYED = "idempotency-replayed"


@pytest.fixture
async def owner(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        await organisations.add(tx, book.book_id, "team", "队", "street")
        await organisations.add(tx, book.book_id, "lane", "另一街道")
    return await a_user(http, database, book, Grant("owner"))


@pytest.fixture
async def year(database: AsyncEngine) -> int:
    async with database.connect() as tx:
        return day_of(await connect.now(tx)).year


async def budgets(caller: Caller, path: str = "/budgets") -> Any:
    answer = await caller.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def balance(database: AsyncEngine, book: Book, account: str) -> int:
    async with database.connect() as tx:
        return (await balances.balance(tx, book.book_id, account)).balance


async def test_a_grant_is_posted_with_the_money_behind_it(
    owner: Caller, database: AsyncEngine, book: Book, year: int
) -> None:
    body = {"year": year, "points": 120_000, "fen": 12_000_000}
    answer = await owner.post("/budgets", body, "k1")
    assert (answer.status_code, answer.json()) == (201, body)
    assert [await balance(database, book, code) for code in ("1100", "3100")] == [120_000] * 2
    assert [await balance(database, book, code) for code in ("1110", "3110")] == [12_000_000] * 2
    assert (await budgets(owner))["items"] == [
        {
            "year": year,
            "organisation": None,
            "organisation_name": None,
            "granted": 120_000,
            "issued": 0,
            "left": 120_000,
        }
    ]


async def test_a_grant_is_posted_to_accounts_that_have_names_of_their_own(
    owner: Caller, machine: Caller, year: int
) -> None:
    for code, account_class in (("1100", "asset"), ("3100", "equity")):
        body = {"code": code, "name": "Backing", "class": account_class, "unit": "PT"}
        assert (await machine.post("/accounts", body)).status_code == 201
    assert (await owner.post("/budgets", {"year": year, "points": 5}, "k")).status_code == 201


async def test_the_same_grant_again_gets_the_first_answer_and_grants_nothing(owner: Caller, year: int) -> None:
    body = {"year": year, "points": 100}
    first = await owner.post("/budgets", body, "k1")
    await owner.post("/budgets", body, "k2")
    again = await owner.post("/budgets", body, "k1")
    assert (again.status_code, again.content, again.headers[REPLAYED]) == (201, first.content, "true")
    assert REPLAYED not in first.headers
    assert (await budgets(owner))["items"][0]["granted"] == 200
    other = await owner.post("/budgets", {**body, "points": 101}, "k1")
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (409, "idempotency_conflict", "points")


async def test_one_grant_sent_ten_times_at_once_grants_once(owner: Caller, year: int) -> None:
    answers = await asyncio.gather(*(owner.post("/budgets", {"year": year, "points": 100}, "k") for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert (await budgets(owner))["items"][0]["granted"] == 100


async def test_a_grant_needs_a_key(owner: Caller, year: int) -> None:
    answer = await owner.post("/budgets", {"year": year, "points": 100})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "wrong", [{"year": 1999}, {"points": 0}, {"points": -1}, {"fen": -1}, {"points": 10**15 + 1}, {"points": 1.5}]
)
async def test_figures_that_make_no_sense_are_refused(owner: Caller, wrong: dict[str, Any]) -> None:
    answer = await owner.post("/budgets", {"year": 2026, "points": 1, **wrong}, "k")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_share_is_set_and_not_added_to(owner: Caller, year: int) -> None:
    for points in (50, 70, 70):
        answer = await owner.post("/budgets/shares", {"year": year, "organisation": "street", "points": points})
        assert (answer.status_code, answer.json()["granted"]) == (200, points)
        assert answer.json()["organisation_name"] == "街道"
    missing = await owner.post("/budgets/shares", {"year": year, "organisation": "nowhere", "points": 1})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_organisation")


async def test_a_share_is_not_less_than_has_been_issued(
    owner: Caller, database: AsyncEngine, book: Book, year: int
) -> None:
    await served.rules(database, book)
    await served.budget(database, book, 1000)
    async with database.begin() as tx:
        holder = (await volunteers.register(tx, book.book_id, "V-1", "team")).holder
    await served.serves(database, book, holder, "team")
    share = {"year": year, "organisation": "street"}
    less = await owner.post("/budgets/shares", share | {"points": 24})
    assert (less.status_code, less.json()["code"], less.json()["issued"]) == (409, "budget_below_issued", 25)
    enough = (await owner.post("/budgets/shares", share | {"points": 25})).json()
    assert (enough["granted"], enough["issued"], enough["left"]) == (25, 25, 0)


async def test_what_waits_for_the_budget_is_counted_and_goes_on_when_there_is_one(
    owner: Caller, database: AsyncEngine, book: Book, year: int
) -> None:
    await served.rules(database, book)
    async with database.begin() as tx:
        holder = (await volunteers.register(tx, book.book_id, "V-1", "team")).holder
    await served.serves(database, book, holder, "team")
    assert (await budgets(owner))["waiting"] == [{"organisation": "team", "organisation_name": "队", "records": 1}]
    await owner.post("/budgets", {"year": year, "points": 100}, "k")
    assert await crediting.resume(database, book.book_id) == 1
    found = await budgets(owner)
    assert (found["waiting"], found["items"][0]["issued"]) == ([], 25)


async def test_staff_of_an_organisation_read_the_whole_and_their_own(
    owner: Caller, http: httpx.AsyncClient, database: AsyncEngine, book: Book, year: int
) -> None:
    await owner.post("/budgets", {"year": year, "points": 100}, "k")
    for code in ("street", "team", "lane"):
        await owner.post("/budgets/shares", {"year": year, "organisation": code, "points": 10})
    reader = await a_user(http, database, book, Grant("reviewer", "street"))
    assert [each["organisation"] for each in (await budgets(reader))["items"]] == [None, "street", "team"]
    assert len((await budgets(owner))["items"]) == 4
    assert (await budgets(owner, f"/budgets?year={year - 1}"))["items"] == []
