"""Volunteers as persons, for staff, whichever door they come by: how far the right reaches, then the verbs.

The caller has the right somewhere; here it is asked for the volunteer. What shows anybody's data writes into the access
log, so answer when the transaction has been committed, and not before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import ages, auth
from ledger.access import cards, guardians, identities, log, persons, rights, sessions, users
from ledger.access.ciphers import Keys
from ledger.access.guardians import Guardian
from ledger.access.identities import Field, Identity, Masked
from ledger.access.log import Access
from ledger.access.persons import Revealed
from ledger.access.rights import Grant, Principal, Right
from ledger.auditing import log as sealed_log
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations, qualifications, volunteers
from ledger.earning.organisations import Organisation
from ledger.earning.qualifications import Qualification
from ledger.earning.rules import Ages
from ledger.earning.volunteers import Volunteer
from ledger.errors import (
    IdentityTaken,
    InvalidField,
    OrganisationInactive,
    Refusal,
    UnknownOrganisation,
    UnknownVolunteer,
)
from ledger.recognition import proofs
from ledger.spending import pay_codes, tickets

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

    NotAllowed, InvalidField, UnknownOrganisation, OrganisationInactive, VolunteerExists, TooYoung, IdentityTaken.
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
    """Records who she is, all fields at once. NotAllowed, UnknownVolunteer, InvalidField, TooYoung, IdentityTaken."""
    her = await within(tx, me, Right.REGISTER, volunteer_no)
    await _record(tx, keys, me, her, identity)
    return her


async def _record(tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer, identity: Identity) -> None:
    born = identities.checked(identity, auth.today()).born
    if (refusal := ages.too_young(born, await ages.in_force(tx, me, auth.today()))) is not None:
        raise refusal
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
    """Destroys who she was, her number, how she signed in and what was written about her postings; the books stay whole
    and are nobody's. The lines of the sealed log never named her: they and every root stay as they are.

    NotAllowed, UnknownVolunteer, StillKnown.
    """
    her = await within(tx, me, Right.ERASE, volunteer_no)
    for user in await users.forget_volunteer(tx, me.book_id, volunteer_no, me.name):
        await sessions.forget(tx, user, me.book_id)
        await users.forget(tx, user)
    await persons.erase(tx, me.book_id, volunteer_no, her.holder, me.name, auth.now())
    await pay_codes.forget(tx, me.book_id, her.holder)
    await tickets.forget(tx, me.book_id, her.holder)
    await proofs.forget(tx, me.book_id, her.holder)
    await sealed_log.forget(tx, me.book_id, her.holder)
    await volunteers.forget(tx, me.book_id, volunteer_no, me.name)


# --- where she belongs ------------------------------------------------------------------------------------------------


async def move(tx: AsyncConnection, me: Principal, volunteer_no: str, organisation: str | None) -> Volunteer:
    """She belongs to another organisation from now on; the caller registers people for both.

    NotAllowed, UnknownVolunteer, VolunteerLeft, UnknownOrganisation, OrganisationInactive.
    """
    await _within_both(tx, me, volunteer_no, organisation)
    return await volunteers.move(tx, me.book_id, volunteer_no, organisation)


async def leave(tx: AsyncConnection, me: Principal, volunteer_no: str, day: date | None) -> Volunteer:
    """She is no longer a volunteer from `day` (None: today) on. NotAllowed, UnknownVolunteer, VolunteerLeft."""
    await within(tx, me, Right.REGISTER, volunteer_no)
    return await volunteers.leave(tx, me.book_id, volunteer_no, await today(tx) if day is None else day)


async def come_back(tx: AsyncConnection, me: Principal, volunteer_no: str, organisation: str | None) -> Volunteer:
    """She is a volunteer again, of this organisation.

    NotAllowed, UnknownVolunteer, UnknownOrganisation, OrganisationInactive.
    """
    await _within_both(tx, me, volunteer_no, organisation)
    return await volunteers.come_back(tx, me.book_id, volunteer_no, organisation)


async def _within_both(tx: AsyncConnection, me: Principal, volunteer_no: str, organisation: str | None) -> None:
    await within(tx, me, Right.REGISTER, volunteer_no)
    auth.within(me, Right.REGISTER, await auth.line_of(tx, me, organisation))


async def today(tx: AsyncConnection) -> date:
    """The day in the programme's books."""
    return day_of(await connect.now(tx))


# --- guardians --------------------------------------------------------------------------------------------------------


async def guardian(tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer) -> guardians.Shown | None:
    """Her guardian, masked, for who may see her; None where none is recorded. A look at a minor's is logged."""
    return await guardians.of_volunteer(tx, keys, me.book_id, her.volunteer_no, me.name, auth.now())


async def record_guardian(
    tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str, guardian: Guardian, text_version: str | None
) -> Volunteer:
    """Records her guardian and the text that the guardian has consented to, if any.

    NotAllowed, UnknownVolunteer, UnknownPerson, InvalidField.
    """
    her = await within(tx, me, Right.REGISTER, volunteer_no)
    await guardians.record(tx, keys, me.book_id, volunteer_no, guardian, text_version, me.name, auth.now())
    return her


async def end_guardian(tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str) -> None:
    """She has this guardian no longer, nor that consent. NotAllowed, UnknownVolunteer, UnknownGuardian."""
    await within(tx, me, Right.REGISTER, volunteer_no)
    await guardians.end(tx, keys, me.book_id, volunteer_no, me.name, auth.now())


async def reveal_guardian(tx: AsyncConnection, keys: Keys, me: Principal, volunteer_no: str, reason: str) -> Guardian:
    """Her guardian in full; who asked, and why, is logged. NotAllowed, UnknownVolunteer, UnknownGuardian."""
    await within(tx, me, Right.REVEAL, volunteer_no)
    return await guardians.reveal(tx, keys, me.book_id, volunteer_no, me.name, reason, auth.now())


# --- qualifications ---------------------------------------------------------------------------------------------------


async def qualify(
    tx: AsyncConnection, me: Principal, volunteer_no: str, name: str, passed_on: date, valid_until: date | None
) -> Volunteer:
    """Records what she has passed. NotAllowed, UnknownVolunteer, InvalidField."""
    her = await within(tx, me, Right.REGISTER, volunteer_no)
    day = await today(tx)
    await qualifications.record(tx, me.book_id, her.holder, name, passed_on, valid_until, by=me.name, today=day)
    return her


async def end_qualification(
    tx: AsyncConnection, me: Principal, volunteer_no: str, name: str, passed_on: date, last_day: date
) -> Volunteer:
    """It was taken back: `last_day` is the last on which it held.

    NotAllowed, UnknownVolunteer, InvalidField, UnknownQualification.
    """
    her = await within(tx, me, Right.REGISTER, volunteer_no)
    await qualifications.end(tx, me.book_id, her.holder, name, passed_on, last_day, by=me.name)
    return her


async def qualifications_of(tx: AsyncConnection, me: Principal, her: Volunteer) -> list[Qualification]:
    """All that is recorded of what she has passed, the newest first."""
    return await qualifications.of_volunteer(tx, me.book_id, her.holder)


# --- many at a time ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A row of a list of people to be registered. `identity`: who she is, or why that cannot be read."""

    volunteer_no: str
    organisation: str | None
    identity: Identity | InvalidField | None = None


async def register_many(
    tx: AsyncConnection, keys: Keys, me: Principal, rows: Sequence[Newcomer]
) -> list[bool | Refusal]:
    """Registers people, some 1,000 at a time; answers for each whether she is new, or why not.

    Who is there already stays as she is. NotAllowed where the caller does not register for one of the organisations;
    then nobody is registered. Refusals of rows: InvalidField, UnknownOrganisation, OrganisationInactive, TooYoung,
    IdentityTaken.
    """
    named = {row.organisation for row in rows}
    known = await organisations.find_many(tx, me.book_id, {code for code in named if code is not None})
    inactive = await organisations.inactive(tx, me.book_id, known.values())
    lines = {each.line for each in known.values()}
    for line in lines | ({()} if None in named else set()):
        auth.within(me, Right.REGISTER, line)
    there = await volunteers.holders_of(tx, me.book_id, {row.volunteer_no for row in rows})
    limits = await ages.in_force(tx, me, auth.today())
    checked = [_checked(row, known, inactive, limits) for row in rows]
    numbers = {each.id_number for each in checked if isinstance(each, Identity) and each.id_number is not None}
    taken = dict.fromkeys(await persons.taken(tx, keys, me.book_id, numbers), "")
    outcomes: list[bool | Refusal] = []
    new: dict[str, tuple[str | None, Identity | None]] = {}
    for row, identity in zip(rows, checked, strict=True):
        number = row.volunteer_no
        if isinstance(identity, Refusal):
            outcomes.append(identity)
        elif number in there or number in new:
            outcomes.append(False)
        elif identity is not None and identity.id_number in taken:
            outcomes.append(IdentityTaken(number))
        else:
            if identity is not None and identity.id_number is not None:
                taken[identity.id_number] = number
            new[number] = row.organisation, identity
            outcomes.append(True)
    holders: dict[str, str] = {}
    for code in sorted({organisation for organisation, _ in new.values()}, key=str):
        hers = [number for number, (organisation, _) in new.items() if organisation == code]
        holders |= await volunteers.register_many(tx, me.book_id, hers, code)
    people = [
        persons.Newcomer(number, holders[number], identity)
        for number, (_, identity) in new.items()
        if identity is not None
    ]
    await persons.record_many(tx, keys, me.book_id, people, me.name, auth.now())
    return outcomes


def _checked(
    row: Newcomer, known: Mapping[str, Organisation], inactive: Mapping[str, str], limits: Ages
) -> Identity | Refusal | None:
    """Who is to be registered, as she is recorded; or why she is not."""
    if not volunteers.NUMBER.fullmatch(row.volunteer_no):
        return InvalidField("volunteer", "not_a_volunteer_number")
    if row.organisation is not None:
        if row.organisation not in known:
            return UnknownOrganisation(row.organisation)
        if row.organisation in inactive:
            return OrganisationInactive(row.organisation, inactive[row.organisation])
    if row.identity is None or isinstance(row.identity, InvalidField):
        return row.identity
    try:
        identity = identities.checked(row.identity, auth.today())
    except InvalidField as refusal:
        return refusal
    return ages.too_young(identity.born, limits) or identity


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
