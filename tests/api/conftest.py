"""A client of the application, in the same event loop and without a network."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from api.settings import Settings
from ledger.access import sessions, tokens, users
from ledger.access.rights import SCOPES, Grant, Scope
from ledger.books.directory import Book
from ledger.database import connect
from tests.conftest import LOG_KEYS, LOG_STATE

PASSWORD = "correct horse"
SETTINGS = Settings(
    *(Path("unused"), None, None, (secrets.token_urlsafe(32),), None, ""),
    identity_keys=(secrets.token_urlsafe(32),),
    index_keys=(secrets.token_urlsafe(32),),
    print_keys=(secrets.token_urlsafe(32),),
    log_keys=LOG_KEYS,
    log_state=LOG_STATE,
)


@dataclass
class Caller:
    """Somebody who is signed in to one book; paths begin after the book."""

    http: httpx.AsyncClient
    book: str
    token: str

    async def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        return await self.http.post(self._url(path), json=body, headers=self._headers(key) | headers)

    async def post_raw(self, path: str, content: bytes, key: str | None = None, **headers: str) -> httpx.Response:
        given = {"Content-Type": "application/json"} | self._headers(key) | headers
        return await self.http.post(self._url(path), content=content, headers=given)

    async def delete(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.delete(self._url(path), headers=self._headers(None) | headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(self._url(path), headers=self._headers(None) | headers)

    def _url(self, path: str) -> str:
        return f"/api/v1/books/{self.book}{path}"

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})


@pytest.fixture(scope="session")
async def application(database: AsyncEngine) -> Litestar:
    return create_app(SETTINGS, database)


@pytest.fixture(scope="session")
async def http(application: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    # Not within application.lifespan(): its end would dispose of the engine that other tests share.
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        yield client


async def signed_in(http: httpx.AsyncClient, book: Book, login: str) -> Caller:
    answer = await http.post("/api/v1/sessions", json={"login": login, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Caller(http, book.code, answer.json()["access_token"])


@pytest.fixture
async def machine(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    """A machine with a key to all of the book."""
    return await a_machine(http, database, book)


async def a_machine(
    http: httpx.AsyncClient,
    database: AsyncEngine,
    book: Book,
    scopes: Sequence[Scope] = SCOPES,
    prefixes: Sequence[str] = ("*",),
    outlet: str | None = None,
) -> Caller:
    """A machine with a key of its own."""
    async with database.begin() as tx:
        _, secret = await tokens.make(
            tx,
            book.book_id,
            "machine",
            scopes=scopes,
            prefixes=prefixes,
            outlet=outlet,
            by="room:test",
            now=auth.now(),
            lifetime=timedelta(days=1),
        )
    return Caller(http, book.code, secret)


async def a_user(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, *grants: Grant, login: str | None = None
) -> Caller:
    """A user who has signed in; without a password, since hashing one for each test would take too long."""
    login = login or f"u-{secrets.token_hex(4)}"
    now = auth.now()
    async with database.begin() as tx:
        made = await users.create(tx, login)
        for grant in grants:
            await users.give(tx, made.user_id, book.book_id, grant, "room:test")
        held = await users.grants_of(tx, made.user_id, auth.today())
        me, _ = await sessions.begin(
            tx, sessions.principal(made, held, book.book_id, book.code), "a test", now, browser=False
        )
    return Caller(http, book.code, sessions.issue(me, SETTINGS.session_keys, now))


@pytest.fixture
async def operator(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("operator"), login=f"op-{book.code}".lower())


@pytest.fixture
async def ledger(machine: Caller) -> Caller:
    """A machine whose book has a reward account, a shop and two wallets."""
    for code, account_class, unit in (
        ("5100", "expense", "PT"),
        ("2300.x", "liability", "PT"),
        ("2100.a", "liability", "PT"),
        ("2100.b", "liability", "PT"),
        ("9200.a", "memo_credit", "HR"),
    ):
        body = {"code": code, "name": code, "class": account_class, "unit": unit}
        assert (await machine.post("/accounts", body)).status_code == 201
    return machine


@pytest.fixture
async def an_hour_ago(ledger: Caller, service_url: str) -> AsyncIterator[Caller]:
    """The same machine, an hour earlier by the database's clock."""
    earlier = connect.to(service_url, clock=lambda time: time - timedelta(hours=1), connections=2)
    transport = httpx.ASGITransport(create_app(SETTINGS, earlier), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        yield replace(ledger, http=client)
    await earlier.dispose()


def transfer(amount: Any, debit: str = "5100", credit: str = "2100.a", **more: Any) -> dict[str, Any]:
    """The body of a two-line transaction."""
    lines = [
        {"account": debit, "side": "debit", "amount": amount},
        {"account": credit, "side": "credit", "amount": amount},
    ]
    return {"kind": "test", "effective_at": "2026-01-02", "lines": lines} | more
