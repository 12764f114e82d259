"""Alarms: what the rules of spending notice by themselves, for the staff to look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.days import day_of
from ledger.earning.tables import organisations
from ledger.errors import UnknownAlarm
from ledger.spending.outlets import MILLIONTHS, metres
from ledger.spending.policy import Policy
from ledger.spending.tables import alarms, outlets, redemptions

Rule = Literal["unknown_codes", "far_apart", "over_shop_day", "over_pair", "disputed"]

_A_KILOMETRE: Final = 1000


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a rule has noticed at an outlet, whose organisation is the first of `line`. `seen_by` None: nobody yet.

    `facts`: what the rule goes by; `times`, where the same was noticed again before somebody had seen it.
    """

    alarm_id: UUID
    rule: Rule
    outlet: str
    outlet_name: str
    line: tuple[str, ...]
    till: int | None
    holder: str | None
    redemption_id: UUID | None
    facts: Mapping[str, Any]
    raised_at: datetime
    seen_by: str | None
    seen_at: datetime | None


async def raise_(
    tx: AsyncConnection,
    book: int,
    rule: Rule,
    outlet: str,
    *,
    now: datetime,
    till: int | None = None,
    holder: str | None = None,
    redemption_id: UUID | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Raises an alarm; the same one on the same day, unless it has been seen, is counted instead."""
    newest = (
        await tx.execute(
            select(alarms.c.alarm_id, alarms.c.facts, alarms.c.raised_at)
            .where(
                alarms.c.book_id == book,
                alarms.c.outlet == outlet,
                alarms.c.rule == rule,
                alarms.c.till.is_not_distinct_from(till),
                alarms.c.holder.is_not_distinct_from(holder),
                alarms.c.redemption_id.is_not_distinct_from(redemption_id),
                alarms.c.seen_at.is_(None),
            )
            .order_by(alarms.c.raised_at.desc())
            .limit(1)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if newest is not None and day_of(newest.raised_at) == day_of(now):
        times = newest.facts.get("times", 1) + 1
        await tx.execute(
            update(alarms)
            .where(alarms.c.book_id == book, alarms.c.alarm_id == newest.alarm_id)
            .values(facts={**newest.facts, **(facts or {}), "times": times})
        )
        return
    await tx.execute(
        insert(alarms).values(
            book_id=book,
            alarm_id=next(identifiers.rising(now)),
            rule=rule,
            outlet=outlet,
            till=till,
            holder=holder,
            redemption_id=redemption_id,
            facts=dict(facts or {}),
            raised_at=now,
        )
    )


async def see(tx: AsyncConnection, book: int, alarm_id: UUID, *, by: str, now: datetime) -> Alarm:
    """Somebody has looked at it; who did first stays. UnknownAlarm."""
    await tx.execute(
        update(alarms)
        .where(alarms.c.book_id == book, alarms.c.alarm_id == alarm_id, alarms.c.seen_at.is_(None))
        .values(seen_by=by, seen_at=now)
    )
    return await find(tx, book, alarm_id)


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
    far = policy.apart_km * _A_KILOMETRE
    places = [[degree / MILLIONTHS for degree in row if degree is not None] for row in found]
    return any(metres((south, west), (north, east)) >= far for south, west, north, east in places)


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, alarm_id: UUID) -> Alarm:
    """One alarm; UnknownAlarm."""
    row = (await tx.execute(_of_book(book).where(alarms.c.alarm_id == alarm_id))).one_or_none()
    if row is None:
        raise UnknownAlarm(alarm_id)
    return _alarm(row)


async def listed(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    unseen: bool = False,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Alarm]:
    """Alarms, the newest first, after another one. `within`: at outlets of these organisations or of those below them.

    UnknownAlarm.
    """
    found = _of_book(book).order_by(alarms.c.raised_at.desc(), alarms.c.alarm_id.desc()).limit(limit)
    if within is not None:
        found = found.where(organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))
    if unseen:
        found = found.where(alarms.c.seen_at.is_(None))
    if after is not None:
        last = await find(tx, book, after)
        found = found.where(
            or_(
                alarms.c.raised_at < last.raised_at,
                (alarms.c.raised_at == last.raised_at) & (alarms.c.alarm_id < after),
            )
        )
    return [_alarm(row) for row in await tx.execute(found)]


def _of_book(book: int) -> Any:
    return (
        select(
            alarms.c.alarm_id,
            alarms.c.rule,
            alarms.c.outlet,
            outlets.c.name,
            organisations.c.line,
            alarms.c.till,
            alarms.c.holder,
            alarms.c.redemption_id,
            alarms.c.facts,
            alarms.c.raised_at,
            alarms.c.seen_by,
            alarms.c.seen_at,
        )
        .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == alarms.c.outlet))
        .join(organisations, (organisations.c.book_id == book) & (organisations.c.code == outlets.c.organisation))
        .where(alarms.c.book_id == book)
    )


def _alarm(row: Any) -> Alarm:
    alarm_id, rule, outlet, name, line, *rest = row
    return Alarm(alarm_id, rule, outlet, name, tuple(line), *rest)
