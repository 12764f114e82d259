"""Coming in and going out: sign-in, sign-out, and whose page it is."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, problems
from api.auth import SignIn
from api.pages import frame
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights, sessions, users
from ledger.access.rights import Principal, Right
from ledger.errors import ChangeNeeded, NotAllowed, SessionEnded, TooManyAttempts, WrongPassword

COOKIE: Final = frame.SESSION_COOKIE
CHANGE: Final = "/account/password"

IN_ENGLISH: Final = re.compile(r"(/[0-9A-Za-z-]{1,48}){0,4}/?", re.ASCII)
"""What may follow /en: something that can only be an address of this service."""

OWN_ADDRESS: Final = re.compile(
    r"/((passbook|account|staff|outlet|code|me|shops)(/[0-9A-Za-z-]{1,40}){0,3}(\?[0-9A-Za-z=&._-]{0,200})?"
    r"|in/[0-9A-Za-z][0-9A-Za-z._-]{0,63}/[0-9A-Za-z-]{1,32}/[0-9a-z]{1,40})?",
    re.ASCII,
)
"""Where a sign-in may lead: pages of ours, and nothing else that somebody could write into a link."""


async def visitor(request: Request[Any, Any, Any], database: AsyncEngine, settings: Settings) -> Principal:
    """Who reads this page, from the cookie; SessionEnded, and ChangeNeeded where she must choose a password first."""
    secret = request.cookies.get(frame.cookie_name(COOKIE, settings))
    if not secret:
        raise SessionEnded
    async with database.begin() as tx:
        me = await auth.of_browser(tx, secret)
    if me.must_change and request.url.path != CHANGE:
        raise ChangeNeeded
    return me


async def colleague(
    request: Request[Any, Any, Any],
    database: AsyncEngine,
    settings: Settings,
    right: Right,
    *,
    everywhere: bool = False,
) -> Principal:
    """Who reads this page of the staff's; NotAllowed if she has this right nowhere, or not `everywhere`."""
    me = await visitor(request, database, settings)
    held = rights.reach(me, right, auth.today())
    if not held or (everywhere and not held.book):
        raise NotAllowed
    return me


@get(["/en", "/en/{rest:path}"])
async def in_english(request: StrictRequest) -> Redirect:
    """Every page has its English address: it leads to the page and keeps the choice."""
    address = request.url.path.removeprefix("/en")
    if not IN_ENGLISH.fullmatch(address):
        raise NotFoundException
    query = {name: value for name, value in request.query_params.items() if name != "lang"}
    answer = Redirect(address or "/", status_code=303, query_params={**query, "lang": "en"})
    frame.keep(request, answer, frame.LANGUAGE_COOKIE, "en")  # the page may lead on to another
    return answer


@get("/sign-in")
async def sign_in_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """The form; who is signed in already is led on."""
    then = _own(request.query_params.get("next", ""))
    try:
        await visitor(request, database, settings)
    except SessionEnded:
        ended = bool(request.cookies.get(frame.cookie_name(COOKIE, settings)))
    except ChangeNeeded:
        return Redirect(CHANGE, status_code=303)
    else:
        return Redirect(then, status_code=303)
    notice = "session_ended" if ended else "signed_out" if "left" in request.query_params else None
    return _form(request, then, notice=notice)


@post("/sign-in", status_code=200)
async def sign_in(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Signs in and leads to where she was; a wrong password shows the form again with what she typed as login."""
    login, then = await frame.fields(request, "login", "next")
    [password] = await frame.fields(request, "password", bare=False)
    then = _own(then)
    given = SignIn(login, password, auth.address_of(request), auth.label_of(request), browser=True)
    try:
        me, secret = await auth.sign_in(database, settings, given)
    except (WrongPassword, TooManyAttempts, NotAllowed) as refusal:
        return _form(
            request,
            then,
            status=problems.REFUSALS[type(refusal)].status,
            login=login[: users.LOGIN_LENGTH],
            wrong=frame.told(request, refusal),
        )
    answer = Redirect(CHANGE if me.must_change else then, status_code=303)
    # It has no age of its own: the browser keeps it until it closes, so that an ended session is told from none.
    name = frame.cookie_name(COOKIE, settings)
    answer.set_cookie(Cookie(name, value=secret, httponly=True, secure=settings.https, samesite="lax"))
    return answer


@get("/sign-out")
async def sign_out_form(request: StrictRequest) -> Template:
    """Asks whether she wants to leave: for pages of errors, which have no form of their own."""
    return frame.page(request, "leave.html")


@post("/sign-out", status_code=303)
async def sign_out(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """Ends the session of this browser."""
    name = frame.cookie_name(COOKIE, settings)
    secret = request.cookies.get(name)
    if secret:
        async with database.begin() as tx:
            await sessions.end_browser(tx, secret, auth.now())
    return left(settings)


def left(settings: Settings) -> Redirect:
    """Out of the door: the browser forgets its session."""
    answer = Redirect("/sign-in", status_code=303, query_params={"left": "1"})
    frame.forget(answer, frame.cookie_name(COOKIE, settings), settings)
    return answer


def _form(
    request: StrictRequest,
    then: str,
    *,
    status: int = 200,
    notice: str | None = None,
    login: str = "",
    wrong: str | None = None,
) -> Template:
    return frame.page(
        request,
        "sign_in.html",
        status=status,
        path="/sign-in",
        query={"next": then},
        next=then,
        notice=notice,
        login=login,
        wrong=wrong,
    )


def _own(address: str) -> str:
    return address if OWN_ADDRESS.fullmatch(address) else "/"
