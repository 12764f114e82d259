"""The public figures over HTTP: for everybody, without a name in them, computed once a minute."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.programme import SECONDS, Programmes
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.errors import UnknownBook
from tests.api.conftest import Caller, transfer


async def test_anybody_reads_the_figures_without_signing_in(
    http: httpx.AsyncClient, ledger: Caller, book: Book
) -> None:
    await ledger.post("/transactions", transfer(25), "k1")
    answer = await http.get(f"/api/v1/books/{book.code}/programme")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == f"public, max-age={SECONDS}"
    told = answer.json()
    assert (told["book"], told["name"]) == (book.code, book.name)
    assert (told["points_outstanding"], told["backing_percent"], told["points_granted"]) == (25, 0, None)
    assert told["registered"] == {"minutes": None, "people": 0}
    assert told["active"] == {"minutes": None, "people": 0}


async def test_a_book_that_is_not_there_is_said_so(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/books/no-such-book/programme")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_book")


async def test_within_a_minute_the_same_figures_are_shown(database: AsyncEngine, book: Book) -> None:
    seconds = 0.0
    known = Programmes(database, lambda: seconds)
    assert (await known.of(book.code)).registered == 0
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-1")
    seconds = SECONDS - 1
    assert (await known.of(book.code)).registered == 0
    seconds = SECONDS
    assert (await known.of(book.code)).registered == 1


async def test_many_who_ask_at_once_are_answered_from_one_reading(database: AsyncEngine, book: Book) -> None:
    known = Programmes(database)
    found = await asyncio.gather(*(known.of(book.code) for _ in range(50)))
    assert len({id(each) for each in found}) == 1


async def test_an_address_that_is_no_books_leaves_nothing_behind(database: AsyncEngine) -> None:
    known = Programmes(database)
    for _ in range(2):
        with pytest.raises(UnknownBook):
            await known.of("no-such-book")
    assert (known._found, known._turns) == ({}, {})
