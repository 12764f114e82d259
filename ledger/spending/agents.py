"""代办: somebody redeems for somebody else who cannot come, and of what was redeemed so a share is asked about.

Both stand in the redemption. Some are drawn, and the staff call her whose points they were: did she send this person?
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import volunteers
from ledger.earning.tables import organisations
from ledger.errors import (
    AlreadyDecided,
    InvalidField,
    NotDisputable,
    RedemptionDisputed,
    SecondPersonNeeded,
    TooLateToDispute,
    UnknownRedemption,
    VolunteerLeft,
)
from ledger.spending import alarms, cases
from ledger.spending.policy import Policy
from ledger.spending.tables import outlets, redemptions


async def acting(tx: AsyncConnection, book: int, volunteer_no: str, holder: str) -> str:
    """The holder of the volunteer who acts for `holder`. UnknownVolunteer, VolunteerLeft, InvalidField (herself)."""
    agent = await volunteers.find(tx, book, volunteer_no)
    if agent.left_on is not None:
        raise VolunteerLeft(agent.left_on)
    if agent.holder == holder:
        raise InvalidField("agent", "herself")
    return agent.holder


def drawn(redemption_id: UUID, percent: int) -> bool:
    """Whether this redemption is among the percent that are asked about.

    The id is made by chance when it is redeemed, so neither till nor agent knows before; who audits can draw again.
    """
    return int.from_bytes(hashlib.sha256(b"call back\0" + redemption_id.bytes).digest()[:8]) % 100 < percent


# --- call-backs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallBack:
    """A redemption for somebody else about which she is asked. `line`: of the outlet's organisation.

    `answer`: `due`, or what she said: `confirmed`, `denied`.
    """

    redemption_id: UUID
    outlet: str
    outlet_name: str
    line: tuple[str, ...]
    till: int
    clerk: str | None
    holder: str
    agent: str
    status: str
    points: int
    day: date
    made_at: datetime
    answer: str
    called_by: str | None
    called_at: datetime | None


async def due(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> list[CallBack]:
    """Call-backs that nobody has made, the oldest first, after another one; UnknownRedemption.

    `within`: at outlets of these organisations or of those below them. What was cancelled is not asked about.
    """
    wanted = _of_book(book).where(redemptions.c.call_back == "due", redemptions.c.status == "done")
    if within is not None:
        wanted = wanted.where(organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))
    if after is not None:
        last = await find(tx, book, after)
        place = tuple_(redemptions.c.made_at, redemptions.c.redemption_id)
        wanted = wanted.where(place > tuple_(literal(last.made_at), literal(last.redemption_id)))
    rows = await tx.execute(wanted.order_by(redemptions.c.made_at, redemptions.c.redemption_id).limit(limit))
    return [_call_back(row) for row in rows]


async def find(tx: AsyncConnection, book: int, redemption_id: UUID) -> CallBack:
    """The call-back about a redemption; UnknownRedemption, also of one that was not drawn."""
    row = (await tx.execute(_of_book(book).where(redemptions.c.redemption_id == redemption_id))).one_or_none()
    if row is None:
        raise UnknownRedemption(redemption_id)
    return _call_back(row)


async def note(
    tx: AsyncConnection,
    book: int,
    redemption_id: UUID,
    *,
    confirmed: bool,
    by: str,
    holder: str | None,
    now: datetime,
    policy: Policy,
) -> CallBack:
    """Notes what she said. Denied, it becomes a case, which two others decide.

    `holder`: the caller's own, if she is a volunteer. Who was there, or is asked about, does not ask:
    SecondPersonNeeded. UnknownRedemption, AlreadyDecided (another answer stands there; the same one changes nothing).
    """
    await tx.execute(
        select(redemptions.c.redemption_id)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        .with_for_update(key_share=True)
    )
    found = await find(tx, book, redemption_id)
    answer = "confirmed" if confirmed else "denied"
    if found.answer == answer:
        return found
    if found.answer != "due":
        raise AlreadyDecided
    if involved(found, by, holder):
        raise SecondPersonNeeded
    await tx.execute(
        update(redemptions)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        .values(call_back=answer, called_by=by, called_at=now)
    )
    if not confirmed:
        await _dispute(tx, book, found, by, now, policy)
    return await find(tx, book, redemption_id)


def involved(of: CallBack, by: str, holder: str | None) -> bool:
    """Whether somebody (`holder`: her own, if she is a volunteer) had a hand in what is asked about."""
    return by == of.clerk or (holder is not None and holder in (of.holder, of.agent))


async def _dispute(tx: AsyncConnection, book: int, of: CallBack, by: str, now: datetime, policy: Policy) -> None:
    """Opens a case; where it is too late for one, or nothing is left to decide, the staff still hear of it."""
    try:
        await cases.dispute(tx, book, of.holder, of.redemption_id, by=by, now=now, policy=policy)
    except RedemptionDisputed:
        return  # she has said so herself
    except (NotDisputable, TooLateToDispute):
        await alarms.raise_(
            *(tx, book, "disputed", of.outlet),
            now=now,
            till=of.till,
            holder=of.holder,
            redemption_id=of.redemption_id,
            facts={"points": of.points},
        )


def _of_book(book: int) -> Any:
    return (
        select(
            redemptions.c.redemption_id,
            redemptions.c.outlet,
            outlets.c.name,
            organisations.c.line,
            redemptions.c.till,
            redemptions.c.clerk,
            redemptions.c.holder,
            redemptions.c.agent,
            redemptions.c.status,
            redemptions.c.points,
            redemptions.c.day,
            redemptions.c.made_at,
            redemptions.c.call_back,
            redemptions.c.called_by,
            redemptions.c.called_at,
        )
        .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == redemptions.c.outlet))
        .join(organisations, (organisations.c.book_id == book) & (organisations.c.code == outlets.c.organisation))
        .where(redemptions.c.book_id == book, redemptions.c.call_back.is_not(None), redemptions.c.agent.is_not(None))
    )


def _call_back(row: Any) -> CallBack:
    redemption_id, outlet, name, line, *rest = row
    return CallBack(redemption_id, outlet, name, tuple(line), *rest)
