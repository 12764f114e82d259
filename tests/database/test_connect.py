"""The way to the database: what is said when there is none, timeouts, the clock, and what the database refused."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.errors import DatabaseTooOld, DatabaseUnreachable
from tests.conftest import SERVICE, Server

# --- reaching it -----------------------------------------------------------------------------------------------------


def port_without_a_listener() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def unreachable(url: str) -> DatabaseUnreachable:
    database = connect.to(url)
    with pytest.raises(DatabaseUnreachable) as refused:
        await connect.reach(database)
    await database.dispose()
    assert "sekret" not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    return refused.value


async def test_a_port_where_nothing_listens_is_named_without_the_password() -> None:
    port = port_without_a_listener()
    fault = await unreachable(f"postgresql://meide:sekret@127.0.0.1:{port}/books")
    assert fault.where == f"127.0.0.1:{port}/books"
    assert "refused" in fault.reason


async def test_a_socket_folder_without_a_server_is_named_without_the_password() -> None:
    fault = await unreachable("postgresql://meide:sekret@/books?host=/nowhere/at/all&port=5499")
    assert fault.where.startswith("/nowhere/at/all:")
    assert fault.where.endswith("/books")
    assert "/nowhere/at/all" in fault.reason


async def test_the_port_that_a_url_gives_as_an_option_is_the_one_named() -> None:
    fault = await unreachable("postgresql://meide:sekret@/books?host=/nowhere/at/all&port=5499")
    assert fault.where == "/nowhere/at/all:5499/books"


async def test_a_listener_that_is_no_postgresql_is_unreachable() -> None:
    async def answer(_: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
        caller.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        caller.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        fault = await unreachable(f"postgresql://meide:sekret@127.0.0.1:{port}/books")
    assert fault.where == f"127.0.0.1:{port}/books"


async def test_a_database_that_does_not_exist_is_unreachable(server: Server) -> None:
    fault = await unreachable(server.url(SERVICE, "no_such_database"))
    assert "no_such_database" in fault.reason
    assert "\n" not in fault.reason


async def test_a_server_in_reach_and_new_enough_is_accepted(database: AsyncEngine) -> None:
    await connect.reach(database)


async def test_an_older_server_is_refused_with_both_versions(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No older server is at hand: the oldest version accepted is raised above this one's instead."""
    async with database.connect() as tx:
        number = (await tx.execute(text("SHOW server_version_num"))).scalar_one()
    monkeypatch.setattr(connect, "OLDEST", 1000)
    with pytest.raises(DatabaseTooOld) as refused:
        await connect.reach(database)
    assert refused.value.version == str(int(number) // 10_000)
    assert refused.value.needed == 1000


# --- timeouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("TimeZone", "UTC"),
        ("application_name", "meide"),
    ],
)
async def test_every_connection_has_our_settings(database: AsyncEngine, setting: str, value: str) -> None:
    async with database.connect() as tx:
        assert (await tx.execute(text(f"SHOW {setting}"))).scalar_one() == value


async def test_a_read_of_a_whole_book_is_free_of_the_timeout_for_its_own_transaction_only(server: Server) -> None:
    assert server.admin.database
    database = connect.to(server.url(SERVICE, server.admin.database), connections=1)
    async with database.begin() as tx:
        await connect.no_timeout(tx)
        assert (await tx.execute(text("SHOW statement_timeout"))).scalar_one() == "0"
    async with database.begin() as tx:
        assert (await tx.execute(text("SHOW statement_timeout"))).scalar_one() == "5s"
    await database.dispose()


# --- the clock -------------------------------------------------------------------------------------------------------


async def test_the_time_is_the_databases_in_utc(database: AsyncEngine) -> None:
    async with database.connect() as tx:
        before = (await tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
        time = await connect.now(tx)
        after = (await tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert before <= time <= after
    assert time.tzinfo is UTC


async def test_a_clock_of_its_own_shifts_a_connections_time(database: AsyncEngine) -> None:
    shift = timedelta(days=400, hours=3)
    ahead = database.execution_options(clock=lambda time: time + shift)
    async with ahead.connect() as tx:
        before = (await tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
        time = await connect.now(tx)
        after = (await tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert before + shift <= time <= after + shift


async def test_a_clock_given_to_the_engine_is_in_force_on_its_connections_and_answers_in_utc(server: Server) -> None:
    midnight = datetime(2026, 2, 17, tzinfo=BEIJING)
    assert server.admin.database
    database = connect.to(server.url(SERVICE, server.admin.database), clock=lambda _: midnight)
    async with database.connect() as tx:
        time = await connect.now(tx)
        assert connect.in_force(tx, datetime(2000, 1, 1, tzinfo=UTC)) == midnight
    await database.dispose()
    assert time == midnight
    assert (time.tzinfo, time.hour) == (UTC, 16)


# --- days ------------------------------------------------------------------------------------------------------------

# China had summer time from 1986 to 1991 (IANA time zone database, rule PRC): there a day begins an hour earlier, at
# 15:00 UTC; otherwise at 16:00 UTC.
DAYS_BEGIN = [
    datetime(1985, 6, 30, 16, tzinfo=UTC),
    datetime(1986, 5, 3, 16, tzinfo=UTC),  # summer time begins two hours into this day
    datetime(1986, 5, 4, 15, tzinfo=UTC),
    datetime(1986, 9, 13, 15, tzinfo=UTC),  # and ends in this one, which has 25 hours
    datetime(1986, 9, 14, 16, tzinfo=UTC),
    datetime(1987, 4, 11, 16, tzinfo=UTC),
    datetime(1987, 4, 12, 15, tzinfo=UTC),
    datetime(1987, 9, 13, 16, tzinfo=UTC),
    datetime(1988, 6, 30, 15, tzinfo=UTC),
    datetime(1988, 12, 31, 16, tzinfo=UTC),
    datetime(1989, 6, 30, 15, tzinfo=UTC),
    datetime(1989, 12, 31, 16, tzinfo=UTC),
    datetime(1990, 4, 15, 15, tzinfo=UTC),
    datetime(1990, 9, 16, 16, tzinfo=UTC),
    datetime(1991, 4, 14, 15, tzinfo=UTC),
    datetime(1991, 9, 14, 15, tzinfo=UTC),
    datetime(1991, 9, 15, 16, tzinfo=UTC),
    datetime(1992, 6, 30, 16, tzinfo=UTC),
    datetime(2025, 12, 31, 16, tzinfo=UTC),
    datetime(2026, 6, 30, 16, tzinfo=UTC),
]


@pytest.mark.parametrize("begin", DAYS_BEGIN, ids=lambda begin: begin.isoformat())
def test_a_day_begins_at_midnight_in_shanghai_also_in_summer_time(begin: datetime) -> None:
    day = (begin + timedelta(hours=9)).date()
    assert day_of(begin) == day
    assert day_of(begin - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert day_of(begin.astimezone(BEIJING)) == day


async def test_the_database_knows_the_same_days(database: AsyncEngine) -> None:
    times = [time for begin in DAYS_BEGIN for time in (begin - timedelta(microseconds=1), begin)]
    async with database.connect() as tx:
        query = text("SELECT (time AT TIME ZONE 'Asia/Shanghai')::date FROM unnest(:times) AS t (time)")
        days: list[date] = list((await tx.execute(query, {"times": times})).scalars())
    assert days == [day_of(time) for time in times]


# --- what the database refused ---------------------------------------------------------------------------------------

Ask = Callable[[str], Awaitable[BaseException]]


@pytest.fixture(params=["through SQLAlchemy", "through the driver"])
def refused(request: pytest.FixtureRequest, database: AsyncEngine) -> Ask:
    """Runs statements in a transaction that is rolled back; answers what the last one raised."""

    async def ask(statements: str) -> BaseException:
        *first, last = statements.split(";\n")
        async with database.connect() as tx, tx.begin():
            for statement in first:
                await tx.execute(text(statement))
            if request.param == "through SQLAlchemy":
                with pytest.raises(DBAPIError) as wrapped:
                    await tx.execute(text(last))
                return wrapped.value
            with pytest.raises(psycopg.Error) as bare:
                await (await connect.driver(tx)).execute(last.encode())
            return bare.value

    return ask


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("keys_pkey", "keys_pkey"),
        ("keys_pkey_102025", "keys_pkey"),
        ("accounts_floor_check_1020251", "accounts_floor_check"),
        ("quota_2026", "quota_2026"),
        ("a_102025_check", "a_102025_check"),
    ],
)
async def test_a_constraint_is_known_by_its_name_without_a_shards_number(refused: Ask, name: str, seen: str) -> None:
    error = await refused(f"CREATE TEMP TABLE t (n int CONSTRAINT {name} PRIMARY KEY);\nINSERT INTO t VALUES (1), (1)")
    assert connect.violation(error) == ("23505", seen)


@pytest.mark.parametrize("name", ["accounts_floor_check", "accounts_floor_check_102025"])
async def test_a_constraint_that_only_the_message_names_is_known_too(refused: Ask, name: str) -> None:
    message = f'new row for relation "accounts_102025" violates check constraint "{name}"'
    error = await refused(f"DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '23514'; END $$")
    assert connect.violation(error) == ("23514", "accounts_floor_check")


async def test_a_refusal_without_a_constraint_has_its_sqlstate_only(refused: Ask) -> None:
    error = await refused("DO $$ BEGIN RAISE EXCEPTION 'an account is not as loaded' USING ERRCODE = 'MD004'; END $$")
    assert connect.violation(error) == ("MD004", "")
    assert connect.first_line(error) == "an account is not as loaded"


async def test_what_the_server_said_comes_without_the_statement_and_its_parameters(refused: Ask) -> None:
    said = connect.first_line(await refused("SELECT 1 / 0 AS sekret"))
    assert said == "division by zero"


def test_an_error_that_is_not_the_databases_violates_nothing() -> None:
    assert connect.violation(ValueError('constraint "keys_pkey"')) == ("", "")
    assert connect.violation(psycopg.OperationalError("the connection is lost")) == ("", "")


async def test_connections_that_the_server_has_closed_are_replaced_before_anybody_uses_them(
    server: Server, service_url: str
) -> None:
    engine = connect.to(service_url, connections=3)
    try:
        async with engine.connect() as one, engine.connect() as two, engine.connect() as three:
            pids = [(await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one() for tx in (one, two, three)]
        server.execute(*(f"SELECT pg_terminate_backend({pid}, 60000)" for pid in pids))
        for _ in range(3):
            async with engine.begin() as one, engine.begin() as two, engine.begin() as three:
                later = [(await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one() for tx in (one, two, three)]
            assert not set(later) & set(pids)
    finally:
        await engine.dispose()
