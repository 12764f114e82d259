"""Organisations and their members, for staff, whichever door they come by: how far rights reach, then the verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, volunteers
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.rights import Principal, Right
from ledger.earning import members, organisations
from ledger.earning import volunteers as registered
from ledger.earning.members import Listed, Member
from ledger.earning.organisations import Organisation
from ledger.errors import InvalidField


async def within(tx: AsyncConnection, me: Principal, right: Right, code: str) -> Organisation:
    """The organisation, if the right reaches it. UnknownOrganisation, NotAllowed."""
    found = await organisations.find(tx, me.book_id, code)
    auth.within(me, right, found.line)
    return found


async def add(tx: AsyncConnection, me: Principal, code: str, name: str, parent: str | None, level: str) -> Organisation:
    """A new organisation below one of the caller's, or at the top for whom the whole book is.

    NotAllowed, InvalidField, UnknownOrganisation, OrganisationInactive, OrganisationExists.
    """
    auth.within(me, Right.MANAGE_ORGANISATIONS, await auth.line_of(tx, me, parent))
    return await organisations.add(tx, me.book_id, code, name, parent, level)


async def set_status(tx: AsyncConnection, me: Principal, code: str, status: str) -> Organisation:
    """Suspends an organisation, lets it go or in again: decided by the one above it, for the topmost by the book's own.

    NotAllowed, UnknownOrganisation, InvalidField.
    """
    found = await organisations.find(tx, me.book_id, code)
    auth.within(me, Right.MANAGE_ORGANISATIONS, found.line[1:])
    return await organisations.set_status(tx, me.book_id, code, status)


# --- members ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A member, and who she is as far as the caller sees her: `person` is None also where she belongs elsewhere."""

    listed: Listed
    person: Masked | None


async def members_of(
    tx: AsyncConnection, keys: Keys, me: Principal, code: str, *, after: str = "", limit: int = 200
) -> list[Shown]:
    """The members of an organisation by number. That minors were shown is logged.

    NotAllowed, UnknownOrganisation, InvalidField.
    """
    await within(tx, me, Right.READ_PEOPLE, code)
    if after and not registered.NUMBER.fullmatch(after):
        raise InvalidField("after", "not_a_volunteer_number")
    listed = await members.of_organisation(tx, me.book_id, code, after=after, limit=limit)
    homes = await organisations.lines(tx, me.book_id, {each.home for each in listed if each.home is not None})
    held = rights.reach(me, Right.READ_PEOPLE, auth.today())
    seen = [each.volunteer_no for each in listed if held.includes(homes.get(each.home or "", ()))]
    masked = await persons.masked(tx, keys, me.book_id, seen, me.name, auth.now())
    return [Shown(each, masked.get(each.volunteer_no)) for each in listed]


async def memberships_of(tx: AsyncConnection, me: Principal, holder: str) -> Sequence[Member]:
    """What a volunteer is a member of, for who may see her."""
    return await members.of_volunteer(tx, me.book_id, holder)


async def join(tx: AsyncConnection, me: Principal, code: str, volunteer_no: str, role: str) -> Member:
    """Makes a volunteer, of whatever organisation, a member of one of the caller's from today on.

    NotAllowed, UnknownOrganisation, OrganisationInactive, UnknownVolunteer, VolunteerLeft, AlreadyMember.
    """
    await within(tx, me, Right.REGISTER, code)
    her = await registered.find(tx, me.book_id, volunteer_no)
    return await members.join(tx, me.book_id, code, her.holder, role, await volunteers.today(tx))


async def change_role(tx: AsyncConnection, me: Principal, code: str, volunteer_no: str, role: str) -> Member:
    """Gives a member another role from today on.

    NotAllowed, UnknownOrganisation, OrganisationInactive, UnknownVolunteer, UnknownMember.
    """
    await within(tx, me, Right.REGISTER, code)
    her = await registered.find(tx, me.book_id, volunteer_no)
    return await members.change_role(tx, me.book_id, code, her.holder, role, await volunteers.today(tx))


async def end_membership(tx: AsyncConnection, me: Principal, code: str, volunteer_no: str) -> None:
    """Ends a membership today. NotAllowed, UnknownOrganisation, UnknownVolunteer, UnknownMember."""
    await within(tx, me, Right.REGISTER, code)
    her = await registered.find(tx, me.book_id, volunteer_no)
    await members.leave(tx, me.book_id, code, her.holder, await volunteers.today(tx))
