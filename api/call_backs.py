"""Call-backs of what was redeemed for somebody else (代办), whichever door they come by: whose they are to make."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, desk
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.spending import agents, policies
from ledger.spending.agents import CallBack


async def due(tx: AsyncConnection, me: Principal, *, after: UUID | None = None, limit: int) -> list[CallBack]:
    """What waits for a call, at outlets within reach, the oldest first. NotAllowed, UnknownRedemption."""
    within = desk.reach(me, Right.DECIDE_CASES)
    return await agents.due(tx, me.book_id, within, after=after, limit=limit)


async def note(tx: AsyncConnection, me: Principal, redemption_id: UUID, *, confirmed: bool) -> CallBack:
    """Notes what she said. UnknownRedemption, NotAllowed, AlreadyDecided, SecondPersonNeeded."""
    found = await agents.find(tx, me.book_id, redemption_id)
    auth.within(me, Right.DECIDE_CASES, found.line)
    now = await connect.now(tx)
    return await agents.note(
        tx,
        me.book_id,
        redemption_id,
        confirmed=confirmed,
        by=me.name,
        holder=await desk.holder(tx, me),
        now=now,
        policy=await policies.in_force(tx, me.book_id, day_of(now)),
    )


async def numbers_of(tx: AsyncConnection, me: Principal, found: list[CallBack]) -> dict[str, str]:
    """The volunteer numbers of all who stand in them, by holder; who has been erased is not in it."""
    return await volunteers.numbers_of(
        tx, me.book_id, {holder for each in found for holder in (each.holder, each.agent)}
    )
