"""Balances: of one account now or at the end of a day, and of the whole book."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from sqlalchemy import BigInteger, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE, balance_of
from ledger.books.tables import accounts, day_totals
from ledger.errors import UnknownAccount


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's totals in the smallest unit, and its balance on the normal side."""

    account: str
    name: str
    account_class: str
    unit: str
    debits: int
    credits: int
    balance: int


async def balance(tx: AsyncConnection, book: int, code: str, at: datetime.date | None = None) -> Balance:
    """One account's balance now, or at the end of the day `at` as the books know it today. UnknownAccount.

    Reads one row, or one row a day since the account's first: never the entries.
    """
    found = await balances(tx, book, [code], at)
    if not found:
        raise UnknownAccount(code)
    return found[0]


async def balances(tx: AsyncConnection, book: int, codes: list[str], at: datetime.date | None = None) -> list[Balance]:
    """The balances of those accounts among `codes` that exist, by code."""
    possible = [code for code in codes if CODE.fullmatch(code)]
    head = select(
        accounts.c.account_id,
        accounts.c.code,
        accounts.c.name,
        accounts.c.account_class,
        accounts.c.unit,
        accounts.c.debits,
        accounts.c.credits,
    ).where(accounts.c.book_id == book, accounts.c.code == any_(literal(possible, ARRAY(TEXT))))
    rows = (await tx.execute(head.order_by(accounts.c.code))).all()
    if at is None:
        return [_balance(*row[1:]) for row in rows]
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
    return [_balance(*row[1:5], *totals.get(row[0], (0, 0))) for row in rows]


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
