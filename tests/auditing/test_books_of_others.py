"""Whole books as other programs read them, and back: what is exported and imported again is the same book."""

from __future__ import annotations

import csv
import dataclasses
import io
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import demo, hours_files, keys, sealing
from api.journal_files import import_journal
from ledger.auditing import package
from ledger.auditing.verifier import plaintext
from ledger.books import balances, directory, integrity
from ledger.books.balances import Balance
from ledger.books.chart import DEBIT_NORMAL
from ledger.books.directory import Book
from ledger.database import connect
from tests.api.conftest import SETTINGS
from tests.auditing import other_programs
from tests.auditing.test_plaintext import Account
from tests.conftest import SERVICE, Server, new_book

DATA = Path(__file__).parent.parent / "data"
ACCOUNTS, JOURNAL = "journal/accounts.csv", "journal/journal.csv"
HLEDGER, BEANCOUNT = "hledger/book.journal", "beancount/book.beancount"
BOOKS = [f"sie/{path.name}" for path in sorted((DATA / "sie").iterdir()) if path.is_dir()] + ["hours", "demo"]


@dataclass(frozen=True)
class Packaged:
    """A book, the folder of its package, and the accounts that the package has."""

    database: AsyncEngine
    book: Book
    folder: Path
    accounts: list[Account]


async def exported(database: AsyncEngine, book: Book, folder: Path) -> Packaged:
    """Seals, signs and writes the package of a book."""
    settings = dataclasses.replace(SETTINGS, log_state=folder.with_suffix(".state"))
    published = await sealing.now(database, settings, book.book_id)
    assert published is not None
    writing = package.write(
        database,
        book,
        folder,
        origin=f"{sealing.name_of(settings)}/{book.code}",
        vkey="",
        actor="room:cli",
        software="test",
    )
    paths = [file.path async for file in writing]
    assert {ACCOUNTS, JOURNAL, HLEDGER, BEANCOUNT} < set(paths)
    with (folder / ACCOUNTS).open(encoding="utf-8", newline="") as file:
        accounts = [
            Account(row["code"], row["name"], row["class"], row["unit"], int(row["floor"]) if row["floor"] else None)
            for row in csv.DictReader(file)
        ]
    return Packaged(database, book, folder, accounts)


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
    folder.mkdir()  # where the sample district keeps its logins
    engine = connect.to(server.url(SERVICE, place))
    try:
        database, book = await made(engine, server.url(SERVICE, place), request.param, folder)
        yield await exported(database, book, folder / "package")
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
    names = plaintext.hledger_names(packaged.accounts)
    assert program(packaged.folder / HLEDGER) == {
        names[each.account]: (debit_positive(each), each.unit)
        for each in await meide_balances(packaged.database, packaged.book)
        if each.balance
    }


async def test_beancount_accepts_a_package_and_comes_to_the_balances_of_meide(packaged: Packaged) -> None:
    names = plaintext.beancount_names(packaged.accounts)
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
    assert (report.posted, report.refused) == (len(transactions_of(packaged.folder)), [])
    assert report.accounts_opened == len(packaged.accounts)
    assert await meide_balances(database, copy) == await meide_balances(database, original)
    assert await integrity.check(database, copy.book_id) == []

    again = await exported(database, copy, folders / secrets.token_hex(4))
    assert (again.folder / ACCOUNTS).read_bytes() == files[0].read_bytes()
    assert transactions_of(again.folder) == transactions_of(packaged.folder)


def transactions_of(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """The rows of each key of a journal, in the order of the lines: dates, kinds, descriptions, accounts, amounts."""
    with (folder / JOURNAL).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) + "\n" == plaintext.JOURNAL_HEADER
    found: dict[str, list[tuple[str, ...]]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(tuple(rest))
    return found
