"""Several statements in one round trip: their rows, their errors, and what a connection remembers afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.database import connect, pipeline
from ledger.database.arrays import Bigints, Texts
from ledger.database.pipeline import COMMIT, Statement
from tests.books.ledgers import until_blocked_by

PAIR = Statement(b"pair", b"SELECT $1::bigint[] AS numbers, $2::text[] AS words")
DIVIDE = Statement(b"divide", b"SELECT 6 / ($1::bigint[])[1] AS sixth")
ADD = Statement(b"add", b"INSERT INTO pipeline_table SELECT unnest($1::bigint[])")
WRONG = Statement(b"wrong", b"SELECT FROM nowhere")


@pytest.fixture
async def tx(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection with a table of its own, between two transactions."""
    async with database.connect() as tx:
        await tx.execute(text("CREATE TEMP TABLE pipeline_table (number bigint PRIMARY KEY)"))
        await tx.commit()
        yield tx
        await tx.rollback()
        await tx.execute(text("DROP TABLE pipeline_table"))
        await tx.commit()


async def run(tx: AsyncConnection, *queries: tuple[Statement, tuple[object, ...]]) -> list[dict[str, object]]:
    if not tx.in_transaction():
        await tx.begin()
    return await pipeline.run(await connect.driver(tx), *queries)


async def numbers(tx: AsyncConnection) -> list[int]:
    return list((await tx.execute(text("SELECT number FROM pipeline_table ORDER BY number"))).scalars())


async def test_the_rows_come_in_the_order_of_the_statements(tx: AsyncConnection) -> None:
    for _ in range(3):  # prepared at first, known later
        rows = await run(
            tx, (PAIR, (Bigints([1, 2]), Texts(["a", None]))), (DIVIDE, (Bigints([3]),)), (ADD, (Bigints([]),))
        )
        assert rows == [{"numbers": [1, 2], "words": ["a", None]}, {"sixth": 2}]


async def test_it_begins_a_transaction_and_commits_it(tx: AsyncConnection) -> None:
    await run(tx, (ADD, (Bigints([1]),)), (COMMIT, ()))
    await tx.rollback()
    assert await numbers(tx) == [1]
    await run(tx, (ADD, (Bigints([2]),)))
    await tx.rollback()
    assert await numbers(tx) == [1]


async def test_nothing_after_an_error_is_run_and_the_connection_goes_on(tx: AsyncConnection) -> None:
    for divisor in (0, 0, 2, 0, 3):
        queries = ((ADD, (Bigints([divisor]),)), (DIVIDE, (Bigints([divisor]),)), (ADD, (Bigints([99]),)), (COMMIT, ()))
        if divisor == 0:
            with pytest.raises(psycopg.errors.DivisionByZero):
                await run(tx, *queries)
        else:
            assert await run(tx, (queries[0]), (queries[1]), (COMMIT, ())) == [{"sixth": 6 // divisor}]
        await tx.rollback()
    assert await numbers(tx) == [2, 3]


async def test_a_statement_that_cannot_be_prepared_is_tried_anew_each_time(tx: AsyncConnection) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            await run(tx, (PAIR, (Bigints([1]), Texts([]))), (WRONG, ()), (DIVIDE, (Bigints([1]),)))
        await tx.rollback()
    assert await run(tx, (DIVIDE, (Bigints([1]),))) == [{"sixth": 6}]


async def test_what_cannot_be_sent_leaves_the_connection_as_it_was(tx: AsyncConnection) -> None:
    with pytest.raises(UnicodeEncodeError):
        await run(tx, (DIVIDE, (Bigints([1]),)), (PAIR, (Bigints([1]), Texts(["\ud800"]))))
    await tx.rollback()
    assert await run(tx, (DIVIDE, (Bigints([1]),))) == [{"sixth": 6}]


async def test_much_is_sent_and_read_at_once(tx: AsyncConnection) -> None:
    many, long = Bigints(range(200_000)), Texts(["字" * 1000] * 3000)
    assert await run(tx, (PAIR, (many, long)), (PAIR, (many, long))) == [{"numbers": many, "words": long}] * 2


async def test_who_is_cancelled_while_it_waits_leaves_a_connection_that_works(
    database: AsyncEngine, tx: AsyncConnection
) -> None:
    lock = Statement(b"lock", b"SELECT pg_advisory_xact_lock(4711)")
    async with database.begin() as holder:
        await holder.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        waiting = asyncio.create_task(run(tx, (lock, ()), (ADD, (Bigints([7]),)), (COMMIT, ())))
        await until_blocked_by(database, holder)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await tx.rollback()
    assert await run(tx, (DIVIDE, (Bigints([2]),))) == [{"sixth": 3}]
    await tx.rollback()
    assert await numbers(tx) == []


async def test_who_is_cancelled_while_it_sends_is_cancelled(tx: AsyncConnection) -> None:
    driver = await tx.begin() and await connect.driver(tx)
    pid = driver.info.backend_pid
    sending = asyncio.create_task(run(tx, (PAIR, (Bigints([]), Texts(["字" * 1_000_000] * 20)))))
    await asyncio.sleep(0)  # it has begun, and no socket takes so much at once
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await tx.rollback()
    assert await run(tx, (DIVIDE, (Bigints([2]),))) == [{"sixth": 3}]
    assert (await connect.driver(tx)).info.backend_pid == pid


async def test_a_connection_whose_statements_are_forgotten_is_replaced(database: AsyncEngine) -> None:
    alone = connect.to(database.url.render_as_string(hide_password=False), connections=1)

    async def ask() -> list[dict[str, object]]:
        async with alone.begin() as tx:
            return await run(tx, (DIVIDE, (Bigints([1]),)))

    assert await ask() == [{"sixth": 6}]
    async with alone.begin() as tx:
        await tx.execute(text("DEALLOCATE ALL"))
    with pytest.raises((DBAPIError, psycopg.Error)):
        await ask()
    assert await ask() == [{"sixth": 6}]
    await alone.dispose()


async def lost(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        [row] = await run(tx, (Statement(b"me", b"SELECT pg_backend_pid() AS pid"), ()))
        async with database.begin() as other:
            await other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), row)
        with pytest.raises(psycopg.OperationalError):
            await run(tx, (DIVIDE, (Bigints([1]),)))


async def test_a_lost_connection_is_said_and_replaced(database: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="connection"):  # the end of the block cannot roll back
        await lost(database)
    async with database.connect() as tx:
        assert await run(tx, (DIVIDE, (Bigints([1]),))) == [{"sixth": 6}]
