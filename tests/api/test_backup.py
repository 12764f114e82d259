"""Backup and restore as the README describes them: dumped while postings run, restored, and everything adds up."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from ledger.database import programs
from tests.api.conftest import transfer
from tests.api.processes import KEYS, meide, serving, until
from tests.api.test_serving import book_with_wallets, posted, signed_in
from tests.conftest import OWNER, SERVICE, Server

NEWEST = """
    SELECT a.code, e.number, e.balance_after FROM entries e JOIN accounts a USING (book_id, account_id)
    JOIN books b USING (book_id) WHERE b.code = %s
    ORDER BY a.code, e.number
"""
BALANCES = """
    SELECT a.code, abs(a.debits - a.credits) FROM accounts a JOIN books b USING (book_id) WHERE b.code = %s
"""


def libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def ask(url: str, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(libpq(url)) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


@pytest.fixture(scope="session")
def bin_of_the_server(server: Server) -> Path:
    """The programs of the server's own major version: others cannot dump it, or write what it cannot read."""
    [(major,)] = ask(server.admin.render_as_string(hide_password=False), "SHOW server_version_num")
    needed = int(major) // 10_000
    own = programs.binaries(Path("/nowhere"), None, print)
    for place in (own, *(Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep))):
        if shutil.which("pg_dump", path=str(place)):
            said = subprocess.run([place / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
            if (found := re.search(r"\) (\d+)", said)) and int(found[1]) == needed:
                return place
    pytest.skip(f"there is no pg_dump of PostgreSQL {needed} here")


@pytest.fixture
def own_url(server: Server, template: str) -> Iterator[str]:
    """A database of the test's own: in the run's there are books that other tests have damaged."""
    name = server.new_database(template)
    yield server.url(SERVICE, name)
    server.drop_database(name)


@pytest.mark.books
@pytest.mark.parametrize("options", [[], ["--no-privileges"]], ids=["as it was", "for other roles"])
def test_what_is_dumped_while_postings_run_is_restored_and_adds_up(
    server: Server, own_url: str, bin_of_the_server: Path, tmp_path: Path, options: list[str]
) -> None:
    external = {"MEIDE_DATABASE_URL": own_url, **KEYS}
    source = server.url(OWNER, make_url(own_url).database or "")
    dump = tmp_path / "meide.dump"
    book, password = book_with_wallets(**external)
    with serving(**external) as service, signed_in(service, book, password) as client:
        statuses: list[int] = []
        over = threading.Event()

        def stream(name: int) -> None:
            number = 0
            while not over.is_set():
                number += 1
                statuses.append(posted(client, f"{name}-{number}").status_code)
                if number % 10 == 0:
                    body = transfer(3, "2100.a", "2100.b")
                    client.post("/transactions", json=body, headers={"Idempotency-Key": f"{name}-{number}-on"})

        posters = [threading.Thread(target=stream, args=(name,)) for name in range(4)]
        for poster in posters:
            poster.start()
        until(lambda: len(statuses) > 100, "a hundred postings")
        before = len(statuses)
        subprocess.run([bin_of_the_server / "pg_dump", "-Fc", "-f", dump, libpq(source)], check=True)
        until(lambda: len(statuses) > before + 100, "a hundred postings more")
        over.set()
        for poster in posters:
            poster.join()
    assert set(statuses) == {201}

    restored = server.new_database()
    try:
        to = server.url(OWNER, restored)
        restore = [bin_of_the_server / "pg_restore", "--no-owner", "--single-transaction", *options]
        subprocess.run([*restore, "-d", libpq(to), dump], check=True)
        # Where it was signed, what was signed after the dump would be missed, and rightly: this is another place.
        there = {"MEIDE_DATABASE_URL": server.url(SERVICE, restored), **KEYS, "MEIDE_LOG_STATE": str(tmp_path / "log")}
        assert meide("migrate", MEIDE_OWNER_URL=to, **there).returncode == 0
        checked = meide("check", **there)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert checked.stdout.endswith("0 findings: everything adds up\n")

        # Its entries are the first of each account, whole and without a gap, and its balances those that they had.
        entries, all_entries = ask(to, NEWEST, book), ask(source, NEWEST, book)
        newest = {code: (number, balance) for code, number, balance in entries}
        assert entries == [
            (code, number, balance)
            for code, number, balance in all_entries
            if code in newest and number <= newest[code][0]
        ]
        assert 100 < len(entries) < len(all_entries)
        totals = dict(ask(to, BALANCES, book))
        assert totals == {code: newest[code][1] for code in totals}
        assert totals["5100"] == totals["2100.a"] + totals["2100.b"]

        with serving(**there) as service, signed_in(service, book, password) as client:
            assert posted(client, "0-1").headers["idempotency-replayed"] == "true"
            assert posted(client, "after the restore").status_code == 201
    finally:
        server.drop_database(restored)


def test_the_embedded_database_is_dumped_and_restored_by_its_own_programs(folders: Path, tmp_path: Path) -> None:
    old, new = ({"MEIDE_DATA": str(folders / f"backup-{secrets.token_hex(4)}")} for _ in range(2))
    dump = str(tmp_path / "meide.dump")
    book, password = book_with_wallets(**old)
    with serving(folder=Path(old["MEIDE_DATA"])) as service, signed_in(service, book, password) as client:
        assert posted(client, "before", 7).status_code == 201
        assert meide("pg", "pg_dump", "-Fc", "-f", dump, **old).returncode == 0
        assert posted(client, "later").status_code == 201
    restored = meide("pg", "pg_restore", "--no-owner", "--single-transaction", "-d", "meide", dump, **new)
    assert (restored.returncode, restored.stderr.splitlines()[1:]) == (0, [])
    for name in ("session-key", "identity-key", "index-key", "print-key", "log-key"):
        shutil.copy(Path(old["MEIDE_DATA"], "secrets", name), Path(new["MEIDE_DATA"], "secrets", name))
    assert meide("migrate", **new).returncode == 0
    assert meide("check", **new).stdout == "1 books checked, 0 findings: everything adds up\n"
    with serving(folder=Path(new["MEIDE_DATA"])) as service:
        balance = f"{service.address}/api/v1/books/{book}/accounts/2100.a/balance"
        assert httpx.get(balance, headers=client.headers).json()["balance"] == 7  # the session is the old one
    assert meide("pg", "psql", "-c", "SELECT 1", MEIDE_DATABASE_URL="postgresql://me@host/db").returncode == 2
    assert "its owner" in meide("pg", "--help", **new).stdout
