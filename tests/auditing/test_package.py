"""The audit package: what is in it is what the log says, whoever writes it."""

from __future__ import annotations

import hashlib
import json
import os
import random
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import log, package
from ledger.auditing.formats import derived
from ledger.auditing.package import File
from ledger.auditing.tables import log_lines
from ledger.auditing.verifier import notes, plaintext, projections, tree
from ledger.auditing.verifier.damage import NOTICES
from ledger.auditing.verifier.fold import Fold
from ledger.auditing.verifier.package import verify
from ledger.books import periods
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from ledger.database import connect, events
from ledger.errors import FolderNotEmpty, NothingPublished
from tests.books.ledgers import NOON, move, opened, reverse, submit
from tests.conftest import SERVICE, Server, new_book

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

SAID = (
    *("", '送"温暖", 第一次', "é, 𠮷", "a,b", '"', "\\N", "\\.", "逗号，不用引号", "='1'"),
    *("; 分号  两格", "(括号) | 竖线", "%(book)s {0}"),
)
BROKEN = "换行\n第二行\r\n,\t制表\x85\x7f完"
"""What nobody can post, but an older version or a hand might have stored."""


def origin(book: Book) -> str:
    return f"example.org/{book.code}"


def vkey(book: Book) -> str:
    return notes.vkey(origin(book), KEY.public_key().public_bytes_raw())


async def published(database: AsyncEngine, book: Book) -> int:
    """Seals everything and publishes a signed checkpoint; answers its size."""
    size = await log.seal_all(database, book.book_id)
    async with database.begin() as tx:
        leaves = await tx.execute(
            text("SELECT hash FROM log_leaves WHERE book_id = :b ORDER BY leaf_index"), {"b": book.book_id}
        )
        root = tree.root_of([row.hash for row in leaves])
        body = notes.body(origin(book), size, root)
        note = notes.signed(body, origin(book), KEY.public_key().public_bytes_raw(), KEY.sign(body.encode()))
        await log.publish(tx, book.book_id, size, root, note)
    return size


async def exported(database: AsyncEngine, book: Book, folder: Path, **limits: Any) -> list[File]:
    """Writes a package, and sees that each file is there when it is told of."""
    files = []
    writing = package.write(
        database,
        book,
        folder,
        origin=origin(book),
        vkeys=[vkey(book)],
        actor="user:7",
        software="test",
        **limits,
    )
    async for file in writing:
        content = (folder / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
        files.append(file)
    return files


async def lively(database: AsyncEngine, book: Book, seed: int = 1, transactions: int = 40) -> None:
    """A book with two units, many months, corrections of each kind, and descriptions that need care."""
    draw = random.Random(seed)  # the same book each time
    await opened(database, book, "2100.a", "2100.b", "5100", "till asset CNY -500", "cash asset CNY", "fund income CNY")
    posted: list[Transaction] = []
    for _ in range(transactions):
        at = NOON + timedelta(days=draw.randrange(0, 400), hours=draw.randrange(0, 24))
        one, other = draw.choice((("5100", "2100.a"), ("5100", "2100.b"), ("cash", "fund")))
        unit = "CNY" if one == "cash" else "PT"
        amount = draw.randrange(1, 10**6)
        posted.append(
            await move(
                database,
                book,
                f"{one} {amount} {unit}",
                f"{other} {amount} {unit}",
                effective_at=at,
                description=draw.choice(SAID),
                kind=draw.choice(("reward", "gift")),
            )
        )
    for number, original in enumerate(draw.sample(posted, min(5, transactions))):
        await submit(database, book, await reverse(database, book, original, f"reversal-{number}"))


def parsed(folder: Path) -> list[tuple[str, str, dict[str, Any], dict[str, str] | None]]:
    """Each leaf of a package: text of its line and opening, the line as parsed, its texts."""
    leaves = []
    for entries in sorted((folder / "log").glob("entries-*.jsonl")):
        openings = entries.with_name(entries.name.replace("entries", "openings"))
        for line, opening in zip(
            entries.read_text("utf-8").split("\n")[:-1], openings.read_text("utf-8").split("\n")[:-1], strict=True
        ):
            leaves.append((line, opening, json.loads(line), json.loads(opening).get("texts")))
    return leaves


def derived_again(folder: Path, from_: str = "", to: str = "") -> dict[str, str]:
    """The tables and journals as the verifier's functions derive them from the log of the package."""
    leaves = parsed(folder)
    book = json.loads((folder / "manifest.json").read_text("utf-8"))["book"]
    fold = Fold(book, from_, to)
    reversed_ids = {line["corrects"] for _, _, line, _ in leaves if line.get("correction") == "reversal"}
    wanted = []
    for index, (_, _, line, texts) in enumerate(leaves):
        fold.add(index, line, texts)
        if line["type"] == "transaction" and projections.is_between(line["effective_on"], from_, to):
            wanted.append((index, line, texts))
    found = projections.small_tables(fold, from_, to)
    for segment in range(-(-len(leaves) // package.SEGMENT)):
        found[f"csv/GL_Details-{segment:06d}.csv"] = projections.GL_HEADER + "".join(
            projections.gl_details(
                index,
                hashlib.sha256(b"\0" + leaves[index][0].encode()).hexdigest(),
                line,
                texts,
                line["id"] in reversed_ids,
            )
            for index, line, texts in wanted
            if index // package.SEGMENT == segment
        )
    scope = plaintext.scope_of(fold, from_ or None, to or None)  # type: ignore[arg-type] # a Fold has what it asks for
    found[derived.ACCOUNTS_FILE] = "".join(plaintext.accounts_csv(scope.accounts))
    found[derived.JOURNAL_FILE] = plaintext.JOURNAL_HEADER + "".join(
        plaintext.journal_rows(line, texts) for _, line, texts in wanted
    )
    hledger, beancount = plaintext.hledger_names(scope.accounts), plaintext.beancount_names(scope.accounts)
    found[derived.HLEDGER_FILE] = "".join(
        [
            *plaintext.hledger_head(scope),
            *(plaintext.hledger_entry(line, texts, hledger) for _, line, texts in wanted),
            *plaintext.hledger_tail(scope),
        ]
    )
    found[derived.BEANCOUNT_FILE] = "".join(
        [
            *plaintext.beancount_head(scope),
            *(plaintext.beancount_entry(line, texts, beancount) for _, line, texts in wanted),
            *plaintext.beancount_tail(scope),
        ]
    )
    return found


def differences(folder: Path, expected: dict[str, str]) -> list[str]:
    """The files that differ from what is expected of them, with the first line that does."""
    different = []
    for path, content in expected.items():
        written = (folder / path).read_text("utf-8")
        if written != content:
            pairs = zip(written.split("\n"), content.split("\n"), strict=False)
            different.append(f"{path}: {next((pair for pair in pairs if pair[0] != pair[1]), 'longer')}")
    return different


def found(folder: Path, book: Book) -> list[object]:
    """What the verifier finds, compared with the log's key and the newest checkpoint."""
    checkpoint = (folder / "checkpoint.txt").read_text("utf-8")
    report = verify(str(folder), key=vkey(book), checkpoint=checkpoint, processes=1)
    return [finding for finding in report.findings.told if finding.code not in NOTICES]


LIMITS = {
    "whole": (None, None),
    "from-a-day": (date(2025, 7, 17), None),
    "to-a-day": (None, date(2025, 9, 3)),
    "some-days": (date(2025, 6, 5), date(2025, 11, 20)),
    "one-day": (date(2025, 6, 5), date(2025, 6, 5)),
    "before-all": (None, date(2024, 1, 1)),
    "after-all": (date(2026, 10, 1), None),
}


@pytest.mark.parametrize("limits", LIMITS)
async def test_what_the_database_writes_is_what_the_verifier_derives_from_the_lines(
    database: AsyncEngine, book: Book, tmp_path: Path, limits: str
) -> None:
    await lively(database, book)
    await published(database, book)
    from_, to = LIMITS[limits]
    await exported(database, book, tmp_path / "p", from_=from_, to=to)
    expected = derived_again(tmp_path / "p", from_.isoformat() if from_ else "", to.isoformat() if to else "")
    assert differences(tmp_path / "p", expected) == []
    assert found(tmp_path / "p", book) == []


async def test_the_lines_are_those_of_the_log_and_hash_to_its_root(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await lively(database, book)
    size = await published(database, book)
    await exported(database, book, tmp_path / "p")
    async with database.connect() as tx:
        told = await tx.execute(
            log_lines.select().where(log_lines.c.book_id == book.book_id).order_by(log_lines.c.leaf_index)
        )
        rows = told.all()
        checkpoint = await log.newest(tx, book.book_id)
    leaves = parsed(tmp_path / "p")
    assert len(leaves) == size
    assert [line for line, *_ in leaves] == [row.line for row in rows]
    assert [opening for _, opening, *_ in leaves] == [
        f'{{"index":"{row.leaf_index}","salt":"{row.salt.hex()}","texts":{row.texts}}}' for row in rows
    ]
    assert checkpoint is not None
    assert tree.root_of([tree.leaf_hash(line.encode()) for line, *_ in leaves]) == checkpoint.root


async def test_a_row_is_a_line_whatever_a_description_holds(
    database: AsyncEngine, book: Book, tmp_path: Path, server: Server
) -> None:
    await opened(database, book, "2100.a", "5100")
    await move(database, book, "5100 25 PT", "2100.a 25 PT", description="to be broken")
    statement = sql.SQL("UPDATE transactions SET description = {} WHERE book_id = {}")
    server.execute(statement.format(BROKEN, book.book_id), database=database.url.database)
    await published(database, book)
    files = await exported(database, book, tmp_path / "p")
    assert differences(tmp_path / "p", derived_again(tmp_path / "p")) == []
    [rows] = [file.rows for file in files if file.path.startswith("csv/GL_Details")]
    assert rows == 2
    assert '"换行 第二行 , 制表 完"' in (tmp_path / "p" / "csv/GL_Details-000000.csv").read_text("utf-8")


async def test_what_was_erased_is_not_in_the_package_and_no_line_changes(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await lively(database, book)
    await move(database, book, "5100 25 PT", "2100.a 25 PT", description="给张三")
    size = await published(database, book)
    await exported(database, book, tmp_path / "before")
    async with database.begin() as tx:
        await log.forget(tx, book.book_id, "a")
        await events.add(tx, book.book_id, "erased", {"holder": "a"})
    await published(database, book)
    await exported(database, book, tmp_path / "after")
    assert differences(tmp_path / "after", derived_again(tmp_path / "after")) == []
    before, after = parsed(tmp_path / "before"), parsed(tmp_path / "after")
    assert [line for line, *_ in before] == [line for line, *_ in after][:size]
    texts = {index: leaf[3] for index, leaf in enumerate(after) if leaf[2]["type"] == "transaction"}
    erased = {index for index, each in texts.items() if each is None}
    touches = {index for index, leaf in enumerate(after) if "2100.a" in str(leaf[2].get("entries"))}
    assert erased == touches
    assert erased
    assert all(leaf[1] == f'{{"index":"{index}"}}' for index, leaf in enumerate(after) if index in erased)
    everything = "".join(path.read_text("utf-8") for path in (tmp_path / "after").rglob("*.*") if path.is_file())
    assert "给张三" not in everything
    assert found(tmp_path / "after", book) == []


async def test_the_manifest_names_every_file_and_the_totals_of_each_unit(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await lively(database, book)
    size = await published(database, book)
    files = await exported(database, book, tmp_path / "p", from_=date(2025, 6, 5))
    told = json.loads((tmp_path / "p" / "manifest.json").read_text("utf-8"))
    assert files[-1].path == "manifest.json"
    assert told["files"] == [asdict(file) for file in files[:-1]]
    there = {str(path.relative_to(tmp_path / "p")) for path in (tmp_path / "p").rglob("*") if path.is_file()}
    assert there == {file.path for file in files}
    leaves = parsed(tmp_path / "p")
    transactions = [line for _, _, line, _ in leaves if line["type"] == "transaction"]
    assert told["leaves"] == told["size"] == size
    assert (told["transactions"], told["events"]) == (len(transactions), size - len(transactions))
    totals: dict[str, dict[str, Any]] = {}
    for line in transactions:
        for entry in line["entries"]:
            of_unit = totals.setdefault(entry["unit"], {"unit": entry["unit"], "debits": 0, "credits": 0, "entries": 0})
            of_unit["debits"] += int(entry.get("debit", 0))
            of_unit["credits"] += int(entry.get("credit", 0))
            of_unit["entries"] += 1
    assert told["totals"] == [totals[unit] for unit in sorted(totals)]
    assert (told["from"], told["to"], told["book"], told["vkey"]) == ("2025-06-05", "", book.code, vkey(book))
    for file in files:
        content = (tmp_path / "p" / file.path).read_text("utf-8")
        assert file.rows == content.count("\n") - file.path.endswith(".csv"), file.path


async def test_every_column_of_every_table_stands_in_the_data_dictionary(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await lively(database, book, transactions=3)
    await published(database, book)
    await exported(database, book, tmp_path / "p")
    said = json.loads((tmp_path / "p" / "datapackage.json").read_text("utf-8"))
    columns = {}
    for resource in said["resources"]:
        for path in [resource["path"]] if isinstance(resource["path"], str) else resource["path"]:
            columns[path] = [field["name"] for field in resource["schema"]["fields"]]
        assert all(field["title"] and field["description"] for field in resource["schema"]["fields"])
    found = {
        str(path.relative_to(tmp_path / "p")): path.read_text("utf-8").split("\n", 1)[0].split(",")
        for path in (tmp_path / "p").rglob("*.csv")
    }
    assert columns == found


async def test_an_export_is_an_event_that_stands_in_the_next_package(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await opened(database, book, "2100.a")
    assert await published(database, book) == 1
    await exported(database, book, tmp_path / "p", to=date(2026, 1, 1))
    assert await published(database, book) == 2
    await exported(database, book, tmp_path / "q")
    [*_, (_, _, line, _)] = parsed(tmp_path / "q")
    assert (line["kind"], line["actor"], line["facts"]) == (
        "package_exported",
        "user:7",
        {"size": "1", "to": "2026-01-01"},
    )
    assert "package_exported" in (tmp_path / "q" / "csv/Actor_Log.csv").read_text("utf-8")
    checkpoints = (tmp_path / "q" / "checkpoints.jsonl").read_text("utf-8").split("\n")[:-1]
    assert [json.loads(each)["size"] for each in checkpoints] == ["1", "2"]
    assert found(tmp_path / "q", book) == []


async def test_a_log_without_a_transaction_is_a_package_too(database: AsyncEngine, book: Book, tmp_path: Path) -> None:
    assert await published(database, book) == 0
    files = await exported(database, book, tmp_path / "p")
    assert not [file.path for file in files if file.path.startswith("log/")]
    assert differences(tmp_path / "p", derived_again(tmp_path / "p")) == []
    assert json.loads((tmp_path / "p" / "manifest.json").read_text("utf-8"))["totals"] == []


async def test_periods_and_statuses_stand_in_the_tables(database: AsyncEngine, book: Book, tmp_path: Path) -> None:
    await opened(database, book, "2100", "2100.a", "5100")
    await move(database, book, "5100 25 PT", "2100.a 25 PT")
    async with database.begin() as tx:
        await tx.execute(text("SELECT account_set_status(:b, '2100.a', 'frozen')"), {"b": book.book_id})
        await periods.close(tx, book.book_id, "2025-02", actor="user:7")
        await periods.close(tx, book.book_id, "2025-03", actor="user:7")
    await published(database, book)
    await exported(database, book, tmp_path / "p")
    tables = {path.stem: path.read_text("utf-8").split("\n")[1:-1] for path in (tmp_path / "p/csv").glob("*.csv")}
    assert tables["BAS_Chart_Of_Accounts"] == [
        "2100,account 2100,liability,wallet,,PT,C,0,,open",
        "2100.a,account 2100.a,liability,wallet,2100,PT,C,0,a,frozen",
        "5100,account 5100,expense,reward_hours,,PT,D,,,open",
    ]
    assert tables["BAS_Accounting_Period"] == ["2025,2025-03,2025-03-01,2025-03-31,1"]
    assert tables["BAS_Measurement_Unit"] == ["PT,0"]
    assert tables["GL_Trial_Balance"] == [
        f"{book.code},2100.a,PT,2025,2025-03,2025-03-31,0,0,25,-25",
        f"{book.code},5100,PT,2025,2025-03,2025-03-31,0,25,0,25",
    ]
    assert found(tmp_path / "p", book) == []
    assert tables["GL_Trial_Balance_Totals"] == [f"{book.code},PT,2025,2025-03,2025-03-31,0,25,25,0"]


async def test_a_folder_that_is_not_empty_is_refused(database: AsyncEngine, book: Book, tmp_path: Path) -> None:
    await published(database, book)
    (tmp_path / "old.txt").write_text("older")
    with pytest.raises(FolderNotEmpty):
        await exported(database, book, tmp_path)
    assert os.listdir(tmp_path) == ["old.txt"]


async def test_without_a_checkpoint_there_is_no_package(database: AsyncEngine, book: Book, tmp_path: Path) -> None:
    with pytest.raises(NothingPublished):
        await exported(database, book, tmp_path / "p")


async def test_an_export_that_is_given_up_leaves_no_manifest_no_process_and_no_connection(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    await lively(database, book)
    await published(database, book)
    writing = package.write(
        database, book, tmp_path / "p", origin=origin(book), vkeys=[vkey(book)], actor="user:7", software="test"
    )
    async for file in writing:
        if file.path.startswith("log/"):
            break
    await writing.aclose()
    assert not (tmp_path / "p" / "manifest.json").exists()
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
    async with database.connect() as tx:
        told = await tx.execute(
            text("SELECT count(*) FROM events WHERE book_id = :b AND kind = 'package_exported'"), {"b": book.book_id}
        )
        assert told.scalar_one() == 0


async def test_segments_are_cut_by_leaves(
    database: AsyncEngine, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "SEGMENT", 16)
    await lively(database, book)
    size = await published(database, book)
    done: list[tuple[int, int]] = []
    files = await exported(database, book, tmp_path / "p", progress=lambda leaves, of: done.append((leaves, of)))
    expected = derived_again(tmp_path / "p")
    assert differences(tmp_path / "p", expected) == []
    assert len([path for path in expected if path.startswith("csv/GL_Details")]) == -(-size // 16) > 2
    rows = [file.rows for file in files if file.path.startswith("log/entries")]
    assert rows == [16] * (size // 16) + [size % 16] * (size % 16 > 0)
    assert done[-1] == (size, size)


async def test_a_row_that_is_gone_leaves_an_empty_line_in_its_place(
    server: Server, template: str, tmp_path: Path
) -> None:
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    try:
        book = await new_book(database)
        await opened(database, book, "2100.a", "5100")
        first = await move(database, book, "5100 25 PT", "2100.a 25 PT")
        await move(database, book, "5100 5 PT", "2100.a 5 PT")
        await published(database, book)
        gone = sql.SQL("DELETE FROM transactions WHERE transaction_id = {}").format(str(first.transaction_id))
        server.execute("ALTER TABLE transactions DISABLE TRIGGER append_only", gone, database=name)
        await exported(database, book, tmp_path / "p")
    finally:
        await database.dispose()
        server.drop_database(name)
    lines = (tmp_path / "p" / "log/entries-000000.jsonl").read_text("utf-8").split("\n")[:-1]
    assert [bool(line) for line in lines] == [True, True, False, True]
