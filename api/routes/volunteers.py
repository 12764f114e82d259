"""Volunteers as persons, over HTTP: registered, looked up, shown in part, revealed with a reason, erased.

Personal data stand in bodies only: an address ends up in logs and histories.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, staff, views, volunteers
from api.bodies import Body, IdentityBody, Limit
from api.calls import Nothing
from ledger.access import renewals
from ledger.access.ciphers import Keys
from ledger.access.identities import Field, Masked
from ledger.access.renewals import Renewal
from ledger.access.rights import Principal, Right
from ledger.earning.volunteers import OWN_ACCOUNTS, Volunteer
from ledger.errors import InvalidField

REGISTER = {"right": Right.REGISTER, "scoped": True}
READ = {"right": Right.READ_PEOPLE, "scoped": True}
RENEW = {"right": Right.RENEW_PIN, "scoped": True}


class NewVolunteer(Body, frozen=True):
    """A volunteer to be registered, by an organisation or by the book's own staff.

    `sign_in`: she gets a PIN for the first sign-in with her number.
    """

    volunteer: str
    organisation: str | None = None
    identity: IdentityBody | None = None
    sign_in: bool = False


class Search(Body, frozen=True):
    """What somebody is looked for by: a phone or an identity number."""

    phone: str | None = None
    id_number: str | None = None


class Reveal(Body, frozen=True):
    """What is to be seen in full, and why: the reason is kept in the access log."""

    fields: Annotated[list[Field], msgspec.Meta(min_length=1, max_length=4)]
    reason: str


class PersonView(msgspec.Struct, frozen=True):
    """As much of a person as a page shows; of a minor the name's mask alone. `minor` is null where it is not known."""

    name: str
    phone: str | None
    id_number: str | None
    minor: bool | None


class VolunteerView(msgspec.Struct, frozen=True):
    """A volunteer, her accounts, and who she is, masked (null where nothing is recorded).

    `left_on`: since when she is no longer one, null for who has not left.
    """

    volunteer: str
    organisation: str | None
    accounts: list[str]
    person: PersonView | None
    left_on: datetime.date | None


class NewVolunteerView(VolunteerView, frozen=True, kw_only=True):
    """The new volunteer, and the PIN for her first sign-in, shown once (null where none was asked for)."""

    pin: str | None


class Volunteers(msgspec.Struct, frozen=True):
    """Volunteers; `next` is always null."""

    items: list[VolunteerView]
    next: str | None


class RevealedView(msgspec.Struct, frozen=True):
    """The fields that were asked for; the others, and what is not recorded, are null."""

    name: str | None
    phone: str | None
    id_number: str | None
    born: datetime.date | None


class CardView(msgspec.Struct, frozen=True):
    """The 18 digits of a new card, shown once."""

    digits: str


class RenewalView(msgspec.Struct, frozen=True):
    """A PIN to be renewed."""

    id: UUID
    volunteer: str
    status: Literal["waiting", "confirmed", "declined"]
    asked_by: str
    asked_at: datetime.datetime


class Renewals(msgspec.Struct, frozen=True):
    """Renewals that wait for a second person, the oldest first; `next` is always null."""

    items: list[RenewalView]
    next: str | None


class NewPinView(msgspec.Struct, frozen=True):
    """A new PIN, shown once; it opens nothing but its own change."""

    volunteer: str
    pin: str


class AccessView(msgspec.Struct, frozen=True):
    """A line of the access log. `holder`: the number under which the books know her.

    `reason_lost`: there was a reason, and the person has been erased.
    """

    id: UUID
    at: datetime.datetime
    actor: str
    action: str
    holder: str
    fields: list[str]
    minor: bool | None
    reason: str | None
    reason_lost: bool


class AccessLog(msgspec.Struct, frozen=True):
    """The newest lines first; `next` is the `after` of the next page, null at the end."""

    items: list[AccessView]
    next: UUID | None


# --- registering and looking up --------------------------------------------------------------------------------------


@post(
    "/volunteers",
    opt=REGISTER,
    operation_id="registerVolunteer",
    summary="Register a volunteer",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def register(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[NewVolunteer],
) -> NewVolunteerView:
    """Registers a volunteer number with its accounts; who she is and her sign-in may come along or later."""
    identity = data.identity.identity() if data.identity is not None else None
    async with database.begin() as tx:
        her, pin = await volunteers.register(
            tx, keys, me, data.volunteer, data.organisation, identity, sign_in=data.sign_in
        )
        shown = await _shown(tx, keys, me, [her])
    only = shown[0]
    return NewVolunteerView(only.volunteer, only.organisation, only.accounts, only.person, only.left_on, pin=pin)


@get(
    "/volunteers/{volunteer:str}",
    opt=READ,
    operation_id="readVolunteer",
    summary="One volunteer, masked",
    responses=views.refusals(404),
)
async def read_volunteer(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
) -> VolunteerView:
    """A volunteer as staff see her. That a minor was shown is logged."""
    async with database.begin() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, volunteer)
        return (await _shown(tx, keys, me, [her]))[0]


@post(
    "/volunteers/search",
    status_code=200,
    opt=READ,
    operation_id="searchVolunteers",
    summary="Who has this phone or number",
    responses=views.refusals(400, 413, 415),
)
async def search(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[Search],
) -> Volunteers:
    """The volunteers within the caller's reach with this phone or identity number, masked."""
    if (data.phone is None) == (data.id_number is None):
        raise InvalidField("phone", "either_this_or_id_number")
    async with database.begin() as tx:
        if data.phone is not None:
            hers = await volunteers.with_phone(tx, keys, me, data.phone)
        else:
            hers = await volunteers.with_id_number(tx, keys, me, data.id_number or "")
        return Volunteers(await _shown(tx, keys, me, hers), None)


@put(
    "/volunteers/{volunteer:str}/identity",
    opt=REGISTER,
    operation_id="recordIdentity",
    summary="Record who she is",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def record_identity(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[IdentityBody],
) -> VolunteerView:
    """Records who a volunteer is, or corrects it: all fields at once."""
    async with database.begin() as tx:
        her = await volunteers.record(tx, keys, me, volunteer, data.identity())
        return (await _shown(tx, keys, me, [her]))[0]


@post(
    "/volunteers/{volunteer:str}/reveal",
    status_code=200,
    opt={"right": Right.REVEAL, "scoped": True},
    operation_id="revealIdentity",
    summary="See in full, with a reason",
    responses=views.refusals(400, 404, 413, 415),
)
async def reveal(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Reveal],
) -> RevealedView:
    """Shows fields of a volunteer in full. Who asked, for what and why stands in the access log, which she can read."""
    async with database.begin() as tx:
        shown = await volunteers.reveal(tx, keys, me, volunteer, data.fields, data.reason)
    return RevealedView(shown.name, shown.phone, shown.id_number, shown.born)


@post(
    "/volunteers/{volunteer:str}/card",
    opt=REGISTER,
    operation_id="issueCard",
    summary="A new card",
    responses=views.refusals(400, 404, 413, 415),
)
async def issue_card(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> CardView:
    """Issues a card; the one of before ends. No body needed."""
    async with database.begin() as tx:
        return CardView(await volunteers.issue_card(tx, keys, me, volunteer))


@delete(
    "/volunteers/{volunteer:str}/card",
    opt=REGISTER,
    operation_id="endCard",
    summary="End her card",
    responses=views.refusals(404),
)
async def end_card(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> None:
    """Ends a card that was lost."""
    async with database.begin() as tx:
        await volunteers.end_card(tx, me, volunteer)


@delete(
    "/volunteers/{volunteer:str}",
    opt={"right": Right.ERASE, "scoped": True},
    operation_id="eraseVolunteer",
    summary="Erase a person",
    responses=views.refusals(404, 409),
)
async def erase(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> None:
    """Destroys who she was, her number and how she signed in. The books stay whole and are nobody's.

    It cannot be undone.
    """
    async with database.begin() as tx:
        await volunteers.erase(tx, me, volunteer)


async def _shown(tx: AsyncConnection, keys: Keys, me: Principal, hers: list[Volunteer]) -> list[VolunteerView]:
    masked = await volunteers.masked(tx, keys, me, hers)
    return [
        VolunteerView(
            her.volunteer_no,
            her.organisation,
            [her.account(code) for code in OWN_ACCOUNTS],
            _person(masked.get(her.volunteer_no)),
            her.left_on,
        )
        for her in hers
    ]


def _person(masked: Masked | None) -> PersonView | None:
    return None if masked is None else PersonView(masked.name, masked.phone, masked.id_number, masked.minor)


# --- a forgotten PIN -------------------------------------------------------------------------------------------------


@post(
    "/volunteers/{volunteer:str}/pin-renewal",
    status_code=200,
    opt=RENEW,
    operation_id="askForPin",
    summary="Ask for a new PIN",
    responses=views.refusals(400, 404, 413, 415),
)
async def ask_for_pin(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> RenewalView:
    """Asks for a new PIN, which a second member of staff has to confirm within a day. No body needed."""
    async with database.begin() as tx:
        return _renewal(await staff.ask_for_pin(tx, me, volunteer))


@get(
    "/pin-renewals",
    opt=RENEW,
    operation_id="listPinRenewals",
    summary="PINs to be renewed",
    responses=views.refusals(),
)
async def list_renewals(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Renewals:
    """The renewals within the caller's reach that wait for a second person."""
    async with database.connect() as tx:
        return Renewals([_renewal(each) for each in await staff.waiting_renewals(tx, me)], None)


@post(
    "/pin-renewals/{renewal_id:uuid}/confirm",
    status_code=200,
    opt=RENEW,
    operation_id="confirmPinRenewal",
    summary="Confirm a new PIN",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def confirm_renewal(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    renewal_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> NewPinView:
    """Gives her a new PIN and signs her out everywhere; not by the one who asked for it. No body needed."""
    async with database.begin() as tx:
        asked, pin = await staff.confirm_pin(tx, me, renewal_id)
    return NewPinView(asked.volunteer_no, pin)


@post(
    "/pin-renewals/{renewal_id:uuid}/decline",
    status_code=200,
    opt=RENEW,
    operation_id="declinePinRenewal",
    summary="Let the old PIN stand",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decline_renewal(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    renewal_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> RenewalView:
    """Lets the old PIN stand. No body needed."""
    async with database.begin() as tx:
        await staff.decline_pin(tx, me, renewal_id)
        return _renewal(await renewals.read(tx, me.book_id, renewal_id))


def _renewal(each: Renewal) -> RenewalView:
    status: Literal["waiting", "confirmed", "declined"] = (
        "waiting" if each.confirmed is None else "confirmed" if each.confirmed else "declined"
    )
    return RenewalView(each.renewal_id, each.volunteer_no, status, each.asked_by, each.asked_at)


# --- who saw what ----------------------------------------------------------------------------------------------------


@get(
    "/access-log",
    opt={"right": Right.READ_ACCESS_LOG},
    operation_id="readAccessLog",
    summary="Who saw whose data",
    responses=views.refusals(400, 404),
)
async def read_access_log(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromQuery[str | None] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[UUID | None] = None,
) -> AccessLog:
    """Who recorded, saw or erased personal data, of one volunteer or of all, the newest first."""
    async with database.connect() as tx:
        lines = await volunteers.accesses(tx, keys, me, volunteer, limit, after)
    items = [
        AccessView(
            each.access_id,
            each.at,
            each.actor,
            each.action,
            each.holder,
            list(each.fields),
            each.minor,
            each.reason,
            each.reason_lost,
        )
        for each in lines
    ]
    return AccessLog(items, items[-1].id if len(items) == limit else None)


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        register,
        read_volunteer,
        search,
        record_identity,
        reveal,
        issue_card,
        end_card,
        erase,
        ask_for_pin,
        list_renewals,
        confirm_renewal,
        decline_renewal,
        read_access_log,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["people"],
)
