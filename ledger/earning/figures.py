"""Figures of a programme for everybody: what it owes its volunteers, what stands behind that, what an hour is worth.

An average means nothing without its denominator (a district divided the hours of all by those who had any, and printed
ten times the average of who had registered): here both are given, each with the number that it was divided by.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import directory
from ledger.books.chart import KEEPS_LOTS
from ledger.books.tables import accounts, day_totals
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.budgets import REWARDS, WHOLE
from ledger.earning.tables import budgets, records, volunteers

OUTSTANDING: Final = KEEPS_LOTS | {"service_vouchers"}
"""Kinds of account whose points can still be spent: 21xx, 2200, 2500."""

COUNTED: Final = ("in_notice", "objected", "credited")
"""States in which a record's points are with its volunteer, in notice or after it."""


@dataclass(frozen=True, slots=True)
class Programme:
    """The figures of a book at one moment; points and fen as they stand, hours in minutes.

    `outstanding`: points that volunteers, teams and the pool can still spend or will, those `in_notice` among them.
    `fund_points`, `fund_fen`: the backing fund, in points and in money; `stock_points`: goods in the outlets;
    `owed_to_shops`: points already spent that the fund has yet to pay.
    `granted`: this year's budget, None where there is none; `issued`: what of it has been issued, net.
    `credit_minutes`, `honour_minutes`: hours in the books, with those carried over. `registered`: volunteers today;
    `served`: those who have credit hours in the books; `active`: those who served in `year`, for `year_minutes`.
    `rated_minutes`: this year's credit hours whose points are decided, and `rated_points` those points.
    """

    code: str
    name: str
    at: datetime.datetime
    year: int
    outstanding: int
    in_notice: int
    fund_points: int
    fund_fen: int
    stock_points: int
    owed_to_shops: int
    granted: int | None
    issued: int
    expired: int
    credit_minutes: int
    honour_minutes: int
    registered: int
    served: int
    active: int
    year_minutes: int
    rated_minutes: int
    rated_points: int

    @property
    def backing_percent(self) -> int | None:
        """Fund and stock, less what is owed to shops, in hundredths of the points outstanding; None: there are none."""
        behind = self.fund_points + self.stock_points - self.owed_to_shops
        return _part(behind * 100, self.outstanding)

    @property
    def points_per_100_hours(self) -> int | None:
        """What 100 credit hours of this year earned on average, rounded down."""
        return _part(self.rated_points * 60 * 100, self.rated_minutes)

    @property
    def fen_per_hour(self) -> int | None:
        """What a credit hour of this year redeems for: points an hour, times the money behind one point of the fund."""
        return _part(self.rated_points * 60 * self.fund_fen, self.rated_minutes * max(self.fund_points, 0))

    @property
    def minutes_per_registered(self) -> int | None:
        """This year's service divided by all who are registered, rounded down."""
        return _part(self.year_minutes, self.registered)

    @property
    def minutes_per_active(self) -> int | None:
        """This year's service divided by those who served, rounded down."""
        return _part(self.year_minutes, self.active)


def _part(whole: int, by: int) -> int | None:
    return whole // by if by > 0 else None


async def programme(tx: AsyncConnection, code: str) -> Programme:
    """The figures of a book now. It reads all its accounts: for a cache. UnknownBook."""
    book = await directory.find_book(tx, code)
    now = await connect.now(tx)
    today = day_of(now)
    await connect.no_timeout(tx)  # of a city's book; the cache asks once at a time
    kinds = {
        kind: (debits, credits, filled)
        for kind, debits, credits, filled in await tx.execute(
            select(
                accounts.c.kind,
                func.sum(accounts.c.debits).cast(BigInteger),
                func.sum(accounts.c.credits).cast(BigInteger),
                func.count().filter(accounts.c.credits > accounts.c.debits),
            )
            .where(accounts.c.book_id == book.book_id, accounts.c.kind.is_not(None))
            .group_by(accounts.c.kind)
        )
    }

    def of(*wanted: str) -> int:
        """Credits less debits of these kinds."""
        return sum(kinds[kind][1] - kinds[kind][0] for kind in wanted if kind in kinds)

    budget = (
        await tx.execute(
            select(budgets.c.granted, budgets.c.issued).where(
                budgets.c.book_id == book.book_id,
                budgets.c.year == today.year,
                budgets.c.organisation == WHOLE,
            )
        )
    ).one_or_none()
    registered = (
        await tx.execute(
            select(func.count())
            .select_from(volunteers)
            .where(
                volunteers.c.book_id == book.book_id,
                or_(volunteers.c.left_on.is_(None), volunteers.c.left_on > today),
            )
        )
    ).scalar_one()
    active, year_minutes, rated_minutes, rated_points = await _served(tx, book.book_id, today)
    return Programme(
        code=book.code,
        name=book.name,
        at=now,
        year=today.year,
        outstanding=of(*OUTSTANDING),
        in_notice=of("wallet_in_notice"),
        fund_points=-of("backing_fund"),
        fund_fen=-of("fund_custody"),
        stock_points=-of("goods_stock"),
        owed_to_shops=of("merchant_payable", "merchant_disputed"),
        granted=budget.granted if budget is not None else None,
        issued=budget.issued if budget is not None else await _issued(tx, book.book_id, today.year),
        expired=of("breakage"),
        credit_minutes=of("credit_hours"),
        honour_minutes=of("honour_hours"),
        registered=registered,
        served=kinds["credit_hours"][2] if "credit_hours" in kinds else 0,
        active=active,
        year_minutes=year_minutes,
        rated_minutes=rated_minutes,
        rated_points=rated_points,
    )


async def _issued(tx: AsyncConnection, book: int, year: int) -> int:
    """Points given in a year without a budget, as the books date them, less what was taken back."""
    total = (
        await tx.execute(
            select(func.sum(day_totals.c.debits - day_totals.c.credits).cast(BigInteger))
            .join(
                accounts,
                (accounts.c.book_id == day_totals.c.book_id) & (accounts.c.account_id == day_totals.c.account_id),
            )
            .where(
                accounts.c.book_id == book,
                day_totals.c.book_id == book,
                accounts.c.kind.in_(REWARDS),
                day_totals.c.day.between(datetime.date(year, 1, 1), datetime.date(year, 12, 31)),
            )
        )
    ).scalar_one()
    return total or 0


async def _served(tx: AsyncConnection, book: int, today: datetime.date) -> tuple[int, int, int, int]:
    """Who served this year, for how many minutes, and the credit hours whose points are decided."""
    rated = (records.c.record_class == "credit") & records.c.points.is_not(None) & records.c.state.in_(COUNTED)
    row = (
        await tx.execute(
            select(
                func.count(records.c.holder.distinct()),
                func.coalesce(func.sum(records.c.minutes), 0).cast(BigInteger),
                func.coalesce(func.sum(records.c.minutes).filter(rated), 0).cast(BigInteger),
                func.coalesce(func.sum(records.c.points).filter(rated), 0).cast(BigInteger),
            ).where(
                records.c.book_id == book,
                records.c.served_on.between(datetime.date(today.year, 1, 1), today),
                records.c.minutes > 0,
                records.c.hours_transaction.is_not(None),
                records.c.state.not_in(("refused", "corrected")),
            )
        )
    ).one()
    return row[0], row[1], row[2], row[3]


async def waiting(tx: AsyncConnection, book: int) -> dict[str, int]:
    """Records whose hours stand and whose points wait for the budget: how many, by organisation."""
    rows = await tx.execute(
        select(records.c.organisation, func.count())
        .where(records.c.book_id == book, records.c.state == "reviewed")
        .group_by(records.c.organisation)
    )
    return {row[0]: row[1] for row in rows}
