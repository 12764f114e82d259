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

from sqlalchemy import ScalarSelect, Subquery, Uuid, any_, literal, null, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.auditing import inclusion, log
from ledger.auditing.tables import log_checkpoints, log_leaves, log_lines, log_promises
from ledger.auditing.verifier import receipts as verifier
from ledger.auditing.verifier.receipts import Opening, Promise, Receipt
from ledger.books.tables import accounts, entries, transactions
from ledger.errors import UnknownTransaction

WITHIN: Final = timedelta(days=1)
"""So long after it was recorded, or asked for if that was later, an entry may be without its place in the log: an
outage of a night breaks no promise. Sealing itself takes seconds."""
_HOUR: Final = timedelta(hours=1)
_NEWEST: Final = 100
"""So many entries of an account are looked through for one that is published."""


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
    newest, leaf, own = _newest(book), log_lines.c if whole else log_leaves.c, log_lines.c
    said = (own.line, own.texts, own.salt) if whole else (null(), null(), null())
    found = (
        await tx.execute(
            select(newest.c.size, newest.c.note, leaf.leaf_index, leaf.hash, *said).where(
                leaf.book_id == book,
                leaf.type == "transaction",  # of the view only the half that says these is planned
                leaf.leaf_index == _place(book, transaction_id),
                leaf.leaf_index < newest.c.size,
            )
        )
    ).one_or_none()
    if found is None:
        return None
    size, note, index, digest, line, texts, salt = found
    path = tuple(await inclusion.inclusion(tx, book, index, size))
    if line is None:
        return Receipt(index, path, note, bytes(digest))
    opening = None if salt is None else Opening(bytes(salt), json.loads(texts))
    return verifier.of_line(line, opening, index, path, note)


async def slip_of_account(tx: AsyncConnection, book: int, account: str) -> Receipt | None:
    """The receipt, as a slip, of the newest published entry of an account; None: none is published. LogDamaged."""
    of = (
        select(entries.c.transaction_id, entries.c.number)
        .join(accounts, (accounts.c.book_id == book) & (accounts.c.account_id == entries.c.account_id))
        .where(entries.c.book_id == book, accounts.c.code == account)
        .order_by(entries.c.number.desc())
        .limit(_NEWEST)
        .subquery()
    )
    newest, leaf = _newest(book), log_leaves.c
    found = (
        await tx.execute(
            select(newest.c.size, newest.c.note, leaf.leaf_index, leaf.hash)
            .select_from(newest.join(of, true()).join(log_leaves, leaf.item == of.c.transaction_id))
            .where(leaf.book_id == book, leaf.leaf_index < newest.c.size)
            .order_by(of.c.number.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if found is None else await _slip(tx, book, *found)


async def slip_of_any(tx: AsyncConnection, book: int, among: Sequence[UUID]) -> Receipt | None:
    """The receipt, as a slip, of the one among these transactions that was published last. LogDamaged."""
    newest, leaf = _newest(book), log_leaves.c
    found = (
        await tx.execute(
            select(newest.c.size, newest.c.note, leaf.leaf_index, leaf.hash)
            .where(
                leaf.book_id == book,
                leaf.item == any_(literal(list(among), ARRAY(Uuid))),
                leaf.leaf_index < newest.c.size,
            )
            .order_by(leaf.leaf_index.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if found is None else await _slip(tx, book, *found)


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


async def _slip(tx: AsyncConnection, book: int, size: int, note: str, index: int, digest: bytes) -> Receipt:
    return Receipt(index, tuple(await inclusion.inclusion(tx, book, index, size)), note, bytes(digest))


def _within(recorded_at: datetime, promised_at: datetime | None) -> int:
    """Seconds, in whole hours."""
    late = timedelta() if promised_at is None else promised_at - recorded_at
    return int((WITHIN + max(late // _HOUR, 0) * _HOUR).total_seconds())


def _place(book: int, transaction_id: UUID) -> ScalarSelect[int]:
    """The number of its leaf."""
    c = log_leaves.c
    return select(c.leaf_index).where(c.book_id == book, c.item == transaction_id).scalar_subquery()


def _newest(book: int) -> Subquery:
    """The newest checkpoint."""
    c = log_checkpoints.c
    return select(c.size, c.note).where(c.book_id == book).order_by(c.number.desc()).limit(1).subquery()


def _moment(at: datetime) -> str:
    """As lines write it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
