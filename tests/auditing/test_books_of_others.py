"""Whole books as other programs read them, and back: what is exported and imported again is the same book."""

from __future__ import annotations

import csv
import dataclasses
import io
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import demo, hours_files, keys, packages, sealing
from api.journal_files import import_journal
from ledger.auditing import log
from ledger.auditing.verifier import plaintext
from ledger.books import balances, chart, directory, holds, integrity, periods
from ledger.books.balances import Balance
from ledger.books.chart import DEBIT_NORMAL
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import checks as earning_checks
from ledger.recognition import checks as recognition_checks
from ledger.spending import checks as spending_checks
from tests.api.conftest import SETTINGS
from tests.auditing import other_programs
from tests.auditing.test_plaintext import Account
from tests.books.ledgers import NOON, move, opened, proposal, reverse, submit, transaction_of
from tests.conftest import SERVICE, Server, new_book

DATA = Path(__file__).parent.parent / "data"
ACCOUNTS, JOURNAL = "journal/accounts.csv", "journal/journal.csv"
HLEDGER, BEANCOUNT = "hledger/book.journal", "beancount/book.beancount"
BOOKS = [f"sie/{path.name}" for path in sorted((DATA / "sie").iterdir()) if path.is_dir()] + ["hours", "odd", "demo"]


@dataclass(frozen=True)
class Packaged:
    """A book, the folder of its package, and the accounts that the package has."""

    database: AsyncEngine
    book: Book
    folder: Path
    accounts: list[Account]


async def exported(database: AsyncEngine, book: Book, folder: Path, **limits: date) -> Packaged:
    """Seals, signs and writes the package of a book."""
    settings = dataclasses.replace(SETTINGS, log_state=folder.with_suffix(".state"))
    writing = packages.write(database, settings, book, folder, actor="room:cli", **limits)
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
    """Each of the books: those of accounting programs, a year of hours, an odd one, the sample district."""
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
    if name == "odd":
        await odd(engine, book)
        return engine, book
    async with engine.begin() as tx:
        if "SEK" not in await directory.unit_codes(tx):
            await directory.create_unit(tx, "SEK", "svenska kronor", 2)
    files = DATA / name / "accounts.csv", DATA / name / "journal.csv"
    assert (await import_journal(engine, book.book_id, *files)).refused == []
    return engine, book


async def odd(database: AsyncEngine, book: Book) -> None:
    """Every client, keys as odd as they come, kinds of rooms, holds, reversals, closed months and accounts, floors."""
    async with database.begin() as tx:
        await directory.create_unit(tx, "cny_2.b-", "分", 2)
    await opened(database, book, "5100", "2100.a", "2120.a", "2300.x", "9110.37", "9200.a", "unused asset PT")
    await opened(
        database,
        book,
        *(f"{code} asset cny_2.b- {-(10**15)}" for code in ("1-a", "1.a", "1_a", "1.A", "1..a", "a", "A.", "Memo")),
    )
    clients = ("import", "user:7", "till:T-1", "token:a.b_c", "room:earning")
    odd_keys = ("k", "a/b", "import/x", " k ", 'q"q', "a,b", "键；;", "id/0", "=1", "user:7", "/", "'")
    for client in clients:
        for key in odd_keys:
            said = proposal(key, debit="5100 5", credit="2100.a 5", client=client, kind="earn.hours", description=key)
            transaction_of((await submit(database, book, said))[0])
    most = 10**15
    await move(database, book, f"1.a {most}; 1.a {most}; 1-a {most}", f"1_a {most}; a {most}; Memo {most}")
    await move(database, book, f"A. {most}; 9110.37 60 HR; 5100 1", f"1..a {most}; 9200.a 60 HR; 2100.a 1")
    backdated = await move(
        database, book, "1.A 1; 1.A 2", "1.a 3", effective_at=NOON - timedelta(days=400), kind="opening"
    )
    transaction_of((await submit(database, book, await reverse(database, book, backdated, reason="错")))[0])
    as_user = {"client": "user:7", "actor": "user:7"}
    placed = {"account": "2100.a", "amount": 9, "expires_in": timedelta(days=7)} | as_user
    for key in ("captured", "voided", "open"):
        held = transaction_of(await holds.place(database, book.book_id, **placed, key=key, call=key))
        ended = {"key": f"{key}/2", "call": key} | as_user
        if key == "captured":
            done = await holds.capture(database, book.book_id, held.transaction_id, to="2300.x", amount=4, **ended)
            transaction_of(done)
        elif key == "voided":
            transaction_of(await holds.void(database, book.book_id, held.transaction_id, **ended))
    async with database.begin() as tx:
        await periods.close(tx, book.book_id, "2025-03", actor="user:1")
        await chart.set_status(tx, book.book_id, "unused", "closed")
        await chart.set_status(tx, book.book_id, "2300.x", "frozen")


async def meide_balances(database: AsyncEngine, book: Book) -> list[Balance]:
    """What `meide balances` prints."""
    async with database.connect() as tx:
        return await balances.trial_balance(tx, book.book_id)


def debit_positive(each: Balance) -> int:
    return each.balance if each.account_class in DEBIT_NORMAL else -each.balance


def verified(folder: Path) -> None:
    """The package's own script finds nothing."""
    assert "consistent" in other_programs.run(sys.executable, folder / "verify", folder)


# --- other programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [other_programs.hledger, other_programs.ledger], ids=["hledger", "ledger"])
async def test_hledger_and_ledger_accept_a_package_and_come_to_the_balances_of_meide(
    packaged: Packaged, program: other_programs.Program
) -> None:
    names = plaintext.hledger_names(packaged.accounts)
    assert program(packaged.folder / HLEDGER) == {
        names[each.account]: (debit_positive(each), plaintext.hledger_unit(each.unit).strip('"'))
        for each in await meide_balances(packaged.database, packaged.book)
        if each.balance
    }


async def test_beancount_accepts_a_package_and_comes_to_the_balances_of_meide(packaged: Packaged) -> None:
    names = plaintext.beancount_names(packaged.accounts)
    assert other_programs.beancount(packaged.folder / BEANCOUNT) == {
        names[each.account]: (debit_positive(each), plaintext.beancount_unit(each.unit))
        for each in await meide_balances(packaged.database, packaged.book)
        if each.balance
    }


async def test_a_package_of_some_days_ends_in_the_balances_of_its_last_day(packaged: Packaged, folders: Path) -> None:
    database, book = packaged.database, packaged.book
    found = sorted({rows[0][0] for rows in transactions_of(packaged.folder).values()})
    first, last = (date.fromisoformat(found[len(found) * part // 3]) for part in (1, 2))
    limited = await exported(database, book, folders / secrets.token_hex(4), from_=first, to=last)
    verified(limited.folder)
    rows = transactions_of(limited.folder)
    assert {each[0][0] for each in rows.values()} == {day for day in found if str(first) <= day <= str(last)}
    async with database.connect() as tx:
        then = await balances.trial_balance(tx, book.book_id, last)
    expected = sorted(debit_positive(each) for each in then if each.balance)
    for program, file in (
        (other_programs.hledger, HLEDGER),
        (other_programs.ledger, HLEDGER),
        (other_programs.beancount, BEANCOUNT),
    ):
        assert sorted(amount for amount, _ in program(limited.folder / file).values()) == expected


# --- and back --------------------------------------------------------------------------------------------------------


async def test_what_is_exported_and_imported_into_an_empty_book_is_the_same_when_exported_again(
    packaged: Packaged, folders: Path
) -> None:
    verified(packaged.folder)
    database, original = packaged.database, packaged.book
    async with database.begin() as tx:
        copy = await directory.create_book(tx, f"B{secrets.token_hex(4)}", "副本", original.first_day)
    files = packaged.folder / ACCOUNTS, packaged.folder / JOURNAL

    report = await import_journal(database, copy.book_id, *files)
    assert (report.posted, report.refused) == (len(transactions_of(packaged.folder)), [])
    assert report.accounts_opened == len(packaged.accounts)
    assert await meide_balances(database, copy) == await meide_balances(database, original)
    for room in (integrity, earning_checks, spending_checks, recognition_checks):
        assert await room.check(database, copy.book_id) == []

    again = await exported(database, copy, folders / secrets.token_hex(4))
    assert (again.folder / ACCOUNTS).read_bytes() == files[0].read_bytes()
    assert transactions_of(again.folder) == transactions_of(packaged.folder)


async def test_transactions_of_an_erased_person_come_back_too_under_their_ids_and_without_words(
    place: str, server: Server, folders: Path
) -> None:
    database = connect.to(server.url(SERVICE, place))
    try:
        book = await new_book(database)
        await opened(database, book, "5100", "2100.a", "2100.b", "2300.x")
        hers = await move(database, book, "5100 25", "2100.a 25", description="甲的服务")
        await move(database, book, "5100 5", "2100.b 5", description="乙的服务")
        await sealing.now(database, dataclasses.replace(SETTINGS, log_state=folders / book.code), book.book_id)
        async with database.begin() as tx:
            assert await log.forget(tx, book.book_id, "a") == 1
        first = await exported(database, book, folders / secrets.token_hex(4))
        found = transactions_of(first.folder)
        assert found.pop(f"id/{hers.transaction_id}")[0][2] == ""
        assert [rows[0][2] for rows in found.values()] == ["乙的服务"]

        copy = await new_book(database)
        report = await import_journal(database, copy.book_id, first.folder / ACCOUNTS, first.folder / JOURNAL)
        assert (report.posted, report.refused) == (2, [])
        again = await exported(database, copy, folders / secrets.token_hex(4))
        assert transactions_of(again.folder) == transactions_of(first.folder)
        assert await meide_balances(database, copy) == await meide_balances(database, book)
    finally:
        await database.dispose()


def transactions_of(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """The rows of each key of a journal, in the order of the lines: dates, kinds, descriptions, accounts, amounts."""
    with (folder / JOURNAL).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) + "\n" == plaintext.JOURNAL_HEADER
    found: dict[str, list[tuple[str, ...]]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(tuple(rest))
    return found
