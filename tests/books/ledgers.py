"""Small ledgers for tests: accounts in a word, postings in a line, balances in a dictionary.

::

    await opened(database, book, "2100.a", "5100", "till asset SEK -500")
    await post(database, book, proposal("k1", debit="5100 25 PT", credit="2100.a 25 PT"))
    assert await balances_of(database, book, "5100", "2100.a") == {"5100": 25, "2100.a": 25}
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import balances, batching, chart, journal
from ledger.books.chart import CHART, Account, NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Posted, Refused, Transaction
from ledger.books.proposals import Line, Proposal, Side
from ledger.books.tables import day_totals, entries, keys, transactions
from ledger.database import connect
from ledger.errors import Refusal

NOON = datetime(2025, 3, 5, 4, tzinfo=UTC)
"""Noon of 5 March 2025 in Beijing, when nothing else is said."""

CLIENT = "token:test"

_ROWS = {row.code: row for row in CHART}
_numbers = itertools.count(1)

T = TypeVar("T")


def new_account(wanted: str) -> NewAccount:
    """`2100.a` as the chart has it, or a plain account in words: code, class, unit, perhaps a floor."""
    code, *words = wanted.split()
    if not words:
        row = _ROWS[code.partition(".")[0]]
        return NewAccount(code, f"account {code}", row.account_class, row.unit or code.partition(".")[2])
    return NewAccount(code, f"account {code}", words[0], words[1], int(words[2]) if words[2:] else None)


async def opened(database: AsyncEngine, book: Book, *wanted: str) -> list[Account]:
    """Opens accounts, each given as `new_account` reads it; raises if one is refused."""
    async with database.begin() as tx:
        outcomes = await chart.open_accounts(tx, book.book_id, [new_account(account) for account in wanted])
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            raise outcome
    return [outcome[0] for outcome in outcomes if not isinstance(outcome, Refusal)]


def legs(side: Side, written: str) -> tuple[Line, ...]:
    """`"9110 150 HR; 5100 25 PT"`: account, amount and, if it is to be checked, the unit."""
    return tuple(
        Line(words[0], side, int(words[1]), words[2] if words[2:] else None)
        for words in (leg.split() for leg in written.split(";") if leg.strip())
    )


def proposal(key: str, *, debit: str, credit: str, **other: Any) -> Proposal:
    """A proposal whose call is its content, as in the service: the same words under the same key are the same call."""
    effective_at = other.pop("effective_at", NOON)
    kind = other.pop("kind", "test")
    return Proposal(
        client=other.pop("client", CLIENT),
        key=key,
        call=other.pop("call", f"{kind} {effective_at.isoformat()} debit {debit} credit {credit}"),
        kind=kind,
        effective_at=effective_at,
        lines=legs("debit", debit) + legs("credit", credit),
        actor=other.pop("actor", "user:1"),
        **other,
    )


async def submit(database: AsyncEngine, book: Book, *proposals: Proposal) -> list[Outcome]:
    return await batching.submit(database, book.book_id, proposals)


async def post(database: AsyncEngine, book: Book, wanted: Proposal) -> Transaction:
    """Posts one proposal; raises its refusal if it is refused."""
    [outcome] = await submit(database, book, wanted)
    return transaction_of(outcome)


async def refused(database: AsyncEngine, book: Book, wanted: Proposal) -> Refusal:
    """Proposes what has to be refused, and answers why it was."""
    [outcome] = await submit(database, book, wanted)
    return refusal_of(outcome)


async def move(database: AsyncEngine, book: Book, debit: str, credit: str, **other: Any) -> Transaction:
    """Posts under a key of its own."""
    return await post(database, book, proposal(f"move-{next(_numbers)}", debit=debit, credit=credit, **other))


async def reverse(
    database: AsyncEngine, book: Book, original: Transaction, key: str = "reversal", **other: Any
) -> Proposal:
    """The proposal that reverses a transaction."""
    async with database.connect() as tx:
        return await journal.reversal(
            tx,
            book.book_id,
            original.transaction_id,
            client=other.pop("client", CLIENT),
            key=key,
            call=other.pop("call", f"reverse {original.transaction_id}"),
            actor=other.pop("actor", "user:1"),
            **other,
        )


def transaction_of(outcome: Outcome) -> Transaction:
    """The transaction of an outcome, whole; raises the refusal if it is one."""
    if isinstance(outcome, Refused):
        raise outcome.refusal
    assert outcome.transaction is not None
    return outcome.transaction


def refusal_of(outcome: Outcome) -> Refusal:
    assert isinstance(outcome, Refused), f"posted: {outcome}"
    return outcome.refusal


def was_posted(outcome: Outcome) -> bool:
    return isinstance(outcome, Posted)


def reason(refusal: Refusal) -> tuple[type[Refusal], dict[str, object]]:
    """A refusal as a value that can be compared: what it is, and its facts."""
    return type(refusal), dict(refusal.facts())


async def balance_of(database: AsyncEngine, book: Book, code: str, at: date | None = None) -> int:
    """On the account's normal side."""
    async with database.connect() as tx:
        return (await balances.balance(tx, book.book_id, code, at)).balance


async def balances_of(database: AsyncEngine, book: Book, *codes: str, at: date | None = None) -> dict[str, int]:
    """The balances of these accounts or, when none is named, of all that have entries."""
    async with database.connect() as tx:
        found = (
            await balances.balances(tx, book.book_id, list(codes), at)
            if codes
            else await balances.trial_balance(tx, book.book_id, at)
        )
    return {balance.account: balance.balance for balance in found}


def sums_per_unit(transaction: Transaction) -> dict[str, tuple[int, int]]:
    """The debits and credits of a transaction in each of its units."""
    return {
        unit: tuple(
            sum(entry.amount for entry in transaction.entries if (entry.unit, entry.side) == (unit, side))
            for side in ("debit", "credit")
        )
        for unit in {entry.unit for entry in transaction.entries}
    }


async def rows_stored(database: AsyncEngine, book: Book) -> dict[str, int]:
    """How many rows each table of the journal holds of this book."""
    async with database.connect() as tx:
        return {
            table.name: (
                await tx.execute(select(func.count()).select_from(table).where(table.c.book_id == book.book_id))
            ).scalar_one()
            for table in (keys, transactions, entries, day_totals)
        }


def at(database: AsyncEngine, moment: datetime) -> AsyncEngine:
    """The same database at another time: its clock stands at `moment`."""
    return database.execution_options(clock=lambda _: moment)


@asynccontextmanager
async def second_engine(database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Another pool of connections to the same database, as another process of the service has."""
    engine = connect.to(database.url.render_as_string(hide_password=False))
    yield engine
    await engine.dispose()


async def until_blocked_by(database: AsyncEngine, tx: AsyncConnection) -> None:
    """Returns when somebody waits for a lock that this transaction holds."""
    async with asyncio.timeout(30):
        while not await waiting(database, tx):
            pass


async def until_waiting(database: AsyncEngine, number: int) -> None:
    """Returns when so many transactions wait for locks of others."""
    async with asyncio.timeout(30):
        while await waiting(database) < number:
            pass


async def waiting(database: AsyncEngine, tx: AsyncConnection | None = None) -> int:
    """How many transactions wait for locks; for locks that this transaction holds, if one is given."""
    async with database.connect() as onlooker:
        if (await onlooker.execute(text("SELECT to_regclass('citus_lock_waits') IS NOT NULL"))).scalar_one():
            number = "citus_backend_gpid()"  # the locks are the workers'
            waits = "SELECT waiting_gpid AS who, blocking_gpid AS of FROM citus_lock_waits"
        else:
            number = "pg_backend_pid()"
            waits = """SELECT pid AS who, unnest(pg_blocking_pids(pid)) AS of
                       FROM pg_stat_activity WHERE datname = current_database()"""
        holder = (await tx.execute(text(f"SELECT {number}"))).scalar_one() if tx is not None else None
        counted = (
            f"SELECT count(DISTINCT who) FROM ({waits}) AS w WHERE of = :holder OR CAST(:holder AS bigint) IS NULL"
        )
        return int((await onlooker.execute(text(counted), {"holder": holder})).scalar_one())


async def in_turn(
    database: AsyncEngine, book: Book, code: str, first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, T]
) -> tuple[T, T]:
    """The answers to two calls that both come while somebody else has locked the account, `first` before `second`.

    They must come over engines of their own: one engine's gatherer does not let them get as far as the lock.
    """
    async with database.begin() as holder:
        await chart.set_status(holder, book.book_id, code, "open")
        one = asyncio.create_task(first)
        await until_waiting(database, 1)
        two = asyncio.create_task(second)
        await until_waiting(database, 2)
    return await one, await two
