"""Whole books as other programs read them, and back: what is exported and imported again is the same book."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import demo, hours_files, keys
from api.journal_files import import_journal
from ledger.auditing import log
from ledger.auditing.tables import log_lines
from ledger.auditing.verifier import plaintext
from ledger.auditing.verifier.fold import Fold
from ledger.books import balances, directory, integrity
from ledger.books.balances import Balance
from ledger.books.chart import DEBIT_NORMAL
from ledger.books.directory import Book
from ledger.database import connect
from tests.api.conftest import SETTINGS
from tests.auditing import other_programs
from tests.conftest import SERVICE, Server, new_book

DATA = Path(__file__).parent.parent / "data"
ACCOUNTS, JOURNAL = "journal/accounts.csv", "journal/journal.csv"
HLEDGER, BEANCOUNT = "hledger/book.journal", "beancount/book.beancount"
BOOKS = [f"sie/{path.name}" for path in sorted((DATA / "sie").iterdir()) if path.is_dir()] + ["hours", "demo"]


@dataclass(frozen=True)
class Packaged:
    """A book, the folder of its package, and what its log adds up to."""

    database: AsyncEngine
    book: Book
    folder: Path
    fold: Fold


EVERYTHING = text("""
    SELECT (SELECT count(*) FROM transactions WHERE book_id = :book) + (SELECT count(*) FROM events WHERE book_id = :book)
""")


async def sealed(database: AsyncEngine, book: Book) -> None:
    """Waits until all of a book is sealed: what others write on the server, in any database, holds the sealer back."""
    async with database.connect() as tx:
        everything = (await tx.execute(EVERYTHING, {"book": book.book_id})).scalar_one()
    async with asyncio.timeout(60):
        while await log.seal_all(database, book.book_id) < everything:
            await asyncio.sleep(0.02)  # others' transactions end without telling us


async def exported(database: AsyncEngine, book: Book, folder: Path) -> Packaged:
    """Writes what a package says of a book in other programs' words."""
    await sealed(database, book)
    c = log_lines.c
    async with database.connect() as tx:
        rows = await tx.execute(
            select(c.line, c.texts).where(c.book_id == book.book_id).order_by(c.book_id, c.leaf_index)
        )
        leaves = [(json.loads(row.line), json.loads(row.texts)) for row in rows]
    fold = Fold()
    for index, (line, texts) in enumerate(leaves):
        fold.add(index, line, texts)
    scope = plaintext.scope_of(fold)
    in_hledger, in_beancount = plaintext.hledger_names(scope.accounts), plaintext.beancount_names(scope.accounts)
    entries = [each for each in leaves if each[0]["type"] == "transaction"]
    files: dict[str, list[Iterable[str]]] = {
        ACCOUNTS: [plaintext.accounts_csv(scope.accounts)],
        JOURNAL: [[plaintext.JOURNAL_HEADER], (plaintext.journal_rows(*each) for each in entries)],
        HLEDGER: [
            plaintext.hledger_head(scope),
            (plaintext.hledger_entry(*each, in_hledger) for each in entries),
            plaintext.hledger_tail(scope),
        ],
        BEANCOUNT: [
            plaintext.beancount_head(scope),
            (plaintext.beancount_entry(*each, in_beancount) for each in entries),
            plaintext.beancount_tail(scope),
        ],
    }
    for path, parts in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("".join(itertools.chain.from_iterable(parts)), encoding="utf-8", newline="")
    return Packaged(database, book, folder, fold)


@pytest.fixture(scope="module")
def place(server: Server, template: str) -> Iterator[str]:
    """A database of the module's own, migrated and empty: units belong to all books of a database."""
    name = server.new_database(template)
    yield name
    server.drop_database(name)


@pytest.fixture(scope="module", params=BOOKS)
async def packaged(
    request: pytest.FixtureRequest, server: Server, place: str, folders: Path
) -> AsyncIterator[Packaged]:
    """Each of the books: those of accounting programs, a year of hours, the sample district."""
    folder = folders / secrets.token_hex(4)
    folder.mkdir()
    engine = connect.to(server.url(SERVICE, place))
    try:
        database, book = await made(engine, server.url(SERVICE, place), request.param, folder)
        yield await exported(database, book, folder)
    finally:
        await engine.dispose()


async def made(engine: AsyncEngine, url: str, name: str, folder: Path) -> tuple[AsyncEngine, Book]:
    if name == "demo":
        await demo.fill(url, folder, keys.personal(SETTINGS), lambda _: None)
        async with engine.connect() as tx:
            return engine, await directory.find_book(tx, demo.BOOK)
    book = await new_book(engine)
    if name == "hours":
        shift = datetime(2026, 11, 21, 12, 0, tzinfo=UTC) - datetime.now(UTC)
        engine = engine.execution_options(clock=lambda time: time + shift)
        organisations = io.BytesIO((DATA / "hours" / "organisations.csv").read_bytes())
        await hours_files.import_organisations(engine, book.book_id, organisations, "organisations.csv")
        first = (DATA / "hours" / "service-hours-2026.csv").read_bytes().splitlines(keepends=True)[:1001]
        report = await hours_files.import_sheet(
            *(engine, book.book_id, io.BytesIO(b"".join(first)), "sheet.csv"),
            by="room:cli",
            as_of=date(2026, 11, 21),
            reviewed=True,
            told=lambda _: None,
        )
        assert report.accepted == 997
        return engine, book
    async with engine.begin() as tx:
        if "SEK" not in await directory.unit_codes(tx):
            await directory.create_unit(tx, "SEK", "svenska kronor", 2)
    files = DATA / name / "accounts.csv", DATA / name / "journal.csv"
    assert (await import_journal(engine, book.book_id, *files)).refused == []
    return engine, book


async def meide_balances(database: AsyncEngine, book: Book) -> list[Balance]:
    """What `meide balances` prints."""
    async with database.connect() as tx:
        return await balances.trial_balance(tx, book.book_id)


def debit_positive(each: Balance) -> int:
    return each.balance if each.account_class in DEBIT_NORMAL else -each.balance


# --- other programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [other_programs.hledger, other_programs.ledger], ids=["hledger", "ledger"])
async def test_hledger_and_ledger_accept_a_package_and_come_to_the_balances_of_meide(
    packaged: Packaged, program: other_programs.Program
) -> None:
    names = plaintext.hledger_names(packaged.fold.accounts.values())
    assert program(packaged.folder / HLEDGER) == {
        names[each.account]: (debit_positive(each), each.unit)
        for each in await meide_balances(packaged.database, packaged.book)
        if each.balance
    }


async def test_beancount_accepts_a_package_and_comes_to_the_balances_of_meide(packaged: Packaged) -> None:
    names = plaintext.beancount_names(packaged.fold.accounts.values())
    assert other_programs.beancount(packaged.folder / BEANCOUNT) == {
        names[each.account]: (debit_positive(each), each.unit)
        for each in await meide_balances(packaged.database, packaged.book)
        if each.balance
    }


# --- and back --------------------------------------------------------------------------------------------------------


async def test_what_is_exported_and_imported_into_an_empty_book_is_the_same_when_exported_again(
    packaged: Packaged, folders: Path
) -> None:
    database, original = packaged.database, packaged.book
    async with database.begin() as tx:
        copy = await directory.create_book(tx, f"B{secrets.token_hex(4)}", "副本", original.first_day)
    files = packaged.folder / ACCOUNTS, packaged.folder / JOURNAL

    report = await import_journal(database, copy.book_id, *files)
    assert (report.posted, report.refused) == (packaged.fold.transactions, [])
    assert report.accounts_opened == len(packaged.fold.accounts)
    assert await meide_balances(database, copy) == await meide_balances(database, original)
    assert await integrity.check(database, copy.book_id) == []

    folder = folders / secrets.token_hex(4)
    folder.mkdir()
    again = await exported(database, copy, folder)
    assert (folder / ACCOUNTS).read_bytes() == files[0].read_bytes()
    assert transactions_of(folder) == transactions_of(packaged.folder)
    assert again.fold.totals == packaged.fold.totals


def transactions_of(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """The rows of each key of a journal, in the order of the lines: dates, kinds, descriptions, accounts, amounts."""
    with (folder / JOURNAL).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) + "\n" == plaintext.JOURNAL_HEADER
    found: dict[str, list[tuple[str, ...]]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(tuple(rest))
    return found
