"""A shop's device becomes a till, and a clerk takes her place at it. What is sold there stands in `till`."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, outlets, problems, till_session
from api.auth import SignIn
from api.outlets import Device
from api.pages import frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import users
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.errors import NotAllowed, Refusal
from ledger.spending.outlets import Outlet

BIND: Final = "/till/bind"
CLERK: Final = "/till/clerk"


@get(BIND)
async def bind_form(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Asks for the eight digits; a device that is a till already says whose it is, and can end it."""
    return await _bind(request, database)


@post(BIND, status_code=200)
async def bind(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Makes this device a till. One that is a till already stays what it is until that is ended."""
    if await till_session.till_of(request, database) is not None:
        return Redirect(BIND, status_code=303)
    [code] = await frame.fields(request, "code")
    try:
        _of, _till, token = await outlets.bind(database, settings, keys, code, auth.address_of(request))
    except Refusal as refusal:
        return await _bind(request, database, refusal)
    answer = Redirect(BIND, status_code=303, query_params={"done": "bind_done"})
    till_session.enter(answer, token, settings)
    return answer


@post(f"{BIND}/end", status_code=303)
async def end(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Redirect:
    """This device is a till no longer."""
    answer = Redirect(BIND, status_code=303, query_params={"done": "bound_ended"})
    await till_session.leave(request, database, answer)
    return answer


async def _bind(request: StrictRequest, database: AsyncEngine, refusal: Refusal | None = None) -> Template:
    here = await _here(request, database)
    return frame.page(
        request,
        "bind.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=BIND,
        notice=frame.notice(request, "bind_done" if here else "bound_ended"),
        wrong=None if refusal is None else frame.told(request, refusal),
        till=None if here is None else here[1].till,
        outlet=None if here is None else here[2],
    )


@get(CLERK)
async def clerk_form(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template | Redirect:
    """Who stands here, and the form for who takes her place. Other devices are led to where they become tills."""
    return await _clerk(request, database)


@post(CLERK, status_code=200)
async def clerk_on(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """A clerk takes her place."""
    me = await till_session.till_of(request, database)
    if me is None:
        return Redirect(BIND, status_code=303)
    [login] = await frame.fields(request, "login")
    [secret] = await frame.fields(request, "password", bare=False)
    try:
        await outlets.stand(database, settings, me, SignIn(login, secret, auth.address_of(request), "", browser=True))
    except Refusal as refusal:
        return await _clerk(request, database, refusal, login[: users.LOGIN_LENGTH])
    return Redirect(CLERK, status_code=303, query_params={"done": "clerk_on"})


@post(f"{CLERK}/end", status_code=303)
async def clerk_off(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Redirect:
    """The clerk leaves."""
    me = await till_session.till_of(request, database)
    if me is None:
        return Redirect(BIND, status_code=303)
    async with database.begin() as tx:
        await outlets.leave(tx, me)
    return Redirect(CLERK, status_code=303, query_params={"done": "clerk_off"})


async def _clerk(
    request: StrictRequest, database: AsyncEngine, refusal: Refusal | None = None, login: str = ""
) -> Template | Redirect:
    here = await _here(request, database)
    if here is None:
        return Redirect(BIND, status_code=303)
    _me, device, of = here
    told = None if refusal is None else frame.told(request, refusal)
    if isinstance(refusal, NotAllowed):
        told = texts.t(frame.view_of(request).language, "clerk_not_here")
    return frame.page(
        request,
        "clerk.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=CLERK,
        notice=frame.notice(request, "clerk_on" if device.clerk else "clerk_off"),
        wrong=told,
        till=device.till,
        outlet=of,
        clerk=device.clerk,
        login=login,
    )


async def _here(request: StrictRequest, database: AsyncEngine) -> tuple[Principal, Device, Outlet] | None:
    """The till that this page is read at."""
    me = await till_session.till_of(request, database)
    if me is None:
        return None
    async with database.connect() as tx:
        return me, *await outlets.device(tx, me)


HANDLERS = [bind_form, bind, end, clerk_form, clerk_on, clerk_off]
