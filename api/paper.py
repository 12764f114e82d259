"""Paper at a till: a card with its PIN, for people without a phone.

A card alone buys nothing. Its PIN is guessed at slowly: failures are counted for the card, whichever till it is shown
at, and for the till and the day, whichever cards it reads; those of the till are not forgotten when a PIN is right,
since a shopkeeper has a card of his own. A card that nobody has and a wrong PIN are one answer, after the same work.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, keys
from api.settings import Settings
from ledger import eighteen
from ledger.access import attempts, cards, users
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.access.users import Candidate
from ledger.earning import volunteers
from ledger.errors import ChangeNeeded, CodeMistyped, InvalidField, WrongPassword

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
        holder = (await volunteers.holders_of(tx, me.book_id, [volunteer_no])).get(volunteer_no)
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
