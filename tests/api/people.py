"""People who sign in over HTTP, from where they like, and what they may do then."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import users
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import volunteers
from tests.api.conftest import PASSWORD, Caller

PIN = "205817"


@dataclass(frozen=True)
class Person:
    """Somebody with a name and a secret to sign in with."""

    user_id: int
    name: str
    secret: str


async def a_person(
    database: AsyncEngine, book: Book, *grants: Grant, login: str | None = None, seen: bool = False
) -> Person:
    """Somebody who signs in with a login and a password."""
    login = login or f"p-{secrets.token_hex(4)}"
    async with database.begin() as tx:
        made = await users.create(tx, login, password=PASSWORD, seen=seen)
        for grant in grants:
            await users.give(tx, made.user_id, book.book_id, grant, "room:test")
    return Person(made.user_id, login, PASSWORD)


async def a_volunteer(
    database: AsyncEngine, book: Book, number: str | None = None, *, organisation: str | None = None, seen: bool = False
) -> Person:
    """A volunteer who signs in with her number and a PIN."""
    number = number or f"V{secrets.token_hex(4)}"
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, number, organisation)
        made = await users.create(tx, None, pin=PIN, seen=seen)
        await users.give(tx, made.user_id, book.book_id, Grant("volunteer", volunteer_no=number), "room:test")
    return Person(made.user_id, number, PIN)


@asynccontextmanager
async def at(application: Litestar, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at another address."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False, client=(address, 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        yield client


async def sign_in(http: httpx.AsyncClient, person: Person, **other: Any) -> httpx.Response:
    """The answer to a sign-in; `other` fields stand beside or instead of name and secret."""
    return await http.post("/api/v1/sessions", json={"login": person.name, "password": person.secret} | other)


async def tokens_of(http: httpx.AsyncClient, person: Person, **other: Any) -> dict[str, Any]:
    """Access token and refresh token of a sign-in that succeeds."""
    answer = await sign_in(http, person, **other)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refresh(http: httpx.AsyncClient, token: str, **other: Any) -> httpx.Response:
    return await http.post("/api/v1/sessions/refresh", json={"refresh_token": token} | other)


async def me(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/api/v1/me", headers=bearer(token))


async def caller(http: httpx.AsyncClient, book: Book, person: Person) -> Caller:
    return Caller(http, book.code, (await tokens_of(http, person))["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code_of(answer: httpx.Response) -> str:
    """The status and the stable word of a refusal; of success the status alone."""
    return f"{answer.status_code} {answer.json()['code']}" if answer.is_error else f"{answer.status_code}"
