"""Alarms: what the rules of spending notice by themselves and the staff look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.spending.distance import Place, metres
from ledger.spending.policy import Policy
from ledger.spending.tables import outlets, redemptions

_A_KILOMETRE: Final = 1000


async def far_apart(tx: AsyncConnection, book: int, holder: str, outlet: str, now: datetime, policy: Policy) -> bool:
    """Whether somebody redeemed a few minutes ago at an outlet too far away to have come from there.

    What she declined, or what was cancelled, counts too: the code was shown there. An outlet whose place nobody has
    recorded is far from nowhere.
    """
    here = await tx.execute(
        select(outlets.c.latitude, outlets.c.longitude).where(
            outlets.c.book_id == book, outlets.c.outlet == outlet, outlets.c.latitude.is_not(None)
        )
    )
    there = await tx.execute(
        select(outlets.c.latitude, outlets.c.longitude)
        .distinct()
        .join(redemptions, (redemptions.c.book_id == book) & (redemptions.c.outlet == outlets.c.outlet))
        .where(
            outlets.c.book_id == book,
            outlets.c.outlet != outlet,
            outlets.c.latitude.is_not(None),
            redemptions.c.holder == holder,
            redemptions.c.made_at > now - timedelta(minutes=policy.apart_minutes),
        )
    )
    elsewhere = [Place(*row) for row in there]
    return any(metres(Place(*row), each) >= policy.apart_km * _A_KILOMETRE for row in here for each in elsewhere)
