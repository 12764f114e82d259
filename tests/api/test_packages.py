"""The audit package as a download, and `meide export`."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import secrets
import tempfile
import zipfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, packages
from ledger.access.rights import Grant
from ledger.auditing import looks, package
from ledger.auditing.verifier.damage import NOTICES
from ledger.auditing.verifier.package import verify
from ledger.books.directory import Book
from ledger.errors import CannotWrite
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.api.processes import meide
from tests.books.ledgers import move, opened
from tests.conftest import LOG_KEYS


@pytest.fixture
async def auditor(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("auditor", until=auth.today()))


@pytest.fixture
async def kept(database: AsyncEngine, book: Book) -> Book:
    """The book with three transactions."""
    await opened(database, book, "2100.a", "2100.b", "5100")
    for wallet, said in (("2100.a", "给张三，谢谢"), ("2100.b", 'a "b"'), ("2100.a", "")):
        await move(database, book, "5100 25 PT", f"{wallet} 25 PT", description=said)
    return book


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made during this test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def found(path: Path) -> list[str]:
    """What is wrong with a package: codes."""
    return [finding.code for finding in verify(str(path), processes=1).findings.told if finding.code not in NOTICES]


async def test_an_auditor_downloads_a_package_that_verifies(
    database: AsyncEngine, kept: Book, auditor: Caller, tmp_path: Path, temporary: Path
) -> None:
    answer = await auditor.get("/log/package")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="audit-{kept.code}.zip"'
    file = tmp_path / "package.zip"
    file.write_bytes(answer.content)
    assert found(file) == []
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name.partition("/")[0] for name in archive.namelist()} == {f"audit-{kept.code}"}
        archive.extractall(tmp_path)
    folder = tmp_path / f"audit-{kept.code}"
    assert found(folder) == []
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["transactions"] == 3
    assert os.listdir(temporary) == []
    async with database.connect() as tx:
        [look] = await looks.of_book(tx, kept.book_id)
    assert (look.what, look.facts) == ("package", {})


async def test_a_package_of_some_days_says_so(kept: Book, auditor: Caller, tmp_path: Path) -> None:
    answer = await auditor.get("/log/package?from=2025-03-06&to=2025-04-01")
    assert answer.status_code == 200
    file = tmp_path / "package.zip"
    file.write_bytes(answer.content)
    assert found(file) == []
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        top = f"audit-{kept.code}-2025-03-06-2025-04-01"
        told = json.loads(archive.read(f"{top}/manifest.json"))
        assert archive.read(f"{top}/csv/GL_Details-000000.csv").count(b"\n") == 1
        assert archive.read(f"{top}/log/entries-000000.jsonl").count(b"\n") == told["leaves"]
    assert (told["from"], told["to"]) == ("2025-03-06", "2025-04-01")


@pytest.mark.parametrize(
    ("query", "field"), [("from=yesterday", "from"), ("to=2025-02-30", "to"), ("from=2025-03-02&to=2025-03-01", "to")]
)
async def test_days_that_are_none_or_the_wrong_way_round_are_refused(
    kept: Book, auditor: Caller, query: str, field: str
) -> None:
    answer = await auditor.get(f"/log/package?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


async def test_who_is_no_auditor_gets_no_package(
    http: httpx.AsyncClient, database: AsyncEngine, kept: Book, machine: Caller
) -> None:
    operator = await a_user(http, database, kept, Grant("operator"))
    for caller in (machine, operator, Caller(http, kept.code, "nobody")):
        answer = await caller.get("/log/package")
        assert answer.status_code in (401, 403)
        assert b"PK" not in answer.content[:4]


async def test_a_book_without_anything_in_it_has_no_package(book: Book, auditor: Caller, temporary: Path) -> None:
    sealed = await auditor.get("/log/package")
    assert sealed.status_code in (200, 503)  # who lets the auditor in is an event where rights are told to the log
    if sealed.status_code == 503:
        assert sealed.headers["content-type"].startswith("application/problem+json")
    assert os.listdir(temporary) == []


async def asked(application: Litestar, caller: Caller, most: int, said: list[Any] | None = None) -> bytes:
    """What of the package arrives at a reader who leaves after so many bytes."""
    left = asyncio.Event()
    came = [{"type": "http.request", "body": b"", "more_body": False}]
    got = bytearray()

    async def receive() -> Any:
        if came:
            return came.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        got.extend(message.get("body", b""))
        if said is not None:
            said.append(message)
        if len(got) > most:
            left.set()
            await asyncio.Event().wait()  # a reader who takes no more

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/api/v1/books/{caller.book}/log/package",
        "raw_path": f"/api/v1/books/{caller.book}/log/package".encode(),
        "query_string": b"",
        "headers": [(b"host", b"meide.test"), (b"authorization", f"Bearer {caller.token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }
    await application(scope, receive, send)
    return bytes(got)


async def test_when_the_reader_leaves_everything_is_cleaned_up_and_what_he_has_is_no_package(
    application: Litestar, database: AsyncEngine, kept: Book, auditor: Caller, tmp_path: Path, temporary: Path
) -> None:
    got = await asked(application, auditor, 10_000)
    await asyncio.wait(packages._making, timeout=20)
    assert packages._making == set()
    assert os.listdir(temporary) == []
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
    assert got[:2] == b"PK"
    file = tmp_path / "broken.zip"
    file.write_bytes(got)
    assert not zipfile.is_zipfile(file)
    assert found(file) == ["download_incomplete"]


async def test_what_goes_wrong_on_the_way_breaks_the_download_off(
    application: Litestar,
    database: AsyncEngine,
    kept: Book,
    auditor: Caller,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package, "_manifest", full)
    got = bytearray()
    async with aclosing(packages.zipped(database, SETTINGS, kept, "audit", actor="user:1")) as pieces:
        with pytest.raises(CannotWrite, match="No space left"):  # noqa: PT012 - what came before counts
            async for piece in pieces:
                got += piece
    assert len(got) > 10_000
    assert not zipfile.is_zipfile(io.BytesIO(got))
    assert os.listdir(temporary) == []


async def test_an_answer_that_breaks_off_has_no_end(
    application: Litestar, kept: Book, auditor: Caller, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package, "_manifest", full)
    said: list[Any] = []
    with contextlib.suppress(Exception):  # which one, if any, is the framework's matter: the server hangs up
        await asked(application, auditor, 1 << 40, said)
    assert [message["type"] for message in said].count("http.response.start") == 1
    assert all(message.get("more_body", True) for message in said)
    await asyncio.wait([*packages._making, asyncio.create_task(asyncio.sleep(0))])
    assert os.listdir(temporary) == []


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(service_url: str, tmp_path: Path) -> dict[str, str]:
    return {"MEIDE_DATABASE_URL": service_url, "MEIDE_LOG_KEYS": LOG_KEYS[0], "MEIDE_DATA": str(tmp_path / "data")}


def test_a_package_is_exported_into_a_folder_once(here: dict[str, str], tmp_path: Path) -> None:
    code = f"X{secrets.token_hex(4)}"
    meide("book", "create", code, "账本", **here)
    journal, accounts = tmp_path / "journal.csv", tmp_path / "accounts.csv"
    accounts.write_text("code,name,class,unit,floor\ncash,现金,asset,PT,\nfund,基金,income,PT,\n", "utf-8")
    lines = "k,2026-01-05,gift,第一笔,cash,PT,5,0\nk,2026-01-05,gift,第一笔,fund,PT,0,5\n"
    journal.write_text(f"key,date,kind,description,account,unit,debit,credit\n{lines}", "utf-8")
    done = meide("journal", "import", "--book", code, "--accounts", str(accounts), "--journal", str(journal), **here)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    told = meide("export", "--book", code, "--out", str(out), "--json", **here)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["files"] > 20
    assert found(out) == []
    assert (out / "journal/accounts.csv").read_text("utf-8") == accounts.read_text("utf-8")
    assert (out / "journal/journal.csv").read_text("utf-8") == journal.read_text("utf-8")
    again = meide("export", "--book", code, "--out", str(out), LANG="en_US.UTF-8", **here)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    wrong = meide(
        "export", "--book", code, "--out", str(tmp_path / "o"), "--from", "2026-02-01", "--to", "2026-01-01", **here
    )
    assert (wrong.returncode, (tmp_path / "o").exists()) == (1, False)
    assert meide("export", "--book", f"{code}x", "--out", str(tmp_path / "o"), **here).returncode == 1
