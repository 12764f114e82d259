"""`meide check` looks at a damaged copy of a sealed book: whatever is changed, taken out, added, swapped or doubled.

The service's role is refused all of it. The damages here are the superuser's, with every trigger switched off, and in
the same transaction in which the check looks at them: none is committed, so one copy serves for all.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import days
from ledger.access import users
from ledger.access.rights import Grant
from ledger.auditing import checks, inclusion, signer
from ledger.auditing.checks import BOOK_CHECKS
from ledger.auditing.signer import Signer
from ledger.auditing.verifier import tree
from ledger.books import batching, directory, guards
from ledger.books.directory import Book
from ledger.books.integrity import Finding
from ledger.books.proposals import Line, Proposal
from ledger.database import connect, events
from ledger.recognition import ladders
from ledger.recognition.ladder import NATIONAL
from tests.auditing import sealed
from tests.books import test_integrity
from tests.books.ledgers import move, opened
from tests.books.test_integrity import Found, Healthy, damaged, damaged_database, filled, id_of, seen, shown
from tests.conftest import OWNER, SERVICE, Server

NUMBERED: Final = 600
"""Events that are only numbered: with them two blocks of 256 leaves are full."""


@dataclass(frozen=True)
class Sealed:
    """A database with two sealed books, of which one is damaged."""

    healthy: Healthy
    signed: tuple[int, bytes]


@pytest.fixture(scope="module")
async def kept(server: Server, template: str) -> AsyncIterator[Sealed]:
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    places, signed = await sealed_book(database, "damaged")
    other, _ = await sealed_book(database, "healthy")
    await database.dispose()
    yield Sealed(Healthy(name, places, other["book"]), signed)
    server.drop_database(name)


async def sealed_book(database: AsyncEngine, code: str) -> tuple[dict[str, Any], tuple[int, bytes]]:
    """A book with three checkpoints; answers what damages and findings name, and what the signer remembers.

    Before the first: the books. Before the second: what rooms decided, and hundreds of events. Before the third: a
    promise. At last a transaction that is not sealed yet.
    """
    places = await test_integrity.keep_books(database, code)
    async with database.begin() as tx:
        book = await directory.find_book(tx, code)
    await sealed.publish(database, book)
    places |= await decided(database, book)
    await sealed.publish(database, book)
    places["promised"] = await posted(database, book, "promised")
    async with database.begin() as tx:
        await tx.execute(text("SELECT log_promise(:b, :t)"), {"b": book.book_id, "t": places["promised"]})
    last = await sealed.publish(database, book)
    async with database.begin() as tx:
        rows = await tx.execute(text("SELECT item, leaf_index FROM log_leaves WHERE book_id = :b"), {"b": book.book_id})
        leaves = {row.item: row.leaf_index for row in rows}
    places |= {f"leaf.{key}": leaves[item] for key, item in places.items() if item in leaves}
    places |= {"size": last.size, "last": last.size - 1}
    places["young"] = await posted(database, book, "young")
    return places, (last.size, last.root)


async def decided(database: AsyncEngine, book: Book) -> dict[str, UUID]:
    """What rooms have decided, and a number of events."""
    found = {}
    async with database.begin() as tx:
        now = await connect.now(tx)
        who = await users.create(tx, f"auditor of {book.code}", password="Tian-Tian-9")
        await users.give(tx, who.user_id, book.book_id, Grant("auditor", until=days.day_of(now)), "user:1")
        role = await users.give(tx, who.user_id, book.book_id, Grant("recorder"), "user:1")
        await users.end_role(tx, book.book_id, role, "user:1", now)
        drafted = await ladders.draft(tx, book.book_id, NATIONAL, effective_from=date(2026, 1, 1), by="user:1", now=now)
        await ladders.approve(tx, book.book_id, drafted.version, by="user:2", now=now)
        await tx.execute(text("SELECT account_set_status(:b, 'unused', 'frozen')"), {"b": book.book_id})
        for number in range(NUMBERED):
            texts = {"why": f"number {number}"}
            found[f"event.{number}"] = await events.add(
                tx, book.book_id, "numbered", {"number": str(number)}, texts=texts, actor="user:1"
            )
    return found


async def posted(database: AsyncEngine, book: Book, key: str) -> UUID:
    lines = (Line("5120.1", "debit", 1), Line("2100.8", "credit", 1))
    [outcome] = await batching.submit(
        database, book.book_id, [Proposal("till:1", key, key, "test", None, lines, "user:1")]
    )
    return id_of(outcome)


def without_triggers(*statements: str) -> tuple[str, ...]:
    """The statements as the superuser does them for whom no trigger stands in the way."""
    return (*(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in guards.GUARDED), *statements)


async def found_by(server: Server, kept: Sealed, *statements: str) -> list[Finding]:
    done = without_triggers(*(filled(statement, kept.healthy) for statement in statements))
    async with damaged_database(server, kept.healthy, done) as database:
        assert await checks.check(database, kept.healthy.other_book, keys=[sealed.PUBLIC]) == []
        return await checks.check(
            database,
            kept.healthy.places["book"],
            keys=[sealed.OTHER.public_key().public_bytes_raw(), sealed.PUBLIC],
            signed=kept.signed,
        )


async def test_a_sealed_book_has_no_findings(server: Server, kept: Sealed) -> None:
    assert await found_by(server, kept) == []


RICE: Final = "book_id = {book} AND transaction_id = '{rice}'"
LEAF: Final = "book_id = {book} AND leaf_index ="
CHANGED_RICE: Final = (
    checks.DIFFERS,
    {"leaf": "{leaf.rice}", "type": "transaction", "item": "{rice}", "differs": "line"},
)
CHANGED_LUNCH: Final = (
    checks.DIFFERS,
    {"leaf": "{leaf.lunch}", "type": "transaction", "item": "{lunch}", "differs": "line"},
)
CHANGED_NODE: Final = ("node_differs", {"level": 1, "place": 0, "first": 0, "last": 255, "missing": False})
ROOTS: Final = [("root_differs", {"number": number}) for number in (2, 3)]
COPIED: Final = "01950000-0000-7000-8000-000000000001"


def copy(table: str, which: str, **changed: str) -> str:
    """Adds a row like another one, but for these columns."""
    members = ", ".join(f"'{column}', {value}" for column, value in changed.items())
    row = f"(jsonb_populate_record(r, jsonb_build_object({members}))).*"
    return f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT {row} FROM {table} r WHERE {which}"


DAMAGES: Final = (
    # --- transactions
    damaged(
        "a transaction is of another kind",
        f"UPDATE transactions SET kind = 'gift' WHERE {RICE}",
        found=[CHANGED_RICE],
    ),
    damaged(
        "a transaction was approved by somebody",
        f"UPDATE transactions SET approver = 'user:9' WHERE {RICE}",
        found=[CHANGED_RICE],
    ),
    damaged(
        "a transaction's description is another",
        f"UPDATE transactions SET description = 'soap' WHERE {RICE}",
        found=[(checks.DIFFERS, {"item": "{rice}", "differs": "texts"})],
    ),
    damaged(
        "a transaction's description and actor are others",
        f"UPDATE transactions SET description = 'soap', actor = 'user:2' WHERE {RICE}",
        found=[(checks.DIFFERS, {"item": "{rice}", "differs": "line and texts"})],
    ),
    damaged(
        "a transaction is gone with all that belongs to it",
        f"DELETE FROM transactions WHERE {RICE}",
        f"DELETE FROM entries WHERE {RICE}",
        f"DELETE FROM keys WHERE {RICE}",
        found=[("leaf_without_its_row", {"leaf": "{leaf.rice}", "type": "transaction", "item": "{rice}"})],
    ),
    damaged(
        "a transaction has been slipped in among those that are sealed",
        copy("transactions", RICE, transaction_id=f"'{COPIED}'", key="'copy'"),
        found=[("not_in_the_log", {"type": "transaction", "item": COPIED})],
    ),
    damaged(
        "two transactions have changed places",
        f"UPDATE transactions SET transaction_id = '{COPIED}' WHERE {RICE}",
        "UPDATE transactions SET transaction_id = '{rice}' WHERE book_id = {book} AND transaction_id = '{lunch}'",
        f"UPDATE transactions SET transaction_id = '{{lunch}}' WHERE transaction_id = '{COPIED}'",
        found=[
            (checks.DIFFERS, {"item": "{rice}", "differs": "line and texts"}),
            (checks.DIFFERS, {"item": "{lunch}", "differs": "line and texts"}),
        ],
    ),
    damaged(
        "a transaction is there twice, entries and all",
        copy("transactions", RICE, transaction_id=f"'{COPIED}'", key="'copy'"),
        copy("entries", RICE, transaction_id=f"'{COPIED}'", number="r.number + 100"),
        found=[("not_in_the_log", {"type": "transaction", "item": COPIED})],
    ),
    damaged(
        "a transaction is of another kind before it is sealed: then nobody can tell",
        "UPDATE transactions SET kind = 'gift' WHERE book_id = {book} AND transaction_id = '{young}'",
        found=[],
    ),
    # --- entries
    damaged(
        "an amount is larger on both sides, and every figure with it",
        f"UPDATE entries SET debit = debit * 2, credit = credit * 2 WHERE {RICE}",
        found=[CHANGED_RICE],
    ),
    damaged(
        "the balance after an entry is another",
        f"UPDATE entries SET balance_after = balance_after + 1 WHERE {RICE} AND line = 0",
        found=[CHANGED_RICE],
    ),
    damaged("an entry is gone", f"DELETE FROM entries WHERE {RICE} AND line = 1", found=[CHANGED_RICE]),
    damaged(
        "an entry has been added",
        copy("entries", f"{RICE} AND line = 1", line="7", number="77"),
        found=[CHANGED_RICE],
    ),
    damaged(
        "two entries of an account have changed places",
        "UPDATE entries e SET number = -number WHERE book_id = {book} AND account_id = {2300.3} AND number IN (1, 2)",
        "UPDATE entries e SET number = 3 + number WHERE book_id = {book} AND account_id = {2300.3} AND number < 0",
        found=[CHANGED_RICE, CHANGED_LUNCH],
    ),
    damaged(
        "an entry is on another account",
        f"UPDATE entries SET account_id = {{2300.4}}, number = 99 WHERE {RICE} AND line = 1",
        found=[CHANGED_RICE],
    ),
    # --- events
    damaged(
        "an event says something else",
        """UPDATE events SET facts = '{"number":"601"}' WHERE book_id = {book} AND event_id = '{event.7}'""",
        found=[(checks.DIFFERS, {"leaf": "{leaf.event.7}", "type": "event", "item": "{event.7}", "differs": "line"})],
    ),
    damaged(
        "an event's text is another",
        "UPDATE events SET texts = '{}' WHERE book_id = {book} AND event_id = '{event.7}'",
        found=[(checks.DIFFERS, {"item": "{event.7}", "differs": "texts"})],
    ),
    damaged(
        "an event says nothing that can be read",
        "UPDATE events SET facts = '{\"', kind = 'erased' WHERE book_id = {book} AND event_id = '{event.7}'",
        found=[(checks.DIFFERS, {"item": "{event.7}", "differs": "line"})],
    ),
    damaged(
        "an event is gone",
        "DELETE FROM events WHERE book_id = {book} AND event_id = '{event.7}'",
        found=[("leaf_without_its_row", {"leaf": "{leaf.event.7}", "type": "event", "item": "{event.7}"})],
    ),
    damaged(
        "an event has been slipped in among those that are sealed",
        copy("events", "book_id = {book} AND event_id = '{event.7}'", event_id=f"'{COPIED}'"),
        found=[("not_in_the_log", {"type": "event", "item": COPIED})],
    ),
    damaged(
        "two events have changed places",
        f"UPDATE events SET event_id = '{COPIED}' WHERE book_id = {{book}} AND event_id = '{{event.7}}'",
        "UPDATE events SET event_id = '{event.7}' WHERE book_id = {book} AND event_id = '{event.8}'",
        f"UPDATE events SET event_id = '{{event.8}}' WHERE book_id = {{book}} AND event_id = '{COPIED}'",
        found=[(checks.DIFFERS, {"item": f"{{event.{each}}}", "differs": "line and texts"}) for each in (7, 8)],
    ),
    # --- accounts
    damaged(
        "an account may go below its floor",
        "UPDATE accounts SET floor = -1000 WHERE book_id = {book} AND account_id = {unused}",
        found=[
            ("account_differs_from_its_opening", {"account": None}),
            ("account_differs_from_its_opening", {"account": "unused"}),
        ],
    ),
    damaged(
        "an account has another name",
        "UPDATE accounts SET name = 'charity' WHERE book_id = {book} AND account_id = {unused}",
        found=[
            ("account_differs_from_its_opening", {"account": "unused"}),
            ("account_differs_from_its_opening", {"account": None}),
        ],
    ),
    damaged(
        "a frozen account is open",
        "UPDATE accounts SET status = 'open' WHERE book_id = {book} AND account_id = {unused}",
        found=[("account_status_differs", {"account": "unused", "status": "open", "status_of_event": "frozen"})],
    ),
    damaged(
        "an account is gone that was never posted to",
        "DELETE FROM accounts WHERE book_id = {book} AND account_id = {unused}",
        found=[("account_differs_from_its_opening", {"account": None})],
    ),
    damaged(
        "an account has been added",
        copy(
            "accounts",
            "book_id = {book} AND account_id = {unused}",
            account_id="999999",
            code="'added'",
            status="'open'",
        ),
        found=[("account_differs_from_its_opening", {"account": "added", "opened_by": None})],
    ),
    damaged(
        "two accounts have changed places",
        "UPDATE accounts SET code = CASE code WHEN '2300.3' THEN 'x' WHEN '2300.4' THEN '2300.3' END"
        " WHERE book_id = {book} AND code IN ('2300.3', '2300.4') AND code = '2300.3'",
        "UPDATE accounts SET code = '2300.3' WHERE book_id = {book} AND code = '2300.4'",
        "UPDATE accounts SET code = '2300.4' WHERE book_id = {book} AND code = 'x'",
        found=[
            *[
                (checks.DIFFERS, {"item": f"{{{key}}}", "differs": "line"})
                for key in ("rice", "lunch", "shoes", "sweets", "back", "refund", "capture")
            ],
            *[("account_differs_from_its_opening", {"account": each}) for each in ("2300.3", "2300.4", None, None)],
        ],
    ),
    # --- roles, versions, months
    damaged(
        "a role was given that nobody gave",
        "INSERT INTO roles (user_id, book_id, role, given_by) SELECT user_id, book_id, 'owner', given_by FROM roles"
        " WHERE book_id = {book} AND ended_at IS NULL",
        found=[("role_differs_from_its_event", {"granted": False, "ended": False})],
    ),
    damaged(
        "a role that ended goes on",
        "UPDATE roles SET ended_at = NULL, ended_by = NULL WHERE book_id = {book} AND role = 'recorder'",
        found=[("role_differs_from_its_event", {"granted": True, "ended": True})],
    ),
    damaged(
        "the time of an auditor is longer",
        "UPDATE roles SET until = '2040-01-01' WHERE book_id = {book} AND role = 'auditor'",
        found=[("role_differs_from_its_event", {"granted": False, "ended": False})],
    ),
    damaged(
        "the rules of the stars are others than those that were approved",
        "UPDATE ladders SET body = body || '{\"fall\": true}' WHERE book_id = {book}",
        found=[(checks.VERSION, {"of": "ladder", "version": 1})],
    ),
    damaged(
        "rules were approved that nobody approved",
        "INSERT INTO ladders SELECT book_id, 2, effective_from, body, note, drafted_by, drafted_at, decided_by,"
        " decided_at, approved FROM ladders WHERE book_id = {book}",
        found=[(checks.VERSION, {"of": "ladder", "version": 2})],
    ),
    damaged(
        "a month was never closed",
        "DELETE FROM closings WHERE book_id = {book}",
        found=[("closing_differs_from_its_event", {"number": None})],
    ),
    damaged(
        "somebody else closed a month",
        "UPDATE closings SET actor = 'user:9' WHERE book_id = {book}",
        found=[("closing_differs_from_its_event", {"number": 1}), ("closing_differs_from_its_event", {"number": None})],
    ),
    # --- leaves
    damaged(
        "a leaf has another hash",
        f"UPDATE log_leaves SET hash = sha256('x') WHERE {LEAF} {{leaf.rice}}",
        found=[CHANGED_RICE, ("root_differs", {"number": 1}), *ROOTS, CHANGED_NODE],
    ),
    damaged(
        "a leaf has another commitment",
        f"UPDATE log_leaves SET commitment = sha256('x') WHERE {LEAF} {{leaf.rice}}",
        found=[(checks.DIFFERS, {"item": "{rice}", "differs": "line and texts"})],
    ),
    damaged(
        "a leaf has another salt",
        f"UPDATE log_leaves SET salt = '\\x00' WHERE {LEAF} {{leaf.rice}}",
        found=[(checks.DIFFERS, {"item": "{rice}", "differs": "texts"})],
    ),
    damaged(
        "a leaf's salt was destroyed though nobody was erased",
        f"UPDATE log_leaves SET salt = NULL WHERE {LEAF} {{leaf.rice}}",
        found=[("salt_missing", {"leaf": "{leaf.rice}", "type": "transaction", "item": "{rice}"})],
    ),
    damaged(
        "an event's salt was destroyed",
        f"UPDATE log_leaves SET salt = NULL WHERE {LEAF} {{leaf.event.7}}",
        found=[("salt_missing", {"leaf": "{leaf.event.7}", "type": "event", "item": "{event.7}"})],
    ),
    damaged(
        "a leaf is gone",
        f"DELETE FROM log_leaves WHERE {LEAF} {{leaf.event.7}}",
        found=[
            ("leaves_have_gaps", {"next": "{leaf.event.8}"}),
            ("not_in_the_log", {"type": "event", "item": "{event.7}"}),
        ],
    ),
    damaged(
        "a transaction's leaf is gone",
        f"DELETE FROM log_leaves WHERE {LEAF} {{leaf.rice}}",
        found=[
            ("leaves_have_gaps", {"next": "{leaf.lunch}"}),
            ("vouchers_have_gaps", {"leaf": "{leaf.lunch}", "transaction": "{lunch}", "after": 1, "next": 3}),
            ("not_in_the_log", {"type": "transaction", "item": "{rice}"}),
        ],
    ),
    damaged(
        "the last leaf is gone",
        f"DELETE FROM log_leaves WHERE {LEAF} {{last}}",
        found=[
            ("log_size_differs", {"size": "{size}", "leaves": "{last}"}),
            ("not_in_the_log", {"type": "transaction", "item": "{promised}"}),
            ("checkpoint_beyond_the_log", {"number": 3, "size": "{size}"}),
        ],
    ),
    damaged(
        "a leaf of nothing has been added",
        copy(
            "log_leaves",
            f"{LEAF} {{last}}",
            leaf_index="{size}",
            item=f"'{COPIED}'",
            type="'event'",
            voucher_year="NULL",
            voucher_number="NULL",
        ),
        found=[
            ("leaf_without_its_row", {"leaf": "{size}", "type": "event", "item": COPIED}),
            ("log_size_differs", {"size": "{size}"}),
        ],
    ),
    damaged(
        "a leaf is there twice",
        "ALTER TABLE log_leaves DROP CONSTRAINT log_leaves_book_id_item_key",
        copy("log_leaves", f"{LEAF} {{leaf.event.7}}", leaf_index="{size}"),
        found=[
            ("sealed_twice", {"item": "{event.7}", "times": 2, "first": "{leaf.event.7}", "last": "{size}"}),
            ("log_size_differs", {"size": "{size}"}),
        ],
    ),
    damaged(
        "two leaves have changed places",
        f"UPDATE log_leaves SET leaf_index = -1 WHERE {LEAF} {{leaf.event.7}}",
        f"UPDATE log_leaves SET leaf_index = {{leaf.event.7}} WHERE {LEAF} {{leaf.event.8}}",
        f"UPDATE log_leaves SET leaf_index = {{leaf.event.8}} WHERE {LEAF} -1",
        found=[CHANGED_NODE, *ROOTS],
    ),
    damaged(
        "two transactions have each other's leaves",
        f"UPDATE log_leaves SET item = '{COPIED}' WHERE {LEAF} {{leaf.rice}}",
        f"UPDATE log_leaves SET item = '{{rice}}' WHERE {LEAF} {{leaf.lunch}}",
        f"UPDATE log_leaves SET item = '{{lunch}}' WHERE {LEAF} {{leaf.rice}}",
        found=[(checks.DIFFERS, {"item": f"{{{each}}}", "differs": "line and texts"}) for each in ("lunch", "rice")],
    ),
    damaged(
        "two vouchers have changed their numbers",
        f"UPDATE log_leaves SET voucher_number = -voucher_number WHERE {LEAF} {{leaf.rice}}",
        f"UPDATE log_leaves SET voucher_number = -voucher_number WHERE {LEAF} {{leaf.lunch}}",
        f"UPDATE log_leaves l SET voucher_number = (SELECT -o.voucher_number FROM log_leaves o WHERE {LEAF}"
        " {leaf.rice} + {leaf.lunch} - l.leaf_index) WHERE book_id = {book} AND voucher_number < 0",
        found=[
            CHANGED_RICE,
            CHANGED_LUNCH,
            ("vouchers_have_gaps", {"leaf": "{leaf.rice}", "after": 1, "next": 3}),
            ("vouchers_have_gaps", {"leaf": "{leaf.lunch}", "after": 3, "next": 2}),
            ("vouchers_have_gaps", {"leaf": "{leaf.act}", "after": 2, "next": 4}),
        ],
    ),
    # --- nodes
    damaged(
        "a node has another hash",
        "UPDATE log_nodes SET hash = sha256('x') WHERE book_id = {book} AND place = 0",
        found=[CHANGED_NODE],
    ),
    damaged(
        "a node is gone",
        "DELETE FROM log_nodes WHERE book_id = {book} AND place = 1",
        found=[("node_differs", {"level": 1, "place": 1, "first": 256, "last": 511, "missing": True})],
    ),
    damaged(
        "a node has been added, over leaves that are not there",
        copy("log_nodes", "book_id = {book} AND place = 1", place="2"),
        found=[("node_without_leaves", {"level": 1, "place": 2})],
    ),
    damaged(
        "a node stands on another level too",
        copy("log_nodes", "book_id = {book} AND place = 1", level="2"),
        found=[("node_without_leaves", {"level": 2, "place": 1})],
    ),
    damaged(
        "two nodes have changed places",
        "UPDATE log_nodes SET place = place - 10 WHERE book_id = {book}",
        "UPDATE log_nodes SET place = - 9 - place WHERE book_id = {book}",
        found=[("node_differs", {"level": 1, "place": place, "missing": False}) for place in (0, 1)],
    ),
    # --- checkpoints
    damaged(
        "a checkpoint has another size",
        "UPDATE log_checkpoints SET size = size - 1 WHERE book_id = {book} AND number = 2",
        found=[
            ("checkpoint_differs_from_its_note", {"number": 2}),
            ("root_differs", {"number": 2}),
        ],
    ),
    damaged(
        "a checkpoint has another root",
        "UPDATE log_checkpoints SET root = sha256('x') WHERE book_id = {book} AND number = 2",
        found=[
            ("checkpoint_differs_from_its_note", {"number": 2}),
            ("root_differs", {"number": 2}),
        ],
    ),
    damaged(
        "a checkpoint's note is another's",
        "UPDATE log_checkpoints SET note = (SELECT note FROM log_checkpoints WHERE book_id = {other} AND number = 2)"
        " WHERE book_id = {book} AND number = 2",
        found=[("checkpoint_differs_from_its_note", {"number": 2, "origin": "ledger.test/healthy"})],
    ),
    damaged(
        "a checkpoint's note is none",
        "UPDATE log_checkpoints SET note = 'signed' WHERE book_id = {book} AND number = 2",
        found=[("checkpoint_differs_from_its_note", {"number": 2})],
    ),
    damaged(
        "a checkpoint's signature is broken",
        "UPDATE log_checkpoints SET note = left(note, -9) || 'AAAAAAA=' || chr(10)"
        " WHERE book_id = {book} AND number = 2",
        found=[("checkpoint_not_signed", {"number": 2})],
    ),
    damaged(
        "a checkpoint is gone",
        "DELETE FROM log_checkpoints WHERE book_id = {book} AND number = 2",
        found=[("checkpoints_have_gaps", {"after": 1, "next": 3})],
    ),
    damaged(
        "the last checkpoint is gone, which the signer remembers",
        "DELETE FROM log_checkpoints WHERE book_id = {book} AND number = 3",
        found=[("checkpoint_missing", {"size": "{size}"})],
    ),
    damaged(
        "all checkpoints are gone",
        "DELETE FROM log_checkpoints WHERE book_id = {book}",
        found=[("checkpoint_missing", {"size": "{size}", "newest": None})],
    ),
    damaged(
        "a checkpoint has been added that nobody signed",
        "UPDATE log_checkpoints SET number = 4 WHERE book_id = {book} AND number = 3",
        copy("log_checkpoints", "book_id = {book} AND number = 2", number="3", size="r.size + 1", note="'none'"),
        found=[
            ("checkpoint_differs_from_its_note", {"number": 3}),
            ("root_differs", {"number": 3}),
        ],
    ),
    damaged(
        "two checkpoints have changed places",
        "UPDATE log_checkpoints SET number = number - 10 WHERE book_id = {book} AND number < 3",
        "UPDATE log_checkpoints SET number = -7 - number WHERE book_id = {book} AND number < 0",
        found=[("checkpoint_smaller_than_before", {"number": 2})],
    ),
    damaged(
        "a checkpoint is there twice",
        copy("log_checkpoints", "book_id = {book} AND number = 3", number="4"),
        found=[("checkpoint_twice", {"number": 4, "size": "{size}"})],
    ),
    # --- promises and the state
    damaged(
        "another commitment was promised",
        "UPDATE log_promises SET commitment = sha256('x') WHERE book_id = {book}",
        found=[("promise_not_kept", {"transaction": "{promised}", "leaf": "{leaf.promised}"})],
    ),
    damaged(
        "the sealer is told that it has sealed what it has not",
        "UPDATE log_states SET xid = '9000000000' WHERE book_id = {book}",
        found=[("not_in_the_log", {"type": "transaction", "item": "{young}"})],
    ),
    damaged(
        "the sealer is told of more leaves than there are",
        "UPDATE log_states SET size = size + 1 WHERE book_id = {book}",
        found=[("log_size_differs", {"leaves": "{size}"})],
    ),
    damaged(
        "the whole log is gone, to be sealed anew",
        *(f"DELETE FROM {table} WHERE book_id = {{book}}" for table in guards.LOG if table.startswith("log_")),
        found=[("checkpoint_missing", {"size": "{size}", "newest": None})],
    ),
    damaged(
        "the sealer's state is gone",
        "DELETE FROM log_states WHERE book_id = {book}",
        found=[("log_size_differs", {"size": None, "leaves": "{size}"})],
    ),
)


@pytest.mark.parametrize(("statements", "found"), DAMAGES)
async def test_a_damage_is_named_with_its_place_and_nothing_else_is(
    server: Server, kept: Sealed, statements: tuple[str, ...], found: list[Found]
) -> None:
    findings = await found_by(server, kept, *statements)
    expected = shown(found, kept.healthy)
    assert sorted(seen(findings, expected), key=str) == sorted(expected, key=str)


# --- what one database cannot know of itself -------------------------------------------------------------------------

REHASH: Final = (
    "UPDATE log_leaves l SET hash = (SELECT sha256('\\x00'::bytea || convert_to(n.line, 'UTF8')) FROM log_lines n"
    " WHERE n.book_id = l.book_id AND n.leaf_index = l.leaf_index) WHERE l.book_id = {book}"
)
RENODE: Final = "UPDATE log_nodes SET hash = '{node}' WHERE book_id = {book} AND level = 1 AND place = 0"


async def test_rows_leaves_and_nodes_that_were_changed_alike_are_named_by_every_checkpoint_since(
    server: Server, kept: Sealed
) -> None:
    changed = f"UPDATE transactions SET actor = 'user:9' WHERE {RICE}"
    done = without_triggers(*(filled(each, kept.healthy) for each in (changed, REHASH)))
    async with damaged_database(server, kept.healthy, done) as database, database.connect() as tx:
        rows = await tx.execute(
            text("SELECT hash FROM log_leaves WHERE book_id = :b ORDER BY leaf_index"),
            {"b": kept.healthy.places["book"]},
        )
        node = tree.root_of(list(rows.scalars())[:256])
    findings = await found_by(server, kept, changed, REHASH, RENODE.replace("{node}", f"\\x{node.hex()}"))
    assert [(each.check, each.facts["number"]) for each in findings] == [
        ("root_differs", number) for number in (1, 2, 3)
    ]


async def test_a_log_that_was_built_anew_is_named_by_what_its_signer_remembers(server: Server, kept: Sealed) -> None:
    signed_then = (kept.signed[0], bytes(32))
    async with damaged_database(server, kept.healthy, ()) as database:
        [found] = await checks.check(database, kept.healthy.places["book"], keys=[sealed.PUBLIC], signed=signed_then)
    assert (found.check, found.facts["size"]) == ("signed_another_root", kept.signed[0])


async def test_a_checkpoint_that_another_key_signed_is_named(server: Server, kept: Sealed) -> None:
    async with damaged_database(server, kept.healthy, ()) as database:
        other = [sealed.OTHER.public_key().public_bytes_raw()]
        findings = await checks.check(database, kept.healthy.places["book"], keys=other)
    assert [(each.check, each.facts["number"]) for each in findings] == [
        ("checkpoint_not_signed", n) for n in (1, 2, 3)
    ]


async def test_a_node_over_65536_leaves_is_compared_too(server: Server, template: str) -> None:
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    async with database.begin() as tx:
        book = await directory.create_book(tx, "large", "大账本")
        await tx.execute(
            text(
                "INSERT INTO events (book_id, event_id, kind, actor, facts, texts, recorded_at)"
                " SELECT :b, gen_random_uuid(), 'numbered', 'user:1', '{}', '{}', now() FROM generate_series(1, 65600)"
            ),
            {"b": book.book_id},
        )
    await sealed.publish(database, book)
    assert await checks.check(database, book.book_id, keys=[sealed.PUBLIC]) == []
    await database.dispose()
    server.execute(
        "ALTER TABLE log_nodes DISABLE TRIGGER ALL",
        "UPDATE log_nodes SET hash = sha256('x') WHERE level = 2",
        database=name,
    )
    [found] = await checks.check(database, book.book_id)
    await database.dispose()
    server.drop_database(name)
    assert (found.check, found.facts["level"], found.facts["last"]) == ("node_differs", 2, 65535)


# --- who is refused --------------------------------------------------------------------------------------------------

ADDED_TO: Final = ("events", "log_checkpoints", "log_looks")
DOINGS: Final = {
    "change": "UPDATE {table} SET book_id = book_id",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "insert": "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}",
}


@pytest.mark.parametrize(
    ("doing", "table"),
    [
        (doing, table)
        for doing in DOINGS
        for table in (*guards.LOG, "transactions", "entries", "accounts")
        if doing != "insert" or table not in ADDED_TO  # what it adds there is sealed, or must be signed
    ],
)
async def test_the_services_role_changes_deletes_and_empties_nothing_of_the_log(
    server: Server, kept: Sealed, doing: str, table: str
) -> None:
    with (
        psycopg.connect(server.url(SERVICE, kept.healthy.name)) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute(DOINGS[doing].format(table=table).encode())


@pytest.mark.parametrize(
    "table", [*(table for table in guards.LOG if table != "log_states"), "transactions", "entries"]
)
@pytest.mark.parametrize("doing", ["change", "delete", "truncate"])
async def test_not_even_the_owner_changes_what_is_sealed(server: Server, kept: Sealed, doing: str, table: str) -> None:
    with (
        psycopg.connect(server.url(OWNER, kept.healthy.name)) as owner,
        pytest.raises(psycopg.DatabaseError, match="the journal is only added to"),
    ):
        owner.execute(DOINGS[doing].format(table=table).encode())


def test_every_check_of_the_log_has_a_damage() -> None:
    named = {check for case in DAMAGES for check, _ in case.values[1]} | {"signed_another_root"}
    told = set(re.findall(r'_tell\("(\w+)"', inspect.getsource(checks)))
    assert named == {*BOOK_CHECKS, *told, checks.DIFFERS, checks.VERSION}


async def test_what_the_signer_knows_is_asked_where_there_is_one(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    by = Signer("ledger.test", (bytes(range(32)),), tmp_path)
    other = Signer("ledger.test", (bytes(range(1, 33)),), tmp_path / "other")
    assert await checks.check_signed(database, book.book_id, by) == []
    await opened(database, book, "2100.a", "5100")
    await move(database, book, "5100 25 PT", "2100.a 25 PT")
    published = await sealed.publish(database, book)
    assert await checks.check_signed(database, book.book_id, by) == []
    [found] = await checks.check_signed(database, book.book_id, other)
    assert (found.check, found.facts["number"]) == ("checkpoint_not_signed", 1)
    await move(database, book, "5100 1 PT", "2100.a 1 PT")
    size = await sealed.seal(database, book)
    async with database.connect() as tx:
        root = await inclusion.root(tx, book.book_id, size)
        proof = await inclusion.consistency(tx, book.book_id, published.size, size)
    # It was signed, and nothing of it came into the database.
    signer.sign(by, book.code, size, root, proof, published.note)
    [found] = await checks.check_signed(database, book.book_id, by)
    assert (found.check, found.facts) == ("checkpoint_missing", {"size": size, "newest": published.size})
