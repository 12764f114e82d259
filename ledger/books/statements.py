"""Statements: the entries of one account, in the order in which they were booked."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import balances
from ledger.books.chart import CODE
from ledger.books.proposals import Side
from ledger.books.tables import accounts, entries, transactions
from ledger.days import BEIJING
from ledger.errors import UnknownAccount


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry with what its transaction says. `amount` and `balance_after` in the smallest unit."""

    number: int
    transaction_id: UUID
    kind: str
    description: str
    effective_on: datetime.date
    recorded_at: datetime.datetime
    side: Side
    amount: int
    balance_after: int
    correction: str | None
    corrects: UUID | None


async def entries_of(
    tx: AsyncConnection,
    book: int,
    code: str,
    *,
    limit: int,
    after: int | None = None,
    at: datetime.date | None = None,
    known_at: datetime.datetime | None = None,
) -> list[StatementLine]:
    """The newest `limit` entries of the account, newest first; `after` the entry of that number.

    `at`: only those dated up to that day. `known_at`: only those that the books knew at that instant, at least 30 s
    ago. Raises UnknownAccount, InvalidField.
    """
    account_id = await _account_id(tx, book, code)
    wanted: list[ColumnElement[bool]] = []
    if after is not None:
        wanted.append(entries.c.number < after)
    if at is not None:
        wanted.append(entries.c.effective_on <= at)
    if known_at is not None:
        wanted.append(entries.c.number <= await balances.last_known(tx, book, code, known_at))
    return await _lines(tx, book, account_id, wanted, newest_first=True, limit=limit)


async def passbook(tx: AsyncConnection, book: int, code: str, year: int) -> list[StatementLine]:
    """What was booked in the account in a year (Asia/Shanghai), in booking order. UnknownAccount."""
    account_id = await _account_id(tx, book, code)
    if not datetime.MINYEAR <= year < datetime.MAXYEAR:
        return []
    start = datetime.datetime(year, 1, 1, tzinfo=BEIJING)
    end = datetime.datetime(year + 1, 1, 1, tzinfo=BEIJING)
    return await _lines(tx, book, account_id, [entries.c.recorded_at >= start, entries.c.recorded_at < end])


async def entries_after(tx: AsyncConnection, book: int, code: str, number: int, *, limit: int) -> list[StatementLine]:
    """The first `limit` entries after the one of that number, in booking order. UnknownAccount."""
    account_id = await _account_id(tx, book, code)
    return await _lines(tx, book, account_id, [entries.c.number > number], limit=limit)


async def passbook_years(tx: AsyncConnection, book: int, code: str) -> list[int]:
    """The years (Asia/Shanghai) from the account's first booking to its last, newest first. UnknownAccount."""
    account_id = await _account_id(tx, book, code)
    own = (entries.c.book_id == book) & (entries.c.account_id == account_id)
    ends = [
        (await tx.execute(select(entries.c.recorded_at).where(own).order_by(order).limit(1))).scalar_one_or_none()
        for order in (entries.c.number.desc(), entries.c.number)
    ]
    if ends[0] is None or ends[1] is None:
        return []
    last, first = (time.astimezone(BEIJING).year for time in ends if time is not None)
    return list(range(last, first - 1, -1))


async def _account_id(tx: AsyncConnection, book: int, code: str) -> int:
    if not CODE.fullmatch(code):
        raise UnknownAccount(code)
    found = (
        await tx.execute(select(accounts.c.account_id).where(accounts.c.book_id == book, accounts.c.code == code))
    ).scalar_one_or_none()
    if found is None:
        raise UnknownAccount(code)
    return found


async def _lines(
    tx: AsyncConnection,
    book: int,
    account_id: int,
    conditions: list[ColumnElement[bool]],
    *,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[StatementLine]:
    # First the page, then the transaction of each of its lines: with a guess of how large the book is, a join has read
    # the whole account (OFFSET 0 is what the planner leaves as it stands).
    page = (
        select(entries)
        .where(entries.c.book_id == book, entries.c.account_id == account_id, *conditions)
        .order_by(entries.c.number.desc() if newest_first else entries.c.number)
        .limit(limit)
        .offset(0)
        .subquery()
    )
    head = (
        select(transactions)
        .where(transactions.c.book_id == book, transactions.c.transaction_id == page.c.transaction_id)
        .offset(0)
        .lateral()
    )
    rows = await tx.execute(
        select(
            page.c.number,
            page.c.transaction_id,
            head.c.kind,
            head.c.description,
            page.c.effective_on,
            page.c.recorded_at,
            page.c.debit,
            page.c.credit,
            page.c.balance_after,
            head.c.correction,
            head.c.corrects,
        )
        .join(head, true())
        .order_by(page.c.number.desc() if newest_first else page.c.number)
    )
    return [
        StatementLine(
            row.number,
            row.transaction_id,
            row.kind,
            row.description,
            row.effective_on,
            row.recorded_at,
            "debit" if row.debit else "credit",
            row.debit or row.credit,
            row.balance_after,
            row.correction,
            row.corrects,
        )
        for row in rows
    ]
