"""One PostgreSQL server and one migrated database for the whole run; each test makes its own book in it.

The server is an embedded one in a folder of its own, or the one that MEIDE_TEST_SERVER names (a superuser's URL): so
the same tests run on the oldest PostgreSQL supported. MEIDE_TEST_CITUS_URL (a superuser's URL of a coordinator's
database, empty but for the extension and its nodes) makes the tests of the books run on a distributed database:
`pytest -m books`.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg import sql
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from api import sealing
from ledger.access import users
from ledger.auditing import checks as auditing_checks
from ledger.auditing import checks as log_checks
from ledger.auditing import log
from ledger.books import directory, integrity
from ledger.books.directory import Book
from ledger.database import connect, distribution, embedded, schema
from ledger.earning import checks as earning_checks
from ledger.errors import UnitExists
from ledger.recognition import checks as recognition_checks
from ledger.spending import checks as spending_checks
from tests import leaks

OWNER, SERVICE = "meide_test_owner", "meide_test_app"

LOG_KEYS = (base64.b64encode(secrets.token_bytes(32)).decode(),)
"""The key that signs the logs, in every service of the run …"""
LOG_STATE = Path(tempfile.mkdtemp(prefix="meide-test-log-"))
"""… and where what it has signed is kept."""
atexit.register(shutil.rmtree, LOG_STATE, ignore_errors=True)

CITUS = os.environ.get("MEIDE_TEST_CITUS_URL")
"""Where the tests of the books run on a distributed database."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on which tests may make databases."""

    admin: URL
    password: str

    def url(self, role: str, database: str) -> str:
        """The URL of a role of ours to one of the databases."""
        url = self.admin.set(drivername="postgresql", username=role, password=self.password, database=database)
        return url.render_as_string(hide_password=False)

    def execute(self, *statements: sql.SQL | sql.Composed | str, database: str | None = None) -> None:
        """Runs statements as the superuser, each in a transaction of its own."""
        admin = self.admin if database is None else self.admin.set(database=database)
        url = admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type] # tests write their SQL themselves

    def new_database(self, template: str = "template0") -> str:
        """A new database of the owner's, empty or a copy of `template` (to which nobody may be connected)."""
        if CITUS:
            pytest.skip("it needs a database of its own: a coordinator's cannot be copied")
        name = f"meide_test_{secrets.token_hex(4)}"
        self.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


_told: list[str] = []
"""Lines of logs, of the whole run, that tell what they must not."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for _, written in report.sections:
        _told.extend(f"{report.nodeid}: {line}" for line in leaks.in_log(written))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _told:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _told:
        terminalreporter.section("secrets in the log of this run")
        for line in dict.fromkeys(_told):
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[pytest.MonkeyPatch]:
    """Hashing the passwords of everybody in tests takes no time; as the service does it, where `real_passwords` are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield patch


@pytest.fixture(scope="session", autouse=True)
def nobody_seals_unasked() -> Iterator[None]:
    """The services of this process do not look after the logs of all books; tests seal what they need sealed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "EVERY", 3600.0)
        yield


@pytest.fixture
def real_passwords(quick_passwords: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed as the service does it."""
    quick = users._HASHER
    quick_passwords.undo()
    users._nobodys_hash.cache_clear()
    yield
    quick_passwords.setattr(users, "_HASHER", quick)
    users._nobodys_hash.cache_clear()


@pytest.fixture(scope="session")
def folders() -> Iterator[Path]:
    """A folder that the server's unprivileged user can pass through, unlike pytest's own when run as root."""
    top = Path(tempfile.mkdtemp(prefix="meide-test-"))
    top.chmod(0o711)
    yield top
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="session")
def server(folders: Path) -> Iterator[Server]:
    if given := CITUS or os.environ.get("MEIDE_TEST_SERVER"):
        # The processes of one run share it, and its roles have one password.
        yield _with_roles(Server(make_url(given), os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_urlsafe()))
    else:
        with embedded.running(folders / "server") as own:
            yield _with_roles(Server(make_url(own.admin_url), secrets.token_urlsafe()))


def _with_roles(server: Server) -> Server:
    for role in (OWNER, SERVICE):
        server.execute(
            sql.SQL("SELECT pg_advisory_lock(1)"),  # until the connection ends: two cannot change a role at once
            sql.SQL("DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object THEN NULL; END $$").format(
                sql.Identifier(role)
            ),
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(server.password)),
        )
    return server


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """A migrated, empty database that is only copied."""
    name = server.new_database()
    schema.upgrade(server.url(OWNER, name), SERVICE)
    yield name
    server.drop_database(name)


@pytest.fixture(scope="session")
def service_url(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the run's database, as the service's role."""
    if CITUS:
        name = server.admin.database or ""
        server.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))
        schema.upgrade(server.url(OWNER, name), SERVICE)
        distribution.distribute(server.url(OWNER, name), SERVICE)
        yield server.url(SERVICE, name)
    else:
        name = server.new_database(request.getfixturevalue("template"))
        yield server.url(SERVICE, name)
        server.drop_database(name)


@pytest.fixture(scope="session")
async def database(service_url: str) -> AsyncIterator[AsyncEngine]:
    """The database of the run, as the service's role sees it."""
    engine = connect.to(service_url)
    yield engine
    await engine.dispose()


async def new_book(database: AsyncEngine) -> Book:
    async with database.begin() as tx:
        return await directory.create_book(tx, f"B{secrets.token_hex(4)}", "试验区时间银行")


@pytest.fixture
async def swedish(database: AsyncEngine) -> None:
    """The unit SEK is there; units belong to all books, so an earlier test may have made it."""
    async with database.begin() as tx:
        with contextlib.suppress(UnitExists):
            await directory.create_unit(tx, "SEK", "svenska kronor", 2)


@pytest.fixture
async def book(database: AsyncEngine) -> AsyncIterator[Book]:
    """A book of the test's own; after the test all its figures are derived anew, and its log is sealed and compared."""
    made = await new_book(database)
    yield made
    assert await integrity.check(database, made.book_id) == []
    assert await earning_checks.check(database, made.book_id) == []
    assert await spending_checks.check(database, made.book_id) == []
    assert await recognition_checks.check(database, made.book_id) == []
    if not CITUS:
        await log.seal_all(database, made.book_id)
        assert await auditing_checks.check(database, made.book_id) == []
    await log.seal_all(database, made.book_id)
    assert await log_checks.check(database, made.book_id) == []
