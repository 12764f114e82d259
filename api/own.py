"""What a person sees of herself, whichever door she comes by: consents, and who looked."""

from __future__ import annotations

import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access import consents, log
from ledger.access.ciphers import Keys
from ledger.access.consents import Consent
from ledger.access.log import Access
from ledger.access.rights import Principal
from ledger.earning import volunteers
from ledger.earning.volunteers import Volunteer
from ledger.errors import NotAllowed


async def volunteer(tx: AsyncConnection, me: Principal) -> Volunteer:
    """Who she is to the programme; NotAllowed for who is no volunteer."""
    if me.volunteer_no is None:
        raise NotAllowed
    return await volunteers.find(tx, me.book_id, me.volunteer_no)


# --- consents --------------------------------------------------------------------------------------------------------


class ConsentView(msgspec.Struct, frozen=True):
    """A consent; it holds until it is withdrawn."""

    purpose: str
    text_version: str
    given_at: datetime.datetime
    given_by: str
    withdrawn_at: datetime.datetime | None
    withdrawn_by: str | None


async def consents_of(tx: AsyncConnection, me: Principal) -> list[Consent]:
    """All consents that she ever gave, the newest first."""
    return await consents.history(tx, me.book_id, (await volunteer(tx, me)).holder)


async def agree(tx: AsyncConnection, me: Principal, purpose: str, text_version: str) -> None:
    """Agrees to a purpose; a minor's guardian agrees at the service station. InvalidField."""
    her = await volunteer(tx, me)
    await consents.give(tx, me.book_id, her.holder, purpose, text_version, "self", auth.now())


async def withdraw(tx: AsyncConnection, me: Principal, purpose: str) -> bool:
    """Withdraws a consent from now on (PIPL 15); whether there was one. InvalidField."""
    return await consents.withdraw(tx, me.book_id, (await volunteer(tx, me)).holder, purpose, "self", auth.now())


def view(each: Consent) -> ConsentView:
    """A consent as answers show it."""
    return ConsentView(
        each.purpose, each.text_version, each.given_at, each.given_by, each.withdrawn_at, each.withdrawn_by
    )


# --- who looked --------------------------------------------------------------------------------------


async def accesses(tx: AsyncConnection, keys: Keys, me: Principal, limit: int) -> list[Access]:
    """Who recorded or saw her data, the newest first."""
    return await log.read_log(tx, keys, me.book_id, (await volunteer(tx, me)).holder, limit)
