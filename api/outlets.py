"""Outlets and their tills, whichever door somebody comes by: how far rights reach, then the verbs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, staff
from api.auth import SignIn
from api.settings import Settings
from ledger.access import attempts, bindings, rights, tokens
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.access.tokens import Token
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.errors import InvalidField, NotAllowed, TillCodeNotValid
from ledger.spending import outlets, tills
from ledger.spending.outlets import Details, Near, Outlet
from ledger.spending.tills import Till

_WHOM: Final = "a till's code"
"""Under what guesses at codes are counted, for each address."""


# --- outlets ----------------------------------------------------------------------------------------------------------


async def within(tx: AsyncConnection, me: Principal, right: Right, code: str) -> Outlet:
    """The outlet, if the right reaches its organisation, or if it is the caller's own shop.

    UnknownOutlet, NotAllowed: a merchant is not told which other outlets there are.
    """
    if keeps(me, code):
        return await outlets.find(tx, me.book_id, code)
    if not rights.reach(me, right, auth.today()):
        raise NotAllowed
    found = await outlets.find(tx, me.book_id, code)
    auth.within(me, right, found.line)
    return found


async def managed(tx: AsyncConnection, me: Principal, code: str) -> Outlet:
    """The outlet, if the caller manages it. UnknownOutlet, NotAllowed."""
    found = await outlets.find(tx, me.book_id, code)
    auth.within(me, Right.MANAGE_SHOPS, found.line)
    return found


def keeps(me: Principal, code: str) -> bool:
    """Whether it is the shop of this merchant."""
    today = auth.today()
    return bool(rights.reach(me, Right.KEEP_SHOP, today)) and any(
        each.role == "merchant" and each.outlet == code and each.holds_on(today) for each in me.grants
    )


async def listed(
    tx: AsyncConnection,
    me: Principal,
    *,
    search: str = "",
    kind: str | None = None,
    organisation: str | None = None,
    after: str = "",
    limit: int = 200,
) -> list[Outlet]:
    """The outlets that the caller's right to see shops reaches, by code; perhaps below one organisation only."""
    held = rights.reach(me, Right.READ_SHOPS, auth.today())
    under = held.organisations
    if organisation is not None:
        if not held.includes(await auth.line_of(tx, me, organisation)):
            raise NotAllowed
        under = frozenset({organisation})
    everywhere = held.book and organisation is None
    return await outlets.outlets_of(
        *(tx, me.book_id),
        under=None if everywhere else under,
        search=search,
        kind=kind,
        after=after,
        limit=limit,
    )


async def add(tx: AsyncConnection, me: Principal, code: str, details: Details) -> Outlet:
    """A new outlet that one of the caller's organisations looks after.

    NotAllowed, InvalidField, UnknownOrganisation, OutletExists.
    """
    auth.within(me, Right.MANAGE_SHOPS, await auth.line_of(tx, me, details.organisation))
    return await outlets.add(tx, me.book_id, code, details)


async def change(tx: AsyncConnection, me: Principal, code: str, details: Details) -> Outlet:
    """What an outlet is from now on; it stays within the caller's organisations.

    NotAllowed, UnknownOutlet, InvalidField, UnknownOrganisation.
    """
    await managed(tx, me, code)
    auth.within(me, Right.MANAGE_SHOPS, await auth.line_of(tx, me, details.organisation))
    return await outlets.change(tx, me.book_id, code, details)


async def set_status(tx: AsyncConnection, me: Principal, code: str, status: str) -> Outlet:
    """Closes an outlet, whose tills and unused codes end with it, or opens it again: then its devices are bound anew.

    NotAllowed, UnknownOutlet, InvalidField.
    """
    await managed(tx, me, code)
    changed = await outlets.set_status(tx, me.book_id, code, status)
    if not changed.is_open:
        await bindings.end(tx, me.book_id, code)
        await tokens.revoke_outlet(tx, me.book_id, code, me.name, auth.now())
    return changed


async def near(
    tx: AsyncConnection, me: Principal, latitude: float | None, longitude: float | None, limit: int = 20
) -> list[Near]:
    """The open outlets nearest to a place, or to her organisation. InvalidField where half a place is told."""
    for field, told, other in (("latitude", latitude, longitude), ("longitude", longitude, latitude)):
        if told is None and other is not None:
            raise InvalidField(field, "missing")
        if told is not None and not math.isfinite(told):
            raise InvalidField(field, "out_of_range")
    line: Sequence[str] = ()
    if me.volunteer_no is not None:
        line = await auth.line_of(tx, me, (await volunteers.find(tx, me.book_id, me.volunteer_no)).organisation)
    today = day_of(await connect.now(tx))
    return await outlets.near(tx, me.book_id, today, latitude=latitude, longitude=longitude, line=line, limit=limit)


# --- tills ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    """A till, the token that lets it in, and who stands at it: her login."""

    till: Till
    token: Token
    clerk: str | None

    @property
    def lives(self) -> bool:
        return self.token.revoked_at is None and self.token.expires_at > auth.now()


async def devices_of(tx: AsyncConnection, me: Principal, code: str) -> list[Device]:
    """The tills that an outlet has or had, the newest first. UnknownOutlet, NotAllowed."""
    await within(tx, me, Right.READ_SHOPS, code)
    return await _devices(tx, me.book_id, await tills.of_outlet(tx, me.book_id, code), code)


async def device(tx: AsyncConnection, me: Principal) -> tuple[Device, Outlet]:
    """The till that is calling, and its outlet. UnknownTill."""
    till = await tills.find(tx, me.book_id, me.number)
    [found] = await _devices(tx, me.book_id, [till], till.outlet)
    return found, await outlets.find(tx, me.book_id, till.outlet)


async def _devices(tx: AsyncConnection, book: int, found: Sequence[Till], code: str) -> list[Device]:
    keys = {each.token_id: each for each in await tokens.of_outlet(tx, book, code)}
    names = await staff.names(tx, [each.clerk for each in found if each.clerk is not None])
    return [
        Device(each, keys[each.till], None if each.clerk is None else names[each.clerk])
        for each in found
        if each.till in keys
    ]


async def invite(tx: AsyncConnection, keys: Keys, me: Principal, code: str, name: str) -> bindings.Code:
    """A one-time code with which a device becomes a till of this outlet.

    NotAllowed, UnknownOutlet, OutletClosed, InvalidField.
    """
    await managed(tx, me, code)
    await outlets.find_open(tx, me.book_id, code)
    return await bindings.issue(tx, keys, me.book_id, code, name, by=me.name, now=auth.now())


async def revoke(tx: AsyncConnection, me: Principal, number: int) -> Device:
    """Ends a till at once: by who manages its outlet, or by the shop itself. NotAllowed, UnknownTill."""
    till = await tills.find(tx, me.book_id, number)
    if not keeps(me, till.outlet):
        await managed(tx, me, till.outlet)
    await tokens.revoke(tx, me.book_id, number, me.name, auth.now())
    [ended] = await _devices(tx, me.book_id, [till], till.outlet)
    return ended


async def keyed(tx: AsyncConnection, made: Token) -> None:
    """Whoever has a token that was made for an outlet is a till of it. UnknownOutlet, OutletClosed."""
    if made.outlet is not None:
        await outlets.find_open(tx, made.book_id, made.outlet)
        await tills.bound(tx, made.book_id, made.token_id, made.outlet, made.name)


async def bind(
    database: AsyncEngine, settings: Settings, keys: Keys, text: str, address: str
) -> tuple[Outlet, Till, str]:
    """A device becomes a till by the digits that somebody typed into it; answers its token, which is told only here.

    InvalidField (no eight digits), TooManyAttempts, TillCodeNotValid: unknown, used, too old, or the shop has closed.
    """
    digits = bindings.plain(text)
    attempt = attempts.digest(settings.session_keys[0], None, _WHOM, address)
    async with database.begin() as tx:
        await attempts.begin(tx, attempt, auth.now())
    async with database.begin() as tx:
        made = await bindings.redeem(tx, keys, digits, now=auth.now())
        book = made.token.book_id
        of = await outlets.find(tx, book, made.outlet)
        if not of.is_open:
            raise TillCodeNotValid
        till = await tills.bound(tx, book, made.token.token_id, made.outlet, made.token.name)
        await attempts.succeeded(tx, attempt)
    return of, till, made.secret


async def stand(database: AsyncEngine, settings: Settings, me: Principal, given: SignIn) -> tuple[Device, Outlet]:
    """A clerk takes her place at the till that is calling.

    TooManyAttempts, WrongPassword, ChangeNeeded, NotAllowed (no merchant of this outlet), UnknownTill.
    """
    clerk = await auth.clerk(database, settings, me, given)
    async with database.begin() as tx:
        await tills.stand(tx, me.book_id, me.number, clerk)
        return await device(tx, me)


async def leave(tx: AsyncConnection, me: Principal) -> None:
    """Nobody stands at the till that is calling. UnknownTill."""
    await tills.stand(tx, me.book_id, me.number, None)
