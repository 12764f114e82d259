"""Records that other platforms hand in by the thousand: an outcome for each, and safe to repeat."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from tests.api.conftest import Caller, a_machine
from tests.books.ledgers import balances_of


@pytest.fixture
async def platform(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    """A platform, and a book with a team of twenty volunteers."""
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D", "区", None, "district")
        await organisations.add(tx, book.book_id, "T", "队", "D")
        await volunteers.register_many(tx, book.book_id, [f"V-{n}" for n in range(20)], "T")
    return await a_machine(http, database, book, ["records:post", "records:read"], ())


def service(number: int, **other: Any) -> dict[str, Any]:
    """A record of one of the twenty, each an hour on a day of its own."""
    day = f"2026-{1 + number // 20 // 28 % 10:02}-{1 + number // 20 % 28:02}"
    return {
        "record": f"P-{number}",
        "volunteer": f"V-{number % 20}",
        "organisation": "T",
        "class": "check_in_out",
        "check_in": f"{day}T09:00:00+08:00",
        "check_out": f"{day}T10:00:00+08:00",
        "recorder": "平台",
    } | other


async def pushed(platform: Caller, *records: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await platform.post("/records/batch", {"records": records})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    assert [each["record"] for each in outcomes] == [each["record"] for each in records]
    return outcomes


async def test_each_record_has_its_outcome_and_again_it_is_there_already(
    database: AsyncEngine, book: Book, platform: Caller
) -> None:
    records = [
        service(1),
        service(1),
        service(2, check_out="2026-01-01"),
        service(3, check_in="soon"),
        service(4, volunteer="nobody"),
        service(5, volunteer="no body\0"),
        service(6, organisation="nowhere\0"),
        service(7, recorder="a\nb"),
        service(8, record="x" * 65),
        service(21, record="P-1"),
        service(1, record="P-other"),
        service(9, **{"class": "backfill", "reviewer": "平台"}),
        service(10, **{"class": "backfill"}),
        service(11, check_in="2099-01-01T09:00:00Z", check_out="2099-01-01T10:00:00Z"),
    ]
    told = [each.get("problem", {}).get("code", each["status"]) for each in await pushed(platform, *records)]
    assert told == [
        "taken",
        "already",
        "end_not_after_start",
        "invalid_request",
        "unknown_volunteer",
        "invalid_request",
        "unknown_organisation",
        "invalid_request",
        "invalid_request",
        "record_differs",
        "overlaps_another_record",
        "needs_second_person",
        "taken",
        "in_the_future",
    ]
    again = await pushed(platform, *records)
    assert [each.get("state") for each in again if each["status"] == "already"] == ["submitted"] * 3
    assert await balances_of(database, book) == {}, "they wait for a review"
    read = await platform.get("/records/P-1")
    assert (read.status_code, read.json()["state"], read.json()["volunteer"]) == (200, "submitted", "V-1")


async def test_two_platforms_that_send_the_same_at_once_double_nothing(platform: Caller) -> None:
    records = [service(number) for number in range(1200)]
    both = await asyncio.gather(pushed(platform, *records), pushed(platform, *reversed(records)))
    counted = [Counter(each["status"] for each in outcomes) for outcomes in both]
    assert sum(counted, Counter()) == {"taken": 1200, "already": 1200}


async def test_the_shape_is_looked_at_before_anything_is_taken(platform: Caller) -> None:
    for wrong in (
        {"records": [service(1) | {"state": "credited"}]},
        {"records": [service(1) | {"class": "act"}]},
        {"records": [service(1) | {"record": 1}]},
        {"records": [service(1, record=str(n)) for n in range(10_001)]},
        {"records": None},
        {},
    ):
        assert (await platform.post("/records/batch", wrong)).status_code == 400
    too_long = b'{"records": [' + b" " * (8 << 20) + b"]}"
    assert (await platform.post_raw("/records/batch", too_long)).status_code == 413
    assert [each["status"] for each in await pushed(platform, service(1))] == ["taken"]
    assert await pushed(platform) == []


async def test_its_key_opens_nothing_else(http: httpx.AsyncClient, platform: Caller) -> None:
    posts = ("/transactions", "/records", "/records/review", "/volunteers", "/accounts")
    for answer in [await platform.post(path, {}, secrets.token_hex(8)) for path in posts]:
        assert answer.status_code in (403, 404, 405), answer.text
