"""A shop's device that is a till: the cookie that says so, apart from those of users, and how it ends."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response
from litestar.datastructures import Cookie
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.settings import Settings
from ledger.access import tokens
from ledger.access.rights import Principal

COOKIE: Final = "meide_till"
LIFETIME: Final = 400 * 24 * 3600
"""Longer no browser keeps a cookie; the token ends before."""


async def till_of(request: Request[Any, Any, Any], database: AsyncEngine) -> Principal | None:
    """The till that this page is read at, as long as its token lives; None on every other device."""
    text = request.cookies.get(_name(request.app.state.settings), "")
    if not text.startswith(tokens.TILL):
        return None
    doors: auth.Doors = request.app.state.doors
    found = await doors.tokens(tokens.digest(text))
    return found if found is not None and found.kind == "till" else None


def enter(answer: Response[Any], token: str, settings: Settings) -> None:
    """Makes this device the till of a token: pages of other sites cannot use it, nor can a script read it."""
    answer.set_cookie(_cookie(settings, token, LIFETIME))


async def leave(request: Request[Any, Any, Any], database: AsyncEngine, answer: Response[Any]) -> None:
    """This device is a till no longer: its token ends, wherever else it may have been copied, and it is forgotten."""
    me = await till_of(request, database)
    if me is not None:
        async with database.begin() as tx:
            await tokens.revoke(tx, me.book_id, me.number, me.name, auth.now())
    answer.set_cookie(_cookie(request.app.state.settings, "", 0))


def _name(settings: Settings) -> str:
    return f"__Host-{COOKIE}" if settings.https else COOKIE


def _cookie(settings: Settings, value: str, seconds: int) -> Cookie:
    return Cookie(
        _name(settings), value=value, max_age=seconds, httponly=True, secure=settings.https, samesite="strict"
    )
