"""Paper, for people without a phone: a card with its PIN at a till, and one-time tickets in printed sheets.

A card alone buys nothing. Its PIN is guessed at slowly: failures are counted for the card, whichever till it is shown
at, and for the till and the day, whichever cards it reads; those of the till are not forgotten when a PIN is right,
since a shopkeeper has a card of his own. A card that nobody has and a wrong PIN are one answer, after the same work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, keys, volunteers
from api.settings import Settings
from ledger import eighteen
from ledger.access import attempts, cards, ciphers, users
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.access.users import Candidate
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.volunteers import Volunteer, holders_of
from ledger.errors import ChangeNeeded, CodeMistyped, InvalidField, UnknownSheet, WrongPassword
from ledger.spending import policies, tickets
from ledger.spending.tickets import Sheet

_NO_VOLUNTEER: Final = "card.of.nobody"
"""In place of the number that stands for a card: no volunteer's, but one that is looked up."""


async def by_card(database: AsyncEngine, settings: Settings, me: Principal, card: str, pin: str) -> str:
    """The holder whose card it is, of the till's own book, if the PIN is hers. `me`: the till.

    CodeMistyped, InvalidField (no PIN at all), WrongPassword, TooManyAttempts; ChangeNeeded where somebody else has
    seen her PIN: who gave it to her could buy with it. No connection is held while the PIN is looked at.
    """
    digits, personal = eighteen.plain(card), keys.personal(settings)
    if not cards.is_card(digits):
        raise CodeMistyped
    if not users.PIN.fullmatch(pin):
        raise InvalidField("pin", "not_six_digits")
    async with database.begin() as tx:
        volunteer_no = await _of_card(tx, personal, me, digits)
        [candidate] = await users.find_volunteer(tx, volunteer_no, me.book_id)
        holder = (await holders_of(tx, me.book_id, [volunteer_no])).get(volunteer_no)
        of_card, of_till = _attempts(settings, me, candidate, digits)
        for each in sorted((of_card, of_till)):  # in one order, whoever else is at a till at the same time
            await attempts.begin(tx, each, auth.now())
    found = await users.verify([candidate], pin)
    assert found.user is not None, "verified"
    async with database.begin() as tx:
        await auth.unchanged(tx, found)
        if holder is None or await _of_card(tx, personal, me, digits) != volunteer_no:
            raise WrongPassword
        grants = (await users.grants_of(tx, found.user.user_id, auth.today())).get(me.book_id, ())
        if all(each.volunteer_no != volunteer_no for each in grants):
            raise WrongPassword
        await attempts.succeeded(tx, of_card)
        await attempts.not_counted(tx, of_till, auth.now())
    if found.user.must_change:
        raise ChangeNeeded
    return holder


async def _of_card(tx: AsyncConnection, personal: Keys, me: Principal, digits: str) -> str:
    """Whose card it is in this book; of nobody's a number that nobody has."""
    named = await cards.holder_of_card(tx, personal, digits)
    return next((volunteer_no for book, volunteer_no in named if book == me.book_id), _NO_VOLUNTEER)


def _attempts(settings: Settings, me: Principal, candidate: Candidate, digits: str) -> tuple[bytes, bytes]:
    """Under what attempts at this card, at whichever till, and at this till on this day are counted."""
    key, user = settings.session_keys[0], candidate.user
    return (
        attempts.digest(key, None if user is None else user.user_id, digits, "tills"),
        attempts.digest(key, None, f"till {me.number} on {auth.today()}", "tills"),
    )


# --- one-time tickets -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Printed:
    """A new sheet, whose it is, and the digits of its tickets, told here and never again."""

    sheet: Sheet
    her: Volunteer
    digits: tuple[str, ...] = field(repr=False)


async def issue_sheet(
    tx: AsyncConnection, personal: Keys, me: Principal, volunteer_no: str, count: int, replaces: UUID | None = None
) -> Printed:
    """A sheet of so many tickets; the one that it replaces ends.

    NotAllowed, UnknownVolunteer, InvalidField, UnknownSheet.
    """
    her = await volunteers.within(tx, me, Right.RENEW_PIN, volunteer_no)
    if not 1 <= count <= tickets.MOST:
        raise InvalidField("tickets", "out_of_range")
    now = await connect.now(tx)
    digits = tuple(eighteen.new_number(eighteen.PAPER) for _ in range(count))
    sheet = await tickets.issue(
        tx,
        me.book_id,
        her.holder,
        [ciphers.digest(personal, "spending", each) for each in digits],
        by=me.name,
        now=now,
        policy=await policies.in_force(tx, me.book_id, day_of(now)),
        replaces=replaces,
    )
    return Printed(sheet, her, digits)


async def sheets_of(tx: AsyncConnection, me: Principal, volunteer_no: str) -> list[Sheet]:
    """Her sheets, the newest first. NotAllowed, UnknownVolunteer."""
    her = await volunteers.within(tx, me, Right.RENEW_PIN, volunteer_no)
    return await tickets.of_volunteer(tx, me.book_id, her.holder)


async def end_sheet(tx: AsyncConnection, me: Principal, volunteer_no: str, sheet_id: UUID) -> tuple[Sheet, bool]:
    """Ends a sheet of hers that was lost, and says whether a ticket was left of it.

    NotAllowed, UnknownVolunteer, UnknownSheet.
    """
    her = await volunteers.within(tx, me, Right.RENEW_PIN, volunteer_no)
    if (await tickets.find(tx, me.book_id, sheet_id)).holder != her.holder:
        raise UnknownSheet(sheet_id)
    ended = await tickets.end_sheet(tx, me.book_id, sheet_id, await connect.now(tx))
    return await tickets.find(tx, me.book_id, sheet_id), ended
