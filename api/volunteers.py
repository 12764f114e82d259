"""Volunteers as persons, for staff, whichever door they come by: how far the right reaches, then the verbs.

The caller has the right somewhere; here it is asked for the volunteer. What shows anybody's data writes into the access
log, so answer when the transaction has been committed, and not before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access import cards, log, persons, rights, sessions, users
from ledger.access.ciphers import Keys
from ledger.access.identities import Field, Identity, Masked
from ledger.access.log import Access
from ledger.access.persons import Revealed
from ledger.access.rights import Grant, Principal, Right
from ledger.earning import organisations, volunteers
from ledger.earning.organisations import Organisation
from ledger.earning.volunteers import Volunteer
from ledger.errors import InvalidField, UnknownVolunteer

PAGE = 200
"""Organisations that are read at a time."""


async def within(tx: AsyncConnection, me: Principal, right: Right, volunteer_no: str) -> Volunteer:
    """The volunteer, if the right reaches her. NotAllowed, UnknownVolunteer."""
    her = await volunteers.find(tx, me.book_id, volunteer_no)
    auth.within(me, right, await auth.line_of(tx, me, her.organisation))
    return her


async def rights_on(tx: AsyncConnection, me: Principal, her: Volunteer) -> frozenset[Right]:
    """All that the caller may do for this volunteer."""
    line = await auth.line_of(tx, me, her.organisation)
    return frozenset(right for right in Right if rights.reach(me, right, auth.today()).includes(line))


async def organisations_in_reach(tx: AsyncConnection, me: Principal, right: Right) -> list[Organisation]:
    """The organisations for which the caller has this right, by code."""
    held = rights.reach(me, right, auth.today())
    found: list[Organisation] = []
    after = ""
    while page := await organisations.organisations_of(tx, me.book_id, after=after, limit=PAGE):
        found += [each for each in page if held.includes(each.line)]
        after = page[-1].code
    return found


# --- looking up ------------------------------------------------------------------------------------------------------


async def with_phone(tx: AsyncConnection, keys: Keys, me: Principal, phone: str) -> list[Volunteer]:
    """The volunteers within the caller's reach who have this phone. InvalidField."""
    return await _reached(tx, me, await persons.find_by_phone(tx, keys, me.book_id, phone))


async def with_id_number(tx: AsyncConnection, keys: Keys, me: Principal, id_number: str) -> list[Volunteer]:
    """The volunteer within the caller's reach who has this identity number, if there is one. InvalidField."""
    return await _reached(tx, me, await persons.find_by_id_number(tx, keys, me.book_id, id_number))


async def look_up(tx: AsyncConnection, keys: Keys, me: Principal, words: str) -> list[Volunteer]:
    """The volunteers within the caller's reach whose number, phone or identity number this is."""
    found = {words}
    for find in (persons.find_by_phone, persons.find_by_id_number):
        with suppress(InvalidField):
            found.update(await find(tx, keys, me.book_id, words))
    return await _reached(tx, me, sorted(found))


async def _reached(tx: AsyncConnection, me: Principal, numbers: Sequence[str]) -> list[Volunteer]:
    hers = []
    for number in numbers:
        with suppress(UnknownVolunteer):
            hers.append(await volunteers.find(tx, me.book_id, number))
    return [her for her in hers if await auth.reaches_volunteer(tx, me, Right.READ_PEOPLE, her)]


async def masked(tx: AsyncConnection, keys: Keys, me: Principal, hers: Sequence[Volunteer]) -> dict[str, Masked]:
    """As much of each of them as a page shows, by number; who is not recorded is not in it. Minors are logged."""
    return await persons.masked(tx, keys, me.book_id, [her.volunteer_no for her in hers], me.name, auth.now())


# --- registering and changing ----------------------------------------------------------------------------------------


async def register(
    tx: AsyncConnection,
    keys: Keys,
    me: Principal,
    volunteer_no: str,
    organisation: str | None,
    identity: Identity | None,
    *,
    sign_in: bool,
) -> tuple[Volunteer, str | None]:
    """A new volunteer, and with `sign_in` the PIN for her first sign-in: it is told here and never again.

    NotAllowed, InvalidField, UnknownOrganisation, VolunteerExists, IdentityTaken.
    """
    auth.within(me, Right.REGISTER, await auth.line_of(tx, me, organisation))
    her = await volunteers.register(tx, me.book_id, volunteer_no, organisation)
    if identity is not None:
        await _record(tx, keys, me, her, identity)
    if not sign_in:
        return her, None
    pin = users.new_pin()
    made = await users.create(tx, None, pin=pin, seen=True)
    await users.give(tx, made.user_id, me.book_id, Grant("volunteer", volunteer_no=her.volunteer_no), me.name)
    return her, pin


async def record(tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str, identity: Identity) -> Volunteer:
    """Records who she is, all fields at once. NotAllowed, UnknownVolunteer, InvalidField, IdentityTaken."""
    her = await within(tx, me, Right.REGISTER, volunteer_no)
    await _record(tx, keys, me, her, identity)
    return her


async def _record(tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer, identity: Identity) -> None:
    await persons.record(tx, keys, me.book_id, her.volunteer_no, her.holder, identity, me.name, auth.now())


async def reveal(
    tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str, fields: Collection[Field], reason: str
) -> Revealed:
    """These fields of her in full; who asked, and why, is logged.

    NotAllowed, UnknownVolunteer, InvalidField, UnknownPerson.
    """
    await within(tx, me, Right.REVEAL, volunteer_no)
    return await persons.reveal(tx, keys, me.book_id, volunteer_no, fields, me.name, reason, auth.now())


async def issue_card(tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str) -> str:
    """The digits of a new card, told here and never again; the one of before ends. NotAllowed, UnknownVolunteer."""
    await within(tx, me, Right.REGISTER, volunteer_no)
    return await cards.issue(tx, keys, me.book_id, volunteer_no, auth.now())


async def end_card(tx: AsyncConnection, me: Principal, volunteer_no: str) -> bool:
    """Ends her card; whether there was one. NotAllowed, UnknownVolunteer."""
    await within(tx, me, Right.REGISTER, volunteer_no)
    return await cards.end(tx, me.book_id, volunteer_no, auth.now())


async def erase(tx: AsyncConnection, me: Principal, volunteer_no: str) -> None:
    """Destroys who she was, her number and how she signed in; the books stay whole and are nobody's.

    NotAllowed, UnknownVolunteer, StillKnown.
    """
    her = await within(tx, me, Right.ERASE, volunteer_no)
    for user in await users.forget_volunteer(tx, me.book_id, volunteer_no):
        await sessions.forget(tx, user, me.book_id)
        await users.forget(tx, user)
    await persons.erase(tx, me.book_id, volunteer_no, her.holder, me.name, auth.now())
    await volunteers.forget(tx, me.book_id, volunteer_no)


# --- who saw what ----------------------------------------------------------------------------------------------------


async def accesses(
    tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str | None, limit: int, after: UUID | None
) -> list[Access]:
    """Who recorded, saw or erased personal data, of one volunteer or of all, the newest first. UnknownVolunteer."""
    holder = None if volunteer_no is None else (await volunteers.find(tx, me.book_id, volunteer_no)).holder
    return await log.read_log(tx, keys, me.book_id, holder, limit, after)


async def numbers_of(tx: AsyncConnection, me: Principal, holders: Collection[str]) -> dict[str, str]:
    """The volunteer numbers of those whom the log names by holder; who has been erased is not in it."""
    return await volunteers.numbers_of(tx, me.book_id, holders)
