"""Whose an item is: by her stars, by what she has passed, by her age."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import balances
from ledger.earning import qualifications
from ledger.spending.catalogue import Eligible
from ledger.spending.policy import Policy


async def eligible(
    tx: AsyncConnection, book: int, holder: str, asked: Eligible, *, age: int | None, day: date, policy: Policy
) -> bool:
    """Whether all that an item asks for holds of this person on that day. An age that nobody knows is not the one."""
    if asked.least_age is not None and (age is None or age < asked.least_age):
        return False
    if asked.most_age is not None and (age is None or age > asked.most_age):
        return False
    if asked.tag is not None:
        held = await qualifications.held_by(tx, book, [(holder, day)])
        if asked.tag not in held[holder, day]:
            return False
    return asked.star is None or await star_of(tx, book, holder, policy) >= asked.star


async def star_of(tx: AsyncConnection, book: int, holder: str, policy: Policy) -> int:
    """How many stars somebody's credit hours are worth; 0: none yet."""
    minutes = sum(each.balance for each in await balances.balances(tx, book, [f"9200.{holder}"]))
    return sum(minutes >= least for least in policy.star_minutes)
