"""Balances: of one account now or at the end of a day, and of the whole book."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import BigInteger, Row, Select, any_, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE, KEEPS_LOTS, balance_of
from ledger.books.tables import accounts, day_totals, holds, lots
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.errors import InvalidField, UnknownAccount


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's totals in the smallest unit, and its balance on the normal side.

    `available`: what can be spent now: without lots that have lapsed, with holds whose time is over; only when neither
    a day nor an instant was asked for. As known at an instant there is the balance alone, without the totals.
    """

    account: str
    name: str
    account_class: str
    unit: str
    debits: int | None
    credits: int | None
    balance: int
    available: int | None = None


async def balance(
    tx: AsyncConnection,
    book: int,
    code: str,
    at: datetime.date | None = None,
    known_at: datetime.datetime | None = None,
) -> Balance:
    """One account's balance now, or at the end of the day `at`; as known now, or as the books knew it at `known_at`.

    Reads one row, or one row a day: never the entries but those recorded late. Raises UnknownAccount, and InvalidField
    when `known_at` is less than 30 s ago, since what was recorded then may not have been committed yet.
    """
    if known_at is not None:
        return await _as_known(tx, book, code, at, known_at)
    found = await balances(tx, book, [code], at)
    if not found:
        raise UnknownAccount(code)
    return found[0]


async def balances(tx: AsyncConnection, book: int, codes: list[str], at: datetime.date | None = None) -> list[Balance]:
    """The balances of those accounts among `codes` that exist, by code."""
    possible = [code for code in codes if CODE.fullmatch(code)]
    rows = (await tx.execute(_heads(book, possible).order_by(accounts.c.code))).all()
    if at is None:
        available = await _available(tx, book, [row for row in rows if row.kind in KEEPS_LOTS])
        return [
            replace(of, available=available.get(row.account_id, of.balance))
            for row in rows
            for of in [_balance(row.code, row.name, row.account_class, row.unit, row.debits, row.credits)]
        ]
    totals = {
        account_id: (debits, credits)
        for account_id, debits, credits in await tx.execute(
            select(
                day_totals.c.account_id,
                func.sum(day_totals.c.debits).cast(BigInteger),
                func.sum(day_totals.c.credits).cast(BigInteger),
            )
            .where(
                day_totals.c.book_id == book,
                day_totals.c.account_id == any_(literal([row[0] for row in rows], ARRAY(BIGINT))),
                day_totals.c.day <= at,
            )
            .group_by(day_totals.c.account_id)
        )
    }
    return [_balance(*row[1:5], *totals.get(row.account_id, (0, 0))) for row in rows]


_Head = tuple[int, str, str, str, str, int, int, str | None]


def _heads(book: int, codes: list[str]) -> Select[*_Head]:
    return select(
        accounts.c.account_id,
        accounts.c.code,
        accounts.c.name,
        accounts.c.account_class,
        accounts.c.unit,
        accounts.c.debits,
        accounts.c.credits,
        accounts.c.kind,
    ).where(accounts.c.book_id == book, accounts.c.code == any_(literal(codes, ARRAY(TEXT))))


async def _available(tx: AsyncConnection, book: int, wallets: Sequence[Row[*_Head]]) -> dict[int, int]:
    """What can be spent of accounts that keep lots: what has not lapsed, and what was held and is free again."""
    if not wallets:
        return {}
    now = await connect.now(tx)
    today = day_of(now)
    found = {row.account_id: balance_of(row.account_class, row.debits, row.credits) for row in wallets}
    ids = literal(list(found), ARRAY(BIGINT))
    over = select(holds.c.account_id, holds.c.held_account_id, holds.c.amount).where(
        holds.c.book_id == book,
        holds.c.ended_by.is_(None),
        holds.c.expires_at <= now,
    )
    lapsed = (
        select(lots.c.account_id, func.sum(lots.c.remaining).cast(BigInteger))
        .where(
            lots.c.book_id == book,
            lots.c.account_id == any_(ids),
            lots.c.remaining > 0,
            lots.c.lapses_on <= today,
            ~over.where(holds.c.hold_id == lots.c.transaction_id).exists(),  # taken off below, with its hold
        )
        .group_by(lots.c.account_id)
    )
    for account_id, amount in await tx.execute(lapsed):
        found[account_id] -= amount
    of_these = or_(holds.c.account_id == any_(ids), holds.c.held_account_id == any_(ids))
    for account_id, held_account_id, amount in await tx.execute(over.where(of_these)):
        if account_id in found:
            found[account_id] += amount
        if held_account_id in found:
            found[held_account_id] -= amount
    return found


# --- as known at an instant ------------------------------------------------------------------------------------------

SETTLED_AFTER: Final = datetime.timedelta(seconds=30)
"""The longest that a writer may run: what was recorded longer ago is committed, or never will be."""

# The number of an account's last entry recorded before two instants: recorded times rise with the numbers, so it is
# found by halving, one look into the primary key each time (OFFSET 0: and never by reading the whole account instead).
_SEARCH: Final = """
    WITH RECURSIVE a AS (
        SELECT account_id, code, name, class, unit, number FROM accounts WHERE book_id = :book AND code = :code),
    search (which, low, high) AS (
        SELECT w.which, CAST(0 AS bigint), a.number FROM a CROSS JOIN (VALUES (1), (2)) AS w (which)
        UNION ALL
        SELECT s.which, CASE WHEN known.so THEN e.number ELSE s.low END,
               CASE WHEN known.so THEN s.high ELSE e.number - 1 END
        FROM search s CROSS JOIN a
        CROSS JOIN LATERAL (SELECT number, recorded_at FROM entries
                             WHERE book_id = :book AND account_id = a.account_id AND number = (s.low + s.high + 1) / 2
                            OFFSET 0) AS e
        CROSS JOIN LATERAL (SELECT CASE s.which WHEN 1 THEN e.recorded_at <= :known_at
                                                ELSE e.recorded_at < :next_day END AS so) AS known
        WHERE s.low < s.high),
    k AS (
        SELECT max(low) FILTER (WHERE which = 1) AS known, max(low) FILTER (WHERE which = 2) AS by_next_day
        FROM search WHERE low = high)"""

_KNOWN: Final = text(f"{_SEARCH} SELECT k.known, clock_timestamp() AS clock FROM k")  # noqa: S608 # constants of ours

# What is dated up to the day `at`, of what was known at an instant, is everything known then without what is dated
# later. That is: what is dated after `at` and up to the instant's own day, less what became known of it afterwards:
# late entries (few, with an index of their own) and the rest of the instant's own day.
_AS_KNOWN: Final = text(
    f"""{_SEARCH}
    SELECT a.code, a.name, a.class, a.unit, k.known, clock_timestamp() AS clock,
           (SELECT e.balance_after FROM entries e
             WHERE e.book_id = :book AND e.account_id = a.account_id AND e.number = k.known) AS balance,
           (SELECT sum(t.debits - t.credits)::bigint FROM day_totals t
             WHERE t.book_id = :book AND t.account_id = a.account_id AND t.day > :at AND t.day <= :known_on)
             AS dated_later,
           (SELECT sum(e.debit - e.credit)::bigint FROM entries e
             WHERE e.book_id = :book AND e.account_id = a.account_id AND e.number > k.known
               AND e.effective_on > :at AND e.effective_on <= :known_on
               AND e.effective_on < (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date) AS known_late,
           (SELECT sum(e.debit - e.credit)::bigint FROM entries e
             WHERE e.book_id = :book AND e.account_id = a.account_id AND e.number > k.known
               AND e.number <= k.by_next_day AND e.effective_on = :known_on AND :at < :known_on) AS known_that_day
    FROM a CROSS JOIN k"""  # noqa: S608 # constants of ours
)


async def last_known(tx: AsyncConnection, book: int, code: str, known_at: datetime.datetime) -> int:
    """The number of the account's last entry that the books knew at `known_at`; 0: none yet.

    InvalidField when `known_at` is less than 30 s ago.
    """
    row = (await tx.execute(_KNOWN, _asked(book, code, None, known_at))).one()
    _check_settled(tx, row.clock, known_at)
    return row.known or 0


async def _as_known(
    tx: AsyncConnection, book: int, code: str, at: datetime.date | None, known_at: datetime.datetime
) -> Balance:
    if not CODE.fullmatch(code):
        raise UnknownAccount(code)
    row = (await tx.execute(_AS_KNOWN, _asked(book, code, at, known_at))).one_or_none()
    if row is None:
        raise UnknownAccount(code)
    _check_settled(tx, row.clock, known_at)
    later = (row.dated_later or 0) - (row.known_late or 0) - (row.known_that_day or 0)
    balance = (row.balance or 0) - balance_of(row[2], later, 0)
    return Balance(row.code, row.name, row[2], row.unit, None, None, balance)


def _asked(book: int, code: str, at: datetime.date | None, known_at: datetime.datetime) -> dict[str, Any]:
    known_on = day_of(known_at)
    next_day = datetime.datetime.combine(known_on + datetime.timedelta(days=1), datetime.time(), BEIJING)
    return {
        "book": book,
        "code": code,
        "at": known_on if at is None else at,
        "known_at": known_at,
        "known_on": known_on,
        "next_day": next_day,
    }


def _check_settled(tx: AsyncConnection, clock: datetime.datetime, known_at: datetime.datetime) -> None:
    if known_at > connect.in_force(tx, clock) - SETTLED_AFTER:
        raise InvalidField("known_at", "too_recent")


async def check_settled(tx: AsyncConnection, known_at: datetime.datetime) -> None:
    """InvalidField when `known_at` is less than 30 s ago: what was recorded then may not have been committed yet."""
    _check_settled(tx, (await tx.execute(select(func.clock_timestamp()))).scalar_one(), known_at)


async def trial_balance(tx: AsyncConnection, book: int, at: datetime.date | None = None) -> list[Balance]:
    """Every account that has entries (dated up to the end of `at`, if given), by code."""
    if at is None:
        rows = await tx.execute(
            select(
                accounts.c.code,
                accounts.c.name,
                accounts.c.account_class,
                accounts.c.unit,
                accounts.c.debits,
                accounts.c.credits,
            )
            .where(accounts.c.book_id == book, accounts.c.number > 0)
            .order_by(accounts.c.code)
        )
    else:
        rows = await tx.execute(
            select(
                accounts.c.code,
                accounts.c.name,
                accounts.c.account_class,
                accounts.c.unit,
                func.sum(day_totals.c.debits).cast(BigInteger),
                func.sum(day_totals.c.credits).cast(BigInteger),
            )
            .join(
                day_totals,
                (day_totals.c.book_id == accounts.c.book_id) & (day_totals.c.account_id == accounts.c.account_id),
            )
            .where(accounts.c.book_id == book, day_totals.c.book_id == book, day_totals.c.day <= at)
            .group_by(accounts.c.book_id, accounts.c.account_id)
            .order_by(accounts.c.code)
        )
    return [_balance(*row) for row in rows]


def _balance(code: str, name: str, account_class: str, unit: str, debits: int, credits: int) -> Balance:
    return Balance(code, name, account_class, unit, debits, credits, balance_of(account_class, debits, credits))
