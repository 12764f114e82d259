"""Who is calling: the principal of a request, from a bearer token (API) or a cookie (pages)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import jwt
from litestar import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import sessions, users
from ledger.access.sessions import Principal
from ledger.books import directory
from ledger.errors import NotAllowed, SessionEnded

COOKIE: Final = "meide_session"


async def signed_in(request: Request[Any, Any, Any]) -> None:
    """Before a call of the API: only with a valid bearer token; SessionEnded. The principal becomes the request's user.

    It runs before anything of the request is read, so that a stranger learns nothing from errors. It is a hook and not
    one of the framework's guards, since for each of those the framework copies the handler at every request.
    """
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SessionEnded
    me, ends = _recognised(token.strip(), request.app.state.settings.session_keys)
    if now().timestamp() >= ends:
        raise SessionEnded
    request.scope["user"] = me


async def works_on_the_book(request: Request[Any, Any, Any]) -> None:
    """Before a call of the books: only by its operators; NotAllowed does not tell whether the book exists."""
    await signed_in(request)
    me: Principal = request.user
    if me.role != "operator" or request.path_params.get("book", me.book) != me.book:
        raise NotAllowed


@lru_cache(maxsize=4096)
def _recognised(token: str, keys: tuple[str, ...]) -> tuple[Principal, int]:
    """Whom a token speaks of, and when it ends. A signature that was right stays right: only the end is asked again."""
    me = sessions.recognise(token, keys)
    return me, jwt.decode(token, options={"verify_signature": False})["exp"]


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
