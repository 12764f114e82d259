"""Activities, whichever door one comes by, the API or a page: how far the right reaches, then the verbs.

Who shows anybody's data answers when the transaction has been committed, and not before (`volunteers`).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api import ages, auth, own, volunteers
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import activities, attendances, organisations
from ledger.earning import volunteers as earners
from ledger.earning.activities import Activity, Plan
from ledger.earning.attendances import Attendance, Closing
from ledger.earning.volunteers import Volunteer
from ledger.errors import CodeStale, Refusal, UnknownActivity, UnknownBook

TICKET: Final = timedelta(minutes=5)
"""How long somebody who has shown the code may take to sign in: the password of eighty-year-olds takes its time."""


# --- planning --------------------------------------------------------------------------------------------------------


async def within(tx: AsyncConnection, me: Principal, right: Right, code: str) -> Activity:
    """The activity, if the right reaches its organisation. NotAllowed, UnknownActivity."""
    found = await activities.find(tx, me.book_id, code)
    auth.within(me, right, found.line)
    return found


async def publish(tx: AsyncConnection, me: Principal, organisation: str, plan: Plan, code: str | None) -> Activity:
    """A new activity. NotAllowed, UnknownOrganisation, OrganisationInactive, InvalidField, ActivityExists."""
    auth.within(me, Right.RECORD, (await organisations.find(tx, me.book_id, organisation)).line)
    return await activities.add(tx, me.book_id, organisation, plan, code=code, by=me.name, now=await connect.now(tx))


async def change(tx: AsyncConnection, me: Principal, code: str, plan: Plan) -> Activity:
    """The activity planned anew. NotAllowed, and as `activities.change`."""
    await within(tx, me, Right.RECORD, code)
    return await activities.change(tx, me.book_id, code, plan, now=await connect.now(tx))


async def cancel(tx: AsyncConnection, me: Principal, code: str) -> Activity:
    """The activity, which does not take place. NotAllowed, and as `activities.cancel`."""
    await within(tx, me, Right.RECORD, code)
    return await activities.cancel(tx, me.book_id, code, by=me.name, now=await connect.now(tx))


async def in_reach(
    tx: AsyncConnection,
    me: Principal,
    *,
    organisation: str | None = None,
    day: date | None = None,
    since: datetime | None = None,
    after: str | None = None,
    limit: int,
) -> list[Activity]:
    """The activities of the organisations whose records the caller reads, or of this one. NotAllowed for others."""
    held = rights.reach(me, Right.READ_RECORDS, auth.today())
    if organisation is not None:
        auth.within(me, Right.READ_RECORDS, (await organisations.find(tx, me.book_id, organisation)).line)
    return await activities.activities_of(
        tx,
        me.book_id,
        within=None if held.book else held.organisations,
        organisation=organisation,
        day=day,
        since=since,
        after=after,
        limit=limit,
    )


# --- the leader ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """What the leader's screen shows: the code, the address that its QR code holds, and until when."""

    code: str
    url: str
    expires_at: datetime


async def code(tx: AsyncConnection, me: Principal, request: StrictRequest, settings: Settings, of: Activity) -> Shown:
    """The code of now. ActivityCancelled, ActivityClosed."""
    of.stands()
    now = await connect.now(tx)
    shown = attendances.code_at(me.book_id, of, now)
    top = (settings.public_url or str(request.base_url)).rstrip("/")
    return Shown(shown, f"{top}/in/{me.book}/{of.activity}/{shown}", attendances.code_ends(now))


async def sign_in_by_leader(
    tx: AsyncConnection, keys: Keys, me: Principal, code: str, volunteer_no: str, *, accompanied: bool = False
) -> Attendance:
    """Signs in somebody without a phone, a child perhaps `accompanied` by an adult.

    NotAllowed, UnknownVolunteer, and as `attendances.sign_in_by_leader`.
    """
    activity = await within(tx, me, Right.RECORD, code)
    her = await earners.find(tx, me.book_id, volunteer_no)
    return await attendances.sign_in_by_leader(
        tx,
        me.book_id,
        activity,
        her.holder,
        by=me.name,
        now=await connect.now(tx),
        age_problem=await _age_problem(tx, keys, me, her, activity, accompanied=accompanied),
    )


async def sign_out_by_leader(tx: AsyncConnection, me: Principal, code: str, volunteer_no: str) -> Attendance:
    """Signs out somebody without a phone. NotAllowed, UnknownVolunteer, and as `attendances.sign_out`."""
    activity = await within(tx, me, Right.RECORD, code)
    her = await earners.find(tx, me.book_id, volunteer_no)
    return await attendances.sign_out_by_leader(
        tx, me.book_id, activity, her.holder, by=me.name, now=await connect.now(tx)
    )


async def strike(tx: AsyncConnection, me: Principal, code: str, volunteer_no: str, pair: int) -> Attendance:
    """Strikes out who is not there. NotAllowed, UnknownVolunteer, and as `attendances.strike`."""
    await within(tx, me, Right.RECORD, code)
    her = await earners.find(tx, me.book_id, volunteer_no)
    return await attendances.strike(tx, me.book_id, code, her.holder, pair, by=me.name, now=await connect.now(tx))


async def close(tx: AsyncConnection, me: Principal, code: str, head_count: int) -> Closing:
    """Closes an activity and hands in its records. NotAllowed, and as `attendances.close`."""
    await within(tx, me, Right.RECORD, code)
    return await attendances.close(tx, me.book_id, code, head_count, by=me.name, now=await connect.now(tx))


async def numbers(tx: AsyncConnection, me: Principal, there: Collection[Attendance]) -> dict[str, str]:
    """The volunteer numbers of these people by holder; who has been erased is not in it."""
    return await earners.numbers_of(tx, me.book_id, {each.holder for each in there})


async def names(tx: AsyncConnection, keys: Keys, me: Principal, numbers: dict[str, str]) -> dict[str, Masked]:
    """Who they are, masked, by volunteer number. That minors were shown is logged."""
    hers = [Volunteer(number, holder) for holder, number in numbers.items()]
    return await volunteers.masked(tx, keys, me, hers)


async def names_on_screen(tx: AsyncConnection, keys: Keys, me: Principal, numbers: Sequence[str]) -> dict[str, str]:
    """The masked names of those who are known to be grown up: a screen is for everybody to see."""
    return await persons.names_of_grown(tx, keys, me.book_id, numbers, auth.now())


# --- the volunteer ---------------------------------------------------------------------------------------------------


async def sign_in(tx: AsyncConnection, keys: Keys, me: Principal, activity: str, code: str | None) -> Attendance:
    """Signs in who has the code, or (None) has shown it before. NotAllowed, and as `attendances.sign_in`."""
    her = await own.volunteer(tx, me)
    found, now = await activities.find_now(tx, me.book_id, activity)
    problem = await _age_problem(tx, keys, me, her, found)
    return await attendances.sign_in(
        tx, me.book_id, found, her.holder, code=code, by=me.name, now=now, age_problem=problem
    )


async def sign_out(tx: AsyncConnection, me: Principal, activity: str, code: str | None) -> Attendance:
    """Signs out who has the code, or (None) has shown it before. NotAllowed, and as `attendances.sign_out`."""
    her = await own.volunteer(tx, me)
    found, now = await activities.find_now(tx, me.book_id, activity)
    return await attendances.sign_out(tx, me.book_id, found, her.holder, code=code, by=me.name, now=now)


async def _age_problem(
    tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer, activity: Activity, *, accompanied: bool = False
) -> Refusal | None:
    """Why she may not come for her age on that day, which her personal data tell; None: she may."""
    day = day_of(activity.starts_at)
    return await ages.hindrance(tx, keys, me, her, day, least_age=activity.least_age, accompanied=accompanied)


# --- tickets ---------------------------------------------------------------------------------------------------------
# A code lives for a minute, which is too short for who has to sign in to the service first. Who has shown it in time
# gets a ticket: the browser that has (before anybody has signed in), or she herself.


async def shown_in_time(tx: AsyncConnection, book: str, activity: str, code: str) -> bool:
    """Whether the activity's screen shows this code. Whether there is such an activity is not told."""
    try:
        book_id = (await directory.find_book(tx, book)).book_id
        found = await activities.find(tx, book_id, activity)
        attendances.check_code(book_id, found, code, await connect.now(tx))
    except (UnknownBook, UnknownActivity, CodeStale):
        return False
    return True


def ticket(settings: Settings, book: str, activity: str, holder: str = "") -> str:
    """For this person; without one, for the browser that keeps it."""
    ends = int((auth.now() + TICKET).timestamp())
    return f"{ends}-{_seal(settings.session_keys[0], book, activity, holder, ends)}"


def is_ticket(settings: Settings, text: str, book: str, activity: str, holder: str = "") -> bool:
    """Whether it is a ticket for this that still holds."""
    ends, _, seal = text.partition("-")
    if not (ends.isascii() and ends.isdigit() and len(ends) < 16 and int(ends) >= auth.now().timestamp()):
        return False
    seals = [_seal(key, book, activity, holder, int(ends)) for key in settings.session_keys]
    return any(hmac.compare_digest(each.encode(), seal.encode("utf-8", "replace")) for each in seals)


def _seal(key: str, book: str, activity: str, holder: str, ends: int) -> str:
    message = f"meide sign-in ticket/{book}/{activity}/{holder}/{ends}".encode("utf-8", "replace")
    return hmac.digest(key.encode(), message, "sha256").hex()[:32]
