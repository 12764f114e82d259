"""The one writer of the journal: load under lock, evaluate, write.

`post` runs in the caller's transaction and never commits; `batching.submit` is what most callers want. Both SQL
functions are defined in the migrations. This path speaks psycopg directly: a batch goes in and out as arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.numeric import Int4
from sqlalchemy import Uuid, any_, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books import keys
from ledger.books.evaluate import (
    AccountState,
    Entry,
    Evaluation,
    HoldState,
    Outcome,
    Posted,
    State,
    Transaction,
    evaluate,
)
from ledger.books.lots import Lot, Taking
from ledger.books.proposals import Checked, Line, Proposal, Side, check
from ledger.books.tables import accounts, entries, holds, transactions
from ledger.database import connect, pipeline
from ledger.database.arrays import Bigints, Dates, Integers, Smallints, Texts, Times, Uuids
from ledger.database.pipeline import Statement
from ledger.errors import CannotReverse, IdempotencyConflict, UnknownBook, UnknownTransaction

# The book goes out as it is, without a cast: a distributed database sends the call to the node of a plain parameter.
_LOAD = Statement(b"meide_load", b"SELECT * FROM public.journal_load($1, $2, $3, $4, $5, $6)")

_WRITE = Statement(
    b"meide_write", f"SELECT public.journal_write({', '.join(f'${place}' for place in range(1, 51))})".encode()
)

_ACCOUNT = (
    *("a_id", "a_code", "a_class", "a_unit", "a_floor", "a_status", "a_debits", "a_credits", "a_number"),
    *("a_recorded", "a_kind"),
)
_KEY = ("k_client", "k_key", "k_call", "k_transaction", "k_refusal")
_HOLD = ("h_id", "h_account", "h_held", "h_amount", "h_expires_at", "h_ending", "h_ended_by")
_LOT = ("l_account", "l_number", "l_part", "l_transaction", "l_origin", "l_lapses_on", "l_remaining")
_TAKING = ("m_transaction", "m_account", "m_number", "m_part", "m_amount")


async def post(tx: AsyncConnection, book: int, proposals: Sequence[Proposal], *, commit: bool = False) -> list[Outcome]:
    """Posts a batch in the caller's transaction and answers an outcome for each proposal, in order.

    Refusals are outcomes, not exceptions. What must not be posted when another proposal is refused is the caller's to
    roll back. The accounts stay locked until the transaction ends. `commit`: commits in the same round trip as it
    writes, for whoever has nothing else to do in the transaction.
    """
    return await store(tx, book, await decided(tx, book, check(proposals)), commit=commit)


async def decided(tx: AsyncConnection, book: int, asked: Checked) -> Evaluation:
    """The first half of `post`: locks, reads, decides."""
    state = await _load(tx, book, asked)
    return evaluate(state, asked.proposals, identifiers.rising(state.now), asked.faults)


async def store(tx: AsyncConnection, book: int, evaluation: Evaluation, *, commit: bool = False) -> list[Outcome]:
    """The second half of `post`: writes, and answers the outcomes."""
    if evaluation.keys:
        await _write(tx, book, evaluation, commit=commit)
    return await _whole(tx, book, evaluation.outcomes)


def decide(state: State, proposals: Sequence[Proposal]) -> Evaluation:
    """What `post` would do in this state; writes nothing."""
    return evaluate(state, proposals, identifiers.rising(state.now))


async def load(tx: AsyncConnection, book: int, proposals: Sequence[Proposal]) -> State:
    """Locks the accounts that the proposals name and reads what deciding them needs. UnknownBook."""
    return await _load(tx, book, check(proposals))


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
    """The proposal that mirrors a posted transaction, dated as it was, or today where that day is closed.

    Raises IdempotencyConflict, UnknownTransaction, CannotReverse, in this order.
    """
    earlier = await keys.find(tx, book, client, key)
    if earlier is not None and earlier != call:
        raise IdempotencyConflict(key, earlier, call)
    original = await read(tx, book, transaction_id)
    if original.correction == "reversal" or await _is_of_a_hold(tx, book, transaction_id):
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


async def _is_of_a_hold(tx: AsyncConnection, book: int, transaction_id: UUID) -> bool:
    """Whether a transaction posted a hold or its end, which a mirror image would leave without its points."""
    found = select(holds.c.hold_id).where(
        holds.c.book_id == book, (holds.c.hold_id == transaction_id) | (holds.c.ended_by == transaction_id)
    )
    return (await tx.execute(found)).first() is not None


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
    account = (
        select(accounts.c.code)
        .where(accounts.c.book_id == book, accounts.c.account_id == entries.c.account_id)
        .offset(0)  # looked up for each entry, however small the planner thinks the book
        .lateral()
    )
    rows = await tx.execute(
        select(
            entries.c.transaction_id,
            account.c.code,
            entries.c.account_id,
            entries.c.unit,
            entries.c.debit,
            entries.c.credit,
            entries.c.number,
            entries.c.balance_after,
        )
        .join(account, true())
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


async def _load(tx: AsyncConnection, book: int, checked: Checked) -> State:
    # What is malformed need not lock anything, and may hold text that the database cannot even be asked about.
    proposals = [p for p, fault in zip(checked.proposals, checked.faults, strict=True) if fault is None]
    corrected = {p.corrects for p in proposals if p.corrects is not None}
    ended = {p.ends for p in proposals if p.ends is not None}
    asked = (
        Int4(book),
        Texts(sorted(checked.codes)),
        Texts([p.client for p in proposals]),
        Texts([p.key for p in proposals]),
        Uuids(corrected),
        Uuids(ended),
    )
    [row] = await pipeline.run(await connect.driver(tx), (_LOAD, asked))
    if row["first_day"] is None:
        raise UnknownBook(str(book))
    return _state(row, connect.in_force(tx, row["clock"]))


def _state(row: dict[str, Any], now: datetime) -> State:
    """What `journal_load` answered, as values."""
    lots: dict[int, list[Lot]] = {}
    for account_id, *lot in _rows(row, _LOT):
        lots.setdefault(account_id, []).append(Lot(*lot))
    accounts = {}
    codes = {}
    for values in _rows(row, _ACCOUNT):
        state = AccountState._make((*values, tuple(lots.get(values[0], ()))))
        accounts[state.code] = state
        codes[state.account_id] = state.code
    taken_back: dict[UUID, dict[str, tuple[int, int]]] = {}
    for transaction_id, unit, amount, back in _rows(row, ("c_transaction", "c_unit", "c_amount", "c_refunded")):
        taken_back.setdefault(transaction_id, {})[unit] = (amount or 0, back)
    takings: dict[tuple[UUID, int], list[Taking]] = {}
    for transaction_id, account_id, *taking in _rows(row, _TAKING):
        takings.setdefault((transaction_id, account_id), []).append(Taking(*taking))
    return State(
        now=now,
        first_day=row["first_day"],
        accounts=accounts,
        keys={
            (client, key): keys.Used(call, transaction_id, keys.restore(refusal) if refusal else None)
            for client, key, call, transaction_id, refusal in _rows(row, _KEY)
        },
        reversed=frozenset(row["reversed"] or ()),
        closed_through=row["closed_through"],
        taken_back=taken_back,
        holds={
            hold_id: HoldState(hold_id, codes[account], codes[held], *rest)
            for hold_id, account, held, *rest in _rows(row, _HOLD)
            if account in codes and held in codes
        },
        takings=takings,
        returned={
            (transaction_id, account_id): amount
            for transaction_id, account_id, amount in _rows(row, ("g_transaction", "g_account", "g_amount"))
        },
    )


def _rows(row: dict[str, Any], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Rows out of arrays that stand side by side."""
    return zip(*(row[column] or () for column in columns), strict=True)


async def _write(tx: AsyncConnection, book: int, evaluation: Evaluation, *, commit: bool) -> None:
    written = (_WRITE, (Int4(book), evaluation.recorded_at, *_columns(evaluation)))
    # SQLAlchemy's own commit finds nothing left to commit.
    await pipeline.run(await connect.driver(tx), written, *([(pipeline.COMMIT, ())] if commit else []))


def _columns(evaluation: Evaluation) -> list[Any]:
    """What has to be written, as the arrays that `journal_write` takes, in its order."""
    posted = evaluation.transactions
    legs = [entry for transaction in posted for entry in transaction.entries]
    debit = [entry.side == "debit" for entry in legs]
    # The keys of what is posted come with the transactions, in their order.
    calls = [stored.call for _, _, stored in evaluation.keys if stored.refusal is None]
    refused = [used for used in evaluation.keys if used[2].refusal is not None]
    made, moves, holds, ended = evaluation.lots, evaluation.moves, evaluation.holds, evaluation.ended
    return [
        Uuids([t.transaction_id for t in posted]),
        Texts([t.kind for t in posted]),
        Texts([t.description for t in posted]),
        Times([t.effective_at for t in posted]),
        Dates([t.effective_on for t in posted]),
        Texts([t.client for t in posted]),
        Texts([t.key for t in posted]),
        Texts([t.actor for t in posted]),
        Texts([t.approver for t in posted]),
        Texts([t.request_id for t in posted]),
        Texts([t.correction for t in posted]),
        Uuids([t.corrects for t in posted]),
        Texts(calls),
        Integers([place for place, t in enumerate(posted, start=1) for _ in t.entries]),  # as the database counts
        Smallints([line for t in posted for line in range(len(t.entries))]),
        Bigints([entry.account_id for entry in legs]),
        Texts([entry.unit for entry in legs]),
        Bigints([entry.number for entry in legs]),
        Bigints([entry.amount if is_debit else 0 for entry, is_debit in zip(legs, debit, strict=True)]),
        Bigints([0 if is_debit else entry.amount for entry, is_debit in zip(legs, debit, strict=True)]),
        Bigints([entry.balance_after for entry in legs]),
        Texts([client for client, _, _ in refused]),
        Texts([key for _, key, _ in refused]),
        Texts([stored.call for _, _, stored in refused]),
        Texts([keys.dump(stored.refusal) for _, _, stored in refused if stored.refusal]),
        Bigints([lot.account_id for lot in made]),
        Bigints([lot.number for lot in made]),
        Smallints([lot.part for lot in made]),
        Uuids([lot.transaction_id for lot in made]),
        Uuids([lot.origin for lot in made]),
        Dates([lot.lapses_on for lot in made]),
        Bigints([lot.amount for lot in made]),
        Uuids([lot.returns for lot in made]),
        Bigints([move.account_id for move in moves]),
        Uuids([move.transaction_id for move in moves]),
        Smallints([move.place for move in moves]),
        Bigints([move.number for move in moves]),
        Smallints([move.part for move in moves]),
        Bigints([move.amount for move in moves]),
        Uuids([move.returns for move in moves]),
        Uuids([hold.hold_id for hold in holds]),
        Bigints([hold.account_id for hold in holds]),
        Bigints([hold.held_account_id for hold in holds]),
        Bigints([hold.amount for hold in holds]),
        Times([hold.expires_at for hold in holds]),
        Uuids([end.hold_id for end in ended]),
        Texts([end.ending for end in ended]),
        Uuids([end.ended_by for end in ended]),
    ]


async def _whole(tx: AsyncConnection, book: int, outcomes: list[Outcome]) -> list[Outcome]:
    """Outcomes answered from keys know only the transaction's id: reads the transactions."""
    earlier = [o.transaction_id for o in outcomes if isinstance(o, Posted) and o.transaction is None]
    if not earlier:
        return outcomes
    found = await read_many(tx, book, earlier)
    return [
        outcome._replace(transaction=found[outcome.transaction_id])
        if isinstance(outcome, Posted) and outcome.transaction is None
        else outcome
        for outcome in outcomes
    ]
