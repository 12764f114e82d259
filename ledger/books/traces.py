"""What a transaction did besides its entries: to lots and holds; and what corrects it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.tables import accounts, entries, holds, lot_moves, lots, transactions


@dataclass(frozen=True, slots=True)
class LotStep:
    """What a transaction did to one lot of an account: it made it, took from it, or gave back to it.

    `amount`: what the lot gained, below zero what it lost. `origin`: the transaction that first credited these units;
    `made_by`: the one that made the lot on this account. `remaining`: what is left of it now.
    """

    account: str
    amount: int
    origin: UUID | None
    made_by: UUID | None
    lapses_on: date | None
    remaining: int


@dataclass(frozen=True, slots=True)
class HoldStep:
    """A hold that a transaction posted or ended. `ending` None: nobody has ended it."""

    hold_id: UUID
    account: str
    amount: int
    expires_at: datetime
    ending: str | None
    ended_by: UUID | None


@dataclass(frozen=True, slots=True)
class Link:
    """Another transaction, as far as a list tells of it."""

    transaction_id: UUID
    kind: str
    correction: str | None
    effective_on: date
    recorded_at: datetime
    actor: str


async def lots_of(tx: AsyncConnection, book: int, transaction_id: UUID) -> list[LotStep]:
    """The lots that a transaction made, took from or gave back to, account by account."""
    legs = (
        select(entries.c.account_id, func.max(entries.c.number).label("number"))
        .where(entries.c.book_id == book, entries.c.transaction_id == transaction_id)
        .group_by(entries.c.account_id)
        .subquery()
    )
    code = (accounts.c.book_id == book) & (accounts.c.account_id == legs.c.account_id)
    # A lot has the number of the entry that made it.
    made = (
        select(accounts.c.code, lots.c.amount, lots.c.origin, lots.c.transaction_id, lots.c.lapses_on, lots.c.remaining)
        .select_from(legs)
        .join(lots, (lots.c.account_id == legs.c.account_id) & (lots.c.number == legs.c.number))
        .join(accounts, code)
        .where(lots.c.book_id == book, lots.c.transaction_id == transaction_id)
        .order_by(accounts.c.code, lots.c.number, lots.c.part)
    )
    moved = (
        select(
            *(accounts.c.code, lot_moves.c.amount, lots.c.origin, lots.c.transaction_id),
            *(lots.c.lapses_on, lots.c.remaining),
        )
        .select_from(legs)
        .join(lot_moves, lot_moves.c.account_id == legs.c.account_id)
        .join(
            lots,
            (lots.c.account_id == lot_moves.c.account_id)
            & (lots.c.number == lot_moves.c.number)
            & (lots.c.part == lot_moves.c.part),
        )
        .join(accounts, code)
        .where(lot_moves.c.book_id == book, lot_moves.c.transaction_id == transaction_id, lots.c.book_id == book)
        .order_by(accounts.c.code, lot_moves.c.place)
    )
    return [LotStep(*row) for wanted in (moved, made) for row in await tx.execute(wanted)]


async def hold_of(tx: AsyncConnection, book: int, transaction_id: UUID) -> HoldStep | None:
    """The hold that a transaction posted or ended, if it did."""
    found = await tx.execute(
        select(
            *(holds.c.hold_id, accounts.c.code, holds.c.amount, holds.c.expires_at, holds.c.ending, holds.c.ended_by),
        )
        .join(accounts, (accounts.c.book_id == book) & (accounts.c.account_id == holds.c.account_id))
        .where(holds.c.book_id == book, or_(holds.c.hold_id == transaction_id, holds.c.ended_by == transaction_id))
    )
    row = found.first()
    return None if row is None else HoldStep(*row)


async def corrections_of(tx: AsyncConnection, book: int, transaction_id: UUID) -> list[Link]:
    """What reverses, refunds or claws back a transaction, in the order in which it was decided."""
    c = transactions.c
    # In two halves, as the two partial indexes have them.
    is_correction = or_(c.correction == "reversal", c.correction != "reversal")
    rows = await tx.execute(
        select(c.transaction_id, c.kind, c.correction, c.effective_on, c.recorded_at, c.actor)
        .where(c.book_id == book, c.corrects == transaction_id, is_correction)
        .order_by(c.transaction_id)
    )
    return [Link(*row) for row in rows]
