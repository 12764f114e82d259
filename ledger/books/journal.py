"""The one writer of the journal: load under lock, evaluate, write.

`post` runs in the caller's transaction and never commits; `batching.submit` is what most callers want. Both SQL
functions are defined in the migrations. This path speaks psycopg directly: a batch goes in and out as arrays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy import Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import keys
from ledger.books.evaluate import (
    AccountState,
    Entry,
    Evaluation,
    Line,
    Outcome,
    Posted,
    Proposal,
    Side,
    State,
    Transaction,
    evaluate,
    malformed,
)
from ledger.books.tables import accounts, entries, transactions
from ledger.database import connect
from ledger.errors import CannotReverse, IdempotencyConflict, UnknownBook, UnknownTransaction

_LOAD = "SELECT * FROM public.journal_load(%b, %b, %b, %b, %b::uuid[])"

_WRITE = """SELECT public.journal_write(
    %s, %s, %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::uuid[],
    %s::integer[], %s::smallint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[])"""


async def post(tx: AsyncConnection, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    """Posts a batch in the caller's transaction and answers an outcome for each proposal, in order.

    Refusals are outcomes, not exceptions. What must not be posted when another proposal is refused is the caller's to
    roll back. The accounts stay locked until the transaction ends.
    """
    evaluation = decide(await load(tx, book, proposals), proposals)
    if evaluation.keys:
        await _write(tx, book, evaluation)
    return await _whole(tx, book, evaluation.outcomes)


def decide(state: State, proposals: Sequence[Proposal]) -> Evaluation:
    """What `post` would do in this state; writes nothing."""
    return evaluate(state, proposals, [new_id(state.now) for _ in proposals])


async def reversal(
    tx: AsyncConnection,
    book: int,
    transaction_id: UUID,
    *,
    client: str,
    key: str,
    call: str,
    actor: str,
    reason: str = "",
    request_id: str | None = None,
) -> Proposal:
    """The proposal that mirrors a posted transaction, dated as it was.

    Raises IdempotencyConflict, UnknownTransaction, CannotReverse, in this order.
    """
    earlier = await keys.find(tx, book, client, key)
    if earlier is not None and earlier != call:
        raise IdempotencyConflict(key, earlier, call)
    original = await read(tx, book, transaction_id)
    if original.correction == "reversal":
        raise CannotReverse(transaction_id)
    mirrored: dict[Side, Side] = {"debit": "credit", "credit": "debit"}
    return Proposal(
        client=client,
        key=key,
        call=call,
        kind="reversal",
        description=reason,
        effective_at=original.effective_at,
        lines=tuple(Line(entry.account, mirrored[entry.side], entry.amount) for entry in original.entries),
        actor=actor,
        request_id=request_id,
        correction="reversal",
        corrects=transaction_id,
    )


async def read(tx: AsyncConnection, book: int, transaction_id: UUID) -> Transaction:
    """A posted transaction with its entries in the order of its lines; UnknownTransaction."""
    found = await read_many(tx, book, [transaction_id])
    if not found:
        raise UnknownTransaction(transaction_id)
    return found[transaction_id]


async def read_many(tx: AsyncConnection, book: int, ids: Iterable[UUID]) -> dict[UUID, Transaction]:
    """The posted ones among `ids`."""
    columns = [column for column in transactions.c if column.name not in ("book_id", "xid")]
    heads = await tx.execute(
        select(*columns).where(
            transactions.c.book_id == book, transactions.c.transaction_id == any_(literal(list(ids), ARRAY(Uuid)))
        )
    )
    found = {head["transaction_id"]: head for head in heads.mappings()}
    legs: dict[UUID, list[Entry]] = {}
    rows = await tx.execute(
        select(
            entries.c.transaction_id,
            accounts.c.code,
            entries.c.account_id,
            entries.c.unit,
            entries.c.debit,
            entries.c.credit,
            entries.c.number,
            entries.c.balance_after,
        )
        .join(accounts, (accounts.c.book_id == book) & (accounts.c.account_id == entries.c.account_id))
        .where(entries.c.book_id == book, entries.c.transaction_id == any_(literal(list(found), ARRAY(Uuid))))
        .order_by(entries.c.transaction_id, entries.c.line)
    )
    for transaction_id, code, account_id, unit, debit, credit, number, balance in rows:
        side: Side = "debit" if debit else "credit"
        legs.setdefault(transaction_id, []).append(
            Entry(code, account_id, unit, side, debit or credit, number, balance)
        )
    return {
        transaction_id: Transaction(**head, entries=tuple(legs[transaction_id]))
        for transaction_id, head in found.items()
    }


def new_id(time: datetime) -> UUID:
    """A UUID of version 7 (RFC 9562): the milliseconds of `time`, then 74 random bits."""
    number = int(time.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


async def load(tx: AsyncConnection, book: int, proposals: Sequence[Proposal]) -> State:
    """Locks the accounts that the proposals name and reads what deciding them needs. UnknownBook."""
    # What is malformed need not lock anything, and may hold text that the database cannot even be asked about.
    proposals = [proposal for proposal in proposals if malformed(proposal) is None]
    codes = sorted({line.account for proposal in proposals for line in proposal.lines})
    corrected = sorted({p.corrects for p in proposals if p.correction == "reversal" and p.corrects is not None})
    connection = await connect.driver(tx)
    async with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        await cursor.execute(_LOAD, (book, codes, [p.client for p in proposals], [p.key for p in proposals], corrected))
        row = cast(dict[str, Any], await cursor.fetchone())
    if row["first_day"] is None:
        raise UnknownBook(str(book))
    columns = ("a_id", "a_code", "a_class", "a_unit", "a_floor", "a_status", "a_debits", "a_credits", "a_number")
    states = [AccountState(*values) for values in zip(*(row[c] or () for c in (*columns, "a_recorded")), strict=True)]
    used = {
        (client, key): keys.Used(call, transaction_id, keys.restore(refusal) if refusal else None)
        for client, key, call, transaction_id, refusal in zip(
            *(row[c] or () for c in ("k_client", "k_key", "k_call", "k_transaction", "k_refusal")), strict=True
        )
    }
    return State(
        now=connect.in_force(tx, row["clock"]),
        first_day=row["first_day"],
        accounts={state.code: state for state in states},
        keys=used,
        reversed=frozenset(row["reversed"] or ()),
    )


async def _write(tx: AsyncConnection, book: int, evaluation: Evaluation) -> None:
    posted = evaluation.transactions
    legs = [
        (place, line, entry)
        for place, transaction in enumerate(posted, start=1)  # as the database counts
        for line, entry in enumerate(transaction.entries)
    ]
    connection = await connect.driver(tx)
    await connection.execute(
        _WRITE,
        (
            book,
            evaluation.recorded_at,
            [t.transaction_id for t in posted],
            [t.kind for t in posted],
            [t.description for t in posted],
            [t.effective_at for t in posted],
            [t.effective_on for t in posted],
            [t.client for t in posted],
            [t.key for t in posted],
            [t.actor for t in posted],
            [t.approver for t in posted],
            [t.request_id for t in posted],
            [t.correction for t in posted],
            [t.corrects for t in posted],
            [place for place, _, _ in legs],
            [line for _, line, _ in legs],
            [entry.account_id for _, _, entry in legs],
            [entry.unit for _, _, entry in legs],
            [entry.number for _, _, entry in legs],
            [entry.amount if entry.side == "debit" else 0 for _, _, entry in legs],
            [entry.amount if entry.side == "credit" else 0 for _, _, entry in legs],
            [entry.balance_after for _, _, entry in legs],
            [client for client, _, _ in evaluation.keys],
            [key for _, key, _ in evaluation.keys],
            [used.call for _, _, used in evaluation.keys],
            [used.transaction_id for _, _, used in evaluation.keys],
            [keys.dump(used.refusal) if used.refusal else None for _, _, used in evaluation.keys],
        ),
    )


async def _whole(tx: AsyncConnection, book: int, outcomes: list[Outcome]) -> list[Outcome]:
    """Outcomes answered from keys know only the transaction's id: reads the transactions."""
    earlier = [o.transaction_id for o in outcomes if isinstance(o, Posted) and o.transaction is None]
    if not earlier:
        return outcomes
    found = await read_many(tx, book, earlier)
    return [
        replace(outcome, transaction=found[outcome.transaction_id])
        if isinstance(outcome, Posted) and outcome.transaction is None
        else outcome
        for outcome in outcomes
    ]
