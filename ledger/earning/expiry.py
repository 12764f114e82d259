"""Expiry: points that nobody has spent by their day go to breakage, and what will go that way soon can be looked up.

A lot can be spent until the day before its `lapses_on`. Nobody needs to run `expire` for that: from this day on no
debit takes it (`evaluate`). Expiry takes it off the books, and changes no budget: what was issued was issued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Row, Select, case, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import batching, chart
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal
from ledger.books.tables import accounts, lots
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.tables import organisations, volunteers
from ledger.earning.volunteers import WALLET
from ledger.errors import AccountClosed, AccountFrozen

CLIENT: Final = "room:earning"
KIND: Final = "earn.expiry"
BREAKAGE: Final = "4100"

EXPIRES: Final = ("wallet", "estate_wallet", "household_wallet", "team_wallet", "donation_pool")
"""Kinds of accounts whose points expire. What is held expires when its hold has ended."""

SOON: Final = 30
"""Days within which what lapses is worth a warning."""

_READ: Final = 20_000
"""Accounts that are read at once: a few megabytes."""
_TOGETHER: Final = 500
"""Accounts that are posted in one batch."""
_AT_ONCE: Final = 2
"""Batches under way: one is decided while the other is written."""


class _Lapsed(NamedTuple):
    """What has lapsed of an account whose last entry has this `number`."""

    account_id: int
    account: str
    kind: str | None
    status: str
    number: int
    amount: int


@dataclass(frozen=True, slots=True)
class Lapsing:
    """`amount` points of an account that can be spent until the evening before `lapses_on`."""

    account: str
    volunteer_no: str | None
    lapses_on: date
    amount: int


async def expire(database: AsyncEngine, book: int) -> int:
    """Posts to breakage all that has lapsed, a transaction for each account; answers how many points that was.

    It can be interrupted and run again, also beside itself: an expiry takes nothing but what has lapsed, and an
    account's last entry says what that is. Accounts that are frozen or closed are left for another time. TooBusy.
    """
    expired = after = 0
    opened = False
    while True:
        async with database.connect() as tx:
            today = day_of(await connect.now(tx))
            await connect.no_timeout(tx)
            found = [_Lapsed(*row) for row in await tx.execute(_lapsed(book, today, after))]
        wanted = [each for each in found if each.kind in EXPIRES and each.status == "open"]
        if wanted and not opened:
            await _open(database, book)
            opened = True
        expired += await _post_all(database, book, [_proposal(each, today) for each in wanted])
        if len(found) < _READ:
            return expired
        after = found[-1].account_id


def _lapsed(book: int, today: date, after: int) -> Select[int, str, str | None, str, int, int]:
    """Accounts of which something has lapsed, after one of them by their internal numbers."""
    found = (
        select(lots.c.account_id, func.sum(lots.c.remaining).cast(BigInteger).label("amount"))
        .where(lots.c.book_id == book, lots.c.lapses_on <= today, lots.c.remaining > 0, lots.c.account_id > after)
        .group_by(lots.c.account_id)
        .order_by(lots.c.account_id)
        .limit(_READ)
        .subquery()
    )
    return (
        select(
            *(accounts.c.account_id, accounts.c.code, accounts.c.kind, accounts.c.status, accounts.c.number),
            found.c.amount,
        )
        .join_from(found, accounts, accounts.c.account_id == found.c.account_id)
        .where(accounts.c.book_id == book)
        .order_by(accounts.c.account_id)
    )


async def _open(database: AsyncEngine, book: int) -> None:
    """Opens breakage at its first use. AccountExists, where another kind of account has its code."""
    async with database.begin() as tx:
        await chart.open_missing(tx, book, [NewAccount(BREAKAGE, "过期积分", "income", "PT")])


def _proposal(of: _Lapsed, today: date) -> Proposal:
    """The key says which entry of the account comes before it, so whoever else finds the same does the same."""
    return Proposal(
        client=CLIENT,
        key=f"expiry:{of.account}:{today}:{of.number}",
        call=f"expire {of.amount}",
        kind=KIND,
        effective_at=None,
        lines=(Line(of.account, "debit", of.amount, "PT"), Line(BREAKAGE, "credit", of.amount, "PT")),
        actor=CLIENT,
        keep_refusal=False,
        lapsed=True,
    )


async def _post_all(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> int:
    batches = iter([proposals[start : start + _TOGETHER] for start in range(0, len(proposals), _TOGETHER)])
    posting = [asyncio.create_task(_post(database, book, batches)) for _ in range(_AT_ONCE)]
    try:
        return sum(await asyncio.gather(*posting))
    finally:
        for task in posting:
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)


async def _post(database: AsyncEngine, book: int, batches: Iterator[Sequence[Proposal]]) -> int:
    """Posts one batch after another; answers how many points it posted that nobody had posted before."""
    points = 0
    for batch in batches:
        for proposal, outcome in zip(batch, await batching.submit(database, book, batch), strict=True):
            if isinstance(outcome, Posted):
                points += 0 if outcome.replayed else proposal.lines[0].amount
            elif isinstance(outcome.refusal, AccountFrozen | AccountClosed) and outcome.refusal.account == BREAKAGE:
                raise outcome.refusal
            # Anything else is of this account alone, and of this moment: somebody else was there in between.
    return points


# --- what lapses soon ------------------------------------------------------------------------------------------------


async def lapsing_of(tx: AsyncConnection, book: int, holder: str, within_days: int = SOON) -> list[Lapsing]:
    """What lapses of a volunteer's wallet in so many days, a line for each day."""
    wallet = f"{WALLET}.{holder}"
    rows = await tx.execute((await _lapsing(tx, book, within_days)).where(accounts.c.code == wallet))
    return [_told(row) for row in rows]


async def lapsing(
    tx: AsyncConnection,
    book: int,
    within_days: int = SOON,
    *,
    of: Collection[str] | None = None,
    after: tuple[date, str] | None = None,
    limit: int = 50,
) -> list[Lapsing]:
    """What lapses in so many days, by day and account, after a day and an account.

    `of`: only what belongs to these organisations and those below them.
    """
    wanted = (await _lapsing(tx, book, within_days)).limit(limit)
    if of is not None:
        owner = case((accounts.c.kind == "team_wallet", accounts.c.holder), else_=volunteers.c.organisation)
        wanted = wanted.join(organisations, (organisations.c.book_id == book) & (organisations.c.code == owner)).where(
            organisations.c.line.op("&&")(literal(sorted(of), ARRAY(TEXT)))
        )
    if after is not None:
        day, code = after
        wanted = wanted.where(tuple_(lots.c.lapses_on, accounts.c.code) > tuple_(literal(day), literal(code)))
    return [_told(row) for row in await tx.execute(wanted)]


async def _lapsing(tx: AsyncConnection, book: int, within_days: int) -> Select[date | None, str, str, int]:
    today = day_of(await connect.now(tx))
    return (
        select(
            lots.c.lapses_on,
            accounts.c.code,
            volunteers.c.volunteer_no,
            func.sum(lots.c.remaining).cast(BigInteger),
        )
        .select_from(lots)
        .join(accounts, (accounts.c.book_id == book) & (accounts.c.account_id == lots.c.account_id))
        .outerjoin(
            volunteers,
            (volunteers.c.book_id == book)
            & (volunteers.c.holder == accounts.c.holder)
            & accounts.c.kind.in_(("wallet", "estate_wallet")),
        )
        .where(
            lots.c.book_id == book,
            lots.c.lapses_on > today,
            lots.c.lapses_on <= today + timedelta(days=within_days),
            lots.c.remaining > 0,
            accounts.c.kind.in_(EXPIRES),
        )
        .group_by(lots.c.lapses_on, accounts.c.code, volunteers.c.volunteer_no)
        .order_by(lots.c.lapses_on, accounts.c.code)
    )


def _told(row: Row[date | None, str, str, int]) -> Lapsing:
    lapses_on, account, volunteer_no, amount = row
    assert lapses_on is not None, "asked only for what lapses"
    return Lapsing(account, volunteer_no, lapses_on, amount)
