"""The sealed log of a book: every transaction and event is a leaf of one tree that only grows (RFC 6962).

Sealing gives what has been committed its place. It happens beside the postings and takes no lock that they wait for;
the order stands behind one function of the database, `log_seal`. A leaf's line is derived from its rows (`log_lines`);
the leaf keeps the line's hash. What has been sealed becomes binding when a checkpoint, the signed size and root, is
published.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
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


# What has been committed and is no leaf yet. Since the last complete sealing nothing of a lower number was committed;
# in a later era there are also rows of the old cluster, whose numbers mean nothing here, up to any height.
_UNSEALED: Final = """
    FROM (SELECT coalesce((SELECT s.xid FROM log_states s WHERE s.book_id = :book), '0') AS xid) AS s
   CROSS JOIN LATERAL (
        SELECT t.xid, t.transaction_id AS item, t.recorded_at FROM transactions t
         WHERE t.book_id = :book AND t.xid >= s.xid
        UNION ALL
        SELECT v.xid, v.event_id, v.recorded_at FROM events v
         WHERE v.book_id = :book AND v.xid >= s.xid) AS c
   WHERE (SELECT l.leaf_index FROM log_leaves l WHERE l.book_id = :book AND l.item = c.item) IS NULL"""

_NEWEST_UNSEALED: Final = text(f"SELECT c.item {_UNSEALED} ORDER BY c.xid DESC LIMIT 1")
_STANDING: Final = text(f"""
    SELECT coalesce((SELECT s.size FROM log_states s WHERE s.book_id = :book), 0),
           coalesce((SELECT s.era FROM log_states s WHERE s.book_id = :book), 1),
           count(*), min(c.recorded_at) {_UNSEALED}""")  # noqa: S608 - put together of our own words

# Of each book a few rows are looked at. Where these are many it is time to seal, whether there is something or not.
_BEHIND: Final = text("""
    SELECT s.book_id, s.size, coalesce(p.size, 0), f.since
      FROM log_states s
      LEFT JOIN LATERAL (
           SELECT c.size FROM log_checkpoints c WHERE c.book_id = s.book_id ORDER BY c.number DESC LIMIT 1) AS p ON true
     CROSS JOIN LATERAL (
           SELECT count(*) AS rows, min(r.recorded_at) FILTER (WHERE (
                      SELECT l.leaf_index FROM log_leaves l WHERE l.book_id = s.book_id AND l.item = r.item) IS NULL
                  ) AS since
             FROM ((SELECT t.transaction_id AS item, t.recorded_at FROM transactions t
                     WHERE t.book_id = s.book_id AND t.xid >= s.xid
                       AND t.xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY t.xid LIMIT 100)
                   UNION ALL
                   (SELECT v.event_id, v.recorded_at FROM events v
                     WHERE v.book_id = s.book_id AND v.xid >= s.xid
                       AND v.xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY v.xid LIMIT 100)) AS r) AS f
     WHERE f.rows >= 100 OR f.since IS NOT NULL OR s.size <> coalesce(p.size, 0)
    UNION ALL
    SELECT b.book_id, 0, 0, NULL FROM books b WHERE b.book_id NOT IN (SELECT s.book_id FROM log_states s)""")


_TURN: Final = 19782
"""The class of the advisory locks of those who seal; the gates of the books have the one before."""


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


async def my_turn(tx: AsyncConnection, book: int, *, wait: bool = False) -> bool:
    """Whether nobody else seals or publishes this book until the transaction ends; `wait`: until it is our turn.

    It only spares work: `seal` and `publish` do no harm to each other.
    """
    lock = func.pg_advisory_xact_lock if wait else func.pg_try_advisory_xact_lock
    return (await tx.execute(select(lock(_TURN, book)))).scalar_one() is not False


async def seal(tx: AsyncConnection, book: int, most: int = MOST) -> Sealed:
    """Seals what has been committed, `most` leaves at most, in the caller's transaction."""
    call = text("SELECT size, complete FROM public.log_seal(:book, :most)").bindparams(distribution.routed(book))
    row = (await tx.execute(call, {"most": most})).one()
    return Sealed(row.size, row.complete)


async def seal_all(database: AsyncEngine, book: int, *, longest: float = 30.0) -> int:
    """Seals, in transactions of their own, all that was committed when it was called; answers the size, complete.

    What was committed while an older transaction still writes, anywhere in the cluster, is sealed when that has ended:
    for this it waits, `longest` seconds.
    """
    end = time.monotonic() + longest
    async with database.connect() as tx:
        # The last in the order of sealing: when it is a leaf, so are the others.
        newest_then: UUID | None = (await tx.execute(_NEWEST_UNSEALED, {"book": book})).scalar_one_or_none()
    while True:
        async with database.begin() as tx:
            await connect.no_timeout(tx)
            sealed = await seal(tx, book)
            reached = newest_then is None or await leaf_of(tx, book, newest_then) is not None
        if sealed.complete and (reached or time.monotonic() > end):
            return sealed.size
        if sealed.complete:
            with contextlib.suppress(TimeoutError):  # nobody tells when a transaction has ended
                await asyncio.wait_for(asyncio.Event().wait(), 0.02)


@dataclass(frozen=True, slots=True)
class Behind:
    """A book whose log is behind: `size` leaves are sealed, the newest checkpoint has `published` of them.

    `since`: when the oldest that is not sealed was recorded; None: all is sealed.
    """

    book_id: int
    size: int
    published: int
    since: datetime | None


async def behind(tx: AsyncConnection) -> list[Behind]:
    """The books whose logs are behind, those that have never been sealed too. A few index look-ups a book."""
    return [Behind(*row) for row in await tx.execute(_BEHIND)]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a log stands. `unsealed`: committed and not sealed yet; `since`: when the oldest of these was recorded.

    `era`: 1, 2, 3 …, a new one since the books were moved to another database cluster.
    """

    size: int
    era: int
    unsealed: int
    since: datetime | None


async def standing(tx: AsyncConnection, book: int) -> Standing:
    """How the log of a book stands, counted: not for every second."""
    row = (await tx.execute(_STANDING, {"book": book})).one()
    return Standing(*row)


async def bytes_held(tx: AsyncConnection) -> int:
    """The bytes that leaves and nodes of all books take on disk, with their indexes."""
    held = text("SELECT pg_total_relation_size('log_leaves') + pg_total_relation_size('log_nodes')")
    return int((await tx.execute(held)).scalar_one())


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


async def newest(tx: AsyncConnection, book: int, origin: str | None = None) -> Checkpoint | None:
    """The checkpoint that was published last, of this origin (without: of any); None: none was."""
    found = await checkpoints(tx, book, newest_first=True, limit=1, origin=origin)
    return found[0] if found else None


async def checkpoints(
    tx: AsyncConnection,
    book: int,
    *,
    newest_first: bool = False,
    after: int = 0,
    limit: int | None = None,
    origin: str | None = None,
) -> list[Checkpoint]:
    """The published checkpoints in the order of their numbers, or the newest first; those after a number.

    `origin`: only those of this origin (the first line of their notes).
    """
    c = log_checkpoints.c
    order = c.number.desc() if newest_first else c.number
    rows = await tx.execute(
        select(c.number, c.size, c.root, c.note, c.created_at)
        .where(
            c.book_id == book,
            c.number > after,
            *([c.note.startswith(f"{origin}\n", autoescape=True)] if origin else []),
        )
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
