"""Sign in, and who am I."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.bodies import Body
from api.settings import Settings
from ledger.access import sessions, users
from ledger.access.sessions import Principal


class SignIn(Body, frozen=True):
    """Login and password."""

    login: Annotated[str, msgspec.Meta(max_length=users.LOGIN_LENGTH)]
    password: Annotated[str, msgspec.Meta(max_length=users.PASSWORD_LENGTHS[1])]


class Session(msgspec.Struct, frozen=True):
    """A bearer token and its life in seconds."""

    access_token: str
    token_type: str
    expires_in: int


class Me(msgspec.Struct, frozen=True):
    """Who is signed in."""

    login: str
    role: str
    book: str
    volunteer: str | None


@post("/sessions", status_code=200, operation_id="signIn", summary="Sign in")
async def sign_in(
    database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings], data: JSONBody[SignIn]
) -> Session:
    """Signs in with login and password; the token is good for a quarter of an hour and for one book."""
    principal = await auth.sign_in(database, data.login, data.password)
    token = sessions.issue(principal, settings.session_keys, auth.now())
    return Session(token, "Bearer", int(sessions.LIFETIME.total_seconds()))


@get("/me", before_request=auth.signed_in, operation_id="whoAmI", summary="Who is signed in")
async def me(me: NamedDependency[Principal]) -> Me:
    """The signed-in user."""
    return Me(me.login, me.role, me.book, me.volunteer_no)


router = Router(path="/", route_handlers=[sign_in, me], tags=["sessions"])
