"""`meide check` looks at a damaged copy of a healthy database: every check names its damage and the place, and no more.

The damage is done by the superuser, with the journal's triggers switched off and in place again before the check, and
in the same transaction in which the check looks at it: it is never committed, so one copy serves for all damages.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import batching, chart, directory, guards, holds, integrity, journal, periods, tables
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Posted, Refused
from ledger.books.integrity import BOOK_CHECKS, Finding
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import BEIJING
from tests.conftest import OWNER, SERVICE, Server

pytestmark = pytest.mark.books

FIRST_DAY: Final = date(2025, 1, 1)
BOOKED: Final = datetime(2025, 4, 1, 9, tzinfo=BEIJING)
"""When the books were kept; each transaction a minute after the one before."""

ACCOUNTS: Final = (
    NewAccount("2100.7", "wallet", "liability", "PT"),  # the chart's floor: 0
    NewAccount("2100.8", "wallet of somebody who holds and returns", "liability", "PT"),
    NewAccount("2120.8", "what she holds", "liability", "PT"),
    NewAccount("2300.3", "merchant", "liability", "PT"),
    NewAccount("2300.4", "another merchant", "liability", "PT"),
    NewAccount("5100.1", "reward for hours", "expense", "PT"),
    NewAccount("5120.1", "reward for acts", "expense", "PT"),
    NewAccount("9110.1", "hours served", "memo_debit", "HR"),
    NewAccount("9200.7", "credit hours", "memo_credit", "HR"),
    NewAccount("unused", "never posted to", "asset", "PT"),
)

# key → (day of March 2025, lines). The wallet holds 100, 70, 50 and, after the reversal of `lunch`, 70 points again.
TRANSACTIONS: Final = {
    "reward": (
        1,
        [
            *(Line("5100.1", "debit", 100), Line("2100.7", "credit", 100)),
            *(Line("9110.1", "debit", 60), Line("9200.7", "credit", 60)),
        ],
    ),
    "rice": (2, [Line("2100.7", "debit", 30), Line("2300.3", "credit", 30)]),
    "lunch": (3, [Line("2100.7", "debit", 20), Line("2300.3", "credit", 20)]),
    "too dear": (4, [Line("2100.7", "debit", 500), Line("2300.3", "credit", 500)]),
    "act": (6, [Line("5120.1", "debit", 40), Line("2100.8", "credit", 40)]),
    "report": (6, [Line("5120.1", "debit", 30), Line("2100.8", "credit", 30)]),
    "shoes": (8, [Line("2100.8", "debit", 12), Line("2300.4", "credit", 12)]),
    "sweets": (8, [Line("2100.8", "debit", 3), Line("2300.4", "credit", 3)]),
}


async def keep_books(database: AsyncEngine, code: str) -> dict[str, Any]:
    """A healthy book; answers what the damages and findings name: book, account and transaction numbers."""
    async with database.begin() as tx:
        book = (await directory.create_book(tx, code, "试验区时间银行", FIRST_DAY)).book_id
        opened = await chart.open_accounts(tx, book, ACCOUNTS)
        assert all(isinstance(outcome, tuple) for outcome in opened)
        await periods.close(tx, book, "2025-02", actor="user:1")
    places: dict[str, Any] = {"book": book}
    for key, (day, lines) in TRANSACTIONS.items():
        time = datetime(2025, 3, day, 12, tzinfo=BEIJING)
        proposal = Proposal("till:1", key, key, "test", time, tuple(lines), "user:1")
        [outcome] = await batching.submit(database, book, [proposal])
        if key == "too dear":
            assert isinstance(outcome, Refused)
        else:
            places[key] = id_of(outcome)
    async with database.begin() as tx:
        back = await journal.reversal(
            tx, book, places["lunch"], client="till:1", key="back", call="back", actor="user:1"
        )
        [outcome] = await journal.post(tx, book, [back])
        places["back"] = id_of(outcome)
    one_shoe = (Line("2300.4", "debit", 5), Line("2100.8", "credit", 5))
    refund = Proposal(
        "till:1", "refund", "", "refund", None, one_shoe, "user:1", correction="refund", corrects=places["shoes"]
    )
    [outcome] = await batching.submit(database, book, [refund])
    places["refund"] = id_of(outcome)
    by: dict[str, str] = {"client": "till:1", "call": "", "actor": "user:1"}
    week = timedelta(days=7)
    for key, amount in (("kept", 10), ("used", 20)):
        outcome = await holds.place(database, book, account="2100.8", amount=amount, expires_in=week, key=key, **by)
        places[key] = id_of(outcome)
    outcome = await holds.capture(database, book, places["used"], to="2300.4", amount=15, key="capture", **by)
    places["capture"] = id_of(outcome)
    async with database.begin() as tx:
        rows = await tx.execute(tables.accounts.select().where(tables.accounts.c.book_id == book))
        places |= {row.code: row.account_id for row in rows}
    return places


def id_of(outcome: Outcome) -> UUID:
    assert isinstance(outcome, Posted)
    return outcome.transaction_id


@dataclass(frozen=True)
class Healthy:
    """A database with two healthy books."""

    name: str
    places: Mapping[str, Any]
    other_book: int


@pytest.fixture(scope="module")
async def healthy(server: Server, template: str) -> AsyncIterator[Healthy]:
    name = server.new_database(template)
    minutes = itertools.count()

    def clock(_: datetime) -> datetime:
        return BOOKED + timedelta(minutes=next(minutes))

    database = connect.to(server.url(SERVICE, name), clock=clock)
    places = await keep_books(database, "damaged")
    other = await keep_books(database, "healthy")
    await database.dispose()
    yield Healthy(name, places, other["book"])
    server.drop_database(name)


@asynccontextmanager
async def damaged_database(
    server: Server, healthy: Healthy, statements: Iterable[str], role: str = SERVICE
) -> AsyncIterator[AsyncEngine]:
    """The database as `role` sees it after the statements, which every transaction begins with and takes back again."""
    admin = server.admin.set(drivername="postgresql", database=healthy.name).render_as_string(hide_password=False)
    database = connect.to(admin)

    @event.listens_for(database.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        for statement in (*statements, f"SET LOCAL ROLE {role}"):
            connection.exec_driver_sql(statement)

    try:
        yield database
    finally:
        await database.dispose()


def without_triggers(*statements: str) -> tuple[str, ...]:
    """The statements with every trigger of the journal switched off before and in place again after them."""
    return (
        *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in guards.JOURNAL),
        *statements,
        *(f"ALTER TABLE {table} ENABLE TRIGGER ALL" for table in guards.JOURNAL),
        *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only" for table in guards.JOURNAL),
        "ALTER TABLE entries ENABLE ALWAYS TRIGGER balance",
    )


async def test_healthy_books_have_no_findings(server: Server, healthy: Healthy) -> None:
    async with damaged_database(server, healthy, without_triggers()) as database:
        assert await integrity.check(database, healthy.places["book"]) == []
        assert await integrity.check(database, healthy.other_book) == []
        assert await guards.check_guards(database) == []


async def test_the_services_role_finds_its_guards_in_place(database: AsyncEngine) -> None:
    assert await guards.check_guards(database) == []


async def test_an_empty_book_has_no_findings(database: AsyncEngine, book: Book) -> None:
    assert await integrity.check(database, book.book_id) == []


# --- figures ---------------------------------------------------------------------------------------------------------

# What stands in braces is replaced by the number of that book, account or transaction, in the SQL and in the facts.
WALLET: Final = "book_id = {book} AND account_id = {2100.7}"
MERCHANT: Final = "book_id = {book} AND account_id = {2300.3}"
HOLDER: Final = "book_id = {book} AND account_id = {2100.8}"


Found = tuple[str, Mapping[str, object]]
"""A finding's check, with those of its facts that say where."""


def damaged(what: str, *statements: str, found: Sequence[Found]) -> Any:
    return pytest.param(statements, found, id=what)


DAMAGES: Final = (
    damaged(
        "one leg of a transaction is larger, and all figures of its account with it",
        f"UPDATE entries SET credit = 31 WHERE {MERCHANT} AND number = 1",
        f"UPDATE entries SET balance_after = balance_after + 1 WHERE {MERCHANT}",
        f"UPDATE accounts SET credits = credits + 1 WHERE {MERCHANT}",
        f"UPDATE day_totals SET credits = credits + 1 WHERE {MERCHANT} AND day = '2025-03-02'",
        found=[("transaction_unbalanced", {"transaction": "{rice}", "unit": "PT", "debits": 30, "credits": 31})],
    ),
    damaged(
        "a transaction and its key have been added, without entries",
        "INSERT INTO transactions SELECT book_id, '01950000-0000-7000-8000-000000000001', kind, description,"
        " effective_at, effective_on, recorded_at, client, 'empty', actor"
        " FROM transactions WHERE book_id = {book} AND transaction_id = '{rice}'",
        "INSERT INTO keys SELECT book_id, client, 'empty', call, '01950000-0000-7000-8000-000000000001', NULL,"
        " recorded_at FROM keys WHERE book_id = {book} AND transaction_id = '{rice}'",
        found=[("transaction_without_entries", {"transaction": "01950000-0000-7000-8000-000000000001"})],
    ),
    damaged(
        "the lines of a transaction leave one out",
        "UPDATE entries SET line = 2 WHERE book_id = {book} AND transaction_id = '{rice}' AND line = 1",
        found=[("transaction_without_entries", {"transaction": "{rice}"})],
    ),
    damaged(
        "two entries are the same line",
        "UPDATE entries SET line = 2 WHERE book_id = {book} AND transaction_id = '{reward}' AND line = 3",
        found=[("transaction_without_entries", {"transaction": "{reward}"})],
    ),
    damaged(
        "a transaction and its key are gone",
        "DELETE FROM transactions WHERE book_id = {book} AND transaction_id = '{rice}'",
        "DELETE FROM keys WHERE book_id = {book} AND transaction_id = '{rice}'",
        found=[
            ("entry_without_transaction", {"account_id": "{2100.7}", "number": 2, "transaction": "{rice}"}),
            ("entry_without_transaction", {"account_id": "{2300.3}", "number": 1, "transaction": "{rice}"}),
        ],
    ),
    damaged(
        "an entry and its day's total are on another day than the transaction",
        f"UPDATE entries SET effective_on = '2025-03-05' WHERE {WALLET} AND number = 2",
        f"UPDATE day_totals SET day = '2025-03-05' WHERE {WALLET} AND day = '2025-03-02'",
        found=[("entry_without_transaction", {"account_id": "{2100.7}", "number": 2, "transaction": "{rice}"})],
    ),
    damaged(
        "an entry was recorded at another time than its transaction",
        f"UPDATE entries SET recorded_at = recorded_at + interval '1 microsecond' WHERE {WALLET} AND number = 4",
        f"UPDATE accounts SET recorded_at = recorded_at + interval '1 microsecond' WHERE {WALLET}",
        found=[("entry_without_transaction", {"account_id": "{2100.7}", "number": 4, "transaction": "{back}"})],
    ),
    damaged(
        "a transaction's entries are in another unit than their accounts",
        "UPDATE entries SET unit = 'TC' WHERE book_id = {book} AND unit = 'HR'",
        found=[
            ("entry_without_account", {"account_id": "{9110.1}", "number": 1, "unit": "TC"}),
            ("entry_without_account", {"account_id": "{9200.7}", "number": 1, "unit": "TC"}),
        ],
    ),
    damaged(
        "an account is gone",
        "DELETE FROM accounts WHERE book_id = {book} AND account_id = {9110.1}",
        found=[("entry_without_account", {"account_id": "{9110.1}", "number": 1, "unit": "HR"})],
    ),
    damaged(
        "both totals of an account are too large, so that its balance is right",
        f"UPDATE accounts SET debits = debits + 5, credits = credits + 5 WHERE {WALLET}",
        found=[
            (
                "balance_differs",
                {
                    "account": "2100.7",
                    "debits": 55,
                    "credits": 125,
                    "debits_of_entries": 50,
                    "credits_of_entries": 120,
                },
            )
        ],
    ),
    damaged(
        "an account without entries has a balance",
        "UPDATE accounts SET debits = 1 WHERE book_id = {book} AND account_id = {unused}",
        found=[("balance_differs", {"account": "unused", "debits": 1, "debits_of_entries": 0})],
    ),
    damaged(
        "an account counts one entry too many",
        f"UPDATE accounts SET number = 5 WHERE {WALLET}",
        found=[("numbers_have_gaps", {"account": "2100.7", "last_number": 5, "entries": 4, "highest": 4})],
    ),
    damaged(
        "an account without entries counts one",
        "UPDATE accounts SET number = 1 WHERE book_id = {book} AND account_id = {unused}",
        found=[("numbers_have_gaps", {"account": "unused", "last_number": 1, "entries": 0, "highest": 0})],
    ),
    damaged(
        "a number is left out at the end",
        f"UPDATE entries SET number = 5 WHERE {WALLET} AND number = 4",
        found=[("numbers_have_gaps", {"account": "2100.7", "last_number": 4, "entries": 4, "highest": 5})],
    ),
    damaged(
        "a number is left out at the end and the account knows the last",
        f"UPDATE entries SET number = 5 WHERE {WALLET} AND number = 4",
        f"UPDATE accounts SET number = 5 WHERE {WALLET}",
        found=[("numbers_have_gaps", {"account": "2100.7", "last_number": 5, "entries": 4, "highest": 5})],
    ),
    damaged(
        "a number is left out at the beginning and the entries begin at zero",
        f"UPDATE entries SET number = 0 WHERE {WALLET} AND number = 1",
        found=[("numbers_have_gaps", {"account": "2100.7", "last_number": 4, "entries": 4, "highest": 4})],
    ),
    damaged(
        "the balance after an entry is another",
        f"UPDATE entries SET balance_after = 71 WHERE {WALLET} AND number = 2",
        found=[("balance_after_differs", {"account": "2100.7", "number": 2, "balance_after": 71, "folded": 70})],
    ),
    damaged(
        "two entries of an account have changed places",
        f"UPDATE entries SET number = -number WHERE {MERCHANT} AND number < 3",
        f"UPDATE entries SET number = 3 + number WHERE {MERCHANT} AND number < 0",
        found=[
            ("balance_after_differs", {"account": "2300.3", "number": 1, "balance_after": 50, "folded": 20}),
            ("balance_after_differs", {"account": "2300.3", "number": 2, "balance_after": 30, "folded": 50}),
            ("time_runs_backwards", {"account": "2300.3", "number": 2}),
        ],
    ),
    damaged(
        "a transaction was recorded before one that came earlier",
        *(
            f"UPDATE {table} SET recorded_at = recorded_at - interval '1 day'"
            " WHERE book_id = {book} AND transaction_id = '{lunch}'"
            for table in ("transactions", "entries")
        ),
        found=[
            ("time_runs_backwards", {"account": "2100.7", "number": 3}),
            ("time_runs_backwards", {"account": "2300.3", "number": 2}),
        ],
    ),
    damaged(
        "a floor has been raised above the balance",
        "ALTER TABLE accounts DROP CONSTRAINT accounts_floor_check",
        f"UPDATE accounts SET floor = 71 WHERE {WALLET}",
        found=[
            ("below_floor", {"account": "2100.7", "debits": 50, "credits": 120, "floor": 71}),
            ("not_as_the_chart", {"account": "2100.7", "floor": 71}),
        ],
    ),
    damaged(
        "a floor has been raised above a balance on the debit side",
        "ALTER TABLE accounts DROP CONSTRAINT accounts_floor_check",
        "UPDATE accounts SET floor = 61 WHERE book_id = {book} AND account_id = {9110.1}",
        found=[
            ("below_floor", {"account": "9110.1", "debits": 60, "credits": 0, "floor": 61}),
            ("not_as_the_chart", {"account": "9110.1", "floor": 61}),
        ],
    ),
    damaged(
        "a day's total is too large",
        f"UPDATE day_totals SET debits = debits + 1 WHERE {WALLET} AND day = '2025-03-02'",
        found=[
            (
                "day_total_differs",
                {
                    "account": "2100.7",
                    "day": date(2025, 3, 2),
                    "debits": 31,
                    "credits": 0,
                    "debits_of_entries": 30,
                    "credits_of_entries": 0,
                },
            )
        ],
    ),
    damaged(
        "a day's total is gone",
        f"DELETE FROM day_totals WHERE {WALLET} AND day = '2025-03-02'",
        found=[
            (
                "day_total_differs",
                {"account": "2100.7", "day": date(2025, 3, 2), "debits": None, "debits_of_entries": 30},
            )
        ],
    ),
    damaged(
        "a total of a day without entries",
        "INSERT INTO day_totals VALUES ({book}, {2100.7}, '2025-03-09', 0, 0)",
        found=[
            (
                "day_total_differs",
                {"account": "2100.7", "day": date(2025, 3, 9), "debits": 0, "debits_of_entries": None},
            )
        ],
    ),
    damaged(
        "a total of an account that does not exist",
        "INSERT INTO day_totals VALUES ({book}, 0, '2025-03-09', 1, 0)",
        found=[("day_total_differs", {"account": None, "day": date(2025, 3, 9), "debits": 1})],
    ),
    damaged(
        "a total has moved to the next day",
        f"UPDATE day_totals SET day = '2025-03-07' WHERE {WALLET} AND day = '2025-03-02'",
        found=[
            ("day_total_differs", {"day": date(2025, 3, 2), "debits": None, "debits_of_entries": 30}),
            ("day_total_differs", {"day": date(2025, 3, 7), "debits": 30, "debits_of_entries": None}),
        ],
    ),
    damaged(
        "a key stands for a transaction that does not exist",
        "INSERT INTO keys VALUES ({book}, 'till:1', 'ghost', '', '01950000-0000-7000-8000-000000000001', NULL, now())",
        found=[
            (
                "key_without_transaction",
                {"client": "till:1", "key": "ghost", "transaction": "01950000-0000-7000-8000-000000000001"},
            )
        ],
    ),
    damaged(
        "a key stands for a transaction of the other book",
        "INSERT INTO keys SELECT {book}, client, 'ghost', '', transaction_id, NULL, recorded_at"
        " FROM keys WHERE book_id = {other} AND key = 'rice'",
        found=[("key_without_transaction", {"client": "till:1", "key": "ghost"})],
    ),
    damaged(
        "a key stands for the transaction of another key",
        "UPDATE keys SET transaction_id = '{reward}' WHERE book_id = {book} AND key = 'rice'",
        found=[
            ("key_without_transaction", {"client": "till:1", "key": "rice", "transaction": "{reward}"}),
            ("transaction_without_key", {"client": "till:1", "key": "rice", "transaction": "{rice}"}),
        ],
    ),
    damaged(
        "a key is gone",
        "DELETE FROM keys WHERE book_id = {book} AND key = 'rice'",
        found=[("transaction_without_key", {"transaction": "{rice}", "client": "till:1", "key": "rice"})],
    ),
    damaged(
        "a key that posted stands for a refusal",
        """UPDATE keys SET transaction_id = NULL, refusal = '{"refusal": "AccountClosed", "account": "2100.7"}'"""
        " WHERE book_id = {book} AND key = 'rice'",
        found=[("transaction_without_key", {"transaction": "{rice}", "client": "till:1", "key": "rice"})],
    ),
    damaged(
        "a reversal names a transaction that it does not mirror",
        "UPDATE transactions SET corrects = '{rice}' WHERE book_id = {book} AND transaction_id = '{back}'",
        found=[("reversal_differs", {"transaction": "{back}", "corrects": "{rice}"})],
    ),
    damaged(
        "a reversal names a transaction that does not exist",
        "UPDATE transactions SET corrects = '01950000-0000-7000-8000-000000000001'"
        " WHERE book_id = {book} AND transaction_id = '{back}'",
        found=[("corrects_nothing", {"transaction": "{back}", "corrects": "01950000-0000-7000-8000-000000000001"})],
    ),
    damaged(
        "what is reversed has become a reversal itself",
        "UPDATE transactions SET correction = 'reversal', corrects = '{back}'"
        " WHERE book_id = {book} AND transaction_id = '{lunch}'",
        found=[
            ("reversal_differs", {"transaction": "{lunch}", "corrects": "{back}"}),
            ("reversal_differs", {"transaction": "{back}", "corrects": "{lunch}"}),
        ],
    ),
    damaged(
        "a reversal moves less than it reverses, and all figures agree",
        "UPDATE entries SET debit = debit / 2, credit = credit / 2"
        " WHERE book_id = {book} AND transaction_id = '{back}'",
        f"UPDATE entries SET balance_after = 60 WHERE {WALLET} AND number = 4",
        f"UPDATE entries SET balance_after = 40 WHERE {MERCHANT} AND number = 3",
        f"UPDATE accounts SET credits = credits - 10 WHERE {WALLET}",
        f"UPDATE accounts SET debits = debits - 10 WHERE {MERCHANT}",
        f"UPDATE day_totals SET credits = credits - 10 WHERE {WALLET} AND day = '2025-03-03'",
        f"UPDATE day_totals SET debits = debits - 10 WHERE {MERCHANT} AND day = '2025-03-03'",
        f"UPDATE lot_moves SET amount = amount - 10 WHERE {WALLET} AND transaction_id = '{{back}}'",
        f"UPDATE lots SET remaining = remaining - 10 WHERE {WALLET}",
        found=[("reversal_differs", {"transaction": "{back}", "corrects": "{lunch}"})],
    ),
    damaged(
        "an account remembers another time of its last entry",
        f"UPDATE accounts SET recorded_at = recorded_at + interval '1 day' WHERE {WALLET}",
        found=[("last_time_differs", {"account": "2100.7"})],
    ),
    damaged(
        "an account has forgotten the time of its last entry",
        f"UPDATE accounts SET recorded_at = NULL WHERE {WALLET}",
        found=[("last_time_differs", {"account": "2100.7", "recorded_at": None})],
    ),
    damaged(
        "a transaction happened on another day than the one it is booked on",
        "UPDATE transactions SET effective_at = effective_at + interval '1 day'"
        " WHERE book_id = {book} AND transaction_id = '{rice}'",
        found=[("day_differs", {"transaction": "{rice}", "effective_on": date(2025, 3, 2)})],
    ),
    damaged(
        "an account has been closed with a balance",
        f"UPDATE accounts SET status = 'closed' WHERE {WALLET}",
        found=[("closed_with_a_balance", {"account": "2100.7", "debits": 50, "credits": 120})],
    ),
    damaged(
        "a transaction was recorded tomorrow",
        *(
            f"UPDATE {table} SET recorded_at = date_trunc('day', now() + interval '2 days')"
            " WHERE book_id = {book} AND transaction_id = '{back}'"
            for table in ("transactions", "entries")
        ),
        "UPDATE accounts SET recorded_at = date_trunc('day', now() + interval '2 days')"
        " WHERE book_id = {book} AND account_id IN ({2100.7}, {2300.3})",
        found=[("recorded_in_the_future", {"transaction": "{back}"})],
    ),
    damaged(
        "a transaction is dated after it was recorded",
        "UPDATE transactions SET effective_at = effective_at + interval '1 year', effective_on = '2026-03-01'"
        " WHERE book_id = {book} AND transaction_id = '{reward}'",
        "UPDATE entries SET effective_on = '2026-03-01' WHERE book_id = {book} AND transaction_id = '{reward}'",
        "UPDATE day_totals SET day = '2026-03-01' WHERE book_id = {book} AND day = '2025-03-01'",
        found=[("dated_after_its_recording", {"transaction": "{reward}", "effective_on": date(2026, 3, 1)})],
    ),
    damaged(
        "a wallet has lost its floor",
        f"UPDATE accounts SET floor = NULL WHERE {WALLET}",
        found=[("not_as_the_chart", {"account": "2100.7", "floor": None})],
    ),
    damaged(
        "a wallet belongs to somebody else",
        f"UPDATE accounts SET holder = '8' WHERE {WALLET}",
        found=[("not_as_the_chart", {"account": "2100.7", "holder": "8"})],
    ),
    damaged(
        "a plain account calls itself a wallet",
        "UPDATE accounts SET kind = 'wallet' WHERE book_id = {book} AND account_id = {unused}",
        found=[("not_as_the_chart", {"account": "unused", "kind": "wallet"})],
    ),
    damaged(
        "points have come as a lot of the time before there were lots",
        f"INSERT INTO lots SELECT book_id, account_id, 0, 0, NULL, NULL, NULL, 5, 5 FROM accounts WHERE {WALLET}",
        found=[("lots_differ_from_balance", {"account": "2100.7", "balance": 70, "lots": 75})],
    ),
    damaged(
        "an account that keeps no lots has one",
        f"INSERT INTO lots SELECT book_id, account_id, 0, 0, NULL, NULL, NULL, 5, 5 FROM accounts WHERE {MERCHANT}",
        found=[("lots_differ_from_balance", {"account": "2300.3", "balance": 30, "lots": 5})],
    ),
    damaged(
        "points have gone over from one lot to another",
        f"UPDATE lots SET remaining = remaining + CASE number WHEN 1 THEN -1 ELSE 1 END WHERE {HOLDER}",
        found=[
            ("lot_differs_from_its_moves", {"account": "2100.8", "number": 1, "part": 0, "remaining": 4, "folded": 5}),
            (
                "lot_differs_from_its_moves",
                {"account": "2100.8", "number": 2, "part": 0, "remaining": 31, "folded": 30},
            ),
        ],
    ),
    damaged(
        "points were taken from a lot that does not exist",
        f"UPDATE lot_moves SET part = 7 WHERE {WALLET} AND transaction_id = '{{rice}}'",
        found=[
            (
                "lot_differs_from_its_moves",
                {"account": "2100.7", "number": 1, "part": 0, "remaining": 70, "folded": 100},
            ),
            (
                "lot_differs_from_its_moves",
                {"account": "2100.7", "number": 1, "part": 7, "remaining": None, "folded": None},
            ),
        ],
    ),
    damaged(
        "a lot is gone",
        f"DELETE FROM lots WHERE {HOLDER} AND number = 2",
        found=[
            ("lots_differ_from_balance", {"account": "2100.8", "balance": 35, "lots": 5}),
            ("lots_differ_from_entries", {"account": "2100.8", "transaction": "{report}", "net": 30, "lots": None}),
        ],
    ),
    damaged(
        "a lot says that another transaction made it",
        f"UPDATE lots SET transaction_id = '{{rice}}' WHERE {WALLET}",
        found=[
            ("lots_differ_from_entries", {"account": "2100.7", "transaction": "{reward}", "net": 100, "lots": None}),
            ("lots_differ_from_entries", {"account": "2100.7", "transaction": "{rice}", "net": -30, "lots": 70}),
        ],
    ),
    damaged(
        "what a transaction took of a lot has become what its refund did not give back",
        f"UPDATE lot_moves SET amount = -7 WHERE {HOLDER} AND transaction_id = '{{shoes}}'",
        f"DELETE FROM lot_moves WHERE {HOLDER} AND transaction_id = '{{refund}}'",
        found=[
            ("lots_differ_from_entries", {"account": "2100.8", "transaction": "{shoes}", "net": -12, "lots": -7}),
            ("lots_differ_from_entries", {"account": "2100.8", "transaction": "{refund}", "net": 5, "lots": None}),
        ],
    ),
    damaged(
        "a lot is gone with all that was taken of it",
        "DELETE FROM lots WHERE book_id = {book} AND account_id = {2120.8} AND remaining = 0",
        "DELETE FROM lot_moves WHERE book_id = {book} AND account_id = {2120.8}",
        found=[
            ("lots_differ_from_entries", {"account": "2120.8", "transaction": "{used}", "net": 20, "lots": None}),
            ("lots_differ_from_entries", {"account": "2120.8", "transaction": "{capture}", "net": -20, "lots": None}),
        ],
    ),
    damaged(
        "more is held than was posted",
        "UPDATE holds SET amount = 11 WHERE book_id = {book} AND hold_id = '{kept}'",
        found=[("hold_differs", {"hold": "{kept}", "amount": 11, "ending": None})],
    ),
    damaged(
        "less is held than was posted and captured",
        "UPDATE holds SET amount = 19 WHERE book_id = {book} AND hold_id = '{used}'",
        found=[("hold_differs", {"hold": "{used}", "amount": 19, "ending": "capture"})],
    ),
    damaged(
        "a hold is of another wallet",
        "UPDATE holds SET account_id = {2100.7} WHERE book_id = {book} AND hold_id = '{kept}'",
        found=[("hold_differs", {"hold": "{kept}", "amount": 10})],
    ),
    damaged(
        "a hold was posted by no transaction",
        "INSERT INTO holds SELECT book_id, '01950000-0000-7000-8000-000000000001', account_id, held_account_id, amount,"
        " expires_at FROM holds WHERE book_id = {book} AND hold_id = '{kept}'",
        found=[("hold_differs", {"hold": "01950000-0000-7000-8000-000000000001", "amount": 10})],
    ),
    damaged(
        "a hold was ended by a transaction that did not end it",
        "UPDATE holds SET ending = 'void', ended_by = '{rice}' WHERE book_id = {book} AND hold_id = '{kept}'",
        found=[("hold_differs", {"hold": "{kept}", "amount": 10, "ending": "void"})],
    ),
    damaged(
        "a hold was ended by no transaction",
        "UPDATE holds SET ending = 'lapse', ended_by = '01950000-0000-7000-8000-000000000001'"
        " WHERE book_id = {book} AND hold_id = '{kept}'",
        found=[("hold_differs", {"hold": "{kept}", "amount": 10, "ending": "lapse"})],
    ),
    damaged(
        "more is refunded than was paid",
        "UPDATE transactions SET corrects = '{sweets}' WHERE book_id = {book} AND transaction_id = '{refund}'",
        found=[
            ("refunded_above_the_original", {"transaction": "{sweets}", "unit": "PT", "taken_back": 5, "debits": 3})
        ],
    ),
    damaged(
        "what was reversed is refunded too",
        "UPDATE transactions SET corrects = '{lunch}' WHERE book_id = {book} AND transaction_id = '{refund}'",
        found=[
            ("refunded_above_the_original", {"transaction": "{lunch}", "unit": "PT", "taken_back": 25, "debits": 20})
        ],
    ),
    damaged(
        "a day with transactions was closed before they were recorded",
        "UPDATE closings SET closed_through = '2025-03-01' WHERE book_id = {book}",
        found=[
            (
                "dated_in_a_closed_period",
                {"account_id": f"{{{code}}}", "number": 1, "effective_on": date(2025, 3, 1)}
                | {"closed_through": date(2025, 3, 1)},
            )
            for code in ("2100.7", "5100.1")  # not the hours
        ],
    ),
    damaged(
        "a day with transactions was closed while they were recorded, and is open again",
        "UPDATE closings SET closed_through = '2025-03-01' WHERE book_id = {book}",
        "INSERT INTO closings SELECT book_id, 2, period, 'reopen', NULL, actor, '2025-04-02' FROM closings"
        " WHERE book_id = {book}",
        found=[
            ("dated_in_a_closed_period", {"account_id": f"{{{code}}}", "number": 1}) for code in ("2100.7", "5100.1")
        ],
    ),
    damaged(
        "the book begins after its first transaction",
        "UPDATE books SET first_day = '2025-03-02' WHERE book_id = {book}",
        found=[
            (
                "dated_before_the_book",
                {"transaction": "{reward}", "effective_on": date(2025, 3, 1), "first_day": date(2025, 3, 2)},
            )
        ],
    ),
)


@pytest.mark.parametrize(("statements", "found"), DAMAGES)
async def test_a_damage_is_named_with_its_place_and_nothing_else_is(
    server: Server, healthy: Healthy, statements: tuple[str, ...], found: list[Found]
) -> None:
    done = without_triggers(*(filled(statement, healthy) for statement in statements))
    async with damaged_database(server, healthy, done) as database:
        findings = await integrity.check(database, healthy.places["book"])
        assert await integrity.check(database, healthy.other_book) == []
    expected = shown(found, healthy)
    assert seen(findings, expected) == expected


def filled(text: object, healthy: Healthy) -> str:
    """`text` with the number of that book, account or transaction for each name in braces."""
    names = {**healthy.places, "other": healthy.other_book}
    return re.sub(r"{(\w[\w.]*)}", lambda name: str(names[name[1]]), str(text))


def shown(found: Sequence[Found], healthy: Healthy) -> list[Found]:
    return [(check, {name: filled(fact, healthy) for name, fact in facts.items()}) for check, facts in found]


def seen(findings: list[Finding], expected: Sequence[Found]) -> list[Found]:
    """The findings, with those facts only that are expected of their check."""
    asked = {check: facts.keys() for check, facts in expected}
    return [(f.check, {name: str(f.facts[name]) for name in asked.get(f.check, f.facts)}) for f in findings]


async def test_a_check_reports_no_more_than_it_must(server: Server, healthy: Healthy) -> None:
    many = (
        "INSERT INTO keys SELECT {book}, 'import', 'k' || lpad(n::text, 4, '0'), '', gen_random_uuid(), NULL, now()"
        " FROM generate_series(1, 1000) AS s (n)"
    )
    async with damaged_database(server, healthy, without_triggers(filled(many, healthy))) as database:
        findings = await integrity.check(database, healthy.places["book"])
    assert [finding.check for finding in findings] == ["key_without_transaction"] * integrity.MOST_FINDINGS
    assert [findings[0].facts["key"], findings[-1].facts["key"]] == ["k0001", "k0100"]


def test_a_finding_reads_as_check_and_facts() -> None:
    assert str(Finding("numbers_have_gaps", {"account": "2100.7", "highest": 5})) == (
        "numbers_have_gaps: account 2100.7, highest 5"
    )


def test_every_check_of_a_book_has_a_damage() -> None:
    assert {check for case in DAMAGES for check, _ in case.values[1]} == set(BOOK_CHECKS)


# --- guards ----------------------------------------------------------------------------------------------------------

JOURNAL: Final = (
    *(tables.accounts, tables.transactions, tables.entries, tables.day_totals, tables.keys),
    *(tables.lots, tables.lot_moves, tables.holds, tables.closings),
)
LOG_READ: Final = ("log_leaves", "log_nodes", "log_states", "log_promises")
LOG_ADDED_TO: Final = ("events", "log_checkpoints", "log_looks")
APPEND_ONLY: Final = (
    *((table.name, "append_only") for table in JOURNAL),
    *((table, "append_only") for table in ("access_log", *LOG_READ, *LOG_ADDED_TO) if table != "log_states"),
)
TRIGGERS: Final = (*APPEND_ONLY, ("entries", "balance"))
FUNCTIONS: Final = (
    *("journal_load", "journal_write", "accounts_open", "account_set_status"),
    *("periods_load", "periods_write"),
    *("log_seal", "log_promise", "log_forget"),
)

ALL_PRIVILEGES: Final = ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")
READ: Final = [*(table.name for table in JOURNAL), *LOG_READ]
READ_AND_ADD: Final = ["books", "units", "access_log", *LOG_ADDED_TO]
EVERY_TABLE: Final = ", ".join([*READ, *READ_AND_ADD])


def made_again(table: str, trigger: str, does: str, events: str = "UPDATE OR DELETE OR TRUNCATE") -> tuple[str, str]:
    """The trigger, standing against other events or doing something else."""
    when = f"BEFORE {events} ON {table}" if trigger == "append_only" else f"AFTER INSERT ON {table}"
    seeing = "" if trigger == "append_only" else "REFERENCING NEW TABLE AS added "
    return (
        f"CREATE OR REPLACE TRIGGER {trigger} {when} {seeing}{does}",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}",
    )


def held(names: list[str], *privileges: str) -> list[Found]:
    return [("privileges_differ", {"table": name, "held": sorted(privileges)}) for name in names]


def triggers(statement: str) -> Any:
    """The same done to every trigger of the journal."""
    return damaged(
        statement,
        *(statement.format(table=table, trigger=trigger) for table, trigger in TRIGGERS),
        found=[("trigger_not_in_place", {"table": table, "trigger": trigger}) for table, trigger in TRIGGERS],
    )


def functions(statement: str) -> Any:
    """The same done to every function that writes the journal."""
    return damaged(
        statement,
        *(statement.format(function=function) for function in FUNCTIONS),
        found=[("function_not_in_place", {"function": function}) for function in FUNCTIONS],
    )


STANDS_IN: Final = "CREATE FUNCTION public.harmless() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"


GUARD_DAMAGES: Final = (
    *(
        damaged(
            f"the service may {privilege}",
            f"GRANT {privilege} ON {EVERY_TABLE} TO {SERVICE}",
            found=held(READ, "SELECT", privilege)
            + (held(READ_AND_ADD, "SELECT", "INSERT", privilege) if privilege != "INSERT" else []),
        )
        for privilege in ALL_PRIVILEGES
        if privilege != "SELECT"
    ),
    damaged(
        "the views of the log are gone",
        "DROP VIEW log_lines, log_events, log_transactions",
        found=[("view_not_in_place", {"view": view}) for view in ("log_transactions", "log_events", "log_lines")],
    ),
    damaged(
        "everybody may do everything",
        f"GRANT ALL ON {EVERY_TABLE} TO PUBLIC",
        found=held(READ + READ_AND_ADD, *ALL_PRIVILEGES),
    ),
    damaged(
        "the service may change one column",
        f"GRANT UPDATE (balance_after) ON entries TO {SERVICE}",
        found=held(["entries"], "SELECT", "UPDATE"),
    ),
    damaged(
        "everybody may fill one column",
        "GRANT INSERT (key) ON keys TO PUBLIC",
        found=held(["keys"], "INSERT", "SELECT"),
    ),
    damaged(
        "the service may not read",
        f"REVOKE SELECT ON entries, books FROM {SERVICE}",
        found=[*held(["entries"]), *held(["books"], "INSERT")],
    ),
    triggers("ALTER TABLE {table} DISABLE TRIGGER {trigger}"),
    triggers("ALTER TABLE {table} ENABLE TRIGGER {trigger}"),
    triggers("ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}"),
    damaged(
        "the triggers have other names",
        *(f"ALTER TRIGGER {trigger} ON {table} RENAME TO was_{trigger}" for table, trigger in TRIGGERS),
        found=[
            found
            for table, trigger in TRIGGERS
            for found in (
                ("trigger_not_in_place", {"table": table, "trigger": trigger}),
                ("trigger_not_ours", {"table": table, "trigger": f"was_{trigger}"}),
            )
        ],
    ),
    triggers("DROP TRIGGER {trigger} ON {table}"),
    damaged(
        "somebody has put a trigger of his own on the journal",
        STANDS_IN,
        "CREATE TRIGGER spy AFTER INSERT ON entries EXECUTE FUNCTION public.harmless()",
        found=[("trigger_not_ours", {"table": "entries", "trigger": "spy"})],
    ),
    functions("GRANT EXECUTE ON FUNCTION {function} TO PUBLIC"),
    *(
        damaged(
            f"the append-only triggers stand against {events} for each {each} only",
            *(
                statement
                for table, trigger in APPEND_ONLY
                for statement in made_again(table, trigger, f"FOR EACH {each} EXECUTE FUNCTION append_only()", events)
            ),
            found=[("trigger_not_in_place", {"table": table, "trigger": trigger}) for table, trigger in APPEND_ONLY],
        )
        for events, each in [
            ("TRUNCATE", "STATEMENT"),
            ("UPDATE OR TRUNCATE", "STATEMENT"),
            ("UPDATE OR DELETE", "STATEMENT"),
            ("UPDATE OR DELETE", "ROW"),
        ]
    ),
    functions("ALTER FUNCTION {function} SECURITY INVOKER"),
    functions("ALTER FUNCTION {function} RESET search_path"),
    functions("ALTER FUNCTION {function} SET search_path = public, pg_catalog"),
    functions("ALTER FUNCTION {function} OWNER TO CURRENT_USER"),
    functions("ALTER FUNCTION {function} RENAME TO was_{function}"),
    functions(f"REVOKE EXECUTE ON FUNCTION {{function}} FROM {SERVICE}"),
    functions("DROP FUNCTION {function}"),
    *(
        damaged(
            f"the constraints of {table.name} are gone",
            *(f"ALTER TABLE {table.name} DROP CONSTRAINT {constraint.name}" for constraint in table.constraints),
            *(f"DROP INDEX {index.name}" for index in table.indexes),
            found=[
                ("constraint_not_in_place", {"table": table.name, "constraint": str(name)})
                for name in [*(rule.name for rule in table.constraints), *(index.name for index in table.indexes)]
            ],
        )
        for table in JOURNAL
    ),
    damaged(
        "a constraint does not hold for what was there before it",
        "ALTER TABLE entries DROP CONSTRAINT entries_side_check",
        "ALTER TABLE entries ADD CONSTRAINT entries_side_check CHECK (debit >= 0) NOT VALID",
        found=[("constraint_not_in_place", {"table": "entries", "constraint": "entries_side_check"})],
    ),
    damaged(
        "an index was not finished",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'transactions_reversal_key'::regclass",
        found=[("constraint_not_in_place", {"table": "transactions", "constraint": "transactions_reversal_key"})],
    ),
)


@pytest.mark.parametrize(("statements", "found"), GUARD_DAMAGES)
async def test_a_guard_that_is_not_in_place_is_named_and_no_other_is(
    server: Server, healthy: Healthy, statements: tuple[str, ...], found: list[Found]
) -> None:
    async with damaged_database(server, healthy, statements) as database:
        findings = await guards.check_guards(database)
    expected = shown(found, healthy)
    assert sorted(seen(findings, expected), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        damaged(
            "the triggers call another function",
            STANDS_IN,
            *(
                statement
                for table, trigger in TRIGGERS
                for statement in made_again(
                    table,
                    trigger,
                    "EXECUTE FUNCTION public.harmless()",
                    "DELETE OR TRUNCATE" if table == "day_totals" else "UPDATE OR DELETE OR TRUNCATE",
                )
            ),
            found=[("trigger_not_in_place", {"table": table, "trigger": trigger}) for table, trigger in TRIGGERS],
        ),
        damaged(
            "a trigger has a condition that never holds",
            *made_again("entries", "append_only", "WHEN (false) EXECUTE FUNCTION append_only()"),
            found=[("trigger_not_in_place", {"table": "entries", "trigger": "append_only"})],
        ),
        damaged(
            "the accounts' trigger protects another column only",
            *made_again(
                "accounts",
                "append_only",
                "EXECUTE FUNCTION append_only()",
                "UPDATE OF name OR DELETE OR TRUNCATE",
            ),
            found=[("trigger_not_in_place", {"table": "accounts", "trigger": "append_only"})],
        ),
        damaged(
            "the function that keeps the journal append-only does nothing",
            STANDS_IN.replace("CREATE", "CREATE OR REPLACE").replace("harmless", "append_only"),
            found=[("function_not_in_place", {"function": "append_only"})],
        ),
        damaged(
            "the function that looks at the balance does nothing",
            STANDS_IN.replace("CREATE", "CREATE OR REPLACE").replace("harmless", "entries_balance"),
            found=[("function_not_in_place", {"function": "entries_balance"})],
        ),
        damaged(
            "a function that writes the journal does something else",
            "CREATE OR REPLACE FUNCTION public.account_set_status(p_book integer, p_code text, p_status text)"
            " RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
            " AS 'UPDATE public.accounts SET credits = credits + 1000 WHERE book_id = p_book AND code = p_code'",
            found=[("function_not_in_place", {"function": "account_set_status"})],
        ),
        damaged(
            "a view of the log says something else",
            "DROP VIEW log_lines, log_events",
            "CREATE VIEW log_events AS SELECT book_id, event_id AS item, xid, recorded_at, texts FROM events",
            found=[("view_not_in_place", {"view": "log_events"}), ("view_not_in_place", {"view": "log_lines"})],
        ),
        damaged(
            "a constraint of that name demands less",
            "ALTER TABLE accounts DROP CONSTRAINT accounts_floor_check",
            "ALTER TABLE accounts ADD CONSTRAINT accounts_floor_check CHECK (floor IS NULL OR true)",
            found=[("constraint_not_in_place", {"table": "accounts", "constraint": "accounts_floor_check"})],
        ),
        damaged(
            "an index of that name is not unique",
            "DROP INDEX transactions_reversal_key",
            "CREATE INDEX transactions_reversal_key ON transactions (book_id, corrects) WHERE correction = 'reversal'",
            found=[("constraint_not_in_place", {"table": "transactions", "constraint": "transactions_reversal_key"})],
        ),
    ],
)
async def test_a_guard_that_stands_but_guards_nothing_is_named(
    server: Server, healthy: Healthy, statements: tuple[str, ...], found: list[Found]
) -> None:
    async with damaged_database(server, healthy, statements) as database:
        findings = await guards.check_guards(database)
    expected = shown(found, healthy)
    assert sorted(seen(findings, expected), key=str) == sorted(expected, key=str)


async def test_the_owners_role_is_told_that_the_guards_do_not_hold_for_it(server: Server, healthy: Healthy) -> None:
    async with damaged_database(server, healthy, (), OWNER) as database:
        findings = await guards.check_guards(database)
    assert sorted(str(f.facts["table"]) for f in findings if f.check == "privileges_differ") == sorted(
        READ + READ_AND_ADD
    )


def test_every_kind_of_finding_about_the_guards_has_a_damage() -> None:
    kinds = set(re.findall(r'Finding\("(\w+)"', inspect.getsource(guards.check_guards)))
    assert {check for case in GUARD_DAMAGES for check, _ in case.values[1]} == kinds
