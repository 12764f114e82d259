"""Signals: what in a shop's month looks like points sold for money, computed when the staff ask. They accuse nobody.

The patterns are those of trade that has no customers: many redemptions in a row, one person again and again, points
spent as soon as they are there, and at night. Each says by which rule and figures it was found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import CTE, FromClause, Select, exists, extract, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.tables import accounts, entries, transactions
from ledger.earning.tables import organisations
from ledger.spending.policy import Policy
from ledger.spending.tables import outlets, redemptions

Rule = Literal["burst", "one_person", "fresh_points", "night"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What a rule has found at an outlet in a month: how many redemptions, of which points; the last of them.

    `till` and `holder`: whose, if the rule is about one. `facts`: the figures that the rule goes by.
    """

    rule: Rule
    outlet: str
    outlet_name: str
    till: int | None
    holder: str | None
    redemptions: int
    points: int
    last_at: datetime
    facts: Mapping[str, Any]


async def of_month(
    tx: AsyncConnection, book: int, month: date, policy: Policy, within: Collection[str] | None = None
) -> list[Signal]:
    """What the rules find in a month (any day of it), by outlet and rule.

    `within`: at outlets of these organisations or of those below them; None: of the book.
    """
    trade = _trade(book, month.replace(day=1), within)
    found: list[Signal] = []
    rules: tuple[tuple[Rule, Any, dict[str, int]], ...] = (
        ("burst", _bursts(trade, policy), {"seconds": policy.burst_seconds}),
        ("one_person", _one_person(trade, policy), {"percent": policy.share_percent}),
        ("fresh_points", _fresh(book, trade, policy), {"hours": policy.fresh_hours}),
        ("night", _night(trade, policy), {"from": policy.night_from, "until": policy.night_until}),
    )
    for rule, asked, figures in rules:
        for outlet, name, whose, times, points, last_at, *share in await tx.execute(asked):
            facts = {**figures, "share": int(share[0])} if share else dict(figures)
            till, holder = (whose, None) if rule in ("burst", "night") else (None, whose)
            found.append(Signal(rule, outlet, name, till, holder, times, int(points), last_at, facts))
    return sorted(found, key=lambda each: (each.outlet, each.rule, each.till or 0, each.holder or ""))


def _trade(book: int, since: date, within: Collection[str] | None) -> CTE:
    """What was redeemed in a month at the outlets that are asked about."""
    found = (
        select(
            redemptions.c.redemption_id,
            redemptions.c.outlet,
            outlets.c.name,
            redemptions.c.till,
            redemptions.c.holder,
            redemptions.c.points,
            redemptions.c.made_at,
        )
        .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == redemptions.c.outlet))
        .where(
            redemptions.c.book_id == book,
            redemptions.c.day >= since,
            redemptions.c.day < (since + timedelta(days=31)).replace(day=1),
            redemptions.c.status == "done",
        )
    )
    if within is not None:
        looked_after = (organisations.c.book_id == book) & (organisations.c.code == outlets.c.organisation)
        found = found.join(organisations, looked_after).where(
            organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT)))
        )
    return found.cte("trade")


def _summed(of: FromClause, whose: str) -> Select[Any]:
    """By outlet and till or person: how many, of which points, and the last of them."""
    groups = of.c.outlet, of.c.name, of.c[whose]
    return select(*groups, func.count(), func.sum(of.c.points), func.max(of.c.made_at)).group_by(*groups)


def _bursts(trade: CTE, policy: Policy) -> Select[Any]:
    """One redemption after the other at a till, so close that nobody could have chosen and paid."""
    before = func.lag(trade.c.made_at).over(
        partition_by=trade.c.till, order_by=(trade.c.made_at, trade.c.redemption_id)
    )
    near = select(*trade.c, (trade.c.made_at - before).label("after")).subquery()
    return _summed(near, "till").where(near.c.after < timedelta(seconds=policy.burst_seconds))


def _one_person(trade: CTE, policy: Policy) -> Select[Any]:
    """One person with a large share of what a shop redeems, where that is enough to speak of shares."""
    hers = (
        select(
            trade.c.outlet,
            trade.c.name,
            trade.c.holder,
            func.count().label("times"),
            func.sum(trade.c.points).label("points"),
            func.max(trade.c.made_at).label("last_at"),
            func.sum(func.sum(trade.c.points)).over(partition_by=trade.c.outlet).label("all_points"),
            func.sum(func.count()).over(partition_by=trade.c.outlet).label("all_times"),
        )
        .group_by(trade.c.outlet, trade.c.name, trade.c.holder)
        .subquery()
    )
    share = hers.c.points * 100
    return select(
        hers.c.outlet,
        hers.c.name,
        hers.c.holder,
        hers.c.times,
        hers.c.points,
        hers.c.last_at,
        func.div(share, hers.c.all_points),
    ).where(hers.c.all_times >= policy.share_least, share > hers.c.all_points * policy.share_percent)


def _fresh(book: int, trade: CTE, policy: Policy) -> Select[Any]:
    """Points spent soon after points were credited to the wallet."""
    credited = (
        exists()
        .where(accounts.c.book_id == book, accounts.c.code == "2100." + trade.c.holder)
        .where(entries.c.book_id == book, entries.c.account_id == accounts.c.account_id, entries.c.credit > 0)
        .where(
            entries.c.recorded_at <= trade.c.made_at,
            entries.c.recorded_at > trade.c.made_at - timedelta(hours=policy.fresh_hours),
        )
        .where(transactions.c.book_id == book, transactions.c.transaction_id == entries.c.transaction_id)
        .where(transactions.c.kind.startswith("earn."))
        .correlate(trade)
    )
    return _summed(trade, "holder").where(trade.c.points > 0, credited)


def _night(trade: CTE, policy: Policy) -> Select[Any]:
    """At hours at which shops sleep."""
    hour = extract("hour", func.timezone("Asia/Shanghai", trade.c.made_at))
    late, early = hour >= policy.night_from, hour < policy.night_until
    over_midnight = policy.night_from > policy.night_until
    return _summed(trade, "till").where(late | early if over_midnight else late & early)
