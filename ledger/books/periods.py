"""Periods: a month is closed when it is over, so that nothing but hours can be dated in it any more.

Months close in order and reopen from the last. What is stored is each closing and reopening; the newest says through
which day the book is closed. Closing takes the book's gate alone: it waits for the postings that are under way, and
later ones see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import balance_of
from ledger.books.evaluate import NEVER_CLOSES
from ledger.books.tables import accounts, closings, day_totals
from ledger.database import connect, distribution
from ledger.days import day_of
from ledger.errors import InvalidField, PeriodNotOver, PeriodOutOfOrder, SuspenseNotZero

PERIOD: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class _History:
    """The months that are closed, in their order, each with the last day that was closed before it."""

    now: datetime
    closed: list[tuple[str, date | None]]
    through: date | None
    number: int


async def close(tx: AsyncConnection, book: int, period: str, *, actor: str) -> date:
    """Closes a month; answers its last day, through which the book is closed now.

    The first may be any month that is over: with it everything before it closes. Raises InvalidField, PeriodNotOver,
    PeriodOutOfOrder, and SuspenseNotZero while something is in suspense at the end of the month.
    """
    first, last = _days(period)
    history = await _alone(tx, book)
    if last >= day_of(history.now):
        raise PeriodNotOver(period)
    if history.through is not None and first != history.through + timedelta(days=1):
        raise PeriodOutOfOrder(period, _period(history.through + timedelta(days=1)))
    await _nothing_in_suspense(tx, book, last)
    await _write(tx, book, history, period, "close", last, actor)
    return last


async def reopen(tx: AsyncConnection, book: int, period: str, *, actor: str) -> date | None:
    """Opens the month again that was closed last; answers through which day the book is closed now, None: no day.

    Raises InvalidField, PeriodOutOfOrder.
    """
    _days(period)
    history = await _alone(tx, book)
    if not history.closed or history.closed[-1][0] != period:
        raise PeriodOutOfOrder(period, history.closed[-1][0] if history.closed else None)
    before = history.closed[-1][1]
    await _write(tx, book, history, period, "reopen", before, actor)
    return before


async def closed_through(tx: AsyncConnection, book: int) -> date | None:
    """The last day that is closed; None: no day is."""
    newest = select(closings.c.closed_through).where(closings.c.book_id == book).order_by(closings.c.number.desc())
    return (await tx.execute(newest.limit(1))).scalar_one_or_none()


def _days(period: str) -> tuple[date, date]:
    """The first and the last day of a month."""
    if not PERIOD.fullmatch(period) or not "1900" <= period[:4] < "9999":
        raise InvalidField("period", "not_a_month")
    first = date.fromisoformat(f"{period}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _period(day: date) -> str:
    return f"{day:%Y-%m}"


async def _alone(tx: AsyncConnection, book: int) -> _History:
    """Waits until no posting is under way in the book and keeps new ones out until the transaction ends."""
    row = (
        await tx.execute(text("SELECT * FROM public.periods_load(:book)").bindparams(distribution.routed(book)))
    ).one()
    closed: list[tuple[str, date | None]] = []
    through: date | None = None
    events = list(zip(row.c_period or (), row.c_action or (), row.c_closed_through or (), strict=True))
    for period, action, after in events:
        if action == "close":
            closed.append((period, through))
        else:
            closed.pop()
        through = after
    return _History(connect.in_force(tx, row.clock), closed, through, len(events))


async def _write(
    tx: AsyncConnection, book: int, history: _History, period: str, action: str, through: date | None, actor: str
) -> None:
    written: dict[str, Any] = {
        "number": history.number + 1,
        "period": period,
        "action": action,
        "through": through,
        "actor": actor,
        "now": history.now,
    }
    write = text("SELECT public.periods_write(:book, :number, :period, :action, :through, :actor, :now)")
    await tx.execute(write.bindparams(distribution.routed(book)), written)


async def _nothing_in_suspense(tx: AsyncConnection, book: int, day: date) -> None:
    rows = await tx.execute(
        select(
            accounts.c.code,
            accounts.c.account_class,
            func.sum(day_totals.c.debits).cast(BigInteger),
            func.sum(day_totals.c.credits).cast(BigInteger),
        )
        .join(day_totals, (day_totals.c.book_id == book) & (day_totals.c.account_id == accounts.c.account_id))
        .where(
            accounts.c.book_id == book,
            accounts.c.kind == "suspense",
            accounts.c.unit != NEVER_CLOSES,
            day_totals.c.day <= day,
        )
        .group_by(accounts.c.book_id, accounts.c.account_id)
        .order_by(accounts.c.code)
    )
    for code, account_class, debits, credits in rows:
        if debits != credits:
            raise SuspenseNotZero(code, balance_of(account_class, debits, credits))
