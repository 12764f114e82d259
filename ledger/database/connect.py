"""How the service reaches its database: the engine, the clock, the timeouts, and what the database refused.

`database` is a SQLAlchemy `AsyncEngine`: `async with database.begin() as tx` for one transaction that commits when the
block ends, `async with database.connect() as tx` for reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from select import POLLIN, poll
from typing import Any, Final, cast

import psycopg
from psycopg import AsyncConnection as DriverConnection
from sqlalchemy import URL, event, func, make_url, select, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ledger.errors import DatabaseTooOld, DatabaseUnreachable

Clock = Callable[[datetime], datetime]
"""Turns the database's time into the time in force: the identity in service, a shift in tests."""

OLDEST: Final = 15
"""The oldest PostgreSQL major version whose SQL this schema uses."""

_TIMEOUTS: Final = "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=5000 -c timezone=UTC"


def to(url: str, *, clock: Clock | None = None, connections: int = 10) -> AsyncEngine:
    """The database at `url` (postgresql://…); opens nothing yet. Statements and idle transactions end after 5 s."""
    database = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,  # what people wrote does not belong into logs
        connect_args={
            "options": _TIMEOUTS,
            "application_name": "meide",
            "connect_timeout": 10,
            # psycopg forgets what it has prepared at each rollback, with which reads end; and it would make the server
            # forget what `pipeline` has prepared.
            "prepare_threshold": None,
        },
        execution_options={"clock": clock or _same},
    )
    event.listen(database.sync_engine, "checkout", _still_there)
    return database


def _still_there(connection: Any, *_: object) -> None:
    """Lets the pool replace a connection on which the server has said something while nobody asked: it is gone.

    After a restart of the server each process would otherwise answer once that it is busy. It costs microseconds, where
    asking the server would cost a round trip.
    """
    waiting = poll()
    waiting.register(connection.driver_connection.fileno(), POLLIN)
    if waiting.poll(0):
        raise DisconnectionError


def _same(time: datetime) -> datetime:
    return time


def in_force(tx: AsyncConnection, server_time: datetime) -> datetime:
    """The time in force on this connection at `server_time`, in UTC."""
    clock = cast(Clock, tx.sync_connection.get_execution_options()["clock"])  # type: ignore[union-attr] # tx is started
    return clock(server_time).astimezone(UTC)


async def now(tx: AsyncConnection) -> datetime:
    """The database's clock, in UTC. A verb reads it once."""
    time = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    return in_force(tx, time)


async def driver(tx: AsyncConnection) -> DriverConnection[Any]:
    """The psycopg connection under `tx`, in the same transaction: for what `pipeline` prepares, and for COPY."""
    assert tx.in_transaction(), "SQLAlchemy commits only what it has begun: use database.begin()"
    return cast("DriverConnection[Any]", (await tx.get_raw_connection()).driver_connection)


async def no_timeout(tx: AsyncConnection) -> None:
    """Lets the statements of this transaction run as long as they need: for whole-book reads."""
    await tx.execute(text("SET LOCAL statement_timeout = 0"))


async def reach(database: AsyncEngine) -> None:
    """Refuses a server that cannot be reached or is older than PostgreSQL 15: DatabaseUnreachable, DatabaseTooOld."""
    try:
        async with database.connect() as tx:
            version = (await tx.execute(text("SHOW server_version_num"))).scalar_one()
    except (DBAPIError, psycopg.Error, OSError) as error:
        raise DatabaseUnreachable(where(database.url), first_line(error)) from None
    if int(version) < OLDEST * 10_000:
        raise DatabaseTooOld(str(int(version) // 10_000), OLDEST)


def where(url: URL) -> str:
    """Host, port and database of a URL, never its user or password."""
    host = url.host or url.query.get("host") or "localhost"
    return f"{host}:{url.port or url.query.get('port') or 5432}/{url.database}"


def role_of(url: str) -> str:
    """The role that a URL signs in as."""
    return make_url(url).username or ""


def first_line(error: BaseException) -> str:
    """What the server said, in one line and without the statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause).strip().split("\n", 1)[0]


def violation(error: BaseException) -> tuple[str, str]:
    """What the database refused: (SQLSTATE, constraint or "").

    The constraint comes from the diagnostics, or on a distributed database from the message, where a shard's number
    (`_102025`) is cut off.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return "", ""
    named = re.search(r'constraint "([^"]+)"', str(cause))
    name = cause.diag.constraint_name or (named.group(1) if named else "")
    return cause.sqlstate or "", re.sub(r"_\d{6,}$", "", name)
