"""Who is calling: the principal of a request, from a bearer token (API) or a cookie (pages)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import sessions, users
from ledger.access.sessions import Principal
from ledger.books import directory
from ledger.errors import NotAllowed, SessionEnded

COOKIE: Final = "meide_session"


Connection = ASGIConnection[Any, Any, Any, Any]


def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of the API: only with a valid bearer token; SessionEnded. The principal becomes the request's user.

    Guards run before anything of the request is read, so that a stranger learns nothing from errors.
    """
    scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SessionEnded
    keys: Sequence[str] = connection.app.state.settings.session_keys
    connection.scope["user"] = sessions.recognise(token.strip(), keys)


def works_on_the_book(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of the books, after `signed_in`: only its operators; NotAllowed does not tell whether the book exists."""
    me: Principal = connection.user
    if me.role != "operator" or connection.path_params.get("book", me.book) != me.book:
        raise NotAllowed


async def sign_in(database: AsyncEngine, login: str, password: str) -> Principal:
    """Who has this login and password; WrongPassword. No connection is held while the password is looked at."""
    async with database.connect() as tx:
        candidate = await users.find(tx, login)
    user = await users.verify(candidate, password)
    async with database.connect() as tx:
        book = await directory.book_code(tx, user.book_id)
    return sessions.begin(user, book, now())


def now() -> datetime:
    """The service's clock: for sessions only, which are not in the books."""
    return datetime.now(UTC)
