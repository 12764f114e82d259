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
    here, there = outlets.alias(), outlets.alias()
    found = await tx.execute(
        select(here.c.latitude, here.c.longitude, there.c.latitude, there.c.longitude)
        .distinct()
        .select_from(redemptions)
        .join(here, (here.c.book_id == book) & (here.c.outlet == outlet))
        .join(there, (there.c.book_id == book) & (there.c.outlet == redemptions.c.outlet))
        .where(
            redemptions.c.book_id == book,
            redemptions.c.holder == holder,
            redemptions.c.made_at > now - timedelta(minutes=policy.apart_minutes),
            redemptions.c.outlet != outlet,
            here.c.latitude.is_not(None),
            there.c.latitude.is_not(None),
        )
    )
    return any(
        metres(Place(*place[:2]), Place(*place[2:])) >= policy.apart_km * _A_KILOMETRE for place in found.tuples()
    )
