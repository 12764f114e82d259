"""Coming in and going out: sign-in, sign-out, and the session in the cookie that each page renews."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, problems
from api.pages import frame
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import sessions, users
from ledger.access.sessions import Principal
from ledger.errors import SessionEnded, WrongPassword

OWN_ADDRESS: Final = re.compile(r"/(passbook(\?[0-9a-z=&]{0,200})?)?", re.ASCII)
"""Where a sign-in may lead: the pages behind it, and nothing else that somebody could write into a link."""


def visitor(request: Request[Any, Any, Any], settings: Settings) -> Principal:
    """Who reads this page, from the cookie; SessionEnded, also when the sign-in is too long ago."""
    me = sessions.recognise(request.cookies.get(auth.COOKIE, ""), settings.session_keys)
    if auth.now() - me.signed_in_at >= sessions.LONGEST:
        raise SessionEnded
    return me


def session_cookie(me: Principal, settings: Settings) -> Cookie:
    """A cookie with a fresh session of the same sign-in.

    It has no age of its own: the browser keeps it until it closes, so that an ended session is told from none.
    """
    token = sessions.issue(me, settings.session_keys, auth.now())
    return Cookie(auth.COOKIE, value=token, httponly=True, secure=settings.https)


@get("/sign-in")
async def sign_in_form(request: StrictRequest, settings: NamedDependency[Settings]) -> Template | Redirect:
    """The form; who is signed in already is led on."""
    then = _own(request.query_params.get("next", ""))
    try:
        visitor(request, settings)
    except SessionEnded:
        ended = bool(request.cookies.get(auth.COOKIE))
    else:
        return Redirect(then, status_code=303)
    notice = "session_ended" if ended else "signed_out" if "left" in request.query_params else None
    return frame.remember(request, _form(request, then, notice=notice), settings)


@post("/sign-in", status_code=200)
async def sign_in(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Signs in and leads to where she was; a wrong password shows the form again with what she typed as login."""
    form = await request.form()
    login, password, then = (
        value if isinstance(value := form.get(name), str) else "" for name in ("login", "password", "next")
    )
    login, then = login.strip(), _own(then)
    try:
        me = await auth.sign_in(database, login, password)
    except WrongPassword:
        status = problems.REFUSALS[WrongPassword].status
        return _form(request, then, status=status, login=login[: users.LOGIN_LENGTH], wrong=True)
    cookie = session_cookie(me, settings)
    return Redirect(then, status_code=303, cookies=[cookie])


@post("/sign-out", status_code=303)
async def sign_out() -> Redirect:
    """Forgets the session in this browser."""
    answer = Redirect("/sign-in", status_code=303, query_params={"left": "1"})
    answer.delete_cookie(auth.COOKIE)
    return answer


def _form(
    request: StrictRequest,
    then: str,
    *,
    status: int = 200,
    notice: str | None = None,
    login: str = "",
    wrong: bool = False,
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
