"""The sealed log of a book: every transaction and event is a leaf of one tree that only grows (RFC 6962).

Sealing gives what has been committed its place. It happens beside the postings and takes no lock that they wait for;
the order stands behind one function of the database, `log_seal`. A leaf's line is derived from its rows (`log_lines`);
the leaf keeps the line's hash. What has been sealed becomes binding when a checkpoint, the signed size and root, is
published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.auditing.tables import log_checkpoints, log_leaves, log_lines
from ledger.database import connect, distribution

MOST: Final = 10_000
"""Leaves sealed in one transaction."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Up to where a log is sealed. Only a `complete` size may be published: then all that was committed before some
    instant is in, so each account's entries are there without a gap."""

    size: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf's place: what it is, and the hash of its line. `voucher`: `2026-17`, of transactions."""

    index: int
    type: Literal["transaction", "event"]
    item: UUID
    voucher: str | None
    hash: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A leaf with its line as the rows say it now, and with what opens its commitment (salt None: destroyed)."""

    leaf: Leaf
    line: str
    texts: str
    salt: bytes | None
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published size and root, with the signed note that says them. `number`: 1, 2, 3 … in each book."""

    number: int
    size: int
    root: bytes
    note: str
    created_at: datetime


async def seal(tx: AsyncConnection, book: int, most: int = MOST) -> Sealed:
    """Seals what has been committed, `most` leaves at most, in the caller's transaction."""
    call = text("SELECT size, complete FROM public.log_seal(:book, :most)").bindparams(distribution.routed(book))
    row = (await tx.execute(call, {"most": most})).one()
    return Sealed(row.size, row.complete)


async def seal_all(database: AsyncEngine, book: int) -> int:
    """Seals, in transactions of their own, all that was committed when it was called; answers the size, complete."""
    while True:
        async with database.begin() as tx:
            await connect.no_timeout(tx)
            sealed = await seal(tx, book)
        if sealed.complete:
            return sealed.size


async def size(tx: AsyncConnection, book: int) -> int:
    """How many leaves are sealed."""
    highest = await tx.execute(select(func.max(log_leaves.c.leaf_index)).where(log_leaves.c.book_id == book))
    last = highest.scalar_one()
    return 0 if last is None else last + 1


async def leaf_of(tx: AsyncConnection, book: int, item: UUID) -> Leaf | None:
    """The leaf of a transaction or event; None: it is not sealed yet, or there is none."""
    found = await leaves_of(tx, book, [item])
    return found.get(item)


async def leaves_of(tx: AsyncConnection, book: int, items: Sequence[UUID]) -> dict[UUID, Leaf]:
    """The leaves of those among `items` that are sealed."""
    c = log_leaves.c
    rows = await tx.execute(
        select(c.leaf_index, c.type, c.item, c.voucher_year, c.voucher_number, c.hash).where(
            c.book_id == book, c.item.in_(items)
        )
    )
    return {row.item: _leaf(*row) for row in rows}


async def line_of(tx: AsyncConnection, book: int, index: int) -> Line | None:
    """One leaf with its line; None where there is no such leaf, or no row any more that it was of."""
    c = log_lines.c
    row = (
        await tx.execute(
            select(
                *(c.leaf_index, c.type, c.item, c.voucher_year, c.voucher_number, c.hash),
                *(c.line, c.texts, c.salt, c.commitment),
            ).where(c.book_id == book, c.leaf_index == index)
        )
    ).one_or_none()
    return None if row is None else Line(_leaf(*row[:6]), row.line, row.texts, row.salt, row.commitment)


def _leaf(
    index: int, kind: str, item: UUID, voucher_year: int | None, voucher_number: int | None, digest: bytes
) -> Leaf:
    voucher = None if voucher_year is None else f"{voucher_year}-{voucher_number}"
    return Leaf(index, cast(Literal["transaction", "event"], kind), item, voucher, digest)


async def promise(tx: AsyncConnection, book: int, transaction_id: UUID) -> bytes | None:
    """Fixes with which commitment a transaction will be sealed; answers the SHA-256 of its line without the voucher.

    None: it is sealed, or there is no such transaction. Waits for the sealer, a fraction of a second.
    """
    call = text("SELECT public.log_promise(:book, :transaction)").bindparams(distribution.routed(book))
    digest: bytes | None = (await tx.execute(call, {"transaction": transaction_id})).scalar_one()
    return digest


async def forget(tx: AsyncConnection, book: int, holder: str) -> int:
    """Destroys the free text of the transactions on a person's accounts, with the salts: for whoever has been erased.

    No line changes. Answers how many transactions it were.
    """
    call = text("SELECT public.log_forget(:book, :holder)").bindparams(distribution.routed(book))
    forgotten: int = (await tx.execute(call, {"holder": holder})).scalar_one()
    return forgotten


async def newest(tx: AsyncConnection, book: int) -> Checkpoint | None:
    """The checkpoint that was published last; None: none was."""
    found = await checkpoints(tx, book, newest_first=True, limit=1)
    return found[0] if found else None


async def checkpoints(
    tx: AsyncConnection, book: int, *, newest_first: bool = False, after: int = 0, limit: int | None = None
) -> list[Checkpoint]:
    """The published checkpoints in the order of their numbers, or the newest first; those after a number."""
    c = log_checkpoints.c
    order = c.number.desc() if newest_first else c.number
    rows = await tx.execute(
        select(c.number, c.size, c.root, c.note, c.created_at)
        .where(c.book_id == book, c.number > after)
        .order_by(order)
        .limit(limit)
    )
    return [Checkpoint(*row) for row in rows]


async def publish(tx: AsyncConnection, book: int, size: int, root: bytes, note: str) -> Checkpoint:
    """Keeps a checkpoint that has been signed as the newest. Two at once: the later breaks on its number."""
    before = await newest(tx, book)
    now = await connect.now(tx)
    made = Checkpoint(1 if before is None else before.number + 1, size, root, note, now)
    await tx.execute(
        insert(log_checkpoints).values(
            book_id=book, number=made.number, size=size, root=root, note=note, created_at=now
        )
    )
    return made
