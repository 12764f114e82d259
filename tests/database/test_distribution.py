"""The statements that spread the tables over several nodes: what they cover, and what a cluster makes of them.

The first part runs anywhere: where Citus is not, functions of the same names note down how they were called. The second
part runs where MEIDE_TEST_CITUS_URL names a coordinator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.ext.asyncio import AsyncEngine

import ledger.access.tables
import ledger.books.tables
import ledger.earning.tables  # all tables must be known
import ledger.recognition.tables
import ledger.spending.tables  # noqa: F401
from ledger.books import batching, guards, integrity, journal
from ledger.books.directory import Book
from ledger.books.proposals import Line, Proposal
from ledger.database import connect, distribution, schema
from ledger.database.distribution import DISTRIBUTED, REFERENCE
from ledger.database.metadata import metadata
from ledger.errors import DatabaseRefused
from tests.books.ledgers import balances_of, opened, proposal, submit, was_posted
from tests.conftest import CITUS, OWNER, SERVICE, Server

# --- what the statements cover ---------------------------------------------------------------------------------------


def test_every_table_is_spread_once_and_every_function_registered_once() -> None:
    done = distribution.statements()
    spread = [found[1] for made in done if (found := re.match(r"SELECT create_\w+_table\('public\.(\w+)'", made))]
    assert sorted(spread) == sorted(metadata.tables)
    registered = [
        found[1] for made in done if (found := re.match(r"SELECT create_distributed_function\('public\.(\w+)'", made))
    ]
    assert sorted(registered) == sorted(schema.functions())


def test_what_has_been_spread_is_left_alone_and_the_functions_are_registered_again() -> None:
    again = distribution.statements([*REFERENCE, *DISTRIBUTED])
    assert not [made for made in again if "_table(" in made or "CONSTRAINT" in made]
    assert sum("create_distributed_function" in made for made in again) == len(schema.functions())


@pytest.mark.parametrize("table", DISTRIBUTED)
def test_every_key_and_index_of_a_distributed_table_begins_with_its_book(table: str) -> None:
    made = metadata.tables[table]
    unique = [constraint for constraint in made.constraints if isinstance(constraint, UniqueConstraint)]
    keys: list[PrimaryKeyConstraint | UniqueConstraint | Index] = [made.primary_key, *unique, *made.indexes]
    for key in keys:
        assert next(column.name for column in key.columns) == "book_id", key.name


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_foreign_keys_point_to_reference_tables_or_within_the_book(table: str) -> None:
    for key in metadata.tables[table].foreign_key_constraints:
        beside = table in DISTRIBUTED and key.referred_table.name in DISTRIBUTED and key.column_keys[0] == "book_id"
        assert key.referred_table.name in REFERENCE or beside, key.name
        assert (key.ondelete, key.deferrable) == (None, None), key.name


def test_reference_tables_have_no_triggers() -> None:
    assert {table for table, _ in guards.TRIGGERS} & set(REFERENCE) == set()


# --- on one PostgreSQL, with functions that stand in for Citus -------------------------------------------------------

STAND_INS: Final = """
    CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char");
    CREATE TABLE called (place serial, what text);
    GRANT ALL ON pg_dist_partition, called, called_place_seq TO PUBLIC;
    CREATE FUNCTION create_reference_table(relation regclass) RETURNS void LANGUAGE sql AS $$
        INSERT INTO pg_dist_partition VALUES (relation, 'n', 't');
        INSERT INTO called (what) VALUES (relation::text)
    $$;
    CREATE FUNCTION create_distributed_table(relation regclass, by text, colocate_with text) RETURNS void
    LANGUAGE sql AS $$
        INSERT INTO pg_dist_partition VALUES (relation, 'h', 's');
        INSERT INTO called (what) VALUES (concat_ws(' ', relation, by, colocate_with))
    $$;
    CREATE FUNCTION create_distributed_function(
        function regprocedure, by text, colocate_with text, force_delegation boolean
    ) RETURNS void LANGUAGE sql AS $$
        INSERT INTO called (what)
        SELECT concat_ws(' ', proname, proargnames[1], proargtypes[0]::regtype, by, colocate_with, force_delegation)
          FROM pg_proc WHERE oid = function
    $$"""

FOREIGN_KEYS: Final = """
    SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), convalidated FROM pg_constraint
     WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2"""


@pytest.fixture
def migrated(server: Server, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = server.new_database(template)
    yield name
    server.drop_database(name)


def rows(server: Server, name: str, query: str) -> list[tuple[Any, ...]]:
    url = server.admin.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_database_without_citus_is_not_spread(server: Server, migrated: str) -> None:
    with pytest.raises(DatabaseRefused) as refused:
        distribution.distribute(server.url(OWNER, migrated), SERVICE)
    assert "citus" in refused.value.reason


def test_the_owner_spreads_a_database_once_and_its_foreign_keys_stay(server: Server, migrated: str) -> None:
    server.execute(STAND_INS, database=migrated)
    before = rows(server, migrated, FOREIGN_KEYS)
    assert distribution.distribute(server.url(OWNER, migrated), SERVICE) == [*REFERENCE, *DISTRIBUTED]
    first, *others = DISTRIBUTED
    functions = [f"{name} p_book integer p_book public.accounts t" for name in sorted(schema.functions())]
    called = [
        *REFERENCE,
        f"{first} book_id none",
        *(f"{table} book_id public.{first}" for table in others),
        *functions,
    ]
    assert rows(server, migrated, "SELECT what FROM called ORDER BY place") == [(what,) for what in called]
    assert rows(server, migrated, FOREIGN_KEYS) == before

    assert distribution.distribute(server.url(OWNER, migrated), SERVICE) == []
    assert rows(server, migrated, "SELECT what FROM called ORDER BY place") == [(what,) for what in called + functions]


def test_a_table_of_a_later_version_is_put_beside_the_others(server: Server, migrated: str) -> None:
    server.execute(STAND_INS, database=migrated)
    before = rows(server, migrated, FOREIGN_KEYS)
    distribution.distribute(server.url(OWNER, migrated), SERVICE)
    server.execute(
        "DELETE FROM pg_dist_partition WHERE logicalrelid = 'volunteers'::regclass",
        "DELETE FROM called",
        database=migrated,
    )
    assert distribution.distribute(server.url(OWNER, migrated), SERVICE) == ["volunteers"]
    called = [what for (what,) in rows(server, migrated, "SELECT what FROM called ORDER BY place")]
    assert called[0] == "volunteers book_id public.accounts"
    assert rows(server, migrated, FOREIGN_KEYS) == before


# --- on a cluster ----------------------------------------------------------------------------------------------------

on_a_cluster = [
    pytest.mark.books,
    pytest.mark.skipif(not CITUS, reason="MEIDE_TEST_CITUS_URL names no coordinator of a Citus cluster"),
]


def marked(test: Any) -> Any:
    for mark in on_a_cluster:
        test = mark(test)
    return test


@marked
def test_tables_stand_on_the_cluster_as_designed(server: Server, database: AsyncEngine) -> None:
    placed = rows(
        server,
        database.url.database or "",
        """SELECT c.relname::text, p.partmethod::text, p.repmodel::text, p.colocationid
             FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
            WHERE c.relnamespace = 'public'::regnamespace""",
    )
    assert {table for table, method, model, _ in placed if (method, model) == ("n", "t")} == set(REFERENCE)
    assert {table for table, method, *_ in placed if method == "h"} == set(DISTRIBUTED)
    assert len({beside for table, _, _, beside in placed if table in DISTRIBUTED}) == 1


@marked
def test_spreading_a_cluster_again_changes_nothing(server: Server, database: AsyncEngine) -> None:
    owner = server.url(OWNER, database.url.database or "")
    assert distribution.distribute(owner, SERVICE) == []


@marked
async def test_the_guards_stand_on_a_cluster(database: AsyncEngine) -> None:
    assert await guards.check_guards(database) == []


@marked
async def test_a_posting_is_delegated_to_the_books_node_however_often_its_statements_have_been_prepared(
    database: AsyncEngine, book: Book
) -> None:
    """Else the functions' statements would come from the coordinator, and their advisory locks be taken there."""
    await opened(database, book, "5100", "2100.a")
    told: list[str] = []
    async with database.connect() as tx:
        async with tx.begin():
            driver = await connect.driver(tx)
            driver.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
            await driver.execute("SET citus.log_remote_commands = on")
            await driver.execute("SET client_min_messages = notice")
        for number in range(20):
            async with tx.begin():
                wanted = proposal(f"k{number}", debit="5100 1", credit="2100.a 1")
                [outcome] = await journal.post(tx, book.book_id, [wanted])
                assert was_posted(outcome)
        await tx.invalidate()  # nobody else shall have its settings
    issued = [message for message in told if message.startswith("issuing")]
    assert not [message for message in issued if re.search(r"INSERT INTO|UPDATE public|FOR NO KEY", message)]
    assert not [message for message in issued if "PREPARE TRANSACTION" in message]


@marked
async def test_the_entries_of_a_large_batch_are_one_statement_to_the_trigger_that_looks_at_their_balance(
    database: AsyncEngine, book: Book
) -> None:
    """Rows that go to a shard of the same node are copied in portions (citus.local_copy_flush_threshold)."""
    await opened(database, book, "5100", *(f"2300.{n}" for n in range(399)))
    lines = (Line("5100", "debit", 399), *(Line(f"2300.{n}", "credit", 1) for n in range(399)))
    batch = [Proposal("import", f"k{n}", "", "test", None, lines, "user:1") for n in range(60)]
    outcomes = await batching.submit(database, book.book_id, batch)
    assert all(was_posted(outcome) for outcome in outcomes)
    assert await integrity.check(database, book.book_id) == []


@marked
@pytest.mark.parametrize(
    ("role", "statement", "sqlstate"),
    [
        (SERVICE, "UPDATE entries SET debit = 1 WHERE book_id = {book}", "42501"),
        (SERVICE, "DELETE FROM keys WHERE book_id = {book}", "42501"),
        (OWNER, "UPDATE entries SET debit = 1 WHERE book_id = {book}", "MD003"),
        (OWNER, "DELETE FROM transactions WHERE book_id = {book}", "MD003"),
        (OWNER, "UPDATE accounts SET floor = NULL WHERE book_id = {book}", "MD003"),
        (OWNER, "UPDATE accounts SET credits = 0 WHERE book_id = {book} AND code = '2100.a'", ""),
        (OWNER, "UPDATE accounts SET debits = 9 WHERE book_id = {book} AND code = '2100.a'", "23514"),
        (
            OWNER,
            "INSERT INTO entries VALUES ({book}, 0, 1, gen_random_uuid(), 0, 'PT', 5, 0, 5, '2025-03-01', now())",
            "MD002",
        ),
    ],
)
async def test_the_journal_is_guarded_on_every_node(
    server: Server, database: AsyncEngine, book: Book, role: str, statement: str, sqlstate: str
) -> None:
    await opened(database, book, "5100", "2100.a")
    await submit(database, book, proposal("k", debit="5100 5", credit="2100.a 5"))
    name = database.url.database or ""
    assert sqlstate_of(server.url(role, name), statement.format(book=book.book_id)) == sqlstate
    assert await balances_of(database, book) == {"5100": 5, "2100.a": 5}


def sqlstate_of(url: str, statement: str) -> str:
    """What the database refuses the statement with; "" if it does as told, which does not stay."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or ""
        finally:
            connection.rollback()
    return ""
