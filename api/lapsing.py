"""What lapses soon: a volunteer's own, and what staff see of their organisations, whichever door they come by."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, own
from api.bodies import day
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.books.chart import CODE
from ledger.earning import expiry
from ledger.earning.expiry import Lapsing
from ledger.errors import InvalidField

SEPARATOR: Final = "_"
"""Between day and account in the `after` of a page: it stands in addresses as it is."""


async def of_mine(tx: AsyncConnection, me: Principal) -> list[Lapsing]:
    """What lapses within 30 days of her wallet, by day. NotAllowed for who is no volunteer."""
    return await expiry.lapsing_of(tx, me.book_id, (await own.volunteer(tx, me)).holder)


async def within(tx: AsyncConnection, me: Principal, after: str | None, limit: int) -> tuple[list[Lapsing], str | None]:
    """What lapses within 30 days, by day and account, and after what the next page begins. InvalidField.

    Whose right is for an organisation sees its own and those below it.
    """
    held = rights.reach(me, Right.READ_BOOKS, auth.today())
    page = await expiry.lapsing(
        tx,
        me.book_id,
        of=None if held.book else held.organisations,
        after=None if after is None else _read(after),
        limit=limit,
    )
    last = page[-1] if len(page) == limit else None
    return page, None if last is None else f"{last.lapses_on}{SEPARATOR}{last.account}"


def _read(after: str) -> tuple[date, str]:
    on, _, account = after.partition(SEPARATOR)
    if not CODE.fullmatch(account):
        raise InvalidField("after", "not_an_account_code")
    return day(on, "after"), account
