"""Whose an item is: by her stars, by what she has passed, by her age.

Stars are those that the ladder in force gives her today by what the books hold, whether or not they have been awarded
with a certificate. No star is reckoned unless an item asks for one.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import qualifications
from ledger.recognition import ladders, stars
from ledger.spending.catalogue import Eligible


async def eligible(tx: AsyncConnection, book: int, holder: str, asked: Eligible, *, age: int | None, day: date) -> bool:
    """Whether all that an item asks for holds of this person on that day. An age that nobody knows is not the one."""
    if asked.least_age is not None and (age is None or age < asked.least_age):
        return False
    if asked.most_age is not None and (age is None or age > asked.most_age):
        return False
    if asked.tag is not None:
        held = await qualifications.held_by(tx, book, [(holder, day)])
        if asked.tag not in held[holder, day]:
            return False
    if asked.star is None and asked.most_star is None:
        return True
    ladder = await ladders.in_force(tx, book, day)
    star = await stars.star_of(tx, book, holder, ladder=ladder, day=day)
    return (asked.star is None or star >= asked.star) and (asked.most_star is None or star <= asked.most_star)
