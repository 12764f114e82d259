"""The way into the journal for every verb that changes only the books: it owns the transaction.

Calls that come while others are being posted are gathered and posted together, a few hundred in one transaction of the
database, and each caller gets his own outcome. Nobody waits when nothing is under way. Two batches are in the database
at a time. A call that touches an account of a batch under way waits here and not in the database until that batch has
been decided; then it takes its locks while the other is written, and finds the hot account free when it has the rest.
Several processes and machines are kept apart by the locks alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import journal
from ledger.books.evaluate import Outcome, Refused
from ledger.books.proposals import Checked, Proposal, check
from ledger.database import connect
from ledger.errors import TooBusy

MOST_IN_A_BATCH: Final = 1024
"""Lines. A transaction has two at least, so that a batch holds 512 at most."""
LEAST_SHARE: Final = 32
"""Lines that go together even if some of them could go beside the others."""
MOST_WAITING: Final = 16_384
"""Lines of other callers; who comes when so many wait is turned away."""
ANSWERED_TOGETHER: Final = 16
"""Callers who go on before we look what the database has to say: the next batch shall not wait for all of them."""
IN_FLIGHT: Final = 2
"""Batches of one book in the database at a time, for each process."""


@dataclass(slots=True, eq=False)
class _Call:
    """What one caller wants posted, in one batch."""

    database: AsyncEngine
    asked: Checked
    lines: int
    answer: asyncio.Future[list[Outcome]]


@dataclass(slots=True, eq=False)
class _Batch:
    """Calls that are posted together. `codes`: the accounts that they touch, until these are locked and decided on."""

    calls: list[_Call] = field(default_factory=list)
    lines: int = 0
    codes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Done:
    """A batch that has been decided and committed, for whoever watches.

    `locking`: seconds until its accounts were locked and read, with the wait for a connection. `writing`: seconds from
    there to the end of its commit.
    """

    outcomes: Sequence[Outcome]
    locking: float
    writing: float


def _nobody(done: Done) -> None:
    """Nobody watches."""


watch: Callable[[Done], None] = _nobody
"""Is told of each batch, once for all its callers; whoever watches puts himself here."""

_Results = list[tuple[_Call, "list[Outcome] | Exception"]]


@dataclass(slots=True, eq=False)
class _Gatherer:
    """The calls of one book that wait, and the accounts of those that are in the database."""

    book: int
    waiting: deque[_Call] = field(default_factory=deque)
    lines: int = 0
    """How many lines wait."""
    busy: set[str] = field(default_factory=set)
    under_way: int = 0
    """How many lines are in the database."""
    posters: set[asyncio.Task[None]] = field(default_factory=set)


_gatherers: WeakKeyDictionary[Engine, dict[int, _Gatherer]] = WeakKeyDictionary()
"""Of each engine, by book: who connects otherwise (with another clock, as tests do) shares no batch."""


def lines_waiting() -> int:
    """How many lines wait in this process, not counting those that are in the database."""
    return sum(gatherer.lines for books in _gatherers.values() for gatherer in books.values())


async def submit(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    """Posts the proposals, each for itself, and answers when they are safe on disk, in their order.

    Each sees those before it. Refusals are outcomes. Raises TooBusy before anything is posted, and what the database
    raises; then the caller cannot know what was stored, and sends the same again: what was, is answered from its keys.
    Other callers' faults are never his, and if he leaves, what he asked for is posted or not, but whole.
    """
    gatherer = _gatherers.setdefault(database.sync_engine, {}).setdefault(book, _Gatherer(book))
    outcomes: list[Outcome] = []
    for part in _parts(proposals):
        lines = sum(map(_size, part))
        if not outcomes and gatherer.lines and gatherer.lines + lines > MOST_WAITING:
            raise TooBusy(gatherer.lines)
        call = _Call(database, check(part), lines, asyncio.get_running_loop().create_future())
        gatherer.waiting.append(call)
        gatherer.lines += lines
        if gatherer.busy.isdisjoint(call.asked.codes):  # else nobody could take it now
            _start(gatherer)
        outcomes += await call.answer
    return outcomes


def _parts(proposals: Sequence[Proposal]) -> Iterator[Sequence[Proposal]]:
    """The proposals in their order, in parts that fit into a batch."""
    start = lines = 0
    for place, proposal in enumerate(proposals):
        lines += _size(proposal)
        if lines > MOST_IN_A_BATCH and place > start:
            yield proposals[start:place]
            start, lines = place, _size(proposal)
    if start < len(proposals):
        yield proposals[start:]


def _size(proposal: Proposal) -> int:
    """The lines that a proposal will have: the end of a hold has up to three."""
    return len(proposal.lines) or 3


async def submit_whole(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    """Posts all of the proposals or none: at the first refusal nothing is stored, and the outcomes end with it."""
    try:
        return await _whole(database, book, proposals)
    except psycopg.Error as error:
        if not _is_key_conflict(error):
            raise
    # Somebody else used a key between our reading and our writing; he has committed, so now it is answered from it.
    return await _whole(database, book, proposals)


async def _whole(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
    began = perf_counter()
    async with database.connect() as tx, tx.begin() as whole:
        evaluation = await journal.decided(tx, book, check(proposals))
        locked = perf_counter()
        outcomes = await journal.store(tx, book, evaluation)
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, Refused):
                await whole.rollback()
                watch(Done([outcome], locked - began, perf_counter() - locked))
                return outcomes[: index + 1]
    watch(Done(outcomes, locked - began, perf_counter() - locked))
    return outcomes


def _start(gatherer: _Gatherer) -> None:
    """Starts another poster if there is room for one and something for it to do."""
    if gatherer.waiting and len(gatherer.posters) < IN_FLIGHT and (batch := _next(gatherer)).calls:
        gatherer.posters.add(asyncio.create_task(_post(gatherer, batch)))


def _next(gatherer: _Gatherer) -> _Batch:
    """The next batch: calls in their order, without those that touch an account that is busy or waited for longer.

    A fair share of all that are here, so that the batches take turns and none is left with a handful.
    """
    share = min(MOST_IN_A_BATCH, max(LEAST_SHARE, -(-(gatherer.lines + gatherer.under_way) // IN_FLIGHT)))
    batch = _Batch()
    passed: list[_Call] = []
    not_now = gatherer.busy.copy()
    while gatherer.waiting and batch.lines < share:
        call = gatherer.waiting.popleft()
        if call.answer.done():  # the caller has left
            gatherer.lines -= call.lines
            continue
        fits = not batch.calls or batch.lines + call.lines <= share
        if fits and not_now.isdisjoint(call.asked.codes):
            batch.calls.append(call)
            batch.lines += call.lines
            batch.codes |= call.asked.codes
        else:
            passed.append(call)
            not_now |= call.asked.codes
    gatherer.waiting.extendleft(reversed(passed))
    gatherer.lines -= batch.lines
    gatherer.under_way += batch.lines
    gatherer.busy |= batch.codes
    return batch


async def _post(gatherer: _Gatherer, batch: _Batch) -> None:
    """Posts one batch after another as long as calls wait that it may take."""
    loop = asyncio.get_running_loop()
    try:
        while batch.calls:
            _start(gatherer)  # what came meanwhile and touches other accounts need not wait for us
            try:
                results = await _results(gatherer, batch)
            finally:
                gatherer.under_way -= batch.lines
                _let_in(gatherer, batch)
            if gatherer.lines * 2 >= batch.lines:
                loop.call_soon(_answer, results)  # while the database is at the next batch
            else:
                try:
                    for start in range(0, len(results), ANSWERED_TOGETHER):
                        _answer(results[start : start + ANSWERED_TOGETHER])
                        await asyncio.sleep(0)  # those who have been answered may have more: for the next batch
                finally:
                    _answer(results)
            batch = _next(gatherer)
    except BaseException:  # the loop is going down: nobody shall wait for ever
        for call in (*batch.calls, *gatherer.waiting):
            call.answer.cancel()
        raise
    finally:
        # Here and not when the task is done: who comes in between must not take us for somebody who will look again.
        gatherer.posters.discard(asyncio.current_task())
    _start(gatherer)


def _let_in(gatherer: _Gatherer, batch: _Batch) -> None:
    """Those who touch the same accounts need not wait any longer."""
    gatherer.busy -= batch.codes
    batch.codes.clear()


def _answer(results: _Results) -> None:
    for call, result in results:
        if call.answer.done():
            continue
        if isinstance(result, Exception):
            call.answer.set_exception(result)
        else:
            call.answer.set_result(result)


async def _results(gatherer: _Gatherer, batch: _Batch) -> _Results:
    """Posts the calls together: what each gets; if the database refuses that, each alone."""
    book = gatherer.book

    def decided() -> None:
        # It has all its locks and needs nothing more than to write. The next batch may take its own locks meanwhile
        # and wait for these: when they are released, it has already read all the rest.
        _let_in(gatherer, batch)
        _start(gatherer)

    asked = Checked(
        [proposal for call in batch.calls for proposal in call.asked.proposals],
        [fault for call in batch.calls for fault in call.asked.faults],
        batch.codes.copy(),
    )
    for again in (True, False):
        try:
            outcomes = iter(await _commit(batch.calls[0].database, book, asked, decided))
        except Exception as error:
            if again and _is_nobodys_fault(error):
                continue  # together once more: one by one they would wait for longer
            if _is_lost(error) or (len(asked.proposals) == 1 and not _is_key_conflict(error)):
                return [(call, error) for call in batch.calls]
            return [(call, await _alone(book, call)) for call in batch.calls]
        break
    return [(call, [next(outcomes) for _ in call.asked.proposals]) for call in batch.calls]


async def _alone(book: int, call: _Call) -> list[Outcome] | Exception:
    """The batch was rolled back whole. Alone, none of its proposals suffers from another's fault."""
    try:
        return [await _one(call.database, book, proposal) for proposal in call.asked.proposals]
    except Exception as error:
        return error


async def _one(database: AsyncEngine, book: int, proposal: Proposal) -> Outcome:
    try:
        return (await _commit(database, book, check([proposal])))[0]
    except Exception as error:
        if not _is_key_conflict(error):
            raise
    # Somebody else used the key between our reading and our writing. He has committed, since our insert waited for him:
    # so this time it is answered from what he has stored.
    return (await _commit(database, book, check([proposal])))[0]


def _is_key_conflict(error: Exception) -> bool:
    return connect.violation(error) == ("23505", "keys_pkey")


def _is_nobodys_fault(error: Exception) -> bool:
    """Whether the time was over (of the statement, of a lock, of the transaction) or a deadlock was broken."""
    return connect.violation(error)[0] in ("57014", "55P03", "40P01", "MD001")


def _is_lost(error: Exception) -> bool:
    """Whether there is no database to try again with: asking it for each caller would only take longer."""
    sqlstate, _ = connect.violation(error)
    from_the_database = isinstance(error, (psycopg.Error, SQLAlchemyError, OSError))
    return from_the_database and (sqlstate == "" or sqlstate.startswith(("08", "53", "57P")))


async def _commit(
    database: AsyncEngine, book: int, asked: Checked, decided: Callable[[], None] = lambda: None
) -> list[Outcome]:
    began = perf_counter()
    async with database.begin() as tx:
        evaluation = await journal.decided(tx, book, asked)
        locked = perf_counter()
        decided()
        outcomes = await journal.store(tx, book, evaluation, commit=True)
    watch(Done(outcomes, locked - began, perf_counter() - locked))
    return outcomes
