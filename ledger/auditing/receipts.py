"""Receipts: that an entry stands in a published log, and promises of what is not published yet.

A receipt is always of the newest checkpoint. What it shows is for the caller to decide: the line names all accounts of
a transaction with their balances, a slip only the line's hash. How a receipt is checked stands in `verifier.receipts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.types.numeric import Int4
from sqlalchemy import ScalarSelect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.auditing import inclusion, log
from ledger.auditing.tables import log_leaves, log_lines, log_promises
from ledger.auditing.verifier import receipts as verifier
from ledger.auditing.verifier.receipts import Opening, Promise, Receipt
from ledger.books.tables import accounts, entries, transactions
from ledger.database import connect, pipeline
from ledger.database.arrays import Uuids
from ledger.database.pipeline import Statement
from ledger.errors import UnknownTransaction

WITHIN: Final = timedelta(days=1)
"""So long after it was recorded, or asked for if that was later, an entry may be without its place in the log: an
outage of a night breaks no promise. Sealing itself takes seconds."""
_HOUR: Final = timedelta(hours=1)

# All of a receipt in one statement: the newest checkpoint, the leaf below it, perhaps the line, and the hashes that the
# path is made of. These are, on each level, in the tile on the way up from the leaf and in the last, unfinished one.
_STATEMENT: Final = """
    WITH newest AS (
        SELECT c.size, c.note FROM public.log_checkpoints c WHERE c.book_id = $1 ORDER BY c.number DESC LIMIT 1),
    leaf AS (
        SELECT n.size, n.note, l.leaf_index, l.hash {leaf})
    SELECT f.size, f.note, f.leaf_index, f.hash, {said} p.levels, p.firsts, p.hashes
      FROM leaf f {line}
     CROSS JOIN LATERAL (
        SELECT array_agg(w.level) AS levels, array_agg(w.first) AS firsts, array_agg(
                   CASE WHEN w.level = 0 THEN (
                       SELECT string_agg(l.hash, ''::bytea ORDER BY l.leaf_index) FROM public.log_leaves l
                        WHERE l.book_id = $1 AND l.leaf_index >= w.first AND l.leaf_index < w.past)
                   ELSE (
                       SELECT string_agg(n.hash, ''::bytea ORDER BY n.place) FROM public.log_nodes n
                        WHERE n.book_id = $1 AND n.level = w.level AND n.place >= w.first AND n.place < w.past)
                   END) AS hashes
          FROM (SELECT v.level, v.first, least(v.first + 256, v.full) AS past
                  FROM (SELECT level, f.size >> (8 * level) AS full, (f.leaf_index >> (8 * level + 8)) << 8 AS first
                          FROM generate_series(0, 7) AS level
                        UNION
                        SELECT level, f.size >> (8 * level), (f.size >> (8 * level + 8)) << 8
                          FROM generate_series(0, 7) AS level) AS v
                 WHERE v.first < v.full) AS w) AS p"""

_PUBLISHED: Final = """
          FROM newest n JOIN public.log_leaves l ON l.book_id = $1 AND l.item = {item} AND l.leaf_index < n.size"""

# Of an account so many of the newest entries are looked through for one that is published.
_ENTRY: Final = """
          FROM newest n
         CROSS JOIN (SELECT e.transaction_id, e.number FROM public.accounts a
                       JOIN public.entries e ON e.book_id = $1 AND e.account_id = a.account_id
                      WHERE a.book_id = $1 AND a.code = $2 ORDER BY e.number DESC LIMIT 100) AS e
          JOIN public.log_leaves l ON l.book_id = $1 AND l.item = e.transaction_id AND l.leaf_index < n.size
         ORDER BY e.number DESC LIMIT 1"""

# Of the view only the half that says transactions is looked at, and of that one line: OFFSET 0 is what the planner
# leaves as it stands, so that the leaf is known when it is planned.
_LINE: Final = """
     CROSS JOIN LATERAL (
        SELECT v.line, v.texts, v.salt FROM public.log_lines v
         WHERE v.book_id = $1 AND v.leaf_index = f.leaf_index AND v.type = 'transaction' OFFSET 0) AS s"""


def _statement(name: str, leaf: str, *, whole: bool = False) -> Statement:
    line, said = (_LINE, "s.line, s.texts, s.salt,") if whole else ("", "")
    return Statement(f"meide_receipt_{name}".encode(), _STATEMENT.format(leaf=leaf, line=line, said=said).encode())


_WHOLE: Final = _statement("whole", _PUBLISHED.format(item="$2"), whole=True)
_OF_ITEM: Final = _statement("of_item", _PUBLISHED.format(item="$2"))
_OF_ANY: Final = _statement("of_any", _PUBLISHED.format(item="ANY ($2)") + " ORDER BY l.leaf_index DESC LIMIT 1")
_OF_ACCOUNT: Final = _statement("of_account", _ENTRY)


@dataclass(frozen=True, slots=True)
class Party:
    """An account that a transaction touches: its code, the chart's word for it, and whose it is, if anybody's."""

    account: str
    kind: str | None
    holder: str | None


async def receipt(tx: AsyncConnection, book: int, transaction_id: UUID, *, whole: bool = True) -> Receipt | None:
    """The receipt of a transaction; None: no checkpoint has it yet (or there is no such transaction, see `promise`).

    `whole`: with the line and what opens it, unless that was destroyed; else a slip, which shows the line's hash.
    LogDamaged.
    """
    return await _read(tx, _WHOLE if whole else _OF_ITEM, book, transaction_id)


async def slip_of_account(tx: AsyncConnection, book: int, account: str) -> Receipt | None:
    """The receipt, as a slip, of the newest published entry of an account; None: none is published. LogDamaged."""
    return await _read(tx, _OF_ACCOUNT, book, account)


async def slip_of_any(tx: AsyncConnection, book: int, among: Sequence[UUID]) -> Receipt | None:
    """The receipt, as a slip, of the one among these transactions that was published last. LogDamaged."""
    return await _read(tx, _OF_ANY, book, Uuids(among))


async def promise(
    tx: AsyncConnection, book: int, transaction_id: UUID, origin: str, sign: Callable[[str], str]
) -> Promise:
    """The promise that a transaction will stand in the log as it is now. `sign` makes a note of a text.

    Asked for again, it is the same. UnknownTransaction.
    """
    digest = await log.promise(tx, book, transaction_id)
    own, promised = transactions.c, log_promises.c
    found = (
        await tx.execute(
            select(own.recorded_at, promised.promised_at)
            .outerjoin(log_promises, (promised.book_id == book) & (promised.transaction_id == own.transaction_id))
            .where(own.book_id == book, own.transaction_id == transaction_id)
        )
    ).one_or_none()
    if found is None:
        raise UnknownTransaction(transaction_id)
    recorded_at, promised_at = found
    if digest is None:  # it is sealed by now; the next checkpoint has it
        c = log_lines.c
        line = await tx.execute(select(c.line).where(c.book_id == book, c.leaf_index == _place(book, transaction_id)))
        said = verifier.digest_of(line.scalar_one())
    else:
        said = digest.hex()
    made = Promise(origin, str(transaction_id), said, _moment(recorded_at), _within(recorded_at, promised_at))
    return verifier.parse_promise(sign(verifier.promise_body(made)))


async def parties(tx: AsyncConnection, book: int, transaction_id: UUID) -> list[Party]:
    """The accounts that a transaction touches; UnknownTransaction."""
    rows = await tx.execute(
        select(accounts.c.code, accounts.c.kind, accounts.c.holder)
        .join(entries, (entries.c.book_id == book) & (entries.c.account_id == accounts.c.account_id))
        .where(accounts.c.book_id == book, entries.c.transaction_id == transaction_id)
        .distinct()
    )
    found = [Party(*row) for row in rows]
    if not found:
        raise UnknownTransaction(transaction_id)
    return found


async def lines(tx: AsyncConnection, book: int, first: int, past: int) -> list[str]:
    """The lines of the leaves from `first` up to `past`, without it."""
    c = log_lines.c
    found = await tx.execute(
        select(c.line).where(c.book_id == book, c.leaf_index >= first, c.leaf_index < past).order_by(c.leaf_index)
    )
    return list(found.scalars())


async def _read(tx: AsyncConnection, statement: Statement, book: int, of: object) -> Receipt | None:
    rows = await pipeline.run(await connect.driver(tx), (statement, (Int4(book), of)))
    if not rows:
        return None
    row = rows[0]
    pieces = zip(row["levels"], row["firsts"], row["hashes"], strict=True)
    path = inclusion.path(row["leaf_index"], row["size"], ((*at, hashes or b"") for *at, hashes in pieces))
    line = row.get("line")
    if line is None:
        return Receipt(row["leaf_index"], tuple(path), row["note"], row["hash"])
    opening = None if row["salt"] is None else Opening(row["salt"], json.loads(row["texts"]))
    return verifier.of_line(line, opening, row["leaf_index"], path, row["note"])


def _within(recorded_at: datetime, promised_at: datetime | None) -> int:
    """Seconds, in whole hours."""
    late = timedelta() if promised_at is None else promised_at - recorded_at
    return int((WITHIN + max(late // _HOUR, 0) * _HOUR).total_seconds())


def _place(book: int, transaction_id: UUID) -> ScalarSelect[int]:
    """The number of its leaf."""
    c = log_leaves.c
    return select(c.leaf_index).where(c.book_id == book, c.item == transaction_id).scalar_subquery()


def _moment(at: datetime) -> str:
    """As lines write it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
