"""Several prepared statements in one round trip, for postings and redemptions.

psycopg's own pipeline mode waits for the socket some eight times where two are enough, which costs as much as deciding
and writing a batch of a hundred. libpq does the same with its own functions, which psycopg carries; its generators
are waited for in the same way as psycopg's own, cancellation included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg import adapt
from psycopg.abc import PQGen, Transformer
from psycopg.adapt import PyFormat
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait


class Statement(NamedTuple):
    """A statement with parameters $1, $2 …, which each connection prepares once under its name."""

    name: bytes
    sql: bytes


COMMIT: Final = Statement(b"meide_commit", b"COMMIT")
_BEGIN: Final = Statement(b"meide_begin", b"BEGIN")
_DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_FORGOTTEN: Final = ("0A000", "26000", "42P05")
"""What was prepared is gone or no more as it was: somebody has changed the function, or a pooler stands between."""


class _Order(NamedTuple):
    """Something to be sent, which is answered by one result. `prepares`: the statement, if it does that."""

    send: Callable[[], None]
    prepares: Statement | None = None


def _nobody(error: psycopg.Error) -> None:
    """Nobody watches."""


watch: Callable[[psycopg.Error], None] = _nobody
"""Hears each error of the database; whoever watches puts himself here."""

_prepared: WeakKeyDictionary[psycopg.AsyncConnection[Any], set[Statement]] = WeakKeyDictionary()


async def run(
    connection: psycopg.AsyncConnection[Any], *queries: tuple[Statement, Sequence[Any]]
) -> list[dict[str, Any]]:
    """Runs statements in their order, in a transaction that it begins if none is open; the rows that they answer.

    At the first error nothing after it is run, and it is raised; the transaction is then the caller's to roll back.
    """
    try:
        return await _run(connection, queries)
    except psycopg.Error as error:
        watch(error)
        raise


async def _run(
    connection: psycopg.AsyncConnection[Any], queries: Sequence[tuple[Statement, Sequence[Any]]]
) -> list[dict[str, Any]]:
    async with connection.lock:
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            queries = ((_BEGIN, ()), *queries)
        transformer = adapt.Transformer.from_context(connection)
        known = _prepared.setdefault(connection, set())
        prepared = known.copy()
        orders = [order for query in queries for order in _orders(connection.pgconn, transformer, prepared, *query)]
        results = await connection.wait(_converse(connection.pgconn, orders, known))
        for result in results:
            if result.status not in _DONE:
                error = psycopg.errors.error_from_result(result, connection.info.encoding)
                if error.sqlstate in _FORGOTTEN:
                    connection.pgconn.finish()  # the pool replaces it
                raise error
        return [row for result in results if result.nfields for row in _rows(transformer, result)]


def _orders(
    pgconn: PGconn, transformer: Transformer, prepared: set[Statement], statement: Statement, parameters: Sequence[Any]
) -> Iterator[_Order]:
    values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
    if statement not in prepared:
        prepared.add(statement)
        yield _Order(partial(pgconn.send_prepare, statement.name, statement.sql, transformer.types), statement)
    yield _Order(partial(pgconn.send_query_prepared, statement.name, values, transformer.formats, Format.BINARY))


def _converse(pgconn: PGconn, orders: Sequence[_Order], known: set[Statement]) -> PQGen[list[PGresult]]:
    """Sends everything, then reads until the server has answered everything; yields while it would block."""
    pgconn.enter_pipeline_mode()
    for order in orders:
        order.send()
    pgconn.pipeline_sync()
    while pgconn.flush():
        if ((yield Wait.RW) or 0) & Ready.R:  # nothing is sent to us when we are cancelled
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()  # None after each statement
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(pgconn.get_error_message())
        elif result.status == ExecStatus.PIPELINE_SYNC:
            pgconn.exit_pipeline_mode()
            return results
        else:
            # What has been prepared stays so, even if the transaction is rolled back.
            if result.status in _DONE and (prepared := orders[len(results)].prepares) is not None:
                known.add(prepared)
            results.append(result)


def _rows(transformer: Transformer, result: PGresult) -> list[dict[str, Any]]:
    names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, lambda values: dict(zip(names, values, strict=True)))
