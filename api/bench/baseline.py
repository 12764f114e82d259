"""The baseline: the least that double entry needs of PostgreSQL, driven by PostgreSQL's own pgbench.

A hundred thousand accounts, two drawn uniformly and updated in the order of their numbers, by one plain plpgsql
function that inserts a transaction and two entries and updates two balances: no keys, no history, no checks. The schema
below is its own, in a database of its own on the same server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from api.bench.measure import Measured, output_of
from ledger.database.embedded import Server

CLIENTS: Final = (8, 16, 32)
"""How many clients are tried; the best of them stays for the whole run."""

# The same free space in the pages of the accounts as in ours, so that new balances need no new place in the index.
_SCHEMA: Final = (
    "CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 80)",
    "CREATE TABLE transaction (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL)",
    "CREATE TABLE entry (transaction bigint NOT NULL, account bigint NOT NULL, amount bigint NOT NULL)",
    """
    CREATE FUNCTION transfer(p_from bigint, p_to bigint, p_amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE
        number bigint;
    BEGIN
        IF p_from < p_to THEN
            UPDATE account SET balance = balance - p_amount WHERE id = p_from;
            UPDATE account SET balance = balance + p_amount WHERE id = p_to;
        ELSE
            UPDATE account SET balance = balance + p_amount WHERE id = p_to;
            UPDATE account SET balance = balance - p_amount WHERE id = p_from;
        END IF;
        INSERT INTO transaction (at) VALUES (clock_timestamp()) RETURNING id INTO number;
        INSERT INTO entry VALUES (number, p_from, -p_amount), (number, p_to, p_amount);
        RETURN number;
    END $$""",
)

_SCRIPT: Final = """\\set from random(1, {accounts})
\\set to random(1, {accounts} - 1)
\\set to case when :to >= :from then :to + 1 else :to end
\\set amount random(1, 100)
SELECT transfer(:from, :to, :amount);
"""


@dataclass
class Baseline:
    """The baseline's database, and with how many clients it is driven."""

    pgbench: Path
    database: URL
    script: Path
    clients: int = CLIENTS[0]

    async def settle(self, seconds: int) -> None:
        """Warms up, and keeps the number of clients with which it was fastest."""
        figures = {}
        for clients in CLIENTS:
            self.clients = clients
            figures[clients] = (await self.run(seconds)).per_second
        self.clients = max(figures, key=lambda clients: figures[clients])

    async def run(self, seconds: int) -> Measured:
        """Transactions a second, and the average latency as the only one."""
        options = f"-n -M prepared -c {self.clients} -j 2 -T {seconds}".split()
        printed = await output_of(
            str(self.pgbench), *options, "-f", str(self.script), environment=_where(self.database)
        )
        tps, latency = re.search(r"tps = ([0-9.]+)", printed), re.search(r"latency average = ([0-9.]+) ms", printed)
        if tps is None or latency is None or "number of failed transactions: 0 " not in printed:
            raise RuntimeError(f"pgbench did not do what it should: {printed}")
        return Measured(float(tps[1]), [float(latency[1]) / 1000])


@contextmanager
def standing(server: Server, folder: Path, accounts: int) -> Iterator[Baseline]:
    """The baseline on this server, for the length of the block."""
    script = folder / "baseline.sql"
    script.write_text(_SCRIPT.format(accounts=accounts), "ascii")
    admin = make_url(server.admin_url).set(drivername="postgresql")
    name = f"baseline_{uuid4().hex[:8]}"
    _execute(admin, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        own = admin.set(database=name)
        _execute(own, *_SCHEMA, f"INSERT INTO account SELECT n, 0 FROM generate_series(1, {accounts}) AS n")  # noqa: S608
        _execute(own, "VACUUM (ANALYZE)")
        yield Baseline(server.bin / "pgbench", own, script)
    finally:
        _execute(admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def settle_server(server: Server, database: str) -> str:
    """Does what PostgreSQL would do in its own time after much has been loaded; answers its version."""
    admin = make_url(server.admin_url).set(drivername="postgresql")
    _execute(admin.set(database=database), "VACUUM (ANALYZE)", "CHECKPOINT")
    with psycopg.connect(admin.render_as_string(hide_password=False)) as connection:
        return connection.info.parameter_status("server_version") or ""


def _where(database: URL) -> dict[str, str]:
    """Where a database is, as the environment of PostgreSQL's programs."""
    at = database.translate_connect_args(username="user") | dict(database.query)
    return {f"PG{name.upper()}": str(value) for name, value in at.items()}


def _execute(database: URL, *statements: str | sql.Composed) -> None:
    with psycopg.connect(database.render_as_string(hide_password=False), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
