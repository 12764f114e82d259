"""Outlets as pages: for staff their list, what is known of each, its tills; for volunteers which are near."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, outlets, problems, volunteers
from api.outlets import Device
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import bindings, rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownOutlet, UnknownTill
from ledger.spending.outlets import KINDS, MILLIONTHS, Details, Good, Near, Outlet

HERE: Final = "/staff/outlets"
THIS: Final = f"{HERE}/{{outlet:str}}"
NEAR: Final = "/shops"

FIELDS: Final = (
    *("name", "kind", "organisation", "address", "phone", "hours"),
    *("latitude", "longitude", "day_limit"),
)
MOST: Final = 50
"""Outlets on a page of the staff's."""
NEAREST: Final = 20
SHOWN: Final = 12
"""What is told of what an outlet has."""

_DEGREES: Final = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{1,12})?", re.ASCII)


# --- the list ---------------------------------------------------------------------------------------------------------


@get(HERE)
async def list_outlets(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The outlets within reach, found by name, kind and organisation; and the form for a new one."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _list(request, database, me)


@post(HERE, status_code=200)
async def add(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Adds an outlet."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, "code", *FIELDS)
    try:
        async with database.begin() as tx:
            made = await outlets.add(tx, me, texts.typed(form["code"]), _details(form))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _list(request, database, me, form, refusal)
    return _back(made.code, "outlet_added")


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    asked = {name: request.query_params.get(name, "").strip()[:200] for name in ("q", "kind", "under", "after")}
    wrong = refusal
    async with database.connect() as tx:
        try:
            found = await outlets.listed(
                *(tx, me),
                search=asked["q"],
                kind=asked["kind"] if asked["kind"] in KINDS else None,
                organisation=texts.typed(asked["under"]) or None,
                after=asked["after"],
                limit=MOST,
            )
        except Refusal as nowhere:
            found, wrong = [], refusal or nowhere
        may = await volunteers.organisations_in_reach(tx, me, Right.MANAGE_SHOPS)
    return frame.page(
        request,
        "outlets.html",
        status=200 if wrong is None else problems.REFUSALS[type(wrong)].status,
        path=HERE,
        query={name: value for name, value in asked.items() if value},
        outlets=found,
        following=found[-1].code if len(found) == MOST else None,
        asked=asked,
        kinds=KINDS,
        manages=bool(may),
        organisations=[(each.code, each.name) for each in may],
        form={name: (form or {}).get(name, "") for name in ("code", *FIELDS)},
        wrong=None if wrong is None else frame.told(request, wrong),
    )


# --- one of them ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A till in words."""

    number: int
    name: str
    clerk: str | None
    made: str
    used: str | None
    paused: str | None
    lives: bool


@get(THIS)
async def outlet(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template:
    """What is known of an outlet, and its tills."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _outlet(request, database, me, outlet)


@post(THIS, status_code=200)
async def change(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template | Redirect:
    """Changes what is known of it."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, *FIELDS)
    try:
        async with database.begin() as tx:
            await outlets.managed(tx, me, outlet)  # before what was typed: whose it is decides who hears what is wrong
            await outlets.change(tx, me, outlet, _details(form))
    except (NotAllowed, SessionEnded, UnknownOutlet):
        raise
    except Refusal as refusal:
        return await _outlet(request, database, me, outlet, form, refusal)
    return _back(outlet, "outlet_changed")


@post(f"{THIS}/status", status_code=303)
async def set_status(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Redirect:
    """Closes it or opens it again."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    [status] = await frame.fields(request, "status")
    async with database.begin() as tx:
        changed = await outlets.set_status(tx, me, outlet, status)
    return _back(outlet, "outlet_was_opened" if changed.is_open else "outlet_was_closed")


@post(f"{THIS}/tills", status_code=200)
async def invite(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    outlet: FromPath[str],
) -> Template:
    """Eight digits, shown once, with which a device becomes a till."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    [name] = await frame.fields(request, "name")
    try:
        async with database.begin() as tx:
            made = await outlets.invite(tx, keys, me, outlet, name)
            this = await outlets.managed(tx, me, outlet)
    except (NotAllowed, SessionEnded, UnknownOutlet):
        raise
    except Refusal as refusal:
        return await _outlet(request, database, me, outlet, refusal=refusal, till_name=name)
    return frame.page(
        request,
        "till_invited.html",
        path=f"{HERE}/{outlet}",
        this=this,
        name=name,
        digits=bindings.read_out(made.digits),
        until=texts.moment(frame.view_of(request).language, made.expires_at),
        address=f"{(settings.public_url or str(request.base_url)).rstrip('/')}/till/bind",
    )


@post(f"{THIS}/tills/{{till:int}}/revoke", status_code=303)
async def revoke(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
    till: FromPath[int],
) -> Redirect:
    """Ends a till at once."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    if till >= 2**31:
        raise UnknownTill(till)
    async with database.begin() as tx:
        await outlets.revoke(tx, me, till)
    return _back(outlet, "device_revoked")


async def _outlet(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    code: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    till_name: str = "",
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        this = await outlets.within(tx, me, Right.READ_SHOPS, code)
        devices = await outlets.devices_of(tx, me, code)
        manages = rights.reach(me, Right.MANAGE_SHOPS, auth.today()).includes(this.line)
        may = await volunteers.organisations_in_reach(tx, me, Right.MANAGE_SHOPS) if manages else []
    return frame.page(
        request,
        "outlet.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{code}",
        notice=frame.notice(
            *(request, "outlet_added", "outlet_changed", "outlet_was_closed", "outlet_was_opened", "device_revoked")
        ),
        wrong=None if refusal is None else frame.told(request, refusal),
        this=this,
        day_limit=None if this.details.day_limit is None else texts.points(language, this.details.day_limit),
        manages=manages,
        kinds=KINDS,
        organisations=[(each.code, each.name) for each in may],
        form=dict(form or _typed(this)),
        tills=[_shown(language, each) for each in devices],
        till_name=till_name,
    )


def _shown(language: Language, each: Device) -> Shown:
    used, locked = each.token.used_at, each.till.locked_until
    paused = locked is not None and locked > auth.now()
    return Shown(
        each.till.till,
        each.till.name,
        each.clerk,
        texts.moment(language, each.token.made_at),
        None if used is None else texts.moment(language, used),
        texts.moment(language, locked) if paused and locked is not None else None,
        each.lives,
    )


def _typed(this: Outlet) -> dict[str, str]:
    """What the form holds of an outlet."""
    of = this.details
    place = (
        "" if at is None else f"{at / MILLIONTHS:.6f}".rstrip("0").rstrip(".") for at in (of.latitude, of.longitude)
    )
    limit = "" if of.day_limit is None else str(of.day_limit)
    values = (of.name, of.kind, of.organisation, of.address, of.phone, of.hours, *place, limit)
    return dict(zip(FIELDS, values, strict=True))


async def _form(request: StrictRequest, *names: str) -> dict[str, str]:
    return dict(zip(names, await frame.fields(request, *names), strict=True))


def _details(form: Mapping[str, str]) -> Details:
    """What was typed; InvalidField."""
    limit = texts.whole(form["day_limit"], "day_limit") if form["day_limit"] else None
    return Details(
        form["name"],
        form["kind"],
        texts.typed(form["organisation"]),
        form["address"],
        texts.typed(form["phone"]),
        form["hours"],
        _millionths(form, "latitude"),
        _millionths(form, "longitude"),
        limit,
    )


def _millionths(form: Mapping[str, str], field: str) -> int | None:
    degrees = _degrees(texts.typed(form[field]), field)
    return None if degrees is None else round(degrees * MILLIONTHS)


def _degrees(text: str, field: str) -> float | None:
    """A latitude or longitude; None where there is none. InvalidField."""
    if text and not _DEGREES.fullmatch(text):
        raise InvalidField(field, "not_a_place")
    return float(text) if text else None


def _back(code: str, done: str) -> Redirect:
    return Redirect(f"{HERE}/{code}", status_code=303, query_params={"done": done})


# --- near her ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shop:
    """An outlet near her, in words."""

    outlet: Outlet
    away: str | None
    goods: list[tuple[str, str | None]]


@get(NEAR)
async def near(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The outlets near her: by where she is if her browser says so, else those of her community first."""
    me = await doors.visitor(request, database, settings)
    language, asked = frame.view_of(request).language, request.query_params
    place = {name: asked.get(name, "") for name in ("latitude", "longitude")}
    async with database.connect() as tx:
        found, refusal = await _near(tx, me, place)
    located = refusal is None and any(place.values())
    return frame.page(
        request,
        "shops.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        headers={"Permissions-Policy": "camera=(), geolocation=(self), microphone=(), payment=(), usb=()"},
        query=place if located else {},
        located=located,
        wrong=None if refusal is None else frame.told(request, refusal),
        shops=[
            Shop(each.outlet, _away(language, each.metres), [_good(language, good) for good in each.goods[:SHOWN]])
            for each in found
        ],
    )


async def _near(tx: AsyncConnection, me: Principal, place: Mapping[str, str]) -> tuple[list[Near], Refusal | None]:
    """What is near a place that an address names; where that is none, what is near her community, and what is wrong."""
    try:
        latitude, longitude = (_degrees(place[name], name) for name in ("latitude", "longitude"))
        for name, degrees, furthest in (("latitude", latitude, 90), ("longitude", longitude, 180)):
            if degrees is not None and abs(degrees) > furthest:
                raise InvalidField(name, "out_of_range")
        return await outlets.near(tx, me, latitude, longitude, NEAREST), None
    except InvalidField as refusal:
        return await outlets.near(tx, me, None, None, NEAREST), refusal


def _away(language: Language, metres: int | None) -> str | None:
    """How far it is, as people say it: nobody's steps are counted."""
    if metres is None:
        return None
    if metres < 100:
        return texts.t(language, "near_under")
    if metres < 975:
        return texts.t(language, "near_metres", metres=math.floor(metres / 50 + 0.5) * 50)
    kilometres = metres / 1000
    return texts.t(
        language, "near_kilometres", kilometres=f"{kilometres:.1f}" if kilometres < 9.95 else round(kilometres)
    )


def _good(language: Language, good: Good) -> tuple[str, str | None]:
    return good.name, texts.points(language, good.points) if good.points else texts.t(language, "near_perk")


HANDLERS = [list_outlets, add, outlet, change, set_status, invite, revoke, near]
