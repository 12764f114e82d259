"""People for the tests of access: users with roles in the test's book, and how they sign in."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import sessions, users
from ledger.access.rights import Grant, Principal
from ledger.access.users import User
from ledger.books.directory import Book
from ledger.days import day_of


def just_now() -> datetime:
    """The time; what lives a quarter of an hour is made then, since a run of all tests takes longer."""
    return datetime.now(UTC).replace(microsecond=0)


NOW = just_now()
TODAY = day_of(NOW)

PASSWORD = "correct horse 电池"
PIN = "205817"


def a_login() -> str:
    return f"user-{secrets.token_hex(4)}"


async def a_user(
    database: AsyncEngine,
    book: Book,
    *grants: Grant,
    login: str | None = None,
    password: str | None = None,
    pin: str | None = None,
    seen: bool = False,
) -> User:
    """A user with these roles, with a login unless it has only a PIN."""
    name = login if login is not None else a_login() if pin is None else None
    async with database.begin() as tx:
        made = await users.create(tx, name, password=password, pin=pin, seen=seen)
        for grant in grants:
            await users.give(tx, made.user_id, book.book_id, grant, "room:test")
    return made


async def on_a_device(
    database: AsyncEngine, book: Book, user: User, *, browser: bool = False, now: datetime = NOW
) -> tuple[Principal, str]:
    """The user signed in to the book on a new device, and its secret or refresh token."""
    async with database.begin() as tx:
        grants = await users.grants_of(tx, user.user_id, day_of(now))
        me = sessions.principal(user, grants, book.book_id, book.code)
        return await sessions.begin(tx, me, "a device", now, browser=browser)


async def is_alive(database: AsyncEngine, me: Principal, now: datetime = NOW) -> bool:
    assert me.device is not None
    async with database.connect() as tx:
        return (await sessions.alive(tx, [me.device], now)).get(me.device) == me.book_id
