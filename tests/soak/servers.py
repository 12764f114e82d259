"""PostgreSQL's processes: those of a service, and a primary with its standby as an operator would set them up."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from ledger.database import programs
from tests.api.processes import LONGEST, Service, free_port, until

ADMIN, OWNER, SERVICE, DATABASE, STANDBY = "pair_admin", "pair_owner", "pair_app", "meide", "s1"


def postgresql_of(service: Service) -> list[psutil.Process]:
    """The processes of the service's PostgreSQL, the first one first."""
    assert service.folder
    first = psutil.Process(int((service.folder / "cluster/postmaster.pid").read_text().split()[0]))
    return [first, *first.children()]


@dataclass
class Node:
    """One server on a port of this machine, whose data are in `data`."""

    data: Path
    user: programs.User | None
    bin: Path
    password: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program of PostgreSQL to its end, as the server's user."""
        subprocess.run(
            [str(self.bin / program), *arguments], **programs.environment(self.user), check=True, capture_output=True
        )

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        settings = (
            *(f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="),
            *("synchronous_commit=on", "wal_retrieve_retry_interval=200ms"),
        )
        command = [str(self.bin / "postgres"), "-D", str(self.data), *(f"--{each}" for each in settings)]
        with self.data.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, **programs.environment(self.user), stdout=log, stderr=log)
        until(self.answers, "PostgreSQL")

    def answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.data.with_suffix(".log").read_text()
        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def ask(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs statements as the superuser; answers the rows of the last one."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def conninfo(self, database: str = "postgres", **more: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=ADMIN, password=self.password, dbname=database, **more
        )

    def processes(self) -> list[psutil.Process]:
        """The first process and all that it started."""
        assert self.process
        first = psutil.Process(self.process.pid)
        return [first, *first.children()]

    def kill(self) -> None:
        """kill -9 of all its processes."""
        assert self.process
        for each in self.processes():
            each.kill()
        self.process.wait(LONGEST)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(LONGEST)


@dataclass
class Pair:
    """`url` leads a client to whichever of the two may be written to."""

    primary: Node
    standby: Node
    password: str

    def url(self, role: str) -> str:
        both = f"host=127.0.0.1,127.0.0.1&port={self.primary.port},{self.standby.port}"
        return f"postgresql://{role}:{self.password}@/{DATABASE}?{both}&target_session_attrs=read-write"

    def hold_up(self) -> int:
        """Stops the standby's receiver, as a link does that breaks; answers its process id."""
        ((receiver,),) = self.standby.ask("SELECT pid FROM pg_stat_wal_receiver")
        os.kill(receiver, signal.SIGSTOP)
        return int(receiver)

    def longest_wait(self) -> float:
        """For how many seconds a commit of the primary has waited for the standby."""
        waited = "coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float"
        ((seconds,),) = self.primary.ask(f"SELECT {waited} FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        return float(seconds)

    def promote(self) -> None:
        """Makes the standby the primary, one without a standby of its own."""
        self.standby.ask("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        assert self.standby.ask("SELECT pg_promote(true, 30)") == [(True,)]


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """A running pair with an empty database; no commit on the primary is answered before the standby has it."""
    folder.mkdir()
    user = programs.server_user(folder)
    binaries, password = programs.binaries(folder, user, print), secrets.token_urlsafe()
    primary, standby = (Node(folder / name, user, binaries, password) for name in ("a", "b"))
    (folder / "password").write_text(password)
    if user:
        for path in (folder, folder / "password"):
            os.chown(path, user.uid, user.gid)
    try:
        primary.run(
            *("initdb", "-D", str(primary.data), "-U", ADMIN, f"--pwfile={folder / 'password'}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        )
        primary.start()
        roles = [f"CREATE ROLE {role} LOGIN PASSWORD '{password}'" for role in (OWNER, SERVICE)]
        primary.ask(*roles, f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        where = primary.conninfo(application_name=STANDBY)
        primary.run("pg_basebackup", "-d", where, *f"-D {standby.data} -X stream -C -S {STANDBY} -R -c fast".split())
        standby.start()
        primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ({STANDBY})'", "SELECT pg_reload_conf()")
        state = [(STANDBY, "streaming", "sync")]
        until(
            lambda: primary.ask("SELECT application_name, state, sync_state FROM pg_stat_replication") == state,
            "the synchronous standby",
        )
        yield Pair(primary, standby, password)
    finally:
        for node in (primary, standby):
            node.stop()
