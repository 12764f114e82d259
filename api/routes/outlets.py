"""Outlets and tills over HTTP: where points become goods, which of them are near, and a shop's devices."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, outlets, views
from api.auth import SignIn
from api.bodies import Body, Limit, Number
from api.outlets import Device
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import bindings, users
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.spending.outlets import LINE_LENGTH, MILLIONTHS, MOST_POINTS, Details, Kind, Near, Outlet, Status

READ = {"right": Right.READ_SHOPS, "scoped": True}
READ_OWN = READ | {"also": Right.KEEP_SHOP}
MANAGE = {"right": Right.MANAGE_SHOPS, "scoped": True}
MANAGE_OWN = MANAGE | {"also": Right.KEEP_SHOP}
SELL = {"right": Right.SELL}

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Search = Annotated[str, Parameter(max_length=LINE_LENGTH, description="Part of name, address or code.")]


class OutletBody(Body, frozen=True):
    """What an outlet is, all of it. `organisation`: the one that looks after it. `hours`: when it is open, in words.

    `latitude` and `longitude`: degrees (WGS 84), both or neither; they are kept to the metre. `day_limit`: points that
    may be redeemed there on a day; null: as the policy says.
    """

    name: str
    kind: Kind
    organisation: str
    address: str = ""
    phone: str = ""
    hours: str = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    day_limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_POINTS)] | None = None

    def details(self) -> Details:
        """The same as the domain has it."""
        place = [None if each is None else round(each * MILLIONTHS) for each in (self.latitude, self.longitude)]
        return Details(
            *(self.name, self.kind, self.organisation, self.address, self.phone, self.hours, *place, self.day_limit)  # type: ignore[arg-type] # in the order of its fields
        )


class NewOutlet(OutletBody, frozen=True, kw_only=True):
    """A new outlet. `code`: letters, digits, _ and -; it stays, and its accounts are called by it."""

    code: str


class NewOutletStatus(Body, frozen=True):
    """`closed`: nothing is redeemed there, and its tills end."""

    status: Status


class OutletView(msgspec.Struct, frozen=True):
    """An outlet, as it was added or changed."""

    code: str
    name: str
    kind: str
    organisation: str
    address: str
    phone: str
    hours: str
    latitude: float | None
    longitude: float | None
    day_limit: int | None
    status: Status


class Outlets(msgspec.Struct, frozen=True):
    """Outlets by code; `next` is the `after` of the next page, null at the end."""

    items: list[OutletView]
    next: str | None


class GoodView(msgspec.Struct, frozen=True):
    """What is to be had, and for how many points."""

    item: str
    name: str
    points: int


class NearView(msgspec.Struct, frozen=True):
    """An open outlet. `metres`: how far away it is; null where that is not known."""

    code: str
    name: str
    kind: str
    address: str
    phone: str
    hours: str
    metres: int | None
    goods: list[GoodView]


class NearBy(msgspec.Struct, frozen=True):
    """Outlets, the nearest first; `next` is always null."""

    items: list[NearView]
    next: str | None


class NewTill(Body, frozen=True):
    """How the till will be called, e.g. after where it stands."""

    name: str


class TillCode(msgspec.Struct, frozen=True):
    """The one-time code in two groups of four digits, shown once, and until when it is good."""

    code: str
    expires_at: datetime.datetime


class TillView(msgspec.Struct, frozen=True):
    """A till. `clerk`: the login of who stands at it. `revoked_at`: since when it is none."""

    till: int
    outlet: str
    name: str
    clerk: str | None
    locked_until: datetime.datetime | None
    made_at: datetime.datetime
    used_at: datetime.datetime | None
    expires_at: datetime.datetime
    revoked_at: datetime.datetime | None


class Tills(msgspec.Struct, frozen=True):
    """The tills that an outlet has or had, the newest first; `next` is always null."""

    items: list[TillView]
    next: str | None


class Binding(Body, frozen=True):
    """The eight digits, however they are grouped."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class BoundView(msgspec.Struct, frozen=True):
    """The device is a till now. `token`: what it sends as bearer token; it is shown once."""

    token: str
    till: int
    name: str
    outlet: str
    outlet_name: str


class ClerkBody(Body, frozen=True):
    """Login and password (or PIN) of a merchant of the till's outlet."""

    login: Annotated[str, msgspec.Meta(max_length=users.LOGIN_LENGTH)]
    password: Annotated[str, msgspec.Meta(max_length=users.PASSWORD_LENGTHS[1])]


class PostView(msgspec.Struct, frozen=True):
    """The till that is calling, its outlet, and the login of who stands at it."""

    till: int
    name: str
    outlet: str
    outlet_name: str
    clerk: str | None


# --- outlets ----------------------------------------------------------------------------------------------------------


@get("/outlets", opt=READ, operation_id="listOutlets", summary="The outlets", responses=views.refusals(400, 404))
async def list_outlets(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    search: FromQuery[Search] = "",
    kind: FromQuery[Kind | None] = None,
    organisation: FromQuery[str | None] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Outlets:
    """The outlets within reach, open and closed; of one organisation and those below it, of a kind, by a word."""
    async with database.connect() as tx:
        page = await outlets.listed(
            tx, me, search=search, kind=kind, organisation=organisation, after=after, limit=limit
        )
    return Outlets([_view(each) for each in page], page[-1].code if len(page) == limit else None)


@post(
    "/outlets",
    opt=MANAGE,
    operation_id="addOutlet",
    summary="Add an outlet",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def add_outlet(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewOutlet]
) -> OutletView:
    """Adds an outlet that one of the caller's organisations looks after, and opens its accounts."""
    async with database.begin() as tx:
        return _view(await outlets.add(tx, me, data.code, data.details()))


@get(
    "/outlets/{outlet:str}",
    opt=READ_OWN,
    operation_id="readOutlet",
    summary="One outlet",
    responses=views.refusals(404),
)
async def read_outlet(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], outlet: FromPath[str]
) -> OutletView:
    """An outlet of the caller's organisations, or the merchant's own."""
    async with database.connect() as tx:
        return _view(await outlets.within(tx, me, Right.READ_SHOPS, outlet))


@post(
    "/outlets/{outlet:str}",
    status_code=200,
    opt=MANAGE,
    operation_id="changeOutlet",
    summary="Change an outlet",
    responses=views.refusals(400, 404, 413, 415),
)
async def change_outlet(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[OutletBody],
) -> OutletView:
    """Says what an outlet is from now on: what is left out is empty from now on."""
    async with database.begin() as tx:
        return _view(await outlets.change(tx, me, outlet, data.details()))


@post(
    "/outlets/{outlet:str}/status",
    status_code=200,
    opt=MANAGE,
    operation_id="setOutletStatus",
    summary="Close an outlet or open it again",
    responses=views.refusals(400, 404, 413, 415),
)
async def set_status(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[NewOutletStatus],
) -> OutletView:
    """Closes an outlet: its tills end at once, what is in its books stays. Opened again, its devices are bound anew."""
    async with database.begin() as tx:
        return _view(await outlets.set_status(tx, me, outlet, data.status))


@get(
    "/me/outlets",
    opt={"right": Right.OWN},
    operation_id="listNearOutlets",
    summary="Outlets near me",
    responses=views.refusals(400),
)
async def list_near(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    latitude: FromQuery[Annotated[float | None, Parameter(ge=-90, le=90)]] = None,
    longitude: FromQuery[Annotated[float | None, Parameter(ge=-180, le=180)]] = None,
    limit: FromQuery[Limit] = 20,
) -> NearBy:
    """The open outlets nearest to a place (degrees, WGS 84) with what they have today.

    Without a place: those of the caller's own organisation first. The place is not kept.
    """
    async with database.connect() as tx:
        found = await outlets.near(tx, me, latitude, longitude, limit)
    return NearBy([_near(each) for each in found], None)


# --- tills ------------------------------------------------------------------------------------------------------------


@get(
    "/outlets/{outlet:str}/tills",
    opt=READ_OWN,
    operation_id="listTills",
    summary="The tills of an outlet",
    responses=views.refusals(404),
)
async def list_tills(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], outlet: FromPath[str]
) -> Tills:
    """The tills that an outlet has or had."""
    async with database.connect() as tx:
        return Tills([_till(each) for each in await outlets.devices_of(tx, me, outlet)], None)


@post(
    "/outlets/{outlet:str}/tills",
    opt=MANAGE,
    operation_id="inviteTill",
    summary="A code for a new till",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def invite_till(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    outlet: FromPath[str],
    data: JSONBody[NewTill],
) -> TillCode:
    """Makes a one-time code; the device into which it is typed within a quarter of an hour becomes a till."""
    async with database.begin() as tx:
        made = await outlets.invite(tx, keys, me, outlet, data.name)
    return TillCode(bindings.read_out(made.digits), made.expires_at)


@post(
    "/tills/{till:int}/revoke",
    status_code=200,
    opt=MANAGE_OWN,
    operation_id="revokeTill",
    summary="End a till",
    responses=views.refusals(400, 404, 413, 415),
)
async def revoke_till(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], till: FromPath[Number]
) -> TillView:
    """Ends a till at once, and every copy of its token: by who manages its outlet, or by its merchant."""
    async with database.begin() as tx:
        return _till(await outlets.revoke(tx, me, till))


@post(
    "/tills",
    operation_id="bindTill",
    summary="Become a till",
    responses=views.refusals(400, 409, 413, 415, 429),
)
async def bind_till(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    data: JSONBody[Binding],
) -> BoundView:
    """The device that sends a one-time code becomes a till. Unknown, used and old codes are answered alike.

    Who is wrong more than five times from one address waits, longer each time.
    """
    of, till, token = await outlets.bind(database, settings, keys, data.code, auth.address_of(request))
    return BoundView(token, till.till, till.name, of.code, of.name)


@get("/tills/clerk", opt=SELL, operation_id="readClerk", summary="Who stands here", responses=views.refusals(404))
async def read_clerk(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> PostView:
    """The till that asks, and who stands at it."""
    async with database.connect() as tx:
        return _post(*await outlets.device(tx, me))


@post(
    "/tills/clerk",
    status_code=200,
    opt=SELL,
    operation_id="clerkOn",
    summary="A clerk takes her place",
    responses=views.refusals(400, 404, 413, 415, 429),
)
async def clerk_on(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    data: JSONBody[ClerkBody],
) -> PostView:
    """A merchant of the till's outlet says who she is: what the till does from now on names her too."""
    given = SignIn(data.login, data.password, auth.address_of(request), "", browser=False)
    return _post(*await outlets.stand(database, settings, me, given))


@delete(
    "/tills/clerk",
    opt=SELL,
    operation_id="clerkOff",
    summary="The clerk leaves",
    responses=views.refusals(404),
)
async def clerk_off(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> None:
    """Nobody stands at the till any longer."""
    async with database.begin() as tx:
        await outlets.leave(tx, me)


def _view(each: Outlet) -> OutletView:
    of = each.details
    latitude, longitude = (None if at is None else at / MILLIONTHS for at in (of.latitude, of.longitude))
    return OutletView(
        *(each.code, of.name, of.kind, of.organisation, of.address, of.phone, of.hours),
        latitude=latitude,
        longitude=longitude,
        day_limit=of.day_limit,
        status=each.status,
    )


def _near(each: Near) -> NearView:
    of = each.outlet.details
    goods = [GoodView(*good) for good in each.goods]
    return NearView(each.outlet.code, of.name, of.kind, of.address, of.phone, of.hours, each.metres, goods)


def _till(each: Device) -> TillView:
    of, token = each.till, each.token
    return TillView(
        *(of.till, of.outlet, of.name, each.clerk, of.locked_until),
        *(token.made_at, token.used_at, token.expires_at, token.revoked_at),
    )


def _post(each: Device, of: Outlet) -> PostView:
    return PostView(each.till.till, each.till.name, of.code, of.name, each.clerk)


router = Router(
    path="/",
    route_handlers=[
        bind_till,
        Router(
            path="/",
            route_handlers=[list_near, read_clerk, clerk_on, clerk_off],
            before_request=auth.admitted,
            security=[{"bearer": []}],
        ),
        Router(
            path="/books/{book:str}",
            route_handlers=[
                list_outlets,
                add_outlet,
                read_outlet,
                change_outlet,
                set_status,
                list_tills,
                invite_till,
                revoke_till,
            ],
            before_request=auth.admitted,
            security=[{"bearer": []}],
        ),
    ],
    tags=["shops"],
)
