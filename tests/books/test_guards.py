"""What the database itself keeps up, whoever asks: privileges, append-only triggers, the write function's refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from tests.conftest import CITUS, OWNER, SERVICE, Server, new_book

pytestmark = [
    pytest.mark.books,
    pytest.mark.usefixtures("anyio_backend"),  # the run's database is made with it
    pytest.mark.skipif(
        bool(CITUS), reason="a coordinator refuses much in words of its own: tests/database/test_distribution.py"
    ),
]

JOURNAL: Final = (
    *("accounts", "transactions", "entries", "day_totals", "keys"),
    *("lots", "lot_moves", "holds", "closings"),
)
FUNCTIONS: Final = (
    *("journal_load", "journal_write", "accounts_open", "account_set_status"),
    *("periods_load", "periods_write"),
)

NOT_ALLOWED: Final = "42501"  # insufficient_privilege
UNBALANCED, APPEND_ONLY, NOT_AS_LOADED = "MD002", "MD003", "MD004"
CHECK, UNIQUE, NOT_NULL, TOO_LARGE = "23514", "23505", "23502", "22003"

Refusal = tuple[str, str]
"""SQLSTATE and constraint ("" where none is named)."""


@pytest.fixture(scope="module")
def name(database: AsyncEngine) -> str:
    """The database of the run."""
    assert database.url.database
    return database.url.database


def session(server: Server, role: str, name: str) -> psycopg.Connection[Any]:
    """A session in which each statement is a transaction of its own; "" is the superuser's."""
    admin = server.admin.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    return psycopg.connect(server.url(role, name) if role else admin, autocommit=True)


def refusal(
    connection: psycopg.Connection[Any], statement: str, *parameters: object, kept: bool = False
) -> Refusal | None:
    """What the database refused the statement with; None if it did as told, which stays only if it is to be `kept`."""
    try:
        with connection.transaction(force_rollback=not kept):
            connection.execute(statement.encode(), parameters or None)
    except psycopg.Error as error:
        return error.sqlstate or "", error.diag.constraint_name or ""
    return None


# --- the service's role ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", JOURNAL)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {table} (book_id) VALUES (1)",
        "INSERT INTO {table} (book_id) SELECT 1 WHERE false",
        "INSERT INTO {table} (book_id) VALUES (1) ON CONFLICT DO NOTHING",
        "MERGE INTO {table} t USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT (book_id) VALUES (1)",
        "MERGE INTO {table} t USING (SELECT 1) s ON false WHEN MATCHED THEN DELETE",
        "COPY {table} (book_id) FROM STDIN",
        "UPDATE {table} SET book_id = book_id WHERE false",
        "WITH gone AS (DELETE FROM {table} WHERE false RETURNING 1) SELECT * FROM gone",
        "DELETE FROM {table} WHERE false",
        "TRUNCATE {table}",
        "SELECT FROM {table} FOR UPDATE",
        "SELECT FROM {table} FOR NO KEY UPDATE",
        "SELECT FROM {table} FOR SHARE",
        "SELECT FROM {table} FOR KEY SHARE",
        "LOCK TABLE {table} IN ROW EXCLUSIVE MODE",
        "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER append_only",
        "ALTER TABLE {table} DROP COLUMN book_id",
        "ALTER TABLE {table} DROP CONSTRAINT {table}_pkey",
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} RENAME TO mine",
        "ALTER TABLE {table} OWNER TO CURRENT_USER",
        "DROP TABLE {table}",
        "DROP TRIGGER append_only ON {table}",
        "CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION append_only()",
        "CREATE OR REPLACE TRIGGER append_only BEFORE DELETE ON {table} EXECUTE FUNCTION append_only()",
        "CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING",
        "CREATE POLICY mine ON {table}",
        "CREATE INDEX ON {table} (book_id)",
        "CREATE TEMP TABLE mine () INHERITS ({table})",
    ],
)
def test_the_service_can_only_read_the_journals_tables(server: Server, name: str, statement: str, table: str) -> None:
    with session(server, SERVICE, name) as connection:
        assert refusal(connection, f"SELECT count(*) FROM {table}") is None
        assert refusal(connection, statement.format(table=table)) == (NOT_ALLOWED, "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE books SET first_day = '1900-01-01'",
        "DELETE FROM books",
        "TRUNCATE books CASCADE",
        "UPDATE units SET scale = 3",
        "DELETE FROM units",
        "UPDATE alembic_version SET version_num = '9999'",
        "DROP TABLE books CASCADE",
        "SELECT setval('accounts_account_id_seq', 1)",
        "SELECT nextval('accounts_account_id_seq')",
        "CREATE OR REPLACE FUNCTION public.append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE OR REPLACE FUNCTION public.entries_balance() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "CREATE OR REPLACE FUNCTION public.account_set_status(integer, text, text) RETURNS void LANGUAGE sql AS ''",
        "CREATE FUNCTION public.journal_load() RETURNS void LANGUAGE sql AS ''",
        *(
            statement.format(function=function)
            for function in (*FUNCTIONS, "append_only", "entries_balance")
            for statement in (
                "DROP FUNCTION public.{function}",
                "DROP FUNCTION public.{function} CASCADE",
                "ALTER FUNCTION public.{function} RESET search_path",
                "ALTER FUNCTION public.{function} SECURITY INVOKER",
                "ALTER FUNCTION public.{function} RENAME TO mine",
                "ALTER FUNCTION public.{function} OWNER TO CURRENT_USER",
            )
        ),
        "CREATE TABLE public.entries_of_mine ()",
        "CREATE TABLE public.accounts ()",
        "CREATE VIEW public.mine AS SELECT 1",
        "CREATE SEQUENCE public.mine",
        "CREATE TYPE public.mine AS (n integer)",
        "CREATE OPERATOR public.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8ne)",
        "CREATE SCHEMA mine",
        "DROP SCHEMA public CASCADE",
        "ALTER SCHEMA public OWNER TO CURRENT_USER",
        "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION append_only()",
        "SET session_replication_role = replica",
        "SET LOCAL session_replication_role = replica",
        "SELECT set_config('session_replication_role', 'replica', false)",
        f"SET ROLE {OWNER}",
        f"SET SESSION AUTHORIZATION {OWNER}",
        f"GRANT {OWNER} TO {SERVICE}",
        f"ALTER ROLE {SERVICE} SUPERUSER",
        f"ALTER ROLE {OWNER} PASSWORD 'mine'",
        f"REASSIGN OWNED BY {OWNER} TO {SERVICE}",
        f"DROP OWNED BY {OWNER} CASCADE",
    ],
)
def test_the_service_can_neither_change_the_guards_nor_step_around_them(
    server: Server, name: str, statement: str
) -> None:
    with session(server, SERVICE, name) as connection:
        assert refusal(connection, statement) == (NOT_ALLOWED, "")


@pytest.mark.parametrize("table", JOURNAL)
def test_the_service_has_nothing_to_pass_on(server: Server, name: str, table: str) -> None:
    with session(server, SERVICE, name) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"GRANT ALL ON {table} TO PUBLIC".encode())  # a warning in PostgreSQL: nothing was granted
        held = connection.execute(
            "SELECT FROM pg_class, aclexplode(relacl) x WHERE oid = %s::regclass AND x.grantee = 0", (table,)
        )
        assert held.fetchall() == []


# --- the owner and the superuser -------------------------------------------------------------------------------------

CHANGES: Final = [
    *(
        statement.format(table=table, column=column)
        for table, column in (
            *(("transactions", "recorded_at"), ("entries", "recorded_at"), ("keys", "recorded_at")),
            *(("lot_moves", "amount"), ("closings", "closed_through")),
        )
        for statement in (
            "UPDATE {table} SET book_id = book_id",
            "UPDATE {table} SET {column} = {column} WHERE false",
            "MERGE INTO {table} t USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET {column} = t.{column}",
        )
    ),
    *(
        statement.format(table=table)
        for table in JOURNAL
        for statement in (
            "DELETE FROM {table}",
            "DELETE FROM {table} WHERE false",
            "WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT count(*) FROM gone",
            "MERGE INTO {table} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
            "TRUNCATE {table}",
        )
    ),
    *(
        f"UPDATE accounts SET {column} = {column}"
        for column in ("book_id", "code", "class", "unit", "floor", "kind", "holder")
    ),
    *(
        f"UPDATE lots SET {column} = {column}"
        for column in ("book_id", "account_id", "number", "part", "transaction_id", "origin", "lapses_on", "amount")
    ),
    "UPDATE lots SET returns = returns",
    *(
        f"UPDATE holds SET {column} = {column}"
        for column in ("book_id", "hold_id", "account_id", "held_account_id", "amount", "expires_at")
    ),
    "UPDATE accounts SET account_id = DEFAULT",
    "UPDATE accounts SET status = 'open', floor = -1000",
    "UPDATE accounts SET (debits, credits, floor) = (0, 0, NULL) WHERE false",
    "UPDATE lots SET remaining = 0, lapses_on = NULL WHERE false",
    "UPDATE holds SET ending = 'void', ended_by = hold_id, expires_at = now() WHERE false",
    "MERGE INTO accounts a USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET unit = a.unit",
    "INSERT INTO keys (book_id, client, key, call, refusal, recorded_at) VALUES (0, 'import', 'k', '', '{}', now())"
    " ON CONFLICT (book_id, client, key) DO UPDATE SET refusal = excluded.refusal",
    *(
        statement.format(table=table)
        for table in ("events", "log_leaves", "log_nodes", "log_checkpoints", "log_promises", "log_looks")
        for statement in ("UPDATE {table} SET book_id = book_id", "DELETE FROM {table}", "TRUNCATE {table}")
    ),
    *(
        f"UPDATE log_leaves SET {column} = {column}"
        for column in ("leaf_index", "type", "item", "voucher_year", "voucher_number", "commitment", "hash")
    ),
    *(f"UPDATE log_promises SET {column} = {column}" for column in ("transaction_id", "commitment", "promised_at")),
    "TRUNCATE books CASCADE",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_not_even_the_owner_changes_what_is_in_the_journal(server: Server, name: str, statement: str) -> None:
    with session(server, OWNER, name) as connection:
        assert refusal(connection, statement) == (APPEND_ONLY, "")


@pytest.mark.parametrize("statement", CHANGES)
def test_not_even_a_superuser_who_plays_the_replica_changes_what_is_in_the_journal(
    server: Server, name: str, statement: str
) -> None:
    with session(server, "", name) as connection:
        connection.execute("SET session_replication_role = replica")
        assert refusal(connection, statement) == (APPEND_ONLY, "")


@pytest.mark.parametrize("role", [OWNER, ""], ids=["owner", "superuser playing the replica"])
def test_not_even_the_owner_adds_entries_that_do_not_balance(server: Server, name: str, role: str) -> None:
    with session(server, role, name) as connection:
        if not role:
            connection.execute("SET session_replication_role = replica")
        entry = "(0, {account}, 1, gen_random_uuid(), 0, 'PT', {debit}, {credit}, 0, '2025-03-01', now())"
        add = "INSERT INTO entries VALUES "
        debit, credit = entry.format(account=1, debit=5, credit=0), entry.format(account=2, debit=0, credit=5)
        assert refusal(connection, add + debit) == (UNBALANCED, "")
        assert refusal(connection, add + debit + ", " + credit) == (UNBALANCED, "")  # of two transactions


# --- the functions ---------------------------------------------------------------------------------------------------

WRITE: Final = """SELECT public.journal_write(
    %s, clock_timestamp(), %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[],
    %s::integer[], %s::smallint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::text[], %s::text[], %s::text[], %s::text[],
    %s::bigint[], %s::bigint[], %s::smallint[], %s::uuid[], %s::uuid[], %s::date[], %s::bigint[], %s::uuid[],
    %s::bigint[], %s::uuid[], %s::smallint[], %s::bigint[], %s::smallint[], %s::bigint[], %s::uuid[],
    %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
    %s::uuid[], %s::text[], %s::uuid[])"""

STORED: Final = "SELECT " + ", ".join(
    f"(SELECT jsonb_agg(x ORDER BY {key}) FROM {table} x WHERE book_id = %(book)s)"
    for table, key in {
        "accounts": "account_id",
        "transactions": "transaction_id",
        "entries": "account_id, number",
        "day_totals": "account_id, day",
        "keys": "client, key",
        "lots": "account_id, number, part",
        "lot_moves": "account_id, transaction_id, place",
        "holds": "hold_id",
        "closings": "number",
    }.items()
)
"""The rows of a book in each of the tables, in the order of JOURNAL."""

NOON: Final = datetime(2025, 3, 1, 4, tzinfo=UTC)
DAY: Final = date(2025, 3, 1)
ZEROTH, FIRST, SECOND, THIRD = (UUID(f"01950000-0000-7000-8000-00000000000{n}") for n in range(4))


@dataclass(frozen=True)
class E:
    """An entry made by hand. `transaction`: its place in the call, from 1, as the database counts."""

    account: str
    number: int
    debit: int
    credit: int
    balance: int
    unit: str = "PT"
    transaction: int = 1


@dataclass(frozen=True)
class T:
    """A transaction made by hand."""

    id: UUID = SECOND
    key: str = "k2"
    correction: str | None = None
    corrects: UUID | None = None


@dataclass(frozen=True)
class K:
    """The key of a refusal made by hand."""

    key: str
    refusal: dict[str, object] | None = None


@dataclass(frozen=True)
class L:
    """A lot made by hand, of the wallet and the call's transaction."""

    number: int
    amount: int
    part: int = 0
    transaction: UUID = SECOND


@dataclass(frozen=True)
class M:
    """A move of a lot of the wallet made by hand."""

    number: int
    amount: int
    place: int = 0
    part: int = 0
    transaction: UUID = SECOND


@dataclass(frozen=True)
class H:
    """A hold made by hand."""

    id: UUID = SECOND
    amount: int = 10


@dataclass(frozen=True)
class X:
    """The end of a hold made by hand."""

    id: UUID = ZEROTH
    ending: str | None = "void"
    by: UUID | None = SECOND


@dataclass(frozen=True)
class Hand:
    """The service's session in a book of the test's own, calling the write function itself."""

    connection: psycopg.Connection[Any]
    book: int
    ids: dict[str, int]

    def write(
        self,
        *entries: E,
        transactions: tuple[T, ...] = (T(),),
        refused: tuple[K, ...] = (),
        lots: tuple[L, ...] = (),
        moves: tuple[M, ...] = (),
        holds: tuple[H, ...] = (),
        ended: tuple[X, ...] = (),
        book: int | None = None,
    ) -> Refusal | None:
        """Calls the function; answers what it refused, None if all was stored."""
        heads = [
            (t.id, "test", "", NOON, DAY, "import", t.key, "import", None, None, t.correction, t.corrects, "")
            for t in transactions
        ]
        legs = [
            (e.transaction, line, self.ids[e.account], e.unit, e.number, e.debit, e.credit, e.balance)
            for line, e in enumerate(entries)
        ]
        used = [("import", key.key, "", json.dumps(key.refusal) if key.refusal else None) for key in refused]
        wallet = self.ids["wallet"]
        made = [
            (wallet, lot.number, lot.part, lot.transaction, lot.transaction, None, lot.amount, None) for lot in lots
        ]
        moved = [(wallet, m.transaction, m.place, m.number, m.part, m.amount, None) for m in moves]
        placed = [(hold.id, wallet, wallet, hold.amount, NOON) for hold in holds]
        ends = [(end.id, end.ending, end.by) for end in ended]
        arrays = (
            *(*_columns(heads, 13), *_columns(legs, 8), *_columns(used, 4)),
            *(*_columns(made, 8), *_columns(moved, 7), *_columns(placed, 5), *_columns(ends, 3)),
        )
        return refusal(self.connection, WRITE, self.book if book is None else book, *arrays, kept=True)

    def stored(self) -> list[list[Any]]:
        """The rows of each of the journal's tables in this book."""
        return [rows or [] for rows in self.connection.execute(STORED, {"book": self.book}).fetchone() or ()]


def counted(hand: Hand) -> list[int]:
    """How many rows each of the tables holds."""
    return [len(rows) for rows in hand.stored()]


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]


@pytest.fixture
async def hand(server: Server, database: AsyncEngine, name: str, book: Book) -> AsyncIterator[Hand]:
    """A book with 100 points in a wallet and 60 minutes on an hours account, written by hand."""
    with session(server, SERVICE, name) as connection:
        yield await by_hand(connection, database, book)


@pytest.fixture
async def scribble(server: Server, database: AsyncEngine, name: str) -> AsyncIterator[Hand]:
    """The same, with a lot and a hold that the entries know nothing of: nobody derives this book's figures anew."""
    with session(server, SERVICE, name) as connection:
        made = await by_hand(connection, database, await new_book(database))
        granted = (E("fund", 2, 100, 0, 200), E("wallet", 2, 0, 100, 200))
        lot, hold = L(1, 100, transaction=ZEROTH), H(ZEROTH)
        assert made.write(*granted, transactions=(T(ZEROTH, "k0"),), lots=(lot,), holds=(hold,)) is None
        yield made


async def by_hand(connection: psycopg.Connection[Any], database: AsyncEngine, book: Book) -> Hand:
    other = await new_book(database)
    wanted = [
        NewAccount("fund", "fund", "asset", "PT"),
        NewAccount("wallet", "wallet", "liability", "PT", 0),
        NewAccount("served", "hours served", "memo_debit", "HR"),
        NewAccount("hours", "credit hours", "memo_credit", "HR", 0),
    ]
    async with database.begin() as tx:
        opened = await chart.open_accounts(tx, book.book_id, wanted)
        opened += await chart.open_accounts(tx, other.book_id, [NewAccount("foreign", "foreign", "asset", "PT")])
    assert [isinstance(outcome, tuple) for outcome in opened] == [True] * 5
    there = "SELECT code, account_id FROM accounts WHERE book_id IN (%s, %s)"
    ids = dict(connection.execute(there, (book.book_id, other.book_id)).fetchall()) | {"nobody's": -1}
    made = Hand(connection, book.book_id, ids)
    granted = (E("fund", 1, 100, 0, 100), E("wallet", 1, 0, 100, 100))
    hours = (E("served", 1, 60, 0, 60, "HR"), E("hours", 1, 0, 60, 60, "HR"))
    assert made.write(*granted, *hours, transactions=(T(FIRST, "k1"),)) is None
    return made


FAIR: Final = (E("fund", 2, 10, 0, 110), E("wallet", 2, 0, 10, 110))
NEXT: Final = (E("fund", 3, 10, 0, 210), E("wallet", 3, 0, 10, 210))


def test_a_right_call_of_the_write_function_is_stored(hand: Hand) -> None:
    assert counted(hand) == [4, 1, 4, 4, 1, 0, 0, 0, 0]
    assert hand.write(*FAIR) is None
    assert counted(hand) == [4, 2, 6, 4, 2, 0, 0, 0, 0]


def test_a_right_call_of_the_write_function_stores_lots_and_holds(scribble: Hand) -> None:
    lots, moves = (L(2, 10),), (M(1, -30), M(1, 5, place=1))
    assert scribble.write(*NEXT, lots=lots, moves=moves, holds=(H(),), ended=(X(),)) is None
    assert counted(scribble) == [4, 3, 8, 4, 3, 2, 2, 2, 0]
    stored = dict(zip(JOURNAL, scribble.stored(), strict=True))
    assert [(lot["number"], lot["amount"], lot["remaining"]) for lot in stored["lots"]] == [(1, 100, 75), (2, 10, 10)]
    assert [(hold["ending"], hold["ended_by"]) for hold in stored["holds"]] == [("void", str(SECOND)), (None, None)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([E("fund", 2, 10, 0, 110)], (UNBALANCED, ""), id="one leg"),
        pytest.param([E("fund", 2, 10, 0, 110), E("wallet", 2, 0, 9, 109)], (UNBALANCED, ""), id="two unequal legs"),
        pytest.param(
            [E("fund", 2, 10, 0, 110), E("hours", 2, 0, 10, 70, "HR")],
            (UNBALANCED, ""),
            id="two units that balance only together",
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110, transaction=1), E("wallet", 2, 0, 10, 110, transaction=2)],
            (UNBALANCED, ""),
            id="two transactions that balance only together",
        ),
        pytest.param(
            [
                *(E("fund", 2, 10, 0, 110, transaction=1), E("wallet", 2, 0, 9, 109, transaction=1)),
                *(E("fund", 3, 9, 0, 119, transaction=2), E("wallet", 3, 0, 10, 119, transaction=2)),
            ],
            (UNBALANCED, ""),
            id="two transactions, one with what the other lacks",
        ),
        pytest.param(
            [E("fund", 3, 10, 0, 110), E("wallet", 2, 0, 10, 110)], (NOT_AS_LOADED, ""), id="a number left out"
        ),
        pytest.param(
            [
                *(E("fund", 2, 10, 0, 110), E("fund", 4, 10, 0, 120)),
                *(E("wallet", 2, 0, 10, 110), E("wallet", 3, 0, 10, 120)),
            ],
            (NOT_AS_LOADED, ""),
            id="a number left out within the call",
        ),
        pytest.param(
            [E("fund", 0, 10, 0, 110), E("wallet", 2, 0, 10, 110)], (NOT_AS_LOADED, ""), id="a number before the first"
        ),
        pytest.param(
            [E("fund", 1, 10, 0, 110), E("wallet", 2, 0, 10, 110)], (UNIQUE, "entries_pkey"), id="a number used before"
        ),
        pytest.param(
            [*FAIR, E("fund", 2, 10, 0, 120), E("wallet", 3, 0, 10, 120)],
            (UNIQUE, "entries_pkey"),
            id="a number twice",
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110, "TC"), E("wallet", 2, 0, 10, 110, "TC")],
            (NOT_AS_LOADED, ""),
            id="another unit than the accounts'",
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110), E("hours", 2, 0, 10, 70)],
            (NOT_AS_LOADED, ""),
            id="another unit than one account's",
        ),
        pytest.param(
            [*FAIR, E("fund", 3, 10, 0, 120, "HR"), E("wallet", 3, 0, 10, 120, "HR")],
            (NOT_AS_LOADED, ""),
            id="another unit than the accounts' beside the right one",
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110), E("nobody's", 1, 0, 10, 10)], (NOT_AS_LOADED, ""), id="an unknown account"
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110), E("foreign", 1, 0, 10, -10)],
            (NOT_AS_LOADED, ""),
            id="an account of another book",
        ),
        pytest.param(
            [E("wallet", 2, 101, 0, -1), E("fund", 2, 0, 101, -1)],
            (CHECK, "accounts_floor_check"),
            id="more than the wallet holds",
        ),
        pytest.param(
            [
                *(E("wallet", 2, 60, 0, 40, transaction=1), E("fund", 2, 0, 60, 40, transaction=1)),
                *(E("wallet", 3, 60, 0, -20, transaction=2), E("fund", 3, 0, 60, -20, transaction=2)),
            ],
            (CHECK, "accounts_floor_check"),
            id="more than the wallet holds in two transactions",
        ),
        pytest.param([*FAIR, E("fund", 3, 0, 0, 110)], (CHECK, "entries_side_check"), id="an entry of zero"),
        pytest.param(
            [E("fund", 2, 10, 10, 100), E("wallet", 2, 10, 10, 100)],
            (CHECK, "entries_side_check"),
            id="entries with two sides",
        ),
        pytest.param(
            [E("fund", 2, -10, 0, 90), E("wallet", 2, 0, -10, 90)],
            (CHECK, "entries_side_check"),
            id="entries below zero",
        ),
        pytest.param(
            [E("fund", 2, 2**63 - 1, 0, 0), E("wallet", 2, 0, 2**63 - 1, 0)],
            (TOO_LARGE, ""),
            id="totals that no account can hold",
        ),
        pytest.param(
            [E("fund", 2, 10, 0, 110, transaction=3), E("wallet", 2, 0, 10, 110, transaction=3)],
            (NOT_NULL, ""),
            id="entries of no transaction of the call",
        ),
    ],
)
def test_the_write_function_refuses_wrong_entries_and_stores_nothing(
    hand: Hand, entries: list[E], expected: Refusal
) -> None:
    before = hand.stored()
    transactions = (T(), T(THIRD, "k3")) if any(entry.transaction == 2 for entry in entries) else (T(),)
    assert hand.write(*entries, transactions=transactions) == expected
    assert hand.stored() == before


@pytest.mark.parametrize(
    ("transactions", "refused", "expected"),
    [
        pytest.param([T(FIRST)], [], (UNIQUE, "transactions_pkey"), id="a transaction that is there"),
        pytest.param([T(key="k1")], [], (UNIQUE, "keys_pkey"), id="a key that is used"),
        pytest.param([T(), T(THIRD)], [], (UNIQUE, "keys_pkey"), id="a key of two transactions"),
        pytest.param([T()], [K("k2", {"refusal": "x"})], (UNIQUE, "keys_pkey"), id="a key with two outcomes"),
        pytest.param([T()], [K("k1", {"refusal": "x"})], (UNIQUE, "keys_pkey"), id="a refusal under a used key"),
        pytest.param([T()], [K("k3")], (CHECK, "keys_outcome_check"), id="a key without an outcome"),
        pytest.param(
            [T(correction="reversal", corrects=FIRST), T(THIRD, "k3", "reversal", FIRST)],
            [],
            (UNIQUE, "transactions_reversal_key"),
            id="two reversals of one transaction",
        ),
        pytest.param(
            [T(correction="reversal")], [], (CHECK, "transactions_corrects_check"), id="a correction of nothing"
        ),
        pytest.param([T(corrects=FIRST)], [], (CHECK, "transactions_corrects_check"), id="no kind of correction"),
        pytest.param(
            [T(correction="undo", corrects=FIRST)],
            [],
            (CHECK, "transactions_correction_check"),
            id="an unknown kind of correction",
        ),
    ],
)
def test_the_write_function_refuses_wrong_transactions_and_keys_and_stores_nothing(
    hand: Hand, transactions: list[T], refused: list[K], expected: Refusal
) -> None:
    before = hand.stored()
    assert hand.write(*FAIR, transactions=tuple(transactions), refused=tuple(refused)) == expected
    assert hand.stored() == before


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param({"lots": (L(2, 0),)}, (CHECK, "lots_amount_check"), id="a lot of nothing"),
        pytest.param({"lots": (L(1, 10),)}, (UNIQUE, "lots_pkey"), id="a lot that is there"),
        pytest.param({"moves": (M(1, 0),)}, (CHECK, "lot_moves_amount_check"), id="a move of nothing"),
        pytest.param({"moves": (M(1, -101),)}, (CHECK, "lots_remaining_check"), id="more than is left of a lot"),
        pytest.param(
            {"moves": (M(1, -60), M(1, -60, place=1))},
            (CHECK, "lots_remaining_check"),
            id="more than is left of a lot in two moves",
        ),
        pytest.param({"moves": (M(1, -1), M(1, -1))}, (UNIQUE, "lot_moves_pkey"), id="two moves in one place"),
        pytest.param({"holds": (H(amount=0),)}, (CHECK, "holds_amount_check"), id="a hold of nothing"),
        pytest.param({"holds": (H(ZEROTH),)}, (UNIQUE, "holds_pkey"), id="a hold that is there"),
        pytest.param({"ended": (X(THIRD),)}, (NOT_AS_LOADED, ""), id="the end of a hold that does not exist"),
        pytest.param({"ended": (X(), X())}, (NOT_AS_LOADED, ""), id="two ends of one hold"),
        pytest.param({"ended": (X(ending="loss"),)}, (CHECK, "holds_ending_check"), id="an unknown end"),
        pytest.param({"ended": (X(by=None),)}, (CHECK, "holds_ended_check"), id="an end by nobody"),
        pytest.param(
            {"holds": (H(),), "ended": (X(), X(SECOND))},
            (UNIQUE, "holds_ended_by_key"),
            id="two holds ended by one transaction",
        ),
    ],
)
def test_the_write_function_refuses_wrong_lots_and_holds_and_stores_nothing(
    scribble: Hand, written: dict[str, Any], expected: Refusal
) -> None:
    before = scribble.stored()
    assert scribble.write(*NEXT, **written) == expected
    assert scribble.stored() == before


def test_a_hold_that_has_ended_does_not_end_again(scribble: Hand) -> None:
    assert scribble.write(*NEXT, ended=(X(),)) is None
    before = scribble.stored()
    later = (E("fund", 4, 10, 0, 220), E("wallet", 4, 0, 10, 220))
    assert scribble.write(*later, transactions=(T(THIRD, "k3"),), ended=(X(by=THIRD),)) == (NOT_AS_LOADED, "")
    assert scribble.stored() == before


@pytest.mark.parametrize(
    ("number", "action", "expected"),
    [
        (1, "close", (UNIQUE, "closings_pkey")),
        (2, "open", (CHECK, "closings_action_check")),
        (None, "close", (NOT_NULL, "")),
    ],
)
def test_no_closing_is_stored_that_is_not_one(
    scribble: Hand, number: int | None, action: str, expected: Refusal
) -> None:
    write = "SELECT public.periods_write(%s, %s, '2025-02', %s, '2025-02-28', 'user:1', now())"
    assert refusal(scribble.connection, write, scribble.book, 1, "close", kept=True) is None
    before = scribble.stored()
    assert len(before[8]) == 1
    assert refusal(scribble.connection, write, scribble.book, number, action, kept=True) == expected
    assert scribble.stored() == before


def test_the_write_function_refuses_a_book_that_does_not_exist(hand: Hand) -> None:
    assert hand.write(*FAIR, book=0) == (NOT_AS_LOADED, "")
    assert Hand(hand.connection, 0, hand.ids).stored() == [[]] * 9


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (("new", "asset", "PT", 1), (CHECK, "accounts_floor_check")),
        (("new", "wealth", "PT", 0), (CHECK, "accounts_class_check")),
        (("new", "asset", "GOLD", 0), ("23503", "accounts_unit_fkey")),
        ((None, "asset", "PT", 0), (NOT_NULL, "")),
    ],
)
def test_no_account_is_opened_that_is_not_one(
    hand: Hand, account: tuple[str | None, str, str, int], expected: Refusal
) -> None:
    before = hand.stored()
    opening = "SELECT public.accounts_open(%s, %s::text[], '{x}', %s, %s, %s::bigint[], '{NULL}', '{NULL}')"
    assert refusal(hand.connection, opening, hand.book, *([value] for value in account), kept=True) == expected
    assert hand.stored() == before


def test_no_account_gets_a_status_that_is_not_one(hand: Hand) -> None:
    asleep = "SELECT public.account_set_status(%s, 'wallet', 'asleep')"
    assert refusal(hand.connection, asleep, hand.book, kept=True) == (CHECK, "accounts_status_check")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT public.journal_load(1, '{}', '{}', '{}', '{}', '{}')",
        "SELECT public.periods_load(1)",
        "SELECT public.periods_write(1, 1, '2025-02', 'close', '2025-02-28', 'user:1', now())",
        "SELECT public.account_set_status(1, 'wallet', 'frozen')",
        "SELECT public.accounts_open(1, '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        *(f"SELECT FROM {table}" for table in JOURNAL),
    ],
)
def test_a_role_that_was_given_nothing_can_neither_call_the_functions_nor_read(
    server: Server, name: str, statement: str
) -> None:
    with session(server, "", name) as connection, connection.transaction(force_rollback=True):
        connection.execute("CREATE ROLE meide_test_stranger")
        connection.execute("SET LOCAL ROLE meide_test_stranger")
        assert refusal(connection, statement) == (NOT_ALLOWED, "")


# --- names put in the functions' way ---------------------------------------------------------------------------------

IN_THE_WAY: Final = [
    *(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING ALL)" for table in (*JOURNAL, "books", "units")),
    "CREATE TEMP TABLE added (LIKE public.entries)",  # the name of the balance trigger's transition table
    "CREATE DOMAIN pg_temp.jsonb AS text",
    "CREATE FUNCTION pg_temp.cardinality(anyarray) RETURNS integer LANGUAGE sql AS 'SELECT 0'",
    "CREATE OPERATOR pg_temp.<> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8eq)",
    "CREATE OPERATOR pg_temp.<> (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = numeric_eq)",
]

LOAD: Final = "SELECT a_code, a_credits, k_key FROM public.journal_load(%s, '{wallet}', '{import}', '{k1}', '{}', '{}')"


@pytest.fixture(params=["a session that has called the functions", "a session that has not"])
def diverted(request: pytest.FixtureRequest, server: Server, name: str, hand: Hand) -> Iterator[Hand]:
    """A session of the service's with tables, types and functions of its own under the names that the journal uses."""
    with session(server, SERVICE, name) as new:
        connection = new if request.param == "a session that has not" else hand.connection
        for statement in IN_THE_WAY:
            connection.execute(statement.encode())
        mine = (
            "INSERT INTO pg_temp.accounts (book_id, code, name, class, unit) VALUES (%s, 'wallet', '', 'asset', 'TC')"
        )
        connection.execute(mine, (hand.book,))
        yield Hand(connection, hand.book, hand.ids)
        for table in (*JOURNAL, "added"):
            there = connection.execute(f"SELECT count(*) FROM pg_temp.{table}".encode()).fetchone()
            assert there == (1 if table == "accounts" else 0,), table


@pytest.mark.parametrize(
    "path", ["pg_temp, public", "pg_temp, pg_catalog, public", "public, pg_catalog", "pg_temp", "nowhere", "''"]
)
def test_names_of_the_sessions_own_do_not_divert_the_functions(
    server: Server, name: str, diverted: Hand, path: str
) -> None:
    diverted.connection.execute(f"SET search_path = {path}".encode())
    loaded = diverted.connection.execute(LOAD, (diverted.book,)).fetchone()
    assert loaded == (["wallet"], [100], ["k1"])
    assert diverted.write(E("fund", 2, 10, 0, 110), E("wallet", 2, 0, 9, 109)) == (UNBALANCED, "")
    assert diverted.write(E("fund", 3, 10, 0, 110), E("wallet", 2, 0, 10, 110)) == (NOT_AS_LOADED, "")
    assert diverted.write(*FAIR) is None
    with session(server, SERVICE, name) as elsewhere:
        assert counted(Hand(elsewhere, diverted.book, diverted.ids)) == [4, 2, 6, 4, 2, 0, 0, 0, 0]
