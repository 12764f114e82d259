"""What is on record against a volunteer, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from tests.api.conftest import a_user


def today() -> str:
    return auth.today().isoformat()


async def test_a_reviewer_puts_it_on_record_once_and_lifts_it_once(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        for code in ("D1", "D2"):
            await organisations.add(tx, book.book_id, code, code)
            await volunteers.register(tx, book.book_id, f"V-{code}", code)
    reviewer = await a_user(http, database, book, Grant("reviewer", "D1"))
    put = await reviewer.post("/volunteers/V-D1/marks", {"why": "absence", "marked_on": today()})
    assert put.status_code == 201, put.text
    assert put.json()["words"]["zh"] == "答应了服务，无故不来"
    again = await reviewer.post("/volunteers/V-D1/marks", {"why": "absence", "marked_on": today()})
    assert again.json() == put.json()
    reader = await a_user(http, database, book, Grant("auditor", until=auth.today()))
    assert (await reader.get("/volunteers/V-D1/marks")).json() == {"items": [put.json()], "next": None}
    lifting = f"/marks/{put.json()['id']}/lift"
    assert (await reader.post(f"/volunteers/V-D1{lifting}", None)).status_code == 403
    chief = await a_user(http, database, book, Grant("reviewer"))
    assert (await chief.post(f"/volunteers/V-D2{lifting}", None)).json()["code"] == "unknown_mark"
    assert (await reviewer.post(f"/volunteers/V-D1{lifting}", None)).json()["lifted_at"] is not None
    assert (await reviewer.post(f"/volunteers/V-D1{lifting}", {})).json()["code"] == "already_decided"
    nothing = await reviewer.post(f"/volunteers/V-D1/marks/{uuid4()}/lift", None)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown_mark")
    elsewhere = await reviewer.post("/volunteers/V-D2/marks", {"why": "absence", "marked_on": today()})
    assert elsewhere.status_code == 403


async def test_what_cannot_be_on_record_is_named(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V1")
    reviewer = await a_user(http, database, book, Grant("reviewer"))
    tomorrow = (auth.today() + timedelta(days=1)).isoformat()
    for body, field in (
        ({"why": "lazy", "marked_on": today()}, "why"),
        ({"why": "other", "marked_on": tomorrow}, "marked_on"),
        ({"why": "other", "marked_on": "yesterday"}, "marked_on"),
    ):
        refused = await reviewer.post("/volunteers/V1/marks", body)
        assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert (await reviewer.get("/volunteers/V1/marks")).json()["items"] == []
