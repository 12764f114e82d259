"""What lapses soon, over HTTP."""

from __future__ import annotations

from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.books.proposals import Line
from ledger.earning import organisations, volunteers
from ledger.earning.volunteers import Volunteer
from tests.api.conftest import a_machine, a_user
from tests.books.ledgers import opened, post, proposal


def in_days(days: int) -> date:
    return auth.today() + timedelta(days=days)


@pytest.fixture
async def people(database: AsyncEngine, book: Book) -> list[Volunteer]:
    """Of `street`, and of `lane` below it: 10 points that lapse in 10 days, and 20 that do in 20."""
    made = []
    await opened(database, book, "5100")
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        await organisations.add(tx, book.book_id, "lane", "里弄", "street")
        for number, organisation in (("V-1", "street"), ("V-2", "lane")):
            made.append(await volunteers.register(tx, book.book_id, number, organisation))
    for her in made:
        earned = proposal(her.volunteer_no, debit="5100 70", credit="")
        lines = [
            Line(her.account("2100"), "credit", amount, lapses_on=in_days(days))
            for amount, days in ((10, 10), (20, 20), (40, 40))
        ]
        await post(database, book, earned._replace(lines=(*earned.lines, *lines)))
    return made


async def test_a_volunteer_reads_what_of_hers_lapses_soon(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, people: list[Volunteer]
) -> None:
    me = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1"))
    answer = await http.get("/api/v1/me/lapsing", headers={"Authorization": f"Bearer {me.token}"})
    assert answer.json() == {
        "items": [
            {"lapses_on": in_days(10).isoformat(), "amount": 10},
            {"lapses_on": in_days(20).isoformat(), "amount": 20},
        ],
        "next": None,
    }


async def test_who_is_no_volunteer_has_nothing_that_lapses(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    me = await a_user(http, database, book, Grant("owner"))
    answer = await http.get("/api/v1/me/lapsing", headers={"Authorization": f"Bearer {me.token}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_staff_read_it_page_by_page_and_only_of_their_organisation(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, people: list[Volunteer]
) -> None:
    everywhere = await a_machine(http, database, book, ["books:read"], [])
    one, two = (her.account("2100") for her in people)
    expected = sorted(
        (in_days(days).isoformat(), account, number, amount)
        for account, number in ((one, "V-1"), (two, "V-2"))
        for amount, days in ((10, 10), (20, 20))
    )
    found, after = [], ""
    while True:
        page = (await everywhere.get(f"/lapsing?limit=3{after}")).json()
        found += [(each["lapses_on"], each["account"], each["volunteer"], each["amount"]) for each in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == expected
    lane = await a_user(http, database, book, Grant("auditor", "lane", until=in_days(10)))
    assert {each["volunteer"] for each in (await lane.get("/lapsing")).json()["items"]} == {"V-2"}


@pytest.mark.parametrize("after", ["2026-02-30_2100", "2100.a", "2026-01-01", "2026-01-01_", "_2100.a", "x_2100.a"])
async def test_a_page_after_nothing_is_refused(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, after: str
) -> None:
    me = await a_user(http, database, book, Grant("owner"))
    answer = await me.get(f"/lapsing?after={after}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid_request", "after")
