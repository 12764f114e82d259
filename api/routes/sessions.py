"""Coming in and going out over HTTP, and what a person may do with her own doors: password, devices."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, views
from api.auth import SignIn
from api.bodies import Body
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import sessions, users
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField
from ledger.text import one_line

Secret = Annotated[str, msgspec.Meta(max_length=users.PASSWORD_LENGTHS[1])]
"""A password, or a PIN of six digits."""

OWN = {"right": Right.OWN}
OWN_BEFORE_CHANGE = {"right": Right.OWN, "unchanged": True}


class NewSession(Body, frozen=True):
    """Login (or volunteer number) and password (or PIN).

    `book`: which, for whom has roles in several. `new_password`: changes it at once, which whoever got it from somebody
    else must. `device`: what the list of devices shall call it.
    """

    login: Annotated[str, msgspec.Meta(max_length=users.LOGIN_LENGTH)]
    password: Secret
    book: str | None = None
    new_password: Secret | None = None
    device: str = "API"


class Refresh(Body, frozen=True):
    """The refresh token of last time; it is good once. `book`: goes on in another book of the user's."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=200)]
    book: str | None = None


class NewPassword(Body, frozen=True):
    """The password or PIN of now, and the new one: six digits become the PIN, anything else the password."""

    current: Secret
    new: Secret


class Session(msgspec.Struct, frozen=True):
    """A bearer token and its life in seconds, and what gets the next one."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class RoleView(msgspec.Struct, frozen=True):
    """A role: for an organisation and those below it (null: the whole book), until the end of a day (null: no end)."""

    role: str
    organisation: str | None
    outlet: str | None
    until: datetime.date | None


class Me(msgspec.Struct, frozen=True):
    """Who is signed in, to which book, as what. `login` is null for a volunteer who signs in with her number."""

    login: str | None
    book: str
    roles: list[RoleView]
    volunteer: str | None
    must_change_password: bool


class DeviceView(msgspec.Struct, frozen=True):
    """Where somebody is signed in; `this`: the device that asks."""

    id: UUID
    label: str
    browser: bool
    signed_in_at: datetime.datetime
    seen_at: datetime.datetime
    this: bool


class Devices(msgspec.Struct, frozen=True):
    """All devices on which she is signed in, the last used first; `next` is always null."""

    items: list[DeviceView]
    next: str | None


class Ended(msgspec.Struct, frozen=True):
    """How many devices were signed out."""

    ended: int


@post(
    "/sessions",
    status_code=200,
    operation_id="signIn",
    summary="Sign in",
    responses=views.refusals(400, 413, 415, 429),
)
async def sign_in(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    data: JSONBody[NewSession],
) -> Session:
    """Signs in; the access token is good for a quarter of an hour and for one book, the refresh token for 30 days.

    Who is wrong more than five times from one address waits, longer each time.
    """
    if not one_line(data.device, least=1, most=sessions.LABEL_LENGTH):
        raise InvalidField("device", "not_a_name")
    given = SignIn(
        data.login,
        data.password,
        auth.address_of(request),
        data.device,
        browser=False,
        book=data.book,
        new_secret=data.new_password,
    )
    return _session(settings, *await auth.sign_in(database, settings, given))


@post(
    "/sessions/refresh",
    status_code=200,
    operation_id="refreshSession",
    summary="Go on",
    responses=views.refusals(400, 413, 415),
)
async def refresh_session(
    database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings], data: JSONBody[Refresh]
) -> Session:
    """Gives the next pair of tokens. A refresh token that comes a second time was stolen: it ends this sign-in."""
    return _session(settings, *await auth.refresh(database, data.refresh_token, data.book))


@delete(
    "/sessions",
    before_request=auth.admitted,
    opt=OWN_BEFORE_CHANGE,
    security=[{"bearer": []}],
    operation_id="signOut",
    summary="Sign out",
    responses=views.refusals(404),
)
async def sign_out(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> None:
    """Signs this device out, at once."""
    assert me.device is not None, "a user's"
    async with database.begin() as tx:
        await sessions.end(tx, me.number, me.device, auth.now())


@get("/me", opt=OWN_BEFORE_CHANGE, operation_id="whoAmI", summary="Who is signed in", responses=views.refusals())
async def read_me(me: NamedDependency[Principal]) -> Me:
    """The signed-in user."""
    roles = [RoleView(each.role, each.organisation, each.outlet, each.until) for each in me.grants]
    return Me(me.login, me.book, roles, me.volunteer_no, me.must_change)


@post(
    "/me/password",
    status_code=204,
    opt=OWN_BEFORE_CHANGE,
    operation_id="changePassword",
    summary="Change password or PIN",
    responses=views.refusals(400, 413, 415, 429),
)
async def change_password(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    data: JSONBody[NewPassword],
) -> None:
    """Changes it, and signs all other devices out."""
    await auth.change_secret(database, settings, me, data.current, data.new, auth.address_of(request))


@get("/me/devices", opt=OWN, operation_id="listDevices", summary="Where I am signed in", responses=views.refusals())
async def list_devices(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Devices:
    """Every device on which she is signed in."""
    async with database.connect() as tx:
        found = await sessions.devices_of(tx, me.number, auth.now())
    items = [
        DeviceView(
            each.device_id, each.label, each.is_browser, each.signed_in_at, each.seen_at, each.device_id == me.device
        )
        for each in found
    ]
    return Devices(items, None)


@delete(
    "/me/devices/{device_id:uuid}",
    opt=OWN,
    operation_id="endDevice",
    summary="Sign one device out",
    responses=views.refusals(404),
)
async def end_device(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], device_id: FromPath[UUID]
) -> None:
    """Signs one of her devices out, at once."""
    async with database.begin() as tx:
        await sessions.end(tx, me.number, device_id, auth.now(), "ended")


@delete(
    "/me/sessions",
    status_code=200,
    opt=OWN,
    operation_id="endAllDevices",
    summary="Sign all devices out",
    responses=views.refusals(),
)
async def end_all_devices(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Ended:
    """Signs all her devices out at once, this one too."""
    async with database.begin() as tx:
        return Ended(await sessions.end_all(tx, me.number, auth.now(), "ended"))


def _session(settings: Settings, me: Principal, refresh_token: str) -> Session:
    token = sessions.issue(me, settings.session_keys, auth.now())
    return Session(token, "Bearer", int(sessions.LIFETIME.total_seconds()), refresh_token)


router = Router(
    path="/",
    route_handlers=[
        sign_in,
        refresh_session,
        sign_out,
        Router(
            path="/",
            route_handlers=[read_me, change_password, list_devices, end_device, end_all_devices],
            before_request=auth.admitted,
            security=[{"bearer": []}],
        ),
    ],
    tags=["sessions"],
)
